package web

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/dustin/go-humanize"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// stat describes the file: by HEAD, or else by its first bytes, or else by all
// of them.
func (f *file) stat(ctx context.Context) (source.Info, error) {
	refused := false
	if !f.hosts.headless(f.url.Host) {
		i, enough, err := f.byHead(ctx)
		if enough || err != nil && !worthGET(err) {
			return i, err
		}
		refused = err != nil
	}
	i, err := f.byFirstBytes(ctx)
	if err != nil {
		return i, err
	}
	if refused {
		f.hosts.change(f.url.Host, func(h *host) { h.noHead = true })
	}
	if i.Size == unknown {
		return f.measure(ctx, i)
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
		enough = err == nil && i.Size != unknown && !isPage(a)
		return err
	})
	return i, enough && err == nil, err
}

// byFirstBytes asks for as much as tells what the file is.
func (f *file) byFirstBytes(ctx context.Context) (i source.Info, err error) {
	err = f.attempts(ctx, func() error {
		a, err := f.ask(ctx, http.MethodGet, http.Header{"Range": {fmt.Sprintf("bytes=0-%d", content.HeadSize-1)}})
		if err != nil {
			return err
		}
		defer a.Close()
		i, err = f.info(a)
		switch {
		case a.StatusCode == http.StatusRequestedRangeNotSatisfiable && i.Size == 0: // an empty file has no first byte
			return err
		case a.StatusCode != http.StatusOK && a.StatusCode != http.StatusPartialContent:
			return statusOf(a)
		case err != nil:
			return err
		}
		head, err := io.ReadAll(io.LimitReader(a, content.HeadSize))
		if err != nil {
			return err
		}
		return f.page(a, head)
	})
	return i, err
}

// measure reads the file to know its size. What it was before is not read again
// as long as the server gives no sign that it changed.
func (f *file) measure(ctx context.Context, i source.Info) (source.Info, error) {
	if f.cfg.Spool == nil {
		return i, hinted(fmt.Errorf("%w: the server does not tell its length", source.ErrUnreadable), "copy it into a folder")
	}
	v := validatorsOf(i)
	if known, ok := f.sizes.get(f.name); ok && (validatorsOf(known) == v || !v.differ(validatorsOf(known))) {
		return known, nil
	}
	err := f.attempts(ctx, func() error {
		a, err := f.ask(ctx, http.MethodGet, nil)
		if err != nil {
			return err
		}
		defer a.Close()
		if a.StatusCode != http.StatusOK {
			return statusOf(a)
		}
		if i, err = f.info(a); err != nil {
			return err
		}
		h := md5.New()
		n, err := io.Copy(h, f.bounded(a))
		if err != nil {
			return err
		}
		i.Size, i.MD5 = n, h.Sum(nil)
		return nil
	})
	if err == nil {
		f.sizes.put(i)
	}
	return i, err
}

// bounded ends a body of unknown length with an error when it is too long.
func (f *file) bounded(r io.Reader) io.Reader {
	limit := f.cfg.MaxSize
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

// sizes remembers what files turned out to be that had to be read for that.
type sizes struct {
	mu sync.Mutex
	by map[string]source.Info
}

const maxSizes = 10_000

func (s *sizes) get(name string) (source.Info, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.by[name]
	return i, ok
}

func (s *sizes) put(i source.Info) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil || len(s.by) >= maxSizes {
		s.by = map[string]source.Info{}
	}
	s.by[i.Path] = i
}

func (s *sizes) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, name)
}
