package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// mixed is a tenant after two runs with all that can be taken back: the second
// one made, updated, restored, adopted and sent a version. before is what the
// tenant looked like between the two.
func mixed(t *testing.T, o emulator.Options) (w *world, before map[string]emulator.Asset) {
	o.KeepBytes, o.ListLag, o.Processing = true, 500*time.Millisecond, time.Second
	w = newWorld(t, o)
	w.options.SettleTime = 5 * time.Second
	w.options.KeepReplaced = filepath.Join(fastDir(t), "kept")
	w.add("UPDATED", "one", about("first"), tags("One"))
	w.add("VERSION", "one", about("first"))
	w.add("RESTORED", "one")
	w.mustRun(0)
	w.mustRollback(0, false, "run-1")
	w.man.Update.Conflicts = "overwrite"
	w.items = w.items[:2]
	w.mustRun(0)
	w.items = append(w.items, manifest.Item{
		ExternalID: "RESTORED", File: "RESTORED.txt", Location: manifest.Location{Path: "RESTORED.txt"}, Division: "Marketing", Fields: manifest.Fields{Description: manifest.Some("wanted again")},
	})
	w.add("ADOPTED", "one", about("ours"))
	w.found("ADOPTED", "ADOPTED.txt", "theirs")
	w.items[0].Fields.Description = manifest.Some("second")
	tags("One", "Two")(&w.items[0])
	w.files.put("VERSION.txt", "the second one")
	w.items[1].Fields.Description = manifest.Some("second")
	w.add("MADE", "new", tags("Two"))
	<-time.After(time.Hour)
	before = w.byAsset()
	w.mustRun(0)
	<-time.After(time.Hour)
	return w, before
}

const mixedRun = "run-4"

// tookBack demands that the tenant is as it was, but for what the run made: that
// is in the trash, or gone.
func (w *world) tookBack(before map[string]emulator.Asset, del bool) {
	w.t.Helper()
	now := w.byAsset()
	for id, a := range now {
		was, known := before[id]
		switch {
		case !known && (del || !a.IsArchived):
			w.t.Errorf("%s is still there", a.ExternalID)
		case known && fmt.Sprintf("%+v", was) != fmt.Sprintf("%+v", a):
			w.t.Errorf("%s\nis  %+v\nwas %+v", a.ExternalID, a, was)
		}
	}
	for id, a := range before {
		if _, ok := now[id]; !ok {
			w.t.Errorf("%s is gone", a.ExternalID)
		}
	}
}

// TestARollbackCutOffAtAnyWriteGoesOn fails the first, second, third and so on
// write of the state and all after it, which is what a crash looks like, and takes
// the run back again.
func TestARollbackCutOffAtAnyWriteGoesOn(t *testing.T) {
	for _, del := range []bool{false, true} {
		for cut := 1; ; cut++ {
			through := false
			ok := t.Run(fmt.Sprintf("delete %v/write %d", del, cut), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, before := mixed(t, emulator.Options{})
					w.fail = func(n int) error {
						if n >= cut {
							return errCrash
						}
						return nil
					}
					out, err := w.rollback(t.Context(), nil, del, mixedRun)
					w.fail = nil
					through = err == nil && out.Err == nil
					if err != nil && !errors.Is(err, errCrash) || out.Err != nil && !errors.Is(out.Err, errCrash) {
						t.Fatalf("%v, %v", err, out.Err)
					}
					w.mustRollback(0, del, mixedRun)
					w.tookBack(before, del)
					w.mustRun(0)
					w.check()
					w.planIsEmpty()
				})
			})
			if !ok || through {
				break
			}
		}
	}
}

// TestARollbackCutOffAtAnyCommitGoesOn ends the process before and after each
// thing that a rollback does at the service.
func TestARollbackCutOffAtAnyCommitGoesOn(t *testing.T) {
	for _, del := range []bool{false, true} {
		for _, op := range []string{"updateAsset", "deleteAsset", "postAssetFiles", emulator.OpPut, "deleteTag"} {
			for _, side := range []emulator.When{emulator.Before, emulator.After} {
				for nth := 1; nth < 10; nth++ {
					crashed := false
					t.Run(fmt.Sprintf("delete %v/%s %s %d", del, side, op, nth), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							w, before := mixed(t, emulator.Options{})
							ctx, cancel := context.WithCancelCause(t.Context())
							defer cancel(nil)
							w.tenant.ResetBooks()
							w.tenant.OnCommit(func(o string, k int, when emulator.When) {
								if o == op && k == nth && when == side && !crashed {
									crashed = true
									w.fail = func(int) error { return errCrash }
									cancel(errCrash)
								}
							})
							_, _ = w.rollback(ctx, nil, del, mixedRun)
							w.tenant.OnCommit(nil)
							w.fail = nil
							w.mustRollback(0, del, mixedRun)
							w.tookBack(before, del)
						})
					})
					if !crashed {
						break
					}
				}
			}
		}
	}
}

// TestARollbackMeetsEachFault meets every kind of fault at every operation of a
// rollback: none may keep it from its end.
func TestARollbackMeetsEachFault(t *testing.T) {
	api := []emulator.Kind{
		emulator.KindStatus, emulator.KindStatusAfter, emulator.KindReset, emulator.KindLost, emulator.KindLate, emulator.KindDuplicate,
		emulator.KindTooMany, emulator.KindHTML, emulator.KindTruncated, emulator.KindCut, emulator.KindSlow, emulator.KindDelay,
	}
	for _, op := range []string{"getAssets", "updateAsset", "deleteAsset", "deleteTag", "postAssetFiles"} {
		for _, kind := range api {
			for _, del := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/delete %v", op, kind, del), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w, before := mixed(t, emulator.Options{})
						for nth := range 3 {
							w.tenant.Fail(emulator.Fault{Op: op, Kind: kind, Nth: nth + 1, Delay: emulator.Duration(2 * time.Second)})
						}
						out, err := w.rollback(t.Context(), nil, del, mixedRun)
						if err != nil {
							t.Fatal(err)
						}
						w.want(out, 0)
						w.tookBack(before, del)
					})
				})
			}
		}
	}
}

func TestARollbackThatIsStoppedGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(50)
		w.mustRun(0)
		stop, n := make(chan struct{}), 0
		w.observe = func(e pipeline.Event) {
			if _, ok := e.(pipeline.Finished); ok {
				if n++; n == 10 {
					close(stop)
				}
			}
		}
		out, err := w.rollback(t.Context(), stop, false, "run-1")
		if err != nil || out.Code != 130 {
			t.Fatalf("code %d, %v; want 130", out.Code, err)
		}
		if len(w.results) != 50 || out.Status["pending"] == 0 || out.Status["done"]+out.Status["pending"] != 50 {
			t.Errorf("%d results for 50 items: %v", len(w.results), out.Status)
		}
		w.observe = nil
		out = w.mustRollback(0, false, "run-1")
		if out.Status["unchanged"] == 0 || out.Status["done"] == 0 {
			t.Errorf("%v: it did not go on where it was", out.Status)
		}
	})
}
