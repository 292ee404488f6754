package web

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

func read(ctx context.Context, s source.Source, path string) (string, source.Info, error) {
	r, i, err := s.Open(ctx, path)
	if err != nil {
		return "", i, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), i, err
}

// wants checks an error: what it wraps, what it says, and what it must not say.
func wants(t *testing.T, err, wrapped error, texts ...string) {
	t.Helper()
	e, ok := errors.AsType[*source.Error](err)
	if !ok || !errors.Is(err, wrapped) {
		t.Errorf("%v, want a *source.Error that wraps %q", err, wrapped)
		return
	}
	if e.Hint == "" {
		t.Errorf("%v: no way on", err)
	}
	for _, text := range texts {
		if not, ok := strings.CutPrefix(text, "!"); ok == strings.Contains(err.Error(), strings.TrimPrefix(not, "!")) {
			t.Errorf("%q, want %q in it", err, text)
		}
	}
}

// roundTripper answers without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// respond is an answer of a handler.
func respond(h http.HandlerFunc) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		h(w, r)
		resp := w.Result()
		resp.Request = r
		return resp, nil
	}
}

func fake(t *testing.T, rt http.RoundTripper, change func(*Config)) *Source {
	t.Helper()
	cfg := Config{Base: "https://files.example.com/x", Transport: rt, HeadersFrom: "MIGRATE_WEB_HEADERS"}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBrokenConnectionsAreTakenUpWhereTheyBroke(t *testing.T) {
	const size = 300_000
	for name, set := range map[string]func(*site){
		"by version":       func(*site) {},
		"by weak version":  func(s *site) { s.weak, s.noTime = true, true },
		"by time":          func(s *site) { s.noETag = true },
		"without ranges":   func(s *site) { s.noRange = true },
		"without any mark": func(s *site) { s.noETag, s.noTime = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			h := newSite(map[string]sourcetest.File{"a.bin": {Size: size, ModTime: time.Unix(1e9, 0)}})
			set(h)
			far := &sourcetest.Far{}
			s, _ := serve(t, far.Wrap(h), nil)
			far.Do(sourcetest.Once("a.bin", sourcetest.Fault{Cut: true, After: 200_000}))
			got, _, err := read(t.Context(), s, "a.bin")
			if name == "without any mark" {
				wants(t, err, source.ErrUnreadable, "which version")
				return
			}
			if err != nil || got != string(sourcetest.Pattern(size)) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			want := []string{"GET /files/a.bin", "GET /files/a.bin bytes=200000-"}
			if got := h.requests(); !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestAFileThatIsAnotherOneAfterABreak(t *testing.T) {
	for name, set := range map[string]func(*site){
		"ranges":    func(*site) {},
		"no ranges": func(s *site) { s.noRange = true },
		"weak":      func(s *site) { s.weak, s.noTime = true, true },
	} {
		h := newSite(map[string]sourcetest.File{"a.bin": {Size: 300_000, ModTime: time.Unix(1e9, 0)}})
		set(h)
		far := &sourcetest.Far{}
		s, _ := serve(t, far.Wrap(h), nil)
		far.Do(sourcetest.Once("a.bin", sourcetest.Fault{Cut: true, After: 200_000}))
		r, _, err := s.Open(t.Context(), "a.bin")
		if err != nil {
			t.Fatal(err)
		}
		h.set("a.bin", sourcetest.File{Data: bytes.Repeat([]byte("x"), 300_000), ModTime: time.Unix(2e9, 0)})
		if _, err := io.ReadAll(r); !errors.Is(err, source.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
	}
}

func TestHEADThatIsRefused(t *testing.T) {
	h := newSite(map[string]sourcetest.File{"a.bin": {Size: 10_000, ModTime: time.Unix(1e9, 0)}, "empty": {Data: []byte{}}})
	h.noHead = true
	s, _ := serve(t, h, nil)
	for range 2 {
		if i, err := s.Stat(t.Context(), "a.bin"); err != nil || i.Size != 10_000 || i.ModTime.IsZero() || i.Version == "" {
			t.Errorf("%+v, %v", i, err)
		}
	}
	if i, err := s.Stat(t.Context(), "empty"); err != nil || i.Size != 0 {
		t.Errorf("%+v, %v", i, err)
	}
	want := []string{"HEAD /files/a.bin", "GET /files/a.bin bytes=0-3071", "GET /files/a.bin bytes=0-3071", "GET /files/empty bytes=0-3071"}
	if got := h.requests(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestAnMD5WithoutALength is not believed: it is of other bytes than come, and the
// file is read before it is sent in any case.
func TestAnMD5WithoutALength(t *testing.T) {
	s, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Goog-Hash", "md5="+base64.StdEncoding.EncodeToString(make([]byte, 16)))
		if r.Method == http.MethodGet {
			_, _ = chunked{w}.Write([]byte("hello"))
			_ = http.NewResponseController(w).Flush()
		}
	}), nil)
	i, err := s.Stat(t.Context(), "a.txt")
	if err != nil || i.Size != source.UnknownSize || i.MD5 != nil {
		t.Errorf("%+v, %v", i, err)
	}
	sum := md5.Sum([]byte("hello"))
	if got, i, err := read(t.Context(), s, "a.txt"); err != nil || got != "hello" || !bytes.Equal(i.MD5, sum[:]) {
		t.Errorf("%q, %+v, %v", got, i, err)
	}
}

func TestAFileWithoutALength(t *testing.T) {
	h := newSite(map[string]sourcetest.File{"a.bin": {Size: 10_000, ModTime: time.Unix(1e9, 0)}})
	h.noLength = true
	far := &sourcetest.Far{}
	s, _ := serve(t, far.Wrap(h), nil)
	if i, err := s.Stat(t.Context(), "a.bin"); err != nil || i.Size != source.UnknownSize || i.Version == "" {
		t.Errorf("%+v, %v", i, err)
	}
	far.Do(sourcetest.Once("a.bin", sourcetest.Fault{Cut: true, After: 5_000}))
	want := md5.Sum(sourcetest.Pattern(10_000))
	if got, i, err := read(t.Context(), s, "a.bin"); err != nil || got != string(sourcetest.Pattern(10_000)) || i.Size != 10_000 || !bytes.Equal(i.MD5, want[:]) {
		t.Errorf("%d bytes, %+v, %v", len(got), i, err)
	}
	s.cfg.Spool = nil
	_, _, err := s.Open(t.Context(), "a.bin")
	wants(t, err, source.ErrUnreadable, "does not tell its length")
	_, _, err = s.Keep(t.Context(), "a.bin")
	wants(t, err, source.ErrUnreadable, "does not tell its length")
}

// TestWhatIsKeptIsReadOnce keeps a file, reads it, and lets it go.
func TestWhatIsKeptIsReadOnce(t *testing.T) {
	for name, c := range map[string]struct {
		size     int
		noLength bool
		reads    int // of the server, while it is kept
	}{
		"a length":         {10_000, false, 1},
		"no length":        {10_000, true, 1},
		"nothing":          {0, false, 1},
		"more than fits":   {200_000, false, 3},
		"a broken connect": {10_000, false, 2},
		"a broken connect, and nothing that tells the version": {10_000, false, 2},
		"a broken connect, and no length":                      {10_000, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSite(map[string]sourcetest.File{"a.bin": {Data: sourcetest.Pattern(c.size), ModTime: time.Unix(1e9, 0)}})
			h.noLength = c.noLength
			if strings.HasSuffix(name, "version") {
				h.noETag, h.noTime = true, true
			}
			far := &sourcetest.Far{}
			sp, err := spool.Open(t.TempDir(), 100_000)
			if err != nil {
				t.Fatal(err)
			}
			defer sp.Close()
			s, _ := serve(t, far.Wrap(h), func(cfg *Config) { cfg.Spool, cfg.MaxSize = sp, 1<<20 })
			if strings.HasPrefix(name, "a broken") {
				far.Do(sourcetest.Once("a.bin", sourcetest.Fault{Cut: true, After: 5_000}))
			}
			r, kept, err := s.Keep(t.Context(), "a.bin")
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if r.Close(); err != nil || string(b) != string(sourcetest.Pattern(c.size)) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			for range 2 {
				if got, i, err := read(t.Context(), s, "a.bin"); err != nil || got != string(b) || !i.Same(kept) {
					t.Errorf("%d bytes, %+v, %v", len(got), i, err)
				}
			}
			if got := len(h.requests()); got != c.reads {
				t.Errorf("asked %d times: %q", got, h.requests())
			}
			s.Release("a.bin")
			s.Release("a.bin") // once too often
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for range 11 { // there is room again each time
				r, _, err := s.Keep(ctx, "a.bin")
				if err != nil {
					t.Fatal(err)
				}
				r.Close()
				s.Release("a.bin")
			}
			h.set("a.bin", sourcetest.File{Data: []byte("new"), ModTime: time.Unix(2e9, 0)})
			if got, _, err := read(t.Context(), s, "a.bin"); err != nil || got != "new" {
				t.Errorf("when it is let go: %q, %v", got, err)
			}
		})
	}
}

// TestTheNewestOfWhatIsKeptIsRead: two items may name the same file, which changes
// between their readings.
func TestTheNewestOfWhatIsKeptIsRead(t *testing.T) {
	h := newSite(map[string]sourcetest.File{"a.bin": {Data: []byte("old")}})
	s, _ := serve(t, h, nil)
	keep := func(want string) {
		t.Helper()
		r, _, err := s.Keep(t.Context(), "a.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); string(got) != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	keep("old")
	h.set("a.bin", sourcetest.File{Data: []byte("new")})
	keep("new")
	for range 2 { // with both, and with the one that is left
		if got, i, err := read(t.Context(), s, "a.bin"); got != "new" || i.Size != 3 || err != nil {
			t.Errorf("%q, %+v, %v", got, i, err)
		}
		s.Release("a.bin")
	}
	if held := s.cfg.Spool.Held(); held > 0 {
		t.Errorf("%d bytes stay in the spool", held)
	}
}

func TestSizesAreBounded(t *testing.T) {
	h := newSite(map[string]sourcetest.File{"a.bin": {Size: 10_000}})
	s, _ := serve(t, h, func(c *Config) { c.MaxSize = 9_999 })
	_, err := s.Stat(t.Context(), "a.bin")
	wants(t, err, source.ErrUnreadable, "9.8 KiB", "--web-max")
	for _, h.noLength = range []bool{false, true} {
		_, _, err = s.Open(t.Context(), "a.bin")
		wants(t, err, source.ErrUnreadable, "9.8 KiB", "--web-max")
		_, _, err = s.Keep(t.Context(), "a.bin")
		wants(t, err, source.ErrUnreadable, "9.8 KiB", "--web-max")
	}
}

func TestTheBeginningOfAFile(t *testing.T) {
	h := newSite(map[string]sourcetest.File{"a.bin": {Size: 10_000}, "b.bin": {Data: []byte("hello")}, "empty": {Data: []byte{}}})
	s, _ := serve(t, h, nil)
	for path, want := range map[string]string{"a.bin": string(sourcetest.Pattern(5_000)), "b.bin": "hello", "empty": ""} {
		buf := make([]byte, 5_000)
		if n, err := s.ReadHead(t.Context(), path, buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%s: %d bytes, %v", path, n, err)
		}
	}
	_, err := s.ReadHead(t.Context(), "none", nil)
	wants(t, err, source.ErrNotExist)
	for _, r := range h.requests() {
		if strings.HasPrefix(r, "GET") && !strings.Contains(r, "bytes=") {
			t.Errorf("read whole: %s", r)
		}
	}
}

func TestWebPagesInPlaceOfFiles(t *testing.T) {
	page := []byte("<!DOCTYPE html><html><title>Sign in</title>")
	h := newSite(map[string]sourcetest.File{
		"a.pdf": {Data: page}, "a": {Data: page}, "a.html": {Data: page}, "typed.pdf": {Data: page},
		"wrong.pdf": {Data: []byte("%PDF-1.7 and more")},
	})
	h.mimeTypes = map[string]string{"/files/typed.pdf": "text/html; charset=utf-8", "/files/wrong.pdf": "text/html", "/files/a": "text/html"}
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("/files/moved.pdf", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/files/a.html?signature=s3cret", http.StatusFound)
	})
	s, _ := serve(t, mux, func(c *Config) { c.HeadersFrom = "MIGRATE_WEB_HEADERS" })
	for _, path := range []string{"a.pdf", "a", "typed.pdf", "moved.pdf"} {
		_, _, err := s.Open(t.Context(), path)
		wants(t, err, source.ErrWebPage, "MIGRATE_WEB_HEADERS", "!s3cret")
	}
	for _, path := range []string{"typed.pdf", "a"} {
		_, err := s.Stat(t.Context(), path)
		wants(t, err, source.ErrWebPage)
	}
	for _, path := range []string{"a.html", "wrong.pdf"} {
		if _, err := s.Stat(t.Context(), path); err != nil {
			t.Error(err)
		}
		if _, _, err := read(t.Context(), s, path); err != nil {
			t.Error(err)
		}
	}
}

func TestAFolderOfAWebServer(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/files/deep/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><pre><a href=x>x</a></pre>")
	})
	s, _ := serve(t, mux, nil)
	_, err := s.Stat(t.Context(), "deep")
	wants(t, err, source.ErrNotRegular, "folder")
	_, _, err = s.Open(t.Context(), "deep")
	wants(t, err, source.ErrNotRegular, "folder")
}

func TestWhatAServerSaysOfItsFiles(t *testing.T) {
	sum := md5.Sum([]byte("hello"))
	for name, c := range map[string]struct {
		header http.Header
		md5    bool
		err    string
	}{
		"nothing":           {http.Header{}, false, ""},
		"Azure":             {http.Header{"Content-Md5": {base64.StdEncoding.EncodeToString(sum[:])}}, true, ""},
		"Google":            {http.Header{"X-Goog-Hash": {"crc32c=AAAAAA==", "md5=" + base64.StdEncoding.EncodeToString(sum[:])}}, true, ""},
		"Google, one line":  {http.Header{"X-Goog-Hash": {"crc32c=AAAAAA==,md5=" + base64.StdEncoding.EncodeToString(sum[:])}}, true, ""},
		"Google, unpacked":  {http.Header{"X-Goog-Hash": {"md5=" + base64.StdEncoding.EncodeToString(sum[:])}, "X-Goog-Stored-Content-Encoding": {"gzip"}}, false, ""},
		"no MD5":            {http.Header{"Content-Md5": {"AAAA"}}, false, ""},
		"compressed":        {http.Header{"Content-Encoding": {"gzip"}}, false, "compressed (gzip)"},
		"said to be itself": {http.Header{"Content-Encoding": {"identity"}}, false, ""},
	} {
		s := fake(t, respond(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Errorf("%s: asked for %q", name, r.Header.Get("Accept-Encoding"))
			}
			maps.Copy(w.Header(), c.header)
			w.Header().Set("Content-Length", "5")
			if r.Method == http.MethodGet {
				_, _ = w.Write([]byte("hello"))
			}
		}), nil)
		i, err := s.Stat(t.Context(), "a.txt")
		_, opened, openErr := read(t.Context(), s, "a.txt")
		if c.err != "" {
			wants(t, err, source.ErrUnreadable, c.err)
			wants(t, openErr, source.ErrUnreadable, c.err)
			continue
		}
		if err != nil || openErr != nil || i.Size != 5 || bytes.Equal(i.MD5, sum[:]) != c.md5 || !bytes.Equal(opened.MD5, i.MD5) {
			t.Errorf("%s: %+v, %+v, %v, %v", name, i, opened, err, openErr)
		}
	}
}

