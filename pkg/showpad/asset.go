package showpad

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Asset states. Asset and file version have the same ones.
// Source: v4 getAsset.
const (
	StatusPrepared   = "prepared"
	StatusQueued     = "queued"
	StatusProcessing = "processing"
	StatusActive     = "active"
	StatusFailed     = "failed"
)

// Ref names another object by id.
type Ref struct {
	ID string `json:"id"`
}

// Code names a language or a country.
type Code struct {
	Code string `json:"code"`
}

// PageRange is a run of pages, both ends included.
type PageRange struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// EnforcedPages are pages put before and after what is shared; nil is null.
type EnforcedPages struct {
	Prepend []PageRange `json:"prepend"`
	Append  []PageRange `json:"append"`
}

// Permissions of an asset. A member that is absent is not sent.
type Permissions struct {
	IsAnnotatable Opt[bool] `json:"isAnnotatable,omitzero"`
	IsEditable    Opt[bool] `json:"isEditable,omitzero"`
	IsShareable   Opt[bool] `json:"isShareable,omitzero"`
}

// Origin says who owns an asset. It is accepted and never returned.
// Source: v4 postAssets, v4 getAsset.
type Origin struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

// AssetFields are the members that create and update accept, in the API's
// names. Absent members are not sent. Division is for create only.
// Source: v4 postAssets, v4 updateAsset.
type AssetFields struct {
	Name                          Opt[string]        `json:"name,omitzero"`
	Division                      Opt[Ref]           `json:"division,omitzero"`
	ExternalID                    Opt[string]        `json:"externalId,omitzero"`
	Description                   Opt[string]        `json:"description,omitzero"`
	Permissions                   Opt[Permissions]   `json:"permissions,omitzero"`
	IsProcessedUsed               Opt[bool]          `json:"isProcessedUsed,omitzero"`
	IsDivisionShared              Opt[bool]          `json:"isDivisionShared,omitzero"`
	IsSensitive                   Opt[bool]          `json:"isSensitive,omitzero"`
	IsArchived                    Opt[bool]          `json:"isArchived,omitzero"`
	IsRenderExternalAllowed       Opt[bool]          `json:"isRenderExternalAllowed,omitzero"`
	IsOnlyEntireDocumentShareable Opt[bool]          `json:"isOnlyEntireDocumentShareable,omitzero"`
	IsSpeakerNotesEnabled         Opt[bool]          `json:"isSpeakerNotesEnabled,omitzero"`
	LockedPages                   Opt[[]PageRange]   `json:"lockedPages,omitzero"`
	EnforcedPages                 Opt[EnforcedPages] `json:"enforcedPages,omitzero"`
	ExpiresAt                     Opt[string]        `json:"expiresAt,omitzero"` // RFC 3339, UTC
	ReleasedAt                    Opt[string]        `json:"releasedAt,omitzero"`
	DraftedAt                     Opt[string]        `json:"draftedAt,omitzero"`
	URL                           Opt[string]        `json:"url,omitzero"`
	Tags                          Opt[[]Ref]         `json:"tags,omitzero"`
	Languages                     Opt[[]Code]        `json:"languages,omitzero"`
	Countries                     Opt[[]Code]        `json:"countries,omitzero"`
	Authors                       Opt[[]Ref]         `json:"authors,omitzero"`
	DownloadableExternal          Opt[[]string]      `json:"downloadableExternal,omitzero"`
	DownloadableInternal          Opt[[]string]      `json:"downloadableInternal,omitzero"`
	Origin                        Opt[Origin]        `json:"origin,omitzero"`
	Localization                  Opt[Localization]  `json:"localization,omitzero"` // for update only
}

// Localization says which assets are language variants of which. All of them show
// the same; an asset that is neither a primary nor a variant has none. An update
// that names variants replaces the list. Source: v4 updateAsset.
type Localization struct {
	Primary  LinkedAsset `json:"primary"`
	Variants []Variant   `json:"variants"` // at most 50
}

// LinkedAsset names an asset.
type LinkedAsset struct {
	Asset Ref `json:"asset"`
}

// Variant is an asset in another language; without an id it is a placeholder for
// one, with its languages and countries.
type Variant struct {
	Asset  VariantAsset `json:"asset"`
	Status string       `json:"status,omitempty"` // of answers: to-be-localized, outdated, localized
}

// VariantAsset is the asset of a [Variant]. Of one with an id the rest is told in
// answers, and need not be sent.
type VariantAsset struct {
	ID        string `json:"id,omitempty"`
	Languages []Code `json:"languages,omitempty"`
	Countries []Code `json:"countries,omitempty"`
	Authors   []Ref  `json:"authors,omitempty"`
}

