package expand

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

var update = flag.Bool("update", false, "write golden files")

const repo = "../../.."

func TestExamplesHaveNoProblems(t *testing.T) {
	want := map[string]int{"folder.yaml": 6, "full.yaml": 6, "links.yaml": 3, "minimal.yaml": 2, "spreadsheet.yaml": 4, "stream.yaml": 3}
	files, err := filepath.Glob(filepath.Join(repo, "examples/manifests/*.yaml"))
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d examples, want %d: %v", len(files), len(want), err)
	}
	for _, f := range files {
		s := openAt(t, f)
		problems, c := check(t, s)
		if problems != nil || c.Items != want[filepath.Base(f)] || len(c.Digest) != 64 {
			t.Errorf("%s: %+v %q", f, c, problems)
		}
		for _, it := range items(t, s) {
			if it.URL != "" {
				continue
			}
			dir := s.Manifest.Dir
			for _, r := range s.Manifest.Roots {
				if r.Name == it.Location.Root {
					dir = s.path(r.Location)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, it.Location.Path)); err != nil {
				t.Errorf("%s: %v", it.Pos, err)
			}
		}
	}
}

// Each mistake of broken.yaml is reported, at its place, with a way to fix it.
func TestBrokenManifest(t *testing.T) {
	name := filepath.Join(repo, "testdata/manifests/broken.yaml")
	s := openAt(t, name)
	got, c := check(t, s)
	codes := map[string]bool{}
	if c.Block+c.Warn != 0 || c.Stop != len(got) || c.Digest != "" {
		t.Errorf("%+v", c)
	}
	for _, line := range got {
		place, rest, _ := strings.Cut(line, ": ")
		code, rest, _ := strings.Cut(rest, ": ")
		codes[code] = true
		if strings.Count(place, ":") != 2 || !strings.HasSuffix(rest, ")") {
			t.Errorf("no line, column or fix: %s", line)
		}
	}
	if len(got) < 20 || len(codes) < 20 {
		t.Errorf("%d problems with %d codes", len(got), len(codes))
	}
	golden := filepath.Join(repo, "testdata/manifests/broken.golden")
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text); d != "" {
		t.Error(d)
	}
}

func TestOrderOfItems(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+header+"assets:\n- {externalId: a1, file: 1}\n- {externalId: a2, file: 2}\ninclude: [{table: t.csv}, {table: u.ndjson}]\n---\nexternalId: d1\nfile: 3\n---\nexternalId: d2\nfile: 4\n",
		"t.csv\nexternalId,file\nt1,5\nt2,6\n", "u.ndjson\n{\"externalId\":\"u1\",\"file\":\"7\"}\n"))
	var got []string
	for _, it := range items(t, s) {
		got = append(got, fmt.Sprintf("%s@%d", it.ExternalID, it.Pos.Line))
	}
	if d := cmp.Diff([]string{"a1@6", "a2@7", "d1@10", "d2@13", "t1@2", "t2@3", "u1@1"}, got); d != "" {
		t.Error(d)
	}
	problems, c := check(t, s)
	if problems != nil || c.Items != 7 || c.Stop+c.Block+c.Warn != 0 {
		t.Errorf("%+v %q", c, problems)
	}
}

func TestItemsThatStopAreNotYielded(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+header+"assets:\n- {externalId: a, file: x, tagz: y}\n- {externalId: b, file: ../x}\n- {externalId: c, file: x, expiresAt: 2020-01-01}\n"))
	got := items(t, s)
	if len(got) != 2 || got[0].ExternalID != "b" || got[1].ExternalID != "c" {
		t.Fatalf("%+v", got)
	}
	if len(got[0].Problems) != 1 || got[0].Problems[0].Class != manifest.Block || len(got[1].Problems) != 1 || got[1].Problems[0].Class != manifest.Warn {
		t.Errorf("%v, %v", got[0].Problems, got[1].Problems)
	}
	_, c := check(t, s)
	if c.Items != 3 || c.Stop != 1 || c.Block != 1 || c.Warn != 1 {
		t.Errorf("%+v", c)
	}
}

