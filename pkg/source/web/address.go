package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// maxRedirects is how many redirects are followed. Source: as browsers, about.
const maxRedirects = 10

// parse reads an address that files are read from. Its errors do not repeat it.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, hinted(source.ErrUnreadable, "it is no web address; write it as in a browser: https://www.example.com/deck.pdf")
	case u.User != nil:
		return nil, hinted(source.ErrUnreadable, "its address holds a user's name or password; take it out")
	case !encrypted(u):
		return nil, hinted(source.ErrUnreadable, "its address is not encrypted; write https://")
	}
	return u, nil
}

// encrypted reports whether what passes to and from u cannot be read on its
// way: plain http is for this machine alone.
func encrypted(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

// originOf is the scheme, host and port of an address: who gets a secret.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

var (
	errTooFar     = errors.New("its address redirects too often")
	errDowngraded = errors.New("its address redirects to one that is not encrypted")
	errNowhere    = errors.New("its address redirects to what is no address")
)

// redirect decides about one redirect. Nobody learns from a Referer where he
// was asked for: the address may be signed.
func redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errTooFar
	}
	if !encrypted(req.URL) || via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errDowngraded
	}
	req.Header.Del("Referer")
	return nil
}

// shown is a path as errors show it: queries hold signatures, and what stands
// before an @ holds passwords.
func shown(name string) string {
	name, _, _ = strings.Cut(name, "?")
	scheme, rest, ok := strings.Cut(name, "://")
	if !ok {
		return name
	}
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + rest[strings.LastIndex(host, "@")+1:]
}
