package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

const (
	pollBatch   = 100                    // assets asked for in one poll
	pollFirst   = 250 * time.Millisecond // the first interval
	pollLongest = 30 * time.Second
	// pollPatience is how long an item waits for company while others are still
	// being sent: a poll costs a request, whether it asks for one asset or 100.
	pollPatience = 15 * time.Second
	// pollEarly is the same as long as polls are few: below ten and one for every
	// fifty items.
	pollEarly = 2 * time.Second
	// urlLife is how long an upload URL may start a transfer. Source: v4 postAssetFiles.
	urlLife = 15 * time.Minute
)

// settler is the one poller: it watches all items whose bytes were sent, oldest
// first, and finishes those that the service has made active with our bytes.
// While the service keeps up, a full batch is asked for as soon as there is one:
// it costs a request for a hundred items, and an interval would bound the run.
type settler struct {
	r     *runner
	mu    sync.Mutex
	queue []*watched // oldest first
	wake  chan struct{}

	batch    int // assets asked for in one poll
	interval time.Duration
	times    pollTimes
	least    time.Duration // between two polls, whatever interval says
	last     time.Time     // of the last poll
	moved    time.Time     // when something last got further
	still    int           // polls in a row without movement
	swift    bool          // the last poll settled all that it asked for: the service keeps up
	polls    int
	added    int // items handed over so far
	waitTold bool
}

// watched is one item in the poller's hands.
type watched struct {
	w      *work
	since  time.Time
	sent   time.Time // when its bytes went, on the monotonic clock
	status string    // as last seen
	polled bool
	not    time.Time // when it was last seen not to be there; zero: it was not asked about
	odd    int       // polls in a row that showed it active with another version
}

// newWatched begins to watch w. When its bytes went is known from this run, or by
// the wall clock from the record of an earlier one: a clock that was put back
// since makes that time now.
func (s *settler) newWatched(w *work) *watched {
	o := &watched{w: w, since: time.Now(), sent: w.sentAt}
	if o.sent.IsZero() {
		o.sent = o.since
		if at := w.rec.SentAt; !at.IsZero() {
			o.sent = o.since.Add(-max(0, s.r.in.now().Sub(at)))
		}
	}
	return o
}

// sentText is when the bytes went, for people.
func (s *settler) sentText(o *watched) string {
	return s.r.in.now().Add(-time.Since(o.sent)).Format(time.RFC3339)
}

func newSettler(r *runner) *settler {
	return &settler{r: r, wake: make(chan struct{}, 1), interval: pollFirst, batch: orInt(r.in.Options.limits.batch, pollBatch)}
}

// slim lets go of what waiting does not need: a backlog at the service is as
// long as the library. The answer's own form is in Seen.
func (w *work) slim() {
	w.look, w.facts.Remote = nil, nil
	if w.Asset != nil && w.Asset.Raw != nil {
		a := *w.Asset
		a.Raw = nil
		w.Asset = &a
	}
}

// add hands an item over. It never waits.
func (s *settler) add(w *work) {
	s.mu.Lock()
	s.added++
	s.queue = append(s.queue, s.newWatched(w))
	s.r.meter.are(atService, len(s.queue))
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *settler) run(ctx context.Context) error {
	s.moved = time.Now()
	for {
		if s.r.stopped() {
			if err := s.leaveAll(ctx); err != nil {
				return err
			}
		}
		next, ok := s.next()
		if ok && !next.After(time.Now()) && !s.r.purse.polls() {
			if err := s.leaveAll(ctx); err != nil { // the next run verifies them
				return err
			}
			continue
		}
		if ok && !next.After(time.Now()) {
			if err := s.poll(ctx); err != nil {
				return err
			}
			continue
		}
		done, err := s.wait(ctx, next, ok)
		if done || err != nil {
			return err
		}
	}
}

