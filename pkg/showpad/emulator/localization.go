package emulator

import "slices"

// A primary keeps its list of variants, and each of them the primary's id: all of
// them answer the same localization. The list that an update gives replaces the one
// before, whichever of them it is sent to. Null takes a variant out, and dissolves
// what the asset is the primary of. Source: v4 updateAsset for the form; the rest is
// ASSUME.

// readLocalization reads the links to language variants. A variant with an id
// links an asset; one without is a placeholder. Source: v4 updateAsset.
func (s *Server) readLocalization(o *object) (out opt[localization]) {
	in, null := o.object("localization", true)
	if in == nil {
		out.set, out.null = null, null
		return out
	}
	in.require("primary", "variants")
	out.v.Variants = []localVariant{}
	if primary, _ := in.object("primary", false); primary != nil {
		if a, _ := primary.object("asset", false); a != nil {
			out.v.Primary.Asset.ID = a.text("id", false).v
			if s.st.assets[out.v.Primary.Asset.ID] == nil {
				a.fail("id", catInvalid, "is not an asset")
			}
			a.done()
		}
		primary.done()
	}
	in.objects("variants", false, func(v *object) {
		v.require("asset")
		a, _ := v.object("asset", false)
		if a == nil {
			return
		}
		id := a.text("id", false)
		variant := localVariant{Status: "localized", Asset: localAsset{ID: id.v,
			Languages: codes(a.keyed("languages", "code").v),
			Countries: codes(a.keyed("countries", "code").v),
			Authors:   refs(a.keyed("authors", "id").v),
		}}
		if !id.set {
			a.require("languages", "countries")
			variant.Status = "to-be-localized"
		} else if s.st.assets[id.v] == nil {
			a.fail("id", catInvalid, "is not an asset")
		}
		a.done()
		out.v.Variants = append(out.v.Variants, variant)
	})
	if len(out.v.Variants) > 50 {
		in.fail("variants", catInvalid, "must be at most 50")
	}
	in.done()
	out.set = true
	return out
}

// checkLocalization checks links against the tenant: a primary is no variant, and a
// variant no primary. a is the asset that they are sent to.
func (s *Server) checkLocalization(o *object, b *assetBody, a *asset) {
	l := b.localization
	if !l.set || l.null || a.ID == "" {
		return
	}
	primary := s.st.assets[l.v.Primary.Asset.ID]
	if primary == nil {
		return // told already
	}
	if s.primaryOf(primary) != nil {
		o.fail("localization.primary.asset.id", catInvalid, "is a variant itself")
	}
	part := primary.ID == a.ID
	for _, v := range l.v.Variants {
		part = part || v.Asset.ID == a.ID
		x := s.st.assets[v.Asset.ID]
		switch {
		case v.Asset.ID == primary.ID:
			o.fail("localization.variants", catInvalid, "must not have the primary")
		case x != nil && x.Localization != nil && len(x.Localization.Variants) > 0:
			o.fail("localization.variants", catInvalid, "asset %q has variants of its own", x.ID)
		}
	}
	if !part && len(*o.bad) == 0 {
		o.fail("localization", catInvalid, "the asset is neither the primary nor among the variants")
	}
}

// primaryOf is the primary that an asset is a variant of, or nil.
func (s *Server) primaryOf(a *asset) *asset {
	p := s.st.assets[a.VariantOf]
	if p == nil || p.Localization == nil || !slices.ContainsFunc(p.Localization.Variants, func(v localVariant) bool { return v.Asset.ID == a.ID }) {
		return nil
	}
	return p
}

// localize carries out the localization of an update of a.
func (s *Server) localize(a *asset, l opt[localization]) {
	if !l.set && !l.null {
		return
	}
	leave := func(v *asset) { // of the primary that it has
		p := s.primaryOf(v)
		v.VariantOf = ""
		if p == nil {
			return
		}
		rest := *p.Localization
		rest.Variants = slices.DeleteFunc(slices.Clone(rest.Variants), func(x localVariant) bool { return x.Asset.ID == v.ID })
		p.Localization = &rest
		if len(rest.Variants) == 0 {
			p.Localization = nil
		}
		s.log(record{Asset: p})
	}
	dissolve := func(p *asset) {
		if p.Localization == nil {
			return
		}
		for _, v := range p.Localization.Variants {
			if x := s.st.assets[v.Asset.ID]; x != nil && x.VariantOf == p.ID {
				x.VariantOf = ""
				s.log(record{Asset: x})
			}
		}
		p.Localization = nil
	}
	if l.null {
		leave(a)
		dissolve(a)
		s.log(record{Asset: a})
		return
	}
	primary := s.st.assets[l.v.Primary.Asset.ID]
	if primary == nil {
		return // a primary without an id
	}
	dissolve(primary)
	for _, v := range l.v.Variants {
		if x := s.st.assets[v.Asset.ID]; x != nil {
			leave(x)
			x.VariantOf = primary.ID
			s.log(record{Asset: x})
		}
	}
	primary.Localization = &l.v
	if len(l.v.Variants) == 0 {
		primary.Localization = nil
	}
	s.log(record{Asset: primary})
}

// localization is what an asset answers; nil is null. Variants that are gone are
// left out.
func (s *Server) localization(a *asset) *localization {
	p := a
	if a.VariantOf != "" {
		p = s.primaryOf(a)
	}
	if p == nil || p.Localization == nil {
		return nil
	}
	out := localization{Primary: p.Localization.Primary, Variants: []localVariant{}}
	for _, v := range p.Localization.Variants {
		if v.Asset.ID != "" {
			x := s.st.assets[v.Asset.ID]
			if x == nil {
				continue
			}
			v.Asset = localAsset{ID: x.ID, Languages: codes(x.Languages), Countries: codes(x.Countries), Authors: refs(x.Authors)}
		}
		out.Variants = append(out.Variants, v)
	}
	return &out
}
