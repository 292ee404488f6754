package manifest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of a share. Source: v4 create-share.
const (
	MaxShareTitle  = 200 // characters
	MaxShareAssets = 300
	MaxShareOrigin = 20 // characters
)

// ShareOrigin is the calling application that a share names unless the manifest
// says otherwise.
const ShareOrigin = "migrate"

// Share is a wanted link to some assets, made once for its key.
type Share struct {
	Pos               Pos
	Key               string // unique in the manifest
	Title             string
	Assets            []ShareAsset // one at least
	ExpiresAt         Opt[Instant] // not set, and null: never
	IsDownloadAllowed Opt[bool]    // not set: the service's own default
	Theme             string       // title or id; "" is the Global Theme
	Origin            string
	At                map[string]Pos // of each key that the share names
}

// ShareAsset is an asset of a share: an item of the manifest, or of an earlier
// one, by its external ID, or any asset by its id. Exactly one is set.
type ShareAsset struct {
	Pos        Pos
	ExternalID string
	ID         string
	Page       int // that it opens with, from 1; 0: not named
}

// FieldPos is where the share names a key, or where the share begins.
func (s *Share) FieldPos(key string) Pos {
	if p, ok := s.At[key]; ok {
		return p
	}
	return s.Pos
}

var (
	shareKeys      = []string{"key", "title", "assets", "expiresAt", "isDownloadAllowed", "theme", "origin"}
	shareAssetKeys = []string{"externalId", "id", "page"}
)

const shareExample = `{key: customer-x-q3, title: "Customer X: Q3", assets: [{externalId: SP-1042, page: 3}]}`

func (h *headerReader) shares(v Value) {
	d := &h.d
	d.zone = h.m.Timezone
	d.field = "shares"
	if v.Kind != ListValue {
		d.wrong(v, "a list: ["+shareExample+"]")
		return
	}
	for _, e := range v.List {
		before := len(d.ps.list)
		s, ok := h.share(e)
		if ok && len(d.ps.list) == before {
			h.m.Shares = append(h.m.Shares, s)
		}
	}
}

// share reads one share; with problems it is of no use.
func (h *headerReader) share(v Value) (Share, bool) {
	d := &h.d
	s := Share{Pos: v.Pos, Origin: ShareOrigin, At: map[string]Pos{}}
	d.field = "shares"
	if v.Kind != MapValue {
		d.wrong(v, "a share: "+shareExample)
		return s, false
	}
	meant := map[string]bool{} // keys that are there, perhaps misspelt
	for _, m := range v.Map {
		d.field = "shares." + m.Key
		if !slices.Contains(shareKeys, m.Key) {
			d.unknown(m, shareKeys)
			meant[Suggest(m.Key, shareKeys)] = true
			continue
		}
		meant[m.Key] = true
		s.At[m.Key] = m.Value.Pos
		if m.Value.Kind == NullValue && m.Key != "key" && m.Key != "title" && m.Key != "assets" {
			continue
		}
		switch m.Key {
		case "key":
			h.shareKey(m.Value, &s)
		case "title":
			s.Title = h.shareTitle(m.Value)
		case "assets":
			s.Assets = h.shareAssets(m.Value)
		case "expiresAt":
			if at, ok := d.expiry(m.Value); ok {
				s.ExpiresAt = Some(at)
			}
		case "isDownloadAllowed":
			if b, ok := d.bool(m.Value); ok {
				s.IsDownloadAllowed = Some(b)
			}
		case "theme":
			if t, ok := d.text(m.Value); ok {
				if s.Theme = strings.TrimSpace(t); s.Theme == "" {
					d.ps.add(CodeEmpty, m.Value.Pos, "theme is empty", "write the theme's title or id; leave it out for the Global Theme")
				}
			}
		case "origin":
			h.shareOrigin(m.Value, &s)
		}
	}
	if !meant["key"] {
		d.ps.add(CodeShareKey, v.Pos, "the share has no key", "write key: in it, as in key: customer-x-q3; a share is made once for each key")
	}
	if !meant["title"] {
		d.ps.add(CodeShareTitle, v.Pos, "the share has no title", "write title: in it; whoever gets the link sees it")
	}
	if !meant["assets"] {
		d.ps.add(CodeShareAssets, v.Pos, "the share has no assets", "write assets: [{externalId: ...}] in it")
	}
	return s, true
}

// shareKey reads a key, of the form of an external ID, that no other share has.
func (h *headerReader) shareKey(v Value, s *Share) {
	d := &h.d
	key, ok := d.scalar(v, "a text of 1 to 128 characters")
	if !ok {
		return
	}
	if what := ExternalIDWrong(key); what != "" {
		d.ps.add(CodeShareKey, v.Pos, "key "+what, "write 1 to 128 characters without comma, control characters or white space around them")
		return
	}
	s.Key = key
	if h.shareAt == nil {
		h.shareAt = map[string]Pos{}
	}
	folded := strings.ToLower(norm.NFC.String(key))
	if first, ok := h.shareAt[folded]; ok {
		p := NewProblem(CodeShareTwice, v.Pos, fmt.Sprintf("key %q is used twice, or differs from another one in upper and lower case only", key), "give one of the shares another key, or remove it")
		p.Also = &first
		d.ps.put(p)
		return
	}
	h.shareAt[folded] = v.Pos
}

func (h *headerReader) shareTitle(v Value) string {
	title, ok := h.d.scalar(v, "a text of 1 to 200 characters")
	if !ok {
		return ""
	}
	title = strings.TrimSpace(title)
	switch n := utf8.RuneCountInString(title); {
	case n == 0, n > MaxShareTitle, strings.ContainsFunc(title, unicode.IsControl):
		h.d.ps.add(CodeShareTitle, v.Pos, fmt.Sprintf("title %q is unusable", clip(title)), "write 1 to 200 characters on one line")
	}
	return title
}

