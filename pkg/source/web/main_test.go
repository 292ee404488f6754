package web

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

var discard = log.New(io.Discard, "", 0)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site serves files, as a careful server does unless told otherwise.
type site struct {
	mu    sync.Mutex
	files map[string]siteFile
	log   []string // method, path and Range of each request

	noHead    bool // HEAD is refused
	noLength  bool // bodies come in chunks
	noRange   bool // the whole file is always sent
	noETag    bool
	noTime    bool
	weak      bool // ETags are weak
	mimeTypes map[string]string
}

type siteFile struct {
	data []byte
	time time.Time
	etag string
}

func newSite(files map[string]sourcetest.File) *site {
	s := &site{files: map[string]siteFile{}}
	for p, f := range files {
		s.set(p, f)
	}
	return s
}

func (s *site) set(path string, f sourcetest.File) {
	data := f.Data
	if data == nil {
		data = sourcetest.Pattern(int(f.Size))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files["/files/"+path] = siteFile{data, f.ModTime, `"` + sum(data) + `"`}
}

func (s *site) remove(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, "/files/"+path)
}

func (s *site) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.log = append(s.log, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	f, ok := s.files[r.URL.Path]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	if s.noHead && r.Method == http.MethodHead {
		http.Error(w, "no", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if t := s.mimeTypes[r.URL.Path]; t != "" {
		w.Header().Set("Content-Type", t)
	}
	if !s.noETag {
		etag := f.etag
		if s.weak {
			etag = "W/" + etag
		}
		w.Header().Set("ETag", etag)
	}
	if s.noTime {
		f.time = time.Time{}
	}
	if s.noRange {
		r.Header.Del("Range")
	}
	if s.noLength {
		r.Header.Del("Range")
		if r.Method == http.MethodGet {
			w = chunked{w}
		} else {
			return
		}
	}
	http.ServeContent(w, r, "", f.time, bytes.NewReader(f.data))
}

// chunked sends no length.
type chunked struct{ http.ResponseWriter }

func (c chunked) WriteHeader(status int) {
	c.Header().Del("Content-Length")
	c.Header().Del("Accept-Ranges")
	c.ResponseWriter.WriteHeader(status)
	_ = http.NewResponseController(c.ResponseWriter).Flush()
}

// serve is a server and a source of what lies below its /files.
func serve(t *testing.T, h http.Handler, change func(*Config)) (*Source, *httptest.Server) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = discard
	srv.Start()
	t.Cleanup(srv.Close)
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	sp, err := spool.Open(t.TempDir(), 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sp.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := Config{Base: srv.URL + "/files", Transport: NewTransport(base, true), Spool: sp, Pause: time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, srv
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
