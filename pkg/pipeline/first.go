package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// firstCreate lets the first create on a tenant go alone: until its answer
// carried our external ID and a look-up found it, no second one leaves. What it
// learns is kept in the state, so that this happens once for each tenant.
type firstCreate struct {
	r *runner

	asking turn // held while the state and the service are asked, once
	asked  bool // guarded by asking

	mu      sync.Mutex
	proven  bool
	leader  *work // the item whose create is out, or whose outcome is not known
	changed chan struct{}
}

func newFirstCreate(r *runner) *firstCreate {
	return &firstCreate{r: r, asking: make(turn, 1), changed: make(chan struct{})}
}

// enter waits until w may send its create: the tenant is proven, or w is the
// first. It is false when the run stops instead.
func (f *firstCreate) enter(ctx context.Context, w *work) (bool, error) {
	if ok, err := f.ask(ctx); err != nil || !ok {
		return false, err
	}
	for {
		f.mu.Lock()
		if f.proven || f.leader == w {
			f.mu.Unlock()
			return true, nil
		}
		if f.r.stopped() { // perhaps by the first create, just before it made way
			f.mu.Unlock()
			return false, nil
		}
		if f.leader == nil {
			f.leader = w
			f.mu.Unlock()
			if err := f.r.in.Store.SetMeta(ctx, state.MetaExternalIDFirst, w.item.ExternalID); err != nil {
				return false, stateError(w, err)
			}
			return true, nil
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-f.r.stopping:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// ask reads what earlier runs learnt. A tenant that once dropped an external ID
// gets no other create until that asset is gone or has it. It is false when the
// run stops.
func (f *firstCreate) ask(ctx context.Context) (ok bool, err error) {
	if err := f.asking.take(ctx); err != nil {
		return false, err
	}
	defer f.asking.give()
	if f.asked {
		return true, nil
	}
	st := f.r.in.Store
	kept, err := st.Meta(ctx, state.MetaExternalIDKept)
	if err != nil {
		return false, err
	}
	droppedID, err := st.Meta(ctx, state.MetaExternalIDDropped)
	if err != nil {
		return false, err
	}
	if droppedID != "" {
		a, err := f.r.in.API.Asset(ctx, droppedID)
		switch {
		case err == nil && a.ExternalID == "":
			f.r.stop(&StopError{Code: 1, Err: droppedError("", droppedID)})
			return false, nil
		case err != nil && !errors.Is(err, showpad.ErrNotFound):
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			return false, f.r.readFailed(err)
		}
		if err := st.SetMeta(ctx, state.MetaExternalIDDropped, ""); err != nil {
			return false, err
		}
	}
	if kept == "" {
		listed, err := f.listed(ctx)
		if err != nil || f.r.stopped() {
			return false, err
		}
		if listed {
			kept = "listed"
		}
	}
	f.asked = true
	f.mu.Lock()
	f.proven = f.proven || kept != ""
	f.mu.Unlock()
	return true, nil
}

// listed reports whether the service's list finds the asset that an earlier run
// made first. One that is there and is not found within the settle time stops the
// run: a second one would be as hard to find.
func (f *firstCreate) listed(ctx context.Context) (bool, error) {
	st := f.r.in.Store
	id, err := st.Meta(ctx, state.MetaExternalIDFirst)
	if err != nil || id == "" {
		return false, err
	}
	recs, err := st.Get(ctx, []string{id})
	assetID := recs[id].AssetID
	if err != nil || assetID == "" {
		return false, err // it was never answered, and is looked up for itself
	}
	begun := time.Now()
	pause := newPauses(f.r.settleTime)
	for {
		found, err := byExternalID(ctx, f.r.in.API, []string{id})
		switch {
		case err != nil && ctx.Err() != nil:
			return false, context.Cause(ctx)
		case err != nil:
			return false, f.r.readFailed(err)
		case len(found[id]) > 0:
			return true, st.SetMeta(ctx, state.MetaExternalIDKept, strconv.FormatInt(time.Since(begun).Milliseconds(), 10))
		}
		if f.r.stopped() || !pause.wait(ctx) {
			break
		}
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	_, err = f.r.in.API.Asset(ctx, assetID)
	switch {
	case errors.Is(err, showpad.ErrNotFound):
		return false, nil // somebody deleted it: the next create is the first
	case err != nil && ctx.Err() != nil:
		return false, context.Cause(ctx)
	case err != nil:
		return false, f.r.readFailed(err)
	}
	f.r.stop(unlisted(assetID, id, f.r.settleTime))
	return false, nil
}

// unlisted is the end of a run on a tenant whose list does not find what was made.
func unlisted(assetID, externalID string, waited time.Duration) *StopError {
	return &StopError{Code: 1, Err: fmt.Errorf("asset %s was made with the external ID %q, and after %s the service's list still does not find it: nothing else is created. "+
		"Way on: run again later; if it stays so, give the service more time with --settle-time", assetID, externalID, waited)}
}

// confirm makes w's create the proof, when it was the first: its external ID was
// in the answer; now a look-up has to find it. It is false when w was finished
// because none did.
func (f *firstCreate) confirm(ctx context.Context, w *work) (bool, error) {
	if !f.leads(w) {
		return true, nil
	}
	answered := time.Now()
	pause := newPauses(f.r.settleTime)
	for {
		found, err := byExternalID(ctx, f.r.in.API, []string{w.item.ExternalID})
		if err != nil {
			return false, f.r.refused(ctx, w, showpad.KindRead, FailedUnavailable, err)
		}
		if len(found[w.item.ExternalID]) > 0 {
			return true, f.prove(ctx, w, time.Since(answered))
		}
		if f.r.stopped() {
			return false, f.r.leave(ctx, w)
		}
		if !pause.wait(ctx) {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			f.r.stop(unlisted(w.Row.AssetID, w.item.ExternalID, f.r.settleTime))
			return false, f.r.leave(ctx, w)
		}
	}
}

// seen notes that a look-up found w under its external ID: proof as well.
func (f *firstCreate) seen(ctx context.Context, w *work) error {
	if !f.leads(w) {
		return nil
	}
	return f.prove(ctx, w, time.Since(w.since))
}

func (f *firstCreate) prove(ctx context.Context, w *work, lag time.Duration) error {
	if err := f.r.in.Store.SetMeta(ctx, state.MetaExternalIDKept, strconv.FormatInt(lag.Milliseconds(), 10)); err != nil {
		return stateError(w, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.proven, f.leader = true, nil
	f.wake()
	return nil
}

// leads reports whether w is the first create, still without proof.
func (f *firstCreate) leads(w *work) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leader == w
}

// open reports whether creates may leave without waiting for another one.
func (f *firstCreate) open() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.proven
}

// release lets another item be the first: w ended without a proof.
func (f *firstCreate) release(w *work) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leader == w {
		f.leader = nil
		f.wake()
	}
}

// wake is called with mu held.
func (f *firstCreate) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}
