package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrClosed is what a store and its readers answer after Close.
var ErrClosed = errors.New("the state is closed")

// wayBack is what can be done about damage.
const wayBack = "put a backup of it back, or move it away and make a new one from the service with `migrate state rebuild MANIFEST`"

// wayOut is the end of every message about damage.
const wayOut = "`migrate state check` tells more; " + wayBack

// errBusy is a file that another process has open for writing.
var errBusy = errors.New("the state file is open in another process")

// unreadable adds what can be done when err, of the file system, is a refusal.
func unreadable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (a state is for its owner alone: run as that user, or give the file another owner)", err)
	}
	return err
}

// errIrregular is a folder, or something else that no state can be.
func errIrregular(path string) error {
	return fmt.Errorf("%s: it is not a file (name the state's file with --state)", path)
}

var errEmpty = errors.New("it is empty")

// guard runs f and turns a panic of bbolt, and a fault of its memory mapping,
// into an error that wraps ErrDamaged. Both mean that the file does not hold
// what its pages promise.
func guard(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged(path, fmt.Errorf("%v", p))
		}
	}()
	return f()
}

// damageError is damage of the file at path. It wraps ErrDamaged and names the way out.
type damageError struct {
	path string
	why  error
}

func (e *damageError) Error() string {
	if errors.Is(e.why, ErrDamaged) {
		return fmt.Sprintf("%s: %v (%s)", e.path, e.why, wayOut)
	}
	return fmt.Sprintf("%s: %v: %v (%s)", e.path, ErrDamaged, e.why, wayOut)
}

func (e *damageError) Unwrap() []error { return []error{ErrDamaged, e.why} }

// damaged returns why as a *damageError, once.
func damaged(path string, why error) error {
	if _, ok := errors.AsType[*damageError](why); ok {
		return why
	}
	return &damageError{path, why}
}

// openBolt opens an existing file, trying for at most wait to get its lock.
// Errors: errBusy, fs.ErrNotExist and other errors of the file system, ErrDamaged.
func openBolt(ctx context.Context, path string, o bolt.Options, wait time.Duration) (*bolt.DB, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errIrregular(path)
	}
	if o.ReadOnly && st.Size() == 0 { // bbolt would write to it
		return nil, damaged(path, errEmpty)
	}
	o.Timeout = time.Millisecond // one attempt; bbolt's own waiting does not end with a context
	o.FreelistType = bolt.FreelistMapType
	deadline := time.Now().Add(wait)
	for {
		db, err := openOnce(path, o)
		if !errors.Is(err, berrors.ErrTimeout) {
			return db, unreadable(err)
		}
		if time.Now().After(deadline) {
			return nil, errBusy
		}
		if err := pause(ctx, 25*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func openOnce(path string, o bolt.Options) (db *bolt.DB, err error) {
	var file *os.File
	o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
		file = f // called once: only a copy with flags of its own would open it again
		return f, err
	}
	returned := false
	err = guard(path, func() error {
		defer func() {
			if !returned && file != nil {
				file.Close() // bbolt panicked: its lock would stay with the file
			}
		}()
		db, err = bolt.Open(path, 0o600, &o)
		returned = true
		return err
	})
	switch _, system := errors.AsType[syscall.Errno](err); {
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout), errors.Is(err, ErrDamaged), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), system:
		return nil, err
	}
	return nil, damaged(path, err)
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
