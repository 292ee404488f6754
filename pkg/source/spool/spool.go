// Package spool keeps the bytes of files on disk for as long as somebody needs
// them: bytes that come without a size or an MD5, and are to be known before
// they are passed on. A spool is bounded, and whoever puts a file into it waits
// for room. It touches nothing but files of its own in one folder.
//
// The files lose their name as soon as they are made, where the system allows
// that: then nothing is left behind, however the process ends. Elsewhere (on
// Windows) they are removed when they are released, and what a crash left is
// removed when the folder is used the next time.
package spool

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/dustin/go-humanize"

	"github.com/showpad-migrate/migrate/pkg/source"
)

const (
	// MaxLimit is the most that a spool holds by default, in bytes.
	MaxLimit = 10 << 30

	maxFiles   = 1000 // in a spool at once: each is an open file
	filePrefix = "migrate-"
	fileSuffix = ".spool"
	bufferSize = 256 << 10
)

// Errors of Put that callers decide on; match with errors.Is.
var (
	// ErrTooLarge: the file alone is larger than the spool may be.
	ErrTooLarge = errors.New("larger than the spool")
	// ErrGrew: more bytes came than were announced, and there is no room for
	// them. Putting the file again with an unknown size waits for room.
	ErrGrew = errors.New("more bytes came than were announced")
)

// Spool is a folder of files without a lasting name. Its methods may be called
// concurrently.
type Spool struct {
	dir   string
	room  *room
	swept func() error // removes what crashes left, once

	mu     sync.Mutex
	made   bool // this spool made dir
	closed bool
	files  map[*File]struct{}
}

// Open is a spool of at most limit bytes in dir, which is made when the first
// file comes, with mode 0700. A limit of 0 is [MaxLimit], or a tenth of the free
// space where that is less. The caller closes.
func Open(dir string, limit int64) (*Spool, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if limit < 0 {
		return nil, fmt.Errorf("a spool of %d bytes", limit)
	}
	if limit == 0 {
		limit = MaxLimit
		if free, ok := FreeSpace(existing(full)); ok {
			limit = min(limit, free/10)
		}
	}
	s := &Spool{dir: full, room: newRoom(limit, maxFiles), files: map[*File]struct{}{}}
	s.swept = sync.OnceValue(s.sweep)
	if _, err := os.Stat(full); err == nil {
		_ = s.swept() // told by the first Put
	}
	return s, nil
}

// existing is dir, or the nearest folder above it that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// Limit is how many bytes the spool may hold.
func (s *Spool) Limit() int64 { return s.room.limit }

// Held is how many bytes are in the spool now, or promised to who fills a file.
func (s *Spool) Held() int64 { return s.room.held() }

// sweep makes the folder and removes what a crash left in it. Files that another
// process has open stay its own: without a name already, or not to be removed.
func (s *Spool) sweep() error {
	if _, err := os.Stat(s.dir); err != nil {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return err
		}
		s.mu.Lock()
		s.made = true
		s.mu.Unlock()
	}
	names, err := os.ReadDir(s.dir)
	for _, e := range names {
		if n := e.Name(); strings.HasPrefix(n, filePrefix) && strings.HasSuffix(n, fileSuffix) {
			_ = os.Remove(filepath.Join(s.dir, n))
		}
	}
	return err
}

// Put reads r to its end and keeps the bytes. It waits until there is room:
// sizeHint is how many bytes are expected, negative when nobody knows. Another
// number of bytes than expected is no error; the caller compares. An error of r
// is returned as it is, the end of ctx as its cause, and what is wrong with the
// spool as a *source.Error about name, which says how to fix it; nothing is kept
// then. The caller releases the file.
//
// Who waits for room waits for those who hold files, and they must not wait for
// him.
func (s *Spool) Put(ctx context.Context, name string, r io.Reader, sizeHint int64) (*File, error) {
	lease, err := s.room.enter(ctx, sizeHint)
	if err != nil {
		return nil, s.failure(ctx, name, sizeHint, err)
	}
	f, err := s.create()
	if err != nil {
		lease.leave()
		return nil, s.failure(ctx, name, sizeHint, err)
	}
	f.lease = lease
	if err := f.fill(ctx, r); err != nil {
		f.Release()
		return nil, s.failure(ctx, name, sizeHint, err)
	}
	lease.settle(f.Size)
	return f, nil
}

