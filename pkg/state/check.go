package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// maxProblems is how many problems a Report lists.
const maxProblems = 100

// Report is what [Check] found.
type Report struct {
	Path      string         `json:"path"`
	Schema    int            `json:"schema,omitempty"` // 0: not readable
	Tenant    string         `json:"tenant,omitempty"`
	Serial    uint64         `json:"serial"`             // commits so far
	Size      int64          `json:"size"`               // of the file, in bytes
	PageSize  int64          `json:"pageSize,omitempty"` // in bytes
	Pages     int            `json:"pages"`
	FreePages int            `json:"freePages"`         // of Pages, for reuse
	Entries   map[string]int `json:"entries,omitempty"` // by bucket
	Counts    Counts         `json:"counts"`            // of the records, counted anew
	// Holder is the run that has the state: a copy that it gave was checked, and
	// Size is the copy's. Nil when the file itself was checked.
	Holder   *Holder   `json:"holder,omitempty"`
	Problems []Problem `json:"problems"` // the first hundred; empty when all is well
	Omitted  int       `json:"omitted,omitempty"`
}

// Problem is one thing that is not as it should be.
type Problem struct {
	Damage bool   `json:"damage"` // false: a warning, which keeps nobody from using the state
	Text   string `json:"text"`   // what is wrong, and where
	Fix    string `json:"fix"`    // the way out
}

func (r *Report) add(p Problem) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, p)
	} else {
		r.Omitted++
	}
}

// damage adds err, without the path and the way out that a *damageError has.
func (r *Report) damage(err error) {
	if e, ok := errors.AsType[*damageError](err); ok {
		err = e.why
	}
	r.add(Problem{Damage: true, Text: strings.TrimPrefix(err.Error(), ErrDamaged.Error()+": "), Fix: wayBack})
}

func (r *Report) warn(fix, format string, args ...any) {
	r.add(Problem{Text: fmt.Sprintf(format, args...), Fix: fix})
}

// err is the first damage, nil if there is none.
func (r *Report) err() error {
	for _, p := range r.Problems {
		if p.Damage {
			return damaged(r.Path, errors.New(p.Text))
		}
	}
	return nil
}

// Check reads everything in the state at path and says what is wrong with it:
// pages, checksums, every record, event, change, run, tag and extra, and whether they
// agree with each other. It changes nothing. Of a state that a run holds, it
// checks a copy. Otherwise no run can begin while it reads, about 25 s for a
// million records with their events and changes.
//
// The Report has what was found, also beside an error. The error wraps
// [ErrDamaged] when a problem is damage; other errors to match are
// [fs.ErrNotExist], [ErrNewer] and [ErrLocked], for a run that gives no copy.
func Check(ctx context.Context, path string) (Report, error) {
	rep := Report{Path: path, Counts: Counts{}.clone(), Problems: []Problem{}}
	if _, held := holding(path); !held {
		if err := rep.file(ctx, path); !errors.Is(err, errBusy) {
			return rep, err
		}
	}
	return rep.copy(ctx)
}

