package expand

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
)

func TestObjectsBecomeItems(t *testing.T) {
	s := tableSet(t, "t.ndjson", "\xef\xbb\xbf"+`{"externalId": 7, "file": "a.pptx", "tags": ["x", {"id": "t1"}], "permissions": {"isShareable": false}, "keep": {"a": "b"}, "old": ["p", 2], "url": null}`+"\r\n\n"+
		`{"externalId":"8","file":"b.pptx","enforcedPages":{"prepend":[{"start":1,"end":2}],"append":null},"old":null}`, "  keep: [old]\n")
	problems, c := check(t, s)
	if problems != nil || c.Items != 2 {
		t.Fatalf("%+v %q", c, problems)
	}
	authors := manifest.Some([]string{"jane@example.com"})
	want := []manifest.Item{
		{Pos: manifest.Pos{File: "t.ndjson", Line: 1}, ExternalID: "7", File: "a.pptx", Location: manifest.Location{Path: "a.pptx"}, Division: "D",
			Keep:   []manifest.KeepKV{{Key: "old", Value: "p; 2"}, {Key: "a", Value: "b"}},
			Fields: manifest.Fields{Authors: authors, Tags: manifest.Some([]manifest.Tag{{Name: "x"}, {ID: "t1"}}), IsShareable: manifest.Some(false)}},
		{Pos: manifest.Pos{File: "t.ndjson", Line: 3}, ExternalID: "8", File: "b.pptx", Location: manifest.Location{Path: "b.pptx"}, Division: "D",
			Keep:   []manifest.KeepKV{{Key: "old"}},
			Fields: manifest.Fields{Authors: authors, EnforcedPages: manifest.Some(manifest.EnforcedPages{Prepend: []manifest.PageRange{{Start: 1, End: 2}}})}},
	}
	got := items(t, s)
	for i := range got {
		got[i].Pos.Column = 0
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestKeysAreMapped(t *testing.T) {
	s := tableSet(t, "t.ndjson", `{"id":1,"dir":"a","file":"b.pdf","kw":"x|y","list":["de"],"share":true,"other":{"deep":1}}
{"id":"2","dir":"","file":"c.pdf","kw":"","share":"no"}
`, `  columns: {externalId: id, file: "{dir}/{file}", tags: {column: kw, split: "|"}, languages: list, permissions.isShareable: share}
  keep: [dir]
`)
	problems, _ := check(t, s)
	if problems != nil {
		t.Fatalf("%q", problems)
	}
	got := items(t, s)
	if it := got[0]; it.ExternalID != "1" || it.File != "a/b.pdf" || len(it.Fields.Tags.Value) != 2 || it.Fields.Languages.Value[0] != "de" || it.Fields.IsShareable != manifest.Some(true) {
		t.Errorf("%+v", it)
	}
	if it := got[1]; it.ExternalID != "2" || it.File != "c.pdf" || it.Fields.Tags.Set || it.Fields.IsShareable != manifest.Some(false) || it.Keep[0].Value != "" {
		t.Errorf("%+v", it)
	}
}

func TestNDJSONProblems(t *testing.T) {
	tests := []struct {
		name, text, include string
		want                []string
	}{
		{"empty", "\n\n", "", []string{`m.yaml:6:10: M071: table "t.ndjson" has no rows (export it again, or remove the include)`}},
		{"syntax", "{\"externalId\":\"a\",\"file\":\"x\"}\n{\"externalId\":}\n{\"externalId\":\"c\"}", "", []string{
			"t.ndjson:2:15: M072: the line is not valid JSON (write one whole object {...} on each line)",
			"t.ndjson:3:1: M024: the item has neither file nor url (write file: with a path, or url: with an address)"}},
		{"cut", "{\"externalId\":\"a\"", "", []string{"t.ndjson:1:18: M072: the line is not valid JSON (write one whole object {...} on each line)"}},
		{"two on a line", "{} {}", "", []string{"t.ndjson:1:4: M072: something follows the object on its line (put each object on a line of its own)"}},
		{"array", "[1]\n\"é\"\n", "", []string{
			"t.ndjson:1:1: M072: the line is a list (write one object {...} on each line)",
			"t.ndjson:2:1: M072: the line is a text (write one object {...} on each line)"}},
		{"latin 1", "{\"externalId\":\"\xe9\"}", "", []string{`t.ndjson:1: M002: the file is not UTF-8 (save it as UTF-8; in Excel: Save as, "CSV UTF-8")`}},
		{"strict", `{"é":1, "externalId":"a","file":"x","isSensitive":"yes","tags":"a;b","file":"y"}`, "", []string{
			`t.ndjson:1:2: M012: unknown key "é" (remove it, or put it under keep: to carry it into the results)`,
			"t.ndjson:1:51: M007: isSensitive is a text (write true or false, without quotes)",
			"t.ndjson:1:64: M007: tags is a text (write a list: [Sales, {id: ...}])",
			`t.ndjson:1:70: M006: key "file" is written twice, also at t.ndjson:1:26 (remove one of them)`}},
		{"deep", strings.Repeat("[", 100), "", []string{"t.ndjson:1:66: M072: the line is nested too deeply (write it flat)"}},
		{"mapping", "{}", "  columns: {name: n}\n", []string{
			"m.yaml:6:10: M077: no column gives the externalId (add the column to the table, or map one with columns:)",
			"m.yaml:6:10: M077: no column gives the file or url (add the column to the table, or map one with columns:)"}},
		{"endless line", `{"externalId":"` + strings.Repeat("x", table.MaxRow+100_000), "", []string{"t.ndjson: M072: a row is longer than 8 MB (look for a line without an end)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := check(t, tableSet(t, "t.ndjson", tt.text, tt.include))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
