package main

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// stuck is a tenant that never finishes processing, and a run on it that has
// sent its files.
func stuckRun(t *testing.T, flags ...string) (*emulator.Server, map[string]string, *process, chan int) {
	t.Helper()
	tenant, vars := serve(t, emulator.Options{Switches: emulator.Switches{StuckProcessing: "*"}})
	write(t, twoItems())
	sent := make(chan struct{})
	tenant.OnCommit(func(op string, n int, when emulator.When) {
		if op == emulator.OpPut && n == 2 && when == emulator.After {
			close(sent)
		}
	})
	p := newProcess(vars)
	code := make(chan int, 1)
	go func() { code <- p.run(t, append([]string{"run", "m.yaml"}, flags...)...) }()
	select {
	case <-sent:
	case c := <-code:
		t.Fatalf("the run ended with %d before it sent anything:\n%s%s", c, p.out, p.err)
	}
	return tenant, vars, p, code
}

func TestTheFirstSignalDrainsAndTheNextRunContinues(t *testing.T) {
	tenant, vars, p, code := stuckRun(t)
	p.signals <- os.Interrupt
	if c := <-code; c != exitInterrupted {
		t.Fatalf("exit code %d, want %d\n%s%s", c, exitInterrupted, p.out, p.err)
	}
	for _, want := range []string{"stopping: ", "run again to continue"} {
		if !strings.Contains(p.err.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, p.err)
		}
	}
	tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = "" })
	expect(t, vars, exitOK, "run", "m.yaml")
	if b := tenant.Books(); b.Assets != 2 || len(b.Duplicates) != 0 || b.RepeatedPuts != 0 {
		t.Errorf("%d assets, duplicates %v, %d repeated uploads", b.Assets, b.Duplicates, b.RepeatedPuts)
	}
}

func TestTheSecondSignalLeavesAtOnce(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	// Storage takes the bytes and never answers: draining would take its minute.
	waits, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	tenant.OnCommit(func(op string, _ int, when emulator.When) {
		if op == emulator.OpPut && when == emulator.Before {
			once.Do(func() { close(waits) })
			<-goOn
		}
	})
	p := newProcess(vars)
	code := make(chan int, 1)
	go func() { code <- p.run(t, "run", "m.yaml") }()
	<-waits
	p.signals <- os.Interrupt
	if text, ok := p.err.await("stopping: "); !ok {
		t.Fatalf("the first signal was not answered:\n%s", text)
	}
	p.signals <- os.Interrupt
	if c := <-code; c != exitInterrupted {
		t.Fatalf("exit code %d, want %d\n%s%s", c, exitInterrupted, p.out, p.err)
	}
	tenant.OnCommit(nil)
	close(goOn)
	expect(t, vars, exitOK, "run", "m.yaml", "--settle-time", "0s")
	if b := tenant.Books(); b.Assets != 2 || len(b.Duplicates) != 0 {
		t.Errorf("%d assets, duplicates %v", b.Assets, b.Duplicates)
	}
}

func TestTheThirdSignalDoesNotWaitForClosing(t *testing.T) {
	left := make(chan int, 1)
	signals := make(chan os.Signal)
	e := env{err: newStream(), signals: signals, exit: func(code int) { left <- code }}
	ctx, cancel := context.WithCancelCause(t.Context())
	i := watch(e, cancel)
	i.drains.Store(true)
	signals <- os.Interrupt
	signals <- os.Interrupt
	<-ctx.Done()
	if err := context.Cause(ctx); err != errInterrupted {
		t.Errorf("cause: %v", err)
	}
	signals <- os.Interrupt
	if code := <-left; code != exitInterrupted {
		t.Errorf("left with %d, want %d", code, exitInterrupted)
	}
	i.close()
}

// TestTheFirstSignalIsToldByWhoHasTheScreen: a line written past the bars would
// leave half of them behind.
func TestTheFirstSignalIsToldByWhoHasTheScreen(t *testing.T) {
	signals, stderr, told := make(chan os.Signal), newStream(), make(chan string, 1)
	_, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	i := watch(env{err: stderr, signals: signals}, cancel)
	note := func(text string) { told <- text }
	i.note.Store(&note)
	i.drains.Store(true)
	signals <- os.Interrupt
	if text := <-told; !strings.HasPrefix(text, "stopping: ") {
		t.Errorf("told %q", text)
	}
	i.close()
	if stderr.String() != "" {
		t.Errorf("stderr got %q too", stderr)
	}
}

func TestClosingThatHangsIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := make(chan int, 1)
		signals := make(chan os.Signal)
		ctx, cancel := context.WithCancelCause(t.Context())
		i := watch(env{err: newStream(), signals: signals, exit: func(code int) { left <- code }}, cancel)
		signals <- os.Interrupt // nothing drains: the first one ends the context
		<-ctx.Done()
		begun := time.Now()
		if code := <-left; code != exitInterrupted {
			t.Errorf("left with %d, want %d", code, exitInterrupted)
		}
		if d := time.Since(begun); d != leaveWithin {
			t.Errorf("left after %v, want %v", d, leaveWithin)
		}
		i.close()
	})
}
