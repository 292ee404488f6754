package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// chunks yields what the runs did, gathered and decided, in order of external
// IDs.
func (t *takeBack) chunks(ctx context.Context) iter.Seq2[[]*work, error] {
	return func(yield func([]*work, error) bool) {
		var chunk []*work
		flush := func() bool {
			ws := chunk
			chunk = nil
			if len(ws) == 0 {
				return true
			}
			err := t.gather(ctx, ws)
			return yield(ws, err) && err == nil
		}
		for g, err := range t.groups(ctx) {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if chunk = append(chunk, g.works()...); len(chunk) >= chunkSize && !flush() {
				return
			}
		}
		flush()
	}
}

// gather fills in what decisions need and makes them: records, assets in
// batches, versions under way.
func (t *takeBack) gather(ctx context.Context, ws []*work) error {
	recs, err := t.in.State.Get(ctx, idsOf(ws))
	if err != nil {
		return err
	}
	for _, w := range ws {
		w.back.delete, w.back.keeps, w.back.kept = t.in.Delete, t.in.Options.KeepReplaced != "", t.folderOf
		w.facts.Start = t.in.Start
		if rec, ok := recs[w.item.ExternalID]; ok {
			w.facts.Record, w.rec = &rec, &rec
		}
		w.decideBack()
	}
	return t.look(ctx, ws)
}

// look asks the service for what decisions still need, and makes them again.
func (t *takeBack) look(ctx context.Context, ws []*work) error {
	var byID, byExt []*work
	for _, w := range ws {
		switch {
		case w.Need != NeedRemote:
		case w.back.asset != "":
			byID = append(byID, w)
		default:
			byExt = append(byExt, w)
		}
	}
	eg, ectx := errgroup.WithContext(ctx)
	eg.SetLimit(orInt(t.in.Options.Requests, 8))
	for batch := range workBatches(byExt, func(w *work) string { return w.item.ExternalID }) {
		eg.Go(func() error {
			found, err := byExternalID(ectx, t.in.API, idsOf(batch))
			if err != nil {
				return err
			}
			t.gatherer.count(1)
			for _, w := range batch {
				w.facts.RemoteRead, w.facts.Remote = true, found[w.item.ExternalID]
				w.decideBack()
			}
			return nil
		})
	}
	for batch := range workBatches(byID, func(w *work) string { return w.back.asset }) {
		eg.Go(func() error {
			return t.readBatch(ectx, batch, func(w *work) string { return w.back.asset }, (*work).decideBack)
		})
	}
	if err := eg.Wait(); err != nil {
		return err
	}
	for _, w := range ws {
		if w.Need == NeedFile {
			if err := t.readVersion(ctx, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// readVersion asks how far the service is with a version that was begun.
func (t *takeBack) readVersion(ctx context.Context, w *work) error {
	t.gatherer.count(1)
	f, err := t.in.API.File(ctx, w.back.asset, w.facts.Record.FileID)
	switch {
	case err == nil:
		w.back.version = string(f.Status)
	case !errors.Is(err, showpad.ErrNotFound):
		return fmt.Errorf("reading a version: %w", err)
	}
	if w.back.version == "" {
		w.back.version = string(showpad.StatusFailed) // it never comes
	}
	w.decideBack()
	return nil
}

// folderOf is the folder that has kept bytes, and their size; "" when none has.
func (t *takeBack) folderOf(md5 string) (dir string, size int64) {
	for _, dir := range t.kept {
		if size, ok := keptFolder(dir).has(md5); ok {
			return dir, size
		}
	}
	return "", 0
}

// holding are items that cannot be decided before what was sent without an
// answer has had its time: the settle time since the process began, like
// everywhere. They hold no worker.
type holding struct {
	r     *runner
	until time.Time
	mu    sync.Mutex
	held  []*work
	over  bool // nothing is held any more
}

func newHolding(r *runner) *holding { return &holding{r: r, until: r.begun.Add(r.settleTime)} }

// add holds w until its time is over.
func (h *holding) add(ctx context.Context, w *work) error {
	h.mu.Lock()
	over := h.over
	if !over {
		h.held = append(h.held, w)
	}
	n := len(h.held)
	h.mu.Unlock()
	switch {
	case over:
		return h.release(ctx, []*work{w})
	case n == 1:
		h.r.emit(Waiting{For: "settle", Text: "writes without an answer are waited out before they are taken back", Until: h.until})
	}
	return nil
}

func (h *holding) run(ctx context.Context) error {
	t := time.NewTimer(time.Until(h.until))
	defer t.Stop()
	select {
	case <-t.C:
	case <-h.r.stopping:
	case <-h.r.open.none():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	h.mu.Lock()
	held := h.held
	h.held, h.over = nil, true
	h.mu.Unlock()
	return h.release(ctx, held)
}

// release reads held items again and sends them on their way.
func (h *holding) release(ctx context.Context, held []*work) error {
	for batch := range batchesOf(held, chunkSize) {
		if err := h.again(ctx, batch); err != nil {
			return err
		}
		for _, w := range batch {
			onward := h.r.backRoute
			if h.r.stopped() {
				onward = h.r.leave
			}
			if err := onward(ctx, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// again decides a batch once more. What the run cannot go on from stops it.
func (h *holding) again(ctx context.Context, batch []*work) error {
	if h.r.stopped() {
		return nil
	}
	for _, w := range batch {
		w.back.settled, w.back.version = true, ""
		w.facts.RemoteRead, w.facts.Remote = false, nil
		w.decideBack()
	}
	err := h.r.back.look(h.r.reads, batch)
	switch {
	case err == nil || h.r.reads.Err() != nil && ctx.Err() == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return h.r.readFailed(err)
}
