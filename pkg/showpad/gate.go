package showpad

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
// flight, first come first served, and none while it is closed. It may be used by
// many goroutines. Uploads of bytes do not pass it.
type Gate struct {
	// OnClose is told each time the gate closes, or closes for longer; nil: nobody. Set it
	// before the first use. It is called without a lock held and must return soon.
	OnClose func(until time.Time, why string)

	budget Budget // nil: none

	mu       sync.Mutex
	slots    int
	inFlight int
	waiting  []*ticket // in order of arrival
	until    time.Time // closed before this moment
	why      string
	wake     *time.Timer // set while somebody waits for until
	closedAt time.Time   // when the last refusal without advice closed it
	refusals int         // in a row, without advice, since the last success
}

type ticket struct {
	granted chan struct{} // closed when the slot is the waiter's
}

// NewGate is an open gate for inFlight requests at once; less than 1 is 8.
func NewGate(inFlight int) *Gate { return NewPacedGate(GateConfig{InFlight: inFlight}) }

// NewPacedGate is an open gate.
func NewPacedGate(cfg GateConfig) *Gate {
	if cfg.InFlight < 1 {
		cfg.InFlight = 8
	}
	return &Gate{slots: cfg.InFlight, budget: cfg.Budget}
}

// Pace tells what the gate does now. It may be called at any time, as often as wanted.
func (g *Gate) Pace() PaceNow {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := PaceNow{InFlight: g.inFlight, Slots: g.slots, Waiting: len(g.waiting)}
	if g.until.After(time.Now()) {
		p.ClosedUntil, p.Why = g.until, g.why
	}
	switch {
	case p.Waiting == 0:
	case !p.ClosedUntil.IsZero():
		p.By = WaitClosed
	default:
		p.By = WaitSlots
	}
	return p
}

// Acquire waits for a slot in an open gate. The slot is given back by release,
// which may be called more than once. When ctx ends first, the error is its cause;
// when the gate is closed for longer than [LongestPause], it wraps [ErrPaused].
func (g *Gate) Acquire(ctx context.Context) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	g.mu.Lock()
	if err := g.tooLong(); err != nil {
		g.mu.Unlock()
		return nil, err
	}
	t := &ticket{granted: make(chan struct{})}
	g.waiting = append(g.waiting, t)
	g.admit()
	g.mu.Unlock()

	select {
	case <-t.granted:
	case <-ctx.Done():
		g.abandon(t)
		return nil, context.Cause(ctx)
	}
	// A gate may have been closed for days while this one waited.
	g.mu.Lock()
	err = g.tooLong()
	g.mu.Unlock()
	release = sync.OnceFunc(g.release)
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// Close keeps everybody out until then. A gate that is closed for longer already
// stays so. why is for people.
func (g *Gate) Close(until time.Time, why string) {
	g.mu.Lock()
	if !until.After(g.until) || !until.After(time.Now()) {
		g.mu.Unlock()
		return
	}
	g.until, g.why = until, why
	if g.wake != nil {
		g.wake.Stop()
		g.wake = nil
	}
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
	if !g.until.After(time.Now()) {
		return time.Time{}
	}
	return g.until
}

// settle waits, with a slot held, until the gate is open: it may have closed between
// the slot and the moment of sending.
func (g *Gate) settle(ctx context.Context) error {
	for {
		g.mu.Lock()
		err, until := g.tooLong(), g.until
		g.mu.Unlock()
		if err != nil {
			return err
		}
		d := time.Until(until)
		if d <= 0 {
			return nil
		}
		if err := pause(ctx, d); err != nil {
			return err
		}
	}
}

// refused closes the gate after a 429 (or a 503 with advice) to a request sent at
// sent. Without advice the pause doubles with each refusal in a row; refusals of
// requests that were under way when it closed count once.
func (g *Gate) refused(sent time.Time, advice time.Duration, why string) {
	now := time.Now()
	if advice > 0 {
		g.Close(now.Add(advice), why)
		return
	}
	g.mu.Lock()
	if sent.Before(g.closedAt) {
		g.mu.Unlock()
		return
	}
	d := jitter(firstPause, maxPause, g.refusals)
	g.refusals++
	g.closedAt = now
	g.mu.Unlock()
	g.Close(now.Add(d), why)
}

// accepted forgets refusals: the next one starts with a short pause again.
func (g *Gate) accepted() {
	g.mu.Lock()
	g.refusals = 0
	g.mu.Unlock()
}

func (g *Gate) tooLong() error {
	if time.Until(g.until) <= LongestPause {
		return nil
	}
	return fmt.Errorf("%w: until %s (%s)", ErrPaused, g.until.UTC().Format(time.RFC3339), g.why)
}

// admit grants free slots in order; g.mu is held.
func (g *Gate) admit() {
	if len(g.waiting) == 0 {
		if g.wake != nil {
			g.wake.Stop()
			g.wake = nil
		}
		return
	}
	if d := time.Until(g.until); d > 0 && d <= LongestPause {
		if g.wake == nil {
			g.wake = time.AfterFunc(d, g.reopen)
		}
		return
	}
	// Open, or closed for so long that the waiters are let through to hear of it.
	for len(g.waiting) > 0 && g.inFlight < g.slots {
		close(g.waiting[0].granted)
		g.waiting[0] = nil
		g.waiting = g.waiting[1:]
		g.inFlight++
	}
}

func (g *Gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wake = nil
	g.admit()
}

func (g *Gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	g.admit()
}

// abandon takes t out of the queue, or gives back the slot it just got.
func (g *Gate) abandon(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range g.waiting {
		if w == t {
			g.waiting = append(g.waiting[:i:i], g.waiting[i+1:]...)
			g.admit()
			return
		}
	}
	g.inFlight--
	g.admit()
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
