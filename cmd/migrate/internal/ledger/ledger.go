// Package ledger counts the API requests of one credential of one tenant, and keeps
// them within a budget: within any stretch of the window's length no more are spent
// than it allows, by all processes of this machine together, whatever was killed.
//
// Requests are spent from leases. A lease is in the file before the first of it is
// spent, and counts in full from then on; what is left of it is given back when its
// process ends. So a killed process costs what was left of its leases, for a while, and
// nothing is spent that the file does not know. Without a budget requests are counted
// all the same, a little behind, and nothing is ever refused.
package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/ownfile"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// Folder of ledgers, below the program's own in the user's configuration folder.
const Folder = "requests"

// block is how many requests a lease has, as long as the budget is not small.
const block = 25

// Config is how requests are spent. The zero value counts, and refuses nothing.
type Config struct {
	Limit   Limit   // that was asked for; zero: what the service tells, if anything
	Reserve Reserve // what is left to others
	Log     zerolog.Logger
	Tell    func(line string) // what a person should know at once; nil: nobody is told
	clock   func() Instant    // nil: the system's
}

// Ledger is one process's part in the budget. It is the budget of the gate, which
// spends, and the allowance of the pipeline, which looks ahead. It may be used by many
// goroutines.
type Ledger struct {
	cfg  Config
	file *ownfile.File

	// fetches end with Close; a context of their own, because several callers wait for one
	fetches context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu     sync.Mutex
	book   *book // as last read or written; nil: not yet
	leases []*lease
	fetch  *fetch // under way; nil: none
	block  int    // requests of the next lease, while nothing is limited
	told   bool   // that it cannot be counted
	closed bool
	spent  int      // by this process
	known  *reading // that the service told this process last; nil: none
	knew   int      // spent, then
}

// lease is requests that this process may spend. The file has it.
type lease struct {
	id    string
	n     int
	used  int // more than n only while nothing is limited
	begun Instant
	life  time.Duration // how long it may be used
	last  Instant       // when the last one was spent; zero: none was
}

// fetch is a lease on its way. Its end is told by closing done.
type fetch struct {
	done chan struct{}
	err  error
}

// Open begins to count below dir, which is made if need be. name is that of the
// ledger, see [Name]. The caller closes it.
func Open(ctx context.Context, dir, name string, cfg Config) (*Ledger, error) {
	f, err := ownfile.Open(dir, name)
	if err != nil {
		return nil, fmt.Errorf("the ledger of requests: %w", err)
	}
	if cfg.clock == nil {
		cfg.clock = now
	}
	l := &Ledger{cfg: cfg, file: f, block: block}
	l.fetches, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b, err := f.Read()
	if err == nil {
		l.book, err = decode(b)
	}
	switch {
	case err != nil && cfg.Limit.N > 0 && errors.Is(err, errNewer):
		l.cancel()
		return nil, fmt.Errorf("%s: %w", f.Path(), err)
	case errors.Is(err, errNewer):
		l.book = &book{Version: version}
	case err != nil: // the first lease says so, and makes it whole
		l.book = l.unknown(cfg.clock())
	}
	l.book.clean(cfg.clock())
	return l, nil
}

// Path is where it is kept, for messages.
func (l *Ledger) Path() string { return l.file.Path() }

// limited reports whether requests may be refused; l.mu is held.
func (l *Ledger) limited() bool { return l.cfg.Limit.N > 0 || l.book.Service != nil }

// window is the length of the window that is looked at; l.mu is held.
func (l *Ledger) window() time.Duration {
	switch {
	case l.cfg.Limit.N > 0:
		return l.cfg.Limit.Window
	case l.book.Service != nil:
		return l.book.Service.Window
	}
	return kept
}

// Spend takes one request. It waits for a lease to be on disk, and for nothing else.
// The error wraps [showpad.ErrBudget] when there is none left, or when it cannot be
// made sure that there is.
func (l *Ledger) Spend(ctx context.Context) error {
	for {
		f, err := l.take()
		if f == nil || err != nil {
			return err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if f.err != nil {
			return f.err
		}
	}
}

// take takes one request from the leases of this process, or says which fetch to wait
// for. It fetches ahead.
func (l *Ledger) take() (*fetch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("%w: the ledger is closed", showpad.ErrBudget)
	}
	now := l.cfg.clock()
	if !l.limited() {
		l.count(now)
		return nil, nil
	}
	rest, alive := 0, (*lease)(nil)
	for _, o := range l.leases {
		if o.n > o.used && now.since(o.begun) < o.life {
			if rest += o.n - o.used; alive == nil {
				alive = o
			}
		}
	}
	if alive == nil {
		return l.get(), nil
	}
	alive.used++
	alive.last = now
	l.spent++
	if rest-1 <= l.size()/2 {
		l.get() // on the way before it is needed
	}
	return nil, nil
}

