package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// TestAStoreBehindACertificateOfItsOwn is reached by the endpoint and the keys of
// the environment, with --ca-file.
func TestAStoreBehindACertificateOfItsOwn(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "AKIDEXAMPLE/") || !strings.Contains(r.Header.Get("Authorization"), "/fsn1/s3/") {
			t.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		fmt.Fprint(w, `<ListBucketResult><Contents><Key>library/a.pdf</Key><Size>7</Size><ETag>"x"</ETag></Contents></ListBucketResult>`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a handshake that is refused
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ENDPOINT_URL_S3": "", "AWS_REGION": "fsn1",
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	root := manifest.Root{Name: "store", Kind: manifest.RootS3, Location: "s3://content/library"}
	open := func(caFile string) (source.Source, error) {
		o := s3Opener(sourceSettings{caFile: caFile, getenv: os.Getenv, log: zerolog.Nop()})
		t.Cleanup(func() {
			if err := o.close(); err != nil {
				t.Error(err)
			}
		})
		return o.root(t.Context(), root)
	}
	src, err := open(ca)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range src.(source.Lister).List(t.Context(), "") {
		if err != nil || i.Path != "a.pdf" || i.Size != 7 {
			t.Errorf("%+v, %v", i, err)
		}
	}
	if _, err := open(""); err == nil || !strings.Contains(err.Error(), "--ca-file") {
		t.Errorf("without its certificate: %v", err)
	}
	if _, err := open(filepath.Join(t.TempDir(), "none.pem")); err == nil || !strings.Contains(err.Error(), "check --ca-file") {
		t.Errorf("without the file: %v", err)
	}
}
