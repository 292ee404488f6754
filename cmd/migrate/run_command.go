package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/live"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/note"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/report"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// runCommand are the settings of `migrate run`.
type runCommand struct {
	service  serviceFlags
	files    sourceFlags
	selects  selectFlags
	state    stateFlag
	run      runFlags
	night    nightFlags
	show     planShow
	plan     string
	dryRun   bool
	yes      bool
	quiet    bool
	readOnly bool
	sep      *separator
	serve    string
}

func newRun(a *app) *cobra.Command {
	var f runCommand
	cmd := &cobra.Command{
		Use:   "run MANIFEST",
		Short: "Make it so: create, upload, update, and verify",
		Long: `Run does what a plan of the same manifest shows: it creates assets, uploads files,
makes tags, updates what differs, and waits until the service shows the very bytes
that were read. It can be killed at any time and run again: it continues, and
makes nothing twice.

On a terminal it asks before the first write to a tenant, before overwriting what a
person changed, and before pruning what the manifest no longer lists. The first
Ctrl-C lets uploads in flight finish, the second leaves at once. What was done is kept
as files in MANIFEST.runs/. Exit codes: migrate help exit-codes.`,
		Example:           "  migrate run manifest.yaml --sandbox",
		Args:              argsOf(cobra.ExactArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	fs := cmd.Flags()
	f.service.add(fs)
	f.files.add(fs)
	f.selects.add(fs)
	f.state.add(fs)
	f.run.add(fs)
	f.night.add(fs)
	fs.StringVar(&f.plan, "plan", "", "carry out this saved plan, of plan --out: its rows and no others")
	fs.BoolVar(&f.dryRun, "dry-run", false, "the same as migrate plan")
	fs.BoolVar(&f.yes, "yes", false, "do not ask before the first write, nor before overwriting and pruning")
	fs.BoolVar(&f.quiet, "quiet", false, "no progress, only warnings and the outcome")
	fs.BoolVar(&f.readOnly, "read-only", false, "refuse every write (for a setting that keeps a run from happening)")
	fs.StringVar(&f.serve, "serve", "", "show the run as a page at this address while it goes on, such as 127.0.0.1:8484; port 0 takes a free one")
	f.show.add(cmd, "with --dry-run: ")
	f.sep = addSeparator(fs)
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		switch {
		case f.dryRun && f.plan != "":
			return 0, usagef("--dry-run and --plan contradict each other: the saved plan says what would be done (leave one of them out)")
		case f.dryRun:
			return a.plan(ctx, args[0], planFlags{service: f.service, files: f.files, selects: f.selects, state: f.state, decide: f.run, night: f.night, show: f.show, sep: f.sep})
		}
		if err := a.refusePlanFlags(", or use migrate plan"); err != nil {
			return 0, err
		}
		return a.runManifest(ctx, args[0], &f)
	})
	return cmd
}

// show is what a run is shown with: bars, lines or JSON.
type show interface {
	Observe(pipeline.Event)
	Snapshot() view.Snapshot
	Problems() ([]pipeline.Result, int)
}

