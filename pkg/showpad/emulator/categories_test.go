package emulator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestTagCategories sends the life of a tree of categories, and every rule that it
// may break, a rule a line.
func TestTagCategories(t *testing.T) {
	s := newServer(t, emulator.Options{Divisions: []emulator.Division{
		{ID: emulator.DivisionMarketing, Name: "Marketing"}, {ID: emulator.DivisionSales, Name: "Sales"},
		{ID: "shares", Name: "Shares", TagsShared: true}, {ID: "locked", Name: "Locked", Denied: true}, {ID: "hidden", Name: "Hidden", Hidden: true},
	}})
	tagOf := func(name, division string) string {
		return want(t, 201, s, "POST", "/v4/tags", `{"name":"`+name+`","division":{"id":"`+division+`"}}`).text("id")
	}
	a, b, c := tagOf("A", emulator.DivisionMarketing), tagOf("B", emulator.DivisionMarketing), tagOf("C", emulator.DivisionMarketing)
	other, shared := tagOf("A", emulator.DivisionSales), tagOf("D", "shares")
	body := func(name, more string) string {
		return `{"name":"` + name + `","division":{"id":"` + emulator.DivisionMarketing + `"}` + more + `}`
	}
	in := func(id string) string { return `"parent":{"id":"` + id + `"}` }
	ids := func(member string, ids ...string) string {
		return `"` + member + `":[{"id":"` + strings.Join(ids, `"},{"id":"`) + `"}]`
	}
	made := want(t, 201, s, "POST", "/v4/tag-categories", body(" Region ", ""))
	region := made.text("id")
	if made.text("name") != "Region" || made.json["isPublished"] != true || made.json["parent"] != nil {
		t.Errorf("made: %s", made.body)
	}
	emea := want(t, 201, s, "POST", "/v4/tag-categories", body("EMEA", ","+in(region)+","+ids("tags", a, shared)+`,"isPublished":false`)).text("id")
	apac := want(t, 201, s, "POST", "/v4/tag-categories", body("APAC", ","+in(region))).text("id")
	topEMEA := want(t, 201, s, "POST", "/v4/tag-categories", body("EMEA", `,"parent":null`)).text("id") // not a sibling
	sales := want(t, 201, s, "POST", "/v4/tag-categories", `{"name":"Region","division":{"id":"`+emulator.DivisionSales+`"}}`).text("id")

	for _, c := range []struct {
		name, target, body string
		status             int
		blamed             string
	}{
		{"no name", "", `{"division":{"id":"` + emulator.DivisionMarketing + `"}}`, 400, "name"},
		{"blank name", "", body(" ", ""), 400, "name"},
		{"no division", "", `{"name":"x"}`, 400, "division"},
		{"unknown division", "", `{"name":"x","division":{"id":"hidden"}}`, 400, "division.id"},
		{"no right", "", `{"name":"x","division":{"id":"locked"}}`, 403, ""},
		{"unknown member", "", body("x", `,"children":[]`), 400, "children"},
		{"unknown parent", "", body("x", ","+in("none")), 400, "parent.id"},
		{"parent of another division", "", body("x", ","+in(sales)), 400, "parent.id"},
		{"parent with tags", "", body("x", ","+in(emea)), 400, "parent.id"},
		{"unknown tag", "", body("x", ","+ids("tags", "none")), 400, "tags"},
		{"tag of another division", "", body("x", ","+ids("tags", other)), 400, "tags"},
		{"tags null", "", body("x", `,"tags":null`), 400, "tags"},
		{"sibling of that name", "", body("EMEA", ","+in(region)), 409, ""},
		{"its own name", "/" + emea, `{"name":"EMEA"}`, 200, ""},
		{"renamed to a sibling", "/" + apac, `{"name":"EMEA"}`, 409, ""},
		{"moved to a namesake", "/" + emea, `{"parent":null}`, 409, ""},
		{"in itself", "/" + region, `{` + in(region) + `}`, 400, "parent.id"},
		{"below itself", "/" + region, `{` + in(apac) + `}`, 400, "parent.id"},
		{"division is fixed", "/" + emea, `{"division":{"id":"` + emulator.DivisionSales + `"}}`, 400, "division"},
		{"tags of one with categories", "/" + region, `{` + ids("tags", b) + `}`, 400, "tags"},
		{"links of one with categories", "/" + region + "/tags", `{` + ids("add", b) + `}`, 400, "add"},
		{"unknown category", "/none", `{}`, 404, ""},
		{"tags left alone", "/" + emea, `{"tags":null,"isPublished":true}`, 200, ""},
		{"link", "/" + apac + "/tags", `{` + ids("add", b, c) + `}`, 200, ""},
		{"unlink one", "/" + apac + "/tags", `{` + ids("remove", c) + `}`, 200, ""},
		{"cleared, then added", "/" + apac + "/tags", `{"clear":true,` + ids("add", c) + `}`, 200, ""},
		{"replaced", "/" + topEMEA, `{` + ids("tags", a, b) + `}`, 200, ""},
		{"emptied", "/" + topEMEA, `{"tags":[],"name":"Elsewhere"}`, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status := c.status
			if c.target == "" && status == 200 {
				status = 201
			}
			r := want(t, status, s, "POST", "/v4/tag-categories"+c.target, c.body)
			if c.blamed != "" && !strings.Contains(string(r.body), `"name":"`+c.blamed+`"`) {
				t.Errorf("blamed %s", r.body)
			}
		})
	}
	tree := []emulator.Category{
		{Path: "Elsewhere", Division: "Marketing", IsPublished: true, Tags: []string{}}, {Path: "Region", Division: "Marketing", IsPublished: true, Tags: []string{}},
		{Path: "Region", Division: "Sales", IsPublished: true, Tags: []string{}},
		{Path: "Region/APAC", Division: "Marketing", IsPublished: true, Tags: []string{"C"}}, {Path: "Region/EMEA", Division: "Marketing", IsPublished: true, Tags: []string{"A", "D"}},
	}
	got := s.Categories()
	for i := range got {
		got[i].ID = ""
	}
	if diff := cmp.Diff(tree, got); diff != "" || s.Books().Categories != len(tree) {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for query, names := range map[string]string{
		"/tags?tagCategoryIds=" + emea: "A D", "/tags?tagCategoryIds=" + emea + "," + apac: "A C D", "/tags?tagCategoryIds=none": "",
		"/tag-categories?divisionIds=" + emulator.DivisionSales: "Region", "/tag-categories?ids=" + apac + "," + emea: "EMEA APAC", "/tag-categories?limit=1&offset=1": "EMEA",
	} {
		var have []string
		for _, item := range want(t, 200, s, "GET", "/v4"+query, "").items() {
			have = append(have, item["name"].(string))
		}
		if strings.Join(have, " ") != names {
			t.Errorf("%s: %q, want %q", query, have, names)
		}
	}

	// A tag that goes leaves its categories, a category that goes takes those below along.
	want(t, 204, s, "DELETE", "/v4/tags/"+c, "")
	s.Switch(func(sw *emulator.Switches) { sw.TagsInFilters = "A*" })
	want(t, 409, s, "DELETE", "/v4/tags/"+a, "")
	want(t, 204, s, "DELETE", "/v4/tag-categories/"+region, "")
	want(t, 404, s, "GET", "/v4/tag-categories/"+emea, "")
	want(t, 404, s, "DELETE", "/v4/tag-categories/"+region, "")
	if left := want(t, 200, s, "GET", "/v4/tags/"+a, "").json["tagCategories"].([]any); len(left) != 0 || s.Books().Categories != 2 {
		t.Errorf("links left: %v", left)
	}

	s.Switch(func(sw *emulator.Switches) { sw.FoldTags, sw.UniqueCategories = true, true })
	want(t, 409, s, "POST", "/v4/tag-categories", body("elsewhere", ""))
	tops := want(t, 201, s, "POST", "/v4/tag-categories", body("Top", "")).text("id")
	want(t, 409, s, "POST", "/v4/tag-categories", body("Elsewhere", ","+in(tops)))
	if n := s.Books().Unknown; n != 2 {
		t.Errorf("%d requests that the specification does not know: %v", n, s.Books().UnknownNotes)
	}
}
