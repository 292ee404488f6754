package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// variantOf makes an item a variant of another one; "" makes it none.
func variantOf(externalID string) func(*manifest.Item) {
	return func(i *manifest.Item) {
		if i.Fields.Localization = manifest.Null[manifest.Primary](); externalID != "" {
			i.Fields.Localization = manifest.Some(manifest.Primary{ExternalID: externalID})
		}
	}
}

// variants are the external IDs of assets with those of their primaries.
func (w *world) variants() string {
	ids := map[string]string{}
	for _, a := range w.tenant.Assets() {
		ids[a.ID] = a.ExternalID
	}
	var all []string
	for _, a := range w.tenant.Assets() {
		if a.Primary != "" {
			all = append(all, a.ExternalID+" of "+ids[a.Primary])
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (w *world) wantVariants(want string) {
	w.t.Helper()
	if got := w.variants(); got != want {
		w.t.Errorf("variants are %q, want %q", got, want)
	}
}

// item is the item with an external ID.
func (w *world) item(id string) *manifest.Item {
	i := slices.IndexFunc(w.items, func(i manifest.Item) bool { return i.ExternalID == id })
	if i < 0 {
		w.t.Fatalf("no item %s", id)
	}
	return &w.items[i]
}

func TestVariantsAreLinkedAfterTheItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: time.Second})
		w.add("DE", "de", variantOf("EN"))
		w.add("FR", "fr", variantOf("EN"))
		w.add("EN", "en")
		w.add("X", "x", variantOf("")) // which a new one is not anyway
		s, rows := w.plan()
		if rows[0].Writes != 3 || rows[2].Writes != 2 || rows[3].Writes != 2 || s.Writes != 10 || s.Variants != 2 {
			t.Errorf("%d writes, %d variants, rows %+v", s.Writes, s.Variants, rows)
		}
		if d := rows[0].Diff; len(d) != 1 || d[0].Field != "localization" || string(d[0].Wanted) != `"EN"` {
			t.Errorf("difference %+v", d)
		}
		w.planIsTheRun()
		w.wantVariants("DE of EN, FR of EN")
		w.check()

		// Another primary, and none.
		w.item("X").Fields.Localization = manifest.Opt[manifest.Primary]{}
		variantOf("X")(w.item("FR"))
		w.planIsTheRun()
		w.wantVariants("DE of EN, FR of X")
		w.item("FR").Fields.Description = manifest.Some("together with a field")
		variantOf("")(w.item("FR"))
		if r := w.action("FR"); r.Writes != 2 || r.Action != pipeline.ActionUpdate {
			t.Errorf("%+v", r)
		}
		w.planIsTheRun()
		w.wantVariants("DE of EN")

		// What the manifest does not say stays.
		w.item("DE").Fields.Localization = manifest.Opt[manifest.Primary]{}
		w.planIsTheRun()
		w.wantVariants("DE of EN")
		variantOf("")(w.item("EN")) // it is a primary, and no variant
		w.planIsTheRun()
		w.wantVariants("DE of EN")
		if sum, diffs, _ := w.verify(); sum.OK != 4 {
			t.Errorf("verify: %+v %v", sum, diffs)
		}
	})
}

func TestManyVariantsOfOnePrimary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		stranger, primary := w.prepared("OTHER"), w.prepared("P")
		_, err := w.client().UpdateAsset(t.Context(), primary, showpad.AssetFields{Localization: showpad.Some(showpad.Localization{
			Primary: showpad.LinkedAsset{Asset: showpad.Ref{ID: primary}}, Variants: []showpad.Variant{{Asset: showpad.VariantAsset{ID: stranger}}},
		})})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 49 {
			w.add(fmt.Sprintf("V%02d", i), fmt.Sprint(i), func(i *manifest.Item) { i.Fields.Localization = manifest.Some(manifest.Primary{ID: primary}) })
		}
		w.mustRun(0)
		if n := strings.Count(w.variants(), " of P"); n != 50 {
			t.Errorf("%d variants, want 50 with that of somebody else: %s", n, w.variants())
		}
		w.add("ONE-MORE", "x", variantOf("P")) // by look-up: the manifest does not list it
		out := w.mustRun(3)
		if r := w.results[len(w.results)-1]; r.Status != "failed" || !strings.Contains(r.Error.Message, "would have 51 variants") || out.Status["unchanged"] != 49 {
			t.Errorf("%+v %+v", out.Status, r.Error)
		}
		if r := w.action("ONE-MORE"); r.Reason != pipeline.BlockedFailed {
			t.Errorf("tried again without being asked: %+v", r)
		}
	})
}

