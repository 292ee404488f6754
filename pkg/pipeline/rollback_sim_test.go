package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestRollbackRestores is the law of the way back, on random libraries, tenants
// and edits, under faults: after some runs were taken back, what they made is in
// the trash and what they changed is as it was before, as far as their plans said
// undo: full; what a person touched since is as the person left it; the manifest
// brings all of it back; and a rollback can be taken back like any other run.
func TestRollbackRestores(t *testing.T) { seeds(t, 30, rollBack) }

// back is the world of one seed.
type back struct {
	*world
	rng    *rand.Rand
	partly map[string]bool   // external IDs whose bytes need not go back
	theirs map[string]string // descriptions that people wrote since, by asset
	runs   []string          // the runs to take back
	delete bool              // what they made goes for good
}

func rollBack(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	chance := func(p float64) bool { return rng.Float64() < p }
	pick := func(ds ...time.Duration) time.Duration { return ds[rng.IntN(len(ds))] }
	w := newWorld(t, emulator.Options{
		Seed: seed, KeepBytes: true, ListLag: pick(0, 700*time.Millisecond, 3*time.Second), Processing: pick(0, time.Second, 20*time.Second),
		Switches: emulator.Switches{
			DropTags: chance(0.2), ResetPermissions: chance(0.3), SnapDates: chance(0.2), FoldTags: chance(0.3), TrimDescriptions: chance(0.2),
		},
	})
	w.options = pipeline.Options{
		SettleTime: 8 * time.Second, Uploads: 1 + rng.IntN(4), Requests: 1 + rng.IntN(4), Retries: 20, RetryFailed: true, ProcessingTimeout: 25 * time.Minute,
	}
	if chance(0.5) {
		w.man.Update.Tags = []string{"replace", "keep"}[rng.IntN(2)]
	}
	if chance(0.3) {
		w.man.Update.Conflicts = "overwrite"
	}
	if chance(0.5) {
		w.options.KeepReplaced = filepath.Join(fastDir(t), "kept")
	}
	b := &back{world: w, rng: rng, partly: map[string]bool{}, theirs: map[string]string{}}
	for i := range rng.IntN(5) {
		w.add(fmt.Sprintf("ID-%d", i), text(rng), randomFields(rng))
	}
	b.settle(-1)
	for i := range rng.IntN(3) { // what others made, with and without bytes
		id := fmt.Sprintf("FOUND-%d", i)
		w.add(id, text(rng), randomFields(rng))
		w.items[len(w.items)-1].Division, w.items[len(w.items)-1].URL = "Marketing", ""
		item := &w.items[len(w.items)-1]
		if item.Location.Path == "" {
			item.Location.Path, item.File, item.Fields.Name = id+".txt", id+".txt", manifest.Opt[string]{}
		}
		content := ""
		if chance(0.5) {
			content = text(rng)
		}
		w.found(id, manifest.AssetName(*item), content)
	}
	<-time.After(time.Hour)
	before := b.byAsset()

	first := w.runs + 1
	for range 1 + rng.IntN(2) {
		<-time.After(time.Second) // a file that changes has another time
		edit(w, rng)
		if chance(0.6) {
			turbulence(t, w, rng, func(ctx context.Context, stop <-chan struct{}) (pipeline.Outcome, error) {
				out, err := w.run(ctx, stop)
				b.note()
				return out, err
			})
			<-time.After(w.options.SettleTime)
			w.tenant.ClearFaults()
		}
		if chance(0.7) {
			b.settle(-1)
		}
	}
	<-time.After(w.options.SettleTime)
	b.runs = b.known(first)
	if len(b.runs) == 0 {
		return
	}
	after := b.byAsset()
	rolls, people := w.runs+1, chance(0.4)
	if people {
		b.touch()
	}
	b.delete = chance(0.3)
	b.take(b.runs)
	b.compare("taken back", before, b.byAsset(), func(a emulator.Asset) bool { return a.IsArchived && !b.delete || b.theirs[a.ID] != "" })
	w.tenant.ResetBooks()
	b.take(b.runs)
	if n := w.tenant.Books().Commits; n["updateAsset"]+n["deleteAsset"]+n["postAssetFiles"] > 0 {
		t.Errorf("repeated, it changed something: %v", n)
	}
	if !people && !b.delete && chance(0.4) {
		b.take(b.known(rolls))
		b.compare("and taken back again", after, b.byAsset(), func(emulator.Asset) bool { return false })
	}
	out := b.settle(-1)
	if !people && out.Status["conflict"] == 0 {
		w.checkBut(func(string, string) bool { return w.man.Update.Tags == "keep" })
	}
	w.planIsEmpty()
}

