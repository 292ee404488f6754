package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Include is a table whose rows are items, or a glob whose files are. Exactly
// one of Table and Files is set.
type Include struct {
	Pos Pos

	Table    string            // path as written, relative to the manifest's folder; .csv, .tsv, .xlsx or .ndjson
	Sheet    string            // of a workbook, by name or number from 1; "": see package expand
	Encoding string            // canonical name, one of [Encodings]; "": found out
	Columns  map[string]Column // field name ("externalId", "permissions.isShareable", ...) to column; nil: the header row has field names
	Keep     []string          // columns carried into the results

	Files   string            // "decks:**/*.pdf" as written; [ParseGlob] takes it apart
	Exclude []string          // patterns of paths below the root that are left out
	Set     map[string]Column // field name to template or constant, see [SetFields]; never a Column.Column
	Join    *Join
}

// Join is a table with what is known of the files of a glob.
type Join struct {
	Pos      Pos
	Table    string // as in [Include]
	Sheet    string
	Encoding string
	On       string            // template over the table's columns that gives a file's path below the root
	Strip    string            // beginning to take off that path, slashes turned; "": nothing
	Columns  map[string]Column // as in [Include]; never file and url
	Keep     []string
}

// tableKeys say how a table is read; the rest of an include's keys belong to globs.
var (
	tableKeys   = []string{"table", "sheet", "encoding", "columns", "keep"}
	globKeys    = []string{"files", "exclude", "join"}
	joinKeys    = append([]string{"on", "strip"}, tableKeys...)
	includeKeys = slices.Concat(tableKeys, globKeys)
)

func (h *headerReader) include(v Value) {
	d := &h.d
	d.field = "include"
	if v.Kind != MapValue {
		d.wrong(v, "a mapping: {table: inventory.csv}")
		return
	}
	inc := Include{Pos: v.Pos}
	table, files := memberOf(v, "table"), memberOf(v, "files")
	switch {
	case table != nil && files != nil:
		d.ps.add(CodeInclude, files.Pos, "the include has both table and files", "write two includes, or join: {table: ...} for a table about the files")
		return
	case files != nil:
		h.glob(&inc, v, *files)
		return
	case table == nil:
		d.ps.add(CodeInclude, v.Pos, "the include names neither table nor files", `write {table: inventory.csv}, or {files: "decks:**/*.pdf"}`)
	}
	t := tableSource{what: "include", fields: RowFields()}
	for _, m := range v.Map {
		d.field = "include." + m.Key
		switch {
		case slices.Contains(tableKeys, m.Key):
			t.read(h, m)
		case slices.Contains(globKeys, m.Key):
			if m.Value.Kind != NullValue && table != nil {
				d.ps.add(CodeInclude, m.Pos, fmt.Sprintf("include: %s goes with files, not with a table", m.Key), "remove it")
			}
		case slices.Contains(SetFields(), m.Key) || m.Key == "permissions" || slices.Contains(itemFieldKeys, m.Key):
			d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q of an include goes with files, not with a table", m.Key), fmt.Sprintf("write it under columns: {%s: {value: ...}}, or under defaults:", m.Key))
		default:
			d.unknown(m, includeKeys)
		}
	}
	if t.usable(h) {
		inc.Pos, inc.Table, inc.Sheet, inc.Encoding, inc.Columns, inc.Keep = t.pos, t.table, t.sheet, t.encoding, t.columns, t.keep
		h.m.Includes = append(h.m.Includes, inc)
	}
}

// memberOf is the member of a mapping that says something, or nil.
func memberOf(v Value, key string) *Member {
	for i := range v.Map {
		if v.Map[i].Key == key && v.Map[i].Value.Kind != NullValue {
			return &v.Map[i]
		}
	}
	return nil
}

// tableSource is a table as an include or a join names it.
type tableSource struct {
	what   string   // "include" or "join", for messages
	fields []string // that columns may be mapped to

	pos                    Pos // of the table's path
	table, sheet, encoding string
	sheetAt, encodingAt    Pos
	columns                map[string]Column
	keep                   []string
}

