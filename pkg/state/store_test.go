package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var ignoreUpdated = cmpopts.IgnoreFields(Record{}, "Updated")

func openAt(t *testing.T, path string, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{Tenant: "acme", Program: "migrate test"}
	for _, f := range change {
		f(&o)
	}
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openNew(t *testing.T, change ...func(*Options)) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "state.db"), change...)
}

func noSync(o *Options) { o.NoSync = true }

func rec(id string, op Op, st Status) Write {
	return Write{Record: Record{ExternalID: id, Op: op, Status: st, Owner: "wave-1", Run: "r1"}}
}

func mustPut(t *testing.T, s *Store, ws ...Write) {
	t.Helper()
	if err := s.Put(t.Context(), ws...); err != nil {
		t.Fatal(err)
	}
}

func TestARecordComesBackAsItWasPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	want := Record{
		ExternalID: "SP-é 1", Op: Create, Status: Sent, Owner: "wave-1", AssetID: "a1", FileID: "f1", Source: "decks:a.pdf",
		MD5: "d41d8cd98f00b204e9800998ecf8427e", Size: 7, ModTime: 1234567890123456789,
		Fields:   map[string]Base{"name": {Sent: json.RawMessage(`"a"`), Seen: json.RawMessage(`"b"`)}},
		Intent:   map[string]json.RawMessage{"name": json.RawMessage(`"c"`)},
		Relative: map[string]string{"expiresAt": "+18 months"},
		Run:      "r1", Attempts: 3, SentAt: time.Date(2026, 11, 21, 20, 0, 0, 5, time.FixedZone("", 3600)),
		Error: &Failure{Code: "x", Message: "y"}, Warnings: []string{"normalised"}, Replaced: "aa",
	}
	before := time.Now()
	mustPut(t, s, Write{Record: want})
	for _, reopened := range []bool{false, true} {
		if reopened {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openAt(t, path)
		}
		got, err := s.Get(t.Context(), []string{"other", want.ExternalID, ""})
		if err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
		g := got[want.ExternalID]
		if d := cmp.Diff(want, g, ignoreUpdated); d != "" {
			t.Errorf("reopened %v: %s", reopened, d)
		}
		if g.Updated.Before(before.Add(-time.Second)) || g.Updated.Location() != time.UTC || g.SentAt.Location() != time.UTC {
			t.Errorf("times %v, %v", g.Updated, g.SentAt)
		}
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestScansArePagedInOrder(t *testing.T) {
	s := openNew(t, noSync)
	const n = 2500
	var ws []Write
	for i := range n {
		st := Registering
		if i%2 == 1 {
			st = Done
		}
		ws = append(ws, rec(fmt.Sprintf("id-%05d", i), Create, st))
	}
	mustPut(t, s, ws...)
	for _, c := range []struct {
		name  string
		scan  func(context.Context, string, int) ([]Record, error)
		total int
	}{{"scan", s.Scan, n}, {"unfinished", s.Unfinished, n / 2}} {
		for _, limit := range []int{1, 7, 999, 1000, 1001, 2400, 5000, 0} {
			if limit == 1 {
				continue // covered below: one by one would be 2,500 transactions
			}
			var ids []string
			after := ""
			for {
				recs, err := c.scan(t.Context(), after, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range recs {
					ids = append(ids, r.ExternalID)
				}
				eff := limit
				if eff == 0 {
					eff = 1000
				}
				if len(recs) > eff {
					t.Fatalf("%s: %d records for a limit of %d", c.name, len(recs), eff)
				}
				if len(recs) < eff {
					break
				}
				after = recs[len(recs)-1].ExternalID
			}
			if len(ids) != c.total || !slices.IsSorted(ids) || len(slices.Compact(ids)) != c.total {
				t.Errorf("%s with limit %d: %d ids", c.name, limit, len(ids))
			}
		}
	}
	one, err := s.Scan(t.Context(), "id-00003", 1)
	if err != nil || len(one) != 1 || one[0].ExternalID != "id-00004" {
		t.Errorf("after id-00003: %v, %v", one, err)
	}
	between, err := s.Scan(t.Context(), "id-00003x", 1)
	if err != nil || len(between) != 1 || between[0].ExternalID != "id-00004" {
		t.Errorf("after an ID that does not exist: %v, %v", between, err)
	}
	many := make([]string, 0, n)
	for i := range n {
		many = append(many, fmt.Sprintf("id-%05d", i))
	}
	if got, err := s.Get(t.Context(), many); err != nil || len(got) != n {
		t.Errorf("get of %d: %d, %v", n, len(got), err)
	}
}

func TestCountsAndTheIndexFollowEachStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path, noSync)
	life := []Status{Registering, Registered, Sending, Sent, Processing, Done}
	for i, st := range life {
		mustPut(t, s, rec("a", Create, st))
		c, err := s.Counts(t.Context())
		want := Counts{ByStatus: map[Status]int{st: 1}, ByOp: map[Op]int{Create: 1}, Total: 1}
		if err != nil || !cmp.Equal(c, want) {
			t.Fatalf("%s: %s %v", st, cmp.Diff(want, c), err)
		}
		u, err := s.Unfinished(t.Context(), "", 10)
		if err != nil || (len(u) == 1) != (i < len(life)-1) {
			t.Fatalf("%s: unfinished %v, %v", st, u, err)
		}
	}
	mustPut(t, s, rec("a", Update, Sending), rec("b", Create, Registering), rec("c", Create, Failed), rec("b", Create, Registered))
	want := Counts{ByStatus: map[Status]int{Sending: 1, Registered: 1, Failed: 1}, ByOp: map[Op]int{Update: 1, Create: 2}, Total: 3}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, noSync)
	if c, err := s.Counts(t.Context()); err != nil || !cmp.Equal(c, want) {
		t.Errorf("after reopening: %s %v", cmp.Diff(want, c), err)
	}
	u, err := s.Unfinished(t.Context(), "", 10)
	if err != nil || len(u) != 2 || u[0].ExternalID != "a" || u[1].ExternalID != "b" {
		t.Errorf("unfinished %v, %v", u, err)
	}
}

