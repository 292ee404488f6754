package view

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	const head = "--- m.yaml\n+++ m.yaml\n"
	for name, c := range map[string]struct{ before, after, want string }{
		"nothing":        {"a\nb\n", "a\nb\n", ""},
		"a line":         {"a\nb\nc\nd\n", "a\nB\nc\nd\n", head + "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		"the first":      {"a\nb\nc\n", "A\nb\nc\n", head + "@@ -1,2 +1,2 @@\n-a\n+A\n b\n"},
		"two in a row":   {"a\nb\nc\n", "a\nB\nC\n", head + "@@ -1,3 +1,3 @@\n a\n-b\n-c\n+B\n+C\n"},
		"gone":           {"a\nb\nc\n", "a\nc\n", head + "@@ -1,3 +1,2 @@\n a\n-b\n c\n"},
		"come, no end":   {"a", "a\nb", head + "@@ -1,1 +1,2 @@\n a\n+b\n"},
		"to nothing":     {"a\n", "", head + "@@ -1,1 +0,0 @@\n-a\n"},
		"far apart":      {"a\n1\n2\n3\n4\nb\n", "A\n1\n2\n3\n4\nB\n", head + "@@ -1,2 +1,2 @@\n-a\n+A\n 1\n@@ -5,2 +5,2 @@\n 4\n-b\n+B\n"},
		"line ends, ESC": {"a\r\nb\x1b[31m\r\n", "a\r\n\tb\r\n", head + "@@ -1,2 +1,2 @@\n a\n-b\n+    b\n"},
		"all of many":    {strings.Repeat("\ta\n", 200), strings.Repeat("  a\n", 200), head + "@@ -1,200 +1,200 @@\n" + strings.Repeat("-    a\n", 200) + strings.Repeat("+  a\n", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := Diff(&b, "m.yaml", []byte(c.before), []byte(c.after)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
