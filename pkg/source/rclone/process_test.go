package rclone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// fakeProgram stands in for rclone as a program; mode says what it does.
func fakeProgram(mode string) {
	say := func(level, msg string) {
		_ = json.NewEncoder(os.Stderr).Encode(map[string]string{"level": level, "msg": msg})
	}
	switch mode {
	case "dies":
		fmt.Fprintln(os.Stderr, `Failed to start: password="hunter2" is wrong`)
		os.Exit(1)
	case "silent":
		select {}
	case "cat":
		if !slices.Equal(os.Args[1:], append(slices.Clone(catArguments), "od:q3/a b.pptx")) {
			fmt.Printf("%q", os.Args)
		}
		fmt.Print("all of it")
		return
	case "cat, cut short":
		fmt.Print("all")
		say("error", "Failed to send to output: password=\"hunter2\", unexpected EOF")
		os.Exit(5)
	case "cat, stalled":
		fmt.Print("all")
		select {}
	case "cat, without end":
		for {
			fmt.Print("all of it")
		}
	case "parent":
		fakeParent()
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	version := []int{1, 60, 1}
	if mode == "old" {
		version = []int{1, 53, 4}
	}
	user, pass := os.Getenv("RCLONE_RC_USER"), os.Getenv("RCLONE_RC_PASS")
	mux := http.NewServeMux()
	handle := func(path string, v any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
			if u, p, _ := req.BasicAuth(); u != user || p != pass {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_ = json.NewEncoder(w).Encode(v)
		})
	}
	handle("/core/version", map[string]any{"version": fmt.Sprintf("v%d.%d", version[0], version[1]), "decomposed": version})
	handle("/operations/fsinfo", map[string]any{"Hashes": []string{}, "Features": map[string]bool{"CanHaveEmptyDirectories": true}})
	handle("/operations/list", map[string]any{"list": []any{}})
	handle("/self", map[string]any{"args": os.Args[1:], "env": os.Environ(), "pid": os.Getpid()})
	mux.HandleFunc("/operations/stat", func(http.ResponseWriter, *http.Request) {
		fmt.Fprintln(os.Stderr, "Failed to load config file: unable to decrypt configuration")
		os.Exit(1)
	})
	say("notice", fmt.Sprint("pid ", os.Getpid()))
	say("notice", "user "+user+" has the password "+pass)
	say("notice", "Serving remote control on ["+"http://"+l.Addr().String()+"/]")
	if err := http.Serve(l, mux); err != nil {
		panic(err)
	}
}

