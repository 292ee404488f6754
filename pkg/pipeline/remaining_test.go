package pipeline_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestRemaining(t *testing.T) {
	steady := func(n, items int, bytes int64) (s []pipeline.PaceSlot) { // each second
		for range n {
			s = append(s, pipeline.PaceSlot{Took: 10 * time.Second, Decided: 10 * items, Items: 10 * items, Bytes: 10 * bytes})
		}
		return s
	}
	mixed := []pipeline.PaceSlot{ // 0.1 s an item, and 1 s for 1,000 bytes
		{Took: 10 * time.Second, Items: 100, Decided: 100}, {Took: 10 * time.Second, Items: 50, Decided: 50, Bytes: 5000},
		{Took: 10 * time.Second, Items: 10, Decided: 10, Bytes: 9000}, {Took: 10 * time.Second, Items: 80, Decided: 80, Bytes: 2000},
	}
	for _, c := range []struct {
		name         string
		a            pipeline.Ahead
		known        bool
		likely, most time.Duration // the worst is at least likely, and at most this
		share        float64
	}{
		{name: "the first seconds", a: pipeline.Ahead{Items: 10, Paces: steady(1, 1, 0), Elapsed: 4 * time.Second, Requests: -1}, share: 1},
		{name: "nothing done yet", a: pipeline.Ahead{Items: 10, Paces: steady(6, 0, 0), Elapsed: time.Minute, Requests: -1}, share: 1},
		{name: "items", a: pipeline.Ahead{Items: 100, Paces: steady(6, 1, 0), Elapsed: time.Minute, Requests: -1}, known: true, likely: 100 * time.Second, most: 140 * time.Second, share: 1},
		{name: "the same mix", a: pipeline.Ahead{Items: 100, Bytes: 1000_00, Paces: steady(6, 1, 1000), Elapsed: time.Minute, Requests: -1}, known: true, likely: 100 * time.Second, most: 140 * time.Second, share: 1},
		{name: "only large ones are left", a: pipeline.Ahead{Items: 1, Bytes: 100_000, Paces: mixed, Elapsed: time.Minute, Requests: -1}, known: true, likely: 100 * time.Second, most: 300 * time.Second, share: 1},
		{name: "only small ones are left", a: pipeline.Ahead{Items: 1000, Bytes: 0, Paces: mixed, Elapsed: time.Minute, Requests: -1}, known: true, likely: 100 * time.Second, most: 300 * time.Second, share: 1},
		{name: "unchanged items", a: pipeline.Ahead{Undecided: 1000, Paces: []pipeline.PaceSlot{{Took: 10 * time.Second, Decided: 1000}}, Elapsed: 10 * time.Second, Requests: -1}, known: true, likely: 10 * time.Second, most: 13 * time.Second, share: 1},
		{name: "unchanged ones are no pace", a: pipeline.Ahead{Undecided: 1000, Items: 500, Paces: []pipeline.PaceSlot{{Took: 10 * time.Second, Decided: 1000}}, Elapsed: 10 * time.Second, Requests: -1}, share: 1},
		{name: "processing", a: pipeline.Ahead{Settling: 10, Processing: time.Minute, Slowest: 3 * time.Minute, SinceSent: 20 * time.Second, Elapsed: time.Hour, Requests: -1}, known: true, likely: 40 * time.Second, most: 160 * time.Second, share: 1},
		{name: "processing that is late", a: pipeline.Ahead{Settling: 10, Processing: time.Minute, Slowest: 3 * time.Minute, SinceSent: time.Hour, Elapsed: 2 * time.Hour, Requests: -1}, known: true, share: 1},
		{name: "a deadline", a: pipeline.Ahead{Items: 100, Paces: steady(6, 1, 0), Elapsed: time.Minute, Requests: -1, Time: 25 * time.Second}, known: true, likely: 100 * time.Second, most: 140 * time.Second, share: 0.25},
		{name: "a budget", a: pipeline.Ahead{Items: 100, Paces: steady(6, 1, 0), Elapsed: time.Minute, Requests: 50, Each: 2}, known: true, likely: 100 * time.Second, most: 140 * time.Second, share: 0.25},
		{name: "no pace that a clock can hold", a: pipeline.Ahead{Items: math.MaxInt32, Bytes: math.MaxInt64, Paces: []pipeline.PaceSlot{{Took: 10 * time.Second, Items: 1, Bytes: 1}}, Elapsed: time.Hour, Requests: -1}, known: true, likely: 2400 * time.Hour, most: 2400 * time.Hour, share: 1},
	} {
		l := pipeline.Remaining(c.a)
		off := l.Likely - c.likely
		if l.Known != c.known || off.Abs() > c.likely/10 || l.Worst < l.Likely || l.Worst > c.most || math.Abs(l.Share-c.share) > 0.01 {
			t.Errorf("%s: %+v; want known %v, %s to at most %s, share %v", c.name, l, c.known, c.likely, c.most, c.share)
		}
	}
}

