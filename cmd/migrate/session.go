package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/ledger"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/expand"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// session is a manifest that has been read and, in the order of the methods, what
// else a command opens for it. Close closes all of it.
type session struct {
	app     *app
	start   time.Time
	set     *expand.Set
	checked expand.Checked
	store   *state.Store // open for writing, of a run alone
	target  target
	places  places
	sources *sources
	closed  error // why a folder with files could not be opened
	conn    *connection
	ledger  *ledger.Ledger // that counts its requests; nil: nobody does
	calls   pipeline.Calls
	gate    func() showpad.PaceNow
	closers []func() error
}

// start reads and checks a manifest, aims at its service and opens its files:
// what plan, run and verify begin with. Nothing is asked of the service yet. The
// caller closes the session.
func (a *app) start(ctx context.Context, path string, service serviceFlags, files sourceFlags, selects *selectFlags, st stateFlag, strict bool) (*session, pipeline.Selection, error) {
	return a.startChecked(ctx, path, service, files, selects, st, func(s *session) error { return s.check(ctx, strict) })
}

// startRun is start for a run, which does not repeat checks that the manifest passed
// as it is. It opens the state where there is one.
func (a *app) startRun(ctx context.Context, path string, service serviceFlags, files sourceFlags, selects *selectFlags, st stateFlag, strict bool) (*session, pipeline.Selection, error) {
	return a.startChecked(ctx, path, service, files, selects, st, func(s *session) error {
		if passed, err := s.passed(ctx, strict); passed || err != nil {
			return err
		}
		return s.check(ctx, strict)
	})
}

func (a *app) startChecked(ctx context.Context, path string, service serviceFlags, files sourceFlags, selects *selectFlags, st stateFlag, check func(*session) error) (*session, pipeline.Selection, error) {
	sel, err := selects.selection(ctx)
	if err != nil {
		return nil, sel, err
	}
	s, err := a.read(path, service, files)
	if err != nil {
		return nil, sel, err
	}
	aimed := s.aim(service, st.path)
	if err = check(s); err == nil {
		if err = s.reachRoots(ctx); err == nil {
			if err = aimed; err == nil {
				err = s.makePlaces()
			}
		}
	}
	if err != nil {
		return nil, sel, errors.Join(err, s.close())
	}
	return s, sel, nil
}

// read opens the manifest at path and the folders with its files: its patterns are
// filled in when it is checked. What is wrong with a folder is the check's to say
// first.
func (a *app) read(path string, service serviceFlags, files sourceFlags) (*session, error) {
	s := &session{app: a, start: time.Now()}
	var err error
	s.set, err = expand.Open(path, expand.Options{Now: s.start})
	var problems manifest.Problems
	switch {
	case err == nil:
		s.closers = append(s.closers, s.set.Close)
		headers, err := a.webHeaders()
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		kept := &sharedSpool{flags: files}
		s.closers = append(s.closers, kept.close)
		s.openSources(sourceSettings{
			sourceFlags: files, caFile: service.caFile, webHeaders: headers, spool: kept.get, getenv: a.getenv, log: a.log,
		})
		return s, nil
	case errors.As(err, &problems):
		return nil, err
	default:
		return nil, usagef("%v", err)
	}
}

// check reads the whole manifest. Problems that stop everything are the error;
// strict makes those that block a row stop everything too.
func (s *session) check(ctx context.Context, strict bool) error {
	var all view.Problems
	var stops manifest.Problems
	var err error
	s.checked, err = s.set.Check(ctx, func(p manifest.Problem) {
		all.Add(p)
		if p.Class == manifest.Stop || strict && p.Class == manifest.Block {
			stops = append(stops, p)
		}
	})
	if err != nil {
		return err
	}
	if len(stops) > 0 {
		return stops
	}
	return nil
}

// strict looks at every file and name before anything else; with --strict, what
// blocks a row stops everything.
func (s *session) strict(ctx context.Context, in pipeline.Input, on bool) error {
	if !on {
		return nil
	}
	var stops manifest.Problems
	_, err := pipeline.Lint(ctx, in, func(p manifest.Problem) {
		if p.Class != manifest.Warn {
			stops = append(stops, p)
		}
	})
	switch {
	case err != nil:
		return err
	case len(stops) > 0:
		return stops
	}
	return nil
}

// aim decides the service and the files that belong to it.
func (s *session) aim(f serviceFlags, statePath string) error {
	var err error
	if s.target, err = s.app.findTarget(f, s.set.Manifest); err != nil {
		return err
	}
	if f.sandbox && statePath != "" && s.app.origins["state"] == "flag" {
		return usagef("--sandbox keeps its own state; leave out --state")
	}
	s.places = placesOf(s.set.Manifest.Path, f.sandbox, statePath)
	return nil
}

