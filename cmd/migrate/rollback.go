package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// rollbackCommand are the settings of `migrate rollback`.
type rollbackCommand struct {
	service  serviceFlags
	state    stateFlag
	run      runFlags
	night    nightFlags
	show     planShow
	since    string
	delete   bool
	dryRun   bool
	yes      bool
	quiet    bool
	readOnly bool
	sep      *separator
}

func newRollback(a *app) *cobra.Command {
	var f rollbackCommand
	cmd := &cobra.Command{
		Use:   "rollback [MANIFEST] RUN... | --since RUN",
		Short: "Take back what runs did",
		Long: `Rollback archives what runs made, and puts fields, tags and, if they were kept,
bytes back to what they were before. What a person changed since, or a run that is
not taken back, stays as it is and is told. A rollback is a run of its own: it can be
interrupted and run again, and it can be taken back. After it, a run of the manifest
brings everything back.

RUN is the id of a run, or its folder of evidence; status lists the last ones. The
state is that of the manifest, that beside the folder, or the only one in this
folder. The manifest itself is not read, but with --sandbox.

On a terminal it shows its plan and asks. Exit code: 0 when all is as it was before,
3 when something stays as it is.`,
		Example: "  migrate rollback manifest.sandbox/runs/*",
		Args: func(cmd *cobra.Command, args []string) error {
			runs := slices.DeleteFunc(slices.Clone(args), isManifestName)
			switch {
			case len(args)-len(runs) > 1:
				return usagef("name one manifest; usage: %s", cmd.UseLine())
			case len(runs) == 0 && f.since == "":
				return usagef("name a RUN, or --since RUN for that one and all later ones; migrate status lists the last runs")
			case len(runs) > 0 && f.since != "":
				return usagef("name runs, or --since RUN, and not both")
			}
			return nil
		},
	}
	fs := cmd.Flags()
	f.service.add(fs)
	f.state.add(fs)
	f.run.addPace(fs)
	f.run.addKeep(fs)
	f.night.add(fs)
	fs.StringVar(&f.since, "since", "", "take back this run and all later ones of its manifest")
	fs.BoolVar(&f.delete, "delete", false, "delete what the runs made for good instead of archiving it, and tags that they made and nothing uses")
	fs.BoolVar(&f.dryRun, "dry-run", false, "show the plan, and change nothing")
	fs.BoolVar(&f.yes, "yes", false, "do not ask")
	fs.BoolVar(&f.quiet, "quiet", false, "no plan and no progress, only warnings and the outcome")
	fs.BoolVar(&f.readOnly, "read-only", false, "refuse every write (for a setting that keeps a rollback from happening)")
	f.show.addShown(cmd, "with --dry-run: ")
	f.sep = addSeparator(fs)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at := slices.IndexFunc(args, isManifestName)
		if at < 0 {
			at = len(args) // the settings file of this folder
		}
		return a.action(manifestArg(at), func(ctx context.Context, args []string) (int, error) { return a.rollback(ctx, args, &f) })(cmd, args)
	}
	return cmd
}

// isManifestName tells a manifest from a run among the arguments.
func isManifestName(arg string) bool {
	ext := strings.ToLower(filepath.Ext(arg))
	return ext == ".yaml" || ext == ".yml"
}

func (a *app) rollback(ctx context.Context, args []string, f *rollbackCommand) (code int, err error) {
	format, err := a.format(f.show.format, planFormats)
	if err != nil {
		return 0, err
	}
	if !f.dryRun {
		if err := a.refusePlanFlags(""); err != nil {
			return 0, err
		}
	}
	if f.readOnly && !f.dryRun {
		return 0, usagef("--read-only refuses every write (%s): add --dry-run, or take the setting away", a.origins["read-only"])
	}
	if err := checkNumbers(slices.Concat(f.service.numbers(), f.run.numbers(), f.night.numbers())...); err != nil {
		return 0, err
	}
	n, err := a.newNight(&f.night)
	if err != nil {
		return 0, err
	}
	if !f.dryRun {
		err := n.begin(ctx, a, &f.night, f.quiet, func() error {
			s, _, err := a.startRollback(ctx, args, f)
			if err != nil {
				return err
			}
			return s.close()
		})
		if err != nil {
			return 0, err
		}
	}
	s, runs, err := a.startRollback(ctx, args, f)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if !f.dryRun {
		return s.rollback(ctx, runs, f, n)
	}
	reader, err := s.reader(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.connect(ctx, f.service, nil); err != nil {
		return 0, err
	}
	doc, sum, err := s.planRollback(ctx, s.rollbackInput(reader, runs, f), runs)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, doc.Close()) }()
	code = planCode(sum, f.show.exitCode)
	if sum.Spared > 0 {
		code = worst(code, exitSome)
	}
	return code, a.showPlan(doc, sum, format, f.show.full, f.sep)
}

// taken are the runs that a rollback takes back: of one manifest, oldest first.
type taken struct {
	manifest string // its id
	runs     []string
	delete   bool
}

