package scan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// lines are a table whose cells are parted by |.
func lines(text string) Rows {
	return func(context.Context) iter.Seq2[TableRow, error] {
		return func(yield func(TableRow, error) bool) {
			for i, l := range strings.Split(strings.TrimSpace(text), "\n") {
				if !yield(TableRow{Line: i + 1, Cells: strings.Split(strings.TrimSpace(l), "|")}, nil) {
					return
				}
			}
		}
	}
}

// there is a folder with these files.
func there(paths ...string) func(context.Context, string) bool {
	return func(_ context.Context, p string) bool { return slices.Contains(paths, p) }
}

func tableOf(t *testing.T, text string, exists func(context.Context, string) bool) *Table {
	t.Helper()
	ms, err := Mappings()
	if err != nil {
		t.Fatal(err)
	}
	table, err := ReadTable(t.Context(), lines(text), TableOptions{Mappings: ms, There: exists})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func uses(t *Table) (out []string) {
	for _, c := range t.Columns {
		s := c.Field + "=" + c.Column
		if c.Split != "" {
			s += " by " + c.Split
		}
		out = append(out, s)
	}
	return out
}

func TestExportsOfSharePointAreKnown(t *testing.T) {
	table := tableOf(t, `Name|Title|Modified|Modified By|Item Type|Path|Enterprise Keywords|Document ID Value
Decks||2024-01-01T00:00:00Z|Jane Doe|Folder|sites/mkt/Shared Documents||
Q3.pptx|Third quarter|2024-01-01T00:00:00Z|Jane Doe|Item|sites/mkt/Shared Documents/Decks|Sales;Q3|D-1
Q4.pptx||2024-01-01T00:00:00Z|Bob|Item|sites/mkt/Shared Documents/Decks||D-2`, nil)
	want := &Table{
		Mapping: "an export of SharePoint", Rows: 2, Folders: 1, Path: "{Path}/{Name}", Strip: "sites/mkt/Shared Documents/", First: "Decks/Q3.pptx", Joined: true,
		Keep: []string{"Modified", "Item Type"},
	}
	got := *table
	got.Columns, got.Values = nil, nil
	if d := cmp.Diff(*want, got); d != "" {
		t.Error(d)
	}
	if got, want := uses(table), []string{"externalId=Document ID Value", "name=Title", "tags=Enterprise Keywords", "authors=Modified By"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if n := table.Values["people"].Len(); n != 2 || table.Values["tags"].Len() != 2 {
		t.Errorf("%d people, %v", n, table.Values)
	}
	german := tableOf(t, "Name|Titel|Geändert von|Elementtyp|Pfad\na.pptx|A|Jane|Element|sites/mkt/Freigegebene Dokumente\nOrdner|||Ordner|sites/mkt/Freigegebene Dokumente", nil)
	if german.Mapping != want.Mapping || german.Folders != 1 || german.Path != "{Pfad}/{Name}" || german.Strip != "sites/mkt/Freigegebene Dokumente/" {
		t.Errorf("%+v", german)
	}
	fields := tableOf(t, "FileRef|Editor|FileSystemObjectType\n/sites/mkt/Shared Documents/x|Jane|Folder\n/sites/mkt/Shared Documents/x/a.pptx|Jane|File", nil)
	if fields.Mapping != "fields of SharePoint" || fields.Path != "{FileRef}" || fields.Strip != "sites/mkt/Shared Documents/" || fields.Folders != 1 {
		t.Errorf("%+v", fields)
	}
}

// TestPathsAreFoundByTheirFiles tells columns apart that could both be the path,
// and finds what of it is not below the folder.
func TestPathsAreFoundByTheirFiles(t *testing.T) {
	for _, c := range []struct {
		table, path, strip string
		found              int
		files              []string
	}{
		{"ID|Folder|File\n1|a|x.pdf\n2|b|y.pdf", "{Folder}/{File}", "", 2, []string{"a/x.pdf", "b/y.pdf"}},
		{"ID|Folder|File\n1|a|a/x.pdf\n2|b|b/y.pdf", "{File}", "", 2, []string{"a/x.pdf", "b/y.pdf"}},
		{"ID|Path|Name\n1|a/x.pdf|x.pdf\n2|b/y.pdf|y.pdf", "{Path}", "", 2, []string{"a/x.pdf", "b/y.pdf"}},
		{"ID|Path|Name\n1|a/x.pdf|x.pdf\n2|b/y.pdf|y.pdf", "{Path}/{Name}", "", 1, []string{"a/x.pdf/x.pdf"}},
		{"ID|FullName\n1|C:\\Share\\Decks\\x.pdf\n2|C:\\Share\\Decks\\q\\y.pdf", "{FullName}", "C:/Share/Decks/", 2, []string{"x.pdf", "q/y.pdf"}},
		{"ID|FullName\n1|C:\\Share\\Decks\\x.pdf\n2|C:\\Share\\Decks\\q\\y.pdf", "{FullName}", "C:/Share/", 2, []string{"Decks/x.pdf", "Decks/q/y.pdf"}},
		{"Titel|Dateiname\nA|x.pdf", "{Dateiname}", "", 1, []string{"x.pdf"}},
		{"externalId|file\nA|x.pdf", "{file}", "", 1, []string{"x.pdf"}},
	} {
		got := tableOf(t, c.table, there(c.files...))
		if got.Path != c.path || got.Strip != c.strip || got.Found != c.found {
			t.Errorf("%s: %s without %q, %d found", c.table, got.Path, got.Strip, got.Found)
		}
	}
}

func TestColumnsThatDoNotFitAreKept(t *testing.T) {
	table := tableOf(t, `ID|File|Expiry|Released At|isSensitive|Tags|Owner|Empty Tag|Price
A,1|x.pdf|03/04/2027|2026-01-01|yes|a, b|Doe, Jane||1
A2|y.pdf|2027-12-31|2026-01-02|maybe|c|Bob||2
A3|z.pdf|x|||||| `, nil)
	if got, want := uses(table), []string{"tags=Tags by ,", "authors=Owner", "releasedAt=Released At"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if want := []string{"ID", "Expiry", "isSensitive", "Empty Tag", "Price"}; !slices.Equal(table.Keep, want) {
		t.Errorf("%q", table.Keep)
	}
	notes := strings.Join(table.Notes, "\n")
	for _, want := range []string{
		`column "ID" is kept and not used as externalId: row 2: "A,1" holds a comma`,
		`column "Expiry" is kept and not used as expiresAt: row 2: "03/04/2027": the date does not say which of its numbers is the month`,
		`, and 1 more cell does not fit (correct them, and scan again)`,
		`column "isSensitive" is kept and not used as isSensitive: row 3: isSensitive is "maybe"`,
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
	if !table.Zone || !table.Joined || table.Values["people"].Len() != 2 {
		t.Errorf("%+v", table)
	}
}

func TestIDsThatAreNoneAreNotUsed(t *testing.T) {
	for text, want := range map[string]string{
		"ID|File\nA|x.pdf\nA|y.pdf":    `row 3: external ID "A" is used twice, also in row 2 (give each row one of its own, and scan again)`,
		"ID|File\nA|x.pdf\na|y.pdf":    `row 3: external ID "a" differs from "A" only in upper and lower case, also in row 2`,
		"ID|File\nA|x.pdf\n|y.pdf":     "1 row without one, the first is row 3",
		"ID|File\nA|x.pdf\nB|y.pdf":    "",
		"ID|File\n A |x.pdf\n001|y.pd": "",
	} {
		table := tableOf(t, text, nil)
		if table.Joined != (want != "") || !strings.Contains(strings.Join(table.Notes, ""), want) {
			t.Errorf("%q: %+v", text, table)
		}
	}
}

// TestIncludesOfTablesAreRight reads what is proposed as the header of a manifest.
func TestIncludesOfTablesAreRight(t *testing.T) {
	header := func(t *testing.T, table *Table, exclude ...string) manifest.Include {
		t.Helper()
		var b strings.Builder
		p := Manifest{Of: "t", Root: &Root{"files", "./files", "x"}, Include: table.Include("list: 1.csv", "files", exclude), Zone: table.Zone}
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		m, ps, err := manifest.ReadHeader(strings.NewReader(b.String()), "m.yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		for _, p := range ps {
			if !strings.Contains(p.What, "list: 1.csv") { // such a name is refused
				t.Errorf("%v\n%s", p, b.String())
			}
		}
		if len(m.Includes) != 1 {
			t.Fatalf("%+v\n%s", m.Includes, b.String())
		}
		return m.Includes[0]
	}
	table := tableOf(t, "ID|File|Title: sub|Keywords, all|Old {URL}|yes\n1|x.pdf|t|a, b|u|n\n2|y.pdf|t|a|u|n", nil)
	inc := header(t, &Table{Path: table.Path, Columns: table.Columns, Keep: table.Keep})
	if inc.Columns["externalId"].Column != "ID" || inc.Columns["file"].Template != "files:{File}" || !slices.Equal(inc.Keep, []string{"Title: sub", "Keywords, all", "Old {URL}", "yes"}) {
		t.Errorf("%+v", inc)
	}
	joined := &Table{Joined: true, Path: "{Path}/{Name}", Strip: "sites/a: b/", Columns: []ColumnUse{{Field: "tags", Column: "Tags {all}", Split: "|"}}, Keep: []string{"a,b", "null"}}
	inc = header(t, joined, "a[1].pdf", "b*.pdf", "c {d}.pdf")
	if inc.Join == nil || inc.Join.On != joined.Path || inc.Join.Strip != joined.Strip || inc.Join.Columns["tags"].Column != "Tags {all}" || inc.Join.Columns["tags"].Split != "|" || !slices.Equal(inc.Join.Keep, joined.Keep) ||
		!slices.Equal(inc.Exclude, []string{"a?1?.pdf", "b?.pdf", "c ?d?.pdf"}) {
		t.Errorf("%+v %+v", inc, inc.Join)
	}
}

func TestTablesThatTellNothing(t *testing.T) {
	ms, err := Mappings()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "ID|File"} {
		if _, err := ReadTable(t.Context(), lines(text), TableOptions{Mappings: ms}); !errors.Is(err, ErrTable) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ReadTable(t.Context(), lines("A|B\n1|2"), TableOptions{Mappings: []Mapping{{Needs: []string{"C"}}}}); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), "A, B") {
		t.Errorf("%v", err)
	}
	for text, want := range map[string]string{
		"A|B\n1|2":                     "no column gives the path of a file",
		"Link|B\nhttps://a.example|2":  "no column gives an ID for each row",
		"ID|Link\n1|https://a.example": "",
	} {
		if got := tableOf(t, text, nil).Usable(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	broken := errors.New("broken")
	rows := func(context.Context) iter.Seq2[TableRow, error] {
		return func(yield func(TableRow, error) bool) { yield(TableRow{}, broken) }
	}
	if _, err := ReadTable(t.Context(), rows, TableOptions{Mappings: ms}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestMappingFilesAreChecked(t *testing.T) {
	if _, err := ReadMapping(strings.NewReader("name: x\nneeds: A\npath: '{A}'\ncolumns: {name: [B, C], tags: D}\n"), "m.yaml"); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"path: x":               "names no column",
		"paths: '{x}'":          `did you mean "path"?`,
		"columns: {nme: X}":     `did you mean "name"?`,
		"columns: x":            "columns is a text",
		"needs: {a: b}":         "needs is a mapping",
		"folders: {value: x}":   "folders names no column",
		"- a":                   "is a list",
		"name: [":               "a value is missing",
		"columns: {file: Name}": `unknown key "file"`,
	} {
		_, err := ReadMapping(strings.NewReader(text), "m.yaml")
		var ps manifest.Problems
		if !errors.As(err, &ps) || !strings.Contains(fmt.Sprint(ps), want) || !strings.HasPrefix(ps[0].Pos.String(), "m.yaml:1") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestMappingsAreShown holds the page that users copy a mapping from.
func TestMappingsAreShown(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "from-a-spreadsheet.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := builtin.ReadFile("mappings/sharepoint.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```yaml\n"+string(text)+"```\n") {
		t.Error("docs/from-a-spreadsheet.md does not show mappings/sharepoint.yaml as it is")
	}
}

func TestGuesses(t *testing.T) {
	for _, c := range []struct{ kind, in, want string }{
		{"people", "jane@example.com", "jane@example.com"}, {"people", "Jane Doe", ""}, {"people", "Jane <jane@example.com>", ""},
		{"languages", "English", "en"}, {"languages", "Français", "fr"}, {"languages", "en", "en"}, {"languages", "pt-BR", "pt-BR"}, {"languages", "Klingon", ""},
		{"languages", "Englisch", "en"}, {"languages", "Allemand", "de"}, {"countries", "Großbritannien", "GB"}, {"countries", "Royaume-Uni", "GB"}, {"countries", "Belgien", "BE"},
		{"countries", "UK", "GB"}, {"countries", "Great Britain", "GB"}, {"countries", "BE", "BE"}, {"countries", "Narnia", ""},
		{"tags", "Sales", "Sales"},
	} {
		if got := Guess(c.kind, c.in); got != c.want {
			t.Errorf("%s of %s: %q", c.in, c.kind, got)
		}
	}
}
