package manifest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

const templateForm = `[{}]`

// anyCase is a pattern for words whatever their case.
func anyCase(words ...string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte('|')
		}
		for _, r := range regexp.QuoteMeta(w) {
			if up, low := strings.ToUpper(string(r)), strings.ToLower(string(r)); up != low {
				b.WriteString("[" + up + low + "]")
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// tableForm is the pattern of a table's path.
func tableForm() string {
	kinds := slices.DeleteFunc(slices.Clone(tableKinds), func(ext string) bool { return isLater("table" + ext) })
	return `(` + anyCase(kinds...) + `)$`
}

// tableProperties are the keys that say how a table is read, whose columns may
// be mapped to the fields.
func tableProperties(fields []string) object {
	text := textSchema(object{"pattern": notBlank})
	columns := object{}
	for _, name := range fields {
		p := object{"column": text, "template": text}
		if isLater("column.value") {
			p["value"] = object{"not": object{}, "description": "Not yet supported by this version."}
		} else {
			p["value"] = constantSchema(name)
		}
		if isList(name) {
			p["split"] = textSchema(object{"minLength": 1})
		}
		if isDate(name) {
			p["add"] = object{"not": object{}, "description": "Not yet supported by this version."}
			if !isLater("column.add") {
				p["add"] = object{"type": "string", "pattern": `^\s*\+?\s*` + span + `\s*$`}
			}
		}
		one := closed(p)
		one["oneOf"] = []any{object{"required": []string{"column"}}, object{"required": []string{"template"}}, object{"required": []string{"value"}}}
		columns[name] = object{"anyOf": []any{text, one}}
	}
	return object{
		"table":    object{"type": "string", "pattern": tableForm(), "description": "A table beside the manifest, .csv, .tsv, .xlsx or .ndjson; one row an item"},
		"sheet":    unlessLater("include.sheet", nullOr(text), "Sheet of an .xlsx table, by name or number; default: the first one that is shown"),
		"encoding": unlessLater("include.encoding", nullOr(object{"type": "string"}), "Encoding of a .csv or .tsv table, such as windows-1252 or utf-16; default: found out"),
		"columns": describe(nullOr(closed(columns)), "How fields are made from columns: a column's header, a template as in \"{Folder}/{File}\", "+
			"or {column: ..., split: ...}, {column: ..., add: 24 months}, {value: ...}"),
		"keep": describe(nullOr(listSchema(text)), "Columns carried into the results"),
	}
}

// constantSchema is the schema of a value that stands for all rows.
func constantSchema(name string) object {
	switch f, ok := FieldByName(name); {
	case name == "division":
		return nullOr(textSchema(object{"pattern": notBlank}))
	case name == "allowEmpty":
		return nullOr(object{"type": "boolean"})
	case strings.HasPrefix(name, "enforcedPages."):
		return nullOr(pagesSchema())
	case name == "tags":
		return tagsSchema()
	case ok:
		return nullOr(f.Kind.schema())
	}
	return object{"type": "null"}
}

// globProperties are the keys of an include of files.
func globProperties() object {
	template := object{"type": "string", "pattern": templateForm}
	p := object{
		"files":   unlessLater("include.files", textSchema(object{"pattern": notBlank}), "A glob under a root: \"decks:**/*.pdf\"; each file an item"),
		"exclude": describe(nullOr(listSchema(textSchema(object{"pattern": notBlank}))), "Globs of paths below the root that are left out"),
		"join":    unlessLater("include.join", nullOr(joinSchema()), "A table with what is known of the files"),
	}
	permissions, pages := object{}, object{}
	for _, name := range SetFields() {
		s := object{"anyOf": []any{constantSchema(name), template}}
		if isList(name) { // a template stands in the list
			s = object{"anyOf": []any{constantSchema(name)}}
		}
		if f, ok := FieldByName(name); ok {
			s["description"] = f.Doc
		}
		if sub, ok := strings.CutPrefix(name, "permissions."); ok {
			permissions[sub] = s
		} else if sub, ok := strings.CutPrefix(name, "enforcedPages."); ok {
			pages[sub] = s
		} else {
			p[name] = s
		}
	}
	p["externalId"] = object{"anyOf": []any{template, object{"type": "null"}}, "description": "Template of the external ID: \"decks/{path}\""}
	p["permissions"] = describe(nullOr(closed(permissions)), "What people may do with the files")
	p["enforcedPages"] = describe(nullOr(closed(pages)), fields[fieldIndex["enforcedPages"]].Doc)
	return p
}

func joinSchema() object {
	p := tableProperties(slices.DeleteFunc(RowFields(), func(s string) bool { return s == "file" || s == "url" }))
	text := textSchema(object{"pattern": notBlank})
	p["on"] = describe(text, "Template over the table's columns that gives a file's path: \"{Path}/{Name}\"")
	p["strip"] = describe(nullOr(textSchema(nil)), "Beginning to take off that path")
	return closed(p, "table", "on")
}

func includeSchema() object {
	p := tableProperties(RowFields())
	globs := globProperties()
	none := object{"type": "null"}
	table, files := object{}, object{}
	for key := range globs {
		table[key] = none
	}
	for key := range p {
		files[key] = none
	}
	maps.Copy(p, globs)
	s := closed(p)
	s["oneOf"] = []any{
		object{"required": []string{"table"}, "properties": table},
		object{"required": []string{"files"}, "properties": files},
	}
	return s
}

func mapsSchema() object {
	text := textSchema(nil)
	m := object{"anyOf": []any{
		object{"type": "string", "pattern": `(` + anyCase(mapKinds...) + `)\s*$`},
		object{"type": "object", "additionalProperties": nullOr(text)},
		object{"type": "null"},
	}}
	p := object{}
	for _, k := range mapKeys {
		p[k.name] = describe(m, k.doc)
	}
	authors := KindAuthors.schema()
	authors["minItems"] = 1
	p["fallback"] = describe(nullOr(closed(object{"authors": describe(object{"anyOf": []any{authors, authors["items"], object{"type": "null"}}},
		"Who stands in for authors that the service does not know")})), "What stands in for what is unknown")
	return closed(p)
}