func TestWhatAServerAnswers(t *testing.T) {
	for status, c := range map[int]struct {
		wrapped error
		text    string
		asked   int // by GET
	}{
		400: {source.ErrUnreadable, "browser", 1},
		401: {source.ErrUnreadable, "MIGRATE_WEB_HEADERS", 1},
		403: {source.ErrUnreadable, "MIGRATE_WEB_HEADERS", 1},
		404: {source.ErrNotExist, "browser", 1},
		407: {source.ErrUnreadable, "HTTPS_PROXY", 1},
		410: {source.ErrNotExist, "410 Gone", 1},
		429: {source.ErrUnreadable, "after 5 attempts", 5},
		500: {source.ErrUnreadable, "run again later", 5},
		503: {source.ErrUnreadable, "503 Service Unavailable, after 5 attempts", 5},
		204: {source.ErrUnreadable, "204", 1},
		206: {source.ErrUnreadable, "206", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			s := fake(t, respond(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					asked++
				}
				w.WriteHeader(status)
			}), nil)
			_, _, err := s.Open(t.Context(), "a.pdf")
			wants(t, err, c.wrapped, c.text, "files.example.com answers")
			if asked != c.asked {
				t.Errorf("%d: asked %d times", status, asked)
			}
			if status >= 300 {
				_, err := s.Stat(t.Context(), "a.pdf")
				wants(t, err, c.wrapped, c.text)
			}
		})
	}
}

