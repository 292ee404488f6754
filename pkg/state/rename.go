package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// renaming is what Rename asks of the writer.
type renaming struct {
	from, to string
	event    []byte
}

// Rename gives a record, its events and its changes of all runs another
// external ID, as Put does: for an item whose ID changed in the manifest. It
// changes nothing at the service.
//
// Errors to match: [ErrNoRecord] when old has none, [ErrTaken] when new has one,
// [ErrTransition] when an op on old is begun and not over.
func (s *Store) Rename(ctx context.Context, old, new string) error {
	for _, id := range []string{old, new} {
		if err := checkID(id); err != nil {
			return fmt.Errorf("state: renaming: %w", err)
		}
	}
	event, err := json.Marshal(Event{Time: s.now(), Text: clean(fmt.Sprintf("renamed: its external ID was %s", old))})
	if err != nil {
		return err
	}
	return s.wait(ctx, &request{rename: &renaming{old, new, event}})
}

// checkRename returns why r is refused, nil if it is not.
func (b *batch) checkRename(r renaming) (refusal, err error) {
	prev, err := b.head(r.from)
	if err != nil {
		return nil, err
	}
	switch {
	case prev == head{}:
		refusal = ErrNoRecord
	case prev.Status.unfinished():
		refusal = fmt.Errorf("%s is %s: %w (run first, so that it is done or failed)", prev.Op, prev.Status, ErrTransition)
	case b.items.Get([]byte(r.to)) != nil:
		refusal = ErrTaken
	default:
		return nil, nil
	}
	return fmt.Errorf("state: renaming %s to %s: %w", r.from, r.to, refusal), nil
}

// rename carries r out. Each value is sealed with its key, so it is written anew.
func (b *batch) rename(r renaming) error {
	if err := b.keepBase(r.from); err != nil {
		return err
	}
	if err := move(b.items, []byte(r.from), []byte(r.to)); err != nil {
		return err
	}
	old, prefix := join(r.from, ""), join(r.to, "")
	var seqs [][]byte
	c := b.events.Cursor()
	for k, _ := c.Seek(old); isEvent(k, old); k, _ = c.Next() {
		seqs = append(seqs, bytes.Clone(k[len(old):]))
	}
	for _, seq := range seqs {
		if err := move(b.events, append(bytes.Clone(old), seq...), append(bytes.Clone(prefix), seq...)); err != nil {
			return err
		}
	}
	if err := b.event(r.to, [][]byte{r.event}); err != nil {
		return err
	}
	changes, err := keysOf(b.changes, r.from)
	if err != nil {
		return err
	}
	for _, k := range changes {
		run := k[:len(k)-len(r.from)]
		if err := move(b.changes, k, append(bytes.Clone(run), r.to...)); err != nil {
			return err
		}
	}
	return b.renameFirst(r)
}

// keepBase notes that the asset of a record has its external ID, where no run
// did: after the renaming, the next run has to tell it from a person's.
func (b *batch) keepBase(id string) error {
	const field = "externalId" // as package pipeline names it
	key := []byte(id)
	rec, err := decodeRecord(key, b.items.Get(key))
	if err != nil {
		return err
	}
	base, err := marshal(id)
	if err != nil {
		return err
	}
	has := rec.Fields[field]
	if rec.AssetID == "" || has.Sent != nil || has.Seen != nil && !bytes.Equal(has.Seen, base) {
		return nil
	}
	if rec.Fields == nil {
		rec.Fields = map[string]Base{}
	}
	rec.Fields[field] = Base{Sent: base}
	content, err := encode(&rec)
	if err != nil {
		return err
	}
	return put(b.items, key, content)
}

// renameFirst keeps the note of the first create, which names its item.
func (b *batch) renameFirst(r renaming) error {
	key := []byte(MetaExternalIDFirst)
	v := b.meta.Get(key)
	if v == nil {
		return nil
	}
	content, err := unseal(key, v)
	if err != nil || string(content) != r.from {
		return err
	}
	return put(b.meta, key, []byte(r.to))
}

// keysOf returns the keys of id in changes, one for each run that has one. It
// looks at no more than two keys of each run.
func keysOf(changes *bolt.Bucket, id string) (keys [][]byte, err error) {
	c := changes.Cursor()
	for k, _ := c.First(); k != nil; {
		run, _, ok := bytes.Cut(k, []byte{0})
		if !ok {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, errors.New("a change without its run"))
		}
		run = bytes.Clone(run)
		key := join(string(run), id)
		if changes.Get(key) != nil {
			keys = append(keys, key)
		}
		k, _ = c.Seek(append(run, 1)) // behind all of this run
	}
	return keys, nil
}

// move gives the content under one key another one.
func move(b *bolt.Bucket, from, to []byte) error {
	content, err := unseal(from, b.Get(from))
	if err != nil {
		return err
	}
	content = bytes.Clone(content) // a write may move what Get returned
	if err := b.Delete(from); err != nil {
		return err
	}
	return put(b, to, content)
}