// next is when to poll; false when there is nothing to poll for.
func (s *settler) next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.queue)
	if n == 0 {
		return time.Time{}, false
	}
	wait := s.r.in.Options.wait()
	next := s.last
	if !s.swift {
		pause := s.interval
		if wait >= 0 || s.r.open.others(n) { // else nobody waits: each is looked at, and that is all
			pause = max(pause, s.least)
		}
		next = next.Add(pause)
	}
	if wait >= 0 {
		if due := s.times.due(s.queue[:min(s.batch, n)]); due.After(next) {
			next = due
		}
		if over := s.moved.Add(wait + pollFirst); next.After(over) && !s.r.open.others(n) {
			next = over // nobody waits for longer: that poll is the last
		}
	}
	if last, ok := s.r.curfew.lastLook(); ok && next.After(last) && s.last.Before(last) {
		next = last
	}
	if n < s.batch && s.r.open.others(n) {
		patience := pollPatience
		if s.polls < 10+s.added/50 {
			patience = pollEarly
		}
		if patient := s.queue[0].since.Add(patience); patient.After(next) {
			next = patient
		}
	}
	return next, true
}

func (s *settler) wait(ctx context.Context, next time.Time, timed bool) (done bool, err error) {
	var timer <-chan time.Time
	if timed {
		// Other items may end meanwhile, which makes the poll due earlier.
		d := min(time.Until(next), s.interval)
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	stopping := s.r.stopping
	if s.r.stopped() {
		stopping = nil
	}
	select {
	case <-timer:
	case <-s.wake:
	case <-stopping:
	case <-s.r.open.none():
		return true, nil
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
	return false, nil
}

func (s *settler) leaveAll(ctx context.Context) error {
	s.mu.Lock()
	queue := s.queue
	s.queue = nil
	s.r.meter.are(atService, 0)
	s.mu.Unlock()
	for _, o := range queue {
		if err := s.r.leave(ctx, o.w); err != nil {
			return err
		}
	}
	return nil
}

// poll asks for the oldest batch. While that does not move, no other one is
// asked for: a backlog at the service is told from a file that is stuck by
// turning to the next batch only now and then.
func (s *settler) poll(ctx context.Context) error {
	s.mu.Lock()
	turnAfter := 4
	if s.r.in.Options.Wait < 0 {
		turnAfter = 1 // each is looked at, and none waited for
	}
	if s.still > 0 && s.still%turnAfter == 0 && len(s.queue) > s.batch {
		s.queue = append(s.queue[s.batch:len(s.queue):len(s.queue)], s.queue[:s.batch]...)
	}
	batch := append([]*watched(nil), s.queue[:min(s.batch, len(s.queue))]...)
	s.mu.Unlock()

	ids := make([]string, len(batch))
	for i, o := range batch {
		ids[i] = o.w.Asset.ID
	}
	found, err := byAssetID(s.r.reads, s.r.in.API, ids)
	s.last, s.swift = time.Now(), false
	s.polls++
	for _, o := range batch {
		o.polled = true
	}
	if err != nil {
		return s.unread(ctx, err)
	}
	keep := make(map[*watched]bool, len(batch))
	moved, all := false, true
	for i, o := range batch {
		a, ok := found[ids[i]]
		size, sent := o.w.rec.Size, o.w.item.URL == "" // once settled, an item is its next stage's
		var settled bool
		if ok {
			before := o.status
			settled, err = s.look(ctx, o, &a)
			moved = moved || settled || o.status != before
		} else {
			settled, err = s.absent(ctx, o)
			moved = moved || settled
		}
		if err != nil {
			return err
		}
		keep[o] = !settled
		all = all && settled
		switch {
		case !settled:
			o.not = s.last
		case ok && a.Status == showpad.StatusActive && sent:
			s.times.seen(size, max(0, o.not.Sub(o.sent)), s.last.Sub(o.sent))
		}
	}
	s.times.learn()
	s.mu.Lock()
	left := s.queue[:0]
	for _, o := range s.queue {
		if k, polled := keep[o]; !polled || k {
			left = append(left, o)
		}
	}
	clear(s.queue[len(left):])
	s.queue = left
	n := len(left)
	s.least = 0
	if n > 0 {
		oldest := left[:min(n, s.batch)]
		s.least = max(s.times.again(oldest), s.stretched(oldest[0]))
	}
	s.r.meter.are(atService, n)
	s.mu.Unlock()

	s.swift = all
	if moved {
		s.moved, s.still, s.waitTold = time.Now(), 0, false
		s.interval = max(pollFirst, s.interval/2)
		return nil
	}
	s.still++
	s.interval = min(pollLongest, s.interval*8/5)
	return s.patience(n)
}

// unseen reports whether there are items that no poll has asked for.
func (s *settler) unseen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.queue, func(o *watched) bool { return !o.polled })
}

