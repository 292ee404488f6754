package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// took notes the checksum of w's bytes, and the file as it was then.
func (w *work) took(sum []byte, info source.Info, hashed time.Time) {
	w.madeAnew = w.madeAnew || w.facts.Info.Size == source.UnknownSize
	w.md5, w.facts.Info, w.facts.MD5, w.hashed = sum, info, hex.EncodeToString(sum), true
	w.mtime = trusted(info, hashed)
	w.Row.Size, w.Row.MD5 = info.Size, w.facts.MD5
}

// status is where the item stands in the state.
func (w *work) status() state.Status {
	if w.rec == nil {
		return state.Pending
	}
	return w.rec.Status
}

// record is the item's next record: the last one with step applied.
func (r *runner) record(w *work, step func(*state.Record)) *state.Record {
	rec := state.Record{ExternalID: w.item.ExternalID}
	if w.rec != nil {
		rec = *w.rec
	}
	rec.ExternalID = w.item.ExternalID
	if rec.Owner == "" || w.back == nil {
		rec.Owner = r.in.Manifest.ID
	}
	rec.Run, rec.Updated = r.in.ID, r.in.now().UTC()
	rec.Source, rec.Unconfirmed = w.Row.Source, false
	rec.Stamp, rec.StampRules = time.Time{}, "" // until it is compared again
	step(&rec)
	return &rec
}

// put writes the next record and waits until it is on disk: for intents.
func (r *runner) put(ctx context.Context, w *work, text string, change *state.Change, step func(*state.Record)) error {
	rec := r.record(w, step)
	r.meter.at(atState, 1)
	err := r.in.Store.Put(ctx, writes(w.rec, rec, text, change)...)
	r.meter.at(atState, -1)
	if err != nil {
		return stateError(w, err)
	}
	w.rec = rec
	return nil
}

// queue writes the next record without waiting: for what has happened. It is
// written even while the run is being left.
func (r *runner) queue(ctx context.Context, w *work, text string, change *state.Change, step func(*state.Record)) error {
	rec := r.record(w, step)
	if err := r.in.Store.Queue(context.WithoutCancel(ctx), writes(w.rec, rec, text, change)...); err != nil {
		return stateError(w, err)
	}
	w.rec = rec
	return nil
}

// writes is the step from one record to the next. An op that is given up for
// another one, such as that of an asset which went away, ends as failed first.
func writes(old, next *state.Record, text string, change *state.Change) []state.Write {
	step := state.Write{Record: *next, Event: text, Change: change}
	if change != nil && change.Op == state.Create {
		step.ChangeRun = next.CreateRun // which may have been another run
	}
	if old == nil || old.Status == state.Pending || old.Status == state.Done || old.Status == state.Failed {
		return []state.Write{step}
	}
	if old.Op == next.Op && state.Allowed(next.Op, old.Status, next.Status) {
		return []state.Write{step}
	}
	ended := *old
	ended.Status, ended.Updated, ended.Run = state.Failed, next.Updated, next.Run
	article := "a "
	if next.Op == state.Archive || next.Op == state.Update {
		article = "an "
	}
	ended.Error = &state.Failure{Code: ReasonRetry, Message: "given up for " + article + string(next.Op)}
	return []state.Write{{Record: ended, Event: "Given up for " + article + string(next.Op) + "."}, step}
}

func stateError(w *work, err error) error {
	return fmt.Errorf("writing the state of %s: %w", w.item.ExternalID, err)
}

// unchanged finishes an item that needs nothing; what was learnt by reading it
// is kept, so that the next plan need not read again.
func (r *runner) unchanged(ctx context.Context, w *work) error {
	rec := w.rec
	if rec != nil && rec.Unconfirmed {
		err := r.queue(ctx, w, fmt.Sprintf("Confirmed: asset %s was seen as it is wanted.", rec.AssetID), nil, func(rec *state.Record) {
			rec.Op, rec.Status = state.Create, state.Done
			w.adopted(rec, r.in.now())
		})
		if err != nil {
			return err
		}
		return r.finish(ctx, w, "unchanged", nil)
	}
	read, touched := w.Adopt && w.Asset != nil, w.hashed && rec != nil && w.mtime != rec.ModTime
	if rec != nil && rec.Status == state.Failed && (rec.Op == state.Archive || rec.Op == state.Delete) {
		// It was refused, and is wanted: nothing is left of it.
		for _, status := range []state.Status{state.Sending, state.Done} {
			err := r.queue(ctx, w, "", nil, func(rec *state.Record) {
				rec.Op, rec.Status, rec.Intent, rec.Error = state.Restore, status, nil, nil
			})
			if err != nil {
				return err
			}
		}
		rec = w.rec
	}
	if rec != nil && rec.Status == state.Done && (read || touched) {
		stamp, rules := rec.Stamp, rec.StampRules
		err := r.queue(ctx, w, "", nil, func(rec *state.Record) {
			if touched {
				rec.ModTime = w.mtime
			}
			if read {
				rec.Fields, rec.Relative = w.agreed(rec.Fields, w.Seen), w.Relative
			}
			if read && w.Asset.CurrentFile != nil {
				rec.FileID = w.Asset.CurrentFile.ID
			}
			if read && w.facts.MD5 != "" {
				rec.MD5, rec.Size, rec.Listed = w.facts.MD5, w.facts.Info.Size, w.facts.Info.Listed
			}
			if read && rec.Shown == "" { // else what was shown after our last write stays the measure
				rec.Shown = digest(w.Asset, w.Seen)
			}
			if rec.Stamp, rec.StampRules = stamp, rules; read {
				r.stampOf(w, rec, w.Seen)
			}
		})
		if err != nil {
			return err
		}
	}
	return r.finish(ctx, w, "unchanged", nil)
}

