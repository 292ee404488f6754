package pipeline

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// An upload is large when it would take longer than largeTime; before that is known,
// from largeFirst bytes on. Bounds keep odd measurements from making all files the one
// or the other.
const (
	largeTime  = 30 * time.Second
	largeFirst = 64 << 20
	largeLeast = 4 << 20
	largeMost  = 1 << 30
)

// lane is which of two kinds of files a file belongs to. They do not wait for each
// other: a few that take long must not keep many that do not, nor the other way round.
type lane int

const (
	small lane = iota
	large
)

// uploads admits the sending of bytes: how many at once, which first, and how fast.
// Within a lane the order is that of arrival. Its methods may be called concurrently.
type uploads struct {
	stopping  <-chan struct{}
	bandwidth *bandwidth // nil: no limit
	tell      func(Event)
	fixed     int64 // files are large from so many bytes on; 0: it is learnt

	mu       sync.Mutex
	climb    *climb
	inFlight [2]int
	waiting  [2][]*sending // in order of arrival
	arrived  int           // of all that ever waited
	coming   int           // small ones that are on their way
	more     bool          // others may come that nobody knows yet
	until    time.Time     // nothing leaves before this moment
	wake     *time.Timer   // set while somebody waits for until

	rate      goodput
	throttled int // uploads that wait for bandwidth
	waited    UploadWaits
	since     time.Time // waited is counted up to here; zero before the first upload
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
func newUploads(o *Options, stopping <-chan struct{}, tell func(Event)) *uploads {
	return &uploads{stopping: stopping, tell: tell, fixed: o.limits.large, bandwidth: newBandwidth(o.Bandwidth), climb: newClimb(orInt(o.Uploads, 8))}
}

// errLeft is of an upload that is not begun because the run stops.
var errLeft = errors.New("the run stops")

// sending is one upload, in its slot or waiting for one.
type sending struct {
	u       *uploads
	size    int64
	lane    lane
	number  int           // in order of arrival
	granted chan struct{} // closed when it has a slot
	begun   time.Time     // when the present attempt began
	has     bool          // a slot
	left    bool
}

// enter waits for a slot for an upload of size bytes. Its error is the cause of ctx,
// or errLeft. The caller leaves.
func (u *uploads) enter(ctx context.Context, size int64) (*sending, error) {
	s := &sending{u: u, size: size}
	u.mu.Lock()
	s.lane = u.laneOf(size)
	s.number = u.arrived
	u.arrived++
	u.mu.Unlock()
	return s, s.wait(ctx, false)
}

// wait gets s a slot; first puts it before those that wait already.
func (s *sending) wait(ctx context.Context, first bool) error {
	u := s.u
	u.mu.Lock()
	u.account(time.Now())
	s.granted = make(chan struct{})
	q := &u.waiting[s.lane]
	if first {
		*q = append([]*sending{s}, *q...)
	} else {
		*q = append(*q, s)
	}
	u.admit()
	granted := s.granted
	u.mu.Unlock()
	select {
	case <-granted:
		return nil
	default:
	}
	select {
	case <-granted:
		return nil
	case <-u.stopping:
		u.abandon(s)
		return errLeft
	case <-ctx.Done():
		u.abandon(s)
		return context.Cause(ctx)
	}
}

// busy reports whether all slots are taken; u.mu is held.
func (u *uploads) busy() bool { return u.inFlight[small]+u.inFlight[large] >= u.climb.limit }

// admit grants free slots; u.mu is held.
func (u *uploads) admit() {
	if len(u.waiting[small])+len(u.waiting[large]) == 0 {
		return
	}
	now := time.Now()
	if d := u.until.Sub(now); d > 0 {
		if u.wake == nil {
			u.wake = time.AfterFunc(d, u.reopen)
		}
		return
	}
	for {
		l, ok := u.next()
		if !ok || u.full(u.waiting[l][0]) {
			return
		}
		s := u.waiting[l][0]
		u.waiting[l][0] = nil
		u.waiting[l] = u.waiting[l][1:]
		u.inFlight[l]++
		s.begun, s.has = now, true
		close(s.granted)
	}
}

// full reports whether there is no slot for s. A few bytes need no careful start: as
// long as nothing was too much they may have all slots. u.mu is held.
func (u *uploads) full(s *sending) bool {
	if s.size < tells && u.climb.tooMuch == 0 {
		return u.inFlight[small]+u.inFlight[large] >= u.climb.most
	}
	return u.busy()
}

// next is the lane whose first one gets the slot that is free; false when that is kept
// for one that is on its way. u.mu is held.
func (u *uploads) next() (l lane, ok bool) {
	s, b := u.waiting[small], u.waiting[large]
	switch {
	case len(b) > 0 && len(s) > 0 && u.climb.limit == 1: // nothing to share
		if b[0].number < s[0].number {
			return large, true
		}
		return small, true
	case len(b) > 0 && u.inFlight[large] < u.share():
		return large, true
	case len(s) > 0:
		return small, true
	}
	return 0, false
}

// share is how many slots large files may have. Who holds one holds it for long, so
// that it is too late to share once a small file waits: half of the slots are for
// small ones as long as any can come. u.mu is held.
func (u *uploads) share() int {
	if u.coming == 0 && !u.more && len(u.waiting[small]) == 0 {
		return u.climb.limit
	}
	return max(1, u.climb.limit/2)
}

// expect counts small files that are on their way, or are not any more.
func (u *uploads) expect(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.coming += n
	u.account(time.Now())
	u.admit()
}

// expectMore says whether files may come that nobody knows yet.
func (u *uploads) expectMore(more bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.more = more
	u.account(time.Now())
	u.admit()
}

// lane is where a file of size bytes belongs, as far as is known.
func (u *uploads) lane(size int64) lane {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.laneOf(size)
}

// laneOf is lane with u.mu held.
func (u *uploads) laneOf(size int64) lane {
	from := int64(largeFirst)
	if rate := u.rate.one(); rate > 0 {
		from = min(max(int64(rate*largeTime.Seconds()), largeLeast), largeMost)
	}
	if size >= cmp.Or(u.fixed, from) {
		return large
	}
	return small
}

// abandon takes s out of the queue, or gives back the slot that it just got.
func (u *uploads) abandon(s *sending) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.account(time.Now())
	if s.has {
		u.free(s)
		return
	}
	q := u.waiting[s.lane]
	for i, w := range q {
		if w == s {
			u.waiting[s.lane] = append(q[:i:i], q[i+1:]...)
			break
		}
	}
	u.admit()
}

