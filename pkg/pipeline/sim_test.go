package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestSimulation is the whole life of a small library under faults: runs that
// are cut off anywhere, on a service that loses answers, is slow, lags and
// refuses, with clocks that jump and credentials that expire; edits between
// them; until runs in peace. What it demands at each step is that no external ID
// has two assets and that what is called done is; and in the end all the promises:
// exactly one asset for each external ID, verified, and a plan with nothing left.
func TestSimulation(t *testing.T) {
	seeds(t, 100, simulate)
	a, d, s := simPruned.archived.Load(), simPruned.deleted.Load(), simPruned.spared.Load()
	t.Logf("of what left its manifest %d were archived, %d deleted or never made, %d spared", a, d, s)
	t.Logf("%d files were sent before the manifest was read", simEarly.Load())
	t.Logf("%d assets were not read because an export shows them as before", simExports.Load())
	if !t.Failed() && *simSeed == 0 && *simFor == 0 && simExports.Load() == 0 {
		t.Error("no export was of use: this proves nothing")
	}
	if !t.Failed() && *simSeed == 0 && *simFor == 0 && (a == 0 || d == 0) {
		t.Error("nothing was pruned: this proves nothing")
	}
}

// sim is one simulated library.
type sim struct {
	*world
	rng    *rand.Rand
	people *people
	trees  *rand.Rand // of tag categories; nil: the manifest has none
	ends   *rand.Rand // of deadlines of runs
	// exports is of what happens before full checks are compared; nil: none reads an
	// export.
	exports *rand.Rand
	lag     time.Duration // until a list shows a new asset
	// readLag says that a new asset cannot be read by its id either.
	readLag bool
	sign    *signIn  // OAuth; nil: a personal token
	budget  *rolling // of the runs in the storm; nil: none

	retries int // of the client
	// hasty is a person who edits the manifest right after a run and runs again. Where
	// an update is carried out late although a repeat of it was answered, it may then
	// come after the next one: that is not promised.
	hasty bool
}

func simulate(t *testing.T, seed uint64) {
	s := newSim(t, seed)
	for range 1 + s.rng.IntN(3) {
		for range 1 + s.rng.IntN(3) {
			s.stormyRun()
		}
		s.calm()
		if !s.hasty {
			// People take longer than a request that was lost on its way.
			<-time.After(s.options.SettleTime)
			if s.chance(0.5) {
				s.people.edit(s.rng)
			}
		}
		edit(s.world, s.rng)
		if s.trees != nil && !s.hasty {
			grow(s.world, s.trees)
		}
	}
	s.peace()
	s.sameByExports()
}

func (s *sim) chance(p float64) bool { return s.rng.Float64() < p }

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// upTo is a random duration from 0 to d.
func (s *sim) upTo(d time.Duration) time.Duration { return time.Duration(s.rng.Int64N(int64(d) + 1)) }

