package table

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

func TestCellsOfWorkbooks(t *testing.T) {
	const strs = `<sst><si><t>first</t></si><si><r><rPr><b/></rPr><t xml:space="preserve">ri </t></r><r><t>ch &amp; more</t></r><rPh><t>spoken</t></rPh></si><si><t>two_x000D_
lines_x0041_ _x_ _xZZZZ_</t></si><si/></sst>`
	const styles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="00000"/><numFmt numFmtId="165" formatCode="[$-407]d\. mmmm yyyy;@"/><numFmt numFmtId="166" formatCode="[Red]0.0&quot; days&quot;"/><numFmt numFmtId="167" formatCode="[h]:mm"/></numFmts>
<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="22"/><xf numFmtId="167"/></cellXfs></styleSheet>`
	more := parts{"xl/sharedStrings.xml": strs, "xl/styles.xml": styles}
	for _, tt := range []struct{ cells, want string }{
		{`<c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c><c t="s"><v>3</v></c><c t="s"><v>0</v></c>`, "first|ri ch & more|two\r\nlinesA _x_ _xZZZZ_||first"},
		{`<c t="inlineStr"><is><t>in</t><r><t>line</t></r></is></c><c t="str"><f>A1&amp;"x"</f><v>made</v></c><c t="str"><f>""</f><v></v></c><c t="n"><v/></c><c t="b"><v>1</v></c><c t="b"><v>0</v></c>`, "inline|made|||true|false"},
		{`<c><v>42</v></c><c><v>42.0</v></c><c><v>4.2E1</v></c><c><v>1.23E+15</v></c><c><v>-0.5</v></c><c><v>0.30000000000000004</v></c><c><v>12345678901234567890</v></c><c><v>1E+300</v></c><c><v>0</v></c><c><v>1.5E-5</v></c>`,
			"42|42|42|1230000000000000|-0.5|0.3|12345678901234567890|1e+300|0|0.000015"},
		{`<c s="2"><v>42</v></c><c s="2"><v>123456</v></c><c s="2"><v>-1</v></c><c s="4"><v>2.5</v></c><c s="99"><v>7</v></c>`, "00042|123456|-1|2.5|7"},
		{`<c s="1"><v>46357</v></c><c s="3"><v>46357</v></c><c s="5"><v>46357.604166666664</v></c><c s="6"><v>0.5</v></c><c s="1"><v>1</v></c><c s="1"><v>59</v></c><c s="1"><v>61</v></c><c s="5"><v>46357.9999999</v></c><c t="d"><v>2026-12-01T00:00:00</v></c><c t="d"><v>2026-12-01T08:00:00</v></c>`,
			"2026-12-01|2026-12-01|2026-12-01T14:30:00|12:00:00|1900-01-01|1900-02-28|1900-03-01|2026-12-02|2026-12-01|2026-12-01T08:00:00"},
		{`<c r="B1"><v>1</v></c><c r="D1"><v>2</v></c><c><v>3</v></c>`, "|1||2|3"},
		{`<x:c xmlns:x="y"><x:v>1</x:v></x:c><c><v><![CDATA[2]]></v></c><!-- no --><c><f>1+1</f><v> 2 </v></c><c><extLst><ext/></extLst><v>4</v></c>`, "1|2|2|4"},
	} {
		got := read(t, book(t, `<row>`+tt.cells+`</row>`, more), Options{Name: "t.xlsx"})
		if d := cmp.Diff([]string{"1: " + tt.want}, got); d != "" {
			t.Errorf("%s: %s", tt.cells, d)
		}
	}
	more["xl/workbook.xml"] = `<workbook xmlns:r="` + relTypes + `"><workbookPr date1904="1"/><sheets><sheet name="One" r:id="rId1"/></sheets></workbook>`
	if d := cmp.Diff([]string{"1: 2026-12-01|1904-01-01"}, read(t, book(t, `<row><c s="1"><v>44895</v></c><c s="1"><v>0</v></c></row>`, more), Options{Name: "t.xlsx"})); d != "" {
		t.Error(d)
	}
}

func TestRowsOfWorkbooks(t *testing.T) {
	rows := `<row r="2" spans="1:4"><c r="B2" s="1"/></row>` + rowOf(3, "a", "b", "") + `<row r="5" hidden="1"><c r="A5" t="inlineStr"><is><t>c</t></is></c></row>` +
		`<row><c><v>1</v></c><c/><c/><c><v>9</v></c></row><row r="9" hidden="1"/>` + rowOf(10, "", "x") + `<row hidden="true"><c><v>2</v></c></row>`
	merged := `</sheetData><mergeCells count="4"><mergeCell ref="A1:B2"/><mergeCell ref="A5:B5"/><mergeCell ref="B6:B8"/><mergeCell ref="A10:A11"/><mergeCell ref="F5:F9"/></mergeCells><sheetData>`
	want := []string{"3: a|b", "5: c|", "6: 1|||9", "10: |x", "11: 2|",
		"note t.xlsx:5: M095: 2 rows are hidden and are read, this is the first (delete them if they are not meant; a filter only hides rows)",
		"note t.xlsx:6:2: M096: in 2 places cells of several rows are merged, such as B6:B8: only the first row of each has the value (unmerge them, and write the value into each row)"}
	if d := cmp.Diff(want, read(t, book(t, rows+merged, nil), Options{Name: "t.xlsx"})); d != "" {
		t.Error(d)
	}
}

func TestSheets(t *testing.T) {
	var rels, list strings.Builder
	more := parts{}
	for i, s := range []struct{ name, state, kind string }{{"Notes", "hidden", "worksheet"}, {"Chart", "", "chartsheet"}, {"Inventory", "", "worksheet"}, {"Old", "veryHidden", "worksheet"}, {"2", "", "worksheet"}} {
		fmt.Fprintf(&list, `<sheet name="%s" state="%s" r:id="rId%d"/>`, s.name, s.state, i)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/%s" Target="worksheets/sheet%d.xml"/>`, i, relTypes, s.kind, i)
		more[fmt.Sprintf("xl/worksheets/sheet%d.xml", i)] = sheetHead + rowOf(1, s.name) + sheetEnd
	}
	more["xl/workbook.xml"] = `<workbook xmlns:r="` + relTypes + `"><sheets>` + list.String() + `</sheets></workbook>`
	more["xl/_rels/workbook.xml.rels"] = relsHead + rels.String() + `</Relationships>`
	data := book(t, "", more)
	for sheet, want := range map[string][]string{
		"":          {"1: Inventory", `note t.xlsx: M093: sheet "Inventory" is read, and not "2" and the hidden "Notes", "Old" (name the sheet with sheet: in the include)`},
		"Inventory": {"1: Inventory"}, " inventory ": {"1: Inventory"}, "1": {"1: Notes"}, "2": {"1: 2"}, "3": {"1: Old"}, "Old": {"1: Old"},
		"5":        {`t.xlsx: M092: the workbook has no sheet "5" (the workbook has "Notes", "Inventory", "Old", "2")`},
		"Chart":    {`t.xlsx: M092: the workbook has no sheet "Chart" (the workbook has "Notes", "Inventory", "Old", "2")`},
		"Inventry": {`t.xlsx: M092: the workbook has no sheet "Inventry" (did you mean "Inventory"?)`},
	} {
		if d := cmp.Diff(want, read(t, data, Options{Name: "t.xlsx", Sheet: sheet})); d != "" {
			t.Errorf("%q: %s", sheet, d)
		}
	}
}

