package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// decoder gives values a meaning. Its readers report what is wrong at the
// value's place and answer false; they are named after what they read.
type decoder struct {
	ps       problemList
	field    string         // that is being read, for messages
	zone     *time.Location // of dates without a time; nil: not named
	replace  bool           // the last tags read were {replace: [...]}
	mapper   *Mapper        // of an item's values; nil: they are Showpad's
	unmapped *unmapped      // set with mapper
	reported []string       // keys with problems: what follows from them is not reported too
	repairs  func(Repair)   // is told of slips; nil: nobody
}

func (d *decoder) failed(key string) bool { return slices.Contains(d.reported, key) }

func (d *decoder) wrong(v Value, want string) {
	if v.Kind == BadValue {
		return
	}
	d.ps.add(CodeType, v.Pos, fmt.Sprintf("%s is %s", d.field, v.Kind), "write "+want)
}

// scalar is the text of a text or number, as written.
func (d *decoder) scalar(v Value, want string) (string, bool) {
	switch v.Kind {
	case TextValue, NumberValue:
		return v.Text, true
	case BoolValue:
		d.ps.add(CodeType, v.Pos, fmt.Sprintf("%s is true or false, not a text", d.field), fmt.Sprintf("quote it if the word is meant: %q", v.Text))
		return "", false
	}
	d.wrong(v, want)
	return "", false
}

func (d *decoder) text(v Value) (string, bool) { return d.scalar(v, "a text") }

func (d *decoder) name(v Value) (string, bool) {
	s, ok := d.scalar(v, "a text of 1 to 255 characters")
	if !ok {
		return "", false
	}
	s = normalName(s)
	if what := nameWrong(s); what != "" {
		d.ps.add(CodeName, v.Pos, "name "+what, "write 1 to 255 characters on one line")
		return "", false
	}
	return s, true
}

// What people write into cells, and what spreadsheets make of TRUE and FALSE:
// in English, German, Dutch, French, Spanish, Italian, Portuguese and the
// Scandinavian languages.
var (
	yesWords = []string{"true", "yes", "y", "1", "x", "\u2713", "\u2714", "on", "ja", "j", "wahr", "waar", "oui", "vrai", "s\u00ed", "si", "s\u00ec", "sim", "verdadero", "vero", "verdadeiro", "sand", "sann", "sant"}
	noWords  = []string{"false", "no", "n", "0", "off", "nein", "nee", "nej", "nei", "falsch", "onwaar", "non", "faux", "falso", "n\u00e3o", "nao", "falsk", "falskt", "usann"}
)

func (d *decoder) bool(v Value) (bool, bool) {
	if v.Kind == BoolValue {
		return v.Text == "true", true
	}
	if v.Loose {
		switch word := strings.ToLower(strings.TrimSpace(v.Text)); {
		case slices.Contains(yesWords, word):
			return true, true
		case slices.Contains(noWords, word):
			return false, true
		}
		if v.Kind == TextValue {
			d.ps.add(CodeType, v.Pos, fmt.Sprintf("%s is %q", d.field, clip(v.Text)), "write true or false (or yes, no, 1, 0)")
			return false, false
		}
	} else if s, ok := truth(v.Text); ok && (v.Kind == TextValue || v.Kind == NumberValue) {
		d.repair(v.Pos, repairPlain, s, "%s: %q is now %s", d.field, clip(v.Text), s)
	}
	d.wrong(v, "true or false, without quotes")
	return false, false
}

// list is the parts of a list; a loose text is split.
func (d *decoder) list(v Value, want string) ([]Value, bool) {
	if v.Kind == ListValue {
		return v.List, true
	}
	if !v.Loose || v.Kind != TextValue && v.Kind != NumberValue {
		if s := strings.TrimSpace(v.Text); v.Kind == TextValue && s != "" && !strings.ContainsAny(s, ",;|\n[]{}") {
			d.repair(v.Pos, repairList, s, "%s is now a list", d.field)
		}
		d.wrong(v, want)
		return nil, false
	}
	if strings.TrimSpace(v.Text) == "[]" {
		return nil, true
	}
	sep := v.Split
	if sep == "" {
		sep = ";"
	}
	var parts []Value
	for s := range strings.SplitSeq(v.Text, sep) {
		if s = strings.TrimSpace(s); s != "" {
			parts = append(parts, Value{Kind: TextValue, Pos: v.Pos, Text: s, Loose: true})
		}
	}
	return parts, true
}

