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

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// putBack is the stage that writes what a rollback decided: it archives or
// deletes what was made, and sets what was changed to what it was; after a version,
// its fields.
func (r *runner) putBack(ctx context.Context, w *work) error {
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
	if w.Upload { // time has passed since it was decided
		w.decideFields()
	}
	if len(w.Set) == 0 {
		return r.tookBack(ctx, w, w.Seen)
	}
	seen, err := r.putFieldsBack(ctx, w)
	switch {
	case errors.Is(err, showpad.ErrNotFound):
		return r.fail(ctx, w, FailedGone, fmt.Errorf("asset %s went away: there is nothing to take back any more", w.Asset.ID))
	case err != nil:
		return r.refused(ctx, w, showpad.KindChange, FailedRefused, err)
	}
	if trash := w.Set["isArchived"]; trash != nil && !bytes.Equal(seen["isArchived"], trash) {
		return r.fail(ctx, w, FailedRefused, fmt.Errorf("the service took the change of asset %s and did not make it: isArchived is still %s", w.Asset.ID, seen["isArchived"]))
	}
	return r.tookBack(ctx, w, seen)
}

// putFieldsBack sets all fields that go back. The primary has an update of its own.
func (r *runner) putFieldsBack(ctx context.Context, w *work) (seen Values, err error) {
	link, linked := w.Set[linkField]
	rest := clone(w.Set)
	delete(rest, linkField)
	if len(rest) > 0 {
		if seen, err = r.set(ctx, w, rest); err != nil {
			return seen, err
		}
	}
	if linked {
		was := w.Seen
		if seen, err = r.setPrimary(ctx, w, link); err != nil {
			return seen, err
		}
		w.Seen = was
	}
	return seen, nil
}

// backOp is the op of what a rollback does to w next.
func (w *work) backOp() state.Op {
	switch trash := string(w.Set["isArchived"]); {
	case w.Upload && !(w.rec != nil && w.rec.Op == state.Version && w.rec.Status == state.Done):
		return state.Version
	case w.Row.Action == ActionDelete:
		return state.Delete
	case trash == "true":
		return state.Archive
	case trash == "false":
		return state.Restore
	}
	return state.Update
}

// tookBack records an item as it is now: what the service shows is what we last
// sent. Tags that were taken off are no longer ours.
func (r *runner) tookBack(ctx context.Context, w *work, seen Values) error {
	if w.rec != nil && w.rec.Op == state.Create && unfinishedOp(w.rec) { // somebody else's asset, whose bytes never came
		err := r.queue(ctx, w, "", nil, func(rec *state.Record) { rec.Op, rec.Status, rec.Error = state.Update, state.Sending, nil })
		if err != nil {
			return err
		}
	}
	answered := maps.Clone(w.Set)
	for name := range w.rec.Intent { // of a write that was never answered
		if _, ok := answered[name]; !ok && seen[name] != nil {
			answered[name] = seen[name]
		}
	}
	off := canonSet(w.back.tagsOff())
	text := "Taken back."
	if w.back.unlisted {
		text = "Archived: the manifest no longer lists it."
	}
	err := r.queue(ctx, w, text, w.reformed(), func(rec *state.Record) {
		rec.Status, rec.Intent, rec.Error, rec.Warnings = state.Done, nil, nil, w.warnings
		if w.halfMade() {
			rec.Fields = arrived(rec.Fields, seen)
		}
		tags := rec.Fields["tags"].Sent
		rec.Fields = bases(rec.Fields, answered, seen)
		if b, ok := rec.Fields["tags"]; ok && tags != nil {
			b.Sent = minus(tags, off)
			if b.Seen = seen["tags"]; bytes.Equal(b.Seen, b.Sent) {
				b.Seen = nil
			}
			rec.Fields["tags"] = b
		}
		rec.Relative = maps.Clone(rec.Relative)
		for name := range answered {
			delete(rec.Relative, name) // the date is no longer what the expression made it
		}
		switch was := w.facts.Record; {
		case !w.back.othersBytes():
			w.asShown(rec)
		case was != nil && was.Op == state.Version && unfinishedOp(was):
			rec.MD5, rec.Size, rec.ModTime = "", 0, 0 // ours never came, and those that are there are not ours
		}
		if !w.touched {
			rec.Shown = digest(w.Asset, seen)
		}
	})
	if err != nil {
		return err
	}
	return r.backDone(ctx, w)
}

// halfMade reports whether what is taken back is a create that was never finished.
func (w *work) halfMade() bool {
	was := w.facts.Record
	return w.back != nil && was != nil && was.Op == state.Create && was.Status != state.Done
}

// arrived are the bases of a create that was never finished: what it sent and the
// service does not show is still to be set when the asset is wanted again.
func arrived(old map[string]state.Base, seen Values) map[string]state.Base {
	fields := maps.Clone(old)
	for name, b := range fields {
		now, shown := seen[name]
		switch {
		case !shown || b.Sent == nil || bytes.Equal(now, b.Sent) || sameForm(b.Sent, now):
			continue
		case name == "tags":
			now = minus(b.Sent, minus(b.Sent, now))
		}
		fields[name] = state.Base{Sent: now}
	}
	return fields
}

