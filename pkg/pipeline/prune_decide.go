package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// unlistedWork is the work on an item that the manifest no longer lists.
func (g *gatherer) unlistedWork(rec *state.Record) *work {
	w := &work{item: manifest.Item{ExternalID: rec.ExternalID}, rec: rec}
	w.facts.Record, w.facts.Start, w.facts.Timezone, w.facts.Rules = rec, g.start, g.in.Manifest.Timezone, g.in.Manifest.Update
	w.back = &backFacts{asset: rec.AssetID, unlisted: true, delete: g.in.Manifest.Prune == PruneDelete}
	return w
}

// decideUnlisted decides what pruning does to one asset. It is pure, like Decide:
// the same facts, the same decision. Facts.Remote is what has the external ID,
// and the record's own asset in any case.
func (w *work) decideUnlisted() {
	rec := w.facts.Record
	w.Decision = Decision{Row: Row{
		ExternalID: w.item.ExternalID, AssetID: rec.AssetID, Source: rec.Source, MD5: rec.MD5, Size: rec.Size, Undo: UndoFull, Unlisted: true,
	}}
	d := backDecider{work: w, b: w.back, rec: rec}
	d.unlisted()
	if d.Row.Action != ActionArchive && d.Row.Action != ActionDelete && d.Row.Action != ActionCheck {
		d.Row.Writes, d.Row.Overwrites, d.Set = 0, "", nil
	}
}

func (d *backDecider) unlisted() {
	rec := d.rec
	if rec.AssetID == "" && rec.Attempts == 0 {
		d.nothing(ReasonNothingMade, "no asset came of it")
		return
	}
	if !d.facts.RemoteRead {
		d.Need = NeedRemote
		return
	}
	a, ok := d.ownAsset()
	if !ok {
		return
	}
	d.Asset, d.Seen, d.Row.AssetID, d.Row.Name = a, shown(a), a.ID, a.Name
	d.facts.Refs.DivisionID, d.Row.Division, d.item.Division = a.Division.ID, a.Division.ID, a.Division.ID
	ours := rec.Op == state.Archive || string(rec.Fields["isArchived"].Sent) == "true" || string(rec.Intent["isArchived"]) == "true"
	fields, touched := d.touchedFields(a)
	what := "a field that the manifest did not name"
	if len(fields) > 0 {
		what = strings.Join(fields, ", ")
	}
	switch {
	case a.IsArchived && !d.b.delete:
		d.nothing(ReasonInTrash, "it is in the trash already")
		return
	case a.IsArchived && !ours:
		touched, what = true, "put it into the trash"
	case !a.IsArchived && rec.Op == state.Archive && rec.Status == state.Done:
		touched, what = true, "took it out of the trash"
	case touched:
		what = "changed it (" + what + ")"
	}
	if touched && d.facts.Rules.Conflicts != "overwrite" {
		d.conflict(ConflictChanged, "it is no longer listed, and somebody %s since we wrote it: asset %s stays (%s it in Showpad if nobody needs it, list it again, or set update: {conflicts: overwrite})",
			what, a.ID, either(d.b.delete, "delete", "archive"))
		return
	}
	if mayArrive(rec) && string(rec.Intent["isArchived"]) == "false" && !d.b.settled {
		d.Need = NeedSettle // a restore that was never answered must not come after
	}
	d.takeOut(touched)
}

// takeOut archives or deletes.
func (d *backDecider) takeOut(touched bool) {
	if d.b.delete {
		d.act(ActionDelete, 1, UndoNone)
		d.Row.Audience = d.facts.takenAway(d.Seen, HiddenDeleted)
	} else {
		d.Set = Values{"isArchived": isTrue}
		d.Row.Diff = differences(d.Set, d.Seen)
		d.act(ActionArchive, 1, UndoFull)
		d.Row.Audience = d.facts.takenAway(d.Seen, HiddenArchived)
	}
	d.Row.Reason = ReasonUnlisted
	if touched {
		d.Row.Overwrites = ConflictChanged
	}
	if d.b.movedTo != "" {
		d.Row.Moved = d.b.movedTo
		d.Row.Detail = fmt.Sprintf("moved? the new item %s has its bytes; migrate state rename %s %s keeps this asset for it", d.b.movedTo, shellWord(d.item.ExternalID), shellWord(d.b.movedTo))
	}
}

// ownAsset is the asset that the item's record is about; false when the row is
// decided without one.
func (d *backDecider) ownAsset() (*showpad.Asset, bool) {
	rec, remote := d.rec, d.facts.Remote
	own := slices.IndexFunc(remote, func(a showpad.Asset) bool { return a.ID == rec.AssetID })
	switch {
	case rec.AssetID != "" && own < 0:
		if !d.b.settled && rec.Op == state.Create && rec.Status != state.Done {
			d.lookAgain("its asset was never seen whole")
			return nil, false
		}
		d.nothing(ReasonGone, "the asset is gone already")
		return nil, false
	case rec.AssetID == "" && len(remote) == 0:
		if !d.b.settled && d.unanswered() {
			d.lookAgain("its create was never answered")
			return nil, false
		}
		d.nothing(ReasonNothingMade, "no asset came of it")
		return nil, false
	case rec.AssetID == "":
		own = 0
	}
	if len(remote) > 1 {
		ids := make([]string, len(remote))
		for i := range remote {
			ids[i] = remote[i].ID
		}
		slices.Sort(ids)
		d.conflict(ConflictTwin, "it is no longer listed, and %d assets have its external ID: %s (archive in Showpad those that nobody needs)", len(ids), strings.Join(ids, ", "))
		return nil, false
	}
	a := &remote[own]
	if a.ExternalID != d.item.ExternalID {
		d.Row.AssetID, d.Row.Name = a.ID, a.Name
		d.conflict(ConflictOtherID, "it is no longer listed, and asset %s has the external ID %q now: it may be somebody else's (archive it in Showpad if nobody needs it)", a.ID, a.ExternalID)
		return nil, false
	}
	return a, true
}

// lookAgain leaves the decision until the service has had its time to show what it
// was told to make.
func (d *backDecider) lookAgain(why string) {
	d.Need = NeedSettle
	d.act(ActionCheck, 1, UndoFull)
	d.Row.Reason = ReasonUnlisted
	d.Row.Detail = why + ": it is looked up again when the service has had its time to show it"
}

func either(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}
