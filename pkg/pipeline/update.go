package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// update is the stage that sets fields of an asset that exists: the update of
// a plan, or what a create or a version left to do. Values are absolute, so that
// a repeat is harmless.
func (r *runner) update(ctx context.Context, w *work) error {
	if r.stopped() {
		return r.leave(ctx, w)
	}
	if r.tally.refuses(w.facts.Refs.DivisionID) {
		return r.blockDivision(ctx, w, nil)
	}
	if w.rec != nil && w.rec.Op == state.Delete && w.rec.Status != state.Done {
		if gone, err := r.outliveDelete(ctx, w); err != nil || gone {
			return err
		}
	}
	if len(w.Set) == 0 {
		if w.Link != nil && w.rec != nil && w.rec.Op == state.Update && w.rec.Intent[linkField] != nil {
			return r.finish(ctx, w, string(state.Done), nil) // what it is in the midst of is its link
		}
		if w.Row.Action == ActionRestore { // it is back already
			err := r.queue(ctx, w, "", nil, func(rec *state.Record) { rec.Op, rec.Status, rec.Error = state.Restore, state.Sending, nil })
			if err != nil {
				return err
			}
		}
		return r.done(ctx, w, w.Seen)
	}
	if err := r.outliveLink(ctx, w, w.Link); err != nil {
		return err
	}
	r.emit(Stage{ExternalID: w.item.ExternalID, Stage: "update"})
	values, err := r.ensureTags(ctx, w.facts.Refs.DivisionID, w.Set)
	if err != nil {
		return r.refused(ctx, w, showpad.KindRead, FailedTag, err)
	}
	// While it waits the record keeps the former intent, so that a run that is cut
	// off here is followed by one that waits again.
	if w.rec != nil {
		if passed, err := r.outlive(ctx, w, w.rec.Intent, values); err != nil || passed {
			return err
		}
	}
	seen, err := r.set(ctx, w, values)
	if err != nil {
		return r.refused(ctx, w, showpad.KindChange, FailedRefused, err)
	}
	if id, ok := values[idField]; ok && !bytes.Equal(id, seen[idField]) {
		return r.fail(ctx, w, FailedDropped, fmt.Errorf("the service did not keep the external ID %q that asset %s was given: without it a rerun could not find the asset (ask Showpad to allow external IDs on local assets, and run again with --retry-failed)",
			w.item.ExternalID, w.Asset.ID))
	}
	sent := values
	if old := w.rec.Fields["tags"].Sent; sent["tags"] != nil && old != nil && r.in.Manifest.Update.Tags == "add" {
		// What we ever added: a tag of ours that is taken off stays off.
		sent = clone(values)
		sent["tags"] = union(old, values["tags"])
	}
	w.rec.Fields = bases(w.rec.Fields, sent, seen)
	return r.done(ctx, w, seen)
}

// set writes values to w's asset, the intent and the way back first, and takes
// the answer in.
func (r *runner) set(ctx context.Context, w *work, values Values) (seen Values, err error) {
	fields, err := request(values, w.Seen)
	if err != nil {
		return nil, err
	}
	before := Values{}
	for name := range values {
		if raw, ok := w.Seen[name]; ok {
			before[name] = raw
		}
	}
	op := r.opOf(w)
	var former Values
	if w.rec != nil {
		former = w.rec.Intent
	}
	var change *state.Change
	switch {
	case op == state.Create && w.rec.CreateRun != "": // part of the create, which is undone as a whole
	case op == state.Create: // of an asset that somebody else made
		change = w.changed(state.Update, w.Asset.ID, before, values)
	default:
		change = w.changed(op, w.Asset.ID, before, values)
	}
	err = r.put(ctx, w, fmt.Sprintf("Setting %s.", strings.Join(sortedFields(values), ", ")), change, func(rec *state.Record) {
		if op != state.Create && op != state.Version {
			rec.Op, rec.Status, rec.AssetID, rec.Error = op, state.Sending, w.Asset.ID, nil
		} else if rec.Status == state.Failed { // and is taken up again: it is still not over
			rec.Status, rec.Error = state.Processing, nil
			if w.item.URL != "" {
				rec.Status = state.Registered
			}
		}
		rec.Fields, rec.Intent = carriedOut(rec.Fields, former, w.Seen, r.in.Manifest.Update), values
		if w.halfMade() { // from now on the record does not tell
			rec.Fields = arrived(rec.Fields, w.Seen)
		}
	})
	if err != nil {
		return nil, &stateFailed{err}
	}
	w.updates++
	a, err := r.in.API.UpdateAsset(ctx, w.Asset.ID, fields)
	w.paid(1)
	for pause := newPauses(r.settleTime); err != nil && r.lags(w, err) && pause.wait(ctx); {
		a, err = r.in.API.UpdateAsset(ctx, w.Asset.ID, fields)
	}
	if err != nil {
		return nil, err
	}
	w.Asset, w.name, w.slug = &a, a.Name, a.Slug
	seen = shown(&a)
	for name, raw := range values {
		if !bytes.Equal(raw, seen[name]) {
			w.warn(WarnNormalised)
			w.reform(name, seen)
		}
	}
	return seen, nil
}

