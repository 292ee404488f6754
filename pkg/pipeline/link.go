package pipeline

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
	"github.com/showpad-migrate/migrate/pkg/tempfile"
)

// links are the items of a run that are done but for their primary. They wait in a
// temporary file, and have no result yet: the second pass sets what they lack, and
// tells it. A run that is cut off before leaves records that say nothing of a
// primary, and the next run sets it by an update.
type links struct {
	mu   sync.Mutex
	file *tempfile.File
	buf  *bufio.Writer
	enc  *json.Encoder

	primaries turns
}

// linkEntry is an item that waits.
type linkEntry struct {
	ExternalID string            `json:"externalId"`
	Pos        manifest.Pos      `json:"pos"`
	Division   string            `json:"division"`
	DivisionID string            `json:"divisionId"`
	AssetID    string            `json:"assetId"`
	Primary    manifest.Primary  `json:"primary"`
	Link       json.RawMessage   `json:"link"`
	Seen       json.RawMessage   `json:"seen,omitempty"` // the primary that it shows
	Row        Row               `json:"row"`
	Keep       []manifest.KeepKV `json:"keep,omitempty"`
	Slug       string            `json:"slug,omitempty"`
	Attempts   int               `json:"attempts,omitempty"`
	Start      time.Time         `json:"start"`
	Made       bool              `json:"made,omitempty"` // by this run
	Touched    bool              `json:"touched,omitempty"`
	Warnings   []string          `json:"warnings,omitempty"`
	Change     *state.Change     `json:"change,omitempty"`
}

// add puts an item that the first pass is done with off to the second one.
func (l *links) add(w *work) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		f, err := tempfile.New("language variants")
		if err != nil {
			return err
		}
		l.file, l.buf = f, bufio.NewWriter(f)
		l.enc = json.NewEncoder(l.buf)
	}
	return l.enc.Encode(linkEntry{
		ExternalID: w.item.ExternalID, Pos: w.item.Pos, Division: w.item.Division, DivisionID: w.facts.Refs.DivisionID, AssetID: w.rec.AssetID,
		Primary: w.item.Fields.Localization.Value, Link: w.Link, Seen: w.Seen[linkField], Row: w.Row, Keep: w.Row.Keep, Slug: w.slug,
		Attempts: max(w.creates, w.uploads, w.updates), Start: w.start, Made: !w.made.IsZero(), Touched: w.touched, Warnings: w.warnings, Change: w.change,
	})
}

// work is the item as far as the second pass needs it.
func (e *linkEntry) work(rec *state.Record) *work {
	w := &work{linking: true, rec: rec, slug: e.Slug, updates: e.Attempts, start: e.Start, touched: e.Touched, warnings: e.Warnings, change: e.Change}
	w.item = manifest.Item{ExternalID: e.ExternalID, Pos: e.Pos, Division: e.Division}
	w.item.Fields.Localization = manifest.Some(e.Primary)
	w.facts.Refs.DivisionID = e.DivisionID
	w.Row, w.Link, w.Set = e.Row, e.Link, Values{linkField: e.Link}
	w.Row.Keep = e.Keep
	w.Asset = &showpad.Asset{ID: e.AssetID}
	if e.Made {
		w.made = time.Now()
	}
	if e.Seen != nil {
		w.Seen = Values{linkField: e.Seen}
	}
	return w
}

// items is the phase of the items: all that they need, and then the primaries of
// those that are language variants. Those that a stop leaves are told.
func (r *runner) items(ctx context.Context) (err error) {
	defer func() {
		if f := r.links.file; f != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := r.stages(ctx); err != nil || r.links.file == nil {
		return err
	}
	if err := r.links.buf.Flush(); err != nil {
		return err
	}
	if err := r.in.Store.Flush(ctx); err != nil {
		return err
	}
	r.curfew.check() // those that it leaves are told
	return r.phase(ctx, func(busy context.Context) error {
		// What is to be no variant any more comes first: it may be the primary of others.
		none := func(e *linkEntry) bool { return string(e.Link) == string(null) }
		if err := r.linkAll(ctx, busy, none); err != nil {
			return err
		}
		return r.linkAll(ctx, busy, func(e *linkEntry) bool { return !none(e) })
	})
}

// linkAll goes over those that wait, and links which says so.
func (r *runner) linkAll(ctx, busy context.Context, which func(*linkEntry) bool) error {
	if _, err := r.links.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	dec := json.NewDecoder(bufio.NewReader(r.links.file))
	for {
		var chunk []linkEntry
		for len(chunk) < chunkSize {
			var e linkEntry
			if err := dec.Decode(&e); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return fmt.Errorf("reading what waits: %w", err)
			}
			if which(&e) {
				chunk = append(chunk, e)
			}
		}
		if len(chunk) == 0 {
			return nil
		}
		if err := r.linkChunk(ctx, busy, chunk); err != nil {
			return err
		}
	}
}

