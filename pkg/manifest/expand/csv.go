package expand

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// errRowTooLong ends a row that goes on and on.
var errRowTooLong = errors.New("row too long")

// rowLimit counts what one row takes.
type rowLimit struct {
	r    io.Reader
	left int
}

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// readCSV reads the rows of a CSV table: UTF-8 with or without byte order
// mark, separated by comma, semicolon or tab as the header row shows, with
// quoted line breaks. Rows whose cells are all empty are passed over. An error
// is [manifest.Problems], after which the rows follow that can be told, or one
// of reading.
func readCSV(ctx context.Context, r io.Reader, inc manifest.Include) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		limit := &rowLimit{r: manifest.NewTextReader(r, inc.Table), left: maxRow}
		buf := bufio.NewReaderSize(limit, 64<<10)
		first, err := buf.Peek(64 << 10)
		if err != nil && !errors.Is(err, io.EOF) && len(first) == 0 {
			yield(row{}, readProblem(err, inc))
			return
		}
		cr := csv.NewReader(buf)
		cr.Comma, cr.FieldsPerRecord, cr.ReuseRecord = separator(first), -1, true
		t := csvTable{cr: cr, inc: inc}
		readable, err := t.header()
		if err != nil && !errors.Is(err, io.EOF) && !yield(row{}, readProblem(err, inc)) || !readable {
			return
		}
		for {
			if err := ctx.Err(); err != nil {
				yield(row{}, err)
				return
			}
			limit.left = maxRow
			record, err := cr.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				if !yield(row{}, readProblem(err, inc)) || !oneRow(err) {
					return
				}
				continue
			}
			if !slices.ContainsFunc(record, func(s string) bool { return s != "" }) {
				continue
			}
			if !yield(t.row(record), nil) {
				return
			}
		}
	}
}

// separator is what parts the cells of the header row: the most frequent of
// the three outside quotes.
func separator(text []byte) rune {
	counts := map[byte]int{}
	quoted, begun := false, false
	for _, c := range text {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' && begun {
			break
		}
		begun = begun || c != '\n' && c != '\r'
		if c == ',' || c == ';' || c == '\t' {
			counts[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return rune(best)
}

// readProblem says in the words of a problem why a table cannot be read on.
func readProblem(err error, inc manifest.Include) error {
	if errors.Is(err, errRowTooLong) {
		return manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, manifest.Pos{File: inc.Table},
			fmt.Sprintf("a row is longer than %d MB", maxRow>>20), "look for a quote that is never closed")}
	}
	if _, ok := errors.AsType[manifest.Problems](err); ok {
		return err
	}
	pe, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return fmt.Errorf("reading table %s: %w", inc.Table, err)
	}
	if errors.Is(pe.Err, errRowTooLong) {
		return readProblem(pe.Err, inc)
	}
	what, fix := "the row is not valid CSV", "quote cells that hold quotes, and double the quotes inside"
	switch {
	case errors.Is(pe.Err, csv.ErrBareQuote):
		what = `a " stands in the middle of a cell that does not begin with one`
	case errors.Is(pe.Err, csv.ErrQuote):
		what, fix = `a quoted cell does not end as it should`, `close the quote, and double each " inside the cell`
	}
	return manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, manifest.Pos{File: inc.Table, Line: pe.StartLine}, what, fix)}
}

// oneRow reports whether err is of one row, with the next line to go on at.
func oneRow(err error) bool {
	return errors.Is(err, csv.ErrBareQuote) || errors.Is(err, csv.ErrQuote)
}

// csvTable knows where a table's columns are.
type csvTable struct {
	cr      *csv.Reader
	inc     manifest.Include
	names   []string
	fields  []csvField
	keep    []int // cells carried into the results, in the include's order
	indexOf map[string]int
}

type csvField struct {
	mappedField
	cell int // first cell that the field is made of, for positions
}

// header reads the header row. Everything wrong with it is reported at once;
// the rows are readable all the same unless they would lack what each needs.
func (t *csvTable) header() (readable bool, err error) {
	record, err := t.cr.Read()
	if err != nil {
		return false, err
	}
	line, _ := t.cr.FieldPos(0)
	pos := func(cell int) manifest.Pos {
		return manifest.Pos{File: t.inc.Table, Line: line, Column: cell + 1}
	}
	var ps manifest.Problems
	t.indexOf = make(map[string]int, len(record))
	for i, name := range record {
		name = strings.TrimSpace(unguard(name))
		t.names = append(t.names, name)
		if first, ok := t.indexOf[name]; ok && name != "" {
			p := manifest.NewProblem(manifest.CodeTableHeader, pos(i), fmt.Sprintf("two columns are named %q", name), "rename one of them")
			p.Also = new(pos(first))
			ps = append(ps, p)
			continue
		}
		if name != "" {
			t.indexOf[name] = i
		}
	}
	for _, k := range t.inc.Keep {
		if i, ok := t.indexOf[k]; ok {
			t.keep = append(t.keep, i)
		} else {
			ps = append(ps, noColumn(k, "include.keep", t.inc.Pos, t.named()))
		}
	}
	var fields []manifest.Problem
	readable = true
	if t.inc.Columns != nil {
		fields, readable, err = t.mappedFields()
	} else {
		fields = t.namedFields(pos)
	}
	if err != nil {
		return false, err
	}
	ps = append(ps, fields...)
	var m mapping
	for _, f := range t.fields {
		m.fields = append(m.fields, f.mappedField)
	}
	at := pos(0)
	at.Column = 0
	missing := m.required(at)
	if t.inc.Columns == nil || len(ps) == 0 {
		ps = append(ps, missing...) // else a mapped column that is not there says why
	}
	if len(ps) > 0 {
		return readable && len(missing) == 0, ps
	}
	return true, nil
}