func TestServersAreLeftAloneAsLongAsTheyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex // both files are asked for at once when the pause ends
		var asked []time.Duration
		advice := "90"
		s := fake(t, respond(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked = append(asked, time.Since(start).Round(time.Second))
			first := len(asked) == 1
			mu.Unlock()
			if first {
				w.Header().Set("Retry-After", advice)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			w.Header().Set("Content-Length", "1")
			_, _ = w.Write([]byte("x"))
		}), nil)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := read(t.Context(), s, "a.txt"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		<-time.After(time.Second)
		if _, _, err := read(t.Context(), s, "b.txt"); err != nil { // another file of the same server
			t.Error(err)
		}
		wg.Wait()
		if !slices.Equal(asked, []time.Duration{0, 90 * time.Second, 90 * time.Second}) {
			t.Errorf("asked at %v", asked)
		}
		asked, advice = nil, "86400"
		_, _, err := s.Open(t.Context(), "a.txt")
		wants(t, err, source.ErrUnreadable, "24h0m0s")
		if len(asked) != 1 {
			t.Errorf("asked %d times", len(asked))
		}
	})
}

func TestAServerThatSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := fake(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), nil)
		_, err := s.Stat(t.Context(), "a.txt")
		wants(t, err, source.ErrUnreadable, "says nothing", "after 5 attempts")
		if d := time.Since(start); d < 5*time.Minute || d > 6*time.Minute {
			t.Errorf("given up after %v", d)
		}
	})
}

