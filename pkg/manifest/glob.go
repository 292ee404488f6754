package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// patternWrong says what is wrong with a glob, slashes turned, or "".
func patternWrong(p string) string {
	switch {
	case p == "":
		return "is empty"
	case slices.Contains(strings.Split(p, "/"), ".."):
		return "leaves its folder"
	case !doublestar.ValidatePattern(p):
		return "is no glob: a bracket or brace is not closed"
	}
	return ""
}

// set reads a field that a glob gives all its files, as a template or constant.
func (h *headerReader) set(inc *Include, m Member) {
	d := &h.d
	switch {
	case m.Key == "permissions" && m.Value.Kind == NullValue:
		for _, f := range fields {
			if strings.HasPrefix(f.Name, "permissions.") {
				inc.Set[f.Name] = Column{Pos: m.Value.Pos, Value: &m.Value}
			}
		}
	case m.Key == "permissions", m.Key == "enforcedPages" && m.Value.Kind != NullValue:
		var known []string
		for _, name := range SetFields() {
			if sub, ok := strings.CutPrefix(name, m.Key+"."); ok {
				known = append(known, sub)
			}
		}
		d.mapping(m.Value, known, func(sub Member) {
			h.setField(inc, m.Key+"."+sub.Key, sub.Value)
		})
	case m.Key == "file" || m.Key == "url" || m.Key == "id" || m.Key == "localization":
		d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q belongs on an item: each file has its own", m.Key), "remove it")
	case slices.Contains(SetFields(), m.Key) && !strings.Contains(m.Key, "."):
		h.setField(inc, m.Key, m.Value)
	default:
		names := slices.DeleteFunc(slices.Concat(globKeys, SetFields()), func(s string) bool { return strings.Contains(s, ".") })
		fix := didYouMean(m.Key, append(names, "permissions"))
		if fix == "" {
			fix = "remove it; an include of files takes exclude, join and the fields of an item"
		}
		d.ps.add(CodeUnknownKey, m.Pos, fmt.Sprintf("unknown key %q", clip(m.Key)), fix)
	}
}

// setField reads one field of a glob. A text with braces is a template, in a
// list too; the rest is checked as on an item.
func (h *headerReader) setField(inc *Include, field string, v Value) {
	d := &h.d
	d.field = field
	if field == "externalId" && v.Kind == NullValue {
		return // as good as no key
	}
	c := Column{Pos: v.Pos}
	before := len(d.ps.list)
	switch {
	case v.Kind == TextValue && strings.ContainsAny(v.Text, "{}"):
		if isList(field) {
			d.wrong(v, fmt.Sprintf("a list: [%q]", v.Text))
			break
		}
		if t := d.globTemplate(v); t != nil && !t.constant() {
			c.Template = v.Text
			break
		} else if t != nil {
			c.Value = &Value{Kind: TextValue, Pos: v.Pos, Text: t.Expand(nil)}
			h.constant(field, *c.Value)
		}
	case field == "externalId" && v.Kind != BadValue:
		if _, ok := d.scalar(v, "a template"); ok {
			d.ps.add(CodeInclude, v.Pos, fmt.Sprintf("externalId %q would be the same for all files", clip(v.Text)), `write a template: "decks/{path}"`)
		}
	default:
		c.Value = &v
		h.constant(field, d.withoutTemplates(v))
	}
	if len(d.ps.list) > before {
		c = Column{Pos: v.Pos, Value: &Value{Kind: BadValue, Pos: v.Pos}}
	}
	inc.Set[field] = c
}

// withoutTemplates is a list, or {replace: list}, without its templates, which
// are checked on the way. Other values stay as they are.
func (d *decoder) withoutTemplates(v Value) Value {
	switch v.Kind {
	case ListValue:
		kept := make([]Value, 0, len(v.List))
		for _, e := range v.List {
			if e.Kind == TextValue && strings.ContainsAny(e.Text, "{}") {
				d.globTemplate(e, "dirs")
				continue
			}
			kept = append(kept, e)
		}
		v.List = kept
	case MapValue:
		if len(v.Map) == 1 && v.Map[0].Key == "replace" {
			v.Map = []Member{{v.Map[0].Key, v.Map[0].Pos, d.withoutTemplates(v.Map[0].Value)}}
		}
	}
	return v
}

