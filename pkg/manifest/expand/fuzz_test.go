package expand

import (
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// Whatever a table holds, reading it ends with rows and problems, each with a
// known code, never with a panic or an error of another kind.
func fuzzTable(t *testing.T, name, text string, mapped bool) {
	inc := manifest.Include{Table: name, Keep: []string{"Keep"}, Pos: manifest.Pos{File: "m.yaml", Line: 1, Column: 1}}
	if mapped {
		inc.Columns = map[string]manifest.Column{
			"externalId": {Column: "ID"}, "file": {Template: "{Folder}/{File}"}, "tags": {Column: "Tags", Split: "|"},
			"permissions.isShareable": {Column: "Share"}, "enforcedPages.append": {Column: "Pages"},
		}
	}
	for name, c := range inc.Columns {
		c.Pos = inc.Pos
		inc.Columns[name] = c
	}
	m, _, err := manifest.ReadHeader(strings.NewReader("version: 1\ndivision: D\n"), "m.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b := manifest.NewBuilder(m, manifest.Options{Now: now})
	var problems []manifest.Problem
	line := 0
	r := strings.NewReader(text)
	for r, err := range readTable(t.Context(), input{Reader: r, at: r, size: r.Size()}, inc, func(p manifest.Problem) { problems = append(problems, p) }) {
		if err != nil {
			ps, ok := err.(manifest.Problems)
			if !ok || len(ps) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			problems = append(problems, ps...)
			continue
		}
		if r.pos.Line <= line {
			t.Errorf("row at line %d after line %d", r.pos.Line, line)
		}
		line = r.pos.Line
		problems = append(problems, r.problems...)
		if r.unusable {
			if len(r.problems) == 0 {
				t.Error("a row is unusable and nothing says why")
			}
			continue
		}
		p := b.Item(r.value, r.keep)
		problems = append(problems, p.Problems...)
		if !p.Stopped() && manifest.ExternalIDWrong(p.Item.ExternalID) != "" {
			t.Errorf("item passes: %+v", p.Item)
		}
	}
	for _, p := range problems {
		if c, ok := manifest.CodeOf(p.Code); !ok || c.Class != p.Class || p.What == "" || p.Fix == "" || p.Pos.File == "" {
			t.Errorf("problem %+v", p)
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"externalId,file\na,b\n", "\xef\xbb\xbfexternalId;file;Keep\r\n\"a\nb\";c;d\r\n", "ID\tFolder\tFile\tTags\tShare\tPages\tKeep\n1\ta\tb\tx|y\tyes\t1-2\tk\n",
		"externalId,file\na\n", "externalId,file\n\"a", "a\"b,c\n", "\xff\xfe", ";;;\n", "externalId,file,lockedPages\nnull,'=x,1-\n", "\r\r\n\n", "\"\"\n\"\"\n",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, mapped bool) { fuzzTable(t, "t.csv", text, mapped) })
}

func FuzzNDJSON(f *testing.F) {
	for _, s := range []string{
		`{"externalId":"a","file":"b"}`, `{"ID":1,"Folder":"a","File":null,"Tags":["x"],"Share":true,"Pages":{"a":1}}`, "{}\n[]\nnull\n", `{"a":{"a":{"a":[[[]]]}}}`, `{"a":1,"a":2}`, `{"a":`, `{"permissions":{"isShareable":0},"enforcedPages":[]}`, "\xef\xbb\xbf{}", `{"externalId":1e400}`,
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, mapped bool) { fuzzTable(t, "t.ndjson", text, mapped) })
}
