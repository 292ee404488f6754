package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/state"
)

func newState(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look after the state: check, copy, export, correct, make anew",
		Long: `State looks after the file that holds what is known of a manifest's items. See
docs/state.md.`,
		Example: "  migrate state check manifest.yaml --sandbox",
		Args:    unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("name what to do; %s --help lists it", cmd.CommandPath())
		},
	}
	cmd.AddCommand(newStateCheck(a), newStateBackup(a), newStateExport(a), newStateBind(a), newStateRename(a), newStateRebuild(a))
	return cmd
}

// whichState says which state a command is about: that of a manifest, a file, or
// the only one in this folder.
type whichState struct {
	stateFlag
	sandbox bool
}

func (w *whichState) add(fs *pflag.FlagSet) {
	w.stateFlag.add(fs)
	fs.BoolVar(&w.sandbox, "sandbox", false, "of the stand-in beside the manifest")
}

// find is the path of the state. It has to be there.
func (w *whichState) find(manifest []string) (string, error) {
	path, err := statePath(manifest, w.sandbox, w.path)
	if err == nil {
		err = mustExist(path)
	}
	return path, err
}

func mustExist(path string) error {
	if !fileExists(path) {
		return usagef("%s: there is no state (a run makes it; --state names another one)", path)
	}
	return nil
}

func newStateCheck(a *app) *cobra.Command {
	var which whichState
	cmd := &cobra.Command{
		Use:   "check [MANIFEST]",
		Short: "Look whether a state is undamaged",
		Long: `Check reads all of a state: every page, every checksum, every record, and whether
they agree with each other. It shows each problem with the way out, and changes
nothing. Of a state that a run has, it checks a copy that the run gives. Without
MANIFEST it takes the only state in this folder.

Exit code: 0 when it is undamaged, 1 when it is damaged.`,
		Example:           "  migrate state check manifest.yaml --sandbox",
		Args:              argsOf(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	which.add(cmd.Flags())
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		path, err := which.find(args)
		if err != nil {
			return 0, err
		}
		report, err := state.Check(ctx, path)
		damaged := errors.Is(err, state.ErrDamaged) // the report says all of it
		if err != nil && !damaged {
			return 0, err
		}
		code := exitOK
		if damaged {
			code = exitFailed
		}
		if a.json {
			return code, view.CheckJSON(a.out, report, !damaged)
		}
		return code, view.CheckText(a.out, report, !damaged)
	})
	return cmd
}

func newStateBackup(a *app) *cobra.Command {
	var which whichState
	var out string
	cmd := &cobra.Command{
		Use:   "backup [MANIFEST]",
		Short: "Copy a state, also while a run has it",
		Long: `Backup writes a copy of a state as it is at one moment, checks it, and only then
gives it its name. While a run has the state, that run hands the copy out and goes
on. It never overwrites anything. Without MANIFEST it takes the only state in this
folder.

To put a copy back, see docs/state.md.`,
		Example:           "  migrate state backup manifest.yaml --sandbox",
		Args:              argsOf(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	which.add(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "file to write (default: STATE.TIME.backup beside the state)")
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		path, err := which.find(args)
		if err != nil {
			return 0, err
		}
		dst := orText(out, path+"."+time.Now().UTC().Format("20060102T150405Z")+".backup")
		switch err := state.Backup(ctx, path, dst); {
		case errors.Is(err, fs.ErrExist):
			return 0, usagef("%v", err)
		case err != nil:
			return 0, err
		}
		info, err := os.Stat(dst)
		if err != nil {
			return 0, err
		}
		if a.json {
			return exitOK, view.WriteJSON(a.out, struct {
				Version int    `json:"version"`
				Type    string `json:"type"`
				State   string `json:"state"`
				Backup  string `json:"backup"`
				Size    int64  `json:"size"`
			}{1, "state-backup", path, dst, info.Size()})
		}
		say(a.out, "%s: copied and checked (%s)", view.Clean(dst), view.Bytes(info.Size()))
		return exitOK, nil
	})
	return cmd
}

