package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// hint is an error with a way to fix it, for failure.
type hint struct {
	error
	text string
}

func (h *hint) Unwrap() error { return h.error }

func hinted(err error, text string) error { return &hint{err, text} }

// unreadable is err as one that callers match with source.ErrUnreadable.
func unreadable(err error) error { return fmt.Errorf("%w: %w", source.ErrUnreadable, err) }

// code is the store's code for an error, or "" when the store did not answer.
func code(err error) string {
	e, _ := errors.AsType[minio.ErrorResponse](err)
	return e.Code
}

// explain asks for an object's first byte when the store refused to describe
// it: answers to HEAD have no text, those to GET say what is wrong.
func explain(ctx context.Context, c *minio.Client, o object, err error) error {
	e, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok || e.StatusCode < 300 || e.StatusCode >= 500 {
		return err
	}
	var first minio.GetObjectOptions
	if rangeErr := first.SetRange(0, 0); rangeErr != nil {
		return rangeErr
	}
	body, _, _, getErr := minio.Core{Client: c}.GetObject(ctx, o.bucket, o.key, first)
	if getErr != nil {
		return getErr
	}
	body.Close()
	return err
}

// failure is err as a *source.Error in words, with the way on; or the context's
// error when that has ended.
func (s *Source) failure(ctx context.Context, op, path string, o object, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e := &source.Error{Op: op, Path: path, Err: err}
	if s.bucket == "" {
		e.Path = "s3://" + path // as people write it
	}
	if resp, ok := errors.AsType[minio.ErrorResponse](err); ok {
		err = s.refused(o, resp)
	}
	if h, ok := errors.AsType[*hint](err); ok {
		e.Hint, e.Err = h.text, h.error
		return e
	}
	if c, ok := errors.AsType[*credentialsError](err); ok {
		e.Err, e.Hint = unreadable(c), "correct them, or unset the variables that name them"
		return e
	}
	for _, known := range []error{source.ErrNotExist, source.ErrChanged, source.ErrUnreadable} {
		if errors.Is(err, known) {
			return e
		}
	}
	if u, ok := errors.AsType[*url.Error](err); ok { // its address is no news
		err = u.Err
	}
	if host := s.store.endpoint.Host; !strings.Contains(err.Error(), host) {
		err = fmt.Errorf("%s: %w", host, err)
	}
	e.Err, e.Hint = unreadable(err), "is the network up, and the endpoint right? AWS_ENDPOINT_URL_S3 names another store, HTTPS_PROXY a proxy"
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		e.Hint = "name the certificate to trust with --ca-file"
	}
	return e
}

// refused is an answer of the store in words, with the way on.
// Source: Amazon S3 API reference, "Error responses".
func (s *Source) refused(o object, e minio.ErrorResponse) error {
	says := func(what string) error {
		text := e.Code
		if len(e.Message) > len("Access Denied.") { // which right is missing, for instance
			text += ": " + clip(e.Message)
		}
		return unreadable(fmt.Errorf("%s (the store says %s)", what, text))
	}
	switch e.Code {
	case minio.NoSuchKey:
		return hinted(source.ErrNotExist, fmt.Sprintf("there is no object %s; keys tell capitals apart", o))
	case minio.NoSuchBucket:
		// Not ErrNotExist: no object is missing for being asked for at the wrong place.
		return hinted(unreadable(fmt.Errorf("there is no bucket %q at %s", o.bucket, s.store.endpoint.Host)), "correct its name; AWS_ENDPOINT_URL_S3 names a store other than AWS")
	case minio.InvalidBucketName:
		return hinted(unreadable(fmt.Errorf("%q cannot be the name of a bucket", o.bucket)), "write s3://bucket/path")
	case minio.AccessDenied, "AllAccessDisabled", "AccountProblem":
		if s.store.chain.anonymous() {
			return hinted(says("access denied, and no credentials were found"), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; tried: "+s.store.chain.whose())
		}
		return hinted(says("access denied"), fmt.Sprintf("let the credentials of %s do s3:GetObject and s3:ListBucket on %s; without the latter an object that is missing is refused like this, too", s.store.chain.whose(), o))
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidClientTokenId":
		return hinted(says("the credentials are refused"), fmt.Sprintf("renew or correct those of %s, and see that they are for %s", s.store.chain.whose(), s.store.endpoint.Host))
	case "RequestTimeTooSkewed", "RequestExpired":
		return hinted(says("the clocks of this machine and of the store differ by more than 15 minutes"), "set this machine's clock")
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "Redirect", "InvalidRegion", "IllegalLocationConstraintException":
		if e.Region != "" {
			return hinted(says(fmt.Sprintf("the bucket is in region %s", e.Region)), "set AWS_REGION="+e.Region)
		}
		return hinted(says("the bucket is in another region"), "set AWS_REGION to it")
	case "InvalidObjectState":
		return errArchived
	case minio.PreconditionFailed:
		return hinted(source.ErrChanged, "")
	case "SlowDown", "SlowDownRead", "Throttling", "RequestLimitExceeded", "ServiceUnavailable", "InternalError", "RequestTimeout":
		return hinted(says("the store is too busy"), "run again later")
	}
	if e.StatusCode >= http.StatusInternalServerError || e.StatusCode == http.StatusTooManyRequests {
		return hinted(says("the store is too busy"), "run again later")
	}
	return hinted(unreadable(fmt.Errorf("the store refuses it: %s (%s)", clip(e.Error()), e.Code)), "")
}

// clip shortens what others wrote.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
