package htmldoc

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"iter"
)

// Page is a whole page. All texts may come from outside, except IDs.
type Page struct {
	Title    string // of the window
	Kind     string // what the page is, in a word or two
	Sentence string // the page in one sentence
	Mark     Mark   // of the sentence
	Facts    []Fact
	Figures  []Figure
	Sections []Section
	Foot     []string // sentences
	// Script is run in the page; it is ours, never of outside. "" is none. With one,
	// the page may ask the server that it came from, and nobody else.
	Script string
}

// Fact is a name with its value, or with several.
type Fact struct {
	Name  string
	Value []string
	Code  bool // the values are set in a typewriter's letters
}

// Figure is a number that people look for first.
type Figure struct{ Name, Value, Note string }

// Section is a part of a page that its contents name.
type Section struct {
	ID    string // letters, digits and -; unique in its page
	Title string
	Count string // how many it is about; "" for none
	Parts []Part
}

// Part is a piece of a section. What it has comes in the order of the fields.
type Part struct {
	ID      string // as of a section; "" when nothing leads here
	Heading string
	Code    string // a code that belongs to the heading
	Text    []string
	Strip   *Strip
	Columns *Columns
	Facts   []Fact
	Table   *Table
	List    []string
	More    string // what is left out, and where it is
	Lines   []string
}

// Table is a table with a header row. The first cell of each row is its header.
type Table struct {
	Name    string // for those who cannot see it
	Columns []Column
	Rows    iter.Seq[[]Cell] // as many cells as there are columns; read once
	Folded  string           // shown only when it is opened; the text to open it by, "" for a table that is always shown
}

// Column is a column of a table.
type Column struct {
	Title  string // "" for a column of bars alone
	Number bool   // set to the right
}

// Cell is a cell of a table.
type Cell struct {
	Text  string
	Code  bool // set in a typewriter's letters
	Mark  Mark
	Link  string   // the ID of a place in the page that explains it; "" for none
	List  []string // further lines below it
	Lines []string // below them, smaller
	Bar   float64  // a bar of this share of the cell's width; 0 is none, 1 the whole
}

// Mark says how good something is, by a sign and a colour beside the words.
type Mark string

// The marks; "" is none.
const (
	Good Mark = "good"
	Bad  Mark = "bad"
	Care Mark = "care" // somebody has to look
	Wait Mark = "wait" // not over yet
)

// Sign is the sign of a mark.
func (m Mark) Sign() string {
	switch m {
	case Good:
		return "✓"
	case Bad:
		return "✕"
	case Care:
		return "!"
	case Wait:
		return "…"
	}
	return ""
}

// Words are cells of plain text.
func Words(texts ...string) []Cell {
	cells := make([]Cell, len(texts))
	for i, t := range texts {
		cells[i].Text = t
	}
	return cells
}

//go:embed page.css
var css string

//go:embed page.tmpl
var markup string

var layout = template.Must(template.New("page").Funcs(template.FuncMap{
	"shown":  Shown,
	"row":    row,
	"stacks": stacks,
	"style":  func() template.CSS { return template.CSS(css) },
	"policy": Policy,
	"script": func(text string) template.JS { return template.JS(text) },
}).Parse(markup))

// Policy is the Content-Security-Policy of a page with this script, "" for none.
func Policy(script string) string {
	policy := "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src " + digest(css)
	if script != "" {
		policy += "; connect-src 'self'; script-src " + digest(script)
	}
	return policy
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Write writes the page, row by row: it holds no more than its values do.
func (p *Page) Write(w io.Writer) error { return p.write(w, "page") }

// WriteBody writes what stands in the body of the page, without its frame: for a
// script that puts it in the place of what stands there.
func (p *Page) WriteBody(w io.Writer) error { return p.write(w, "body") }

func (p *Page) write(w io.Writer, part string) error {
	out := bufio.NewWriterSize(w, 64<<10)
	if err := layout.ExecuteTemplate(out, part, p); err != nil {
		return err
	}
	return out.Flush()
}
