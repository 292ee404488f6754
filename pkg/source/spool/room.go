package spool

import (
	"container/list"
	"context"
	"sync"
)

// room hands out bytes and places for files, in the order in which they are
// asked for. Only one file of unknown size grows at a time, and goes first: two
// that hold a part each and wait for the other's would wait for ever.
type room struct {
	limit    int64
	maxFiles int
	growing  chan struct{} // holds the right to grow

	mu      sync.Mutex
	used    int64
	files   int
	waiting list.List // of *request
	ended   chan struct{}
	over    bool
}

// request is somebody who waits.
type request struct {
	bytes int64
	files int
	ready chan struct{} // closed when it is granted
}

func newRoom(limit int64, maxFiles int) *room {
	r := &room{limit: limit, maxFiles: maxFiles, growing: make(chan struct{}, 1), ended: make(chan struct{})}
	r.growing <- struct{}{}
	return r
}

// close turns away who waits, and who comes.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.over = true
		close(r.ended)
	}
}

func (r *room) held() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// lease is the room of one file.
type lease struct {
	room  *room
	bytes int64
	grows bool // it has the right to
}

// enter waits for the room of a file of size bytes, or, when that is negative,
// for the right to grow.
func (r *room) enter(ctx context.Context, size int64) (*lease, error) {
	l := &lease{room: r, bytes: max(size, 0)}
	if l.bytes > r.limit {
		return nil, ErrTooLarge
	}
	if size < 0 {
		select {
		case <-r.growing:
			l.grows = true
		case <-r.ended:
			return nil, errClosed
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := r.take(ctx, l.bytes, 1, false); err != nil {
		l.stopGrowing()
		return nil, err
	}
	return l, nil
}

// grow makes the lease one of at least size bytes.
func (l *lease) grow(ctx context.Context, size int64) error {
	r, more := l.room, size-l.bytes
	switch {
	case more <= 0:
		return nil
	case size > r.limit:
		return ErrTooLarge
	case l.grows:
		if err := r.take(ctx, more, 0, true); err != nil {
			return err
		}
	case !r.try(more):
		return ErrGrew
	}
	l.bytes = size
	return nil
}

// settle ends the growing: the file has size bytes.
func (l *lease) settle(size int64) {
	l.room.give(l.bytes-size, 0)
	l.bytes = size
	l.stopGrowing()
}

// leave gives the room back.
func (l *lease) leave() {
	l.room.give(l.bytes, 1)
	l.stopGrowing()
}

func (l *lease) stopGrowing() {
	if l.grows {
		l.grows = false
		l.room.growing <- struct{}{}
	}
}

// try takes bytes if they are there, without regard to who waits.
func (r *room) try(bytes int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used+bytes > r.limit {
		return false
	}
	r.used += bytes
	return true
}

// take waits for bytes and places; first goes before all others that wait.
func (r *room) take(ctx context.Context, bytes int64, files int, first bool) error {
	req := &request{bytes, files, make(chan struct{})}
	r.mu.Lock()
	if r.over {
		r.mu.Unlock()
		return errClosed
	}
	var at *list.Element
	if first {
		at = r.waiting.PushFront(req)
	} else {
		at = r.waiting.PushBack(req)
	}
	r.grant()
	r.mu.Unlock()

	var err error
	select {
	case <-req.ready:
		return nil
	case <-r.ended:
		err = errClosed
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-req.ready: // meanwhile
		r.used -= bytes
		r.files -= files
	default:
		r.waiting.Remove(at)
	}
	r.grant()
	return err
}

func (r *room) give(bytes int64, files int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= bytes
	r.files -= files
	r.grant()
}

// grant lets in those who wait, in their order. The caller holds the mutex.
func (r *room) grant() {
	for e := r.waiting.Front(); e != nil; e = r.waiting.Front() {
		req := e.Value.(*request)
		if r.used+req.bytes > r.limit || r.files+req.files > r.maxFiles {
			return
		}
		r.used += req.bytes
		r.files += req.files
		r.waiting.Remove(e)
		close(req.ready)
	}
}
