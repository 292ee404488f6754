package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/window"
)

// nights are runs by a window: what a scheduler does that starts a run when the
// window opens. The judge between client and service notes whatever is under way
// while the window is closed.
type nights struct {
	*world
	windows window.Windows
	judge   *judge
}

// judge is a transport that knows when nothing may be under way.
type judge struct {
	base http.RoundTripper
	open func(time.Time) bool
	pace float64 // bytes a second of an upload; 0: at once

	mu      sync.Mutex
	calls   int
	outside []string
}

func (j *judge) note(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls++
	if now := time.Now(); !j.open(now) {
		j.outside = append(j.outside, fmt.Sprintf("%s at %s", what, now))
	}
}

func (j *judge) RoundTrip(req *http.Request) (*http.Response, error) {
	what := req.Method + " " + req.URL.Path
	j.note(what)
	defer j.note("the end of " + what)
	if req.Method == http.MethodPut && req.Body != nil && j.pace > 0 {
		slow := req.Clone(req.Context())
		slow.Body = &slowBody{ReadCloser: req.Body, ctx: req.Context(), pace: j.pace}
		req = slow
	}
	return j.base.RoundTrip(req)
}

// slowBody is sent at a pace, 20 seconds' worth at a time.
type slowBody struct {
	io.ReadCloser
	ctx  context.Context
	pace float64
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), int(20*b.pace))])
	select {
	case <-time.After(time.Duration(float64(n) / b.pace * float64(time.Second))):
		return n, err
	case <-b.ctx.Done():
		return 0, context.Cause(b.ctx)
	}
}

// newNights begins at a moment of Brussels' clock.
func newNights(t *testing.T, start, windows string, o emulator.Options) *nights {
	t.Helper()
	z, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", start, z)
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Until(at)) // the bubble's clock begins in 2000
	n := &nights{world: newWorld(t, o)}
	if n.windows, err = window.Parse(z, windows); err != nil {
		t.Fatal(err)
	}
	n.judge = &judge{open: func(at time.Time) bool {
		_, _, inside := n.windows.Next(at)
		return inside
	}}
	n.configure = func(c *showpad.Config) {
		j := n.judge
		j.base = c.Base
		c.Base = j
		c.Storage = &judge{base: c.Storage, open: j.open, pace: j.pace}
		c.Storage = storageJudge{j, c.Storage.(*judge)}
	}
	n.options.Until = n.until
	n.options.Wait = 12 * time.Hour
	return n
}

// storageJudge keeps what it sees with the judge of the API.
type storageJudge struct {
	api *judge
	*judge
}

func (s storageJudge) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.judge.RoundTrip(req)
	s.judge.mu.Lock()
	outside := s.judge.outside
	s.judge.outside = nil
	s.judge.mu.Unlock()
	s.api.mu.Lock()
	s.api.outside = append(s.api.outside, outside...)
	s.api.mu.Unlock()
	return resp, err
}

func (n *nights) until() pipeline.Deadline {
	now := time.Now()
	_, end, inside := n.windows.Next(now)
	d := pipeline.Deadline{Why: "the window is closed", Again: "when it opens", Longest: n.windows.Longest(now)}
	switch {
	case !inside:
		d.At = now
	case !end.IsZero():
		d.At, d.Why = now.Add(end.Sub(now)), "the window closes"
	}
	return d
}

// night waits for the window and runs once.
func (n *nights) night() pipeline.Outcome {
	n.t.Helper()
	if open, _, inside := n.windows.Next(time.Now()); !inside {
		<-time.After(time.Until(open))
	}
	_, end, _ := n.windows.Next(time.Now())
	out, err := n.run(n.t.Context(), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	if !end.IsZero() && time.Now().After(end) {
		n.t.Errorf("the run ended at %s, and its window at %s", time.Now(), end)
	}
	n.judged()
	return out
}

func (n *nights) judged() {
	n.t.Helper()
	if b := n.tenant.Books(); len(b.Duplicates) > 0 {
		n.t.Errorf("duplicates: %v", b.Duplicates)
	}
	if len(n.judge.outside) > 0 {
		n.t.Errorf("under way outside of a window: %s", strings.Join(n.judge.outside, ", "))
	}
}

// done runs night after night until a run ends with 0, at most so many, and demands that
// each of the others ended with 5 and that all is done then.
func (n *nights) done(most int) (runs int) {
	n.t.Helper()
	for runs = 1; ; runs++ {
		out := n.night()
		if half := n.tenant.Books().Orphans; len(half) > 0 {
			n.t.Errorf("night %d left assets without their bytes: %d", runs, len(half))
		}
		if out.Code == 0 {
			n.check()
			return runs
		}
		if out.Code != 5 || runs == most {
			n.t.Fatalf("night %d ended with %d: %s, %v", runs, out.Code, out.Sentence, out.Err)
		}
		if _, end, inside := n.windows.Next(time.Now()); inside { // what is left of it is for nothing
			<-time.After(time.Until(end))
		}
	}
}

// sized makes an item of so many bytes.
func (n *nights) sized(id string, size int) {
	n.add(id, strings.Repeat("x", size-len(id))+id)
}

func TestNightsGoOnUntilAllIsDone(t *testing.T) {
	for _, c := range []struct {
		name, start, windows string
		nights               int
	}{
		{"across midnight", "2026-11-23 22:00", "22:00-06:00 Mon-Fri", 3},
		{"as clocks go forward", "2026-03-28 22:00", "22:00-06:00", 3}, // seven hours
		{"as clocks go back", "2026-10-24 22:00", "22:00-06:00", 2},    // nine hours
		{"into an hour that is left out", "2026-03-28 22:00", "22:00-02:30", 4},
		{"over a weekend", "2026-11-27 17:00", "22:00-06:00 Mon-Thu; 22:00-24:00 Fri; Sat,Sun", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNights(t, c.start, c.windows, emulator.Options{Processing: time.Minute})
				n.options.Uploads, n.judge.pace = 2, 10
				for i := range 20 {
					n.sized(fmt.Sprintf("A%02d", i), 6*600) // six minutes
				}
				for i := range 28 {
					n.sized(fmt.Sprintf("B%02d", i), 60*600) // an hour
				}
				if runs := n.done(10); runs < c.nights || runs > c.nights+1 {
					t.Errorf("it took %d nights, want %d", runs, c.nights)
				}
			})
		})
	}
}
