package view

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// When plain lines come.
const (
	firstLine = 5 * time.Second
	nextLines = 30 * time.Second
	refresh   = 200 * time.Millisecond
)

// Progress tells people how a run goes: bars on a terminal, a line at times
// elsewhere, warnings at once. Close ends it.
type Progress struct {
	Tally
	out   io.Writer
	quiet bool // warnings only
	bars  bool

	queue lines
	folds folds
	stop  chan struct{}
	done  sync.WaitGroup
	begun chan struct{} // closed at the first write: bars appear after the question
	once  sync.Once
}

// lines is an unbounded queue of lines: observing must never wait for a
// terminal. Repeated texts are dropped while they wait.
type lines struct {
	mu   sync.Mutex
	list []string
	wake chan struct{}
}

func (q *lines) add(text string) {
	q.mu.Lock()
	if n := len(q.list); n == 0 || q.list[n-1] != text {
		q.list = append(q.list, text)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *lines) take() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	q.list = nil
	return list
}

// NewProgress begins to tell on out. With bars, out is a terminal that can
// move its cursor; quiet leaves only warnings.
func NewProgress(out io.Writer, bars, quiet bool) *Progress {
	p := &Progress{out: out, quiet: quiet, bars: bars && !quiet, stop: make(chan struct{}), begun: make(chan struct{})}
	p.queue.wake = make(chan struct{}, 1)
	p.done.Go(p.tell)
	return p
}

// Observe takes an event of the run.
func (p *Progress) Observe(e pipeline.Event) {
	p.Tally.Observe(e)
	switch e := e.(type) {
	case pipeline.Sent:
		p.begin()
	case pipeline.Finished:
		if len(e.Result.Warnings) > 0 || e.Result.AssetID != "" {
			p.begin()
		}
	case pipeline.Warned:
		text := "warning: "
		if e.ExternalID != "" {
			text += Clean(e.ExternalID) + ": "
		}
		if text += Clean(e.Text); p.folds.shown(e.Code, text) {
			p.queue.add(text)
		}
	case pipeline.Waiting:
		long := e.Until.IsZero() || time.Until(e.Until) > firstLine
		// The bars have a place for it; a stop was told with the signal.
		if !p.quiet && !p.bars && long && e.Text != "" && e.For != "drain" && p.folds.due(e.For, e.Until) {
			p.queue.add(Clean(e.Text))
		}
	}
}

func (p *Progress) begin() { p.once.Do(func() { close(p.begun) }) }

// Note shows a line now.
func (p *Progress) Note(text string) { p.queue.add(Clean(text)) }

// Close shows what is left to show and takes the bars away.
func (p *Progress) Close() {
	close(p.stop)
	p.done.Wait()
}

// tell is the one goroutine that writes.
func (p *Progress) tell() {
	timer := time.NewTimer(firstLine)
	defer timer.Stop()
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	begun := p.begun
	if !p.bars {
		begun = nil
		tick.Stop()
	}
	var screen *screen
	write := func(text string) {
		if screen != nil {
			// A terminal that echoes ^C leaves the cursor within the line.
			fmt.Fprintf(screen.progress, "\r\x1b[K%s\n", text)
			return
		}
		fmt.Fprintln(p.out, text)
	}
	for {
		select {
		case <-p.queue.wake:
			for _, line := range p.queue.take() {
				write(line)
			}
		case <-begun:
			begun = nil
			for _, line := range p.queue.take() {
				write(line) // said before the bars came, shown before them
			}
			screen = newScreen(p.out, barWidth)
		case <-tick.C:
			if screen != nil {
				screen.update(p.Snapshot())
			}
		case <-timer.C:
			if s := p.Snapshot(); screen == nil && !p.quiet && !p.bars && s.Items > 0 {
				write(s.Line())
			}
			timer.Reset(nextLines)
		case <-p.stop:
			for _, line := range append(p.queue.take(), p.folds.rest()...) {
				write(line)
			}
			if screen != nil {
				screen.close(p.Snapshot())
			}
			return
		}
	}
}
