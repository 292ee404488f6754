package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// bind binds in the state of the world, for its manifest.
func (w *world) bind(externalID, assetID string, observe ...func(pipeline.Event)) error {
	w.t.Helper()
	st := w.open()
	in := pipeline.BindInput{API: w.client(), Store: st, Owner: w.man.ID, ExternalID: externalID, AssetID: assetID, SettleTime: w.options.SettleTime}
	for _, o := range observe {
		in.Observe = o
	}
	err := pipeline.Bind(w.t.Context(), in)
	if cerr := st.Close(); cerr != nil {
		w.t.Error(cerr)
	}
	return err
}

func (w *world) mustBind(externalID, assetID string) {
	w.t.Helper()
	if err := w.bind(externalID, assetID); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deleteByHand(assetID string) {
	w.t.Helper()
	if err := w.client().DeleteAsset(w.t.Context(), assetID); err != nil {
		w.t.Fatal(err)
	}
	<-time.After(time.Minute)
}

func (w *world) describe(text string) { w.items[0].Fields.Description = manifest.Some(text) }

// broken is a service on which the status of what is called a certain name is another one.
type broken struct {
	*showpad.Client
	name, status string
}

func (b *broken) Assets(ctx context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	return func(yield func(showpad.Asset, error) bool) {
		for a, err := range b.Client.Assets(ctx, f) {
			if a.Name == b.name {
				a.Status = b.status
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

// TestEveryConflictHasAWayOn meets each reason of a conflict, goes each way that
// its text names, and demands that a run ends well then and leaves nothing to do.
func TestEveryConflictHasAWayOn(t *testing.T) {
	const id = "A"
	var assetID string // of the asset at the end
	theirs := func(w *world) {
		w.mustRun(0)
		w.person(id, description("theirs"))
		w.describe("ours, new")
	}
	theirVersion := func(w *world) {
		w.mustRun(0)
		w.upload(w.client(), w.assets()[id][0].ID, "their content")
		<-time.After(time.Minute)
		w.files.put("A.txt", "our second content")
	}
	found := func(w *world) {
		f := named("A.txt", id)
		f.Description = showpad.Some("theirs")
		w.byHand("content", f)
	}
	trashed := func(w *world) {
		w.mustRun(0)
		w.person(id, showpad.AssetFields{IsArchived: showpad.Some(true)})
	}
	gone := func(w *world) {
		w.mustRun(0)
		w.deleteByHand(w.assets()[id][0].ID)
	}
	twins := func(w *world) {
		for range 2 {
			f := named("A.txt", id)
			f.Description = showpad.Some("ours")
			assetID = w.byHand("content", f)
		}
	}
	elsewhere := func(w *world) {
		f := named("A.txt", id)
		f.Description, f.Division = showpad.Some("ours"), showpad.Some(showpad.Ref{ID: emulator.DivisionSales})
		w.byHand("content", f)
	}
	identity := func(value showpad.Opt[string]) func(*world) {
		return func(w *world) {
			w.mustRun(0)
			assetID = w.assets()[id][0].ID
			w.person(id, showpad.AssetFields{ExternalID: value})
		}
	}
	others := func(w *world) {
		w.man.ID = "wave-2"
		w.mustRun(0)
		w.man.ID = "test"
	}
	ours := func(externalID string) showpad.AssetFields {
		f := named("A.txt", externalID)
		f.Description = showpad.Some("ours")
		return f
	}
	linkOfOther := func(w *world) {
		assetID = w.byHand("content", ours("X"))
		w.items[0].ID = assetID
	}
	linkOfRecord := func(w *world) {
		item := w.items[0]
		w.items[0].ExternalID = "B"
		w.mustRun(0)
		w.items[0] = item
		w.items[0].ID = w.assets()["B"][0].ID
	}
	linkOfSecond := func(w *world) {
		w.mustRun(0)
		assetID = w.byHand("content", ours(""))
		w.items[0].ID = assetID
	}
	overwrite := func(w *world) { w.man.Update.Conflicts = "overwrite" }
	ways := []struct {
		reason, way string
		says        string // of the text of the conflict
		meet, goOn  func(w *world)
	}{
		{pipeline.ConflictChanged, "the manifest says the same", "make the manifest say the same", theirs, func(w *world) { w.describe("theirs") }},
		{pipeline.ConflictChanged, "overwrite", "conflicts: overwrite", theirs, overwrite},
		{pipeline.ConflictChanged, "bytes: keep", "file: keep", theirVersion, func(w *world) { w.man.Update.File = "keep" }},
		{pipeline.ConflictChanged, "bytes: theirs", "in the place of your file", theirVersion, func(w *world) { w.files.put("A.txt", "their content") }},
		{pipeline.ConflictChanged, "bytes: overwrite", "conflicts: overwrite", theirVersion, overwrite},
		{pipeline.ConflictChanged, "external ID: rename", "migrate state rename A B", identity(showpad.Some("B")), func(w *world) { w.rename(id, "B") }},
		{pipeline.ConflictChanged, "external ID: overwrite", "conflicts: overwrite", identity(showpad.Some("B")), overwrite},
		{pipeline.ConflictChanged, "external ID: given back", "back in Showpad", identity(showpad.Null[string]()), func(w *world) {
			if _, err := w.client().UpdateAsset(w.t.Context(), assetID, showpad.AssetFields{ExternalID: showpad.Some(id)}); err != nil {
				w.t.Fatal(err)
			}
		}},
		{pipeline.ConflictChanged, "external ID: overwrite nothing", "conflicts: overwrite", identity(showpad.Null[string]()), overwrite},
		{pipeline.ConflictAdopt, "the manifest says the same", "make the manifest say the same", found, func(w *world) { w.describe("theirs") }},
		{pipeline.ConflictAdopt, "overwrite", "conflicts: overwrite", found, overwrite},
		{pipeline.ConflictArchived, "isArchived: false", "isArchived: false", trashed, func(w *world) { w.items[0].Fields.IsArchived = manifest.Some(false) }},
		{pipeline.ConflictArchived, "restored by hand", "restore it there", trashed, func(w *world) {
			w.person(id, showpad.AssetFields{IsArchived: showpad.Some(false)})
		}},
		{pipeline.ConflictArchived, "removed", "remove the item", trashed, func(w *world) { w.items = nil }},
		{pipeline.ConflictMissing, "recreate", "--recreate A", gone, func(w *world) { w.options.Recreate = func(e string) bool { return e == id } }},
		{pipeline.ConflictMissing, "bind", "migrate state bind A ASSET-ID", gone, func(w *world) {
			f := named("A.txt", "")
			f.Description = showpad.Some("ours")
			w.mustBind(id, w.byHand("content", f))
		}},
		{pipeline.ConflictMissing, "removed", "remove the item", gone, func(w *world) { w.items = nil }},
		{pipeline.ConflictTwin, "bind", "migrate state bind A ASSET-ID", twins, func(w *world) { w.mustBind(id, assetID) }},
		{pipeline.ConflictTwin, "delete", "delete all but one", twins, func(w *world) { w.deleteByHand(assetID) }},
		{pipeline.ConflictTwin, "clear", "clear their external ID", twins, func(w *world) {
			if _, err := w.client().UpdateAsset(w.t.Context(), assetID, showpad.AssetFields{ExternalID: showpad.Null[string]()}); err != nil {
				w.t.Fatal(err)
			}
		}},
		{pipeline.ConflictDivision, "corrected", "correct division:", elsewhere, func(w *world) { w.items[0].Division = "Sales EMEA" }},
		{pipeline.ConflictDivision, "deleted", "run again", elsewhere, func(w *world) { w.deleteByHand(w.assets()[id][0].ID) }},
		{pipeline.ConflictDivision, "deleted, and made by us", "run with --recreate A", func(w *world) {
			w.mustRun(0)
			w.items[0].Division = "Sales EMEA"
		}, func(w *world) {
			w.deleteByHand(w.assets()[id][0].ID)
			w.options.Recreate = func(e string) bool { return e == id }
		}},
		{pipeline.ConflictOther, "removed", "remove it", others, func(w *world) { w.items = nil }},
		{pipeline.ConflictOther, "bind", "migrate state bind A " /* and the asset */, others, func(w *world) { w.mustBind(id, w.assets()[id][0].ID) }},
		{pipeline.ConflictLink, "another external ID: cleared", "clear it in Showpad", linkOfOther, func(w *world) {
			if _, err := w.client().UpdateAsset(w.t.Context(), assetID, showpad.AssetFields{ExternalID: showpad.Null[string]()}); err != nil {
				w.t.Fatal(err)
			}
		}},
		{pipeline.ConflictLink, "another external ID: taken over", "let the item have that one", linkOfOther, func(w *world) { w.items[0].ExternalID = "X" }},
		{pipeline.ConflictLink, "another external ID: taken out", "correct id:", linkOfOther, func(w *world) { w.items[0].ID = "" }},
		{pipeline.ConflictLink, "another record: renamed", "migrate state rename B A", linkOfRecord, func(w *world) {
			w.change(func(ctx context.Context, st *state.Store) error { return st.Rename(ctx, "B", id) })
		}},
		{pipeline.ConflictLink, "another asset: taken out", "take id: out", linkOfSecond, func(w *world) { w.items[0].ID = "" }},
		{pipeline.ConflictLink, "another asset: bind", "migrate state bind A ", linkOfSecond, func(w *world) {
			w.deleteByHand(w.assets()[id][0].ID)
			w.mustBind(id, assetID)
		}},
		{pipeline.ConflictMissing, "id: taken out", "take it out to make a new asset", func(w *world) { w.items[0].ID = "0123456789abcdef0123456789abcdef" }, func(w *world) { w.items[0].ID = "" }},
		{pipeline.ConflictMissing, "id: taken out, and recreate", "--recreate A", func(w *world) {
			w.mustRun(0)
			w.items[0].ID = w.assets()[id][0].ID
			w.deleteByHand(w.items[0].ID)
		}, func(w *world) {
			w.items[0].ID = ""
			w.options.Recreate = func(e string) bool { return e == id }
		}},
		{pipeline.ConflictFailed, "recreate", "--recreate A", func(w *world) {
			link(&w.items[0])
			w.mustRun(0)
			w.changeAPI = func(c *showpad.Client) pipeline.API { return &broken{c, "A.url", showpad.StatusFailed} }
		}, func(w *world) {
			w.deleteByHand(w.assets()[id][0].ID)
			w.changeAPI = nil
			w.options.Recreate = func(e string) bool { return e == id }
		}},
	}
	for _, c := range ways {
		t.Run(c.reason+"/"+c.way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.options.FullCheck = true
				w.add(id, "content", func(i *manifest.Item) { i.Fields.Description = manifest.Some("ours") })
				c.meet(w)
				if row := w.action(id); row.Action != pipeline.ActionConflict || row.Reason != c.reason || !strings.Contains(row.Detail, c.says) {
					t.Fatalf("the plan says %s %s: %s", row.Action, row.Reason, row.Detail)
				}
				w.tenant.ResetBooks()
				w.mustRun(3)
				if b := w.tenant.Books(); len(b.Commits) > 0 {
					t.Errorf("a conflict changed something: %v", b.Commits)
				}
				if r := w.result(id); r.Reason != c.reason || r.Error == nil || !strings.Contains(r.Error.Message, c.says) {
					t.Errorf("the result is %s %s %+v", r.Action, r.Reason, r.Error)
				}
				c.goOn(w)
				w.mustRun(0)
				w.options.Recreate = nil
				for _, r := range w.results {
					if !r.OK() {
						t.Errorf("%s is %s", r.ExternalID, r.Status)
					}
				}
				w.planIsEmpty()
				w.tenant.ResetBooks()
				w.mustRun(0)
				if b := w.tenant.Books(); len(b.Commits) > 0 {
					t.Errorf("a rerun changed something: %v", b.Commits)
				}
			})
		})
	}
}

// TestEveryConflictIsMetAbove holds the table above against the reasons.
func TestEveryConflictIsMetAbove(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	src := read("reasons.go")
	_, list, _ := strings.Cut(src, "// Conflicts.")
	list, _, _ = strings.Cut(list, "// Conflicts of a rollback")
	table := read("ways_test.go")
	n := 0
	for line := range strings.Lines(list) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "Conflict") {
			n++
			if !strings.Contains(table, "{pipeline."+name+",") && !strings.Contains(read("myfiles_test.go"), "pipeline."+name) {
				t.Errorf("%s is met nowhere", name)
			}
		}
	}
	if n < 8 {
		t.Errorf("%d reasons found", n)
	}
}

