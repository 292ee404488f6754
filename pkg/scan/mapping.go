package scan

import (
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// Mapping says what the columns of a kind of table are. Headers are compared
// without capitals, blanks and punctuation, and a | parts several that one column
// may have.
type Mapping struct {
	Name    string
	Needs   []string            // columns by which such a table is known; none: any table
	Paths   []string            // templates of a file's path, the likeliest first
	Folders FolderRows          // the zero value: every row is about a file
	Columns map[string][]string // field to the headers that it may have, the likeliest first; a field's own name always is one
}

// FolderRows are rows about folders, which exports of libraries have too.
type FolderRows struct{ Column, Value string }

//go:embed mappings/*.yaml
var builtin embed.FS

// Mappings are those that come with the program, the most particular first.
func Mappings() ([]Mapping, error) {
	var all []Mapping
	for _, name := range []string{"sharepoint", "sharepoint-fields", "list"} {
		f, err := builtin.Open("mappings/" + name + ".yaml")
		if err != nil {
			return nil, err
		}
		m, err := ReadMapping(f, name+".yaml")
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// ReadMapping reads a mapping file. The error is [manifest.Problems], or one of r.
func ReadMapping(r io.Reader, file string) (Mapping, error) {
	var m Mapping
	v, err := manifest.ReadYAML(r, file)
	if err != nil {
		return m, err
	}
	d := &mappingReader{m: &m}
	d.read(v)
	if len(d.ps) > 0 {
		return m, d.ps
	}
	return m, nil
}

type mappingReader struct {
	m  *Mapping
	ps manifest.Problems
}

func (d *mappingReader) wrong(pos manifest.Pos, what, fix string) {
	d.ps = append(d.ps, manifest.NewProblem(manifest.CodeType, pos, what, fix))
}

func (d *mappingReader) read(v manifest.Value) {
	if v.Kind != manifest.MapValue {
		d.wrong(v.Pos, "a mapping of columns is "+v.Kind.String(), `write its keys: name, path, columns`)
		return
	}
	for _, k := range v.Map {
		switch k.Key {
		case "name":
			d.m.Name = d.text(k.Key, k.Value)
		case "needs":
			d.m.Needs = d.texts(k.Key, k.Value)
		case "path":
			for _, s := range d.texts(k.Key, k.Value) {
				t, err := manifest.ParseTemplate(s)
				if err == nil && !slices.ContainsFunc(t, func(p manifest.TemplatePart) bool { return p.Column != "" }) {
					err = fmt.Errorf("it names no column")
				}
				if err != nil {
					d.wrong(k.Value.Pos, fmt.Sprintf("path: template %q: %v", s, err), `write columns in braces: "{Folder}/{File}"`)
					continue
				}
				d.m.Paths = append(d.m.Paths, s)
			}
		case "folders":
			for _, f := range k.Value.Map {
				switch f.Key {
				case "column":
					d.m.Folders.Column = d.text("folders.column", f.Value)
				case "value":
					d.m.Folders.Value = d.text("folders.value", f.Value)
				default:
					d.unknown(f, []string{"column", "value"})
				}
			}
			if d.m.Folders.Column == "" {
				d.wrong(k.Value.Pos, "folders names no column", "write folders: {column: Item Type, value: Folder}")
			}
		case "columns":
			d.columns(k.Value)
		default:
			d.unknown(k, []string{"name", "needs", "path", "folders", "columns"})
		}
	}
}

func (d *mappingReader) columns(v manifest.Value) {
	if v.Kind != manifest.MapValue {
		d.wrong(v.Pos, "columns is "+v.Kind.String(), "write fields with the headers that they may have: {name: [Title, Display Name]}")
		return
	}
	d.m.Columns = map[string][]string{}
	for _, k := range v.Map {
		if !slices.Contains(mappable, k.Key) {
			d.unknown(k, mappable)
			continue
		}
		d.m.Columns[k.Key] = d.texts("columns."+k.Key, k.Value)
	}
}

// mappable are the fields that a table may have besides the file.
var mappable = slices.DeleteFunc(manifest.RowFields(), func(s string) bool { return s == "file" || s == "id" || s == "allowEmpty" })

func (d *mappingReader) unknown(k manifest.Member, known []string) {
	fix := "write one of " + strings.Join(known, ", ")
	if s := manifest.Suggest(k.Key, known); s != "" {
		fix = fmt.Sprintf("did you mean %q?", s)
	}
	d.ps = append(d.ps, manifest.NewProblem(manifest.CodeUnknownKey, k.Pos, fmt.Sprintf("unknown key %q", k.Key), fix))
}

func (d *mappingReader) text(key string, v manifest.Value) string {
	if v.Kind != manifest.TextValue && v.Kind != manifest.NumberValue || strings.TrimSpace(v.Text) == "" {
		d.wrong(v.Pos, key+" is "+v.Kind.String(), "write a text")
		return ""
	}
	return v.Text
}

// texts are a list of texts, or one of them alone.
func (d *mappingReader) texts(key string, v manifest.Value) []string {
	if v.Kind != manifest.ListValue {
		v.List = []manifest.Value{v}
	}
	var out []string
	for _, e := range v.List {
		if s := d.text(key, e); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// fold is what different spellings of a header have in common.
func fold(header string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, header)
}

// headers are the columns of a table by their folded names.
type headers map[string]int

func headersOf(cells []string) headers {
	h := headers{}
	for i, c := range cells {
		if f := fold(c); f != "" {
			if _, ok := h[f]; !ok {
				h[f] = i
			}
		}
	}
	return h
}

// find is the first of the names that is a column; below 0: none. A name may be
// several, parted by |.
func (h headers) find(names ...string) int {
	for _, n := range names {
		for one := range strings.SplitSeq(n, "|") {
			if i, ok := h[fold(one)]; ok {
				return i
			}
		}
	}
	return -1
}

// knows reports whether a table with these columns is of this kind.
func (m Mapping) knows(h headers) bool {
	return !slices.ContainsFunc(m.Needs, func(n string) bool { return h.find(n) < 0 })
}
