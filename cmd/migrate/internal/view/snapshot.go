package view

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Snapshot is how far a run is at one moment. A live run answers `status` with it.
type Snapshot struct {
	Run      string         `json:"run"`
	Items    int            `json:"items"`    // in the manifest
	Finished int            `json:"finished"` // with whatever outcome; not those that the next run continues
	Status   map[string]int `json:"status"`   // outcomes so far, and where those stand that the next run continues
	Bytes    int64          `json:"bytes"`    // sent, or read back
	ToSend   int64          `json:"toSend"`   // of the uploads decided so far
	Requests int            `json:"requests"`
	Elapsed  time.Duration  `json:"elapsedNs"`
	Left     *pipeline.Left `json:"left,omitempty"` // how long it still takes: leastNs, likelyNs, worstNs, and the share that fits before the run has to end; missing while nothing tells
	Until    time.Time      `json:"until,omitzero"` // when the run has to be over, as things were at its start; missing without a deadline
	Waiting  string         `json:"waiting,omitempty"`
	Draining time.Time      `json:"drainingUntil,omitzero"` // until when, at the latest, a run that stops waits for what is under way; missing as long as it does not stop
	// BudgetLeft is how many requests the run may still make before the reserve begins;
	// nil: nothing limits it.
	BudgetLeft *int           `json:"budgetLeft,omitempty"`
	Stages     map[string]int `json:"stages,omitempty"`  // items under way, by the stage that has them
	Uploads    []Upload       `json:"uploads,omitempty"` // whose bytes are moving, the oldest first
	Pace       *pipeline.Pace `json:"pace,omitempty"`    // how fast it goes, and what limits it; nil: not known yet
}

// limiters are what may limit a run, for people: "limited by ...".
var limiters = map[string]string{
	"rate":       "the rate of requests",
	"closed":     "the service, which asks to wait",
	"requests":   "the time of requests",
	"bandwidth":  "--bandwidth",
	"uploads":    "the speed of uploads",
	"file":       "the speed of single uploads",
	"source":     "reading the files",
	"hashing":    "computing checksums",
	"state":      "the disk of the state",
	"processing": "Showpad's processing",
}

// limitText says what limits the run now; "" when nothing does, or nobody knows.
func (s Snapshot) limitText() string {
	if s.Pace == nil || limiters[s.Pace.By] == "" {
		return ""
	}
	text := "limited by " + limiters[s.Pace.By]
	if s.Pace.By == "rate" && s.Pace.Rate > 0 {
		text += " (" + pipeline.RateText(s.Pace.Rate) + ")"
	}
	return text
}

// Line says it in one line.
func (s Snapshot) Line() string {
	text := fmt.Sprintf("%s of %s", Count(s.Finished), Plural(s.Items, "item", "items"))
	if bad := s.bad(); bad > 0 {
		text += " (" + Plural(bad, "needs", "need") + " somebody)"
	}
	switch {
	case s.ToSend > 0:
		text += fmt.Sprintf(", %s of %s", Bytes(s.Bytes), Bytes(max(s.ToSend, s.Bytes)))
	case s.Bytes > 0: // read back: nobody added them up before
		text += ", " + Bytes(s.Bytes)
	}
	if seconds := s.Elapsed.Seconds(); seconds >= 1 {
		text += fmt.Sprintf(", %.1f items/s, %s/s", float64(s.Finished)/seconds, Bytes(int64(float64(s.Bytes)/seconds)))
	}
	if left := s.TimeLeft(); left != "" {
		text += ", " + left
	}
	if !s.Draining.IsZero() {
		text += "; " + s.stopping()
	}
	if s.BudgetLeft != nil {
		text += fmt.Sprintf("; %s left of the budget", Plural(*s.BudgetLeft, "request is", "requests are"))
	}
	if limit := s.limitText(); limit != "" {
		text += "; " + limit
	}
	if s.Waiting != "" {
		text += "; waiting: " + s.Waiting
	}
	return text
}

func (s Snapshot) bad() int {
	n := 0
	for status, count := range s.Status {
		if status != string(state.Done) && status != "unchanged" && !pipeline.Unfinished(status) {
			n += count
		}
	}
	return n
}

// TimeLeft is how long it will take, for people; "" when nothing is left, or nobody
// knows yet.
func (s Snapshot) TimeLeft() string {
	if s.Left == nil || s.Items <= s.Finished || !s.Draining.IsZero() {
		return ""
	}
	if s.Left.Share < 1 {
		done := s.Finished + int(s.Left.Share*float64(s.Items-s.Finished))
		text := "stops with about " + Count(rounded(done)) + " of " + Count(s.Items) + " done"
		if !s.Until.IsZero() {
			text = "stops at " + s.Until.Format("15:04") + strings.TrimPrefix(text, "stops")
		}
		return text
	}
	return between(s.Left.Least, s.Left.Worst) + " left"
}

