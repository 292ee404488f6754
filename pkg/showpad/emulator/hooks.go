package emulator

import "fmt"

// When is the side of a commit.
type When int

// Sides of a commit.
const (
	Before When = iota // checked, and not yet done
	After              // done, and not yet answered
)

func (w When) String() string {
	if w == Before {
		return "before"
	}
	return "after"
}

// MarshalText writes "before" or "after".
func (w When) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (w *When) UnmarshalText(b []byte) error {
	switch string(b) {
	case "before":
		*w = Before
	case "after":
		*w = After
	default:
		return fmt.Errorf("%q is neither before nor after", b)
	}
	return nil
}

// OnCommit calls a function before and after every request that changes
// something: op is its operation ([OpPut] for an upload, [OpToken] for tokens),
// n counts the commits of the operation from 1. It is called in the request's
// goroutine with no lock held, and may call the Server. nil ends it.
func (s *Server) OnCommit(hook func(op string, n int, when When)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// exec runs an operation of the API. With a hook or a hold it runs twice: once up to
// its commit, and, after that, as a whole.
func (s *Server) exec(rt *route, c *call) answer {
	s.mu.Lock()
	if s.hook == nil && s.hold == nil || !rt.writes {
		defer s.mu.Unlock()
		c.commits = false
		a := rt.run(s, c)
		if c.done = c.commits; c.done {
			s.books.Commits[rt.op]++
			if no := s.broken(); no != nil {
				return *no
			}
		}
		return a
	}
	c.dry, c.commits = true, false
	a := rt.run(s, c)
	c.dry = false
	s.mu.Unlock()
	if !c.commits {
		return a
	}
	m, ok := s.before(c, rt.op)
	if !ok {
		return answer{abort: abortReset}
	}
	s.mu.Lock()
	c.commits = false // another request may have changed what it finds
	a = rt.run(s, c)
	c.done = c.commits
	if no := s.broken(); no != nil {
		a = *no
	}
	s.mu.Unlock()
	if !m.after() {
		s.noteUnanswered(rt.op, c)
		return answer{abort: abortLost}
	}
	return a
}
