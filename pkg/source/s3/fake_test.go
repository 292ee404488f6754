package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// fake is a store without a server, for what a real one cannot be made to do:
// see test/integration for a real one. It checks no signatures.
type fake struct {
	mu      sync.Mutex
	objects map[string]*held // by bucket/key
	page    int              // keys in an answer to a listing; 0 is 1000
	seen    []*http.Request
	// answer, when set, comes before everything else; nil goes on.
	answer func(n int, r *http.Request) (*http.Response, error)
	// body, when set, takes the place of a body that is about to be sent.
	body func(n int, b io.ReadCloser) io.ReadCloser
}

// held is an object.
type held struct {
	data   []byte
	etag   string // "": the MD5 of data
	header map[string]string
	when   time.Time
}

// noTag is the etag of an object that has none.
const noTag = "none"

var then = time.Date(2025, 3, 4, 5, 6, 7, 890_000_000, time.UTC)

// newFake is a store with a bucket that holds files by key.
func newFake(files ...string) *fake {
	f := &fake{objects: map[string]*held{}}
	for _, key := range files {
		f.put(key, &held{data: []byte(key)})
	}
	return f
}

// put is an object, or none.
func (f *fake) put(key string, h *held) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h == nil {
		delete(f.objects, "bucket/"+key)
		return
	}
	if h.etag == "" {
		h.etag = fmt.Sprintf("%x", md5.Sum(h.data))
	}
	f.objects["bucket/"+key] = h
}

// requests are those that came, as METHOD path.
func (f *fake) requests() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.seen {
		all = append(all, r.Method+" "+r.URL.EscapedPath())
	}
	return all
}

// ServeHTTP implements http.Handler, for tests with a server.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	h := f.objects[strings.TrimPrefix(r.URL.Path, "/")] // which goes on being read when another takes its place
	f.mu.Unlock()
	if h == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.serve(w, r)
		return
	}
	(&fake{objects: map[string]*held{strings.TrimPrefix(r.URL.Path, "/"): h}}).serve(w, r)
}

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, r)
	n := len(f.seen)
	if f.answer != nil {
		if resp, err := f.answer(n, r); resp != nil || err != nil {
			return resp, err
		}
	}
	w := httptest.NewRecorder()
	f.serve(w, r)
	resp := w.Result()
	resp.Request = r
	if f.body != nil && r.Method == http.MethodGet && r.URL.RawQuery == "" && resp.StatusCode < 300 {
		resp.Body = f.body(n, resp.Body)
	}
	return resp, nil
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	at := strings.TrimPrefix(r.URL.Path, "/")
	bucket, key, _ := strings.Cut(at, "/")
	if bucket != "bucket" {
		refuse(w, r, http.StatusNotFound, "NoSuchBucket", "")
		return
	}
	if key == "" {
		f.list(w, r.URL.Query())
		return
	}
	h := f.objects[at]
	if h == nil {
		refuse(w, r, http.StatusNotFound, "NoSuchKey", "")
		return
	}
	for k, v := range h.header {
		w.Header().Set(k, v)
	}
	if h.header["X-Amz-Storage-Class"] == "GLACIER" && h.header["X-Amz-Restore"] == "" && r.Method == http.MethodGet {
		refuse(w, r, http.StatusForbidden, "InvalidObjectState", "")
		return
	}
	if h.etag != noTag {
		w.Header().Set("ETag", `"`+h.etag+`"`)
	}
	if h.header["Content-Encoding"] != "" { // which http.ServeContent knows nothing of
		w.Header().Set("Content-Length", strconv.Itoa(len(h.data)))
	}
	http.ServeContent(w, r, "", h.modTime(), bytes.NewReader(h.data))
}

func (h *held) modTime() time.Time {
	if h.when.IsZero() {
		return then
	}
	return h.when
}

// refuse answers with an error, without a body to HEAD.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, region string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>%s, says the store</Message><Region>%s</Region></Error>`, code, code, region)
	}
}

// refusal is an answer of f.answer.
func refusal(r *http.Request, status int, code, region string) *http.Response {
	w := httptest.NewRecorder()
	refuse(w, r, status, code, region)
	return w.Result()
}

type contents struct {
	Key, ETag, StorageClass string
	LastModified            time.Time
	Size                    int
}

func (f *fake) list(w http.ResponseWriter, q url.Values) {
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		EncodingType          string
		IsTruncated           bool
		NextContinuationToken string
		Contents              []contents
	}
	out.EncodingType = "url"
	var keys []string
	for at := range f.objects {
		if key := strings.TrimPrefix(at, "bucket/"); strings.HasPrefix(key, q.Get("prefix")) && key > q.Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	page := 1000
	if f.page > 0 {
		page = f.page
	}
	if len(keys) > page {
		keys = keys[:page]
		out.IsTruncated, out.NextContinuationToken = true, keys[page-1]
	}
	for _, key := range keys {
		h := f.objects["bucket/"+key]
		out.Contents = append(out.Contents, contents{url.QueryEscape(key), `"` + h.etag + `"`, h.header["X-Amz-Storage-Class"], h.modTime(), len(h.data)})
	}
	_ = xml.NewEncoder(w).Encode(out)
}

// signedIn has credentials in the environment, and nothing else to find any.
func signedIn(t *testing.T) {
	t.Helper()
	nobody(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}

// nobody has no credentials anywhere.
func nobody(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_ACCESS_KEY": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SECRET_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": dir + "/config", "AWS_SHARED_CREDENTIALS_FILE": dir + "/credentials", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
}

// storeOn is a store whose requests f answers.
func storeOn(t *testing.T, f *fake, cfg Config) *Store {
	t.Helper()
	cfg.Transport = f
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var elsewhere = Config{Endpoint: "https://store.example.com"}

// rootOn is the bucket of f, or a prefix of it, and forgets the requests of its
// opening.
func rootOn(t *testing.T, f *fake, prefix string) *Source {
	t.Helper()
	signedIn(t)
	src, err := storeOn(t, f, elsewhere).Root(t.Context(), "s3://bucket"+prefix)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = nil
	return src
}

func content(t *testing.T, s source.Source, path string) (string, error) {
	t.Helper()
	r, _, err := s.Open(t.Context(), path)
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
	_, openErr := content(t, s, path)
	for op, err := range map[string]error{"stat": statErr, "open": openErr} {
		e, ok := errors.AsType[*source.Error](err)
		if !ok || !errors.Is(err, want) || e.Op != op || e.Path != path || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s %q: %v; want %q with %q", op, path, err, want, hint)
		}
	}
}
