package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Source of the operations in this file: v4 create-share, theme-list, theme-get.
// That assets must exist and be visible: dev Shares. That they must be active,
// shareable and not in the trash, and that a violation is 400, is ASSUME.

// share is a link that was made. Nothing reads it again but tests.
type share struct {
	ID, Title, Origin, Theme string
	Assets                   []sharedAsset
	Download                 bool
	Expires                  *time.Time
	Seq                      uint64
	Created                  time.Time
}

type sharedAsset struct {
	ID   string `json:"id"`
	Page int    `json:"page,omitempty"`
}

type wireShare struct {
	ID                string        `json:"id"`
	Title             string        `json:"title"`
	Assets            []sharedAsset `json:"assets"`
	Origin            string        `json:"origin"`
	IsDownloadAllowed bool          `json:"isDownloadAllowed"`
	ExpiresAt         *instant      `json:"expiresAt"`
	Theme             wireRef       `json:"theme"`
	AnonymousURL      string        `json:"anonymousUrl"`
	UntrackedURL      string        `json:"untrackedUrl"`
	DynamicURL        string        `json:"dynamicUrl"`
	CreatedAt         stamp         `json:"createdAt"`
}

// links are the addresses of a share. Source of their form: dev Shares.
func (s *Server) links(h *share) (anonymous, untracked, dynamic string) {
	at := "https://" + s.opts.Subdomain + ".showpad.com/"
	return at + "share/" + h.ID[:16] + "a", at + "share/" + h.ID[:16] + "u", at + "catalog/link/" + h.ID[16:]
}

func (s *Server) wireShare(h *share) wireShare {
	w := wireShare{
		ID: h.ID, Title: h.Title, Assets: h.Assets, Origin: h.Origin, IsDownloadAllowed: h.Download, Theme: wireRef{h.Theme}, CreatedAt: stamp(h.Created),
	}
	if h.Expires != nil {
		w.ExpiresAt = new(instant(*h.Expires))
	}
	w.AnonymousURL, w.UntrackedURL, w.DynamicURL = s.links(h)
	return w
}

// upTo reads a text of so many characters at most that is required.
func upTo(o *object, name string, most int) string {
	o.require(name)
	v := o.text(name, false)
	if utf8.RuneCountInString(v.v) > most {
		o.fail(name, catInvalid, "must be at most %d characters", most)
	}
	return v.v
}

func createShare(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	h := &share{Download: true, Title: upTo(o, "title", 200), Origin: upTo(o, "origin", 20), Assets: []sharedAsset{}}
	o.require("assets")
	o.objects("assets", false, func(in *object) {
		in.require("id")
		a := sharedAsset{ID: in.text("id", false).v}
		if page := in.integer("page"); page.set {
			if a.Page = page.v; page.v < 1 {
				in.fail("page", catInvalid, "must be at least 1")
			}
		}
		h.Assets = append(h.Assets, a)
	})
	if len(h.Assets) > 300 {
		o.fail("assets", catInvalid, "must be at most 300")
	}
	if v := o.flag("isDownloadAllowed"); v.set {
		h.Download = v.v
	}
	if raw, ok := o.m["expiresAt"]; ok && strings.TrimSpace(string(raw)) == "null" {
		o.fail("expiresAt", catInvalid, "must not be null")
	}
	if v := o.instant("expiresAt"); v.set && !v.null {
		h.Expires = &v.v
	}
	if in, _ := o.object("theme", false); in != nil {
		in.require("id")
		h.Theme = in.text("id", false).v
		in.done()
		if h.Theme != "" && s.theme(h.Theme) == nil {
			o.fail("theme.id", catInvalid, "there is no theme %s", h.Theme)
		}
	}
	o.done()
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	if no := s.checkShared(h); no != nil {
		return *no
	}
	if !c.commit() {
		return answer{}
	}
	if h.Theme == "" {
		h.Theme = s.globalTheme()
	}
	h.Created = s.now()
	h.ID, h.Seq = s.newID("share")
	s.st.shares = append(s.st.shares, h)
	s.log(record{Share: h})
	return jsonAnswer(http.StatusCreated, s.wireShare(h))
}

