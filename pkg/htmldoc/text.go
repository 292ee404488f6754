package htmldoc

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Shown is text from outside as a page shows it: characters that cannot be seen, or
// that turn the direction of what follows, are written as signs or as their number,
// such as ⟨U+202E⟩. Line breaks and tabs become a space, bytes that are no UTF-8 the
// replacement character.
func Shown(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unseen) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s { // a byte that is no UTF-8 is the replacement character
		switch {
		case !unseen(r):
			b.WriteRune(r)
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case r < 0x20:
			b.WriteRune('\u2400' + r) // the sign of the control character
		default:
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		}
	}
	return b.String()
}

// unseen is true for what a reader cannot see and that may change what is around it:
// control and format characters, line and paragraph separators. The two joiners of
// letters are part of how words are written, and stay.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\u200c' && r != '\u200d'
}

// Cut is s with at most n characters; what is left out is told by three dots.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	at := 0
	for i := range s {
		if at++; at > n {
			return s[:i] + "…"
		}
	}
	return s
}
