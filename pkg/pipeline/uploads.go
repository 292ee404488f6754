package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"
)

// uploads admits the sending of bytes: so many at once, in the order of arrival.
// Its methods may be called concurrently.
type uploads struct {
	most     int // sent at once, at most
	stopping <-chan struct{}

	mu       sync.Mutex
	limit    int // sent at once, now
	inFlight int
	waiting  []*sending // in order of arrival
	rate     goodput
	waited   UploadWaits
	since    time.Time // waited is counted up to here; zero before the first upload
}

// UploadsNow is how the sending of bytes goes at one moment.
type UploadsNow struct {
	InFlight  int     // uploads under way, the asking for their URLs included
	Waiting   int     // for a slot
	Limit     int     // how many may be under way now
	Cap       int     // and at most: Options.Uploads
	Rate      float64 // bytes a second, of all uploads; 0 while nothing is known
	Bandwidth int64   // bytes a second that they may use; 0: no limit
	Waited    UploadWaits
}

// UploadWaits is for how long what kept bytes from flowing, by its kind. Several
// kinds may be at work at once.
type UploadWaits struct {
	Slots     time.Duration // an upload was ready, and all slots were taken
	Bandwidth time.Duration // bytes were ready, and the bandwidth was used up
	Bytes     time.Duration // a slot was free, and nothing was ready to be sent
}

// newUploads is for a run with these options; nobody waits for a slot once stopping is
// closed.
func newUploads(o *Options, stopping <-chan struct{}) *uploads {
	n := orInt(o.Uploads, 8)
	return &uploads{most: n, limit: n, stopping: stopping}
}

// errLeft is of an upload that is not begun because the run stops.
var errLeft = errors.New("the run stops")

// sending is one upload in its slot.
type sending struct {
	u       *uploads
	size    int64
	begun   time.Time // when it got its slot
	granted chan struct{}
	once    sync.Once
}

// enter waits for a slot for an upload of size bytes. Its error is the cause of ctx,
// or errLeft. The caller leaves.
func (u *uploads) enter(ctx context.Context, size int64) (*sending, error) {
	s := &sending{u: u, size: size, granted: make(chan struct{})}
	u.mu.Lock()
	u.account(time.Now())
	u.waiting = append(u.waiting, s)
	u.admit()
	u.mu.Unlock()
	select {
	case <-s.granted:
		return s, nil
	case <-u.stopping:
		u.abandon(s)
		return nil, errLeft
	case <-ctx.Done():
		u.abandon(s)
		return nil, context.Cause(ctx)
	}
}

// admit grants free slots; u.mu is held.
func (u *uploads) admit() {
	for len(u.waiting) > 0 && u.inFlight < u.limit {
		s := u.waiting[0]
		u.waiting[0] = nil
		u.waiting = u.waiting[1:]
		u.inFlight++
		s.begun = time.Now()
		close(s.granted)
	}
}

// abandon takes s out of the queue, or gives back the slot that it just got.
func (u *uploads) abandon(s *sending) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.account(time.Now())
	for i, w := range u.waiting {
		if w == s {
			u.waiting = append(u.waiting[:i:i], u.waiting[i+1:]...)
			return
		}
	}
	u.inFlight--
	u.admit()
}

// moved counts n bytes that went out.
func (s *sending) moved(n int64) {
	s.u.mu.Lock()
	defer s.u.mu.Unlock()
	s.u.rate.add(time.Now(), n)
}

// leave gives the slot back; err is how the upload ended. Only the first call counts.
func (s *sending) leave(err error) {
	s.once.Do(func() {
		u := s.u
		u.mu.Lock()
		defer u.mu.Unlock()
		now := time.Now()
		u.account(now)
		u.inFlight--
		if err == nil {
			u.rate.done(s.size, now.Sub(s.begun))
		}
		u.admit()
	})
}

// estimate is how long an upload of size bytes takes once it has its slot, by those
// that this run sent; known is false while there were none.
func (u *uploads) estimate(size int64) (d time.Duration, known bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.rate.estimate(size)
}

// Pace is how the sending goes now.
func (u *uploads) Pace() UploadsNow {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	u.account(now)
	return UploadsNow{InFlight: u.inFlight, Waiting: len(u.waiting), Limit: u.limit, Cap: u.most, Rate: u.rate.now(now), Waited: u.waited}
}

// account adds the time since the last change to what was waited for; u.mu is held.
func (u *uploads) account(now time.Time) {
	d := now.Sub(u.since)
	if u.since.IsZero() {
		d = 0
	}
	u.since = now
	switch {
	case len(u.waiting) > 0:
		u.waited.Slots += d
	case u.inFlight < u.limit:
		u.waited.Bytes += d
	}
}
