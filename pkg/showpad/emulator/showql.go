package emulator

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ShowQL as far as it is confirmed: texts in double quotes, whole numbers, true, false,
// dates relative to now (-1w, 0d), the comparisons = != ~ < <= > >= and IN, IS EMPTY
// and IS NOT EMPTY, AND before OR, parentheses, and one ORDER BY at the end, keywords
// in capitals. Everything else is an error with its position, counted in characters
// from 1. Source: v4 postAssetsQuery; what it leaves open (!=, <=, IN, ASC, which
// operators a field takes, where positions begin) is ASSUME.

// showql is a query that has been read.
type showql struct {
	keep  func(a *asset, now time.Time) bool
	order func(a, b *asset) int // nil: by creation
}

// syntaxError is what is wrong with a query and where.
type syntaxError struct {
	at   int // characters, from 1
	what string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("Syntax error at character %d: %s", e.at, e.what)
}

// fieldKind is what a field holds, which decides about its operators.
type fieldKind int

const (
	fieldText fieldKind = iota
	fieldNumber
	fieldBool
	fieldDate
	fieldSet // several values; a comparison is about any of them
	fieldID
)

// field is a name that queries may use.
type field struct {
	kind fieldKind
	text func(a *asset) []string // values of texts, sets and ids; none: empty
	num  func(a *asset) int64
	bool func(a *asset) bool
	date func(a *asset) *time.Time
}

var showqlFields = map[string]field{
	"name":             {kind: fieldText, text: func(a *asset) []string { return []string{a.Name} }},
	"type":             {kind: fieldText, text: func(a *asset) []string { return []string{typeOf(a.Name)} }},
	"createdAt":        {kind: fieldDate, date: func(a *asset) *time.Time { return &a.Created }},
	"updatedAt":        {kind: fieldDate, date: func(a *asset) *time.Time { return &a.Updated }},
	"archivedAt":       {kind: fieldDate, date: func(a *asset) *time.Time { return a.archivedAt() }},
	"expiresAt":        {kind: fieldDate, date: func(a *asset) *time.Time { return a.Expires }},
	"views":            {kind: fieldNumber, num: func(*asset) int64 { return 0 }}, // nobody looks at anything here
	"likes":            {kind: fieldNumber, num: func(*asset) int64 { return 0 }},
	"languages":        {kind: fieldSet, text: func(a *asset) []string { return a.Languages }},
	"countries":        {kind: fieldSet, text: func(a *asset) []string { return a.Countries }},
	"tags":             {kind: fieldSet, text: func(a *asset) []string { return a.Tags }},
	"division":         {kind: fieldID, text: func(a *asset) []string { return []string{a.Division} }},
	"isShareable":      {kind: fieldBool, bool: func(a *asset) bool { return a.Shareable }},
	"isDivisionShared": {kind: fieldBool, bool: func(a *asset) bool { return a.DivShared }},
}

// archivedAt is since when the asset is archived; nil: it is not.
func (a *asset) archivedAt() *time.Time {
	if !a.Archived {
		return nil
	}
	if a.ArchivedAt == nil {
		return &a.Updated
	}
	return a.ArchivedAt
}

// operators are the comparisons that a kind of field takes.
var operators = map[fieldKind][]string{
	fieldText:   {"=", "!=", "~", "IN"},
	fieldNumber: {"=", "!=", "<", "<=", ">", ">=", "IN"},
	fieldBool:   {"=", "!="},
	fieldDate:   {"=", "!=", "<", "<=", ">", ">="},
	fieldSet:    {"=", "!=", "~", "IN"},
	fieldID:     {"=", "!=", "IN"},
}

// token is a word of a query.
type showqlToken struct {
	kind byte // t text, n number, d date, w word, o operator, ( ) , and 0 the end
	text string
	at   int
}

var (
	showqlDate   = regexp.MustCompile(`^-?\d+[wd]$`)
	showqlNumber = regexp.MustCompile(`^-?\d+$`)
)

