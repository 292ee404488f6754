//go:build unix

package local

import "syscall"

// nonblock keeps open from waiting for the writer of a pipe that took the
// file's place after it was looked at.
const nonblock = syscall.O_NONBLOCK

// isBadName reports whether the system says that no file can have this name.
func isBadName(error) bool { return false }
