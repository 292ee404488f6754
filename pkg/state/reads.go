package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// pageSize is the most keys that one transaction looks at: a long one would
// stop bbolt from reusing pages.
const pageSize = 1000

// noLimit is a limit that ends nothing.
const noLimit = math.MaxInt

// reads is Reader over short transactions of view.
type reads struct {
	view func(ctx context.Context, f func(tx *bolt.Tx) error) error
}

// viewDB runs f in a read transaction of db.
func viewDB(db *bolt.DB, path string, f func(tx *bolt.Tx) error) error {
	err := guard(path, func() error { return db.View(f) })
	switch {
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return ErrClosed
	case errors.Is(err, ErrDamaged):
		return damaged(path, err)
	}
	return err
}

// Get returns the records that exist among ids.
func (r reads) Get(ctx context.Context, ids []string) (map[string]Record, error) {
	out := make(map[string]Record, len(ids))
	for len(ids) > 0 {
		page := ids[:min(len(ids), pageSize)]
		ids = ids[len(page):]
		err := r.view(ctx, func(tx *bolt.Tx) error {
			items := tx.Bucket(bucketItems)
			for _, id := range page {
				key := []byte(id)
				if len(key) == 0 || len(key) > maxID {
					continue
				}
				v := items.Get(key)
				if v == nil {
					continue
				}
				rec, err := decodeRecord(key, v)
				if err != nil {
					return err
				}
				out[id] = rec
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Scan returns up to limit records after the given external ID; a limit of 0
// or less is a thousand.
func (r reads) Scan(ctx context.Context, after string, limit int) ([]Record, error) {
	return r.records(ctx, bucketItems, after, limit)
}

// Unfinished is Scan over the records whose op is begun and neither done nor failed.
func (r reads) Unfinished(ctx context.Context, after string, limit int) ([]Record, error) {
	return r.records(ctx, bucketOpen, after, limit)
}

func (r reads) records(ctx context.Context, index []byte, after string, limit int) (out []Record, err error) {
	err = r.pages(ctx, index, nil, after, limit, func(tx *bolt.Tx, key, value []byte) error {
		if !bytes.Equal(index, bucketItems) {
			if value = tx.Bucket(bucketItems).Get(key); value == nil {
				return fmt.Errorf("%w: %q is unfinished and has no record", ErrDamaged, key)
			}
		}
		rec, err := decodeRecord(key, value)
		if err != nil {
			return err
		}
		out = append(out, rec)
		return nil
	})
	return out, err
}

// pages calls visit for up to limit keys of the bucket that begin with prefix
// and follow prefix+after, in transactions of at most pageSize keys.
func (r reads) pages(ctx context.Context, bucket, prefix []byte, after string, limit int, visit func(tx *bolt.Tx, key, value []byte) error) error {
	if limit <= 0 {
		limit = pageSize
	}
	last := append(bytes.Clone(prefix), after...)
	first := after == "" // begin with the key equal to the prefix, if there is one
	for limit > 0 {
		n := 0
		err := r.view(ctx, func(tx *bolt.Tx) error {
			b := tx.Bucket(bucket)
			if b == nil { // of a newer schema than the file's
				return nil
			}
			c := b.Cursor()
			k, v := c.Seek(last)
			if !first && bytes.Equal(k, last) {
				k, v = c.Next()
			}
			for ; k != nil && bytes.HasPrefix(k, prefix) && n < min(limit, pageSize); k, v = c.Next() {
				if err := visit(tx, k, v); err != nil {
					return err
				}
				n++
				last, first = append(last[:0], k...), false
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n < pageSize {
			return nil
		}
		limit -= n
	}
	return nil
}

// Counts is the number of records by status and op; its cost does not grow with them.
func (r reads) Counts(ctx context.Context) (c Counts, err error) {
	err = r.view(ctx, func(tx *bolt.Tx) error {
		c, err = countsOf(tx)
		return err
	})
	return c.clone(), err
}

// Events is the story of one item, its last 32 lines, oldest first.
func (r reads) Events(ctx context.Context, externalID string) (out []Event, err error) {
	prefix := join(externalID, "")
	err = r.view(ctx, func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketEvents).Cursor()
		for k, v := c.Seek(prefix); isEvent(k, prefix); k, v = c.Next() {
			content, err := unseal(k, v)
			if err != nil {
				return err
			}
			var e Event
			if err := json.Unmarshal(content, &e); err != nil {
				return fmt.Errorf("%w: event of %q: %w", ErrDamaged, externalID, err)
			}
			out = append(out, e)
		}
		return nil
	})
	return out, err
}

// Runs returns all runs, oldest first.
func (r reads) Runs(ctx context.Context) (out []Run, err error) {
	err = r.pages(ctx, bucketRuns, nil, "", noLimit, func(_ *bolt.Tx, k, v []byte) error {
		run, err := decodeRun(k, v)
		if err != nil {
			return err
		}
		out = append(out, run)
		return nil
	})
	return out, err
}

// Changes is a page of one run's changes in order of external ID.
func (r reads) Changes(ctx context.Context, run, after string, limit int) (ids []string, changes []Change, err error) {
	prefix := join(run, "")
	err = r.pages(ctx, bucketChanges, prefix, after, limit, func(_ *bolt.Tx, k, v []byte) error {
		content, err := unseal(k, v)
		if err != nil {
			return err
		}
		var c Change
		if err := json.Unmarshal(content, &c); err != nil {
			return fmt.Errorf("%w: change of %q: %w", ErrDamaged, k[len(prefix):], err)
		}
		if escaped(content) {
			unescapeAll(c.Before)
			unescapeAll(c.After)
		}
		ids, changes = append(ids, string(k[len(prefix):])), append(changes, c)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return ids, changes, nil
}

// Meta returns the value stored under key, "" when there is none.
func (r reads) Meta(ctx context.Context, key string) (value string, err error) {
	err = r.view(ctx, func(tx *bolt.Tx) error {
		value, err = metaOf(tx, key)
		return err
	})
	return value, err
}

func metaOf(tx *bolt.Tx, key string) (string, error) {
	v := tx.Bucket(bucketMeta).Get([]byte(key))
	if v == nil {
		return "", nil
	}
	content, err := unseal([]byte(key), v)
	return string(content), err
}

func countsOf(tx *bolt.Tx) (Counts, error) {
	v, err := metaOf(tx, metaCounts)
	if err != nil {
		return Counts{}, err
	}
	var c Counts
	if err := json.Unmarshal([]byte(v), &c); err != nil {
		return Counts{}, fmt.Errorf("%w: counts: %w", ErrDamaged, err)
	}
	return c.clone(), nil
}

func decodeRecord(key, value []byte) (Record, error) {
	content, err := unseal(key, value)
	if err != nil {
		return Record{}, err
	}
	return decode(string(key), content)
}

func decodeRun(key, value []byte) (Run, error) {
	content, err := unseal(key, value)
	if err != nil {
		return Run{}, err
	}
	var run Run
	if err := json.Unmarshal(content, &run); err != nil {
		return Run{}, fmt.Errorf("%w: run: %w", ErrDamaged, err)
	}
	return run, nil
}
