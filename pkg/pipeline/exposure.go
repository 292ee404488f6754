package pipeline

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// Audience is what a row changes about who can see an asset.
type Audience struct {
	// Division is its name at the service, where the manifest writes it otherwise.
	Division string  `json:"division,omitempty"`
	Before   *Access `json:"before,omitempty"` // nil: there was no asset, or none that works
	After    Access  `json:"after"`            // once the row is carried out and processed
}

// Access is who can see an asset at the start of a plan, and what they may do with
// it. Members of its Division see it unless Hidden says why not.
type Access struct {
	Hidden Hidden `json:"hidden,omitempty"`
	From   string `json:"from,omitempty"`  // its release if that is to come, RFC 3339 in the manifest's time zone
	Until  string `json:"until,omitempty"` // its expiry, likewise; "" is never
	Draft  bool   `json:"draft,omitempty"` // it has a draftedAt: what that hides is not documented
	// IsShareable: people outside may get it by a share. ByDefault: nobody said so,
	// it is the service's default.
	IsShareable bool `json:"isShareable,omitempty"`
	ByDefault   bool `json:"isShareableByDefault,omitempty"`
	// Downloads is whether people outside may keep a copy: "yes", "no", or "" where
	// the service decides and does not say.
	Downloads        string `json:"downloadableExternal,omitempty"`
	IsDivisionShared bool   `json:"isDivisionShared,omitempty"`
}

// Hidden is why the members of its Division do not see an asset. Source: help "Set
// a release and expiry date", v4 postAssets.
type Hidden string

const (
	HiddenArchived Hidden = "archived"     // in the trash
	HiddenExpired  Hidden = "expired"      // its expiry is over
	HiddenNever    Hidden = "never"        // it expires before it is released
	HiddenUntil    Hidden = "not-released" // its release is to come
	HiddenDeleted  Hidden = "deleted"      // for good
)

// Exposure says who will see what by a plan's rows. The zero value is ready.
type Exposure struct {
	Timezone  string         `json:"timezone,omitempty"` // of the days; "" is UTC
	Divisions []DivisionView `json:"divisions"`          // by name
	Links     *LinkView      `json:"links,omitempty"`    // of shares that are made; nil: none
}

// DivisionView is what changes about the assets of one Division. It counts
// assets.
type DivisionView struct {
	Division string `json:"division"`

	// What members of the Division get to see.
	Now      int            `json:"now"`                // as soon as it is processed
	Restored int            `json:"restored,omitempty"` // of Now: out of the trash
	Released int            `json:"released,omitempty"` // of Now: had a release to come, which is taken away or moved to the past
	Later    []ReleaseDay   `json:"later,omitempty"`    // on a day of release, the earliest first; at most maxDays
	LaterAll int            `json:"laterAll,omitempty"` // on any later day
	Hidden   map[Hidden]int `json:"hidden,omitempty"`   // nobody sees them, whenever
	Gone     int            `json:"gone,omitempty"`     // members see them today, and then no longer

	// Of those that become visible now or later.
	Shareable      int `json:"shareable,omitempty"`          // people outside may get them by a share
	ByDefault      int `json:"shareableByDefault,omitempty"` // of Shareable: because that is the service's default
	Downloadable   int `json:"downloadable,omitempty"`       // people outside may keep a copy
	DownloadsUnset int `json:"downloadsUnset,omitempty"`     // whether they may is left to the service
	DivisionShared int `json:"divisionShared,omitempty"`     // other Divisions see them, too
	NoExpiry       int `json:"noExpiry,omitempty"`
	Drafts         int `json:"drafts,omitempty"` // have a draftedAt

	Changes Changes `json:"changes,omitzero"`
}

// ReleaseDay is how many assets are released on a day.
type ReleaseDay struct {
	Day    string `json:"day"` // 2026-12-01
	Assets int    `json:"assets"`
}

// Changes count assets that were there before, and that as many people see after.
type Changes struct {
	ShareableOn       int `json:"shareableOn,omitempty"` // people outside may get them from now on
	ShareableOff      int `json:"shareableOff,omitempty"`
	DownloadsOn       int `json:"downloadsOn,omitempty"`
	DownloadsOff      int `json:"downloadsOff,omitempty"`
	DivisionSharedOn  int `json:"divisionSharedOn,omitempty"`
	DivisionSharedOff int `json:"divisionSharedOff,omitempty"`
	Expiry            int `json:"expiry,omitempty"`   // expire at another time
	Drafts            int `json:"drafts,omitempty"`   // get a draftedAt, or lose it
	NewBytes          int `json:"newBytes,omitempty"` // links to them lead to the new version; these are all versions of assets that were there
	MaybeNewBytes     int `json:"maybeNewBytes,omitempty"`
}

