// Package pipeline turns wanted items into assets: it gathers facts in batches,
// decides (a pure function), and carries rows through the stages hash,
// register, transfer and settle. It prints nothing and knows no terminal:
// what happens is told by values and by Observe.
package pipeline

import (
	"context"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// API is what the pipeline asks of the service. *showpad.Client has it.
type API interface {
	CreateAsset(ctx context.Context, f showpad.AssetFields) (showpad.Asset, error)
	UpdateAsset(ctx context.Context, id string, f showpad.AssetFields) (showpad.Asset, error)
	Asset(ctx context.Context, id string) (showpad.Asset, error)
	Assets(ctx context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error]
	CountAssets(ctx context.Context, f showpad.AssetFilter) (n int, known bool, err error)
	QueryAssets(ctx context.Context, q showpad.AssetQuery) iter.Seq2[showpad.Asset, error]
	StreamAssets(ctx context.Context, asked func()) iter.Seq2[showpad.ExportedAsset, error]
	RequestUpload(ctx context.Context, assetID string, r showpad.UploadRequest) (showpad.Upload, error)
	File(ctx context.Context, assetID, fileID string) (showpad.File, error)
	Files(ctx context.Context, assetID string) iter.Seq2[showpad.File, error]
	Download(ctx context.Context, assetID string) (showpad.Download, error)
	Fetch(ctx context.Context, d showpad.Download) (io.ReadCloser, error)
	Put(ctx context.Context, u showpad.Upload, size int64, open func() (io.ReadCloser, error), progress func(int64), options ...showpad.PutOption) error
	DeleteAsset(ctx context.Context, id string) error
	DeleteTag(ctx context.Context, id string) error
	CreateTag(ctx context.Context, divisionID, name string) (showpad.Tag, error)
	Tags(ctx context.Context, f showpad.TagFilter) iter.Seq2[showpad.Tag, error]
	TagCategories(ctx context.Context, f showpad.TagCategoryFilter) iter.Seq2[showpad.TagCategory, error]
	CreateTagCategory(ctx context.Context, f showpad.TagCategoryFields) (showpad.TagCategory, error)
	UpdateTagCategory(ctx context.Context, id string, f showpad.TagCategoryFields) (showpad.TagCategory, error)
	ChangeTagCategoryTags(ctx context.Context, id string, l showpad.TagLinks) (showpad.TagCategory, error)
	DeleteTagCategory(ctx context.Context, id string) error
	CreateShare(ctx context.Context, f showpad.ShareFields) (showpad.Share, error)
	Themes(ctx context.Context, f showpad.ThemeFilter) iter.Seq2[showpad.Theme, error]
	Divisions(ctx context.Context) iter.Seq2[showpad.Division, error]
	Users(ctx context.Context, emails, ids []string) iter.Seq2[showpad.User, error]
	Me(ctx context.Context) (showpad.Me, error)
	Accounts(ctx context.Context, email string) iter.Seq2[showpad.Account, error]
	Account(ctx context.Context, id string) (showpad.Account, error)
	ExportDivisions(ctx context.Context) iter.Seq2[showpad.ExportedDivision, error]
	UploadPersonal(ctx context.Context, divisionID string, f showpad.PersonalFile, size int64, open func() (io.ReadCloser, error), progress func(int64)) (showpad.Accepted, error)
	Tickets(ctx context.Context, onlyUnfinished bool) iter.Seq2[showpad.Ticket, error]
	Ticket(ctx context.Context, id string) (showpad.Ticket, error)
	Languages(ctx context.Context) ([]string, error)
	Countries(ctx context.Context) ([]string, error)
}

// Hashes is a cache of checksums by location, size and time. *state.Hashes has it.
type Hashes interface {
	Lookup(ctx context.Context, loc string, size int64, mtime time.Time) (md5 string, ok bool)
	Store(ctx context.Context, loc string, size int64, mtime, hashed time.Time, md5 string) error
}

// Input is what planning, running and verifying start from.
type Input struct {
	Manifest *manifest.Manifest
	// Items is the stream of all items, from its start at each call.
	Items   func(ctx context.Context) iter.Seq2[manifest.Item, error]
	Sources map[string]source.Source // by [SourceName]
	API     API                      // nil: offline, for lint only
	State   state.Reader             // what is known; an empty state for a first plan
	NoState bool                     // State is empty because none was opened, for lint only: what it lacks tells nothing
	Hashes  Hashes                   // nil: none
	Select  Selection
	Calls   *Calls    // counts requests for the outcome; nil: not counted
	Start   time.Time // of the command: relative dates count from it
	// Clock is the wall clock, for times that are kept in the state and those that
	// are compared with times of a file or of the state; nil is time.Now. It may
	// jump: nothing that keeps a promise within one run depends on it.
	Clock   func() time.Time
	Observe func(Event) // nil: nobody
	// Gate is the pace of the gate that the requests of API pass, for what limits a
	// run; nil: not known.
	Gate func() showpad.PaceNow
	// Extra is given the rows of what the manifest makes beside its items, after
	// all rows of items; of plans alone, nil: nobody. Its error ends the plan.
	Extra   func(ExtraRow) error
	Log     zerolog.Logger
	Options Options

	reading *atomic.Int64 // gets the nanoseconds in which bytes to hash are waited for; nil: nobody does
}

// now is the wall clock.
func (in *Input) now() time.Time {
	if in.Clock == nil {
		return time.Now()
	}
	return in.Clock()
}

// Selection narrows the items that a command looks at. The zero value is all.
type Selection struct {
	Only     func(externalID string) bool // nil: all
	Division string                       // by name or id, as the manifest has it; "": all
	Limit    int                          // 0: all
}

// Options are settings; zero values mean the default.
type Options struct {
	Strict            bool                         // problems that block a row stop everything
	Hash              bool                         // plan: hash what is not hashed yet
	FullCheck         bool                         // read every known asset before deciding
	LookUpsOnly       bool                         // no export of v3 is read in the place of look-ups
	RetryFailed       bool                         // failed items start again
	Recreate          func(externalID string) bool // items that may be made again if they are gone: each is read as with FullCheck; and keys of extras whose outcome is unknown; nil: none
	Uploads           int                          // uploads in flight, at most; 0 is 8
	Bandwidth         int64                        // bytes a second that uploads may use together, at least MinBandwidth; 0: no limit
	Requests          int                          // API requests in flight; 0 is 8
	Hashers           int                          // files hashed at once; 0 is the number of processors
	Retries           int                          // attempts of one item's step after the first; 0 is 5
	SettleTime        time.Duration                // 0 is 60 s
	LookupMaxAge      time.Duration                // 0 is 15 min
	Wait              time.Duration                // after the last upload, while processing does not advance; 0 is 30 min, negative: do not wait
	ProcessingTimeout time.Duration                // from sent; 0 is 24 h
	Drain             time.Duration                // for uploads in flight after Stop; 0 is 60 s
	MaxFailures       int                          // 0: no limit
	KeepReplaced      string                       // folder for the bytes that a version replaces, which are read before it is sent; "" keeps none
	MaxPrune          PruneLimit                   // how many assets may be pruned at once
	AllowDelete       bool                         // prune: delete may delete
	// Budget is how many requests the run may make; it begins nothing that could not
	// be finished with them, and ends with 5. nil: as many as it takes.
	Budget Allowance
	// Until is asked at the start of a run, and again and again while it goes on, when
	// it has to be over: a window closes by the wall clock, which may jump. Nothing is
	// begun that would not be finished by then; nil: no deadline. It is called
	// concurrently and must not wait.
	Until func() Deadline
	// OlderState is set when the state is an older copy, or was begun anew: nothing
	// is pruned then, and extras that the state has no word of are not made. See
	// [DoubtExtras].
	OlderState  bool
	extrasDoubt bool // OlderState, or the state says that an earlier run saw that
	// Doubt is set when the state may be older than what was last done: an older
	// copy was put back, or another state is at work on the tenant. The run begins
	// with waiting out the settle time.
	Doubt bool

	// For lint: asked before it reads the assets of the items' Divisions, to find
	// those that items equal, whether it may; assets is how many there are, at a
	// thousand a request, and negative when the service does not tell. nil: they
	// are not read.
	Twins func(assets int) bool

	// For verify.
	Deep      bool // read the bytes back and hash them
	Downloads int  // files read back at once; 0 is 4

	// Given is what a forecast of a plan is told of the settings; see [Foresee].
	Given Given

	limits limits
}

// limits are the sizes inside a run; zero values mean the constants. Tests set
// smaller ones, so that few items meet what otherwise takes thousands.
type limits struct {
	chunk int   // items that are gathered together
	queue int   // between stages; negative: none
	ahead int   // items of each lane that wait to begin
	large int64 // files are large from so many bytes on
	batch int   // assets in one poll, and creates in one look-up of what is parked

	exports bool // an export is read however few look-ups it saves
}

// RunInput is what a run needs beyond [Input].
type RunInput struct {
	Input
	Store *state.Store    // open for writing; also used as Input.State
	ID    string          // of the run: 20261121T205900Z-3f9a
	Stop  <-chan struct{} // closed: drain, start nothing new
	// Plan is the saved plan to carry out: these rows and no others, as they were
	// chosen and decided then; Select and the options that decide are not looked
	// at. A row that is not the planned one any more is refused. Nil: what a plan
	// of now would say.
	Plan *SavedPlan
	// Resume reports whether a run was one of the manifest as it is now: that its
	// files were, to the byte, those of now, and passed all checks. What such runs
	// began to create is sent before the manifest is read, unless other options speak
	// against it. It is called concurrently. Nil: of none.
	Resume func(run string) bool
	// Before is what the caller has to do before the manifest is read; it is done
	// once, while what Resume allows goes on. Its error is that of Run. Nil: nothing.
	Before func(ctx context.Context) error
}

// AbsoluteRoot is the key in [Input.Sources] of the source that serves absolute
// paths. No root of a manifest can have this name.
const AbsoluteRoot = "/"

// SourceName is the key in [Input.Sources] of the source that holds the file at
// l: the root's name where one is named, "" for the manifest's own folder,
// [AbsoluteRoot] for absolute paths. An address that names no root belongs to
// the source of its kind, which serves whole addresses: "https:", "s3:" or
// "remote:". No root of a manifest can have such a name.
func SourceName(l manifest.Location) string {
	switch {
	case l.Root != "":
		return l.Root
	case l.Abs:
		return AbsoluteRoot
	case l.Kind == manifest.RootWeb:
		return "https:"
	case l.Kind == manifest.RootS3:
		return "s3:"
	case l.Kind == manifest.RootRclone:
		return "remote:"
	}
	return ""
}
