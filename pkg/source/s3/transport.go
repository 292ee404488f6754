package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	attempts    = 6                // of one request
	longestWait = time.Minute      // that is waited when the store asks for it
	idleAfter   = 60 * time.Second // without a byte, or an answer
)

var (
	errIdle   = errors.New("nothing came for a minute")
	errClosed = errors.New("the connection was closed before the answer came")
)

// transport repeats requests that the store was too busy for, or whose answer
// never came, and gives up connections on which nothing moves. What is sent
// below it changes nothing at the store, so that all of it may be repeated.
type transport struct {
	next  http.RoundTripper
	pause func(try int) time.Duration // before the next try; pause, but for tests
}

func newTransport(next http.RoundTripper) *transport {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{next, pause}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		return t.next.RoundTrip(req) // credentials by a web identity
	}
	for try := 1; ; try++ {
		resp, err := t.once(req)
		if try == attempts || req.Context().Err() != nil {
			return resp, err
		}
		wait := t.pause(try)
		switch {
		case err != nil && hopeless(err):
			return nil, err
		case err != nil:
		case !busy(resp.StatusCode):
			return resp, nil
		default:
			asked := retryAfter(resp.Header.Get("Retry-After"))
			if asked > longestWait {
				return resp, nil
			}
			wait = max(wait, asked)
			_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
			resp.Body.Close()
		}
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// once sends a request. Objects come as they are stored: nothing is unpacked.
func (t *transport) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	out := req.Clone(ctx)
	out.Header.Set("Accept-Encoding", "identity")
	idle := time.AfterFunc(idleAfter, func() { cancel(errIdle) })
	resp, err := t.next.RoundTrip(out)
	idle.Stop()
	if err != nil {
		if ctx.Err() != nil && req.Context().Err() == nil {
			err = errIdle
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errClosed
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &watched{ReadCloser: resp.Body, outer: req.Context(), ctx: ctx, cancel: cancel}
	return resp, nil
}

// watched is a body that fails when nothing comes for too long.
type watched struct {
	io.ReadCloser
	outer, ctx context.Context
	cancel     context.CancelCauseFunc
}

func (w *watched) Read(p []byte) (int, error) {
	idle := time.AfterFunc(idleAfter, func() { w.cancel(errIdle) })
	n, err := w.ReadCloser.Read(p)
	idle.Stop()
	if err != nil && err != io.EOF && w.outer.Err() == nil && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	return n, err
}

func (w *watched) Close() error {
	w.cancel(nil)
	return w.ReadCloser.Close()
}

// busy reports whether a store that answered so may answer otherwise later.
func busy(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// hopeless reports whether the same request will fail in the same way.
func hopeless(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound || errors.Is(err, http.ErrSchemeMismatch)
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(h string) time.Duration {
	if n, err := strconv.Atoi(h); err == nil {
		return time.Duration(min(max(n, 0), 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(h); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// pause is the wait before the next try, 0.2 to 10 s, with jitter.
func pause(try int) time.Duration {
	full := min(400*time.Millisecond<<min(try-1, 10), 10*time.Second)
	return full/2 + rand.N(full/2)
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
