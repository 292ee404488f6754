package pkg_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestBytesComeBack joins the client and the emulator, which share no code: what was
// uploaded is read back by either link, in memory and over a socket, and the token
// stays away from storage.
func TestBytesComeBack(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1<<12)
	for _, way := range []string{"memory", "socket"} {
		for name, short := range map[string]bool{"public link": true, "link with the token": false} {
			t.Run(way+", "+name, func(t *testing.T) {
				tenant, err := emulator.New(emulator.Options{KeepBytes: true, Switches: emulator.Switches{NoShortLinks: !short}})
				if err != nil {
					t.Fatal(err)
				}
				defer tenant.Close()
				v4, v3 := tenant.URLs()
				cfg := showpad.Config{APIURL: v4.String(), V3URL: v3.String(), Token: showpad.StaticToken(emulator.DefaultToken), Base: tenant}
				if way == "socket" {
					server := httptest.NewServer(tenant)
					defer server.Close()
					transport := &http.Transport{}
					defer transport.CloseIdleConnections()
					cfg.APIURL, cfg.V3URL, cfg.Base = server.URL+"/v4", server.URL+"/api/v3", transport
				}
				c, err := showpad.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				ctx := t.Context()
				a, err := c.CreateAsset(ctx, showpad.AssetFields{Name: showpad.Some("deck.pdf"), ExternalID: showpad.Some("A"),
					Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Download(ctx, a.ID); !errors.Is(err, showpad.ErrNotDownloadable) {
					t.Errorf("before there are bytes: %v", err)
				}
				up, err := c.RequestUpload(ctx, a.ID, showpad.UploadRequest{})
				if err != nil {
					t.Fatal(err)
				}
				open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
				if err := c.Put(ctx, up, int64(len(content)), open, nil); err != nil {
					t.Fatal(err)
				}
				d, err := c.Download(ctx, a.ID)
				if err != nil {
					t.Fatal(err)
				}
				sum := md5.Sum([]byte(content))
				if d.Size != int64(len(content)) || d.MD5 != hex.EncodeToString(sum[:]) || d.Name != "deck.pdf" {
					t.Errorf("told %d %s %s", d.Size, d.MD5, d.Name)
				}
				body, err := c.Fetch(ctx, d)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(body)
				if err := errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, []byte(content)) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				if b := tenant.Books(); b.TokensAtStorage != 0 || b.Unknown != 0 || b.Requests["get"] != 1 {
					t.Errorf("books %+v", b)
				}

				if err := c.DeleteAsset(ctx, a.ID); err != nil {
					t.Error(err)
				}
				if err := c.DeleteAsset(ctx, a.ID); !errors.Is(err, showpad.ErrNotFound) {
					t.Errorf("gone already: %v", err)
				}
				rows := 0
				for row, err := range c.ExportAssets(ctx) {
					if err != nil {
						t.Fatal(err)
					}
					rows++
					if row.ID != a.ID || row.ExternalID != "A" || row.Slug != a.Slug || row.DeletedAt.IsZero() || row.CreatedAt.IsZero() || row.Source != "shared" {
						t.Errorf("row %+v", row)
					}
				}
				if rows != 1 {
					t.Errorf("%d rows", rows)
				}
			})
		}
	}
}
