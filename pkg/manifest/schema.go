package manifest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Schema is the JSON Schema (draft 2020-12) of a manifest's header. Its
// $defs/item describes an item: an element of assets and a further document.
// It holds what the parser demands of each value alone; what several values
// say together, and what depends on the machine or the service, is the parser's.
func Schema() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(headerSchema()); err != nil {
		panic("manifest: schema: " + err.Error()) // maps of plain values always encode
	}
	return b.Bytes()
}

type object = map[string]any

// Texts may be written as numbers: 2026 is a tag. YAML's true is not a text.
func textSchema(more object) object {
	s := object{"type": []string{"string", "number"}}
	maps.Copy(s, more)
	return s
}

func listSchema(items object) object { return object{"type": "array", "items": items} }

func closed(properties object, required ...string) object {
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func nullOr(s object) object { return object{"anyOf": []any{s, object{"type": "null"}}} }

func describe(s object, doc string) object {
	out := object{"description": doc}
	maps.Copy(out, s)
	return out
}

// unlessLater is s with its description; a part that is refused may be null only.
func unlessLater(part string, s object, doc string) object {
	if isLater(part) {
		return object{"type": "null", "description": doc + ". Not yet supported by this version."}
	}
	return describe(s, doc)
}

func words(w ...string) object { return object{"enum": w} }

const (
	printable    = `^[^\x00-\x1f\x7f]*$`
	notBlank     = `\S`
	oneSpan      = `\d{1,4}\s*([Dd][Aa][Yy]|[Ww][Ee][Ee][Kk]|[Mm][Oo][Nn][Tt][Hh]|[Yy][Ee][Aa][Rr])[Ss]?`
	span         = oneSpan + `(\s+` + oneSpan + `)*`
	instantForm  = `^\s*(\+\s*` + span + `|\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}([.,]\d+)?(Z|[+-]\d{2}:\d{2}))?)\s*$`
	tagForm      = `^[^\r\n\t]*\S[^\r\n\t]*$`
	externalForm = `^[^\s,\x00-\x1f\x7f]([^,\x00-\x1f\x7f]*[^\s,\x00-\x1f\x7f])?$`
)

func pagesSchema() object {
	page := object{"type": "integer", "minimum": 1}
	return listSchema(closed(object{"start": page, "end": page}, "start", "end"))
}

func (k FieldKind) schema() object {
	switch k {
	case KindName:
		return textSchema(object{"minLength": 1, "maxLength": maxName, "pattern": printable})
	case KindBool:
		return object{"type": "boolean"}
	case KindTags:
		return object{"$ref": "#/$defs/tags"}
	case KindLocales:
		return listSchema(textSchema(object{"pattern": `^\s*[^\s,]+\s*$`}))
	case KindAuthors:
		return listSchema(textSchema(object{"pattern": `^\s*([^\s,@]+@)?[^\s,@]+\s*$`}))
	case KindRelease, KindExpiry:
		return object{"type": "string", "pattern": instantForm}
	case KindRenditions:
		return listSchema(words(renditionNames...))
	case KindPages:
		return pagesSchema()
	case KindEnforcement:
		return closed(object{"prepend": nullOr(pagesSchema()), "append": nullOr(pagesSchema())})
	case KindVariant:
		return closed(object{"primary": object{"anyOf": []any{
			textSchema(object{"minLength": 1, "maxLength": MaxExternalID, "pattern": externalForm}),
			closed(object{"id": textSchema(object{"pattern": `^[^\s,]+$`})}, "id"),
			object{"type": "null"},
		}}}, "primary")
	default:
		return textSchema(nil)
	}
}

// fieldSchemas are the managed fields as an item or defaults has them.
func fieldSchemas(use func(Field) bool) object {
	out, permissions := object{}, object{}
	for _, f := range fields {
		if !use(f) {
			continue
		}
		s := describe(nullOr(f.Kind.schema()), f.Doc)
		if name, ok := strings.CutPrefix(f.Name, "permissions."); ok {
			permissions[name] = s
			continue
		}
		out[f.Name] = s
	}
	out["permissions"] = describe(nullOr(closed(permissions)), "What people may do with it")
	return out
}

// tagsSchema are the tags of an item.
func tagsSchema() object {
	return nullOr(object{"anyOf": []any{
		object{"$ref": "#/$defs/tags"},
		closed(object{"replace": object{"$ref": "#/$defs/tags"}}, "replace"),
	}})
}

func itemSchema() object {
	p := fieldSchemas(func(Field) bool { return true })
	p["tags"] = describe(tagsSchema(), fields[fieldIndex["tags"]].Doc)
	for _, name := range []string{"languages", "countries", "authors"} { // maps turn anything into codes and addresses
		p[name] = describe(nullOr(listSchema(textSchema(object{"pattern": notBlank}))), fields[fieldIndex[name]].Doc)
	}
	p["externalId"] = textSchema(object{"minLength": 1, "maxLength": MaxExternalID, "pattern": externalForm,
		"description": "The item's own ID, by which a later run finds the asset again: unique, no comma"})
	p["file"] = nullOr(textSchema(object{"minLength": 1, "description": "Path relative to the manifest, root:path, absolute, or an address: https://, s3://bucket/path, remote:path"}))
	p["url"] = nullOr(object{"type": "string", "pattern": `^\s*[Hh][Tt][Tt][Pp][Ss]?://[^/\s]`, "description": "Address of a URL asset, which has no binary"})
	p["division"] = describe(nullOr(textSchema(object{"pattern": notBlank})), "Division by name or id; default: the header's")
	p["allowEmpty"] = describe(nullOr(object{"type": "boolean"}), "An empty file is meant")
	p["keep"] = describe(nullOr(object{"type": "object", "additionalProperties": object{"type": []string{"string", "number", "boolean", "null"}}}), "Carried into the results, never sent")
	p["id"] = describe(nullOr(textSchema(object{"pattern": `^[^\s,]+$`})), "Id of an existing asset that becomes this item's, instead of a new one")
	set := object{"not": object{"type": "null"}}
	unset := object{"type": "null"}
	s := closed(p, "externalId")
	s["oneOf"] = []any{
		object{"required": []string{"file"}, "properties": object{"file": set, "url": unset}},
		object{"required": []string{"url"}, "properties": object{"url": set, "file": unset}},
	}
	return s
}

// categorySchema is a category of tags with further properties.
func categorySchema(more object) object {
	p := object{
		"name":        textSchema(object{"maxLength": 255, "pattern": tagForm, "description": "Its name, which others in the same place do not have"}),
		"isPublished": nullOr(describe(object{"type": "boolean"}, "Whether all users see it; unless named, a new one is published and one that exists stays as it is")),
		"tags":        nullOr(describe(object{"$ref": "#/$defs/tags"}, "Tags in it, by name or {id: ...}; missing ones are made, as createTags: has it")),
		"children":    nullOr(describe(listSchema(object{"$ref": "#/$defs/category"}), "Categories in it, instead of tags; they are in its Division")),
	}
	maps.Copy(p, more)
	s := closed(p, "name")
	set := object{"not": object{"type": "null"}}
	s["not"] = object{"required": []string{"tags", "children"}, "properties": object{"tags": set, "children": set}}
	return s
}

func headerSchema() object {
	update := closed(object{
		"tags": nullOr(words("add", "replace", "keep")), "metadata": nullOr(words("manifest", "keep")),
		"file": nullOr(words("changed", "keep")), "conflicts": nullOr(words("skip", "overwrite")),
	})
	of := map[string]object{
		"id":       textSchema(object{"minLength": 1, "maxLength": MaxExternalID, "pattern": `^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$`}),
		"timezone": textSchema(object{"minLength": 1}),
		"target": closed(object{
			"subdomain": nullOr(textSchema(object{"pattern": `^\s*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\s*$`, "description": "First part of the tenant's address; or SHOWPAD_SUBDOMAIN"})),
			"ownership": nullOr(words("local", "oauth2client")),
		}),
		"division": textSchema(object{"pattern": notBlank}),
		"roots": object{"type": "object", "propertyNames": object{"pattern": rootName.String(), "not": object{"enum": reservedRoots}},
			"additionalProperties": textSchema(object{"pattern": notBlank})},
		"defaults":   closed(fieldSchemas(func(f Field) bool { return f.Default })),
		"map":        mapsSchema(),
		"createTags": words(string(CreateAllTags), string(CreateNoTags)),
		"assets":     listSchema(object{"$ref": "#/$defs/item"}),
		"include":    listSchema(includeSchema()),
		"tagCategories": listSchema(categorySchema(object{
			"division": nullOr(describe(textSchema(object{"pattern": notBlank}), "Division by name or id, of a category at the top; default: the header's"))})),
		"myFiles": myFilesSchema(),
		"shares":  listSchema(shareSchema()),
		"update":  update,
		"prune":   words("keep", "archive", "delete"),
	}
	p := object{}
	for _, k := range headerKeys {
		switch {
		case k.name == "version":
			p[k.name] = object{"const": 1, "description": k.doc}
		default:
			p[k.name] = unlessLater(k.name, nullOr(of[k.name]), k.doc)
		}
	}
	s := closed(p, "version")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Manifest of migrate"
	s["$defs"] = object{
		"item":     itemSchema(),
		"category": categorySchema(nil),
		"tags": listSchema(object{"anyOf": []any{
			textSchema(object{"maxLength": 255, "pattern": tagForm}),
			closed(object{"id": textSchema(object{"pattern": `^[^\s,]+$`})}, "id"),
		}}),
	}
	return s
}

// HeaderKeys are the keys that a header may have, in the order of the
// documentation, those included that are not yet supported.
func HeaderKeys() []string { return slices.Clone(headerKeyNames()) }
