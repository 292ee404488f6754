package emulator

import (
	"path"
	"slices"
	"strings"
	"time"
)

// pageRange is a run of pages, both ends included.
type pageRange struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

type enforcedPages struct {
	Prepend []pageRange `json:"prepend"`
	Append  []pageRange `json:"append"`
}

// asset is a record of the service with all its versions. Slices are replaced,
// never changed in place, so that answers may share them.
type asset struct {
	ID, Slug     string
	Seq          uint64 // order of creation
	Created      time.Time
	Updated      time.Time
	LastUploaded time.Time
	Listed       time.Time // from then on in lists

	Name         string
	Division     string
	ExternalID   *string
	Description  *string
	Annotatable  bool
	Editable     bool
	Shareable    bool
	Processed    bool
	DivShared    bool
	Sensitive    bool
	Archived     bool
	External     bool // isRenderExternalAllowed
	Entire       bool // isOnlyEntireDocumentShareable
	Notes        bool // isSpeakerNotesEnabled
	Locked       []pageRange
	Enforced     *enforcedPages
	Expires      *time.Time
	Released     *time.Time
	Drafted      *time.Time
	URL          *string
	Tags         []string
	Languages    []string
	Countries    []string
	Authors      []string
	DownExternal []string
	DownInternal []string
	Origin       string        // "" local, else oauth2client
	Localization *localization // of a primary
	VariantOf    string        // id of the primary; "" for none

	Files       []*file // oldest first
	CurrentFile string
	Checksum    string // hex MD5 of the current version
	Size        int64
	PageCount   *int

	ArchivedAt *time.Time // since when; nil: it is not archived
	Deleted    *time.Time // since when; nil: it is alive. For exports
}

// file is one version of an asset's bytes.
type file struct {
	ID       string
	Seq      uint64
	Name     *string
	Created  time.Time
	MD5Asked string // Content-MD5 that the URL was issued for; "" for none

	Uploaded time.Time // zero: no bytes yet
	MD5      string    // hex
	Size     int64
	ActiveAt time.Time // when processing ends
	Fails    string    // how it will end; "" well
	Stuck    bool      // it never ends
	Settled  bool      // it has ended
}

type tag struct {
	ID, Division, Name string
	Seq                uint64
	Created, Updated   time.Time
	Categories         []string // ids of those it is in
}

// typeOf is the type of an asset from its name. Source: ASSUME.
func typeOf(name string) string {
	return typeByExt[strings.ToLower(path.Ext(name))].or("raw")
}

type typeName string

func (t typeName) or(other string) string {
	if t == "" {
		return other
	}
	return string(t)
}

var typeByExt = func() map[string]typeName {
	m := map[string]typeName{}
	for kind, exts := range map[typeName]string{
		"document": "pdf doc docx ppt pptx xls xlsx key pages numbers odt odp ods txt rtf csv",
		"photo":    "jpg jpeg png gif bmp tif tiff heic webp svg",
		"video":    "mp4 mov m4v avi wmv webm",
		"audio":    "mp3 wav m4a aac",
		"3d-model": "glb usdz obj",
		"url":      "url",
	} {
		for ext := range strings.FieldsSeq(exts) {
			m["."+ext] = kind
		}
	}
	return m
}()

func isPDF(name string) bool { return strings.EqualFold(path.Ext(name), ".pdf") }

// isLink says whether the asset is a URL asset, which has no bytes.
func (a *asset) isLink() bool { return a.URL != nil && typeOf(a.Name) == "url" }

// stuckBy says whether a switch keeps a version in processing.
func (f *file) stuckBy(sw *Switches, name string) bool {
	return f.Stuck || matches(sw.StuckProcessing, name)
}

// matches is path.Match that is false for a pattern that is empty or broken.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok && pattern != ""
}

// status of a version at a moment.
func (f *file) status(now time.Time) string {
	switch {
	case f.Uploaded.IsZero():
		return "prepared"
	case f.Settled && f.Fails != "":
		return "failed"
	case f.Settled:
		return "active"
	case now.Before(f.Uploaded.Add(f.ActiveAt.Sub(f.Uploaded) / 4)):
		return "queued"
	}
	return "processing"
}

// status of the asset at a moment: once a version has become active it stays
// active, whatever happens to newer ones. Source: ASSUME.
func (a *asset) status(now time.Time) string {
	if a.CurrentFile != "" || a.isLink() {
		return "active"
	}
	if f := a.newestUploaded(); f != nil {
		return f.status(now)
	}
	return "prepared"
}

func (a *asset) newestUploaded() *file {
	var newest *file
	for _, f := range a.Files {
		if !f.Uploaded.IsZero() && (newest == nil || !f.Uploaded.Before(newest.Uploaded)) {
			newest = f
		}
	}
	return newest
}

func (a *asset) version(id string) int {
	return slices.IndexFunc(a.Files, func(f *file) bool { return f.ID == id })
}

// settle ends the processing of the versions whose time has come. It is called
// before an asset is looked at.
func (a *asset) settle(now time.Time, sw *Switches) {
	for i, f := range a.Files {
		if f.Settled || f.Uploaded.IsZero() || now.Before(f.ActiveAt) || f.stuckBy(sw, a.Name) {
			continue
		}
		f.Settled = true
		a.Updated = later(a.Updated, f.ActiveAt)
		if f.Fails != "" || i < a.version(a.CurrentFile) {
			continue
		}
		a.CurrentFile, a.Checksum, a.Size = f.ID, f.MD5, f.Size
		if typeOf(a.Name) == "document" {
			a.PageCount = new(1)
		}
		if sw.TrimDescriptions && a.Description != nil {
			a.Description = new(strings.TrimSpace(*a.Description))
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
