package pipeline

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// resumption carries on, before the manifest is read, what runs of the very same
// manifest began: it sends the bytes of assets that they made and that still wait
// for them. It finishes no item and leaves no row: each is decided as always when
// the manifest comes to it, with its record as that is then.
//
// Nothing new is begun once the items come; those under way are waited for, and the
// other items go on meanwhile. So it holds as many items as there are uploads. A
// nil resumption has nothing to do.
type resumption struct {
	r *runner

	cancel  context.CancelFunc
	closing chan struct{} // closed: begin nothing else
	over    chan struct{} // closed when nothing is under way any more
	err     error         // of the state; set before over is closed

	mu     sync.Mutex
	closed bool
	under  map[string]chan struct{} // by external ID; closed when its record is on disk
	any    bool                     // something was ever under way
	// Items of the manifest that met theirs under way: those that still wait for it,
	// and all of them, with whether the stages have them.
	waiting []asideItem
	aside   map[string]bool
}

// errNotBegun ends what goes along with preparing a run, when that fails.
var errNotBegun = errors.New("the run was not begun")

type asideItem struct {
	item manifest.Item
	done <-chan struct{}
}

// resumeBatch is how many records are looked at together: as many as one request
// can ask the service for.
const resumeBatch = 100

// resumeFirst begins to carry on what was begun, when nothing can have changed
// what it is to become. The caller waits for it.
func (r *runner) resumeFirst(ctx context.Context) (*resumption, error) {
	in := r.in
	o := &in.Options
	if in.Resume == nil || r.plan != nil || in.Plan != nil || in.Select.narrow() || o.Recreate != nil || o.Doubt || o.OlderState {
		return nil, nil
	}
	switch dropped, err := in.Store.Meta(ctx, state.MetaExternalIDDropped); {
	case err != nil:
		return nil, err
	case dropped != "": // nobody knows yet what the service keeps
		return nil, nil
	}
	rs := &resumption{
		r: r, closing: make(chan struct{}), over: make(chan struct{}),
		under: map[string]chan struct{}{}, aside: map[string]bool{},
	}
	ctx, rs.cancel = context.WithCancel(ctx)
	go rs.run(ctx)
	return rs, nil
}

// run owns what is under way.
func (rs *resumption) run(ctx context.Context) {
	unwatch := rs.r.watchStop(ctx)
	busy, cancelBusy := context.WithCancelCause(ctx)
	none := make(chan struct{})
	var drain, sending sync.WaitGroup
	drain.Go(func() { _ = rs.r.drain(ctx, cancelBusy, none) })
	err := rs.walk(ctx, busy, &sending)
	sending.Wait()
	close(none)
	drain.Wait()
	cancelBusy(nil)
	unwatch()
	rs.fail(err)
	close(rs.over)
}

// fail keeps the first error of the state.
func (rs *resumption) fail(err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.err == nil {
		rs.err = err
	}
}

