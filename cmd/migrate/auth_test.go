package main

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/config"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// onlyClient is the environment of a tenant with an OAuth client and nothing else, and
// with a configuration folder of its own.
func onlyClient(t *testing.T, o emulator.OAuth) (*emulator.Server, map[string]string) {
	t.Helper()
	server, vars := serve(t, emulator.Options{OAuth: o})
	delete(vars, "SHOWPAD_TOKEN")
	vars["XDG_CONFIG_HOME"] = t.TempDir()
	return server, vars
}

func TestAServerThatRefusesPKCEIsSignedInToWithoutIt(t *testing.T) {
	for mode, tells := range map[emulator.PKCE]bool{emulator.PKCEVerify: false, emulator.PKCEIgnore: false, emulator.PKCERefuse: true, emulator.PKCERefuseVerifier: false} {
		_, vars := onlyClient(t, emulator.OAuth{PKCE: mode})
		p := expect(t, vars, exitOK, "auth", "login")
		if again := strings.Contains(p.err.String(), "once more without the proof of PKCE"); again != tells {
			t.Errorf("%q: tells of it: %v\n%s", mode, again, p.err)
		}
		expect(t, vars, exitOK, "divisions", "list")
	}
	_, vars := onlyClient(t, emulator.OAuth{PKCE: emulator.PKCERefuse})
	if p := expect(t, vars, exitOK, "auth", "login", "--no-pkce"); strings.Contains(p.err.String(), "once more") {
		t.Errorf("%s", p.err)
	}
}

func TestAPublicClientSignsInWithoutASecret(t *testing.T) {
	_, vars := onlyClient(t, emulator.OAuth{Public: true})
	delete(vars, "SHOWPAD_CLIENT_SECRET")
	expect(t, vars, exitOK, "auth", "login")
	expect(t, vars, exitOK, "auth", "status")
}

