package export

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// columns are those of the table: all that a row may name, but id, which would bind a
// row to the tenant that it comes from.
var columns = slices.DeleteFunc(manifest.RowFields(), func(s string) bool { return s == "id" })

// noteColumn is kept beside the fields.
const noteColumn = "note"

// tagID marks, in the list of tags, one that is named by its id.
const tagID = "\x00"

// row is an item of the manifest, with a value for each column that it names.
type row struct {
	Item   Item             `json:"item"`
	Values map[string]value `json:"values"`
	Exact  bool             `json:"exact"` // a CSV table cannot say it: it goes into NDJSON
	Left   []Left           `json:"left"`

	AssetVersion string `json:"version"`
	Place        string `json:"place"` // Division by name, for the summary
}

// writer of rows knows what a manifest makes of them.
type checker struct {
	builder *manifest.Builder
	m       *manifest.Manifest
}

// newChecker reads the header that the manifest will have.
func newChecker(header string) (*checker, error) {
	m, problems, err := manifest.ReadHeader(strings.NewReader(header), ManifestFile)
	if err == nil && len(problems) > 0 {
		err = manifest.Problems(problems)
	}
	if err != nil {
		return nil, fmt.Errorf("the manifest's header: %w", err)
	}
	return &checker{m: m, builder: manifest.NewBuilder(m, manifest.Options{})}, nil
}

// essential are columns without which there is no item, or whose loss would show an
// asset to people who shall not see it.
var essential = []string{"externalId", "file", "url", "name", "division", "releasedAt", "expiresAt", "isArchived"}

// settle finds the form in which a manifest says what r holds: a row of CSV, a line of
// NDJSON, or without the fields that it cannot say, which are noted. The asset cannot
// be exported when why is not "".
func (c *checker) settle(r *row) (why string) {
	for range len(columns) + 2 {
		wrong := c.wrong(r)
		if len(wrong) == 0 {
			return ""
		}
		if !r.Exact {
			r.Exact = true
			continue
		}
		for _, field := range columns {
			what, ok := wrong[field]
			switch {
			case !ok:
			case slices.Contains(essential, field):
				return field + ": " + what
			default:
				delete(r.Values, field)
				r.Values[field] = value{Is: isOpen}
				r.Left = append(r.Left, Left{Part: field, Reason: ReasonCannot, Detail: what})
			}
		}
	}
	return "it cannot be said in a manifest"
}

// wrong are the columns that a manifest refuses, or reads as something else.
func (c *checker) wrong(r *row) map[string]string {
	v, ok := r.object(), true
	if !r.Exact {
		if v, ok = r.record(); !ok {
			return map[string]string{"": "a cell cannot hold it"}
		}
	}
	p := c.builder.Item(v, nil)
	wrong := map[string]string{}
	for _, problem := range p.Problems {
		if problem.Class != manifest.Stop {
			continue
		}
		field := "externalId"
		if at := problem.Pos.Column - 1; at >= 0 && at < len(columns) {
			field = columns[at]
		}
		wrong[field] = problem.What
	}
	if len(wrong) > 0 {
		return wrong
	}
	got := heard(&p.Item)
	for _, field := range columns {
		if field != primaryColumn && !r.Values[field].same(got[field]) { // an external ID is always said
			wrong[field] = "a manifest cannot say " + r.Values[field].String()
		}
	}
	return wrong
}

// cells are the columns of a CSV table; false when it cannot say them.
func (r *row) cells() ([]string, bool) {
	cells := make([]string, len(columns))
	for i, field := range columns {
		v, named := r.Values[field]
		if !named {
			continue
		}
		cells[i] = v.cell()
		if strings.ContainsFunc(cells[i], func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			return nil, false
		}
	}
	return cells, true
}

func (v value) cell() string {
	switch v.Is {
	case isOpen:
		return "null"
	case isList:
		s := strings.Join(v.List, "; ")
		if s == "null" || s == "[]" {
			s += ";" // else the cell would mean nothing
		}
		return s
	case isPages:
		parts := make([]string, len(v.Pages))
		for i, p := range v.Pages {
			parts[i] = fmt.Sprintf("%d-%d", p.Start, p.End)
		}
		s := strings.Join(parts, "; ")
		if len(parts) == 1 {
			s += ";" // else a spreadsheet makes a day of it: 1-2 is the first of February
		}
		return s
	}
	return v.Text
}

