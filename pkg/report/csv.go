package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// byteOrderMark tells spreadsheets that a file is UTF-8.
const byteOrderMark = "\ufeff"

// Neutralise makes a cell harmless to a spreadsheet, which would run one that
// begins with = + - @, a tab or a carriage return as a formula: it puts an
// apostrophe before it. A cell whose first character after its apostrophes is
// one of these gets one more, so that [Unneutralise] knows what was there.
func Neutralise(cell string) string {
	if risky(cell) {
		return "'" + cell
	}
	return cell
}

// Unneutralise is the cell that [Neutralise] was given.
func Unneutralise(cell string) string {
	if strings.HasPrefix(cell, "'") && risky(cell) {
		return cell[1:]
	}
	return cell
}

func risky(cell string) bool {
	rest := strings.TrimLeft(cell, "'")
	return rest != "" && strings.IndexByte("=+-@\t\r", rest[0]) >= 0
}

func checkSeparator(sep rune) error {
	switch sep {
	case 0, ',', ';', '\t':
		return nil
	}
	return fmt.Errorf("CSV separator %q (use a comma, a semicolon or a tab)", sep)
}

// table writes a CSV file: a byte order mark, lines that end in CR LF, cells
// neutralised and otherwise as they are. encoding/csv would change the line
// ends inside cells.
type table struct {
	out *output
	sep byte
	err error
}

func newTable(dir, name string, sep rune, header []string) (*table, error) {
	out, err := newOutput(dir, name)
	if err != nil {
		return nil, err
	}
	t := &table{out: out, sep: ','}
	if sep != 0 {
		t.sep = byte(sep)
	}
	_, t.err = out.WriteString(byteOrderMark)
	t.write(header)
	return t, nil
}

// write adds a line; a failure is kept for commit.
func (t *table) write(cells []string) {
	if t.err == nil {
		t.err = writeCells(t.out.Writer, t.sep, cells)
	}
}

func (t *table) commit() error {
	if t.err != nil {
		t.out.abandon()
		return t.err
	}
	return t.out.commit()
}

func writeCells(w *bufio.Writer, sep byte, cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			w.WriteByte(sep)
		}
		cell = Neutralise(cell)
		if strings.IndexByte(cell, sep) < 0 && !strings.ContainsAny(cell, "\"\r\n") && strings.TrimSpace(cell) == cell {
			w.WriteString(cell)
			continue
		}
		w.WriteByte('"')
		w.WriteString(strings.ReplaceAll(cell, `"`, `""`))
		w.WriteByte('"')
	}
	_, err := w.WriteString("\r\n") // a bufio.Writer keeps its first error
	return err
}

// Column gives the cells of the column called name of a CSV file of this
// package, exactly as they were before [Neutralise]. It finds the separator
// itself and takes any line ends. The error of a file that cannot be read, or
// has no such column, ends it.
func Column(r io.Reader, name string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		in := bufio.NewReader(r)
		if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
			in.Discard(len(byteOrderMark))
		}
		first, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			yield("", err)
			return
		}
		sep, found := separatorFor(first, name)
		if !found {
			yield("", fmt.Errorf("no column %q in the first line (a CSV file with a header is needed)", name))
			return
		}
		t := tableReader{in: bufio.NewReader(io.MultiReader(strings.NewReader(first), in)), sep: sep}
		header, err := t.read()
		at := slices.Index(header, name)
		for err == nil {
			var cells []string
			if cells, err = t.read(); err == nil && at < len(cells) && !yield(cells[at], nil) {
				return
			}
		}
		if err != io.EOF {
			yield("", err)
		}
	}
}

// separatorFor is the separator with which the first line of a table has a
// cell called name. The header may go on below that line.
func separatorFor(line, name string) (sep byte, found bool) {
	for _, sep := range []byte(",;\t") {
		t := tableReader{in: bufio.NewReader(strings.NewReader(line)), sep: sep}
		if cells, _ := t.read(); slices.Contains(cells, name) {
			return sep, true
		}
	}
	return 0, false
}

// tableReader reads what a table writes, to the byte: encoding/csv would drop
// carriage returns inside cells.
type tableReader struct {
	in  *bufio.Reader
	sep byte
}

// maxCell bounds a cell, so that a quote without an end is not a whole file.
const maxCell = 1 << 20

// read gives the cells of the next line that is not empty, [io.EOF] after the
// last one. With another error come the cells before it.
func (t *tableReader) read() (cells []string, err error) {
	for {
		cell, end, err := t.cell()
		if err == io.EOF && (len(cells) > 0 || cell != "") {
			err, end = nil, true
		}
		if err != nil {
			return cells, err
		}
		if end && len(cells) == 0 && cell == "" {
			continue
		}
		cells = append(cells, Unneutralise(cell))
		if end {
			return cells, nil
		}
	}
}

// cell reads one cell and what ends it; end says that it was the line.
func (t *tableReader) cell() (cell string, end bool, err error) {
	var b []byte
	quoted := false // inside quotes
	for {
		c, err := t.in.ReadByte()
		if err == io.EOF && quoted {
			return string(b), true, errors.New("a quote has no end")
		}
		if err != nil {
			return string(b), true, err
		}
		switch {
		case c == '"' && !quoted:
			quoted = true
		case c == '"':
			if next, _ := t.in.Peek(1); len(next) == 1 && next[0] == '"' {
				t.in.Discard(1)
				b = append(b, '"')
			} else {
				quoted = false
			}
		case quoted:
			b = append(b, c)
		case c == t.sep:
			return string(b), false, nil
		case c == '\n':
			return string(b), true, nil
		case c == '\r':
			if next, _ := t.in.Peek(1); len(next) == 1 && next[0] == '\n' {
				t.in.Discard(1)
			}
			return string(b), true, nil
		default:
			b = append(b, c)
		}
		if len(b) > maxCell {
			return string(b), true, fmt.Errorf("a cell has over %d bytes: a quote may have no end", maxCell)
		}
	}
}
