package state

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Holder is who has a state open for writing.
type Holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Start   time.Time `json:"start"` // when it opened the state
	Program string    `json:"program,omitempty"`
	Addr    string    `json:"addr,omitempty"` // loopback address that answers for it; "" before Serve
}

// String names the holder for people.
func (h Holder) String() string {
	if h.PID == 0 {
		return "a process that left no name"
	}
	return fmt.Sprintf("process %d on %s, since %s", h.PID, h.Host, h.Start.Local().Format(time.DateTime))
}

// LockedError says who has the state. It matches [ErrLocked].
type LockedError struct {
	Path   string // of the state
	Holder Holder // the zero value when it could not be read
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s: %v: %v (wait for it or stop it, or name another state with --state)", e.Path, ErrLocked, e.Holder)
}

// Is reports whether target is [ErrLocked].
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// lockPath is where the holder of the state at path leaves its name.
func lockPath(path string) string { return path + ".lock" }

// errHeld is a lock that another process, or another Store, has.
var errHeld = errors.New("the lock is held")

// lockContent is the JSON in the lock file. Key is what readers show to Addr.
type lockContent struct {
	Holder
	Key string `json:"key"`
}

// lock is a lock file that we hold. The exclusion is the operating system's
// lock on it, which ends with the process however it dies; the content only
// tells others whom to ask.
type lock struct {
	file    *os.File
	content lockContent
}

// acquire takes the lock of the state at path or fails with a *LockedError.
func acquire(ctx context.Context, path, program string) (*lock, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	l := &lock{content: lockContent{
		Holder: Holder{PID: os.Getpid(), Host: host, Start: time.Now().UTC().Truncate(time.Second), Program: program},
		Key:    rand.Text(),
	}}
	const (
		named   = 4  // tries, 25 ms apart: a reader may just be looking whether the lock is held
		unnamed = 40 // tries: a holder may just be writing its name
	)
	for try := 1; ; try++ {
		f, err := os.OpenFile(lockPath(path), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("state: lock file: %w (the folder of a state must be writable: name another one with --state)", err)
		}
		err = tryLock(f)
		if err == nil && !sameFile(f, lockPath(path)) { // its last holder removed it as we opened it
			f.Close()
			continue
		}
		if err == nil {
			l.file = f
			if err := l.write(); err != nil {
				l.release()
				return nil, fmt.Errorf("state: lock file: %w", err)
			}
			return l, nil
		}
		held := errors.Is(err, errHeld)
		c, readErr := readLock(f)
		f.Close()
		if !held {
			return nil, fmt.Errorf("%s: %w (the folder may not support locks: put the state on a local disk with --state)", lockPath(path), err)
		}
		if readErr == nil && try >= named || try >= unnamed {
			return nil, &LockedError{Path: path, Holder: c.Holder}
		}
		if err := pause(ctx, 25*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// serving adds the address that answers readers.
func (l *lock) serving(addr string) error {
	l.content.Addr = addr
	return l.write()
}

func (l *lock) write() error {
	if err := l.file.Chmod(0o600); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	b, err := json.Marshal(l.content)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(b, 0)
	return err
}

// readLock reads the content of an open lock file. It fails when the content is
// not whole, which it is not for a moment while its holder writes it.
func readLock(f *os.File) (lockContent, error) {
	var c lockContent
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 64<<10))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return lockContent{}, err
	}
	return c, nil
}

// holding reports whether somebody holds the lock of the state at path, and what
// is readable of who.
func holding(path string) (c lockContent, held bool) {
	f, err := os.Open(lockPath(path))
	if err != nil {
		return c, false
	}
	defer f.Close() // gives up the lock that was tried
	if !errors.Is(tryShared(f), errHeld) {
		return c, false
	}
	c, err = readLock(f)
	if err != nil {
		return lockContent{}, true
	}
	return c, true
}

// HolderOf returns who has the state at path open for writing, or nil when nobody
// on this machine has. The zero Holder is one that left no name.
func HolderOf(path string) *Holder {
	c, held := holding(path)
	if !held {
		return nil
	}
	return &c.Holder
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}
