// Package tempfile makes files for what is too much for memory and not needed
// any more when the process ends.
package tempfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// File is a temporary file, open for reading and writing by its owner alone.
type File struct{ *os.File }

// New makes a file in the system's folder for such files ($TMPDIR). Where the
// system allows that it has no name, so that it is gone however the process
// ends. The purpose is named in the error: "what is listed".
func New(purpose string) (*File, error) {
	f, err := os.CreateTemp("", "migrate-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("a temporary file for %s: %w (make room in %s, or set TMPDIR)", purpose, err, os.TempDir())
	}
	_ = os.Remove(f.Name())
	return &File{f}, nil
}

// Close closes the file, and removes it where it still has its name.
func (f *File) Close() error {
	err := f.File.Close()
	if rerr := os.Remove(f.Name()); !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}
