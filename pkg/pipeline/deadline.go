package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
)

// Deadline is when a run has to be over: its window closes, or it has gone on for as
// long as it may. The zero value is none.
type Deadline struct {
	// At is the time, with a monotonic reading: what it is compared with is [time.Now].
	At time.Time
	// Why says it to people: "the window closes at Mon 06:00 CET".
	Why string
	// Again says when to run again: "when it opens at Mon 22:00 CET". Empty: at any time.
	Again string
	// Longest is how long a run can go on at most, be it another one; 0: not known.
	Longest time.Duration
}

const (
	// closingTail is the end of a run in which nothing is on its way any more: the
	// state is flushed and the evidence written.
	closingTail = 2 * time.Second
	// closingTailEach is more of it, for each item: each has its row.
	closingTailEach = 50 * time.Microsecond
	// closingCheck is how long a run goes on without asking for its deadline anew. A
	// window is of the wall clock, which may jump, and machines sleep.
	closingCheck = 10 * time.Second
	// lookBefore is how long before nothing may be on its way any more a poll still
	// gets its answer.
	lookBefore = 5 * time.Second
	// slack is how much longer than estimated something may take and still fit.
	slack = 1.25
)

// curfew is what a run knows of its deadline. Its methods may be called concurrently.
//
//	begun ---- anything that fits begins ---- closing -- drain -- over -- tail -- At
//
// Nothing begins from closing on, and nothing is on its way after over.
type curfew struct {
	r     *runner
	ask   func() Deadline // nil: no deadline
	drain time.Duration

	open  *openItems   // of the phase of the items
	items atomic.Int64 // of the manifest, for the tail

	mu     sync.Mutex
	late   int           // items that did not fit
	ahead  time.Duration // that uploads will take whose assets this run has made, all in a row
	unsent int           // how many those are
	sent   chan struct{} // closed, and made anew, when one of them is over
}

func newCurfew(r *runner) *curfew {
	o := &r.in.Options
	return &curfew{r: r, ask: o.Until, drain: o.drain(), open: r.open, sent: make(chan struct{})}
}

// drain is how long uploads in flight may take after a stop.
func (o *Options) drain() time.Duration {
	if o.Drain == 0 {
		return time.Minute
	}
	return o.Drain
}

// times are the deadline and the two times before it; ok is false when there is none.
// A short run gives a quarter of its time to its end at most.
func (c *curfew) times() (d Deadline, closing, over time.Time, ok bool) {
	if c.ask == nil {
		return d, closing, over, false
	}
	if d = c.ask(); d.At.IsZero() {
		return d, closing, over, false
	}
	tail := closingTail + time.Duration(c.items.Load())*closingTailEach
	most := max(0, d.At.Sub(c.r.begun)/4)
	tail = min(tail, most/2)
	over = d.At.Add(-tail)
	return d, over.Add(-min(c.drain, most-tail)), over, true
}

// count notes how many items there are.
func (c *curfew) count(items int) { c.items.Store(int64(items)) }

// closes reports whether nothing may begin any more, and why.
func (c *curfew) closes() (error, bool) {
	d, closing, _, ok := c.times()
	if !ok || time.Now().Before(closing) {
		return nil, false
	}
	return d.stop(), true
}

// stop is the end of a run by its deadline.
func (d *Deadline) stop() *StopError {
	again := "run again to continue"
	if d.Again != "" {
		again = "run again " + d.Again
	}
	return &StopError{Code: 5, Err: fmt.Errorf("%s: nothing more is begun (%s)", d.Why, again)}
}

// check stops the run when nothing may begin any more, and reports whether it is
// stopping.
func (c *curfew) check() bool {
	if cause, closes := c.closes(); closes {
		if _, only := c.settling(); !only {
			c.r.stop(cause)
		}
	}
	return c.r.stopped()
}

// settling is how many items the service still processes, when nothing else is left:
// they are waited for until the end.
func (c *curfew) settling() (n int, only bool) {
	s := c.r.settler
	s.mu.Lock()
	n = len(s.queue)
	s.mu.Unlock()
	return n, n > 0 && !c.open.others(n)
}

// watch stops the run in time. It ends with its context, when the run stops, and when
// done is closed.
func (c *curfew) watch(ctx context.Context, done <-chan struct{}) {
	if c.ask == nil {
		return
	}
	t := time.NewTimer(0)
	defer t.Stop()
	itemsOver := false
	for {
		select {
		case <-t.C:
		case <-done:
			return
		case <-c.r.stopping:
			return
		case <-ctx.Done():
			return
		}
		_, closing, over, ok := c.times()
		n, settling := c.settling()
		next := closingCheck
		switch now := time.Now(); {
		case !ok:
		case now.Before(closing):
			next = min(next, closing.Sub(now))
		case settling && now.Before(over):
			next = min(time.Second, over.Sub(now)) // something else may come of it
		case settling:
			c.r.stop(unsettled(n))
		case !itemsOver && now.Before(over) && !c.open.others(0): // the run may be at its end
			itemsOver, next = true, min(time.Second, over.Sub(now))
		default:
			c.check()
		}
		t.Reset(next)
	}
}

// lastLook is when to see once more what the service processes, so that what it was
// done with in time counts; false when there is no deadline.
func (c *curfew) lastLook() (at time.Time, ok bool) {
	_, _, over, ok := c.times()
	return over.Add(-min(lookBefore, over.Sub(c.r.begun)/20)), ok
}

// drained is how long what is in flight may still take.
func (c *curfew) drained(d time.Duration) time.Duration {
	if _, _, over, ok := c.times(); ok {
		return max(0, min(d, time.Until(over)))
	}
	return d
}

