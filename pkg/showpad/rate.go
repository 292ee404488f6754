package showpad

import (
	"math"
	"time"
)

// How the rate adapts. Source: ASSUME; the service publishes no limit and no way to
// learn it. The numbers were chosen by simulation of token buckets and fixed windows
// (TestTheRateThatTheServiceAllowsIsUsed): most of what is allowed is used, and few
// calls are refused.
const (
	lowered    = 0.9  // of the measured rate: where it goes on after a refusal
	held       = 0.99 // of the ceiling: what is held between two attempts to get more
	recovery   = time.Second
	doubling   = 500 * time.Millisecond // of a rate that is far below its ceiling
	climbing   = 4 * time.Second        // to double a rate whose ceiling has proven too low
	creep      = 0.02                   // of the rate a second, and of that a second: how more and more is tried
	proof      = 1.03                   // of the ceiling, since the last refusal: the ceiling is too low
	fewest     = 5                      // answers that a stretch needs to be a measure
	shortest   = time.Second            // and how long it must be
	madeUp     = 0.985                  // of the ceiling: a service that takes this much over a stretch lets no pause go to waste
	memory     = time.Minute            // how far a mean over windows looks back
	steady     = 0.05                   // of the ceiling: how far it may move and still be believed
	meterSpan  = time.Second            // of the last answers, or as long as meterLeast need
	meterLeast = 20

	// More is tried this long after a refusal: each attempt ends in one, so that there
	// is about one in a thousand requests.
	tryPerRequests = 1000
	tryFirst       = 10 * time.Second
	tryLast        = 200 * time.Second
	tryTrust       = 3 // refusals that a ceiling has to outlive; before, it is tried sooner

	slowest = 1.0 / 60 // requests a second, whatever the service does
)

// bucket lets requests pass at a rate, and after a rest a few at once.
type bucket struct {
	rate   float64 // a second; 0: everything passes
	burst  float64 // at least 1
	tokens float64
	at     time.Time // when tokens was right
}

// fill counts what has come since. It reports whether the bucket ran over: nobody has
// wanted what the rate allows.
func (b *bucket) fill(now time.Time) (over bool) {
	if dt := now.Sub(b.at); dt > 0 {
		b.tokens += b.rate * dt.Seconds()
		b.at = now
	}
	over = b.tokens > b.burst
	b.tokens = min(b.tokens, b.burst)
	return over
}

// wait is how long until one may pass; 0: now. The bucket is filled.
func (b *bucket) wait() time.Duration {
	if b.rate <= 0 || b.tokens >= 1-1e-9 {
		return 0
	}
	return time.Duration(math.Ceil((1 - b.tokens) / b.rate * 1e9))
}

// pacer says when the next request may leave: a rate that was given is never passed,
// and below it the service teaches one by refusing. It does no waiting and has no
// clock: whoever asks tells the time. Make it with newPacer.
type pacer struct {
	given   bucket // rate 0: none was given
	learned bucket // rate 0: the service has never refused

	ceiling float64       // requests a second that the service was found to take; 0: unknown
	mark    time.Time     // the refusal since which answers are counted; zero: none yet
	taken   float64       // answers since mark that are no refusals
	first   float64       // what was measured at the first refusal: an upper bound, with the service's burst in it
	busy    time.Duration // how long the rate has limited since it was last set
	dipped  bool          // a 503 has lowered the rate, and it is not back yet
	trying  bool          // more than the ceiling
	fast    bool          // the ceiling has proven too low
	slow    bool          // the rate begins anew, far below the ceiling

	made  float64 // from 0 to 1: how far the service makes up for pauses
	dry   int     // refusals since mark before enough was answered to measure by
	trust int     // refusals in a row that did not move the ceiling much

	// Of stretches one after the other that had dry refusals.
	windowTaken float64
	windowTime  time.Duration

	meter meter
}

func newPacer(rate float64, burst int) pacer {
	if rate <= 0 {
		return pacer{made: 0.75}
	}
	b := float64(burst)
	if burst < 1 {
		b = max(1, math.Floor(rate))
	}
	return pacer{given: bucket{rate: rate, burst: b, tokens: b}, made: 0.75}
}

