package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const everyInclude = `version: 1
timezone: UTC
roots: {decks: ./content, bucket: 's3://b/p/', site: 'https://x.example/files/', sp: 'sharepoint:Marketing/'}
include:
  - table: a.xlsx
    sheet: 2
    columns: {externalId: {template: "{A}-{B}"}, division: {value: Sales}, expiresAt: {column: M, add: 24 months}}
  - {table: a.tsv, encoding: CP1252}
  - files: 'decks:q3\**\*.pdf'
    exclude: ['**/old/**', .\x\*]
    externalId: decks/{path}
    tags: ["{dirs}", Migrated]
    name: "{stem}"
    languages: [en]
    isSensitive: true
    permissions: {isShareable: false}
    enforcedPages: {prepend: [{start: 1, end: 2}]}
    description: "{{really}}"
    join: {table: b.csv, on: Path, strip: 'sites\mkt\', encoding: latin1, keep: [Owner], columns: {name: Title}}
  - {files: "*.mp4", externalId: null, permissions: null, enforcedPages: null, tags: {replace: ["{dir1}"]}}
`

func TestIncludesSayEverything(t *testing.T) {
	m, _, ps := read(t, everyInclude)
	if ps != nil {
		t.Fatalf("problems: %q", ps)
	}
	at := func(line, col int) Pos { return Pos{"m.yaml", line, col} }
	if d := cmp.Diff([]Root{
		{"decks", RootFolder, "content", at(3, 9)}, {"bucket", RootS3, "s3://b/p", at(3, 27)},
		{"site", RootWeb, "https://x.example/files", at(3, 48)}, {"sp", RootRclone, "sharepoint:Marketing", at(3, 82)},
	}, m.Roots); d != "" {
		t.Error(d)
	}
	text := func(line, col int, s string) Value { return Value{Kind: TextValue, Pos: at(line, col), Text: s} }
	number := func(line, col int, s string) Value { return Value{Kind: NumberValue, Pos: at(line, col), Text: s} }
	value := func(v Value) Column { return Column{Pos: v.Pos, Value: &v} }
	list := func(line, col int, v ...Value) Value { return Value{Kind: ListValue, Pos: at(line, col), List: v} }
	boolean := func(line, col int, s string) Value { return Value{Kind: BoolValue, Pos: at(line, col), Text: s} }
	null := func(line, col int) Column { return value(Value{Kind: NullValue, Pos: at(line, col)}) }
	want := []Include{
		{Pos: at(5, 12), Table: "a.xlsx", Sheet: "2", Columns: map[string]Column{
			"externalId": {Pos: at(7, 27), Template: "{A}-{B}"},
			"division":   {Pos: at(7, 60), Value: new(text(7, 68, "Sales"))},
			"expiresAt":  {Pos: at(7, 87), Column: "M", Add: &Instant{Months: 24, Relative: "+24 months"}},
		}},
		{Pos: at(8, 13), Table: "a.tsv", Encoding: "windows-1252"},
		{Pos: at(9, 12), Files: `decks:q3\**\*.pdf`, Exclude: []string{"**/old/**", "x/*"}, Set: map[string]Column{
			"externalId":              {Pos: at(11, 17), Template: "decks/{path}"},
			"tags":                    value(list(12, 11, text(12, 12, "{dirs}"), text(12, 22, "Migrated"))),
			"name":                    {Pos: at(13, 11), Template: "{stem}"},
			"languages":               value(list(14, 16, text(14, 17, "en"))),
			"isSensitive":             value(boolean(15, 18, "true")),
			"permissions.isShareable": value(boolean(16, 32, "false")),
			"enforcedPages.prepend": value(list(17, 30, Value{Kind: MapValue, Pos: at(17, 31), Map: []Member{
				{"start", at(17, 32), number(17, 39, "1")}, {"end", at(17, 42), number(17, 47, "2")},
			}})),
			"description": value(text(18, 18, "{really}")),
		}, Join: &Join{Pos: at(19, 19), Table: "b.csv", On: "{Path}", Strip: "sites/mkt/", Encoding: "iso-8859-1", Keep: []string{"Owner"}, Columns: map[string]Column{
			"name": {Pos: at(19, 106), Column: "Title"},
		}}},
		{Pos: at(20, 13), Files: "*.mp4", Set: map[string]Column{
			"permissions.isShareable": null(20, 53), "permissions.isAnnotatable": null(20, 53), "permissions.isEditable": null(20, 53),
			"enforcedPages": null(20, 74),
			"tags":          value(Value{Kind: MapValue, Pos: at(20, 86), Map: []Member{{"replace", at(20, 87), list(20, 96, text(20, 97, "{dir1}"))}}}),
		}},
	}
	if d := cmp.Diff(want, m.Includes); d != "" {
		t.Error(d)
	}
}

