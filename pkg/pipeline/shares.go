package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// ShareData is what the state knows of a share besides its links.
type ShareData struct {
	Name      string    `json:"name"`   // title
	Assets    []string  `json:"assets"` // external IDs, or ids of assets that the manifest names so; "SP-1#3" opens with page 3
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	Theme     string    `json:"theme,omitempty"` // title; "" is the Global Theme
	CreatedAt time.Time `json:"createdAt,omitzero"`
}

// ShareLinks are the links of a share: whoever has one of them opens it.
type ShareLinks struct {
	Anonymous string `json:"anonymous"`
	Untracked string `json:"untracked"`
	Trackable string `json:"trackable"` // takes the queries recipient and platform
}

// ReadShare is what the record of a share holds. A share that was not made has no
// links.
func ReadShare(e *state.Extra) (data ShareData, links ShareLinks, err error) {
	for raw, v := range map[*json.RawMessage]any{&e.Data: &data, &e.Secret: &links} {
		if len(*raw) == 0 {
			continue
		}
		if err := json.Unmarshal(*raw, v); err != nil {
			return data, links, fmt.Errorf("share %s: what the state has of it cannot be read: %w", e.Key, err)
		}
	}
	return data, links, nil
}

// shares are the shares of a manifest.
type shares struct {
	in    *Input
	works []*extraWork
	of    map[*extraWork]*shareWork

	mu    sync.Mutex
	items map[string]*shareItem // external IDs that shares name; nil: the manifest does not list it
}

// shareWork is a share with what is known of it.
type shareWork struct {
	*manifest.Share
	theme  string   // id; "" is the Global Theme
	ids    []string // of its assets; "" is one that is not made yet
	expiry time.Time
}

// shareItem is what becomes of an item that a share names.
type shareItem struct {
	row    Row
	never  string // why it cannot be shared, by the manifest; ""
	status string // of its result in this run; ""
	why    string // of that
}

func newShares(in *Input) *shares {
	x := &shares{in: in, of: map[*extraWork]*shareWork{}, items: map[string]*shareItem{}}
	for i := range in.Manifest.Shares {
		s := &in.Manifest.Shares[i]
		w := &extraWork{Row: ExtraRow{Kind: state.Share, Key: s.Key, Pos: s.Pos, Name: s.Title, Assets: len(s.Assets)}}
		x.works = append(x.works, w)
		x.of[w] = &shareWork{Share: s}
		for _, a := range s.Assets {
			if a.ExternalID != "" {
				x.items[a.ExternalID] = nil
			}
		}
	}
	return x
}

func (x *shares) kind() state.ExtraKind { return state.Share }
func (x *shares) list() []*extraWork    { return x.works }

// planned notes what becomes of an item that a share names.
func (x *shares) planned(w *work) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, named := x.items[w.item.ExternalID]; !named {
		return
	}
	it := &shareItem{row: w.Row}
	switch f := &w.item.Fields; {
	case f.IsArchived.Set && f.IsArchived.Value:
		it.never = "the manifest puts it into the trash"
	case f.IsShareable.Set && !f.IsShareable.Value:
		it.never = "its permissions.isShareable is false"
	}
	x.items[w.item.ExternalID] = it
}

// finished notes the outcome of an item that a share names.
func (x *shares) finished(res Result) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, named := x.items[res.ExternalID]; !named || res.Kind != "" {
		return
	}
	it := &shareItem{status: res.Status, why: res.Status}
	if res.Error != nil {
		it.why += ": " + res.Error.Message
	}
	x.items[res.ExternalID] = it
}

// decide decides each share by its record; those that are to be made are looked
// into, with the theme and the assets as the service has them now.
func (x *shares) decide(ctx context.Context, g *gatherer, works []*extraWork) error {
	recs, err := x.records(ctx)
	if err != nil {
		return err
	}
	var open []*extraWork
	for _, w := range works {
		s := x.of[w]
		x.describe(g, w, s, recs)
		if w.once(&g.in.Options, func(on string) string {
			return "made already on " + on + "; a link cannot be changed: give what the manifest says now another key"
		}) {
			open = append(open, w)
		}
	}
	if len(open) == 0 {
		return nil
	}
	if err := x.themes(ctx, g, open); err != nil {
		return err
	}
	return x.assets(ctx, g, open, recs)
}

// records are those of the items that shares name.
func (x *shares) records(ctx context.Context) (map[string]state.Record, error) {
	ids := make([]string, 0, len(x.items))
	for id := range x.items {
		ids = append(ids, id)
	}
	return x.in.State.Get(ctx, ids)
}

