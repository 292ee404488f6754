package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// tree gives the world's manifest the tag categories that text has, as the list
// after tagCategories:.
func (w *world) tree(text string) {
	w.t.Helper()
	m, problems, err := manifest.ReadHeader(strings.NewReader("version: 1\ndivision: Marketing\ntagCategories:\n"+text), "test.yaml")
	if err != nil || len(problems) > 0 {
		w.t.Fatal(err, problems)
	}
	w.man.TagCategories = m.TagCategories
}

// rowsOf plans and returns the rows of extras, such as "create Region/EMEA new".
func (w *world) extraRows() (rows []string, sum pipeline.Summary) {
	w.t.Helper()
	st := w.open()
	defer st.Close()
	in := w.input(st)
	in.Extra = func(r pipeline.ExtraRow) error {
		var text strings.Builder
		text.WriteString(string(r.Action) + " " + r.Key + " " + r.Reason)
		for _, d := range r.Diff {
			text.WriteString(" " + d.Field + ":" + string(d.Remote) + ">" + string(d.Wanted))
		}
		if r.Detail != "" {
			text.WriteString(" (" + r.Detail + ")")
		}
		rows = append(rows, text.String())
		return nil
	}
	sum, err := pipeline.Plan(w.t.Context(), in, func(pipeline.Row) error { return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return rows, sum
}

// grown are the tenant's categories with their tags, as "Region/EMEA [A B]"; hidden
// ones end in "-".
func (w *world) grown() (all []string) {
	for _, c := range w.tenant.Categories() {
		text := strings.TrimSpace(c.Path + " " + strings.Join(c.Tags, ","))
		if !c.IsPublished {
			text += " -"
		}
		if c.Division != "Marketing" {
			text = c.Division + ": " + text
		}
		all = append(all, text)
	}
	return all
}

// settled runs until all is done, and holds that a plan after it has nothing to do.
func (w *world) settled(what string, want ...string) {
	w.t.Helper()
	_, sum := w.extraRows()
	w.tenant.ResetBooks()
	out, err := w.run(w.t.Context(), nil)
	if err != nil || out.Code != 0 {
		w.t.Fatalf("%s: %v, %+v", what, err, out)
	}
	if n, _ := w.commits(); n != sum.Writes {
		w.t.Errorf("%s: %d writes, planned were %d: %v", what, n, sum.Writes, w.tenant.Books().Commits)
	}
	if d := cmp.Diff(want, w.grown()); d != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, d)
	}
	if sum, found, _ := w.verify(); sum.CategoriesDiffer > 0 || sum.Categories != len(w.man.TagCategories) {
		w.t.Errorf("%s: verify finds %q, %+v", what, found, sum)
	}
	if rows, sum := w.extraRows(); sum.Work() || sum.Writes != 0 {
		w.t.Errorf("%s: planned again: %q, %d writes", what, rows, sum.Writes)
	}
	if n := w.tenant.Books().Unknown; n != 0 {
		w.t.Errorf("%s: %v", what, w.tenant.Books().UnknownNotes)
	}
}

const regions = `
- name: Region
  isPublished: false
  children:
    - {name: EMEA, tags: [Benelux, Sales]}
    - {name: APAC, tags: []}
- {name: Kind, division: Sales EMEA, tags: [Deck]}
`

func TestTagCategoriesAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a", tags("sales"))
		w.tree(regions)
		rows, sum := w.extraRows()
		want := []string{"create Region new", "create Region/EMEA new", "create Region/APAC new", "create Sales EMEA: Kind new"}
		if d := cmp.Diff(want, rows); d != "" {
			t.Errorf("plan (-want +got):\n%s", d)
		}
		if sum.NewTagsAll != 3 || sum.Writes != 2+4+3 || sum.Extras[state.TagCategory][pipeline.ActionCreate] != 4 {
			t.Errorf("%d tags, %d writes: %+v", sum.NewTagsAll, sum.Writes, sum)
		}
		w.settled("first run", "Sales EMEA: Kind Deck", "Region -", "Region/APAC", "Region/EMEA Benelux,Sales")
	})
}

