package manifest

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderSaysEverything(t *testing.T) {
	m, _, ps := read(t, `version: 1
id: wave-1
timezone: Europe/Brussels
target: {subdomain: Acme, ownership: oauth2client}
division: 42
roots: {decks: .\content\decks, abs: 'C:\Data\x', up: ../shared}
defaults:
  tags: [Migrated, {id: abc}]
  languages: [en]
  description: null
  permissions: {isShareable: true}
  expiresAt: 2030-12-31
createTags: none
include:
  - table: .\tables\a.CSV
    columns: {externalId: ID, file: "{Folder}/{File}", tags: {column: Keywords, split: "|"}, permissions.isShareable: Share, name: 2026}
    keep: [Old URL, 7]
  - table: b.ndjson
update: {tags: replace, metadata: keep, file: keep, conflicts: overwrite}
prune: keep
map:
shares: null
`)
	if ps != nil {
		t.Fatalf("problems: %q", ps)
	}
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	at := func(line, col int) Pos { return Pos{"m.yaml", line, col} }
	want := &Manifest{
		Path: "m.yaml", Dir: ".", ID: "wave-1", Timezone: zone, Division: "42",
		Target: Target{Subdomain: "acme", Ownership: "oauth2client"},
		Roots:  []Root{{"decks", RootFolder, "content/decks", at(6, 9)}, {"abs", RootFolder, "C:/Data/x", at(6, 33)}, {"up", RootFolder, "../shared", at(6, 51)}},
		Defaults: Fields{
			Tags:        Some([]Tag{{Name: "Migrated"}, {ID: "abc"}}),
			Languages:   Some([]string{"en"}),
			Description: Null[string](),
			IsShareable: Some(true),
			ExpiresAt:   Some(Instant{At: time.Date(2030, 12, 31, 22, 59, 59, 0, time.UTC)}),
		},
		CreateTags: CreateNoTags,
		Includes: []Include{
			{Pos: at(15, 12), Table: "tables/a.CSV", Keep: []string{"Old URL", "7"}, Columns: map[string]Column{
				"externalId":              {Pos: at(16, 27), Column: "ID"},
				"file":                    {Pos: at(16, 37), Template: "{Folder}/{File}"},
				"tags":                    {Pos: at(16, 62), Column: "Keywords", Split: "|"},
				"permissions.isShareable": {Pos: at(16, 119), Column: "Share"},
				"name":                    {Pos: at(16, 132), Column: "2026"},
			}},
			{Pos: at(18, 12), Table: "b.ndjson"},
		},
		Update: Update{"replace", "keep", "keep", "overwrite"}, Prune: "keep",
	}
	if d := cmp.Diff(want, m, cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); d != "" {
		t.Error(d)
	}
}

func TestHeaderDefaults(t *testing.T) {
	m, ps, err := ReadHeader(strings.NewReader("version: 1\n"), "dir/spring.campaign.yaml")
	if err != nil || ps != nil {
		t.Fatal(ps, err)
	}
	want := &Manifest{Path: "dir/spring.campaign.yaml", Dir: "dir", ID: "spring.campaign",
		Target: Target{Ownership: "local"}, CreateTags: CreateAllTags,
		Update: Update{"add", "manifest", "changed", "skip"}}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
}

