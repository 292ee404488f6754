package rclone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

var when = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func text(s string) sourcetest.File { return sourcetest.File{Data: []byte(s), ModTime: when} }

func read(t *testing.T, s source.Source, name string) (string, source.Info, error) {
	t.Helper()
	r, i, err := s.Open(t.Context(), name)
	if err != nil {
		return "", i, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), i, err
}

func TestSourcesPassTheSuite(t *testing.T) {
	for _, c := range []struct {
		name  string
		place string
		md5   bool
		slow  bool
	}{
		{"a remote", "mem:", false, false},
		{"a remote that tells MD5", "mem:", true, false},
		{"a remote that reads to tell MD5", "mem:", true, true},
		{"a folder", "mem:Shared Documents/sales", true, false},
		{"a folder with brackets", "mem:[2026] Shared/sales [old]", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source {
				f, r := newFake(t, nil)
				f.md5, f.slow = c.md5, c.slow
				_, below, _ := strings.Cut(c.place, ":")
				for p, file := range files {
					data, _ := io.ReadAll(file.Reader())
					f.files[strings.TrimPrefix(below+"/"+p, "/")] = fakeFile{data: data, when: file.ModTime}
				}
				return root(t, r, c.place)
			})
		})
	}
}

// hands are what the suite does behind a source's back.
func hands(t *testing.T, f *fake, r *Rclone) sourcetest.Place {
	return sourcetest.Place{Source: root(t, r, "mem:"), Remove: f.remove, Set: func(p string, file sourcetest.File) {
		data, err := io.ReadAll(file.Reader())
		if err != nil {
			t.Fatal(err)
		}
		f.set(p, fakeFile{data: data, when: file.ModTime})
	}}
}

func TestSourcesPassTheSuiteOfChanges(t *testing.T) {
	for _, md5 := range []bool{false, true} {
		sourcetest.RunChanging(t, func(t *testing.T, files map[string]sourcetest.File) sourcetest.Place {
			f, r := newFake(t, files)
			f.md5 = md5
			return hands(t, f, r)
		})
	}
}

func TestSourcesPassTheSuiteOfFaults(t *testing.T) {
	for _, md5 := range []bool{false, true} {
		sourcetest.RunBroken(t, func(t *testing.T, files map[string]sourcetest.File, far *sourcetest.Far) sourcetest.Place {
			f, r := newFake(t, files)
			f.md5 = md5
			behind := far.Wrap(f)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, _ := io.ReadAll(req.Body) // else a server does not notice who goes away
				req.Body = io.NopCloser(bytes.NewReader(body))
				behind.ServeHTTP(w, req)
			}))
			t.Cleanup(server.Close)
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			r.server.http.Transport, r.server.run.url = transport, server.URL
			return hands(t, f, r)
		})
	}
}

// whole makes a source of whole addresses one of paths below mem:.
type whole struct{ *Addresses }

func (w whole) Stat(ctx context.Context, p string) (source.Info, error) {
	i, err := w.Addresses.Stat(ctx, "mem:"+p)
	return w.short(i), w.error(err)
}

func (w whole) Open(ctx context.Context, p string) (io.ReadCloser, source.Info, error) {
	r, i, err := w.Addresses.Open(ctx, "mem:"+p)
	return r, w.short(i), w.error(err)
}

func (w whole) ReadHead(ctx context.Context, p string, buf []byte) (int, error) {
	n, err := w.Addresses.ReadHead(ctx, "mem:"+p, buf)
	return n, w.error(err)
}

func (w whole) short(i source.Info) source.Info {
	i.Path = strings.TrimPrefix(i.Path, "mem:")
	return i
}

func (w whole) error(err error) error {
	if e, ok := errors.AsType[*source.Error](err); ok {
		e.Path = strings.TrimPrefix(e.Path, "mem:")
	}
	return err
}

func TestAddressesPassTheSuite(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source {
		_, r := newFake(t, files)
		return whole{r.Addresses()}
	})
}

func TestMD5IsToldWhereItCostsNothing(t *testing.T) {
	for _, c := range []struct{ md5, slow, want bool }{{true, false, true}, {true, true, false}, {false, false, false}} {
		f, r := newFake(t, map[string]sourcetest.File{"a.txt": text("hello")})
		f.md5, f.slow = c.md5, c.slow
		i, err := root(t, r, "mem:").Stat(t.Context(), "a.txt")
		if err != nil || (i.MD5 != nil) != c.want || i.Size != 5 || !i.ModTime.Equal(when) {
			t.Errorf("%+v: %+v, %v", c, i, err)
		}
	}
}

