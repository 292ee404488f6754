package pipeline_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// scenario is a library, a service and a line whose paces are known.
type scenario struct {
	name  string
	items int
	size  func(i int) int // bytes
	line  line
	// read is how long reading a file for its checksum takes.
	read       time.Duration
	processing time.Duration
	options    func(*pipeline.Options)
	given      pipeline.Given
	rate       float64        // of the gate
	before     func(w *world) // the run, and its forecast
	by         string         // what the forecast says decides
	limited    string         // what the run says limited it; "-": not looked at
}

func filesOf(n int) func(int) int { return func(int) int { return n } }

// one huge file among small ones.
func oneOf(at, huge, small int) func(int) int {
	return func(i int) int {
		if i == at {
			return huge
		}
		return small
	}
}

var scenarios = []scenario{
	{name: "latency alone, 8 in flight", items: 200, size: filesOf(100), line: line{api: 50 * time.Millisecond, put: 50 * time.Millisecond}, limited: "-"},
	{name: "long ways", items: 200, size: filesOf(100), line: line{api: 300 * time.Millisecond, put: 100 * time.Millisecond}, by: "requests", limited: "requests"},
	{name: "one line for all", items: 120, size: filesOf(2000), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond, all: 10_000}, by: "bandwidth", limited: "uploads"},
	{name: "mixed sizes on one line", items: 120, size: func(i int) int { return 100 + (i%10)*400 }, line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond, all: 10_000}, by: "bandwidth", limited: "uploads"},
	{name: "slow single uploads", items: 120, size: filesOf(2000), line: line{api: 20 * time.Millisecond, put: 50 * time.Millisecond, one: 1000}, by: "uploads", limited: "uploads"},
	{name: "two uploads in flight", items: 100, size: filesOf(1000), line: line{api: 20 * time.Millisecond, put: 100 * time.Millisecond, one: 2000}, options: func(o *pipeline.Options) { o.Uploads = 2 }, by: "uploads", limited: "uploads"},
	{name: "one huge file last", items: 150, size: oneOf(149, 60_000, 200), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond, one: 500, all: 2000, parts: 40}, by: "file", limited: "file"},
	{name: "one huge file first", items: 150, size: oneOf(0, 60_000, 200), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond, one: 500, all: 2000, parts: 40}, by: "file", limited: "file"},
	{name: "reading decides", items: 120, size: filesOf(100), line: line{api: 5 * time.Millisecond, put: 5 * time.Millisecond}, read: 500 * time.Millisecond, options: func(o *pipeline.Options) { o.Hashers = 2 }, by: "hashing", limited: "source"},
	{name: "processing decides", items: 40, size: filesOf(100), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond}, processing: 5 * time.Minute, by: "processing", limited: "processing"},
	{name: "an hour of processing", items: 10, size: filesOf(100), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond}, processing: time.Hour, options: func(o *pipeline.Options) { o.Wait = 2 * time.Hour }, by: "processing", limited: "processing"},
	{name: "some processing", items: 120, size: filesOf(2000), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond, all: 10_000}, processing: 10 * time.Second, by: "bandwidth", limited: "uploads"},
	{name: "updates only", items: 120, size: filesOf(100), line: line{api: time.Second, put: 20 * time.Millisecond}, before: func(w *world) {
		w.mustRun(0)
		for i := range w.items {
			tags("Another")(&w.items[i])
		}
	}, by: "requests", limited: "requests"},
	{name: "versions only", items: 150, size: filesOf(1000), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond, all: 5000}, before: func(w *world) {
		w.mustRun(0)
		for i := range w.items {
			w.files.put(w.items[i].Location.Path, strings.Repeat("b", 1000))
		}
	}, by: "bandwidth", limited: "uploads"},
	{name: "half of it is there", items: 120, size: filesOf(2000), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond, all: 10_000}, before: func(w *world) {
		all := w.items
		w.items = all[:50]
		w.mustRun(0)
		w.items = all
	}, by: "bandwidth", limited: "uploads"},
	{name: "continued after a stop", items: 120, size: filesOf(3000), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond, all: 10_000}, before: func(w *world) {
		stop := make(chan struct{})
		var once sync.Once
		n := 0
		w.observe = func(e pipeline.Event) {
			if _, ok := e.(pipeline.Finished); ok {
				if n++; n == 50 {
					once.Do(func() { close(stop) })
				}
			}
		}
		if _, err := w.run(w.t.Context(), stop); err != nil {
			w.t.Fatal(err)
		}
		w.observe = nil
	}, by: "bandwidth", limited: "uploads"},
	{name: "one request at a time", items: 60, size: filesOf(100), line: line{api: 200 * time.Millisecond, put: 20 * time.Millisecond}, options: func(o *pipeline.Options) { o.Requests, o.Uploads = 1, 1 }, by: "requests", limited: "requests"},
	{name: "many tiny files", items: 600, size: filesOf(10), line: line{api: 40 * time.Millisecond, put: 30 * time.Millisecond}, limited: "-"},
	{name: "a rate that is given", items: 200, size: filesOf(100), line: line{api: 20 * time.Millisecond, put: 20 * time.Millisecond}, rate: 5, by: "rate", limited: "rate"},
	{name: "four windows of the budget", items: 200, size: filesOf(100), line: line{api: 50 * time.Millisecond, put: 20 * time.Millisecond}, given: pipeline.Given{Budget: 160, Reserve: 30, Window: 2 * time.Hour}, by: "budget", limited: "-"},
	{name: "windows of five minutes in each hour", items: 150, size: filesOf(1000), line: line{api: 50 * time.Millisecond, put: 50 * time.Millisecond, all: 200}, given: pipeline.Given{Next: begunHours}, options: func(o *pipeline.Options) { o.Uploads, o.Drain = 2, 10*time.Second }, by: "window", limited: "-"},
}

