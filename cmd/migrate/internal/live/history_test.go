package live

import (
	"slices"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
)

func at(seconds float64, done int, bytes int64, under int) view.Snapshot {
	return view.Snapshot{Elapsed: time.Duration(seconds * float64(time.Second)), Finished: done, Bytes: bytes, Stages: map[string]int{"transfer": under}}
}

func TestHistoryHasWhatCameInEachStep(t *testing.T) {
	h := newHistory()
	for _, s := range []view.Snapshot{at(0.1, 0, 0, 1), at(0.9, 1, 50, 9), at(1.05, 2, 100, 4), at(2.1, 2, 90, 2), at(4.2, 6, 190, 8)} {
		h.add(s)
	}
	// In the second step bytes were taken back; the third and fourth share what came.
	if want := []float64{2, 0, 2, 2}; !slices.Equal(h.done, want) {
		t.Errorf("done %v, want %v", h.done, want)
	}
	if want := []float64{100, 0, 50, 50}; !slices.Equal(h.bytes, want) {
		t.Errorf("bytes %v, want %v", h.bytes, want)
	}
	if want := []float64{9, 4, 8, 8}; !slices.Equal(h.queue, want) {
		t.Errorf("queue %v, want %v", h.queue, want)
	}
}

func TestHistoryOfALongRunStaysShort(t *testing.T) {
	for _, every := range []float64{1, 3, 7.5} {
		h := newHistory()
		const last = 40_000
		done := 0
		for s := 0.0; s < last; s += every {
			done += int(every)
			h.add(at(s, done, int64(done)*10, int(s)%5))
		}
		if n := len(h.done); n >= points || n < points/4 || len(h.bytes) != n || len(h.queue) != n {
			t.Errorf("every %v s: %d, %d and %d points", every, n, len(h.bytes), len(h.queue))
		}
		if end := time.Duration(len(h.done)) * h.step; end != h.last.at || end > last*time.Second || end < last*time.Second-2*h.step {
			t.Errorf("every %v s: the steps end at %s, the last one at %s", every, end, h.last.at)
		}
		sum, bytes := 0.0, 0.0
		for i := range h.done {
			sum += h.done[i]
			bytes += h.bytes[i]
		}
		if int(sum+0.5) != h.last.done || int64(bytes+0.5) != h.last.bytes {
			t.Errorf("every %v s: %v items and %v bytes in all steps, want %d and %d", every, sum, bytes, h.last.done, h.last.bytes)
		}
	}
}
