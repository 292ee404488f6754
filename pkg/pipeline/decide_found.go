package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// unknown decides for an item without a record.
func (d *decider) unknown() {
	if d.needRemote() {
		return
	}
	if d.links() && len(d.remote) > 0 && !d.linkable(&d.remote[0]) {
		return
	}
	switch len(d.remote) {
	case 0:
		reason := ReasonNew
		if d.f.Exported {
			reason = ReasonProvisional
		}
		if rec := d.f.Record; rec != nil && rec.Op == state.Delete {
			reason = ReasonArchivedByUs
		}
		d.create(ActionCreate, reason)
	case 1:
		d.found(&d.remote[0])
	default:
		d.twins()
	}
}

// found decides for an asset whose history is not known.
func (d *decider) found(a *showpad.Asset) {
	if !d.placed(a) {
		return
	}
	d.Adopt = true
	d.asFound(a.CreatedAt.Time)
	d.Set = d.remaining()
	if d.item.URL == "" && a.CurrentFile == nil {
		switch a.Status {
		case showpad.StatusPrepared, showpad.StatusFailed:
			d.Upload = true
			d.act(ActionAdopt, ReasonHalfMade, 1+len1(d.Set), 1, UndoMetadata)
			return
		case showpad.StatusQueued, showpad.StatusProcessing:
			d.act(ActionAdopt, ReasonStillProcesses, len1(d.Set), 0, UndoMetadata)
			return
		}
	}
	d.Row.Diff = differences(d.Set, d.Seen)
	clash := slices.ContainsFunc(d.Row.Diff, d.clashes)
	fileDiffers := false
	if d.item.URL == "" && d.f.Rules.File != "keep" {
		switch same, known := d.sameBytes(a); {
		case !known:
			d.Need = NeedHash
		case !same:
			fileDiffers, clash = true, true
			d.Row.Diff = append(d.Row.Diff, d.fileDiff(a))
		}
	}
	if !clash {
		switch n := len1(d.Set); {
		case d.Need == NeedHash:
			d.maybe()
			d.Row.Writes += n
		case a.Status != showpad.StatusActive:
			d.act(ActionAdopt, ReasonStillProcesses, n, 0, UndoFull)
		case n > 0 && d.named(a):
			d.act(ActionAdopt, ReasonLinked, n, 0, UndoFull)
		case n > 0:
			d.change(false)
		default:
			d.act(ActionAdopt, ReasonSame, 0, 0, UndoFull)
		}
		return
	}
	if d.f.Rules.Conflicts != "overwrite" {
		d.Need = NeedNothing
		how := "has this external ID"
		if d.named(a) {
			how = "is named by id:"
		}
		d.conflict(ConflictAdopt, fmt.Sprintf("asset %s %s and differs: make the manifest say the same, or set update: {conflicts: overwrite}", a.ID, how))
		return
	}
	d.Row.Overwrites = ConflictAdopt
	d.change(fileDiffers)
}

// freeID reports whether nobody's value goes when an asset gets the external ID:
// it has none, or the one that the item had before it was renamed.
func (d *decider) freeID() bool {
	is := d.Seen[idField]
	return string(is) == string(null) || d.f.Record != nil && is != nil && bytes.Equal(is, d.f.Record.Fields[idField].Sent)
}

// unconfirmed decides for an item whose record was made without a run. What was
// seen then is believed as far as nothing is left to do; otherwise the asset is
// read and looked at like one that is found for the first time.
func (d *decider) unconfirmed() {
	if !d.f.FullCheck && !d.f.RemoteRead && d.asSeen(d.f.Record) {
		return
	}
	if d.needRemote() {
		return
	}
	switch {
	case len(d.remote) > 1:
		d.twins()
	case len(d.remote) == 1:
		d.found(&d.remote[0])
	case d.f.Recreate:
		d.create(ActionCreate, ReasonRecreate)
	default:
		d.missing()
	}
}

// asSeen decides by what was seen when the record was made; false when that
// does not suffice.
func (d *decider) asSeen(rec *state.Record) bool {
	was, ok := seenOf(rec)
	if !ok || d.f.Refs.DivisionID != "" && was.division != d.f.Refs.DivisionID {
		return false
	}
	d.Seen = was.values
	d.asFound(was.created)
	if len(d.remaining()) > 0 {
		return false
	}
	d.Row.MD5 = rec.MD5
	if d.item.URL == "" && d.f.Rules.File != "keep" {
		switch {
		case rec.MD5 == "" || !sentSize(d.f.Info, rec):
			return false
		case d.f.MD5 == "":
			d.Row.MD5 = ""
			d.Need = NeedHash
			d.maybe()
			return true
		case d.f.MD5 != rec.MD5:
			return false
		}
	}
	d.act(ActionUnchanged, ReasonSame, 0, 0, UndoFull)
	return true
}

// maybe is the row of an asset whose history is not known, and that has what is
// wanted unless its bytes are others.
func (d *decider) maybe() {
	d.act(ActionCheck, ReasonMaybeDiffers, 0, 0, UndoFull)
	if d.f.Rules.Conflicts == "overwrite" {
		d.act(ActionCheck, ReasonMaybeDiffers, 1, 1, d.undoVersion())
	}
}

// asFound takes the relative dates of an asset whose history is not known for
// what they became, if a run at the time of its creation would have made them so.
func (d *decider) asFound(created time.Time) {
	const (
		longest = 31 * 24 * time.Hour // of a run, from its start to its last create
		around  = 24 * time.Hour      // for clocks that differ, and dates that snap to days
	)
	if created.IsZero() {
		return
	}
	for name := range d.Relative {
		raw, ok := d.Seen[name]
		if !ok {
			continue
		}
		var at time.Time
		if json.Unmarshal(raw, &at) != nil || at.IsZero() {
			continue
		}
		date := relativeDate(d.item, name)
		first := date.Resolve(created.Add(-longest), d.f.Timezone).Add(-around)
		last := date.Resolve(created.Add(around), d.f.Timezone).Add(around)
		if !at.Before(first) && !at.After(last) {
			d.Want[name] = raw
		}
	}
}
