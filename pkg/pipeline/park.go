package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// park holds creates whose answer is not known. They hold no slot: one
// goroutine looks them up together, with growing pauses, and only a look-up
// that begins after an item's settle time may send it to be created again.
type park struct {
	r    *runner
	mu   sync.Mutex
	held []*parked
	wake chan struct{}
}

type parked struct {
	w       *work
	settled time.Time // before it, not being found means nothing
	next    time.Time
	pause   time.Duration
}

func newPark(r *runner) *park { return &park{r: r, wake: make(chan struct{}, 1)} }

// add parks w. It never waits. Its turn to be made goes to another: whoever waits for
// one keeps w from coming back.
func (p *park) add(_ context.Context, w *work, settled time.Time) error {
	const firstPause = 250 * time.Millisecond
	p.r.curfew.over(w)
	now := time.Now()
	p.mu.Lock()
	p.held = append(p.held, &parked{w: w, settled: settled, next: earlier(now.Add(firstPause), settled), pause: firstPause})
	n := len(p.held)
	p.mu.Unlock()
	p.r.emit(Waiting{For: "settle", Text: fmt.Sprintf("creates without an answer are being looked up: %d", n), Until: settled})
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// due takes what is to be looked up now, at most a batch; else it says when to
// come back (zero: when something is added).
func (p *park) due(now time.Time) (batch []*parked, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := orInt(p.r.in.Options.limits.batch, 100)
	rest := p.held[:0]
	for _, h := range p.held {
		if !h.next.After(now) && len(batch) < most {
			batch = append(batch, h)
			continue
		}
		if next.IsZero() || h.next.Before(next) {
			next = h.next
		}
		rest = append(rest, h)
	}
	clear(p.held[len(rest):])
	p.held = rest
	return batch, next
}

func (p *park) run(ctx context.Context) error {
	for {
		if p.r.stopped() {
			if err := p.leaveAll(ctx); err != nil {
				return err
			}
		}
		now := time.Now()
		batch, next := p.due(now)
		if len(batch) > 0 {
			if err := p.resolve(ctx, batch, now); err != nil {
				return err
			}
			continue
		}
		if err := p.wait(ctx, next); err != nil {
			return err
		}
		select {
		case <-p.r.open.none():
			return nil
		default:
		}
	}
}

// wait returns when there may be something to do: at next, when something was
// added, when the run is stopping, when nothing is left.
func (p *park) wait(ctx context.Context, next time.Time) error {
	var timer <-chan time.Time
	if !next.IsZero() {
		t := time.NewTimer(time.Until(next))
		defer t.Stop()
		timer = t.C
	}
	stopping := p.r.stopping
	if p.r.stopped() {
		stopping = nil // known already
	}
	select {
	case <-timer:
	case <-p.wake:
	case <-stopping:
	case <-p.r.open.none():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// leaveAll ends the run's work on what is parked; the next run looks it up.
func (p *park) leaveAll(ctx context.Context) error {
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	for _, h := range held {
		if err := p.r.leave(ctx, h.w); err != nil {
			return err
		}
	}
	return nil
}

// resolve looks a batch up. asked is when the look-up began.
func (p *park) resolve(ctx context.Context, batch []*parked, asked time.Time) error {
	byID := make(map[string]*parked, len(batch))
	all := make([]string, len(batch))
	for i, h := range batch {
		all[i] = h.w.item.ExternalID
		byID[all[i]] = h
	}
	for ids := range showpad.Batches(all) {
		found, err := byExternalID(p.r.reads, p.r.in.API, ids)
		if err != nil {
			for _, id := range ids {
				if err := p.unread(ctx, byID[id], err); err != nil {
					return err
				}
			}
			continue
		}
		for _, id := range ids {
			if err := p.one(ctx, byID[id], found[id], asked); err != nil {
				return err
			}
		}
	}
	return nil
}

// unread puts an item back whose look-up failed, unless the run has to end.
func (p *park) unread(ctx context.Context, h *parked, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case p.r.reads.Err() != nil: // the run stops
		return p.r.leave(ctx, h.w)
	case showpad.Classify(showpad.KindRead, err) == showpad.Retry:
		p.again(h)
		return nil
	}
	// Whether its create was carried out stays unknown: the item is not given up,
	// and the next run looks it up again.
	if showpad.Classify(showpad.KindRead, err) == showpad.StopRun {
		p.r.stop(stopRun(err))
	} else {
		p.r.emit(Warned{Code: TellUnknown, ExternalID: h.w.item.ExternalID, Text: fmt.Sprintf("whether it was created is not known: %v (run again to look it up)", err)})
	}
	return p.r.leave(ctx, h.w)
}

func (p *park) again(h *parked) {
	const longest = 30 * time.Second
	now := time.Now()
	h.pause = min(2*h.pause, longest)
	h.next = now.Add(h.pause)
	if now.Before(h.settled) {
		h.next = earlier(h.next, h.settled)
	}
	p.mu.Lock()
	p.held = append(p.held, h)
	p.mu.Unlock()
}

func (p *park) one(ctx context.Context, h *parked, found []showpad.Asset, asked time.Time) error {
	w := h.w
	switch {
	case len(found) > 0:
		return p.r.step(ctx, w, func(ctx context.Context, w *work) error { return p.r.found(ctx, w, found) })
	case asked.Before(h.settled):
		p.again(h)
		return nil
	case w.creates > p.r.retries:
		return p.r.fail(ctx, w, FailedUnresolved, fmt.Errorf("%d creates were sent and none was answered or found", w.creates))
	}
	// It was not carried out: the service's list had its time to show it.
	w.look = newLookup(asked, w.item.ExternalID)
	w.since = time.Now()
	if p.r.first.leads(w) {
		// Every worker of the stage may be waiting for this very item.
		return p.r.step(ctx, w, p.r.register)
	}
	if p.r.first.open() {
		return p.r.send(ctx, p.r.toRegister, w)
	}
	// Every worker of the stage may be waiting for a first create that is parked
	// here: to wait for them would be to wait for ourselves.
	select {
	case p.r.toRegister.of(w) <- w:
	default:
		w.since = time.Time{}
		p.again(h)
	}
	return nil
}
