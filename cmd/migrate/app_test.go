package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// process is a call of the program inside the test's process.
type process struct {
	env
	vars     map[string]string
	out, err *stream
	signals  chan os.Signal
}

// stream is a buffer that tells when a text has come.
type stream struct {
	mu      sync.Mutex
	changed *sync.Cond
	b       bytes.Buffer
	ended   bool
}

func newStream() *stream {
	s := new(stream)
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
	return s.b.Write(b)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// end wakes those who wait for a text that will not come any more.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.changed.Broadcast()
}

// await waits for text and returns all that came so far; false when the
// program ended without it.
func (s *stream) await(text string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !strings.Contains(s.b.String(), text) {
		if s.ended {
			return s.b.String(), false
		}
		s.changed.Wait()
	}
	return s.b.String(), true
}

func newProcess(vars map[string]string) *process {
	p := &process{vars: vars, out: newStream(), err: newStream(), signals: make(chan os.Signal, 3)}
	browse := func(address string) error {
		go func() { _ = visit(address) }() // ends with its answer; what went wrong shows in the program
		return nil
	}
	p.env = env{in: strings.NewReader(""), browse: browse, out: p.out, err: p.err, signals: p.signals, getenv: func(name string) string { return p.vars[name] }, configDir: func() (string, error) {
		return orText(p.vars["XDG_CONFIG_HOME"], configDir), nil
	}}
	return p
}

// run calls the program and returns its exit code.
func (p *process) run(t testing.TB, args ...string) int {
	t.Helper()
	code := run(t.Context(), args, p.env)
	p.out.end()
	p.err.end()
	return code
}

// expect calls the program in a fresh process and asserts its exit code.
func expect(t *testing.T, vars map[string]string, code int, args ...string) *process {
	t.Helper()
	p := newProcess(vars)
	if got := p.run(t, args...); got != code {
		t.Fatalf("migrate %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, p.out, p.err)
	}
	return p
}

// serve serves an emulator and returns the environment that leads to it.
func serve(t testing.TB, o emulator.Options) (*emulator.Server, map[string]string) {
	t.Helper()
	s, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, map[string]string{
		"SHOWPAD_API_URL": web.URL + "/v4", "SHOWPAD_V3_URL": web.URL + "/api/v3",
		"SHOWPAD_SUBDOMAIN": emulator.DefaultSubdomain, "SHOWPAD_TOKEN": emulator.DefaultToken,
		"SHOWPAD_CLIENT_ID": emulator.DefaultClientID, "SHOWPAD_CLIENT_SECRET": emulator.DefaultClientSecret,
	}
}

// write makes files below the test's folder, which becomes the current one.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// twoItems is a manifest of two files.
func twoItems() map[string]string {
	return map[string]string{
		"m.yaml": "version: 1\ndivision: Marketing\nassets:\n  - {externalId: A, file: a.txt}\n  - {externalId: B, file: b.txt}\n",
		"a.txt":  "one\n", "b.txt": "two\n",
	}
}
