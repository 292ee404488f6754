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

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// directory knows the names that items use: Divisions, languages, countries,
// users and tags. It is filled once, from one pass over the items, before
// anything is decided; tags made later are added.
type directory struct {
	divisions map[string]string // folded name to id; "" when several have it
	names     map[string]string // Division id to its name
	languages map[string]bool
	countries map[string]bool
	users     map[string]string // folded e-mail or id to id
	fallback  []string          // authors in the place of unknown ones; as the manifest names them

	mu     sync.Mutex
	tags   map[tagKey]showpad.Tag
	tagIDs map[string]showpad.Tag // every tag seen
	loaded map[string]bool        // Divisions whose tags were read
	create manifest.CreateTags
}

// tagKey finds a tag of a Division, by its exact name or by its folded one.
type tagKey struct {
	division, name string
	exact          bool
}

// census is what the items name, each with the place where it was first seen.
// It grows with the distinct names, not with the items.
type census struct {
	all       int // items of the manifest
	listed    *listing
	items     int             // of them, that are selected
	head      []manifest.Item // the first of those
	divisions map[string]manifest.Pos
	languages map[string]manifest.Pos
	countries map[string]manifest.Pos
	authors   map[string]manifest.Pos
	tagIDs    map[string]manifest.Pos
	tags      map[string]map[string]wantedTag // used by name, by Division
	tagCount  int                             // of tags; those beyond maxComparedTags are not kept
}

// takeCensus passes over all items, and keeps so many of the first that are selected.
func takeCensus(ctx context.Context, in *Input, head int) (*census, error) {
	c := &census{
		listed:    newListing(),
		divisions: map[string]manifest.Pos{}, languages: map[string]manifest.Pos{}, countries: map[string]manifest.Pos{},
		authors: map[string]manifest.Pos{}, tagIDs: map[string]manifest.Pos{}, tags: map[string]map[string]wantedTag{},
	}
	note := func(m map[string]manifest.Pos, k string, p manifest.Pos) {
		if _, ok := m[k]; !ok && k != "" {
			m[k] = p
		}
	}
	for item, err := range in.Items(ctx) {
		if err != nil {
			return nil, err
		}
		c.all++
		c.listed.add(in.Manifest, &item)
		if in.Select.has(&item) {
			if c.items++; c.items <= head {
				c.head = append(c.head, item)
			}
		}
		note(c.divisions, item.Division, item.FieldPos("division"))
		for _, l := range item.Fields.Languages.Value {
			note(c.languages, l, item.FieldPos("languages"))
		}
		for _, l := range item.Fields.Countries.Value {
			note(c.countries, l, item.FieldPos("countries"))
		}
		for _, a := range item.Fields.Authors.Value {
			note(c.authors, a, item.FieldPos("authors"))
		}
		for _, t := range item.Fields.Tags.Value {
			if t.ID != "" {
				note(c.tagIDs, t.ID, item.FieldPos("tags"))
			} else {
				c.tag(item.Division, t.Name, item.FieldPos("tags"))
			}
		}
	}
	if in.Select.narrow() {
		return c, nil
	}
	for _, g := range in.Manifest.TagCategories {
		note(c.divisions, g.Division, g.Pos)
		for _, t := range g.Tags.Value {
			if t.ID != "" {
				note(c.tagIDs, t.ID, g.TagsPos)
			} else {
				c.uses(g.Division, t.Name, g.TagsPos, 0)
			}
		}
	}
	return c, nil
}

// requests is how many requests load takes, at least.
func (c *census) requests() int {
	n := 1 + len(c.tags) + (len(c.authors)+lookupBatch-1)/lookupBatch + (len(c.tagIDs)+lookupBatch-1)/lookupBatch
	for _, list := range []map[string]manifest.Pos{c.languages, c.countries} {
		if len(list) > 0 {
			n++
		}
	}
	return n
}

func (c *census) tag(division, name string, pos manifest.Pos) { c.uses(division, name, pos, 1) }

// uses notes a tag that so many items want.
func (c *census) uses(division, name string, pos manifest.Pos, items int) {
	names := c.tags[division]
	if names == nil {
		names = map[string]wantedTag{}
		c.tags[division] = names
	}
	t, ok := names[name]
	if !ok {
		if c.tagCount++; c.tagCount > maxComparedTags {
			return
		}
		t.pos = pos
	}
	t.items += items
	names[name] = t
}