// free reports whether nothing is paced: then nobody needs to ask for the time.
func (p *pacer) free() bool { return p.given.rate == 0 && p.learned.rate == 0 }

// take lets one request pass, or says how long to wait.
func (p *pacer) take(now time.Time) time.Duration {
	if p.free() {
		return 0
	}
	if p.given.rate > 0 {
		p.given.fill(now)
	}
	if p.learned.rate > 0 {
		p.grow(now)
	}
	if d := max(p.given.wait(), p.learned.wait()); d > 0 {
		return d
	}
	p.given.tokens--
	p.learned.tokens--
	return 0
}

// giveBack undoes a take: the request did not leave.
func (p *pacer) giveBack() {
	p.given.tokens++
	p.learned.tokens++
}

// rate is what may leave now, in requests a second; 0: everything.
func (p *pacer) rate() float64 {
	if p.given.rate > 0 && (p.learned.rate == 0 || p.given.rate < p.learned.rate) {
		return p.given.rate
	}
	return p.learned.rate
}

// grow fills the bucket up to now, and lets the rate rise while it is what limits.
func (p *pacer) grow(now time.Time) {
	b := &p.learned
	dt := now.Sub(b.at)
	if over := b.fill(now); over || dt <= 0 || p.given.rate > 0 && b.rate > p.given.rate {
		return // nobody waits for this rate
	}
	p.busy += dt
	s := dt.Seconds()
	if p.dipped && b.rate >= held*max(p.ceiling, p.first) {
		p.dipped = false
	}
	if p.ceiling == 0 {
		if p.mark.IsZero() && b.rate > 8*p.first {
			p.learned = bucket{} // it never was the rate
			return
		}
		b.rate *= math.Exp2(s / doubling.Seconds())
		b.burst = learnedBurst(b.rate)
		return
	}
	if d := now.Sub(p.mark).Seconds(); p.taken >= 4*fewest && d > 2 && p.taken/d > proof*p.ceiling {
		p.ceiling, p.fast, p.slow = p.taken/d, true, false
		p.trust = 0
	}
	top := held * p.ceiling
	switch {
	case p.slow && b.rate < lowered*p.ceiling:
		b.rate = min(b.rate*math.Exp2(s/doubling.Seconds()), lowered*p.ceiling)
	case p.fast:
		b.rate *= math.Exp2(s / climbing.Seconds())
	case b.rate < top:
		p.slow = false
		b.rate = min(b.rate+(held-lowered)*p.ceiling*s/recovery.Seconds(), top)
	case p.busy > p.patience():
		p.trying = true
		b.rate *= 1 + creep*(p.busy-p.patience()).Seconds()*s
	}
	b.burst = learnedBurst(b.rate)
}

// patience is how long a ceiling is believed before more is tried. It is short for one
// that is new.
func (p *pacer) patience() time.Duration {
	d := time.Duration(tryPerRequests / max(p.ceiling, slowest) * float64(time.Second))
	d = min(max(d, tryFirst), tryLast)
	if p.trust < tryTrust {
		return d >> (tryTrust - p.trust)
	}
	// Each attempt costs a service that does not make up for pauses half a second.
	return max(d, time.Duration((1-2*p.made)*float64(time.Minute)))
}

// learnedBurst is how many may leave at once at a rate that was learned: enough for
// timers that come late.
func learnedBurst(rate float64) float64 { return max(2, rate/10) }

// took counts an answer that is no refusal.
func (p *pacer) took(now time.Time) {
	p.taken++
	p.meter.add(now)
}

// refuse lowers the rate: the service said at now that it is too high. It is told of
// once for all that were under way when the gate closed.
func (p *pacer) refuse(now time.Time) {
	if p.mark.IsZero() {
		// What was measured may be far too much: the service may have had a burst in hand.
		p.first, p.mark, p.taken = p.meter.rate(now), now, 0
		p.restart(now)
		return
	}
	d := now.Sub(p.mark)
	if p.taken < fewest || d < shortest {
		// Too little to measure by: the stretch goes on, and the service is asked softly.
		p.dry++
		p.restart(now)
		return
	}
	before := p.ceiling
	p.ceiling = max(p.measure(d, p.meter.rate(now)), slowest)
	p.dipped = false
	if math.Abs(p.ceiling-before) > steady*before {
		p.trust = 0
	} else {
		p.trust++
	}
	p.dry = 0
	p.set(now, lowered*p.ceiling)
	p.mark, p.taken = now, 0
	p.slow = false
}

