package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/scan"
)

// TestScanOfABucket lists a bucket and reads nothing of it: its checksums are
// known.
func TestScanOfABucket(t *testing.T) {
	const sum = "900150983cd24fb0d6963f7d28e17f72"
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.Header().Set("ETag", `"`+sum+`"`)
			w.Header().Set("Content-Length", "3")
			w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
			return
		}
		if r.URL.Query().Get("list-type") != "2" || !strings.HasPrefix(r.URL.Path, "/bucket") {
			t.Errorf("asked for %s", r.URL)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>`)
		for _, key := range []string{"decks/a.pdf", "decks/emea/b.pdf", "decks/~$c.pptx"} {
			fmt.Fprintf(w, `<Contents><Key>%s</Key><LastModified>2026-01-02T03:04:05Z</LastModified><ETag>"%s"</ETag><Size>3</Size></Contents>`, key, sum)
		}
		fmt.Fprint(w, `</ListBucketResult>`)
	}))
	defer store.Close()
	t.Chdir(t.TempDir())
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	env := map[string]string{"AWS_ENDPOINT_URL_S3": store.URL, "AWS_REGION": "us-east-1"}
	got := expect(t, env, exitOK, "scan", "s3://bucket/decks", "--out", "lib", "--hash").out.String()
	for _, want := range []string{
		"s3://bucket/decks: 3 files, 9 B; 2 in the inventory (6 B), 1 left out\n",
		"Duplicates: 1 copy of 1 file; without them, 3 B less to move\n    emea/b.pdf: the same bytes as a.pdf\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	text, err := os.ReadFile("lib/manifest.yaml")
	if err != nil || !strings.Contains(string(text), "\n  decks: \"s3://bucket/decks\"") {
		t.Errorf("%v\n%s", err, text)
	}
	expect(t, env, exitOK, "lint", "lib/manifest.yaml", "--offline")
}

func TestLongScansSayHowFarTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var p scan.Progress
		var out bytes.Buffer
		done := make(chan struct{})
		go func() {
			defer close(done)
			tellProgress(ctx, &out, &p)
		}()
		p.Files.Store(12_000)
		<-time.After(progressEvery + time.Second)
		fmt.Fprint(&p, strings.Repeat("x", 3000))
		<-time.After(progressEvery)
		cancel()
		<-done
		if got := strings.Split(out.String(), "\n"); !slices.Equal(got, []string{"12,000 files ...", "12,000 files, 3.0 kB read ...", ""}) {
			t.Errorf("%q", got)
		}
	})
}
