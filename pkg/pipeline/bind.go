package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// BindAPI is what a binding asks of the service. *showpad.Client has it.
type BindAPI interface {
	Asset(ctx context.Context, id string) (showpad.Asset, error)
	Assets(ctx context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error]
}

// BindInput is what a binding starts from.
type BindInput struct {
	API   BindAPI
	Store *state.Store
	// Owner is the id of the manifest whose item it is from now on; "" keeps the
	// record's, if there is one.
	Owner      string
	ExternalID string
	AssetID    string
	// SettleTime is how long a create without an answer is waited for before the
	// external ID is looked up; 0 is 60 s.
	SettleTime time.Duration
	// Observe gets Waiting, and Warned with what the next run will meet: the codes
	// twin and adopt-differs. nil: nobody.
	Observe func(Event)
}

// ErrNotBound is matched by every refusal of [Bind]; errors of the service and
// of the state are their own.
var ErrNotBound = errors.New("cannot be bound")

// Bind says by hand which asset is an item's: one of twins, the one that stands
// in for a lost one, or that of another manifest's item. It writes the state
// alone, without believing anything: the record is unconfirmed, and the next run
// compares the asset as one that it finds for the first time, and gives it the
// external ID if it has none. Only an item that has this very asset keeps its
// history, for another owner.
//
// It refuses an asset that is gone or belongs to another record, an external ID
// that other assets have and this one does not, and an item whose own asset is in
// the midst of an op, unless both have the external ID or that asset is gone.
func Bind(ctx context.Context, in BindInput) error {
	b := binding{in: &in}
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%s %w to asset %s: %s", in.ExternalID, ErrNotBound, in.AssetID, fmt.Sprintf(format, args...))
	}
	a, err := in.API.Asset(ctx, in.AssetID)
	switch {
	case errors.Is(err, showpad.ErrNotFound):
		return refuse("the service has no such asset, or does not show it to you (see its address in Showpad for the id)")
	case err != nil:
		return fmt.Errorf("reading asset %s: %w", in.AssetID, err)
	}
	recs, err := in.Store.Get(ctx, []string{in.ExternalID})
	if err != nil {
		return err
	}
	rec, known := recs[in.ExternalID]
	if known && rec.AssetID == a.ID {
		return b.takeOver(ctx, &rec)
	}
	switch other, err := b.recordOf(ctx, a.ID); {
	case err != nil:
		return err
	case other != "":
		way := "take one of the two items out of its manifest"
		if !known {
			way = fmt.Sprintf("if that is the same item, migrate state rename %s %s", shellWord(other), shellWord(in.ExternalID))
		}
		return refuse("it is the asset of %s in this state (%s)", other, way)
	}
	if known && rec.Status == state.Registering {
		if err := b.settle(ctx); err != nil {
			return err
		}
	}
	found, err := byExternalID(ctx, in.API, []string{in.ExternalID})
	if err != nil {
		return err
	}
	others := othersOf(found[in.ExternalID], a.ID)
	switch {
	case len(others) > 0 && a.ExternalID != in.ExternalID:
		return refuse("asset %s has this external ID (bind that one, or delete it or clear its external ID first)", strings.Join(others, ", "))
	case known && rec.AssetID != "" && unfinished(rec.Status) && a.ExternalID != in.ExternalID:
		switch _, err := in.API.Asset(ctx, rec.AssetID); {
		case err == nil:
			return refuse("its %s on asset %s is begun and not over (run first, or delete that asset)", rec.Op, rec.AssetID)
		case !errors.Is(err, showpad.ErrNotFound):
			return fmt.Errorf("reading asset %s: %w", rec.AssetID, err)
		}
	}
	for _, id := range others {
		b.warn(WarnTwin, fmt.Sprintf("asset %s has the external ID %s, too: delete it, or clear its external ID", id, in.ExternalID))
	}
	if a.ExternalID != "" && a.ExternalID != in.ExternalID {
		b.warn(ConflictAdopt, fmt.Sprintf("asset %s has the external ID %s: the next run tells of it as a conflict, and changes it only with update: {conflicts: overwrite}", a.ID, a.ExternalID))
	}
	next := unconfirmedRecord(in.ExternalID, &a)
	next.Owner = cmp.Or(in.Owner, rec.Owner)
	text := fmt.Sprintf("Bound by hand to asset %s", a.ID)
	if rec.AssetID != "" {
		text += fmt.Sprintf(", before asset %s", rec.AssetID)
	}
	return in.Store.Replace(ctx, state.Write{Record: next, Event: text + "."})
}

// binding is one binding under way.
type binding struct{ in *BindInput }

// takeOver gives a record that has the asset already another owner.
func (b *binding) takeOver(ctx context.Context, rec *state.Record) error {
	former := rec.Owner
	if b.in.Owner == "" || b.in.Owner == former {
		return nil
	}
	rec.Owner = b.in.Owner
	text := "Taken over"
	if former != "" {
		text += fmt.Sprintf(" from the manifest with id %q", former)
	}
	return b.in.Store.Replace(ctx, state.Write{Record: *rec, Event: text + " by hand."})
}

// recordOf is the external ID whose record has an asset; "" when none has.
func (b *binding) recordOf(ctx context.Context, assetID string) (string, error) {
	for after := ""; ; {
		recs, err := b.in.Store.Scan(ctx, after, chunkSize)
		if err != nil || len(recs) == 0 {
			return "", err
		}
		if i := slices.IndexFunc(recs, func(r state.Record) bool { return r.AssetID == assetID }); i >= 0 {
			return recs[i].ExternalID, nil
		}
		after = recs[len(recs)-1].ExternalID
	}
}

// settle waits until a create that was never answered can be found. When it left,
// after its record was written, nobody knows.
func (b *binding) settle(ctx context.Context) error {
	d := b.in.SettleTime
	if d == 0 {
		d = settleTime
	}
	if b.in.Observe != nil {
		b.in.Observe(Waiting{For: "settle", Text: "a create without an answer may still show", Until: time.Now().Add(d)})
	}
	return sleep(ctx, d)
}

func (b *binding) warn(code, text string) {
	if b.in.Observe != nil {
		b.in.Observe(Warned{Code: code, ExternalID: b.in.ExternalID, Text: text})
	}
}

// unfinished reports whether an op with this status is begun and not over.
func unfinished(s state.Status) bool {
	return s != state.Pending && s != state.Done && s != state.Failed
}

// othersOf are the ids of assets but one.
func othersOf(assets []showpad.Asset, but string) []string {
	var ids []string
	for i := range assets {
		if id := assets[i].ID; id != but {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