// patience ends the wait for a service that does not get further.
func (s *settler) patience(waiting int) error {
	wait := s.r.in.Options.wait()
	if waiting == 0 || s.r.open.others(waiting) {
		return nil
	}
	if wait < 0 && s.unseen() {
		s.swift = true // the run ends once each has been looked at
		return nil
	}
	until := s.moved.Add(wait)
	if wait < 0 || !time.Now().Before(until) { // the poll for that moment is this one
		s.r.stop(unsettled(waiting))
		return nil
	}
	if !s.waitTold {
		s.waitTold = true
		s.r.emit(Waiting{For: "processing", Text: fmt.Sprintf("files that the service is processing: %d", waiting), Until: until})
	}
	return nil
}

// unsettled is the end of a run that has sent everything.
func unsettled(waiting int) *StopError {
	return &StopError{Code: 6, Err: fmt.Errorf("all is sent; files that the service still processes: %d (run again later to verify them)", waiting)}
}

// unread is a poll without an answer: tried again later, unless the run has to
// end.
func (s *settler) unread(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.r.reads.Err() != nil {
		return nil // the run stops: all that waits is left
	}
	s.interval = min(pollLongest, s.interval*2)
	if showpad.Classify(showpad.KindRead, err) != showpad.Retry {
		return s.r.readFailed(err)
	}
	s.still++ // the next poll is another batch's
	s.mu.Lock()
	n := len(s.queue)
	s.mu.Unlock()
	err = s.patience(n)
	s.swift = false // an answer is waited for, whoever else is to be looked at
	return err
}

// absent is an asset that the list does not show: perhaps not yet.
func (s *settler) absent(ctx context.Context, o *watched) (bool, error) {
	if time.Since(o.since) < s.r.settleTime {
		return false, nil
	}
	a, err := s.r.in.API.Asset(s.r.busy, o.w.Asset.ID)
	switch {
	case err == nil:
		o.since = time.Now() // it is there; ask singly no more often than this
		return s.look(ctx, o, &a)
	case errors.Is(err, showpad.ErrNotFound):
		return true, s.r.fail(ctx, o.w, FailedGone, fmt.Errorf("asset %s went away while it was being processed", o.w.Asset.ID))
	}
	return false, s.unread(ctx, err)
}

