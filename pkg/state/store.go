package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"
)

// Options say how a state is opened.
type Options struct {
	// Tenant is whom the state belongs to: the lower-case subdomain, or a name of
	// its own for a loopback API. Required; it is written into a new state and
	// compared with that of an old one.
	Tenant string
	// Program and its version, for the lock file; may be empty.
	Program string
	// Log gets a line when a state is made; the zero value logs nothing.
	Log zerolog.Logger
	// Clock is the wall clock of the times that records and events get; nil is
	// time.Now.
	Clock func() time.Time
	// NoSync leaves out fsync. For simulations: the file does not survive a
	// crash of the machine.
	NoSync bool
	// FailWrite, when set, is called before the nth commit of this Store, from 1;
	// an error becomes the failure of that commit. For tests.
	FailWrite func(n int) error
}

// Store is the state, open for writing by one process. Its methods may be
// called concurrently.
type Store struct {
	reads
	path string
	opts Options
	db   *bolt.DB
	lock *lock

	queue   chan *request
	sending sync.RWMutex // held for reading while sending to queue, for writing while closing it
	closed  bool         // under sending
	done    chan struct{}

	mu      sync.Mutex
	broken  error // why nothing can be written any more
	refused error // the first refused step of Queue that nobody was told of

	serving sync.Mutex
	server  *http.Server
	served  chan struct{}
	status  func() any

	giveIdle time.Duration // how long a reader may leave a copy standing still

	closing   sync.Once
	closeErr  error
	commits   int    // of the writer goroutine
	serial    uint64 // of the writer goroutine
	counts    Counts // of the writer goroutine
	room      []byte // of the writer goroutine
	abandoned bool   // a commit panicked: bbolt may hold its own locks for ever
}

// Open opens the state at path for writing, making it if there is none, and
// takes its lock. The file is read and checked once. One of an older schema is
// migrated, in one transaction that is on disk when Open returns.
//
// Errors to match: [ErrLocked] (a *[LockedError]), [ErrDamaged], [ErrNewer],
// [ErrOtherTenant].
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	if opts.Tenant == "" {
		return nil, errors.New("state: Options.Tenant is required")
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	l, err := acquire(ctx, path, opts.Program)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, opts: opts, lock: l, queue: make(chan *request, queueSize), done: make(chan struct{}), giveIdle: giveIdle}
	s.view = s.viewTx
	if err := s.open(ctx); err != nil {
		if s.db != nil {
			_ = s.db.Close()
		}
		l.release()
		return nil, err
	}
	go s.writer()
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	entries, err := checkFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = create(s.path, s.opts.Tenant, s.opts.NoSync)
		s.opts.Log.Debug().Str("state", s.path).Err(err).Msg("new state")
	}
	if err != nil {
		return err
	}
	s.db, err = openBolt(ctx, s.path, bolt.Options{NoSync: s.opts.NoSync, NoGrowSync: s.opts.NoSync}, 10*time.Second)
	if errors.Is(err, errBusy) {
		return &LockedError{Path: s.path}
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	schema := 0
	err = s.view(ctx, func(tx *bolt.Tx) error {
		if schema, err = checkSchema(tx, s.path); err != nil {
			return err
		}
		tenant, err := metaOf(tx, MetaTenant)
		if err != nil {
			return err
		}
		if tenant != s.opts.Tenant {
			return fmt.Errorf("%s: %w: it holds %q and this is %q (name another state with --state, or sign in to %q)",
				s.path, ErrOtherTenant, tenant, s.opts.Tenant, tenant)
		}
		serial, err := metaOf(tx, MetaSerial)
		if err != nil {
			return err
		}
		if s.serial, err = strconv.ParseUint(serial, 10, 64); err != nil {
			return damaged(s.path, fmt.Errorf("serial %q", serial))
		}
		if s.counts, err = countsOf(tx); err != nil || entries == nil {
			return err
		}
		return s.counts.check(s.path, entries)
	})
	if err != nil || schema == Schema {
		return err
	}
	return s.migrate(schema)
}

// check compares the counts with the number of entries in the file.
func (c Counts) check(path string, entries map[string]int) error {
	unfinished := 0
	for st, n := range c.ByStatus {
		if st.unfinished() {
			unfinished += n
		}
	}
	if items, open := entries[string(bucketItems)], entries[string(bucketOpen)]; items != c.Total || open != unfinished {
		return damaged(path, fmt.Errorf("it has %d records, %d of them unfinished, and counts %d and %d", items, open, c.Total, unfinished))
	}
	return nil
}

// create makes an empty state under another name and renames it, so that no
// half-made file ever has the state's name.
func create(path, tenant string, noSync bool) error {
	tmp := path + ".new"
	err := os.Remove(tmp)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = createAt(tmp, tenant, noSync)
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil && !noSync {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("state: making %s: %w (make room, or name another place with --state)", path, err)
	}
	return nil
}

func createAt(path, tenant string, noSync bool) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range buckets {
			if _, err := tx.CreateBucket(b.name); err != nil {
				return err
			}
		}
		counts, err := json.Marshal(Counts{})
		if err != nil {
			return err
		}
		for key, value := range map[string]string{
			MetaSchema: strconv.Itoa(Schema), MetaTenant: tenant, MetaSerial: "0", metaCounts: string(counts),
		} {
			if err := put(tx.Bucket(bucketMeta), []byte(key), []byte(value)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && !noSync {
		err = db.Sync()
	}
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	return err
}

// viewTx runs f in one short read transaction.
func (s *Store) viewTx(ctx context.Context, f func(tx *bolt.Tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return viewDB(s.db, s.path, f)
}

// Path of the state's file.
func (s *Store) Path() string { return s.path }

// Close writes what is queued, stops answering readers, and gives the lock up.
// It returns what made writing impossible, or the first step of Queue that was
// refused and not told by Flush. Later calls return the same.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.sending.Lock()
		s.closed = true
		close(s.queue)
		s.sending.Unlock()
		<-s.done
		s.stopServing() // readers are answered until all is written
		s.closeErr = s.takeErr()
		if !s.abandoned {
			if err := s.db.Close(); s.closeErr == nil && err != nil {
				s.closeErr = fmt.Errorf("%s: closing the state: %w", s.path, err)
			}
		}
		s.lock.release()
	})
	return s.closeErr
}

// takeErr returns the failure of the store, or else the refusal that nobody was told of.
func (s *Store) takeErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	err := s.refused
	s.refused = nil
	return err
}

func (c Counts) clone() Counts {
	c.ByStatus, c.ByOp = maps.Clone(c.ByStatus), maps.Clone(c.ByOp)
	if c.ByStatus == nil {
		c.ByStatus = map[Status]int{}
	}
	if c.ByOp == nil {
		c.ByOp = map[Op]int{}
	}
	return c
}

// add counts n more records like h.
func (c *Counts) add(h head, n int) {
	c.Total += n
	if c.ByStatus[h.Status] += n; c.ByStatus[h.Status] == 0 {
		delete(c.ByStatus, h.Status)
	}
	if c.ByOp[h.Op] += n; c.ByOp[h.Op] == 0 {
		delete(c.ByOp, h.Op)
	}
}
