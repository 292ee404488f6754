package rclone

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// spooled is a file on the disk, and what it was at the remote.
type spooled struct {
	*spool.File
	at source.Info
}

// info is the file as opened under a name.
func (f *spooled) info(name string) source.Info {
	i := f.at
	i.Path, i.Size, i.Inexact = name, f.Size, false
	if f.at.Size >= 0 && f.at.Size != f.Size {
		i.Listed = f.at.Size
	}
	return i
}

// spool reads a whole file to the disk; the caller releases.
func (s *Source) spool(ctx context.Context, name, p string, i source.Info) (*spooled, error) {
	if s.rc.spool == nil {
		return nil, &source.Error{Op: "open", Path: name, Err: errors.New("it has to be kept on disk while it is sent, and there is no spool")}
	}
	if s.odd.has(p, i) {
		return s.whole(ctx, name, p, i)
	}
	var err error
	for range attempts {
		r := s.newReader(ctx, name, p, i)
		if err = r.start(); err != nil {
			return nil, err
		}
		var f *spool.File
		f, err = s.rc.spool.Put(ctx, name, r, i.Size)
		r.Close()
		if err == nil {
			return &spooled{f, i}, nil
		}
		// What has no size cannot be taken up where it broke off.
		if i.Size >= 0 || !errors.Is(err, source.ErrUnreadable) {
			return nil, err
		}
	}
	return nil, err
}

// keptFiles are those that are on the disk for a while, by path.
type keptFiles struct {
	mu sync.Mutex
	m  map[string]*keeping
}

// keeping is one of them; the first who asks for it reads it.
type keeping struct {
	users int // who asked for it and did not release it
	ready chan struct{}
	file  *spooled // once ready is closed; nil when it could not be read
	err   error
}

// find is the file at a path if it is there.
func (k *keptFiles) find(p string) *spooled {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.m[p]; e != nil {
		select {
		case <-e.ready:
			return e.file
		default:
		}
	}
	return nil
}

// Keep implements source.Keeper.
func (s *Source) Keep(ctx context.Context, name string) (io.ReadCloser, source.Info, error) {
	p, err := s.opening(ctx, name)
	if err != nil {
		return nil, source.Info{}, err
	}
	k := &s.kept
	for {
		k.mu.Lock()
		e, mine := k.m[p], false
		if e == nil {
			if k.m == nil {
				k.m = map[string]*keeping{}
			}
			e, mine = &keeping{ready: make(chan struct{})}, true
			k.m[p] = e
		}
		e.users++
		k.mu.Unlock()
		if mine {
			s.fetch(ctx, e, name, p)
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			k.drop(p, e)
			return nil, source.Info{}, context.Cause(ctx)
		}
		if e.file != nil {
			return e.file.Open(), e.file.info(name), nil
		}
		k.drop(p, e)
		if mine || ctx.Err() != nil {
			return nil, source.Info{}, e.err
		}
		// Somebody else's reading failed, perhaps because he was stopped.
	}
}

// fetch reads the file for all who wait for it.
func (s *Source) fetch(ctx context.Context, e *keeping, name, p string) {
	defer close(e.ready)
	i, err := s.look(ctx, "open", name, p)
	if err == nil {
		e.file, err = s.spool(ctx, name, p, i)
	}
	if e.err = err; err != nil { // nobody finds it any more
		s.kept.mu.Lock()
		defer s.kept.mu.Unlock()
		delete(s.kept.m, p)
	}
}

// Release implements source.Keeper.
func (s *Source) Release(name string) {
	p, err := place("open", name)
	if err != nil {
		return
	}
	s.kept.mu.Lock()
	e := s.kept.m[p]
	s.kept.mu.Unlock()
	if e != nil {
		s.kept.drop(p, e)
	}
}

// drop is one user less of a file; the last one takes it along.
func (k *keptFiles) drop(p string, e *keeping) {
	k.mu.Lock()
	e.users--
	last := e.users == 0
	if last && k.m[p] == e {
		delete(k.m, p)
	}
	k.mu.Unlock()
	if last && e.file != nil {
		e.file.Release()
	}
}
