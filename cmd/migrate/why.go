package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

func newWhy(a *app) *cobra.Command {
	var st stateFlag
	var sandbox bool
	cmd := &cobra.Command{
		Use:   "why EXTERNAL-ID [MANIFEST]",
		Short: "Tell the whole story of one item and what happens next",
		Long: `Why shows what is known of one item: its asset, what was sent, every step with its
time, why the last run left it alone if it did, and what the next run does with
it. It talks to no service. Without MANIFEST it takes the only state in this
folder.`,
		Example:           "  migrate why SAMPLE-001 manifest.yaml --sandbox",
		Args:              argsOf(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: completeManifestSecond,
	}
	st.add(cmd.Flags())
	cmd.Flags().BoolVar(&sandbox, "sandbox", false, "of the stand-in beside the manifest")
	cmd.RunE = a.action(manifestSecond, func(ctx context.Context, args []string) (code int, err error) {
		path, err := statePath(args[1:], sandbox, st.path)
		if err != nil {
			return 0, err
		}
		r, _, err := state.OpenReader(ctx, path)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		story, err := pipeline.Why(ctx, r, args[0])
		if err != nil {
			return 0, err
		}
		last, err := lastResult(ctx, r, path, args[0])
		if err != nil {
			return 0, err
		}
		if last != nil && (last.OK() || pipeline.Unfinished(last.Status) || last.Status == string(state.Failed)) {
			last = nil // the state knows it as well, and later
		}
		if a.json {
			return exitOK, view.WhyJSON(a.out, args[0], story, last)
		}
		return exitOK, view.WhyText(a.out, args[0], story, last)
	})
	return cmd
}