// asShown makes the bytes of a record those that the service shows: a version
// that never arrived, or an upload that was cut off, are not. What it still processes
// will show.
func (w *work) asShown(rec *state.Record) {
	a := w.Asset
	if strings.EqualFold(a.Checksum, rec.MD5) || a.Checksum == "" && processing(a.Status) {
		return
	}
	rec.MD5, rec.Size, rec.ModTime, rec.FileID, rec.SentAt = strings.ToLower(a.Checksum), 0, 0, "", time.Time{}
	if a.Size != nil {
		rec.Size = *a.Size
	}
	if a.CurrentFile != nil {
		rec.FileID = a.CurrentFile.ID
	}
}

// othersBytes reports whether the bytes stay because they are not ours to replace.
func (b *backFacts) othersBytes() bool {
	return slices.ContainsFunc(b.spared, func(s spared) bool {
		return s.Field == fileField && (s.reason == ConflictChanged || s.reason == ConflictLaterRun)
	})
}

// tagsOff are the tags that go when the runs are taken back.
func (b *backFacts) tagsOff() (off []string) {
	for _, id := range tagsOf(b.links) {
		if t := traceTag(b.links, id); t.touched && string(t.target) == "false" && !t.stuck() {
			off = append(off, id)
		}
	}
	return off
}

// backDone finishes an item that was taken back; something of it may have stayed.
func (r *runner) backDone(ctx context.Context, w *work) error {
	if len(w.back.spared) > 0 {
		return r.finish(ctx, w, "conflict", &state.Failure{Code: w.back.spared[0].reason, Message: w.Row.Detail})
	}
	return r.finish(ctx, w, string(state.Done), nil)
}

// decideFields decides about the fields once more, by what the service shows now.
func (w *work) decideFields() {
	before := slices.DeleteFunc(w.back.spared, func(s spared) bool { return s.Field != fileField })
	w.back.spared = nil
	w.Set = Values{}
	d := backDecider{work: w, b: w.back, rec: w.facts.Record}
	d.fields()
	w.back.spared = append(w.back.spared, before...)
	w.Row.Detail = d.explain()
}

// deleteAsset removes what a run made, for good. Of the item nothing is known
// after it, but its story.
func (r *runner) deleteAsset(ctx context.Context, w *work) error {
	before := clone(w.Seen)
	before[fileField] = canonText(strings.ToLower(w.Asset.Checksum))
	change := w.changed(state.Delete, w.Asset.ID, before, Values{})
	err := r.put(ctx, w, fmt.Sprintf("Deleting asset %s for good.", w.Asset.ID), change, func(rec *state.Record) {
		rec.Op, rec.Status, rec.Intent, rec.Error = state.Delete, state.Sending, nil, nil
	})
	if err != nil {
		return err
	}
	w.updates++
	err = r.in.API.DeleteAsset(ctx, w.Asset.ID)
	w.paid(1)
	if err != nil && !errors.Is(err, showpad.ErrNotFound) {
		return r.refused(ctx, w, showpad.KindChange, FailedRefused, err)
	}
	if err := r.bury(ctx, w, "Deleted for good."); err != nil {
		return err
	}
	return r.finish(ctx, w, string(state.Done), nil)
}

// bury ends what is known of an item whose asset is no more.
func (r *runner) bury(ctx context.Context, w *work, text string) error {
	if w.rec.Op != state.Delete {
		err := r.queue(ctx, w, "", nil, func(rec *state.Record) {
			rec.Op, rec.Status, rec.Intent, rec.Error = state.Delete, state.Sending, nil, nil
		})
		if err != nil {
			return err
		}
	}
	return r.queue(ctx, w, text, nil, func(rec *state.Record) {
		*rec = state.Record{
			ExternalID: rec.ExternalID, Op: state.Delete, Status: state.Done, Owner: rec.Owner, Source: rec.Source, Run: rec.Run, Updated: rec.Updated,
		}
	})
}

// endsWrite reports whether a write of a rollback that was cut off is over: what
// it was to set is there, or turned out not to be needed. One that a later run
// began, or that may still arrive, is not.
func (w *work) endsWrite() bool {
	if !unfinishedOp(w.rec) || w.Asset == nil || w.rec.Op == state.Create || w.rec.Op == state.Delete {
		return false
	}
	return !slices.ContainsFunc(w.back.spared, func(s spared) bool { return s.reason == ConflictLaterRun || s.reason == ConflictProcessing })
}

// endWrite records that such a write is over.
func (r *runner) endWrite(ctx context.Context, w *work) error {
	w.Set = Values{}
	w.name, w.slug = w.Asset.Name, w.Asset.Slug
	return r.tookBack(ctx, w, w.Seen)
}

// leftAlone finishes an item that is as it was before. A write that an earlier
// rollback began, and that turns out to have been carried out or to be needless,
// is over.
func (r *runner) leftAlone(ctx context.Context, w *work) error {
	var err error
	switch rec := w.rec; {
	case rec == nil:
	case w.Row.Reason == ReasonNothingMade && rec.Op == state.Create && rec.Status == state.Registering:
		err = r.bury(ctx, w, "Nothing came of its create: no asset has its external ID.")
	case w.Row.Reason == ReasonGone && rec.Op == state.Delete && rec.AssetID == w.back.asset:
		err = r.bury(ctx, w, "Deleted for good.")
	case w.Row.Reason == ReasonTakenBack && w.endsWrite():
		return r.endWrite(ctx, w)
	}
	if err != nil {
		return err
	}
	return r.finish(ctx, w, "unchanged", nil)
}
