package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/report"
)

func newReport(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "report",
		Short:   "Show or check the evidence of a run",
		Long:    "Report reads the folder that a run left behind. It needs no service and no state.",
		Example: "  migrate report verify manifest.sandbox/runs/*",
		Args:    unknownCommand,
		RunE: func(*cobra.Command, []string) error {
			return usagef("name what to do: migrate report show RUN, migrate report verify DIR")
		},
	}
	show := &cobra.Command{
		Use:   "show RUN",
		Short: "Show the outcome of a run",
		Long: `Show prints what a run did, from its evidence folder. RUN is the folder, or the id
of a run whose folder is below this one.`,
		Example: "  migrate report show manifest.sandbox/runs/*",
		Args:    argsOf(cobra.ExactArgs(1)),
	}
	show.RunE = a.action(noManifest, func(_ context.Context, args []string) (int, error) {
		dir, err := runFolder(args[0])
		if err != nil {
			return 0, err
		}
		if a.json {
			b, err := os.ReadFile(filepath.Join(dir, report.SummaryFile))
			if err != nil {
				return 0, err
			}
			_, err = a.out.Write(b)
			return exitOK, err
		}
		return exitOK, report.Show(a.out, dir)
	})
	verify := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check that nobody changed the evidence of a run",
		Long: `Verify compares every file of an evidence folder with SHA256SUMS, offline. Whether
SHA256SUMS is the original, its own digest tells: the run printed it.`,
		Example: "  migrate report verify manifest.sandbox/runs/*",
		Args:    argsOf(cobra.ExactArgs(1)),
	}
	verify.RunE = a.action(noManifest, func(_ context.Context, args []string) (int, error) {
		dir, err := runFolder(args[0])
		if err != nil {
			return 0, err
		}
		v, err := report.Verify(dir)
		if err != nil {
			return 0, err
		}
		code := exitOK
		if !v.OK() {
			code = exitFailed
		}
		if a.json {
			return code, view.WriteJSON(a.out, struct {
				Version int    `json:"version"`
				Type    string `json:"type"`
				Dir     string `json:"dir"`
				OK      bool   `json:"ok"`
				report.Verification
			}{1, "report-verify", dir, v.OK(), v})
		}
		for _, p := range v.Problems {
			say(a.out, "%s", view.Clean(p.String()))
		}
		if v.OK() {
			say(a.out, "%s: unchanged, SHA256SUMS is %s", view.Clean(dir), v.Sums)
		}
		return code, nil
	})
	cmd.AddCommand(show, verify)
	return cmd
}

// runFolder finds the evidence folder of a run: a path, or the id of a run
// below this folder.
func runFolder(run string) (string, error) {
	if info, err := os.Stat(run); err == nil && info.IsDir() {
		return run, nil
	}
	if filepath.Base(run) != run {
		return "", usagef("%s: no such folder", run)
	}
	for _, pattern := range []string{"*.runs", "*.sandbox/runs"} {
		found, err := filepath.Glob(filepath.Join(pattern, run))
		if err != nil {
			return "", usagef("%s: not the id of a run", run)
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return "", usagef("%s: no such folder, and no run of that id in *.runs or *.sandbox/runs here", run)
}
