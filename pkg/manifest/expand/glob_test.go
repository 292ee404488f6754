package expand

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
)

// library is a set with the include over a root decks that holds these files,
// in memory.
func library(t testing.TB, include string, files ...string) *Set {
	t.Helper()
	dir := folder(t, "m.yaml\n"+header+"roots: {decks: ./decks}\ninclude:\n- "+include+"\n")
	if err := os.Mkdir(filepath.Join(dir, "decks"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	m := sourcetest.NewMemory(nil)
	for _, f := range files {
		m.Set(f, sourcetest.File{Data: []byte(f)})
	}
	s.Sources["decks"] = m
	return s
}

// brief are items as "externalId <- file [tags] name".
func brief(t testing.TB, s *Set) (lines []string) {
	t.Helper()
	for _, it := range items(t, s) {
		parts := []string{it.ExternalID, "<-", it.Location.String()}
		for _, tag := range it.Fields.Tags.Value {
			parts = append(parts, "#"+tag.Name)
		}
		if it.Fields.Name.Set {
			parts = append(parts, "=", it.Fields.Name.Value)
		}
		for _, kv := range it.Keep {
			parts = append(parts, kv.Key+":"+kv.Value)
		}
		for _, p := range it.Problems {
			parts = append(parts, "!"+p.Code)
		}
		lines = append(lines, strings.Join(parts, " "))
	}
	return lines
}

func TestFilesBecomeItems(t *testing.T) {
	for _, c := range []struct {
		name, include string
		files, want   []string
	}{
		{"the ID is the root's name and the path", `files: "decks:**/*.pdf"`,
			[]string{"b.pdf", "a/x.PDF", "a/y.txt", "a.pdf"},
			[]string{"decks/a.pdf <- decks:a.pdf", "decks/a/x.PDF <- decks:a/x.PDF", "decks/b.pdf <- decks:b.pdf"}},
		{"templates", `{files: "decks:**", externalId: "{ext}-{dir}/{stem}", name: "{stem} ({dir1}, {dir2})", tags: ["{dirs}", "{dir1}: {dir2}", All]}`,
			[]string{"top.pdf", "emea/Q3 sales.v2.pptx", "emea/be/LICENSE"},
			[]string{
				"pptx-emea/Q3 sales.v2 <- decks:emea/Q3 sales.v2.pptx #emea #emea: #All = Q3 sales.v2 (emea, )",
				"-emea/be/LICENSE <- decks:emea/be/LICENSE #emea #be #emea: be #All = LICENSE (emea, be)",
				"pdf-/top <- decks:top.pdf #All = top (, )",
			}},
		{"exclude, hidden and temporary files", `{files: "decks:**", exclude: ["**/Archive", "q1/*.txt"]}`,
			[]string{"a.txt", "q1/a.txt", "q1/b.TXT", "q1/c.pdf", "x/Archive/y/z.pdf", ".git/config", "~$a.docx", "x/Thumbs.db"},
			[]string{"decks/a.txt <- decks:a.txt", "decks/q1/c.pdf <- decks:q1/c.pdf"}},
		{"odd names", `files: "decks:**"`,
			[]string{"a,b/100%.pdf", "cafe\u0301.pdf", "colon: x.pdf", "back\\slash.pdf", "[1] {x}.pdf", "'=1+1.pdf", strings.Repeat("long folder/", 20) + "x.pdf"},
			[]string{
				"decks/'=1+1.pdf <- decks:'=1+1.pdf", "decks/[1] {x}.pdf <- decks:[1] {x}.pdf", "decks/a%2Cb/100%.pdf <- decks:a,b/100%.pdf",
				"decks/back\\slash.pdf <- decks:back\\slash.pdf", "decks/caf\u00e9.pdf <- decks:cafe\u0301.pdf", "decks/colon: x.pdf <- decks:colon: x.pdf",
				FileID("decks/"+strings.Repeat("long folder/", 20)+"x.pdf") + " <- decks:" + strings.Repeat("long folder/", 20) + "x.pdf",
			}},
		{"a pattern below a folder", `files: "decks:q3/*.pdf"`, []string{"q3/a.pdf", "q3/x/b.pdf", "q33/c.pdf", "d.pdf"}, []string{"decks/q3/a.pdf <- decks:q3/a.pdf"}},
		{"a pattern that names a hidden folder", `files: "decks:.old/**"`, []string{".old/a.pdf", ".old/.b"}, []string{"decks/.old/a.pdf <- decks:.old/a.pdf"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := library(t, c.include, c.files...)
			for range 2 { // every pass is the same
				if d := cmp.Diff(c.want, brief(t, s)); d != "" {
					t.Error(d)
				}
			}
			if got, _ := check(t, s); slices.ContainsFunc(got, func(l string) bool { return !strings.HasPrefix(l, "warning") }) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestFieldsOfFiles(t *testing.T) {
	s := library(t, `{files: "decks:*.pdf", division: Sales, permissions: {isShareable: false}, languages: [en], description: "From {path}", tags: {replace: ["{ext}"]}, expiresAt: 2030-01-01}`, "a.pdf")
	it := items(t, s)[0]
	if it.Division != "Sales" || !it.Fields.IsShareable.Set || it.Fields.IsShareable.Value || it.Fields.Languages.Value[0] != "en" ||
		it.Fields.Description.Value != "From a.pdf" || it.Fields.Tags.Value[0].Name != "pdf" || it.Fields.ExpiresAt.Value.At.Year() != 2030 {
		t.Errorf("%+v", it)
	}
	if it.File != "decks:a.pdf" || it.Pos.Line != 7 {
		t.Errorf("%q at %s", it.File, it.Pos)
	}
}

// The folder may be anywhere: IDs come of what is below it.
func TestIDsStayWhenTheFolderMoves(t *testing.T) {
	var got [][]string
	for _, place := range []string{"here", "there/deeper"} {
		dir := folder(t, "m.yaml\n"+header+"roots: {decks: "+place+"}\ninclude: [{files: 'decks:**/*.pdf'}]\n", place+"/q3/a,b.pdf\nx", place+"/q3/\u00e9.pdf\nx")
		got = append(got, brief(t, open(t, dir)))
	}
	if d := cmp.Diff(got[0], got[1]); d != "" || len(got[0]) != 2 {
		t.Errorf("%q %s", got, d)
	}
}

func TestPatternsInTheManifestsFolderPassOverWhatBelongsToIt(t *testing.T) {
	dir := folder(t, "m.yaml\n"+header+"map: {}\ninclude:\n- {files: '**', join: {table: list.csv, on: P}}\n- table: t.csv\n",
		"list.csv\nP\na.pdf\n", "t.csv\nexternalId,file\nx,b/c.pdf\n", "m.state.db\nx", "m.state.db.hashes\nx", "m.runs/1/results.ndjson\nx",
		"m.sandbox/state.db\nx", "migrate.yaml\nx", "a.pdf\nx", "b/m.yaml\nx")
	want := []string{"a.pdf <- a.pdf", "b/m.yaml <- b/m.yaml", "x <- b/c.pdf"}
	if d := cmp.Diff(want, brief(t, open(t, dir))); d != "" {
		t.Error(d)
	}
}

func TestProblemsOfPatterns(t *testing.T) {
	for _, c := range []struct {
		name, include string
		files         []string
		want          []string // with the places in m.yaml only
	}{
		{"nothing", `files: "decks:**/*.pdf"`, []string{"a.txt"},
			[]string{`m.yaml:7:10: M063: files "decks:**/*.pdf" takes nothing (correct the pattern, or remove the include; a pattern begins at the root, * is a part of a name, ** any folders)`}},
		{"no such folder", `files: "decks:q4/**"`, []string{"a.txt"},
			[]string{`m.yaml:7:10: M063: files "decks:q4/**" takes nothing (correct the pattern, or remove the include; a pattern begins at the root, * is a part of a name, ** any folders)`}},
		{"all left out", `{files: "decks:**", exclude: ["old/**"]}`, []string{"old/a", "old/b", ".x", "~$x"},
			[]string{`m.yaml:7:11: M063: files "decks:**" takes nothing; of its matches are left out: 2 excluded, 1 hidden, 1 temporary (correct the pattern, or remove the include; a pattern begins at the root, * is a part of a name, ** any folders)`}},
		{"idle exclude", `{files: "decks:**", exclude: [old/**, "*.tmp"]}`, []string{"a", "b.tmp"},
			[]string{`warning m.yaml:7:11: M065: exclude "old/**" leaves nothing out (correct it, or remove it; a pattern begins at the root: **/Archive/** means folders of that name anywhere)`}},
		{"one file of two includes", "{files: \"decks:**\"}\n- {files: \"decks:*.pdf\", externalId: \"pdf/{name}\"}", []string{"a.pdf", "b.txt"},
			[]string{`warning m.yaml:8:11: M088: file decks:a.pdf of "pdf/a.pdf" is also that of "decks/a.pdf", also at m.yaml:7:11 (remove one of the items, unless both are meant)`}},
		{"one ID of two includes", "{files: \"decks:**\"}\n- {files: \"decks:*.pdf\"}", []string{"a.pdf"},
			[]string{`m.yaml:8:11: M021: external ID "decks/a.pdf" is used twice, also at m.yaml:7:11 (give one of the items another ID, or remove it)`}},
		{"a file for two Divisions", "{files: \"decks:**\"}\n- {files: \"decks:*.pdf\", division: E, externalId: \"pdf/{name}\"}", []string{"a.pdf"}, nil},
		{"a value that only the file tells", `{files: "decks:**", expiresAt: "{dir1}"}`, []string{"2030-01-01/a.pdf", "soon/b.pdf"},
			[]string{`m.yaml:7:34: M040: expiresAt: "soon" is no date, for file decks:soon/b.pdf (write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months")`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := check(t, library(t, c.include, c.files...))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// partial lists its files, and errors where they belong.
type partial struct {
	source.Source
	infos []source.Info
	errs  []error // for each info; nil: the info counts
	lists *int
}

func (p partial) List(ctx context.Context, prefix string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		*p.lists++
		for i := range p.infos {
			if !yield(p.infos[i], p.errs[i]) {
				return
			}
		}
	}
}

// closedFolder lists a file, and a folder that cannot be listed.
func closedFolder(t *testing.T, file string) source.Lister {
	t.Helper()
	closed := &source.Error{Op: "list", Path: "closed", Err: source.ErrUnreadable, Hint: "give this user the right"}
	return partial{infos: []source.Info{{Path: file}, {}}, errs: []error{nil, closed}, lists: new(int)}
}

func TestFoldersThatCannotBeListed(t *testing.T) {
	closed := &source.Error{Op: "list", Path: "closed", Err: source.ErrUnreadable, Hint: "give this user the right"}
	dangling := &source.Error{Op: "stat", Path: "gone.pdf", Err: source.ErrNotExist}
	broken := errors.New("connection reset")
	list := partial{infos: []source.Info{{Path: "a.pdf"}, {}, {}}, errs: []error{nil, closed, dangling}}
	for _, c := range []struct {
		include string
		errs    []error
		want    []string
		fails   error
	}{
		{`files: "decks:**"`, list.errs, []string{"decks:closed cannot be listed: file cannot be read (give this user the right)"}, nil},
		{`{files: "decks:**", exclude: [closed/**]}`, list.errs, nil, nil},
		{`files: "decks:*"`, list.errs, nil, nil},
		{`files: "decks:**"`, []error{nil, broken, nil}, nil, broken},
	} {
		s := library(t, c.include)
		l := list
		l.errs, l.lists = c.errs, new(int)
		s.Sources["decks"] = l
		var got []string
		_, err := s.Check(t.Context(), func(p manifest.Problem) {
			if p.Class == manifest.Stop {
				got = append(got, p.What)
			}
		})
		if !errors.Is(err, c.fails) {
			t.Errorf("%s: %v", c.include, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.include, d)
		}
		if c.want == nil && c.fails == nil {
			want := []string{"decks/a.pdf <- decks:a.pdf", "decks/gone.pdf <- decks:gone.pdf"} // the pipeline says what is wrong with it
			if d := cmp.Diff(want, brief(t, s)); d != "" {
				t.Errorf("%s: %s", c.include, d)
			}
			if *l.lists != 1 {
				t.Errorf("listed %d times", *l.lists)
			}
		}
	}
}

func TestPatternsNeedAPlaceThatCanBeListed(t *testing.T) {
	s := library(t, `files: "decks:**"`)
	s.Sources["decks"] = struct{ source.Source }{sourcetest.NewMemory(nil)}
	if got, _ := check(t, s); len(got) != 1 || !strings.Contains(got[0], "M064") || !strings.Contains(got[0], "(write a table with a row for each file)") {
		t.Errorf("%q", got)
	}
	s = library(t, `files: "decks:**"`)
	s.Sources = nil
	if got, _ := check(t, s); len(got) != 1 || !strings.Contains(got[0], "M064") {
		t.Errorf("%q", got)
	}
	// A root that is not there is reported as such, once.
	if err := os.Remove(filepath.Join(s.Manifest.Dir, "decks")); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, s.Manifest.Path)
	if got, _ := check(t, s); len(got) != 1 || !strings.Contains(got[0], "M062") {
		t.Errorf("%q", got)
	}
}

func TestListingEndsWithItsContext(t *testing.T) {
	s := library(t, `files: "decks:**"`, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Check(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got := brief(t, s); len(got) != 2 { // nothing was kept of it
		t.Errorf("%q", got)
	}
}

func TestTheDigestFollowsTheFilesThatArePresent(t *testing.T) {
	digest := func(files ...string) string {
		_, c := check(t, library(t, `files: "decks:**/*.pdf"`, files...))
		if len(c.Files) != 2 || c.Files[1].Name != "decks:**/*.pdf" {
			t.Errorf("%+v", c.Files)
		}
		return c.Digest
	}
	one := digest("a.pdf", "b.txt")
	if two := digest("a.pdf", "c.txt"); two != one {
		t.Error("a file that no pattern takes makes a difference")
	}
	if two := digest("a.pdf", "b.pdf"); two == one {
		t.Error("a new file makes no difference")
	}
}

func TestTemporaryFilesGo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // on Windows
	s := library(t, `{files: "decks:**", join: {table: t.csv, on: P}}`, "a")
	if err := os.WriteFile(filepath.Join(s.Manifest.Dir, "t.csv"), []byte("P\na\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := brief(t, s); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestSpooledRecordsOfAnySize(t *testing.T) {
	s, err := newSpool()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var at []int64
	sizes := []int{0, 1, 127, 128, 500, 510, 511, 512, 513, 70_000}
	for _, n := range sizes {
		a, err := s.add(bytes.Repeat([]byte{byte(n)}, n))
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, a)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	i := 0
	for r, err := range s.all() {
		if want := bytes.Repeat([]byte{byte(sizes[i])}, sizes[i]); err != nil || !bytes.Equal(r, want) {
			t.Errorf("record %d: %d bytes, %v", i, len(r), err)
		}
		i++
	}
	for i, n := range sizes {
		if r, err := s.read(at[i]); err != nil || !bytes.Equal(r, bytes.Repeat([]byte{byte(n)}, n)) {
			t.Errorf("record of %d bytes: %d, %v", n, len(r), err)
		}
	}
}
