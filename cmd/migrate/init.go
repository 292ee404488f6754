package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
)

func newInit(a *app) *cobra.Command {
	var sample bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a starting manifest and table",
		Long: `Init writes manifest.yaml, inventory.csv, migrate.yaml with the settings and a
file to move into DIR (default: this folder). With --sample it writes a small
library to try instead: files of many types, two tags, a link. It never overwrites
anything and asks nobody.`,
		Example:           "  migrate init --sample demo",
		Args:              argsOf(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeFolder,
	}
	cmd.Flags().BoolVar(&sample, "sample", false, "write a small library to try")
	cmd.RunE = a.action(noManifest, func(_ context.Context, args []string) (int, error) {
		dir := "."
		if len(args) == 1 {
			dir = args[0]
		}
		files := starter()
		if sample {
			files = sampleLibrary()
		}
		return exitOK, runInit(a, dir, files)
	})
	return cmd
}

func runInit(a *app, dir string, files []newFile) error {
	var there []string
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.path))); err == nil {
			there = append(there, f.path)
		}
	}
	if len(there) > 0 {
		return usagef("%s: there already: %s; nothing was written (name another folder: migrate init DIR)", dir, strings.Join(there, ", "))
	}
	for _, f := range files {
		if err := writeNew(filepath.Join(dir, filepath.FromSlash(f.path)), f.data); err != nil {
			return err
		}
	}
	if a.json {
		names := make([]string, len(files))
		for i, f := range files {
			names[i] = filepath.Join(dir, filepath.FromSlash(f.path))
		}
		return view.WriteJSON(a.out, struct {
			Version int      `json:"version"`
			Type    string   `json:"type"`
			Files   []string `json:"files"`
		}{1, "init", names})
	}
	say(a.out, "%s written: %s", view.Plural(len(files), "file", "files"), filepath.Join(dir, "manifest.yaml"))
	say(a.out, "next: migrate lint %s --offline", filepath.Join(dir, "manifest.yaml"))
	return nil
}

// writeNew writes a file that must not exist, and the folders above it.
func writeNew(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s is there already; it was not touched", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
