package pipeline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Values are managed fields by their API name, permissions one by one
// ("permissions.isShareable"), each in canonical JSON: sets sorted, dates as
// UTC instants, tags and authors as ids, empty text as null. Two values are
// equal exactly when their bytes are.
type Values map[string]json.RawMessage

// newTag marks, in a tag list, a tag that has to be made first: its name
// follows. Ids of the service never begin like this.
const newTag = "new:"

type kind int

const (
	text      kind = iota // a string; null and "" are one
	flag                  // a bool; null is false
	instant               // a date-time or null
	refs                  // [{id}], a set
	codes                 // [{code}], a set
	words                 // [string], a set
	pages                 // [{start,end}], ordered
	pageInset             // {prepend, append} or null
	variant               // the id of the primary, or null
)

const permissions = "permissions."

// idField is the field by which an asset is found again.
const idField = "externalId"

type managedField struct {
	name string
	kind kind
}

// managed lists every field that a manifest can manage after the create, in
// the order in which differences are shown.
var managed = []managedField{
	{"name", text},
	{"description", text},
	{"tags", refs},
	{"languages", codes},
	{"countries", codes},
	{"authors", refs},
	{permissions + "isShareable", flag},
	{permissions + "isAnnotatable", flag},
	{permissions + "isEditable", flag},
	{"releasedAt", instant},
	{"expiresAt", instant},
	{"draftedAt", instant},
	{"isSensitive", flag},
	{"isDivisionShared", flag},
	{"isArchived", flag},
	{"isProcessedUsed", flag},
	{"isRenderExternalAllowed", flag},
	{"isOnlyEntireDocumentShareable", flag},
	{"isSpeakerNotesEnabled", flag},
	{"downloadableExternal", words},
	{"downloadableInternal", words},
	{"lockedPages", pages},
	{"enforcedPages", pageInset},
	{"url", text},
	{linkField, variant},
	{idField, text},
}

var (
	null      = json.RawMessage("null")
	emptyList = json.RawMessage("[]")
)

// wanted are the values that item manages. tags and authors are those of refs,
// already resolved. A relative date stays what rec says it became as long as
// its expression is the same; relative has the expressions in use.
func wanted(item *manifest.Item, refs *Refs, rec *state.Record, start time.Time, loc *time.Location) (v Values, relative map[string]string) {
	f := &item.Fields
	v = make(Values, 8)
	setText := func(name string, o manifest.Opt[string]) {
		if o.Set {
			v[name] = canonText(o.Value)
		}
	}
	setFlag := func(name string, o manifest.Opt[bool]) {
		if o.Set {
			v[name] = canonFlag(o.Value && !o.Null) // null is false, where the service takes it
		}
	}
	setWords := func(name string, o manifest.Opt[[]string]) {
		if o.Set {
			v[name] = canonSet(o.Value)
		}
	}
	setInstant := func(name string, o manifest.Opt[manifest.Instant]) {
		switch {
		case !o.Set:
		case o.Null:
			v[name] = null
		default:
			if rel := o.Value.Relative; rel != "" {
				if relative == nil {
					relative = map[string]string{}
				}
				relative[name] = rel
				if rec != nil && rec.Relative[name] == rel {
					if was := cmp.Or(string(rec.Fields[name].Sent), string(rec.Intent[name])); was != "" {
						v[name] = json.RawMessage(was)
						return
					}
				}
			}
			v[name] = canonInstant(o.Value.Resolve(start, loc))
		}
	}
	if f.Name.Set && !f.Name.Null {
		v["name"] = canonText(manifest.AssetName(*item))
	}
	setText("description", f.Description)
	if f.Tags.Set {
		v["tags"] = canonSet(refs.Tags)
	}
	if f.Languages.Set {
		v["languages"] = canonSet(refs.Languages)
	}
	if f.Countries.Set {
		v["countries"] = canonSet(refs.Countries)
	}
	if f.Authors.Set && len(refs.Authors) > 0 {
		v["authors"] = canonSet(refs.Authors)
	}
	setFlag(permissions+"isShareable", f.IsShareable)
	setFlag(permissions+"isAnnotatable", f.IsAnnotatable)
	setFlag(permissions+"isEditable", f.IsEditable)
	setInstant("releasedAt", f.ReleasedAt)
	setInstant("expiresAt", f.ExpiresAt)
	setInstant("draftedAt", f.DraftedAt)
	setFlag("isSensitive", f.IsSensitive)
	setFlag("isDivisionShared", f.IsDivisionShared)
	setFlag("isArchived", f.IsArchived)
	setFlag("isProcessedUsed", f.IsProcessedUsed)
	setFlag("isRenderExternalAllowed", f.IsRenderExternalAllowed)
	setFlag("isOnlyEntireDocumentShareable", f.IsOnlyEntireDocumentShareable)
	setFlag("isSpeakerNotesEnabled", f.IsSpeakerNotesEnabled)
	setWords("downloadableExternal", f.DownloadableExternal)
	setWords("downloadableInternal", f.DownloadableInternal)
	if f.LockedPages.Set {
		v["lockedPages"] = canonPages(f.LockedPages.Value)
	}
	if f.EnforcedPages.Set {
		v["enforcedPages"] = canonInset(f.EnforcedPages.Value.Prepend, f.EnforcedPages.Value.Append)
	}
	if item.URL != "" {
		v["url"] = canonText(item.URL)
	}
	if l := f.Localization; l.Set && (l.Null || refs.Primary != "") {
		v[linkField] = canonText(refs.Primary) // "" is null
	}
	return v, relative
}