func (r *runner) linkChunk(ctx, busy context.Context, chunk []linkEntry) error {
	ids := map[string]bool{}
	for i := range chunk {
		ids[chunk[i].ExternalID] = true
		if p := chunk[i].Primary.ExternalID; p != "" {
			ids[p] = true
		}
	}
	recs, err := r.in.State.Get(ctx, sortedKeys(ids))
	if err != nil {
		return err
	}
	eg, gctx := errgroup.WithContext(ctx)
	eg.SetLimit(orInt(r.in.Options.Requests, 8))
	for i := range chunk {
		e := &chunk[i]
		rec := recs[e.ExternalID]
		of, known := recs[e.Primary.ExternalID]
		eg.Go(func() error {
			w := e.work(&rec)
			err := r.link(gctx, busy, w, primaryOfRecord(w, &of, known))
			if gctx.Err() == nil && errors.Is(err, errDrained) {
				return r.leave(gctx, w)
			}
			return err
		})
	}
	return eg.Wait()
}

// primaryOfRecord is the primary to link w to, by the record of its item if there
// is one; "" with a sentence when it is not there.
func primaryOfRecord(w *work, of *state.Record, known bool) primary {
	if string(w.Link) == string(null) {
		return primary{}
	}
	var id string
	_ = json.Unmarshal(w.Link, &id) // canonical: a text
	ext := w.item.Fields.Localization.Value.ExternalID
	switch {
	case ext == "" || !known && !strings.HasPrefix(id, newTag):
		return primary{id: id}
	case !known || of.AssetID == "" || of.Op == state.Delete || of.Op == state.Create && of.Status != state.Done:
		why := "no run has made it yet"
		if known {
			if why = fmt.Sprintf("its %s is %s", of.Op, of.Status); of.Error != nil {
				why += ": " + of.Error.Message
			}
		}
		return primary{what: fmt.Sprintf("it is there, and its primary %s is not (%s): the next run links it once that one is done", ext, why)}
	}
	return primary{id: of.AssetID}
}

// link sets the primary of an item that is done otherwise.
func (r *runner) link(ctx, busy context.Context, w *work, p primary) error {
	switch {
	case r.stopped():
		return r.leave(ctx, w)
	case r.tally.refuses(w.facts.Refs.DivisionID):
		return r.blockDivision(ctx, w, nil)
	case p.what == "" && !r.purse.start(w, 2): // its primary is read first
		return r.leave(ctx, w)
	case p.what != "":
		return r.finish(ctx, w, string(state.Pending), &state.Failure{Code: FailedPrimary, Message: p.what})
	}
	r.emit(Stage{ExternalID: w.item.ExternalID, Stage: "link"})
	value := canonText(p.id)
	if err := r.outliveLink(busy, w, value); err != nil {
		return err
	}
	seen, err := r.setPrimary(busy, w, value)
	switch {
	case err == nil:
	case errors.Is(err, errNoVariant):
		return r.failLink(ctx, w, value, err)
	default:
		return r.refused(ctx, w, showpad.KindChange, FailedRefused, err)
	}
	err = r.queue(ctx, w, "Linked, and verified.", w.reformed(), func(rec *state.Record) {
		rec.Status, rec.Intent, rec.Error, rec.Warnings = state.Done, nil, nil, w.warnings
		rec.Fields = bases(rec.Fields, Values{linkField: value}, seen)
		if !w.touched {
			rec.Shown = digest(w.Asset, seen)
		}
	})
	if err != nil {
		return err
	}
	return r.finish(ctx, w, string(state.Done), nil)
}

// outliveLink waits until a link that an earlier run sent without an answer cannot
// be made any more: it must not come after another one. link nil is none to make.
func (r *runner) outliveLink(ctx context.Context, w *work, link json.RawMessage) error {
	if link == nil || w.rec == nil {
		return nil
	}
	if former, ok := w.rec.Intent[linkField]; !ok || string(former) == string(link) {
		return nil
	}
	return sleep(ctx, time.Until(r.begun.Add(r.settleTime)))
}

// failLink gives up a link that cannot be made. The asset stays as it is.
func (r *runner) failLink(ctx context.Context, w *work, value json.RawMessage, cause error) error {
	f := &state.Failure{Code: FailedRefused, Message: cause.Error()}
	err := r.queue(ctx, w, "Failed: "+f.Message, nil, func(rec *state.Record) {
		rec.Op, rec.Status, rec.Error, rec.Intent = state.Update, state.Failed, f, Values{linkField: value}
	})
	if err != nil {
		return err
	}
	r.countFailure()
	return r.finish(ctx, w, string(state.Failed), f)
}

// errNoVariant is of an asset that cannot become a variant of another one.
var errNoVariant = errors.New("it cannot become a language variant")

