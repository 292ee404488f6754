package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

var (
	assetColumns = []string{"id", "externalId", "name", "type", "status", "isArchived", "division", "size", "updatedAt"}
	// assetDetails are the columns of a single asset's CSV; as a table all its members are shown.
	assetDetails = slices.Concat(assetColumns, []string{"description", "tags", "authors", "languages", "countries", "releasedAt", "expiresAt", "checksum"})
	fileColumns  = []string{"id", "name", "status", "error", "createdAt", "updatedAt"}
)

func newAssets(a *app) *cobra.Command {
	return newResource("assets", "Show, make, change and delete assets",
		"Assets works on assets one by one, without a manifest and without a state. What it makes\nor changes is not undone by rollback; a manifest that manages the same assets sees the\n"+
			"changes as those of a person.",
		newAssetsList(a), newAssetsGet(a), newAssetsCreate(a), newAssetsUpdate(a), newAssetsUpload(a), newAssetsFiles(a),
		newAssetsArchive(a, true), newAssetsArchive(a, false), newAssetsDelete(a))
}

func newAssetsList(a *app) *cobra.Command {
	var ids, externalIDs, divisions, tags, slugs []string
	var name string
	var count bool
	return a.verb(verb{
		use: "list", short: "List assets", example: "  migrate assets list --division Marketing --name overview", lists: true, columns: assetColumns,
		long: `List shows the assets that all flags given select, in the service's order; without any
flag all that this account may see, archived ones too. What the flags cannot say, such
as a date, migrate query can.`,
		flags: func(fs *pflag.FlagSet) {
			fs.StringArrayVar(&ids, "id", nil, "those of this id (repeatable)")
			fs.StringArrayVar(&externalIDs, "external-id", nil, "those of this external ID (repeatable)")
			fs.StringArrayVar(&divisions, "division", nil, "those in this Division, by name or id (repeatable: any of them)")
			fs.StringArrayVar(&tags, "tag", nil, "those that carry this tag, by name or id (repeatable: all of them)")
			fs.StringArrayVar(&slugs, "slug", nil, "those of this slug (repeatable)")
			fs.StringVar(&name, "name", "", "those whose name has this in it")
			fs.BoolVar(&count, "count", false, "show only how many there are")
		},
		do: func(ctx context.Context, h *hand, _ []string) (int, error) {
			l := showpad.Listing{Path: "/assets", Any: map[string][]string{"ids": ids, "externalIds": externalIDs, "slugs": slugs}, Text: map[string]string{"name": name}}
			var err error
			if l.Any["divisionIds"], err = h.divisionIDs(ctx, divisions); err != nil {
				return 0, err
			}
			for _, t := range tags {
				doc, err := h.tagIn(ctx, l.Any["divisionIds"], t)
				if err != nil {
					return 0, err
				}
				l.Any["tagIds"] = append(l.Any["tagIds"], view.Member(doc, "id"))
			}
			if count {
				return exitOK, h.count(ctx, l)
			}
			if err := h.nameCells(ctx); err != nil {
				return 0, err
			}
			return exitOK, h.list(ctx, l, "asset", "assets")
		},
	})
}

// count shows how many rows a list has.
func (h *hand) count(ctx context.Context, l showpad.Listing) error {
	n, known, err := h.Count(ctx, l)
	switch {
	case err != nil:
		return err
	case !known:
		return errors.New("the service does not say how many there are")
	case h.format == "json":
		return view.WriteJSON(h.app.out, struct {
			Count int `json:"count"`
		}{n})
	}
	say(h.app.out, "%d", n)
	return nil
}

func newAssetsGet(a *app) *cobra.Command {
	var ref assetRef
	return a.verb(verb{
		use: "get [ID]", short: "Show one asset", example: "  migrate assets get --external-id SAMPLE-001", columns: assetDetails,
		long: "Get shows all members of one asset, by its id or its external ID. For people (table and\nCSV) Divisions, tags and authors are shown by their names.",
		args: cobra.MaximumNArgs(1), flags: ref.flags, check: ref.check,
		do: func(ctx context.Context, h *hand, args []string) (int, error) {
			doc, err := ref.find(ctx, h, args)
			if err != nil {
				return 0, err
			}
			return exitOK, h.showAsset(ctx, doc)
		},
	})
}

