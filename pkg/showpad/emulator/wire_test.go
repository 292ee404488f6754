package emulator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// members lists the paths of all members of a document; elements of an array
// count as one.
func members(prefix string, v any, out map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, in := range v {
			out[prefix+name] = true
			if name != "metadata" { // its keys are data
				members(prefix+name+".", in, out)
			}
		}
	case []any:
		for _, in := range v {
			members(prefix, in, out)
		}
	}
}

// TestAnswersHaveTheMembersOfTheSamples compares answers with the samples that
// the client is tested against.
func TestAnswersHaveTheMembersOfTheSamples(t *testing.T) {
	s := newServer(t, emulator.Options{Divisions: []emulator.Division{{ID: emulator.DivisionMarketing, Name: "Marketing", SharingEnabled: true}}})
	tag := want(t, 201, s, "POST", "/v4/tags", `{"name":"T","division":{"id":"`+emulator.DivisionMarketing+`"}}`)
	top := want(t, 201, s, "POST", "/v4/tag-categories", `{"name":"Top","division":{"id":"`+emulator.DivisionMarketing+`"}}`)
	category := want(t, 201, s, "POST", "/v4/tag-categories", `{"name":"C","division":{"id":"`+emulator.DivisionMarketing+`"},"parent":{"id":"`+top.text("id")+`"},"tags":[{"id":"`+tag.text("id")+`"}]}`)
	tag = want(t, 200, s, "GET", "/v4/tags/"+tag.text("id"), "")
	user := want(t, 200, s, "GET", "/v4/users", "").items()[0]
	id := create(t, s, "a.pdf", "A", `,"description":"d","expiresAt":"2027-01-01T00:00:00Z","lockedPages":[{"start":1,"end":2}],"languages":[{"code":"en"}],"countries":[{"code":"BE"}],"tags":[{"id":"`+tag.text("id")+`"}],"enforcedPages":{"prepend":[{"start":1,"end":1}],"append":[{"start":1,"end":1}]}`)
	up := want(t, 201, s, "POST", "/v4/assets/"+id+"/files", "")
	upload(t, s, id, "hello")
	body, kind := personal(t, "intro.pdf", "hello", nil)
	ticket := want(t, 201, s, "POST", toJohn, body, "Content-Type", kind)
	body, kind = personal(t, "intro.zip", "hello", nil)
	zip := want(t, 201, s, "POST", toJohn, body, "Content-Type", kind)
	s.Switch(func(sw *emulator.Switches) { sw.TicketAssetObject = true })
	for file, answer := range map[string]any{
		"v3-personal-ticket.json":  ticket.json,
		"v3-personal-asset.json":   zip.json,
		"v3-ticket.json":           want(t, 200, s, "GET", v3Base+"/tickets/"+ticket.json["response"].(map[string]any)["id"].(string)+".json", "").json,
		"v3-tickets.json":          want(t, 200, s, "GET", v3Base+"/tickets.json", "").json,
		"v3-users.json":            want(t, 200, s, "GET", v3Base+"/users.json", "").json,
		"v3-user.json":             want(t, 200, s, "GET", v3Base+"/users/a1000000000000000000000000000003.json", "").json,
		"v3-export-divisions.json": want(t, 200, s, "GET", v3Base+"/exports/divisions.json", "").json,
		"v3-export-users.json":     want(t, 200, s, "GET", v3Base+"/exports/users.json", "").json,
		"asset.json":               want(t, 200, s, "GET", "/v4/assets/"+id, "").json,
		"asset-list.json":          want(t, 200, s, "GET", "/v4/assets", "").json,
		"division.json":            want(t, 200, s, "GET", "/v4/divisions/"+emulator.DivisionMarketing, "").json,
		"file.json":                want(t, 200, s, "GET", "/v4/assets/"+id+"/files/"+up.text("id"), "").json,
		"file-list.json":           want(t, 200, s, "GET", "/v4/assets/"+id+"/files", "").json,
		"tag.json":                 tag.json,
		"tag-list.json":            want(t, 200, s, "GET", "/v4/tags", "").json,
		"share.json":               want(t, 201, s, "POST", "/v4/shares", `{"title":"S","origin":"test","assets":[{"id":"`+id+`","page":1},{"id":"`+id+`"}],"expiresAt":"2027-01-01T00:00:00Z"}`).json,
		"theme.json":               want(t, 200, s, "GET", "/v4/themes/7e000000000000000000000000000002", "").json,
		"theme-list.json":          want(t, 200, s, "GET", "/v4/themes?includeGlobal=true", "").json,
		"tag-category.json":        category.json,
		"tag-category-list.json":   want(t, 200, s, "GET", "/v4/tag-categories", "").json,
		"upload.json":              up.json,
		"user.json":                user,
		"token.json":               refresh(t, s, 200, emulator.DefaultRefreshToken).json,
		"v3-me.json":               want(t, 200, s, "GET", "https://acme.showpad.biz/api/v3/users/me.json", "").json,
		"v3-asset.json":            want(t, 200, s, "GET", v3Base+"/assets/"+id+".json", "").json,
		"v3-export-assets.json":    want(t, 200, s, "GET", v3Base+"/exports/assets.json", "").json,
		"token-error.json":         refresh(t, s, 400, "dead").json,
		"v3-error.json":            want(t, 404, s, "GET", "https://acme.showpad.biz/api/v3/nothing.json", "").json,
		"problem.json":             want(t, 400, s, "POST", "/v4/assets", "{}").json,
		"asset-query.json":         want(t, 200, s, "POST", "/v4/assets/query", `{"query":"name ~ \"a\""}`).json,
		"problem-query.json":       want(t, 400, s, "POST", "/v4/assets/query", `{"query":"nam ~ \"a\""}`).json,
	} {
		b, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "wire", file))
		if err != nil {
			t.Fatal(err)
		}
		var sample any
		if err := json.Unmarshal(b, &sample); err != nil {
			t.Fatal(err)
		}
		have, in := map[string]bool{}, map[string]bool{}
		members("", answer, have)
		members("", sample, in)
		for name := range in {
			// Samples also have what a client must put up with.
			if !have[name] && !strings.Contains(name, "aMemberOfTomorrow") {
				t.Errorf("%s: the sample has %s, the answer has not", file, name)
			}
		}
	}
}
