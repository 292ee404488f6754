package showpad

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Pauses that the service asks for by saying 429 without advice.
// Source: ASSUME.
const (
	firstPause = time.Second
	maxPause   = 5 * time.Minute
)

// LongestPause is how long a closed gate lets its callers wait. Advice beyond it is
// obeyed by giving up: Acquire then fails with an error that wraps [ErrPaused].
const LongestPause = 24 * time.Hour

// ErrPaused: the service wants to be left alone for longer than [LongestPause].
var ErrPaused = errors.New("the service asked for a pause that is too long to wait for")

// Gate is what every API request of one credential passes: at most so many in
// flight, at most as fast as the service allows, first come first served, and none
// while it is closed. It may be used by many goroutines. Uploads of bytes do not pass it.
type Gate struct {
	// OnClose is told each time the gate closes, or closes for longer; nil: nobody. Set it
	// before the first use. It is called without a lock held and must return soon.
	OnClose func(until time.Time, why string)

	budget Budget // nil: none

	mu       sync.Mutex
	slots    int
	inFlight int
	pacer    pacer
	waiting  []*ticket // in order of arrival
	wake     *time.Timer
	wakeAt   time.Time // when wake fires; zero: it does not

	closed     bool
	closedFrom time.Time
	until      time.Time // closed before this moment
	why        string
	refusedAt  time.Time // when the last refusal was told that counted
	refusals   int       // in a row, without advice, since the last success

	by     WaitFor // what callers wait for
	since  time.Time
	waited [3]time.Duration // for slots, for the rate, for a closed gate
}

type ticket struct {
	granted chan struct{} // closed when the slot is the waiter's
}

// Slot is a place in the gate. The zero value is none.
type Slot struct{ g *Gate }

// Release gives the place back. Only the first call does anything.
func (s *Slot) Release() {
	if g := s.g; g != nil {
		s.g = nil
		g.mu.Lock()
		g.leave()
		g.mu.Unlock()
	}
}

// NewGate is an open gate for inFlight requests at once; less than 1 is 8.
func NewGate(inFlight int) *Gate { return NewPacedGate(GateConfig{InFlight: inFlight}) }

// NewPacedGate is an open gate.
func NewPacedGate(cfg GateConfig) *Gate {
	if cfg.InFlight < 1 {
		cfg.InFlight = 8
	}
	return &Gate{slots: cfg.InFlight, budget: cfg.Budget, pacer: newPacer(cfg.Rate, cfg.Burst)}
}

// Acquire waits for a slot in an open gate, and for the moment when the rate allows
// another request. When ctx ends first, the error is its cause; when the gate is
// closed for longer than [LongestPause], it wraps [ErrPaused].
func (g *Gate) Acquire(ctx context.Context) (Slot, error) { return g.acquire(ctx, false) }

// acquire is Acquire; again puts the caller before all others: it had its turn, and the
// gate closed before it could leave.
func (g *Gate) acquire(ctx context.Context, again bool) (Slot, error) {
	if ctx.Err() != nil {
		return Slot{}, context.Cause(ctx)
	}
	g.mu.Lock()
	if err := g.tooLong(); err != nil {
		g.mu.Unlock()
		return Slot{}, err
	}
	if len(g.waiting) == 0 {
		if by, _ := g.hindrance(); by == WaitNothing {
			g.inFlight++
			g.mu.Unlock()
			return Slot{g}, nil
		}
	}
	t := &ticket{granted: make(chan struct{})}
	if again {
		g.waiting = slices.Insert(g.waiting, 0, t)
	} else {
		g.waiting = append(g.waiting, t)
	}
	g.admit()
	g.mu.Unlock()

	select {
	case <-t.granted:
	case <-ctx.Done():
		g.abandon(t)
		return Slot{}, context.Cause(ctx)
	}
	// A gate may have been closed for days while this one waited.
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.tooLong(); err != nil {
		g.leave()
		return Slot{}, err
	}
	return Slot{g}, nil
}

// Close keeps everybody out until then. A gate that is closed for longer already
// stays so. why is for people.
func (g *Gate) Close(until time.Time, why string) {
	g.mu.Lock()
	now := time.Now()
	if !until.After(g.until) || !until.After(now) {
		g.mu.Unlock()
		return
	}
	if !g.shut(now) {
		g.closedFrom = now
	}
	g.closed, g.until, g.why = true, until, why
	g.admit()
	tell := g.OnClose
	g.mu.Unlock()
	if tell != nil {
		tell(until, why)
	}
}

// ClosedUntil is when the gate opens; zero when it is open.
func (g *Gate) ClosedUntil() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut(time.Now()) {
		return time.Time{}
	}
	return g.until
}

// depart is the moment at which an attempt leaves, and whether the gate has closed
// since it was let in: then it must not.
func (g *Gate) depart() (at time.Time, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at = time.Now()
	return at, g.shut(at)
}

// arrived counts an answer of that status, to a request sent at sent, that came at now,
// and gives the slot back. A refusal was told before, by refused; what was sent before
// the first of all belongs to the rush that led to it.
func (g *Gate) arrived(sent, now time.Time, status int, s *Slot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if status > 0 && status != http.StatusTooManyRequests {
		if g.pacer.ceiling > 0 || !sent.Before(g.refusedAt) {
			g.pacer.took(now)
		}
		if status < http.StatusInternalServerError {
			g.refusals = 0
		}
	}
	if s.g != nil {
		s.g = nil
		g.leave()
	}
}

