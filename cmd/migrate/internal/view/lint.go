package view

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// keptProblems is how many problems are kept for sorting; the rest is counted.
const keptProblems = 20_000

// Problems collects problems and shows them in the order of their places. The
// zero value is ready; Add may be called concurrently.
type Problems struct {
	mu    sync.Mutex
	files map[string]int // in the order of their first problem
	kept  []manifest.Problem
	stop  int
	block int
	warn  int
}

// Add adds a problem.
func (ps *Problems) Add(p manifest.Problem) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.files == nil {
		ps.files = map[string]int{}
	}
	if _, ok := ps.files[p.Pos.File]; !ok {
		ps.files[p.Pos.File] = len(ps.files)
	}
	switch p.Class {
	case manifest.Stop:
		ps.stop++
	case manifest.Block:
		ps.block++
	default:
		ps.warn++
	}
	if len(ps.kept) < keptProblems {
		ps.kept = append(ps.kept, p)
	}
}

// Counts are the problems of each class.
func (ps *Problems) Counts() (stop, block, warn int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.stop, ps.block, ps.warn
}

// sorted are the kept problems: by file, line and column, each once.
func (ps *Problems) sorted() (kept []manifest.Problem, rest int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	kept = slices.Clone(ps.kept)
	slices.SortStableFunc(kept, func(a, b manifest.Problem) int {
		if d := ps.files[a.Pos.File] - ps.files[b.Pos.File]; d != 0 {
			return d
		}
		if d := a.Pos.Line - b.Pos.Line; d != 0 {
			return d
		}
		if d := a.Pos.Column - b.Pos.Column; d != 0 {
			return d
		}
		return strings.Compare(a.Code, b.Code)
	})
	return kept, ps.stop + ps.block + ps.warn - len(kept)
}

// someAlike is how many problems of a file that say the same are shown; the
// rest is counted. JSON has all of them.
const someAlike = 10

// likeness is what makes two problems say the same.
type likeness struct{ file, code, what string }

func likenessOf(p manifest.Problem) likeness { return likeness{p.Pos.File, p.Code, p.What} }

// Lines writes one line for each problem of the classes asked for (none: all).
// A file's problems that say the same at many places are shown a few times.
func (ps *Problems) Lines(w io.Writer, classes ...manifest.Class) error {
	out := &printer{w: w}
	kept, rest := ps.sorted()
	alike, shown := map[likeness]int{}, map[likeness]int{}
	for _, p := range kept {
		alike[likenessOf(p)]++
	}
	for _, p := range kept {
		if len(classes) > 0 && !slices.Contains(classes, p.Class) {
			continue
		}
		like := likenessOf(p)
		shown[like]++
		switch n := shown[like]; {
		case n <= someAlike:
			out.line("%s%s", Clean(p.String()), suffix(p.Class))
		case n == alike[like]:
			out.line("%s: %s: ... and %s like it, up to line %d%s", Clean(p.Pos.File), p.Code, Plural(n-someAlike, "more", "more"), p.Pos.Line, suffix(p.Class))
		}
	}
	if rest > 0 {
		out.line("... and %s", Plural(rest, "more problem", "more problems"))
	}
	return out.err
}

func suffix(c manifest.Class) string {
	switch c {
	case manifest.Stop:
		return ""
	case manifest.Block:
		return " [blocks this item]"
	default:
		return " [warning]"
	}
}

// Lint is the outcome of a lint.
type Lint struct {
	Manifest string
	Items    int
	Offline  bool // the service was not asked
	Unmapped manifest.Unmapped
}

// Text writes the problems and a line of totals.
func (l Lint) Text(w io.Writer, ps *Problems) error {
	if err := ps.Lines(w); err != nil {
		return err
	}
	stop, block, warn := ps.Counts()
	out := &printer{w: w}
	unmapped(out, l.Unmapped, someUnmapped)
	if stop+block+warn == 0 {
		out.line("%s: %s, no problems%s", Clean(l.Manifest), Plural(l.Items, "item", "items"), l.scope())
		return out.err
	}
	out.line("%s: %s, %s%s", Clean(l.Manifest), Plural(l.Items, "item", "items"), list(
		some(stop, "error", "errors"), some(block, "blocked item", "blocked items"), some(warn, "warning", "warnings")), l.scope())
	return out.err
}

func (l Lint) scope() string {
	return either(l.Offline, " (offline: the service was not asked)", "")
}

func some(n int, one, many string) string {
	if n == 0 {
		return ""
	}
	return Plural(n, one, many)
}

// JSON writes one document.
func (l Lint) JSON(w io.Writer, ps *Problems) error {
	kept, rest := ps.sorted()
	if kept == nil {
		kept = []manifest.Problem{}
	}
	stop, block, warn := ps.Counts()
	return WriteJSON(w, struct {
		Version  int                `json:"version"`
		Type     string             `json:"type"`
		Manifest string             `json:"manifest"`
		Items    int                `json:"items"`
		Offline  bool               `json:"offline"`
		Stop     int                `json:"stop"`
		Block    int                `json:"block"`
		Warn     int                `json:"warn"`
		Problems []manifest.Problem `json:"problems"`
		More     int                `json:"more,omitempty"` // problems beyond those listed
		Unmapped manifest.Unmapped  `json:"unmapped,omitzero"`
	}{1, "lint", l.Manifest, l.Items, l.Offline, stop, block, warn, kept, rest, l.Unmapped})
}

// WriteJSON writes v on one line, without the escaping that HTML needs.
func WriteJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
