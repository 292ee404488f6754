package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

var themeColumns = []string{"id", "title", "isGlobal", "isDefault", "division", "updatedAt"}

func newThemes(a *app) *cobra.Command {
	var division, title, order string
	var defaults, noGlobal bool
	return newResource("themes", "Show the themes of the tenant",
		"Themes shows how shares can look. The API cannot make or change them: that is done in\nthe Admin App.",
		a.verb(verb{
			use: "list", short: "List themes", example: "  migrate themes list", lists: true, columns: themeColumns,
			long: "List shows the themes that this account may see, the newest first, and the Global\nTheme, which is of no Division.",
			flags: func(fs *pflag.FlagSet) {
				fs.StringVar(&division, "division", "", "those of this Division, by name or id")
				fs.StringVar(&title, "title", "", "those whose title has this in it")
				fs.BoolVar(&defaults, "defaults", false, "the default themes only")
				fs.BoolVar(&noGlobal, "no-global", false, "without the Global Theme")
				fs.StringVar(&order, "sort", "", "title, createdAt or updatedAt, with a - before it for the last first")
			},
			do: func(ctx context.Context, h *hand, _ []string) (int, error) {
				ids, err := h.divisionIDs(ctx, one(division))
				if err != nil {
					return 0, err
				}
				l := showpad.Listing{Path: "/themes", Text: map[string]string{"title": title, "sort": order, "includeGlobal": strconv.FormatBool(!noGlobal)}}
				if len(ids) > 0 {
					l.Text["divisionId"] = ids[0]
				}
				if defaults {
					l.Text["isDefault"] = "true"
				}
				if err := h.nameDivisions(ctx); err != nil {
					return 0, err
				}
				return exitOK, h.list(ctx, l, "theme", "themes")
			},
		}),
		a.verb(verb{
			use: "get THEME", short: "Show one theme", example: "  migrate themes get Global", columns: themeColumns, args: cobra.ExactArgs(1),
			long: "Get shows one theme, by its title or its id.",
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				found, err := h.theme(ctx, args[0])
				if err != nil {
					return 0, err
				}
				doc, err := h.Document(ctx, "themes", view.Member(found, "id"))
				if err != nil {
					return 0, err
				}
				if err := h.nameDivisions(ctx); err != nil {
					return 0, err
				}
				return exitOK, h.show(doc)
			},
		}),
	)
}