func TestReadablePassesOverProblemsThatEndItems(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+header+"include: [{table: no.csv}, {table: t.csv}]\n", "t.csv\nexternalId,file\na,x\nb,\"y\" z\nc,z\n"))
	var got []string
	for it, err := range s.Readable(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, it.ExternalID)
	}
	if d := cmp.Diff([]string{"a", "c"}, got); d != "" {
		t.Error(d)
	}
	for it, err := range s.Items(t.Context()) {
		if err == nil {
			t.Errorf("%s comes out of Items after a table that is not there", it.ExternalID)
		}
	}
}

func TestProblemsOverAllItems(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"none", header + "assets:\n", []string{"warning m.yaml: M081: the manifest lists no items (add assets:, further documents or include:)"}},
		{"no author", "version: 1\ndivision: D\nassets:\n- {externalId: a, file: a, authors: [x]}\n- {externalId: b, file: b}\n- {externalId: c, file: c}\n", []string{
			"warning m.yaml:5:3: M036: 2 items name no author, this is the first (the user who uploads becomes the author; name authors: on the items or under defaults:)"}},
		{"an author whom the map lacks is one", "version: 1\ndivision: D\nmap: {people: {Jane: jane@example.com}}\nassets:\n- {externalId: a, file: a, authors: [Joe Doe]}\n", []string{
			`blocked m.yaml:5:38: M121: author "Joe Doe" is not in the map of people (add the name there, or name map: {fallback: {authors: ...}})`}},
		{"across files", header + "include: [{table: t.csv}]\nassets: [{externalId: A, file: x}]\n---\nexternalId: b\nfile: x\n", []string{
			`t.csv:2:1: M022: external ID "a" differs from "A" only in upper and lower case, also at m.yaml:6:23 (rename one of them, or remove it)`,
			`t.csv:3:1: M021: external ID "b" is used twice, also at m.yaml:8:13 (give one of the items another ID, or remove it)`}},
		{"an asset linked twice, across files", header + "include: [{table: l.csv}]\nassets: [{externalId: A, id: df39, file: x}, {externalId: B, id: DF39, file: x}, {externalId: C, id: null, file: x}]\n", []string{
			`l.csv:3:2: M029: asset "df39" is linked twice, also at m.yaml:6:30 (take id: out of one of the items)`}},
		{"IDs of items with other problems count", header + "assets: [{externalId: A, file: x, foo: x}, {externalId: A, file: x}]\n", []string{
			`m.yaml:5:35: M012: unknown key "foo" (remove it, or put it under keep: to carry it into the results)`,
			`m.yaml:5:57: M021: external ID "A" is used twice, also at m.yaml:5:23 (give one of the items another ID, or remove it)`}},
		{"missing table and root", header + "roots: {aa: nowhere, bb: m.yaml}\ninclude: [{table: no.csv}, {table: t.csv}, {table: dir.csv}]\n", []string{
			`m.yaml:5:9: M062: root "aa": folder nowhere does not exist (correct the path, which is relative to the manifest, or mount the drive that holds it)`,
			`m.yaml:5:22: M062: root "bb": m.yaml is not a folder (write the path of the folder)`,
			`m.yaml:6:19: M070: table "no.csv" does not exist (correct the path, which is relative to the manifest, or put the file there)`,
			`m.yaml:6:52: M070: table "dir.csv" is not a regular file (write the path of a file)`}},
		{"a syntax error ends its file only", header + "include: [{table: no.csv}]\n---\nexternalId: [\n", []string{
			"m.yaml:7: M001: a value is missing (write it, or quote it if it begins with one of , ] })",
			`m.yaml:5:19: M070: table "no.csv" does not exist (correct the path, which is relative to the manifest, or put the file there)`}},
		{"header and items at once", "version: 1\nfoo: 1\ndivision: D\nassets: [{externalId: a}]\n", []string{
			`m.yaml:2:1: M012: unknown key "foo" (remove it; the header knows version, id, timezone, target, division, roots, defaults, map, createTags, assets, include, tagCategories, myFiles, shares, update, prune)`,
			`m.yaml:4:10: M024: the item has neither file nor url (write file: with a path, or url: with an address)`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, "m.yaml\n"+tt.text, "t.csv\nexternalId,file\na,x\nb,x\n", "l.csv\nexternalId,id,file\nl,,x\nm,df39,x\n")
			if err := os.Mkdir(filepath.Join(dir, "dir.csv"), 0o700); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir)
			got, _ := check(t, s)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOpenFails(t *testing.T) {
	dir := folder(t, "m.yaml\n- a\n")
	_, err := Open(filepath.Join(dir, "m.yaml"), Options{})
	if ps, ok := errors.AsType[manifest.Problems](err); !ok || ps[0].Code != manifest.CodeNoHeader {
		t.Errorf("%v", err)
	}
	if _, err = Open(filepath.Join(dir, "no.yaml"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err = Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "not a regular file (name the file, such as "+filepath.Join(dir, "manifest.yaml")+")") {
		t.Errorf("%v", err)
	}
}

func TestDigestIsOverNamesAndBytes(t *testing.T) {
	const m, rows = header + "include: [{table: t.csv}]\n", "externalId,file\na,x\n"
	digest := func(files ...string) Checked {
		_, c := check(t, open(t, folder(t, files...)))
		return c
	}
	first := digest("m.yaml\n"+m, "t.csv\n"+rows)
	want := []FileDigest{{"m.yaml", fmt.Sprintf("%x", sha256.Sum256([]byte(m)))}, {"t.csv", fmt.Sprintf("%x", sha256.Sum256([]byte(rows)))}}
	if d := cmp.Diff(want, first.Files); d != "" {
		t.Error(d)
	}
	sums := fmt.Sprintf("%s  m.yaml\n%s  t.csv\n", want[0].SHA256, want[1].SHA256)
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(sums))); first.Digest != got {
		t.Errorf("digest %s, want %s", first.Digest, got)
	}
	if again := digest("m.yaml\n"+m, "t.csv\n"+rows); again.Digest != first.Digest {
		t.Error("the same files in another folder have another digest")
	}
	if other := digest("m.yaml\n"+m, "t.csv\n"+rows+"\n"); other.Digest == first.Digest {
		t.Error("a byte more has the same digest")
	}
}

