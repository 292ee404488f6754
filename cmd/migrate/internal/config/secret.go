package config

import (
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
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
// It may be copied: its copies are one.
type Redactor struct{ known *secrets }

// secrets are what a Redactor and its copies hide.
type secrets struct {
	mu      sync.Mutex
	pairs   []string
	replace atomic.Pointer[strings.Replacer]
}

// NewRedactor hides the given secrets, signed URLs and bearer tokens. Secrets
// shorter than 6 characters are left out: replacing them would garble words.
func NewRedactor(hide ...Secret) Redactor {
	r := Redactor{&secrets{}}
	r.Add(hide...)
	return r
}

// Add hides more secrets. It is not for the zero Redactor.
func (r Redactor) Add(hide ...Secret) {
	k := r.known
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range hide {
		if len(s.text) >= 6 {
			k.pairs = append(k.pairs, s.text, redacted)
		}
	}
	k.replace.Store(strings.NewReplacer(k.pairs...))
}

// Text returns s without secrets. The zero Redactor hides what has a known form.
func (r Redactor) Text(s string) string {
	if r.known != nil {
		s = r.known.replace.Load().Replace(s)
	}
	s = signedQuery.ReplaceAllString(s, "${1}"+redacted)
	return bearer.ReplaceAllString(s, "${1}"+redacted)
}