// fold is the form in which names are compared: white space trimmed, case
// ignored. Source: v4 postTags trims; the rest is ASSUME.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// load asks the service for what the census names. Unknown Divisions,
// languages, countries and tag ids are problems that stop everything.
func (c *census) load(ctx context.Context, in *Input) (*directory, manifest.Problems, error) {
	d := &directory{
		divisions: map[string]string{}, names: map[string]string{}, languages: map[string]bool{}, countries: map[string]bool{},
		users: map[string]string{}, tags: map[tagKey]showpad.Tag{}, tagIDs: map[string]showpad.Tag{}, loaded: map[string]bool{},
		create: in.Manifest.CreateTags,
	}
	fallback := in.Manifest.Maps.Fallback
	for _, a := range fallback.Authors {
		c.authors[a] = fallback.Pos
	}
	languages, countries, err := c.read(ctx, in, d)
	if err != nil {
		return nil, nil, err
	}
	var problems manifest.Problems
	for name, pos := range c.divisions {
		switch id, ok := d.division(name); {
		case !ok:
			problems = append(problems, manifest.Problem{Pos: pos, Code: "M101", What: fmt.Sprintf("unknown Division %q", name), Fix: suggest(d.names, name)})
		case id == "":
			problems = append(problems, manifest.Problem{Pos: pos, Code: "M101", What: fmt.Sprintf("several Divisions are called %q", name), Fix: "name it by its id"})
		}
	}
	check := func(m map[string]manifest.Pos, known map[string]bool, all []string, code, what string) {
		for _, l := range all {
			known[l] = true
		}
		for l, pos := range m {
			if !known[l] {
				problems = append(problems, manifest.Problem{Pos: pos, Code: code, What: fmt.Sprintf("unknown %s %q", what, l), Fix: suggestCode(all, l, what)})
			}
		}
	}
	check(c.languages, d.languages, languages, "M102", "language")
	check(c.countries, d.countries, countries, "M103", "country")
	for _, a := range fallback.Authors {
		if _, ok := d.users[fold(a)]; !ok {
			problems = append(problems, manifest.NewProblem("M105", fallback.Pos, fmt.Sprintf("map.fallback.authors: no user %q", a), "name an existing user"))
			continue
		}
		d.fallback = append(d.fallback, a)
	}
	for id, pos := range c.tagIDs {
		if _, ok := d.tagIDs[id]; !ok {
			problems = append(problems, manifest.Problem{Pos: pos, Code: "M104", What: fmt.Sprintf("unknown tag id %q", id), Fix: "take the id from the tag's page, or name the tag by its name"})
		}
	}
	slices.SortFunc(problems, func(a, b manifest.Problem) int {
		return cmp.Or(comparePos(a.Pos, b.Pos), cmp.Compare(a.What, b.What))
	})
	return d, problems, nil
}

// read asks for all that the census names, as much of it at once as the client lets
// through: a service that is far away is waited for once, and again for tags, which
// take the ids of their Divisions.
func (c *census) read(ctx context.Context, in *Input, d *directory) (languages, countries []string, err error) {
	divisions, tagIDs := make(chan struct{}), map[string]showpad.Tag{}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		defer close(divisions)
		return d.loadDivisions(ctx, in.API)
	})
	names := func(of map[string]manifest.Pos, list func(context.Context) ([]string, error), to *[]string) {
		if len(of) > 0 {
			all.Go(func() (err error) { *to, err = list(ctx); return err })
		}
	}
	names(c.languages, in.API.Languages, &languages)
	names(c.countries, in.API.Countries, &countries)
	all.Go(func() error { return d.loadUsers(ctx, in.API, c.authors) })
	all.Go(func() error { return loadTagIDs(ctx, in.API, c.tagIDs, tagIDs) })
	all.Go(func() error {
		if <-divisions; ctx.Err() != nil {
			return nil // the reason is told by who failed
		}
		for _, name := range slices.Sorted(maps.Keys(c.tags)) {
			if id, ok := d.division(name); ok && id != "" {
				all.Go(func() error { return d.loadTags(ctx, in.API, id) })
			}
		}
		return nil
	})
	if err := all.Wait(); err != nil {
		return nil, nil, err
	}
	maps.Copy(d.tagIDs, tagIDs)
	return languages, countries, nil
}

func comparePos(a, b manifest.Pos) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

func (d *directory) loadDivisions(ctx context.Context, api API) error {
	for v, err := range api.Divisions(ctx) {
		if err != nil {
			return fmt.Errorf("reading the Divisions: %w", err)
		}
		d.names[v.ID] = v.Name
		id := v.ID
		if other, ok := d.divisions[fold(v.Name)]; ok && other != v.ID {
			id = ""
		}
		d.divisions[fold(v.Name)] = id
	}
	return nil
}

// division finds a Division by id, else by name; an id of "" with ok means that
// several have that name.
func (d *directory) division(nameOrID string) (id string, ok bool) {
	if _, ok := d.names[nameOrID]; ok {
		return nameOrID, true
	}
	id, ok = d.divisions[fold(nameOrID)]
	return id, ok
}

func (d *directory) loadUsers(ctx context.Context, api API, authors map[string]manifest.Pos) error {
	var emails, ids []string
	for a := range authors {
		if strings.Contains(a, "@") {
			emails = append(emails, strings.ToLower(a))
		} else {
			ids = append(ids, a)
		}
	}
	slices.Sort(emails)
	slices.Sort(ids)
	add := func(emails, ids []string) error {
		for u, err := range api.Users(ctx, emails, ids) {
			if err != nil {
				return fmt.Errorf("looking up authors: %w", err)
			}
			d.users[fold(u.Email)] = u.ID
			d.users[fold(u.ID)] = u.ID
		}
		return nil
	}
	for batch := range showpad.Batches(emails) {
		if err := add(batch, nil); err != nil {
			return err
		}
	}
	for batch := range showpad.Batches(ids) {
		if err := add(nil, batch); err != nil {
			return err
		}
	}
	return nil
}

