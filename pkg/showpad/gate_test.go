package showpad

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestGateAdmitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1)
		held, err := g.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var order []int
		done := make(chan struct{})
		for i := range 5 {
			go func() {
				r, err := g.Acquire(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i) // one at a time: the gate has one slot
				r.Release()
				done <- struct{}{}
			}()
			synctest.Wait() // it stands in the queue
		}
		held.Release()
		held.Release() // once is enough, twice does no harm
		for range 5 {
			<-done
		}
		if !slices.Equal(order, []int{0, 1, 2, 3, 4}) {
			t.Errorf("order %v", order)
		}
	})
}

func TestClosedGateOpensWhenItSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2)
		var told []string
		g.OnClose = func(until time.Time, why string) { told = append(told, until.Sub(start(t)).String()+" "+why) }
		begin := time.Now()
		g.Close(begin.Add(90*time.Second), "told so")
		g.Close(begin.Add(30*time.Second), "shorter") // changes nothing
		g.Close(begin.Add(-time.Second), "past")
		if got := g.ClosedUntil().Sub(begin); got != 90*time.Second {
			t.Errorf("closed for %v", got)
		}
		go func() {
			if pause(t.Context(), time.Minute) == nil {
				g.Close(begin.Add(2*time.Minute), "longer") // while somebody waits
			}
		}()
		slot, err := g.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer slot.Release()
		if d := time.Since(begin); d != 2*time.Minute {
			t.Errorf("waited %v", d)
		}
		if !g.ClosedUntil().IsZero() {
			t.Error("still closed")
		}
		synctest.Wait() // the one that closed it is done
		if !slices.Equal(told, []string{"1m30s told so", "2m0s longer"}) {
			t.Errorf("told %q", told)
		}
	})
}

// start is when every bubble begins.
func start(*testing.T) time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

func TestWaitersLeaveWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1)
		why := errors.New("enough")
		slot, err := g.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		if _, err := g.Acquire(ctx); !errors.Is(err, why) {
			t.Errorf("full gate: %v", err)
		}
		slot.Release()
		g.Close(time.Now().Add(time.Hour), "x")
		ctx, cancel = context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		if _, err := g.Acquire(ctx); !errors.Is(err, why) {
			t.Errorf("closed gate: %v", err)
		}
		// None of that lost the slot, or left anybody behind.
		if slot, err = g.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now := g.Pace(); now.InFlight != 1 || now.Waiting != 0 || now.Slot != time.Second || now.Closed < time.Second {
			t.Errorf("%+v", now)
		}
		slot.Release()
	})
}

func TestAbsurdPausesAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1)
		held, err := g.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error)
		go func() {
			_, err := g.Acquire(t.Context())
			waiting <- err
		}()
		synctest.Wait()
		g.Close(time.Now().Add(LongestPause+time.Second), "the budget is used up")
		if _, err := g.Acquire(t.Context()); !errors.Is(err, ErrPaused) || !strings.Contains(err.Error(), "budget") {
			t.Errorf("new caller: %v", err)
		}
		held.Release()
		if err := <-waiting; !errors.Is(err, ErrPaused) {
			t.Errorf("waiting caller: %v", err)
		}
		s := newScript(says(429, "", "Retry-After", "90000"))
		_, err = newClient(t, s).Asset(t.Context(), "a")
		if !errors.Is(err, ErrPaused) || Classify(KindRead, err) != StopRun || s.count() != 1 {
			t.Errorf("client: %v after %d requests", err, s.count())
		}
	})
}

func TestRetryAfterIsHonouredExactly(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		header []string
		want   time.Duration
	}{
		"seconds":            {429, []string{"Retry-After", "90"}, 90 * time.Second},
		"503":                {503, []string{"Retry-After", "120"}, 120 * time.Second},
		"date":               {429, []string{"Retry-After", "Sat, 01 Jan 2000 00:01:30 GMT"}, 90 * time.Second},
		"date, other clock":  {429, []string{"Retry-After", "Sat, 20 Nov 2027 00:00:40 GMT", "Date", "Sat, 20 Nov 2027 00:00:00 GMT"}, 40 * time.Second},
		"three hours, alive": {429, []string{"Retry-After", "10800"}, 3 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(says(tc.status, "", tc.header...), says(200, okAsset))
				begin := time.Now()
				if _, err := newClient(t, s).Asset(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(begin); got != tc.want {
					t.Errorf("waited %v, want %v", got, tc.want)
				}
			})
		})
	}
}

func TestRefusalsWithoutAdvicePauseLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(8)
		for n := range 12 {
			sent := time.Now()
			g.refused(sent, 0, "x")
			closed := g.ClosedUntil().Sub(sent)
			if limit := min(firstPause<<n, maxPause); closed > limit {
				t.Fatalf("refusal %d closed the gate for %v, at most %v", n, closed, limit)
			}
			if g.refusals != n+1 {
				t.Fatalf("refusal %d counted as %d", n, g.refusals)
			}
			// Those that were under way when it closed count once with it.
			g.refused(sent.Add(-time.Millisecond), 0, "x")
			if g.refusals != n+1 {
				t.Fatal("a refusal of an earlier request was counted")
			}
			if err := pause(t.Context(), closed+time.Nanosecond); err != nil {
				t.Fatal(err)
			}
		}
		g.arrived(time.Now(), time.Now(), http.StatusOK, &Slot{})
		if g.refusals != 0 {
			t.Error("success does not reset the count")
		}
	})
}

func TestJitterStaysInItsBounds(t *testing.T) {
	for n := range 100 {
		limit := 30 * time.Second
		if n < 6 {
			limit = min(limit, 500*time.Millisecond<<n)
		}
		for range 20 {
			if d := jitter(500*time.Millisecond, 30*time.Second, n); d <= 0 || d > limit+1 {
				t.Fatalf("attempt %d: %v", n, d)
			}
		}
	}
}

func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "soon": 0, "NaN": 0, "90": 90 * time.Second, " 90 ": 90 * time.Second, "1.5": 1500 * time.Millisecond,
		"1e300": maxAdvice, "Inf": maxAdvice, "99999999999999999999": maxAdvice,
		"Fri, 20 Nov 2026 12:00:30 GMT": 30 * time.Second, "Fri, 20 Nov 2026 11:00:00 GMT": 0,
		"Friday, 20-Nov-26 12:01:00 GMT": time.Minute, "Fri Nov 20 12:01:00 2026": time.Minute,
		"Fri, 31 Dec 9999 23:59:59 GMT": maxAdvice,
	} {
		if got := retryAfter(http.Header{"Retry-After": {in}}, now); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"90", "1e18", "-1", "Fri, 20 Nov 2026 12:00:30 GMT", "0x10", "١"} {
		f.Add(s, "Fri, 20 Nov 2026 12:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, advice, date string) {
		d := retryAfter(http.Header{"Retry-After": {advice}, "Date": {date}}, time.Unix(math.MaxInt32, 0))
		if d < 0 || d > maxAdvice {
			t.Errorf("%q at %q: %v", advice, date, d)
		}
	})
}

func FuzzProblem(f *testing.F) {
	for _, name := range []string{"problem.json", "problem-odd.json", "v3-error.json", "v3-error-meta.json", "token-error.json", "storage-error.xml"} {
		f.Add(fixture(f, name), 400)
	}
	f.Add(`{"meta":[[[]]],"status":1e999}`, 502)
	f.Add("<Error><Code>", 403)
	f.Fuzz(func(t *testing.T, body string, status int) {
		e := failure("op", status, http.Header{}, []byte(body), testToken)
		text := e.Error()
		if len(e.Detail) > maxText || len(e.Title) > maxText || len(e.Code) > maxText {
			t.Errorf("too long: %d %d %d", len(e.Detail), len(e.Title), len(e.Code))
		}
		for _, r := range text {
			if r < ' ' || r == 0x7f {
				t.Fatalf("control character in %q", text)
			}
		}
		if strings.Contains(text, testToken) {
			t.Errorf("token in %q", text)
		}
		for _, k := range []Kind{KindRead, KindCreate, KindChange, KindUpload} {
			if v := Classify(k, e); v == Cancelled || strings.HasPrefix(v.String(), "verdict(") {
				t.Errorf("kind %d: %v", k, v)
			}
		}
	})
}

// TestAGateThatKeepsNobodyWaitingCostsNoMemory: most runs never meet a limit.
func TestAGateThatKeepsNobodyWaitingCostsNoMemory(t *testing.T) {
	g := NewPacedGate(GateConfig{Rate: 1e9})
	n := testing.AllocsPerRun(1000, func() {
		slot, err := g.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at, _ := g.depart()
		g.arrived(at, at, http.StatusOK, &slot)
	})
	if n != 0 || g.wake != nil {
		t.Errorf("%v allocations for a request, timer %v; want none", n, g.wake)
	}
}