// look takes one item as far as the service is with it. It is true when the
// poller is done with it.
func (s *settler) look(ctx context.Context, o *watched, a *showpad.Asset) (bool, error) {
	w, r := o.w, s.r
	w.Asset, w.name, w.slug, w.Seen = a, a.Name, a.Slug, shown(a)
	w.slim()
	state0 := a.Status
	if a.CurrentFile != nil {
		state0 += " " + a.CurrentFile.ID
	}
	o.status = state0
	if w.item.URL != "" {
		switch a.Status {
		case showpad.StatusActive:
			return true, s.verified(ctx, w)
		case showpad.StatusFailed:
			return true, r.fail(ctx, w, FailedProcessing, s.reason(ctx, w))
		}
		return s.slow(ctx, o, a)
	}
	rec := w.rec
	ours := rec.FileID == "" || (a.CurrentFile != nil && a.CurrentFile.ID == rec.FileID)
	switch {
	case a.Status == showpad.StatusActive && ours && a.Checksum != "":
		if !strings.EqualFold(a.Checksum, rec.MD5) || (a.Size != nil && *a.Size != rec.Size) {
			if rec.FileID == "" && rec.Attempts == 0 && r.in.Manifest.Update.Conflicts != "overwrite" {
				return true, r.fail(ctx, w, ConflictAdopt, fmt.Errorf("asset %s was found while it was processed, and has other bytes than %s: keep them by taking the item out, or set update: {conflicts: overwrite} and run with --retry-failed", a.ID, w.Row.Source))
			}
			if rec.FileID == "" {
				w.Upload = true // some version is there, and it is not these bytes
				return true, r.again(ctx, w)
			}
			return true, r.fail(ctx, w, FailedChecksum, fmt.Errorf("the service shows %s bytes with MD5 %s, and we sent %d with %s", sizeText(a.Size), a.Checksum, rec.Size, rec.MD5))
		}
		return true, s.verified(ctx, w)
	case a.Status == showpad.StatusFailed && (rec.Op == state.Create || ours):
		return true, r.fail(ctx, w, FailedProcessing, s.reason(ctx, w))
	}
	return s.slow(ctx, o, a)
}

func sizeText(n *int64) string {
	if n == nil {
		return "an unknown number of"
	}
	return fmt.Sprint(*n)
}

// slow is an item that is not there yet: it may be queued, lost, or overtaken.
func (s *settler) slow(ctx context.Context, o *watched, a *showpad.Asset) (bool, error) {
	w, r := o.w, s.r
	rec := w.rec
	if w.item.URL == "" && a.Status == showpad.StatusPrepared && (rec.Status == state.Sent || rec.Status == state.Processing) && time.Since(o.sent) > urlLife {
		// Storage took the bytes, and the service never heard of them.
		w.Upload = true
		return true, r.again(ctx, w)
	}
	limit := r.in.Options.ProcessingTimeout
	if limit == 0 {
		limit = 24 * time.Hour
	}
	overdue := time.Since(o.sent) > limit
	if a.Status == showpad.StatusActive && rec.FileID != "" {
		// Active with another version: ours may still be on its way, or have failed.
		if o.odd++; o.odd%4 == 0 || overdue || r.in.Options.Wait < 0 { // which gives no item four looks
			return s.version(ctx, o, a, overdue)
		}
	}
	if overdue {
		return true, r.fail(ctx, w, FailedTimeout, fmt.Errorf("asset %s is still %q: its bytes were sent at %s", a.ID, a.Status, s.sentText(o)))
	}
	if w.item.URL == "" && rec.Status != state.Processing && (a.Status == showpad.StatusQueued || a.Status == showpad.StatusProcessing) {
		if err := r.queue(ctx, w, "The service processes it.", nil, func(rec *state.Record) {
			rec.Status = state.Processing
			if rec.SentAt.IsZero() {
				rec.SentAt = r.in.now().Add(-time.Since(o.sent)).UTC()
			}
		}); err != nil {
			return true, err
		}
	}
	return false, nil
}

