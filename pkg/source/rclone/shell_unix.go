//go:build unix

package rclone

import (
	"os/exec"
	"syscall"
)

// shellGuard runs its arguments and ends them when its input does. It gives up
// its log at once, so that the log ends with the program.
const shellGuard = `"$@" </dev/null & program=$!
exec 2>/dev/null
cat >/dev/null
kill "$program"
wait "$program"`

// shell is the command of a program that ends when the input of the command ends.
func shell(path string, args []string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", shellGuard, "rclone-guard", path}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}
