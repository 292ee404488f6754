package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// maxComparedTags is how many different tags are compared with each other.
const maxComparedTags = 200_000

// wantedTag is what the census knows of a tag that items name.
type wantedTag struct {
	pos   manifest.Pos // where it was first seen
	items int
}

// tagTwins are the near-twins among the tags that items want and, unless d is
// nil, those that the service has, in the order of their places.
func (c *census) tagTwins(d *directory) []manifest.Problem {
	type tags struct {
		name  string
		want  map[string]wantedTag
		known map[string]string
	}
	divisions := map[string]*tags{} // a Division may be written by name and by id
	for name, want := range c.tags {
		key := fold(name)
		if d != nil {
			if id, ok := d.division(name); ok && id != "" {
				key = id
			}
		}
		t := divisions[key]
		if t == nil {
			t = &tags{name: name, want: map[string]wantedTag{}}
			divisions[key] = t
		}
		t.name = min(t.name, name)
		for n, w := range want {
			if other, ok := t.want[n]; ok {
				w.items += other.items
				if comparePos(other.pos, w.pos) < 0 {
					w.pos = other.pos
				}
			}
			t.want[n] = w
		}
	}
	var out []manifest.Problem
	for key, t := range divisions {
		if d != nil {
			t.known = d.tagNames(key)
			if n := d.names[key]; n != "" {
				t.name = n
			}
		}
		out = append(out, tagTwins(t.name, t.want, t.known)...)
	}
	slices.SortFunc(out, func(a, b manifest.Problem) int {
		return cmp.Or(comparePos(a.Pos, b.Pos), cmp.Compare(a.What, b.What))
	})
	return out
}

// tagNames are the names of a Division's tags by their folded form.
func (d *directory) tagNames(division string) map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := map[string]string{}
	for k, t := range d.tags {
		if k.division == division && !k.exact {
			names[k.name] = strings.TrimSpace(t.Name)
		}
	}
	return names
}

// tagTwins are tags of one Division that people would take for the same: their
// spellings differ in case, hyphens, white space or plural only. known are the
// spellings that the Division has at the service, without case; nil: it was
// not asked. A tag that only differs in case from the one that the service has
// becomes that one, and is no twin for that. The problems are of class Warn.
func tagTwins(division string, want map[string]wantedTag, known map[string]string) []manifest.Problem {
	groups := map[string][]string{}
	for name := range want {
		k := tagLikeness(name)
		groups[k] = append(groups[k], name)
	}
	there := map[string][]string{}
	for folded, name := range known {
		if k := tagLikeness(name); groups[k] != nil {
			mine := false
			for _, w := range groups[k] {
				mine = mine || fold(w) == folded
			}
			if !mine {
				there[k] = append(there[k], name)
			}
		}
	}
	var out []manifest.Problem
	for k, names := range groups {
		if len(names)+len(there[k]) < 2 {
			continue
		}
		if known != nil && len(there[k]) == 0 && sameKnown(names, known) {
			continue
		}
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(want[b].items, want[a].items), cmp.Compare(a, b))
		})
		slices.Sort(there[k])
		var parts []string
		for _, n := range names {
			parts = append(parts, fmt.Sprintf("%q (%d)", n, want[n].items))
		}
		for _, n := range there[k] {
			parts = append(parts, fmt.Sprintf("%q (in Showpad)", n))
		}
		const most = 8
		if len(parts) > most {
			parts = append(parts[:most], fmt.Sprintf("%d more", len(parts)-most))
		}
		out = append(out, manifest.NewProblem("M124", want[names[0]].pos, fmt.Sprintf("tags of %s look alike: %s", division, strings.Join(parts, ", ")),
			"if they are one, map the others to it under map: {tags: ...}"))
	}
	return out
}

// sameKnown reports whether all names become one tag that the service has.
func sameKnown(names []string, known map[string]string) bool {
	for _, n := range names {
		if _, ok := known[fold(n)]; !ok || fold(n) != fold(names[0]) {
			return false
		}
	}
	return true
}

// tagLikeness is what near-twins share: their words in one case, without
// hyphens, dots and white space between them, the last one in the singular.
// Numbers stay apart: 1-11 is not 11-1.
func tagLikeness(name string) string {
	var b strings.Builder
	words := strings.FieldsFunc(cases.Fold().String(norm.NFKC.String(name)), func(r rune) bool {
		return unicode.IsSpace(r) || r == '_' || r == '.' || unicode.Is(unicode.Pd, r)
	})
	before := rune(0)
	for _, w := range words {
		w = apostrophes.Replace(w)
		first, _ := utf8.DecodeRuneInString(w)
		if unicode.IsDigit(before) && unicode.IsDigit(first) {
			b.WriteByte(' ')
		}
		b.WriteString(w)
		before, _ = utf8.DecodeLastRuneInString(w)
	}
	return singular(b.String())
}

var apostrophes = strings.NewReplacer("'", "", "\u2019", "")

// singular takes the plural of English and its neighbours off a word.
func singular(w string) string {
	const shortest = 4
	switch {
	case len(w) < shortest || strings.HasSuffix(w, "news") || strings.HasSuffix(w, "ss") || strings.HasSuffix(w, "us") || strings.HasSuffix(w, "is"):
		return w
	case strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case strings.HasSuffix(w, "xes"), strings.HasSuffix(w, "ses"), strings.HasSuffix(w, "shes"), strings.HasSuffix(w, "ches"):
		return w[:len(w)-2]
	}
	return strings.TrimSuffix(w, "s")
}
