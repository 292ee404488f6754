package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// queueSize is the length of the channels between stages: enough to keep the
// next stage busy, too little to pile up half-made assets.
const queueSize = 4

// settleTime is the default of Options.SettleTime. Source: ASSUME.
const settleTime = 60 * time.Second

// Run carries out what a plan of the same input would say, and returns when
// all is verified, or nothing more can be done now. An item that fails is data
// in the outcome, not an error; the error is that of preparing (a *StopError,
// or the context's) and comes with an empty outcome.
func Run(ctx context.Context, in RunInput) (Outcome, error) {
	begun := state.Run{ID: in.ID, Manifest: in.Manifest.ID, Start: in.Start.UTC(), Kept: in.Options.KeepReplaced}
	if p := in.Plan; p != nil {
		in.Select, begun.Plan = p.Selection(), p.Digest
		p.Header.Choice.apply(&in.Options)
	}
	r := newRunner(&in)
	out := Outcome{Run: in.ID, Start: in.Start}
	if stop, closes := r.curfew.closes(); closes {
		return out, stop
	}
	if err := in.Store.SetRun(ctx, begun); err != nil {
		return out, err
	}
	var err error
	if r.resume, err = r.resumeFirst(ctx); err != nil {
		return out, err
	}
	defer func() { _ = r.resume.end(errNotBegun) }() // nothing is left of it, unless preparing fails
	before, cancel := r.curfew.before(ctx)
	defer cancel()
	before, end := until(before, in.Stop, r.resume.idle, errInterrupted)
	defer end()
	if in.Before != nil {
		if err := in.Before(before); err != nil {
			return out, cutOff(before, err)
		}
	}
	g, c, err := prepare(before, &in.Input, r.lookEarly())
	if err != nil {
		return out, cutOff(before, err)
	}
	r.g, r.dir = g, g.dir
	g.resume = r.resume
	g.purse = r.purse
	if err := r.carry(before); err != nil {
		return out, cutOff(before, err)
	}
	if r.plan == nil && !in.Select.narrow() || r.plan != nil && !r.plan.Header.Choice.Selects() {
		g.extras = newExtras(&in.Input)
	}
	if err := r.doubtExtras(ctx); err != nil {
		return out, err
	}
	items := in.Select.count(c.items)
	if r.plan != nil {
		items = r.plan.Len() - r.plan.Unlisted()
	}
	r.curfew.count(items)
	r.emit(r.started(ctx, items))
	r.tellOthers(c.all - c.items)

	r.carryOut(ctx, &out, r.phases, r.notReached)
	return out, nil
}

// started is the first event of a run. What the state cannot tell is left out: it
// is for people.
func (r *runner) started(ctx context.Context, items int) Started {
	s := Started{Run: r.in.ID, Items: items, At: r.in.Start, Until: r.curfew.end()}
	if counts, err := r.in.State.Counts(ctx); err == nil {
		s.Done = min(items, counts.ByStatus[state.Done])
	}
	if m, err := measured(ctx, r.in.State); err == nil {
		p := r.in.Options.Given.paces(&r.in.Options, m)
		s.Paces = &p
	}
	return s
}

// carryOut does the work of a run, tells of what it did not come to, and
// concludes out.
func (r *runner) carryOut(ctx context.Context, out *Outcome, work, notReached func(context.Context) error) {
	unwatch := r.watchStop(ctx)
	err := r.doubt(ctx)
	if err == nil {
		err = work(ctx)
	}
	if err == nil {
		r.curfew.conclude()
	}
	unwatch()
	err = r.resume.end(err)
	if cause := r.purse.ended(); cause != nil {
		r.stop(cause)
	}
	if err == nil {
		err = notReached(ctx)
	}
	if err == nil {
		err = r.extrasNotReached(ctx)
	}
	r.tellExtras()
	if perr := r.keepPaces(context.WithoutCancel(ctx)); err == nil {
		err = perr
	}
	// What is known is written down even when the run was told to leave.
	if ferr := r.in.Store.Flush(context.WithoutCancel(ctx)); err == nil {
		err = ferr
	}
	r.conclude(out, err)
	r.emit(Ended{Outcome: *out})
}

