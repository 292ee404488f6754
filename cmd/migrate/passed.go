package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/expand"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// passedNote is what the state keeps under [state.MetaChecked] of the manifest that
// last passed all checks.
type passedNote struct {
	Program string `json:"program"` // another version may check more
	Digest  string `json:"digest"`  // of the manifest's files
	Since   string `json:"since"`   // the first run of the manifest as it was then
	Items   int    `json:"items"`
	Block   int    `json:"block,omitempty"`
	Warn    int    `json:"warn,omitempty"`
}

// passed reports whether the manifest is, to the byte, the one that passed all
// checks when the state was last written to, and takes over what they found. With
// strict it has to be checked. It opens the state, if there is one.
func (s *session) passed(ctx context.Context, strict bool) (bool, error) {
	if strict || s.places.state == "" {
		return false, nil
	}
	if _, err := os.Stat(s.places.state); err != nil {
		return false, nil
	}
	if err := s.openStore(ctx); err != nil {
		return false, err
	}
	note, err := passedOf(ctx, s.store)
	if err != nil || note.Program != programName() {
		return false, err
	}
	var stops manifest.Problems
	before := expand.Checked{Digest: note.Digest, Items: note.Items, Block: note.Block, Warn: note.Warn}
	checked, same, err := s.set.CheckAgain(ctx, before, func(p manifest.Problem) {
		if p.Class == manifest.Stop {
			stops = append(stops, p)
		}
	})
	switch {
	case err != nil || !same:
		return false, err
	case len(stops) > 0:
		return false, stops
	}
	s.checked = checked
	return true, nil
}

// passedOf is the note in a state; zero when there is none that can be read.
func passedOf(ctx context.Context, st *state.Store) (note passedNote, err error) {
	text, err := st.Meta(ctx, state.MetaChecked)
	if err != nil {
		return note, err
	}
	if json.Unmarshal([]byte(text), &note) != nil { // nothing hangs on it but time
		return passedNote{}, nil
	}
	return note, nil
}

// notePassed notes that the manifest passed all checks before the run id, and
// returns the first of the runs of the manifest as it is now.
func (s *session) notePassed(ctx context.Context, id string) (since string, err error) {
	note, err := passedOf(ctx, s.store)
	if err != nil {
		return "", err
	}
	now := passedNote{Program: programName(), Digest: s.checked.Digest, Since: id, Items: s.checked.Items, Block: s.checked.Block, Warn: s.checked.Warn}
	if note.Since != "" && note.Digest == now.Digest {
		now.Since = note.Since
	}
	if now == note {
		return now.Since, nil
	}
	text, err := json.Marshal(now)
	if err != nil {
		return "", err
	}
	if err := s.store.SetMeta(ctx, state.MetaDigest, s.checked.Digest); err != nil {
		return "", err
	}
	return now.Since, s.store.SetMeta(ctx, state.MetaChecked, string(text))
}

// startOf is the part of a run's id that tells, to the second, when it began.
func startOf(run string) string {
	start, _, _ := strings.Cut(run, "-")
	return start
}

// forgetPassed notes that what is unfinished from now on may be another thing than
// what the manifest wants.
func forgetPassed(ctx context.Context, st *state.Store) error {
	return st.SetMeta(ctx, state.MetaChecked, "")
}

// openStore opens the state for writing, once.
func (s *session) openStore(ctx context.Context) error {
	if s.store != nil {
		return nil
	}
	store, err := state.Open(ctx, s.places.state, state.Options{Tenant: s.target.tenant, Program: programName(), Log: s.app.log})
	if err != nil {
		return err
	}
	s.store = store
	s.closers = append(s.closers, store.Close)
	return nil
}

// programName is the program with its version.
func programName() string { return "migrate " + version() }
