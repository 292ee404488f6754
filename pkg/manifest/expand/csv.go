package expand

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// readCSV reads the rows of a table of cells; see [readCells].
func readCSV(ctx context.Context, r io.Reader, inc manifest.Include) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		t := csvTable{inc: inc}
		header := true
		for cells, err := range readCells(ctx, r, inc.Table) {
			switch {
			case err != nil:
				if !yield(row{}, err) || header {
					return
				}
			case header:
				header = false
				readable, err := t.header(cells)
				if err != nil && !yield(row{}, err) || !readable {
					return
				}
			case !yield(t.row(cells), nil):
				return
			}
		}
	}
}

// csvTable knows where a table's columns are.
type csvTable struct {
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
func (t *csvTable) header(first cellRow) (readable bool, err error) {
	record := first.cells
	pos := func(cell int) manifest.Pos {
		return manifest.Pos{File: t.inc.Table, Line: first.line, Column: cell + 1}
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
	t.inc = joinColumns(t.inc, t.names)
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
	m := mapping{inc: t.inc}
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
				ps = append(ps, noColumn(c, mappedBy(t.inc, f.name), f.pos, t.named()))
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
func (t *csvTable) row(from cellRow) row {
	record := from.cells
	at := manifest.Pos{File: t.inc.Table, Line: from.line}
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