func TestAVariantWhosePrimaryIsNotThereWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("EN", "en")
		w.add("DE", "de", variantOf("EN"))
		en := w.files.get("EN.txt")
		delete(w.files.m, "EN.txt")
		w.mustRun(3)
		i := slices.IndexFunc(w.results, func(r pipeline.Result) bool { return r.ExternalID == "DE" })
		if r := w.results[i]; r.Status != "pending" || r.Action != pipeline.ActionCreate || r.Error == nil || r.Error.Code != pipeline.FailedPrimary || r.AssetID == "" {
			t.Errorf("%+v %+v", r, r.Error)
		}
		w.files.m["EN.txt"] = en
		w.planIsTheRun()
		w.wantVariants("DE of EN")
		w.check()

		// Not selected, and not there.
		w.add("IT", "it", variantOf("ES"))
		w.add("ES", "es")
		w.sel = pipeline.Selection{Only: func(id string) bool { return id == "IT" }}
		w.mustRun(3)
		w.sel = pipeline.Selection{}
		w.planIsTheRun()
		w.wantVariants("DE of EN, IT of ES")
	})
}

func TestAnUnknownPrimaryBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		there := w.prepared("THERE")
		w.prepared("TWIN")
		w.prepared("TWIN")
		for i, p := range []manifest.Primary{{ExternalID: "NOWHERE"}, {ExternalID: "TWIN"}, {ID: "nowhere"}, {ExternalID: "THERE"}, {ID: there}} {
			w.add(fmt.Sprint("V", i), fmt.Sprint(i), func(i *manifest.Item) { i.Fields.Localization = manifest.Some(p) })
		}
		_, rows := w.plan()
		var got []string
		for _, r := range rows {
			got = append(got, string(r.Action)+" "+r.Reason)
		}
		if want := []string{"blocked primary-unknown", "blocked primary-unknown", "blocked primary-unknown", "create new", "create new"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		w.mustRun(3)
		w.wantVariants("V3 of THERE, V4 of THERE")
		w.add("W", "w", func(i *manifest.Item) { i.Fields.Localization = manifest.Some(manifest.Primary{ExternalID: "V3"}) })
		w.mustRun(3) // the check of manifests refuses that; the service would
		if r := w.results[len(w.results)-1]; r.Status != "failed" || !strings.Contains(r.Error.Message, "is itself a variant of asset "+there) {
			t.Errorf("%+v", r)
		}
	})
}

// TestAPersonsPrimaryIsAConflict: like any other field that a person changed.
func TestAPersonsPrimaryIsAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("EN", "en")
		w.add("US", "us")
		w.add("DE", "de", variantOf("EN"))
		w.mustRun(0)
		all := w.assets()
		link := func(primary string) {
			_, err := w.client().UpdateAsset(t.Context(), all["DE"][0].ID, showpad.AssetFields{Localization: showpad.Some(showpad.Localization{
				Primary: showpad.LinkedAsset{Asset: showpad.Ref{ID: primary}}, Variants: []showpad.Variant{{Asset: showpad.VariantAsset{ID: all["DE"][0].ID}}},
			})})
			if err != nil {
				t.Fatal(err)
			}
		}
		link(all["US"][0].ID)
		if r := w.action("DE"); r.Action != pipeline.ActionUnchanged {
			t.Errorf("the state alone decides: %+v", r)
		}
		w.options.FullCheck = true
		if r := w.action("DE"); r.Action != pipeline.ActionConflict || r.Reason != pipeline.ConflictChanged || r.Writes != 0 {
			t.Errorf("%+v", r)
		}
		if sum, diffs, _ := w.verify(); sum.Different != 1 || !strings.Contains(strings.Join(diffs, " "), "localization") {
			t.Errorf("verify: %+v %v", sum, diffs)
		}
		w.man.Update.Conflicts = "overwrite"
		w.planIsTheRun()
		w.wantVariants("DE of EN")

		// Its primary was deleted and is made anew: nobody's value goes.
		w.man.Update.Conflicts, w.options.FullCheck = "skip", false
		w.deletes(all["EN"][0].ID)
		w.wantVariants("")
		w.options.Recreate = func(id string) bool { return id == "EN" }
		w.mustRun(0)
		w.options.Recreate = nil
		w.planIsTheRun()
		w.wantVariants("DE of EN")
	})
}

func TestALinkIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("EN", "en")
		w.add("US", "us")
		w.add("DE", "de", variantOf("EN"))
		w.add("FR", "fr", variantOf("EN"))
		w.mustRun(0) // run-1
		variantOf("US")(w.item("DE"))
		w.item("DE").Fields.Description = manifest.Some("about")
		variantOf("")(w.item("FR"))
		w.mustRun(0) // run-2
		w.wantVariants("DE of US")
		w.mustRollback(0, false, "run-2")
		w.wantVariants("DE of EN, FR of EN")
		if a := w.assets()["DE"][0]; a.Description != "" {
			t.Errorf("its description is %q", a.Description)
		}
		w.mustRollback(0, false, "run-2") // nothing more
		w.planIsTheRun()
		w.wantVariants("DE of US")
		w.mustRollback(0, true, "run-1", "run-2", "run-3", "run-4", "run-5", "run-6")
	})
}

