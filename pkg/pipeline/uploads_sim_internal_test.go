package pipeline

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// line is a simulated way to storage: its bandwidth is shared by all who send, each
// request takes its latency, and above so many at once storage refuses.
type line struct {
	way
	mu       sync.Mutex
	flying   int
	peak     int
	refused  int
	resets   int // attempts that break off, from now on
	sent     int64
	earliest time.Time // no request may come before this moment
	tooEarly int
}

// way is what a line is like.
type way struct {
	rate    float64       // bytes a second, of all together
	each    float64       // at most, of one; 0: no limit
	latency time.Duration // of one request
	most    int           // at once; 0: no limit
	advice  time.Duration // in a refusal
}

// put is one attempt to send size bytes.
func (l *line) put(ctx context.Context, size int64, moved func(int64)) error {
	if err := sleep(ctx, l.latency); err != nil {
		return err
	}
	l.mu.Lock()
	if time.Now().Before(l.earliest) {
		l.tooEarly++
	}
	if l.most > 0 && l.flying >= l.most {
		l.refused++
		if l.advice > 0 {
			l.earliest = time.Now().Add(l.advice)
		}
		l.mu.Unlock()
		return &showpad.Error{Op: "PUT", Status: http.StatusServiceUnavailable, Code: "SlowDown", RetryAfter: l.advice}
	}
	broken := l.resets > 0
	if broken {
		l.resets--
	}
	l.flying++
	l.peak = max(l.peak, l.flying)
	l.mu.Unlock()
	defer func() { l.mu.Lock(); l.flying--; l.mu.Unlock() }()
	const step = 100 * time.Millisecond
	for left := float64(size); left > 0; {
		if err := sleep(ctx, step); err != nil {
			return err
		}
		if broken {
			return errReset
		}
		l.mu.Lock()
		n := l.rate / float64(l.flying) * step.Seconds()
		if l.each > 0 {
			n = min(n, l.each*step.Seconds())
		}
		n = min(n, left)
		l.sent += int64(n)
		l.mu.Unlock()
		left -= n
		moved(int64(n))
	}
	return nil
}

// errReset is a connection that broke; the client calls it so, and worth a repeat.
var errReset = errors.New("connection reset by peer")

