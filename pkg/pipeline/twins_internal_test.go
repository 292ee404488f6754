package pipeline

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestTagLikeness(t *testing.T) {
	for _, alike := range [][]string{
		{"Sales Tips", "sales-tips", "Sales tip", "SalesTips", "sales_tips", "SALES\u2013TIPS", "Sales\u00a0 Tips", "Sales. Tips"},
		{"Q1", "Q-1", "q 1"}, {"Category", "Categories", "category"}, {"Box", "Boxes"}, {"Straße", "STRASSE"},
		{"Café", "Cafe\u0301"}, {"Sale", "Sales"}, {"Customer's Choice", "Customers choice", "Customer\u2019s choice"},
	} {
		for _, s := range alike {
			if tagLikeness(s) != tagLikeness(alike[0]) {
				t.Errorf("%q is not like %q: %q, %q", s, alike[0], tagLikeness(s), tagLikeness(alike[0]))
			}
		}
	}
	for _, other := range [][]string{
		{"1-11", "11-1"}, {"2025", "20 25"}, {"C", "C++", "C#"}, {"R&D", "RD"}, {"New", "News"}, {"Class", "Clas"}, {"Status", "Statu"}, {"EMEA", "EMEA 2"}, {"Sales", "Presales"},
	} {
		for i, s := range other {
			for _, o := range other[i+1:] {
				if tagLikeness(s) == tagLikeness(o) {
					t.Errorf("%q is like %q: %q", s, o, tagLikeness(s))
				}
			}
		}
	}
}

func TestTagTwins(t *testing.T) {
	want := func(names ...string) map[string]wantedTag {
		m := map[string]wantedTag{}
		for i, n := range names {
			m[n] = wantedTag{manifest.Pos{File: "m", Line: i + 1}, 10 - i}
		}
		return m
	}
	known := func(names ...string) map[string]string {
		m := map[string]string{}
		for _, n := range names {
			m[fold(n)] = n
		}
		return m
	}
	for _, tt := range []struct {
		name  string
		want  map[string]wantedTag
		known map[string]string
		out   []string
	}{
		{"offline", want("Sales Tips", "sales-tips", "Other"), nil, []string{`m:1: tags of D look alike: "Sales Tips" (10), "sales-tips" (9)`}},
		{"in case only, and new", want("Sales", "sales"), known(), []string{`m:1: tags of D look alike: "Sales" (10), "sales" (9)`}},
		{"in case only, and one tag", want("Sales", "sales"), known("SALES"), nil},
		{"like one that is there", want("Sales tip"), known("Sales Tips", "Sale", "Other"), []string{`m:1: tags of D look alike: "Sales tip" (10), "Sales Tips" (in Showpad)`}},
		{"the one that is there", want("sales tips"), known("Sales Tips"), nil},
		{"two that are there", want("Sales tip", "sales-tip"), known("Sales tip", "sales-tip"), []string{`m:1: tags of D look alike: "Sales tip" (10), "sales-tip" (9)`}},
		{"two there, one wanted", want("Sales tip"), known("Sales tip", "sales-tip"), []string{`m:1: tags of D look alike: "Sales tip" (10), "sales-tip" (in Showpad)`}},
		{"only there", want("Other"), known("Sales tip", "sales-tip"), nil},
		{"many", want("A b", "a b", "A B", "a-b", "A-b", "A-B", "a_b", "A_b", "A_B", "ab"), nil, []string{`m:1: tags of D look alike: "A b" (10), "a b" (9), "A B" (8), "a-b" (7), "A-b" (6), "A-B" (5), "a_b" (4), "A_b" (3), 2 more`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range tagTwins("D", tt.want, tt.known) {
				if p.Code != "M124" || p.Class != manifest.Warn {
					t.Error(p)
				}
				got = append(got, p.Pos.String()+": "+p.What)
			}
			if d := cmp.Diff(tt.out, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// A Division that is named in two ways is one, and the order of maps shows
// nowhere.
func TestTwinsOfADivisionWithTwoNames(t *testing.T) {
	c := &census{tags: map[string]map[string]wantedTag{}}
	at := func(line int) manifest.Pos { return manifest.Pos{File: "m", Line: line} }
	c.tag("Marketing", "Sales Tips", at(3))
	c.tag("d1", "sales-tips", at(1))
	c.tag("d1", "Sales Tips", at(2))
	c.tag("Sales", "sales tip", at(4)) // another Division's
	d := &directory{divisions: map[string]string{"marketing": "d1", "sales": "d2"}, names: map[string]string{"d1": "Marketing", "d2": "Sales"}}
	for range 20 {
		got := c.tagTwins(d)
		if len(got) != 1 || got[0].String() != `m:2: M124: tags of Marketing look alike: "Sales Tips" (2), "sales-tips" (1) (if they are one, map the others to it under map: {tags: ...})` {
			t.Fatal(got)
		}
	}
}

func TestComparedTagsAreBounded(t *testing.T) {
	c := &census{tags: map[string]map[string]wantedTag{}, tagCount: maxComparedTags - 1}
	for i := range 5 {
		c.tag("D", fmt.Sprint(i), manifest.Pos{})
	}
	if n := len(c.tags["D"]); n != 1 {
		t.Errorf("%d tags kept", n)
	}
	if !slices.Contains([]int{maxComparedTags + 4}, c.tagCount) {
		t.Errorf("%d counted", c.tagCount)
	}
}
