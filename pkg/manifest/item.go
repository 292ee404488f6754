package manifest

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxExternalID is the length of the longest external ID, in characters.
// Source: v4 postAssets.
const MaxExternalID = 128

// Options are what reading a manifest depends on besides its text.
type Options struct {
	// Now is the moment that "expired already" is measured against; zero: no
	// such warnings.
	Now time.Time
	// Mapper maps values of items; nil: they are Showpad's.
	Mapper *Mapper
}

// Parsed is one item as read. An item with a problem of class [Stop] in
// Problems is for reporting only; acting on it would act on half of what was
// written.
type Parsed struct {
	Item Item
	// Problems are all of this item, in the order of their places. Those of
	// class Block and Warn stand in Item.Problems too.
	Problems []Problem
}

// Stopped reports whether a problem of class [Stop] was found.
func (p *Parsed) Stopped() bool {
	return slices.ContainsFunc(p.Problems, func(p Problem) bool { return p.Class == Stop })
}

// Builder makes items of values by the rules of one header. It is not for
// concurrent use.
type Builder struct {
	m        *Manifest
	opt      Options
	unmapped unmapped
	repairs  func(Repair) // is told of slips; nil: nobody
}

// NewBuilder is a Builder for items of m.
func NewBuilder(m *Manifest, opt Options) *Builder {
	return &Builder{m: m, opt: opt}
}

// cannotMove are keys that people write for what an asset in Showpad cannot
// carry.
var cannotMove = map[string]string{
	"folder": "folders", "folders": "folders", "experience": "experiences", "experiences": "experiences",
	"versions": "version history", "history": "version history", "versionhistory": "version history",
	"acl": "source permissions", "sourcepermissions": "source permissions",
	"createdat": "created dates", "created": "created dates", "createddate": "created dates",
	"updatedat": "modified dates", "modifiedat": "modified dates", "modified": "modified dates",
	"links": "links inside documents",
}

// Item makes an item of a mapping with the keys of an item. keep is put before
// what the item itself keeps.
func (b *Builder) Item(v Value, keep []KeepKV) Parsed { return b.item(v, keep, nil) }

// FileItem is Item for a file whose place is known, as that of a glob is. v
// names neither file nor url.
func (b *Builder) FileItem(loc Location, v Value, keep []KeepKV) Parsed { return b.item(v, keep, &loc) }

func (b *Builder) item(v Value, keep []KeepKV, loc *Location) Parsed {
	d := &decoder{zone: b.m.Timezone, mapper: b.opt.Mapper, unmapped: &b.unmapped, repairs: b.repairs}
	it := Item{Pos: v.Pos, Keep: keep}
	if v.Kind != MapValue {
		if v.Kind != BadValue {
			d.ps.add(CodeType, v.Pos, "an item is "+v.Kind.String(), "write its keys: externalId, file, ...")
		}
		return d.finish(it)
	}
	if len(v.Map) > 0 && v.Map[0].Pos.Line != 0 && v.Pos.Line == 0 {
		it.Pos = v.Map[0].Pos
	}
	it.At = make(map[string]Pos, len(v.Map)+2)
	b.read(d, &it, v)
	if loc != nil {
		it.File, it.Location = loc.String(), *loc
	} else {
		b.locate(d, &it)
	}
	b.merge(d, &it)
	b.check(d, &it)
	return d.finish(it)
}

// read takes over what the item itself says.
func (b *Builder) read(d *decoder, it *Item, v Value) {
	replaceTags := false
	for _, m := range v.Map {
		d.field = m.Key
		if m.Key != "permissions" {
			it.At[m.Key] = m.Value.Pos
		}
		before := len(d.ps.list)
		switch {
		case slices.Contains(itemKeys, m.Key) || m.Key == "keep":
			if m.Value.Kind != NullValue { // null is as good as no key
				b.own(d, it, m)
			}
		case m.Key == "tags":
			d.managed(m, &it.Fields, it.At)
			replaceTags = d.replace
		case !d.managed(m, &it.Fields, it.At):
			b.unknown(d, m)
		}
		if len(d.ps.list) > before || m.Value.Kind == BadValue {
			d.reported = append(d.reported, m.Key)
		}
	}
	if t := &it.Fields.Tags; t.Set && !replaceTags && len(t.Value) > 0 {
		t.Value = mergeTags(t.Value, b.m.Defaults.Tags.Value)
	}
}

