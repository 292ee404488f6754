package pipeline_test

import (
	"slices"
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

// unlist takes items out of the manifest.
func (w *world) unlist(ids ...string) {
	w.items = slices.DeleteFunc(w.items, func(i manifest.Item) bool { return slices.Contains(ids, i.ExternalID) })
}

// archived are the external IDs in the trash, sorted.
func (w *world) archived() string {
	var ids []string
	for _, a := range w.tenant.Assets() {
		if a.IsArchived {
			ids = append(ids, a.ExternalID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// there are the external IDs of all assets, sorted.
func (w *world) there() string {
	var ids []string
	for _, a := range w.tenant.Assets() {
		ids = append(ids, a.ExternalID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// pruneWorld has made the items A, B, C and D.
func pruneWorld(t *testing.T, mode string) *world {
	w := newWorld(t, emulator.Options{})
	for _, id := range []string{"A", "B", "C", "D"} {
		w.add(id, "the bytes of "+id, tags("Sales"))
	}
	w.mustRun(0)
	w.man.Prune = mode
	w.options.AllowDelete = true
	return w
}

func guards(p *pipeline.Pruning) string {
	if p == nil {
		return "nobody looked"
	}
	var codes []string
	for _, g := range p.Guards {
		codes = append(codes, g.Code)
	}
	return strings.Join(codes, " ")
}

func TestWhatIsNoLongerListedIsKeptAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, "")
		w.unlist("B", "C")
		s, rows := w.plan()
		if p := s.Prune; p.Unlisted != 2 || p.Mode != pipeline.PruneKeep || strings.Join(p.Samples, " ") != "B C" || len(rows) != 2 || s.Work() {
			t.Errorf("plan: %+v, %d rows", p, len(rows))
		}
		out := w.mustRun(0)
		if p := out.Plan.Prune; p.Unlisted != 2 || w.archived() != "" {
			t.Errorf("run: %+v, in the trash %q", p, w.archived())
		}
	})
}

func TestPruneArchives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		w.unlist("B", "C")
		s, rows := w.plan()
		if len(rows) != 4 || rows[2].ExternalID != "B" || rows[2].Action != pipeline.ActionArchive || rows[2].Reason != pipeline.ReasonUnlisted ||
			rows[2].Undo != pipeline.UndoFull || rows[2].Writes != 1 || s.Pruned[pipeline.ActionArchive] != 2 || s.Items != 2 || s.Writes != 2 {
			t.Errorf("plan: %+v\n%+v", s, rows)
		}
		out := w.mustRun(0)
		if w.archived() != "B C" || len(w.results) != 4 {
			t.Errorf("in the trash %q, %d results", w.archived(), len(w.results))
		}
		if want := "2 of 2 done (2 unchanged), 2 no longer listed and archived"; out.Sentence != want {
			t.Errorf("%q, want %q", out.Sentence, want)
		}
		for _, r := range w.results[2:] {
			if !r.Unlisted || r.Status != "done" || r.Action != pipeline.ActionArchive || r.AssetID == "" {
				t.Errorf("%+v", r)
			}
		}
		if s, rows := w.plan(); s.Work() || len(rows) != 2 || s.Prune.Unlisted != 0 {
			t.Errorf("after it: %+v, %v", s.Prune, rows)
		}
		// Listed again, it comes back with its tags.
		w.add("B", "the bytes of B", tags("Sales"))
		if r := w.action("B"); r.Action != pipeline.ActionRestore {
			t.Errorf("listed again: %+v", r)
		}
		w.mustRun(0)
		if a := w.assets()["B"]; w.archived() != "C" || len(a) != 1 || !slices.Contains(a[0].Tags, "Sales") {
			t.Errorf("in the trash %q; %+v", w.archived(), a)
		}
	})
}

// TestPruneOfWhatItsItemArchived: an asset that is in the trash because its item
// said so stays ours.
func TestPruneOfWhatItsItemArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		w.items[1].Fields.IsArchived = manifest.Some(true)
		w.mustRun(0)
		asset := w.record("B").AssetID
		w.unlist("B")
		w.mustRun(0)
		if rec := w.record("B"); rec.AssetID != asset || rec.Op != state.Archive || rec.Status != state.Done {
			t.Errorf("%+v", rec)
		}
		if s, rows := w.plan(); s.Work() || len(rows) != 3 || s.Prune.Unlisted != 0 {
			t.Errorf("after it: %+v, %v", s.Prune, rows)
		}
		w.add("B", "the bytes of B", tags("Sales"))
		if r := w.action("B"); r.Action != pipeline.ActionRestore || r.AssetID != asset {
			t.Errorf("listed again: %+v", r)
		}
		w.mustRun(0)
		if w.archived() != "" || len(w.assets()["B"]) != 1 {
			t.Errorf("in the trash %q; %+v", w.archived(), w.assets()["B"])
		}
	})
}

func TestPruneDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneDelete)
		w.unlist("B")
		if r := w.action("B"); r.Action != pipeline.ActionDelete || r.Undo != pipeline.UndoNone {
			t.Errorf("%+v", r)
		}
		w.mustRun(0)
		if w.there() != "A C D" {
			t.Errorf("left: %s", w.there())
		}
		if s, _ := w.plan(); s.Work() || s.Prune.Unlisted != 0 {
			t.Errorf("after it: %+v", s.Prune)
		}
		w.add("B", "the bytes of B")
		w.mustRun(0)
		if w.there() != "A B C D" {
			t.Errorf("listed again: %s", w.there())
		}
	})
}

// TestPruneDeleteTakesWhatWasArchived: what pruning archived before is deleted, what
// a person put into the trash is not.
func TestPruneDeleteTakesWhatWasArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		w.unlist("B", "C")
		w.mustRun(0)
		w.person("A", showpad.AssetFields{IsArchived: showpad.Some(true)})
		w.person("C", showpad.AssetFields{IsArchived: showpad.Some(false)})
		w.unlist("A")
		w.man.Prune = pipeline.PruneDelete
		w.mustRun(3)
		if w.there() != "A C D" || w.archived() != "A" {
			t.Errorf("left: %s, in the trash %q", w.there(), w.archived())
		}
		for _, r := range w.results {
			if (r.ExternalID == "A" || r.ExternalID == "C") && (r.Status != "conflict" || r.Reason != pipeline.ConflictChanged) {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestRollbackOfPruning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		before := w.assets()["B"][0]
		w.unlist("B")
		w.mustRun(0)
		if out, err := w.rollback(t.Context(), nil, false, "run-2"); err != nil || out.Code != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		after := w.assets()["B"][0]
		after.UpdatedAt = before.UpdatedAt
		if w.archived() != "" || after.Name != before.Name || !slices.Equal(after.Tags, before.Tags) {
			t.Errorf("in the trash: %q; %+v, before %+v", w.archived(), after, before)
		}
		if r := w.action("B"); r.Action != pipeline.ActionArchive {
			t.Errorf("the next run: %+v", r)
		}
	})
}

func TestWhatAPersonChangedIsNotPruned(t *testing.T) {
	for name, change := range map[string]showpad.AssetFields{
		"a field of ours":   {Name: showpad.Some("as a person calls it.txt")},
		"a field of nobody": {Description: showpad.Some("by a person")},
		"its external ID":   {ExternalID: showpad.Some("theirs")},
	} {
		for _, mode := range []string{pipeline.PruneArchive, pipeline.PruneDelete} {
			t.Run(name+" "+mode, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := pruneWorld(t, mode)
					w.person("B", change)
					w.unlist("B")
					if r := w.action("B"); r.Action != pipeline.ActionConflict || r.Detail == "" || r.Writes != 0 {
						t.Errorf("%+v", r)
					}
					w.mustRun(3)
					if len(w.tenant.Assets()) != 4 || w.archived() != "" {
						t.Errorf("left: %s, in the trash %q", w.there(), w.archived())
					}
					w.man.Update.Conflicts = "overwrite"
					if change.ExternalID.Set {
						w.mustRun(3)
						if len(w.tenant.Assets()) != 4 || w.archived() != "" {
							t.Errorf("overwritten: %s, in the trash %q", w.there(), w.archived())
						}
						return
					}
					if r := w.action("B"); r.Overwrites != pipeline.ConflictChanged {
						t.Errorf("%+v", r)
					}
					w.mustRun(0)
					if w.archived() != "B" && w.there() != "A C D" {
						t.Errorf("overwritten: %s, in the trash %q", w.there(), w.archived())
					}
				})
			})
		}
	}
}