// relativeDate is the date of item in the field of that name.
func relativeDate(item *manifest.Item, name string) manifest.Instant {
	f := &item.Fields
	return map[string]manifest.Instant{"releasedAt": f.ReleasedAt.Value, "expiresAt": f.ExpiresAt.Value, "draftedAt": f.DraftedAt.Value}[name]
}

// created are the values that a create carries: all wanted ones, and those that
// every create has.
func created(item *manifest.Item, want Values) Values {
	v := make(Values, len(want)+2)
	maps.Copy(v, want)
	v["name"] = canonText(manifest.AssetName(*item))
	v[idField] = canonText(item.ExternalID)
	return v
}

// shown are the managed fields of an asset as the service answered it. A
// member that the answer does not have is not in the result.
func shown(a *showpad.Asset) Values {
	v := make(Values, len(managed))
	var perms map[string]json.RawMessage
	if raw := a.Raw.Get("permissions"); raw != nil {
		var ok bool
		if perms, ok = showpad.Members(raw); !ok {
			_ = json.Unmarshal(raw, &perms) // not an object: no permissions are shown
		}
	}
	for _, m := range managed {
		var raw json.RawMessage
		var ok bool
		if m.kind == variant {
			if c, ok := primaryOf(a); ok {
				v[m.name] = c
			}
			continue
		}
		if p, isPerm := strings.CutPrefix(m.name, permissions); isPerm {
			raw, ok = perms[p]
		} else {
			raw = a.Raw.Get(m.name)
			ok = raw != nil
		}
		if !ok {
			continue
		}
		if c, ok := canonRemote(m.kind, raw); ok {
			v[m.name] = c
		}
	}
	return v
}

