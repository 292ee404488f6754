package pipeline

import (
	"math"
	"time"
)

const (
	// maxRuns bounds the search for an end, maxListed the runs that are told.
	maxRuns   = 10_000
	maxListed = 60
	// daily is when somebody starts the next run after one that --max-duration ended.
	daily = 24 * time.Hour
)

// through leads a course of so many requests through budgets and windows: run after
// run, each as far as its time and its requests go. cut is what ends the first run
// before the work is done: "budget", "window" or "max-duration"; "" when one is
// enough. Only the first runs are told.
func (c course) through(requests int, g Given, now time.Time) (e Estimate, runs []ForecastRun, cut string) {
	purse := newForecastPurse(&g, now)
	total, left, t := float64(requests), 1.0, now
	if c.steady == 0 {
		e.Finish = now
		return e, nil, ""
	}
	for e.Runs < maxRuns {
		// When it can begin, and until when it can go on.
		closes, until := math.Inf(1), time.Time{}
		why := ""
		if g.Next != nil {
			open, end, inside := g.Next(t)
			if !inside {
				if open.IsZero() {
					break
				}
				t = open
			}
			if !end.IsZero() {
				closes, until, why = end.Sub(t).Seconds(), end, "window"
			}
		}
		if d := g.MaxDuration.Seconds(); d > 0 && d < closes {
			closes, why = d, "max-duration"
		}
		if why != "" { // nothing begins at the end of its time, so that all is over by then
			closes -= math.Min((g.Drain + closingTail).Seconds(), closes/4)
		}
		overhead := 0.0
		if e.Runs > 0 {
			overhead = restartReads
		}
		allowed := purse.left(t) - overhead
		if allowed < math.Min(1, total*left) { // the run would end before it began anything
			at, ok := purse.frees(t)
			if !ok {
				cut = or(cut, "budget")
				break
			}
			cut, t = or(cut, "budget"), at
			continue
		}

		// How far it comes. What is sent may be processed after a window.
		share, seconds := left, math.Min(c.start+left*c.steady+c.tail, closes)
		if c.start+left*c.steady <= closes {
			why = ""
		} else {
			share, seconds = (closes-c.start)/c.steady, closes
		}
		if total > 0 && allowed < share*total {
			share, why = allowed/total, "budget"
			seconds = c.start + share*c.steady
		}
		if share < 1e-6 { // too short for anything
			cut = or(cut, why)
			break
		}
		cut = or(cut, why)
		run := ForecastRun{Start: t, End: t.Add(duration(seconds)), Requests: int(math.Round(share*total + overhead)), Share: share}
		purse.spend(t, share*total+overhead)
		e.Runs++
		e.Seconds += seconds
		e.Finish = run.End
		if len(runs) < maxListed {
			runs = append(runs, run)
		}
		if left -= share; left <= 1e-9 {
			return e, runs, cut
		}

		// When the next one begins.
		switch why {
		case "budget":
			if at, ok := purse.frees(run.End); ok {
				t = at
			}
		case "window":
			t = until
		case "max-duration":
			if t = t.Add(daily); until.After(t) {
				t = until
			}
		}
	}
	e.Never = true
	return e, runs, cut
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

func duration(seconds float64) time.Duration {
	return time.Duration(math.Min(seconds, 9e9) * float64(time.Second))
}

// forecastPurse is a budget over a window that moves along: what was spent in a run
// is there again a window after the run began.
type forecastPurse struct {
	usable float64 // in each window; infinite without a budget
	window time.Duration
	spent  []spending // oldest first
}

type spending struct {
	at time.Time
	n  float64
}

func newForecastPurse(g *Given, now time.Time) *forecastPurse {
	p := &forecastPurse{usable: math.Inf(1), window: g.Window}
	if p.window <= 0 {
		p.window = 24 * time.Hour
	}
	if g.Budget > 0 {
		p.usable = float64(max(0, g.Budget-g.Reserve))
		if g.Left != nil && *g.Left < g.Budget {
			p.spend(now, float64(g.Budget-*g.Left))
		}
	}
	return p
}

func (p *forecastPurse) spend(at time.Time, n float64) { p.spent = append(p.spent, spending{at, n}) }

// left is how many requests may be made at t.
func (p *forecastPurse) left(t time.Time) float64 {
	left := p.usable
	for i := len(p.spent) - 1; i >= 0 && t.Sub(p.spent[i].at) < p.window; i-- {
		left -= p.spent[i].n
	}
	return left
}

// frees is when the oldest requests that count at t are there again; false when
// none count: there will never be more.
func (p *forecastPurse) frees(t time.Time) (at time.Time, ok bool) {
	for i := len(p.spent) - 1; i >= 0 && t.Sub(p.spent[i].at) < p.window; i-- {
		at, ok = p.spent[i].at.Add(p.window), true
	}
	return at, ok
}
