package pipeline_test

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// linked is an item for an asset that a person made, and the asset's id.
func (w *world) linked(id, content string, change ...func(*manifest.Item)) string {
	w.t.Helper()
	asset := w.byHand(content, named(id+".txt", ""))
	w.add(id, content, append(change, func(i *manifest.Item) { i.ID = asset })...)
	return asset
}

func TestAnItemBecomesTheAssetThatItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 700 * time.Millisecond})
		first := w.linked("A", "a")
		second := w.linked("B", "b", func(i *manifest.Item) { describe(i, "filled in") }, tags("Migrated"))
		w.add("NEW", "new")
		w.options.Hash = true
		s, rows := w.plan()
		for _, r := range rows[:2] {
			if r.Action != pipeline.ActionAdopt || r.Reason != pipeline.ReasonLinked || r.Writes != 1 || r.Puts != 0 || r.Undo != pipeline.UndoFull {
				t.Errorf("%s: %s %s %d+%d, undo %s", r.ExternalID, r.Action, r.Reason, r.Writes, r.Puts, r.Undo)
			}
		}
		before := w.byAsset()
		w.tenant.ResetBooks()
		w.mustRun(0)
		if api, puts := w.commits(); api != s.Writes || puts != 1 {
			t.Errorf("%d writes and %d uploads, planned %d and 1", api, puts, s.Writes)
		}
		// The two are read in one request, and who has their external IDs is asked in another.
		if n := w.tenant.Books().Requests["getAsset"]; n > 0 {
			t.Errorf("%d assets were read singly", n)
		}
		w.check()
		now := w.byAsset()
		if now[first].ExternalID != "A" || now[second].ExternalID != "B" || now[second].Description != "filled in" {
			t.Errorf("linked: %+v, %+v", now[first], now[second])
		}
		w.wantChange("run-1", "A", state.Update, `externalId: null > "A"`)
		w.planIsEmpty()
		w.options.FullCheck = true
		w.planIsEmpty()

		// The state is lost: the asset is found by its id, and nothing is written.
		w.options.FullCheck = false
		w.path += ".new"
		w.tenant.ResetBooks()
		w.mustRun(0)
		if api, _ := w.commits(); api > 0 {
			t.Errorf("%d writes after the state was lost", api)
		}
		w.path = w.path[:len(w.path)-len(".new")]
		w.mustRollback(0, false, "run-1")
		w.tookBack(before, false)
	})
}

// TestALinkIsCutOffAnywhere fails the first, the second, ... the last write of the
// state of a run that links assets, and all after it; and likewise each request,
// before it is carried out and after it.
func TestALinkIsCutOffAnywhere(t *testing.T) {
	for _, how := range []rungKind{"", resetBefore, lostAfter, answer500} {
		t.Run(cmp.Or(string(how), "state"), func(t *testing.T) { cutLinks(t, how) })
	}
}

func cutLinks(t *testing.T, how rungKind) {
	for cut, on := 1, true; on; cut++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			w.options.SettleTime = 3 * time.Second
			first := w.linked("A", "a", tags("One"))
			second := w.linked("B", "b", func(i *manifest.Item) { describe(i, "filled in") })
			half, err := w.client().CreateAsset(t.Context(), showpad.AssetFields{Name: showpad.Some("C.txt"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
			if err != nil {
				t.Fatal(err)
			}
			w.add("C", "its bytes never came", func(i *manifest.Item) { i.ID = half.ID })
			if how == "" {
				on = w.cutAt(cut, errCrash)
			} else {
				r := &rung{base: w.tenant, at: int64(cut), kind: how}
				w.configure = r.configure(-1)
				w.attempt(t.Context())
				w.configure, on = nil, r.n.Load() >= int64(cut)
				w.options.RetryFailed = true
			}
			w.mustRun(0)
			w.check()
			now := w.byAsset()
			if now[first].ExternalID != "A" || now[second].ExternalID != "B" || now[half.ID].ExternalID != "C" || now[second].Description != "filled in" {
				t.Errorf("linked: %+v, %+v, %+v", now[first], now[second], now[half.ID])
			}
			w.planIsEmpty()
		})
		if t.Failed() {
			t.Fatalf("at write %d", cut)
		}
	}
}

func TestAnExternalIDThatAnUpdateDoesNotKeepIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{KeepExternalID: true}})
		w.linked("A", "a")
		w.mustRun(3)
		if r := w.result("A"); r.Status != "failed" || r.Error == nil || r.Error.Code != pipeline.FailedDropped {
			t.Errorf("%s %+v", r.Status, r.Error)
		}
		w.tenant.Switch(func(s *emulator.Switches) { s.KeepExternalID = false })
		w.options.RetryFailed = true
		w.mustRun(0)
		w.check()
		w.planIsEmpty()
	})
}

func TestALinkToAnotherAssetMakesAPlannedRowStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.linked("A", "a")
		other := w.byHand("a", named("A.txt", ""))
		path, _, _ := w.save(pipeline.Choice{})
		was := w.items[0].ID
		w.items[0].ID = other
		w.mustCarry(3, path)
		if got := w.stale()["A"]; got != pipeline.StaleItem {
			t.Errorf("the row is %q", got)
		}
		w.items[0].ID = was
		w.mustCarry(0, path)
		if a := w.assets()["A"]; len(a) != 1 || a[0].ID != was {
			t.Errorf("linked: %+v", a)
		}
	})
}

// A state with more records than one look at it takes is searched as a whole, and
// only when it has the asset.
func TestAnAssetOfAnotherRecordIsNotLinked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		var asset string
		w.change(func(ctx context.Context, st *state.Store) error {
			for i := range 2100 {
				rec := state.Record{ExternalID: fmt.Sprintf("OLD-%04d", i), Op: state.Create, Status: state.Done, Owner: "other", AssetID: fmt.Sprintf("asset-%d", i)}
				if err := st.Replace(ctx, state.Write{Record: rec}); err != nil {
					return err
				}
			}
			asset = "asset-2050"
			return nil
		})
		w.add("A", "a", func(i *manifest.Item) { i.ID = asset })
		w.add("B", "b", func(i *manifest.Item) { i.ID = w.byHand("b", named("B.txt", "")) })
		w.mustRun(3)
		if r := w.result("A"); r.Reason != pipeline.ConflictLink || r.Error == nil {
			t.Errorf("%s %s %+v", r.Action, r.Reason, r.Error)
		}
		if r := w.result("B"); r.Status != "done" {
			t.Errorf("B is %s %+v", r.Status, r.Error)
		}
	})
}
