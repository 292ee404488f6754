package emulator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestSpecification compares the emulator with the service's own document when
// SHOWPAD_SPEC_DIR says where it is. Without it there is nothing to compare, and
// the routes are only looked at for their form.
func TestSpecification(t *testing.T) {
	var v4 [][]string
	for _, line := range emulator.Routes() {
		parts := strings.Fields(line)
		if len(parts) != 4 {
			t.Errorf("route %q", line)
		}
		if parts[0] == "v4" {
			v4 = append(v4, parts)
		}
	}
	dir := os.Getenv("SHOWPAD_SPEC_DIR")
	if dir == "" {
		return
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dir, "showpad-v4.openapi.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range v4 {
		item := doc.Paths.Value(r[3])
		if item == nil || item.GetOperation(r[2]) == nil {
			t.Errorf("%s %s is not in the document", r[2], r[3])
			continue
		}
		op := item.GetOperation(r[2])
		if op.OperationID != r[1] {
			t.Errorf("%s %s is %s, not %s", r[2], r[3], op.OperationID, r[1])
		}
		t.Run(r[1], func(t *testing.T) { checkOperation(t, op, r[2], r[3]) })
	}
}

// checkOperation sends requests to one operation: every parameter and property
// of the document is known, others are not, and answers have its form.
func checkOperation(t *testing.T, op *openapi3.Operation, method, path string) {
	for _, p := range op.Parameters {
		if p.Value.In != "query" {
			continue
		}
		s, target := specimen(t, path)
		value := "1"
		if words := p.Value.Schema.Value.Enum; len(words) > 0 {
			value = words[0].(string)
		}
		want(t, 200, s, method, target+"?"+p.Value.Name+"="+value, "")
	}
	if op.RequestBody != nil {
		checkProperties(t, op.RequestBody.Value.Content.Get("application/json").Schema.Value, method, path)
	}
	s, target := specimen(t, path)
	body := map[string]string{
		"POST /assets":                 createBody("b.pptx", "B", ""),
		"POST /assets/{assetId}":       `{"description":"d"}`,
		"POST /assets/{assetId}/files": "{}",
		"POST /assets/query":           `{"query":"archivedAt IS EMPTY"}`,
		"POST /tags":                   `{"name":"Other","division":{"id":"` + emulator.DivisionMarketing + `"}}`,
		"POST /tags/{tagId}":           `{"name":"Other"}`,
		"POST /shares":                 `{"title":"S","origin":"test","assets":[]}`,

		"POST /tag-categories":                      `{"name":"Other","division":{"id":"` + emulator.DivisionMarketing + `"}}`,
		"POST /tag-categories/{tagCategoryId}":      `{"name":"Other"}`,
		"POST /tag-categories/{tagCategoryId}/tags": `{"clear":true}`,
	}[method+" "+path]
	r, err := send(t, s, method, target, body)
	if err != nil || r.status > 299 {
		t.Fatalf("%d %s %v", r.status, r.body, err)
	}
	checkAnswer(t, op, r, true)
	for _, bad := range []string{target + "?nonsense=1", strings.Replace(target, "/v4/", "/v4/x", 1) + "/x/y/z"} {
		r, err := send(t, s, method, bad, body)
		if err != nil || r.status < 400 {
			t.Errorf("%s: %d %v", bad, r.status, err)
		}
	}
	for name := range op.Responses.Map() {
		if name == "401" {
			r := want(t, 401, s, method, target, body, "Authorization", "")
			checkAnswer(t, op, r, false)
		}
	}
}

// specimen is a tenant with one of everything, and a path with its ids.
func specimen(t *testing.T, path string) (*emulator.Server, string) {
	t.Helper()
	s := newServer(t, emulator.Options{})
	tag := want(t, 201, s, "POST", "/v4/tags", `{"name":"T","division":{"id":"`+emulator.DivisionMarketing+`"}}`).text("id")
	asset := create(t, s, "a.pptx", "A", `,"description":"d","expiresAt":"2027-01-01T00:00:00Z","releasedAt":"2026-01-01T00:00:00Z","draftedAt":"2026-01-01T00:00:00.5Z",
		"lockedPages":[{"start":1,"end":2}],"enforcedPages":{"prepend":[{"start":1,"end":2}],"append":null},"tags":[{"id":"`+tag+`"}],
		"languages":[{"code":"en"}],"countries":[{"code":"BE"}],"downloadableExternal":["original","pdf"]`)
	k := upload(t, s, asset, "hello")
	want(t, 200, s, "POST", "/v4/assets/"+asset, `{"localization":{"primary":{"asset":{"id":"`+asset+`"}},"variants":[{"asset":{"languages":[{"code":"de"}],"countries":[]}}]}}`)
	user := want(t, 200, s, "GET", "/v4/users", "").items()[0]["id"].(string)
	top := want(t, 201, s, "POST", "/v4/tag-categories", `{"name":"Top","division":{"id":"`+emulator.DivisionMarketing+`"}}`).text("id")
	category := want(t, 201, s, "POST", "/v4/tag-categories", `{"name":"C","division":{"id":"`+emulator.DivisionMarketing+`"},"parent":{"id":"`+top+`"},"tags":[{"id":"`+tag+`"}]}`).text("id")
	s.Fail(emulator.Fault{Op: "post_divisions_id_assets", Kind: emulator.KindProcessingFails})
	body, kind := personal(t, "failed.pdf", "hello", nil)
	ticket := want(t, 201, s, "POST", toJohn, body, "Content-Type", kind).json["response"].(map[string]any)["id"].(string)
	return s, "/v4" + strings.NewReplacer("{ticketId}", ticket, "{assetId}", asset, "{fileId}", k.fileID, "{tagId}", tag, "{userId}", user, "{themeId}", "7e000000000000000000000000000002", "{tagCategoryId}", category,
		"{divisionId}", emulator.DivisionMarketing).Replace(path)
}

