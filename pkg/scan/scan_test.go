package scan

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/expand"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/local"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
)

var decks = manifest.Root{Name: "content", Location: "./content"}

func memory(files map[string]string) *sourcetest.Memory {
	m := sourcetest.NewMemory(nil)
	for path, data := range files {
		m.Set(path, sourcetest.File{Data: []byte(data), ModTime: time.Unix(1, 0)})
	}
	return m
}

func scanned(t *testing.T, src source.Lister, o Options) *Inventory {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	o.Root = decks
	inv, err := Files(t.Context(), src, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := inv.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return inv
}

func all[T any](t *testing.T, seq iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func findings(t *testing.T, inv *Inventory) (out []string) {
	for _, f := range all(t, inv.Findings(t.Context())) {
		out = append(out, f.Kind+" "+f.Path)
	}
	return out
}

func TestWhatStandsInTheWayIsFound(t *testing.T) {
	src := memory(map[string]string{
		"a.pdf": "%PDF-1.4", "b/~$deck.pptx": "x", "b/.git/c.txt": "x", "b/empty.docx": "", "b/page.pptx": "<html><body>Sign in</body></html>",
		"b/real.html": "<html></html>", "d/line\nbreak.pdf": "x", `d/back\slash.pdf`: "x", "d/link.lnk": "x", "d/model.foo": "x", "d/none": "x",
		strings.Repeat("n", 300) + ".pdf": "x",
	})
	src.Set("big/huge.mp4", sourcetest.File{Size: maxFile + 1})
	src.Set("big/large.mp4", sourcetest.File{Size: bigFile + 1, Offline: true})
	inv := scanned(t, src, Options{Inspect: true})
	want := []string{
		"temporary b/~$deck.pptx", "hidden b/.git/c.txt", "empty b/empty.docx", "web-page b/page.pptx",
		"too-big big/huge.mp4", "big big/large.mp4", "online-only big/large.mp4",
		`odd-name d/back\slash.pdf`, "odd-name d/line\nbreak.pdf", "shortcut d/link.lnk", "unknown-type d/model.foo", "unknown-type d/none",
		"long-name " + strings.Repeat("n", 300) + ".pdf", "unknown-type b/real.html",
	}
	got := findings(t, inv)
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	r := inv.Report
	if r.Files != 14 || r.Rows != 7 || r.LeftOut() != 7 || r.Of(TooBig).Files != 1 || r.Of(Empty).LeftOut != true || r.Of(Big).Bytes != bigFile+1 {
		t.Errorf("%+v", r)
	}
}

// closed is a source whose files nobody may open.
type closed struct {
	source.Lister
	t *testing.T
}

func (c closed) Open(_ context.Context, path string) (io.ReadCloser, source.Info, error) {
	c.t.Errorf("%s was opened", path)
	return nil, source.Info{}, &source.Error{Op: "open", Path: path, Err: source.ErrUnreadable}
}

func TestFilesThatAreOnlineOnlyAreNotOpened(t *testing.T) {
	src := memory(nil)
	src.Set("a.pdf", sourcetest.File{Size: 10, Offline: true})
	src.Set("b.pdf", sourcetest.File{Size: 20, Offline: true})
	inv := scanned(t, closed{src, t}, Options{Inspect: true, Hash: true})
	if g := inv.Report.Of(Online); g == nil || g.Files != 2 || g.Bytes != 30 || inv.Report.Rows != 2 || inv.Report.Unhashed != 2 {
		t.Errorf("%+v", inv.Report)
	}
}

func TestNothingIsOpenedUnlessAsked(t *testing.T) {
	if inv := scanned(t, closed{memory(map[string]string{"a.pdf": "x"}), t}, Options{}); inv.Report.Rows != 1 {
		t.Errorf("%+v", inv.Report)
	}
}

// TestWhatIsProposedIsRight reads the proposal back: every file of the inventory
// is an item with its very path, and nothing stops or blocks one.
func TestWhatIsProposedIsRight(t *testing.T) {
	names := []string{
		"a, b.pdf", "=1+1.pdf", "-x.pdf", "'quoted'.pdf", `"double".pdf`, "null", "[]", " leading.pdf", "trailing.pdf ", "semi;colon/x.pdf", "null/y.pdf",
		"Sales/sales/Sales/z.pdf", "caf\u00e9/e.pdf", "cafe\u0301/e.pdf", "Case.pdf", "case.pdf", "CASE.pdf", "tab/" + strings.Repeat("long ", 40) + "/deep.pdf", "colon: x.pdf",
		"%2C.pdf", "100%25.pdf", "\u202ertl.pdf", "#hash.pdf", "{braces}.pdf", "日本語/資料.pptx", "a.b.c", strings.Repeat("n", 260) + ".pdf",
	}
	files := map[string]string{}
	for i, n := range names {
		files[n] = fmt.Sprint(i)
	}
	src := memory(files)
	inv := scanned(t, src, Options{})
	dir := t.TempDir()
	var yaml bytes.Buffer
	p := Manifest{Of: "x\ny", Root: &Root{Name: "content", Place: "./content"}, Maps: []Map{{"tags", "tags.csv", ""}}, Include: []string{"table: inventory.csv"}}
	if err := p.Write(&yaml); err != nil {
		t.Fatal(err)
	}
	table := func(name string, rows [][]string) {
		var b bytes.Buffer
		if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), b.String())
	}
	rows := [][]string{Columns()}
	for r, err := range inv.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		cells := r.Cells()
		for i, c := range cells { // as reports do
			if c != "" && strings.Contains("=+-@'", c[:1]) && strings.ContainsAny(strings.TrimLeft(c, "'")[:1], "=+-@") {
				cells[i] = "'" + c
			}
		}
		rows = append(rows, cells)
	}
	table("inventory.csv", rows)
	tags := [][]string{{"from", "to"}}
	for v := range inv.Tags.All() {
		tags = append(tags, []string{v, v})
	}
	table("tags.csv", tags)
	write(t, filepath.Join(dir, "m.yaml"), yaml.String())
	if err := os.Mkdir(filepath.Join(dir, "content"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := expand.Open(filepath.Join(dir, "m.yaml"), expand.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	checked, err := s.Check(t.Context(), func(p manifest.Problem) {
		if p.Class != manifest.Warn {
			t.Error(p)
		}
	})
	if err != nil || checked.Items != len(names) {
		t.Errorf("%d items of %d, %v", checked.Items, len(names), err)
	}
	for it, err := range s.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := files[it.Location.Path]; !ok {
			t.Errorf("no file %q", it.Location.Path)
		}
		delete(files, it.Location.Path)
		if strings.HasPrefix(it.Location.Path, "null/") && (len(it.Fields.Tags.Value) != 1 || it.Fields.Tags.Value[0].Name != "null") {
			t.Errorf("tags %v", it.Fields.Tags)
		}
	}
	if len(files) > 0 {
		t.Errorf("not in the inventory: %q", files)
	}
}

// TestAnyPathIsWrittenOrOdd makes an item of any file, or says that a table cannot
// write its path.
func TestAnyPathIsWrittenOrOdd(t *testing.T) {
	m, _, err := manifest.ReadHeader(strings.NewReader("version: 1\ndivision: any\nroots: {content: ./content}\n"), "m.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b := manifest.NewBuilder(m, manifest.Options{})
	s := &scanner{Inventory: &Inventory{root: decks}, Options: Options{Root: decks}}
	part := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{1,20}`), rapid.StringOfN(rapid.RuneFrom([]rune("a,;% '\u0301é./")), 1, 200, -1))
	rapid.Check(t, func(t *rapid.T) {
		path := strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "parts"), "/")
		if !s.expressible(path) {
			return
		}
		row := s.row(entry{Path: path, Row: 1})
		v := manifest.Value{Kind: manifest.MapValue}
		for i, c := range row.Cells() {
			if strings.TrimSpace(c) != "" {
				v.Put(Columns()[i], manifest.Pos{}, manifest.Cell(c, "", manifest.Pos{}))
			}
		}
		p := b.Item(v, nil)
		for _, pr := range append(p.Problems, p.Item.Problems...) {
			if pr.Class != manifest.Warn {
				t.Errorf("%q: %v", path, pr)
			}
		}
		if p.Item.Location.Path != path {
			t.Errorf("%q became %q", path, p.Item.Location.Path)
		}
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNamesThatCollideGetIDsOfTheirOwn(t *testing.T) {
	inv := scanned(t, memory(map[string]string{"A.pdf": "1", "a.pdf": "2", "b.pdf": "3"}), Options{})
	var ids []string
	for _, r := range all(t, inv.Rows(t.Context())) {
		ids = append(ids, r.ExternalID)
	}
	if want := []string{"content/A.pdf", "content/a.pdf~a7949e62", "content/b.pdf"}; !slices.Equal(ids, want) {
		t.Errorf("%q", ids)
	}
	if got := findings(t, inv); !slices.Equal(got, []string{"lookalike a.pdf"}) {
		t.Errorf("%q", got)
	}
	if g := inv.Report.Of(Lookalike); g == nil || g.Files != 1 {
		t.Errorf("%+v", g)
	}
	// A pattern gives no hash: the second file is left out by name, where a pattern
	// can tell the two apart.
	inv = scanned(t, memory(map[string]string{"A.pdf": "1", "a.pdf": "2", "\u00e9.pdf": "3", "e\u0301.pdf": "4"}), Options{Pattern: true})
	var left []string
	for _, f := range all(t, inv.Findings(t.Context())) {
		if f.Exclude {
			left = append(left, f.Path)
		}
	}
	if g := inv.Report.Of(Lookalike); g == nil || g.Files != 2 || strings.Contains(g.Samples[0].Detail+g.Samples[1].Detail, "hash") || !slices.Equal(left, []string{"a.pdf"}) {
		t.Errorf("%+v, left out %q", g, left)
	}
	long := distinct(strings.Repeat("x", manifest.MaxExternalID), "p")
	if manifest.ExternalIDWrong(long) != "" || !strings.HasSuffix(long, "x~148de9c5") {
		t.Errorf("%q", long)
	}
}

// cache remembers checksums and counts.
type cache struct {
	known  map[string]string
	mu     sync.Mutex
	stored []string
}

func (c *cache) Lookup(_ context.Context, loc string, _ int64, _ time.Time) (string, bool) {
	v, ok := c.known[loc]
	return v, ok
}

func (c *cache) Store(_ context.Context, loc string, _ int64, _, _ time.Time, _ string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored = append(c.stored, loc)
	return nil
}

func TestDuplicatesAreFoundByTheirBytes(t *testing.T) {
	sum := md5.Sum([]byte("same"))
	c := &cache{known: map[string]string{"content:a.txt": hex.EncodeToString(sum[:])}}
	src := memory(map[string]string{"a.txt": "same", "b/c.txt": "same", "d.txt": "same", "e.txt": "else", "f.tmp": "same"})
	inv := scanned(t, src, Options{Hash: true, Hashes: c})
	r := inv.Report
	if r.Duplicates != (Duplicates{Groups: 1, Copies: 2, Saved: 8}) || r.Unhashed != 0 || r.Of(Duplicate).Files != 2 {
		t.Errorf("%+v", r)
	}
	want := []Finding{
		{Kind: Duplicate, Path: "b/c.txt", Size: 4, Detail: "the same bytes as a.txt"},
		{Kind: Duplicate, Path: "d.txt", Size: 4, Detail: "the same bytes as a.txt"},
		{Kind: Temporary, Path: "f.tmp", Size: 4},
	}
	if d := cmp.Diff(want, all(t, inv.Findings(t.Context()))); d != "" {
		t.Error(d)
	}
	slices.Sort(c.stored)
	if !slices.Equal(c.stored, []string{"content:b/c.txt", "content:d.txt", "content:e.txt"}) {
		t.Errorf("stored %q", c.stored)
	}
}

// knowing is a place that knows checksums.
type knowing struct{ source.Lister }

func (k knowing) List(ctx context.Context, prefix string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		for i, err := range k.Lister.List(ctx, prefix) {
			i.MD5 = make([]byte, md5.Size)
			if !yield(i, err) {
				return
			}
		}
	}
}

func TestChecksumsThatAreKnownCostNothing(t *testing.T) {
	inv := scanned(t, closed{knowing{memory(map[string]string{"a.txt": "1", "b.txt": "2"})}, t}, Options{})
	if inv.Report.Duplicates != (Duplicates{1, 1, 1}) {
		t.Errorf("%+v", inv.Report.Duplicates)
	}
}

// asked is a place that tells checksums of single files.
type asked struct{ source.Lister }

func (a asked) Stat(ctx context.Context, path string) (source.Info, error) {
	i, err := a.Lister.Stat(ctx, path)
	i.MD5 = make([]byte, md5.Size)
	return i, err
}

func TestPlacesAreAskedForChecksums(t *testing.T) {
	src := closed{asked{memory(map[string]string{"a.txt": "1", "b.txt": "2"})}, t}
	if inv := scanned(t, src, Options{}); inv.Report.Unhashed != 2 {
		t.Errorf("%+v", inv.Report)
	}
	if inv := scanned(t, src, Options{Ask: true}); inv.Report.Duplicates != (Duplicates{1, 1, 1}) || inv.Report.Unhashed != 0 {
		t.Errorf("%+v", inv.Report)
	}
}

// failing yields errors of a listing.
type failing struct {
	source.Lister
	errs []error
}

func (f failing) List(context.Context, string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		for _, err := range f.errs {
			if !yield(source.Info{}, err) {
				return
			}
		}
	}
}

func TestWhatCannotBeListedIsTold(t *testing.T) {
	src := failing{memory(nil), []error{
		&source.Error{Op: "list", Path: "closed", Err: source.ErrUnreadable, Hint: "ask its owner"},
		&source.Error{Op: "stat", Path: "x.pdf", Err: source.ErrUnreadable},
	}}
	inv := scanned(t, src, Options{})
	want := []Finding{
		{Kind: Unlisted, Path: "closed", Detail: "file cannot be read (ask its owner)"}, {Kind: Unreadable, Path: "x.pdf", Detail: "file cannot be read"},
	}
	if d := cmp.Diff(want, all(t, inv.Findings(t.Context()))); d != "" {
		t.Error(d)
	}
	if inv.Report.Files != 1 || inv.Report.Rows != 0 {
		t.Errorf("%+v", inv.Report)
	}
	for text, err := range map[string]error{
		"listing ./content: gone":         errors.New("gone"),
		"./content: no such file (mount)": &source.Error{Op: "list", Err: source.ErrNotExist, Hint: "mount"},
	} {
		if _, got := Files(t.Context(), failing{memory(nil), []error{err}}, Options{Root: decks}); got == nil || got.Error() != text {
			t.Errorf("%v, want %v", got, text)
		}
	}
}

func TestScanningEndsWithItsContext(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("stop")
	cancel(why)
	if _, err := Files(ctx, memory(map[string]string{"a": "b"}), Options{Root: decks}); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFilesOfThisMachineAreLookedInto(t *testing.T) {
	dir := t.TempDir()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	const encrypted = 1 // of the general purpose bits
	f, err := w.CreateRaw(&zip.FileHeader{Name: "a.txt", Flags: encrypted, CompressedSize64: 1, UncompressedSize64: 1})
	if err == nil {
		_, err = f.Write([]byte("x"))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "locked.zip"), archive.String())
	src, err := local.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	inv := scanned(t, src, Options{Inspect: true})
	if got := findings(t, inv); !slices.Equal(got, []string{"protected locked.zip"}) {
		t.Errorf("%q", got)
	}
}

func TestRootNames(t *testing.T) {
	for place, want := range map[string]string{
		"content": "content", "./My Decks/": "my-decks", `C:\Data\Q3 (final)`: "q3-final", "s3://bucket/prefix": "prefix", "s3://": "files", "sp:Marketing/Shared Documents": "shared-documents",
		"sp:": "files", ".": "files", "..": "files", "/": "files", "日本": "files", "2024": "files", "http": "files", "x": "files", strings.Repeat("long-", 9): "long-long-long-long-long",
	} {
		if got := RootName(place); got != want {
			t.Errorf("%s: %q, want %q", place, got, want)
		}
	}
}

func TestPlacesAreWrittenAsYAML(t *testing.T) {
	for _, place := range []string{"./content", "../a b", "C:/Data", "/x: y", `quo"te`, "#x", "yes", "- x", "ünï", "a\tb", "s3://bucket/p"} {
		text := "version: 1\ndivision: M\nroots: \n  files: " + YAML(place) + "\n"
		m, ps, err := manifest.ReadHeader(strings.NewReader(text), "m.yaml")
		if err != nil {
			t.Fatalf("%s: %v", place, err)
		}
		if m.Roots[0].Location != strings.TrimPrefix(place, "./") && place != "a\tb" {
			t.Errorf("%q became %q (%v)", place, m.Roots[0].Location, ps)
		}
	}
}