// TestRemainingOfSimulatedRuns replays runs and asks at each second: never less than
// nothing, and when a third of the time has passed the end is what was told, within
// bounds.
func TestRemainingOfSimulatedRuns(t *testing.T) {
	for _, c := range []struct {
		name       string
		processing time.Duration
		prepare    func(n *nights)
		likely     float64 // how far off it may be, as a part of what is really left
	}{
		{"small files", 2 * time.Second, func(n *nights) {
			for i := range 300 {
				n.sized(fmt.Sprintf("A%03d", i), 20)
			}
		}, 0.25},
		{"small and large ones", 2 * time.Second, func(n *nights) {
			for i := range 200 {
				n.sized(fmt.Sprintf("A%03d", i), 20+i%10/9*3000)
			}
		}, 0.4},
		{"processing takes long", time.Minute, func(n *nights) {
			for i := range 200 {
				n.sized(fmt.Sprintf("A%03d", i), 20)
			}
		}, 0.5},
		{"a run that continues", 2 * time.Second, func(n *nights) {
			for i := range 150 {
				n.sized(fmt.Sprintf("A%03d", i), 20)
			}
			slow := n.judge.slow
			n.judge.slow = 0
			n.mustRun(0)
			n.judge.slow = slow
			for i := range 200 {
				n.sized(fmt.Sprintf("B%03d", i), 20)
			}
		}, 0.35},
		{"small files first", 2 * time.Second, func(n *nights) {
			n.judge.pace, n.options.Given.Bandwidth = 10_000, 20_000
			for i := range 80 {
				n.sized(fmt.Sprintf("A%03d", i), 20)
			}
			for i := range 10 {
				n.sized(fmt.Sprintf("B%03d", i), 120_000)
			}
		}, 0.5},
		{"small files first, after a resume", 2 * time.Second, func(n *nights) {
			n.judge.pace, n.options.Given.Bandwidth = 10_000, 20_000
			for i := range 40 {
				n.sized(fmt.Sprintf("0%03d", i), 20)
			}
			slow := n.judge.slow
			n.judge.slow = 0
			n.mustRun(0)
			n.judge.slow = slow
			for i := range 60 {
				n.sized(fmt.Sprintf("A%03d", i), 20)
			}
			for i := range 10 {
				n.sized(fmt.Sprintf("B%03d", i), 120_000)
			}
		}, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNights(t, "2026-11-23 22:00", "00:00-24:00", emulator.Options{Processing: c.processing})
				n.options.Until, n.options.Uploads, n.options.Requests = nil, 2, 2
				n.judge.slow, n.judge.pace = 500*time.Millisecond, 100
				c.prepare(n)
				type told struct {
					at   time.Time
					left pipeline.Left
				}
				var all []told
				var m pipeline.Meter
				n.observe = func(e pipeline.Event) { // under the world's lock
					now := time.Now()
					if k := len(all); k == 0 || now.Sub(all[k-1].at) >= time.Second {
						all = append(all, told{now, pipeline.Remaining(m.Ahead(now))})
					}
					m.Observe(now, e)
				}
				begun := time.Now()
				if out := n.mustRun(0); out.Code != 0 {
					return
				}
				took := time.Since(begun)
				known, worse, inside, early := 0, 0, 0, 0
				for _, a := range all {
					really := took - a.at.Sub(begun)
					if a.left.Least < 0 || a.left.Likely < a.left.Least || a.left.Worst < a.left.Likely || a.left.Share != 1 {
						t.Fatalf("after %s: %+v", a.at.Sub(begun), a.left)
					}
					if a.left.Known && really >= 10*time.Second {
						early++
						if a.left.Least <= really && really <= a.left.Worst {
							inside++
						} else if a.left.Least > 2*really || a.left.Worst < really/2 {
							t.Errorf("after %s of %s: %s to %s left, and really %s", a.at.Sub(begun), took, a.left.Least, a.left.Worst, really)
						}
					}
					if a.at.Sub(begun) < took/3 || really < 20*time.Second {
						continue
					}
					if known++; !a.left.Known {
						t.Errorf("after %s of %s nothing is known", a.at.Sub(begun), took)
						continue
					}
					if off := (a.left.Likely - really).Seconds() / really.Seconds(); math.Abs(off) > c.likely {
						t.Errorf("after %s of %s: %s to %s left, and really %s", a.at.Sub(begun), took, a.left.Likely, a.left.Worst, really)
					}
					if really > a.left.Worst {
						worse++
					}
				}
				if inside < early*3/4 {
					t.Errorf("the range had the end %d times of %d", inside, early)
				}
				if known < 10 || worse > known/5 {
					t.Errorf("it took longer than the worst that was told %d times of %d", worse, known)
				}
			})
		})
	}
}
