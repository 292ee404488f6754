package showpad

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

const (
	// attemptTimeout bounds one attempt of an API request, its answer included.
	// Source: ASSUME; the slowest reads are lists of 1,000 assets.
	attemptTimeout = time.Minute
	// maxAnswer bounds the body of an answer in bytes; a page of 1,000 assets has a few MB.
	maxAnswer = 64 << 20
	// maxRefusal bounds the body of a refusal in bytes.
	maxRefusal = 64 << 10
	// maxURL is what a request line may hold. Source: ASSUME.
	maxURL = 8 << 10
	// Pauses between the attempts of one request.
	retryBase  = 500 * time.Millisecond
	retryLimit = 30 * time.Second
)

var (
	errSlow     = errors.New("no answer within " + attemptTimeout.String())
	errTooLarge = fmt.Errorf("answer is larger than %d MiB", maxAnswer>>20)
)

// request is one operation, to be sent once or more.
type request struct {
	op     string
	kind   Kind
	method string
	url    string
	body   any                   // encoded as JSON; nil: none
	decode func([]byte) error    // of a 2xx; nil: the body does not matter
	stream func(io.Reader) error // of a 2xx that is too large to hold, instead of decode
	form   *form                 // instead of body: a file, streamed
	head   func(http.Header)     // of a 2xx, before it is decoded; nil: nobody
	gone   bool                  // 404 to a repeat is success: an earlier attempt may have removed it

	contentType string     // of the payload; "" is JSON
	seen        *RawAnswer // gets the last answer, also one that says no; nil: nobody wants it

	payload []byte
	started time.Time // of the last attempt, before it left
	token   string    // of the last attempt
	maybe   bool      // an earlier attempt may have been carried out
}

// renewer is a token source that can do more than oauth2 asks of one.
type renewer interface {
	TokenContext(ctx context.Context) (*oauth2.Token, error)
	Invalidate(access string)
}

// do sends q until it is answered, refused for good, or out of retries.
func (c *Client) do(ctx context.Context, q *request) error {
	if q.body != nil {
		b, err := json.Marshal(q.body)
		if err != nil {
			return badRequest(q.op, "request cannot be encoded: %v", err)
		}
		q.payload = b
	}
	if len(q.url) > maxURL {
		return badRequest(q.op, "the filter makes a URL of %d bytes, more than %d (use Batches)", len(q.url), maxURL)
	}
	var failures, refusals int
	renewed := false
	for try := 0; ; try++ {
		send := c.attempt
		if q.form != nil {
			send = c.attemptForm
		}
		err := send(ctx, q, try > 0)
		if err == nil {
			c.recount(ctx)
			return nil
		}
		if neverLeft(err) {
			return err // the token source has its own retries
		}
		e, answered := errors.AsType[*Error](err)
		switch {
		case answered && e.Status == http.StatusUnauthorized:
			r, ok := c.token.(renewer)
			if !ok || renewed {
				return err
			}
			renewed = true
			r.Invalidate(q.token)
			continue
		case answered && e.Status == http.StatusTooManyRequests:
			if refusals++; refusals > c.retries*refusalsPerRetry {
				return err
			}
			continue // the gate is closed
		}
		switch Classify(q.kind, err) {
		case Retry:
		case Resolve:
			if !errors.Is(err, ErrUnknownOutcome) {
				err = fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
			}
			return err
		default:
			return err
		}
		if failures++; failures > c.retries {
			return err
		}
		if w, ok := errors.AsType[*wireError](err); !ok || w.sent {
			q.maybe = true
		}
		if err := pause(ctx, jitter(retryBase, retryLimit, failures-1)); err != nil {
			return ended(ctx)
		}
	}
}

// credentialError: no token could be had; the request was not sent.
type credentialError struct{ err error }

func (e *credentialError) Error() string { return e.err.Error() }
func (e *credentialError) Unwrap() error { return e.err }

// passage is one attempt that the gate has let through, with a token that is good now.
type passage struct {
	Call
	c       *Client
	started time.Time
	token   *oauth2.Token
	slot    Slot
}

// enter passes the gate to send q once. The caller calls end.
func (c *Client) enter(ctx context.Context, q *request, repeat bool) (*passage, error) {
	p := &passage{Call: Call{Op: q.op, Method: q.method, Retry: repeat}, c: c}
	if err := c.pass(ctx, p); err != nil {
		return nil, err
	}
	q.token, q.started = p.token.AccessToken, p.started
	if c.counting != nil {
		c.counting.request(q.op)
	}
	return p, nil
}

