package htmldoc

import (
	"html"
	"html/template"
	"math"
	"strings"
)

// row is a row of a table. It is written without a template, which takes many times as
// long for the rows of a large table: all that is not written here passes
// [rowWriter.text].
func row(columns []Column, cells []Cell) template.HTML {
	var w rowWriter
	w.WriteString("<tr>")
	labelled := stacks(columns)
	for i := range cells {
		open, end := "<td", "</td>"
		switch {
		case i == 0:
			open, end = `<th scope="row"`, "</th>"
		case i < len(columns) && columns[i].Number:
			open = `<td class="n"`
		}
		w.WriteString(open)
		if labelled && i > 0 && i < len(columns) && columns[i].Title != "" {
			w.WriteString(` data-label="` + html.EscapeString(Shown(columns[i].Title)) + `"`)
		}
		w.WriteString(">")
		w.cell(&cells[i])
		w.WriteString(end)
	}
	w.WriteString("</tr>")
	return template.HTML(w.String())
}

// stacks reports whether the cells of a row stand below each other, each with its
// column's title, where the page is too narrow for them side by side.
func stacks(columns []Column) bool {
	titled := 0
	for _, c := range columns {
		if c.Title != "" {
			titled++
		}
	}
	return titled > 2
}

type rowWriter struct{ strings.Builder }

// text writes text from outside: seen, escaped, and its direction kept to itself.
func (w *rowWriter) text(before, s, after string) {
	w.WriteString(before)
	w.WriteString("<bdi>")
	w.WriteString(html.EscapeString(Shown(s)))
	w.WriteString("</bdi>")
	w.WriteString(after)
}

func (w *rowWriter) cell(c *Cell) {
	if c.Mark != "" {
		w.WriteString(`<span class="mark ` + html.EscapeString(string(c.Mark)) + `" aria-hidden="true">` + c.Mark.Sign() + "</span> ")
	}
	if c.Link != "" {
		w.WriteString(`<a href="#` + html.EscapeString(c.Link) + `">`)
	}
	switch {
	case c.Text == "":
	case c.Code:
		w.text("<code>", c.Text, "</code>")
	default:
		w.text("", c.Text, "")
	}
	if c.Link != "" {
		w.WriteString("</a>")
	}
	for _, line := range c.List {
		w.text("<div>", line, "</div>")
	}
	for _, line := range c.Lines {
		w.text("<small>", line, "</small>")
	}
	if c.Bar > 0 {
		w.WriteString(`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="` +
			units(math.Min(math.Max(c.Bar*100, 0.5), 100)) + `" height="8"/></svg>`)
	}
}
