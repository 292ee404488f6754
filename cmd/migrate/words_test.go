package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// TestWordsAreThoseOfTheDocumentation compares what help says with docs/codes.md,
// which another test compares with the words in use.
func TestWordsAreThoseOfTheDocumentation(t *testing.T) {
	page := pages(t)["docs/codes.md"]
	link := regexp.MustCompile(`\[[^\]]*\]\(([^)#]*)[^)]*\)`)
	kinds := map[string]bool{}
	for _, w := range pipeline.Words() {
		if kinds[w.Kind] = true; pipeline.WordKind(w.Kind) == "" {
			t.Errorf("%s is of an unknown kind %q", w.ID, w.Kind)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		_, table, found := strings.Cut(page, "<!-- "+kind+" -->\n")
		table, _, ended := strings.Cut(table, "<!-- end -->")
		if !found || !ended {
			t.Errorf("docs/codes.md has no part %s", kind)
			continue
		}
		rows := strings.Split(strings.TrimSpace(table), "\n")[2:] // without the header
		var want strings.Builder
		for _, row := range rows {
			want.WriteString(link.ReplaceAllString(row, "docs/$1") + "\n")
		}
		var got strings.Builder
		for _, w := range pipeline.Words() {
			if w.Kind == kind {
				got.WriteString("| `" + w.ID + "` | " + w.Meaning + " | " + w.Remedy + " |\n")
			}
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("words of %s and docs/codes.md (-docs +words):\n%s", kind, diff)
		}
	}
}