func TestHeaderProblems(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"1: M003: the manifest is empty (begin it with version: 1, or let migrate init write one)"}},
		{"comment only", "# later\n", []string{"1: M003: the manifest is empty (begin it with version: 1, or let migrate init write one)"}},
		{"list", "- a\n", []string{"1:1: M003: the manifest does not begin with a header (begin it with version: 1, then target:, division: and assets: or include:)"}},
		{"text", "hello\n", []string{"1:1: M003: the manifest does not begin with a header (begin it with version: 1, then target:, division: and assets: or include:)"}},
		{"null", "---\n---\n", []string{"2:1: M003: the manifest does not begin with a header (begin it with version: 1, then target:, division: and assets: or include:)"}},
		{"no version", "division: D\n", []string{"1:1: M004: the header has no version (write version: 1 as its first line)"}},
		{"text version", "version: '1'\n", []string{"1:10: M004: version is a text (write version: 1 without quotes)"}},
		{"null version", "version:\n", []string{"1:9: M004: version is nothing (write version: 1)"}},
		{"several at once", "version: 1\nassets: {}\ncreateTags: ALL\ndivision: [a]\n", []string{
			"2:9: M007: assets is a mapping (write a list: each item begins with a dash)",
			`3:13: M051: createTags: "ALL" is not possible (did you mean "all"?)`,
			"4:11: M007: division is a list (write the Division's name or id)"}},
		{"item in the header", "version: 1\nexternalId: a\ntags: [x]\nfolder: x\n", []string{
			`2:1: M011: key "externalId" belongs on an item, not into the header (put the item below assets:, or into a further document after ---)`,
			`3:1: M011: key "tags" belongs on an item or under defaults (write defaults: {tags: ...})`,
			`4:1: M010: key "folder": Showpad cannot take folders (remove it; see docs/what-moves.md)`}},
		{"keys of a part at the top", "version: 1\nconflicts: overwrite\nsubdomain: acme\nfallback: {authors: a@example.com}\n", []string{
			`2:1: M011: key "conflicts" belongs under update (write update: {conflicts: ...})`,
			`3:1: M011: key "subdomain" belongs under target (write target: {subdomain: ...})`,
			`4:1: M011: key "fallback" belongs under map (write map: {fallback: ...})`}},
		{"unknown without a likeness", "version: 1\nzzzzzzzz: 1\n", []string{
			`2:1: M012: unknown key "zzzzzzzz" (remove it; the header knows version, id, timezone, target, division, roots, defaults, map, createTags, assets, include, tagCategories, myFiles, shares, update, prune)`}},
		{"id", "version: 1\nid: ' a'\n", []string{`2:5: M054: id " a" is unusable (write 1 to 128 characters without white space around them, or leave the key out)`}},
		{"local zone", "version: 1\ntimezone: Local\n", []string{`2:11: M044: timezone "Local" is unknown (write a name such as Europe/Brussels, America/New_York or UTC)`}},
		{"empty division", "version: 1\ndivision: ''\n", []string{"2:11: M054: division is empty (write the Division's name or id, or leave the key out)"}},
		{"misspelt division is said once", "version: 1\ndivison: D\nassets: [{externalId: a, file: b}]\n", []string{`2:1: M012: unknown key "divison" (did you mean "division"?)`}},
		{"wrong timezone is said once", "version: 1\ntimezone: x/y\ndivision: D\nassets: [{externalId: a, file: b, releasedAt: 2026-12-01}]\n", []string{
			`2:11: M044: timezone "x/y" is unknown (write a name such as Europe/Brussels, America/New_York or UTC)`}},
		{"roots", "version: 1\nroots: {d: x, https: x, decks: 's3://b/p', drive: 'gdrive:x', nil: , web: https://x/}\n", []string{
			`2:9: M061: "d" cannot be the name of a root (use two or more letters, digits, - or _, beginning with a letter; not http, https, file or s3)`,
			`2:15: M061: "https" cannot be the name of a root (use two or more letters, digits, - or _, beginning with a letter; not http, https, file or s3)`,
			`2:68: M007: roots.nil is nothing (write a text)`}},
		{"defaults", "version: 1\ndefaults:\n  externalId: x\n  division: D\n  tags: {replace: [a]}\n  isShareable: true\n  id: x\n  lnaguages: [en]\n  permissions: {name: x}\n", []string{
			`3:3: M011: key "externalId" cannot be a default (write it on the items)`,
			`4:3: M011: key "division" belongs into the header, not under defaults (move it out of defaults:)`,
			`5:9: M011: {replace: ...} has a meaning on items only (write a list)`,
			`6:3: M011: key "isShareable" belongs under permissions (write permissions: {isShareable: ...})`,
			`7:3: M011: key "id" cannot be a default (write it on the items)`,
			`8:3: M012: unknown key "lnaguages" (did you mean "languages"?)`,
			`9:17: M012: unknown key "name" (known here: isShareable, isAnnotatable, isEditable)`}},
		{"prune", "version: 1\nprune: all\n", []string{`2:8: M051: prune: "all" is not possible (write keep, archive, delete)`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, got := read(t, tt.text)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLongAssetsListIsWarnedAbout(t *testing.T) {
	text := "version: 1\nassets:\n" + strings.Repeat("- {}\n", LongList)
	_, ps, err := ReadHeader(strings.NewReader(text), "m.yaml")
	if err != nil || len(ps) != 1 || ps[0].Code != CodeLongList || ps[0].Class != Warn {
		t.Error(ps, err)
	}
}

func TestSyntaxBecomesAPlace(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unclosed list", "version: 1\nassets: [a\n", "2: M001: a list that began with [ is not closed"},
		{"tab", "version: 1\ntarget:\n\tsubdomain: a\n", "3: M001: the line is indented with a tab, or a value begins with one of @ ` %"},
		{"unclosed at the end", "version: 1\nassets:\n- [a,", "3: M001: a value is missing"},
		{"indentation", "version: 1\nid: x\nassets:\n  - externalId: a\n    file: b\n   name: c\n", "4: M001: a line of the"},
		{"after the quote", "version: 1\ndivision: \"a\" b\n", "2: M001: a line of the block"},
		{"at sign", "version: 1\ndivision: @x\n", "2: M001: the line is indented with a tab, or a value begins with one of @ ` %"},
		{"first line", "a: b: c\n", "1: M001: a \": \" stands where no key can be"},
		{"colon in a value", "version: 1\nid: x\ndivision: a: b\n", "3: M001: a \": \" stands where no key can be"},
		{"no colon", "version: 1\nid x\ndivision: y\n", "2: M001: this line is neither \"key: value\" nor a list item"},
		{"open quote", "version: 1\ndivision: \"a\nid: b\n", "M001: a quote is not closed"},
		{"unknown anchor", "version: 1\ndivision: *all\n", "M001: an alias (*name) without its anchor"},
		{"escape", "version: 1\ndivision: \"C:\\Data\"\n", "2: M001: an unknown \\ escape in double quotes"},
		{"latin 1", "version: 1\n# ok\ndivision: Caf\xe9\n", "3: M002: the file is not UTF-8"},
		{"utf-16", "\xff\xfev\x00e\x00", "1: M002: the file is UTF-16, not UTF-8"},
		{"merge key that panics", "? {x: 1}\n: 2\n<<: {a: 1}\nversion: 1\n", "1:3: M007: a key must be a text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, got := read(t, tt.text)
			if len(got) == 0 || !strings.Contains(got[0], tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if len(got) > 0 && strings.Contains(got[0], "yaml") {
				t.Errorf("the library's own words: %q", got[0])
			}
		})
	}
}

func TestItemsBeforeASyntaxErrorAreRead(t *testing.T) {
	_, items, got := read(t, "version: 1\ndivision: D\nassets:\n- {externalId: a, file: b}\n---\nexternalId: c\nfile: d\n---\nexternalId: [\n")
	if len(items) != 2 {
		t.Errorf("%d items", len(items))
	}
	if len(got) != 1 || !strings.Contains(got[0], "M001") {
		t.Errorf("problems: %q", got)
	}
}

func TestErrorsOfTheReaderComeOut(t *testing.T) {
	broken := errors.New("the disk is gone")
	r := io.MultiReader(strings.NewReader("version: 1\n"), iotest.ErrReader(broken))
	if _, _, err := ReadHeader(r, "m.yaml"); !errors.Is(err, broken) {
		t.Errorf("header: %v", err)
	}
	m, _, err := ReadHeader(strings.NewReader("version: 1\n"), "m.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r = io.MultiReader(strings.NewReader("version: 1\n---\nexternalId: a\n---\n"), iotest.ErrReader(broken))
	var last error
	for _, err := range NewBuilder(m, Options{}).YAML(t.Context(), r) {
		last = err
	}
	if !errors.Is(last, broken) {
		t.Errorf("items: %v", last)
	}
}

func TestTextReader(t *testing.T) {
	long := strings.Repeat("é€𝄞\n", 20_000)
	for name, r := range map[string]io.Reader{
		"whole":     strings.NewReader("\xef\xbb\xbf" + long),
		"by bytes":  iotest.OneByteReader(strings.NewReader("\xef\xbb\xbf" + long)),
		"with data": iotest.DataErrReader(strings.NewReader(long)),
	} {
		got, err := io.ReadAll(NewTextReader(r, "f"))
		if err != nil || string(got) != long {
			t.Errorf("%s: %d bytes, want %d; %v", name, len(got), len(long), err)
		}
	}
	for _, cut := range []string{"a\nb\xc3", "a\n\xff\xfe", "a\n\xed\xa0\x80"} {
		_, err := io.ReadAll(NewTextReader(iotest.OneByteReader(strings.NewReader(cut)), "f"))
		ps, ok := err.(Problems)
		if !ok || ps[0].Code != CodeEncoding || ps[0].Pos.Line != 2 {
			t.Errorf("%q: %v", cut, err)
		}
	}
}
