package pipeline

import (
	"context"
	"hash/maphash"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// listing is the set of the external IDs that a manifest lists, as 8-byte hashes,
// with the number of items of each of its lists. What it does not have is not
// listed for sure; of what it has, one in 2^64 may not be.
type listing struct {
	seed   maphash.Seed
	ids    []uint64 // sorted once whole
	sorted bool
	lists  map[string]int // by listOf
}

func newListing() *listing { return &listing{seed: maphash.MakeSeed(), lists: map[string]int{}} }

// add adds an item. It is not for concurrent use, nor to be called after has.
func (l *listing) add(m *manifest.Manifest, item *manifest.Item) {
	l.ids = append(l.ids, maphash.String(l.seed, item.ExternalID))
	l.lists[listOf(m, item)]++
}

// has reports whether an item is listed. It may be called concurrently once it
// was called once.
func (l *listing) has(externalID string) bool {
	if !l.sorted {
		slices.Sort(l.ids)
		l.sorted = true
	}
	_, there := slices.BinarySearch(l.ids, maphash.String(l.seed, externalID))
	return there
}

// listOf names the list that an item stands in: its table, else the root of its
// file, else the manifest's own entries, which are "".
func listOf(m *manifest.Manifest, item *manifest.Item) string {
	switch {
	case item.Pos.File != m.Path:
		return item.Pos.File
	case item.Location.Root != "":
		return item.Location.Root + ":"
	}
	return ""
}

// eachPage reads all records of a state, a thousand at a time.
func eachPage(ctx context.Context, st state.Reader, yield func([]state.Record) error) error {
	for after := ""; ; {
		recs, err := st.Scan(ctx, after, chunkSize)
		if err != nil || len(recs) == 0 {
			return err
		}
		after = recs[len(recs)-1].ExternalID
		if err := yield(recs); err != nil {
			return err
		}
	}
}
