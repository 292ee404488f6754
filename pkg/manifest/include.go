package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// laterIncludeKeys belong to the format and are refused until their work is done.
var laterIncludeKeys = map[string]string{
	"files": "globs", "externalId": "globs", "exclude": "globs", "tags": "globs",
	"join": "joining tables", "sheet": "sheets of a workbook", "encoding": "other encodings than UTF-8",
}

var includeKeys = []string{"table", "columns", "keep"}

func (h *headerReader) include(v Value) {
	d := &h.d
	d.field = "include"
	if v.Kind != MapValue {
		d.wrong(v, "a mapping: {table: inventory.csv}")
		return
	}
	inc := Include{Pos: v.Pos}
	named, refused := false, false
	for _, m := range v.Map {
		d.field = "include." + m.Key
		later, isLater := laterIncludeKeys[m.Key]
		switch {
		case isLater:
			if m.Value.Kind == NullValue {
				continue
			}
			if !refused || m.Key == "join" || m.Key == "files" {
				d.ps.add(CodeNotYet, m.Pos, fmt.Sprintf("include: key %q (%s) is not yet supported by this version", m.Key, later), "remove it; a table (.csv, .ndjson) with a row for each file does the same")
			}
			refused = true
		case m.Key == "table":
			named = m.Value.Kind != NullValue
			if named {
				h.table(&inc, m.Value)
			}
		case m.Key == "columns":
			h.columns(&inc, m.Value)
		case m.Key == "keep":
			if m.Value.Kind != NullValue {
				inc.Keep, _ = d.texts(m.Value, "a list of columns: [Old URL, Owner]", CodeEmpty, func(s string) (string, string) {
					if s == "" {
						return "keep lists a column without a name", "remove it"
					}
					return "", ""
				})
			}
		default:
			d.unknown(m, append(slices.Clone(includeKeys), "files", "join"))
		}
	}
	if !named && !refused {
		d.ps.add(CodeInclude, v.Pos, "the include names no table", "write {table: inventory.csv}")
	}
	if inc.Table != "" {
		h.m.Includes = append(h.m.Includes, inc)
	}
}

func (h *headerReader) table(inc *Include, v Value) {
	s, ok := h.d.text(v)
	if !ok {
		return
	}
	s = strings.ReplaceAll(s, `\`, "/")
	ext := strings.ToLower(path.Ext(s))
	switch {
	case strings.TrimSpace(s) == "":
		h.d.ps.add(CodeInclude, v.Pos, "the table's path is empty", "write {table: inventory.csv}")
	case remote(s):
		h.d.ps.add(CodeNotYet, v.Pos, fmt.Sprintf("table %q: tables from other places than folders are not yet supported by this version", clip(s)), "save it beside the manifest")
	case ext == ".tsv" || ext == ".xlsx":
		h.d.ps.add(CodeNotYet, v.Pos, fmt.Sprintf("table %q: %s is not yet supported by this version", clip(s), ext), "save it as CSV UTF-8")
	case ext != ".csv" && ext != ".ndjson":
		h.d.ps.add(CodeTableKind, v.Pos, fmt.Sprintf("table %q is neither .csv nor .ndjson", clip(s)), "save it as CSV UTF-8")
	default:
		inc.Pos = v.Pos
		inc.Table = cleanPath(s)
	}
}

func (h *headerReader) columns(inc *Include, v Value) {
	if v.Kind == NullValue {
		return
	}
	if v.Kind != MapValue {
		h.d.wrong(v, "a mapping: {externalId: ID, file: \"{Folder}/{File}\"}")
		return
	}
	inc.Columns = make(map[string]Column, len(v.Map))
	known := RowFields()
	for _, m := range v.Map {
		if !slices.Contains(known, m.Key) {
			if m.Key == "keep" {
				h.d.ps.add(CodeMisplaced, m.Pos, "keep cannot be mapped", "list the columns under the include's keep:")
				continue
			}
			h.d.unknown(m, known)
			continue
		}
		h.d.field = "columns." + m.Key
		if c, ok := h.column(m.Value); ok {
			inc.Columns[m.Key] = c
		}
	}
}

func (h *headerReader) column(v Value) (Column, bool) {
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
		if _, err := ParseTemplate(s); err != nil {
			d.ps.add(CodeInclude, v.Pos, fmt.Sprintf("%s: template %q: %v", d.field, clip(s), err), `write columns in braces: "{Folder}/{File}"`)
			return c, false
		}
		c.Template = s
		return c, true
	}
	ok, outer := true, d.field
	d.mapping(v, []string{"column", "split", "add"}, func(m Member) {
		d.field = outer + "." + m.Key
		if m.Key == "add" {
			ok = false
			d.ps.add(CodeNotYet, m.Pos, `key "add" of a column is not yet supported by this version`, "add to the dates in the table itself")
			return
		}
		s, good := d.scalar(m.Value, "a text")
		if !good {
			ok = false
			return
		}
		if m.Key == "column" {
			c.Column = strings.TrimSpace(s)
		} else if c.Split = s; s == "" {
			ok = false
			d.ps.add(CodeEmpty, m.Value.Pos, outer+": split is empty", `write the separator, for instance ";"`)
		}
	})
	if ok && c.Column == "" {
		d.ps.add(CodeEmpty, v.Pos, outer+" names no column", "write {column: Keywords}")
		return c, false
	}
	return c, ok
}
