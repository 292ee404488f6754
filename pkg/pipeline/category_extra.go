package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// categories are the tag categories of a manifest, as extras.
type categories struct {
	m *manifest.Manifest

	divisions map[string]string      // ids, as the manifest has them
	here      []*showpad.TagCategory // of those Divisions
	ids       map[string]string      // by key: of those that are there, or were made
	known     map[string]state.Extra // records by the id of the category
	sets      map[string]*categorySet
	refused   map[string]error // by Division: it refused a change
}

// categorySet is what is to be done about one category, and where it is.
type categorySet struct {
	categoryDecision
	wanted   *manifest.TagCategory
	division string               // id
	found    *showpad.TagCategory // nil: it is to be made
}

func newCategories(m *manifest.Manifest) *categories {
	return &categories{m: m, ids: map[string]string{}, sets: map[string]*categorySet{}, refused: map[string]error{}}
}

func (x *categories) kind() state.ExtraKind { return state.TagCategory }

func (x *categories) list() []*extraWork {
	works := make([]*extraWork, len(x.m.TagCategories))
	for i := range x.m.TagCategories {
		g := &x.m.TagCategories[i]
		w := &extraWork{Row: ExtraRow{Key: g.Key, Pos: g.Pos, Name: g.Name, Division: g.Division}}
		var tags []string
		for _, t := range g.Tags.Value {
			tags = append(tags, cmp.Or(t.ID, newTag+t.Name))
		}
		w.wanted = digestOf([]any{g.Key, g.Division, g.IsPublished, g.Tags.Set, canonSet(tags)})
		works[i] = w
	}
	return works
}

// load reads what decisions need: the categories of the Divisions, and their tags
// unless items asked for them already.
func (x *categories) load(ctx context.Context, g *gatherer) error {
	x.divisions = map[string]string{}
	var ids []string
	wanted := map[string]manifest.Pos{} // tags by id
	for i := range x.m.TagCategories {
		c := &x.m.TagCategories[i]
		id, ok := g.dir.division(c.Division)
		if !ok || id == "" { // which the check of names has found
			return &StopError{Code: 2, Problems: manifest.Problems{manifest.NewProblem("M101", c.Pos, fmt.Sprintf("unknown Division %q", c.Division), suggest(g.dir.names, c.Division))}}
		}
		if x.divisions[c.Division] = id; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		for _, t := range c.Tags.Value {
			if _, known := g.dir.tagIDs[t.ID]; t.ID != "" && !known {
				wanted[t.ID] = c.TagsPos
			}
		}
	}
	for _, id := range ids {
		if !g.dir.loaded[id] {
			if err := g.dir.loadTags(ctx, g.in.API, id); err != nil {
				return err
			}
		}
	}
	if len(wanted) > 0 {
		if err := loadTagIDs(ctx, g.in.API, wanted, g.dir.tagIDs); err != nil {
			return err
		}
	}
	x.here = nil
	for batch := range showpad.Batches(ids) {
		g.count(1)
		here, err := readCategories(ctx, g.in.API, batch)
		if err != nil {
			return err
		}
		x.here = append(x.here, here...)
	}
	recs, err := state.AllExtras(ctx, g.in.State, state.TagCategory, x.m.ID)
	if err != nil {
		return err
	}
	x.known = map[string]state.Extra{}
	for _, rec := range recs {
		if rec.ID != "" {
			x.known[rec.ID] = rec
		}
	}
	return nil
}

// readCategories reads the categories of some Divisions.
func readCategories(ctx context.Context, api API, divisions []string) (all []*showpad.TagCategory, err error) {
	for c, err := range api.TagCategories(ctx, showpad.TagCategoryFilter{DivisionIDs: divisions}) {
		if err != nil {
			return nil, fmt.Errorf("reading the tag categories: %w", err)
		}
		if c.Division.ID == "" && len(divisions) == 1 {
			c.Division.ID = divisions[0]
		}
		if slices.Contains(divisions, c.Division.ID) {
			all = append(all, &c)
		}
	}
	return all, nil
}

