package manifest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// read is the header and the items of a manifest, with all problems as lines
// without the file's name. What is refused until its work is done is none of
// them: see TestLater.
func read(t testing.TB, text string) (*Manifest, []Parsed, []string) {
	t.Helper()
	m, items, ps := readAll(t, text)
	return m, items, lines(withoutLater(ps))
}

func withoutLater(ps []Problem) []Problem {
	return slices.DeleteFunc(ps, func(p Problem) bool { return p.Code == CodeNotYet })
}

func readAll(t testing.TB, text string) (*Manifest, []Parsed, []Problem) {
	t.Helper()
	m, ps, err := ReadHeader(strings.NewReader(text), "m.yaml")
	if err != nil {
		return nil, nil, asProblems(t, err)
	}
	var items []Parsed
	b := NewBuilder(m, Options{Now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
	for p, err := range b.YAML(context.Background(), strings.NewReader(text)) {
		if err != nil {
			ps = append(ps, asProblems(t, err)...)
			break
		}
		items = append(items, p)
		ps = append(ps, p.Problems...)
	}
	return m, items, ps
}

func asProblems(t testing.TB, err error) Problems {
	t.Helper()
	ps, ok := err.(Problems)
	if !ok || len(ps) == 0 {
		t.Fatalf("error is %T, not Problems: %v", err, err)
	}
	return ps
}

func lines(ps []Problem) []string {
	var out []string
	for _, p := range ps {
		s := strings.TrimPrefix(p.String(), "m.yaml:")
		if p.Class != Stop {
			s = p.Class.String() + " " + s
		}
		out = append(out, strings.ReplaceAll(s, "m.yaml:", ""))
	}
	return out
}

// item is the only item of a manifest whose item has these lines, without
// their indentation of four.
func item(t testing.TB, header, body string) (Parsed, []string) {
	t.Helper()
	_, items, ps := read(t, "version: 1\ndivision: D\n"+header+"---\n"+body)
	if len(items) != 1 {
		t.Fatalf("%d items, want 1; problems: %q", len(items), ps)
	}
	return items[0], ps
}

func newCanceller(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
