package manifest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAssetName(t *testing.T) {
	file := func(path, name string) Item {
		it := Item{Location: Location{Path: path}}
		if name != "" {
			it.Fields.Name = Some(name)
		}
		return it
	}
	link := func(url, name string) Item {
		it := Item{URL: url}
		if name != "" {
			it.Fields.Name = Some(name)
		}
		return it
	}
	tests := []struct {
		item Item
		want string
	}{
		{file("a/Deck.pptx", ""), "Deck.pptx"},
		{file("a/deck.pptx", "Q3"), "Q3.pptx"},
		{file("a/deck.pptx", "Q3.PPTX"), "Q3.PPTX"},
		{file("a/deck.pptx", "Q3.pdf"), "Q3.pdf.pptx"},
		{file("a/deck.pptx", ".pptx"), ".pptx.pptx"},
		{file("a/deck", "Q3"), "Q3"},
		{file("a/.profile", "Settings"), "Settings"},
		{file("a/archive.tar.gz", "Archive"), "Archive.gz"},
		{file("a/odd.", "Odd"), "Odd"},
		{file("cafe\u0301.txt", ""), "café.txt"},
		{link("https://www.example.com/pricing", ""), "pricing.url"},
		{link("https://www.example.com/a%20b/", ""), "a b.url"},
		{link("https://www.example.com:8080/", ""), "www.example.com.url"},
		{link("https://www.example.com?x=y", ""), "www.example.com.url"},
		{link("https://www.example.com/%0a", ""), "www.example.com.url"},
		{link("https://www.example.com/x", "Prices"), "Prices.url"},
		{link("https://www.example.com/x", "Prices.URL"), "Prices.URL"},
		{link("https://www.example.com/"+strings.Repeat("x", 300), ""), strings.Repeat("x", 251) + ".url"},
	}
	for _, tt := range tests {
		if got := AssetName(tt.item); got != tt.want {
			t.Errorf("%v %q: %q, want %q", tt.item.Location, tt.item.Fields.Name.Value, got, tt.want)
		}
	}
}

func TestLocations(t *testing.T) {
	tests := []struct {
		in   string
		want Location
		code string
	}{
		{"a/b.pdf", Location{Path: "a/b.pdf"}, ""},
		{`a\b c.pdf`, Location{Path: "a/b c.pdf"}, ""},
		{"./a//b/../c.pdf", Location{Path: "a/c.pdf"}, ""},
		{"decks:q3/x.pptx", Location{Root: "decks", Path: "q3/x.pptx"}, ""},
		{`decks:\q3\x.pptx`, Location{Root: "decks", Path: "q3/x.pptx"}, ""},
		{"./decks:x.pdf", Location{Path: "decks:x.pdf"}, ""},
		{"a/decks:x.pdf", Location{Path: "a/decks:x.pdf"}, ""},
		{"/srv/a.pdf", Location{Path: "/srv/a.pdf", Abs: true}, ""},
		{`C:\Data\a.pdf`, Location{Path: "C:/Data/a.pdf", Abs: true}, ""},
		{"c:/../a.pdf", Location{Path: "c:/a.pdf", Abs: true}, ""},
		{`\\server\share\a.pdf`, Location{Path: "//server/share/a.pdf", Abs: true}, ""},
		{"...", Location{Path: "..."}, ""},
		{"..a/b", Location{Path: "..a/b"}, ""},
		{"", Location{}, CodeAddress},
		{"  ", Location{}, CodeAddress},
		{"a\x00b", Location{}, CodeAddress},
		{".", Location{}, CodeAddress},
		{"decks:", Location{}, CodeAddress},
		{"/", Location{}, CodeAddress},
		{"C:", Location{}, CodeAddress},
		{"C:a.pdf", Location{}, CodeAddress},
		{"file:///a.pdf", Location{}, CodeAddress},
		{"https://x/a%20b/C.pdf?sig=1", Location{Path: "https://x/a%20b/C.pdf?sig=1", Kind: RootWeb}, ""},
		{"HTTPS://x/a.pdf", Location{Path: "HTTPS://x/a.pdf", Kind: RootWeb}, ""},
		{"http://127.0.0.1:8080/a.pdf", Location{Path: "http://127.0.0.1:8080/a.pdf", Kind: RootWeb}, ""},
		{"http://x/a.pdf", Location{}, CodeAddress},
		{"https://x", Location{}, CodeAddress},
		{"https://x/a/", Location{}, CodeAddress},
		{"https:///a.pdf", Location{}, CodeAddress},
		{"https://jane:secret@x/a.pdf", Location{}, CodeAddress},
		{"https://x/a.pdf#page=2", Location{}, CodeAddress},
		{" https://x/a.pdf", Location{}, CodeUnknownRoot},
		{"ftp://x/a.pdf", Location{}, CodeAddress},
		{"s3://b/q3//a b.pdf", Location{Path: "b/q3//a b.pdf", Kind: RootS3}, ""},
		{"s3://b", Location{}, CodeAddress},
		{"s3://b/q3/", Location{}, CodeAddress},
		{"s3:///a.pdf", Location{}, CodeAddress},
		{"bucket:q3/x.pptx", Location{Root: "bucket", Path: "q3/x.pptx", Kind: RootS3}, ""},
		{"sp:q3//x.pptx", Location{Path: "sp:q3/x.pptx", Kind: RootRclone}, ""},
		{"My Drive:/q3/x.pptx", Location{Path: "My Drive:/q3/x.pptx", Kind: RootRclone}, ""},
		{"sp:", Location{}, CodeAddress},
		{"sp:../x", Location{Path: "../x", Kind: RootRclone}, CodeClimbs},
		{"Re: budget.pdf", Location{}, CodeUnknownRoot},
		{"sftp,host=x:a.pdf", Location{}, CodeUnknownRoot},
		{"deck:a.pdf", Location{}, CodeUnknownRoot},
		{"../a", Location{Path: "../a"}, CodeClimbs},
		{"a/../../b", Location{Path: "../b"}, CodeClimbs},
		{"..", Location{Path: ".."}, CodeClimbs},
		{"decks:../x", Location{Root: "decks", Path: "../x"}, CodeClimbs},
	}
	for _, tt := range tests {
		got, p := ParseLocation(tt.in, []Root{{Name: "decks", Location: "d"}, {Name: "bucket", Kind: RootS3, Location: "s3://b"}}, Pos{"f", 1, 2})
		code := ""
		if p != nil {
			code = p.Code
			if p.Pos != (Pos{"f", 1, 2}) || p.Fix == "" {
				t.Errorf("%q: %+v", tt.in, p)
			}
		}
		if got != tt.want || code != tt.code {
			t.Errorf("%q: %+v %q, want %+v %q", tt.in, got, code, tt.want, tt.code)
		}
	}
}

