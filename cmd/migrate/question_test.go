package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestAQuestionBeforeTheFirstWrite(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	ask := func(answer string, args ...string) *process {
		p := newProcess(vars)
		p.ask, p.in = true, strings.NewReader(answer)
		p.vars = vars
		p.run(t, append([]string{"run", "m.yaml"}, args...)...)
		return p
	}

	for _, answer := range []string{"n\n", "\n", "", "maybe\n"} {
		p := newProcess(vars)
		p.ask, p.in = true, strings.NewReader(answer)
		if code := p.run(t, "run", "m.yaml"); code != exitFailed {
			t.Errorf("answer %q: exit code %d, want %d", answer, code, exitFailed)
		}
		for _, want := range []string{"LIVE acme as jane@example.com", "2 new assets = 9 requests (4 writes, 5 reads)", "first write to acme", "nothing was written"} {
			if !strings.Contains(p.err.String(), want) {
				t.Errorf("answer %q: stderr lacks %q:\n%s", answer, want, p.err)
			}
		}
	}
	if n := tenant.Books().Assets; n != 0 {
		t.Fatalf("%d assets after no", n)
	}

	if p := ask("y\n"); !strings.Contains(p.out.String(), "2 of 2 done") {
		t.Fatalf("after yes:\n%s%s", p.out, p.err)
	}
	if p := ask("n\n"); strings.Contains(p.err.String(), "Go on?") || !strings.Contains(p.out.String(), "2 unchanged") {
		t.Errorf("asked again:\n%s%s", p.out, p.err)
	}
	if p := ask("n\n", "--yes", "--state", "new.state.db", "--settle-time", "10ms"); strings.Contains(p.err.String(), "Go on?") {
		t.Errorf("asked in spite of --yes:\n%s", p.err)
	}
	if p := ask("n\n", "--sandbox"); strings.Contains(p.err.String(), "Go on?") || !strings.Contains(p.out.String(), "2 of 2 done") {
		t.Errorf("asked in a sandbox:\n%s%s", p.out, p.err)
	}
}

func TestASavedPlanIsAskedAboutWithItsOwnTotals(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	expect(t, vars, exitOK, "plan", "m.yaml", "--limit", "1", "--out", "plan.ndjson")
	ask := func(answer string) (*process, int) {
		p := newProcess(vars)
		p.ask, p.in = true, strings.NewReader(answer)
		return p, p.run(t, "run", "m.yaml", "--plan", "plan.ndjson")
	}
	p, code := ask("n\n")
	if code != exitFailed || !strings.Contains(p.err.String(), "1 new asset = ") || !strings.Contains(p.err.String(), "first write to acme") || tenant.Books().Assets != 0 {
		t.Errorf("exit code %d, %d assets after no:\n%s", code, tenant.Books().Assets, p.err)
	}
	if p, code := ask("y\n"); code != exitOK || !strings.Contains(p.out.String(), "1 of 1 done") || tenant.Books().Assets != 1 {
		t.Errorf("exit code %d, %d assets after yes:\n%s%s", code, tenant.Books().Assets, p.out, p.err)
	}
}

func TestNobodyIsAskedWithoutATerminal(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	p := expect(t, vars, exitOK, "run", "m.yaml")
	if strings.Contains(p.err.String(), "Go on?") || tenant.Books().Assets != 2 {
		t.Errorf("got %d assets and:\n%s", tenant.Books().Assets, p.err)
	}
}