// idle waits until nothing is under way, and reports whether nothing ever was.
func (rs *resumption) idle(ctx context.Context) bool {
	if rs == nil {
		return true
	}
	select {
	case <-rs.over:
	case <-ctx.Done():
		return false
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return !rs.any
}

// close begins nothing else.
func (rs *resumption) close() {
	if rs == nil {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if !rs.closed {
		rs.closed = true
		close(rs.closing)
	}
}

// end returns once nothing is under way. The error of what it went along with ends
// that where it stands; without one, it is that of the state.
func (rs *resumption) end(err error) error {
	if rs == nil {
		return err
	}
	if err != nil {
		rs.cancel()
	}
	rs.close()
	<-rs.over
	rs.cancel()
	if err == nil {
		err = rs.err
	}
	return err
}

// walk goes through the unfinished records and sends what waits to be sent.
func (rs *resumption) walk(ctx, busy context.Context, sending *sync.WaitGroup) error {
	slots := make(chan struct{}, orInt(rs.r.in.Options.Uploads, 8))
	// Nothing is read for nobody: after a stop, or once the items come, none is claimed.
	reads, end := rs.r.looking(busy)
	defer end()
	reads, endClosing := until(reads, rs.closing, nil, errDrained)
	defer endClosing()
	for after := ""; ; {
		recs, err := rs.r.in.Store.Unfinished(ctx, after, resumeBatch)
		if err != nil || len(recs) == 0 {
			return ended(ctx, err)
		}
		after = recs[len(recs)-1].ExternalID
		var begun []*work
		for i := range recs {
			if w := rs.begun(busy, &recs[i]); w != nil {
				begun = append(begun, w)
			}
		}
		if !rs.read(reads, begun) {
			return nil
		}
		for _, w := range begun {
			if w.Asset == nil {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-rs.closing:
				return nil
			case <-rs.r.stopping:
				return nil
			case <-ctx.Done():
				return nil
			}
			if !rs.r.purse.start(w, w.Row.Writes) {
				return nil
			}
			done, ok := rs.claim(w.item.ExternalID)
			if !ok {
				w.endPromise()
				return nil
			}
			sending.Go(func() {
				rs.fail(ended(ctx, rs.send(ctx, busy, w)))
				rs.release(w.item.ExternalID, done)
				<-slots
			})
		}
		if len(recs) < resumeBatch {
			return nil
		}
	}
}

// ended is err, unless its reason is that everything ends.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// begun is the work that is left of a record, or nil for one that is left to the
// manifest's pass: all but creates that runs of this very manifest began, and whose
// file is the one that they hashed. Files elsewhere than in folders are left too.
func (rs *resumption) begun(ctx context.Context, rec *state.Record) *work {
	in := rs.r.in
	switch {
	case rec.Op != state.Create || rec.Status != state.Registered && rec.Status != state.Sending,
		rec.Owner != in.Manifest.ID, rec.Unconfirmed, rec.AssetID == "", rec.CreateRun == "", !in.Resume(rec.CreateRun), !in.Resume(rec.Run),
		rec.ModTime == 0, rec.Listed != 0, rec.Error != nil, ctx.Err() != nil, rs.r.ending():
		return nil
	}
	sum, err := hex.DecodeString(rec.MD5)
	loc, problem := manifest.ParseLocation(rec.Source, in.Manifest.Roots, manifest.Pos{})
	if err != nil || len(sum) != 16 || problem != nil || loc.Kind != manifest.RootFolder || loc.String() != rec.Source {
		return nil
	}
	src, err := sourceOf(in.Sources, loc)
	if err != nil {
		return nil
	}
	if _, keeps := src.(source.Keeper); keeps {
		return nil
	}
	info, err := src.Stat(ctx, loc.Path)
	if err != nil || info.Size != rec.Size || info.Offline || info.Inexact || stamp(info) != rec.ModTime {
		return nil
	}
	w := &work{item: manifest.Item{ExternalID: rec.ExternalID, Location: loc}, rec: rec, md5: sum, mtime: rec.ModTime, ahead: true}
	w.facts.Record, w.facts.Info, w.facts.MD5 = rec, info, rec.MD5
	w.Upload = true
	w.Row = Row{ExternalID: rec.ExternalID, Action: ActionResume, Reason: ReasonUnfinished, Step: state.Registered, Writes: 1, Puts: 1, Source: rec.Source, AssetID: rec.AssetID, Size: rec.Size, MD5: rec.MD5}
	return w
}

// read asks for the assets and gives one to each work that waits for its bytes as it
// was left. False when the service does not answer: who comes next tells why.
func (rs *resumption) read(ctx context.Context, begun []*work) bool {
	for batch := range workBatches(begun, (*work).assetID) {
		ids := make([]string, len(batch))
		for i, w := range batch {
			ids[i] = w.assetID()
		}
		if !rs.r.purse.reads(1) {
			return false
		}
		found, err := byAssetID(ctx, rs.r.in.API, ids)
		if err != nil {
			return false
		}
		for _, w := range batch {
			if a, ok := found[w.assetID()]; ok && asLeft(w.rec, &a) {
				w.Asset, w.name, w.slug, w.facts.Refs.DivisionID = &a, a.Name, a.Slug, a.Division.ID
			}
		}
	}
	return true
}

// asLeft reports whether an asset waits for its bytes, and shows what our create
// gave it.
func asLeft(rec *state.Record, a *showpad.Asset) bool {
	if a.ExternalID != rec.ExternalID || a.IsArchived || a.Status != showpad.StatusPrepared || a.Checksum != "" {
		return false
	}
	seen := shown(a)
	for name, b := range rec.Fields {
		if r := seen[name]; r != nil && b.Sent != nil && !bytes.Equal(r, b.Sent) && !bytes.Equal(r, b.Seen) {
			return false // somebody changed it, or its form: that is to be decided
		}
	}
	return true
}

// send carries the bytes of one item, and returns once its record is on disk.
func (rs *resumption) send(ctx, busy context.Context, w *work) error {
	err := rs.r.transfer(ctx, busy, w)
	w.endPromise()
	if errors.Is(err, errDrained) {
		err = nil // it stays where it stands
	}
	return errors.Join(err, rs.r.in.Store.Flush(context.WithoutCancel(ctx)))
}

// claim takes an item before its bytes are sent; false once the items come.
func (rs *resumption) claim(id string) (done chan struct{}, ok bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closed {
		return nil, false
	}
	done = make(chan struct{})
	rs.under[id], rs.any = done, true
	return done, true
}

func (rs *resumption) release(id string, done chan struct{}) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.under, id)
	close(done)
}

// sets reports whether item has to wait for what is under way, and keeps it then.
func (rs *resumption) sets(item *manifest.Item) bool {
	if rs == nil {
		return false
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	done, under := rs.under[item.ExternalID]
	if under {
		rs.waiting = append(rs.waiting, asideItem{*item, done})
		rs.aside[item.ExternalID] = false
	}
	return under
}

// ready are the items that waited and need not any more.
func (rs *resumption) ready() (ws []*work) {
	if rs == nil {
		return nil
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rest := rs.waiting[:0]
	for _, a := range rs.waiting {
		select {
		case <-a.done:
			ws = append(ws, &work{item: a.item, aside: true})
		default:
			rest = append(rest, a)
		}
	}
	rs.waiting = rest
	return ws
}

// next waits until an item that waits need not any more; false when there is none,
// or the run stops.
func (rs *resumption) next(ctx context.Context) (bool, error) {
	if rs == nil {
		return false, nil
	}
	rs.mu.Lock()
	var done <-chan struct{}
	if len(rs.waiting) > 0 {
		done = rs.waiting[0].done
	}
	rs.mu.Unlock()
	if done == nil {
		return false, nil
	}
	select {
	case <-done:
		return true, nil
	case <-rs.r.stopping:
		return false, nil
	case <-rs.r.purse.shut:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// met notes that the stages have an item that waited.
func (rs *resumption) met(id string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.aside[id] = true
}

// setAside reports whether an item ever waited, and whether the stages got it.
func (rs *resumption) setAside(id string) (aside, met bool) {
	if rs == nil {
		return false, false
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	met, aside = rs.aside[id]
	return aside, met
}