// tokens cuts a query into its words; the last one is the end.
func tokens(query string) ([]showqlToken, *syntaxError) {
	var out []showqlToken
	runes := []rune(query)
	for i := 0; i < len(runes); {
		r, start := runes[i], i
		switch {
		case unicode.IsSpace(r):
			i++
		case r == '"':
			for i++; i < len(runes) && runes[i] != '"'; i++ {
			}
			if i == len(runes) {
				return nil, &syntaxError{start + 1, "this text has no end"}
			}
			i++
			out = append(out, showqlToken{'t', string(runes[start+1 : i-1]), start + 1})
		case strings.ContainsRune("(),", r):
			i++
			out = append(out, showqlToken{byte(r), string(r), start + 1})
		case strings.ContainsRune("=!<>~", r):
			i++
			if i < len(runes) && runes[i] == '=' && r != '=' && r != '~' {
				i++
			}
			out = append(out, showqlToken{'o', string(runes[start:i]), start + 1})
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			for i++; i < len(runes) && (runes[i] == '_' || unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i])); i++ {
			}
			word := string(runes[start:i])
			kind := byte('w')
			switch {
			case showqlNumber.MatchString(word):
				kind = 'n'
			case showqlDate.MatchString(word):
				kind = 'd'
			}
			out = append(out, showqlToken{kind, word, start + 1})
		default:
			return nil, &syntaxError{start + 1, fmt.Sprintf("%q is not expected", r)}
		}
	}
	return append(out, showqlToken{0, "the end", len(runes) + 1}), nil
}

// showqlParser reads the words of a query from left to right.
type showqlParser struct {
	rest []showqlToken
	deep int
}

// condition is whether an asset is wanted.
type condition = func(a *asset, now time.Time) bool

func parseShowQL(query string) (showql, *syntaxError) {
	words, err := tokens(query)
	if err != nil {
		return showql{}, err
	}
	p := &showqlParser{rest: words}
	q := showql{}
	if q.keep, err = p.or(); err != nil {
		return showql{}, err
	}
	if p.word("ORDER") {
		if q.order, err = p.orderBy(); err != nil {
			return showql{}, err
		}
	}
	if t := p.rest[0]; t.kind != 0 {
		return showql{}, &syntaxError{t.at, fmt.Sprintf("%q is not expected", t.text)}
	}
	return q, nil
}

