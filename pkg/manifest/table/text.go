package table

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// readText reads a CSV or TSV table: separated by comma, semicolon or tab as its
// first row shows, or as a line sep=; before it says; lines end in CR LF, LF or
// CR, and cells in quotes may hold them all.
func readText(ctx context.Context, r io.ReaderAt, size int64, o Options) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := noWorkbook(r, o); err != nil {
			yield(Row{}, err)
			return
		}
		text, exact, err := decode(r, size, o)
		if err != nil {
			yield(Row{}, fmt.Errorf("reading table %s: %w", o.Name, err))
			return
		}
		t := &textReader{in: bufio.NewReaderSize(&ctxReader{ctx, text}, 64<<10), name: o.Name, exact: exact}
		if err := t.begin(); err != nil {
			yield(Row{}, fmt.Errorf("reading table %s: %w", o.Name, err))
			return
		}
		for {
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return
			}
			row, err := t.next()
			if errors.Is(err, io.EOF) {
				return
			}
			_, goOn := errors.AsType[manifest.Problems](err)
			if err != nil && !goOn {
				err = fmt.Errorf("reading table %s: %w", o.Name, err)
			}
			if !yield(row, err) || err != nil && (!goOn || t.over) {
				return
			}
		}
	}
}

// noWorkbook refuses workbooks under the name of a text.
func noWorkbook(r io.ReaderAt, o Options) error {
	head := make([]byte, 8)
	n, _ := r.ReadAt(head, 0)
	if head = head[:n]; !bytes.HasPrefix(head, zipMagic) && !bytes.HasPrefix(head, oleMagic) {
		return nil
	}
	return problem(manifest.CodeTableSyntax, manifest.Pos{File: o.Name}, "save it as .xlsx, and name that file", "the table is a workbook under the name of a %s file", path.Ext(o.Name))
}

// textReader parts a text into rows and cells.
type textReader struct {
	in    *bufio.Reader
	name  string
	exact bool // bytes are those of the file, which should be UTF-8
	sep   byte
	line  int    // of the row that was read last
	text  []byte // of its cells, one after the other
	ends  []int  // of each cell in text
	cells []string
	over  bool // nothing can be read after the error
}

// begin finds the separator.
func (t *textReader) begin() error {
	head, err := t.in.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if rest, ok := bytes.CutPrefix(head, []byte("sep=")); ok && len(rest) > 1 && (rest[1] == '\r' || rest[1] == '\n') {
		t.sep = rest[0] // a line of Excel's, which it does not show as a row
		n := len("sep=;\n")
		if bytes.HasPrefix(rest[1:], []byte("\r\n")) {
			n++
		}
		_, err := t.in.Discard(n)
		return err
	}
	t.sep = separator(head, strings.EqualFold(path.Ext(t.name), ".tsv"))
	return nil
}

