package showpad

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ErrNotDownloadable: the service gives no link to the bytes of an asset: it may not
// be downloaded, or it has none.
var ErrNotDownloadable = errors.New("the service gives no download link (allow downloads on the asset, or compare its checksum alone)")

// Download is where the bytes of an asset's current version can be read, and what v3
// says about them. Its link is a credential: it is not part of String or JSON.
// Source: v3 get_assets_id; that the bytes are those that were uploaded, and not a
// rendition of them, is ASSUME.
type Download struct {
	AssetID string `json:"-"`
	URL     Secret `json:"-"`
	MD5     string // lower-case hex; "" when it is not told
	Size    int64  // bytes; -1 when it is not told
	Name    string // with its extension

	bearer bool // the link takes the token, when it leads to the API's host
}

// TakesToken reports whether the link works for those alone who are signed in; else it is
// public for a while.
func (d Download) TakesToken() bool { return d.bearer }

// String names the asset without the link.
func (d Download) String() string { return "download of asset " + d.AssetID }

// Format prints String whatever the verb.
func (d Download) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// Download asks for a link to the bytes of an asset's current version, the short-lived
// one where there is one. Without any the error is [ErrNotDownloadable]. Links go out
// of date: ask when the bytes are wanted.
//
// API: v3 get_assets_id
func (c *Client) Download(ctx context.Context, assetID string) (Download, error) {
	const op = "v3 get_assets_id"
	if err := c.needV3(op); err != nil {
		return Download{}, err
	}
	seg, err := segment(op, "asset", assetID)
	if err != nil {
		return Download{}, err
	}
	d := Download{AssetID: assetID}
	const fields = "?fields=id,name,fileSize,md5Checksum,downloadLink,shortLivedDownloadLink"
	err = c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.v3URL + "/assets/" + seg + ".json" + fields, decode: func(b []byte) error {
		_, m, err := v3Object(op, b)
		if err != nil {
			return err
		}
		if m == nil {
			return errors.New("it has no asset")
		}
		d.Name, d.MD5, d.Size = text(m["name"]), strings.ToLower(text(m["md5Checksum"])), -1
		var size lenientInt
		_ = size.UnmarshalJSON(m["fileSize"]) // what it cannot read is not told
		if n, ok := size.get(); ok {
			d.Size = n
		}
		d.URL, d.bearer = Secret(word(m["shortLivedDownloadLink"])), false
		if d.URL == "" {
			d.URL, d.bearer = Secret(word(m["downloadLink"])), true
		}
		return nil
	}})
	switch {
	case err != nil:
		return Download{}, err
	case d.URL == "":
		return Download{}, fmt.Errorf("%s: asset %s: %w", op, assetID, ErrNotDownloadable)
	}
	return d, nil
}

// Fetch opens the bytes behind a link. The token goes along only to the API's own
// host, and only where the link is not public. Failures before the first byte that may
// pass are repeated; a refusal that [Classify] calls NewURL means that the link is out
// of date: call [Client.Download] again. Reads fail when the bytes end before the
// announced length, and when none came for Config.IdleTimeout; time between two Reads
// does not count. The caller closes the reader; ctx covers it until then.
//
// API: storage get
func (c *Client) Fetch(ctx context.Context, d Download) (io.ReadCloser, error) {
	f, err := newFetch(c, d)
	if err != nil {
		return nil, err
	}
	renewed := false
	for try, failures := 0, 0; ; try++ {
		if ctx.Err() != nil {
			return nil, ended(ctx)
		}
		body, token, err := f.attempt(ctx, try > 0)
		if err == nil {
			return body, nil
		}
		e, answered := errors.AsType[*Error](err)
		if answered && e.Status == http.StatusUnauthorized && token != "" {
			r, ok := c.token.(renewer)
			if !ok || renewed {
				return nil, fmt.Errorf("%w: %w", ErrNotSignedIn, err)
			}
			renewed = true
			r.Invalidate(token)
			continue
		}
		if Classify(KindFetch, err) != Retry || failures >= c.retries {
			return nil, err
		}
		d := jitter(retryBase, retryLimit, failures)
		if answered {
			d = max(d, e.RetryAfter)
		}
		if failures++; pause(ctx, d) != nil {
			return nil, ended(ctx)
		}
	}
}

// fetch is the reading of one link, with all its attempts.
type fetch struct {
	c       *Client
	url     *url.URL
	bearer  bool
	secrets []string
}

