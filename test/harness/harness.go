// Package harness lets tests drive the real program: migrate and `migrate
// sandbox` are processes of their own, which talk over loopback and can be
// killed for real.
package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary is the program under test, built once by Main.
var binary string

// Main builds the program and runs the tests; the result is for os.Exit.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "migrate-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "migrate")
	args := []string{"build", "-o", binary}
	if raced {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "github.com/showpad-migrate/migrate/cmd/migrate")...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}

// Output is what a process has written so far.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write takes what the process writes.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// Bytes is a copy of what came.
func (o *Output) Bytes() []byte { return []byte(o.String()) }

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Process is a migrate that was started.
type Process struct {
	Stdout, Stderr Output

	args []string
	cmd  *exec.Cmd
	done chan struct{}
}

// start starts the program in dir with nothing of the surroundings but the path.
func start(t testing.TB, dir string, env []string, args ...string) *Process {
	t.Helper()
	p := process(t, dir, env, args...)
	p.begin(t)
	return p
}

// process is one that is not started yet.
func process(t testing.TB, dir string, env []string, args ...string) *Process {
	p := &Process{args: args, cmd: exec.CommandContext(t.Context(), binary, args...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.Stdout, &p.Stderr
	return p
}

func (p *Process) begin(t testing.TB) {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code says it
	}()
	t.Cleanup(func() { <-p.done })
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait returns the exit code, -1 for a process that a signal ended.
func (p *Process) Wait() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal; a process that has ended does not mind.
func (p *Process) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// Kill ends the process as `kill -9` does and waits for its end. It is false
// when the process had ended by itself.
func (p *Process) Kill(t testing.TB) bool {
	t.Helper()
	p.Signal(t, os.Kill)
	return p.Wait() == -1
}

// Demand waits for the end and demands an exit code.
func (p *Process) Demand(t testing.TB, code int) {
	t.Helper()
	if got := p.Wait(); got != code {
		t.Fatalf("migrate %s: exit code %d, want %d\n%s%s", strings.Join(p.args, " "), got, code, &p.Stdout, &p.Stderr)
	}
}

// Until asks a condition again and again, for a minute at most.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("%s: not after a minute", what)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// NoSecrets looks for credentials in every file below dir and in all outputs.
func NoSecrets(t testing.TB, tn *Tenant, dir string, outputs ...*Process) {
	t.Helper()
	look := func(where string, data []byte) {
		for _, secret := range []string{tn.Token, "X-Amz-Signature"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
	}
	for _, p := range outputs {
		look("stdout", p.Stdout.Bytes())
		look("stderr", p.Stderr.Bytes())
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		look(path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
