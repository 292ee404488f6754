package state

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Live is met by the Reader of [OpenReader].
type Live interface {
	// Live returns what the holder's Serve status says now, or ErrNoHolder when
	// nobody holds the state.
	Live(ctx context.Context) (json.RawMessage, error)
}

// ErrNoHolder is the answer to Live when no run has the state.
var ErrNoHolder = errors.New("no run has the state")

// OpenReader returns a Reader of the state at path, which need not exist: then
// it is empty and no file is made. Reader also meets [Live].
//
// A run that has the state is asked over loopback; otherwise the file is opened
// for reading only, for the length of each call, so that a run can start, and
// end, while the Reader is in use. Holder is who had the state when OpenReader
// returned, nil for nobody. The file is checked once, before it is first read.
//
// Errors to match: [ErrLocked] when a run has the state and does not answer,
// [ErrDamaged], [ErrNewer].
func OpenReader(ctx context.Context, path string) (Reader, *Holder, error) {
	f := &follower{path: path}
	if _, err := f.Meta(ctx, MetaSchema); err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	if c := f.current(); c != nil {
		return f, &c.holder, nil
	}
	return f, nil, nil
}

// patience is how long a follower waits for a holder that has the file but no
// address yet, or none any more.
const patience = 3 * time.Second

// follower is a Reader that finds out at each call whom to ask.
type follower struct {
	path string

	mu      sync.Mutex
	holder  *client // nil: the file is read
	checked bool    // the file was found undamaged
	closed  bool
}

func (f *follower) current() *client {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.holder
}

// use makes c, which may be nil, the holder to ask.
func (f *follower) use(c *client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.holder != nil {
		_ = f.holder.Close()
	}
	f.holder = c
}

// do calls ask with the holder, or with the file when there is none.
func (f *follower) do(ctx context.Context, ask func(Reader) error) error {
	deadline := time.Now().Add(patience)
	tried := ""
	for {
		f.mu.Lock()
		c, closed := f.holder, f.closed
		f.mu.Unlock()
		if closed {
			return ErrClosed
		}
		if c != nil {
			if err := ask(c); !errors.Is(err, errUnreachable) {
				return err
			}
			f.use(nil)
		}
		// Whoever has the lock, or is about to open the file, is not crossed:
		// readers that come and go would keep a run from getting the file.
		content, held := holding(f.path)
		if !held {
			if err := f.file(ctx, ask); !errors.Is(err, errBusy) {
				return err
			}
		}
		if time.Now().After(deadline) {
			return &LockedError{Path: f.path, Holder: content.Holder}
		}
		known := held && content.Addr != ""
		if known {
			f.use(newClient(content))
		}
		if !known || content.Key == tried { // not there yet, or asked in vain before
			if err := pause(ctx, 25*time.Millisecond); err != nil {
				return err
			}
		}
		tried = content.Key
	}
}

// file opens the file, for reading only and once, and calls ask with it.
func (f *follower) file(ctx context.Context, ask func(Reader) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	db, err := openBolt(ctx, f.path, bolt.Options{ReadOnly: true}, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return ask(fileReader{reads{view: func(ctx context.Context, _ func(*bolt.Tx) error) error { return ctx.Err() }}})
	}
	if err != nil {
		return err
	}
	defer db.Close()
	if err := f.check(db); err != nil {
		return err
	}
	return ask(fileReader{reads{view: func(ctx context.Context, g func(*bolt.Tx) error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return viewDB(db, f.path, g)
	}}})
}

// check reads the whole file the first time, and its schema each time.
func (f *follower) check(db *bolt.DB) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries map[string]int
	if !f.checked {
		var err error
		if entries, err = checkFile(f.path); err != nil {
			return err
		}
	}
	return viewDB(db, f.path, func(tx *bolt.Tx) error {
		if _, err := checkSchema(tx, f.path); err != nil || f.checked {
			return err
		}
		counts, err := countsOf(tx)
		if err == nil {
			err = counts.check(f.path, entries)
		}
		f.checked = err == nil
		return err
	})
}

// fileReader is reads of a file that its opener closes.
type fileReader struct{ reads }

func (fileReader) Close() error { return nil }

func (f *follower) Get(ctx context.Context, ids []string) (out map[string]Record, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.Get(ctx, ids); return err })
	return out, err
}

func (f *follower) Scan(ctx context.Context, after string, limit int) (out []Record, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.Scan(ctx, after, limit); return err })
	return out, err
}

func (f *follower) Unfinished(ctx context.Context, after string, limit int) (out []Record, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.Unfinished(ctx, after, limit); return err })
	return out, err
}

func (f *follower) Counts(ctx context.Context) (out Counts, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.Counts(ctx); return err })
	return out, err
}

func (f *follower) Events(ctx context.Context, externalID string) (out []Event, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.Events(ctx, externalID); return err })
	return out, err
}

func (f *follower) Runs(ctx context.Context) (out []Run, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.Runs(ctx); return err })
	return out, err
}

func (f *follower) Changes(ctx context.Context, run, after string, limit int) (ids []string, out []Change, err error) {
	err = f.do(ctx, func(r Reader) (err error) { ids, out, err = r.Changes(ctx, run, after, limit); return err })
	return ids, out, err
}

func (f *follower) MadeTags(ctx context.Context, run string) (out []MadeTag, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.MadeTags(ctx, run); return err })
	return out, err
}

func (f *follower) Extras(ctx context.Context, kind ExtraKind, owner, after string, limit int) (out []Extra, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.Extras(ctx, kind, owner, after, limit); return err })
	return out, err
}

func (f *follower) Meta(ctx context.Context, key string) (out string, err error) {
	err = f.do(ctx, func(r Reader) (err error) { out, err = r.Meta(ctx, key); return err })
	return out, err
}

// Live implements [Live].
func (f *follower) Live(ctx context.Context) (out json.RawMessage, err error) {
	err = f.do(ctx, func(r Reader) (err error) {
		c, ok := r.(*client)
		if !ok {
			return ErrNoHolder
		}
		out, err = c.Live(ctx)
		return err
	})
	return out, err
}

func (f *follower) Close() error {
	f.use(nil)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}