// TestAServerThatSendsNextToNothing is left when it takes hours for what others
// send in a moment; one that is merely slow is not.
func TestAServerThatSendsNextToNothing(t *testing.T) {
	for _, c := range []struct {
		every time.Duration
		part  int
		size  int64 // -1: it is not told
		ok    bool
	}{{50 * time.Second, 10, 1 << 20, false}, {50 * time.Second, 10, -1, false}, {50 * time.Second, 32 << 10, 1 << 20, true}, {time.Second, 10, 1000, true}} {
		synctest.Test(t, func(t *testing.T) {
			sp, err := spool.Open(t.TempDir(), 64<<20)
			if err != nil {
				t.Fatal(err)
			}
			defer sp.Close()
			s := fake(t, roundTripper(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Header: http.Header{"Etag": {`"1"`}}, ContentLength: c.size, Request: r, Body: &trickle{c.every, c.part, c.size}}, nil
			}), func(cfg *Config) { cfg.Spool, cfg.MaxSize = sp, 1<<20 })
			start := time.Now()
			_, _, err = read(t.Context(), s, "a.bin")
			if !c.ok {
				wants(t, err, source.ErrUnreadable, "next to nothing", "attempts")
			} else if err != nil {
				t.Error(err)
			}
			if d := time.Since(start); d > time.Hour {
				t.Errorf("%+v: it took %v", c, d)
			}
		})
	}
}

