package emulator

import (
	"path"
	"slices"
	"strings"
	"time"
)

// assetBody is the body of a create or an update, checked for form.
// Source: v4 postAssets, v4 updateAsset.
type assetBody struct {
	name, externalID, description, url opt[string]
	division                           opt[string]

	permissions                      bool // the member is there
	annotatable, editable, shareable opt[bool]

	processed, divShared, sensitive, archived, external, entire, notes opt[bool]

	locked       opt[[]pageRange]
	enforced     opt[enforcedPages]
	expires      opt[time.Time]
	released     opt[time.Time]
	drafted      opt[time.Time]
	tags         opt[[]string]
	languages    opt[[]string]
	countries    opt[[]string]
	authors      opt[[]string]
	downExternal opt[[]string]
	downInternal opt[[]string]
	origin       opt[string] // "" local, or oauth2client
	localization opt[localization]
}

// readAssetBody checks the form of a body: names, types, limits, nulls.
func (s *Server) readAssetBody(o *object, create bool) (b assetBody) {
	if create {
		o.require("name", "division")
		if in, _ := o.object("division", false); in != nil {
			in.require("id")
			b.division = in.text("id", false)
			in.done()
		}
	}
	b.name = o.text("name", false)
	if b.name.set && strings.TrimSpace(b.name.v) == "" {
		o.fail("name", catInvalid, "must not be empty")
	}
	b.externalID = o.textBetween("externalId", true, 1, 128)
	b.description = o.text("description", true)
	b.url = o.text("url", true)
	if in, _ := o.object("permissions", false); in != nil {
		b.permissions = true
		b.annotatable, b.editable, b.shareable = in.flag("isAnnotatable"), in.flag("isEditable"), in.flag("isShareable")
		in.done()
	}
	b.processed = o.flag("isProcessedUsed")
	b.divShared = o.flag("isDivisionShared")
	b.sensitive = o.flag("isSensitive")
	b.archived = scalar[bool](o, "isArchived", true)
	b.external = o.flag("isRenderExternalAllowed")
	b.entire = o.flag("isOnlyEntireDocumentShareable")
	b.notes = o.flag("isSpeakerNotesEnabled")
	b.locked = o.pages("lockedPages", false)
	if in, null := o.object("enforcedPages", true); in != nil {
		b.enforced.set = true
		b.enforced.v = enforcedPages{nilIfNull(in.pages("prepend", true)), nilIfNull(in.pages("append", true))}
		in.done()
	} else if null {
		b.enforced = opt[enforcedPages]{set: true, null: true}
	}
	b.expires, b.released, b.drafted = o.instant("expiresAt"), o.instant("releasedAt"), o.instant("draftedAt")
	b.tags, b.authors = o.keyed("tags", "id"), o.keyed("authors", "id")
	b.languages, b.countries = o.keyed("languages", "code"), o.keyed("countries", "code")
	b.downExternal = o.choices("downloadableExternal", "original", "pdf")
	b.downInternal = o.choices("downloadableInternal", "original", "pdf")
	b.origin = readOrigin(o)
	if !create {
		b.localization = s.readLocalization(o)
	}
	o.done()
	return b
}

func nilIfNull(v opt[[]pageRange]) []pageRange {
	if !v.set || v.null {
		return nil
	}
	return v.v
}

// readOrigin accepts {local, showpad} and {oauth2client}; anything else is 400.
// Source: v4 postAssets.
func readOrigin(o *object) (out opt[string]) {
	in, _ := o.object("origin", false)
	if in == nil {
		return out
	}
	in.require("type")
	kind, id := in.text("type", false), in.text("id", false)
	in.done()
	switch {
	case kind.v == "local" && id.v == "showpad":
	case kind.v == "oauth2client" && !id.set:
		out.v = "oauth2client"
	case kind.set:
		o.fail("origin", catInvalid, "must be {type: local, id: showpad} or {type: oauth2client}")
		return out
	}
	out.set = true
	return out
}