// texts is a list of texts that check accepts ("" means fine).
func (d *decoder) texts(v Value, want, code string, check func(string) (what, fix string)) ([]string, bool) {
	parts, ok := d.list(v, want)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(parts))
	good := true
	for _, p := range parts {
		s, ok := d.scalar(p, "a text here")
		if !ok {
			good = false
			continue
		}
		s = strings.TrimSpace(s)
		if what, fix := check(s); what != "" {
			d.ps.add(code, p.Pos, what, fix)
			good = false
			continue
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, good
}

func (d *decoder) locales(v Value) ([]string, bool) {
	kind, example := mapLanguages, "[en, de]"
	if d.field == "countries" {
		kind, example = mapCountries, "[US, BE]"
	}
	if v.Kind == ListValue && !v.Loose && d.repairs != nil {
		for _, p := range v.List {
			if code, ok := usualCode(d.field, p.Text); ok && p.Kind == TextValue {
				d.repair(p.Pos, repairOf[kind], code, "%s: %q is now %q", d.field, p.Text, code)
			}
		}
	}
	v = d.mapped(kind, v)
	return d.texts(v, "a list: "+example, CodeLocale, func(s string) (string, string) {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == ',' }) {
			return fmt.Sprintf("%q in %s is no code", clip(s), d.field), "write codes: " + example
		}
		return "", ""
	})
}

func (d *decoder) authors(v Value) ([]string, bool) {
	return d.texts(d.mapped(mapPeople, v), "a list: [jane@example.com]", CodeAuthor, authorWrong)
}

// authorWrong says what is wrong with an author, or "".
func authorWrong(s string) (what, fix string) {
	local, host, mail := strings.Cut(s, "@")
	switch blank := strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }); {
	case strings.Contains(s, ","):
		return fmt.Sprintf("author %q holds a comma", clip(s)), "write one author in each list item"
	case blank && !mail:
		return fmt.Sprintf("author %q is neither an e-mail address nor an id", clip(s)), "write the e-mail address with which the user signs in; a list of names and addresses goes under map: {people: ...}"
	case s == "" || blank, mail && (local == "" || host == "" || strings.Contains(host, "@")):
		return fmt.Sprintf("author %q is neither an e-mail address nor an id", clip(s)), "write the e-mail address with which the user signs in"
	}
	return "", ""
}

var renditionNames = []string{"original", "pdf"}

func (d *decoder) renditions(v Value) ([]string, bool) {
	for _, p := range v.List {
		if p.Kind == TextValue && !slices.Contains(renditionNames, p.Text) {
			d.respell(p.Pos, repairText, p.Text, renditionNames)
		}
	}
	return d.texts(v, "a list: [original, pdf]", CodeEnum, func(s string) (string, string) {
		if !slices.Contains(renditionNames, s) {
			fix := "write original or pdf, or [] for nothing"
			if m := didYouMean(s, renditionNames); m != "" {
				fix = m
			}
			return fmt.Sprintf("%q in %s is unknown", clip(s), d.field), fix
		}
		return "", ""
	})
}

// enum is one of some words.
func (d *decoder) enum(v Value, words ...string) (string, bool) {
	s, ok := d.scalar(v, strings.Join(words, " or "))
	if !ok {
		return "", false
	}
	if slices.Contains(words, s) {
		return s, true
	}
	d.respell(v.Pos, repairText, s, words)
	fix := "write " + strings.Join(words, ", ")
	if m := Suggest(s, words); m != "" {
		fix = fmt.Sprintf("did you mean %q?", m)
	}
	d.ps.add(CodeEnum, v.Pos, fmt.Sprintf("%s: %q is not possible", d.field, clip(s)), fix)
	return "", false
}