// canonRemote is the canonical form of a member of an answer; false when it
// cannot be read as its kind.
func canonRemote(k kind, raw json.RawMessage) (json.RawMessage, bool) {
	isNull := string(bytes.TrimSpace(raw)) == "null"
	switch k {
	case text:
		if isPlain(raw) && len(raw) > len(`""`) {
			return raw[:len(raw):len(raw)], true
		}
		var s *string
		if json.Unmarshal(raw, &s) != nil {
			return nil, false
		}
		if s == nil {
			return null, true
		}
		return canonText(*s), true
	case flag:
		var b bool
		switch {
		case isNull, string(raw) == "false":
		case string(raw) == "true":
			b = true
		case json.Unmarshal(raw, &b) != nil:
			return nil, false
		}
		return canonFlag(b), true
	case instant:
		if isNull {
			return null, true
		}
		var t showpad.Time
		if t.UnmarshalJSON(raw) != nil || t.IsZero() {
			return nil, false
		}
		return canonInstant(t.Time), true
	case refs:
		if isEmpty(raw) {
			return emptyList, true
		}
		if ids, ok := plainMembers(raw, `{"id":"`); ok {
			return canonSet(ids), true
		}
		var l []showpad.Ref
		if json.Unmarshal(raw, &l) != nil {
			return nil, false
		}
		ids := make([]string, len(l))
		for i := range l {
			ids[i] = l[i].ID
		}
		return canonSet(ids), true
	case codes:
		if isEmpty(raw) {
			return emptyList, true
		}
		if cs, ok := plainMembers(raw, `{"code":"`); ok {
			return canonSet(cs), true
		}
		var l []showpad.Code
		if json.Unmarshal(raw, &l) != nil {
			return nil, false
		}
		cs := make([]string, len(l))
		for i := range l {
			cs[i] = l[i].Code
		}
		return canonSet(cs), true
	case words:
		if isEmpty(raw) {
			return emptyList, true
		}
		var l []string
		if json.Unmarshal(raw, &l) != nil {
			return nil, false
		}
		return canonSet(l), true
	case pages:
		if isEmpty(raw) {
			return emptyList, true
		}
		var l []manifest.PageRange
		if json.Unmarshal(raw, &l) != nil {
			return nil, false
		}
		return canonPages(l), true
	case pageInset:
		if isNull {
			return null, true
		}
		var e manifest.EnforcedPages
		if json.Unmarshal(raw, &e) != nil {
			return nil, false
		}
		return canonInset(e.Prepend, e.Append), true
	}
	return nil, false
}

// plainMembers are the strings of a list of objects that each begin with that and
// have no other member, spelled as they are; false for any other list.
func plainMembers(list []byte, begin string) (l []string, ok bool) {
	list, ok = bytes.CutPrefix(list, []byte("["))
	for ok {
		var s []byte
		if list, ok = bytes.CutPrefix(list, []byte(begin)); !ok {
			return nil, false
		}
		if s, list, ok = bytes.Cut(list, []byte(`"}`)); !ok || !isPlainText(s) {
			return nil, false
		}
		l = append(l, string(s))
		if string(list) == "]" {
			return l, true
		}
		list, ok = bytes.CutPrefix(list, []byte(","))
	}
	return nil, false
}