// pass waits until p may leave: in an open gate, with a good token, within the budget.
// The gate may close between the slot and the moment of sending, and then the slot is
// given back: callers leave a gate that opens one after the other, as the rate allows.
func (c *Client) pass(ctx context.Context, p *passage) (err error) {
	for again := false; ; again = true {
		if p.slot, err = c.gate.acquire(ctx, again); err != nil {
			return endedOr(ctx, err)
		}
		if p.token, err = c.accessToken(ctx); err == nil {
			if _, closed := c.gate.depart(); closed {
				p.slot.Release()
				continue
			}
			err = c.gate.spend(ctx)
		}
		if err != nil {
			p.slot.Release()
			return endedOr(ctx, err)
		}
		if p.started, p.InClosedGate = c.gate.depart(); !p.InClosedGate {
			return nil
		}
		p.slot.Release()
	}
}

// end tells how the attempt went, and gives the slot back.
func (p *passage) end(err error) {
	now := time.Now()
	p.Elapsed, p.Err = now.Sub(p.started), err
	p.c.tell(p.Call)
	status := p.Status
	if e, ok := errors.AsType[*Error](err); err != nil && ok {
		status = e.Status // v3 can refuse with a 200
	}
	p.c.gate.arrived(p.started, now, status, &p.slot)
}

// attempt sends q once, inside the gate, and reads the whole answer.
func (c *Client) attempt(ctx context.Context, q *request, repeat bool) (err error) {
	pass, err := c.enter(ctx, q, repeat)
	if err != nil {
		return err
	}
	defer func() { pass.end(err) }()

	actx, moved, stop := c.deadline(ctx, q)
	defer stop()
	var seen trace
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(actx, seen.hooks()), q.method, q.url, bytes.NewReader(q.payload))
	if err != nil {
		return badRequest(q.op, "request cannot be made: %s", clean(withoutURL(err).Error()))
	}
	req.Header = c.header(q, pass.token)

	resp, err := c.api.Transport.RoundTrip(req) // no redirect is followed, so what else http.Client does is not needed
	if err != nil {
		return c.broken(ctx, actx, q, !seen.neverSent(err), err)
	}
	pass.Status = resp.StatusCode
	if q.stream != nil && resp.StatusCode < 300 {
		defer resp.Body.Close()
		r := &metered{r: resp.Body, left: resp.ContentLength, moved: moved}
		if err := q.stream(r); r.err != nil && r.err != io.EOF {
			return c.broken(ctx, actx, q, true, r.err)
		} else if err != nil {
			return c.unreadable(q, resp.StatusCode, err)
		}
		return nil
	}
	body, err := readBody(resp)
	if q.seen != nil {
		*q.seen = RawAnswer{Status: resp.StatusCode, Header: resp.Header, Body: body}
	}
	switch {
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && !errors.Is(err, errTooLarge):
		// A refusal is one even when its reasons cannot be read.
	case err != nil:
		return c.broken(ctx, actx, q, true, err)
	}
	return c.answer(q, resp, body)
}

// Values of headers that are the same for all requests. Nobody changes them.
var (
	acceptsJSON = []string{"application/json, application/problem+json"}
	isJSON      = []string{"application/json"}
)

// header is that of a request with tok.
func (c *Client) header(q *request, tok *oauth2.Token) http.Header {
	h := make(http.Header, 4)
	switch {
	case q.payload == nil:
	case q.contentType != "":
		h["Content-Type"] = []string{q.contentType}
	default:
		h["Content-Type"] = isJSON
	}
	h["Accept"], h["User-Agent"], h["Authorization"] = acceptsJSON, c.agent, c.authorization(tok)
	return h
}

// authorization is the value of the header for tok: that of the last request, as long
// as the token is the same.
func (c *Client) authorization(tok *oauth2.Token) []string {
	kind := tok.Type()
	if last := c.authorized.Load(); last != nil && last.token == tok.AccessToken && last.kind == kind {
		return last.value
	}
	now := &authorized{tok.AccessToken, kind, []string{kind + " " + tok.AccessToken}}
	c.authorized.Store(now)
	return now.value
}

// authorized is a token as a header has it.
type authorized struct {
	token, kind string
	value       []string
}

// answer makes an error of what is not success, tells the gate, and decodes the rest.
func (c *Client) answer(q *request, resp *http.Response, body []byte) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		if q.head != nil {
			q.head(resp.Header)
		}
		if err := q.read(resp, body); err != nil {
			return c.unreadable(q, resp.StatusCode, err)
		}
		if c.counting != nil && strings.HasPrefix(q.op, "v3 ") {
			c.counting.answered(body)
		}
		return nil
	}
	e := c.explained(q, failure(q.op, resp.StatusCode, resp.Header, body, q.token))
	c.pushedBack(e, q.started)
	if q.gone && q.maybe && errors.Is(e, ErrNotFound) {
		return nil
	}
	return e
}

// unreadable is a 2xx whose body is not what it should be; an error inside it is one.
func (c *Client) unreadable(q *request, status int, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		c.pushedBack(c.explained(q, e), q.started)
		return e
	}
	return newWireError(q.op, true, fmt.Errorf("answer %d cannot be read: %w", status, err), q.token)
}

