package view

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// page is a writer that many goroutines may use.
type page struct {
	mu sync.Mutex
	b  strings.Builder
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func TestPlainLinesComeAtTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out page
		p := NewProgress(&out, false, false)
		p.Observe(pipeline.Started{Run: "r", Items: 100, At: time.Now()})
		for range 50 {
			p.Observe(pipeline.Decided{Row: pipeline.Row{Action: pipeline.ActionCreate, Puts: 1, Size: 2000}})
		}
		for range 20 {
			p.Observe(pipeline.Sent{N: 2000})
			p.Observe(pipeline.Finished{Result: pipeline.Result{Action: pipeline.ActionCreate, Status: string(state.Done)}})
		}
		p.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "SP-1", Status: "blocked", Reason: "file-missing"}})
		<-time.After(4 * time.Second)
		synctest.Wait()
		if out.String() != "" {
			t.Errorf("after 4 s: %q, want nothing yet", out.String())
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		const first = "21 of 100 items (1 needs somebody), 40 kB of 100 kB, 4.2 items/s, 8.0 kB/s, 14 to 25 s left\n"
		if out.String() != first {
			t.Errorf("after 6 s: %q, want %q", out.String(), first)
		}
		<-time.After(30 * time.Second)
		synctest.Wait()
		if n := strings.Count(out.String(), "\n"); n != 2 {
			t.Errorf("after 36 s: %d lines, want 2", n)
		}
		p.Close()
		if list, more := p.Problems(); len(list) != 1 || more != 0 || list[0].ExternalID != "SP-1" {
			t.Errorf("problems: %v and %d more", list, more)
		}
	})
}

func TestWarningsComeAtOnceAndOnceInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out page
		p := NewProgress(&out, false, true)
		for range 3 {
			p.Observe(pipeline.Warned{ExternalID: "SP-1\x1b[2J", Text: "look\nhere"})
		}
		p.Observe(pipeline.Waiting{For: "retry-after", Text: "waiting", Until: time.Now().Add(time.Hour)})
		synctest.Wait()
		if want := "warning: SP-1: look here\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
		<-time.After(time.Minute)
		p.Close()
		if strings.Contains(out.String(), "waiting") {
			t.Error("--quiet told of waiting")
		}
	})
}

func TestLongWaitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out page
		p := NewProgress(&out, false, false)
		p.Observe(pipeline.Waiting{For: "retry-after", Text: "a moment", Until: time.Now().Add(time.Second)})
		p.Observe(pipeline.Waiting{For: "retry-after", Text: "an hour", Until: time.Now().Add(time.Hour)})
		p.Close()
		if out.String() != "an hour\n" {
			t.Errorf("got %q, want the long wait alone", out.String())
		}
	})
}

func TestBarsAppearAtTheFirstByteAndGoAway(t *testing.T) {
	var out page
	p := NewProgress(&out, true, false)
	p.Observe(pipeline.Started{Items: 2})
	p.Note("before")
	p.Observe(pipeline.Decided{Row: pipeline.Row{Puts: 1, Size: 10}})
	p.Observe(pipeline.Sent{N: 10})
	p.Observe(pipeline.Finished{Result: pipeline.Result{Status: string(state.Done), AssetID: "a"}})
	p.Close()
	if !strings.HasPrefix(out.String(), "before\n") {
		t.Errorf("got %q, want the note first", out.String())
	}
}

// TestANoteAboveBarsTakesTheWholeLine: the echo of ^C moves the cursor.
func TestANoteAboveBarsTakesTheWholeLine(t *testing.T) {
	var out page
	p := NewProgress(&out, true, false)
	p.Observe(pipeline.Started{Items: 2})
	p.Observe(pipeline.Sent{N: 10})
	for tick := time.Tick(refresh / 10); !strings.Contains(out.String(), "items"); {
		select {
		case <-tick:
		case <-t.Context().Done():
			t.Fatal("no bars")
		}
	}
	p.Note("stopping")
	p.Close()
	if !strings.Contains(out.String(), "\r\x1b[Kstopping\n") {
		t.Errorf("got %q", out.String())
	}
}

