package view

import (
	"bufio"
	"io"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// queuedEvents is how many events may wait for a reader of the JSON form
// before the run waits for it too: results must not be lost.
const queuedEvents = 1 << 14

// Events writes a run as JSON, one event a line. Bytes and requests are summed
// up in a "progress" event at times. Close ends it.
type Events struct {
	Tally
	queue chan any
	open  sync.RWMutex // held for reading while sending to queue, for writing while closing it
	ended bool         // under open
	done  sync.WaitGroup
	err   error // of the writer; read after Close
}

// NewEvents begins to write on w.
func NewEvents(w io.Writer) *Events {
	e := &Events{queue: make(chan any, queuedEvents)}
	e.done.Go(func() { e.write(w) })
	return e
}

// Observe takes an event of the run. It waits only when the reader of the
// output is thousands of events behind.
func (e *Events) Observe(event pipeline.Event) {
	e.Tally.Observe(event)
	if v := eventJSON(event); v != nil {
		e.Event(v)
	}
}

// Event writes a value that has a type of its own. After Close it does nothing.
func (e *Events) Event(v any) {
	e.open.RLock()
	defer e.open.RUnlock()
	if !e.ended {
		e.queue <- v
	}
}

// Close writes what is queued and tells if writing failed.
func (e *Events) Close() error {
	e.open.Lock()
	if !e.ended {
		e.ended = true
		close(e.queue)
	}
	e.open.Unlock()
	e.done.Wait()
	return e.err
}

func (e *Events) write(w io.Writer) {
	out := bufio.NewWriter(w)
	tick := time.NewTicker(nextLines)
	defer tick.Stop()
	put := func(v any) {
		if e.err == nil {
			e.err = WriteJSON(out, v)
		}
	}
	for {
		select {
		case v, ok := <-e.queue:
			if !ok {
				if err := out.Flush(); e.err == nil {
					e.err = err
				}
				return
			}
			put(v)
		case <-tick.C:
			put(progressEvent{"progress", e.Snapshot()})
		}
		if len(e.queue) == 0 && e.err == nil {
			e.err = out.Flush()
		}
	}
}

// eventsVersion is that of the events' form. New members and new types of events do
// not change it: readers pass over what they do not know.
const eventsVersion = 1

// The events in JSON. docs/watching.md lists their members, by these comments.
type (
	startedEvent struct {
		Type    string    `json:"type"`    // started
		Version int       `json:"version"` // of the events' form: 1
		Run     string    `json:"run"`     // id of the run
		Items   int       `json:"items"`   // selected, of the manifest
		At      time.Time `json:"at"`      // when the command began
	}
	decidedEvent struct {
		Type string `json:"type"` // decided
		pipeline.Row
	}
	extraDecidedEvent struct {
		Type string `json:"type"` // decided
		pipeline.ExtraRow
	}
	stageEvent struct {
		Type       string `json:"type"` // stage
		ExternalID string `json:"externalId"`
		Stage      string `json:"stage"`          // that the item enters: hash, register, keep, transfer, settle, update, link
		Size       int64  `json:"size"`           // of its file, in bytes
		Name       string `json:"name,omitempty"` // of the asset, with transfer
	}
	finishedEvent struct {
		Type string `json:"type"` // finished
		pipeline.Result
	}
	warnedEvent struct {
		Type       string `json:"type"`                 // warned
		Code       string `json:"code"`                 // stable
		ExternalID string `json:"externalId,omitempty"` // absent when it is about the run
		Text       string `json:"text"`                 // for people
	}
	waitingEvent struct {
		Type  string    `json:"type"`           // waiting
		For   string    `json:"for"`            // retry-after, settle, processing, drain
		Text  string    `json:"text"`           // for people
		Until time.Time `json:"until,omitzero"` // absent when it is not known
	}
	paceEvent struct {
		Type string `json:"type"` // pace
		pipeline.Pace
	}
	progressEvent struct {
		Type string `json:"type"` // progress
		Snapshot
	}
)

// EndedEvent is the last event of a run in JSON.
type EndedEvent struct {
	Type string `json:"type"` // ended
	pipeline.Outcome
	Evidence string `json:"evidence,omitempty"` // the folder of the evidence
	Sums     string `json:"sums,omitempty"`     // SHA-256 of its SHA256SUMS
	Error    string `json:"error,omitempty"`    // why the run stopped early, for people
}

// eventJSON is the value written for an event, nil for those that are counted.
func eventJSON(event pipeline.Event) any {
	switch e := event.(type) {
	case pipeline.Started:
		return startedEvent{"started", eventsVersion, e.Run, e.Items, e.At}
	case pipeline.Decided:
		return decidedEvent{"decided", e.Row}
	case pipeline.ExtraDecided:
		return extraDecidedEvent{"decided", e.Row}
	case pipeline.Stage:
		return stageEvent{"stage", e.ExternalID, e.Stage, e.Size, e.Name}
	case pipeline.Finished:
		return finishedEvent{"finished", e.Result}
	case pipeline.Warned:
		return warnedEvent{"warned", e.Code, e.ExternalID, e.Text}
	case pipeline.Waiting:
		return waitingEvent{"waiting", e.For, e.Text, e.Until}
	case pipeline.Pace:
		return paceEvent{"pace", e}
	default: // Sent and Request are counted; Ended is written with the evidence
		return nil
	}
}
