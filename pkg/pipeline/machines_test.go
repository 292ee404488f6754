package pipeline_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// machine is another machine with the same library: the same manifest, files and
// tenant, and a state of its own.
func (w *world) machine() *world {
	other := newWorld(w.t, emulator.Options{})
	other.tenant, other.files, other.man, other.options = w.tenant, w.files, new(*w.man), w.options
	other.items = slices.Clone(w.items)
	other.path = filepath.Join(fastDir(w.t), "other.state.db")
	return other
}

// TestTwoMachinesOneAfterTheOther: two states work on one tenant in turns, as when
// a library moves to another machine, or a laptop takes over and gives back. The
// turns may end in the middle of things. As long as each begins when the settle
// time after the other's end is over, or waits it out itself (Doubt), there is
// never a second asset for an external ID, and in the end both find all done.
func TestTwoMachinesOneAfterTheOther(t *testing.T) {
	seeds(t, lawShare, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 5))
		w := lawWorld(t, rng, emulator.Options{ListLag: pick(rng, 0, time.Second, 3*time.Second), Processing: pick(rng, 0, time.Second)})
		w.options.SettleTime, w.options.RetryFailed, w.options.ProcessingTimeout = 7*time.Second, true, 25*time.Minute
		w.absolute()
		sides := []*world{w, w.machine()}
		for range 2 + rng.IntN(4) {
			s := &sim{world: sides[rng.IntN(2)], rng: rng, lag: 3 * time.Second}
			for _, other := range sides {
				other.items = slices.Clone(w.items)
			}
			s.stormyRun()
			s.calm()
			if s.world.options.Doubt = rng.IntN(2) == 0; !s.world.options.Doubt {
				<-time.After(w.options.SettleTime)
			}
			for _, other := range sides {
				other.options.Doubt = s.world.options.Doubt
			}
			if rng.IntN(2) == 0 {
				edit(w, rng)
				w.absolute()
			}
			if t.Failed() {
				return
			}
		}
		// What one of them set looks to the other as if somebody had.
		// A file that got stuck fails first.
		for round := range 3 {
			for _, side := range sides {
				side.items = slices.Clone(w.items)
				side.man.Update.Conflicts, side.options.FullCheck, side.options.Doubt = "overwrite", true, true
				if out, err := side.run(t.Context(), nil); err != nil {
					t.Fatal(err)
				} else if round == 2 {
					side.want(out, 0)
				}
				<-time.After(w.options.SettleTime)
			}
		}
		for _, side := range sides {
			side.checkBut(func(string, string) bool { return w.man.Update.Tags == "keep" })
			side.planIsEmpty()
		}
	})
}

