package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// StageTime is how long items were in one stage of a run, waits included.
type StageTime struct {
	Stage   string  `json:"stage"` // "hash", "register", "keep", "transfer", "settle", "update", "link"
	Items   int     `json:"items"` // an item that came twice counts twice
	Mean    float64 `json:"mean"`  // seconds
	Max     float64 `json:"max"`   // seconds
	Slowest string  `json:"slowest,omitempty"`
}

// Moment is something that happened to a run, once or several times in a row.
type Moment struct {
	At    time.Time `json:"at"`
	Last  time.Time `json:"last,omitzero"`  // of several
	Until time.Time `json:"until,omitzero"` // of a wait, where it is known
	Kind  string    `json:"kind"`           // "waiting", "warned", "retry"
	Code  string    `json:"code"`           // what for: of a warning its code, of a retry operation and status
	Text  string    `json:"text"`           // the first of several
	Times int       `json:"times"`
}

const (
	// maxMoments is how many are kept; further ones are counted.
	maxMoments = 300
	// sameMoment is how far apart two of a kind are told as one.
	sameMoment = time.Minute
	// maxMomentText is the longest text of a moment, in characters.
	maxMomentText = 500
)

// journal keeps what only the process knows: when items entered which stage, and what
// happened on the way. It holds what is under way, and no more than maxMoments. The
// zero value is ready; its methods may be called concurrently.
type journal struct {
	mu      sync.Mutex
	stages  map[string]*stageSum
	order   []string // of stages, as they came
	at      map[string]stageAt
	moments []Moment
	newest  map[string]int // of moments, by what makes them the same
	leftOut int
}

type stageSum struct {
	n          int
	total, max time.Duration
	slowest    string
}

// stageAt is where an item is.
type stageAt struct {
	stage string
	since time.Time
}

func (j *journal) observe(e pipeline.Event) {
	switch e := e.(type) {
	case pipeline.Stage:
		j.enter(e.ExternalID, e.Stage)
	case pipeline.Finished:
		j.enter(cmp.Or(e.Result.ExternalID, e.Result.Key), "")
	case pipeline.Waiting:
		j.add(Moment{Kind: "waiting", Code: e.For, Text: e.Text, Until: e.Until})
	case pipeline.Warned:
		j.add(Moment{Kind: "warned", Code: e.Code, Text: strings.TrimPrefix(e.ExternalID+": "+e.Text, ": ")})
	case pipeline.Request:
		if !e.Retry {
			return
		}
		answer := fmt.Sprintf("answered %d", e.Status)
		switch e.Status / 100 {
		case 0:
			answer = "was not answered"
		case 2:
			answer = fmt.Sprintf("answered %d, and the answer could not be read", e.Status)
		}
		j.add(Moment{Kind: "retry", Code: fmt.Sprintf("%s %d", e.Op, e.Status), Text: e.Op + " " + answer})
	}
}

// enter notes that an item is in a stage from now on; "" is none.
func (j *journal) enter(id, stage string) {
	now := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	if was, known := j.at[id]; known {
		if was.stage == stage { // another attempt
			return
		}
		s := j.stages[was.stage]
		d := now.Sub(was.since)
		s.n++
		s.total += d
		if d > s.max || s.slowest == "" {
			s.max, s.slowest = d, id
		}
	}
	if stage == "" {
		delete(j.at, id)
		return
	}
	if j.at == nil {
		j.at, j.stages = map[string]stageAt{}, map[string]*stageSum{}
	}
	if j.stages[stage] == nil {
		j.stages[stage] = &stageSum{}
		j.order = append(j.order, stage)
	}
	j.at[id] = stageAt{stage, now}
}

func (j *journal) add(m Moment) {
	m.At, m.Times, m.Text = time.Now().Round(0), 1, cutText(m.Text, maxMomentText)
	m.Until = m.Until.Round(0)
	key := m.Kind + "\x00" + m.Code
	if m.Kind == "waiting" { // for the same, whatever the number in it
		key += "\x00" + strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, m.Text)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if i, known := j.newest[key]; known {
		last := &j.moments[i]
		if from := latest(last.At, last.Last); m.At.Sub(from) <= sameMoment {
			last.Times++
			last.Last, last.Until = m.At, latest(last.Until, m.Until)
			return
		}
	}
	if len(j.moments) >= maxMoments {
		j.leftOut++
		return
	}
	if j.newest == nil {
		j.newest = map[string]int{}
	}
	j.newest[key] = len(j.moments)
	j.moments = append(j.moments, m)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// stageOrder is that in which an item goes through stages.
var stageOrder = []string{"hash", "register", "keep", "transfer", "settle", "update", "link"}

// times are the stages that items left.
func (j *journal) times() (all []StageTime) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, stage := range j.order {
		if s := j.stages[stage]; s.n > 0 {
			all = append(all, StageTime{Stage: stage, Items: s.n, Mean: seconds(s.total / time.Duration(s.n)), Max: seconds(s.max), Slowest: s.slowest})
		}
	}
	slices.SortStableFunc(all, func(a, b StageTime) int {
		return cmp.Compare(slices.Index(stageOrder, a.Stage), slices.Index(stageOrder, b.Stage))
	})
	return all
}

// timeline is what happened, and how much more of it there was than is kept.
func (j *journal) timeline(zone *time.Location) (all []Moment, leftOut int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, m := range j.moments {
		m.At = m.At.In(zone)
		for _, t := range []*time.Time{&m.Last, &m.Until} {
			if !t.IsZero() {
				*t = t.In(zone)
			}
		}
		all = append(all, m)
	}
	return all, j.leftOut
}

// cutText is s with at most n characters.
func cutText(s string, n int) string {
	at := 0
	for i := range s {
		if at++; at > n {
			return s[:i] + "..."
		}
	}
	return s
}