// checkProperties sends each property of the document with a value of no known
// type: it may be refused, but not as unknown.
func checkProperties(t *testing.T, schema *openapi3.Schema, method, path string) {
	s, target := specimen(t, path)
	for name := range schema.Properties {
		r, err := send(t, s, method, target, `{"`+name+`":{"nonsense":[]}}`)
		if err != nil || strings.Contains(string(r.body), `{"name":"`+name+`","reason":"is not a property`) {
			t.Errorf("%s: %s %v", name, r.body, err)
		}
	}
	for _, required := range schema.Required {
		r := want(t, 400, s, method, target, "{}")
		if !strings.Contains(string(r.body), `{"name":"`+required+`","reason":"is required"`) {
			t.Errorf("%s is required: %s", required, r.body)
		}
	}
	want(t, 400, s, method, target, `{"nonsense":1}`)
}

func checkAnswer(t *testing.T, op *openapi3.Operation, r reply, complete bool) {
	t.Helper()
	response := op.Responses.Status(r.status)
	if response == nil {
		t.Errorf("status %d is not in the document", r.status)
		return
	}
	kind := r.header.Get("Content-Type")
	media := response.Value.Content.Get(kind)
	if media == nil {
		if len(r.body) > 0 || len(response.Value.Content) > 0 {
			t.Errorf("status %d comes as %q", r.status, kind)
		}
		return
	}
	var v any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatal(err)
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		t.Errorf("%s: %v", r.body, err)
	}
	if complete { // problems have a member or two more than some operations say
		sameMembers(t, "", media.Schema.Value, v)
	}
}

// sameMembers looks for members that the document does not have and for those
// of the document that are missing.
func sameMembers(t *testing.T, at string, schema *openapi3.Schema, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, in := range v {
			if schema.Items != nil {
				sameMembers(t, at+"[]", schema.Items.Value, in)
			}
		}
	case map[string]any:
		if schema.AdditionalProperties.Schema != nil || len(schema.Properties) == 0 {
			return
		}
		for name, in := range v {
			p := schema.Properties[name]
			if p == nil {
				t.Errorf("%s.%s is not in the document", at, name)
				continue
			}
			sameMembers(t, at+"."+name, p.Value, in)
		}
		for name := range schema.Properties {
			if _, ok := v[name]; !ok {
				t.Errorf("%s.%s is missing", at, name)
			}
		}
	}
}

// TestSpecificationOfV3 compares what is served of v3 with its document, where there
// is one: a part of its parameters and of an asset's members, all of an exported row's.
func TestSpecificationOfV3(t *testing.T) {
	var served [][]string
	for _, line := range emulator.Routes() {
		if parts := strings.Fields(line); parts[0] == "v3" && parts[1] != emulator.OpToken && parts[1] != emulator.OpAuthorize {
			served = append(served, parts)
		}
	}
	if len(served) < 3 {
		t.Errorf("routes %q", served)
	}
	dir := os.Getenv("SHOWPAD_SPEC_DIR")
	if dir == "" {
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, "showpad-v3.openapi.yml"))
	if err != nil {
		t.Fatal(err)
	}
	// One list in the document names scopes in the place of schemes.
	text = regexp.MustCompile(`(?m)^ {8}- \w+_management$`).ReplaceAll(text, []byte("$0: []"))
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range served {
		t.Run(r[1], func(t *testing.T) {
			item := doc.Paths.Value(r[3])
			if item == nil || item.GetOperation(r[2]) == nil || item.GetOperation(r[2]).OperationID != r[1] {
				t.Fatalf("%s %s is not in the document", r[2], r[3])
			}
			thing, _, _ := strings.Cut(strings.TrimPrefix(r[3], "/"), "/")
			s, target := specimen(t, strings.Replace(r[3], "{id}", map[string]string{"assets": "{assetId}", "users": "{userId}", "divisions": "mine", "tickets": "{ticketId}"}[thing], 1))
			status, body, kind := 200, "", ""
			switch {
			case thing == "divisions":
				status = 201
				body, kind = personal(t, "b.zip", "hello", nil)
			case strings.HasPrefix(r[1], "post_"):
				s.Switch(func(sw *emulator.Switches) { sw.StuckProcessing = "*" })
				if strings.HasSuffix(r[3], "force-use") {
					s.Switch(func(sw *emulator.Switches) { sw.StuckProcessing = "" })
				}
			}
			answer := want(t, status, s, r[2], v3Base+strings.TrimPrefix(target, "/v4"), body, "Content-Type", kind).json
			schema := item.GetOperation(r[2]).Responses.Default().Value.Content.Get("application/json").Schema.Value
			if strings.HasPrefix(r[1], "get_exports_") {
				response := schema.Properties["response"].Value
				sameMembers(t, "response", response, answer["response"])
				if err := response.VisitJSON(answer["response"], openapi3.MultiErrors()); err != nil {
					t.Error(err)
				}
				return
			}
			known := schema.Properties["response"].Value
			members := []any{answer["response"]}
			if items := known.Properties["items"]; items != nil {
				known = items.Value.Items.Value
				members = answer["response"].(map[string]any)["items"].([]any)
			}
			for _, m := range members {
				for name := range m.(map[string]any) {
					if known.Properties[name] == nil && kind == "" { // an upload answers with a ticket as well, of which the document does not tell
						t.Errorf("%s is not in the document", name)
					}
				}
			}
		})
	}
}
