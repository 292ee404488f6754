package table

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// encodings are the readers of [manifest.Encodings] other than utf-8, which is
// read as it is, and utf-16, whose byte order is found out.
var encodings = map[string]encoding.Encoding{
	"utf-16le":     unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
	"utf-16be":     unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	"windows-1250": charmap.Windows1250,
	"windows-1251": charmap.Windows1251,
	"windows-1252": charmap.Windows1252,
	"windows-1253": charmap.Windows1253,
	"windows-1254": charmap.Windows1254,
	"windows-1257": charmap.Windows1257,
	"iso-8859-1":   charmap.ISO8859_1,
	"iso-8859-2":   charmap.ISO8859_2,
	"iso-8859-9":   charmap.ISO8859_9,
	"iso-8859-15":  charmap.ISO8859_15,
	"macintosh":    charmap.Macintosh,
}

var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16LE = []byte("\xff\xfe")
	markUTF16BE = []byte("\xfe\xff")
)

// sniffed is what the bytes of a text tell about its encoding.
type sniffed struct {
	encoding string // utf-8, utf-16le, utf-16be or windows-1252
	marked   bool   // by a byte order mark
}

// sniff finds out the encoding of a text. It reads all of it where that is
// needed: a text of another encoding may begin with a thousand rows of plain
// letters.
//
// A byte order mark decides. NUL bytes in every other place are UTF-16. Text
// whose accented letters are proper UTF-8 is UTF-8, even if a few bytes are
// damaged; what has no or hardly any such letters, and others, is Windows-1252.
func sniff(r io.ReaderAt, size int64) (sniffed, error) {
	buf := make([]byte, 64<<10)
	n, err := io.ReadFull(io.NewSectionReader(r, 0, size), buf)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return sniffed{}, err
	}
	head := buf[:n]
	switch {
	case bytes.HasPrefix(head, markUTF8):
		return sniffed{"utf-8", true}, nil
	case bytes.HasPrefix(head, markUTF16LE):
		return sniffed{"utf-16le", true}, nil
	case bytes.HasPrefix(head, markUTF16BE):
		return sniffed{"utf-16be", true}, nil
	}
	if order := withNULs(head[:min(n, 4<<10)]); order != "" {
		return sniffed{order, false}, nil
	}
	proper, others, err := countLetters(io.NewSectionReader(r, 0, size), buf)
	if others > 0 && others >= 10*proper {
		return sniffed{"windows-1252", false}, err
	}
	return sniffed{"utf-8", false}, err
}

// withNULs recognises UTF-16 by the zeros in it, of which other text has none:
// most letters of tables (separators, quotes, line ends, digits) have one.
func withNULs(head []byte) string {
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch pairs := len(head) / 2; {
	case zeros[1] > pairs/4 && zeros[0] <= zeros[1]/8:
		return "utf-16le"
	case zeros[0] > pairs/4 && zeros[1] <= zeros[0]/8:
		return "utf-16be"
	}
	return ""
}

// countLetters counts letters beyond ASCII that are proper UTF-8, and bytes
// that are none.
func countLetters(r io.Reader, buf []byte) (proper, others int, err error) {
	held := 0 // bytes of a letter that the last read cut
	for {
		n, err := r.Read(buf[held:])
		text := buf[:held+n]
		end := err != nil
		for len(text) > 0 {
			if text[0] < utf8.RuneSelf {
				text = text[1:]
				continue
			}
			if !end && !utf8.FullRune(text) {
				break
			}
			c, size := utf8.DecodeRune(text)
			if c == utf8.RuneError && size == 1 {
				others++
			} else {
				proper++
			}
			text = text[size:]
		}
		if errors.Is(err, io.EOF) {
			return proper, others, nil
		}
		if err != nil {
			return proper, others, err
		}
		held = copy(buf, text)
	}
}

// decode is the text in r as UTF-8 without byte order mark. Where it was UTF-8
// before, it is not looked at: exact says so.
func decode(r io.ReaderAt, size int64, o Options) (text io.Reader, exact bool, err error) {
	name := o.Encoding
	if name == "" || name == "utf-16" {
		s, err := sniff(r, size)
		if err != nil {
			return nil, false, err
		}
		switch {
		case name == "":
			name = s.encoding
			if name != "utf-8" && !s.marked {
				o.note(manifest.CodeEncodingGuessed, manifest.Pos{File: o.Name}, "the table is not UTF-8 and read as "+display(name),
					"if accented letters come out wrong, write encoding: in the include, or save it as CSV UTF-8")
			}
		case s.encoding == "utf-16be":
			name = s.encoding
		default:
			name = "utf-16le"
		}
	}
	section := io.NewSectionReader(r, 0, size)
	if e, ok := encodings[name]; ok {
		return e.NewDecoder().Reader(section), false, nil
	}
	head := make([]byte, len(markUTF8))
	if n, _ := io.ReadFull(section, head); !bytes.Equal(head[:n], markUTF8) {
		section = io.NewSectionReader(r, 0, size)
	}
	return section, true, nil
}

// display is the name of an encoding as people write it.
func display(name string) string {
	switch name {
	case "windows-1252":
		return "Windows-1252"
	case "utf-16le", "utf-16be":
		return "UTF-16"
	}
	return name
}
