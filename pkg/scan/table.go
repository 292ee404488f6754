package scan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// TableRow is a row of a table as it stands there.
type TableRow struct {
	Line  int
	Cells []string // valid until the next row; without what reports put before what looks like a formula
}

// Rows reads a table from its start, its header row first.
type Rows func(ctx context.Context) iter.Seq2[TableRow, error]

// TableOptions say how a table is looked at.
type TableOptions struct {
	Mappings []Mapping // the first that knows the table counts
	// There reports whether a file is at a path below the root; nil when nobody
	// knows where the files are.
	There func(ctx context.Context, path string) bool
	Look  int // rows whose file is looked for; 0 is 200
}

// Table is what the columns of a table probably mean.
type Table struct {
	Mapping string      `json:"mapping"` // name of the one that knows it
	Rows    int         `json:"rows"`    // about files
	Folders int         `json:"folders"` // rows about folders
	Path    string      `json:"path"`    // template of a row's file; "" when no column tells
	Strip   string      `json:"strip"`   // beginning of it that is not below the root
	Columns []ColumnUse `json:"columns"`
	Keep    []string    `json:"keep"` // columns that are no field
	Notes   []string    `json:"notes,omitempty"`
	Looked  int         `json:"looked"`            // rows whose file was looked for
	Found   int         `json:"found"`             // of them
	Missing []string    `json:"missing,omitempty"` // the first few of the others, when some were found: paths below Strip

	// Joined says that the files are the items and the table tells about them;
	// else its rows are the items.
	Joined bool `json:"joined"`
	// Zone says that dates come without a time.
	Zone bool `json:"-"`
	// Values are those of fields that are called otherwise in Showpad, by the
	// name of the manifest's map.
	Values map[string]*Values `json:"-"`
	// First is the path of the first row's file, below Strip.
	First string `json:"-"`
}

// ColumnUse is a field and the column that gives it.
type ColumnUse struct {
	Field  string `json:"field"`
	Column string `json:"column"`
	Split  string `json:"split,omitempty"` // between the parts of a list; "" is a semicolon
	index  int
}

// mapOf are the fields whose values a map of the manifest turns into others.
var mapOf = map[string]string{"authors": "people", "tags": "tags", "languages": "languages", "countries": "countries"}

const sampleRows = 1000 // rows by which columns are told apart

// ReadTable looks at a table. The error is [manifest.Problems], one of reading,
// or the context's.
func ReadTable(ctx context.Context, rows Rows, o TableOptions) (*Table, error) {
	a := &analyst{TableOptions: o, t: &Table{Values: map[string]*Values{}, Columns: []ColumnUse{}, Keep: []string{}}, rows: rows, folder: -1}
	if a.Look == 0 {
		a.Look = 200
	}
	if err := a.sample(ctx); err != nil {
		return nil, err
	}
	a.findPath(ctx)
	a.findColumns()
	if err := a.readAll(ctx); err != nil {
		return nil, err
	}
	a.conclude()
	return a.t, nil
}

// analyst fills in a table.
type analyst struct {
	TableOptions
	t       *Table
	rows    Rows
	mapping Mapping
	names   []string // of columns; "" for those without one, and for a second one of the same name
	header  headers
	folder  int // column that tells rows about folders; below 0: none
	some    [][]string
	uses    []*use
	ids     manifest.IDs
	idTwice string // the first IDs that two rows share
}

// use is a column that may be a field.
type use struct {
	ColumnUse
	filled int    // cells
	blank  int    // the first row without one; 0: none
	bad    int    // cells that the field does not take
	first  string // of them: where and what
	days   bool   // dates without a time
	values *Values
}