// TestTwoMachinesAtTheSameTime finds out what happens when two states work on the
// same external IDs at once. A twin is made exactly where the look-up that a create
// relies on began before the other machine's asset showed in lists: never
// otherwise. Every twin is told by verify on both sides; no later run makes a third;
// and binding one asset and deleting the other mends it.
func TestTwoMachinesAtTheSameTime(t *testing.T) {
	var mu sync.Mutex
	worlds, items, twins := map[string]int{}, map[string]int{}, map[string]int{}
	seeds(t, lawShare, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 6))
		lag := pick(rng, 0, time.Second, 3*time.Second)
		w := newWorld(t, emulator.Options{ListLag: lag, Processing: pick(rng, 0, time.Second)})
		w.options.SettleTime = 7 * time.Second
		w.options.LookupMaxAge = pick(rng, 0, time.Millisecond, 5*time.Second)
		w.options = pipeline.WithLimits(w.options, pick(rng, 0, 0, 1, 3), 0, 0)
		w.options.Requests, w.options.Uploads = 1+rng.IntN(4), 1+rng.IntN(4)
		for i := range 2 + rng.IntN(10) {
			w.add(fmt.Sprintf("ID-%d", i), text(rng), randomFields(rng))
		}
		sides := []*world{w, w.machine()}
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Count: -1, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Duration(1+rng.IntN(2000)) * time.Millisecond)})
		logs := make([]*createLog, len(sides))
		for i, side := range sides {
			l := &createLog{base: w.tenant, looked: map[string]time.Time{}, made: map[string]creation{}}
			logs[i] = l
			side.configure = func(c *showpad.Config) { c.Base, c.Storage = l, l }
		}
		apart := pick(rng, 0, time.Duration(rng.IntN(8000))*time.Millisecond, time.Duration(rng.IntN(40))*time.Second)
		var ended [2]time.Time
		var wg sync.WaitGroup
		for i, side := range sides {
			wg.Go(func() {
				<-time.After(time.Duration(i) * apart)
				if _, err := side.run(t.Context(), nil); err != nil {
					t.Error(err)
				}
				ended[i] = time.Now()
			})
		}
		began := time.Now().Add(apart)
		wg.Wait()
		w.tenant.ClearFaults()
		for _, side := range sides {
			side.configure = nil
		}

		double := map[string]bool{}
		for id := range w.tenant.Books().Duplicates {
			double[id] = true
		}
		for _, item := range w.items {
			id := item.ExternalID
			a, b := logs[0].made[id], logs[1].made[id]
			if !a.looked.IsZero() && !b.looked.IsZero() {
				if a.at.After(b.at) {
					a, b = b, a
				}
				if shown := a.at.Add(lag); b.looked.After(shown) {
					t.Errorf("%s was made a second time at %s after a look-up at %s, and the first showed since %s", id, b.at, b.looked, shown)
				}
			}
			if both := !a.looked.IsZero() && !b.looked.IsZero(); both != double[id] {
				t.Errorf("%s was made by both: %t; it has a twin: %t", id, both, double[id])
			}
		}
		mu.Lock()
		when := "at the same time"
		switch {
		case began.After(ended[0].Add(lag)):
			when = "after the other's end"
			if len(double) > 0 {
				t.Errorf("twins although the second began after the first had ended: %v", double)
			}
		case apart > 0:
			when = "in the midst of the other"
		}
		worlds[when]++
		items[when] += len(w.items)
		twins[when] += len(double)
		mu.Unlock()
		w.mendTwins(t, sides, double)
	})
	if t.Failed() || *simSeed != 0 {
		return
	}
	for when, n := range worlds {
		t.Logf("second run began %s: %d worlds, %d of %d items have a twin (%d %%)", when, n, twins[when], items[when], 100*twins[when]/items[when])
	}
	if twins["at the same time"] == 0 {
		t.Error("there were no twins: this proves nothing")
	}
}

// TestTwoMachinesWithinTheSettleTime: the first is killed with a create on its way,
// and the second begins before the settle time is over. A twin is possible then,
// the likelier the sooner; never after it, and never for one that waits it out
// (Doubt).
func TestTwoMachinesWithinTheSettleTime(t *testing.T) {
	const parts = 5 // of the settle time; the last is after it
	var mu sync.Mutex
	var worlds, twins [parts]int
	seeds(t, lawShare, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 7))
		lag, settle := pick(rng, 0, time.Second, 3*time.Second), 8*time.Second
		w := newWorld(t, emulator.Options{ListLag: lag})
		w.options.SettleTime = settle
		w.add("FIRST", "content")
		w.mustRun(0) // this tenant keeps external IDs
		<-time.After(settle)
		w.many(1 + rng.IntN(6))
		other := w.machine()
		late := time.Duration(rng.Int64N(int64(settle - lag)))
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLate, Delay: emulator.Duration(late)})
		w.crashAfter("postAssets")
		part := rng.IntN(parts)
		<-time.After(settle*time.Duration(part)/(parts-1) + time.Duration(rng.Int64N(int64(settle/(parts-1)))))
		other.options.Doubt = rng.IntN(4) == 0
		other.mustRun(0)
		<-time.After(settle)
		n := len(w.tenant.Books().Duplicates)
		if n > 0 && (other.options.Doubt || part == parts-1) {
			t.Errorf("twins: %v", w.tenant.Books().Duplicates)
		}
		mu.Lock()
		defer mu.Unlock()
		if !other.options.Doubt {
			worlds[part]++
			twins[part] += min(n, 1)
		}
	})
	if t.Failed() || *simSeed != 0 {
		return
	}
	for part := range parts {
		t.Logf("second run began from %d %% of the settle time on after the kill: %d of %d have a twin", 100*part/(parts-1), twins[part], worlds[part])
	}
	if twins[0] == 0 {
		t.Error("there were no twins: this proves nothing")
	}
}