// tagsIn reads which tags are in categories: their ids, by the category's.
func tagsIn(ctx context.Context, api API, ids []string, each func(requests int)) (map[string][]string, error) {
	in := map[string][]string{}
	for batch := range showpad.Batches(ids) {
		each(1)
		for t, err := range api.Tags(ctx, showpad.TagFilter{TagCategoryIDs: batch}) {
			if err != nil {
				return nil, fmt.Errorf("reading the tags of categories: %w", err)
			}
			for _, c := range t.TagCategories {
				in[c.ID] = append(in[c.ID], t.ID)
			}
			if len(t.TagCategories) == 0 && len(batch) == 1 { // the filter tells as well
				in[batch[0]] = append(in[batch[0]], t.ID)
			}
		}
	}
	return in, nil
}

func (x *categories) decide(ctx context.Context, g *gatherer, works []*extraWork) error {
	if err := x.load(ctx, g); err != nil {
		return err
	}
	facts := x.match()
	var there []string
	for i := range facts {
		if len(facts[i].found) == 1 {
			there = append(there, facts[i].found[0].ID)
		}
	}
	slices.Sort(there)
	tags, err := tagsIn(ctx, g.in.API, slices.Compact(there), g.count)
	if err != nil {
		return err
	}
	stuck := map[string]string{} // keys of those that cannot take others
	taken := map[string]string{} // key that a category of the service became
	for i, w := range works {
		f := &facts[i]
		f.up = stuck[f.wanted.Parent]
		f.tags, f.missing = x.resolve(g.dir, f.wanted)
		if len(f.found) == 1 {
			c := f.found[0]
			f.inside = tags[c.ID]
			f.below = x.below(c.ID)
			f.linked = categoryDataOf(x.known[c.ID].Data).Links
			if other, ok := taken[c.ID]; ok && f.up == "" {
				f.up = fmt.Sprintf("it is the same as %s: its Division is written in two ways", other)
			}
			taken[c.ID] = f.wanted.Key
		}
		d := decideCategory(f)
		x.row(g, w, f, d)
		if d.action == ActionBlocked || d.action == ActionConflict {
			stuck[f.wanted.Key] = fmt.Sprintf("the category above it is left alone: %s", d.detail)
			if f.up != "" {
				stuck[f.wanted.Key] = f.up
			}
		}
	}
	return nil
}

// row completes the row of w by what is decided.
func (x *categories) row(g *gatherer, w *extraWork, f *categoryFacts, d categoryDecision) {
	key := f.wanted.Key
	s := &categorySet{categoryDecision: d, wanted: f.wanted, division: x.divisions[f.wanted.Division]}
	row := &w.Row
	row.Action, row.Reason, row.Detail, row.Writes, row.Undo = d.action, d.reason, d.detail, d.writes, UndoFull
	if len(f.found) == 1 {
		s.found = f.found[0]
		row.ID, x.ids[key] = s.found.ID, s.found.ID
		if rec, ok := x.known[s.found.ID]; ok && w.rec == nil {
			w.rec = &rec // it had another key
		}
	}
	if d.action == ActionUpdate {
		row.Undo = UndoNone
	}
	if d.problem != nil {
		row.Problems = []manifest.Problem{*d.problem}
	}
	row.Diff = slices.Clone(d.diff)
	for i := range row.Diff {
		if row.Diff[i].Field == "tags" {
			row.Diff[i].Remote, row.Diff[i].Wanted = g.dir.nameTags(row.Diff[i].Remote), g.dir.nameTags(row.Diff[i].Wanted)
		}
	}
	w.newTags = freshTags(d.add)
	s.left = set(g.dir.nameTags(canonSet(d.left)))
	x.sets[key] = s
}

