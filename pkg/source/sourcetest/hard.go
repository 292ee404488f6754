package sourcetest

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// Place is a source, and the test's hands on what it reads from.
type Place struct {
	Source source.Source
	Set    func(path string, f File) // puts f there, new or in place of another one, in one step
	Remove func(path string)
}

var before = time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)

// theLarge and theOther are made once: that takes a while.
var (
	theLarge = sync.OnceValue(func() []byte { return Pattern(large) })
	theOther = sync.OnceValue(func() []byte {
		b := Pattern(large)
		for i := range b {
			b[i] = ^b[i]
		}
		return b
	})
)

// hardFiles are those of RunChanging and RunBroken.
func hardFiles() map[string]File {
	return map[string]File{
		"a.txt":          {Data: []byte("hello"), ModTime: before},
		"deep/large.bin": {Data: theLarge(), ModTime: before},
	}
}

// other is a file of the same size as the large one, none of whose bytes is the same.
func other() File { return File{Data: theOther(), ModTime: before.Add(time.Hour)} }

func sumOf(f File) []byte {
	h := md5.New()
	_, _ = io.Copy(h, f.Reader())
	return h.Sum(nil)
}

// RunChanging is the part of the suite in which files change behind the
// source's back. newPlace is as for [Run].
func RunChanging(t *testing.T, newPlace func(t *testing.T, files map[string]File) Place) {
	t.Run("a file that was replaced is another one", func(t *testing.T) {
		p := newPlace(t, hardFiles())
		st, err := p.Source.Stat(t.Context(), "deep/large.bin")
		if err != nil {
			t.Fatal(err)
		}
		p.Set("deep/large.bin", other())
		sum, n, opened, err := readAll(t.Context(), p.Source, "deep/large.bin")
		if err != nil || n != large || !bytes.Equal(sum, sumOf(other())) {
			t.Errorf("read %d bytes, %v", n, err)
		}
		now, err := p.Source.Stat(t.Context(), "deep/large.bin")
		if err != nil || opened.Same(st) || !opened.Same(now) {
			t.Errorf("before %+v, when opened %+v, now %+v, %v", st, opened, now, err)
		}
	})
	t.Run("a file that became shorter or longer has its new size", func(t *testing.T) {
		p := newPlace(t, hardFiles())
		for i, data := range []string{"he", "hello again", ""} {
			p.Set("a.txt", File{Data: []byte(data), ModTime: before.Add(time.Duration(i+1) * time.Hour)})
			st, err := p.Source.Stat(t.Context(), "a.txt")
			if err != nil || st.Size != int64(len(data)) && st.Size != source.UnknownSize {
				t.Errorf("%+v, %v; want %d bytes", st, err, len(data))
			}
			if sum, n, _, err := readAll(t.Context(), p.Source, "a.txt"); err != nil || n != int64(len(data)) || !bytes.Equal(sum, sumOf(File{Data: []byte(data)})) {
				t.Errorf("%d bytes, %v; want %q", n, err, data)
			}
		}
	})
	t.Run("a file that was taken away is ErrNotExist, and one that came is there", func(t *testing.T) {
		p := newPlace(t, hardFiles())
		if _, err := p.Source.Stat(t.Context(), "a.txt"); err != nil {
			t.Fatal(err)
		}
		p.Remove("a.txt")
		p.Set("deep/new.txt", File{Data: []byte("new"), ModTime: before})
		_, err := p.Source.Stat(t.Context(), "a.txt")
		checkError(t, "stat", "a.txt", err, source.ErrNotExist)
		_, _, err = p.Source.Open(t.Context(), "a.txt")
		checkError(t, "open", "a.txt", err, source.ErrNotExist)
		if _, n, _, err := readAll(t.Context(), p.Source, "deep/new.txt"); err != nil || n != 3 {
			t.Errorf("%d bytes, %v", n, err)
		}
		if l, ok := p.Source.(source.Lister); ok {
			all, errs := listed(t.Context(), l, "")
			if len(errs) > 0 || len(all) != 2 || all[0].Path != "deep/large.bin" || all[1].Path != "deep/new.txt" {
				t.Errorf("lists %+v, %v", all, errs)
			}
		}
	})
	t.Run("what is replaced while it is read never comes mixed", func(t *testing.T) {
		p := newPlace(t, hardFiles())
		readAcross(t, p, func() { p.Set("deep/large.bin", other()) })
	})
	t.Run("what is taken away while it is read is whole, or an error", func(t *testing.T) {
		p := newPlace(t, hardFiles())
		readAcross(t, p, func() { p.Remove("deep/large.bin") })
	})
}

