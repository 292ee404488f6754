package emulator

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Server is a tenant of the service. It is an [http.Handler] for real sockets
// and an [http.RoundTripper] for calls in memory; both may be used at once, by
// many goroutines.
type Server struct {
	opts      Options
	divisions map[string]*Division
	key       []byte // signs upload URLs
	blobs     *blobs
	buffers   sync.Pool

	mu      sync.Mutex // guards everything below
	sw      Switches
	frozen  []wireExportedAsset // what exports show; nil: what there is
	st      *store
	tokens  map[string]*token
	codes   map[string]*code
	revoked []string      // tokens of the options that were ended, for the journal
	skew    time.Duration // of the clock, by Advance
	books   Books
	hook    func(string, int, When)
	hold    *hold

	faults []*Fault
	chaos  *chaos
	nth    map[string]int // requests by operation, for chaos
	late   []lateWork

	signInFailures          int
	used                    int // requests in the window of the budget
	windowStart             time.Time
	closedFrom, closedUntil time.Time // the gate of the last Retry-After
	bucket                  float64   // of Switches.Rate
	bucketAt                time.Time
	inFlight, putsInFlight  int

	journal *journal
}

// New makes a tenant, or opens the one in Options.Dir. It fails on options that
// contradict each other, on a folder that cannot be used, and with [ErrInUse]
// when another Server has the folder open.
func New(opts Options) (*Server, error) {
	opts = opts.withDefaults()
	s := &Server{
		opts: opts, sw: opts.Switches, st: newStore(), tokens: map[string]*token{}, codes: map[string]*code{}, books: newBooks(),
		nth: map[string]int{}, divisions: map[string]*Division{},
		buffers: sync.Pool{New: func() any { return new(make([]byte, 64<<10)) }},
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "made-up key of %s, seed %d", opts.Subdomain, opts.Seed))
	s.key = sum[:]
	if err := s.people(); err != nil {
		return nil, err
	}
	if u, err := url.Parse(opts.BaseURL); opts.BaseURL != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		return nil, fmt.Errorf("emulator: base URL %q must be such as http://127.0.0.1:8080", opts.BaseURL)
	}
	blobDir := ""
	if opts.Dir != "" {
		blobDir = filepath.Join(opts.Dir, "blobs")
		j, err := s.openJournal(opts.Dir)
		if err != nil {
			return nil, fmt.Errorf("emulator: %w", err)
		}
		s.journal = j
	}
	var err error
	if s.blobs, err = openBlobs(blobDir, opts.KeepBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("emulator: %w", err), s.journal.close())
	}
	return s, nil
}

// people checks Divisions, users and tokens, and gives ids to those without.
func (s *Server) people() error {
	for i := range s.opts.Divisions {
		d := &s.opts.Divisions[i]
		if d.ID == "" {
			d.ID = fmt.Sprintf("d1%030x", i+1)
		}
		if s.divisions[d.ID] != nil {
			return fmt.Errorf("emulator: two Divisions have the id %s", d.ID)
		}
		s.divisions[d.ID] = d
	}
	s.nameThemes()
	for i := range s.opts.Users {
		u := &s.opts.Users[i]
		u.ID = cmp.Or(u.ID, fmt.Sprintf("a1%030x", i+1))
		u.MyFiles = cmp.Or(u.MyFiles, fmt.Sprintf("d2%030x", i+1))
	}
	if len(s.opts.Users) == 0 {
		return errors.New("emulator: a tenant needs a user")
	}
	for _, t := range s.opts.Tokens {
		if t.User == "" {
			t.User = s.opts.Users[0].Email
		}
		user := s.userByEmail(t.User)
		if user == nil {
			return fmt.Errorf("emulator: the token of %s is nobody's: there is no such user", t.User)
		}
		s.tokens[t.Value] = &token{Value: t.Value, User: t.User, Scopes: t.Scopes, Expires: t.Expires, user: user}
	}
	o := s.opts.OAuth
	if s.userByEmail(o.Username) == nil {
		s.opts.OAuth.Username = s.opts.Users[0].Email
	}
	s.tokens[o.RefreshToken] = &token{
		Value: o.RefreshToken, User: s.opts.OAuth.Username, Client: o.ClientID, Refresh: true, Expires: s.opts.Now().Add(o.RefreshLife),
		Scopes: o.Scopes,
		user:   s.userByEmail(s.opts.OAuth.Username),
	}
	return nil
}

