package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// begin leaves n items as a process leaves them that is killed while it uploads:
// the assets are made, and none has its bytes.
func begin(t *testing.T, n int) *world {
	t.Helper()
	w := newWorld(t, emulator.Options{Processing: time.Second})
	w.many(n, func(i *manifest.Item) { describe(i, "first") })
	w.options.Uploads = n
	w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Count: -1, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Hour)})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	begun := 0
	w.observe = func(e pipeline.Event) {
		if s, ok := e.(pipeline.Stage); ok && s.Stage == "transfer" {
			if begun++; begun == n {
				time.AfterFunc(time.Second, func() { cancel(errCrash) })
			}
		}
	}
	if out, err := w.run(ctx, nil); err == nil && !errors.Is(out.Err, errCrash) {
		t.Fatalf("the first run was not killed: %v", out.Sentence)
	}
	w.observe = nil
	w.tenant.ClearFaults()
	w.tenant.ResetBooks()
	for id, as := range w.assets() {
		if as[0].Status != showpad.StatusPrepared {
			t.Fatalf("%s is %s", id, as[0].Status)
		}
	}
	return w
}

// early is what has been uploaded when a run is about to read its manifest, a minute
// after its beginning.
func (w *world) early(after *int) {
	w.before = func(ctx context.Context) error {
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		*after = w.tenant.Books().Puts
		return nil
	}
}

func TestBegunUploadsGoOnBeforeTheManifestIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, 12)
		w.options.Uploads = 3
		puts := 0
		w.early(&puts)
		out := w.mustRun(0)
		if puts != 12 {
			t.Errorf("%d of 12 files were sent before the manifest was read", puts)
		}
		w.check()
		b := w.tenant.Books()
		if b.Puts != 12 || out.Puts != 12 || b.Commits["postAssets"] > 0 {
			t.Errorf("%d files were sent, the outcome counts %d; %d assets were made", b.Puts, out.Puts, b.Commits["postAssets"])
		}
		if b.PutsInFlight > 3 {
			t.Errorf("%d uploads were in flight, and 3 are allowed", b.PutsInFlight)
		}
		if len(w.results) != 12 {
			t.Errorf("%d results", len(w.results))
		}
		for _, r := range w.results {
			if r.Action != pipeline.ActionResume || r.Status != "done" || r.MD5 == "" {
				t.Errorf("%s: %s %s %q", r.ExternalID, r.Action, r.Status, r.MD5)
			}
		}
		if rec := w.record("A03"); rec.Status != state.Done || rec.Attempts < 2 {
			t.Errorf("its record says %s after %d attempts", rec.Status, rec.Attempts)
		}
	})
}

func TestItemsWaitForTheirBegunUploadAndOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, 3)
		w.add("LATER", "this one is new")
		for id := range w.manifests { // of it, too
			w.manifests[id] = w.fingerprint()
		}
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindDelay, Delay: emulator.Duration(50 * time.Second)})
		w.options = pipeline.WithLimits(w.options, 2, 0, 0)
		w.before = func(context.Context) error { <-time.After(time.Second); return nil }
		w.mustRun(0)
		w.check()
		if n := w.tenant.Books().Puts; n != 4 {
			t.Errorf("%d files were sent for 4 items", n)
		}
		last := w.results[len(w.results)-1]
		if first := w.results[0]; len(w.results) != 4 || last.End.Sub(first.End) < 40*time.Second {
			t.Errorf("%d results; %s came %s after %s, and its upload took 50 s", len(w.results), last.ExternalID, last.End.Sub(first.End), first.ExternalID)
		}
	})
}

func TestAStopWhileBegunUploadsGoOn(t *testing.T) {
	for _, when := range []time.Duration{time.Second, 20 * time.Second} { // before and after the manifest is read
		synctest.Test(t, func(t *testing.T) {
			w := begin(t, 5)
			w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Count: -1, Kind: emulator.KindDelay, Delay: emulator.Duration(50 * time.Second)})
			w.options.Drain = 5 * time.Second
			w.before = func(context.Context) error { <-time.After(10 * time.Second); return nil }
			stop := make(chan struct{})
			time.AfterFunc(when, func() { close(stop) })
			begun := time.Now()
			out, err := w.run(t.Context(), stop)
			if err != nil || out.Code != 130 {
				t.Fatalf("code %d, %v; want 130", out.Code, err)
			}
			if d := time.Since(begun); d > 28*time.Second {
				t.Errorf("it took until %s to stop at %s", d, when)
			}
			var ids []string
			for _, r := range w.results {
				ids = append(ids, r.ExternalID)
			}
			slices.Sort(ids)
			if fmt.Sprint(ids) != "[A00 A01 A02 A03 A04]" {
				t.Errorf("results of %v", ids)
			}
			w.tenant.ClearFaults()
			w.mustRun(0)
			w.check()
		})
	}
}

func TestWhatMayHaveChangedIsLeftToTheManifest(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world){
		"the manifest":     func(t *testing.T, w *world) { describe(&w.items[0], "second") },
		"the file":         func(t *testing.T, w *world) { w.files.put("A00.txt", "other bytes now") },
		"the file's time":  func(t *testing.T, w *world) { w.files.put("A00.txt", "content of 0") },
		"a selection":      func(t *testing.T, w *world) { w.sel.Only = func(id string) bool { return id == "A00" } },
		"an older state":   func(t *testing.T, w *world) { w.options.OlderState = true },
		"a state in doubt": func(t *testing.T, w *world) { w.options.Doubt = true },
		"something to recreate": func(t *testing.T, w *world) {
			w.options.Recreate = func(string) bool { return true }
		},
		"the trash": func(t *testing.T, w *world) {
			id := w.assets()["A00"][0].ID
			if _, err := w.client().UpdateAsset(t.Context(), id, showpad.AssetFields{IsArchived: showpad.Some(true)}); err != nil {
				t.Fatal(err)
			}
		},
		"a person's change": func(t *testing.T, w *world) {
			id := w.assets()["A00"][0].ID
			if _, err := w.client().UpdateAsset(t.Context(), id, showpad.AssetFields{Description: showpad.Some("a person wrote this")}); err != nil {
				t.Fatal(err)
			}
		},
		"a deleted asset": func(t *testing.T, w *world) {
			if err := w.client().DeleteAsset(t.Context(), w.assets()["A00"][0].ID); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, 1)
				change(t, w)
				w.tenant.ResetBooks()
				puts := 0
				w.early(&puts)
				if _, err := w.run(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				if puts > 0 {
					t.Error("its bytes were sent before it was decided")
				}
			})
		})
	}
}

func TestAFailedPreparationLeavesBegunUploadsWhereTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, 4)
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Count: 2, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Hour)})
		wrong := errors.New("the manifest cannot be read")
		w.before = func(context.Context) error { <-time.After(time.Second); return wrong }
		begun := time.Now()
		if _, err := w.run(t.Context(), nil); !errors.Is(err, wrong) || time.Since(begun) > time.Minute {
			t.Fatalf("it ended with %v after %s", err, time.Since(begun))
		}
		w.before = nil
		w.tenant.ClearFaults()
		w.mustRun(0)
		w.check()
	})
}
