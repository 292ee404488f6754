package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestRebuildIsInterrupted while it reads the list: it leaves nothing behind.
func TestRebuildIsInterrupted(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	tenant.Fail(emulator.Fault{Op: "getAssets", Kind: emulator.KindDelay, Delay: emulator.Duration(time.Hour), Count: -1})
	p := newProcess(vars)
	code := make(chan int, 1)
	go func() {
		code <- p.run(t, "state", "rebuild", "m.yaml", "--settle-time", "1ms", "--from", "lists")
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for tenant.Books().Requests["getAssets"] == 0 {
		<-tick.C
	}
	p.signals <- os.Interrupt
	if got := <-code; got != exitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", got, exitInterrupted, p.err)
	}
	if left, err := filepath.Glob("m.*.db*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAnExportThatFailsLeavesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson")
	boom := errors.New("boom")
	err := exportTo(path, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || fileExists(path) {
		t.Errorf("error %v, file is there: %v", err, fileExists(path))
	}
}