// version asks about the very version that we sent, of an asset that is active
// with another one. An overdue one is no longer waited for.
func (s *settler) version(ctx context.Context, o *watched, a *showpad.Asset, overdue bool) (bool, error) {
	w, r := o.w, s.r
	f, err := r.in.API.File(r.busy, a.ID, w.rec.FileID)
	switch {
	case err != nil && errors.Is(err, showpad.ErrNotFound):
		return true, r.fail(ctx, w, FailedGone, fmt.Errorf("version %s of asset %s went away", w.rec.FileID, a.ID))
	case err != nil:
		return false, s.unread(ctx, err)
	case (overdue || f.Status != showpad.StatusQueued && f.Status != showpad.StatusProcessing) && strings.EqualFold(a.Checksum, w.rec.MD5) && (a.Size == nil || *a.Size == w.rec.Size):
		// Our bytes, by another version of ours: the one whose record a crash cut
		// off, or whose answer was lost. The one noted never got bytes, is older, or
		// got stuck.
		if a.CurrentFile != nil {
			w.rec.FileID = a.CurrentFile.ID
		}
		w.warn(WarnOtherFile)
		return true, s.verified(ctx, w)
	case f.Status == showpad.StatusFailed:
		return true, r.fail(ctx, w, FailedProcessing, errors.New(cmp.Or(f.Error, "the service gave no reason")))
	case f.Status == showpad.StatusPrepared && w.rec.Status == state.Sent && time.Since(o.sent) > urlLife:
		w.Upload = true
		return true, r.again(ctx, w)
	case f.Status == showpad.StatusActive && a.CurrentFile != nil && o.odd >= 12:
		return true, r.fail(ctx, w, FailedChecksum, fmt.Errorf("asset %s uses version %s, and not %s that we sent: somebody else uploads to it", a.ID, a.CurrentFile.ID, w.rec.FileID))
	case overdue:
		return true, r.fail(ctx, w, FailedTimeout, fmt.Errorf("version %s of asset %s is still %q: its bytes were sent at %s", w.rec.FileID, a.ID, f.Status, s.sentText(o)))
	}
	return false, nil
}

// again sends the bytes of an item once more, through a new URL.
func (r *runner) again(ctx context.Context, w *work) error {
	if w.resent++; w.resent > r.retries {
		return r.fail(ctx, w, FailedUpload, fmt.Errorf("storage took the bytes %d times, and the service does not have them", w.resent))
	}
	if w.md5 == nil {
		return r.send(ctx, r.toHash, w)
	}
	return r.send(ctx, r.toTransfer, w)
}

// reason is why processing failed: the asset does not say, its file does.
func (s *settler) reason(ctx context.Context, w *work) error {
	if id := w.rec.FileID; id != "" {
		if f, err := s.r.in.API.File(s.r.busy, w.Asset.ID, id); err == nil && f.Error != "" {
			return errors.New(f.Error)
		}
	}
	return errors.New("the service could not process the file, and gave no reason")
}

// verified finishes an item whose bytes are right, or sends what its fields lack.
func (s *settler) verified(ctx context.Context, w *work) error {
	r := s.r
	if w.item.URL == "" && !w.sentAt.IsZero() {
		r.meter.settled(time.Since(w.sentAt))
	}
	if w.item.URL == "" && w.Asset.CurrentFile != nil && w.rec.FileID == "" {
		w.rec.FileID = w.Asset.CurrentFile.ID
	}
	if w.back != nil {
		return r.send(ctx, r.toUpdate, w)
	}
	todo := w.Set // of a decision that read the asset
	if w.rec.Op == state.Create && w.rec.Status != state.Done {
		todo = clone(w.Set)
		for name, b := range w.rec.Fields {
			if _, ok := todo[name]; ok || b.Sent == nil {
				continue
			}
			if want, ok := w.Want[name]; ok && !sameTags(name, b.Sent, want) && (name != "tags" || w.facts.Rules.Tags != "add") {
				continue // it was wanted when the create left, and no longer is
			}
			now, known := w.Seen[name]
			switch {
			case !known, name == "tags", bytes.Equal(now, b.Seen), bytes.Equal(now, b.Sent):
				todo[name] = b.Sent
			case sameForm(b.Sent, now):
				w.warn(WarnNormalised)
			default: // it was as sent, and somebody changed it since
				w.warn(ConflictChanged)
			}
		}
	}
	w.Set = lacking(todo, w.Seen, r.in.Manifest.Update)
	if len(w.Set) > 0 {
		return r.send(ctx, r.toUpdate, w)
	}
	return r.done(ctx, w, w.Seen)
}
