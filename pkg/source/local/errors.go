package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// hint is an error with a way to fix it, for failure.
type hint struct {
	error
	text string
}

func (h *hint) Unwrap() error { return h.error }

func hinted(err error, text string) error { return &hint{err, text} }

// irregular is what is wrong with something that is no file.
func irregular(m fs.FileMode) error {
	what := "a device"
	switch {
	case m.IsDir():
		what = "a folder"
	case m&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case m&fs.ModeSocket != 0:
		what = "a socket"
	}
	return hinted(source.ErrNotRegular, "it is "+what)
}

// missing reports whether err says that there is no such name.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) || isBadName(err)
}

// cause takes the operation and the name off an error of package os.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// failure is err as a *source.Error that wraps what callers match.
func (s *Source) failure(op, path string, err error) *source.Error {
	e := &source.Error{Op: op, Path: path, Err: cause(err)}
	if h, ok := errors.AsType[*hint](err); ok {
		e.Hint, e.Err = h.text, h.error
		return e
	}
	switch {
	case errors.Is(err, syscall.ENAMETOOLONG):
		e.Err, e.Hint = source.ErrNotExist, "the name is too long for this file system"
	case missing(err):
		e.Err = source.ErrNotExist
	case s.escapes != nil && errors.Is(err, s.escapes):
		e.Err, e.Hint = source.ErrOutside, "a symbolic link leads out; name the folder that it leads to under roots:"
	case errors.Is(err, fs.ErrPermission):
		e.Err, e.Hint = fmt.Errorf("%w: %w", source.ErrUnreadable, e.Err), "give this user the right to read it"
	case errors.Is(err, syscall.ELOOP):
		e.Err, e.Hint = fmt.Errorf("%w: %w", source.ErrUnreadable, e.Err), "its symbolic links lead in a circle"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, os.ErrClosed):
		// about this process, not about the file
	default:
		e.Err = fmt.Errorf("%w: %w", source.ErrUnreadable, e.Err)
	}
	return e
}
