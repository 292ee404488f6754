package pipeline

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzCanonText: what is written without encoding/json is what that writes.
func FuzzCanonText(f *testing.F) {
	for _, s := range []string{"", "a", `a "b" \ c`, "<&>", "Größe", "\x00\n", "\x7f", "\xff", "\u2028", "~ !"} {
		f.Add(s, "b")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if got, want := string(canonText(a)), string(canon(a)); a != "" && got != want {
			t.Errorf("%q: %s, want %s", a, got, want)
		}
		l := []string{a, b, a}
		slices.Sort(l)
		if got, want := string(canonSet([]string{b, a, b, a})), string(canon(slices.Compact(l))); got != want {
			t.Errorf("%q: %s, want %s", l, got, want)
		}
		if a != "" && utf8.ValidString(a) {
			// However the service spells it, it is the same.
			spelled, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := canonRemote(text, spelled); !ok || string(got) != string(canon(a)) {
				t.Errorf("%s: %s, %v", spelled, got, ok)
			}
		}
	})
}

func TestCanonicalFormsOfAnswers(t *testing.T) {
	for _, tc := range []struct {
		k    kind
		in   string
		want string // "": unreadable
	}{
		{text, `"a"`, `"a"`}, {text, ` "a" `, `"a"`}, {text, `""`, "null"}, {text, "null", "null"}, {text, `"\u0061"`, `"a"`}, {text, `"\u003c"`, `"<"`}, {text, "7", ""},
		{flag, "true", "true"}, {flag, " true", "true"}, {flag, "false", "false"}, {flag, "null", "false"}, {flag, `"true"`, ""},
		{instant, "null", "null"}, {instant, `"2026-03-10T16:43:25.5+01:00"`, `"2026-03-10T15:43:25.5Z"`}, {instant, `"soon"`, ""}, {instant, "7", ""},
		{refs, "[]", "[]"}, {refs, "null", "[]"}, {refs, `[{"id":"b"},{"id":"a"},{"id":"b"}]`, `["a","b"]`}, {refs, `["a"]`, ""},
		{codes, "[]", "[]"}, {codes, `[{"code":"nl"},{"code":"en"}]`, `["en","nl"]`}, {codes, "{}", ""},
		{words, " [] ", "[]"}, {words, `["pdf","original"]`, `["original","pdf"]`}, {words, "1", ""},
		{pages, "[]", "[]"}, {pages, "null", "[]"}, {pages, `[{"start":1,"end":2}]`, `[{"start":1,"end":2}]`}, {pages, `"x"`, ""},
		{pageInset, "null", "null"}, {pageInset, `{"prepend":[],"append":null}`, "null"}, {pageInset, "[]", ""},
	} {
		got, ok := canonRemote(tc.k, json.RawMessage(tc.in))
		if ok != (tc.want != "") || string(got) != tc.want {
			t.Errorf("%d %s: %s, %v; want %s", tc.k, tc.in, got, ok, tc.want)
		}
	}
	if got := canonInstant(time.Date(2026, 3, 10, 16, 43, 25, 0, time.FixedZone("", 3600))); string(got) != `"2026-03-10T15:43:25Z"` {
		t.Errorf("instant: %s", got)
	}
}
