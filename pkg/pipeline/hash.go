package pipeline

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// trustAfter is how much older than its hashing a file's time must be to tell
// later whether the file is still the same: clocks of file systems are coarse.
const trustAfter = 2 * time.Second

// trusted is the time to remember of a file hashed at the given moment, in
// nanoseconds; 0 when it tells nothing.
func trusted(info source.Info, hashed time.Time) int64 {
	if info.ModTime.IsZero() || hashed.Sub(info.ModTime) < trustAfter {
		return 0
	}
	return info.ModTime.UnixNano()
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// hashFile is the MD5 of a file and what it looked like while it was read: from
// the source or the cache when they know it, unless it is to be read in any case.
// A file that changes meanwhile is read again, a few times.
func (in *Input) hashFile(ctx context.Context, src source.Source, l manifest.Location, read bool) ([]byte, source.Info, error) {
	const attempts = 3
	var err error
	for range attempts {
		var info source.Info
		if info, err = src.Stat(ctx, l.Path); err != nil {
			return nil, info, err
		}
		if known := knownMD5(ctx, in.Hashes, l, info); known != "" && !read {
			if sum, err := hex.DecodeString(known); err == nil && len(sum) == md5.Size {
				return sum, info, nil
			}
		}
		hashed := in.now()
		var sum []byte
		if sum, info, err = readMD5(ctx, src, l.Path); err == nil {
			if in.Hashes != nil && !info.ModTime.IsZero() {
				// The cache spares work and nothing else: a failure to store is not one of ours.
				_ = in.Hashes.Store(ctx, l.String(), info.Size, info.ModTime, hashed, hex.EncodeToString(sum))
			}
			return sum, info, nil
		}
		if ctx.Err() != nil {
			return nil, info, context.Cause(ctx)
		}
	}
	return nil, source.Info{}, err
}

func readMD5(ctx context.Context, src source.Source, path string) (sum []byte, info source.Info, err error) {
	f, info, err := src.Open(ctx, path)
	if err != nil {
		return nil, info, err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	h := md5.New()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n, err := io.CopyBuffer(onlyWriter{h}, &ctxReader{ctx, f}, *buf)
	if err == nil && n != info.Size {
		err = &source.Error{Op: "read", Path: path, Err: fmt.Errorf("%w: %d bytes read, %d expected", source.ErrChanged, n, info.Size)}
	}
	return h.Sum(nil), info, err
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