func TestABindingRefusesWhatWouldMakeTwins(t *testing.T) {
	type setup = func(w *world) (externalID, assetID string)
	for _, c := range []struct {
		name string
		with setup
		want string // "": bound
	}{
		{"no such asset", func(*world) (string, string) { return "A", "nothing" }, "no such asset"},
		{"the asset of another item", func(w *world) (string, string) {
			w.mustRun(0)
			return "A", w.assets()["B"][0].ID
		}, "it is the asset of B"},
		{"the asset of another item, and nothing is known of this one", func(w *world) (string, string) {
			w.mustRun(0)
			return "C", w.assets()["B"][0].ID
		}, "migrate state rename B C"},
		{"the external ID is with another asset", func(w *world) (string, string) {
			w.mustRun(0)
			return "A", w.byHand("x", named("x.txt", ""))
		}, "has this external ID"},
		{"in the midst of an op", func(w *world) (string, string) {
			w.crash(emulator.OpPut, 1, emulator.Before)
			var id string
			for _, a := range w.tenant.Assets() {
				id = a.ExternalID
			}
			w.person(id, showpad.AssetFields{ExternalID: showpad.Null[string]()})
			return id, w.byHand("x", named("x.txt", ""))
		}, "begun and not over"},
		{"in the midst of an op, and its asset is gone", func(w *world) (string, string) {
			w.crash(emulator.OpPut, 1, emulator.Before)
			a := w.tenant.Assets()[0]
			w.deleteByHand(a.ID)
			return a.ExternalID, w.byHand("x", named("x.txt", ""))
		}, ""},
		{"in the midst of an op, and both have the external ID", func(w *world) (string, string) {
			w.crash(emulator.OpPut, 1, emulator.Before)
			a := w.tenant.Assets()[0]
			return a.ExternalID, w.byHand("x", named("x.txt", a.ExternalID))
		}, ""},
		{"a create without an answer, which was carried out", func(w *world) (string, string) {
			w.items = w.items[:1]
			w.crash("postAssets", 1, emulator.After)
			f := named("x.txt", "")
			f.Division = showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})
			a, err := w.client().CreateAsset(w.t.Context(), f) // at once: the list does not show ours yet
			if err != nil {
				w.t.Fatal(err)
			}
			return "A", a.ID
		}, "has this external ID"},
		{"a create without an answer, which was not carried out", func(w *world) (string, string) {
			w.items = w.items[:1]
			w.crash("postAssets", 1, emulator.Before)
			for _, a := range w.tenant.Assets() { // it may have been, late
				w.deleteByHand(a.ID)
			}
			return "A", w.byHand("content", named("A.txt", ""))
		}, ""},
		{"an archived one", func(w *world) (string, string) {
			f := named("x.txt", "")
			f.IsArchived = showpad.Some(true)
			return "A", w.byHand("x", f)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{ListLag: time.Second})
				w.options.SettleTime = 5 * time.Second
				w.add("A", "content")
				w.add("B", "other content")
				id, asset := c.with(w)
				err := w.bind(id, asset)
				if c.want != "" {
					if !errors.Is(err, pipeline.ErrNotBound) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), id) {
						t.Errorf("refused with %v, want %q", err, c.want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				rec := w.record(id)
				if rec.AssetID != asset || !rec.Unconfirmed || rec.Owner != "test" || len(rec.Intent) > 0 {
					t.Errorf("the record is %+v", rec)
				}
				if story := w.story(id); !strings.Contains(story, "Bound by hand to asset "+asset) {
					t.Errorf("the story says nothing of it:\n%s", story)
				}
			})
		})
	}
}