// Close ends the use of Options.Dir, if there is one, and reports a write that
// has failed. Requests after it are answered 500 where they write. A request that
// is held is dropped.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != nil {
		s.hold.drop = true
		s.disarm()
	}
	return s.journal.close()
}

// now is the tenant's clock.
func (s *Server) now() time.Time { return s.opts.Now().Round(0).Add(s.skew) }

// Advance moves the tenant's clock, on top of Options.Now: forward, or back when d is
// negative. A clock that differs from the caller's by hours is one that was moved.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	s.skew += d
	s.log(record{Skew: s.skew})
	s.mu.Unlock()
	s.runLate()
}

// Now is the time on the tenant's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// Switch changes how the service behaves, for the requests after it. Switches
// are not kept in Options.Dir.
func (s *Server) Switch(change func(*Switches)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.sw)
	s.freezeExports()
}

// SetBudget replaces the budget and begins a new window.
func (s *Server) SetBudget(b Budget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Window == 0 {
		b.Window = 24 * time.Hour
	}
	s.opts.Budget, s.used, s.windowStart = b, 0, time.Time{}
}

// handle answers a request, however it came.
func (s *Server) handle(c *call) answer {
	s.runLate()
	if len(c.url.RequestURI()) > MaxURL {
		s.arrive(opUnknown)
		c.drain()
		return problemAnswer(http.StatusRequestURITooLong, fmt.Sprintf("the URL is above %d bytes", MaxURL))
	}
	if strings.HasPrefix(c.url.Path, adminPrefix) && s.opts.Admin {
		return s.admin(c)
	}
	if strings.HasPrefix(c.url.Path, storagePrefix) {
		op, run := OpPut, s.putBytes
		if c.method == http.MethodGet {
			op, run = OpGet, s.getBytes
		}
		s.arrive(op)
		defer s.leave(op)
		return s.serveFaulty(op, c, func() answer { return run(c) })
	}
	if strings.HasPrefix(c.url.Path, downloadPrefix) && c.method == http.MethodGet {
		s.arrive(OpGet)
		defer s.leave(OpGet)
		return s.serveFaulty(OpGet, c, func() answer { return s.getOwnBytes(c) })
	}
	rt, params, known := match(c.method, c.url.Path)
	if rt == nil {
		return s.unknown(c, known)
	}
	c.params = params
	s.arrive(rt.op)
	defer s.leave(rt.op)
	if rt.op == opPersonal { // it may be large
		c.whole = func() *answer { return s.receiveForm(c) }
		defer func() {
			if c.form != nil && !c.form.later {
				c.form.discard()
			}
		}()
	} else if err := c.readBody(); err != nil {
		return problemAnswer(http.StatusBadRequest, "the body cannot be read: "+err.Error())
	}
	return s.serveFaulty(rt.op, c, func() answer {
		if c.whole != nil {
			if no := c.whole(); no != nil {
				return *no
			}
		}
		a := s.serveRoute(rt, c)
		s.noteRefusal(c, &a)
		return a
	})
}

// serveRoute checks who asks and whether it may, then runs the operation.
func (s *Server) serveRoute(rt *route, c *call) answer {
	if !free(rt.op) {
		s.mu.Lock()
		c.caller = s.authorise(c.header)
		var no *answer
		if c.caller != nil {
			if no = s.spend(rt); no == nil {
				no = s.outOfScope(rt, c)
			}
		}
		s.mu.Unlock()
		if c.caller == nil {
			return unauthorised(rt)
		}
		if no != nil {
			return *no
		}
	}
	if len(c.body) > 0 && rt.method != http.MethodPost {
		return badRequest(finding{"body", "this operation takes no body", catUnknown})
	}
	return s.exec(rt, c)
}

