// Package scan looks at what people have, a place with files or a table about
// them, and proposes a manifest: an inventory with a row for each file, maps of
// old values to fill in, and what stands in the way. It reads only: the bytes of
// files as far as it is told to, and those of files that are online only never.
//
// Nothing here holds all files: they wait in a temporary file, and 16 bytes of
// memory are kept for each, 8 more for its checksum.
package scan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/expand"
	"github.com/showpad-migrate/migrate/pkg/source"
)

const (
	maxFile = 5 << 30 // bytes that storage takes at once. Source: S3
	bigFile = 2 << 30 // bytes that take long and are often a mistake. Source: ASSUME

	chunkFiles = 256 // files that are looked into together
	readers    = 8   // of them at once
)

// Hashes is a cache of checksums by location, size and time. *state.Hashes has it.
// Its methods are called concurrently.
type Hashes interface {
	Lookup(ctx context.Context, loc string, size int64, mtime time.Time) (md5 string, ok bool)
	Store(ctx context.Context, loc string, size int64, mtime, hashed time.Time, md5 string) error
}

// Options say how files are looked at.
type Options struct {
	Root manifest.Root // what the place is called in addresses and external IDs
	// Inspect looks into files for web pages and passwords: at most 1 MiB of
	// each. It is for folders of this machine.
	Inspect bool
	Hash    bool   // reads files whose checksum the place does not know
	Ask     bool   // asks the place for the checksum of each file; it may take a request for each
	Hashes  Hashes // nil: none
	// Pattern says that the manifest takes the files by a pattern: their external
	// IDs follow from their paths alone.
	Pattern bool
	// Own are beginnings of paths below the root that are nobody's content: what
	// the program itself keeps there.
	Own []string
	// Progress counts while files are listed and read; nil: nobody wants to know.
	Progress *Progress
}

// Progress is how far a scan is. It may be read at any time.
type Progress struct {
	Files atomic.Int64 // listed and looked at
	Bytes atomic.Int64 // read for checksums
}

// Write counts bytes that were read.
func (p *Progress) Write(b []byte) (int, error) {
	p.Bytes.Add(int64(len(b)))
	return len(b), nil
}

// Inventory is what a place holds. The caller closes it.
type Inventory struct {
	Report Report
	Tags   *Values // the folders' names

	root       manifest.Root
	files      *spool
	lookalikes map[int]note // rows whose external ID looks like that of an earlier one
	copies     map[uint64]*duplicate
}

// Row is a file that can move.
type Row struct {
	ExternalID string
	File       string // address in the manifest: root:path
	Name       string // the asset's, in NFC, at most 255 characters
	Tags       []string
}

// Files lists a place and looks at its files. The error is one of listing as a
// whole, of the temporary file, or the context's; what is wrong with single files
// and folders is in the report.
func Files(ctx context.Context, src source.Lister, o Options) (*Inventory, error) {
	files, err := newSpool()
	if err != nil {
		return nil, err
	}
	inv := &Inventory{Report: newReport(), Tags: newValues(), root: o.Root, files: files, lookalikes: map[int]note{}, copies: map[uint64]*duplicate{}}
	s := &scanner{Inventory: inv, Options: o, src: src}
	if s.Progress == nil {
		s.Progress = &Progress{}
	}
	if err := s.scan(ctx); err != nil {
		return nil, errors.Join(err, files.close())
	}
	return inv, nil
}

// Close removes the temporary file.
func (inv *Inventory) Close() error { return inv.files.close() }

// Rows are the files that can move, in the order of their paths.
func (inv *Inventory) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for e, err := range inv.files.all() {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			switch {
			case err != nil:
				yield(Row{}, err)
				return
			case e.Row > 0 && !yield(inv.row(e), nil):
				return
			}
		}
	}
}

func (inv *Inventory) row(e entry) Row {
	id := inv.id(e.Path)
	if _, ok := inv.lookalikes[e.Row]; ok {
		id = distinct(id, e.Path)
	}
	return Row{ExternalID: id, File: inv.root.Name + ":" + e.Path, Name: assetName(e.Path), Tags: tagsOf(e.Path)}
}

// id is the external ID that a pattern would give the file.
func (inv *Inventory) id(path string) string {
	return expand.FileID(inv.root.Name + "/" + path)
}

// distinct is an external ID for a file whose own one another file has, but for
// capitals or the form of accents: it ends in a hash of the path as it is stored.
func distinct(id, path string) string {
	sum := sha256.Sum256([]byte(path))
	tail := "~" + hex.EncodeToString(sum[:4])
	r := []rune(id)
	return string(r[:min(len(r), manifest.MaxExternalID-len(tail))]) + tail
}

// maxName is the longest name of an asset, in characters. Source: ASSUME.
const maxName = 255

// assetName is the file's name, shortened before its extension if need be.
func assetName(path string) string {
	name := baseName(path)
	if utf8.RuneCountInString(name) <= maxName {
		return name
	}
	ext := extension(name)
	stem := []rune(strings.TrimSuffix(name, ext))
	if utf8.RuneCountInString(ext) >= maxName {
		return string([]rune(name)[:maxName])
	}
	return strings.TrimSpace(string(stem[:maxName-utf8.RuneCountInString(ext)])) + ext
}

