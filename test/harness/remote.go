package harness

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const rclonePath = ".tools/rclone/rclone" // as in the Makefile

// RemoteSecret is the password of the far ends, which nothing may show.
const RemoteSecret = "remote-secret"

// Remote is a remote of rclone, "far:", with a configuration of its own. `make
// integration` installs rclone.
type Remote struct {
	Dir     string   // holds what is at the remote
	Program string   // rclone
	Env     []string // what a client needs, as NAME=value

	mu   sync.Mutex
	gets map[string]int
}

// NewRemote makes a remote of a kind: "sftp" and "webdav" are served by rclone's
// own commands, which end with the test; "local" is the folder itself. "onedrive"
// stands in for OneDrive: rclone tells QuickXorHash for it, and it lists other
// sizes of two files of three than it delivers, see [Listed].
func NewRemote(t testing.TB, kind string) *Remote {
	t.Helper()
	r := &Remote{Dir: t.TempDir(), Program: filepath.Join(top(t), filepath.FromSlash(rclonePath)), gets: map[string]int{}}
	if _, err := os.Stat(r.Program); err != nil {
		t.Fatalf("%v (make integration installs it)", err)
	}
	var lines []string
	switch kind {
	case "local":
		lines = []string{"type = alias", "remote = " + r.Dir}
	case "sftp":
		host, port, _ := strings.Cut(r.serve(t, "sftp", regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)), ":")
		lines = []string{"type = sftp", "host = " + host, "port = " + port, "user = migrate", "pass = " + r.obscured(t), "shell_type = none"}
	case "webdav", "onedrive":
		far := r.serve(t, "webdav", regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`))
		lines = []string{"type = webdav", "url = " + r.counting(t, "http://"+far, kind == "onedrive"), "vendor = other", "user = migrate", "pass = " + r.obscured(t)}
		if kind == "onedrive" {
			lines = append([]string{"type = hasher", "remote = dav:", "hashes = quickxor", "", "[dav]"}, lines...)
		}
	}
	r.configure(t, lines)
	if kind == "onedrive" {
		r.Env = append(r.Env, "RCLONE_CACHE_DIR="+t.TempDir()) // of the hashes
	}
	return r
}

// NewBucketRemote makes a remote of a bucket; its Dir is nothing.
func NewBucketRemote(t testing.TB, b *Bucket) *Remote {
	t.Helper()
	r := &Remote{Program: filepath.Join(top(t), filepath.FromSlash(rclonePath))}
	r.configure(t, []string{"type = s3", "provider = Other", "access_key_id = " + accessKey, "secret_access_key = " + secretKey, "endpoint = " + b.Endpoint, "region = us-east-1"})
	return r
}

func (r *Remote) configure(t testing.TB, lines []string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "rclone.conf")
	Write(t, config, []byte("[far]\n"+strings.Join(lines, "\n")+"\n"))
	r.Env = []string{"RCLONE_CONFIG=" + config, "MIGRATE_RCLONE=" + r.Program}
}

// obscured is the password as rclone's configuration has it.
func (r *Remote) obscured(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(r.Program, "obscure", RemoteSecret).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// serve starts a far end and returns where it listens, which it says itself.
func (r *Remote) serve(t testing.TB, kind string, says *regexp.Regexp) string {
	t.Helper()
	cmd := exec.Command(r.Program, "serve", kind, r.Dir, "--addr", "127.0.0.1:0", "--user", "migrate", "--pass", RemoteSecret, "--dir-cache-time", "0s")
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	done := make(chan struct{})
	var said bytes.Buffer
	go func() {
		defer close(done)
		defer close(found)
		lines := bufio.NewScanner(out)
		told := false
		for lines.Scan() {
			said.WriteString(lines.Text() + "\n")
			if m := says.FindStringSubmatch(lines.Text()); m != nil && !told {
				told = true
				found <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the far end says: %s", &said)
		}
	})
	at, ok := <-found
	if !ok {
		t.Fatalf("the far end ended: %s", &said)
	}
	return at
}

// Listed is the size that a remote of the kind "onedrive" lists for a file of n bytes.
func Listed(n int) int { return n + []int{0, 1000, -500}[n%3] }

var length = regexp.MustCompile(`(<D:getcontentlength>)(\d+)`)

// mislist puts the sizes of [Listed] into a listing.
func mislist(resp *http.Response) error {
	if resp.StatusCode != http.StatusMultiStatus {
		return nil
	}
	list, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	list = length.ReplaceAllFunc(list, func(b []byte) []byte {
		m := length.FindSubmatch(b)
		n, _ := strconv.Atoi(string(m[2]))
		return strconv.AppendInt(m[1][:len(m[1]):len(m[1])], int64(Listed(n)), 10)
	})
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(list)), int64(len(list))
	resp.Header.Set("Content-Length", strconv.Itoa(len(list)))
	return nil
}

// counting stands before a web server and counts.
func (r *Remote) counting(t testing.TB, far string, lists bool) string {
	t.Helper()
	to, err := url.Parse(far)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	if lists {
		proxy.ModifyResponse = mislist
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			r.mu.Lock()
			r.gets[strings.TrimPrefix(req.URL.Path, "/")]++
			r.mu.Unlock()
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Gets are the requests for bytes that came to a far end of the web, by path,
// since the last time.
func (r *Remote) Gets() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	gets := r.gets
	r.gets = map[string]int{}
	return gets
}
