package manifest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxRounds is how often Fix begins anew: what is repaired shows what else is wrong.
const maxRounds = 10

// Fix puts right what is surely a slip in the manifest src, whose path is that of
// positions: misspelt keys and words, true and false written otherwise, dates of
// one possible meaning in another form, white space around an external ID, codes
// in the wrong case, a tag that stands twice, a single value in place of a list,
// values that YAML wants quoted, tabs.
//
// Only what is repaired changes; comments, order and line ends stay. Tables and
// maps are not touched. What is repaired may show problems that could not be seen
// before. The error is the context's.
func Fix(ctx context.Context, src []byte, path string) (fixed []byte, repairs []Repair, err error) {
	f := &fixer{ctx: ctx, path: path, src: src}
	f.syntax()
	for range maxRounds {
		next, made := f.apply(f.read())
		if ctx.Err() != nil || len(made) == 0 {
			break
		}
		was := f.src
		_, before := f.broken()
		f.src = next
		if _, after := f.broken(); after && !before { // rather nothing than that
			f.src = was
			break
		}
		f.made = append(f.made, made...)
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	return f.src, f.made, nil
}

type fixer struct {
	ctx  context.Context
	path string
	src  []byte
	made []Repair
}

// read reads the manifest and tells what can be repaired.
func (f *fixer) read() (found []Repair) {
	note := func(r Repair) { found = append(found, r) }
	m, _, err := readHeader(bytes.NewReader(f.src), f.path, note)
	if err != nil {
		return nil
	}
	b := NewBuilder(m, Options{})
	b.repairs = note
	for range b.YAML(f.ctx, bytes.NewReader(f.src)) { // for its repairs
	}
	return slices.DeleteFunc(found, func(r Repair) bool {
		return r.kind == repairLanguage && m.Maps.Languages.Pos != (Pos{}) || r.kind == repairCountry && m.Maps.Countries.Pos != (Pos{})
	})
}

// place is a node that something is repaired at.
type place struct {
	node, parent *yaml.Node
	flow         bool // the parent is written in brackets
}

// places finds the scalars at which repairs are to be made.
func (f *fixer) places(wanted []Repair) map[[2]int]place {
	at := map[[2]int]place{}
	for _, r := range wanted {
		at[[2]int{r.Pos.Line, r.Pos.Column}] = place{}
	}
	docs := newDocuments(bytes.NewReader(f.src), f.path)
	for f.ctx.Err() == nil {
		root, err := docs.next()
		if err != nil {
			break // io.EOF, or what the first reading ended with
		}
		var walk func(n *yaml.Node, depth int)
		walk = func(n *yaml.Node, depth int) {
			for _, c := range n.Content {
				key := [2]int{c.Line, c.Column}
				if p, ok := at[key]; ok && p.node == nil && c.Kind == yaml.ScalarNode {
					at[key] = place{c, n, n.Style&yaml.FlowStyle != 0}
				}
				if depth < maxDepth {
					walk(c, depth+1)
				}
			}
		}
		walk(root, 0)
	}
	return at
}

// change is a part of the text and what takes its place.
type change struct {
	from, to int
	text     string
	repair   Repair
}

// apply makes the repairs that the text allows.
func (f *fixer) apply(found []Repair) (next []byte, made []Repair) {
	if len(found) == 0 {
		return f.src, nil
	}
	at := f.places(found)
	lines := newLineIndex(f.src)
	var changes []change
	keys := map[*yaml.Node][]string{} // that repairs made, by mapping
	for _, r := range found {
		p := at[[2]int{r.Pos.Line, r.Pos.Column}]
		if p.node == nil {
			continue
		}
		from, ok := lines.offset(f.src, r.Pos)
		if !ok {
			continue
		}
		to, ok := scalarEnd(f.src, from, p.node)
		if !ok {
			continue
		}
		if r.kind == repairKey {
			if slices.Contains(keys[p.parent], r.text) {
				continue // it would stand twice
			}
			keys[p.parent] = append(keys[p.parent], r.text)
		}
		if c, ok := f.change(r, p, from, to); ok {
			changes = append(changes, c)
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.from - b.from })
	var out bytes.Buffer
	end := 0
	for _, c := range changes {
		if c.from < end {
			continue // of the next round
		}
		out.Write(f.src[end:c.from])
		out.WriteString(c.text)
		end = c.to
		made = append(made, c.repair)
	}
	out.Write(f.src[end:])
	return out.Bytes(), made
}

// change is what a repair does to the scalar in from:to.
func (f *fixer) change(r Repair, p place, from, to int) (change, bool) {
	raw := string(f.src[from:to])
	c := change{from, to, "", r}
	switch r.kind {
	case repairKey:
		for i := 0; i < len(p.parent.Content); i += 2 {
			if p.parent.Content[i].Value == r.text {
				return c, false // it would stand twice
			}
		}
		c.text = requote(raw, r.text)
	case repairText, repairLanguage, repairCountry:
		c.text = requote(raw, r.text)
	case repairPlain:
		c.text = r.text
	case repairList:
		if p.flow && strings.ContainsAny(raw, "[]{},") && !strings.HasPrefix(raw, `"`) && !strings.HasPrefix(raw, "'") {
			return c, false
		}
		if p.node.Style == 0 && !plainText.MatchString(raw) { // in brackets more has a meaning, such as a ?
			raw = "'" + strings.ReplaceAll(raw, "'", "''") + "'"
		}
		c.text = "[" + raw + "]"
	case repairDrop:
		var ok bool
		if c.from, c.to, ok = f.entry(p, from, to); !ok {
			return c, false
		}
	}
	return c, c.text != "" || r.kind == repairDrop
}

// entry is the part of the text that an entry of a list takes, with its dash and
// line or its comma.
func (f *fixer) entry(p place, from, to int) (int, int, bool) {
	if p.parent.Kind != yaml.SequenceNode || len(p.parent.Content) < 2 {
		return 0, 0, false
	}
	if !p.flow {
		start := bytes.LastIndexByte(f.src[:from], '\n') + 1
		end := bytes.IndexByte(f.src[to:], '\n')
		if end < 0 || strings.TrimSpace(string(f.src[start:from])) != "-" || len(bytes.TrimSpace(f.src[to:to+end])) > 0 {
			return 0, 0, false // it ends the file, shares its line, or has a comment
		}
		return start, to + end + 1, true
	}
	blank := func(b byte) bool { return b == ' ' || b == '\t' }
	start := from
	for start > 0 && blank(f.src[start-1]) {
		start--
	}
	if start > 0 && f.src[start-1] == ',' {
		return start - 1, to, true
	}
	return 0, 0, false // the first one is never a second one
}

// scalarEnd is the end of the scalar n, which begins at from; false if it goes over
// several lines, or is not what n says.
func scalarEnd(src []byte, from int, n *yaml.Node) (int, bool) {
	rest := src[from:]
	switch n.Style {
	case 0:
		return from + len(n.Value), n.Value != "" && !strings.Contains(n.Value, "\n") && bytes.HasPrefix(rest, []byte(n.Value))
	case yaml.SingleQuotedStyle:
		raw := "'" + strings.ReplaceAll(n.Value, "'", "''") + "'"
		return from + len(raw), bytes.HasPrefix(rest, []byte(raw))
	case yaml.DoubleQuotedStyle: // without escapes
		raw := `"` + n.Value + `"`
		return from + len(raw), !strings.ContainsAny(n.Value, "\"\\\n") && bytes.HasPrefix(rest, []byte(raw))
	}
	return 0, false
}

// requote writes text in the quotes that raw has; "" if it needs others.
func requote(raw, text string) string {
	switch {
	case strings.HasPrefix(raw, "'"):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	case strings.HasPrefix(raw, `"`):
		if strings.ContainsAny(text, `"\`) {
			return ""
		}
		return `"` + text + `"`
	case plainText.MatchString(text):
		return text
	}
	return ""
}

// plainText is what needs no quotes anywhere.
var plainText = regexp.MustCompile(`^[\pL\pN]([\pL\pN ._/+@:-]*[\pL\pN])?$`)

// lineIndex are the starts of the lines of a text.
type lineIndex []int

func newLineIndex(src []byte) lineIndex {
	starts := lineIndex{0}
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		starts[0] = 3 // the byte order mark is no part of the line
	}
	for at := range src {
		if n := lineBreak(src[at:]); n > 0 && (at == 0 || src[at-1] != '\r' || src[at] != '\n') {
			starts = append(starts, at+n)
		}
	}
	return starts
}

// lineBreak is how many bytes the end of a line takes with which s begins; 0 for
// none. Source: YAML 1.1, 5.4, which yaml.v3 follows.
func lineBreak(s []byte) int {
	for _, b := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if len(s) >= len(b) && string(s[:len(b)]) == b {
			return len(b)
		}
	}
	return 0
}

// offset is where a position is in src.
func (l lineIndex) offset(src []byte, pos Pos) (int, bool) {
	if pos.Line < 1 || pos.Line > len(l) || pos.Column < 1 {
		return 0, false
	}
	at := l[pos.Line-1]
	for range pos.Column - 1 {
		if at >= len(src) || lineBreak(src[at:]) > 0 {
			return 0, false
		}
		_, n := utf8.DecodeRune(src[at:])
		at += n
	}
	return at, at < len(src)
}

// syntax repairs what keeps the text from being YAML, as far as it can.
func (f *fixer) syntax() {
	last := 0
	for f.ctx.Err() == nil {
		p, ok := f.broken()
		if !ok || p.Pos.Line < last {
			return
		}
		lines := newLineIndex(f.src)
		if p.Pos.Line > len(lines) {
			return
		}
		from := lines[p.Pos.Line-1]
		to := from
		for to < len(f.src) && lineBreak(f.src[to:]) == 0 {
			to++
		}
		text, what := mended(string(f.src[from:to]), p)
		var next []byte
		if what == "" {
			if next, what = untabbed(f.src); what == "" {
				return
			}
		} else {
			next = slices.Concat(f.src[:from], []byte(text), f.src[to:])
		}
		was := f.src
		f.src = next
		if q, still := f.broken(); still && q.Pos.Line <= p.Pos.Line { // it did not help
			f.src = was
			return
		}
		last = p.Pos.Line
		f.made = append(f.made, Repair{Pos: p.Pos, What: what})
	}
}

// broken is the first problem of syntax.
func (f *fixer) broken() (Problem, bool) {
	docs := newDocuments(bytes.NewReader(f.src), f.path)
	for f.ctx.Err() == nil {
		_, err := docs.next()
		if err == nil {
			continue
		}
		ps, ok := errors.AsType[Problems](err)
		if !ok || errors.Is(err, io.EOF) || ps[0].Code != CodeSyntax || ps[0].Pos.Line == 0 {
			return Problem{}, false
		}
		return ps[0], true
	}
	return Problem{}, false
}

var (
	keyLine    = regexp.MustCompile(`^(\s*(?:- +)?)([A-Za-z]+):( +)([^\s"'\[\]{}#&*!|>%@` + "`" + `].*?)(\s*)$`)
	quotedPath = regexp.MustCompile(`"(?:[^"\\]|\\[^"\\])*\\[^"\\](?:[^"\\]|\\[^"\\])*"`)
)

// mended is a line that YAML takes, and what was done to it; "" for nothing.
func mended(line string, p Problem) (text, what string) {
	// description: Note: read this
	if m := keyLine.FindStringSubmatch(line); m != nil && strings.Contains(m[4], ": ") && !strings.Contains(m[4], " #") &&
		(slices.Contains(itemKeys, m[2]) || slices.Contains(itemFieldKeys, m[2]) || isHeaderKey(m[2])) {
		return m[1] + m[2] + ":" + m[3] + "'" + strings.ReplaceAll(m[4], "'", "''") + "'" + m[5], "the value is quoted, because it holds \": \""
	}
	// file: "decks\q3.pptx"
	if strings.Contains(p.What, "escape") {
		if all := quotedPath.FindAllStringIndex(line, -1); len(all) == 1 && strings.Count(line, `"`) == 2 && !strings.Contains(line, "'") {
			at := all[0]
			return line[:at[0]] + "'" + line[at[0]+1:at[1]-1] + "'" + line[at[1]:], "single quotes, in which a backslash is one"
		}
	}
	return "", ""
}

// untabbed is the text with two blanks for each tab that indents a line, if all
// of its lines are indented with tabs only.
func untabbed(src []byte) (next []byte, what string) {
	var out bytes.Buffer
	for line := range bytes.Lines(src) {
		body := bytes.TrimLeft(line, "\t")
		if bytes.HasPrefix(body, []byte(" ")) && len(bytes.TrimSpace(body)) > 0 {
			return nil, ""
		}
		if n := len(line) - len(body); n > 0 {
			what = "two blanks for each tab that indents a line"
			out.Write(bytes.Repeat([]byte("  "), n))
		}
		out.Write(body)
	}
	return out.Bytes(), what
}