// foundAsset brings the record of an item up to what a read has shown: a create
// whose answer was lost, or an asset that no record knows.
func (r *runner) foundAsset(ctx context.Context, w *work) error {
	a := w.Asset
	w.name, w.slug = a.Name, a.Slug
	switch {
	case w.lost(), w.rec != nil && w.rec.AssetID == "" && w.rec.Attempts > 0:
		err := r.queue(ctx, w, fmt.Sprintf("Found as asset %s: the create had been carried out.", a.ID), &state.Change{Op: state.Create, AssetID: a.ID}, func(rec *state.Record) {
			rec.Status, rec.AssetID = state.Registered, a.ID
			rec.CreateRun = cmp.Or(rec.CreateRun, w.rec.Run)
			rec.Fields, rec.Intent = bases(nil, rec.Intent, w.Seen), nil
			if w.back == nil {
				rec.Relative = w.Relative
			}
		})
		if err != nil {
			return err
		}
		return r.first.seen(ctx, w)
	case w.rec != nil && w.rec.Unconfirmed:
	case w.rec != nil && w.rec.AssetID == a.ID:
		return nil
	case w.rec != nil && w.rec.AssetID != "": // made anew by somebody
		return r.queue(ctx, w, fmt.Sprintf("Found at the service as asset %s.", a.ID), nil, func(rec *state.Record) {
			rec.AssetID, rec.CreateRun, rec.Shown = a.ID, "", ""
		})
	}
	status := state.Done
	if w.Row.Action == ActionAdopt && w.Row.Reason != ReasonSame && w.Row.Reason != ReasonLinked {
		status = state.Registered
	}
	return r.queue(ctx, w, fmt.Sprintf("Found at the service as asset %s.", a.ID), nil, func(rec *state.Record) {
		rec.Op, rec.Status, rec.AssetID, rec.CreateRun = state.Create, status, a.ID, ""
		if rec.Shown = ""; status == state.Done {
			rec.Shown = digest(a, w.Seen)
		}
		if a.CurrentFile != nil {
			rec.FileID = a.CurrentFile.ID
		}
		if w.item.URL == "" && a.Checksum != "" {
			rec.MD5 = strings.ToLower(a.Checksum)
			if a.Size != nil {
				rec.Size = *a.Size
			}
		}
		w.adopted(rec, r.in.now())
		if status == state.Done {
			r.stampOf(w, rec, w.Seen)
		}
	})
}

// adopted fills in what is known of an asset that was found: wanted values that
// it has count as sent.
func (w *work) adopted(rec *state.Record, now time.Time) {
	same := Values{}
	for name, raw := range w.Want {
		if bytes.Equal(raw, w.Seen[name]) || (name == "tags" && string(minus(raw, w.Seen[name])) == "[]") {
			same[name] = raw
		}
	}
	rec.Fields, rec.Relative = bases(nil, same, w.Seen), w.Relative
	if _, sets := w.Set[idField]; sets { // we never gave it the external ID
		rec.Fields[idField] = state.Base{Seen: w.Seen[idField]}
	}
	if rec.MD5 != "" && rec.MD5 == w.facts.MD5 {
		rec.ModTime, rec.Listed = w.mtime, w.facts.Info.Listed
		if !w.hashed { // known without reading, by its time among others
			rec.ModTime = trusted(w.facts.Info, now)
		}
	}
}

