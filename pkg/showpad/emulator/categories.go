package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Source of the operations in this file: v4 getTagCategories, postTagCategories,
// getTagCategory, updateTagCategory, deleteTagCategory, updateTagCategoryTags. That
// tags sit at the lowest level only: help Categorize your tags in a hierarchy. What
// nobody documents is ASSUME: a violation is 400, names are unique among siblings and
// as long as those of tags, sub-categories go with their category, and so do links.

// category groups tags, or other categories.
type category struct {
	ID, Division, Name string
	Parent             string // "" at the top
	Published          bool
	Seq                uint64
	Created, Updated   time.Time
}

type wireCategory struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Division    wireRef  `json:"division"`
	IsPublished bool     `json:"isPublished"`
	Parent      *wireRef `json:"parent"`
	CreatedAt   stamp    `json:"createdAt"`
	UpdatedAt   stamp    `json:"updatedAt"`
}

func (g *category) wire() wireCategory {
	w := wireCategory{ID: g.ID, Name: g.Name, Division: wireRef{g.Division}, IsPublished: g.Published, CreatedAt: stamp(g.Created), UpdatedAt: stamp(g.Updated)}
	if g.Parent != "" {
		w.Parent = &wireRef{g.Parent}
	}
	return w
}

// children are the categories in a category; "" is the top of a Division.
func (st *store) children(division, parent string) []*category {
	var in []*category
	for _, g := range st.categories {
		if g.Division == division && g.Parent == parent {
			in = append(in, g)
		}
	}
	return in
}

func (st *store) category(id string) *category {
	i := slices.IndexFunc(st.categories, func(g *category) bool { return g.ID == id })
	if i < 0 {
		return nil
	}
	return st.categories[i]
}

// tagsIn are the tags that are linked to a category, by creation.
func (st *store) tagsIn(id string) []*tag {
	var in []*tag
	for _, t := range st.tagOrder {
		if slices.Contains(t.Categories, id) {
			in = append(in, t)
		}
	}
	return in
}

// below says whether a category is another one or somewhere below it.
func (st *store) below(id, top string) bool {
	for ; id != ""; id = st.parentOf(id) {
		if id == top {
			return true
		}
	}
	return false
}

func (st *store) parentOf(id string) string {
	if g := st.category(id); g != nil {
		return g.Parent
	}
	return ""
}

// categoryTaken says whether another category has the name of g where names count.
func (s *Server) categoryTaken(g *category) bool {
	return slices.ContainsFunc(s.st.categories, func(x *category) bool {
		return x.ID != g.ID && x.Division == g.Division && (x.Parent == g.Parent || s.sw.UniqueCategories) &&
			(x.Name == g.Name || s.sw.FoldTags && foldName(x.Name) == foldName(g.Name))
	})
}

// keyedIDs reads [{"id": "..."}], where null may be as good as nothing.
func keyedIDs(o *object, name string, nullable bool) opt[[]string] {
	if raw, ok := o.m[name]; ok && nullable && strings.TrimSpace(string(raw)) == "null" {
		o.seen = append(o.seen, name)
		return opt[[]string]{}
	}
	return o.keyed(name, "id")
}

// readParent reads the parent of a category: absent, null or an id.
func readParent(o *object) (out opt[string]) {
	in, null := o.object("parent", true)
	if in != nil {
		in.require("id")
		out = in.text("id", false)
		in.done()
	}
	if null {
		out = opt[string]{set: true, null: true}
	}
	return out
}

// checkParent finds what is wrong with putting g below its parent.
func (s *Server) checkParent(o *object, g *category) {
	if g.Parent == "" {
		return
	}
	switch up := s.st.category(g.Parent); {
	case up == nil || up.Division != g.Division:
		o.fail("parent.id", catInvalid, "there is no tag category %s in this Division", g.Parent)
	case s.st.below(g.Parent, g.ID):
		o.fail("parent.id", catInvalid, "a category cannot be in itself")
	case len(s.st.tagsIn(g.Parent)) > 0:
		o.fail("parent.id", catInvalid, "the category has tags; it cannot have categories as well")
	}
}

// checkLinks finds what is wrong with linking tags to g.
func (s *Server) checkLinks(o *object, name string, g *category, ids []string) {
	for _, id := range ids {
		t := s.st.tags[id]
		var from *Division
		if t != nil {
			from = s.division(t.Division)
		}
		switch {
		case from == nil:
			o.fail(name, catInvalid, "there is no tag %s", id)
		case t.Division != g.Division && !from.TagsShared:
			o.fail(name, catInvalid, "the tag %s belongs to another Division", id)
		}
	}
	if len(ids) > 0 && g.ID != "" && len(s.st.children(g.Division, g.ID)) > 0 {
		o.fail(name, catInvalid, "the category has categories; it cannot have tags as well")
	}
}

// link sets the tags of a category; what did not change is not written.
func (s *Server) link(g *category, ids []string) {
	for _, t := range s.st.tagOrder {
		switch in, wanted := slices.Contains(t.Categories, g.ID), slices.Contains(ids, t.ID); {
		case wanted && !in:
			t.Categories = append(slices.Clone(t.Categories), g.ID)
		case in && !wanted:
			t.Categories = slices.DeleteFunc(slices.Clone(t.Categories), func(id string) bool { return id == g.ID })
		default:
			continue
		}
		s.log(record{Tag: t})
	}
}

