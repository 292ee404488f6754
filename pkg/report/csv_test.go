package report

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNeutralise(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "plain": "plain", "=1+1": "'=1+1", "+32 2 555": "'+32 2 555", "-": "'-", "@here": "'@here",
		"\tx": "'\tx", "\rx": "'\rx", "a=b": "a=b", " =1": " =1",
		"'": "'", "'quoted'": "'quoted'", "'=1": "''=1", "''-": "'''-", "'\t": "''\t",
	} {
		if got := Neutralise(cell); got != want {
			t.Errorf("Neutralise(%q) = %q, want %q", cell, got, want)
		}
		if got := Unneutralise(want); got != cell {
			t.Errorf("Unneutralise(%q) = %q, want %q", want, got, cell)
		}
	}
}

// cells draws text in which the characters that matter are frequent.
func cells() *rapid.Generator[string] {
	return rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("'=+-@\t\r\n\",; ")), rapid.Rune()))
}

func checkNeutral(t interface{ Errorf(string, ...any) }, cell string) {
	safe := Neutralise(cell)
	if safe != "" && strings.IndexByte("=+-@\t\r", safe[0]) >= 0 {
		t.Errorf("Neutralise(%q) = %q, which a spreadsheet would run", cell, safe)
	}
	if back := Unneutralise(safe); back != cell {
		t.Errorf("Unneutralise(Neutralise(%q)) = %q", cell, back)
	}
}

func TestNeutraliseCanBeUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkNeutral(t, cells().Draw(t, "cell")) })
}

func TestDifferentCellsStayDifferent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := cells().Draw(t, "a"), cells().Draw(t, "b")
		if a != b && Neutralise(a) == Neutralise(b) {
			t.Errorf("%q and %q both become %q", a, b, Neutralise(a))
		}
	})
}

func FuzzColumn(f *testing.F) {
	f.Add("\ufeffexternalId;b\r\n'=A;\"x\"\"\"\r\n", "externalId")
	f.Add("a,b\n\"", "b")
	f.Fuzz(func(t *testing.T, file, name string) {
		cells, err := column(strings.NewReader(file), name)
		if len(cells) > strings.Count(file, "\n")+strings.Count(file, "\r")+1 {
			t.Errorf("%d cells of one column (%v) in %q", len(cells), err, file)
		}
	})
}

func FuzzNeutralise(f *testing.F) {
	for _, cell := range []string{"", "=1", "'=1", "''=1", "'", "\t", "'\r", "it's", "-\xff"} {
		f.Add(cell)
	}
	f.Fuzz(func(t *testing.T, cell string) { checkNeutral(t, cell) })
}

// TestTableReadsBack holds that our reader finds exactly the cells that were
// written, and that encoding/csv agrees on rows and cells: it drops carriage
// returns before line feeds, so those are compared without.
func TestTableReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sep := rapid.SampledFrom([]byte{',', ';', '\t'}).Draw(t, "separator")
		width := rapid.IntRange(2, 4).Draw(t, "width")
		rows := rapid.SliceOfN(rapid.SliceOfN(cells(), width, width), 1, 5).Draw(t, "rows")
		var file bytes.Buffer
		w := bufio.NewWriter(&file)
		for _, row := range rows {
			if err := writeCells(w, sep, row); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		ours := tableReader{in: bufio.NewReader(bytes.NewReader(file.Bytes())), sep: sep}
		theirs := csv.NewReader(&file)
		theirs.Comma = rune(sep)
		for _, row := range rows {
			got, err := ours.read()
			if diff := cmp.Diff(row, got); diff != "" || err != nil {
				t.Fatalf("%v (-written +read):\n%s", err, diff)
			}
			other, err := theirs.Read()
			if err != nil {
				t.Fatal(err)
			}
			for i, cell := range row {
				if want := unix(Neutralise(cell)); other[i] != want {
					t.Errorf("encoding/csv reads %q, want %q", other[i], want)
				}
			}
		}
		if extra, err := ours.read(); err != io.EOF {
			t.Errorf("after the last row: %q, %v", extra, err)
		}
	})
}

func unix(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func TestSeparators(t *testing.T) {
	for sep, header := range map[rune]string{
		0: "externalId,source,code", ',': "externalId,source,code", ';': "externalId;source;code", '\t': "externalId\tsource\tcode",
	} {
		info := testInfo()
		info.Separator = sep
		dir, _ := closedRun(t, info)
		text := read(t, dir, FailuresFile)
		if !strings.HasPrefix(text, byteOrderMark+header) {
			t.Errorf("separator %q: failures.csv begins with %.40q", sep, text)
		}
		got, err := column(strings.NewReader(text), "externalId")
		if diff := cmp.Diff([]string{"SP-3", "SP-4", "SP-5"}, got); diff != "" || err != nil {
			t.Errorf("separator %q: %v, externalId (-want +got):\n%s", sep, err, diff)
		}
	}
}

// column reads until an error or the end.
func column(r io.Reader, name string) (all []string, err error) {
	for cell, err := range Column(r, name) {
		if err != nil {
			return all, err
		}
		all = append(all, cell)
	}
	return all, nil
}

func TestColumnReadsWhatWasNeutralised(t *testing.T) {
	dir, _ := closedRun(t, testInfo())
	for name, want := range map[string][]string{
		"externalId": {"SP-1", "-SP-2"},
		"keep.name":  {"=1+1", ""},
		"Owner":      {"", "line one\r\nline \"two\""},
	} {
		got, err := column(strings.NewReader(read(t, dir, SuccessFile)), name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestColumnOfOtherFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string
		err  string
	}{
		"no mark, line feeds": {"externalId\nA\nB\n", []string{"A", "B"}, ""},
		"ragged":              {"a;externalId\n1;A\n2\n3;C", []string{"A", "C"}, ""},
		"commas in a header":  {"externalId;\"a,b,c\"\nA;1\n", []string{"A"}, ""},
		"no such column":      {"id,name\nA,1\n", nil, `no column "externalId"`},
		"empty":               {"", nil, `no column "externalId"`},
		"empty lines":         {"externalId\r\n\r\nA\r\r", []string{"A"}, ""},
		"endless cell":        {"externalId\n\"" + strings.Repeat("x", maxCell+1), nil, "over 1048576 bytes"},
		"quote without end":   {"externalId\nA\n\"B\n", []string{"A"}, "quote"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := column(strings.NewReader(c.file), "externalId")
			if !slices.Equal(got, c.want) {
				t.Errorf("cells = %q, want %q", got, c.want)
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error = %v, want %q", err, c.err)
			}
		})
	}
}

func TestKeptColumnsNeverHideOurs(t *testing.T) {
	dir := t.TempDir()
	s, err := newSheet(dir, MappingFile, ',', mappingColumns, []string{"source", "keep.source", "", "=x", "URL"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.commit(); err != nil {
		t.Fatal(err)
	}
	want := byteOrderMark + "externalId,source,keep.keep.source,keep.source,keep.,'=x,URL,assetId,slug,link\r\n"
	if got := read(t, dir, MappingFile); got != want {
		t.Errorf("header = %q, want %q", got, want)
	}
}
