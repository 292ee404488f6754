package showpad

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// bodies hands out the body of one attempt: once, or again when the transport has to
// begin anew (a redirect, a connection that had idled out). Only the latest counts.
type bodies struct {
	open     OpenFunc
	size     int64
	progress func(int64)
	moved    func() // bytes went out

	mu  sync.Mutex
	cur *body
	err error // of the source; the first is kept
}

// next opens the source for another pass.
func (b *bodies) next() (io.ReadCloser, error) {
	b.finish(false)
	src, err := b.open()
	if err != nil {
		return nil, b.fail(err)
	}
	cur := &body{owner: b, src: &exact{src: src, left: b.size, size: b.size}, under: src}
	b.mu.Lock()
	b.cur = cur
	b.mu.Unlock()
	return cur, nil
}

// empty makes sure that a source of no bytes still has none.
func (b *bodies) empty() error {
	src, err := b.open()
	if err != nil {
		return b.fail(err)
	}
	defer src.Close()
	var one [1]byte
	switch n, err := io.ReadFull(src, one[:]); {
	case n > 0:
		return b.fail(fmt.Errorf("%w: it is no longer empty", ErrSourceChanged))
	case err != io.EOF:
		return b.fail(err)
	}
	return nil
}

// finish ends the current body: what a late Read of the transport brings no longer
// counts, the source is closed, and unless done its bytes are taken back.
func (b *bodies) finish(done bool) {
	b.mu.Lock()
	cur := b.cur
	b.cur = nil
	b.mu.Unlock()
	if cur == nil {
		return
	}
	counted := cur.stop()
	_ = cur.Close()
	if counted > 0 && !done {
		b.progress(-counted)
	}
}

// halt ends what the current body gives and is how much that was: of what is read
// from now on, nothing leaves.
func (b *bodies) halt() int64 {
	b.mu.Lock()
	cur := b.cur
	b.mu.Unlock()
	if cur == nil {
		return 0
	}
	return cur.stop()
}

// sent is how many bytes the current body has given.
func (b *bodies) sent() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cur == nil {
		return 0
	}
	b.cur.mu.Lock()
	defer b.cur.mu.Unlock()
	return b.cur.counted
}

func (b *bodies) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = &SourceError{err}
	}
	return b.err
}

func (b *bodies) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

var errStopped = errors.New("this attempt has ended")

// exact gives exactly size bytes of src, or fails before the last of them.
type exact struct {
	src        io.Reader
	left, size int64
}

func (e *exact) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := e.src.Read(p)
	switch {
	case err != nil && err != io.EOF:
		return 0, err
	case err == io.EOF && int64(n) < e.left:
		return 0, fmt.Errorf("%w: it ended after %d of %d bytes", ErrSourceChanged, e.size-e.left+int64(n), e.size)
	case int64(n) == e.left && err == nil:
		// The last bytes leave only when nothing follows them: whoever gets them
		// would keep them and call it complete.
		var more [1]byte
		switch extra, err := io.ReadFull(e.src, more[:]); {
		case extra > 0:
			return 0, fmt.Errorf("%w: it has more than %d bytes", ErrSourceChanged, e.size)
		case err != io.EOF:
			return 0, err
		}
	}
	e.left -= int64(n)
	return n, nil
}

// body is what one attempt sends: exactly the announced number of bytes, counted.
type body struct {
	owner *bodies
	src   *exact
	under io.Closer

	mu      sync.Mutex
	counted int64
	stopped bool
	once    sync.Once
	closed  error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if err != nil && err != io.EOF {
		return 0, b.broken(err)
	}
	if !b.count(int64(n)) {
		return 0, errStopped
	}
	return n, err
}

// count reports n bytes, unless the attempt has ended.
func (b *body) count(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	if n > 0 {
		b.counted += n
		b.owner.moved()
		b.owner.progress(n)
	}
	return true
}

// broken notes an error of the source, unless it comes of our having closed it.
func (b *body) broken(err error) error {
	b.mu.Lock()
	stopped := b.stopped
	b.mu.Unlock()
	if stopped {
		return errStopped
	}
	return b.owner.fail(err)
}

func (b *body) stop() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	return b.counted
}

// Close closes the source, once. A transport that closes before the end has given
// up on this attempt, so errors of later reads are not the source's.
func (b *body) Close() error {
	b.once.Do(func() {
		b.mu.Lock()
		b.stopped = true
		b.mu.Unlock()
		b.closed = b.under.Close()
	})
	return b.closed
}
