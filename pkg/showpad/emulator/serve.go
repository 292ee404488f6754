package emulator

import (
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
	a.write(c, w)
}

func (a *answer) write(c *call, w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if a.ctype != "" {
		w.Header().Set("Content-Type", a.ctype)
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	body := a.body
	if a.cutAt > 0 {
		body = body[:a.cutAt]
	}
	step := len(body)
	if a.slow > 0 {
		step = len(body)/8 + 1
	}
	flush := http.NewResponseController(w)
	for len(body) > 0 {
		if a.slow > 0 && c.wait(a.slow) != nil {
			panic(http.ErrAbortHandler)
		}
		n := min(step, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return // the caller is gone
		}
		body = body[n:]
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
