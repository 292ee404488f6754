package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
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

// judge knows when nothing may be under way.
type judge struct {
	open func(time.Time) bool
	pace float64       // bytes a second of an upload; 0: at once
	slow time.Duration // of each request besides

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

// judged is a transport under the eyes of a judge.
type judged struct {
	*judge
	base http.RoundTripper
}

func (j judged) RoundTrip(req *http.Request) (*http.Response, error) {
	what := req.Method + " " + req.URL.Path
	j.note(what)
	defer j.note("the end of " + what)
	if j.slow > 0 {
		select {
		case <-time.After(j.slow):
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
	}
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
		c.Base, c.Storage = judged{n.judge, c.Base}, judged{n.judge, c.Storage}
	}
	n.options.Until = n.until
	n.options.Wait = 12 * time.Hour
	return n
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
	n.verdict()
	return out
}

func (n *nights) verdict() {
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

func TestAFileTooBigForAnyWindowIsToldAndLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNights(t, "2026-11-23 22:00", "22:00-06:00 Mon-Thu; 22:00-24:00 Fri; Sat,Sun", emulator.Options{})
		n.options.Uploads, n.judge.pace = 2, 10
		for i := range 14 { // enough that the pace is known when it is its turn
			n.sized(fmt.Sprintf("A%02d", i), 10*600)
		}
		n.sized("BIG", 20*36000) // 20 hours
		for i := range 6 {
			n.sized(fmt.Sprintf("C%02d", i), 10*600)
		}
		n.options.Until = func() pipeline.Deadline {
			d := n.until()
			d.Longest = 8 * time.Hour // as if there were no weekend
			return d
		}
		out := n.night()
		if out.Code != 5 || out.Status["done"] != 20 || !strings.Contains(out.Err.Error(), "1 item does not fit into what is left until then (run again when it opens)") {
			t.Errorf("code %d, %v: %v", out.Code, out.Status, out.Err)
		}
		r := n.result("BIG")
		if r.Reason != pipeline.ReasonNoTime || len(r.Warnings) != 1 || r.Warnings[0] != pipeline.WarnTooLong || r.Status != "pending" {
			t.Errorf("BIG is %s, %s, %v", r.Status, r.Reason, r.Warnings)
		}
		if n := len(n.assets()["BIG"]); n > 0 {
			t.Error("its asset was made, and its bytes will not come")
		}
		told := 0
		for _, e := range n.events {
			if w, ok := e.(pipeline.Warned); ok && w.Code == pipeline.WarnTooLong {
				told++
				if want := "its 720 kB take about 20h0m0s at the pace that is measured, and a run may go on for 8h0m0s at most: it is left out"; !strings.HasPrefix(w.Text, want) {
					t.Errorf("it is told: %s", w.Text)
				}
			}
		}
		if told != 1 {
			t.Errorf("it was told %d times", told)
		}
		<-time.After(time.Until(time.Date(2026, 11, 28, 12, 0, 0, 0, n.windows.Zone())))
		n.options.Until = n.until
		if out := n.night(); out.Code != 0 {
			t.Errorf("at the weekend it ended with %d: %v", out.Code, out.Err)
		}
		n.check()
	})
}

// What is half-way when the window closes is cut off, and comes again.
func TestAnUploadThatDoesNotMakeItIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNights(t, "2026-11-23 22:00", "22:00-24:00", emulator.Options{})
		n.judge.pace = 10
		n.sized("A", 3*36000) // three hours, which nobody knows yet
		out := n.night()
		if out.Code != 5 || out.Status["sending"] != 1 {
			t.Errorf("code %d, %v: %v", out.Code, out.Status, out.Err)
		}
		if left := time.Until(time.Date(2026, 11, 24, 0, 0, 0, 0, n.windows.Zone())); left < 0 || left > 10*time.Second {
			t.Errorf("the run ended %s before the window did", left)
		}
		<-time.After(time.Minute)
		n.judge.pace = 100
		if out := n.night(); out.Code != 0 {
			t.Errorf("code %d: %v", out.Code, out.Err)
		}
		n.check()
	})
}

func TestProcessingIsWaitedForUntilTheWindowCloses(t *testing.T) {
	for _, c := range []struct {
		name       string
		processing time.Duration
		code       int
	}{{"not over", 12 * time.Hour, 6}, {"just over", 2*time.Hour - 30*time.Second, 0}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNights(t, "2026-11-23 22:00", "22:00-24:00", emulator.Options{Processing: c.processing})
				n.many(3)
				out := n.night()
				if out.Code != c.code {
					t.Errorf("code %d, want %d: %v, %v", out.Code, c.code, out.Status, out.Err)
				}
				if left := time.Until(time.Date(2026, 11, 24, 0, 0, 0, 0, n.windows.Zone())); left < 0 || left > 40*time.Second {
					t.Errorf("the run ended %s before the window did", left)
				}
			})
		})
	}
}