func TestDaysBeginAndEndInTheirZone(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		in   string
		end  bool
		want string
	}{
		{"2026-07-01", false, "2026-07-01T04:00:00Z"},
		{"2026-07-01", true, "2026-07-02T03:59:59Z"},
		{"2026-11-01", true, "2026-11-02T04:59:59Z"}, // the clock goes back on that day
		{"2028-02-29", false, "2028-02-29T05:00:00Z"},
		{"2026-07-01T00:00:00.999+02:00", true, "2026-06-30T22:00:00Z"},
	}
	for _, tt := range tests {
		d := &decoder{zone: zone}
		got, ok := d.instant(Value{Kind: TextValue, Text: tt.in}, tt.end)
		if s := got.At.Format(time.RFC3339Nano); !ok || s != tt.want {
			t.Errorf("%s: %s %v, want %s", tt.in, s, d.ps.list, tt.want)
		}
	}
}

func TestSpansOfTime(t *testing.T) {
	start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{
		"+18 months": "+18 months 2027-07-31", "+1 day": "+1 day 2026-02-01", "+2 weeks": "+2 weeks 2026-02-14", "+10YEARS": "+10 years 2036-01-31",
		"+1 year 2 days": "+1 year 2 days 2027-02-02",
	} {
		got, ok := relative(in)
		if s := got.Relative + " " + got.Resolve(start, nil).Format(time.DateOnly); !ok || s != want {
			t.Errorf("%s: %s, want %s", in, s, want)
		}
	}
	for _, in := range []string{"+", "+1", "+1 moon", "+-1 day", "+1.5 days", "+1 day and 2 weeks", "+9999 years", "18 months"} {
		if got, ok := relative(in); ok {
			t.Errorf("%s: %+v", in, got)
		}
	}
}

func TestTemplates(t *testing.T) {
	row := map[string]string{"Folder": "a", "File": "b.pdf", "Empty": "", "x y": "z"}
	for in, want := range map[string]string{
		"{Folder}/{File}": "a/b.pdf", "{ x y }": "z", "{{{File}}}": "{b.pdf}", "plain": "plain", "{Empty}/{Empty}": "", "{Empty}/{File}": "/b.pdf", "é{File}": "éb.pdf",
	} {
		tmpl, err := ParseTemplate(in)
		if got := tmpl.Expand(func(c string) string { return row[c] }); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"{", "}", "{}", "{a", "a}b", "{a{b}}", "{ }"} {
		if tmpl, err := ParseTemplate(in); err == nil {
			t.Errorf("%s: %v", in, tmpl)
		}
	}
}