// checkMeaning checks what a body says against the tenant and the asset that it
// would make: a is the state before, with its Division.
func (s *Server) checkMeaning(o *object, b *assetBody, a *asset, c *call) {
	s.checkLocalization(o, b, a)
	name := a.Name
	if b.name.set {
		name = b.name.v
	}
	link := a.URL
	if b.url.set {
		link = nil
		if !b.url.null {
			link = &b.url.v
		}
	}
	if b.editable.set && isPDF(name) {
		o.fail("permissions.isEditable", catInvalid, "cannot be set on a PDF")
	}
	if link != nil && (b.url.set || b.name.set) {
		if !strings.EqualFold(path.Ext(name), ".url") {
			o.fail("name", catInvalid, "of a URL asset must end in .url")
		}
		if !strings.Contains(*link, "://") {
			o.fail("url", catInvalid, "must be an absolute URL")
		}
	}
	if b.divShared.v && !s.division(a.Division).SharingEnabled {
		o.fail("isDivisionShared", catInvalid, "asset sharing is not enabled on the Division")
	}
	if b.origin.v == "oauth2client" && c.caller.Client == "" {
		o.fail("origin", catInvalid, "a personal token has no OAuth client behind it")
	}
	if s.sw.RefuseExternalID && b.externalID.set && b.origin.v == "" && a.Origin == "" {
		o.fail("externalId", catInvalid, "can be set only on assets that the application owns")
	}
	for _, id := range b.tags.v {
		if t := s.st.tags[id]; t == nil {
			o.fail("tags", catInvalid, "there is no tag %q", id)
		} else if d := s.division(t.Division); t.Division != a.Division && (d == nil || !d.TagsShared) {
			o.fail("tags", catInvalid, "tag %q belongs to another Division", id)
		}
	}
	for _, id := range b.authors.v {
		if s.userByID(id) == nil {
			o.fail("authors", catInvalid, "there is no user %q", id)
		}
	}
	for _, code := range b.languages.v {
		if !slices.Contains(s.opts.Languages, code) {
			o.fail("languages", catInvalid, "there is no language %q", code)
		}
	}
	for _, code := range b.countries.v {
		if !slices.Contains(s.opts.Countries, code) {
			o.fail("countries", catInvalid, "there is no country %q", code)
		}
	}
}

// apply writes the members of a body that are set into an asset.
func (b *assetBody) apply(a *asset, sw *Switches, now time.Time) {
	setTo(&a.Name, b.name)
	pointTo(&a.ExternalID, b.externalID)
	pointTo(&a.Description, b.description)
	pointTo(&a.URL, b.url)
	if b.permissions && sw.ResetPermissions {
		a.Annotatable, a.Editable, a.Shareable = true, false, true
	}
	setTo(&a.Annotatable, b.annotatable)
	setTo(&a.Editable, b.editable)
	setTo(&a.Shareable, b.shareable)
	setTo(&a.Processed, b.processed)
	setTo(&a.DivShared, b.divShared)
	setTo(&a.Sensitive, b.sensitive)
	setTo(&a.Archived, b.archived) // null is false
	switch {
	case !a.Archived:
		a.ArchivedAt = nil
	case a.ArchivedAt == nil:
		a.ArchivedAt = &now
	}
	setTo(&a.External, b.external)
	setTo(&a.Entire, b.entire)
	setTo(&a.Notes, b.notes)
	setTo(&a.Locked, b.locked)
	pointTo(&a.Enforced, b.enforced)
	pointTo(&a.Expires, b.expires)
	pointTo(&a.Released, b.released)
	pointTo(&a.Drafted, b.drafted)
	setTo(&a.Tags, b.tags)
	setTo(&a.Languages, b.languages)
	setTo(&a.Countries, b.countries)
	setTo(&a.Authors, b.authors)
	setTo(&a.DownExternal, b.downExternal)
	setTo(&a.DownInternal, b.downInternal)
	setTo(&a.Origin, b.origin)
	if sw.SnapDates {
		a.Released, a.Drafted, a.Expires = snap(a.Released, 0), snap(a.Drafted, 0), snap(a.Expires, 24*time.Hour-time.Second)
	}
}

func setTo[T any](dst *T, v opt[T]) {
	if v.set {
		*dst = v.v
	}
}

func pointTo[T any](dst **T, v opt[T]) {
	switch {
	case v.null:
		*dst = nil
	case v.set:
		*dst = new(v.v)
	}
}

// snap moves a time to the start of its day plus something.
func snap(t *time.Time, plus time.Duration) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.Truncate(24 * time.Hour).Add(plus))
}
