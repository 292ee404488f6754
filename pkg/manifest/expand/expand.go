// Package expand turns a manifest into its items, one at a time: those of the
// assets list, those of further documents, the rows of its tables, and the files
// that its patterns take. It reads tables and lists folders; it opens no file
// that becomes an asset.
//
// Nothing here holds more than one item (and what yaml.v3 holds of one
// document), but for 16 bytes for each row of a joined table: a manifest of a
// million rows is read as a stream, as often as needed. What is read must not
// change between two readings of one [Set]; a change is a problem, never a
// mixture. Folders are listed once, and the list is kept in a temporary file.
package expand

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// Options are what reading depends on besides the files.
type Options struct {
	// Now is the moment that "expired already" is measured against; zero: no
	// such warnings.
	Now time.Time
}

// Set is a manifest with the files that belong to it. Its methods may be
// called concurrently; each reads the files from their start. The caller closes
// it.
type Set struct {
	Manifest *manifest.Manifest
	// Sources are where patterns find their files, by the name of the root; "" is
	// the manifest's folder. They are set before the first of the methods is
	// called, and are source.Listers where the manifest has a pattern.
	Sources map[string]source.Source

	opts     Options
	header   []manifest.Problem
	globs    []*glob     // of each include; nil for tables
	kept     []*keptRows // of each include; nil for all but workbooks
	rootDirs map[string]string
	ownFiles ownFiles

	mu   sync.Mutex
	seen map[string]os.FileInfo // each file as it was when first opened

	loading sync.Mutex
	loaded  *loadedMaps // nil: not read yet
}

// Open reads the header of the manifest at path. The error is
// [manifest.Problems] when there is no header to speak of (not YAML, empty, no
// mapping), or that of the file system. Everything else that is wrong comes
// out of [Set.Check], so that all problems are seen at once; until a Check
// without problems of class Stop, the Manifest is for reporting only.
func Open(path string, opts Options) (*Set, error) {
	s := &Set{opts: opts, seen: map[string]os.FileInfo{}}
	f, err := s.open(path)
	if errors.Is(err, errNotRegular) {
		return nil, fmt.Errorf("opening the manifest: %w (name the file, such as %s)", err, filepath.Join(path, "manifest.yaml"))
	}
	if err != nil {
		return nil, fmt.Errorf("opening the manifest: %w", err)
	}
	defer f.Close()
	s.Manifest, s.header, err = manifest.ReadHeader(f, path)
	if err != nil {
		return nil, err
	}
	for _, inc := range s.Manifest.Includes {
		var g *glob
		if inc.Files != "" {
			g = newGlob(s.Manifest, inc)
		}
		s.globs = append(s.globs, g)
		var k *keptRows
		if table.IsWorkbook(inc.Table) {
			k = newKeptRows()
		}
		s.kept = append(s.kept, k)
	}
	return s, s.findOwn()
}

// Close removes the temporary files.
func (s *Set) Close() error {
	var errs []error
	for _, g := range s.globs {
		if g == nil || g.made == nil {
			continue
		}
		errs = append(errs, g.made.files.close())
		if g.made.join != nil {
			errs = append(errs, g.made.join.rows.close())
		}
		g.made = nil
	}
	for _, k := range s.kept {
		if k != nil {
			errs = append(errs, k.close())
		}
	}
	return errors.Join(errs...)
}

// Items are all items in order: the assets list, further documents, includes.
// Items with a problem of class Stop are left out: acting on them would act on
// half of what was written, and [Set.Check] reports them. An error ends the
// stream: [manifest.Problems] for a file that cannot be read on, or the
// context's.
func (s *Set) Items(ctx context.Context) iter.Seq2[manifest.Item, error] {
	return s.items(ctx, false)
}

// Readable are the items that can be read, in the order of [Set.Items]: what
// stands after a problem of a file follows it as far as it can be told. It is
// for finding more problems, never for acting on.
func (s *Set) Readable(ctx context.Context) iter.Seq2[manifest.Item, error] {
	return s.items(ctx, true)
}

