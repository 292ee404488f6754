package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// startSandbox serves a sandbox until the returned function ends it.
func startSandbox(t *testing.T, args ...string) (vars map[string]string, end func() *process) {
	t.Helper()
	p := newProcess(nil)
	code := make(chan int, 1)
	go func() { code <- p.run(t, append([]string{"sandbox", "--json", "--addr", "127.0.0.1:0"}, args...)...) }()
	text, ok := p.out.await("\n")
	if !ok {
		t.Fatalf("no sandbox: %s%s", text, p.err)
	}
	var invitation struct {
		Version int
		Env     map[string]string
	}
	if err := json.Unmarshal([]byte(text), &invitation); err != nil || invitation.Version != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	return invitation.Env, func() *process {
		p.signals <- os.Interrupt
		if c := <-code; c != exitOK {
			t.Fatalf("exit code %d, want %d\n%s", c, exitOK, p.err)
		}
		return p
	}
}

func TestSandboxNamesItsOAuthClient(t *testing.T) {
	p := newProcess(nil)
	code := make(chan int, 1)
	go func() { code <- p.run(t, "sandbox", "--addr", "127.0.0.1:0") }()
	if text, ok := p.err.await("SHOWPAD_CLIENT_ID=" + emulator.DefaultClientID); !ok {
		t.Errorf("no client to sign in with: %s", text)
	}
	p.signals <- os.Interrupt
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d, want %d", c, exitOK)
	}
}

func TestSandboxServesWhatItPrints(t *testing.T) {
	write(t, map[string]string{
		"m.yaml": "version: 1\ndivision: Sales APAC\nassets:\n  - {externalId: A, file: a.txt, authors: [someone@example.com]}\n", "a.txt": "one\n",
	})
	vars, end := startSandbox(t, "--division", "Sales APAC", "--user", "someone@example.com", "--dir", "tenant", "--list-lag", "100ms")
	expect(t, vars, exitOK, "run", "m.yaml", "--settle-time", "1s")
	resp, err := http.Get(strings.TrimSuffix(vars["SHOWPAD_API_URL"], "/v4") + "/_emulator/books")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(body), `"assets":1`) {
		t.Errorf("books: %s, %v", body, err)
	}
	end()

	// It kept what it was given.
	vars, end = startSandbox(t, "--division", "Sales APAC", "--user", "someone@example.com", "--dir", "tenant")
	if p := expect(t, vars, exitOK, "run", "m.yaml"); !strings.Contains(p.out.String(), "1 unchanged") {
		t.Errorf("after a restart:\n%s", p.out)
	}
	expect(t, vars, exitOK, "verify", "m.yaml")
	if p := newProcess(nil); p.run(t, "sandbox", "--addr", "127.0.0.1:0", "--dir", "tenant") != exitLocked {
		t.Errorf("a second sandbox on one folder: %s", p.err)
	}
	end()
}

func TestSandboxPrintsExports(t *testing.T) {
	p := newProcess(nil)
	code := make(chan int, 1)
	go func() { code <- p.run(t, "sandbox", "--addr", "127.0.0.1:0") }()
	text, ok := p.out.await("export SHOWPAD_TOKEN=" + emulator.DefaultToken + "\n")
	if !ok {
		t.Fatalf("got %s%s", text, p.err)
	}
	for _, want := range []string{"export SHOWPAD_API_URL=http://127.0.0.1:", "/v4\n", "export SHOWPAD_V3_URL=http://127.0.0.1:", "/api/v3\n", "export SHOWPAD_SUBDOMAIN=acme\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	p.signals <- os.Interrupt
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d", c)
	}
}

func TestSandboxRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--addr", "0.0.0.0:8080"}, {"--addr", ":8080"}, {"--addr", "8080"}, {"--addr", "192.0.2.1:8080"},
		{"--faults", "5xx=2"}, {"--faults", "nothing=0.1"}, {"--faults", "lost"}, {"--faults", "5xx=NaN"}, {"--processing", "-1s"},
	} {
		p := newProcess(nil)
		if c := p.run(t, append([]string{"sandbox"}, args...)...); c != exitUsage {
			t.Errorf("%v: exit code %d, want %d", args, c, exitUsage)
		}
		if p.err.String() == "" || p.out.String() != "" {
			t.Errorf("%v: said %q and %q", args, p.err, p.out)
		}
	}
}

func TestRates(t *testing.T) {
	r, err := parseRates(" 5xx=0.05, reset=0.03,lost=0.02,429=0.02,truncated=0.01,storage=0.02")
	want := emulator.Rates{Status5xx: 0.05, ResetBefore: 0.03, LostAfter: 0.02, TooMany: 0.02, Truncated: 0.01, Storage503: 0.02}
	if err != nil || r != want {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestASandboxKnowsWhatTheManifestNames(t *testing.T) {
	write(t, map[string]string{
		"m.yaml": `version: 1
division: Sales APAC
defaults: {authors: [someone@example.com], languages: [sw]}
assets:
  - {externalId: A, file: a.txt, division: 0123456789abcdef0123456789abcdef, authors: [fedcba9876543210fedcba9876543210]}
  - {externalId: B, file: a.txt}
`,
		"bad.yaml": "version: 1\ndivision: Marketing\nassets:\n  - {externalId: A, file: a.txt, languages: [English], authors: [someone@example.com]}\n",
		"a.txt":    "one\n",
	})
	expect(t, nil, exitOK, "run", "m.yaml", "--sandbox")
	expect(t, nil, exitOK, "plan", "m.yaml", "--sandbox", "--exit-code")
	if p := expect(t, nil, exitUsage, "run", "bad.yaml", "--sandbox"); !strings.Contains(p.err.String(), "English") {
		t.Errorf("a language that is none:\n%s", p.err)
	}
}
