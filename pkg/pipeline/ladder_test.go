package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// TestFaultLadder fails the first, the second, ... the last of everything that a
// run does: writes of the state, reads of the source, requests. After each rung
// the next run, in peace, has to keep all promises: one asset each, the right
// bytes and fields, and an empty plan.
func TestFaultLadder(t *testing.T) {
	rungs := 0
	climb := func(name string, step func(t *testing.T, w *world, n int) (reached bool)) {
		t.Run(name, func(t *testing.T) {
			for n, on := 1, true; on; n++ {
				synctest.Test(t, func(t *testing.T) {
					w := ladder(t)
					if on = step(t, w, n); on {
						rungs++
					}
					w.top()
				})
				if t.Failed() {
					t.Fatalf("at rung %d", n)
				}
			}
		})
	}
	climb("state", func(_ *testing.T, w *world, n int) bool { return w.cutAt(n, errCrash) })
	// One item at a time: no commit carries several steps.
	alone := func(w *world) { w.options.Uploads, w.options.Requests, w.options.Hashers = 1, 1, 1 }
	climb("state, alone", func(_ *testing.T, w *world, n int) bool { alone(w); return w.cutAt(n, errCrash) })
	climb("disk", func(_ *testing.T, w *world, n int) bool { return w.cutAt(n, errDiskFull) })

	// A read of the source fails once, or the file changes behind it.
	for _, what := range []string{"error", "changed"} {
		climb("source "+what, func(t *testing.T, w *world, n int) (reached bool) {
			var opened atomic.Int64
			w.files.trouble = func(path string) (time.Duration, error) {
				if opened.Add(1) != int64(n) {
					return 0, nil
				}
				reached = true
				if what == "error" {
					return 0, syscall.EIO
				}
				w.files.put(path, fmt.Sprintf("changed at opening %d", n))
				return 0, nil
			}
			w.attempt(t.Context())
			w.files.trouble = nil
			return reached
		})
	}

	// A request fails once: with a client that repeats it, and with one that does
	// not, as when the fault lasts longer than its patience.
	for _, what := range []rungKind{resetBefore, lostAfter, answer500, answer401} {
		for _, retries := range []int{0, -1} {
			climb(fmt.Sprintf("request %s %d", what, retries), func(t *testing.T, w *world, n int) bool {
				r := &rung{base: w.tenant, at: int64(n), kind: what}
				w.configure = r.configure(retries)
				w.attempt(t.Context())
				return r.n.Load() >= int64(n)
			})
		}
	}

	// The state cannot be written from some point on, and in the next run the
	// answer to one of the first writes is lost, and that run is killed, too.
	for nth := range int64(3) {
		climb(fmt.Sprint("pairs ", nth+1), func(t *testing.T, w *world, n int) bool {
			alone(w)
			reached := w.cutAt(n, errCrash)
			r := &rung{base: w.tenant, at: nth + 1, kind: lostAfter, writes: true}
			w.configure = r.configure(-1)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			r.then = func() { cancel(errCrash) }
			w.attempt(ctx)
			return reached
		})
	}
	t.Logf("%d rungs", rungs)
}

// ladder is a library with something of everything to do: an update, a version, a
// restore of what was archived, a URL asset, and creates with tags to be made.
func ladder(t *testing.T) *world {
	w := newWorld(t, emulator.Options{ListLag: 700 * time.Millisecond, Processing: time.Second})
	w.options.SettleTime, w.options.RetryFailed = 3*time.Second, true
	w.add("UPDATE", "of this the fields change", func(i *manifest.Item) { describe(i, "before") }, tags("Old"))
	w.add("VERSION", "of this the bytes change")
	w.add("BACK", "this one was archived", tags("Old"))
	w.mustRun(0)
	<-time.After(w.options.SettleTime)

	update := &w.items[0]
	describe(update, "after")
	update.Fields.Tags = manifest.Some([]manifest.Tag{{Name: "Old"}, {Name: "New"}})
	w.files.put("VERSION.txt", "these are the new bytes")
	w.archive("BACK")
	w.add("FILE-1", "a file", tags("Old", "New", "Newer"))
	w.add("FILE-2", "another file")
	w.add("LINK", "", link, tags("Newer"))
	return w
}

// archive makes an item one that a rollback has archived.
func (w *world) archive(id string) {
	w.t.Helper()
	w.person(id, showpad.AssetFields{IsArchived: showpad.Some(true)})
	st := w.open()
	defer func() { _ = st.Close() }()
	rec := w.recordOf(st, id)
	for _, status := range []state.Status{state.Sending, state.Done} {
		rec.Op, rec.Status, rec.Error = state.Archive, status, nil
		if err := st.Put(w.t.Context(), state.Write{Record: rec}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// attempt is a run that something goes wrong in.
func (w *world) attempt(ctx context.Context) {
	w.t.Helper()
	out, err := w.run(ctx, nil)
	if len(w.tenant.Books().Duplicates) > 0 {
		w.t.Errorf("duplicates: %v", w.tenant.Books().Duplicates)
	}
	killed := err != nil || errors.Is(out.Err, errCrash) || errors.Is(out.Err, errDiskFull)
	if !killed && len(w.results) != len(w.items) {
		w.t.Errorf("%d results for %d items after %q, %v", len(w.results), len(w.items), out.Sentence, out.Err)
	}
}

// cutAt is a run whose nth commit fails, and all after it.
func (w *world) cutAt(n int, err error) (reached bool) {
	w.t.Helper()
	w.fail = func(commit int) error {
		if commit < n {
			return nil
		}
		reached = true
		return err
	}
	w.attempt(w.t.Context())
	w.fail = nil
	return reached
}

// top is the last rung: all promises are kept.
func (w *world) top() {
	w.t.Helper()
	w.configure = nil
	w.mustRun(0)
	w.check()
	if len(w.results) != len(w.items) {
		w.t.Errorf("%d results for %d items", len(w.results), len(w.items))
	}
	all := w.assets()
	if a := all["UPDATE"]; len(a) != 1 || a[0].Description != "after" {
		w.t.Errorf("the update did not arrive: %+v", a)
	}
	if a := all["BACK"]; len(a) != 1 || a[0].IsArchived {
		w.t.Errorf("the archived one did not come back: %+v", a)
	}
	w.planIsEmpty()
}

// rungKind is how a request fails.
type rungKind string

const (
	resetBefore rungKind = "reset before"
	lostAfter   rungKind = "lost after"
	answer500   rungKind = "500"
	answer401   rungKind = "401"
)

// rung is a connection on which the request number at fails, uploads and tokens
// included.
type rung struct {
	base   http.RoundTripper
	kind   rungKind
	at     int64
	writes bool // count only what changes something
	then   func()
	n      atomic.Int64
}

// configure is for world.configure.
func (r *rung) configure(retries int) func(*showpad.Config) {
	return func(c *showpad.Config) { c.Base, c.Storage, c.Retries = r, r, retries }
}

func (r *rung) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.writes && req.Method == http.MethodGet || r.n.Add(1) != r.at {
		return r.base.RoundTrip(req)
	}
	if r.then != nil {
		defer r.then()
	}
	status := 0
	switch r.kind {
	case lostAfter:
		if resp, err := r.base.RoundTrip(req); err == nil {
			resp.Body.Close()
		}
		return nil, io.ErrUnexpectedEOF
	case answer500:
		status = http.StatusInternalServerError
	case answer401:
		status = http.StatusUnauthorized
	}
	if req.Body != nil {
		req.Body.Close()
	}
	if status == 0 {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader("no")), Request: req,
	}, nil
}
