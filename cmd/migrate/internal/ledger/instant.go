package ledger

import "time"

// Instant is a moment as this machine knows it. Its wall clock may be put back or
// forward at any time. Where the system tells how long it has been up, sleep
// included, and which of its starts this is, two moments of one start are compared by
// that.
type Instant struct {
	Wall time.Time     `json:"wall"`
	Boot string        `json:"boot,omitempty"` // names a start of the system; "": nothing does
	Up   time.Duration `json:"up,omitempty"`   // since that start, in nanoseconds
}

// since is how long ago o was; negative when it seems to be in the future, because
// the wall clock was put back.
func (i Instant) since(o Instant) time.Duration {
	if i.Boot != "" && i.Boot == o.Boot {
		return i.Up - o.Up
	}
	return i.Wall.Sub(o.Wall)
}

// later is the later one of two moments that are not in the future.
func (i Instant) later(a, b Instant) Instant {
	if i.since(a) < i.since(b) {
		return a
	}
	return b
}

// now is the present moment.
func now() Instant {
	i := Instant{Wall: time.Now().UTC().Round(0)}
	i.Boot, i.Up = uptime()
	return i
}
