package emulator

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

// OnCommit calls a function before and after every request that changes
// something: op is its operation ([OpPut] for an upload, [OpToken] for tokens),
// n counts the commits of the operation from 1. It is called in the request's
// goroutine with no lock held, and may call the Server. nil ends it.
func (s *Server) OnCommit(hook func(op string, n int, when When)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// before counts a commit that is about to happen and calls the hook, which is
// returned for the other side.
func (s *Server) before(op string) (hook func(string, int, When), n int) {
	s.mu.Lock()
	s.books.Commits[op]++
	n, hook = s.books.Commits[op], s.hook
	s.mu.Unlock()
	if hook == nil {
		return func(string, int, When) {}, n
	}
	hook(op, n, Before)
	return hook, n
}

// exec runs an operation of the API. With a hook it runs twice: once up to its
// commit, and, after the hook, as a whole.
func (s *Server) exec(rt *route, c *call) answer {
	s.mu.Lock()
	if s.hook == nil || !rt.writes {
		defer s.mu.Unlock()
		c.commits = false
		a := rt.run(s, c)
		if c.commits {
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
	hook, n := s.before(rt.op)
	s.mu.Lock()
	a = rt.run(s, c)
	if no := s.broken(); no != nil {
		a = *no
	}
	s.mu.Unlock()
	hook(rt.op, n, After)
	return a
}
