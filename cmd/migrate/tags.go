package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

var tagColumns = []string{"id", "name", "division", "tagCategories"}

func newTags(a *app) *cobra.Command {
	var divisions, categories, ids []string
	var division, name, exact, to string
	var caseMatters bool
	oneDivision := func(fs *pflag.FlagSet) {
		fs.StringVar(&division, "division", "", "Division of the tag, by name or id, where several have one of its name")
	}
	rename := a.verb(verb{
		use: "rename TAG NAME", short: "Give a tag another name", writes: true, columns: tagColumns, args: cobra.RangeArgs(1, 2),
		flags: func(fs *pflag.FlagSet) {
			oneDivision(fs)
			fs.StringVar(&to, "name", "", "its new name, instead of NAME")
		},
		check: func(_ *app, args []string) error {
			if (len(args) == 2) == (to != "") {
				return usagef("name the tag and its new name: migrate tags rename TAG NAME")
			}
			return nil
		},
		example: "  migrate tags rename Sample \"Sample 2026\"",
		long: "Rename gives a tag another name; nothing else of a tag can change. Assets that carry\nit keep it. TAG is a name or an id. A name that another tag of the Division has is\n" +
			"refused, and that tag is told.",
		do: func(ctx context.Context, h *hand, args []string) (int, error) {
			doc, err := h.tag(ctx, division, args[0])
			if err != nil {
				return 0, err
			}
			return exitOK, h.renameTag(ctx, doc, append(args, to)[1])
		},
	})
	rename.Aliases = []string{"update"}
	return newResource("tags", "Show, make, rename and delete tags",
		"Tags works on the tags of a tenant. A tag belongs to one Division for ever. Names are\ncompared without regard to case; where two differ in nothing else, write the one that\n"+
			"is meant exactly, or its id.",
		a.verb(verb{
			use: "list", short: "List tags", example: "  migrate tags list --division Marketing", lists: true, columns: tagColumns,
			long: "List shows tags, in the service's order: all that this account may see, or those that\nall flags given select.",
			flags: func(fs *pflag.FlagSet) {
				fs.StringArrayVar(&divisions, "division", nil, "those of this Division, by name or id (repeatable)")
				fs.StringArrayVar(&categories, "category", nil, "those in this tag category, by path such as Region/EMEA or by id (repeatable)")
				fs.StringVar(&name, "name", "", "those whose name has this in it")
				fs.StringVar(&exact, "exact-name", "", "those of this very name")
				fs.StringArrayVar(&ids, "id", nil, "those of this id (repeatable)")
			},
			do: func(ctx context.Context, h *hand, _ []string) (int, error) {
				l := showpad.Listing{Path: "/tags", Any: map[string][]string{"ids": ids}, Text: map[string]string{"name": name, "exactName": exact}}
				var err error
				if l.Any["divisionIds"], err = h.divisionIDs(ctx, divisions); err != nil {
					return 0, err
				}
				if len(categories) > 0 {
					tree, err := h.categories(ctx, l.Any["divisionIds"])
					if err != nil {
						return 0, err
					}
					for _, path := range categories {
						c, err := tree.find(path)
						if err != nil {
							return 0, err
						}
						l.Any["tagCategoryIds"] = append(l.Any["tagCategoryIds"], c.id)
					}
				}
				if err := h.nameDivisions(ctx); err != nil {
					return 0, err
				}
				return exitOK, h.list(ctx, l, "tag", "tags")
			},
		}),
		a.verb(verb{
			use: "get TAG", short: "Show one tag", example: "  migrate tags get Sample --division Marketing", columns: tagColumns, args: cobra.ExactArgs(1), flags: oneDivision,
			long: "Get shows one tag, by its name or its id.",
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				doc, err := h.tag(ctx, division, args[0])
				if err != nil {
					return 0, err
				}
				if err := h.nameDivisions(ctx); err != nil {
					return 0, err
				}
				return exitOK, h.show(doc)
			},
		}),
		a.verb(verb{
			use: "create NAME", short: "Make a tag", example: "  migrate tags create \"Q4 2026\" --division Marketing", writes: true, creates: "migrate tags list", columns: tagColumns, args: cobra.ExactArgs(1),
			long: "Create makes a tag in a Division. One of that name that is there already is refused\nand its id is told, also one whose name differs in upper and lower case only, unless\n" +
				"--case-matters asks for it: whether the service tells the two apart is not documented.",
			flags: func(fs *pflag.FlagSet) {
				fs.StringVar(&division, "division", "", "Division, by name or id")
				fs.BoolVar(&caseMatters, "case-matters", false, "make it although a tag differs from it in upper and lower case only")
			},
			check: func(*app, []string) error {
				if division == "" {
					return usagef("in which Division? Add --division: a tag stays there for ever")
				}
				return nil
			},
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				return exitOK, h.createTag(ctx, division, strings.TrimSpace(args[0]), caseMatters)
			},
		}),
		rename,
		a.verb(verb{
			use: "delete TAG...", short: "Delete tags for good", example: "  migrate tags delete Sample --yes", writes: true, removes: true, args: cobra.MinimumNArgs(1), flags: oneDivision,
			long: "Delete removes tags for good, also from the assets that carry them. One that a filter\nuses cannot be deleted. TAG is a name or an id.",
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				return h.each(ctx, args, func(name string) error { return h.deleteTag(ctx, division, name) })
			},
		}),
	)
}

