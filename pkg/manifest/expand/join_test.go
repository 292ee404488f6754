package expand

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// joinedTo is a library with a table beside the manifest.
func joinedTo(t testing.TB, table, text, include string, files ...string) *Set {
	t.Helper()
	s := library(t, include, files...)
	if err := os.WriteFile(filepath.Join(s.Manifest.Dir, table), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRowsAreJoinedToFiles(t *testing.T) {
	const csv = "Path;Name;Title;Keywords;Owner;ID;Unused\r\n" +
		"sites/mkt/Shared Documents/emea;b.pdf;The B;x;Jane;ID-1;-\r\n" +
		"/Sites/MKT/Shared Documents\\emea;caf\u00e9.pdf;Coffee;\"y; z\";;;-\r\n" +
		"sites/mkt/Shared Documents;a.pdf;;;Joe;;-\r\n" +
		"sites/mkt/Shared Documents;emea;A folder;;;;-\r\n"
	const ndjson = `{"Path":"sites/mkt/Shared Documents/emea","Name":"b.pdf","Title":"The B","Keywords":["x"],"Owner":"Jane","ID":"ID-1"}` + "\n" +
		`{"Path":"/Sites/MKT/Shared Documents\\emea","Name":"caf\u00e9.pdf","Title":"Coffee","Keywords":["y","z"]}` + "\n" +
		`{"Path":"sites/mkt/Shared Documents","Name":"a.pdf","Owner":"Joe"}` + "\n" +
		`{"Path":"sites/mkt/Shared Documents","Name":"emea"}` + "\n"
	files := []string{"a.pdf", "emea/b.pdf", "emea/cafe\u0301.pdf"}
	want := []string{
		"decks/a.pdf <- decks:a.pdf #All = a Owner:Joe",
		"ID-1 <- decks:emea/b.pdf #emea #All #x = The B Owner:Jane",
		"decks/emea/caf\u00e9.pdf <- decks:emea/cafe\u0301.pdf #emea #All #y #z = Coffee Owner:",
	}
	for name, text := range map[string]string{"t.csv": csv, "t.ndjson": ndjson} {
		s := joinedTo(t, name, text, `{files: "decks:**", name: "{stem}", tags: ["{dirs}", All], join: {table: `+name+
			`, on: "{Path}/{Name}", strip: sites/mkt/Shared Documents/, columns: {externalId: ID, name: Title, tags: Keywords}, keep: [Owner]}}`, files...)
		for range 2 {
			if d := cmp.Diff(want, brief(t, s)); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
		var unused []string
		if name == "t.csv" {
			unused = []string{`warning t.csv:1:7: M097: 1 column is not used: "Unused" (map them, or list them under keep:)`}
		}
		got, c := check(t, s)
		if !slices.Equal(got, unused) || len(c.Files) != 3 || c.Files[2].Name != name || c.Digest == "" {
			t.Errorf("%s: %q, %+v", name, got, c)
		}
	}
}

func TestJoinedColumnsWithTheNamesOfFieldsAreFields(t *testing.T) {
	s := joinedTo(t, "t.csv", "where,name,permissions.isShareable,file,Whatever\na.pdf,The A,no,x,y\n", `{files: "decks:**", permissions: {isAnnotatable: true}, join: {table: t.csv, on: where}}`, "a.pdf")
	it := items(t, s)[0]
	if it.Fields.Name.Value != "The A" || !it.Fields.IsShareable.Set || it.Fields.IsShareable.Value || !it.Fields.IsAnnotatable.Value || it.File != "decks:a.pdf" {
		t.Errorf("%+v", it)
	}
	if got, _ := check(t, s); got != nil {
		t.Errorf("%q", got)
	}
}

func TestProblemsOfJoins(t *testing.T) {
	const simple = `{files: "decks:**/*.pdf", join: {table: t.csv, on: P}}`
	for _, c := range []struct {
		name, include, table string
		files, want          []string
	}{
		{"nothing fits", `{files: "decks:**/*.pdf", join: {table: t.csv, on: P, strip: wrong/}}`, "P\nsites/x/a.pdf\n", []string{"a.pdf"},
			[]string{`t.csv:2: M083: no row of "t.csv" is about a file of "decks:**/*.pdf": this row is about "sites/x/a.pdf", and a file is "a.pdf" (correct on: and strip: of the join)`}},
		{"two rows", simple, "P,Q\na.pdf,1\nb.pdf,2\n./a.pdf,3\n", []string{"a.pdf", "b.pdf"},
			[]string{`t.csv:4: M084: a second row about decks:a.pdf, also at t.csv:2 (remove one of them)`}},
		{"two rows for what nobody takes", simple, "P\na.pdf\nb.txt\nb.txt\n", []string{"a.pdf", "b.txt"}, nil},
		{"rows without files", simple, "P,Q\na.pdf,1\ngone/1.pdf,\ngone/2.pdf,\ngone/3.pdf,\ngone/4.pdf,\n,5\n", []string{"a.pdf"},
			[]string{`warning t.csv:3: M085: 5 rows of "t.csv" are about files that are not there: "gone/1.pdf", "gone/2.pdf", "gone/3.pdf" and 2 more (copy the files, or correct the paths)`}},
		{"a row that names no file", simple, "P,Q\na.pdf,1\n,5\n", []string{"a.pdf"},
			[]string{`warning t.csv:3: M085: 1 row of "t.csv" is about files that are not there: an empty path (t.csv:3) (copy the files, or correct the paths)`}},
		{"rows of other folders", `{files: "decks:emea/*", join: {table: t.csv, on: P}}`, "P\nEMEA/a.pdf\nemea/b.pdf\napac/c.pdf\n", []string{"emea/a.pdf", "emea/b.pdf"},
			[]string{`warning t.csv:2: M087: the row writes "EMEA/a.pdf", for file decks:emea/a.pdf (correct the path in the table)`}},
		{"files without rows", simple, "P\na.pdf\n", []string{"a.pdf", "b.pdf"},
			[]string{`warning m.yaml:7:11: M086: 1 file has no row in "t.csv": decks:b.pdf (complete the table, or exclude them)`}},
		{"no rows", simple, "P\n", []string{"a.pdf"},
			[]string{`m.yaml:7:43: M071: table "t.csv" has no rows (export it again, or remove the include)`}},
		{"no table", `{files: "decks:**/*.pdf", join: {table: u.csv, on: P}}`, "", []string{"a.pdf"},
			[]string{`m.yaml:7:43: M070: table "u.csv" does not exist (correct the path, which is relative to the manifest, or put the file there)`}},
		{"no such column", simple, "Q\na.pdf\n", []string{"a.pdf"},
			[]string{`m.yaml:7:43: M076: join.on: the table has no column "P" (the table has Q)`}},
		{"a ragged row", simple, "P,Q\na.pdf,1\nb.pdf\n", []string{"a.pdf"},
			[]string{`t.csv:3: M074: the row has 1 cell, the header row 2 (add or remove separators, and quote cells that hold one)`}},
		{"a bad cell", `{files: "decks:**/*.pdf", join: {table: t.csv, on: P, columns: {isSensitive: Q}}}`, "P,Q\na.pdf,perhaps\n", []string{"a.pdf"},
			[]string{`t.csv:2:2: M007: isSensitive is "perhaps", for file decks:a.pdf (write true or false (or yes, no, 1, 0))`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := check(t, joinedTo(t, "t.csv", c.table, c.include, c.files...))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTheRowWithTheSameCapitalsComesFirst(t *testing.T) {
	s := joinedTo(t, "t.csv", "P,Q\nA.pdf,upper\na.pdf,lower\nB.PDF,other\n", `{files: "decks:**", join: {table: t.csv, on: P, keep: [Q]}}`, "a.pdf", "b.pdf")
	want := []string{"decks/a.pdf <- decks:a.pdf Q:lower", "decks/b.pdf <- decks:b.pdf Q:other !M087"}
	if d := cmp.Diff(want, brief(t, s)); d != "" {
		t.Error(d)
	}
	got, _ := check(t, s)
	if !slices.ContainsFunc(got, func(l string) bool {
		return strings.Contains(l, `M085: 1 row of "t.csv" is about files that are not there: "A.pdf"`)
	}) {
		t.Errorf("the row with other capitals is lost: %q", got)
	}
}

func TestPathsOfRows(t *testing.T) {
	for _, c := range []struct{ path, strip, want string }{
		{"a/b.pdf", "", "a/b.pdf"},
		{`\a\b.pdf`, "", "a/b.pdf"},
		{" /a//./b.pdf ", "", "a/b.pdf"},
		{"sites/x/a.pdf", "sites/x/", "a.pdf"},
		{"sites/x/a.pdf", "/Sites/X", "a.pdf"},
		{"sites/xy/a.pdf", "sites/x", "sites/xy/a.pdf"},
		{"sites/x", "sites/x", ""},
		{"https://acme.example/sites/a.pdf", "https://acme.example/sites/", "a.pdf"},
		{"", "x", ""},
	} {
		if got := joinPath(c.path, c.strip); got != c.want {
			t.Errorf("%q without %q is %q, want %q", c.path, c.strip, got, c.want)
		}
	}
}

// Reading that is cut short leaves nothing behind.
func TestJoinsEndWithTheContext(t *testing.T) {
	s := joinedTo(t, "t.csv", "Path,name\na.pdf,A\n", `{files: "decks:**", join: {table: t.csv, on: Path}}`, "a.pdf")
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := s.readJoin(ctx, s.Manifest.Includes[0].Join)
	left, dirErr := os.ReadDir(tmp)
	if !errors.Is(err, context.Canceled) || dirErr != nil || len(left) > 0 {
		t.Errorf("error: %v; left: %v %v", err, left, dirErr)
	}
}
