package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// progress is how many bytes after a break make it one that is behind us.
const progress = 64 << 10

// open begins to read the file. What is kept is read from there.
func (f *file) open(ctx context.Context) (io.ReadCloser, source.Info, error) {
	if r, i, ok := f.kept.open(ctx, f.name); ok {
		return r, i, nil
	}
	a, i, err := f.get(ctx)
	if err != nil {
		return nil, i, err
	}
	if i.Size == source.UnknownSize {
		k, err := f.spool(ctx, a, i)
		if err != nil {
			return nil, i, err
		}
		defer k.Release() // when the reader is closed
		r, i := k.reader(ctx)
		return r, i, nil
	}
	r, err := f.stream(ctx, a, i)
	if err != nil {
		return nil, i, err
	}
	return r, i, nil
}

// get asks for the file. The caller closes the answer.
func (f *file) get(ctx context.Context) (a *answer, i source.Info, err error) {
	err = f.attempts(ctx, func() error {
		var err error
		if a, err = f.ask(ctx, http.MethodGet, nil); err != nil {
			return err
		}
		if a.StatusCode != http.StatusOK {
			err = statusOf(a)
		} else {
			i, err = f.info(a)
		}
		if err != nil {
			a.Close()
		}
		return err
	})
	return a, i, err
}

// stream reads the file from an answer that tells its length, and closes that.
func (f *file) stream(ctx context.Context, a *answer, i source.Info) (*reader, error) {
	reading := *f
	reading.op = "read"
	r := &reader{ctx: ctx, f: &reading, info: i, body: a}
	head := make([]byte, min(i.Size, content.HeadSize))
	_, err := io.ReadFull(r, head)
	if err == nil {
		err = f.page(a, head)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	r.head = head
	return r, nil
}

// reader reads a file of a known length, and goes on where its connection
// broke.
type reader struct {
	ctx    context.Context // of Open: reading is part of what was asked for
	f      *file
	info   source.Info
	head   []byte  // read, and not passed on yet
	body   *answer // nil: broken
	n      int64   // bytes that came
	breaks int     // since the last progress
	since  int64   // bytes since the last break
	err    error
}

func (r *reader) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	for r.err == nil && len(p) > 0 {
		n, err := r.read(p)
		if err == io.EOF {
			r.err = err
		} else if err != nil {
			r.err = r.f.failure(r.ctx, err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// read reads from the connection, or makes a new one.
func (r *reader) read(p []byte) (int, error) {
	switch {
	case r.n == r.info.Size:
		return 0, io.EOF
	case r.ctx.Err() != nil:
		return 0, context.Cause(r.ctx)
	case r.body == nil:
		return 0, r.resume()
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.info.Size-r.n)])
	r.n += int64(n)
	r.since += int64(n)
	if err != nil && r.n < r.info.Size {
		return n, r.broke(err)
	}
	return n, nil
}

// broke decides whether a broken connection is taken up again: nil.
func (r *reader) broke(err error) error {
	r.body.Close()
	r.body = nil
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if r.since >= progress {
		r.breaks = 0
	}
	r.breaks++
	r.since = 0
	switch {
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case validatorsOf(r.info).none():
		return fmt.Errorf("%w; the server does not say which version of the file it has, so that it cannot be read on from there", err)
	case r.breaks >= r.f.cfg.Attempts:
		return fmt.Errorf("%w, after %d attempts at the same place", err, r.breaks)
	}
	return r.f.pause(r.ctx, r.breaks)
}

// resume asks for the bytes from where the connection broke.
func (r *reader) resume() error {
	v := validatorsOf(r.info)
	h := http.Header{"Range": {fmt.Sprintf("bytes=%d-", r.n)}}
	// Source: RFC 9110 13.1.5: a weak validator must not stand there.
	switch {
	case v.etag == "":
		h.Set("If-Range", v.time.UTC().Format(http.TimeFormat))
	case !strings.HasPrefix(v.etag, "W/"):
		h.Set("If-Range", v.etag)
	}
	return r.f.attempts(r.ctx, func() error {
		a, err := r.f.ask(r.ctx, http.MethodGet, h)
		if err != nil {
			return err
		}
		if err := r.takeUp(a, v); err != nil {
			a.Close()
			return err
		}
		r.body = a
		return nil
	})
}

// takeUp checks that an answer goes on where the reader is.
func (r *reader) takeUp(a *answer, v validators) error {
	i, err := r.f.info(a)
	switch a.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable, http.StatusNotFound, http.StatusGone:
		return source.ErrChanged
	default:
		return statusOf(a)
	}
	switch {
	case err != nil:
		return err
	case v.differ(validatorsOf(i)) || i.Size != source.UnknownSize && i.Size != r.info.Size:
		return source.ErrChanged
	case a.StatusCode == http.StatusOK: // it sends the whole file again
		_, err := io.CopyN(io.Discard, a, r.n)
		return err
	}
	if first, _, ok := contentRange(a.Header); !ok || first != r.n {
		return hinted(fmt.Errorf("%w: the server sends other bytes than those that were asked for", source.ErrUnreadable), "copy it into a folder")
	}
	return nil
}

func (r *reader) Close() error {
	if r.err == nil {
		r.err = errors.New("the file is closed")
	}
	r.head = nil
	if r.body == nil {
		return nil
	}
	a := r.body
	r.body = nil
	a.Close() // a connection that is given up in the middle is no failure
	return nil
}