// record is the row as a manifest reads it in a CSV table; false when such a table
// cannot say it.
func (r *row) record() (manifest.Value, bool) {
	cells, ok := r.cells()
	v := manifest.Value{Kind: manifest.MapValue}
	for i, s := range cells {
		if strings.TrimSpace(s) != "" { // what is blank is not named
			pos := manifest.Pos{Column: i + 1}
			v.Put(columns[i], pos, manifest.Cell(s, "", pos))
		}
	}
	return v, ok
}

// object is the row as a manifest reads it in a line of NDJSON.
func (r *row) object() manifest.Value {
	v := manifest.Value{Kind: manifest.MapValue}
	for i, field := range columns {
		if val, named := r.Values[field]; named {
			pos := manifest.Pos{Column: i + 1}
			v.Put(field, pos, val.typed(pos))
		}
	}
	return v
}

func (v value) typed(pos manifest.Pos) manifest.Value {
	text := func(s string) manifest.Value { return manifest.Value{Kind: manifest.TextValue, Pos: pos, Text: s} }
	number := func(n int) manifest.Value {
		return manifest.Value{Kind: manifest.NumberValue, Pos: pos, Text: fmt.Sprint(n)}
	}
	member := func(key string, v manifest.Value) manifest.Member {
		return manifest.Member{Key: key, Pos: pos, Value: v}
	}
	out := manifest.Value{Pos: pos, Text: v.Text}
	switch v.Is {
	case isOpen:
		out.Kind = manifest.NullValue
	case isBool:
		out.Kind = manifest.BoolValue
	case isList:
		out.Kind = manifest.ListValue
		for _, s := range v.List {
			if id, ok := strings.CutPrefix(s, tagID); ok {
				out.List = append(out.List, manifest.Value{Kind: manifest.MapValue, Pos: pos, Map: []manifest.Member{member("id", text(id))}})
				continue
			}
			out.List = append(out.List, text(s))
		}
	case isPages:
		out.Kind = manifest.ListValue
		for _, p := range v.Pages {
			out.List = append(out.List, manifest.Value{Kind: manifest.MapValue, Pos: pos, Map: []manifest.Member{member("start", number(p.Start)), member("end", number(p.End))}})
		}
	default:
		out.Kind = manifest.TextValue
	}
	return out
}

// line is the row as a line of NDJSON, without its end.
func (r *row) line(note string) ([]byte, error) {
	object := map[string]any{}
	for field, v := range r.Values {
		at := object
		for {
			head, rest, nested := strings.Cut(field, ".")
			if !nested {
				break
			}
			inner, ok := at[head].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[head] = inner
			}
			at, field = inner, rest
		}
		at[field] = v.plain()
	}
	if note != "" {
		object[noteColumn] = note
	}
	return encode(object)
}

// plain is the value as encoding/json takes it.
func (v value) plain() any {
	switch v.Is {
	case isOpen:
		return nil
	case isBool:
		return v.Text == "true"
	case isList:
		list := make([]any, len(v.List))
		for i, s := range v.List {
			if id, ok := strings.CutPrefix(s, tagID); ok {
				list[i] = map[string]string{"id": id}
			} else {
				list[i] = s
			}
		}
		return list
	case isPages:
		return append([]manifest.PageRange{}, v.Pages...)
	}
	return v.Text
}

