package export

import (
	"fmt"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestSafeNames(t *testing.T) {
	for name, want := range map[string]string{
		"deck.pptx":                            "deck.pptx",
		"a:b?c*.pdf":                           "a_b_c_.pdf",
		`a/b\c.pdf`:                            "a_b_c.pdf",
		"CON.txt":                              "_CON.txt",
		"con":                                  "_con",
		"com\u00b9.tar.gz":                     "_com\u00b9.tar.gz",
		"Lpt0 .x":                              "_Lpt0 .x",
		"console.txt":                          "console.txt",
		"dots...":                              "dots",
		"blank .":                              "blank",
		" blank.txt ":                          "blank.txt",
		"..":                                   "_",
		"":                                     "_",
		"a\x00b\n.txt":                         "a_b_.txt",
		"e\u0301.txt":                          "\u00e9.txt",
		".profile":                             ".profile",
		"odd.a:b":                              "odd_a_b",
		"Report v1.2":                          "Report v1.2",
		"tail.pdf.":                            "tail_pdf",
		strings.Repeat("x", 300) + ".pdf":      strings.Repeat("x", 116) + ".pdf",
		strings.Repeat("\u65e5", 300) + ".pdf": strings.Repeat("\u65e5", 72) + ".pdf",
		"long." + strings.Repeat("y", 300):     "long_" + strings.Repeat("y", 115),
	} {
		if got := safeName(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

// TestANameSurvivesItsFile: a manifest that reads file and name makes the name again.
func FuzzSafeNames(f *testing.F) {
	for _, s := range []string{"deck.pptx", "a.b:c", "x.", ".x", "NUL", "a.\u00c9", strings.Repeat("a.", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name := assetName(raw, false)
		safe := safeName(name)
		switch {
		case safe == "" || safe == "." || safe == ".." || len(safe) > 255 || !utf8.ValidString(safe):
			t.Fatalf("%q became %q", raw, safe)
		case strings.ContainsAny(safe, `<>:"/\|?*`) || strings.HasSuffix(safe, ".") || strings.HasSuffix(safe, " "):
			t.Fatalf("%q became %q", raw, safe)
		case path.Base(safe) != safe || safeName(safe) != safe && strings.EqualFold(path.Ext(safe), path.Ext(name)):
			t.Fatalf("%q became %q, and that %q", raw, safe, safeName(safe))
		}
		if name == "" {
			return
		}
		item := manifest.Item{File: safe, Location: manifest.Location{Path: safe}, Fields: manifest.Fields{Name: manifest.Some(name)}}
		if got := manifest.AssetName(item); got != name {
			t.Fatalf("name %q of file %q would become %q", name, safe, got)
		}
	})
}

func TestPlacesAreTheirOwn(t *testing.T) {
	p := newPlaces()
	a := p.take("files/M", "Deck.pdf", "1")
	b := p.take("files/M", "deck.PDF", "2")
	c := p.take("files/M", "deck.pdf", "3")
	d := p.take("files/S", "Deck.pdf", "4")
	if a != "files/M/Deck.pdf" || d != "files/S/Deck.pdf" || strings.EqualFold(b, c) || strings.EqualFold(a, b) || path.Ext(b) != ".PDF" || len(b) != len(a)+9 {
		t.Errorf("%s %s %s %s", a, b, c, d)
	}
	if again := newPlaces(); again.take("files/M", "Deck.pdf", "1") != a || again.take("files/M", "deck.PDF", "2") != b {
		t.Error("places differ from export to export")
	}
	if e, f := p.take("files/M", "E\u0301.txt", "5"), p.take("files/M", "\u00e9.txt", "6"); strings.EqualFold(e, f) {
		t.Errorf("%q %q", e, f)
	}
}

func TestExternalIDs(t *testing.T) {
	hexOf := func(n int) string { return fmt.Sprintf("%032x", n) }
	entries := []*entry{
		{ID: hexOf(1), ExternalID: "A"}, {ID: hexOf(2), ExternalID: "a"}, {ID: hexOf(3), ExternalID: "A"}, {ID: hexOf(4), ExternalID: "B,C"},
		{ID: hexOf(5)}, {ID: hexOf(6), ExternalID: "showpad-" + hexOf(5)}, {ID: "odd,id"}, {ID: hexOf(7), ExternalID: strings.Repeat("x", 200)},
		{ID: hexOf(8), ExternalID: "D"}, {ID: hexOf(9), ExternalID: "Stra\u00dfe"}, {ID: hexOf(10), ExternalID: "STRASSE"}, {ID: hexOf(11), ExternalID: " E "},
	}
	x := newExternalIDs()
	for _, e := range entries {
		x.add(e.ExternalID)
	}
	want := []struct{ id, reason string }{
		{"A", ""}, {"a~" + hexOf(2), ReasonTwin}, {"A~" + hexOf(3), ReasonTwin}, {"B_C~" + hexOf(4), ReasonAdjusted},
		{"showpad-" + hexOf(5) + "~" + token("showpad-" + hexOf(5))[:8], ReasonMade}, {"showpad-" + hexOf(5), ""}, {"showpad-" + token("odd,id"), ReasonMade},
		{strings.Repeat("x", 95) + "~" + hexOf(7), ReasonAdjusted}, {"D", ""}, {"Stra\u00dfe", ""}, {"STRASSE~" + hexOf(10), ReasonTwin}, {"E~" + hexOf(11), ReasonAdjusted},
	}
	check := manifest.IDs{}
	for i, e := range entries {
		id, reason, detail := x.give(e)
		if id != want[i].id || reason != want[i].reason || (detail == "") != (reason == "") {
			t.Errorf("%q got %q, %s: %s", e.ExternalID, id, reason, detail)
		}
		if what := manifest.ExternalIDWrong(id); what != "" {
			t.Errorf("%q %s", id, what)
		}
		if (noteOf(id) != "") != (reason != "" || i == 5) { // the sixth was made by an earlier export
			t.Errorf("%q: note %q", id, noteOf(id))
		}
		check.Add(id)
	}
	_ = check.Confirm(t.Context(), func(yield func(manifest.IDPlace, error) bool) {
		t.Error("a manifest takes two of them for the same")
	}, func(manifest.Problem) {})
}
