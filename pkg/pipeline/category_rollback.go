package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// madeCategories decides about the tag categories that the runs made, those below
// others first. One goes when nobody changed it, and all that is in it came from here.
func (t *takeBack) madeCategories(ctx context.Context) ([]*extraWork, error) {
	all, err := state.AllExtras(ctx, t.in.State, state.TagCategory, t.in.Manifest.ID)
	if err != nil {
		return nil, err
	}
	var works []*extraWork
	var divisions, ids []string
	for i := range all {
		rec := &all[i]
		data := categoryDataOf(rec.Data)
		if rec.ID == "" || !t.named[data.Made] || slices.Contains(ids, rec.ID) {
			continue
		}
		works = append(works, &extraWork{rec: rec, Row: ExtraRow{Kind: state.TagCategory, Key: rec.Key, Name: data.Name, ID: rec.ID, Undo: UndoNone}})
		ids = append(ids, rec.ID)
		if !slices.Contains(divisions, data.Division) {
			divisions = append(divisions, data.Division)
		}
	}
	if !t.in.Delete {
		for _, w := range works {
			w.Row.Action, w.Row.Reason, w.Row.Detail = ActionUnchanged, ReasonStays, "it goes with --delete only"
		}
		return works, nil
	}
	if len(works) == 0 {
		return nil, nil
	}
	slices.Sort(divisions)
	slices.Sort(ids)
	here := map[string]*showpad.TagCategory{}
	for batch := range showpad.Batches(divisions) {
		t.gatherer.count(1)
		in, err := readCategories(ctx, t.in.API, batch)
		if err != nil {
			return nil, err
		}
		for _, c := range in {
			here[c.ID] = c
		}
	}
	tags, err := tagsIn(ctx, t.in.API, ids, t.gatherer.count)
	if err != nil {
		return nil, err
	}
	depth := func(w *extraWork) (n int) {
		for c := here[w.Row.ID]; c != nil && n <= len(here); c = here[c.ParentID()] {
			n++
		}
		return n
	}
	slices.SortStableFunc(works, func(a, b *extraWork) int { return cmp.Compare(depth(b), depth(a)) })
	goes := map[string]bool{}
	for _, w := range works {
		goes[w.Row.ID] = t.decideCategory(w, here, tags[w.Row.ID], goes)
	}
	return works, nil
}

// decideCategory decides about one category, after those below it, and reports whether
// it goes.
func (t *takeBack) decideCategory(w *extraWork, here map[string]*showpad.TagCategory, tags []string, goes map[string]bool) bool {
	row, data := &w.Row, categoryDataOf(w.rec.Data)
	stay := func(reason, detail string) bool {
		row.Action, row.Reason, row.Detail = ActionConflict, reason, detail
		return false
	}
	c := here[row.ID]
	switch {
	case c == nil:
		row.Action, row.Reason = ActionUnchanged, ReasonGone
		return false
	case w.rec.Run != data.Made && !t.named[w.rec.Run] && w.rec.Status == state.ExtraDone:
		return stay(ConflictLaterRun, fmt.Sprintf("run %s changed it since (take that back too)", w.rec.Run))
	case !data.shows(c):
		return stay(ConflictChanged, "somebody changed it since; delete it by hand if it is not needed")
	}
	for _, other := range here {
		if other.ParentID() == row.ID && !goes[other.ID] {
			return stay(ConflictChanged, fmt.Sprintf("a category is in it that stays: %s", other.Name))
		}
	}
	for _, id := range tags {
		if !slices.Contains(data.Links, id) {
			return stay(ConflictChanged, "somebody put tags into it; delete it by hand if it is not needed")
		}
	}
	row.Action, row.Reason, row.Writes = ActionDelete, ReasonTakeBack, 1
	return true
}

// planCategories yields the rows of the tag categories that the runs made.
func (t *takeBack) planCategories(ctx context.Context, s *Summary) error {
	works, err := t.madeCategories(ctx)
	if err != nil {
		return err
	}
	for _, w := range works {
		s.AddExtra(w.Row)
		if t.in.Extra == nil {
			continue
		}
		if err := t.in.Extra(w.Row); err != nil {
			return err
		}
	}
	return nil
}

// dropCategories deletes the tag categories that the runs made, as far as they may go.
// A stop ends it; the next rollback goes on.
func (r *runner) dropCategories(ctx context.Context) error {
	return r.phase(ctx, func(busy context.Context) error {
		looking, end := r.looking(busy)
		defer end()
		works, err := r.back.madeCategories(looking)
		if err != nil {
			return r.extrasUnread(ctx, looking, err)
		}
		for _, w := range works {
			if r.stopped() || !r.purse.fits(2, 0) {
				return nil
			}
			w.start = r.in.now()
			r.tally.planExtra(w)
			r.emit(ExtraDecided{Row: w.Row})
			switch w.Row.Action {
			case ActionConflict:
				r.finishExtra(w, "conflict", nil)
			case ActionUnchanged:
				r.finishExtra(w, "unchanged", nil)
			default:
				if err := r.dropCategory(busy, w); err != nil && ctx.Err() == nil && errors.Is(err, errDrained) {
					return nil
				} else if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// dropCategory deletes one. That it may be gone is on disk before the request leaves;
// an answer that was lost is no harm, for a delete may be repeated.
func (r *runner) dropCategory(ctx context.Context, w *extraWork) error {
	before := *w.rec
	w.attempts++
	if err := r.putExtra(ctx, w, func(e *state.Extra) { e.Status, e.Run = state.ExtraSending, before.Run }); err != nil {
		return err
	}
	err := r.in.API.DeleteTagCategory(ctx, w.Row.ID)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // the next rollback reads whether it is there
	}
	if err != nil && !errors.Is(err, showpad.ErrNotFound) {
		perr := r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) { e.Status, e.Run = state.ExtraDone, before.Run })
		if perr != nil {
			return perr
		}
		if showpad.Classify(showpad.KindChange, err) == showpad.StopRun {
			r.stop(stopRun(err))
			return nil
		}
		r.finishExtra(w, string(state.ExtraFailed), &state.Failure{Code: FailedRefused, Message: err.Error() + " (run the rollback again)"})
		return nil
	}
	err = r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) {
		e.Status, e.ID, e.Data, e.Wanted = state.ExtraPending, "", nil, ""
	})
	if err != nil {
		return err
	}
	r.finishExtra(w, string(state.ExtraDone), nil)
	return nil
}

// inCategories says which tags are in a category, by their ids: what is in
// one that stays is in use.
func (r *runner) inCategories(ctx context.Context, tags []state.MadeTag) (map[string]bool, error) {
	var ids []string
	for _, m := range tags {
		if !strings.HasPrefix(m.ID, newTag) {
			ids = append(ids, m.ID)
		}
	}
	in := map[string]bool{}
	for batch := range showpad.Batches(ids) {
		for t, err := range r.in.API.Tags(ctx, showpad.TagFilter{IDs: batch}) {
			if err != nil {
				return nil, err
			}
			in[t.ID] = len(t.TagCategories) > 0
		}
	}
	return in, nil
}
