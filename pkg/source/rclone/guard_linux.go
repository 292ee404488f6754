package rclone

import (
	"os/exec"
	"syscall"
)

// guard makes the program end with this process: on Linux the system kills it.
type guard struct{}

func guarded(path string, args []string) (*exec.Cmd, *guard, error) {
	cmd := exec.Command(path, args...)
	// A group of its own: an interrupt on the keyboard is for us, and we drain.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd, &guard{}, nil
}

func (*guard) started(*exec.Cmd) error { return nil }
func (*guard) ask(cmd *exec.Cmd)       { _ = cmd.Process.Signal(syscall.SIGTERM) }
func (*guard) close()                  {}
