package s3

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/showpad-migrate/migrate/pkg/source"
)

const (
	resumes = 5       // in a row, with less than progress between them
	enough  = 1 << 20 // bytes after which a connection counts as one that worked
)

// reader reads one version of an object, over as many connections as it takes.
type reader struct {
	ctx    context.Context // of Open: reading is part of what was asked for
	client *minio.Client
	object object
	etag   string
	info   source.Info
	pause  func(try int) time.Duration
	fail   func(error) error

	body  io.ReadCloser
	n     int64 // bytes read
	since int64 // of them since the connection broke
	tries int
	err   error
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		if r.err != nil {
			return 0, r.err
		}
		if r.ctx.Err() != nil {
			return 0, context.Cause(r.ctx)
		}
		n, err := r.body.Read(p)
		r.n += int64(n)
		if r.since += int64(n); r.since >= enough {
			r.tries = 0
		}
		switch {
		case r.n > r.info.Size:
			r.err = r.fail(hinted(source.ErrChanged, fmt.Sprintf("the store sends more than the %d bytes that it announced", r.info.Size)))
			return 0, r.err
		case err == io.EOF && r.n == r.info.Size:
			r.err = io.EOF
			return n, r.err
		case err == nil || n > 0: // what broke the connection comes again
			return n, nil
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}
		if r.n == r.info.Size { // all is here; what follows does not matter
			r.err = io.EOF
			return n, r.err
		}
		if err := r.resume(err); err != nil {
			r.err = err
		}
	}
}

// resume opens the object again where reading stopped. why is what broke.
func (r *reader) resume(why error) error {
	if r.tries++; r.tries > resumes {
		return r.fail(fmt.Errorf("after %d of %d bytes: %w", r.n, r.info.Size, why))
	}
	if err := sleep(r.ctx, r.pause(r.tries)); err != nil {
		return err
	}
	r.since = 0
	r.body.Close()
	r.body = io.NopCloser(brokenReader{why}) // until there is another one
	var opts minio.GetObjectOptions
	if r.etag != "" {
		if err := opts.SetMatchETag(r.etag); err != nil {
			return r.fail(err)
		}
	}
	if err := opts.SetRange(r.n, r.info.Size-1); err != nil {
		return r.fail(err)
	}
	body, got, header, err := minio.Core{Client: r.client}.GetObject(r.ctx, r.object.bucket, r.object.key, opts)
	switch code(err) {
	case "":
	case minio.PreconditionFailed, minio.NoSuchKey, "InvalidRange":
		return r.fail(source.ErrChanged)
	default:
		return r.fail(err)
	}
	if err != nil {
		return nil // no answer: the next try
	}
	now := info(r.info.Path, r.object, got)
	now.Size = r.info.Size
	want := fmt.Sprintf("bytes %d-%d/%d", r.n, r.info.Size-1, r.info.Size)
	if header.Get("Content-Range") != want || !now.Same(r.info) {
		body.Close()
		return r.fail(source.ErrChanged)
	}
	r.body = body
	return nil
}

func (r *reader) Close() error {
	_ = r.body.Close() // of a connection that is given up
	return nil
}

// brokenReader stands in for a connection that is gone.
type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }
