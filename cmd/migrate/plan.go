package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// planFlags are how a plan is made and shown. `run --dry-run` has them too.
type planFlags struct {
	service serviceFlags
	files   sourceFlags
	selects selectFlags
	state   stateFlag
	decide  runFlags
	night   nightFlags
	show    planShow
	sep     *separator
}

// planShow are the flags that only a plan has, and --dry-run of other commands.
type planShow struct {
	hash     bool
	full     bool
	exitCode bool
	format   string
	out      string
}

// planOnly are their names; a rollback has some of them.
var planOnly = []string{"hash", "full", "exit-code", "format", "out"}

func (f *planShow) add(cmd *cobra.Command, of string) {
	fs := cmd.Flags()
	fs.BoolVar(&f.hash, "hash", false, of+"read the files whose size is equal and whose time differs")
	fs.StringVar(&f.out, "out", "", of+"save the plan in this file, for run --plan")
	f.addShown(cmd, of)
}

// addShown adds what any plan can be shown with.
func (f *planShow) addShown(cmd *cobra.Command, of string) {
	fs := cmd.Flags()
	fs.BoolVar(&f.full, "full", false, of+"show every row")
	fs.BoolVar(&f.exitCode, "exit-code", false, of+"exit with 8 when there is work to do")
	addFormat(cmd, &f.format, of, planFormats)
}

// The formats of a plan, and of what is no page.
var (
	planFormats  = []string{"text", "json", "csv", "html"}
	plainFormats = planFormats[:3]
)

// refusePlanFlags refuses flags of a plan where none is made; or is what else
// makes one.
func (a *app) refusePlanFlags(or string) error {
	for _, name := range planOnly {
		if a.origins[name] == "flag" {
			return usagef("--%s is for plans: add --dry-run%s", name, or)
		}
	}
	return nil
}

func addFormat(cmd *cobra.Command, format *string, of string, formats []string) {
	cmd.Flags().StringVar(format, "format", "text", of+either(formats))
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)))
}

// either is a choice in words: "text, json or csv".
func either(all []string) string {
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

func newPlan(a *app) *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan MANIFEST",
		Short: "Show what would happen and what it costs",
		Long: `Plan reads the manifest, the files, the state and the service, decides what a run
would do with each item, and shows it. It writes nothing at the service.

A run makes the same decisions with the same function. With --out the plan is also
saved, to be looked at and carried out later, row by row, by run --plan. --format html
makes a page of it, to be read, printed and signed. Exit code: 3 when items need a
decision, else 0, or with --exit-code 8 when there is work to do.`,
		Example:           "  migrate plan manifest.yaml --sandbox --full",
		Args:              argsOf(cobra.ExactArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	fs := cmd.Flags()
	f.files.add(cmd.Flags())
	f.service.add(fs)
	f.selects.add(fs)
	f.state.add(fs)
	f.decide.addDecisions(fs)
	f.decide.addForecast(fs)
	f.night.addForecast(fs)
	f.show.add(cmd, "")
	f.sep = addSeparator(fs)
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) { return a.plan(ctx, args[0], f) })
	return cmd
}

// format settles --format and --json.
func (a *app) format(format string, formats []string) (string, error) {
	switch {
	case !slices.Contains(formats, format):
		return "", usagef("--format %q: use %s", format, either(formats))
	case a.json && a.flags.Changed("format") && format != "json":
		return "", usagef("--json and --format %s contradict each other", format)
	case format == "json":
		a.json = true // errors too
	case a.json:
		return "json", nil
	}
	return format, nil
}

func (a *app) plan(ctx context.Context, path string, f planFlags) (code int, err error) {
	format, err := a.format(f.show.format, planFormats)
	if err != nil {
		return 0, err
	}
	if err := checkNumbers(slices.Concat(f.service.numbers(), f.selects.numbers(), f.night.numbers())...); err != nil {
		return 0, err
	}
	n, err := a.newNight(&f.night)
	if err != nil {
		return 0, err
	}
	s, sel, err := a.start(ctx, path, f.service, f.files, &f.selects, f.state, f.decide.strict)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var file *pipeline.PlanFile
	if f.show.out != "" {
		if file, err = pipeline.CreatePlan(f.show.out); err != nil {
			return 0, err
		}
		defer file.Abandon()
	}
	reader, err := s.reader(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.connect(ctx, f.service, nil); err != nil {
		return 0, err
	}
	doc, err := view.NewPlan(view.PlanHeader{
		Mode: s.target.mode, Tenant: s.target.tenant, Manifest: path, ID: s.set.Manifest.ID, Digest: s.checked.Digest,
		At: s.start, Program: "migrate " + version(),
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, doc.Close()) }()
	doc.Unmapped, doc.Warnings = s.checked.Unmapped, s.checked.Warn

	in := s.input(reader, sel, f.decide.options(f.service))
	in.Options.Hash, in.Options.Given = f.show.hash, s.given(n, f.service)
	in.Options.Given.Bandwidth = in.Options.Bandwidth
	if in.Options.OlderState, err = s.olderState(ctx, reader); err != nil {
		return 0, err
	}
	in.Hashes, in.Extra = s.hashes(), doc.AddExtra
	if err := s.strict(ctx, in, f.decide.strict); err != nil {
		return 0, err
	}
	var sum pipeline.Summary
	if file == nil {
		sum, err = pipeline.Plan(ctx, in, doc.Add)
	} else {
		head := pipeline.PlanHeader{
			Program: "migrate " + version(), Mode: s.target.mode, Tenant: s.target.tenant,
			Manifest: pipeline.PlanManifest{Path: path, Digest: s.checked.Digest}, Choice: f.choice(),
		}
		sum, err = pipeline.SavePlan(ctx, in, head, file, doc.Add)
	}
	if err != nil {
		return 0, err
	}
	a.tellMissed(f.selects, sum.Items)
	a.tellExtrasOff(s.set.Manifest, f.selects.selects())
	a.tellRecreate(f.decide.recreates())
	doc.Leftovers = &view.Leftovers{}
	for l, err := range s.leftovers(ctx, in) {
		if err != nil {
			return 0, err
		}
		doc.Leftovers.Add(l)
	}
	if file != nil {
		doc.Header.Saved = &view.Saved{Path: file.Path(), Digest: file.Digest(), Rows: file.Rows(), Next: s.carryOut(file, path)}
	}
	err = a.showPlan(doc, sum, format, f.show.full, f.sep)
	if file != nil {
		s.tellSaved(file, path)
	}
	return planCode(sum, f.show.exitCode), err
}

// showPlan writes a plan in the format that [app.format] settled.
func (a *app) showPlan(doc *view.Plan, sum pipeline.Summary, format string, full bool, sep *separator) error {
	switch format {
	case "json":
		return doc.JSON(a.out, sum)
	case "csv":
		return doc.CSV(a.out, rune(*sep))
	case "html":
		return doc.HTML(a.out, sum, full)
	}
	return doc.Text(view.Fold(a.out, a.columns), sum, full)
}

// planCode is the exit code of a plan.
func planCode(s pipeline.Summary, exitCode bool) int {
	code := exitOK
	if s.Decisions() > 0 || s.Prune.Refused() {
		code = exitSome
	}
	if exitCode && s.Work() {
		code = worst(code, exitWork)
	}
	return code
}