func (a *app) runManifest(ctx context.Context, path string, f *runCommand) (code int, err error) {
	if f.readOnly {
		return 0, usagef("--read-only refuses every write (%s): use migrate plan, or take the setting away", a.origins["read-only"])
	}
	if err := checkNumbers(slices.Concat(f.service.numbers(), f.selects.numbers(), f.run.numbers(), f.night.numbers())...); err != nil {
		return 0, err
	}
	if f.serve != "" {
		if err := checkAddress("serve", f.serve); err != nil {
			return 0, err
		}
	}
	if f.plan != "" {
		if err := a.checkPlanFlags(); err != nil {
			return 0, err
		}
		f.selects = selectFlags{}
	}
	f.service.begins = true
	n, err := a.newNight(&f.night)
	if err != nil {
		return 0, err
	}
	err = n.begin(ctx, a, &f.night, f.quiet, func() error {
		s, _, err := a.startRun(ctx, path, f.service, f.files, &f.selects, f.state, f.run.strict)
		if err != nil {
			return err
		}
		return s.close()
	})
	if err != nil {
		return 0, err
	}
	s, sel, err := a.startRun(ctx, path, f.service, f.files, &f.selects, f.state, f.run.strict)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var saved *pipeline.SavedPlan
	if f.plan != "" {
		if saved, err = s.openPlan(f.plan); err != nil {
			return 0, err
		}
		sel = saved.Selection()
	}
	if err := n.closed(); err != nil { // reading took its time
		return 0, err
	}
	_, statErr := os.Stat(s.places.state)
	if err := s.openStore(ctx); err != nil {
		return 0, err
	}
	store := s.store

	e := &execution{app: a, session: s, store: store, plan: saved, id: runID(s.start), separator: rune(*f.sep)}
	e.begin(f.quiet)
	defer func() { err = errors.Join(err, e.stopShow()) }()

	if err := s.connect(ctx, f.service, e.observe); err != nil {
		if errors.Is(statErr, fs.ErrNotExist) {
			// A sign-in that failed must not bind a new state to its tenant.
			s.closers = slices.Insert(s.closers, 0, func() error { return os.Remove(s.places.state) })
		}
		return 0, err
	}
	s.warnAboutPlace()
	if line := n.line(); line != "" && !f.quiet {
		say(a.err, "%s", line)
	}
	if s.checked.Warn > 0 && !f.quiet {
		say(a.err, "%s", view.Warnings(s.checked.Warn))
	}
	if err := e.serveLive(ctx, f.serve); err != nil {
		return 0, err
	}
	if err := e.serve(); err != nil { // last: from now on others ask what is shown
		return 0, err
	}
	since, err := s.notePassed(ctx, e.id)
	if err != nil {
		return 0, err
	}
	in := pipeline.RunInput{
		Input: s.input(store, sel, f.run.options(f.service)), Store: store, ID: e.id,
		Stop: a.signals.stop, Plan: saved,
		Resume: func(run string) bool { return run == since || startOf(run) > startOf(since) },
	}
	in.Hashes, in.Observe = s.hashes(), e.observe
	in.Options.Budget = allowance(s.ledger)
	in.Options.Given = s.given(n, f.service)
	in.Options.Given.Bandwidth = in.Options.Bandwidth
	if n.limited() {
		in.Options.Until = n.until
	}
	before, cancel := n.before(ctx)
	defer cancel()
	if err := s.strict(before, in.Input, f.run.strict); err != nil {
		return 0, cut(before, err)
	}
	if saved != nil && !f.quiet {
		s.tellPlan(saved)
	}
	a.tellExtrasOff(s.set.Manifest, f.selects.selects() || saved != nil && saved.Header.Choice.Selects())
	if err := e.confirm(before, in.Input, f.yes); err != nil {
		return 0, cut(before, err)
	}
	e.recreates = f.run.recreates()
	in.Before = func(ctx context.Context) error {
		if err := e.recover(ctx); err != nil {
			return err
		}
		return e.evidence.NotIncluded(s.leftovers(ctx, in.Input))
	}
	return e.run(ctx, &in, f.selects, func(ctx context.Context) (pipeline.Outcome, error) { return pipeline.Run(ctx, in) })
}

// execution is one run with what is shown of it and kept of it.
type execution struct {
	app       *app
	session   *session
	store     *state.Store
	plan      *pipeline.SavedPlan // nil without --plan
	id        string
	separator rune
	recreates *picks // what --recreate names; nil for nothing

	show     show
	progress *view.Progress // nil with --json
	events   *view.Events   // nil without
	evidence *report.Writer
	page     *live.Server // nil without --serve
}

// begin begins to show the run.
func (e *execution) begin(quiet bool) {
	outliveReaders()
	a := e.app
	if a.json {
		e.events = view.NewEvents(a.out)
		e.show = e.events
		return
	}
	e.progress = view.NewProgress(a.err, a.bars, quiet)
	e.show = e.progress
}

// serve answers `migrate status` while the run goes on.
func (e *execution) serve() error {
	if err := e.store.Serve(func() any { return e.snapshot() }); err != nil {
		return fmt.Errorf("answer `migrate status` while this run goes on: %w", err)
	}
	return nil
}

// snapshot is how far the run is, with what is left of its budget.
func (e *execution) snapshot() view.Snapshot {
	s := e.show.Snapshot()
	if l := e.session.ledger; l != nil {
		if n, limited := l.Left(); limited {
			s.BudgetLeft = &n
		}
	}
	return s
}

