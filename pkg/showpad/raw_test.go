package showpad

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestACallByHandGoesToTheTenantAlone(t *testing.T) {
	for path, want := range map[string]string{
		"/assets?limit=1&name=a%20b":            testAPI + "/assets?limit=1&name=a%20b",
		"assets/a%2Fb":                          testAPI + "/assets/a%2Fb",
		"/v4/assets":                            testAPI + "/assets",
		"/v4x":                                  testAPI + "/v4x",
		"/api/v3/users/me.json":                 testV3 + "/users/me.json",
		testAPI + "/assets?ids=x":               testAPI + "/assets?ids=x",
		testV3 + "/users.json":                  testV3 + "/users.json",
		"":                                      "",
		"/":                                     "",
		"/api/v3":                               "",
		"//evil.example.com/assets":             "",
		"https://evil.example.com/v4/assets":    "",
		"http://acme.api.example.com/v4/assets": "",
		"https://acme.api.example.com.evil.example.com/v4/assets": "",
		"https://acme.api.example.com/v4evil/x":                   "",
		"https://acme.api.example.com/v4/../x":                    "",
		"https://u@acme.api.example.com/v4/assets":                "",
		"/../oauth2": "",
		"/%2e%2E/x":  "",
		`/a\b`:       "",
		"/assets#x":  "",
		"/a%zz":      "",
	} {
		s := newScript(says(http.StatusOK, `{"meta":{},"response":{}}`))
		a, err := newClient(t, s).Call(t.Context(), RawCall{Method: "GET", Path: path})
		switch {
		case want == "" && (!IsWrongRequest(err) || s.count() != 0):
			t.Errorf("%s: %v, %d requests", path, err, s.count())
		case want != "" && (err != nil || s.seen[0].URL.String() != want || a.Status != http.StatusOK || s.seen[0].Header.Get("Authorization") == ""):
			t.Errorf("%s: %v, %v", path, err, s.seen)
		}
	}
}

func TestACallByHandIsRepeatedAsItsKindAllows(t *testing.T) {
	for _, c := range []struct {
		method, path string
		kind         Kind
	}{
		{"GET", "/assets", KindRead}, {"POST", "/assets", KindCreate}, {"POST", "/v4/assets", KindCreate}, {"POST", "/assets?x=/y", KindCreate},
		{"POST", "/assets/query", KindRead}, {"POST", "assets/a1", KindChange}, {"POST", "/assets/a1/files", KindChange},
		{"POST", "/tags", KindCreate}, {"POST", "/tags/t1", KindChange}, {"POST", "/tag-categories", KindCreate},
		{"POST", "/tag-categories/c1/tags", KindChange}, {"POST", "/shares", KindCreate}, {"POST", "/shares/x", KindCreate},
		{"POST", "/api/v3/assets/query", KindCreate}, {"POST", "/api/v3/divisions/d/assets.json", KindCreate}, {"DELETE", "/assets/a1", KindChange},
		{"PUT", "/x", KindChange}, {"PATCH", "/x", KindCreate},
	} {
		if got := (RawCall{Method: c.method, Path: c.path}).Kind(); got != c.kind {
			t.Errorf("%s %s is of kind %d, want %d", c.method, c.path, got, c.kind)
		}
	}
	s := newScript(breaks(errReset), says(http.StatusCreated, `{"id":"a1"}`))
	if _, err := newClient(t, s).Call(t.Context(), RawCall{Method: "POST", Path: "/assets", Body: []byte("{}")}); !errors.Is(err, ErrUnknownOutcome) || s.count() != 1 {
		t.Errorf("create: %v, %d requests", err, s.count())
	}
	s = newScript(says(http.StatusBadGateway, "<html>"), says(http.StatusOK, `{"id":"a1"}`))
	if _, err := newClient(t, s, quick).Call(t.Context(), RawCall{Method: "POST", Path: "/assets/a1", Body: []byte("{}")}); err != nil || s.count() != 2 {
		t.Errorf("update: %v, %d requests", err, s.count())
	}
}

// quick makes one repeat enough to see.
func quick(c *Config) { c.Retries = 1 }

