package harness

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
)

// Bucket is a bucket, "content", of a real S3 server, versitygw, in front of
// which a proxy counts. `make integration` installs the server.
type Bucket struct {
	Endpoint string          // http://127.0.0.1:port, of the proxy
	Env      []string        // what a client needs, as NAME=value
	Far      *sourcetest.Far // makes the proxy misbehave
	// Answer, when set before the first request, may change an answer on its way.
	Answer func(*http.Response)

	folder string // where the server keeps the objects
	client *minio.Client

	mu    sync.Mutex
	reads Reads
}

// Reads are requests for the bytes of objects, however many came.
type Reads struct {
	Whole map[string]int // by key; what a broken connection left counts anew
	Heads int            // for a few bytes of the beginning
}

// Total is the number of requests for whole objects.
func (r Reads) Total() (n int) {
	for _, k := range r.Whole {
		n += k
	}
	return n
}

const (
	bucketName = "content"
	gateway    = ".tools/versitygw-v1.8.0/versitygw" // as in the Makefile
	accessKey  = "AKIDINTEGRATION"
	secretKey  = "integration-secret"
)

// NewBucket starts a server, which ends with the test.
func NewBucket(t testing.TB) *Bucket {
	t.Helper()
	binary := filepath.Join(top(t), filepath.FromSlash(gateway))
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v (make integration installs it)", err)
	}
	dir, err := os.MkdirTemp("", "s3") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b := &Bucket{Far: &sourcetest.Far{}, folder: filepath.Join(dir, "data", bucketName), reads: Reads{Whole: map[string]int{}}}
	for _, d := range []string{b.folder, filepath.Join(dir, "meta")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "s3.sock")
	cmd := exec.Command(binary, "--port", socket, "--access", accessKey, "--secret", secretKey, "--quiet",
		"posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "data"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its folder goes with it
		_ = cmd.Wait()
		if t.Failed() && out.Len() > 0 {
			t.Logf("the S3 server says: %s", &out)
		}
	})
	b.proxy(t, socket)
	Until(t, "the S3 server answers", func() bool {
		_, err := b.client.BucketExists(t.Context(), bucketName)
		return err == nil
	})
	return b
}

// top is the folder of the module.
func top(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the working folder", err)
	return ""
}

// proxy stands before the server and counts.
func (b *Bucket) proxy(t testing.TB, socket string) {
	t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
		DisableKeepAlives:  true, // the server answers to silence, too
	}
	pass := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "s3"})
			r.Out.Host = r.In.Host // which is signed
		},
		ModifyResponse: func(r *http.Response) error {
			if b.Answer != nil {
				b.Answer(r)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key, ok := strings.CutPrefix(r.URL.Path, "/"+bucketName+"/"); ok && key != "" && r.Method == http.MethodGet {
			b.mu.Lock()
			if strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") {
				b.reads.Heads++
			} else {
				b.reads.Whole[key]++
			}
			b.mu.Unlock()
		}
		b.Far.Wrap(pass).ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	b.Endpoint = server.URL
	b.Env = []string{"AWS_ENDPOINT_URL_S3=" + server.URL, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_EC2_METADATA_DISABLED=true"}
	client, err := minio.New("s3", &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Region: "us-east-1", Transport: transport, MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	b.client = client
}

// Put makes an object, in one part. The zero time is now.
func (b *Bucket) Put(t testing.TB, key string, data []byte, when time.Time) {
	t.Helper()
	b.put(t, key, data, when, minio.PutObjectOptions{DisableMultipart: true})
}

// PutInParts is Put in parts of 5 MiB each but the last, whose ETag is no MD5.
func (b *Bucket) PutInParts(t testing.TB, key string, data []byte, when time.Time) {
	t.Helper()
	b.put(t, key, data, when, minio.PutObjectOptions{PartSize: 5 << 20})
}

func (b *Bucket) put(t testing.TB, key string, data []byte, when time.Time, opts minio.PutObjectOptions) {
	t.Helper()
	if _, err := b.client.PutObject(t.Context(), bucketName, key, bytes.NewReader(data), int64(len(data)), opts); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	if when.IsZero() {
		return
	}
	if err := os.Chtimes(filepath.Join(b.folder, filepath.FromSlash(key)), when, when); err != nil { // S3 has no other way
		t.Fatal(err)
	}
}

// Remove takes an object away.
func (b *Bucket) Remove(t testing.TB, key string) {
	t.Helper()
	if err := b.client.RemoveObject(t.Context(), bucketName, key, minio.RemoveObjectOptions{}); err != nil {
		t.Fatalf("remove %s: %v", key, err)
	}
}

// Reads are those since the last call, through Endpoint.
func (b *Bucket) Reads() Reads {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.reads
	b.reads = Reads{Whole: map[string]int{}}
	return r
}