func newAssetsFiles(a *app) *cobra.Command {
	var ref assetRef
	return a.verb(verb{
		use: "files [ID]", short: "List the versions of an asset's file", example: "  migrate assets files --external-id SAMPLE-001", columns: fileColumns, lists: true,
		long: "Files shows the versions of one asset, with the state of each and the reason where the\nservice could not process it: an asset that failed does not say why.",
		args: cobra.MaximumNArgs(1), flags: ref.flags, check: ref.check,
		do: func(ctx context.Context, h *hand, args []string) (int, error) {
			id, err := ref.id(ctx, h, args)
			if err != nil {
				return 0, err
			}
			return exitOK, h.list(ctx, showpad.Listing{Path: "/assets/" + pathPart(id) + "/files"}, "version", "versions")
		},
	})
}

// assetRef names one asset: by an argument or by --external-id.
type assetRef struct{ externalID string }

func (r *assetRef) flags(fs *pflag.FlagSet) {
	fs.StringVar(&r.externalID, "external-id", "", "the asset of this external ID, in place of ID")
}

// check refuses both and neither. Further arguments may follow an ID.
func (r *assetRef) check(a *app, args []string) error {
	switch given := len(args) > 0; {
	case given && r.externalID != "":
		return usagef("name the asset by ID or by --external-id, not by both")
	case !given && r.externalID == "":
		return usagef("which asset? Name its ID, or --external-id")
	}
	return checkIDs(a, args)
}

// find reads the asset.
func (r *assetRef) find(ctx context.Context, h *hand, args []string) (json.RawMessage, error) {
	if r.externalID == "" {
		return h.Document(ctx, "assets", args[0])
	}
	found, err := h.withExternalID(ctx, r.externalID)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("asset with the external ID %q: %w", view.Clean(r.externalID), showpad.ErrNotFound)
	case len(found) > 1:
		return nil, usagef("several assets have the external ID %q: name the one by its ID (%s)", view.Clean(r.externalID), strings.Join(memberOfAll(found, "id"), ", "))
	}
	return found[0], nil
}

// id is the asset's id; it is asked for only where it is not known.
func (r *assetRef) id(ctx context.Context, h *hand, args []string) (string, error) {
	if r.externalID == "" {
		return args[0], nil
	}
	doc, err := r.find(ctx, h, args)
	return view.Member(doc, "id"), err
}

// withExternalID are the assets that have exactly this external ID.
func (h *hand) withExternalID(ctx context.Context, externalID string) (found []json.RawMessage, err error) {
	for doc, err := range h.List(ctx, showpad.Listing{Path: "/assets", Any: map[string][]string{"externalIds": {externalID}}}) {
		if err != nil {
			return nil, err
		}
		if view.Member(doc, "externalId") == externalID {
			found = append(found, doc)
		}
	}
	return found, nil
}

func memberOfAll(docs []json.RawMessage, name string) (all []string) {
	for _, doc := range docs {
		all = append(all, view.Clean(view.Member(doc, name)))
	}
	return all
}

// showAsset shows one asset, with names for people.
func (h *hand) showAsset(ctx context.Context, doc json.RawMessage) error {
	if h.people() {
		if err := h.nameDivisions(ctx); err != nil {
			return err
		}
		if err := h.nameRefs(ctx, "tags", "/tags", map[string][]string{"ids": view.IDs(doc, "tags")}, "name"); err != nil {
			return err
		}
		if err := h.nameRefs(ctx, "authors", "/users", map[string][]string{"ids": view.IDs(doc, "authors")}, "email"); err != nil {
			return err
		}
	}
	return h.show(doc)
}

// nameCells makes the columns of a list that refer to something else its names. Tags
// and users are read whole, and only where their column is wanted.
func (h *hand) nameCells(ctx context.Context) error {
	if !h.people() {
		return nil
	}
	if err := h.nameDivisions(ctx); err != nil {
		return err
	}
	if slices.Contains(h.columns, "tags") {
		if err := h.nameRefs(ctx, "tags", "/tags", nil, "name"); err != nil {
			return err
		}
	}
	if slices.Contains(h.columns, "authors") {
		return h.nameRefs(ctx, "authors", "/users", nil, "email")
	}
	return nil
}

// nameRefs makes a column of references show a member of what it refers to. which
// selects what is read: of an empty list nothing is.
func (h *hand) nameRefs(ctx context.Context, column, path string, which map[string][]string, member string) error {
	if which != nil && len(which["ids"]) == 0 {
		return nil
	}
	names := map[string]string{}
	for doc, err := range h.List(ctx, showpad.Listing{Path: path, Any: which}) {
		if err != nil {
			return fmt.Errorf("reading the names of %s: %w", column, err)
		}
		names[view.Member(doc, "id")] = view.Member(doc, member)
	}
	h.cells[column] = func(doc json.RawMessage) string {
		ids := view.IDs(doc, column)
		for i, id := range ids {
			if name := names[id]; name != "" {
				ids[i] = name
			}
		}
		return strings.Join(ids, ", ")
	}
	return nil
}
