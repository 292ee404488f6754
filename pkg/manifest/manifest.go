// Package manifest is what is wanted: the types of a manifest, its strict
// parser with positions, the checks that need nothing but the manifest, and
// the JSON Schema that editors use.
//
// Reading a manifest touches nothing but the reader it is given. Tables and
// globs become items in package expand; files are looked at by the pipeline.
package manifest

import (
	"time"
)

// Manifest is the header: all that is said once. Its items are a stream, see
// package expand.
type Manifest struct {
	Path       string         // as the user gave it; positions begin with it
	Dir        string         // its folder: relative paths start here
	ID         string         // owner of the items in a state; the file's stem unless named
	Timezone   *time.Location // nil: not named
	Target     Target
	Division   string // default Division, by name or id; "" when not named
	Roots      []Root
	Defaults   Fields
	Maps       Maps
	CreateTags CreateTags
	Includes   []Include
	// TagCategories are wanted categories of tags, each before those below it. Their
	// tags are mapped as soon as something has read the maps, see package expand.
	TagCategories []TagCategory
	// MyFiles are wanted personal files. Whose they are is mapped as soon as something
	// has read the maps.
	MyFiles []MyFile
	Update  Update
	// Prune says what happens to assets that the manifest made and no longer
	// lists: "keep" (default), "archive" or "delete". "" is keep.
	Prune  string
	Shares []Share
}

// Extras are what the manifest makes beside its items, in words: "tag
// categories", "My Files", "shares". Nil for nothing.
func (m *Manifest) Extras() []string {
	var all []string
	if len(m.TagCategories) > 0 {
		all = append(all, "tag categories")
	}
	if len(m.MyFiles) > 0 {
		all = append(all, "My Files")
	}
	if len(m.Shares) > 0 {
		all = append(all, "shares")
	}
	return all
}

// Target is the tenant.
type Target struct {
	Subdomain string // "" leaves it to SHOWPAD_SUBDOMAIN
	Ownership string // "local" (default) or "oauth2client": sent as origin, create only
}

// CreateTags says whether tags that the service lacks are made.
type CreateTags string

const (
	CreateAllTags CreateTags = "all" // the default
	CreateNoTags  CreateTags = "none"
)

// Update says what a rerun may touch on an asset that exists. The zero value
// is not valid; the parser fills in the defaults.
type Update struct {
	Tags      string // "add" (default), "replace", "keep"
	Metadata  string // "manifest" (default), "keep"
	File      string // "changed" (default), "keep"
	Conflicts string // "skip" (default), "overwrite"
}

// Item is one wanted asset, defaults merged in.
type Item struct {
	Pos        Pos
	ExternalID string
	ID         string // of an existing asset that shall become this item's; "" for none
	File       string // as written; "" for a URL asset
	Location   Location
	URL        string   // URL assets only
	Division   string   // name or id; the header's when the item names none; "" is a problem already reported
	Fields     Fields   // what to manage; fields that are not set are left to the service
	AllowEmpty bool     // an empty file is meant
	Keep       []KeepKV // carried into the results, never sent

	// Problems of this item alone, of class Block and Warn. Those of class
	// Stop come out of the check pass and never reach a plan.
	Problems []Problem
	// At has the position of each field that the item itself names, by the
	// field's name ("tags", "permissions.isEditable", "file", ...); others are
	// at Pos. Nil when nothing is known.
	At map[string]Pos
}

// KeepKV is one kept column or key, in the order written.
type KeepKV struct{ Key, Value string }

// FieldPos is where the item names field, or where the item begins.
func (i *Item) FieldPos(field string) Pos {
	if p, ok := i.At[field]; ok {
		return p
	}
	return i.Pos
}

// Fields are the managed fields of an asset, in the API's names.
type Fields struct {
	Name                          Opt[string] // default and extension rule: see [AssetName]
	Description                   Opt[string]
	Tags                          Opt[[]Tag]
	Languages                     Opt[[]string]
	Countries                     Opt[[]string]
	Authors                       Opt[[]string] // e-mail addresses or user ids
	IsShareable                   Opt[bool]     // permissions.isShareable
	IsAnnotatable                 Opt[bool]     // permissions.isAnnotatable
	IsEditable                    Opt[bool]     // permissions.isEditable
	ReleasedAt                    Opt[Instant]
	ExpiresAt                     Opt[Instant]
	DraftedAt                     Opt[Instant]
	IsSensitive                   Opt[bool]
	IsDivisionShared              Opt[bool]
	IsArchived                    Opt[bool]
	IsProcessedUsed               Opt[bool]
	IsRenderExternalAllowed       Opt[bool]
	IsOnlyEntireDocumentShareable Opt[bool]
	IsSpeakerNotesEnabled         Opt[bool]
	DownloadableExternal          Opt[[]string] // "original", "pdf"
	DownloadableInternal          Opt[[]string]
	LockedPages                   Opt[[]PageRange]
	EnforcedPages                 Opt[EnforcedPages]
	Localization                  Opt[Primary] // null: it is no variant
}

// Tag is a wanted tag, by name or by id; exactly one is set. Names are trimmed.
type Tag struct {
	Name string
	ID   string
}

// Primary is the asset that a language variant belongs to, by the external ID of
// its item or by its id at the service; exactly one is set.
type Primary struct {
	ExternalID string
	ID         string
}

// PageRange is a run of pages, both ends included, counted from 1.
type PageRange struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// EnforcedPages are pages put before or after what is shared. Nil is null.
type EnforcedPages struct {
	Prepend []PageRange `json:"prepend"`
	Append  []PageRange `json:"append"`
}

// Instant is a moment: either absolute, or relative to the run that first
// sends it ("+18 months").
type Instant struct {
	At       time.Time // UTC; zero when relative
	Relative string    // as written, normalised: "+18 months"; "" when absolute
	Years    int
	Months   int
	Days     int
}

// Resolve is the moment meant by a run that began at start, counted in loc
// (nil is UTC), in UTC and whole seconds.
func (i Instant) Resolve(start time.Time, loc *time.Location) time.Time {
	if i.Relative == "" {
		return i.At
	}
	if loc == nil {
		loc = time.UTC
	}
	return i.to(start.In(loc)).UTC().Truncate(time.Second)
}