// half answers a GET with the first half of its bytes, and breaks off.
func half(resp *http.Response) *http.Response {
	b, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b[:len(b)/2]), iotest.ErrReader(io.ErrUnexpectedEOF)))
	return resp
}

func TestAConnectionThatBreaksIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := string(sourcetest.Pattern(100_000))
		for _, md5 := range []bool{true, false} {
			f, r := newFake(t, map[string]sourcetest.File{"a.bin": text(want)})
			f.md5 = md5
			f.broken = func(call string, n int, resp *http.Response) *http.Response {
				switch {
				case call != "get" || n > 4:
					return nil
				case n%2 == 0: // and does not come back at once
					return failed(resp.Request, http.StatusInternalServerError, "low level retries exhausted")
				}
				return half(resp)
			}
			got, _, err := read(t, root(t, r, "mem:"), "a.bin")
			if err != nil || got != want {
				t.Errorf("md5 %v: %d bytes, %v", md5, len(got), err)
			}
		}
	})
}

func TestAConnectionThatStaysBrokenIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFake(t, map[string]sourcetest.File{"a.bin": text("abcdef")})
		f.broken = func(call string, n int, resp *http.Response) *http.Response {
			if call != "get" {
				return nil
			}
			if n == 1 {
				return half(resp)
			}
			return failed(resp.Request, http.StatusInternalServerError, "cannot read https://store.example/x?sig=abc")
		}
		got, _, err := read(t, root(t, r, "mem:"), "a.bin")
		e, ok := errors.AsType[*source.Error](err)
		if !ok || got != "abc" || e.Path != "a.bin" || e.Op != "read" || !errors.Is(err, source.ErrUnreadable) || !strings.Contains(err.Error(), "after 3 bytes") || strings.Contains(err.Error(), "sig=abc") {
			t.Errorf("%q, %v", got, err)
		}
		if n := f.called("get"); n != 1+attempts {
			t.Errorf("%d requests", n)
		}
		a := r.Addresses()
		if _, err := a.Stat(t.Context(), "mem:a.bin"); err != nil {
			t.Fatal(err)
		}
		f.calls["get"] = 0
		_, _, err = read(t, a, "mem:a.bin")
		if e, ok := errors.AsType[*source.Error](err); !ok || e.Path != "mem:a.bin" || e.Op != "read" {
			t.Errorf("by its address: %v", err)
		}
	})
}

// Of a file whose size is not the one that is listed, rclone gives some bytes
// and breaks off, each time at the same place: that is no broken connection.
func TestASizeThatIsNotTheOneListed(t *testing.T) {
	for _, md5 := range []bool{false, true} {
		f, r := newFake(t, map[string]sourcetest.File{"a.pptx": text("abcdef")})
		f.md5 = md5
		f.broken = func(call string, n int, resp *http.Response) *http.Response {
			if call != "get" {
				return nil
			}
			if n == 1 {
				return half(resp)
			}
			resp.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
			return resp
		}
		if got, _, err := read(t, root(t, r, "mem:"), "a.pptx"); got != "abc" || !errors.Is(err, source.ErrChanged) || !strings.Contains(err.Error(), "6 bytes are listed, and only 3 came") {
			t.Errorf("%q, %v", got, err)
		}
		if n := f.called("get"); n != 3 {
			t.Errorf("%d requests", n)
		}
	}
}

func TestAHeadIsReadWithOneRequest(t *testing.T) {
	f, r := newFake(t, map[string]sourcetest.File{"a.bin": text("abcdef")})
	f.files["doc.docx"] = fakeFile{data: []byte("exported"), when: when, unknown: true}
	s := root(t, r, "mem:")
	for name, want := range map[string]string{"a.bin": "abcd", "doc.docx": "expo"} {
		buf := make([]byte, 4)
		if n, err := s.ReadHead(t.Context(), name, buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%q, %v", buf[:n], err)
		}
	}
	if f.called("get") != 2 || f.called("operations/stat") != 0 {
		t.Errorf("%v", f.calls)
	}
	f.broken = func(call string, _ int, resp *http.Response) *http.Response { return half(resp) }
	if _, err := s.ReadHead(t.Context(), "a.bin", make([]byte, 4)); !errors.Is(err, source.ErrUnreadable) {
		t.Errorf("a head that breaks off: %v", err)
	}
}

func TestWaitingForAConnectionEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFake(t, map[string]sourcetest.File{"a.bin": text("abcdef")})
		f.broken = func(call string, n int, resp *http.Response) *http.Response {
			if call == "get" {
				return half(resp)
			}
			return nil
		}
		r.pause = time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		b, _, err := root(t, r, "mem:").Open(ctx, "a.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if _, err := io.ReadAll(b); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	for name, next := range map[string]fakeFile{
		"larger":                 {data: []byte("abcdefgh"), when: when.Add(time.Minute)},
		"smaller":                {data: []byte("a"), when: when.Add(time.Minute)},
		"other bytes, same size": {data: []byte("ABCDEF"), when: when.Add(time.Minute)},
	} {
		for _, md5 := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				f, r := newFake(t, map[string]sourcetest.File{"a.bin": text("abcdef")})
				f.md5 = md5
				f.broken = func(call string, n int, resp *http.Response) *http.Response {
					if call != "get" || n > 1 {
						return nil
					}
					f.files["a.bin"] = next // the answer is on its way, and breaks off
					return half(resp)
				}
				if got, _, err := read(t, root(t, r, "mem:"), "a.bin"); !errors.Is(err, source.ErrChanged) {
					t.Errorf("%s, md5 %v: %q, %v", name, md5, got, err)
				}
			})
		}
	}
}

func TestAFileThatChangesBetweenTheLookAndTheReading(t *testing.T) {
	f, r := newFake(t, map[string]sourcetest.File{"a.bin": text("abcdef")})
	f.broken = func(call string, _ int, resp *http.Response) *http.Response {
		if call == "operations/stat" {
			f.files["a.bin"] = fakeFile{data: []byte("abcdefgh"), when: when}
		}
		return nil
	}
	if _, _, err := read(t, root(t, r, "mem:"), "a.bin"); !errors.Is(err, source.ErrChanged) || !strings.Contains(err.Error(), "6 bytes") {
		t.Errorf("%v", err)
	}
}

func TestASizeThatNobodyKnows(t *testing.T) {
	f, r := newFake(t, nil)
	f.files["doc.docx"] = fakeFile{data: []byte("exported"), when: when, unknown: true}
	s := root(t, r, "mem:")
	st, err := s.Stat(t.Context(), "doc.docx")
	if err != nil || st.Size != source.UnknownSize {
		t.Errorf("%+v, %v", st, err)
	}
	got, i, err := read(t, s, "doc.docx")
	if err != nil || got != "exported" || i.Size != 8 || !i.Same(st) {
		t.Errorf("%q, %+v, %v", got, i, err)
	}
	for range 2 { // it is kept, and read once
		b, i, err := s.Keep(t.Context(), "doc.docx")
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(b); err != nil || string(data) != "exported" || i.Size != 8 {
			t.Errorf("%q, %+v, %v", data, i, err)
		}
		b.Close()
	}
	if n := f.called("get"); n != 2 {
		t.Errorf("%d readings", n)
	}
	s.Release("doc.docx")
	s.Release("doc.docx")
}

// An export cannot be taken up where it broke off: it is another one the next time.
func TestAnExportThatBreaksOffBeginsAnew(t *testing.T) {
	f, r := newFake(t, nil)
	f.files["doc.docx"] = fakeFile{data: []byte("exported"), when: when, unknown: true}
	f.broken = func(call string, n int, resp *http.Response) *http.Response {
		if call == "get" && n <= 2 {
			return half(resp)
		}
		return nil
	}
	if got, _, err := read(t, root(t, r, "mem:"), "doc.docx"); err != nil || got != "exported" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWhatIsKeptIsReadOnce(t *testing.T) {
	f, r := newFake(t, map[string]sourcetest.File{"a.bin": text("abcdef")})
	for _, s := range []source.Keeper{root(t, r, "mem:"), r.Addresses()} {
		name := "a.bin"
		if _, ok := s.(*Addresses); ok {
			name = "mem:a.bin"
		}
		before := f.called("get")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				b, i, err := s.Keep(t.Context(), name)
				if err != nil {
					t.Error(err)
					return
				}
				defer b.Close()
				if data, err := io.ReadAll(b); err != nil || string(data) != "abcdef" || i.Path != name {
					t.Errorf("%q, %+v, %v", data, i, err)
				}
			})
		}
		wg.Wait()
		for n := range 8 {
			if got, _, err := read(t, s, name); err != nil || got != "abcdef" {
				t.Errorf("%q, %v", got, err)
			}
			if got := f.called("get") - before; got != 1 {
				t.Errorf("%d readings after %d releases", got, n)
			}
			s.Release(name)
		}
		s.Release(name) // once too often
		if _, _, err := read(t, s, name); err != nil || f.called("get")-before != 2 {
			t.Errorf("it is still kept; %v", err)
		}
	}
	if left := r.spool.Held(); left != 0 {
		t.Errorf("%d bytes stay in the spool", left)
	}
}

