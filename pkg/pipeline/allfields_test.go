package pipeline_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// manifestOf reads a header and items as people write them.
func (w *world) manifestOf(header string, items ...string) {
	w.t.Helper()
	m, ps, err := manifest.ReadHeader(strings.NewReader("version: 1\nid: test\ndivision: Marketing\ntimezone: Europe/Brussels\n"+header), "test.yaml")
	if err != nil || len(ps) > 0 {
		w.t.Fatalf("%s: %v %v", header, ps, err)
	}
	w.man, w.items = m, nil
	for _, text := range items {
		v, err := manifest.ReadYAML(strings.NewReader(text), "test.yaml")
		if err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
		p := manifest.NewBuilder(m, manifest.Options{}).Item(v, nil)
		if len(p.Problems) > 0 {
			w.t.Fatalf("%s: %v", text, p.Problems)
		}
		w.items = append(w.items, p.Item)
	}
}

// bodies are the members of the updates that the tenant got.
type bodies struct {
	base http.RoundTripper
	mu   sync.Mutex
	all  []string
}

func (b *bodies) RoundTrip(r *http.Request) (*http.Response, error) {
	part := strings.Split(r.URL.Path, "/")
	if r.Method == http.MethodPost && len(part) == 4 && part[2] == "assets" && part[3] != "query" {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(strings.NewReader(string(text)))
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			return nil, err
		}
		b.mu.Lock()
		b.all = append(b.all, strings.Join(slices.Sorted(maps.Keys(members)), " "))
		b.mu.Unlock()
	}
	return b.base.RoundTrip(r)
}

// fieldCase is one field: how it is made, changed, cleared, and changed by a person.
type fieldCase struct {
	one, other string // members of an item
	null       string // "" where null is no value of it
	theirs     func(w *world) showpad.AssetFields
	url        bool
	made       int // writes of the create; 0 is 2, or 1 of a link
}