func newSim(t *testing.T, seed uint64) *sim {
	rng := rand.New(rand.NewPCG(seed, 1))
	s := &sim{rng: rng, lag: pick(rng, 0, 100*time.Millisecond, 700*time.Millisecond, 3*time.Second, 6*time.Second)}
	// The service's clock is wrong, or ours is.
	offset := pick(rng, 0, 0, 0, 7*time.Hour, -5*time.Hour)
	o := emulator.Options{
		Seed: seed, ListLag: s.lag, Now: func() time.Time { return time.Now().Add(offset) },
		Processing: pick(rng, 0, 0, 0, time.Second, time.Second, time.Second, 20*time.Second, 20*time.Second, 10*time.Minute, 3*time.Hour),
		OAuth:      emulator.OAuth{AccessLife: pick(rng, time.Hour, time.Hour, 5*time.Minute, 20*time.Second), KeepRefreshToken: s.chance(0.3)},
		Switches: emulator.Switches{
			DropTags: s.chance(0.2), ResetPermissions: s.chance(0.3), SnapDates: s.chance(0.2), FoldTags: s.chance(0.3),
			IgnoreFileName: s.chance(0.3), TrimDescriptions: s.chance(0.2),
		},
	}
	if s.chance(0.1) {
		s.readLag, o.Switches.ReadLag = true, emulator.Duration(s.lag)
	}
	if s.chance(0.1) {
		o.Switches.Rate, o.Switches.Burst = 1+20*rng.Float64(), 1+rng.IntN(10)
		o.Budget.Advice = pick(rng, emulator.AdviceSeconds, emulator.AdviceDate, emulator.AdviceNone)
	}
	if s.chance(0.05) {
		o.Budget.Limit, o.Budget.Window = 80+rng.IntN(200), s.upTo(2*time.Hour)+time.Minute
	}
	if s.chance(0.1) {
		o.Switches.Checksum = emulator.ChecksumUpperHex
	}
	s.world = newWorld(t, o)
	w := s.world
	w.options = pipeline.WithLimits(pipeline.Options{
		// A request that is carried out late is up to 2 s late (emulator.Rates).
		SettleTime: s.lag + 3*time.Second + s.upTo(pick(rng, 5*time.Second, time.Minute)),
		Uploads:    1 + rng.IntN(4), Requests: 1 + rng.IntN(4), Hashers: 1 + rng.IntN(2),
		LookupMaxAge: pick(rng, 0, time.Nanosecond, time.Millisecond, time.Minute), Retries: pick(rng, 1, 3, 20), RetryFailed: true,
		Drain: pick(rng, 0, time.Second), Wait: pick(rng, 0, 0, 0, 5*time.Minute, -1),
		// Less than Wait, mostly: a stuck file fails in the run that waits for it.
		ProcessingTimeout: pick(rng, 16*time.Minute, 16*time.Minute, 16*time.Minute, 0),
		MaxFailures:       pick(rng, 0, 0, 0, 2),
	}, pick(rng, 0, 1, 2, 5), pick(rng, 0, 0, 1, -1), pick(rng, 0, 0, 1, 2))
	if o.Processing == 3*time.Hour {
		w.options.ProcessingTimeout = 0
		if s.chance(0.2) {
			w.options.Wait = 4 * time.Hour // longer than a token lives
		}
	}
	s.hasty = s.chance(0.3)
	if s.chance(0.25) {
		s.sign = newSignIn(s)
	}
	w.configure = func(c *showpad.Config) {
		c.Retries = s.retries
		c.Observe = func(call showpad.Call) {
			s.trace("%s %d %v", call.Op, call.Status, call.Err)
		}
		if s.sign != nil {
			c.Token = s.sign.source()
		}
		if s.budget != nil {
			c.Gate = showpad.NewPacedGate(showpad.GateConfig{InFlight: w.options.Requests, Budget: s.budget})
		}
	}
	if rng := rand.New(rand.NewPCG(seed, 9)); rng.IntN(6) == 0 {
		s.budget = &rolling{limit: 8 + rng.IntN(60), reserve: rng.IntN(6), window: time.Minute + time.Duration(rng.Int64N(int64(2*time.Hour)))}
		w.options.Budget = s.budget
	}
	if s.chance(0.5) {
		w.man.Update.Tags = pick(rng, "replace", "keep")
	}
	if s.chance(0.25) {
		w.man.Update.Conflicts = "overwrite"
	}
	if s.chance(0.2) {
		noNewTags(w)
	}
	for i := range 1 + rng.IntN(8) {
		w.add(fmt.Sprintf("ID-%d", i), text(rng), randomFields(rng))
	}
	s.ends = rand.New(rand.NewPCG(seed, 7))
	if trees := rand.New(rand.NewPCG(seed, 5)); trees.IntN(4) == 0 {
		s.trees = trees
		grow(w, trees)
	}
	first := rand.New(rand.NewPCG(seed, 6))
	w.late = first.IntN(4) == 0
	if first.IntN(2) == 0 { // it takes a while to read the manifest
		w.before = func(ctx context.Context) error {
			select {
			case <-time.After(time.Duration(first.Int64N(int64(5 * time.Second)))):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	if e := rand.New(rand.NewPCG(seed, 11)); e.IntN(3) == 0 {
		s.exports = e
		w.options = pipeline.WithExports(w.options)
		if rows := e.IntN(4); rows > 0 {
			w.tenant.Switch(func(sw *emulator.Switches) { sw.ExportRows = rows })
		}
	}
	s.people = newPeople(w)
	w.man.Prune, w.leaves = pick(rng, pipeline.PruneKeep, pipeline.PruneArchive, pipeline.PruneArchive, pipeline.PruneDelete), s.chance(0.7)
	w.options.AllowDelete = true
	return s
}

// peace demands that runs get through now, and that the one after them has
// nothing to do. A file that got stuck in processing before fails first, and what
// the service still processes takes its time.
func (s *sim) peace() {
	w, t := s.world, s.world.t
	w.options.MaxFailures = 0
	s.budget, w.options.Budget = nil, nil
	w.tenant.SetBudget(emulator.Budget{})
	w.options.FullCheck = s.chance(0.3) || w.man.Update.Conflicts == "overwrite"
	var out pipeline.Outcome
	for try := 1; ; try++ {
		var err error
		if out, err = w.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		open := 0
		for _, r := range w.results {
			// What cannot be read yet after it was made may look as if it were gone.
			if !r.OK() && (r.Status != "conflict" || r.Reason == pipeline.ConflictMissing && s.readLag) {
				open++
			}
		}
		if open == 0 || try == 8 {
			break
		}
		<-time.After(25 * time.Hour)
	}
	code := 0
	if s.people.check()+s.checkLeft(out) > 0 {
		code = 3
	}
	w.want(out, code)
	for _, r := range w.results {
		if r.Status == "failed" {
			t.Logf("%s: %s", r.ExternalID, w.story(r.ExternalID))
		}
	}
	w.checkBut(s.people.excused)
	if s.trees != nil {
		s.grown()
	}
	s.checkResults(out, nil)
	if s, rows := w.plan(); s.Writes > 0 || s.Work() {
		t.Errorf("after %q the plan is not empty: %v", out.Sentence, s.Actions)
		for _, r := range rows {
			t.Logf("%s %s %s %s", r.ExternalID, r.Action, r.Reason, diffText(r))
		}
	}
	<-time.After(w.options.SettleTime) // what earlier runs sent is not carried out later than that
	w.tenant.ResetBooks()
	w.mustRun(code)
	b := w.tenant.Books()
	delete(b.Commits, emulator.OpToken)
	if len(b.Commits) > 0 {
		t.Errorf("a second run changed something: %v", b.Commits)
	}
}

// sameByExports demands that a full check by exports sees what one by look-ups sees.
func (s *sim) sameByExports() {
	if s.exports == nil {
		return
	}
	w, t := s.world, s.world.t
	<-time.After(time.Hour)
	s.people.edit(s.exports)
	edit(w, s.exports)
	<-time.After(time.Hour)
	w.options.FullCheck = true
	by := map[bool]string{}
	for _, lookUps := range []bool{false, true} {
		w.options.LookUpsOnly = lookUps
		sum, rows := w.plan()
		if e := sum.Export; e != nil {
			simExports.Add(int64(e.AsBefore))
		}
		var b strings.Builder
		for _, r := range rows {
			reason := strings.TrimSuffix(r.Reason, "-provisional")
			fmt.Fprintf(&b, "%s %s %s %s %d %d%s\n", r.ExternalID, r.Action, reason, r.AssetID, r.Writes, r.Puts, diffText(r))
		}
		by[lookUps] = b.String()
	}
	w.options.FullCheck, w.options.LookUpsOnly = false, false
	if d := cmp.Diff(by[true], by[false]); d != "" {
		t.Errorf("by look-ups (-) and by exports (+): %s", d)
	}
}

var simExports atomic.Int64 // known assets that an export spared

// checkResults demands what holds after every run, whatever ended it: at most one
// asset for each external ID, one row for each item (unless the run was killed),
// and that what a row calls done is at the service with these bytes.
func (s *sim) checkResults(out pipeline.Outcome, err error) {
	w, t := s.world, s.world.t
	b := w.tenant.Books()
	if len(b.Duplicates) > 0 {
		t.Fatalf("duplicates: %v", b.Duplicates)
	}
	if b := s.budget; b != nil && b.most > b.limit {
		t.Errorf("%d requests within %s, of %d", b.most, b.window, b.limit)
	}
	killed := err != nil || errors.Is(out.Err, errCrash) || errors.Is(out.Err, errDiskFull)
	results := ofItems(w.results)
	if n := len(w.results) - len(results); !killed && n != len(w.man.TagCategories) {
		t.Errorf("%d results of categories for %d after %q, %v", n, len(w.man.TagCategories), out.Sentence, out.Err)
	}
	listed := 0
	for _, r := range results {
		if !r.Unlisted {
			listed++
		} else if p := out.Plan.Prune; !killed && (p == nil || p.Refused() || p.Off != "") {
			t.Errorf("%s is pruned, and that was refused: %+v", r.ExternalID, p)
		}
	}
	if !killed && listed != len(w.items) {
		t.Errorf("%d results for %d items after %q, %v", listed, len(w.items), out.Sentence, out.Err)
	}
	rows := map[string]bool{}
	byID := map[string]emulator.Asset{}
	for _, a := range w.tenant.Assets() {
		byID[a.ID] = a
	}
	for _, r := range results {
		if rows[r.ExternalID] {
			t.Errorf("%s has two rows", r.ExternalID)
		}
		rows[r.ExternalID] = true
		if r.Status != "done" || r.Action == "" || r.Unlisted { // without a decision it is what an earlier run noted
			continue
		}
		a := byID[r.AssetID]
		if a.ExternalID != r.ExternalID || a.Status != "active" || a.URL == "" && a.MD5 != r.MD5 {
			t.Errorf("%s (%s %s) is called done with MD5 %s, and the service has %s %q with %s\n%s", r.ExternalID, r.Action, r.Reason, r.MD5, a.Status, a.ExternalID, a.MD5, w.story(r.ExternalID))
		}
	}
}

// trace logs what happens, with the time of the simulation, if -sim.trace says so.
func (s *sim) trace(format string, args ...any) {
	if *simTrace {
		s.world.t.Logf("%s %s", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
	}
}

func diffText(r pipeline.Row) string {
	var b strings.Builder
	for _, d := range r.Diff {
		fmt.Fprintf(&b, " %s: %s -> %s", d.Field, d.Remote, d.Wanted)
	}
	return b.String()
}