// runner is one run.
type runner struct {
	in  *RunInput
	g   *gatherer
	dir *directory
	// plan is the saved plan that is carried out, nil without one.
	plan *carried
	// resume is under way while the manifest is read; nil when there is nothing to
	// carry on.
	resume *resumption

	begun        time.Time // monotonic: of this process, as far as the run can know
	settleTime   time.Duration
	lookupMaxAge time.Duration
	retries      int

	toRoute, toHash, toRegister, toTransfer, toUpdate lanes

	// busy ends when a stop has drained: requests and uploads end with it.
	busy context.Context
	// reads ends sooner: see looking.
	reads context.Context

	back    *takeBack // of a rollback; nil otherwise
	purse   *purse
	uploads *uploads
	park    *park
	settler *settler
	first   *firstCreate
	curfew  *curfew

	tagMu      sync.Mutex
	tagsMaking map[string]*making

	stopping  chan struct{}
	stopOnce  sync.Once
	stopCause error // set before stopping is closed
	drainTold sync.Once

	meter    *meter
	open     *openItems
	produced int // selected items that were routed

	tally tally
	extra extraRun
	links links
}

func newRunner(in *RunInput) *runner {
	or := func(d, def time.Duration) time.Duration {
		if d == 0 {
			return def
		}
		return d
	}
	o := &in.Options
	queue := queueSize
	if n := o.limits.queue; n != 0 {
		queue = max(0, n)
	}
	ahead := orInt(o.limits.ahead, lookAhead)
	meter := newMeter(o, o.hashers())
	in.reading = &meter.reading
	r := &runner{
		in: in, begun: time.Now(),
		settleTime:   or(o.SettleTime, settleTime),
		lookupMaxAge: or(o.LookupMaxAge, 15*time.Minute),
		retries:      o.Retries,
		toRoute:      newLanes(ahead, ahead),
		toHash:       newLanes(queue, min(queue, 1)),
		toRegister:   newLanes(queue, min(queue, 1)),
		toTransfer:   newLanes(queue, min(queue, 1)),
		toUpdate:     oneLane(queue),
		tagsMaking:   map[string]*making{},
		stopping:     make(chan struct{}),
		meter:        meter,
		open:         newOpenItems(meter),
		extra:        extraRun{works: map[state.ExtraKind][]*extraWork{}},
	}
	if r.retries == 0 {
		r.retries = 5
	}
	r.purse = newPurse(o.Budget)
	r.uploads = newUploads(o, r.stopping, r.emit)
	r.park = newPark(r)
	r.settler = newSettler(r)
	r.first = newFirstCreate(r)
	r.curfew = newCurfew(r)
	return r
}

// hashers is how many files are read at once for their checksums.
func (r *runner) hashers() int { return r.in.Options.hashers() }

func (o *Options) hashers() int { return orInt(o.Hashers, runtime.GOMAXPROCS(0)) }

func orInt(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// errInterrupted is the cause of a run that was asked to stop.
var errInterrupted = &StopError{Code: 130, Err: errors.New("interrupted")}

// stop lets what is in flight finish and starts nothing new. The first cause
// counts.
func (r *runner) stop(cause error) {
	r.stopOnce.Do(func() {
		if ended := r.purse.ended(); ended != nil {
			if s, ok := errors.AsType[*StopError](cause); ok && s.Code == 6 {
				cause = ended // why there is more to do counts more than what is waited for
			}
		}
		r.stopCause = cause
		close(r.stopping)
	})
}

func (r *runner) stopped() bool {
	select {
	case <-r.stopping:
		return true
	default:
		return false
	}
}

// ending reports whether nothing new may begin: the run stops, or its budget is
// used up, with which what has begun is still finished.
func (r *runner) ending() bool { return r.stopped() || r.purse.closed() }

// watchStop turns the caller's request, and the deadline, into a stop; its owner
// calls the function that it returns.
func (r *runner) watchStop(ctx context.Context) func() {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { r.curfew.watch(ctx, done) })
	if r.in.Stop == nil {
		return func() { close(done); wg.Wait() }
	}
	wg.Go(func() {
		select {
		case <-r.in.Stop:
			r.stop(errInterrupted)
		case <-done:
		case <-ctx.Done():
		}
	})
	return func() { close(done); wg.Wait() }
}

