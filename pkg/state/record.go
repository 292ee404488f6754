package state

import (
	"encoding/json"
	"time"
)

// Op is what a record is about.
type Op string

const (
	Create  Op = "create"
	Version Op = "version"
	Update  Op = "update"
	Archive Op = "archive"
	Restore Op = "restore"
	Delete  Op = "delete"
)

// Status is where an op stands. What each means, and what a restart does with
// it, is the table of ARCHITECTURE.md, held by a test against [Next].
type Status string

const (
	Pending     Status = "pending"     // no record, or planned and not begun
	Registering Status = "registering" // the create was sent or is about to be; no answer is recorded
	Registered  Status = "registered"  // asset id known
	Sending     Status = "sending"     // a URL was asked for, or an update is under way
	Sent        Status = "sent"        // storage answered 200
	Processing  Status = "processing"  // the service works on it
	Done        Status = "done"        // the op is verified
	Failed      Status = "failed"      // gave up; the reason is kept
)

// Record is all that is known of one item. The first one is written at intent;
// no record means pending.
type Record struct {
	ExternalID string `json:"-"` // the key
	Op         Op     `json:"op"`
	Status     Status `json:"status"`
	Owner      string `json:"owner"` // id of the manifest
	AssetID    string `json:"assetId,omitempty"`
	FileID     string `json:"fileId,omitempty"` // of the version under way or in use
	Source     string `json:"source,omitempty"` // manifest.Location.String, or the URL of a URL asset
	MD5        string `json:"md5,omitempty"`    // lower-case hex of the bytes that were sent
	Size       int64  `json:"size,omitempty"`
	Listed     int64  `json:"listed,omitempty"` // size that the source lists, where that is not Size
	// ModTime is the source's time in nanoseconds when the bytes were hashed, or
	// 0 when it was too young to be trusted. Where the source tells versions and
	// no times, it is a negative number that stands for the version.
	ModTime int64 `json:"mtime,omitempty"`

	// Fields has, for each managed field, what we last sent and what the answer
	// showed, in canonical JSON (package pipeline, fields.go).
	Fields map[string]Base `json:"fields,omitempty"`
	// Intent is what a write under way sets, by field; empty otherwise.
	Intent map[string]json.RawMessage `json:"intent,omitempty"`
	// Relative has the expression of each date that was relative when it was
	// sent ("+18 months"): the date stays what it became while that stays.
	Relative map[string]string `json:"relative,omitempty"`

	Run      string    `json:"run,omitempty"` // that last wrote it
	Attempts int       `json:"attempts,omitempty"`
	SentAt   time.Time `json:"sentAt,omitzero"` // when storage answered 200
	Updated  time.Time `json:"updated"`         // when this record was written
	Error    *Failure  `json:"error,omitempty"`
	Warnings []string  `json:"warnings,omitempty"` // codes: normalised, twin, ...
	// Replaced is the checksum of the version that a version op replaces.
	Replaced string `json:"replaced,omitempty"`
	// Overtaken has the checksums of bytes that this op sent, and then others in
	// their place, before they were verified: the file changed meanwhile. The asset
	// may come to use any of them.
	Overtaken []string `json:"overtaken,omitempty"`

	// CreateRun is the run that wrote the intent of the create that made the
	// asset, or may have made it; "" for assets that were found.
	CreateRun string `json:"createRun,omitempty"`
	// Shown is a digest of every field that the service showed when the item was
	// last verified (package pipeline): another one tells that somebody changed
	// the asset since. "" is unknown.
	Shown string `json:"shown,omitempty"`
	// Stamp is the service's own time of the asset's last change (its updatedAt), in
	// the answer by which a whole comparison found nothing to do; zero: no answer since
	// the last write did. As long as the service shows it, the asset is as it was.
	Stamp time.Time `json:"stamp,omitzero"`
	// StampRules is a digest of the manifest's rules by which it was compared then
	// (package pipeline).
	StampRules string `json:"stampRules,omitempty"`
	// Unconfirmed marks a record that was made without a run: by a rebuild from
	// the service, or by binding an asset. What we sent is not known: Fields has
	// what was seen then, and the next run compares before it believes it. Its
	// status is pending. Without an asset id it is of several assets with one
	// external ID.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

// Base is the base of a field's three-way comparison.
type Base struct {
	Sent json.RawMessage `json:"sent,omitempty"` // nil: never sent by us
	Seen json.RawMessage `json:"seen,omitempty"` // nil: as sent
}

// Failure is why an item failed.
type Failure struct {
	Code    string `json:"code"`    // stable reason code
	Message string `json:"message"` // redacted, for people
}

// Event is one line of an item's story, for `why`.
type Event struct {
	Time   time.Time `json:"time"`
	Run    string    `json:"run,omitempty"`
	Op     Op        `json:"op,omitempty"`
	Status Status    `json:"status,omitempty"`
	Text   string    `json:"text"` // one sentence, no secrets
}

// Change is what a run did, or was about to do, to one asset: the way back.
type Change struct {
	Op      Op                         `json:"op"`
	AssetID string                     `json:"assetId,omitempty"`
	Before  map[string]json.RawMessage `json:"before,omitempty"` // before-image of the fields written; durable before the write leaves
	After   map[string]json.RawMessage `json:"after,omitempty"`
}

// Run is one run of the program on this state.
type Run struct {
	ID       string         `json:"id"`
	Manifest string         `json:"manifest"` // id
	Start    time.Time      `json:"start"`
	End      time.Time      `json:"end,omitzero"` // zero: under way, or killed
	Code     int            `json:"code"`
	Outcome  string         `json:"outcome,omitempty"` // one sentence
	Dir      string         `json:"dir,omitempty"`     // evidence folder
	SumsHash string         `json:"sumsHash,omitempty"`
	Counts   map[string]int `json:"counts,omitempty"` // by action or status
	Requests map[string]int `json:"requests,omitempty"`
	// Kept is the folder with the bytes that versions of this run replaced; ""
	// when it kept none.
	Kept string `json:"kept,omitempty"`
	// Plan is the SHA-256, in hex, of the file of the saved plan that the run
	// carries out; "" for a run without one. What such a run did is known by it
	// when the same plan is carried on.
	Plan string `json:"plan,omitempty"`
}

// MadeTag is a tag that a run made at the service.
type MadeTag struct {
	ID       string `json:"id"` // at the service
	Name     string `json:"name"`
	Division string `json:"division"` // id
}

// Counts is the number of records by status and op.
type Counts struct {
	ByStatus map[Status]int `json:"byStatus"`
	ByOp     map[Op]int     `json:"byOp"`
	Total    int            `json:"total"`
}

// Write is one step of one item: its new record, and what goes with it in the
// same commit. Record.ExternalID is required.
type Write struct {
	Record Record
	Event  string  // a sentence for `why`; "" adds no event
	Change *Change // kept under ChangeRun and the external ID; nil leaves an earlier one
	// ChangeRun is the run that the change belongs to; "" is Record.Run. A create
	// that a later run finds to have been carried out belongs to its own run.
	ChangeRun string
}
