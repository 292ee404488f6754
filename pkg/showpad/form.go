package showpad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"time"
)

// form is a body of multipart/form-data with one file, which is streamed: what stands
// before and after its bytes is known, and so is the length of all.
type form struct {
	kind       string // media type with its boundary
	head, tail []byte
	size       int64 // of the file, in bytes
	open       OpenFunc
	progress   func(int64)
	noExpect   bool // the other side does not know Expect: 100-continue
}

// field is a text of a form.
type field struct{ name, value string }

// newForm is a form of texts and, after them, one file under the name "file".
func newForm(fields []field, fileName string, size int64, open OpenFunc, progress func(int64)) (*form, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f.name, f.value); err != nil {
			return nil, err
		}
	}
	_, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", fileName)},
		"Content-Type":        {"application/octet-stream"},
	})
	if err != nil {
		return nil, err
	}
	f := &form{kind: w.FormDataContentType(), size: size, open: open, progress: progress}
	f.head = bytes.Clone(b.Bytes())
	b.Reset()
	if err := w.Close(); err != nil {
		return nil, err
	}
	f.tail = b.Bytes()
	if f.progress == nil {
		f.progress = func(int64) {}
	}
	return f, nil
}

// length is that of the whole body, in bytes.
func (f *form) length() int64 { return int64(len(f.head)) + f.size + int64(len(f.tail)) }

// body opens the whole body. The file has to have exactly the size that was announced:
// the end of the form leaves only after it.
func (f *form) body() (io.ReadCloser, error) {
	src, err := f.open()
	if err != nil {
		return nil, err
	}
	file := io.Reader(&exact{src: src, left: f.size, size: f.size})
	if f.size == 0 {
		file = &empty{src}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(f.head), file, bytes.NewReader(f.tail)), src}, nil
}

// empty makes sure that a source of no bytes still has none.
type empty struct{ src io.Reader }

func (e *empty) Read([]byte) (int, error) {
	var one [1]byte
	switch n, err := io.ReadFull(e.src, one[:]); {
	case n > 0:
		return 0, fmt.Errorf("%w: it is no longer empty", ErrSourceChanged)
	default:
		return 0, err
	}
}

// ofFile turns what is told of the bytes of the whole body into what is told of the
// file's own.
func (f *form) ofFile() func(int64) {
	var total, told int64
	return func(n int64) {
		total += n
		now := min(max(total-int64(len(f.head)), 0), f.size)
		if now != told {
			f.progress(now - told)
			told = now
		}
	}
}

// attemptForm sends a form once. It passes the gate like every request, and gives its
// slot back when the bytes begin to flow: how many uploads run at once is the caller's
// affair. A body that did not leave whole cannot have been carried out.
func (c *Client) attemptForm(ctx context.Context, q *request, repeat bool) (err error) {
	pass, err := c.enter(ctx, q, repeat)
	if err != nil {
		return err
	}
	defer func() { pass.end(err) }()

	actx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	wait := max(c.idle, attemptTimeout) // for the answer after the last byte, too. Source: ASSUME
	idle := time.AfterFunc(wait, func() { cancel(fmt.Errorf("no progress for %s", wait)) })
	defer idle.Stop()

	f := q.form
	b := &bodies{open: f.body, size: f.length(), progress: f.ofFile(), moved: func() { idle.Reset(wait) }}
	defer func() { b.finish(err == nil) }()
	var seen trace
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(actx, seen.hooks()), q.method, q.url, nil)
	if err != nil {
		return badRequest(q.op, "request cannot be made: %s", clean(withoutURL(err).Error()))
	}
	if req.Body, err = b.next(); err != nil {
		return endedOr(ctx, err)
	}
	req.GetBody, req.ContentLength = b.next, f.length()
	req.Header.Set("Content-Type", f.kind)
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", c.userAgent)
	if f.size > expectAbove && !f.noExpect {
		req.Header.Set("Expect", "100-continue") // a refusal is heard before gigabytes have left
	}
	pass.token.SetAuthHeader(req)
	pass.slot.Release()

	resp, err := c.api.Do(req)
	if err != nil {
		whole := b.halt() == f.length()
		if src := b.failed(); src != nil && ctx.Err() == nil && !whole {
			return src
		}
		return c.broken(ctx, actx, q, whole && !seen.neverSent(err), err)
	}
	pass.Status = resp.StatusCode
	idle.Reset(wait)
	answer, err := readBody(resp)
	switch {
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && !errors.Is(err, errTooLarge):
		// A refusal is one even when its reasons cannot be read.
	case err != nil:
		return c.broken(ctx, actx, q, true, err)
	}
	if resp.StatusCode == http.StatusExpectationFailed && !f.noExpect {
		f.noExpect = true
		return newWireError(q.op, false, errors.New("it does not know Expect: 100-continue"), q.token)
	}
	return c.answer(q, resp, answer)
}
