package emulator_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// without drops headers from a list of names and values.
func without(header []string, name string) []string {
	out := slices.Clone(header)
	for i := 0; i < len(out); i += 2 {
		if strings.EqualFold(out[i], name) {
			out[i+1] = ""
		}
	}
	return out
}

func TestStorageChecksWhatS3Checks(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := create(t, s, "a.pdf", "X", "")
	k := ask(t, s, id, "hello")
	wrong := md5.Sum([]byte("other"))
	plain := want(t, 201, s, "POST", "/v4/assets/"+id+"/files", "").json["uploadMeta"].(map[string]any)["uploadUrl"].(string)
	ours := []string{"Content-Type", "application/pdf", "x-amz-meta-asset-id", id, "x-amz-meta-origin", "showpad"}
	for _, c := range []struct {
		name, method, url, body string
		header                  []string
		status                  int
		code                    string
	}{
		{"wrong type", "PUT", k.url, "hello", append(slices.Clone(k.header), "Content-Type", "text/plain"), 403, "SignatureDoesNotMatch"},
		{"no MD5", "PUT", k.url, "hello", without(k.header, "Content-MD5"), 403, "SignatureDoesNotMatch"},
		{"another MD5", "PUT", k.url, "hello", append(slices.Clone(k.header), "Content-MD5", base64.StdEncoding.EncodeToString(wrong[:])), 403, "SignatureDoesNotMatch"},
		{"no metadata", "PUT", k.url, "hello", without(k.header, "x-amz-meta-origin"), 403, "SignatureDoesNotMatch"},
		{"more metadata", "PUT", k.url, "hello", append(slices.Clone(k.header), "x-amz-meta-more", "1"), 403, "AccessDenied"},
		{"altered URL", "PUT", strings.Replace(k.url, "Expires=900", "Expires=9000", 1), "hello", k.header, 403, "SignatureDoesNotMatch"},
		{"another file", "PUT", strings.Replace(k.url, k.fileID, strings.Repeat("0", 32), 1), "hello", k.header, 403, "SignatureDoesNotMatch"},
		{"no signature", "PUT", strings.SplitAfter(k.url, "?")[0], "hello", k.header, 403, "AccessDenied"},
		{"another method", "POST", k.url, "hello", k.header, 403, "SignatureDoesNotMatch"},
		{"a token", "PUT", k.url, "hello", append(slices.Clone(k.header), "Authorization", "Bearer x"), 400, "InvalidArgument"},
		{"other bytes", "PUT", k.url, "hallo", k.header, 400, "BadDigest"},
		{"an MD5 that was not signed", "PUT", plain, "hello", append(slices.Clone(ours), "Content-MD5", base64.StdEncoding.EncodeToString(wrong[:])), 400, "BadDigest"},
		{"an MD5 that is none", "PUT", plain, "hello", append(slices.Clone(ours), "Content-MD5", "x"), 400, "InvalidDigest"},
		{"all well", "PUT", plain, "hello", ours, 200, ""},
		{"empty", "PUT", plain, "", ours, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := want(t, c.status, s, c.method, c.url, c.body, c.header...)
			if got := r.s3Code(); got != c.code {
				t.Errorf("code %q, want %q: %s", got, c.code, r.body)
			}
			if c.code != "" && r.header.Get("Content-Type") != "application/xml" {
				t.Errorf("content type %q", r.header.Get("Content-Type"))
			}
		})
	}
	if b := s.Books(); b.TokensAtStorage != 1 || b.Puts != 2 || b.RepeatedPuts != 1 || b.API != 3 {
		t.Errorf("books: %+v", b)
	}
}

func TestAnUploadURLExpires(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := create(t, s, "a.pdf", "X", "")
	k := ask(t, s, id, "hello")
	s.Advance(emulator.UploadURLLife - 2*time.Second)
	want(t, 200, s, "PUT", k.url, "hello", k.header...)
	s.Advance(3 * time.Second)
	r := want(t, 403, s, "PUT", k.url, "hello", k.header...)
	if r.s3Code() != "AccessDenied" || !strings.Contains(string(r.body), "Request has expired") {
		t.Errorf("%s", r.body)
	}
}

// slowReader moves the clock while it is read.
type slowReader struct {
	io.Reader
	before func()
}

func (r slowReader) Read(p []byte) (int, error) {
	r.before()
	return r.Reader.Read(p)
}

func TestATransferThatBeganInTimeMayFinishLater(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := create(t, s, "a.pdf", "X", "")
	k := ask(t, s, id, "hello")
	req := putRequest(t, k, slowReader{strings.NewReader("hello"), func() { s.Advance(time.Hour) }}, 5)
	res, err := s.RoundTrip(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	if got := statusOf(t, s, id); got != "active" {
		t.Errorf("status %s", got)
	}
}

func putRequest(t *testing.T, k ticket, body io.Reader, length int64) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", k.url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	for i := 0; i < len(k.header); i += 2 {
		req.Header.Set(k.header[i], k.header[i+1])
	}
	return req
}

