package pipeline

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// unlisted yields, in order of external IDs and decided, the works on items that
// the manifest no longer lists and that it made assets for. At most size of
// them are read at once. pick, when it is not nil, chooses among them.
func (g *gatherer) unlisted(ctx context.Context, size int, pick func(*work) (bool, error)) iter.Seq2[[]*work, error] {
	return func(yield func([]*work, error) bool) {
		m := g.in.Manifest
		var batch []*work
		flush := func() error {
			ws := batch
			batch = nil
			if len(ws) == 0 {
				return nil
			}
			err := g.lookUnlisted(ctx, ws)
			if !yield(ws, err) {
				return errEnough
			}
			return err
		}
		err := eachPage(ctx, g.in.State, func(recs []state.Record) error {
			for i := range recs {
				if classOf(&recs[i], m.ID, m.Prune) != pruneMade || g.listed.has(recs[i].ExternalID) {
					continue
				}
				w := g.unlistedWork(&recs[i])
				if pick != nil {
					if ok, err := pick(w); err != nil {
						return err
					} else if !ok {
						continue
					}
				}
				if batch = append(batch, w); len(batch) >= size {
					if err := flush(); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err == nil {
			err = flush()
		}
		if err != nil && err != errEnough {
			yield(nil, err)
		}
	}
}

// errEnough ends a pass over the state.
var errEnough = errors.New("enough")

// lookUnlisted asks the service for what has the external IDs, so that twins show,
// and by id for assets that this does not find; then decides.
func (g *gatherer) lookUnlisted(ctx context.Context, ws []*work) error {
	var asked []*work
	for _, w := range ws {
		if w.decideUnlisted(); w.Need == NeedRemote {
			asked = append(asked, w)
		}
	}
	for batch := range workBatches(asked, func(w *work) string { return w.item.ExternalID }) {
		found, err := byExternalID(ctx, g.in.API, idsOf(batch))
		if err != nil {
			return err
		}
		g.count(1)
		for _, w := range batch {
			w.facts.RemoteRead, w.facts.Remote = true, found[w.item.ExternalID]
			own := func(a showpad.Asset) bool { return a.ID == w.rec.AssetID }
			if w.rec.AssetID != "" && !slices.ContainsFunc(w.facts.Remote, own) {
				// It lost its external ID, or a list leaves it out: before it counts as gone it
				// is asked for singly.
				a, ok, err := g.readOne(ctx, w.rec.AssetID)
				if err != nil {
					return err
				}
				if ok {
					w.facts.Remote = append(slices.Clip(w.facts.Remote), a)
				}
			}
			w.decideUnlisted()
		}
	}
	for _, w := range ws {
		if name := g.dir.names[w.Row.Division]; name != "" {
			w.Row.Division, w.item.Division = name, name
		}
	}
	return nil
}

// planPruning adds what a run would do about the items that the manifest no longer
// lists; moved has those whose bytes a new item has.
func (g *gatherer) planPruning(ctx context.Context, s *Summary, moved map[string]string, yield func(*work) error) error {
	p, err := g.pruning(ctx)
	if err != nil {
		return err
	}
	all, err := readLists(ctx, g.in.State)
	if err != nil {
		return err
	}
	p.guard(&pass{
		blocked: s.Actions[ActionBlocked], others: s.Reasons[ConflictOther], selection: g.in.Select.narrow(),
		lists: all[g.in.Manifest.ID], listsAfter: g.listed.lists,
	}, &g.in.Options)
	s.Prune = p
	if !p.acts() || g.in.API == nil {
		return nil
	}
	pick := func(w *work) (bool, error) {
		w.back.movedTo = moved[w.item.ExternalID]
		return true, nil
	}
	for batch, err := range g.unlisted(ctx, chunkSize, pick) {
		if err != nil {
			return err
		}
		for _, w := range batch {
			s.Add(w.Row)
			if err := yield(w); err != nil {
				return err
			}
		}
	}
	return nil
}