// own reads a key of an item that is no managed field.
func (b *Builder) own(d *decoder, it *Item, m Member) {
	switch m.Key {
	case "externalId":
		if s, ok := d.scalar(m.Value, "a text of 1 to 128 characters"); ok {
			it.ExternalID = s
			d.externalID(m.Value, s)
		}
	case "id":
		if s, ok := d.scalar(m.Value, "the asset's id"); ok {
			if it.ID = s; !idForm(s) {
				d.ps.add(CodeEmpty, m.Value.Pos, fmt.Sprintf("%q is no asset id", clip(s)), "write the id as the service shows it; an ID of another system is the externalId")
			}
		}
	case "file":
		if s, ok := d.scalar(m.Value, "a path"); ok {
			it.File = s
			if s == "" {
				d.ps.add(CodeEmpty, m.Value.Pos, "file is empty", "write a path, or leave the key out")
			}
		}
	case "url":
		if s, ok := d.scalar(m.Value, "an address"); ok {
			it.URL = strings.TrimSpace(s)
			if it.URL == "" {
				d.ps.add(CodeEmpty, m.Value.Pos, "url is empty", "write an address, or leave the key out")
			}
		}
	case "division":
		it.Division = d.mappedDivision(m.Value, b.m.Division)
	case "allowEmpty":
		it.AllowEmpty, _ = d.bool(m.Value)
	case "keep":
		it.Keep = append(slices.Clip(it.Keep), d.keep(m.Value)...)
	}
}

// unknown reports a key that is none of an item's.
func (b *Builder) unknown(d *decoder, m Member) {
	known := append(slices.Clone(itemKeys), itemFieldKeys...)
	if what, ok := cannotMove[strings.ToLower(m.Key)]; ok {
		d.ps.add(CodeCannotMove, m.Pos, fmt.Sprintf("key %q: Showpad cannot take %s", m.Key, what), "remove it, or put it under keep:; see docs/what-moves.md")
		return
	}
	if isHeaderKey(m.Key) {
		d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q belongs into the header, not on an item", m.Key), "move it into the first document of the file")
		return
	}
	if _, ok := fieldIndex["permissions."+m.Key]; ok {
		d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q belongs under permissions", m.Key), fmt.Sprintf("write permissions: {%s: ...}", m.Key))
		return
	}
	d.unknown(m, known)
}

// itemFieldKeys are the keys of managed fields as an item or defaults has them.
var itemFieldKeys = func() []string {
	var keys []string
	for _, f := range fields {
		name, _, _ := strings.Cut(f.Name, ".")
		if !slices.Contains(keys, name) {
			keys = append(keys, name)
		}
	}
	return append(keys, "keep")
}()

// managed reads a managed field, or the mapping of permissions, into fs.
// False: the key is none. at may be nil.
func (d *decoder) managed(m Member, fs *Fields, at map[string]Pos) bool {
	if i, ok := fieldIndex[m.Key]; ok && !strings.Contains(m.Key, ".") {
		fields[i].read(d, m.Value, fs)
		return true
	}
	if m.Key != "permissions" {
		return false
	}
	const prefix = "permissions."
	if m.Value.Kind == NullValue { // takes back every member
		for i := range fields {
			if strings.HasPrefix(fields[i].Name, prefix) {
				fields[i].read(d, m.Value, fs)
			}
		}
		return true
	}
	var known []string
	for i := range fields {
		if name, ok := strings.CutPrefix(fields[i].Name, prefix); ok {
			known = append(known, name)
		}
	}
	d.mapping(m.Value, known, func(m Member) {
		d.field = prefix + m.Key
		if at != nil {
			at[d.field] = m.Value.Pos
		}
		fields[fieldIndex[d.field]].read(d, m.Value, fs)
	})
	return true
}

var mangledID = regexp.MustCompile(`^\d([.,]\d+)?[eE]\+?\d+$`)

