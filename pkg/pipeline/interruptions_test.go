package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// TestALostCreateWhoseArchivingFailedIsTakenBackByTheNextRollback has a rollback find an asset by its external
// ID, and end before it is gone: the next one has to know of the asset.
func TestALostCreateWhoseArchivingFailedIsTakenBackByTheNextRollback(t *testing.T) {
	for _, del := range []bool{false, true} {
		t.Run(fmt.Sprint("delete ", del), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "content")
				w.crash("postAssets", 1, emulator.After)
				w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindReset, Count: -1}, emulator.Fault{Op: "deleteAsset", Kind: emulator.KindReset, Count: -1})
				w.mustRollback(3, del, "run-1")
				w.tenant.ClearFaults()
				w.mustRollback(0, del, "run-1")
				for _, a := range w.tenant.Assets() {
					if !a.IsArchived {
						t.Errorf("delete %v: the asset is still in the library: %+v", del, w.results)
					}
				}
				if n := len(w.tenant.Assets()); del && n > 0 {
					t.Errorf("%d assets are left", n)
				}
			})
		})
	}
}

func TestALostCreateThatWasArchivedIsDeletedByALaterRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.crash("postAssets", 1, emulator.After)
		w.mustRollback(0, false, "run-1")
		w.mustRollback(0, true, "run-1")
		if n := len(w.tenant.Assets()); n > 0 {
			t.Errorf("%d assets are left", n)
		}
	})
}

// TestAPersonsVersionIsNotReplacedByOneThatACrashCutOff has a person upload a version after a run asked
// for the URL of one, and sent nothing.
func TestAPersonsVersionIsNotReplacedByOneThatACrashCutOff(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keep ", keep), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{KeepBytes: true})
				w.add("A", "content")
				w.mustRun(0)
				w.files.put("A.txt", "second")
				if keep {
					w.options.KeepReplaced = t.TempDir()
				}
				w.crash("postAssetFiles", 1, emulator.After)
				w.upload(w.client(), w.assets()["A"][0].ID, "theirs, much longer")
				<-time.After(time.Minute)
				w.mustRun(3)
				if n := w.assets()["A"][0].Size; n != int64(len("theirs, much longer")) {
					t.Errorf("their version was replaced: %d bytes", n)
				}
				w.man.Update.Conflicts = "overwrite"
				w.mustRun(0)
				w.check()
				if _, err := os.Stat(filepath.Join(w.options.KeepReplaced, md5Hex("theirs, much longer"))); keep && err != nil {
					t.Errorf("their bytes were not kept: %v", err)
				}
				if !keep {
					return
				}
				w.mustRollback(0, false, fmt.Sprintf("run-%d", w.runs))
				if n := w.assets()["A"][0].Size; n != int64(len("theirs, much longer")) {
					t.Errorf("their version did not come back: %d bytes", n)
				}
			})
		})
	}
}

// TestARollbackWaitsForAnUpdateThatWasGivenUp has an update carried out after its run gave it up.
func TestARollbackWaitsForAnUpdateThatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.SettleTime = 10 * time.Second
		w.options.Retries = 1
		w.add("A", "content")
		w.mustRun(0)
		w.describe("new")
		w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindLate, Delay: emulator.Duration(8 * time.Second), Count: -1})
		w.mustRun(3)
		w.tenant.ClearFaults()
		if out, err := w.rollback(t.Context(), nil, false, "run-2"); err != nil || out.Code != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		<-time.After(time.Minute)
		if d := w.assets()["A"][0].Description; d != "" {
			t.Errorf("the description is %q after the rollback", d)
		}
	})
}

// TestARunWaitsForAnArchivingThatWasGivenUp has an archiving, or a deletion, carried out after the
// next run began.
func TestARunWaitsForAnArchivingThatWasGivenUp(t *testing.T) {
	for _, del := range []bool{false, true} {
		t.Run(fmt.Sprint("delete ", del), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.options.SettleTime = 2 * time.Minute
				w.add("A", "content")
				w.mustRun(0)
				w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindLate, Delay: emulator.Duration(time.Minute), Count: -1},
					emulator.Fault{Op: "deleteAsset", Kind: emulator.KindLate, Delay: emulator.Duration(time.Minute), Count: -1})
				w.mustRollback(3, del, "run-1")
				w.tenant.ClearFaults()
				w.mustRun(0)
				<-time.After(time.Hour)
				as := w.assets()["A"]
				if len(as) != 1 || as[0].IsArchived {
					t.Errorf("delete %v: the asset is not there any more: %+v", del, as)
				}
			})
		})
	}
}