// program is rclone with the test itself as the program.
func program(t *testing.T, mode string, log zerolog.Logger, env ...string) *Rclone {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := New(Options{Path: self, Env: append(append(os.Environ(), env...), "FAKE_RCLONE="+mode), Log: log})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// lines collects a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func TestTheProgramServesUsAlone(t *testing.T) {
	var log lines
	r := program(t, "serves", zerolog.New(&log), "RCLONE_CONFIG_PASS=hunter2", "RCLONE_RC_NO_AUTH=true", "RCLONE_RC_ADDR=0.0.0.0:80", "RCLONE_LOG_FILE=/tmp/x", "RCLONE_BWLIMIT=1M")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := r.Root(t.Context(), "mem:"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var self struct {
		Args, Env []string
		Pid       int
	}
	if err := r.server.call(t.Context(), "self", struct{}{}, &self); err != nil {
		t.Fatal(err)
	}
	if r.server.starts != 1 || !slices.Equal(self.Args, arguments) {
		t.Errorf("%d starts, %q", r.server.starts, self.Args)
	}
	for _, e := range self.Env {
		if name, v, _ := strings.Cut(e, "="); name == "RCLONE_RC_NO_AUTH" || name == "RCLONE_RC_ADDR" || name == "RCLONE_LOG_FILE" || name == "RCLONE_RC_PASS" && len(v) < 32 {
			t.Error(e)
		}
	}
	if !slices.Contains(self.Env, "RCLONE_CONFIG_PASS=hunter2") || !slices.Contains(self.Env, "RCLONE_BWLIMIT=1M") {
		t.Errorf("the user's settings are gone: %q", self.Env)
	}
	// Others on this machine are turned away.
	resp, err := http.Post(r.server.run.url+"/core/version", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", resp.StatusCode)
	}
	if s := log.String(); strings.Contains(s, r.server.pass) || strings.Contains(s, r.server.user) || !strings.Contains(s, "Serving remote control") || strings.Contains(s, `"level":"info"`) {
		t.Errorf("log:\n%s", s)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if alive(self.Pid) {
		t.Error("the program outlived its end")
	}
	if _, err := r.Root(t.Context(), "mem:"); err == nil {
		t.Error("it is used after its end")
	}
}

func TestProgramsThatAreOfNoUse(t *testing.T) {
	for _, c := range []struct{ mode, says, hint string }{
		{"dies", `ended by itself and said: Failed to start: password="[redacted]" is wrong`, "rclone listremotes"},
		{"old", "rclone v1.53 is too old: v1.60 or later is needed", "--rclone PATH"},
	} {
		r := program(t, c.mode, zerolog.Nop())
		for range 2 {
			_, err := r.Root(t.Context(), "mem:")
			if e, ok := errors.AsType[*source.Error](err); !ok || e.Path != "mem:" || !strings.Contains(err.Error(), c.says) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("%s: %v", c.mode, err)
			}
		}
		if r.server.starts > 1 {
			t.Errorf("%s: started %d times", c.mode, r.server.starts)
		}
	}
	r := New(Options{Path: "no-such-program-as-this"})
	defer r.Close()
	_, err := r.Addresses().Stat(t.Context(), "mem:a.pdf")
	if e, ok := errors.AsType[*source.Error](err); !ok || e.Path != "mem:a.pdf" || !strings.Contains(e.Hint, "install rclone v1.60 or later") || !strings.Contains(e.Hint, "--rclone PATH") {
		t.Errorf("%v", err)
	}
}

func TestAProgramThatDoesNotAnswerIsLeftWithTheContext(t *testing.T) {
	r := program(t, "silent", zerolog.Nop())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := r.Root(ctx, "mem:"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestAProgramThatEndsIsStartedAgainAFewTimes(t *testing.T) {
	r := program(t, "serves", zerolog.Nop())
	s := root(t, r, "mem:")
	for range maxStarts {
		_, err := s.Stat(t.Context(), "a.pdf") // which ends it
		if err == nil || !strings.Contains(err.Error(), "unable to decrypt configuration") {
			t.Errorf("%v", err)
		}
	}
	if _, err := s.Stat(t.Context(), "a.pdf"); err == nil || r.server.starts != maxStarts {
		t.Errorf("%d starts, %v", r.server.starts, err)
	}
}

func TestRedaction(t *testing.T) {
	s := newServer(Options{Env: []string{"RCLONE_CONFIG_PASS=hunter2", "RCLONE_CONFIG_SHARE_CLIENT_SECRET=s3cret", "rclone_sftp_pass=obscured", "RCLONE_BWLIMIT=token", "RCLONE_CONFIG_S_KEY=a"}})
	for text, want := range map[string]string{
		"Get \"https://u:p@store.example/a?sig=abc&x=1\": EOF":      "Get \"https://[redacted]@store.example/a?[redacted]\": EOF",
		"Authorization: Bearer abcdefghijklmnopqrstuvwxyz012":       "Authorization: Bearer [redacted]",
		`{"access_token":"abc","expiry":"2026"} refresh_token=def`:  `{"access_token":"[redacted]","expiry":"2026"} refresh_token=[redacted]`,
		"config password hunter2\n\tis\x00 wrong":                   "config password [redacted] is wrong",
		"no access as me/s3cret or obscured by a token":             "no access as me/[redacted] or [redacted] by a token",
		"using " + s.user + ":" + s.pass:                            "using [redacted]:[redacted]",
		"couldn't find file Passwords and tokens/2026.pdf (secret)": "couldn't find file Passwords and tokens/2026.pdf (secret)",
	} {
		if got := s.clean(text); got != want {
			t.Errorf("%q", got)
		}
	}
	if n := len(s.clean(strings.Repeat("é", 100_000))); n > maxText {
		t.Errorf("%d bytes", n)
	}
}
