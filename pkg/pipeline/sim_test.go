package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestSimulation is the whole life of a small library under faults: runs that
// are cut off anywhere, on a service that loses answers, is slow, lags and
// refuses; edits between them; until a last run in peace. What it demands then
// are the promises: exactly one asset for each external ID, verified, and a plan
// with nothing left.
func TestSimulation(t *testing.T) { seeds(t, 100, simulate) }

func simulate(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	pick := func(ds ...time.Duration) time.Duration { return ds[rng.IntN(len(ds))] }
	chance := func(p float64) bool { return rng.Float64() < p }

	w := newWorld(t, emulator.Options{
		Seed: seed, ListLag: pick(0, 100*time.Millisecond, 700*time.Millisecond, 3*time.Second),
		Processing: pick(0, time.Second, 20*time.Second, 10*time.Minute),
		Switches: emulator.Switches{
			DropTags: chance(0.2), ResetPermissions: chance(0.3), SnapDates: chance(0.2), FoldTags: chance(0.3),
			IgnoreFileName: chance(0.3), TrimDescriptions: chance(0.2),
		},
	})
	w.options = pipeline.Options{
		SettleTime: 8 * time.Second, Uploads: 1 + rng.IntN(4), Requests: 1 + rng.IntN(4), Hashers: 1 + rng.IntN(2),
		LookupMaxAge: pick(0, time.Millisecond, time.Minute), Retries: 20, RetryFailed: true,
	}
	w.options.ProcessingTimeout = 25 * time.Minute // less than --wait: a stuck file fails in the run that waits for it
	if chance(0.5) {
		w.man.Update.Tags = []string{"replace", "keep"}[rng.IntN(2)]
	}
	if chance(0.25) {
		w.man.Update.Conflicts = "overwrite"
	}
	if chance(0.2) {
		noNewTags(w)
	}
	for i := range 1 + rng.IntN(8) {
		w.add(fmt.Sprintf("ID-%d", i), text(rng), randomFields(rng))
	}
	p := newPeople(w)
	for range 1 + rng.IntN(3) {
		turbulent(t, w, rng)
		// People take longer than a request that was lost on its way.
		<-time.After(w.options.SettleTime)
		w.tenant.ClearFaults()
		if chance(0.5) {
			p.edit(rng)
		}
		edit(w, rng)
	}
	// Peace: the next run has to get through, and the one after it has nothing to
	// do. A file that got stuck in processing before fails first.
	w.tenant.ClearFaults()
	w.fail = nil
	w.options.FullCheck = chance(0.3) || w.man.Update.Conflicts == "overwrite"
	out, err := w.run(t.Context(), nil)
	if err == nil && out.Status["failed"] > 0 {
		out, err = w.run(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	code := 0
	if p.check() > 0 {
		code = 3
	}
	w.want(out, code)
	for _, r := range w.results {
		if r.Status == "failed" {
			t.Logf("%s: %s", r.ExternalID, w.story(r.ExternalID))
		}
	}
	w.checkBut(p.excused)
	if len(w.results) != len(w.items) {
		t.Errorf("%d results for %d items", len(w.results), len(w.items))
	}
	if s, rows := w.plan(); s.Writes > 0 || s.Work() {
		t.Errorf("after %q the plan is not empty: %v", out.Sentence, s.Actions)
		for _, r := range rows {
			t.Logf("%s %s %s %s", r.ExternalID, r.Action, r.Reason, diffText(r))
		}
	}
	w.tenant.ResetBooks()
	w.mustRun(code)
	if b := w.tenant.Books(); len(b.Commits) > 0 {
		t.Errorf("a second run changed something: %v", b.Commits)
	}
}

func diffText(r pipeline.Row) string {
	var b strings.Builder
	for _, d := range r.Diff {
		fmt.Fprintf(&b, " %s: %s -> %s", d.Field, d.Remote, d.Wanted)
	}
	return b.String()
}

// turbulent runs a few times under faults; each run may be cut off by a state
// that cannot be written any more, which is what a crash looks like, or be
// asked to stop, or be left at once.
func turbulent(t *testing.T, w *world, rng *rand.Rand) {
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
		_, err := w.run(ctx, stop)
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

var errCrash = errors.New("crash")

func text(rng *rand.Rand) string {
	return strings.Repeat(string(rune('a'+rng.IntN(26))), 1+rng.IntN(40))
}

func randomFields(rng *rand.Rand) func(*manifest.Item) {
	names := []string{"Sales", "EMEA", "sales tips", "2026"}
	return func(i *manifest.Item) {
		f := &i.Fields
		l := []manifest.Tag{}
		for _, n := range names[:rng.IntN(len(names)+1)] {
			l = append(l, manifest.Tag{Name: n})
		}
		f.Tags = manifest.Some(l)
		if rng.IntN(2) == 0 {
			f.Description = manifest.Some("about " + text(rng) + []string{"", " "}[rng.IntN(2)])
		}
		if rng.IntN(2) == 0 {
			f.IsShareable = manifest.Some(rng.IntN(2) == 0)
		}
		if rng.IntN(4) == 0 {
			i.Division = "Sales EMEA"
		}
		if rng.IntN(5) == 0 {
			link(i)
		}
		if rng.IntN(3) == 0 {
			f.IsAnnotatable = manifest.Some(rng.IntN(2) == 0)
		}
		if rng.IntN(3) == 0 {
			f.ExpiresAt = manifest.Some(manifest.Instant{At: time.Date(2031, 5, 1+rng.IntN(20), 12, 0, 0, 0, time.UTC)})
		}
		if rng.IntN(4) == 0 {
			f.ReleasedAt = manifest.Some(manifest.Instant{Relative: "+1 months", Months: 1})
		}
		if rng.IntN(3) == 0 {
			f.Languages = manifest.Some([]string{"en", "de"}[:1+rng.IntN(2)])
		}
		if rng.IntN(3) == 0 {
			f.DownloadableExternal = manifest.Some([]string{"pdf", "original"}[:rng.IntN(3)])
		}
	}
}

// noNewTags makes all tags at the service, and forbids to make any.
func noNewTags(w *world) {
	w.man.CreateTags = manifest.CreateNoTags
	for _, d := range []string{emulator.DivisionMarketing, emulator.DivisionSales} {
		for _, name := range []string{"Sales", "EMEA", "sales tips", "2026", "T0", "T1", "T2"} {
			if _, err := w.client().CreateTag(w.t.Context(), d, name); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// edit changes the manifest and the files, as people do between runs.
func edit(w *world, rng *rand.Rand) {
	for i := range w.items {
		item := &w.items[i]
		switch rng.IntN(6) {
		case 0:
			if item.URL != "" {
				item.URL += "/" + text(rng)
				continue
			}
			w.files.put(item.Location.Path, text(rng))
		case 3:
			if item.URL == "" { // touched, not changed
				w.files.put(item.Location.Path, string(w.files.get(item.Location.Path).data))
			}
		case 1:
			item.Fields.Description = manifest.Some("now " + text(rng))
		case 2:
			tags := append([]manifest.Tag{}, item.Fields.Tags.Value...)
			item.Fields.Tags = manifest.Some(append(tags, manifest.Tag{Name: fmt.Sprintf("T%d", rng.IntN(3))}))
		}
	}
	if rng.IntN(3) == 0 {
		w.add(fmt.Sprintf("NEW-%d", len(w.items)), text(rng), randomFields(rng))
	}
}
