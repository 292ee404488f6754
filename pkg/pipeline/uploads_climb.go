package pipeline

import "time"

const (
	// climbEvery is how long bytes are measured before the limit may be doubled.
	climbEvery = time.Second
	// climbGain is how much more has to go out for a doubled limit to stay.
	climbGain = 1.1
	// quick is an upload that takes its time for the way and not for its bytes: the
	// more of them the better.
	quick = time.Second
	// holdFirst is how long a limit is kept before a higher one is tried again; each try
	// that fails doubles it, up to holdLongest.
	holdFirst   = 20 * time.Second
	holdLongest = 2 * time.Minute
	// resetsOften: so many attempts that broke off within resetsWithin, and as many as
	// ended well, are storage's way to say that it is too much.
	resetsOften  = 3
	resetsWithin = 10 * time.Second
)

// climb decides how many uploads go out at once. It begins with half of what is
// allowed, and takes one more for each quick upload, or doubles each second while more
// bytes go out. When they do not, or when storage refuses, it goes back and knows the
// number that was too much: it keeps below, and tries again now and then. Nothing is
// learnt while fewer are under way than the limit allows. More are when they are small
// (see [uploads.full]); the limit follows them. It has no lock and no clock.
type climb struct {
	most  int
	limit int

	tooMuch int           // the least number that was too much; 0: none was met
	flat    bool          // it was for the bytes only, and not for storage
	hold    time.Duration // how long to keep below it
	tryAt   time.Time     // when to try again; zero: not set
	trying  bool          // the limit is the one that was too much
	good    int           // uploads that ended well since the limit changed

	since  time.Time // of the measuring; zero: begins with the next byte
	bytes  int64     // since then
	idle   bool      // a slot was free since then
	peak   int       // the most that were under way since then
	before float64   // bytes a second at the limit before this one; 0: unknown
	low    int       // that limit

	slowed time.Time   // when storage last was too much for
	resets []time.Time // of the last resetsWithin
	passed []time.Time // likewise of those that ended well, as many as matter
}

func newClimb(most int) *climb { return &climb{most: most, limit: (most + 1) / 2} }

// moved counts n bytes that went out while so many were under way. It reports whether
// the limit changed.
func (c *climb) moved(now time.Time, n int64, inFlight int) bool {
	if c.since.IsZero() {
		c.since = now
	}
	c.bytes += n
	c.idle = c.idle || inFlight < c.limit
	c.peak = max(c.peak, inFlight)
	d := now.Sub(c.since)
	if d < climbEvery {
		return false
	}
	rate, idle, peak, was := float64(c.bytes)/d.Seconds(), c.idle, c.peak, c.limit
	c.since, c.bytes, c.idle, c.peak = now, 0, false, 0
	if idle {
		c.before = 0
		return false
	}
	switch {
	case c.tooMuch == 0 && peak > c.limit: // the rate is that of more than the limit
		c.before = 0
		c.set(peak)
	case c.tooMuch == 0 && c.before > 0 && rate < c.before*climbGain:
		c.back(now, c.low)
		c.flat = true
	case c.tooMuch == 0 && c.limit < c.most:
		c.before, c.low = rate, c.limit
		c.set(min(2*c.limit, c.most))
	case c.tooMuch == 0:
		c.before = 0 // at the top
	default:
		c.again(now, rate)
	}
	return c.limit != was
}

// again goes back up to where it was not too much, and tries a step further when the
// time has come; rate is that of the last second.
func (c *climb) again(now time.Time, rate float64) {
	switch {
	case c.trying && c.before > 0 && rate < c.before*(1+0.5/float64(c.limit)):
		flat := c.flat
		c.back(now, c.limit-1) // no more goes out by it
		c.flat = flat
	case c.trying:
		c.proved(now)
	case c.limit < c.tooMuch-1:
		c.set(c.limit + 1)
	case !now.Before(c.tryAt) && c.limit < c.most:
		c.before, c.trying = rate, true
		c.set(c.limit + 1)
	}
}

// proved says that the limit is not too much after all.
func (c *climb) proved(now time.Time) {
	c.trying, c.before, c.hold = false, 0, holdFirst
	if c.tooMuch = c.limit + 1; c.tooMuch > c.most {
		c.tooMuch, c.flat = 0, false
		return
	}
	c.tryAt = now.Add(climbEvery)
}

// back makes n the limit: more of them is too much.
func (c *climb) back(now time.Time, n int) {
	c.tooMuch = max(n+1, 2)
	c.hold = min(max(2*c.hold, holdFirst), holdLongest)
	c.tryAt, c.trying, c.before, c.flat = now.Add(c.hold), false, 0, false
	c.set(n)
}

func (c *climb) set(n int) {
	c.limit, c.good = max(1, min(n, c.most)), 0
	c.since, c.bytes, c.idle, c.peak = time.Time{}, 0, false, 0
}

// ended counts an attempt that went well; took is how long, busy that all slots were
// taken. It reports whether the limit changed.
func (c *climb) ended(now time.Time, took time.Duration, busy bool) bool {
	c.passed = recent(append(c.passed, now), now)
	if !busy {
		return false
	}
	was := c.limit
	c.good++
	switch {
	case c.limit >= c.most:
	case c.tooMuch == 0 || c.flat:
		if took < quick {
			c.limit++ // what is measured goes on
			c.tooMuch, c.flat, c.trying, c.before = 0, false, false, 0
		}
	case c.trying && c.good >= 2*c.limit:
		c.proved(now)
	case c.limit < c.tooMuch-1 && c.good >= c.limit:
		c.set(c.limit + 1)
	case !c.trying && c.limit == c.tooMuch-1 && !now.Before(c.tryAt):
		c.trying, c.before = true, 0
		c.set(c.limit + 1)
	}
	return c.limit != was
}

// recent is what of times is not older than resetsWithin, a few of the latest.
func recent(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && (now.Sub(times[0]) > resetsWithin || len(times) > 4*resetsOften) {
		times = times[1:]
	}
	return times
}

// broke counts an attempt whose connection broke, or stood still, and reports whether
// that was too much; begun and inFlight are as for refused.
func (c *climb) broke(now, begun time.Time, inFlight int) bool {
	c.resets, c.passed = recent(append(c.resets, now), now), recent(c.passed, now)
	if len(c.resets) < resetsOften || len(c.resets) < len(c.passed) {
		return false
	}
	c.resets = nil
	return c.refused(now, begun, inFlight)
}

// refused is storage's word that it is too much: half of it goes on. begun is when the
// refused attempt began, inFlight how many there were with it. What began before the
// limit went down says nothing new. It reports whether the limit changed.
func (c *climb) refused(now, begun time.Time, inFlight int) bool {
	if !c.slowed.IsZero() && (begun.Before(c.slowed) || now.Sub(c.slowed) < climbEvery) {
		return false
	}
	c.slowed = now
	was := c.limit
	n := max(1, min(inFlight, c.limit))
	c.back(now, n-1)
	c.set(n / 2)
	return c.limit != was
}