// outlive waits until an earlier update that was never answered cannot be
// carried out any more: if it sets other values, it must not come after ours. It
// was sent by an earlier run, so before this one began; how long before, only a
// wall clock could say. The asset may have changed by it, so it is read and decided
// anew; passed says that w has gone on.
func (r *runner) outlive(ctx context.Context, w *work, former, values Values) (passed bool, err error) {
	clashes := false
	for name, raw := range former {
		v, ok := values[name]
		clashes = clashes || ok && !bytes.Equal(v, raw)
	}
	if !clashes || w.outlived {
		return false, nil
	}
	if err := sleep(ctx, time.Until(r.begun.Add(r.settleTime))); err != nil {
		return false, err
	}
	w.outlived = true
	a, ok, err := r.g.readOne(ctx, w.Asset.ID)
	if err != nil {
		return true, r.refused(ctx, w, showpad.KindRead, FailedUnavailable, err)
	}
	w.facts.Record, w.facts.RemoteRead, w.facts.Remote = w.rec, true, nil
	if ok {
		w.facts.Remote = []showpad.Asset{a}
	}
	r.g.decide(w)
	return true, r.route(ctx, w)
}

// carriedOut are the bases with what an update without an answer has set after all:
// values of ours, which nobody else will own up to.
func carriedOut(fields map[string]state.Base, former, seen Values, rules manifest.Update) map[string]state.Base {
	out := maps.Clone(fields)
	for name, raw := range former {
		if !bytes.Equal(raw, seen[name]) {
			continue
		}
		if name == "tags" && rules.Tags == "add" {
			raw = union(fields[name].Sent, raw)
		}
		if out == nil {
			out = map[string]state.Base{}
		}
		out[name] = state.Base{Sent: raw}
	}
	return out
}

// outliveDelete waits until a delete that was never answered cannot be carried
// out any more, and looks again: what went away meanwhile is made anew.
func (r *runner) outliveDelete(ctx context.Context, w *work) (gone bool, err error) {
	if err := sleep(ctx, time.Until(r.begun.Add(r.settleTime))); err != nil {
		return false, err
	}
	_, err = r.in.API.Asset(ctx, w.rec.AssetID)
	switch {
	case errors.Is(err, showpad.ErrNotFound):
		w.facts.Record, w.facts.RemoteRead, w.facts.Remote = w.rec, true, nil
		r.g.decide(w)
		return true, r.route(ctx, w)
	case err != nil:
		return true, r.refused(ctx, w, showpad.KindRead, FailedUnavailable, err)
	}
	return false, nil
}

// opOf is the op that an update belongs to.
func (r *runner) opOf(w *work) state.Op {
	switch {
	case w.back != nil:
		return w.backOp()
	case w.rec != nil && w.rec.Status != state.Done && (w.rec.Status != state.Failed || w.Row.Action == ActionResume) &&
		(w.rec.Op == state.Create || w.rec.Op == state.Version):
		return w.rec.Op
	case w.Row.Action == ActionRestore, w.rec != nil && w.rec.Op == state.Restore && w.rec.Status != state.Done:
		return state.Restore
	case w.Row.Action == ActionVersion, w.Row.Action == ActionCheck:
		return state.Version
	case w.Row.Action == ActionCreate:
		return state.Create
	}
	return state.Update
}

func clone(v Values) Values {
	out := make(Values, len(v))
	maps.Copy(out, v)
	return out
}

func (w *work) warn(code string) {
	if slices.Contains(w.warnings, code) {
		return
	}
	w.warnings = append(w.warnings, code)
}

// done records a verified item: the service says active, its checksum and size
// are ours, its fields are as sent or in the service's own form.
func (r *runner) done(ctx context.Context, w *work, seen Values) error {
	err := r.queue(ctx, w, "Done and verified.", w.reformed(), func(rec *state.Record) {
		rec.Status, rec.Intent, rec.Overtaken, rec.Error, rec.Warnings = state.Done, nil, nil, nil, w.warnings
		if rec.Op == "" {
			rec.Op = state.Update
		}
		rec.Fields = w.agreed(rec.Fields, seen)
		if !w.touched {
			rec.Shown = digest(w.Asset, seen)
		}
		if w.hashed && w.facts.MD5 == rec.MD5 {
			rec.ModTime = w.mtime
		}
		if w.Relative != nil || rec.Relative != nil {
			rec.Relative = w.Relative
		}
		r.stampOf(w, rec, seen)
	})
	if err != nil {
		return err
	}
	if w.Upload && w.rec.Op == state.Restore { // it is back, and its file is another one
		w.Set = nil
		return r.send(ctx, r.toTransfer, w)
	}
	return r.finish(ctx, w, string(state.Done), nil)
}

// agreed brings the bases up to what the service shows: wanted values that it
// has anyway count as sent. What it shows otherwise than we saw it before is not
// ours: it stays to be noticed as somebody's change.
func (w *work) agreed(old map[string]state.Base, seen Values) map[string]state.Base {
	same := Values{}
	for name, raw := range w.Want {
		switch {
		case name == "tags" && w.facts.Rules.Tags != "replace":
			// What we ever added: a tag of ours that is taken off stays off.
			if there := minus(raw, minus(raw, seen[name])); string(there) != "[]" || old[name].Sent != nil {
				same[name] = union(old[name].Sent, there)
			}
		case bytes.Equal(raw, seen[name]):
			same[name] = raw
		}
	}
	fields := bases(old, same, seen)
	for name, b := range fields {
		s, ok := seen[name]
		switch {
		case !ok || b.Sent == nil:
		case bytes.Equal(s, b.Sent):
			b.Seen = nil
		case sameForm(b.Sent, s):
			b.Seen = s
		}
		fields[name] = b
	}
	return fields
}
