package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// inventory is what the export of v3 showed when a command began: which known
// assets are as their records have them, and which external IDs there are. It takes
// a request for 100,000 assets, where look-ups take one for a hundred. What it shows
// otherwise than known, or does not show, is looked up: by an export alone nothing is
// written. Of rows it keeps 8-byte hashes. A nil inventory has seen nothing.
type inventory struct {
	rules string
	seed  maphash.Seed
	same  []uint64            // sorted once whole: what keyOf a row or a record is
	other map[uint64]struct{} // known assets that some row shows otherwise
	ids   []uint64            // external IDs, sorted once whole
	fresh bool                // ids tells what is new

	read   ByExport
	asWere atomic.Int64
}

// ByExport tells how the export of v3 was used in the place of look-ups.
type ByExport struct {
	Used bool `json:"used"`
	// Why is the reason why it was not used although it was to be; "" when it was.
	Why      string `json:"why,omitempty"`
	Requests int    `json:"requests"` // that it took
	Rows     int    `json:"rows"`
	AsBefore int    `json:"asBefore"` // known assets that need no look-up
	// plan says that it was asked for a plan's new items alone, which a run looks up.
	plan bool
}

const (
	// exportPays is how many times the requests of an export look-ups have to be
	// before it is asked for: some of it is looked up anyway, and its pages are large.
	exportPays = 4
	// exportPage is how many rows a request gives. Source: v3 get_exports_assets.
	exportPage = 100_000
	// newest is how many of the assets that changed last have to be in the export as
	// they are: one request. Source: v4 postAssetsQuery.
	newest = 100
	// newestQuery finds them; it has a condition because nobody says that a query may
	// be without. Source: v4 postAssetsQuery (field, relative date, order).
	newestQuery = "updatedAt > -1000w ORDER BY updatedAt DESC"
)

// stampForm tells stamps of this comparison from those of another program version,
// which may have managed other fields.
const stampForm = "1"

