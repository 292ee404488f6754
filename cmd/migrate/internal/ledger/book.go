package ledger

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"
)

// version of the file's form.
const version = 1

const (
	// most is how many entries a book keeps; beyond, those that ended at about the same
	// time become one.
	most = 512
	// grain is the part of a window within which they do.
	grain = 400
	// movesFor is how long it holds that the service's count was seen to move.
	movesFor = 30 * 24 * time.Hour
	// kept is how long entries are kept when no longer window was ever asked for.
	kept = 24 * time.Hour
)

// errNewer: a later version of the program wrote the file.
var errNewer = errors.New("it was written by a newer version of migrate")

// book is what the file holds: what was spent, and what is taken to be spent.
type book struct {
	Version int `json:"version"`
	// Total is all that was ever spent; of leases in use, what they are for.
	Total   int64         `json:"total"`
	Kept    time.Duration `json:"kept,omitempty"` // the longest window that was asked for, in nanoseconds
	Entries []entry       `json:"entries"`
	Service *reading      `json:"service,omitempty"` // what the service last told of its own count
	Moves   bool          `json:"moves,omitempty"`   // its count was seen to move with our requests
	MovedAt Instant       `json:"movedAt,omitzero"`  // when that was seen first, or again; zero: an earlier version did
}

// entry is a lease, or several that are over.
type entry struct {
	ID    string        `json:"id,omitempty"` // of a lease in use
	N     int           `json:"n"`
	Begun Instant       `json:"begun"`
	Life  time.Duration `json:"life,omitempty"` // of a lease in use: nothing is spent of it later than that after Begun, in nanoseconds
	Ended Instant       `json:"ended,omitzero"` // when the last of it was spent; zero: it is in use, or whoever had it was killed
	All   bool          `json:"all,omitempty"`  // nobody knows how much it was: as much as there was
}

func (e *entry) over() bool { return !e.Ended.Wall.IsZero() }

// age is how long ago the last of e was spent, at least.
func (e *entry) age(now Instant) time.Duration {
	if e.over() {
		return now.since(e.Ended)
	}
	return now.since(e.Begun) - e.Life
}

// reading is what the service said of its own count of requests.
type reading struct {
	Limit     int           `json:"limit"`
	Remaining int           `json:"remaining"`
	Window    time.Duration `json:"window"` // nanoseconds
	At        Instant       `json:"at"`
	Total     int64         `json:"total"` // what was spent of ours by then, as in book.Total
}

// decode reads a file's content; nil is an empty book.
func decode(b []byte) (*book, error) {
	if b == nil {
		return &book{Version: version}, nil
	}
	d := &book{} // a file that leaves its version out is not whole
	if err := json.Unmarshal(b, d); err != nil {
		return nil, err
	}
	if d.Version > version {
		return nil, errNewer
	}
	sound := d.Version == version && d.Kept >= 0
	for i := range d.Entries {
		e := &d.Entries[i]
		sound = sound && e.N >= 0 && e.Life >= 0 && !e.Begun.Wall.IsZero() && (e.over() || e.Life <= lifeOf(longest))
	}
	if r := d.Service; r != nil {
		sound = sound && r.Limit > 0 && r.Window > 0 && !r.At.Wall.IsZero()
	}
	if !sound {
		return nil, errors.New("it does not say what it should")
	}
	return d, nil
}

func (d *book) encode() ([]byte, error) {
	b, err := json.Marshal(d)
	return append(b, '\n'), err
}

// lag is how long after it was spent a request may still arrive at the service: it
// counts so much longer than the window.
func lag(window time.Duration) time.Duration {
	return min(max(window/60, time.Second), time.Minute)
}

// lifeOf is how long a lease of a window may be used: what a killed process leaves
// counts so much longer.
func lifeOf(window time.Duration) time.Duration {
	return min(max(window/20, time.Second), 10*time.Minute)
}

