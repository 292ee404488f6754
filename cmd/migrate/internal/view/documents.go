package view

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/report"
)

// Column is a column of a table of documents.
type Column struct {
	Name string                           // the path of a member, such as division.id; the heading too
	Cell func(doc json.RawMessage) string // what to show; nil: the member of that path
}

// cell is what the column shows of a document; members are those of its top.
func (c Column) cell(doc json.RawMessage, members map[string]json.RawMessage) string {
	if c.Cell != nil {
		return c.Cell(doc)
	}
	top, below, nested := strings.Cut(c.Name, ".")
	if nested {
		return Member(members[top], below)
	}
	return textOf(members[top])
}

// membersOf is a document taken apart, once for all columns; nil when it is no object.
func membersOf(doc json.RawMessage) (m map[string]json.RawMessage) {
	if json.Unmarshal(doc, &m) != nil {
		return nil
	}
	return m
}

// Documents shows documents of the service one by one: as a table for people, as a
// CSV table, or as they came. It holds no more than the first rows of a table.
type Documents struct {
	Only bool // of a single document, the columns and no more

	w       *bufio.Writer
	format  string
	columns []Column
	csv     *report.CSV
	first   [][]string // rows of a table, until their widths are known
	widths  []int      // nil: not known yet
	n       int
}

const (
	// measured is how many rows decide about the widths of a table.
	measured = 500
	// widest is how far a cell pushes the next column; longer ones stick out.
	widest = 44
)

// NewDocuments begins to show documents on w. Format is table, json, ndjson (one a
// line) or csv.
func NewDocuments(w io.Writer, format string, sep rune, columns []Column) (*Documents, error) {
	d := &Documents{w: bufio.NewWriter(w), format: format, columns: columns}
	var err error
	if format == "csv" {
		if d.csv, err = report.NewCSV(w, sep); err == nil {
			err = d.csv.Row(d.names()...)
		}
	}
	return d, err
}

func (d *Documents) names() []string {
	names := make([]string, len(d.columns))
	for i, c := range d.columns {
		names[i] = c.Name
	}
	return names
}

// Add shows one more document of a list.
func (d *Documents) Add(doc json.RawMessage) error {
	d.n++
	if d.format == "ndjson" {
		var b bytes.Buffer
		if err := json.Compact(&b, doc); err != nil {
			return err
		}
		_, err := d.w.WriteString(JSONText(b.Bytes()) + "\n")
		return err
	}
	if d.format == "json" {
		begin := ",\n"
		if d.n == 1 {
			begin = "{\"items\":[\n"
		}
		_, err := d.w.WriteString(begin + JSONText(doc))
		return err
	}
	cells, members := make([]string, len(d.columns)), membersOf(doc)
	for i, c := range d.columns {
		cells[i] = c.cell(doc, members)
	}
	if d.format == "csv" {
		return d.csv.Row(cells...)
	}
	for i := range cells {
		cells[i] = Clean(cells[i])
	}
	if d.widths != nil {
		return d.row(cells)
	}
	if d.first = append(d.first, cells); len(d.first) == measured {
		return d.begin()
	}
	return nil
}

// begin writes the heading and the rows that were kept.
func (d *Documents) begin() error {
	rows := append([][]string{d.names()}, d.first...)
	d.first, d.widths = nil, make([]int, len(d.columns))
	for _, row := range rows {
		for i, cell := range row {
			d.widths[i] = max(d.widths[i], min(utf8.RuneCountInString(cell), widest))
		}
	}
	for _, row := range rows {
		if err := d.row(row); err != nil {
			return err
		}
	}
	return nil
}

func (d *Documents) row(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", max(0, d.widths[i]-utf8.RuneCountInString(cell))+2))
		}
	}
	_, err := d.w.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	return err
}

// End ends a list. Total is how many the service says there are; the number shown
// where it does not. A table without rows is its heading.
func (d *Documents) End(total int) error {
	switch d.format {
	case "csv":
		return d.csv.Close()
	case "ndjson":
	case "json":
		begin := "\n"
		if d.n == 0 {
			begin = "{\"items\":["
		}
		fmt.Fprintf(d.w, "%s],\"count\":%d}\n", begin, total)
	default:
		if d.widths == nil {
			if err := d.begin(); err != nil {
				return err
			}
		}
	}
	return d.w.Flush()
}

