package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// pruneBatch is how many assets are read right before a run acts on them: one
// request.
const pruneBatch = 100

// prune is the phase of a run after its items: it looks at what the manifest no
// longer lists, and archives or deletes it if that is wanted and nothing stands
// against it.
func (r *runner) prune(ctx context.Context) error {
	if err := r.in.Store.Flush(ctx); err != nil {
		return err
	}
	p, err := r.g.pruning(ctx)
	if err != nil {
		return err
	}
	pass, err := r.pass(ctx)
	if err != nil {
		return err
	}
	p.guard(pass, &r.in.Options)
	r.tally.setPruning(p)
	if !pass.selection && !pass.unplanned && len(p.Guards) == 0 && pass.blocked+pass.failed == 0 {
		if err := r.noteLists(ctx, p); err != nil {
			return err
		}
	}
	if p.Mode == PruneKeep || p.Off != "" || len(p.Guards) > 0 || r.in.API == nil {
		return nil
	}
	if !p.acts() && r.plan == nil || r.curfew.check() {
		return nil
	}
	return r.pruneStages(ctx)
}

// notPruned is what is known when a run did not come to pruning; nil when that is
// not to be expected of it.
func (r *runner) notPruned() *Pruning {
	if mode := r.in.Manifest.Prune; mode != "" && mode != PruneKeep {
		return &Pruning{Mode: mode, Off: "the run ended before it came to that"}
	}
	return nil
}

// pass tells how the items of this run went.
func (r *runner) pass(ctx context.Context) (*pass, error) {
	all, err := readLists(ctx, r.in.State)
	if err != nil {
		return nil, err
	}
	s := r.tally.pass()
	s.lists, s.listsAfter = all[r.in.Manifest.ID], r.g.listed.lists
	s.selection = r.plan == nil && r.in.Select.narrow()
	s.unplanned = r.plan != nil && r.plan.Unlisted() == 0
	return s, nil
}

// pruneStages carries pruning out: batch after batch is read, decided and acted
// on.
func (r *runner) pruneStages(ctx context.Context) error {
	r.open = newOpenItems(r.meter)
	g, ctx := errgroup.WithContext(ctx)
	busy, cancelBusy := context.WithCancelCause(ctx)
	defer cancelBusy(nil)
	r.busy = busy
	reads, end := r.looking(busy)
	defer end()
	r.reads = reads

	g.Go(func() error { return r.pruneProduce(ctx) })
	r.workers(ctx, g, orInt(r.in.Options.Requests, 8), r.toUpdate[small], r.takeOut)
	g.Go(func() error { return r.drain(ctx, cancelBusy, r.open.none()) })
	return g.Wait()
}

// pruneProduce decides batch after batch and sends each item to its stage.
func (r *runner) pruneProduce(ctx context.Context) error {
	defer r.open.last()
	size := orInt(r.in.Options.limits.chunk, pruneBatch)
	var pick func(*work) (bool, error)
	if r.plan != nil {
		pick = func(w *work) (bool, error) {
			row, err := r.plan.Row(w.item.ExternalID)
			if row == nil || !row.Unlisted {
				return false, err
			}
			w.saved = row
			return true, err
		}
	}
	for batch, err := range r.g.unlisted(r.reads, size, pick) {
		if err == nil {
			err = r.settleUnlisted(r.reads, batch)
		}
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if r.reads.Err() != nil || r.stopped() {
				return nil
			}
			return r.readFailed(err)
		}
		for _, w := range batch {
			if r.stopped() || !r.afford(w) {
				return nil // the next run finds the rest again
			}
			w.start = time.Now()
			r.open.add()
			if err := r.pruneRoute(ctx, w); err != nil {
				return err
			}
		}
		if !r.purse.reads(1) { // of the next batch
			return nil
		}
	}
	return r.goneUnlisted(ctx)
}