func (d *decoder) tags(v Value) ([]Tag, bool) {
	d.replace = false
	const want = "a list: [Sales, {id: ...}]"
	if v.Kind == MapValue {
		if len(v.Map) != 1 || v.Map[0].Key != "replace" {
			d.mapping(v, []string{"replace"}, nil)
			if len(v.Map) == 0 {
				d.ps.add(CodeType, v.Pos, "tags is an empty mapping", "write "+want+", or {replace: [...]}")
			}
			return nil, false
		}
		d.replace = true
		v = v.Map[0].Value
	}
	v = d.mapped(mapTags, v)
	parts, ok := d.list(v, want)
	if !ok {
		return nil, false
	}
	out := make([]Tag, 0, len(parts))
	for _, p := range parts {
		t, good := d.tag(p)
		if !good {
			ok = false
			continue
		}
		if slices.ContainsFunc(out, t.same) {
			d.repair(p.Pos, repairDrop, "", "tag %q stood twice", clip(t.Name))
			d.ps.add(CodeTagTwice, p.Pos, fmt.Sprintf("tag %q is listed twice", t.Name+t.ID), "remove one")
			continue
		}
		out = append(out, t)
	}
	return out, ok
}

func (d *decoder) tag(v Value) (Tag, bool) {
	if v.Kind == MapValue {
		var t Tag
		ok := true
		d.mapping(v, []string{"id"}, func(m Member) {
			s, good := d.scalar(m.Value, "the tag's id")
			if good && !idForm(s) {
				d.ps.add(CodeTag, m.Value.Pos, fmt.Sprintf("%q is no tag id", clip(s)), "write the id as the service shows it, or the tag's name")
				good = false
			}
			t.ID, ok = s, good
		})
		if len(v.Map) == 0 {
			d.ps.add(CodeTag, v.Pos, "a tag is an empty mapping", "write its name, or {id: ...}")
		}
		return t, ok && t.ID != ""
	}
	s, ok := d.scalar(v, "the tag's name, or {id: ...}")
	if !ok {
		return Tag{}, false
	}
	s = strings.TrimSpace(s)
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		d.ps.add(CodeTag, v.Pos, "a tag is empty", "remove it")
		return Tag{}, false
	case n > 255:
		d.ps.add(CodeTag, v.Pos, fmt.Sprintf("tag %q has %d characters", clip(s), n), "shorten it to 255")
		return Tag{}, false
	case strings.ContainsAny(s, "\r\n\t"):
		d.ps.add(CodeTag, v.Pos, fmt.Sprintf("tag %q holds a line break or tab", clip(s)), "replace it with a blank")
		return Tag{}, false
	}
	return Tag{Name: s}, true
}

// same reports whether two tags are one at the service: the same id, or names
// that differ in case at most. Source: ASSUME, the case rule is undocumented.
func (t Tag) same(o Tag) bool {
	return t.ID == o.ID && strings.EqualFold(t.Name, o.Name)
}

const pagesExample = "[{start: 1, end: 2}]"

func (d *decoder) pages(v Value) ([]PageRange, bool) {
	parts, ok := d.list(v, "a list: "+pagesExample)
	if !ok {
		return nil, false
	}
	out := make([]PageRange, 0, len(parts))
	for _, p := range parts {
		r, good := d.pageRange(p)
		if !good {
			ok = false
			continue
		}
		if r.Start < 1 || r.End < r.Start {
			d.ps.add(CodePages, p.Pos, fmt.Sprintf("%s: %d to %d is no range of pages", d.field, r.Start, r.End), "pages count from 1, and end is not before start")
			ok = false
			continue
		}
		out = append(out, r)
	}
	return out, ok
}

func (d *decoder) pageRange(v Value) (PageRange, bool) {
	if v.Loose && v.Kind == TextValue {
		first, last, ranged := strings.Cut(v.Text, "-")
		if !ranged {
			last = first
		}
		a, err1 := strconv.Atoi(strings.TrimSpace(first))
		b, err2 := strconv.Atoi(strings.TrimSpace(last))
		if err1 != nil || err2 != nil {
			d.ps.add(CodePages, v.Pos, fmt.Sprintf("%s: %q is no range of pages", d.field, clip(v.Text)), "write 1-2; 5")
			return PageRange{}, false
		}
		return PageRange{a, b}, true
	}
	if v.Kind != MapValue {
		d.wrong(v, pagesExample)
		return PageRange{}, false
	}
	var r PageRange
	before := len(d.ps.list)
	got := 0
	d.mapping(v, []string{"start", "end"}, func(m Member) {
		n, ok := d.int(m.Value)
		if !ok {
			return
		}
		got++
		if m.Key == "start" {
			r.Start = n
		} else {
			r.End = n
		}
	})
	if len(d.ps.list) > before {
		return r, false
	}
	if got < 2 {
		d.ps.add(CodePages, v.Pos, d.field+": a range needs start and end", "write "+pagesExample)
		return r, false
	}
	return r, true
}

