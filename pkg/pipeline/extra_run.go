package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// extraRun is what a run knows of its extras.
type extraRun struct {
	mu     sync.Mutex
	works  map[state.ExtraKind][]*extraWork // of the kinds whose phase has begun
	held   []Result                         // until the items have theirs
	toTell bool                             // results are told as they come
}

// phases does the work of a run, one thing after the other. A stop begins no
// further one.
func (r *runner) phases(ctx context.Context) error {
	for _, phase := range []func(context.Context) error{
		func(ctx context.Context) error { return r.runExtras(ctx, state.TagCategory) },
		r.items,
		r.prune,
		func(context.Context) error { r.tellExtras(); return nil },
		func(ctx context.Context) error { return r.runExtras(ctx, state.MyFile) },
		func(ctx context.Context) error { return r.runExtras(ctx, state.Share) },
	} {
		if r.ending() {
			return nil
		}
		if err := phase(ctx); err != nil {
			return err
		}
	}
	return nil
}

// runExtras decides the extras of a kind, if the manifest has any, and carries
// them out.
func (r *runner) runExtras(ctx context.Context, kind state.ExtraKind) error {
	for _, x := range r.g.extras {
		if x.kind() != kind {
			continue
		}
		if r.curfew.check() {
			return nil
		}
		if err := r.in.Store.Flush(ctx); err != nil { // what the phase before wrote decides
			return err
		}
		if !r.purse.fits(2, 0) { // it reads before it decides
			return nil
		}
		err := r.phase(ctx, func(busy context.Context) error {
			looking, end := r.looking(busy)
			defer end()
			works, err := r.g.decideExtras(looking, x)
			if err != nil {
				return r.extrasUnread(ctx, looking, err)
			}
			r.extra.mu.Lock()
			r.extra.works[kind] = works
			r.extra.mu.Unlock()
			return r.carryExtras(ctx, busy, x, works)
		})
		if err != nil {
			return err
		}
	}
	if r.plan != nil && !r.ending() {
		r.goneExtras(kind)
	}
	return nil
}

// goneExtras refuses the rows of a saved plan that the manifest no longer has.
func (r *runner) goneExtras(kind state.ExtraKind) {
	for _, was := range r.plan.Extras {
		if was.Kind != kind || was.met {
			continue
		}
		w := &extraWork{Row: was.ExtraRow, start: time.Now()}
		r.tally.planExtra(w)
		r.blockExtra(w, StaleItem, "the manifest no longer has it"+planAgain)
	}
}

// extrasUnread ends a phase whose facts could not be read. With the drain time of
// a stop over, all of it is told as not reached.
func (r *runner) extrasUnread(ctx, busy context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if busy.Err() != nil {
		return nil
	}
	return r.readFailed(err)
}

// carryExtras tells what is decided, finishes what needs nothing, and has the
// kind carry out the rest.
func (r *runner) carryExtras(ctx, busy context.Context, x extras, works []*extraWork) error {
	var todo []*extraWork
	needed := 0 // requests
	for _, w := range works {
		if r.stopped() {
			return nil
		}
		if needed += w.Row.Writes; w.Row.Writes > 0 && !r.purse.fits(needed, 0) {
			break // the rest is told as not reached
		}
		if r.plan != nil {
			r.plan.compareExtra(w)
		}
		w.start = time.Now()
		r.tally.planExtra(w)
		r.emit(ExtraDecided{Row: w.Row})
		switch w.Row.Action {
		case ActionUnchanged:
			if w.Row.Detail != "" {
				r.emit(Warned{Code: w.Row.Reason, ExternalID: w.Row.Key, Text: w.Row.Detail})
			}
			r.finishExtra(w, "unchanged", nil)
		case ActionBlocked:
			r.finishExtra(w, "blocked", nil)
		case ActionConflict:
			if err := r.conflictExtra(ctx, w); err != nil {
				return err
			}
		default:
			todo = append(todo, w)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	err := x.run(busy, r, todo)
	if err != nil && ctx.Err() == nil && errors.Is(err, errDrained) {
		return nil // the rest is told as not reached
	}
	return err
}

// conflictExtra finishes an extra that only a person can decide about. One that
// an earlier process left while it was being sent is unknown from now on.
func (r *runner) conflictExtra(ctx context.Context, w *extraWork) error {
	if w.Row.Reason != ConflictUnknown {
		r.finishExtra(w, "conflict", nil)
		return nil
	}
	if w.rec.Status == state.ExtraSending {
		run := w.rec.Run // what it was sent by
		if err := r.putExtra(ctx, w, func(e *state.Extra) { e.Status, e.Run = state.ExtraUnknown, run }); err != nil {
			return err
		}
	}
	r.finishExtra(w, string(state.ExtraUnknown), nil)
	return nil
}

// phase runs f with a context that ends when the drain time of a stop is over.
func (r *runner) phase(ctx context.Context, f func(busy context.Context) error) error {
	busy, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.drain(ctx, cancel, over) }) // it has no error
	defer wg.Wait()
	defer close(over)
	return f(busy)
}

