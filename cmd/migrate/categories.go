package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

var categoryColumns = []string{"id", "path", "division", "isPublished", "tags"}

// categoryFlags are what create and update say of a category.
type categoryFlags struct {
	division, name, parent string
	top, published, none   bool
	tags                   []string
}

func newCategories(a *app) *cobra.Command {
	var divisions []string
	var f categoryFlags
	var below bool
	oneDivision := func(fs *pflag.FlagSet) {
		fs.StringVar(&f.division, "division", "", "Division of the category, by name or id, where several have one of its path")
	}
	links := func(use, short, long, example string, add bool) *cobra.Command {
		return a.verb(verb{
			use: use, short: short, long: long, example: example, writes: true, columns: categoryColumns, args: cobra.MinimumNArgs(2), flags: oneDivision,
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				return exitOK, h.linkTags(ctx, f.division, args[0], args[1:], add)
			},
		})
	}
	return newResource("categories", "Show, make, change and delete categories of tags",
		"Categories works on the categories of tags of a tenant. They form a tree in each\nDivision; tags are in the lowest ones only. A category is named by its path, such as\n"+
			"Region/EMEA, or by its id; a slash inside a name is written \\/.",
		a.verb(verb{
			use: "list", short: "List categories", example: "  migrate categories list --division Marketing", lists: true, columns: categoryColumns,
			long: "List shows categories with their tags, in order of their paths; as JSON in the\nservice's order, without tags, which are not part of a category there.",
			flags: func(fs *pflag.FlagSet) {
				fs.StringArrayVar(&divisions, "division", nil, "those of this Division, by name or id (repeatable)")
			},
			do: func(ctx context.Context, h *hand, _ []string) (int, error) {
				ids, err := h.divisionIDs(ctx, divisions)
				if err != nil {
					return 0, err
				}
				if !h.people() {
					return exitOK, h.list(ctx, showpad.Listing{Path: "/tag-categories", Any: map[string][]string{"divisionIds": ids}}, "category", "categories")
				}
				return exitOK, h.listCategories(ctx, ids)
			},
		}),
		a.verb(verb{
			use: "get CATEGORY", short: "Show one category", example: "  migrate categories get Region/EMEA", columns: categoryColumns, args: cobra.ExactArgs(1), flags: oneDivision,
			long: "Get shows one category, by its path or its id, with its tags; as JSON without them.",
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				tree, c, err := h.category(ctx, f.division, args[0])
				if err != nil {
					return 0, err
				}
				return exitOK, h.showCategory(ctx, tree, c.doc)
			},
		}),
		a.verb(verb{
			use: "create NAME", short: "Make a category", example: "  migrate categories create APAC --parent Region --tag Sample",
			long: "Create makes a category at the top of a Division's tree, or in another category. A\nname that is taken there is refused, and the category that has it is told.",
			args: cobra.ExactArgs(1), writes: true, creates: "migrate categories list", columns: categoryColumns,
			flags: func(fs *pflag.FlagSet) {
				fs.StringVar(&f.division, "division", "", "Division, by name or id; with --parent, that of the parent")
				fs.StringVar(&f.parent, "parent", "", "category to make it in, by path or id (default: the top)")
				fs.BoolVar(&f.published, "published", true, "all users see it; --published=false hides it")
				fs.StringArrayVar(&f.tags, "tag", nil, "tag to put in it, by name or id (repeatable)")
			},
			check: func(*app, []string) error {
				if f.division == "" && f.parent == "" {
					return usagef("in which Division? Add --division, or --parent with the category that it goes into")
				}
				return nil
			},
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				return exitOK, h.createCategory(ctx, args[0], f)
			},
		}),
		a.verb(verb{
			use: "update CATEGORY", short: "Rename, move, publish or hide a category", example: "  migrate categories update Region/EMEA --name Europe --published=false",
			long: "Update sets what its flags name and leaves the rest alone. --tag replaces all tags;\nadd-tags and remove-tags change some.",
			args: cobra.ExactArgs(1), writes: true, columns: categoryColumns,
			flags: func(fs *pflag.FlagSet) {
				oneDivision(fs)
				fs.StringVar(&f.name, "name", "", "its new name")
				fs.StringVar(&f.parent, "parent", "", "category to move it into, by path or id")
				fs.BoolVar(&f.top, "top", false, "move it to the top")
				fs.BoolVar(&f.published, "published", true, "all users see it; --published=false hides it")
				fs.StringArrayVar(&f.tags, "tag", nil, "its tags from now on, by name or id (repeatable)")
				fs.BoolVar(&f.none, "no-tags", false, "take all tags out of it")
			},
			check: func(a *app, _ []string) error {
				switch {
				case f.parent != "" && f.top:
					return usagef("--parent and --top contradict each other")
				case len(f.tags) > 0 && f.none:
					return usagef("--tag and --no-tags contradict each other")
				case !slices.ContainsFunc([]string{"name", "parent", "top", "published", "tag", "no-tags"}, a.flags.Changed):
					return usagef("nothing to change: name it with --name, --parent, --top, --published, --tag or --no-tags")
				case a.flags.Changed("name") && strings.TrimSpace(f.name) == "":
					return usagef("the name of a category is not empty")
				}
				return nil
			},
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				return exitOK, h.updateCategory(ctx, args[0], f)
			},
		}),
		links("add-tags CATEGORY TAG...", "Put tags into a category",
			"Add-tags puts tags of the category's Division into it, by name or id; those that are\nin it stay.", "  migrate categories add-tags Region/EMEA Sample", true),
		links("remove-tags CATEGORY TAG...", "Take tags out of a category",
			"Remove-tags takes tags out of a category, by name or id. The tags themselves stay, and\nso do the assets that carry them.", "  migrate categories remove-tags Region/EMEA Sample", false),
		a.verb(verb{
			use: "delete CATEGORY...", short: "Delete categories for good", example: "  migrate categories delete Region/EMEA --yes", writes: true, removes: true, args: cobra.MinimumNArgs(1),
			long: "Delete removes categories for good; their tags stay. What becomes of the categories in\none that is deleted is not documented: with --below they are deleted first, without it\nsuch a category is refused.",
			flags: func(fs *pflag.FlagSet) {
				oneDivision(fs)
				fs.BoolVar(&below, "below", false, "delete the categories below it, too")
			},
			do: func(ctx context.Context, h *hand, args []string) (int, error) {
				return h.each(ctx, args, func(name string) error { return h.deleteCategory(ctx, f.division, name, below) })
			},
		}),
	)
}