// observe passes an event on: to the screen and into the evidence.
func (e *execution) observe(event pipeline.Event) {
	e.show.Observe(event)
	if e.evidence != nil {
		e.evidence.Observe(event)
	}
}

func (e *execution) stopShow() (err error) {
	if e.progress != nil {
		e.progress.Close()
	}
	if e.events != nil {
		err = e.events.Close()
	}
	e.progress, e.events = nil, nil
	return err
}

// recover completes the evidence of earlier runs that were ended from outside. What
// this run goes on with meanwhile is in its own evidence.
func (e *execution) recover(ctx context.Context) error {
	runs, err := e.store.Runs(ctx)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.SumsHash != "" || r.ID == e.id {
			continue
		}
		dir := orText(r.Dir, filepath.Join(e.session.places.runs, r.ID))
		sums, err := report.Recover(ctx, dir, e.store, r)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			say(e.app.err, "warning: the evidence of run %s could not be completed: %s", r.ID, view.Clean(err.Error()))
			continue
		}
		r.Dir, r.SumsHash = dir, sums
		if err := e.store.SetRun(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// run carries a run out, which is what carry does with in, keeps its evidence and
// tells its outcome.
func (e *execution) run(ctx context.Context, in *pipeline.RunInput, selects selectFlags, carry func(context.Context) (pipeline.Outcome, error)) (int, error) {
	dir := filepath.Join(e.session.places.runs, e.id)
	run := state.Run{ID: e.id, Manifest: in.Manifest.ID, Start: in.Start.UTC(), Plan: e.planDigest(), Kept: in.Options.KeepReplaced}
	// The state knows the run before its folder is there: whatever ends it from
	// now on, the next run completes the evidence.
	ended, err := e.announce(ctx, run, in)
	if err != nil {
		return 0, err
	}
	nothing := func(ctx context.Context, err error) error {
		run.End, run.Code, run.Outcome = time.Now().UTC(), codeOf(err), "stopped before anything was begun"
		return errors.Join(err, e.conclude(ctx, ended, run))
	}
	if e.evidence, err = report.Create(dir, e.info()); err != nil {
		return 0, nothing(context.WithoutCancel(ctx), err)
	}
	if e.progress != nil {
		note := e.progress.Note
		e.app.signals.note.Store(&note)
	}
	e.app.signals.drains.Store(true)
	outcome, err := carry(ctx)
	e.app.signals.drains.Store(false)
	e.app.signals.note.Store(nil)

	after := context.WithoutCancel(ctx) // what was done is written down even when we leave
	if err != nil {
		// Nothing was begun: there is no evidence to keep.
		_ = e.evidence.Abandon()
		_ = os.RemoveAll(dir)
		_ = os.Remove(e.session.places.runs) // if it is empty
		return 0, nothing(after, err)
	}
	if e.app.signals.interrupted() && errors.Is(outcome.Err, errInterrupted) {
		outcome.Code = exitInterrupted
	}
	sharesErr := e.evidence.Shares(after, e.store, run.Manifest)
	sums, closeErr := e.evidence.Close(outcome)
	closeErr = errors.Join(sharesErr, closeErr)
	if closeErr != nil {
		closeErr = fmt.Errorf("the evidence in %s is not complete: %w (the next run completes it)", dir, closeErr)
	}
	run.End, run.Code, run.Outcome = outcome.End.UTC(), outcome.Code, outcome.Sentence
	run.Dir, run.SumsHash, run.Counts, run.Requests = dir, sums, outcome.Status, outcome.Requests
	err = errors.Join(closeErr, e.conclude(after, ended, run))
	return outcome.Code, errors.Join(e.end(outcome, dir, sums, selects), err)
}

// announce makes the run known, in the state and then in the tenant note, before it
// does anything. The caller concludes it with what it returns.
func (e *execution) announce(ctx context.Context, run state.Run, in *pipeline.RunInput) (ended func(context.Context, time.Time, bool), err error) {
	if err := e.session.doubtExtras(ctx, e.store); err != nil {
		return nil, err
	}
	if err := e.store.SetRun(ctx, run); err != nil {
		return nil, err
	}
	runs, err := e.store.Runs(ctx)
	if err != nil {
		return nil, err
	}
	in.Options.Doubt, in.Options.OlderState, ended = e.session.noteBegin(ctx, note.Entry{Manifest: run.Manifest, Run: run.ID, Start: e.session.start.UTC()}, runs, in.Options.SettleTime)
	return ended, nil
}

// conclude writes down the end of a run: in the state and, once it is there, in the
// tenant note.
func (e *execution) conclude(ctx context.Context, ended func(context.Context, time.Time, bool), run state.Run) error {
	if err := e.store.SetRun(ctx, run); err != nil {
		return err
	}
	ended(ctx, run.End, run.Requests["postAssets"] > 0)
	return nil
}

// end shows the outcome.
func (e *execution) end(o pipeline.Outcome, dir, sums string, selects selectFlags) error {
	e.endLive(&o)
	cause := ""
	if o.Err != nil && o.Code != exitInterrupted {
		cause = e.app.redact.Text(o.Err.Error())
	}
	if e.events != nil {
		e.events.Event(view.EndedEvent{Type: "ended", Outcome: o, Evidence: dir, Sums: sums, Error: cause})
		return e.stopShow()
	}
	problems, more := e.show.Problems()
	if err := e.stopShow(); err != nil {
		return err
	}
	if o.Err == nil {
		e.app.tellMissed(selects, o.Plan.Items)
		e.app.tellRecreate(e.recreates)
	}
	ending := view.Ending{Outcome: o, Evidence: dir, Sums: sums, Problems: problems, More: more, Columns: e.app.columns}
	switch o.Code {
	case exitInterrupted, exitLimit, exitProcessing, exitFailed:
		ending.Again = "migrate " + strings.Join(again(e.app.args), " ")
	}
	if cause != "" {
		prefix := "error: "
		if c := codeOf(o.Err); (c == exitProcessing || c == exitLimit) && (o.Code == c || o.Code == exitSome) { // nothing went wrong
			prefix = ""
		}
		for line := range strings.SplitSeq(cause, "\n") {
			say(e.app.err, "%s%s", prefix, view.Clean(line))
		}
	} else if o.Code == exitInterrupted {
		say(e.app.err, "interrupted; run again to continue")
	}
	return ending.Text(redacting{e.app.out, e.app.redact})
}

// again is the command line that continues.
func again(args []string) []string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if strings.ContainsAny(arg, " \t\"'\\$*?&;|<>()") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return quoted
}