func postTagCategories(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	g := &category{Name: tagName(o), Published: true}
	o.require("division")
	if in, _ := o.object("division", false); in != nil {
		in.require("id")
		g.Division = in.text("id", false).v
		in.done()
	}
	if v := o.flag("isPublished"); v.set {
		g.Published = v.v
	}
	g.Parent = readParent(o).v
	tags := keyedIDs(o, "tags", false)
	o.done()
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	division := s.division(g.Division)
	switch {
	case division == nil:
		return badRequest(finding{"division.id", "there is no Division " + g.Division, catInvalid})
	case division.Denied:
		return problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	}
	s.checkParent(o, g)
	s.checkLinks(o, "tags", g, tags.v)
	switch {
	case len(*o.bad) > 0:
		return badRequest(*o.bad...)
	case s.categoryTaken(g):
		return problemAnswer(http.StatusConflict, "a tag category of that name exists")
	}
	if !c.commit() {
		return answer{}
	}
	g.Created = s.now()
	g.Updated = g.Created
	g.ID, g.Seq = s.newID("category")
	s.st.categories = append(s.st.categories, g)
	s.log(record{Category: g})
	s.link(g, tags.v)
	return jsonAnswer(http.StatusCreated, g.wire())
}

func (s *Server) categoryOf(c *call) (*category, answer) {
	id := c.params["tagCategoryId"]
	g := s.st.category(id)
	if g == nil || s.division(g.Division) == nil {
		return nil, notFound("tag category", id)
	}
	return g, answer{}
}

func getTagCategory(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	g, no := s.categoryOf(c)
	if g == nil {
		return no
	}
	return jsonAnswer(http.StatusOK, g.wire())
}

func updateTagCategory(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	g, missing := s.categoryOf(c)
	if g == nil {
		return missing
	}
	changed := *g
	if _, ok := o.m["name"]; ok {
		changed.Name = tagName(o)
	}
	if v := o.flag("isPublished"); v.set {
		changed.Published = v.v
	}
	if v := readParent(o); v.set {
		changed.Parent = v.v
	}
	tags := keyedIDs(o, "tags", true)
	o.done()
	if changed.Parent != g.Parent {
		s.checkParent(o, &changed)
	}
	s.checkLinks(o, "tags", g, tags.v)
	switch {
	case len(*o.bad) > 0:
		return badRequest(*o.bad...)
	case s.division(g.Division).Denied:
		return problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	case s.categoryTaken(&changed):
		return problemAnswer(http.StatusConflict, "a tag category of that name exists")
	}
	if !c.commit() {
		return answer{}
	}
	changed.Updated = s.now()
	*g = changed
	s.log(record{Category: g})
	if tags.set {
		s.link(g, tags.v)
	}
	return jsonAnswer(http.StatusOK, g.wire())
}

func updateTagCategoryTags(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	g, missing := s.categoryOf(c)
	if g == nil {
		return missing
	}
	add, remove := keyedIDs(o, "add", false), keyedIDs(o, "remove", false)
	clearAll := o.flag("clear").v
	o.done()
	s.checkLinks(o, "add", g, add.v)
	switch {
	case len(*o.bad) > 0:
		return badRequest(*o.bad...)
	case s.division(g.Division).Denied:
		return problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	}
	if !c.commit() {
		return answer{}
	}
	var ids []string
	for _, t := range s.st.tagsIn(g.ID) {
		if !clearAll && !slices.Contains(remove.v, t.ID) {
			ids = append(ids, t.ID)
		}
	}
	s.link(g, append(ids, add.v...))
	g.Updated = s.now()
	s.log(record{Category: g})
	return jsonAnswer(http.StatusOK, g.wire())
}

func deleteTagCategory(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	g, no := s.categoryOf(c)
	if g == nil {
		return no
	}
	if s.division(g.Division).Denied {
		return problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	}
	if !c.commit() {
		return answer{}
	}
	s.removeCategory(g)
	return noContent()
}

// removeCategory takes a category away with all that is below it; tags stay.
func (s *Server) removeCategory(g *category) {
	for _, in := range s.st.children(g.Division, g.ID) {
		s.removeCategory(in)
	}
	s.link(g, nil)
	s.st.categories = slices.DeleteFunc(s.st.categories, func(x *category) bool { return x == g })
	s.log(record{Gone: g.ID})
}

func getTagCategories(s *Server, c *call) answer {
	p, no := c.query(true, nil, []string{"ids", "divisionIds"})
	if no != nil {
		return *no
	}
	found := []wireCategory{}
	for _, g := range s.st.categories {
		if s.division(g.Division) == nil ||
			p.lists["ids"] != nil && !slices.Contains(p.lists["ids"], g.ID) ||
			p.lists["divisionIds"] != nil && !slices.Contains(p.lists["divisionIds"], g.Division) {
			continue
		}
		found = append(found, g.wire())
	}
	return jsonAnswer(http.StatusOK, list[wireCategory]{len(found), page(found, p)})
}

// Category is a tag category as tests look at it: names instead of ids.
type Category struct {
	ID          string   `json:"id"`
	Path        string   `json:"path"`     // names from the top, "Region/EMEA"
	Division    string   `json:"division"` // name
	IsPublished bool     `json:"isPublished"`
	Tags        []string `json:"tags"` // names, sorted
}

// Categories returns copies of all tag categories, by path.
func (s *Server) Categories() []Category {
	s.runLate()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Category{}
	for _, g := range s.st.categories {
		v := Category{ID: g.ID, Path: g.Name, IsPublished: g.Published, Tags: []string{}}
		for up := s.st.category(g.Parent); up != nil; up = s.st.category(up.Parent) {
			v.Path = up.Name + "/" + v.Path
		}
		if d := s.divisions[g.Division]; d != nil {
			v.Division = d.Name
		}
		for _, t := range s.st.tagsIn(g.ID) {
			v.Tags = append(v.Tags, t.Name)
		}
		slices.Sort(v.Tags)
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b Category) int { return strings.Compare(a.Path, b.Path) })
	return out
}