// LinkView is what the share links of a plan expose.
type LinkView struct {
	Shares       int `json:"shares"`
	Assets       int `json:"assets"` // an asset in two shares counts twice
	NoExpiry     int `json:"noExpiry,omitempty"`
	Downloadable int `json:"downloadable,omitempty"` // shares whose assets may be downloaded
}

// maxDays is how many days of release a Division's view tells apart.
const maxDays = 30

// audience fills in the row's audience. The row is decided.
func (d *decider) audience() {
	switch d.Row.Action {
	case ActionConflict, ActionBlocked, ActionUnchanged, "":
		return
	}
	if d.Need == NeedRemote || d.Need == NeedHolders {
		return
	}
	before := d.shows
	a := Audience{After: d.f.access(func(name string) (json.RawMessage, bool) {
		if v, ok := d.Set[name]; ok {
			return v, true
		}
		return before(name)
	})}
	if d.Row.AssetID != "" && !d.unseen() {
		was := d.f.access(before)
		a.Before = &was
		same := a.After
		same.ByDefault = was.ByDefault
		if was == same && d.Row.Puts == 0 {
			return // nobody sees it otherwise than before
		}
	}
	d.Row.Audience = &a
}

// takenAway is the audience of a row that takes an asset away from all who see it.
func (f *Facts) takenAway(seen Values, how Hidden) *Audience {
	was := f.access(func(name string) (json.RawMessage, bool) { v, ok := seen[name]; return v, ok })
	after := was
	after.Hidden, after.From = how, ""
	if was == after {
		return nil
	}
	return &Audience{Before: &was, After: after}
}

// shows is a field as the service shows it or, of an asset that was not read, as
// the record knows it.
func (d *decider) shows(name string) (json.RawMessage, bool) {
	if v, ok := d.Seen[name]; ok || d.Seen != nil || d.f.Record == nil || d.Row.AssetID == "" {
		return v, ok
	}
	b := d.f.Record.Fields[name]
	if b.Seen != nil {
		return b.Seen, true
	}
	return b.Sent, b.Sent != nil
}

// unseen reports whether nobody ever saw the asset: none of its versions was
// processed.
func (d *decider) unseen() bool {
	a := d.Asset
	return a != nil && a.CurrentFile == nil && a.Status != "" && a.Status != showpad.StatusActive
}

// access is who can see an asset with these values.
func (f *Facts) access(value func(name string) (json.RawMessage, bool)) Access {
	is := func(name string) bool { v, _ := value(name); return string(v) == "true" }
	at := func(name string) (t time.Time) {
		if v, _ := value(name); v != nil {
			_ = json.Unmarshal(v, &t) // null stays zero
		}
		return t
	}
	zone := f.Timezone
	if zone == nil {
		zone = time.UTC
	}
	text := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(zone).Format(time.RFC3339)
	}
	release, expiry := at("releasedAt"), at("expiresAt")
	a := Access{Until: text(expiry), Draft: !at("draftedAt").IsZero(), IsDivisionShared: is("isDivisionShared")}
	switch start := f.Start; {
	case is("isArchived"):
		a.Hidden = HiddenArchived
	case !expiry.IsZero() && !expiry.After(start):
		a.Hidden = HiddenExpired
	case release.After(start) && !expiry.IsZero() && !expiry.After(release):
		a.Hidden = HiddenNever
	case release.After(start):
		a.Hidden, a.From = HiddenUntil, text(release)
	}
	share, said := value(permissions + "isShareable")
	a.IsShareable, a.ByDefault = !said || string(share) == "true", !said
	if down, said := value("downloadableExternal"); said {
		a.Downloads = "yes"
		if isEmpty(down) {
			a.Downloads = "no"
		}
	}
	return a
}

// exposes is the summary's exposure.
func (s *Summary) exposes() *Exposure {
	if s.Exposure == nil {
		s.Exposure = &Exposure{Divisions: []DivisionView{}}
	}
	return s.Exposure
}