// globTemplate reads a template of [Placeholders]. {dirs} stands for several
// texts and is one of also where it may stand. Nil: reported.
func (d *decoder) globTemplate(v Value, also ...string) Template {
	t, err := ParseTemplate(v.Text)
	if err != nil {
		d.ps.add(CodeInclude, v.Pos, fmt.Sprintf("%s: template %q: %v", d.field, clip(v.Text), err), "a brace that is meant is doubled: {{")
		return nil
	}
	for _, p := range t {
		switch {
		case p.Column == "":
		case !slices.Contains(Placeholders, p.Column):
			fix := didYouMean(p.Column, Placeholders)
			if fix == "" {
				fix = "possible are {" + strings.Join(Placeholders, "}, {") + "}"
			}
			d.ps.add(CodeInclude, v.Pos, fmt.Sprintf("%s: {%s} is no part of a path", d.field, clip(p.Column)), fix)
			return nil
		case p.Column == "dirs" && !slices.Contains(also, "dirs"):
			d.ps.add(CodeInclude, v.Pos, d.field+": {dirs} stands for several texts", "write {dir}, or put it into a list")
			return nil
		}
	}
	return t
}

// constant reports whether the template names nothing.
func (t Template) constant() bool {
	return !slices.ContainsFunc(t, func(p TemplatePart) bool { return p.Column != "" })
}

// Fill is the value that c, of a glob's Set, gives a file. get says what a
// placeholder stands for: one text, or none when the file has no such part, or
// for {dirs} any number, each of which makes an element of a list. Elements
// whose placeholders are all empty drop out. False: the field is not named, and
// the manifest's default holds; so it is for a list of which nothing is left.
func (c Column) Fill(get func(placeholder string) []string) (Value, bool) {
	if c.Template != "" {
		texts := fillText(c.Template, get)
		if len(texts) == 0 {
			return Value{}, false
		}
		return Value{Kind: TextValue, Pos: c.Pos, Text: texts[0], Loose: true}, true
	}
	v := fillValue(*c.Value, get)
	emptied := v.Kind == ListValue && len(v.List) == 0 && len(c.Value.List) > 0
	return v, !emptied
}

func fillValue(v Value, get func(string) []string) Value {
	switch v.Kind {
	case ListValue:
		out := make([]Value, 0, len(v.List))
		for _, e := range v.List {
			if e.Kind != TextValue || !strings.ContainsAny(e.Text, "{}") {
				out = append(out, e)
				continue
			}
			for _, s := range fillText(e.Text, get) {
				out = append(out, Value{Kind: TextValue, Pos: e.Pos, Text: s})
			}
		}
		v.List = out
	case MapValue:
		if len(v.Map) == 1 && v.Map[0].Key == "replace" {
			v.Map = []Member{{v.Map[0].Key, v.Map[0].Pos, fillValue(v.Map[0].Value, get)}}
		}
	}
	return v
}

// fillText is a template filled in, once for each text that {dirs} stands for.
func fillText(s string, get func(string) []string) []string {
	t, err := ParseTemplate(s)
	if err != nil {
		return nil // refused when the manifest was read
	}
	one := func(dir string) string {
		return t.Expand(func(name string) string {
			if name == "dirs" {
				return dir
			}
			return strings.Join(get(name), "/")
		})
	}
	var out []string
	if slices.ContainsFunc(t, func(p TemplatePart) bool { return p.Column == "dirs" }) {
		for _, dir := range get("dirs") {
			out = append(out, one(dir))
		}
		return out
	}
	if filled := one(""); filled != "" {
		out = append(out, filled)
	}
	return out
}
