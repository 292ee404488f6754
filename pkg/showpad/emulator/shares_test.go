package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestSharesAreStrict(t *testing.T) {
	s := newServer(t, emulator.Options{Divisions: []emulator.Division{
		{ID: emulator.DivisionMarketing, Name: "Marketing"}, {ID: "d2", Name: "Closed", Denied: true}, {ID: "d3", Name: "Hidden", Hidden: true},
	}})
	id := create(t, s, "a.pdf", "A", "")
	body := func(title, assets, more string) string {
		return fmt.Sprintf(`{"title":%q,"origin":"test","assets":[%s]%s}`, title, assets, more)
	}
	one := `{"id":"` + id + `"}`
	want(t, 400, s, "POST", "/v4/shares", body("S", one, "")) // it has no bytes yet
	upload(t, s, id, "hello")
	for name, bad := range map[string]string{
		"long title":      body(strings.Repeat("x", 201), one, ""),
		"301 assets":      body("S", strings.Repeat(one+",", 300)+one, ""),
		"page 0":          body("S", `{"id":"`+id+`","page":0}`, ""),
		"no such asset":   body("S", `{"id":"nothing"}`, ""),
		"no such theme":   body("S", one, `,"theme":{"id":"nothing"}`),
		"theme by title":  body("S", one, `,"theme":{"title":"Global"}`),
		"null expiry":     body("S", one, `,"expiresAt":null`),
		"a day":           body("S", one, `,"expiresAt":"2027-01-01"`),
		"unknown":         body("S", one, `,"externalId":"k"`),
		"download a text": body("S", one, `,"isDownloadAllowed":"no"`),
		"no title":        `{"origin":"o","assets":[]}`,
		"no origin":       `{"title":"o","assets":[]}`,
		"long origin":     `{"title":"o","origin":"abcdefghijklmnopqrstu","assets":[]}`,
	} {
		if r := want(t, 400, s, "POST", "/v4/shares", bad); !strings.Contains(string(r.body), "reason") {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	if n := len(s.Shares()); n != 0 {
		t.Fatalf("%d shares", n)
	}
	r := want(t, 201, s, "POST", "/v4/shares", body("S", one+`,{"id":"`+id+`","page":3}`, ""))
	if r.json["isDownloadAllowed"] != true || r.json["expiresAt"] != nil || r.json["theme"].(map[string]any)["id"] != "7e000000000000000000000000000001" {
		t.Errorf("%s", r.body)
	}
	if got := s.Shares(); len(got) != 1 || got[0].Theme != "Global" || got[0].Assets[1] != id+"#3" || got[0].Anonymous != r.text("anonymousUrl") || len(s.Books().ShareTwins) != 0 {
		t.Errorf("%+v", got)
	}
	want(t, 201, s, "POST", "/v4/shares", body("S", one+`,{"id":"`+id+`","page":3}`, ""))
	if b := s.Books(); b.Shares != 2 || len(b.ShareTwins["S"]) != 2 || b.Commits["create-share"] != 2 {
		t.Errorf("%d shares, twins %v", b.Shares, b.ShareTwins)
	}
	want(t, 200, s, "POST", "/v4/assets/"+id, `{"permissions":{"isShareable":false}}`)
	want(t, 400, s, "POST", "/v4/shares", body("S", one, ""))
	want(t, 200, s, "POST", "/v4/assets/"+id, `{"permissions":{"isShareable":true},"isArchived":true}`)
	want(t, 400, s, "POST", "/v4/shares", body("S", one, ""))
	for method, path := range map[string]string{"GET": "/v4/shares", "DELETE": "/v4/shares/x"} {
		if r, err := send(t, s, method, path, ""); err != nil || r.status < 404 {
			t.Errorf("%s %s: %d, %v", method, path, r.status, err)
		}
	}
}

func TestThemesAreListed(t *testing.T) {
	s := newServer(t, emulator.Options{
		Divisions: []emulator.Division{{ID: "d1", Name: "A"}, {ID: "d2", Name: "B"}, {ID: "d3", Name: "C", Hidden: true}},
		Themes: []emulator.Theme{
			{ID: "t0", Title: "Global"}, {ID: "t1", Title: "One", Division: "d1", Default: true}, {ID: "t2", Title: "Two", Division: "d2"},
			{ID: "t3", Title: "Of nobody", Division: "d3"},
		},
	})
	for query, wanted := range map[string]string{
		"": "t2 t1", "?includeGlobal=true": "t2 t1 t0", "?includeGlobal=true&divisionId=d1": "t1 t0", "?isDefault=true": "t1",
		"?title=on": "t1", "?sort=title&includeGlobal=true": "t0 t1 t2", "?sort=createdAt": "t1 t2", "?limit=1": "t2", "?limit=1&offset=1": "t1",
	} {
		var ids []string
		for _, item := range want(t, 200, s, "GET", "/v4/themes"+query, "").items() {
			ids = append(ids, item["id"].(string))
		}
		if got := strings.Join(ids, " "); got != wanted {
			t.Errorf("%s: %s, want %s", query, got, wanted)
		}
	}
	for _, bad := range []string{"?isDefault=yes", "?sort=name", "?divisionIds=d1"} {
		want(t, 400, s, "GET", "/v4/themes"+bad, "")
	}
	if r := want(t, 200, s, "GET", "/v4/themes/t0", ""); r.json["division"] != nil || r.json["isGlobal"] != true || r.json["experiences"] != nil {
		t.Errorf("%s", r.body)
	}
	want(t, 404, s, "GET", "/v4/themes/t3", "")
}
