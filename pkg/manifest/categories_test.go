package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// allow accepts a part of the format for one test.
func allow(t *testing.T, part string) {
	refused := later
	later = slices.DeleteFunc(slices.Clone(later), func(l struct{ part, what, fix string }) bool { return l.part == part })
	t.Cleanup(func() { later = refused })
}

func TestTagCategoriesSayEverything(t *testing.T) {
	allow(t, "tagCategories")
	m, _, ps := read(t, `version: 1
division: Marketing
tagCategories:
  - name: " Region "
    isPublished: false
    children:
      - {name: EMEA, tags: [Benelux, {id: abc}]}
      - name: 2026
        children: [{name: "Q1/Q2", tags: []}]
  - {name: Region, division: Sales EMEA, tags: null, children: null, isPublished: true}
  - {name: Empty, children: [], division: null}
`)
	if ps != nil {
		t.Fatalf("problems: %q", ps)
	}
	at := func(line, col int) Pos { return Pos{"m.yaml", line, col} }
	want := []TagCategory{
		{Pos: at(4, 5), TagsPos: at(4, 5), Key: "Region", Name: "Region", Division: "Marketing", IsPublished: Some(false), Children: 2},
		{Pos: at(7, 9), TagsPos: at(7, 28), Key: "Region/EMEA", Parent: "Region", Name: "EMEA", Division: "Marketing", Tags: Some([]Tag{{Name: "Benelux"}, {ID: "abc"}})},
		{Pos: at(8, 9), TagsPos: at(8, 9), Key: "Region/2026", Parent: "Region", Name: "2026", Division: "Marketing", Children: 1},
		{Pos: at(9, 20), TagsPos: at(9, 42), Key: `Region/2026/Q1\/Q2`, Parent: "Region/2026", Name: "Q1/Q2", Division: "Marketing", Tags: Some([]Tag{})},
		{Pos: at(10, 5), TagsPos: at(10, 5), Key: "Sales EMEA: Region", Name: "Region", Division: "Sales EMEA", IsPublished: Some(true)},
		{Pos: at(11, 5), TagsPos: at(11, 5), Key: "Empty", Name: "Empty", Division: "Marketing"},
	}
	if d := cmp.Diff(want, m.TagCategories); d != "" {
		t.Error(d)
	}
	mapper, bad := NewMapper(&Maps{Tags: ValueMap{Pos: at(1, 1), Entries: []MapEntry{{From: "benelux", To: "abc"}, {From: "Old"}}}})
	if bad != nil {
		t.Fatal(bad)
	}
	list := []TagCategory{{Tags: Some([]Tag{{Name: "Benelux"}, {ID: "abc"}, {Name: "ABC"}, {Name: "old"}, {Name: "Other"}, {ID: "Old"}})}, {}}
	got := mapper.TagCategories(list)
	if d := cmp.Diff([]TagCategory{{Tags: Some([]Tag{{Name: "abc"}, {ID: "abc"}, {Name: "Other"}, {ID: "Old"}})}, {}}, got); d != "" || len(list[0].Tags.Value) != 6 {
		t.Error(d)
	}
	b := NewBuilder(m, Options{Mapper: mapper})
	b.CountTagCategories(list)
	if u := b.Unmapped().Values; len(u) != 1 || u[0].Value != "Other" || u[0].Map != "tags" {
		t.Errorf("without an entry: %+v", u)
	}
}

func TestTagCategoryProblems(t *testing.T) {
	allow(t, "tagCategories")
	deep := "version: 1\ndivision: D\ntagCategories: [" + strings.Repeat("{name: a, children: [", 10) + "{name: a}" + strings.Repeat("]}", 10) + "]\n"
	long := strings.Repeat("x", 256)
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"everything at once", `version: 1
division: D
tagCategories:
  - {name: A, tags: [x], children: [{name: B}]}
  - {tags: [x], children: [{name: C, isPublished: 1}]}
  - {name: a, children: [{name: D, tag: [x]}]}
  - text
  - {name: E, children: {name: F}}
  - {name: G, children: [{name: H, division: X}, {name: h}]}
  - {name: "", tags: {replace: [x]}}
  - {name: "a\tb", tags: ["", x, X]}
  - {name: ` + long + `}
  - {name: [a]}
`, []string{
			`4:15: M151: category "A" has both tags and children (move the tags into one of the categories below it)`,
			`5:5: M150: the category has no name (write name: in it)`,
			`5:6: M151: the category has both tags and children (move the tags into one of the categories below it)`,
			`5:51: M007: tagCategories.isPublished is a number (write true or false, without quotes)`,
			`6:5: M152: category "a" is there already, also at 4:5 (merge the two; capitals make no difference)`,
			`6:36: M012: unknown key "tag" (did you mean "tags"?)`,
			`7:5: M007: tagCategories is a text (write a category: {name: Region, tags: [EMEA, APAC]})`,
			`8:25: M007: tagCategories.children is a mapping (write a list: [{name: EMEA, tags: [Benelux]}])`,
			`9:36: M011: a category is in the Division of the one above it (write division: at the top of the tree)`,
			`9:50: M152: category "h" is there already, also at 9:26 (merge the two; capitals make no difference)`,
			`10:12: M150: the category's name is empty (write 1 to 255 characters on one line)`,
			`10:22: M007: tagCategories.tags is a mapping (write a list: [EMEA, {id: ...}]; update: {tags: replace} takes others out of the category)`,
			`11:12: M150: the category's name "a\tb" holds a line break or tab (replace it with a blank)`,
			`11:27: M032: a tag is empty (remove it)`,
			`warning 11:34: M033: tag "X" is listed twice (remove one)`,
			`12:12: M150: the category's name has 256 characters (shorten it to 255)`,
			`13:12: M007: tagCategories.name is a list (write the category's name)`,
		}},
		{"no list", "version: 1\ndivision: D\ntagCategories: {name: A}\n", []string{"3:16: M007: tagCategories is a mapping (write a list: [{name: Region, tags: [EMEA, APAC]}])"}},
		{"no division", "version: 1\ntagCategories: [{name: A}, {name: B, division: D}, {name: C, division: ''}]\n", []string{
			"2:17: M030: neither the category nor the header names a division (write division: in the header, or on the category)",
			"2:72: M054: division is empty (write the Division's name or id, or leave the key out)"}},
		{"too long", "version: 1\ndivision: D\ntagCategories: [{name: " + strings.Repeat("é", 250) + ", children: [{name: " + strings.Repeat("é", 250) + "}]}]\n", []string{
			"3:287: M153: the category and those above it have names of 1001 bytes together (shorten them to 1000)"}},
		{"too deep", deep, []string{"3:227: M153: the category is 11 levels deep (nest at most 10)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, got := read(t, tt.text)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
