// Package view renders what the others found out, for people and for programs.
// It decides nothing; text is a view of the same values that JSON shows.
package view

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean is text from outside made safe for a terminal: control characters,
// escape sequences and characters that turn the direction of writing are taken
// out, line breaks and tabs become a space.
func Clean(s string) string {
	if !needsCleaning(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if n := escapeLen(s[i:]); n > 0 {
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case unsafeRune(r) || r == utf8.RuneError && n == 1:
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func needsCleaning(s string) bool {
	return !utf8.ValidString(s) || strings.IndexFunc(s, unsafeRune) >= 0
}

// unsafeRune is true for C0, DEL, C1 and the bidirectional controls.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) ||
		r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x061C
}

// escapeLen is the length of the escape sequence that s begins with, 0 when it
// begins with none: ESC [ ... letter, ESC ] ... BEL or ESC \, ESC and one more,
// and the same with the one-character introducers of C1.
func escapeLen(s string) int {
	rest, n := s, 0
	switch {
	case strings.HasPrefix(s, "\x1b"):
		if len(s) == 1 {
			return 1
		}
		rest, n = s[2:], 2
		switch s[1] {
		case '[':
		case ']', 'P', 'X', '^', '_':
			return n + stringLen(rest)
		default:
			if s[1] >= 0x20 && s[1] < 0x7f {
				return n
			}
			return 1
		}
	case strings.HasPrefix(s, "\u009b"):
		rest, n = s[2:], 2
	case strings.HasPrefix(s, "\u009d"), strings.HasPrefix(s, "\u0090"):
		return 2 + stringLen(s[2:])
	default:
		return 0
	}
	for i := range len(rest) {
		switch c := rest[i]; {
		case c >= 0x40 && c <= 0x7e:
			return n + i + 1
		case c < 0x20 || c > 0x3f:
			return n + i
		}
	}
	return n + len(rest)
}

// stringLen is the length of a control string up to and with its end. One that
// does not end is no sequence: only its introducer is dropped.
func stringLen(s string) int {
	for i := range len(s) {
		switch {
		case s[i] == '\a':
			return i + 1
		case strings.HasPrefix(s[i:], "\x1b\\"):
			return i + 2
		case s[i] == '\n':
			return 0
		}
	}
	return 0
}
