package manifest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxCategoryDepth is how deep categories may be nested. Source: ASSUME.
const MaxCategoryDepth = 10

// maxCategoryKey is the longest key, in bytes: it has to fit the state.
const maxCategoryKey = 1000

// TagCategory is a wanted category of tags. It has tags or other categories in it,
// not both. Source: help Categorize your tags in a hierarchy.
type TagCategory struct {
	Pos         Pos
	Key         string // its place, as in "Region/EMEA": see [CategoryKey]
	Parent      string // key of the category that it is in; "" at the top
	Name        string // trimmed
	Division    string // name or id; that of its top
	IsPublished Opt[bool]
	Tags        Opt[[]Tag] // set when the manifest names them; of one with categories never
	TagsPos     Pos        // of the tags; its own place when it names none
	Children    int        // categories right below it
}

// CategoryKey is the key of a category: the names from the top, joined by slashes. A
// slash or backslash inside a name has a backslash before it. Where division is not
// "", which is for those that are not in the header's, its name or id goes before:
// "Sales EMEA: Region/EMEA".
func CategoryKey(division string, names ...string) string {
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = strings.NewReplacer(`\`, `\\`, `/`, `\/`).Replace(name)
	}
	key := strings.Join(escaped, "/")
	if division != "" {
		key = division + ": " + key
	}
	return key
}

var categoryKeys = []string{"name", "division", "isPublished", "tags", "children"}

func (h *headerReader) tagCategories(v Value) {
	if v.Kind != ListValue {
		h.d.field = "tagCategories"
		h.d.wrong(v, "a list: [{name: Region, tags: [EMEA, APAC]}]")
		return
	}
	c := categoryReader{h: h, seen: map[string]Pos{}}
	for _, e := range v.List {
		c.read(e, nil, h.m.Division)
	}
}

type categoryReader struct {
	h    *headerReader
	seen map[string]Pos // folded keys
}

// read reads a category that is below the categories of path, and those below it.
func (c *categoryReader) read(v Value, path []string, division string) bool {
	d := &c.h.d
	d.field = "tagCategories"
	if v.Kind != MapValue {
		d.wrong(v, "a category: {name: Region, tags: [EMEA, APAC]}")
		return false
	}
	if len(path) >= MaxCategoryDepth {
		d.ps.add(CodeCategoryDepth, v.Pos, fmt.Sprintf("the category is %d levels deep", len(path)+1), fmt.Sprintf("nest at most %d", MaxCategoryDepth))
		return false
	}
	g := TagCategory{Pos: v.Pos, TagsPos: v.Pos, Division: division}
	var children *Value
	at := len(c.h.m.TagCategories) // before those below it
	named := false
	for _, m := range v.Map {
		d.field = "tagCategories." + m.Key
		switch {
		case !slices.Contains(categoryKeys, m.Key):
			d.unknown(m, categoryKeys)
		case m.Key == "name":
			named = true
			g.Name = d.categoryName(m.Value)
		case m.Value.Kind == NullValue:
		case m.Key == "division" && len(path) > 0:
			d.ps.add(CodeMisplaced, m.Pos, "a category is in the Division of the one above it", "write division: at the top of the tree")
		case m.Key == "division":
			if g.Division = d.division(m.Value); g.Division == "" {
				g.Division = unusable
			}
		case m.Key == "isPublished":
			if b, ok := d.bool(m.Value); ok {
				g.IsPublished = Opt[bool]{Set: true, Value: b}
			}
		case m.Key == "tags":
			g.TagsPos = m.Value.Pos
			if m.Value.Kind == MapValue {
				d.wrong(m.Value, "a list: [EMEA, {id: ...}]; update: {tags: replace} takes others out of the category")
			} else if tags, ok := d.tags(m.Value); ok {
				g.Tags = Opt[[]Tag]{Set: true, Value: tags}
			}
		case m.Key == "children":
			children = &m.Value
		}
	}
	if !named {
		d.ps.add(CodeCategory, v.Pos, "the category has no name", "write name: in it")
	}
	if tags := memberOf(v, "tags"); tags != nil && children != nil {
		what := "the category"
		if g.Name != "" {
			what = fmt.Sprintf("category %q", clip(g.Name))
		}
		d.ps.add(CodeCategoryBoth, tags.Pos, what+" has both tags and children", "move the tags into one of the categories below it")
		g.Tags = Opt[[]Tag]{}
	}
	if len(path) == 0 && g.Division == "" {
		d.ps.add(CodeDivision, v.Pos, "neither the category nor the header names a division", "write division: in the header, or on the category")
		g.Division = unusable
	}
	other := ""
	if g.Division != c.h.m.Division {
		other = g.Division
	}
	full := append(slices.Clone(path), g.Name)
	g.Key = CategoryKey(other, full...)
	if len(path) > 0 {
		g.Parent = CategoryKey(other, path...)
	}
	if len(g.Key) > maxCategoryKey {
		d.ps.add(CodeCategoryDepth, v.Pos, fmt.Sprintf("the category and those above it have names of %d bytes together", len(g.Key)), fmt.Sprintf("shorten them to %d", maxCategoryKey))
		return false
	}
	if g.Name == "" || !c.free(&g) { // which is reported; those below are checked all the same
		c.below(children, append(slices.Clone(path), fmt.Sprintf("\x00%d", at)), g.Division)
		c.h.m.TagCategories = c.h.m.TagCategories[:at]
		return false
	}
	c.h.m.TagCategories = append(c.h.m.TagCategories, g)
	n := c.below(children, full, g.Division)
	c.h.m.TagCategories[at].Children = n
	return true
}

// below reads the categories right below another one, and says how many there are.
func (c *categoryReader) below(children *Value, path []string, division string) (n int) {
	if children == nil {
		return 0
	}
	if children.Kind != ListValue {
		c.h.d.field = "tagCategories.children"
		c.h.d.wrong(*children, "a list: [{name: EMEA, tags: [Benelux]}]")
		return 0
	}
	for _, e := range children.List {
		if c.read(e, path, division) {
			n++
		}
	}
	return n
}

// free reports a category whose place another one has.
func (c *categoryReader) free(g *TagCategory) bool {
	place := foldValue(g.Key)
	first, taken := c.seen[place]
	if !taken {
		c.seen[place] = g.Pos
		return true
	}
	p := NewProblem(CodeCategoryTwice, g.Pos, fmt.Sprintf("category %q is there already", clip(g.Name)), "merge the two; capitals make no difference")
	p.Also = &first
	c.h.d.ps.put(p)
	return false
}

// categoryName is the name of a category, or "".
func (d *decoder) categoryName(v Value) string {
	s, ok := d.scalar(v, "the category's name")
	s = strings.TrimSpace(s)
	switch n := utf8.RuneCountInString(s); {
	case !ok:
		return ""
	case n == 0:
		d.ps.add(CodeCategory, v.Pos, "the category's name is empty", "write 1 to 255 characters on one line")
		return ""
	case n > 255:
		d.ps.add(CodeCategory, v.Pos, fmt.Sprintf("the category's name has %d characters", n), "shorten it to 255")
		return ""
	case strings.ContainsAny(s, "\r\n\t"):
		d.ps.add(CodeCategory, v.Pos, fmt.Sprintf("the category's name %q holds a line break or tab", clip(s)), "replace it with a blank")
		return ""
	}
	return s
}

// TagCategories are categories with their tags mapped: those without a target are
// left out, and what two of them become stays once.
func (m *Mapper) TagCategories(all []TagCategory) []TagCategory {
	if !m.has(mapTags) {
		return all
	}
	out := slices.Clone(all)
	for i := range out {
		var tags []Tag
		for _, t := range out[i].Tags.Value {
			if t.ID == "" {
				to, known, _ := m.look(mapTags, t.Name)
				switch {
				case known && to == "":
					continue
				case known:
					t.Name = to
				}
			}
			if !slices.ContainsFunc(tags, t.same) {
				tags = append(tags, t)
			}
		}
		out[i].Tags.Value = tags
	}
	return out
}

// CountTagCategories counts the tags of categories, as the header has them, for which
// the map has no entry, among those of items.
func (b *Builder) CountTagCategories(all []TagCategory) {
	m := b.opt.Mapper
	if !m.has(mapTags) {
		return
	}
	for _, g := range all {
		for _, t := range g.Tags.Value {
			if t.ID != "" {
				continue
			}
			if _, known, target := m.look(mapTags, t.Name); !known && !target {
				b.unmapped.add(mapTags, t.Name, g.TagsPos)
			}
		}
	}
}
