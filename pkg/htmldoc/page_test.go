package htmldoc

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/test/pages"
)

// evil is text as somebody would write it who wants to harm the reader.
const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{.}}` + "\u202egnp.exe\u2066 \x1b[31m\x00\ufeffevil"

func evilPage() *Page {
	return &Page{
		Title: evil, Kind: evil, Sentence: evil, Mark: Care, Foot: []string{evil},
		Facts:   []Fact{{Name: evil, Value: []string{evil, evil}, Code: true}},
		Figures: []Figure{{Name: "Items", Value: "3", Note: "three"}},
		Sections: []Section{
			{ID: "a", Title: evil, Count: "2", Parts: []Part{{
				ID: "a-1", Heading: evil, Code: evil, Text: []string{evil}, List: []string{evil}, More: evil, Facts: []Fact{{Name: "N", Value: []string{evil}}}, Lines: []string{"Date"},
				Strip: &Strip{Name: evil, Parts: []StripPart{{evil, Good, 10, "10"}, {"bad", Bad, 1, "1"}, {"none", Wait, 0, "0"}}},
				Columns: &Columns{
					Name: evil, Text: evil, Labels: []string{evil, "b"}, Values: []float64{1, 2}, From: evil, To: "z",
					Show: func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) },
				},
				Table: &Table{Name: evil, Columns: []Column{{Title: evil}, {Title: "n", Number: true}}, Folded: "The rest", Rows: func(yield func([]Cell) bool) {
					_ = yield([]Cell{{Text: evil, Code: true, Lines: []string{evil}, List: []string{evil}, Link: "b"}, {Text: "1", Mark: Bad, Bar: 0.5}}) && yield(Words("x", "2"))
				}},
			}}},
			{ID: "b", Title: "B"}, {ID: "c", Title: "C"},
		},
	}
}

func text(t *testing.T, p *Page) string {
	t.Helper()
	var b strings.Builder
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAPageOfHostileTextIsHarmless(t *testing.T) {
	got := text(t, evilPage())
	for _, never := range []string{"<script", "<img", "\u202e", "\u2066", "\x1b", "\x00", "\ufeff"} {
		if strings.Contains(got, never) {
			t.Errorf("the page has %q", never)
		}
	}
	p := pages.Check(t, got)
	p.Isolated(t, "alert(1)")
	want := `<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{.}}⟨U+202E⟩gnp.exe⟨U+2066⟩ ␛[31m␀⟨U+FEFF⟩evil`
	if h := p.All("h1")[0]; h != "! "+want {
		t.Errorf("the sentence is %q, want it shown as it is, %q", h, want)
	}
	rows := p.Rows()
	if len(rows) != 4 || rows[3][0] != "x" || rows[3][1] != "2" {
		t.Errorf("rows %q", rows)
	}
}

func TestSmallPageIsWhole(t *testing.T) {
	p := pages.Check(t, text(t, &Page{Title: "T", Kind: "K", Sentence: "S"}))
	if got := p.Text(); got != "T Skip to the content K S" {
		t.Errorf("the page says %q", got)
	}
}

func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"plain, Grüße, 日本語, 👩‍💻": "plain, Grüße, 日本語, 👩‍💻",
		"a\nb\tc\rd":             "a b c d",
		"\x1b]0;x\a\x7f":         "␛]0;x␇⟨U+007F⟩",
		"\u202eb\u2069\u061c":    "⟨U+202E⟩b⟨U+2069⟩⟨U+061C⟩",
		"a\u200bb\u00adc\u2028d": "a⟨U+200B⟩b⟨U+00AD⟩c⟨U+2028⟩d",
		"\u0085\u009b31m":        "⟨U+0085⟩⟨U+009B⟩31m",
		"a\xffb":                 "a\ufffdb",
		"":                       "",
	} {
		if got := Shown(in); got != want {
			t.Errorf("Shown(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"short", 5, "short"}, {"longer", 5, "longe…"}, {"ééééé", 5, "ééééé"}, {"éééééé", 5, "ééééé…"}, {"", 0, ""}} {
		if got := Cut(c.in, c.n); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

// TestColoursCanBeRead holds that text has the contrast of WCAG 2.2 AA (1.4.3: 4.5)
// on both papers, in light, in dark and on paper, and that lines of drawings can be
// told from it (1.4.11: 3).
func TestColoursCanBeRead(t *testing.T) {
	roots := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(css, -1)
	if len(roots) != 3 {
		t.Fatalf("%d sets of colours, want light, dark and print", len(roots))
	}
	for i, root := range roots {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6})`).FindAllStringSubmatch(root[1], -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for name, least := range map[string]float64{"ink": 7, "soft": 4.5, "link": 4.5, "good": 4.5, "bad": 4.5, "care": 4.5, "wait": 4.5, "draw": 3} {
			for _, paper := range []string{"paper", "wash"} {
				if got := contrast(colours[name], colours[paper]); got < least {
					t.Errorf("set %d: %s on %s has a contrast of %.2f, want %.1f", i, name, paper, got, least)
				}
			}
		}
	}
}

