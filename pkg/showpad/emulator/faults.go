package emulator

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is what goes wrong.
type Kind string

// Kinds of faults.
const (
	KindStatus          Kind = "status"           // answer Status (default 503), nothing done
	KindStatusAfter     Kind = "status-after"     // do the work, then answer Status (default 500)
	KindReset           Kind = "reset"            // the connection breaks before the work
	KindLost            Kind = "lost"             // the work is done, the connection closes without an answer
	KindLate            Kind = "late"             // the connection breaks now, the work is done Delay later
	KindDuplicate       Kind = "duplicate"        // the request arrives twice; one answer. API only
	KindTooMany         Kind = "too-many"         // 429; RetryAfter and Advice say what it tells
	KindHTML            Kind = "html"             // a proxy's page with Status (default 502), nothing done
	KindTruncated       Kind = "truncated"        // the work is done, the connection breaks in the middle of the answer
	KindCut             Kind = "cut"              // the work is done, the answer is complete and half a document
	KindSlow            Kind = "slow"             // the work is done, the answer's body takes Delay (default 10 s)
	KindDelay           Kind = "delay"            // Delay (default 10 s) before the work
	KindExpired         Kind = "expired"          // storage: the URL has expired
	KindResetMid        Kind = "reset-mid"        // storage, My Files: reset after Bytes of the body (default half of it)
	KindNoURL           Kind = "no-url"           // postAssetFiles: uploadUrl is null
	KindProcessingFails Kind = "processing-fails" // storage, My Files: the bytes arrive, their processing fails; Code is the reason
	KindProcessingStuck Kind = "processing-stuck" // storage, My Files: the bytes arrive, their processing ends Delay later, or never without one
)

var kinds = []Kind{
	KindStatus, KindStatusAfter, KindReset, KindLost, KindLate, KindDuplicate, KindTooMany, KindHTML, KindTruncated, KindCut,
	KindSlow, KindDelay, KindExpired, KindResetMid, KindNoURL, KindProcessingFails, KindProcessingStuck,
}

// Fault is one entry of the queue that [Server.Fail] fills.
type Fault struct {
	// Op is an operation of [Routes], [OpPut] and [OpGet] for bytes, [OpToken] for the
	// token endpoint, or "" for every API operation (not storage, not tokens).
	Op string `json:"op"`
	// Path, if set, must be part of the request's path and query.
	Path string `json:"path"`

	Nth   int `json:"nth"`   // the first matching request to hit, from now; 0 and 1: the next one
	Count int `json:"count"` // how many from there on; 0: one; negative: all
	// For makes it last: from the first request that it hits on, it hits all that match
	// within so long on the tenant's clock. Count is then not looked at.
	For Duration `json:"for"`

	Kind       Kind     `json:"kind"`
	Status     int      `json:"status"`     // HTTP; 0: the kind's default
	Code       string   `json:"code"`       // S3 or OAuth code, or the reason of failed processing; "": by status
	RetryAfter Duration `json:"retryAfter"` // 429, 503: default 1 s for too-many, none for others
	Advice     Advice   `json:"advice"`     // the form of RetryAfter
	Delay      Duration `json:"delay"`
	Bytes      int64    `json:"bytes"` // reset-mid: bytes to take first; 0: half

	seen  int
	until time.Time // of For
}

// hits counts a matching request and says whether it is the fault's turn.
func (f *Fault) hits(now time.Time) bool {
	f.seen++
	first, count := max(f.Nth, 1), f.Count
	if count == 0 {
		count = 1
	}
	switch {
	case f.seen < first:
		return false
	case f.For > 0:
		if f.until.IsZero() {
			f.until = now.Add(time.Duration(f.For))
		}
		return now.Before(f.until)
	}
	return count < 0 || f.seen < first+count
}

// Fail queues faults. A request takes the first one that is its turn; all
// entries that match count it. It panics on an
// unknown kind or operation.
func (s *Server) Fail(faults ...Fault) {
	for _, f := range faults {
		if err := f.check(); err != nil {
			panic("emulator: " + err.Error())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		s.faults = append(s.faults, &f)
	}
}

// ClearFaults empties the queue and ends chaos.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.chaos = nil, nil
}

func (f *Fault) check() error {
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("unknown kind of fault %q (known: %v)", f.Kind, kinds)
	}
	if f.Op != "" && !isOp(f.Op) {
		return fmt.Errorf("unknown operation %q in a fault (see Routes)", f.Op)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("status %d is none", f.Status)
	}
	return nil
}

// pick finds the fault of a request, if it has one.
func (s *Server) pick(op string, c *call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nth[op]++
	var hit *Fault
	for _, f := range s.faults {
		if f.Op != op && (f.Op != "" || free(op)) ||
			!strings.Contains(c.url.RequestURI(), f.Path) {
			continue
		}
		if f.hits(s.now()) && hit == nil {
			hit = f
		}
	}
	if hit == nil && s.chaos != nil {
		hit = s.chaos.draw(op, s.nth[op])
	}
	if hit != nil {
		s.books.Faults[hit.Kind]++
		hit = new(*hit)
	}
	return hit
}