// count counts a request while nothing is limited; l.mu is held. The file follows.
func (l *Ledger) count(now Instant) {
	if len(l.leases) == 0 {
		l.leases = append(l.leases, &lease{begun: now, life: lifeOf(l.window())}) // the file has none yet: a command of few requests tells them at its end
	}
	o := l.leases[len(l.leases)-1]
	o.used++
	o.last = now
	l.spent++
	age := now.since(o.begun)
	if l.fetch == nil && (o.used >= max(o.n, block)/2 || age >= o.life) {
		if o.n > 0 && age >= 0 && age < 2*time.Second {
			l.block = min(2*l.block, 64*block) // a run in a hurry writes no more often for it
		}
		l.get()
	}
}

// size is how many requests the next lease has; l.mu is held.
func (l *Ledger) size() int {
	n := l.cfg.Limit.N
	if n == 0 && l.book.Service != nil {
		n = l.book.Service.Limit
	}
	if n == 0 {
		return l.block
	}
	return min(max(n/40, 1), block)
}

// get fetches a lease, unless one is on its way; l.mu is held.
func (l *Ledger) get() *fetch {
	if l.fetch != nil {
		return l.fetch
	}
	f := &fetch{done: make(chan struct{})}
	l.fetch = f
	l.wg.Go(func() {
		f.err = l.update(l.fetches, true)
		l.mu.Lock()
		l.fetch = nil
		l.mu.Unlock()
		close(f.done)
	})
	return f
}

