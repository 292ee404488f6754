package main

import (
	"context"
	"crypto/md5"
	"io"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// cmdByHand uploads a file as a person in Showpad would, and puts the asset's id
// into a variable: byhand VARIABLE FILE [NAME [EXTERNAL-ID]].
func cmdByHand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 4 {
		ts.Fatalf("usage: byhand VARIABLE FILE [NAME [EXTERNAL-ID]]")
	}
	tn := tenantOf(ts)
	v4, v3 := tn.URLs()
	client, err := showpad.New(showpad.Config{
		APIURL: v4.String(), V3URL: v3.String(), Token: showpad.StaticToken(emulator.DefaultToken),
		Base: tn, Storage: tn, Gate: showpad.NewGate(1),
	})
	ts.Check(err)
	fields := showpad.AssetFields{Name: showpad.Some(args[1]), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})}
	if len(args) > 2 {
		fields.Name = showpad.Some(args[2])
	}
	if len(args) > 3 {
		fields.ExternalID = showpad.Some(args[3])
	}
	ctx := context.Background()
	a, err := client.CreateAsset(ctx, fields)
	ts.Check(err)
	content := ts.ReadFile(args[1])
	sum := md5.Sum([]byte(content))
	up, err := client.RequestUpload(ctx, a.ID, showpad.UploadRequest{ContentMD5: sum[:]})
	ts.Check(err)
	ts.Check(client.Put(ctx, up, int64(len(content)), func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }, nil))
	ts.Setenv(args[0], a.ID)
}

// cmdFill puts variables into files, where they are written ${NAME}: fill FILE...
func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fill FILE...")
	}
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}