// startRollback finds the state, the service and the runs. Nothing is asked of the
// service yet. The caller closes the session.
func (a *app) startRollback(ctx context.Context, args []string, f *rollbackCommand) (s *session, t taken, err error) {
	s = &session{app: a, start: time.Now()}
	ids, err := s.findState(args, f)
	if err != nil {
		return nil, t, err
	}
	r, _, err := state.OpenReader(ctx, s.places.state)
	if err != nil {
		return nil, t, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if t, err = whichRuns(ctx, r, ids, f.since != ""); err != nil {
		return nil, t, err
	}
	t.delete = f.delete
	tenant, err := r.Meta(ctx, state.MetaTenant)
	if err != nil {
		return nil, t, err
	}
	m := &manifest.Manifest{}
	if f.service.sandbox { // its stand-in has the Divisions that the manifest names
		read, err := a.read(s.places.manifest, f.service, sourceFlags{})
		if err != nil {
			return nil, t, err
		}
		s.set, m = read.set, read.set.Manifest
		s.closers = append(s.closers, read.closers...)
	} else {
		m.Target.Subdomain = subdomainOf(tenant)
	}
	if s.target, err = a.findTarget(f.service, m); err != nil {
		return nil, t, errors.Join(err, s.close())
	}
	return s, t, nil
}

// subdomainOf is the subdomain in the name of a state's tenant; "" when it has none.
func subdomainOf(tenant string) string {
	if _, name, other := strings.Cut(tenant, ":"); other {
		tenant = name
		if name == "local" {
			return ""
		}
	}
	return tenant
}

// findState finds the state that arguments are about, and takes them apart: it is
// that of the manifest among them, that beside a run's folder, or the only one in
// this folder. It returns the ids of the runs.
func (s *session) findState(args []string, f *rollbackCommand) (ids []string, err error) {
	var manifests []string
	names := []string{f.since}
	if f.since == "" {
		names = nil
		for _, arg := range args {
			if !isManifestName(arg) {
				names = append(names, arg)
			}
		}
	}
	for _, arg := range args {
		if isManifestName(arg) {
			manifests = append(manifests, arg)
		}
	}
	var beside string
	for _, name := range names {
		if filepath.Base(name) == name && !isDir(name) {
			ids = append(ids, name)
			continue
		}
		dirs, err := runFolders([]string{name})
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			dir = filepath.Clean(dir)
			path, sandbox := stateBeside(dir)
			if beside != "" && beside != path {
				return nil, usagef("%s and %s belong to different states: take their runs back one after the other", beside, path)
			}
			beside, f.service.sandbox = path, f.service.sandbox || sandbox
			ids = append(ids, filepath.Base(dir))
		}
	}
	if f.service.sandbox && s.app.origins["state"] == "flag" {
		return nil, usagef("--sandbox keeps its own state; leave out --state")
	}
	path := f.state.path
	if len(manifests) == 0 && path == "" && fileExists(beside) {
		path = beside
	} else if path, err = statePath(manifests, f.service.sandbox, path); err != nil {
		return nil, err
	}
	if !fileExists(path) {
		return nil, usagef("%s: there is no state, so there is nothing to take back (--state names another one)", path)
	}
	if s.places, err = placesBeside(path, f.service.sandbox, manifests); err != nil {
		return nil, err
	}
	return ids, nil
}

// stateBeside is the state that goes with a folder of evidence, and whether it is
// that of a sandbox.
func stateBeside(dir string) (path string, sandbox bool) {
	runs := filepath.Dir(dir)
	if stem, ok := strings.CutSuffix(runs, ".runs"); ok {
		return stem + ".state.db", false
	}
	home := filepath.Dir(runs)
	return filepath.Join(home, "state.db"), strings.HasSuffix(home, ".sandbox")
}

// placesBeside are the places that go with a state: by its manifest if there is
// one, else by its own name.
func placesBeside(path string, sandbox bool, manifests []string) (places, error) {
	if len(manifests) > 0 {
		p := placesOf(manifests[0], sandbox, "")
		p.state = path
		return p, nil
	}
	stem, ok := strings.CutSuffix(path, ".state.db")
	if sandbox {
		stem, ok = strings.CutSuffix(filepath.Dir(path), ".sandbox")
	}
	for _, ext := range []string{".yaml", ".yml"} {
		if ok && fileExists(stem+ext) {
			p := placesOf(stem+ext, sandbox, "")
			p.state = path
			return p, nil
		}
	}
	if sandbox {
		return places{}, usagef("%s: the manifest of this sandbox is not beside it: name it", path)
	}
	return places{manifest: stem, state: path, runs: filepath.Dir(runsBeside(path, "run"))}, nil
}

// shownUnknown is how many runs are named when one is not known.
const shownUnknown = 10