// mendTwins looks at twins as the two machines see them later, and mends them.
func (w *world) mendTwins(t *testing.T, sides []*world, double map[string]bool) {
	t.Helper()
	<-time.After(w.options.SettleTime)
	for _, side := range sides {
		_, got, _ := side.verify()
		told := map[string]bool{}
		for _, line := range got {
			if id, ok := strings.CutSuffix(line, " "+pipeline.DiffTwin); ok {
				told[id] = true
			}
		}
		for _, item := range w.items {
			if told[item.ExternalID] != double[item.ExternalID] {
				t.Errorf("%s has a twin: %t; verify says so: %t (%v)", item.ExternalID, double[item.ExternalID], told[item.ExternalID], got)
			}
		}
	}
	before := len(w.tenant.Assets())
	for _, full := range []bool{false, true} {
		for _, side := range sides {
			side.options.FullCheck, side.options.RetryFailed = full, true
			if _, err := side.run(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(w.tenant.Assets()); n != before {
		t.Errorf("there were %d assets and are %d now: later runs made it worse", before, n)
	}
	all := w.assets()
	for id := range double {
		keep, drop := all[id][0].ID, all[id][1].ID
		for _, side := range sides {
			side.mustBind(id, keep)
		}
		if err := w.client().DeleteAsset(t.Context(), drop); err != nil {
			t.Fatal(err)
		}
	}
	for _, side := range sides {
		side.options.FullCheck = true
		side.mustRun(0)
		side.check()
		side.planIsEmpty()
		if s, got, _ := side.verify(); s.OK != len(w.items) {
			t.Errorf("after it was mended verify says %v", got)
		}
	}
}

// creation is a create that the service carried out.
type creation struct {
	looked time.Time // when the look-up that it relied on began
	at     time.Time
}

// createLog notes what a machine looks up and creates.
type createLog struct {
	base   http.RoundTripper
	mu     sync.Mutex
	looked map[string]time.Time
	made   map[string]creation
}

func (l *createLog) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/assets"):
		l.mu.Lock()
		for _, ids := range r.URL.Query() {
			for id := range strings.SplitSeq(strings.Join(ids, ","), ",") {
				l.looked[id] = time.Now()
			}
		}
		l.mu.Unlock()
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/assets"):
		l.mu.Lock()
		looked := maps.Clone(l.looked)
		l.mu.Unlock()
		led := &ledger{base: l.base, writes: map[string]int{}, ids: map[string]string{}}
		resp, err := led.RoundTrip(r)
		l.mu.Lock()
		for id := range led.writes {
			l.made[id] = creation{looked[id], time.Now()}
		}
		l.mu.Unlock()
		return resp, err
	}
	return l.base.RoundTrip(r)
}

// TestTwoMachinesOnALibrary measures how many of a hundred items get a twin when
// a second machine begins while the first is at work, by how far that is. The
// figures are in docs/guarantees.md.
func TestTwoMachinesOnALibrary(t *testing.T) {
	for _, age := range []time.Duration{0, time.Second} {
		for _, percent := range []int{0, 10, 50, 90, 110} {
			synctest.Test(t, func(t *testing.T) {
				const n = 100
				w := newWorld(t, emulator.Options{ListLag: time.Second})
				w.options.LookupMaxAge, w.options.Requests = age, 4
				w.many(n)
				other := w.machine()
				// Four requests at once, one second each: 25 seconds of creates.
				w.tenant.Fail(emulator.Fault{Op: "postAssets", Count: -1, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Second)})
				var wg sync.WaitGroup
				for i, side := range []*world{w, other} {
					wg.Go(func() {
						<-time.After(time.Duration(i) * 27 * time.Second * time.Duration(percent) / 100)
						if _, err := side.run(t.Context(), nil); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				twins := len(w.tenant.Books().Duplicates)
				t.Logf("look-ups at most %s old, the second begins at %d %%: %d of %d have a twin", cmp.Or(age, 15*time.Minute), percent, twins, n)
				if percent > 100 && twins > 0 {
					t.Errorf("%d twins although the first had ended", twins)
				}
				if percent == 0 && twins == 0 {
					t.Error("no twins: this proves nothing")
				}
			})
		}
	}
}
