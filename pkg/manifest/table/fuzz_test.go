package table

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// sound reads a table, whatever it is: it ends with rows in their order and
// problems with known codes, never with a panic or an error of another kind,
// and never with more text than it could hold.
func sound(t *testing.T, data []byte, o Options) {
	note := func(p manifest.Problem) {
		if c, ok := manifest.CodeOf(p.Code); !ok || c.Class != p.Class || p.What == "" || p.Fix == "" || p.Pos.File != o.Name {
			t.Errorf("problem %+v", p)
		}
	}
	o.Note = note
	line := 0
	for row, err := range Read(t.Context(), bytes.NewReader(data), int64(len(data)), o) {
		if ps, ok := errors.AsType[manifest.Problems](err); ok && len(ps) > 0 {
			for _, p := range ps {
				note(p)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%T: %v", err, err)
		}
		if row.Line <= line {
			t.Errorf("row %d after row %d", row.Line, line)
		}
		line = row.Line
		size := 0
		for _, c := range row.Cells {
			if size += len(c); strings.ToValidUTF8(c, "") != c {
				t.Errorf("row %d is not UTF-8: %q", line, c)
			}
		}
		if blank(row) || size > MaxRow+len(data) {
			t.Errorf("row %d has %d cells of %d bytes", line, len(row.Cells), size)
		}
		for i, p := range row.Wrong {
			if note(p); p.Pos.Line != line || p.Pos.Column != i+1 || i >= len(row.Cells) {
				t.Errorf("row %d, cell %d: %+v", line, i, p)
			}
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"a,b\nc,d\n", "\xef\xbb\xbfa;b\r\n\"c\nd\";e\r\n", "\xff\xfea\x00;\x00b\x00\n\x00", "\xfe\xff\x00a\x00,\x00b", "a\x00;\x00b\x00\n\x00c\x00", "Gr\xf6\xdfe;1\n", "\xc3", "sep=;\n\"", "\"a\"b\n", "a\rb\rc", "PK\x03\x04",
		"a,b\n" + strings.Repeat("\n", 20) + "c\nd\n", "\xff\xfe\x00\xd8", "\xe9\xc3\xa9\n",
	} {
		f.Add([]byte(s), byte(0), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, encoding byte, tabs bool) {
		o := Options{Name: "t.csv"}
		if tabs {
			o.Name = "t.tsv"
		}
		if n := int(encoding); n > 0 {
			o.Encoding = manifest.Encodings[n%len(manifest.Encodings)]
		}
		sound(t, data, o)
	})
}

func FuzzWorkbook(f *testing.F) {
	f.Add([]byte("PK\x03\x04"))
	f.Add(book(f, rowOf(1, "a", "b")+rowOf(2, "c"), parts{"xl/sharedStrings.xml": "<sst><si><t>x</t></si></sst>"}))
	f.Add(workbookOf(f, 2))
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, data, Options{Name: "t.xlsx"}) })
}

// FuzzSheet is FuzzWorkbook without the archive, which hides the rest from it.
func FuzzSheet(f *testing.F) {
	f.Add(rowOf(1, "a", "b")+`<row r="3" hidden="1"><c r="B3" t="s" s="1"><v>0</v></c><c t="e"><v>#N/A</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B9"/></mergeCells><sheetData>`,
		`<si><t>x</t></si><si><r><t>y_x000D_</t></r><rPh><t>z</t></rPh></si>`, `<numFmts><numFmt numFmtId="164" formatCode="[$-407]d. mm &quot;x&quot;"/></numFmts><cellXfs><xf/><xf numFmtId="164"/></cellXfs>`, `<sheet name="One" r:id="rId1"/>`, "")
	f.Add(`<row><c s="1"><v>1E5</v></c><c><f>1</f></c><c t="b"><v>1</v></c><c t="d"><v>2026-12-01T</v></c></row>`, ``, `<cellXfs><xf/><xf numFmtId="14"/></cellXfs>`, `<sheet name="One" state="hidden" r:id="rId1"/>`, "1")
	f.Fuzz(func(t *testing.T, rows, texts, styles, sheets, sheet string) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, text := range map[string]string{
			"xl/workbook.xml":            `<workbook xmlns:r="` + relTypes + `"><sheets>` + sheets + `</sheets></workbook>`,
			"xl/_rels/workbook.xml.rels": relsHead + `<Relationship Id="rId1" Type="` + relTypes + `/worksheet" Target="sheet1.xml"/><Relationship Id="rId2" Type="` + relTypes + `/sharedStrings" Target="texts.xml"/><Relationship Id="rId3" Type="` + relTypes + `/styles" Target="styles.xml"/></Relationships>`,
			"xl/sheet1.xml":              sheetHead + rows + sheetEnd,
			"xl/texts.xml":               "<sst>" + texts + "</sst>",
			"xl/styles.xml":              "<styleSheet>" + styles + "</styleSheet>",
		} {
			w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			if err == nil {
				_, err = io.WriteString(w, text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		sound(t, b.Bytes(), Options{Name: "t.xlsx", Sheet: sheet})
	})
}