// free gives s's slot back; u.mu is held.
func (u *uploads) free(s *sending) {
	s.has = false
	u.inFlight[s.lane]--
	u.admit()
}

// begins says that the first attempt begins now.
func (s *sending) begins() {
	s.u.mu.Lock()
	defer s.u.mu.Unlock()
	s.begun = time.Now()
}

// moved counts n bytes that went out.
func (s *sending) moved(n int64) {
	if n <= 0 {
		return // what a failed attempt sent used the line all the same
	}
	u := s.u
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	u.rate.add(now, n)
	if u.climb.moved(now, n, u.inFlight[small]+u.inFlight[large]) {
		u.account(now)
		u.admit()
	}
}

// tried is told how an attempt ended. One that storage refused, or that broke off, may
// cost the slot.
func (s *sending) tried(err error) {
	u := s.u
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	u.account(now)
	pause := u.learn(now, s, err)
	u.admit()
	if pause > 0 && u.tell != nil {
		until := u.until
		u.mu.Unlock()
		u.tell(Waiting{For: "retry-after", Text: "storage asks for a pause", Until: until})
		u.mu.Lock()
	}
}

// learn takes in how an attempt of s ended, and is how much longer than before storage
// wants to be left alone. u.mu is held.
func (u *uploads) learn(now time.Time, s *sending, err error) (pause time.Duration) {
	flying := u.inFlight[small] + u.inFlight[large]
	if err == nil {
		took := now.Sub(s.begun)
		u.rate.done(s.size, took)
		u.climb.ended(now, took, u.busy())
		return 0
	}
	e, answered := errors.AsType[*showpad.Error](err)
	switch {
	case answered && (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests):
		u.climb.refused(now, s.begun, flying)
		if until := now.Add(e.RetryAfter); e.RetryAfter > 0 && until.After(u.until) {
			pause = until.Sub(later(now, u.until))
			u.until = until
			if u.wake != nil {
				u.wake.Stop()
				u.wake = nil
			}
		}
	case !answered && showpad.Classify(showpad.KindUpload, err) == showpad.Retry:
		u.climb.broke(now, s.begun, flying)
	}
	return pause
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (u *uploads) reopen() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wake = nil
	u.account(time.Now())
	u.admit()
}

// again is asked before another attempt: when fewer may be under way than are, or
// storage wants to be left alone, it waits for a slot anew, before those that have not
// begun.
func (s *sending) again(ctx context.Context) error {
	u := s.u
	u.mu.Lock()
	now := time.Now()
	u.account(now)
	keep := u.inFlight[small]+u.inFlight[large] <= u.climb.limit && !u.until.After(now)
	if keep {
		s.begun = now
	} else {
		u.free(s)
	}
	u.mu.Unlock()
	if keep {
		return nil
	}
	return s.wait(ctx, true)
}

// leave gives the slot back. Only the first call counts.
func (s *sending) leave() {
	u := s.u
	u.mu.Lock()
	defer u.mu.Unlock()
	if s.left {
		return
	}
	s.left = true
	u.account(time.Now())
	if s.has {
		u.free(s)
	}
	if len(u.waiting[small])+len(u.waiting[large]) == 0 && u.wake != nil {
		u.wake.Stop()
		u.wake = nil
	}
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
	p := UploadsNow{
		InFlight: u.inFlight[small] + u.inFlight[large], Waiting: len(u.waiting[small]) + len(u.waiting[large]),
		Limit: u.climb.limit, Cap: u.climb.most, Rate: u.rate.now(now), Waited: u.waited,
	}
	if u.bandwidth != nil {
		p.Bandwidth = int64(u.bandwidth.rate)
	}
	return p
}

// account adds the time since the last change to what was waited for; u.mu is held.
func (u *uploads) account(now time.Time) {
	d := now.Sub(u.since)
	if u.since.IsZero() {
		d = 0
	}
	u.since = now
	switch {
	case len(u.waiting[small])+len(u.waiting[large]) > 0:
		u.waited.Slots += d
	case !u.busy():
		u.waited.Bytes += d
	}
	if u.throttled > 0 {
		u.waited.Bandwidth += d
	}
}