// match finds what is there of each wanted category. Those above others come first,
// so that a place is known by the id of the one above it.
func (x *categories) match() []categoryFacts {
	facts := make([]categoryFacts, len(x.m.TagCategories))
	ids, used := map[string]string{}, map[string]bool{}
	keys := map[string]bool{}
	for i := range x.m.TagCategories {
		keys[x.m.TagCategories[i].Key] = true
	}
	for i := range x.m.TagCategories {
		g := &x.m.TagCategories[i]
		f := &facts[i]
		f.wanted, f.rules, f.create = g, x.m.Update, x.m.CreateTags
		division, parent := x.divisions[g.Division], ids[g.Parent]
		if g.Parent == "" || parent != "" {
			f.found = inPlace(x.here, division, parent, g.Name)
		}
		if len(f.found) == 1 {
			ids[g.Key], used[f.found[0].ID] = f.found[0].ID, true
		}
	}
	// What is not there may be one of ours that the manifest had elsewhere before.
	for i := range facts {
		f := &facts[i]
		if len(f.found) > 0 {
			continue
		}
		division := x.divisions[f.wanted.Division]
		var ours []*showpad.TagCategory
		for _, c := range x.here {
			rec, ok := x.known[c.ID]
			data := categoryDataOf(rec.Data)
			if ok && !used[c.ID] && (!keys[rec.Key] || rec.Key == f.wanted.Key) && data.Made != "" && c.Division.ID == division && data.shows(c) && fold(c.Name) == fold(f.wanted.Name) {
				ours = append(ours, c)
			}
		}
		if parent := ids[f.wanted.Parent]; len(ours) == 0 && parent != "" { // below one that moved
			ours = inPlace(x.here, division, parent, f.wanted.Name)
			if len(ours) == 1 && !used[ours[0].ID] {
				f.found, ids[f.wanted.Key], used[ours[0].ID] = ours, ours[0].ID, true
			}
			continue
		}
		if len(ours) == 1 {
			f.found, f.moved, f.at = ours, true, x.path(ours[0].ParentID())
			ids[f.wanted.Key], used[ours[0].ID] = ours[0].ID, true
		}
	}
	return facts
}

// path is where a category is, by names; "" for the top.
func (x *categories) path(id string) string {
	var names []string
	for range manifest.MaxCategoryDepth * 2 { // the service is not trusted to have no circles
		i := slices.IndexFunc(x.here, func(c *showpad.TagCategory) bool { return c.ID == id })
		if id == "" || i < 0 {
			break
		}
		names = append(names, x.here[i].Name)
		id = x.here[i].ParentID()
	}
	slices.Reverse(names)
	return manifest.CategoryKey("", names...)
}

// below are the names of the categories right below one.
func (x *categories) below(id string) (names []string) {
	for _, c := range x.here {
		if c.ParentID() == id {
			names = append(names, c.Name)
		}
	}
	return names
}

// resolve turns the tags of a category into ids, and newTag with a name for those
// that are to be made; missing are ids that the service does not know.
func (x *categories) resolve(dir *directory, g *manifest.TagCategory) (tags, missing []string) {
	for _, t := range g.Tags.Value {
		id, ok := t.ID, true
		if id == "" {
			id, ok = dir.tag(x.divisions[g.Division], t.Name)
			if !ok {
				id, ok = newTag+t.Name, true
			}
		} else {
			_, ok = dir.tagIDs[id]
		}
		if !ok {
			missing = append(missing, id)
		} else if !slices.Contains(tags, id) {
			tags = append(tags, id)
		}
	}
	return tags, missing
}

func (x *categories) run(ctx context.Context, r *runner, works []*extraWork) error {
	for _, w := range works {
		if r.stopped() {
			return nil
		}
		s := x.sets[w.Row.Key]
		switch parent, err := x.ids[s.wanted.Parent], x.refused[s.division]; {
		case s.wanted.Parent != "" && parent == "":
			r.blockExtra(w, BlockedParent, fmt.Sprintf("the category above it, %s, is not there", s.wanted.Parent))
			continue
		case err != nil:
			r.blockExtra(w, BlockedForbidden, err.Error())
			continue
		}
		if err := x.carry(ctx, r, w, s); err != nil {
			return err
		}
	}
	return nil
}

