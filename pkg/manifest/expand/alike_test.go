package expand

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamesThatLookAlike(t *testing.T) {
	rows := func(names ...string) string {
		var b strings.Builder
		b.WriteString("externalId,file,name,division,authors\n")
		for i, n := range names {
			division, name, ok := strings.Cut(n, "|")
			if !ok {
				division, name = "Sales", n
			}
			fmt.Fprintf(&b, "id-%d,f%d.pdf,%s,%s,jane@example.com\n", i, i, name, division)
		}
		return b.String()
	}
	const alike = "warning t.csv:%s: M037: names in Sales look alike: %s, also at t.csv:%s (write them in one way, or name them apart)"
	for name, c := range map[string]struct {
		names []string
		want  []string
	}{
		"apart":           {[]string{"Deck", "Desk", "Deck 2"}, nil},
		"other Divisions": {[]string{"Deck", "EMEA|deck"}, nil},
		"case":            {[]string{"Deck", "deck"}, []string{fmt.Sprintf(alike, "3:3", `"Deck.pdf" (1), "deck.pdf" (1)`, "2:3")}},
		"white space": {
			[]string{"Our deck", "Our\u00a0deck", "Our  deck", "Our\u200b deck", "Other"},
			[]string{fmt.Sprintf(alike, "3:3", `"Our deck.pdf" (1), "Our\u00a0deck.pdf" (1), "Our  deck.pdf" (1), "Our\u200b deck.pdf" (1)`, "2:3")},
		},
		"Unicode forms":     {[]string{"\ufb01ne", "fine"}, []string{fmt.Sprintf(alike, "3:3", `"ﬁne.pdf" (1), "fine.pdf" (1)`, "2:3")}},
		"composed is equal": {[]string{"caf\u00e9", "cafe\u0301"}, []string{"warning t.csv:3:3: M038: another asset of the Division has the name \"café.pdf\", also at t.csv:2:3 (name them apart, unless their tags and languages tell enough)"}},
		"the same, and alike": {
			[]string{"x", "Deck", "deck", "Deck", "deck", "Deck"},
			[]string{
				fmt.Sprintf(alike, "4:3", `"Deck.pdf" (3), "deck.pdf" (2)`, "3:3"),
				"warning t.csv:5:3: M038: another asset of the Division has the name \"Deck.pdf\"; there are 3 such items, this is the first, also at t.csv:3:3 (name them apart, unless their tags and languages tell enough)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, "m.yaml\n"+header+"include: [{table: t.csv}]\n", "t.csv\n"+rows(c.names...))
			got, _ := check(t, open(t, dir))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
