package pipeline

import (
	"context"
	"iter"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// link is what one run did to one asset.
type link struct {
	run   string
	named bool // the run is to be taken back
	state.Change
}

// group is all that was done to an item since the first run that is taken back,
// oldest first.
type group struct {
	id    string
	links []link
}

// linksAtOnce is how many changes are held in memory while those of all runs are
// brought together, if there are not more runs than that.
const linksAtOnce = 4000

// groups yields the items that the runs to take back changed, in order of
// external IDs.
func (t *takeBack) groups(ctx context.Context) iter.Seq2[group, error] {
	return func(yield func(group, error) bool) {
		readers := make([]*changeReader, len(t.runs))
		for i, run := range t.runs {
			readers[i] = &changeReader{st: t.in.State, run: run.ID, page: max(1, min(chunkSize, linksAtOnce/len(t.runs)))}
		}
		for {
			g, more := group{}, false
			for _, r := range readers {
				id, ok, err := r.next(ctx)
				if err != nil {
					yield(g, err)
					return
				}
				if ok && (!more || id < g.id) {
					g.id, more = id, true
				}
			}
			if !more {
				return
			}
			taken := false
			for _, r := range readers {
				if c, ok := r.take(g.id); ok {
					g.links = append(g.links, link{run: r.run, named: t.named[r.run], Change: c})
					taken = taken || t.named[r.run]
				}
			}
			if taken && !yield(g, nil) {
				return
			}
		}
	}
}

// count is the number of rows.
func (t *takeBack) count(ctx context.Context) (n int, err error) {
	for g, err := range t.groups(ctx) {
		if err != nil {
			return 0, err
		}
		n += len(g.works())
	}
	return n, nil
}

// changeReader reads the changes of one run in order of external IDs, a page
// ahead.
type changeReader struct {
	st    state.Reader
	run   string
	page  int
	ids   []string
	list  []state.Change
	after string
	ended bool
}

// next is the external ID that comes next; false at the end.
func (r *changeReader) next(ctx context.Context) (string, bool, error) {
	if len(r.ids) == 0 && !r.ended {
		var err error
		if r.ids, r.list, err = r.st.Changes(ctx, r.run, r.after, r.page); err != nil {
			return "", false, err
		}
		if r.ended = len(r.ids) < r.page; len(r.ids) > 0 {
			r.after = r.ids[len(r.ids)-1]
		}
	}
	if len(r.ids) == 0 {
		return "", false, nil
	}
	return r.ids[0], true, nil
}

// take removes the change of id, if it comes next.
func (r *changeReader) take(id string) (c state.Change, ok bool) {
	if len(r.ids) == 0 || r.ids[0] != id {
		return c, false
	}
	c = r.list[0]
	r.ids, r.list = r.ids[1:], r.list[1:]
	return c, true
}

// works are the assets of a group: one, as long as nobody made the item's asset
// anew. A create that was never answered belongs to the asset that comes first
// after it, or stands for itself.
func (g group) works() []*work {
	var ws []*work
	byAsset := map[string]*work{}
	add := func(asset string, links ...link) {
		w, ok := byAsset[asset]
		if !ok {
			w = &work{item: manifest.Item{ExternalID: g.id}, back: &backFacts{asset: asset}}
			w.Row = Row{ExternalID: g.id, AssetID: asset, Undo: UndoFull}
			byAsset[asset], ws = w, append(ws, w)
		}
		w.back.links = append(w.back.links, links...)
	}
	for _, l := range g.links {
		add(l.AssetID, l)
	}
	kept := ws[:0]
	for _, w := range ws {
		for _, l := range w.back.links {
			if l.named {
				kept = append(kept, w)
				break
			}
		}
	}
	return kept
}