// carry makes a category, or what is missing of it.
func (x *categories) carry(ctx context.Context, r *runner, w *extraWork, s *categorySet) error {
	before := w.rec
	tags := make([]showpad.Ref, 0, len(s.add))
	for _, id := range s.add {
		if name, fresh := strings.CutPrefix(id, newTag); fresh {
			made, err := r.ensureTag(ctx, s.division, name)
			if err != nil {
				return x.refuse(ctx, r, w, s, before, FailedTag, &tagError{name, err})
			}
			id = made
		}
		tags = append(tags, showpad.Ref{ID: id})
	}
	w.attempts++
	if s.found == nil {
		return x.make(ctx, r, w, s, tags)
	}
	if err := x.intend(ctx, r, w, s); err != nil {
		return err
	}
	if err := x.change(ctx, r, s, tags); err != nil {
		return x.refuse(ctx, r, w, s, before, FailedRefused, err)
	}
	return x.done(ctx, r, w, s, before, tags, "")
}

// intend notes that a category is about to be written.
func (x *categories) intend(ctx context.Context, r *runner, w *extraWork, s *categorySet) error {
	if w.rec != nil && w.rec.Key != w.Row.Key { // the manifest has it elsewhere by now
		if w.rec.Status == state.ExtraSending { // an earlier process left it so: nothing is under way there any more
			rec := *w.rec
			rec.Status = state.ExtraUnknown
			if err := r.in.Store.PutExtra(ctx, rec); err != nil {
				return &stateFailed{fmt.Errorf("writing the state of tag category %s: %w", rec.Key, err)}
			}
		}
		if err := r.in.Store.RenameExtra(ctx, state.TagCategory, x.m.ID, w.rec.Key, w.Row.Key); err != nil && !errors.Is(err, state.ErrTaken) && !errors.Is(err, state.ErrNoRecord) {
			return &stateFailed{fmt.Errorf("writing the state of tag category %s: %w", w.Row.Key, err)}
		}
	}
	return r.putExtra(ctx, w, func(e *state.Extra) {
		e.Status, e.Error, e.Attempts = state.ExtraSending, nil, e.Attempts+1
		if s.found == nil {
			e.ID, e.Data = "", nil
		}
	})
}

// change sends what differs of a category that is there: each request may be
// repeated, with the same outcome.
func (x *categories) change(ctx context.Context, r *runner, s *categorySet, tags []showpad.Ref) error {
	var f showpad.TagCategoryFields
	if s.publish.set {
		f.IsPublished = showpad.Some(s.publish.value)
	}
	if s.move {
		f.Parent = showpad.Null[showpad.Ref]()
		if s.wanted.Parent != "" {
			f.Parent = showpad.Some(showpad.Ref{ID: x.ids[s.wanted.Parent]})
		}
	}
	if s.replace {
		f.Tags = showpad.Some(tags)
	}
	if f.IsPublished.Set || f.Parent.Set || f.Tags.Set {
		c, err := r.in.API.UpdateTagCategory(ctx, s.found.ID, f)
		if err != nil {
			return err
		}
		s.found = x.shown(s, &c)
	}
	if s.replace || len(tags) == 0 {
		return nil
	}
	_, err := r.in.API.ChangeTagCategoryTags(ctx, s.found.ID, showpad.TagLinks{Add: tags})
	if errors.Is(err, showpad.ErrExists) { // perhaps because somebody put one of them in: what counts is that they are in
		in, rerr := tagsIn(ctx, r.in.API, []string{s.found.ID}, func(int) {})
		if rerr != nil {
			return rerr
		}
		if !slices.ContainsFunc(tags, func(t showpad.Ref) bool { return !slices.Contains(in[s.found.ID], t.ID) }) {
			return nil
		}
	}
	return err
}

// shown is a category as the service shows it, with what an answer may leave out.
func (x *categories) shown(s *categorySet, c *showpad.TagCategory) *showpad.TagCategory {
	c.Name, c.Division.ID = cmp.Or(c.Name, s.wanted.Name), s.division
	return c
}

