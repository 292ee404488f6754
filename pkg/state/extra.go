package state

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// ExtraKind is a kind of what a manifest makes beside its items. Extras have a
// key, not an external ID.
type ExtraKind string

// The kinds of extras.
const (
	TagCategory ExtraKind = "tagCategory"
	MyFile      ExtraKind = "myFile" // a personal file
	Share       ExtraKind = "share"  // a link
)

// ExtraKinds lists every kind, in the order in which a run makes them.
func ExtraKinds() []ExtraKind { return []ExtraKind{TagCategory, MyFile, Share} }

// bucket of the kind; nil for none of ours.
func (k ExtraKind) bucket() []byte {
	switch k {
	case TagCategory:
		return bucketCategories
	case MyFile:
		return bucketPersonal
	case Share:
		return bucketShares
	}
	return nil
}

// ExtraStatus is where an extra stands.
type ExtraStatus string

// The statuses of an extra. A restart takes one that a process left in sending
// for unknown: nothing finds out whether the service carried the request out.
const (
	ExtraPending ExtraStatus = "pending" // planned; no record, or one that made nothing
	ExtraSending ExtraStatus = "sending" // the request was sent or is about to be; no answer is recorded
	ExtraTicket  ExtraStatus = "ticket"  // accepted; the service works on it
	ExtraDone    ExtraStatus = "done"    // made
	ExtraFailed  ExtraStatus = "failed"  // refused; the reason is kept
	ExtraUnknown ExtraStatus = "unknown" // the answer was lost, and nothing can be looked up
)

// ExtraStatuses lists every status, in the order of an extra's life.
func ExtraStatuses() []ExtraStatus {
	return []ExtraStatus{ExtraPending, ExtraSending, ExtraTicket, ExtraDone, ExtraFailed, ExtraUnknown}
}

// extraSteps has the statuses that may follow each status; the same status again
// is always allowed. Sending leads to a request, so that done and unknown lead
// there only where somebody asked for it by name. A ticket that the service has no
// more is unknown too.
var extraSteps = map[ExtraStatus][]ExtraStatus{
	ExtraPending: {ExtraSending, ExtraDone, ExtraFailed, ExtraUnknown}, // straight to done: it was there; to unknown, as from failed: the state is an older copy
	ExtraSending: {ExtraPending, ExtraTicket, ExtraDone, ExtraFailed, ExtraUnknown},
	ExtraTicket:  {ExtraDone, ExtraFailed, ExtraUnknown},
	ExtraDone:    {ExtraSending, ExtraFailed},
	ExtraFailed:  {ExtraPending, ExtraSending, ExtraDone, ExtraUnknown},
	ExtraUnknown: {ExtraSending, ExtraTicket, ExtraDone, ExtraFailed},
}

// ExtraAllowed reports whether an extra may go from one status to the other.
func ExtraAllowed(from, to ExtraStatus) bool {
	next, ok := extraSteps[from]
	return ok && (from == to || slices.Contains(next, to))
}

// Extra is all that is known of one thing that a manifest makes beside its
// items. No record means pending.
type Extra struct {
	Key    string      `json:"-"` // unique for its kind and owner
	Kind   ExtraKind   `json:"-"`
	Owner  string      `json:"owner"` // id of the manifest
	Status ExtraStatus `json:"status"`
	// ID is that of the share, the asset or the category at the service; "" is
	// not known.
	ID     string `json:"id,omitempty"`
	Ticket string `json:"ticket,omitempty"` // of work that the service does; "" for none
	// Wanted is a digest of what was sent: another one tells that the manifest
	// says something else by now.
	Wanted   string          `json:"wanted,omitempty"`
	Run      string          `json:"run,omitempty"` // that last wrote it
	Attempts int             `json:"attempts,omitempty"`
	Updated  time.Time       `json:"updated"` // when it was last written; of the store
	Error    *Failure        `json:"error,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"` // of the kind alone; an export has it
	// Secret is of the kind alone and leaves the state only for whoever asks for
	// it by name: the links of a share. No export, no report and no log has it.
	Secret json.RawMessage `json:"secret,omitempty"`
}

// Place is where e stands among all of its kind: what Extras takes as after when
// it is asked for those of every manifest.
func (e *Extra) Place() string { return string(join(e.Owner, e.Key)) }

// extraEntry is an Extra, encoded by its caller's goroutine.
type extraEntry struct {
	bucket, key []byte
	status      ExtraStatus
	content     []byte
	from        []byte // of a renaming: the key until now; nil for none
}

// PutExtra stores e, as Put does: it is on disk when it returns. Key, Kind, Owner
// and Status are required; the time is set. A step that e cannot take fails with
// [ErrTransition] and changes nothing.
func (s *Store) PutExtra(ctx context.Context, e Extra) error {
	entry, err := e.encode(s.now())
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return s.wait(ctx, &request{extra: entry})
}

// RenameExtra gives the record of an extra another key, as Put does: for one
// whose key changed in the manifest. It changes nothing at the service.
//
// Errors to match: [ErrNoRecord] when old has none, [ErrTaken] when new has one,
// [ErrTransition] while it is being sent.
func (s *Store) RenameExtra(ctx context.Context, kind ExtraKind, owner, old, new string) error {
	for _, key := range []string{old, new} {
		if err := checkExtra(kind, owner, key); err != nil {
			return fmt.Errorf("state: renaming: %w", err)
		}
	}
	return s.wait(ctx, &request{extra: &extraEntry{bucket: kind.bucket(), key: join(owner, new), from: join(owner, old)}})
}