// canon is the JSON of a value that always has one, without HTML escapes.
func canon(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// Only strings, bools, lists and flat structs of them come here.
		panic(fmt.Sprintf("pipeline: canonical JSON of %T: %v", v, err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func canonText(s string) json.RawMessage {
	if s == "" {
		return null
	}
	return appendText(nil, s)
}

// appendText appends the JSON of a string. Most are spelled as they are.
func appendText(b []byte, s string) []byte {
	b = slices.Grow(b, len(s)+len(`"",`))
	from := len(b)
	b = append(append(append(b, '"'), s...), '"')
	if !isPlain(b[from:]) {
		b = append(b[:from], canon(s)...)
	}
	return b
}

// isPlain reports whether raw is a string in ASCII without escapes.
func isPlain(raw []byte) bool {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return false
	}
	return isPlainText(raw[1 : len(raw)-1])
}

// isPlainText reports whether JSON spells s as it is.
func isPlainText(s []byte) bool {
	for _, c := range s {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func isEmpty(list []byte) bool { return string(list) == "[]" }

// isTrue and isFalse are the canonical flags. Nobody writes to them.
var isTrue, isFalse = json.RawMessage("true"), json.RawMessage("false")

func canonFlag(b bool) json.RawMessage {
	if b {
		return isTrue
	}
	return isFalse
}

func canonInstant(t time.Time) json.RawMessage {
	return appendText(nil, t.UTC().Format(time.RFC3339Nano))
}

func canonSet(l []string) json.RawMessage {
	if len(l) == 0 {
		return emptyList
	}
	l = slices.Clone(l)
	slices.Sort(l)
	b := []byte{'['}
	for i, s := range slices.Compact(l) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

func canonPages(l []manifest.PageRange) json.RawMessage {
	if len(l) == 0 {
		return emptyList
	}
	return canon(l)
}

func canonInset(pre, app []manifest.PageRange) json.RawMessage {
	if len(pre) == 0 && len(app) == 0 {
		return null
	}
	e := manifest.EnforcedPages{}
	if len(pre) > 0 {
		e.Prepend = pre
	}
	if len(app) > 0 {
		e.Append = app
	}
	return canon(e)
}

// sameForm reports whether two texts differ in white space around them only,
// which processing is known to remove.
func sameForm(a, b json.RawMessage) bool {
	var x, y *string
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return strings.TrimSpace(*s)
	}
	return text(x) == text(y)
}

// snapped reports whether b may be what the service made of the instant a:
// releases and expiries set in Showpad move to the beginning or the end of their
// day, in the account's time zone, and whether those of the API do is not known.
// Source: help "Set a release and expiry date"; ASSUME.
func snapped(a, b json.RawMessage) bool {
	var at, is time.Time
	if json.Unmarshal(a, &at) != nil || json.Unmarshal(b, &is) != nil || at.IsZero() || is.IsZero() {
		return false
	}
	const zones = 15 * time.Minute // offsets of time zones are multiples of it
	begins := is.Truncate(zones).Equal(is)
	ends := is.Truncate(time.Second).Add(time.Second).Truncate(zones).Equal(is.Truncate(time.Second).Add(time.Second))
	return (begins || ends) && is.Sub(at).Abs() <= 24*time.Hour
}

// set reads a canonical list of strings; nil when it is none.
func set(raw json.RawMessage) []string {
	if isEmpty(raw) {
		return nil
	}
	var l []string
	_ = json.Unmarshal(raw, &l) // canonical by construction; null is an empty set
	return l
}

// union and minus are set operations on canonical lists.
func union(a, b json.RawMessage) json.RawMessage { return canonSet(append(set(a), set(b)...)) }

func minus(a, b json.RawMessage) json.RawMessage {
	out := set(b)
	return canonSet(slices.DeleteFunc(set(a), func(s string) bool { return slices.Contains(out, s) }))
}

// request turns values into the members of a create or update. remote has what
// the service shows of the asset: permissions are sent whole, remote overlaid
// with v. The error names a value that has no place in a request: a bug.
func request(v, remote Values) (f showpad.AssetFields, err error) {
	perms := Values{}
	for name, raw := range v {
		m, known := managedFields[name]
		p, isPerm := strings.CutPrefix(name, permissions)
		switch {
		case !known:
			continue
		case isPerm:
			perms[p] = raw
		case m.kind == refs:
			l := []showpad.Ref{}
			for _, id := range set(raw) {
				if strings.HasPrefix(id, newTag) {
					return showpad.AssetFields{}, &valueError{fmt.Errorf("tag %q has no id yet", id[len(newTag):])}
				}
				l = append(l, showpad.Ref{ID: id})
			}
			err = put(&f, name, l)
		case m.kind == codes:
			l := []showpad.Code{}
			for _, c := range set(raw) {
				l = append(l, showpad.Code{Code: c})
			}
			err = put(&f, name, l)
		default:
			err = putRaw(&f, name, raw)
		}
		if err != nil {
			return f, &valueError{err}
		}
	}
	if len(perms) > 0 {
		for _, m := range managed {
			p, isPerm := strings.CutPrefix(m.name, permissions)
			if _, given := perms[p]; !isPerm || given {
				continue
			}
			// isEditable is for documents that are not PDF: the service refuses
			// it elsewhere, so false, which is its default, is not sent along.
			if raw, ok := remote[m.name]; ok && !(p == "isEditable" && string(raw) == "false") {
				perms[p] = raw
			}
		}
		whole, err := json.Marshal(perms)
		if err == nil {
			err = strict(whole, &f.Permissions)
		}
		if err != nil {
			return f, &valueError{err}
		}
	}
	return f, nil
}

// managedFields finds the entries of managed by name.
var managedFields = func() map[string]managedField {
	m := make(map[string]managedField, len(managed))
	for _, f := range managed {
		m[f.name] = f
	}
	return m
}()

// put sets a member of a request that is a list of references.
func put[T showpad.Ref | showpad.Code](f *showpad.AssetFields, name string, l []T) error {
	o, ok := member(f, name).(*showpad.Opt[[]T])
	if !ok {
		return errNoMember(name)
	}
	*o = showpad.Some(l)
	return nil
}

// putRaw sets any other member.
func putRaw(f *showpad.AssetFields, name string, raw json.RawMessage) error {
	switch o := member(f, name).(type) {
	case nil:
		return errNoMember(name)
	case *showpad.Opt[string]:
		if isPlain(raw) {
			*o = showpad.Some(string(raw[1 : len(raw)-1]))
			return nil
		}
		return strict(raw, o)
	case *showpad.Opt[bool]:
		switch string(raw) {
		case "true", "false":
			*o = showpad.Some(string(raw) == "true")
			return nil
		}
		return strict(raw, o)
	default:
		return strict(raw, o)
	}
}

func errNoMember(name string) error {
	return fmt.Errorf("%q cannot be set like this", name)
}

// strict decodes what has no members beyond those of to.
func strict(raw []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(to)
}

// member is where a field stands in a request; nil for what has no place there.
func member(f *showpad.AssetFields, name string) any {
	switch name {
	case "name":
		return &f.Name
	case "description":
		return &f.Description
	case "tags":
		return &f.Tags
	case "languages":
		return &f.Languages
	case "countries":
		return &f.Countries
	case "authors":
		return &f.Authors
	case "releasedAt":
		return &f.ReleasedAt
	case "expiresAt":
		return &f.ExpiresAt
	case "draftedAt":
		return &f.DraftedAt
	case "isSensitive":
		return &f.IsSensitive
	case "isDivisionShared":
		return &f.IsDivisionShared
	case "isArchived":
		return &f.IsArchived
	case "isProcessedUsed":
		return &f.IsProcessedUsed
	case "isRenderExternalAllowed":
		return &f.IsRenderExternalAllowed
	case "isOnlyEntireDocumentShareable":
		return &f.IsOnlyEntireDocumentShareable
	case "isSpeakerNotesEnabled":
		return &f.IsSpeakerNotesEnabled
	case "downloadableExternal":
		return &f.DownloadableExternal
	case "downloadableInternal":
		return &f.DownloadableInternal
	case "lockedPages":
		return &f.LockedPages
	case "enforcedPages":
		return &f.EnforcedPages
	case "url":
		return &f.URL
	case idField:
		return &f.ExternalID
	}
	return nil
}

// valueError is of values that have no place in a request.
type valueError struct{ error }

func (e *valueError) Unwrap() error { return e.error }

// differences lists the fields of want that remote shows otherwise, in the
// order of managed. A field that remote does not show counts as different.
func differences(want, remote Values) []FieldDiff {
	var d []FieldDiff
	for _, m := range managed {
		w, ok := want[m.name]
		if !ok || bytes.Equal(w, remote[m.name]) {
			continue
		}
		d = append(d, FieldDiff{Field: m.name, Remote: remote[m.name], Wanted: w})
	}
	return d
}

// bases is the record's memory after an answer: what we sent, and what was
// shown where it is not the same. Earlier entries stay.
func bases(old map[string]state.Base, sent, seen Values) map[string]state.Base {
	out := make(map[string]state.Base, len(old)+len(sent))
	maps.Copy(out, old)
	for k, raw := range sent {
		b := state.Base{Sent: raw}
		if s, ok := seen[k]; ok && !bytes.Equal(s, raw) {
			b.Seen = s
		}
		out[k] = b
	}
	return out
}

// baseOf is the base of a field. An asset that was adopted before the external
// ID had a base was found by the one that its record has.
func baseOf(rec *state.Record, name string) state.Base {
	b := rec.Fields[name]
	if name == idField && b.Sent == nil && b.Seen == nil {
		b.Sent = canonText(rec.ExternalID)
	}
	return b
}

// sortedFields are the names in v in the order of managed.
func sortedFields(v Values) []string {
	order := make(map[string]int, len(managed))
	for i, m := range managed {
		order[m.name] = i
	}
	names := make([]string, 0, len(v))
	for k := range v {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(order[a], order[b]) })
	return names
}
