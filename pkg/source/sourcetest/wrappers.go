package sourcetest

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// Failing fails on demand. Fail is asked before each step, with "stat", "open"
// or "read" (before each Read), the path, and which one it is of these steps on
// this path, from 1; nil lets it through. Fail may be called concurrently.
type Failing struct {
	source.Source
	Fail func(op, path string, n int) error

	mu    sync.Mutex
	steps map[[2]string]int
}

func (f *Failing) fail(op, path string) error {
	f.mu.Lock()
	if f.steps == nil {
		f.steps = map[[2]string]int{}
	}
	f.steps[[2]string{op, path}]++
	n := f.steps[[2]string{op, path}]
	f.mu.Unlock()
	err := f.Fail(op, path, n)
	if _, ok := errors.AsType[*source.Error](err); err == nil || ok {
		return err
	}
	return &source.Error{Op: op, Path: path, Err: err}
}

// Stat implements source.Source.
func (f *Failing) Stat(ctx context.Context, path string) (source.Info, error) {
	if err := f.fail("stat", path); err != nil {
		return source.Info{}, err
	}
	return f.Source.Stat(ctx, path)
}

// Open implements source.Source.
func (f *Failing) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	if err := f.fail("open", path); err != nil {
		return nil, source.Info{}, err
	}
	r, i, err := f.Source.Open(ctx, path)
	if err != nil {
		return nil, i, err
	}
	return &hooked{ReadCloser: r, before: func() error { return f.fail("read", path) }}, i, nil
}

// Slow waits before each Read, or until the context of Open ends.
type Slow struct {
	source.Source
	Wait time.Duration
}

// Open implements source.Source.
func (s *Slow) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	r, i, err := s.Source.Open(ctx, path)
	if err != nil {
		return nil, i, err
	}
	return &hooked{ReadCloser: r, before: func() error {
		t := time.NewTimer(s.Wait)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}, i, nil
}

// Truncating ends files early: what is opened has the size that Info says, and
// its reader ends after Keep of its path, as a broken connection may. A path
// for which Keep returns a negative number is whole.
type Truncating struct {
	source.Source
	Keep func(path string) int64
}

// Open implements source.Source.
func (s *Truncating) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	r, i, err := s.Source.Open(ctx, path)
	if err != nil {
		return nil, i, err
	}
	if n := s.Keep(path); n >= 0 {
		return struct {
			io.Reader
			io.Closer
		}{io.LimitReader(r, n), r}, i, nil
	}
	return r, i, nil
}

// Changing fails a file's first Times readings at their end, with
// source.ErrChanged, as a source does whose file is written to while it is
// read. Change, when set, is called before that error is returned, with which
// reading it is, from 1: it may put other bytes in the file's place.
type Changing struct {
	source.Source
	Path   string // of the file; "" is every file
	Times  int
	Change func(path string, n int)

	mu    sync.Mutex
	ended map[string]int
}

// Open implements source.Source.
func (s *Changing) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	r, i, err := s.Source.Open(ctx, path)
	if err != nil || s.Path != "" && s.Path != path {
		return r, i, err
	}
	return &changing{ReadCloser: r, size: i.Size, end: func() error { return s.end(path) }}, i, nil
}

func (s *Changing) end(path string) error {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = map[string]int{}
	}
	s.ended[path]++
	n := s.ended[path]
	s.mu.Unlock()
	if n > s.Times {
		return nil
	}
	if s.Change != nil {
		s.Change(path, n)
	}
	return &source.Error{Op: "read", Path: path, Err: source.ErrChanged}
}

// changing asks end once, with the last byte or at the end.
type changing struct {
	io.ReadCloser
	size, n int64
	asked   bool
	err     error
	end     func() error
}

func (c *changing) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	if !c.asked && (err == io.EOF || err == nil && c.n >= c.size) {
		c.asked = true
		if c.err = c.end(); c.err != nil {
			return n, c.err
		}
	}
	return n, err
}

// hooked calls before ahead of each Read; its error ends the reading.
type hooked struct {
	io.ReadCloser
	before func() error
	err    error
}

func (h *hooked) Read(p []byte) (int, error) {
	if h.err == nil {
		h.err = h.before()
	}
	if h.err != nil {
		return 0, h.err
	}
	return h.ReadCloser.Read(p)
}
