package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// categoryFacts are what the decision about a tag category depends on.
type categoryFacts struct {
	wanted *manifest.TagCategory
	rules  manifest.Update
	create manifest.CreateTags

	up      string                 // why the category that it goes into cannot take it; "" when it can
	found   []*showpad.TagCategory // that may be it: of its name in its place
	moved   bool                   // found is one of ours that stands elsewhere
	at      string                 // of one that is moved: the path of where it is
	below   []string               // names of the categories in found
	inside  []string               // ids of the tags in found
	tags    []string               // wanted: ids, and newTag with a name for those to be made
	missing []string               // wanted ids that the service does not know
	linked  []string               // ids that we put into found
}

// categoryDecision is what is to be done about a tag category. The zero members
// leave things as they are.
type categoryDecision struct {
	action         Action
	reason, detail string
	diff           []FieldDiff
	writes         int
	problem        *manifest.Problem

	publish opt[bool]
	move    bool     // into its parent
	add     []string // tags to put in; as in categoryFacts
	left    []string // ids that we put in, and somebody took out: they stay out
	replace bool     // add is all that it is to have
}

type opt[T any] struct {
	set   bool
	value T
}

// decideCategory decides about one tag category, after the one that it goes into.
func decideCategory(f *categoryFacts) categoryDecision {
	g := f.wanted
	block := func(reason, code, what, fix string) categoryDecision {
		p := manifest.Problem{Pos: g.Pos, Code: code, Class: manifest.Block, What: what, Fix: fix}
		if code == "" {
			return categoryDecision{action: ActionBlocked, reason: reason, detail: what}
		}
		return categoryDecision{action: ActionBlocked, reason: reason, detail: what, problem: &p}
	}
	if f.up != "" {
		return block(BlockedParent, "", f.up, "")
	}
	if len(f.missing) > 0 {
		return block(BlockedTag, "M104", fmt.Sprintf("unknown tag id %q", f.missing[0]), "take the id from the tag's page, or name the tag by its name")
	}
	keep := len(f.found) > 0 && f.rules.Tags == "keep" // its tags are not touched
	if fresh := freshTags(f.tags); len(fresh) > 0 && f.create == manifest.CreateNoTags && !keep {
		return block(BlockedTag, "M122", fmt.Sprintf("Division %s has no tag %q", g.Division, fresh[0]), "make it, or set createTags: all")
	}
	switch len(f.found) {
	case 0:
		return categoryDecision{action: ActionCreate, reason: ReasonNew, writes: 1, add: f.tags}
	case 1:
	default:
		ids := make([]string, len(f.found))
		for i, c := range f.found {
			ids[i] = c.ID
		}
		d := block(ConflictTwin, "M155", fmt.Sprintf("several tag categories are called %q there: %s", g.Name, strings.Join(ids, ", ")), "rename or delete all but one, or write the name exactly as the one that is meant")
		d.action = ActionConflict
		return d
	}
	if len(f.below) > 0 && len(f.tags) > 0 {
		return block(BlockedLevels, "M154", fmt.Sprintf("it has categories in it, such as %q, and cannot have tags as well", f.below[0]), "put the tags into one of those, under children:")
	}
	if g.Children > 0 && len(f.inside) > 0 {
		return block(BlockedLevels, "M154", "it has tags in it, and cannot have categories as well", "take them out with migrate categories remove-tags, or update it with --no-tags")
	}
	return diffCategory(f)
}

// diffCategory compares a category that is there with what is wanted.
func diffCategory(f *categoryFacts) categoryDecision {
	g, c := f.wanted, f.found[0]
	d := categoryDecision{action: ActionUnchanged, reason: ReasonSame}
	itself := false // by an update of the category itself
	if f.moved {
		d.move, itself = true, true
		d.diff = append(d.diff, FieldDiff{Field: "parent", Remote: canonText(f.at), Wanted: canonText(g.Parent)})
	}
	if g.IsPublished.Set && g.IsPublished.Value != c.IsPublished {
		d.publish, itself = opt[bool]{true, g.IsPublished.Value}, true
		d.diff = append(d.diff, FieldDiff{Field: "isPublished", Remote: canon(c.IsPublished), Wanted: canon(g.IsPublished.Value)})
	}
	if g.Tags.Set && f.rules.Tags != "keep" {
		has, want := canonSet(f.inside), canonSet(f.tags)
		switch {
		case f.rules.Tags != "replace":
			for _, id := range set(minus(want, has)) {
				if slices.Contains(f.linked, id) {
					d.left = append(d.left, id)
				} else {
					d.add = append(d.add, id)
				}
			}
			want = union(has, canonSet(d.add))
		case string(has) != string(want):
			d.replace, itself, d.add = true, true, f.tags
		}
		if string(has) != string(want) {
			d.diff = append(d.diff, FieldDiff{Field: "tags", Remote: has, Wanted: want})
			if !d.replace {
				d.writes++
			}
		}
		if len(d.left) > 0 {
			d.detail = fmt.Sprintf("somebody took %s out, and it stays out (update: {tags: replace} puts it back)", plural(len(d.left), "tag that was put in", "tags that were put in"))
		}
	}
	if itself {
		d.writes++
	}
	if d.writes > 0 {
		d.action, d.reason = ActionUpdate, ReasonFieldsDiffer
	}
	return d
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// freshTags are the names of the tags in a list that are to be made.
func freshTags(tags []string) (names []string) {
	for _, t := range tags {
		if name, ok := strings.CutPrefix(t, newTag); ok {
			names = append(names, name)
		}
	}
	return names
}

// categoryData is what a record keeps of a category: how it was when it was last
// written, so that a rollback tells whether somebody changed it since.
type categoryData struct {
	Name        string   `json:"name"`
	Division    string   `json:"division"`         // id
	Parent      string   `json:"parent,omitempty"` // id
	IsPublished bool     `json:"isPublished"`
	Made        string   `json:"made,omitempty"`  // the run that made it; "" when it was there
	Links       []string `json:"links,omitempty"` // ids of the tags that were put in
}

func categoryDataOf(raw json.RawMessage) (d categoryData) {
	if json.Unmarshal(raw, &d) != nil {
		return categoryData{} // of a record that has none
	}
	return d
}

// shows reports whether c is as d has it, but for its tags.
func (d *categoryData) shows(c *showpad.TagCategory) bool {
	return strings.TrimSpace(c.Name) == d.Name && c.ParentID() == d.Parent && c.IsPublished == d.IsPublished
}

// inPlace are the categories of a name in a place: the one that is written exactly
// so if there is one, else those that differ in case.
func inPlace(all []*showpad.TagCategory, division, parent, name string) []*showpad.TagCategory {
	var exact, alike []*showpad.TagCategory
	for _, c := range all {
		if c.Division.ID != division || c.ParentID() != parent || fold(c.Name) != fold(name) {
			continue
		}
		alike = append(alike, c)
		if strings.TrimSpace(c.Name) == strings.TrimSpace(name) {
			exact = append(exact, c)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return alike
}
