package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// The record of a run that was cut off names a version that never got bytes; an
// earlier one did. A run that does not wait finds that out, too.
func TestARunThatDoesNotWaitTellsVersionsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.Wait, w.options.Retries = -1, 1
		w.add("A", "content")
		w.tenant.Fail(
			emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindLost},
			emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindExpired, Nth: 2},
			emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindDelay, Delay: emulator.Duration(30 * time.Second), Nth: 3},
		)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errCrash)
		defer cancel()
		if out, err := w.run(ctx, nil); err != nil || !errors.Is(out.Err, errCrash) {
			t.Fatalf("the run ended with %v, %v; it was to be cut off", err, out.Err)
		}
		if n := w.tenant.Assets()[0].Files; n != 2 {
			t.Fatalf("%d versions: this proves nothing", n)
		}
		w.mustRun(0)
		w.check()
	})
}

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

// Under tags: replace a version also takes off the tags that are wanted no more.
func TestAVersionTakesTagsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.man.Update.Tags = "replace"
		item := w.add("A", "content", tags("One", "Two"))
		w.mustRun(0)
		tags("Two")(item)
		w.files.put("A.txt", "new content")
		w.mustRun(0)
		if got := w.tenant.Assets()[0].Tags; !slices.Equal(got, []string{"Two"}) {
			t.Errorf("the tags are %q, want Two alone", got)
		}
		w.planIsEmpty()
	})
}
