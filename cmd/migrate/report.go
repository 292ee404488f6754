package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

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
			return usagef("name what to do: migrate report show RUN, migrate report verify RUN")
		},
	}
	show := &cobra.Command{
		Use:   "show RUN...",
		Short: "Show the outcome of runs",
		Long: `Show prints what runs did, from their evidence folders. RUN is the folder, or the
id of a run whose folder is below this one.`,
		Example:           "  migrate report show manifest.sandbox/runs/*",
		Args:              argsOf(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeFolder,
	}
	show.RunE = a.action(noManifest, func(_ context.Context, args []string) (int, error) {
		dirs, err := runFolders(args)
		if err != nil {
			return 0, err
		}
		for i, dir := range dirs {
			if i > 0 && !a.json {
				say(a.out, "")
			}
			if err := a.showRun(dir); err != nil {
				return 0, err
			}
		}
		return exitOK, nil
	})
	verify := &cobra.Command{
		Use:   "verify RUN...",
		Short: "Check that nobody changed the evidence of runs",
		Long: `Verify compares every file of an evidence folder with SHA256SUMS, offline. Whether
SHA256SUMS is the original, its own digest tells: the run printed it. RUN is the
folder, or the id of a run whose folder is below this one.`,
		Example:           "  migrate report verify manifest.sandbox/runs/*",
		Args:              argsOf(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeFolder,
	}
	verify.RunE = a.action(noManifest, func(_ context.Context, args []string) (int, error) {
		dirs, err := runFolders(args)
		if err != nil {
			return 0, err
		}
		code := exitOK
		for _, dir := range dirs {
			ok, err := a.verifyRun(dir)
			if err != nil {
				return 0, err
			}
			if !ok {
				code = exitFailed
			}
		}
		return code, nil
	})
	cmd.AddCommand(show, verify)
	return cmd
}

// showRun shows one run; with --json, its summary as it was written.
func (a *app) showRun(dir string) error {
	if !a.json {
		return report.Show(a.out, dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, report.SummaryFile))
	if err != nil {
		return err
	}
	_, err = a.out.Write(b)
	return err
}

// verifyRun checks one folder and tells what it found.
func (a *app) verifyRun(dir string) (ok bool, err error) {
	v, err := report.Verify(dir)
	if err != nil {
		return false, err
	}
	if a.json {
		return v.OK(), view.WriteJSON(a.out, struct {
			Version int    `json:"version"`
			Type    string `json:"type"`
			Dir     string `json:"dir"`
			OK      bool   `json:"ok"`
			report.Verification
		}{1, "report-verify", dir, v.OK(), v})
	}
	for _, p := range v.Problems {
		say(a.out, "%s: %s", view.Clean(dir), view.Clean(p.String()))
	}
	if v.OK() {
		say(a.out, "%s: unchanged, SHA256SUMS is %s", view.Clean(dir), v.Sums)
	}
	return v.OK(), nil
}

// runFolders finds the evidence folders of runs. Patterns are expanded here too:
// not every shell does it.
func runFolders(runs []string) ([]string, error) {
	var dirs []string
	for _, run := range runs {
		found, err := filepath.Glob(run)
		found = slices.DeleteFunc(found, func(path string) bool { return !isDir(path) })
		if err == nil && len(found) > 0 {
			dirs = append(dirs, found...)
			continue
		}
		dir, err := runFolder(run)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// runFolder finds the evidence folder of a run: a path, or the id of a run
// below this folder.
func runFolder(run string) (string, error) {
	if isDir(run) { // a name that looks like a pattern
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

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