func TestLengthsOfAPut(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := create(t, s, "a.pdf", "X", "")
	hello := ask(t, s, id, "hello")
	rt, url := serve(t, s)
	over := want(t, 201, rt, "POST", url+"/v4/assets/"+id+"/files", "").json["uploadMeta"].(map[string]any)["uploadUrl"].(string)
	overHTTP := ticket{url: over, header: []string{"Content-Type", "application/pdf", "x-amz-meta-asset-id", id, "x-amz-meta-origin", "showpad"}}
	type noLength struct{ io.Reader } // hides the length from net/http
	for _, c := range []struct {
		name   string
		rt     http.RoundTripper
		k      ticket
		body   io.Reader
		length int64
		status int // 0: an error
	}{
		{"chunked", s, hello, noLength{strings.NewReader("hello")}, 0, 501},
		{"unknown", s, hello, noLength{strings.NewReader("hello")}, -1, 501},
		{"chunked over a socket", rt, overHTTP, noLength{strings.NewReader("hello")}, -1, 501},
		{"unknown and empty", s, hello, noLength{strings.NewReader("")}, 0, 400}, // BadDigest: its length is known
		{"short", s, hello, strings.NewReader("hell"), 5, 0},
		{"long", s, hello, strings.NewReader("hello!"), 5, 0},
		{"above 5 GB", s, hello, strings.NewReader("hello"), emulator.MaxPut + 1, 400},
		{"above 5 GB over a socket", rt, overHTTP, slowReader{strings.NewReader("hello"), func() {}}, emulator.MaxPut + 1, -1},
		{"exact", s, hello, strings.NewReader("hello"), 5, 200},
	} {
		res, err := c.rt.RoundTrip(putRequest(t, c.k, c.body, c.length))
		switch {
		case c.status == -1: // the socket breaks before or after the answer
			if err == nil && res.StatusCode != 400 {
				t.Errorf("%s: %d", c.name, res.StatusCode)
			}
		case c.status == 0 && err == nil:
			t.Errorf("%s: no error", c.name)
		case c.status != 0 && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.status != 0 && res.StatusCode != c.status:
			t.Errorf("%s: %d, want %d", c.name, res.StatusCode, c.status)
		}
		if err == nil {
			res.Body.Close()
		}
	}
	// The one that is too long is stored: its first bytes are what was announced,
	// and only the sender knows that there are more.
	if b := s.Books(); b.Puts != 2 {
		t.Errorf("%d uploads were stored", b.Puts)
	}
}

func TestALargeBodyIsStreamedAndHashed(t *testing.T) {
	s := newServer(t, emulator.Options{})
	rt, url := serve(t, s)
	const size = 8 << 20
	sum := md5.New()
	io.Copy(sum, io.LimitReader(pattern{}, size))
	id := want(t, 201, rt, "POST", url+"/v4/assets", createBody("a.mp4", "X", "")).text("id")
	r := want(t, 201, rt, "POST", url+"/v4/assets/"+id+"/files", `{"contentMD5":"`+base64.StdEncoding.EncodeToString(sum.Sum(nil))+`"}`)
	k := ticket{url: r.json["uploadMeta"].(map[string]any)["uploadUrl"].(string), header: []string{
		"Content-Type", "video/mp4", "x-amz-meta-asset-id", id, "x-amz-meta-origin", "showpad", "Content-MD5", base64.StdEncoding.EncodeToString(sum.Sum(nil)), "Expect", "100-continue"}}
	res, err := rt.RoundTrip(putRequest(t, k, io.LimitReader(pattern{}, size), size))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if a := s.Assets()[0]; res.StatusCode != 200 || a.MD5 != hex.EncodeToString(sum.Sum(nil)) || a.Size != size {
		t.Errorf("%d %+v", res.StatusCode, a)
	}
}

// pattern is an endless reader.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestUploadURLsFollowTheHostOrTheOption(t *testing.T) {
	s := newServer(t, emulator.Options{BaseURL: "http://storage.example.com:9000/"})
	k := ask(t, s, create(t, s, "a.pdf", "X", ""), "hello")
	if !strings.HasPrefix(k.url, "http://storage.example.com:9000/storage/") {
		t.Errorf("%s", k.url)
	}
	want(t, 200, s, "PUT", k.url, "hello", k.header...)
	for _, base := range []string{"storage.example.com", "/x", "http://"} {
		if _, err := emulator.New(emulator.Options{BaseURL: base}); err == nil {
			t.Errorf("base URL %q is accepted", base)
		}
	}
}
