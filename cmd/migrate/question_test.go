package main

import (
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
	if p := ask("n\n", "--yes", "--state", "new.state.db"); strings.Contains(p.err.String(), "Go on?") {
		t.Errorf("asked in spite of --yes:\n%s", p.err)
	}
	if p := ask("n\n", "--sandbox"); strings.Contains(p.err.String(), "Go on?") || !strings.Contains(p.out.String(), "2 of 2 done") {
		t.Errorf("asked in a sandbox:\n%s%s", p.out, p.err)
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
