package emulator

import (
	"io"
	"maps"
	"net/http"
	"strconv"
)

// ServeHTTP answers a request over a real connection. A fault that breaks the
// connection panics with [http.ErrAbortHandler], which net/http expects.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{
		ctx: r.Context(), method: r.Method, url: r.URL, host: r.Host, scheme: "http", remote: r.RemoteAddr,
		header: r.Header, length: r.ContentLength, chunked: len(r.TransferEncoding) > 0, src: r.Body, stopAfter: -1,
	}
	if r.TLS != nil {
		c.scheme = "https"
	}
	if r.ContentLength == 0 && r.Header.Get("Content-Length") == "" && r.Method == http.MethodPut {
		c.length = -1
	}
	a := s.handle(c)
	if a.abort != abortNone {
		panic(http.ErrAbortHandler)
	}
	a.finish()
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat)) // the tenant's clock may be another than ours
	a.write(c, w)
}

func (a *answer) write(c *call, w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if a.ctype != "" {
		w.Header().Set("Content-Type", a.ctype)
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.FormatInt(a.size, 10))
	}
	body, err := a.content()
	if err != nil {
		panic(http.ErrAbortHandler) // deleted a moment ago
	}
	defer body.Close() // it is read only
	w.WriteHeader(a.status)
	left := a.size
	if a.cutAt > 0 {
		left = a.cutAt
	}
	step := left
	if a.slow > 0 {
		step = left/8 + 1
	}
	flush := http.NewResponseController(w)
	for left > 0 {
		if a.slow > 0 && c.wait(a.slow) != nil {
			panic(http.ErrAbortHandler)
		}
		n, err := io.CopyN(w, body, min(step, left))
		if err != nil {
			panic(http.ErrAbortHandler) // the caller is gone, or the bytes are
		}
		left -= n
		if a.slow > 0 || a.cutAt > 0 {
			if flush.Flush() != nil {
				return // the caller is gone
			}
		}
	}
	if a.cutAt > 0 {
		panic(http.ErrAbortHandler)
	}
}