// trickle is a body that sends so many bytes now and then; it ends with left.
type trickle struct {
	every time.Duration
	part  int
	left  int64
}

func (b *trickle) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	<-time.After(b.every)
	n := min(len(p), b.part)
	if b.left > 0 {
		n = int(min(int64(n), b.left))
		b.left -= int64(n)
	}
	return n, nil
}
func (b *trickle) Close() error { return nil }

// TestASlowReaderIsNoSlowServer leaves an answer alone for longer than a server
// may: it is the uploads that wait.
func TestASlowReaderIsNoSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := fake(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			asked++
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 10_000, Request: r, Body: &untilDone{r.Context(), bytes.NewReader(make([]byte, 10_000))}}, nil
		}), nil)
		r, _, err := s.Open(t.Context(), "a.bin")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		<-time.After(time.Hour)
		if b, err := io.ReadAll(r); err != nil || len(b) != 10_000 || asked != 1 {
			t.Errorf("%d bytes, %v, asked %d times", len(b), err, asked)
		}
	})
}

// untilDone is a body that ends with its request.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (b *untilDone) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, b.ctx.Err()
	}
	return b.Reader.Read(p)
}
func (b *untilDone) Close() error { return nil }

func TestRedirects(t *testing.T) {
	var log []string
	s := fake(t, respond(func(w http.ResponseWriter, r *http.Request) {
		log = append(log, r.URL.Host+" "+r.Header.Get("Authorization")+r.Header.Get("X-Key")+r.Header.Get("Referer"))
		to := ""
		switch r.URL.Path {
		case "/x/cdn.pdf":
			to = "https://cdn.example.net/real.pdf?sig=s3cret"
		case "/x/back.pdf":
			to = "https://cdn.example.net/again"
		case "/again":
			to = "https://files.example.com/x/real.pdf"
		case "/x/plain.pdf":
			to = "http://files.example.com/real.pdf"
		case "/x/here.pdf":
			to = "http://127.0.0.1/real.pdf"
		case "/x/loop.pdf":
			to = r.URL.Path
		case "/x/broken.pdf":
			to = "https://cdn.example.net/gone.pdf?sig=s3cret"
		case "/gone.pdf":
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		w.Header().Set("Content-Length", "4")
		_, _ = w.Write([]byte("%PDF"))
	}), func(c *Config) {
		c.Headers = Headers{"https://files.example.com:443": {"Authorization": {"A"}, "X-Key": {"K"}}}
	})
	if got, _, err := read(t.Context(), s, "cdn.pdf"); err != nil || got != "%PDF" {
		t.Errorf("%q, %v", got, err)
	}
	if want := []string{"files.example.com AK", "cdn.example.net "}; !slices.Equal(log, want) {
		t.Errorf("%q", log)
	}
	log = nil
	if _, _, err := read(t.Context(), s, "back.pdf"); err != nil {
		t.Error(err)
	}
	if want := []string{"files.example.com AK", "cdn.example.net ", "files.example.com AK"}; !slices.Equal(log, want) {
		t.Errorf("%q", log)
	}
	for path, text := range map[string]string{"plain.pdf": "not encrypted", "here.pdf": "not encrypted", "loop.pdf": "too often", "broken.pdf": "cdn.example.net answers 403"} {
		log = nil
		_, _, err := s.Open(t.Context(), path)
		wants(t, err, source.ErrUnreadable, text, "!s3cret")
		if len(log) > maxRedirects+1 {
			t.Errorf("%s: %d requests", path, len(log))
		}
	}
}

func TestRedirectsFromThisMachineAreEncryptedToo(t *testing.T) {
	asked := 0
	s := fake(t, respond(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "http://files.example.com/a.pdf", http.StatusFound)
	}), func(c *Config) { c.Base = "http://127.0.0.1:8080" })
	_, _, err := s.Open(t.Context(), "a.pdf")
	wants(t, err, source.ErrUnreadable, "not encrypted")
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// TestARangeThatWasNotAskedFor comes from a server that counts wrongly.
func TestARangeThatWasNotAskedFor(t *testing.T) {
	s := fake(t, respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("Range") == "" {
			w.Header().Set("Content-Length", "10000")
			_, _ = w.Write(make([]byte, 5000))
			return
		}
		w.Header().Set("Content-Range", "bytes 4000-9999/10000")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(make([]byte, 6000))
	}), func(c *Config) { c.Pause = time.Microsecond })
	_, _, err := read(t.Context(), s, "a.bin")
	wants(t, err, source.ErrUnreadable, "other bytes than those")
}

