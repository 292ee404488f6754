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
			put(struct {
				Type string `json:"type"`
				Snapshot
			}{"progress", e.Snapshot()})
		}
		if len(e.queue) == 0 && e.err == nil {
			e.err = out.Flush()
		}
	}
}

// eventJSON is the value written for an event, nil for those that are counted.
func eventJSON(event pipeline.Event) any {
	switch e := event.(type) {
	case pipeline.Started:
		return struct {
			Type    string    `json:"type"`
			Version int       `json:"version"`
			Run     string    `json:"run"`
			Items   int       `json:"items"`
			At      time.Time `json:"at"`
		}{"started", 1, e.Run, e.Items, e.At}
	case pipeline.Decided:
		return struct {
			Type string `json:"type"`
			pipeline.Row
		}{"decided", e.Row}
	case pipeline.ExtraDecided:
		return struct {
			Type string `json:"type"`
			pipeline.ExtraRow
		}{"decided", e.Row}
	case pipeline.Stage:
		return struct {
			Type       string `json:"type"`
			ExternalID string `json:"externalId"`
			Stage      string `json:"stage"`
			Size       int64  `json:"size"`
			Name       string `json:"name,omitempty"`
		}{"stage", e.ExternalID, e.Stage, e.Size, e.Name}
	case pipeline.Finished:
		return struct {
			Type string `json:"type"`
			pipeline.Result
		}{"finished", e.Result}
	case pipeline.Warned:
		return struct {
			Type       string `json:"type"`
			Code       string `json:"code"`
			ExternalID string `json:"externalId,omitempty"`
			Text       string `json:"text"`
		}{"warned", e.Code, e.ExternalID, e.Text}
	case pipeline.Waiting:
		return struct {
			Type  string    `json:"type"`
			For   string    `json:"for"`
			Text  string    `json:"text"`
			Until time.Time `json:"until,omitzero"`
		}{"waiting", e.For, e.Text, e.Until}
	default: // Sent and Request are counted; Ended is written with the evidence
		return nil
	}
}

// EndedEvent is the last event of a run in JSON.
type EndedEvent struct {
	Type string `json:"type"` // "ended"
	pipeline.Outcome
	Evidence string `json:"evidence,omitempty"`
	Sums     string `json:"sums,omitempty"`
	Error    string `json:"error,omitempty"`
}
