package pipeline_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// people are those who change assets at the service while a migration goes on,
// and what they rely on.
type people struct {
	w      *world
	theirs map[string]string // descriptions that they wrote
	added  map[string]bool   // assets that have a tag of theirs
	taken  map[string]string // a tag of ours that they took off
	assets map[string]string // the assets that they did it to
	sure   map[string]string // what the service had last shown us then, by external ID; only where nothing was under way
}

func newPeople(w *world) *people {
	return &people{w: w, theirs: map[string]string{}, added: map[string]bool{}, taken: map[string]string{}, assets: map[string]string{}, sure: map[string]string{}}
}

const theirTag = "Theirs"

// edit changes some assets, as far as what we sent to them is known for sure:
// after a lost answer nobody can tell a person's value from the service's form.
func (p *people) edit(rng *rand.Rand) {
	all := p.w.assets()
	st := p.w.open()
	defer func() { _ = st.Close() }()
	for _, item := range p.w.items {
		if rng.IntN(6) > 0 || len(all[item.ExternalID]) != 1 {
			continue
		}
		rec := p.w.recordOf(st, item.ExternalID)
		if rec.AssetID == "" || rec.AssetID != all[item.ExternalID][0].ID {
			continue
		}
		did := func() {
			p.assets[item.ExternalID] = rec.AssetID
			if rec.Status == state.Done {
				p.sure[item.ExternalID] = rec.Shown
			}
		}
		switch rng.IntN(3) {
		case 0:
			if item.Fields.Description.Set && rec.Fields["description"].Sent != nil {
				did()
				p.theirs[item.ExternalID] = "by a person: " + text(rng)
				p.w.person(item.ExternalID, description(p.theirs[item.ExternalID]))
			}
		case 1:
			if p.w.man.Update.Tags != "replace" && !p.added[item.ExternalID] {
				did()
				p.added[item.ExternalID] = true
				p.retag(&item, func(names []string) []string { return append(names, theirTag) })
			}
		case 2:
			names := all[item.ExternalID][0].Tags
			if p.w.man.Update.Tags == "add" && rec.Status == state.Done && len(names) > 0 && p.taken[item.ExternalID] == "" && managesTag(&item, names[0]) {
				did()
				p.taken[item.ExternalID] = names[0]
				p.retag(&item, func(names []string) []string { return names[1:] })
			}
		}
	}
}

func managesTag(item *manifest.Item, name string) bool {
	return slices.ContainsFunc(item.Fields.Tags.Value, func(t manifest.Tag) bool { return t.Name == name })
}

// retag changes the tags of an asset by name.
func (p *people) retag(item *manifest.Item, change func(names []string) []string) {
	p.w.t.Helper()
	c := p.w.patient()
	ids := map[string]string{}
	a := p.w.assets()[item.ExternalID][0]
	for d, err := range c.Divisions(p.w.t.Context()) {
		if err != nil {
			p.w.t.Fatal(err)
		}
		if d.Name != item.Division {
			continue
		}
		for t, err := range c.Tags(p.w.t.Context(), showpad.TagFilter{DivisionIDs: []string{d.ID}}) {
			if err != nil {
				p.w.t.Fatal(err)
			}
			ids[t.Name] = t.ID
		}
		if ids[theirTag] == "" {
			t, err := c.CreateTag(p.w.t.Context(), d.ID, theirTag)
			if err != nil {
				p.w.t.Fatal(err)
			}
			ids[theirTag] = t.ID
		}
	}
	refs := []showpad.Ref{}
	for _, name := range change(slices.Clone(a.Tags)) {
		refs = append(refs, showpad.Ref{ID: ids[name]})
	}
	p.w.person(item.ExternalID, showpad.AssetFields{Tags: showpad.Some(refs)})
}

// check demands that what people did is still there, and that what it does not
// touch is as the manifest says. It returns the number of conflicts.
func (p *people) check() (conflicts int) {
	w := p.w
	w.t.Helper()
	all := w.assets()
	overwrite := w.man.Update.Conflicts == "overwrite"
	for _, r := range w.results {
		id := r.ExternalID
		if len(all[id]) != 1 || r.Unlisted {
			continue // the oracles of the bytes and of what left say so
		}
		a := all[id][0]
		if p.assets[id] != "" && p.assets[id] != a.ID { // what they did was deleted with the asset
			p.forget(id)
		}
		i := slices.IndexFunc(w.items, func(i manifest.Item) bool { return i.ExternalID == id })
		item := w.items[i]
		if r.Status == "conflict" {
			conflicts++
			if r.Reason != pipeline.ConflictChanged || p.theirs[id] == "" || overwrite {
				w.t.Errorf("%s: conflict %s, and nobody gave reason for it: %+v\n%s", id, r.Reason, r.Error, w.story(id))
			}
		}
		ours, theirs := strings.TrimSpace(item.Fields.Description.Value), p.theirs[id]
		switch {
		case theirs != "" && !overwrite && a.Description != theirs:
			w.t.Errorf("%s: the description is %q, and a person wrote %q", id, a.Description, theirs)
		case (theirs == "" || overwrite) && strings.TrimSpace(a.Description) != ours:
			w.t.Errorf("%s: the description is %q, want %q", id, a.Description, ours)
		}
		if p.added[id] && !slices.Contains(a.Tags, theirTag) {
			w.t.Errorf("%s: a person's tag is gone: %q", id, a.Tags)
		}
		if t := p.taken[id]; t != "" && slices.Contains(a.Tags, t) {
			w.t.Errorf("%s: tag %q is back, and a person had taken it off", id, t)
		}
		if w.man.Update.Tags == "replace" && r.Status != "conflict" {
			var want []string
			for _, t := range item.Fields.Tags.Value {
				want = append(want, t.Name)
			}
			slices.Sort(want)
			if want = slices.Compact(want); fmt.Sprint(want) != fmt.Sprint(a.Tags) {
				w.t.Errorf("%s: tags %q, want exactly %q", id, a.Tags, want)
			}
		}
	}
	return conflicts
}

// forget is for an asset that is no more.
func (p *people) forget(id string) {
	delete(p.theirs, id)
	delete(p.added, id)
	delete(p.taken, id)
	delete(p.assets, id)
	delete(p.sure, id)
}

// excused reports whether an asset may be without a tag of its item.
func (p *people) excused(id, tag string) bool {
	return p.taken[id] == tag || p.w.man.Update.Tags == "keep" || p.w.conflicted(id)
}

func (w *world) conflicted(id string) bool {
	return slices.ContainsFunc(w.results, func(r pipeline.Result) bool { return r.ExternalID == id && r.Status == "conflict" })
}

// story is what the state tells of an item, for failures of a simulation.
func (w *world) story(id string) string {
	rec := w.record(id)
	st := w.open()
	defer func() { _ = st.Close() }()
	evs, err := st.Events(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines strings.Builder
	for _, e := range evs {
		fmt.Fprintf(&lines, "%s %s %s %s %s\n", e.Time.Format("15:04:05"), e.Run, e.Op, e.Status, e.Text)
	}
	b, err := json.MarshalIndent(rec, "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return lines.String() + string(b)
}
