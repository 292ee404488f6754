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
// has it.
func (d *decider) unshared() {
	if _, sets := d.Set[idField]; !sets || d.Asset == nil || d.Need == NeedRemote {
		return
	}
	if !d.f.HoldersRead {
		d.Need = NeedHolders
		return
	}
	for i := range d.f.Holders {
		if other := d.f.Holders[i].ID; other != d.Asset.ID {
			d.Need = NeedNothing
			d.conflict(ConflictTwin, fmt.Sprintf("asset %s is to get this external ID, and asset %s has it: go on with that one by %s, or delete it, or clear its external ID",
				d.Asset.ID, other, bindCommand(d.item.ExternalID, other)))
			return
		}
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