// refused closes the gate after a 429 to a request sent at sent, and lowers the rate. Without advice the pause doubles with each refusal in a
// row; refusals of requests that were under way when it closed count once.
func (g *Gate) refused(sent time.Time, advice time.Duration, why string) {
	g.mu.Lock()
	now := time.Now()
	counts := !sent.Before(g.refusedAt)
	if counts {
		g.refusedAt = now
		g.pacer.refuse(now)
	}
	d := advice
	if advice <= 0 && counts {
		d = jitter(firstPause, maxPause, g.refusals)
		g.refusals++
	}
	g.mu.Unlock()
	if d > 0 {
		g.Close(now.Add(d), why)
	}
}

// troubled lowers the rate for a moment after a 503, and closes the gate when that came
// with advice.
func (g *Gate) troubled(advice time.Duration, why string) {
	g.mu.Lock()
	now := time.Now()
	g.pacer.trouble(now)
	g.mu.Unlock()
	if advice > 0 {
		g.Close(now.Add(advice), why)
	}
}

func (g *Gate) tooLong() error {
	if !g.closed || time.Until(g.until) <= LongestPause {
		return nil
	}
	return fmt.Errorf("%w: until %s (%s)", ErrPaused, g.until.UTC().Format(time.RFC3339), g.why)
}

// shut reports whether the gate is closed; g.mu is held.
func (g *Gate) shut(now time.Time) bool {
	if g.closed && !g.until.After(now) {
		g.closed = false
		g.pacer.opened(g.until)
	}
	return g.closed
}

// hindrance is what keeps the next caller out, and for how long where that is known;
// where nothing does, one has passed. g.mu is held.
func (g *Gate) hindrance() (WaitFor, time.Duration) {
	var now time.Time
	if g.closed || !g.pacer.free() {
		now = time.Now()
	}
	if g.closed && g.shut(now) {
		if d := g.until.Sub(now); d <= LongestPause {
			return WaitClosed, d
		}
		return WaitNothing, 0 // it is let through to hear of it
	}
	if g.inFlight >= g.slots {
		return WaitSlots, 0
	}
	if d := g.pacer.take(now); d > 0 {
		return WaitRate, d
	}
	return WaitNothing, 0
}

// admit lets callers in, in order; g.mu is held.
func (g *Gate) admit() {
	for len(g.waiting) > 0 {
		by, d := g.hindrance()
		if by != WaitNothing {
			g.waitFor(by)
			g.wakeIn(d)
			return
		}
		close(g.waiting[0].granted)
		g.waiting[0] = nil
		g.waiting = g.waiting[1:]
		g.inFlight++
	}
	g.waitFor(WaitNothing)
	g.wakeIn(0)
}

// wakeIn has admit called after d; 0: by nobody. g.mu is held.
func (g *Gate) wakeIn(d time.Duration) {
	switch {
	case d <= 0 && g.wakeAt.IsZero():
	case d <= 0:
		g.wake.Stop()
		g.wakeAt = time.Time{}
	case g.wake == nil:
		g.wake, g.wakeAt = time.AfterFunc(d, g.reopen), time.Now().Add(d)
	default:
		g.wake.Reset(d)
		g.wakeAt = time.Now().Add(d)
	}
}

func (g *Gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wakeAt = time.Time{}
	g.admit()
}

// leave frees a slot; g.mu is held.
func (g *Gate) leave() {
	g.inFlight--
	if len(g.waiting) > 0 {
		g.admit()
	}
}

// abandon takes t out of the queue, or gives back the slot it just got.
func (g *Gate) abandon(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, t); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		g.admit()
		return
	}
	g.pacer.giveBack()
	g.leave()
}

// waitFor notes what callers wait for from now on; g.mu is held.
func (g *Gate) waitFor(by WaitFor) {
	if by == g.by {
		return
	}
	now := time.Now()
	g.spent(now)
	g.by, g.since = by, now
}

// spent adds the time up to now to what was waited for; g.mu is held.
func (g *Gate) spent(now time.Time) {
	d := now.Sub(g.since)
	switch g.by {
	case WaitSlots:
		g.waited[0] += d
	case WaitRate:
		g.waited[1] += d
	case WaitClosed:
		g.waited[2] += d
	}
	g.since = now
}

// Pace tells what the gate does now. It may be called at any time, as often as wanted.
func (g *Gate) Pace() PaceNow {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.spent(now)
	p := PaceNow{
		Rate: g.pacer.rate(), Given: g.pacer.given.rate, Ceiling: g.pacer.ceiling,
		InFlight: g.inFlight, Slots: g.slots, Waiting: len(g.waiting), By: g.by,
		Slot: g.waited[0], Paced: g.waited[1], Closed: g.waited[2],
	}
	if g.shut(now) {
		p.ClosedUntil, p.Why = g.until, g.why
	}
	return p
}

// pause waits for d, or fails with the cause of ctx when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// jitter is a pause before the n-th repeat (from 0): anything up to base doubled n
// times, at most limit. "Full jitter", so that many callers do not come back at once.
func jitter(base, limit time.Duration, n int) time.Duration {
	d := limit
	if n < 32 && base<<n < limit && base<<n > 0 {
		d = base << n
	}
	return rand.N(d) + 1
}
