//go:build unix

package state

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock on f without waiting, or fails with errHeld.
func tryLock(f *os.File) error { return flock(f, syscall.LOCK_EX) }

// tryShared takes it together with others who do, or fails with errHeld.
func tryShared(f *os.File) error { return flock(f, syscall.LOCK_SH) }

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errHeld
		}
		return err
	}
}

// release gives the lock up and removes its file; whoever opened the file
// meanwhile sees by its identity that it is gone.
func (l *lock) release() {
	_ = os.Remove(l.file.Name())
	_ = l.file.Close()
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
