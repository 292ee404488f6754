package expand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

const mapHeader = "version: 1\ndivision: D\ndefaults: {authors: [a@example.com]}\n"

func TestMapsOfFilesAreApplied(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+mapHeader+`map:
  tags: maps.csv
  languages: {English: en}
include: [{table: t.csv}]
assets:
  - {externalId: y, file: y, tags: [old, Fine]}
`,
		"maps.csv\n\xef\xbb\xbfFrom;to;count\r\nOld;\"New; really\";7\r\nJunk;;1\r\n'=cmd;Formula;2\r\n",
		"t.csv\nexternalId,file,tags,languages\na,a,Old; Junk; Other,English\nb,b,=cmd; Other,Klingon en\nc,c,Other; Fine,de\n"))
	got, c := check(t, s)
	want := []string{`t.csv:3:4: M034: "Klingon en" in languages is no code (write codes: [en, de])`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var tags []string
	for _, it := range items(t, s) {
		var names []string
		for _, tag := range it.Fields.Tags.Value {
			names = append(names, tag.Name)
		}
		tags = append(tags, it.ExternalID+": "+strings.Join(names, "|"))
	}
	if d := cmp.Diff([]string{"y: New; really|Fine", "a: New; really|Other", "c: Other|Fine"}, tags); d != "" {
		t.Error(d)
	}
	var un []string
	for _, u := range c.Unmapped.Values {
		un = append(un, fmt.Sprintf("%s %s %d %d", u.Map, u.Value, u.Count, u.Pos.Line))
	}
	if d := cmp.Diff([]string{"tags Other 3 2", "tags Fine 2 9", "languages Klingon en 1 3"}, un); d != "" {
		t.Error(d)
	}
}

func TestMapsBelongToTheDigest(t *testing.T) {
	digest := func(csv string) digested {
		s := open(t, folder(t, "m.yaml\n"+mapHeader+"map: {tags: a.csv}\nassets: [{externalId: a, file: b}]\n", "a.csv\n"+csv))
		_, c := check(t, s)
		return digested{c.Digest, fmt.Sprint(c.Files)}
	}
	one, same, other := digest("from,to\na,b\n"), digest("from,to\na,b\n"), digest("from,to\na,c\n")
	if one != same || one.digest == other.digest || one.digest == "" || !strings.Contains(one.files, "a.csv") {
		t.Error(one, same, other)
	}
}

type digested struct{ digest, files string }

func TestProblemsOfMapFiles(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+mapHeader+`map:
  people: people.csv
  tags: tags.csv
  languages: languages.csv
  countries: missing.csv
  divisions: divisions.csv
assets:
  - {externalId: a, file: b}
`,
		"people.csv\nfrom,to\nJane,jane@example.com\nJane,x@example.com\n,y@example.com\nJohn,John Doe\n",
		"tags.csv\nold,new\na,b\n", "languages.csv\n", "divisions.csv\nto,from\nx\n\"a\n"))
	got, c := check(t, s)
	want := []string{
		"tags.csv:1: M055: the map of tags lacks the column from or to (name its columns from and to in the first row)",
		"languages.csv: M055: the map of languages is empty (write its first row: from,to)",
		`m.yaml:8:14: M070: table "missing.csv" does not exist (correct the path, which is relative to the manifest, or put the file there)`,
		"divisions.csv:2: M074: the row has 1 cells, and the columns from and to need 2 (add separators, and leave the cell empty to drop the value)",
		"divisions.csv:3:1: M072: a quoted cell does not end as it should (close the quote, and double each \" inside the cell)",
		`people.csv:3:1: M056: map.people: "Jane" has an entry already, also at people.csv:2:1 (remove one of them)`,
		"people.csv:4:1: M055: map.people: the entry names no value to map from (write the old value, or remove the line)",
		`people.csv:5:1: M035: author "John Doe" is neither an e-mail address nor an id (write the e-mail address with which the user signs in; a list of names and addresses goes under map: {people: ...})`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if c.Items != 1 || c.Digest != "" {
		t.Errorf("%+v", c)
	}
	// Nobody acts on half of a map.
	for _, err := range s.Items(t.Context()) {
		if _, ok := errors.AsType[manifest.Problems](err); !ok {
			t.Errorf("an item: %v", err)
		}
	}
}

func TestMapsAreBounded(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("tags.csv\nfrom,to\n")
	for i := range manifest.MaxMapEntries + 2 {
		fmt.Fprintf(&rows, "%d,x\n", i)
	}
	s := open(t, folder(t, "m.yaml\n"+mapHeader+"map: {tags: tags.csv}\nassets: [{externalId: a, file: b}]\n", rows.String()))
	got, _ := check(t, s)
	if d := cmp.Diff([]string{"tags.csv:100002: M055: the map of tags has more than 100000 entries (leave out values that stay as they are)"}, got); d != "" {
		t.Error(d)
	}
}

func TestMapsThatChangeMeanwhile(t *testing.T) {
	dir := folder(t, "m.yaml\n"+mapHeader+"map: {tags: tags.csv}\nassets: [{externalId: a, file: b, tags: [a]}]\n", "tags.csv\nfrom,to\na,b\n")
	s := open(t, dir)
	if got := items(t, s); got[0].Fields.Tags.Value[0].Name != "b" {
		t.Errorf("%+v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "tags.csv"), []byte("from,to\na,other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ := check(t, s)
	if len(got) != 1 || !strings.Contains(got[0], "tags.csv: M080") {
		t.Errorf("%q", got)
	}
}

// A pass that is cut short leaves nothing behind that the next one would take
// for the maps.
func TestMapsAfterACancelledPass(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+mapHeader+"map: {tags: tags.csv}\nassets: [{externalId: a, file: b, tags: [a]}]\n", "tags.csv\nfrom,to\na,b\n"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.Items(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error: %v", err)
		}
	}
	if got := items(t, s); len(got) != 1 || got[0].Fields.Tags.Value[0].Name != "b" {
		t.Errorf("%+v", got)
	}
}

func TestTagsOfCategoriesAreMapped(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+mapHeader+`map: {tags: maps.csv}
tagCategories: [{name: A, tags: [Old, Junk, Other, {id: Old}]}]
`, "maps.csv\nfrom,to\nold,New\nJunk,\n"))
	if _, err := s.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	c, err := s.Check(t.Context(), nil) // again: they are mapped once
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]manifest.Tag{{Name: "New"}, {Name: "Other"}, {ID: "Old"}}, s.Manifest.TagCategories[0].Tags.Value); d != "" {
		t.Error(d)
	}
	if u := c.Unmapped.Values; len(u) != 1 || u[0].Value != "Other" || u[0].Count != 1 || c.Warn != 0 {
		t.Errorf("%+v, %d warnings", u, c.Warn)
	}
}
