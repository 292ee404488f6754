package pipeline

import (
	"fmt"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// A saved plan is a file of lines, each a JSON object:
//
//	{"type":"plan","version":1, ...}          what was planned, see PlanHeader
//	{"externalId":"SP-1", ..., "basis":{...}} a row a line, in the manifest's order
//	{"kind":"share","key":"q3", ...}          and of an extra, after all items
//	{"type":"end","rows":1,"totals":{...},"sha256":"..."}
//
// The digest of the last line is over all bytes before that line. A saved plan
// gives no orders: a run decides each of its items anew, by the same function
// and as of the plan's start, and carries out the rows whose decision is still
// the saved one. The basis of a row tells why it is not.

// PlanFormat is the version of the format of saved plans. It changes with the
// members, with their meaning and with what the digests of a basis are made of.
const PlanFormat = 1

// PlanHeader is the first line of a saved plan: what was planned, from what, and
// as of when.
type PlanHeader struct {
	Type     string       `json:"type"`    // "plan"
	Version  int          `json:"version"` // PlanFormat
	Program  string       `json:"program,omitempty"`
	Mode     string       `json:"mode"`   // "LIVE" or "SANDBOX"
	Tenant   string       `json:"tenant"` // as in the state
	Manifest PlanManifest `json:"manifest"`
	// Serial is that of the state when the plan was begun, in decimal; "0" when
	// there was no state.
	Serial   string    `json:"stateSerial"`
	Start    time.Time `json:"start"`              // of the plan, UTC: relative dates count from it
	Timezone string    `json:"timezone,omitempty"` // of the manifest; "" when it names none
	Rules    PlanRules `json:"rules"`
	Choice   Choice    `json:"choice"`
}

// PlanManifest says which manifest was planned.
type PlanManifest struct {
	Path   string `json:"path"` // as it was given
	ID     string `json:"id"`
	Digest string `json:"sha256"` // over all files read, in hex
}

// PlanRules are the manifest's rules that decide about every item.
type PlanRules struct {
	Tags       string `json:"tags"`
	Metadata   string `json:"metadata"`
	File       string `json:"file"`
	Conflicts  string `json:"conflicts"`
	CreateTags string `json:"createTags"`
	Ownership  string `json:"ownership,omitempty"`
	Prune      string `json:"prune,omitempty"` // "" is keep
}

func rulesOf(m *manifest.Manifest) PlanRules {
	return PlanRules{
		Tags: m.Update.Tags, Metadata: m.Update.Metadata, File: m.Update.File, Conflicts: m.Update.Conflicts,
		CreateTags: string(m.CreateTags), Ownership: m.Target.Ownership, Prune: pruneRule(m),
	}
}

func pruneRule(m *manifest.Manifest) string {
	if m.Prune == PruneKeep {
		return ""
	}
	return m.Prune
}

// Choice is what the person who planned chose. A run of the plan has the same
// and cannot choose again.
type Choice struct {
	Only        []string `json:"only,omitempty"` // --only, as written
	Division    string   `json:"division,omitempty"`
	Limit       int      `json:"limit,omitempty"`
	Hash        bool     `json:"hash,omitempty"`
	FullCheck   bool     `json:"fullCheck,omitempty"`
	RetryFailed bool     `json:"retryFailed,omitempty"`
	Recreate    []string `json:"recreate,omitempty"` // external IDs
	MaxPrune    string   `json:"maxPrune,omitempty"` // as [ParsePruneLimit] reads it
}

// Selects reports whether the plan was made of a part of the manifest.
func (c *Choice) Selects() bool { return len(c.Only) > 0 || c.Division != "" || c.Limit > 0 }

// apply makes o decide as the choice says.
func (c *Choice) apply(o *Options) {
	o.Hash, o.FullCheck, o.RetryFailed = c.Hash, c.FullCheck, c.RetryFailed
	o.MaxPrune, _ = ParsePruneLimit(c.MaxPrune) // what cannot be read is the default
	o.Recreate = nil
	if len(c.Recreate) > 0 {
		o.Recreate = func(id string) bool { return slices.Contains(c.Recreate, id) }
	}
}

// SavedRow is one row of a saved plan.
type SavedRow struct {
	Row
	Basis Basis `json:"basis"`
}

// planEnd is the last line of a saved plan.
type planEnd struct {
	Type   string  `json:"type"` // "end"
	Rows   int     `json:"rows"`
	Extras int     `json:"extras,omitempty"` // rows of extras
	Totals Summary `json:"totals"`
	SHA256 string  `json:"sha256"` // of all bytes before this line, in hex
}

// PlanFileError says why a file is no plan that can be carried out.
type PlanFileError struct {
	Path string
	Line int    // from 1; 0 when it is about the whole file
	What string // with the way on
	Err  error  // of the file system; may be nil
}

func (e *PlanFileError) Error() string {
	at := e.Path
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", e.Path, e.Line)
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", at, e.What, e.Err)
	}
	return at + ": " + e.What
}

func (e *PlanFileError) Unwrap() error { return e.Err }
