package pipeline

import (
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
)

const (
	meterSlot  = 10 * time.Second
	meterSlots = 30 // five minutes
	meterWatch = 64 // items whose processing is timed
)

// Meter makes of the events of a run what [Remaining] needs. The zero value is ready;
// its methods must not be called concurrently.
type Meter struct {
	begun time.Time
	end   time.Time // zero: none
	items int
	known int // items that an earlier run had done

	item, byt Assumed // seconds that they take, as far as anything is assumed

	decided, fresh, changed, same int   // items; those that need something were unknown, or were done
	bytes, sent                   int64 // of those decided
	through, settled              int   // got what they needed; of these the service processed

	slots    [meterSlots]PaceSlot
	limited  [meterSlots]int // how often requests limited it, less how often others did
	slot     int64
	watched  map[string]time.Time
	mean     time.Duration
	slowest  time.Duration
	lastSent time.Time

	requests int
	budget   *int
}

// Observe takes an event that happened at now.
func (m *Meter) Observe(now time.Time, e Event) {
	if s, ok := e.(Started); ok {
		*m = Meter{begun: now, items: s.Items, known: s.Done, end: s.Until, watched: map[string]time.Time{}}
		if s.Paces != nil {
			m.item, m.byt = s.Paces.each()
		}
		return
	}
	if m.begun.IsZero() {
		return
	}
	at := m.turn(now)
	switch e := e.(type) {
	case Decided:
		if e.Row.Unlisted {
			return
		}
		m.decided++
		at.Decided++
		switch e.Row.Action {
		case ActionUnchanged, ActionConflict, ActionBlocked:
			m.same++
		case ActionUpdate, ActionVersion, ActionCheck:
			m.changed++
		default:
			m.fresh++
		}
		if e.Row.Puts > 0 {
			m.bytes += e.Row.Size
		}
	case Sent:
		m.sent += e.N
		at.Bytes = max(0, at.Bytes+e.N)
	case Stage:
		if e.Stage != "settle" {
			return
		}
		m.through++
		at.Items++
		m.lastSent = now
		if len(m.watched) < meterWatch {
			m.watched[e.ExternalID] = now
		}
	case Compared: // verify decides and does in one
		m.decided++
		m.same++
		at.Decided++
	case Request:
		if !e.Storage {
			m.requests++
		}
	case Pace:
		m.budget = e.BudgetLeft
		switch e.By {
		case byRate, byClosed, byRequests:
			m.limited[m.slot%meterSlots]++
		default:
			m.limited[m.slot%meterSlots]--
		}
	case Finished:
		m.finished(now, at, &e.Result)
	}
}

// finished counts the outcome of an item that needed something.
func (m *Meter) finished(now time.Time, at *PaceSlot, r *Result) {
	switch r.Action {
	case "", ActionUnchanged, ActionConflict, ActionBlocked:
		return
	}
	if r.Kind != "" || r.Unlisted {
		return
	}
	if since, ok := m.watched[r.ExternalID]; ok {
		delete(m.watched, r.ExternalID)
		if d := now.Sub(since); r.Status == string(state.Done) {
			m.slowest = max(d, m.slowest-m.slowest/32)
			if m.mean == 0 {
				m.mean = d
			}
			m.mean += (d - m.mean) / 8
		}
	}
	m.settled++
	if m.settled > m.through { // an update, or one that failed before it was sent
		m.through++
		at.Items++
	}
}

// turn is the slot of now.
func (m *Meter) turn(now time.Time) *PaceSlot {
	n := int64(now.Sub(m.begun) / meterSlot)
	for ; m.slot < n; m.slot++ {
		m.slot = max(m.slot, n-meterSlots)
		m.slots[(m.slot+1)%meterSlots], m.limited[(m.slot+1)%meterSlots] = PaceSlot{}, 0
	}
	return &m.slots[m.slot%meterSlots]
}

// Ahead is what is left at now.
func (m *Meter) Ahead(now time.Time) Ahead {
	a := Ahead{Requests: -1, Item: m.item, Byte: m.byt}
	if m.begun.IsZero() {
		return a
	}
	m.turn(now)
	a.Elapsed = now.Sub(m.begun)
	for n := max(0, m.slot-meterSlots+1); n <= m.slot; n++ {
		s := m.slots[n%meterSlots]
		s.Requests = m.limited[n%meterSlots] > 0
		s.Took = min(meterSlot, a.Elapsed-time.Duration(n)*meterSlot)
		if s.Took > 0 {
			a.Paces = append(a.Paces, s)
		}
	}
	a.Undecided = max(0, m.items-m.decided)
	// Of the undecided, those that no run has done need something, and others as those
	// that were decided.
	fresh := min(max(0, m.items-m.known-m.fresh), a.Undecided)
	others := a.Undecided - fresh
	if old := m.changed + m.same; old > 0 {
		others = others * m.changed / old
	} else {
		others = 0
	}
	need := m.fresh + m.changed
	a.Items = max(0, need-m.through) + fresh + others
	if a.Bytes = max(0, m.bytes-m.sent); need > 0 {
		a.Bytes += m.bytes / int64(need) * int64(fresh+others)
	}
	if a.Items == 0 {
		a.Bytes = 0 // of those that failed
	}
	a.Settling = max(0, m.through-m.settled)
	a.Processing, a.Slowest = m.mean, m.slowest
	if m.mean == 0 { // not over for any, so it takes at least so long
		for _, since := range m.watched {
			a.Processing = max(a.Processing, now.Sub(since))
		}
		a.Slowest = 2 * a.Processing
	}
	if !m.lastSent.IsZero() {
		a.SinceSent = now.Sub(m.lastSent)
	}
	if !m.end.IsZero() {
		a.Time = max(time.Nanosecond, m.end.Sub(now))
	}
	if m.budget != nil {
		a.Requests = *m.budget
		if m.through > 0 {
			a.Each = float64(m.requests) / float64(m.through)
		}
	}
	return a
}
