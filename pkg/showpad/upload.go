package showpad

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	opPut   = "PUT"
	opGet   = "GET"
	opToken = "token"

	// UploadURLLife is how long an upload URL may start a transfer; one begun in time
	// may finish later. Source: v4 postAssetFiles and S3 presigning rules.
	UploadURLLife = 15 * time.Minute
	// uploadMargin is kept free at the end of that life, for clocks and for the way.
	uploadMargin = time.Minute
	// MaxUpload is the most that one PUT may carry, in bytes. Source: S3.
	MaxUpload = 5 << 30
	// expectAbove: bodies larger than this wait for storage's consent, in bytes.
	expectAbove = 1 << 20
)

// Put sends size bytes to storage, without any token. open is called for each
// attempt; the reader is closed by Put, possibly while a Read is under way. progress
// (nil: nobody) is told of bytes as they go out, and of a negative number when a
// failed attempt takes its bytes back; after success they add up to size.
//
// Failures that may pass are repeated while the URL is young enough; a transfer that
// makes no progress for Config.IdleTimeout is such a failure. Errors: [ErrUploadExpired]
// or a refusal that [Classify] calls NewURL: ask for another URL; a [*SourceError]: the
// source failed, or changed ([ErrSourceChanged]).
//
// API: storage put
func (c *Client) Put(ctx context.Context, u Upload, size int64, open OpenFunc, progress func(n int64), options ...PutOption) error {
	if size < 0 || size > MaxUpload {
		return badRequest(opPut, "%d bytes cannot be sent: storage takes at most %d in one piece", size, int64(MaxUpload))
	}
	if progress == nil {
		progress = func(int64) {}
	}
	p, err := newPut(c, u, size, open, progress)
	if err != nil {
		return err
	}
	for _, o := range options {
		o(p)
	}
	var last error
	for try := 0; ; try++ {
		if try > 0 && p.again != nil {
			if err := p.again(ctx); err != nil {
				return endedOr(ctx, err)
			}
		}
		if ctx.Err() != nil {
			return ended(ctx)
		}
		if p.tooOld(0) {
			return p.expired(last)
		}
		err := p.attempt(ctx, try > 0)
		if p.tried != nil {
			p.tried(err)
		}
		if err == nil {
			return nil
		}
		if Classify(KindUpload, err) != Retry || try >= c.retries {
			return err
		}
		last = err
		d := jitter(retryBase, retryLimit, try)
		if e, ok := errors.AsType[*Error](err); ok {
			d = max(d, e.RetryAfter)
		}
		if p.tooOld(d) {
			return p.expired(last)
		}
		if err := pause(ctx, d); err != nil {
			return ended(ctx)
		}
	}
}

// PutOption is something that [Client.Put] does besides.
type PutOption func(*put)

// Attempts lets the caller take part in the repeating of a PUT: tried is told how each
// attempt ended (nil: well), and again is asked before each one after the first. It may
// wait; its error ends the PUT and is what that returns.
func Attempts(tried func(error), again func(context.Context) error) PutOption {
	return func(p *put) { p.tried, p.again = tried, again }
}

// put is one upload with all its attempts.
type put struct {
	c        *Client
	req      *http.Request // without a context, a body and a header
	secrets  []string
	header   http.Header // nobody changes it
	size     int64
	issued   time.Time
	open     OpenFunc
	progress func(int64)
	tried    func(error) // nil: nobody is told
	again    func(context.Context) error
}

func newPut(c *Client, u Upload, size int64, open OpenFunc, progress func(int64)) (*put, error) {
	req, err := http.NewRequest(http.MethodPut, u.URL.Reveal(), nil)
	if err != nil {
		return nil, badRequest(opPut, "the upload URL is not usable: not a URL")
	}
	parsed := req.URL
	if err := checkURL(parsed); err != nil {
		return nil, badRequest(opPut, "the upload URL is not usable: %v", err)
	}
	query := parsed.Query()
	p := &put{c: c, req: req, header: uploadHeader(u, query), size: size, issued: u.Issued, open: open, progress: progress}
	p.header["User-Agent"] = c.agent
	if p.issued.IsZero() {
		p.issued = time.Now()
	}
	p.secrets = secretsOf(parsed, query)
	return p, nil
}

// querySecrets is what must not be told of a signed URL.
func querySecrets(u *url.URL) []string { return secretsOf(u, u.Query()) }

func secretsOf(u *url.URL, query url.Values) (secrets []string) {
	if u.RawQuery != "" {
		secrets = append(secrets, u.RawQuery)
	}
	for _, values := range query {
		for _, v := range values {
			if len(v) >= 16 { // signatures and tokens; not "host" or "900"
				secrets = append(secrets, v)
			}
		}
	}
	return secrets
}