func TestABindingTellsWhatTheNextRunMeets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		var codes []string
		observe := func(e pipeline.Event) {
			if warned, ok := e.(pipeline.Warned); ok {
				codes = append(codes, warned.Code)
			}
		}
		first, second := w.byHand("content", named("A.txt", "A")), w.byHand("content", named("A.txt", "A"))
		if err := w.bind("A", second, observe); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(codes) != "[twin]" {
			t.Errorf("it tells of %q", codes)
		}
		w.mustRun(0)
		if rec := w.record("A"); rec.AssetID != second || rec.Unconfirmed {
			t.Errorf("the record is %+v", rec)
		}
		// The very same again changes nothing.
		before := w.record("A")
		w.mustBind("A", second)
		if after := w.record("A"); after.Status != before.Status || after.Unconfirmed || len(after.Fields) != len(before.Fields) {
			t.Errorf("bound again, it is %+v", after)
		}
		w.deleteByHand(first)

		codes = nil
		w.add("C", "content")
		if err := w.bind("C", w.byHand("content", named("C.txt", "X")), observe); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(codes) != "[adopt-differs]" {
			t.Errorf("it tells of %q", codes)
		}
		w.mustRun(3)
		if r := w.result("C"); r.Reason != pipeline.ConflictAdopt {
			t.Errorf("C is %s %s", r.Action, r.Reason)
		}
	})
}

func TestAnItemThatIsTakenOverKeepsItsHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", func(i *manifest.Item) { i.Fields.Description = manifest.Some("ours") })
		w.man.ID = "wave-2"
		w.mustRun(0)
		w.man.ID = "test"
		w.person("A", description("theirs"))
		w.describe("new")
		w.mustBind("A", w.assets()["A"][0].ID)
		if rec := w.record("A"); rec.Owner != "test" || rec.Unconfirmed || string(rec.Fields["description"].Sent) != `"ours"` {
			t.Errorf("the record is %+v", rec)
		}
		w.mustRun(3)
		if r := w.result("A"); r.Reason != pipeline.ConflictChanged {
			t.Errorf("it is %s %s", r.Action, r.Reason)
		}
		w.man.ID = "wave-2"
		w.mustRun(3)
		if r := w.result("A"); r.Reason != pipeline.ConflictOther {
			t.Errorf("for the former owner it is %s %s", r.Action, r.Reason)
		}
	})
}
