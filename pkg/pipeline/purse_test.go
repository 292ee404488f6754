package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// rolling is a budget of requests in any stretch of a window's length.
type rolling struct {
	limit, reserve int
	window         time.Duration

	mu   sync.Mutex
	at   []time.Time // of what counts
	over int         // requests that were refused
	most int         // that counted at once
}

func (b *rolling) forget() {
	n := 0
	for n < len(b.at) && time.Since(b.at[n]) > b.window {
		n++
	}
	b.at = b.at[n:]
}

func (b *rolling) Spend(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.forget(); len(b.at) >= b.limit {
		b.over++
		return fmt.Errorf("%w: %d in %s", showpad.ErrBudget, b.limit, b.window)
	}
	b.at = append(b.at, time.Now())
	b.most = max(b.most, len(b.at))
	return nil
}

func (b *rolling) Left() (int, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
	return max(b.limit-b.reserve-len(b.at), 0), true
}

func (b *rolling) Opens() (time.Time, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.forget(); len(b.at) == 0 {
		return time.Time{}, 0
	}
	return b.at[0].Add(b.window), b.limit - b.reserve
}

func (b *rolling) Most() int { return b.limit - b.reserve }

func (b *rolling) Needs(n int) int { return n + b.reserve }

// on lets a world's runs spend from b.
func (b *rolling) on(w *world) {
	w.options.Budget = b
	before := w.configure
	w.configure = func(c *showpad.Config) {
		if before != nil {
			before(c)
		}
		c.Gate = showpad.NewPacedGate(showpad.GateConfig{InFlight: w.options.Requests, Budget: b})
	}
}

// untilDone runs again when the budget opens, until a run gets through. Its windows
// are how many runs that took.
func (w *world) untilDone(b *rolling, at func(pipeline.Outcome)) (windows int) {
	w.t.Helper()
	for windows = 1; windows < 50; windows++ {
		out, err := w.run(w.t.Context(), nil)
		var stop *pipeline.StopError
		switch {
		case errors.As(err, &stop) && stop.Code == 5:
		case err != nil:
			w.t.Fatal(err)
		case out.Code == 0:
			return windows
		case out.Code != 5:
			w.t.Fatalf("exit code %d: %s, %v", out.Code, out.Sentence, out.Err)
		default:
			at(out)
		}
		<-time.After(b.window + time.Second)
	}
	w.t.Fatal("it never ends")
	return windows
}

// TestABudgetForManyNights: 1,000 items with 500 requests in a window. The service's
// own count is the judge.
func TestABudgetForManyNights(t *testing.T) {
	for name, o := range map[string]struct {
		items, limit, reserve int
		processing            time.Duration
		polls                 int // beyond the few of each window: a twentieth of all
	}{"quick": {1000, 500, 0, 0, 0}, "processed for a minute": {300, 200, 20, time.Minute, 30}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				items, limit := o.items, o.limit
				w := newWorld(t, emulator.Options{Processing: o.processing, Budget: emulator.Budget{Limit: limit, Window: 24 * time.Hour}})
				for i := range items {
					w.add(fmt.Sprintf("item-%04d", i), fmt.Sprintf("bytes of %d", i))
				}
				b := &rolling{limit: limit, reserve: o.reserve, window: 24 * time.Hour}
				b.on(w)
				windows := w.untilDone(b, func(out pipeline.Outcome) {
					for status, n := range out.Status {
						if status != "done" && status != "unchanged" && status != "pending" && status != "sent" && status != "processing" {
							t.Errorf("%d items are left %s", n, status)
						}
					}
				})
				books := w.tenant.Books()
				total := books.API
				t.Logf("%d requests in %d windows, at most %d in one: %.3f for each item", total, windows, b.most, float64(total)/float64(items))
				if books.TooMany > 0 || b.over > 0 || b.most > limit {
					t.Errorf("over the budget: %d refused by the service, %d before; %d in one window", books.TooMany, b.over, b.most)
				}
				if most := items*205/100 + 10*windows + o.polls; total > most {
					t.Errorf("%d requests, at most %d", total, most)
				}
				if want := items*2/(limit-o.reserve) + 2; windows > want {
					t.Errorf("%d windows, want %d at most", windows, want)
				}
				w.check()
			})
		})
	}
}

// TestTheEndIsTheSameWithABudget: whatever it is, what is made is what is made without.
func TestTheEndIsTheSameWithABudget(t *testing.T) {
	for _, limit := range []int{14, 17, 25, 40, 90} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{Processing: 3 * time.Second})
			for i := range 12 {
				w.add(fmt.Sprintf("item-%02d", i), fmt.Sprint("bytes of ", i), tags("One", fmt.Sprint("Tag ", i%5)))
			}
			b := &rolling{limit: limit, window: time.Hour}
			b.on(w)
			w.untilDone(b, func(pipeline.Outcome) {})
			w.check()
			if b.most > limit {
				t.Errorf("%d requests of %d", b.most, limit)
			}
			b.limit = 1 << 20
			if out := w.mustRun(0); out.Status["unchanged"] != len(w.items) {
				t.Errorf("once more: %v", out.Status)
			}
		})
	}
}