// stopping says what a run that stops waits for, and for how long at most.
func (s Snapshot) stopping() string {
	what := "what is under way"
	if n := s.Stages["transfer"]; n > 0 {
		what = Plural(n, "upload", "uploads")
	}
	return "stopping: waits for " + what + ", " + Duration(max(0, time.Until(s.Draining))) + " at most"
}

// rounded is n with two digits that count.
func rounded(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return n / unit * unit
}

// between is a range of time: "12 to 15 min", "50 s to 3 min".
func between(from, to time.Duration) string {
	a, b := Duration(from), Duration(to)
	if a == b {
		return a
	}
	if n, unit, ok := strings.Cut(a, " "); ok && strings.HasSuffix(b, " "+unit) && !strings.Contains(unit, " ") && strings.Count(b, " ") == 1 {
		a = n
	}
	return a + " to " + b
}

// someFailures is how many failed results are kept for the last lines, and fewAlike how
// many of one reason: one of another kind would not be seen behind hundreds.
const (
	someFailures = 20
	fewAlike     = 10
)

// Tally counts the events of a run. The zero value is ready; its methods may
// be called concurrently and only ever wait for each other.
type Tally struct {
	mu       sync.Mutex
	snap     Snapshot
	start    time.Time
	problems []pipeline.Result
	alike    map[string]int // kept problems by status and reason
	more     int
	under    inFlight
	meter    pipeline.Meter
}

// Observe counts an event.
func (t *Tally) Observe(e pipeline.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under.observe(e)
	t.meter.Observe(time.Now(), e)
	switch e := e.(type) {
	case pipeline.Started:
		t.snap.Run, t.snap.Items, t.snap.Until, t.start = e.Run, e.Items, e.Until, time.Now()
	case pipeline.Decided:
		if e.Row.Unlisted {
			t.snap.Items++
		}
		if e.Row.Puts > 0 {
			t.snap.ToSend += e.Row.Size
		}
	case pipeline.Sent:
		t.snap.Bytes += e.N
	case pipeline.Received:
		t.snap.Bytes += e.N
	case pipeline.Compared:
		t.snap.Finished++
	case pipeline.Request:
		t.snap.Waiting = ""
		if !e.Storage {
			t.snap.Requests++
		}
	case pipeline.Waiting:
		if e.For == "drain" {
			t.snap.Draining = e.Until
			break
		}
		t.snap.Waiting = e.Text
	case pipeline.Pace:
		t.snap.Pace = &e
	case pipeline.Finished:
		if e.Result.Kind == "" {
			t.item(e.Result.Status)
		}
		switch {
		case e.Result.OK() || pipeline.Unfinished(e.Result.Status): // done, or to be continued
		case len(t.problems) < someFailures && t.few(&e.Result):
			t.problems = append(t.problems, e.Result)
		default:
			t.more++
		}
	}
}

// few reports whether there is room for one more of this kind, and takes it; t.mu is held.
func (t *Tally) few(r *pipeline.Result) bool {
	kind := r.Status + " " + r.Reason
	if r.Error != nil {
		kind = r.Status + " " + r.Error.Code
	}
	if t.alike[kind] == fewAlike {
		return false
	}
	if t.alike == nil {
		t.alike = map[string]int{}
	}
	t.alike[kind]++
	return true
}

// item counts the outcome of an item; t.mu is held.
func (t *Tally) item(status string) {
	if t.snap.Status == nil {
		t.snap.Status = map[string]int{}
	}
	t.snap.Status[status]++
	if !pipeline.Unfinished(status) {
		t.snap.Finished++
	}
}

// Snapshot is a copy of the numbers.
func (t *Tally) Snapshot() Snapshot {
	s, ahead := t.now()
	if left := pipeline.Remaining(ahead); left.Known { // takes too long for a lock that events wait for
		s.Left = &left
	}
	return s
}

// now are the numbers, and what is left by them.
func (t *Tally) now() (Snapshot, pipeline.Ahead) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.snap
	s.Status = make(map[string]int, len(t.snap.Status))
	maps.Copy(s.Status, t.snap.Status)
	t.under.into(&s)
	if !t.start.IsZero() {
		s.Elapsed = time.Since(t.start)
	}
	return s, t.meter.Ahead(time.Now())
}

// Problems are the first results that need a person, and how many more there are.
func (t *Tally) Problems() ([]pipeline.Result, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.problems, t.more
}
