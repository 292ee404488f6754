package pipeline_test

import (
	"fmt"
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
)

// nameTime is how long the names take here: less than the client waits for them.
const nameTime = 30 * time.Second

// lookups notes the look-ups by external ID, and answers the names late.
type lookups struct {
	http.RoundTripper
	names time.Duration // that the Divisions take
	begun time.Time

	mu   sync.Mutex
	asks []string // external IDs of each, comma-joined
	at   []time.Duration
}

func (l *lookups) RoundTrip(req *http.Request) (*http.Response, error) {
	if ids := req.URL.Query().Get("externalIds"); ids != "" {
		l.mu.Lock()
		l.asks, l.at = append(l.asks, ids), append(l.at, time.Since(l.begun))
		l.mu.Unlock()
	}
	if strings.HasSuffix(req.URL.Path, "/divisions") {
		<-time.After(l.names)
	}
	return l.RoundTripper.RoundTrip(req)
}

// times is how often each external ID was asked for.
func (l *lookups) times() map[string]int {
	n := map[string]int{}
	for _, ids := range l.asks {
		for id := range strings.SplitSeq(ids, ",") {
			n[id]++
		}
	}
	return n
}

func (w *world) noteLookups(names time.Duration) *lookups {
	l := &lookups{names: names, begun: time.Now()}
	w.configure = func(c *showpad.Config) { l.RoundTripper = c.Base; c.Base = l }
	return l
}

// TestFirstLookUpsGoBesideTheNames: a run's first look-ups do not wait for names,
// and are no more than a plan makes: none is for an item that needs none.
func TestFirstLookUpsGoBesideTheNames(t *testing.T) {
	unknownTag := func(i *manifest.Item) { tags("nobody made it")(i) }
	for _, c := range []struct {
		name  string
		early int // look-ups before the names are there
		item  func(w *world, i int)
	}{
		{"all new", 3, func(w *world, i int) { w.add(fmt.Sprintf("ID-%03d", i), "x") }},
		{"without files", 2, func(w *world, i int) {
			if item := w.add(fmt.Sprintf("ID-%03d", i), "x"); i%2 == 1 {
				item.Location.Path = "missing.txt"
			}
		}},
		{"one that a name may block", 1, func(w *world, i int) {
			if item := w.add(fmt.Sprintf("ID-%03d", i), "x"); i == 150 {
				unknownTag(item)
			}
		}},
		{"all that names block", 0, func(w *world, i int) { w.add(fmt.Sprintf("ID-%03d", i), "x", unknownTag) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.man.CreateTags = manifest.CreateNoTags
				for i := range 250 {
					c.item(w, i)
				}
				plan := w.noteLookups(nameTime)
				w.plan()
				w.options.LookupMaxAge = time.Hour
				run := w.noteLookups(nameTime)
				if _, err := w.run(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				early := 0
				for _, at := range run.at {
					if at < nameTime {
						early++
					}
				}
				if early != c.early {
					t.Errorf("%d look-ups went beside the names, want %d", early, c.early)
				}
				most := len(plan.asks)
				if most > 0 {
					most++ // the proof that the first create is found
				}
				if len(run.asks) > most {
					t.Errorf("a run looked up %d times, a plan %d times", len(run.asks), len(plan.asks))
				}
				planned := plan.times()
				for id := range run.times() {
					if planned[id] == 0 {
						t.Errorf("%s needed no look-up", id)
					}
				}
			})
		})
	}
}

// TestEarlyLookUpsGrowOld: where the names take longer than a look-up may be old, the
// asset that somebody made meanwhile is found.
func TestEarlyLookUpsGrowOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.options.LookupMaxAge = nameTime / 2
		l := w.noteLookups(nameTime)
		var out pipeline.Outcome
		done := make(chan error)
		go func() {
			var err error
			out, err = w.run(t.Context(), nil)
			done <- err
		}()
		<-time.After(nameTime / 3)
		client, division := w.clientWith(nil), ""
		for d, err := range client.Divisions(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			if d.Name == "Marketing" {
				division = d.ID
			}
		}
		other, err := client.CreateAsset(t.Context(), showpad.AssetFields{
			Name: showpad.Some("A.txt"), ExternalID: showpad.Some("A"), Division: showpad.Some(showpad.Ref{ID: division}),
		})
		if err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n := len(w.assets()["A"]); n != 1 || other.ID == "" {
			t.Errorf("%d assets: %s", n, out.Sentence)
		}
		if len(l.at) < 2 || l.at[0] > 0 || l.at[1] < nameTime {
			t.Errorf("looked up at %v", l.at)
		}
	})
}

// TestNoEarlyLookUpWhereItWouldNotCount: while the state is in doubt, only look-ups
// after the settle time tell.
func TestNoEarlyLookUpWhereItWouldNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.options.Doubt = true
		l := w.noteLookups(nameTime)
		w.mustRun(0)
		if len(l.at) == 0 || l.at[0] < nameTime+w.options.SettleTime {
			t.Errorf("looked up at %v", l.at)
		}
	})
}
