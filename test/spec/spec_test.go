package spec

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const sample = `
openapi: 3.0.3
info: {title: Things, version: "4"}
paths:
  /things:
    get:
      operationId: getThings
      parameters: [{name: limit, in: query, schema: {type: integer, maximum: 10}}]
      responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Thing"}}}}}}
  /things/query:
    post:
      operationId: postThingsQuery
      requestBody: {content: {application/json: {schema: {type: object, required: [query], properties: {query: {type: string}, parts: {type: array, items: {oneOf: [
        {type: object, properties: {thing: {type: object, required: [id], properties: {id: {type: string}}}}},
        {type: object, properties: {thing: {type: object, required: [size], properties: {size: {type: integer}}}}}]}}}}}}}
      responses: {"200": {description: ok}}
  /things/{id}:
    get:
      operationId: getThing
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
        "404": {description: none, content: {application/problem+json: {schema: {type: object, required: [title], properties: {title: {type: string}}}}}}
components:
  schemas:
    Thing: {type: object, properties: {id: {type: string}, size: {type: integer}, labels: {type: object, additionalProperties: {type: string}}}}
`

func things(t *testing.T) Document {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	return New(doc)
}

func request(t *testing.T, method, target string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, "http://localhost"+target, nil)
	r.Header.Set("Content-Type", "application/json")
	return r
}

func TestRequestsAreComparedWithTheDocument(t *testing.T) {
	d := things(t)
	for _, tc := range []struct{ method, target, body, problem string }{
		{"GET", "/v4/things?limit=10", "", ""},
		{"GET", "/v4/things/7", "", ""},
		{"GET", "/api/v3/anything.json?x=1", "", ""},
		{"POST", "/v4/things/query", `{"query":"a"}`, ""},
		{"GET", "/v4/things?limit=11", "", "maximum"},
		{"GET", "/v4/things?offset=1", "", "query parameter offset is not known"},
		{"GET", "/v4/nothing", "", "no such path"},
		{"DELETE", "/v4/things/7", "", "no such method"},
		{"GET", "/v4/things", `{"x":1}`, "the document knows none"},
		{"POST", "/v4/things/query", `{"query":"a","page":1}`, "body.page is not in the document"},
		{"POST", "/v4/things/query", `{"query":"a","parts":[{"thing":{"id":"7"}},{"thing":{"size":7}}]}`, ""},
		{"POST", "/v4/things/query", `{"query":"a","parts":[{"thing":{"id":"7","weight":7}}]}`, "body.parts[].thing.weight is not in the document"},
		{"POST", "/v4/things/query", `{"query":1}`, "must be a string"},
		{"POST", "/v4/things/query", `{}`, "query"},
		{"POST", "/v4/things/query", `{"query"`, "not JSON"},
	} {
		got := strings.Join(d.Request(request(t, tc.method, tc.target), []byte(tc.body)), "\n")
		if tc.problem == "" && got != "" || !strings.Contains(got, tc.problem) {
			t.Errorf("%s %s %s: %q", tc.method, tc.target, tc.body, got)
		}
	}
}

func TestAnswersAreComparedWithTheDocument(t *testing.T) {
	d := things(t)
	for _, tc := range []struct {
		target string
		status int
		kind   string
		body   string
		want   string
	}{
		{"/v4/things/7", 200, "application/json", `{"id":"7","size":1,"labels":{"any":"thing"}}`, ""},
		{"/v4/things/7", 200, "application/json; charset=utf-8", `{"id":7}`, "must be a string"},
		{"/v4/things/7", 200, "application/json", `{"id":"7","colour":"red"}`, "answer.colour is not in the document"},
		{"/v4/things", 200, "application/json", `[{"id":"7"},{"colour":"red"}]`, "answer[].colour is not in the document"},
		{"/v4/things/7", 404, "application/problem+json", `{"detail":"x"}`, "title"},
		{"/v4/things/7", 200, "text/html", `<p>`, ""},             // a proxy
		{"/v4/things/7", 200, "application/json", `{"id":`, ""},   // cut off
		{"/v4/things/7", 429, "application/json", `{"id":7}`, ""}, // documented nowhere
		{"/v4/nothing", 200, "application/json", `{"id":7}`, ""},  // told with the request
	} {
		got := strings.Join(d.Answer(request(t, "GET", tc.target), tc.status, http.Header{"Content-Type": {tc.kind}}, []byte(tc.body)), "\n")
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s %d %s: %q", tc.target, tc.status, tc.body, got)
		}
	}
}

// teller keeps what a test would be told.
type teller struct{ told []string }

func (*teller) Helper() {}
func (t *teller) Errorf(_ string, args ...any) {
	t.told = append(t.told, args[0].(string))
}

// fakes answers all requests in one way.
type fakes string

func (f fakes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if b, err := io.ReadAll(r.Body); err != nil || string(b) != `{"query":"a","page":1}` {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(f))), Request: r}, nil
}

func TestTrafficIsPassedOnAsItIs(t *testing.T) {
	want := []string{"postThingsQuery request: body.page is not in the document", "getThing answer 200: answer.colour is not in the document"}
	send := func(rt http.RoundTripper) {
		t.Helper()
		for _, c := range []struct{ method, target, body string }{{"POST", "/v4/things/query", `{"query":"a","page":1}`}, {"GET", "/v4/things/7", ""}, {"GET", "/other", ""}} {
			r := request(t, c.method, c.target)
			if c.body != "" {
				r.Body = io.NopCloser(strings.NewReader(c.body))
			} else {
				r.Body = nil
			}
			resp, err := rt.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(resp.Body); err != nil || string(b) != `{"colour":"red"}` {
				t.Errorf("%s %v", b, err)
			}
		}
	}
	var told teller
	send(transport{&told, things(t), fakes(`{"colour":"red"}`)})
	if !slices.Equal(told.told, want) {
		t.Errorf("%q", told.told)
	}
	told = teller{}
	h := handler(&told, things(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); r.Method == "POST" && string(b) != `{"query":"a","page":1}` {
			t.Errorf("body %q", b)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"colour":"red"}`)
	}))
	send(served{h})
	if !slices.Equal(told.told, want) {
		t.Errorf("%q", told.told)
	}
}

type served struct{ h http.Handler }

func (s served) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w.Result(), nil
}
