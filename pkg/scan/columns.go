package scan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// readAll reads every row: whether each column holds what its field takes, and
// the values that a map turns into others.
func (a *analyst) readAll(ctx context.Context) error {
	m, _, err := manifest.ReadHeader(strings.NewReader("version: 1\ndivision: any\ntimezone: Etc/UTC\n"), "")
	if err != nil {
		return err
	}
	b := manifest.NewBuilder(m, manifest.Options{})
	for row, err := range a.fileRows(ctx, &a.t.Folders) {
		if err != nil {
			return err
		}
		a.t.Rows++
		for _, u := range a.uses {
			text := cell(row.Cells, u.index)
			if text == "" {
				if u.blank == 0 {
					u.blank = row.Line
				}
				continue
			}
			u.filled++
			switch {
			case u.values != nil:
				for _, v := range parts(text, u.Split) {
					u.values.Add(v)
				}
			case u.Field == "externalId":
				a.id(u, row.Line, text)
			default:
				a.try(b, u, row.Line, text)
			}
		}
	}
	return a.ids.Confirm(ctx, a.idPlaces(ctx), func(p manifest.Problem) {
		if a.idTwice == "" {
			a.idTwice = "some rows share one"
			if p.Pos.Line > 0 && p.Also != nil {
				a.idTwice = fmt.Sprintf("row %d: %s, also in row %d", p.Pos.Line, p.What, p.Also.Line)
			}
		}
	})
}

// fileRows are the rows about files, without the header. Rows that cannot be read
// are passed over: lint tells.
func (a *analyst) fileRows(ctx context.Context, folders *int) iter.Seq2[TableRow, error] {
	return func(yield func(TableRow, error) bool) {
		header := true
		for row, err := range a.rows(ctx) {
			if _, ok := errors.AsType[manifest.Problems](err); ok && !header {
				continue
			}
			switch {
			case err != nil:
				yield(row, err)
				return
			case header:
				header = false
			case a.aboutFolder(row.Cells):
				*folders++
			case !yield(row, nil):
				return
			}
		}
	}
}

func (a *analyst) idUse() *use {
	i := slices.IndexFunc(a.uses, func(u *use) bool { return u.Field == "externalId" })
	if i < 0 {
		return nil
	}
	return a.uses[i]
}

func (a *analyst) idPlaces(ctx context.Context) iter.Seq2[manifest.IDPlace, error] {
	return func(yield func(manifest.IDPlace, error) bool) {
		u, folders := a.idUse(), 0
		for row, err := range a.fileRows(ctx, &folders) {
			if err != nil {
				yield(manifest.IDPlace{}, err)
				return
			}
			if id := cell(row.Cells, u.index); id != "" && !yield(manifest.IDPlace{ExternalID: id, Pos: manifest.Pos{Line: row.Line}}, nil) {
				return
			}
		}
	}
}

func (a *analyst) id(u *use, line int, text string) {
	if what := manifest.ExternalIDWrong(text); what != "" {
		u.wrong(fmt.Sprintf("row %d: %s", line, what))
		return
	}
	a.ids.Add(text)
}

// try reads a cell as its field would be.
func (a *analyst) try(b *manifest.Builder, u *use, line int, text string) {
	at := manifest.Pos{Line: line}
	v := manifest.Value{Kind: manifest.MapValue, Pos: at}
	v.Put("externalId", at, manifest.Cell("any", "", at))
	v.Put(u.Field, at, manifest.Cell(text, u.Split, at))
	var p manifest.Parsed
	if u.Field == "url" {
		p = b.Item(v, nil)
	} else {
		p = b.FileItem(manifest.Location{Path: "any.docx"}, v, nil)
	}
	for _, pr := range append(p.Problems, p.Item.Problems...) {
		if pr.Class != manifest.Warn {
			what := strings.TrimPrefix(pr.What, u.Field+": ")
			if !strings.Contains(what, text) && len(text) < 40 {
				what = fmt.Sprintf("%q: %s", text, what)
			}
			u.wrong(fmt.Sprintf("row %d: %s", line, what))
			return
		}
	}
	if f, ok := manifest.FieldByName(u.Field); ok && (f.Kind == manifest.KindExpiry || f.Kind == manifest.KindRelease) {
		_, err := time.Parse(time.RFC3339, text)
		u.days = u.days || err != nil
	}
}

func (u *use) wrong(what string) {
	if u.bad++; u.bad == 1 {
		u.first = what
	}
}