func (a *analyst) sample(ctx context.Context) error {
	for row, err := range a.rows(ctx) {
		if err != nil {
			return err
		}
		if a.names == nil {
			a.names = []string{}
			for _, c := range row.Cells {
				if c = strings.TrimSpace(c); slices.Contains(a.names, c) {
					c = ""
				}
				a.names = append(a.names, c)
			}
			a.header = headersOf(a.names)
			continue
		}
		if a.some = append(a.some, slices.Clone(row.Cells)); len(a.some) == sampleRows {
			break
		}
	}
	if len(a.some) == 0 {
		return fmt.Errorf("%w: it has no rows", ErrTable)
	}
	i := slices.IndexFunc(a.Mappings, func(m Mapping) bool { return m.knows(a.header) })
	if i < 0 {
		return fmt.Errorf("%w: it lacks columns that the mapping needs, and has %s", ErrTable, strings.Join(slices.DeleteFunc(slices.Clone(a.names), func(s string) bool { return s == "" }), ", "))
	}
	a.mapping = a.Mappings[i]
	a.t.Mapping = a.mapping.Name
	if c := a.mapping.Folders.Column; c != "" {
		a.folder = a.header.find(c)
	}
	a.some = slices.DeleteFunc(a.some, a.aboutFolder)
	return nil
}

// ErrTable is that of a table that tells nothing.
var ErrTable = errors.New("the table cannot be used")

func (a *analyst) aboutFolder(cells []string) bool {
	return a.folder >= 0 && a.folder < len(cells) && slices.ContainsFunc(strings.Split(a.mapping.Folders.Value, "|"), func(v string) bool {
		return fold(cells[a.folder]) == fold(v)
	})
}

func cell(cells []string, i int) string {
	if i < 0 || i >= len(cells) {
		return ""
	}
	return strings.TrimSpace(cells[i])
}

// candidate is a way to make the path of a row's file.
type candidate struct {
	text  string // the template with the table's own headers
	t     manifest.Template
	paths []string // of the sample
	strip string
	found int
	lost  []string // the first few that are not there, when some are
	good  int      // paths that look like files
	whole bool     // they begin with a slash
}

// findPath finds which columns give the path of a row's file.
func (a *analyst) findPath(ctx context.Context) {
	var best *candidate
	for _, text := range a.paths() {
		c := a.candidate(text)
		if c == nil || c.good*2 < len(a.some) {
			continue
		}
		if a.There != nil {
			a.look(ctx, c)
		}
		if best == nil || c.found > best.found {
			best = c
		}
	}
	if best == nil {
		return
	}
	if best.found == 0 {
		best.strip = guessStrip(best.paths, best.whole)
	}
	a.t.Path, a.t.Strip, a.t.Found, a.t.Missing, a.t.First = best.text, best.strip, best.found, best.lost, strings.TrimPrefix(best.paths[0], best.strip)
	if a.There != nil {
		a.t.Looked = min(len(best.paths), a.Look)
	}
}

// paths are the templates that come into question: in a table with the name of the
// field, that column alone.
func (a *analyst) paths() []string {
	if slices.Contains(a.names, "file") && slices.Contains(a.names, "externalId") && len(a.mapping.Paths) > 1 {
		return []string{"{file}"}
	}
	return append(slices.Clone(a.mapping.Paths), "{file}")
}

