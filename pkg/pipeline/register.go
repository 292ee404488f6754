package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// register is the stage that creates assets. The order is what keeps the
// promise of one asset for each external ID:
//
//  1. a look-up, not older than the allowed age, has not found it;
//  2. the intent is on disk;
//  3. the create leaves; only one until the tenant has proven to keep external IDs;
//  4. an answer that is lost is not repeated: the item is parked and looked up.
func (r *runner) register(ctx context.Context, w *work) error {
	if r.stopped() {
		return r.leave(ctx, w)
	}
	if r.tally.refuses(w.facts.Refs.DivisionID) {
		return r.blockDivision(ctx, w, nil)
	}
	if !w.lost() && !r.curfew.fitsUpload(w) { // an asset without its bytes is half made
		return r.leaveLate(ctx, w)
	}
	r.emit(Stage{ExternalID: w.item.ExternalID, Stage: "register", Size: w.Row.Size})
	var notBefore time.Time
	if earliest := r.begun.Add(r.settleTime); (w.lost() || w.Row.Reason == ReasonRecreate) && w.since.Before(earliest) {
		// An earlier process sent it, we do not know when, or saw an asset that the
		// service does not show now: only a look-up that begins after the settle time
		// tells.
		if time.Now().Before(earliest) {
			return r.park.add(ctx, w, earliest)
		}
		notBefore = earliest
	}
	if w.look == nil {
		w.look = newLookup(time.Time{}, w.item.ExternalID)
	}
	found, err := w.look.fresh(ctx, r.in.API, w.item.ExternalID, r.lookupMaxAge, notBefore)
	if err != nil {
		return r.refused(ctx, w, showpad.KindRead, FailedUnavailable, err)
	}
	if len(found) > 0 {
		return r.found(ctx, w, found)
	}
	if ok, err := r.first.enter(ctx, w); err != nil || !ok {
		if err != nil {
			return err
		}
		return r.leave(ctx, w)
	}
	values, err := r.ensureTags(ctx, w.facts.Refs.DivisionID, w.Set)
	if err != nil {
		return r.refused(ctx, w, showpad.KindRead, FailedTag, err)
	}
	switch err := r.curfew.turn(ctx, w); {
	case errors.Is(err, errNoTime):
		return r.leaveLate(ctx, w)
	case errors.Is(err, errLeft):
		return r.leave(ctx, w)
	case err != nil:
		return err
	}
	// Waiting for the first create, for tags and for its turn takes time: the look-up
	// may have become too old.
	switch found, err := w.look.fresh(ctx, r.in.API, w.item.ExternalID, r.lookupMaxAge, notBefore); {
	case err != nil:
		return r.refused(ctx, w, showpad.KindRead, FailedUnavailable, err)
	case len(found) > 0:
		if !w.lost() {
			r.first.release(w) // it proves nothing: this create never left
		}
		return r.found(ctx, w, found)
	}
	if r.stopped() { // while it waited: an asset without its bytes is half made
		return r.leave(ctx, w)
	}
	return r.create(ctx, w, values)
}

// lost reports whether a create of w was begun whose answer nobody knows.
func (w *work) lost() bool { return w.rec != nil && w.rec.Status == state.Registering }

// found goes on with what a look-up found under w's external ID, or with the
// knowledge that w's asset is no more.
func (r *runner) found(ctx context.Context, w *work, assets []showpad.Asset) error {
	if len(assets) > 0 {
		if detail := r.foreign(w, assets[0].ID); detail != "" {
			return r.refuse(ctx, w, StaleRemote, detail)
		}
	}
	w.facts.Record, w.facts.RemoteRead, w.facts.Remote = w.rec, true, assets
	w.facts.Refs = r.g.resolve(w) // its tags may have been made meanwhile
	r.g.decide(w)
	if w.Need == NeedHash {
		if err := r.g.hash(ctx, w); err != nil {
			return err
		}
	}
	if w.Need == NeedHolders {
		w.facts.HoldersRead, w.facts.Holders = true, assets
		r.g.decide(w)
	}
	return r.route(ctx, w)
}

