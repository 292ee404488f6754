package expand

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// cellRow is one row of a table as it stands there.
type cellRow struct {
	line  int
	cells []string // valid until the next row
}

// errRowTooLong ends a row that goes on and on.
var errRowTooLong = errors.New("row too long")

// rowLimit counts what one row takes.
type rowLimit struct {
	r    io.Reader
	left int
}

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// readCells reads the rows of a CSV table, its header row first: UTF-8 with or
// without byte order mark, separated by comma, semicolon or tab as the header
// row shows, with quoted line breaks. Rows whose cells are all empty are passed
// over. An error is [manifest.Problems], after which the rows follow that can
// be told, or one of reading. file is the name in positions.
func readCells(ctx context.Context, r io.Reader, file string) iter.Seq2[cellRow, error] {
	return func(yield func(cellRow, error) bool) {
		limit := &rowLimit{r: manifest.NewTextReader(r, file), left: maxRow}
		buf := bufio.NewReaderSize(limit, 64<<10)
		first, err := buf.Peek(64 << 10)
		if err != nil && !errors.Is(err, io.EOF) && len(first) == 0 {
			yield(cellRow{}, readProblem(err, file))
			return
		}
		cr := csv.NewReader(buf)
		cr.Comma, cr.FieldsPerRecord, cr.ReuseRecord = separator(first), -1, true
		for header := true; ; header = false {
			if err := ctx.Err(); err != nil {
				yield(cellRow{}, err)
				return
			}
			limit.left = maxRow
			record, err := cr.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				if !yield(cellRow{}, readProblem(err, file)) || !oneRow(err) {
					return
				}
				continue
			}
			if !header && !slices.ContainsFunc(record, func(s string) bool { return s != "" }) {
				continue
			}
			line, _ := cr.FieldPos(0)
			if !yield(cellRow{line, record}, nil) {
				return
			}
		}
	}
}

// separator is what parts the cells of the header row: the most frequent of
// the three outside quotes.
func separator(text []byte) rune {
	counts := map[byte]int{}
	quoted, begun := false, false
	for _, c := range text {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' && begun {
			break
		}
		begun = begun || c != '\n' && c != '\r'
		if c == ',' || c == ';' || c == '\t' {
			counts[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return rune(best)
}

// readProblem says in the words of a problem why a table cannot be read on.
func readProblem(err error, file string) error {
	if errors.Is(err, errRowTooLong) {
		return manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, manifest.Pos{File: file},
			fmt.Sprintf("a row is longer than %d MB", maxRow>>20), "look for a quote that is never closed")}
	}
	if _, ok := errors.AsType[manifest.Problems](err); ok {
		return err
	}
	pe, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return fmt.Errorf("reading table %s: %w", file, err)
	}
	if errors.Is(pe.Err, errRowTooLong) {
		return readProblem(pe.Err, file)
	}
	what, fix := "the row is not valid CSV", "quote cells that hold quotes, and double the quotes inside"
	switch {
	case errors.Is(pe.Err, csv.ErrBareQuote):
		what = `a " stands in the middle of a cell that does not begin with one`
	case errors.Is(pe.Err, csv.ErrQuote):
		what, fix = `a quoted cell does not end as it should`, `close the quote, and double each " inside the cell`
	}
	return manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, manifest.Pos{File: file, Line: pe.StartLine}, what, fix)}
}

// oneRow reports whether err is of one row, with the next line to go on at.
func oneRow(err error) bool {
	return errors.Is(err, csv.ErrBareQuote) || errors.Is(err, csv.ErrQuote)
}
