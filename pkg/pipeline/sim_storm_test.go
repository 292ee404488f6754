package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

var (
	errCrash    = errors.New("crash")
	errDiskFull = fmt.Errorf("write state: %w", syscall.ENOSPC)
)

// simEarly counts, in simulations, what was sent before the manifest was read.
var simEarly atomic.Int64

// stormyRun is a run under faults. It may be cut off by a state that cannot be
// written any more, which is what a crash looks like, or a full disk; be asked to
// stop, or be left at once.
func (s *sim) stormyRun() {
	w := s.world
	s.weather()
	ctx, cancel := context.WithCancelCause(w.t.Context())
	defer cancel(nil)
	stop := make(chan struct{})
	at := map[int][]func(){} // what happens at which event
	soon := func(f func()) { n := 1 + s.rng.IntN(40); at[n] = append(at[n], f) }
	switch s.rng.IntN(8) {
	case 0, 1: // from the nth commit on nothing is written
		n, err := 1+s.rng.IntN(40), pick(s.rng, errCrash, errDiskFull)
		w.fail = func(commit int) error {
			if commit >= n {
				return err
			}
			return nil
		}
	case 2, 3:
		soon(func() { cancel(errCrash) })
	case 4, 5:
		soon(func() { close(stop) })
	}
	for range s.rng.IntN(3) {
		switch s.rng.IntN(6) {
		case 0, 1:
			d := s.upTo(24*time.Hour) - 12*time.Hour
			soon(func() { w.jump(d) })
		case 2:
			soon(w.tenant.ExpireAccess)
		case 3: // a file changes while it is being moved
			item, content := w.items[s.rng.IntN(len(w.items))], text(s.rng)
			if item.URL == "" {
				soon(func() { w.files.put(item.Location.Path, content) })
			}
		}
	}
	n := 0
	started := false
	w.observe = func(e pipeline.Event) {
		switch e := e.(type) {
		case pipeline.Started:
			started = true
		case pipeline.Sent:
			if !started && e.N > 0 {
				simEarly.Add(1)
			}
		}
		s.trace("%T %+v", e, e)
		n++
		for _, f := range at[n] {
			f()
		}
	}
	var end time.Time
	if s.ends != nil && s.ends.IntN(4) == 0 {
		end = time.Now().Add(time.Second + time.Duration(s.ends.Int64N(int64(pick(s.ends, 20*time.Second, 3*time.Minute, time.Hour)))))
		w.options.Until = func() pipeline.Deadline { return pipeline.Deadline{At: end, Why: "time is up"} }
	}
	s.trace("run with %+v", w.options)
	out, err := w.run(ctx, stop)
	w.options.Until = nil
	// A renewal of the token is not cut off: its answer may be the only copy of the next one.
	if over := time.Now(); !end.IsZero() && over.After(end) && (s.sign == nil || !s.sign.renewed().After(end) || over.After(s.sign.renewed().Add(time.Second))) {
		w.t.Errorf("the run was to be over at %s, and is at %s", end, time.Now())
	}
	s.trace("ended: %v, %v, %v", out.Sentence, out.Err, err)
	w.observe, w.fail = nil, nil
	if err != nil && !errors.Is(err, errCrash) && !errors.Is(err, errDiskFull) {
		// The service may be unreachable for long enough to end a run: that is
		// told, not hidden, and the next run goes on.
		s.trace("not promised to get through: %v", err)
	}
	s.checkResults(out, err)
	if s.chance(0.3) {
		<-time.After(s.upTo(20 * time.Minute))
	}
	if s.chance(0.2) {
		w.jump(s.upTo(24*time.Hour) - 12*time.Hour)
	}
}

// calm ends all faults.
func (s *sim) calm() {
	s.tenant.ClearFaults()
	s.retries = 0
	s.files.mu.Lock()
	s.files.trouble = nil
	s.files.mu.Unlock()
}

// weather is what goes wrong during a run.
func (s *sim) weather() {
	s.calm()
	s.retries = pick(s.rng, 0, 0, 1, 2, -1)
	rng, tenant := s.rng, s.tenant
	rate := func(most float64) float64 { return most * rng.Float64() }
	late := rate(0.1)
	if s.hasty {
		late = 0
	}
	if s.chance(0.8) {
		tenant.Chaos(rng.Uint64(), emulator.Rates{
			Status5xx: rate(0.1), Status5xxAfter: rate(0.05), ResetBefore: rate(0.1), LostAfter: rate(0.15), Late: late, TooMany: rate(0.05),
			HTML: rate(0.03), Truncated: rate(0.05), Slow: rate(0.05),
			Storage503: rate(0.1), StorageReset: rate(0.1), StorageLost: rate(0.1), StorageExpired: rate(0.05), Storage500: rate(0.05),
			StorageLate: rate(0.05),
		})
	}
	for range rng.IntN(3) {
		f := s.fault()
		s.trace("fault %+v", f)
		tenant.Fail(f)
	}
	if s.chance(0.15) {
		pause, every := s.upTo(90*time.Second), 1+rng.Int64N(4)
		var n atomic.Int64
		s.files.trouble = func(string) (time.Duration, error) {
			if n.Add(1)%every == 0 {
				return pause, nil
			}
			return 0, nil
		}
	}
	if s.chance(0.1) {
		at := 1 + rng.Int64N(8)
		var n atomic.Int64
		s.files.trouble = func(string) (time.Duration, error) {
			if n.Add(1) == at {
				return 0, syscall.EIO
			}
			return 0, nil
		}
	}
	if s.sign != nil {
		s.sign.weather(s)
	}
}

