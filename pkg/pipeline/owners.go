package pipeline

import (
	"context"
	"hash/maphash"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// owners tells which record has an asset that another item names. The state is
// read once, when the first item names an asset, and 8 bytes of each record are
// kept. The zero value is ready. It is not for concurrent use.
type owners struct {
	loaded bool
	seed   maphash.Seed
	assets []uint64 // sorted
}

// find fills in Facts.LinkedBy of a chunk.
func (o *owners) find(ctx context.Context, st state.Reader, chunk []*work, recs map[string]state.Record) error {
	asked := map[string]*work{}
	for _, w := range chunk {
		if id := w.item.ID; id != "" && recs[w.item.ExternalID].AssetID != id {
			asked[id] = w
		}
	}
	if len(asked) == 0 {
		return nil
	}
	if !o.loaded {
		o.seed = maphash.MakeSeed()
		err := eachRecord(ctx, st, func(r *state.Record) {
			if r.AssetID != "" {
				o.assets = append(o.assets, maphash.String(o.seed, r.AssetID))
			}
		})
		if err != nil {
			return err
		}
		slices.Sort(o.assets)
		o.loaded = true
	}
	had := false
	for id := range asked {
		_, there := slices.BinarySearch(o.assets, maphash.String(o.seed, id))
		had = had || there
	}
	if !had {
		return nil
	}
	return eachRecord(ctx, st, func(r *state.Record) {
		if w := asked[r.AssetID]; w != nil && r.AssetID != "" && r.ExternalID != w.item.ExternalID {
			w.facts.LinkedBy = r.ExternalID
		}
	})
}

// eachRecord reads every record of a state.
func eachRecord(ctx context.Context, st state.Reader, yield func(*state.Record)) error {
	for after := ""; ; {
		recs, err := st.Scan(ctx, after, chunkSize)
		if err != nil || len(recs) == 0 {
			return err
		}
		for i := range recs {
			yield(&recs[i])
		}
		after = recs[len(recs)-1].ExternalID
	}
}
