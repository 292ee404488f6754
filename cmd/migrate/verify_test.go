package main

import (
	"os"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestVerifyCode(t *testing.T) {
	for _, tt := range []struct {
		sum  pipeline.VerifySummary
		want int
	}{
		{pipeline.VerifySummary{}, 0},
		{pipeline.VerifySummary{Items: 2, OK: 2}, 0},
		{pipeline.VerifySummary{Items: 2, OK: 1, Unfinished: 1}, 6},
		{pipeline.VerifySummary{Items: 2, Different: 1, Unfinished: 1}, 3},
		{pipeline.VerifySummary{Items: 1, Missing: 1}, 3},
		{pipeline.VerifySummary{Items: 1, Unchecked: 1}, 3},
	} {
		if got := verifyCode(tt.sum); got != tt.want {
			t.Errorf("%+v: %d, want %d", tt.sum, got, tt.want)
		}
	}
}

// TestVerifyDeepIsInterrupted in the middle of a file.
func TestVerifyDeepIsInterrupted(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{KeepBytes: true})
	write(t, twoItems())
	expect(t, vars, exitOK, "run", "m.yaml")
	tenant.Fail(emulator.Fault{Op: emulator.OpGet, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Hour), Count: -1})
	p := newProcess(vars)
	code := make(chan int, 1)
	go func() { code <- p.run(t, "verify", "m.yaml", "--deep") }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for tenant.Books().Requests[emulator.OpGet] == 0 {
		<-tick.C
	}
	p.signals <- os.Interrupt
	if got := <-code; got != exitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", got, exitInterrupted, p.err)
	}
}
