package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// Completion asks nobody: no network, no state, no manifest is opened for it.

// flagValues are the values of flags that have few, whatever the command.
var flagValues = map[string][]string{
	"log-level": {"trace", "debug", "info", "warn", "error"}, "log-format": {"text", "json"}, "csv-separator": {",", ";", "tab"},
}

// flagFiles are the endings of the files that flags name.
var flagFiles = map[string][]string{
	"config": {"yaml", "yml"}, "state": {"db"}, "plan": {"ndjson"}, "ca-file": {"pem", "crt", "cer"}, "mapping": {"yaml", "yml"},
}

// flagFolders are flags that name a folder.
var flagFolders = []string{"keep-replaced", "spool-dir"}

// addCompletions completes what commands have in common: the values of flags, and
// nothing after the last argument that a command takes.
func addCompletions(root *cobra.Command) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.ValidArgsFunction == nil && c.ValidArgs == nil && len(strings.Fields(c.Use)) == 1 {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		add := func(f *pflag.Flag) {
			if _, done := c.GetFlagCompletionFunc(f.Name); done {
				return
			}
			switch {
			case flagValues[f.Name] != nil:
				must(c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(flagValues[f.Name], cobra.ShellCompDirectiveNoFileComp)))
			case flagFiles[f.Name] != nil:
				must(c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(flagFiles[f.Name], cobra.ShellCompDirectiveFilterFileExt)))
			case slices.Contains(flagFolders, f.Name):
				must(c.MarkFlagDirname(f.Name))
			case slices.Contains([]string{"int", "duration", "size"}, f.Value.Type()):
				must(c.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions))
			}
		}
		c.LocalFlags().VisitAll(add)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// completeManifest offers files that can be manifests, for the only argument.
func completeManifest(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return completeManifestAt(int(manifestFirst), args)
}

// completeManifestSecond offers them for the second argument, and nothing else.
func completeManifestSecond(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return completeManifestAt(int(manifestSecond), args)
}

// completeManifestThird offers them for the third argument, and nothing else.
func completeManifestThird(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return completeManifestAt(int(manifestThird), args)
}

func completeManifestAt(at int, args []string) ([]string, cobra.ShellCompDirective) {
	if len(args) != at {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeFolder offers folders, for any argument.
func completeFolder(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeHelp offers commands, codes and words that have an explanation.
func (a *app) completeHelp(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	at, _, err := a.root.Find(args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []string
	for _, c := range at.Commands() {
		if c.IsAvailableCommand() {
			found = append(found, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	if len(args) == 0 {
		found = append(found, cobra.CompletionWithDesc("exit-codes", "what the exit codes mean"))
		for _, c := range manifest.Codes() {
			found = append(found, cobra.CompletionWithDesc(c.ID, c.Title))
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// shells are those that completion speaks.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell",
		Long: `Completion prints a script that makes a shell complete commands, flags, their values and
manifests: bash, zsh, fish or powershell. It completes from what the program knows and
asks no service.

  bash        migrate completion bash > ~/.local/share/bash-completion/completions/migrate
              (needs the package bash-completion)
  zsh         migrate completion zsh > "${fpath[1]}/_migrate"
              (needs autoload -U compinit; compinit in ~/.zshrc)
  fish        migrate completion fish > ~/.config/fish/completions/migrate.fish
  powershell  migrate completion powershell | Out-String | Invoke-Expression
              (in your profile)

Then begin a new shell.`,
		Example:   "  migrate completion bash",
		Args:      argsOf(cobra.ExactArgs(1)),
		ValidArgs: shells,
	}
	cmd.RunE = a.action(noManifest, func(_ context.Context, args []string) (int, error) {
		switch args[0] {
		case "bash":
			return exitOK, a.root.GenBashCompletionV2(a.out, true)
		case "zsh":
			return exitOK, a.root.GenZshCompletion(a.out)
		case "fish":
			return exitOK, a.root.GenFishCompletion(a.out, true)
		case "powershell":
			return exitOK, a.root.GenPowerShellCompletionWithDesc(a.out)
		}
		what := fmt.Sprintf("no completion for %q: use %s", args[0], strings.Join(shells, ", "))
		if near := manifest.Suggest(args[0], shells); near != "" {
			what = fmt.Sprintf("no completion for %q (did you mean %q?)", args[0], near)
		}
		return 0, usagef("%s", what)
	})
	return cmd
}
