// Package export reads the assets of a tenant, or of a part of it, into a folder: a
// manifest with a table, the files, and a list of what could not come along. What is
// exported is what a run of that manifest makes again.
//
// Listing comes first and goes into a temporary file, put in order; then files are
// fetched, each under a temporary name until its checksum is the one that the service
// shows; the manifest comes last. A second export into the same folder fetches what is
// missing or has changed. Memory does not grow with the assets, but for some bytes
// each.
//
// It prints nothing: what it found is a [Summary], how far it is a [Progress].
package export

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// API is what an export asks of the service: reads. *showpad.Client has it.
type API interface {
	Divisions(ctx context.Context) iter.Seq2[showpad.Division, error]
	ExportDivisions(ctx context.Context) iter.Seq2[showpad.ExportedDivision, error]
	ExportAssets(ctx context.Context) iter.Seq2[showpad.ExportedAsset, error]
	Asset(ctx context.Context, id string) (showpad.Asset, error)
	Assets(ctx context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error]
	CountAssets(ctx context.Context, f showpad.AssetFilter) (n int, known bool, err error)
	QueryAssets(ctx context.Context, q showpad.AssetQuery) iter.Seq2[showpad.Asset, error]
	Tags(ctx context.Context, f showpad.TagFilter) iter.Seq2[showpad.Tag, error]
	TagCategories(ctx context.Context, f showpad.TagCategoryFilter) iter.Seq2[showpad.TagCategory, error]
	Users(ctx context.Context, emails, ids []string) iter.Seq2[showpad.User, error]
	Download(ctx context.Context, assetID string) (showpad.Download, error)
	Fetch(ctx context.Context, d showpad.Download) (io.ReadCloser, error)
}

// Table is a table being written. [Options].NewTable makes it.
type Table interface {
	Row(cells ...string) error
	Close() error // what the table is written to stays open
}

// Options say what is exported, and where to.
type Options struct {
	Dir    string // the folder; made when it is not there
	Tenant string // whom the folder belongs to, as states name it
	Of     string // what the tenant is called, for people

	Divisions []string // names or ids; none: all that are visible
	Tags      []string // names: assets that carry any of them; none: all
	Query     string   // ShowQL; "": none
	Archived  bool     // what is in the trash too

	NDJSON    bool // one JSON object for each asset, instead of a CSV table
	NoFiles   bool // no bytes
	DryRun    bool // lists, and writes nothing into Dir
	Downloads int  // files fetched at once; 0 is 4
	Retries   int  // further attempts of a file whose reading broke off; 0 is 5, negative none

	// NewTable makes a CSV table that is written to w. Needed.
	NewTable func(w io.Writer) (Table, error)
	// List is told of each asset that would come, in the order of the table; nil:
	// nobody.
	List func(Item) error
	// Progress is kept up to date; nil: nobody looks.
	Progress *Progress
	Now      func() time.Time // nil is time.Now

	chunk int // bytes sorted in memory; 0 is the default. Tests set it
}

// Progress is how far an export is. It may be read at any time.
type Progress struct {
	Listed  atomic.Int64 // assets
	Files   atomic.Int64 // files to come, 0 until that is known
	Done    atomic.Int64 // of them, that are there or are known not to come
	Bytes   atomic.Int64 // to be fetched, as far as sizes are told
	Fetched atomic.Int64 // of them
}

// Item is an asset on its way into the manifest.
type Item struct {
	AssetID    string `json:"assetId"`
	ExternalID string `json:"externalId"` // in the manifest
	Division   string `json:"division"`   // as the manifest has it
	Name       string `json:"name"`
	Type       string `json:"type"` // as the service has it
	File       string `json:"file"` // below the folder, with slashes; "" for a URL asset
	Size       int64  `json:"size"` // bytes; -1 when it is not told or there are none
	MD5        string `json:"md5"`  // lower-case hex; "" when it is not told
	Slug       string `json:"slug"`
	Note       string `json:"note"` // about ExternalID; "" when there is nothing to say
}

