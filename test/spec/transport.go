package spec

import (
	"bytes"
	"io"
	"net/http"
)

// T is what a test tells with.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// Transport is next, with its traffic checked; next itself when there is no
// document.
func Transport(t T, next http.RoundTripper) http.RoundTripper {
	d, err := V4()
	if err != nil {
		t.Errorf("%s: %v", Variable, err)
	}
	if d.Unset() {
		return next
	}
	return transport{t, d, next}
}

type transport struct {
	t    T
	d    Document
	next http.RoundTripper
}

func (c transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if route, _, err := c.d.find(r); route == nil && err == nil {
		return c.next.RoundTrip(r)
	}
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	resp.Body = &recorded{ReadCloser: resp.Body, ended: func(body []byte) {
		if resp.StatusCode < 300 { // what was refused may have been wrong on purpose
			c.tell(c.d.Request(r, sent))
		}
		c.tell(c.d.Answer(r, resp.StatusCode, resp.Header, body))
	}}
	return resp, nil
}

func (c transport) tell(problems []string) {
	for _, p := range problems {
		c.t.Errorf("%s", p)
	}
}

// recorded keeps what is read of a body, and tells when it was read to its end.
type recorded struct {
	io.ReadCloser
	body  bytes.Buffer
	ended func([]byte)
}

func (r *recorded) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.body.Write(p[:n])
	if err == io.EOF && r.ended != nil {
		r.ended(r.body.Bytes())
		r.ended = nil
	}
	return n, err
}

// Handler is next, with its traffic checked; next itself when there is no document.
func Handler(t T, next http.Handler) http.Handler {
	d, err := V4()
	if err != nil {
		t.Errorf("%s: %v", Variable, err)
	}
	if d.Unset() {
		return next
	}
	return handler(t, d, next)
}

func handler(t T, d Document, next http.Handler) http.Handler {
	c := transport{t: t, d: d}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if route, _, err := d.find(r); route == nil && err == nil {
			next.ServeHTTP(w, r)
			return
		}
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		asked := r.Clone(r.Context())
		asked.Body = io.NopCloser(bytes.NewReader(sent))
		tee := &tee{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(tee, asked) // a fault that tears the connection panics through here
		if tee.status < 300 {
			c.tell(d.Request(r, sent))
		}
		c.tell(d.Answer(r, tee.status, w.Header(), tee.body.Bytes()))
	})
}

// tee keeps what is answered.
type tee struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *tee) WriteHeader(status int) {
	if status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *tee) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Unwrap lets a handler flush and hijack.
func (w *tee) Unwrap() http.ResponseWriter { return w.ResponseWriter }