// putExtra writes the next record of w, the last one with step applied, and waits
// until it is on disk. What has happened is written even while the run is being
// left: give it a context without an end.
func (r *runner) putExtra(ctx context.Context, w *extraWork, step func(*state.Extra)) error {
	e := state.Extra{Status: state.ExtraPending}
	if w.rec != nil {
		e = *w.rec
	}
	e.Kind, e.Key, e.Owner, e.Run = w.Row.Kind, w.Row.Key, r.in.Manifest.ID, r.in.ID
	step(&e)
	if err := r.in.Store.PutExtra(ctx, e); err != nil {
		return &stateFailed{fmt.Errorf("writing the state of %s %s: %w", e.Kind, e.Key, err)}
	}
	w.rec = &e
	return nil
}

// failExtra gives w up: the reason is kept, and shown.
func (r *runner) failExtra(ctx context.Context, w *extraWork, code string, err error) error {
	f := &state.Failure{Code: code, Message: err.Error()}
	perr := r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) {
		e.Status, e.Error, e.Wanted = state.ExtraFailed, f, w.wanted
	})
	if perr != nil {
		return perr
	}
	r.countFailure()
	r.finishExtra(w, string(state.ExtraFailed), f)
	return nil
}

// lostExtra ends w with its answer lost: it is neither made nor failed.
func (r *runner) lostExtra(ctx context.Context, w *extraWork, err error) error {
	f := &state.Failure{Code: ConflictUnknown, Message: fmt.Sprintf("%v; nothing tells whether it was made: look in Showpad, and if it is not there run with --recreate %s", err, w.Row.Key)}
	perr := r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) { e.Status, e.Error = state.ExtraUnknown, f })
	if perr != nil {
		return perr
	}
	r.finishExtra(w, string(state.ExtraUnknown), f)
	return nil
}

// blockExtra ends w as blocked: what it depends on is not there.
func (r *runner) blockExtra(w *extraWork, reason, detail string) {
	w.block(reason, detail)
	r.finishExtra(w, "blocked", nil)
}

// unsentExtra takes an intent back: the request was refused before it did
// anything, or never left. w goes on to its result.
func (r *runner) unsentExtra(ctx context.Context, w *extraWork, before *state.Extra) error {
	return r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) {
		e.Status, e.Error = state.ExtraPending, nil
		if before != nil {
			e.Status, e.Error, e.Run, e.Wanted = before.Status, before.Error, before.Run, before.Wanted
		}
	})
}