func TestACallByHandShowsTheAnswer(t *testing.T) {
	s := newScript(says(http.StatusNotFound, `{"title":"Not Found","status":404,"detail":"no such thing"}`, "X-Request-Id", "r1"))
	a, err := newClient(t, s).Call(t.Context(), RawCall{Method: "GET", Path: "/assets/a1"})
	if !IsNotFound(err) || a.Status != 404 || !strings.Contains(string(a.Body), "no such thing") || a.Header.Get("X-Request-Id") != "r1" {
		t.Errorf("%v, %+v", err, a)
	}
	if !strings.HasPrefix(err.Error(), "GET /assets/a1: 404 Not Found: no such thing") {
		t.Errorf("%v", err)
	}
	s = newScript(says(http.StatusOK, `{"meta":{"code":403,"message":"no"},"response":{"code":1,"name":"NoError","message":"not you"}}`))
	var refused *Error
	if _, err := newClient(t, s).Call(t.Context(), RawCall{Method: "GET", Path: "/api/v3/x.json"}); !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("an error inside a 200: %v", err)
	}
	s = newScript(says(http.StatusOK, "<html>sign in</html>"))
	if _, err := newClient(t, s, func(c *Config) { c.Retries = -1 }).Call(t.Context(), RawCall{Method: "GET", Path: "/assets"}); err == nil {
		t.Error("a web page passes for an answer")
	}
	s = newScript(says(http.StatusOK, ""))
	for _, wrong := range []RawCall{{Method: "TRACE", Path: "/assets"}, {Method: "POST", Path: "/assets", Body: []byte("{name: x}")}} {
		if _, err := newClient(t, s).Call(t.Context(), wrong); !IsWrongRequest(err) || s.count() != 0 {
			t.Errorf("%+v: %v, %d requests", wrong, err, s.count())
		}
	}
	if _, err := newClient(t, s).Call(t.Context(), RawCall{Method: "POST", Path: "/x", Body: []byte("a=b"), ContentType: "application/x-www-form-urlencoded"}); err != nil || s.sent[0] != "a=b" || s.seen[0].Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("%v, %q", err, s.sent)
	}
}

func TestDocumentsComeAsTheyAre(t *testing.T) {
	s := newScript(says(http.StatusOK, `{"count":3,"items":[{"z":1,"id":"d1","new":{"b":[]}},{"id":"d1"},{"id":"d2"},{"code":"en"}]}`))
	total := 0
	docs, err := collect(newClient(t, s).List(t.Context(), Listing{Path: "/divisions", Counted: func(n int) { total = n }}))
	if want := []string{`{"z":1,"id":"d1","new":{"b":[]}}`, `{"id":"d2"}`, `{"code":"en"}`}; err != nil || !slices.Equal(texts(docs), want) || total != 3 {
		t.Errorf("%q, %v, total %d", docs, err, total)
	}
	s = newScript(says(http.StatusOK, `{"count":30,"items":[{"id":"1"},{"id":"2"},{"id":"3"}]}`))
	docs, err = collect(newClient(t, s).List(t.Context(), Listing{Path: "/divisions", Max: 2}))
	if err != nil || len(docs) != 2 || s.seen[0].URL.RawQuery != "limit=2" {
		t.Errorf("%q, %v, %s", docs, err, s.seen[0].URL)
	}
	s = newScript(says(http.StatusOK, `{"count":2,"items":[]}`))
	ids := make([]string, 250)
	for i := range ids {
		ids[i] = strings.Repeat("x", i+1)
	}
	n, known, err := newClient(t, s).Count(t.Context(), Listing{Path: "/assets", Any: map[string][]string{"ids": ids, "slugs": {"s"}}, Text: map[string]string{"name": "n"}})
	if err != nil || !known || n != 2*s.count() || s.count() < 3 || !strings.Contains(s.seen[1].URL.RawQuery, "limit=0&name=n&slugs=s") {
		t.Errorf("%d, %v, %v, %d requests", n, known, err, s.count())
	}
	if _, err := newClient(t, s).Document(t.Context(), "divisions", ".."); !IsWrongRequest(err) {
		t.Errorf("a path that leads elsewhere: %v", err)
	}
	s = newScript(says(http.StatusOK, `{"id":"a/b"}`))
	if doc, err := newClient(t, s).Document(t.Context(), "divisions", "a/b"); err != nil || string(doc) != `{"id":"a/b"}` || s.seen[0].URL.EscapedPath() != "/v4/divisions/a%2Fb" {
		t.Errorf("%s, %v", doc, err)
	}
}

func texts(docs []json.RawMessage) (out []string) {
	for _, d := range docs {
		out = append(out, string(d))
	}
	return out
}
