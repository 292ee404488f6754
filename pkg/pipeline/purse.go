package pipeline

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Allowance is a budget of API requests, as those see it who decide what to begin.
// Its methods may be called concurrently and must return soon.
type Allowance interface {
	// Left is how many requests may be made before the reserve begins, 0 or more;
	// limited false: there is no limit, or none is known yet.
	Left() (n int, limited bool)
	// Opens is when requests will be free again, and how many of them then; zero:
	// not known. For people.
	Opens() (at time.Time, n int)
	// Most is how many Left tells at best, when nobody spent any for long; 0: not known.
	Most() int
	// Needs is the smallest budget with the same reserve of which Left tells n at best; 0:
	// the service's own limit is too small.
	Needs(n int) int
}

// purse keeps what started items still need, so that nothing is started that could
// not be finished. Requests count as spent once they were made, by whomever: Left
// tells. What the purse adds is what is promised and not spent yet. Its methods may
// be called concurrently.
type purse struct {
	from Allowance // nil: no limit

	mu       sync.Mutex
	promised int // requests that open items still need
	open     int // items with a promise, or whose processing is waited for
	shut     chan struct{}
	cause    *StopError // set before shut is closed
}

func newPurse(from Allowance) *purse { return &purse{from: from, shut: make(chan struct{})} }

// Beyond what is promised, so much is kept for polls, and for requests that are
// repeated: a few, one for every 25 open items (of which 100 are polled by one
// request, several times), and a tenth of what is promised.
const (
	purseFew   = 3
	purseLeast = 7 // to sign in, look for one item and make it, with those few
	pursePolls = 25
	purseTries = 10
)

// margin is what is kept for items beyond their promises; p.mu is held.
func (p *purse) margin(open, promised int) int {
	return purseFew + open/pursePolls + promised/purseTries
}

// limited reports whether there is a limit that is known.
func (p *purse) limited() bool {
	if p == nil || p.from == nil {
		return false
	}
	_, limited := p.from.Left()
	return limited
}

// start promises w the n requests that it needs, at most. It is false when they do
// not fit any more: nothing new begins from then on.
func (p *purse) start(w *work, n int) bool {
	if p.from == nil {
		return true
	}
	left, limited := p.from.Left()
	p.mu.Lock()
	defer p.mu.Unlock()
	if limited && left-p.promised < n+p.margin(p.open+1, p.promised+n) {
		p.close(left)
		return false
	}
	w.purse = p
	w.due += n
	p.promised += n
	if !w.counted {
		w.counted = true
		p.open++
	}
	return true
}

// reads reports whether n requests fit that serve to begin further items, and at
// least one of those. Nothing new begins once they do not.
func (p *purse) reads(n int) bool { return p.fits(n, 2) }

// has reports whether n requests fit that could be done without, beside those promised
// and one to begin something with.
func (p *purse) has(n int) bool {
	if p == nil || p.from == nil {
		return true
	}
	left, limited := p.from.Left()
	p.mu.Lock()
	defer p.mu.Unlock()
	return !limited || left-p.promised >= n+2+p.margin(p.open, p.promised)
}

// fits reports whether n requests, of which nobody's promise is, fit beside those
// promised; and more after them. Nothing new begins once they do not.
func (p *purse) fits(n, more int) bool {
	if p.from == nil {
		return true
	}
	left, limited := p.from.Left()
	p.mu.Lock()
	defer p.mu.Unlock()
	if limited && left-p.promised < n+more+p.margin(p.open, p.promised) {
		p.close(left)
		return false
	}
	return true
}

// polls reports whether another poll can be paid for.
func (p *purse) polls() bool {
	if p.from == nil {
		return true
	}
	left, limited := p.from.Left()
	p.mu.Lock()
	defer p.mu.Unlock()
	if limited && left-p.promised < 1 {
		p.close(left)
		return false
	}
	return true
}

// close lets nothing new begin; p.mu is held.
func (p *purse) close(left int) {
	if p.cause != nil {
		return
	}
	text := fmt.Sprintf("nothing more is begun: the budget has %s left before the reserve", requests(left))
	if p.promised > 0 {
		text += fmt.Sprintf(", and what is under way takes %d", p.promised)
	}
	p.cause = &StopError{Code: 5, Err: errors.New(text + opens(p.from))}
	close(p.shut)
}

// Begins refuses a run, before anything is sent, whose budget does not suffice to sign
// in and to begin one item: the error is a *StopError with code 2 where it never will, and
// with code 5 where it does not now. A nil from is no budget.
func Begins(from Allowance) error { return affords(from, 1) }

// affords refuses a run, before it sends anything, that could not even read what
// every decision needs, which takes n requests, and begin one item.
func affords(from Allowance, n int) error {
	if from == nil {
		return nil
	}
	left, limited := from.Left()
	if !limited {
		return nil
	}
	if most := from.Most(); most < n+purseLeast { // a budget that could begin nothing is refused each time
		way := "lower --reserve: the service allows no more"
		if least := from.Needs(n + purseLeast); least > 0 {
			way = fmt.Sprintf("--budget must be %d at least with this reserve, or lower --reserve", least)
		}
		return &StopError{Code: 2, Err: fmt.Errorf("the budget of requests is too small to begin at any time: it has %d before the reserve, and the beginning with one item takes %d (%s)", most, n+purseLeast, way)}
	}
	if left >= n+purseFew {
		return nil
	}
	return &StopError{Code: 5, Err: fmt.Errorf("the budget of requests is too small to begin now: %s left before the reserve, and the beginning takes %d%s", are(left), n+purseFew, opens(from))}
}

func requests(n int) string {
	if n == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", n)
}

// opens says when there will be more.
func opens(from Allowance) string {
	if at, n := from.Opens(); !at.IsZero() {
		return fmt.Sprintf("; %s free again from %s (run again then)", are(n), nextMinute(at).Local().Format("Mon 2 Jan 15:04 MST"))
	}
	return " (run again later)"
}

// nextMinute is the first whole minute at or after t: a time that is shown without
// seconds must not be too early.
func nextMinute(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) }

// closed reports whether nothing new may begin.
func (p *purse) closed() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.shut:
		return true
	default:
		return false
	}
}

// ended is why nothing new began; nil when the budget sufficed.
func (p *purse) ended() *StopError {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

// paid takes n requests that were made for w out of what it was promised.
func (w *work) paid(n int) {
	if w.purse == nil {
		return
	}
	n = min(n, w.due)
	w.due -= n
	w.purse.mu.Lock()
	w.purse.promised -= n
	w.purse.mu.Unlock()
}

// endPromise gives back what w was promised and did not need.
func (w *work) endPromise() {
	p := w.purse
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.promised -= w.due
	w.due, w.purse = 0, nil
	if w.counted {
		w.counted = false
		p.open--
	}
}
