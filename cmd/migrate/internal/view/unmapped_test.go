package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestUnmappedValuesAreListedOnce(t *testing.T) {
	u := manifest.Unmapped{More: map[string]int{"tags": 7}}
	for i := range someUnmapped + 2 {
		u.Values = append(u.Values, manifest.UnmappedValue{Map: "people", Value: fmt.Sprintf("P%d\x1b[2J", i), Count: i + 1, Pos: manifest.Pos{File: "t.csv", Line: 2}})
	}
	u.Values = append(u.Values, manifest.UnmappedValue{Map: "tags", Value: "Old", Count: 1, Pos: manifest.Pos{File: "t.csv", Line: 3, Column: 1}})
	var lint strings.Builder
	if err := (Lint{Manifest: "m.yaml", Items: 1, Unmapped: u}).Text(&lint, &Problems{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(lint.String(), "\n")
	for i, want := range map[int]string{
		0:  "Not in the map of people: 22 values",
		1:  `  "P0\x1b[2J", on 1 item, first at t.csv:2`,
		20: `  "P19\x1b[2J", on 20 items, first at t.csv:2`,
		21: "  ... and 2 more",
		22: "Not in the map of tags: at least 1 value, used as it stands",
		23: `  "Old", on 1 item, first at t.csv:3:1`,
		24: "m.yaml: 1 item, no problems",
	} {
		if lines[i] != want {
			t.Errorf("line %d is %q, want %q", i+1, lines[i], want)
		}
	}
	p, s := somePlan(t, 1)
	p.Unmapped = u
	for range someTags + 1 {
		s.TagTwins = append(s.TagTwins, manifest.Problem{Code: "M124", What: "alike"})
	}
	for full, want := range map[bool]int{false: someUnmapped + 1 + someTags, true: someUnmapped + 3 + someTags + 1} {
		var b strings.Builder
		if err := p.Text(&b, s, full); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "first at t.csv") + strings.Count(b.String(), "M124: alike"); n != want {
			t.Errorf("full %v: %d values and twins, want %d\n%s", full, n, want, b.String())
		}
	}
}
