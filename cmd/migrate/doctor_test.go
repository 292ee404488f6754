package main

import (
	"os"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestAProbeAsksOnATerminal(t *testing.T) {
	server, vars := serve(t, emulator.Options{KeepBytes: true})
	t.Chdir(t.TempDir())
	for answer, wrote := range map[string]bool{"n\n": false, "\n": false, "y\n": true} {
		server.ResetBooks()
		p := newProcess(vars)
		p.ask, p.in = true, strings.NewReader(answer)
		code := p.run(t, "doctor", "--probe")
		if b := server.Books(); (code == exitOK) != wrote || (b.Commits["postAssets"] > 0) != wrote || b.Assets != 0 {
			t.Errorf("%q: exit code %d, %v, %d assets\n%s%s", answer, code, b.Commits, b.Assets, p.out, p.err)
		}
		if !strings.Contains(p.err.String(), "in Marketing of acme: about") {
			t.Errorf("asks: %s", p.err)
		}
	}
}

// The first signal deletes what was made, and then the program ends.
func TestASignalEndsAProbeCleanly(t *testing.T) {
	server, vars := serve(t, emulator.Options{KeepBytes: true, Switches: emulator.Switches{StuckProcessing: "*"}})
	t.Chdir(t.TempDir())
	p := newProcess(vars)
	server.OnCommit(func(op string, n int, when emulator.When) {
		if op == emulator.OpPut && when == emulator.After {
			p.signals <- os.Interrupt
		}
	})
	code := p.run(t, "doctor", "--probe")
	if b := server.Books(); code != exitInterrupted || b.Assets != 0 || b.Tags != 0 || b.Commits["postAssets"] != 1 {
		t.Errorf("exit code %d, %d assets and %d tags are left\n%s%s", code, b.Assets, b.Tags, p.out, p.err)
	}
	if !strings.Contains(p.err.String(), "interrupted: what was made is deleted first") {
		t.Errorf("%s", p.err)
	}
}

// What a sign-in tells is used: its scopes, and whether its refresh token was replaced.
func TestADoctorKnowsTheSignIn(t *testing.T) {
	server, vars := onlyClient(t, emulator.OAuth{})
	t.Chdir(t.TempDir())
	expect(t, vars, exitOK, "auth", "login")
	p := expect(t, vars, exitOK, "doctor")
	for _, want := range []string{"the saved sign-in, kept in ", "scopes                 all that are needed", "renewal                there is a refresh token"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("%q is not in\n%s", want, p.out)
		}
	}
	server.ExpireAccess() // the next one renews
	if p = expect(t, vars, exitOK, "doctor", "--probe"); !strings.Contains(p.out.String(), "refresh-rotation       confirmed") {
		t.Errorf("%s", p.out)
	}
	server.Switch(func(s *emulator.Switches) {
		s.WithoutScopes = []string{"refresh_token", "write_contentprofile_management"}
	})
	expect(t, vars, exitOK, "auth", "login")
	p = expect(t, vars, exitSome, "doctor")
	for _, want := range []string{"failed   scopes                 the token has no write_contentprofile_management", "failed   renewal"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("%q is not in\n%s", want, p.out)
		}
	}
	if n := strings.Count(p.out.String(), "sandbox-"); n > 0 {
		t.Errorf("a token is shown:\n%s", p.out)
	}
}
