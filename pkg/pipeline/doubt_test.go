package pipeline_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestAnOlderCopyOfTheStateMakesNoTwinWhenItIsDoubted puts a copy from before a
// run back at once, on a tenant whose list lags. Without doubt that makes a
// second asset: what the option is for.
func TestAnOlderCopyOfTheStateMakesNoTwinWhenItIsDoubted(t *testing.T) {
	for _, doubt := range []bool{false, true} {
		t.Run(map[bool]string{false: "trusted", true: "doubted"}[doubt], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{ListLag: 5 * time.Second})
				w.options.SettleTime = 8 * time.Second
				w.add("A", "a")
				w.mustRun(0) // proves that the tenant keeps external IDs
				<-time.After(time.Minute)
				older, err := os.ReadFile(w.path)
				if err != nil {
					t.Fatal(err)
				}
				w.add("B", "b")
				w.crash("postAssets", 1, emulator.After)
				if err := os.WriteFile(w.path, older, 0o600); err != nil {
					t.Fatal(err)
				}
				w.options.Doubt = doubt
				begin := time.Now()
				w.mustRun(0)
				if n := len(w.assets()["B"]); (n == 1) != doubt {
					t.Errorf("%d assets for B", n)
				}
				if !doubt {
					return
				}
				told := false
				for _, e := range w.events {
					e, ok := e.(pipeline.Waiting)
					told = told || ok && e.For == "settle" && e.Until.Equal(begin.Add(w.options.SettleTime))
				}
				if !told {
					t.Error("nobody was told of the wait")
				}
				w.check()
				w.planIsEmpty()
			})
		})
	}
}

func TestAStopEndsTheWaitOfADoubtedState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.SettleTime, w.options.Doubt = time.Hour, true
		w.add("A", "a")
		stop := make(chan struct{})
		go func() { <-time.After(time.Minute); close(stop) }()
		begin := time.Now()
		out, err := w.run(t.Context(), stop)
		if err != nil {
			t.Fatal(err)
		}
		w.want(out, 130)
		if d := time.Since(begin); d > 2*time.Minute {
			t.Errorf("it ended after %s", d)
		}
		if n := len(w.tenant.Assets()); n > 0 || len(w.results) != 1 || w.result("A").Reason != pipeline.ReasonNotReached {
			t.Errorf("%d assets, results %+v", n, w.results)
		}
	})
}