func fieldCases() map[string]fieldCase {
	theirs := func(f showpad.AssetFields) func(*world) showpad.AssetFields {
		return func(*world) showpad.AssetFields { return f }
	}
	flag := func(name string, set func(*showpad.AssetFields, showpad.Opt[bool])) fieldCase {
		f := showpad.AssetFields{}
		set(&f, showpad.Some(false))
		return fieldCase{one: name + ": false", other: name + ": true", theirs: theirs(f)}
	}
	perm := func(name string, p showpad.Permissions) fieldCase {
		return fieldCase{one: "permissions: {" + name + ": false}", other: "permissions: {" + name + ": true}", theirs: theirs(showpad.AssetFields{Permissions: showpad.Some(p)})}
	}
	date := func(name string, set func(*showpad.AssetFields, showpad.Opt[string])) fieldCase {
		f := showpad.AssetFields{}
		set(&f, showpad.Some("2033-03-03T03:03:03Z"))
		return fieldCase{one: name + ": 2031-12-01", other: name + ": 2032-07-01T08:30:00+02:00", null: name + ": null", theirs: theirs(f)}
	}
	author := func(email string) func(*world) showpad.AssetFields {
		return func(w *world) showpad.AssetFields {
			for u, err := range w.client().Users(w.t.Context(), []string{email}, nil) {
				if err != nil {
					w.t.Fatal(err)
				}
				return showpad.AssetFields{Authors: showpad.Some([]showpad.Ref{{ID: u.ID}})}
			}
			w.t.Fatalf("no user %s", email)
			return showpad.AssetFields{}
		}
	}
	codes := func(l ...string) (out []showpad.Code) {
		for _, c := range l {
			out = append(out, showpad.Code{Code: c})
		}
		return out
	}
	editable := perm("isEditable", showpad.Permissions{IsEditable: showpad.Some(false), IsShareable: showpad.Some(true), IsAnnotatable: showpad.Some(true)})
	render := flag("isRenderExternalAllowed", func(f *showpad.AssetFields, o showpad.Opt[bool]) { f.IsRenderExternalAllowed = o })
	render.url = true
	archived := flag("isArchived", func(f *showpad.AssetFields, o showpad.Opt[bool]) { f.IsArchived = o })
	archived.null = "isArchived: null"
	return map[string]fieldCase{
		"name":                          {one: "name: One", other: "name: Another one", theirs: theirs(showpad.AssetFields{Name: showpad.Some("Theirs.pptx")})},
		"description":                   {one: "description: ' one '", other: "description: |\n  other <é> & \"so\"\n  on", null: "description: null", theirs: theirs(description("theirs"))},
		"tags":                          {one: "tags: [Sales]", other: "tags: [Sales, EMEA]"},
		"languages":                     {one: "languages: [en]", other: "languages: [de, en]", theirs: theirs(showpad.AssetFields{Languages: showpad.Some(codes("fr"))})},
		"countries":                     {one: "countries: [US, BE]", other: "countries: []", theirs: theirs(showpad.AssetFields{Countries: showpad.Some(codes("FR"))})},
		"authors":                       {one: "authors: [content-team@example.com]", other: "authors: [John.Q@example.com, content-team@example.com]", theirs: author("jane@example.com")},
		"permissions.isShareable":       perm("isShareable", showpad.Permissions{IsShareable: showpad.Some(false), IsAnnotatable: showpad.Some(true)}),
		"permissions.isAnnotatable":     perm("isAnnotatable", showpad.Permissions{IsAnnotatable: showpad.Some(false), IsShareable: showpad.Some(true)}),
		"permissions.isEditable":        editable,
		"releasedAt":                    date("releasedAt", func(f *showpad.AssetFields, o showpad.Opt[string]) { f.ReleasedAt = o }),
		"expiresAt":                     date("expiresAt", func(f *showpad.AssetFields, o showpad.Opt[string]) { f.ExpiresAt = o }),
		"draftedAt":                     date("draftedAt", func(f *showpad.AssetFields, o showpad.Opt[string]) { f.DraftedAt = o }),
		"isSensitive":                   flag("isSensitive", func(f *showpad.AssetFields, o showpad.Opt[bool]) { f.IsSensitive = o }),
		"isDivisionShared":              flag("isDivisionShared", func(f *showpad.AssetFields, o showpad.Opt[bool]) { f.IsDivisionShared = o }),
		"isArchived":                    archived,
		"isProcessedUsed":               flag("isProcessedUsed", func(f *showpad.AssetFields, o showpad.Opt[bool]) { f.IsProcessedUsed = o }),
		"isRenderExternalAllowed":       render,
		"isOnlyEntireDocumentShareable": flag("isOnlyEntireDocumentShareable", func(f *showpad.AssetFields, o showpad.Opt[bool]) { f.IsOnlyEntireDocumentShareable = o }),
		"isSpeakerNotesEnabled":         flag("isSpeakerNotesEnabled", func(f *showpad.AssetFields, o showpad.Opt[bool]) { f.IsSpeakerNotesEnabled = o }),
		"downloadableExternal":          {one: "downloadableExternal: [original, pdf]", other: "downloadableExternal: [pdf]", theirs: theirs(showpad.AssetFields{DownloadableExternal: showpad.Some([]string{"original"})})},
		"downloadableInternal":          {one: "downloadableInternal: [original]", other: "downloadableInternal: []", theirs: theirs(showpad.AssetFields{DownloadableInternal: showpad.Some([]string{"pdf"})})},
		"lockedPages":                   {one: "lockedPages: [{start: 1, end: 2}]", other: "lockedPages: [{start: 3, end: 3}, {start: 1, end: 2}]", theirs: theirs(showpad.AssetFields{LockedPages: showpad.Some([]showpad.PageRange{})})},
		"enforcedPages": {one: "enforcedPages: {prepend: [{start: 1, end: 1}], append: null}", other: "enforcedPages: {prepend: null, append: [{start: 2, end: 3}]}", null: "enforcedPages: null",
			theirs: theirs(showpad.AssetFields{EnforcedPages: showpad.Some(showpad.EnforcedPages{Prepend: []showpad.PageRange{{Start: 4, End: 4}}})})},
		"localization": {one: "localization: {primary: P1}", other: "localization: {primary: P2}", null: "localization: null", made: 3, theirs: func(w *world) showpad.AssetFields {
			all := w.assets()
			return showpad.AssetFields{Localization: showpad.Some(showpad.Localization{
				Primary: showpad.LinkedAsset{Asset: showpad.Ref{ID: all["P3"][0].ID}}, Variants: []showpad.Variant{{Asset: showpad.VariantAsset{ID: all["A"][0].ID}}},
			})}
		}},
		// What is no managed field of the manifest, and managed all the same.
		"url": {one: "url: https://www.example.com/one", other: "url: https://www.example.com/other", url: true, theirs: theirs(showpad.AssetFields{URL: showpad.Some("https://theirs.example.com/")})},
	}
}

