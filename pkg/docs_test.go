package pkg_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the documentation")

// page reads a page of the documentation.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pageNames are all pages of the documentation.
func pageNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			rel, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(rel))
		}
	}
	if len(names) < 10 {
		t.Fatalf("%d pages found", len(names))
	}
	return names
}

// generated holds the part of a page between <!-- generated: name --> and
// <!-- end -->: it is want. With -update it becomes want.
func generated(t *testing.T, file, name, want string) {
	t.Helper()
	text := page(t, file)
	begin := "<!-- generated: " + name + " -->\n"
	before, rest, found := strings.Cut(text, begin)
	got, after, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		t.Errorf("%s has no part between %q and <!-- end -->", file, strings.TrimSpace(begin))
		return
	}
	want = "\n" + strings.TrimSpace(want) + "\n\n"
	if got == want {
		return
	}
	if !*update {
		t.Errorf("%s: the part %q is out of date; run: go test ./pkg -run %s -update\n%s", file, name, t.Name(), want)
		return
	}
	if err := os.WriteFile(filepath.Join(root, file), []byte(before+begin+want+"<!-- end -->"+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// cell makes text fit a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func TestEveryCodeIsExplained(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Code | What | Cause | What to do |\n|---|---|---|---|\n")
	for _, c := range manifest.Codes() {
		fmt.Fprintf(&b, "| %s | %s (%s) | %s | %s |\n", c.ID, cell(c.Title), c.Class, cell(c.Cause), cell(c.Remedy))
	}
	generated(t, "docs/codes.md", "codes", b.String())
}

func TestWhatDoesNotMoveIsExplained(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Not moved | Why, and what to do instead |\n|---|---|\n")
	for _, n := range manifest.CannotMove() {
		fmt.Fprintf(&b, "| %s | %s |\n", cell(n.What), cell(n.Why))
	}
	generated(t, "docs/what-moves.md", "not moved", b.String())
}

// TestEveryReasonIsExplained compares docs/codes.md with the reasons and
// differences of package pipeline and the codes of settings: each has its row, and no other one has.
func TestEveryReasonIsExplained(t *testing.T) {
	text := page(t, "docs/codes.md")
	for _, c := range []struct {
		part, file, prefix string
	}{
		{"reasons", "pkg/pipeline/reasons.go", "Reason"},
		{"conflicts", "pkg/pipeline/reasons.go", "Conflict"},
		{"blocked", "pkg/pipeline/reasons.go", "Blocked"},
		{"stale", "pkg/pipeline/reasons.go", "Stale"},
		{"failed", "pkg/pipeline/reasons.go", "Failed"},
		{"warnings", "pkg/pipeline/reasons.go", "Warn"},
		{"guards", "pkg/pipeline/reasons.go", "Guard"},
		{"told", "pkg/pipeline/reasons.go", "Tell"},
		{"differences", "pkg/pipeline/verify.go", "Diff"},
		{"settings", "pkg/manifest/settings.go", "CodeSetting"},
	} {
		t.Run(c.part, func(t *testing.T) {
			_, table, found := strings.Cut(text, "<!-- "+c.part+" -->")
			table, _, ended := strings.Cut(table, "<!-- end -->")
			if !found || !ended {
				t.Fatalf("no part between <!-- %s --> and <!-- end -->", c.part)
			}
			var explained []string
			for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .{20,} \\| .{5,} \\|$").FindAllStringSubmatch(table, -1) {
				explained = append(explained, m[1])
			}
			var known []string
			for name, value := range constants(t, c.file) {
				if strings.HasPrefix(name, c.prefix) {
					known = append(known, value)
				}
			}
			slices.Sort(known)
			slices.Sort(explained)
			if !slices.Equal(known, explained) || len(known) == 0 {
				t.Errorf("the code has\n%q\nand the page explains\n%q", known, explained)
			}
		})
	}
}

