package pipeline

import "time"

// rateWindow is what the present rate is measured over, and rateSlots the parts of it.
const (
	rateWindow = 10 * time.Second
	rateSlots  = 10
)

// goodput measures bytes that go out: the rate of the last seconds, and how long
// uploads take by their size. The zero value is ready.
type goodput struct {
	slots [rateSlots]int64 // bytes, by second
	at    int64            // the second of the latest slot, from begun
	begun time.Time        // of the first byte

	each sizeClass // of uploads that ended well and are large enough to tell

	// Of uploads that ended well, each class of sizes for itself: classes[i] are
	// those below 1<<(10+2*i) bytes.
	classes [13]sizeClass
}

// sizeClass is how long uploads of about one size take.
type sizeClass struct {
	n     int
	bytes float64 // a moving average, as is time
	time  float64 // seconds
}

func sizeClassOf(size int64) int {
	i := 0
	for i < len((*goodput)(nil).classes)-1 && size >= 1<<(10+2*i) {
		i++
	}
	return i
}

// add counts bytes that went out.
func (g *goodput) add(now time.Time, n int64) {
	if g.begun.IsZero() {
		g.begun = now
	}
	g.turn(now)
	g.slots[g.at%rateSlots] += n
}

// turn forgets what is older than the window.
func (g *goodput) turn(now time.Time) {
	at := int64(now.Sub(g.begun) / (rateWindow / rateSlots))
	for ; g.at < at; g.at++ {
		if at-g.at > rateSlots {
			g.at = at - rateSlots
		}
		g.slots[(g.at+1)%rateSlots] = 0
	}
}

// now is the rate in bytes a second; 0 while nothing is known.
func (g *goodput) now(now time.Time) float64 {
	if g.begun.IsZero() {
		return 0
	}
	g.turn(now)
	sum := int64(0)
	for _, n := range g.slots {
		sum += n
	}
	// The latest slot is not over, so the window is not whole.
	over := now.Sub(g.begun) - time.Duration(max(0, g.at-rateSlots+1))*(rateWindow/rateSlots)
	return float64(sum) / max(over, rateWindow/rateSlots).Seconds()
}

// tells is how large an upload is, at least, that tells how fast one goes: smaller
// ones take their time for the way.
const tells = 1 << 20

// done counts an upload that ended well.
func (g *goodput) done(size int64, d time.Duration) {
	g.classes[sizeClassOf(size)].add(size, d)
	if size >= tells {
		g.each.add(size, d)
	}
}

func (c *sizeClass) add(size int64, d time.Duration) {
	c.n++
	w := max(1/float64(c.n), 0.1)
	c.bytes += w * (float64(size) - c.bytes)
	c.time += w * (d.Seconds() - c.time)
}

// one is how many bytes a second one upload sends; 0 while that is not known.
func (g *goodput) one() float64 {
	if g.each.n == 0 || g.each.time <= 0 {
		return 0
	}
	return g.each.bytes / g.each.time
}

// An upload tells of one that is farClasses larger, and more, when it took bytesBound.
const (
	farClasses = 2
	bytesBound = 1 // second
)

// estimate is how long an upload of size bytes takes: as those of its class did, in
// proportion; else by the nearest class that is known.
func (g *goodput) estimate(size int64) (time.Duration, bool) {
	of, best := sizeClassOf(size), -1
	for i := range g.classes {
		if g.classes[i].n > 0 && (best < 0 || abs(i-of) < abs(best-of)) {
			best = i
		}
	}
	if best < 0 {
		return 0, false
	}
	c := g.classes[best]
	if of-best > farClasses && c.time < bytesBound {
		return 0, false // it took the way there, which says nothing of so many bytes
	}
	d := c.time
	if c.bytes > 0 && float64(size) > c.bytes { // a small one takes its time for the way alone
		d *= float64(size) / c.bytes
	}
	return time.Duration(d * float64(time.Second)), true
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
