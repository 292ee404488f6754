package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// newFiles are files that come into being in one folder, all of them or none,
// and replace nothing: they are written under a temporary name first.
type newFiles struct {
	dir   string
	tmp   string // a folder in dir; "" until the first file is created
	names []string
}

// inTheWay are those of the names that are there already.
func inTheWay(dir string, names []string) []string {
	var there []string
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			there = append(there, name)
		}
	}
	return there
}

// create makes a file for writing; the caller closes it.
func (n *newFiles) create(name string) (*os.File, error) {
	if n.tmp == "" {
		if err := os.MkdirAll(n.dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the folder %s: %w", n.dir, err)
		}
		tmp, err := os.MkdirTemp(n.dir, ".migrate-*")
		if err != nil {
			return nil, fmt.Errorf("write into %s: %w", n.dir, err)
		}
		n.tmp = tmp
	}
	n.names = append(n.names, name)
	return os.OpenFile(filepath.Join(n.tmp, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

// commit gives the files their names. When one of them is taken meanwhile, none
// gets its name.
func (n *newFiles) commit() (err error) {
	var done []string
	defer func() {
		if err != nil {
			for _, path := range done {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, name := range n.names {
		to := filepath.Join(n.dir, name)
		if err := place(filepath.Join(n.tmp, name), to); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return usagef("%s is there already; nothing was written", to)
			}
			return fmt.Errorf("write %s: %w", to, err)
		}
		done = append(done, to)
	}
	return nil
}

// close removes what has no name of its own.
func (n *newFiles) close() error {
	if n.tmp == "" {
		return nil
	}
	return os.RemoveAll(n.tmp)
}

// place gives a file another name, which must be free. Where the file system
// knows no links the file is copied.
func place(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close(), os.Remove(to))
	}
	return out.Close()
}
