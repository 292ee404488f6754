package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Source of the operations in this file: v4 getAssets, postAssets, getAsset,
// updateAsset, deleteAsset.

func postAssets(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	b := s.readAssetBody(o, true)
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	division := s.division(b.division.v)
	if division == nil {
		return notFound("Division", b.division.v)
	}
	if division.Denied {
		return problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	}
	now := c.at(s.now())
	a := &asset{
		Division: division.ID, Created: now, Updated: now, Listed: now.Add(max(s.opts.ListLag, time.Duration(s.sw.ListLag))),
		Annotatable: true, Shareable: true, Processed: true, Authors: []string{c.caller.user.ID},
	}
	s.checkMeaning(o, &b, a, c)
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	if s.sw.DropExternalID {
		b.externalID = opt[string]{}
	}
	if s.sw.DropTags {
		b.tags = opt[[]string]{}
	}
	b.apply(a, &s.sw, now)
	if !c.commit() {
		return answer{}
	}
	a.ID, a.Seq = s.newID("asset")
	a.Slug = uuid(a.ID)
	s.st.addAsset(a)
	s.log(record{Asset: a})
	return jsonAnswer(http.StatusCreated, s.wire(a, now))
}

// asset finds the asset that a call addresses; a nil asset comes with the answer.
func (s *Server) asset(c *call) (*asset, answer) {
	if a := s.assetByID(c.params["assetId"]); a != nil {
		return a, answer{}
	}
	return nil, notFound("asset", c.params["assetId"])
}

// assetByID is the asset with an id that the caller may see by now, or nil.
func (s *Server) assetByID(id string) *asset {
	a := s.st.assets[id]
	if a == nil || s.now().Before(a.Created.Add(time.Duration(s.sw.ReadLag))) || s.division(a.Division) == nil {
		return nil
	}
	a.settle(s.now(), &s.sw)
	return a
}

// writable is asset for an operation that changes it.
func (s *Server) writable(c *call) (*asset, answer) {
	a, no := s.asset(c)
	if a != nil && s.division(a.Division).Denied {
		return nil, problemAnswer(http.StatusForbidden, "you may not manage content in this Division")
	}
	return a, no
}

func getAsset(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	a, no := s.asset(c)
	if a == nil {
		return no
	}
	return jsonAnswer(http.StatusOK, s.wire(a, s.now()))
}

func updateAsset(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	a, missing := s.writable(c)
	if a == nil {
		return missing
	}
	b := s.readAssetBody(o, false)
	s.checkMeaning(o, &b, a, c)
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	if !c.commit() {
		return answer{}
	}
	if s.sw.KeepExternalID {
		b.externalID = opt[string]{}
	}
	changed := *a
	if !s.sw.StillStamps {
		changed.Updated = s.now()
	}
	b.apply(&changed, &s.sw, s.now())
	s.renamed("updateAsset", a, changed.Name)
	s.st.replaceAsset(a, &changed)
	s.localize(a, b.localization)
	s.log(record{Asset: a})
	return jsonAnswer(http.StatusOK, s.wire(a, s.now()))
}

func deleteAsset(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	a, no := s.writable(c)
	if a == nil {
		return no
	}
	if !c.commit() {
		return answer{}
	}
	now, files := s.now(), a.Files
	s.st.removeAsset(a, now)
	s.log(record{Gone: a.ID, At: &now})
	for _, f := range files {
		s.blobs.remove(f.ID)
	}
	return noContent()
}

func getAssets(s *Server, c *call) answer {
	p, no := c.query(true, []string{"name"}, []string{"ids", "divisionIds", "externalIds", "tagIds", "slugs"})
	if no != nil {
		return *no
	}
	found := s.selectAssets(p)
	out := list[wireAsset]{Count: len(found), Items: []wireAsset{}}
	now := s.now()
	for _, a := range page(found, p) {
		out.Items = append(out.Items, s.wire(a, now))
	}
	return jsonAnswer(http.StatusOK, out)
}

// selectAssets applies the filters, all of them, by creation. The narrowest
// index comes first; the rest is checked asset by asset.
func (s *Server) selectAssets(p params) []*asset {
	var from []*asset
	switch {
	case p.lists["ids"] != nil:
		set := map[string]*asset{}
		for _, id := range p.lists["ids"] {
			if a := s.st.assets[id]; a != nil {
				set[id] = a
			}
		}
		from = bySeq(set)
	case p.lists["externalIds"] != nil:
		from = collect(s.st.byExternal, p.lists["externalIds"])
	case p.lists["slugs"] != nil:
		set := map[string]*asset{}
		for _, slug := range p.lists["slugs"] {
			if a := s.st.bySlug[slug]; a != nil {
				set[a.ID] = a
			}
		}
		from = bySeq(set)
	case p.lists["tagIds"] != nil:
		rarest := slices.MinFunc(p.lists["tagIds"], func(a, b string) int { return len(s.st.byTag[a]) - len(s.st.byTag[b]) })
		from = bySeq(s.st.byTag[rarest])
	default:
		from = s.st.order
	}
	now := s.now()
	in := func(name, value string) bool {
		list := p.lists[name]
		return list == nil || slices.Contains(list, value)
	}
	var out []*asset
	for _, a := range from {
		switch {
		case a.Deleted != nil || now.Before(a.Listed) || s.division(a.Division) == nil:
		case a.Archived && s.sw.HideArchived:
		case !in("ids", a.ID) || !in("slugs", a.Slug) || !in("divisionIds", a.Division):
		case p.lists["externalIds"] != nil && (a.ExternalID == nil || !in("externalIds", *a.ExternalID)):
		case !containsAll(a.Tags, p.lists["tagIds"]):
		case p.text["name"] != "" && !strings.Contains(strings.ToLower(a.Name), strings.ToLower(p.text["name"])):
		default:
			out = append(out, a)
		}
	}
	return out
}

func containsAll(have, want []string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}
