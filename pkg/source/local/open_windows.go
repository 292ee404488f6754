package local

import (
	"errors"

	"golang.org/x/sys/windows"
)

// nonblock is not needed: opening a file does not wait on Windows.
const nonblock = 0

// isBadName reports whether the system says that no file can have this name
// ("what?.pdf").
func isBadName(err error) bool { return errors.Is(err, windows.ERROR_INVALID_NAME) }