// readAcross reads the large file, with something happening on the way: the
// bytes are all the old ones, or there is an error.
func readAcross(t *testing.T, p Place, happens func()) error {
	t.Helper()
	r, i, err := p.Source.Open(t.Context(), "deep/large.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := md5.New()
	if _, err := io.CopyN(h, r, 1<<20); err != nil {
		t.Fatal(err)
	}
	happens()
	n, err := io.Copy(h, r)
	if err == nil && (n+1<<20 != i.Size || !bytes.Equal(h.Sum(nil), sumOf(hardFiles()["deep/large.bin"]))) {
		t.Errorf("%d bytes of %d and no error: not those that were opened", n+1<<20, i.Size)
	}
	if err != nil {
		checkSourceError(t, "read", "deep/large.bin", err)
	}
	return err
}

// checkSourceError wants an *Error about the path which is not about the path
// being wrong: the far end said nothing of the kind.
func checkSourceError(t *testing.T, op, path string, err error) {
	t.Helper()
	e, ok := errors.AsType[*source.Error](err)
	switch {
	case !ok:
		t.Errorf("%s %q: %v, want a *source.Error", op, path, err)
	case e.Path != path || e.Op != op:
		t.Errorf("%s %q: the error is about %s %q", op, path, e.Op, e.Path)
	case errors.Is(err, source.ErrNotExist) || errors.Is(err, source.ErrOutside) || errors.Is(err, source.ErrNotRegular):
		t.Errorf("%s %q: %v, though nobody can know that", op, path, err)
	}
}

// soon fails the test when f does not return in half a minute.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: no answer in 30 s", what)
	}
}