// likeID tells what looks like an id of the service from what looks like a name.
// Source: samples of v4.
var likeID = regexp.MustCompile(`^[0-9A-Za-z]{24,32}$`)

// tag finds a tag by id or by name; division is the name or id of its Division, or "".
func (h *hand) tag(ctx context.Context, division, name string) (json.RawMessage, error) {
	ids, err := h.divisionIDs(ctx, one(division))
	if err != nil {
		return nil, err
	}
	return h.tagIn(ctx, ids, name)
}

// one is a list of what is given.
func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// tagIn finds a tag by id or by name, among those of some Divisions or of all: the one
// of exactly that name, or the only one whose case differs.
func (h *hand) tagIn(ctx context.Context, divisionIDs []string, name string) (json.RawMessage, error) {
	name = strings.TrimSpace(name)
	if likeID.MatchString(name) {
		doc, err := h.Document(ctx, "tags", name)
		if !errors.Is(err, showpad.ErrNotFound) {
			return doc, err
		}
	}
	found, err := h.tagsNamed(ctx, divisionIDs, name)
	if err != nil {
		return nil, err
	}
	if exact := slices.DeleteFunc(slices.Clone(found), func(doc json.RawMessage) bool { return view.Member(doc, "name") != name }); len(exact) > 0 {
		found = exact
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("tag %q: %w", view.Clean(name), showpad.ErrNotFound)
	case 1:
		return found[0], nil
	}
	var ids []string
	for _, doc := range found {
		ids = append(ids, view.Member(doc, "id"))
	}
	return nil, usagef("several tags are called %q: name the Division with --division, or the id (%s)", view.Clean(name), strings.Join(ids, ", "))
}

// tagsNamed are the tags of a name, whatever its case. Tags of other Divisions that are
// shared with one are not among its own.
func (h *hand) tagsNamed(ctx context.Context, divisionIDs []string, name string) (found []json.RawMessage, err error) {
	for doc, err := range h.List(ctx, showpad.Listing{Path: "/tags", Any: map[string][]string{"divisionIds": divisionIDs}, Text: map[string]string{"name": name}}) {
		if err != nil {
			return nil, err
		}
		in := view.Member(doc, "division.id")
		if strings.EqualFold(strings.TrimSpace(view.Member(doc, "name")), name) && (len(divisionIDs) == 0 || in == "" || slices.Contains(divisionIDs, in)) {
			found = append(found, doc)
		}
	}
	return found, nil
}

// exists is the refusal of a name that a tag has.
func tagExists(doc json.RawMessage) error {
	return fmt.Errorf("a tag %q exists already in this Division: %s", view.Clean(view.Member(doc, "name")), view.Clean(view.Member(doc, "id")))
}