// TestPipelineCodesHaveEntries holds the codes that package pipeline gives to
// problems against the list that help explains.
func TestPipelineCodesHaveEntries(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "pkg/pipeline/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(M\d{3})"`).FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
		if at := strings.Index(string(text), `Warned{Code: "`); at >= 0 && !strings.HasSuffix(f, "_test.go") {
			t.Errorf("%s warns with a code that is none of reasons.go: %.60s", f, text[at:])
		}
	}
	for code := range used {
		if _, ok := manifest.CodeOf(code); !ok {
			t.Errorf("%s has no entry", code)
		}
	}
	for name, code := range constants(t, "pkg/manifest/codes.go") { // those that the manifest itself reports
		if found, err := filepath.Glob(filepath.Join(root, "pkg/manifest/*.go")); err != nil {
			t.Fatal(err)
		} else if slices.ContainsFunc(found, func(f string) bool {
			text, err := os.ReadFile(f)
			return err == nil && filepath.Base(f) != "codes.go" && !strings.HasSuffix(f, "_test.go") && strings.Contains(string(text), name+",")
		}) {
			used[code] = true
		}
	}
	for _, c := range manifest.Codes() {
		if c.ID > "M100" && !used[c.ID] {
			t.Errorf("%s is reported by nobody", c.ID)
		}
	}
}

// constants are the string constants of a file, by name.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		vs, ok := n.(*ast.ValueSpec)
		if !ok || len(vs.Names) != 1 || len(vs.Values) != 1 {
			return true
		}
		if lit, ok := vs.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			all[vs.Names[0].Name], err = strconv.Unquote(lit.Value)
		}
		return err == nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// schema is what the tables of docs/manifest.md need of the JSON Schema.
type schema struct {
	Description string             `json:"description"`
	Type        any                `json:"type"`
	Enum        []string           `json:"enum"`
	Properties  map[string]*schema `json:"properties"`
	AnyOf       []*schema          `json:"anyOf"`
	Items       *schema            `json:"items"`
	Defs        map[string]*schema `json:"$defs"`
}

// later reports whether the key is refused by this version.
func (s *schema) later() bool { return strings.Contains(s.Description, "Not yet supported") }

// value is the schema of what is written when it is not null.
func (s *schema) value() *schema {
	if len(s.AnyOf) > 0 {
		return s.AnyOf[0]
	}
	return s
}

