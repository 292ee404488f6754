package table

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/tempfile"
)

// stringTable holds the shared texts of a workbook, which its cells name by
// number: small ones in memory, large ones in a temporary file; 8 bytes each in
// memory.
type stringTable struct {
	ends  []int64 // of each text
	small []byte  // all of them, while they are few
	file  *tempfile.File
	out   *bufio.Writer
	pages map[int64][]byte // of the file, the last ones that were read
	order []int64          // of pages, the oldest first
}

const (
	maxInMemory = 1 << 20
	maxTexts    = 1 << 25 // thirty for each row of the largest sheet; 256 MiB
	pageSize    = 16 << 10
	maxPages    = 128
)

// readStrings reads the shared texts; a workbook may have none.
func (w *workbook) readStrings(ctx context.Context) error {
	if w.parts[sharedStrings] == nil {
		return nil
	}
	part, err := w.part(sharedStrings, maxStrings)
	if err != nil {
		return err
	}
	defer part.Close()
	const what = "its texts"
	limit := &limitedReader{&ctxReader{ctx, part}, maxElement}
	dec := xml.NewDecoder(limit)
	closed := false
	for {
		limit.left = maxElement
		tok, err := dec.RawToken()
		switch {
		case errors.Is(err, io.EOF) && closed:
			return w.strings.end()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return w.damaged(what, io.ErrUnexpectedEOF)
		case err != nil:
			return w.damaged(what, err)
		}
		switch t := tok.(type) {
		case xml.EndElement:
			closed = closed || t.Name.Local == "sst"
		case xml.StartElement:
			if t.Name.Local != "si" {
				continue
			}
			text, err := w.richText(dec, "si")
			if err != nil {
				return err
			}
			if err := w.strings.add(text); errors.Is(err, errTooMuch) {
				return w.damaged(what, err)
			} else if err != nil {
				return err
			}
		}
	}
}

// richText is the text of an element whose start was read, up to its end: of
// <t> and of the runs in it, not of what says how they are pronounced.
func (w *workbook) richText(dec *xml.Decoder, end string) (string, error) {
	var b strings.Builder
	inText, ruby := false, 0
	for {
		tok, err := dec.RawToken()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return "", w.damaged("a text", err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "t":
				inText = ruby == 0
			case "rPh":
				ruby++
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "t":
				inText = false
			case "rPh":
				ruby--
			case end:
				return unescape(b.String()), nil
			}
		case xml.CharData:
			if inText {
				b.Write(t)
			}
		}
	}
}

// unescape turns _x000D_ into the character that XML cannot hold. Source:
// ECMA-376 part 1, 22.9.2.19.
func unescape(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "_x")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		if len(s) >= i+7 && s[i+6] == '_' {
			if n, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil && utf8.ValidRune(rune(n)) {
				b.WriteString(s[:i])
				b.WriteRune(rune(n))
				s = s[i+7:]
				continue
			}
		}
		b.WriteString(s[:i+2])
		s = s[i+2:]
	}
}

func (t *stringTable) add(text string) error {
	if len(t.ends) == maxTexts {
		return errTooMuch
	}
	at := int64(0)
	if len(t.ends) > 0 {
		at = t.ends[len(t.ends)-1]
	}
	t.ends = append(t.ends, at+int64(len(text)))
	if t.file == nil && len(t.small)+len(text) <= maxInMemory {
		t.small = append(t.small, text...)
		return nil
	}
	if t.file == nil {
		f, err := tempfile.New("the texts of a workbook")
		if err != nil {
			return err
		}
		t.file, t.out, t.pages = f, bufio.NewWriterSize(f, 64<<10), map[int64][]byte{}
		if _, err := t.out.Write(t.small); err != nil {
			return t.failed(err)
		}
		t.small = nil
	}
	_, err := t.out.WriteString(text)
	return t.failed(err)
}

// end makes the texts readable.
func (t *stringTable) end() error {
	if t.file == nil {
		return nil
	}
	return t.failed(t.out.Flush())
}

func (t *stringTable) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the temporary file for the texts of a workbook: %w", err)
}

// get is the text of a number; false: there is none.
func (t *stringTable) get(n int) (string, bool, error) {
	if n < 0 || n >= len(t.ends) {
		return "", false, nil
	}
	from, to := int64(0), t.ends[n]
	if n > 0 {
		from = t.ends[n-1]
	}
	if t.file == nil {
		return string(t.small[from:to]), true, nil
	}
	var text []byte
	for from < to {
		page, err := t.page(from / pageSize)
		if err != nil {
			return "", false, err
		}
		if from%pageSize >= int64(len(page)) {
			return "", false, t.failed(io.ErrUnexpectedEOF)
		}
		part := page[from%pageSize:]
		part = part[:min(int64(len(part)), to-from)]
		if text == nil && int64(len(part)) == to-from {
			return string(part), true, nil
		}
		text = append(text, part...)
		from += int64(len(part))
	}
	return string(text), true, nil
}

// page is a part of the file. Cells use texts about in the order of the table,
// so a few pages are enough.
func (t *stringTable) page(n int64) ([]byte, error) {
	if p, ok := t.pages[n]; ok {
		return p, nil
	}
	var p []byte
	if len(t.order) == maxPages {
		p = t.pages[t.order[0]]
		delete(t.pages, t.order[0])
		t.order = t.order[1:]
	} else {
		p = make([]byte, pageSize)
	}
	p = p[:pageSize]
	k, err := t.file.ReadAt(p, n*pageSize)
	if err != nil && !errors.Is(err, io.EOF) || k == 0 {
		return nil, t.failed(errors.Join(err, io.ErrUnexpectedEOF))
	}
	t.pages[n] = p[:k]
	t.order = append(t.order, n)
	return t.pages[n], nil
}

func (t *stringTable) close() {
	if t != nil && t.file != nil {
		_ = t.file.Close()
	}
}
