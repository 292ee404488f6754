package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestARunMakesEachAssetOnceAndARerunChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		for i := range 300 {
			w.add(fmt.Sprintf("SP-%03d", i), strings.Repeat("x", i+1), tags("Sales", "Migrated"))
		}
		s, rows := w.plan()
		if s.Writes != 602 || s.Puts != 300 || len(rows) != 300 {
			t.Errorf("the plan says %d writes and %d uploads in %d rows, want 602, 300, 300", s.Writes, s.Puts, len(rows))
		}
		w.tenant.ResetBooks()
		out := w.mustRun(0)
		w.check()
		b := w.tenant.Books()
		if most := 2*300 + 15 + 2*2 + 40; b.API > most {
			t.Errorf("%d API requests, want at most %d: %v", b.API, most, b.Requests)
		}
		if len(w.results) != 300 || out.Status["done"] != 300 {
			t.Errorf("%d results, %v", len(w.results), out.Status)
		}

		w.tenant.ResetBooks()
		w.mustRun(0)
		w.check()
		if b := w.tenant.Books(); b.API > 12 || len(b.Commits) > 0 {
			t.Errorf("a rerun made %d requests %v and the changes %v", b.API, b.Requests, b.Commits)
		}
		if s, _ := w.plan(); s.Actions[pipeline.ActionUnchanged] != 300 {
			t.Errorf("the plan after a run is not empty: %v", s.Actions)
		}
	})
}

func TestATenantThatIgnoresTagsInACreateGetsThemBeforeDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{DropTags: true}})
		for i := range 5 {
			w.add(fmt.Sprintf("A%d", i), "content", tags("One", "Two"))
		}
		w.mustRun(0)
		w.check()
		w.mustRun(0)
	})
}

func TestATenantThatDropsExternalIDsGetsOneAssetAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{DropExternalID: true}})
		for i := range 20 {
			w.add(fmt.Sprintf("A%d", i), "content")
		}
		out := w.mustRun(1)
		if out.Err == nil || !strings.Contains(out.Err.Error(), "did not keep the external ID") {
			t.Errorf("the reason given is %v", out.Err)
		}
		if len(w.results) != 20 {
			t.Errorf("%d results for 20 items", len(w.results))
		}
		w.mustRun(1)
		if n := len(w.tenant.Assets()); n != 1 {
			t.Errorf("%d assets, want 1", n)
		}
	})
}

func TestFaultsByTheHundred(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{ListLag: 700 * time.Millisecond, Processing: 2 * time.Second})
				for i := range 100 {
					w.add(fmt.Sprintf("A%d", i), strings.Repeat("y", i), tags("One", "Two"), func(i *manifest.Item) { i.AllowEmpty = true })
				}
				w.tenant.Chaos(seed, emulator.Rates{Status5xx: 0.05, ResetBefore: 0.03, LostAfter: 0.02, TooMany: 0.02, Truncated: 0.01, Storage503: 0.03, StorageReset: 0.02, StorageLost: 0.02})
				w.mustRun(0)
				w.tenant.ClearFaults()
				w.check()
				if n := w.tenant.Books().InsideClosedGate; n > 0 {
					t.Errorf("%d calls inside a closed gate", n)
				}
				w.mustRun(0)
				w.check()
			})
		})
	}
}
