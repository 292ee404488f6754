package main

import (
	"bytes"
	"encoding/pem"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// webLibrary is a web server with a few files; some want to know who asks.
type webLibrary struct {
	mu  sync.Mutex
	log []string
}

const (
	webSecret = "Bearer s3cr3t-of-the-library"
	webSigned = "s1gn4ture-of-the-address"
)

func (l *webLibrary) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	if r.Header.Get("Range") == "" { // else it is looked at only
		l.log = append(l.log, r.Method+" "+r.URL.Path)
	}
	l.mu.Unlock()
	switch p := r.URL.Path; {
	case strings.HasPrefix(p, "/private/") && r.Header.Get("Authorization") != webSecret:
		http.Error(w, "no", http.StatusUnauthorized)
	case strings.HasPrefix(p, "/signed/") && (r.Method == http.MethodHead || r.URL.Query().Get("sig") != webSigned):
		http.Error(w, "no", http.StatusForbidden)
	case strings.HasSuffix(p, "/page.pdf"):
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><title>Sign in</title>"))
	case strings.HasSuffix(p, "/gone.pdf"):
		http.NotFound(w, r)
	default:
		http.ServeContent(w, r, p, time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC), bytes.NewReader([]byte("%PDF-1.7 "+p)))
	}
}

// gets are the files that were read as a whole.
func (l *webLibrary) gets() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, r := range l.log {
		if path, ok := strings.CutPrefix(r, "GET "); ok {
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return all
}

func webManifest(site string) map[string]string {
	return map[string]string{"m.yaml": `version: 1
division: Marketing
roots: {site: ` + site + `/private/decks}
assets:
  - {externalId: A, file: "site:q3/Sales & more.pdf"}
  - {externalId: B, file: "` + site + `/open/b.pdf"}
  - {externalId: C, file: "` + site + `/signed/c.pdf?id=1&sig=` + webSigned + `"}
  - {externalId: D, file: "` + site + `/open/page.pdf"}
  - {externalId: E, file: "` + site + `/open/gone.pdf"}
`}
}

func TestFilesFromTheWeb(t *testing.T) {
	l := &webLibrary{}
	site := httptest.NewServer(l)
	defer site.Close()
	emu, vars := serve(t, emulator.Options{})
	vars["MIGRATE_WEB_HEADERS"] = site.URL + " Authorization: " + webSecret
	dir := write(t, webManifest(site.URL))

	p := expect(t, vars, exitSome, "lint", "m.yaml", "--offline")
	if text := p.out.String(); strings.Count(text, "private network") != 5 || !strings.Contains(text, "--allow-private") {
		t.Errorf("without --allow-private:\n%s", text)
	}
	if got := l.gets(); len(got) > 0 {
		t.Errorf("read %q", got)
	}
	p = expect(t, vars, exitSome, "run", "m.yaml", "--allow-private", "--log-level", "trace")
	for _, want := range []string{"a web page came in place of the file", "404 Not Found"} {
		if !strings.Contains(p.out.String()+p.err.String(), want) {
			t.Errorf("the run does not say %q:\n%s%s", want, p.out, p.err)
		}
	}
	if n := emu.Books().Assets; n != 3 {
		t.Errorf("%d assets", n)
	}
	p2 := expect(t, vars, exitSome, "plan", "m.yaml", "--allow-private", "--full")
	if n := len(slices.DeleteFunc(l.gets(), func(p string) bool { return p != "/open/b.pdf" })); n != 1 {
		t.Errorf("a file was read %d times, not once", n)
	}
	if !strings.Contains(p2.out.String(), "Unchanged (3)") {
		t.Errorf("the plan after it:\n%s", p2.out)
	}
	noSecrets(t, dir, p.out.String(), p.err.String(), p2.out.String(), p2.err.String())

	vars["MIGRATE_WEB_HEADERS"] = site.URL + " Authorization " + webSecret
	p = expect(t, vars, exitUsage, "lint", "m.yaml", "--offline")
	if text := p.err.String(); !strings.Contains(text, "MIGRATE_WEB_HEADERS, line 1") || strings.Contains(text, webSecret) {
		t.Errorf("%s", text)
	}
}

// TestTheWebTrustsTheCertificatesOfTheCAFile reads from a server whose
// certificate nobody issued.
func TestTheWebTrustsTheCertificatesOfTheCAFile(t *testing.T) {
	site := httptest.NewUnstartedServer(&webLibrary{})
	site.Config.ErrorLog = log.New(io.Discard, "", 0)
	site.StartTLS()
	defer site.Close()
	write(t, map[string]string{
		"m.yaml": "version: 1\ndivision: Marketing\nassets:\n  - {externalId: A, file: \"" + site.URL + "/open/a.pdf\"}\n",
		"ca.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw})),
	})
	p := expect(t, nil, exitSome, "lint", "m.yaml", "--offline", "--allow-private")
	if !strings.Contains(p.out.String(), "--ca-file") {
		t.Errorf("%s", p.out)
	}
	expect(t, nil, exitOK, "lint", "m.yaml", "--offline", "--allow-private", "--ca-file", "ca.pem")
	// A file cannot allow what a manifest of somebody else may want.
	if err := os.WriteFile("migrate.yaml", []byte("allow-private: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = expect(t, nil, exitUsage, "lint", "m.yaml", "--offline")
	if !strings.Contains(p.err.String(), "--allow-private on the command line") {
		t.Errorf("%s", p.err)
	}
}

// noSecrets looks for what gives access in all that the program wrote, but for
// the manifest itself.
func noSecrets(t *testing.T, dir string, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) == "m.yaml" {
			return err
		}
		b, err := os.ReadFile(path)
		texts = append(texts, string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 10 {
		t.Errorf("looked at %d texts only", len(texts))
	}
	for _, text := range texts {
		for _, secret := range []string{webSigned, strings.TrimPrefix(webSecret, "Bearer ")} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%q is in: %.300s", secret, text[max(0, i-100):])
			}
		}
	}
}