// TestNothingIsHalfMadeWhenABudgetEnds: what has begun is finished with what was kept
// for it.
func TestNothingIsHalfMadeWhenABudgetEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		for i := range 200 {
			w.add(fmt.Sprintf("item-%03d", i), fmt.Sprint("bytes of ", i))
		}
		b := &rolling{limit: 130, window: time.Hour}
		b.on(w)
		<-time.After(30 * time.Second) // from here an hour is no whole minute
		out := w.mustRun(5)
		for _, a := range w.tenant.Assets() {
			if a.Status != "active" {
				t.Errorf("asset %s is %s", a.ExternalID, a.Status)
			}
		}
		if done := out.Status["done"]; done < 45 || done+out.Status["pending"] != 200 {
			t.Errorf("%v", out.Status)
		}
		// It is told in minutes, and not too early.
		at, _ := b.Opens()
		from := at.Truncate(time.Minute).Add(time.Minute).Local().Format("Mon 2 Jan 15:04 MST")
		if out.Err == nil || !strings.Contains(out.Err.Error(), "free again from "+from+" (run again then)") {
			t.Errorf("it says %v, and they are from %v", out.Err, at)
		}
		if b.over > 0 {
			t.Errorf("%d requests were refused", b.over)
		}
	})
}

func TestABudgetThatIsTooSmallToBeginSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("a", "bytes", tags("One"))
		for _, c := range []struct {
			limit, reserve, spent int
			code                  int
			says                  string
		}{
			{3, 0, 0, 2, "too small to begin at any time: it has 3 before the reserve, and the beginning with one item takes 9 (--budget must be 9 at least with this reserve, or lower --reserve)"},
			{8, 0, 0, 2, "--budget must be 9 at least"},
			{50, 50, 0, 2, "--budget must be 59 at least"},
			{40, 0, 38, 5, "too small to begin now"},
		} {
			b := &rolling{limit: c.limit, reserve: c.reserve, window: time.Hour}
			for range c.spent {
				b.at = append(b.at, time.Now())
			}
			b.on(w)
			_, err := w.run(t.Context(), nil)
			var stop *pipeline.StopError
			if !errors.As(err, &stop) || stop.Code != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %s", err, c.says)
			}
			if n := w.tenant.Books().API; n > 0 {
				t.Errorf("%d requests", n)
			}
			w.configure = nil
		}
	})
}

// TestARollbackKeepsToTheBudget, and the next ones go on.
func TestARollbackKeepsToTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		for i := range 30 {
			w.add(fmt.Sprintf("item-%02d", i), fmt.Sprint("bytes of ", i), tags("One"))
		}
		w.mustRun(0)
		made := fmt.Sprintf("run-%d", w.runs)
		b := &rolling{limit: 20, window: time.Hour}
		b.on(w)
		for n := 1; ; n++ {
			out, err := w.rollback(t.Context(), nil, false, made)
			if err != nil {
				t.Fatal(err)
			}
			if out.Code == 0 {
				break
			}
			if out.Code != 5 || n > 6 {
				t.Fatalf("rollback %d: exit code %d: %s, %v", n, out.Code, out.Sentence, out.Err)
			}
			<-time.After(b.window + time.Second)
		}
		for _, a := range w.tenant.Assets() {
			if !a.IsArchived {
				t.Errorf("%s is still there", a.ExternalID)
			}
		}
		if b.over > 0 || b.most > b.limit {
			t.Errorf("over the budget: %d refused, %d at once", b.over, b.most)
		}
	})
}

// TestPruningKeepsToTheBudget, and the next run goes on.
func TestPruningKeepsToTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		for i := range 40 {
			w.add(fmt.Sprintf("item-%02d", i), fmt.Sprint("bytes of ", i))
		}
		w.mustRun(0)
		w.man.Prune = "archive"
		w.options.MaxPrune, _ = pipeline.ParsePruneLimit("100")
		w.items = w.items[:10]
		b := &rolling{limit: 18, window: time.Hour}
		b.on(w)
		n := w.untilDone(b, func(pipeline.Outcome) {})
		gone := 0
		for _, a := range w.tenant.Assets() {
			if a.IsArchived {
				gone++
			}
		}
		if gone != 30 || n < 3 || b.over > 0 {
			t.Errorf("%d archived in %d windows, %d refused", gone, n, b.over)
		}
	})
}
