package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// RebuildFrom is where a rebuild finds the assets.
type RebuildFrom string

const (
	// FromLists reads the list of all assets, 1,000 a request. It carries what
	// shows that an asset is as wanted: the run after it asks for nothing of those.
	FromLists RebuildFrom = "lists"
	// FromExports reads the export, 100,000 a request. It knows external IDs and
	// sizes only: the run after it reads the assets of its items, 100 a request. It
	// may be behind; what it lacks, a run looks up before it creates anything.
	FromExports RebuildFrom = "exports"
	// FromAuto takes what needs fewer requests together with the run after it, by
	// the number of assets and RebuildInput.Items, and the list where one of them
	// is not known.
	FromAuto RebuildFrom = "auto"
)

// RebuildAPI is what a rebuild asks of the service. *showpad.Client has it.
type RebuildAPI interface {
	Assets(ctx context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error]
	CountAssets(ctx context.Context, f showpad.AssetFilter) (n int, known bool, err error)
	ExportAssets(ctx context.Context) iter.Seq2[showpad.ExportedAsset, error]
}

// RebuildInput is what a rebuild starts from.
type RebuildInput struct {
	API RebuildAPI
	// Store is open and has no records. A rebuild that was interrupted leaves a
	// part of the records in it: open it under another name than the state's, and
	// rename it once Rebuild has returned without an error and it is closed.
	Store *state.Store
	From  RebuildFrom // "" is FromLists
	Items int         // that the manifests list, for FromAuto; 0: not known
	// SettleTime passes before anything is read, so that the list shows what a
	// run made that was killed a moment ago; 0 is 60 s.
	SettleTime time.Duration
	Observe    func(Event)          // nil: nobody
	Progress   func(RebuildSummary) // called now and then, without Twins; nil: nobody
}

// RebuildSummary is what a rebuild found. Every asset is counted in Records, in
// Twinned or in one of the others; Archived ones are records, too.
type RebuildSummary struct {
	From         RebuildFrom `json:"from"` // FromLists or FromExports
	Assets       int         `json:"assets"`
	Records      int         `json:"records"`
	Archived     int         `json:"archived"`
	NoExternalID int         `json:"noExternalId"` // none, or one that no manifest could have
	Personal     int         `json:"personal"`     // of users, not of the library
	Deleted      int         `json:"deleted"`      // still told by the export
	Twinned      int         `json:"twinned"`      // assets that share an external ID with another one
	Twins        []Twin      `json:"twins"`        // by external ID; at most 1,000 are kept
	TwinsAll     int         `json:"twinsAll"`     // how many external IDs there are that several assets have
}

// Twin is an external ID that several assets have. The state does not say which
// of them is the item's: `migrate state bind` does.
type Twin struct {
	ExternalID string   `json:"externalId"`
	AssetIDs   []string `json:"assetIds"`
}

// maxTwins is how many twins a summary names; the rest is counted.
const maxTwins = 1000

// errNotEmpty is of a rebuild into a state that has records.
var errNotEmpty = errors.New("the state has records: a rebuild begins with an empty one")

// Rebuild fills an empty state with a record for each external ID of the
// tenant, of whatever manifest: unconfirmed ones, without an owner, that the next
// run compares before it believes them. An external ID that several assets have
// gets a record without an asset, whose events name them. Nothing is written at
// the service. Memory does not grow with the tenant, but for 8 bytes an asset in
// the client.
func Rebuild(ctx context.Context, in RebuildInput) (RebuildSummary, error) {
	b := rebuild{in: &in, sum: RebuildSummary{Twins: []Twin{}}, twins: map[string]int{}}
	counts, err := in.Store.Counts(ctx)
	switch {
	case err != nil:
		return b.sum, err
	case counts.Total > 0:
		return b.sum, errNotEmpty
	}
	if b.sum.From, err = in.from(ctx); err != nil {
		return b.sum, err
	}
	if err := in.settle(ctx); err != nil {
		return b.sum, err
	}
	for rec, err := range b.records(ctx) {
		if err != nil {
			return b.sum, err
		}
		if b.chunk = append(b.chunk, rec); len(b.chunk) == chunkSize {
			if err := b.flush(ctx); err != nil {
				return b.sum, err
			}
		}
	}
	return b.sum, b.flush(ctx)
}

// from decides what is read.
func (in *RebuildInput) from(ctx context.Context) (RebuildFrom, error) {
	switch in.From {
	case "", FromLists:
		return FromLists, nil
	case FromExports:
		return FromExports, nil
	case FromAuto:
	default:
		return "", fmt.Errorf("a rebuild reads %s, %s or %s, not %q", FromLists, FromExports, FromAuto, in.From)
	}
	if in.Items <= 0 {
		return FromLists, nil
	}
	n, known, err := in.API.CountAssets(ctx, showpad.AssetFilter{})
	if err != nil {
		return "", fmt.Errorf("counting the assets: %w", err)
	}
	const page, exportPage = 1000, 100_000 // Source: v4 getAssets, v3 get_exports_assets
	if lists, exports := n/page, n/exportPage+in.Items/showpad.MaxBatch+1; known && exports < lists {
		return FromExports, nil
	}
	return FromLists, nil
}

