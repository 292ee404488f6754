package export

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// tenant is a service in memory: what it shows of its assets is what a test says.
type tenant struct {
	divisions []showpad.Division
	tags      []showpad.Tag
	users     []showpad.User
	groups    []showpad.TagCategory
	docs      []string // assets, as v4 shows them
	noScope   bool     // v3 shows no exports
	hide      bool     // lists do not show the trash
	keepBack  []int    // how many assets the nth list keeps back

	mu       sync.Mutex
	bytes    map[string]string // by asset
	shown    map[string]string // MD5 that v3 shows, where it is not that of the bytes
	refuse   map[string]error  // of Download, by asset
	lists    int
	requests int
	fetched  []string
}

func newTenant() *tenant {
	return &tenant{
		divisions: []showpad.Division{{ID: "d1", Name: "Marketing"}, {ID: "d2", Name: "Sales"}},
		tags: []showpad.Tag{
			{ID: "t1", Name: "Sales", Division: showpad.Ref{ID: "d1"}}, {ID: "t2", Name: "sales", Division: showpad.Ref{ID: "d1"}},
			{ID: "t3", Name: "a; b", Division: showpad.Ref{ID: "d1"}}, {ID: "t4", Name: "Shared", Division: showpad.Ref{ID: "d2"}},
		},
		users: []showpad.User{{ID: "u1", Email: "jane@example.com"}, {ID: "u2", Email: "john.q@example.com"}},
		bytes: map[string]string{}, shown: map[string]string{}, refuse: map[string]error{},
	}
}

// file adds an asset with bytes; more are members of its document.
func (s *tenant) file(id, name, content, more string) {
	sum := md5.Sum([]byte(content))
	if more != "" {
		more = ", " + more
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes[id] = content
	s.docs = append(s.docs, fmt.Sprintf(`{"id": %q, "name": %q, "division": {"id": "d1"}, "type": "document", "status": "active", "currentFile": {"id": "f-%s"},
		"checksum": %q, "size": %d, "tags": [], "languages": [], "countries": [], "authors": [], "downloadableExternal": [], "downloadableInternal": [], "lockedPages": []%s}`,
		id, name, id, hex.EncodeToString(sum[:]), len(content), more))
}

func (s *tenant) request() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
}