// uploadHeader is what has to accompany the bytes. Where the URL says which headers
// were signed, exactly those of the metadata are sent; else all are.
// Source: v4 postAssetFiles, S3; the spelling of metadata headers is ASSUME.
func uploadHeader(u Upload, query url.Values) http.Header {
	h := http.Header{}
	var signed []string
	for name, values := range query {
		if strings.EqualFold(name, "X-Amz-SignedHeaders") {
			signed = strings.Split(strings.ToLower(strings.Join(values, ";")), ";")
		}
	}
	for key, value := range u.Metadata {
		name := strings.ToLower(key)
		if !strings.HasPrefix(name, "x-amz-") && !slices.Contains(signed, name) {
			name = "x-amz-meta-" + name
		}
		switch name {
		case "authorization", "host", "content-length", "content-type", "content-md5", "transfer-encoding", "expect":
			continue // ours to decide
		}
		if signed == nil || slices.Contains(signed, name) {
			h.Set(name, value)
		}
	}
	if u.ContentType != "" {
		h.Set("Content-Type", u.ContentType)
	}
	if len(u.ContentMD5) > 0 {
		h.Set("Content-MD5", base64.StdEncoding.EncodeToString(u.ContentMD5))
	}
	return h
}

// tooOld reports whether an attempt that begins after d would come too late.
func (p *put) tooOld(d time.Duration) bool {
	return time.Since(p.issued)+d >= UploadURLLife-uploadMargin
}

func (p *put) expired(last error) error {
	if last == nil {
		return fmt.Errorf("%s: %w", opPut, ErrUploadExpired)
	}
	return fmt.Errorf("%w; before that: %w", ErrUploadExpired, last)
}

// attempt sends the bytes once.
func (p *put) attempt(ctx context.Context, repeat bool) (err error) {
	call := Call{Op: opPut, Method: http.MethodPut, Storage: true, Retry: repeat}
	start := time.Now()
	defer func() {
		call.Elapsed, call.Err = time.Since(start), err
		p.c.tell(call)
	}()

	actx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(p.c.idle, func() { cancel(fmt.Errorf("no progress for %s", p.c.idle)) })
	defer idle.Stop()

	b := &bodies{open: p.open, size: p.size, progress: p.progress, moved: func() { idle.Reset(p.c.idle) }}
	defer func() { b.finish(err == nil) }()

	req := p.req.WithContext(actx)
	req.Header = maps.Clone(p.header)
	if p.size == 0 {
		if err := b.empty(); err != nil {
			return endedOr(ctx, err)
		}
		req.Body = http.NoBody // a non-nil body of no length would be sent chunked
	} else {
		if req.Body, err = b.next(); err != nil {
			return endedOr(ctx, err)
		}
		req.GetBody = b.next
		req.ContentLength = p.size
		if p.size > expectAbove {
			req.Header.Set("Expect", "100-continue")
		}
	}
	resp, err := p.c.storage.Do(req)
	if err == nil {
		call.Status = resp.StatusCode
		idle.Reset(p.c.idle)
		var answer []byte
		if answer, err = readBody(resp); err == nil || resp.StatusCode >= 400 {
			err = p.answer(resp, answer)
		}
		if err == nil && b.sent() != p.size {
			err = newWireError(opPut, true, fmt.Errorf("storage answered after %d of %d bytes", b.sent(), p.size))
		}
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	if src := b.failed(); src != nil {
		return src
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if actx.Err() != nil {
		err = context.Cause(actx)
	}
	return newWireError(opPut, true, err, p.secrets...)
}

func (p *put) answer(resp *http.Response, body []byte) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		page := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
		if page {
			return newWireError(opPut, true, fmt.Errorf("answer %d is not storage's (a proxy or firewall in between?)", resp.StatusCode))
		}
		return nil
	}
	return failure(opPut, resp.StatusCode, resp.Header, body, p.secrets...)
}

// samePut follows redirects that keep method and body (307, 308), as storage gives
// them for young buckets, and no others. The signed URL is not told to the next host.
func samePut(req *http.Request, via []*http.Request) error {
	if req.Method != http.MethodPut || len(via) > 5 || CheckURL(req.URL.String()) != nil {
		return http.ErrUseLastResponse
	}
	req.Header.Del("Referer")
	return nil
}

// MetadataHeaders are the names of the headers that carry the upload's metadata, in
// small letters and sorted; signed says that the URL's signature names headers, so that
// storage checks them. It sends nothing.
func (u Upload) MetadataHeaders() (names []string, signed bool) {
	parsed, err := url.Parse(u.URL.Reveal())
	if err != nil {
		return nil, false
	}
	query := parsed.Query()
	for name := range uploadHeader(u, query) {
		if name = strings.ToLower(name); name != "content-type" && name != "content-md5" {
			names = append(names, name)
		}
	}
	for name := range query {
		signed = signed || strings.EqualFold(name, "X-Amz-SignedHeaders")
	}
	slices.Sort(names)
	return names, signed
}