// before is a context that ends when nothing may be on its way any more: for what
// happens before there is anything to drain.
func (c *curfew) before(ctx context.Context) (context.Context, context.CancelFunc) {
	d, _, over, ok := c.times()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, over, d.stop())
}

// cutOff is the cause of a context of before whose time was up, else err.
func cutOff(ctx context.Context, err error) error {
	if stop, ok := errors.AsType[*StopError](context.Cause(ctx)); ok {
		return stop
	}
	return err
}

// fits reports whether something that takes d can be over in time.
func (c *curfew) fits(d time.Duration) bool {
	_, closing, over, ok := c.times()
	now := time.Now()
	return !ok || now.Before(closing) && !now.Add(time.Duration(float64(d)*slack)).After(over)
}

// fitsUpload reports whether w's bytes can be sent in time. What nobody can estimate
// yet is begun.
func (c *curfew) fitsUpload(w *work) bool {
	if c.ask == nil || !w.Upload {
		return true
	}
	size := max(w.facts.Info.Size, w.Row.Size)
	d, known := c.r.uploads.estimate(size)
	if !known {
		return true
	}
	c.tell(w, size, d)
	return c.fits(d)
}

// slowest is the pace that a personal file is expected to have while nothing tells,
// in bytes a second: one that is cut off may have been made, which nobody can look up.
const slowest = 128 << 10

// fitsPersonal reports whether a personal file of size bytes can be sent in time.
func (c *curfew) fitsPersonal(size int64) bool {
	if c.ask == nil {
		return true
	}
	d, known := c.r.uploads.estimate(size)
	if !known {
		d = time.Duration(float64(size) / slowest * float64(time.Second))
	}
	if c.fits(2 * d) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late++
	return false
}

// turn waits, before w's asset is made, as long as its upload does not fit behind
// those of the assets that were made before: it would be half made until the next run.
// While nothing tells how long uploads take, as many are made as can be sent at once.
// The error is errNoTime, errLeft when the run stops, or the context's.
func (c *curfew) turn(ctx context.Context, w *work) error {
	if c.ask == nil || !w.Upload || w.inTurn {
		return nil
	}
	most := orInt(c.r.in.Options.Uploads, 8)
	for {
		size := max(w.facts.Info.Size, w.Row.Size)
		d, known := c.r.uploads.estimate(size)
		c.mu.Lock()
		sent, its := c.sent, !known && c.unsent < most || known && c.fits(d+c.ahead/time.Duration(most))
		if its {
			c.ahead += d
			c.unsent++
			w.queued, w.inTurn = d, true
		}
		c.mu.Unlock()
		switch {
		case its:
			return nil
		case known && !c.fits(d):
			c.tell(w, size, d)
			return errNoTime
		}
		select {
		case <-sent:
		case <-c.r.stopping:
			return errLeft
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// over notes that w's upload is over, or will not be.
func (c *curfew) over(w *work) {
	if !w.inTurn {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead -= w.queued
	c.unsent--
	w.queued, w.inTurn = 0, false
	close(c.sent)
	c.sent = make(chan struct{})
}

// tell warns, once, of a file that is too big for any window.
func (c *curfew) tell(w *work, size int64, d time.Duration) {
	dl, closing, _, ok := c.times()
	if !ok || dl.Longest <= 0 {
		return
	}
	room := dl.Longest - dl.At.Sub(closing)
	if w.tooLong || time.Duration(float64(d)*slack) <= room {
		return
	}
	w.tooLong = true
	w.warn(WarnTooLong)
	c.r.emit(Warned{Code: WarnTooLong, ExternalID: w.item.ExternalID, Text: fmt.Sprintf(
		"its %s take about %s at the pace that is measured, and a run may go on for %s at most: it is left out (allow more with --window or --max-duration, or run it alone with --only)",
		humanize.Bytes(uint64(max(0, size))), roundTime(d), roundTime(dl.Longest))})
}

// roundTime is d for people.
func roundTime(d time.Duration) time.Duration {
	switch {
	case d > 2*time.Hour:
		return d.Round(time.Minute)
	case d > 2*time.Minute:
		return d.Round(10 * time.Second)
	}
	return d.Round(time.Second)
}

// errNoTime is of an upload that is not begun because it would not be over in time.
var errNoTime = errors.New("it would not be over in time")

// leaveLate ends the run's work on an item that would not be over in time.
func (r *runner) leaveLate(ctx context.Context, w *work) error {
	if w.ahead { // it comes again, and is counted then
		return nil
	}
	r.curfew.mu.Lock()
	r.curfew.late++
	r.curfew.mu.Unlock()
	if w.Row.Action != ActionResume {
		w.Row.Reason = ReasonNoTime
	}
	return r.leaveAs(ctx, w)
}

// end is the deadline; zero: none.
func (c *curfew) end() time.Time {
	d, _, _, _ := c.times()
	return d.At
}

// conclude stops a run that did all but what did not fit.
func (c *curfew) conclude() {
	c.mu.Lock()
	late := c.late
	c.mu.Unlock()
	if late == 0 || c.r.stopped() {
		return
	}
	d, _, _, _ := c.times()
	what := "1 item does"
	if late > 1 {
		what = humanize.Comma(int64(late)) + " items do"
	}
	again := "run again to continue"
	if d.Again != "" {
		again = "run again " + d.Again
	}
	c.r.stop(&StopError{Code: 5, Err: fmt.Errorf("%s, and %s not fit into what is left until then (%s)", d.Why, what, again)})
}