func TestSuggestions(t *testing.T) {
	known := append(RowFields(), headerKeyNames()...)
	for in, want := range map[string]string{
		"tagz": "tags", "externalID": "externalId", "external_id": "externalId", "expireAt": "expiresAt", "Title": "name", "fiel": "file",
		"defualts": "defaults", "zzz": "", "": "", "x": "",
	} {
		if got := Suggest(in, known); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestCodesAreOrderedAndSaidInFull(t *testing.T) {
	if !slices.IsSortedFunc(codes, func(a, b Code) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("codes are not in order")
	}
	for i, c := range codes {
		if c.Title == "" || c.Cause == "" || c.Remedy == "" || i > 0 && codes[i-1].ID == c.ID {
			t.Errorf("%+v", c)
		}
		if got, ok := CodeOf(c.ID); !ok || got != c {
			t.Errorf("CodeOf(%s) = %+v", c.ID, got)
		}
	}
	if _, ok := CodeOf("M999"); ok {
		t.Error("M999 is known")
	}
	// Each constant has its entry.
	f, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		vs, ok := node.(*ast.ValueSpec)
		if !ok || len(vs.Names) == 0 || !strings.HasPrefix(vs.Names[0].Name, "Code") {
			return true
		}
		n++
		id, err := strconv.Unquote(vs.Values[0].(*ast.BasicLit).Value)
		if _, ok := CodeOf(id); err != nil || !ok {
			t.Errorf("%s = %s has no entry", vs.Names[0].Name, id)
		}
		return true
	})
	if n != len(codes) {
		t.Errorf("%d constants, %d entries", n, len(codes))
	}
}

func TestAnUnknownCodePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewProblem("M999", Pos{}, "", "")
}

func TestSecretsOfAnAddressAreNotShown(t *testing.T) {
	for _, address := range []string{"https://jane:secret@x/a.pdf", "https://x/a/?sig=secret", "http://x/a.pdf?secret", "https://x?secret"} {
		if _, p := ParseLocation(address, nil, Pos{}); p == nil || strings.Contains(p.What, "secret") || strings.Contains(p.What, "jane") {
			t.Errorf("%s: %v", address, p)
		}
	}
}

func TestLocationsHaveNames(t *testing.T) {
	roots := []Root{{Name: "site", Kind: RootWeb, Location: "https://x"}}
	for in, want := range map[string][2]string{
		"a/b.pdf":                   {"a/b.pdf", "b.pdf"},
		"site:a/b%20c.pdf":          {"site:a/b%20c.pdf", "b%20c.pdf"},
		"https://x/a/b%20c.pdf?y=z": {"https://x/a/b%20c.pdf?y=z", "b c.pdf"},
		"s3://b/a/c.pdf":            {"s3://b/a/c.pdf", "c.pdf"},
		"sp:c.pdf":                  {"sp:c.pdf", "c.pdf"},
		`C:\Data\c.pdf`:             {"C:/Data/c.pdf", "c.pdf"},
	} {
		l, p := ParseLocation(in, roots, Pos{})
		if got := [2]string{l.String(), l.Base()}; p != nil || got != want {
			t.Errorf("%s: %q %v, want %q", in, got, p, want)
		}
	}
}

func TestSpansAreAddedToDates(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	months := func(n int) *Instant { return &Instant{Months: n, Relative: "+n months"} }
	for _, tt := range []struct {
		in   string
		end  bool
		add  *Instant
		want string
	}{
		{"2026-01-31", false, months(1), "2026-02-27T23:00:00Z"},
		{"2026-01-31", true, months(6), "2026-07-31T21:59:59Z"}, // in another season
		{"2026-01-31T12:00:00Z", false, months(6), "2026-07-31T11:00:00Z"},
		{"2028-02-29", false, &Instant{Years: 1, Days: 1}, "2029-02-28T23:00:00Z"},
		{"2026-03-31", false, nil, "2026-03-30T22:00:00Z"},
	} {
		d := &decoder{zone: zone}
		got, _ := d.instant(Value{Kind: TextValue, Text: tt.in, Add: tt.add}, tt.end)
		if s := got.At.Format(time.RFC3339); s != tt.want || d.ps.list != nil {
			t.Errorf("%s: %s %v, want %s", tt.in, s, d.ps.list, tt.want)
		}
	}
	d := &decoder{field: "expiresAt"}
	if _, ok := d.instant(Value{Kind: TextValue, Text: "+1 year", Add: months(1)}, false); ok || len(d.ps.list) != 1 {
		t.Errorf("a span and a span: %v", d.ps.list)
	}
}

