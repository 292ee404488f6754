package showpad

import (
	"encoding/json"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// specDir has showpad-v3.openapi.yml and showpad-v4.openapi.yml; when it is unset, requests are not checked
// against the specification, which is not part of this repository.
var specDir = os.Getenv("SHOWPAD_SPEC_DIR")

func TestRequestsAreWhatTheSpecificationKnows(t *testing.T) {
	ops := operations(t)
	if len(ops) < len(exercises) {
		t.Fatalf("%d operations for %d exercises", len(ops), len(exercises))
	}
	if specDir == "" {
		return
	}
	docs := map[string]*openapi3.T{}
	for _, api := range []string{"v3", "v4"} {
		text, err := os.ReadFile(filepath.Join(specDir, "showpad-"+api+".openapi.yml"))
		if err != nil {
			t.Fatal(err)
		}
		// One list in the document of v3 names a scope in the place of a scheme.
		text = regexp.MustCompile(`(?m)^ {8}- \w+_management$`).ReplaceAll(text, []byte("$0: []"))
		if docs[api], err = openapi3.NewLoader().LoadFromData(text); err != nil {
			t.Fatal(err)
		}
	}
	for id, ex := range exercises {
		api, name, _ := strings.Cut(id, " ")
		t.Run(name, func(t *testing.T) {
			op, doc := ops[id], docs[api]
			item := doc.Paths.Value(op.path)
			if item == nil {
				t.Fatalf("no path %s", op.path)
			}
			spec := item.GetOperation(op.method)
			if spec == nil || spec.OperationID != name {
				t.Fatalf("%s %s is not %s", op.method, op.path, name)
			}
			if api == "v3" && spec.Security != nil {
				var scopes []string
				for _, way := range *spec.Security {
					scopes = append(scopes, slices.Concat(slices.Collect(maps.Values(way))...)...)
				}
				ours := Scopes(op.method, op.path)
				slices.Sort(scopes)
				slices.Sort(ours)
				if !slices.Equal(slices.Compact(scopes), ours) {
					t.Errorf("wants the scopes %q, not %q", scopes, ours)
				}
			}
			s := newScript(says(http.StatusNoContent, ""))
			if ex.answer != "" {
				s = newScript(says(http.StatusOK, fixture(t, ex.answer)))
			}
			if err := ex.call(t.Context(), newClient(t, s)); err != nil {
				t.Fatal(err)
			}
			r := s.seen[0]
			r.Body = io.NopCloser(strings.NewReader(s.sent[0]))
			if kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
				knownParts(t, s.sent[0], params["boundary"], spec.RequestBody.Value.Content[kind].Schema.Value)
				s.sent[0], spec.RequestBody = "", nil // its arrays and files are nothing that the validator reads
			}
			input := &openapi3filter.RequestValidationInput{
				Request: r, PathParams: pathParams(op.path, strings.TrimPrefix(r.URL.Path, map[string]string{"v3": "/api/v3", "v4": "/v4"}[api])),
				Route:   &routers.Route{Spec: doc, Path: op.path, PathItem: item, Method: op.method, Operation: spec},
				Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true, SkipSettingDefaults: true},
			}
			if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
				t.Error(err)
			}
			for name := range r.URL.Query() {
				if !slices.ContainsFunc(parameters(item, spec), func(p *openapi3.Parameter) bool { return p.In == "query" && p.Name == name }) {
					t.Errorf("query parameter %s is not known", name)
				}
			}
			if s.sent[0] == "" {
				return
			}
			var body any
			if err := json.Unmarshal([]byte(s.sent[0]), &body); err != nil {
				t.Fatal(err)
			}
			unknownMembers(t, "body", body, spec.RequestBody.Value.Content["application/json"].Schema)
		})
	}
}

// knownParts looks at each part of a form: the schema has it, and its text is of the
// type that the schema says.
func knownParts(t *testing.T, body, boundary string, schema *openapi3.Schema) {
	t.Helper()
	for r := multipart.NewReader(strings.NewReader(body), boundary); ; {
		part, err := r.NextPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		switch p := schema.Properties[part.FormName()]; {
		case p == nil:
			t.Errorf("part %s is not in the specification", part.FormName())
		case p.Value.Type.Is("boolean") && string(text) != "true" && string(text) != "false":
			t.Errorf("part %s is %q", part.FormName(), text)
		case p.Value.Format == "binary" && path.Ext(part.FileName()) == "":
			t.Errorf("part %s is the file %q", part.FormName(), part.FileName())
		}
	}
}

func parameters(item *openapi3.PathItem, op *openapi3.Operation) (all []*openapi3.Parameter) {
	for _, list := range []openapi3.Parameters{item.Parameters, op.Parameters} {
		for _, ref := range list {
			all = append(all, ref.Value)
		}
	}
	return all
}

// pathParams reads the values of a path that has the form of pattern.
func pathParams(pattern, path string) map[string]string {
	values := map[string]string{}
	have := strings.Split(path, "/")
	for i, part := range strings.Split(pattern, "/") {
		if name, ending, ok := strings.Cut(strings.TrimPrefix(part, "{"), "}"); ok && i < len(have) {
			values[name] = strings.TrimSuffix(have[i], ending)
		}
	}
	return values
}

// unknownMembers finds what a schema does not name; the validator lets it pass.
func unknownMembers(t *testing.T, at string, v any, ref *openapi3.SchemaRef) {
	t.Helper()
	if ref == nil || ref.Value == nil {
		return
	}
	schema := ref.Value
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			unknownMembers(t, at+"[]", e, schema.Items)
		}
	case map[string]any:
		branches := append([]*openapi3.SchemaRef{ref}, slices.Concat(schema.AllOf, schema.OneOf, schema.AnyOf)...)
		for name, e := range v {
			known := false
			for _, b := range branches {
				if p := b.Value.Properties[name]; p != nil {
					known = true
					unknownMembers(t, at+"."+name, e, p)
				}
			}
			if !known {
				t.Errorf("%s.%s is not in the specification", at, name)
			}
		}
	}
}
