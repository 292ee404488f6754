// Package live shows a run to a browser while it goes on: one page, which stands
// alone and changes itself by events of the server. It is read-only: there is
// nothing to press and nothing to send.
//
// On a loopback address everybody on the machine may read it. On any other one it
// wants the key that is part of its address.
package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/htmldoc"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

const (
	every     = time.Second // a page changes this often
	closeWait = 2 * time.Second
	writeWait = 30 * time.Second // for a reader who does not read
	idleWait  = time.Minute      // for one who asks for nothing more
	// readers is how many connections there are at most: beyond them, each is closed at
	// once. The run needs its files and connections for itself.
	readers   = 64
	keyCookie = "migrate-key"
)

// Run is what the page is about.
type Run struct {
	ID       string
	Tenant   string // LIVE acme as jane@example.com
	Manifest string
	Start    time.Time
	Snapshot func() view.Snapshot
	Redact   func(string) string // applied to every text that comes from outside
}

// Server serves the page of one run. Its methods may be called by many goroutines.
type Server struct {
	run      Run
	http     *http.Server
	key      string // "" on loopback
	loopback bool
	address  string
	serving  sync.WaitGroup
	stop     chan struct{} // closed by Close
	open     atomic.Int64  // connections

	mu      sync.Mutex
	history *history
	told    told
	end     *ending
	page    []byte        // the body as it is now
	changed chan struct{} // closed when page is another one, or the run has ended
}

// Listen begins to serve on an address such as 127.0.0.1:8484; port 0 takes a free
// one. The caller calls Close. The error says what is wrong with the address.
func Listen(ctx context.Context, address string, run Run) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address (write 127.0.0.1:8484): %w", address, err)
	}
	s := &Server{run: run, loopback: isLoopback(host), history: newHistory(), stop: make(chan struct{}), changed: make(chan struct{})}
	if !s.loopback {
		s.key = rand.Text()
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s.address = address
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		s.address = net.JoinHostPort(host, fmt.Sprint(a.Port))
	}
	s.http = &http.Server{
		Handler: s.handler(), ConnState: s.connection, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: idleWait, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // what readers do wrong is no news of the run
	}
	s.serving.Go(func() { _ = s.http.Serve(l) }) // it ends with Close
	s.serving.Go(s.watch)
	return s, nil
}

// isLoopback reports whether only this machine can reach host.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// URL is where the page is. Beyond this machine it has the key that lets in; "any
// address" is shown as the name of nobody, for the reader to fill in.
func (s *Server) URL() string {
	host, port, _ := net.SplitHostPort(s.address)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "THIS-MACHINE"
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}
	if s.key != "" {
		u.RawQuery = url.Values{"key": {s.key}}.Encode()
	}
	return u.String()
}

// Private reports whether only this machine can reach the page.
func (s *Server) Private() bool { return s.loopback }

// Observe takes an event of the run.
func (s *Server) Observe(e pipeline.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told.observe(e, s.run.Redact)
}

// End shows the outcome of the run.
func (s *Server) End(sentence string, code int) {
	s.mu.Lock()
	s.end = &ending{s.run.Redact(sentence), code, time.Now()}
	s.mu.Unlock()
	s.draw()
}

// Close ends the serving. Who still looks is given the last state first.
func (s *Server) Close() error {
	close(s.stop)
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.serving.Wait()
	return err
}

// connection counts connections, and closes those beyond the limit.
func (s *Server) connection(c net.Conn, to http.ConnState) {
	switch to {
	case http.StateNew:
		if s.open.Add(1) > readers {
			_ = c.Close() // the server notices, and tells
		}
	case http.StateClosed:
		s.open.Add(-1)
	}
}

// watch draws the page as the run goes on.
func (s *Server) watch() {
	tick := time.NewTicker(every)
	defer tick.Stop()
	s.draw()
	for {
		select {
		case <-tick.C:
			s.draw()
		case <-s.stop:
			return
		}
	}
}

// draw makes the page of now.
func (s *Server) draw() {
	snap := s.run.Snapshot()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.add(snap)
	var b bytes.Buffer
	if err := s.pageOf(snap).WriteBody(&b); err != nil {
		return // the templates are ours, and the buffer takes all
	}
	if s.end == nil && bytes.Equal(b.Bytes(), s.page) {
		return
	}
	s.page = b.Bytes()
	close(s.changed)
	s.changed = make(chan struct{})
}

// now is the page as it is, what tells of the next one, and whether it is the last.
func (s *Server) now() (page []byte, changed <-chan struct{}, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.page, s.changed, s.end != nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage)
	mux.HandleFunc("GET /events", s.serveEvents)
	mux.HandleFunc("GET /snapshot.json", s.serveSnapshot)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", htmldoc.Policy(script)+"; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWait)); err != nil || !s.lets(w, r) {
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// lets reports whether a request may be answered; else it has been. On loopback a
// page of another site may not read ours under a name that leads here.
func (s *Server) lets(w http.ResponseWriter, r *http.Request) bool {
	if s.loopback {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !isLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "open it as http://"+s.address, http.StatusMisdirectedRequest)
			return false
		}
		return true
	}
	if key := r.URL.Query().Get("key"); r.URL.Path == "/" && s.opens(key) {
		// From the address bar and the history into a cookie.
		http.SetCookie(w, &http.Cookie{Name: keyCookie, Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return false
	}
	if c, err := r.Cookie(keyCookie); err == nil && s.opens(c.Value) {
		return true
	}
	http.Error(w, "open it with the whole address that the run printed, with its key", http.StatusForbidden)
	return false
}

func (s *Server) opens(key string) bool {
	return subtle.ConstantTimeCompare([]byte(key), []byte(s.key)) == 1
}

func (s *Server) servePage(w http.ResponseWriter, _ *http.Request) {
	snap := s.run.Snapshot()
	s.mu.Lock()
	p := s.pageOf(snap)
	s.mu.Unlock()
	p.Script = script
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = p.Write(w) // a reader who leaves is no fault of the run
}

func (s *Server) serveSnapshot(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.run.Snapshot())
}

// serveEvents sends the page each time it changes. The last one says that it is.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	send := func(name string, page []byte) error {
		var b bytes.Buffer
		fmt.Fprintf(&b, "event: %s\n", name)
		for line := range bytes.Lines(page) {
			fmt.Fprintf(&b, "data: %s\n", bytes.TrimRight(line, "\r\n"))
		}
		b.WriteString("\n")
		if err := out.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
			return err
		}
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
		return out.Flush()
	}
	for {
		page, changed, last := s.now()
		name := "page"
		if last {
			name = "ended"
		}
		if len(page) > 0 {
			if err := send(name, page); err != nil || last {
				return
			}
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-s.stop:
			if _, _, last := s.now(); !last {
				return
			}
		}
	}
}
