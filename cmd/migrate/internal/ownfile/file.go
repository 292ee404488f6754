// Package ownfile keeps small files in the user's configuration folder: each is
// readable by its owner alone, replaced in one step, and changed under a lock that
// processes share. What the files hold is up to its callers.
package ownfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// File is one file. It may be used by many goroutines and processes.
type File struct{ path string }

// Open names the file below dir and makes dir (0700) if need be. The file itself is
// made by the first Update that has something to keep.
func Open(dir, name string) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := tighten(dir, 0o700); err != nil {
		return nil, err
	}
	return &File{path: filepath.Join(dir, name)}, nil
}

// Path is where the content is kept, for messages.
func (f *File) Path() string { return f.path }

// Read returns what is kept, without waiting for a lock; nil when nothing is.
func (f *File) Read() ([]byte, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Update gives what is kept, nil for nothing, to change and keeps what it returns,
// on disk, before returning; the same content is not written again. Other processes
// wait; ctx ends that wait with its cause. An error of change comes back as it is.
func (f *File) Update(ctx context.Context, change func([]byte) ([]byte, error)) (err error) {
	unlock, err := lock(ctx, f.path+".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := tighten(f.path, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept, err := f.Read()
	if err != nil {
		return err
	}
	next, err := change(kept)
	if err != nil || bytes.Equal(next, kept) {
		return err
	}
	if err := replace(f.path, next); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return nil
}

// Remove takes the file away, under the lock, and reports whether there was one. The
// lock file stays: see lock.
func (f *File) Remove(ctx context.Context) (there bool, err error) {
	unlock, err := lock(ctx, f.path+".lock")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	switch err := os.Remove(f.path); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, syncDir(filepath.Dir(f.path))
}

// tighten takes away what others may do with path beyond perm. Windows has no such
// bits; there the profile folder's own rights guard it.
func tighten(path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&^perm == 0 {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()&perm)
}

// replace puts content (0600) in the place of path in one step: after a crash there
// is the old content or the new one.
func replace(path string, content []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(content); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