// category finds one of the tenant's categories by its path.
func (w *world) category(path string) emulator.Category {
	w.t.Helper()
	for _, c := range w.tenant.Categories() {
		if c.Path == path {
			return c
		}
	}
	w.t.Fatalf("no category %s among %q", path, w.grown())
	return emulator.Category{}
}

// links is what a person puts into a category and takes out of it.
func (w *world) links(path string, add, remove []string) {
	w.t.Helper()
	id := func(names []string) (refs []showpad.Ref) {
		for _, name := range names {
			found := false
			for t, err := range w.client().Tags(w.t.Context(), showpad.TagFilter{ExactName: name}) {
				if err != nil {
					w.t.Fatal(err)
				}
				refs, found = append(refs, showpad.Ref{ID: t.ID}), true
			}
			if !found {
				t, err := w.client().CreateTag(w.t.Context(), emulator.DivisionMarketing, name)
				if err != nil {
					w.t.Fatal(err)
				}
				refs = append(refs, showpad.Ref{ID: t.ID})
			}
		}
		return refs
	}
	_, err := w.client().ChangeTagCategoryTags(w.t.Context(), w.category(path).ID, showpad.TagLinks{Add: id(add), Remove: id(remove)})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTagCategoriesConvergeAfterEdits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a", tags("Sales"))
		// What is there is used, whatever the case of its name; what it has is kept.
		c, err := w.client().CreateTagCategory(t.Context(), showpad.TagCategoryFields{Name: showpad.Some("REGION"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
		if err != nil {
			t.Fatal(err)
		}
		w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Benelux]}, {name: APAC, tags: [Japan]}]}\n")
		w.settled("a person's category is used", "REGION", "REGION/APAC Japan", "REGION/EMEA Benelux")
		if w.category("REGION").ID != c.ID {
			t.Error("it was made anew")
		}

		w.tree("\n- {name: Region, isPublished: false, children: [{name: EMEA, tags: [Benelux, Sales, Nordics]}, {name: APAC}]}\n")
		rows, _ := w.extraRows()
		if d := cmp.Diff([]string{`update Region fields-differ isPublished:true>false`, `update Region/EMEA fields-differ tags:["Benelux"]>["Benelux","Nordics","Sales"]`, "unchanged Region/APAC same"}, rows); d != "" {
			t.Errorf("plan (-want +got):\n%s", d)
		}
		w.settled("changed", "REGION -", "REGION/APAC Japan", "REGION/EMEA Benelux,Nordics,Sales")

		// What a person put in stays in; what a person took out stays out.
		w.links("REGION/EMEA", []string{"Theirs"}, []string{"Nordics"})
		rows, sum := w.extraRows()
		if !strings.Contains(strings.Join(rows, "\n"), "unchanged Region/EMEA same (somebody took 1 tag that was put in out") || sum.Work() {
			t.Errorf("after a person's edits: %q", rows)
		}
		if vs, found, _ := w.verify(); vs.CategoriesDiffer != 1 {
			t.Errorf("verify after a person's edits: %q %+v", found, vs)
		}
		w.mustRun(0)
		if d := cmp.Diff([]string{"REGION -", "REGION/APAC Japan", "REGION/EMEA Benelux,Sales,Theirs"}, w.grown()); d != "" {
			t.Errorf("a person's edits (-want +got):\n%s", d)
		}
		w.man.Update.Tags = "keep"
		w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Other]}, {name: New, tags: [Fresh]}]}\n")
		w.settled("keep", "REGION -", "REGION/APAC Japan", "REGION/EMEA Benelux,Sales,Theirs", "REGION/New Fresh")
		w.man.Update.Tags = "replace"
		w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Nordics, Benelux]}, {name: APAC, tags: []}, {name: New}]}\n")
		w.settled("replace", "REGION -", "REGION/APAC", "REGION/EMEA Benelux,Nordics", "REGION/New Fresh")

		// A category that was made here moves with its place in the manifest.
		w.man.Update.Tags = "add"
		emea := w.category("REGION/EMEA").ID
		w.tree("\n- {name: Markets, children: [{name: Near, children: [{name: EMEA, tags: [Nordics, Benelux]}]}]}\n")
		rows, _ = w.extraRows()
		if d := cmp.Diff([]string{"create Markets new", "create Markets/Near new", `update Markets/Near/EMEA fields-differ parent:"REGION">"Markets/Near"`}, rows); d != "" {
			t.Errorf("plan of a move (-want +got):\n%s", d)
		}
		w.settled("moved", "Markets", "Markets/Near", "Markets/Near/EMEA Benelux,Nordics", "REGION -", "REGION/APAC", "REGION/New Fresh")
		if w.category("Markets/Near/EMEA").ID != emea {
			t.Error("it was made anew")
		}
		// A whole branch moves with its top.
		near := w.category("Markets/Near").ID
		w.tree("\n- {name: Near, children: [{name: EMEA, tags: [Nordics, Benelux, More]}]}\n")
		w.settled("branch moved", "Markets", "Near", "Near/EMEA Benelux,More,Nordics", "REGION -", "REGION/APAC", "REGION/New Fresh")
		if w.category("Near").ID != near || w.category("Near/EMEA").ID != emea {
			t.Error("the branch was made anew")
		}
		// One that a person made does not: it stays where it is.
		w.tree("\n- {name: Top, children: [{name: Region, children: []}]}\n")
		w.settled("a person's does not move", "Markets", "Near", "Near/EMEA Benelux,More,Nordics", "REGION -", "REGION/APAC", "REGION/New Fresh", "Top", "Top/Region")
	})
}

func TestTagCategoriesThatCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Divisions: []emulator.Division{
			{ID: emulator.DivisionMarketing, Name: "Marketing"}, {ID: "locked", Name: "Locked", Denied: true},
		}})
		make := func(name, parent string, tags ...string) string {
			f := showpad.TagCategoryFields{Name: showpad.Some(name), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})}
			if parent != "" {
				f.Parent = showpad.Some(showpad.Ref{ID: parent})
			}
			c, err := w.client().CreateTagCategory(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if len(tags) > 0 {
				w.links(name, tags, nil)
			}
			return c.ID
		}
		make("Leaf", "", "T")
		make("In", make("Branch", ""))
		make("twin", "")
		make("TWIN", "")
		w.man.CreateTags = manifest.CreateNoTags
		w.add("A", "a")
		w.tree(`
- {name: Leaf, children: [{name: Below, children: [{name: Further}]}]}
- {name: Branch, tags: [T]}
- {name: Twin, children: [{name: Of twins}]}
- {name: Missing, tags: [Nothing]}
- {name: Fine, tags: [T]}
- {name: One, division: Locked}
- {name: Two, division: Locked, tags: []}
`)
		rows, sum := w.extraRows()
		for i, want := range []string{
			"blocked Leaf tags-and-categories (it has tags in it", "blocked Leaf/Below parent-blocked (the category above it is left alone: it has tags in it",
			"blocked Leaf/Below/Further parent-blocked (the category above it is left alone: it has tags in it", "blocked Branch tags-and-categories (it has categories in it, such as \"In\"",
			"conflict Twin twin (several tag categories are called \"Twin\" there: ", "blocked Twin/Of twins parent-blocked", "blocked Missing tag-missing (Division Marketing has no tag \"Nothing\"",
			"create Fine new", "create Locked: One new", "create Locked: Two new",
		} {
			if i >= len(rows) || !strings.HasPrefix(rows[i], want) {
				t.Errorf("row %d is not %q: %q", i, want, rows)
			}
		}
		if sum.Decisions() != 7 {
			t.Errorf("%d decisions", sum.Decisions())
		}
		out := w.mustRun(3)
		if !strings.Contains(out.Sentence, "tag categories: 1 of 10 done, 8 blocked, 1 conflict") {
			t.Errorf("sentence: %s", out.Sentence)
		}
		status := map[string]string{}
		for _, r := range w.results {
			if r.Kind != "" {
				status[r.Key] = r.Status + " " + r.Reason
			}
		}
		for key, want := range map[string]string{"Fine": "done new", "Locked: One": "blocked division-refused", "Locked: Two": "blocked division-refused", "Twin": "conflict twin"} {
			if status[key] != want {
				t.Errorf("%s: %s, want %s", key, status[key], want)
			}
		}
		if n := w.tenant.Books().Requests["postTagCategories"]; n != 5+1+1 {
			t.Errorf("%d creates were sent: the second one of a Division that refuses is of no use", n)
		}
		if _, found, _ := w.verify(); len(found) == 0 {
			t.Error("verify finds nothing")
		}

		// A name that the service allows once in a Division.
		w.man.CreateTags = manifest.CreateAllTags
		w.tenant.Switch(func(sw *emulator.Switches) { sw.UniqueCategories = true })
		w.tree("\n- {name: Fine, children: []}\n- {name: Place, children: [{name: In, tags: [X]}]}\n")
		w.mustRun(3)
		for _, r := range w.results {
			if r.Key == "Place/In" && (r.Status != "failed" || r.Error == nil || !strings.Contains(r.Error.Message, "the service allows the name once in a Division, and Branch/In has it")) {
				t.Errorf("%+v %+v", r, r.Error)
			}
		}
		// Nothing of it is kept against it: once the name is free it is made.
		w.tenant.Switch(func(sw *emulator.Switches) { sw.UniqueCategories = false })
		w.mustRun(0)
		w.category("Place/In")
	})
}

