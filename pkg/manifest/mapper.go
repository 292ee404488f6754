package manifest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// The maps, in the order of mapKeys.
const (
	mapPeople = iota
	mapTags
	mapLanguages
	mapCountries
	mapDivisions
	mapCount
)

// Mapper turns values of the old system into Showpad's, by the maps of one
// manifest. A value is looked up as it is written, white space around it apart;
// then without regard to case, Unicode form and the width of white space, as
// long as all entries that are alike in this agree. Targets are not looked up
// again. A Mapper may be used concurrently; a nil one maps nothing.
type Mapper struct {
	maps     [mapCount]*lookup // nil: the manifest has no such map
	fallback []string
}

type lookup struct {
	exact  map[string]string
	folded map[string]string // only where all agree
	to     map[string]bool   // folded targets: Showpad's values need no entry
}

// maxMapText is the length of the longest value of a map, in characters.
const maxMapText = 1024

// NewMapper is the Mapper of maps whose entries are all there, those of files
// too. What is wrong with them is reported once, at the entries, and they are
// left out.
func NewMapper(maps *Maps) (*Mapper, []Problem) {
	m := &Mapper{fallback: maps.Fallback.Authors}
	var d decoder
	for i, k := range mapKeys {
		vm := k.at(maps)
		if vm.Pos == (Pos{}) {
			continue
		}
		d.field = "map." + k.name
		m.maps[i] = d.lookup(i, vm.Entries)
	}
	return m, d.ps.list
}

// lookup compiles one map.
func (d *decoder) lookup(kind int, entries []MapEntry) *lookup {
	l := &lookup{exact: make(map[string]string, len(entries)), folded: map[string]string{}, to: map[string]bool{}}
	first := make(map[string]Pos, len(entries))
	split := map[string]bool{} // folded values whose entries disagree
	for _, e := range entries {
		from := normalName(e.From)
		switch at, again := first[from]; {
		case from == "":
			d.ps.add(CodeMap, e.Pos, d.field+": the entry names no value to map from", "write the old value, or remove the line")
			continue
		case utf8.RuneCountInString(from) > maxMapText:
			d.ps.add(CodeMap, e.Pos, fmt.Sprintf("%s: %q is longer than %d characters", d.field, clip(from), maxMapText), "remove the line")
			continue
		case again:
			p := NewProblem(CodeMapTwice, e.Pos, fmt.Sprintf("%s: %q has an entry already", d.field, clip(from)), "remove one of them")
			p.Also = &at
			d.ps.put(p)
			continue
		}
		first[from] = e.Pos
		to, ok := d.mapTarget(kind, Value{Kind: TextValue, Pos: e.Pos, Text: e.To, Loose: true})
		if !ok {
			continue
		}
		l.exact[from] = to
		if to != "" {
			l.to[foldValue(to)] = true
		}
		f := foldValue(from)
		switch other, ok := l.folded[f]; {
		case split[f]:
		case ok && other != to:
			delete(l.folded, f)
			split[f] = true
		default:
			l.folded[f] = to
		}
	}
	return l
}

// mapTarget checks what a value becomes as the field checks it. "" drops it.
func (d *decoder) mapTarget(kind int, v Value) (string, bool) {
	v.Text = strings.TrimSpace(v.Text)
	if v.Text == "" {
		return "", true
	}
	field := d.field
	defer func() { d.field = field }()
	before := len(d.ps.list)
	one := Value{Kind: ListValue, Pos: v.Pos, List: []Value{v}}
	switch kind {
	case mapPeople:
		d.authors(one)
	case mapTags:
		d.tag(v)
	case mapLanguages, mapCountries:
		d.field = mapKeys[kind].name
		d.locales(one)
	}
	return v.Text, len(d.ps.list) == before
}

// foldValue is what two spellings of a value share that people take for the same.
func foldValue(s string) string {
	if ascii(s) { // most values are, and folding the others is slow
		return strings.Join(strings.Fields(strings.ToLower(s)), " ")
	}
	return strings.Join(strings.Fields(norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))), " ")
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// has reports whether the manifest has this map.
func (m *Mapper) has(kind int) bool { return m != nil && m.maps[kind] != nil }

// look is what s becomes; known is false when no entry is for it, and target
// says that it is what others become, so that it needs none.
func (m *Mapper) look(kind int, s string) (to string, known, target bool) {
	if !m.has(kind) {
		return "", false, false
	}
	l := m.maps[kind]
	if to, ok := l.exact[normalName(s)]; ok {
		return to, true, false
	}
	f := foldValue(s)
	if to, ok := l.folded[f]; ok {
		return to, true, false
	}
	return "", false, l.to[f]
}

// UnmappedValue is a value that a map has no entry for, and that is none of
// its targets either.
type UnmappedValue struct {
	Map   string `json:"map"` // "people", "tags", ...
	Value string `json:"value"`
	Count int    `json:"count"` // items that have it
	Pos   Pos    `json:"pos"`   // of the first one
}

