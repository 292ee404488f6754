package rclone

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// The checksums were made by rclone v1.60.1 (hashsum quickxor).
func TestQuickXor(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "0000000000000000000000000000000000000000"},
		{"J", "4a00000000000000000000000100000000000000"},
		{strings.Repeat("hello quickxor ", 100), "5d206f90f8bf90ef764f86c576830cc0c4ff092e"},
		{strings.Repeat("x", 159), "0000000000000000000000009f0000000000000f"},
		{strings.Repeat("x", 160), "000000000000000000000000a000000000000000"},
		{strings.Repeat("xyz", 12_345), "325779a2f4a9cf44e9539f8979373e13a54f7d26"},
	} {
		whole, parts := &quickXor{}, &quickXor{}
		_, _ = whole.Write([]byte(c.text))
		for p := []byte(c.text); len(p) > 0; {
			n := min(7, len(p))
			_, _ = parts.Write(p[:n])
			p = p[n:]
		}
		if whole.hex() != c.want || parts.hex() != c.want {
			t.Errorf("%d bytes: %s, in parts %s, want %s", len(c.text), whole.hex(), parts.hex(), c.want)
		}
	}
}

// The remote control may end a file at the size that is listed, as if that were
// all of it.
func TestAFileThatIsCutWithoutAnErrorIsNotTaken(t *testing.T) {
	for _, keep := range []bool{false, true} {
		f, r := odd(t, strings.NewReader("abcdefghi"))
		f.broken = nil
		f.set("a.pptx", fakeFile{data: []byte("abcdef"), when: when, more: "ghi"})
		f.set("b.pptx", fakeFile{data: []byte("whole"), when: when})
		s := root(t, r, "mem:")
		open := s.Open
		if keep {
			open = s.Keep
		}
		if b, i, err := read(t, s, "a.pptx"); !errors.Is(err, source.ErrChanged) {
			t.Errorf("%q, %+v, %v", b, i, err)
		}
		body, i, err := open(t.Context(), "a.pptx")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(body); string(b) != "abcdefghi" || err != nil || i.Size != 9 || i.Listed != 6 {
			t.Errorf("%q, %+v, %v", b, i, err)
		}
		body.Close()
		if b, _, err := read(t, s, "b.pptx"); b != "whole" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		if n := f.called("cat mem:a.pptx"); n != 1 {
			t.Errorf("read %d times", n)
		}
	}
}