// TestAnItemWhoseArchivingWasRefusedIsDoneAgain is about the record of a write that a rollback began,
// and that is not wanted any more.
func TestAnItemWhoseArchivingWasRefusedIsDoneAgain(t *testing.T) {
	for _, del := range []bool{false, true} {
		t.Run(fmt.Sprint("delete ", del), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "content")
				w.mustRun(0)
				w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindStatus, Status: 400, Count: -1}, emulator.Fault{Op: "deleteAsset", Kind: emulator.KindStatus, Status: 400, Count: -1})
				w.mustRollback(3, del, "run-1")
				w.tenant.ClearFaults()
				w.mustRun(0)
				if rec := w.record("A"); rec.Status != state.Done {
					t.Errorf("delete %v: the record is %s %s", del, rec.Op, rec.Status)
				}
				w.mustRollback(0, del, "run-1")
				w.wantRow("A", map[bool]string{false: "archive take-back done", true: "delete take-back done"}[del])
			})
		})
	}
}

// TestARollbackOnAClockThatWasPutForwardTakesNothingForGone has an asset that lists do not show yet,
// and whose record looks old.
func TestARollbackOnAClockThatWasPutForwardTakesNothingForGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 20 * time.Second})
		w.options.SettleTime = 30 * time.Second
		w.add("A", "content")
		w.mustRun(0)
		w.add("B", "other content")
		w.crash("postAssetFiles", 1, emulator.After)
		w.jump(24 * time.Hour)
		w.mustRollback(0, false, "run-2")
		w.wantRow("B", "archive take-back done")
	})
}

// staleLists shows assets in its lists after they were deleted.
type staleLists struct {
	pipeline.API
	gone []showpad.Asset
}

func (s *staleLists) Assets(ctx context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	return func(yield func(showpad.Asset, error) bool) {
		for _, a := range s.gone {
			if slices.Contains(f.ExternalIDs, a.ExternalID) && !yield(a, nil) {
				return
			}
		}
		for a, err := range s.API.Assets(ctx, f) {
			if !yield(a, err) {
				return
			}
		}
	}
}

func TestAnAssetThatWasJustDeletedIsNotFoundAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0)
		a, err := w.client().Asset(t.Context(), w.assets()["A"][0].ID)
		if err != nil {
			t.Fatal(err)
		}
		w.mustRollback(0, true, "run-1")
		w.changeAPI = func(c *showpad.Client) pipeline.API { return &staleLists{c, []showpad.Asset{a}} }
		w.mustRun(0)
		w.changeAPI = nil
		w.check()
	})
}

func TestAVersionThatWasGivenUpAndIsStillProcessedIsNotTakenBackYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		w.options.KeepReplaced = filepath.Join(fastDir(t), "kept")
		w.options.ProcessingTimeout = time.Hour
		w.add("A", "content")
		w.mustRun(0)
		w.files.put("A.txt", "the second content")
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindProcessingStuck, Delay: emulator.Duration(3 * time.Hour)})
		w.options.Wait = 2 * time.Hour
		w.mustRun(3)
		w.mustRollback(3, false, "run-2")
		w.wantRow("A", "conflict still-processing conflict")
		<-time.After(4 * time.Hour)
		w.mustRollback(0, false, "run-2")
		if n := w.assets()["A"][0].Size; n != int64(len("content")) {
			t.Errorf("%d bytes", n)
		}
	})
}

func TestAVersionWhoseUploadWasGivenUpNeedsNoTakingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0)
		w.files.put("A.txt", "the second content")
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindReset, Count: -1})
		w.mustRun(3)
		w.mustRollback(0, false, "run-2")
		w.wantRow("A", "unchanged taken-back unchanged")
	})
}

// TestABindingWaitsForACreateByNoWallClock has a create that left long after its intent was written,
// as far as clocks tell.
func TestABindingWaitsForACreateByNoWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 3 * time.Second})
		w.options.SettleTime = 5 * time.Second
		w.add("A", "content")
		other := w.byHand("content", named("other.txt", ""))
		w.jump(-time.Hour)
		w.crash("postAssets", 1, emulator.After)
		w.jump(time.Hour)
		if err := w.bind("A", other); !errors.Is(err, pipeline.ErrNotBound) {
			t.Errorf("bound beside the asset that the create made: %v", err)
		}
	})
}
