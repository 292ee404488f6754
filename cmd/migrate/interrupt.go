package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// leaveWithin is how long closing may take after the second signal.
const leaveWithin = 3 * time.Second

// interrupts turns signals into a stop (the first one, while something can
// drain), an end of the context (the second, or the first with nothing to
// drain) and an end of the process (the third, or when closing hangs).
type interrupts struct {
	stop   chan struct{}                     // closed at the first signal
	drains atomic.Bool                       // a run is under way that finishes what it has begun
	note   atomic.Pointer[func(text string)] // shows a line of that run: its bars must know; nil: stderr
	quit   chan struct{}
	done   sync.WaitGroup
}

func watch(e env, cancel context.CancelCauseFunc) *interrupts {
	i := &interrupts{stop: make(chan struct{}), quit: make(chan struct{})}
	if e.signals != nil {
		i.done.Go(func() { i.wait(e, cancel) })
	}
	return i
}

func (i *interrupts) wait(e env, cancel context.CancelCauseFunc) {
	var late <-chan time.Time
	for n := 1; ; n++ {
		select {
		case <-i.quit:
			return
		case <-late:
			leave(e)
			return
		case <-e.signals:
		}
		switch {
		case n == 1 && i.drains.Load():
			close(i.stop)
			const text = "stopping: uploads in flight are finished, nothing new begins; again to leave at once; the next run continues"
			if note := i.note.Load(); note != nil {
				(*note)(text)
			} else {
				say(e.err, text)
			}
			continue
		case n == 1:
			close(i.stop)
		case late != nil:
			leave(e)
			return
		}
		cancel(errInterrupted)
		timer := time.NewTimer(leaveWithin)
		defer timer.Stop()
		late = timer.C
	}
}

// readerGone takes the signal of a write to a reader who is gone.
var readerGone = make(chan os.Signal, 1)

// outliveReaders has such a write fail as any other does, and not end the process: what
// is under way counts more than who looks at it.
func outliveReaders() { signal.Notify(readerGone, syscall.SIGPIPE) }

func leave(e env) {
	if e.exit != nil {
		e.exit(exitInterrupted)
	}
}

// close ends the watching.
func (i *interrupts) close() {
	close(i.quit)
	i.done.Wait()
}

// interrupted reports whether a signal came.
func (i *interrupts) interrupted() bool {
	select {
	case <-i.stop:
		return true
	default:
		return false
	}
}

func say(w io.Writer, format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