// whichRuns finds runs in a state by their ids, or with since all later ones of the
// same manifest too.
func whichRuns(ctx context.Context, r state.Reader, ids []string, since bool) (t taken, err error) {
	all, err := r.Runs(ctx)
	if err != nil {
		return t, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(run state.Run) bool { return run.ID == id }) {
			return t, usagef("the state knows no run %s%s", id, knownRuns(all))
		}
	}
	for _, run := range all {
		named := slices.Contains(ids, run.ID)
		switch {
		case named && t.manifest != "" && t.manifest != run.Manifest:
			return t, usagef("run %s is of the manifest with id %q and %s of %q: take them back one after the other", run.ID, run.Manifest, t.runs[0], t.manifest)
		case named, since && len(t.runs) > 0 && run.Manifest == t.manifest:
			t.manifest, t.runs = run.Manifest, append(t.runs, run.ID)
		}
	}
	return t, nil
}

// knownRuns names the newest runs of a state.
func knownRuns(all []state.Run) string {
	if len(all) == 0 {
		return ": it knows none"
	}
	var b strings.Builder
	b.WriteString("; the last ones are:")
	for _, run := range slices.Backward(all[max(0, len(all)-shownUnknown):]) {
		fmt.Fprintf(&b, "\n  %s  %s", run.ID, run.Outcome)
	}
	return b.String()
}

func (s *session) rollbackInput(r state.Reader, t taken, f *rollbackCommand) pipeline.RollbackInput {
	in := pipeline.RollbackInput{Runs: t.runs, Delete: t.delete}
	in.Manifest = &manifest.Manifest{ID: t.manifest}
	in.State, in.Calls, in.Gate, in.Start, in.Log, in.Options = r, &s.calls, s.gate, s.start, s.app.log, f.run.options(f.service)
	in.API, in.Options.Budget = s.conn.client, allowance(s.ledger)
	return in
}

// planRollback makes the plan of a rollback; the caller closes it.
func (s *session) planRollback(ctx context.Context, in pipeline.RollbackInput, t taken) (*view.Plan, pipeline.Summary, error) {
	in.Observe = nil
	doc, err := view.NewPlan(view.PlanHeader{Mode: s.target.mode, Tenant: s.target.tenant, Manifest: s.places.manifest, ID: t.manifest, Runs: t.runs, Delete: t.delete, At: s.start, Program: "migrate " + version()})
	if err != nil {
		return nil, pipeline.Summary{}, err
	}
	in.Extra = doc.AddExtra
	sum, err := pipeline.PlanRollback(ctx, in, doc.Add)
	if err != nil {
		return nil, sum, errors.Join(err, doc.Close())
	}
	return doc, sum, nil
}

// rollback carries a rollback out, as a run of its own.
func (s *session) rollback(ctx context.Context, t taken, f *rollbackCommand, n *night) (code int, err error) {
	a := s.app
	store, err := state.Open(ctx, s.places.state, state.Options{Tenant: s.target.tenant, Program: "migrate " + version(), Log: a.log})
	if err != nil {
		return 0, err
	}
	s.closers = append(s.closers, store.Close)
	e := &execution{app: a, session: s, store: store, id: runID(s.start), separator: rune(*f.sep)}
	e.begin(f.quiet)
	defer func() { err = errors.Join(err, e.stopShow()) }()
	f.service.begins = true
	if err := s.connect(ctx, f.service, e.observe); err != nil {
		return 0, err
	}
	s.warnAboutPlace()
	if line := n.line(); line != "" && !f.quiet {
		say(a.err, "%s", line)
	}
	if err := e.serve(); err != nil {
		return 0, err
	}
	if err := e.recover(ctx); err != nil {
		return 0, err
	}
	if err := forgetPassed(ctx, store); err != nil {
		return 0, err
	}
	in := s.rollbackInput(store, t, f)
	in.Store, in.ID, in.Stop, in.Observe = store, e.id, a.signals.stop, e.observe
	if n.limited() {
		in.Options.Until = n.until
	}
	before, cancel := n.before(ctx)
	defer cancel()
	if err := e.confirmRollback(before, in, t, f); err != nil {
		return 0, cut(before, err)
	}
	return e.run(ctx, &in.RunInput, selectFlags{}, func(ctx context.Context) (pipeline.Outcome, error) { return pipeline.Rollback(ctx, in) })
}

// confirmRollback shows what a rollback does and asks. Nobody is asked with --yes,
// without a terminal, or in a sandbox.
func (e *execution) confirmRollback(ctx context.Context, in pipeline.RollbackInput, t taken, f *rollbackCommand) error {
	a, target := e.app, e.session.target
	ask := !f.yes && a.ask && target.mode == "LIVE"
	if !ask && (f.quiet || a.json) {
		return nil
	}
	doc, sum, err := e.session.planRollback(ctx, in, t)
	if err != nil {
		return err
	}
	if !ask {
		say(a.err, "%s", view.RollbackLine(sum))
		return errors.Join(doc.Stays(redacting{a.err, a.redact}), doc.Close())
	}
	if err := errors.Join(doc.Text(view.Fold(redacting{a.err, a.redact}, a.columns), sum, false), doc.Close()); err != nil {
		return err
	}
	if sum.Writes+sum.Puts == 0 {
		return nil
	}
	what := fmt.Sprintf("This takes back %s at %s.", view.Plural(len(t.runs), "run", "runs"), view.Clean(target.name()))
	if t.delete {
		what += " What is deleted cannot be brought back."
	}
	return a.askYes(ctx, what)
}