// luminance is the relative luminance of sRGB. Source: WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(a, b float64) float64 { return (math.Max(a, b) + 0.05) / (math.Min(a, b) + 0.05) }

func TestChartsAreDrawnToScale(t *testing.T) {
	c := &Columns{Labels: []string{"a", "b", "c", "d"}, Values: []float64{0, 50, 100, 0.01}, Show: func(v float64) string { return fmt.Sprint(v) }}
	want := []column{
		{X: "275.0", Y: "50.0", Width: "200.0", Height: "50.0", Text: "b: 50"},
		{X: "525.0", Y: "0.0", Width: "200.0", Height: "100.0", Text: "c: 100"},
		{X: "775.0", Y: "98.5", Width: "200.0", Height: "1.5", Text: "d: 0.01"},
	}
	if diff := cmp.Diff(want, c.Drawn()); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if got := (&Columns{Labels: []string{"a"}, Values: []float64{0}}).Drawn(); got != nil {
		t.Errorf("nothing is drawn as %v", got)
	}
	s := &Strip{Parts: []StripPart{{"done", Good, 999_998, "999,998"}, {"none", Wait, 0, "0"}, {"failed", Bad, 2, "2"}}}
	pieces := []stripPiece{{"0.0", "994.0", Good, "done: 999,998"}, {"996.0", "2.0", Bad, "failed: 2"}}
	if diff := cmp.Diff(pieces, s.Drawn()); diff != "" {
		t.Errorf("strip (-want +got):\n%s", diff)
	}
}

// TestRowsAreWrittenAsTheyCome counts what the writer has when the last row is asked
// for: a page does not keep its rows.
func TestRowsAreWrittenAsTheyCome(t *testing.T) {
	const rows = 20_000
	var b strings.Builder
	before := 0
	p := &Page{Sections: []Section{{ID: "a", Parts: []Part{{Table: &Table{Name: "T", Columns: []Column{{Title: "A"}, {Title: "B"}}, Rows: func(yield func([]Cell) bool) {
		for i := range rows {
			if before = b.Len(); !yield(Words("item", strconv.Itoa(i))) {
				return
			}
		}
	}}}}}}}
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "<tr>"); n != rows+1 {
		t.Errorf("%d rows, want %d", n, rows+1)
	}
	if kept := b.Len() - before; kept > 128<<10 {
		t.Errorf("%d bytes were still to be written when the last row came", kept)
	}
}

func TestWritingStopsWhereTheWriterFails(t *testing.T) {
	if err := evilPage().Write(broken{}); err == nil {
		t.Error("no error of a writer that takes nothing")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, fmt.Errorf("disk full") }

// TestNarrowCellsNameTheirColumn holds that cells which stand below each other on a
// narrow page say what they are, by titles that come from outside too.
func TestNarrowCellsNameTheirColumn(t *testing.T) {
	rows := func(cells ...string) func(func([]Cell) bool) {
		return func(yield func([]Cell) bool) { yield(Words(cells...)) }
	}
	wide := &Table{Name: "Wide", Columns: []Column{{Title: "ID"}, {Title: evil}, {Title: "n", Number: true}, {}}, Rows: rows("a", "b", "1", "")}
	small := &Table{Name: "Small", Columns: []Column{{Title: "ID"}, {Title: "n", Number: true}, {}}, Rows: rows("a", "1", "")}
	got := text(t, &Page{Sections: []Section{{ID: "a", Title: "A", Parts: []Part{{Table: wide}, {Table: small}}}}})
	for _, want := range []string{
		`<table class="stack">`, `<th scope="row"><bdi>a</bdi></th><td data-label="&lt;script&gt;alert(1)&lt;/script&gt;`, `<td class="n" data-label="n"><bdi>1</bdi></td><td></td>`,
		"<table>", `<th scope="row"><bdi>a</bdi></th><td class="n"><bdi>1</bdi></td><td></td>`,
	} {
		if n := strings.Count(got, want); n != 1 {
			t.Errorf("%d times %s in\n%s", n, want, got)
		}
	}
	pages.Check(t, got)
}
