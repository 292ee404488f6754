package config

import (
	"regexp"
	"strings"
)

// Secret is text that no format verb and no encoder prints. Its zero value is
// "not given".
type Secret struct{ text string }

// NewSecret is a secret that holds text.
func NewSecret(text string) Secret { return Secret{text} }

const redacted = "[redacted]"

// String is never the text.
func (Secret) String() string { return redacted }

// GoString is never the text.
func (Secret) GoString() string { return redacted }

// MarshalText is never the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the text itself, "" when none was given.
func (s Secret) Reveal() string { return s.text }

// Given reports whether there is a text.
func (s Secret) Given() bool { return s.text != "" }

// signedQuery is the part of a signed URL that makes it a credential.
var signedQuery = regexp.MustCompile(`(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s"'\\]+`)

// bearer is a token in a header that somebody printed.
var bearer = regexp.MustCompile(`(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{8,}`)

// A Redactor takes secrets out of text that is about to leave the process. It
// is the last fence: what prints should not have held a secret at all.
type Redactor struct{ replace *strings.Replacer }

// NewRedactor hides the given secrets, signed URLs and bearer tokens. Secrets
// shorter than 6 characters are left out: replacing them would garble words.
func NewRedactor(secrets ...Secret) Redactor {
	var pairs []string
	for _, s := range secrets {
		if len(s.text) >= 6 {
			pairs = append(pairs, s.text, redacted)
		}
	}
	return Redactor{strings.NewReplacer(pairs...)}
}

// Text returns s without secrets. The zero Redactor hides what has a known form.
func (r Redactor) Text(s string) string {
	if r.replace != nil {
		s = r.replace.Replace(s)
	}
	s = signedQuery.ReplaceAllString(s, "${1}"+redacted)
	return bearer.ReplaceAllString(s, "${1}"+redacted)
}