// Whatever happens to one request of each kind: the next runs converge, and nothing is
// made twice.
func TestTagCategoriesSurviveFaults(t *testing.T) {
	for _, op := range []string{"getTagCategories", "postTagCategories", "updateTagCategory", "updateTagCategoryTags", "postTags", "getTags"} {
		for _, kind := range []emulator.Kind{emulator.KindReset, emulator.KindLost, emulator.KindLate, emulator.KindStatus, emulator.KindStatusAfter, emulator.KindTooMany, emulator.KindHTML, emulator.KindTruncated} {
			for _, count := range []int{1, 8} {
				t.Run(fmt.Sprint(op, " ", kind, " ", count), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, emulator.Options{})
						w.options.SettleTime = 10 * time.Second
						w.add("A", "a")
						w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Benelux]}, {name: Old, isPublished: false}]}\n")
						if op == "updateTagCategory" || op == "updateTagCategoryTags" {
							w.mustRun(0)
						}
						w.tree("\n- {name: Region, isPublished: false, children: [{name: EMEA, tags: [Benelux, Nordics]}, {name: Old, isPublished: true}]}\n")
						f := emulator.Fault{Op: op, Kind: kind, Count: count, Delay: emulator.Duration(5 * time.Second)}
						if kind == emulator.KindStatus || kind == emulator.KindStatusAfter {
							f.Status = 503
						}
						w.tenant.Fail(f)
						for range 10 {
							if out, err := w.run(t.Context(), nil); err == nil && out.Code == 0 {
								break
							}
						}
						w.tenant.ClearFaults()
						w.mustRun(0)
						if d := cmp.Diff([]string{"Region -", "Region/EMEA Benelux,Nordics", "Region/Old"}, w.grown()); d != "" {
							t.Errorf("(-want +got):\n%s", d)
						}
						if rows, sum := w.extraRows(); sum.Work() {
							t.Errorf("planned again: %q", rows)
						}
					})
				})
			}
		}
	}
}

// Kill it before or after any write of the service, or at any write of the state: the
// next run goes on, and nothing is made twice.
func TestTagCategoriesSurviveKills(t *testing.T) {
	begin := func(t *testing.T) *world {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Benelux]}, {name: Old}]}\n")
		w.mustRun(0)
		w.tree("\n- {name: Region, isPublished: false, children: [{name: EMEA, tags: [Benelux, Nordics]}, {name: New, tags: [Fresh]}, {name: Far, children: [{name: Old}]}]}\n")
		return w
	}
	end := func(t *testing.T, w *world) {
		w.mustRun(0)
		if d := cmp.Diff([]string{"Region -", "Region/EMEA Benelux,Nordics", "Region/Far", "Region/Far/Old", "Region/New Fresh"}, w.grown()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if rows, sum := w.extraRows(); sum.Work() {
			t.Errorf("planned again: %q", rows)
		}
	}
	for _, at := range []struct {
		op string
		n  int
	}{{"postTagCategories", 1}, {"postTagCategories", 2}, {"updateTagCategory", 1}, {"updateTagCategory", 2}, {"updateTagCategoryTags", 1}, {"postTags", 1}, {"postTags", 2}} {
		for _, when := range []emulator.When{emulator.Before, emulator.After} {
			t.Run(fmt.Sprint(at.op, " ", at.n, " ", when), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := begin(t)
					w.crash(at.op, at.n, when)
					end(t, w)
				})
			})
		}
	}
	t.Run("state", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for n := 1; ; n++ {
				w := begin(t)
				reached := false
				w.fail = func(commit int) error {
					if commit < n {
						return nil
					}
					reached = true
					return errCrash
				}
				_, _ = w.run(t.Context(), nil)
				w.fail = nil
				end(t, w)
				if !reached {
					break
				}
			}
		})
	})
}

func TestASelectionLeavesTagCategoriesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.tree(regions)
		w.sel.Limit = 1
		w.mustRun(0)
		if rows, _ := w.extraRows(); len(rows) != 0 || len(w.grown()) != 0 || w.tenant.Books().Requests["getTagCategories"] != 0 {
			t.Errorf("%q %q %v", rows, w.grown(), w.tenant.Books().Requests)
		}
	})
}

func TestSavedPlansHaveTagCategories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a", tags("Sales"))
		w.tree(regions)
		path, sum, _ := w.save(pipeline.Choice{})
		w.tenant.ResetBooks()
		w.mustCarry(0, path)
		if n, _ := w.commits(); n != sum.Writes {
			t.Errorf("%d writes, planned were %d", n, sum.Writes)
		}
		if !slices.Contains(w.grown(), "Region/EMEA Benelux,Sales") {
			t.Errorf("%q", w.grown())
		}
		w.mustCarry(0, path) // the same again: nothing is left to do

		// One that was cut off in the middle goes on with the same plan.
		w.tree("\n- {name: Region, isPublished: false, children: [{name: EMEA, tags: [Benelux, Sales, Alps], isPublished: false}]}\n")
		path, _, _ = w.save(pipeline.Choice{})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		w.tenant.ResetBooks()
		w.tenant.OnCommit(func(op string, n int, when emulator.When) {
			if op == "updateTagCategory" && n == 1 && when == emulator.After {
				cancel(errCrash)
			}
		})
		if out, err := w.carry(ctx, path, nil); err != nil || !errors.Is(out.Err, errCrash) {
			t.Fatalf("%v %+v", err, out)
		}
		w.tenant.OnCommit(nil)
		if rows, sum := w.extraRows(); sum.Writes != 1 {
			t.Fatalf("it was cut off elsewhere: %q", rows)
		}
		w.mustCarry(0, path)
		if rows, sum := w.extraRows(); sum.Work() {
			t.Errorf("left: %q", rows)
		}

		// What is not as it was planned is refused.
		w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Benelux, Sales, More]}, {name: Late}]}\n")
		path, _, _ = w.save(pipeline.Choice{})
		w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Benelux, Sales, Most]}, {name: Late}, {name: Later}]}\n")
		w.mustCarry(3, path)
		got := map[string]string{}
		for _, r := range w.results {
			if r.Kind != "" {
				got[r.Key] = r.Reason
			}
		}
		if d := cmp.Diff(map[string]string{"Region": "same", "Region/EMEA": "stale-item", "Region/Late": "new", "Region/Later": "stale-item"}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestRollbackOfTagCategories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a", tags("Sales"))
		w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Benelux, Sales]}, {name: APAC, tags: [Japan]}]}\n- {name: Kind, children: [{name: Deck}]}\n- {name: Gone}\n")
		w.mustRun(0)
		before := w.grown()
		w.links("Region/APAC", []string{"Theirs"}, nil) // somebody uses it
		if err := w.client().DeleteTagCategory(t.Context(), w.category("Gone").ID); err != nil {
			t.Fatal(err)
		}
		plan := func(del bool) (rows []string) {
			st := w.open()
			defer st.Close()
			in := w.rollbackInput(st, del, "run-1")
			in.Extra = func(r pipeline.ExtraRow) error {
				rows = append(rows, string(r.Action)+" "+r.Key+" "+r.Reason)
				return nil
			}
			if _, err := pipeline.PlanRollback(t.Context(), in, func(pipeline.Row) error { return nil }); err != nil {
				t.Fatal(err)
			}
			slices.Sort(rows)
			return rows
		}
		if d := cmp.Diff([]string{"unchanged Gone stays", "unchanged Kind stays", "unchanged Kind/Deck stays", "unchanged Region stays", "unchanged Region/APAC stays", "unchanged Region/EMEA stays"}, plan(false)); d != "" {
			t.Errorf("plan without --delete (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"conflict Region changed-remotely", "conflict Region/APAC changed-remotely", "delete Kind take-back", "delete Kind/Deck take-back", "delete Region/EMEA take-back", "unchanged Gone gone"}, plan(true)); d != "" {
			t.Errorf("plan (-want +got):\n%s", d)
		}
		w.mustRollback(0, false, "run-1")
		if len(w.grown()) != len(before)-1 {
			t.Errorf("without --delete: %q", w.grown())
		}
		w.mustRun(0)
		w.mustRollback(3, true, "run-1", "run-3")
		if d := cmp.Diff([]string{"Region", "Region/APAC Japan,Theirs"}, w.grown()); d != "" {
			t.Errorf("rolled back (-want +got):\n%s", d)
		}
		var names []string
		for tag, err := range w.client().Tags(t.Context(), showpad.TagFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, tag.Name)
		}
		if slices.Sort(names); !slices.Equal(names, []string{"Japan", "Theirs"}) {
			t.Errorf("tags that are left: %q", names)
		}
		w.settled("made again", "Gone", "Kind", "Kind/Deck", "Region", "Region/APAC Japan,Theirs", "Region/EMEA Benelux,Sales")
	})
}

