package main

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// entry is a file in an archive.
type entry struct {
	name    string // with slashes, below the archive's folder
	content []byte
	program bool // may be executed
}

func (e entry) mode() int64 {
	if e.program {
		return 0o755
	}
	return 0o644
}

// sorted are the entries in the order of their names: an archive depends on what is
// in it, not on how it was gathered.
func sorted(entries []entry) []entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return cmp.Compare(a.name, b.name) })
}

// packTar writes the entries as a compressed tar, all in one folder and of one time.
func packTar(w io.Writer, folder string, at time.Time, entries []entry) error {
	gz := gzip.NewWriter(w) // its head has no time and no name
	tw := tar.NewWriter(gz)
	for _, e := range sorted(entries) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: path.Join(folder, e.name), Size: int64(len(e.content)), Mode: e.mode(), ModTime: at, Format: tar.FormatPAX}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(e.content); err != nil {
			return err
		}
	}
	return errors.Join(tw.Close(), gz.Close())
}

// packZip is [packTar] for Windows.
func packZip(w io.Writer, folder string, at time.Time, entries []entry) error {
	zw := zip.NewWriter(w)
	for _, e := range sorted(entries) {
		h := &zip.FileHeader{Name: path.Join(folder, e.name), Method: zip.Deflate, Modified: at}
		h.SetMode(fs.FileMode(e.mode()))
		f, err := zw.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := f.Write(e.content); err != nil {
			return err
		}
	}
	return zw.Close()
}

// guide is what people read, and the examples: from the module's folder root.
func guide(root string) ([]entry, error) {
	var entries []entry
	for _, name := range []string{"README.md", "CHANGELOG.md", "ARCHITECTURE.md", "LICENSE", "docs", "examples"} {
		err := fs.WalkDir(os.DirFS(root), name, func(file string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
			entries = append(entries, entry{name: file, content: content})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// sums are the digests of files in a folder, as sha256sum -c reads them.
func sums(dir string, names []string) (text []byte, err error) {
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "%x  %s\n", sha256.Sum256(content), name)
	}
	return text, nil
}
