package rclone

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// Source is a place of a remote. Its methods may be called concurrently.
type Source struct {
	rc      *Rclone
	fs      string // as the remote control has it: remote:path
	prefix  string // of the place below fs; "" or ending in a slash
	below   bool   // the place is a folder of the remote
	folders folders
	kept    keptFiles

	// What the remote can do.
	md5          bool // it tells MD5 without reading
	emptyFolders bool // it knows folders without files
	inexact      bool // it is OneDrive or SharePoint, which list other sizes of some files than those that they deliver
	odd          oddSizes
}

var (
	_ source.Lister = (*Source)(nil)
	_ source.Keeper = (*Source)(nil)

	_ source.HeadReader = (*Source)(nil)
)

func newSource(r *Rclone, place string) *Source {
	_, rest, _ := strings.Cut(place, ":")
	s := &Source{rc: r, fs: place, below: strings.Trim(rest, "/") != ""}
	// In the address of a file, the remote ends at the first bracket.
	if strings.Contains(place, "]") {
		s.fs = remoteOf(place)
		if strings.HasPrefix(rest, "/") {
			s.fs += "/"
		}
		s.prefix = strings.Trim(rest, "/") + "/"
	}
	return s
}

// entry is a file or folder, as the remote control describes it.
type entry struct {
	Path    string // below fs
	Name    string
	Size    int64 // negative: nobody knows
	ModTime string
	IsDir   bool
	Hashes  map[string]string
}

// info is e as the file that was asked for as path.
func (s *Source) info(e *entry, path string) source.Info {
	i := source.Info{Path: path, Size: max(e.Size, source.UnknownSize)}
	i.ModTime, _ = time.Parse(time.RFC3339Nano, e.ModTime)
	if sum, err := hex.DecodeString(e.Hashes["md5"]); err == nil && len(sum) == 16 {
		i.MD5 = sum
	}
	if sum := e.Hashes["quickxor"]; s.inexact && sum != "" {
		i.Version = quickXorMark + strings.ToLower(sum)
	}
	i.Inexact = s.inexact && i.Size != source.UnknownSize
	return i
}

// options are what a listing and a look at one file have in common.
func (s *Source) options() map[string]any {
	opt := map[string]any{"noMimeType": true}
	switch {
	case s.md5:
		opt["showHash"], opt["hashTypes"] = true, []string{"md5"}
	case s.inexact:
		opt["showHash"], opt["hashTypes"] = true, []string{"quickxor"}
	}
	return opt
}

// place is the path of a file or folder below the source, "" for the source itself.
func place(op, name string) (string, error) {
	p := path.Clean(name)
	switch {
	case strings.HasPrefix(name, "/"):
		return "", &source.Error{Op: op, Path: name, Err: source.ErrOutside, Hint: "it is an absolute path; name it relative to its root"}
	case p == "..", strings.HasPrefix(p, "../"):
		return "", &source.Error{Op: op, Path: name, Err: source.ErrOutside, Hint: "name the folder that it is in under roots:"}
	case p == ".":
		p = ""
	}
	return p, nil
}

// Stat implements source.Source. What a folder held a few minutes ago is
// remembered: opening a file looks anew.
func (s *Source) Stat(ctx context.Context, name string) (source.Info, error) {
	if ctx.Err() != nil {
		return source.Info{}, context.Cause(ctx)
	}
	p, err := place("stat", name)
	if err != nil {
		return source.Info{}, err
	}
	if e, ok, err := s.remembered(ctx, p); err != nil {
		return source.Info{}, err
	} else if ok {
		return s.known("stat", name, e)
	}
	return s.look(ctx, "stat", name, p)
}

// known is a remembered entry as the answer about a file.
func (s *Source) known(op, name string, e *entry) (source.Info, error) {
	if e == twice {
		return source.Info{}, ambiguous(op, name)
	}
	return s.info(e, name), nil
}

// ambiguous is the error about a name that several files of one folder have.
func ambiguous(op, name string) error {
	return &source.Error{Op: op, Path: name, Err: errTwice, Hint: "rename them so that each has its own, or merge them with: rclone dedupe"}
}

var errTwice = fmt.Errorf("%w, or in the very same one", source.ErrAmbiguous)

