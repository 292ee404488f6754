package export

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// division is one of the tenant's.
type division struct {
	id     string
	label  string // in the manifest: its name, or its id where several have the name
	name   string
	folder string // below files/
}

// divisions are those that this account sees, with those that are asked for.
type divisions struct {
	byID  map[string]*division
	asked []*division // in the order of their names
}

// readDivisions reads the Divisions and picks those that are asked for, by name or id.
func (x *exporter) readDivisions(ctx context.Context) error {
	ds := &divisions{byID: map[string]*division{}}
	personal, err := x.personal(ctx)
	if err != nil {
		return err
	}
	var all []*division
	named := map[string]int{}
	for d, err := range x.api.Divisions(ctx) {
		if err != nil {
			return fmt.Errorf("reading the Divisions: %w", err)
		}
		if personal[d.ID] {
			continue
		}
		v := &division{id: d.ID, name: strings.TrimSpace(d.Name)}
		all, ds.byID[d.ID] = append(all, v), v
		named[foldName(v.name)]++
	}
	slices.SortFunc(all, func(a, b *division) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	at := newPlaces()
	for _, v := range all {
		v.label = v.name
		if _, isID := ds.byID[v.name]; named[foldName(v.name)] > 1 || v.name == "" || isID && v.name != v.id {
			v.label = v.id
		}
		v.folder = at.take(filesFolder, strings.ReplaceAll(v.name, ".", "_"), v.id)
	}
	if len(x.o.Divisions) == 0 {
		ds.asked = all
	}
	for _, want := range x.o.Divisions {
		found, err := pick(all, named, want)
		if err != nil {
			return err
		}
		if !slices.Contains(ds.asked, found) {
			ds.asked = append(ds.asked, found)
		}
	}
	slices.SortFunc(ds.asked, func(a, b *division) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	x.divisions = ds
	return nil
}

// personal are the Divisions of one person's own files. Whether they are among those
// that v4 lists is not documented; v3 tells them apart, to those who may read it.
func (x *exporter) personal(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	for d, err := range x.api.ExportDivisions(ctx) {
		switch {
		case err != nil && showpad.Classify(showpad.KindRead, err) == showpad.StopDivision:
			x.warn("v3 does not show this account which Divisions are personal (scope read_division_management): look through the Divisions")
			return ids, nil
		case err != nil:
			return nil, fmt.Errorf("reading which Divisions are personal: %w", err)
		case d.Personal:
			ids[d.ID] = true
		}
	}
	return ids, nil
}

func (x *exporter) warn(text string) { x.sum.Warnings = append(x.sum.Warnings, text) }

func pick(all []*division, named map[string]int, want string) (*division, error) {
	var names []string
	for _, v := range all {
		if v.id == want {
			return v, nil
		}
		names = append(names, v.name)
	}
	switch i := slices.IndexFunc(all, func(v *division) bool { return foldName(v.name) == foldName(want) }); {
	case i >= 0 && named[foldName(want)] > 1:
		return nil, &SelectionError{fmt.Sprintf("several Divisions are called %q: name one by its id, %s for instance", want, all[i].id)}
	case i >= 0:
		return all[i], nil
	case len(all) == 0:
		return nil, &SelectionError{"this credential sees no Division: ask for a role that does"}
	}
	if s := manifest.Suggest(want, names); s != "" {
		return nil, &SelectionError{fmt.Sprintf("there is no Division %q: did you mean %q?", want, s)}
	}
	return nil, &SelectionError{fmt.Sprintf("there is no Division %q: you can see %s", want, strings.Join(names[:min(len(names), 10)], ", "))}
}

// foldName is the form in which names of Divisions and tags are compared. Source: v4
// postTags trims; that case does not matter is ASSUME.
func foldName(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// asks reports whether a Division is asked for.
func (ds *divisions) asks(id string) bool {
	return slices.ContainsFunc(ds.asked, func(v *division) bool { return v.id == id })
}

// ids are those of the Divisions that are asked for.
func (ds *divisions) ids() []string {
	ids := make([]string, len(ds.asked))
	for i, v := range ds.asked {
		ids[i] = v.id
	}
	return ids
}

// findTags looks up the tags that are asked for by name.
func (x *exporter) findTags(ctx context.Context) error {
	for _, name := range x.o.Tags {
		found := false
		for t, err := range x.api.Tags(ctx, showpad.TagFilter{Name: strings.TrimSpace(name)}) {
			if err != nil {
				return fmt.Errorf("looking up tag %q: %w", name, err)
			}
			if foldName(t.Name) == foldName(name) {
				x.tagIDs, found = append(x.tagIDs, t.ID), true
			}
		}
		if !found {
			return &SelectionError{fmt.Sprintf("there is no tag %q", name)}
		}
	}
	return nil
}

// list reads all assets that are asked for into the sorter.
func (x *exporter) list(ctx context.Context) error {
	x.seen, x.seed = map[uint64]struct{}{}, maphash.MakeSeed()
	if x.o.Query != "" {
		return x.take(x.api.QueryAssets(ctx, showpad.AssetQuery{ShowQL: x.o.Query}))
	}
	for ids := range showpad.Batches(x.divisions.ids()) {
		filters := []showpad.AssetFilter{{DivisionIDs: ids}}
		if len(x.tagIDs) > 0 {
			filters = nil
			for _, t := range x.tagIDs {
				filters = append(filters, showpad.AssetFilter{DivisionIDs: ids, TagIDs: []string{t}})
			}
		}
		for _, f := range filters {
			if err := x.walk(ctx, f); err != nil {
				return err
			}
		}
	}
	return x.trash(ctx)
}

// trash reads the archived assets that the lists did not show: whether they show them is
// not documented.
func (x *exporter) trash(ctx context.Context) error {
	if !x.o.Archived {
		return nil
	}
	return x.take(func(yield func(showpad.Asset, error) bool) {
		for row, err := range x.api.ExportAssets(ctx) {
			if err != nil && showpad.Classify(showpad.KindRead, err) == showpad.StopDivision {
				x.warn("v3 does not show this account what is in the trash (scope read_division_management): only what the lists show comes along")
				return
			}
			if err != nil {
				yield(showpad.Asset{}, err)
				return
			}
			if _, seen := x.seen[maphash.String(x.seed, row.ID)]; seen || row.ArchivedAt.IsZero() || !row.DeletedAt.IsZero() || !x.divisions.asks(row.DivisionID) {
				continue
			}
			a, err := x.api.Asset(ctx, row.ID)
			if showpad.IsNotFound(err) {
				continue // gone since
			}
			if !yield(a, err) || err != nil {
				return
			}
		}
	})
}

// walks is how often a list is read before what it keeps back is given up: rows move
// from page to page while others are added and removed.
const walks = 3

// walk reads one list, again when the service counts more than it listed.
func (x *exporter) walk(ctx context.Context, f showpad.AssetFilter) error {
	least := 0
	for n := 1; ; n++ {
		listed := 0
		assets := func(yield func(showpad.Asset, error) bool) {
			for a, err := range x.api.Assets(ctx, f) {
				listed++
				if !yield(a, err) {
					return
				}
			}
		}
		if err := x.take(assets); err != nil {
			return err
		}
		total, known, err := x.api.CountAssets(ctx, f)
		if err != nil {
			return fmt.Errorf("counting the assets: %w", err)
		}
		missing := total - listed
		if !known || missing <= 0 {
			return nil
		}
		if n == 1 || missing < least {
			least = missing
		}
		if n == walks { // together the walks may have seen all: nobody knows
			x.sum.Missed += least
			return nil
		}
	}
}

// take puts assets into the sorter, each once.
func (x *exporter) take(assets iter.Seq2[showpad.Asset, error]) error {
	for a, err := range assets {
		if err != nil {
			return fmt.Errorf("listing the assets: %w", err)
		}
		key := maphash.String(x.seed, a.ID)
		if _, old := x.seen[key]; old {
			continue
		}
		x.seen[key] = struct{}{}
		if !x.wants(&a) {
			continue
		}
		x.sum.Assets++
		x.o.Progress.Listed.Add(1)
		if a.IsArchived && !x.o.Archived {
			x.sum.Archived++
			continue
		}
		e := read(&a)
		d := x.divisions.byID[e.Division]
		for _, id := range e.Tags {
			x.tags[id] = showpad.Tag{}
		}
		for _, id := range e.Authors {
			x.people[id] = ""
		}
		if e.Primary != "" {
			x.primaries[e.Primary] = ""
		}
		x.ids.add(e.ExternalID)
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		// People look for a name; the rest makes the order the same in every tenant.
		id := e.ExternalID
		if id == "" {
			id = madePrefix + token(e.ID)
		}
		name := norm.NFC.String(e.Name)
		order := strings.Join([]string{d.name, strings.ToLower(name), name, id, e.ID}, "\x00")
		if err := x.sorted.add(order, b); err != nil {
			return err
		}
	}
	return nil
}

// wants reports whether an asset is asked for: what does not come from a list is narrowed
// by Divisions and tags here. What lies in a Division that is not listed is a person's own.
func (x *exporter) wants(a *showpad.Asset) bool {
	if _, visible := x.divisions.byID[a.Division.ID]; !visible {
		x.sum.Personal++
		return false
	}
	if !x.divisions.asks(a.Division.ID) {
		return false
	}
	if len(x.tagIDs) == 0 {
		return true
	}
	var tags []ref
	_ = json.Unmarshal(a.Raw.Get("tags"), &tags)
	return slices.ContainsFunc(tags, func(t ref) bool { return slices.Contains(x.tagIDs, t.ID) })
}

// singly is how many requests are spent on names of tags by id before all of them are
// read.
const singly = 10

// resolve learns the names of the tags and the addresses of the people that were seen.
func (x *exporter) resolve(ctx context.Context) error {
	learn := func(f showpad.TagFilter) error {
		for t, err := range x.api.Tags(ctx, f) {
			if err != nil {
				return fmt.Errorf("reading the tags: %w", err)
			}
			if _, used := x.tags[t.ID]; used {
				x.tags[t.ID] = t
			}
		}
		return nil
	}
	if len(x.tags) > singly*showpad.MaxBatch {
		if err := learn(showpad.TagFilter{}); err != nil {
			return err
		}
	}
	var ids []string
	for id, t := range x.tags {
		if t.ID == "" && plain(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for batch := range showpad.Batches(ids) {
		if err := learn(showpad.TagFilter{IDs: batch}); err != nil {
			return err
		}
	}
	ids = ids[:0]
	for id := range x.people {
		if plain(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for batch := range showpad.Batches(ids) {
		for u, err := range x.api.Users(ctx, nil, batch) {
			if err != nil {
				return fmt.Errorf("reading the authors: %w", err)
			}
			if _, used := x.people[u.ID]; used {
				x.people[u.ID] = u.Email
			}
		}
	}
	return nil
}

// plain reports whether an id may stand in a filter.
func plain(id string) bool { return id != "" && !strings.Contains(id, ",") }