func (d *decoder) int(v Value) (int, bool) {
	if v.Kind == NumberValue {
		if n, err := strconv.Atoi(v.Text); err == nil {
			return n, true
		}
	}
	d.wrong(v, "a whole number")
	return 0, false
}

func (d *decoder) enforcement(v Value) (EnforcedPages, bool) {
	var e EnforcedPages
	if v.Kind != MapValue {
		d.wrong(v, "{prepend: "+pagesExample+", append: null}")
		return e, false
	}
	ok := true
	outer := d.field
	d.mapping(v, []string{"prepend", "append"}, func(m Member) {
		if m.Value.Kind == NullValue || m.Value.Kind == BadValue {
			return
		}
		d.field = outer + "." + m.Key
		pages, good := d.pages(m.Value)
		ok = ok && good
		if m.Key == "prepend" {
			e.Prepend = pages
		} else {
			e.Append = pages
		}
	})
	d.field = outer
	return e, ok
}

const primaryForm = "{primary: EXTERNAL-ID}, {primary: {id: ...}}, or null"

func (d *decoder) localization(v Value) (p Primary, ok bool) {
	d.mapping(v, []string{"primary"}, func(m Member) {
		switch outer := d.field; m.Value.Kind {
		case MapValue:
			d.field += ".primary"
			d.mapping(m.Value, []string{"id"}, func(m Member) {
				if s, good := d.scalar(m.Value, "the asset's id"); good {
					if p.ID, ok = s, idForm(s); !ok {
						d.ps.add(CodeEmpty, m.Value.Pos, fmt.Sprintf("%q is no asset id", clip(s)), "write the id as the service shows it; an ID of another system goes without {id: ...}")
					}
				}
			})
			if len(m.Value.Map) == 0 {
				d.wrong(m.Value, primaryForm)
			}
			d.field = outer
		case BadValue:
		default:
			if s, good := d.scalar(m.Value, primaryForm); good {
				what := ExternalIDWrong(s)
				if p.ExternalID, ok = s, what == ""; !ok {
					d.ps.add(CodeExternalID, m.Value.Pos, "the external ID of the primary "+what, "write the externalId of the item that it is a language variant of")
				}
			}
		}
	})
	if v.Kind == MapValue && len(v.Map) == 0 {
		d.wrong(v, primaryForm)
	}
	return p, ok
}

// isNull reports whether a field is taken for null: localization without a primary,
// as a table's cell has it.
func isNull(f *Field, v Value) bool {
	return v.Kind == NullValue || f.Kind == KindVariant && v.Kind == MapValue && len(v.Map) == 1 && v.Map[0].Key == "primary" && v.Map[0].Value.Kind == NullValue
}

// mapping calls each for the known members of v and reports the others. It is
// for small mappings below a field; false when v is none.
func (d *decoder) mapping(v Value, known []string, each func(Member)) bool {
	if v.Kind != MapValue {
		d.wrong(v, "a mapping with "+strings.Join(known, ", "))
		return false
	}
	for _, m := range v.Map {
		if !slices.Contains(known, m.Key) {
			d.unknown(m, known)
			continue
		}
		if each != nil {
			each(m)
		}
	}
	return true
}

// unknown reports a key that is not among known.
func (d *decoder) unknown(m Member, known []string) {
	d.respell(m.Pos, repairKey, m.Key, known)
	fix := didYouMean(m.Key, known)
	if fix == "" {
		fix = "known here: " + strings.Join(known, ", ")
		if len(known) > 8 {
			fix = "remove it, or put it under keep: to carry it into the results"
		}
	}
	d.ps.add(CodeUnknownKey, m.Pos, fmt.Sprintf("unknown key %q", clip(m.Key)), fix)
}

// clip shortens text for a message.
func clip(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "..."
}
