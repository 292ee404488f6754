package expand

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// alikes finds assets of one Division whose names people take for the same, in
// flat memory as [uses] does.
type alikes struct {
	seed   maphash.Seed
	hashes []uint64
	fold   cases.Caser
	groups map[uint64]*alike // suspects, in the second pass
}

// alike are the names of one Division that differ in case, white space or
// Unicode form at most.
type alike struct {
	key   string
	forms []nameForm // in the order in which they came; at most maxNameForms
}

type nameForm struct {
	name  string
	file  string // of the first item: one file used twice is another matter
	items int
	first manifest.IDPlace
	next  manifest.IDPlace // the second item of the name
}

const maxNameForms = 16

func newAlikes() *alikes { return &alikes{seed: maphash.MakeSeed(), fold: cases.Fold()} }

// key is what names share that look alike: without case, with one blank for any
// white space, without what is not seen at all, in one Unicode form.
func (a *alikes) key(it *manifest.Item, name string) string {
	seen := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) { // zero width, soft hyphens, marks of direction
			return -1
		}
		return r
	}, a.fold.String(norm.NFKC.String(name)))
	return it.Division + "\x00" + strings.Join(strings.Fields(seen), " ")
}

func (a *alikes) add(it *manifest.Item) {
	if name := manifest.AssetName(*it); name != "" && name != "." {
		a.hashes = append(a.hashes, maphash.String(a.seed, a.key(it, name)))
	}
}

// suspects ends the first pass; false if there is nothing for a second one.
func (a *alikes) suspects() bool {
	slices.Sort(a.hashes)
	a.groups = map[uint64]*alike{}
	for i := 1; i < len(a.hashes) && len(a.groups) < maxUses; i++ {
		if a.hashes[i] == a.hashes[i-1] {
			a.groups[a.hashes[i]] = &alike{}
		}
	}
	a.hashes = nil
	return len(a.groups) > 0
}

// again takes an item of the second pass; file is what [Set.useKey] says of it.
func (a *alikes) again(it *manifest.Item, file string) {
	name := manifest.AssetName(*it)
	key := a.key(it, name)
	g := a.groups[maphash.String(a.seed, key)]
	if g == nil || g.key != "" && g.key != key {
		return
	}
	g.key = key
	place := manifest.IDPlace{ExternalID: it.ExternalID, Pos: it.FieldPos("name")}
	for i := range g.forms {
		f := &g.forms[i]
		if f.name != name {
			continue
		}
		if file != "" && file == f.file {
			return
		}
		if f.items++; f.items == 2 {
			f.next = place
		}
		return
	}
	if len(g.forms) < maxNameForms {
		g.forms = append(g.forms, nameForm{name: name, file: file, items: 1, first: place})
	}
}

// report tells of each group of names that look alike, and once of those that
// are the same.
func (a *alikes) report(report func(manifest.Problem)) {
	var found []manifest.Problem
	same := 0
	var twice manifest.Problem
	for _, g := range a.groups {
		for _, f := range g.forms {
			same += f.items - 1
			if f.items > 1 && (twice.Code == "" || before(f.next.Pos, twice.Pos)) {
				twice = manifest.NewProblem(manifest.CodeNameTwice, f.next.Pos, fmt.Sprintf("another asset of the Division has the name %q", f.name), "name them apart, unless their tags and languages tell enough")
				twice.ExternalID, twice.Also = f.next.ExternalID, &f.first.Pos
			}
		}
		if len(g.forms) < 2 {
			continue
		}
		division, _, _ := strings.Cut(g.key, "\x00")
		var names []string
		for _, f := range g.forms {
			names = append(names, fmt.Sprintf("%q (%d)", f.name, f.items))
		}
		second := g.forms[1].first
		p := manifest.NewProblem(manifest.CodeNamesAlike, second.Pos, fmt.Sprintf("names in %s look alike: %s", division, strings.Join(names, ", ")), "write them in one way, or name them apart")
		p.ExternalID, p.Also = second.ExternalID, &g.forms[0].first.Pos
		found = append(found, p)
	}
	slices.SortFunc(found, func(a, b manifest.Problem) int {
		if a.Pos == b.Pos {
			return cmp.Compare(a.What, b.What)
		}
		if before(a.Pos, b.Pos) {
			return -1
		}
		return 1
	})
	for _, p := range found {
		report(p)
	}
	if same > 0 {
		if same > 1 {
			twice.What += fmt.Sprintf("; there are %d such items, this is the first", same)
		}
		report(twice)
	}
}

// before orders places of different files by name.
func before(a, b manifest.Pos) bool {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) < 0
}