// refusedExtra handles the error of a request that makes w, which was sent with
// kind [showpad.KindCreate] after its intent was written; before is the record
// before that. It returns an error only when the run cannot go on.
func (r *runner) refusedExtra(ctx context.Context, w *extraWork, before *state.Extra, err error) error {
	verdict := showpad.Classify(showpad.KindCreate, err)
	if errors.Is(err, showpad.ErrUnknownOutcome) { // it was under way when this run was told to leave
		verdict = showpad.Resolve
	}
	switch verdict {
	case showpad.Resolve:
		if lerr := r.lostExtra(ctx, w, err); lerr != nil {
			return lerr
		}
		return r.left(ctx)
	case showpad.StopRun: // refused as a whole: nothing was made
		r.stop(stopRun(err))
		return r.unsentExtra(ctx, w, before)
	case showpad.Cancelled: // it never left
		if uerr := r.unsentExtra(ctx, w, before); uerr != nil {
			return uerr
		}
		return r.left(ctx)
	case showpad.Retry:
		return r.failExtra(ctx, w, FailedUnavailable, err)
	}
	return r.failExtra(ctx, w, FailedRefused, err)
}

// left is the end of ctx, nil while it has none.
func (r *runner) left(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// finishExtra is the end of an extra in this run.
func (r *runner) finishExtra(w *extraWork, status string, f *state.Failure) {
	if f == nil && (status == "conflict" || status == "blocked" || status == string(state.ExtraUnknown)) {
		f = &state.Failure{Code: w.Row.Reason, Message: w.Row.Detail}
	}
	row := &w.Row
	res := Result{
		Kind: row.Kind, Key: row.Key, Name: row.Name, Division: row.Division, Source: row.Source, ID: row.ID, Action: row.Action, Reason: row.Reason,
		Status: status, Size: row.Size, Attempts: w.attempts, Start: w.start, End: time.Now(), Run: r.in.ID, Error: f, Warnings: w.warnings,
	}
	if w.rec != nil && w.rec.ID != "" {
		res.ID = w.rec.ID
	}
	if w.start.IsZero() {
		res.End = time.Time{}
	}
	r.extra.mu.Lock()
	defer r.extra.mu.Unlock()
	w.over = true
	r.tally.extraResult(res)
	if !r.extra.toTell {
		r.extra.held = append(r.extra.held, res)
		return
	}
	r.emit(Finished{Result: res})
}

// tellExtras tells the results that were held back until the items had theirs;
// from now on each is told as it comes.
func (r *runner) tellExtras() {
	r.extra.mu.Lock()
	defer r.extra.mu.Unlock()
	r.extra.toTell = true
	for _, res := range r.extra.held {
		r.emit(Finished{Result: res})
	}
	r.extra.held = nil
}

// extrasNotReached tells of the extras that a stop kept from being finished, so
// that each has its row in the evidence.
func (r *runner) extrasNotReached(ctx context.Context) error {
	r.tellExtras()
	if r.g == nil || !r.stopped() {
		return nil
	}
	for _, x := range r.g.extras {
		works := r.extra.works[x.kind()]
		if works == nil {
			var err error
			if works, err = r.g.loadExtras(ctx, x); err != nil {
				return err
			}
		}
		for _, w := range works {
			if w.over {
				continue
			}
			w.Row.Reason = ReasonNotReached
			status := state.ExtraPending
			if w.rec != nil {
				switch w.rec.Status {
				case state.ExtraTicket, state.ExtraFailed, state.ExtraUnknown:
					status = w.rec.Status
				case state.ExtraSending:
					if w.Row.Kind != state.TagCategory { // which is looked up
						status = state.ExtraUnknown
					}
				}
			}
			if status == state.ExtraUnknown { // its words are those of its reason
				w.Row.Reason = ConflictUnknown
			}
			r.finishExtra(w, string(status), nil)
		}
	}
	return nil
}

func (t *tally) planExtra(w *extraWork) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tags == nil {
		t.tags = tagCensus{}
	}
	t.sum.AddExtra(w.Row)
	t.tags.add(w.Row.Division, w.newTags, 0)
}

func (t *tally) extraResult(r Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.extras == nil {
		t.extras = map[state.ExtraKind]map[string]int{}
	}
	if t.extras[r.Kind] == nil {
		t.extras[r.Kind] = map[string]int{}
	}
	t.extras[r.Kind][r.Status]++
	if r.Status == string(state.ExtraFailed) {
		t.nFailed++
	}
}
