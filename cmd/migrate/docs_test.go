package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// fence is a fenced block of a page.
type fence struct {
	line  int // of its first line of text
	kind  string
	lines []string
}

// goesOn marks a session that goes on where the one before it ended.
const goesOn = "console on"

// file is the name of the file that a block is; "" when it is none.
func (f fence) file() string {
	_, file, _ := strings.Cut(f.kind, " ")
	if f.kind == goesOn {
		return ""
	}
	return file
}

func (f fence) text() string { return strings.Join(f.lines, "\n") + "\n" }

// pages are all pages of the documentation by their path in the checkout.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(name)] = string(text)
		}
	}
	if len(all) < 10 {
		t.Fatalf("found %d pages only", len(all))
	}
	return all
}

// fences are the fenced blocks of a page, without the indentation that they
// have in a list.
func fences(page string) (all []fence) {
	var open *fence
	indent := ""
	for i, line := range strings.Split(page, "\n") {
		text := strings.TrimLeft(line, " ")
		kind, isFence := strings.CutPrefix(text, "```")
		switch {
		case isFence && open == nil:
			indent = line[:len(line)-len(text)]
			open = &fence{line: i + 2, kind: strings.TrimSpace(kind)}
		case isFence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, strings.TrimPrefix(line, indent))
		}
	}
	return all
}