// deadline bounds an attempt: its whole duration, or, where the answer is long, the
// time without progress, which moved reports.
func (c *Client) deadline(ctx context.Context, q *request) (actx context.Context, moved, stop func()) {
	if q.stream == nil {
		actx, cancel := context.WithTimeoutCause(ctx, attemptTimeout, errSlow)
		return actx, nil, cancel
	}
	actx, cancel := context.WithCancelCause(ctx)
	wait := max(c.idle, attemptTimeout) // for a long answer to begin, too. Source: ASSUME
	idle := time.AfterFunc(wait, func() { cancel(fmt.Errorf("no progress for %s", wait)) })
	return actx, func() { idle.Reset(wait) }, func() { idle.Stop(); cancel(nil) }
}

// metered is a body that reports progress and must be as long as it was said to be.
type metered struct {
	r     io.Reader
	left  int64 // -1: not announced
	moved func()
	err   error // of the last Read
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.left >= 0 {
		m.left -= int64(n)
	}
	if err == io.EOF && m.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	m.moved()
	m.err = err
	return n, err
}

// pushedBack tells the gate of a refusal that asks for less.
func (c *Client) pushedBack(e *Error, sent time.Time) {
	switch e.Status {
	case http.StatusTooManyRequests:
		c.gate.refused(sent, e.RetryAfter, fmt.Sprintf("the service answered %d to %s", e.Status, e.Op))
	case http.StatusServiceUnavailable:
		c.gate.troubled(e.RetryAfter, fmt.Sprintf("the service answered %d to %s", e.Status, e.Op))
	}
}

func (q *request) read(resp *http.Response, body []byte) error {
	if q.decode != nil {
		return q.decode(body)
	}
	if len(bytes.TrimSpace(body)) > 0 && !valid(body) {
		return errors.New("it is not the API's")
	}
	return nil
}

// broken is a failure without a whole answer. When the caller's context ended, that
// is the reason given; a create that was under way then is of unknown outcome too.
func (c *Client) broken(ctx, actx context.Context, q *request, sent bool, err error) error {
	if ctx.Err() != nil {
		if sent && q.kind == KindCreate {
			return fmt.Errorf("%w: %w", ErrUnknownOutcome, ended(ctx))
		}
		return ended(ctx)
	}
	if actx.Err() != nil {
		err = context.Cause(actx)
	}
	return newWireError(q.op, sent, err, q.token)
}

func (c *Client) accessToken(ctx context.Context) (tok *oauth2.Token, err error) {
	if r, ok := c.token.(renewer); ok {
		tok, err = r.TokenContext(ctx)
	} else {
		tok, err = c.token.Token()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ended(ctx)
	case err != nil:
		return nil, &credentialError{err}
	case tok.AccessToken == "":
		return nil, &credentialError{fmt.Errorf("%w: the token is empty (set SHOWPAD_TOKEN)", ErrNotSignedIn)}
	case strings.ContainsFunc(tok.AccessToken, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return nil, &credentialError{fmt.Errorf("%w: the token holds blanks or other characters that no token has (was it copied whole?)", ErrNotSignedIn)}
	}
	return tok, nil
}

func (c *Client) tell(call Call) {
	ev := c.log.Debug()
	if call.Err != nil {
		ev = ev.Str("error", call.Err.Error())
	}
	ev.Str("op", call.Op).Int("status", call.Status).Bool("retry", call.Retry).Dur("elapsed", call.Elapsed).Msg("request")
	if c.observe != nil {
		c.observe(call)
	}
}

func endedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	return err
}

// readBody reads and closes an answer's body. A body that is shorter than its
// Content-Length is an error whoever carried it.
func readBody(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	limit := int64(maxAnswer)
	if resp.StatusCode >= 300 {
		limit = maxRefusal
	}
	var body []byte
	var err error
	if n := resp.ContentLength; n >= 0 && n <= limit {
		body = make([]byte, n)
		var got int
		if got, err = io.ReadFull(resp.Body, body); err == io.EOF { // of none at all
			err = io.ErrUnexpectedEOF
		}
		body = body[:got]
	} else {
		body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	}
	switch {
	case err != nil:
		return body, err
	case int64(len(body)) > limit && resp.StatusCode < 300:
		return nil, errTooLarge
	case int64(len(body)) > limit:
		return body[:limit], nil
	case int64(len(body)) < resp.ContentLength:
		return body, io.ErrUnexpectedEOF
	}
	return body, nil
}

// trace notes how far a request got.
type trace struct{ started, wrote atomic.Bool }

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { t.started.Store(true) },
		WroteHeaders: func() { t.wrote.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) { t.wrote.Store(true) },
	}
}

// neverSent reports whether it is certain that the service saw nothing of the
// request: its head was never written. A transport that reports nothing proves
// nothing, unless the error itself does.
func (t *trace) neverSent(err error) bool {
	if t.wrote.Load() {
		return false
	}
	return t.started.Load() || neverSent(err)
}
