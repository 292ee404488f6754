package showpad

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Errors that callers decide on; match with errors.Is.
var (
	// ErrUnknownOutcome: a creating request may or may not have been carried
	// out (reset or time-out after sending, 5xx, unreadable body). Look before
	// sending again.
	ErrUnknownOutcome = errors.New("no readable answer: it may have been carried out")
	// ErrNotSignedIn: the credential was refused and cannot be renewed.
	ErrNotSignedIn = errors.New("not signed in")
	// ErrExists: what was to be created exists already (409). Look it up.
	ErrExists = errors.New("exists already")
	// ErrNotFound: it does not exist, or may not be seen by this account (404);
	// the service does not tell which.
	ErrNotFound = errors.New("not found, or not visible to this account")
	// ErrSourceChanged: the source gave fewer or more bytes than it was said to have.
	ErrSourceChanged = errors.New("file changed while it was sent")
	// ErrUploadExpired: the upload URL is too old to start a transfer.
	ErrUploadExpired = errors.New("upload URL is too old")
)

// Verdict is what an error of an operation means for the caller, after the
// client's own retries.
type Verdict int

const (
	// Retry: it may go through later (only seen by callers once the client's retries are used up).
	Retry Verdict = iota
	// Resolve: unknown outcome of a create; look it up.
	Resolve
	// StopItem: this request will never be accepted.
	StopItem
	// StopDivision: 403, no right there.
	StopDivision
	// StopRun: credentials refused, a pause that nobody waits for, or no budget left.
	StopRun
	// NewURL: the upload URL or download link is expired or refused; ask for another one.
	NewURL
	// Rehash: the bytes are not those that were hashed; hash and send again.
	Rehash
	// Cancelled: the caller's context ended.
	Cancelled
)

var verdicts = [...]string{"retry", "resolve", "stop-item", "stop-division", "stop-run", "new-url", "rehash", "cancelled"}

// String is the verdict's name for logs.
func (v Verdict) String() string {
	if v < 0 || int(v) >= len(verdicts) {
		return fmt.Sprintf("verdict(%d)", int(v))
	}
	return verdicts[v]
}

// Error is an answer that says no.
type Error struct {
	Op         string // operationId, "v3 get_users_me", "token", "PUT", "GET"
	Status     int    // HTTP
	Code       string // meta category, v3 error name, S3 code or OAuth error; may be ""
	Title      string
	Detail     string        // redacted, at most 4 KiB
	Fields     []FieldError  // v4 meta
	RetryAfter time.Duration // 0: no advice
	RequestID  string
	Scopes     []string // what v3 wants of an OAuth client for such an operation; nil: none, or not known

	credential Credential
	needs      string // of the account; "": not known better
	foreign    bool   // not the service's own words: a proxy's page, say
}

// FieldError is one finding of a v4 problem document.
type FieldError struct{ Name, Reason, Category string }

// Error says what was attempted, what the answer was and, where there is
// something to do about it, what.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d", e.Op, e.Status)
	if s := http.StatusText(e.Status); s != "" {
		b.WriteString(" " + s)
	}
	if why := e.why(); why != "" {
		b.WriteString(": " + why)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [request %s]", e.RequestID)
	}
	if hint := e.hint(); hint != "" {
		b.WriteString(" (" + hint + ")")
	}
	return b.String()
}

func (e *Error) why() string {
	if len(e.Fields) > 0 {
		findings := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			findings[i] = strings.TrimSpace(f.Name + " " + f.Reason)
		}
		return strings.Join(findings, "; ")
	}
	what := e.Detail
	if what == "" && e.Title != http.StatusText(e.Status) {
		what = e.Title
	}
	switch {
	case e.Code == "":
		return what
	case what == "":
		return e.Code
	}
	return e.Code + ": " + what
}

// Is reports whether e is what the sentinel stands for: 409 is [ErrExists], 404
// [ErrNotFound], 401 [ErrNotSignedIn]. A page of a proxy is none of them but the last.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrExists:
		return e.Status == http.StatusConflict && !e.foreign
	case ErrNotFound:
		return e.Status == http.StatusNotFound && !e.foreign
	case ErrNotSignedIn:
		return e.Status == http.StatusUnauthorized && e.Op != opPut && e.Op != opGet
	}
	return false
}

// IsNotFound reports whether err says that the thing does not exist, or is not visible.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// wireError is a failure without an answer, or with one that nobody can read.
type wireError struct {
	op   string
	sent bool // it may have reached the service; false only when that is certain
	err  error
	text string // redacted
}

func newWireError(op string, sent bool, err error, secrets ...string) *wireError {
	err = withoutURL(err)
	return &wireError{op: op, sent: sent, err: err, text: clean(err.Error(), secrets...)}
}

func (e *wireError) Error() string { return e.op + ": " + e.text }
func (e *wireError) Unwrap() error { return e.err }

// endedError says that the caller's context ended; it is that context's cause.
type endedError struct{ cause, err error }

func (e *endedError) Error() string   { return e.cause.Error() }
func (e *endedError) Unwrap() []error { return []error{e.cause, e.err} }

// ended is the end of ctx as an error that matches both its cause and ctx.Err().
func ended(ctx context.Context) error { return &endedError{context.Cause(ctx), ctx.Err()} }

// requestError is a request that was not sent because it could not be right.
type requestError struct{ op, text string }

func (e *requestError) Error() string { return e.op + ": " + e.text }

// IsWrongRequest reports whether err is about a request that was not sent, because it
// could not be right: what was asked for is wrong, not the service.
func IsWrongRequest(err error) bool {
	_, ok := errors.AsType[*requestError](err)
	return ok
}

func badRequest(op, format string, args ...any) error {
	return &requestError{op, fmt.Sprintf(format, args...)}
}

// SourceError is a failure to open or read what was to be uploaded: the source's
// side, not the service's. It wraps the source's own error or [ErrSourceChanged].
type SourceError struct{ Err error }

// Error is the source's own text.
func (e *SourceError) Error() string { return "source: " + e.Err.Error() }

// Unwrap returns the source's error.
func (e *SourceError) Unwrap() error { return e.Err }
