package expand

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

const germanInclude = "  columns: {externalId: Nr, file: '{Ordner}/{Datei}', name: Titel, tags: Schlagw\u00f6rter, expiresAt: {column: G\u00fcltig ab, add: 24 months}, permissions.isShareable: Teilbar}\n  keep: [Bemerkung]\n"

var germanHeader = []any{"Nr", "Ordner", "Datei", "Titel", "Schlagw\u00f6rter", "G\u00fcltig ab", "Teilbar", "Bemerkung"}

// germanRow is a row of a list as an office keeps it. Every thousandth has two
// mistakes.
func germanRow(i int) []any {
	day, yes := any(46357+i%365), any([]any{"ja", "nein", "", "x"}[i%4])
	if i%1000 == 0 {
		day, yes = "31.2.2027", "vielleicht"
	}
	return []any{100_000 + i, fmt.Sprintf("Pr\u00e4sentationen/%d", i%100), fmt.Sprintf("Gr\u00f6\u00dfe %d.pptx", i), fmt.Sprintf("Titel \u201e%d\u201c; neu", i), "Vertrieb; S\u00fcd", day, yes, "a\nb \u20ac"}
}

// germanCSV writes the rows as a German Excel does.
func germanCSV(tb testing.TB, w io.Writer, n int) {
	tb.Helper()
	out := bufio.NewWriter(w)
	for i := range n + 1 {
		row := germanHeader
		if i > 0 {
			row = germanRow(i)
			if serial, ok := row[5].(int); ok {
				row[5] = now.AddDate(0, 0, serial-46357+30).Format("02.01.2006") // 46357 is 2026-12-01
			}
		}
		for j, c := range row {
			if j > 0 {
				out.WriteByte(';')
			}
			if s := fmt.Sprint(c); strings.ContainsAny(s, ";\n\"") {
				out.WriteString(`"` + strings.ReplaceAll(s, `"`, `""`) + `"`)
			} else {
				out.WriteString(s)
			}
		}
		out.WriteString("\r\n")
	}
	if err := out.Flush(); err != nil {
		tb.Fatal(err)
	}
}

// germanXLSX writes the rows as a workbook, by another writer.
func germanXLSX(tb testing.TB, w io.Writer, n int) {
	tb.Helper()
	f := excelize.NewFile()
	date, err := f.NewStyle(&excelize.Style{CustomNumFmt: new("dd/mm/yyyy;@")})
	if err != nil {
		tb.Fatal(err)
	}
	sw, err := f.NewStreamWriter("Sheet1")
	for i := 0; i <= n && err == nil; i++ {
		row := germanHeader
		if i > 0 {
			row = germanRow(i)
			if serial, ok := row[5].(int); ok {
				row[5] = excelize.Cell{StyleID: date, Value: serial}
			}
		}
		err = sw.SetRow(fmt.Sprintf("A%d", i+1), row)
	}
	if err == nil {
		err = sw.Flush()
	}
	if err == nil {
		err = f.Write(w)
	}
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// spreadsheet is a manifest with a table of n rows of a kind.
func spreadsheet(tb testing.TB, kind string, n int) *Set {
	tb.Helper()
	dir := tb.TempDir()
	name := "liste.csv"
	if kind == "xlsx" {
		name = "liste.xlsx"
	}
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(header+"include:\n- table: "+name+"\n"+germanInclude), 0o600); err != nil {
		tb.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		tb.Fatal(err)
	}
	switch kind {
	case "utf-8":
		io.WriteString(f, "\ufeff")
		germanCSV(tb, f, n)
	case "windows-1252":
		germanCSV(tb, charmap.Windows1252.NewEncoder().Writer(f), n)
	case "utf-16":
		germanCSV(tb, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewEncoder().Writer(f), n)
	case "xlsx":
		germanXLSX(tb, f, n)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return open(tb, dir)
}

// A list of 100,000 rows, as an office saves it: every row an item, the same in
// each form, and every mistake with its row and column, in the memory that a
// short one takes.
func TestSpreadsheetsOfAnOffice(t *testing.T) {
	const n = officeRows
	var want []string // of the first form
	for _, kind := range []string{"windows-1252", "xlsx", "utf-8", "utf-16"} {
		rows := n
		if strings.HasPrefix(kind, "utf") {
			rows = 5_000 // nothing that the others do not show
		}
		s := spreadsheet(t, kind, rows)
		file := filepath.Base(s.Manifest.Includes[0].Table)
		got, c := check(t, s)
		var mistakes []string
		for i := 1000; i <= rows; i += 1000 {
			date, flag := `"G\u00fcltig ab"`, `"Teilbar"`
			if kind == "xlsx" {
				date, flag = "F ("+`"G\u00fcltig ab"`+")", "G ("+`"Teilbar"`+")"
			}
			mistakes = append(mistakes,
				fmt.Sprintf("%s:%d:6: M040: expiresAt: there is no day 2027-02-31, in column %s (correct the month or day)", file, i+1, strings.ReplaceAll(date, `\u00fc`, "\u00fc")),
				fmt.Sprintf(`%s:%d:7: M007: permissions.isShareable is "vielleicht", in column %s (write true or false (or yes, no, 1, 0))`, file, i+1, flag))
		}
		if kind == "windows-1252" {
			mistakes = append(mistakes, "warning liste.csv: M090: the table is not UTF-8 and read as Windows-1252 (if accented letters come out wrong, write encoding: in the include, or save it as CSV UTF-8)")
		}
		if d := cmp.Diff(mistakes, got); d != "" || c.Items != rows {
			t.Errorf("%s: %d items, %s", kind, c.Items, d)
		}

		seen, most := 0, int64(0)
		var start runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&start)
		var all []string
		for it, err := range s.Items(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen%997 == 1 {
				all = append(all, brieflySaid(it))
			}
			if seen%(rows/4) == 0 {
				var now runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&now)
				most = max(most, int64(now.HeapAlloc)-int64(start.HeapAlloc))
			}
		}
		if seen != rows-rows/1000 {
			t.Errorf("%s: %d items without a mistake", kind, seen)
		}
		if most > 1<<20 {
			t.Errorf("%s: %d rows hold %d KB", kind, rows, most>>10)
		}
		if want == nil {
			want = all
		}
		if d := cmp.Diff(want[:len(all)], all); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
}

func brieflySaid(it manifest.Item) string {
	f := it.Fields
	return fmt.Sprintf("%d %s %s %s %v %s %+v %q", it.Pos.Line, it.ExternalID, it.File, f.Name.Value, f.Tags.Value, f.ExpiresAt.Value.At, f.IsShareable, it.Keep)
}

// What is kept of a workbook is what is in it.
func TestWorkbooksAreReadOnce(t *testing.T) {
	s := spreadsheet(t, "xlsx", 3)
	one, two := items(t, s), items(t, s)
	if d := cmp.Diff(one, two); d != "" || len(one) != 3 {
		t.Errorf("%d items, %s", len(one), d)
	}
	path := filepath.Join(s.Manifest.Dir, "liste.xlsx")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := check(t, s); len(got) == 0 || !strings.Contains(got[0], "M080") {
		t.Errorf("%q", got)
	}
}
