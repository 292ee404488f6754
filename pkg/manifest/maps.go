package manifest

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
)

// Maps say what values of the old system are called in Showpad.
type Maps struct {
	People    ValueMap // authors: to e-mail addresses or user ids
	Tags      ValueMap
	Languages ValueMap
	Countries ValueMap
	Divisions ValueMap
	Fallback  Fallback
}

// ValueMap turns values into others. At most one of File and Entries is set;
// the zero value maps nothing.
type ValueMap struct {
	Pos     Pos    // of what the manifest says; zero: it has no such map
	File    string // path of a table with the columns from and to, relative to the manifest's folder
	Entries []MapEntry
}

// MapEntry is one line of a map.
type MapEntry struct {
	From, To string // an empty To drops the value
	Pos      Pos
}

// Fallback is what stands in for what is unknown.
type Fallback struct {
	Pos     Pos
	Authors []string // for authors whom the service does not know; nil: their items are blocked
}

// MaxMapEntries is the length of the longest map.
const MaxMapEntries = 100_000

// mapKinds are the tables that maps are read from.
var mapKinds = []string{".csv", ".tsv", ".xlsx"}

// mapKeys are the maps in the order of the documentation.
var mapKeys = []struct {
	name, doc string
	at        func(*Maps) *ValueMap
}{
	{"people", "Authors, to e-mail addresses or ids of Showpad users", func(m *Maps) *ValueMap { return &m.People }},
	{"tags", "Names of tags", func(m *Maps) *ValueMap { return &m.Tags }},
	{"languages", "Languages, to the service's codes", func(m *Maps) *ValueMap { return &m.Languages }},
	{"countries", "Countries, to the service's codes", func(m *Maps) *ValueMap { return &m.Countries }},
	{"divisions", "Divisions, to names or ids", func(m *Maps) *ValueMap { return &m.Divisions }},
}

// All are the maps by their names, in the order of the documentation, those
// that the manifest does not have included.
func (m *Maps) All() iter.Seq2[string, *ValueMap] {
	return func(yield func(string, *ValueMap) bool) {
		for _, k := range mapKeys {
			if !yield(k.name, k.at(m)) {
				return
			}
		}
	}
}

func (h *headerReader) maps(v Value) {
	var known []string
	for _, k := range mapKeys {
		known = append(known, k.name)
	}
	h.d.mapping(v, append(known, "fallback"), func(m Member) {
		if m.Value.Kind == NullValue {
			return
		}
		h.d.field = "map." + m.Key
		if m.Key == "fallback" {
			h.fallback(m)
			return
		}
		i := slices.Index(known, m.Key)
		*mapKeys[i].at(&h.m.Maps) = h.valueMap(m)
	})
}

func (h *headerReader) valueMap(m Member) ValueMap {
	d := &h.d
	vm := ValueMap{Pos: m.Value.Pos}
	if m.Value.Kind != MapValue {
		s, ok := d.scalar(m.Value, "the path of a table with the columns from and to, or a mapping: {Old name: New name}")
		s = strings.ReplaceAll(strings.TrimSpace(s), `\`, "/")
		switch {
		case !ok:
		case s == "":
			d.ps.add(CodeEmpty, m.Value.Pos, d.field+" is empty", "write the path of a table, or leave the key out")
		case schemeForm.MatchString(s) || isRemote(s):
			d.ps.add(CodeInclude, m.Value.Pos, fmt.Sprintf("%s: %q is not a file of this machine", d.field, withoutQuery(s)), "save it beside the manifest, and write its path")
		case !slices.Contains(mapKinds, strings.ToLower(path.Ext(s))):
			d.ps.add(CodeTableKind, m.Value.Pos, fmt.Sprintf("%s: %q is none of %s", d.field, clip(s), strings.Join(mapKinds, ", ")), "save it as CSV UTF-8 with the columns from and to")
		default:
			vm.File = cleanPath(s)
		}
		return vm
	}
	for _, e := range m.Value.Map {
		entry := MapEntry{From: e.Key, Pos: e.Pos}
		if e.Value.Kind != NullValue {
			to, ok := d.scalar(e.Value, "a text, or nothing to drop the value")
			if !ok {
				continue
			}
			entry.To = strings.TrimSpace(to)
		}
		vm.Entries = append(vm.Entries, entry)
	}
	return vm
}

func (h *headerReader) fallback(m Member) {
	d := &h.d
	d.mapping(m.Value, []string{"authors"}, func(m Member) {
		if m.Value.Kind == NullValue {
			return
		}
		d.field = "map.fallback.authors"
		v := m.Value
		if v.Kind == TextValue || v.Kind == NumberValue {
			v = Value{Kind: ListValue, Pos: v.Pos, List: []Value{v}}
		}
		authors, ok := d.authors(v)
		if ok && len(authors) == 0 {
			d.ps.add(CodeEmpty, v.Pos, d.field+" is empty", "write an e-mail address, or leave the key out")
		}
		h.m.Maps.Fallback = Fallback{Pos: v.Pos, Authors: authors}
	})
}
