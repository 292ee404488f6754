package report

import (
	"fmt"
	"io"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// formatVersion is that of summary.json and evidence.json. It goes up when a
// reader of the files would have to change.
const formatVersion = 1

// Summary is summary.json: the outcome of a run in numbers. Items, classes,
// statuses, actions and codes are counted from results.ndjson.
type Summary struct {
	Version  int    `json:"version"`
	Run      string `json:"run"`
	Tenant   string `json:"tenant"`
	Mode     string `json:"mode"`
	Sentence string `json:"sentence"` // the outcome for people
	Code     int    `json:"code"`     // exit code
	// Recovered says that the process did not end this run itself: End is when
	// it was last seen, and what only it knew (Sent, Requests, Plan) is missing.
	Recovered bool      `json:"recovered,omitempty"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Durations Durations `json:"durations"`

	Items      int            `json:"items"` // rows of results.ndjson that are of items
	Success    int            `json:"success"`
	Failures   int            `json:"failures"`
	Unfinished int            `json:"unfinished"` // neither: the next run goes on with them
	Status     map[string]int `json:"status"`
	Actions    map[string]int `json:"actions"`
	Codes      map[string]int `json:"codes,omitempty"` // of failures; at most 200 different ones are told apart
	// Extras counts what the manifest makes beside its items, by kind and status.
	// All numbers above are of items alone.
	Extras map[state.ExtraKind]map[string]int `json:"extras,omitempty"`

	Sent     *Sent             `json:"sent,omitempty"`
	Requests map[string]int    `json:"requests,omitempty"` // by operation
	Plan     *pipeline.Summary `json:"plan,omitempty"`
	// Exposure is who will see what the run set out to do; nil when nobody sees
	// anything else than before.
	Exposure *pipeline.Exposure `json:"exposure,omitempty"`
	// Limit is what limited the run; nil where nobody knows.
	Limit *pipeline.Limit `json:"limit,omitempty"`
	// Stages are how long items were in which stage, and Timeline what happened on the
	// way; only the process knew them.
	Stages          []StageTime `json:"stages,omitempty"`
	Timeline        []Moment    `json:"timeline,omitempty"`        // at most 300
	TimelineLeftOut int         `json:"timelineLeftOut,omitempty"` // further ones

	KeptColumns int `json:"keptColumns"` // of the CSV files
	// KeptLeftOut counts the values under further keys, which only results.ndjson has.
	KeptLeftOut int `json:"keptLeftOut,omitempty"`
}

// Durations are in seconds.
type Durations struct {
	Run      float64 `json:"run"`
	ItemMean float64 `json:"itemMean"` // of the items that were worked on
	ItemMax  float64 `json:"itemMax"`
	Slowest  string  `json:"slowest,omitempty"` // external ID of the longest item
}

// Sent is what went over the line.
type Sent struct {
	Requests int   `json:"requests"` // to the API
	Puts     int   `json:"puts"`     // to storage
	Bytes    int64 `json:"bytes"`    // to storage
}

const (
	maxKept  = 1000
	maxCodes = 200
	// otherCode counts the failures whose code is not told apart.
	otherCode = "other"
)

// tally is what one pass over results.ndjson finds out.
type tally struct {
	items, success, failures, unfinished int
	status, actions, codes               map[string]int
	extras                               map[state.ExtraKind]map[string]int
	kept                                 []string // keys in order of first appearance
	keptSeen                             map[string]bool
	keptLeftOut                          int
	timed                                int
	total, longest                       time.Duration
	slowest                              string
	last                                 time.Time // of the latest row
}

func newTally() *tally {
	return &tally{
		status: map[string]int{}, actions: map[string]int{}, codes: map[string]int{}, keptSeen: map[string]bool{},
	}
}

// count reads results.ndjson; every line must be a row. o sees them, too.
func count(results io.Reader, o *overview) (*tally, error) {
	t := newTally()
	for l, err := range lines(results) {
		if err != nil {
			return nil, err
		}
		t.add(l.row)
		o.add(l.row)
	}
	return t, nil
}

func (t *tally) add(r row) {
	if end := r.End.Truncate(time.Millisecond); end.After(t.last) { // as the file has it
		t.last = end
	}
	if r.Kind != "" {
		if t.extras == nil {
			t.extras = map[state.ExtraKind]map[string]int{}
		}
		if t.extras[r.Kind] == nil {
			t.extras[r.Kind] = map[string]int{}
		}
		t.extras[r.Kind][r.Status]++
		return
	}
	t.items++
	t.status[r.Status]++
	if r.Action != "" {
		t.actions[string(r.Action)]++
	}
	switch r.class() {
	case success:
		t.success++
	case failure:
		t.failures++
		code := r.code()
		if _, known := t.codes[code]; !known && len(t.codes) >= maxCodes {
			code = otherCode
		}
		t.codes[code]++
	default:
		t.unfinished++
	}
	for _, kv := range r.Keep {
		switch {
		case t.keptSeen[kv.Key]:
		case len(t.kept) < maxKept:
			t.keptSeen[kv.Key] = true
			t.kept = append(t.kept, kv.Key)
		default:
			t.keptLeftOut++
		}
	}
	if !r.Start.IsZero() && !r.End.Before(r.Start.Time) {
		d := r.End.Sub(r.Start.Time)
		t.timed++
		t.total += d
		if d > t.longest || t.slowest == "" {
			t.longest, t.slowest = d, r.ExternalID
		}
	}
}

// ending is how a run ended, as far as it is known.
type ending struct {
	code      int
	sentence  string
	start     time.Time
	end       time.Time
	recovered bool
	sent      *Sent
	requests  map[string]int
	plan      *pipeline.Summary
	exposure  *pipeline.Exposure
	limit     *pipeline.Limit
	journal   *journal // nil where the process is gone
}

func endingOf(o pipeline.Outcome) ending {
	s := &Sent{Puts: o.Puts, Bytes: o.Bytes}
	for _, n := range o.Requests {
		s.Requests += n
	}
	plan := o.Plan
	plan.Exposure = nil // it has a member of its own
	return ending{
		code: o.Code, sentence: o.Sentence, start: o.Start, end: o.End,
		sent: s, requests: o.Requests, plan: &plan, exposure: o.Plan.Exposure, limit: o.Limit,
	}
}

func (t *tally) summary(e Evidence, how ending) Summary {
	s := Summary{
		Version: formatVersion, Run: e.Run, Tenant: e.Tenant, Mode: e.Mode,
		Sentence: how.sentence, Code: how.code, Recovered: how.recovered, Start: how.start, End: how.end,
		Items: t.items, Success: t.success, Failures: t.failures, Unfinished: t.unfinished,
		Status: t.status, Actions: t.actions, Codes: t.codes, Extras: t.extras,
		Sent: how.sent, Requests: how.requests, Plan: how.plan, Exposure: how.exposure, Limit: how.limit,
		KeptColumns: len(t.kept), KeptLeftOut: t.keptLeftOut,
		Durations: Durations{Run: seconds(how.end.Sub(how.start)), ItemMax: seconds(t.longest), Slowest: t.slowest},
	}
	if how.journal != nil {
		s.Stages = how.journal.times()
		s.Timeline, s.TimelineLeftOut = how.journal.timeline(how.start.Location())
	}
	if t.timed > 0 {
		s.Durations.ItemMean = seconds(t.total / time.Duration(t.timed))
	}
	if s.Sentence == "" {
		s.Sentence = fmt.Sprintf("%d of %d done", t.success, t.items)
	}
	return s
}

// seconds keeps milliseconds.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
