package table

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestTexts(t *testing.T) {
	const guessed = "note t.csv: M090: the table is not UTF-8 and read as Windows-1252 (if accented letters come out wrong, write encoding: in the include, or save it as CSV UTF-8)"
	for _, tt := range []struct {
		name, text string
		o          Options
		want       []string
	}{
		{"nothing", "", Options{}, nil},
		{"line ends", "a,b\r\nc,d\ne,f\rg,h", Options{}, []string{"1: a|b", "2: c|d", "3: e|f", "4: g|h"}},
		{"rows as spreadsheets count them", "\n;\na;b\n\n\"c\nc\r\nc\";d\n;\ne;\"\"\"f\"\"\"\n\n", Options{}, []string{"3: a|b", "5: c\nc\r\nc|d", "7: e|\"f\""}},
		{"no end of the last cell", "a,b\nc,", Options{}, []string{"1: a|b", "2: c|"}},
		{"quotes at the end", "a,\"b\"", Options{}, []string{"1: a|b"}},
		{"empty quotes", "a\n\"\"\n\"\",x\n", Options{}, []string{"1: a", "3: |x"}},
		{"separator told", "sep=;\r\na,b;c\r\n", Options{}, []string{"1: a,b|c"}},
		{"separator told, one character", "sep=|\na|b\n", Options{}, []string{"1: a|b"}},
		{"a header that begins so", "sep=x;b\n", Options{}, []string{"1: sep=x|b"}},
		{"tabs of a .tsv", "a,b,c\td,e\n", Options{Name: "t.tsv"}, []string{"1: a,b,c|d,e"}},
		{"commas of a .tsv", "a,b,c\n", Options{Name: "t.TSV"}, []string{"1: a|b|c"}},
		{"one column", "a\nb,c\n", Options{}, []string{"1: a", "2: b|c"}},
		{"bad quotes", "a,b\nc\"c,d\ne,\"f\"f,\"g\nh\r\ni,\"j\nk,l", Options{}, []string{"1: a|b",
			`t.csv:2:1: M072: a " stands in the middle of a cell that does not begin with one (quote cells that hold quotes, and double the quotes inside)`,
			`t.csv:3:2: M072: a quoted cell does not end as it should (close the quote, and double each " inside the cell)`,
			"4: h",
			`t.csv:5:2: M072: a quoted cell does not end as it should (close the quote, and double each " inside the cell)`}},
		{"UTF-8", "a,\u00e9\u20ac\U0001f600\n", Options{}, []string{"1: a|\u00e9\u20ac\U0001f600"}},
		{"byte order mark", "\xef\xbb\xbf\"a\",b\n", Options{}, []string{"1: a|b"}},
		{"byte order mark alone", "\xef\xbb\xbf", Options{}, nil},
		{"byte order mark, and encoding", "\xef\xbb\xbfa\n", Options{Encoding: "utf-8"}, []string{"1: a"}},
		{"damaged letters", "\xef\xbb\xbfa,b\nc,\u00e9\nd,x\xe9\xe8y\n\xc3,e\n", Options{}, []string{"1: a|b", "2: c|\u00e9", "3: d|x\ufffdy",
			"t.csv:3:2: M002: the table is UTF-8, and byte E9 in this cell is not (correct the cell; or write encoding: in the include if all of the table has another one)",
			"4: \ufffd|e",
			"t.csv:4:1: M002: the table is UTF-8, and byte C3 in this cell is not (correct the cell; or write encoding: in the include if all of the table has another one)"}},
		{"Windows-1252", "a;b\nc;Gr\xf6\xdfe \x80 5\n", Options{}, []string{"1: a|b", "2: c|Gr\u00f6\u00dfe \u20ac 5", guessed}},
		// Two letters of Windows-1252 may look like one of UTF-8: an accented capital before a guillemet.
		{"Windows-1252 with a pair", strings.Repeat("\xe9,\xe8\n", 5) + "\xc9\xbb,x\n", Options{}, append(slicesRepeat("\u00e9|\u00e8", 5), "6: \u00c9\u00bb|x", guessed)},
		{"named", "a;\xe9\n", Options{Encoding: "iso-8859-1"}, []string{"1: a|\u00e9"}},
		{"named otherwise than it is", "a;\xe9\n", Options{Encoding: "utf-8"}, []string{"1: a|\ufffd", "t.csv:1:2: M002: the table is UTF-8, and byte E9 in this cell is not (correct the cell; or write encoding: in the include if all of the table has another one)"}},
		{"workbook", "PK\x03\x04rest", Options{}, []string{"t.csv: M072: the table is a workbook under the name of a .csv file (save it as .xlsx, and name that file)"}},
		{"old workbook", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Options{}, []string{"t.csv: M072: the table is a workbook under the name of a .csv file (save it as .xlsx, and name that file)"}},
		{"endless row", "a\n\"" + strings.Repeat("x\n", MaxRow/2+9), Options{}, []string{"1: a", "t.csv:2: M072: a row is longer than 8 MB (look for a quote that is never closed)"}},
		{"endless empty row", "a\n" + strings.Repeat(",", MaxRow+9), Options{}, []string{"1: a", "t.csv:2: M072: a row is longer than 8 MB (look for a quote that is never closed)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.o.Name == "" {
				tt.o.Name = "t.csv"
			}
			if d := cmp.Diff(tt.want, read(t, []byte(tt.text), tt.o)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Excel leaves out separators where the last cells of 16 rows are empty.
func TestRowsThatExcelCutShort(t *testing.T) {
	rows := func(n int, row string) string { return strings.Repeat(row+"\r\n", n) }
	for _, tt := range []struct {
		name, text string
		short      int // rows that stay so
	}{
		{"a block", "a;b;c\r\n" + rows(15, "1;2;3") + rows(16, "1;2") + rows(16, "1;2;3"), 0},
		{"the last rows", "a;b;c\r\n" + rows(15, "1;2;3") + rows(16, "1;2") + rows(3, "1"), 0},
		{"with empty rows", "a;b;c\r\n" + rows(15, "1;2;3") + rows(4, "1;2") + rows(5, ";") + rows(1, "") + rows(6, "1;2"), 0},
		{"the first block", "a;b;c\r\n" + rows(15, "1;2"), 15},
		{"one row", "a;b;c\r\n" + rows(17, "1;2;3") + rows(1, "1;2") + rows(14, "1;2;3"), 1},
		{"the first of a block", "a;b;c\r\n" + rows(15, "1;2;3") + rows(1, "1;2") + rows(15, "1;2;3"), 1},
		{"the last row of the file", "a;b;c\r\n" + rows(15, "1;2;3") + "1;2", 1},
		{"of two lengths", "a;b;c\r\n" + rows(15, "1;2;3") + rows(8, "1;2") + rows(8, "1"), 16},
		{"more than the first row", "a;b\r\n" + rows(15, "1;2") + rows(16, "1;2;3"), 0},
	} {
		short := 0
		for row, err := range Read(t.Context(), strings.NewReader(tt.text), int64(len(tt.text)), Options{Name: "t.csv"}) {
			if err != nil {
				t.Fatal(err)
			}
			if len(row.Cells) < strings.Count(tt.text[:strings.IndexByte(tt.text, '\r')], ";")+1 {
				short++
			}
		}
		if short != tt.short {
			t.Errorf("%s: %d rows are short, want %d", tt.name, short, tt.short)
		}
	}
	// What is wrong with a row comes in its place.
	text := "a;b;c\n" + strings.Repeat("1;2;3\n", 15) + "1;2\n1;\"2\"x\n1;2\n"
	want := []string{"17: 1|2", `t.csv:18:2: M072: a quoted cell does not end as it should (close the quote, and double each " inside the cell)`, "19: 1|2"}
	if d := cmp.Diff(want, read(t, []byte(text), Options{Name: "t.csv"})[16:]); d != "" {
		t.Error(d)
	}
}

func slicesRepeat(row string, n int) (rows []string) {
	for i := range n {
		rows = append(rows, string(rune('1'+i))+": "+row)
	}
	return rows
}

func TestEncodingsAreFoundOut(t *testing.T) {
	const text = "Name;Wert\r\nGr\u00f6\u00dfe;1\r\n\u00c4rger;x\r\n"
	want := []string{"1: Name|Wert", "2: Gr\u00f6\u00dfe|1", "3: \u00c4rger|x"}
	le, be := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	for _, tt := range []struct {
		name, mark string
		enc        encoding.Encoding
		named      string
		noted      bool
	}{
		{"utf-16 with a mark", "\xff\xfe", le, "", false}, {"utf-16 with the other mark", "\xfe\xff", be, "", false},
		{"utf-16 without", "", le, "", true}, {"big utf-16 without", "", be, "", true},
		{"utf-16 named", "", le, "utf-16", false}, {"big utf-16 named", "", be, "utf-16", false}, {"named and marked", "\xff\xfe", le, "utf-16le", false},
		{"named and marked big", "\xfe\xff", be, "utf-16be", false}, {"Macintosh", "", charmap.Macintosh, "macintosh", false}, {"1250", "", charmap.Windows1250, "windows-1250", false},
	} {
		data, err := tt.enc.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, []byte(tt.mark+data), Options{Name: "t.csv", Encoding: tt.named})
		w := want
		if tt.noted {
			w = append(w[:3:3], "note t.csv: M090: the table is not UTF-8 and read as UTF-16 (if accented letters come out wrong, write encoding: in the include, or save it as CSV UTF-8)")
		}
		if d := cmp.Diff(w, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
	for _, name := range manifest.Encodings {
		if _, ok := encodings[name]; !ok && name != "utf-8" && name != "utf-16" {
			t.Errorf("%s may be named and is not read", name)
		}
	}
	// Half a letter.
	got := read(t, []byte("\xff\xfea\x00\x00\xd8;\x00b\x00\n\x00"), Options{Name: "t.csv"})
	if d := cmp.Diff([]string{"1: a\ufffd|b", "t.csv:1:1: M002: a character cannot be read in this encoding (correct the cell, or encoding: in the include)"}, got); d != "" {
		t.Error(d)
	}
}

// The first accented letter of a table may come after thousands of rows.
func TestEncodingIsTheSameForTheWholeTable(t *testing.T) {
	rows := strings.Repeat("plain;text\n", 100_000)
	for end, want := range map[string]string{"Gr\xf6\xdfe;x\n": "100001: Gr\u00f6\u00dfe|x", "Gr\u00f6\u00dfe;x\n": "100001: Gr\u00f6\u00dfe|x"} {
		last := ""
		data := rows + end
		for row, err := range Read(t.Context(), strings.NewReader(data), int64(len(data)), Options{Name: "t.csv"}) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Line > 100_000 {
				last = "100001: " + strings.Join(row.Cells, "|")
			}
		}
		if last != want {
			t.Errorf("%q, want %q", last, want)
		}
	}
	// A letter that lies across two reads of the file.
	for shift := range 3 {
		data := strings.Repeat("x", 64<<10-shift) + "\u20ac\u20ac\n"
		got := read(t, []byte(data), Options{Name: "t.csv"})
		if len(got) != 1 || !strings.HasSuffix(got[0], "x\u20ac\u20ac") {
			t.Errorf("shift %d: %d rows, %.50q", shift, len(got), got[len(got)-1])
		}
	}
}

func TestSeparators(t *testing.T) {
	for text, want := range map[string]byte{
		"a,b\n": ',', "a;b\n": ';', "a\tb\n": '\t', "a\n;;;": ',', "": ',', "\"a;b;c\",d\n": ',', "a;\"b,c,d\ne,f\"\n": ';', "a;b,c;d": ';', "\n\na;b\r\nc,d,e": ';', "a\rb;c": ',',
	} {
		if got := separator([]byte(text), false); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestReadingEndsWithTheContext(t *testing.T) {
	files := map[string][]byte{"t.csv": []byte("a\nb\nc\n"), "t.xlsx": book(t, rowOf(1, "a")+rowOf(2, "b")+rowOf(3, "c"), nil)}
	for name, data := range files {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rows := 0
		var last error
		for _, err := range Read(ctx, strings.NewReader(string(data)), int64(len(data)), Options{Name: name}) {
			if err == nil {
				rows++
			}
			last = err
			cancel()
		}
		if rows != 1 || !errors.Is(last, context.Canceled) {
			t.Errorf("%s: %d rows, then %v", name, rows, last)
		}
		for range Read(t.Context(), strings.NewReader(string(data)), int64(len(data)), Options{Name: name}) {
			break // must not panic
		}
	}
}

func TestColumnNames(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 701: "ZZ", 702: "AAA", 16383: "XFD"} {
		got := ColumnName(i)
		if c, line, ok := cellRef(got + "9"); got != want || c != i || line != 9 || !ok {
			t.Errorf("%d: %s, want %s, and back %d", i, got, want, c)
		}
	}
}