// copy checks a copy that the holder gives.
func (r *Report) copy(ctx context.Context) (Report, error) {
	dir, err := os.MkdirTemp("", "migrate-check-*")
	if err != nil {
		return *r, fmt.Errorf("%s: checking a copy of it: %w", r.Path, err)
	}
	defer os.RemoveAll(dir)
	tmp, err := os.OpenFile(filepath.Join(dir, "copy.db"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return *r, fmt.Errorf("%s: checking a copy of it: %w", r.Path, err)
	}
	defer tmp.Close()
	r.Holder, err = copyState(ctx, r.Path, &copyWriter{file: tmp, name: tmp.Name()})
	if errors.Is(err, ErrDamaged) {
		r.damage(err)
	}
	if err != nil {
		return *r, err
	}
	err = r.file(ctx, tmp.Name())
	return *r, err
}

// file checks the file at path, which is r.Path or a copy of it. errBusy means
// that a run has it.
func (r *Report) file(ctx context.Context, path string) error {
	// The lock of the open file keeps runs away; what makes it impossible to open
	// is told better by a look at its pages.
	db, openErr := openBolt(ctx, path, bolt.Options{ReadOnly: true}, 0)
	switch {
	case openErr == nil:
		defer db.Close()
	case errors.Is(openErr, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no state: %w (name it with --state)", r.Path, fs.ErrNotExist)
	case !errors.Is(openErr, ErrDamaged):
		return openErr
	}
	c, err := checkPages(path, true) // values are looked at below
	r.Size, r.PageSize, r.Pages, r.Entries = c.size, c.pageSize, int(c.pages), c.entries
	for _, free := range c.free {
		if free {
			r.FreePages++
		}
	}
	if c.headLost && err == nil {
		r.warn("it opens as it was; `migrate run --full-check` compares all with the service",
			"one of its two heads is broken: if it was the newer one, the last commit is missing")
	}
	if err == nil {
		err = openErr
	}
	if err == nil {
		err = r.content(ctx, reads{view: func(ctx context.Context, f func(*bolt.Tx) error) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return viewDB(db, path, f)
		}})
	}
	if errors.Is(err, ErrDamaged) { // of the kind that ends the reading
		r.damage(err)
		err = nil
	}
	if err != nil {
		return err
	}
	return r.err()
}

// content checks what the buckets hold.
func (r *Report) content(ctx context.Context, in reads) error {
	err := in.pages(ctx, bucketMeta, nil, "", noLimit, func(_ *bolt.Tx, k, v []byte) error {
		_, err := unseal(k, v)
		return err // without these nothing can be said
	})
	if err != nil {
		return err
	}
	var counted Counts // as the file has it
	err = in.view(ctx, func(tx *bolt.Tx) (err error) {
		if r.Schema, err = checkSchema(tx, r.Path); err != nil {
			return err
		}
		if r.Tenant, err = metaOf(tx, MetaTenant); err != nil {
			return err
		}
		serial, err := metaOf(tx, MetaSerial)
		if err != nil {
			return err
		}
		if r.Serial, err = strconv.ParseUint(serial, 10, 64); err != nil {
			r.damage(fmt.Errorf("serial %q", serial))
		}
		if r.Tenant == "" {
			r.damage(errors.New("it names no tenant"))
		}
		counted, err = countsOf(tx)
		return err
	})
	if err != nil {
		return err
	}
	runs, err := r.runs(ctx, in)
	if err != nil {
		return err
	}
	for _, check := range []struct {
		bucket []byte
		entry  func(tx *bolt.Tx, key, content []byte) error
	}{
		{bucketItems, r.item},
		{bucketOpen, r.open},
		{bucketEvents, r.event},
		{bucketChanges, func(tx *bolt.Tx, k, v []byte) error { return r.change(tx, k, v, runs) }},
		{bucketMade, func(tx *bolt.Tx, k, v []byte) error { return r.made(k, v, runs) }},
		{bucketCategories, func(tx *bolt.Tx, k, v []byte) error { return r.extra(TagCategory, k, v, runs) }},
		{bucketPersonal, func(tx *bolt.Tx, k, v []byte) error { return r.extra(MyFile, k, v, runs) }},
		{bucketShares, func(tx *bolt.Tx, k, v []byte) error { return r.extra(Share, k, v, runs) }},
	} {
		err := in.pages(ctx, check.bucket, nil, "", noLimit, func(tx *bolt.Tx, k, v []byte) error {
			content, err := unseal(k, v)
			if err == nil {
				err = check.entry(tx, k, content)
			}
			if errors.Is(err, ErrDamaged) {
				r.damage(err)
				err = nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if counted.Total != r.Counts.Total || !maps.Equal(counted.ByStatus, r.Counts.ByStatus) || !maps.Equal(counted.ByOp, r.Counts.ByOp) {
		r.damage(fmt.Errorf("it counts %s and has %s", tally(counted), tally(r.Counts)))
	}
	return nil
}

// runs returns the ids of all runs.
func (r *Report) runs(ctx context.Context, in reads) (map[string]bool, error) {
	known := map[string]bool{}
	err := in.pages(ctx, bucketRuns, nil, "", noLimit, func(_ *bolt.Tx, k, v []byte) error {
		run, err := decodeRun(k, v)
		switch {
		case err != nil:
			r.damage(err)
		case known[run.ID]:
			r.damage(fmt.Errorf("two runs are called %q", run.ID))
		}
		known[run.ID] = true
		return nil
	})
	return known, err
}

func (r *Report) item(tx *bolt.Tx, key, content []byte) error {
	rec, err := decode(string(key), content)
	if err != nil {
		return err
	}
	h := head{rec.Op, rec.Status}
	r.Counts.add(h, 1)
	if err := replace(head{}, h); err != nil {
		return fmt.Errorf("%w: record of %q: %w", ErrDamaged, key, err)
	}
	listed := tx.Bucket(bucketOpen).Get(key) != nil
	switch unfinished := rec.Status.unfinished(); {
	case unfinished && !listed:
		return fmt.Errorf("%w: %q is %s and not listed as unfinished", ErrDamaged, key, rec.Status)
	case listed && !unfinished:
		return fmt.Errorf("%w: %q is %s and listed as unfinished", ErrDamaged, key, rec.Status)
	}
	return nil
}

func (r *Report) open(tx *bolt.Tx, key, _ []byte) error {
	if tx.Bucket(bucketItems).Get(key) == nil {
		return fmt.Errorf("%w: %q is listed as unfinished and has no record", ErrDamaged, key)
	}
	return nil
}

const harmless = "nothing needs to be done: nobody asks for it"

func (r *Report) event(tx *bolt.Tx, key, content []byte) error {
	at := len(key) - 9 // of the zero before the sequence
	if at < 1 || key[at] != 0 {
		return fmt.Errorf("%w: an event has the key %q", ErrDamaged, key)
	}
	id := key[:at]
	var e Event
	if err := json.Unmarshal(content, &e); err != nil {
		return fmt.Errorf("%w: event of %q: %w", ErrDamaged, id, err)
	}
	if tx.Bucket(bucketItems).Get(id) == nil {
		r.warn(harmless, "there is an event of %q, and no record", id)
	}
	return nil
}

func (r *Report) change(tx *bolt.Tx, key, content []byte, runs map[string]bool) error {
	run, id, _ := bytes.Cut(key, []byte{0})
	if len(run) == 0 || len(id) == 0 {
		return fmt.Errorf("%w: a change has the key %q", ErrDamaged, key)
	}
	var c Change
	if err := json.Unmarshal(content, &c); err != nil {
		return fmt.Errorf("%w: change of %q by run %q: %w", ErrDamaged, id, run, err)
	}
	if !slices.Contains(Ops(), c.Op) {
		return fmt.Errorf("%w: change of %q by run %q: op %q", ErrDamaged, id, run, c.Op)
	}
	if tx.Bucket(bucketItems).Get(id) == nil {
		r.warn(harmless, "there is a change of %q by run %q, and no record", id, run)
	}
	r.knownRun(string(run), runs)
	return nil
}

func (r *Report) made(key, content []byte, runs map[string]bool) error {
	run, id, _ := bytes.Cut(key, []byte{0})
	var t MadeTag
	if err := json.Unmarshal(content, &t); err != nil || len(run) == 0 || t.ID != string(id) {
		return fmt.Errorf("%w: a tag with the key %q is %q", ErrDamaged, key, content)
	}
	r.knownRun(string(run), runs)
	return nil
}

// knownRun warns, once, of a run that is not among runs.
func (r *Report) knownRun(run string, runs map[string]bool) {
	if !runs[run] {
		runs[run] = true
		r.warn("nothing can be taken back by the name of that run; the state is good for everything else",
			"there is something that run %q did, and no such run", run)
	}
}

// tally is c for people: "3 records (2 create, 1 update; 1 done, 2 pending)".
func tally(c Counts) string {
	return fmt.Sprintf("%d records (%s; %s)", c.Total, amounts(c.ByOp), amounts(c.ByStatus))
}

func amounts[K ~string](by map[K]int) string {
	var l []string
	for _, k := range slices.Sorted(maps.Keys(by)) {
		if by[k] != 0 {
			l = append(l, fmt.Sprintf("%d %s", by[k], k))
		}
	}
	return strings.Join(l, ", ")
}