// settleUnlisted waits, once, for what was sent without an answer, and decides
// again what depends on it.
func (r *runner) settleUnlisted(ctx context.Context, batch []*work) error {
	var held []*work
	for _, w := range batch {
		if w.Need == NeedSettle {
			held = append(held, w)
		}
	}
	if len(held) == 0 {
		return nil
	}
	until := r.begun.Add(r.settleTime)
	if time.Until(until) > 0 {
		r.emit(Waiting{For: "settle", Text: "writes without an answer are waited out before their assets are pruned", Until: until})
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.stopping:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for _, w := range held {
		w.back.settled, w.facts.RemoteRead, w.facts.Remote = true, false, nil
	}
	return r.g.lookUnlisted(ctx, held)
}

// pruneRoute sends a decided item to the stage, or ends it.
func (r *runner) pruneRoute(ctx context.Context, w *work) error {
	if w.saved != nil {
		reason, detail := r.plan.stale(w)
		if reason == "" {
			reason, detail = r.plan.otherwise(w)
		}
		if reason != "" {
			w.block(reason, detail)
		}
		w.saved = nil
	}
	r.tally.plan(w)
	r.emit(Decided{Row: w.Row})
	switch w.Row.Action {
	case ActionConflict:
		return r.finish(ctx, w, "conflict", nil)
	case ActionBlocked:
		return r.finish(ctx, w, "blocked", nil)
	case ActionUnchanged:
		return r.closeRecord(ctx, w)
	}
	w.touched, w.outlived = w.Row.Overwrites != "", true
	if w.back.asset == "" { // from here on the create is known to have been carried out
		if err := r.foundAsset(ctx, w); err != nil {
			return err
		}
	}
	w.name, w.slug = w.Asset.Name, w.Asset.Slug
	return r.send(ctx, r.toUpdate, w)
}

// takeOut is the stage that archives or deletes what is no longer listed. The
// values are absolute: what was not answered is repeated.
func (r *runner) takeOut(ctx context.Context, w *work) error {
	if r.stopped() {
		return r.leave(ctx, w)
	}
	if r.tally.refuses(w.facts.Refs.DivisionID) {
		return r.blockDivision(ctx, w, nil)
	}
	r.emit(Stage{ExternalID: w.item.ExternalID, Stage: "update"})
	if w.Row.Action == ActionDelete {
		return r.deleteAsset(ctx, w)
	}
	seen, err := r.set(ctx, w, w.Set)
	switch {
	case errors.Is(err, showpad.ErrNotFound):
		w.Row.Action, w.Row.Reason, w.Row.Detail = ActionUnchanged, ReasonGone, "the asset is gone already"
		return r.closeRecord(ctx, w)
	case err != nil:
		return r.refused(ctx, w, showpad.KindChange, FailedRefused, err)
	case !bytes.Equal(seen["isArchived"], isTrue):
		return r.fail(ctx, w, FailedRefused, fmt.Errorf("the service took the change of asset %s and did not make it: isArchived is still %s", w.Asset.ID, seen["isArchived"]))
	}
	return r.tookBack(ctx, w, seen)
}

// closeRecord ends what is known of an item that is not listed and of which
// nothing is left to take out.
func (r *runner) closeRecord(ctx context.Context, w *work) error {
	var err error
	switch {
	case w.Row.Reason == ReasonInTrash && w.rec.Op == state.Archive: // by us: the answer was lost
		w.Set = Values{}
		return r.tookBack(ctx, w, w.Seen)
	case w.Row.Reason == ReasonInTrash && string(w.rec.Fields["isArchived"].Sent) == "true": // by us: its item said so
		err = r.closeArchived(ctx, w)
	case w.Row.Reason == ReasonInTrash:
		err = r.forget(ctx, w, state.Archive, "No longer listed; somebody had put it into the trash before.")
	case w.Row.Reason == ReasonNothingMade:
		err = r.forget(ctx, w, state.Delete, "No longer listed; no asset came of it.")
	default:
		err = r.forget(ctx, w, state.Delete, "No longer listed; its asset was gone already.")
	}
	if err != nil {
		return err
	}
	return r.finish(ctx, w, "unchanged", nil)
}

// closeArchived ends an item that is in the trash because it said so. All that is
// known of the asset stays known: it is ours, and may be wanted again.
func (r *runner) closeArchived(ctx context.Context, w *work) error {
	err := r.queue(ctx, w, "", nil, func(rec *state.Record) {
		rec.Op, rec.Status, rec.Intent, rec.Error = state.Archive, state.Sending, nil, nil
	})
	if err != nil {
		return err
	}
	return r.queue(ctx, w, "No longer listed; it is in the trash, as its item said.", nil, func(rec *state.Record) { rec.Status = state.Done })
}

// forget ends an item with an op that is done, and without its asset.
func (r *runner) forget(ctx context.Context, w *work, op state.Op, text string) error {
	err := r.queue(ctx, w, "", nil, func(rec *state.Record) {
		rec.Op, rec.Status, rec.Intent, rec.Error = op, state.Sending, nil, nil
	})
	if err != nil {
		return err
	}
	return r.queue(ctx, w, text, nil, func(rec *state.Record) {
		*rec = state.Record{ExternalID: rec.ExternalID, Op: op, Status: state.Done, Owner: rec.Owner, Source: rec.Source, Run: rec.Run, Updated: rec.Updated}
	})
}

// goneUnlisted tells of the saved plan's rows of pruning that are none any more:
// runs of the plan carried them out, or they are refused.
func (r *runner) goneUnlisted(ctx context.Context) error {
	if r.plan == nil {
		return nil
	}
	return r.plan.gone(func(row *SavedRow) error {
		if !row.Unlisted {
			return nil
		}
		w := &work{item: manifest.Item{ExternalID: row.ExternalID, Division: row.Division}}
		w.Row = row.Row
		recs, err := r.in.State.Get(ctx, []string{row.ExternalID})
		if err != nil {
			return err
		}
		status := "blocked"
		if rec, ok := recs[row.ExternalID]; ok {
			w.rec = &rec
		}
		if rec := w.rec; r.plan.own(w) && rec.Status == state.Done && (rec.Op == state.Archive || rec.Op == state.Delete) {
			status, w.Row.Action, w.Row.Reason, w.Row.Writes, w.Row.Diff = "unchanged", ActionUnchanged, ReasonInTrash, 0, nil
			if rec.Op == state.Delete {
				w.Row.Reason = ReasonGone
			}
		} else {
			w.block(StaleItem, "there is nothing to prune of it any more: the manifest lists it again, or it is archived or gone"+planAgain)
		}
		r.open.add()
		r.tally.plan(w)
		r.emit(Decided{Row: w.Row})
		return r.finish(ctx, w, status, nil)
	})
}