// Add accumulates a row.
func (e *Exposure) Add(r Row) {
	if r.Audience == nil {
		return
	}
	name := cmp.Or(r.Audience.Division, r.Division)
	i, there := slices.BinarySearchFunc(e.Divisions, name, func(v DivisionView, name string) int { return cmp.Compare(v.Division, name) })
	if !there {
		e.Divisions = slices.Insert(e.Divisions, i, DivisionView{Division: name})
	}
	e.Divisions[i].add(r)
}

// AddShare counts a share that is made: how many assets it has, whether it expires
// and whether they may be downloaded.
func (e *Exposure) AddShare(assets int, expires, downloadable bool) {
	if e.Links == nil {
		e.Links = &LinkView{}
	}
	e.Links.Shares++
	e.Links.Assets += assets
	if !expires {
		e.Links.NoExpiry++
	}
	if downloadable {
		e.Links.Downloadable++
	}
}

// Empty reports whether nobody sees anything else than before.
func (e *Exposure) Empty() bool { return e == nil || len(e.Divisions) == 0 && e.Links == nil }

func (v *DivisionView) add(r Row) {
	before, after := r.Audience.Before, &r.Audience.After
	sees := before != nil && before.Hidden == ""
	if before != nil && r.Puts > 0 {
		if r.Action == ActionCheck {
			v.Changes.MaybeNewBytes++
		} else {
			v.Changes.NewBytes++
		}
	}
	if before != nil && before.Hidden == after.Hidden && day(before.From) == day(after.From) {
		v.Changes.add(before, after)
		return
	}
	if sees {
		v.Gone++
	}
	switch after.Hidden {
	case "":
		v.Now++
		switch {
		case before == nil:
		case before.Hidden == HiddenArchived:
			v.Restored++
		case before.Hidden == HiddenUntil:
			v.Released++
		}
	case HiddenUntil:
		v.later(day(after.From))
	default:
		if v.Hidden == nil {
			v.Hidden = map[Hidden]int{}
		}
		v.Hidden[after.Hidden]++
		return
	}
	for _, c := range []struct {
		is bool
		n  *int
	}{
		{after.IsShareable, &v.Shareable}, {after.IsShareable && after.ByDefault, &v.ByDefault},
		{after.Downloads == "yes", &v.Downloadable}, {after.Downloads == "", &v.DownloadsUnset},
		{after.IsDivisionShared, &v.DivisionShared}, {after.Until == "", &v.NoExpiry}, {after.Draft, &v.Drafts},
	} {
		if c.is {
			*c.n++
		}
	}
}

// later counts a release on a day. Of more days than maxDays, the earliest are
// told apart: a day that is dropped is later than all that stay.
func (v *DivisionView) later(day string) {
	v.LaterAll++
	i, there := slices.BinarySearchFunc(v.Later, day, func(d ReleaseDay, day string) int { return cmp.Compare(d.Day, day) })
	switch {
	case there:
		v.Later[i].Assets++
	case i < maxDays:
		v.Later = slices.Insert(v.Later, i, ReleaseDay{Day: day, Assets: 1})
		v.Later = v.Later[:min(len(v.Later), maxDays)]
	}
}

// day is that of a time in RFC 3339.
func day(at string) string { return at[:min(len(at), len(time.DateOnly))] }

func (c *Changes) add(before, after *Access) {
	count := func(was, is bool, on, off *int) {
		switch {
		case is && !was:
			*on++
		case was && !is:
			*off++
		}
	}
	count(before.IsShareable, after.IsShareable, &c.ShareableOn, &c.ShareableOff)
	count(before.Downloads == "yes", after.Downloads == "yes", &c.DownloadsOn, &c.DownloadsOff)
	count(before.Draft, after.Draft, &c.Drafts, &c.Drafts)
	if before.Until != after.Until {
		c.Expiry++
	}
	count(before.IsDivisionShared, after.IsDivisionShared, &c.DivisionSharedOn, &c.DivisionSharedOff)
}

// exposed completes the summary of rows that g decided.
func (g *gatherer) exposed(s *Summary) {
	if s.Exposure != nil && g.in.Manifest.Timezone != nil {
		s.Exposure.Timezone = g.in.Manifest.Timezone.String()
	}
}