// TestSessionsArePrintedAsTheyHappen runs the sessions of all pages: the blocks
// marked console, in their order, each block beginning in a folder with nothing but
// the files that the page shows before it: blocks marked as csv list.csv. What
// differs from call to call (ids, digests, times, the number of polls) is made
// equal first; a line of three dots stands for any lines. A block marked console on
// goes on where the one before it ended, after the files that stand between them
// were written.
func TestSessionsArePrintedAsTheyHappen(t *testing.T) {
	ran := 0
	for name, page := range pages(t) {
		files := map[string]string{}
		all := fences(page)
		for i, f := range all {
			if file := f.file(); file != "" {
				files[file] = f.text()
			}
			if f.kind != "console" {
				continue
			}
			ran++
			t.Run(fmt.Sprintf("%s:%d", name, f.line), func(t *testing.T) {
				_, vars := serve(t, emulator.Options{KeepBytes: true})
				write(t, files)
				play(t, vars, f)
				for _, next := range all[i+1:] {
					if next.kind == "console" {
						break
					}
					if file := next.file(); file != "" {
						if err := os.WriteFile(file, []byte(next.text()), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					if next.kind == goesOn {
						play(t, vars, next)
					}
				}
			})
		}
	}
	if ran < 2 {
		t.Errorf("%d sessions found", ran)
	}
}

// play runs the commands of one session and compares what they print.
func play(t *testing.T, vars map[string]string, f fence) {
	t.Helper()
	code := 0
	for i := 0; i < len(f.lines); {
		command, ok := strings.CutPrefix(f.lines[i], "$ ")
		if !ok {
			t.Fatalf("line %d is no command: %s", f.line+i, f.lines[i])
		}
		at := f.line + i
		var want []string
		for i++; i < len(f.lines) && !strings.HasPrefix(f.lines[i], "$ "); i++ {
			want = append(want, f.lines[i])
		}
		tellsCode := i < len(f.lines) && f.lines[i] == "$ echo $?"
		var got string
		switch args := shellWords(command); {
		case command == "echo $?":
			got = fmt.Sprintln(code)
		case args[0] == "cd" && len(args) == 2:
			t.Chdir(args[1])
		case args[0] == "migrate":
			p := newProcess(vars)
			p.env.err = p.out // as on a terminal
			args, file := redirected(args)
			if file != "" {
				p.env.out, p.env.err = newStream(), p.out
			}
			code = p.run(t, shell(t, args[1:])...)
			got = p.out.String()
			if file != "" {
				if err := os.WriteFile(file, []byte(p.env.out.(*stream).String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if code != exitOK && !tellsCode {
				t.Fatalf("line %d: exit code %d of %s:\n%s", at, code, command, got)
			}
		default:
			t.Fatalf("line %d: cannot run %s", at, command)
		}
		if !alike(level(want), level(strings.Split(strings.TrimRight(got, "\n"), "\n"))) {
			t.Errorf("line %d: %s printed\n%s\nand the page says\n%s", at, command, got, strings.Join(want, "\n"))
		}
	}
}

// redirected are the words of a command whose output goes to a file, and that file;
// "" for one whose output is seen.
func redirected(args []string) ([]string, string) {
	if n := len(args); n > 2 && args[n-2] == ">" {
		return args[:n-2], args[n-1]
	}
	return args, ""
}

// shellWords cuts a command line into its words, as a shell does with quotes.
func shellWords(line string) (words []string) {
	var word strings.Builder
	quote, begun := rune(0), false
	for _, r := range line + "\n" {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote != 0 || !unicode.IsSpace(r):
			word.WriteRune(r)
			begun = true
		case begun:
			words = append(words, word.String())
			word.Reset()
			begun = false
		}
	}
	return words
}

func TestShellWords(t *testing.T) {
	got := shellWords(`migrate query 'name ~ "deck"' --x="a b"  --empty ''`)
	if want := []string{"migrate", "query", `name ~ "deck"`, "--x=a b", "--empty", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// shell gives each argument as it is; the id of a run stands for that of the only run
// here.
func shell(t *testing.T, args []string) []string {
	t.Helper()
	var out []string
	for _, a := range args {
		if runForm.MatchString(a) {
			found := glob(t, []string{runForm.ReplaceAllString(a, "*")})
			if len(found) != 1 {
				t.Fatalf("%s: %d runs here", a, len(found))
			}
			a = found[0]
		}
		out = append(out, a)
	}
	return out
}

var (
	runForm  = regexp.MustCompile(`\b\d{8}T\d{6}Z-[0-9a-f]{4}\b`)
	levelled = []struct {
		form *regexp.Regexp
		by   string
	}{
		{runForm, "RUN"},
		{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "DIGEST"},
		{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "ID"},
		{regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b`), "TIME"},
		{regexp.MustCompile(`^\d+ requests, `), "N requests, "},
		{regexp.MustCompile(`(, | after )\d+(\.\d+)? ?(ms|s|min)\b`), "${1}DURATION"},
		{regexp.MustCompile(` \(127\.0\.0\.1:\d+\)$`), ""}, // the emulator's address, where a tenant has none
		{regexp.MustCompile(` +$`), ""},
	}
)

// level makes equal what differs from call to call.
func level(lines []string) []string {
	out := slices.Clone(lines)
	for i, line := range out {
		for _, l := range levelled {
			line = l.form.ReplaceAllString(line, l.by)
		}
		out[i] = filepath.ToSlash(line)
	}
	return slices.DeleteFunc(out, func(line string) bool { return line == "" })
}

// alike compares lines; "..." stands for any lines, at least one.
func alike(want, got []string) bool {
	switch {
	case len(want) == 0:
		return len(got) == 0
	case want[0] != "...":
		return len(got) > 0 && want[0] == got[0] && alike(want[1:], got[1:])
	}
	for n := 1; n <= len(got); n++ {
		if alike(want[1:], got[n:]) {
			return true
		}
	}
	return false
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{"a b", "a b", true}, {"a", "a b", false}, {"a b", "a", false}, {"a ... c", "a b b c", true},
		{"a ... c", "a c", false}, {"a ...", "a b c", true}, {"... c", "a b", false}, {"a b", "a c", false},
	} {
		if got := alike(strings.Fields(c.want), strings.Fields(c.got)); got != c.same {
			t.Errorf("alike(%s, %s) = %v", c.want, c.got, got)
		}
	}
	line := level([]string{"evidence: manifest.runs/20261121T221120Z-e8cb", "10 requests, 1 upload (38 B), 0 s"})
	if want := []string{"evidence: manifest.runs/RUN", "N requests, 1 upload (38 B), DURATION"}; !slices.Equal(line, want) {
		t.Errorf("level: %q", line)
	}
}

// TestCommandsOfThePagesExist holds every command line that a page shows, in a
// block or between backticks: its command and its flags exist, and so does the
// target of each make.
func TestCommandsOfThePagesExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	all := commands()
	seen := map[string]bool{}
	inline := regexp.MustCompile("`((?:migrate|make) [^`]+)`")
	for name, page := range pages(t) {
		var lines []string
		for _, f := range fences(page) {
			for _, line := range f.lines {
				line = strings.TrimPrefix(line, "$ ")
				if f.kind != "yaml" && (strings.HasPrefix(line, "migrate ") || strings.HasPrefix(line, "make ")) && !strings.Contains(line, ": ") {
					lines = append(lines, line)
				}
			}
		}
		for _, m := range inline.FindAllStringSubmatch(page, -1) {
			lines = append(lines, m[1])
		}
		for _, line := range lines {
			args := strings.Fields(line)
			if args[0] == "make" {
				if !strings.Contains(string(makefile), "\n"+args[1]+":") {
					t.Errorf("%s: %s: no such target", name, line)
				}
				continue
			}
			if len(args) > 2 && args[1] == "help" {
				if _, isCode := codeOfProblem(args[2]); !isCode && len(pipeline.WordsOf(args[2])) == 0 && args[2] != "exit-codes" && all["migrate "+args[2]] == nil {
					t.Errorf("%s: %s: no such help", name, line)
				}
				continue
			}
			found, c := "migrate", all["migrate"]
			for _, a := range args[1:] {
				if sub := all[found+" "+a]; sub != nil {
					found, c = found+" "+a, sub
				}
			}
			if found == "migrate" && len(args) > 1 && !strings.HasPrefix(args[1], "-") && args[1] != "completion" {
				t.Errorf("%s: %s: no such command", name, line)
			}
			seen[found] = true
			for _, a := range args[1:] {
				flag, isFlag := strings.CutPrefix(a, "--")
				flag, _, _ = strings.Cut(flag, "=")
				if isFlag && flag != "" && c.Flags().Lookup(flag) == nil && c.InheritedFlags().Lookup(flag) == nil {
					t.Errorf("%s: %s: %s has no --%s", name, line, found, flag)
				}
			}
		}
	}
	for name, page := range pages(t) {
		page, _, _ = strings.Cut(page, "\n## Not yet\n")
		for _, m := range regexp.MustCompile("`--([a-z][a-z0-9-]*)[^`]*`").FindAllStringSubmatch(page, -1) {
			known := m[1] == "help" // cobra adds it when a command runs
			for _, c := range all {
				known = known || c.Flags().Lookup(m[1]) != nil || c.PersistentFlags().Lookup(m[1]) != nil
			}
			if !known {
				t.Errorf("%s names --%s, which no command has", name, m[1])
			}
		}
	}
	for _, want := range []string{"migrate init", "migrate lint", "migrate plan", "migrate run", "migrate status", "migrate why", "migrate verify", "migrate report verify"} {
		if !seen[want] {
			t.Errorf("no page shows %s", want)
		}
	}
}

// TestManifestsOfThePagesAreValid lints every YAML block that is a whole
// manifest. Its files need not exist, but nothing may stop a run.
func TestManifestsOfThePagesAreValid(t *testing.T) {
	n := 0
	for name, page := range pages(t) {
		for _, f := range fences(page) {
			text := strings.Join(f.lines, "\n") + "\n"
			if f.kind != "yaml" || !strings.HasPrefix(text, "version: 1\n") {
				continue
			}
			n++
			t.Run(fmt.Sprintf("%s:%d", name, f.line), func(t *testing.T) {
				write(t, map[string]string{"m.yaml": text, "inventory.csv": "externalId,file\nT-1,a.pdf\n", "content/decks/a.txt": "a"})
				p := newProcess(nil)
				if code := p.run(t, "lint", "m.yaml", "--offline"); code != exitOK && code != exitSome {
					t.Errorf("exit code %d:\n%s%s", code, p.out, p.err)
				}
			})
		}
	}
	if n == 0 {
		t.Error("no manifests found")
	}
}

// TestExitCodesOfTheReadme holds the table of exit codes.
func TestExitCodesOfTheReadme(t *testing.T) {
	_, table, found := strings.Cut(pages(t)["README.md"], "<!-- exit codes -->")
	table, _, ended := strings.Cut(table, "<!-- end -->")
	if !found || !ended {
		t.Fatal("README.md has no part between <!-- exit codes --> and <!-- end -->")
	}
	var want strings.Builder
	want.WriteString("| Code | Meaning |\n|---|---|\n")
	for _, m := range exitMeanings {
		fmt.Fprintf(&want, "| %d | %s |\n", m.code, m.text)
	}
	if strings.TrimSpace(table) != strings.TrimSpace(want.String()) {
		t.Errorf("the table is\n%s\nand should be\n%s", table, want.String())
	}
}

// TestWhatIsNotYetThere holds the list of what is missing: what it names is
// really missing. Without the list nothing is.
func TestWhatIsNotYetThere(t *testing.T) {
	_, list, found := strings.Cut(pages(t)["README.md"], "\n## Not yet\n")
	if !found {
		return
	}
	all, named := commands(), 0
	for _, m := range regexp.MustCompile("`(--)?([a-z-]+)`").FindAllStringSubmatch(list, -1) {
		named++
		if m[1] == "" && all["migrate "+m[2]] != nil {
			t.Errorf("migrate %s is there", m[2])
		}
		for _, path := range []string{"migrate plan", "migrate run"} {
			if m[1] != "" && all[path].Flags().Lookup(m[2]) != nil {
				t.Errorf("%s --%s is there", path, m[2])
			}
		}
	}
	if named == 0 {
		t.Error("the list names nothing: remove it")
	}
}