// All that is wrong with cells comes with them: it matters to who uses them.
func TestCellsWithoutAValue(t *testing.T) {
	more := parts{"xl/styles.xml": `<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`}
	rows := rowOf(1, "a", "b", "c") + `<row r="2"><c t="e"><v>#N/A</v></c><c><f>A1</f></c><c><v>x</v></c></row><row r="3"><c s="1"><v>-5</v></c><c s="1"><v>60</v></c><c s="1"><v>1E9</v></c></row><row r="4"><c/><c><f>1</f></c></row>`
	want := []string{"1: a|b|c", "2: #N/A||x",
		"t.xlsx:2:1: M094: the cell shows the error #N/A (correct its formula, or write the value)",
		"t.xlsx:2:2: M094: the formula in the cell has no value (open the workbook in a spreadsheet program, which calculates it, and save it)",
		`t.xlsx:2:3: M094: the cell is shown as a number and holds "x" (correct it)`,
		"3: -5|60|1E9",
		`t.xlsx:3:1: M094: the cell is shown as a date and holds "-5" (correct it)`, `t.xlsx:3:2: M094: the cell is shown as a date and holds "60" (correct it)`,
		`t.xlsx:3:3: M094: the cell is shown as a date and holds "1E9" (correct it)`,
		"4: ||",
		"t.xlsx:4:2: M094: the formula in the cell has no value (open the workbook in a spreadsheet program, which calculates it, and save it)"}
	if d := cmp.Diff(want, read(t, book(t, rows, more), Options{Name: "t.xlsx"})); d != "" {
		t.Error(d)
	}
}

