package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// madeEntry is a MadeTag, encoded by its caller's goroutine.
type madeEntry struct{ key, tag []byte }

// AddMadeTag stores that a run made t, as Put does. A tag with the same id takes
// the place of an earlier one of that run.
func (s *Store) AddMadeTag(ctx context.Context, run string, t MadeTag) error {
	if err := checkRun(run); err != nil {
		return fmt.Errorf("state: tag %q: %w", t.Name, err)
	}
	if t.ID == "" || len(t.ID) > maxID || strings.ContainsRune(t.ID, 0) {
		return fmt.Errorf("state: tag %q: %q cannot be the id of a tag", t.Name, shorten(t.ID, 40))
	}
	tag, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("state: tag %q: %w", t.Name, err)
	}
	return s.wait(ctx, &request{made: &madeEntry{join(run, t.ID), tag}})
}

// MadeTags returns the tags that a run made, in order of their ids.
func (r reads) MadeTags(ctx context.Context, run string) (out []MadeTag, err error) {
	if checkRun(run) != nil {
		return nil, nil
	}
	err = r.pages(ctx, bucketMade, join(run, ""), "", noLimit, func(_ *bolt.Tx, k, v []byte) error {
		t, err := decodeMade(k, v)
		if err != nil {
			return err
		}
		out = append(out, t)
		return nil
	})
	return out, err
}

func decodeMade(key, value []byte) (MadeTag, error) {
	content, err := unseal(key, value)
	if err != nil {
		return MadeTag{}, err
	}
	var t MadeTag
	if err = json.Unmarshal(content, &t); err == nil && t.ID == "" {
		err = errors.New("it has no id")
	}
	if err != nil {
		return MadeTag{}, fmt.Errorf("%w: tag made by a run: %w", ErrDamaged, err)
	}
	return t, nil
}
