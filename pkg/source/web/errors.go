package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// hint is an error with a way to fix it, for failure.
type hint struct {
	error
	text string
}

func (h *hint) Unwrap() error { return h.error }

func hinted(err error, text string) error { return &hint{err, text} }

// statusError is an answer that is no file.
type statusError struct {
	host   string
	status int
	after  time.Duration // it asks to wait
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("%s answers %d", e.host, e.status)
	if text := http.StatusText(e.status); text != "" {
		s += " " + text
	}
	return s
}

func statusOf(a *answer) *statusError {
	_, _ = io.CopyN(io.Discard, a, 4<<10) // the connection may serve again
	return &statusError{a.Request.URL.Host, a.StatusCode, retryAfter(a.Header, time.Now())}
}

// temporary reports whether the same request may succeed later, and how much
// later at least.
func temporary(err error) (again bool, after time.Duration) {
	if err == nil {
		return false, 0
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		switch e.status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true, e.after
		}
		return false, 0
	}
	if _, ok := errors.AsType[*source.Error](err); ok { // of the spool
		return false, 0
	}
	for _, final := range []error{source.ErrNotExist, source.ErrUnreadable, source.ErrNotRegular, source.ErrChanged, source.ErrWebPage, errPrivate, errTooFar, errDowngraded, errNowhere} {
		if errors.Is(err, final) {
			return false, 0
		}
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return false, 0
	}
	return !badCertificate(err), 0
}

func badCertificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}

// withoutURL drops the address that net/http puts around errors, and into the
// one about an address that it cannot follow: it may be signed.
func withoutURL(err error) error {
	for {
		e, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		if strings.Contains(e.Err.Error(), "Location header") { // Source: redirectBehavior and Do of net/http
			return errNowhere
		}
		err = e.Err
	}
}

// failure is err as a *source.Error that wraps what callers match; the error of
// ctx when that has ended.
func (f *file) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*source.Error](err); ok { // of the spool
		return &source.Error{Op: f.op, Path: shown(f.name), Hint: e.Hint, Err: e.Err}
	}
	e := &source.Error{Op: f.op, Path: shown(f.name)}
	e.Hint, e.Err = f.explain(withoutURL(err))
	return e
}

// explain puts an error into words, with the way on.
func (f *file) explain(err error) (fix string, _ error) {
	unreadable := func(hint string) (string, error) {
		if errors.Is(err, source.ErrUnreadable) {
			return hint, err
		}
		return hint, fmt.Errorf("%w: %w", source.ErrUnreadable, err)
	}
	if h, ok := errors.AsType[*hint](err); ok {
		_, inner := f.explain(h.error)
		return h.text, inner
	}
	for _, known := range []error{source.ErrNotExist, source.ErrOutside, source.ErrUnreadable, source.ErrNotRegular, source.ErrChanged, source.ErrWebPage} {
		if errors.Is(err, known) {
			return "", err
		}
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		switch e.status {
		case http.StatusNotFound, http.StatusGone:
			return "open the address in a browser, and correct it", fmt.Errorf("%w: %w", source.ErrNotExist, err)
		case http.StatusUnauthorized, http.StatusForbidden:
			return unreadable(f.signIn())
		case http.StatusProxyAuthRequired:
			return unreadable("the proxy asks to sign in: give its user and password in HTTPS_PROXY")
		}
		if again, _ := temporary(err); again {
			return unreadable("the server has a problem; run again later")
		}
		return unreadable("open the address in a browser, and correct it")
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		err = fmt.Errorf("no address is known of %s", e.Name)
		if e.IsNotFound {
			return unreadable("correct the name of the server; behind a proxy set HTTPS_PROXY")
		}
		return unreadable("names cannot be looked up; is the network up?")
	}
	switch {
	case errors.Is(err, errPrivate):
		return unreadable("if that is meant, give --allow-private")
	case errors.Is(err, errTooFar), errors.Is(err, errDowngraded), errors.Is(err, errNowhere):
		return unreadable("write the address that a browser ends up at")
	case badCertificate(err):
		return unreadable("its certificate is not trusted; behind a proxy that opens connections, or with a certificate of your own, name the issuer's with --ca-file")
	}
	return unreadable("is the network up? Behind a proxy set HTTPS_PROXY; then run again")
}

// signIn is the way on where a server asks who we are.
func (f *file) signIn() string {
	switch {
	case f.url.RawQuery != "":
		return "if the address is signed it may have expired: make the list anew"
	case f.cfg.Headers[originOf(f.url)] != nil:
		return "it does not take the header that " + f.cfg.HeadersFrom + " has for it; correct that"
	}
	return fmt.Sprintf(`if it asks to sign in, set %s to "%s://%s Authorization: ...", or to another header that it wants`, f.cfg.HeadersFrom, f.url.Scheme, f.url.Host)
}