// update brings the file up to what this process knows, and the other way about. With
// more it takes a lease, which may be spent once the file has it; the error says that
// there is none to be had.
func (l *Ledger) update(ctx context.Context, more bool) error {
	var refused error
	var taken *lease
	err := l.file.Update(ctx, func(b []byte) ([]byte, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		now := l.cfg.clock()
		d, err := l.read(b, now)
		if err != nil {
			return nil, err
		}
		d.Kept = max(d.Kept, l.cfg.Limit.Window)
		d.clean(now)
		l.book = d
		l.heard(now)
		l.settle(now, !more)
		if more {
			taken, refused = l.lease(now)
		}
		return d.encode()
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && taken != nil:
		l.leases = append(l.leases, taken)
		return nil
	case err == nil:
		return refused
	case ctx.Err() != nil:
		return fmt.Errorf("%w: the ledger is closed", showpad.ErrBudget)
	}
	if !l.told && more {
		l.told = true
		l.cfg.Log.Warn().Err(err).Msg("requests cannot be counted")
	}
	if !l.limited() {
		return nil
	}
	return fmt.Errorf("%w as far as anybody can tell: the ledger of requests cannot be kept: %w (make room, or name another folder with XDG_CONFIG_HOME)", showpad.ErrBudget, err)
}

// read is the file's content; l.mu is held. A damaged file is put aside: until nothing
// of what it knew can count any more, all of a budget is taken to be spent.
func (l *Ledger) read(b []byte, now Instant) (*book, error) {
	d, err := decode(b)
	if err == nil || errors.Is(err, errNewer) {
		return d, err
	}
	path := l.file.Path()
	if werr := os.WriteFile(path+".damaged", b, 0o600); werr != nil {
		return nil, errors.Join(err, werr)
	}
	d = l.unknown(now)
	line := fmt.Sprintf("the ledger of requests was damaged, and is kept as %s.damaged", path)
	if w := l.cfg.Limit.Window; w > 0 {
		e := &d.Entries[0]
		until := e.Begun.Wall.Add(e.Life + w + lag(w))
		line += fmt.Sprintf(": until %s the whole budget is taken to be spent (remove %s if you know that it is not)", until.Local().Format("Mon 2 Jan 15:04"), path)
	}
	if l.cfg.Tell == nil {
		l.cfg.Log.Warn().Err(err).Msg(line)
		return d, nil
	}
	l.cfg.Log.Info().Err(err).Msg(line)
	l.cfg.Tell("warning: " + line)
	return d, nil
}

// unknown is the book in the place of one that cannot be read: everything was spent,
// until a lease of when it was last written could last.
func (l *Ledger) unknown(now Instant) *book {
	written := Instant{Wall: now.Wall}
	if info, err := os.Stat(l.file.Path()); err == nil && info.ModTime().Before(written.Wall) {
		written.Wall = info.ModTime().UTC()
	}
	return &book{Version: version, Kept: l.cfg.Limit.Window, Entries: []entry{{All: true, Begun: written, Life: lifeOf(longest)}}}
}

// settle tells the book what became of this process's leases; l.mu is held. What is
// used up or too old is over; with all, everything is.
func (l *Ledger) settle(now Instant, all bool) {
	d := l.book
	rest := l.leases[:0]
	for _, o := range l.leases {
		over := all || !l.limited() || o.used >= o.n || now.since(o.begun) >= o.life
		if !over {
			rest = append(rest, o)
			continue
		}
		i := d.index(o.id)
		switch {
		case i < 0 && o.used > 0: // it was never written down, or somebody removed the file
			d.Total += int64(o.used)
			d.Entries = append(d.Entries, entry{N: o.used, Begun: o.begun, Ended: o.last})
		case i < 0:
		case o.used == 0:
			d.Total -= int64(d.Entries[i].N)
			d.Entries = append(d.Entries[:i], d.Entries[i+1:]...)
		default:
			e := &d.Entries[i]
			d.Total += int64(o.used - e.N)
			*e = entry{N: o.used, Begun: e.Begun, Ended: o.last}
		}
	}
	clear(l.leases[len(rest):])
	l.leases = rest
	for _, o := range rest { // a file that somebody removed, or that was damaged
		if d.index(o.id) < 0 {
			d.Total += int64(o.n)
			d.Entries = append(d.Entries, entry{ID: o.id, N: o.n, Begun: o.begun, Life: o.life})
		}
	}
}

// index finds a lease; -1 is none.
func (d *book) index(id string) int {
	for i := range d.Entries {
		if id != "" && d.Entries[i].ID == id {
			return i
		}
	}
	return -1
}

// lease enters a lease, of what is free, in the book; l.mu is held. Nil without an
// error: there is none, and what this process has may still be spent.
func (l *Ledger) lease(now Instant) (*lease, error) {
	n := l.size()
	if l.limited() {
		free, why := l.free(now)
		if n = min(n, free-l.unspent()); n < 1 {
			if l.unspent() > 0 {
				return nil, nil
			}
			return nil, fmt.Errorf("%w: %s", showpad.ErrBudget, why)
		}
	}
	var id [6]byte
	_, _ = rand.Read(id[:]) // crypto/rand does not fail
	o := &lease{id: hex.EncodeToString(id[:]), n: n, begun: now, life: lifeOf(l.window())}
	l.book.Total += int64(n)
	l.book.Entries = append(l.book.Entries, entry{ID: o.id, N: n, Begun: now, Life: o.life})
	return o, nil
}

// unspent is what is left of this process's leases; l.mu is held.
func (l *Ledger) unspent() (n int) {
	for _, o := range l.leases {
		n += max(o.n-o.used, 0)
	}
	return n
}

// free is how many requests this process may still spend, of its leases and beyond,
// and what there is to say when there are none; l.mu is held.
func (l *Ledger) free(now Instant) (n int, why string) {
	if lim := l.cfg.Limit; lim.N > 0 {
		n = l.freeOf(now, lim)
		why = fmt.Sprintf("%d of %d requests in %s are spent", lim.N-n, lim.N, Span(lim.Window))
		if at, k := l.opensOf(now, lim, 1); k > 0 {
			why += fmt.Sprintf("; %d free from %s", k, at.Local().Format("Mon 2 Jan 15:04:05 MST"))
		}
		why += " (--budget)"
	}
	// The service refuses by itself what is beyond its own count; where its window
	// stands nobody knows, so that an old reading keeps nobody from asking.
	const fresh = 10 * time.Minute
	if r := l.book.Service; r != nil {
		left, _ := l.book.remaining(l.unspent())
		if now.since(r.At) > fresh {
			left = max(left, block)
		}
		if lim := l.cfg.Limit; lim.N == 0 || left < n {
			n = left
			why = fmt.Sprintf("the service counts %d of %d requests as spent in %s", r.Limit-left, r.Limit, Span(r.Window))
		}
	}
	return n, why
}

// freeOf is what is free of a limit for this process; l.mu is held.
func (l *Ledger) freeOf(now Instant, lim Limit) int {
	n, all := l.book.spent(now, lim.Window, l.mine)
	if all {
		return 0
	}
	for _, o := range l.leases {
		n += o.used
	}
	return max(lim.N-n, 0)
}

func (l *Ledger) mine(id string) bool {
	for _, o := range l.leases {
		if o.id == id {
			return true
		}
	}
	return false
}

func (l *Ledger) opensOf(now Instant, lim Limit, want int) (time.Time, int) {
	own := map[string]int{}
	for _, o := range l.leases {
		own[o.id] = o.used
	}
	in, n := l.book.opens(now, lim, want, own)
	if n == 0 {
		return time.Time{}, 0
	}
	return now.Wall.Add(in), n
}

// Left is how many requests may be made before the reserve begins; limited false:
// there is no limit, or none is known.
func (l *Ledger) Left() (n int, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.limited() {
		return 0, false
	}
	n, _, _ = l.left(l.cfg.clock())
	return n, true
}

// left is what Left tells, what is there with the reserve, and whether it is the
// service's count that says so; l.mu is held.
func (l *Ledger) left(now Instant) (n, there int, service bool) {
	lim := l.cfg.Limit
	if lim.N > 0 {
		there = l.freeOf(now, lim)
		n = there - l.cfg.Reserve.Of(lim.N)
	}
	if r := l.book.Service; r != nil {
		told, _ := l.book.remaining(l.unspent())
		if k := told - l.cfg.Reserve.Of(r.Limit); lim.N == 0 || k < n {
			n, there, service = k, told, true
		}
	}
	return max(n, 0), there, service
}

// Most is how many requests may be made in a window in which nobody made any; 0: not
// known.
func (l *Ledger) Most() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lim := l.cfg.Limit.N; lim > 0 {
		n = lim - l.cfg.Reserve.Of(lim)
	}
	if r := l.book.Service; r != nil {
		if k := r.Limit - l.cfg.Reserve.Of(r.Limit); n == 0 || k < n {
			n = k
		}
	}
	return n
}

