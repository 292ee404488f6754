// Package local is the source of files in folders of this machine. A relative
// path is opened through os.Root, so that neither ".." nor a symbolic link
// leads out of the folder. It touches files for reading only.
//
// What becomes of the odd cases:
//
//   - a file of zero bytes is a file; whether it is wanted is the caller's question
//   - missing, or vanished since Stat: ErrNotExist, with "did you mean" when another
//     spelling of capitals exists
//   - no right to read, circular links, errors of the disk: ErrUnreadable
//   - a folder, pipe, socket or device: ErrNotRegular; opening never waits for a pipe's writer
//   - out of the folder by "..", an absolute path or a link: ErrOutside; links that stay
//     inside are followed, absolute ones too
//   - the name exists in another Unicode form (macOS writes decomposed names): that file;
//     in several other forms: ErrAmbiguous
//   - written to while it is read: ErrChanged from Read
//   - a placeholder of a cloud folder, whose bytes are not on this machine: Info.Offline;
//     opening it downloads them
//
// Listing reports a link to a file under the link's name. A link to a folder is
// not gone into: what it leads to is listed at its own place, or, when that is
// outside of what is listed, the link is an ErrOutside.
package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// Source is a folder, or all folders (see [Absolute]). Its methods may be
// called concurrently.
type Source struct {
	dir     string   // absolute; "" without a folder
	root    *os.Root // nil without a folder
	escapes error    // what os.Root says of a path that leads out
	lists   lists
	offline func(fs.FileInfo) bool // reads the file's attributes
}

var _ source.Lister = (*Source)(nil)

// New is a source of the files below dir, which must exist. Paths are relative
// to it and slash-separated. Errors are *source.Error. The caller closes.
func New(dir string) (*Source, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, &source.Error{Op: "open", Path: dir, Err: err}
	}
	s := &Source{dir: full, offline: offline}
	if s.root, err = os.OpenRoot(full); err != nil {
		e := s.failure("open", dir, err)
		if errors.Is(err, fs.ErrNotExist) {
			e.Hint = "the folder does not exist; make it, or correct its path"
		}
		if st, statErr := os.Stat(full); statErr == nil && !st.IsDir() {
			e.Hint, e.Err = "it is a file; name the folder that it is in", errors.New("not a folder")
		}
		return nil, e
	}
	_, err = s.root.Stat("..") // os does not export this error
	s.escapes = cause(err)
	return s, nil
}

// Absolute is a source of files by absolute path, slash-separated, on Windows
// with a drive. There is no folder to leave; all else is as for [New].
func Absolute() *Source { return &Source{offline: offline} }

// Close gives the folder up. Files that are open stay open.
func (s *Source) Close() error {
	if s.root == nil {
		return nil
	}
	return s.root.Close()
}

// Stat implements source.Source.
func (s *Source) Stat(ctx context.Context, path string) (source.Info, error) {
	_, _, st, err := s.find(ctx, "stat", path)
	if err != nil {
		return source.Info{}, err
	}
	return s.info(path, st), nil
}

// Open implements source.Source. Reading ends with ctx, and with
// source.ErrChanged when the file is not what Info says by the time its last
// byte or its end is read.
func (s *Source) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	t, name, _, err := s.find(ctx, "open", path)
	if err != nil {
		return nil, source.Info{}, err
	}
	return s.openIn(ctx, t, name, path)
}

// openIn opens what was a file a moment ago.
func (s *Source) openIn(ctx context.Context, t tree, name, path string) (io.ReadCloser, source.Info, error) {
	f, err := t.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, source.Info{}, s.failure("open", path, err)
	}
	st, err := f.Stat()
	if err == nil && !regular(st.Mode()) {
		err = irregular(st.Mode())
	}
	if err != nil {
		f.Close()
		return nil, source.Info{}, s.failure("open", path, err)
	}
	i := s.info(path, st)
	return &reader{ctx: ctx, file: f, info: i, fail: s.failure}, i, nil
}

