package view

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestLinesAreFoldedAtSpaces(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"short", "  one two\n\n", "  one two\n\n"},
		{"exactly", strings.Repeat("x", 40) + "\n", strings.Repeat("x", 40) + "\n"},
		{"exactly, and a space", strings.Repeat("x", 40) + " \n", strings.Repeat("x", 40) + " \n"},
		{"words", "nothing was written, and nothing will be, before you say so\n", "nothing was written, and nothing will\n    be, before you say so\n"},
		{"a row, at the gap between its parts", "  SP-1  Company overview.pptx  from a b  200 kB\n", "  SP-1  Company overview.pptx  from a b\n      200 kB\n"},
		{"no gap far enough", "  A  a very long sentence of many words that goes on\n", "  A  a very long sentence of many words\n      that goes on\n"},
		{"no space", strings.Repeat("x", 100) + "\n", strings.Repeat("x", 100) + "\n"},
		{"no space behind the indent", "          " + strings.Repeat("x", 100) + "\n", "          " + strings.Repeat("x", 100) + "\n"},
		{"wide letters", strings.Repeat("日本 ", 9) + "\n", strings.TrimSuffix(strings.Repeat("日本 ", 8), " ") + "\n    日本 \n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			w := Fold(&b, 40)
			for part := range strings.SplitAfterSeq(c.in, " ") { // lines come in pieces
				if _, err := io.WriteString(w, part); err != nil {
					t.Fatal(err)
				}
			}
			if b.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), c.want)
			}
		})
	}
	var b strings.Builder
	if w := Fold(&b, 0); w != io.Writer(&b) {
		t.Error("folded without a screen")
	}
}

func FuzzFoldLosesNothing(f *testing.F) {
	f.Add("  SP-1  Company overview.pptx  from a b  200 kB", 40)
	f.Add(strings.Repeat("日本語 \xff", 40), 41)
	f.Fuzz(func(t *testing.T, line string, columns int) {
		if strings.Contains(line, "\n") || columns > 500 {
			return
		}
		var b strings.Builder
		if _, err := fmt.Fprintln(Fold(&b, columns), line); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(strings.Fields(b.String()), " "), strings.Join(strings.Fields(line), " "); got != want && columns >= leastFold {
			t.Errorf("%q became %q", want, got)
		}
	})
}
