package pipeline

import (
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// Event is something that happened in a run. The set is closed: a view
// switches over the types below. Observe is called from many goroutines and
// must not block.
type Event interface{ event() }

// Started is the first event of a run.
type Started struct {
	Run   string
	Items int // in the manifest
	Done  int // of all that the state knows, at most Items: those that earlier runs have done
	At    time.Time
	Until time.Time // when the run has to be over, as things are; zero: no deadline
	Paces *Paces    // that are assumed of it; nil: nothing is
}

// Decided is a row of the plan as the run makes it.
type Decided struct{ Row Row }

// ExtraDecided is the row of an extra as the run makes it.
type ExtraDecided struct{ Row ExtraRow }

// Stage says that an item entered a stage: "hash", "register", "keep", "transfer", "settle", "update".
type Stage struct {
	ExternalID string
	Stage      string
	Size       int64
	Name       string // of the asset, when its bytes are about to be sent; "" in other stages
}

// Sent says that n more bytes of an item went to storage. A retry begins with
// a negative N that takes back what was counted.
type Sent struct {
	ExternalID string
	N          int64
}

// Request is one API request (or, with Storage, one PUT) that ended.
type Request struct {
	Op      string // operationId
	Status  int    // 0 when there was no answer
	Storage bool
	Retry   bool // another attempt follows
	Elapsed time.Duration
}

// Finished is the outcome of one item, or of one extra.
type Finished struct{ Result Result }

// Warned is something to be told now: one line, with the way on.
type Warned struct {
	Code       string
	ExternalID string // "" when it is about the run
	Text       string
}

// Waiting says what the run waits for, and until when if known.
type Waiting struct {
	For   string // "retry-after", "settle", "processing", "drain"
	Text  string
	Until time.Time // zero: unknown
}

// Received says that n more bytes of an item came back from the service. A retry begins
// with a negative N that takes back what was counted.
type Received struct {
	ExternalID string
	N          int64
}

// Compared says that verify is through with an item.
type Compared struct {
	ExternalID string
	Differs    bool // or could not be compared
}

// Ended is the last event.
type Ended struct{ Outcome Outcome }

func (Started) event()      {}
func (Decided) event()      {}
func (ExtraDecided) event() {}
func (Stage) event()        {}
func (Sent) event()         {}
func (Request) event()      {}
func (Finished) event()     {}
func (Warned) event()       {}
func (Waiting) event()      {}
func (Received) event()     {}
func (Compared) event()     {}
func (Ended) event()        {}

// Outcome is the whole of a run.
type Outcome struct {
	Run      string         `json:"run"`
	Code     int            `json:"code"`     // exit code, the first that applies
	Sentence string         `json:"sentence"` // "300 of 300 done"
	Start    time.Time      `json:"start"`
	End      time.Time      `json:"end"`
	Plan     Summary        `json:"plan"`
	Status   map[string]int `json:"status"` // results of items by status
	// Extras are the results of extras by kind and status.
	Extras   map[state.ExtraKind]map[string]int `json:"extras,omitempty"`
	Requests map[string]int                     `json:"requests"` // API requests by operationId
	Puts     int                                `json:"puts"`
	Bytes    int64                              `json:"bytes"` // sent to storage
	// Limit is what limited the run; nil where it was over in a moment.
	Limit *Limit `json:"limit,omitempty"`
	// TagsDeleted is how many tags a rollback deleted.
	TagsDeleted int   `json:"tagsDeleted,omitempty"`
	Err         error `json:"-"` // why it stopped early; nil otherwise

	pruned   map[[2]string]int // results of items that are no longer listed, by status and action
	tagsLeft int               // tags that should have gone and are still there
	takes    bool              // it is of a rollback
}
