package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// category is a category of tags on its way into the manifest's header.
type category struct {
	id, name  string
	published bool
	division  *division
	parent    string
	tags      []string // names
	below     []*category
}

// readCategories reads the categories of the Divisions that are asked for, with all
// their tags. A part that is chosen by tags or by a query has none: they would bring
// tags that nothing in it has.
func (x *exporter) readCategories(ctx context.Context) error {
	if len(x.o.Tags) > 0 || x.o.Query != "" {
		return nil
	}
	byID := map[string]*category{}
	var order []*category
	for batch := range showpad.Batches(x.divisions.ids()) {
		for c, err := range x.api.TagCategories(ctx, showpad.TagCategoryFilter{DivisionIDs: batch}) {
			if err != nil {
				return fmt.Errorf("reading the tag categories: %w", err)
			}
			if d := x.divisions.byID[c.Division.ID]; d != nil && x.divisions.asks(d.id) {
				v := &category{id: c.ID, name: strings.TrimSpace(c.Name), published: c.IsPublished, division: d, parent: c.ParentID()}
				byID[c.ID], order = v, append(order, v)
			}
		}
	}
	if len(order) == 0 {
		return nil
	}
	for batch := range showpad.Batches(x.divisions.ids()) {
		for t, err := range x.api.Tags(ctx, showpad.TagFilter{DivisionIDs: batch}) {
			if err != nil {
				return fmt.Errorf("reading the tags of the categories: %w", err)
			}
			for _, in := range t.TagCategories {
				if c := byID[in.ID]; c != nil && strings.TrimSpace(t.Name) != "" {
					c.tags = append(c.tags, strings.TrimSpace(t.Name))
				}
			}
		}
	}
	for _, c := range order {
		if up := byID[c.parent]; up != nil {
			up.below = append(up.below, c)
		} else {
			x.categories = append(x.categories, c)
		}
	}
	x.categories = x.tidy(x.categories)
	return x.proveCategories()
}

// tidy puts categories into an order that is the same in every tenant, and leaves out,
// with a warning, what a manifest refuses.
func (x *exporter) tidy(list []*category) []*category {
	slices.SortFunc(list, func(a, b *category) int {
		return cmp.Or(cmp.Compare(a.division.name, b.division.name), cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
	})
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(c *category) bool {
		key := c.division.id + "\x00" + foldName(c.name)
		if c.name == "" || seen[key] {
			x.warn(fmt.Sprintf("the tag category %q stands twice in one place, or has no name: %s is left out", c.name, c.id))
			return true
		}
		seen[key] = true
		if len(c.below) > 0 && len(c.tags) > 0 {
			x.warn(fmt.Sprintf("the tag category %q has both tags and categories in it: its tags are left out", c.name))
			c.tags = nil
		}
		c.tags = distinct(c.tags)
		c.below = x.tidy(c.below)
		return false
	})
}

// distinct are the names in their order, each once whatever its case.
func distinct(names []string) []string {
	slices.Sort(names)
	seen := map[string]bool{}
	return slices.DeleteFunc(names, func(s string) bool {
		twice := seen[foldName(s)]
		seen[foldName(s)] = true
		return twice
	})
}

// proveCategories reads the categories back with the manifest's own reader, and leaves
// them out, with a warning, where that refuses them.
func (x *exporter) proveCategories() error {
	m, problems, err := manifest.ReadHeader(strings.NewReader(x.header(false, false, false, false)), ManifestFile)
	if err != nil {
		return fmt.Errorf("the manifest's header: %w", err)
	}
	if n := count(x.categories); len(problems) == 0 && len(m.TagCategories) != n {
		err = fmt.Errorf("%d are read as %d", n, len(m.TagCategories))
	} else if len(problems) > 0 {
		err = errors.New(problems[0].What)
	}
	if err != nil {
		x.warn(fmt.Sprintf("the tag categories are left out, because a manifest cannot say them: %v", err))
		x.categories = nil
	}
	x.sum.Categories = count(x.categories)
	return nil
}

func count(list []*category) (n int) {
	for _, c := range list {
		n += 1 + count(c.below)
	}
	return n
}

// categoryLines are the categories as YAML, below the key tagCategories.
func categoryLines(list []*category, indent, header string) (lines []string) {
	for _, c := range list {
		lines = append(lines, indent+"- name: "+yamlText(c.name))
		member := func(format string, args ...any) { lines = append(lines, indent+"  "+fmt.Sprintf(format, args...)) }
		if header != "" && c.division.label != header {
			member("division: %s", yamlText(c.division.label))
		}
		member("isPublished: %t", c.published)
		switch {
		case len(c.below) > 0:
			member("children:")
			lines = append(lines, categoryLines(c.below, indent+"    ", "")...)
		case len(c.tags) > 0:
			names := make([]string, len(c.tags))
			for i, s := range c.tags {
				names[i] = yamlText(s)
			}
			member("tags: [%s]", strings.Join(names, ", "))
		}
	}
	return lines
}
