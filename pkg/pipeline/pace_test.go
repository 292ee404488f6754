package pipeline_test

import (
	"context"
	"flag"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// away is a service that answers every request d later, and counts them.
type away struct {
	http.RoundTripper
	d time.Duration

	mu    sync.Mutex
	calls map[string]int // by method
}

func (a *away) RoundTrip(req *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.calls[req.Method]++
	a.mu.Unlock()
	t := time.NewTimer(a.d)
	defer t.Stop()
	select {
	case <-t.C:
		return a.RoundTripper.RoundTrip(req)
	case <-req.Context().Done():
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, context.Cause(req.Context())
	}
}

// farRun is how long a run of n new items takes on the clock of a bubble, where
// computing takes no time, with a service that is 50 ms away; and how long the bare
// calls take there.
func farRun(t testing.TB, n int) (run, bareCalls time.Duration, reads int) {
	const latency = 50 * time.Millisecond
	tenant := func() (*emulator.Server, *away) {
		s, err := emulator.New(emulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s, &away{RoundTripper: s, d: latency, calls: map[string]int{}}
	}
	s, far := tenant()
	v4, _ := s.URLs()
	calls := &bare{url: v4.Scheme + "://" + v4.Host, api: &http.Client{Transport: far}, storage: &http.Client{Transport: far}, slots: make(chan struct{}, inFlight)}
	begin := time.Now()
	if err := calls.move(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	bareCalls = time.Since(begin)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s, far = tenant()
	v4, v3 := s.URLs()
	client, err := showpad.New(showpad.Config{
		APIURL: v4.String(), V3URL: v3.String(), Token: showpad.StaticToken(emulator.DefaultToken), Base: far, Storage: far, Gate: showpad.NewGate(inFlight),
	})
	if err != nil {
		t.Fatal(err)
	}
	st, err := state.Open(t.Context(), filepath.Join(fastDir(t), "far.state.db"), state.Options{Tenant: "acme", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	out, err := pipeline.Run(t.Context(), pipeline.RunInput{Input: benchInput(n, client, st), Store: st, ID: "run-1"})
	run = time.Since(begin)
	if err != nil || out.Code != 0 || out.Status["done"] != n {
		t.Fatalf("%s, %v, %v", out.Sentence, out.Err, err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return run, bareCalls, far.calls[http.MethodGet]
}

var paceItems = flag.Int("pace.items", 320, "new items of TestRunAddsFewRoundTrips")

// A run waits for few answers that the bare calls do not wait for: the names with
// the first look-ups beside them, the first create with the proof that it is found,
// and the last poll. What else it reads goes beside the calls.
func TestRunAddsFewRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, bareCalls, reads := farRun(t, *paceItems)
		t.Logf("%d items: run %s, bare calls %s, ratio %.3f, %d reads", *paceItems, run, bareCalls, bareCalls.Seconds()/run.Seconds(), reads)
		if ratio := bareCalls.Seconds() / run.Seconds(); *paceItems >= 3000 && ratio < 0.97 {
			t.Errorf("a run of %d items keeps %.3f of the pace of the bare calls", *paceItems, ratio)
		}
		if *paceItems != 320 {
			return
		}
		if added := run - bareCalls; added > 250*time.Millisecond {
			t.Errorf("a run takes %s, and the bare calls %s: %s more", run, bareCalls, added)
		}
		// Divisions and languages; four look-ups and the proof; four or five polls.
		if reads > 12 {
			t.Errorf("%d reads", reads)
		}
	})
}
