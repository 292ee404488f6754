// Package s3 is the source of objects in a store that speaks S3: AWS, or any
// other by its endpoint. It sends GET and HEAD requests only.
//
// A path is a key, byte for byte, below the prefix of its root. What becomes of
// the odd cases:
//
//   - an object of zero bytes is a file; a key that ends in a slash is the mark of
//     a folder, and left out
//   - the key is not there, but is in another Unicode form: that object; in both
//     composed and decomposed form: ErrAmbiguous
//   - ".." that climbs out of the root: ErrOutside; elsewhere it is part of the key
//   - archived (Glacier, Deep Archive, the archive tiers of Intelligent-Tiering)
//     and not restored: ErrUnreadable; a listing says Info.Offline
//   - overwritten while it is read: S3 goes on with the version that was opened; a
//     connection that broke is resumed in that version, or ErrChanged
//   - stored with Content-Encoding: the bytes as they are stored
//
// Info.MD5 is the ETag where S3 promises that this is the MD5 of the bytes: an
// object sent in one part, not encrypted with a key of KMS or of a customer.
// Which encryption an object has is told when it is asked for, and not in
// listings, so that those have no MD5. Info.Version is the ETag of any kind.
// Source: Amazon S3 API reference, "Object" (ETag) and "Common response headers".
package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// Source is a bucket, or what lies below a prefix of it. Its methods may be
// called concurrently.
type Source struct {
	store  *Store
	bucket string // "": the first part of each path
	prefix string // "", or ends in a slash
}

var _ source.Lister = (*Source)(nil)

// object is a place in the store.
type object struct{ bucket, key string }

func (o object) String() string { return "s3://" + o.bucket + "/" + o.key }

// object is what a path names.
func (s *Source) object(path string) (object, error) {
	if climbs(path) {
		return object{}, hinted(source.ErrOutside, "name the bucket or the prefix that it is in under roots:")
	}
	o := object{s.bucket, s.prefix + path}
	if s.bucket == "" {
		o.bucket, o.key, _ = strings.Cut(path, "/")
	}
	switch {
	case path == "" || o.key == "":
		return o, hinted(source.ErrNotExist, "it names no object")
	case strings.HasSuffix(o.key, "/"):
		return o, hinted(source.ErrNotRegular, "it is a folder")
	}
	return o, nil
}

// climbs reports whether a path leads out of where it begins.
func climbs(path string) bool {
	depth := 0
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "..":
			depth--
		case "", ".":
		default:
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

// Stat implements source.Source. It is one HEAD request, or a few when the key
// is not there as it is written.
func (s *Source) Stat(ctx context.Context, path string) (source.Info, error) {
	var i source.Info
	err := s.with(ctx, "stat", path, func(c *minio.Client, o object) error {
		got, err := c.StatObject(ctx, o.bucket, o.key, minio.StatObjectOptions{})
		if err != nil {
			return explain(ctx, c, o, err)
		}
		i = info(path, o, got)
		if err := sized(got); err != nil {
			return err
		}
		return readable(got)
	})
	return i, err
}

// Open implements source.Source. It is one GET request; reading ends with ctx.
// A connection that breaks is made again a few times, and reading goes on where
// it was: in the same version of the object, or with source.ErrChanged.
func (s *Source) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	var r *reader
	err := s.with(ctx, "open", path, func(c *minio.Client, o object) error {
		body, got, _, err := minio.Core{Client: c}.GetObject(ctx, o.bucket, o.key, minio.GetObjectOptions{})
		if err != nil {
			return err
		}
		if err := sized(got); err != nil {
			body.Close()
			return err
		}
		r = &reader{
			ctx: ctx, client: c, object: o, body: body, etag: got.ETag, info: info(path, o, got), pause: s.store.http.pause,
			fail: func(err error) error { return s.failure(ctx, "read", path, o, err) },
		}
		return nil
	})
	if err != nil {
		return nil, source.Info{}, err
	}
	return r, r.info, nil
}

// ReadHead implements source.HeadReader: a GET request for so many bytes.
func (s *Source) ReadHead(ctx context.Context, path string, buf []byte) (n int, err error) {
	err = s.with(ctx, "open", path, func(c *minio.Client, o object) error {
		n, err = head(ctx, c, o, buf)
		for try := 1; code(err) == "" && err != nil && try < resumes; try++ { // a connection that broke
			if err := sleep(ctx, s.store.http.pause(try)); err != nil {
				return err
			}
			n, err = head(ctx, c, o, buf)
		}
		return err
	})
	return n, err
}

