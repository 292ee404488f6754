package pipeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// ours leaves the record's own asset of several with the external ID.
func (d *decider) ours() {
	rec := d.f.Record
	if rec == nil || rec.AssetID == "" || len(d.remote) < 2 {
		return
	}
	for i := range d.remote {
		if d.remote[i].ID == rec.AssetID {
			d.remote = d.remote[i : i+1]
			d.Warnings = append(d.Warnings, WarnTwin)
			return
		}
	}
}

// unshared demands, before an asset is given the external ID, that no other one
// has it. One that an item names and that has it already is told from its twins
// by that.
func (d *decider) unshared() {
	_, sets := d.Set[idField]
	asks := sets || d.links() && d.Row.Action != ActionConflict
	if !asks || d.Asset == nil || d.Need == NeedRemote {
		return
	}
	if !d.f.HoldersRead {
		d.Need = NeedHolders
		return
	}
	for i := range d.f.Holders {
		other := d.f.Holders[i].ID
		switch {
		case other == d.Asset.ID:
			continue
		case !sets:
			d.Warnings = append(d.Warnings, WarnTwin)
			return
		}
		way := "go on with that one by " + bindCommand(d.item.ExternalID, other)
		if d.item.ID != "" {
			way = "take id: out to go on with that one"
		}
		d.Need = NeedNothing
		d.conflict(ConflictTwin, fmt.Sprintf("asset %s is to get this external ID, and asset %s has it: %s, or delete it, or clear its external ID", d.Asset.ID, other, way))
		return
	}
}

func (d *decider) twins() {
	ids := make([]string, len(d.remote))
	for i, a := range d.remote {
		ids[i] = a.ID
	}
	slices.Sort(ids)
	d.conflict(ConflictTwin, fmt.Sprintf("%d assets have this external ID: %s; say which one to go on with by %s, or delete all but one, or clear their external ID",
		len(ids), strings.Join(ids, ", "), bindCommand(d.item.ExternalID, "")))
}

// otherManifest is the conflict of an item that another manifest has.
func (d *decider) otherManifest(rec *state.Record) {
	way := "remove it from one of the two"
	if rec.AssetID != "" {
		way += fmt.Sprintf(", or take it over by %s", bindCommand(d.item.ExternalID, rec.AssetID))
	}
	d.conflict(ConflictOther, fmt.Sprintf("belongs to the manifest with id %q in this state: %s", rec.Owner, way))
}

// otherBytes is the conflict of an asset whose bytes are not ours.
func (d *decider) otherBytes(a *showpad.Asset) {
	d.Row.Diff = append(d.Row.Diff, d.fileDiff(a))
	d.conflict(ConflictChanged, fmt.Sprintf("asset %s has other bytes than the ones we sent: somebody uploaded a version; keep it by update: {file: keep} or by putting it in the place of your file, or set update: {conflicts: overwrite}", a.ID))
}

func (d *decider) missing() {
	id := d.item.ExternalID
	if d.item.ID != "" {
		again := ""
		if d.f.Record != nil {
			again = " and run with --recreate " + shellWord(id)
		}
		d.conflict(ConflictMissing, fmt.Sprintf("asset %s, which id: names, is gone or not visible to you: correct id:, which is the service's and not that of another system, or take it out%s to make a new asset", d.item.ID, again))
		return
	}
	d.conflict(ConflictMissing, fmt.Sprintf("asset %s is gone or no longer visible to you: run with --recreate %s to make it again, name the asset that stands in for it by %s, or remove the item",
		d.Row.AssetID, shellWord(id), bindCommand(id, "")))
}

// sameSaid is how to keep what a person changed.
func (d *decider) sameSaid(fields []string) string {
	if !slices.Contains(fields, idField) {
		return "make the manifest say the same"
	}
	var theirs string
	if json.Unmarshal(d.Seen[idField], &theirs) != nil || theirs == "" {
		return "give it its external ID back in Showpad"
	}
	return fmt.Sprintf("let the item have that external ID by migrate state rename %s %s and in the manifest", shellWord(d.item.ExternalID), shellWord(theirs))
}

// bindCommand is the way on that names an asset; "" for one that people choose.
func bindCommand(externalID, assetID string) string {
	return "migrate state bind " + shellWord(externalID) + " " + cmp.Or(assetID, "ASSET-ID")
}

// shellWord is s as people can paste it into a shell.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@%+="
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
