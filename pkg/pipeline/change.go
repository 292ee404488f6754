package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// fileField is, beside the managed fields, the checksum of an asset's bytes in
// the images of a [state.Change]: hex as a JSON string, null for none.
const fileField = "file"

// changed adds one more write to what this run did to w's asset, and returns
// all of it: a run keeps one change for each item. What was there before the
// first write of a field stays its before-image.
func (w *work) changed(op state.Op, assetID string, before, after Values) *state.Change {
	c := state.Change{Op: op, AssetID: assetID, Before: maps.Clone(before), After: maps.Clone(after)}
	if old := w.change; old != nil && old.AssetID == assetID {
		c.Op = old.Op
		maps.Copy(c.Before, old.Before)
		for name := range old.After {
			if _, was := old.Before[name]; !was {
				delete(c.Before, name) // it was not shown before our first write
			}
			if _, again := c.After[name]; !again {
				c.After[name] = old.After[name]
			}
		}
	}
	w.change = &c
	return &c
}

// reform notes in this run's change that the service shows a field in another
// form than it was sent: what a rollback will find.
func (w *work) reform(name string, seen Values) {
	if is, ok := seen[name]; ok && name != "tags" && w.change != nil {
		w.change.After[name], w.form = is, true // a map of its own: see changed
	}
}

// reformed is this run's change when it has to be written anew, else nil.
func (w *work) reformed() *state.Change {
	if !w.form {
		return nil
	}
	w.form = false
	return w.change
}

// noted reports whether this run's change of w has these bytes already.
func (w *work) noted(file json.RawMessage) bool {
	return w.change != nil && bytes.Equal(w.change.After[fileField], file)
}

// replaces is the checksum of what an upload under way replaces; ours when the
// bytes are those of a create of ours, which is undone as a whole. Of a version that
// another run began, the asset may show the bytes that it sent, or still those that
// it replaces.
func (w *work) replaces() (file json.RawMessage, ours bool) {
	if w.rec == nil {
		return null, true
	}
	rec, now := w.rec, strings.ToLower(w.Asset.Checksum)
	if rec.Op == state.Version && w.Row.Overwrites == "" && (now == "" || now != rec.MD5 && !slices.Contains(rec.Overtaken, now)) {
		now = rec.Replaced
	}
	return canonText(now), rec.Op != state.Version && rec.CreateRun != ""
}

// digest is what [state.Record.Shown] keeps: of all managed fields that an
// answer shows and of its checksum, in canonical form. Whether the asset is in the
// trash is not in it: that comes and goes with rollbacks, and is compared by itself.
func digest(a *showpad.Asset, seen Values) string {
	names := slices.Sorted(maps.Keys(seen))
	h := sha256.New()
	for _, name := range names {
		if name == "isArchived" || name == linkField && isNone(seen[name]) {
			continue
		}
		h.Write([]byte(name))
		h.Write([]byte{0})
		h.Write(seen[name])
		h.Write([]byte{0})
	}
	h.Write([]byte(strings.ToLower(a.Checksum)))
	return digestForm + hex.EncodeToString(h.Sum(nil)[:16])
}

// digestForm tells digests over these fields from those of another program
// version, with which they cannot be compared.
const digestForm = "1:"

// differs reports whether a done item's asset is no longer as it was when it was
// last verified. What was never verified, or whose last write is not known to
// have arrived, tells nothing.
func (w *work) differs() bool {
	rec := w.rec
	if rec == nil || rec.Status != state.Done || rec.AssetID != w.Asset.ID || !strings.HasPrefix(rec.Shown, digestForm) {
		return false
	}
	return rec.Shown != digest(w.Asset, w.Seen)
}
