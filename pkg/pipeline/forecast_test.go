package pipeline_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// exactly are paces that nobody doubts.
func exactly(change func(*pipeline.Paces)) pipeline.Paces {
	given := func(v float64) pipeline.Assumed { return pipeline.Assumed{Value: v, Origin: pipeline.OriginGiven} }
	p := pipeline.Paces{
		Latency: given(0.1), Requests: given(8), Uploads: given(8), Put: given(0.1), Upload: given(5e6), Bandwidth: given(20e6),
		Hash: given(300e6), Hashers: given(2), Processing: given(30),
	}
	if change != nil {
		change(&p)
	}
	return p
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// nightly is open from 22:00 to 06:00 UTC.
func nightly(t time.Time) (open, closes time.Time, inside bool) {
	day := t.Truncate(24 * time.Hour)
	for _, d := range []time.Duration{-24 * time.Hour, 0, 24 * time.Hour} {
		open, closes = day.Add(d+22*time.Hour), day.Add(d+30*time.Hour)
		if closes.After(t) {
			return open, closes, !open.After(t)
		}
	}
	panic("no night")
}

func TestAForecastNamesWhatDecides(t *testing.T) {
	decks := pipeline.Workload{Creates: 1000, Requests: 2050, Puts: 1000, Bytes: 1000 * 2e6}
	set := func(a *pipeline.Assumed, v float64) {
		*a = pipeline.Assumed{Value: v, Origin: pipeline.OriginGiven}
	}
	for _, c := range []struct {
		name   string
		load   pipeline.Workload
		paces  func(*pipeline.Paces)
		given  pipeline.Given
		by     string
		likely time.Duration // of work, to the next 3 %
		runs   int
		finish time.Duration // after noon, likewise; 0: not looked at
		never  bool
	}{
		{name: "nothing to do", runs: 0},
		{name: "the line", load: decks, by: "bandwidth", likely: 137 * time.Second, runs: 1, finish: 137 * time.Second},
		{
			name: "a window that does not close", load: decks, by: "bandwidth", likely: 137 * time.Second, runs: 1, finish: 137 * time.Second,
			given: pipeline.Given{Next: func(t time.Time) (open, closes time.Time, inside bool) { return t, time.Time{}, true }},
		},
		{name: "the rate", load: decks, paces: func(p *pipeline.Paces) { set(&p.Rate, 7) }, by: "rate", likely: 324 * time.Second, runs: 1},
		{name: "single uploads", load: decks, paces: func(p *pipeline.Paces) { set(&p.Upload, 1e6) }, by: "uploads", likely: 306 * time.Second, runs: 1},
		{name: "each request", load: pipeline.Workload{Requests: 5000}, by: "requests", likely: 63 * time.Second, runs: 1},
		{name: "reading", load: func() pipeline.Workload { l := decks; l.HashFiles, l.HashBytes = 1000, 600e9; return l }(), by: "hashing", likely: 1031 * time.Second, runs: 1},
		{name: "one file", load: pipeline.Workload{
			Requests: 202, Puts: 100, Bytes: 4.1e9,
			Largest: []pipeline.LargeFile{{ExternalID: "V", Name: "sales.mp4", Size: 4e9}},
		}, by: "file", likely: 831 * time.Second, runs: 1},
		{name: "processing", load: pipeline.Workload{Requests: 4, Puts: 1, Bytes: 1000}, by: "processing", likely: 37 * time.Second, runs: 1},
		{
			name: "a budget of five days", load: decks, given: pipeline.Given{Budget: 500, Reserve: 50}, by: "budget",
			likely: 136 * time.Second, runs: 5, finish: 96*time.Hour + 40*time.Second,
		},
		{
			name: "a budget that is half used up", load: decks, given: pipeline.Given{Budget: 2000, Left: new(1000)}, by: "budget",
			likely: 138 * time.Second, runs: 2, finish: 24*time.Hour + 88*time.Second,
		},
		{
			name: "a budget that is used up", load: pipeline.Workload{Requests: 100}, given: pipeline.Given{Budget: 2000, Left: new(0)}, by: "budget",
			likely: 2 * time.Second, runs: 1, finish: 24 * time.Hour,
		},
		{name: "a reserve that leaves nothing", load: decks, given: pipeline.Given{Budget: 50, Reserve: 50}, by: "budget", never: true},
		{
			name: "three nights", load: decks, paces: func(p *pipeline.Paces) { set(&p.Rate, 1.0/36) }, given: pipeline.Given{Next: nightly}, by: "window",
			likely: 2050 * 36 * time.Second, runs: 3, finish: 48*time.Hour + 14*time.Hour + 30*time.Minute,
		},
		{
			name: "an hour a day", load: decks, paces: func(p *pipeline.Paces) { set(&p.Rate, 0.25) }, given: pipeline.Given{MaxDuration: time.Hour}, by: "max-duration",
			likely: 8231 * time.Second, runs: 3, finish: 48*time.Hour + 1031*time.Second,
		},
		{
			name: "nights with a budget", load: decks, given: pipeline.Given{Next: nightly, Budget: 1000}, by: "budget",
			likely: 138 * time.Second, runs: 3, finish: 48*time.Hour + 10*time.Hour,
		},
		{name: "no window ever", load: decks, given: pipeline.Given{Next: func(time.Time) (a, b time.Time, in bool) { return }}, by: "bandwidth", never: true},
		{name: "windows of a moment", load: decks, given: pipeline.Given{Next: func(t time.Time) (a, b time.Time, in bool) {
			a = t.Truncate(time.Hour).Add(time.Hour)
			return a, a.Add(time.Millisecond), false
		}}, by: "window", never: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := pipeline.Foresee(c.load, exactly(c.paces), c.given, noon)
			if f.By != c.by || f.Likely.Runs != c.runs || f.Likely.Never != c.never || !near(f.Likely.Seconds, c.likely.Seconds()) {
				t.Errorf("by %q, %d runs, never %v, %.1f s; want %q, %d, %v, %s", f.By, f.Likely.Runs, f.Likely.Never, f.Likely.Seconds, c.by, c.runs, c.never, c.likely)
			}
			if got := f.Likely.Finish.Sub(noon); c.finish != 0 && !near(got.Seconds(), c.finish.Seconds()) {
				t.Errorf("it is done %s after noon, want %s", got, c.finish)
			}
			if f.Fastest != f.Likely || f.Slowest != f.Likely {
				t.Errorf("what is known exactly makes a range: %+v, %+v, %+v", f.Fastest, f.Likely, f.Slowest)
			}
			if !c.never {
				share, requests := 0.0, 0
				for _, r := range f.Runs {
					share += r.Share
					requests += r.Requests
				}
				if c.runs > 0 && math.Abs(share-1) > 1e-6 || c.runs > 0 && c.runs < 60 && abs(requests-f.Requests) > c.runs {
					t.Errorf("the runs are %.4f of the work with %d requests, want 1 and %d", share, requests, f.Requests)
				}
			}
			if _, err := json.Marshal(f); err != nil {
				t.Error(err)
			}
		})
	}
}

