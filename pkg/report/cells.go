package report

import (
	"bufio"
	"io"
)

// CSV writes a table in the form of those of the evidence: a byte order mark,
// lines that end in CR LF, cells as [Neutralise] makes them.
type CSV struct {
	w   *bufio.Writer
	sep byte
}

// NewCSV begins a table on w. sep is a comma, a semicolon or a tab; 0 is a comma.
func NewCSV(w io.Writer, sep rune) (*CSV, error) {
	if err := checkSeparator(sep); err != nil {
		return nil, err
	}
	c := &CSV{w: bufio.NewWriterSize(w, 1<<16), sep: ','}
	if sep != 0 {
		c.sep = byte(sep)
	}
	_, err := c.w.WriteString(byteOrderMark)
	return c, err
}

// Row writes a line.
func (c *CSV) Row(cells ...string) error { return writeCells(c.w, c.sep, cells) }

// Close writes what is left; w stays open.
func (c *CSV) Close() error { return c.w.Flush() }