// fault is one kind of trouble at one place, once or for a while.
func (s *sim) fault() emulator.Fault {
	rng := s.rng
	op := pick(rng, "postAssets", "postAssetFiles", "updateAsset", "postTags", "getAssets", "getTags", "getAssetFileById", "deleteAsset", emulator.OpPut)
	f := emulator.Fault{Op: op, Nth: 1 + rng.IntN(6), RetryAfter: emulator.Duration(s.upTo(90 * time.Second)), Advice: pick(rng, emulator.AdviceSeconds, emulator.AdviceDate, emulator.AdviceNone)}
	switch rng.IntN(9) {
	case 0: // a storm of refusals, of everything or of one operation
		f.Op, f.Kind, f.Count, f.Nth = pick(rng, "", op), emulator.KindTooMany, 1+rng.IntN(30), 1+rng.IntN(30)
	case 1: // a burst of failures
		f.Op, f.Kind, f.Count, f.Nth = pick(rng, "", op), emulator.KindStatus, 1+rng.IntN(20), 1+rng.IntN(30)
		f.Status = pick(rng, 500, 502, 503, 504)
		if s.chance(0.5) {
			f.For = emulator.Duration(s.upTo(10 * time.Minute))
		}
	case 2: // any answer
		f.Kind, f.Status = pick(rng, emulator.KindStatus, emulator.KindStatusAfter), pick(rng, 400, 401, 403, 404, 408, 409, 423, 500, 503)
		if f.Kind == emulator.KindStatusAfter {
			f.Status = 500 // a service that refuses has not done it
		}
	case 3: // as late as the promise allows
		if f.Op == "updateAsset" && s.hasty {
			f.Op = "postAssets"
		}
		f.Kind, f.Delay = emulator.KindLate, emulator.Duration(s.upTo(s.options.SettleTime-s.lag-time.Second))
	case 4: // longer than anybody waits
		f.Kind, f.Delay = pick(rng, emulator.KindDelay, emulator.KindSlow), emulator.Duration(s.upTo(100*time.Second))
	case 5:
		f.Op, f.Kind = pick(rng, "updateAsset", "postAssetFiles", "postTags"), emulator.KindDuplicate
	case 6:
		f.Kind = pick(rng, emulator.KindTruncated, emulator.KindCut, emulator.KindHTML, emulator.KindLost)
	case 7: // storage asks for more time than a URL lives
		f.Op, f.Kind, f.Status, f.RetryAfter = emulator.OpPut, emulator.KindStatus, 503, emulator.Duration(s.upTo(20*time.Minute))
	case 8:
		f.Op, f.Kind = emulator.OpPut, pick(rng, emulator.KindProcessingFails, emulator.KindProcessingStuck)
		if s.chance(0.5) { // else for ever
			f.Delay = emulator.Duration(s.upTo(12 * time.Hour))
		}
	}
	return f
}

// signIn is an OAuth client of which tokens expire and requests die.
type signIn struct {
	w        *world
	password bool
	store    tokenFile
	last     atomic.Int64 // nanoseconds: when a request for a token last ended
}

func newSignIn(s *sim) *signIn {
	return &signIn{w: s.world, password: s.chance(0.5)}
}

// source is that of a new process.
func (g *signIn) source() *showpad.TokenSource {
	_, v3 := g.w.tenant.URLs()
	cfg := showpad.OAuth{
		TokenURL: v3.String() + "/oauth2/token", ClientID: emulator.DefaultClientID, ClientSecret: emulator.DefaultClientSecret,
		Transport: g.w.tenant, Store: &g.store, Observe: func(showpad.Call) { g.last.Store(time.Now().UnixNano()) },
	}
	src, err := showpad.Refresh(cfg, emulator.DefaultRefreshToken)
	if g.password {
		src, err = showpad.PasswordGrant(cfg, emulator.DefaultUsername, emulator.DefaultPassword)
	}
	if err != nil {
		g.w.t.Fatal(err)
	}
	return src
}

// renewed is when a request for a token last ended.
func (g *signIn) renewed() time.Time { return time.Unix(0, g.last.Load()) }

// weather makes the token endpoint fail. An answer that is lost ends a session
// whose refresh tokens rotate, unless there is a password to begin another.
func (g *signIn) weather(s *sim) {
	kinds := []emulator.Kind{emulator.KindStatus, emulator.KindReset, emulator.KindTooMany, emulator.KindHTML, emulator.KindDelay}
	if g.password {
		kinds = append(kinds, emulator.KindLost, emulator.KindStatusAfter, emulator.KindTruncated)
	}
	for range s.rng.IntN(3) {
		s.tenant.Fail(emulator.Fault{Op: emulator.OpToken, Kind: pick(s.rng, kinds...), Nth: 1 + s.rng.IntN(3), Count: 1 + s.rng.IntN(3), Delay: emulator.Duration(s.upTo(25 * time.Second))})
	}
}

// tokenFile keeps tokens from one run to the next.
type tokenFile struct {
	mu sync.Mutex
	t  showpad.SavedToken
}

func (f *tokenFile) Update(_ context.Context, change func(showpad.SavedToken) (showpad.SavedToken, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next, err := change(f.t)
	if err == nil {
		f.t = next
	}
	return err
}