func abs(n int) int { return max(n, -n) }

func near(got, want float64) bool { return math.Abs(got-want) <= 0.03*math.Abs(want)+0.5 }

// What is known less well makes the range wider, and the likely course is in it.
func TestAForecastIsARangeAsWideAsItsAssumptionsAreWeak(t *testing.T) {
	load := pipeline.Workload{Creates: 1000, Requests: 2050, Puts: 1000, Bytes: 4e9, HashFiles: 1000, HashBytes: 4e9}
	width := 0.0
	for _, o := range []pipeline.Origin{pipeline.OriginGiven, pipeline.OriginMeasured, pipeline.OriginDefault} {
		p := exactly(nil)
		for _, a := range []*pipeline.Assumed{&p.Latency, &p.Put, &p.Upload, &p.Bandwidth, &p.Hash, &p.Processing} {
			a.Origin = o
		}
		f := pipeline.Foresee(load, p, pipeline.Given{}, noon)
		w := f.Slowest.Seconds - f.Fastest.Seconds
		if f.Fastest.Seconds > f.Likely.Seconds || f.Likely.Seconds > f.Slowest.Seconds {
			t.Errorf("%s: %.0f s, %.0f s, %.0f s: not in order", o, f.Fastest.Seconds, f.Likely.Seconds, f.Slowest.Seconds)
		}
		if o != pipeline.OriginGiven && w <= width {
			t.Errorf("%s: the range is %.0f s, not wider than %.0f s", o, w, width)
		}
		width = w
	}
}

// A budget of years ends, and is told without its thousand runs.
func TestAForecastOfYears(t *testing.T) {
	f := pipeline.Foresee(pipeline.Workload{Requests: 5_000_000}, exactly(nil), pipeline.Given{Budget: 5000, Reserve: 500}, noon)
	if f.Likely.Runs < 1110 || f.Likely.Runs > 1116 || len(f.Runs) != 60 || f.Likely.Never {
		t.Errorf("%d runs, %d told, never %v", f.Likely.Runs, len(f.Runs), f.Likely.Never)
	}
}

// The files that dominate are named where they are few.
func TestAForecastNamesTheFilesThatDominate(t *testing.T) {
	for _, c := range []struct {
		name  string
		sizes []int64
		ext   string
		files int
		share float64
		kind  string
	}{
		{"one video among many decks", append([]int64{900}, many(100, 1)...), ".mp4", 1, 0.9, "video"},
		{"three videos", append([]int64{200, 300, 200}, many(300, 1)...), ".mov", 3, 0.7, "video"},
		{"three equal ones", append([]int64{300, 300, 300}, many(30, 1)...), ".mp4", 3, 0.97, "video"},
		{"equal ones that are not few", append(many(10, 300), many(20, 1)...), ".mp4", 0, 0, ""},
		{"decks alike", many(100, 5), ".pptx", 0, 0, ""},
		{"one large deck", append(many(30, 1), 100), ".pptx", 1, 0.77, ""},
		{"a single file", many(1, 100), ".mp4", 0, 0, ""},
		{"four alike", many(4, 100), ".mp4", 0, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := pipeline.WorkloadOf(c.sizes, func(i int) string { return fmt.Sprintf("file%d%s", i, c.ext) })
			large := pipeline.Foresee(l, exactly(nil), pipeline.Given{}, noon).Large
			if large == nil {
				if c.files != 0 {
					t.Fatal("none are named")
				}
				return
			}
			if large.Files != c.files || math.Abs(large.Share-c.share) > 0.01 || large.Kind != c.kind {
				t.Errorf("%+v, want %d files, %.2f, %q", large, c.files, c.share, c.kind)
			}
		})
	}
}

func many(n int, size int64) []int64 {
	l := make([]int64, n)
	for i := range l {
		l[i] = size
	}
	return l
}
