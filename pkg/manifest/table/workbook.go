package table

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

var (
	zipMagic = []byte("PK\x03\x04")
	oleMagic = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") // an .xls, or a workbook with a password
)

// What a workbook may take at most, in bytes: a small file can claim anything.
const (
	maxDirectory = 16 << 20 // the list of its parts
	maxPart      = 16 << 20 // a part that is read as a whole: its list of sheets, its formats
	maxStrings   = 2 << 30  // its shared texts
	maxSheet     = 16 << 30 // a sheet: a million rows of a few hundred cells
	maxElement   = 64 << 20 // a row, or a text, as XML
	maxRatio     = 400      // of a part's size to what it takes in the file; usual is 5 to 30
	smallPart    = 4 << 20  // parts of this size may be as repetitive as they like
)

// workbook is an open .xlsx file.
type workbook struct {
	Options
	size    int64                // of the file, in bytes
	parts   map[string]*zip.File // by lower-case name
	sheets  []sheetInfo
	formats []format // of cells, by their style
	epoch04 bool     // dates count from 1904
	strings stringTable
}

// sheetInfo is one sheet of cells.
type sheetInfo struct {
	name   string
	hidden bool
	part   string
}

// readWorkbook reads a sheet of an .xlsx file.
func readWorkbook(ctx context.Context, r io.ReaderAt, size int64, o Options) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		w, err := openWorkbook(r, size, o)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer w.strings.close()
		info, err := w.choose()
		if err == nil {
			err = w.readStrings(ctx)
		}
		if err == nil {
			err = w.readSheet(ctx, info, yield)
		}
		if err != nil {
			yield(Row{}, err)
		}
	}
}

// unreadable is a workbook that cannot be read, or not to its end.
func (o Options) unreadable(fix, what string, args ...any) error {
	return problem(manifest.CodeWorkbook, manifest.Pos{File: o.Name}, fix, what, args...)
}

// damaged is a part of the workbook that is not what it should be.
func (o Options) damaged(part string, err error) error {
	if _, ok := errors.AsType[manifest.Problems](err); ok {
		return err
	}
	return o.unreadable("open it in a spreadsheet program and save it again as .xlsx", "the workbook is damaged: %s: %v", part, err)
}

// openWorkbook reads what a workbook says about its sheets.
func openWorkbook(r io.ReaderAt, size int64, o Options) (*workbook, error) {
	head := make([]byte, 8)
	if n, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading table %s: %w", o.Name, err)
	} else if string(head[:n]) == string(oleMagic) {
		return nil, o.unreadable("save it as .xlsx without a password", "the workbook is protected by a password, or of the older kind .xls under another name")
	} else if n < 4 || string(head[:4]) != string(zipMagic) {
		return nil, o.unreadable("save it as .xlsx; a text with separators is named .csv", "the file is no .xlsx workbook")
	}
	limited := &limitedReaderAt{r, maxDirectory}
	z, err := zip.NewReader(limited, size)
	if errors.Is(err, errTooMuch) {
		return nil, o.unreadable("save the one sheet as .xlsx or as CSV UTF-8", "the workbook has too many parts")
	}
	if err != nil {
		return nil, o.damaged("its list of parts", err)
	}
	limited.left = math.MaxInt64 // each part has a limit of its own
	w := &workbook{Options: o, size: size, parts: map[string]*zip.File{}}
	for _, f := range z.File {
		name := strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/"))
		if _, ok := w.parts[name]; !ok {
			w.parts[name] = f
		}
	}
	main := "xl/workbook.xml"
	if rels, err := w.relations(""); err != nil {
		return nil, err
	} else if i := slices.IndexFunc(rels, func(r relation) bool { return r.is("officeDocument") }); i >= 0 {
		main = rels[i].part
	}
	if err := w.readMain(main); err != nil {
		return nil, err
	}
	return w, nil
}

// limitedReaderAt gives so many bytes and no more.
type limitedReaderAt struct {
	r    io.ReaderAt
	left int64
}

var errTooMuch = errors.New("it is too large")

func (l *limitedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errTooMuch
	}
	return l.r.ReadAt(p, off)
}

// relation is a part that another one refers to.
type relation struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
	part   string
}

// is compares the last word of the type: the rest differs between editions of
// the format.
func (r relation) is(kind string) bool { return strings.HasSuffix(r.Type, "/"+kind) }

// relations are those of a part; "" is the file itself. A part without any has
// none.
func (w *workbook) relations(of string) ([]relation, error) {
	dir, base := path.Split(of)
	name := path.Join(dir, "_rels", base+".rels")
	var doc struct {
		Relations []relation `xml:"Relationship"`
	}
	if err := w.decode(name, &doc); err != nil && !errors.Is(err, errNoPart) {
		return nil, err
	}
	for i, r := range doc.Relations {
		if strings.HasPrefix(r.Target, "/") {
			doc.Relations[i].part = path.Clean(r.Target[1:])
		} else {
			doc.Relations[i].part = path.Join(dir, r.Target)
		}
	}
	return doc.Relations, nil
}

