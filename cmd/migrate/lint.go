package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func newLint(a *app) *cobra.Command {
	var svc serviceFlags
	var files sourceFlags
	var offline, twins, hash, fix, yes, strict bool
	cmd := &cobra.Command{
		Use:   "lint MANIFEST",
		Short: "Show all problems of a manifest",
		Long: `Lint reads the whole manifest, looks at every file and asks the service for the
names that it knows: Divisions, languages, countries, tags, people, themes. It shows
all problems with their places and changes nothing. --offline leaves the service out.

It also reads which assets the items' Divisions have, a thousand a request, and
names those that are no item's and equal one: a run would make them a second time.
Above 50,000 assets it does so only when --twins asks for it. Bytes tell, or else
names. Files that have the size of such an asset are read for that: 1 GiB of those
on this machine, and with --hash all of them, also elsewhere.

--fix puts slips right that leave no doubt, in the manifest alone: misspelt keys,
true and false written otherwise, dates in another form, values that YAML wants
quoted. It shows the change and asks, keeps the file as it was beside it, and then
shows what is left. Tables are not changed.

Exit code: 0 without problems that matter, 2 when something stops everything, 3
when only some items are blocked (2 with --strict).`,
		Example:           "  migrate lint manifest.yaml --offline",
		Args:              argsOf(cobra.ExactArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	svc.add(cmd.Flags())
	files.add(cmd.Flags())
	cmd.Flags().BoolVar(&offline, "offline", false, "leave out what only the service can tell")
	cmd.Flags().BoolVar(&twins, "twins", true, "look for assets that items equal: one request for each thousand assets; without the flag up to 50,000 assets")
	cmd.Flags().BoolVar(&hash, "hash", false, "read all files that have the size of an asset, to tell by their bytes")
	cmd.Flags().BoolVar(&strict, "strict", false, "problems that block a row stop everything")
	cmd.Flags().BoolVar(&fix, "fix", false, "show the repairs that leave no doubt, and write them if you agree")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --fix: write without asking")
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		if err := checkNumbers(svc.numbers()...); err != nil {
			return 0, err
		}
		if yes && !fix {
			return 0, usagef("--yes goes with --fix")
		}
		if fix {
			if err := a.fix(ctx, args[0], yes); err != nil {
				return 0, err
			}
		}
		return a.lint(ctx, args[0], svc, files, pipeline.Options{Strict: strict, Twins: a.twins(twins), Hash: hash}, offline)
	})
	return cmd
}

func (a *app) lint(ctx context.Context, path string, svc serviceFlags, files sourceFlags, o pipeline.Options, offline bool) (code int, err error) {
	var problems view.Problems
	l := view.Lint{Manifest: path, Offline: offline}
	show := func() (int, error) {
		stop, block, _ := problems.Counts()
		code := exitOK
		switch {
		case stop > 0, block > 0 && o.Strict:
			code = exitUsage
		case block > 0:
			code = exitSome
		}
		if a.json {
			return code, l.JSON(a.out, &problems)
		}
		return code, l.Text(view.Fold(a.out, a.columns), &problems)
	}
	// Problems of the header may come as an error; lint shows them all the same.
	collect := func(err error) error {
		var ps manifest.Problems
		if !errors.As(err, &ps) {
			return err
		}
		for _, p := range ps {
			problems.Add(p)
		}
		return nil
	}

	s, err := a.read(path, svc, files)
	if err != nil {
		if err := collect(err); err != nil {
			return 0, err
		}
		return show()
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.checked, err = s.set.Check(ctx, problems.Add); err != nil {
		return 0, err
	}
	l.Items, l.Unmapped = s.checked.Items, s.checked.Unmapped
	stop, _, _ := problems.Counts()
	closed := s.closed
	if stop == 0 { // else it has been said
		if closed = s.reachRoots(ctx); closed != nil {
			if err := collect(closed); err != nil {
				return 0, err
			}
		}
	}
	if closed != nil {
		return show()
	}
	if !offline && stop == 0 {
		if err := s.aim(svc, ""); err != nil {
			return 0, err
		}
		if err := s.connect(ctx, svc, nil); err != nil {
			return 0, err
		}
	} else if !offline {
		l.Offline = true // nothing is asked before the manifest itself is right
	}
	in := s.input(emptyState{}, pipeline.Selection{}, o)
	in.NoState = true
	switch {
	case s.conn == nil || o.Twins == nil:
	case o.Hash:
		in.Hashes = s.hashes()
	default:
		in.Hashes = s.knownHashes()
	}
	in.Items = s.set.Readable // what stops a file was reported above, the rest of it is looked at too
	if _, err := pipeline.Lint(ctx, in, problems.Add); err != nil {
		return 0, err
	}
	return show()
}

// mostTwins is how many assets lint reads unless it is told to.
const mostTwins = 50_000

// twins is the answer to whether lint may read the assets of the items' Divisions,
// and tells what it costs; nil for no.
func (a *app) twins(on bool) func(assets int) bool {
	if !on {
		return nil
	}
	asked := a.origins["twins"] != "default"
	return func(assets int) bool {
		requests := view.Plural((assets+999)/1000, "request", "requests")
		switch {
		case assets < 0:
			say(a.err, "reading the assets of the items' Divisions, to see which are there already: one request for each thousand (--twins=false leaves that out)")
		case assets > mostTwins && !asked:
			say(a.err, "the items' Divisions have %s assets; whether items equal some of them was not looked at: --twins does it, for %s", view.Count(assets), requests)
			return false
		case assets > 1000:
			say(a.err, "reading %s assets, to see which are there already: %s (--twins=false leaves that out)", view.Count(assets), requests)
		}
		return true
	}
}
