package state

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	queueSize  = 4096 // requests that wait for the writer
	groupSize  = 1024 // writes in one commit, about
	keepEvents = 32   // for each external ID
	// holdFor is how long a step that nobody waits for may stay with the writer:
	// the next steps of its item come within it, and are written as one.
	holdFor = 100 * time.Millisecond
)

// request is what one call asks of the writer: all of it or nothing.
type request struct {
	writes []entry
	force  bool // writes may replace whatever stands there
	meta   [][2]string
	run    *Run
	made   *madeEntry
	rename *renaming
	extra  *extraEntry
	err    error      // why it was refused; of the writer until done is sent to
	done   chan error // nil: nobody waits
}

// entry is a Write, encoded by its caller's goroutine, but for a record that may
// never be written because the next one of its item comes first.
type entry struct {
	id     string
	head   head
	record []byte  // sealed; nil: later is to be encoded
	later  *Record // nil unless record is
	event  []byte  // nil: none
	run    string
	change []byte // nil: none
}

// steps reports whether r is about records of items, and nothing else.
func (r *request) steps() bool { return len(r.writes) > 0 }

// Put stores all of w, or refuses all of it, and returns once it is on disk. It
// sets the time of each record. ctx covers waiting for the writer only: what
// the writer has taken is committed.
//
// A step that the record cannot take fails with [ErrTransition] and changes
// nothing. After a failed commit every later write fails with its cause.
func (s *Store) Put(ctx context.Context, w ...Write) error {
	if len(w) == 0 {
		return nil
	}
	r, err := s.prepare(w, false)
	if err != nil {
		return err
	}
	return s.wait(ctx, r)
}

// Replace is Put for records that are not the next step of an item but what is
// known of it now, whatever was known before: those of a rebuild from the
// service, and of a binding. Only a status that its op does not have fails with
// [ErrTransition]. Events are added and changes kept, as Put does.
func (s *Store) Replace(ctx context.Context, w ...Write) error {
	if len(w) == 0 {
		return nil
	}
	r, err := s.prepare(w, false)
	if err != nil {
		return err
	}
	r.force = true
	return s.wait(ctx, r)
}

// Queue is Put without the wait: w will be on disk within a tenth of a second, at
// the latest when Flush or Close returns. The steps of an item keep their order,
// whoever waits for them; steps of other items may be on disk before. Of several
// steps of one item in a commit the last record is written. Queue blocks while the
// queue is full. A step that is refused is told by the next
// Flush, or by Close.
func (s *Store) Queue(ctx context.Context, w ...Write) error {
	if len(w) == 0 {
		return nil
	}
	r, err := s.prepare(w, true)
	if err != nil {
		return err
	}
	return s.send(ctx, r)
}

// Flush returns once all that was queued before it is on disk, with the first
// refusal among it.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.wait(ctx, &request{}); err != nil {
		return err
	}
	return s.takeErr()
}

// SetMeta stores value under key, as Put does; see meta.go for the keys.
func (s *Store) SetMeta(ctx context.Context, key, value string) error {
	if key == "" || reserved(key) {
		return fmt.Errorf("state: the key %q is the store's own", key)
	}
	return s.wait(ctx, &request{meta: [][2]string{{key, value}}})
}

// SetRun stores what is known of a run, as Put does, in place of what was known
// of the run with the same ID.
func (s *Store) SetRun(ctx context.Context, run Run) error {
	if err := checkRun(run.ID); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	run.Start, run.End = run.Start.UTC(), run.End.UTC()
	run.Outcome = clean(run.Outcome)
	return s.wait(ctx, &request{run: &run})
}

func (s *Store) wait(ctx context.Context, r *request) error {
	r.done = make(chan error, 1)
	if err := s.send(ctx, r); err != nil {
		return err
	}
	return <-r.done
}

