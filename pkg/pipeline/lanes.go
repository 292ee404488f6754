package pipeline

import "context"

// lookAhead is how many items of each lane may wait to begin, so that the next one of
// the other lane is found behind them. Nothing was done for them yet.
const lookAhead = 1000

// lanes is the way into a stage, a channel for each lane: files that take long wait
// behind each other, and not before the others.
type lanes [2]chan *work

// newLanes has room for so many small and large items. Of large ones it should be few:
// what is done for them ahead is work that a stop leaves half done, and disk.
func newLanes(smalls, larges int) lanes {
	return lanes{make(chan *work, smalls), make(chan *work, larges)}
}

// oneLane is for a stage in which size does not matter.
func oneLane(n int) lanes { return lanes{make(chan *work, n)} }

// of is the channel for w.
func (l lanes) of(w *work) chan<- *work {
	if l[w.lane] == nil {
		return l[small]
	}
	return l[w.lane]
}

// choose says to which lane w belongs from now on, and counts it where others want to
// know that it comes.
func (r *runner) choose(w *work) {
	if !w.Upload || w.item.URL != "" {
		return
	}
	if w.lane = r.uploads.lane(w.Row.Size); w.lane == small {
		w.coming = true
		r.uploads.expect(+1)
	}
}

// arrives says that w does not come to be sent any more: it was, or will not be.
func (r *runner) arrives(w *work) {
	if w.coming {
		w.coming = false
		r.uploads.expect(-1)
	}
}

// ahead puts a decided item before the stages. It waits only behind too many of its
// own lane.
func (r *runner) ahead(ctx context.Context, w *work) error {
	r.choose(w)
	ch := r.toRoute.of(w)
	select {
	case ch <- w:
		return nil
	default:
	}
	if w.lane == large { // no small one can come before one of these has gone
		r.uploads.expectMore(false)
		defer r.uploads.expectMore(true)
	}
	return r.send(ctx, r.toRoute, w)
}