func TestUnreadableWorkbooks(t *testing.T) {
	whole := book(t, rowOf(1, "a")+rowOf(2, strings.Repeat("xyz", 100)), nil)
	const again = " (open it in a spreadsheet program and save it again as .xlsx)"
	for _, tt := range []struct {
		name string
		data []byte
		want []string // beginnings
	}{
		{"empty", nil, []string{"t.xlsx: M091: the file is no .xlsx workbook (save it as .xlsx; a text with separators is named .csv)"}},
		{"text", []byte("a;b\n"), []string{"t.xlsx: M091: the file is no .xlsx workbook (save it as .xlsx; a text with separators is named .csv)"}},
		{"password", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1more"), []string{"t.xlsx: M091: the workbook is protected by a password, or of the older kind .xls under another name (save it as .xlsx without a password)"}},
		{"cut off", whole[:len(whole)-100], []string{"t.xlsx: M091: the workbook is damaged: its list of parts: "}},
		{"no workbook in it", book(t, "", parts{"xl/workbook.xml": ""}), []string{"t.xlsx: M091: the file is no .xlsx workbook: a part is missing: xl/workbook.xml (save it as .xlsx in a spreadsheet program)"}},
		{"no sheets", book(t, "", parts{"xl/workbook.xml": "<workbook/>"}), []string{"t.xlsx: M091: the workbook has no sheet of cells (name another workbook)"}},
		{"no sheet part", book(t, "", parts{"xl/worksheets/sheet1.xml": ""}), []string{"t.xlsx: M091: the file is no .xlsx workbook: a part is missing: xl/worksheets/sheet1.xml"}},
		{"sheet ends early", book(t, "", parts{"xl/worksheets/sheet1.xml": sheetHead + rowOf(1, "a") + "<row>"}), []string{"1: a", `t.xlsx: M091: the workbook is damaged: sheet "One" after row 2: unexpected EOF` + again}},
		{"sheet without end", book(t, "", parts{"xl/worksheets/sheet1.xml": sheetHead + rowOf(1, "a")}), []string{"1: a", `t.xlsx: M091: the workbook is damaged: sheet "One" after row 1: unexpected EOF` + again}},
		{"not XML", book(t, rowOf(1, "a")+"<row<", nil), []string{"1: a", `t.xlsx: M091: the workbook is damaged: sheet "One" after row 1: XML syntax error`}},
		{"rows out of order", book(t, rowOf(2, "a")+rowOf(2, "b"), nil), []string{"2: a", `t.xlsx: M091: the workbook is damaged: sheet "One" after row 2: row "2" is out of order` + again}},
		{"rows beyond the last", book(t, rowOf(1<<20+1, "a"), nil), []string{`t.xlsx: M091: the workbook is damaged: sheet "One": row "1048577" is out of order` + again}},
		{"cells out of order", book(t, `<row><c r="B1"/><c r="A1"/></row>`, nil), []string{`t.xlsx: M091: the workbook is damaged: sheet "One" after row 1: cell "A1" is out of order` + again}},
		{"cells beyond the last", book(t, `<row><c r="XFE1"/></row>`, nil), []string{`t.xlsx: M091: the workbook is damaged: sheet "One" after row 1: cell "XFE1" is out of order` + again}},
		{"a text that is not there", book(t, `<row><c t="s"><v>7</v></c></row>`, nil), []string{`t.xlsx: M091: the workbook is damaged: sheet "One" after row 1: the workbook has no text number "7"` + again}},
		{"texts end early", book(t, "", parts{"xl/sharedStrings.xml": "<sst><si><t>a"}), []string{"t.xlsx: M091: the workbook is damaged: a text: unexpected EOF" + again}},
		{"row in a row", book(t, `<row><row/></row>`, nil), []string{`t.xlsx: M091: the workbook is damaged: sheet "One" after row 1: a row stands in a row` + again}},
		{"cell in a cell", book(t, `<row><c><c/></c></row>`, nil), []string{`t.xlsx: M091: the workbook is damaged: sheet "One" after row 1: a cell stands in a cell` + again}},
		{"damaged bytes", flip(whole, "xl/worksheets/sheet1.xml"), []string{"1: a", "2: xyzxyy", `t.xlsx: M091: the workbook is damaged: sheet "One" after row 2: zip: checksum error` + again}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := read(t, tt.data, Options{Name: "t.xlsx"})
			for i, w := range tt.want {
				if i >= len(got) || !strings.HasPrefix(got[i], w) {
					t.Fatalf("%q, want %q", got, tt.want)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// flip stores the part without compression and changes a letter in it, which
// only its checksum tells.
func flip(data []byte, part string) []byte {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			panic(err)
		}
		out, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store})
		if err != nil {
			panic(err)
		}
		var text bytes.Buffer
		text.ReadFrom(r)
		out.Write(text.Bytes())
	}
	w.Close()
	return bytes.Replace(b.Bytes(), []byte("xyzxyz"), []byte("xyzxyy"), 1)
}

// A few bytes that unpack to many are refused, or read without being kept.
func TestBombs(t *testing.T) {
	much := strings.Repeat(" ", 12<<20)
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"sheet":   {book(t, rowOf(1, "a")+much, nil), "t.xlsx: M091: the workbook unpacks to more than it should: xl/worksheets/sheet1.xml has"},
		"texts":   {book(t, "", parts{"xl/sharedStrings.xml": "<sst>" + much + "</sst>"}), "t.xlsx: M091: the workbook unpacks to more than it should: xl/sharedStrings.xml has"},
		"styles":  {book(t, "", parts{"xl/styles.xml": "<styleSheet>" + much + "</styleSheet>"}), "t.xlsx: M091: the workbook unpacks to more than it should: xl/styles.xml has"},
		"one row": {book(t, "", parts{"xl/sharedStrings.xml": "<sst><si><t>" + strings.Repeat("x", 1<<20) + "</t></si></sst>", "xl/worksheets/sheet1.xml": sheetHead + "<row>" + strings.Repeat(`<c t="s"><v>0</v></c>`, 10) + "</row>" + sheetEnd}), "t.xlsx:1: M072: a row is longer than 8 MB"},
	} {
		got := read(t, tt.data, Options{Name: "t.xlsx"})
		if len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
			t.Errorf("%s: %.300q", name, got)
		}
	}
	if _, err := openWorkbook(&endless{}, 1<<40, Options{Name: "t.xlsx"}); err == nil || !strings.Contains(err.Error(), "M091") {
		t.Errorf("a list of parts without an end: %v", err)
	}
}

