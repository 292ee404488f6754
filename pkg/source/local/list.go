package local

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// List implements source.Lister. It holds the names of one folder, and of those
// on the way to it, at a time.
func (s *Source) List(ctx context.Context, prefix string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		l := &listing{ctx: ctx, s: s, yield: yield}
		root, err := l.open(prefix)
		if err != nil {
			yield(source.Info{}, err)
			return
		}
		if prefix != "/" {
			prefix = strings.TrimRight(prefix, "/")
		}
		if prefix == "." {
			prefix = ""
		}
		l.folder(root, prefix)
	}
}

type listing struct {
	ctx   context.Context // of List: the listing is part of what was asked for
	s     *Source
	top   string // where it begins, absolute
	yield func(source.Info, error) bool
}

// open opens the folder at which the listing begins.
func (l *listing) open(prefix string) (*os.Root, error) {
	path := prefix
	if path == "" && l.s.root != nil {
		path = "."
	}
	_, name, st, err := l.s.look(l.ctx, "list", path)
	if err != nil {
		if e, ok := errors.AsType[*source.Error](err); ok {
			e.Path = prefix
		}
		return nil, err
	}
	if !st.IsDir() {
		return nil, l.s.failure("list", prefix, hinted(source.ErrNotRegular, "it is a file; name the folder that it is in"))
	}
	l.top = filepath.Join(l.s.dir, name)
	var root *os.Root
	if l.s.root != nil {
		root, err = l.s.root.OpenRoot(name)
	} else {
		root, err = os.OpenRoot(name)
	}
	if err != nil {
		return nil, l.s.failure("list", prefix, err)
	}
	return root, nil
}

// entry is a name in a folder.
type entry struct {
	key  string // the name; a folder's ends in a slash, which puts it where its files belong
	kind kind
}

type kind byte

const (
	isFile kind = iota
	isFolder
	isOther // a link, or what may be one
)

// folder lists one folder and closes it. It reports whether to go on.
func (l *listing) folder(root *os.Root, path string) bool {
	defer root.Close()
	entries, err := l.entries(root)
	if l.ctx.Err() != nil {
		l.yield(source.Info{}, context.Cause(l.ctx))
		return false
	}
	if err != nil && !l.yield(source.Info{}, l.s.failure("list", path, err)) {
		return false
	}
	for _, e := range entries {
		if l.ctx.Err() != nil {
			l.yield(source.Info{}, context.Cause(l.ctx))
			return false
		}
		name := strings.TrimSuffix(e.key, "/")
		full := name
		if path != "" {
			full = strings.TrimSuffix(path, "/") + "/" + name
		}
		if !l.entry(root, e.kind, name, full) {
			return false
		}
	}
	return true
}

// entries are the names in a folder in the order of their paths; with an error,
// those that could be read.
func (l *listing) entries(root *os.Root) ([]entry, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []entry
	for l.ctx.Err() == nil {
		var chunk []fs.DirEntry
		chunk, err = f.ReadDir(1000)
		for _, d := range chunk {
			switch m := d.Type(); {
			case m.IsDir():
				all = append(all, entry{d.Name() + "/", isFolder})
			case m.IsRegular():
				all = append(all, entry{d.Name(), isFile})
			default:
				all = append(all, entry{d.Name(), isOther})
			}
		}
		if err != nil {
			break
		}
	}
	if err == io.EOF {
		err = nil
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return all, err
}

// entry lists what has this name in root; path is its whole path.
func (l *listing) entry(root *os.Root, k kind, name, path string) bool {
	op := "stat"
	if k == isFolder {
		op = "list"
	}
	if !utf8.ValidString(name) {
		return l.yield(source.Info{}, &source.Error{Op: op, Path: strings.ToValidUTF8(path, "\uFFFD"), Err: source.ErrUnreadable,
			Hint: "its name is not valid UTF-8; rename it"})
	}
	switch k {
	case isFolder:
		sub, err := root.OpenRoot(name)
		switch {
		case err == nil:
			return l.folder(sub, path)
		case errors.Is(err, fs.ErrNotExist): // since the folder was read
			return true
		}
		return l.yield(source.Info{}, l.s.failure("list", path, err))
	case isFile:
		st, err := root.Lstat(name)
		switch {
		case err == nil && regular(st.Mode()):
			return l.yield(l.s.info(path, st), nil)
		case errors.Is(err, fs.ErrNotExist):
			return true
		case err != nil:
			return l.yield(source.Info{}, l.s.failure("stat", path, err))
		}
	}
	return l.other(path)
}

// other lists what may be a link, as Stat sees it.
func (l *listing) other(path string) bool {
	_, name, st, err := l.s.look(l.ctx, "stat", path)
	if e, ok := errors.AsType[*source.Error](err); ok && errors.Is(err, source.ErrOutside) {
		if st, err := os.Stat(filepath.Join(l.s.dir, filepath.FromSlash(path))); err == nil && st.IsDir() {
			e.Op = "list" // its files are missing from the listing
		}
	}
	switch {
	case err != nil:
		return l.yield(source.Info{}, err)
	case regular(st.Mode()):
		return l.yield(l.s.info(path, st), nil)
	case !st.IsDir():
		return l.yield(source.Info{}, l.s.failure("stat", path, irregular(st.Mode())))
	case l.within(filepath.Join(l.s.dir, name)):
		return true // its files are listed at their own place
	}
	return l.yield(source.Info{}, l.s.failure("list", path, hinted(source.ErrOutside, "it is a link to a folder elsewhere; name that folder itself")))
}

// within reports whether a folder is one of those that are listed.
func (l *listing) within(folder string) bool {
	top, err := filepath.EvalSymlinks(l.top)
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(top, real)
	return err == nil && filepath.IsLocal(rel)
}
