package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// tableOf is the table of a page between <!-- name --> and <!-- end -->, by the first
// cells of its rows, without their backticks.
func tableOf(t *testing.T, page, name string) map[string][]string {
	t.Helper()
	_, text, found := strings.Cut(pages(t)[page], "<!-- "+name+" -->")
	text, _, ended := strings.Cut(text, "<!-- end -->")
	if !found || !ended {
		t.Fatalf("%s has no part %s", page, name)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 2 || strings.HasPrefix(cells[0], "---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows[strings.Trim(cells[0], "`")] = cells[1:]
	}
	return rows
}

func TestTheScopesOfThePageAreThoseThatOperationsWant(t *testing.T) {
	table := tableOf(t, "docs/security.md", "scopes")
	run, mine := showpad.ScopesToRun()
	want := map[string]string{showpad.ScopeRefresh: "for anything that takes longer"}
	for _, s := range showpad.ScopesToRead() {
		want[s] = "to read"
	}
	for _, s := range run {
		want[s] = "to run"
	}
	for _, s := range mine {
		want[s] = "for My Files"
	}
	for scope, when := range want {
		if cells := table[scope]; len(cells) != 2 || cells[1] != when {
			t.Errorf("%s: %q, want %q", scope, cells, when)
		}
	}
	for _, route := range emulator.Routes() {
		f := strings.Fields(route)
		for _, scope := range showpad.Scopes(f[2], f[3]) {
			reads := slices.Contains(showpad.ScopesToRead(), scope)
			if table[scope] == nil || strings.HasPrefix(scope, "read_") != reads {
				t.Errorf("%s wants %s, which the page does not have so", route, scope)
			}
		}
	}
	if len(table) != len(want)+1 { // and the head
		t.Errorf("%d rows", len(table))
	}
}

func TestTheHostsOfThePageAreTheOnesOfTheClient(t *testing.T) {
	table := tableOf(t, "docs/security.md", "hosts")
	for _, base := range []func(string) (string, error){showpad.APIURL, showpad.V3URL} {
		u, err := base("acme")
		if err != nil {
			t.Fatal(err)
		}
		host := strings.Split(u, "/")[2]
		if table["{subdomain}"+strings.TrimPrefix(host, "acme")] == nil {
			t.Errorf("the page does not name %s", host)
		}
	}
}

func TestTheVariablesOfThePageAreAll(t *testing.T) {
	code, err := os.ReadFile(filepath.Join("internal", "config", "env.go"))
	if err != nil {
		t.Fatal(err)
	}
	page := pages(t)["docs/security.md"]
	names := regexp.MustCompile(`getenv\("(\w+)"\)`).FindAllStringSubmatch(string(code), -1)
	for _, m := range names {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("docs/security.md does not name %s", m[1])
		}
	}
	if len(names) < 9 {
		t.Errorf("%d variables found", len(names))
	}
}

// TestWhatIsStoredIsOnThePage lets the program write all that it keeps, and looks for
// each file in the table, with its mode.
func TestWhatIsStoredIsOnThePage(t *testing.T) {
	table := tableOf(t, "docs/security.md", "stored")
	home := t.TempDir()
	_, vars := serve(t, emulator.Options{})
	vars["XDG_CONFIG_HOME"] = home
	files := twoItems()
	dir := write(t, files)
	expect(t, vars, exitOK, "auth", "login")
	expect(t, vars, exitOK, "plan", "m.yaml", "--out", "saved.ndjson")
	expect(t, vars, exitOK, "run", "m.yaml", "--log-file", "run.log", "--log-level", "debug")
	expect(t, vars, exitOK, "run", "m.yaml", "--sandbox")

	named := func(root, rel string, isDir bool) string {
		name := filepath.ToSlash(rel)
		switch {
		case root == home:
			if d, _ := path.Split(name); d != "migrate/" && d != "" {
				name = d + "*"
			}
		case name == "saved.ndjson":
			return "the file of `plan --out"
		case name == "run.log":
			return "the file of `--log-file"
		default:
			name = strings.Replace(runForm.ReplaceAllString(name, "<run>"), "m.", "<manifest>.", 1)
			if d, f := path.Split(name); strings.HasSuffix(d, "<run>/") && f != "" {
				name = d + "*"
			}
		}
		if isDir {
			name += "/"
		}
		return name
	}
	met := 0
	for _, root := range []string{dir, home} {
		err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			if err != nil || p == root {
				return err
			}
			rel, err := filepath.Rel(root, p)
			if err != nil || files[rel] != "" {
				return err
			}
			name := named(root, rel, e.IsDir())
			row := table[name]
			info, err := e.Info()
			if err != nil {
				return err
			}
			mode := map[bool]string{true: "0700", false: "0600"}[info.Mode().Perm() == 0o700]
			switch {
			case row == nil:
				t.Errorf("%s: %q is not on the page", rel, name)
			case runtime.GOOS != "windows" && (row[0] != mode || info.Mode().Perm()&0o077 != 0):
				t.Errorf("%s has the mode %v, and the page says %s", rel, info.Mode().Perm(), row[0])
			}
			met++
			if e.IsDir() && strings.HasSuffix(rel, ".sandbox") {
				return filepath.SkipDir
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if met < 12 {
		t.Errorf("%d files and folders met", met)
	}
}