// encode is v as JSON on one line, letters as they are.
func encode(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// same reports whether two values mean the same: what is open is not named.
func (v value) same(o value) bool {
	if v.Is == isOpen {
		v = value{}
	}
	if v.Is != o.Is { // an empty list is what the defaults say
		return v.empty() && o.empty()
	}
	return v.Text == o.Text && slices.Equal(v.List, o.List) && slices.Equal(v.Pages, o.Pages)
}

func (v value) empty() bool { return v.Text == "" && len(v.List) == 0 && len(v.Pages) == 0 }

// String is the value for people.
func (v value) String() string { return quote(strings.ReplaceAll(v.cell(), tagID, "id ")) }

// quote is a text for a message, cut short.
func quote(s string) string {
	if short := cut(s, 60, 240); short != s {
		s = short + "..."
	}
	return fmt.Sprintf("%q", s)
}

// heard are the values of an item that a manifest has read, by column.
func heard(it *manifest.Item) map[string]value {
	f := &it.Fields
	got := map[string]value{}
	text := func(field, s string) {
		if s != "" {
			got[field] = value{Text: s}
		}
	}
	flag := func(field string, o manifest.Opt[bool]) {
		if o.Set && !o.Null {
			got[field] = value{Is: isBool, Text: fmt.Sprint(o.Value)}
		}
	}
	list := func(field string, o manifest.Opt[[]string]) {
		if o.Set && !o.Null {
			got[field] = value{Is: isList, List: o.Value}
		}
	}
	date := func(field string, o manifest.Opt[manifest.Instant]) {
		if o.Set && !o.Null {
			got[field] = value{Text: o.Value.At.UTC().Format(time.RFC3339)}
		}
	}
	text("externalId", it.ExternalID)
	text("division", it.Division)
	text("url", it.URL)
	if it.File != "" {
		text("file", it.Location.String())
	}
	text("name", manifest.AssetName(*it))
	text("description", f.Description.Value)
	if it.AllowEmpty {
		got["allowEmpty"] = value{Is: isBool, Text: "true"}
	}
	if f.Tags.Set && !f.Tags.Null {
		var names []string
		for _, t := range f.Tags.Value {
			if t.ID != "" {
				t.Name = tagID + t.ID
			}
			names = append(names, t.Name)
		}
		got["tags"] = value{Is: isList, List: names}
	}
	list("languages", f.Languages)
	list("countries", f.Countries)
	list("authors", f.Authors)
	flag("permissions.isShareable", f.IsShareable)
	flag("permissions.isAnnotatable", f.IsAnnotatable)
	flag("permissions.isEditable", f.IsEditable)
	date("releasedAt", f.ReleasedAt)
	date("expiresAt", f.ExpiresAt)
	date("draftedAt", f.DraftedAt)
	flag("isSensitive", f.IsSensitive)
	flag("isDivisionShared", f.IsDivisionShared)
	flag("isArchived", f.IsArchived)
	flag("isProcessedUsed", f.IsProcessedUsed)
	flag("isRenderExternalAllowed", f.IsRenderExternalAllowed)
	flag("isOnlyEntireDocumentShareable", f.IsOnlyEntireDocumentShareable)
	flag("isSpeakerNotesEnabled", f.IsSpeakerNotesEnabled)
	list("downloadableExternal", f.DownloadableExternal)
	list("downloadableInternal", f.DownloadableInternal)
	if f.LockedPages.Set && !f.LockedPages.Null {
		got["lockedPages"] = value{Is: isPages, Pages: f.LockedPages.Value}
	}
	if e := f.EnforcedPages; e.Set && !e.Null {
		if len(e.Value.Prepend) > 0 {
			got["enforcedPages.prepend"] = value{Is: isPages, Pages: e.Value.Prepend}
		}
		if len(e.Value.Append) > 0 {
			got["enforcedPages.append"] = value{Is: isPages, Pages: e.Value.Append}
		}
	}
	return got
}

// assetName is a name that a manifest takes: 1 to 255 characters on one line, in NFC.
func assetName(name string, link bool) string {
	s := strings.TrimSpace(norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, name)))
	const most = 255
	room := most
	if link && !strings.HasSuffix(strings.ToLower(s), ".url") {
		room -= len(".url") // which a manifest appends
	}
	if len([]rune(s)) > room {
		stem, ext := splitName(s)
		if len(ext) > maxExtension {
			stem, ext = s, ""
		}
		s = strings.TrimSpace(cut(stem, room-len([]rune(ext)), 1<<12)) + ext
	}
	return s
}