// category is one of a tenant's categories.
type category struct {
	id, parent, division, name string
	path                       string
	doc                        json.RawMessage
}

// categoryTree are categories by their ids, in the service's order.
type categoryTree struct {
	order []*category
	byID  map[string]*category
}

// categories reads the categories of some Divisions, or of all.
func (h *hand) categories(ctx context.Context, divisionIDs []string) (*categoryTree, error) {
	t := &categoryTree{byID: map[string]*category{}}
	for doc, err := range h.List(ctx, showpad.Listing{Path: "/tag-categories", Any: map[string][]string{"divisionIds": divisionIDs}}) {
		if err != nil {
			return nil, fmt.Errorf("reading the categories: %w", err)
		}
		t.add(doc)
	}
	t.paths()
	return t, nil
}

func (t *categoryTree) add(doc json.RawMessage) *category {
	c := &category{
		id: view.Member(doc, "id"), parent: view.Member(doc, "parent.id"), division: view.Member(doc, "division.id"),
		name: strings.TrimSpace(view.Member(doc, "name")), doc: doc,
	}
	if old := t.byID[c.id]; old != nil {
		*old = *c
		return old
	}
	t.order, t.byID[c.id] = append(t.order, c), c
	return c
}

func (t *categoryTree) paths() {
	for _, c := range t.order {
		var names []string
		seen := map[*category]bool{} // the service is not trusted to have no circles
		for at := c; at != nil && !seen[at]; at = t.byID[at.parent] {
			seen[at], names = true, append(names, at.name)
		}
		slices.Reverse(names)
		c.path = manifest.CategoryKey("", names...)
	}
}

func (t *categoryTree) children(id string) (in []*category) {
	for _, c := range t.order {
		if c.parent == id {
			in = append(in, c)
		}
	}
	return in
}

// find finds a category by its id or its path: the one of exactly that path, or the
// only one whose case differs.
func (t *categoryTree) find(path string) (*category, error) {
	if c := t.byID[path]; c != nil {
		return c, nil
	}
	var exact, alike []*category
	var known []string
	for _, c := range t.order {
		known = append(known, c.path)
		if c.path == path {
			exact = append(exact, c)
		}
		if strings.EqualFold(c.path, strings.TrimSpace(path)) {
			alike = append(alike, c)
		}
	}
	if len(exact) > 0 {
		alike = exact
	}
	switch len(alike) {
	case 1:
		return alike[0], nil
	case 0:
		hint := ""
		if near := manifest.Suggest(path, known); near != "" {
			hint = fmt.Sprintf(" (did you mean %q?)", view.Clean(near))
		}
		return nil, fmt.Errorf("category %q: %w%s", view.Clean(path), showpad.ErrNotFound, hint)
	}
	var ids []string
	for _, c := range alike {
		ids = append(ids, c.id)
	}
	return nil, usagef("several categories are called %q: name the Division with --division, or the id (%s)", view.Clean(path), strings.Join(ids, ", "))
}

