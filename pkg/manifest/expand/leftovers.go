package expand

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// Leftovers are the files under the manifest's roots that no item uses, root by
// root in the order of their paths; of the manifest's own folder those that a
// pattern matches; and then the rows of joined tables that are about no file.
// Roots that cannot be listed are passed over, and so are the manifest itself,
// its tables and what runs keep beside it. A selection of items makes no
// difference. An error ends the stream.
//
// It takes 16 bytes for each item.
func (s *Set) Leftovers(ctx context.Context) iter.Seq2[manifest.Leftover, error] {
	return func(yield func(manifest.Leftover, error) bool) {
		used, err := s.usedFiles(ctx)
		if err != nil {
			yield(manifest.Leftover{}, err)
			return
		}
		places := make([]place, 0, len(s.Manifest.Roots))
		for _, r := range s.Manifest.Roots {
			places = append(places, place{root: r})
		}
		for _, g := range s.globs {
			if g != nil && g.loc.Root == "" {
				places = append(places, place{glob: g, base: g.take.base})
			}
		}
		for _, p := range places {
			for l, err := range s.unused(ctx, p, used) {
				if !yield(l, err) || err != nil {
					return
				}
			}
		}
		for _, g := range s.globs {
			if g == nil || g.made == nil || g.made.join == nil {
				continue
			}
			for row, err := range g.made.join.lost(g.take.base) {
				l := manifest.Leftover{Reason: manifest.LeftNoFile, Pos: row.Pos}
				if row.Path != "" {
					l.Source = g.at(row.Path).String()
				}
				if !yield(l, err) || err != nil {
					return
				}
			}
		}
	}
}

// addresses are a set of files: halves of the SHA-256 of their addresses.
type addresses [][16]byte

func addressHash(a string) [16]byte {
	sum := sha256.Sum256([]byte(a))
	return [16]byte(sum[:16])
}

func compareHashes(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

func (a addresses) has(address string) bool {
	_, found := slices.BinarySearchFunc(a, addressHash(address), compareHashes)
	return found
}

// usedFiles are the files of all items, and personal files.
func (s *Set) usedFiles(ctx context.Context) (addresses, error) {
	var used addresses
	for it, err := range s.Readable(ctx) {
		if err != nil {
			return nil, err
		}
		if it.Location != (manifest.Location{}) {
			used = append(used, addressHash(s.address(it.Location)))
		}
	}
	for _, f := range s.Manifest.MyFiles {
		if f.Location != (manifest.Location{}) {
			used = append(used, addressHash(s.address(f.Location)))
		}
	}
	slices.SortFunc(used, compareHashes)
	return used, nil
}

// place is where leftovers are looked for: a root, or what a pattern in the
// manifest's own folder matches.
type place struct {
	root manifest.Root
	glob *glob // nil: a root
	base string
}

// unused are the leftovers of one place.
func (s *Set) unused(ctx context.Context, in place, used addresses) iter.Seq2[manifest.Leftover, error] {
	return func(yield func(manifest.Leftover, error) bool) {
		src, err := s.lister(in.root.Name)
		if err != nil {
			return
		}
		at := manifest.Location{Root: in.root.Name, Kind: in.root.Kind}
		for info, err := range src.List(ctx, in.base) {
			if ctx.Err() != nil {
				yield(manifest.Leftover{}, context.Cause(ctx))
				return
			}
			at.Path = info.Path
			l := manifest.Leftover{Size: info.Size}
			if err != nil {
				e, ok := errors.AsType[*source.Error](err)
				if !ok {
					yield(l, fmt.Errorf("listing root %s: %w", in.root.Name, err))
					return
				}
				at.Path, l.Size = e.Path, 0
				if e.Op != "stat" {
					l.Reason, l.Detail = manifest.LeftUnlisted, e.Err.Error()
				}
			}
			switch {
			case l.Reason == "" && (used.has(s.address(at)) || s.own(at, at.Path)):
				continue
			case l.Reason == "":
				if g := s.explain(&l, at); in.glob != nil && g != in.glob {
					continue
				}
			case in.glob != nil:
				continue // the include says so by itself
			}
			if s.elsewhere(in.root, at) {
				continue
			}
			l.Source = at.String()
			if err == nil {
				l.Location, l.ModTime, l.Offline = at, info.ModTime, info.Offline
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// explain says why no item uses a file, and returns the first glob whose pattern
// matches it.
func (s *Set) explain(l *manifest.Leftover, at manifest.Location) *glob {
	file := nfc(at.Path)
	for _, g := range s.globs {
		if g == nil || g.loc.Root != at.Root || !g.take.match(file) {
			continue
		}
		l.Pos = g.inc.Pos
		if l.Reason, l.Detail = s.leftOut(g, file); l.Reason == "" {
			l.Reason = manifest.LeftNew
		}
		return g
	}
	if l.Reason = LeftOut(file); l.Reason == "" {
		l.Reason = manifest.LeftNoItem
	}
	return nil
}

// elsewhere reports whether another root tells of a file: one inside r, or an
// earlier one with the same folder. The manifest's own folder comes last.
func (s *Set) elsewhere(r manifest.Root, at manifest.Location) bool {
	full, ok := s.onDisk(at)
	if !ok {
		return false
	}
	own, before := s.rootDirs[r.Name], true
	for _, o := range s.Manifest.Roots {
		if o.Name == r.Name {
			before = false
			continue
		}
		dir, ok := s.rootDirs[o.Name]
		if !ok || r.Name != "" && (dir == own && !before || !within(own, dir)) {
			continue
		}
		if within(dir, full) {
			return true
		}
	}
	return false
}

// within reports whether a path is dir or lies below it.
func within(dir, p string) bool {
	rel, err := filepath.Rel(dir, p)
	return err == nil && filepath.IsLocal(rel)
}
