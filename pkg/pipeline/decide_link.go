package pipeline

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// linkOf is the asset that an item links and that its record, if it has one,
// does not have yet; "" for none.
func linkOf(item *manifest.Item, rec *state.Record) string {
	if rec != nil && rec.AssetID != "" {
		return ""
	}
	return item.ID
}

// links reports whether the item is to become an asset that it names.
func (d *decider) links() bool { return linkOf(d.item, d.f.Record) != "" }

// named reports whether the item names asset a as its own.
func (d *decider) named(a *showpad.Asset) bool { return d.item.ID == a.ID }

// linkedElsewhere is the conflict of an item whose record is about another asset
// than the one that it names, or whose asset another record has.
func (d *decider) linkedElsewhere() bool {
	id, rec := d.item.ID, d.f.Record
	if id == "" || rec != nil && rec.AssetID == id {
		return false
	}
	bind := bindCommand(d.item.ExternalID, id)
	switch {
	case rec != nil && rec.AssetID != "":
		d.conflict(ConflictLink, fmt.Sprintf("in this state the item is asset %s, and id: names %s: take id: out, or go on with that one by %s", rec.AssetID, id, bind))
	case rec != nil && rec.Op == state.Create && (unfinished(rec.Status) || rec.Attempts > 0):
		d.conflict(ConflictLink, fmt.Sprintf("a create of the item was begun, which may have made an asset, and id: names %s: take id: out and run again, or go on with that one by %s", id, bind))
	case d.f.LinkedBy != "":
		d.conflict(ConflictLink, fmt.Sprintf("asset %s is that of %s in this state: if that is the same item, migrate state rename %s %s; else correct id:",
			id, d.f.LinkedBy, shellWord(d.f.LinkedBy), shellWord(d.item.ExternalID)))
	default:
		return false
	}
	return true
}

// linkable reports whether the asset that the item names may get its external ID;
// else the row is a conflict. It is not taken from another one, whatever the
// rules say: that may be the key of another item or of another system.
// Source: ASSUME for giving one to an asset of somebody else (v4 updateAsset).
func (d *decider) linkable(a *showpad.Asset) bool {
	if a.ExternalID == "" || a.ExternalID == d.item.ExternalID {
		return true
	}
	d.Row.AssetID = a.ID
	d.conflict(ConflictLink, fmt.Sprintf("asset %s, which id: names, has the external ID %s: let the item have that one, or clear it in Showpad, or correct id:", a.ID, a.ExternalID))
	return false
}

// clashes reports whether setting a field of an asset that was found writes over
// what somebody else wants there. An asset that the item names is its own: what
// is empty there is filled in, and tags are added.
func (d *decider) clashes(diff FieldDiff) bool {
	switch {
	case diff.Field == idField:
		return !d.freeID()
	case diff.Field == linkField && isNone(diff.Remote):
		return false // it comes after the create
	case d.Asset == nil || !d.named(d.Asset):
		return true
	case diff.Field == "tags" && d.f.Rules.Tags == "add":
		return false
	}
	i := slices.IndexFunc(managed, func(m managedField) bool { return m.name == diff.Field })
	return i < 0 || managed[i].kind == flag || !bytes.Equal(diff.Remote, managed[i].kind.nothing())
}
