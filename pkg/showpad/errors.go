package showpad

import (
	"errors"
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
	// StopRun: credentials refused.
	StopRun
	// NewURL: the upload URL is expired or refused; ask for another one.
	NewURL
	// Rehash: the bytes are not those that were hashed; hash and send again.
	Rehash
	// Cancelled: the caller's context ended.
	Cancelled
)

// Error is an answer that says no.
type Error struct {
	Op         string // operationId, "v3 getCurrentUser", "token", "PUT"
	Status     int    // HTTP
	Code       string // meta category, v3 error name, S3 code or OAuth error; may be ""
	Title      string
	Detail     string        // redacted, at most 4 KiB
	Fields     []FieldError  // v4 meta
	RetryAfter time.Duration // 0: no advice
	RequestID  string
}

// FieldError is one finding of a v4 problem document.
type FieldError struct{ Name, Reason, Category string }