func (in *RebuildInput) settle(ctx context.Context) error {
	d := in.SettleTime
	if d == 0 {
		d = settleTime
	}
	if in.Observe != nil {
		in.Observe(Waiting{For: "settle", Text: "waiting until the service shows what was made a moment ago", Until: time.Now().Add(d)})
	}
	return sleep(ctx, d)
}

// rebuild is one rebuild under way.
type rebuild struct {
	in    *RebuildInput
	sum   RebuildSummary
	chunk []state.Record
	twins map[string]int // external ID to its place in sum.Twins
}

// records are those of all assets that count, as the service gives them.
func (b *rebuild) records(ctx context.Context) iter.Seq2[state.Record, error] {
	return func(yield func(state.Record, error) bool) {
		if b.sum.From == FromExports {
			for a, err := range b.in.API.ExportAssets(ctx) {
				if err != nil {
					yield(state.Record{}, fmt.Errorf("reading the export of assets: %w", err))
					return
				}
				if b.counts(a.ExternalID, a.Source == "personal", !a.DeletedAt.IsZero(), !a.ArchivedAt.IsZero()) && !yield(exportedRecord(&a), nil) {
					return
				}
			}
			return
		}
		for a, err := range b.in.API.Assets(ctx, showpad.AssetFilter{}) {
			if err != nil {
				yield(state.Record{}, fmt.Errorf("reading the assets: %w", err))
				return
			}
			if b.counts(a.ExternalID, a.Type == "personal-video-recording", false, a.IsArchived) && !yield(unconfirmedRecord(a.ExternalID, &a), nil) {
				return
			}
		}
	}
}

// exportedRecord is the record of an asset of which nothing is known to decide
// by. What processing made of a file may have another size: it is not taken.
func exportedRecord(a *showpad.ExportedAsset) state.Record {
	return state.Record{ExternalID: a.ExternalID, Op: state.Create, Status: state.Pending, AssetID: a.ID, Unconfirmed: true}
}

// counts counts an asset, and reports whether it gets a record.
func (b *rebuild) counts(externalID string, personal, deleted, archived bool) bool {
	b.sum.Assets++
	switch {
	case deleted:
		b.sum.Deleted++
	case personal:
		b.sum.Personal++
	case manifest.ExternalIDWrong(externalID) != "":
		b.sum.NoExternalID++
	default:
		if archived {
			b.sum.Archived++
		}
		return true
	}
	return false
}

// flush writes the records of a chunk. One whose external ID has a record already
// is a twin.
func (b *rebuild) flush(ctx context.Context) error {
	ids := make([]string, len(b.chunk))
	for i := range b.chunk {
		ids[i] = b.chunk[i].ExternalID
	}
	known, err := b.in.Store.Get(ctx, ids)
	if err != nil {
		return err
	}
	writes := make([]state.Write, 0, len(b.chunk))
	for _, rec := range b.chunk {
		other, twin := known[rec.ExternalID]
		w := state.Write{Record: rec}
		if twin {
			w = b.twin(&other, &rec)
		} else {
			b.sum.Records++
		}
		known[rec.ExternalID] = w.Record
		writes = append(writes, w)
	}
	if err := b.in.Store.Put(ctx, writes...); err != nil {
		return err
	}
	b.chunk = b.chunk[:0]
	if b.in.Progress != nil {
		s := b.sum
		s.Twins = nil
		b.in.Progress(s)
	}
	return nil
}

// twin is the step to a record that leads to none of the assets that have its
// external ID: to look it up finds all of them.
func (b *rebuild) twin(known, rec *state.Record) state.Write {
	assets := []string{rec.AssetID}
	b.sum.Twinned++
	if known.AssetID != "" { // the first two
		assets = []string{known.AssetID, rec.AssetID}
		b.sum.Records--
		b.sum.Twinned++
		if b.sum.TwinsAll++; len(b.sum.Twins) < maxTwins {
			b.twins[rec.ExternalID] = len(b.sum.Twins)
			b.sum.Twins = append(b.sum.Twins, Twin{ExternalID: rec.ExternalID})
		}
	}
	if i, named := b.twins[rec.ExternalID]; named {
		b.sum.Twins[i].AssetIDs = append(b.sum.Twins[i].AssetIDs, assets...)
	}
	return state.Write{
		Record: state.Record{ExternalID: rec.ExternalID, Op: state.Create, Status: state.Pending, Unconfirmed: true},
		Event:  fmt.Sprintf("Found by a rebuild more than once: asset %s. Way on: %s", strings.Join(assets, ", asset "), bindCommand(rec.ExternalID, "")),
	}
}