// stampRules is what [state.Record.StampRules] keeps.
func stampRules(m *manifest.Manifest) string {
	u := m.Update
	sum := sha256.Sum256([]byte(strings.Join([]string{stampForm, u.Tags, u.Metadata, u.File, u.Conflicts}, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// takeInventory reads the export where that is cheaper than look-ups: those of a full
// check, and of a plan those of items that have no record. What keeps it from being
// read, or from being believed, is logged: then all is looked up. The error is the
// context's.
func (g *gatherer) takeInventory(ctx context.Context, planning bool) error {
	in := g.in
	if in.API == nil || in.Options.LookUpsOnly || !in.Options.FullCheck && !planning {
		return nil
	}
	counts, err := in.State.Counts(ctx)
	if err != nil {
		return err
	}
	known, fresh := 0, 0
	if in.Options.FullCheck {
		known = min(g.items, counts.ByStatus[state.Done])
	}
	if planning {
		fresh = max(0, g.items-counts.Total)
	}
	looks := func(n int) int { return (n + lookupBatch - 1) / lookupBatch }
	pays := func(n, requests int) bool {
		return in.Options.limits.exports || looks(n) >= exportPays*requests
	}
	if known+fresh == 0 || !pays(known+fresh, 2) || !g.purse.has(2) {
		return nil
	}
	inv := &inventory{rules: stampRules(in.Manifest), seed: maphash.MakeSeed(), other: map[uint64]struct{}{}, fresh: fresh > 0}
	total, recent, err := g.lastChanged(ctx, inv)
	pages := 1 + total/exportPage
	switch {
	case err != nil:
	case !pays(known+fresh, 1+pages) || !g.purse.has(pages):
		return nil // look-ups cost less
	default:
		inv.read.plan = !pays(known, 1+pages)
		err = g.readExport(ctx, inv, total, recent)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.exported = &inv.read
	if err != nil {
		if _, ok := errors.AsType[*stateFailed](err); ok {
			return err
		}
		inv.read.Why = err.Error()
		in.Log.Info().Err(err).Msg("the export of v3 is not used: every asset is looked up")
		return nil
	}
	inv.read.Used = true
	slices.Sort(inv.same)
	slices.Sort(inv.ids)
	g.inventory = inv
	return nil
}

// lastChanged are the assets that changed last, and how many there are in all. They
// are asked for before the export: what that shows is at least as new then.
func (g *gatherer) lastChanged(ctx context.Context, inv *inventory) (total int, recent map[string]time.Time, err error) {
	total, recent = -1, map[string]time.Time{}
	g.count(1)
	inv.read.Requests++
	q := showpad.AssetQuery{ShowQL: newestQuery, Max: newest, Counted: func(n int) { total = n }}
	for a, err := range g.in.API.QueryAssets(ctx, q) {
		if err != nil {
			return 0, nil, fmt.Errorf("asking for the assets that changed last: %w", err)
		}
		recent[a.ID] = a.UpdatedAt.Time
	}
	if total < 0 {
		return 0, nil, errors.New("the service does not say how many assets there are")
	}
	return total, recent, nil
}

// readExport takes the rows in, a thousand at a time. It demands that those of the
// assets that changed last are there and not older than these, and that no more assets
// are shown than there are: nobody says how old an export may be. Source: ASSUME, for
// what that does not tell.
func (g *gatherer) readExport(ctx context.Context, inv *inventory, total int, recent map[string]time.Time) error {
	var alive []uint64 // ids: a row may come twice
	rows := make([]showpad.ExportedAsset, 0, chunkSize)
	flush := func() error {
		err := g.match(ctx, inv, rows)
		rows = rows[:0]
		return err
	}
	asked := func() { g.count(1); inv.read.Requests++ }
	for row, err := range g.in.API.StreamAssets(ctx, asked) {
		if err != nil {
			return fmt.Errorf("reading the export of assets: %w", err)
		}
		inv.read.Rows++
		if at, ok := recent[row.ID]; ok && !row.UpdatedAt.Before(at) {
			delete(recent, row.ID)
		}
		if row.Source != "personal" && row.DeletedAt.IsZero() {
			alive = append(alive, maphash.String(inv.seed, row.ID))
		}
		if row.ExternalID == "" {
			continue
		}
		if rows = append(rows, row); len(rows) == chunkSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	for id, at := range recent {
		return fmt.Errorf("it is behind: asset %s changed at %s, which it does not show", id, at.UTC().Format(time.RFC3339Nano))
	}
	slices.Sort(alive)
	if n := len(slices.Compact(alive)); n > total {
		return fmt.Errorf("it is behind: it shows %d assets, and there are %d", n, total)
	}
	return flush()
}

// match compares rows with the records of their external IDs.
func (g *gatherer) match(ctx context.Context, inv *inventory, rows []showpad.ExportedAsset) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ExternalID
		if inv.fresh {
			inv.ids = append(inv.ids, maphash.String(inv.seed, ids[i]))
		}
	}
	if !g.in.Options.FullCheck {
		return nil
	}
	recs, err := g.in.State.Get(ctx, ids)
	if err != nil {
		return &stateFailed{err}
	}
	for i := range rows {
		row := &rows[i]
		rec, known := recs[row.ExternalID]
		switch {
		case !known || rec.AssetID != row.ID:
		case inv.asLeft(&rec, row):
			inv.same = append(inv.same, inv.key(&rec, row.DivisionID))
		default:
			inv.other[maphash.String(inv.seed, row.ID)] = struct{}{}
		}
	}
	return nil
}

// asLeft reports whether a row shows an asset as it was when a comparison of all of
// it found nothing to do. Any change moves its stamp. Source: ASSUME. What is in the trash, failed or under way is looked at.
func (inv *inventory) asLeft(rec *state.Record, row *showpad.ExportedAsset) bool {
	return rec.Status == state.Done && rec.StampRules == inv.rules &&
		!rec.Stamp.IsZero() && rec.Stamp.Equal(row.UpdatedAt) &&
		row.Status == showpad.StatusActive && row.ArchivedAt.IsZero() && row.DeletedAt.IsZero() &&
		(rec.MD5 == "" || rec.Size == row.Size) // a URL asset has no bytes
}

// key is of an asset as a record has it, in a Division.
func (inv *inventory) key(rec *state.Record, division string) uint64 {
	return maphash.Comparable(inv.seed, struct {
		externalID, assetID, division string
		stamp                         int64
	}{rec.ExternalID, rec.AssetID, division, rec.Stamp.UnixNano()})
}

// spares reports whether a full check need not read w's asset.
func (inv *inventory) spares(w *work) bool {
	rec := w.facts.Record
	if inv == nil || rec == nil || rec.Stamp.IsZero() || rec.Status != state.Done || w.item.ID != "" {
		return false
	}
	if _, other := inv.other[maphash.String(inv.seed, rec.AssetID)]; other {
		return false
	}
	_, same := slices.BinarySearch(inv.same, inv.key(rec, w.facts.Refs.DivisionID))
	if same {
		inv.asWere.Add(1)
	}
	return same
}

// lacks reports whether nothing has the external ID of w, which has no record, as far
// as the export tells.
func (inv *inventory) lacks(w *work) bool {
	if inv == nil || !inv.fresh || w.facts.Record != nil || w.item.ID != "" {
		return false
	}
	_, there := slices.BinarySearch(inv.ids, maphash.String(inv.seed, w.item.ExternalID))
	return !there
}

// byExport tells of the export for a summary; nil when it was not asked for.
func (g *gatherer) byExport() *ByExport {
	if g == nil || g.exported == nil {
		return nil
	}
	by := *g.exported
	if g.inventory != nil {
		by.AsBefore = int(g.inventory.asWere.Load())
	}
	return &by
}

// runReads turns the reads of a plan into those of its run, which looks up what is
// new whatever an export showed.
func (g *gatherer) runReads(made int, s *Summary) int {
	if by := g.exported; by != nil && by.plan {
		made -= by.Requests
	}
	return made + (s.Provisional+lookupBatch-1)/lookupBatch
}

// stampOf notes the service's own time of the last change of w's asset in the next
// record, if a full check of this very answer, which shows seen, would find nothing to
// do; else none.
func (r *runner) stampOf(w *work, rec *state.Record, seen Values) {
	rec.Stamp, rec.StampRules = time.Time{}, ""
	a := w.Asset
	// Whether the asset of a variant changes when its primary does, nobody says.
	if r.g == nil || w.back != nil || a == nil || a.UpdatedAt.IsZero() || w.item.ID != "" || w.item.Fields.Localization.Set {
		return
	}
	f := w.facts
	f.Record, f.RemoteRead, f.Remote, f.seen, f.FullCheck, f.Recreate, f.Refs = rec, true, []showpad.Asset{*a}, seen, true, false, r.g.resolve(w)
	if d := Decide(&w.item, &f); d.Row.Action == ActionUnchanged && d.Row.Reason == ReasonSame && d.Need == NeedNothing {
		rec.Stamp, rec.StampRules = a.UpdatedAt.Time, stampRules(r.in.Manifest)
	}
}
