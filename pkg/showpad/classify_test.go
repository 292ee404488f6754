package showpad

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
)

// TestClassify has the tables of the reference, 2.3 and 6.5: one row for each
// answer, one column for each kind of request.
func TestClassify(t *testing.T) {
	status := func(s int) error { return &Error{Op: "x", Status: s} }
	for name, tc := range map[string]struct {
		err                  error
		read, create, change Verdict
	}{
		"no connection":         {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Retry, Retry, Retry},
		"no such host":          {&net.DNSError{Err: "no such host"}, Retry, Retry, Retry},
		"not sent":              {newWireError("x", false, io.EOF), Retry, Retry, Retry},
		"reset":                 {newWireError("x", true, syscall.ECONNRESET), Retry, Resolve, Retry},
		"time-out after":        {newWireError("x", true, errSlow), Retry, Resolve, Retry},
		"time-out of a network": {newWireError("x", true, &net.OpError{Op: "read", Err: context.DeadlineExceeded}), Retry, Resolve, Retry},
		"bare reset":            {syscall.ECONNRESET, Retry, Resolve, Retry},
		"bare truncation":       {io.ErrUnexpectedEOF, Retry, Resolve, Retry},
		"no token for now":      {&credentialError{status(503)}, Retry, Retry, Retry},
		"302":                   {status(302), Retry, Resolve, Retry},
		"400":                   {status(400), StopItem, StopItem, StopItem},
		"401":                   {status(401), StopRun, StopRun, StopRun},
		"403":                   {status(403), StopDivision, StopDivision, StopDivision},
		"404":                   {status(404), StopItem, StopItem, StopItem},
		"408":                   {status(408), Retry, Resolve, Retry},
		"409":                   {status(409), StopItem, StopItem, StopItem},
		"413":                   {status(413), StopItem, StopItem, StopItem},
		"414":                   {status(414), StopItem, StopItem, StopItem},
		"422":                   {status(422), StopItem, StopItem, StopItem},
		"429":                   {status(429), Retry, Retry, Retry},
		"500":                   {status(500), Retry, Resolve, Retry},
		"501":                   {status(501), StopItem, StopItem, StopItem},
		"502":                   {status(502), Retry, Resolve, Retry},
		"503":                   {status(503), Retry, Resolve, Retry},
		"504":                   {status(504), Retry, Resolve, Retry},
		"unknown outcome":       {fmt.Errorf("%w: %w", ErrUnknownOutcome, status(502)), Resolve, Resolve, Resolve},
		"not signed in":         {fmt.Errorf("%w: x", ErrNotSignedIn), StopRun, StopRun, StopRun},
		"told to pause":         {fmt.Errorf("%w: x", ErrPaused), StopRun, StopRun, StopRun},
		"no budget":             {&unspentError{fmt.Errorf("%w: x", ErrBudget)}, StopRun, StopRun, StopRun},
		"not counted":           {&unspentError{errors.New("disk full")}, Retry, Retry, Retry},
		"bad request of ours":   {badRequest("x", "no"), StopItem, StopItem, StopItem},
		"context":               {context.Canceled, Cancelled, Cancelled, Cancelled},
		"deadline":              {context.DeadlineExceeded, Cancelled, Cancelled, Cancelled},
		"cause":                 {&endedError{errors.New("interrupt"), context.Canceled}, Cancelled, Cancelled, Cancelled},
		"cause, while unknown":  {fmt.Errorf("%w: %w", ErrUnknownOutcome, &endedError{errors.New("interrupt"), context.Canceled}), Cancelled, Cancelled, Cancelled},
	} {
		for kind, want := range map[Kind]Verdict{KindRead: tc.read, KindCreate: tc.create, KindChange: tc.change} {
			if got := Classify(kind, tc.err); got != want {
				t.Errorf("%s, kind %d: %v, want %v", name, kind, got, want)
			}
			if got := Classify(kind, fmt.Errorf("in the pipeline: %w", tc.err)); name != "deadline" && got != want {
				t.Errorf("%s wrapped, kind %d: %v, want %v", name, kind, got, want)
			}
		}
	}
	for name, tc := range map[string]struct {
		status int
		code   string
		want   Verdict
	}{
		"expired":           {403, "AccessDenied", NewURL},
		"signature":         {403, "SignatureDoesNotMatch", NewURL},
		"temporary key":     {400, "ExpiredToken", NewURL},
		"digest":            {400, "BadDigest", Rehash},
		"bad digest form":   {400, "InvalidDigest", StopItem},
		"incomplete":        {400, "IncompleteBody", Retry},
		"idle":              {400, "RequestTimeout", Retry},
		"two credentials":   {400, "InvalidArgument", StopItem},
		"too large":         {400, "EntityTooLarge", StopItem},
		"no length":         {411, "MissingContentLength", StopItem},
		"chunked":           {501, "NotImplemented", StopItem},
		"internal":          {500, "InternalError", Retry},
		"slow down":         {503, "SlowDown", Retry},
		"unavailable":       {503, "ServiceUnavailable", Retry},
		"no code at all":    {500, "", Retry},
		"other 400":         {400, "MalformedSomething", StopItem},
		"no such bucket":    {404, "NoSuchBucket", StopItem},
		"moved":             {301, "PermanentRedirect", StopItem},
		"sign-in page":      {302, "", Retry},
		"too many":          {429, "", Retry},
		"operation at odds": {409, "OperationAborted", Retry},
	} {
		if got := Classify(KindUpload, &Error{Op: opPut, Status: tc.status, Code: tc.code}); got != tc.want {
			t.Errorf("storage, %s: %v, want %v", name, got, tc.want)
		}
	}
	for name, tc := range map[string]struct {
		err  error
		want Verdict
	}{
		"reset":          {newWireError(opPut, true, syscall.ECONNRESET), Retry},
		"source":         {&SourceError{errors.New("permission denied")}, Rehash},
		"source changed": {&SourceError{fmt.Errorf("%w: shorter", ErrSourceChanged)}, Rehash},
		"too old":        {fmt.Errorf("%w", ErrUploadExpired), NewURL},
		"cancelled":      {&endedError{errors.New("interrupt"), context.Canceled}, Cancelled},
	} {
		if got := Classify(KindUpload, tc.err); got != tc.want {
			t.Errorf("upload, %s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestErrorsMatchTheirSentinels(t *testing.T) {
	for _, tc := range []struct {
		err      error
		sentinel error
		want     bool
	}{
		{&Error{Status: 409}, ErrExists, true},
		{&Error{Status: 404}, ErrNotFound, true},
		{&Error{Status: 401}, ErrNotSignedIn, true},
		{&Error{Status: 404, foreign: true}, ErrNotFound, false},
		{&Error{Status: 409, foreign: true}, ErrExists, false},
		{&Error{Op: opPut, Status: 401}, ErrNotSignedIn, false},
		{&Error{Status: 400}, ErrExists, false},
		{&SourceError{fmt.Errorf("%w: x", ErrSourceChanged)}, ErrSourceChanged, true},
	} {
		if got := errors.Is(tc.err, tc.sentinel); got != tc.want {
			t.Errorf("errors.Is(%#v, %v) = %v", tc.err, tc.sentinel, got)
		}
	}
	if !IsNotFound(fmt.Errorf("x: %w", &Error{Status: 404})) {
		t.Error("IsNotFound does not look inside")
	}
}
