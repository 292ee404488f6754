package rclone

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// fake answers as rclone's remote control does, for the remote "mem:".
type fake struct {
	mu    sync.Mutex
	files map[string]fakeFile // by path
	calls map[string]int
	md5   bool // the remote tells MD5
	slow  bool // ... by reading the file
	drive bool // it is one of OneDrive
	// broken, when set, is asked before each call; what it returns is the answer.
	broken func(call string, n int, body *http.Response) *http.Response
}

type fakeFile struct {
	more    string // bytes that are neither listed nor served, and in the checksum of OneDrive
	data    []byte
	when    time.Time
	unknown bool   // its size
	twin    string // another file with the same name
}

func (f *fake) called(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

func (f *fake) set(p string, file fakeFile) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[p] = file
}

func answer(req *http.Request, status int, v any) *http.Response {
	b, _ := json.Marshal(v)
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(b)), ContentLength: int64(len(b)), Request: req}
}

func failed(req *http.Request, status int, text string) *http.Response {
	return answer(req, status, map[string]any{"error": text, "status": status})
}

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Err() != nil {
		return nil, req.Context().Err()
	}
	if user, pass, ok := req.BasicAuth(); !ok || user == "" || len(pass) < 20 {
		return failed(req, http.StatusUnauthorized, "Unauthorized"), nil
	}
	call := strings.TrimPrefix(req.URL.Path, "/")
	if req.Method == http.MethodGet {
		call = "get"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[call]++
	resp := f.answer(call, req)
	if f.broken != nil {
		if other := f.broken(call, f.calls[call], resp); other != nil {
			return other, nil
		}
	}
	return resp, nil
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	resp, err := f.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), resp.Header)
	if resp.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(struct{ io.Writer }{w}, resp.Body)
}

func (f *fake) remove(p string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.files, p)
}

func (f *fake) answer(call string, req *http.Request) *http.Response {
	var in struct {
		Fs, Remote string
		Opt        struct {
			ShowHash  bool
			FilesOnly bool
		}
	}
	if req.Body != nil {
		_ = json.NewDecoder(req.Body).Decode(&in)
	}
	if in.Fs != "" && !strings.HasPrefix(in.Fs, "mem:") {
		return failed(req, http.StatusInternalServerError, "didn't find section in config file")
	}
	switch call {
	case "core/version":
		return answer(req, http.StatusOK, map[string]any{"version": "v1.60.1", "decomposed": []int{1, 60, 1}})
	case "config/listremotes":
		return answer(req, http.StatusOK, map[string]any{"remotes": []string{"mem", "drive"}})
	case "operations/fsinfo":
		hashes := []string{"sha1"}
		if f.md5 {
			hashes = append(hashes, "md5")
		}
		if f.drive {
			hashes = append(hashes, "quickxor")
		}
		return answer(req, http.StatusOK, map[string]any{"Hashes": hashes, "Features": map[string]bool{"SlowHash": f.slow, "CanHaveEmptyDirectories": true}})
	case "operations/stat":
		p := path.Join(strings.TrimPrefix(in.Fs, "mem:"), in.Remote)
		file, ok := f.files[p]
		if !ok {
			return answer(req, http.StatusOK, map[string]any{"item": nil})
		}
		return answer(req, http.StatusOK, map[string]any{"item": f.entry(p, file, in.Opt.ShowHash)})
	case "operations/list":
		return f.list(req, path.Join(strings.TrimPrefix(in.Fs, "mem:"), in.Remote), in.Opt.ShowHash)
	case "get":
		return f.get(req)
	}
	return failed(req, http.StatusNotFound, "couldn't find method")
}

func (f *fake) entry(p string, file fakeFile, hash bool) map[string]any {
	size := len(file.data)
	if file.unknown {
		size = -1
	}
	e := map[string]any{"Path": p, "Name": path.Base(p), "Size": size, "ModTime": file.when.Format(time.RFC3339Nano), "IsDir": false}
	if hash && f.md5 {
		e["Hashes"] = map[string]string{"md5": fmt.Sprintf("%x", md5.Sum(file.data))}
	}
	if hash && f.drive {
		sum := &quickXor{}
		_, _ = sum.Write(append(file.data[:len(file.data):len(file.data)], file.more...))
		e["Hashes"] = map[string]string{"quickxor": sum.hex()}
	}
	return e
}

func (f *fake) list(req *http.Request, dir string, hash bool) *http.Response {
	list, dirs, found := []map[string]any{}, map[string]bool{}, dir == ""
	for p, file := range f.files { // in no order, as rclone has none
		rest := p
		if dir != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(p, dir+"/"); !ok {
				continue
			}
		}
		found = true
		name, _, deeper := strings.Cut(rest, "/")
		if deeper {
			dirs[name] = true
			continue
		}
		list = append(list, f.entry(p, file, hash))
		if file.twin != "" {
			list = append(list, f.entry(p, fakeFile{data: []byte(file.twin), when: file.when}, hash))
		}
	}
	for name := range maps.Keys(dirs) {
		list = append(list, map[string]any{"Path": path.Join(dir, name), "Name": name, "Size": -1, "ModTime": "", "IsDir": true})
	}
	if !found {
		return failed(req, http.StatusNotFound, "error in ListJSON: directory not found")
	}
	return answer(req, http.StatusOK, map[string]any{"list": list})
}

func (f *fake) get(req *http.Request) *http.Response {
	place, p, ok := strings.Cut(strings.TrimPrefix(req.URL.Path, "/["), "]/")
	file, found := f.files[path.Join(strings.TrimPrefix(place, "mem:"), p)]
	if !ok || !found {
		return failed(req, http.StatusNotFound, "failed to find object: object not found")
	}
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: req}
	data, from := file.data, 0
	if r := req.Header.Get("Range"); r != "" {
		from, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r, "bytes="), "-"))
		if from >= len(data) {
			return failed(req, http.StatusRequestedRangeNotSatisfiable, "range")
		}
		resp.StatusCode = http.StatusPartialContent
		resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(data[from:])), int64(len(data)-from)
	if file.unknown {
		resp.ContentLength = -1
	}
	return resp
}

// newFake is rclone as far as it is asked, with these files.
func newFake(t *testing.T, files map[string]sourcetest.File) (*fake, *Rclone) {
	t.Helper()
	f := &fake{files: map[string]fakeFile{}, calls: map[string]int{}}
	for p, file := range files {
		data, err := io.ReadAll(file.Reader())
		if err != nil {
			t.Fatal(err)
		}
		f.files[p] = fakeFile{data: data, when: file.ModTime}
	}
	sp, err := spool.Open(t.TempDir(), 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sp.Close(); err != nil {
			t.Error(err)
		}
	})
	r := New(Options{Spool: sp})
	r.pause, r.server.grace = time.Millisecond, time.Millisecond
	r.server.http.Transport = f
	r.server.run = &process{url: "http://rclone.example", ended: make(chan struct{})}
	return f, r
}

func root(t *testing.T, r *Rclone, place string) *Source {
	t.Helper()
	s, err := r.Root(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