// clean brings the book up to now: what seems to be in the future, because the clock
// was put back, is taken to be of now; what counts in no window any more goes.
func (d *book) clean(now Instant) {
	kept := max(d.Kept, kept)
	for i := range d.Entries {
		e := &d.Entries[i]
		if now.since(e.Begun) < 0 {
			e.Begun = now
		}
		if e.over() && now.since(e.Ended) < 0 {
			e.Ended = now
		}
	}
	d.Entries = slices.DeleteFunc(d.Entries, func(e entry) bool { return e.age(now) > kept+lag(kept) })
	if r := d.Service; r != nil {
		if now.since(r.At) < 0 {
			r.At = now
		}
		if now.since(r.At) > r.Window+lag(r.Window) {
			d.Service = nil
		}
	}
	switch {
	case !d.Moves:
	case d.MovedAt.Wall.IsZero() || now.since(d.MovedAt) < 0:
		d.MovedAt = now
	case now.since(d.MovedAt) > movesFor:
		d.Moves, d.MovedAt, d.Service = false, Instant{}, nil
	}
	d.merge(now, kept)
}

// merge makes one entry of those that ended at about the same time, when there are
// many. Together they count as long as the last of them.
func (d *book) merge(now Instant, kept time.Duration) {
	if len(d.Entries) <= most {
		return
	}
	slices.SortStableFunc(d.Entries, func(a, b entry) int { return cmp.Compare(b.age(now), a.age(now)) })
	out := d.Entries[:0]
	for _, e := range d.Entries {
		if n := len(out); n > 0 && e.over() && !e.All {
			last := &out[n-1]
			if last.over() && !last.All && last.age(now)/(kept/grain) == e.age(now)/(kept/grain) {
				last.N += e.N
				last.Ended = now.later(last.Ended, e.Ended)
				continue
			}
		}
		out = append(out, e)
	}
	clear(d.Entries[len(out):])
	d.Entries = out
}

// counts reports whether e counts in a window that ends now.
func (e *entry) counts(now Instant, window time.Duration) bool {
	return e.age(now) <= window+lag(window)
}

// spent is what counts in a window that ends now, but for the leases mine; all says
// that nobody knows, and that it may be everything.
func (d *book) spent(now Instant, window time.Duration, mine func(id string) bool) (n int, all bool) {
	for i := range d.Entries {
		e := &d.Entries[i]
		if !e.counts(now, window) || e.ID != "" && mine(e.ID) {
			continue
		}
		n = min(n+e.N, math.MaxInt32)
		all = all || e.All
	}
	return n, all
}

// opens is when at least want of a limit will be free, and how many of them then. Of
// own leases, by their ids, only what was spent counts.
func (d *book) opens(now Instant, limit Limit, want int, own map[string]int) (in time.Duration, n int) {
	type end struct {
		in time.Duration
		n  int
	}
	var ends []end
	free := limit.N
	for i := range d.Entries {
		e := &d.Entries[i]
		if !e.counts(now, limit.Window) {
			continue
		}
		n, age := e.N, e.age(now) // below 0: others may spend of it yet
		if e.All {
			n = limit.N
		}
		if used, mine := own[e.ID]; mine {
			n, age = used, max(age, 0)
		}
		free -= n
		ends = append(ends, end{limit.Window + lag(limit.Window) - age, n})
	}
	slices.SortFunc(ends, func(a, b end) int { return cmp.Compare(a.in, b.in) })
	for i, e := range ends {
		free += e.n
		more := i+1 < len(ends) && ends[i+1].in-e.in < time.Minute && free < limit.N // a minute later there are more
		if free >= want && !more {
			return e.in, min(free, limit.N)
		}
	}
	return 0, 0
}

// remaining is what the service will have left of its own count, as far as its last
// reading and what was spent since tell; false when nothing does.
func (d *book) remaining(unspent int) (n int, known bool) {
	if d.Service == nil {
		return 0, false
	}
	since := d.Total - int64(unspent) - d.Service.Total
	return int(max(int64(d.Service.Remaining)-max(since, 0), 0)), true
}
