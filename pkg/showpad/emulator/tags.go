package emulator

import (
	"net/http"
	"slices"
	"strings"
)

// Source of the operations in this file: v4 getTags, postTags, getTag,
// updateTag, deleteTag.

// tagName reads and trims the name of a tag.
func tagName(o *object) string {
	o.require("name")
	name := o.text("name", false)
	trimmed := strings.TrimSpace(name.v)
	switch {
	case !name.set:
	case strings.ContainsAny(trimmed, "\n\r\t"):
		o.fail("name", catInvalid, "must not contain line feed, carriage return or tab")
	case trimmed == "" || len([]rune(trimmed)) > 255:
		o.fail("name", catInvalid, "must be 1 to 255 characters")
	}
	return trimmed
}

func postTags(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	name := tagName(o)
	o.require("division")
	var divisionID string
	if in, _ := o.object("division", false); in != nil {
		in.require("id")
		divisionID = in.text("id", false).v
		in.done()
	}
	origin := readOrigin(o)
	o.text("externalServiceId", true)
	o.done()
	if origin.v == "oauth2client" && c.caller.Client == "" {
		o.fail("origin", catInvalid, "a personal token has no OAuth client behind it")
	}
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	division := s.division(divisionID)
	switch {
	case division == nil:
		return badRequest(finding{"division.id", "there is no Division " + divisionID, catInvalid})
	case division.Denied:
		return problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	case s.st.findTag(division.ID, name, s.sw.FoldTags) != nil:
		return problemAnswer(http.StatusConflict, "a tag of that name exists in the Division")
	}
	if !c.commit() {
		return answer{}
	}
	now := s.now()
	t := &tag{Division: division.ID, Name: name, Created: now, Updated: now}
	t.ID, t.Seq = s.newID("tag")
	s.st.addTag(t)
	s.log(record{Tag: t})
	return jsonAnswer(http.StatusCreated, s.wireTag(t))
}

func (s *Server) tag(c *call) (*tag, answer) {
	id := c.params["tagId"]
	t := s.st.tags[id]
	if t == nil || s.division(t.Division) == nil {
		return nil, notFound("tag", id)
	}
	return t, answer{}
}

func getTag(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	t, no := s.tag(c)
	if t == nil {
		return no
	}
	return jsonAnswer(http.StatusOK, s.wireTag(t))
}

func updateTag(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	t, missing := s.tag(c)
	if t == nil {
		return missing
	}
	name := tagName(o)
	o.done()
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	if s.division(t.Division).Denied {
		return problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	}
	if other := s.st.findTag(t.Division, name, s.sw.FoldTags); other != nil && other != t {
		return problemAnswer(http.StatusConflict, "a tag of that name exists in the Division")
	}
	if !c.commit() {
		return answer{}
	}
	s.st.renameTag(t, name)
	t.Updated = s.now()
	s.log(record{Tag: t})
	return jsonAnswer(http.StatusOK, s.wireTag(t))
}

func deleteTag(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	t, no := s.tag(c)
	if t == nil {
		return no
	}
	if s.division(t.Division).Denied {
		return problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	}
	if matches(s.sw.TagsInFilters, t.Name) {
		return problemAnswer(http.StatusConflict, "the tag is used in a filter")
	}
	if !c.commit() {
		return answer{}
	}
	for _, a := range bySeq(s.st.byTag[t.ID]) {
		changed := *a
		changed.Tags = slices.DeleteFunc(slices.Clone(a.Tags), func(id string) bool { return id == t.ID })
		s.st.replaceAsset(a, &changed)
		s.log(record{Asset: a})
	}
	s.st.removeTag(t)
	s.log(record{Gone: t.ID})
	return noContent()
}

func getTags(s *Server, c *call) answer {
	p, no := c.query(true, []string{"name", "exactName"}, []string{"ids", "divisionIds", "tagCategoryIds"})
	if no != nil {
		return *no
	}
	from := s.st.tagOrder
	exact, byExact := p.text["exactName"]
	if byExact {
		from = s.st.tagByName[foldName(exact)]
	}
	found := []*tag{}
	for _, t := range from {
		switch {
		case s.division(t.Division) == nil:
		case p.lists["tagCategoryIds"] != nil && !slices.ContainsFunc(t.Categories, func(id string) bool { return slices.Contains(p.lists["tagCategoryIds"], id) }):
		case byExact && t.Name != exact && !s.sw.FoldTags:
		case p.lists["ids"] != nil && !slices.Contains(p.lists["ids"], t.ID):
		case p.lists["divisionIds"] != nil && !slices.Contains(p.lists["divisionIds"], t.Division):
		case p.text["name"] != "" && !strings.Contains(foldName(t.Name), foldName(p.text["name"])):
		default:
			found = append(found, t)
		}
	}
	out := list[wireTag]{Count: len(found), Items: []wireTag{}}
	for _, t := range page(found, p) {
		out.Items = append(out.Items, s.wireTag(t))
	}
	return jsonAnswer(http.StatusOK, out)
}