func all[T any](s *tenant, list []T) iter.Seq2[T, error] {
	s.request()
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func (s *tenant) Divisions(context.Context) iter.Seq2[showpad.Division, error] {
	return all(s, s.divisions)
}

func (s *tenant) ExportDivisions(context.Context) iter.Seq2[showpad.ExportedDivision, error] {
	if s.noScope {
		return func(yield func(showpad.ExportedDivision, error) bool) {
			yield(showpad.ExportedDivision{}, &showpad.Error{Op: "v3 get_exports_divisions", Status: 403})
		}
	}
	return all(s, []showpad.ExportedDivision{{ID: "mine", Name: "My Files", Personal: true}, {ID: "d1", Name: "Marketing"}})
}

func (s *tenant) ExportAssets(context.Context) iter.Seq2[showpad.ExportedAsset, error] {
	if s.noScope {
		return func(yield func(showpad.ExportedAsset, error) bool) {
			yield(showpad.ExportedAsset{}, &showpad.Error{Op: "v3 get_exports_assets", Status: 403})
		}
	}
	var rows []showpad.ExportedAsset
	for _, a := range s.assets(showpad.AssetFilter{}) {
		row := showpad.ExportedAsset{ID: a.ID, DivisionID: a.Division.ID}
		if a.IsArchived {
			row.ArchivedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		rows = append(rows, row)
	}
	return all(s, rows)
}

func (s *tenant) Asset(_ context.Context, id string) (showpad.Asset, error) {
	for _, a := range s.assets(showpad.AssetFilter{}) {
		if a.ID == id {
			return a, nil
		}
	}
	return showpad.Asset{}, showpad.ErrNotFound
}

func (s *tenant) Tags(_ context.Context, f showpad.TagFilter) iter.Seq2[showpad.Tag, error] {
	return all(s, slices.DeleteFunc(slices.Clone(s.tags), func(t showpad.Tag) bool {
		return len(f.IDs) > 0 && !slices.Contains(f.IDs, t.ID) || f.Name != "" && !strings.Contains(strings.ToLower(t.Name), strings.ToLower(f.Name))
	}))
}

func (s *tenant) TagCategories(_ context.Context, f showpad.TagCategoryFilter) iter.Seq2[showpad.TagCategory, error] {
	return all(s, slices.DeleteFunc(slices.Clone(s.groups), func(c showpad.TagCategory) bool { return !slices.Contains(f.DivisionIDs, c.Division.ID) }))
}

func (s *tenant) Users(_ context.Context, _, ids []string) iter.Seq2[showpad.User, error] {
	return all(s, slices.DeleteFunc(slices.Clone(s.users), func(u showpad.User) bool { return !slices.Contains(ids, u.ID) }))
}

func (s *tenant) Assets(_ context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	list := s.assets(f)
	if s.hide {
		list = slices.DeleteFunc(list, func(a showpad.Asset) bool { return a.IsArchived })
	}
	if s.lists < len(s.keepBack) {
		list = list[:len(list)-s.keepBack[s.lists]]
	}
	s.lists++
	return all(s, list)
}

func (s *tenant) assets(f showpad.AssetFilter) (list []showpad.Asset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, doc := range s.docs {
		var a showpad.Asset
		if err := json.Unmarshal([]byte(doc), &a); err != nil {
			panic(err) // of a test's own
		}
		if len(f.DivisionIDs) == 0 || slices.Contains(f.DivisionIDs, a.Division.ID) {
			list = append(list, a)
		}
	}
	return list
}

func (s *tenant) CountAssets(_ context.Context, f showpad.AssetFilter) (int, bool, error) {
	s.request()
	n := 0
	for _, a := range s.assets(f) {
		if !s.hide || !a.IsArchived {
			n++
		}
	}
	return n, true, nil
}

func (s *tenant) QueryAssets(context.Context, showpad.AssetQuery) iter.Seq2[showpad.Asset, error] {
	return all(s, s.assets(showpad.AssetFilter{}))
}

func (s *tenant) Download(_ context.Context, id string) (showpad.Download, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if err := s.refuse[id]; err != nil {
		return showpad.Download{}, err
	}
	sum := md5.Sum([]byte(s.bytes[id]))
	d := showpad.Download{AssetID: id, MD5: hex.EncodeToString(sum[:]), Size: int64(len(s.bytes[id]))}
	if other, ok := s.shown[id]; ok {
		d.MD5 = other
	}
	return d, nil
}

func (s *tenant) Fetch(_ context.Context, d showpad.Download) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched = append(s.fetched, d.AssetID)
	return io.NopCloser(strings.NewReader(s.bytes[d.AssetID])), nil
}

// sheet is a CSV table without the marks of the real one.
type sheet struct{ *csv.Writer }

func (s sheet) Row(cells ...string) error { return s.Write(cells) }
func (s sheet) Close() error              { s.Flush(); return s.Error() }

func options(dir string) Options {
	return Options{Dir: dir, Tenant: "acme", Of: "acme", NewTable: func(w io.Writer) (Table, error) { return sheet{csv.NewWriter(w)}, nil }}
}

// export exports, and fails the test when that fails.
func export(t *testing.T, s API, o Options) Summary {
	t.Helper()
	sum, err := Run(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// rowsOf are the rows of a table, by their first column.
func rowsOf(t *testing.T, path string) map[string]map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]map[string]string{}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, cell := range line {
			if cell != "" {
				row[lines[0][i]] = cell
			}
		}
		rows[line[0]] = row
	}
	return rows
}

// files are the files below dir/files, with their content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(filepath.Join(dir, filesFolder), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

func sameMap(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
