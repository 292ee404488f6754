package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestListsPage(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for i := range 120 {
		create(t, s, fmt.Sprintf("Deck %03d.pdf", i), fmt.Sprintf("SP-%d", i), "")
	}
	for query, items := range map[string]int{
		"": 50, "?limit=0": 0, "?limit=1000": 120, "?limit=100&offset=100": 20, "?offset=500": 0, "?offset=119": 1,
	} {
		r := want(t, 200, s, "GET", "/v4/assets"+query, "")
		if r.json["count"] != 120.0 || len(r.items()) != items {
			t.Errorf("%s: count %v, %d items", query, r.json["count"], len(r.items()))
		}
	}
	if got := want(t, 200, s, "GET", "/v4/assets?offset=7&limit=1", "").items()[0]["name"]; got != "Deck 007.pdf" {
		t.Errorf("the eighth: %v", got)
	}
}

func TestFiltersOfAssets(t *testing.T) {
	s := newServer(t, emulator.Options{})
	tag := want(t, 201, s, "POST", "/v4/tags", `{"name":"T","division":{"id":"`+emulator.DivisionMarketing+`"}}`).text("id")
	a := create(t, s, "Alpha.pdf", "A", `,"tags":[{"id":"`+tag+`"}]`)
	b := create(t, s, "Beta.pdf", "B", "")
	c := want(t, 201, s, "POST", "/v4/assets", `{"name":"Gamma.pdf","externalId":"a","division":{"id":"`+emulator.DivisionSales+`"}}`)
	for _, f := range []struct{ query, names string }{
		{queryOf("ids", a+","+c.text("id")+","+a), "Alpha.pdf Gamma.pdf"},
		{queryOf("ids", ""), ""},
		{queryOf("externalIds", "A"), "Alpha.pdf"},
		{queryOf("externalIds", "B,A,none"), "Alpha.pdf Beta.pdf"},
		{queryOf("slugs", c.text("slug")), "Gamma.pdf"},
		{queryOf("divisionIds", emulator.DivisionSales), "Gamma.pdf"},
		{queryOf("name", "BET"), "Beta.pdf"},
		{queryOf("tagIds", tag), "Alpha.pdf"},
		{queryOf("tagIds", tag+",none"), ""},
		{queryOf("ids", b, "externalIds", "A"), ""},
		{queryOf("ids", a+","+b, "tagIds", tag, "name", "alpha"), "Alpha.pdf"},
		{queryOf("externalIds", "a", "divisionIds", emulator.DivisionMarketing), ""},
	} {
		r := want(t, 200, s, "GET", "/v4/assets"+f.query, "")
		var names strings.Builder
		for i, item := range r.items() {
			if i > 0 {
				names.WriteString(" ")
			}
			names.WriteString(item["name"].(string))
		}
		if names.String() != f.names || r.json["count"] != float64(len(r.items())) {
			t.Errorf("%s: %q, want %q", f.query, names.String(), f.names)
		}
	}
}

func TestTags(t *testing.T) {
	s := newServer(t, emulator.Options{Divisions: []emulator.Division{
		{ID: emulator.DivisionMarketing, Name: "Marketing"}, {ID: emulator.DivisionSales, Name: "Sales", TagsShared: true},
	}})
	post := func(status int, name, division string) string {
		return want(t, status, s, "POST", "/v4/tags", `{"name":"`+name+`","division":{"id":"`+division+`"}}`).text("id")
	}
	red := post(201, "  Red ", emulator.DivisionMarketing)
	lower := post(201, "red", emulator.DivisionMarketing) // the case counts
	shared := post(201, "Red", emulator.DivisionSales)
	if got := want(t, 200, s, "GET", "/v4/tags/"+red, "").text("name"); got != "Red" {
		t.Errorf("trimmed: %q", got)
	}
	for query, count := range map[string]int{
		"": 3, queryOf("exactName", "Red"): 2, queryOf("exactName", "Re"): 0, queryOf("name", "re"): 3,
		queryOf("exactName", "Red", "divisionIds", emulator.DivisionMarketing): 1, queryOf("ids", red+","+lower): 2, queryOf("tagCategoryIds", "x"): 0,
		"?limit=1&offset=2": 1,
	} {
		if got := len(want(t, 200, s, "GET", "/v4/tags"+query, "").items()); got != count {
			t.Errorf("%s: %d tags, want %d", query, got, count)
		}
	}
	// Tags of a Division that shares them may be used anywhere.
	id := create(t, s, "a.pdf", "X", `,"tags":[{"id":"`+shared+`"},{"id":"`+red+`"}]`)
	want(t, 409, s, "POST", "/v4/tags/"+lower, `{"name":"Red"}`)
	want(t, 200, s, "POST", "/v4/tags/"+red, `{"name":"Red"}`) // its own name is no conflict
	want(t, 200, s, "POST", "/v4/tags/"+red, `{"name":"Crimson"}`)
	post(201, "Red", emulator.DivisionMarketing)
	want(t, 204, s, "DELETE", "/v4/tags/"+shared, "")
	want(t, 404, s, "GET", "/v4/tags/"+shared, "")
	want(t, 404, s, "DELETE", "/v4/tags/"+shared, "")
	if a := s.Assets()[0]; a.ID != id || fmt.Sprint(a.Tags) != "[Crimson]" {
		t.Errorf("after the tag is gone: %+v", a)
	}

	s.Switch(func(sw *emulator.Switches) { sw.FoldTags = true })
	post(409, "CRIMSON", emulator.DivisionMarketing)
	if got := want(t, 200, s, "GET", "/v4/tags"+queryOf("exactName", "crimson"), "").json["count"]; got != 1.0 {
		t.Errorf("folded look-up: %v", got)
	}
}

func TestDirectory(t *testing.T) {
	s := newServer(t, emulator.Options{})
	divisions := want(t, 200, s, "GET", "/v4/divisions?limit=1000", "").items()
	if len(divisions) != 2 || divisions[0]["isAssetSharingEnabled"] != true || divisions[1]["isAssetSharingEnabled"] != false {
		t.Errorf("divisions: %v", divisions)
	}
	if got := want(t, 200, s, "GET", "/v4/divisions/"+emulator.DivisionSales, "").text("name"); got != "Sales EMEA" {
		t.Errorf("division: %s", got)
	}
	users := want(t, 200, s, "GET", "/v4/users"+queryOf("emails", "JANE@example.com,john.q@example.com,none@example.com"), "").items()
	if len(users) != 2 || users[0]["email"] != "jane@example.com" {
		t.Errorf("users: %v", users)
	}
	if got := want(t, 200, s, "GET", "/v4/users/"+users[0]["id"].(string), "").text("firstName"); got != "Jane" {
		t.Errorf("user: %s", got)
	}
	for path, code := range map[string]string{"/v4/languages": "pt-BR", "/v4/countries": "UK"} {
		found := false
		for _, item := range want(t, 200, s, "GET", path, "").items() {
			found = found || item["code"] == code
		}
		if !found {
			t.Errorf("%s has no %s", path, code)
		}
	}
}