func TestAQuestionBeforeOverwritingWhatAPersonChanged(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	manifest := func(description string) string {
		return "version: 1\ndivision: Marketing\nupdate: {conflicts: overwrite}\nassets:\n  - {externalId: A, file: a.txt, description: " + description + "}\n"
	}
	write(t, map[string]string{"m.yaml": manifest("ours"), "a.txt": "one\n"})
	expect(t, vars, exitOK, "run", "m.yaml")
	edit := func(description string) {
		t.Helper()
		if err := os.WriteFile("m.yaml", []byte(manifest(description)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(answer string) (*process, int) {
		p := newProcess(vars)
		p.ask, p.in = true, strings.NewReader(answer)
		return p, p.run(t, "run", "m.yaml")
	}

	edit("ours again")
	if p, code := ask("n\n"); code != exitOK || strings.Contains(p.err.String(), "Go on?") {
		t.Errorf("exit code %d, asked although nobody changed anything:\n%s", code, p.err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, vars["SHOWPAD_API_URL"]+"/assets/"+tenant.Assets()[0].ID, strings.NewReader(`{"description":"theirs"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("a person's edit: %s, %v", resp.Status, err)
	}
	edit("ours for good")
	if p, code := ask("n\n"); code != exitFailed || !strings.Contains(p.err.String(), "1 item overwrites fields that a person changed") || tenant.Assets()[0].Description != "theirs" {
		t.Errorf("exit code %d, the description is %q:\n%s", code, tenant.Assets()[0].Description, p.err)
	}
	if p, code := ask("y\n"); code != exitOK || tenant.Assets()[0].Description != "ours for good" {
		t.Errorf("exit code %d, the description is %q:\n%s%s", code, tenant.Assets()[0].Description, p.out, p.err)
	}
}

func TestAQuestionBeforeARollback(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	expect(t, vars, exitOK, "run", "m.yaml")
	runs, err := filepath.Glob("m.runs/*")
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	archived := func() (n int) {
		for _, a := range tenant.Assets() {
			if a.IsArchived {
				n++
			}
		}
		return n
	}
	ask := func(answer string, args ...string) (*process, int) {
		p := newProcess(vars)
		p.ask, p.in = true, strings.NewReader(answer)
		return p, p.run(t, append([]string{"rollback", runs[0]}, args...)...)
	}
	for _, answer := range []string{"n\n", "\n", ""} {
		p, code := ask(answer)
		if code != exitFailed {
			t.Errorf("answer %q: exit code %d, want %d", answer, code, exitFailed)
		}
		for _, want := range []string{"2 to archive = 3 requests", "isArchived: false -> true", "This takes back 1 run at acme. Go on?", "nothing was written"} {
			if !strings.Contains(p.err.String(), want) {
				t.Errorf("answer %q: stderr lacks %q:\n%s", answer, want, p.err)
			}
		}
	}
	if n := archived(); n != 0 {
		t.Fatalf("%d assets in the trash after no", n)
	}
	if p, _ := ask("n\n", "--delete"); !strings.Contains(p.err.String(), "2 to delete") || !strings.Contains(p.err.String(), "What is deleted cannot be brought back. Go on?") {
		t.Errorf("with --delete:\n%s", p.err)
	}
	if p, code := ask("y\n"); code != exitOK || archived() != 2 {
		t.Errorf("after yes: exit code %d, %d in the trash:\n%s%s", code, archived(), p.out, p.err)
	}
	if p, code := ask("n\n"); code != exitOK || strings.Contains(p.err.String(), "Go on?") {
		t.Errorf("asked when there is nothing to do: exit code %d\n%s", code, p.err)
	}
	expect(t, vars, exitOK, "run", "m.yaml")
	if p, code := ask("n\n", "--yes"); code != exitOK || strings.Contains(p.err.String(), "Go on?") || archived() != 2 {
		t.Errorf("with --yes: exit code %d\n%s", code, p.err)
	}
	expect(t, vars, exitOK, "run", "m.yaml")
	if p := expect(t, vars, exitOK, "rollback", runs[0]); strings.Contains(p.err.String(), "Go on?") || archived() != 2 {
		t.Errorf("without a terminal:\n%s", p.err)
	}
}

func TestAQuestionBeforePruning(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	list := func(items ...string) string {
		var text strings.Builder
		text.WriteString("version: 1\ndivision: Marketing\nprune: archive\nassets:\n")
		for _, id := range items {
			text.WriteString("  - {externalId: " + id + ", url: \"https://www.example.com/" + id + "\"}\n")
		}
		return text.String()
	}
	write(t, map[string]string{"m.yaml": list("A", "B", "C")})
	expect(t, vars, exitOK, "run", "m.yaml")
	archived := func() (n int) {
		for _, a := range tenant.Assets() {
			if a.IsArchived {
				n++
			}
		}
		return n
	}
	ask := func(answer string, args ...string) (*process, int) {
		p := newProcess(vars)
		p.ask, p.in = true, strings.NewReader(answer)
		return p, p.run(t, append([]string{"run", "m.yaml"}, args...)...)
	}
	if p, code := ask("n\n"); code != exitOK || strings.Contains(p.err.String(), "Go on?") {
		t.Errorf("exit code %d, asked although nothing left:\n%s", code, p.err)
	}
	if err := os.WriteFile("m.yaml", []byte(list("A")), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, code := ask("n\n", "--only", "A"); code != exitOK || strings.Contains(p.err.String(), "Go on?") {
		t.Errorf("exit code %d, asked although nothing is pruned:\n%s", code, p.err)
	}
	if p, code := ask("n\n"); code != exitFailed || !strings.Contains(p.err.String(), "2 assets of items that are no longer listed are archived") || archived() != 0 {
		t.Errorf("exit code %d, %d archived after no:\n%s", code, archived(), p.err)
	}
	if p, code := ask("y\n"); code != exitOK || archived() != 2 {
		t.Errorf("exit code %d, %d archived after yes:\n%s", code, archived(), p.err)
	}
}

// TestANarrowScreenCutsNoWord holds that what somebody reads before saying yes is folded
// for the screen, and that what goes elsewhere, or to programs, is not.
func TestANarrowScreenCutsNoWord(t *testing.T) {
	_, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	const columns = 60
	told := func(on int, args ...string) string {
		p := newProcess(vars)
		p.columns, p.ask, p.in = on, true, strings.NewReader("n\n")
		p.run(t, args...)
		return p.out.String() + p.err.String()
	}
	longest := func(text string) (n int) {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "author") || strings.Contains(line, "can be shared") {
				n = max(n, len(strings.TrimRight(line, "\n")))
			}
		}
		return n
	}
	for _, args := range [][]string{{"plan", "m.yaml"}, {"lint", "m.yaml"}, {"run", "m.yaml"}} {
		if text := told(columns, args...); longest(text) > columns || longest(text) == 0 {
			t.Errorf("%q is cut on a screen of %d columns:\n%s", args, columns, text)
		}
	}
	if text := told(0, "plan", "m.yaml"); longest(text) <= columns {
		t.Errorf("folded without a screen:\n%s", text)
	}
	if text := told(columns, "plan", "m.yaml", "--json"); strings.Count(text, "\n") > 6 {
		t.Errorf("JSON is folded:\n%s", text)
	}
}
