package s3

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
)

// hold is a file of the suite as an object.
func hold(t *testing.T, file sourcetest.File) *held {
	t.Helper()
	data, err := io.ReadAll(file.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return &held{data: data, when: file.ModTime}
}

func TestConformance(t *testing.T) {
	for name, prefix := range map[string]string{"a bucket": "", "a prefix": "/some/where"} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source {
				f := newFake()
				if prefix != "" {
					f = newFake("beside.txt", "some/whereelse.txt")
				}
				f.page = 2
				for path, file := range files {
					f.put(strings.TrimPrefix(prefix+"/"+path, "/"), hold(t, file))
				}
				return rootOn(t, f, prefix)
			})
		})
	}
}

func TestAddressesAreServedByBucketAndKey(t *testing.T) {
	signedIn(t)
	src := storeOn(t, newFake("a.txt", "deep/b c.txt"), elsewhere).Addresses()
	if b, err := content(t, src, "bucket/deep/b c.txt"); b != "deep/b c.txt" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, ok := src.(source.Lister); ok {
		t.Error("the addresses of all buckets can be listed")
	}
	for path, hint := range map[string]string{
		"bucket/none.txt": "s3://bucket/none.txt: no such file", "bucket": "no such file (it names no object)", "other/a.txt": "AWS_ENDPOINT_URL_S3", "x/a.txt": "the name of a bucket",
	} {
		if _, err := src.Stat(t.Context(), path); err == nil || errors.Is(err, source.ErrNotExist) != strings.Contains(hint, "no such file") || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// served is a source whose requests go over the network to a server of f.
func served(t *testing.T, files map[string]sourcetest.File, far *sourcetest.Far) sourcetest.Place {
	t.Helper()
	signedIn(t)
	f := newFake()
	for path, file := range files {
		f.put(path, hold(t, file))
	}
	server := httptest.NewServer(far.Wrap(f))
	t.Cleanup(server.Close)
	next := &http.Transport{}
	store, err := New(Config{Endpoint: server.URL, Transport: next})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	store.http.pause = func(int) time.Duration { return time.Millisecond }
	src, err := store.Root(t.Context(), "s3://bucket")
	if err != nil {
		t.Fatal(err)
	}
	return sourcetest.Place{
		Source: src,
		Set:    func(path string, file sourcetest.File) { f.put(path, hold(t, file)) },
		Remove: func(path string) { f.put(path, nil) },
	}
}

func TestObjectsThatChange(t *testing.T) {
	sourcetest.RunChanging(t, func(t *testing.T, files map[string]sourcetest.File) sourcetest.Place {
		return served(t, files, &sourcetest.Far{})
	})
}

func TestAStoreThatMisbehaves(t *testing.T) {
	sourcetest.RunBroken(t, served)
}
