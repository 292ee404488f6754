package pipeline

import (
	"context"
	"encoding/hex"
	"fmt"
	"path"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// maxOrphans is how many records without an item are kept to compare with.
const maxOrphans = 100_000

// moves finds, for items that would be created, the record of an item that the
// manifest no longer lists and that has the same bytes: a file that was renamed
// or moved gets another external ID from its path. Nothing is decided by it.
//
// Bytes are the same when their checksums are, or, where one is not known, size
// and time. Files are read only where --hash asks for it, or where the time tells
// nothing and they are in a folder, and then only those with the size of such a
// record.
type moves struct {
	g      *gatherer
	loaded bool
	bySize map[int64][]orphan
	taken  map[string]string // the orphans that were found, to the items that have their bytes
}

// orphan is a record without an item.
type orphan struct {
	id     string
	source string
	md5    string
	mtime  int64 // trusted, or 0
}

// find fills in Row.Moved.
func (m *moves) find(ctx context.Context, chunk []*work) error {
	for _, w := range chunk {
		if w.Row.Action != ActionCreate || w.facts.Record != nil || w.item.URL != "" {
			continue
		}
		if !m.loaded {
			if err := m.load(ctx); err != nil {
				return err
			}
			m.loaded = true
		}
		if w.facts.Info.Size < 0 || len(m.bySize[w.Row.Size]) == 0 {
			continue
		}
		if err := m.match(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// match gives w the orphan whose bytes it has; one with the same name first.
func (m *moves) match(ctx context.Context, w *work) error {
	group := m.bySize[w.Row.Size]
	sum := w.facts.MD5
	mtime := stamp(w.facts.Info)
	reads := m.g.in.Options.Hash || w.item.Location.Kind == manifest.RootFolder && slices.ContainsFunc(group, func(o orphan) bool { return o.mtime == 0 })
	if sum == "" && !w.facts.Info.Offline && reads {
		src, err := sourceOf(m.g.in.Sources, w.item.Location)
		if err == nil {
			var b []byte
			if b, _, err = m.g.in.hashFile(ctx, src, w.item.Location, false); err == nil {
				sum = hex.EncodeToString(b)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	best := -1
	for i, o := range group {
		same := o.mtime != 0 && o.mtime == mtime
		if sum != "" && o.md5 != "" {
			same = sum == o.md5
		}
		if same && (best < 0 || path.Base(o.source) == path.Base(w.Row.Source) && path.Base(group[best].source) != path.Base(w.Row.Source)) {
			best = i
		}
	}
	if best >= 0 {
		w.Row.Moved = group[best].id
		m.taken[group[best].id] = w.item.ExternalID
		w.Row.Detail = fmt.Sprintf("moved? it has the bytes of %s, which the manifest no longer lists; state rename keeps that asset, else this is a second one", group[best].id)
		m.bySize[w.Row.Size] = slices.Delete(group, best, best+1)
	}
	return nil
}

// load reads which records have no item.
func (m *moves) load(ctx context.Context) error {
	m.bySize, m.taken = map[int64][]orphan{}, map[string]string{}
	in := m.g.in
	if recs, err := in.State.Scan(ctx, "", 1); err != nil || len(recs) == 0 {
		return err
	}
	const page = 1000
	kept := 0
	for after := ""; ; {
		recs, err := in.State.Scan(ctx, after, page)
		if err != nil {
			return err
		}
		for _, r := range recs {
			if !movable(&r, in.Manifest.ID) || kept == maxOrphans {
				continue
			}
			if m.g.listed.has(r.ExternalID) {
				continue
			}
			kept++
			m.bySize[r.Size] = append(m.bySize[r.Size], orphan{r.ExternalID, r.Source, r.MD5, r.ModTime})
		}
		if len(recs) < page {
			return nil
		}
		after = recs[len(recs)-1].ExternalID
	}
}
