package pipeline

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// activity is what a run can be at; see [meter].
type activity int

const (
	atItems   activity = iota // items that are in some stage
	atHash                    // files being read for their checksums
	atState                   // items whose record has to be on disk before they go on
	atSlot                    // uploads, the asking for their URLs included
	atUpload                  // uploads whose bytes are under way
	atService                 // items that the service processes
	activities
)

// meter accounts for where the time of a run goes, and how fast things are. What is
// waited for at the gate and for uploads these count themselves; the meter has the
// rest: at each moment one thing. Its methods may be called concurrently.
type meter struct {
	hashers, requests, uploads int // how many can be at it

	mu    sync.Mutex
	n     [activities]int
	times map[string]time.Duration
	since time.Time // times are right up to here; zero before the first activity

	puts       slant
	sent       int64         // bytes of uploads
	sending    time.Duration // in which some were under way
	hashed     int64         // bytes that were read
	hashTime   time.Duration // of each file, added up
	processed  int
	processing time.Duration // likewise

	reading atomic.Int64 // nanoseconds of hashTime in which bytes were waited for

	begun   time.Time
	pacedAt atomic.Int64 // when the last Pace came, nanoseconds since begun

	paceMu    sync.Mutex
	lastUsage usage // at the last Pace
}

func newMeter(o *Options, hashers int) *meter {
	return &meter{hashers: hashers, requests: orInt(o.Requests, 8), uploads: orInt(o.Uploads, 8), times: map[string]time.Duration{}, begun: time.Now(), lastUsage: usage{times: map[string]time.Duration{}}}
}

// at notes that so many more (or, negative, fewer) are at something.
func (m *meter) at(a activity, more int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.account(time.Now())
	m.n[a] += more
}

// are notes how many are at something.
func (m *meter) are(a activity, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.account(time.Now())
	m.n[a] = n
}

// account adds the time since the last change to what it went to; m.mu is held.
func (m *meter) account(now time.Time) {
	if d := now.Sub(m.since); d > 0 && !m.since.IsZero() {
		m.times[m.by()] += d
		if m.n[atUpload] > 0 {
			m.sending += d
		}
	}
	m.since = now
}

// by is what takes the time now: m.mu is held.
func (m *meter) by() string {
	switch n := &m.n; {
	case n[atHash] >= m.hashers:
		return byHashing
	case n[atState]*2 > m.requests:
		return byState
	case n[atItems] > 0 && n[atService] >= n[atItems]:
		return byProcessing
	case n[atUpload] > 0 && n[atSlot] >= m.uploads:
		return byUploads
	case n[atUpload] > 0:
		return byFile
	case n[atHash] > 0:
		return byHashing
	case n[atState] > 0:
		return byState
	case n[atItems] > 0:
		return byRequests
	}
	return ""
}

// put measures an upload.
func (m *meter) put(size int64, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts.add(float64(size), d.Seconds())
	m.sent += size
}

// hash measures a file that was read.
func (m *meter) hash(size int64, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hashed += size
	m.hashTime += d
}

// settled measures how long the service took for a file.
func (m *meter) settled(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.processed++
	m.processing += d
}

// slant is a straight line through points, by least squares.
type slant struct{ n, x, y, xx, xy float64 }

func (f *slant) add(x, y float64) {
	f.n++
	f.x += x
	f.y += y
	f.xx += x * x
	f.xy += x * y
}

// line is y = base + slope*x; of points that lie above each other, or that would
// rise to the left, the slope is 0.
func (f *slant) line() (base, slope float64) {
	if f.n == 0 {
		return 0, 0
	}
	mx, my := f.x/f.n, f.y/f.n
	if vx := f.xx/f.n - mx*mx; vx > 1e-6*mx*mx && vx > 0 {
		slope = max(0, (f.xy/f.n-mx*my)/vx)
	}
	if base = my - slope*mx; base < 0 {
		return 0, my / mx
	}
	return base, slope
}

// leastMeasured is how many of something make a measure.
const leastMeasured = 3

// measured are the paces of the run so far; 0 is what it did not see enough of.
func (m *meter) measured(gate showpad.PaceNow, calls *Calls) (out Measured) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out.Rate = gate.Ceiling
	if n, d := calls.took(); n >= 3*leastMeasured {
		out.Latency = d.Seconds() / float64(n)
	}
	if m.puts.n >= leastMeasured {
		base, slope := m.puts.line()
		out.Put = base
		// Of small files nobody can tell how fast large ones would be.
		if bytes := slope * m.puts.x; bytes > 0.2*m.puts.y && m.sending > 0 {
			out.Upload, out.Bandwidth = 1/slope, float64(m.sent)/m.sending.Seconds()
		} else {
			out.Put = m.puts.y / m.puts.n
		}
	}
	if m.hashTime > 0 && m.hashed >= 1<<20 {
		out.Hash = float64(m.hashed) / m.hashTime.Seconds()
	}
	if m.processed >= leastMeasured {
		out.Processing = m.processing.Seconds() / float64(m.processed)
	}
	return out
}

// keepPaces leaves the paces of the run to the next plan.
func (r *runner) keepPaces(ctx context.Context) error {
	now := r.meter.measured(r.gate(), r.in.Calls)
	if now == (Measured{}) {
		return nil
	}
	all, err := measured(ctx, r.in.State)
	if err != nil {
		return err
	}
	for _, v := range []struct {
		of  *float64
		now float64
	}{
		{&all.Rate, now.Rate}, {&all.Latency, now.Latency}, {&all.Put, now.Put}, {&all.Upload, now.Upload},
		{&all.Bandwidth, now.Bandwidth}, {&all.Hash, now.Hash}, {&all.Processing, now.Processing},
	} {
		if v.now > 0 {
			*v.of = v.now
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return r.in.Store.SetMeta(ctx, state.MetaPaces, string(text))
}

// gate is what the gate does now; nothing is known where nobody tells.
func (r *runner) gate() showpad.PaceNow {
	if r.in.Gate == nil {
		return showpad.PaceNow{}
	}
	return r.in.Gate()
}
