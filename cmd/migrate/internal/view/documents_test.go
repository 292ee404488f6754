package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func shown(t *testing.T, format string, columns []Column, total int, docs ...string) string {
	t.Helper()
	var b strings.Builder
	d, err := NewDocuments(&b, format, ',', columns)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		if err := d.Add(json.RawMessage(doc)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.End(total); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var someColumns = []Column{{Name: "id"}, {Name: "division.name"}, {Name: "tags", Cell: func(doc json.RawMessage) string { return "t:" + strings.Join(IDs(doc, "tags"), "+") }}}

func TestDocumentsInEachFormat(t *testing.T) {
	docs := []string{
		`{"id":"a1", "division":{"name":"Märkte\u001b[2J"},"tags":[{"id":"1"},{"id":"2"}],"x":null}`,
		`{"id":"=b","division":null,"tags":null}`,
	}
	for format, want := range map[string]string{
		"table":  "id  division.name  tags\na1  Märkte         t:1+2\n=b                 t:\n",
		"csv":    "\ufeffid,division.name,tags\r\na1,Märkte\u001b[2J,t:1+2\r\n'=b,,t:\r\n",
		"json":   "{\"items\":[\n" + docs[0] + ",\n" + docs[1] + "\n],\"count\":7}\n",
		"ndjson": strings.Replace(docs[0], ", ", ",", 1) + "\n" + docs[1] + "\n",
	} {
		if got := shown(t, format, someColumns, 7, docs...); got != want {
			t.Errorf("%s:\n%q\nwant\n%q", format, got, want)
		}
	}
	for format, want := range map[string]string{"table": "id  division.name  tags\n", "csv": "\ufeffid,division.name,tags\r\n", "json": "{\"items\":[],\"count\":0}\n", "ndjson": ""} {
		if got := shown(t, format, someColumns, 0); got != want {
			t.Errorf("nothing as %s: %q, want %q", format, got, want)
		}
	}
}

// A table of any length holds its first rows only: what comes after goes out as it comes.
func TestALongTableGoesOutAsItComes(t *testing.T) {
	var b strings.Builder
	d, err := NewDocuments(&b, "table", 0, []Column{{Name: "id"}, {Name: "n"}})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", widest+10)
	for i := range measured + 2000 {
		if err := d.Add(fmt.Appendf(nil, `{"id":"%s","n":%d}`, long, i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.first) != 0 || b.Len() == 0 {
		t.Errorf("%d rows are held, %d bytes are out", len(d.first), b.Len())
	}
	if err := d.End(0); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if lines[0] != "id"+strings.Repeat(" ", widest)+"n" || lines[2500] != long+"  2499" || d.Shown() != measured+2000 {
		t.Errorf("%q ... %q", lines[0], lines[2500])
	}
}

func TestAListThatIsCutOffIsNotWhole(t *testing.T) {
	for _, format := range []string{"table", "csv", "json", "ndjson"} {
		var b strings.Builder
		d, err := NewDocuments(&b, format, 0, []Column{{Name: "id"}})
		if err == nil {
			err = d.Add(json.RawMessage(`{"id":"a1"}`))
		}
		if err == nil {
			err = d.Break()
		}
		if err != nil || !strings.Contains(b.String(), "a1") || format == "json" && json.Valid([]byte(b.String())) || !strings.HasSuffix(b.String(), "\n") {
			t.Errorf("%s: %q, %v", format, b.String(), err)
		}
	}
}

func TestOneDocument(t *testing.T) {
	const doc = `{"id":"a1","none":null,"empty":[],"pages":[{"start":1,"end":2},{"start":4,"end":4}],"tags":[{"id":"1"}],"more":{"b":1,"a":[true]}}`
	one := func(format string, only bool) string {
		var b strings.Builder
		d, err := NewDocuments(&b, format, 0, someColumns)
		if err != nil {
			t.Fatal(err)
		}
		d.Only = only
		if err := d.One(json.RawMessage(doc)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got, want := one("table", false), "id     a1\npages  1-2, 4-4\ntags   t:1\nmore   {\"b\":1,\"a\":[true]}\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := one("table", true), "id             a1\ndivision.name\ntags           t:1\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := one("json", false); got != doc+"\n" {
		t.Errorf("%q", got)
	}
	if got := one("csv", false); got != "\ufeffid,division.name,tags\r\na1,,t:1\r\n" {
		t.Errorf("%q", got)
	}
	d, err := NewDocuments(new(strings.Builder), "table", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.One(json.RawMessage(`{"id":`)); err == nil {
		t.Error("half a document is shown")
	}
}

// JSON may hold characters that steer a terminal as they are: C1 and those that turn
// the direction of writing.
func TestJSONTextDoesNotSteer(t *testing.T) {
	const doc = "{\"a\":\"x\u009b2Jy\u202ez\u007f\",\n\"b\":\"ü\"}"
	got := JSONText([]byte(doc))
	if want := "{\"a\":\"x\\u009b2Jy\\u202ez\\u007f\",\n\"b\":\"ü\"}"; got != want {
		t.Errorf("%q", got)
	}
	var before, after map[string]string
	if err := json.Unmarshal([]byte(doc), &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &after); err != nil || before["a"] != after["a"] {
		t.Errorf("%q is another text than %q (%v)", after["a"], before["a"], err)
	}
}