// create makes an empty file and takes its name away.
func (s *Spool) create() (*File, error) {
	if err := s.swept(); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(s.dir, filePrefix+"*"+fileSuffix) // 0600
	if errors.Is(err, os.ErrNotExist) {                          // without names in it, it seems empty: to another process that ends, or that tidies up
		if err = os.MkdirAll(s.dir, 0o700); err == nil {
			s.mu.Lock()
			s.made = true
			s.mu.Unlock()
			file, err = os.CreateTemp(s.dir, filePrefix+"*"+fileSuffix)
		}
	}
	if err != nil {
		return nil, err
	}
	f := &File{spool: s, file: file, users: 1}
	err = os.Remove(file.Name())
	f.named = err != nil && !errors.Is(err, os.ErrNotExist)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = f.discard()
		return nil, errClosed
	}
	s.files[f] = struct{}{}
	return f, nil
}

// readError is an error of what is put in, and not of the spool.
type readError struct{ error }

// fill copies r into the file.
func (f *File) fill(ctx context.Context, r io.Reader) error {
	sum := md5.New()
	buf := make([]byte, bufferSize)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := r.Read(buf)
		if n > 0 {
			if err := f.lease.grow(ctx, f.Size+int64(n)); err != nil {
				return err
			}
			if _, err := f.file.Write(buf[:n]); err != nil {
				return err
			}
			sum.Write(buf[:n])
			f.Size += int64(n)
		}
		if err == io.EOF {
			f.MD5 = sum.Sum(nil)
			return nil
		}
		if err != nil {
			return &readError{err}
		}
	}
}

// failure is what Put returns for err.
func (s *Spool) failure(ctx context.Context, name string, size int64, err error) error {
	if e, ok := errors.AsType[*readError](err); ok {
		return e.error
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e := &source.Error{Op: "read", Path: name, Err: err}
	switch {
	case errors.Is(err, ErrTooLarge):
		e.Err = fmt.Errorf("it has to be kept on disk while it is sent, and is %w, which holds %s", ErrTooLarge, humanize.IBytes(uint64(s.Limit())))
		if size > 0 {
			e.Err = fmt.Errorf("it has to be kept on disk while it is sent, and with %s is %w, which holds %s", humanize.IBytes(uint64(size)), ErrTooLarge, humanize.IBytes(uint64(s.Limit())))
		}
		e.Hint = "give a larger --spool-size, and with --spool-dir a disk that has the room"
	case errors.Is(err, syscall.ENOSPC):
		e.Hint = "the disk of the spool is full: free some space, or name a folder on another disk with --spool-dir"
	case errors.Is(err, ErrGrew), errors.Is(err, errClosed), errors.Is(err, os.ErrClosed):
	default:
		e.Hint = "it is kept on disk while it is sent; name a folder that can be written with --spool-dir"
	}
	return e
}

var errClosed = errors.New("the spool is closed")

// Close gives everything up: who waits for room gets an error, and files that
// are still held cannot be read any more. The folder is removed if this spool
// made it and nothing else is in it.
func (s *Spool) Close() error {
	s.room.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for f := range s.files {
		errs = append(errs, f.discard())
	}
	s.files = nil
	if s.made {
		_ = os.Remove(s.dir)
	}
	return errors.Join(errs...)
}

// File is what was put into a spool. Its methods may be called concurrently.
type File struct {
	Size int64  // bytes
	MD5  []byte // 16 bytes

	spool *Spool
	file  *os.File
	named bool // it still has its name
	lease *lease

	mu       sync.Mutex
	users    int // the holder, and those who read
	released bool
}

// Open reads the file from its start; readers are independent of each other.
// After Release it is an error to read. The caller closes.
func (f *File) Open() io.ReadCloser {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.released {
		return &reader{Reader: failed{os.ErrClosed}, close: func() {}}
	}
	f.users++
	return &reader{Reader: io.NewSectionReader(f.file, 0, f.Size), close: sync.OnceFunc(f.drop)}
}

// Release ends the holder's interest. Readers that are open may read on; the
// room is free when the last one closes. Releasing again does nothing.
func (f *File) Release() {
	f.mu.Lock()
	again := f.released
	f.released = true
	f.mu.Unlock()
	if !again {
		f.drop()
	}
}

// drop is one user less; the last one takes the file along.
func (f *File) drop() {
	f.mu.Lock()
	f.users--
	last := f.users == 0
	f.mu.Unlock()
	if !last {
		return
	}
	f.spool.mu.Lock()
	if _, held := f.spool.files[f]; held {
		delete(f.spool.files, f)
		_ = f.discard() // nobody needs its bytes
	}
	f.spool.mu.Unlock()
	f.lease.leave()
}

func (f *File) discard() error {
	err := f.file.Close()
	if f.named {
		err = errors.Join(err, os.Remove(f.file.Name()))
	}
	return err
}

type reader struct {
	io.Reader
	close func()
}

func (r *reader) Close() error { r.close(); return nil }

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
