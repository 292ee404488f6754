package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openReader(t *testing.T, path string) (Reader, *Holder) {
	t.Helper()
	r, h, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, h
}

// fill puts n items and what goes with them.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	var ws []Write
	for i := range n {
		w := rec(fmt.Sprintf("%05d", i), Create, Registering)
		if i%3 == 0 {
			w.Record.Status = Done
		}
		w.Event, w.Change = "made", &Change{Op: Create, AssetID: fmt.Sprint(i)}
		ws = append(ws, w)
	}
	mustPut(t, s, ws...)
	if err := s.SetRun(t.Context(), Run{ID: "r1", Outcome: "well"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetMeta(t.Context(), MetaDigest, "d"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * n / 3 { // of 2100: more than a page
		e := Extra{Kind: Share, Key: fmt.Sprintf("%04d", i), Owner: fmt.Sprintf("m%d", i%2), Status: ExtraDone, Run: "r1", Secret: json.RawMessage(`{"a":1}`)}
		if err := s.PutExtra(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if err := s.AddMadeTag(t.Context(), "r1", MadeTag{ID: fmt.Sprint(i), Name: "tag", Division: "d1"}); err != nil {
			t.Fatal(err)
		}
	}
}

// placesOf are what a record's JSON does not have.
func placesOf(all []Extra) []string {
	out := []string{}
	for _, e := range all {
		out = append(out, string(e.Kind)+" "+e.Place())
	}
	return out
}

// everything that a Reader says of a state made by fill, as JSON.
func everything(t *testing.T, r Reader) string {
	t.Helper()
	ctx := t.Context()
	var out []any
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	ids := []string{"none"}
	for i := range 2200 {
		ids = append(ids, fmt.Sprintf("%05d", i))
	}
	got, err := r.Get(ctx, ids)
	add(got, err)
	for _, limit := range []int{3, 1000, 1001, 5000, 0} {
		recs, err := r.Scan(ctx, "00010", limit)
		add([]any{idsOf(recs), recs}, err)
		recs, err = r.Unfinished(ctx, "", limit)
		add([]any{idsOf(recs), recs}, err)
		ids, changes, err := r.Changes(ctx, "r1", "00003", limit)
		add([]any{ids, changes}, err)
	}
	for _, owner := range []string{"", "m0", "m1", "m"} {
		for _, limit := range []int{3, 1000, 1001, 5000, 0} {
			some, err := r.Extras(ctx, Share, owner, "", limit)
			add([]any{placesOf(some), some}, err)
		}
		all, err := AllExtras(ctx, r, Share, owner)
		add(placesOf(all), err)
	}
	after, err := r.Extras(ctx, Share, "m1", "0003", 2)
	add(placesOf(after), err)
	if none, err := r.Extras(ctx, MyFile, "", "", 0); err != nil || len(none) > 0 {
		t.Errorf("%v, %v", none, err)
	}
	if _, err := r.Extras(ctx, "other", "", "", 0); err == nil {
		t.Error("a kind that there is not was read")
	}
	c, err := r.Counts(ctx)
	add(c, err)
	ev, err := r.Events(ctx, "00004")
	add(ev, err)
	runs, err := r.Runs(ctx)
	add(runs, err)
	m, err := r.Meta(ctx, MetaDigest)
	add(m, err)
	for run, n := range map[string]int{"r1": 3, "r": 0, "": 0} {
		made, err := r.MadeTags(ctx, run)
		if len(made) != n {
			t.Errorf("%d tags made by %q, %v; want %d", len(made), run, err, n)
		}
	}
	made, err := r.MadeTags(ctx, "r1")
	add(made, err)
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAReaderSaysTheSameOfAFileAndOfItsHolder(t *testing.T) {
	s := openNew(t, noSync)
	fill(t, s, 2100)
	want := everything(t, s)
	same := func(who string, r Reader) {
		t.Helper()
		if got := everything(t, r); got != want {
			t.Errorf("%s says %d bytes, want %d: %s", who, len(got), len(want), cmp.Diff(want[:2000], got[:2000]))
		}
	}
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	live, h := openReader(t, s.Path())
	if h == nil || h.PID != os.Getpid() {
		t.Fatalf("holder %v", h)
	}
	same("the holder", live)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, h := openReader(t, s.Path())
	if h != nil {
		t.Errorf("holder %v", h)
	}
	same("the file", file)
	same("the reader whose holder has gone", live)
}

func TestAMissingStateIsEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "state.db")
	r, h := openReader(t, path)
	if h != nil {
		t.Errorf("holder %v", h)
	}
	c, err := r.Counts(t.Context())
	if err != nil || c.Total != 0 || c.ByStatus == nil || c.ByOp == nil {
		t.Errorf("%+v, %v", c, err)
	}
	recs, err := r.Scan(t.Context(), "", 10)
	if err != nil || len(recs) != 0 {
		t.Errorf("%v, %v", recs, err)
	}
	got, err := r.Get(t.Context(), []string{"a"})
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if m, err := r.Meta(t.Context(), MetaTenant); m != "" || err != nil {
		t.Errorf("%q, %v", m, err)
	}
	if _, err := r.(Live).Live(t.Context()); !errors.Is(err, ErrNoHolder) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
}

func TestAReaderFollowsTheStateFromHandToHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	r, _ := openReader(t, path)
	total := func(want int) {
		t.Helper()
		if c, err := r.Counts(t.Context()); err != nil || c.Total != want {
			t.Errorf("%d records, %v; want %d", c.Total, err, want)
		}
	}
	total(0)
	for i := range 3 {
		s := openAt(t, path)
		if err := s.Serve(func() any { return map[string]int{"round": i} }); err != nil {
			t.Fatal(err)
		}
		total(i)
		mustPut(t, s, rec(fmt.Sprint(i), Create, Registering))
		total(i + 1)
		raw, err := r.(Live).Live(t.Context())
		if err != nil || string(raw) != fmt.Sprintf(`{"round":%d}`, i) {
			t.Errorf("live: %s, %v", raw, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		total(i + 1)
	}
	r.Close()
	if _, err := r.Counts(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestAHolderThatDoesNotServeIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openNew(t, noSync)
		defer s.Close()
		_, _, err := OpenReader(t.Context(), s.Path())
		if e, ok := errors.AsType[*LockedError](err); !ok || e.Holder.PID != os.Getpid() {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, _, err := OpenReader(ctx, s.Path()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestAnAddressWithoutItsHolderIsNotBelieved(t *testing.T) {
	s := openNew(t)
	mustPut(t, s, rec("a", Create, Done))
	path := s.Path()
	s.Close()
	ln := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("{}")) })}
	addr := serveHTTP(t, ln)
	stale, _ := json.Marshal(lockContent{Holder: Holder{PID: 1, Addr: addr}, Key: "k"})
	if err := os.WriteFile(lockPath(path), stale, 0o600); err != nil {
		t.Fatal(err)
	}
	r, h := openReader(t, path)
	if c, err := r.Counts(t.Context()); err != nil || c.Total != 1 || h != nil {
		t.Errorf("%v, %v, holder %v", c, err, h)
	}
	// A client that was handed the address finds out, too.
	_, err := newClient(lockContent{Holder: Holder{Addr: addr}, Key: "k"}).Counts(t.Context())
	if !errors.Is(err, errUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestTheHolderAnswersOnlyToItsKey(t *testing.T) {
	s := openNew(t)
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "wrong", s.lock.content.Key + "x"} {
		c := newClient(lockContent{Holder: s.lock.content.Holder, Key: key})
		if _, err := c.Counts(t.Context()); !errors.Is(err, errUnreachable) {
			t.Errorf("key %q: %v", key, err)
		}
		c.Close()
	}
	c := newClient(s.lock.content)
	defer c.Close()
	if _, err := c.Counts(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.ask(t.Context(), question{Method: "burn"}); err == nil || errors.Is(err, errUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestARunStartsWhileReadersRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path, noSync)
	fill(t, s, 50)
	s.Close()
	r, _ := openReader(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	started := make(chan struct{}, 4)
	for range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				c, err := r.Counts(ctx)
				if err != nil && ctx.Err() == nil || err == nil && c.Total < 50 {
					t.Errorf("%v, %v", c, err)
					return
				}
				if i == 3 {
					started <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-started
	}
	for i := range 3 {
		s := openAt(t, path, noSync)
		if err := s.Serve(nil); err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, rec(fmt.Sprintf("new %d", i), Create, Registering))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
}

func serveHTTP(t *testing.T, srv *http.Server) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() { srv.Close(); <-done })
	return ln.Addr().String()
}
