package pipeline

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// StopError is what stops a command before any item is touched, with its exit
// code: problems of the manifest that only the service could tell (2), or
// something that the whole run depends on (1, 4).
type StopError struct {
	Code     int
	Problems manifest.Problems // may be empty
	Err      error             // may be nil
}

func (e *StopError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.Problems.Error()
}

func (e *StopError) Unwrap() error { return e.Err }

// prepare reads what every decision needs: the names that items use. The error
// is a *StopError when the manifest names what the service does not know. With
// early, the first items are looked up meanwhile.
func prepare(ctx context.Context, in *Input, early *early) (*gatherer, *census, error) {
	c, err := takeCensus(ctx, in, early.head(in))
	if err != nil {
		return nil, nil, err
	}
	if err := affords(in.Options.Budget, c.requests()); err != nil {
		return nil, nil, err
	}
	asking, cancel := context.WithCancel(ctx)
	var asked sync.WaitGroup
	asked.Go(func() { early.ask(asking, in, c.head) })
	dir, problems, err := c.load(ctx, in)
	if err != nil || len(problems) > 0 {
		cancel()
	}
	asked.Wait()
	cancel()
	c.head = nil
	if err != nil {
		return nil, nil, err
	}
	if len(problems) > 0 {
		return nil, nil, &StopError{Code: 2, Problems: problems}
	}
	if in.Options.extrasDoubt, err = doubtsExtras(ctx, in); err != nil {
		return nil, nil, err
	}
	return &gatherer{in: in, dir: dir, start: in.Start, twins: c.tagTwins(dir), api: in.API, listed: c.listed, early: early, items: in.Select.count(c.items)}, c, nil
}

// Plan decides every selected item and yields its row, in the manifest's
// order; then the extras, see [Input.Extra]. It writes nothing, but for the cache of checksums. An error of yield
// ends it and is returned.
func Plan(ctx context.Context, in Input, yield func(Row) error) (Summary, error) {
	g, _, err := prepare(ctx, &in, nil)
	if err != nil {
		return Summary{}, err
	}
	return g.plan(ctx, func(w *work) error { return yield(w.Row) }, func(*extraWork) error { return nil })
}

// plan decides every selected item, and then the extras.
func (g *gatherer) plan(ctx context.Context, yield func(*work) error, extra func(*extraWork) error) (Summary, error) {
	if !g.in.Select.narrow() {
		g.extras = newExtras(g.in)
	}
	s := Summary{TagTwins: g.twins}
	if err := g.takeInventory(ctx, true); err != nil {
		return s, err
	}
	tags := tagCensus{}
	moves := moves{g: g}
	var load Workload
	for chunk, err := range g.chunks(ctx) {
		if err != nil {
			return s, err
		}
		if err := g.hashSome(ctx, chunk, runtime.GOMAXPROCS(0), func(w *work) bool {
			return (g.in.Options.Hash || racy(w)) && !w.facts.Info.Offline // planning downloads nothing
		}); err != nil {
			return s, err
		}
		if err := moves.find(ctx, chunk); err != nil {
			return s, err
		}
		for _, w := range chunk {
			s.Add(w.Row)
			load.add(&w.Row)
			g.planned(w)
			tags.add(w.item.Division, newTags(w.Set), 1)
			if err := yield(w); err != nil {
				return s, err
			}
		}
	}
	if err := g.planPruning(ctx, &s, moves.taken, yield); err != nil {
		return s, err
	}
	err := g.planExtras(ctx, func(w *extraWork) error {
		s.AddExtra(w.Row)
		tags.add(w.Row.Division, w.newTags, 0)
		if err := extra(w); err != nil || g.in.Extra == nil {
			return err
		}
		return g.in.Extra(w.Row)
	})
	if err != nil {
		return s, err
	}
	g.exposed(&s)
	tags.into(&s)
	s.Export = g.byExport()
	s.Reads = forecastReads(g.runReads(g.made(), &s), &s) + g.in.Options.downloads(&s)
	if b := &g.in.Options.Given; b.Budget > 0 {
		s.Budget = &PlanBudget{b.Budget, b.Window, b.Reserve}
	}
	s.Forecast, err = g.forecast(ctx, load, &s)
	return s, err
}

// forecast says how long a run of this plan takes.
func (g *gatherer) forecast(ctx context.Context, load Workload, s *Summary) (*Forecast, error) {
	m, err := measured(ctx, g.in.State)
	if err != nil {
		return nil, err
	}
	if load.total(s); s.Writes+s.Puts+load.HashFiles == 0 {
		load.Requests = 0 // nothing but the reads that the plan has made as well
	}
	o := &g.in.Options
	given := o.Given
	given.Drain = o.drain()
	f := Foresee(load, given.paces(o, m), given, g.in.Start)
	return &f, nil
}

// racy reports whether a file has to be read only because its bytes were
// hashed when they were too young for their time to tell anything. Such files
// are few, and reading them is what makes a plan after a run empty.
func racy(w *work) bool {
	rec := w.facts.Record
	return rec != nil && rec.Status == state.Done && rec.ModTime == 0
}

// hashAll settles every decision of a chunk that takes reading a file.
func (g *gatherer) hashAll(ctx context.Context, chunk []*work, hashers int) error {
	return g.hashSome(ctx, chunk, hashers, func(*work) bool { return true })
}

