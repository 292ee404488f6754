package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// verifyFlags are the settings of `migrate verify`.
type verifyFlags struct {
	service   serviceFlags
	files     sourceFlags
	selects   selectFlags
	state     stateFlag
	deep      bool
	downloads int
	format    string
	sep       *separator
}

func newVerify(a *app) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify MANIFEST",
		Short: "Compare the service with the manifest",
		Long: `Verify compares every item with its asset: that it is the only one with its
external ID, its status, Division, checksum, size, and every field that the manifest
manages. It shows what differs and writes nothing. That takes a request for up to
100 items. What update: leaves alone (keep) is not compared.

With --deep it also reads the bytes of every file back and hashes them, which takes
one request more for each file, and as long as a download of all of them. Take a
sample with --limit or --only.

Exit code: 0 when all is as wanted, 3 when something differs, is missing or could
not be compared, 6 when everything is sent and the service still processes some.`,
		Example:           "  migrate verify manifest.yaml --sandbox --deep",
		Args:              argsOf(cobra.ExactArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	fs := cmd.Flags()
	f.service.add(fs)
	f.files.add(fs)
	f.selects.add(fs)
	f.state.add(fs)
	fs.BoolVar(&f.deep, "deep", false, "read the bytes of every file back and hash them")
	fs.IntVar(&f.downloads, "downloads", 4, "with --deep: files read back at once")
	addFormat(cmd, &f.format, "", plainFormats)
	f.sep = addSeparator(fs)
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) { return a.verify(ctx, args[0], f) })
	return cmd
}

func (a *app) verify(ctx context.Context, path string, f verifyFlags) (code int, err error) {
	format, err := a.format(f.format, plainFormats)
	if err != nil {
		return 0, err
	}
	if err := checkNumbers(slices.Concat(f.service.numbers(), f.selects.numbers(), []number{{"downloads", int64(f.downloads), 1}})...); err != nil {
		return 0, err
	}
	if a.origins["downloads"] == "flag" && !f.deep {
		return 0, usagef("--downloads is for --deep: add it")
	}
	s, sel, err := a.start(ctx, path, f.service, f.files, &f.selects, f.state, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	reader, err := s.reader(ctx)
	if err != nil {
		return 0, err
	}
	progress := view.NewProgress(a.err, false, a.json) // lines: what differs may go to the same terminal
	defer progress.Close()
	if err := s.connect(ctx, f.service, progress.Observe); err != nil {
		return 0, err
	}
	in := s.input(reader, sel, (&runFlags{}).options(f.service))
	in.Hashes, in.Observe = s.hashes(), progress.Observe
	in.Options.Deep, in.Options.Downloads = f.deep, f.downloads
	show := view.NewVerify(a.out, format, rune(*f.sep))
	sum, err := pipeline.Verify(ctx, in, show.Add)
	if err != nil {
		return 0, errors.Join(err, show.Flush())
	}
	a.tellMissed(f.selects, sum.Items)
	a.tellNotCompared(s.set.Manifest)
	if format == "csv" {
		if err := show.Flush(); err != nil {
			return 0, err
		}
		say(a.err, "%s", view.Verified(sum))
		return verifyCode(sum), nil
	}
	return verifyCode(sum), show.End(sum)
}

func verifyCode(s pipeline.VerifySummary) int {
	code := exitOK
	if s.Unfinished > 0 {
		code = exitProcessing
	}
	if s.Different+s.Missing+s.Unchecked+s.CategoriesDiffer > 0 {
		code = worst(code, exitSome)
	}
	return code
}
