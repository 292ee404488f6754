package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWordsAreThoseOfTheDocumentation compares what help says with docs/codes.md,
// which another test compares with the words in use.
func TestWordsAreThoseOfTheDocumentation(t *testing.T) {
	page := pages(t)["docs/codes.md"]
	link := regexp.MustCompile(`\[[^\]]*\]\(([^)#]*)[^)]*\)`)
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
		for _, w := range words {
			if w.kind == kind {
				got.WriteString("| `" + w.id + "` | " + w.meaning + " | " + w.remedy + " |\n")
			}
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("words of %s and docs/codes.md (-docs +words):\n%s", kind, diff)
		}
	}
	for _, w := range words {
		if kinds[w.kind] == "" {
			t.Errorf("%s is of an unknown kind %q", w.id, w.kind)
		}
	}
}
