package manifest

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// TextReader passes UTF-8 on and takes a byte order mark off its start. Text
// in another encoding ends it with [Problems] that name the line.
// It is not for concurrent use.
type TextReader struct {
	r       io.Reader
	file    string
	line    int
	started bool
	newline bool // the last byte ended a line
	buf     []byte
	partial []byte // beginning of a character that the last read cut; in buf
	rest    []byte // checked bytes that the caller had no room for; in buf
	err     error  // sticky
}

// NewTextReader is a TextReader of r; file is the name in positions.
func NewTextReader(r io.Reader, file string) *TextReader {
	return &TextReader{r: r, file: file, line: 1}
}

// Err is the error that ended the reading: nil before the end, io.EOF at the
// end, [Problems] when the text is not UTF-8.
func (t *TextReader) Err() error { return t.err }

// Read fills p with checked text.
func (t *TextReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(t.rest) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		t.fill()
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

func (t *TextReader) fill() {
	if t.buf == nil {
		t.buf = make([]byte, 32<<10)
	}
	buf := t.buf
	n := copy(buf, t.partial)
	t.partial = nil
	m, err := t.r.Read(buf[n:])
	buf = buf[:n+m]
	if !t.started && (len(buf) >= 3 || err != nil) {
		t.started = true
		if bytes.HasPrefix(buf, []byte("\xff\xfe")) || bytes.HasPrefix(buf, []byte("\xfe\xff")) {
			t.fail("the file is UTF-16, not UTF-8")
			return
		}
		buf = bytes.TrimPrefix(buf, []byte("\xef\xbb\xbf"))
	} else if !t.started {
		t.partial = buf
		return
	}
	end := len(buf)
	for i := 0; i < len(buf); {
		if buf[i] < utf8.RuneSelf {
			t.newline = buf[i] == '\n'
			if t.newline {
				t.line++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(buf[i:])
		if r == utf8.RuneError && size == 1 {
			if err == nil && !utf8.FullRune(buf[i:]) {
				t.partial = buf[i:]
				end = i
				break
			}
			t.rest = buf[:i]
			t.fail("the file is not UTF-8")
			return
		}
		t.newline = false
		i += size
	}
	t.rest = buf[:end]
	if err != nil {
		t.err = err
	}
}

func (t *TextReader) fail(what string) {
	t.err = Problems{NewProblem(CodeEncoding, Pos{File: t.file, Line: t.line}, what,
		`save it as UTF-8; in Excel: Save as, "CSV UTF-8"`)}
}

// lines is the number of lines read so far.
func (t *TextReader) lines() int {
	if t.newline && t.line > 1 {
		return t.line - 1
	}
	return t.line
}

// ended reports whether the text came to its regular end.
func (t *TextReader) ended() bool { return t.err == nil || errors.Is(t.err, io.EOF) }