func TestWhatTheManifestDidNotMakeIsNotPruned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.man.Prune = pipeline.PruneArchive
		w.add("A", "ours")
		w.add("B", "theirs")
		c := w.client()
		a, err := c.CreateAsset(t.Context(), showpad.AssetFields{Name: showpad.Some("B.txt"), ExternalID: showpad.Some("B"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
		if err != nil {
			t.Fatal(err)
		}
		w.upload(c, a.ID, "theirs")
		w.mustRun(0)
		w.add("C", "ours")
		w.mustRun(0)
		w.unlist("B")
		s, rows := w.plan()
		if len(rows) != 2 || s.Prune.Found != 1 || s.Prune.Unlisted != 0 {
			t.Errorf("%+v, %v", s.Prune, rows)
		}
		w.mustRun(0)
		if w.archived() != "" {
			t.Errorf("in the trash: %s", w.archived())
		}
	})
}

// TestPruneClosesWhatIsGone: of assets that are gone, or in the trash already,
// nothing is left to do; a person's trash is not taken for ours.
func TestPruneClosesWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		if err := w.client().DeleteAsset(t.Context(), w.assets()["B"][0].ID); err != nil {
			t.Fatal(err)
		}
		w.person("C", showpad.AssetFields{IsArchived: showpad.Some(true)})
		w.unlist("B", "C")
		w.tenant.ResetBooks()
		w.mustRun(0)
		if c := w.tenant.Books().Commits; len(c) > 0 {
			t.Errorf("written: %v", c)
		}
		for _, r := range w.results[2:] {
			if want := map[string]string{"B": pipeline.ReasonGone, "C": pipeline.ReasonInTrash}[r.ExternalID]; r.Reason != want || !r.OK() {
				t.Errorf("%+v", r)
			}
		}
		if s, rows := w.plan(); s.Prune.Unlisted != 0 || len(rows) != 2 {
			t.Errorf("after it: %+v", s.Prune)
		}
		w.add("C", "the bytes of C")
		if r := w.action("C"); r.Action != pipeline.ActionConflict || r.Reason != pipeline.ConflictArchived {
			t.Errorf("listed again: %+v", r)
		}
	})
}

func TestPruneLeavesTwins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		_, err := w.client().CreateAsset(t.Context(), showpad.AssetFields{Name: showpad.Some("B.txt"), ExternalID: showpad.Some("B"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
		if err != nil {
			t.Fatal(err)
		}
		w.unlist("B")
		if r := w.action("B"); r.Action != pipeline.ActionConflict || r.Reason != pipeline.ConflictTwin {
			t.Errorf("%+v", r)
		}
		w.mustRun(3)
		if w.archived() != "" {
			t.Errorf("in the trash: %s", w.archived())
		}
	})
}

// TestAnItemUnderWayThatLeftTheManifest: a create that was cut off at any commit of
// its run, and whose item is taken out then, leaves no orphan: what was made is
// archived or deleted.
func TestAnItemUnderWayThatLeftTheManifest(t *testing.T) {
	for _, mode := range []string{pipeline.PruneArchive, pipeline.PruneDelete} {
		through := false
		for at := 1; !through && at < 60; at++ {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{ListLag: time.Second})
				w.options.SettleTime = 3 * time.Second
				w.options.AllowDelete = true
				w.add("KEPT", "kept")
				w.add("B", "bytes", tags("Sales"))
				w.fail = func(n int) error {
					if n >= at {
						return errCrash
					}
					return nil
				}
				out, err := w.run(t.Context(), nil)
				through = err == nil && out.Code == 0
				w.fail = nil
				w.unlist("B")
				w.man.Prune = mode
				w.mustRun(0)
				all := w.assets()
				if len(all["B"]) > 1 || len(all["B"]) == 1 && (mode == pipeline.PruneDelete || !all["B"][0].IsArchived) {
					t.Errorf("%s, cut at commit %d: left %+v\n%s", mode, at, all["B"], w.story("B"))
				}
				if s, _ := w.plan(); s.Work() || s.Prune.Unlisted > 0 {
					t.Errorf("%s, cut at commit %d: the plan after it: %v %+v", mode, at, s.Actions, s.Prune)
				}
			})
			if t.Failed() {
				return
			}
		}
		if !through {
			t.Error("no end")
		}
	}
}

