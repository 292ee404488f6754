// Package table reads tables as people have them: CSV and TSV in the encodings
// that spreadsheets write, and sheets of .xlsx workbooks, as rows of texts, one
// at a time. What the rows mean is the business of others.
//
// It touches the reader that it is given, and for a workbook with much text one
// temporary file.
package table

import (
	"context"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// MaxRow is the size of the longest row, in bytes of its text: more is a quote
// that nobody closed.
const MaxRow = 8 << 20

// Row is one row of a table as it stands there.
type Row struct {
	// Line is the number of the row as spreadsheets count, from 1: empty rows
	// count, line breaks inside cells do not.
	Line int
	// Cells are the texts, valid until the next row. In a CSV table they are as
	// many as the row has; in a workbook as many as the first row, or more where
	// something stands to the right of it.
	//
	// Numbers, dates and booleans of workbooks are written as 42, 0.5,
	// 2026-12-01, 2026-12-01T14:30:00, 14:30:00, true: never as the sheet shows
	// them, but for numbers that it fills up with zeros (00042).
	Cells []string
	// Wrong are the cells whose text is not what was meant, by their index. They
	// matter only to who uses the cell. nil: none.
	Wrong map[int]manifest.Problem
}

// Options say how a table is read.
type Options struct {
	Name string // of the file: in positions, and its ending says the kind: .tsv, .xlsx, and CSV for all others
	// Sheet of a workbook by its name, or its number from 1; "" is the first that
	// is not hidden.
	Sheet string
	// Encoding of a CSV or TSV table, one of [manifest.Encodings]; "": found out.
	// Text that is not UTF-8 is UTF-16 or Windows-1252.
	Encoding string
	// Note gets what the reader had to choose or passed over, each once, of class
	// Warn. nil: nobody wants to know.
	Note func(manifest.Problem)
}

func (o Options) note(code string, pos manifest.Pos, what, fix string) {
	if o.Note != nil {
		o.Note(manifest.NewProblem(code, pos, what, fix))
	}
}

// IsWorkbook reports whether a file of this name is read as a workbook.
func IsWorkbook(name string) bool { return strings.EqualFold(path.Ext(name), ".xlsx") }

// Read reads the rows of the table in r, which has size bytes. Rows whose cells
// are all empty are passed over; the first one left is the header row. An error
// is [manifest.Problems], after which the rows follow that can be told, or one
// of reading or the context's, which ends the table.
func Read(ctx context.Context, r io.ReaderAt, size int64, o Options) iter.Seq2[Row, error] {
	if IsWorkbook(o.Name) {
		return readWorkbook(ctx, r, size, o)
	}
	return completed(withText(readText(ctx, r, size, o)))
}

// withText passes over empty rows.
func withText(rows iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for row, err := range rows {
			if (err != nil || !blank(row)) && !yield(row, err) {
				return
			}
		}
	}
}

func problem(code string, pos manifest.Pos, fix, what string, args ...any) error {
	return manifest.Problems{manifest.NewProblem(code, pos, fmt.Sprintf(what, args...), fix)}
}

func tooLong(pos manifest.Pos) error {
	return problem(manifest.CodeTableSyntax, pos, "look for a quote that is never closed", "a row is longer than %d MB", MaxRow>>20)
}

// ColumnName is the name of the column at index i as spreadsheets show it: A, B,
// ... Z, AA.
func ColumnName(i int) string {
	var b []byte
	for i++; i > 0; i = (i - 1) / 26 {
		b = append(b, byte('A'+(i-1)%26))
	}
	slices.Reverse(b)
	return string(b)
}
