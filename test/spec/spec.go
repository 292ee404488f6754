// Package spec checks traffic of tests against the service's own document of
// its v4 API, which is not part of this repository: every request that a suite
// sends, and every answer that the emulator gives. The folder of the document is
// named by SHOWPAD_SPEC_DIR; without it nothing is checked.
package spec

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Variable names the folder of the document.
const Variable = "SHOWPAD_SPEC_DIR"

// base is where paths of v4 begin, in tests as at the service.
const base = "/v4"

// Document is the service's own document. The zero value checks nothing.
type Document struct {
	doc   *openapi3.T
	paths []string // the more literal ones first
}

var load = sync.OnceValues(func() (Document, error) {
	dir := os.Getenv(Variable)
	if dir == "" {
		return Document{}, nil
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dir, "showpad-v4.openapi.yml"))
	if err != nil {
		return Document{}, err
	}
	return New(doc), nil
})

// V4 is the document in the folder that [Variable] names.
func V4() (Document, error) { return load() }

// New checks against doc.
func New(doc *openapi3.T) Document {
	paths := doc.Paths.InMatchingOrder()
	slices.SortStableFunc(paths, func(a, b string) int { return strings.Count(a, "{") - strings.Count(b, "{") })
	return Document{doc: doc, paths: paths}
}

// Unset reports whether there is nothing to check against.
func (d Document) Unset() bool { return d.doc == nil }

// find is the route of a request, nil for one that is not of v4.
func (d Document) find(r *http.Request) (*routers.Route, map[string]string, error) {
	rest, ok := strings.CutPrefix(r.URL.Path, base+"/")
	if !ok || d.Unset() {
		return nil, nil, nil
	}
	for _, p := range d.paths {
		params, ok := match(p, "/"+rest)
		if !ok {
			continue
		}
		item := d.doc.Paths.Value(p)
		op := item.GetOperation(r.Method)
		if op == nil {
			return nil, nil, fmt.Errorf("%s %s: the document has no such method", r.Method, r.URL.Path)
		}
		return &routers.Route{Spec: d.doc, Path: p, PathItem: item, Method: r.Method, Operation: op}, params, nil
	}
	return nil, nil, fmt.Errorf("%s %s: the document has no such path", r.Method, r.URL.Path)
}

// match reads the parameters of a path that has the form of pattern.
func match(pattern, path string) (map[string]string, bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	params := map[string]string{}
	for i, w := range want {
		switch name, ok := strings.CutPrefix(w, "{"); {
		case ok && have[i] != "":
			params[strings.TrimSuffix(name, "}")] = have[i]
		case w != have[i]:
			return nil, false
		}
	}
	return params, true
}

// Request says what of a request the document does not know. body is its body,
// which is not read from r.
func (d Document) Request(r *http.Request, body []byte) (problems []string) {
	route, params, err := d.find(r)
	if err != nil {
		return []string{err.Error()}
	}
	if route == nil {
		return nil
	}
	say := func(format string, args ...any) {
		problems = append(problems, route.Operation.OperationID+" request: "+fmt.Sprintf(format, args...))
	}
	known := map[string]bool{}
	for _, list := range []openapi3.Parameters{route.PathItem.Parameters, route.Operation.Parameters} {
		for _, p := range list {
			known[p.Value.In+" "+p.Value.Name] = true
		}
	}
	for name := range r.URL.Query() {
		if !known["query "+name] {
			say("query parameter %s is not known", name)
		}
	}
	asked := r.Clone(context.WithoutCancel(r.Context()))
	asked.Body = io.NopCloser(bytes.NewReader(body))
	err = openapi3filter.ValidateRequest(asked.Context(), &openapi3filter.RequestValidationInput{
		Request: asked, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true, SkipSettingDefaults: true},
	})
	if err != nil {
		say("%v", err)
	}
	if len(body) == 0 {
		return problems
	}
	var v any
	switch content := route.Operation.RequestBody; {
	case content == nil || content.Value.Content["application/json"] == nil:
		say("a body, and the document knows none")
	case json.Unmarshal(body, &v) != nil:
		say("the body is not JSON: %s", body)
	default:
		unknown(say, "body", v, content.Value.Content["application/json"].Schema)
	}
	return problems
}

// Answer says what of an answer to r the document does not know. Answers of a
// status that it does not document, and such that are cut off or not of the type
// that it documents, are the work of faults and are passed over.
func (d Document) Answer(r *http.Request, status int, header http.Header, body []byte) (problems []string) {
	route, _, err := d.find(r)
	if err != nil || route == nil {
		return nil // told with the request
	}
	response := route.Operation.Responses.Status(status)
	if response == nil || response.Value == nil {
		return nil
	}
	say := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s answer %d: ", route.Operation.OperationID, status)+fmt.Sprintf(format, args...))
	}
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	media := response.Value.Content.Get(kind)
	var v any
	if media == nil || media.Schema == nil || json.Unmarshal(body, &v) != nil {
		return nil
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		say("%v", err)
	}
	if status < 300 {
		unknown(say, "answer", v, media.Schema)
	}
	return problems
}

// unknown finds members that a schema does not name; validators let them pass. Where a
// schema has branches, one that names a member is enough.
func unknown(say func(string, ...any), at string, v any, refs ...*openapi3.SchemaRef) {
	var branches []*openapi3.Schema
	for queue := refs; len(queue) > 0; queue = queue[1:] {
		if queue[0] == nil || queue[0].Value == nil {
			continue
		}
		s := queue[0].Value
		branches = append(branches, s)
		queue = slices.Concat(queue[:1], s.AllOf, s.OneOf, s.AnyOf, queue[1:])
	}
	switch v := v.(type) {
	case []any:
		var items []*openapi3.SchemaRef
		for _, b := range branches {
			items = append(items, b.Items)
		}
		for _, e := range v {
			unknown(say, at+"[]", e, items...)
		}
	case map[string]any:
		named := slices.ContainsFunc(branches, func(b *openapi3.Schema) bool { return len(b.Properties) > 0 })
		free := slices.ContainsFunc(branches, func(b *openapi3.Schema) bool { return b.AdditionalProperties.Schema != nil })
		if !named || free {
			return // a map, or anything
		}
		for name, e := range v {
			var of []*openapi3.SchemaRef
			for _, b := range branches {
				if p := b.Properties[name]; p != nil {
					of = append(of, p)
				}
			}
			if len(of) == 0 {
				say("%s.%s is not in the document", at, name)
				continue
			}
			unknown(say, at+"."+name, e, of...)
		}
	}
}