// checkShared refuses assets that cannot be shared.
func (s *Server) checkShared(h *share) *answer {
	var bad []finding
	for i, in := range h.Assets {
		name := fmt.Sprintf("assets[%d].id", i)
		a := s.st.assets[in.ID]
		var d *Division
		if a != nil {
			d = s.division(a.Division)
		}
		switch {
		case d == nil:
			bad = append(bad, finding{name, "there is no asset " + in.ID, catInvalid})
		case d.Denied:
			return new(problemAnswer(http.StatusForbidden, "you may not share content of this Division"))
		default:
			a.settle(s.now(), &s.sw)
			if a.status(s.now()) != "active" || a.Archived || !a.Shareable {
				bad = append(bad, finding{name, "the asset " + in.ID + " cannot be shared", catInvalid})
			}
		}
	}
	if bad != nil {
		return new(badRequest(bad...))
	}
	return nil
}

// Theme of the tenant.
type Theme struct {
	ID       string // default: made from its place in the list
	Title    string
	Division string // id; "": the Global Theme
	Default  bool   // of its Division
}

type wireTheme struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	IsGlobal    bool   `json:"isGlobal"`
	IsDefault   bool   `json:"isDefault"`
	DisplayData struct {
		AboutDescription string    `json:"aboutDescription"`
		Logo             *struct{} `json:"logo"`
		DisplayImage     *struct{} `json:"displayImage"`
	} `json:"displayData"`
	ColorSettings struct {
		HeaderColor     string `json:"headerColor"`
		HeaderFontColor string `json:"headerFontColor"`
		AccentColor     string `json:"accentColor"`
		AccentFontColor string `json:"accentFontColor"`
	} `json:"colorSettings"`
	CreatedAt   stamp      `json:"createdAt"`
	UpdatedAt   stamp      `json:"updatedAt"`
	Division    *wireRef   `json:"division"`
	Experiences *[]wireRef `json:"experiences,omitempty"` // of the single read
}

// wire is the answer of the theme at a place of the list. A later one is newer.
func (t *Theme) wire(place int) wireTheme {
	w := wireTheme{ID: t.ID, Title: t.Title, IsGlobal: t.Division == "", IsDefault: t.Default && t.Division != ""}
	c := &w.ColorSettings
	c.HeaderColor, c.HeaderFontColor, c.AccentColor, c.AccentFontColor = "F6F6F6", "101010", "0055AA", "FFFFFF"
	at := stamp(founded.Add(time.Duration(place) * time.Hour))
	w.CreatedAt, w.UpdatedAt = at, at
	if t.Division != "" {
		w.Division = &wireRef{t.Division}
	}
	return w
}

// nameThemes gives the themes their ids, once the Divisions have theirs.
func (s *Server) nameThemes() {
	if s.opts.Themes == nil {
		s.opts.Themes = []Theme{{Title: "Global"}}
		if len(s.opts.Divisions) > 0 {
			s.opts.Themes = append(s.opts.Themes, Theme{Title: "Marketing 2026", Division: s.opts.Divisions[0].ID, Default: true})
		}
	}
	for i := range s.opts.Themes {
		if t := &s.opts.Themes[i]; t.ID == "" {
			t.ID = fmt.Sprintf("7e%030x", i+1)
		}
	}
}

// theme is the visible theme with an id, or nil.
func (s *Server) theme(id string) *Theme {
	for i := range s.opts.Themes {
		if t := &s.opts.Themes[i]; t.ID == id && (t.Division == "" || s.division(t.Division) != nil) {
			return t
		}
	}
	return nil
}

// globalTheme is the id of the Global Theme; there is one unless the options say otherwise.
func (s *Server) globalTheme() string {
	for _, t := range s.opts.Themes {
		if t.Division == "" {
			return t.ID
		}
	}
	return ""
}

// themeSorts are the orders of a list of themes.
var themeSorts = []string{"title", "-title", "createdAt", "-createdAt", "updatedAt", "-updatedAt"}