func TestSignaturesAreInNoError(t *testing.T) {
	for name, rt := range map[string]http.RoundTripper{
		"refused":   respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }),
		"no answer": roundTripper(func(r *http.Request) (*http.Response, error) { return nil, errors.New("broken") }),
		"no name": roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Name: r.URL.Host, IsNotFound: true}
		}),
		"page": respond(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "15")
			_, _ = w.Write([]byte("<!doctype html>"))
		}),
		"led nowhere": respond(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://cdn.example.net/100%.pdf?sig=s3cret")
			w.WriteHeader(http.StatusFound)
		}),
	} {
		s := fake(t, rt, func(c *Config) { c.Base, c.Attempts, c.Pause = "", 2, time.Microsecond })
		for _, address := range []string{"https://files.example.com/a.pdf?sig=s3cret", "https://files.example.com/%zz.pdf?sig=s3cret", "https://me:s3cret@files.example.com/a.pdf"} {
			_, _, err := s.Open(t.Context(), address)
			if e, ok := errors.AsType[*source.Error](err); !ok || strings.Contains(fmt.Sprintf("%v %+v", err, e.Err), "s3cret") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := New(Config{Base: "https://me:s3cret@x.example/?s3cret"}); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
}

func TestNamesThatAreNotKnown(t *testing.T) {
	asked := 0
	s := fake(t, roundTripper(func(*http.Request) (*http.Response, error) {
		asked++
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "files.example.com", IsNotFound: true}}
	}), nil)
	_, err := s.Stat(t.Context(), "a.pdf")
	wants(t, err, source.ErrUnreadable, "no address is known of files.example.com", "!lookup")
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestCertificatesThatAreNotTrusted(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	srv.Config.ErrorLog = discard
	defer srv.Close()
	tr := http.DefaultTransport.(*http.Transport).Clone()
	defer tr.CloseIdleConnections()
	s := fake(t, NewTransport(tr, true), func(c *Config) { c.Base = srv.URL })
	_, err := s.Stat(t.Context(), "a.pdf")
	wants(t, err, source.ErrUnreadable, "--ca-file", "!attempts")
}

func TestPrivateAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.215.14": true, "1.1.1.1": true, "2606:2800:21f:cb07:6820:80da:af6b:8b2c": true, "64:ff9b::5db8:d70e": true, "172.32.0.1": true,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fd00::1": false, "ff02::1": false, "::ffff:10.0.0.1": false, "::ffff:127.0.0.1": false,
		"64:ff9b::a00:1": false, "64:ff9b::7f00:1": false, "2002:a00:1::": false, "2002:7f00:1::1": false, "64:ff9b:1::1": false, "::10.0.0.1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %v", address, got)
		}
	}
}

// TestPrivateNetworksAreNotReached goes there by a number, by a name, by a
// redirect and with a proxy.
func TestPrivateNetworksAreNotReached(t *testing.T) {
	reached := 0
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reached++ }))
	defer inside.Close()
	port := mustURL(t, inside.URL).Port()
	for _, base := range []string{inside.URL, "http://localhost:" + port, "http://[::1]:" + port} {
		tr := http.DefaultTransport.(*http.Transport).Clone()
		tr.Proxy = nil
		s := fake(t, NewTransport(tr, false), func(c *Config) { c.Base, c.Attempts = base, 1 })
		_, _, err := s.Open(t.Context(), "a.pdf")
		wants(t, err, source.ErrUnreadable, "private network", "--allow-private")
	}

	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.Proxy = http.ProxyURL(mustURL(t, proxy.URL))
	defer tr.CloseIdleConnections()
	rt := NewTransport(tr, false)
	for _, base := range []string{"https://10.0.0.1", "https://169.254.169.254", "https://[fd00::1]", "https://10.0.0.1.",
		"https://2130706433", "https://127.1", "https://0x7f.1", "https://0177.0.0.1", "https://x.0X7F", "http://localhost:" + port, "http://127.0.0.1:" + port} {
		s := fake(t, rt, func(c *Config) { c.Base, c.Attempts = base, 1 })
		_, _, err := s.Open(t.Context(), "a.pdf")
		wants(t, err, source.ErrUnreadable, "private network")
	}
	s := fake(t, rt, func(c *Config) { c.Attempts = 1 })
	if _, _, err := s.Open(t.Context(), "a.pdf"); errors.Is(err, errPrivate) || err == nil {
		t.Errorf("the proxy itself: %v", err)
	}
	if reached > 0 || !slices.Equal(asked, []string{"files.example.com:443"}) {
		t.Errorf("reached %d times, asked the proxy for %q", reached, asked)
	}
}

