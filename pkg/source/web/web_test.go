package web

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
)

func sum(b []byte) string {
	d := md5.Sum(b)
	return hex.EncodeToString(d[:])
}

// kinds are servers of different care.
var kinds = map[string]func(*site){
	"a careful server":      func(*site) {},
	"no ranges, times":      func(s *site) { s.noRange, s.noETag = true, true },
	"weak versions alone":   func(s *site) { s.weak, s.noTime = true, true },
	"no HEAD and no length": func(s *site) { s.noHead, s.noLength = true, true },
}

func TestConformance(t *testing.T) {
	all := maps.Clone(kinds)
	all["neither versions nor times"] = func(s *site) { s.noETag, s.noTime = true, true }
	for name, set := range all {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source {
				h := newSite(files)
				set(h)
				s, _ := serve(t, h, nil)
				return s
			})
		})
	}
	t.Run("whole addresses", func(t *testing.T) {
		sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source {
			s, srv := serve(t, newSite(files), func(c *Config) { c.Base = "" })
			return whole{s, srv.URL + "/files/"}
		})
	})
}

// whole serves files by whole addresses.
type whole struct {
	source.Source
	base string
}

func (w whole) address(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return w.base + strings.Join(parts, "/")
}

func (w whole) Stat(ctx context.Context, path string) (source.Info, error) {
	i, err := w.Source.Stat(ctx, w.address(path))
	i.Path = path
	return i, w.rename(err, path)
}

func (w whole) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	r, i, err := w.Source.Open(ctx, w.address(path))
	i.Path = path
	return r, i, w.rename(err, path)
}

func (w whole) rename(err error, path string) error {
	e, ok := errors.AsType[*source.Error](err)
	switch {
	case !ok:
		return err
	case strings.Contains(path, ".."): // there is nothing to leave
		return &source.Error{Op: e.Op, Path: path, Err: source.ErrOutside}
	case e.Path != w.address(path):
		return err
	}
	return &source.Error{Op: e.Op, Path: path, Hint: e.Hint, Err: e.Err}
}

func TestConformanceOfFilesThatChange(t *testing.T) {
	for name, set := range kinds {
		t.Run(name, func(t *testing.T) {
			sourcetest.RunChanging(t, func(t *testing.T, files map[string]sourcetest.File) sourcetest.Place {
				h := newSite(files)
				set(h)
				s, _ := serve(t, h, nil)
				return sourcetest.Place{Source: s, Set: h.set, Remove: h.remove}
			})
		})
	}
}

func TestConformanceWithABrokenServer(t *testing.T) {
	for name, set := range kinds {
		t.Run(name, func(t *testing.T) {
			sourcetest.RunBroken(t, func(t *testing.T, files map[string]sourcetest.File, far *sourcetest.Far) sourcetest.Place {
				h := newSite(files)
				set(h)
				s, _ := serve(t, far.Wrap(h), nil)
				return sourcetest.Place{Source: s, Set: h.set, Remove: h.remove}
			})
		})
	}
}
