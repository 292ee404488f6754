// Package sourcetest has the suite that every source.Source passes, a source in
// memory, and wrappers that make any source fail, dawdle, end early or change,
// for the tests of those who read from one.
package sourcetest

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// File is a file that a test wants to exist.
type File struct {
	Data []byte
	// Size, when Data is nil, makes a file of that many bytes of [Pattern].
	Size int64
	// ModTime is the file's time; the zero time leaves it to the source.
	ModTime time.Time
	// Offline makes a placeholder in [Memory]; other sources cannot make one.
	Offline bool
}

// Reader reads the file's bytes from their start.
func (f File) Reader() io.Reader {
	if f.Data != nil {
		return bytes.NewReader(f.Data)
	}
	return io.LimitReader(&pattern{}, f.Size)
}

// Len is the number of bytes.
func (f File) Len() int64 {
	if f.Data != nil {
		return int64(len(f.Data))
	}
	return f.Size
}

// Pattern returns the first n bytes of a fixed sequence that does not repeat
// with any power of two.
func Pattern(n int) []byte {
	b := make([]byte, n)
	_, _ = (&pattern{}).Read(b)
	return b
}

type pattern struct{ n int64 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.n%251) ^ byte(p.n/251%241)
		p.n++
	}
	return len(b), nil
}

// large is more than any buffer on the way, and small enough for every test run.
const large = 9<<20 + 17

