package export

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// fetcher brings the files.
type fetcher struct {
	api     API
	at      *folder
	retries int
	limit   int
	now     *Progress

	mu       sync.Mutex
	fetched  int
	received int64
	left     func(r *row, l Left) error // is told what could not be brought
	come     func(n int, r *row)        // is told what is there
}

// content is what tells whether a file is the one that the asset has: its MD5 or,
// where the service tells none, its version.
func (r *row) content() string {
	if r.Item.MD5 != "" {
		return r.Item.MD5
	}
	return "version:" + r.AssetVersion
}

// all brings the files of the rows, several at once. What is wrong with one file does
// not end it.
func (f *fetcher) all(ctx context.Context, rows func(bring func(n int, r *row) error) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(f.limit)
	err := rows(func(n int, r *row) error {
		if gctx.Err() != nil {
			return context.Cause(gctx)
		}
		g.Go(func() error {
			l, err := f.one(gctx, r)
			switch {
			case err != nil:
				return err
			case l != nil:
				err = f.leave(r, *l)
			default:
				f.arrived(n, r)
			}
			f.now.Done.Add(1)
			return err
		})
		return nil
	})
	if gerr := g.Wait(); gerr != nil {
		return gerr // what rows says follows from it
	}
	return err
}

func (f *fetcher) arrived(n int, r *row) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.come(n, r)
}

func (f *fetcher) leave(r *row, l Left) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left(r, l)
}

// one brings the file of one row, unless it is there. It gives what to say when the
// file does not come.
func (f *fetcher) one(ctx context.Context, r *row) (*Left, error) {
	has, ours, err := f.at.there(ctx, r.Item.File, r.content(), r.Item.Size)
	switch {
	case err != nil:
		return nil, fmt.Errorf("look for %s: %w", r.Item.File, err)
	case has:
		f.now.Bytes.Add(-max(r.Item.Size, 0)) // nothing to fetch
		return nil, nil
	case !ours:
		return &Left{Reason: ReasonInTheWay, Detail: r.Item.File + " is another file, which this export did not write: move it away, and export again"}, nil
	}
	pause := 100 * time.Millisecond
	for try := 0; ; try++ {
		l, again, err := f.try(ctx, r)
		if err != nil || l == nil || !again || try >= f.retries || l.Reason == ReasonChecksum && try > 0 {
			return l, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
		pause = min(2*pause, 10*time.Second)
	}
}

// try fetches once; again says that another attempt may help.
func (f *fetcher) try(ctx context.Context, r *row) (l *Left, again bool, err error) {
	want := r.Item.MD5
	if r.Item.Size == 0 && (want == "" || want == emptyMD5) {
		return nil, false, f.place(r, nil, md5.New(), emptyMD5)
	}
	d, err := f.api.Download(ctx, r.Item.AssetID)
	if err != nil {
		return f.refused(ctx, showpad.KindRead, err)
	}
	switch now := md5Of(d.MD5); {
	case want == "":
		want = now
	case now != "" && now != want:
		return changed, false, nil
	}
	body, err := f.api.Fetch(ctx, d)
	if err != nil {
		return f.refused(ctx, showpad.KindFetch, err)
	}
	h := md5.New()
	err = f.place(r, body, h, want)
	got := hex.EncodeToString(h.Sum(nil))
	var broke *brokenError
	var wrong *wrongError
	switch {
	case err == nil:
		return nil, false, nil
	case ctx.Err() != nil:
		return nil, false, context.Cause(ctx)
	case errors.As(err, &broke):
		return f.refused(ctx, showpad.KindFetch, broke.err)
	case errors.As(err, &wrong) && want != "":
		return &Left{Reason: ReasonChecksum, Detail: fmt.Sprintf("the service gives bytes with the MD5 %s and shows %s: they are not the ones that were uploaded", got, want)}, true, nil
	case errors.As(err, &wrong):
		return &Left{Reason: ReasonChecksum, Detail: "the service gives another number of bytes than it shows"}, true, nil
	}
	return nil, false, err // this machine's
}

const emptyMD5 = "d41d8cd98f00b204e9800998ecf8427e"

var changed = &Left{Reason: ReasonChanged, Detail: "it got other bytes while it was exported: export again"}

// refused makes of an error what there is to say about the asset, or the end of the
// export.
func (f *fetcher) refused(ctx context.Context, op showpad.Kind, err error) (*Left, bool, error) {
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	verdict := showpad.Classify(op, err)
	switch {
	case errors.Is(err, showpad.ErrNotDownloadable):
		return &Left{Reason: ReasonNoLink, Detail: "the service gives no download link (allow downloads on the asset, and export again)"}, false, nil
	case verdict == showpad.StopRun:
		return nil, false, err
	case verdict == showpad.StopDivision:
		return &Left{Reason: ReasonForbidden, Detail: err.Error()}, false, nil
	}
	return &Left{Reason: ReasonUnread, Detail: err.Error()}, verdict == showpad.NewURL || verdict == showpad.Retry && op == showpad.KindFetch, nil
}

// brokenError is a failure to read what comes; wrongError are bytes that are not the
// right ones.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }

type wrongError struct{}

func (e *wrongError) Error() string { return "other bytes" }

// place writes what comes under a name that passes, and gives it its own when it has
// the MD5 want ("": any) and the size that the service shows. It closes body; a nil one
// is empty.
func (f *fetcher) place(r *row, body io.ReadCloser, h hash.Hash, want string) (err error) {
	if body != nil {
		defer func() { _ = body.Close() }() // all that matters was read
	}
	at := f.at
	sum := hashOf(r.Item.File)
	part := partsFolder + "/" + strconv.FormatUint(sum, 16) + ".part"
	out, err := at.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = at.root.Remove(part) // the next export does it else
		}
	}()
	var n int64
	if body != nil {
		n, err = f.copy(io.MultiWriter(out, h), body)
	}
	if err == nil {
		switch {
		case r.Item.Size >= 0 && n != r.Item.Size, want != "" && hex.EncodeToString(h.Sum(nil)) != want:
			err = new(wrongError)
		default:
			err = out.Sync()
		}
	}
	err = errors.Join(err, out.Close())
	var st fs.FileInfo
	if err == nil {
		st, err = at.root.Stat(part) // a close may change its time
	}
	if err != nil {
		f.now.Fetched.Add(-n)
		return err
	}
	if err = at.root.MkdirAll(path.Dir(r.Item.File), 0o700); err != nil {
		return err
	}
	if err = at.note(r.Item.File, r.content(), st); err != nil {
		return err
	}
	if err = at.root.Rename(part, filepath.FromSlash(r.Item.File)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetched, f.received = f.fetched+1, f.received+n
	return nil
}

// copy is io.Copy that tells the two sides' failures apart, and how far it is.
func (f *fetcher) copy(w io.Writer, r io.Reader) (n int64, err error) {
	buf := make([]byte, 64<<10)
	for {
		k, rerr := r.Read(buf)
		if k > 0 {
			if _, err := w.Write(buf[:k]); err != nil {
				return n, err
			}
			n += int64(k)
			f.now.Fetched.Add(int64(k))
		}
		switch {
		case rerr == io.EOF:
			return n, nil
		case rerr != nil:
			return n, &brokenError{rerr}
		}
	}
}