// makePlaces makes the folder of a sandbox.
func (s *session) makePlaces() error {
	if s.target.mode != "SANDBOX" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.places.state), 0o700); err != nil {
		return fmt.Errorf("the sandbox's folder: %w", err)
	}
	return nil
}

// warnAboutPlace tells of a state that something else may touch.
func (s *session) warnAboutPlace() {
	if name := state.SyncFolder(s.places.state); name != "" {
		say(s.app.err, "warning: %s lies in a folder of %s, which may damage it or bring an old copy back (name a local one with --state)", s.places.state, name)
	}
}

// openSources opens the folders with the files, and prepares the other places.
func (s *session) openSources(settings sourceSettings) {
	s.sources, s.closed = openSources(s.set.Manifest, openers(settings))
	s.set.Sources = s.sources.byName
	s.closers = append(s.closers, s.sources.close)
}

// reachRoots opens the roots that are no folders. The error says which places
// cannot be opened, folders too; they stop everything.
func (s *session) reachRoots(ctx context.Context) error {
	var folders, others manifest.Problems
	err := s.sources.openRoots(ctx, s.set.Manifest)
	switch {
	case s.closed == nil:
		return err
	case errors.As(s.closed, &folders) && errors.As(err, &others):
		return append(folders, others...)
	}
	return s.closed
}

// connect signs in. Observe gets requests and waits as events; nil: nobody.
func (s *session) connect(ctx context.Context, f serviceFlags, observe func(pipeline.Event)) error {
	var base http.RoundTripper
	if f.sandbox {
		emu, err := openSandbox(ctx, s.set, s.target, s.places.tenant)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, emu.Close)
		base = emu
	}
	if observe == nil {
		observe = func(pipeline.Event) {}
	}
	if err := s.openBudget(ctx, f); err != nil {
		return err
	}
	if f.begins {
		if err := pipeline.Begins(allowance(s.ledger)); err != nil {
			return err
		}
	}
	f.counters = counters(s.ledger)
	gate := showpad.NewPacedGate(f.gateConfig(s.ledger))
	s.gate = gate.Pace
	gate.OnClose = func(until time.Time, why string) {
		observe(pipeline.Waiting{For: "retry-after", Until: until, Text: fmt.Sprintf("the service asks to wait until %s (%s)", clock(time.Now(), until), why)})
	}
	call := func(c showpad.Call) {
		if !c.Storage && c.Op != "token" {
			s.calls.Add(c.Op)
			if c.Err == nil {
				s.calls.Took(c.Elapsed)
			}
		}
		observe(pipeline.Request{Op: c.Op, Status: c.Status, Storage: c.Storage, Retry: c.Retry, Elapsed: c.Elapsed})
	}
	conn, err := s.app.connect(ctx, s.target, f, gate, call, base)
	if err != nil {
		return err
	}
	s.conn = conn
	s.closers = append(s.closers, conn.close)
	s.tellBudget()
	return nil
}

// reader opens the state for reading; a run that has it is asked.
func (s *session) reader(ctx context.Context) (state.Reader, error) {
	r, _, err := state.OpenReader(ctx, s.places.state)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, r.Close)
	tenant, err := r.Meta(ctx, state.MetaTenant)
	if err != nil {
		return nil, err
	}
	if tenant != "" && tenant != s.target.tenant {
		return nil, fmt.Errorf("%s: %w: it holds %q and this is %q (name another state with --state, or sign in to %q)", s.places.state, state.ErrOtherTenant, tenant, s.target.tenant, tenant)
	}
	return r, nil
}

// hashes opens the cache of checksums. It is a convenience: without it files
// are read again.
func (s *session) hashes() pipeline.Hashes {
	h, err := state.OpenHashes(s.places.hashes())
	if err != nil {
		s.app.log.Info().Err(err).Msg("no cache of checksums")
		return nil
	}
	s.closers = append(s.closers, h.Close)
	return h
}

// knownHashes is the cache of checksums if there is one; none is made.
func (s *session) knownHashes() pipeline.Hashes {
	if _, err := os.Stat(s.places.hashes()); err != nil {
		return nil
	}
	return s.hashes()
}

// input is what the pipeline starts from.
func (s *session) input(r state.Reader, sel pipeline.Selection, o pipeline.Options) pipeline.Input {
	in := pipeline.Input{
		Manifest: s.set.Manifest,
		Items:    func(ctx context.Context) iter.Seq2[manifest.Item, error] { return s.set.Items(ctx) },
		Sources:  s.sources.byName, State: r, Select: sel, Calls: &s.calls, Gate: s.gate, Start: s.start, Log: s.app.log, Options: o,
	}
	if s.conn != nil {
		in.API = s.conn.client
	}
	return in
}

// close closes what was opened, last first.
func (s *session) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}