// category finds a category by path or id among those of a Division, or of all.
func (h *hand) category(ctx context.Context, division, path string) (*categoryTree, *category, error) {
	ids, err := h.divisionIDs(ctx, one(division))
	if err != nil {
		return nil, nil, err
	}
	tree, err := h.categories(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	c, err := tree.find(path)
	return tree, c, err
}

// withPlace is a category's document with its path and the names of its tags.
func withPlace(c *category, tags []string) json.RawMessage {
	more, err := json.Marshal(struct {
		Path string   `json:"path"`
		Tags []string `json:"tags"`
	}{c.path, tags})
	head, ok := strings.CutSuffix(strings.TrimSpace(string(c.doc)), "}")
	if err != nil || !ok {
		return c.doc
	}
	return json.RawMessage(head + "," + string(more[1:]))
}

// tagNames are the names of the tags in categories, by the category's id.
func (h *hand) tagNames(ctx context.Context, any map[string][]string) (map[string][]string, error) {
	names := map[string][]string{}
	for doc, err := range h.List(ctx, showpad.Listing{Path: "/tags", Any: any}) {
		if err != nil {
			return nil, fmt.Errorf("reading the tags: %w", err)
		}
		var tag showpad.Tag
		if err := json.Unmarshal(doc, &tag); err != nil {
			continue // another form than known: it is not shown
		}
		for _, c := range tag.TagCategories {
			names[c.ID] = append(names[c.ID], tag.Name)
		}
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return names, nil
}

func (h *hand) listCategories(ctx context.Context, divisionIDs []string) error {
	tree, err := h.categories(ctx, divisionIDs)
	if err != nil {
		return err
	}
	tags := map[string][]string{}
	if slices.Contains(h.columns, "tags") && len(tree.order) > 0 {
		if tags, err = h.tagNames(ctx, map[string][]string{"divisionIds": divisionIDs}); err != nil {
			return err
		}
	}
	if err := h.nameDivisions(ctx); err != nil {
		return err
	}
	slices.SortStableFunc(tree.order, func(a, b *category) int {
		return cmp.Or(cmp.Compare(a.division, b.division), cmp.Compare(strings.ToLower(a.path), strings.ToLower(b.path)))
	})
	out, err := h.documents()
	if err != nil {
		return err
	}
	for _, c := range tree.order {
		if h.limit > 0 && out.Shown() == h.limit {
			say(h.app.err, "%s of %s; --all lists all", view.Count(out.Shown()), view.Plural(len(tree.order), "category", "categories"))
			break
		}
		if err := out.Add(withPlace(c, tags[c.id])); err != nil {
			return err
		}
	}
	return out.End(len(tree.order))
}

// showCategory shows a category as it came, or to people with its path and its tags.
func (h *hand) showCategory(ctx context.Context, tree *categoryTree, doc json.RawMessage) error {
	if !h.people() {
		return h.show(doc)
	}
	c := tree.add(doc)
	tree.paths()
	tags, err := h.tagNames(ctx, map[string][]string{"tagCategoryIds": {c.id}})
	if err != nil {
		return err
	}
	if err := h.nameDivisions(ctx); err != nil {
		return err
	}
	return h.show(withPlace(c, tags[c.id]))
}

// tagRefs finds tags of a Division by name or id.
func (h *hand) tagRefs(ctx context.Context, divisionID string, names []string) ([]showpad.Ref, error) {
	refs := []showpad.Ref{}
	for _, name := range names {
		doc, err := h.tagIn(ctx, one(divisionID), name)
		if errors.Is(err, showpad.ErrNotFound) {
			return nil, fmt.Errorf("%w (migrate tags create makes it)", err)
		}
		if err != nil {
			return nil, err
		}
		refs = append(refs, showpad.Ref{ID: view.Member(doc, "id")})
	}
	return refs, nil
}

func (h *hand) createCategory(ctx context.Context, name string, f categoryFlags) error {
	name = strings.TrimSpace(name)
	if name == "" {
		return usagef("the name of a category is not empty")
	}
	ids, err := h.divisionIDs(ctx, one(f.division))
	if err != nil {
		return err
	}
	tree, err := h.categories(ctx, ids)
	if err != nil {
		return err
	}
	fields := showpad.TagCategoryFields{Name: showpad.Some(name), IsPublished: showpad.Some(f.published)}
	division, parent := "", ""
	if f.parent != "" {
		up, err := tree.find(f.parent)
		if err != nil {
			return err
		}
		division, parent = up.division, up.id
		fields.Parent = showpad.Some(showpad.Ref{ID: parent})
	} else {
		division = ids[0]
	}
	if c := tree.namesake(division, parent, name, ""); c != nil {
		return c.exists()
	}
	fields.Division = showpad.Some(showpad.Ref{ID: division})
	if len(f.tags) > 0 {
		refs, err := h.tagRefs(ctx, division, f.tags)
		if err != nil {
			return err
		}
		fields.Tags = showpad.Some(refs)
	}
	doc, err := h.send(ctx, "/tag-categories", fields)
	if err != nil {
		return h.categoryTaken(ctx, err, division, parent, name, "")
	}
	return h.showCategory(ctx, tree, doc)
}

// namesake is another category than self of that name in that place, or nil.
func (t *categoryTree) namesake(division, parent, name, self string) *category {
	for _, c := range t.order {
		if c.division == division && c.parent == parent && c.id != self && strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

func (c *category) exists() error {
	return fmt.Errorf("a category %q exists already: %s", view.Clean(c.path), view.Clean(c.id))
}

// categoryTaken says which category has the name that was refused with 409; other
// errors are as they are.
func (h *hand) categoryTaken(ctx context.Context, refusal error, division, parent, name, self string) error {
	if !errors.Is(refusal, showpad.ErrExists) {
		return refusal
	}
	tree, err := h.categories(ctx, one(division))
	if err != nil {
		return errors.Join(refusal, err)
	}
	if c := tree.namesake(division, parent, name, self); c != nil {
		return c.exists()
	}
	for _, c := range tree.order {
		if c.id != self && strings.EqualFold(c.name, name) {
			return fmt.Errorf("%w; the service seems to tell names apart in the whole Division", c.exists())
		}
	}
	return refusal
}

func (h *hand) updateCategory(ctx context.Context, path string, f categoryFlags) error {
	tree, c, err := h.category(ctx, f.division, path)
	if err != nil {
		return err
	}
	var fields showpad.TagCategoryFields
	name, parent := c.name, c.parent
	if f.name != "" {
		name = strings.TrimSpace(f.name)
		fields.Name = showpad.Some(name)
	}
	switch {
	case f.top:
		parent, fields.Parent = "", showpad.Null[showpad.Ref]()
	case f.parent != "":
		up, err := tree.find(f.parent)
		if err != nil {
			return err
		}
		parent, fields.Parent = up.id, showpad.Some(showpad.Ref{ID: up.id})
	}
	if h.app.flags.Changed("published") {
		fields.IsPublished = showpad.Some(f.published)
	}
	if len(f.tags) > 0 || f.none {
		refs, err := h.tagRefs(ctx, c.division, f.tags)
		if err != nil {
			return err
		}
		fields.Tags = showpad.Some(refs)
	}
	doc, err := h.send(ctx, "/tag-categories/"+url.PathEscape(c.id), fields)
	if err != nil {
		return h.categoryTaken(ctx, err, c.division, parent, name, c.id)
	}
	return h.showCategory(ctx, tree, doc)
}

func (h *hand) linkTags(ctx context.Context, division, path string, names []string, add bool) error {
	tree, c, err := h.category(ctx, division, path)
	if err != nil {
		return err
	}
	refs, err := h.tagRefs(ctx, c.division, names)
	if err != nil {
		return err
	}
	links := showpad.TagLinks{Remove: refs}
	if add {
		if below := tree.children(c.id); len(below) > 0 {
			return fmt.Errorf("the category %q has categories in it, such as %q: tags are in the lowest ones only", view.Clean(c.path), view.Clean(below[0].name))
		}
		links = showpad.TagLinks{Add: refs}
	}
	doc, err := h.send(ctx, "/tag-categories/"+url.PathEscape(c.id)+"/tags", links)
	if err != nil {
		return err
	}
	return h.showCategory(ctx, tree, doc)
}

func (h *hand) deleteCategory(ctx context.Context, division, path string, below bool) error {
	tree, c, err := h.category(ctx, division, path)
	if err != nil {
		return err
	}
	doomed := []*category{c} // those below others last
	for i := 0; i < len(doomed); i++ {
		for _, in := range tree.children(doomed[i].id) {
			if !slices.Contains(doomed, in) {
				doomed = append(doomed, in)
			}
		}
	}
	what := fmt.Sprintf("This deletes the category %q for good; its tags stay.", view.Clean(c.path))
	if n := len(doomed) - 1; n > 0 {
		if !below {
			return fmt.Errorf("the category %q has %s below it: delete them first, or add --below", view.Clean(c.path), view.Plural(n, "category", "categories"))
		}
		what = fmt.Sprintf("This deletes the category %q and the %s below it for good; their tags stay.", view.Clean(c.path), view.Plural(n, "category", "categories"))
	}
	if err := h.sure(ctx, what); err != nil {
		return err
	}
	for _, in := range slices.Backward(doomed) {
		if err := h.DeleteTagCategory(ctx, in.id); err != nil {
			return fmt.Errorf("category %q: %w", view.Clean(in.path), err)
		}
	}
	return h.removed("category", c.id)
}