func unauthorised(rt *route) answer {
	a := problemAnswer(http.StatusUnauthorized, "the token is missing, invalid or expired")
	if rt.api == "v3" {
		a = v3Answer(http.StatusUnauthorized, http.StatusUnauthorized, "UnauthorizedError", "the token is missing, invalid or expired")
	}
	a.set("WWW-Authenticate", `Bearer realm="showpad"`)
	return a
}

// unknown refuses what is no operation.
func (s *Server) unknown(c *call, known bool) answer {
	s.arrive(opUnknown)
	defer s.leave(opUnknown)
	c.drain()
	if known {
		s.noteUnknown(c, "no such method")
		return problemAnswer(http.StatusMethodNotAllowed, "the resource has no method "+c.method)
	}
	s.noteUnknown(c, "no such route")
	if strings.HasPrefix(c.url.Path, prefixes["v3"]) {
		return v3Answer(http.StatusNotFound, 3004, "ResourceNotFoundError", "there is no such resource")
	}
	return problemAnswer(http.StatusNotFound, "there is no such resource")
}

// noteRefusal books answers that say that the specification was not followed.
func (s *Server) noteRefusal(c *call, a *answer) {
	if f, ok := a.value.(v3Failure); ok && f.Response.Name == invalidParameter {
		s.noteUnknown(c, f.Response.Message)
	}
	p, ok := a.value.(problem)
	if !ok {
		return
	}
	if a.status == http.StatusUnsupportedMediaType {
		s.noteUnknown(c, p.Detail)
	}
	for _, f := range p.Meta {
		if f.Category == catUnknown || f.Category == catQueryName {
			s.noteUnknown(c, f.Name+" "+f.Reason)
		}
	}
}

// arrive books a request and looks whether it should have waited.
func (s *Server) arrive(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.Requests[op]++
	switch op {
	case OpPut:
		s.putsInFlight++
		s.books.PutsInFlight = max(s.books.PutsInFlight, s.putsInFlight)
		return
	case OpGet, OpToken, OpAuthorize:
		return
	}
	s.books.API++
	s.inFlight++
	s.books.InFlight = max(s.books.InFlight, s.inFlight)
	if now := s.now(); now.After(s.closedFrom.Add(s.opts.GateGrace)) && now.Before(s.closedUntil) {
		s.books.InsideClosedGate++
	}
}

func (s *Server) leave(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op {
	case OpPut:
		s.putsInFlight--
	case OpGet, OpToken, OpAuthorize:
	default:
		s.inFlight--
	}
}

func (s *Server) rollWindow() {
	now := s.now()
	if s.windowStart.IsZero() || !now.Before(s.windowStart.Add(s.opts.Budget.Window)) {
		s.windowStart, s.used = now, 0
	}
}

// spend takes a request out of the budget and the rate, or refuses it.
func (s *Server) spend(rt *route) *answer {
	s.rollWindow()
	b := s.opts.Budget
	if b.Limit > 0 && s.used >= b.Limit {
		return s.tooMany(rt, s.windowStart.Add(b.Window).Sub(s.now()), b.Advice)
	}
	if rate := s.sw.Rate; rate > 0 {
		now, size := s.now(), float64(s.sw.Burst)
		if size == 0 {
			size = max(rate, 1)
		}
		if s.bucketAt.IsZero() {
			s.bucket = size
		} else {
			s.bucket = min(size, s.bucket+now.Sub(s.bucketAt).Seconds()*rate)
		}
		s.bucketAt = now
		if s.bucket < 1 {
			return s.tooMany(rt, time.Second, b.Advice)
		}
		s.bucket--
	}
	s.used++
	return nil
}

func (s *Server) tooMany(rt *route, wait time.Duration, advice Advice) *answer {
	s.books.TooMany++
	a := problemAnswer(http.StatusTooManyRequests, "too many requests")
	if rt.api == "v3" {
		a = v3Answer(http.StatusTooManyRequests, http.StatusTooManyRequests, "TooManyRequestsError", "too many requests")
	}
	s.closeGate(&a, wait, advice)
	return &a
}
