package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// errDeclined is the answer no.
var errDeclined = errors.New("not confirmed: nothing was written")

// confirm asks before a tenant's first write, before fields that a person
// changed are overwritten, and before assets are pruned. It plans to know the totals, unless there is a saved
// plan. Nobody is asked with
// --yes, without a terminal, or in a sandbox.
func (e *execution) confirm(ctx context.Context, in pipeline.Input, yes bool) error {
	a, t := e.app, e.session.target
	if yes || !a.ask || t.mode != "LIVE" {
		return nil
	}
	kept, err := e.store.Meta(ctx, state.MetaExternalIDKept)
	if err != nil {
		return err
	}
	counts, err := e.store.Counts(ctx)
	if err != nil {
		return err
	}
	first := kept == "" && counts.Total == 0
	overwrites := in.Manifest.Update.Conflicts == "overwrite"
	prunes := in.Manifest.Prune == pipeline.PruneArchive || in.Manifest.Prune == pipeline.PruneDelete
	if !first && !overwrites && !prunes {
		return nil
	}
	sum, overwritten, err := e.totals(ctx, in)
	switch {
	case err != nil:
		return err
	case sum.Writes+sum.Puts == 0, !first && overwritten == 0 && pruned(sum) == 0:
		return nil
	}
	told := view.Fold(a.err, a.columns)
	say(told, "%s", view.FirstLine(sum))
	if line := view.ExposureLine(sum.Exposure); line != "" {
		say(told, "%s", line)
	}
	if overwritten > 0 {
		say(told, "%s fields that a person changed", view.Plural(overwritten, "item overwrites", "items overwrite"))
	}
	if n := sum.Pruned[pipeline.ActionArchive] + sum.Pruned[pipeline.ActionCheck]; n > 0 {
		say(told, "%s of items that are no longer listed %s archived", view.Plural(n, "asset", "assets"), isAre(n))
	}
	if n := sum.Pruned[pipeline.ActionDelete]; n > 0 {
		say(told, "%s of items that are no longer listed %s deleted, for good", view.Plural(n, "asset", "assets"), isAre(n))
	}
	what := "This writes to " + view.Clean(t.name()) + "."
	if first {
		what = "This is the first write to " + view.Clean(t.name()) + " from here."
	}
	return a.askYes(ctx, what)
}

// pruned is how many assets a plan prunes.
func pruned(s pipeline.Summary) int {
	return s.Pruned[pipeline.ActionArchive] + s.Pruned[pipeline.ActionDelete] + s.Pruned[pipeline.ActionCheck]
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// totals are those of the saved plan, or of what a plan says now, with the number
// of rows that overwrite what a person changed.
func (e *execution) totals(ctx context.Context, in pipeline.Input) (sum pipeline.Summary, overwritten int, err error) {
	if e.plan != nil {
		return e.plan.Totals, e.plan.Overwrites, nil
	}
	in.Observe = nil // the run tells all this again
	sum, err = pipeline.Plan(ctx, in, func(r pipeline.Row) error {
		if r.Overwrites != "" {
			overwritten++
		}
		return nil
	})
	return sum, overwritten, err
}

// askYes asks one question; anything but yes is no.
func (a *app) askYes(ctx context.Context, what string) error {
	fmt.Fprintf(a.err, "%s Go on? [y/N] ", what)
	answer := make(chan string, 1)
	// A read of a terminal cannot be taken back; when the context ends first, so
	// does the process.
	go func() {
		line, err := bufio.NewReader(a.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			line = ""
		}
		answer <- line
	}()
	select {
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		return errDeclined
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return context.Cause(ctx)
	}
}