func (h *hand) createTag(ctx context.Context, division, name string, caseMatters bool) error {
	ids, err := h.divisionIDs(ctx, one(division))
	if err != nil {
		return err
	}
	if name == "" {
		return usagef("the name of a tag is not empty")
	}
	there, err := h.tagsNamed(ctx, ids, name)
	if err != nil {
		return err
	}
	for _, doc := range there {
		switch {
		case view.Member(doc, "name") == name:
			return tagExists(doc)
		case !caseMatters:
			return fmt.Errorf("%w; it differs in upper and lower case only (--case-matters makes another one)", tagExists(doc))
		}
	}
	doc, err := h.send(ctx, "/tags", map[string]any{"name": name, "division": showpad.Ref{ID: ids[0]}})
	if errors.Is(err, showpad.ErrExists) {
		return h.nameTaken(ctx, ids, name, "", err)
	}
	if err != nil {
		return err
	}
	if err := h.nameDivisions(ctx); err != nil {
		return err
	}
	return h.show(doc)
}

func (h *hand) renameTag(ctx context.Context, tag json.RawMessage, name string) error {
	id := view.Member(tag, "id")
	doc, err := h.send(ctx, "/tags/"+url.PathEscape(id), map[string]any{"name": name})
	if errors.Is(err, showpad.ErrExists) {
		return h.nameTaken(ctx, one(view.Member(tag, "division.id")), strings.TrimSpace(name), id, err)
	}
	if err != nil {
		return err
	}
	if err := h.nameDivisions(ctx); err != nil {
		return err
	}
	return h.show(doc)
}

// nameTaken tells which tag has the name that was refused to the tag self.
func (h *hand) nameTaken(ctx context.Context, divisionIDs []string, name, self string, refusal error) error {
	found, err := h.tagsNamed(ctx, divisionIDs, name)
	if err != nil {
		return errors.Join(refusal, err)
	}
	for _, doc := range found {
		if view.Member(doc, "id") != self {
			return tagExists(doc)
		}
	}
	return refusal
}

func (h *hand) deleteTag(ctx context.Context, division, name string) error {
	doc, err := h.tag(ctx, division, name)
	if err != nil {
		return err
	}
	id, name := view.Member(doc, "id"), view.Clean(view.Member(doc, "name"))
	what := fmt.Sprintf("This deletes the tag %q for good.", name)
	if !h.yes { // somebody is asked: it is worth a request
		n, known, err := h.Count(ctx, showpad.Listing{Path: "/assets", Any: map[string][]string{"tagIds": {id}}})
		if err != nil {
			return err
		}
		if known && n > 0 {
			what = fmt.Sprintf("This deletes the tag %q for good; %s it.", name, view.Plural(n, "asset carries", "assets carry"))
		}
	}
	if err := h.sure(ctx, what); err != nil {
		return err
	}
	err = h.DeleteTag(ctx, id)
	if errors.Is(err, showpad.ErrExists) { // that is 409
		return fmt.Errorf("the tag %q cannot be deleted: a filter uses it (take it out of the filters in the Admin App, or rename it): %w", name, err)
	}
	if err != nil {
		return err
	}
	return h.removed("tag", id)
}

// send posts a document and gives the answer as it came.
func (h *hand) send(ctx context.Context, path string, body any) (json.RawMessage, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	answer, err := h.Call(ctx, showpad.RawCall{Method: http.MethodPost, Path: path, Body: b})
	return answer.Body, err
}

// divisionIDs are the ids of Divisions that are named by name or id; without names no
// request is sent.
func (h *hand) divisionIDs(ctx context.Context, names []string) (ids []string, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	d, err := h.divisions(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		id, err := d.id(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// nameDivisions makes the column division the name of a document's Division.
func (h *hand) nameDivisions(ctx context.Context) error {
	if !h.people() || !slices.Contains(h.columns, "division") {
		return nil
	}
	d, err := h.divisions(ctx)
	if err != nil {
		return err
	}
	h.cells["division"] = func(doc json.RawMessage) string {
		id := view.Member(doc, "division.id")
		if name, ok := d.names[id]; ok {
			return name
		}
		return id
	}
	return nil
}