func (r *runner) emit(e Event) {
	if r.in.Observe != nil {
		r.in.Observe(e)
		r.tellPace()
	}
}

// doubt lets the settle time pass, when the state may not know what was done
// last: the look-ups after it see every asset that was made before. A stop ends it.
func (r *runner) doubt(ctx context.Context) error {
	if !r.in.Options.Doubt || r.stopped() {
		return nil
	}
	r.emit(Waiting{For: "settle", Text: "the state may be older than what was last done: waiting until the service shows it", Until: time.Now().Add(r.settleTime)})
	t := time.NewTimer(r.settleTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.stopping:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// stages runs everything that has an item in its hands. It returns when no item
// is left in any of them.
func (r *runner) stages(ctx context.Context) error {
	o := &r.in.Options
	g, ctx := errgroup.WithContext(ctx)
	busy, cancelBusy := context.WithCancelCause(ctx)
	defer cancelBusy(nil)
	r.busy = busy
	reads, end := r.looking(busy)
	defer end()
	r.reads = reads

	chunks := make(chan []*work)
	g.Go(func() error { defer close(chunks); return r.produce(ctx, chunks) })
	g.Go(func() error { return r.routeAll(ctx, chunks) })
	transfer := func(busy context.Context, w *work) error { return r.transfer(ctx, busy, w) }
	for l := range r.toRoute {
		r.workers(ctx, g, 1, r.toRoute[l], func(ctx context.Context, w *work) error { w.start = time.Now(); return r.route(ctx, w) })
		r.workers(ctx, g, orInt(o.Uploads, 8), r.toTransfer[l], transfer)
	}
	// A large file takes its share of the processors, and leaves the others theirs.
	r.workers(ctx, g, r.hashers(), r.toHash[small], r.hash)
	r.workers(ctx, g, (r.hashers()+1)/2, r.toHash[large], r.hash)
	// Large files are not registered long before they are sent.
	// Half of those who register wait for the disk: the more, the fewer commits.
	r.workers(ctx, g, 2*orInt(o.Requests, 8), r.toRegister[small], r.register)
	r.workers(ctx, g, 1, r.toRegister[large], r.register)
	r.workers(ctx, g, orInt(o.Requests, 8), r.toUpdate[small], r.update)
	g.Go(func() error { return r.park.run(ctx) })
	g.Go(func() error { return r.settler.run(ctx) })
	g.Go(func() error { return r.drain(ctx, cancelBusy, r.open.none()) })
	return r.resume.end(g.Wait())
}

// workers carry items through one stage until none is left anywhere.
func (r *runner) workers(ctx context.Context, g *errgroup.Group, n int, in <-chan *work, step func(context.Context, *work) error) {
	for range n {
		g.Go(func() error {
			for {
				select {
				case w := <-in:
					if err := r.step(ctx, w, step); err != nil {
						return err
					}
				case <-r.open.none():
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
		})
	}
}

// step carries an item through one stage. What still waits for the service when
// the drain time of a stop is over stays where it stands.
func (r *runner) step(ctx context.Context, w *work, stage func(context.Context, *work) error) error {
	r.curfew.check()
	err := stage(r.busy, w)
	switch {
	case !errors.Is(err, errDrained):
		return err
	case ctx.Err() != nil: // the run itself was ended meanwhile, which is what counts
		return context.Cause(ctx)
	}
	return r.leave(ctx, w) // a stage that gives this error back has not passed the item on
}

// errDrained ends what takes longer than the drain time after a stop.
var errDrained = errors.New("the run was asked to stop, and the drain time is over")

// drain bounds how long requests and uploads in flight may go on after a stop.
// It ends when over is closed.
func (r *runner) drain(ctx context.Context, cancel context.CancelCauseFunc, over <-chan struct{}) error {
	select {
	case <-r.stopping:
	case <-over:
		return nil
	case <-ctx.Done():
		return nil
	}
	d := r.curfew.drained(r.in.Options.drain())
	r.drainTold.Do(func() {
		r.emit(Waiting{For: "drain", Text: "stopping: uploads in flight may finish", Until: time.Now().Add(d)})
	})
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		cancel(errDrained)
	case <-over:
	case <-ctx.Done():
	}
	return nil
}

// readGrace is how long after a stop a read may still be answered that nobody needs.
const readGrace = time.Second

// until is a context that also ends, with the cause, readGrace after stop is closed, if
// may allows it then; a nil stop never is, and a nil may does. Its owner calls the
// function.
func until(ctx context.Context, stop <-chan struct{}, may func(context.Context) bool, cause error) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-stop:
		case <-ctx.Done():
			return
		}
		t := time.NewTimer(readGrace)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		if may == nil || may(ctx) {
			cancel(cause)
		}
	})
	return ctx, func() { cancel(nil); wg.Wait() }
}

