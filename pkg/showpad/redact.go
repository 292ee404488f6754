package showpad

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of a text that came from outside goes into an error, in bytes.
const maxText = 4 << 10

var (
	urlQuery = regexp.MustCompile(`(?i)(https?://[^\s"'<>?#]+)\?[^\s"'<>]*`)
	bearer   = regexp.MustCompile(`(?i)\b(authorization\s*[:=]\s*"?(?:bearer|basic)|bearer)\s+[A-Za-z0-9._~+/=-]{16,}`)
	secretKV = regexp.MustCompile(`(?i)\b(access_token|refresh_token|client_secret|password|x-amz-signature|x-amz-security-token|x-amz-credential|signature)(=|"\s*:\s*")[^\s"'&<>,;]+`)
)

// clean makes text from outside fit for an error: no control characters, no query
// strings, no tokens, none of the secrets, at most 4 KiB.
func clean(s string, secrets ...string) string {
	if len(s) > 4*maxText { // before the work, not only after it
		s = s[:4*maxText]
	}
	for _, secret := range secrets {
		if len(secret) >= 4 {
			s = strings.ReplaceAll(s, secret, "[redacted]")
		}
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r), unicode.In(r, unicode.Cf):
			return -1
		}
		return r
	}, s)
	s = urlQuery.ReplaceAllString(s, "$1?[redacted]")
	s = bearer.ReplaceAllString(s, "$1 [redacted]")
	s = secretKV.ReplaceAllString(s, "$1$2[redacted]")
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxText {
		s = s[:maxText]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}

// withoutURL drops the URL that net/http puts around errors: it may be a credential.
func withoutURL(err error) error {
	for {
		ue, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = ue.Err
	}
}
