// Package state is what we know: one record for each item, in a bbolt file,
// written by one goroutine that commits in groups and read in short
// transactions. It knows nothing of manifests or of the service.
package state

import (
	"context"
	"errors"
)

// Errors that callers decide on; match with errors.Is.
var (
	ErrLocked      = errors.New("the state is in use by another run") // *LockedError has the holder
	ErrDamaged     = errors.New("the state file is damaged")
	ErrNewer       = errors.New("the state was written by a newer version of migrate")
	ErrOtherTenant = errors.New("the state belongs to another tenant")
	ErrTransition  = errors.New("not a step that this record can take")
	ErrReadOnly    = errors.New("the state is open for reading only")
	ErrNoRecord    = errors.New("there is no record of it")
	ErrTaken       = errors.New("that external ID is taken")
)

// Reader is what `status`, `why`, `report` and `plan` need. It is met by a
// *Store, by a file opened for reading only, and by a live holder asked over
// loopback. All methods may be called concurrently and use short transactions.
type Reader interface {
	// Get returns the records that exist among ids.
	Get(ctx context.Context, ids []string) (map[string]Record, error)
	// Scan returns up to limit records in order of their external ID, from the
	// first one after the given ID ("" starts). Fewer than limit: the end.
	Scan(ctx context.Context, after string, limit int) ([]Record, error)
	// Unfinished is Scan over the records whose op is begun and neither done nor failed.
	Unfinished(ctx context.Context, after string, limit int) ([]Record, error)
	Counts(ctx context.Context) (Counts, error)
	Events(ctx context.Context, externalID string) ([]Event, error)
	// Runs returns all runs, oldest first.
	Runs(ctx context.Context) ([]Run, error)
	// Changes is a page of one run's changes in order of external ID.
	Changes(ctx context.Context, run, after string, limit int) (ids []string, changes []Change, err error)
	// MadeTags returns the tags that a run made, in order of their ids.
	MadeTags(ctx context.Context, run string) ([]MadeTag, error)
	// Extras returns up to limit extras of a kind and a manifest, in order of their
	// key, from the first one after the given key ("" starts); a limit of 0 or less
	// is a thousand. With "" as owner it is those of all manifests, in order of
	// [Extra.Place], which is what after is then. Fewer than limit: the end.
	Extras(ctx context.Context, kind ExtraKind, owner, after string, limit int) ([]Extra, error)
	// Meta returns the value stored under key, "" when there is none. Keys of
	// ours: see meta.go.
	Meta(ctx context.Context, key string) (string, error)
	Close() error
}