// Run is the suite; a source.Lister is held to its promises too. newSource returns a source that holds exactly these files,
// by slash-separated path, and cleans up by t.Cleanup. RunChanging and, for sources that read over HTTP, RunBroken are the rest of
// what every source passes.
func Run(t *testing.T, newSource func(t *testing.T, files map[string]File) source.Source) {
	when := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	files := map[string]File{
		"a.txt":                       {Data: []byte("hello"), ModTime: when},
		"empty.bin":                   {Data: []byte{}},
		"one.bin":                     {Data: []byte{7}},
		"deep/er/and deeper/b c.pdf":  {Data: []byte("%PDF-1.7")},
		"unicode/Übersicht 日本語 🙂.txt": {Data: []byte("x")},
		"odd/100%+a&b#c=d'e(f).txt":   {Data: []byte("odd")},
		"large.bin":                   {Size: large},
		"order/a.b/1.txt":             {Data: []byte("1")}, // sorts before order/a/
		"order/a/2.txt":               {Data: []byte("2")},
		"order/a0.txt":                {Data: []byte("3")},
	}
	s := newSource(t, files)
	if l, ok := s.(source.Lister); ok {
		runList(t, l, files)
	}

	t.Run("every file has its size and bytes", func(t *testing.T) {
		for path, f := range files {
			st, err := s.Stat(t.Context(), path)
			if err != nil {
				t.Errorf("stat %s: %v", path, err)
				continue
			}
			if st.Path != path || st.Size != f.Len() && st.Size != source.UnknownSize {
				t.Errorf("stat %s: %+v, want %d bytes", path, st, f.Len())
			}
			sum, n, opened, err := readAll(t.Context(), s, path)
			if err != nil {
				t.Errorf("read %s: %v", path, err)
				continue
			}
			want := md5.New()
			_, _ = io.Copy(want, f.Reader())
			if n != f.Len() || !bytes.Equal(sum, want.Sum(nil)) {
				t.Errorf("%s: %d bytes with MD5 %x, want %d with %x", path, n, sum, f.Len(), want.Sum(nil))
			}
			if opened.Path != path || opened.Size != f.Len() || !opened.Same(st) {
				t.Errorf("%s: stat says %+v, open %+v", path, st, opened)
			}
			if st.MD5 != nil && !bytes.Equal(st.MD5, want.Sum(nil)) {
				t.Errorf("%s: the source says MD5 %x, want %x", path, st.MD5, want.Sum(nil))
			}
		}
	})
	t.Run("a file's time is told or zero", func(t *testing.T) {
		st, err := s.Stat(t.Context(), "a.txt")
		if err != nil || !st.ModTime.IsZero() && !st.ModTime.Equal(when) {
			t.Errorf("%v, %v; want %v or zero", st.ModTime, err, when)
		}
	})
	t.Run("what is missing is ErrNotExist", func(t *testing.T) {
		for _, path := range []string{"b.txt", "deep/er/none.pdf", "none/a.txt", "a.txt/below", "a.txt ", "unicode/Ubersicht.txt"} {
			_, err := s.Stat(t.Context(), path)
			checkError(t, "stat", path, err, source.ErrNotExist)
			_, _, err = s.Open(t.Context(), path)
			checkError(t, "open", path, err, source.ErrNotExist)
		}
	})
	t.Run("a folder is no file", func(t *testing.T) {
		for _, path := range []string{"deep", "deep/er", "unicode"} {
			if _, err := s.Stat(t.Context(), path); !errors.Is(err, source.ErrNotRegular) && !errors.Is(err, source.ErrNotExist) {
				t.Errorf("stat %s: %v", path, err)
			}
			if r, _, err := s.Open(t.Context(), path); err == nil {
				r.Close()
				t.Errorf("open %s: no error", path)
			}
		}
	})
	t.Run("nothing outside is reached", func(t *testing.T) {
		for _, path := range []string{"../a.txt", "..", "deep/../../a.txt"} {
			if _, err := s.Stat(t.Context(), path); !errors.Is(err, source.ErrOutside) {
				t.Errorf("stat %s: %v", path, err)
			}
			if r, _, err := s.Open(t.Context(), path); !errors.Is(err, source.ErrOutside) {
				t.Errorf("open %s: %v", path, err)
				if err == nil {
					r.Close()
				}
			}
		}
	})
	t.Run("an ended context is its own error", func(t *testing.T) {
		why := errors.New("stopped by hand")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		_, err := s.Stat(ctx, "a.txt")
		checkEnded(t, "stat", err, why)
		r, _, err := s.Open(ctx, "a.txt")
		checkEnded(t, "open", err, why)
		if err == nil {
			r.Close()
		}
	})
	t.Run("a file's beginning", func(t *testing.T) {
		for _, path := range []string{"large.bin", "a.txt", "one.bin", "empty.bin"} {
			buf := make([]byte, 3072)
			n, err := source.ReadHead(t.Context(), s, path, buf)
			want := make([]byte, min(3072, files[path].Len()))
			_, _ = io.ReadFull(files[path].Reader(), want)
			if err != nil || !bytes.Equal(buf[:n], want) {
				t.Errorf("%s: %d bytes %.40x, %v; want %d bytes %.40x", path, n, buf[:n], err, len(want), want)
			}
		}
		_, err := source.ReadHead(t.Context(), s, "b.txt", make([]byte, 8))
		checkError(t, "open", "b.txt", err, source.ErrNotExist)
	})
	t.Run("many readers at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for i := range 24 {
			path := [...]string{"large.bin", "a.txt", "empty.bin"}[i%3]
			wg.Go(func() {
				_, n, _, err := readAll(t.Context(), s, path)
				if err != nil || n != files[path].Len() {
					t.Errorf("%s: %d bytes, %v", path, n, err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("a reader may be left early, and read again from the start", func(t *testing.T) {
		for range 3 {
			r, _, err := s.Open(t.Context(), "large.bin")
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 5)
			if _, err := io.ReadFull(r, b); err != nil || !bytes.Equal(b, Pattern(5)) {
				t.Errorf("%x, %v", b, err)
			}
			if err := r.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	})
	t.Run("the end stays the end", func(t *testing.T) {
		r, _, err := s.Open(t.Context(), "one.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if b, err := io.ReadAll(r); err != nil || len(b) != 1 {
			t.Fatalf("%x, %v", b, err)
		}
		for range 2 {
			if n, err := r.Read(make([]byte, 8)); n != 0 || err != io.EOF {
				t.Errorf("%d, %v after the end", n, err)
			}
		}
	})
}

// listed are the files that List yields, and its errors.
func listed(ctx context.Context, l source.Lister, prefix string) (all []source.Info, errs []error) {
	for i, err := range l.List(ctx, prefix) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, i)
	}
	return all, errs
}

func runList(t *testing.T, s source.Lister, files map[string]File) {
	t.Run("the list has every file in the order of the paths", func(t *testing.T) {
		for _, prefix := range []string{"", "deep", "deep/", "deep/er/and deeper", "order", "unicode"} {
			all, errs := listed(t.Context(), s, prefix)
			for _, err := range errs {
				t.Errorf("%q: %v", prefix, err)
			}
			var want, got []string
			for path := range files {
				if prefix == "" || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/") {
					want = append(want, path)
				}
			}
			slices.Sort(want)
			for _, i := range all {
				got = append(got, i.Path)
				if st, err := s.Stat(t.Context(), i.Path); err != nil || !st.Same(i) || i.MD5 != nil && !bytes.Equal(st.MD5, i.MD5) || st.Offline != i.Offline {
					t.Errorf("list says %+v, stat %+v, %v", i, st, err)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q lists %q, want %q", prefix, got, want)
			}
		}
	})
	t.Run("no folder to list", func(t *testing.T) {
		for prefix, want := range map[string]error{"none": source.ErrNotExist, "dee": source.ErrNotExist, "deep/none": source.ErrNotExist, "..": source.ErrOutside, "../x": source.ErrOutside} {
			all, errs := listed(t.Context(), s, prefix)
			if len(all) > 0 || len(errs) != 1 {
				t.Errorf("%q lists %+v, %v", prefix, all, errs)
				continue
			}
			checkError(t, "list", prefix, errs[0], want)
		}
		if all, errs := listed(t.Context(), s, "a.txt"); len(all) > 0 || len(errs) != 1 {
			t.Errorf("a file lists %+v, %v", all, errs)
		}
	})
	t.Run("a list may be left early", func(t *testing.T) {
		for i, err := range s.List(t.Context(), "") {
			if err != nil || i.Path != "a.txt" {
				t.Errorf("%+v, %v", i, err)
			}
			break
		}
	})
	t.Run("a list ends with its context", func(t *testing.T) {
		why := errors.New("stopped by hand")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		all, errs := listed(ctx, s, "")
		if len(all) > 0 || len(errs) != 1 {
			t.Errorf("%+v, %v", all, errs)
			return
		}
		checkEnded(t, "list", errs[0], why)
	})
}

// readAll reads a file in odd pieces.
func readAll(ctx context.Context, s source.Source, path string) (sum []byte, n int64, i source.Info, err error) {
	r, i, err := s.Open(ctx, path)
	if err != nil {
		return nil, 0, i, err
	}
	h := md5.New()
	n, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r}, make([]byte, 33333))
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return h.Sum(nil), n, i, err
}

func checkError(t *testing.T, op, path string, err, want error) {
	t.Helper()
	e, ok := errors.AsType[*source.Error](err)
	if !ok || !errors.Is(err, want) {
		t.Errorf("%s %q: %v, want a *source.Error that wraps %q", op, path, err, want)
		return
	}
	if e.Path != path || e.Op != op {
		t.Errorf("%s %q: the error is about %s %q", op, path, e.Op, e.Path)
	}
}

func checkEnded(t *testing.T, op string, err, why error) {
	t.Helper()
	if _, ok := errors.AsType[*source.Error](err); ok || !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v, want the context's error as it is", op, err)
	}
}

// missing is the error of a path that is not there.
func missing(op, path string) error {
	return &source.Error{Op: op, Path: path, Err: source.ErrNotExist, Hint: fmt.Sprintf("the test has no %q", path)}
}
