package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mapItem is the only item of a manifest with maps, and what needs entries.
func mapItem(t *testing.T, header, body string) (Item, []string, Unmapped) {
	t.Helper()
	text := "version: 1\ndivision: D\n" + header
	m, ps, err := ReadHeader(strings.NewReader(text), "m.yaml")
	if err != nil {
		t.Fatal(err)
	}
	mapper, bad := NewMapper(&m.Maps)
	ps = append(ps, bad...)
	b := NewBuilder(m, Options{Mapper: mapper})
	var items []Item
	for p, err := range b.YAML(t.Context(), strings.NewReader("version: 1\n---\nexternalId: a\nfile: b.pptx\n"+body)) {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, p.Item)
		ps = append(ps, p.Problems...)
	}
	if len(items) != 1 {
		t.Fatalf("%d items", len(items))
	}
	ps = withoutLater(ps)
	return items[0], lines(ps), b.Unmapped()
}

func TestValuesAreMapped(t *testing.T) {
	const header = `map:
  people: {Jane Doe: jane@example.com, "Doe, John": john@example.com, gone@example.com: }
  tags: {Old: New, Sales Tips: Sales, sales-tips: Sales, Junk: '', Ärger: Trouble, 2019: Archive, STRAẞE: Road, AB: One, ab: Two}
  languages: {English: en, Deutsch: de}
  countries: {UK: GB}
  divisions: {Marketing (old): Marketing, Trash: }
`
	for _, tt := range []struct {
		name, body string
		tags       []string
		authors    []string
		languages  []string
		countries  []string
		division   string
		unmapped   []string
	}{
		{name: "as written", body: "tags: [Old, 2019]\nauthors: [Jane Doe, 'Doe, John']\nlanguages: [English, de]\ncountries: [UK, BE]\ndivision: Marketing (old)\n",
			tags: []string{"New", "Archive"}, authors: []string{"jane@example.com", "john@example.com"}, languages: []string{"en", "de"}, countries: []string{"GB", "BE"}, division: "Marketing"},
		{name: "in another form", body: "tags: ['  sales   TIPS ', A\u0308RGER, strasse]\nauthors: [jane doe]\nlanguages: [ENGLISH]\ndivision: MARKETING (OLD)\n",
			tags: []string{"Sales", "Trouble", "Road"}, authors: []string{"jane@example.com"}, languages: []string{"en"}, division: "Marketing"},
		{name: "dropped", body: "tags: [Junk, Old]\nauthors: [gone@example.com]\ndivision: Trash\n", tags: []string{"New"}, authors: []string{}, division: "D"},
		{name: "not twice", body: "tags: [Old, New, Sales Tips, sales-tips]\nlanguages: [English, en]\n", tags: []string{"New", "Sales"}, languages: []string{"en"}, division: "D"},
		{name: "not in chains", body: "tags: [New]\n", tags: []string{"New"}, division: "D"},
		{name: "alike with different targets", body: "tags: [AB, ab, Ab]\n", tags: []string{"One", "Two", "Ab"}, division: "D", unmapped: []string{"tags Ab 1 m.yaml:5:16"}},
		{name: "unmapped", body: "tags: [New, Other, {id: abc}]\nauthors: [jack@example.com]\nlanguages: [fr]\ncountries: [FR]\ndivision: Sales\n",
			tags: []string{"New", "Other", "abc"}, authors: []string{"jack@example.com"}, languages: []string{"fr"}, countries: []string{"FR"}, division: "Sales",
			unmapped: []string{"tags Other 1 m.yaml:5:13", "divisions Sales 1 m.yaml:9:11"}},
		{name: "not replaced by drops alone", body: "tags: {replace: [Old]}\n", tags: []string{"New"}, division: "D"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it, ps, un := mapItem(t, header, tt.body)
			if ps != nil {
				t.Errorf("problems: %q", ps)
			}
			var tags []string
			for _, tag := range it.Fields.Tags.Value {
				tags = append(tags, tag.Name+tag.ID)
			}
			got := [][]string{tags, it.Fields.Authors.Value, it.Fields.Languages.Value, it.Fields.Countries.Value, {it.Division}, nil}
			for _, u := range un.Values {
				got[5] = append(got[5], fmt.Sprintf("%s %s %d %s", u.Map, u.Value, u.Count, u.Pos))
			}
			if d := cmp.Diff([][]string{tt.tags, tt.authors, tt.languages, tt.countries, {tt.division}, tt.unmapped}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPeopleWhoAreInNoMap(t *testing.T) {
	const body = "authors: [Jane Doe, jack@example.com, John Doe]\n"
	it, ps, un := mapItem(t, "map: {people: {A B: a@example.com}, fallback: {authors: [team@example.com]}}\n", body)
	if d := cmp.Diff([]string{"team@example.com", "jack@example.com"}, it.Fields.Authors.Value); d != "" || ps != nil || len(un.Values) != 2 {
		t.Error(d, ps, un)
	}
	it, ps, _ = mapItem(t, "map: {people: {A B: a@example.com}}\n", body)
	want := []string{
		`blocked 5:11: M121: author "Jane Doe" is not in the map of people (add the name there, or name map: {fallback: {authors: ...}})`,
		`blocked 5:39: M121: author "John Doe" is not in the map of people (add the name there, or name map: {fallback: {authors: ...}})`,
	}
	if d := cmp.Diff(want, ps); d != "" || len(it.Problems) != 2 {
		t.Error(d, it.Problems)
	}
	// Without a map, and with a fallback alone.
	_, ps, _ = mapItem(t, "", body)
	if len(ps) != 2 || !strings.Contains(ps[0], "M035") {
		t.Errorf("without a map: %q", ps)
	}
	it, ps, _ = mapItem(t, "map: {fallback: {authors: team@example.com}}\n", body)
	if d := cmp.Diff([]string{"team@example.com", "jack@example.com"}, it.Fields.Authors.Value); d != "" || ps != nil {
		t.Error(d, ps)
	}
}

func TestDefaultsAreNotMapped(t *testing.T) {
	it, ps, un := mapItem(t, "defaults: {tags: [Old], languages: [en]}\nmap: {tags: {Old: New}, languages: {en: de}, divisions: {D: E}}\n", "name: x\n")
	if ps != nil || len(un.Values) != 0 || it.Fields.Tags.Value[0].Name != "Old" || it.Fields.Languages.Value[0] != "en" || it.Division != "D" {
		t.Errorf("%q %v %+v", ps, un, it.Fields)
	}
}

func TestMapProblems(t *testing.T) {
	at := func(line int) Pos { return Pos{"people.csv", line, 1} }
	maps := &Maps{
		People: ValueMap{Pos: Pos{"m.yaml", 1, 1}, Entries: []MapEntry{
			{"Jane", "jane@example.com", at(2)}, {" Jane ", "x@example.com", at(3)}, {"", "y@example.com", at(4)}, {"John", "John Doe", at(5)},
			{strings.Repeat("x", 1025), "", at(6)}, {"jane", "jane@example.com", at(7)},
		}},
		Tags:      ValueMap{Pos: Pos{"m.yaml", 2, 1}, Entries: []MapEntry{{"a", "b\tc", at(2)}}},
		Languages: ValueMap{Pos: Pos{"m.yaml", 2, 1}, Entries: []MapEntry{{"a", "en gb", at(2)}}},
		Countries: ValueMap{Pos: Pos{"m.yaml", 2, 1}, Entries: []MapEntry{{"a", "G B", at(2)}}},
	}
	_, ps := NewMapper(maps)
	want := []string{
		`people.csv:3:1: M056: map.people: "Jane" has an entry already, also at people.csv:2:1 (remove one of them)`,
		`people.csv:4:1: M055: map.people: the entry names no value to map from (write the old value, or remove the line)`,
		`people.csv:5:1: M035: author "John Doe" is neither an e-mail address nor an id (write the e-mail address with which the user signs in; a list of names and addresses goes under map: {people: ...})`,
		`people.csv:6:1: M055: map.people: "` + strings.Repeat("x", 60) + `..." is longer than 1024 characters (remove the line)`,
		`people.csv:2:1: M032: tag "b\tc" holds a line break or tab (replace it with a blank)`,
		`people.csv:2:1: M034: "en gb" in languages is no code (write codes: [en, de])`,
		`people.csv:2:1: M034: "G B" in countries is no code (write codes: [US, BE])`,
	}
	if d := cmp.Diff(want, lines(ps)); d != "" {
		t.Error(d)
	}
}

func TestUnmappedValuesAreBounded(t *testing.T) {
	u := &unmapped{}
	for i := range maxUnmapped + 5 {
		u.add(mapTags, fmt.Sprint(i), Pos{})
		u.add(mapTags, "0", Pos{})
	}
	got := (&Builder{unmapped: *u}).Unmapped()
	if len(got.Values) != maxUnmapped || got.Values[0].Value != "0" || got.Values[0].Count != maxUnmapped+6 || got.More["tags"] != 5 {
		t.Errorf("%d values, %v, %v", len(got.Values), got.Values[0], got.More)
	}
}

func BenchmarkMapper(b *testing.B) {
	m, _ := NewMapper(&Maps{Tags: ValueMap{Pos: Pos{"m.yaml", 1, 1}, Entries: []MapEntry{{"Sales Tips", "Sales", Pos{}}}}})
	for name, s := range map[string]string{"exact": "Sales Tips", "folded": "sales  tips", "none": "another tag", "accents": "\u00c4rger"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.look(mapTags, s)
			}
		})
	}
}
