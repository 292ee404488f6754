package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

var userColumns = []string{"id", "email", "firstName", "lastName"}

func newUsers(a *app) *cobra.Command {
	var emails, ids []string
	return newResource("users", "Show the users of the tenant",
		"Users shows who is there: authors and owners are named by e-mail or id. The API of\nassets cannot make or change users.",
		a.verb(verb{
			use: "list", short: "List users", example: "  migrate users list --email jane@example.com", lists: true, columns: userColumns,
			long: "List shows users, in the service's order: everybody, or those of the e-mail\naddresses or ids that are given.",
			flags: func(fs *pflag.FlagSet) {
				fs.StringArrayVar(&emails, "email", nil, "those of this e-mail address (repeatable)")
				fs.StringArrayVar(&ids, "id", nil, "those of this id (repeatable)")
			},
			do: func(ctx context.Context, h *hand, _ []string) (int, error) {
				return exitOK, h.list(ctx, showpad.Listing{Path: "/users", Any: map[string][]string{"emails": emails, "ids": ids}}, "user", "users")
			},
		}),
		a.verb(verb{
			use: "get USER", short: "Show one user", example: "  migrate users get jane@example.com", columns: userColumns,
			long: "Get shows one user, by e-mail address or id.", args: cobra.ExactArgs(1),
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				if !strings.Contains(args[0], "@") {
					doc, err := h.Document(ctx, "users", args[0])
					if err != nil {
						return 0, err
					}
					return exitOK, h.show(doc)
				}
				doc, err := h.userByEmail(ctx, args[0])
				if err != nil {
					return 0, err
				}
				return exitOK, h.show(doc)
			},
		}),
	)
}

// userByEmail finds a user; whether the service minds case is not documented.
func (h *hand) userByEmail(ctx context.Context, email string) (json.RawMessage, error) {
	for doc, err := range h.List(ctx, showpad.Listing{Path: "/users", Any: map[string][]string{"emails": {strings.ToLower(email)}}}) {
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(view.Member(doc, "email"), email) {
			return doc, nil
		}
	}
	return nil, fmt.Errorf("user %q: %w", view.Clean(email), showpad.ErrNotFound)
}
