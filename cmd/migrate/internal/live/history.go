package live

import (
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
)

// points is how many values a chart has at most: when there are more, each two
// become one, and the next ones are twice as long.
const points = 120

// history is how a run went so far, in steps of equal length.
type history struct {
	step  time.Duration
	last  sample // at the end of the last whole step
	done  []float64
	bytes []float64
	queue []float64 // items under way, the most within a step
	peak  float64   // of the queue, in the step that is under way
}

// sample are the numbers of a moment.
type sample struct {
	at    time.Duration // since the start
	done  int
	bytes int64
}

func newHistory() *history { return &history{step: every} }

// add takes the numbers of now. Steps that passed without a look share what came.
func (h *history) add(s view.Snapshot) {
	under := 0
	for _, n := range s.Stages {
		under += n
	}
	h.peak = max(h.peak, float64(under))
	n := int((s.Elapsed - h.last.at) / h.step)
	if n < 1 {
		return
	}
	now := sample{h.last.at + time.Duration(n)*h.step, s.Finished, s.Bytes}
	for range n {
		h.done = append(h.done, float64(now.done-h.last.done)/float64(n))
		h.bytes = append(h.bytes, max(0, float64(now.bytes-h.last.bytes))/float64(n)) // bytes are taken back, too
		h.queue = append(h.queue, h.peak)
	}
	h.last, h.peak = now, float64(under)
	for len(h.done) >= points {
		h.widen()
	}
}

// widen makes steps twice as long. An odd last one is not over yet.
func (h *history) widen() {
	if n := len(h.done) - 1; n%2 == 0 {
		h.last.done -= int(h.done[n] + 0.5)
		h.last.bytes -= int64(h.bytes[n] + 0.5)
		h.peak = max(h.peak, h.queue[n])
		h.done, h.bytes, h.queue = h.done[:n], h.bytes[:n], h.queue[:n]
	}
	h.step *= 2
	sum := func(a, b float64) float64 { return a + b }
	h.done, h.bytes = halved(h.done, sum), halved(h.bytes, sum)
	h.queue = halved(h.queue, func(a, b float64) float64 { return max(a, b) })
	h.last.at = time.Duration(len(h.done)) * h.step
}

// halved makes one value of each two.
func halved(values []float64, join func(a, b float64) float64) []float64 {
	out := values[:0]
	for i := 0; i+1 < len(values); i += 2 {
		out = append(out, join(values[i], values[i+1]))
	}
	return out
}
