package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

var divisionColumns = []string{"id", "name", "isAssetSharingEnabled", "createdAt", "updatedAt"}

func newDivisions(a *app) *cobra.Command {
	return newResource("divisions", "Show the Divisions of the tenant",
		"Divisions shows the Divisions that this account may see. The API cannot make or change\nthem: that is done in the Admin App.",
		a.verb(verb{
			use: "list", short: "List the Divisions", example: "  migrate divisions list", lists: true, columns: divisionColumns,
			long: "List shows the Divisions that this account may see, in the service's order.",
			do: func(ctx context.Context, h *hand, _ []string) (int, error) {
				return exitOK, h.list(ctx, showpad.Listing{Path: "/divisions"}, "Division", "Divisions")
			},
		}),
		a.verb(verb{
			use: "get DIVISION", short: "Show one Division", example: "  migrate divisions get Marketing", columns: divisionColumns,
			long: "Get shows one Division, by its name or its id.", args: cobra.ExactArgs(1),
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				d, err := h.divisions(ctx)
				if err != nil {
					return 0, err
				}
				id, err := d.id(args[0])
				if err != nil {
					return 0, err
				}
				return exitOK, h.show(d.docs[id])
			},
		}),
	)
}

// divisionNames are the Divisions that the account may see.
type divisionNames struct {
	order []string // ids
	names map[string]string
	docs  map[string]json.RawMessage
}

// divisions reads all Divisions, once: there are few, and the service has no filter by name.
func (h *hand) divisions(ctx context.Context) (divisionNames, error) {
	if h.known != nil {
		return *h.known, nil
	}
	if h.known != nil {
		return *h.known, nil
	}
	d := divisionNames{names: map[string]string{}, docs: map[string]json.RawMessage{}}
	for doc, err := range h.List(ctx, showpad.Listing{Path: "/divisions"}) {
		if err != nil {
			return d, fmt.Errorf("reading the Divisions: %w", err)
		}
		id := view.Member(doc, "id")
		d.order, d.names[id], d.docs[id] = append(d.order, id), view.Member(doc, "name"), doc
	}
	h.known = &d
	return d, nil
}

// id finds a Division by id or name; case and outer white space do not matter unless
// two names differ in nothing else.
func (d divisionNames) id(name string) (string, error) {
	if _, ok := d.names[name]; ok {
		return name, nil
	}
	var exact, alike, known []string
	for _, id := range d.order {
		known = append(known, d.names[id])
		if d.names[id] == name {
			exact = append(exact, id)
		}
		if strings.EqualFold(strings.TrimSpace(d.names[id]), strings.TrimSpace(name)) {
			alike = append(alike, id)
		}
	}
	if len(exact) > 0 {
		alike = exact
	}
	switch {
	case len(alike) == 1:
		return alike[0], nil
	case len(alike) > 1:
		return "", usagef("several Divisions are called %q: name it by its id (%s)", view.Clean(name), strings.Join(alike, ", "))
	}
	slices.Sort(known)
	if near := manifest.Suggest(name, known); near != "" {
		return "", usagef("no Division %q (did you mean %q?)", view.Clean(name), view.Clean(near))
	}
	return "", usagef("no Division %q that this account may see; migrate divisions list shows them", view.Clean(name))
}