// mappedFields finds the columns that the include maps; fields whose columns
// are not there are left out, each with its problem. The rows are readable if
// none of these is needed.
func (t *csvTable) mappedFields() (ps []manifest.Problem, readable bool, err error) {
	m, err := newMapping(t.inc)
	if err != nil {
		return nil, false, err
	}
	readable = true
	for _, f := range m.fields {
		cf, whole := csvField{f, -1}, true
		for _, c := range f.columns() {
			i, ok := t.indexOf[c]
			if !ok {
				whole = false
				ps = append(ps, noColumn(c, "columns."+f.name, f.pos, t.named()))
			} else if cf.cell < 0 {
				cf.cell = i
			}
		}
		if whole {
			t.fields = append(t.fields, cf)
		}
		readable = readable && (whole || !slices.Contains(neededFields, f.name))
	}
	return ps, readable, nil
}

// neededFields are those without which every row has a problem.
var neededFields = []string{"externalId", "file", "url", "division"}

// namedFields finds the columns that are named as fields. One that is
// misspelt stands for a needed field that no other column gives, so that its
// rows are not blamed as well.
func (t *csvTable) namedFields(pos func(cell int) manifest.Pos) []manifest.Problem {
	var ps []manifest.Problem
	for i, name := range t.names {
		field := name
		if !slices.Contains(rowFields, name) {
			if slices.Contains(t.inc.Keep, name) {
				continue
			}
			ps = append(ps, unknownColumn(name, pos(i)))
			field = manifest.Suggest(name, rowFields)
			if _, given := t.indexOf[field]; given || !slices.Contains(neededFields, field) {
				continue
			}
		}
		if t.indexOf[name] == i && !slices.ContainsFunc(t.fields, func(f csvField) bool { return f.name == field }) {
			t.fields = append(t.fields, csvField{mappedField{name: field, column: name}, i})
		}
	}
	return ps
}

var rowFields = manifest.RowFields()

func unknownColumn(name string, pos manifest.Pos) manifest.Problem {
	if name == "" {
		return manifest.NewProblem(manifest.CodeTableHeader, pos, "a column has no name", "name it, or remove it")
	}
	fix := "rename it, or list it under keep:"
	if s := manifest.Suggest(name, rowFields); s != "" {
		fix = fmt.Sprintf("did you mean %q? rename it, or list it under keep:", s)
	}
	return manifest.NewProblem(manifest.CodeUnknownColumn, pos, fmt.Sprintf("column %q is no field", name), fix)
}

func noColumn(name, by string, pos manifest.Pos, known []string) manifest.Problem {
	fix := "the table has " + strings.Join(known[:min(len(known), 12)], ", ")
	if s := manifest.Suggest(name, known); s != "" {
		fix = fmt.Sprintf("did you mean %q?", s)
	} else if len(known) == 0 {
		fix = "name the columns in its first row"
	}
	return manifest.NewProblem(manifest.CodeNoColumn, pos, fmt.Sprintf("%s: the table has no column %q", by, name), fix)
}

// named are the columns with a name, in their order.
func (t *csvTable) named() []string {
	return slices.DeleteFunc(slices.Clone(t.names), func(s string) bool { return s == "" })
}

// row makes a value of the cells of one row.
func (t *csvTable) row(record []string) row {
	line, _ := t.cr.FieldPos(0)
	at := manifest.Pos{File: t.inc.Table, Line: line}
	r := row{pos: at}
	n := len(record)
	for n > len(t.names) && record[n-1] == "" {
		n--
	}
	if n != len(t.names) {
		r.unusable = true
		cells := "cells"
		if n == 1 {
			cells = "cell"
		}
		r.problems = []manifest.Problem{manifest.NewProblem(manifest.CodeRagged, at,
			fmt.Sprintf("the row has %d %s, the header row %d", n, cells, len(t.names)), "add or remove separators, and quote cells that hold one")}
		return r
	}
	r.value = manifest.Value{Kind: manifest.MapValue, Pos: at, Map: make([]manifest.Member, 0, len(t.fields))}
	for i := range t.fields {
		f := &t.fields[i]
		var s string
		if f.template == nil {
			s = unguard(record[f.cell])
		} else {
			s = f.template.Expand(func(c string) string { return strings.TrimSpace(unguard(record[t.indexOf[c]])) })
			if f.name == "file" {
				s = joined(f.template, s)
			}
		}
		if strings.TrimSpace(s) == "" {
			continue // not named
		}
		pos := at
		pos.Column = f.cell + 1
		r.value.Put(f.name, pos, manifest.Cell(s, f.split, pos))
	}
	for _, i := range t.keep {
		r.keep = append(r.keep, manifest.KeepKV{Key: t.names[i], Value: unguard(record[i])})
	}
	return r
}

// unguard takes back what reports do to cells that a spreadsheet would run as
// formulas: one apostrophe before apostrophes and one of = + - @, a tab or a
// carriage return.
func unguard(s string) string {
	if len(s) < 2 || s[0] != '\'' {
		return s
	}
	rest := strings.TrimLeft(s, "'")
	if c, _ := utf8.DecodeRuneInString(rest); strings.ContainsRune("=+-@\t\r", c) {
		return s[1:]
	}
	return s
}
