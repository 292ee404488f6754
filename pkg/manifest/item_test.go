package manifest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestItemSaysEverything(t *testing.T) {
	p, ps := item(t, "timezone: Europe/Brussels\nroots: {decks: x}\n", `externalId: 012
file: decks:q3\sales.pptx
name: Q3 sales deck
description: "two\nlines"
division: Sales EMEA
tags: [Sales, {id: df39}, 2026, NO]
languages: [en, de, en]
countries: [NO, BE]
authors: [jane@example.com, 5f2a]
permissions: {isShareable: true, isAnnotatable: false, isEditable: null}
releasedAt: 2026-12-01
expiresAt: 2027-12-31T23:00:00.5+01:00
draftedAt: "+ 1 Year 6 months"
isSensitive: false
isDivisionShared: true
isArchived: null
isProcessedUsed: true
isOnlyEntireDocumentShareable: true
isSpeakerNotesEnabled: true
downloadableExternal: [original, pdf]
downloadableInternal: []
lockedPages: [{start: 1, end: 2}]
enforcedPages: {prepend: [{start: 1, end: 1}], append: null}
id: null
allowEmpty: true
keep: {oldUrl: "https://x", n: 7, gone: , yes: true}
`)
	if ps != nil {
		t.Fatalf("problems: %q", ps)
	}
	got := p.Item
	got.At = nil
	want := Item{
		Pos: Pos{"m.yaml", 6, 1}, ExternalID: "012", File: `decks:q3\sales.pptx`, Division: "Sales EMEA", AllowEmpty: true,
		Location: Location{Root: "decks", Path: "q3/sales.pptx"},
		Keep:     []KeepKV{{"oldUrl", "https://x"}, {"n", "7"}, {"gone", ""}, {"yes", "true"}},
		Fields: Fields{
			Name: Some("Q3 sales deck"), Description: Some("two\nlines"),
			Tags:      Some([]Tag{{Name: "Sales"}, {ID: "df39"}, {Name: "2026"}, {Name: "NO"}}),
			Languages: Some([]string{"en", "de"}), Countries: Some([]string{"NO", "BE"}),
			Authors:     Some([]string{"jane@example.com", "5f2a"}),
			IsShareable: Some(true), IsAnnotatable: Some(false),
			ReleasedAt:  Some(Instant{At: time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)}),
			ExpiresAt:   Some(Instant{At: time.Date(2027, 12, 31, 22, 0, 0, 0, time.UTC)}),
			DraftedAt:   Some(Instant{Relative: "+1 year 6 months", Years: 1, Months: 6}),
			IsSensitive: Some(false), IsDivisionShared: Some(true), IsArchived: Null[bool](), IsProcessedUsed: Some(true),
			IsOnlyEntireDocumentShareable: Some(true), IsSpeakerNotesEnabled: Some(true),
			DownloadableExternal: Some([]string{"original", "pdf"}), DownloadableInternal: Some([]string{}),
			LockedPages: Some([]PageRange{{1, 2}}), EnforcedPages: Some(EnforcedPages{Prepend: []PageRange{{1, 1}}}),
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for field, line := range map[string]int{"externalId": 6, "permissions.isEditable": 15, "enforcedPages": 28, "url": 6} {
		if p.Item.FieldPos(field).Line != line {
			t.Errorf("%s is at %v, want line %d", field, p.Item.FieldPos(field), line)
		}
	}
}

func TestDefaultsAreMerged(t *testing.T) {
	const header = `defaults:
  tags: [Migrated, {id: t1}]
  languages: [en]
  authors: [jane@example.com]
  description: Old
  permissions: {isShareable: true, isAnnotatable: true, isEditable: true}
  isRenderExternalAllowed: true
  expiresAt: 2030-01-01T00:00:00Z
`
	def := Fields{
		Tags: Some([]Tag{{Name: "Migrated"}, {ID: "t1"}}), Languages: Some([]string{"en"}), Authors: Some([]string{"jane@example.com"}),
		Description: Some("Old"), IsShareable: Some(true), IsAnnotatable: Some(true), IsEditable: Some(true),
		ExpiresAt: Some(Instant{At: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}),
	}
	tests := []struct {
		name, body string
		change     func(*Fields)
	}{
		{"nothing named", "file: a.pptx", func(f *Fields) {}},
		{"tags are added", "file: a.pptx\ntags: [Own, migrated]", func(f *Fields) {
			f.Tags = Some([]Tag{{Name: "Own"}, {Name: "migrated"}, {ID: "t1"}})
		}},
		{"tags replaced", "file: a.pptx\ntags: {replace: [Own]}", func(f *Fields) { f.Tags = Some([]Tag{{Name: "Own"}}) }},
		{"tags replaced by none", "file: a.pptx\ntags: {replace: []}", func(f *Fields) { f.Tags = Some([]Tag{}) }},
		{"no tags", "file: a.pptx\ntags: []", func(f *Fields) { f.Tags = Some([]Tag{}) }},
		{"tags taken back", "file: a.pptx\ntags: null", func(f *Fields) { f.Tags = Opt[[]Tag]{} }},
		{"lists replaced", "file: a.pptx\nlanguages: [de]\nauthors: []", func(f *Fields) {
			f.Languages, f.Authors = Some([]string{"de"}), Some([]string{})
		}},
		{"null where the service knows none", "file: a.pptx\nlanguages: null\npermissions: {isShareable: null}", func(f *Fields) {
			f.Languages, f.IsShareable = Opt[[]string]{}, Opt[bool]{}
		}},
		{"null where the service knows it", "file: a.pptx\ndescription: null\nexpiresAt: ~", func(f *Fields) {
			f.Description, f.ExpiresAt = Null[string](), Null[Instant]()
		}},
		{"permissions by member", "file: a.pptx\npermissions: {isAnnotatable: false}", func(f *Fields) { f.IsAnnotatable = Some(false) }},
		{"no permissions", "file: a.pptx\npermissions: null", func(f *Fields) {
			f.IsShareable, f.IsAnnotatable, f.IsEditable = Opt[bool]{}, Opt[bool]{}, Opt[bool]{}
		}},
		{"a default isEditable passes over PDF", "file: a.PDF", func(f *Fields) { f.IsEditable = Opt[bool]{} }},
		{"and over URL assets, which get theirs", "url: https://a.example/x", func(f *Fields) {
			f.IsEditable, f.IsRenderExternalAllowed = Opt[bool]{}, Some(true)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, ps := item(t, header, "externalId: a\n"+tt.body+"\n")
			if ps != nil {
				t.Errorf("problems: %q", ps)
			}
			want := def
			tt.change(&want)
			if d := cmp.Diff(want, p.Item.Fields); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDefaultsAreNotSharedBetweenItems(t *testing.T) {
	_, items, _ := read(t, "version: 1\ndivision: D\ndefaults: {tags: [A, B]}\nassets:\n- {externalId: a, file: a, tags: [X]}\n- {externalId: b, file: b, tags: [Y]}\n- {externalId: c, file: c}\n")
	var got []string
	for _, p := range items {
		var names []string
		for _, tag := range p.Item.Fields.Tags.Value {
			names = append(names, tag.Name)
		}
		got = append(got, strings.Join(names, " "))
	}
	if d := cmp.Diff([]string{"X A B", "Y A B", "A B"}, got); d != "" {
		t.Error(d)
	}
}

// The item is on lines 4 and following of the manifest: externalId, then body.
func TestItemProblems(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
	}{
		{"fine", "file: a", nil},
		{"no place", "name: a", []string{"4:1: M024: the item has neither file nor url (write file: with a path, or url: with an address)"}},
		{"null place", "file:\nurl: null", []string{"4:1: M024: the item has neither file nor url (write file: with a path, or url: with an address)"}},
		{"two places", "file: a\nurl: https://x.example/", []string{"6:6: M024: the item has both file and url (remove one: url is for links without a binary)"}},
		{"empty place", "file: ''", []string{"5:7: M054: file is empty (write a path, or leave the key out)"}},
		{"list place", "file: [a]", []string{"5:7: M007: file is a list (write a path)"}},
		{"alias place", "keep: {x: &a b}\nfile: *a", []string{"6:7: M008: aliases such as *a are not supported (write the value out, or put what all items share under defaults:)"}},
		{"merge", "<<: {file: a}\nfile: b", []string{"5:1: M008: merge keys (<<) are not supported (write the keys out, or put what all items share under defaults:)"}},
		{"tagged", "file: !secret a", []string{"5:7: M007: the YAML tag !secret is not supported (remove it)"}},
		{"binary", "file: !!binary aGk=", []string{"5:7: M007: the YAML tag !!binary is not supported (remove it)"}},
		{"key is a list", "? [a]\n: b\nfile: b", []string{"5:3: M007: a key must be a text (write key: value, and quote a value that begins with { or [)"}},
		{"key twice", "file: a\nfile: b", []string{`6:1: M006: key "file" is written twice, also at 5:1 (remove one of them)`}},
		{"unknown", "fiel: a\nfile: a\nxyzzyx: 1", []string{
			`5:1: M012: unknown key "fiel" (did you mean "file"?)`,
			`7:1: M012: unknown key "xyzzyx" (remove it, or put it under keep: to carry it into the results)`}},
		{"header key", "file: a\ntarget: x\nisEditable: true", []string{
			`6:1: M011: key "target" belongs into the header, not on an item (move it into the first document of the file)`,
			`7:1: M011: key "isEditable" belongs under permissions (write permissions: {isEditable: ...})`}},
		{"id", "file: a\nid: 'a b'", []string{`6:5: M054: "a b" is no asset id (write the id as the service shows it; an ID of another system is the externalId)`}},
		{"cannot move", "file: a\ncreatedAt: 2020-01-01\nversions: []", []string{
			`6:1: M010: key "createdAt": Showpad cannot take created dates (remove it, or put it under keep:; see docs/what-moves.md)`,
			`7:1: M010: key "versions": Showpad cannot take version history (remove it, or put it under keep:; see docs/what-moves.md)`}},
		{"url", "url: ftp://x.example/a", []string{`5:6: M025: url "ftp://x.example/a" is no complete web address (write it as in a browser: https://www.example.com/pricing)`}},
		{"url without host", "url: https:///a", []string{`5:6: M025: url "https:///a" is no complete web address (write it as in a browser: https://www.example.com/pricing)`}},
		{"url with blank", "url: https://x.example/a b", []string{`5:6: M025: url "https://x.example/a b" is no complete web address (write it as in a browser: https://www.example.com/pricing)`}},
		{"file is a folder at a URL", "file: https://x.example/a/?sig=x", []string{`5:7: M026: "https://x.example/a/" names no file (write the address of a file)`}},
		{"climbs", "file: ../a.pdf", []string{`blocked 5:7: M028: path "../a.pdf" leaves the manifest's folder (name that folder under roots:, for instance roots: {shared: ../shared}, and write shared:path)`}},
		{"names", "file: a\nname: \"a\\tb\"", []string{`6:7: M031: name "a\tb" holds a control character (write 1 to 255 characters on one line)`}},
		{"blank name", "file: a\nname: ' '", []string{`6:7: M031: name is empty (write 1 to 255 characters on one line)`}},
		{"name grows too long", "file: a.pptx\nname: " + strings.Repeat("n", 252), []string{`6:7: M031: the asset's name "` + strings.Repeat("n", 60) + `..." has 257 characters (write name: with 1 to 255 characters on one line)`}},
		{"true is no text", "file: a\nname: true\ntags: [false]", []string{
			`6:7: M007: name is true or false, not a text (quote it if the word is meant: "true")`,
			`7:8: M007: tags is true or false, not a text (quote it if the word is meant: "false")`}},
		{"tags", "file: a\ntags: ['', \"a\\nb\", {id: ''}, {}, {ID: x}, [a], " + strings.Repeat("t", 256) + "]", []string{
			`6:8: M032: a tag is empty (remove it)`,
			`6:12: M032: tag "a\nb" holds a line break or tab (replace it with a blank)`,
			`6:25: M032: "" is no tag id (write the id as the service shows it, or the tag's name)`,
			`6:30: M032: a tag is an empty mapping (write its name, or {id: ...})`,
			`6:35: M012: unknown key "ID" (did you mean "id"?)`,
			`6:43: M007: tags is a list (write the tag's name, or {id: ...})`,
			`6:48: M032: tag "` + strings.Repeat("t", 60) + `..." has 256 characters (shorten it to 255)`}},
		{"tag twice", "file: a\ntags: [Sales, ' sales ', {id: x}, {id: x}]", []string{
			`warning 6:15: M033: tag "sales" is listed twice (remove one)`,
			`warning 6:35: M033: tag "x" is listed twice (remove one)`}},
		{"tags mapping", "file: a\ntags: {add: [x]}", []string{`6:8: M012: unknown key "add" (known here: replace)`}},
		{"tags empty mapping", "file: a\ntags: {}", []string{`6:7: M007: tags is an empty mapping (write a list: [Sales, {id: ...}], or {replace: [...]})`}},
		{"locales", "file: a\nlanguages: en\ncountries: ['', 'U S', {a: b}]", []string{
			`6:12: M007: languages is a text (write a list: [en, de])`,
			`7:13: M034: "" in countries is no code (write codes: [US, BE])`,
			`7:17: M034: "U S" in countries is no code (write codes: [US, BE])`,
			`7:24: M007: countries is a mapping (write a text here)`}},
		{"authors", "file: a\nauthors: ['a,b', 'a b', '@x', 'x@', 'x@y@z']", []string{
			`6:11: M035: author "a,b" holds a comma (write one author in each list item)`,
			`6:18: M035: author "a b" is neither an e-mail address nor an id (write the e-mail address with which the user signs in; a list of names and addresses goes under map: {people: ...})`,
			`6:25: M035: author "@x" is neither an e-mail address nor an id (write the e-mail address with which the user signs in)`,
			`6:31: M035: author "x@" is neither an e-mail address nor an id (write the e-mail address with which the user signs in)`,
			`6:37: M035: author "x@y@z" is neither an e-mail address nor an id (write the e-mail address with which the user signs in)`}},
		{"booleans", "file: a\nisSensitive: yes\nisArchived: 1\nallowEmpty: 'true'\npermissions: true", []string{
			`6:14: M007: isSensitive is a text (write true or false, without quotes)`,
			`7:13: M007: isArchived is a number (write true or false, without quotes)`,
			`8:13: M007: allowEmpty is a text (write true or false, without quotes)`,
			`9:14: M007: permissions is true or false (write a mapping with isShareable, isAnnotatable, isEditable)`}},
		{"dates", "file: a\nreleasedAt: 01/02/2026\nexpiresAt: 2026-12-01 10:00:00\ndraftedAt: 2026-02-30", []string{
			`6:13: M040: releasedAt: "01/02/2026" is no date (write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months")`,
			`7:12: M040: expiresAt: "2026-12-01 10:00:00" is no date (add the zone: 2026-12-01T10:00:00Z)`,
			`8:12: M040: draftedAt: there is no day 2026-02-30 (correct the month or day)`}},
		{"no zone", "file: a\nreleasedAt: 2026-12-01", []string{`6:13: M041: releasedAt: the date has no time, and the header names no timezone (write timezone: Europe/Brussels in the header, or the date with its time: 2026-12-01T00:00:00Z)`}},
		{"no zone, an end", "file: a\nexpiresAt: 2026-12-01", []string{`6:12: M041: expiresAt: the date has no time, and the header names no timezone (write timezone: Europe/Brussels in the header, or the date with its time: 2026-12-01T23:59:59Z)`}},
		{"spans", "file: a\nreleasedAt: +5\nexpiresAt: \"+99999 days\"", []string{
			`6:13: M040: releasedAt: "+5" is no span of time (write "+18 months"; possible are days, weeks, months and years)`,
			`7:12: M040: expiresAt: "+99999 days" is no span of time (write "+18 months"; possible are days, weeks, months and years)`}},
		{"years", "file: a\nreleasedAt: 0001-01-01T00:00:00+05:00\nexpiresAt: 9999-12-31T23:30:00-05:00", []string{
			`6:13: M040: releasedAt: "0001-01-01T00:00:00+05:00" is in the year 0 by UTC (write a day of the years 1 to 9999; leave the field out for what never ends)`,
			`7:12: M040: expiresAt: "9999-12-31T23:30:00-05:00" is in the year 10000 by UTC (write a day of the years 1 to 9999; leave the field out for what never ends)`}},
		{"order", "file: a\nreleasedAt: 2027-01-01T00:00:00Z\nexpiresAt: 2027-01-01T00:00:00Z", []string{
			`6:13: M042: releasedAt (2027-01-01T00:00:00Z) is not before expiresAt (2027-01-01T00:00:00Z) (correct one of them)`}},
		{"expired", "file: a\nexpiresAt: 2026-11-01T00:00:00Z", []string{
			`warning 6:12: M043: the asset has expired already (2026-11-01T00:00:00Z) (correct expiresAt, or leave the item out)`}},
		{"pages", "file: a\nlockedPages: [{start: 0, end: 1}, {start: 1}, {start: 1, end: x}, 5, {start: 1, end: 2, step: 1}]", []string{
			`6:15: M050: lockedPages: 0 to 1 is no range of pages (pages count from 1, and end is not before start)`,
			`6:35: M050: lockedPages: a range needs start and end (write [{start: 1, end: 2}])`,
			`6:63: M007: lockedPages is a text (write a whole number)`,
			`6:67: M007: lockedPages is a number (write [{start: 1, end: 2}])`,
			`6:89: M012: unknown key "step" (known here: start, end)`}},
		{"enforced", "file: a\nenforcedPages: {prepend: [{start: 2, end: 1}], append: x}", []string{
			`6:27: M050: enforcedPages.prepend: 2 to 1 is no range of pages (pages count from 1, and end is not before start)`,
			`6:56: M007: enforcedPages.append is a text (write a list: [{start: 1, end: 2}])`}},
		{"renditions", "file: a\ndownloadableExternal: [PDF, docx]", []string{
			`6:24: M051: "PDF" in downloadableExternal is unknown (did you mean "pdf"?)`,
			`6:29: M051: "docx" in downloadableExternal is unknown (write original or pdf, or [] for nothing)`}},
		{"editable", "file: a.Pdf\npermissions: {isEditable: false}", []string{
			`blocked 6:27: M052: isEditable cannot be set on a PDF (remove isEditable from this item)`}},
		{"editable by name", "file: a\nname: b.pdf\npermissions: {isEditable: true}", []string{
			`blocked 7:27: M052: isEditable cannot be set on a PDF (remove isEditable from this item)`}},
		{"editable link", "url: https://x.example/\npermissions: {isEditable: true}", []string{
			`blocked 6:27: M052: isEditable cannot be set on a URL asset (remove isEditable from this item)`}},
		{"render", "file: a\nisRenderExternalAllowed: false", []string{
			`warning 6:26: M053: isRenderExternalAllowed is for URL assets only, and is not sent (remove it from this item)`}},
		{"keep", "file: a\nkeep: {a: [b], c: {d: e}}", []string{
			`6:11: M007: keep.a is a list (write a text)`,
			`6:19: M007: keep.c is a mapping (write a text)`}},
		{"keep list", "file: a\nkeep: [a]", []string{`6:7: M007: keep is a list (write a mapping: {oldUrl: ...})`}},
		{"all at once, in order", "tagz: 1\nname: [x]\nfile: a\ntags: x", []string{
			`5:1: M012: unknown key "tagz" (did you mean "tags"?)`,
			`6:7: M007: name is a list (write a text of 1 to 255 characters)`,
			`8:7: M007: tags is a text (write a list: [Sales, {id: ...}])`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, got := item(t, "", "externalId: a\n"+tt.body+"\n")
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if p.Item.ExternalID != "a" {
				t.Errorf("external ID %q", p.Item.ExternalID)
			}
			if p.Item.URL == "" && p.Item.Fields.IsRenderExternalAllowed.Set {
				t.Error("a field of URL assets is left on a file")
			}
			for _, pr := range p.Problems {
				if pr.ExternalID != "a" || pr.Fix == "" {
					t.Errorf("problem without its item or a fix: %+v", pr)
				}
			}
			for _, pr := range p.Item.Problems {
				if pr.Class == Stop {
					t.Errorf("an item carries a problem that stops everything: %v", pr)
				}
			}
		})
	}
}

func TestExternalIDs(t *testing.T) {
	tests := []struct {
		yaml, id string
		want     string // problem
	}{
		{"012", "012", ""}, {"1_000", "1_000", ""}, {"0x1F", "0x1F", ""}, {"~x", "~x", ""}, {"2026-12-01", "2026-12-01", ""}, {"'a b'", "a b", ""},
		{strings.Repeat("é", 128), strings.Repeat("é", 128), ""},
		{"1.23E+15", "1.23E+15", "warning 4:13: M023"}, {"'1,23E+15'", "1,23E+15", "4:13: M020"}, {"1E5", "1E5", "warning 4:13: M023"},
		{strings.Repeat("é", 129), strings.Repeat("é", 129), "4:13: M020"},
		{"'a,b'", "a,b", "4:13: M020"}, {"' a'", " a", "4:13: M020"}, {"\"a\\u00a0\"", "a\u00a0", "4:13: M020"}, {"\"a\\tb\"", "a\tb", "4:13: M020"}, {"''", "", "4:13: M020"},
		{"null", "", "4:1: M020"}, {"[a]", "", "4:13: M007"}, {"true", "", "4:13: M007"},
	}
	for _, tt := range tests {
		p, got := item(t, "", "externalId: "+tt.yaml+"\nfile: a\n")
		if p.Item.ExternalID != tt.id {
			t.Errorf("%s: ID %q, want %q", tt.yaml, p.Item.ExternalID, tt.id)
		}
		if tt.want == "" && got != nil || tt.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.want)) {
			t.Errorf("%s: problems %q, want %q", tt.yaml, got, tt.want)
		}
	}
}

func TestDivisionIsNeeded(t *testing.T) {
	_, _, got := read(t, "version: 1\nassets:\n- {externalId: a, file: b}\n- {externalId: c, file: d, division: ''}\n- {externalId: e, file: f, division: X}\n")
	want := []string{
		"3:3: M030: neither the item nor the header names a division (write division: in the header, or on the item)",
		"4:38: M054: division is empty (write the Division's name or id, or leave the key out)",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWrongFormsOfItems(t *testing.T) {
	_, items, got := read(t, "version: 1\ndivision: D\nassets: [a, [b], null, 7]\n---\n---\n- x\n---\n# nothing\n")
	want := []string{
		"3:10: M007: an item is a text (write its keys: externalId, file, ...)",
		"3:13: M007: an item is a list (write its keys: externalId, file, ...)",
		"3:18: M007: an item is nothing (write its keys: externalId, file, ...)",
		"3:24: M007: an item is a number (write its keys: externalId, file, ...)",
		"6:1: M007: an item is a list (write its keys: externalId, file, ...)",
	}
	if d := cmp.Diff(want, got); d != "" || len(items) != 5 {
		t.Error(len(items), d)
	}
}

func TestASecondHeaderIsNoItem(t *testing.T) {
	_, _, got := read(t, "version: 1\ndivision: D\n---\nversion: 1\nassets: []\n")
	if len(got) != 4 || !strings.Contains(got[0], "M011") {
		t.Errorf("%q", got)
	}
}

func TestItemsEndWithTheContext(t *testing.T) {
	text := "version: 1\ndivision: D\nassets:\n- {externalId: a, file: a}\n- {externalId: b, file: b}\n"
	m, _, err := ReadHeader(strings.NewReader(text), "m.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := newCanceller(t)
	var got []string
	for p, err := range NewBuilder(m, Options{}).YAML(ctx, strings.NewReader(text)) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, p.Item.ExternalID)
		cancel()
	}
	if d := cmp.Diff([]string{"a", "context canceled"}, got); d != "" {
		t.Error(d)
	}
}
