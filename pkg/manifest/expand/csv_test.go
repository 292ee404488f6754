package expand

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
)

func TestRowsBecomeItems(t *testing.T) {
	s := tableSet(t, "t.csv", "\xef\xbb\xbf externalId ;file;name;tags;languages;permissions.isShareable;isSensitive;expiresAt;lockedPages;enforcedPages.prepend;enforcedPages.append;allowEmpty;Old URL;description;division;downloadableExternal;url\r\n"+
		"007;a\\b.pptx;\"Deck; \"\"new\"\"\";\"x ; y\";;YES;0;2027-01-01;1-2; ;;no;http://old;\"two\nlines\";;pdf;\r\n"+
		";;;;;;;;;;;;;;;;\r\n"+
		"'=8;c.pptx;null;[];de;1;false;'+18 months;[];1-1;3;TRUE;;null;Other;[];\r\n"+
		"b9;;;;;;;;;;;;;;;;https://x.example/a\n", "  keep: [Old URL]\n")
	problems, c := check(t, s)
	if problems != nil || c.Items != 3 {
		t.Fatalf("%+v %q", c, problems)
	}
	authors := manifest.Some([]string{"jane@example.com"})
	want := []manifest.Item{
		{Pos: manifest.Pos{File: "t.csv", Line: 2}, ExternalID: "007", File: `a\b.pptx`, Location: manifest.Location{Path: "a/b.pptx"}, Division: "D",
			Keep: []manifest.KeepKV{{Key: "Old URL", Value: "http://old"}},
			Fields: manifest.Fields{
				Authors: authors,
				Name:    manifest.Some(`Deck; "new"`), Description: manifest.Some("two\nlines"),
				Tags: manifest.Some([]manifest.Tag{{Name: "x"}, {Name: "y"}}), IsShareable: manifest.Some(true), IsSensitive: manifest.Some(false),
				ExpiresAt:            manifest.Some(manifest.Instant{At: time.Date(2027, 1, 1, 23, 59, 59, 0, time.UTC)}),
				LockedPages:          manifest.Some([]manifest.PageRange{{Start: 1, End: 2}}),
				DownloadableExternal: manifest.Some([]string{"pdf"}),
			}},
		{Pos: manifest.Pos{File: "t.csv", Line: 4}, ExternalID: "=8", File: "c.pptx", Location: manifest.Location{Path: "c.pptx"}, Division: "Other", AllowEmpty: true,
			Keep: []manifest.KeepKV{{Key: "Old URL"}},
			Fields: manifest.Fields{
				Authors: authors,
				Tags:    manifest.Some([]manifest.Tag{}), Languages: manifest.Some([]string{"de"}), IsShareable: manifest.Some(true), IsSensitive: manifest.Some(false),
				Description: manifest.Null[string](), ExpiresAt: manifest.Some(manifest.Instant{Relative: "+18 months", Months: 18}),
				LockedPages: manifest.Some([]manifest.PageRange{}), DownloadableExternal: manifest.Some([]string{}),
				EnforcedPages: manifest.Some(manifest.EnforcedPages{Prepend: []manifest.PageRange{{Start: 1, End: 1}}, Append: []manifest.PageRange{{Start: 3, End: 3}}}),
			}},
		{Pos: manifest.Pos{File: "t.csv", Line: 5}, ExternalID: "b9", URL: "https://x.example/a", Division: "D", Keep: []manifest.KeepKV{{Key: "Old URL"}},
			Fields: manifest.Fields{Authors: authors}},
	}
	if d := cmp.Diff(want, items(t, s)); d != "" {
		t.Error(d)
	}
}

func TestColumnsAreMapped(t *testing.T) {
	s := tableSet(t, "t.csv", "ID,Folder,File,Keywords,Share,Owner,Rest\n1,/a/,b.pdf,x|y;z,no,Bo,-\n2,,c.pdf,,,,\n3,,,,,,\n", `  columns:
    externalId: ID
    file: "{Folder}/{File}"
    name: "{Owner}: {File}"
    tags: {column: Keywords, split: "|"}
    permissions.isShareable: Share
  keep: [Owner, ID]
`)
	problems, _ := check(t, s)
	if d := cmp.Diff([]string{"t.csv:4: M024: the item has neither file nor url (write file: with a path, or url: with an address)",
		`warning t.csv:1:7: M097: 1 column is not used: "Rest" (map them, or list them under keep:)`}, problems); d != "" {
		t.Error(d)
	}
	got := items(t, s)
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if it := got[0]; it.File != "a/b.pdf" || it.Fields.Name.Value != "Bo: b.pdf" || !cmp.Equal(it.Fields.Tags.Value, []manifest.Tag{{Name: "x"}, {Name: "y;z"}}) ||
		it.Fields.IsShareable != manifest.Some(false) || !cmp.Equal(it.Keep, []manifest.KeepKV{{Key: "Owner", Value: "Bo"}, {Key: "ID", Value: "1"}}) {
		t.Errorf("%+v", it)
	}
	if it := got[1]; it.File != "c.pdf" || it.Fields.Tags.Set || it.Fields.Name.Value != ": c.pdf" {
		t.Errorf("%+v", it)
	}
}