// look asks the remote about one file.
func (s *Source) look(ctx context.Context, op, name, p string) (source.Info, error) {
	if p == "" {
		return source.Info{}, s.failure(ctx, op, name, &failure{status: http.StatusNotFound})
	}
	e, err := s.stat(ctx, p)
	if err != nil {
		if _, ok := errors.AsType[*failure](err); ok && ctx.Err() == nil {
			// Some remotes say of a path below a file that it cannot be read.
			if dir := path.Dir(p); dir != "." {
				if up, uerr := s.stat(ctx, dir); uerr == nil && up != nil {
					return source.Info{}, &source.Error{Op: op, Path: name, Err: source.ErrNotExist, Hint: fmt.Sprintf("%q is a file", path.Base(dir))}
				}
			}
		}
		return source.Info{}, s.failure(ctx, op, name, err)
	}
	if e == nil {
		return source.Info{}, s.failure(ctx, op, name, &failure{status: http.StatusNotFound})
	}
	return s.info(e, name), nil
}

// stat is the file at a path, nil when there is none.
func (s *Source) stat(ctx context.Context, p string) (*entry, error) {
	opt := s.options()
	opt["filesOnly"] = true
	var out struct{ Item *entry }
	err := s.rc.server.call(ctx, "operations/stat", map[string]any{"fs": s.fs, "remote": s.prefix + p, "opt": opt}, &out)
	if err == nil && out.Item != nil && out.Item.IsDir {
		return nil, nil
	}
	return out.Item, err
}

// failure is err about a path.
func (s *Source) failure(ctx context.Context, op, name string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e := &source.Error{Op: op, Path: name, Err: err}
	if of, ok := errors.AsType[*source.Error](err); ok { // of the program
		e.Err, e.Hint = of.Err, of.Hint
		return e
	}
	if f, ok := errors.AsType[*failure](err); ok {
		if f.status == http.StatusNotFound {
			e.Err, e.Hint = source.ErrNotExist, "see what there is with: rclone lsf "+s.shown(path.Dir(name))
			return e
		}
		e.Err = fmt.Errorf("%w: %w", source.ErrUnreadable, err)
	}
	return e
}

// shown is a folder as a person gives it to rclone.
func (s *Source) shown(dir string) string {
	at := s.fs + strings.TrimSuffix(s.prefix, "/")
	if dir != "." && dir != "/" && !strings.HasPrefix(dir, "..") {
		if !strings.HasSuffix(at, ":") && !strings.HasSuffix(at, "/") {
			at += "/"
		}
		at += dir
	}
	return fmt.Sprintf("%q", at)
}

// Open implements source.Source. A file of unknown size, or of another one than
// the remote lists, is read to the disk
// first; any other comes as it is read, and a connection that breaks is taken up
// again. Reading ends with ctx, and with source.ErrChanged when the file is not
// what Info says by the time its last byte is read.
func (s *Source) Open(ctx context.Context, name string) (io.ReadCloser, source.Info, error) {
	p, err := s.opening(ctx, name)
	if err != nil {
		return nil, source.Info{}, err
	}
	if f := s.kept.find(p); f != nil {
		return f.Open(), f.info(name), nil
	}
	i, err := s.look(ctx, "open", name, p)
	if err != nil {
		return nil, source.Info{}, err
	}
	if i.Size == source.UnknownSize || s.odd.has(p, i) {
		f, err := s.spool(ctx, name, p, i)
		if err != nil {
			return nil, source.Info{}, err
		}
		defer f.Release() // the reader holds it
		return f.Open(), f.info(name), nil
	}
	r := s.newReader(ctx, name, p, i)
	if err := r.start(); err != nil {
		return nil, source.Info{}, err
	}
	i.Inexact = false // else reading fails
	return r, i, nil
}

// ReadHead implements source.HeadReader: one request, and no look at the file.
func (s *Source) ReadHead(ctx context.Context, name string, buf []byte) (int, error) {
	p, err := s.opening(ctx, name)
	if err != nil {
		return 0, err
	}
	r := s.newReader(ctx, name, p, source.Info{Size: source.UnknownSize})
	if err := r.start(); err != nil {
		return 0, err
	}
	defer r.Close()
	n, err := io.ReadFull(r.body, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF && r.all(n) {
		err = nil
	}
	if err != nil {
		return 0, s.failure(ctx, "read", name, fmt.Errorf("%w: %w", source.ErrUnreadable, err))
	}
	return n, nil
}

func (s *Source) opening(ctx context.Context, name string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return place("open", name)
}