// separator is what parts the cells of the first row: the most frequent of
// comma, semicolon and tab outside quotes; of a .tsv table the tab if there is
// one.
func separator(text []byte, tabs bool) byte {
	counts := map[byte]int{}
	quoted, begun := false, false
	for _, c := range text {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		end := c == '\n' || c == '\r'
		if end && begun {
			break
		}
		begun = begun || !end
		if c == ',' || c == ';' || c == '\t' {
			counts[c]++
		}
	}
	if tabs && (counts['\t'] > 0 || len(counts) == 0) {
		return '\t'
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// next is the next row; io.EOF after the last one.
func (t *textReader) next() (Row, error) {
	t.line++
	t.text, t.ends = t.text[:0], t.ends[:0]
	for {
		last, err := t.cell()
		if errors.Is(err, io.EOF) && (len(t.ends) > 0 || len(t.text) > 0) {
			last, err = true, nil // the last line has no end
		}
		if err != nil {
			return Row{}, err
		}
		t.ends = append(t.ends, len(t.text))
		if last {
			return t.row(), nil
		}
	}
}

func (t *textReader) row() Row {
	row := Row{Line: t.line}
	t.cells = t.cells[:0]
	all := string(t.text)
	start := 0
	for i, end := range t.ends {
		cell := all[start:end]
		if t.exact && !utf8.ValidString(cell) || !t.exact && strings.ContainsRune(cell, utf8.RuneError) {
			if row.Wrong == nil {
				row.Wrong = map[int]manifest.Problem{}
			}
			row.Wrong[i] = t.damaged(i, cell)
			cell = strings.ToValidUTF8(cell, "\ufffd")
		}
		t.cells = append(t.cells, cell)
		start = end
	}
	row.Cells = t.cells
	return row
}

// damaged is the problem of a cell with bytes that are no letters.
func (t *textReader) damaged(i int, cell string) manifest.Problem {
	what, fix := "a character cannot be read in this encoding", "correct the cell, or encoding: in the include"
	if t.exact {
		bad := byte(0)
		for _, c := range []byte(cell) { // the first one that is not part of a letter
			if c >= utf8.RuneSelf {
				bad = c
			}
			r, size := utf8.DecodeRuneInString(cell)
			if r == utf8.RuneError && size == 1 {
				bad = cell[0]
				break
			}
			cell = cell[size:]
		}
		what, fix = fmt.Sprintf("the table is UTF-8, and byte %02X in this cell is not", bad), "correct the cell; or write encoding: in the include if all of the table has another one"
	}
	return manifest.NewProblem(manifest.CodeEncoding, t.pos(i), what, fix)
}

// pos is the place of a cell of the row.
func (t *textReader) pos(i int) manifest.Pos {
	return manifest.Pos{File: t.name, Line: t.line, Column: i + 1}
}

// cell adds the text of the next cell; last says that it ends its row. io.EOF
// is the end of the table, after the cell's text if it has any.
func (t *textReader) cell() (last bool, err error) {
	c, err := t.read()
	if err != nil {
		return false, err
	}
	if c == '"' {
		return t.quoted()
	}
	for {
		switch c {
		case t.sep:
			return false, nil
		case '\n':
			return true, nil
		case '\r':
			return true, t.lineFeed()
		case '"':
			return false, t.broken(`a " stands in the middle of a cell that does not begin with one`, "quote cells that hold quotes, and double the quotes inside")
		}
		t.text = append(t.text, c)
		if c, err = t.read(); err != nil {
			return false, err
		}
	}
}

// quoted is cell after the opening quote.
func (t *textReader) quoted() (last bool, err error) {
	for {
		c, err := t.read()
		if errors.Is(err, io.EOF) {
			t.over = true
			return false, t.unclosed()
		}
		if err != nil {
			return false, err
		}
		if c != '"' {
			t.text = append(t.text, c)
			continue
		}
		switch c, err = t.read(); {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, err
		case c == '"':
			t.text = append(t.text, c)
		case c == t.sep:
			return false, nil
		case c == '\n':
			return true, nil
		case c == '\r':
			return true, t.lineFeed()
		default:
			return false, t.unclosed()
		}
	}
}

func (t *textReader) read() (byte, error) {
	if len(t.text)+len(t.ends) > MaxRow {
		t.over = true
		return 0, tooLong(manifest.Pos{File: t.name, Line: t.line})
	}
	return t.in.ReadByte()
}

// lineFeed takes the second half of CR LF.
func (t *textReader) lineFeed() error {
	next, err := t.in.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(next) == 1 && next[0] == '\n' {
		_, err := t.in.Discard(1)
		return err
	}
	return nil
}

func (t *textReader) unclosed() error {
	return t.broken("a quoted cell does not end as it should", `close the quote, and double each " inside the cell`)
}

// broken is a problem of the cell that was being read. What is left of its line
// is passed over.
func (t *textReader) broken(what, fix string) error {
	p := problem(manifest.CodeTableSyntax, t.pos(len(t.ends)), fix, "%s", what)
	for {
		c, err := t.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			t.over = true
			return p
		case err != nil:
			return err
		case c == '\n':
			return p
		case c == '\r':
			if err := t.lineFeed(); err != nil {
				return err
			}
			return p
		}
	}
}

// ctxReader ends with its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