func TestPathsFromTemplates(t *testing.T) {
	for _, tt := range []struct{ template, folder, file, want string }{
		{"{A}/{B}", "x", "y", "x/y"}, {"{A}/{B}", "", "y", "y"}, {"{A}/{B}", "x/", "y", "x/y"}, {"{A}/{B}", "/x", "y", "x/y"},
		{"/srv/{A}/{B}", "", "y", "/srv/y"}, {"decks:{A}/{B}", "", "y", "decks:/y"}, {"{A}{B}", `\\server\share\`, "y", `\\server\share\y`}, {"{A}{B}", "s3://b/", "y", "s3://b/y"},
	} {
		tmpl, err := manifest.ParseTemplate(tt.template)
		if err != nil {
			t.Fatal(err)
		}
		s := tmpl.Expand(func(c string) string { return map[string]string{"A": tt.folder, "B": tt.file}[c] })
		if got := joined(tmpl, s); got != tt.want {
			t.Errorf("%s with %q and %q: %q, want %q", tt.template, tt.folder, tt.file, got, tt.want)
		}
	}
}

func TestTableProblems(t *testing.T) {
	const mapped = "  columns: {externalId: ID, file: F}\n"
	tests := []struct {
		name, text, include string
		want                []string
	}{
		{"empty", "", "", []string{`m.yaml:6:10: M071: table "t.csv" has no rows (export it again, or remove the include)`}},
		{"header only", "externalId,file\n\n", "", []string{`m.yaml:6:10: M071: table "t.csv" has no rows (export it again, or remove the include)`}},
		{"Windows-1252", "externalId,file\na,x\nb,caf\xe9\n", "", []string{`warning t.csv: M090: the table is not UTF-8 and read as Windows-1252 (if accented letters come out wrong, write encoding: in the include, or save it as CSV UTF-8)`}},
		{"damaged UTF-8", "externalId,file,name\na,x,\u00e9\nb,y,caf\xe9\nc,z,maybe\nd,caf\xe9 \u00e9,\n", "", []string{
			`t.csv:3:3: M002: the table is UTF-8, and byte E9 in this cell is not (correct the cell; or write encoding: in the include if all of the table has another one)`,
			`t.csv:5:2: M002: the table is UTF-8, and byte E9 in this cell is not (correct the cell; or write encoding: in the include if all of the table has another one)`}},
		{"ragged", "externalId,file\na\nb,x,y\nc,x,,\nd,x\n", "", []string{
			"t.csv:2: M074: the row has 1 cell, the header row 2 (add or remove separators, and quote cells that hold one)",
			"t.csv:3: M074: the row has 3 cells, the header row 2 (add or remove separators, and quote cells that hold one)"}},
		{"unknown columns", "externalId,file,tagz,Owner,\na,x,,,\n", "", []string{
			`t.csv:1:3: M075: column "tagz" is no field (did you mean "tags"? rename it, or list it under keep:)`,
			`t.csv:1:4: M075: column "Owner" is no field (did you mean "authors"? rename it, or list it under keep:)`}},
		{"columns without a name", "externalId,file,,\na,x,,\nb,y,,z\nc,z,,z\n", "", []string{`t.csv:3:4: M073: the cell stands in column D, which has no name (name the column in the first row, or empty it)`}},
		{"columns twice", "externalId,file,file\na,x,y\n", "", []string{`t.csv:1:3: M073: two columns are named "file", also at t.csv:1:2 (rename one of them)`}},
		{"required columns", "name,tags\na,b\n", "", []string{
			"t.csv:1: M077: no column gives the externalId (add the column to the table, or map one with columns:)",
			"t.csv:1: M077: no column gives the file or url (add the column to the table, or map one with columns:)"}},
		{"required mapping", "name,tags\na,b\n", "  columns: {name: name}\n", []string{
			"t.csv:1: M077: no column gives the externalId (add the column to the table, or map one with columns:)",
			"t.csv:1: M077: no column gives the file or url (add the column to the table, or map one with columns:)",
			`warning t.csv:1:2: M097: 1 column is not used: "tags" (map them, perhaps {tags: "tags"}, or list them under keep:)`}},
		{"mapped columns missing", "Id,File\na,b\n", "  columns: {externalId: ID, file: '{Folder}/{File}', name: Title}\n  keep: [Owner]\n", []string{
			`m.yaml:6:10: M076: include.keep: the table has no column "Owner" (the table has Id, File)`,
			`m.yaml:7:25: M076: columns.externalId: the table has no column "ID" (did you mean "Id"?)`,
			`m.yaml:7:35: M076: columns.file: the table has no column "Folder" (the table has Id, File)`,
			`m.yaml:7:60: M076: columns.name: the table has no column "Title" (the table has Id, File)`}},
		{"other columns are passed over", "ID,F,F2,,F2\na,x,,,\n", mapped, []string{`t.csv:1:5: M073: two columns are named "F2", also at t.csv:1:3 (rename one of them)`,
			`warning t.csv:1:3: M097: 1 column is not used: "F2" (map them, or list them under keep:)`}},
		{"bare quote", "externalId,file\na,x\nb,y\"z\n", "", []string{`t.csv:3:2: M072: a " stands in the middle of a cell that does not begin with one (quote cells that hold quotes, and double the quotes inside)`}},
		{"open quote", "externalId,file\na,x\nb,\"y\nc,z\n", "", []string{`t.csv:3:2: M072: a quoted cell does not end as it should (close the quote, and double each " inside the cell)`}},
		{"what follows a bad quote", "externalId,file,isSensitive\na,x,maybe\nb,\"y\" z,no\nc,\"y\",soon\n", "", []string{
			`t.csv:2:3: M007: isSensitive is "maybe" (write true or false (or yes, no, 1, 0))`,
			`t.csv:3:2: M072: a quoted cell does not end as it should (close the quote, and double each " inside the cell)`,
			`t.csv:4:3: M007: isSensitive is "soon" (write true or false (or yes, no, 1, 0))`}},
		{"only bad quotes", "externalId,file\na,x\"\n", "", []string{`t.csv:2:2: M072: a " stands in the middle of a cell that does not begin with one (quote cells that hold quotes, and double the quotes inside)`}},
		{"other cells beside an unknown column", "externalId,file,naem,isSensitive\na,x,N,maybe\na,,N,\n", "  keep: [Gone]\n", []string{
			`m.yaml:6:10: M076: include.keep: the table has no column "Gone" (the table has externalId, file, naem, isSensitive)`,
			`t.csv:1:3: M075: column "naem" is no field (did you mean "name"? rename it, or list it under keep:)`,
			`t.csv:2:4: M007: isSensitive is "maybe" (write true or false (or yes, no, 1, 0))`,
			"t.csv:3: M024: the item has neither file nor url (write file: with a path, or url: with an address)",
			`t.csv:3:1: M021: external ID "a" is used twice, also at t.csv:2:1 (give one of the items another ID, or remove it)`}},
		{"other cells beside a missing column", "ID,F,S\na,x,maybe\n", "  columns: {externalId: ID, file: F, name: Title, isSensitive: S}\n", []string{
			`m.yaml:7:44: M076: columns.name: the table has no column "Title" (the table has ID, F, S)`,
			`t.csv:2:3: M007: isSensitive is "maybe", in column "S" (write true or false (or yes, no, 1, 0))`}},
		{"a misspelt column that every row needs", "externlId,fiel,isSensitive\na,x,maybe\n", "", []string{
			`t.csv:1:1: M075: column "externlId" is no field (did you mean "externalId"? rename it, or list it under keep:)`,
			`t.csv:1:2: M075: column "fiel" is no field (did you mean "file"? rename it, or list it under keep:)`,
			`t.csv:2:3: M007: isSensitive is "maybe" (write true or false (or yes, no, 1, 0))`}},
		{"a column that every row needs and nothing resembles", "No.,file,isSensitive\na,x,maybe\n", "", []string{
			`t.csv:1:1: M075: column "No." is no field (rename it, or list it under keep:)`,
			"t.csv:1: M077: no column gives the externalId (add the column to the table, or map one with columns:)"}},
		{"a mapped column that every row needs", "ID,F,S\na,x,maybe\n", "  columns: {externalId: ID, file: F, division: Team, isSensitive: S}\n", []string{
			`m.yaml:7:48: M076: columns.division: the table has no column "Team" (the table has ID, F, S)`}},
		{"values", "externalId,file,isSensitive,lockedPages,expiresAt,tags,languages\na,x,maybe,2-1;x,soon,a;A,\" \"\n b,y,,,,,\n", "", []string{
			`t.csv:2:3: M007: isSensitive is "maybe" (write true or false (or yes, no, 1, 0))`,
			`t.csv:2:4: M050: lockedPages: 2 to 1 is no range of pages (pages count from 1, and end is not before start)`,
			`t.csv:2:4: M050: lockedPages: "x" is no range of pages (write 1-2; 5)`,
			`t.csv:2:5: M040: expiresAt: "soon" is no date (write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months")`,
			`warning t.csv:2:6: M033: tag "A" is listed twice (remove one)`,
			`t.csv:3:1: M020: externalId " b" has white space around it (write "b")`}},
		{"null ID", "externalId,file\nnull,x\n", "", []string{`t.csv:2: M020: the item has no externalId (give it one that never changes, for instance its ID in the old system)`}},
		{"endless row", "externalId,file\na,\"" + strings.Repeat("x\n", table.MaxRow/2+100_000) + "\"\n", "", []string{"t.csv:2: M072: a row is longer than 8 MB (look for a quote that is never closed)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := check(t, tableSet(t, "t.csv", tt.text, tt.include))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestGuardsOfReportsAreTakenBack(t *testing.T) {
	for in, want := range map[string]string{
		"'=1": "=1", "'+1": "+1", "'-1": "-1", "'@x": "@x", "''=1": "'=1", "'\tx": "\tx", "'x": "'x", "'": "'", "''": "''", "=1": "=1", "": "", "'é": "'é",
	} {
		if got := unguard(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