func baseName(path string) string {
	return norm.NFC.String(path[strings.LastIndexByte(path, '/')+1:])
}

// extension is that of a file's name with its dot; ".profile" has none.
func extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 || i == len(name)-1 {
		return ""
	}
	return name[i:]
}

// maxTag is the longest tag, in characters. Source: v4 postTags.
const maxTag = 255

// tagsOf are the names of the folders on the way to a file, each once. In a
// table a semicolon parts tags, so it becomes a comma.
func tagsOf(path string) []string {
	dirs := strings.Split(norm.NFC.String(path), "/")
	var tags []string
	seen := map[string]bool{}
	for _, d := range dirs[:len(dirs)-1] {
		d = strings.Join(strings.Fields(strings.ReplaceAll(d, ";", ",")), " ")
		if r := []rune(d); len(r) > maxTag {
			d = strings.TrimSpace(string(r[:maxTag]))
		}
		if d != "" && !seen[strings.ToLower(d)] {
			seen[strings.ToLower(d)] = true
			tags = append(tags, d)
		}
	}
	return tags
}

// scanner fills in an inventory.
type scanner struct {
	*Inventory
	Options
	src    source.Lister
	ids    manifest.IDs
	hashes []uint64
}

func (s *scanner) scan(ctx context.Context) error {
	chunk := make([]entry, 0, chunkFiles)
	for info, err := range s.src.List(ctx, "") {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if slices.ContainsFunc(s.Own, func(own string) bool { return strings.HasPrefix(info.Path, own) }) {
			continue
		}
		e := entry{Path: info.Path, Size: info.Size, info: info}
		if err != nil {
			se, ok := errors.AsType[*source.Error](err)
			switch {
			case !ok:
				return fmt.Errorf("listing %s: %w", s.Root.Location, err)
			case se.Path == "" && se.Op == "list":
				return &source.Error{Op: se.Op, Path: s.Root.Location, Hint: se.Hint, Err: se.Err}
			}
			e.unlisted(se)
		}
		if chunk = append(chunk, e); len(chunk) == chunkFiles {
			if err := s.chunk(ctx, chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
	}
	if err := s.chunk(ctx, chunk); err != nil {
		return err
	}
	if err := s.files.end(); err != nil {
		return err
	}
	if err := s.ids.Confirm(ctx, s.places(ctx), s.lookalike); err != nil {
		return err
	}
	if err := s.compare(ctx); err != nil {
		return err
	}
	s.Report.Tags = s.Tags.Len()
	s.Report.finish()
	return nil
}

// chunk looks into files at once and keeps them in their order.
func (s *scanner) chunk(ctx context.Context, chunk []entry) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for i := range chunk {
		e := &chunk[i]
		s.judge(e)
		if !e.leftOut() && !e.info.Offline && e.Size > 0 && (s.Inspect || s.Hash || s.Ask) {
			g.Go(func() error { return s.look(gctx, e) })
		}
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	for i := range chunk {
		if err := s.keep(&chunk[i]); err != nil {
			return err
		}
	}
	s.Progress.Files.Add(int64(len(chunk)))
	return nil
}

// keep counts a file and puts it aside.
func (s *scanner) keep(e *entry) error {
	if len(e.MD5) == 0 && len(e.info.MD5) == md5Size {
		e.MD5 = e.info.MD5
	}
	if !e.leftOut() {
		s.Report.Rows++
		e.Row = s.Report.Rows
		id := s.id(e.Path)
		s.ids.Add(id)
		for _, t := range tagsOf(e.Path) {
			s.Tags.Add(t)
		}
		if len(e.MD5) == md5Size {
			s.hashes = append(s.hashes, e.key())
		} else {
			s.Report.Unhashed++
		}
	}
	s.Report.add(e)
	return s.files.add(e)
}

// places are the external IDs of the rows; their lines are the numbers of rows.
func (s *scanner) places(ctx context.Context) iter.Seq2[manifest.IDPlace, error] {
	return func(yield func(manifest.IDPlace, error) bool) {
		for e, err := range s.files.all() {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				yield(manifest.IDPlace{}, err)
				return
			}
			if e.Row > 0 && !yield(manifest.IDPlace{ExternalID: s.id(e.Path), Pos: manifest.Pos{Line: e.Row}}, nil) {
				return
			}
		}
	}
}

// lookalike notes a row whose external ID looks like that of an earlier one.
func (s *scanner) lookalike(p manifest.Problem) {
	n := note{Kind: Lookalike}
	switch {
	case p.Pos.Line == 0:
		return // there are more than are compared: lint tells
	case !s.Pattern:
		n.Detail = "another file has this name but for capitals or how accents are stored; its external ID ends in a hash"
	case p.Code == manifest.CodeLookalikeID:
		n.Detail, n.Exclude = "another file has this name but for capitals; exclude: leaves this one out until it is renamed", true
	default: // patterns see both in one form
		n.Detail = "another file has this name but for how accents are stored: rename one of them"
	}
	s.lookalikes[p.Pos.Line] = n
}
