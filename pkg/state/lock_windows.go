package state

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockedByte lies far behind the content: a lock on Windows keeps others from
// reading what it covers.
const lockedByte = 1 << 30

// tryLock takes the lock on f without waiting, or fails with errHeld.
func tryLock(f *os.File) error { return lockFile(f, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// tryShared takes it together with others who do, or fails with errHeld.
func tryShared(f *os.File) error { return lockFile(f, 0) }

func lockFile(f *os.File, how uint32) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{Offset: lockedByte})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return errHeld
	}
	return err
}

// release gives the lock up and removes its file unless another process has
// opened it by then.
func (l *lock) release() {
	_ = l.file.Close()
	_ = os.Remove(l.file.Name())
}

// syncDir does nothing: Windows makes renames durable by itself.
func syncDir(string) error { return nil }