// trouble lowers the rate for a moment: a 503 is about the service's state, not about
// our rate. It counts once until the rate is back, and moves no ceiling: however many
// come, the rate stays near what it was.
func (p *pacer) trouble(now time.Time) {
	if p.dipped {
		return
	}
	before := p.ceiling
	if before == 0 {
		p.first = max(p.first, p.meter.rate(now))
		before = p.first
	}
	rate := lowered * before
	if before == 0 || p.learned.rate > 0 && p.learned.rate <= rate {
		return
	}
	p.set(now, rate)
	p.dipped = true
}

// measure is the rate that the service takes, from a stretch that ended with a
// refusal, d long, and the rate of answers just before its end.
//
// A service with a burst in hand takes what it allows on average, also when a pause came
// in between; one without lets the pause go to waste, and then the rate just before the
// refusal tells more. Which kind it is shows when more than the ceiling was tried.
func (p *pacer) measure(d time.Duration, last float64) float64 {
	mean := p.taken / d.Seconds()
	last = max(mean, min(last, p.learned.rate))
	switch {
	case p.fast:
		return last
	case p.dry > 1:
		// Nothing at all came through for a while: a counter that begins anew at fixed
		// moments. Only the mean over some of its windows tells anything, and too little is
		// worse than too much, of which a window takes what it has.
		p.windowTaken, p.windowTime = p.windowTaken+p.taken, p.windowTime+d
		mean = p.windowTaken / p.windowTime.Seconds()
		if p.windowTime > memory {
			p.windowTaken, p.windowTime = mean*memory.Seconds(), memory
		}
		if mean < p.ceiling {
			return p.ceiling + (mean-p.ceiling)/4
		}
		return mean
	}
	p.windowTaken, p.windowTime = 0, 0
	if p.trying && p.trust >= tryTrust-1 {
		var made float64
		if mean >= madeUp*p.ceiling {
			made = 1
		}
		p.made += (made - p.made) / 3
	}
	return last + (mean-last)*p.made
}

// restart goes on far below the ceiling, or below what is known of it.
func (p *pacer) restart(now time.Time) {
	p.slow = true
	switch {
	case p.ceiling > 0:
		p.set(now, min(max(p.ceiling/16, 1), lowered*p.ceiling))
	case p.learned.rate > 0:
		p.set(now, p.learned.rate/2)
	default:
		p.set(now, max(p.first/32, 2))
	}
}

func (p *pacer) set(now time.Time, rate float64) {
	p.learned = bucket{rate: max(rate, slowest), burst: learnedBurst(rate), tokens: 1, at: now}
	p.busy, p.fast, p.trying = 0, false, false
	p.meter = meter{}
}

// opened is when the first may leave again after a closed gate: what came together
// meanwhile does not count.
func (p *pacer) opened(now time.Time) {
	if p.learned.rate > 0 {
		p.learned.tokens, p.learned.at = 1, now
	}
}

// meter is how many answers came in the last seconds.
type meter struct {
	from      time.Time // of cur
	cur, prev float64
	span      time.Duration // of prev
}

func (m *meter) add(now time.Time) {
	switch d := now.Sub(m.from); {
	case m.from.IsZero() || d >= 30*meterSpan:
		*m = meter{from: now}
	case d >= meterSpan && m.cur >= meterLeast:
		*m = meter{from: now, prev: m.cur, span: d}
	}
	m.cur++
}

// rate is what was measured, a second; 0: nothing, or too long ago to tell anything.
func (m *meter) rate(now time.Time) float64 {
	d := now.Sub(m.from) + m.span
	if m.from.IsZero() || d <= 0 || now.Sub(m.from) >= 30*meterSpan {
		return 0
	}
	return (m.cur + m.prev) / d.Seconds()
}
