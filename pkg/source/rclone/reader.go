package rclone

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

const (
	attempts = 5        // to take reading up again, without progress in between
	progress = 64 << 10 // bytes that make a break one that is behind us
)

// reader reads a file of known size, or, once, one of unknown size.
type reader struct {
	ctx  context.Context // of Open: reading is part of what was asked for
	s    *Source
	name string
	path string
	info source.Info
	body io.ReadCloser
	sum  hash.Hash // of what was read, where the MD5 is known; else nil
	xor  *quickXor // likewise, where the QuickXorHash is
	n    int64
	from int64 // n when the bytes were asked for last
	idle int   // attempts without progress
	size int64 // of the whole file, as the last answer has it; negative when it has none
	dry  int   // attempts in a row that gave nothing though the connection held
	err  error

	compared bool // all bytes came, and they are those of the file
}

func (s *Source) newReader(ctx context.Context, name, p string, i source.Info) *reader {
	r := &reader{ctx: ctx, s: s, name: name, path: p, info: i}
	if i.MD5 != nil {
		r.sum = md5.New()
	} else if strings.HasPrefix(i.Version, quickXorMark) {
		r.xor = &quickXor{}
	}
	return r
}

// start asks for the first bytes.
func (r *reader) start() error {
	err := r.begin()
	if err == nil || r.lasting(err) {
		return err
	}
	return r.again(err)
}

// lasting reports whether asking again would not help.
func (r *reader) lasting(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return r.ctx.Err() != nil || errors.Is(err, source.ErrChanged) || errors.Is(err, source.ErrNotExist) || ok && f.status < 500
}

// begin asks for the bytes from where the reader is.
func (r *reader) begin() error {
	if r.info.Size == 0 {
		r.body = http.NoBody
		return nil
	}
	resp, err := r.s.rc.server.get(r.ctx, r.s.fs, r.s.prefix+r.path, r.n)
	if err != nil {
		if f, ok := errors.AsType[*failure](err); ok && f.status == http.StatusRequestedRangeNotSatisfiable {
			return r.odd("it has fewer bytes than before")
		} else if ok && r.body != nil && f.status == http.StatusNotFound {
			return r.odd("it was taken away")
		}
		return r.s.failure(r.ctx, r.op(), r.name, err)
	}
	r.size = total(resp)
	if r.size >= 0 && r.info.Size >= 0 && r.size != r.info.Size || r.n > 0 && resp.StatusCode != http.StatusPartialContent {
		resp.Body.Close()
		return r.changed(fmt.Sprintf("it had %d bytes when it was looked at, and has %d", r.info.Size, r.size))
	}
	r.body, r.from = resp.Body, r.n
	return nil
}

func (r *reader) op() string {
	if r.body == nil {
		return "open"
	}
	return "read"
}

// total is the size of the whole file, as an answer has it; negative when it
// has none.
func total(resp *http.Response) int64 {
	if resp.StatusCode == http.StatusPartialContent {
		_, size, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
		if n, err := strconv.ParseInt(size, 10, 64); err == nil {
			return n
		}
		return -1
	}
	return resp.ContentLength
}

// all reports whether n bytes are as many as the answer promised.
func (r *reader) all(n int) bool { return r.size < 0 || int64(n) == r.size }

func (r *reader) changed(how string) error {
	return &source.Error{Op: "read", Path: r.name, Err: source.ErrChanged, Hint: how + "; let its writer finish"}
}

// odd is changed, of a file that may be the same and have another size than is
// listed: if it still is when it is opened next, the size that is listed is wrong.
func (r *reader) odd(how string) error {
	if r.s.inexact && r.sum == nil && r.s.rc.spool != nil {
		r.s.odd.note(r.path, r.info)
	}
	return r.changed(how)
}

func (r *reader) Read(p []byte) (int, error) {
	for r.err == nil {
		if r.ctx.Err() != nil {
			return 0, context.Cause(r.ctx)
		}
		n, err := r.body.Read(p)
		if n > 0 {
			r.n += int64(n)
			if r.n-r.from >= progress {
				r.idle = 0
			}
			if r.sum != nil {
				r.sum.Write(p[:n])
			}
			if r.xor != nil {
				_, _ = r.xor.Write(p[:n])
			}
		}
		r.err = r.after(err)
		if n > 0 || len(p) == 0 {
			return n, r.err
		}
	}
	return 0, r.err
}

// after is what follows a read that ended with err.
func (r *reader) after(err error) error {
	switch {
	case r.info.Size >= 0 && r.n > r.info.Size:
		return r.changed(fmt.Sprintf("it had %d bytes when it was looked at, and has more", r.info.Size))
	case r.compared:
		return io.EOF
	case r.n == r.info.Size, r.info.Size < 0 && err == io.EOF:
		r.compared = true
		// The remote control ends as if all was well where more bytes come than are
		// listed and what it reads at a time ends there by chance.
		if r.xor != nil && quickXorMark+r.xor.hex() != r.info.Version {
			return r.odd("what was read has another QuickXorHash than is listed")
		}
		if cerr := r.unchanged(); cerr != nil || err == nil {
			return cerr
		}
		return io.EOF
	case err == nil:
		return nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return r.again(err)
}

// again takes the reading up where it broke off, for why.
func (r *reader) again(why error) error {
	if r.body != nil {
		r.body.Close()
	}
	// Rclone breaks off where the bytes that come do not make up the size that it
	// listed, each time at the same place.
	if r.dry++; why != io.ErrUnexpectedEOF || r.n > r.from {
		r.dry = 0
	}
	if r.dry == 2 {
		return r.odd(fmt.Sprintf("%d bytes are listed, and only %d came", r.info.Size, r.n))
	}
	for {
		if e, ok := errors.AsType[*source.Error](why); ok {
			why = e.Err
		}
		if r.idle++; r.idle > attempts || r.info.Size < 0 && r.body != nil {
			if r.body != nil {
				why = fmt.Errorf("%w: it broke off after %d bytes: %w", source.ErrUnreadable, r.n, why)
			}
			return &source.Error{Op: r.op(), Path: r.name, Err: why}
		}
		t := time.NewTimer(r.s.rc.pause << (2 * (r.idle - 1)))
		select {
		case <-t.C:
		case <-r.ctx.Done():
			t.Stop()
			return context.Cause(r.ctx)
		}
		if why = r.begin(); why == nil || r.lasting(why) {
			return why
		}
	}
}

// unchanged compares the file, and what was read of it, with what it was when
// it was opened.
func (r *reader) unchanged() error {
	if r.sum != nil {
		if !bytes.Equal(r.sum.Sum(nil), r.info.MD5) {
			return r.changed("what was read has another MD5 than the remote tells")
		}
		return nil
	}
	now, err := r.s.look(r.ctx, "read", r.name, r.path)
	if errors.Is(err, source.ErrNotExist) {
		return r.changed("it was taken away")
	}
	if err != nil {
		return err
	}
	if !now.Same(r.info) {
		return r.changed(fmt.Sprintf("it was last changed at %s when it was opened, and at %s when it had been read",
			r.info.ModTime.UTC().Format(time.RFC3339), now.ModTime.UTC().Format(time.RFC3339)))
	}
	return nil
}

func (r *reader) Close() error { return r.body.Close() }