// RunBroken is the part of the suite in which the far end fails, dawdles and
// ends early, for sources that read over HTTP. newPlace returns a source whose
// requests all pass through far, and which waits for milliseconds only before
// it tries again.
func RunBroken(t *testing.T, newPlace func(t *testing.T, files map[string]File, far *Far) Place) {
	place := func(t *testing.T) (Place, *Far) {
		far := &Far{}
		p := newPlace(t, hardFiles(), far)
		t.Cleanup(func() { far.Do(nil) }) // what closes the source may ask the server
		return p, far
	}
	for name, f := range map[string]Fault{
		"that breaks every connection": {Refuse: true},
		"that is out of order":         {Status: http.StatusInternalServerError},
		"that is overloaded":           {Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"0"}}},
		"that refuses us":              {Status: http.StatusForbidden},
	} {
		t.Run("a far end "+name+" is an error, and no missing file", func(t *testing.T) {
			p, far := place(t)
			if _, err := p.Source.Stat(t.Context(), "a.txt"); err != nil { // it is open by now
				t.Fatal(err)
			}
			far.Do(Always(f))
			soon(t, "stat", func() {
				_, err := p.Source.Stat(t.Context(), "a.txt")
				checkSourceError(t, "stat", "a.txt", err)
			})
			soon(t, "open", func() {
				_, _, _, err := readAll(t.Context(), p.Source, "a.txt")
				if e, ok := errors.AsType[*source.Error](err); ok && e.Op == "read" { // a source may ask at the first Read only
					checkSourceError(t, "read", "a.txt", err)
				} else {
					checkSourceError(t, "open", "a.txt", err)
				}
			})
			l, ok := p.Source.(source.Lister)
			if !ok {
				return
			}
			soon(t, "list", func() {
				all, errs := listed(t.Context(), l, "")
				if len(all) > 0 || len(errs) != 1 {
					t.Errorf("lists %+v, %v", all, errs)
				}
				for _, err := range errs {
					checkSourceError(t, "list", "", err)
				}
			})
			far.Do(nil)
			if _, n, _, err := readAll(t.Context(), p.Source, "a.txt"); err != nil || n != 5 {
				t.Errorf("after that: %d bytes, %v", n, err)
			}
		})
	}
	t.Run("one failure passes", func(t *testing.T) {
		p, far := place(t)
		far.Do(Once("a.txt", Fault{Status: http.StatusServiceUnavailable}))
		if _, n, _, err := readAll(t.Context(), p.Source, "a.txt"); err != nil || n != 5 {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	for name, do := range map[string]func(*http.Request, int) Fault{
		"once":                Once("large.bin", Fault{Cut: true, After: 5<<20 + 1}),
		"at its last byte":    Once("large.bin", Fault{Cut: true, After: large - 1}),
		"again and again":     Always(Fault{Cut: true, After: 1 << 20}),
		"again, near nothing": Always(Fault{Cut: true, After: 1000}),
	} {
		t.Run("a connection that breaks "+name+" gives all bytes, or an error", func(t *testing.T) {
			p, far := place(t)
			far.Do(do)
			soon(t, "read", func() {
				sum, n, i, err := readAll(t.Context(), p.Source, "deep/large.bin")
				if err == nil && (n != large || i.Size != large || !bytes.Equal(sum, sumOf(hardFiles()["deep/large.bin"]))) {
					t.Errorf("%d bytes of %d and no error", n, i.Size)
				}
				if err != nil {
					e, ok := errors.AsType[*source.Error](err)
					if !ok {
						t.Fatalf("%v, want a *source.Error", err)
					}
					checkSourceError(t, e.Op, "deep/large.bin", err)
				}
			})
		})
	}
	t.Run("a reader that failed goes on failing", func(t *testing.T) {
		p, far := place(t)
		r, _, err := p.Source.Open(t.Context(), "deep/large.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		far.Do(Always(Fault{Refuse: true}))
		b := make([]byte, 64<<10)
		for range 3 {
			if _, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, b); err == nil {
				break // it had them all
			}
		}
		if n, again := r.Read(b); err != nil && (n != 0 || again == nil || again == io.EOF) {
			t.Errorf("after %v: %d, %v", err, n, again)
		}
	})
	t.Run("an answer that is shorter than the file is told", func(t *testing.T) {
		p, far := place(t)
		st, err := p.Source.Stat(t.Context(), "deep/large.bin")
		if err != nil {
			t.Fatal(err)
		}
		far.Do(Always(Fault{Short: true, After: 2 << 20}))
		soon(t, "read", func() {
			sum, n, i, err := readAll(t.Context(), p.Source, "deep/large.bin")
			switch {
			case err != nil:
			case n != i.Size:
				t.Errorf("%d bytes of %d and no error", n, i.Size)
			case st.Size == source.UnknownSize: // nobody can tell
			case n != large && i.Same(st):
				t.Errorf("%d bytes of what is said to be the same as %+v", n, st)
			case n == large && !bytes.Equal(sum, sumOf(hardFiles()["deep/large.bin"])):
				t.Error("other bytes and no error")
			}
		})
	})
	t.Run("what is replaced while the connection breaks never comes mixed", func(t *testing.T) {
		p, far := place(t)
		far.Do(Once("large.bin", Fault{Cut: true, After: 5 << 20}))
		soon(t, "read", func() { readAcross(t, p, func() { p.Set("deep/large.bin", other()) }) })
	})
	t.Run("a wait for an answer ends with its context", func(t *testing.T) {
		for _, op := range []string{"stat", "open", "list"} {
			p, far := place(t)
			l, lists := p.Source.(source.Lister)
			if op == "list" && !lists {
				continue
			}
			why := errors.New("stopped by hand")
			ctx, cancel := context.WithCancelCause(t.Context())
			far.Do(Always(Fault{Hang: true, Then: func() { cancel(why) }}))
			soon(t, op, func() {
				var err error
				switch op {
				case "stat":
					_, err = p.Source.Stat(ctx, "a.txt")
				case "open":
					_, _, _, err = readAll(ctx, p.Source, "a.txt")
				case "list":
					for _, e := range l.List(ctx, "") {
						err = e
					}
				}
				checkEnded(t, op, err, why)
			})
			cancel(nil)
		}
	})
	t.Run("a wait for bytes ends with its context", func(t *testing.T) {
		p, far := place(t)
		why := errors.New("stopped by hand")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		far.Do(Always(Fault{Stall: true, After: 1 << 20, Then: func() { cancel(why) }}))
		soon(t, "read", func() {
			_, _, _, err := readAll(ctx, p.Source, "deep/large.bin")
			checkEnded(t, "read", err, why)
		})
	})
}
