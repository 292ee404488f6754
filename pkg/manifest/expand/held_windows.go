package expand

import (
	"errors"
	"syscall"
)

// heldOpen reports whether another program keeps a file from being opened or
// read: ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION.
func heldOpen(err error) bool {
	return errors.Is(err, syscall.Errno(32)) || errors.Is(err, syscall.Errno(33))
}