func TestAKeepThatIsStoppedLeavesTheOthersToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFake(t, map[string]sourcetest.File{"a.bin": text("abcdef")})
		s := root(t, r, "mem:")
		ctx, stop := context.WithCancel(t.Context())
		f.broken = func(call string, n int, resp *http.Response) *http.Response {
			if call == "get" && n == 1 {
				resp.Body = io.NopCloser(waits{ctx})
				return resp
			}
			return nil
		}
		first := make(chan error)
		go func() {
			_, _, err := s.Keep(ctx, "a.bin")
			first <- err
		}()
		synctest.Wait()
		second := make(chan error)
		go func() {
			b, _, err := s.Keep(t.Context(), "a.bin")
			if err == nil {
				b.Close()
			}
			second <- err
		}()
		synctest.Wait()
		stop()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the one that was stopped: %v", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the other one: %v", err)
		}
		s.Release("a.bin")
	})
}

// waits gives nothing until its context ends.
type waits struct{ ctx context.Context }

func (w waits) Read([]byte) (int, error) { <-w.ctx.Done(); return 0, w.ctx.Err() }

func TestAFileLargerThanTheSpool(t *testing.T) {
	f, r := newFake(t, map[string]sourcetest.File{"a.bin": text("abcdef")})
	small, err := spool.Open(t.TempDir(), 5)
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	r.spool = small
	_, _, err = root(t, r, "mem:").Keep(t.Context(), "a.bin")
	if e, ok := errors.AsType[*source.Error](err); !ok || !errors.Is(err, spool.ErrTooLarge) || e.Path != "a.bin" || !strings.Contains(e.Hint, "--spool-size") || f.called("get") > 1 {
		t.Errorf("%v", err)
	}
}

func TestManyFilesOfAFolderAreAskedForAtOnce(t *testing.T) {
	files := map[string]sourcetest.File{}
	for n := range 100 {
		files[fmt.Sprintf("many/%d.txt", n)] = text("x")
		files[fmt.Sprintf("few%d/a.txt", n)] = text("x")
	}
	f, r := newFake(t, files)
	s := root(t, r, "mem:")
	var wg sync.WaitGroup
	for p := range files {
		wg.Go(func() {
			if i, err := s.Stat(t.Context(), p); err != nil || i.Path != p || i.Size != 1 {
				t.Errorf("%+v, %v", i, err)
			}
		})
	}
	wg.Wait()
	if stats, lists := f.called("operations/stat"), f.called("operations/list"); stats > 100+singly || lists != 2 { // one of them of the root
		t.Errorf("%d looks and %d listings", stats, lists)
	}
	// What is new is found, and opening looks anew.
	f.set("many/new.txt", fakeFile{data: []byte("new"), when: when})
	f.set("many/1.txt", fakeFile{data: []byte("longer"), when: when.Add(time.Hour)})
	if i, err := s.Stat(t.Context(), "many/new.txt"); err != nil || i.Size != 3 {
		t.Errorf("%+v, %v", i, err)
	}
	if got, i, err := read(t, s, "many/1.txt"); err != nil || got != "longer" || i.Size != 6 {
		t.Errorf("%q, %+v, %v", got, i, err)
	}
}

func TestWhatAFolderHeldIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFake(t, map[string]sourcetest.File{"a/1": text("x")})
		s := root(t, r, "mem:")
		for _, err := range s.List(t.Context(), "") {
			if err != nil {
				t.Error(err)
			}
		}
		f.set("a/1", fakeFile{data: []byte("longer"), when: when})
		if i, err := s.Stat(t.Context(), "a/1"); err != nil || i.Size != 1 || f.called("operations/stat") != 0 {
			t.Errorf("what was listed is asked for again: %+v, %v", i, err)
		}
		<-time.After(fresh)
		if i, err := s.Stat(t.Context(), "a/1"); err != nil || i.Size != 6 {
			t.Errorf("%+v, %v", i, err)
		}
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var f folders
	for n := range 3 * maxFolders {
		f.remember(fmt.Sprint(n), map[string]*entry{"a": {}})
	}
	if len(f.m) > maxFolders || f.names > maxFolders || f.order.Len() != len(f.m) || f.m[fmt.Sprint(3*maxFolders-1)] == nil {
		t.Errorf("%d folders, %d names, %d in order", len(f.m), f.names, f.order.Len())
	}
	many := map[string]*entry{}
	for n := range maxNames {
		many[fmt.Sprint(n)] = &entry{}
	}
	f.remember("many", many)
	if f.names != maxNames || len(f.m) != 1 {
		t.Errorf("%d folders, %d names", len(f.m), f.names)
	}
}

