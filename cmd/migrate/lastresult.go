package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/report"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// lastResult is what the newest of the last runs that met an item made of it,
// from the evidence; nil when none did or the folders are gone. The state does
// not know it of items that were blocked or in conflict: nothing was done to
// them.
func lastResult(ctx context.Context, r state.Reader, statePath, externalID string) (*pipeline.Result, error) {
	runs, err := r.Runs(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range slices.Backward(runs[max(0, len(runs)-shownRuns):]) {
		for _, dir := range []string{runsBeside(statePath, run.ID), run.Dir} {
			if dir == "" {
				continue
			}
			found, err := findResult(ctx, filepath.Join(dir, report.ResultsFile), externalID)
			if found != nil || err != nil {
				return found, err
			}
		}
	}
	return nil, nil
}

// runsBeside is the folder of a run's evidence that goes with a state in its
// usual place.
func runsBeside(statePath, run string) string {
	if stem, ok := strings.CutSuffix(statePath, ".state.db"); ok {
		return filepath.Join(stem+".runs", run)
	}
	return filepath.Join(filepath.Dir(statePath), "runs", run)
}

// findResult is the last row of an item in a file of results, nil without one.
func findResult(ctx context.Context, path, externalID string) (*pipeline.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil // moved away, or not ours to read: the story goes without it
	}
	defer f.Close()
	var id bytes.Buffer
	enc := json.NewEncoder(&id)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(externalID); err != nil {
		return nil, err
	}
	want := append([]byte(`{"externalId":`), append(bytes.TrimSpace(id.Bytes()), ',')...)
	var found *pipeline.Result
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if bytes.HasPrefix(line, want) {
			var row pipeline.Result
			if json.Unmarshal(line, &row) == nil && row.ExternalID == externalID {
				found = &row
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, err
		}
	}
}
