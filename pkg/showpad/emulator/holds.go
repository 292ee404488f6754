package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Hold stops one request at a side of its commit until it is released, so that a test
// can do something to the caller meanwhile, such as kill it. What becomes of the caller
// does not matter: a request that is held has arrived. A caller in memory waits with it.
type Hold struct {
	// Op is an operation that writes, of [Routes], or [OpPut] for an upload.
	Op   string `json:"op"`
	Nth  int    `json:"nth"`  // commit of the operation, counted from now; 0 and 1: the next one
	When When   `json:"when"` // before it, with all checks passed and nothing done; or after it, unanswered
}

// HoldState is what has become of a [Hold].
type HoldState string

// States of a hold.
const (
	HoldNone  HoldState = "none"  // there is none
	HoldArmed HoldState = "armed" // no request has come so far
	HoldHeld  HoldState = "held"  // a request stands there
)

// ErrHeld means that a request is held already.
var ErrHeld = errors.New("a request is held (release it first)")

// hold is the Hold in force. Its channels are closed when it is reached, when it is
// released, and when the request has then done what it had to do.
type hold struct {
	Hold
	seen                      int
	reached, released, passed chan struct{}
	drop                      bool
}

// Hold arms a hold in the place of one that no request has reached. It fails on an
// operation that does not write, and with [ErrHeld]. Work that is executed late is not
// held.
func (s *Server) Hold(h Hold) error {
	if !writes(h.Op) {
		return fmt.Errorf("emulator: operation %q of a hold does not write (see Routes)", h.Op)
	}
	if h.Nth = max(h.Nth, 1); h.When != Before && h.When != After {
		return fmt.Errorf("emulator: a hold is before or after a commit, not %d", h.When)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != nil && s.hold.state() == HoldHeld {
		return fmt.Errorf("emulator: %w", ErrHeld)
	}
	s.disarm()
	s.hold = &hold{Hold: h, reached: make(chan struct{}), released: make(chan struct{}), passed: make(chan struct{})}
	return nil
}

// Held waits until a request stands at the hold, or ctx ends, and says how it is then.
// Without a hold it does not wait.
func (s *Server) Held(ctx context.Context) (HoldState, Hold) {
	s.mu.Lock()
	h := s.hold
	s.mu.Unlock()
	if h == nil {
		return HoldNone, Hold{}
	}
	select {
	case <-h.reached:
	case <-h.released:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != h {
		return HoldNone, Hold{}
	}
	return h.state(), h.Hold
}

// Release lets the held request go on, and returns when it has done its work, or ctx
// has ended. With drop the request goes no further: before its commit nothing is done,
// after it the answer is lost; the connection breaks either way. A hold that no request
// has reached is taken away. It returns how the hold was.
func (s *Server) Release(ctx context.Context, drop bool) HoldState {
	s.mu.Lock()
	h := s.hold
	if h == nil {
		s.mu.Unlock()
		return HoldNone
	}
	state := h.state()
	h.drop = drop
	s.disarm()
	s.mu.Unlock()
	if state == HoldHeld {
		select {
		case <-h.passed:
		case <-ctx.Done():
		}
	}
	return state
}

// disarm ends the hold in force; the lock is held.
func (s *Server) disarm() {
	if s.hold != nil {
		close(s.hold.released)
		s.hold = nil
	}
}

func (h *hold) state() HoldState {
	select {
	case <-h.reached:
		return HoldHeld
	default:
		return HoldArmed
	}
}

// stand is where a request waits; false: it is dropped.
func (h *hold) stand() bool {
	close(h.reached)
	<-h.released
	return !h.drop
}

// committing is a request on its way past its commit.
type committing struct {
	s    *Server
	op   string
	n    int
	hook func(string, int, When)
	hold *hold // that stops this very request; nil: none
}

// before counts a commit that is about to happen, calls the hook and stands at the
// hold. When it is dropped there, done has been called and ok is false.
func (s *Server) before(c *call, op string) (m *committing, ok bool) {
	m = &committing{s: s, op: op}
	s.mu.Lock()
	s.books.Commits[op]++
	m.n, m.hook = s.books.Commits[op], s.hook
	if h := s.hold; h != nil && h.Op == op && !c.isLate {
		if h.seen++; h.seen == h.Nth {
			m.hold = h
		}
	}
	s.mu.Unlock()
	if m.hook != nil {
		m.hook(op, m.n, Before)
	}
	if m.hold == nil || m.hold.When != Before || m.hold.stand() {
		return m, true
	}
	s.mu.Lock()
	s.books.Commits[op]--
	s.mu.Unlock()
	close(m.hold.passed)
	return nil, false
}

// after is the other side of the commit; false: the answer is dropped.
func (m *committing) after() (ok bool) {
	if m.hook != nil {
		m.hook(m.op, m.n, After)
	}
	if m.hold == nil {
		return true
	}
	defer close(m.hold.passed)
	return m.hold.When != After || m.hold.stand()
}

// adminHold is POST /_emulator/holds.
func (s *Server) adminHold(c *call) answer {
	var h Hold
	if err := strict(c.body, &h); err != nil {
		return problemAnswer(http.StatusBadRequest, err.Error())
	}
	switch err := s.Hold(h); {
	case errors.Is(err, ErrHeld):
		return problemAnswer(http.StatusConflict, err.Error())
	case err != nil:
		return problemAnswer(http.StatusBadRequest, err.Error())
	}
	return s.adminHeld(c)
}

type wireHold struct {
	State HoldState `json:"state"`
	*Hold
}

// adminHeld is GET /_emulator/holds, which waits when it is asked to.
func (s *Server) adminHeld(c *call) answer {
	wait, err := time.ParseDuration(cmp.Or(c.url.Query().Get("wait"), "0s"))
	if err != nil {
		return problemAnswer(http.StatusBadRequest, "wait: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(c.ctx, wait)
	defer cancel()
	state, h := s.Held(ctx)
	if state == HoldNone {
		return jsonAnswer(http.StatusOK, wireHold{State: state})
	}
	return jsonAnswer(http.StatusOK, wireHold{state, &h})
}

// adminRelease is POST /_emulator/holds/release.
func (s *Server) adminRelease(c *call) answer {
	var body struct {
		Release string `json:"release"`
	}
	if err := strict(c.body, &body); err != nil {
		return problemAnswer(http.StatusBadRequest, err.Error())
	}
	if body.Release != "" && body.Release != "drop" {
		return problemAnswer(http.StatusBadRequest, `release must be "drop", or be left out`)
	}
	return jsonAnswer(http.StatusOK, wireHold{State: s.Release(c.ctx, body.Release == "drop")})
}
