package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestLeftoversAreCountedAndSampled(t *testing.T) {
	var l Leftovers
	for i := range 1200 {
		l.Add(manifest.Leftover{Reason: manifest.LeftNoItem, Source: fmt.Sprintf("decks:%04d.pdf", i), Size: 1000})
	}
	l.Add(manifest.Leftover{Reason: manifest.LeftExcluded, Source: "decks:\x1b[2Jold.pdf", Size: 5, Detail: "**/old*"})
	l.Add(manifest.Leftover{Reason: manifest.LeftUnlisted, Source: "decks:closed", Detail: "file cannot be read"})
	l.Add(manifest.Leftover{Reason: manifest.LeftNoFile, Source: "decks:gone.pdf", Pos: manifest.Pos{File: "t.csv", Line: 7}})
	l.Add(manifest.Leftover{Reason: manifest.LeftNoFile, Pos: manifest.Pos{File: "t.csv", Line: 8}})
	if l.Files != 1201 || l.Bytes != 1_200_005 || l.Rows != 2 || l.Folders != 1 || len(l.Samples) != someLeftovers+4 {
		t.Errorf("%d files, %d bytes, %d rows, %d folders, %d samples", l.Files, l.Bytes, l.Rows, l.Folders, len(l.Samples))
	}
	var b bytes.Buffer
	out := &printer{w: &b}
	l.text(out)
	want := `
Not included (1,201 files, 1.2 MB, 1 folder, 2 rows):
  no row names them and no pattern takes them (1,200)
    decks:0000.pdf  1.0 kB
    decks:0001.pdf  1.0 kB
    decks:0002.pdf  1.0 kB
    decks:0003.pdf  1.0 kB
    decks:0004.pdf  1.0 kB
    ... and 1,195 more (the evidence of a run lists all)
  excluded by a pattern (1)
    decks:old.pdf  5 B  by **/old*
  folders that cannot be listed (1)
    decks:closed: file cannot be read
  rows without a file (2)
    t.csv:7: decks:gone.pdf
    t.csv:8: the row names no file
`
	if d := cmp.Diff(want, b.String()); d != "" || out.err != nil {
		t.Error(d, out.err)
	}
	for _, reason := range manifest.LeftReasons() {
		if strings.TrimSpace(leftoverText[reason]) == "" {
			t.Errorf("no text for %s", reason)
		}
	}
	b.Reset()
	new(Leftovers).text(out)
	(*Leftovers)(nil).text(out)
	if b.Len() > 0 {
		t.Errorf("nothing to say, and %q is said", &b)
	}
}
