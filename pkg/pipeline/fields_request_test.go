package pipeline

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// A request has what decoding the document of its members would give.
func TestRequestIsTheDocumentOfItsValues(t *testing.T) {
	texts := []string{`null`, `"plain"`, `"é"`, `"a \"quoted\" \u00e9 <tag>"`, `""`}
	byKind := map[kind][]string{
		text: texts, flag: {"true", "false"}, instant: {`null`, `"2026-12-01T00:00:00Z"`}, words: {`[]`, `["original","pdf"]`},
		pages: {`[]`, `[{"start":1,"end":2}]`}, pageInset: {`null`, `{"prepend":[{"start":1,"end":1}],"append":null}`},
		refs: {`[]`, `["t1","t2"]`}, codes: {`[]`, `["de","en"]`},
	}
	for _, m := range managed {
		if m.kind == variant || strings.HasPrefix(m.name, permissions) {
			continue
		}
		for _, raw := range byKind[m.kind] {
			got, err := request(Values{m.name: json.RawMessage(raw), "name": json.RawMessage(`"n"`)}, nil)
			if err != nil {
				t.Errorf("%s: %s: %v", m.name, raw, err)
				continue
			}
			member := raw
			if m.kind == refs || m.kind == codes {
				key := map[kind]string{refs: "id", codes: "code"}[m.kind]
				var l []map[string]string
				for _, s := range set(json.RawMessage(raw)) {
					l = append(l, map[string]string{key: s})
				}
				b, err := json.Marshal(l)
				if err != nil {
					t.Fatal(err)
				}
				if member = string(b); l == nil {
					member = "[]"
				}
			}
			doc := `{"name":"n","` + m.name + `":` + member + `}`
			if m.name == "name" {
				doc = `{"name":` + raw + `}`
				if got, err = request(Values{"name": json.RawMessage(raw)}, nil); err != nil {
					t.Error(err)
				}
			}
			var want showpad.AssetFields
			dec := json.NewDecoder(bytes.NewReader([]byte(doc)))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s: %+v, want %+v", m.name, raw, got, want)
			}
		}
	}
	f, err := request(Values{"permissions.isShareable": isTrue}, Values{"permissions.isEditable": isFalse, "permissions.isAnnotatable": isTrue})
	if err != nil || !f.Permissions.Value.IsShareable.Value || !f.Permissions.Value.IsAnnotatable.Value || f.Permissions.Value.IsEditable.Set {
		t.Errorf("%+v, %v", f.Permissions, err)
	}
	if _, err := request(Values{linkField: json.RawMessage(`"a1"`)}, nil); err == nil {
		t.Error("a primary has no place in the first pass")
	}
	if _, err := request(Values{"tags": json.RawMessage(`["new:Red"]`)}, nil); err == nil {
		t.Error("a tag without an id was sent")
	}
}

// Lists of objects with one member are read as encoding/json reads them.
func TestPlainMembers(t *testing.T) {
	for list, want := range map[string]string{
		`[{"id":"a"}]`: "a", `[{"id":"b"},{"id":"a"}]`: "b a", `[]`: "-", `[{"id":"a"},]`: "-", `[{"id":"a"}, {"id":"b"}]`: "-", `[{"id":"a","x":1}]`: "-",
		`[{"id":"\u0061"}]`: "-", `null`: "-", `[{"id":"a"}`: "-", `[{"id":""}]`: "", `{"id":"a"}`: "-", `[{"id":"a\"}"}]`: "-", `[{"code":"a"}]`: "-",
	} {
		l, ok := plainMembers([]byte(list), `{"id":"`)
		if got := strings.Join(l, " "); ok != (want != "-") || ok && got != want {
			t.Errorf("%s: %q, %v", list, got, ok)
		}
	}
}