func (d *directory) loadTags(ctx context.Context, api API, division string) error {
	for t, err := range api.Tags(ctx, showpad.TagFilter{DivisionIDs: []string{division}}) {
		if err != nil {
			return fmt.Errorf("reading the tags of Division %s: %w", d.names[division], err)
		}
		if t.Division.ID == "" || t.Division.ID == division { // others are shared with us, not ours
			d.addTag(division, t)
		}
	}
	d.mu.Lock()
	d.loaded[division] = true
	d.mu.Unlock()
	return nil
}

// loadTagIDs adds to found the tags of want that there are.
func loadTagIDs(ctx context.Context, api API, want map[string]manifest.Pos, found map[string]showpad.Tag) error {
	ids := make([]string, 0, len(want))
	for id := range want {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for batch := range showpad.Batches(ids) {
		for t, err := range api.Tags(ctx, showpad.TagFilter{IDs: batch}) {
			if err != nil {
				return fmt.Errorf("looking up tags: %w", err)
			}
			found[t.ID] = t
		}
	}
	return nil
}

// tag finds a tag of a Division by name: the exact spelling first, then any
// case.
func (d *directory) tag(division, name string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.tags[tagKey{division, strings.TrimSpace(name), true}]; ok {
		return t.ID, true
	}
	t, ok := d.tags[tagKey{division, fold(name), false}]
	return t.ID, ok
}

// nameTags is a canonical list of tags with their names, as far as they are
// known, for people.
func (d *directory) nameTags(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l := set(raw)
	for i, id := range l {
		if t, ok := d.tagIDs[id]; ok {
			l[i] = strings.TrimSpace(t.Name)
		} else {
			l[i] = strings.TrimPrefix(id, newTag)
		}
	}
	return canonSet(l)
}

func (d *directory) addTag(division string, t showpad.Tag) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tags[tagKey{division, strings.TrimSpace(t.Name), true}] = t
	d.tagIDs[t.ID] = t
	if k := (tagKey{division, fold(t.Name), false}); d.tags[k].ID == "" {
		d.tags[k] = t
	}
}

// resolve turns the item's names into ids.
func (d *directory) resolve(item *manifest.Item) Refs {
	var r Refs
	r.DivisionID, _ = d.division(item.Division)
	r.Languages = item.Fields.Languages.Value
	r.Countries = item.Fields.Countries.Value
	for _, a := range item.Fields.Authors.Value {
		id, ok := d.users[fold(a)]
		switch {
		case ok:
			r.author(id)
		case len(d.fallback) > 0:
			r.Warnings = append(r.Warnings, manifest.NewProblem("M123", item.FieldPos("authors"), fmt.Sprintf("no user %q: %s becomes the author", a, strings.Join(d.fallback, ", ")), "name an existing user, or map the address under map: {people: ...}"))
			for _, a := range d.fallback {
				r.author(d.users[fold(a)])
			}
		default:
			r.Problems = append(r.Problems, RefProblem{BlockedAuthor, "authors", fmt.Sprintf("no user %q", a), "name an existing user, or map: {fallback: {authors: ...}}"})
		}
	}
	for _, t := range item.Fields.Tags.Value {
		if t.ID != "" {
			r.Tags = append(r.Tags, t.ID)
			continue
		}
		if id, ok := d.tag(r.DivisionID, t.Name); ok {
			r.Tags = append(r.Tags, id)
			continue
		}
		if d.create == manifest.CreateNoTags {
			r.Problems = append(r.Problems, RefProblem{BlockedTag, "tags", fmt.Sprintf("Division %s has no tag %q", item.Division, t.Name), "make it, or set createTags: all"})
			continue
		}
		r.Tags = append(r.Tags, newTag+t.Name)
	}
	return r
}

// author adds an author, once.
func (r *Refs) author(id string) {
	if !slices.Contains(r.Authors, id) {
		r.Authors = append(r.Authors, id)
	}
}

func suggest(names map[string]string, got string) string {
	l := make([]string, 0, len(names))
	for _, n := range names {
		l = append(l, n)
	}
	slices.Sort(l)
	if len(l) == 0 {
		return "this credential sees no Division: ask for a role that does"
	}
	if s := manifest.Suggest(got, l); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	more := ""
	if len(l) > 10 {
		l, more = l[:10], " ..."
	}
	return "you can see: " + strings.Join(l, ", ") + more
}

// suggestCode says how to name a language or country, which what says, of those
// that the service has.
func suggestCode(all []string, got, what string) string {
	for _, c := range all {
		if strings.EqualFold(c, got) {
			return fmt.Sprintf("did you mean %q?", c)
		}
	}
	if got == "UK" && slices.Contains(all, "GB") {
		return `did you mean "GB"?`
	}
	if s := manifest.Suggest(got, all); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	example, field := "en", "languages"
	if what == "country" {
		example, field = "BE", "countries"
	}
	return fmt.Sprintf("write one of the service's codes, such as %s, or say what it means: map: {%s: {%q: %s}}", example, field, got, example)
}