// read takes over one of the keys of [tableKeys].
func (t *tableSource) read(h *headerReader, m Member) {
	d := &h.d
	if m.Value.Kind == NullValue {
		return
	}
	switch m.Key {
	case "table":
		t.path(h, m.Value)
	case "sheet":
		t.sheetAt = m.Pos
		d.later("include.sheet", m.Pos)
		s, ok := d.scalar(m.Value, "the sheet's name, or its number from 1")
		if t.sheet = strings.TrimSpace(s); ok && t.sheet == "" {
			d.ps.add(CodeEmpty, m.Value.Pos, d.field+" is empty", "write the sheet's name, or leave the key out")
		}
	case "encoding":
		t.encodingAt = m.Pos
		d.later("include.encoding", m.Pos)
		t.encoding = d.encoding(m.Value)
	case "columns":
		t.columns = h.columns(m.Value, t.fields)
	case "keep":
		t.keep, _ = d.texts(m.Value, "a list of columns: [Old URL, Owner]", CodeEmpty, func(s string) (string, string) {
			if s == "" {
				return "keep lists a column without a name", "remove it"
			}
			return "", ""
		})
	}
}

func (t *tableSource) path(h *headerReader, v Value) {
	s, ok := h.d.text(v)
	if !ok {
		return
	}
	s = strings.ReplaceAll(s, `\`, "/")
	ext := strings.ToLower(path.Ext(s))
	t.pos = v.Pos
	switch {
	case strings.TrimSpace(s) == "":
		h.d.ps.add(CodeInclude, v.Pos, "the table's path is empty", "write {table: inventory.csv}")
	case schemeForm.MatchString(s) || isRemote(s):
		h.d.ps.add(CodeInclude, v.Pos, fmt.Sprintf("table %q is not a file of this machine", withoutQuery(s)), "save it beside the manifest, and write its path; ./like:this if its name holds a colon")
	case !slices.Contains(tableKinds, ext):
		h.d.ps.add(CodeTableKind, v.Pos, fmt.Sprintf("table %q is none of .csv, .tsv, .xlsx, .ndjson", clip(s)), "save it as .xlsx or as CSV UTF-8")
	default:
		t.table = cleanPath(s)
		h.d.later("table"+ext, v.Pos)
	}
}

var tableKinds = []string{".csv", ".tsv", ".xlsx", ".ndjson"}

// usable reports whether a table was named, and what does not go with it.
func (t *tableSource) usable(h *headerReader) bool {
	if t.table == "" {
		return false
	}
	ext := strings.ToLower(path.Ext(t.table))
	if t.sheet != "" && ext != ".xlsx" {
		h.d.ps.add(CodeInclude, t.sheetAt, fmt.Sprintf("%s: a %s table has no sheets", t.what, ext), "remove sheet:, or name an .xlsx table")
	}
	if t.encoding != "" && ext != ".csv" && ext != ".tsv" {
		h.d.ps.add(CodeInclude, t.encodingAt, fmt.Sprintf("%s: the encoding of a %s table is fixed", t.what, ext), "remove encoding:")
	}
	return true
}

// glob reads an include of files.
func (h *headerReader) glob(inc *Include, v Value, files Member) {
	d := &h.d
	d.later("include.files", files.Pos)
	inc.Set = map[string]Column{}
	for _, m := range v.Map {
		d.field = "include." + m.Key
		switch {
		case m.Key == "files":
			if s, ok := d.text(m.Value); ok {
				if _, p := ParseGlob(s, h.m.Roots, m.Value.Pos); p != nil {
					d.ps.put(*p)
				} else {
					inc.Pos, inc.Files = m.Value.Pos, s
				}
			}
		case m.Key == "exclude":
			inc.Exclude = d.patterns(m.Value)
		case m.Key == "join":
			if m.Value.Kind != NullValue {
				inc.Join = h.join(m)
			}
		case slices.Contains(tableKeys, m.Key):
			if m.Value.Kind != NullValue {
				d.ps.add(CodeInclude, m.Pos, fmt.Sprintf("include: %s goes with a table, not with files", m.Key), fmt.Sprintf("remove it, or write join: {table: ..., %s: ...} for a table about the files", m.Key))
			}
		default:
			h.set(inc, m)
		}
	}
	if inc.Files != "" {
		h.m.Includes = append(h.m.Includes, *inc)
	}
}

// join reads the table that came apart from the files.
func (h *headerReader) join(m Member) *Join {
	d := &h.d
	d.later("include.join", m.Pos)
	v := m.Value
	if v.Kind != MapValue {
		d.wrong(v, `a mapping: {table: export.csv, on: "{Path}/{Name}"}`)
		return nil
	}
	fields := slices.DeleteFunc(RowFields(), func(s string) bool { return s == "file" || s == "url" })
	t := tableSource{what: "join", fields: fields}
	j := &Join{Pos: m.Pos}
	for _, m := range v.Map {
		d.field = "join." + m.Key
		switch {
		case slices.Contains(tableKeys, m.Key):
			t.read(h, m)
		case m.Value.Kind == NullValue:
		case m.Key == "on":
			j.On = d.joinKey(m.Value)
		case m.Key == "strip":
			s, _ := d.text(m.Value)
			j.Strip = strings.ReplaceAll(s, `\`, "/")
		default:
			d.unknown(m, joinKeys)
		}
	}
	if memberOf(v, "table") == nil {
		d.ps.add(CodeInclude, v.Pos, "join names no table", `write join: {table: export.csv, on: "{Path}/{Name}"}`)
	}
	if memberOf(v, "on") == nil {
		d.ps.add(CodeInclude, v.Pos, "join does not say which columns give a file's path", `write on: "{Path}/{Name}"`)
	}
	if !t.usable(h) || j.On == "" {
		return nil
	}
	j.Pos, j.Table, j.Sheet, j.Encoding, j.Columns, j.Keep = t.pos, t.table, t.sheet, t.encoding, t.columns, t.keep
	return j
}

// joinKey is a template; a text without braces is a column's name.
func (d *decoder) joinKey(v Value) string {
	s, ok := d.scalar(v, `a template: "{Path}/{Name}"`)
	switch {
	case !ok:
		return ""
	case strings.TrimSpace(s) == "":
		d.ps.add(CodeEmpty, v.Pos, d.field+" names no column", `write on: "{Path}/{Name}"`)
		return ""
	case !strings.ContainsAny(s, "{}"):
		return "{" + strings.TrimSpace(s) + "}"
	}
	t, err := ParseTemplate(s)
	if err == nil && !slices.ContainsFunc(t, func(p TemplatePart) bool { return p.Column != "" }) {
		err = errNoColumn
	}
	if err != nil {
		d.ps.add(CodeInclude, v.Pos, fmt.Sprintf("%s: template %q: %v", d.field, clip(s), err), `write columns in braces: "{Path}/{Name}"`)
		return ""
	}
	return s
}

// patterns reads globs of paths that are left out.
func (d *decoder) patterns(v Value) []string {
	if v.Kind == NullValue {
		return nil
	}
	out, _ := d.texts(v, `a list of patterns: ["**/Archive/**"]`, CodeInclude, func(s string) (string, string) {
		p := strings.ReplaceAll(s, `\`, "/")
		if strings.HasPrefix(p, "/") {
			return fmt.Sprintf("pattern %q begins with a slash", clip(s)), "patterns begin at the root: write old/** or **/old/**"
		}
		if what := patternWrong(p); what != "" {
			return fmt.Sprintf("pattern %q %s", clip(s), what), `write one such as "**/Archive/**"`
		}
		return "", ""
	})
	for i, p := range out {
		out[i] = strings.TrimPrefix(strings.ReplaceAll(p, `\`, "/"), "./")
	}
	return out
}
