package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Column says how a field is made: from a table's columns, or of a file by the
// rules of a glob. Exactly one of Column, Template and Value is set.
type Column struct {
	Pos      Pos
	Column   string   // header of the column
	Template string   // "{Folder}/{File}": names of columns in braces; in a glob's Set those of [Placeholders]
	Value    *Value   // a constant; in a glob's Set the texts in a list may be templates: see [Column.Fill]
	Split    string   // separator of a list; "" splits at ";" for list fields
	Add      *Instant // years, months and days added to a date; nil: nothing
}

// Placeholders are what templates of a glob may name. For
// decks:emea/q3/Sales.PPTX they stand for: {path} emea/q3/Sales.PPTX,
// {dir} emea/q3, {dir1} emea, {dir2} q3, {name} Sales.PPTX, {stem} Sales,
// {ext} PPTX, and {dirs} for each of emea and q3, in lists only.
var Placeholders = []string{"path", "dir", "dir1", "dir2", "dirs", "name", "stem", "ext"}

// primaryColumn is the column with the external IDs of primaries.
const primaryColumn = "localization.primary"

// SetFields are the names that a glob may set: those of [RowFields], but for
// what belongs to one file alone. enforcedPages stands for null only.
func SetFields() []string {
	return append(slices.DeleteFunc(RowFields(), func(s string) bool { return s == "file" || s == "url" || s == "id" || s == primaryColumn }), "enforcedPages")
}

var (
	errNoColumn = errors.New("it names no column")
	listKinds   = []FieldKind{KindTags, KindLocales, KindAuthors, KindRenditions, KindPages}
	dateKinds   = []FieldKind{KindRelease, KindExpiry}
)

// rowKind is the kind of a field of [RowFields]; false for keys of an item that
// are no managed fields.
func rowKind(name string) (FieldKind, bool) {
	if head, _, ok := strings.Cut(name, "."); ok && head == "enforcedPages" {
		return KindPages, true
	}
	f, ok := FieldByName(name)
	return f.Kind, ok
}

func isList(field string) bool {
	k, ok := rowKind(field)
	return ok && slices.Contains(listKinds, k)
}

func isDate(field string) bool {
	k, ok := rowKind(field)
	return ok && slices.Contains(dateKinds, k)
}

// columns reads the mapping of fields to columns.
func (h *headerReader) columns(v Value, fields []string) map[string]Column {
	if v.Kind != MapValue {
		h.d.wrong(v, "a mapping: {externalId: ID, file: \"{Folder}/{File}\"}")
		return nil
	}
	outer := h.d.field
	defer func() { h.d.field = outer }()
	columns := make(map[string]Column, len(v.Map))
	for _, m := range v.Map {
		if !slices.Contains(fields, m.Key) {
			switch {
			case m.Key == "keep":
				h.d.ps.add(CodeMisplaced, m.Pos, "keep cannot be mapped", "list the columns under the include's keep:")
			case slices.Contains(RowFields(), m.Key):
				h.d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("%s comes from the files, not from the joined table", m.Key), "remove it")
			default:
				h.d.unknown(m, fields)
			}
			continue
		}
		h.d.field = "columns." + m.Key
		if c, ok := h.column(m.Key, m.Value); ok {
			columns[m.Key] = c
		}
	}
	return columns
}