// looking is the context of reads that serve to begin something, or to see what the next
// run will see as well: nobody needs them once the run stops. Its owner calls the function.
func (r *runner) looking(busy context.Context) (context.Context, func()) {
	return until(busy, r.stopping, nil, errDrained)
}

// produce gathers chunk after chunk, one ahead of the stages.
func (r *runner) produce(ctx context.Context, chunks chan<- []*work) error {
	r.resume.close()
	if err := r.g.takeInventory(r.reads, false); err != nil {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.reads.Err() != nil:
			return nil // all is told as not reached
		}
		return err
	}
	for chunk, err := range r.g.chunks(r.reads) {
		if err == nil && !r.stopped() {
			err = r.decideAll(r.reads, chunk)
		}
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if r.reads.Err() != nil {
				return nil // the rest is told as not reached
			}
			return r.readFailed(err)
		}
		if r.ending() {
			return nil
		}
		if err := r.hand(ctx, chunks, chunk); err != nil || r.ending() {
			return err
		}
	}
	if r.ending() {
		return nil
	}
	return r.goneRows(func(chunk []*work) error { return r.hand(ctx, chunks, chunk) })
}

// hand gives a chunk to the stages, unless the run stops.
func (r *runner) hand(ctx context.Context, chunks chan<- []*work, chunk []*work) error {
	select {
	case chunks <- chunk:
	case <-r.stopping:
	case <-r.purse.shut:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// readFailed is a read that the run cannot do without. When the service is the
// reason, what is in flight still finishes.
func (r *runner) readFailed(err error) error {
	switch {
	case showpad.Classify(showpad.KindRead, err) == showpad.StopRun:
		r.stop(stopRun(err))
		return nil
	case isServiceError(err):
		r.stop(&StopError{Code: 1, Err: err})
		return nil
	}
	return err
}

// stopRun is the end of a run whose credential is refused, whose service wants to
// be left alone for longer than anybody waits, or whose budget is used up.
func stopRun(err error) *StopError {
	if errors.Is(err, showpad.ErrPaused) || errors.Is(err, showpad.ErrBudget) {
		return &StopError{Code: 5, Err: err}
	}
	return &StopError{Code: 4, Err: err}
}

func isServiceError(err error) bool {
	_, ok := errors.AsType[*showpad.Error](err)
	return ok || showpad.Classify(showpad.KindRead, err) == showpad.Retry
}

func (r *runner) routeAll(ctx context.Context, chunks <-chan []*work) error {
	r.uploads.expectMore(true)
	defer func() {
		r.uploads.expectMore(false)
		r.open.last()
	}()
	for {
		select {
		case chunk, ok := <-chunks:
			if !ok {
				return nil
			}
			for _, w := range chunk {
				if r.stopped() || !r.afford(w) {
					return nil // the rest is told as not reached
				}
				if w.aside {
					r.resume.met(w.item.ExternalID)
				} else {
					r.produced++
				}
				r.open.add()
				r.tally.plan(w)
				r.emit(Decided{Row: w.Row})
				if err := r.ahead(ctx, w); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// afford promises a decided item the requests that it needs, with the tags that it
// may be the one to make. It is false when the budget does not have them.
func (r *runner) afford(w *work) bool {
	n := w.Row.Writes
	if n > 0 {
		n += len(newTags(w.Set))
	}
	if n == 0 && w.Row.Action != ActionResume && w.Row.Action != ActionAdopt {
		return true // it takes no request
	}
	return r.purse.start(w, n)
}

// route sends a decided item to the stage that it needs next.
func (r *runner) route(ctx context.Context, w *work) error {
	for _, code := range w.Warnings {
		w.warn(code)
	}
	if w.Asset != nil && w.Row.Action != ActionConflict {
		w.touched = w.Row.Overwrites == "" && w.differs()
		if err := r.foundAsset(ctx, w); err != nil {
			return err
		}
	}
	switch w.Row.Action {
	case ActionConflict:
		return r.finish(ctx, w, "conflict", nil)
	case ActionBlocked:
		return r.finish(ctx, w, "blocked", nil)
	case ActionUnchanged:
		return r.unchanged(ctx, w)
	}
	switch {
	case w.Upload && w.madeAnew && w.kept == nil:
		return r.send(ctx, r.toHash, w)
	case w.md5 == nil && (w.Upload || w.item.URL == "" && w.Row.Action == ActionAdopt && w.Row.Reason == ReasonStillProcesses):
		return r.send(ctx, r.toHash, w)
	case w.Asset == nil:
		return r.send(ctx, r.toRegister, w)
	case w.Upload && w.Row.Action != ActionRestore:
		return r.send(ctx, r.toTransfer, w)
	case w.Row.Action == ActionAdopt && w.Row.Reason == ReasonSame:
		return r.finish(ctx, w, string(state.Done), nil)
	case w.Row.Action == ActionUpdate, w.Row.Action == ActionRestore, w.Row.Reason == ReasonLinked, w.Row.Step == state.Sending:
		if w.outlived { // in the hands of a worker of that stage: no other one may be free
			return r.update(ctx, w)
		}
		return r.send(ctx, r.toUpdate, w)
	default: // the bytes are there, or there are none: see how far the service is
		return r.watch(ctx, w)
	}
}

func (r *runner) send(ctx context.Context, to lanes, w *work) error {
	select {
	case to.of(w) <- w:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hash is the stage that reads the bytes of what will be sent.
func (r *runner) hash(ctx context.Context, w *work) error {
	if r.stopped() {
		return r.leave(ctx, w)
	}
	r.emit(Stage{ExternalID: w.item.ExternalID, Stage: "hash", Size: w.Row.Size})
	if err := r.rehash(ctx, w, false); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, source.ErrWebPage) { // nothing began
			return r.refuse(ctx, w, BlockedWebPage, err.Error())
		}
		return r.fail(ctx, w, FailedSource, err)
	}
	if detail := r.otherFile(w); detail != "" {
		return r.refuse(ctx, w, StaleFile, detail)
	}
	if reason, detail := sourceProblem(&w.item, w.facts.Info, nil); reason != "" {
		return r.fail(ctx, w, reason, errors.New(detail)) // it changed since it was looked at
	}
	switch {
	case w.Asset == nil:
		return r.send(ctx, r.toRegister, w)
	case w.Row.Action == ActionRestore: // it comes back before its bytes change
		return r.send(ctx, r.toUpdate, w)
	case w.Upload:
		return r.send(ctx, r.toTransfer, w)
	}
	// Adopted while the service processes it: these are the bytes that it has to have.
	err := r.queue(ctx, w, "", nil, func(rec *state.Record) {
		rec.MD5, rec.Size, rec.Listed, rec.ModTime = w.facts.MD5, w.facts.Info.Size, w.facts.Info.Listed, w.mtime
	})
	if err != nil {
		return err
	}
	return r.watch(ctx, w)
}

// rehash takes the checksum of w's file, from the cache if that knows it, unless
// the file is to be read in any case. Bytes that are dear to read are kept until
// they are sent, but not by one who sends: those who keep bytes wait for him.
func (r *runner) rehash(ctx context.Context, w *work, read bool) error {
	src, err := sourceOf(r.in.Sources, w.item.Location)
	if err != nil {
		return err
	}
	hashed := r.in.now()
	if k, ok := src.(source.Keeper); ok && !read {
		w.letGo()
		w.kept = &keptBytes{Source: src, keeper: k}
		src = w.kept
	}
	known, begun := w.facts.MD5 != "" && !read, time.Now()
	r.meter.at(atHash, 1)
	sum, info, err := r.in.hashFile(ctx, src, w.item.Location, read)
	r.meter.at(atHash, -1)
	if err != nil {
		return err
	}
	if !known {
		r.meter.hash(info.Size, time.Since(begun))
	}
	w.took(sum, info, hashed)
	if w.back != nil && w.facts.MD5 != w.back.file {
		return fmt.Errorf("%s: the bytes that were kept have the MD5 %s now (bring the folder back as it was)", w.item.Location, w.facts.MD5)
	}
	return nil
}

// notReached tells of the selected items that a stop kept from being decided,
// so that each item has its row in the evidence.
func (r *runner) notReached(ctx context.Context) error {
	if !r.stopped() {
		return nil
	}
	n := 0
	size := orInt(r.in.Options.limits.chunk, chunkSize)
	chunk := make([]manifest.Item, 0, size)
	tell := func() error {
		ids := make([]string, len(chunk))
		for i := range chunk {
			ids[i] = chunk[i].ExternalID
		}
		recs, err := r.in.State.Get(ctx, ids)
		if err != nil {
			return err
		}
		for i := range chunk {
			w := &work{item: chunk[i]}
			w.Row = Row{ExternalID: w.item.ExternalID, Reason: ReasonNotReached, Source: w.item.Location.String(), Name: manifest.AssetName(w.item), Division: w.item.Division, Keep: w.item.Keep}
			if w.item.URL != "" {
				w.Row.Source = w.item.URL
			}
			if rec, ok := recs[w.item.ExternalID]; ok {
				w.rec = &rec
			}
			r.report(w, string(w.status()), nil)
		}
		chunk = chunk[:0]
		return nil
	}
	for item, err := range selected(ctx, &r.in.Input) {
		if err != nil {
			return err
		}
		if r.plan != nil {
			if _, err := r.plan.Row(item.ExternalID); err != nil { // it is not gone
				return err
			}
		}
		if aside, met := r.resume.setAside(item.ExternalID); met {
			continue
		} else if !aside {
			if n++; n <= r.produced {
				continue
			}
		}
		if chunk = append(chunk, item); len(chunk) == size {
			if err := tell(); err != nil {
				return err
			}
		}
	}
	if err := tell(); err != nil {
		return err
	}
	return r.goneRows(func(gone []*work) error {
		for _, w := range gone {
			if n++; n > r.produced {
				r.report(w, "blocked", &state.Failure{Code: w.Row.Reason, Message: w.Row.Detail})
			}
		}
		return nil
	})
}

// openItems counts the items that are in some stage.
type openItems struct {
	meter *meter
	mu    sync.Mutex
	n     int
	ended bool // no more will be added
	empty chan struct{}
}

func newOpenItems(m *meter) *openItems { return &openItems{empty: make(chan struct{}), meter: m} }

func (o *openItems) add() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n++
	o.meter.are(atItems, o.n)
}

func (o *openItems) done() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n--
	o.meter.are(atItems, o.n)
	o.check()
}

// last says that no more items will be added.
func (o *openItems) last() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.check()
}

func (o *openItems) check() {
	if o.ended && o.n == 0 {
		select {
		case <-o.empty:
		default:
			close(o.empty)
		}
	}
}

// none is closed once the last item has left the last stage.
func (o *openItems) none() <-chan struct{} { return o.empty }

// others reports whether items beyond n are open, or may still come.
func (o *openItems) others(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n > n || !o.ended
}

// conclude fills in the outcome.
func (r *runner) conclude(out *Outcome, err error) {
	r.tally.into(out)
	if r.g != nil {
		r.g.exposed(&out.Plan)
		out.Plan.Export = r.g.byExport()
		out.Plan.Reads = forecastReads(r.g.made(), &out.Plan) + r.in.Options.downloads(&out.Plan)
	}
	out.End = time.Now()
	if r.in.Calls != nil {
		out.Requests = r.in.Calls.Snapshot()
	}
	if err == nil && r.stopped() {
		err = r.stopCause
	}
	if out.takes = r.back != nil; !out.takes && out.Plan.Prune == nil {
		out.Plan.Prune = r.notPruned()
	}
	u := r.usage()
	u.ended = r.endedBy(err)
	out.Limit = u.limit()
	out.Err = err
	out.Code = exitCode(out, err)
	out.Sentence = sentence(out)
}

// exitCode is the first that applies of 130, 7, 2, 4, 1, 5, 3, 6, 0.
func exitCode(out *Outcome, err error) int {
	if err != nil {
		if stop, ok := errors.AsType[*StopError](err); ok {
			if stop.Code != 6 || out.undone() == 0 {
				return stop.Code
			}
			return 3
		}
		return 1
	}
	switch {
	case out.undone() > 0 || out.unknown() > 0 || out.tagsLeft > 0 || out.Plan.Prune.Refused():
		return 3
	case out.Status[string(state.Sent)]+out.Status[string(state.Processing)]+out.extras(state.ExtraTicket) > 0:
		return 6
	}
	return 0
}

// undone counts results that need a person.
func (o *Outcome) undone() int {
	return o.Status["failed"] + o.Status["conflict"] + o.Status["blocked"] +
		o.extras(state.ExtraFailed) + o.extras("conflict") + o.extras("blocked") + o.extras(state.ExtraUnknown)
}

// extras counts results of extras.
func (o *Outcome) extras(status state.ExtraStatus) int {
	n := 0
	for _, of := range o.Extras {
		n += of[string(status)]
	}
	return n
}

// unknown counts results that a run without a reason to stop left unfinished.
func (o *Outcome) unknown() int {
	n := 0
	for _, s := range []state.Status{state.Pending, state.Registering, state.Registered, state.Sending} {
		n += o.Status[string(s)]
	}
	return n
}

func sentence(out *Outcome) string {
	total, done, same := 0, out.Status["done"], out.Status["unchanged"]
	for _, n := range out.Status {
		total += n
	}
	for k, n := range out.pruned {
		total -= n
		switch k[0] {
		case "done":
			done -= n
		case "unchanged":
			same -= n
		}
	}
	var s strings.Builder
	verb, before := "done", "unchanged"
	if out.takes {
		verb, before = "taken back", "already"
	}
	s.WriteString(fmt.Sprintf("%d of %d %s", done+same, total, verb))
	if same > 0 {
		s.WriteString(fmt.Sprintf(" (%d %s)", same, before))
	}
	for _, a := range []struct {
		action Action
		text   string
	}{{ActionArchive, "archived"}, {ActionDelete, "deleted"}} {
		if n := out.pruned[[2]string{"done", string(a.action)}]; n > 0 {
			s.WriteString(fmt.Sprintf(", %d no longer listed and %s", n, a.text))
		}
	}
	if out.Plan.Prune.Refused() {
		s.WriteString(fmt.Sprintf(", %d no longer listed and not pruned", out.Plan.Prune.Unlisted))
	}
	for _, k := range []string{"failed", "conflict", "blocked"} {
		if n := out.Status[k]; n > 0 {
			s.WriteString(fmt.Sprintf(", %d %s", n, k))
		}
	}
	if n := out.Status["sent"] + out.Status["processing"]; n > 0 {
		s.WriteString(fmt.Sprintf(", %d still being processed by the service", n))
	}
	if rest := out.unknown(); rest > 0 {
		s.WriteString(fmt.Sprintf(", %d to continue", rest))
	}
	extras := extraSentence(out.Extras)
	if total == 0 && extras != "" && s.String() == "0 of 0 done" { // a manifest without items
		return strings.TrimPrefix(extras, "; ")
	}
	return s.String() + extras
}
