package export

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// stocked is an emulator with some assets, and a client of it.
func stocked(t *testing.T, n int) (*emulator.Server, *showpad.Client) {
	t.Helper()
	s, err := emulator.New(emulator.Options{KeepBytes: true})
	if err != nil {
		t.Fatal(err)
	}
	v4, v3 := s.URLs()
	c, err := showpad.New(showpad.Config{APIURL: v4.String(), V3URL: v3.String(), Token: showpad.StaticToken(emulator.DefaultToken), Base: s, Storage: s})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for i := range n {
		a, err := c.CreateAsset(ctx, showpad.AssetFields{
			Name: showpad.Some(fmt.Sprintf("file %d.txt", i)), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing}), ExternalID: showpad.Some(fmt.Sprint("F-", i)),
		})
		if err != nil {
			t.Fatal(err)
		}
		data := bytes.Repeat([]byte("0123456789"), 100+i)
		sum := md5.Sum(data)
		up, err := c.RequestUpload(ctx, a.ID, showpad.UploadRequest{ContentMD5: sum[:]})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Put(ctx, up, int64(len(data)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s, c
}

// complete asserts that every file is there, whole, and nothing is left behind.
func complete(t *testing.T, s *emulator.Server, dir string) {
	t.Helper()
	there := files(t, dir)
	for _, a := range s.Assets() {
		sum := md5.Sum([]byte(there["files/Marketing/"+a.Name]))
		if got := hex.EncodeToString(sum[:]); got != a.MD5 {
			t.Errorf("%s: MD5 %s, want %s", a.Name, got, a.MD5)
		}
	}
	if len(there) != len(s.Assets()) {
		t.Errorf("%d files for %d assets", len(there), len(s.Assets()))
	}
	if parts, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(partsFolder))); err != nil || len(parts) > 0 {
		t.Errorf("left behind: %v %v", parts, err)
	}
	if b := s.Books(); b.TokensAtStorage > 0 || b.InsideClosedGate > 0 || b.Unknown > 0 {
		t.Errorf("%+v", b)
	}
}

// TestFaults: what goes wrong once at a request or with the bytes goes wrong for nobody.
func TestFaults(t *testing.T) {
	for _, op := range []string{emulator.OpGet, "get_assets_id", "getAssets", "getDivisions"} {
		for _, kind := range []emulator.Kind{
			emulator.KindStatus, emulator.KindReset, emulator.KindLost, emulator.KindTooMany, emulator.KindHTML, emulator.KindTruncated, emulator.KindCut, emulator.KindSlow, emulator.KindExpired,
		} {
			if kind == emulator.KindExpired && op != emulator.OpGet || kind == emulator.KindTooMany && op == emulator.OpGet {
				continue
			}
			t.Run(op+" "+string(kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, c := stocked(t, 4)
					s.Fail(emulator.Fault{Op: op, Kind: kind})
					dir := t.TempDir()
					if sum := export(t, c, options(dir)); sum.Exported != 4 || sum.Failed() > 0 {
						t.Errorf("%+v", sum)
					}
					complete(t, s, dir)
					if len(s.Books().Faults) == 0 {
						t.Error("nothing went wrong")
					}
				})
			})
		}
	}
}

// TestChaos: an export that does not get through leaves what it has, and another one
// goes on from there.
func TestChaos(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := stocked(t, 12)
				s.Chaos(seed, emulator.Rates{Status5xx: 0.2, ResetBefore: 0.1, LostAfter: 0.1, TooMany: 0.1, Truncated: 0.1, Storage503: 0.3, StorageReset: 0.3})
				dir := t.TempDir()
				for try := 0; ; try++ {
					sum, err := Run(t.Context(), c, options(dir))
					if err == nil && sum.Failed() == 0 {
						break
					}
					if try == 20 {
						t.Fatalf("%+v, %v", sum, err)
					}
					<-time.After(time.Minute)
				}
				s.Chaos(seed, emulator.Rates{})
				complete(t, s, dir)
			})
		})
	}
}
