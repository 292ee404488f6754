package rclone

import (
	"regexp"
	"strings"
	"unicode"
)

// maxText is how much of what rclone says goes into an error or a log line, in bytes.
const maxText = 2 << 10

// secretName matches the variables of rclone that hold secrets: the password of
// its configuration, and those of remotes, such as RCLONE_CONFIG_SHARE_PASS.
var secretName = regexp.MustCompile(`(?i)^RCLONE_.*(PASS|PASSWORD|PASSPHRASE|TOKEN|SECRET|KEY|CREDENTIALS|SAS_URL)\d?$`)

// shortestSecret is the length, in bytes, of the shortest value that is left out:
// shorter ones stand in any text.
const shortestSecret = 4

var (
	urlQuery = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://[^\s"'<>?#]+)\?[^\s"'<>]*`)
	urlUser  = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^\s"'<>/@]+@`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{16,}`)
	secretKV = regexp.MustCompile(`(?i)\b([a-z0-9_-]*(?:token|secret|password|passphrase|pass|signature|credential|account_key|access_key|api_key))("?\s*[=:]\s*"?)[^\s"'&<>,;}]+`)
)

// clean makes a line of rclone's fit for an error or a log: one line, short,
// without what may be a secret.
func (s *server) clean(text string) string {
	if len(text) > 4*maxText { // before the work, not only after it
		text = text[:4*maxText]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	text = urlQuery.ReplaceAllString(text, "$1?[redacted]")
	text = urlUser.ReplaceAllString(text, "$1[redacted]@")
	text = bearer.ReplaceAllString(text, "$1 [redacted]")
	text = secretKV.ReplaceAllString(text, "$1$2[redacted]")
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}