// runID names a run: its start in UTC, and four hex digits against twins.
func runID(start time.Time) string {
	var b [2]byte
	_, _ = rand.Read(b[:]) // crypto/rand does not fail
	return start.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}

// planDigest is the SHA-256 of the saved plan that is carried out; "" without one.
func (e *execution) planDigest() string {
	if e.plan == nil {
		return ""
	}
	return e.plan.Digest
}

// info is what is known of the run when it begins.
func (e *execution) info() report.Info {
	s := e.session
	info := report.Info{
		Run: e.id, Tenant: s.target.tenant, Mode: s.target.mode, ServiceUser: s.conn.user, Machine: report.ThisMachine(s.start),
		Manifest:   report.ManifestInfo{Path: s.places.manifest, Digest: s.checked.Digest},
		PlanDigest: e.planDigest(),
		Command:    append([]string{"migrate"}, e.app.args...), Settings: e.app.settings(), Start: s.start, Separator: e.separator,
	}
	for _, f := range s.checked.Files {
		info.Manifest.Files = append(info.Manifest.Files, report.File{Name: f.Name, SHA256: f.SHA256})
	}
	var err error
	if info.Binary, err = report.ThisBinary(version()); err != nil {
		e.app.log.Warn().Err(err).Msg("the evidence has no digest of the program")
	}
	return info
}

// settings are the flags that apply, with their origins where they are not the default.
func (a *app) settings() map[string]string {
	m := map[string]string{}
	a.flags.VisitAll(func(f *pflag.Flag) {
		if from := a.origins[f.Name]; from != "default" && f.Name != "help" {
			m[f.Name] = f.Value.String() + " (" + from + ")"
		}
	})
	return m
}
