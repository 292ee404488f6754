package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
	"github.com/showpad-migrate/migrate/pkg/report"
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
	t, err := scan.ReadTable(ctx, tableRows(s.table), scan.TableOptions{
		Mappings: mappings,
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

// cannotMove are the files that a pattern would take and that cannot move, and what
// scan itself writes among them.
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
		case !slices.Contains([]string{scan.Empty, scan.TooBig, scan.WebPage}, f.Kind):
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

// tableRows reads a table of any kind.
func tableRows(name string) scan.Rows {
	return func(ctx context.Context) iter.Seq2[scan.TableRow, error] {
		return func(yield func(scan.TableRow, error) bool) {
			f, err := os.Open(name)
			if err != nil {
				yield(scan.TableRow{}, err)
				return
			}
			defer f.Close()
			if strings.EqualFold(filepath.Ext(name), ".ndjson") {
				objectRows(ctx, f, name, yield)
				return
			}
			st, err := f.Stat()
			if err != nil {
				yield(scan.TableRow{}, err)
				return
			}
			for row, err := range table.Read(ctx, f, st.Size(), table.Options{Name: name}) {
				cells := make([]string, len(row.Cells))
				for i, c := range row.Cells {
					cells[i] = report.Unneutralise(c)
				}
				if !yield(scan.TableRow{Line: row.Line, Cells: cells}, err) {
					return
				}
			}
		}
	}
}

// objectRows reads objects of JSON, one a line, as rows: the keys of the first
// thousand are the columns, lists are parted by semicolons, and what is nested
// deeper is left to the manifest.
func objectRows(ctx context.Context, f io.ReadSeeker, name string, yield func(scan.TableRow, error) bool) {
	const first = 1000
	var keys []string
	for pass := range 2 {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			yield(scan.TableRow{}, err)
			return
		}
		if pass == 1 && !yield(scan.TableRow{Line: 1, Cells: keys}, nil) {
			return
		}
		in := bufio.NewScanner(f)
		in.Buffer(nil, table.MaxRow)
		for line := 1; in.Scan(); line++ {
			if ctx.Err() != nil {
				yield(scan.TableRow{}, context.Cause(ctx))
				return
			}
			if len(bytes.TrimSpace(in.Bytes())) == 0 {
				continue
			}
			object, order, err := readObject(in.Bytes())
			switch {
			case pass == 0 && (err != nil || line > first):
			case pass == 0:
				for _, k := range order {
					if !slices.Contains(keys, k) {
						keys = append(keys, k)
					}
				}
			default:
				cells := make([]string, len(keys))
				for i, k := range keys {
					cells[i] = object[k]
				}
				if err != nil {
					err = manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, manifest.Pos{File: name, Line: line}, "the line is no JSON object", "write one object {...} on each line")}
				}
				if !yield(scan.TableRow{Line: line, Cells: cells}, err) {
					return
				}
			}
			if pass == 0 && line > first {
				break
			}
		}
		if err := in.Err(); err != nil {
			yield(scan.TableRow{}, fmt.Errorf("reading %s: %w", name, err))
			return
		}
	}
}

// readObject reads an object, and its keys in their order.
func readObject(text []byte) (object map[string]string, order []string, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("no object")
	}
	object = map[string]string{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, nil, err
		}
		k := fmt.Sprint(key)
		switch v := value.(type) {
		case nil:
			object[k] = ""
		case map[string]any:
			continue
		case []any:
			var parts []string
			for _, p := range v {
				parts = append(parts, fmt.Sprint(p))
			}
			object[k] = strings.Join(parts, "; ")
		default:
			object[k] = fmt.Sprint(v)
		}
		order = append(order, k)
	}
	return object, order, nil
}
