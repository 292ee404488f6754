package pipeline

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Ahead is what is left of a run, and how fast it went in the last minutes.
type Ahead struct {
	Undecided int   // items that the run did not come to yet, whatever they need
	Items     int   // items that need something, at a guess those among the undecided too, but for those that the service processes
	Bytes     int64 // to be sent for them, likewise
	Settling  int   // items that only the service has to process

	Paces []PaceSlot // of the last minutes
	// Seconds that an item is assumed to take without its bytes, and a byte, before
	// anything is seen; 0: nothing is assumed.
	Item, Byte Assumed

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
	// Requests says that these limited it, how many there may be or how long they take,
	// and not its bytes.
	Requests bool
}

// Left is how long a run still takes.
type Left struct {
	// Known is false in the first seconds, and as long as nothing has been done that
	// would tell.
	Known  bool          `json:"-"`
	Least  time.Duration `json:"leastNs"`
	Likely time.Duration `json:"likelyNs"` // not less than Least
	Worst  time.Duration `json:"worstNs"`  // not less than Likely
	// Share is the part of the items that are left which will be done before the run has
	// to end by its deadline or its budget, 0 to 1; 1: all of them.
	Share float64 `json:"share"`
}

const (
	// leftKnownAfter is for how long a run has to go on before its pace tells anything.
	leftKnownAfter = 5 * time.Second
	// leftSpread is how much worse than likely the worst is at least, and likely than
	// the least.
	leftSpread = 1.25
)

// Remaining says how long a run still takes, at the pace of its last minutes. What
// items and bytes take is told apart by the stretches in which more of one and less of
// the other was done, and by what was assumed before: small files are bound by requests
// and large ones by the line.
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
	var least, likely, worst float64
	if toSend {
		least, likely, worst = fit(&a)
		least, worst = min(least, likely/leftSpread), max(worst, likely*leftSpread)
	}
	if a.Undecided > 0 && sum.Decided > 0 {
		decide := took * float64(a.Undecided) / float64(sum.Decided)
		least, likely, worst = max(least, decide/leftSpread), max(likely, decide), max(worst, decide*leftSpread)
	}
	work := likely
	if a.Settling > 0 || toSend {
		wait, slowest := a.Processing.Seconds(), max(a.Slowest, a.Processing).Seconds()
		if !toSend && a.Undecided == 0 { // it goes on since
			wait, slowest = wait-a.SinceSent.Seconds(), slowest-a.SinceSent.Seconds()
		}
		least += max(0, wait/2)
		likely += max(0, wait)
		worst += max(0, slowest)
	}
	l.Known = true
	l.Least, l.Likely, l.Worst = seconds(min(least, likely)), seconds(likely), seconds(max(likely, worst))
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

// How sure a pace is, as a spread of its logarithm: what is assumed of a service and a
// line that nobody has measured may be off by a factor of several.
var paceSpread = map[Origin]float64{OriginGiven: 0.5, OriginMeasured: 0.5, OriginDefault: 1.2}

const (
	// gridSize is how many paces of items, and of bytes, are tried, each with each.
	gridSize = 40
	// gridFar is how much faster than assumed, and than the slots have it, they are at most.
	gridFar = 30
	// A stretch of time tells no more exactly than this what its items and bytes took.
	slotNoise = 0.15        // of it
	slotStart = time.Second // and so much more: of what was begun before, and ended after
	allNoise  = 0.05        // of all slots together
	// slotWeight is less than 1 because slots resemble those next to them.
	slotWeight = 0.5
	// requestsShare is how much of a slot that requests limited its bytes would have
	// taken, about.
	requestsShare = 0.3
)

// fit tells how long so many items and bytes take, in seconds: likely, at least and at
// most, each of the latter two with a chance of one in ten to be wrong. What an item
// takes and what a byte takes is weighed by what was assumed before and by how well it
// explains the slots, so that small files, of which a thousand tell nothing of the line,
// leave that as it was assumed.
func fit(a *Ahead) (least, likely, most float64) {
	guesses := make([]guess, 0, gridSize*gridSize)
	items := tried(a.Item, a.Paces, func(s *PaceSlot) float64 { return float64(s.Items) })
	bytes := tried(a.Byte, a.Paces, func(s *PaceSlot) float64 { return float64(s.Bytes) })
	best := math.Inf(1)
	took, noise := 0.0, make([]float64, len(a.Paces))
	for j := range a.Paces {
		took += a.Paces[j].Took.Seconds()
	}
	for _, x := range items {
		for j := range a.Paces {
			noise[j] = square(slotNoise*a.Paces[j].Took.Seconds()+slotStart.Seconds()) + square(x.seconds) // items end one by one
			x.cost += slotWeight * math.Log(noise[j])
		}
		for _, y := range bytes {
			cost, off := x.cost+y.cost, 0.0
			for j := range a.Paces {
				s := &a.Paces[j]
				d := s.Took.Seconds() - x.seconds*float64(s.Items) - y.seconds*float64(s.Bytes)
				cost += slotWeight * d * d / noise[j]
				if s.Requests {
					cost += slotWeight * square(y.seconds*float64(s.Bytes)/(requestsShare*max(s.Took, time.Second).Seconds()))
				}
				off += d
			}
			// What a slot has too little the next one has too much.
			cost += square(off) / (square(allNoise*took+slotStart.Seconds()) + square(x.seconds))
			guesses = append(guesses, guess{x.seconds*float64(a.Items) + y.seconds*float64(a.Bytes), cost})
			best = min(best, cost)
		}
	}
	slices.SortFunc(guesses, func(a, b guess) int { return cmp.Compare(a.seconds, b.seconds) })
	sum := 0.0
	for i := range guesses {
		guesses[i].cost = math.Exp((best - guesses[i].cost) / 2) // its weight
		sum += guesses[i].cost
	}
	at := func(part float64) float64 {
		part *= sum
		for _, g := range guesses {
			if part -= g.cost; part <= 0 {
				return g.seconds
			}
		}
		return guesses[len(guesses)-1].seconds
	}
	return at(0.1), at(0.5), at(0.9)
}

// guess is what something may take, and how unlikely that is.
type guess struct{ seconds, cost float64 }

func square(x float64) float64 { return x * x }

// tried are what one of something may take, evenly on a scale of logarithms, with the
// cost of being away from what was assumed: far less for what is far than a bell has, so
// that a few slots can tell that nobody assumed rightly. Where nothing was assumed, half
// of the time went to it.
func tried(a Assumed, slots []PaceSlot, count func(*PaceSlot) float64) (all [gridSize]guess) {
	n, took := 0.0, 0.0
	for i := range slots {
		n += count(&slots[i])
		took += slots[i].Took.Seconds()
	}
	most := took / n // they took all of the time
	switch {
	case n == 0 && a.Value <= 0:
		return all
	case n == 0:
		most = a.Value * gridFar
	case a.Value <= 0:
		a = Assumed{most / 2, OriginDefault}
	}
	least := min(a.Value, most) / gridFar
	most *= leftSpread
	step := math.Log(most/least) / (gridSize - 1)
	for i := range all {
		seconds := least * math.Exp(step*float64(i))
		off := math.Log(seconds/a.Value) / paceSpread[a.Origin]
		all[i] = guess{seconds, 3 * math.Log1p(off*off/3)}
	}
	return all
}