// describe fills in what the manifest says, and its digests: one by the ids of the
// assets, which stay when an item gets another external ID, and one as it is
// written, for a saved plan.
func (x *shares) describe(g *gatherer, w *extraWork, s *shareWork, recs map[string]state.Record) {
	s.ids = make([]string, len(s.Assets))
	var written, known []string
	for i, a := range s.Assets {
		s.ids[i] = cmp.Or(a.ID, recs[a.ExternalID].AssetID)
		written = append(written, fmt.Sprintf("%s\x00%s\x00%d", a.ExternalID, a.ID, a.Page))
		if s.ids[i] == "" {
			known = append(known, written[i])
		} else {
			known = append(known, fmt.Sprintf("%s#%d", s.ids[i], a.Page))
		}
	}
	row := &w.Row
	row.IsDownloadAllowed = !s.IsDownloadAllowed.Set || s.IsDownloadAllowed.Value
	expires := ""
	if s.ExpiresAt.Set {
		at := s.ExpiresAt.Value
		s.expiry = at.Resolve(g.start, x.in.Manifest.Timezone)
		row.ExpiresAt = s.expiry
		if expires = at.Relative; expires == "" {
			expires = s.expiry.Format(time.RFC3339)
		}
	}
	row.NeverExpires = !s.ExpiresAt.Set
	rest := []any{s.Title, expires, s.IsDownloadAllowed.Set, s.IsDownloadAllowed.Value, fold(s.Theme), s.Origin}
	w.wanted, w.basis = digestOf([]any{known, rest}), digestOf([]any{written, rest})
}

// themes finds the themes of the shares that are to be made, by one list, and
// blocks those whose theme is not there.
func (x *shares) themes(ctx context.Context, g *gatherer, open []*extraWork) error {
	if !slices.ContainsFunc(open, func(w *extraWork) bool { return x.of[w].Theme != "" }) {
		return nil
	}
	ids, titles, alike := map[string]bool{}, map[string][]string{}, map[string][]string{} // alike: by folded title
	var names []string
	g.count(1)
	for t, err := range g.in.API.Themes(ctx, showpad.ThemeFilter{IncludeGlobal: true}) {
		if err != nil {
			return fmt.Errorf("reading the themes: %w", err)
		}
		ids[t.ID] = true
		titles[t.Title] = append(titles[t.Title], t.ID)
		alike[fold(t.Title)] = append(alike[fold(t.Title)], t.ID)
		names = append(names, t.Title)
	}
	for _, w := range open {
		s := x.of[w]
		if s.Theme == "" || ids[s.Theme] {
			s.theme = s.Theme
			continue
		}
		found := titles[s.Theme] // an exact title wins
		if len(found) == 0 {
			found = alike[fold(s.Theme)]
		}
		if len(found) == 1 {
			s.theme = found[0]
			continue
		}
		what, fix := fmt.Sprintf("unknown theme %q", s.Theme), suggestTheme(names, s.Theme)
		if len(found) > 1 {
			slices.Sort(found)
			what, fix = fmt.Sprintf("several themes are called %q", s.Theme), "name it by its id, "+strings.Join(found, " or ")
		}
		w.block(BlockedTheme, what+" ("+fix+")")
		w.Row.Problems = append(w.Row.Problems, shareProblem("M147", s.FieldPos("theme"), what, fix))
	}
	return nil
}

// suggestTheme says how to name a theme that is not among names.
func suggestTheme(names []string, got string) string {
	slices.Sort(names)
	if s := manifest.Suggest(got, names); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	if len(names) == 0 {
		return "this credential sees no theme: leave theme: out"
	}
	more := ""
	if len(names) > 10 {
		names, more = names[:10], " ..."
	}
	return "you can see: " + strings.Join(names, ", ") + more
}

func shareProblem(code string, pos manifest.Pos, what, fix string) manifest.Problem {
	p := manifest.NewProblem(code, pos, what, fix)
	p.Class = manifest.Block
	return p
}

