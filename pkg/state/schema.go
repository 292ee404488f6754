package state

import (
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// Buckets of the file.
var (
	bucketMeta     = []byte("meta")    // key: value, see meta.go
	bucketItems    = []byte("items")   // external ID: Record
	bucketOpen     = []byte("open")    // external ID: nothing; the records whose op is begun and not over
	bucketChanges  = []byte("changes") // run, 0, external ID: Change
	bucketEvents   = []byte("events")  // external ID, 0, sequence (8 bytes, big-endian): Event
	bucketRuns     = []byte("runs")    // sequence (8 bytes, big-endian): Run
	bucketMade     = []byte("made")    // run, 0, id of a tag: MadeTag
	bucketShares   = []byte("shares")  // owner, 0, key: Extra; likewise
	bucketPersonal = []byte("personal")

	bucketCategories = []byte("categories")
)

// buckets are those of the newest schema, each with the first schema that has it.
var buckets = []struct {
	name  []byte
	since int
}{
	{bucketMeta, 1}, {bucketItems, 1}, {bucketOpen, 1}, {bucketChanges, 1}, {bucketEvents, 1}, {bucketRuns, 1},
	{bucketShares, 1}, {bucketPersonal, 1}, {bucketMade, 2}, {bucketCategories, 3},
}

// migrations leads from each older schema to the next: the first one from 1 to 2.
var migrations = [Schema - 1]func(tx *bolt.Tx) error{
	// 1 to 2: the tags that a run made. A record has new members, which are
	// unknown ("", false) in one that was written before.
	func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(bucketMade)
		return err
	},
	// 2 to 3: what manifests make beside their items. Shares and personal had
	// nothing in them so far.
	func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(bucketCategories)
		return err
	},
	// 3 to 4: the service's stamp in a record. One that was written before has none:
	// its asset is read. An earlier program would lose it by writing.
	func(*bolt.Tx) error { return nil },
}

// checkSchema returns the schema of a file, and refuses one that this program
// does not know how to read.
func checkSchema(tx *bolt.Tx, path string) (int, error) {
	if tx.Bucket(bucketMeta) == nil {
		return 0, damaged(path, fmt.Errorf("it is not a state: it has no %s", bucketMeta))
	}
	v, err := metaOf(tx, MetaSchema)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, damaged(path, fmt.Errorf("schema %q", v))
	}
	if n > Schema {
		return 0, fmt.Errorf("%s: %w: it has schema %d and this program knows %d (install the newest version)", path, ErrNewer, n, Schema)
	}
	for _, b := range buckets {
		if b.since <= n && tx.Bucket(b.name) == nil {
			return 0, damaged(path, fmt.Errorf("it is not a state: it has no %s", b.name))
		}
	}
	return n, nil
}

// migrate brings the open file from an older schema to ours, all of it or
// nothing. It counts as a commit.
func (s *Store) migrate(from int) error {
	err := s.transaction(func(tx *bolt.Tx) (bool, error) {
		for _, step := range migrations[from-1:] {
			if err := step(tx); err != nil {
				return false, err
			}
		}
		b := batch{counts: s.counts}
		b.bind(tx)
		if err := put(b.meta, []byte(MetaSchema), []byte(strconv.Itoa(Schema))); err != nil {
			return false, err
		}
		return true, b.close(s.serial + 1)
	})
	s.opts.Log.Debug().Str("state", s.path).Int("from", from).Int("to", Schema).Err(err).Msg("state migrated")
	if err != nil {
		return fmt.Errorf("%s: bringing the state from schema %d to %d: %w (it is as it was; make room or mend the disk and run again)", s.path, from, Schema, err)
	}
	s.serial++
	return nil
}
