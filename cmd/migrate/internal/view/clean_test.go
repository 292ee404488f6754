package view

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain, with ümlauts and 日本", "plain, with ümlauts and 日本"},
		{"\x1b[31mred\x1b[0m", "red"},
		{"a\x1b]0;new title\ab", "ab"},
		{"a\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\b", "alinkb"},
		{"a\x1bPdevice\x1b\\b", "ab"},
		{"a\u009b2Jb", "ab"},
		{"a\x1bcb", "ab"},
		{"two\nlines\tand a tab\r", "two lines and a tab"},
		{"back\b\bspace\x7f\x00", "backspace"},
		{"photo\u202egpj.exe", "photogpj.exe"},
		{"\x1b", ""},
		{"\x1b]never ends", "never ends"},
		{"bad \xff byte", "bad  byte"},
		{"\x1b[999999", ""},
	}
	for _, tt := range tests {
		if got := Clean(tt.in); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred\x1b]0;t\a\u009b2J")
	f.Add("\xc2\x1b[")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) || strings.IndexFunc(got, unicode.IsControl) >= 0 {
			t.Fatalf("Clean(%q) = %q can steer a terminal", s, got)
		}
		if again := Clean(got); again != got {
			t.Fatalf("Clean(%q) = %q, and again %q", s, got, again)
		}
	})
}
