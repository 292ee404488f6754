package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
)

func write(t *testing.T, dir string, files map[string]sourcetest.File) {
	t.Helper()
	for path, f := range files {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := os.Create(full)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, f.Reader()); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		if !f.ModTime.IsZero() {
			if err := os.Chtimes(full, f.ModTime, f.ModTime); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func text(names ...string) map[string]sourcetest.File {
	files := map[string]sourcetest.File{}
	for _, n := range names {
		files[n] = sourcetest.File{Data: []byte(n)}
	}
	return files
}

func newAt(t *testing.T, dir string) *Source {
	t.Helper()
	s, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newWith(t *testing.T, files map[string]sourcetest.File) (*Source, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	return newAt(t, dir), dir
}

func content(ctx context.Context, s source.Source, path string) (string, error) {
	r, _, err := s.Open(ctx, path)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// expect checks that stat and open fail with want, and with words of hint.
func expect(t *testing.T, s source.Source, path string, want error, hint string) {
	t.Helper()
	_, statErr := s.Stat(t.Context(), path)
	_, openErr := content(t.Context(), s, path)
	for op, err := range map[string]error{"stat": statErr, "open": openErr} {
		e, ok := errors.AsType[*source.Error](err)
		if !ok || !errors.Is(err, want) || e.Op != op || e.Path != path || !strings.Contains(e.Hint, hint) {
			t.Errorf("%s %q: %v; want %q with hint %q", op, path, err, want, hint)
		}
	}
}

func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source {
		s, _ := newWith(t, files)
		return s
	})
}

func TestConformanceOfFilesThatChange(t *testing.T) {
	sourcetest.RunChanging(t, func(t *testing.T, files map[string]sourcetest.File) sourcetest.Place {
		s, dir := newWith(t, files)
		aside := t.TempDir()
		return sourcetest.Place{
			Source: s,
			Set: func(path string, f sourcetest.File) {
				write(t, aside, map[string]sourcetest.File{"new": f})
				if err := os.Rename(filepath.Join(aside, "new"), filepath.Join(dir, filepath.FromSlash(path))); err != nil {
					t.Fatal(err)
				}
			},
			Remove: func(path string) {
				if err := os.Remove(filepath.Join(dir, filepath.FromSlash(path))); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// below serves the files of one folder by absolute path.
type below struct {
	source.Source
	dir string
}

func (b below) Stat(ctx context.Context, path string) (source.Info, error) {
	i, err := b.Source.Stat(ctx, b.dir+"/"+path)
	i.Path = path
	return i, b.rename(err, path)
}

func (b below) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	r, i, err := b.Source.Open(ctx, b.dir+"/"+path)
	i.Path = path
	return r, i, b.rename(err, path)
}

func (b below) rename(err error, path string) error {
	if strings.Contains(path, "..") { // there is nothing to leave
		return &source.Error{Path: path, Err: source.ErrOutside}
	}
	if e, ok := errors.AsType[*source.Error](err); ok {
		return &source.Error{Op: e.Op, Path: path, Hint: e.Hint, Err: e.Err}
	}
	return err
}

func TestConformanceOfAbsolutePaths(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source {
		dir := t.TempDir()
		write(t, dir, files)
		return below{Absolute(), filepath.ToSlash(dir)}
	})
}

func TestTheFolderMustExist(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, text("file"))
	for path, hint := range map[string]string{"none": "make it", "file": "name the folder"} {
		_, err := New(filepath.Join(dir, path))
		e, ok := errors.AsType[*source.Error](err)
		if !ok || !strings.Contains(e.Hint, hint) || e.Path != filepath.Join(dir, path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAFileOfZeroBytesIsAFile(t *testing.T) {
	s, _ := newWith(t, map[string]sourcetest.File{"empty": {Data: []byte{}}})
	if i, err := s.Stat(t.Context(), "empty"); err != nil || i.Size != 0 || i.ModTime.IsZero() {
		t.Errorf("%+v, %v", i, err)
	}
	if b, err := content(t.Context(), s, "empty"); b != "" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestAFileThatVanishesAfterStat(t *testing.T) {
	s, dir := newWith(t, text("a.pdf"))
	if _, err := s.Stat(t.Context(), "a.pdf"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "a.pdf")); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "a.pdf", source.ErrNotExist, "")
}

func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	const size = 100_000
	for name, change := range map[string]func(f *os.File) error{
		"grows":   func(f *os.File) error { _, err := f.WriteAt([]byte("more"), size); return err },
		"shrinks": func(f *os.File) error { return f.Truncate(size / 2) },
		"empties": func(f *os.File) error { return f.Truncate(0) },
		"is rewritten": func(f *os.File) error {
			if _, err := f.WriteAt([]byte("x"), 0); err != nil {
				return err
			}
			later := time.Now().Add(time.Hour)
			return os.Chtimes(f.Name(), later, later)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newWith(t, map[string]sourcetest.File{"a.bin": {Size: size}})
			r, i, err := s.Open(t.Context(), "a.bin")
			if err != nil || i.Size != size {
				t.Fatal(i, err)
			}
			defer r.Close()
			if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(filepath.Join(dir, "a.bin"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := change(f); err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(io.Discard, r)
			if e, ok := errors.AsType[*source.Error](err); !ok || !errors.Is(err, source.ErrChanged) || e.Op != "read" || e.Path != "a.bin" {
				t.Errorf("%v", err)
			}
			if _, again := r.Read(make([]byte, 1)); !errors.Is(again, source.ErrChanged) {
				t.Errorf("read on: %v", again)
			}
		})
	}
}

func TestAReaderThatStopsAtTheSizeNoticesAChange(t *testing.T) {
	s, dir := newWith(t, map[string]sourcetest.File{"a.bin": {Size: 4000}})
	r, i, err := s.Open(t.Context(), "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a.bin"), later, later); err != nil {
		t.Fatal(err)
	}
	n, err := r.Read(make([]byte, i.Size)) // exactly, not one byte more
	if n != 4000 || !errors.Is(err, source.ErrChanged) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestAFileReplacedWhileItIsReadIsReadToItsEnd(t *testing.T) {
	s, dir := newWith(t, map[string]sourcetest.File{"a.bin": {Data: []byte("the old bytes")}, "b.bin": {Data: []byte("new")}})
	r, _, err := s.Open(t.Context(), "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Rename(filepath.Join(dir, "b.bin"), filepath.Join(dir, "a.bin")); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "the old bytes" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	s, _ := newWith(t, map[string]sourcetest.File{"a.bin": {Size: 1 << 20}})
	why := errors.New("stopped by hand")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, _, err := s.Open(ctx, "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel(why)
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

func TestPathsThatLeaveTheFolder(t *testing.T) {
	top := t.TempDir()
	write(t, top, text("secret.txt", "root/in.txt"))
	s := newAt(t, filepath.Join(top, "root"))
	for _, path := range []string{"../secret.txt", "..", "x/../../secret.txt", "../root/in.txt"} {
		expect(t, s, path, source.ErrOutside, "roots:")
	}
	expect(t, s, filepath.ToSlash(filepath.Join(top, "secret.txt")), source.ErrOutside, "relative")
	if b, err := content(t.Context(), s, "x/../in.txt"); err == nil && b != "root/in.txt" {
		t.Errorf("%q", b)
	}
}

func TestAbsolutePathsAreServedByTheirOwnSource(t *testing.T) {
	top := t.TempDir()
	write(t, top, text("other/a.txt", "root/in.txt"))
	abs := filepath.ToSlash(filepath.Join(top, "other/a.txt"))
	if b, err := content(t.Context(), Absolute(), abs); b != "other/a.txt" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	expect(t, newAt(t, filepath.Join(top, "root")), abs, source.ErrOutside, "relative")
	expect(t, Absolute(), "in.txt", source.ErrOutside, "not an absolute path")
	expect(t, Absolute(), abs+"x", source.ErrNotExist, "")
	expect(t, Absolute(), filepath.ToSlash(top), source.ErrNotRegular, "a folder")
}

func TestNamesInOtherUnicodeForms(t *testing.T) {
	const composed, decomposed = "\u00e9", "e\u0301"
	for _, c := range []struct{ onDisk, asked string }{{composed, decomposed}, {decomposed, composed}} {
		t.Run(fmt.Sprintf("%+q", c.asked), func(t *testing.T) {
			disk := "caf" + c.onDisk + "/plain/r" + c.onDisk + "sum" + c.onDisk + ".pdf"
			asked := "caf" + c.asked + "/plain/r" + c.asked + "sum" + c.asked + ".pdf"
			s, dir := newWith(t, text(disk, "other.pdf"))
			for _, s := range []struct {
				source.Source
				path string
			}{{s, asked}, {Absolute(), filepath.ToSlash(dir) + "/" + asked}} {
				if b, err := content(t.Context(), s, s.path); b != disk || err != nil {
					t.Errorf("%q, %v", b, err)
				}
				if i, err := s.Stat(t.Context(), s.path); i.Path != s.path || err != nil {
					t.Errorf("%+v, %v", i, err)
				}
			}
			expect(t, s, "caf"+c.asked+"/plain/none"+c.asked, source.ErrNotExist, "")
		})
	}
}

func TestTheExactNameComesBeforeItsOtherForms(t *testing.T) {
	s, dir := newWith(t, text("\u00e9.pdf", "e\u0301.pdf"))
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Logf("this file system does not tell the forms apart: %v, %v", entries, err)
		return
	}
	for _, name := range []string{"\u00e9.pdf", "e\u0301.pdf"} {
		if b, err := content(t.Context(), s, name); b != name || err != nil {
			t.Errorf("%+q: %+q, %v", name, b, err)
		}
	}
}

func TestSeveralOtherFormsAreAmbiguous(t *testing.T) {
	// Three forms of one letter: the third is neither composed nor decomposed.
	const a, b, asked = "\u1ec7.pdf", "e\u0323\u0302.pdf", "\u1eb9\u0302.pdf"
	s, dir := newWith(t, text(a, b))
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Logf("this file system does not tell the forms apart: %v, %v", entries, err)
		return
	}
	expect(t, s, asked, source.ErrAmbiguous, `"\u1ec7.pdf"`)
	expect(t, s, asked, source.ErrAmbiguous, `"e\u0323\u0302.pdf"`)
	// An ambiguous folder is none when only one of its forms has the file.
	s, _ = newWith(t, text("d\u1ec7/only.pdf", "de\u0323\u0302/other.pdf"))
	if b, err := content(t.Context(), s, "d\u1eb9\u0302/only.pdf"); b != "d\u1ec7/only.pdf" || err != nil {
		t.Errorf("%+q, %v", b, err)
	}
}

func TestCapitalsCountAndAreHintedAt(t *testing.T) {
	s, dir := newWith(t, text("Decks/Sales.pptx", "top.PDF"))
	if _, err := os.Stat(filepath.Join(dir, "TOP.pdf")); err == nil {
		t.Log("this file system does not tell capitals apart")
		return
	}
	expect(t, s, "Decks/sales.PPTX", source.ErrNotExist, `did you mean "Sales.pptx"?`)
	expect(t, s, "top.pdf", source.ErrNotExist, `did you mean "top.PDF"?`)
	expect(t, s, "decks/Sales.pptx", source.ErrNotExist, `did you mean "Decks/Sales.pptx"?`)
	expect(t, s, "decks/other.pptx", source.ErrNotExist, "")
	expect(t, s, "slides/other.pptx", source.ErrNotExist, `no folder "slides"`)
	expect(t, s, "Decks/q3/other.pptx", source.ErrNotExist, `no folder "Decks/q3"`)
	write(t, dir, text("Decks/sales.pptx"))
	for _, name := range []string{"Decks/Sales.pptx", "Decks/sales.pptx"} {
		if b, err := content(t.Context(), s, name); b != name || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	}
}

func TestANameThatIsTooLongDoesNotExist(t *testing.T) {
	s, _ := newWith(t, text("a"))
	expect(t, s, strings.Repeat("x", 300)+".pdf", source.ErrNotExist, "too long")
	expect(t, s, strings.Repeat("é", 300)+".pdf", source.ErrNotExist, "too long")
	expect(t, s, "", source.ErrNotExist, "empty")
}

func TestAClosedSourceBlamesNoFile(t *testing.T) {
	s, _ := newWith(t, text("a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Stat(t.Context(), "a")
	if err == nil || errors.Is(err, source.ErrUnreadable) || errors.Is(err, source.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
