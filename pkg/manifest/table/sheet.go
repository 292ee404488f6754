package table

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// The largest sheet. Source: Excel specifications and limits.
const (
	maxLine    = 1 << 20
	maxColumns = 1 << 14
)

// sheetReader reads the rows of one sheet.
type sheetReader struct {
	*workbook
	ctx   context.Context // of one call
	limit *limitedReader
	dec   *xml.Decoder
	what  string // the sheet, for messages

	line   int // of the row that was read last
	width  int // cells of the first row that has any
	header int // its line; 0: not read yet
	cells  []string
	wrong  map[int]manifest.Problem
	size   int // of the texts in cells

	hidden, firstHidden int // rows
	merged              int
	firstMerged         string
	mergedAt            manifest.Pos
}

// errStopped says that the reader of the rows wants no more.
var errStopped = errors.New("stopped")

// readSheet reads a sheet to its end.
func (w *workbook) readSheet(ctx context.Context, info sheetInfo, yield func(Row, error) bool) error {
	part, err := w.part(info.part, maxSheet)
	if err != nil {
		return w.missing(err)
	}
	defer part.Close()
	s := &sheetReader{workbook: w, ctx: ctx, limit: &limitedReader{&ctxReader{ctx, part}, maxElement}, what: fmt.Sprintf("sheet %q", info.name)}
	s.dec = xml.NewDecoder(s.limit)
	err = s.read(yield)
	switch {
	case err == nil:
		s.conclude()
		return nil
	case errors.Is(err, errStopped):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// token is the next token; the end of the part is an error, as the sheet closes
// all that it opens.
func (s *sheetReader) token() (xml.Token, error) {
	tok, err := s.dec.RawToken()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return tok, s.broken(err)
}

// broken is an error of the sheet's XML, after the row that was read last.
func (s *sheetReader) broken(err error) error {
	if err == nil || s.ctx.Err() != nil {
		return err
	}
	where := s.what
	if s.line > 0 {
		where = fmt.Sprintf("%s after row %d", s.what, s.line)
	}
	return s.damaged(where, err)
}

func (s *sheetReader) read(yield func(Row, error) bool) error {
	inData, closed := false, false
	for {
		s.limit.left = maxElement
		tok, err := s.dec.RawToken()
		if errors.Is(err, io.EOF) && closed {
			return nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return s.broken(err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			switch {
			case t.Name.Local == "sheetData":
				inData = true
			case t.Name.Local == "row" && inData:
				if err := s.row(t, yield); err != nil {
					return err
				}
			case t.Name.Local == "mergeCell":
				s.merge(attr(t, "ref"))
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "sheetData":
				inData = false
			case "worksheet":
				closed = true
			}
		}
	}
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// row reads a row whose start was read, and hands it on.
func (s *sheetReader) row(start xml.StartElement, yield func(Row, error) bool) error {
	line := s.line + 1
	if r := attr(start, "r"); r != "" {
		n, err := strconv.Atoi(r)
		if err != nil || n < line || n > maxLine {
			return s.broken(fmt.Errorf("row %q is out of order", clip(r)))
		}
		line = n
	}
	s.line = line
	s.cells, s.wrong, s.size = s.cells[:0], nil, 0
	for {
		tok, err := s.token()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "c":
				if err := s.cell(t); err != nil {
					return err
				}
			case "row":
				return s.broken(errors.New("a row stands in a row"))
			}
		case xml.EndElement:
			if t.Name.Local == "row" {
				return s.yield(isTrue(attr(start, "hidden")), yield)
			}
		}
	}
}

// yield hands on the row that was read, if there is anything in it.
func (s *sheetReader) yield(hidden bool, yield func(Row, error) bool) error {
	n := len(s.cells)
	for n > 0 && s.cells[n-1] == "" {
		if _, ok := s.wrong[n-1]; ok {
			break
		}
		n--
	}
	if n == 0 {
		return nil
	}
	s.cells = s.cells[:n]
	switch {
	case s.header == 0:
		s.header, s.width = s.line, n
	case hidden:
		if s.hidden++; s.hidden == 1 {
			s.firstHidden = s.line
		}
	}
	for len(s.cells) < s.width {
		s.cells = append(s.cells, "")
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if !yield(Row{Line: s.line, Cells: s.cells, Wrong: s.wrong}, nil) {
		return errStopped
	}
	return nil
}

// cell reads a cell whose start was read.
func (s *sheetReader) cell(start xml.StartElement) error {
	col := len(s.cells)
	if ref := attr(start, "r"); ref != "" {
		c, _, ok := cellRef(ref)
		if !ok || c < col || c >= maxColumns {
			return s.broken(fmt.Errorf("cell %q is out of order", clip(ref)))
		}
		col = c
	}
	var value []byte // of <v>
	var inline string
	hasValue, inValue, formula := false, false, false
	for {
		tok, err := s.token()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "v":
				hasValue, inValue = true, true
			case "f":
				formula = true
			case "is":
				if inline, err = s.richText(s.dec, "is"); err != nil {
					return err
				}
				hasValue = true
			case "c":
				return s.broken(errors.New("a cell stands in a cell"))
			}
		case xml.CharData:
			if inValue {
				value = append(value, t...)
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "v":
				inValue = false
			case "c":
				for len(s.cells) < col {
					s.cells = append(s.cells, "")
				}
				text, err := s.text(start, string(value), inline, hasValue, formula)
				if err != nil {
					return err
				}
				s.cells = append(s.cells, text)
				if s.size += len(text); s.size > MaxRow {
					return tooLong(manifest.Pos{File: s.Name, Line: s.line})
				}
				return nil
			}
		}
	}
}

// text is the text of the cell that comes next in s.cells. What it cannot say is
// put into s.wrong.
func (s *sheetReader) text(start xml.StartElement, value, inline string, hasValue, formula bool) (string, error) {
	kind := attr(start, "t")
	if !hasValue {
		if formula {
			s.bad("the formula in the cell has no value", "open the workbook in a spreadsheet program, which calculates it, and save it")
		}
		return "", nil
	}
	switch kind {
	case "s":
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			n = -1
		}
		text, ok, err := s.strings.get(n)
		if err != nil {
			return "", err
		}
		if !ok {
			return "", s.broken(fmt.Errorf("the workbook has no text number %q", clip(value)))
		}
		return text, nil
	case "inlineStr":
		return inline, nil
	case "str":
		return unescape(value), nil
	case "b":
		if isTrue(strings.TrimSpace(value)) {
			return "true", nil
		}
		return "false", nil
	case "e":
		s.bad(fmt.Sprintf("the cell shows the error %s", clip(value)), "correct its formula, or write the value")
		return value, nil
	case "d":
		day, clock, _ := strings.Cut(strings.TrimSpace(value), "T")
		if strings.Trim(clock, "0:.Z") == "" {
			return day, nil
		}
		return strings.TrimSpace(value), nil
	}
	if strings.TrimSpace(value) == "" {
		return "", nil
	}
	var f format
	if n, err := strconv.Atoi(attr(start, "s")); err == nil && n >= 0 && n < len(s.formats) {
		f = s.formats[n]
	}
	text, ok := s.number(value, f)
	if !ok {
		what := "number"
		if f.date {
			what = "date"
		}
		s.bad(fmt.Sprintf("the cell is shown as a %s and holds %q", what, clip(value)), "correct it")
		return value, nil
	}
	return text, nil
}

