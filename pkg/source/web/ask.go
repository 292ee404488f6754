package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxPause  = 30 * time.Second
	maxAdvice = 5 * time.Minute // of Retry-After; a server that wants more is left alone
	maxHosts  = 1000            // that something is remembered of
)

// A server that is waited for as long as crawl times Config.Idle and sent less
// than progress meanwhile is taken for a broken one: others wait for its turn.
const crawl = 5

var (
	// errStalled ends a request whose server says nothing.
	errStalled = errors.New("the server says nothing any more")
	errCrawls  = errors.New("the server sends next to nothing")
)

// answer is one answer, whose body may still be read.
type answer struct {
	*http.Response
	cancel context.CancelCauseFunc
	idle   time.Duration
	timer  *time.Timer // ends the request; it runs while somebody waits for the server
	ctx    context.Context

	waited time.Duration // for the server, since came was 0
	came   int           // bytes
}

// Read reads the body; a server that says nothing, or next to nothing, for too
// long ends it.
func (a *answer) Read(p []byte) (int, error) {
	begun := time.Now()
	a.timer.Reset(a.idle)
	n, err := a.Body.Read(p)
	a.timer.Stop()
	if err != nil && err != io.EOF && context.Cause(a.ctx) == errStalled {
		err = errStalled
	}
	a.came += n
	if a.waited += time.Since(begun); a.waited >= crawl*a.idle {
		if a.came < progress && err == nil {
			err = errCrawls
		}
		a.waited, a.came = 0, 0
	}
	return n, err
}

// Close gives the answer up.
func (a *answer) Close() error {
	a.timer.Stop()
	err := a.Body.Close()
	a.cancel(nil)
	return err
}

// ask sends one request, once. The caller closes the answer.
func (f *file) ask(ctx context.Context, method string, header http.Header) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, method, f.url.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, withoutURL(err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Accept-Encoding", "identity") // the bytes as they are, and their length
	if f.cfg.UserAgent != "" {
		req.Header.Set("User-Agent", f.cfg.UserAgent)
	}
	timer := time.AfterFunc(f.cfg.Idle, func() { cancel(errStalled) })
	resp, err := f.client.Do(req)
	timer.Stop()
	if err != nil {
		if context.Cause(ctx) == errStalled {
			err = errStalled
		}
		cancel(nil)
		return nil, withoutURL(err)
	}
	return &answer{Response: resp, cancel: cancel, idle: f.cfg.Idle, timer: timer, ctx: ctx}, nil
}

// attempts calls do until it succeeds, fails for good, or has been called as
// often as it may be. It waits in between, longer each time, and as long as the
// server asks.
func (f *file) attempts(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		if err := f.hosts.wait(ctx, f.url.Host); err != nil {
			return err
		}
		err := do()
		again, after := temporary(err)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil || !again:
			return err
		case after > maxAdvice:
			return hinted(err, fmt.Sprintf("the server asks to wait %s; run again then", after.Round(time.Minute)))
		case n >= f.cfg.Attempts && n > 1:
			return fmt.Errorf("%w, after %d attempts", err, n)
		case n >= f.cfg.Attempts:
			return err
		}
		if after > 0 {
			f.hosts.close(f.url.Host, time.Now().Add(after))
		}
		if err := f.pause(ctx, n); err != nil {
			return err
		}
	}
}

// pause waits before the next attempt after the nth.
func (f *file) pause(ctx context.Context, n int) error {
	d := min(f.cfg.Pause<<min(n-1, 16), maxPause)
	return sleep(ctx, d/2+rand.N(d/2+1))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retryAfter reads the advice of an answer: seconds, or a date, which counts
// from the answer's own Date. 0 is no advice. Source: RFC 9110 10.2.3.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return max(at.Sub(now), 0)
}

// hosts is what is known of servers, for all who ask them.
type hosts struct {
	mu sync.Mutex
	by map[string]host
}

type host struct {
	closed time.Time // it wants to be asked nothing until then
	noHead bool      // it answers GET, and not HEAD
}

// wait waits until a host may be asked.
func (h *hosts) wait(ctx context.Context, name string) error {
	for {
		h.mu.Lock()
		d := time.Until(h.by[name].closed)
		h.mu.Unlock()
		if d <= 0 {
			return nil
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
}

func (h *hosts) close(name string, until time.Time) {
	h.change(name, func(e *host) {
		if until.After(e.closed) {
			e.closed = until
		}
	})
}

func (h *hosts) change(name string, f func(*host)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.by[name]
	if h.by == nil || !ok && len(h.by) >= maxHosts {
		h.by = map[string]host{}
	}
	f(&e)
	h.by[name] = e
}

func (h *hosts) headless(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.by[name].noHead
}