// A rollback that deletes goes on where it was cut off, whatever happens to a delete.
func TestRollbackOfTagCategoriesSurvivesFaults(t *testing.T) {
	begin := func(t *testing.T) *world {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.tree("\n- {name: Region, children: [{name: EMEA, tags: [Benelux]}, {name: APAC}]}\n")
		w.mustRun(0)
		return w
	}
	end := func(t *testing.T, w *world) {
		out, err := w.rollback(t.Context(), nil, true, "run-1")
		if err != nil || out.Code != 0 || len(w.grown()) != 0 || w.tenant.Books().Tags != 0 {
			t.Errorf("%v %+v; left: %q and %d tags", err, out, w.grown(), w.tenant.Books().Tags)
		}
		w.mustRun(0)
		if d := cmp.Diff([]string{"Region", "Region/APAC", "Region/EMEA Benelux"}, w.grown()); d != "" {
			t.Errorf("made again (-want +got):\n%s", d)
		}
	}
	for _, kind := range []emulator.Kind{emulator.KindReset, emulator.KindLost, emulator.KindLate, emulator.KindStatus} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t)
				f := emulator.Fault{Op: "deleteTagCategory", Kind: kind, Nth: 2, Count: 8, Delay: emulator.Duration(time.Second)}
				if kind == emulator.KindStatus {
					f.Status = 503
				}
				w.tenant.Fail(f)
				if _, err := w.rollback(t.Context(), nil, true, "run-1"); err != nil {
					t.Fatal(err)
				}
				w.tenant.ClearFaults()
				<-time.After(10 * time.Second) // what is late has come
				end(t, w)
			})
		})
	}
	for n := 1; n <= 3; n++ {
		for _, when := range []emulator.When{emulator.Before, emulator.After} {
			t.Run(fmt.Sprint("kill ", n, " ", when), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := begin(t)
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					w.tenant.OnCommit(func(op string, k int, side emulator.When) {
						if op == "deleteTagCategory" && k == n && side == when {
							w.fail = func(int) error { return errCrash }
							cancel(errCrash)
						}
					})
					_, _ = w.rollback(ctx, nil, true, "run-1")
					w.tenant.OnCommit(nil)
					w.fail = nil
					end(t, w)
				})
			})
		}
	}
}