func TestEventsAreOneALineWithAType(t *testing.T) {
	var out page
	e := NewEvents(&out)
	e.Observe(pipeline.Started{Run: "r", Items: 2})
	e.Observe(pipeline.Decided{Row: pipeline.Row{ExternalID: "A", Action: pipeline.ActionCreate}})
	e.Observe(pipeline.Stage{ExternalID: "A", Stage: "hash"})
	e.Observe(pipeline.Sent{ExternalID: "A", N: 3})
	e.Observe(pipeline.Request{Op: "postAssets"})
	e.Observe(pipeline.Warned{Code: "twin", Text: "two"})
	e.Observe(pipeline.Waiting{For: "settle"})
	e.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "A", Status: "done"}})
	e.Event(EndedEvent{Type: "ended", Outcome: pipeline.Outcome{Code: 0}})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e.Observe(pipeline.Warned{Text: "too late"})
	var types []string
	for line := range strings.Lines(out.String()) {
		var v struct{ Type string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		types = append(types, v.Type)
	}
	if got, want := strings.Join(types, " "), "started decided stage warned waiting finished ended"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if s := e.Snapshot(); s.Bytes != 3 || s.Requests != 1 || s.Finished != 1 {
		t.Errorf("counted %+v", s)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no reader") }

func TestEventsThatCannotBeWrittenDoNotHangTheRun(t *testing.T) {
	e := NewEvents(broken{})
	for range 2 * queuedEvents {
		e.Observe(pipeline.Started{})
	}
	if err := e.Close(); err == nil {
		t.Error("nobody was told")
	}
}

func TestManyWarningsOfACodeAreFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out page
		p := NewProgress(&out, false, true)
		for i := range 25 {
			p.Observe(pipeline.Warned{Code: "lost-answer", ExternalID: "SP-" + strconv.Itoa(i), Text: "no answer"})
		}
		p.Observe(pipeline.Warned{Code: "other", Text: "once"})
		p.Close()
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 12 || lines[9] != "warning: SP-9: no answer" || lines[10] != "warning: once" || lines[11] != "... and 15 more warnings like it (lost-answer)" {
			t.Errorf("got\n%s", out.String())
		}
	})
}

func TestTheSameWaitIsToldAtTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out page
		p := NewProgress(&out, false, false)
		settle := func(text string) {
			p.Observe(pipeline.Waiting{For: "settle", Text: text, Until: time.Now().Add(time.Minute)})
			synctest.Wait()
		}
		settle("7 creates")
		settle("8 creates")
		<-time.After(time.Second)
		settle("9 creates")
		if out.String() != "7 creates\n" {
			t.Errorf("within a second: %q", out.String())
		}
		p.Observe(pipeline.Waiting{For: "settle", Text: "an hour", Until: time.Now().Add(time.Hour)})
		<-time.After(nextLines)
		p.Observe(pipeline.Waiting{For: "drain", Text: "stopping", Until: time.Now().Add(time.Hour)})
		p.Observe(pipeline.Waiting{For: "settle", Text: "still", Until: time.Now().Add(time.Hour)})
		p.Close()
		if want := "7 creates\nan hour\nstill\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

func TestWhatTheNextRunContinuesIsNotFinished(t *testing.T) {
	var tally Tally
	tally.Observe(pipeline.Started{Run: "r", Items: 4, At: time.Now()})
	for _, status := range []string{string(state.Done), "blocked", string(state.Pending), string(state.Sent)} {
		tally.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "SP-1", Status: status}})
	}
	if line := tally.Snapshot().Line(); !strings.HasPrefix(line, "2 of 4 items (1 needs somebody)") {
		t.Errorf("got %q", line)
	}
}

func TestARunThatStopsSaysWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally Tally
		tally.Observe(pipeline.Started{Run: "r", Items: 4, At: time.Now()})
		tally.Observe(pipeline.Decided{Row: pipeline.Row{ExternalID: "A", Action: pipeline.ActionCreate, Puts: 1, Size: 10}})
		tally.Observe(pipeline.Stage{ExternalID: "A", Stage: "transfer", Size: 10, Name: "a"})
		tally.Observe(pipeline.Sent{ExternalID: "A", N: 9})
		<-time.After(20 * time.Second)
		tally.Observe(pipeline.Waiting{For: "drain", Text: "stopping", Until: time.Now().Add(time.Minute)})
		tally.Observe(pipeline.Request{Op: "getAssets"})
		<-time.After(15 * time.Second)
		s := tally.Snapshot()
		const want = "stopping: waits for 1 upload, 45 s at most"
		if line := s.Line(); !strings.Contains(line, want) || strings.Contains(line, " left") {
			t.Errorf("the line is %q", line)
		}
		if text := paceText(s, false); text != want {
			t.Errorf("the bar says %q", text)
		}
		s.Stages = nil
		if text := paceText(s, false); text != "stopping: waits for what is under way, 45 s at most" {
			t.Errorf("without uploads the bar says %q", text)
		}
	})
}
