package web

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// Headers are headers by the servers that get them: by scheme, host and port.
// They are secrets. See [ParseHeaders].
type Headers map[string]http.Header

// ParseHeaders reads lines of "https://host Name: value". All problems come at
// once, joined; they do not repeat values. Empty text is no headers.
func ParseHeaders(text string) (Headers, error) {
	all := Headers{}
	var errs []error
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		origin, name, value, err := parseHeader(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", i+1, err))
			continue
		}
		if all[origin] == nil {
			all[origin] = http.Header{}
		}
		all[origin].Add(name, value)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return all, nil
}

const headerForm = "write https://HOST NAME: VALUE, and one a line if there are more"

func parseHeader(line string) (origin, name, value string, err error) {
	address, header, ok := strings.Cut(line, " ")
	u, err := url.Parse(address)
	switch {
	case !ok || err != nil || u.Hostname() == "" || u.User != nil || !encrypted(u):
		return "", "", "", errors.New("it does not begin with the address of a server (" + headerForm + ")")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "", "", "", errors.New("its address is more than a server: headers go to all of it (" + headerForm + ")")
	}
	name, value, ok = strings.Cut(header, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	switch {
	case !ok || value == "" || !token(name):
		return "", "", "", errors.New("there is no header after the address of the server (" + headerForm + ")")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return "", "", "", fmt.Errorf("the value of %s holds a control character", name)
	}
	switch strings.ToLower(name) {
	case "host", "range", "if-range", "accept-encoding", "content-length", "transfer-encoding", "connection":
		return "", "", "", fmt.Errorf("%s is for the program to set", name)
	}
	return originOf(u), http.CanonicalHeaderKey(name), value, nil
}

// token reports whether a name is that of a header. Source: RFC 9110 5.6.2.
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// Secrets are the values, and the parts of them that are secrets by themselves.
func (h Headers) Secrets() []string {
	var all []string
	for _, headers := range h {
		for _, values := range headers {
			for _, v := range values {
				all = append(all, v)
				if _, credential, ok := strings.Cut(v, " "); ok { // Bearer, Basic
					all = append(all, strings.TrimSpace(credential))
				}
			}
		}
	}
	return all
}

// withHeaders adds headers to each request by where it goes: a redirect to
// somebody else does not take them along.
type withHeaders struct {
	base    http.RoundTripper
	headers Headers
}

// RoundTrip implements http.RoundTripper.
func (t *withHeaders) RoundTrip(req *http.Request) (*http.Response, error) {
	if add := t.headers[originOf(req.URL)]; add != nil {
		req = req.Clone(req.Context())
		maps.Copy(req.Header, add)
	}
	return t.base.RoundTrip(req)
}