// The clock of the machine may be set while a run goes on, and machines sleep.
func TestAClockThatIsSetMovesTheEndOfARun(t *testing.T) {
	for _, c := range []struct {
		name string
		jump time.Duration
		over time.Duration // of the time that really passes
	}{
		{"forward over the end", 9 * time.Hour, time.Hour},
		{"forward", 4 * time.Hour, 4 * time.Hour},
		{"back", -30 * time.Minute, 8*time.Hour + 30*time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNights(t, "2026-11-23 22:00", "22:00-06:00", emulator.Options{})
				n.judge.open = func(time.Time) bool { return true }
				n.judge.pace, n.options.Uploads = 10, 1
				for i := range 30 {
					n.sized(fmt.Sprintf("A%02d", i), 20*600)
				}
				n.options.Until = func() (d pipeline.Deadline) {
					wall := n.clock()
					d.At, d.Why = time.Now(), "the window is closed"
					if _, end, inside := n.windows.Next(wall); inside {
						d.At, d.Why = d.At.Add(end.Sub(wall)), "the window closes"
					}
					return d
				}
				begun := time.Now()
				go func() {
					<-time.After(time.Hour - time.Minute)
					n.jump(c.jump)
				}()
				out, err := n.run(t.Context(), nil)
				if err != nil || out.Code != 5 {
					t.Fatalf("code %d, %v, %v", out.Code, out.Err, err)
				}
				if took := time.Since(begun); took > c.over || took < c.over-time.Hour {
					t.Errorf("the run ended after %s, want at most %s", took, c.over)
				}
			})
		})
	}
}

// TestADeadlineInEachPhase ends a run after 10, 15, 20, ... seconds of a service that
// takes a second for each request: whatever it was at, it is over in time, and the
// next run completes it.
func TestADeadlineInEachPhase(t *testing.T) {
	phases := map[int]int{} // how often a run was ended with which code
	for cut := 10 * time.Second; cut <= 4*time.Minute; cut += 5 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			n := newNights(t, "2026-11-23 22:00", "00:00-24:00", emulator.Options{Processing: 8 * time.Second})
			n.options.Drain, n.options.Requests = 10*time.Second, 2
			n.options.Until = nil
			for _, id := range []string{"old", "newer", "renamed"} {
				n.add(id, "the bytes of "+id, tags("Sales"))
			}
			n.mustRun(0)
			n.unlist("old")
			n.man.Prune = pipeline.PruneArchive
			n.files.put("newer.txt", "other bytes")
			n.items[1].Fields.Description = manifest.Some("described")
			n.many(4, tags("New"))
			n.give("intro", jane, "intro.txt", "an intro")
			n.share("q3", "A00", "renamed")
			n.tree("  - {name: Region, tags: [EMEA]}\n")
			end := time.Now().Add(cut)
			n.judge.slow = time.Second
			n.judge.open = func(at time.Time) bool { return !at.After(end) }
			n.options.Until = func() pipeline.Deadline { return pipeline.Deadline{At: end, Why: "time is up"} }
			out, err := n.run(t.Context(), nil)
			code := out.Code
			if stop, ok := errors.AsType[*pipeline.StopError](err); ok {
				code = stop.Code
			} else if err != nil {
				t.Fatal(err)
			}
			if phases[code]++; code != 5 && code != 6 && code != 0 {
				t.Errorf("after %s: code %d, %s, %v", cut, code, out.Sentence, out.Err)
			}
			if time.Now().After(end) {
				t.Errorf("after %s: the run ended %s too late", cut, time.Since(end))
			}
			n.verdict()
			n.judge.open = func(time.Time) bool { return true }
			n.options.Until = nil
			out = n.mustRun(0)
			b := n.tenant.Books()
			if b.Shares != 1 || b.PersonalFiles != 1 || len(b.Duplicates) > 0 || n.archived() != "old" {
				t.Errorf("after %s: %d shares, %d personal files, duplicates %v, in the trash %q", cut, b.Shares, b.PersonalFiles, b.Duplicates, n.archived())
			}
			n.left = append(n.left, manifest.Item{ExternalID: "old"})
			n.check()
		})
	}
	t.Logf("ends by code: %v", phases)
	if phases[5] < 10 || phases[0] == 0 {
		t.Errorf("the deadlines do not go through the run: %v", phases)
	}
}

// TestParkedCreatesKeepNoTurn: with a deadline, assets are made as their bytes can be
// sent. Those whose creates were lost send nothing meanwhile, and what waits for its
// turn must not wait for them, who could not come back for it.
func TestParkedCreatesKeepNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "", func(i *manifest.Item) { // the first create, which sends no bytes
			i.File, i.Location, i.URL = "", manifest.Location{}, "https://www.example.com/"
		})
		w.many(40, func(i *manifest.Item) { i.ExternalID = "B" + i.ExternalID })
		w.options.Uploads, w.options.Requests = 2, 2
		end := time.Now().Add(8 * time.Hour)
		w.options.Until = func() pipeline.Deadline { return pipeline.Deadline{At: end, Why: "the window closes"} }
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Nth: 2, Count: 3, Kind: emulator.KindReset})
		begun := time.Now()
		w.mustRun(0)
		if d := time.Since(begun); d > 10*time.Minute {
			t.Errorf("it took %s", d)
		}
		w.check()
	})
}

// TestAFileThatIsReadAgainKeepsNobodyBeyondTheEnd: it changed while it was sent, and
// reading it anew takes longer than there is.
func TestAFileThatIsReadAgainKeepsNobodyBeyondTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("deck", "", fileAt(w, "deck.pdf", "%PDF-1.4"))
		opened := 0
		w.files.trouble = func(string) (time.Duration, error) {
			switch opened++; opened {
			case 2: // to send it
				w.files.put("deck.pdf", "%PDF-1.5")
				return 0, source.ErrChanged
			case 3:
				return time.Hour, nil
			}
			return 0, nil
		}
		end := time.Now().Add(10 * time.Minute)
		w.options.Until = func() pipeline.Deadline { return pipeline.Deadline{At: end, Why: "the window closes"} }
		out, err := w.run(t.Context(), nil)
		if err != nil || out.Code != 5 || out.Status["sending"] != 1 || time.Now().After(end) {
			t.Errorf("code %d, %v, %v, %s after the end", out.Code, out.Status, err, time.Since(end))
		}
		w.options.Until = nil
		w.mustRun(0)
		w.check()
	})
}
