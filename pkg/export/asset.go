package export

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// entry is an asset as it was listed, on its way through temporary files.
type entry struct {
	ID         string           `json:"i"`
	ExternalID string           `json:"e,omitempty"` // the service's
	Division   string           `json:"d"`           // id
	Name       string           `json:"n"`
	Type       string           `json:"t,omitempty"`
	Status     string           `json:"s,omitempty"`
	Slug       string           `json:"l,omitempty"`
	MD5        string           `json:"m,omitempty"`
	Size       int64            `json:"z"` // -1: not told
	Version    string           `json:"c,omitempty"`
	URL        string           `json:"u,omitempty"`
	Tags       []string         `json:"g,omitempty"` // ids
	Authors    []string         `json:"a,omitempty"` // ids
	Primary    string           `json:"p,omitempty"` // id of the asset that it is a language variant of
	Values     map[string]value `json:"v"`           // by column; what is not named is not there
	Left       []Left           `json:"f,omitempty"` // parts that do not come along
}

// value is one of three: a text, a list of texts, or "not told", which keeps defaults
// away.
type value struct {
	Text  string               `json:"t,omitempty"`
	List  []string             `json:"l,omitempty"` // of a list
	Is    kind                 `json:"k"`
	Pages []manifest.PageRange `json:"p,omitempty"`
}

type kind byte

const (
	isText kind = iota
	isBool
	isList
	isPages
	isOpen // the service does not tell it: the manifest leaves it to the service
)

// ref is a member that names others.
type ref struct {
	ID    string `json:"id"`
	Code  string `json:"code"`
	Asset *ref   `json:"asset"`
}

// read takes over what the service shows of an asset. A member that cannot be read as
// what it should be counts as not told.
func read(a *showpad.Asset) *entry {
	e := &entry{
		ID: a.ID, ExternalID: a.ExternalID, Division: a.Division.ID, Name: a.Name, Type: a.Type, Status: a.Status, Slug: a.Slug,
		MD5: md5Of(a.Checksum), Size: -1, Values: map[string]value{},
	}
	if a.Size != nil {
		e.Size = *a.Size
	}
	if a.CurrentFile != nil {
		e.Version = a.CurrentFile.ID
	}
	_ = json.Unmarshal(a.Raw.Get("url"), &e.URL) // null or no text: none
	var perms map[string]json.RawMessage
	_ = json.Unmarshal(a.Raw.Get("permissions"), &perms)
	for _, f := range manifest.ManagedFields() {
		raw := a.Raw.Get(f.Name)
		if p, ok := strings.CutPrefix(f.Name, "permissions."); ok {
			raw = perms[p]
		}
		e.field(f, bytes.TrimSpace(raw))
	}
	var gained []json.RawMessage
	if json.Unmarshal(a.Raw.Get("competencies"), &gained) == nil && len(gained) > 0 {
		e.leave("competencies", ReasonCannot, "its competencies are given in Showpad")
	}
	e.variant(a.Raw.Get("localization"))
	e.fits()
	return e
}

// primaryColumn links language variants.
const primaryColumn = "localization.primary"

// variant reads which asset this one is a language variant of. Source: v4 getAsset.
func (e *entry) variant(raw []byte) {
	var l struct {
		Primary  *ref  `json:"primary"`
		Variants []ref `json:"variants"`
	}
	if json.Unmarshal(raw, &l) != nil { // null, or nothing that is known
		return
	}
	if l.Primary != nil && l.Primary.Asset != nil && l.Primary.Asset.ID != e.ID {
		e.Primary = l.Primary.Asset.ID
	}
	for _, v := range l.Variants {
		if v.Asset == nil || v.Asset.ID == "" {
			e.leave("localization", ReasonCannot, "it has a place for a translation that is not there yet")
			return
		}
	}
}

// field reads one managed field.
func (e *entry) field(f manifest.Field, raw []byte) {
	null := len(raw) == 0 || string(raw) == "null"
	switch f.Kind {
	case manifest.KindName: // it has a place of its own
	case manifest.KindText:
		var s string
		if !null && json.Unmarshal(raw, &s) == nil && s != "" {
			e.Values[f.Name] = value{Text: s}
		}
	case manifest.KindBool:
		var b bool
		switch {
		case len(raw) == 0 || null && !f.Nullable, json.Unmarshal(raw, &b) != nil:
		case b:
			e.Values[f.Name] = value{Is: isBool, Text: "true"}
		default:
			e.Values[f.Name] = value{Is: isBool, Text: "false"}
		}
	case manifest.KindTags, manifest.KindAuthors, manifest.KindLocales, manifest.KindRenditions:
		e.list(f, raw, null)
	case manifest.KindRelease, manifest.KindExpiry:
		e.date(f.Name, raw, null)
	case manifest.KindPages:
		var p []manifest.PageRange
		if null || json.Unmarshal(raw, &p) != nil {
			e.Values[f.Name] = value{Is: isOpen}
		} else {
			e.Values[f.Name] = value{Is: isPages, Pages: p}
		}
	case manifest.KindEnforcement:
		var p manifest.EnforcedPages
		if null || json.Unmarshal(raw, &p) != nil {
			return
		}
		if len(p.Prepend) > 0 {
			e.Values[f.Name+".prepend"] = value{Is: isPages, Pages: p.Prepend}
		}
		if len(p.Append) > 0 {
			e.Values[f.Name+".append"] = value{Is: isPages, Pages: p.Append}
		}
	}
}