func (h *headerReader) column(field string, v Value) (Column, bool) {
	d := &h.d
	c := Column{Pos: v.Pos}
	if v.Kind != MapValue {
		s, ok := d.scalar(v, "a column's name, a template or {column: ..., split: ...}")
		switch {
		case !ok:
			return c, false
		case strings.TrimSpace(s) == "":
			d.ps.add(CodeEmpty, v.Pos, d.field+" names no column", "write the column's header")
			return c, false
		case !strings.ContainsAny(s, "{}"):
			c.Column = strings.TrimSpace(s)
			return c, true
		}
		return c, d.columnTemplate(&c, v, s)
	}
	ok, outer, given := true, d.field, 0
	d.mapping(v, []string{"column", "template", "value", "split", "add"}, func(m Member) {
		d.field = outer + "." + m.Key
		d.later("column."+m.Key, m.Pos)
		before := len(d.ps.list)
		switch m.Key {
		case "column", "template":
			given++
			s, good := d.scalar(m.Value, "a text")
			switch {
			case good && strings.TrimSpace(s) == "":
				d.ps.add(CodeEmpty, m.Value.Pos, outer+" names no column", "write {column: Keywords}")
			case good && m.Key == "column":
				c.Column = strings.TrimSpace(s)
			case good:
				d.columnTemplate(&c, m.Value, s)
			}
		case "value":
			given++
			d.field = field
			c.Value = h.constant(field, m.Value)
		case "split":
			s, good := d.scalar(m.Value, "a text")
			if c.Split = s; good && s == "" {
				d.ps.add(CodeEmpty, m.Value.Pos, outer+": split is empty", `write the separator, for instance ";"`)
			} else if !isList(field) {
				d.ps.add(CodeInclude, m.Pos, fmt.Sprintf("%s: split is for lists, and %s is none", outer, field), "remove it")
			}
		case "add":
			c.Add = d.add(field, m)
		}
		ok = ok && len(d.ps.list) == before
	})
	d.field = outer
	switch {
	case given > 1:
		d.ps.add(CodeInclude, v.Pos, outer+" has more than one of column, template and value", "remove the others")
		return c, false
	case given == 0 && ok:
		d.ps.add(CodeEmpty, v.Pos, outer+" names no column", "write {column: Keywords}")
		return c, false
	case c.Value != nil && (c.Split != "" || c.Add != nil):
		d.ps.add(CodeInclude, v.Pos, outer+": split and add go with columns, not with a value", "remove them, and write the value as it shall be")
		return c, false
	}
	return c, ok || c.Value != nil
}

func (d *decoder) columnTemplate(c *Column, v Value, s string) bool {
	if _, err := ParseTemplate(s); err != nil {
		d.ps.add(CodeInclude, v.Pos, fmt.Sprintf("%s: template %q: %v", d.field, clip(s), err), `write columns in braces: "{Folder}/{File}"`)
		return false
	}
	c.Template = s
	return true
}

// add reads what is added to a date: "24 months".
func (d *decoder) add(field string, m Member) *Instant {
	if !isDate(field) {
		d.ps.add(CodeInclude, m.Pos, fmt.Sprintf("add is for dates, and %s is none", field), "remove it")
		return nil
	}
	s, ok := d.scalar(m.Value, "a span of time: 24 months")
	if !ok {
		return nil
	}
	i, ok := relative("+" + strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "+")))
	if !ok {
		d.ps.add(CodeDate, m.Value.Pos, fmt.Sprintf("%s: %q is no span of time", d.field, clip(s)), "write 24 months; possible are days, weeks, months and years")
		return nil
	}
	return &i
}

// constant is v if field takes it; what is wrong is reported here, once, and
// the result says nothing more about it.
func (h *headerReader) constant(field string, v Value) *Value {
	before := len(h.d.ps.list)
	d := &h.d
	d.zone = h.m.Timezone
	switch {
	case v.Kind == NullValue:
	case field == "externalId" || field == "id" || field == "file" || field == "url" || field == primaryColumn:
		d.ps.add(CodeInclude, v.Pos, field+" cannot be the same for all", "name a column, or a template")
	case field == "division":
		d.division(v)
	case field == "allowEmpty":
		d.bool(v)
	case strings.HasPrefix(field, "enforcedPages."):
		d.pages(v)
	default:
		var fs Fields
		fields[fieldIndex[field]].read(d, v, &fs)
	}
	d.field = field
	if len(d.ps.list) > before {
		return &Value{Kind: BadValue, Pos: v.Pos}
	}
	return &v
}