// TestWhatWasArchivedInProcessingComesBack: the bytes that show later are those that were
// sent, and no person's version.
func TestWhatWasArchivedInProcessingComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{StuckProcessing: "B*"}})
		w.man.Prune = pipeline.PruneArchive
		w.options.Wait = -1
		w.add("A", "the bytes of A")
		w.add("B", "the bytes of B")
		w.mustRun(6)
		listed := slices.Clone(w.items)
		w.unlist("B")
		w.mustRun(0)
		if w.archived() != "B" {
			t.Fatalf("in the trash %q", w.archived())
		}
		w.tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = "" })
		<-time.After(time.Minute)
		w.man.Prune, w.items = pipeline.PruneKeep, listed
		w.files.put("B.txt", "other bytes of B")
		w.options.Wait = 0
		w.mustRun(0)
		w.check()
	})
}

// TestAHalfMadeAssetThatWasArchivedGetsItsTags: its create did not give them to it, and
// the run that archived it was cut off.
func TestAHalfMadeAssetThatWasArchivedGetsItsTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{DropTags: true}})
		w.options.SettleTime = 2 * time.Second
		w.man.Prune = pipeline.PruneArchive
		w.add("A", "the bytes of A")
		w.mustRun(0)
		w.add("B", "the bytes of B", tags("Sales"))
		w.crash(emulator.OpPut, 1, emulator.After)
		listed := slices.Clone(w.items)
		w.unlist("B")
		w.crash("updateAsset", 1, emulator.After)
		w.mustRun(0)
		if w.archived() != "B" {
			t.Fatalf("in the trash %q", w.archived())
		}
		w.items = listed
		w.mustRun(0)
		w.check()
	})
}

// TestPruneCutOffAnywhere: a run that prunes is cut off at each of its commits; the
// next one completes it, or keeps what is listed again.
func TestPruneCutOffAnywhere(t *testing.T) {
	for _, mode := range []string{pipeline.PruneArchive, pipeline.PruneDelete} {
		through := false
		for at := 1; !through && at < 40; at++ {
			for _, again := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					w := pruneWorld(t, mode)
					items := slices.Clone(w.items)
					w.unlist("B", "C")
					w.fail = func(n int) error {
						if n >= at {
							return errCrash
						}
						return nil
					}
					out, err := w.run(t.Context(), nil)
					through = err == nil && out.Code == 0
					w.fail = nil
					if again {
						w.items = items
						w.mustRun(0)
						w.check()
						if w.archived() != "" {
							t.Errorf("%s, cut at %d: in the trash: %s", mode, at, w.archived())
						}
						return
					}
					w.mustRun(0)
					if w.archived() != "B C" && w.there() != "A D" {
						t.Errorf("%s, cut at %d: there %s, in the trash %q", mode, at, w.there(), w.archived())
					}
					if s, _ := w.plan(); s.Work() || s.Prune.Unlisted > 0 {
						t.Errorf("%s, cut at %d: the plan after it: %v %+v", mode, at, s.Actions, s.Prune)
					}
				})
				if t.Failed() {
					return
				}
			}
		}
		if !through {
			t.Error("no end")
		}
	}
}

// TestPruneRepeatsWhatWasNotAnswered: archiving and deleting are repeated when their
// answers are lost, and a 404 is a delete that was carried out.
func TestPruneRepeatsWhatWasNotAnswered(t *testing.T) {
	for op, mode := range map[string]string{"updateAsset": pipeline.PruneArchive, "deleteAsset": pipeline.PruneDelete} {
		for _, kind := range []emulator.Kind{emulator.KindLost, emulator.KindReset, emulator.KindStatusAfter} {
			t.Run(op+" "+string(kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := pruneWorld(t, mode)
					w.unlist("B")
					w.tenant.Fail(emulator.Fault{Op: op, Kind: kind, Status: 500})
					w.mustRun(0)
					if w.archived() != "B" && w.there() != "A C D" {
						t.Errorf("there %s, in the trash %q", w.there(), w.archived())
					}
				})
			})
		}
	}
}

func TestAMovedFileIsPrunedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		old := w.files.get("B.txt")
		w.unlist("B")
		w.add("moved/B", "the bytes of B")
		w.files.mu.Lock()
		w.files.m["moved/B.txt"] = old
		w.files.mu.Unlock()
		if r := w.action("B"); r.Action != pipeline.ActionArchive || r.Moved != "moved/B" || !strings.Contains(r.Detail, "state rename B moved/B") {
			t.Errorf("%+v", r)
		}
		w.mustRun(0)
		if w.archived() != "B" || w.there() != "A B C D moved/B" {
			t.Errorf("there %s, in the trash %q", w.there(), w.archived())
		}
	})
}

func TestASavedPlanPrunesWhatItHasRowsFor(t *testing.T) {
	for _, c := range []struct {
		name   string
		mode   string
		change func(w *world)
		code   int
		left   string // what is in the trash then, or with delete what is left
		stale  string
	}{
		{name: "as it was", left: "B"},
		{name: "as it was, delete", mode: pipeline.PruneDelete, left: "A C D"},
		{name: "another one left, too, which is a problem", change: func(w *world) { w.unlist("C") }, code: 3, stale: "C " + pipeline.StaleItem},
		{name: "a person changed it", code: 3, stale: "B " + pipeline.StaleRemote, change: func(w *world) {
			w.person("B", showpad.AssetFields{Description: showpad.Some("theirs")})
		}},
		{name: "it is archived already", code: 3, stale: "B " + pipeline.StaleRemote, left: "B", change: func(w *world) {
			w.person("B", showpad.AssetFields{IsArchived: showpad.Some(true)})
		}},
		{name: "the manifest says delete now", code: 3, stale: "B " + pipeline.StaleItem, change: func(w *world) { w.man.Prune = pipeline.PruneDelete }},
		{name: "it is listed again", code: 3, stale: "B " + pipeline.StaleItem, change: func(w *world) { w.add("B", "the bytes of B", tags("Sales")) }},
		{name: "a run has archived it", code: 3, stale: "B " + pipeline.StaleItem, left: "B", change: func(w *world) { w.mustRun(0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mode := pipeline.PruneArchive
				if c.mode != "" {
					mode = c.mode
				}
				w := pruneWorld(t, mode)
				w.unlist("B")
				path, s, _ := w.save(pipeline.Choice{})
				if s.Pruned[pipeline.ActionArchive]+s.Pruned[pipeline.ActionDelete] != 1 {
					t.Fatalf("%+v", s.Pruned)
				}
				if c.change != nil {
					c.change(w)
				}
				w.mustCarry(c.code, path)
				left := w.archived()
				if c.mode == pipeline.PruneDelete {
					left = w.there()
				}
				var stale []string
				for _, r := range w.results {
					if r.Status == "blocked" {
						stale = append(stale, r.ExternalID+" "+r.Reason)
					}
				}
				if left != c.left || strings.Join(stale, ", ") != c.stale {
					t.Errorf("left: %q, want %q; refused: %q, want %q", left, c.left, stale, c.stale)
				}
				if c.code == 0 { // carried out already
					w.mustCarry(0, path)
				}
			})
		})
	}
}

// TestASavedPlanIsCarriedOnInPruning cuts the run of a saved plan off at each commit:
// the same plan goes on to the end.
func TestASavedPlanIsCarriedOnInPruning(t *testing.T) {
	for _, mode := range []string{pipeline.PruneArchive, pipeline.PruneDelete} {
		through := false
		for at := 1; !through && at < 40; at++ {
			synctest.Test(t, func(t *testing.T) {
				w := pruneWorld(t, mode)
				w.unlist("B", "C")
				path, _, _ := w.save(pipeline.Choice{})
				w.fail = func(n int) error {
					if n >= at {
						return errCrash
					}
					return nil
				}
				out, err := w.carry(t.Context(), path, nil)
				through = err == nil && out.Code == 0
				w.fail = nil
				w.mustCarry(0, path)
				if w.archived() != "B C" && w.there() != "A D" {
					t.Errorf("%s, cut at %d: there %s, in the trash %q", mode, at, w.there(), w.archived())
				}
			})
			if t.Failed() {
				return
			}
		}
		if !through {
			t.Error("no end")
		}
	}
}
