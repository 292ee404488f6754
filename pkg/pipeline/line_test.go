package pipeline_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// line is the way to a service: requests take their time, and so do the bytes of
// uploads, which share what there is.
type line struct {
	api   time.Duration // of a request
	put   time.Duration // of an upload, beyond its bytes
	one   float64       // bytes a second of one upload; 0: no limit
	all   float64       // of all of them
	parts int           // in how many steps an upload goes; 0 is 8

	mu     sync.Mutex
	active int
}

// over is rt behind the line.
func (l *line) over(rt http.RoundTripper, storage bool) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		d := l.api
		if storage {
			d = l.put
		}
		if err := pass(r.Context(), d); err != nil {
			return nil, err
		}
		if storage && r.Body != nil && r.ContentLength > 0 {
			l.count(1)
			defer l.count(-1)
			parts := int64(l.parts)
			if parts == 0 {
				parts = 8
			}
			r = r.Clone(r.Context())
			r.Body = &pacedBody{ReadCloser: r.Body, l: l, ctx: r.Context(), step: max(1, int(r.ContentLength/parts))}
		}
		return rt.RoundTrip(r)
	})
}

func (l *line) count(n int) { l.mu.Lock(); l.active += n; l.mu.Unlock() }

// share is how fast one upload goes now.
func (l *line) share() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	rate := l.one
	if l.all > 0 {
		if s := l.all / float64(max(1, l.active)); rate == 0 || s < rate {
			rate = s
		}
	}
	return rate
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pacedBody lets bytes go at the pace of its line.
type pacedBody struct {
	io.ReadCloser
	l    *line
	ctx  context.Context
	step int
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.step)])
	if rate := b.l.share(); rate > 0 && n > 0 {
		if perr := pass(b.ctx, time.Duration(float64(n)/rate*float64(time.Second))); perr != nil {
			return n, perr
		}
	}
	return n, err
}