// Left is something that does not come along: an asset, or a part of one.
type Left struct {
	AssetID    string `json:"assetId"`
	ExternalID string `json:"externalId"` // in the manifest, or the asset's own when it is not there
	Name       string `json:"name"`
	Division   string `json:"division"`
	Part       string `json:"part"`   // "asset", or the field that is not, or not exactly, in the manifest
	Reason     string `json:"reason"` // one of the Reason... words
	Detail     string `json:"detail"` // what it is, and what to do
}

// Summary is what an export did.
type Summary struct {
	Assets   int            `json:"assets"`   // seen, in what was asked for
	Archived int            `json:"archived"` // of them left out, because they are in the trash
	Personal int            `json:"personal"` // of them left out, because they belong to one person
	Exported int            `json:"exported"` // in the manifest
	ByOwn    int            `json:"externalIdsMade"`
	Files    int            `json:"files"`        // that are in the manifest
	Size     int64          `json:"bytes"`        // of them
	Fetched  int            `json:"filesFetched"` // by this call
	Received int64          `json:"bytesFetched"`
	Left     map[string]int `json:"notExported"`  // assets, by reason
	Parts    map[string]int `json:"partsChanged"` // parts of assets, by reason
	Missed   int            `json:"missed"`       // assets that the service counts and did not list
	Written  []string       `json:"written"`      // files beside files/, in Dir
	Seconds  float64        `json:"seconds"`
	DryRun   bool           `json:"dryRun"`
	Warnings []string       `json:"warnings"`

	Categories int `json:"tagCategories"` // in the manifest

	Divisions []DivisionSummary `json:"divisions"`
}

// DivisionSummary is a Division's share.
type DivisionSummary struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	Items int    `json:"assets"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

// Failed is how many assets could not be exported although their kind can be.
func (s Summary) Failed() int {
	n := s.Missed
	for reason, k := range s.Left {
		if reason != ReasonKind {
			n += k
		}
	}
	return n
}

// Reasons why an asset, or a part of one, is not in the manifest as it is in the
// service.
const (
	// Of assets.
	ReasonKind      = "kind"        // a page, a recording, SCORM: made inside Showpad, no upload makes them
	ReasonInactive  = "not-active"  // no version of it was ever processed
	ReasonNoLink    = "no-link"     // the service gives no download link
	ReasonUnread    = "unread"      // its bytes could not be read
	ReasonChecksum  = "checksum"    // the bytes are not those of its checksum
	ReasonChanged   = "changed"     // it got other bytes meanwhile
	ReasonInTheWay  = "in-the-way"  // another file has its place
	ReasonRefused   = "refused"     // a manifest refuses what it has
	ReasonForbidden = "not-allowed" // this account may not read its bytes

	// Of parts.
	ReasonMade     = "made"       // an external ID was made
	ReasonTwin     = "twin"       // another asset has the external ID
	ReasonAdjusted = "adjusted"   // written in another form
	ReasonCannot   = "cannot-say" // a manifest has no words for it
	ReasonUnknown  = "unknown"    // what it refers to is not visible
	ReasonUnproven = "unverified" // the service tells no checksum
	ReasonShared   = "shared-tag" // a tag of another Division
)

// Reasons are all of them: first those of assets.
func Reasons() (assets, parts []string) {
	return []string{ReasonKind, ReasonInactive, ReasonNoLink, ReasonUnread, ReasonChecksum, ReasonChanged, ReasonInTheWay, ReasonRefused, ReasonForbidden},
		[]string{ReasonMade, ReasonTwin, ReasonAdjusted, ReasonCannot, ReasonUnknown, ReasonUnproven, ReasonShared}
}

// ErrInUse: another export works on the folder.
var ErrInUse = errors.New("another export works on this folder")

// FolderError is a folder that cannot be exported into.
type FolderError struct{ Text string }

// Error is the text.
func (e *FolderError) Error() string { return e.Text }

// SelectionError is a selection that selects nothing that there is.
type SelectionError struct{ Text string }

// Error is the text.
func (e *SelectionError) Error() string { return e.Text }