// upload sends as the client does: repeated with pauses, in a slot.
func (l *line) upload(ctx context.Context, u *uploads, size int64) error {
	s, err := u.enter(ctx, size)
	if err != nil {
		return err
	}
	defer s.leave()
	for try := 0; ; try++ {
		if try > 0 {
			if err := s.again(ctx); err != nil {
				return err
			}
		}
		err := l.put(ctx, size, s.moved)
		s.tried(err)
		if err == nil || try == 20 {
			return err
		}
		d := min(250*time.Millisecond<<try, 10*time.Second)
		if e, ok := errors.AsType[*showpad.Error](err); ok {
			d = max(d, e.RetryAfter)
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
}

// sendAll sends files with so many workers, as they come, and is how long it took.
func sendAll(t *testing.T, l *line, u *uploads, workers int, sizes []int64) time.Duration {
	t.Helper()
	begin := time.Now()
	files := make(chan int64)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for size := range files {
				if err := l.upload(t.Context(), u, size); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, size := range sizes {
		files <- size
	}
	close(files)
	wg.Wait()
	return time.Since(begin)
}

func newTestUploads(most int, constant bool) *uploads {
	u := newUploads(&Options{Uploads: most}, make(chan struct{}), func(Event) {})
	if constant {
		u.climb.limit, u.climb.tooMuch, u.climb.tryAt = most, most+1, time.Now().Add(1000*time.Hour)
	}
	return u
}

func repeat(n int, size int64) []int64 {
	l := make([]int64, n)
	for i := range l {
		l[i] = size
	}
	return l
}

const mib = 1 << 20

// However the way to storage is made, what goes out is nearly what the best constant
// number of uploads would send.
func TestUploadsReachWhatTheBestConstantReaches(t *testing.T) {
	for _, c := range []struct {
		name  string
		way   way
		most  int
		sizes []int64
		least float64 // of the goodput of the best constant
	}{
		{"one upload cannot fill the line", way{rate: 16 * mib, each: 1 * mib, latency: 50 * time.Millisecond}, 16, repeat(100, 20*mib), 0.95},
		{"two uploads fill the line", way{rate: 2 * mib, each: 1 * mib, latency: 50 * time.Millisecond}, 16, repeat(40, 20*mib), 0.95},
		{"small files and a long way", way{rate: 100 * mib, latency: 200 * time.Millisecond}, 32, repeat(1500, 4<<10), 0.99},
		{"small files that take long", way{rate: 100 * mib, each: 200 << 10, latency: 50 * time.Millisecond}, 16, repeat(600, 500<<10), 0.99},
		{"storage refuses more than five", way{rate: 100 * mib, each: 1 * mib, latency: 50 * time.Millisecond, most: 5}, 16, repeat(200, 5*mib), 0.9},
		{"storage refuses more than one", way{rate: 100 * mib, each: 1 * mib, latency: 50 * time.Millisecond, most: 1}, 8, repeat(40, 5*mib), 0.85},
		{"storage refuses many small ones", way{rate: 100 * mib, latency: 100 * time.Millisecond, most: 12}, 32, repeat(2500, 4<<10), 0.85},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			best := time.Duration(1 << 62)
			for _, n := range []int{1, 2, c.most / 2, c.way.most, c.most} {
				synctest.Test(t, func(t *testing.T) {
					l := &line{way: c.way}
					if n == 0 || l.most > 0 && n > l.most {
						return
					}
					best = min(best, sendAll(t, l, newTestUploads(n, true), n, c.sizes))
				})
			}
			synctest.Test(t, func(t *testing.T) {
				l := &line{way: c.way}
				u := newTestUploads(c.most, false)
				took := sendAll(t, l, u, 2*c.most, c.sizes)
				got := best.Seconds() / took.Seconds()
				t.Logf("%.3f of the best constant: %s instead of %s; %d refused, at the end %d at once, %d at most", got, took, best, l.refused, u.Pace().Limit, l.peak)
				if got < c.least {
					t.Errorf("%.3f of what the best constant number of uploads sends, want %.2f", got, c.least)
				}
				if l.peak > c.most {
					t.Errorf("%d uploads at once, want %d at most", l.peak, c.most)
				}
				if p := u.Pace(); p.InFlight != 0 || p.Waiting != 0 {
					t.Errorf("afterwards %+v", p)
				}
			})
		})
	}
}

// A limit that was halved comes back, and a storm of broken connections is one reason.
func TestUploadsComeBackAfterAStorm(t *testing.T) {
	for name, storm := range map[string]func(*line){
		"refusals": func(l *line) { l.most = 1 },
		"resets":   func(l *line) { l.resets = 30 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &line{way: way{rate: 100 * mib, each: 1 * mib, latency: 50 * time.Millisecond}}
				u := newTestUploads(8, false)
				lowest := 8
				done := make(chan struct{})
				go func() {
					defer close(done)
					<-time.After(20 * time.Second)
					if p := u.Pace(); p.Limit != 8 {
						t.Errorf("before the storm the limit is %d, want 8", p.Limit)
					}
					l.mu.Lock()
					storm(l)
					l.mu.Unlock()
					for range 100 {
						<-time.After(100 * time.Millisecond)
						lowest = min(lowest, u.Pace().Limit)
					}
					l.mu.Lock()
					l.most, l.resets = 0, 0
					l.mu.Unlock()
				}()
				sendAll(t, l, u, 16, repeat(600, 5*mib))
				<-done
				if lowest > 4 {
					t.Errorf("in the storm the limit was %d, want half of 8 or less", lowest)
				}
				if p := u.Pace(); p.Limit < 7 {
					t.Errorf("long after the storm the limit is %d, want 7 or 8", p.Limit)
				}
			})
		})
	}
}

