package expand

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestLeftovers(t *testing.T) {
	dir := folder(t, "m.yaml\n"+header+`roots: {all: ., decks: decks, twin: ./decks/., site: 'decks/site'}
assets: [{externalId: one, file: decks/one.pdf}, {externalId: two, file: "twin:cafe`+"\u0301"+`.pdf"}]
include:
- {files: "decks:q3/**", exclude: [q3/old], join: {table: t.csv, on: P}}
- table: u.csv
`, "t.csv\nP\nq3/a.pdf\nq3/gone.pdf\nq3/old/b.pdf\n", "u.csv\nexternalId,file\nx,decks:x.pdf\n",
		"decks/one.pdf\n1", "decks/caf\u00e9.pdf\n1", "decks/x.pdf\n1", "decks/y.pdf\n12", "decks/q3/a.pdf\n1", "decks/q3/old/b.pdf\n1", "decks/q3/.c\n1", "decks/~$x.pdf\n1",
		"decks/site/s.pdf\n1", "elsewhere.txt\n123", "m.state.db\nx", "m.runs/1/x\nx")
	s := open(t, dir)
	read := func() (got []string) {
		t.Helper()
		for l, err := range s.Leftovers(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprintf("%s %s %d", l.Reason, l.Source, l.Size)
			if l.Detail != "" {
				line += " " + l.Detail
			}
			if l.Pos.Line != 0 {
				line += fmt.Sprintf(" %s:%d", filepath.Base(l.Pos.File), l.Pos.Line)
			}
			got = append(got, line)
		}
		return got
	}
	want := []string{
		"no-item all:elsewhere.txt 3",
		"hidden decks:q3/.c 1 m.yaml:8",
		"excluded decks:q3/old/b.pdf 1 q3/old m.yaml:8",
		"no-item decks:y.pdf 2",
		"temporary decks:~$x.pdf 1",
		"no-item site:s.pdf 1",
		"no-file decks:q3/gone.pdf 0 t.csv:3",
	}
	if d := cmp.Diff(want, read()); d != "" {
		t.Error(d)
	}
	if err := os.WriteFile(filepath.Join(dir, "decks/q3/late.pdf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(); !slices.Contains(got, "new decks:q3/late.pdf 0 m.yaml:8") {
		t.Errorf("%q", got)
	}
}

func TestLeftoversOfTheManifestsFolderAreThoseThatPatternsMatch(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+header+"roots: {decks: decks}\ninclude:\n- {files: '**/*.pdf', exclude: [old/**]}\n- files: \"old/x/*\"\n",
		"a.pdf\n1", "b.txt\n1", ".c.pdf\n1", "old/d.pdf\n1", "old/x/e.txt\n1", "old/x/~$f.txt\n1", "decks/g.pdf\n1", "decks/h.txt\n1"))
	var got []string
	for l, err := range s.Leftovers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l.Reason+" "+l.Source)
	}
	want := []string{"no-item decks:h.txt", "hidden .c.pdf", "excluded old/d.pdf", "temporary old/x/~$f.txt"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLeftoversTellOfWhatCannotBeListed(t *testing.T) {
	s := library(t, `{files: "decks:*.pdf"}`, "a.pdf")
	if got := brief(t, s); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	s.Sources["decks"] = closedFolder(t, "a.pdf")
	var got []manifest.Leftover
	for l, err := range s.Leftovers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	want := []manifest.Leftover{{Reason: manifest.LeftUnlisted, Source: "decks:closed", Detail: "file cannot be read"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
