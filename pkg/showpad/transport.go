package showpad

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// TransportConfig is what the connections of a client need; zero values mean the
// default. The same settings serve the API, storage, the token endpoint and sources.
type TransportConfig struct {
	CAFile          string                                // PEM; trusted in addition to the system's; "": none
	Proxy           func(*http.Request) (*url.URL, error) // nil: HTTPS_PROXY, HTTP_PROXY and NO_PROXY
	MaxConnsPerHost int                                   // 0: no limit
	IdlePerHost     int                                   // connections kept for reuse; 0 is 64
	HTTP1           bool                                  // no HTTP/2: a connection for each transfer, as storage wants it
}

// NewTransport makes connections of TLS 1.2 or later. It fails when the CA file
// cannot be read or holds no certificate.
func NewTransport(cfg TransportConfig) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 cfg.Proxy,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxConnsPerHost:       cfg.MaxConnsPerHost,
		MaxIdleConnsPerHost:   cfg.IdlePerHost,
		ForceAttemptHTTP2:     !cfg.HTTP1,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	if t.Proxy == nil {
		t.Proxy = http.ProxyFromEnvironment
	}
	if t.MaxIdleConnsPerHost == 0 {
		t.MaxIdleConnsPerHost = 64
	}
	if cfg.HTTP1 {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP1(true)
	}
	if cfg.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w (check --ca-file)", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s: no certificate in PEM form found (check --ca-file)", cfg.CAFile)
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// CheckURL refuses what a secret must not be sent to: anything but https, except
// plain http to this machine (a loopback address or localhost). Its errors do not
// repeat the URL.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("not a URL")
	}
	return checkURL(u)
}

func checkURL(u *url.URL) error {
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("port %s: a port is a number from 1 to 65535", p)
		}
	}
	switch {
	case u.Host == "" || u.Hostname() == "":
		return errors.New("not an absolute URL (write https://HOST/...)")
	case u.User != nil:
		return errors.New("a URL with a user name or password is not accepted (credentials have settings of their own)")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && IsLoopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("plain http to %s is refused: the token would be readable on the way (use https)", u.Hostname())
	}
	return fmt.Errorf("scheme %q is not supported (use https)", u.Scheme)
}

// IsLoopback reports whether host (without port) is this machine by its very form;
// no name is looked up.
func IsLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

var subdomainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckSubdomain accepts what can be a tenant's subdomain: lower-case letters,
// digits and hyphens, at most 63, no hyphen at an end.
func CheckSubdomain(s string) error {
	if subdomainForm.MatchString(s) {
		return nil
	}
	return fmt.Errorf("subdomain %q: only lower-case letters, digits and hyphens, as in the first part of acme.showpad.com", clean(s))
}

// APIURL is the v4 base of a tenant. Source: servers of the v3 and v4 specifications.
func APIURL(subdomain string) (string, error) {
	if err := CheckSubdomain(subdomain); err != nil {
		return "", err
	}
	return "https://" + subdomain + ".api.showpad.com/v4", nil
}

// V3URL is the v3 base of a tenant. Source: servers of the v3 and v4 specifications.
func V3URL(subdomain string) (string, error) {
	if err := CheckSubdomain(subdomain); err != nil {
		return "", err
	}
	return "https://" + subdomain + ".showpad.biz/api/v3", nil
}

// TokenURL is the token endpoint of a v3 base. Source: servers of the v3 and v4 specifications.
func TokenURL(v3URL string) string { return strings.TrimRight(v3URL, "/") + "/oauth2/token" }
