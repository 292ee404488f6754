package pipeline

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// RollbackInput is what taking runs back starts from. Of the manifest only its
// ID is used, and there are no items and no sources: all is in the state.
type RollbackInput struct {
	RunInput          // Store is nil for a plan
	Runs     []string // ids of the runs to take back, in any order
	Delete   bool     // what they made is deleted for good instead of archived; tags too, when nothing uses them
}

// PlanRollback decides about every item that the runs changed, in order of
// external IDs, and yields its row. It writes nothing. What was sent without an
// answer is not waited for: such a row is ActionCheck, with the most that it can
// become. An error of yield ends it and is returned.
func PlanRollback(ctx context.Context, in RollbackInput, yield func(Row) error) (Summary, error) {
	var s Summary
	t, err := newTakeBack(ctx, &in)
	if err != nil {
		return s, err
	}
	for chunk, err := range t.chunks(ctx) {
		if err != nil {
			return s, err
		}
		for _, w := range chunk {
			s.Add(w.Row)
			if err := yield(w.Row); err != nil {
				return s, err
			}
		}
	}
	if err := t.stays(ctx, &s); err != nil {
		return s, err
	}
	if err := t.planCategories(ctx, &s); err != nil {
		return s, err
	}
	s.NewTags = []NewTag{}
	if s.OldTags, err = t.tagNames(ctx); err != nil {
		return s, err
	}
	s.Writes += len(s.OldTags)
	s.Reads = forecastReads(t.made(), &s) + in.Options.downloads(&s) + len(s.OldTags)
	return s, nil
}

// Rollback takes runs back: what they created is archived, or deleted, and what
// they changed becomes what it was before the first of them, unless somebody
// changed it since. It is a run of its own, which can be interrupted, repeated
// and taken back like any other. The outcome and the error are like those of
// [Run]; an item of which something was left as it is counts as a conflict.
func Rollback(ctx context.Context, in RollbackInput) (Outcome, error) {
	in.Manifest = &manifest.Manifest{ID: in.Manifest.ID}
	in.State = in.Store
	r := newRunner(&in.RunInput)
	out := Outcome{Run: in.ID, Start: in.Start}
	if stop, closes := r.curfew.closes(); closes {
		return out, stop
	}
	t, err := newTakeBack(ctx, &in) // before this run is one of the runs
	if err != nil {
		return out, err
	}
	if err := in.Store.SetRun(ctx, state.Run{ID: in.ID, Manifest: in.Manifest.ID, Start: in.Start.UTC(), Kept: in.Options.KeepReplaced}); err != nil {
		return out, err
	}
	items, err := t.count(ctx)
	if err != nil {
		return out, err
	}
	r.curfew.count(items)
	r.back, r.g, r.in.Sources = t, &t.gatherer, t.sources()
	r.emit(Started{Run: in.ID, Items: items, At: in.Start, Until: r.curfew.end()})

	r.carryOut(ctx, &out, func(ctx context.Context) error {
		err := r.backStages(ctx)
		if err == nil && in.Delete && !r.curfew.check() && !r.purse.closed() {
			if err = r.dropCategories(ctx); err == nil && !r.curfew.check() && !r.purse.closed() {
				err = r.dropTags(ctx)
			}
		}
		return err
	}, r.backNotReached)
	return out, nil
}

// takeBack is one rollback: which runs are taken back, and what it reads.
type takeBack struct {
	gatherer
	in    *RollbackInput
	runs  []state.Run // from the first one that is taken back, oldest first
	named map[string]bool
	kept  []string // folders with bytes that versions replaced, the newest run's first
}

// newTakeBack finds the runs. The error is a *StopError when the state knows one
// of them not.
func newTakeBack(ctx context.Context, in *RollbackInput) (*takeBack, error) {
	t := &takeBack{in: in, named: map[string]bool{}}
	t.gatherer.in = &in.Input
	all, err := in.State.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range in.Runs {
		if !slices.ContainsFunc(all, func(r state.Run) bool { return r.ID == id }) {
			return nil, &StopError{Code: 2, Err: fmt.Errorf("the state knows no run %s", id)}
		}
		t.named[id] = true
	}
	for _, run := range all {
		if run.ID != in.ID && (len(t.runs) > 0 || t.named[run.ID]) {
			t.runs = append(t.runs, run)
		}
		if run.Kept != "" && !slices.Contains(t.kept, run.Kept) {
			t.kept = append(t.kept, run.Kept)
		}
	}
	slices.Reverse(t.kept)
	return t, nil
}

