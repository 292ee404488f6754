//go:build unix

package crash_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestALostStateIsRebuilt loses the state in the middle of a migration, together
// with the run: some assets are done, some have no bytes yet, the answers to some
// creates never came. A rebuild, killed on its way too, and a run make it whole.
func TestALostStateIsRebuilt(t *testing.T) {
	for seed := uint64(1); seed <= 2; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			v := newVoyage(t, seed, 0)
			v.tn.Hold(t, "put", 12, "before")
			p := v.start()
			if !v.tn.Held(t, p) {
				t.Fatalf("the run ended before its twelfth upload\n%s", &p.Stderr)
			}
			v.ended(p, place{"put", "before"}, map[string]int{})
			v.tn.Release(t, seed%2 == 0)
			for _, dir := range v.l.Runs(t) { // nobody completes the evidence of a run that no state knows
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			state := filepath.Join(v.l.Dir, "campaign.state.db")
			if err := os.Rename(state, state+".lost"); err != nil {
				t.Fatal(err)
			}
			v.tn.Run(t, 2, v.l.Dir, "state", "check", "campaign.yaml")

			rebuild := []string{"state", "rebuild", "campaign.yaml", "--settle-time", settleTime.String()}
			for range 4 {
				p := v.tn.Start(t, v.l.Dir, rebuild...)
				v.await(p)
				p.Kill(t)
				if _, err := os.Stat(state); err == nil {
					break // it was whole already
				}
			}
			if _, err := os.Stat(state); err != nil {
				v.tn.Run(t, 0, v.l.Dir, rebuild...)
			}
			v.tn.Run(t, 0, v.l.Dir, "state", "check", "campaign.yaml")

			for range 2 {
				v.strikeAtRandom()
			}
			v.arrive()
		})
	}
}
