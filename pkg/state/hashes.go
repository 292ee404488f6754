package state

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// trustAfter is how much older than its hashing a file's time must be. File
// systems keep times in steps of up to two seconds (FAT): within one step a
// second write leaves the time as it was.
const trustAfter = 2 * time.Second

// Trusted reports whether a file whose time is mtime, and whose bytes were read
// from the moment hashed on, is known by that time: any later write moves it.
// The zero time is not trusted, nor is one in the future.
func Trusted(mtime, hashed time.Time) bool {
	return !mtime.IsZero() && hashed.Sub(mtime) > trustAfter
}

var bucketHashes = []byte("hashes") // location: size, time in ns (8 bytes each, big-endian), MD5

const (
	hashSize    = 8 + 8 + 16
	hashesGroup = 1024            // entries in one commit
	hashesDelay = 3 * time.Second // an entry waits no longer for a commit once another one comes
	maxLocation = 32 << 10        // bbolt's limit of a key, about; longer ones are not kept
)

// Hashes remembers checksums of files by location, size and time. It is a
// cache: an entry may be missing, and some are after a crash. The nil *Hashes
// is an empty cache that keeps nothing. Its methods may be called concurrently.
type Hashes struct {
	path string

	mu      sync.Mutex
	db      *bolt.DB // nil: closed, or given up
	pending map[string][]byte
	last    time.Time // of the last commit
}

// OpenHashes opens the cache at path (for a state: its path with ".hashes"
// added), making it if there is none. A damaged one is made anew. One that
// another process uses is left out: the cache that is returned keeps nothing.
// An error means that the file cannot be made; the program can go on with nil.
func OpenHashes(path string) (*Hashes, error) {
	h := &Hashes{path: path, pending: map[string][]byte{}, last: time.Now()}
	err := h.open()
	if errors.Is(err, ErrDamaged) {
		if err = os.Remove(path); err == nil {
			err = h.open()
		}
	}
	if err != nil && !errors.Is(err, errBusy) {
		return nil, fmt.Errorf("hash cache: %w", err)
	}
	return h, nil
}

func (h *Hashes) open() error {
	// The lock comes first: a file that another process writes to looks damaged.
	f, err := os.OpenFile(h.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	f.Close()
	if err != nil {
		return err
	}
	if st.Size() > 0 {
		ro, err := openBolt(context.Background(), h.path, bolt.Options{ReadOnly: true}, 0)
		if err != nil {
			return err
		}
		_, err = checkFile(h.path)
		if closeErr := ro.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
	db, err := openBolt(context.Background(), h.path, bolt.Options{NoSync: true, NoGrowSync: true}, 0)
	if err != nil {
		return err
	}
	err = guard(h.path, func() error {
		return db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucketHashes)
			return err
		})
	})
	if err != nil {
		_ = db.Close()
		return err
	}
	h.db = db
	return nil
}

// Lookup returns the MD5, in lower-case hex, of the file at loc if it still has
// the size and time that it had when it was hashed.
func (h *Hashes) Lookup(ctx context.Context, loc string, size int64, mtime time.Time) (md5 string, ok bool) {
	if h == nil || ctx.Err() != nil || loc == "" || len(loc) > maxLocation {
		return "", false
	}
	h.mu.Lock()
	content, found := h.pending[loc]
	db := h.db
	h.mu.Unlock()
	if !found && db != nil {
		_ = viewDB(db, h.path, func(tx *bolt.Tx) error { // an error is an entry that is missing
			key := []byte(loc)
			v := tx.Bucket(bucketHashes).Get(key)
			if v == nil {
				return nil
			}
			c, err := unseal(key, v)
			content = append(content, c...)
			return err
		})
	}
	if len(content) != hashSize ||
		int64(binary.BigEndian.Uint64(content)) != size ||
		int64(binary.BigEndian.Uint64(content[8:])) != mtime.UnixNano() {
		return "", false
	}
	return hex.EncodeToString(content[16:]), true
}

// Store remembers that the file at loc, with this size and time, has this MD5
// (hex). Hashed is when reading it began. An entry that is not [Trusted] is not
// kept, which is no error.
func (h *Hashes) Store(ctx context.Context, loc string, size int64, mtime, hashed time.Time, md5 string) error {
	digest, err := hex.DecodeString(md5)
	if err != nil || len(digest) != 16 {
		return fmt.Errorf("hash cache: %q is not an MD5 in hex", shorten(md5, 40))
	}
	if h == nil || !Trusted(mtime, hashed) || loc == "" || len(loc) > maxLocation {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	content := make([]byte, 0, hashSize)
	content = binary.BigEndian.AppendUint64(content, uint64(size))
	content = binary.BigEndian.AppendUint64(content, uint64(mtime.UnixNano()))
	content = append(content, digest...)

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.db == nil {
		return nil
	}
	h.pending[loc] = content
	if len(h.pending) < hashesGroup && time.Since(h.last) < hashesDelay {
		return nil
	}
	return h.commit()
}

// commit writes what is pending, and drops it if that fails; mu is held.
func (h *Hashes) commit() error {
	h.last = time.Now()
	if len(h.pending) == 0 {
		return nil
	}
	err := guard(h.path, func() error {
		return h.db.Update(func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketHashes)
			for loc, content := range h.pending {
				if err := put(b, []byte(loc), content); err != nil {
					return err
				}
			}
			return nil
		})
	})
	clear(h.pending)
	if errors.Is(err, ErrDamaged) {
		h.db = nil // bbolt may hold its own locks for ever; the next OpenHashes makes the file anew
	}
	if err != nil {
		return fmt.Errorf("hash cache: %w", err)
	}
	return nil
}

// Close writes what is pending and closes the file. Later calls do nothing.
func (h *Hashes) Close() error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.db == nil {
		return nil
	}
	err := h.commit()
	db := h.db
	h.db = nil
	if db == nil {
		return err
	}
	if err == nil {
		err = db.Sync()
	}
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	return err
}