// candidate is a template whose columns the table has; nil when it has not.
func (a *analyst) candidate(text string) *candidate {
	t, err := manifest.ParseTemplate(text)
	if err != nil {
		return nil
	}
	c := &candidate{}
	index := map[string]int{}
	for i := range t {
		if t[i].Column == "" {
			c.text += strings.NewReplacer("{", "{{", "}", "}}").Replace(t[i].Text)
			continue
		}
		at := a.header.find(t[i].Column)
		if at < 0 || strings.ContainsAny(a.names[at], "{}") {
			return nil
		}
		t[i].Column = a.names[at]
		index[t[i].Column] = at
		c.text += "{" + t[i].Column + "}"
	}
	c.t = t
	for _, row := range a.some {
		text := t.Expand(func(name string) string { return cell(row, index[name]) })
		c.whole = c.whole || strings.HasPrefix(text, "/") || strings.HasPrefix(text, `\`)
		p := cleanPath(text)
		if p == "" || strings.Contains(p, "://") {
			continue
		}
		c.paths = append(c.paths, p)
		if ext := extension(baseName(p)); ext != "" && len(ext) <= 6 && !strings.Contains(ext, " ") {
			c.good++
		}
	}
	return c
}

// cleanPath is a path as a join compares it.
func cleanPath(p string) string {
	p = strings.TrimLeft(strings.ReplaceAll(strings.TrimSpace(p), `\`, "/"), "/")
	if p == "" {
		return ""
	}
	return strings.TrimLeft(path.Clean(p), "/")
}

// look finds which beginning of the paths is not below the root.
func (a *analyst) look(ctx context.Context, c *candidate) {
	dir := commonFolder(c.paths)
	strips := []string{""}
	for i := range len(dir) {
		if dir[i] == '/' {
			strips = append(strips, dir[:i+1])
		}
	}
	for _, strip := range strips {
		found := 0
		var lost []string
		for _, p := range c.paths[:min(len(c.paths), a.Look)] {
			p = strings.TrimPrefix(p, strip)
			switch {
			case a.There(ctx, p):
				found++
			case len(lost) < someSamples:
				lost = append(lost, p)
			}
		}
		if found > c.found {
			c.found, c.strip, c.lost = found, strip, lost
		}
	}
}

// commonFolder is the folder that all paths are in, with a slash at its end, or
// "".
func commonFolder(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	dir := paths[0][:strings.LastIndexByte(paths[0], '/')+1]
	for _, p := range paths {
		for !strings.HasPrefix(p, dir) {
			dir = strings.TrimSuffix(dir, "/")
			dir = dir[:strings.LastIndexByte(dir, '/')+1]
		}
	}
	return dir
}

// guessStrip is the beginning of paths that name a place on a server: of
// SharePoint the site and its library.
func guessStrip(paths []string, whole bool) string {
	dir := commonFolder(paths)
	parts := strings.Split(strings.TrimSuffix(dir, "/"), "/")
	switch {
	case dir == "":
		return ""
	case slices.Contains([]string{"sites", "teams", "personal"}, strings.ToLower(parts[0])):
		return strings.Join(parts[:min(len(parts), 3)], "/") + "/"
	case whole, len(parts[0]) == 2 && parts[0][1] == ':': // a drive
		return dir
	}
	return ""
}

// findColumns finds which column may give which field.
func (a *analyst) findColumns() {
	used := map[int]bool{}
	for _, field := range mappable {
		i := -1
		for _, name := range append([]string{field}, a.mapping.Columns[field]...) {
			at := a.header.find(name)
			if at >= 0 && !used[at] && a.filled(at) && (field == "externalId" || !a.inPath(a.names[at])) {
				i = at
				break
			}
		}
		if i < 0 {
			continue
		}
		used[i] = true
		u := &use{ColumnUse: ColumnUse{Field: field, Column: a.names[i], index: i}}
		if mapOf[field] != "" {
			u.values = newValues()
			u.Split = a.separator(field, i)
		}
		a.uses = append(a.uses, u)
	}
}

// filled reports whether a column says anything.
func (a *analyst) filled(i int) bool {
	return slices.ContainsFunc(a.some, func(row []string) bool { return cell(row, i) != "" })
}

// inPath reports whether a column is a part of the path.
func (a *analyst) inPath(column string) bool { return strings.Contains(a.t.Path, "{"+column+"}") }

// separator is what parts the values of a list in a column. Commas stand in
// names of people too.
func (a *analyst) separator(field string, i int) string {
	counts := map[string]int{}
	for _, row := range a.some {
		for _, sep := range []string{";", "|", "\n", ","} {
			if strings.Contains(cell(row, i), sep) {
				counts[sep]++
			}
		}
	}
	for _, sep := range []string{";", "|", "\n", ","} {
		if counts[sep] > 0 && (sep != "," || field != "authors") {
			return strings.TrimPrefix(sep, ";")
		}
	}
	return ""
}
