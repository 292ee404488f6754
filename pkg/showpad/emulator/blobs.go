package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// blobs keeps uploaded bytes: in a folder, in memory, or not at all.
type blobs struct {
	dir string // "" for none
	mem bool

	mu   sync.Mutex
	held map[string][]byte
}

func openBlobs(dir string, mem bool) (*blobs, error) {
	b := &blobs{dir: dir, mem: mem, held: map[string][]byte{}}
	if dir == "" {
		return b, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the uploaded bytes: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("folder of the uploaded bytes: %w", err)
	}
	for _, e := range entries { // left by a process that was killed
		if strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("half an upload: %w", err)
			}
		}
	}
	return b, nil
}

// blob is an upload that is under way.
type blob struct {
	of   *blobs
	id   string
	file *os.File
	mem  *bytes.Buffer
	done bool
}

func (b *blobs) create(id string) (*blob, error) {
	out := &blob{of: b, id: id}
	switch {
	case b.dir != "":
		f, err := os.CreateTemp(b.dir, id+".*.tmp")
		if err != nil {
			return nil, err
		}
		out.file = f
	case b.mem:
		out.mem = &bytes.Buffer{}
	}
	return out, nil
}

func (b *blob) Write(p []byte) (int, error) {
	switch {
	case b.file != nil:
		return b.file.Write(p)
	case b.mem != nil:
		return b.mem.Write(p)
	}
	return len(p), nil
}

// detach moves the upload to a new owner; discarding the old one does nothing.
func (b *blob) detach() *blob {
	moved := *b
	b.done = true
	return &moved
}

// keep puts the bytes in their place.
func (b *blob) keep() error {
	if b.done {
		return nil
	}
	b.done = true
	if b.mem != nil {
		b.of.mu.Lock()
		defer b.of.mu.Unlock()
		b.of.held[b.id] = b.mem.Bytes()
	}
	if b.file == nil {
		return nil
	}
	if err := b.file.Close(); err != nil {
		return errors.Join(err, os.Remove(b.file.Name()))
	}
	return os.Rename(b.file.Name(), filepath.Join(b.of.dir, b.id))
}

// discard forgets the bytes of an upload that was not kept.
func (b *blob) discard() {
	if b.done {
		return
	}
	b.done = true
	if b.file != nil {
		b.file.Close()           // its content is unwanted
		os.Remove(b.file.Name()) // what stays is removed at the next start
	}
}

func (b *blobs) remove(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.held, id)
	if b.dir != "" {
		os.Remove(filepath.Join(b.dir, id)) // there may be none
	}
}

// has says whether the bytes of a version are kept.
func (b *blobs) has(id string) bool {
	if b.dir != "" {
		_, err := os.Stat(filepath.Join(b.dir, id))
		return err == nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.held[id]
	return ok
}

func (b *blobs) open(id string) (io.ReadCloser, error) {
	if b.dir != "" {
		return os.Open(filepath.Join(b.dir, id))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	held, ok := b.held[id]
	if !ok {
		return nil, fmt.Errorf("bytes of file %s: %w", id, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(held)), nil
}

func (b *blobs) change(id string, f func([]byte) []byte) error {
	r, err := b.open(id)
	if err != nil {
		return err
	}
	old, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	fresh, err := b.create(id)
	if err != nil {
		return err
	}
	if _, err := fresh.Write(f(old)); err != nil {
		fresh.discard()
		return err
	}
	return fresh.keep()
}
