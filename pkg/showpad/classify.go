package showpad

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
)

// Kind is what a request does to the service; it decides what a lost answer means.
type Kind int

const (
	// KindRead changes nothing.
	KindRead Kind = iota
	// KindCreate makes something each time it is carried out.
	KindCreate
	// KindChange may be repeated: updates (absolute values), deletes, asking for an
	// upload URL (leaves an unused version).
	KindChange
	// KindUpload is a PUT to storage.
	KindUpload
	// KindFetch is a GET of bytes by a download link.
	KindFetch
)

// Classify says what err, an error of an operation of that kind, means. It is the
// one place where this is decided; the client's own retries follow it too.
// Source: v4 problem documents, S3 error codes; what nobody documents is ASSUME. err must not be nil.
func Classify(op Kind, err error) Verdict {
	if _, ok := errors.AsType[*endedError](err); ok {
		return Cancelled
	}
	if _, ok := errors.AsType[*SourceError](err); ok {
		return Rehash // whoever reads the file again finds out what is wrong with it
	}
	if _, ok := errors.AsType[*requestError](err); ok {
		return StopItem
	}
	switch {
	case errors.Is(err, ErrSourceChanged):
		return Rehash
	case errors.Is(err, ErrNotDownloadable):
		return StopItem
	case errors.Is(err, ErrUploadExpired):
		return NewURL
	case errors.Is(err, ErrUnknownOutcome):
		return Resolve
	case errors.Is(err, ErrNotSignedIn), errors.Is(err, ErrPaused), errors.Is(err, ErrBudget):
		return StopRun
	}
	if neverLeft(err) {
		return Retry
	}
	if w, ok := errors.AsType[*wireError](err); ok {
		if op == KindCreate && w.sent {
			return Resolve
		}
		return Retry
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if op == KindUpload || op == KindFetch {
			return classifyStorage(e)
		}
		return classifyAnswer(op, e)
	}
	// Errors that are not ours: a context's, or a bare one of net.
	switch {
	case neverSent(err):
		return Retry
	case errors.Is(err, context.Canceled), err == context.DeadlineExceeded:
		return Cancelled
	case op == KindCreate:
		return Resolve
	}
	return Retry
}

// neverLeft reports whether err kept a request from being sent: what it asked for has
// had its own repeats.
func neverLeft(err error) bool {
	_, credential := errors.AsType[*credentialError](err)
	_, unspent := errors.AsType[*unspentError](err)
	return credential || unspent
}

func classifyAnswer(op Kind, e *Error) Verdict {
	again := Retry
	if op == KindCreate {
		again = Resolve
	}
	switch s := e.Status; {
	case s == http.StatusTooManyRequests:
		return Retry // refused before it ran, whatever it was
	case s == http.StatusUnauthorized:
		return StopRun
	case s == http.StatusForbidden:
		return StopDivision
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly:
		return again
	case s == http.StatusNotImplemented:
		return StopItem
	case s >= 400 && s < 500:
		return StopItem
	}
	return again // 5xx, and a 2xx or 3xx that is not the API's
}

// noRepeat are S3's refusals that a repeat would meet again.
var noRepeat = []string{"EntityTooLarge", "InvalidDigest", "InvalidArgument", "MissingContentLength", "NotImplemented", "PermanentRedirect"}

func classifyStorage(e *Error) Verdict {
	switch s := e.Status; {
	case e.Code == "BadDigest":
		return Rehash
	case e.Code == "ExpiredToken":
		return NewURL
	case slices.Contains(noRepeat, e.Code):
		return StopItem
	case e.Code == "IncompleteBody", e.Code == "RequestTimeout", e.Code == "SlowDown":
		return Retry
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return NewURL // expired, or refused: SignatureDoesNotMatch, a policy. How often is the caller's decision
	case s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s == http.StatusConflict:
		return Retry // 409 is S3's OperationAborted
	case s == http.StatusNotImplemented, s >= 400 && s < 500:
		return StopItem
	}
	return Retry
}

// neverSent reports whether err shows by itself that no byte of a request left:
// the name was not found or the connection was not made.
func neverSent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}