// TestLinksWithoutAState: a variant that was made and not linked yet is no
// conflict, and one that is linked is as wanted.
func TestLinksWithoutAState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("EN", "en")
		w.add("DE", "de", variantOf("EN"))
		w.add("FR", "fr", variantOf("EN"))
		w.mustRun(0)
		_, err := w.client().UpdateAsset(t.Context(), w.assets()["DE"][0].ID, showpad.AssetFields{Localization: showpad.Null[showpad.Localization]()})
		if err != nil {
			t.Fatal(err)
		}
		w.mustRebuild()
		if r := w.action("FR"); r.Writes != 0 {
			t.Errorf("%+v", r)
		}
		if r := w.action("DE"); r.Action != pipeline.ActionUpdate || r.Writes != 1 {
			t.Errorf("%+v", r)
		}
		w.planIsTheRun()
		w.wantVariants("DE of EN, FR of EN")
	})
}

// TestLinksSurviveFaults: each answer to an update lost, refused or late, and a run
// that is cut off at each write of the state. In the end all are linked, once.
func TestLinksSurviveFaults(t *testing.T) {
	scene := func(t *testing.T) *world {
		w := newWorld(t, emulator.Options{})
		w.add("DE", "de", variantOf("EN"))
		w.add("FR", "fr", variantOf("EN"), func(i *manifest.Item) { i.Fields.Description = manifest.Some(" normalised ") })
		w.add("EN", "en")
		w.add("US", "us")
		return w
	}
	until := func(t *testing.T, w *world, code int) {
		t.Helper()
		w.options.RetryFailed = true
		for range 20 {
			if out, err := w.run(t.Context(), nil); err == nil && out.Code == code {
				w.planIsEmpty()
				return
			}
		}
		t.Errorf("never done: %+v", w.results)
	}
	for _, kind := range []emulator.Kind{emulator.KindLost, emulator.KindReset, emulator.KindStatus, emulator.KindLate} {
		for nth := range 3 {
			t.Run(fmt.Sprintf("%s %d", kind, nth), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := scene(t)
					w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: kind, Status: 500, Nth: nth + 1, Count: 10, Delay: emulator.Duration(time.Second)})
					_, _ = w.run(t.Context(), nil)
					w.tenant.ClearFaults()
					if out := w.results; kind == emulator.KindLate && !slices.ContainsFunc(out, func(r pipeline.Result) bool { return r.ExternalID == "DE" && r.Status == "failed" }) {
						<-time.After(2 * time.Second) // a repetition was answered, and nobody waits for the first attempt
					}
					variantOf("US")(w.item("DE"))
					until(t, w, 0)
					<-time.After(time.Minute)
					w.wantVariants("DE of US, FR of EN")
					w.check()
				})
			})
		}
	}
	for n := 1; n < 60; n++ {
		cut := false
		synctest.Test(t, func(t *testing.T) {
			w := scene(t)
			w.fail = func(i int) error {
				if i >= n {
					cut = true
					return context.DeadlineExceeded
				}
				return nil
			}
			_, _ = w.run(t.Context(), nil)
			w.fail = nil
			until(t, w, 0)
			w.wantVariants("DE of EN, FR of EN")
			w.check()
		})
		if !cut {
			if n < 10 {
				t.Errorf("the state was written %d times", n)
			}
			return
		}
	}
}

// TestAStopBeforeTheLinksLeavesThem: told as not reached, and linked by the next run.
func TestAStopBeforeTheLinksLeavesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("EN", "en")
		w.add("DE", "de", variantOf("EN"))
		stop := make(chan struct{})
		w.observe = func(e pipeline.Event) {
			if f, ok := e.(pipeline.Finished); ok && f.Result.ExternalID == "EN" {
				close(stop)
				w.observe = nil
			}
		}
		if _, err := w.run(t.Context(), stop); err != nil {
			t.Fatal(err)
		}
		w.oneRowEach()
		w.wantVariants("")
		w.planIsTheRun()
		w.wantVariants("DE of EN")
	})
}

// TestASavedPlanIsContinuedWithItsLinks: what a run of it made and did not link yet
// is not stale.
func TestASavedPlanIsContinuedWithItsLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("EN", "en")
		w.add("DE", "de", variantOf("EN"))
		path, _, _ := w.save(pipeline.Choice{})
		w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindStatus, Status: 401, Count: -1})
		out, err := w.carry(t.Context(), path, nil)
		if err != nil || out.Code != 4 {
			t.Fatalf("%+v %v", out, err)
		}
		w.tenant.ClearFaults()
		w.mustCarry(0, path)
		w.wantVariants("DE of EN")
		w.planIsEmpty()
	})
}

func TestWhyOfALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("EN", "en")
		w.add("DE", "de", variantOf("EN"))
		w.mustRun(0)
		st := w.open()
		defer func() { _ = st.Close() }()
		story, err := pipeline.Why(t.Context(), st, "DE")
		if err != nil || story.Record.Op != state.Update || story.Record.Status != state.Done {
			t.Fatalf("%+v %v", story, err)
		}
	})
}
