package showpad

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// grant asks the token endpoint, again while the failure may pass. Refusals wrap
// [ErrNotSignedIn] and are never repeated. A password whose answer got lost is not
// sent again either: it may have been refused, and refusals are counted.
//
// API: oauth2 token
func (s *TokenSource) grant(ctx context.Context, kind string, ask func(context.Context) (*oauth2.Token, error), secrets ...string) (*oauth2.Token, error) {
	secrets = append(secrets, s.conf.ClientSecret, s.password.Reveal())
	for try := 0; ; try++ {
		if ctx.Err() != nil {
			return nil, ended(ctx)
		}
		var seen trace
		start := time.Now()
		actx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), tokenTimeout, errors.New("no answer within "+tokenTimeout.String()))
		tok, err := ask(httptrace.WithClientTrace(context.WithValue(actx, oauth2.HTTPClient, s.http), seen.hooks()))
		cause := context.Cause(actx)
		cancel()
		status, wait, again := http.StatusOK, time.Duration(0), false
		if err != nil {
			status, wait, again, err = s.explain(kind, err, cause, &seen, secrets)
		}
		s.tell(Call{Op: opToken, Method: http.MethodPost, Status: status, Retry: try > 0, Elapsed: time.Since(start), Err: err})
		if err == nil {
			return tok, nil
		}
		if !again || try >= tokenRetries {
			return nil, err
		}
		if wait == 0 {
			wait = jitter(time.Second, retryLimit, try)
		}
		if wait > LongestPause {
			return nil, fmt.Errorf("%w: %w", ErrPaused, err)
		}
		if pause(ctx, wait) != nil {
			return nil, ended(ctx)
		}
	}
}

// explain turns a failure at the token endpoint into an error without secrets, and
// says whether to ask again, and after how long (0: no advice).
func (s *TokenSource) explain(kind string, err, cause error, seen *trace, secrets []string) (status int, wait time.Duration, again bool, out error) {
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		status = r.Response.StatusCode
		e := failure(opToken, status, r.Response.Header, r.Body, secrets...)
		switch {
		case status == http.StatusTooManyRequests, status >= 500:
			return status, e.RetryAfter, true, e
		case kind != "password" && (e.foreign || status < 400 && e.Code == "" || status == http.StatusRequestTimeout):
			return status, 0, true, e // a proxy's page, not the endpoint's word
		}
		return status, 0, false, fmt.Errorf("%w: %w (%s)", ErrNotSignedIn, e, advice(kind, e.Code))
	}
	if cause != nil {
		err = cause
	}
	unsent := seen.neverSent(err)
	if _, ok := errors.AsType[*url.Error](err); !ok && cause == nil {
		// x/oauth2 quotes what it could not read, and that may be a token.
		err = errors.New("the answer of the token endpoint cannot be read")
	}
	ours := newWireError(opToken, !unsent, err, secrets...)
	return 0, 0, unsent || kind != "password", ours
}

func (s *TokenSource) tell(call Call) {
	ev := s.log.Debug()
	if call.Err != nil {
		ev = ev.Str("error", call.Err.Error())
	}
	ev.Str("op", call.Op).Int("status", call.Status).Bool("retry", call.Retry).Dur("elapsed", call.Elapsed).Msg("request")
	if s.observe != nil {
		s.observe(call)
	}
}