// known are the runs from the nth on that the state knows: one that was cut off
// at once left nothing.
func (b *back) known(n int) (runs []string) {
	b.t.Helper()
	st := b.open()
	defer func() { _ = st.Close() }()
	all, err := st.Runs(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range all {
		var k int
		if _, err := fmt.Sscanf(r.ID, "run-%d", &k); err != nil {
			b.t.Fatal(err)
		}
		if k >= n {
			runs = append(runs, r.ID)
		}
	}
	return runs
}

// settle runs in peace until nothing fails; code -1 is any.
func (b *back) settle(code int) pipeline.Outcome {
	b.t.Helper()
	b.tenant.ClearFaults()
	b.fail = nil
	var out pipeline.Outcome
	var err error
	for range 3 {
		out, err = b.run(b.t.Context(), nil)
		b.note()
		if err != nil {
			b.t.Fatal(err)
		}
		if out.Status["failed"] == 0 {
			break
		}
	}
	if out.Code != 0 && out.Code != 3 || code >= 0 && out.Code != code {
		b.t.Fatalf("code %d: %s, %v", out.Code, out.Sentence, out.Err)
	}
	return out
}

// note keeps which rows could not be taken back as a whole.
func (b *back) note() {
	for _, r := range b.rows {
		if r.Undo != pipeline.UndoFull {
			b.partly[r.ExternalID] = true
		}
	}
}

// take takes runs back, perhaps under faults, until nothing is left to do.
func (b *back) take(runs []string) {
	b.t.Helper()
	if b.rng.IntN(2) == 0 {
		turbulence(b.t.(*testing.T), b.world, b.rng, func(ctx context.Context, stop <-chan struct{}) (pipeline.Outcome, error) {
			return b.rollback(ctx, stop, b.delete, runs...)
		})
		<-time.After(b.options.SettleTime)
	}
	b.tenant.ClearFaults()
	b.fail = nil
	for try := range 4 {
		out, err := b.rollback(b.t.Context(), nil, b.delete, runs...)
		if err != nil && !errors.Is(err, errCrash) {
			b.t.Fatal(err)
		}
		processing := false
		for _, r := range b.results {
			// A row has one code, and a sentence for each of its reasons.
			if r.Error != nil && (r.Error.Code == pipeline.ConflictProcessing || strings.Contains(r.Error.Message, "still processes a version")) {
				processing, b.partly[r.ExternalID] = true, true // it may be stuck for good
			}
		}
		if out.Status["failed"] == 0 && (!processing || try > 1) {
			if out.Code != 0 && out.Code != 3 {
				b.t.Fatalf("code %d: %s, %v", out.Code, out.Sentence, out.Err)
			}
			return
		}
		<-time.After(30 * time.Minute)
	}
	for _, r := range b.results {
		b.t.Logf("%s: %s %s %s %+v", r.ExternalID, r.Action, r.Reason, r.Status, r.Error)
	}
	b.t.Fatal("the rollback does not get to its end")
}

// touch is what people do to some assets after the runs.
func (b *back) touch() {
	for _, a := range b.tenant.Assets() {
		if b.rng.IntN(3) == 0 {
			b.theirs[a.ID] = "theirs: " + text(b.rng)
			if _, err := b.patient().UpdateAsset(b.t.Context(), a.ID, description(b.theirs[a.ID])); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// byAsset is what people see of the assets, by id.
func (w *world) byAsset() map[string]emulator.Asset {
	m := map[string]emulator.Asset{}
	for _, a := range w.tenant.Assets() {
		a.UpdatedAt, a.CurrentFile, a.Files = time.Time{}, "", 0
		a.Description = strings.TrimSpace(a.Description) // processing may do so, whoever sent it
		m[a.ID] = a
	}
	return m
}

// compare demands that assets are as they were; gone says of an asset that was
// not there whether it is as it has to be.
func (b *back) compare(when string, was, is map[string]emulator.Asset, made func(emulator.Asset) bool) {
	b.t.Helper()
	failed := false
	for id, now := range is {
		then, known := was[id]
		if !known {
			if !made(now) {
				failed = true
				b.t.Errorf("%s: %s is still in the library\n%s", when, now.ExternalID, b.story(now.ExternalID))
			}
			continue
		}
		if text := b.theirs[id]; text != "" {
			if now.Description != text {
				b.t.Errorf("%s: the description of %s is %q, and a person wrote %q", when, now.ExternalID, now.Description, text)
			}
			then.Description = text
		}
		if b.partly[now.ExternalID] || then.Status != "active" { // it was processed meanwhile
			then.MD5, then.Size, then.Status = now.MD5, now.Size, now.Status
		}
		if fmt.Sprintf("%+v", then) != fmt.Sprintf("%+v", now) {
			failed = true
			b.t.Errorf("%s: %s\nis  %+v\nwas %+v\n%s", when, now.ExternalID, now, then, b.story(now.ExternalID))
		}
	}
	for id := range was {
		if _, ok := is[id]; !ok {
			b.t.Errorf("%s: asset %s of %s is gone", when, id, was[id].ExternalID)
		}
	}
	if failed {
		for n := range b.world.runs {
			for id, c := range b.changes(fmt.Sprintf("run-%d", n+1)) {
				b.t.Logf("run-%d %s %s %s: %s > %s", n+1, id, c.Op, c.AssetID, show(c.Before), show(c.After))
			}
		}
		for _, r := range b.results {
			b.t.Logf("%s: %s %s %s %+v", r.ExternalID, r.Action, r.Reason, r.Status, r.Error)
		}
	}
}

func show[V ~[]byte](m map[string]V) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+string(m[k]))
	}
	return strings.Join(parts, " ")
}

// turbulence runs something a few times under faults; each time it may be cut off by a
// state that cannot be written any more, which is what a crash looks like, or be
// asked to stop, or be left at once.
func turbulence(t *testing.T, w *world, rng *rand.Rand, run func(context.Context, <-chan struct{}) (pipeline.Outcome, error)) {
	rate := func(most float64) float64 { return most * rng.Float64() }
	for range 1 + rng.IntN(3) {
		w.tenant.Chaos(rng.Uint64(), emulator.Rates{
			Status5xx: rate(0.1), Status5xxAfter: rate(0.05), ResetBefore: rate(0.1), LostAfter: rate(0.15), Late: rate(0.1), TooMany: rate(0.05),
			HTML: rate(0.03), Truncated: rate(0.05), Slow: rate(0.05),
			Storage503: rate(0.1), StorageReset: rate(0.1), StorageLost: rate(0.1), StorageExpired: rate(0.05), Storage500: rate(0.05),
		})
		for range rng.IntN(3) {
			kind := []emulator.Kind{emulator.KindProcessingFails, emulator.KindProcessingStuck}[rng.IntN(2)]
			w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: kind, Nth: 1 + rng.IntN(6)})
		}
		w.fail = nil
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := make(chan struct{})
		var stopped bool
		switch rng.IntN(4) {
		case 0: // crash: from the nth commit on nothing is written
			at := 1 + rng.IntN(40)
			w.fail = func(n int) error {
				if n >= at {
					return errCrash
				}
				return nil
			}
		case 1, 2: // Ctrl-C, once or twice, at some event
			at, hard := 1+rng.IntN(40), rng.IntN(2) == 0
			n := 0
			w.observe = func(pipeline.Event) {
				if n++; n == at {
					if hard {
						cancel(errCrash)
					} else if !stopped {
						stopped = true
						close(stop)
					}
				}
			}
		}
		_, err := run(ctx, stop)
		w.observe = nil
		cancel(nil)
		if err != nil && !errors.Is(err, errCrash) && !errors.Is(err, context.Canceled) {
			// The service may be unreachable for long enough to end a run: that is
			// told, not hidden, and the next run goes on.
			t.Logf("run ended with: %v", err)
		}
		w.fail = nil
		dups := w.tenant.Books().Duplicates
		if len(dups) > 0 {
			t.Fatalf("duplicates: %v", dups)
		}
		if rng.IntN(3) == 0 {
			<-time.After(time.Duration(rng.IntN(1200)) * time.Second)
		}
	}
}