func (d *decoder) externalID(v Value, s string) {
	if what := ExternalIDWrong(s); what != "" {
		fix := "write 1 to 128 characters without comma, control characters and white space around them"
		if t := strings.TrimSpace(s); t != s && ExternalIDWrong(t) == "" {
			d.repair(v.Pos, repairText, t, "externalId %q is now %q", clip(s), clip(t))
			fix = fmt.Sprintf("write %q", t)
		}
		d.ps.add(CodeExternalID, v.Pos, "externalId "+what, fix)
		return
	}
	if mangledID.MatchString(s) {
		d.ps.add(CodeMangledID, v.Pos, fmt.Sprintf("externalId %q looks like a number that a spreadsheet has rounded", s), "format the column as text and export again")
	}
}

// ExternalIDWrong says what is wrong with an external ID, or "" when it is
// fine. Source: v4 postAssets for the length; no comma, because filters are
// lists separated by commas.
func ExternalIDWrong(s string) string {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return "is empty"
	case n > MaxExternalID:
		return fmt.Sprintf("%q has %d characters", clip(s), n)
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.Contains(s, ","):
		return fmt.Sprintf("%q holds a comma", clip(s))
	case strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Sprintf("%q holds a control character", clip(s))
	case strings.TrimSpace(s) != s:
		return fmt.Sprintf("%q has white space around it", clip(s))
	}
	return ""
}

// idForm reports whether s can be an id of the service. Ids are opaque: usually
// 32 hex digits, but others occur. Source: samples of v4.
func idForm(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == ',' })
}

func (d *decoder) division(v Value) string {
	s, ok := d.scalar(v, "the Division's name or id")
	if s = strings.TrimSpace(s); ok && s == "" {
		d.ps.add(CodeEmpty, v.Pos, "division is empty", "write the Division's name or id, or leave the key out")
	}
	return s
}

func (d *decoder) keep(v Value) []KeepKV {
	if v.Kind != MapValue {
		d.wrong(v, "a mapping: {oldUrl: ...}")
		return nil
	}
	out := make([]KeepKV, 0, len(v.Map))
	for _, m := range v.Map {
		switch m.Value.Kind {
		case TextValue, NumberValue, BoolValue, NullValue:
			out = append(out, KeepKV{m.Key, m.Value.Text})
		case ListValue, MapValue:
			d.ps.add(CodeType, m.Value.Pos, fmt.Sprintf("keep.%s is %s", clip(m.Key), m.Value.Kind), "write a text")
		}
	}
	return out
}

// locate reads the address of the item's file.
func (b *Builder) locate(d *decoder, it *Item) {
	if it.File == "" || it.URL != "" {
		return
	}
	pos := it.FieldPos("file")
	loc, p := ParseLocation(it.File, b.m.Roots, pos)
	it.Location = loc
	switch {
	case p != nil:
		d.ps.put(*p)
	case loc.Root == "": // else the root was refused
		d.later("place."+loc.Kind.String(), pos)
	}
}

// merge fills in what the header says for all items.
func (b *Builder) merge(d *decoder, it *Item) {
	own := it.Fields
	mergeFields(&it.Fields, &b.m.Defaults)
	if it.Division == "" && !d.failed("division") {
		it.Division = b.m.Division
	}
	// Defaults reach only the assets that they can hold for.
	if it.URL == "" && !own.IsRenderExternalAllowed.Set {
		it.Fields.IsRenderExternalAllowed = Opt[bool]{}
	}
	if !own.IsEditable.Set && (it.URL != "" || isPDF(it)) {
		it.Fields.IsEditable = Opt[bool]{}
	}
}

func isPDF(it *Item) bool {
	return it.URL == "" && (strings.EqualFold(path.Ext(it.Location.Base()), ".pdf") ||
		strings.EqualFold(path.Ext(it.Fields.Name.Value), ".pdf"))
}

