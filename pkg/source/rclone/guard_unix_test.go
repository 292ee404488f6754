//go:build unix

package rclone

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func alive(pid int) bool {
	if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		if _, after, ok := strings.Cut(string(state), ") "); ok && strings.HasPrefix(after, "Z") {
			return false // it ended, and nobody asked how
		}
	}
	return syscall.Kill(pid, 0) == nil
}

// fakeParent starts a program, says its process id, and waits to be killed.
func fakeParent() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	env := append(os.Environ(), "FAKE_RCLONE=serves", "RCLONE_RC_USER=u", "RCLONE_RC_PASS=p")
	var pid int
	if os.Getenv("FAKE_GUARD") == "shell" {
		cmd := shell(self, arguments)
		cmd.Env = env
		if _, err := cmd.StdinPipe(); err != nil {
			panic(err)
		}
		logs, err := cmd.StderrPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			panic(err)
		}
		p := &process{listens: make(chan struct{})}
		go p.read(logs, func(line string) { // its number, then where it listens
			var l struct{ Msg string }
			if json.Unmarshal([]byte(line), &l) == nil && strings.HasPrefix(l.Msg, "pid ") {
				pid, _ = strconv.Atoi(strings.TrimPrefix(l.Msg, "pid "))
			}
		})
		<-p.listens
	} else {
		p, err := startProcess(self, arguments, env, nil, func(string) {})
		if err != nil {
			panic(err)
		}
		<-p.listens
		pid = p.cmd.Process.Pid
	}
	fmt.Println(pid)
	select {}
}

// A process that is killed with -9 takes the program along: as this system does
// it, and as those do that leave it to a shell.
func TestTheProgramEndsWithAProcessThatIsKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, guard := range []string{"own", "shell"} {
		parent := exec.Command(self)
		parent.Env = append(os.Environ(), "FAKE_RCLONE=parent", "FAKE_GUARD="+guard)
		parent.Stderr = os.Stderr
		out, err := parent.StdoutPipe()
		if err == nil {
			err = parent.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || pid == 0 || !alive(pid) {
			t.Errorf("%s: program %d does not run, %v", guard, pid, err)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = parent.Wait()
		for end := time.Now().Add(10 * time.Second); alive(pid); {
			if time.Now().After(end) {
				t.Errorf("%s: the program lives on", guard)
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
			<-time.After(10 * time.Millisecond)
		}
	}
}

// The shell ends its program when it is asked to, and ends when the program does.
func TestTheShellEndsWithItsProgram(t *testing.T) {
	for _, program := range []string{"echo hello >&2; exec cat /dev/zero >/dev/null", "echo hello >&2"} {
		cmd := shell("/bin/sh", []string{"-c", program})
		input, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		logs, err := cmd.StderrPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(logs)
		if line, err := r.ReadString('\n'); err != nil || line != "hello\n" {
			t.Errorf("%q, %v", line, err)
		}
		if strings.Contains(program, "zero") {
			input.Close()
		}
		if _, err := r.ReadString('\n'); err == nil { // the log ends with the program
			t.Error("the program goes on")
		}
		input.Close()
		_ = cmd.Wait()
	}
}