// serveFaulty runs an operation with what goes wrong around it.
func (s *Server) serveFaulty(op string, c *call, run func() answer) answer {
	c.stopAfter = -1
	f := s.pick(op, c)
	if f == nil {
		return run()
	}
	delay := cmp.Or(time.Duration(f.Delay), 10*time.Second)
	switch f.Kind {
	case KindStatus:
		c.drain()
		return s.advise(f, refusal(op, cmp.Or(f.Status, http.StatusServiceUnavailable), f.Code))
	case KindStatusAfter:
		run()
		s.noteUnanswered(op, c)
		return s.advise(f, refusal(op, cmp.Or(f.Status, http.StatusInternalServerError), f.Code))
	case KindTooMany:
		c.drain()
		f.RetryAfter = cmp.Or(f.RetryAfter, Duration(time.Second))
		return s.advise(f, refusal(op, cmp.Or(f.Status, http.StatusTooManyRequests), cmp.Or(f.Code, "SlowDown")))
	case KindHTML:
		c.drain()
		status := cmp.Or(f.Status, http.StatusBadGateway)
		return s.advise(f, answer{status: status, ctype: "text/html; charset=utf-8", body: fmt.Appendf(nil,
			"<html>\r\n<head><title>%d %s</title></head>\r\n<body><center><h1>%d %s</h1></center><hr><center>proxy</center></body>\r\n</html>\r\n",
			status, http.StatusText(status), status, http.StatusText(status))})
	case KindReset:
		if c.whole != nil { // nobody can tell how far it got
			c.whole()
		}
		return answer{abort: abortReset}
	case KindLost:
		run()
		s.noteUnanswered(op, c)
		return answer{abort: abortLost}
	case KindLate:
		if op == OpPut {
			c.late = delay
			return run()
		}
		if c.whole != nil {
			if no := c.whole(); no != nil {
				return *no
			}
			c.form.later = true
		}
		s.schedule(delay, func(due time.Time) {
			if c.form != nil {
				defer c.form.discard()
			}
			c.isLate, c.due = true, due
			run()
			s.noteUnanswered(op, c)
		})
		return answer{abort: abortReset}
	case KindDuplicate:
		if op == OpPut { // its body comes once
			return run()
		}
		a := run()
		c.done = false
		run()
		s.noteUnanswered(op, c)
		return a
	case KindTruncated, KindCut:
		a := run()
		s.noteUnanswered(op, c)
		a.finish()
		if half := a.size / 2; half > 0 && f.Kind == KindTruncated {
			a.cutAt = half
		} else if half > 0 {
			a.size = half
		}
		return a
	case KindSlow:
		a := run()
		a.slow = delay / 8
		return a
	case KindDelay:
		if c.wait(delay) != nil {
			return answer{abort: abortReset}
		}
		return run()
	case KindExpired:
		c.drain()
		return s3Answer(http.StatusForbidden, "AccessDenied", "Request has expired")
	case KindResetMid:
		c.stopAfter = cmp.Or(f.Bytes, max(c.length, 0)/2)
		return run()
	case KindNoURL:
		a := run()
		if w, ok := a.value.(wireFile); ok && w.UploadMeta != nil {
			w.UploadMeta.UploadURL = nil
			s.noteUnanswered(op, c)
		}
		return a
	default: // processing, which storage sees to
		c.outcome = f
		return run()
	}
}

// advise adds Retry-After and closes the gate for the books.
func (s *Server) advise(f *Fault, a answer) answer {
	if f.RetryAfter > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closeGate(&a, time.Duration(f.RetryAfter), f.Advice)
	}
	return a
}

// closeGate tells the caller to wait and notes until when. A date has whole
// seconds and is rounded up, as seconds are.
func (s *Server) closeGate(a *answer, wait time.Duration, advice Advice) {
	now := s.now()
	switch advice {
	case AdviceNone:
		return
	case AdviceDate:
		at := now.Add(wait + time.Second - 1).Truncate(time.Second)
		a.set("Retry-After", at.UTC().Format(http.TimeFormat))
	default:
		a.set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
	if until := now.Add(wait); until.After(s.closedUntil) {
		s.closedFrom, s.closedUntil = now, until
	}
}

// lateWork is work that is done when its time has come: by a timer, or by the
// next request where the clock was moved on.
type lateWork struct {
	due time.Time
	run func(due time.Time)
}

func (s *Server) schedule(after time.Duration, run func(due time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = append(s.late, lateWork{s.now().Add(after), run})
	slices.SortStableFunc(s.late, func(a, b lateWork) int { return a.due.Compare(b.due) })
	time.AfterFunc(after, s.runLate)
}

// runLate does the scheduled work whose time has come.
func (s *Server) runLate() {
	for {
		s.mu.Lock()
		if len(s.late) == 0 || s.now().Before(s.late[0].due) {
			s.mu.Unlock()
			return
		}
		work := s.late[0]
		s.late = s.late[1:]
		s.mu.Unlock()
		work.run(work.due)
	}
}
