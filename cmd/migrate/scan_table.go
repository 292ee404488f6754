package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/scan"
)

// scanTable proposes a manifest that reads a table: of the files of the place, or
// of those that lie beside it.
func (s *scanning) scanTable(ctx context.Context) (int, error) {
	mappings, err := s.mappings()
	if err != nil {
		return 0, err
	}
	named := s.at != nil
	if !named {
		if s.at, err = findPlace(filepath.Dir(s.table)); err != nil {
			return 0, err
		}
	}
	if err := s.open(); err != nil {
		return 0, err
	}
	look := 0
	if s.at.root.Kind != manifest.RootFolder {
		look = 20 // each may be a request
	}
	t, err := scan.ReadTable(ctx, tableRows(s.table), scan.TableOptions{
		Mappings: mappings, Look: look,
		There: func(ctx context.Context, p string) bool {
			_, err := s.src.Stat(ctx, p)
			return err == nil
		},
	})
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err != nil {
		if errors.Is(err, scan.ErrTable) {
			err = usagef("%s: %v; nothing was written", s.table, err)
		}
		return 0, err
	}
	if what := t.Usable(); what != "" {
		return 0, usagef("%s: %s; nothing was written (add such a column, or say with --mapping which one it is)", s.table, what)
	}
	switch {
	case named && t.Found == 0 && t.Path != "":
		return 0, usagef("%s: none of the files that it names is below %s: the first is %q; nothing was written (name the folder that its paths begin at)", s.table, s.at.name, t.First)
	case t.Found > 0 || named:
		s.pattern = t.Joined
		if err := s.list(ctx); err != nil {
			return 0, err
		}
	case t.Path == "":
		s.at = nil
	case t.Joined: // somewhere: under the name that the table has for it
		s.at, s.away = &scanPlace{name: s.at.name, root: awayRoot(s.flags.out, t.Strip)}, true
	}
	s.tableMaps(t)
	exclude, err := s.cannotMove(ctx, t)
	if err != nil {
		return 0, err
	}
	seen, err := seenFrom(s.flags.out, s.table)
	if err != nil {
		return 0, err
	}
	root := ""
	if s.at != nil {
		root = s.at.root.Name
	}
	p, err := s.proposal(t.Include(seen, root, exclude)...)
	if err != nil {
		return 0, err
	}
	p.Zone = t.Zone
	return s.finish(ctx, p, t, nil)
}

// mappings are those that a table is compared with.
func (s *scanning) mappings() ([]scan.Mapping, error) {
	name := s.flags.mapping
	if name == "" {
		return scan.Mappings()
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usagef("--mapping: %v", err)
	}
	defer f.Close()
	m, err := scan.ReadMapping(f, name)
	if m.Name == "" {
		m.Name = name
	}
	return []scan.Mapping{m}, err
}

// awayRoot is a folder for files that are not here yet.
func awayRoot(out, strip string) manifest.Root {
	name := path.Base(strings.TrimSuffix(strip, "/"))
	if name == "." || name == "/" {
		name = "files"
	}
	dir := filepath.Join(out, name)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return manifest.Root{Name: scan.RootName(name), Location: filepath.ToSlash(dir)}
}

// tableMaps are the values that maps turn into others: those of the table, and
// the names of folders that become tags.
func (s *scanning) tableMaps(t *scan.Table) {
	maps.Copy(s.maps, t.Values)
	if !t.Joined || s.inv == nil {
		return
	}
	if tags := s.maps["tags"]; tags != nil {
		tags.AddAll(s.inv.Tags)
		return
	}
	s.maps["tags"] = s.inv.Tags
}

const maxExclude = 100 // files that a proposed manifest leaves out by name

// cannotMove are the files that a pattern would take and that cannot move, or not
// beside another one, and what scan itself writes among them.
func (s *scanning) cannotMove(ctx context.Context, t *scan.Table) ([]string, error) {
	if !t.Joined || s.inv == nil {
		return nil, nil
	}
	var all []string
	if len(s.inv.Report.Findings) > 0 {
		if own, ok := s.below(s.flags.file(findingsTable)); ok {
			all = append(all, own)
		}
	}
	for f, err := range s.inv.Findings(ctx) {
		switch {
		case err != nil:
			return nil, err
		case !f.Exclude && !slices.Contains([]string{scan.Empty, scan.TooBig, scan.WebPage}, f.Kind):
		case len(all) == maxExclude:
			return all, nil // lint tells the others
		default:
			all = append(all, f.Path)
		}
	}
	return all, nil
}

// below is the path below the place of a file that scan writes; false when it
// lies elsewhere.
func (s *scanning) below(name string) (string, bool) {
	if s.at.root.Kind != manifest.RootFolder {
		return "", false
	}
	rel, err := seenFrom(s.at.root.Location, filepath.Join(s.flags.out, name))
	return rel, err == nil && filepath.IsLocal(filepath.FromSlash(rel))
}