// bad notes what is wrong with the cell that comes next in s.cells.
func (s *sheetReader) bad(what, fix string) {
	if s.wrong == nil {
		s.wrong = map[int]manifest.Problem{}
	}
	i := len(s.cells)
	s.wrong[i] = manifest.NewProblem(manifest.CodeCell, manifest.Pos{File: s.Name, Line: s.line, Column: i + 1}, what, fix)
}

// cellRef takes B7 apart: the index of its column, and its row.
func cellRef(ref string) (column, line int, ok bool) {
	i := 0
	for ; i < len(ref) && i < 4; i++ {
		c := ref[i] &^ 0x20
		if c < 'A' || c > 'Z' {
			break
		}
		column = column*26 + int(c-'A') + 1
	}
	line, err := strconv.Atoi(ref[i:])
	return column - 1, line, i > 0 && err == nil && line > 0
}

// merge counts cells that are merged over several rows below the first one.
func (s *sheetReader) merge(ref string) {
	from, to, _ := strings.Cut(ref, ":")
	col, first, ok := cellRef(from)
	_, last, ok2 := cellRef(to)
	if !ok || !ok2 || last <= first || s.header == 0 || last <= s.header || col >= s.width {
		return
	}
	if s.merged++; s.merged == 1 {
		s.firstMerged, s.mergedAt = ref, manifest.Pos{File: s.Name, Line: first, Column: col + 1}
	}
}

// conclude tells what the whole sheet shows.
func (s *sheetReader) conclude() {
	if s.hidden > 0 {
		what := "the row is hidden and is read"
		if s.hidden > 1 {
			what = fmt.Sprintf("%d rows are hidden and are read, this is the first", s.hidden)
		}
		s.note(manifest.CodeHiddenRows, manifest.Pos{File: s.Name, Line: s.firstHidden}, what, "delete them if they are not meant; a filter only hides rows")
	}
	if s.merged > 0 {
		what := fmt.Sprintf("the cells %s are merged: only the first of these rows has the value", s.firstMerged)
		if s.merged > 1 {
			what = fmt.Sprintf("in %d places cells of several rows are merged, such as %s: only the first row of each has the value", s.merged, s.firstMerged)
		}
		s.note(manifest.CodeMergedCells, s.mergedAt, what, "unmerge them, and write the value into each row")
	}
}

func clip(s string) string {
	const longest = 40
	r := []rune(s)
	if len(r) <= longest {
		return s
	}
	return string(slices.Concat(r[:longest], []rune("...")))
}