func (h *headerReader) shareOrigin(v Value, s *Share) {
	origin, ok := h.d.text(v)
	if !ok {
		return
	}
	s.Origin = strings.TrimSpace(origin)
	if n := utf8.RuneCountInString(s.Origin); n == 0 || n > MaxShareOrigin || strings.ContainsFunc(s.Origin, unicode.IsControl) {
		h.d.ps.add(CodeShareOrigin, v.Pos, fmt.Sprintf("origin %q has %d characters", clip(s.Origin), n), "write 1 to 20, or leave it out: it names the program that made the share")
	}
}

func (h *headerReader) shareAssets(v Value) []ShareAsset {
	d := &h.d
	const example = "[{externalId: SP-1042, page: 3}, {id: ...}]"
	if v.Kind != ListValue {
		d.wrong(v, "a list: "+example)
		return nil
	}
	switch n := len(v.List); {
	case n == 0:
		d.ps.add(CodeShareAssets, v.Pos, "the share has no assets", "write one at least: "+example)
	case n > MaxShareAssets:
		parts := (n + MaxShareAssets - 1) / MaxShareAssets
		d.ps.add(CodeShareLong, v.Pos, fmt.Sprintf("the share has %d assets; one link holds %d at most", n, MaxShareAssets),
			fmt.Sprintf("make %d shares of it, of about %d each, with a key of their own, and say in the titles which part each is", parts, (n+parts-1)/parts))
	}
	var assets []ShareAsset
	for _, e := range v.List {
		if a, ok := h.shareAsset(e); ok {
			assets = append(assets, a)
		}
	}
	return assets
}

func (h *headerReader) shareAsset(v Value) (ShareAsset, bool) {
	d := &h.d
	outer := d.field
	defer func() { d.field = outer }()
	a := ShareAsset{Pos: v.Pos}
	if v.Kind != MapValue {
		d.wrong(v, "{externalId: ...} or {id: ...}")
		return a, false
	}
	good := true
	named := 0
	for _, m := range v.Map {
		d.field = outer + "." + m.Key
		switch {
		case !slices.Contains(shareAssetKeys, m.Key):
			d.unknown(m, shareAssetKeys)
			named, good = named+1, false // perhaps it is meant
		case m.Value.Kind == NullValue:
		case m.Key == "page":
			n, ok := d.int(m.Value)
			if ok && n < 1 {
				d.ps.add(CodePages, m.Value.Pos, fmt.Sprintf("page %d", n), "pages count from 1")
				ok = false
			}
			a.Page, good = n, good && ok
		default:
			named++
			a.Pos = m.Value.Pos
			id, ok := d.scalar(m.Value, "the asset's "+m.Key)
			if !ok {
				return a, false
			}
			if m.Key == "externalId" {
				if what := ExternalIDWrong(id); what != "" {
					d.ps.add(CodeShareAssets, m.Value.Pos, "externalId "+what, "write the external ID of an item")
					good = false
				}
				a.ExternalID = id
				continue
			}
			if !idForm(id) {
				d.ps.add(CodeShareAssets, m.Value.Pos, fmt.Sprintf("%q is no asset id", clip(id)), "write the id as the service shows it, or {externalId: ...}")
				good = false
			}
			a.ID = id
		}
	}
	if named != 1 && good || named == 0 {
		what := "names no asset"
		if named > 1 {
			what = "names its asset by both externalId and id"
		}
		d.ps.add(CodeShareAssets, v.Pos, "an entry of assets "+what, "write {externalId: ...} or {id: ...}")
		return a, false
	}
	return a, good
}

// shareSchema is a share.
func shareSchema() object {
	asset := closed(object{
		"externalId": textSchema(object{"minLength": 1, "maxLength": MaxExternalID, "pattern": externalForm, "description": "Of an item of this manifest, or of one that its state knows"}),
		"id":         textSchema(object{"pattern": `^[^\s,]+$`, "description": "Of any asset, as the service shows it"}),
		"page":       nullOr(object{"type": "integer", "minimum": 1, "description": "Page that it opens with"}),
	})
	asset["oneOf"] = []any{object{"required": []string{"externalId"}}, object{"required": []string{"id"}}}
	assets := listSchema(asset)
	assets["minItems"], assets["maxItems"] = 1, MaxShareAssets
	return closed(object{
		"key":               textSchema(object{"minLength": 1, "maxLength": MaxExternalID, "pattern": externalForm, "description": "Unique; the share is made once for it"}),
		"title":             textSchema(object{"pattern": `^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$`, "description": "Seen by whoever gets the link; 1 to 200 characters"}),
		"assets":            describe(assets, "1 to 300 assets, as {externalId: ..., page: ...} or {id: ..., page: ...}"),
		"expiresAt":         describe(nullOr(KindExpiry.schema()), "When the link ends; unless named, never. A date without a time is its last second in the header's timezone, and `+6 months` counts from the run"),
		"isDownloadAllowed": describe(nullOr(object{"type": "boolean"}), "Whether the files may be downloaded; unless named, they may"),
		"theme":             describe(nullOr(textSchema(object{"pattern": notBlank})), "Theme by title or id; unless named, the Global Theme"),
		"origin":            describe(nullOr(textSchema(object{"pattern": notBlank})), "Program that the share names as its maker, at most 20 characters; unless named, migrate"),
	}, "key", "title", "assets")
}
