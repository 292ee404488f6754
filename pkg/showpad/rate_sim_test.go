package showpad

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var rateSeeds = flag.Uint64("rate.seeds", 0, "runs against each simulated service whose limit is to be found; 0: one against some of them")

// limited is a service that answers 429 above a limit, and keeps books.
type limited struct {
	latency, jitter time.Duration
	advice          func(now time.Time) time.Duration // nil: none
	limit           limit
	rng             *rand.Rand

	gate *Gate

	mu        sync.Mutex
	from      time.Time // of the first 429
	asked, no int       // since then
	inside    int       // sent while the gate was closed
	quota     float64   // what the limit allowed since then
	last      time.Time
}

// limit is what a service allows.
type limit interface {
	allow(now time.Time) bool
	rate(now time.Time) float64 // a second, in the long run
}

// tokens is a bucket whose rate may change.
type tokens struct {
	rates func(time.Duration) float64
	burst float64
	begin time.Time
	have  float64
	at    time.Time
}

func (l *tokens) rate(now time.Time) float64 { return l.rates(now.Sub(l.begin)) }
func (l *tokens) allow(now time.Time) bool {
	if l.begin.IsZero() {
		l.begin, l.at, l.have = now, now, l.burst
	}
	l.have = min(l.burst, l.have+l.rate(now)*now.Sub(l.at).Seconds())
	l.at = now
	if l.have < 1 {
		return false
	}
	l.have--
	return true
}

// window is a counter that begins anew at fixed moments.
type window struct {
	max    int
	length time.Duration
	begin  time.Time
	nr, n  int
}

func (l *window) rate(time.Time) float64 { return float64(l.max) / l.length.Seconds() }
func (l *window) allow(now time.Time) bool {
	if l.begin.IsZero() {
		l.begin = now
	}
	if nr := int(now.Sub(l.begin) / l.length); nr != l.nr {
		l.nr, l.n = nr, 0
	}
	if l.n >= l.max {
		return false
	}
	l.n++
	return true
}

// call is one request, all the way.
func (s *limited) call(ctx context.Context) error {
	slot, err := s.gate.Acquire(ctx)
	if err != nil {
		return err
	}
	sent, closed := s.gate.depart()
	if closed {
		slot.Release()
		return nil
	}
	half := s.latency/2 + time.Duration(s.draw()*float64(s.jitter))
	if err := pause(ctx, half); err != nil {
		slot.Release()
		return err
	}
	now := time.Now()
	ok, advice := s.decide(now, sent)
	err = pause(ctx, half)
	status := http.StatusOK
	if !ok {
		status = http.StatusTooManyRequests
		s.gate.refused(sent, advice, "429")
	}
	s.gate.arrived(sent, time.Now(), status, &slot)
	return err
}

func (s *limited) draw() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64()
}

func (s *limited) decide(now, sent time.Time) (ok bool, advice time.Duration) {
	s.gate.mu.Lock()
	inside := s.gate.closed && s.gate.closedFrom.Before(sent) && sent.Before(s.gate.until)
	s.gate.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if inside {
		s.inside++
	}
	ok = s.limit.allow(now)
	if !ok && s.from.IsZero() {
		s.from, s.last = now, now
	}
	if !s.from.IsZero() {
		s.asked++
		s.quota += s.limit.rate(now) * now.Sub(s.last).Seconds()
		s.last = now
	}
	if !ok {
		s.no++
		if s.advice != nil {
			advice = s.advice(now)
		}
	}
	return ok, advice
}

func constant(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}