// fail gives an item up: the reason is kept, and shown.
func (r *runner) fail(ctx context.Context, w *work, code string, err error) error {
	if w.ahead {
		return nil
	}
	f := &state.Failure{Code: code, Message: err.Error()}
	qerr := r.queue(ctx, w, "Failed: "+f.Message, nil, func(rec *state.Record) {
		if rec.Op == "" {
			rec.Op = state.Create
		}
		if rec.Status == state.Done { // the op that was about to begin, not the one that is over
			rec.Op, rec.Intent = r.opOf(w), nil
		}
		rec.Status, rec.Error = state.Failed, f
		if rec.MD5 == "" && w.item.URL == "" {
			rec.MD5, rec.Size, rec.Listed, rec.ModTime = w.facts.MD5, w.Row.Size, w.facts.Info.Listed, w.mtime
		}
		if rec.Intent == nil {
			rec.Intent = w.Set
		}
	})
	if qerr != nil {
		return qerr
	}
	r.countFailure()
	return r.finish(ctx, w, string(state.Failed), f)
}

// countFailure stops the run when one more failure is more than it may have.
func (r *runner) countFailure() {
	if limit := r.in.Options.MaxFailures; limit > 0 && r.tally.failed()+1 >= limit {
		items := "items"
		if limit == 1 {
			items = "item"
		}
		r.stop(&StopError{Code: 1, Err: fmt.Errorf("%d %s failed, which is the limit of --max-failures", limit, items)})
	}
}

// leave ends the run's work on an item where it stands. What its record calls done
// is what an earlier run did: this one has something to do and did not begin.
func (r *runner) leave(ctx context.Context, w *work) error {
	if w.Row.Action != ActionResume {
		w.Row.Reason = ReasonNotReached
	}
	return r.leaveAs(ctx, w)
}

// leaveAs is leave with the reason that w's row has.
func (r *runner) leaveAs(ctx context.Context, w *work) error {
	if w.back != nil && (w.rec == nil || w.rec.Run != r.in.ID) { // nothing of it is taken back
		return r.finish(ctx, w, string(state.Pending), nil)
	}
	switch status := w.status(); status {
	case state.Done:
		return r.finish(ctx, w, string(state.Pending), nil)
	case state.Failed:
		return r.finish(ctx, w, string(status), w.rec.Error)
	default:
		return r.finish(ctx, w, string(status), nil)
	}
}

// refused handles the error of a request about w. It returns an error only when
// the run cannot go on.
func (r *runner) refused(ctx context.Context, w *work, kind showpad.Kind, code string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[*stateFailed](err); ok {
		return err
	}
	if _, ok := errors.AsType[*valueError](err); ok {
		return r.fail(ctx, w, FailedRefused, err)
	}
	switch showpad.Classify(kind, err) {
	case showpad.StopRun:
		r.stop(stopRun(err))
		return r.leave(ctx, w)
	case showpad.StopDivision:
		r.tally.refuse(w.facts.Refs.DivisionID)
		return r.blockDivision(ctx, w, err)
	case showpad.Retry, showpad.Resolve:
		code = FailedUnavailable
	case showpad.Cancelled:
		return r.leave(ctx, w)
	}
	return r.fail(ctx, w, code, err)
}

// blockDivision blocks a row whose Division refuses us. Its record stays: a
// refused request did nothing, and the next run begins at the same step.
func (r *runner) blockDivision(ctx context.Context, w *work, err error) error {
	w.Row.Action, w.Row.Reason = ActionBlocked, BlockedForbidden
	msg := fmt.Sprintf("no right to do this in Division %q (ask for manage_content there, or take its items out)", w.item.Division)
	if err != nil {
		msg = fmt.Sprintf("%v; %s", err, msg)
	}
	return r.finish(ctx, w, "blocked", &state.Failure{Code: BlockedForbidden, Message: msg})
}

// finish is the end of an item in this run.
func (r *runner) finish(_ context.Context, w *work, status string, f *state.Failure) error {
	if w.ahead { // what it means for its item is decided when that comes
		return nil
	}
	r.first.release(w)
	r.curfew.over(w)
	w.letGo()
	r.arrives(w)
	w.endPromise()
	if w.Link != nil && !w.linking && f == nil && w.back == nil && (status == string(state.Done) || status == "unchanged") {
		err := r.links.add(w)
		r.open.done()
		return err
	}
	if f == nil && (status == "conflict" || status == "blocked") {
		f = &state.Failure{Code: w.Row.Reason, Message: w.Row.Detail}
	}
	r.report(w, status, f)
	if !w.linking { // it left the stages before
		r.open.done()
	}
	return nil
}