func TestAFileThatChangesIsNoticed(t *testing.T) {
	for _, name := range []string{"m.yaml", "t.csv"} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, "m.yaml\n"+header+"include: [{table: t.csv}]\n", "t.csv\nexternalId,file\na,x\n")
			s := open(t, dir)
			if got, _ := check(t, s); got != nil {
				t.Fatal(got)
			}
			f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			var last error
			for _, err := range s.Items(t.Context()) {
				last = err
			}
			if ps, ok := errors.AsType[manifest.Problems](last); !ok || ps[0].Code != manifest.CodeChanged {
				t.Errorf("items: %v", last)
			}
			got, c := check(t, s)
			if c.Digest != "" || len(got) == 0 || !strings.Contains(got[0], "M080") {
				t.Errorf("check: %+v %q", c, got)
			}
		})
	}
}

func TestStreamsEndWithTheContext(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+header+"include: [{table: t.csv}, {table: u.ndjson}]\n", "t.csv\nexternalId,file\na,x\nb,x\n", "u.ndjson\n{\"externalId\":\"c\",\"file\":\"x\"}\n{\"externalId\":\"d\",\"file\":\"x\"}\n"))
	for _, at := range []string{"a", "c"} {
		ctx, cancel := context.WithCancel(t.Context())
		var last error
		var seen []string
		for it, err := range s.Items(ctx) {
			last = err
			seen = append(seen, it.ExternalID)
			if it.ExternalID == at {
				cancel()
			}
		}
		cancel()
		if !errors.Is(last, context.Canceled) || seen[len(seen)-2] != at {
			t.Errorf("%q, then %v", seen, last)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Check(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("check: %v", err)
	}
}

func TestAReaderMayStopEarly(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+header+"include: [{table: t.csv}]\nassets: [{externalId: z, file: x}, {externalId: y, file: x}]\n", "t.csv\nexternalId,file\na,x\nb,x\n"))
	for _, at := range []string{"z", "a"} {
		for it, err := range s.Items(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if it.ExternalID == at {
				break
			}
		}
	}
}
