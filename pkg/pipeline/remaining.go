package pipeline

import (
	"math"
	"time"
)

// Ahead is what is left of a run, and how fast it went in the last minutes.
type Ahead struct {
	Undecided int   // items that the run did not come to yet, whatever they need
	Items     int   // items that need something, at a guess those among the undecided too, but for those that the service processes
	Bytes     int64 // to be sent for them, likewise
	Settling  int   // items that only the service has to process

	Paces []PaceSlot // of the last minutes

	Elapsed    time.Duration // since the run began
	Processing time.Duration // that the service takes for a file: a mean
	Slowest    time.Duration // and the slowest that was seen; both 0: none is known
	SinceSent  time.Duration // since the last upload was over

	Time     time.Duration // until the run has to be over; 0: no limit
	Requests int           // that it may make; negative: no limit
	Each     float64       // requests for each item that needs something; 0: not known
}

// PaceSlot is what a run did in a stretch of time.
type PaceSlot struct {
	Took    time.Duration
	Decided int   // items
	Items   int   // that needed something, and got it
	Bytes   int64 // sent
}

// Left is how long a run still takes.
type Left struct {
	// Known is false in the first seconds, and as long as nothing has been done that
	// would tell.
	Known  bool          `json:"-"`
	Likely time.Duration `json:"likelyNs"`
	Worst  time.Duration `json:"worstNs"` // not less than Likely
	// Share is the part of the items that are left which will be done before the run has
	// to end by its deadline or its budget, 0 to 1; 1: all of them.
	Share float64 `json:"share"`
}

const (
	// leftKnownAfter is for how long a run has to go on before its pace tells anything.
	leftKnownAfter = 5 * time.Second
	// leftSpread is how much worse than likely the worst is at least.
	leftSpread = 1.25
)

// Remaining says how long a run still takes, at the pace of its last minutes. What
// items and bytes take is told apart by the stretches in which more of one and less of
// the other was done: small files are bound by requests and large ones by the line.
func Remaining(a Ahead) (l Left) {
	var took float64
	var sum PaceSlot
	for _, s := range a.Paces {
		took += s.Took.Seconds()
		sum.Decided += s.Decided
		sum.Items += s.Items
		sum.Bytes += s.Bytes
	}
	l.Share = 1
	toSend := a.Items > 0 || a.Bytes > 0
	switch {
	case a.Elapsed < leftKnownAfter:
		return l
	case toSend && sum.Items == 0 && sum.Bytes == 0, !toSend && a.Undecided > 0 && sum.Decided == 0:
		return l
	}
	var likely, worst float64
	if toSend {
		perItem, perByte := fit(a.Paces)
		likely = perItem*float64(a.Items) + perByte*float64(a.Bytes)
		bound := 0.0 // by what is slowest, if it were alone
		if sum.Items > 0 {
			bound = took * float64(a.Items) / float64(sum.Items)
		}
		if sum.Bytes > 0 {
			bound = max(bound, took*float64(a.Bytes)/float64(sum.Bytes))
		}
		few := 1 / math.Sqrt(float64(max(1, sum.Items))) // of a few nobody can tell much
		worst = max(likely*(leftSpread+few), min(bound, 3*likely))
	}
	if a.Undecided > 0 && sum.Decided > 0 {
		decide := took * float64(a.Undecided) / float64(sum.Decided)
		likely, worst = max(likely, decide), max(worst, decide*leftSpread)
	}
	work := likely
	if a.Settling > 0 || toSend {
		wait, slowest := a.Processing.Seconds(), max(a.Slowest, a.Processing).Seconds()
		if !toSend && a.Undecided == 0 { // it goes on since
			wait, slowest = wait-a.SinceSent.Seconds(), slowest-a.SinceSent.Seconds()
		}
		likely += max(0, wait)
		worst += max(0, slowest)
	}
	l.Known = true
	l.Likely, l.Worst = seconds(likely), seconds(max(likely, worst))
	if a.Time > 0 && work > a.Time.Seconds() {
		l.Share = a.Time.Seconds() / work
	}
	if need := a.Each * float64(a.Items); a.Requests >= 0 && need > float64(a.Requests) {
		l.Share = min(l.Share, float64(a.Requests)/need)
	}
	return l
}

// seconds is a duration of s, at most a hundred days.
func seconds(s float64) time.Duration {
	const most = 100 * 24 * time.Hour
	if d := s * float64(time.Second); d < float64(most) {
		return time.Duration(d)
	}
	return most
}

// fit is how long an item takes, and a byte, in seconds: the two for which the slots
// are explained best. Where they tell nothing apart, each gets half.
func fit(slots []PaceSlot) (perItem, perByte float64) {
	var items, bytes, took, n float64
	for _, s := range slots {
		items += float64(s.Items)
		bytes += float64(s.Bytes)
		took += s.Took.Seconds()
		n++
	}
	switch {
	case items == 0 && bytes == 0:
		return 0, 0
	case bytes == 0:
		return took / items, 0
	case items == 0:
		return 0, took / bytes
	}
	// Least squares of took = x*items/mean + y*bytes/mean, drawn a little towards equal
	// parts, in units of a mean slot.
	mi, mb, mt := items/n, bytes/n, took/n
	const draw = 0.3
	ii, bb, ib, it, bt := draw, draw, 0.0, draw/2, draw/2
	for _, s := range slots {
		i, b, t := float64(s.Items)/mi, float64(s.Bytes)/mb, s.Took.Seconds()/mt
		ii, bb, ib, it, bt = ii+i*i, bb+b*b, ib+i*b, it+i*t, bt+b*t
	}
	x, y := 0.5, 0.5
	if det := ii*bb - ib*ib; det > 0 {
		x, y = (it*bb-bt*ib)/det, (bt*ii-it*ib)/det
	}
	x, y = max(0, x), max(0, y)
	if x+y == 0 {
		x, y = 0.5, 0.5
	}
	// A mean slot takes a mean slot's time.
	return x / (x + y) * mt / mi, y / (x + y) * mt / mb
}
