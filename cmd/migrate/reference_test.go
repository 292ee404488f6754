package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCommandReference generates the commands of docs/settings.md; with
// -update it writes them.
func TestCommandReference(t *testing.T) {
	all := commands()
	top := all["migrate"]
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		if c.HasSubCommands() && c != top {
			continue // its subcommands say all
		}
		title := c.UseLine()
		if c == top {
			title = "Flags of all commands"
		}
		fmt.Fprintf(&b, "### %s\n\n", strings.TrimSuffix(title, " [flags]"))
		if c != top {
			fmt.Fprintf(&b, "%s\n\n", strings.TrimSpace(c.Long))
		}
		flags := c.LocalFlags().FlagUsages()
		if c == top {
			flags = c.PersistentFlags().FlagUsages()
		}
		flags = regexp.MustCompile(`(?m)^  -h, --help .*\n`).ReplaceAllString(flags, "")
		if flags != "" {
			fmt.Fprintf(&b, "```\n%s```\n\n", flags)
		}
	}
	path := filepath.Join(root, "docs", "settings.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- generated: commands -->\n", "<!-- end -->"
	before, rest, found := strings.Cut(string(text), begin)
	got, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("docs/settings.md has no part between %q and %q", strings.TrimSpace(begin), end)
	}
	want := "\n" + b.String()
	switch {
	case got == want:
	case *update:
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/settings.md is out of date; run: go test ./cmd/migrate -run TestCommandReference -update")
	}
}

// TestEveryVariableIsDocumented holds docs/settings.md against the variables
// that the code reads.
func TestEveryVariableIsDocumented(t *testing.T) {
	code, err := os.ReadFile("internal/config/env.go")
	if err != nil {
		t.Fatal(err)
	}
	page := pages(t)["docs/settings.md"]
	found := regexp.MustCompile(`getenv\("(\w+)"\)`).FindAllStringSubmatch(string(code), -1)
	for _, m := range found {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("docs/settings.md does not name %s", m[1])
		}
	}
	if len(found) < 8 {
		t.Errorf("%d variables found", len(found))
	}
}
