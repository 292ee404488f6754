package pipeline_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
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

var planWorlds = flag.Int("plan.worlds", 100, "number of worlds that TestLawsOfSavedPlans looks at")

// TestLawsOfSavedPlans holds on random worlds, some with what a crash left
// behind, some with a state that was rebuilt: a saved plan whose world stays as it is is carried out write by write,
// and the plan after it is empty; one whose runs are cut off, on a service that
// loses answers, is carried on by the same plan to the same end, and no row of it
// is stale; one whose world is touched is carried out but for exactly the rows
// that were touched, each with the reason that names what.
func TestLawsOfSavedPlans(t *testing.T) {
	writes, cuts, touched := 0, 0, map[string]int{}
	for seed := range uint64(*planWorlds) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			w, path, s := planned(t, rng)
			switch seed % 3 {
			case 0:
				writes += undisturbed(t, w, path, s)
			case 1:
				cuts += interrupted(t, rng, w, path)
			case 2:
				for _, reason := range disturbed(t, rng, w, path) {
					touched[reason]++
				}
			}
		})
		if t.Failed() {
			t.Fatalf("the world of seed %d", seed)
		}
	}
	t.Logf("%d worlds: %d writes as planned, %d runs cut off, refused: %v", *planWorlds, writes, cuts, touched)
	for _, reason := range []string{pipeline.StaleItem, pipeline.StaleFile, pipeline.StaleState, pipeline.StaleRemote} {
		if touched[reason] == 0 {
			t.Errorf("%s did not come up", reason)
		}
	}
}

// planned is a random world with a saved plan.
func planned(t *testing.T, rng *rand.Rand) (*world, string, pipeline.Summary) {
	t.Helper()
	w := newWorld(t, emulator.Options{ListLag: []time.Duration{0, time.Second}[rng.IntN(2)]})
	w.options.SettleTime = 8 * time.Second
	w.man.Update.Tags = []string{"add", "replace", "keep"}[rng.IntN(3)]
	w.man.Update.Conflicts = []string{"skip", "overwrite"}[rng.IntN(2)]
	for i := range 1 + rng.IntN(6) {
		w.add(fmt.Sprintf("ID-%d", i), text(rng), randomFields(rng))
	}
	for range rng.IntN(3) {
		cutOff(t, w, rng)
		<-time.After(time.Minute)
		if run := w.lastRun(); run != "" && rng.IntN(4) == 0 {
			if _, err := w.rollback(t.Context(), nil, rng.IntN(2) == 0, run); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute)
		}
		for _, item := range w.items {
			if w.record(item.ExternalID).Status == state.Done && len(w.assets()[item.ExternalID]) == 1 && rng.IntN(8) == 0 {
				w.archive(item.ExternalID)
			}
		}
		edit(w, rng)
	}
	for i := range rng.IntN(4) {
		w.add(fmt.Sprintf("MORE-%d", i), text(rng), randomFields(rng))
	}
	for _, item := range w.items {
		if len(w.assets()[item.ExternalID]) == 0 && item.URL == "" && item.Division == "Marketing" && w.record(item.ExternalID).Op == "" && rng.IntN(4) == 0 {
			w.prepared(item.ExternalID)
		}
	}
	<-time.After(time.Minute)
	if rng.IntN(5) == 0 {
		w.mustRebuild()
	}
	choice := pipeline.Choice{FullCheck: rng.IntN(3) == 0, Hash: rng.IntN(2) == 0, RetryFailed: true}
	path, s, _ := w.save(choice)
	<-time.After(time.Duration(rng.IntN(100)) * time.Hour)
	w.tenant.ResetBooks()
	return w, path, s
}

// lastRun is the last run that the state knows; "" when it knows none.
func (w *world) lastRun() string {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	runs, err := st.Runs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if len(runs) == 0 {
		return ""
	}
	return runs[len(runs)-1].ID
}

// cutOff runs, perhaps not to the end.
func cutOff(t *testing.T, w *world, rng *rand.Rand) {
	t.Helper()
	if at := 1 + rng.IntN(30); rng.IntN(2) == 0 {
		w.fail = func(n int) error {
			if n >= at {
				return errCrash
			}
			return nil
		}
	}
	if _, err := w.run(t.Context(), nil); err != nil && !errors.Is(err, errCrash) && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.fail = nil
}

