package expand

import (
	"context"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
)

// table is the items of one table.
func (s *Set) table(ctx context.Context, b *manifest.Builder, inc manifest.Include, kept *keptRows, dig *digester) iter.Seq2[manifest.Parsed, error] {
	name := inc.Table
	inc.Table = s.path(name) // in positions, as people can open it from where they are
	return s.file(ctx, inc.Table, name, dig, inc.Pos, func(in input) iter.Seq2[manifest.Parsed, error] {
		return func(yield func(manifest.Parsed, error) bool) {
			empty := true
			in.kept = kept
			note := dig.note()
			var ids idWatch
			for row, err := range readTable(ctx, in, inc, note) {
				empty = false
				if err != nil {
					if !yield(manifest.Parsed{}, err) {
						return
					}
					continue
				}
				p := manifest.Parsed{Item: manifest.Item{Pos: row.pos}, Problems: row.problems}
				if !row.unusable {
					p = b.Item(row.value, row.keep)
					p.Problems = append(row.problems, p.Problems...)
					manifest.SortProblems(p.Problems)
					inColumns(p, row.columns, inc.Table)
				}
				if note != nil {
					ids.add(p.Item.ExternalID, p.Item.FieldPos("externalId"))
				}
				if !yield(p, nil) {
					return
				}
			}
			if empty {
				yield(manifest.Parsed{}, manifest.Problems{noRows(inc, name)})
			}
			if note != nil {
				ids.conclude(note)
			}
		}
	})
}

func noRows(inc manifest.Include, name string) manifest.Problem {
	return manifest.NewProblem(manifest.CodeTableEmpty, inc.Pos, fmt.Sprintf("table %q has no rows", name), "export it again, or remove the include")
}

// readTable reads the rows of a table of any kind. An include with Join set
// stands for the joined table, see joinInclude. note gets what is worth knowing
// once; it may be nil.
func readTable(ctx context.Context, in input, inc manifest.Include, note func(manifest.Problem)) iter.Seq2[row, error] {
	if strings.EqualFold(path.Ext(inc.Table), ".ndjson") {
		return readNDJSON(ctx, in, inc)
	}
	return readCells(ctx, in, inc, note)
}

// row is one row of a table, on its way to an item.
type row struct {
	pos      manifest.Pos
	value    manifest.Value
	keep     []manifest.KeepKV
	problems []manifest.Problem
	unusable bool     // value says nothing; problems say why
	columns  []string // names of its columns, where a problem's field does not say them; nil: it does
}

// inColumns adds to problems of cells the column that they are in, as the
// spreadsheet calls it: what is mapped has two names.
func inColumns(p manifest.Parsed, columns []string, file string) {
	for _, list := range [][]manifest.Problem{p.Problems, p.Item.Problems} {
		for i := range list {
			at := list[i].Pos
			if at.File != file || at.Column < 1 || at.Column > len(columns) {
				continue
			}
			name := columns[at.Column-1]
			if slices.Contains(rowFields, name) && strings.Contains(list[i].What, name) {
				continue // said already
			}
			if table.IsWorkbook(file) {
				list[i].What += fmt.Sprintf(", in column %s (%q)", table.ColumnName(at.Column-1), name)
			} else {
				list[i].What += fmt.Sprintf(", in column %q", name)
			}
		}
	}
}

// mapping is how fields are made of a table's columns.
type mapping struct {
	inc    manifest.Include
	fields []mappedField // in the order of the columns that they need first
}

type mappedField struct {
	name     string
	column   string // of column, template and value one is set
	template manifest.Template
	value    *manifest.Value // a constant
	split    string
	add      *manifest.Instant // to a date; nil: nothing
	pos      manifest.Pos      // of the mapping in the manifest
}

// newMapping is the mapping that the include writes out; the fields are in
// the order of manifest.RowFields.
func newMapping(inc manifest.Include) (mapping, error) {
	m := mapping{inc: inc}
	for _, name := range manifest.RowFields() {
		c, ok := inc.Columns[name]
		if !ok {
			continue
		}
		f := mappedField{name: name, column: c.Column, value: c.Value, split: c.Split, add: c.Add, pos: c.Pos}
		if c.Template != "" {
			t, err := manifest.ParseTemplate(c.Template)
			if err != nil {
				return m, fmt.Errorf("column template %q: %w", c.Template, err)
			}
			f.template = t
		}
		m.fields = append(m.fields, f)
	}
	return m, nil
}

// columns are those that the mapping reads for a field.
func (f mappedField) columns() []string {
	if f.value != nil {
		return nil
	}
	if f.template == nil {
		return []string{f.column}
	}
	var out []string
	for _, p := range f.template {
		if p.Column != "" {
			out = append(out, p.Column)
		}
	}
	return out
}

// text is what the field is made of; "": nothing.
func (f mappedField) text(column func(string) string) string {
	if f.template == nil {
		return column(f.column)
	}
	s := f.template.Expand(func(c string) string { return strings.TrimSpace(column(c)) })
	if f.name == "file" {
		s = joined(f.template, s)
	}
	return s
}

// cell is the value of a text that is not empty.
func (f mappedField) cell(text string, pos manifest.Pos) manifest.Value {
	v := manifest.Cell(text, f.split, pos)
	v.Add = f.add
	return v
}

// required reports a mapping that can never make an item.
func (m mapping) required(pos manifest.Pos) []manifest.Problem {
	if m.inc.Join != nil {
		return nil // what is joined need not say more than which file it is about
	}
	has := func(name string) bool {
		return slices.ContainsFunc(m.fields, func(f mappedField) bool { return f.name == name })
	}
	fix := "add the column to the table, or map one with columns:"
	var ps []manifest.Problem
	if !has("externalId") {
		ps = append(ps, manifest.NewProblem(manifest.CodeMissingColumn, pos, "no column gives the externalId", fix))
	}
	if !has("file") && !has("url") {
		ps = append(ps, manifest.NewProblem(manifest.CodeMissingColumn, pos, "no column gives the file or url", fix))
	}
	return ps
}

// joined is a filled-in template as a path: parts that were empty leave no
// slashes behind.
func joined(t manifest.Template, s string) string {
	if len(t) == 0 || strings.Contains(s, "://") {
		return s
	}
	rooted := t[0].Column == "" && (strings.HasPrefix(t[0].Text, "/") || strings.HasPrefix(t[0].Text, `\`))
	share := strings.HasPrefix(s, "//") || strings.HasPrefix(s, `\\`)
	if !rooted && !share {
		s = strings.TrimLeft(s, "/")
	}
	if !share {
		for strings.Contains(s, "//") {
			s = strings.ReplaceAll(s, "//", "/")
		}
	}
	return s
}