func TestTheRateThatTheServiceAllowsIsUsed(t *testing.T) {
	seconds := func(d time.Duration) func(time.Time) time.Duration { return func(time.Time) time.Duration { return d } }
	type service struct {
		name     string
		limit    func() limit
		latency  time.Duration // 0: 50 ms
		jitter   time.Duration
		advice   func(time.Time) time.Duration
		inFlight []int
		quick    int     // of inFlight, what is tried without the flag; 0: none
		most     float64 // share of calls refused; 0: 1 %
		least    float64 // share of the rate used; 0: 97 %
	}
	bucketOf := func(rate, burst float64) func() limit {
		return func() limit { return &tokens{rates: constant(rate), burst: burst} }
	}
	for _, sv := range []service{
		{name: "100 a second", limit: bucketOf(100, 100), quick: 2},
		{name: "100 a second, jitter", limit: bucketOf(100, 100), jitter: 30 * time.Millisecond},
		{name: "100 a second, burst 10", limit: bucketOf(100, 10), jitter: 5 * time.Millisecond, least: 0.93},
		{name: "100 a second, half a second away", limit: bucketOf(100, 100), latency: 500 * time.Millisecond, inFlight: []int{64}},
		{name: "100 a second, advice", limit: bucketOf(100, 100), advice: seconds(time.Second)},
		{name: "20 a second", limit: bucketOf(20, 20), quick: 1},
		{name: "7 a second", limit: bucketOf(7, 7), quick: 2},
		{name: "7 a second, burst 100", limit: bucketOf(7, 100), most: 0.015}, // the first rush alone is 0.7 %
		{name: "300 a second", limit: bucketOf(300, 300), inFlight: []int{32}},
		{name: "halves and doubles", quick: 1, limit: func() limit {
			return &tokens{burst: 100, rates: func(d time.Duration) float64 {
				if d > 200*time.Second && d < 400*time.Second {
					return 50
				}
				return 100
			}}
		}, least: 0.93},
		{name: "doubles", limit: func() limit {
			return &tokens{burst: 100, rates: func(d time.Duration) float64 {
				if d > 300*time.Second {
					return 200
				}
				return 100
			}}
		}, inFlight: []int{32}, least: 0.92},
		{name: "100 each second", quick: 1, limit: func() limit { return &window{max: 100, length: time.Second} }, least: 0.90},
		{name: "1000 each 10 seconds", limit: func() limit { return &window{max: 1000, length: 10 * time.Second} }, least: 0.75, most: 0.025},
		{name: "6000 each minute", limit: func() limit { return &window{max: 6000, length: time.Minute} }, least: 0.70, most: 0.015},
	} {
		if sv.inFlight == nil {
			sv.inFlight = []int{8, 32}
		}
		seeds := *rateSeeds
		if seeds == 0 {
			sv.inFlight, seeds = sv.inFlight[:sv.quick], 1
		}
		for _, inFlight := range sv.inFlight {
			for seed := range seeds {
				t.Run(fmt.Sprintf("%s/%d/%d", sv.name, inFlight, seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := &limited{
							latency: sv.latency, jitter: sv.jitter, advice: sv.advice, limit: sv.limit(), gate: NewGate(inFlight),
							rng: rand.New(rand.NewPCG(seed, 1)),
						}
						if s.latency == 0 {
							s.latency = 50 * time.Millisecond
						}
						ctx, cancel := context.WithCancel(t.Context())
						var wg sync.WaitGroup
						for range 2 * inFlight {
							wg.Go(func() {
								for s.call(ctx) == nil {
								}
							})
						}
						for { // 10 minutes after the first 429
							<-time.After(time.Second)
							s.mu.Lock()
							over := !s.from.IsZero() && time.Since(s.from) >= 10*time.Minute
							s.mu.Unlock()
							if over {
								break
							}
						}
						cancel()
						wg.Wait()
						used, no := float64(s.asked-s.no)/s.quota, float64(s.no)/float64(s.asked)
						t.Logf("%.2f %% of the rate used, %.3f %% of %d calls refused; ceiling %.1f", 100*used, 100*no, s.asked, s.gate.Pace().Ceiling)
						if used < cmp.Or(sv.least, 0.97) || no > cmp.Or(sv.most, 0.01) || s.inside > 0 {
							t.Errorf("want %.0f %% used, less than %.1f %% refused and none inside a closed gate, got %d", 100*cmp.Or(sv.least, 0.97), 100*cmp.Or(sv.most, 0.01), s.inside)
						}
					})
				})
			}
		}
	}
}