func (s *Set) items(ctx context.Context, goOn bool) iter.Seq2[manifest.Item, error] {
	return func(yield func(manifest.Item, error) bool) {
		for p, err := range s.parsed(ctx, nil, goOn) {
			if _, ok := errors.AsType[manifest.Problems](err); ok && goOn {
				continue
			}
			if err != nil {
				yield(manifest.Item{}, err)
				return
			}
			if p.Stopped() {
				continue
			}
			if !yield(p.Item, nil) {
				return
			}
		}
	}
}

// parsed is every item with every problem. Problems of a whole file are
// errors; when goOn is set the next file follows them, else they end the
// stream. A digester gets the digest of each file.
func (s *Set) parsed(ctx context.Context, dig *digester, goOn bool) iter.Seq2[manifest.Parsed, error] {
	return func(yield func(manifest.Parsed, error) bool) {
		maps, err := s.maps(ctx)
		if err != nil {
			yield(manifest.Parsed{}, err)
			return
		}
		if len(maps.problems) > 0 && (!yield(manifest.Parsed{}, maps.problems) || !goOn) {
			return
		}
		b := manifest.NewBuilder(s.Manifest, manifest.Options{Now: s.opts.Now, Mapper: maps.mapper})
		files := []func() iter.Seq2[manifest.Parsed, error]{func() iter.Seq2[manifest.Parsed, error] {
			return s.file(ctx, s.Manifest.Path, filepath.Base(s.Manifest.Path), dig, manifest.Pos{}, func(in input) iter.Seq2[manifest.Parsed, error] {
				return b.YAML(ctx, in)
			})
		}}
		if dig != nil {
			b.CountTagCategories(maps.categories)
			dig.builder = b
			dig.notes = append(dig.notes, maps.notes...)
		}
		if dig != nil && len(maps.problems) == 0 {
			for _, f := range mapFiles(&s.Manifest.Maps) {
				files = append(files, func() iter.Seq2[manifest.Parsed, error] {
					return s.file(ctx, s.path(f.File), f.File, dig, f.Pos, func(input) iter.Seq2[manifest.Parsed, error] {
						return func(func(manifest.Parsed, error) bool) {} // its entries are known
					})
				})
			}
		}
		for i, inc := range s.Manifest.Includes {
			switch g := s.globs[i]; {
			case g != nil:
				files = append(files, func() iter.Seq2[manifest.Parsed, error] { return s.glob(ctx, b, g, dig) })
			case inc.Table != "":
				files = append(files, func() iter.Seq2[manifest.Parsed, error] { return s.table(ctx, b, inc, s.kept[i], dig) })
			}
		}
		for _, file := range files {
			for p, err := range file() {
				if !yield(p, err) || err != nil && (!goOn || ctx.Err() != nil) {
					return
				}
			}
		}
	}
}

// file reads one file with read and holds it to what it was before.
func (s *Set) file(ctx context.Context, path, name string, dig *digester, named manifest.Pos, read func(input) iter.Seq2[manifest.Parsed, error]) iter.Seq2[manifest.Parsed, error] {
	return func(yield func(manifest.Parsed, error) bool) {
		f, err := s.open(path)
		if err != nil {
			yield(manifest.Parsed{}, openProblem(err, named, name))
			return
		}
		defer f.Close()
		var r io.Reader = f
		sum := sha256.New()
		if dig != nil {
			r = io.TeeReader(f, sum)
		}
		in, err := newInput(f, r)
		if err != nil {
			yield(manifest.Parsed{}, err)
			return
		}
		for p, err := range read(in) {
			if !yield(p, err) {
				return
			}
		}
		if err := s.unchanged(f, path); err != nil {
			if !yield(manifest.Parsed{}, err) {
				return
			}
		}
		if dig == nil {
			return
		}
		if _, err := io.Copy(io.Discard, &ctxReader{ctx, r}); err != nil { // what follows a syntax error
			yield(manifest.Parsed{}, fmt.Errorf("reading %s: %w", name, err))
			return
		}
		dig.add(name, sum.Sum(nil))
	}
}