// Unmapped are the values that one pass over the items found without an entry.
type Unmapped struct {
	Values []UnmappedValue `json:"values"`         // by map, the most frequent first
	More   map[string]int  `json:"more,omitempty"` // further uses of values that are not listed, by map
}

// maxUnmapped is how many different values of one map are kept.
const maxUnmapped = 10_000

// unmapped counts.
type unmapped struct {
	values [mapCount]map[string]*UnmappedValue
	more   [mapCount]int
}

func (u *unmapped) add(kind int, value string, pos Pos) {
	if u.values[kind] == nil {
		u.values[kind] = map[string]*UnmappedValue{}
	}
	if v, ok := u.values[kind][value]; ok {
		v.Count++
		return
	}
	if len(u.values[kind]) >= maxUnmapped {
		u.more[kind]++
		return
	}
	u.values[kind][value] = &UnmappedValue{Map: mapKeys[kind].name, Value: value, Count: 1, Pos: pos}
}

// Unmapped are the values without an entry among the items built so far.
func (b *Builder) Unmapped() Unmapped {
	var out Unmapped
	for kind, values := range b.unmapped.values {
		from := len(out.Values)
		for _, v := range values {
			out.Values = append(out.Values, *v)
		}
		slices.SortFunc(out.Values[from:], func(a, b UnmappedValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		if n := b.unmapped.more[kind]; n > 0 {
			if out.More == nil {
				out.More = map[string]int{}
			}
			out.More[mapKeys[kind].name] = n
		}
	}
	return out
}

var (
	languageForm = regexp.MustCompile(`^[a-z]{2,3}([-_][A-Za-z]{2,4})?$`)
	countryForm  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// mapped is a list with its texts mapped: those without a target are dropped,
// and what two of them have in common stays once. What is no list stays as it
// is, for the field's reader to report.
func (d *decoder) mapped(kind int, v Value) Value {
	if d.mapper == nil || !d.mapper.has(kind) && (kind != mapPeople || d.mapper.fallback == nil) ||
		v.Kind != ListValue && (!v.Loose || v.Kind != TextValue && v.Kind != NumberValue) {
		return v
	}
	parts, _ := d.list(v, "")
	out := Value{Kind: ListValue, Pos: v.Pos, List: make([]Value, 0, len(parts))}
	made := map[string]bool{} // by mapping, folded
	put := func(p Value, text string) {
		f := foldValue(text)
		same := func(o Value) bool { return o.Kind == TextValue && foldValue(o.Text) == f }
		if !slices.ContainsFunc(out.List, same) {
			out.List = append(out.List, Value{Kind: TextValue, Pos: p.Pos, Text: text})
		}
		made[f] = true
	}
	for _, p := range parts {
		if p.Kind != TextValue && p.Kind != NumberValue {
			out.List = append(out.List, p)
			continue
		}
		s := strings.TrimSpace(p.Text)
		to, known, target := d.mapper.look(kind, s)
		switch {
		case known && to == "":
		case known:
			put(p, to)
		case target && made[foldValue(s)]:
		default:
			if !target && d.needsEntry(kind, s) {
				d.unmapped.add(kind, s, p.Pos)
				if kind == mapPeople {
					d.unknownPerson(p, s, put)
					continue
				}
			}
			out.List = append(out.List, p)
		}
	}
	return out
}

// needsEntry reports whether s cannot be one of Showpad's own values, as far as
// its form tells.
func (d *decoder) needsEntry(kind int, s string) bool {
	switch kind {
	case mapPeople:
		what, _ := authorWrong(s)
		return what != ""
	case mapLanguages:
		return !languageForm.MatchString(s)
	case mapCountries:
		return !countryForm.MatchString(s)
	}
	return s != ""
}

// unknownPerson puts the fallback in the place of somebody who is in no map
// and no user, or blocks the item.
func (d *decoder) unknownPerson(p Value, s string, put func(Value, string)) {
	if len(d.mapper.fallback) == 0 {
		d.ps.add(CodeNoUser, p.Pos, fmt.Sprintf("author %q is not in the map of people", clip(s)), "add the name there, or name map: {fallback: {authors: ...}}")
		return
	}
	for _, a := range d.mapper.fallback {
		put(p, a)
	}
}

// mappedDivision is the Division that an item names, mapped; "" for the
// header's, own.
func (d *decoder) mappedDivision(v Value, own string) string {
	s := d.division(v)
	to, known, target := "", false, true
	if s != "" {
		to, known, target = d.mapper.look(mapDivisions, s)
	}
	switch {
	case known:
		return to
	case d.mapper.has(mapDivisions) && !target && s != own:
		d.unmapped.add(mapDivisions, s, v.Pos)
	}
	return s
}