// begunHours is open for the first five minutes of each hour.
func begunHours(t time.Time) (open, closes time.Time, inside bool) {
	open = t.Truncate(time.Hour)
	if closes = open.Add(5 * time.Minute); t.Before(closes) {
		return open, closes, true
	}
	return open.Add(time.Hour), closes.Add(time.Hour), false
}

// A forecast that is told the true paces is right to 15 %, whatever decides.
func TestForecastsComeTrue(t *testing.T) {
	for i := range scenarios {
		c := &scenarios[i]
		t.Run(c.name, func(t *testing.T) { synctest.Test(t, c.run) })
	}
}

func (c *scenario) run(t *testing.T) {
	w := newWorld(t, emulator.Options{Processing: c.processing})
	w.options.SettleTime = time.Second
	if c.options != nil {
		c.options(&w.options)
	}
	purse := &rollingBudget{limit: c.given.Budget, reserve: c.given.Reserve, window: c.given.Window}
	w.configure = func(cfg *showpad.Config) {
		gate := showpad.GateConfig{InFlight: w.options.Requests, Rate: c.rate}
		if purse.limit > 0 {
			gate.Budget = purse
		}
		cfg.Gate = showpad.NewPacedGate(gate)
		cfg.Base, cfg.Storage = c.line.over(cfg.Base, false), c.line.over(cfg.Storage, true)
	}
	var bytes int
	for i := range c.items {
		n := c.size(i)
		bytes += n
		w.add(fmt.Sprintf("A%04d", i), strings.Repeat("a", n))
	}
	if c.before != nil {
		c.before(w)
	}
	if c.read > 0 {
		seen := map[string]bool{}
		w.files.trouble = func(path string) (time.Duration, error) {
			w.files.mu.Lock()
			defer w.files.mu.Unlock()
			if seen[path] {
				return 0, nil // it is sent
			}
			seen[path] = true
			return c.read / time.Duration((c.size(0)+7)/8), nil
		}
	}
	s, rows := w.plan()
	p := c.paces(w)
	f := pipeline.Foresee(pipeline.WorkloadOfPlan(rows, &s), p, c.given, time.Now())
	if f.By != c.by && c.by != "" {
		t.Errorf("the forecast says %q decides, want %q: %v", f.By, c.by, f.Stages)
	}
	if purse.limit > 0 {
		w.options.Budget = purse
		purse.clear()
	}
	begin, runs := time.Now(), 0
	var out pipeline.Outcome
	for {
		if c.given.Next != nil {
			open, closes, inside := c.given.Next(time.Now())
			if !inside {
				<-time.After(time.Until(open))
			}
			w.options.Until = func() pipeline.Deadline { return pipeline.Deadline{At: closes, Why: "the window closes"} }
		}
		var err error
		if out, err = w.run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		runs++
		if out.Code != 5 || runs > 100 {
			break
		}
		if at, _ := purse.Opens(); purse.limit > 0 {
			<-time.After(time.Until(at))
		}
		if c.given.Next != nil { // it ends a moment before its window does
			_, closes, _ := c.given.Next(time.Now())
			<-time.After(time.Until(closes))
		}
	}
	w.options.Until = nil
	if out.Code != 0 {
		t.Fatalf("the run ended with %d: %s, %v", out.Code, out.Sentence, out.Err)
	}
	took, want := time.Since(begin).Seconds(), f.Likely.Finish.Sub(begin.Round(0)).Seconds()
	ratio := want / took
	t.Logf("foreseen %.1f s, took %.1f s: %.3f; %d runs of %d; %v, %v", want, took, ratio, f.Likely.Runs, runs, f.Stages, out.Limit)
	if math.Abs(ratio-1) > 0.15 {
		t.Errorf("the forecast is off by %.0f %%", 100*(ratio-1))
	}
	if runs != f.Likely.Runs {
		t.Errorf("it took %d runs, and %d were foreseen", runs, f.Likely.Runs)
	}
	switch {
	case c.limited == "-":
	case out.Limit == nil:
		t.Errorf("nobody says what limited the run, want %q", c.limited)
	case out.Limit.By != c.limited:
		t.Errorf("the run says that %q limited it, want %q: %v", out.Limit.By, c.limited, out.Limit.Shares)
	}
}

