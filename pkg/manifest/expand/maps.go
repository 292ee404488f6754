package expand

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
)

// loadedMaps are the maps of a manifest with the entries of their files.
type loadedMaps struct {
	mapper   *manifest.Mapper
	problems manifest.Problems
	notes    []manifest.Problem

	categories []manifest.TagCategory // as the header has them
}

// mapFile is a map that stands in a file of its own.
type mapFile struct {
	name string // as in "people"
	*manifest.ValueMap
}

func mapFiles(m *manifest.Maps) []mapFile {
	var files []mapFile
	for name, vm := range m.All() {
		if vm.File != "" {
			files = append(files, mapFile{name, vm})
		}
	}
	return files
}

// maps reads the maps, once for all passes. The error is one of reading, or the
// context's; what is wrong with the maps comes with them.
func (s *Set) maps(ctx context.Context) (*loadedMaps, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	if s.loaded != nil {
		return s.loaded, nil
	}
	maps := s.Manifest.Maps // a copy: the entries of files are not the header's
	l := &loadedMaps{}
	for _, f := range mapFiles(&maps) {
		path := s.path(f.File)
		for _, err := range s.file(ctx, path, f.File, nil, f.Pos, func(in input) iter.Seq2[manifest.Parsed, error] {
			return readMap(ctx, in, path, f, func(p manifest.Problem) { l.notes = append(l.notes, p) })
		}) {
			ps, ok := errors.AsType[manifest.Problems](err)
			if !ok {
				return nil, err
			}
			l.problems = append(l.problems, ps...)
		}
	}
	var wrong []manifest.Problem
	l.mapper, wrong = manifest.NewMapper(&maps)
	l.problems = append(l.problems, wrong...)
	l.categories = s.Manifest.TagCategories
	s.Manifest.TagCategories = l.mapper.TagCategories(l.categories)
	l.notes = append(l.notes, l.mapper.MyFiles(s.Manifest)...)
	s.loaded = l
	return l, nil
}

// readMap adds the rows of a file to a map; it yields errors only. Columns
// other than from and to are for the people who fill in the map.
func readMap(ctx context.Context, in input, path string, f mapFile, note func(manifest.Problem)) iter.Seq2[manifest.Parsed, error] {
	return func(yield func(manifest.Parsed, error) bool) {
		wrong := func(code string, line, column int, what, fix string) bool {
			return yield(manifest.Parsed{}, manifest.Problems{manifest.NewProblem(code, manifest.Pos{File: path, Line: line, Column: column}, what, fix)})
		}
		from, to := -1, -1
		for row, err := range table.Read(ctx, in.at, in.size, table.Options{Name: path, Note: note}) {
			if err != nil {
				if !yield(manifest.Parsed{}, err) || from < 0 {
					return
				}
				continue
			}
			if from < 0 {
				for i, name := range row.Cells {
					switch strings.ToLower(strings.TrimSpace(unguard(name))) {
					case "from":
						from = i
					case "to":
						to = i
					}
				}
				if from < 0 || to < 0 {
					wrong(manifest.CodeMap, row.Line, 0, fmt.Sprintf("the map of %s lacks the column from or to", f.name), "name its columns from and to in the first row")
					return
				}
				continue
			}
			if len(row.Cells) <= max(from, to) {
				if !wrong(manifest.CodeRagged, row.Line, 0, fmt.Sprintf("the row has %d cells, and the columns from and to need %d", len(row.Cells), max(from, to)+1), "add separators, and leave the cell empty to drop the value") {
					return
				}
				continue
			}
			if p, ok := firstWrong(row, from, to); ok {
				if !yield(manifest.Parsed{}, manifest.Problems{p}) {
					return
				}
				continue
			}
			if len(f.Entries) == manifest.MaxMapEntries {
				wrong(manifest.CodeMap, row.Line, 0, fmt.Sprintf("the map of %s has more than %d entries", f.name, manifest.MaxMapEntries), "leave out values that stay as they are")
				return
			}
			f.Entries = append(f.Entries, manifest.MapEntry{
				From: unguard(row.Cells[from]), To: unguard(row.Cells[to]), Pos: manifest.Pos{File: path, Line: row.Line, Column: from + 1},
			})
		}
		if from < 0 {
			wrong(manifest.CodeMap, 0, 0, fmt.Sprintf("the map of %s is empty", f.name), "write its first row: from,to")
		}
	}
}
