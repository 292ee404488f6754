package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/note"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// rebuildFlags are the settings of `migrate state rebuild`.
type rebuildFlags struct {
	service serviceFlags
	state   stateFlag
	from    string
	settle  time.Duration
}

func newStateRebuild(a *app) *cobra.Command {
	var f rebuildFlags
	cmd := &cobra.Command{
		Use:   "rebuild MANIFEST",
		Short: "Make a lost state anew from the service",
		Long: `Rebuild makes a state for a manifest whose own is lost or damaged: it reads all assets
of the tenant and notes each one that has an external ID. The next run compares
those that the manifest lists, and makes nothing twice. The way back of earlier
runs is not known any more. Nothing is written at the service.

It waits --settle-time first, so that it sees what a run made a moment ago. A state
that is there is never touched: move it away first.

--from lists reads 1,000 assets a request, and the run after it needs to ask for
little; --from exports reads 100,000 a request, needs a right to the export, and the
run after it reads each asset of the manifest in batches; auto takes what is cheaper.`,
		Example:           "  migrate state rebuild manifest.yaml --sandbox --settle-time 1s",
		Args:              argsOf(cobra.ExactArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	fs := cmd.Flags()
	f.service.add(fs)
	f.state.add(fs)
	addSettleTime(fs, &f.settle)
	fs.StringVar(&f.from, "from", string(pipeline.FromAuto), "lists, exports or auto")
	must(cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(
		[]string{string(pipeline.FromLists), string(pipeline.FromExports), string(pipeline.FromAuto)}, cobra.ShellCompDirectiveNoFileComp)))
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		return exitOK, a.rebuild(ctx, args[0], f)
	})
	return cmd
}

func (a *app) rebuild(ctx context.Context, path string, f rebuildFlags) (err error) {
	switch from := pipeline.RebuildFrom(f.from); from {
	case pipeline.FromLists, pipeline.FromExports, pipeline.FromAuto:
	default:
		return usagef("--from %q: use lists, exports or auto", f.from)
	}
	if err := checkNumbers(append(f.service.numbers(), number{"settle-time", int64(f.settle), 0})...); err != nil {
		return err
	}
	s, err := a.read(path, f.service, sourceFlags{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.aim(f.service, f.state.path); err != nil {
		return err
	}
	if err := mustNotExist(ctx, s.places.state); err != nil {
		return err
	}
	items, err := s.count(ctx)
	if err != nil {
		return err
	}
	progress := view.NewProgress(a.err, false, a.json)
	endProgress := sync.OnceFunc(progress.Close)
	defer endProgress()
	if err := s.connect(ctx, f.service, progress.Observe); err != nil {
		return err
	}
	s.warnAboutPlace()
	in := pipeline.RebuildInput{
		API: s.conn.client, From: pipeline.RebuildFrom(f.from), Items: items, SettleTime: orTiny(f.settle),
		Observe: progress.Observe, Progress: tellAssets(progress),
	}
	sum, err := rebuildAt(ctx, s.places.state, state.Options{Tenant: s.target.tenant, Program: "migrate " + version(), Log: a.log}, in, s.notedManifests())
	if err != nil {
		return err
	}
	endProgress()
	s.noteRebuilt(context.WithoutCancel(ctx))
	next := a.planCommand(path, f.service, f.state) + " shows what a run makes of it"
	if a.json {
		return view.RebuiltJSON(a.out, s.places.state, sum, next)
	}
	return view.RebuiltText(a.out, s.places.state, sum, next)
}

// count is how many items the manifest has, for a forecast: 0 when it cannot be read.
func (s *session) count(ctx context.Context) (n int, err error) {
	for _, err := range s.set.Items(ctx) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if err != nil {
			return 0, nil
		}
		n++
	}
	return n, nil
}

// mustNotExist refuses to make a state where one is, whatever it is worth.
func mustNotExist(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if h := state.HolderOf(path); h != nil {
		return &state.LockedError{Path: path, Holder: *h}
	}
	move := "mv"
	if runtime.GOOS == "windows" {
		move = "move"
	}
	what := "is there, and a rebuild replaces nothing"
	r, _, err := state.OpenReader(ctx, path)
	switch {
	case errors.Is(err, state.ErrDamaged):
		what = "is damaged"
	case err == nil:
		err = r.Close()
	}
	if err != nil && !errors.Is(err, state.ErrDamaged) && !errors.Is(err, state.ErrNewer) {
		return err
	}
	words := again([]string{move, path, path + ".old"})
	return usagef("%s %s: move it away and call this again: %s %s %s", path, what, words[0], words[1], words[2])
}

// rebuildAt makes the state at path. It has another name until it is whole, and
// takes its own only if that is still free. manifests are those that may have had runs
// on the state that is lost.
func rebuildAt(ctx context.Context, path string, o state.Options, in pipeline.RebuildInput, manifests []string) (sum pipeline.RebuildSummary, err error) {
	half := path + ".rebuilding"
	if h := state.HolderOf(half); h != nil {
		return sum, &state.LockedError{Path: half, Holder: *h}
	}
	if err := os.Remove(half); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a rebuild that was killed
		return sum, err
	}
	if in.Store, err = state.Open(ctx, half, o); err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, os.Remove(half)) }()
	if sum, err = pipeline.Rebuild(ctx, in); err == nil {
		err = pipeline.DoubtExtras(ctx, in.Store, manifests...) // the service tells nothing of them
	}
	if err = errors.Join(err, in.Store.Close()); err != nil {
		return sum, err
	}
	err = state.Backup(ctx, half, path)
	if errors.Is(err, fs.ErrExist) {
		err = usagef("%s was made meanwhile, and a rebuild replaces nothing (was a run begun?)", path)
	}
	return sum, err
}

// tellAssets tells now and then how many assets were read.
func tellAssets(p *view.Progress) func(pipeline.RebuildSummary) {
	const every = 10 * time.Second
	last := time.Now()
	return func(s pipeline.RebuildSummary) {
		if time.Since(last) >= every {
			last = time.Now()
			p.Note(fmt.Sprintf("%s read", view.Plural(s.Assets, "asset", "assets")))
		}
	}
}

// noteRebuilt makes the tenant note forget the last run on the state, of which the
// new one knows nothing.
func (s *session) noteRebuilt(ctx context.Context) {
	f, err := s.tenantNote()
	if f != nil && err == nil {
		e := note.Entry{State: realPath(s.places.state), Host: hostName(), Manifest: s.set.Manifest.ID, Start: s.start.UTC(), End: time.Now().UTC()}
		if _, err = f.Begin(ctx, e, func(note.Entry) bool { return false }); err == nil || errors.Is(err, note.ErrDamaged) {
			return
		}
	}
	if err != nil {
		s.app.log.Warn().Err(err).Msg("the next run will take this state for an older copy")
	}
}