func newFetch(c *Client, d Download) (*fetch, error) {
	raw := d.URL.Reveal()
	if err := CheckURL(raw); err != nil {
		return nil, badRequest(opGet, "the download link is not usable: %v", err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, badRequest(opGet, "the download link is not usable")
	}
	f := &fetch{c: c, url: u, bearer: d.bearer && c.ours(u), secrets: querySecrets(u)}
	for part := range strings.SplitSeq(u.Path, "/") {
		if len(part) >= 16 { // a link without a query has its secret in the path
			f.secrets = append(f.secrets, part)
		}
	}
	return f, nil
}

// ours reports whether a URL leads to the API itself.
func (c *Client) ours(u *url.URL) bool {
	for _, base := range []string{c.v3URL, c.apiURL} {
		if b, err := url.Parse(base); err == nil && base != "" && b.Scheme == u.Scheme && strings.EqualFold(b.Host, u.Host) {
			return true
		}
	}
	return false
}

// attempt asks for the bytes once; token is what it was asked with, if any.
func (f *fetch) attempt(ctx context.Context, repeat bool) (_ io.ReadCloser, token string, err error) {
	c := f.c
	var p passage
	status := 0
	if f.bearer { // a request to the API's host, as long as it is not answered
		p.c = c
		if err := c.pass(ctx, &p); err != nil {
			return nil, "", err
		}
		defer func() { c.gate.arrived(p.started, time.Now(), status, &p.slot) }()
		token = p.token.AccessToken
	}
	b := &fetched{f: f, ctx: ctx, secrets: append([]string{token}, f.secrets...),
		call: Call{Op: opGet, Method: http.MethodGet, Storage: true, Retry: repeat}, start: time.Now()}
	actx, cancel := context.WithCancelCause(ctx)
	b.cancel = cancel
	b.idle = time.AfterFunc(c.idle, func() { cancel(fmt.Errorf("no progress for %s", c.idle)) })
	b.actx = actx
	req, err := http.NewRequestWithContext(actx, http.MethodGet, f.url.String(), nil)
	if err != nil {
		return nil, "", b.end(badRequest(opGet, "the download link is not usable"))
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept-Encoding", "identity") // the bytes as they are, and their length
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.fetch.Do(req)
	if err != nil {
		return nil, token, b.end(b.broken(err))
	}
	b.call.Status, status = resp.StatusCode, resp.StatusCode
	if resp.StatusCode == http.StatusOK {
		b.idle.Stop()
		b.body, b.left = resp.Body, resp.ContentLength
		return b, token, nil
	}
	answer, err := readBody(resp)
	switch {
	case resp.StatusCode >= 400: // a refusal is one even when its reasons cannot be read
		e := failure(opGet, resp.StatusCode, resp.Header, answer, b.secrets...)
		if f.bearer {
			c.pushedBack(e, b.start)
		}
		err = e
	case err == nil:
		err = newWireError(opGet, true, fmt.Errorf("answer %d is not storage's (a proxy or firewall in between?)", resp.StatusCode))
	default:
		err = b.broken(err)
	}
	return nil, token, b.end(err)
}

// fetched is the body of a download.
type fetched struct {
	f       *fetch
	ctx     context.Context // the caller's
	actx    context.Context // ends with the watchdog too
	cancel  context.CancelCauseFunc
	idle    *time.Timer
	body    io.ReadCloser
	left    int64 // bytes to come; -1: not announced
	secrets []string

	call  Call
	start time.Time
	once  sync.Once
	err   error // of the last Read
}

// Read gives the next bytes, or says why there are none.
func (b *fetched) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.idle.Reset(b.f.c.idle)
	n, err := b.body.Read(p)
	b.idle.Stop()
	if b.left >= 0 {
		b.left -= int64(n)
	}
	switch {
	case err == io.EOF && b.left > 0:
		err = b.broken(io.ErrUnexpectedEOF)
	case err != nil && err != io.EOF:
		err = b.broken(err)
	}
	b.err = err
	return n, err
}

// Close ends the download.
func (b *fetched) Close() error {
	err := b.body.Close()
	if b.err == nil || b.err == io.EOF {
		_ = b.end(nil)
	} else {
		_ = b.end(b.err)
	}
	return err
}

// broken is a failure without a whole answer.
func (b *fetched) broken(err error) error {
	if b.ctx.Err() != nil {
		return ended(b.ctx)
	}
	if b.actx.Err() != nil {
		err = context.Cause(b.actx)
	}
	return newWireError(opGet, true, err, b.secrets...)
}

// end gives back what the attempt held and tells of it, once.
func (b *fetched) end(err error) error {
	b.once.Do(func() {
		b.idle.Stop()
		b.cancel(nil)
		b.call.Elapsed, b.call.Err = time.Since(b.start), err
		b.f.c.tell(b.call)
	})
	return err
}

// sameGet follows redirects of a download. The link that led there is not told to the
// next host, nor is the token, unless that is the API's own.
func (c *Client) sameGet(req *http.Request, via []*http.Request) error {
	if req.Method != http.MethodGet || len(via) > 5 || CheckURL(req.URL.String()) != nil {
		return http.ErrUseLastResponse
	}
	req.Header.Del("Referer")
	if !c.ours(req.URL) {
		req.Header.Del("Authorization")
	}
	return nil
}