func TestTwoFilesOfOneName(t *testing.T) {
	f, r := newFake(t, map[string]sourcetest.File{"d/a.txt": text("x"), "d/c.txt": text("y")})
	f.files["d/b.txt"] = fakeFile{data: []byte("one"), when: when, twin: "other"}
	s := root(t, r, "mem:")
	var seen []string
	for i, err := range s.List(t.Context(), "d") {
		if e, ok := errors.AsType[*source.Error](err); ok && errors.Is(err, source.ErrAmbiguous) && e.Op == "stat" {
			seen = append(seen, e.Path+"?")
			continue
		}
		seen = append(seen, i.Path)
	}
	if want := []string{"d/a.txt", "d/b.txt?", "d/c.txt"}; !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
	if _, err := s.Stat(t.Context(), "d/b.txt"); !errors.Is(err, source.ErrAmbiguous) {
		t.Errorf("%v", err)
	}
}

func TestAFolderThatCannotBeListed(t *testing.T) {
	f, r := newFake(t, map[string]sourcetest.File{"a/1": text("x"), "b/2": text("x"), "c/3": text("x")})
	s := root(t, r, "mem:")
	f.broken = func(call string, _ int, resp *http.Response) *http.Response {
		b, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(b))
		if call == "operations/list" && strings.Contains(string(b), `"b/2"`) {
			return failed(resp.Request, http.StatusInternalServerError, "access denied")
		}
		return nil
	}
	var seen []string
	for i, err := range s.List(t.Context(), "") {
		if e, ok := errors.AsType[*source.Error](err); ok && e.Op == "list" && errors.Is(err, source.ErrUnreadable) && strings.Contains(err.Error(), "access denied") {
			seen = append(seen, e.Path+"!")
			continue
		}
		seen = append(seen, i.Path)
	}
	if want := []string{"a/1", "b!", "c/3"}; !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
}

func TestARootThatIsNotThere(t *testing.T) {
	_, r := newFake(t, map[string]sourcetest.File{"a/1": text("x")})
	_, err := r.Root(t.Context(), "mem:none")
	if e, ok := errors.AsType[*source.Error](err); !ok || e.Path != "mem:none" || !strings.Contains(err.Error(), "no such folder") {
		t.Errorf("%v", err)
	}
	_, err = r.Root(t.Context(), "sharepiont:docs")
	if e, ok := errors.AsType[*source.Error](err); !ok || !strings.Contains(err.Error(), `no remote "sharepiont"; it has drive, mem`) || !strings.Contains(e.Hint, "rclone config") {
		t.Errorf("%v", err)
	}
	_, err = r.Addresses().Stat(t.Context(), "sharepiont:docs/a.pdf")
	if e, ok := errors.AsType[*source.Error](err); !ok || e.Path != "sharepiont:docs/a.pdf" || e.Op != "stat" || !strings.Contains(err.Error(), "no remote") {
		t.Errorf("%v", err)
	}
}

// TestARemoteThatIsAwayForAWhile is asked once a minute, not for each file, and
// not given up for the night.
func TestARemoteThatIsAwayForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFake(t, map[string]sourcetest.File{"a": text("x")})
		a := r.Addresses()
		f.broken = func(call string, _ int, resp *http.Response) *http.Response {
			if call == "operations/fsinfo" {
				return failed(resp.Request, http.StatusInternalServerError, "no route to host")
			}
			return nil
		}
		for range 3 {
			if _, err := a.Stat(t.Context(), "mem:a"); err == nil || !strings.Contains(err.Error(), "no route to host") {
				t.Errorf("%v", err)
			}
		}
		if n := f.called("operations/fsinfo"); n != 1 {
			t.Errorf("asked %d times", n)
		}
		f.broken = nil
		<-time.After(time.Minute)
		if i, err := a.Stat(t.Context(), "mem:a"); err != nil || i.Size != 1 {
			t.Errorf("%+v, %v", i, err)
		}
	})
}