// make creates a category. A create without an answer, in this process or an earlier
// one, is looked up until the settle time is over, before it is sent again. One whose
// name is taken is used.
func (x *categories) make(ctx context.Context, r *runner, w *extraWork, s *categorySet, tags []showpad.Ref) error {
	before := w.rec
	lost := before != nil && (before.Status == state.ExtraSending || before.Status == state.ExtraUnknown)
	if err := x.intend(ctx, r, w, s); err != nil {
		return err
	}
	f := showpad.TagCategoryFields{Name: showpad.Some(s.wanted.Name), Division: showpad.Some(showpad.Ref{ID: s.division})}
	if s.wanted.IsPublished.Set {
		f.IsPublished = showpad.Some(s.wanted.IsPublished.Value)
	}
	if s.wanted.Parent != "" {
		f.Parent = showpad.Some(showpad.Ref{ID: x.ids[s.wanted.Parent]})
	}
	if len(tags) > 0 {
		f.Tags = showpad.Some(tags)
	}
	for try := 0; ; try++ {
		if lost {
			c, err := x.await(ctx, r, s)
			if err != nil {
				return x.refuse(ctx, r, w, s, nil, FailedUnavailable, err)
			}
			if c != nil {
				return x.found(ctx, r, w, s, c, tags, r.in.ID)
			}
		}
		c, err := r.in.API.CreateTagCategory(ctx, f)
		switch {
		case err == nil:
			s.found = x.shown(s, &c)
			return x.done(ctx, r, w, s, before, tags, r.in.ID)
		case errors.Is(err, showpad.ErrExists):
			there, rerr := x.await(ctx, r, s)
			if rerr != nil {
				return x.refuse(ctx, r, w, s, nil, FailedUnavailable, rerr)
			}
			if there == nil {
				return x.refuse(ctx, r, w, s, before, FailedRefused, x.elsewhere(s, err))
			}
			by := "" // somebody else
			if lost {
				by = r.in.ID
			}
			return x.found(ctx, r, w, s, there, tags, by)
		case showpad.Classify(showpad.KindCreate, err) == showpad.Resolve && ctx.Err() == nil:
			if try >= r.retries {
				return x.refuse(ctx, r, w, s, nil, FailedUnresolved, err)
			}
			lost = true
			r.emit(Warned{Code: TellLostAnswer, Text: fmt.Sprintf("tag category %s: no readable answer to its create; looking it up before sending it again", w.Row.Key)})
		default:
			return x.refuse(ctx, r, w, s, before, FailedRefused, err)
		}
	}
}

// await looks a category up, with growing pauses, until it is there, or elsewhere in
// its Division, or the settle time is over: nil then.
func (x *categories) await(ctx context.Context, r *runner, s *categorySet) (*showpad.TagCategory, error) {
	for pause := newPauses(r.settleTime); ; {
		here, err := readCategories(ctx, r.in.API, []string{s.division})
		if err != nil {
			return nil, err
		}
		x.here = append(slices.DeleteFunc(x.here, func(c *showpad.TagCategory) bool { return c.Division.ID == s.division }), here...)
		if there := inPlace(here, s.division, x.ids[s.wanted.Parent], s.wanted.Name); len(there) > 0 {
			return there[0], nil
		}
		if !pause.wait(ctx) {
			return nil, r.left(ctx)
		}
	}
}

// elsewhere says of a name that was refused who has it, as far as it is known.
func (x *categories) elsewhere(s *categorySet, refusal error) error {
	for _, c := range x.here {
		if c.Division.ID == s.division && fold(c.Name) == fold(s.wanted.Name) {
			return fmt.Errorf("the service allows the name once in a Division, and %s has it (move it with migrate categories update %s, or write another name): %w", x.path(c.ID), c.ID, refusal)
		}
	}
	return refusal
}