// TestManifestKeysAreDocumented generates the tables of docs/manifest.md from
// the JSON Schema and the registry of fields.
func TestManifestKeysAreDocumented(t *testing.T) {
	var s schema
	if err := json.Unmarshal(manifest.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	row := func(b *strings.Builder, name string, p *schema) {
		doc := p.Description
		if doc == "" {
			doc = p.value().Description
		}
		if words := p.value().Enum; len(words) > 0 {
			if doc != "" {
				doc += ": "
			}
			doc += "`" + strings.Join(words, "`, `") + "`"
		}
		if doc == "" {
			t.Errorf("%s has no description", name)
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, cell(doc))
	}
	head := "| Key | Meaning |\n|---|---|\n"

	var now strings.Builder
	now.WriteString(head)
	for _, name := range manifest.HeaderKeys() {
		p := s.Properties[name]
		if p == nil {
			t.Fatalf("the schema has no %s", name)
		}
		if p.later() {
			continue
		}
		row(&now, name, p)
		if sub := p.value(); len(sub.Properties) > 0 && name != "defaults" {
			for _, key := range slices.Sorted(maps.Keys(sub.Properties)) {
				row(&now, name+"."+key, sub.Properties[key])
			}
		}
	}
	generated(t, "docs/manifest.md", "header", now.String())

	var personal strings.Builder
	personal.WriteString(head)
	for _, k := range manifest.MyFileKeys() {
		fmt.Fprintf(&personal, "| `%s` | %s |\n", k[0], cell(k[1]))
	}
	generated(t, "docs/my-files.md", "myfiles", personal.String())

	item := s.Defs["item"]
	var own strings.Builder
	own.WriteString(head)
	for _, name := range []string{"externalId", "id", "file", "url", "division", "allowEmpty", "keep"} {
		if p := item.Properties[name]; !p.later() {
			row(&own, name, p)
		}
	}
	generated(t, "docs/manifest.md", "item", own.String())

	var fields strings.Builder
	fields.WriteString("| Field | Written as | Meaning | `defaults:` | null |\n|---|---|---|---|---|\n")
	yes := map[bool]string{true: "yes"}
	for _, f := range manifest.ManagedFields() {
		form, ok := written[f.Kind]
		if !ok {
			t.Fatalf("%s: how is kind %d written?", f.Name, f.Kind)
		}
		null := "as not named"
		if f.Nullable {
			null = "clears it"
		}
		fmt.Fprintf(&fields, "| `%s` | %s | %s | %s | %s |\n", f.Name, form, cell(f.Doc), yes[f.Default], null)
	}
	generated(t, "docs/manifest.md", "fields", fields.String())

	var known strings.Builder
	known.WriteString("| Field | In the Admin App | Unless named | Effect |\n|---|---|---|---|\n")
	for _, f := range manifest.ManagedFields() {
		fmt.Fprintf(&known, "| `%s` | %s | %s | %s |\n", f.Name, cmp.Or(f.AdminApp(), "-"), cmp.Or(f.Unnamed(), "-"), cell(f.Doc))
	}
	generated(t, "docs/fields.md", "fields", known.String())

	include := s.Properties["include"].value().Items
	var inc strings.Builder
	inc.WriteString(head)
	for _, name := range []string{"table", "sheet", "encoding", "columns", "keep"} {
		if p := include.Properties[name]; !p.later() {
			row(&inc, name, p)
		}
	}
	generated(t, "docs/manifest.md", "include", inc.String())

	var files strings.Builder
	files.WriteString(head)
	for _, name := range []string{"files", "exclude", "externalId", "join"} {
		row(&files, name, include.Properties[name])
	}
	for _, name := range []string{"on", "strip"} {
		row(&files, "join."+name, include.Properties["join"].value().Properties[name])
	}
	generated(t, "docs/manifest.md", "files", files.String())

	category := s.Properties["tagCategories"].value().Items
	var tree strings.Builder
	tree.WriteString(head)
	for _, name := range []string{"name", "division", "isPublished", "tags", "children"} {
		row(&tree, name, category.Properties[name])
	}
	generated(t, "docs/manifest.md", "category", tree.String())

	var list []string
	for _, what := range manifest.Later() {
		list = append(list, "- "+strings.ReplaceAll(what, `"`, "`"))
	}
	generated(t, "docs/manifest.md", "later", strings.Join(list, "\n"))
}

// written is how the value of each kind of field is written.
var written = map[manifest.FieldKind]string{
	manifest.KindName:        "text",
	manifest.KindText:        "text",
	manifest.KindBool:        "true, false",
	manifest.KindTags:        "list of names or `{id: ...}`",
	manifest.KindLocales:     "list of codes",
	manifest.KindAuthors:     "list of addresses or ids",
	manifest.KindRelease:     "date",
	manifest.KindExpiry:      "date",
	manifest.KindRenditions:  "list",
	manifest.KindPages:       "list of `{start, end}`",
	manifest.KindEnforcement: "`{prepend, append}`",
	manifest.KindVariant:     "`{primary: SP-1000}`",
}

// TestAssumptionsAreListed holds docs/assumptions.md: each file whose comments
// say "Source: ASSUME" is named there, and each file named there is there.
func TestAssumptionsAreListed(t *testing.T) {
	text := page(t, "docs/assumptions.md")
	found := 0
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (strings.HasPrefix(e.Name(), ".") && file != root || e.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		code, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(code), "ASSUME") {
			return err
		}
		found++
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if name := filepath.ToSlash(rel); !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/assumptions.md does not name %s, which assumes something", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 5 {
		t.Errorf("%d files with assumptions found", found)
	}
}

// TestPagesNameWhatIsThere holds what pages point at: links between pages,
// paths of the checkout, names of tests.
func TestPagesNameWhatIsThere(t *testing.T) {
	tests := map[string]bool{}
	form := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		code, err := os.ReadFile(file)
		for _, m := range form.FindAllStringSubmatch(string(code), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	exists := func(name string) bool {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(name)))
		return err == nil && len(found) > 0
	}
	named := 0
	for _, name := range pageNames(t) {
		text := page(t, name)
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") {
				continue
			}
			to := path.Join(path.Dir(name), target)
			if target == "" {
				to = name
			}
			if !exists(to) {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(page(t, to)), anchor) {
				t.Errorf("%s links to %s: no such heading", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile("`((?:pkg|cmd|docs|testdata|test|scripts|examples|tools)/[^` ]*)`").FindAllStringSubmatch(text, -1) {
			named++
			if !exists(m[1]) {
				t.Errorf("%s names %s, which is not there", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`).FindAllString(text, -1) {
			named++
			if !tests[m] {
				t.Errorf("%s names %s, which no test is called", name, m)
			}
		}
	}
	if named < 40 {
		t.Errorf("%d names found", named)
	}
}

// anchors are the headings of a page as links name them.
func anchors(text string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		s := strings.ToLower(strings.ReplaceAll(m[1], " ", "-"))
		all = append(all, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(s, ""))
	}
	return all
}