// Needs is the smallest limit that leaves n requests before its reserve; 0: the
// service's own limit is in the way.
func (l *Ledger) Needs(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.book.Service; r != nil && r.Limit-l.cfg.Reserve.Of(r.Limit) < n {
		return 0
	}
	limit := n
	for limit < math.MaxInt32 {
		next := n + l.cfg.Reserve.Of(limit)
		if next <= limit {
			break
		}
		limit = next
	}
	return limit
}

// Opens is when at least half of what may be used is free again, and how many
// requests are then; zero: not known. For people.
func (l *Ledger) Opens() (time.Time, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.limited() {
		return time.Time{}, 0
	}
	return l.opens(l.cfg.clock())
}

func (l *Ledger) opens(now Instant) (time.Time, int) {
	if _, _, service := l.left(now); service {
		// Where the service's window stands nobody knows: it is over at the latest then.
		r := l.book.Service
		return now.Wall.Add(r.Window - max(now.since(r.At), 0)), r.Limit - l.cfg.Reserve.Of(r.Limit)
	}
	lim := l.cfg.Limit
	reserve := l.cfg.Reserve.Of(lim.N)
	at, n := l.opensOf(now, lim, reserve+max((lim.N-reserve)/2, 1))
	return at, max(n-reserve, 0)
}

// Heard takes in what the service says of its own count of requests, which is known
// to move with ours: others spend too. It never makes more of a budget than there is.
func (l *Ledger) Heard(limit, remaining int, window time.Duration) {
	if limit < 1 || remaining < 0 || window < shortest {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.clock()
	l.known, l.knew = &reading{Limit: limit, Remaining: min(remaining, limit), Window: min(window, longest), At: now}, l.spent
	l.heard(now)
}

// Moves reports whether the service's own count is known to move with our requests.
func (l *Ledger) Moves() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.book.Moves
}

// heard notes a reading in the book; l.mu is held. The next write keeps it.
func (l *Ledger) heard(now Instant) {
	r := l.known
	if r == nil || now.since(r.At) > r.Window {
		return
	}
	if s := l.book.Service; s != nil && s.At == r.At && s.Remaining == r.Remaining || s != nil && now.since(s.At) < now.since(r.At) {
		return // it is there already, or a later one
	}
	c := *r
	c.Total = l.book.Total - int64(l.unspent()) - int64(l.spent-l.knew)
	for _, o := range l.leases {
		c.Total += int64(max(o.used-o.n, 0)) // counted a little behind
	}
	if !l.book.Moves { // from then on it is believed for a while, and then has to be seen again
		l.book.Moves, l.book.MovedAt = true, now
	}
	l.book.Kept = max(l.book.Kept, c.Window)
	l.book.Service = &c
}

// Close gives back what is left, and ends. It may be called more than once.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	idle := l.spent == 0 && len(l.leases) == 0 && l.known == nil
	l.mu.Unlock()
	l.cancel()
	l.wg.Wait()
	if idle {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.fetches), 5*time.Second)
	defer cancel()
	if err := l.update(ctx, false); err != nil {
		l.cfg.Log.Warn().Err(err).Msg("the ledger of requests does not know what was not spent")
		if l.cfg.Limit.N > 0 {
			return fmt.Errorf("the ledger of requests: %w", err)
		}
	}
	return nil
}