// assets blocks the shares that cannot be made, or not yet: each of their assets
// has to be done, and active at the service now.
func (x *shares) assets(ctx context.Context, g *gatherer, open []*extraWork, recs map[string]state.Record) error {
	read := map[string]bool{}
	for _, w := range open {
		s := x.of[w]
		for i, a := range s.Assets {
			if id := s.ids[i]; id != "" && (a.ID != "" || x.stands(a.ExternalID, recs)) {
				read[id] = true
			}
		}
	}
	ids := make([]string, 0, len(read))
	for id := range read {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	remote := map[string]showpad.Asset{}
	for batch := range showpad.Batches(ids) {
		g.count(1)
		found, err := byAssetID(ctx, g.in.API, batch)
		if err != nil {
			return err
		}
		maps.Copy(remote, found)
	}
	for _, w := range open {
		x.judge(g, w, recs, read, remote)
	}
	return nil
}

// stands reports whether the asset of an item is as it will be when the share is
// made: nothing that comes before changes it.
func (x *shares) stands(externalID string, recs map[string]state.Record) bool {
	x.mu.Lock()
	it := x.items[externalID]
	x.mu.Unlock()
	switch {
	case it == nil:
		return recs[externalID].Status == state.Done
	case it.status != "":
		return it.status == string(state.Done) || it.status == "unchanged"
	}
	return it.row.Action == ActionUnchanged
}

// shownReasons is how many assets a share that is blocked names.
const shownReasons = 5

// judge completes the row of a share that is to be made.
func (x *shares) judge(g *gatherer, w *extraWork, recs map[string]state.Record, read map[string]bool, remote map[string]showpad.Asset) {
	s, row := x.of[w], &w.Row
	if row.Action == ActionBlocked { // its theme
		return
	}
	if p, over := s.over(g.in.now()); over {
		w.block(BlockedExpired, p.What+paren(p.Fix))
		row.Problems = append(row.Problems, p)
		return
	}
	var unknown, never, later []string
	for i, a := range s.Assets {
		name := cmp.Or(a.ExternalID, a.ID)
		if id := s.ids[i]; read[id] {
			asset, there := remote[id]
			switch why := unshareable(asset, there); {
			case why == "":
			case a.ID != "" && !there:
				unknown = append(unknown, name)
				row.Problems = append(row.Problems, shareProblem("M146", a.Pos, fmt.Sprintf("the service shows no asset %q", a.ID), "correct the id, or ask for a role that sees it"))
			default:
				never = append(never, name+" ("+why+")")
			}
			continue
		}
		switch why, wait, known := x.fate(a.ExternalID, recs); {
		case !known:
			unknown = append(unknown, name)
			row.Problems = append(row.Problems, unknownAsset(a))
		case why != "" && wait:
			later = append(later, name+" ("+why+")")
		case why != "":
			never = append(never, name+" ("+why+")")
		}
	}
	problems := row.Problems
	switch {
	case len(unknown) > 0:
		w.block(BlockedUnknownAsset, "nothing is known of "+some(unknown)+" (correct it, list the item, or name the asset by its id)")
	case len(never) > 0:
		w.block(BlockedAssets, "not all of its assets can be shared: "+some(never))
	case len(later) > 0:
		row.Action, row.Reason, row.Detail = ActionCreate, ReasonStillProcesses, "its assets are not all there yet: "+some(later)
		row.Writes = 1
		w.waits = true
	default:
		row.Writes = 1
	}
	row.Problems = problems
}

// lint reports what keeps shares that are to be made from being made, as far as
// the theme, the date and the names of assets tell. Without a state, nobody knows
// whether it has an asset that is not listed, or the share was made already: what
// depends on that is a warning then.
func (x *shares) lint(ctx context.Context, g *gatherer, report func(manifest.Problem)) error {
	works, err := g.loadExtras(ctx, x)
	if err != nil {
		return err
	}
	recs, err := x.records(ctx)
	if err != nil {
		return err
	}
	class := manifest.Block
	if g.in.NoState {
		class = manifest.Warn
	}
	tell := func(w *extraWork, p manifest.Problem) {
		p.ExternalID = w.Row.Key
		report(p)
	}
	var open []*extraWork
	for _, w := range works {
		s := x.of[w]
		x.describe(g, w, s, recs)
		if !w.once(&g.in.Options, func(string) string { return "" }) {
			continue
		}
		open = append(open, w)
		if p, over := s.over(g.in.now()); over {
			p.Class = class
			tell(w, p)
		}
		for _, a := range s.Assets {
			if _, known := recs[a.ExternalID]; a.ExternalID != "" && !known && !g.listed.has(a.ExternalID) {
				p := unknownAsset(a)
				p.Class = class
				tell(w, p)
			}
		}
	}
	if len(open) == 0 {
		return nil
	}
	if err := x.themes(ctx, g, open); err != nil {
		return err
	}
	for _, w := range open {
		for _, p := range w.Row.Problems {
			tell(w, p)
		}
	}
	return nil
}

// over is the problem of a share that would end before it begins.
func (s *shareWork) over(now time.Time) (manifest.Problem, bool) {
	if s.expiry.IsZero() || s.expiry.After(now) {
		return manifest.Problem{}, false
	}
	return shareProblem("M148", s.FieldPos("expiresAt"), "the link would end at "+s.expiry.Format(time.RFC3339)+", which is over",
		"write a later expiresAt, or take the share out"), true
}

// unknownAsset is the problem of an external ID that nobody knows.
func unknownAsset(a manifest.ShareAsset) manifest.Problem {
	return shareProblem("M146", a.Pos, fmt.Sprintf("the manifest does not list %q, and the state does not know it", a.ExternalID),
		"correct it, list the item, or name the asset by its id")
}

// some names the first of a list.
func some(l []string) string {
	more := ""
	if n := len(l); n > shownReasons {
		l, more = l[:shownReasons], fmt.Sprintf(" and %d more", n-shownReasons)
	}
	return strings.Join(l, ", ") + more
}

// unshareable says why an asset cannot be shared; "" when it can.
// Source: v4 create-share for what has to be there; the rest is ASSUME.
func unshareable(a showpad.Asset, there bool) string {
	switch {
	case !there:
		return "the service does not show it"
	case a.IsArchived:
		return "it is in the trash"
	case a.Status != showpad.StatusActive:
		return "it is " + cmp.Or(a.Status, "of no status")
	case string(shown(&a)[permissions+"isShareable"]) == "false":
		return "its permissions.isShareable is false"
	}
	return ""
}

// fate says why the asset of an item is not there for a share, and whether waiting
// mends it; known is false for an item that nobody knows. Why is "" where all that
// is known is that it will be there.
func (x *shares) fate(externalID string, recs map[string]state.Record) (why string, wait, known bool) {
	x.mu.Lock()
	it := x.items[externalID]
	x.mu.Unlock()
	rec, recorded := recs[externalID]
	switch {
	case it == nil && !recorded:
		return "", false, false
	case it == nil:
		return "it is " + string(rec.Status) + " since run " + rec.Run, rec.Status != state.Failed, true
	case it.status != "":
		return "it is " + it.why, Unfinished(it.status), true
	case it.never != "":
		return it.never, false, true
	}
	switch it.row.Action {
	case ActionConflict, ActionBlocked:
		return fmt.Sprintf("it is %s: %s", it.row.Action, it.row.Reason), false, true
	case ActionArchive, ActionDelete:
		return "it is taken out", false, true
	}
	return "", false, true
}

// run makes the shares.
func (x *shares) run(ctx context.Context, r *runner, works []*extraWork) error {
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(orInt(r.in.Options.Requests, 8))
	for _, w := range works {
		if ctx.Err() != nil || r.stopped() {
			break
		}
		eg.Go(func() error { return x.make(ctx, r, w) })
	}
	return eg.Wait()
}

// make makes a share. That it is about to be made is on disk before the request
// leaves.
func (x *shares) make(ctx context.Context, r *runner, w *extraWork) error {
	switch {
	case r.stopped():
		return nil
	case w.waits:
		r.finishExtra(w, string(state.ExtraPending), nil)
		return nil
	}
	s, before := x.of[w], w.rec
	data := ShareData{Name: s.Title, ExpiresAt: s.expiry, Theme: s.Theme}
	fields := showpad.ShareFields{Title: s.Title, Origin: s.Origin}
	for i, a := range s.Assets {
		fields.Assets = append(fields.Assets, showpad.ShareAsset{ID: s.ids[i], Page: a.Page})
		name := cmp.Or(a.ExternalID, a.ID)
		if a.Page > 0 {
			name += fmt.Sprintf("#%d", a.Page)
		}
		data.Assets = append(data.Assets, name)
	}
	if s.IsDownloadAllowed.Set {
		fields.IsDownloadAllowed = showpad.Some(s.IsDownloadAllowed.Value)
	}
	if !s.expiry.IsZero() {
		fields.ExpiresAt = showpad.Some(s.expiry)
	}
	if s.theme != "" {
		fields.Theme = showpad.Some(showpad.Ref{ID: s.theme})
	}
	w.attempts++
	err := r.putExtra(ctx, w, func(e *state.Extra) {
		e.Status, e.Wanted, e.Error, e.ID, e.Secret = state.ExtraSending, w.wanted, nil, "", nil
		e.Attempts, e.Data = e.Attempts+1, mustJSON(data)
	})
	if err != nil {
		return err
	}
	made, err := r.in.API.CreateShare(ctx, fields)
	if err != nil {
		return r.refusedExtra(ctx, w, before, err)
	}
	data.CreatedAt = made.CreatedAt.UTC()
	if !made.ExpiresAt.IsZero() {
		data.ExpiresAt = made.ExpiresAt.UTC()
	}
	links := ShareLinks{Anonymous: made.AnonymousURL.Reveal(), Untracked: made.UntrackedURL.Reveal(), Trackable: made.DynamicURL.Reveal()}
	err = r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) {
		e.Status, e.ID, e.Data, e.Secret = state.ExtraDone, made.ID, mustJSON(data), mustJSON(links)
	})
	if err != nil {
		return err
	}
	r.finishExtra(w, string(state.ExtraDone), nil)
	return nil
}

// mustJSON encodes texts, and times with a year of four digits, which the manifest
// and the client both see to.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("pipeline: " + err.Error())
	}
	return b
}
