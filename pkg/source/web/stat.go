package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/dustin/go-humanize"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// stat describes the file: by HEAD, or else by its first bytes.
func (f *file) stat(ctx context.Context) (source.Info, error) {
	refused := false
	if !f.hosts.headless(f.url.Host) {
		i, enough, err := f.byHead(ctx)
		if enough || err != nil && !worthGET(err) {
			return i, err
		}
		refused = err != nil
	}
	i, _, err := f.head(ctx, content.HeadSize)
	if err != nil {
		return i, err
	}
	if refused {
		f.hosts.change(f.url.Host, func(h *host) { h.noHead = true })
	}
	return i, nil
}

// worthGET reports whether GET may be answered where HEAD was refused: servers
// do not know HEAD, and signatures are for one method.
func worthGET(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	if again, _ := temporary(err); !ok || again {
		return false
	}
	return e.status >= 400 && e.status != http.StatusGone
}

// byHead asks by HEAD. It is not enough when the answer tells no size, or that
// there is a web page.
func (f *file) byHead(ctx context.Context) (i source.Info, enough bool, err error) {
	err = f.attempts(ctx, func() error {
		a, err := f.ask(ctx, http.MethodHead, nil)
		if err != nil {
			return err
		}
		defer a.Close()
		if a.StatusCode != http.StatusOK {
			return statusOf(a)
		}
		i, err = f.info(a)
		enough = err == nil && i.Size != source.UnknownSize && !isPage(a)
		return err
	})
	return i, enough && err == nil, err
}

// head asks for the first n bytes, content.HeadSize at least.
func (f *file) head(ctx context.Context, n int) (i source.Info, head []byte, err error) {
	err = f.attempts(ctx, func() error {
		a, err := f.ask(ctx, http.MethodGet, http.Header{"Range": {fmt.Sprintf("bytes=0-%d", n-1)}})
		if err != nil {
			return err
		}
		defer a.Close()
		i, err = f.info(a)
		switch {
		case a.StatusCode == http.StatusRequestedRangeNotSatisfiable && i.Size == 0: // an empty file has no first byte
			head = nil
			return err
		case a.StatusCode != http.StatusOK && a.StatusCode != http.StatusPartialContent:
			return statusOf(a)
		case err != nil:
			return err
		}
		if head, err = io.ReadAll(io.LimitReader(a, int64(n))); err != nil {
			return err
		}
		return f.page(a, head)
	})
	return i, head, err
}

// bounded ends a body of source.UnknownSize length with an error when it is too long.
func (s *Source) bounded(r io.Reader) io.Reader {
	limit := s.cfg.MaxSize
	if limit == 0 {
		limit = DefaultMaxSize
	}
	return &bounded{r, limit, limit}
}

type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, hinted(fmt.Errorf("%w: the server does not tell its length, and sends more than %s", source.ErrUnreadable, humanize.IBytes(uint64(b.limit))),
			"raise --web-max if that is meant")
	}
	return n, err
}

// ReadHead implements source.HeadReader.
func (s *Source) ReadHead(ctx context.Context, name string, buf []byte) (int, error) {
	f, err := s.file(ctx, "open", name)
	if err != nil {
		return 0, err
	}
	_, head, err := f.head(ctx, max(len(buf), content.HeadSize))
	if err != nil {
		return 0, f.failure(ctx, err)
	}
	return copy(buf, head), nil
}