// send gives r to the writer.
func (s *Store) send(ctx context.Context, r *request) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.sending.RLock()
	defer s.sending.RUnlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.failure(); err != nil {
		return err
	}
	select {
	case s.queue <- r:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// failure is why nothing can be written any more, or nil.
func (s *Store) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// prepare makes a request of ws; held says that nobody waits for it.
func (s *Store) prepare(ws []Write, held bool) (*request, error) {
	r := &request{writes: make([]entry, 0, len(ws))}
	for i := range ws {
		w := &ws[i]
		e, err := w.encode(s.now(), held && w.Record.simple())
		if err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
		r.writes = append(r.writes, e)
	}
	return r, nil
}

// now is the time that goes into records, without its monotonic part.
func (s *Store) now() time.Time {
	clock := s.opts.Clock
	if clock == nil {
		clock = time.Now
	}
	return clock().UTC().Round(0)
}

// encode makes an entry of w; later leaves the record to the writer.
func (w *Write) encode(now time.Time, later bool) (e entry, err error) {
	if err := checkID(w.Record.ExternalID); err != nil {
		return e, err
	}
	rec := &w.Record
	if !later {
		rec = new(w.Record) // the caller's is not changed
	}
	rec.Updated = now
	e = entry{id: rec.ExternalID, head: head{rec.Op, rec.Status}, run: cmp.Or(w.ChangeRun, rec.Run)}
	if later {
		e.later = rec
	} else if e.record, err = appendSealed(make([]byte, 0, 1024), rec); err != nil { // about what a record takes
		return e, err
	}
	if w.Event != "" {
		enc := encoder{b: make([]byte, 0, 192)}
		enc.event(&Event{Time: rec.Updated, Run: rec.Run, Op: rec.Op, Status: rec.Status, Text: clean(w.Event)})
		if e.event, err = enc.b, enc.err; err != nil {
			return e, err
		}
	}
	if w.Change != nil {
		if err := checkRun(e.run); err != nil {
			return e, fmt.Errorf("the change of %q needs the run that makes it: %w", rec.ExternalID, err)
		}
		enc := encoder{b: make([]byte, 0, 64)}
		enc.change(w.Change)
		if e.change, err = enc.b, enc.err; err != nil {
			return e, fmt.Errorf("change of %q: %w", rec.ExternalID, err)
		}
	}
	return e, nil
}

// writer owns all writing: it takes what has queued up, commits it as one
// transaction and wakes those who wait. Steps that nobody waits for are held a
// while, see [holdFor]; an intent does not carry those of other items along.
func (s *Store) writer() {
	defer close(s.done)
	var h backlog
	for {
		select {
		case r, ok := <-s.queue:
			if !ok {
				s.commit(h.all())
				return
			}
			runtime.Gosched() // lets those just woken add their next one
			h.add(r)
			for more := true; more && h.room(); {
				select {
				case r, ok := <-s.queue:
					if more = ok; ok {
						h.add(r)
					}
				default:
					more = false
				}
			}
			if group := h.due(); len(group) > 0 {
				s.commit(group)
			}
		case <-h.timer():
			s.commit(h.all())
		}
	}
}

// backlog is what the writer has taken and not committed, in its order.
type backlog struct {
	requests []*request
	writes   int
	urgent   bool        // somebody waits for a step
	flush    bool        // somebody waits for everything
	wake     *time.Timer // nil: nothing is held
}

func (h *backlog) add(r *request) {
	h.requests = append(h.requests, r)
	h.writes += 1 + len(r.writes)
	switch {
	case !r.steps() || !r.single():
		h.flush = true
	case r.done != nil:
		h.urgent = true
	}
}

// single reports whether all steps of r are of one item.
func (r *request) single() bool {
	for i := range r.writes {
		if r.writes[i].id != r.writes[0].id {
			return false
		}
	}
	return true
}

func (h *backlog) room() bool { return h.writes < groupSize }

// timer ends when what is held has been held long enough; nil while nothing is.
func (h *backlog) timer() <-chan time.Time {
	if h.wake == nil {
		return nil
	}
	return h.wake.C
}

// all lets everything go.
func (h *backlog) all() []*request {
	group := h.requests
	if h.wake != nil {
		h.wake.Stop()
	}
	*h = backlog{}
	return group
}

// due is what has to be committed now: nothing, everything, or the steps that
// somebody waits for with those of the same items.
func (h *backlog) due() []*request {
	switch {
	case h.flush || !h.room():
		return h.all()
	case h.wake == nil:
		h.wake = time.NewTimer(holdFor)
	}
	if !h.urgent {
		return nil
	}
	h.urgent = false
	waits := map[string]bool{}
	for _, r := range h.requests {
		if r.done != nil {
			waits[r.writes[0].id] = true
		}
	}
	var group []*request
	keep := h.requests[:0]
	for _, r := range h.requests {
		if waits[r.writes[0].id] {
			group = append(group, r)
			h.writes -= 1 + len(r.writes)
		} else {
			keep = append(keep, r)
		}
	}
	clear(h.requests[len(keep):])
	h.requests = keep
	if len(keep) == 0 {
		h.all()
	}
	return group
}

func (s *Store) commit(group []*request) {
	if len(group) == 0 {
		return
	}
	err := s.failure()
	if err == nil {
		if err = s.transact(group); err != nil {
			err = fmt.Errorf("%s: the state cannot be written: %w (nothing more is written; make room or mend the disk and run again)", s.path, err)
			s.mu.Lock()
			s.broken = err
			s.mu.Unlock()
		}
	}
	for _, r := range group {
		out := r.err
		if err != nil {
			out = err
		}
		switch {
		case r.done != nil:
			r.done <- out
		case out != nil:
			s.mu.Lock()
			if s.refused == nil {
				s.refused = out
			}
			s.mu.Unlock()
		}
	}
	clear(group)
}

// transact applies group in one transaction. Its error means that nothing was.
func (s *Store) transact(group []*request) error {
	b := batch{counts: s.counts.clone(), room: s.room[:0]}
	err := s.transaction(func(tx *bolt.Tx) (bool, error) {
		b.bind(tx)
		err := b.apply(group)
		if err == nil && b.changed {
			err = b.close(s.serial + 1)
		}
		return b.changed, err
	})
	if err == nil && b.changed {
		s.counts, s.serial = b.counts, s.serial+1
	}
	if cap(b.room) <= maxRoom {
		s.room = b.room
	}
	return err
}

// transaction commits what f does if it changed anything. Its error means that
// nothing was changed.
func (s *Store) transaction(f func(tx *bolt.Tx) (changed bool, err error)) error {
	return guard(s.path, func() error {
		tx, err := s.db.Begin(true)
		if err != nil {
			return err
		}
		finished := false
		defer func() {
			if !finished { // a panic is on its way up
				s.abandoned = true
				defer func() { _ = recover() }()
				_ = tx.Rollback()
				s.abandoned = false
			}
		}()
		changed, err := f(tx)
		if changed && err == nil {
			if s.commits++; s.opts.FailWrite != nil {
				err = s.opts.FailWrite(s.commits)
			}
			if err == nil {
				err = tx.Commit() // rolls back by itself when it fails
				finished = true
				return err
			}
		}
		finished = true
		return errors.Join(err, tx.Rollback())
	})
}

// batch is one transaction of the writer.
type batch struct {
	counts                                         Counts
	changed                                        bool
	touched                                        map[string]*touched // written by settle
	meta, items, open, changes, events, runs, made *bolt.Bucket
	tx                                             *bolt.Tx
	room                                           []byte // of records that are encoded here: bbolt copies them when it commits
}

// maxRoom is how much room for records is kept from one transaction to the next,
// in bytes.
const maxRoom = 1 << 20

func (b *batch) bind(tx *bolt.Tx) {
	b.meta, b.items, b.open = tx.Bucket(bucketMeta), tx.Bucket(bucketItems), tx.Bucket(bucketOpen)
	b.changes, b.events, b.runs = tx.Bucket(bucketChanges), tx.Bucket(bucketEvents), tx.Bucket(bucketRuns)
	b.made, b.tx = tx.Bucket(bucketMade), tx
}

// touched is an item with the steps that it takes in a batch.
type touched struct {
	before, now head // before the batch, and as of the steps so far
	steps       []*entry
}

// apply applies every request that may be; the others get their err. An error
// of its own ends the transaction.
func (b *batch) apply(group []*request) error {
	b.touched = make(map[string]*touched, len(group))
	for _, r := range group {
		if !r.steps() {
			if err := b.settle(); err != nil { // it may look at records
				return err
			}
		}
		refusal, err := b.check(r)
		if err != nil {
			return err
		}
		if r.err = refusal; refusal != nil {
			continue
		}
		if err := b.request(r); err != nil {
			return err
		}
	}
	return b.settle()
}

// check returns why r is refused, nil if it is not.
func (b *batch) check(r *request) (refusal, err error) {
	if r.rename != nil {
		return b.checkRename(*r.rename)
	}
	if r.extra != nil {
		return b.checkExtra(r.extra)
	}
	var within map[string]head // several steps of one item in one request
	for i := range r.writes {
		e := &r.writes[i]
		prev, ok := within[e.id]
		if !ok {
			t, err := b.touch(e.id)
			if err != nil {
				return nil, err
			}
			prev = t.now
		}
		step := follow
		if r.force {
			step = replace
		}
		if err := step(prev, e.head); err != nil {
			return fmt.Errorf("state: %s: %w", e.id, err), nil
		}
		if len(r.writes) > 1 {
			if within == nil {
				within = make(map[string]head, len(r.writes))
			}
			within[e.id] = e.head
		}
	}
	return nil, nil
}

// touch is the item of id as this batch has it so far.
func (b *batch) touch(id string) (*touched, error) {
	if t := b.touched[id]; t != nil {
		return t, nil
	}
	prev, err := b.head(id)
	if err != nil {
		return nil, err
	}
	t := &touched{before: prev, now: prev}
	b.touched[id] = t
	return t, nil
}

// head of the record of id; zero when there is none.
func (b *batch) head(id string) (head, error) {
	key := []byte(id)
	v := b.items.Get(key)
	if v == nil {
		return head{}, nil
	}
	content, err := unseal(key, v)
	if err != nil {
		return head{}, err
	}
	return decodeHead(content)
}

func (b *batch) request(r *request) error {
	for i := range r.writes {
		e := &r.writes[i]
		t := b.touched[e.id] // by check
		t.steps, t.now, b.changed = append(t.steps, e), e.head, true
	}
	for _, kv := range r.meta {
		if err := put(b.meta, []byte(kv[0]), []byte(kv[1])); err != nil {
			return err
		}
		b.changed = true
	}
	if r.run != nil {
		b.changed = true
		if err := b.setRun(*r.run); err != nil {
			return err
		}
	}
	if r.made != nil {
		b.changed = true
		if err := put(b.made, r.made.key, r.made.tag); err != nil {
			return err
		}
	}
	if r.extra != nil {
		b.changed = true
		if err := b.extra(r.extra); err != nil {
			return err
		}
	}
	if r.rename != nil {
		b.changed = true
		return b.rename(*r.rename)
	}
	return nil
}

// settle writes the items touched so far, in the order of the file.
func (b *batch) settle() error {
	for _, id := range slices.Sorted(maps.Keys(b.touched)) {
		if t := b.touched[id]; len(t.steps) > 0 {
			if err := b.write(id, t); err != nil {
				return err
			}
		}
	}
	clear(b.touched)
	return nil
}

// write writes the last record of an item, and what each of its steps adds.
func (b *batch) write(id string, t *touched) error {
	if (t.before != head{}) {
		b.counts.add(t.before, -1)
	}
	b.counts.add(t.now, 1)
	key := []byte(id)
	last := t.steps[len(t.steps)-1]
	record := last.record
	if record == nil {
		from, err := len(b.room), error(nil)
		if b.room, err = appendSealed(b.room, last.later); err != nil {
			return err
		}
		record = b.room[from:len(b.room):len(b.room)]
	}
	err := b.items.Put(key, record)
	if err != nil {
		return err
	}
	switch was, is := t.before.Op != "" && t.before.Status.unfinished(), t.now.Status.unfinished(); {
	case is && !was:
		err = put(b.open, key, nil)
	case was && !is:
		err = b.open.Delete(key)
	}
	var events [][]byte
	for i, e := range t.steps {
		if e.event != nil {
			events = append(events, e.event)
		}
		// Of several changes of one run the last one stays.
		if err == nil && e.change != nil && !slices.ContainsFunc(t.steps[i+1:], func(later *entry) bool { return later.change != nil && later.run == e.run }) {
			err = put(b.changes, join(e.run, id), e.change)
		}
	}
	if err == nil && events != nil {
		err = b.event(id, events)
	}
	return err
}

// event appends to the story of id and drops its oldest lines.
func (b *batch) event(id string, events [][]byte) error {
	prefix := join(id, "")
	var seqs []uint64
	c := b.events.Cursor()
	for k, _ := c.Seek(prefix); isEvent(k, prefix); k, _ = c.Next() {
		seqs = append(seqs, binary.BigEndian.Uint64(k[len(prefix):]))
	}
	next := uint64(1)
	if len(seqs) > 0 {
		next = seqs[len(seqs)-1] + 1
	}
	if over := len(events) - keepEvents; over > 0 {
		events, next = events[over:], next+uint64(over)
	}
	for ; len(seqs)+len(events) > keepEvents; seqs = seqs[1:] {
		if err := b.events.Delete(eventKey(prefix, seqs[0])); err != nil {
			return err
		}
	}
	for i, event := range events {
		if err := put(b.events, eventKey(prefix, next+uint64(i)), event); err != nil {
			return err
		}
	}
	return nil
}

// setRun replaces the run with the same ID or appends. Runs are few: they are
// looked through from the newest.
func (b *batch) setRun(run Run) error {
	content, err := json.Marshal(run)
	if err != nil {
		return err
	}
	seq := uint64(1)
	c := b.runs.Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() {
		old, err := decodeRun(k, v)
		if err != nil {
			return err
		}
		if old.ID == run.ID {
			return put(b.runs, append([]byte(nil), k...), content)
		}
		if len(k) == 8 {
			seq = max(seq, binary.BigEndian.Uint64(k)+1)
		}
	}
	return put(b.runs, binary.BigEndian.AppendUint64(nil, seq), content)
}

// close writes what belongs to each commit.
func (b *batch) close(serial uint64) error {
	counts, err := json.Marshal(b.counts)
	if err != nil {
		return err
	}
	if err := put(b.meta, []byte(metaCounts), counts); err != nil {
		return err
	}
	return put(b.meta, []byte(MetaSerial), strconv.AppendUint(nil, serial, 10))
}

func put(b *bolt.Bucket, key, content []byte) error { return b.Put(key, seal(key, content)) }

// join is the key of two names.
func join(a, b string) []byte {
	k := make([]byte, 0, len(a)+len(b)+9)
	k = append(append(k, a...), 0)
	return append(k, b...)
}

func eventKey(prefix []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, len(prefix)+8), prefix...), seq)
}

// isEvent reports whether k is the key of an event with this prefix.
func isEvent(k, prefix []byte) bool {
	return len(k) == len(prefix)+8 && string(k[:len(prefix)]) == string(prefix)
}