// setPrimary makes w's asset a variant of another one, or of none: the intent and
// the way back first. An update replaces the list of variants, so that one is read
// just before, and nobody else of this run changes it meanwhile.
func (r *runner) setPrimary(ctx context.Context, w *work, value json.RawMessage) (seen Values, err error) {
	var id, was string
	_ = json.Unmarshal(value, &id) // canonical: a text, or null
	_ = json.Unmarshal(w.Seen[linkField], &was)
	for _, group := range slices.Compact(slices.Sorted(slices.Values([]string{id, was}))) {
		if group == "" {
			continue
		}
		release, err := r.links.primaries.take(ctx, group)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	fields := showpad.AssetFields{Localization: showpad.Null[showpad.Localization]()}
	if id != "" {
		l, err := r.variantsWith(ctx, id, w.Asset.ID)
		if err != nil {
			return nil, err
		}
		fields.Localization = showpad.Some(l)
	}
	values, before := Values{linkField: value}, Values{}
	if raw, ok := w.Seen[linkField]; ok {
		before[linkField] = raw
	}
	op := state.Update
	var change *state.Change
	switch made := w.Row.Action == ActionCreate || w.Row.Action == ActionResume; {
	case w.back != nil:
		op = w.backOp()
		change = w.changed(op, w.Asset.ID, before, values)
	case made && w.rec.Op == state.Create && w.rec.CreateRun != "": // part of the create, which is undone as a whole
	default:
		change = w.changed(op, w.Asset.ID, before, values)
	}
	err = r.put(ctx, w, "Setting "+linkField+".", change, func(rec *state.Record) {
		rec.Op, rec.Status, rec.AssetID, rec.Error, rec.Intent = op, state.Sending, w.Asset.ID, nil, values
	})
	if err != nil {
		return nil, &stateFailed{err}
	}
	w.updates++
	a, err := r.in.API.UpdateAsset(ctx, w.Asset.ID, fields)
	w.paid(2)
	for pause := newPauses(r.settleTime); err != nil && r.lags(w, err) && pause.wait(ctx); {
		a, err = r.in.API.UpdateAsset(ctx, w.Asset.ID, fields)
	}
	if err != nil {
		return nil, err
	}
	w.Asset, w.slug = &a, a.Slug
	seen = shown(&a)
	if string(seen[linkField]) != string(value) {
		w.warn(WarnNormalised)
		w.reform(linkField, seen)
	}
	return seen, nil
}

// variantsWith is the localization of a primary with one more variant.
func (r *runner) variantsWith(ctx context.Context, primaryID, assetID string) (l showpad.Localization, err error) {
	p, err := r.in.API.Asset(ctx, primaryID)
	switch {
	case errors.Is(err, showpad.ErrNotFound):
		return l, fmt.Errorf("%w: its primary, asset %s, is gone, or you may not see it", errNoVariant, primaryID)
	case err != nil:
		return l, err
	}
	now, _ := p.Localization()
	if of := now.Primary.Asset.ID; of != "" && of != primaryID {
		return l, fmt.Errorf("%w: its primary, asset %s, is itself a variant of asset %s (name that one)", errNoVariant, primaryID, of)
	}
	l.Primary.Asset.ID = primaryID
	there := false
	for _, v := range now.Variants {
		there = there || v.Asset.ID == assetID
		v.Status = ""
		if v.Asset.ID != "" {
			v.Asset = showpad.VariantAsset{ID: v.Asset.ID}
		}
		l.Variants = append(l.Variants, v)
	}
	if !there {
		l.Variants = append(l.Variants, showpad.Variant{Asset: showpad.VariantAsset{ID: assetID}})
	}
	if n := len(l.Variants); n > manifest.MaxVariants {
		return l, fmt.Errorf("%w: its primary, asset %s, would have %d variants, and Showpad takes %d (take one out there)", errNoVariant, primaryID, n, manifest.MaxVariants)
	}
	return l, nil
}

// turns lets one at a time change the variants of a primary. The zero value is
// ready.
type turns struct {
	mu sync.Mutex
	m  map[string]*primaryTurn
}

type primaryTurn struct {
	turn  turn
	users int
}

// take waits until nobody else changes the variants of a primary. Two are taken in
// the order of their ids.
func (g *turns) take(ctx context.Context, id string) (release func(), err error) {
	g.mu.Lock()
	if g.m == nil {
		g.m = map[string]*primaryTurn{}
	}
	x := g.m[id]
	if x == nil {
		x = &primaryTurn{turn: make(turn, 1)}
		g.m[id] = x
	}
	x.users++
	g.mu.Unlock()
	leave := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if x.users--; x.users == 0 {
			delete(g.m, id)
		}
	}
	if err := x.turn.take(ctx); err != nil {
		leave()
		return nil, err
	}
	return func() { x.turn.give(); leave() }, nil
}
