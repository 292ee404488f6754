package pipeline_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// A run that does not wait for processing still looks at everything once: what is
// stuck does not hide what is done, run after run.
func TestARunThatDoesNotWaitLooksAtEachItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: time.Minute})
		w.options = pipeline.WithLimits(w.options, 0, 0, 2)
		w.options.Wait = -1
		w.many(9)
		w.tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = "A0[0-3]*" })
		w.mustRun(6)
		<-time.After(time.Hour)
		begin := time.Now()
		if out := w.mustRun(6); out.Status["done"] != 5 {
			t.Errorf("%v, want 5 done", out.Status)
		}
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("it waited %s", d)
		}
	})
}
