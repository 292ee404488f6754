package rclone

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// Addresses is the source of files by their whole address, remote:path.
type Addresses struct {
	rc *Rclone

	mu sync.Mutex
	m  map[string]*remote
}

// remote is opened at its first use; one that cannot be is tried again later:
// runs take nights, and a network is away for minutes.
type remote struct {
	turn  chan struct{} // held by one who looks at what follows
	src   *Source
	err   error
	tried time.Time // when err came
}

var (
	_ source.Keeper     = (*Addresses)(nil)
	_ source.HeadReader = (*Addresses)(nil)
)

// Addresses is the source of files at any remote of the user's.
func (r *Rclone) Addresses() *Addresses { return &Addresses{rc: r, m: map[string]*remote{}} }

// find is the source of an address's remote, and the path there.
func (a *Addresses) find(ctx context.Context, op, address string) (*Source, string, error) {
	name, p, ok := strings.Cut(address, ":")
	if !ok || name == "" {
		return nil, "", &source.Error{Op: op, Path: address, Err: source.ErrOutside, Hint: "write remote:path"}
	}
	place := name + ":"
	if strings.HasPrefix(p, "/") { // an absolute path at the remote is another one
		place, p = place+"/", strings.TrimLeft(p, "/")
	}
	a.mu.Lock()
	r := a.m[place]
	if r == nil {
		r = &remote{turn: make(chan struct{}, 1)}
		a.m[place] = r
	}
	a.mu.Unlock()
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}
	defer func() { <-r.turn }()
	if r.src == nil && (r.err == nil || time.Since(r.tried) >= a.rc.again) {
		src, err := a.rc.open(ctx, place)
		if ctx.Err() != nil {
			return nil, "", context.Cause(ctx)
		}
		r.src, r.err, r.tried = src, err, time.Now()
	}
	return r.src, p, about(op, address, r.err)
}

// about is err as one about an address.
func about(op, address string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*source.Error](err); ok {
		same := *e
		if same.Path = address; op != "" {
			same.Op = op
		}
		return &same
	}
	return err
}

// Stat implements source.Source.
func (a *Addresses) Stat(ctx context.Context, address string) (source.Info, error) {
	s, p, err := a.find(ctx, "stat", address)
	if err != nil {
		return source.Info{}, err
	}
	i, err := s.Stat(ctx, p)
	i.Path = address
	return i, about("", address, err)
}

// Open implements source.Source.
func (a *Addresses) Open(ctx context.Context, address string) (io.ReadCloser, source.Info, error) {
	return a.read(ctx, address, (*Source).Open)
}

// Keep implements source.Keeper.
func (a *Addresses) Keep(ctx context.Context, address string) (io.ReadCloser, source.Info, error) {
	return a.read(ctx, address, (*Source).Keep)
}

func (a *Addresses) read(ctx context.Context, address string, open func(*Source, context.Context, string) (io.ReadCloser, source.Info, error)) (io.ReadCloser, source.Info, error) {
	s, p, err := a.find(ctx, "open", address)
	if err != nil {
		return nil, source.Info{}, err
	}
	r, i, err := open(s, ctx, p)
	if err != nil {
		return nil, source.Info{}, about("", address, err)
	}
	i.Path = address
	return &addressed{r, address}, i, nil
}

// addressed is a reader whose errors are about the address.
type addressed struct {
	io.ReadCloser
	address string
}

func (r *addressed) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err == io.EOF {
		return n, err
	}
	return n, about("", r.address, err)
}

// ReadHead implements source.HeadReader.
func (a *Addresses) ReadHead(ctx context.Context, address string, buf []byte) (int, error) {
	s, p, err := a.find(ctx, "open", address)
	if err != nil {
		return 0, err
	}
	n, err := s.ReadHead(ctx, p, buf)
	return n, about("", address, err)
}

// Release implements source.Keeper.
func (a *Addresses) Release(address string) {
	name, p, _ := strings.Cut(address, ":")
	place := name + ":"
	if strings.HasPrefix(p, "/") {
		place, p = place+"/", strings.TrimLeft(p, "/")
	}
	a.mu.Lock()
	r := a.m[place]
	a.mu.Unlock()
	if r == nil {
		return
	}
	r.turn <- struct{}{} // held for moments once the remote is open
	defer func() { <-r.turn }()
	if r.src != nil {
		r.src.Release(p)
	}
}
