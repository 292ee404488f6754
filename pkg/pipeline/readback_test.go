package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// damage changes the kept bytes of an item's asset, not what is told of them.
func (w *world) damage(externalID string, change func([]byte) []byte) {
	w.t.Helper()
	as := w.assets()[externalID]
	if len(as) != 1 {
		w.t.Fatalf("%s: %d assets", externalID, len(as))
	}
	if err := w.tenant.Damage(as[0].CurrentFile, change); err != nil {
		w.t.Fatal(err)
	}
}

func flipped(b []byte) []byte { b[0] ^= 1; return b }

func TestVerifyDeepReadsTheBytesBack(t *testing.T) {
	get := func(f emulator.Fault) func(*world) {
		f.Op, f.Path = emulator.OpGet, ""
		return func(w *world) { w.tenant.Fail(f) }
	}
	tests := []struct {
		name   string
		change func(w *world)
		want   []string
		ok     int
		read   int
	}{
		{"as they were sent", func(*world) {}, nil, 3, 2},
		{"a flipped bit", func(w *world) { w.damage("B", flipped) }, []string{"B content md5"}, 2, 2},
		{"too short", func(w *world) { w.damage("B", func(b []byte) []byte { return b[:3] }) }, []string{"B unread"}, 2, 1},
		{"not downloadable", func(w *world) { w.tenant.Switch(func(s *emulator.Switches) { s.NotDownloadable = "B*" }) }, []string{"B unread"}, 2, 1},
		{"in the trash", func(w *world) { w.person("B", showpad.AssetFields{IsArchived: showpad.Some(true)}) }, []string{"B archived"}, 2, 2},
		{"other bytes, told as such", func(w *world) { w.upload(w.client(), w.only("B"), "THE BYTES OF B") }, []string{"B bytes checksum"}, 2, 2},
		{"other bytes, that are no longer those", func(w *world) {
			w.upload(w.client(), w.only("B"), "THE BYTES OF B")
			w.damage("B", flipped)
		}, []string{"B bytes checksum", "B content md5"}, 2, 2},
		{"file: keep", func(w *world) {
			w.man.Update.File = "keep"
			w.damage("B", flipped)
			w.upload(w.client(), w.only("A"), "other bytes")
		}, []string{"B content md5"}, 2, 2},
		{"no state and no file", func(w *world) {
			w.path += ".other"
			delete(w.files.m, "B.txt")
			w.damage("B", flipped)
		}, []string{"B unchecked", "B content md5"}, 2, 2},
		{"links that are out of date", get(emulator.Fault{Kind: emulator.KindExpired, Count: 3}), nil, 3, 2},
		{"readings that break off", get(emulator.Fault{Kind: emulator.KindTruncated, Count: 3}), nil, 3, 2},
		{"storage that will not", get(emulator.Fault{Kind: emulator.KindStatus, Status: 403, Code: "AccessDenied", Count: -1}), []string{"A unread", "B unread"}, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, emulator.Options{KeepBytes: true}, func(w *world) {
				w.add("U", "", func(i *manifest.Item) {
					i.File, i.Location, i.URL = "", manifest.Location{}, "https://www.example.com/"
				})
				w.mustRun(0)
				tt.change(w)
				w.tenant.ResetBooks()
				w.options.Deep = true
				s, got, all := w.verify()
				if diff := cmp.Diff(append([]string{}, tt.want...), got); diff != "" {
					t.Errorf("differences (-want +got):\n%s%+v", diff, all)
				}
				if s.OK != tt.ok || s.ReadBack != tt.read {
					t.Errorf("%+v, want %d items as wanted and %d files read back", s, tt.ok, tt.read)
				}
				if b := w.tenant.Books(); len(b.Commits) > 0 {
					t.Errorf("it wrote: %v", b.Commits)
				}
				for _, d := range all {
					if strings.Contains(d.Text, "X-Amz") {
						t.Errorf("the link is told: %s", d.Text)
					}
				}
			})
		})
	}
}

// TestVerifyDeepCosts one request for each file, and no more at once than asked for.
func TestVerifyDeepCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		total := 0
		for i := range 30 {
			content := strings.Repeat("x", 1+i)
			total += len(content)
			w.add(fmt.Sprintf("item-%03d", i), content)
		}
		w.mustRun(0)
		w.tenant.ResetBooks()
		w.tenant.Fail(emulator.Fault{Op: emulator.OpGet, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Second), Count: -1})
		w.options.Deep, w.options.Downloads = true, 3
		var bytes atomic.Int64
		w.observe = func(e pipeline.Event) {
			if r, ok := e.(pipeline.Received); ok {
				bytes.Add(r.N)
			}
		}
		start := time.Now()
		s, _, _ := w.verify()
		if s.OK != 30 || s.ReadBack != 30 || s.Bytes != int64(total) || bytes.Load() != int64(total) {
			t.Errorf("%+v, %d bytes came, want %d", s, bytes.Load(), total)
		}
		if d := time.Since(start).Round(time.Second); d != 10*time.Second {
			t.Errorf("30 readings of a second, three at once, took %s", d)
		}
		if b := w.tenant.Books(); b.Requests["get_assets_id"] != 30 || b.Requests[emulator.OpGet] != 30 {
			t.Errorf("requests %v", b.Requests)
		}
	})
}

// endless is a service whose files never end.
type endless struct {
	pipeline.API
	once sync.Once
	read func()
}

func (e *endless) Fetch(context.Context, showpad.Download) (io.ReadCloser, error) {
	return io.NopCloser(e), nil
}

func (e *endless) Read(p []byte) (int, error) {
	e.once.Do(e.read)
	<-time.After(time.Second)
	return len(p), nil
}

func TestVerifyDeepEndsWithItsContext(t *testing.T) {
	inBubble(t, emulator.Options{KeepBytes: true}, func(w *world) {
		st := w.open()
		defer func() { _ = st.Close() }()
		ctx, cancel := context.WithCancelCause(w.t.Context())
		in := w.input(st)
		in.API = &endless{API: in.API, read: func() { cancel(errCrash) }}
		in.Options.Deep = true
		if _, err := pipeline.Verify(ctx, in, func(pipeline.Difference) error { return nil }); err != errCrash {
			t.Errorf("it ended with %v", err)
		}
	})
}

// TestVerifyDeepStopsWhenTheCredentialIsRefused does not ask on for each file.
func TestVerifyDeepStopsWhenTheCredentialIsRefused(t *testing.T) {
	inBubble(t, emulator.Options{KeepBytes: true}, func(w *world) {
		w.tenant.Fail(emulator.Fault{Op: "get_assets_id", Kind: emulator.KindStatus, Status: 401, Count: -1})
		st := w.open()
		defer func() { _ = st.Close() }()
		in := w.input(st)
		in.Options.Deep = true
		_, err := pipeline.Verify(w.t.Context(), in, func(pipeline.Difference) error { return nil })
		if stop, ok := err.(*pipeline.StopError); !ok || stop.Code != 4 {
			t.Errorf("error %v", err)
		}
	})
}
