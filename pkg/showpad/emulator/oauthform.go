package emulator

import (
	"bytes"
	"net/http"
	"net/url"
)

// multipartForm reads the fields of a multipart body.
func multipartForm(c *call) (url.Values, *answer) {
	r := &http.Request{Method: http.MethodPost, Header: c.header, Body: readCloser{bytes.NewReader(c.body)}}
	if err := r.ParseMultipartForm(maxBody); err != nil {
		return nil, new(oauthError(http.StatusBadRequest, "invalid_request", err.Error()))
	}
	return r.PostForm, nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// basicAuth reads HTTP Basic credentials; OAuth clients escape both parts.
// Source: RFC 6749, 2.3.1.
func basicAuth(h http.Header) (id, secret string, ok bool) {
	id, secret, ok = (&http.Request{Header: h}).BasicAuth()
	if !ok {
		return "", "", false
	}
	if v, err := url.QueryUnescape(id); err == nil {
		id = v
	}
	if v, err := url.QueryUnescape(secret); err == nil {
		secret = v
	}
	return id, secret, true
}
