package expand

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// FileID makes an external ID of a text that comes from a file's path. The same
// path makes the same ID on every machine and in every run:
//
//   - it is in NFC, whatever form the file system keeps
//   - what an external ID cannot hold (commas, control characters, white space
//     around it) is encoded as in a URL: %2C. So is a % that would be taken for
//     such a code, so that two paths never share an ID
//   - over 128 characters: the first 111, a tilde, and 16 hex digits of the
//     SHA-256 of the whole
func FileID(path string) string {
	s := encodeID(norm.NFC.String(path))
	if utf8.RuneCountInString(s) <= manifest.MaxExternalID {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	tail := "~" + hex.EncodeToString(sum[:8])
	head := 0
	for i := range s {
		if head == manifest.MaxExternalID-len(tail) {
			return s[:i] + tail
		}
		head++
	}
	return s + tail
}

// encodeID encodes what an external ID cannot hold.
func encodeID(s string) string {
	inner := strings.TrimSpace(s)
	first := strings.Index(s, inner)
	last := first + len(inner)
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == ',' || unicode.IsControl(r) || i < first || i >= last || r == '%' && isHex(s[i+1:]):
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isHex reports whether s begins with two hex digits.
func isHex(s string) bool {
	hex := func(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
	return len(s) >= 2 && hex(s[0]) && hex(s[1])
}
