package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// linkField is the field of language variants. Its value is the id of the primary,
// or null: of an asset that is a primary, too. It is set by an update of its own,
// after the items are done: a create does not take it, and the primary may be made
// by the same run.
const linkField = "localization"

// primaryOf is the canonical form of what an asset shows; false when it shows nothing.
func primaryOf(a *showpad.Asset) (json.RawMessage, bool) {
	l, shown := a.Localization()
	if !shown {
		return nil, false
	}
	if l.Primary.Asset.ID == a.ID {
		return null, true
	}
	return canonText(l.Primary.Asset.ID), true
}

// later moves the primary out of what the first pass sets: it has a write of its
// own.
func (d *decider) later() {
	raw, ok := d.Set[linkField]
	if !ok {
		return
	}
	d.Set = clone(d.Set)
	delete(d.Set, linkField)
	made := d.Asset == nil // by this row
	if made && string(raw) == string(null) {
		return // it has none
	}
	d.Link = raw
	if made || len(d.Set) > 0 { // else the one write is that
		d.Row.Writes++
	}
	if made {
		d.Row.Diff = append(d.Row.Diff, FieldDiff{Field: linkField, Wanted: raw})
	}
}

// primary is what is known of the primary that an item names.
type primary struct {
	id   string // of the asset; newTag + the external ID while a run has yet to make it; "" without one
	what string // is wrong with it; "" when nothing is
}

// findPrimaries looks for the primaries of a chunk: in the state, in the manifest,
// at the service.
func (g *gatherer) findPrimaries(ctx context.Context, chunk []*work, recs map[string]state.Record) error {
	byExt, byID := map[string][]*work{}, map[string][]*work{}
	for _, w := range chunk {
		switch p := w.item.Fields.Localization.Value; {
		case p.ExternalID != "":
			byExt[p.ExternalID] = append(byExt[p.ExternalID], w)
		case p.ID != "":
			w.primary.id = p.ID
			if string(recs[w.item.ExternalID].Fields[linkField].Sent) != string(canonText(p.ID)) {
				byID[p.ID] = append(byID[p.ID], w)
			}
		}
	}
	var unknown []string
	if len(byExt) > 0 {
		known, err := g.in.State.Get(ctx, sortedKeys(byExt))
		if err != nil {
			return err
		}
		for _, id := range sortedKeys(byExt) {
			switch rec := known[id]; {
			case rec.AssetID != "" && rec.Op != state.Delete:
				setPrimary(byExt[id], primary{id: rec.AssetID})
			case g.listed != nil && g.listed.has(id):
				setPrimary(byExt[id], primary{id: newTag + id})
			default:
				unknown = append(unknown, id)
			}
		}
	}
	if g.api == nil {
		return nil
	}
	for batch := range showpad.Batches(unknown) {
		found, err := byExternalID(ctx, g.api, batch)
		if err != nil {
			return err
		}
		g.count(1)
		for _, id := range batch {
			setPrimary(byExt[id], primaryAmong(fmt.Sprintf("the external ID %q", id), found[id]))
		}
	}
	for batch := range showpad.Batches(sortedKeys(byID)) {
		found, err := byAssetID(ctx, g.api, batch)
		if err != nil {
			return err
		}
		g.count(1)
		for _, id := range batch {
			var assets []showpad.Asset
			if a, ok := found[id]; ok {
				assets = append(assets, a)
			}
			setPrimary(byID[id], primaryAmong(fmt.Sprintf("the id %q", id), assets))
		}
	}
	return nil
}

// primaryAmong is the primary among the assets that the service has under a name.
func primaryAmong(name string, assets []showpad.Asset) primary {
	switch len(assets) {
	case 0:
		return primary{what: fmt.Sprintf("nothing has %s, which it names as its primary: neither the manifest nor the state nor the service knows it", name)}
	case 1:
	default:
		return primary{what: fmt.Sprintf("%d assets have %s, which it names as its primary", len(assets), name)}
	}
	a := &assets[0]
	if of, shown := primaryOf(a); shown && string(of) != string(null) {
		return primary{what: fmt.Sprintf("asset %s, which it names as its primary, is itself a variant of asset %s", a.ID, strings.Trim(string(of), `"`))}
	}
	return primary{id: a.ID}
}

func setPrimary(ws []*work, p primary) {
	for _, w := range ws {
		w.primary = p
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// resolve turns w's names into ids.
func (g *gatherer) resolve(w *work) Refs {
	r := g.dir.resolve(&w.item)
	if r.Primary = w.primary.id; w.primary.what != "" {
		r.Problems = append(r.Problems, RefProblem{BlockedPrimary, linkField, w.primary.what, "list its item in this manifest, correct the ID, or remove localization"})
	}
	return r
}

// namePrimary is a canonical primary as the item names it, for people.
func namePrimary(item *manifest.Item, raw json.RawMessage) json.RawMessage {
	p := item.Fields.Localization.Value
	if p.ExternalID == "" || len(raw) == 0 || string(raw) == string(null) {
		return raw
	}
	return canonText(p.ExternalID)
}
