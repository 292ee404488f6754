package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func newVerify(a *app) *cobra.Command {
	var svc serviceFlags
	var selects selectFlags
	var st stateFlag
	cmd := &cobra.Command{
		Use:   "verify MANIFEST",
		Short: "Compare the service with the manifest",
		Long: `Verify reads every item's asset and compares it with what the manifest wants and
with the bytes that were sent: status, checksum, size, fields. It writes nothing.

Exit code: 0 when all is as wanted, 3 when something differs or is missing, 6
when the service still processes some.`,
		Example:           "  migrate verify manifest.yaml --sandbox",
		Args:              argsOf(cobra.ExactArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	svc.add(cmd.Flags())
	selects.add(cmd.Flags())
	st.add(cmd.Flags())
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (code int, err error) {
		if err := checkNumbers(slices.Concat(svc.numbers(), selects.numbers())...); err != nil {
			return 0, err
		}
		s, sel, err := a.start(ctx, args[0], svc, &selects, st, false)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		reader, err := s.reader(ctx)
		if err != nil {
			return 0, err
		}
		if err := s.connect(ctx, svc, nil); err != nil {
			return 0, err
		}
		in := s.input(reader, sel, (&runFlags{}).options(svc))
		in.Hashes = s.hashes()
		show := view.Verify{Out: a.out, JSON: a.json}
		sum, err := pipeline.Verify(ctx, in, show.Add)
		if err != nil {
			return 0, err
		}
		a.tellMissed(selects, sum.Items)
		return verifyCode(sum), show.End(sum)
	})
	return cmd
}

func verifyCode(s pipeline.VerifySummary) int {
	code := exitOK
	if s.Unfinished > 0 {
		code = exitProcessing
	}
	if s.Different+s.Missing > 0 {
		code = worst(code, exitSome)
	}
	return code
}