// TestEveryFieldConverges: made with an item, changed by one update that has this
// field alone, cleared where null is a value, left alone where the manifest no longer
// names it, and a person's change told as a conflict or overwritten; every time with
// nothing left to do. Under each switch of the service that may matter.
func TestEveryFieldConverges(t *testing.T) {
	cases := fieldCases()
	for _, f := range manifest.ManagedFields() {
		if _, ok := cases[f.Name]; !ok {
			t.Errorf("no case of %s", f.Name)
		} else if f.Nullable != (cases[f.Name].null != "") {
			t.Errorf("%s: null is a value: %v", f.Name, f.Nullable)
		}
	}
	switches := map[string]emulator.Switches{
		"as documented": {}, "other forms": {SnapDates: true, ResetPermissions: true, TrimDescriptions: true, FoldTags: true, DropTags: true}, "trash hidden": {HideArchived: true},
	}
	for _, field := range slices.Sorted(maps.Keys(cases)) {
		for which, sw := range switches {
			if which == "trash hidden" && field != "isArchived" {
				continue
			}
			t.Run(field+" "+which, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { converges(t, field, cases[field], sw) })
			})
		}
	}
}

func converges(t *testing.T, field string, c fieldCase, sw emulator.Switches) {
	w := newWorld(t, emulator.Options{Switches: sw})
	for _, id := range []string{"P1", "P2", "P3"} {
		w.prepared(id)
	}
	w.files.put("deck.pptx", "deck")
	item := func(members string) string {
		base := "externalId: A\nfile: deck.pptx\n"
		switch {
		case field == "url":
			base = "externalId: A\nname: A\n"
			if members == "" {
				members = c.other // an item has bytes or a link
			}
		case c.url:
			base = "externalId: A\nname: A\nurl: https://www.example.com/\n"
		}
		return base + members + "\n"
	}
	top, _, _ := strings.Cut(field, ".")
	update := func(what, header, members string) {
		t.Helper()
		w.manifestOf(header, item(members))
		if r := w.action("A"); r.Action != pipeline.ActionUpdate || r.Writes != 1 || len(r.Diff) != 1 || r.Diff[0].Field != field {
			t.Errorf("%s: %s (%s) with %d writes, %s%s", what, r.Action, r.Reason, r.Writes, r.Detail, diffText(r))
			return
		}
		seen := &bodies{base: w.tenant}
		w.configure = func(c *showpad.Config) { c.Base = seen }
		w.mustRun(0)
		w.configure = nil
		if len(seen.all) != 1 || seen.all[0] != top {
			t.Errorf("%s: updates of %q, want one of %s", what, seen.all, top)
		}
		w.planIsEmpty()
	}
	nothing := func(what, header, members string) {
		t.Helper()
		w.manifestOf(header, item(members))
		w.tenant.ResetBooks()
		w.mustRun(0)
		if n := w.tenant.Books().Commits; len(n) > 0 {
			t.Errorf("%s: %v", what, n)
		}
	}

	w.manifestOf("", item(c.one))
	want := 2
	if c.url {
		want = 1
	}
	if c.made > 0 {
		want = c.made
	}
	if r := w.action("A"); r.Action != pipeline.ActionCreate || r.Writes != want {
		t.Fatalf("%s with %d writes, want create with %d: %s", r.Action, r.Writes, want, r.Detail)
	}
	w.mustRun(0)
	nothing("again", "", c.one)
	w.options.FullCheck = true
	nothing("again, with --full-check", "", c.one)
	w.options.FullCheck = false
	update("changed", "", c.other)
	if c.null != "" && field != "isArchived" {
		update("cleared", "", c.null)
		update("set again", "", c.other)
	} else if field == "isArchived" {
		update("cleared", "", c.null) // null is false
		update("set again", "", c.other)
		update("out of the trash", "", c.one)
	}
	nothing("metadata: keep", "update: {metadata: keep}\n", c.one)
	nothing("not named", "", "")
	if field == "isArchived" {
		update("in the trash", "", c.other)
	}
	if sum, diffs, _ := w.verify(); sum.OK != 1 {
		t.Errorf("verify: %v", diffs)
	}

	if c.theirs == nil {
		return
	}
	w.manifestOf("", item(c.other))
	w.mustRun(0)
	w.person("A", c.theirs(w))
	w.options.FullCheck = true
	if r := w.action("A"); r.Action != pipeline.ActionConflict || r.Reason != pipeline.ConflictChanged || !strings.Contains(r.Detail, field) {
		t.Errorf("a person changed it: %s (%s) %s", r.Action, r.Reason, r.Detail)
	}
	if sum, diffs, _ := w.verify(); sum.Different != 1 {
		t.Errorf("verify after a person: %v", diffs)
	}
	update("overwritten", "update: {conflicts: overwrite}\n", c.other)
	w.options.FullCheck = false
	nothing("after it was overwritten", "", c.other)
}

