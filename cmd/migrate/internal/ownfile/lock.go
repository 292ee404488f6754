package ownfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/showpad-migrate/migrate/pkg/filelock"
)

// lockPoll is how often a lock that somebody holds is tried again. The system's own
// wait could not be ended by a context.
const lockPoll = 50 * time.Millisecond

// lock takes the lock file at path for this process and goroutine. The file stays:
// removing it would let two processes lock two files of the same name.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for {
		held, err := filelock.Try(f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if held {
			return f.Close, nil // closing unlocks
		}
		t := time.NewTimer(lockPoll)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, errors.Join(context.Cause(ctx), f.Close())
		}
	}
}