// hashSome computes the checksums that decisions need, decides again, and asks
// the service for what that made necessary.
func (g *gatherer) hashSome(ctx context.Context, chunk []*work, hashers int, which func(*work) bool) error {
	eg, hctx := errgroup.WithContext(ctx)
	eg.SetLimit(hashers)
	for _, w := range chunk {
		if w.Need == NeedHash && which(w) {
			eg.Go(func() error { return g.hash(hctx, w) })
		}
	}
	if err := eg.Wait(); err != nil {
		return err
	}
	return g.readRemote(ctx, chunk)
}

// hash computes the MD5 of w's file and decides again.
func (g *gatherer) hash(ctx context.Context, w *work) error {
	src, err := sourceOf(g.in.Sources, w.item.Location)
	if err == nil {
		hashed := g.in.now()
		var sum []byte
		var info source.Info
		if sum, info, err = g.in.hashFile(ctx, src, w.item.Location, false); err == nil {
			w.took(sum, info, hashed)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.facts.SourceErr = err
	g.decide(w)
	return nil
}

// downloads is how many links to bytes a run asks for, to keep what versions replace.
func (o *Options) downloads(s *Summary) int {
	if o.KeepReplaced == "" {
		return 0
	}
	return s.Actions[ActionVersion]
}

// forecastReads is the number of reads of a run like this plan: those of the
// plan itself, and the batched polls of what it uploads.
func forecastReads(made int, s *Summary) int {
	polls := 0
	if s.Puts > 0 {
		polls = 4 + s.Puts/50
	}
	return made + polls + s.Variants // whose primaries are read
}

// LintSummary counts what Lint saw.
type LintSummary struct{ Items, Stop, Block, Warn int }

// Lint reports every problem that keeps an item, or an extra, from running: of files, and,
// unless Input.API is nil, of names that only the service knows. Of files in
// folders a little is read, of others nothing. The problems of
// the manifest alone are those of expand.Set.Check, which comes first.
func Lint(ctx context.Context, in Input, report func(manifest.Problem)) (LintSummary, error) {
	var s LintSummary
	g := &gatherer{in: &in, start: in.Start}
	c, err := takeCensus(ctx, &in, 0)
	if err != nil {
		return s, err
	}
	if in.API != nil {
		dir, problems, err := c.load(ctx, &in)
		if err != nil {
			return s, err
		}
		for _, p := range problems {
			s.Stop++
			report(p)
		}
		g.dir = dir
	}
	if g.listed = c.listed; in.API != nil {
		g.api = in.API
	}
	for _, p := range c.tagTwins(g.dir) {
		s.Warn++
		report(p)
	}
	api, like := in.API, newThere(g)
	in.API = nil // files and names only: nothing is asked about single items
	for chunk, err := range g.chunks(ctx) {
		if err != nil {
			return s, err
		}
		if err := g.inspect(ctx, chunk); err != nil {
			return s, err
		}
		for _, w := range chunk {
			s.Items++
			like.add(w)
			for _, p := range lintItem(w) {
				if p.Class == manifest.Warn {
					s.Warn++
				} else {
					s.Block++
				}
				report(p)
			}
		}
	}
	in.API = api
	blocks := func(p manifest.Problem) {
		if p.Class == manifest.Warn {
			s.Warn++
		} else {
			s.Block++
		}
		report(p)
	}
	if !in.Select.narrow() { // else a run leaves them alone
		if err := newMyFiles(&in).lint(ctx, g, blocks); err != nil {
			return s, err
		}
	}
	if api == nil {
		return s, nil
	}
	if s.Stop == 0 && !in.Select.narrow() { // names that nobody knows were told
		asked := in
		asked.API = api
		extra := &gatherer{in: &asked, api: api, dir: g.dir, start: g.start, listed: g.listed}
		if err := extra.lintCategories(ctx, blocks); err != nil {
			return s, err
		}
		if err := newShares(&asked).lint(ctx, extra, blocks); err != nil {
			return s, err
		}
	}
	return s, like.find(ctx, api, func(p manifest.Problem) {
		s.Warn++
		report(p)
	})
}

// lintItem is what blocks an item or is warned about, beyond its own problems.
func lintItem(w *work) []manifest.Problem {
	var ps []manifest.Problem
	for _, p := range w.facts.Refs.Warnings {
		p.ExternalID = w.item.ExternalID
		ps = append(ps, p)
	}
	for _, r := range w.facts.Refs.Problems {
		ps = append(ps, manifest.Problem{Pos: w.item.FieldPos(r.Field), Code: blockCodes[r.Reason], Class: manifest.Block, What: r.What, Fix: r.Fix, ExternalID: w.item.ExternalID})
	}
	if w.item.URL == "" && !blockedByManifest(&w.item) {
		if reason, detail := sourceProblem(&w.item, w.facts.Info, w.facts.SourceErr); reason != "" {
			ps = append(ps, manifest.Problem{Pos: w.item.FieldPos("file"), Code: blockCodes[reason], Class: manifest.Block, What: detail, ExternalID: w.item.ExternalID})
		} else if w.finding.Protected {
			p := manifest.NewProblem("M117", w.item.FieldPos("file"), w.item.Location.String()+" opens with a password only",
				"save it without one; Showpad can probably not show it")
			p.ExternalID = w.item.ExternalID
			ps = append(ps, p)
		}
	}
	return ps
}

// blockCodes are the problem codes of what blocks a row.
var blockCodes = map[string]string{
	BlockedMissing: "M111", BlockedSource: "M112", BlockedAmbiguous: "M113", BlockedEmpty: "M114", BlockedTooBig: "M115", BlockedWebPage: "M116",
	BlockedAuthor: "M121", BlockedTag: "M122", BlockedPrimary: "M178", BlockedOwner: "M165", BlockedInactive: "M165", BlockedQuota: "M166",
}