// TestTagsByRule: add, replace, keep; {replace: ...}, and tags that a person put on
// or took off.
func TestTagsByRule(t *testing.T) {
	has := func(w *world) string { return strings.Join(w.assets()["A"][0].Tags, ",") }
	for _, tt := range []struct {
		name, header  string
		first, second string // members
		theirs        []string
		want          string
	}{
		{"added", "", "tags: [a]", "tags: [a, b]", []string{"a", "x"}, "a,b,x"},
		{"one that a person took off stays off", "", "tags: [a, b]", "tags: [a, b, c]", []string{"a"}, "a,c"},
		{"fewer are wanted: nothing goes", "", "tags: [a, b]", "tags: [a]", nil, "a,b"},
		{"none are wanted: nothing goes", "", "tags: [a]", "tags: []", nil, "a"},
		{"beside those of defaults", "defaults: {tags: [d]}\n", "tags: [a]", "tags: [b]", nil, "a,b,d"},
		{"in their place", "defaults: {tags: [d]}\n", "tags: {replace: [a]}", "tags: {replace: [a, b]}", nil, "a,b"},
		{"replaced", "update: {tags: replace, conflicts: overwrite}\n", "tags: [a, b]", "tags: [b, c]", []string{"a", "b", "x"}, "b,c"},
		{"replaced by none", "update: {tags: replace}\n", "tags: [a]", "tags: []", nil, ""},
		{"kept", "update: {tags: keep}\n", "tags: [a]", "tags: [b]", []string{"x"}, "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.files.put("a.txt", "a")
				w.manifestOf(tt.header, "externalId: A\nfile: a.txt\n"+tt.first)
				w.planIsTheRun()
				if tt.theirs != nil {
					ids := []showpad.Ref{}
					for _, name := range tt.theirs {
						ids = append(ids, showpad.Ref{ID: w.tagID(name)})
					}
					w.person("A", showpad.AssetFields{Tags: showpad.Some(ids)})
				}
				w.manifestOf(tt.header, "externalId: A\nfile: a.txt\n"+tt.second)
				w.planIsTheRun()
				if got := has(w); got != tt.want {
					t.Errorf("tags %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// tagID is the id of a tag, which is made if need be.
func (w *world) tagID(name string) string {
	w.t.Helper()
	for tag, err := range w.client().Tags(w.t.Context(), showpad.TagFilter{DivisionIDs: []string{emulator.DivisionMarketing}, ExactName: name}) {
		if err != nil {
			w.t.Fatal(err)
		}
		return tag.ID
	}
	tag, err := w.client().CreateTag(w.t.Context(), emulator.DivisionMarketing, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return tag.ID
}

// TestDatesAreTheMomentsThatAreMeant: days of the manifest's time zone, also those on
// which the clocks change, moments of any zone, and spans from the first run on.
func TestDatesAreTheMomentsThatAreMeant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins on 1 January 2000, 00:00 UTC
		w := newWorld(t, emulator.Options{})
		var items []string
		want := map[string]string{}
		for i, c := range []struct{ member, release, expiry string }{
			{"releasedAt: 2031-12-01, expiresAt: 2031-12-01", "2031-11-30T23:00:00Z", "2031-12-01T22:59:59Z"},
			{"releasedAt: 2031-07-01, expiresAt: 2031-07-01", "2031-06-30T22:00:00Z", "2031-07-01T21:59:59Z"},
			{"releasedAt: 2031-03-30, expiresAt: 2031-03-30", "2031-03-29T23:00:00Z", "2031-03-30T21:59:59Z"}, // 23 hours
			{"releasedAt: 2031-10-26, expiresAt: 2031-10-26", "2031-10-25T22:00:00Z", "2031-10-26T22:59:59Z"}, // 25 hours
			{"releasedAt: 2031-10-26T02:30:00+02:00", "2031-10-26T00:30:00Z", ""},                             // the first of two
			{"releasedAt: '2031-12-01T08:00:00-05:00', expiresAt: 2032-01-01T00:00:00Z", "2031-12-01T13:00:00Z", "2032-01-01T00:00:00Z"},
			{"releasedAt: +10 days, expiresAt: +18 months", "2000-01-11T00:00:00Z", "2001-06-30T23:00:00Z"}, // by the calendar: 1 a.m. in Brussels, in summer
		} {
			id := fmt.Sprint("D", i)
			w.files.put(id+".txt", id)
			items = append(items, "{externalId: "+id+", file: "+id+".txt, "+c.member+"}")
			want[id] = c.release + " " + c.expiry
		}
		w.manifestOf("", items...)
		check := func() {
			t.Helper()
			w.planIsTheRun()
			for _, a := range w.tenant.Assets() {
				at := func(p *time.Time) string {
					if p == nil {
						return ""
					}
					return p.UTC().Format(time.RFC3339)
				}
				if got := at(a.ReleasedAt) + " " + at(a.ExpiresAt); got != want[a.ExternalID] {
					t.Errorf("%s: %s, want %s", a.ExternalID, got, want[a.ExternalID])
				}
			}
		}
		check()
		<-time.After(45 * 24 * time.Hour) // a span stays what it became
		check()
		items[6] = "{externalId: D6, file: D6.txt, releasedAt: +11 days, expiresAt: +18 months}"
		w.manifestOf("", items...)
		want["D6"] = w.clock().UTC().AddDate(0, 0, 11).Truncate(time.Second).Format(time.RFC3339) + " 2001-06-30T23:00:00Z"
		check()
	})
}

// TestWhatIsNoFieldChangesNothing: kept columns, an item's place; and bytes are a
// version, by the rule.
func TestWhatIsNoFieldChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.files.put("a.txt", "a")
		w.files.put("b.txt", "b")
		w.manifestOf("", "{externalId: A, file: a.txt, keep: {old: one}}")
		w.planIsTheRun()
		for _, text := range []string{"{externalId: A, file: a.txt, keep: {old: two}, allowEmpty: true}", "{keep: {}, file: a.txt, externalId: A, description: }"} {
			w.manifestOf("", text)
			w.planIsEmpty()
		}
		w.files.put("a.txt", "other")
		w.manifestOf("update: {file: keep}\n", "{externalId: A, file: a.txt}")
		w.planIsEmpty()
		w.manifestOf("", "{externalId: A, file: a.txt}")
		if w.options.Hash = true; w.action("A").Action != pipeline.ActionVersion {
			t.Errorf("%+v", w.action("A"))
		}
		w.planIsTheRun()
		w.manifestOf("", "{externalId: A, file: b.txt, name: a.txt}") // another place, other bytes, the same name
		w.planIsTheRun()
		w.check()
	})
}
