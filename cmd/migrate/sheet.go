package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/showpad-migrate/migrate/pkg/report"
)

// sheet writes a table as a workbook with one sheet: every cell a text, the
// header row fixed, so that Excel changes nothing and people can scroll. Rows wait
// in a temporary file.
type sheet struct {
	w    io.Writer
	book *excelize.File
	rows *excelize.StreamWriter
	n    int
}

// maxSheetRows is what a sheet holds. Source: Excel specifications and limits.
const maxSheetRows = 1_048_576

func newSheet(w io.Writer) (*sheet, error) {
	s := &sheet{w: w, book: excelize.NewFile()}
	var err error
	if s.rows, err = s.book.NewStreamWriter(s.book.GetSheetName(0)); err == nil {
		err = s.rows.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
	}
	if err == nil {
		err = s.rows.SetColWidth(1, 12, 24)
	}
	return s, err
}

// Row writes a line.
func (s *sheet) Row(cells ...string) error {
	if s.n++; s.n > maxSheetRows {
		return usagef("a sheet of Excel holds %d rows; leave out --xlsx", maxSheetRows)
	}
	row := make([]any, len(cells))
	for i, c := range cells {
		if strings.HasPrefix(c, "'") {
			c = report.Neutralise(c) // else it would be taken for one that is
		}
		if c != "" {
			row[i] = c
		}
	}
	return s.rows.SetRow(fmt.Sprintf("A%d", s.n), row)
}

// Close writes the workbook; w stays open.
func (s *sheet) Close() error {
	err := s.rows.Flush()
	if err == nil {
		err = s.book.Write(s.w)
	}
	if closeErr := s.book.Close(); err == nil {
		err = closeErr
	}
	return err
}
