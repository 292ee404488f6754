//go:build unix

package crash_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	killsWanted = flag.Int("crash.kills", defaultKills, "how many processes TestKills ends")
	oneSeed     = flag.Uint64("crash.seed", 0, "the one seed to run (0: as many as -crash.kills takes, from -crash.first on)")
	firstSeed   = flag.Uint64("crash.first", 1, "the first seed")
	atOnce      = flag.Int("crash.parallel", 4, "libraries under way at one time; they wait more than they compute")
)

// killsEach is how often the runs of one library are killed.
const killsEach = 20

// TestKills moves small libraries. Each is a function of its seed: the library,
// the edits and the places of the kills, though not the very moments.
func TestKills(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	seeds := seedsOf(*killsWanted)
	var (
		mu    sync.Mutex
		all   tally
		under sync.WaitGroup
		slots = make(chan struct{}, max(*atOnce, 1))
	)
	for i, seed := range seeds {
		slots <- struct{}{}
		under.Go(func() {
			defer func() { <-slots }()
			ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
				v := newVoyage(t, seed, min(killsEach, *killsWanted-i*killsEach))
				defer func() {
					mu.Lock()
					defer mu.Unlock()
					all.add(&v.tally)
				}()
				v.sail()
			})
			if !ok {
				t.Errorf("repeat with: go test ./test/crash -run TestKills -crash.seed %d -crash.kills %d", seed, killsEach)
			}
		})
	}
	under.Wait()
	fmt.Printf("crash: %s; seeds %d to %d; %.0f s\n", &all, seeds[0], seeds[len(seeds)-1], time.Since(begin).Seconds())
	if all.kills < *killsWanted {
		t.Errorf("%d kills, want %d", all.kills, *killsWanted)
	}
}

// seedsOf are the seeds that so many kills take.
func seedsOf(kills int) []uint64 {
	if *oneSeed != 0 {
		return []uint64{*oneSeed}
	}
	seeds := []uint64{*firstSeed}
	for n := killsEach; n < kills; n += killsEach {
		seeds = append(seeds, *firstSeed+uint64(len(seeds)))
	}
	return seeds
}

// tally is what was done and found.
type tally struct {
	kills    int
	places   map[string]int // kills by place
	runs     int
	items    int
	lost     int // answers
	versions int // of files, all
	extra    int // beyond what the edits took
	excused  int // uploads in flight at the kills, and URL answers lost
	wrong    wrong
}

// wrong is what must not be.
type wrong struct{ duplicates, missing, bytes, orphans int }

func (a *tally) add(b *tally) {
	a.kills += b.kills
	a.runs += b.runs
	a.items += b.items
	a.lost += b.lost
	a.versions += b.versions
	a.extra += b.extra
	a.excused += b.excused
	a.wrong.duplicates += b.wrong.duplicates
	a.wrong.missing += b.wrong.missing
	a.wrong.bytes += b.wrong.bytes
	a.wrong.orphans += b.wrong.orphans
	if a.places == nil {
		a.places = map[string]int{}
	}
	for place, n := range b.places {
		a.places[place] += n
	}
}

func (a *tally) String() string {
	places := make([]string, 0, len(a.places))
	for _, p := range slices.Sorted(maps.Keys(a.places)) {
		places = append(places, fmt.Sprintf("%s %d", p, a.places[p]))
	}
	return fmt.Sprintf("%d kills of %d runs (%s), %d items, %d answers lost: %d duplicates, %d missing, %d with wrong bytes, %d orphans; %d file versions, %d of them extra (%d excused)",
		a.kills, a.runs, strings.Join(places, ", "), a.items, a.lost,
		a.wrong.duplicates, a.wrong.missing, a.wrong.bytes, a.wrong.orphans, a.versions, a.extra, a.excused)
}