func (s *Source) info(path string, st fs.FileInfo) source.Info {
	return source.Info{Path: path, Size: st.Size(), ModTime: st.ModTime(), Offline: s.offline(st)}
}

// regular reports whether m is that of a file. Package os calls files in the
// cloud folders of Windows irregular, for they have a reparse point; those that
// lead elsewhere have been followed.
// Source: os.FileMode on Windows, types_windows.go of Go 1.26.
func regular(m fs.FileMode) bool {
	return m.IsRegular() || runtime.GOOS == "windows" && m.Type() == fs.ModeIrregular
}

// tree is where names are looked up: an os.Root, or the whole file system.
type tree interface {
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

type everywhere struct{}

func (everywhere) Stat(name string) (fs.FileInfo, error)  { return os.Stat(name) }
func (everywhere) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }
func (everywhere) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}

// find returns the tree of path, its name there, and what is there: a regular file.
func (s *Source) find(ctx context.Context, op, path string) (tree, string, fs.FileInfo, error) {
	t, name, st, err := s.look(ctx, op, path)
	if err == nil && !regular(st.Mode()) {
		return nil, "", nil, s.failure(op, path, irregular(st.Mode()))
	}
	return t, name, st, err
}

// look is find for anything that is there.
func (s *Source) look(ctx context.Context, op, path string) (tree, string, fs.FileInfo, error) {
	fail := func(err error) (tree, string, fs.FileInfo, error) {
		return nil, "", nil, s.failure(op, path, err)
	}
	if ctx.Err() != nil {
		return nil, "", nil, context.Cause(ctx)
	}
	t, name, err := s.place(path)
	if err != nil {
		return fail(err)
	}
	st, err := t.Stat(name)
	if s.escapes != nil && errors.Is(err, s.escapes) {
		if inside, ok := s.inside(name); ok { // by an absolute link
			name = inside
			st, err = t.Stat(name)
		}
	}
	if missing(err) {
		other, otherErr := s.otherForm(ctx, t, name)
		if ctx.Err() != nil {
			return nil, "", nil, context.Cause(ctx)
		}
		if otherErr != nil {
			return fail(otherErr)
		}
		if other == "" {
			return fail(s.notThere(ctx, t, name, err))
		}
		name = other
		st, err = t.Stat(name)
	}
	if err != nil {
		return fail(err)
	}
	return t, name, st, nil
}

// place says in which tree path lies, and its name there.
func (s *Source) place(path string) (tree, string, error) {
	name := filepath.FromSlash(path)
	if path == "" {
		return nil, "", hinted(source.ErrNotExist, "the path is empty")
	}
	if filepath.IsAbs(name) || strings.HasPrefix(path, "/") {
		if s.root != nil {
			return nil, "", hinted(source.ErrOutside, "it is an absolute path; name it relative to its root")
		}
		return everywhere{}, filepath.Clean(name), nil
	}
	if s.root == nil {
		return nil, "", hinted(source.ErrOutside, "it is not an absolute path")
	}
	for elem := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if elem != "" && elem != ".." && !filepath.IsLocal(elem) {
			return nil, "", hinted(source.ErrNotRegular, "on Windows this name is a device or a stream; rename the file")
		}
	}
	if !filepath.IsLocal(name) {
		return nil, "", hinted(source.ErrOutside, "name the folder that it is in under roots:")
	}
	return s.root, filepath.Clean(name), nil
}

// inside is the name of a file below the folder that is reached by way of an
// absolute link, which os.Root does not follow. What is opened is still opened
// by os.Root.
func (s *Source) inside(name string) (string, bool) {
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return "", false
	}
	for rest := ""; ; name = filepath.Dir(name) {
		real, err := filepath.EvalSymlinks(filepath.Join(s.dir, name))
		switch {
		case err == nil:
			rel, err := filepath.Rel(dir, real)
			return filepath.Join(rel, rest), err == nil && filepath.IsLocal(rel)
		case !missing(err) || name == ".":
			return "", false
		}
		rest = filepath.Join(filepath.Base(name), rest) // it is the way to it that may be a link
	}
}