func themeList(s *Server, c *call) answer {
	p, no := c.query(true, []string{"divisionId", "includeGlobal", "isDefault", "title", "sort"}, nil)
	if no != nil {
		return *no
	}
	var bad []finding
	for _, name := range []string{"includeGlobal", "isDefault"} {
		if v, ok := p.text[name]; ok && v != "true" && v != "false" {
			bad = append(bad, finding{name, "must be true or false", catQuery})
		}
	}
	sort, ok := p.text["sort"]
	if !ok {
		sort = "-createdAt"
	}
	if !slices.Contains(themeSorts, sort) {
		bad = append(bad, finding{"sort", "must be one of " + strings.Join(themeSorts, ", "), catQuery})
	}
	if bad != nil {
		return badRequest(bad...)
	}
	found := []wireTheme{}
	for i := range s.opts.Themes {
		t := &s.opts.Themes[i]
		switch {
		case t.Division == "" && p.text["includeGlobal"] != "true",
			t.Division != "" && (s.division(t.Division) == nil || p.text["divisionId"] != "" && p.text["divisionId"] != t.Division),
			p.text["isDefault"] == "true" && !t.Default,
			!strings.Contains(strings.ToLower(t.Title), strings.ToLower(p.text["title"])):
			continue
		}
		found = append(found, t.wire(i))
	}
	slices.SortStableFunc(found, func(a, b wireTheme) int {
		if strings.HasPrefix(sort, "-") {
			a, b = b, a
		}
		if strings.TrimPrefix(sort, "-") == "title" {
			return strings.Compare(a.Title, b.Title)
		}
		return time.Time(a.CreatedAt).Compare(time.Time(b.CreatedAt))
	})
	return jsonAnswer(http.StatusOK, list[wireTheme]{len(found), page(found, p)})
}

func themeGet(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	t := s.theme(c.params["themeId"])
	if t == nil {
		return notFound("theme", c.params["themeId"])
	}
	i := slices.IndexFunc(s.opts.Themes, func(x Theme) bool { return x.ID == t.ID })
	w := t.wire(i)
	if t.Division != "" {
		w.Experiences = &[]wireRef{}
	}
	return jsonAnswer(http.StatusOK, w)
}

// Share is a share as tests look at it.
type Share struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Origin    string    `json:"origin"`
	Theme     string    `json:"theme"`  // title
	Assets    []string  `json:"assets"` // ids, with "#3" behind one that opens with page 3
	Download  bool      `json:"download"`
	Expires   time.Time `json:"expires,omitzero"`
	Anonymous string    `json:"anonymous"`
	Untracked string    `json:"untracked"`
	Dynamic   string    `json:"dynamic"`
}

// Shares returns copies of all shares, by creation.
func (s *Server) Shares() []Share {
	s.runLate()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Share{}
	for _, h := range s.st.shares {
		v := Share{ID: h.ID, Title: h.Title, Origin: h.Origin, Theme: h.Theme, Assets: []string{}, Download: h.Download}
		if t := s.theme(h.Theme); t != nil {
			v.Theme = t.Title
		}
		for _, a := range h.Assets {
			id := a.ID
			if a.Page > 0 {
				id += fmt.Sprintf("#%d", a.Page)
			}
			v.Assets = append(v.Assets, id)
		}
		if h.Expires != nil {
			v.Expires = *h.Expires
		}
		v.Anonymous, v.Untracked, v.Dynamic = s.links(h)
		out = append(out, v)
	}
	return out
}

// shareTwins are the shares that were made more than once: ids by title.
func (st *store) shareTwins() map[string][]string {
	ids, twins := map[string][]string{}, map[string][]string{}
	titles := map[string]string{}
	for _, h := range st.shares {
		key, err := json.Marshal([]any{h.Title, h.Assets})
		if err != nil {
			panic("emulator: a share that is no JSON: " + err.Error()) // our own types only
		}
		ids[string(key)] = append(ids[string(key)], h.ID)
		titles[string(key)] = h.Title
	}
	for key, of := range ids {
		if len(of) > 1 {
			twins[titles[key]] = append(twins[titles[key]], of...)
		}
	}
	return twins
}