// Localization is what an answer says of language variants; false when it says
// nothing, a zero value when it is null. An unreadable one counts as not said.
func (a *Asset) Localization() (l Localization, shown bool) {
	raw := a.Raw.Get("localization")
	if raw == nil || json.Unmarshal(raw, &l) != nil {
		return Localization{}, false
	}
	return l, true
}

// Asset is an asset as the service answers it. Decoding is lenient: members
// that are absent are zero, unknown ones are dropped from the struct and kept
// in Raw.
// Source: v4 getAsset.
type Asset struct {
	ID             string `json:"id"`
	ExternalID     string `json:"externalId"` // "" when null
	Name           string `json:"name"`
	Status         string `json:"status"`
	Type           string `json:"type"`
	Slug           string `json:"slug"`
	Division       Ref    `json:"division"`
	CurrentFile    *Ref   `json:"currentFile"` // nil until a version has been processed
	Checksum       string `json:"checksum"`    // lower-case hex MD5; "" until known
	Size           *int64 `json:"size"`        // bytes; nil until known
	IsArchived     bool   `json:"isArchived"`
	CreatedAt      Time   `json:"createdAt"`
	UpdatedAt      Time   `json:"updatedAt"`
	LastUploadedAt Time   `json:"lastUploadedAt"`

	// Raw has every member of the answer as it came, for field by field
	// comparison. Nil in an asset that was not read.
	Raw *Object `json:"-"`
}

// Time is a timestamp as the service writes it: RFC 3339 with or without a
// fraction, or null (zero). An unreadable one is zero, not an error.
type Time struct{ time.Time }

// AssetFilter selects assets; all members are optional and combined with AND.
// IDs, ExternalIDs and Slugs match any of theirs; TagIDs match all.
// Source: v4 getAssets.
type AssetFilter struct {
	IDs         []string
	ExternalIDs []string
	DivisionIDs []string
	TagIDs      []string
	Slugs       []string
	Name        string // full or partial
}

// File is one version of an asset's bytes.
// Source: v4 getAssetFileById.
type File struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	Error     string `json:"error"` // why processing failed; "" when null
	CreatedAt Time   `json:"createdAt"`
	UpdatedAt Time   `json:"updatedAt"`
}

// UploadRequest asks for an upload URL.
type UploadRequest struct {
	Name       string // "" omits it; any other value than the asset's name renames the asset
	ContentMD5 []byte // 16 bytes; nil omits it
}

// Upload is the answer to an [UploadRequest]: a version that waits for bytes.
// Its URL is a credential: it is not part of String or JSON.
// Source: v4 postAssetFiles.
type Upload struct {
	AssetID     string            `json:"-"`
	FileID      string            `json:"id"`
	URL         Secret            `json:"-"`
	ContentType string            `json:"-"`
	Metadata    map[string]string `json:"-"`
	ContentMD5  []byte            `json:"-"`
	Issued      time.Time         `json:"-"` // by our clock, before the request left
}

// String names the version without its URL.
func (u Upload) String() string { return "upload of file " + u.FileID + " of asset " + u.AssetID }

// Format prints String whatever the verb.
func (u Upload) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// Secret is text that no log, error or encoder prints.
type Secret string

// String is "[redacted]".
func (Secret) String() string { return "[redacted]" }

// GoString is "[redacted]".
func (Secret) GoString() string { return "[redacted]" }

// MarshalText gives "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Format prints "[redacted]" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// Tag of a Division.
type Tag struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Division      Ref    `json:"division"`
	TagCategories []Ref  `json:"tagCategories"` // that it is in
}

// TagFilter selects tags.
type TagFilter struct {
	IDs            []string
	DivisionIDs    []string
	TagCategoryIDs []string // in any of these
	Name           string   // partial
	ExactName      string
}

// Division of a tenant.
type Division struct {
	ID                    string `json:"id"`
	Name                  string `json:"name"`
	IsAssetSharingEnabled bool   `json:"isAssetSharingEnabled"`
}

// User of a tenant.
type User struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
}

// Me is the identity behind the credential, and the counters of v3.
type Me struct {
	ID        string
	Email     string
	RateLimit int // requestRateLimit; 0 when not told
	Remaining int // requestsRemaining; -1 when not told
	// Window is requestRateLimitReset; 0 when not told. Samples suggest the length of
	// the window, not what is left of it. Source: ASSUME.
	Window time.Duration
	// ServerTime is the service's clock, by the Date of the answer; zero when not told.
	ServerTime time.Time
	// Skew is how much that clock is ahead of ours, to a second and half the time of
	// the answer.
	Skew time.Duration
}

// OpenFunc opens the bytes of an upload from their start; it is called once for
// each attempt, and the reader is closed by who called it.
type OpenFunc = func() (io.ReadCloser, error)
