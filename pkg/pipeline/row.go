package pipeline

import (
	"encoding/json"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Action is what a plan does about one item.
type Action string

const (
	ActionCreate    Action = "create"
	ActionResume    Action = "resume"
	ActionAdopt     Action = "adopt"
	ActionUpdate    Action = "update"
	ActionVersion   Action = "version"
	ActionCheck     Action = "check"
	ActionRestore   Action = "restore"
	ActionUnchanged Action = "unchanged"
	ActionConflict  Action = "conflict"
	ActionBlocked   Action = "blocked"
	ActionArchive   Action = "archive"
	ActionDelete    Action = "delete"
)

// Undo says how much of a row `rollback` could take back.
type Undo string

const (
	UndoFull     Undo = "full"
	UndoMetadata Undo = "metadata"
	UndoNone     Undo = "none"
)

// Row is one line of a plan: a value, and all that a view may show.
type Row struct {
	ExternalID string       `json:"externalId"`
	Action     Action       `json:"action"`
	Reason     string       `json:"reason"`           // code, see reasons.go
	Detail     string       `json:"detail,omitempty"` // one sentence for people, with the way on where one is needed
	Pos        manifest.Pos `json:"pos"`
	Source     string       `json:"source,omitempty"`
	Name       string       `json:"name,omitempty"`     // the asset's name as wanted
	Division   string       `json:"division,omitempty"` // as the manifest has it
	AssetID    string       `json:"assetId,omitempty"`
	Step       state.Status `json:"step,omitempty"` // of a resume: where it continues
	Diff       []FieldDiff  `json:"diff,omitempty"`
	Spared     []FieldDiff  `json:"spared,omitempty"` // of a rollback: fields that stay as they are; Wanted is what they were before
	Size       int64        `json:"size"`
	MD5        string       `json:"md5,omitempty"` // hex, when known
	// Offline says that the file's bytes are not on this machine: a run that needs
	// them downloads them.
	Offline bool `json:"offline,omitempty"`
	// Moved, of a create, is the external ID of an item that the manifest no longer
	// lists and that has the same bytes, as far as is known: the file may have been
	// renamed or moved. "" is none. Of a row of pruning it is that of the new item.
	Moved string `json:"moved,omitempty"`
	// Unlisted marks a row of pruning: the manifest no longer lists the item.
	Unlisted bool `json:"unlisted,omitempty"`
	Undo     Undo `json:"undo"`
	// Audience is who will see it; nil where nobody sees anything else than before.
	Audience *Audience `json:"audience,omitempty"`
	// Overwrites is the conflict that update: {conflicts: overwrite} turned into
	// this write: what a person changed goes. "" is none.
	Overwrites string             `json:"overwrites,omitempty"`
	Writes     int                `json:"writes"` // API writes; for check and resume the most that it can be
	Puts       int                `json:"puts"`   // uploads to storage
	Problems   []manifest.Problem `json:"problems,omitempty"`
	Keep       []manifest.KeepKV  `json:"-"`
}

// PlanBudget is a limit of requests, in a plan.
type PlanBudget struct {
	Limit   int           `json:"limit"`    // requests in a window
	Window  time.Duration `json:"windowNs"` // its length
	Reserve int           `json:"reserve"`  // of Limit, which runs leave to others
}

// FieldDiff is one field that differs, in canonical JSON.
type FieldDiff struct {
	Field  string          `json:"field"`
	Remote json.RawMessage `json:"remote,omitempty"` // what the service shows
	Wanted json.RawMessage `json:"wanted,omitempty"`
	Last   json.RawMessage `json:"last,omitempty"` // what we last sent, when a conflict needs it
}

// Summary accumulates rows. The zero value is ready.
type Summary struct {
	Items      int            `json:"items"`
	Actions    map[Action]int `json:"actions"`
	Reasons    map[string]int `json:"reasons,omitempty"` // of conflict and blocked rows
	Writes     int            `json:"writes"`
	Puts       int            `json:"puts"`
	Bytes      int64          `json:"bytes"`      // to upload
	Reads      int            `json:"reads"`      // forecast
	NewTags    []NewTag       `json:"newTags"`    // to be made, by Division and name; at most 1,000 are kept
	NewTagsAll int            `json:"newTagsAll"` // how many there are
	Warnings   int            `json:"warnings"`
	Variants   int            `json:"variants,omitempty"` // rows that get another primary, or none
	// Provisional are the rows of new items that an export alone was asked about: a
	// run looks them up.
	Provisional int `json:"provisional,omitempty"`
	// Export tells how the export was used in the place of look-ups; nil: it was not
	// asked for.
	Export *ByExport `json:"export,omitempty"`
	Moved  int       `json:"moved,omitempty"` // rows that may be files that were renamed or moved
	// Offline are the files whose bytes are not on this machine and have to be
	// downloaded for a run, and OfflineBytes their size.
	Offline      int      `json:"offline,omitempty"`
	OfflineBytes int64    `json:"offlineBytes,omitempty"`
	OldTags      []string `json:"oldTags,omitempty"` // of a rollback that deletes: tags that the runs made; they go when nothing uses them
	Spared       int      `json:"spared,omitempty"`  // of a rollback: rows, other than conflicts, of which something stays as it is
	// Extras are the rows of what the manifest makes beside its items, by kind.
	// Their writes, uploads and bytes are in the sums above; Items, Actions and
	// Reasons are of items alone.
	Extras map[state.ExtraKind]map[Action]int `json:"extras,omitempty"`
	// Exposure is who will see what; nil when nobody sees anything else than before.
	Exposure *Exposure `json:"exposure,omitempty"`
	// Pruned counts, by action, the rows of items that the manifest no longer
	// lists. They are in Actions too, and not in Items.
	Pruned map[Action]int `json:"pruned,omitempty"`
	// Prune is what is known of such items; nil when nobody looked.
	Prune *Pruning `json:"prune,omitempty"`
	// Forecast is how long a run of a plan takes; nil for what is no plan.
	Forecast *Forecast `json:"forecast,omitempty"`
	// Budget is what limits the requests of its runs; nil: nothing, as far as is known.
	Budget *PlanBudget `json:"budget,omitempty"`
	// TagTwins are tags that look alike, among those wanted and the service's.
	TagTwins []manifest.Problem `json:"tagTwins,omitempty"`
}

// NewTag is a tag that the run will make.
type NewTag struct {
	Division string `json:"division"`
	Name     string `json:"name"`
	Items    int    `json:"items"`
}

// Result is the outcome of one item, or of one extra, in one run: a row of
// results.ndjson.
type Result struct {
	ExternalID string            `json:"externalId,omitempty"` // of an item
	Kind       state.ExtraKind   `json:"kind,omitempty"`       // of an extra, as Key and ID
	Key        string            `json:"key,omitempty"`
	ID         string            `json:"id,omitempty"` // at the service
	Source     string            `json:"source,omitempty"`
	Name       string            `json:"name,omitempty"`
	Division   string            `json:"division,omitempty"`
	Keep       []manifest.KeepKV `json:"-"` // the report writes it as an object
	AssetID    string            `json:"assetId,omitempty"`
	Slug       string            `json:"slug,omitempty"`
	Action     Action            `json:"action,omitempty"` // "" when the run stopped before deciding
	Reason     string            `json:"reason,omitempty"`
	// Status is a state.Status for items that have a record or were not
	// reached (pending), or "unchanged", "conflict", "blocked"; of an extra a
	// state.ExtraStatus, or likewise.
	Status   string         `json:"status"`
	Unlisted bool           `json:"unlisted,omitempty"` // the manifest no longer lists it
	MD5      string         `json:"md5,omitempty"`
	Size     int64          `json:"size"`
	Attempts int            `json:"attempts,omitempty"`
	Start    time.Time      `json:"start,omitzero"`
	End      time.Time      `json:"end,omitzero"`
	Run      string         `json:"run"`
	Error    *state.Failure `json:"error,omitempty"`
	Warnings []string       `json:"warnings,omitempty"`
}

// OK reports whether nothing is left to do or to decide for the item.
func (r Result) OK() bool { return r.Status == string(state.Done) || r.Status == "unchanged" }

// Unfinished reports whether a result's status is one that the next run
// continues from by itself.
func Unfinished(status string) bool {
	switch state.Status(status) {
	case state.Pending, state.Registering, state.Registered, state.Sending, state.Sent, state.Processing:
		return true
	}
	return false
}