// TestAPartThatLiesAboutItsSize claims to take more in the file than the file has,
// so that what it unpacks to looks moderate.
func TestAPartThatLiesAboutItsSize(t *testing.T) {
	whole, err := zip.NewReader(bytes.NewReader(book(t, rowOf(1, "externalId"), nil)), int64(len(book(t, rowOf(1, "externalId"), nil))))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range whole.File {
		if err := z.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	var packed bytes.Buffer
	p, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = p.Write(bytes.Repeat([]byte("<si/>"), smallPart))
	}
	if err = errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	w, err := z.CreateRaw(&zip.FileHeader{Name: "xl/sharedStrings.xml", Method: zip.Deflate, CompressedSize64: 1 << 31, UncompressedSize64: 5 * smallPart})
	if err == nil {
		_, err = w.Write(packed.Bytes())
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b.Bytes(), Options{Name: "t.xlsx"}); len(got) != 1 || !strings.Contains(got[0], "unpacks to more than it should") {
		t.Errorf("%.300q", got)
	}
}

func TestTextsWithoutEnd(t *testing.T) {
	w := &workbook{Options: Options{Name: "t.xlsx"}, strings: stringTable{ends: make([]int64, maxTexts)}}
	if err := w.strings.add("a"); !errors.Is(err, errTooMuch) {
		t.Errorf("%v", err)
	}
}

