package expand

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

// workbook writes a workbook with a sheet of each of these lists of cells.
func workbook(t testing.TB, path string, sheets ...map[string]any) {
	t.Helper()
	f := excelize.NewFile()
	for i, cells := range sheets {
		name := "Sheet" + string(rune('1'+i))
		if _, err := f.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		for cell, v := range cells {
			var err error
			if v == "#N/A" {
				err = f.SetCellFormula(name, cell, "NA()") // without a value
			} else {
				err = f.SetCellValue(name, cell, v)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWorkbooksAreTables(t *testing.T) {
	dir := folder(t, "m.yaml\n"+header+"include:\n- {table: t.xlsx, sheet: 2, columns: {externalId: ID, file: F, isSensitive: S}, keep: [K]}\n- {table: t.xlsx}\n")
	workbook(t, filepath.Join(dir, "t.xlsx"),
		map[string]any{"A1": "externalId", "B1": "file", "A2": "z", "B2": "z.pdf", "D2": "a remark"},
		map[string]any{"A1": "ID", "B1": "F", "C1": "S", "D1": "Unused", "E1": "K", "A2": 42, "B2": "x.pdf", "C2": true, "D2": "#N/A", "E2": 0.5,
			"A3": "42", "B3": "y.pdf", "C3": "#N/A", "A5": "a", "B5": "#N/A", "G5": "a remark"})
	for range 2 { // what is kept is as what was read
		s := open(t, dir)
		for range 2 {
			got, c := check(t, s)
			want := []string{
				`t.xlsx:3:3: M094: the formula in the cell has no value, in column C ("S") (open the workbook in a spreadsheet program, which calculates it, and save it)`,
				`t.xlsx:5:2: M094: the formula in the cell has no value, in column B ("F") (open the workbook in a spreadsheet program, which calculates it, and save it)`,
				`t.xlsx:2:4: M073: the cell stands in column D, which has no name (name the column in the first row, or empty it)`,
				`warning t.xlsx:1:4: M097: 1 column is not used: "Unused" (map them, or list them under keep:)`,
				`warning t.xlsx: M093: sheet "Sheet1" is read, and not "Sheet2" (name the sheet with sheet: in the include)`,
				`t.xlsx:3:1: M021: external ID "42" is used twice, also at t.xlsx:2:1 (give one of the items another ID, or remove it)`}
			if d := cmp.Diff(want, got); d != "" || c.Items != 4 {
				t.Errorf("%d items, %s", c.Items, d)
			}
		}
		if it := items(t, s); len(it) != 1 || it[0].ExternalID != "42" || it[0].File != "x.pdf" || !it[0].Fields.IsSensitive.Value || it[0].Keep[0].Value != "0.5" {
			t.Errorf("%+v", it)
		}
	}
}

// A sheet that is damaged ends the table, with what could be read before it.
func TestDamagedWorkbooks(t *testing.T) {
	dir := folder(t, "m.yaml\n"+header+"include: [{table: t.xlsx}, {table: t.csv}]\n", "t.csv\nexternalId,file\nb,maybe\n")
	path := filepath.Join(dir, "t.xlsx")
	workbook(t, path, map[string]any{"A1": "externalId", "B1": "file", "A2": "a", "B2": "x.pdf"})
	rewrite(t, path, "xl/worksheets/sheet1.xml", func(s string) string { return s[:strings.Index(s, "</sheetData>")] })
	s := open(t, dir)
	for range 2 {
		got, c := check(t, s)
		if len(got) != 1 || !strings.HasPrefix(got[0], `t.xlsx: M091: the workbook is damaged: sheet "Sheet1" after row 2: `) || c.Items != 2 {
			t.Errorf("%d items, %q", c.Items, got)
		}
	}
}

// rewrite changes a part of a workbook.
func rewrite(t testing.TB, path, part string, change func(string) string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		w, err := out.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		s := text.String()
		if f.Name == part {
			s = change(s)
		}
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWorkbooksAsMapsAndJoins(t *testing.T) {
	s := library(t, `{files: "decks:**/*.pdf", join: {table: export.xlsx, sheet: Sheet2, on: Path, columns: {name: Title, tags: Keywords}}}`, "a.pdf")
	dir := s.Manifest.Dir
	text, err := os.ReadFile(filepath.Join(dir, "m.yaml"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "m.yaml"), append(text, "map: {tags: tags.xlsx}\n"...), 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "decks", "a.pdf"), []byte("a"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	workbook(t, filepath.Join(dir, "export.xlsx"), map[string]any{"A1": "notes"}, map[string]any{"A1": "Path", "B1": "Title", "C1": "Keywords", "A2": "a.pdf", "B2": 2026, "C2": "old; 7"})
	workbook(t, filepath.Join(dir, "tags.xlsx"), map[string]any{"A1": "from", "B1": "to", "C1": "count", "A2": "old", "B2": "New", "A3": 7, "B3": "Seven", "C3": "#N/A"}, map[string]any{"A1": "x"})
	s = openAt(t, filepath.Join(dir, "m.yaml"))
	got := items(t, s)
	if len(got) != 1 || got[0].Fields.Name.Value != "2026" || len(got[0].Fields.Tags.Value) != 2 || got[0].Fields.Tags.Value[0].Name != "New" || got[0].Fields.Tags.Value[1].Name != "Seven" {
		t.Errorf("%+v", got)
	}
	problems, _ := check(t, s)
	if d := cmp.Diff([]string{`warning tags.xlsx: M093: sheet "Sheet1" is read, and not "Sheet2" (name the sheet with sheet: in the include)`}, problems); d != "" {
		t.Error(d)
	}
	workbook(t, filepath.Join(dir, "tags.xlsx"), map[string]any{"A1": "from", "B1": "to", "A2": "old", "B2": "#N/A"})
	problems, _ = check(t, openAt(t, filepath.Join(dir, "m.yaml")))
	if len(problems) == 0 || !strings.HasPrefix(problems[0], "tags.xlsx:2:2: M094: ") {
		t.Errorf("%q", problems)
	}
}
