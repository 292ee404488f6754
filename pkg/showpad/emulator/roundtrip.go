package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// RoundTrip answers a request in memory, in the caller's goroutine: no socket,
// no goroutine of its own, so that it works inside a testing/synctest bubble.
// The request's body is streamed and closed; its context is honoured.
//
// A connection that breaks before the work is ECONNRESET, one that closes
// without an answer is [io.ErrUnexpectedEOF].
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &call{
		ctx: ctx, method: r.Method, url: r.URL, host: r.Host, scheme: r.URL.Scheme,
		header: r.Header, length: r.ContentLength, stopAfter: -1,
	}
	if c.method == "" {
		c.method = http.MethodGet
	}
	if c.host == "" {
		c.host = r.URL.Host
	}
	if c.header == nil {
		c.header = http.Header{}
	}
	body, err := c.memoryBody(r)
	if err != nil {
		return nil, err
	}
	a := s.handle(c)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if body != nil && body.bad != nil && a.abort == abortNone && !c.early {
		return nil, body.bad
	}
	switch a.abort {
	case abortReset:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case abortLost:
		return nil, io.ErrUnexpectedEOF
	}
	a.finish()
	return a.response(ctx, r, s.Now())
}

// memoryBody does with a body what net/http does on its way out: one of unknown
// length is chunked unless it is empty.
func (c *call) memoryBody(r *http.Request) (*sizedBody, error) {
	if r.Body == nil || r.Body == http.NoBody {
		c.length = 0
		return nil, nil
	}
	if r.ContentLength > 0 {
		b := &sizedBody{ctx: c.ctx, src: r.Body, left: r.ContentLength, size: r.ContentLength}
		c.src = b
		return b, nil
	}
	var first [1]byte
	switch n, err := io.ReadFull(r.Body, first[:]); {
	case n == 1:
		c.chunked, c.length = true, -1
		c.src = io.MultiReader(bytes.NewReader(first[:]), &ctxReader{c.ctx, r.Body})
	case errors.Is(err, io.EOF):
		c.length = 0
	default:
		return nil, err
	}
	return nil, nil
}

// ctxReader ends with its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (b *ctxReader) Read(p []byte) (int, error) {
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

// sizedBody is a body of an announced length. As net/http does, it fails the
// request when the body is of another length.
type sizedBody struct {
	ctx        context.Context
	src        io.Reader
	left, size int64
	bad        error
}

func (b *sizedBody) Read(p []byte) (int, error) {
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	if b.bad != nil {
		return 0, b.bad
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.src.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case err == io.EOF && b.left > 0:
		b.bad = fmt.Errorf("http: ContentLength=%d with Body length %d", b.size, b.size-b.left)
	case err != nil && err != io.EOF:
		b.bad = err
	case b.left == 0:
		var more [1]byte
		if n, _ := b.src.Read(more[:]); n > 0 { // only a surplus byte matters here
			b.bad = fmt.Errorf("http: ContentLength=%d with Body length %d", b.size, b.size+1)
		}
	}
	if b.bad != nil {
		return n, b.bad
	}
	return n, nil
}

func (a *answer) response(ctx context.Context, r *http.Request, now time.Time) (*http.Response, error) {
	h := a.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if a.ctype != "" {
		h.Set("Content-Type", a.ctype)
	}
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	res := &http.Response{
		Status:     fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, ContentLength: a.size, Request: r,
		Body: http.NoBody,
	}
	if a.size > 0 {
		body, err := a.content()
		if err != nil { // deleted a moment ago
			return nil, io.ErrUnexpectedEOF
		}
		b := &memoryAnswer{ctx: ctx, body: body, left: a.size, slow: a.slow, end: io.EOF}
		if a.cutAt > 0 {
			b.left, b.end = a.cutAt, io.ErrUnexpectedEOF
		}
		b.step = b.left
		if a.slow > 0 {
			b.step = b.left/8 + 1
		}
		res.Body = b
	}
	return res, nil
}

// memoryAnswer is the body of an answer in memory, slow and cut off if need be.
type memoryAnswer struct {
	ctx  context.Context
	body io.ReadCloser
	left int64 // until end
	step int64 // at most at once
	slow time.Duration
	end  error
}

func (b *memoryAnswer) Read(p []byte) (int, error) {
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	if b.left == 0 {
		return 0, b.end
	}
	if b.slow > 0 {
		if err := (&call{ctx: b.ctx}).wait(b.slow); err != nil {
			return 0, err
		}
	}
	n, err := b.body.Read(p[:min(int64(len(p)), b.step, b.left)])
	switch b.left -= int64(n); {
	case err == io.EOF && b.left > 0:
		return n, io.ErrUnexpectedEOF
	case err == io.EOF:
		return n, nil
	}
	return n, err
}

func (b *memoryAnswer) Close() error { return b.body.Close() }

// Client is an [http.Client] that speaks to the Server in memory.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s} }

// URLs are the bases of the two APIs for calls in memory.
func (s *Server) URLs() (v4, v3 *url.URL) {
	return &url.URL{Scheme: "https", Host: s.opts.Subdomain + ".api.showpad.com", Path: "/v4"},
		&url.URL{Scheme: "https", Host: s.opts.Subdomain + ".showpad.biz", Path: "/api/v3"}
}