// found goes on with a category that turned out to be there: what differs is set.
func (x *categories) found(ctx context.Context, r *runner, w *extraWork, s *categorySet, c *showpad.TagCategory, tags []showpad.Ref, by string) error {
	s.found, x.ids[w.Row.Key] = c, c.ID
	in, err := tagsIn(ctx, r.in.API, []string{c.ID}, func(int) {})
	if err != nil {
		return x.refuse(ctx, r, w, s, nil, FailedUnavailable, err)
	}
	ids := make([]string, len(tags))
	for i, t := range tags {
		ids[i] = t.ID
	}
	f := &categoryFacts{wanted: s.wanted, rules: x.m.Update, create: x.m.CreateTags, found: []*showpad.TagCategory{c}, below: x.below(c.ID), inside: in[c.ID], tags: ids}
	if by != "" && f.rules.Tags == "keep" {
		f.rules.Tags = "add" // it is ours, and new
	}
	d := decideCategory(f)
	if d.action == ActionBlocked {
		if err := r.unsentExtra(ctx, w, nil); err != nil {
			return err
		}
		delete(x.ids, w.Row.Key)
		r.blockExtra(w, d.reason, d.detail)
		return nil
	}
	s.categoryDecision = d
	tags = tags[:0]
	for _, id := range d.add {
		tags = append(tags, showpad.Ref{ID: id})
	}
	if err := x.change(ctx, r, s, tags); err != nil {
		return x.refuse(ctx, r, w, s, nil, FailedRefused, err)
	}
	return x.done(ctx, r, w, s, nil, tags, by)
}

// done notes a category as it is now. by is the run that made it, "" for one that was
// there; before is the record of before.
func (x *categories) done(ctx context.Context, r *runner, w *extraWork, s *categorySet, before *state.Extra, tags []showpad.Ref, by string) error {
	c := s.found
	data := categoryData{Made: by}
	if before != nil && before.ID == c.ID {
		data = categoryDataOf(before.Data)
	}
	data.Name, data.Division, data.Parent, data.IsPublished = strings.TrimSpace(c.Name), s.division, c.ParentID(), c.IsPublished
	for _, t := range tags {
		if !slices.Contains(data.Links, t.ID) {
			data.Links = append(data.Links, t.ID)
		}
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	err = r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) {
		e.Status, e.ID, e.Wanted, e.Data, e.Error = state.ExtraDone, c.ID, w.wanted, raw, nil
	})
	if err != nil {
		return err
	}
	x.ids[w.Row.Key] = c.ID
	r.finishExtra(w, string(state.ExtraDone), nil)
	return nil
}

// refuse ends w with an error, or the run where going on is pointless. before is the
// record to put back where nothing was done; nil: it cannot be told, and the next run
// looks it up.
func (x *categories) refuse(ctx context.Context, r *runner, w *extraWork, s *categorySet, before *state.Extra, code string, err error) error {
	if _, ok := errors.AsType[*stateFailed](err); ok {
		return err
	}
	if ctx.Err() != nil { // the record stays as it is: what was being sent is looked up
		return context.Cause(ctx)
	}
	begun := w.rec != nil && w.rec.Status == state.ExtraSending
	switch verdict := showpad.Classify(showpad.KindChange, err); {
	case verdict == showpad.StopRun:
		r.stop(stopRun(err))
		return nil
	case verdict == showpad.Cancelled:
		return nil
	case verdict == showpad.StopDivision:
		x.refused[s.division] = err
		if begun {
			if uerr := r.unsentExtra(ctx, w, before); uerr != nil {
				return uerr
			}
		}
		r.blockExtra(w, BlockedForbidden, err.Error())
		return nil
	case errors.Is(err, showpad.ErrNotFound) && s.found != nil:
		err = fmt.Errorf("%w (it went away meanwhile: run again to make it anew)", err)
		code = FailedGone
	case verdict == showpad.Retry, verdict == showpad.Resolve:
		code = cmp.Or(map[string]string{FailedUnresolved: code}[code], FailedUnavailable)
	}
	if s.found == nil {
		delete(x.ids, w.Row.Key)
	}
	return r.failExtra(ctx, w, code, err)
}