// One broken connection, or a few among many that hold, is no reason to slow down.
func TestAFewBrokenConnectionsDoNotSlowUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{way: way{rate: 100 * mib, each: 1 * mib, latency: 50 * time.Millisecond}, resets: 2}
		u := newTestUploads(8, false)
		sendAll(t, l, u, 16, repeat(100, 5*mib))
		if p := u.Pace(); p.Limit != 8 || l.resets != 0 {
			t.Errorf("the limit is %d, want 8", p.Limit)
		}
	})
}

// Half of what is under way goes on after a refusal, once for all that were sent
// before it was heard.
func TestARefusalOfStorageHalvesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newTestUploads(8, true)
		var all []*sending
		for range 8 {
			s, err := u.enter(t.Context(), mib)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		<-time.After(time.Second)
		for _, s := range all {
			s.tried(&showpad.Error{Op: "PUT", Status: 503, Code: "SlowDown"})
		}
		if p := u.Pace(); p.Limit != 4 || p.InFlight != 8 {
			t.Errorf("%+v, want a limit of 4 and 8 under way", p)
		}
		// Those that come again wait until there is room, before those that are new.
		var began atomic.Int32
		var wg sync.WaitGroup
		for _, s := range all {
			wg.Go(func() {
				if err := s.again(t.Context()); err != nil {
					t.Error(err)
				}
				began.Add(1)
			})
		}
		synctest.Wait()
		if p := u.Pace(); began.Load() != 4 || p.InFlight != 4 || p.Waiting != 4 {
			t.Errorf("%d began again, %+v, want 4 and 4 that wait", began.Load(), p)
		}
		fresh := make(chan struct{})
		wg.Go(func() {
			s, err := u.enter(t.Context(), mib)
			if err != nil {
				t.Error(err)
				return
			}
			s.leave()
			close(fresh)
		})
		synctest.Wait()
		for _, s := range all {
			synctest.Wait()
			select {
			case <-fresh:
				t.Error("a new upload began before one that came first")
			default:
			}
			if began.Load() < 8 {
				u.mu.Lock()
				has := s.has
				u.mu.Unlock()
				if has {
					s.leave()
				}
			}
		}
		for _, s := range all {
			s.leave()
		}
		wg.Wait()
		if p := u.Pace(); p.InFlight != 0 {
			t.Errorf("%+v at the end", p)
		}
	})
}

// While storage wants to be left alone, no upload begins; people are told once.
func TestStoragesRetryAfterHoldsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Waiting
		var mu sync.Mutex
		u := newUploads(&Options{Uploads: 8}, make(chan struct{}), func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e.(Waiting))
		})
		l := &line{way: way{rate: 100 * mib, each: 1 * mib, latency: 50 * time.Millisecond, most: 3, advice: 30 * time.Second}}
		sendAll(t, l, u, 8, repeat(40, 5*mib))
		// Requests that were on their way when it was said cannot be held back.
		if l.tooEarly > 3*l.refused || l.refused == 0 {
			t.Errorf("%d uploads came too early after %d refusals", l.tooEarly, l.refused)
		}
		if len(told) == 0 || told[0].For != "retry-after" || time.Until(told[0].Until) > 0 {
			t.Errorf("told %+v", told)
		}
	})
}

// Who waits for a slot hears at once that the run stops, or is left.
func TestNobodyWaitsForASlotOfARunThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopping := make(chan struct{})
		u := newUploads(&Options{Uploads: 1}, stopping, nil)
		first, err := u.enter(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(io.ErrUnexpectedEOF)
		if _, err := u.enter(ctx, 1); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v, want the cause of the context", err)
		}
		close(stopping)
		if _, err := u.enter(t.Context(), 1); !errors.Is(err, errLeft) {
			t.Errorf("%v, want errLeft", err)
		}
		first.leave()
		first.leave()
		if p := u.Pace(); p.InFlight != 0 || p.Waiting != 0 {
			t.Errorf("%+v", p)
		}
	})
}
