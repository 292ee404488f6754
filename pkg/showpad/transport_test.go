package showpad

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCheckURL(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://acme.api.showpad.com/v4": true, "https://s3.example.com/k?sig=x": true,
		"http://127.0.0.1:8080/v4": true, "http://127.9.9.9/": true, "http://localhost:1/": true, "http://LOCALHOST./": true, "http://[::1]:8080/": true, "http://[::ffff:127.0.0.1]/": true,
		"http://acme.example.com/": false, "http://10.0.0.1/": false, "http://127.0.0.1.example.com/": false, "http://localhost.example.com/": false, "http://0.0.0.0/": false,
		"https://user:sesame@acme.example.com/": false, "ftp://localhost/": false, "acme.example.com": false, "/v4": false, "": false, "https://": false, "https://:443/": false, "://": false,
	} {
		if err := CheckURL(raw); (err == nil) != ok || err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestHostsOfATenant(t *testing.T) {
	api, err := APIURL("acme")
	if err != nil || api != "https://acme.api.showpad.com/v4" {
		t.Errorf("%s, %v", api, err)
	}
	v3, err := V3URL("acme")
	if err != nil || v3 != "https://acme.showpad.biz/api/v3" || TokenURL(v3+"/") != v3+"/oauth2/token" {
		t.Errorf("%s, %v", v3, err)
	}
	for s, ok := range map[string]bool{
		"acme": true, "a": true, "xyz-org": true, "4you": true,
		"": false, "Acme": false, "acme.evil.example": false, "acme/x": false, "-acme": false, "acme-": false, "a b": false, "acme\n": false, "é": false, strings.Repeat("a", 64): false, "acme@evil": false,
	} {
		if err := CheckSubdomain(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
		if u, err := APIURL(s); (err == nil) != ok || (u == "") == ok {
			t.Errorf("APIURL(%q) = %q, %v", s, u, err)
		}
	}
}

func TestCAFileReachesEveryClient(t *testing.T) {
	var mu sync.Mutex
	hits := map[string]int{}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hits[r.URL.Path]++
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/token"):
			_, _ = w.Write([]byte(`{"access_token":"access-for-tests","expires_in":3600}`))
		case r.Method == http.MethodGet:
			_, _ = w.Write([]byte(okAsset))
		}
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	transport, err := NewTransport(TransportConfig{CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	tokens, err := Refresh(OAuth{TokenURL: srv.URL + "/token", ClientID: "c", ClientSecret: "s", Transport: transport}, "seed-for-tests")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, transport, func(c *Config) { c.APIURL, c.Token = srv.URL+"/v4", tokens })
	if _, err := c.Asset(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if err := c.Put(t.Context(), Upload{URL: Secret(srv.URL + "/key"), Issued: time.Now()}, 1, opener("x"), nil); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if hits["/token"] != 1 || hits["/v4/assets/a"] != 1 || hits["/key"] != 1 {
		t.Errorf("hits %v", hits)
	}
	c = newClient(t, nil, func(c *Config) { c.APIURL, c.Retries = srv.URL+"/v4", -1 })
	if _, err := c.Asset(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the CA file: %v", err)
	}
}

func TestBadCAFileIsToldByName(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, filepath.Join(t.TempDir(), "absent.pem")} {
		if _, err := NewTransport(TransportConfig{CAFile: file}); err == nil || !containsAll(err.Error(), file, "--ca-file") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestProxyIsAsked(t *testing.T) {
	var asked []string
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Host)
		mu.Unlock()
		_, _ = w.Write([]byte(okAsset))
	}))
	defer srv.Close()
	proxy, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := NewTransport(TransportConfig{Proxy: http.ProxyURL(proxy)})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	c := newClient(t, transport, func(c *Config) { c.APIURL = "http://localhost:1/v4" })
	if _, err := c.Asset(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 1 || asked[0] != "localhost:1" {
		t.Errorf("the proxy was asked for %q", asked)
	}
	def, err := NewTransport(TransportConfig{})
	if err != nil || def.Proxy == nil || def.TLSClientConfig.MinVersion == 0 || def.MaxIdleConnsPerHost < 64 || !def.ForceAttemptHTTP2 {
		t.Errorf("defaults %+v, %v", def, err)
	}
}

func TestHTTP2AndHTTP1(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Proto", r.Proto) }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, http1 := range map[string]bool{"HTTP/2.0": false, "HTTP/1.1": true} {
		tr, err := NewTransport(TransportConfig{CAFile: ca, HTTP1: http1})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: tr}).Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Proto"); got != want {
			t.Errorf("HTTP1 %v speaks %s", http1, got)
		}
		tr.CloseIdleConnections()
	}
}