// paces are the true ones.
func (c *scenario) paces(w *world) pipeline.Paces {
	given := func(v float64) pipeline.Assumed { return pipeline.Assumed{Value: v, Origin: pipeline.OriginGiven} }
	or := func(n, def int) float64 {
		if n == 0 {
			n = def
		}
		return float64(n)
	}
	p := pipeline.Paces{
		Latency: given(c.line.api.Seconds()), Put: given(c.line.put.Seconds()), Upload: given(c.line.one), Bandwidth: given(c.line.all),
		Requests: given(or(w.options.Requests, 8)), Uploads: given(or(w.options.Uploads, 8)), Hashers: given(or(w.options.Hashers, 2)),
		Processing: given(c.processing.Seconds()), Rate: given(c.rate),
	}
	c.given.Drain = w.options.Drain
	if c.line.one == 0 {
		p.Upload = p.Bandwidth
	}
	if c.read > 0 {
		p.Hash = given(float64(c.size(0)) / c.read.Seconds())
	}
	return p
}

// rollingBudget is a budget of requests in each stretch of time, for the gate and
// for the pipeline.
type rollingBudget struct {
	limit, reserve int
	window         time.Duration

	mu    sync.Mutex
	spent []time.Time
}

func (b *rollingBudget) clear() { b.mu.Lock(); b.spent = nil; b.mu.Unlock() }

func (b *rollingBudget) Spend(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
	if len(b.spent) >= b.limit {
		return showpad.ErrBudget
	}
	b.spent = append(b.spent, time.Now())
	return nil
}

func (b *rollingBudget) forget() {
	for len(b.spent) > 0 && time.Since(b.spent[0]) >= b.window {
		b.spent = b.spent[1:]
	}
}

func (b *rollingBudget) Left() (int, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
	return max(0, b.limit-b.reserve-len(b.spent)), true
}

func (b *rollingBudget) Most() int { return max(0, b.limit-b.reserve) }

func (b *rollingBudget) Needs(n int) int { return n + b.reserve }

func (b *rollingBudget) Opens() (time.Time, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit == 0 || len(b.spent) == 0 {
		return time.Time{}, 0
	}
	// All of what a run spent.
	return b.spent[len(b.spent)-1].Add(b.window), len(b.spent)
}
