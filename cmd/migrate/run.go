package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/config"
	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// app is one call of the program: its surroundings, its settings, its exit code.
type app struct {
	env
	args    []string
	root    *cobra.Command
	signals *interrupts
	code    int // of a command that ended without an error

	json      bool
	config    string
	logLevel  string
	logFormat string
	logFile   string

	file    config.File    // settings file
	origins config.Origins // of the command's flags
	flags   *pflag.FlagSet
	service config.Service
	redact  config.Redactor
	log     zerolog.Logger
	closers []func() error
}

// run is the program: arguments in, exit code out. A context that ends ends
// what goes on as a second signal would.
func run(ctx context.Context, args []string, e env) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &app{env: e, args: args, log: zerolog.Nop()}
	a.signals = watch(e, cancel)
	a.root = newRoot(a)
	a.root.SetArgs(args)

	err := a.root.ExecuteContext(ctx)
	for _, c := range slices.Backward(a.closers) {
		err = errors.Join(err, c())
	}
	a.signals.close()

	code := worst(a.code, codeOf(err))
	if a.signals.interrupted() && (err != nil || code != exitOK) {
		code = exitInterrupted
		if err != nil {
			err = errInterrupted
		}
	}
	if err != nil {
		a.tell(err, code)
	}
	return code
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "migrate",
		Short: "Move a content library into Showpad",
		Long: `Migrate moves a content library into Showpad from a manifest: the manifest says
what should be there, a plan says what would happen and what it costs, a run
makes it so, and a run repeated changes nothing.

Results go to stdout, everything else to stderr. Nothing is sent to anybody but
the service named in the first line of each command.`,
		Example: "  migrate init --sample demo\n  migrate run demo/manifest.yaml --sandbox",
		Args:    unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("name a command; migrate --help lists them")
		},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			f := invalid.GetFlag()
			return usagef("--%s does not take %q: %s; see %s --help", f.Name, invalid.GetValue(), config.WhatFits(f, err), cmd.CommandPath())
		}
		var unknown *pflag.NotExistError
		if errors.As(err, &unknown) {
			var known []string
			cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
			if near := manifest.Suggest(unknown.GetSpecifiedName(), known); near != "" {
				return usagef("%v (did you mean --%s?)", err, near)
			}
		}
		return usagef("%v; see %s --help", err, cmd.CommandPath())
	})
	root.SetUsageTemplate(usageTemplate)
	fs := root.PersistentFlags()
	fs.BoolVar(&a.json, "json", false, "write JSON: a document with a version, or one event a line with a type")
	fs.StringVar(&a.config, "config", "", "settings file (default: migrate.yaml beside the manifest)")
	fs.StringVar(&a.logLevel, "log-level", "warn", "trace, debug, info, warn or error")
	fs.StringVar(&a.logFormat, "log-format", "text", "text or json")
	fs.StringVar(&a.logFile, "log-file", "", "append the log to this file instead of stderr")
	root.AddCommand(newInit(a), newScan(a), newLint(a), newPlan(a), newRun(a), newStatus(a), newWhy(a), newVerify(a),
		newRollback(a), newReport(a), newState(a), newSandbox(a), newSchema(a), newVersion(a))
	root.AddCommand(newAssets(a), newDivisions(a), newUsers(a), newTags(a), newCategories(a), newShares(a), newThemes(a), newQuery(a), newAPI(a)) // by hand
	root.AddCommand(newAuth(a), newDoctor(a))
	root.AddCommand(newExport(a))
	root.AddCommand(newCompletion(a))
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(newHelp(a))
	addCompletions(root)
	return root
}

// usageTemplate is cobra's, with the example last.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of all commands:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasExample}}

Example:
{{.Example}}{{end}}
`

// manifestArg says which argument of a command is a manifest.
type manifestArg int

const (
	noManifest     manifestArg = -1 // and no settings file either, unless --config names one
	manifestFirst  manifestArg = 0
	manifestSecond manifestArg = 1
	manifestThird  manifestArg = 2
	settingsHere   manifestArg = 1 << 20 // no manifest, but the settings file of this folder
)

// action is a command's RunE: it finds the settings and then calls f, whose
// code is the exit code unless something weighs more.
func (a *app) action(at manifestArg, f func(ctx context.Context, args []string) (int, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := a.configure(cmd, at, args); err != nil {
			return err
		}
		code, err := f(cmd.Context(), args)
		a.code = worst(a.code, code)
		return err
	}
}

// configure finds the value of every setting of cmd.
func (a *app) configure(cmd *cobra.Command, at manifestArg, args []string) error {
	a.flags = cmd.Flags()
	if a.config == "" {
		a.config = a.getenv(config.EnvName("config"))
	}
	name, required := a.config, a.config != ""
	if !required && at != noManifest {
		name = config.FileName
		if int(at) < len(args) {
			name = filepath.Join(filepath.Dir(args[at]), config.FileName)
			if name == filepath.Clean(args[at]) {
				name = "" // it is the manifest itself
			}
		}
	}
	if name != "" {
		f, err := os.Open(name)
		switch {
		case err == nil:
			defer f.Close()
			if a.file, err = config.ReadFile(f, name, a.allFlags()); err != nil {
				return err
			}
		case required || !os.IsNotExist(err):
			return usagef("settings file: %v", err)
		}
	}
	var err error
	if a.origins, err = config.Fill(cmd.Flags(), a.getenv, a.file); err != nil {
		return usagef("%v", err)
	}
	a.service = config.ServiceFrom(a.getenv, a.file)
	a.redact = config.NewRedactor(a.service.Secrets()...)
	return a.openLog()
}

// allFlags are the names of all flags of all commands.
func (a *app) allFlags() []string {
	seen := map[string]bool{}
	add := func(f *pflag.Flag) { seen[f.Name] = true }
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.Flags().VisitAll(add)
		c.PersistentFlags().VisitAll(add)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.root)
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// args that are wrong are wrong use.
func argsOf(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usagef("%s; usage: %s", wrongNumber(cmd, args), cmd.UseLine())
		}
		return nil
	}
}

// wrongNumber says which arguments are missing or too many, by the names that
// the command's usage line gives them.
func wrongNumber(cmd *cobra.Command, args []string) string {
	names := strings.Fields(cmd.Use)[1:]
	var missing []string
	for i, name := range names {
		if i >= len(args) && !strings.HasPrefix(name, "[") {
			missing = append(missing, strings.TrimSuffix(name, "..."))
		}
	}
	if len(missing) > 0 {
		return "name " + strings.Join(missing, " and ")
	}
	return fmt.Sprintf("one argument too many: %q", args[len(names)])
}

// unknownCommand refuses what is no command, with the one that was probably meant.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("unknown command %q (did you mean %q?)", args[0], cmp.Or(manifest.Suggest(args[0], near), near[0]))
	}
	return usagef("unknown command %q; %s --help lists them", args[0], cmd.CommandPath())
}