// check is about what several keys say together.
func (b *Builder) check(d *decoder, it *Item) {
	if it.ExternalID == "" && !d.failed("externalId") {
		d.ps.add(CodeExternalID, it.Pos, "the item has no externalId", "give it one that never changes, for instance its ID in the old system")
	}
	if it.Division == "" && !d.failed("division") {
		d.ps.add(CodeDivision, it.Pos, "neither the item nor the header names a division", "write division: in the header, or on the item")
	}
	b.checkPlace(d, it)
	f := &it.Fields
	if p := f.Localization.Value; p.ExternalID != "" && p.ExternalID == it.ExternalID || p.ID != "" && p.ID == it.ID {
		d.ps.add(CodeOwnVariant, it.FieldPos("localization"), "the item names itself as its primary", "name the item that it is a language variant of, or remove localization")
	}
	if f.IsRenderExternalAllowed.Set && it.URL == "" && it.File != "" {
		d.ps.add(CodeURLOnly, it.FieldPos("isRenderExternalAllowed"), "isRenderExternalAllowed is for URL assets only, and is not sent", "remove it from this item")
		f.IsRenderExternalAllowed = Opt[bool]{}
	}
	if f.IsEditable.Set && (it.URL != "" || isPDF(it)) {
		kind := "a PDF"
		if it.URL != "" {
			kind = "a URL asset"
		}
		d.ps.add(CodeEditable, it.FieldPos("permissions.isEditable"), "isEditable cannot be set on "+kind, "remove isEditable from this item")
	}
	if r, e := f.ReleasedAt, f.ExpiresAt; r.Set && e.Set && !r.Value.At.IsZero() && !e.Value.At.IsZero() && !r.Value.At.Before(e.Value.At) {
		d.ps.add(CodeDateOrder, it.FieldPos("releasedAt"), fmt.Sprintf("releasedAt (%s) is not before expiresAt (%s)",
			r.Value.At.Format(time.RFC3339), e.Value.At.Format(time.RFC3339)), "correct one of them")
	}
	if e := f.ExpiresAt; e.Set && !e.Value.At.IsZero() && !b.opt.Now.IsZero() && !e.Value.At.After(b.opt.Now) {
		d.ps.add(CodeExpired, it.FieldPos("expiresAt"), fmt.Sprintf("the asset has expired already (%s)", e.Value.At.Format(time.RFC3339)), "correct expiresAt, or leave the item out")
	}
}

// checkPlace is about where the bytes come from and the name that follows.
func (b *Builder) checkPlace(d *decoder, it *Item) {
	hasFile := it.File != "" || d.failed("file")
	hasURL := it.URL != "" || d.failed("url")
	switch {
	case hasFile && hasURL:
		d.ps.add(CodeFileOrURL, it.FieldPos("url"), "the item has both file and url", "remove one: url is for links without a binary")
		return
	case !hasFile && !hasURL:
		d.ps.add(CodeFileOrURL, it.Pos, "the item has neither file nor url", "write file: with a path, or url: with an address")
		return
	case it.URL != "":
		u, err := url.Parse(it.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsFunc(it.URL, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			d.ps.add(CodeURL, it.FieldPos("url"), fmt.Sprintf("url %q is no complete web address", clip(it.URL)), "write it as in a browser: https://www.example.com/pricing")
			return
		}
	case it.Location == Location{}:
		return
	}
	if d.failed("name") {
		return
	}
	if what := nameWrong(AssetName(*it)); what != "" {
		field := "name"
		if _, ok := it.At[field]; !ok {
			field = "file"
		}
		d.ps.add(CodeName, it.FieldPos(field), "the asset's name "+what, "write name: with 1 to 255 characters on one line")
	}
}

// finish orders the problems and gives the item its share.
func (d *decoder) finish(it Item) Parsed {
	SortProblems(d.ps.list)
	for i := range d.ps.list {
		p := &d.ps.list[i]
		p.ExternalID = it.ExternalID
		if p.Class != Stop {
			it.Problems = append(it.Problems, *p)
		}
	}
	return Parsed{Item: it, Problems: d.ps.list}
}

// SortProblems puts the problems of one file into the order of their places.
func SortProblems(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.Pos.Line != b.Pos.Line {
			return a.Pos.Line - b.Pos.Line
		}
		return a.Pos.Column - b.Pos.Column
	})
}