func TestParseHeaders(t *testing.T) {
	h, err := ParseHeaders("\n https://files.example.com Authorization: Bearer abc def \nhttps://FILES.example.com:443/ x-key:k\nhttp://127.0.0.1:8080 A: b\n")
	if err != nil {
		t.Fatal(err)
	}
	if f := h["https://files.example.com:443"]; len(h) != 2 || len(f) != 2 || f.Get("Authorization") != "Bearer abc def" || f.Get("X-Key") != "k" || h["http://127.0.0.1:8080"].Get("A") != "b" {
		t.Errorf("%v", h)
	}
	if got := h.Secrets(); !slices.Contains(got, "abc def") || !slices.Contains(got, "k") {
		t.Errorf("%q", got)
	}
	for _, line := range []string{
		"Authorization: s3cret", "files.example.com A: s3cret", "http://files.example.com A: s3cret", "https://files.example.com/deep A: s3cret", "https://x.example?a A: s3cret",
		"https://files.example.com s3cret", "https://files.example.com A:", "https://files.example.com A b: s3cret", "https://files.example.com Host: s3cret",
		"https://me:s3cret@files.example.com A: b", "https://files.example.com A: s3cret\x00",
	} {
		if _, err := ParseHeaders("\n" + line); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestPathsBecomeAddresses(t *testing.T) {
	s := fake(t, nil, func(c *Config) { c.Base = "https://x.example/a%20b/" })
	for path, want := range map[string]string{
		"c d/50%.pdf": "https://x.example/a%20b/c%20d/50%25.pdf", "q?x#y.pdf": "https://x.example/a%20b/q%3Fx%23y.pdf",
		"./c/../d.pdf": "https://x.example/a%20b/d.pdf", "é+&.pdf": "https://x.example/a%20b/%C3%A9+&.pdf",
	} {
		if u, err := s.address(path); err != nil || u.String() != want {
			t.Errorf("%s: %v, %v", path, u, err)
		}
	}
	w := fake(t, nil, func(c *Config) { c.Base = "" })
	for _, address := range []string{"http://x.example/a", "ftp://x.example/a", "a.pdf", "https://", "https://u@x.example/a"} {
		if u, err := w.address(address); err == nil {
			t.Errorf("%s: %v", address, u)
		}
	}
}
