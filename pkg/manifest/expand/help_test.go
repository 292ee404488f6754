package expand

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/local"
)

var now = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// folder is a folder with these files; names end before the first line break
// of each argument.
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		name, text, _ := strings.Cut(f, "\n")
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t testing.TB, dir string) *Set {
	t.Helper()
	return openAt(t, filepath.Join(dir, "m.yaml"))
}

// openAt is a set whose sources are folders.
func openAt(t testing.TB, path string) *Set {
	t.Helper()
	s, err := Open(path, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	s.Sources = map[string]source.Source{}
	for name, dir := range s.rootDirs {
		src, err := local.New(dir)
		if err != nil {
			continue // the tests of missing roots
		}
		t.Cleanup(func() { src.Close() })
		s.Sources[name] = src
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// check is every problem as a line without the folder, and the sums.
func check(t testing.TB, s *Set) ([]string, Checked) {
	t.Helper()
	var got []string
	c, err := s.Check(t.Context(), func(p manifest.Problem) {
		line := p.String()
		if p.Class != manifest.Stop {
			line = p.Class.String() + " " + line
		}
		got = append(got, strings.ReplaceAll(line, s.Manifest.Dir+string(filepath.Separator), ""))
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, c
}

// items are all items; positions of fields are left out.
func items(t testing.TB, s *Set) []manifest.Item {
	t.Helper()
	var got []manifest.Item
	for it, err := range s.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		it.At = nil
		it.Pos.File = filepath.Base(it.Pos.File)
		got = append(got, it)
	}
	return got
}

const header = "version: 1\ndivision: D\ntimezone: UTC\ndefaults: {authors: [jane@example.com]}\n"

// tableSet is a set of one table with these rows; include is put below its entry.
func tableSet(t testing.TB, name, text, include string) *Set {
	t.Helper()
	return open(t, folder(t, "m.yaml\n"+header+"include:\n- table: "+name+"\n"+include, name+"\n"+text))
}
