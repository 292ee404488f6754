package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// watchEvery is how often status --watch looks.
const watchEvery = 2 * time.Second

// shownRuns is how many of the last runs status shows.
const shownRuns = 5

func newStatus(a *app) *cobra.Command {
	var st stateFlag
	var sandbox, watch bool
	cmd := &cobra.Command{
		Use:   "status [MANIFEST]",
		Short: "Show where a manifest stands",
		Long: `Status shows how many items are done, failed or under way, the last runs, and the
run that goes on, if any: that one is asked. It talks to no service. Without
MANIFEST it takes the only state in this folder.`,
		Example:           "  migrate status manifest.yaml --sandbox",
		Args:              argsOf(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	st.add(cmd.Flags())
	cmd.Flags().BoolVar(&sandbox, "sandbox", false, "of the stand-in beside the manifest")
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again every 2 s while a run goes on")
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		path, err := statePath(args, sandbox, st.path)
		if err != nil {
			return 0, err
		}
		for {
			live, err := a.status(ctx, path, !sandbox && len(args) > 0 && fileExists(placesOf(args[0], true, "").state))
			if err != nil || !watch || !live {
				return exitOK, err
			}
			select {
			case <-time.After(watchEvery):
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		}
	})
	return cmd
}

// statePath finds a state: that of the manifest in args, the one named, or the
// only one in this folder.
func statePath(args []string, sandbox bool, named string) (string, error) {
	switch {
	case len(args) > 0:
		path := placesOf(args[0], sandbox, named).state
		if fileExists(path) || fileExists(args[0]) {
			return path, nil
		}
		return "", usagef("%s: no such manifest, and no state of it (%s)", args[0], path)
	case named != "":
		return named, nil
	}
	pattern := "*.state.db"
	if sandbox {
		pattern = sandboxStates
	}
	found, err := filepath.Glob(pattern)
	switch {
	case err != nil:
		return "", err
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && !sandbox && anyFile(sandboxStates):
		return "", usagef("no %s in this folder, only that of a sandbox: add --sandbox, or name the manifest", pattern)
	case len(found) == 0:
		return "", usagef("no %s in this folder: name the manifest", pattern)
	}
	return "", usagef("%d states in this folder (%s, ...): name the manifest", len(found), found[0])
}

// sandboxStates are the states of sandboxes in this folder.
var sandboxStates = filepath.Join("*.sandbox", "state.db")

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func anyFile(pattern string) bool {
	found, err := filepath.Glob(pattern)
	return err == nil && len(found) > 0
}

// status shows a state once and tells whether a run has it. Sandbox says that there
// is one of the sandbox, too.
func (a *app) status(ctx context.Context, path string, sandbox bool) (live bool, err error) {
	r, holder, err := state.OpenReader(ctx, path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s := view.Status{State: path, Sandbox: sandbox}
	if s.Counts, err = r.Counts(ctx); err != nil {
		return false, err
	}
	if s.Tenant, err = r.Meta(ctx, state.MetaTenant); err != nil {
		return false, err
	}
	if s.Runs, err = r.Runs(ctx); err != nil {
		return false, err
	}
	if s.Extras, err = extraCounts(ctx, r); err != nil {
		return false, err
	}
	s.Runs = s.Runs[max(0, len(s.Runs)-shownRuns):]
	for i, run := range s.Runs {
		if dir := runsBeside(path, run.ID); fileExists(dir) {
			s.Runs[i].Dir = dir // where it can be opened from this folder
		}
	}
	if holder != nil {
		s.Holder = &view.Holder{PID: holder.PID, Host: holder.Host, Start: holder.Start}
		if l, ok := r.(state.Live); ok {
			s.Progress, err = l.Live(ctx)
			if err != nil && !errors.Is(err, state.ErrNoHolder) {
				return false, fmt.Errorf("ask the run that has the state: %w", err)
			}
		}
	}
	if a.json {
		return holder != nil, s.JSON(a.out)
	}
	return holder != nil, s.Text(a.out)
}

// extraCounts counts what the manifests of a state make beside their items; nil
// for nothing.
func extraCounts(ctx context.Context, r state.Reader) (map[state.ExtraKind]map[state.ExtraStatus]int, error) {
	var counts map[state.ExtraKind]map[state.ExtraStatus]int
	for _, kind := range state.ExtraKinds() {
		all, err := state.AllExtras(ctx, r, kind, "")
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			continue
		}
		if counts == nil {
			counts = map[state.ExtraKind]map[state.ExtraStatus]int{}
		}
		counts[kind] = map[state.ExtraStatus]int{}
		for _, e := range all {
			counts[kind][e.Status]++
		}
	}
	return counts, nil
}
