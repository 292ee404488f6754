package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

func newQuery(a *app) *cobra.Command {
	text := ""
	return a.verb(verb{
		use: "query SHOWQL", short: "Find assets with ShowQL", args: cobra.ExactArgs(1), lists: true, columns: assetColumns,
		example: `  migrate query 'name ~ "overview" AND archivedAt IS EMPTY ORDER BY createdAt DESC'`,
		long: `Query finds assets with ShowQL, Showpad's own query language, and shows them in the
query's order. SHOWQL is one argument, so put it in single quotes; - reads it from
stdin. It is sent as it is: archived assets and people's personal files are among the
results unless the query says archivedAt IS EMPTY. Divisions, tags and users are named
by their ids in it. New assets may be missing for a while.

docs/by-hand.md shows what ShowQL can say. A query that the service cannot read ends
with code 2.`,
		check: func(a *app, args []string) error {
			text = args[0]
			if text == "-" {
				b, err := io.ReadAll(io.LimitReader(a.in, 8*showpad.MaxQuery))
				if err != nil {
					return fmt.Errorf("reading the query: %w", err)
				}
				text = strings.TrimSpace(string(b))
			}
			if strings.TrimSpace(text) == "" {
				return usagef("the query is empty")
			}
			return nil
		},
		do: func(ctx context.Context, h *hand, _ []string) (int, error) {
			if err := h.nameCells(ctx); err != nil {
				return 0, err
			}
			err := h.showAll("asset", "assets", func(counted func(int)) iter.Seq2[json.RawMessage, error] {
				return h.QueryDocuments(ctx, showpad.AssetQuery{ShowQL: text, Max: h.limit, Counted: counted})
			})
			var wrong *showpad.QueryError
			if errors.As(err, &wrong) {
				err = usagef("%s", caret(wrong))
			}
			return exitOK, err
		},
	})
}

// shownAround is how much of a long query is shown on each side of its mistake.
const shownAround = 60

// caret is what is wrong with a query, and the query with a caret below the place.
func caret(e *showpad.QueryError) string {
	text := "the service cannot read the query: " + e.Error()
	query := []rune(e.Query)
	if e.At < 1 || e.At > len(query)+1 {
		return text
	}
	at := e.At - 1
	low, high := max(0, at-shownAround), min(len(query), at+shownAround)
	part := make([]rune, 0, high-low)
	for _, r := range query[low:high] {
		if unicode.IsSpace(r) || view.Clean(string(r)) == "" {
			r = ' ' // so that the caret stays below its place
		}
		part = append(part, r)
	}
	return fmt.Sprintf("%s\n  %s\n  %s^", text, string(part), strings.Repeat(" ", at-low))
}