// endless is a file that goes on for ever with entries of an archive's list.
type endless struct{}

func (*endless) ReadAt(p []byte, off int64) (int, error) {
	entry := make([]byte, 46)
	copy(entry, "PK\x01\x02")
	for i := range p {
		p[i] = entry[(off+int64(i))%46]
	}
	if off == 0 {
		copy(p, "PK\x03\x04")
	}
	if end := int64(1<<40 - 22); off+int64(len(p)) == 1<<40 && off <= end {
		tail := p[end-off:]
		clear(tail)
		copy(tail, "PK\x05\x06\x00\x00\x00\x00\xff\x7f\xff\x7f\xff\xff\xff\x7f\x04\x00\x00\x00")
	}
	return len(p), nil
}

// What an independent writer makes of values comes out as they are.
func TestWorkbooksOfAnotherWriter(t *testing.T) {
	f := excelize.NewFile()
	date, err := f.NewStyle(&excelize.Style{NumFmt: 14})
	if err != nil {
		t.Fatal(err)
	}
	for cell, v := range map[string]any{"A1": "externalId", "B1": "file", "C1": "expiresAt", "D1": "isSensitive", "A2": 42, "B2": "M\u00fcnchen/a b.pdf", "C2": 46357, "D2": true, "A3": "00042", "B3": "x\ny", "A4": 0.1} {
		if err := f.SetCellValue("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SetCellStyle("Sheet1", "C2", "C2", date); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"1: externalId|file|expiresAt|isSensitive", "2: 42|M\u00fcnchen/a b.pdf|2026-12-01|true", "3: 00042|x\ny||", "4: 0.1|||"}
	if d := cmp.Diff(want, read(t, b.Bytes(), Options{Name: "T.XLSX"})); d != "" {
		t.Error(d)
	}
}

// More texts than are kept in memory lie in a file, which is gone afterwards.
func TestManyTexts(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp)
	var sst, rows strings.Builder
	const n = 20_000
	text := func(i int) string { return fmt.Sprintf("%d %s", i, strings.Repeat("\u00e4", i%300)) }
	for i := range n {
		fmt.Fprintf(&sst, "<si><t>%s</t></si>", text(i))
		fmt.Fprintf(&rows, `<row><c t="s"><v>%d</v></c><c t="s"><v>%d</v></c></row>`, i, (i*7919)%n)
	}
	data := book(t, rows.String(), parts{"xl/sharedStrings.xml": "<sst>" + sst.String() + "</sst>"})
	i := 0
	for row, err := range Read(t.Context(), bytes.NewReader(data), int64(len(data)), Options{Name: "t.xlsx"}) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Cells[0] != text(i) || row.Cells[1] != text((i*7919)%n) {
			t.Fatalf("row %d: %.50q", i, row.Cells)
		}
		i++
	}
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	if i != n || len(left) != 0 {
		t.Errorf("%d rows; %d temporary files afterwards", i, len(left))
	}
}