func newStateExport(a *app) *cobra.Command {
	var which whichState
	var out string
	cmd := &cobra.Command{
		Use:   "export [MANIFEST]",
		Short: "Write a state as JSON, one value a line",
		Long: `Export writes what a state knows as JSON for programs of yours: its runs, every
record, every change and tag, one a line. docs/state.md has the members of each.
A file without its last line, of type end, is not whole. Without MANIFEST it takes
the only state in this folder.`,
		Example:           "  migrate state export manifest.yaml --sandbox",
		Args:              argsOf(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	which.add(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "file to write, which must not exist (default: stdout)")
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (code int, err error) {
		path, err := which.find(args)
		if err != nil {
			return 0, err
		}
		r, _, err := state.OpenReader(ctx, path)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		if out == "" {
			return exitOK, state.Export(ctx, r, a.out)
		}
		if err := exportTo(out, func(w io.Writer) error { return state.Export(ctx, r, w) }); err != nil {
			return 0, err
		}
		info, err := os.Stat(out)
		if err != nil {
			return 0, err
		}
		if a.json {
			return exitOK, view.WriteJSON(a.out, struct {
				Version int    `json:"version"`
				Type    string `json:"type"`
				State   string `json:"state"`
				Export  string `json:"export"`
				Size    int64  `json:"size"`
			}{1, "state-export", path, out, info.Size()})
		}
		say(a.out, "%s: exported (%s)", view.Clean(out), view.Bytes(info.Size()))
		return exitOK, nil
	})
	return cmd
}

// exportTo has a file written that did not exist and that only its owner reads. One
// that could not be completed is taken away.
func exportTo(path string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s is there already and is not overwritten: name another file with --out", path)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	return f.Sync()
}

func newStateRename(a *app) *cobra.Command {
	var which whichState
	cmd := &cobra.Command{
		Use:   "rename OLD NEW [MANIFEST]",
		Short: "Give an item another external ID",
		Long: `Rename makes what is known of an item OLD that of NEW: its asset, its story, the way
back. Change the external ID in the manifest as well. The next run then sets it at
the service, on the same asset; without a rename it would make a second one.
Without MANIFEST it takes the only state in this folder.

It takes the key of a share, a personal file or a tag category as well. It writes the
state alone, is refused while a run has it (exit code 7), and while the item is under
way: run first.`,
		Example:           "  migrate state rename SAMPLE-001 DECK-1 manifest.yaml --sandbox",
		Args:              argsOf(cobra.RangeArgs(2, 3)),
		ValidArgsFunction: completeManifestThird,
	}
	which.add(cmd.Flags())
	cmd.RunE = a.action(manifestThird, func(ctx context.Context, args []string) (code int, err error) {
		from, to := args[0], args[1]
		if what := manifest.ExternalIDWrong(to); what != "" {
			return 0, usagef("the external ID %s: no manifest could name it", what)
		}
		path, err := which.find(args[2:])
		if err != nil {
			return 0, err
		}
		store, err := a.openStore(ctx, path)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		itemErr := store.Rename(ctx, from, to)
		switch {
		case errors.Is(itemErr, state.ErrTaken), errors.Is(itemErr, state.ErrTransition):
			return 0, usagef("%v", itemErr)
		case itemErr != nil && !errors.Is(itemErr, state.ErrNoRecord):
			return 0, itemErr
		}
		switch kinds, err := renameExtras(ctx, store, from, to); {
		case err != nil:
			return 0, err
		case itemErr != nil && len(kinds) > 0:
			return a.toldRenamed(path, from, to, kinds)
		case itemErr != nil:
			return 0, usagef("%v", itemErr)
		}
		recs, err := store.Get(ctx, []string{to})
		if err != nil {
			return 0, err
		}
		const next = "write the new external ID into the manifest, too, and run: the run sets it at the service"
		if a.json {
			return exitOK, view.WriteJSON(a.out, struct {
				Version int    `json:"version"`
				Type    string `json:"type"`
				State   string `json:"state"`
				From    string `json:"from"`
				To      string `json:"to"`
				AssetID string `json:"assetId,omitempty"`
				Next    string `json:"next"`
			}{1, "state-rename", path, from, to, recs[to].AssetID, next})
		}
		of := ""
		if id := recs[to].AssetID; id != "" {
			of = fmt.Sprintf(" (asset %s)", id)
		}
		say(a.out, "%s: %s is now %s%s", view.Clean(path), view.Clean(from), view.Clean(to), view.Clean(of))
		say(a.out, "next: %s", next)
		return exitOK, nil
	})
	return cmd
}

// renameExtras gives every share, personal file and tag category with a key
// another one, and returns their kinds.
func renameExtras(ctx context.Context, store *state.Store, from, to string) (kinds []state.ExtraKind, err error) {
	for _, kind := range state.ExtraKinds() {
		all, err := state.AllExtras(ctx, store, kind, "")
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if e.Key != from {
				continue
			}
			switch err := store.RenameExtra(ctx, kind, e.Owner, from, to); {
			case errors.Is(err, state.ErrTaken), errors.Is(err, state.ErrTransition):
				return nil, usagef("%v", err)
			case err != nil:
				return nil, err
			}
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

// toldRenamed tells of a renaming that was of no item.
func (a *app) toldRenamed(path, from, to string, kinds []state.ExtraKind) (int, error) {
	const next = "write the new key into the manifest, too"
	if a.json {
		return exitOK, view.WriteJSON(a.out, struct {
			Version int               `json:"version"`
			Type    string            `json:"type"`
			State   string            `json:"state"`
			From    string            `json:"from"`
			To      string            `json:"to"`
			Kinds   []state.ExtraKind `json:"kinds"`
			Next    string            `json:"next"`
		}{1, "state-rename", path, from, to, kinds, next})
	}
	say(a.out, "%s: %s is now %s", view.Clean(path), view.Clean(from), view.Clean(to))
	say(a.out, "next: %s", next)
	return exitOK, nil
}

// openStore opens a state that is there, for writing, whoever's it is.
func (a *app) openStore(ctx context.Context, path string) (*state.Store, error) {
	r, _, err := state.OpenReader(ctx, path)
	if err != nil {
		return nil, err
	}
	tenant, err := r.Meta(ctx, state.MetaTenant)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	return state.Open(ctx, path, state.Options{Tenant: tenant, Program: "migrate " + version(), Log: a.log})
}