// Break writes what came before a list was cut off by an error; a JSON document stays
// without its end, so that nobody takes it for whole.
func (d *Documents) Break() error {
	switch d.format {
	case "csv":
		return d.csv.Close()
	case "ndjson":
	case "json":
		if d.n > 0 {
			d.w.WriteString("\n")
		}
	default:
		if d.widths == nil && d.n > 0 {
			if err := d.begin(); err != nil {
				return err
			}
		}
	}
	return d.w.Flush()
}

// Shown is how many documents were added.
func (d *Documents) Shown() int { return d.n }

// One shows a single document: its members one a line, a CSV table of one row, or
// the document as it came.
func (d *Documents) One(doc json.RawMessage) error {
	switch d.format {
	case "json":
		_, err := d.w.WriteString(JSONText(doc) + "\n")
		if err != nil {
			return err
		}
		return d.w.Flush()
	case "csv":
		if err := d.Add(doc); err != nil {
			return err
		}
		return d.csv.Close()
	}
	shown := map[string]Column{}
	for _, c := range d.columns {
		shown[c.Name] = c
	}
	names, err := memberNames(doc)
	if err != nil {
		return fmt.Errorf("the answer is no object: %w", err)
	}
	if d.Only {
		names = d.names()
	}
	width, members := 0, membersOf(doc)
	for _, name := range names {
		width = max(width, utf8.RuneCountInString(name))
	}
	for _, name := range names {
		c, known := shown[name]
		if !known {
			c = Column{Name: name, Cell: func(json.RawMessage) string { return textOf(members[name]) }}
		}
		if text := Clean(c.cell(doc, members)); text != "" || d.Only {
			fmt.Fprintln(d.w, strings.TrimRight(fmt.Sprintf("%-*s  %s", width, Clean(name), text), " "))
		}
	}
	return d.w.Flush()
}

// memberNames are the names of an object's members, in their order.
func memberNames(doc json.RawMessage) (names []string, err error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return names, err
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return names, err
		}
		names = append(names, fmt.Sprint(name))
	}
	return names, nil
}

// Member is the text of the member at a path such as division.id; "" when it is
// absent or null. Elements of an array are joined by commas.
func Member(doc json.RawMessage, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		doc = memberOf(doc, name)
	}
	return textOf(doc)
}

// IDs are the ids of the objects in the member called name.
func IDs(doc json.RawMessage, name string) (ids []string) {
	var list []json.RawMessage
	if json.Unmarshal(memberOf(doc, name), &list) != nil {
		return nil
	}
	for _, e := range list {
		if id := textOf(memberOf(e, "id")); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func memberOf(doc json.RawMessage, name string) json.RawMessage { return membersOf(doc)[name] }

// textOf is a value as a cell shows it.
func textOf(v json.RawMessage) string {
	v = bytes.TrimSpace(v)
	if len(v) == 0 || string(v) == "null" {
		return ""
	}
	switch v[0] {
	case '"':
		var s string
		if json.Unmarshal(v, &s) == nil {
			return s
		}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(v, &list) == nil {
			texts := make([]string, len(list))
			for i, e := range list {
				texts[i] = textOf(e)
			}
			return strings.Join(texts, ", ")
		}
	case '{':
		var m map[string]json.RawMessage
		if json.Unmarshal(v, &m) != nil {
			break
		}
		for _, name := range []string{"id", "code"} {
			if len(m) == 1 && m[name] != nil {
				return textOf(m[name])
			}
		}
		if len(m) == 2 && m["start"] != nil && m["end"] != nil {
			return textOf(m["start"]) + "-" + textOf(m["end"])
		}
		var b bytes.Buffer
		if json.Compact(&b, v) == nil {
			return b.String()
		}
	}
	return string(v)
}

// JSONText is JSON as it came, except that characters which could steer a terminal
// are written as escapes: a string that has them means the same.
func JSONText(doc []byte) string {
	text := string(bytes.TrimSpace(doc))
	if !strings.ContainsFunc(text, steers) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if steers(r) {
			b.WriteString(`\u` + fmt.Sprintf("%04x", r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// steers is true for what may stand in a JSON text and could steer a terminal.
func steers(r rune) bool { return r >= 0x7f && unsafeRune(r) }
