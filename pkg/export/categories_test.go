package export

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// TestCategories: trees come whole and in one order; what a manifest refuses is left out
// with a warning.
func TestCategories(t *testing.T) {
	in := func(id, name, parent string) showpad.TagCategory {
		c := showpad.TagCategory{ID: id, Name: name, Division: showpad.Ref{ID: "d1"}, IsPublished: true}
		if parent != "" {
			c.Parent = &showpad.Ref{ID: parent}
		}
		return c
	}
	s := newTenant()
	other := in("c5", "Region", "")
	other.Division.ID, other.IsPublished = "d2", false
	s.groups = []showpad.TagCategory{in("c3", "EMEA: all", "c1"), in("c2", "APAC", "c1"), in("c1", "Region", ""), in("c4", "Type \"new\"", ""), other, in("c6", "type \"NEW\"", "")}
	tag := func(id, name, division string, in ...string) showpad.Tag {
		t := showpad.Tag{ID: id, Name: name, Division: showpad.Ref{ID: division}}
		for _, c := range in {
			t.TagCategories = append(t.TagCategories, showpad.Ref{ID: c})
		}
		return t
	}
	s.tags = []showpad.Tag{tag("t1", "Benelux", "d1", "c3"), tag("t2", "benelux", "d1", "c3"), tag("t3", "yes", "d1", "c4", "c2"), tag("t4", "lost", "d1", "c1"), tag("t5", "North", "d2", "c5")}
	x := &exporter{api: s, o: options(""), tags: map[string]showpad.Tag{}}
	x.o.Now = time.Now
	if err := x.readDivisions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := x.readCategories(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`- name: Region`, `  isPublished: true`, `  children:`,
		`    - name: APAC`, `      isPublished: true`, `      tags: ["yes"]`,
		`    - name: "EMEA: all"`, `      isPublished: true`, `      tags: [Benelux]`,
		`- name: "Type \"new\""`, `  isPublished: true`, `  tags: ["yes"]`,
		`- name: Region`, `  division: Sales`, `  isPublished: false`, `  tags: [North]`,
	}
	if got := categoryLines(x.categories, "", "Marketing"); !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if x.sum.Categories != 5 || len(x.sum.Warnings) != 2 {
		t.Errorf("%d categories, warnings %q", x.sum.Categories, x.sum.Warnings)
	}
	x.o.Tags, x.categories = []string{"Benelux"}, nil
	if err := x.readCategories(t.Context()); err != nil || x.categories != nil {
		t.Errorf("%v: a part chosen by tags has categories", err)
	}
}
