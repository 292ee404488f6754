package pipeline

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// trustAfter is how much older than its hashing a file's time must be to tell
// later whether the file is still the same: clocks of file systems are coarse.
const trustAfter = 2 * time.Second

// stamp is what tells of a file, besides its size, whether it is still the same:
// its time in nanoseconds or, where its place tells none, a moment before 1970
// that stands for its version. 0 is nothing of the kind.
func stamp(info source.Info) int64 {
	switch {
	case !info.ModTime.IsZero():
		return info.ModTime.UnixNano()
	case info.Version != "":
		sum := sha256.Sum256([]byte(info.Version))
		return -1 - int64(binary.BigEndian.Uint64(sum[:8])>>2)
	}
	return 0
}

// trusted is the stamp to remember of a file hashed at the given moment; 0 when
// it tells nothing.
func trusted(info source.Info, hashed time.Time) int64 {
	if !info.ModTime.IsZero() && hashed.Sub(info.ModTime) < trustAfter {
		return 0
	}
	return stamp(info)
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// hashFile is the MD5 of a file and what it looked like while it was read: from
// the source or the cache when they know it, unless it is to be read in any case;
// its head is read even then. A file that changes meanwhile is read again, a few
// times. One of which other bytes come than its place lists, while that lists the
// same each time, did not change: [source.ErrSize], unless the source itself says
// what is listed and what is so. A web page in place of the file is
// [source.ErrWebPage].
func (in *Input) hashFile(ctx context.Context, src source.Source, l manifest.Location, read bool) ([]byte, source.Info, error) {
	const attempts = 3
	var err error
	var n int64
	first, same := source.Info{}, true
	for try := range attempts {
		listed, serr := src.Stat(ctx, l.Path)
		if serr != nil {
			return nil, listed, serr
		}
		if known := knownMD5(ctx, in.Hashes, l, listed); known != "" && !read {
			if sum, err := hex.DecodeString(known); err == nil && len(sum) == md5.Size {
				return sum, listed, sniff(ctx, src, l)
			}
		}
		hashed := in.now()
		var sum []byte
		var info source.Info
		if sum, n, info, err = readMD5(ctx, src, l, in.reading); err == nil && listed.Size >= 0 && n != listed.Size && info.Listed != listed.Size {
			// The opening tells how many there are; the next run would go by what is listed.
			err = &source.Error{Op: "read", Path: l.String(), Err: source.ErrChanged}
		}
		if err == nil {
			if at := stamp(info); in.Hashes != nil && at != 0 {
				// The cache spares work and nothing else: a failure to store is not one of ours.
				_ = in.Hashes.Store(ctx, hashName(l, info), info.Size, time.Unix(0, at), hashed, hex.EncodeToString(sum))
			}
			return sum, info, nil
		}
		if ctx.Err() != nil {
			return nil, info, context.Cause(ctx)
		}
		if errors.Is(err, source.ErrWebPage) {
			return nil, info, err
		}
		if try == 0 {
			first = listed
		}
		same = same && errors.Is(err, source.ErrChanged) && listed.Same(first)
	}
	if same {
		err = sizeError(l, first.Size, n)
	}
	return nil, source.Info{}, err
}

// sizeError is of a file of which n bytes were read before its place itself said
// that they are not as many as listed, or its end.
func sizeError(l manifest.Location, listed, n int64) error {
	came := fmt.Sprintf("%d came", n)
	switch n {
	case 0: // it said so at once
		came = "others came"
	case listed:
		came = "more came"
	}
	return &source.Error{
		Op: "read", Path: l.String(), Err: fmt.Errorf("%w: %d bytes are listed and %s, each time", source.ErrSize, listed, came),
		Hint: "the server changes files when they are read, as SharePoint does with those of Office, or has not all of it: read SharePoint by rclone's kind onedrive, which knows that; or download the file into a folder, and name it there",
	}
}

// readMD5 reads a file to its end, n bytes. What it waits for them is added to
// waited, unless that is nil.
func readMD5(ctx context.Context, src source.Source, l manifest.Location, waited *atomic.Int64) (sum []byte, n int64, info source.Info, err error) {
	open := src.Open
	if k, ok := src.(*keptBytes); ok {
		open = k.keep
	}
	f, info, err := open(ctx, l.Path)
	if err != nil {
		return nil, 0, info, err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	h := md5.New()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	in := &ctxReader{ctx, f}
	if waited != nil {
		in.r = timedReader{f, waited}
	}
	head, err := readHead(in, l, (*buf)[:content.HeadSize])
	if err != nil {
		return nil, 0, info, err
	}
	h.Write(head)
	n, err = io.CopyBuffer(onlyWriter{h}, in, *buf)
	n += int64(len(head))
	if err == nil && n != info.Size {
		err = &source.Error{Op: "read", Path: l.String(), Err: fmt.Errorf("%w: %d bytes read, %d expected", source.ErrChanged, n, info.Size)}
	}
	return h.Sum(nil), n, info, err
}

// sniff reads the head of a file that nobody has to read otherwise, and fails
// with [source.ErrWebPage] if a web page came in its place.
func sniff(ctx context.Context, src source.Source, l manifest.Location) error {
	if !content.Promises(l.Base()) {
		return nil
	}
	buf := make([]byte, content.HeadSize)
	n, err := source.ReadHead(ctx, src, l.Path, buf)
	if err == nil && content.Sniff(buf[:n], l.Base()).WebPage {
		err = webPage(l)
	}
	return err
}

// readHead fills buf with the beginning of a file, as far as there is one. A web
// page in place of the file is [source.ErrWebPage].
func readHead(r io.Reader, l manifest.Location, buf []byte) ([]byte, error) {
	n, err := io.ReadFull(r, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if content.Sniff(buf[:n], l.Base()).WebPage {
		return nil, webPage(l)
	}
	return buf[:n], nil
}

// webPage is the error about a file in whose place a web page came.
func webPage(l manifest.Location) error {
	return &source.Error{Op: "read", Path: l.String(), Hint: "open it in a browser to see what it says, and fetch the file again, signed in", Err: source.ErrWebPage}
}

// onlyWriter and ctxReader keep io.CopyBuffer from going around the buffer,
// and let a long read end with its context.
type onlyWriter struct{ io.Writer }

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// timedReader adds up the nanoseconds that its bytes are waited for.
type timedReader struct {
	r      io.Reader
	waited *atomic.Int64
}

func (r timedReader) Read(p []byte) (int, error) {
	begun := time.Now()
	n, err := r.r.Read(p)
	r.waited.Add(int64(time.Since(begun)))
	return n, err
}