// readMain reads the list of sheets and what belongs to all of them.
func (w *workbook) readMain(main string) error {
	var doc struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name  string     `xml:"name,attr"`
			State string     `xml:"state,attr"`
			Attrs []xml.Attr `xml:",any,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := w.decode(main, &doc); err != nil {
		return w.missing(err)
	}
	w.epoch04 = isTrue(doc.Properties.Date1904)
	rels, err := w.relations(main)
	if err != nil {
		return err
	}
	styles := ""
	for _, r := range rels {
		switch {
		case r.is("styles"):
			styles = r.part
		case r.is("sharedStrings"):
			w.parts[sharedStrings] = w.parts[strings.ToLower(r.part)]
		}
	}
	for _, s := range doc.Sheets {
		id := ""
		for _, a := range s.Attrs {
			if a.Name.Local == "id" && a.Name.Space != "" {
				id = a.Value
			}
		}
		// Charts and dialogs stand in the list too; they have no cells.
		if i := slices.IndexFunc(rels, func(r relation) bool { return r.ID == id && r.is("worksheet") }); i >= 0 {
			w.sheets = append(w.sheets, sheetInfo{s.Name, s.State == "hidden" || s.State == "veryHidden", rels[i].part})
		}
	}
	if len(w.sheets) == 0 {
		return w.unreadable("name another workbook", "the workbook has no sheet of cells")
	}
	if styles == "" {
		return nil
	}
	if err := w.readStyles(styles); err != nil && !errors.Is(err, errNoPart) {
		return err
	}
	return nil
}

// sharedStrings is the name under which the part of the shared texts is kept;
// no part has it.
const sharedStrings = "/shared strings"

func (w *workbook) missing(err error) error {
	if errors.Is(err, errNoPart) {
		return w.unreadable("save it as .xlsx in a spreadsheet program", "the file is no .xlsx workbook: %v", err)
	}
	return err
}

// choose is the sheet to read.
func (w *workbook) choose() (sheetInfo, error) {
	if w.Sheet == "" {
		i := max(0, slices.IndexFunc(w.sheets, func(s sheetInfo) bool { return !s.hidden }))
		w.noteOthers(i)
		return w.sheets[i], nil
	}
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		for _, s := range w.sheets {
			if same(strings.TrimSpace(s.name), strings.TrimSpace(w.Sheet)) {
				return s, nil
			}
		}
	}
	if n, err := strconv.Atoi(w.Sheet); err == nil && n >= 1 && n <= len(w.sheets) {
		return w.sheets[n-1], nil
	}
	var names []string
	for _, s := range w.sheets {
		names = append(names, s.name)
	}
	fix := "the workbook has " + quoted(names)
	if s := manifest.Suggest(w.Sheet, names); s != "" {
		fix = fmt.Sprintf("did you mean %q?", s)
	}
	return sheetInfo{}, problem(manifest.CodeSheet, manifest.Pos{File: w.Name}, fix, "the workbook has no sheet %q", w.Sheet)
}

// noteOthers says which sheet was taken where there are others.
func (w *workbook) noteOthers(taken int) {
	var shown, hidden []string
	for i, s := range w.sheets {
		switch {
		case i == taken:
		case s.hidden:
			hidden = append(hidden, s.name)
		default:
			shown = append(shown, s.name)
		}
	}
	var rest []string
	if len(shown) > 0 {
		rest = append(rest, quoted(shown))
	}
	if len(hidden) > 0 {
		rest = append(rest, "the hidden "+quoted(hidden))
	}
	if len(rest) > 0 {
		w.note(manifest.CodeSheetsLeft, manifest.Pos{File: w.Name}, fmt.Sprintf("sheet %q is read, and not %s", w.sheets[taken].name, strings.Join(rest, " and ")),
			"name the sheet with sheet: in the include")
	}
}

// quoted lists a few names.
func quoted(names []string) string {
	const shown = 6
	var b strings.Builder
	for i, n := range names[:min(len(names), shown)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(n))
	}
	if more := len(names) - shown; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

var errNoPart = errors.New("a part is missing")

// part opens a part of at most limit bytes.
func (w *workbook) part(name string, limit int64) (io.ReadCloser, error) {
	f := w.parts[strings.ToLower(name)]
	if f == nil {
		return nil, fmt.Errorf("%w: %s", errNoPart, strings.TrimPrefix(name, "/"))
	}
	packed := min(f.CompressedSize64, uint64(w.size)) // as it says
	if size := f.UncompressedSize64; size > uint64(limit) || size > smallPart && size/maxRatio > packed {
		return nil, w.unreadable("save the sheet alone as .xlsx or as CSV UTF-8", "the workbook unpacks to more than it should: %s has %d bytes", f.Name, size)
	}
	r, err := f.Open()
	if err != nil {
		return nil, w.damaged(f.Name, err)
	}
	// It may have more than it says.
	return &partReader{limitedReader{r, int64(f.UncompressedSize64) + 1}, r}, nil
}

type partReader struct {
	limitedReader
	io.Closer
}

// decode reads a whole part into v. The error wraps errNoPart where there is
// none.
func (w *workbook) decode(name string, v any) error {
	r, err := w.part(name, maxPart)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := xml.NewDecoder(r).Decode(v); err != nil {
		return w.damaged(name, err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // its checksum
		return w.damaged(name, err)
	}
	return nil
}

// limitedReader gives so many bytes until left is set again, and then an error.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

func isTrue(s string) bool { return s == "1" || s == "true" || s == "on" }
