package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// interruptedCode is the exit code of a run whose process was ended from
// outside: run again to continue.
const interruptedCode = 130

// Recover completes the evidence of a run that never closed it, and returns
// the SHA-256 of its SHA256SUMS. Rows that were cut off or damaged go; items
// that have no row, but a record in st that this run wrote last, get one from
// the record (without name, Division and kept columns, which records do not
// have). Items that the run left alone and had no time to tell are missing.
//
// A run with an End keeps its outcome; one without it ends when it was last
// seen. A folder that has its SHA256SUMS is left as it is, so that Recover may
// be repeated. The process of the run must be gone: the caller holds the lock
// of the state. Without a folder the error wraps [fs.ErrNotExist].
func Recover(ctx context.Context, dir string, st state.Reader, run state.Run) (sums string, err error) {
	switch text, err := os.ReadFile(filepath.Join(dir, SumsFile)); {
	case err == nil:
		return digest(bytes.NewReader(text))
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("evidence of run %s: %w", run.ID, err)
	}
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("evidence of run %s: %w", run.ID, err)
	}
	if err := removeUnfinished(dir); err != nil {
		return "", fmt.Errorf("evidence of run %s: %w", run.ID, err)
	}
	t, err := complete(ctx, dir, st, run.ID)
	if err != nil {
		return "", fmt.Errorf("evidence of run %s: %w", run.ID, err)
	}
	e := recoveredEvidence(dir, run)
	if err := writeShares(ctx, dir, e.separator(), st, run.Manifest); err != nil {
		return "", fmt.Errorf("evidence of run %s: %w", run.ID, err)
	}
	return finish(dir, e, t.endingOf(run, e))
}

// recoveredEvidence is what the run noted when it began, or what its record
// tells where that is lost.
func recoveredEvidence(dir string, run state.Run) Evidence {
	var e Evidence
	if err := readJSON(dir, EvidenceFile, &e); err != nil || e.Run != run.ID {
		e = newEvidence(Info{Run: run.ID, Start: run.Start, Manifest: ManifestInfo{Path: run.Manifest}})
	}
	return e
}

// endingOf is how a run ended that nobody ended.
func (t *tally) endingOf(run state.Run, e Evidence) ending {
	how := ending{
		code: run.Code, sentence: run.Outcome, start: run.Start, end: run.End,
		recovered: true, requests: run.Requests,
	}
	if how.start.IsZero() {
		how.start = e.Start
	}
	if how.end.IsZero() {
		how.code, how.end = interruptedCode, how.start
		if t.last.After(how.end) {
			how.end = t.last
		}
		how.sentence = fmt.Sprintf("The process was ended from outside and last seen at %s; %d of %d known items done, run again to continue",
			how.end.UTC().Format(time.RFC3339), t.success, t.items)
	}
	return how
}

// complete writes results.ndjson anew: the whole rows of the old one, then
// those that only the state has.
func complete(ctx context.Context, dir string, st state.Reader, run string) (*tally, error) {
	out, err := newOutput(dir, ResultsFile)
	if err != nil {
		return nil, err
	}
	t, err := completeTo(ctx, out, dir, st, run)
	if err != nil {
		out.abandon()
		return nil, err
	}
	if err := out.commit(); err != nil {
		return nil, err
	}
	return t, syncDir(dir)
}

func completeTo(ctx context.Context, out *output, dir string, st state.Reader, run string) (*tally, error) {
	t := newTally()
	var told ids
	old, err := os.Open(filepath.Join(dir, ResultsFile))
	switch {
	case err == nil:
		defer old.Close()
		for l, err := range lines(old) {
			if errors.Is(err, errBroken) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if _, err := out.Write(l.text); err != nil {
				return nil, err
			}
			t.add(l.row)
			told.add(l.row.name())
		}
	case !errors.Is(err, fs.ErrNotExist): // without the file: killed before it was made
		return nil, err
	}
	told.sort()
	for rec, err := range records(ctx, st) {
		if err != nil {
			return nil, err
		}
		if rec.Run != run || told.has(rec.ExternalID) {
			continue
		}
		r := recordRow(rec)
		text, err := r.line()
		if err != nil {
			return nil, err
		}
		if _, err := out.Write(text); err != nil {
			return nil, err
		}
		t.add(r)
	}
	return t, extrasTo(ctx, out, st, run, told, t)
}

// extrasTo adds the extras that this run wrote last and that have no row.
func extrasTo(ctx context.Context, out *output, st state.Reader, run string, told ids, t *tally) error {
	for _, kind := range state.ExtraKinds() {
		all, err := state.AllExtras(ctx, st, kind, "")
		if err != nil {
			return err
		}
		for _, e := range all {
			r := extraRow(e)
			if e.Run != run || told.has(r.name()) {
				continue
			}
			text, err := r.line()
			if err != nil {
				return err
			}
			if _, err := out.Write(text); err != nil {
				return err
			}
			t.add(r)
		}
	}
	return nil
}

// records gives all records of a state in pages.
func records(ctx context.Context, st state.Reader) iter.Seq2[state.Record, error] {
	const page = 1000
	return func(yield func(state.Record, error) bool) {
		for after := ""; ; {
			recs, err := st.Scan(ctx, after, page)
			if err != nil {
				yield(state.Record{}, err)
				return
			}
			for _, r := range recs {
				if !yield(r, nil) {
					return
				}
			}
			if len(recs) < page {
				return
			}
			after = recs[len(recs)-1].ExternalID
		}
	}
}

// ids is a set of external IDs in 16 bytes each: halves of their SHA-256.
type ids [][16]byte

func idHash(id string) [16]byte {
	h := sha256.Sum256([]byte(id))
	return [16]byte(h[:16])
}

func (s *ids) add(id string) { *s = append(*s, idHash(id)) }

func compareIDs(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

func (s ids) sort() { slices.SortFunc(s, compareIDs) }

// has may be asked after sort.
func (s ids) has(id string) bool {
	_, found := slices.BinarySearchFunc(s, idHash(id), compareIDs)
	return found
}
