package pipeline

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// chain reads links, oldest first: "A* x>y" is a run to take back that found x and
// set y, "B y>z" one that stays, "C* ?>z" one that was not shown what it found, and
// "A* create" a create.
func chain(text string) (links []link) {
	for part := range strings.SplitSeq(text, ", ") {
		run, what, _ := strings.Cut(part, " ")
		l := link{run: strings.TrimSuffix(run, "*"), named: strings.HasSuffix(run, "*")}
		l.Op, l.AssetID = state.Update, "a1"
		if what == "create" {
			l.Op = state.Create
			links = append(links, l)
			continue
		}
		before, after, _ := strings.Cut(what, ">")
		value := func(s string) map[string]json.RawMessage {
			return map[string]json.RawMessage{"description": canonText(s), "tags": canonSet(strings.Split(s, "+"))}
		}
		l.After = value(after)
		if before != "?" {
			l.Before = value(before)
		}
		links = append(links, l)
	}
	return links
}

func TestAFieldIsFollowedThroughTheRuns(t *testing.T) {
	for text, want := range map[string]string{
		"A* x>y":               "y becomes x",
		"A* x>y, B* y>z":       "z becomes x",
		"A x>y, B* y>z":        "z becomes y",
		"A* x>x":               "untouched",
		"B y>z":                "untouched",
		"A* x>y, B y>z":        "z becomes z, B is in the way",
		"A* x>y, B y>z, C z>w": "w becomes w, C is in the way",
		// The newest goes back, and what lies under a run that stays does not.
		"A* x>y, B y>z, C* z>w": "w becomes z, B is in the way",
		// What a later run undid does not count.
		"A* x>y, B y>z, R z>y":         "y becomes x",
		"A* x>y, R y>x, B x>y":         "y becomes x",
		"A* x>y, R y>x":                "x becomes x",
		"A* x>y, B* y>z, R z>x":        "x becomes x",
		"A* x>y, B* y>z, R z>y":        "y becomes x",
		"A* x>y, B* y>z, R z>x, C x>q": "q becomes q, C is in the way",
		// A person between two runs.
		"A* x>y, B* p>z": "z becomes p, a person is in the way",
		// A version that was overtaken by an older one of ours.
		"A* x>y, B* x>z, C* y>z": "z becomes x",
		"A* x>y, B x>z, C* y>z":  "z becomes x",
		// What was not shown cannot go back.
		"A* ?>y":         "y becomes y, blind",
		"A* x>y, B* ?>y": "y becomes y, blind",
	} {
		tr := traceField(chain(text), "description")
		got := "untouched"
		if tr.touched {
			got = strings.ReplaceAll(fmt.Sprintf("%s becomes %s", tr.books, tr.target), `"`, "")
			switch {
			case tr.blind:
				got += ", blind"
			case tr.blocked && tr.by == "":
				got += ", a person is in the way"
			case tr.blocked:
				got += ", " + tr.by + " is in the way"
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestATagIsFollowedByItself(t *testing.T) {
	for text, want := range map[string]string{
		"A* x>x+y":                "y goes",
		"A* x+y>x":                "y comes",
		"A* x>x+y, B x+y>x+y+z":   "y goes", // another tag is in nobody's way
		"A* x>x+y, B* x+z>x+z+q":  "q goes, y goes",
		"A* x>x+y, B x+y>x":       "",
		"A* x>x+y, R x+y>x":       "",
		"A* x+y>x, B x>x+y":       "",
		"A* x>x+y, B x+y>z":       "", // B took both off
		"A* x>y, B y>x, C* x>x+z": "z goes",
	} {
		links := chain(text)
		var parts []string
		for _, id := range tagsOf(links) {
			tr := traceTag(links, id)
			switch {
			case !tr.touched:
			case tr.blocked || string(tr.target) == string(tr.books):
			case string(tr.target) == "true":
				parts = append(parts, id+" comes")
			default:
				parts = append(parts, id+" goes")
			}
		}
		if got := strings.Join(parts, ", "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestWhatStandsAfterAnAssetWasMade(t *testing.T) {
	for text, want := range map[string]string{
		"A* create":                          "",
		"A* create, B x>y":                   "B: description, tags",
		"A* create, B x>y, R y>x":            "",
		"A* create, B* x>y":                  "",
		"A* create, B* x>y, C y>z":           "C: description, tags",
		"A* create, B* x>y, C* p>z":          "a person: description", // each tag can be followed
		"A* create, B x>y, C* y>z":           "B: description, tags",
		"A* create, B* x>y, C y>z, D z>y":    "",
		"A* create, B* x>y, R y>x, C x>y":    "",
		"A* create, B* x>x+y, C x+y>x+y+z":   "C: description, tags",
		"A* create, B x>y, C* y>z, R z>x":    "",
		"A* create, B* x>y, C* y>z, D z>q+r": "D: description, tags",
	} {
		by, fields := standing(chain(text))
		got := ""
		if len(fields) > 0 {
			got = orElse(by, "a person") + ": " + strings.Join(fields, ", ")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
