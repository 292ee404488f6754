package pipeline_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// change opens the state and changes it.
func (w *world) change(f func(ctx context.Context, st *state.Store) error) {
	w.t.Helper()
	st := w.open()
	if err := f(w.t.Context(), st); err != nil {
		w.t.Error(err)
	}
	if err := st.Close(); err != nil {
		w.t.Error(err)
	}
}

// rename renames an item in the state and in the manifest.
func (w *world) rename(old, name string) {
	w.t.Helper()
	w.change(func(ctx context.Context, st *state.Store) error { return st.Rename(ctx, old, name) })
	for i := range w.items {
		if w.items[i].ExternalID == old {
			w.items[i].ExternalID = name
		}
	}
}

// byHand makes an asset with bytes, as a person or another program would.
func (w *world) byHand(content string, f showpad.AssetFields) string {
	w.t.Helper()
	if !f.Division.Set {
		f.Division = showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})
	}
	c := w.client()
	a, err := c.CreateAsset(w.t.Context(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	w.upload(c, a.ID, content)
	<-time.After(time.Minute)
	return a.ID
}

func named(name, externalID string) showpad.AssetFields {
	f := showpad.AssetFields{Name: showpad.Some(name)}
	if externalID != "" {
		f.ExternalID = showpad.Some(externalID)
	}
	return f
}

func TestARenamedItemGetsItsExternalIDByOneUpdate(t *testing.T) {
	for _, adopted := range []bool{false, true} {
		t.Run(map[bool]string{false: "created", true: "adopted without a base"}[adopted], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "a")
				w.add("B", "b")
				if adopted {
					w.byHand("a", named("A.txt", "A"))
				}
				w.mustRun(0)
				if adopted { // as records were before the field had a base
					w.change(func(ctx context.Context, st *state.Store) error {
						rec := w.recordOf(st, "A")
						delete(rec.Fields, "externalId")
						return st.Put(ctx, state.Write{Record: rec})
					})
				}
				id := w.assets()["A"][0].ID
				w.tenant.ResetBooks()
				w.planIsEmpty()
				if n := w.tenant.Books().Requests["getAssets"]; n > 0 {
					t.Errorf("a plan that has nothing to do asked for assets %d times", n)
				}
				w.rename("A", "A-2")
				row := w.action("A-2")
				if row.Action != pipeline.ActionUpdate || len(row.Diff) != 1 || string(row.Diff[0].Remote) != `"A"` || string(row.Diff[0].Wanted) != `"A-2"` {
					t.Errorf("the plan says %s %s%s", row.Action, row.Reason, diffText(row))
				}
				w.tenant.ResetBooks()
				w.mustRun(0)
				if n := w.tenant.Books().Commits["updateAsset"]; n != 1 {
					t.Errorf("%d updates", n)
				}
				if as := w.assets()["A-2"]; len(as) != 1 || as[0].ID != id {
					t.Errorf("A-2 is %+v, want asset %s", as, id)
				}
				w.check()
				w.planIsEmpty()
				w.options.FullCheck = true
				w.planIsEmpty()
			})
		})
	}
}

func TestARenamedItemDoesNotTakeTheExternalIDOfAnotherAsset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.mustRun(0)
		w.byHand("theirs", named("B.txt", "B"))
		w.rename("A", "B")
		w.mustRun(3)
		if r := w.result("B"); r.Reason != pipeline.ConflictTwin {
			t.Errorf("it is %s %s", r.Action, r.Reason)
		}
		if as := w.assets(); len(as["A"]) != 1 || len(as["B"]) != 1 {
			t.Errorf("A has %d assets, B %d", len(as["A"]), len(as["B"]))
		}
	})
}

func TestACreateStillCostsTwoRequestsAndARerunNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(200, tags("One"), func(i *manifest.Item) { i.Fields.Description = manifest.Some("about") })
		w.mustRun(0)
		b := w.tenant.Books()
		if b.Requests["postAssets"] != 200 || b.Requests["postAssetFiles"] != 200 || b.Requests["updateAsset"] != 0 {
			t.Errorf("requests %v", b.Requests)
		}
		w.tenant.ResetBooks()
		w.mustRun(0)
		if n := w.tenant.Books().Requests["getAssets"]; n > 0 {
			t.Errorf("a rerun asked for assets %d times", n)
		}
	})
}