func TestIncludeProblems(t *testing.T) {
	m, _, got := read(t, `version: 1
timezone: UTC
roots: {decks: x, q3: "decks:q3", "web": "https://x/?a=b", "other": "ftp://x", "open": "http://x/"}
include:
  - table: a.csv
    sheet: One
    exclude: [x]
    tags: [a]
  - {table: a.ods}
  - {table: https://example.com/a.csv}
  - {}
  - keep: [a]
  - table: ""
  - 7
  - table: a.csv
    colums: {}
    columns: {extrnalId: ID, keep: [a], file: "{a", name: "", tags: {split: ";"}, url: {column: U, split: ""}, expiresAt: {column: M, add: soon}, division: [a]}
  - {table: a.csv, columns: {name: {column: A, value: B}, isSensitive: {value: "yes"}, externalId: {value: X}, description: {column: D, add: 1 day}, tags: {value: [a], split: ","}}}
  - {table: a.xlsx, encoding: cp1252}
  - {table: a.csv, encoding: klingon}
  - {table: a.csv, files: "*"}
  - {files: "*", table: null, columns: {name: x}, keep: [a]}
  - {files: "deks:**"}
  - {files: "/srv/**"}
  - {files: "decks:../**"}
  - {files: "decks:[a"}
  - {files: "*", exclude: ["{a", /b], exclud: x}
  - {files: "*", externalId: fixed}
  - {files: "*", externalId: "{path", name: "{stm}", description: "{dirs}", tags: "{dirs}", languages: ["{dir3}"], isSensitive: "no", file: a, id: b, permissions: {isSharable: true}}
  - {files: "*", join: {table: a.csv}}
  - {files: "*", join: {on: "{", table: a.csv}}
  - {files: "*", join: {on: "x{{", table: a.csv, columns: {file: A}, one: 1}}
  - {files: "*", join: a.csv}
`)
	want := []string{
		`3:23: M061: root "q3" lies in root "decks" (write its whole place; if a remote of rclone is meant, give the root of the same name another one)`,
		`3:42: M061: root "web" has a query (write the address without what follows the ?)`,
		`3:69: M061: root "other" has a scheme that is not read (write https://, s3://bucket/path, or remote:path for a remote of rclone)`,
		`3:88: M061: root "open" is not encrypted on its way (write https://)`,
		`6:5: M079: include: a .csv table has no sheets (remove sheet:, or name an .xlsx table)`,
		`7:5: M079: include: exclude goes with files, not with a table (remove it)`,
		`8:5: M011: key "tags" of an include goes with files, not with a table (write it under columns: {tags: {value: ...}}, or under defaults:)`,
		`9:13: M078: table "a.ods" is none of .csv, .tsv, .xlsx, .ndjson (save it as .xlsx or as CSV UTF-8)`,
		`10:13: M079: table "https://example.com/a.csv" is not a file of this machine (save it beside the manifest, and write its path; ./like:this if its name holds a colon)`,
		`11:5: M079: the include names neither table nor files (write {table: inventory.csv}, or {files: "decks:**/*.pdf"})`,
		`12:5: M079: the include names neither table nor files (write {table: inventory.csv}, or {files: "decks:**/*.pdf"})`,
		`13:12: M079: the table's path is empty (write {table: inventory.csv})`,
		`14:5: M007: include is a number (write a mapping: {table: inventory.csv})`,
		`16:5: M012: unknown key "colums" (did you mean "columns"?)`,
		`17:15: M012: unknown key "extrnalId" (did you mean "externalId"?)`,
		`17:30: M011: keep cannot be mapped (list the columns under the include's keep:)`,
		`17:47: M079: columns.file: template "{a": a { without its } (write columns in braces: "{Folder}/{File}")`,
		`17:59: M054: columns.name names no column (write the column's header)`,
		`17:69: M054: columns.tags names no column (write {column: Keywords})`,
		`17:107: M054: columns.url: split is empty (write the separator, for instance ";")`,
		`17:140: M040: columns.expiresAt.add: "soon" is no span of time (write 24 months; possible are days, weeks, months and years)`,
		`17:157: M007: columns.division is a list (write a column's name, a template or {column: ..., split: ...})`,
		`18:36: M079: columns.name has more than one of column, template and value (remove the others)`,
		`18:80: M007: isSensitive is a text (write true or false, without quotes)`,
		`18:108: M079: externalId cannot be the same for all (name a column, or a template)`,
		`18:137: M079: add is for dates, and description is none (remove it)`,
		`18:156: M079: columns.tags: split and add go with columns, not with a value (remove them, and write the value as it shall be)`,
		`19:21: M079: include: the encoding of a .xlsx table is fixed (remove encoding:)`,
		`20:30: M051: include.encoding: "klingon" is unknown (write one of utf-8, utf-16, utf-16le, utf-16be, windows-1250, windows-1251, windows-1252, windows-1253, windows-1254, windows-1257, iso-8859-1, iso-8859-2, iso-8859-9, iso-8859-15, macintosh, or save the table as CSV UTF-8)`,
		`21:20: M079: the include has both table and files (write two includes, or join: {table: ...} for a table about the files)`,
		`22:31: M079: include: columns goes with a table, not with files (remove it, or write join: {table: ..., columns: ...} for a table about the files)`,
		`22:51: M079: include: keep goes with a table, not with files (remove it, or write join: {table: ..., keep: ...} for a table about the files)`,
		`23:13: M027: unknown root "deks" (did you mean "decks"?)`,
		`24:13: M079: pattern "/srv/**" begins with a place (name the place under roots:, and write "name:**/*.pdf")`,
		`25:13: M079: pattern "decks:../**" leaves its folder (write one such as "decks:**/*.pdf": * is a name, ** any folders, {a,b} one of several)`,
		`26:13: M079: pattern "decks:[a" is no glob: a bracket or brace is not closed (write one such as "decks:**/*.pdf": * is a name, ** any folders, {a,b} one of several)`,
		`27:28: M079: pattern "{a" is no glob: a bracket or brace is not closed (write one such as "**/Archive/**")`,
		`27:34: M079: pattern "/b" begins with a slash (patterns begin at the root: write old/** or **/old/**)`,
		`27:39: M012: unknown key "exclud" (did you mean "exclude"?)`,
		`28:30: M079: externalId "fixed" would be the same for all files (write a template: "decks/{path}")`,
		`29:30: M079: externalId: template "{path": a { without its } (a brace that is meant is doubled: {{)`,
		`29:45: M079: name: {stm} is no part of a path (did you mean "stem"?)`,
		`29:67: M079: description: {dirs} stands for several texts (write {dir}, or put it into a list)`,
		`29:83: M007: tags is a text (write a list: ["{dirs}"])`,
		`29:105: M079: languages: {dir3} is no part of a path (did you mean "dir"?)`,
		`29:129: M007: isSensitive is a text (write true or false, without quotes)`,
		`29:135: M011: key "file" belongs on an item: each file has its own (remove it)`,
		`29:144: M011: key "id" belongs on an item: each file has its own (remove it)`,
		`29:165: M012: unknown key "isSharable" (did you mean "isShareable"?)`,
		`30:24: M079: join does not say which columns give a file's path (write on: "{Path}/{Name}")`,
		`31:29: M079: join.on: template "{": a { without its } (write columns in braces: "{Path}/{Name}")`,
		`32:29: M079: join.on: template "x{{": it names no column (write columns in braces: "{Path}/{Name}")`,
		`32:60: M011: file comes from the files, not from the joined table (remove it)`,
		`32:70: M012: unknown key "one" (did you mean "on"?)`,
		`33:24: M007: include.join is a text (write a mapping: {table: export.csv, on: "{Path}/{Name}"})`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// What is wrong is said once: neither of these says it at each file again.
	for _, inc := range m.Includes {
		for name, c := range inc.Set {
			if name == "isSensitive" && (c.Value == nil || c.Value.Kind != BadValue) {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}

func TestTemplatesOfGlobsAreFilled(t *testing.T) {
	m, _, ps := read(t, `version: 1
include:
  - files: "**"
    externalId: "decks/{path}"
    description: "{dir1}"
    tags: [Fixed, "{dirs}", "T-{dir1}", "{ext}"]
    languages: {replace: []}
    countries: [BE, "{dir1}"]
    downloadableExternal: ["{dirs}"]
    downloadableInternal: []
    authors: null
`)
	if len(ps) != 1 { // languages know no replace
		t.Fatalf("problems: %q", ps)
	}
	file := map[string][]string{"path": {"a/b/x"}, "dir1": {"a"}, "dirs": {"a", "b"}, "ext": nil}
	top := map[string][]string{"path": {"x"}}
	get := func(of map[string][]string) func(string) []string {
		return func(name string) []string { return of[name] }
	}
	texts := func(v Value) (out []string) {
		for _, e := range v.List {
			out = append(out, e.Text)
		}
		return out
	}
	set := m.Includes[0].Set
	if v, ok := set["externalId"].Fill(get(file)); !ok || v.Text != "decks/a/b/x" || v.Pos.Line != 4 {
		t.Errorf("externalId: %+v %v", v, ok)
	}
	if v, ok := set["description"].Fill(get(file)); !ok || v.Text != "a" {
		t.Errorf("description: %+v %v", v, ok)
	}
	if v, ok := set["description"].Fill(get(top)); ok {
		t.Errorf("description of a file without folder: %+v", v)
	}
	for _, tt := range []struct {
		of   map[string][]string
		want []string
	}{{file, []string{"Fixed", "a", "b", "T-a"}}, {top, []string{"Fixed"}}} {
		v, ok := set["tags"].Fill(get(tt.of))
		if d := cmp.Diff(tt.want, texts(v)); d != "" || !ok {
			t.Error(d)
		}
	}
	// Nothing for its placeholders: as if it were not written, for [] would take the default away.
	if v, ok := set["downloadableExternal"].Fill(get(top)); ok {
		t.Errorf("a list of which nothing is left: %+v", v)
	}
	if v, ok := set["countries"].Fill(get(top)); !ok || len(v.List) != 1 {
		t.Errorf("a list of which something is left: %+v %v", v, ok)
	}
	if v, ok := set["downloadableInternal"].Fill(get(top)); !ok || v.Kind != ListValue {
		t.Errorf("the empty list: %+v %v", v, ok)
	}
	if v, ok := set["authors"].Fill(get(file)); !ok || v.Kind != NullValue {
		t.Errorf("authors: %+v %v", v, ok)
	}
}

func TestEncodingsHaveManyNames(t *testing.T) {
	for in, want := range map[string]string{"UTF8": "utf-8", "cp1252": "windows-1252", "Windows-1252": "windows-1252", "windows_1250": "windows-1250", "ANSI": "windows-1252", "UTF-16LE": "utf-16le", "iso8859-15": "iso-8859-15", "ISO_8859-1": "iso-8859-1", "ascii": "utf-8"} {
		d := &decoder{}
		if got := d.encoding(Value{Kind: TextValue, Text: in}); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestMapsOfTheHeader(t *testing.T) {
	m, _, ps := read(t, "version: 1\nmap:\n  people: .\\maps\\people.csv\n  tags: {Old: New, Drop: , Gone: '', 2019: Archive}\n  countries:\n  fallback: {authors: jane@example.com}\n")
	at := func(line, col int) Pos { return Pos{"m.yaml", line, col} }
	want := Maps{
		People: ValueMap{Pos: at(3, 11), File: "maps/people.csv"},
		Tags: ValueMap{Pos: at(4, 9), Entries: []MapEntry{
			{"Old", "New", at(4, 10)}, {"Drop", "", at(4, 20)}, {"Gone", "", at(4, 28)}, {"2019", "Archive", at(4, 38)},
		}},
		Fallback: Fallback{Pos: at(6, 23), Authors: []string{"jane@example.com"}},
	}
	if d := cmp.Diff(want, m.Maps); d != "" || ps != nil {
		t.Error(d, ps)
	}
	_, _, ps = read(t, "version: 1\nmap: {peple: a.csv, people: a.txt, tags: [a], languages: {a: [b]}, countries: '', divisions: 'https://x/a.csv', fallback: {authors: [], author: x}}\n")
	if d := cmp.Diff([]string{
		`2:7: M012: unknown key "peple" (did you mean "people"?)`,
		`2:29: M078: map.people: "a.txt" is none of .csv, .tsv, .xlsx (save it as CSV UTF-8 with the columns from and to)`,
		`2:42: M007: map.tags is a list (write the path of a table with the columns from and to, or a mapping: {Old name: New name})`,
		`2:62: M007: map.languages is a list (write a text, or nothing to drop the value)`,
		`2:79: M054: map.countries is empty (write the path of a table, or leave the key out)`,
		`2:94: M079: map.divisions: "https://x/a.csv" is not a file of this machine (save it beside the manifest, and write its path)`,
		`2:133: M054: map.fallback.authors is empty (write an e-mail address, or leave the key out)`,
		`2:137: M012: unknown key "author" (did you mean "authors"?)`,
	}, ps); d != "" {
		t.Error(d)
	}
}
