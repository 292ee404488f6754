package state

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Steps that nobody waits for come to the disk together, soon; an intent does not
// wait for them, nor carries those of other items along.
func TestStepsAreHeldAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var commits atomic.Int64
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), Options{Tenant: "acme", NoSync: true, FailWrite: func(int) error { commits.Add(1); return nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		queue := func(w Write) {
			t.Helper()
			if err := s.Queue(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		status := func(id string) Status {
			t.Helper()
			recs, err := s.Get(t.Context(), []string{id})
			if err != nil {
				t.Fatal(err)
			}
			return recs[id].Status
		}
		begun := time.Now()
		mustPut(t, s, rec("a", Create, Registering))
		for i, st := range []Status{Registered, Sending, Sent, Done} {
			w := rec("a", Create, st)
			w.Event = fmt.Sprintf("step %d", i)
			w.Record.Run = "run-1"
			w.Change = &Change{Op: Create, AssetID: fmt.Sprint(i)}
			queue(w)
		}
		mustPut(t, s, rec("b", Create, Registering))
		if got := status("a"); got != Registering || commits.Load() != 2 {
			t.Errorf("an intent carried the steps of another item along: %s, %d commits", got, commits.Load())
		}
		queue(rec("b", Create, Registered))
		mustPut(t, s, rec("b", Create, Sending)) // its own steps come before it
		if got := status("b"); got != Sending || commits.Load() != 3 {
			t.Errorf("%s, %d commits", got, commits.Load())
		}
		<-time.After(holdFor + time.Millisecond)
		synctest.Wait()
		if got := status("a"); got != Done || commits.Load() != 4 {
			t.Errorf("after %s: %s, %d commits", time.Since(begun), got, commits.Load())
		}
		events, err := s.Events(t.Context(), "a")
		if err != nil || len(events) != 4 || events[0].Text != "step 0" || events[3].Text != "step 3" {
			t.Errorf("%+v, %v", events, err)
		}
		if _, changes, err := s.Changes(t.Context(), "run-1", "", 10); err != nil || len(changes) != 1 || changes[0].AssetID != "3" {
			t.Errorf("%+v, %v", changes, err)
		}
		if c, err := s.Counts(t.Context()); err != nil || c.ByStatus[Done] != 1 || c.ByStatus[Sending] != 1 || c.Total != 2 {
			t.Errorf("%+v, %v", c, err)
		}

		// A wrong step is refused alone, wherever it stands.
		queue(rec("a", Create, Sent))
		queue(rec("b", Create, Sent))
		if err := s.Flush(t.Context()); err == nil {
			t.Error("a wrong step was not told")
		}
		if a, b := status("a"), status("b"); a != Done || b != Sent {
			t.Errorf("%s, %s", a, b)
		}
		// A flood is not held.
		for i := range 2 * groupSize {
			queue(rec(fmt.Sprint(i), Create, Registering))
		}
		synctest.Wait()
		if got := status("0"); got != Registering {
			t.Errorf("%q", got)
		}
	})
}

// More events than are kept may come in one commit.
func TestEventsOfOneCommitAreBounded(t *testing.T) {
	s := openNew(t, noSync)
	for i := range 2*keepEvents + 3 {
		w := rec("a", Create, Registering)
		w.Event = fmt.Sprint(i)
		if err := s.Queue(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	mustFlush(t, s)
	ev, err := s.Events(t.Context(), "a")
	if err != nil || len(ev) != keepEvents || ev[keepEvents-1].Text != fmt.Sprint(2*keepEvents+2) {
		t.Errorf("%d events, %v", len(ev), err)
	}
}
