package pipeline_test

import (
	"bytes"
	"errors"
	"fmt"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// many adds n items.
func (w *world) many(n int, change ...func(*manifest.Item)) {
	for i := range n {
		w.add(fmt.Sprintf("A%02d", i), "content of "+fmt.Sprint(i), change...)
	}
}

func TestStopDrainsAndTheNextRunCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: time.Second})
		w.many(60)
		stop := make(chan struct{})
		sent := 0
		w.observe = func(e pipeline.Event) {
			if s, ok := e.(pipeline.Stage); ok && s.Stage == "settle" {
				if sent++; sent == 10 {
					close(stop)
				}
			}
		}
		out, err := w.run(t.Context(), stop)
		if err != nil || out.Code != 130 {
			t.Fatalf("code %d, %v; want 130", out.Code, err)
		}
		if len(w.results) != 60 {
			t.Errorf("%d results for 60 items: %v", len(w.results), out.Status)
		}
		// What is being made when the stop comes is made: by the 16 who make assets. Of
		// those made, 4 more may wait to be sent, and 8 for a slot.
		if n := len(w.tenant.Books().Orphans); n > 16+4+8 {
			t.Errorf("%d assets were left without their bytes", n)
		}
		w.observe = nil
		w.mustRun(0)
		w.check()
	})
}

// With nothing under way but reads that would begin something, nobody waits for these:
// neither for an answer, nor for another attempt, nor for a gate that is closed.
func TestAStopDoesNotWaitForReads(t *testing.T) {
	for name, f := range map[string]emulator.Fault{
		"that are asked to wait":     {Op: "getAssets", Kind: emulator.KindTooMany, RetryAfter: emulator.Duration(45 * time.Second)},
		"that are repeated":          {Op: "getAssets", Kind: emulator.KindReset},
		"that are not answered":      {Op: "getAssets", Kind: emulator.KindDelay, Delay: emulator.Duration(50 * time.Second)},
		"of names":                   {Op: "getDivisions", Kind: emulator.KindDelay, Delay: emulator.Duration(50 * time.Second)},
		"behind those that are over": {Op: "getAssets", Nth: 6, Kind: emulator.KindDelay, Delay: emulator.Duration(50 * time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.options = pipeline.WithLimits(w.options, 10, 0, 10)
				w.many(40)
				w.configure = func(c *showpad.Config) { c.Retries = 1000 } // they do not end by themselves
				f.Count = -1
				w.tenant.Fail(f)
				stop := make(chan struct{})
				var asked time.Time
				go func() {
					<-time.After(20 * time.Second) // what was begun is over by then
					asked = time.Now()
					close(stop)
				}()
				out, err := w.run(t.Context(), stop)
				if code := codeOfRun(out, err); code != 130 {
					t.Fatalf("code %d, %v; want 130", code, err)
				}
				if d := time.Since(asked); d > 2*time.Second {
					t.Errorf("it took %s to stop", d)
				}
				w.tenant.ClearFaults()
				w.mustRun(0)
				w.check()
			})
		})
	}
}

func codeOfRun(out pipeline.Outcome, err error) int {
	if stop, ok := errors.AsType[*pipeline.StopError](err); ok {
		return stop.Code
	}
	return out.Code
}

func TestNoAssetIsMadeAfterAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", tags("New"))
		stop := make(chan struct{})
		w.tenant.Fail(emulator.Fault{Op: "postTags", Kind: emulator.KindDelay, Delay: emulator.Duration(10 * time.Second)})
		w.tenant.OnCommit(func(op string, _ int, when emulator.When) {
			if op == "postTags" && when == emulator.Before {
				close(stop)
				<-time.After(time.Second)
			}
		})
		if out, err := w.run(t.Context(), stop); err != nil || out.Code != 130 {
			t.Fatalf("code %d, %v; want 130", out.Code, err)
		}
		if n := len(w.tenant.Assets()); n > 0 {
			t.Errorf("%d assets, made after the stop and without their bytes", n)
		}
		w.tenant.OnCommit(nil)
		w.mustRun(0)
		w.check()
	})
}

func TestDrainEndsAnUploadThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.Drain = 5 * time.Second
		w.many(1)
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Hour)})
		stop := make(chan struct{})
		w.observe = func(e pipeline.Event) {
			if s, ok := e.(pipeline.Stage); ok && s.Stage == "transfer" {
				close(stop)
			}
		}
		begin := time.Now()
		out, err := w.run(t.Context(), stop)
		if err != nil || out.Code != 130 {
			t.Fatalf("code %d, %v; want 130", out.Code, err)
		}
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("it took %s to stop", d)
		}
		w.observe = nil
		w.mustRun(0)
		w.check()
	})
}

func TestACredentialThatIsRefusedEndsTheRunWithFour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(40)
		n := 0
		w.observe = func(e pipeline.Event) {
			if _, ok := e.(pipeline.Finished); ok {
				return
			}
			if s, ok := e.(pipeline.Stage); ok && s.Stage == "settle" {
				if n++; n == 5 {
					w.tenant.Revoke(emulator.DefaultToken)
				}
			}
		}
		out := w.mustRun(4)
		if len(w.results) != 40 || out.Status["failed"] > 0 {
			t.Errorf("%d results, %v: a refused credential fails no item", len(w.results), out.Status)
		}
	})
}

func TestADivisionThatRefusesBlocksItsRowsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Divisions: []emulator.Division{{Name: "Marketing"}, {Name: "Closed", Denied: true}}})
		w.many(5)
		for i := range 5 {
			w.add(fmt.Sprintf("C%d", i), "closed", func(i *manifest.Item) { i.Division = "Closed" })
		}
		out := w.mustRun(3)
		if out.Status["done"] != 5 || out.Status["blocked"] != 5 {
			t.Errorf("%v, want 5 done and 5 blocked", out.Status)
		}
	})
}

func TestAnUnknownDivisionStopsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(3)
		w.add("X", "x", func(i *manifest.Item) {
			i.Division = "Marketting"
			i.Fields.Languages = manifest.Some([]string{"Deutsch"})
		})
		_, err := w.run(t.Context(), nil)
		stop, ok := errors.AsType[*pipeline.StopError](err)
		if !ok || stop.Code != 2 || len(stop.Problems) != 2 {
			t.Fatalf("%v, want two problems and code 2", err)
		}
		if text := stop.Problems.Error(); !strings.Contains(text, `did you mean "Marketing"?`) || !strings.Contains(text, `M102: unknown language "Deutsch" (write one of the service's codes, such as en, or say what it means: map: {languages: {"Deutsch": en}})`) {
			t.Errorf("the problems say:\n%s", text)
		}
		if n := len(w.tenant.Books().Commits); n > 0 {
			t.Errorf("%d kinds of writes", n)
		}
	})
}

func TestFailuresAreCountedAndLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{FailProcessing: "A0*"}})
		w.many(20)
		out := w.mustRun(3)
		if out.Status["failed"] != 10 || out.Status["done"] != 10 {
			t.Errorf("%v, want 10 failed and 10 done", out.Status)
		}
		for _, r := range w.results {
			if r.Status == "failed" && (r.Error == nil || r.Error.Code != pipeline.FailedProcessing || r.Error.Message == "") {
				t.Errorf("%s failed with %+v", r.ExternalID, r.Error)
			}
		}
		if row := w.action("A00"); row.Reason != pipeline.BlockedFailed || !strings.Contains(row.Detail, "--retry-failed") {
			t.Errorf("a failed item is planned as %s %s: %s", row.Action, row.Reason, row.Detail)
		}
		w.tenant.Switch(func(s *emulator.Switches) { s.FailProcessing = "" })
		w.options.RetryFailed = true
		w.mustRun(0)
		w.check()

		w = newWorld(t, emulator.Options{Switches: emulator.Switches{FailProcessing: "A*"}})
		w.many(50)
		w.options.MaxFailures = 3
		if out := w.mustRun(1); out.Err == nil || !strings.Contains(out.Err.Error(), "--max-failures") {
			t.Errorf("the run ended with %v", out.Err)
		}
	})
}

func TestProcessingThatNeverEndsIsToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{StuckProcessing: "A00*"}})
		w.many(5)
		w.options.Wait = 10 * time.Minute
		w.mustRun(6)
		if row := w.action("A00"); row.Action != pipeline.ActionResume || row.Writes != 0 {
			t.Errorf("the stuck one is planned as %s with %d writes", row.Action, row.Writes)
		}
		w.tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = "" })
		w.mustRun(0)
		w.check()
	})
}

func TestEveryItemHasOneEventStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a", tags("Sales"))
		w.mustRun(0)
		w.files.put("A.txt", "other")
		w.mustRun(0)
		w.check()
		st := w.open()
		defer func() { _ = st.Close() }()
		story, err := pipeline.Why(t.Context(), st, "A")
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, e := range story.Events {
			told = append(told, string(e.Op)+" "+string(e.Status))
		}
		want := "create registering, create registered, create sent, create done, version sending, version sent, version done"
		if got := strings.Join(told, ", "); got != want {
			t.Errorf("the story is\n%s\nwant\n%s", got, want)
		}
		if story.Record.Status != state.Done || story.Record.Op != state.Version || !strings.HasPrefix(story.Next, "Nothing") {
			t.Errorf("%+v, next %q", story.Record, story.Next)
		}
	})
}

func TestALookUpThatIsRefusedLeavesTheOutcomeUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 500 * time.Millisecond})
		w.many(3)
		w.mustRun(0)
		w.add("B", "b")
		w.tenant.Fail(
			emulator.Fault{Op: "postAssets", Kind: emulator.KindLost},
			emulator.Fault{Op: "getAssets", Nth: 2, Count: -1, Kind: emulator.KindStatus, Status: 400},
		)
		out := w.mustRun(3)
		if out.Status["registering"] != 1 || out.Status["failed"] > 0 {
			t.Errorf("%v: what is not known must not be called failed", out.Status)
		}
		w.tenant.ClearFaults()
		w.mustRun(0)
		w.check()
	})
}

func TestATenantWhoseListNeverShowsTheFirstAssetGetsNoSecondOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 1000 * time.Hour})
		w.many(10)
		for range 3 {
			w.mustRun(1)
		}
		if n := len(w.tenant.Assets()); n != 1 {
			t.Errorf("%d assets, want 1", n)
		}
		// Once it is listed, all goes on.
		w.tenant.Advance(2000 * time.Hour)
		w.tenant.Switch(func(s *emulator.Switches) { s.ListLag = emulator.Duration(time.Millisecond) })
		w.mustRun(0)
		w.check()
	})
}

// notYet shows every asset as prepared until it is told otherwise.
type notYet struct {
	http.RoundTripper
	over atomic.Bool
}

func (n *notYet) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := n.RoundTripper.RoundTrip(req)
	if err != nil || n.over.Load() {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	body = bytes.ReplaceAll(body, []byte(`"status":"active"`), []byte(`"status":"prepared"`))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

func TestAURLAssetIsDoneOnceItIsActive(t *testing.T) {
	for _, adopted := range []bool{false, true} {
		t.Run(fmt.Sprintf("adopted %v", adopted), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("U", "", func(i *manifest.Item) {
					i.File, i.URL, i.Location = "", "https://www.example.com/u", manifest.Location{}
				})
				if adopted {
					w.mustRun(0)
					w.path += ".lost" // a state that knows nothing of it
				}
				slow := &notYet{RoundTripper: w.tenant}
				w.configure = func(c *showpad.Config) { c.Base = slow }
				w.options.Wait = time.Minute
				w.mustRun(6)
				slow.over.Store(true)
				w.mustRun(0)
				if n := len(w.tenant.Assets()); n != 1 {
					t.Errorf("%d assets, want 1", n)
				}
			})
		})
	}
}

// What an earlier run did is no outcome of a run that has something to do and does
// not begin.
func TestWhatAStopKeepsFromBeginningIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(2)
		w.mustRun(0)
		w.files.put("A00.txt", "other content")
		w.files.trouble = func(string) (time.Duration, error) { return time.Second, nil } // so that the stop is noticed meanwhile
		stop := make(chan struct{})
		w.observe = func(e pipeline.Event) {
			if d, ok := e.(pipeline.Decided); ok && d.Row.ExternalID == "A00" {
				close(stop)
			}
		}
		if out, err := w.run(t.Context(), stop); err != nil || out.Code != 130 {
			t.Fatalf("code %d, %v; want 130", out.Code, err)
		}
		if r := w.result("A00"); r.Status != string(state.Pending) || r.OK() {
			t.Errorf("A00 is %s, want pending", r.Status)
		}
		w.observe = nil
		w.mustRun(0)
		w.check()
	})
}