// The address alone is printed; whoever opens it, wherever the redirect leads here.
func TestTheAddressIsPrintedAlone(t *testing.T) {
	_, vars := onlyClient(t, emulator.OAuth{})
	p := newProcess(vars)
	p.browse = func(string) error { t.Error("a browser was opened"); return nil }
	code := make(chan int, 1)
	go func() { code <- p.run(t, "auth", "login", "--no-browser") }()
	text, ok := p.out.await("\n")
	if address := strings.TrimSpace(text); !ok || !strings.HasPrefix(address, vars["SHOWPAD_V3_URL"]+"/oauth2/authorize?") {
		t.Fatalf("printed %q, %s", text, p.err)
	} else if err := visit(address); err != nil {
		t.Error(err)
	}
	if c := <-code; c != exitOK || !strings.Contains(p.out.String(), "jane@example.com") {
		t.Errorf("exit code %d: %s%s", c, p.out, p.err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	found, err := filepath.Glob(filepath.Join(vars["XDG_CONFIG_HOME"], "migrate", "tokens", "*.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	if info, err := os.Stat(found[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestTheRedirectIsTheRegisteredOne(t *testing.T) {
	_, vars := onlyClient(t, emulator.OAuth{RedirectURLs: []string{"http://127.0.0.1:1/elsewhere"}})
	p := newProcess(vars)
	// The person sees an error page and nobody comes back.
	if code := p.run(t, "auth", "login", "--timeout", "100ms"); code != exitNotSignedIn || !strings.Contains(p.err.String(), "has to be registered") {
		t.Errorf("exit code %d: %s", code, p.err)
	}
}

func TestAnInterruptEndsTheWaiting(t *testing.T) {
	_, vars := onlyClient(t, emulator.OAuth{})
	p := newProcess(vars)
	p.browse = func(string) error { p.signals <- os.Interrupt; return nil }
	if code := p.run(t, "auth", "login"); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, p.err)
	}
}

// The order is documented in docs/security.md.
func TestOneCredentialWins(t *testing.T) {
	given := config.Service{
		Token: config.NewSecret("t"), ClientID: "c", ClientSecret: config.NewSecret("s"), Username: "jane@example.com",
		Password: config.NewSecret("p"), RefreshToken: config.NewSecret("r"),
	}
	a := &app{service: given}
	var order []string
	for _, take := range []func(){
		func() {}, func() { a.service.Token = config.Secret{} }, func() { a.service.Username = "" },
		func() { a.service.RefreshToken = config.Secret{} }, func() { a.service.ClientID = "" },
	} {
		take()
		order = append(order, string(a.credential()))
	}
	if got := strings.Join(order, " > "); got != "SHOWPAD_TOKEN > SHOWPAD_USERNAME > SHOWPAD_REFRESH_TOKEN > the saved sign-in > " {
		t.Error(got)
	}
	if page := pages(t)["docs/security.md"]; !strings.Contains(page, "1. `SHOWPAD_TOKEN`") || !strings.Contains(page, "4. the sign-in that `migrate auth login` kept") {
		t.Error("docs/security.md has another order")
	}

	// And each is really used.
	server, vars := onlyClient(t, emulator.OAuth{})
	expect(t, vars, exitOK, "auth", "login")
	for _, c := range []struct {
		add   map[string]string
		grant int // requests to the token endpoint
		code  int
	}{
		{nil, 0, exitOK},
		{map[string]string{"SHOWPAD_REFRESH_TOKEN": emulator.DefaultRefreshToken}, 1, exitOK},
		{map[string]string{"SHOWPAD_USERNAME": emulator.DefaultUsername, "SHOWPAD_PASSWORD": emulator.DefaultPassword}, 1, exitOK},
		{map[string]string{"SHOWPAD_TOKEN": emulator.DefaultToken}, 0, exitOK},
	} {
		maps.Copy(vars, c.add)
		server.ResetBooks()
		expect(t, vars, c.code, "auth", "status")
		if n := server.Books().Requests[emulator.OpToken]; n != c.grant {
			t.Errorf("with %v: %d requests for tokens, want %d", c.add, n, c.grant)
		}
	}
}

// Ten refusals lock an account: a refused password is sent once, whatever the command.
func TestARefusedPasswordIsSentOnce(t *testing.T) {
	server, vars := onlyClient(t, emulator.OAuth{})
	vars["SHOWPAD_USERNAME"], vars["SHOWPAD_PASSWORD"] = emulator.DefaultUsername, "wrong-password"
	for _, args := range [][]string{{"auth", "status"}, {"divisions", "list"}} {
		server.ResetBooks()
		p := expect(t, vars, exitNotSignedIn, args...)
		if n := server.Books().Requests[emulator.OpToken]; n != 1 {
			t.Errorf("%v: sent %d times", args, n)
		}
		if text := p.out.String() + p.err.String(); !strings.Contains(text, "SHOWPAD_PASSWORD") || strings.Contains(text, "wrong-password") {
			t.Errorf("%v: %s", args, text)
		}
	}
}

// What an OAuth client lacks is told by name, in whatever command it shows.
func TestAMissingScopeIsNamed(t *testing.T) {
	server, vars := onlyClient(t, emulator.OAuth{})
	expect(t, vars, exitOK, "auth", "login")
	write(t, twoItems())
	for scope, args := range map[string][]string{
		"read_division_management": {"divisions", "list"}, "read_user_management": {"users", "list"},
		"read_contentprofile_management": {"plan", "m.yaml"}, "write_contentprofile_management": {"run", "m.yaml"},
	} {
		server.Switch(func(s *emulator.Switches) { s.WithoutScopes = []string{scope} })
		p := newProcess(vars)
		if code := p.run(t, args...); code != exitNotSignedIn && code != exitSome || !strings.Contains(p.out.String()+p.err.String(), "the scope "+scope) {
			t.Errorf("%v without %s: exit code %d\n%s%s", args, scope, code, p.out, p.err)
		}
	}
}