// create sends the create. No answer is recorded until one is read.
func (r *runner) create(ctx context.Context, w *work, values Values) error {
	fields, err := request(values, nil)
	if err != nil {
		return r.fail(ctx, w, FailedRefused, err)
	}
	fields.Division = showpad.Some(showpad.Ref{ID: w.facts.Refs.DivisionID})
	if w.facts.Origin == "oauth2client" {
		fields.Origin = showpad.Some(showpad.Origin{Type: "oauth2client"})
	}
	w.creates++
	err = r.put(ctx, w, "Creating the asset.", &state.Change{Op: state.Create}, func(rec *state.Record) {
		rec.Op, rec.Status, rec.Intent, rec.Error = state.Create, state.Registering, values, nil
		rec.AssetID, rec.FileID, rec.Fields, rec.Replaced, rec.SentAt = "", "", nil, "", time.Time{}
		rec.MD5, rec.Size, rec.Listed, rec.ModTime, rec.Relative = w.Row.MD5, w.facts.Info.Size, w.facts.Info.Listed, w.mtime, w.Relative
		rec.CreateRun, rec.Shown = r.in.ID, ""
		rec.Attempts++
	})
	if err != nil {
		return err
	}
	a, err := r.in.API.CreateAsset(ctx, fields)
	w.paid(1)
	if err == nil && a.ID == "" {
		err = fmt.Errorf("%w: %w", showpad.ErrUnknownOutcome, errNoAsset)
	}
	switch {
	case err == nil:
		return r.registered(ctx, w, &a, values)
	case showpad.Classify(showpad.KindCreate, err) == showpad.Resolve:
		w.since = time.Now()
		qerr := r.queue(ctx, w, fmt.Sprintf("No answer to the create (%v): looking it up before anything else.", err), nil, func(*state.Record) {})
		if qerr != nil {
			return qerr
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.emit(Warned{Code: TellLostAnswer, ExternalID: w.item.ExternalID, Text: "no readable answer to the create; looking it up before sending it again"})
		return r.park.add(ctx, w, w.since.Add(r.settleTime))
	default:
		return r.refused(ctx, w, showpad.KindCreate, FailedRefused, err)
	}
}

// registered records the answer to a create, and what it lacks.
func (r *runner) registered(ctx context.Context, w *work, a *showpad.Asset, values Values) error {
	w.made = time.Now()
	w.Asset, w.name, w.slug, w.Row.AssetID, w.Seen = a, a.Name, a.Slug, a.ID, shown(a)
	err := r.queue(ctx, w, fmt.Sprintf("Created as asset %s.", a.ID), &state.Change{Op: state.Create, AssetID: a.ID}, func(rec *state.Record) {
		rec.Status, rec.AssetID, rec.Intent = state.Registered, a.ID, nil
		rec.Fields = bases(nil, values, w.Seen)
		rec.Relative = w.Relative
	})
	if err != nil {
		return err
	}
	if a.ExternalID != w.item.ExternalID {
		if dropped, err := r.dropped(ctx, w, a); err != nil || dropped {
			return err
		}
	}
	if ok, err := r.first.confirm(ctx, w); err != nil || !ok {
		return err
	}
	w.Set = lacking(values, w.Seen, r.in.Manifest.Update)
	if !w.Upload {
		return r.watch(ctx, w)
	}
	return r.send(ctx, r.toTransfer, w)
}

// lacking are the values that an answer does not show as they were sent. Tags
// that are shown beyond those sent stay, unless the rule of the manifest is to
// replace.
func lacking(sent, seen Values, rules manifest.Update) Values {
	out := Values{}
	for name, raw := range sent {
		if bytes.Equal(raw, seen[name]) {
			continue
		}
		if name == "tags" && rules.Tags != "replace" {
			if string(minus(raw, seen[name])) == "[]" {
				continue
			}
			raw = union(raw, seen[name])
		}
		out[name] = raw
	}
	return out
}

// dropped handles a create whose answer lacks our external ID. Without it no
// asset can be found again, so no further one is made.
func (r *runner) dropped(ctx context.Context, w *work, a *showpad.Asset) (bool, error) {
	again, err := r.in.API.Asset(ctx, a.ID)
	if err == nil && again.ExternalID == w.item.ExternalID {
		return false, nil
	}
	if err != nil && ctx.Err() != nil {
		return true, context.Cause(ctx)
	}
	if err := r.in.Store.SetMeta(ctx, state.MetaExternalIDDropped, a.ID); err != nil {
		return true, stateError(w, err)
	}
	cause := droppedError(w.item.ExternalID, a.ID)
	r.stop(&StopError{Code: 1, Err: cause})
	return true, r.fail(ctx, w, FailedDropped, cause)
}

// droppedError is of the asset that the item in hand has just made; externalID
// "" is of one that an earlier run made.
func droppedError(externalID, assetID string) error {
	what := fmt.Sprintf("the service did not keep the external ID %q of the asset that it just made (%s)", externalID, assetID)
	if externalID == "" {
		what = fmt.Sprintf("an earlier run made asset %s, and the service did not keep its external ID", assetID)
	}
	return fmt.Errorf("%s: without it a rerun could not find its assets, so nothing else is created. "+
		"Way on: delete asset %s, then either set target: {ownership: oauth2client} and sign in with an OAuth client, or ask Showpad to allow external IDs on local assets; then run again with --retry-failed", what, assetID)
}