func checkExtra(kind ExtraKind, owner, key string) error {
	if kind.bucket() == nil {
		return fmt.Errorf("%q is no kind of extras", kind)
	}
	for what, name := range map[string]string{"key": key, "owner": owner} {
		if name == "" || len(name) > maxID || strings.ContainsRune(name, 0) {
			return fmt.Errorf("%q cannot be the %s of a %s", shorten(name, 40), what, kind)
		}
	}
	return nil
}

// encode returns e as it is stored.
func (e Extra) encode(now time.Time) (*extraEntry, error) {
	if err := checkExtra(e.Kind, e.Owner, e.Key); err != nil {
		return nil, err
	}
	e.Updated = now
	if e.Error != nil {
		e.Error = &Failure{Code: e.Error.Code, Message: clean(e.Error.Message)}
	}
	content, err := marshal(e)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", e.Kind, shorten(e.Key, 80), err)
	}
	return &extraEntry{bucket: e.Kind.bucket(), key: join(e.Owner, e.Key), status: e.Status, content: content}, nil
}

// decodeExtra is the inverse of encode. Every failure wraps ErrDamaged.
func decodeExtra(kind ExtraKind, place, content []byte) (Extra, error) {
	wrong := func(err error) error {
		return fmt.Errorf("%w: %s %q: %w", ErrDamaged, kind, shorten(readable(place), 80), err)
	}
	var e Extra
	if err := json.Unmarshal(content, &e); err != nil {
		return Extra{}, wrong(err)
	}
	if !slices.Contains(ExtraStatuses(), e.Status) {
		return Extra{}, wrong(fmt.Errorf("status %q", e.Status))
	}
	if err := e.at(kind, string(place)); err != nil {
		return Extra{}, wrong(err)
	}
	return e, nil
}

// at gives e the kind and the key of its place.
func (e *Extra) at(kind ExtraKind, place string) error {
	owner, key, ok := strings.Cut(place, "\x00")
	if !ok || owner == "" || key == "" || owner != e.Owner || strings.ContainsRune(key, 0) {
		return fmt.Errorf("it stands under %q, and is of %q", owner, e.Owner)
	}
	e.Kind, e.Key = kind, key
	return nil
}

// errKeyTaken is [ErrTaken] in the words of extras.
var errKeyTaken error = keyTaken{}

type keyTaken struct{}

func (keyTaken) Error() string        { return "that key is taken" }
func (keyTaken) Is(target error) bool { return target == ErrTaken }

// checkExtra returns why x is refused, nil if it is not.
func (b *batch) checkExtra(x *extraEntry) (refusal, err error) {
	prev := ExtraPending
	key := x.key
	if x.from != nil {
		key = x.from
	}
	bucket := b.tx.Bucket(x.bucket)
	v := bucket.Get(key)
	if v != nil {
		content, err := unseal(key, v)
		if err != nil {
			return nil, err
		}
		var h struct {
			Status ExtraStatus `json:"status"`
		}
		if err := json.Unmarshal(content, &h); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		prev = h.Status
	}
	if x.from == nil {
		if !ExtraAllowed(prev, x.status) {
			refusal = fmt.Errorf("from %s to %s: %w", prev, x.status, ErrTransition)
		}
	} else {
		switch {
		case v == nil:
			refusal = ErrNoRecord
		case bucket.Get(x.key) != nil:
			refusal = errKeyTaken
		case prev == ExtraSending || prev == ExtraTicket:
			refusal = fmt.Errorf("it is %s: %w (run first)", prev, ErrTransition)
		}
	}
	if refusal != nil {
		refusal = fmt.Errorf("state: %s: %w", readable(key), refusal)
	}
	return refusal, nil
}

// extra carries x out.
func (b *batch) extra(x *extraEntry) error {
	bucket := b.tx.Bucket(x.bucket)
	if x.from != nil {
		return move(bucket, x.from, x.key)
	}
	return put(bucket, x.key, x.content)
}

// Extras implements [Reader].
func (r reads) Extras(ctx context.Context, kind ExtraKind, owner, after string, limit int) (out []Extra, err error) {
	bucket := kind.bucket()
	if bucket == nil {
		return nil, fmt.Errorf("state: %q is no kind of extras", kind)
	}
	var prefix []byte
	if owner != "" {
		prefix = join(owner, "")
	}
	err = r.pages(ctx, bucket, prefix, after, limit, func(_ *bolt.Tx, k, v []byte) error {
		content, err := unseal(k, v)
		if err != nil {
			return err
		}
		e, err := decodeExtra(kind, k, content)
		if err != nil {
			return err
		}
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// AllExtras reads every extra of a kind: those of one manifest, or with "" as owner of
// all, in order of owner and key.
func AllExtras(ctx context.Context, r Reader, kind ExtraKind, owner string) ([]Extra, error) {
	var all []Extra
	for after := ""; ; {
		page, err := r.Extras(ctx, kind, owner, after, pageSize)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < pageSize {
			return all, nil
		}
		last := &page[len(page)-1]
		after = last.Key
		if owner == "" {
			after = last.Place()
		}
	}
}

// extra is a part of [Check].
func (r *Report) extra(kind ExtraKind, key, content []byte, runs map[string]bool) error {
	e, err := decodeExtra(kind, key, content)
	if err != nil {
		return err
	}
	if e.Run != "" {
		r.knownRun(e.Run, runs)
	}
	return nil
}