// report tells the outcome of an item.
func (r *runner) report(w *work, status string, f *state.Failure) {
	res := Result{
		ExternalID: w.item.ExternalID, Source: w.Row.Source, Name: w.Row.Name, Division: w.Row.Division, Keep: w.Row.Keep,
		Unlisted: w.Row.Unlisted, AssetID: w.Row.AssetID, Slug: w.slug, Action: w.Row.Action, Reason: w.Row.Reason, Status: status,
		MD5: w.Row.MD5, Size: w.Row.Size, Attempts: max(w.creates, w.uploads, w.updates), Start: w.start, End: time.Now(), Run: r.in.ID, Error: f, Warnings: w.warnings,
	}
	if rec := w.rec; rec != nil {
		if rec.AssetID != "" {
			res.AssetID = rec.AssetID
		}
		if res.MD5 == "" {
			res.MD5 = rec.MD5
		}
	}
	if w.start.IsZero() {
		res.Start, res.End = time.Time{}, time.Time{}
	}
	r.tally.result(res)
	if r.g != nil {
		for _, x := range r.g.extras {
			if x, ok := x.(itemWatcher); ok {
				x.finished(res)
			}
		}
	}
	r.emit(Finished{Result: res})
}

// tally counts for the outcome. Its methods may be called concurrently.
type tally struct {
	mu      sync.Mutex
	sum     Summary
	tags    tagCensus
	status  map[string]int
	nFailed int
	puts    int
	bytes   int64
	no      map[string]bool                    // Divisions that refused us
	extras  map[state.ExtraKind]map[string]int // results by status

	pruned map[[2]string]int // of status, by status and action: of items that are no longer listed

	tagsGone, tagsLeft int // of a rollback: deleted, and not deleted because the service did not answer
}

func (t *tally) plan(w *work) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tags == nil {
		t.tags = tagCensus{}
	}
	t.sum.Add(w.Row)
	t.tags.add(w.item.Division, newTags(w.Set), 1)
}

func (t *tally) result(r Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status == nil {
		t.status = map[string]int{}
	}
	t.status[r.Status]++
	if r.Unlisted {
		if t.pruned == nil {
			t.pruned = map[[2]string]int{}
		}
		t.pruned[[2]string{r.Status, string(r.Action)}]++
	}
	if r.Status == string(state.Failed) {
		t.nFailed++
	}
}

// tag counts a tag that a rollback looked at.
func (t *tally) tag(deleted, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if deleted {
		t.tagsGone++
	}
	if failed {
		t.tagsLeft++
	}
}

func (t *tally) setPruning(p *Pruning) { t.mu.Lock(); defer t.mu.Unlock(); t.sum.Prune = p }

// pass tells how the items went so far.
func (t *tally) pass() *pass {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := Outcome{Status: t.status}
	return &pass{blocked: t.status["blocked"], others: t.sum.Reasons[ConflictOther], failed: t.status[string(state.Failed)] + o.unknown()}
}

func (t *tally) failed() int { t.mu.Lock(); defer t.mu.Unlock(); return t.nFailed }

func (t *tally) sent(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.puts++
	t.bytes += n
}

func (t *tally) refuse(division string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.no == nil {
		t.no = map[string]bool{}
	}
	t.no[division] = true
}

func (t *tally) refuses(division string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.no[division]
}

func (t *tally) into(out *Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tags.into(&t.sum)
	out.Plan, out.Status, out.Extras, out.Puts, out.Bytes = t.sum, t.status, t.extras, t.puts, t.bytes
	out.pruned = maps.Clone(t.pruned)
	out.TagsDeleted, out.tagsLeft = t.tagsGone, t.tagsLeft
	if out.Status == nil {
		out.Status = map[string]int{}
	}
}

// Calls counts API requests by operation. The zero value is ready; its methods
// may be called concurrently.
type Calls struct {
	mu    sync.Mutex
	n     map[string]int
	timed int
	time  time.Duration
}

// Add counts one request.
func (c *Calls) Add(op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[op]++
}

// Took adds the time that an answered request took, once it had left.
func (c *Calls) Took(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timed++
	c.time += d
}

// took is how many requests were answered, and their times added up.
func (c *Calls) took() (n int, d time.Duration) {
	if c == nil {
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timed, c.time
}

// Snapshot is a copy of the counts.
func (c *Calls) Snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := make(map[string]int, len(c.n))
	maps.Copy(m, c.n)
	return m
}

// pauses are growing waits up to a total.
type pauses struct {
	next time.Duration
	end  time.Time
}

func newPauses(total time.Duration) *pauses {
	return &pauses{next: 100 * time.Millisecond, end: time.Now().Add(total)}
}

// wait pauses, longer each time; false when the total is used up or the
// context ended.
func (p *pauses) wait(ctx context.Context) bool {
	left := time.Until(p.end)
	if left <= 0 {
		return false
	}
	d := min(p.next, left)
	p.next = min(p.next*2, 10*time.Second)
	return sleep(ctx, d) == nil
}

// sleep waits for d or for the context.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errNoAsset is an answer that has no asset in it.
var errNoAsset = errors.New("the service does not show the asset")