// TestAGivenRateIsNeverPassed: in any second no more leave than the rate and its burst
// allow, and over a minute as many as it allows do.
func TestAGivenRateIsNeverPassed(t *testing.T) {
	for _, tc := range []struct {
		rate  float64
		burst int
	}{{7, 1}, {7, 0}, {0.5, 0}, {300, 20}} {
		synctest.Test(t, func(t *testing.T) {
			g := NewPacedGate(GateConfig{InFlight: 32, Rate: tc.rate, Burst: tc.burst})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var mu sync.Mutex
			var left []time.Time
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for {
						slot, err := g.Acquire(ctx)
						if err != nil {
							return
						}
						mu.Lock()
						left = append(left, time.Now())
						mu.Unlock()
						_ = pause(ctx, 50*time.Millisecond)
						slot.Release()
					}
				})
			}
			wg.Wait()
			burst := float64(tc.burst)
			if burst == 0 {
				burst = max(1, math.Floor(tc.rate))
			}
			for i := range left {
				for _, j := range []int{i + int(burst) + 1, i + 10*int(burst)} {
					if j < len(left) && float64(j-i+1)-burst > tc.rate*left[j].Sub(left[i]).Seconds()+1e-6 {
						t.Fatalf("%v/s, burst %v: %d within %v", tc.rate, burst, j-i+1, left[j].Sub(left[i]))
					}
				}
			}
			if want := 60*tc.rate + burst; float64(len(left)) < want-2 {
				t.Errorf("%v/s: %d in a minute, want %v", tc.rate, len(left), want)
			}
			if now := g.Pace(); now.By != WaitNothing || now.Waiting != 0 || now.Paced < 50*time.Second || now.Rate != tc.rate {
				t.Errorf("afterwards %+v", now)
			}
		})
	}
}

// TestCallersThatGaveUpLeaveNothingBehind: neither a place in the queue nor one of the
// rate's.
func TestCallersThatGaveUpLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewPacedGate(GateConfig{InFlight: 4, Rate: 1, Burst: 1})
		slot, err := g.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slot.Release()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if slot, err := g.Acquire(ctx); err == nil {
					slot.Release()
				}
			})
		}
		synctest.Wait()
		begin := time.Now()
		cancel()
		wg.Wait()
		for range 3 {
			slot, err := g.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			slot.Release()
		}
		if d := time.Since(begin).Round(time.Millisecond); d != 3*time.Second {
			t.Errorf("three more took %v, want 3 s", d)
		}
		if now := g.Pace(); now.InFlight != 0 || now.Waiting != 0 {
			t.Errorf("left behind: %+v", now)
		}
	})
}

// TestATurnThatNobodyTookIsGivenBack: a caller may give up in the very moment in which
// it is let in.
func TestATurnThatNobodyTookIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewPacedGate(GateConfig{InFlight: 1, Rate: 1, Burst: 1})
		gone := &ticket{granted: make(chan struct{})}
		g.mu.Lock()
		g.waiting = append(g.waiting, gone)
		g.admit()
		g.mu.Unlock()
		<-gone.granted
		g.abandon(gone)
		begin := time.Now()
		slot, err := g.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slot.Release()
		if d := time.Since(begin); d != 0 {
			t.Errorf("the next one waited %v", d)
		}
	})
}

// TestA503DoesNotTakeTheRateAway: however many there are.
func TestA503DoesNotTakeTheRateAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(8)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var mu sync.Mutex
		n := 0
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					slot, err := g.Acquire(ctx)
					if err != nil {
						return
					}
					at, _ := g.depart()
					_ = pause(ctx, 80*time.Millisecond)
					mu.Lock()
					n++
					bad := n > 500 && n%3 == 0
					mu.Unlock()
					status := http.StatusOK
					if bad {
						status = http.StatusServiceUnavailable
						g.troubled(0, "503")
					}
					g.arrived(at, time.Now(), status, &slot)
				}
			})
		}
		wg.Wait()
		t.Logf("%d in 10 minutes; %+v", n, g.Pace())
		if n < 60_000*8/10 {
			t.Errorf("%d requests in 10 minutes of storm, want most of 60,000", n)
		}
	})
}

// TestA503AfterARestDoesNotStopAll: what was measured long ago is no rate.
func TestA503AfterARestDoesNotStopAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(8)
		ask := func(status int) {
			slot, err := g.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			at, _ := g.depart()
			if status == http.StatusServiceUnavailable {
				g.troubled(0, "503")
			}
			g.arrived(at, time.Now(), status, &slot)
		}
		for range 5 {
			ask(http.StatusOK)
		}
		<-time.After(10 * time.Minute)
		begin := time.Now()
		ask(http.StatusServiceUnavailable)
		for range 20 {
			ask(http.StatusOK)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("20 requests after a 503 took %s", d)
		}
	})
}
