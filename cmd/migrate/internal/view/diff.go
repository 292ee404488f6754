package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	diffContext = 1  // unchanged lines around a change
	diffAhead   = 50 // how many lines may have come or gone at one place
)

// Diff writes what is different between two texts of one file, as diff -u does,
// for a few changes in lines that stay in order. Tabs are shown as blanks.
func Diff(w io.Writer, name string, before, after []byte) error {
	a, b := textLines(before), textLines(after)
	out := &printer{w: w}
	type step struct {
		sign byte // ' ', '-' or '+'
		text string
		a, b int // lines before it
	}
	var steps []step
	for i, j := 0, 0; i < len(a) || j < len(b); {
		da, db := next(a[i:], b[j:])
		for k := range da {
			steps = append(steps, step{'-', a[i+k], i + k, j})
		}
		i += da
		for k := range db {
			steps = append(steps, step{'+', b[j+k], i, j + k})
		}
		j += db
		for i < len(a) && j < len(b) && a[i] == b[j] {
			steps = append(steps, step{' ', a[i], i, j})
			i, j = i+1, j+1
		}
	}
	for n := 0; n < len(steps); n++ { // what goes stands before what comes
		from := n
		for n < len(steps) && steps[n].sign != ' ' {
			n++
		}
		slices.SortStableFunc(steps[from:n], func(a, b step) int { return int(b.sign) - int(a.sign) })
	}
	changed := func(n int) bool { return n >= 0 && n < len(steps) && steps[n].sign != ' ' }
	near := func(n int) bool {
		for k := n - diffContext; k <= n+diffContext; k++ {
			if changed(k) {
				return true
			}
		}
		return false
	}
	for n := 0; n < len(steps); n++ {
		if !near(n) {
			continue
		}
		if n == 0 || !near(n-1) {
			if name != "" {
				out.line("--- %s", Clean(name))
				out.line("+++ %s", Clean(name))
				name = ""
			}
			na, nb := 0, 0
			for k := n; k < len(steps) && near(k); k++ {
				if steps[k].sign != '+' {
					na++
				}
				if steps[k].sign != '-' {
					nb++
				}
			}
			out.line("@@ -%s +%s @@", span(steps[n].a, na), span(steps[n].b, nb))
		}
		out.line("%c%s", steps[n].sign, Clean(strings.ReplaceAll(steps[n].text, "\t", "    ")))
	}
	return out.err
}

// span is a part of a file as diff -u has it: its first line, and how many.
func span(before, n int) string {
	if n == 0 {
		return fmt.Sprintf("%d,0", before)
	}
	return fmt.Sprintf("%d,%d", before+1, n)
}

// next is how many lines of a have gone and of b have come until both agree.
func next(a, b []string) (gone, come int) {
	if len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		return 0, 0
	}
	for sum := 1; sum <= 2*diffAhead; sum++ {
		for gone = max(0, sum-len(b)); gone <= min(sum, len(a)); gone++ {
			come = sum - gone
			if gone == len(a) && come == len(b) || gone < len(a) && come < len(b) && a[gone] == b[come] && strings.TrimSpace(a[gone]) != "" {
				return gone, come
			}
		}
	}
	return min(1, len(a)), min(1, len(b))
}

// textLines are the lines of a text without their ends.
func textLines(text []byte) []string {
	var all []string
	for line := range strings.Lines(string(text)) {
		all = append(all, strings.TrimRight(line, "\r\n"))
	}
	return all
}
