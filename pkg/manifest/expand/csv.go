package expand

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
)

// readCells reads the rows of a table of cells; see [table.Read].
func readCells(ctx context.Context, in input, inc manifest.Include, note func(manifest.Problem)) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		t := cellTable{inc: inc, note: note}
		header := true
		for cells, err := range in.cells(ctx, table.Options{Name: inc.Table, Sheet: inc.Sheet, Encoding: inc.Encoding, Note: note}) {
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

// cellTable knows where a table's columns are.
type cellTable struct {
	inc     manifest.Include
	names   []string
	fields  []cellField
	keep    []int // cells carried into the results, in the include's order
	indexOf map[string]int
	told    map[int]bool // columns without a name that were reported
	report  bool         // of a run, see isReport
	note    func(manifest.Problem)
}

type cellField struct {
	mappedField
	cells []int // that the field is made of, in its order; none for a constant
}

// header reads the header row. Everything wrong with it is reported at once;
// the rows are readable all the same unless they would lack what each needs.
func (t *cellTable) header(first table.Row) (readable bool, err error) {
	record := first.Cells
	pos := func(cell int) manifest.Pos {
		return manifest.Pos{File: t.inc.Table, Line: first.Line, Column: cell + 1}
	}
	var ps manifest.Problems
	for _, i := range slices.Sorted(maps.Keys(first.Wrong)) {
		ps = append(ps, first.Wrong[i])
	}
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
	wrote := t.inc.Columns != nil // not we
	t.inc = joinColumns(t.inc, t.names)
	var fields []manifest.Problem
	readable = true
	switch {
	case t.inc.Columns != nil:
		fields, readable, err = t.mappedFields()
	case isReport(t.names):
		t.reportFields(pos(0))
	default:
		fields = t.namedFields(pos)
	}
	if wrote && err == nil && len(fields) == 0 {
		t.unused(pos)
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
func (t *cellTable) mappedFields() (ps []manifest.Problem, readable bool, err error) {
	m, err := newMapping(t.inc)
	if err != nil {
		return nil, false, err
	}
	readable = true
	for _, f := range m.fields {
		cf, whole := cellField{f, nil}, true
		for _, c := range f.columns() {
			i, ok := t.indexOf[c]
			if !ok {
				whole = false
				ps = append(ps, noColumn(c, mappedBy(t.inc, f.name), f.pos, t.named()))
			}
			cf.cells = append(cf.cells, i)
		}
		if whole {
			t.fields = append(t.fields, cf)
		}
		readable = readable && (whole || !slices.Contains(neededFields, f.name))
	}
	return ps, readable, nil
}

// unused tells of columns that neither a field nor keep: uses.
func (t *cellTable) unused(pos func(cell int) manifest.Pos) {
	if t.note == nil {
		return
	}
	used := map[int]bool{}
	mapped := map[string]bool{}
	for _, f := range t.fields {
		mapped[f.name] = true
		for _, i := range f.cells {
			used[i] = true
		}
	}
	for _, i := range t.keep {
		used[i] = true
	}
	const shown, hints = 8, 3
	first, n := -1, 0
	var names, looks []string
	for i, name := range t.names {
		if name == "" || used[i] || t.indexOf[name] != i {
			continue
		}
		if n++; n == 1 {
			first = i
		}
		if len(names) < shown {
			names = append(names, fmt.Sprintf("%q", name))
		}
		if s := manifest.Suggest(name, rowFields); s != "" && s != "id" && !mapped[s] && len(looks) < hints {
			looks = append(looks, fmt.Sprintf("%s: %q", s, name))
		}
	}
	if n == 0 {
		return
	}
	list := strings.Join(names, ", ")
	if n > len(names) {
		list += fmt.Sprintf(" and %d more", n-len(names))
	}
	fix := "map them, or list them under keep:"
	if len(looks) > 0 {
		fix = fmt.Sprintf("map them, perhaps {%s}, or list them under keep:", strings.Join(looks, ", "))
	}
	t.note(manifest.NewProblem(manifest.CodeUnusedColumns, pos(first), fmt.Sprintf("%s not used: %s", plural(n, "column is", "columns are"), list), fix))
}

// neededFields are those without which every row has a problem.
var neededFields = []string{"externalId", "file", "url", "division"}

// namedFields finds the columns that are named as fields. One that is
// misspelt stands for a needed field that no other column gives, so that its
// rows are not blamed as well.
func (t *cellTable) namedFields(pos func(cell int) manifest.Pos) []manifest.Problem {
	var ps []manifest.Problem
	for i, name := range t.names {
		field := name
		if !slices.Contains(rowFields, name) {
			if name == "" || slices.Contains(t.inc.Keep, name) {
				continue // a column without a name may be empty: see beyond
			}
			ps = append(ps, unknownColumn(name, pos(i)))
			field = manifest.Suggest(name, rowFields)
			if _, given := t.indexOf[field]; given || !slices.Contains(neededFields, field) {
				continue
			}
		}
		if t.indexOf[name] == i && !slices.ContainsFunc(t.fields, func(f cellField) bool { return f.name == field }) {
			t.fields = append(t.fields, cellField{mappedField{name: field, column: name}, []int{i}})
		}
	}
	return ps
}

var rowFields = manifest.RowFields()

func unknownColumn(name string, pos manifest.Pos) manifest.Problem {
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
func (t *cellTable) named() []string {
	return slices.DeleteFunc(slices.Clone(t.names), func(s string) bool { return s == "" })
}

// row makes a value of the cells of one row.
func (t *cellTable) row(from table.Row) row {
	cells := from.Cells
	at := manifest.Pos{File: t.inc.Table, Line: from.Line}
	r := row{pos: at}
	if t.inc.Columns != nil {
		r.columns = t.names
	}
	n := len(cells)
	for n > len(t.names) && cells[n-1] == "" {
		n--
	}
	if n != len(t.names) && !table.IsWorkbook(t.inc.Table) {
		r.unusable = true
		r.problems = []manifest.Problem{manifest.NewProblem(manifest.CodeRagged, at,
			fmt.Sprintf("the row has %s, the header row %d", plural(n, "cell", "cells"), len(t.names)), "add or remove separators, and quote cells that hold one")}
		return r
	}
	t.beyond(&r, cells)
	r.value = manifest.Value{Kind: manifest.MapValue, Pos: at, Map: make([]manifest.Member, 0, len(t.fields))}
	for i := range t.fields {
		f := &t.fields[i]
		if f.value != nil {
			r.value.Put(f.name, f.pos, *f.value)
			continue
		}
		pos := at
		if len(f.cells) > 0 { // else a template without columns
			pos.Column = f.cells[0] + 1
		}
		if p, ok := firstWrong(from, f.cells...); ok {
			r.problems = append(r.problems, p)
			r.value.Put(f.name, pos, manifest.Value{Pos: pos})
			continue
		}
		s := f.text(func(c string) string { return unguard(cells[t.indexOf[c]]) })
		if strings.TrimSpace(s) == "" {
			continue // not named
		}
		r.value.Put(f.name, pos, f.cell(strings.ReplaceAll(s, "\r\n", "\n"), pos))
	}
	if t.report {
		urlOfReport(&r.value)
	}
	for _, i := range t.keep {
		r.keep = append(r.keep, manifest.KeepKV{Key: t.keyOf(t.names[i]), Value: unguard(cells[i])})
	}
	return r
}

// beyond reports, once for each column, that something stands in a column
// without a name. Columns that a mapping does not use are nobody's business.
func (t *cellTable) beyond(r *row, cells []string) {
	if t.inc.Columns != nil || t.report {
		return
	}
	for i, c := range cells {
		if c == "" || i < len(t.names) && t.names[i] != "" || t.told[i] {
			continue
		}
		if t.told == nil {
			t.told = map[int]bool{}
		}
		t.told[i] = true
		pos := r.pos
		pos.Column = i + 1
		r.problems = append(r.problems, manifest.NewProblem(manifest.CodeTableHeader, pos,
			fmt.Sprintf("the cell stands in column %s, which has no name", table.ColumnName(i)), "name the column in the first row, or empty it"))
	}
}

// firstWrong is the problem of the first of these cells that has one.
func firstWrong(r table.Row, cells ...int) (manifest.Problem, bool) {
	if r.Wrong == nil {
		return manifest.Problem{}, false
	}
	for _, i := range cells {
		if p, ok := r.Wrong[i]; ok {
			return p, true
		}
	}
	return manifest.Problem{}, false
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