func undisturbed(t *testing.T, w *world, path string, s pipeline.Summary) int {
	t.Helper()
	out, err := w.carry(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.stale(); len(got) > 0 {
		t.Errorf("stale, and nothing changed: %v", got)
	}
	api, puts := w.commits()
	most := s.Actions[pipeline.ActionResume] > 0 || w.unread(path)
	if api > s.Writes || puts > s.Puts || !most && (api != s.Writes || puts != s.Puts) {
		t.Errorf("%d writes and %d uploads, planned were %d and %d: %v, %v", api, puts, s.Writes, s.Puts, s.Actions, w.tenant.Books().Commits)
	}
	if n := s.Actions[pipeline.ActionConflict]; out.Status["conflict"] < n || out.Status["blocked"] > 0 {
		t.Errorf("%v, planned were %d conflicts", out.Status, n)
	}
	w.planIsEmpty()
	if t.Failed() {
		for _, r := range w.results {
			t.Logf("%s: %s %s %s %+v", r.ExternalID, r.Action, r.Reason, r.Status, r.Error)
		}
	}
	return api
}

// unread reports whether a row of a saved plan is open until its file is read.
func (w *world) unread(path string) bool {
	w.t.Helper()
	p, err := pipeline.OpenPlan(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer p.Close()
	return slices.ContainsFunc(w.items, func(i manifest.Item) bool {
		row, err := p.Row(i.ExternalID)
		return err == nil && row != nil && row.Basis.Unread
	})
}

// interrupted carries the plan out in runs that are cut off under faults, and then
// in one that is not. It returns how many were cut off.
func interrupted(t *testing.T, rng *rand.Rand, w *world, path string) (cuts int) {
	t.Helper()
	rate := func(most float64) float64 { return most * rng.Float64() }
	for range 1 + rng.IntN(4) {
		w.tenant.Chaos(rng.Uint64(), emulator.Rates{
			Status5xxAfter: rate(0.1), ResetBefore: rate(0.1), LostAfter: rate(0.2), Late: rate(0.1), Truncated: rate(0.1),
			StorageReset: rate(0.1), StorageLost: rate(0.2), StorageExpired: rate(0.1),
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		at, n := 1+rng.IntN(25), 0
		if rng.IntN(2) == 0 {
			w.fail = func(n int) error {
				if n >= at {
					return errCrash
				}
				return nil
			}
		} else {
			w.observe = func(pipeline.Event) {
				if n++; n == at {
					cancel(errCrash)
				}
			}
		}
		if out, err := w.carry(ctx, path, nil); err != nil || out.Err != nil {
			cuts++
		}
		w.fail, w.observe = nil, nil
		cancel(nil)
		if got := w.stale(); len(got) > 0 {
			t.Errorf("carried on, and stale are %v", got)
		}
		<-time.After(w.options.SettleTime)
		w.tenant.ClearFaults()
		<-time.After(time.Duration(rng.IntN(30)) * time.Minute)
	}
	out, err := w.carry(t.Context(), path, nil)
	if err == nil && out.Status["failed"] > 0 {
		out, err = w.carry(t.Context(), path, nil)
	}
	if err != nil || out.Err != nil {
		t.Fatal(err, out.Err)
	}
	if got := w.stale(); len(got) > 0 {
		t.Errorf("carried on to the end, and stale are %v", got)
	}
	w.checkBut(func(string, string) bool { return w.man.Update.Tags == "keep" })
	w.planIsEmpty()
	w.tenant.ResetBooks()
	if _, err := w.carry(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	if b := w.tenant.Books(); len(b.Commits) > 0 {
		t.Errorf("carried out once more, it changed %v", b.Commits)
	}
	if t.Failed() {
		for _, r := range w.results {
			t.Logf("%s: %s %s %s %+v\n%s", r.ExternalID, r.Action, r.Reason, r.Status, r.Error, w.story(r.ExternalID))
		}
	}
	return cuts
}

// disturbed touches some rows and demands that exactly these are refused.
func disturbed(t *testing.T, rng *rand.Rand, w *world, path string) map[string]string {
	t.Helper()
	p, err := pipeline.OpenPlan(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	want := map[string]string{}
	for i := range w.items {
		item := &w.items[i]
		id := item.ExternalID
		row, err := p.Row(id)
		if err != nil || row == nil {
			t.Fatalf("%s has no row: %v", id, err)
		}
		switch rng.IntN(10) {
		case 0:
			item.Fields.Description = manifest.Some("touched " + text(rng))
			want[id] = pipeline.StaleItem
		case 1:
			if item.URL == "" {
				w.files.put(item.Location.Path, "touched "+text(rng)+strings.Repeat(".", 50))
				want[id] = pipeline.StaleFile
			}
		case 2, 3:
			was := w.record(id)
			w.sel = pipeline.Selection{Only: func(other string) bool { return other == id }}
			if out, err := w.run(t.Context(), nil); err != nil || out.Err != nil {
				t.Fatal(err, out.Err)
			}
			w.sel = pipeline.Selection{}
			if r := w.result(id); r.Status == "done" || r.Status == "failed" || r.Status == "unchanged" && was.Unconfirmed {
				want[id] = pipeline.StaleState
			}
		case 4, 5:
			switch as := w.assets()[id]; {
			case row.Basis.Remote == nil: // what was not looked at may change
			case len(as) == 1:
				w.person(id, showpad.AssetFields{IsSensitive: showpad.Some(!as[0].IsSensitive)})
				want[id] = pipeline.StaleRemote
			case len(as) == 0 && row.Basis.State == nil:
				w.prepared(id)
				want[id] = pipeline.StaleRemote
			}
		}
	}
	<-time.After(time.Minute)
	before := w.assets()
	if _, err := w.carry(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.stale(); !maps.Equal(got, want) {
		t.Errorf("stale are %v, want %v", got, want)
	}
	after := w.assets()
	for _, r := range w.results {
		switch {
		case want[r.ExternalID] != "" && fmt.Sprint(after[r.ExternalID]) != fmt.Sprint(before[r.ExternalID]):
			t.Errorf("%s was written to, and its row is stale", r.ExternalID)
		case want[r.ExternalID] == "" && r.Status != "done" && r.Status != "unchanged" && r.Status != "conflict":
			t.Errorf("%s was not carried out: %s %+v", r.ExternalID, r.Status, r.Error)
		}
	}
	if len(w.results) != len(w.items) {
		t.Errorf("%d results for %d rows", len(w.results), len(w.items))
	}
	if t.Failed() {
		for _, r := range w.results {
			row, _ := p.Row(r.ExternalID)
			t.Logf("%s: planned %s %s, %s %s %s %+v", r.ExternalID, row.Action, row.Reason, r.Action, r.Reason, r.Status, r.Error)
		}
	}
	again, _, _ := w.save(pipeline.Choice{RetryFailed: true})
	if _, err := w.carry(t.Context(), again, nil); err != nil || len(w.stale()) > 0 {
		t.Errorf("planned again: %v, stale %v", err, w.stale())
	}
	w.planIsEmpty()
	return want
}