// parts are the values in a cell.
func parts(text, sep string) []string {
	if sep == "" {
		sep = ";"
	}
	var out []string
	for s := range strings.SplitSeq(text, sep) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// conclude decides what each column becomes.
func (a *analyst) conclude() {
	t := a.t
	for _, u := range a.uses {
		switch {
		case u.filled == 0:
			continue // kept, as it is
		case u.Field == "externalId" && !a.usableID(u):
			continue
		case u.bad > 0:
			t.Notes = append(t.Notes, fmt.Sprintf("column %q is kept and not used as %s: %s%s", u.Column, u.Field, u.first, others(u.bad-1))+" (correct them, and scan again)")
			continue
		}
		t.Columns = append(t.Columns, u.ColumnUse)
		t.Zone = t.Zone || u.days
		if u.values != nil {
			t.Values[mapOf[u.Field]] = u.values
		}
	}
	if slices.ContainsFunc(t.Columns, func(c ColumnUse) bool { return c.Field == "url" }) && t.Path != "" {
		t.Columns = slices.DeleteFunc(t.Columns, func(c ColumnUse) bool { return c.Field == "url" }) // a row has a file or an address
	}
	for _, n := range a.names {
		if n != "" && !a.inPath(n) && t.column(n) == nil {
			t.Keep = append(t.Keep, n)
		}
	}
	hasID := slices.ContainsFunc(t.Columns, func(c ColumnUse) bool { return c.Field == "externalId" })
	t.Joined = t.Path != "" && (!hasID || t.Strip != "" || t.Folders > 0)
}

func (a *analyst) usableID(u *use) bool {
	why := ""
	switch {
	case u.bad > 0:
		why = u.first
	case u.filled < a.t.Rows:
		why = fmt.Sprintf("%s without one, the first is row %d", count(a.t.Rows-u.filled, "row"), u.blank)
	case a.idTwice != "":
		why = a.idTwice
	default:
		return true
	}
	a.t.Notes = append(a.t.Notes, fmt.Sprintf("column %q is kept and not used as externalId: %s", u.Column, why)+" (give each row one of its own, and scan again)")
	return false
}

// others says that there are more cells like one.
func others(n int) string {
	if n == 0 {
		return ""
	}
	if n == 1 {
		return ", and 1 more cell does not fit"
	}
	return fmt.Sprintf(", and %d more cells do not fit", n)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// column is the use of a column; nil: none.
func (t *Table) column(name string) *ColumnUse {
	i := slices.IndexFunc(t.Columns, func(c ColumnUse) bool { return c.Column == name })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// Usable says what is missing for a manifest, or "".
func (t *Table) Usable() string {
	switch {
	case t.Path == "" && !slices.ContainsFunc(t.Columns, func(c ColumnUse) bool { return c.Field == "url" }):
		return "no column gives the path of a file"
	case !t.Joined && !slices.ContainsFunc(t.Columns, func(c ColumnUse) bool { return c.Field == "externalId" }):
		return "no column gives an ID for each row"
	}
	return ""
}

// Include are the lines of an include of the table, as the manifest names it, with
// its files under a root. exclude are paths below the root that a join leaves
// out.
func (t *Table) Include(table, root string, exclude []string) []string {
	var lines, columns []string
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, c := range t.Columns {
		columns = append(columns, fmt.Sprintf("%s: %s", c.Field, c.yaml()))
	}
	if !t.Joined && t.Path != "" {
		columns = slices.Insert(columns, min(1, len(columns)), "file: "+quoted(root+":"+t.Path))
	}
	body := func(indent string) {
		if len(columns) > 0 {
			line("%scolumns:", indent)
			for _, c := range columns {
				line("%s  %s", indent, c)
			}
		}
		if len(t.Keep) > 0 {
			var keep []string
			for _, k := range t.Keep {
				keep = append(keep, quoted(k))
			}
			line("%skeep: [%s]", indent, strings.Join(keep, ", "))
		}
	}
	if !t.Joined {
		line("table: %s", YAML(table))
		body("")
		return lines
	}
	line("files: %s", quoted(root+":**"))
	if len(exclude) > 0 {
		var all []string
		for _, e := range exclude {
			all = append(all, quoted(literal(e)))
		}
		line("exclude: [%s]", strings.Join(all, ", "))
	}
	line("tags: [\"{dirs}\"]               # each folder a tag; the table's are added")
	line("join:")
	line("  table: %s", YAML(table))
	line("  on: %s", quoted(t.Path))
	if t.Strip != "" {
		line("  strip: %s", YAML(t.Strip))
	}
	body("  ")
	return lines
}

// yaml is the column as the manifest writes it.
func (c ColumnUse) yaml() string {
	switch {
	case c.Split != "":
		return fmt.Sprintf("{column: %s, split: %s}", quoted(c.Column), quoted(c.Split))
	case strings.ContainsAny(c.Column, "{}"):
		return fmt.Sprintf("{column: %s}", quoted(c.Column))
	}
	return quoted(c.Column)
}

// quoted is a text as a scalar that may stand in a list or mapping on one line.
func quoted(s string) string {
	if strings.ContainsAny(s, ",{}[]") {
		return doubleQuoted(s)
	}
	return YAML(s)
}

// literal is a pattern that matches a path, and others only if they differ in
// characters that mean something in patterns.
func literal(p string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("*[]{}", r) {
			return '?'
		}
		return r
	}, p)
}