func TestARefusedStepChangesNothing(t *testing.T) {
	s := openNew(t, noSync)
	mustPut(t, s, rec("a", Create, Done))
	serial, _ := s.Meta(t.Context(), MetaSerial)
	err := s.Put(t.Context(), rec("b", Create, Registering), rec("a", Create, Sent))
	if !errors.Is(err, ErrTransition) || !strings.Contains(err.Error(), "a: create from done to sent") {
		t.Errorf("err %v", err)
	}
	err = s.Put(t.Context(), rec("b", Create, Registering), rec("b", Version, Sending))
	if !errors.Is(err, ErrTransition) || !strings.Contains(err.Error(), "version while create is registering") {
		t.Errorf("err %v", err)
	}
	if got, _ := s.Get(t.Context(), []string{"b"}); len(got) != 0 {
		t.Errorf("a part of a refused request was stored: %v", got)
	}
	if again, _ := s.Meta(t.Context(), MetaSerial); again != serial {
		t.Errorf("serial %s after %s", again, serial)
	}
	mustPut(t, s, rec("b", Create, Registering)) // the store goes on
}

func TestARefusedQueuedStepIsToldByFlush(t *testing.T) {
	s := openNew(t, noSync)
	mustPut(t, s, rec("a", Create, Done))
	for _, w := range []Write{rec("a", Create, Sent), rec("b", Create, Registering), rec("a", Version, Processing)} {
		if err := s.Queue(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); !errors.Is(err, ErrTransition) || !strings.Contains(err.Error(), "to sent") {
		t.Errorf("flush: %v", err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Errorf("told twice: %v", err)
	}
	if got, _ := s.Get(t.Context(), []string{"b"}); len(got) != 1 {
		t.Error("the step between the refused ones is missing")
	}
	if err := s.Queue(t.Context(), rec("a", Create, Registered)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); !errors.Is(err, ErrTransition) {
		t.Errorf("close: %v", err)
	}
}

func TestWhatCannotBeStoredIsRefused(t *testing.T) {
	s := openNew(t, noSync)
	for _, w := range []Write{
		rec("", Create, Done), rec("a\x00b", Create, Done), rec(strings.Repeat("x", maxID+1), Create, Done),
		{Record: Record{ExternalID: "a", Op: Create, Status: Done}, Change: &Change{}},
		{Record: Record{ExternalID: "a", Op: Create, Status: Done, Intent: map[string]json.RawMessage{"x": json.RawMessage(`{`)}}},
	} {
		if err := s.Put(t.Context(), w); err == nil {
			t.Errorf("stored %+v", w)
		}
	}
	for _, w := range []Write{rec("a", "burn", Done), rec("a", Create, "gone"), rec("a", "", "")} {
		if err := s.Put(t.Context(), w); !errors.Is(err, ErrTransition) {
			t.Errorf("%+v: %v", w, err)
		}
	}
	for _, key := range []string{"", MetaTenant, MetaSchema, MetaSerial, metaCounts} {
		if err := s.SetMeta(t.Context(), key, "x"); err == nil {
			t.Errorf("meta %q was set", key)
		}
	}
	if err := s.SetRun(t.Context(), Run{}); err == nil {
		t.Error("a run without ID was stored")
	}
	if c, _ := s.Counts(t.Context()); c.Total != 0 {
		t.Errorf("counts %v", c)
	}
}

func TestEventsKeepTheLastThirtyTwo(t *testing.T) {
	s := openNew(t, noSync)
	w := rec("b", Create, Registering)
	mustPut(t, s, Write{Record: rec("a", Create, Registering).Record, Event: "first of a"}, Write{Record: rec("c", Create, Registering).Record, Event: "first of c"})
	var batch []Write
	for i := range 100 {
		w.Event = fmt.Sprintf("line %d", i)
		if i < 50 {
			mustPut(t, s, w)
		} else {
			batch = append(batch, w)
		}
		if i == 10 {
			got, err := s.Events(t.Context(), "b")
			if err != nil || len(got) != 11 || got[0].Text != "line 0" {
				t.Fatalf("%v, %v", got, err)
			}
		}
	}
	mustPut(t, s, batch...)
	got, err := s.Events(t.Context(), "b")
	if err != nil || len(got) != keepEvents || got[0].Text != "line 68" || got[31].Text != "line 99" {
		t.Fatalf("%v, %v", got, err)
	}
	if e := got[31]; e.Op != Create || e.Status != Registering || e.Run != "r1" || e.Time.IsZero() {
		t.Errorf("event %+v", e)
	}
	for _, id := range []string{"a", "c"} {
		if got, err := s.Events(t.Context(), id); err != nil || len(got) != 1 || got[0].Text != "first of "+id {
			t.Errorf("%s: %v, %v", id, got, err)
		}
	}
	if got, err := s.Events(t.Context(), "nobody"); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTextsAreOneLineOfFiveHundredCharacters(t *testing.T) {
	s := openNew(t, noSync)
	long := "a\nb\x1b[31m\u2028" + strings.Repeat("é", 600)
	w := rec("a", Create, Failed)
	w.Event, w.Record.Error, w.Record.Warnings = long, &Failure{Code: "x", Message: long}, []string{long}
	mustPut(t, s, w)
	got, _ := s.Get(t.Context(), []string{"a"})
	ev, _ := s.Events(t.Context(), "a")
	for _, text := range []string{got["a"].Error.Message, got["a"].Warnings[0], ev[0].Text} {
		if n := len([]rune(text)); n != maxText || strings.ContainsAny(text, "\n\x1b\u2028") || !strings.HasPrefix(text, "a b") || !strings.HasSuffix(text, "é…") {
			t.Errorf("%d characters: %.20q", n, text)
		}
	}
	if w.Record.Error.Message != long || w.Record.Warnings[0] != long {
		t.Error("the caller's values were changed")
	}
}

func TestRunsAndChanges(t *testing.T) {
	s := openNew(t, noSync)
	start := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	for _, id := range []string{"zz", "aa", "mm"} {
		if err := s.SetRun(t.Context(), Run{ID: id, Start: start}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetRun(t.Context(), Run{ID: "aa", Start: start, End: start.Add(time.Hour), Code: 3, Outcome: "95\nof 100"}); err != nil {
		t.Fatal(err)
	}
	runs, err := s.Runs(t.Context())
	if err != nil || len(runs) != 3 || runs[0].ID != "zz" || runs[1].ID != "aa" || runs[2].ID != "mm" {
		t.Fatalf("%v, %v", runs, err)
	}
	if runs[1].Code != 3 || runs[1].Outcome != "95 of 100" || runs[0].Code != 0 {
		t.Errorf("%+v", runs)
	}
	for i := range 1203 {
		w := rec(fmt.Sprintf("%04d", i), Update, Sending)
		w.Record.Run = "aa"
		w.Change = &Change{Op: Update, AssetID: fmt.Sprint(i), Before: map[string]json.RawMessage{"n": json.RawMessage(fmt.Sprint(i))}}
		if err := s.Queue(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	w := rec("0000", Update, Done)
	w.Record.Run = "aaa" // its changes are not those of "aa"
	w.Change = &Change{Op: Archive}
	mustPut(t, s, w)
	mustFlush(t, s)
	ids, changes, err := s.Changes(t.Context(), "aa", "", 5000)
	if err != nil || len(ids) != 1203 || len(changes) != 1203 || ids[1202] != "1202" || changes[7].AssetID != "7" || string(changes[7].Before["n"]) != "7" {
		t.Fatalf("%d, %d, %v", len(ids), len(changes), err)
	}
	if ids, _, err = s.Changes(t.Context(), "aa", "1200", 2); err != nil || !slices.Equal(ids, []string{"1201", "1202"}) {
		t.Errorf("%v, %v", ids, err)
	}
	if ids, _, err = s.Changes(t.Context(), "a", "", 2); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestMetaAndTheSerialGrowWithEachCommit(t *testing.T) {
	s := openNew(t, noSync)
	if err := s.SetMeta(t.Context(), MetaDigest, "abc"); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, rec("a", Create, Registering))
	for key, want := range map[string]string{MetaDigest: "abc", MetaTenant: "acme", MetaSchema: strconv.Itoa(Schema), MetaSerial: "2", "nothing": ""} {
		if got, err := s.Meta(t.Context(), key); err != nil || got != want {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
}

func TestAFailedCommitEndsAllWriting(t *testing.T) {
	full := errors.New("no space left on device")
	s := openNew(t, noSync, func(o *Options) {
		o.FailWrite = func(n int) error {
			if n == 3 {
				return full
			}
			return nil
		}
	})
	mustPut(t, s, rec("a", Create, Registering))
	mustPut(t, s, rec("a", Create, Registered))
	for range 3 {
		if err := s.Put(t.Context(), rec("a", Create, Sending)); !errors.Is(err, full) || !strings.Contains(err.Error(), s.Path()) {
			t.Errorf("put: %v", err)
		}
	}
	if err := s.Queue(t.Context(), rec("b", Create, Registering)); !errors.Is(err, full) {
		t.Errorf("queue: %v", err)
	}
	if err := s.Flush(t.Context()); !errors.Is(err, full) {
		t.Errorf("flush: %v", err)
	}
	if err := s.SetMeta(t.Context(), "x", "y"); !errors.Is(err, full) {
		t.Errorf("meta: %v", err)
	}
	got, err := s.Get(t.Context(), []string{"a"})
	if err != nil || got["a"].Status != Registered {
		t.Errorf("what was stored before: %v, %v", got, err)
	}
	if err := s.Close(); !errors.Is(err, full) {
		t.Errorf("close: %v", err)
	}
	s = openAt(t, s.Path(), noSync)
	if c, _ := s.Counts(t.Context()); c.Total != 1 || c.ByStatus[Registered] != 1 {
		t.Errorf("counts %v", c)
	}
}

func TestWaitersShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		commits := 0
		s := openNew(t, noSync, func(o *Options) {
			o.FailWrite = func(int) error { commits++; <-gate; return nil }
		})
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if err := s.Put(t.Context(), rec(fmt.Sprint(i), Create, Registering)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if commits > 3 {
			t.Errorf("%d commits for 100 concurrent puts", commits)
		}
		s.Close()
	})
}

func TestQueueBlocksWhenFullAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := openNew(t, noSync, func(o *Options) {
			o.FailWrite = func(int) error { <-gate; return nil }
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("enough"))
		defer cancel()
		n := 0
		var err error
		for ; err == nil; n++ {
			err = s.Queue(ctx, rec(fmt.Sprint(n), Create, Registering))
		}
		if err.Error() != "enough" || n < queueSize || n > queueSize+groupSize+2 {
			t.Errorf("after %d: %v", n, err)
		}
		if err := s.Put(ctx, rec("late", Create, Registering)); err == nil || err.Error() != "enough" {
			t.Errorf("put: %v", err)
		}
		close(gate)
		if err := s.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if c, _ := s.Counts(t.Context()); c.Total != n-1 {
			t.Errorf("%d stored of %d", c.Total, n-1)
		}
		s.Close()
	})
}

func TestPutAndQueueKeepTheirOrder(t *testing.T) {
	s := openNew(t, noSync)
	for i, st := range []Status{Registering, Registered, Sending, Sent, Processing, Done} {
		w := rec("a", Create, st)
		var err error
		if i%2 == 0 {
			err = s.Queue(t.Context(), w)
		} else {
			err = s.Put(t.Context(), w)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCloseStoresWhatIsQueuedAndEndsTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	for i := range 300 {
		if err := s.Queue(t.Context(), rec(fmt.Sprint(i), Create, Registering)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), rec("x", Create, Registering)); !errors.Is(err, ErrClosed) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.Get(t.Context(), []string{"x"}); !errors.Is(err, ErrClosed) {
		t.Errorf("get: %v", err)
	}
	if _, err := os.Stat(lockPath(path)); !os.IsNotExist(err) {
		t.Errorf("the lock file: %v", err)
	}
	s = openAt(t, path)
	if c, _ := s.Counts(t.Context()); c.Total != 300 {
		t.Errorf("counts %v", c)
	}
}

func TestPutsWhileClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path, noSync)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var stored []string
	started := make(chan struct{}, 16)
	for g := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", g, i)
				err := s.Put(context.Background(), rec(id, Create, Registering))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				stored = append(stored, id)
				mu.Unlock()
				if i == 5 {
					started <- struct{}{}
				}
			}
		})
	}
	for range 16 {
		<-started
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	s = openAt(t, path, noSync)
	got, err := s.Get(t.Context(), stored)
	if err != nil || len(got) != len(stored) {
		t.Errorf("%d of %d acknowledged are there, %v", len(got), len(stored), err)
	}
}

func TestAnEndedContextPutsNothing(t *testing.T) {
	s := openNew(t, noSync)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, rec("a", Create, Registering)); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.Get(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if _, err := Open(ctx, filepath.Join(t.TempDir(), "x"), Options{Tenant: "acme"}); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	if got, _ := s.Get(t.Context(), []string{"a"}); len(got) != 0 {
		t.Error("stored after its context had ended")
	}
}

func TestAStateBelongsToOneTenant(t *testing.T) {
	s := openNew(t)
	path := s.Path()
	s.Close()
	_, err := Open(t.Context(), path, Options{Tenant: "globex"})
	if !errors.Is(err, ErrOtherTenant) || !strings.Contains(err.Error(), `"acme"`) || !strings.Contains(err.Error(), `"globex"`) {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.Context(), path, Options{}); err == nil {
		t.Error("opened without a tenant")
	}
	openAt(t, path)
}

func TestANewerSchemaIsRefused(t *testing.T) {
	s := openNew(t)
	path := s.Path()
	if err := s.wait(t.Context(), &request{meta: [][2]string{{MetaSchema, "7"}}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, err := Open(t.Context(), path, Options{Tenant: "acme"})
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "schema 7") || !strings.Contains(err.Error(), fmt.Sprintf("knows %d", Schema)) {
		t.Errorf("open: %v", err)
	}
	if _, _, err := OpenReader(t.Context(), path); !errors.Is(err, ErrNewer) {
		t.Errorf("reader: %v", err)
	}
}

func mustFlush(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}