// list reads a list of texts or of references.
func (e *entry) list(f manifest.Field, raw []byte, null bool) {
	var words []string
	known := !null
	if f.Kind == manifest.KindRenditions {
		known = known && json.Unmarshal(raw, &words) == nil
	} else {
		var refs []ref
		known = known && json.Unmarshal(raw, &refs) == nil
		for _, r := range refs {
			if id := r.ID + r.Code; id != "" {
				words = append(words, id)
			}
		}
	}
	slices.Sort(words) // they are sets: one order makes one table
	words = slices.Compact(words)
	switch {
	case !known:
		e.Values[f.Name] = value{Is: isOpen}
	case f.Kind == manifest.KindTags:
		e.Tags = words
	case f.Kind == manifest.KindAuthors:
		e.Authors = words
	default:
		e.Values[f.Name] = value{Is: isList, List: words}
	}
}

// date reads an instant. A manifest counts in seconds.
func (e *entry) date(name string, raw []byte, null bool) {
	var t showpad.Time
	if null {
		return
	}
	if _ = t.UnmarshalJSON(raw); t.IsZero() {
		e.leave(name, ReasonCannot, "the date "+string(raw)+" cannot be read")
		return
	}
	if t.Nanosecond() != 0 {
		e.leave(name, ReasonAdjusted, "dates count in seconds: "+t.Format(time.RFC3339Nano)+" lost its fraction")
	}
	e.Values[name] = value{Text: t.UTC().Truncate(time.Second).Format(time.RFC3339)}
}

// fits takes out fields that hold nothing for an asset of this kind, and that a
// manifest refuses there. Source: v4 postAssets (isEditable, isRenderExternalAllowed).
func (e *entry) fits() {
	if e.Type != "document" || strings.HasSuffix(strings.ToLower(e.Name), ".pdf") {
		delete(e.Values, "permissions.isEditable")
	}
	if !e.isURL() {
		delete(e.Values, "isRenderExternalAllowed")
	}
	if !e.isURL() && e.Size == 0 {
		e.Values["allowEmpty"] = value{Is: isBool, Text: "true"}
	}
}

func (e *entry) isURL() bool { return e.Type == "url" }

// kinds that no upload makes. Source: v4 getAsset for the names; that they cannot be
// made is INFER.
var insideOnly = map[string]string{
	"page":                     "a page is made inside Showpad",
	"personal-video-recording": "a recording is made inside Showpad",
	"scorm":                    "a SCORM package is made inside Showpad",
	"webapp":                   "a web app is installed inside Showpad",
}

// stays says why the asset cannot be exported, or reason is "".
func (e *entry) stays() (reason, detail string) {
	switch {
	case insideOnly[e.Type] != "":
		return ReasonKind, insideOnly[e.Type] + ": no upload makes one"
	case e.isURL() && e.URL == "":
		return ReasonRefused, "it has no address"
	case e.isURL():
		return "", ""
	case e.Version == "" && e.Status != showpad.StatusActive:
		return ReasonInactive, "it is " + orUnknown(e.Status) + ", and no version of it was ever processed"
	}
	return "", ""
}

func orUnknown(status string) string {
	if status == "" {
		return "in no known state"
	}
	return status
}

// leave notes a part that does not come along as it is.
func (e *entry) leave(part, reason, detail string) {
	e.Left = append(e.Left, Left{Part: part, Reason: reason, Detail: detail})
}

// md5Of is a checksum as lower-case hex; "" when it is none. Source: v4 getAsset
// samples have hex; base64 is ASSUME, as in Content-MD5.
func md5Of(s string) string {
	if b, err := hex.DecodeString(s); err == nil && len(b) == 16 {
		return hex.EncodeToString(b)
	}
	if b, err := base64.StdEncoding.DecodeString(s); err == nil && len(b) == 16 {
		return hex.EncodeToString(b)
	}
	return ""
}
