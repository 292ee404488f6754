//go:build unix

// Package filelock keeps processes of one machine out of each other's files.
package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Try takes an exclusive lock on f's file for whoever has f open, and is false when
// somebody else has it. The lock goes with f: closing it, or the end of the process,
// gives it back. It is advisory on Unix, and holds on network folders as far as
// their file system does.
func Try(f *os.File) (bool, error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case errors.Is(err, unix.EINTR):
			continue
		}
		return false, err
	}
}
