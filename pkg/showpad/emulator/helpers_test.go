package emulator_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

const (
	base   = "https://acme.api.showpad.com"
	v3Base = "https://acme.showpad.biz/api/v3"
)

func newServer(t testing.TB, opts emulator.Options) *emulator.Server {
	t.Helper()
	s, err := emulator.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (r reply) text(name string) string {
	s, _ := r.json[name].(string)
	return s
}

func (r reply) items() []map[string]any {
	list, _ := r.json["items"].([]any)
	out := make([]map[string]any, len(list))
	for i, v := range list {
		out[i] = v.(map[string]any)
	}
	return out
}

// send makes a request with the default token and reads the answer.
func send(t testing.TB, rt http.RoundTripper, method, target, body string, header ...string) (reply, error) {
	t.Helper()
	if !strings.Contains(target, "://") {
		target = base + target
	}
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(target, "/v4/") || strings.Contains(target, "/api/v3/") && !strings.Contains(target, "/oauth2/") {
		req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	res, err := rt.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	out := reply{status: res.StatusCode, header: res.Header, body: b}
	if strings.Contains(res.Header.Get("Content-Type"), "json") && json.Valid(b) {
		json.Unmarshal(b, &out.json)
	}
	return out, err
}

// want sends and demands a status.
func want(t testing.TB, status int, rt http.RoundTripper, method, target, body string, header ...string) reply {
	t.Helper()
	r, err := send(t, rt, method, target, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if r.status != status {
		t.Fatalf("%s %s %s: status %d, want %d: %s", method, target, body, r.status, status, r.body)
	}
	return r
}

func createBody(name, externalID, more string) string {
	return `{"name":"` + name + `","division":{"id":"` + emulator.DivisionMarketing + `"},"externalId":"` + externalID + `"` + more + `}`
}

func create(t testing.TB, s http.RoundTripper, name, externalID, more string) string {
	t.Helper()
	return want(t, 201, s, "POST", "/v4/assets", createBody(name, externalID, more)).text("id")
}

// ticket is an upload URL and what has to go with it.
type ticket struct {
	fileID, url string
	header      []string
	md5         []byte
}

func ask(t testing.TB, s http.RoundTripper, assetID, content string) ticket {
	t.Helper()
	sum := md5.Sum([]byte(content))
	sum64 := base64.StdEncoding.EncodeToString(sum[:])
	r := want(t, 201, s, "POST", "/v4/assets/"+assetID+"/files", `{"contentMD5":"`+sum64+`"}`)
	meta := r.json["uploadMeta"].(map[string]any)
	k := ticket{fileID: r.text("id"), url: meta["uploadUrl"].(string), md5: sum[:]}
	k.header = []string{"Content-Type", meta["suggestedContentType"].(string), "Content-MD5", sum64}
	for name, v := range meta["metadata"].(map[string]any) {
		if !strings.HasPrefix(name, "x-amz-") {
			name = "x-amz-meta-" + name
		}
		k.header = append(k.header, name, v.(string))
	}
	return k
}

func upload(t testing.TB, s http.RoundTripper, assetID, content string) ticket {
	t.Helper()
	k := ask(t, s, assetID, content)
	r := want(t, 200, s, "PUT", k.url, content, k.header...)
	if got := r.header.Get("ETag"); got != `"`+hex.EncodeToString(k.md5)+`"` {
		t.Errorf("ETag %s", got)
	}
	return k
}

// s3Code is the code of an S3 error.
func (r reply) s3Code() string {
	_, rest, _ := bytes.Cut(r.body, []byte("<Code>"))
	code, _, _ := bytes.Cut(rest, []byte("</Code>"))
	return string(code)
}

func queryOf(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return "?" + v.Encode()
}

// serve puts a Server behind a real socket.
func serve(t testing.TB, s *emulator.Server) (http.RoundTripper, string) {
	t.Helper()
	hs := httptest.NewServer(s)
	hs.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(hs.Close)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return tr, hs.URL
}
