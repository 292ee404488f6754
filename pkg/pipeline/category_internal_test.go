package pipeline

import (
	"fmt"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

func TestTagCategoriesAreDecided(t *testing.T) {
	on, off := manifest.Some(true), manifest.Some(false)
	leaf := func(published manifest.Opt[bool]) *manifest.TagCategory {
		return &manifest.TagCategory{Key: "A/B", Parent: "A", Name: "B", Division: "D", IsPublished: published, Tags: manifest.Some([]manifest.Tag{})}
	}
	branch := &manifest.TagCategory{Key: "A", Name: "A", Division: "D", Children: 1}
	bare := &manifest.TagCategory{Key: "A", Name: "A", Division: "D"}
	one := []*showpad.TagCategory{{ID: "c", IsPublished: true}}
	two := []*showpad.TagCategory{{ID: "c"}, {ID: "d"}}
	fresh := newTag + "N"
	rules := func(tags string) manifest.Update { return manifest.Update{Tags: tags} }
	for _, c := range []struct {
		name  string
		facts categoryFacts
		want  string // action, reason, writes, tags to put in; "all" when they replace
	}{
		{"not there", categoryFacts{wanted: leaf(on), tags: []string{"t", fresh}}, "create new 1 [t new:N]"},
		{"not there, no tags may be made", categoryFacts{wanted: leaf(on), tags: []string{fresh}, create: manifest.CreateNoTags}, "blocked tag-missing 0 []"},
		{"there, and its tags are kept", categoryFacts{wanted: leaf(on), found: one, tags: []string{fresh}, create: manifest.CreateNoTags, rules: rules("keep")}, "unchanged same 0 []"},
		{"not there, and tags are kept", categoryFacts{wanted: leaf(on), tags: []string{"t"}, rules: rules("keep")}, "create new 1 [t]"},
		{"unknown tag id", categoryFacts{wanted: leaf(on), found: one, missing: []string{"x"}}, "blocked tag-missing 0 []"},
		{"above it is blocked", categoryFacts{wanted: leaf(on), found: one, up: "no"}, "blocked parent-blocked 0 []"},
		{"several", categoryFacts{wanted: leaf(on), found: two}, "conflict twin 0 []"},
		{"tags where categories are", categoryFacts{wanted: leaf(on), found: one, below: []string{"x"}, tags: []string{"t"}}, "blocked tags-and-categories 0 []"},
		{"no tags where categories are", categoryFacts{wanted: leaf(on), found: one, below: []string{"x"}}, "unchanged same 0 []"},
		{"categories where tags are", categoryFacts{wanted: branch, found: one, inside: []string{"t"}}, "blocked tags-and-categories 0 []"},
		{"categories where categories are", categoryFacts{wanted: branch, found: one, below: []string{"x"}}, "unchanged same 0 []"},
		{"same", categoryFacts{wanted: leaf(on), found: one, inside: []string{"t", "u"}, tags: []string{"u", "t"}}, "unchanged same 0 []"},
		{"lacks a tag", categoryFacts{wanted: leaf(on), found: one, inside: []string{"t"}, tags: []string{"t", "u", fresh}}, "update fields-differ 1 [new:N u]"},
		{"somebody took one out", categoryFacts{wanted: leaf(on), found: one, tags: []string{"t", "u"}, linked: []string{"t"}}, "update fields-differ 1 [u]"},
		{"somebody put one in", categoryFacts{wanted: leaf(on), found: one, inside: []string{"t", "x"}, tags: []string{"t"}}, "unchanged same 0 []"},
		{"replaced", categoryFacts{wanted: leaf(on), found: one, inside: []string{"t", "x"}, tags: []string{"t"}, linked: []string{"t"}, rules: rules("replace")}, "update fields-differ 1 [t] all"},
		{"replaced by the same", categoryFacts{wanted: leaf(on), found: one, inside: []string{"t"}, tags: []string{"t"}, rules: rules("replace")}, "unchanged same 0 []"},
		{"not named, nothing is replaced", categoryFacts{wanted: bare, found: one, inside: []string{"t"}, rules: rules("replace")}, "unchanged same 0 []"},
		{"hidden", categoryFacts{wanted: leaf(off), found: one}, "update fields-differ 1 []"},
		{"hidden and lacks a tag", categoryFacts{wanted: leaf(off), found: one, tags: []string{"t"}}, "update fields-differ 2 [t]"},
		{"hidden and replaced at once", categoryFacts{wanted: leaf(off), found: one, tags: []string{"t"}, rules: rules("replace")}, "update fields-differ 1 [t] all"},
		{"elsewhere", categoryFacts{wanted: leaf(on), found: one, moved: true, at: "X"}, "update fields-differ 1 []"},
	} {
		d := decideCategory(&c.facts)
		got := fmt.Sprintf("%s %s %d %v", d.action, d.reason, d.writes, d.add)
		if d.replace {
			got += " all"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if blocked := d.action == ActionBlocked || d.action == ActionConflict; blocked != (d.detail != "") && len(d.left) == 0 {
			t.Errorf("%s: detail %q", c.name, d.detail)
		}
	}
}