func TestDatesOfCells(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	const two = "expiresAt: the date does not say which of its numbers is the month"
	const format = "; a spreadsheet does it for the whole column with the format yyyy-mm-dd"
	for in, want := range map[string]string{
		"2027-12-31": "2027-12-31T22:59:59Z", "2027-1-5": "2027-01-05T22:59:59Z", "2027/01/05": "2027-01-05T22:59:59Z", "2027. 1. 5.": "2027-01-05T22:59:59Z",
		"31.12.2027": "2027-12-31T22:59:59Z", "1.2.2027": "2027-02-01T22:59:59Z", "01. 02. 2027": "2027-02-01T22:59:59Z",
		"1.7.2027 9:30": "2027-07-01T07:30:00Z", "2027-07-01T09:30:05": "2027-07-01T07:30:05Z", "2027-07-01 09:30": "2027-07-01T07:30:00Z", "2027-07-01T09:30:00Z": "2027-07-01T09:30:00Z",
		"03/04/2027": two + " (write 2027-04-03 or 2027-03-04" + format + ")", "31/12/2027 10:00": two + " (write 2027-12-31" + format + ")", "12-31-2027": two + " (write 2027-12-31" + format + ")",
		"4/4/2027": two + " (write 2027-04-04" + format + ")", "99/99/2027": two + " (write a day such as 2027-12-31" + format + ")",
		"31.2.2027": "expiresAt: there is no day 2027-02-31 (correct the month or day)", "1.2.27": `expiresAt: "1.2.27" is no date (write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months")`,
		"1.2.2027 25:00": `expiresAt: "1.2.2027 25:00" is no date (write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months")`,
		"14:30:00":       `expiresAt: "14:30:00" is no date (write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months")`,
	} {
		d := &decoder{zone: zone, field: "expiresAt"}
		at, ok := d.instant(Value{Kind: TextValue, Text: in, Loose: true}, true)
		got := at.At.Format(time.RFC3339)
		if !ok {
			got = fmt.Sprintf("%s (%s)", d.ps.list[0].What, d.ps.list[0].Fix)
		}
		if got != want || ok != (len(d.ps.list) == 0) {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	d := &decoder{zone: zone}
	if at, _ := d.instant(Value{Kind: TextValue, Text: "31.01.2026 08:00", Loose: true, Add: &Instant{Months: 6}}, false); at.At.Format(time.RFC3339) != "2026-07-31T06:00:00Z" {
		t.Errorf("later: %s", at.At)
	}
	d = &decoder{field: "expiresAt"}
	if _, ok := d.instant(Value{Kind: TextValue, Text: "2027-07-01 09:30", Loose: true}, true); ok || d.ps.list[0].Code != CodeNeedsTimezone || !strings.Contains(d.ps.list[0].Fix, "2027-07-01T09:30:00Z") {
		t.Errorf("without a timezone: %v", d.ps.list)
	}
	// A manifest writes dates in one way only.
	if _, ok := d.instant(Value{Kind: TextValue, Text: "31.12.2027"}, true); ok {
		t.Error("a date in YAML with dots passes")
	}
}

func TestBooleansOfCells(t *testing.T) {
	for in, want := range map[string]string{
		"TRUE": "true", "Yes": "true", " x ": "true", "1": "true", "Ja": "true", "WAHR": "true", "Oui": "true", "VRAI": "true", "S\u00cd": "true", "\u2713": "true",
		"FALSE": "false", "No": "false", "0": "false", "Nein": "false", "FALSCH": "false", "non": "false", "FAUX": "false", "nee": "false", "N\u00c3O": "false",
		"maybe": "", "2": "", "-": "",
	} {
		d := &decoder{}
		got, ok := d.bool(Value{Kind: TextValue, Text: in, Loose: true})
		if ok != (want != "") || ok && fmt.Sprint(got) != want {
			t.Errorf("%q: %v %v, want %q", in, got, ok, want)
		}
	}
	d := &decoder{}
	if _, ok := d.bool(Value{Kind: TextValue, Text: "ja"}); ok {
		t.Error("a word in YAML passes")
	}
	for _, w := range yesWords {
		if slices.Contains(noWords, w) {
			t.Errorf("%q is both", w)
		}
	}
}

// Each field says what is known of it, and nothing else does.
func TestWhatTheServiceMakesOfFieldsIsSaid(t *testing.T) {
	for _, f := range fields {
		if _, ok := inService[f.Name]; !ok {
			t.Errorf("nothing about %s", f.Name)
		}
	}
	if len(inService) != len(fields) {
		t.Errorf("%d fields described, %d there", len(inService), len(fields))
	}
}
