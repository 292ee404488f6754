package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// callbackPath is where a browser comes back to, unless the whole address is given.
const callbackPath = "/callback"

// lingering is how long the last answer may take to reach the browser.
const lingering = time.Second

// Refused is what the service answered in place of a code.
type Refused struct {
	Code        string // of OAuth, such as access_denied
	Description string // in the service's words; may be ""
}

// Error says what was refused.
func (e *Refused) Error() string {
	if e.Description == "" {
		return "the service answered " + e.Code
	}
	return "the service answered " + e.Code + ": " + e.Description
}

// Is says that nobody is signed in.
func (e *Refused) Is(target error) bool { return target == showpad.ErrNotSignedIn }

// Callback listens on a loopback address for a browser that comes back from signing
// in. It belongs to one attempt.
type Callback struct {
	listener net.Listener
	url      url.URL
}

// Listen opens the address that the browser is sent back to: redirectURL, which must
// be plain http to this machine with a port; or, when that is "", 127.0.0.1 with the
// port (0: a free one) and the path /callback. Source: RFC 8252, 7.3.
func Listen(ctx context.Context, redirectURL string, port int) (*Callback, error) {
	if redirectURL == "" {
		redirectURL = "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + callbackPath
	}
	u, err := url.Parse(redirectURL)
	switch {
	case err != nil || u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !showpad.IsLoopback(u.Hostname()):
		return nil, fmt.Errorf("redirect URL %q: it must be http to this machine, such as http://127.0.0.1:8765/callback", redirectURL)
	case u.Port() == "":
		return nil, fmt.Errorf("redirect URL %q: it has no port (such as http://127.0.0.1:8765/callback)", redirectURL)
	}
	host := u.Hostname()
	if net.ParseIP(host) == nil {
		host = "127.0.0.1" // never a name that somebody could point elsewhere
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, u.Port()))
	if err != nil {
		return nil, fmt.Errorf("redirect URL %s: cannot listen there: %w (is another sign-in under way? name another port that is registered with the client)", redirectURL, err)
	}
	if u.Port() == "0" {
		_, given, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		u.Host = net.JoinHostPort(u.Hostname(), given)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return &Callback{l, *u}, nil
}

// RedirectURL is what the service has to send the browser to.
func (c *Callback) RedirectURL() string { return c.url.String() }

// Close ends the listening of a callback that nobody waited for.
func (c *Callback) Close() error {
	if err := c.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Wait answers the one request that brings state back, with a small page, refuses
// all others, and then listens no more. It gives the code, a [*Refused], or the cause
// of ctx.
func (c *Callback) Wait(ctx context.Context, state showpad.Secret) (showpad.Secret, error) {
	h := &comeback{url: c.url, state: state.Reveal(), done: make(chan outcome, 1)}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10}
	server.SetKeepAlivesEnabled(false)
	served := make(chan error, 1)
	go func() { served <- server.Serve(c.listener) }()
	var out outcome
	select {
	case out = <-h.done:
	case <-ctx.Done():
		out.err = context.Cause(ctx)
	case err := <-served:
		return "", fmt.Errorf("waiting for the browser: %w", err)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lingering)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // a connection that asks nothing
	}
	<-served
	return out.code, out.err
}

type outcome struct {
	code showpad.Secret
	err  error
}

// comeback is the handler of one attempt.
type comeback struct {
	url   url.URL
	state string
	done  chan outcome

	mu    sync.Mutex
	ended bool
}

func (h *comeback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Host != h.url.Host: // a page elsewhere whose name leads here
		say(w, http.StatusMisdirectedRequest, "Nothing here.")
	case r.URL.Path != h.url.Path:
		say(w, http.StatusNotFound, "Nothing here.")
	case r.Method != http.MethodGet:
		say(w, http.StatusMethodNotAllowed, "Nothing here.")
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(h.state)) != 1:
		say(w, http.StatusBadRequest, "This is not the answer to the sign-in that migrate began. Nothing was done.")
	case q.Get("error") == "" && q.Get("code") == "":
		say(w, http.StatusBadRequest, "The answer has no code. Nothing was done.")
	case !h.first():
		say(w, http.StatusGone, "This sign-in has been answered already.")
	case q.Get("error") != "":
		say(w, http.StatusOK, "Showpad refused the sign-in. See what migrate says; you can close this page.")
		h.done <- outcome{err: &Refused{q.Get("error"), q.Get("error_description")}}
	default:
		say(w, http.StatusOK, "Showpad agreed. Go back to migrate; you can close this page.")
		h.done <- outcome{code: showpad.Secret(q.Get("code"))}
	}
}

// first is true once.
func (h *comeback) first() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	ended := h.ended
	h.ended = true
	return !ended
}

// say answers with a page that loads nothing and tells nobody its address.
func say(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>migrate</title></head><body><p>%s</p></body></html>\n", html.EscapeString(text))
}
