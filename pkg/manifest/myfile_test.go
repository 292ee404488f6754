package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestMyFilesSayEverything(t *testing.T) {
	m, _, ps := read(t, `version: 1
roots: {decks: ./content}
myFiles:
  - {key: intro, user: " John.Q@example.com ", file: 'decks:q3\intro.pdf', folder: /f1/f2, name: Intro, description: For John, isShareable: false, isAnnotatable: true, isDownloadable: true, isSensitive: false, isOnlyEntireDocumentShareable: true, isProcessedUsed: false, allowEmpty: true}
  - key: 7
    user: Mine
    file: s3://bucket/a.zip
    name: null
`)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	want := []MyFile{
		{Key: "intro", User: "John.Q@example.com", Owner: "John.Q@example.com", File: `decks:q3\intro.pdf`, Location: Location{Root: "decks", Path: "q3/intro.pdf"}, Folder: "/f1/f2/",
			Name: Some("Intro"), Description: Some("For John"), IsShareable: Some(false), IsAnnotatable: Some(true), IsDownloadable: Some(true), IsSensitive: Some(false),
			IsOnlyEntireDocumentShareable: Some(true), IsProcessedUsed: Some(false), AllowEmpty: true},
		{Key: "7", User: Mine, Owner: Mine, File: "s3://bucket/a.zip", Location: Location{Kind: RootS3, Path: "bucket/a.zip"}, Folder: "/"},
	}
	if diff := cmp.Diff(want, m.MyFiles, cmpopts.IgnoreFields(MyFile{}, "Pos", "At")); diff != "" {
		t.Error(diff)
	}
	if got := m.MyFiles[0].ShownName() + " " + m.MyFiles[0].FileName() + " " + m.MyFiles[1].ShownName(); got != "Intro.pdf intro.pdf a.zip" {
		t.Errorf("names %s", got)
	}
	if p := m.MyFiles[1].FieldPos("user"); p.Line != 6 || m.MyFiles[1].FieldPos("folder") != m.MyFiles[1].Pos || m.MyFiles[1].Pos.Line != 5 {
		t.Errorf("places %v %v", p, m.MyFiles[1].Pos)
	}
	if len(m.Extras()) != 1 {
		t.Errorf("extras %v", m.Extras())
	}
}

func TestWhatIsWrongWithMyFiles(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no list":         {"myFiles: {key: a}", "M007"},
		"an entry":        {"myFiles: [a.pdf]", "M007"},
		"nothing":         {"myFiles: [{}]", "M160 M160 M160"},
		"null":            {"myFiles: [{key: null, user: mine, file: a.pdf}]", "M160"},
		"key":             {"myFiles: [{key: 'a,b', user: mine, file: a.pdf}]", "M161"},
		"twice":           {"myFiles: [{key: a, user: mine, file: a.pdf}, {key: a, user: mine, file: b.pdf}]", "M161"},
		"nearly twice":    {"myFiles: [{key: a, user: mine, file: a.pdf}, {key: A, user: mine, file: b.pdf}]", "M161"},
		"a name for user": {"myFiles: [{key: a, user: John Q, file: a.pdf}]", "M162"},
		"a folder's name": {"myFiles: [{key: a, user: mine, file: a.pdf, folder: Sales decks}]", "M163"},
		"a blank folder":  {"myFiles: [{key: a, user: mine, file: a.pdf, folder: /Sales decks/}]", "M163"},
		"misspelt":        {"myFiles: [{key: a, user: mine, file: a.pdf, fodler: /}]", `M012 did you mean "folder"?`},
		"tags":            {"myFiles: [{key: a, user: mine, file: a.pdf, tags: [x]}]", "M012 remove it"},
		"unknown":         {"myFiles: [{key: a, user: mine, file: a.pdf, zzzzzzz: 1}]", "M012 remove it; a personal file knows key"},
		"a flag":          {"myFiles: [{key: a, user: mine, file: a.pdf, isShareable: 'maybe'}]", "M007"},
		"a root":          {"myFiles: [{key: a, user: mine, file: 'https://'}]", "M026"},
		"no extension":    {"myFiles: [{key: a, user: mine, file: README}]", "M167"},
		"climbs":          {"myFiles: [{key: a, user: mine, file: ../a.pdf}]", "M028"},
		"a long name":     {"myFiles: [{key: a, user: mine, file: a.pdf, name: " + strings.Repeat("x", 254) + "}]", "M031"},
	} {
		t.Run(name, func(t *testing.T) {
			m, ps, err := ReadHeader(strings.NewReader("version: 1\n"+tc.text+"\n"), "m.yaml")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range ps {
				got = append(got, p.Code)
				if p.Pos.Line != 2 || p.Pos.Column == 0 {
					t.Errorf("place %v of %v", p.Pos, p)
				}
			}
			codes, fix, _ := strings.Cut(tc.want, " remove")
			if fix == "" {
				codes, fix, _ = strings.Cut(tc.want, " did")
			}
			if strings.Join(got, " ") != codes || fix != "" && !strings.Contains(ps[0].Fix, fix) {
				t.Fatalf("%v, want %s", ps, tc.want)
			}
			if p := ps[0]; p.Class == Block && (len(m.MyFiles[0].Problems) != 1 || m.MyFiles[0].Problems[0].Code != p.Code) {
				t.Errorf("the file's own problems are %v", m.MyFiles[0].Problems)
			}
		})
	}
}

func TestPeopleOfMyFilesAreMapped(t *testing.T) {
	m, _, ps := read(t, `version: 1
map: {people: {John Q: john.q@example.com, Nobody: }}
myFiles:
  - {key: a, user: john q, file: a.pdf}
  - {key: b, user: john.q@example.com, file: x/a.pdf}
  - {key: c, user: Nobody, file: a.pdf}
  - {key: d, user: Somebody Else, file: a.pdf}
  - {key: e, user: mine, file: a.pdf}
  - {key: f, user: jane@example.com, file: a.pdf}
`)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	mapper, wrong := NewMapper(&m.Maps)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for range 2 { // the same again
		var got []string
		for _, p := range mapper.MyFiles(m) {
			got = append(got, p.ExternalID+" "+p.Code+" "+p.Class.String())
		}
		if diff := cmp.Diff([]string{"b M164 warning", "c M165 blocked", "d M165 blocked"}, got); diff != "" {
			t.Error(diff)
		}
		var owners []string
		for _, f := range m.MyFiles {
			owners = append(owners, f.Owner)
		}
		if diff := cmp.Diff([]string{"john.q@example.com", "john.q@example.com", "", "", "mine", "jane@example.com"}, owners); diff != "" {
			t.Error(diff)
		}
		if n := len(m.MyFiles[2].Problems); n != 1 {
			t.Errorf("%d problems of the third", n)
		}
	}
}
