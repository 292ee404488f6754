package pipeline

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// early are the look-ups of a run's first chunk, asked for while the names are
// read: what is far away is waited for once less. They are the very requests that
// the chunk makes otherwise, so only batches are asked for that no name, record or
// resumption can change. A nil early has none.
type early struct {
	maxAge time.Duration
	files  map[string]earlyFile // by external ID: what nobody has to look at again
	looks  []*lookup            // that were answered
}

type earlyFile struct {
	info source.Info
	err  error
}

// lookEarly is nil where look-ups have to wait: until the settle time has passed,
// for a saved plan to be compared, or for a budget to allow them.
func (r *runner) lookEarly() *early {
	if r.in.Options.Doubt || r.in.Plan != nil || r.purse.limited() {
		return nil
	}
	return &early{maxAge: r.lookupMaxAge}
}

// head is how many items, at most, the first chunk has.
func (e *early) head(in *Input) int {
	n := 0
	if e != nil {
		n = in.Select.count(orInt(in.Options.limits.chunk, chunkSize))
	}
	return n
}

// ask looks up the items that a run begins with. What goes wrong is left to who
// asks in time: nothing is known then.
func (e *early) ask(ctx context.Context, in *Input, items []manifest.Item) {
	if e == nil || len(items) == 0 {
		return
	}
	works := make([]*work, len(items))
	for i := range items {
		works[i] = &work{item: items[i]}
	}
	recs, err := in.State.Get(ctx, idsOf(works))
	if err != nil {
		return
	}
	works, whole := surelyNew(works, recs, in.Manifest)
	g := &gatherer{in: in, start: in.Start}
	if err := g.prepareAll(ctx, works, nil); err != nil {
		return
	}
	e.files = make(map[string]earlyFile, len(works))
	var ids []string
	for _, w := range works {
		e.files[w.item.ExternalID] = earlyFile{w.facts.Info, w.facts.SourceErr}
		if w.Need == NeedRemote {
			ids = append(ids, w.item.ExternalID)
		}
	}
	batches := slices.Collect(showpad.Batches(ids))
	if !whole && len(batches) > 0 {
		batches = batches[:len(batches)-1] // others may come into it
	}
	looks := make([]*lookup, len(batches))
	eg := errgroup.Group{}
	eg.SetLimit(orInt(in.Options.Requests, 8))
	for i, batch := range batches {
		eg.Go(func() error {
			l := newLookup(time.Now(), batch...)
			if found, err := byExternalID(ctx, in.API, batch); err == nil {
				l.found, looks[i] = found, l
			}
			return nil
		})
	}
	_ = eg.Wait()
	e.looks = slices.DeleteFunc(looks, func(l *lookup) bool { return l == nil })
}

// surelyNew are the first of works that are looked up by external ID, or not at
// all, whatever the names turn out to be; without those that are read by their
// assets' ids. whole is false when others may be looked up after them.
func surelyNew(works []*work, recs map[string]state.Record, m *manifest.Manifest) (sure []*work, whole bool) {
	whole = true
	for _, w := range works {
		f := &w.item.Fields
		rec, known := recs[w.item.ExternalID]
		switch {
		case rec.AssetID != "":
			whole = false // a resumption may set it aside, and the chunk reach further
		case known, len(f.Authors.Value) > 0, f.Localization.Value != manifest.Primary{},
			m.CreateTags == manifest.CreateNoTags && len(f.Tags.Value) > 0:
			return sure, false
		case w.item.ID == "":
			sure = append(sure, w)
		}
	}
	return sure, whole
}

// file is what was seen of an item's file.
func (e *early) file(externalID string) (f earlyFile, ok bool) {
	if e != nil {
		f, ok = e.files[externalID]
	}
	return f, ok
}

// look is the answer for exactly these external IDs, unless it is too old; nil
// when there is none.
func (e *early) look(ids []string) *lookup {
	if e == nil {
		return nil
	}
	for _, l := range e.looks {
		if slices.Equal(l.ids, ids) && time.Since(l.at) <= e.maxAge {
			return l
		}
	}
	return nil
}
