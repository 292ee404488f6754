package pipeline_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// A clock that jumps while files are processed neither ends the wait for them nor
// makes it endless.
func TestAClockThatJumpsWhileFilesAreProcessed(t *testing.T) {
	for _, jump := range []time.Duration{30 * time.Hour, -30 * time.Hour} {
		t.Run(fmt.Sprint(jump), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{Processing: 10 * time.Minute})
				w.options.ProcessingTimeout = 20 * time.Minute
				w.add("A", "content")
				stuck := w.add("B", "stuck")
				w.tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = stuck.ExternalID + "*" })
				jumped := false
				w.observe = func(e pipeline.Event) {
					if v, ok := e.(pipeline.Waiting); ok && v.For == "processing" && !jumped {
						jumped = true
						w.jump(jump)
					}
				}
				begin := time.Now()
				w.mustRun(3)
				if a := w.record("A"); a.Status != state.Done || !jumped {
					t.Errorf("A is %s: %+v", a.Status, a.Error)
				}
				if b := w.record("B"); b.Error == nil || b.Error.Code != pipeline.FailedTimeout {
					t.Errorf("B is %s: %+v, want it to fail as overdue", b.Status, b.Error)
				}
				if d := time.Since(begin); d < 20*time.Minute || d > 22*time.Minute {
					t.Errorf("the overdue file was given up after %s, want 20 minutes", d)
				}
			})
		})
	}
}

// The wall clock was put forward since a run made the asset, and the list does not
// show it yet: it is not gone.
func TestAClockThatJumpedMakesNoAssetGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0) // this tenant keeps external IDs
		w.tenant.Switch(func(s *emulator.Switches) { s.ListLag = emulator.Duration(4 * time.Second) })
		w.options.SettleTime = 10 * time.Second
		w.add("B", "content")
		w.crashAfter("postAssets")
		w.jump(5 * time.Hour)
		w.mustRun(0)
		w.check()
	})
}
