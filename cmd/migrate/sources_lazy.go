package main

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// lazy is a source that is opened at its first use. Its methods may be called
// concurrently: one of them opens, the others wait for it or for their context.
type lazy struct {
	open func(context.Context) (source.Source, error)
	turn chan struct{} // held by one who looks at what follows
	src  source.Source
	err  error // of the opening, which is not tried again
}

var errPlaceClosed = errors.New("this place has been closed")

func newLazy(open func(context.Context) (source.Source, error)) *lazy {
	return &lazy{open: open, turn: make(chan struct{}, 1)}
}

// get opens the source unless that has been done.
func (l *lazy) get(ctx context.Context) (source.Source, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-l.turn }()
	if l.src != nil || l.err != nil {
		return l.src, l.err
	}
	src, err := l.open(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	l.src, l.err = src, err
	return src, err
}

// about is an error of opening as one about a path.
func about(ctx context.Context, op, path string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*source.Error](err); ok {
		return &source.Error{Op: op, Path: path, Hint: e.Hint, Err: e.Err}
	}
	return &source.Error{Op: op, Path: path, Err: err}
}

// Stat implements source.Source.
func (l *lazy) Stat(ctx context.Context, path string) (source.Info, error) {
	src, err := l.get(ctx)
	if err != nil {
		return source.Info{}, about(ctx, "stat", path, err)
	}
	return src.Stat(ctx, path)
}

// Open implements source.Source.
func (l *lazy) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	src, err := l.get(ctx)
	if err != nil {
		return nil, source.Info{}, about(ctx, "open", path, err)
	}
	return src.Open(ctx, path)
}

// ReadHead implements source.HeadReader.
func (l *lazy) ReadHead(ctx context.Context, path string, buf []byte) (int, error) {
	src, err := l.get(ctx)
	if err != nil {
		return 0, about(ctx, "open", path, err)
	}
	return source.ReadHead(ctx, src, path, buf)
}

// Keep implements source.Keeper. What its source cannot keep is only opened.
func (l *lazy) Keep(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	src, err := l.get(ctx)
	if err != nil {
		return nil, source.Info{}, about(ctx, "open", path, err)
	}
	if k, ok := src.(source.Keeper); ok {
		return k.Keep(ctx, path)
	}
	return src.Open(ctx, path)
}

// Release implements source.Keeper.
func (l *lazy) Release(path string) {
	l.turn <- struct{}{} // held for moments: it is open
	src := l.src
	<-l.turn
	if k, ok := src.(source.Keeper); ok {
		k.Release(path)
	}
}

// close closes what was opened, and keeps the rest from being opened.
func (l *lazy) close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	src := l.src
	l.src, l.err = nil, errPlaceClosed
	if c, ok := src.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// lazyLister is a lazy source whose source is a source.Lister.
type lazyLister struct{ *lazy }

// List implements source.Lister.
func (l lazyLister) List(ctx context.Context, prefix string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		src, err := l.get(ctx)
		if err != nil {
			yield(source.Info{}, about(ctx, "list", prefix, err))
			return
		}
		lister, ok := src.(source.Lister)
		if !ok {
			yield(source.Info{}, &source.Error{Op: "list", Path: prefix, Err: errors.ErrUnsupported})
			return
		}
		lister.List(ctx, prefix)(yield)
	}
}
