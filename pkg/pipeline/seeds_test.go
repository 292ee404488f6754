package pipeline_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	simSeeds = flag.Int("sim.seeds", defaultSeeds, "number of seeds that TestSimulation runs; the laws run a share of it")
	simFrom  = flag.Uint64("sim.from", 1, "the first of these seeds")
	simSeed  = flag.Uint64("sim.seed", 0, "the one seed to run (0: all of -sim.seeds)")
	simFor   = flag.Duration("sim.for", 0, "begin no further seed after so long (0: run all)")
	simTrace = flag.Bool("sim.trace", false, "log every request, every fault and what is told of each item")
	simAll   = flag.Bool("sim.all", false, "go on after a seed that fails")
)

// seeds runs f for one seed after the other, each in a bubble of its own, on all
// processors. share is how many of -sim.seeds it takes, in percent.
func seeds(t *testing.T, share int, f func(t *testing.T, seed uint64)) {
	t.Helper()
	first, n := *simFrom, uint64(max(1, *simSeeds*share/100))
	if *simSeed != 0 {
		first, n = *simSeed, 1
	}
	// The heap is small and its garbage plenty.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	begin := time.Now()
	var next, done, failed atomic.Uint64
	next.Store(first)
	one := func(t *testing.T, seed uint64) {
		defer func() {
			done.Add(1)
			if t.Failed() {
				failed.Add(1)
				t.Logf("repeat with: go test ./pkg/pipeline -run '^%s$' -sim.seed %d -count 20", testName(t), seed)
			}
		}()
		synctest.Test(t, func(t *testing.T) { f(t, seed) })
	}
	t.Run("seeds", func(t *testing.T) {
		for worker := range min(uint64(runtime.GOMAXPROCS(0)), n) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for failed.Load() == 0 || *simAll {
					seed := next.Add(1) - 1
					switch {
					case seed >= first+n, *simFor > 0 && time.Since(begin) > *simFor:
						return
					case *simAll: // a failure ends the test that it happens in
						t.Run(fmt.Sprint(seed), func(t *testing.T) { one(t, seed) })
					default:
						one(t, seed)
					}
				}
			})
		}
	})
	t.Logf("%d seeds, %.0f a second, %d failed", done.Load(), float64(done.Load())/time.Since(begin).Seconds(), failed.Load())
}

// testName is the name of the test function that t belongs to.
func testName(t *testing.T) string {
	name := t.Name()
	for i, r := range name {
		if r == '/' {
			return name[:i]
		}
	}
	return name
}

// fastDir is a folder for files that need not outlive the test: in memory where
// the system has such a place.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "migrate-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