// stays yields the shares and personal files that the runs made, see [Input.Extra]:
// nothing takes them back.
func (t *takeBack) stays(ctx context.Context, s *Summary) error {
	for _, kind := range []state.ExtraKind{state.MyFile, state.Share} {
		all, err := state.AllExtras(ctx, t.in.State, kind, "")
		if err != nil {
			return err
		}
		for _, e := range all {
			if !t.named[e.Run] || e.Status == state.ExtraFailed || e.Status == state.ExtraPending {
				continue
			}
			row := ExtraRow{Kind: kind, Key: e.Key, ID: e.ID, Name: extraTitle(&e), Action: ActionUnchanged, Reason: ReasonStays, Undo: UndoNone, Detail: "it cannot be taken back"}
			s.AddExtra(row)
			if t.in.Extra == nil {
				continue
			}
			if err := t.in.Extra(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// sources are the folders of kept bytes, by their path.
func (t *takeBack) sources() map[string]source.Source {
	m := map[string]source.Source{}
	for _, dir := range t.kept {
		m[dir] = keptFolder(dir)
	}
	return m
}

// backStages is stages for a rollback: what is decided is carried out, without
// creates.
func (r *runner) backStages(ctx context.Context) error {
	o := &r.in.Options
	g, ctx := errgroup.WithContext(ctx)
	busy, cancelBusy := context.WithCancelCause(ctx)
	defer cancelBusy(nil)
	r.busy = busy
	reads, end := r.looking(busy)
	defer end()
	r.reads = reads
	h := newHolding(r)

	g.Go(func() error { return r.backProduce(ctx, h) })
	r.workers(ctx, g, orInt(o.Uploads, 8), r.toTransfer[small], func(busy context.Context, w *work) error { return r.backTransfer(ctx, busy, w) })
	r.workers(ctx, g, orInt(o.Requests, 8), r.toUpdate[small], r.putBack)
	g.Go(func() error { return h.run(ctx) })
	g.Go(func() error { return r.settler.run(ctx) })
	g.Go(func() error { return r.drain(ctx, cancelBusy, r.open.none()) })
	return g.Wait()
}

// backProduce decides chunk after chunk and sends each item to its stage.
func (r *runner) backProduce(ctx context.Context, h *holding) error {
	defer r.open.last()
	for chunk, err := range r.back.chunks(r.reads) {
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if r.reads.Err() != nil {
				return nil // the rest is told as not reached
			}
			return r.readFailed(err)
		}
		for _, w := range chunk {
			n := w.Row.Writes
			if w.Need == NeedSettle {
				n = 2 // at most
			}
			if r.stopped() || n > 0 && !r.purse.start(w, n) {
				return nil // likewise
			}
			w.start = r.in.now()
			r.produced++
			r.open.add()
			if w.Need == NeedSettle {
				if err := h.add(ctx, w); err != nil {
					return err
				}
				continue
			}
			if err := r.backRoute(ctx, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// backRoute sends a decided item to the stage that it needs next.
func (r *runner) backRoute(ctx context.Context, w *work) error {
	r.tally.plan(w)
	r.emit(Decided{Row: w.Row})
	switch w.Row.Action {
	case ActionConflict:
		if len(w.back.spared) > 0 && w.endsWrite() {
			return r.endWrite(ctx, w)
		}
		return r.finish(ctx, w, "conflict", nil)
	case ActionUnchanged:
		return r.leftAlone(ctx, w)
	}
	w.touched, w.outlived = w.differs(), true
	if w.back.asset == "" { // from here on the create is known to have been carried out
		if err := r.foundAsset(ctx, w); err != nil {
			return err
		}
	}
	w.name, w.slug = w.Asset.Name, w.Asset.Slug
	switch {
	case w.Row.Step == state.Processing: // the bytes went already
		if err := r.rehash(ctx, w, true); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return r.fail(ctx, w, FailedSource, err)
		}
		return r.watch(ctx, w)
	case w.Upload:
		return r.send(ctx, r.toTransfer, w)
	}
	return r.send(ctx, r.toUpdate, w)
}

// backTransfer is the transfer of bytes that were kept.
func (r *runner) backTransfer(ctx, uploads context.Context, w *work) error {
	if r.stopped() {
		return r.leave(ctx, w)
	}
	if w.md5 == nil {
		if err := r.rehash(uploads, w, true); err != nil {
			if uploads.Err() != nil {
				return context.Cause(uploads)
			}
			return r.fail(ctx, w, FailedSource, err)
		}
	}
	return r.transfer(ctx, uploads, w)
}

// backNotReached tells of the items that a stop kept from being decided.
func (r *runner) backNotReached(ctx context.Context) error {
	if !r.stopped() {
		return nil
	}
	n := 0
	for group, err := range r.back.groups(ctx) {
		if err != nil {
			return err
		}
		for _, w := range group.works() {
			if n++; n <= r.produced {
				continue
			}
			w.Row.Reason = ReasonNotReached
			r.report(w, string(state.Pending), nil)
		}
	}
	return nil
}
