package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	at      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	entries = []entry{
		{name: "migrate", content: []byte("\x7fELF"), program: true},
		{name: "docs/plans.md", content: []byte("# Plans\n")},
		{name: "README.md", content: []byte("# migrate\n")},
	}
)

// file is an entry as it is found in an archive.
type file struct {
	name, content string
	mode          int64
	at            time.Time
}

func unpackTar(t *testing.T, b []byte) (files []file) {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s belongs to %d:%d %q", h.Name, h.Uid, h.Gid, h.Uname)
		}
		files = append(files, file{h.Name, string(content), h.Mode, h.ModTime.UTC()})
	}
}

func unpackZip(t *testing.T, b []byte) (files []file) {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{f.Name, string(content), int64(f.Mode().Perm()), f.Modified.UTC()})
	}
	return files
}

func TestArchivesDependOnTheirContentAlone(t *testing.T) {
	want := []file{
		{"migrate-v1/README.md", "# migrate\n", 0o644, at}, {"migrate-v1/docs/plans.md", "# Plans\n", 0o644, at}, {"migrate-v1/migrate", "\x7fELF", 0o755, at},
	}
	for name, c := range map[string]struct {
		pack   func(io.Writer, string, time.Time, []entry) error
		unpack func(*testing.T, []byte) []file
	}{"tar": {packTar, unpackTar}, "zip": {packZip, unpackZip}} {
		t.Run(name, func(t *testing.T) {
			var first, second bytes.Buffer
			if err := c.pack(&first, "migrate-v1", at, entries); err != nil {
				t.Fatal(err)
			}
			other := slices.Clone(entries)
			slices.Reverse(other)
			if err := c.pack(&second, "migrate-v1", at, other); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Error("the order in which files were gathered changed the archive")
			}
			if got := c.unpack(t, first.Bytes()); !slices.Equal(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestTheGuideIsWhole(t *testing.T) {
	found, err := guide("../..")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.name)
		if len(e.content) == 0 {
			t.Errorf("%s is empty", e.name)
		}
	}
	for _, want := range []string{"README.md", "LICENSE", "CHANGELOG.md", "docs/plans.md", "docs/guarantees.md"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "examples/manifests/") }) {
		t.Error("the examples are missing")
	}
	if _, err := guide(t.TempDir()); err == nil {
		t.Error("a folder without a guide made one")
	}
}

func TestTermsAreFound(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"LICENSE", "LICENCE.txt", "license.md", "UNLICENSE", "COPYING", "NOTICE", "LICENSE-APACHE", "main.go", "licenses.go", "README.md"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	texts, err := terms(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(bytes.Join(texts, []byte(" "))), "COPYING LICENCE.txt LICENSE LICENSE-APACHE NOTICE UNLICENSE license.md"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestSumsAreThoseOfTheFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.zip"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := sums(dir, []string{"a.zip"})
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.zip\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTheMomentOfARelease(t *testing.T) {
	got, err := moment(t.Context(), "1772366400")
	if err != nil || !got.Equal(at) {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := moment(t.Context(), "yesterday"); err == nil {
		t.Error("a word was taken for a moment")
	}
}
