package main

import (
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestDeletingByHandAsks(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	expect(t, vars, exitOK, "run", "m.yaml")
	id := tenant.Assets()[0].ID
	ask := func(answer string) (int, string) {
		p := newProcess(vars)
		p.ask, p.in = true, strings.NewReader(answer)
		code := p.run(t, "assets", "delete", id)
		return code, p.err.String()
	}
	code, text := ask("n\n")
	if want := `Delete "` + tenant.Assets()[0].Name + `" (` + id + `) for good. Go on? [y/N]`; code != exitFailed || !strings.Contains(text, want) || tenant.Books().Assets != 2 {
		t.Errorf("no: exit code %d, %d assets\n%s", code, tenant.Books().Assets, text)
	}
	if code, text = ask("y\n"); code != exitOK || tenant.Books().Assets != 1 {
		t.Errorf("yes: exit code %d, %d assets\n%s", code, tenant.Books().Assets, text)
	}
}

// A signal ends a create at once. That it may have been carried out must be said all
// the same: the last line of an interrupted command does not.
func TestACreateByHandThatIsInterrupted(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	waits, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	tenant.OnCommit(func(op string, _ int, when emulator.When) {
		if op == "postAssets" && when == emulator.Before {
			once.Do(func() { close(waits) })
			<-goOn
		}
	})
	p := newProcess(vars)
	code := make(chan int, 1)
	go func() {
		code <- p.run(t, "assets", "create", "--file", "a.txt", "--division", "Marketing", "--external-id", "A")
	}()
	<-waits
	p.signals <- os.Interrupt
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d", c)
	}
	if want := "may have been carried out"; !strings.Contains(p.err.String(), want) || !strings.Contains(p.err.String(), "look with migrate assets list before you repeat it") {
		t.Errorf("stderr lacks %q:\n%s", want, p.err)
	}
	tenant.OnCommit(nil)
	close(goOn)
}

// The list may show a new asset late. A lost answer is waited out, and the asset is
// gone on with; none is made twice.
func TestACreateByHandIsLookedForWhileListsLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := emulator.New(emulator.Options{ListLag: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		client, err := showpad.New(showpad.Config{
			APIURL: "https://acme.api.showpad.com/v4", V3URL: "https://acme.showpad.biz/api/v3",
			Token: showpad.StaticToken(emulator.DefaultToken), Base: s, Storage: s,
		})
		if err != nil {
			t.Fatal(err)
		}
		p := newProcess(nil)
		h := &hand{Client: client, app: &app{env: p.env}}
		body := map[string]any{"name": "a.txt", "division": showpad.Ref{ID: emulator.DivisionMarketing}, "externalId": "A"}
		s.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLost})
		start := time.Now()
		id, err := h.makeOnce(t.Context(), body, "A", time.Minute)
		if took := time.Since(start); err != nil || id != s.Assets()[0].ID || took < 20*time.Second || took > 40*time.Second {
			t.Errorf("%q after %v: %v\n%s", id, took, err, p.err)
		}
		// Nothing comes: it is given up after the settle time, and never sent again.
		body["externalId"] = "B"
		s.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindReset})
		start = time.Now()
		if _, err := h.makeOnce(t.Context(), body, "B", time.Minute); err == nil || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if b := s.Books(); b.Assets != 1 || b.Requests["postAssets"] != 2 {
			t.Errorf("%d assets, requests %v", b.Assets, b.Requests)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheCaretStandsBelowItsPlace(t *testing.T) {
	long := strings.Repeat("a ", 200)
	for _, c := range []struct {
		query string
		at    int
		want  string // the last two lines
	}{
		{"nam = 1", 1, "  nam = 1\n  ^"},
		{"x = \"ü\" y", 9, "  x = \"ü\" y\n          ^"},
		{"a\tb\x1b[2Jc\nd", 8, "  a b [2Jc d\n         ^"},
		{"end", 4, "  end\n     ^"},
		{long, 201, "  " + long[140:260] + "\n  " + strings.Repeat(" ", 60) + "^"},
		{"x", 0, ""}, {"x", 9, ""},
	} {
		text := caret(&showpad.QueryError{Query: c.query, At: c.at, Err: os.ErrInvalid})
		_, got, _ := strings.Cut(text, "\n")
		if got != c.want {
			t.Errorf("%q at %d:\n%q\nwant\n%q", c.query, c.at, got, c.want)
		}
	}
}
