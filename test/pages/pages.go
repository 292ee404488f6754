// Package pages checks HTML pages of ours as a browser, a screen reader and somebody
// who wants to do harm would, for tests.
package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Page is a page that was read.
type Page struct{ root *html.Node }

// elements are those that our pages are made of.
var elements = strings.Fields(`html head meta link title style body a header p h1 h2 h3 bdi span b code small dl div dt dd nav ul li main section svg rect figure figcaption
	details summary table thead tbody tr th td footer`)

// attributes are those that they may have; none of them runs or loads anything.
var attributes = strings.Fields(`lang charset http-equiv content name rel href class id aria-hidden aria-label aria-labelledby role tabindex scope
	viewBox preserveAspectRatio x y width height data-label`)

// Check reads a page and reports what is wrong with it in any case: elements or
// attributes that could run or load something, a policy that does not fit its style, ids
// that are used twice, links that lead nowhere, tables without headers, headings that
// leave a level out, what has no name for a screen reader.
func Check(t *testing.T, text string) *Page {
	t.Helper()
	if !strings.HasPrefix(text, "<!DOCTYPE html>\n") {
		t.Errorf("the page begins with %.30q", text)
	}
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	p := &Page{root}
	ids := map[string]bool{}
	level := 0
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			t.Errorf("comment %.60q", n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(elements, n.Data) {
			t.Errorf("element %s", n.Data)
		}
		for _, a := range n.Attr {
			if !slices.Contains(attributes, a.Key) {
				t.Errorf("attribute %s of %s", a.Key, n.Data)
			}
			if a.Key == "id" {
				if ids[a.Val] || a.Val == "" {
					t.Errorf("id %q is used twice, or empty", a.Val)
				}
				ids[a.Val] = true
			}
		}
		switch n.Data {
		case "h1", "h2", "h3":
			l := int(n.Data[1] - '0')
			if l > level+1 || l == 1 && level > 0 {
				t.Errorf("%s %q after a heading of level %d", n.Data, textOf(n), level)
			}
			level = l
		case "th":
			if s := attr(n, "scope"); s != "col" && s != "row" {
				t.Errorf("a header of a table has the scope %q", s)
			}
		case "svg":
			if attr(n, "aria-hidden") != "true" && (attr(n, "role") != "img" || attr(n, "aria-label") == "") {
				t.Error("a drawing has no name and is not hidden")
			}
		}
		if attr(n, "role") == "region" && (attr(n, "aria-label") == "" || attr(n, "tabindex") != "0") {
			t.Error("a box that scrolls has no name, or cannot be reached by the keyboard")
		}
	}
	for n := range root.Descendants() {
		href := attr(n, "href")
		switch place, inside := strings.CutPrefix(href, "#"); {
		case href == "" || href == "data:,":
		case !inside:
			t.Errorf("%s leads to %q", n.Data, href)
		case !ids[place]:
			t.Errorf("%s leads to %q, which is not there", n.Data, href)
		}
		if by := attr(n, "aria-labelledby"); by != "" && !ids[by] {
			t.Errorf("%s is named by %q, which is not there", n.Data, by)
		}
	}
	if n := len(p.All("h1")); n != 1 {
		t.Errorf("%d headings of the first level", n)
	}
	p.policy(t)
	return p
}

// policy holds that nothing is allowed but the page's own style.
func (p *Page) policy(t *testing.T) {
	t.Helper()
	styles := p.All("style")
	if len(styles) != 1 {
		t.Fatalf("%d styles", len(styles))
	}
	sum := sha256.Sum256([]byte(styles[0]))
	want := "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	for n := range p.root.Descendants() {
		if attr(n, "http-equiv") == "Content-Security-Policy" {
			if got := attr(n, "content"); got != want {
				t.Errorf("policy %q, want %q", got, want)
			}
			return
		}
	}
	t.Error("the page has no policy")
}

// All are the texts of all elements of a name.
func (p *Page) All(name string) (texts []string) {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			texts = append(texts, textOf(n))
		}
	}
	return texts
}

// Section is the part of the page with an id, nil where there is none.
func (p *Page) Section(id string) *Page {
	for n := range p.root.Descendants() {
		if attr(n, "id") == id {
			return &Page{n}
		}
	}
	return nil
}

// Text is all that is read on the page, white space made single.
func (p *Page) Text() string {
	if p == nil {
		return ""
	}
	return textOf(p.root)
}

// Rows are the cells of all rows of tables, without headers of columns.
func (p *Page) Rows() (rows [][]string) {
	if p == nil {
		return nil
	}
	for n := range p.root.Descendants() {
		if n.Data != "tr" || n.Parent.Data != "tbody" {
			continue
		}
		var cells []string
		for c := range n.ChildNodes() {
			if c.Type == html.ElementNode {
				cells = append(cells, textOf(c))
			}
		}
		rows = append(rows, cells)
	}
	return rows
}

// Isolated holds that every text node that contains a piece of text from outside is
// in a bdi element, the title of a drawing's part, or the title of the page.
func (p *Page) Isolated(t *testing.T, piece string) {
	t.Helper()
	found := 0
	for n := range p.root.Descendants() {
		if n.Type != html.TextNode || !strings.Contains(n.Data, piece) {
			continue
		}
		if found++; n.Parent.Data != "bdi" && n.Parent.Data != "title" && n.Parent.Data != "b" {
			t.Errorf("%s has %.80q", n.Parent.Data, n.Data)
		}
	}
	if found == 0 {
		t.Errorf("%q is nowhere", piece)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// textOf is the text below a node; pieces of different elements are apart.
func textOf(n *html.Node) string {
	if n.FirstChild != nil && n.FirstChild == n.LastChild && n.FirstChild.Type == html.TextNode {
		if n.Data == "style" {
			return n.FirstChild.Data
		}
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			fmt.Fprintf(&b, "%s ", d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