// input is an open file: to read from its start to its end, or anywhere.
type input struct {
	io.Reader
	at   io.ReaderAt
	size int64
	kept *keptRows // of a workbook that is read again and again; nil: it is not
}

// cells are the rows of a table of cells.
func (in input) cells(ctx context.Context, o table.Options) iter.Seq2[table.Row, error] {
	if in.kept != nil {
		return in.kept.read(ctx, in, o)
	}
	return table.Read(ctx, in.at, in.size, o)
}

// newInput is the file f, of which r reads the bytes in order.
func newInput(f *os.File, r io.Reader) (input, error) {
	info, err := f.Stat()
	if err != nil {
		return input{}, err
	}
	return input{Reader: r, at: f, size: info.Size()}, nil
}

// openProblem is what a missing file means: for tables a problem of the line
// that names them.
func openProblem(err error, named manifest.Pos, name string) error {
	if _, ok := errors.AsType[manifest.Problems](err); ok || named == (manifest.Pos{}) {
		return err
	}
	what, fix := fmt.Sprintf("table %q cannot be opened: %v", name, plain(err)), "check its rights"
	if heldOpen(err) {
		what, fix = fmt.Sprintf("table %q is held open by another program", name), "close it there, perhaps in Excel, and run the command again"
	}
	if errors.Is(err, errNotRegular) {
		what, fix = fmt.Sprintf("table %q is not a regular file", name), "write the path of a file"
	}
	if errors.Is(err, os.ErrNotExist) {
		what, fix = fmt.Sprintf("table %q does not exist", name), "correct the path, which is relative to the manifest, or put the file there"
	}
	return manifest.Problems{manifest.NewProblem(manifest.CodeTableMissing, named, what, fix)}
}

// plain is an error of the file system without the path that it repeats.
func plain(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

var errNotRegular = errors.New("not a regular file")

// open opens a file and remembers what it was, or fails when that has changed.
func (s *Set) open(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		// A pipe could be read only once.
		err = &os.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err == nil {
		s.mu.Lock()
		if _, ok := s.seen[path]; !ok {
			s.seen[path] = info
		}
		s.mu.Unlock()
		err = s.unchanged(f, path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (s *Set) unchanged(f *os.File, path string) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	s.mu.Lock()
	was := s.seen[path]
	s.mu.Unlock()
	if os.SameFile(was, now) && was.Size() == now.Size() && was.ModTime().Equal(now.ModTime()) {
		return nil
	}
	return manifest.Problems{manifest.NewProblem(manifest.CodeChanged, manifest.Pos{File: path},
		"the file changed while it was in use", "run the command again once nobody edits it")}
}

// FileDigest is one file that was read, or a pattern: of that, the digest is over
// the paths of the files that it took, each with a line feed.
type FileDigest struct {
	Name   string `json:"name"` // the manifest's own without its folder; tables as the manifest writes them; a pattern
	SHA256 string `json:"sha256"`
}

// digester is what the pass of a check finds out besides items.
type digester struct {
	files   []FileDigest
	builder *manifest.Builder // of this pass
	notes   []manifest.Problem
}

// note collects what is worth knowing once; nil for passes that nobody watches.
func (d *digester) note() func(manifest.Problem) {
	if d == nil {
		return nil
	}
	return func(p manifest.Problem) { d.notes = append(d.notes, p) }
}

func (d *digester) add(name string, sum []byte) {
	d.files = append(d.files, FileDigest{name, hex.EncodeToString(sum)})
}

// digest is over the names and bytes of all files: the SHA-256 of a line for
// each, as sha256sum writes them.
func (d *digester) digest() string {
	var b strings.Builder
	for _, f := range d.files {
		fmt.Fprintf(&b, "%s  %s\n", f.SHA256, f.Name)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