func head(ctx context.Context, c *minio.Client, o object, buf []byte) (int, error) {
	var opts minio.GetObjectOptions
	if err := opts.SetRange(0, int64(len(buf))-1); err != nil {
		return 0, err
	}
	body, got, _, err := minio.Core{Client: c}.GetObject(ctx, o.bucket, o.key, opts)
	if code(err) == "InvalidRange" {
		return 0, nil // it is empty
	}
	if err == nil {
		defer body.Close()
		err = sized(got)
	}
	if err != nil {
		return 0, err
	}
	return io.ReadFull(body, buf[:min(int64(len(buf)), got.Size)])
}

// with does something with the object that path names. When it is not there,
// another Unicode form of its key is looked for.
func (s *Source) with(ctx context.Context, op, path string, do func(*minio.Client, object) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o, err := s.object(path)
	if err != nil {
		return s.failure(ctx, op, path, o, err)
	}
	c, err := s.store.client(ctx, o.bucket)
	if err == nil {
		err = do(c, o)
	}
	if code(err) == minio.NoSuchKey {
		other, otherErr := s.otherForm(ctx, c, o)
		switch {
		case otherErr != nil:
			err = otherErr
		case other != o:
			err = do(c, other)
		}
	}
	if err != nil {
		return s.failure(ctx, op, path, o, err)
	}
	return nil
}

// otherForm is the object whose key is that of o in another Unicode form, as
// far as it lies below the prefix, or o when there is none.
func (s *Source) otherForm(ctx context.Context, c *minio.Client, o object) (object, error) {
	found := o
	for _, form := range otherForms(strings.TrimPrefix(o.key, s.prefix)) {
		form = s.prefix + form
		_, err := c.StatObject(ctx, o.bucket, form, minio.StatObjectOptions{})
		switch {
		case code(err) == minio.NoSuchKey:
		case err != nil:
			return o, err
		case found != o:
			return o, hinted(source.ErrAmbiguous, "rename one of them")
		default:
			found.key = form
		}
	}
	return found, nil
}

// otherForms are the composed and the decomposed form of s, without s itself.
func otherForms(s string) (forms []string) {
	for _, f := range []norm.Form{norm.NFC, norm.NFD} {
		if other := f.String(s); other != s {
			forms = append(forms, other)
		}
	}
	return forms
}

// sized is an error about an answer that does not say how long the object is.
func sized(got minio.ObjectInfo) error {
	if got.Size < 0 {
		return unreadable(errors.New("the store does not say how long it is"))
	}
	return nil
}

// info is what an answer to GET or HEAD of a whole object says of it.
func info(path string, o object, got minio.ObjectInfo) source.Info {
	return source.Info{Path: path, Size: got.Size, ModTime: wholeSecond(got.LastModified), Version: got.ETag, MD5: digest(o, got.ETag, got.Headers)}
}

// wholeSecond makes the times of listings, which have fractions at some stores,
// and of other answers the same.
func wholeSecond(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// digest is the MD5 of an object's bytes, or nil when the ETag is not promised
// to be that.
func digest(o object, etag string, h http.Header) []byte {
	sum, err := hex.DecodeString(etag)
	if err != nil || len(sum) != 16 { // in several parts, or of another kind
		return nil
	}
	if strings.HasSuffix(o.bucket, "--x-s3") { // a directory bucket, whose ETags are random
		return nil
	}
	if h.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") != "" {
		return nil
	}
	switch h.Get("X-Amz-Server-Side-Encryption") {
	case "", "AES256":
		return sum
	}
	return nil
}

// archived reports whether the bytes of an object of this storage class have to
// be restored before they can be read.
// Source: Amazon S3 user guide, "Working with archived objects".
func archived(class string, restored *minio.RestoreInfo) bool {
	return (class == "GLACIER" || class == "DEEP_ARCHIVE") && (restored == nil || restored.OngoingRestore)
}

// readable is an error about an object that is archived.
func readable(got minio.ObjectInfo) error {
	class := got.Headers.Get("X-Amz-Storage-Class")
	if got.Headers.Get("X-Amz-Archive-Status") != "" { // of Intelligent-Tiering
		class = "GLACIER"
	}
	if archived(class, got.Restore) {
		return errArchived
	}
	return nil
}

var errArchived = hinted(unreadable(errors.New("it is archived")), "restore it first, for instance with aws s3api restore-object, and run again when that is done")