// word takes the next word when it is that keyword.
func (p *showqlParser) word(keyword string) bool {
	if t := p.rest[0]; t.kind != 'w' || t.text != keyword {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *showqlParser) next() showqlToken {
	t := p.rest[0]
	if t.kind != 0 {
		p.rest = p.rest[1:]
	}
	return t
}

func expected(t showqlToken, what string) *syntaxError {
	return &syntaxError{t.at, fmt.Sprintf("%s is expected, not %q", what, t.text)}
}

func (p *showqlParser) or() (condition, *syntaxError) {
	return p.chain("OR", p.and, func(a, b bool) bool { return a || b })
}

func (p *showqlParser) and() (condition, *syntaxError) {
	return p.chain("AND", p.term, func(a, b bool) bool { return a && b })
}

func (p *showqlParser) chain(keyword string, part func() (condition, *syntaxError), both func(a, b bool) bool) (condition, *syntaxError) {
	left, err := part()
	for err == nil && p.word(keyword) {
		var right condition
		if right, err = part(); err != nil {
			break
		}
		first := left
		left = func(a *asset, now time.Time) bool { return both(first(a, now), right(a, now)) }
	}
	return left, err
}

// maxDepth of parentheses, so that no query exhausts the stack.
const maxDepth = 100

func (p *showqlParser) term() (condition, *syntaxError) {
	t := p.next()
	if t.kind == '(' {
		if p.deep++; p.deep > maxDepth {
			return nil, &syntaxError{t.at, "too many parentheses"}
		}
		in, err := p.or()
		if err != nil {
			return nil, err
		}
		p.deep--
		if end := p.next(); end.kind != ')' {
			return nil, expected(end, "a closing parenthesis")
		}
		return in, nil
	}
	f, ok := showqlFields[t.text]
	switch {
	case t.kind != 'w':
		return nil, expected(t, "a field")
	case !ok:
		return nil, &syntaxError{t.at, fmt.Sprintf("there is no field %q", t.text)}
	}
	if p.word("IS") {
		empty := !p.word("NOT")
		if end := p.next(); end.kind != 'w' || end.text != "EMPTY" {
			return nil, expected(end, "EMPTY")
		}
		return func(a *asset, _ time.Time) bool { return f.empty(a) == empty }, nil
	}
	return p.comparison(f)
}

func (f field) empty(a *asset) bool {
	switch f.kind {
	case fieldDate:
		return f.date(a) == nil
	case fieldText, fieldSet, fieldID:
		return len(f.text(a)) == 0 || f.kind == fieldText && f.text(a)[0] == ""
	}
	return false
}

func (p *showqlParser) comparison(f field) (condition, *syntaxError) {
	op := p.next()
	if op.kind != 'o' && (op.kind != 'w' || op.text != "IN") {
		return nil, expected(op, "a comparison")
	}
	if !slices.Contains(operators[f.kind], op.text) {
		return nil, &syntaxError{op.at, fmt.Sprintf("%q is no comparison for this field", op.text)}
	}
	if op.text != "IN" {
		return p.value(f, op.text)
	}
	if open := p.next(); open.kind != '(' {
		return nil, expected(open, "an opening parenthesis")
	}
	var any []condition
	for {
		c, err := p.value(f, "=")
		if err != nil {
			return nil, err
		}
		any = append(any, c)
		switch t := p.next(); t.kind {
		case ',':
		case ')':
			return func(a *asset, now time.Time) bool {
				return slices.ContainsFunc(any, func(c condition) bool { return c(a, now) })
			}, nil
		default:
			return nil, expected(t, "a comma or a closing parenthesis")
		}
	}
}

// value reads what a field is compared with.
func (p *showqlParser) value(f field, op string) (condition, *syntaxError) {
	t := p.next()
	switch f.kind {
	case fieldText, fieldSet, fieldID:
		if t.kind != 't' {
			return nil, expected(t, "a text in double quotes")
		}
		is := func(v string) bool { return v == t.text }
		if op == "~" && f.kind == fieldText {
			is = func(v string) bool { return strings.Contains(strings.ToLower(v), strings.ToLower(t.text)) }
		}
		return func(a *asset, _ time.Time) bool { return slices.ContainsFunc(f.text(a), is) == (op != "!=") }, nil
	case fieldBool:
		if t.kind != 'w' || t.text != "true" && t.text != "false" {
			return nil, expected(t, "true or false")
		}
		return func(a *asset, _ time.Time) bool { return (f.bool(a) == (t.text == "true")) == (op == "=") }, nil
	case fieldNumber:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if t.kind != 'n' || err != nil {
			return nil, expected(t, "a number")
		}
		return func(a *asset, _ time.Time) bool { return holds(cmp.Compare(f.num(a), n), op) }, nil
	}
	if t.kind != 'd' {
		return nil, expected(t, "a date relative to now, such as -1w or 0d,")
	}
	n, err := strconv.Atoi(t.text[:len(t.text)-1])
	if err != nil || n > 100_000 || n < -100_000 {
		return nil, expected(t, "a date nearer to now")
	}
	if t.text[len(t.text)-1] == 'w' {
		n *= 7
	}
	return func(a *asset, now time.Time) bool {
		have := f.date(a)
		return have != nil && holds(have.Compare(now.Add(time.Duration(n)*24*time.Hour)), op)
	}, nil
}

// holds says whether the outcome of a comparison is what the operator asks for.
func holds(c int, op string) bool {
	switch op {
	case "=":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func (p *showqlParser) orderBy() (func(a, b *asset) int, *syntaxError) {
	if t := p.rest[0]; !p.word("BY") {
		return nil, expected(t, "BY")
	}
	t := p.next()
	f, ok := showqlFields[t.text]
	if t.kind != 'w' || !ok {
		return nil, expected(t, "a field")
	}
	var by func(a, b *asset) int
	switch f.kind {
	case fieldText:
		by = func(a, b *asset) int { return cmp.Compare(f.text(a)[0], f.text(b)[0]) }
	case fieldNumber:
		by = func(a, b *asset) int { return cmp.Compare(f.num(a), f.num(b)) }
	case fieldDate:
		by = func(a, b *asset) int { return compareDates(f.date(a), f.date(b)) }
	default:
		return nil, &syntaxError{t.at, fmt.Sprintf("%q is no field to sort by", t.text)}
	}
	switch end := p.next(); {
	case end.kind == 'w' && end.text == "ASC":
		return by, nil
	case end.kind == 'w' && end.text == "DESC":
		return func(a, b *asset) int { return by(b, a) }, nil
	default:
		return nil, expected(end, "ASC or DESC")
	}
}

// compareDates has what is empty last.
func compareDates(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(*b)
}
