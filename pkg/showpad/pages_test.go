package showpad

import (
	"errors"
	"net/http"
	"slices"
	"testing"
)

func TestPagesOfAnyList(t *testing.T) {
	row := func(rows string, count string) func(*http.Request) (*http.Response, error) {
		return says(http.StatusOK, `{"meta":{"code":200},"response":{"count":`+count+`,"items":[`+rows+`]},"count":`+count+`,"items":[`+rows+`]}`)
	}
	for _, c := range []struct {
		name, path string
		steps      []func(*http.Request) (*http.Response, error)
		want       []string // documents
		queries    []string
	}{
		{"v4, by offset, each once", "/tags?name=x", []func(*http.Request) (*http.Response, error){row(`{"id":"1"},{"id":"2"}`, "3"), row(`{"id":"2"},{"id":"3"}`, "3")},
			[]string{`{"id":"1"}`, `{"id":"2"}`, `{"id":"3"}`}, []string{"limit=1000&name=x", "limit=1000&name=x&offset=2"}},
		{"a page of one's own size", "/tags?limit=1", []func(*http.Request) (*http.Response, error){row(`{"id":"1"}`, "2"), row(`{"id":"2"}`, "2")},
			[]string{`{"id":"1"}`, `{"id":"2"}`}, []string{"limit=1", "limit=1&offset=1"}},
		{"without a count, until nothing new comes", "/api/v3/tickets.json", []func(*http.Request) (*http.Response, error){row(`{"id":"1"}`, "null"), row(`{"id":"1"}`, "null")},
			[]string{`{"id":"1"}`}, []string{"limit=1000", "limit=1000&offset=1"}},
		{"an export, whose rows have no id", "/api/v3/exports/asset-tags.json", []func(*http.Request) (*http.Response, error){row(`{"assetId":"1","tagId":"2"},{"assetId":"1","tagId":"3"}`, "2")},
			[]string{`{"assetId":"1","tagId":"2"}`, `{"assetId":"1","tagId":"3"}`}, []string{"limit=20000"}},
		{"what comes whole", "/languages", []func(*http.Request) (*http.Response, error){row(`{"code":"en"}`, "9")}, []string{`{"code":"en"}`}, []string{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(c.steps...)
			docs, err := collect(newClient(t, s).Pages(t.Context(), RawCall{Method: "GET", Path: c.path}))
			var queries []string
			for _, r := range s.seen {
				queries = append(queries, r.URL.RawQuery)
			}
			if err != nil || !slices.Equal(texts(docs), c.want) || !slices.Equal(queries, c.queries) {
				t.Errorf("%q, %v, queries %q", docs, err, queries)
			}
		})
	}
}

func TestWhatHasNoPages(t *testing.T) {
	for _, body := range []string{`{"id":"a1"}`, `[]`, `{"items":null}`, ``} {
		if _, err := collect(newClient(t, newScript(says(http.StatusOK, body))).Pages(t.Context(), RawCall{Method: "GET", Path: "/assets/a1"})); !errors.Is(err, ErrNoList) {
			t.Errorf("%s: %v", body, err)
		}
	}
	s := newScript(says(http.StatusOK, "{}"))
	for _, r := range []RawCall{
		{Method: "POST", Path: "/tags"}, {Method: "DELETE", Path: "/tags"}, {Method: "GET", Path: "/tags?offset=1"}, {Method: "GET", Path: "/tags?limit=0"},
		{Method: "GET", Path: "https://evil.example.com/v4/tags"}, {Method: "POST", Path: "/assets/query"},
		{Method: "POST", Path: "/assets/query", Body: []byte(`{"query":"q","cursor":"c"}`)}, {Method: "POST", Path: "/assets/query", Body: []byte(`{"query":1}`)},
	} {
		if _, err := collect(newClient(t, s).Pages(t.Context(), r)); !IsWrongRequest(err) || s.count() != 0 {
			t.Errorf("%+v: %v, %d requests", r, err, s.count())
		}
	}
}
