package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table of the documentation")

const (
	root = "../.."
	page = "docs/proof.md"
)

// TestEveryBugCanBePlanted keeps the list in step with the code: what a bug
// replaces must be there, once, and so must the tests that it names.
func TestEveryBugCanBePlanted(t *testing.T) {
	names := map[string]bool{}
	for _, b := range bugs {
		if names[b.name] || b.name == "" || b.what == "" || len(b.edits) == 0 || len(b.tests) == 0 {
			t.Errorf("%s: the entry is not whole, or there are two of the name", b.name)
		}
		names[b.name] = true
		texts := map[string]string{}
		for _, e := range b.edits {
			if texts[e.file] == "" {
				texts[e.file] = read(t, e.file)
			}
			changed, err := e.apply(texts[e.file])
			if err != nil {
				t.Errorf("%s: %v (the code has changed: adapt the entry in test/bugs/list.go)", b.name, err)
			}
			texts[e.file] = changed
		}
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(b.pkg), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var tests strings.Builder
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
		for _, name := range b.tests {
			if !strings.Contains(tests.String(), "\nfunc "+name+"(t *testing.T) {") {
				t.Errorf("%s: %s has no %s", b.name, b.pkg, name)
			}
		}
	}
}

func TestThePageShowsEveryBug(t *testing.T) {
	const begin, end = "<!-- generated: bugs -->\n", "<!-- end -->"
	text := read(t, page)
	before, rest, found := strings.Cut(text, begin)
	got, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no part between %s and %s", page, strings.TrimSpace(begin), end)
	}
	var b strings.Builder
	b.WriteString("\n| Planted bug | What goes wrong | Noticed by |\n|---|---|---|\n")
	for _, bug := range bugs {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", bug.name, bug.what, strings.Join(bug.tests, ", "))
	}
	b.WriteString("\n")
	if want := b.String(); got != want {
		if !*update {
			t.Fatalf("%s is out of date; run: go test ./test/bugs -update", page)
		}
		if err := os.WriteFile(filepath.Join(root, page), []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFailuresAreFound(t *testing.T) {
	for _, c := range []struct {
		out  string
		want []string
	}{
		{"--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/one (0.1s)\n--- FAIL: TestB (0s)\nFAIL\n", []string{"TestA", "TestB"}},
		{"panic: test timed out after 4m0s\n\trunning tests:\n\t\tTestSlow/sub (4m0s)\n", []string{"TestSlow"}},
		{"ok\n", nil},
	} {
		if got := failed([]byte(c.out)); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.out, got, c.want)
		}
	}
}

func TestAnEditThatFitsTwiceOrNeverIsRefused(t *testing.T) {
	e := edit{"f.go", "one", "two"}
	if got, err := e.apply("a one b"); got != "a two b" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", "one one"} {
		if _, err := e.apply(text); err == nil {
			t.Errorf("%q was changed", text)
		}
	}
}
