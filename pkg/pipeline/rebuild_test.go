package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// rebuild makes the state anew from the service: built under another name and
// renamed when it is whole.
func (w *world) rebuild(change ...func(*pipeline.RebuildInput)) (pipeline.RebuildSummary, error) {
	w.t.Helper()
	path := filepath.Join(filepath.Dir(w.path), "rebuilt.state.db")
	st, err := state.Open(w.t.Context(), path, state.Options{Tenant: "acme", NoSync: true})
	if err != nil {
		w.t.Fatal(err)
	}
	in := pipeline.RebuildInput{API: w.client(), Store: st, SettleTime: w.options.SettleTime}
	for _, c := range change {
		c(&in)
	}
	sum, err := pipeline.Rebuild(w.t.Context(), in)
	if cerr := st.Close(); cerr != nil {
		w.t.Error(cerr)
	}
	if err == nil {
		if rerr := os.Rename(path, w.path); rerr != nil {
			w.t.Fatal(rerr)
		}
	}
	return sum, err
}

func (w *world) mustRebuild(change ...func(*pipeline.RebuildInput)) pipeline.RebuildSummary {
	w.t.Helper()
	sum, err := w.rebuild(change...)
	if err != nil {
		w.t.Fatalf("rebuild: %v", err)
	}
	return sum
}

// library is n items with most of what a manifest can say.
func library(w *world, n int) {
	w.many(n, tags("One", "Two"), func(i *manifest.Item) {
		f := &i.Fields
		f.Description = manifest.Some("R&D: " + i.ExternalID)
		f.Languages, f.Countries = manifest.Some([]string{"en", "de"}), manifest.Some([]string{"BE"})
		f.Authors = manifest.Some([]string{"jane@example.com"})
		f.IsShareable, f.IsSensitive = manifest.Some(false), manifest.Some(false)
		f.ExpiresAt = manifest.Some(manifest.Instant{Relative: "+18 months", Months: 18})
		f.DownloadableExternal = manifest.Some([]string{"pdf"})
	})
}

func TestARebuiltStateIsConfirmedWithoutRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{SnapDates: true}})
		library(w, 300)
		link(w.add("LINK", ""))
		w.mustRun(0)
		<-time.After(50 * 24 * time.Hour)
		w.tenant.ResetBooks()
		sum := w.mustRebuild(func(in *pipeline.RebuildInput) { in.From, in.Items = pipeline.FromAuto, 301 })
		if sum.From != pipeline.FromLists || sum.Assets != 301 || sum.Records != 301 || sum.TwinsAll != 0 {
			t.Errorf("%+v", sum)
		}
		b := w.tenant.Books()
		if b.API != 2 { // a count and a page
			t.Errorf("the rebuild took %d requests: %v", b.API, b.Requests)
		}
		if rec := w.record("A00"); rec.Owner != "" || rec.Run != "" || !rec.Unconfirmed || rec.Fields["description"].Sent != nil {
			t.Errorf("the record is %+v", rec)
		}
		w.tenant.ResetBooks()
		w.planIsEmpty()
		w.mustRun(0)
		if b := w.tenant.Books(); b.Requests["getAssets"] > 0 || len(b.Commits) > 0 {
			t.Errorf("plan and run took %v and changed %v", b.Requests, b.Commits)
		}
		w.check()
		rec := w.record("A00")
		if rec.Unconfirmed || rec.Owner != "test" || rec.Status != state.Done || string(rec.Fields["description"].Sent) != `"R&D: A00"` || rec.Relative["expiresAt"] == "" || rec.ModTime == 0 {
			t.Errorf("the record after a run is %+v", rec)
		}
		if len(rec.Fields) != 10 {
			t.Errorf("%d fields have bases: %v", len(rec.Fields), rec.Fields)
		}
		w.planIsEmpty()
		w.options.FullCheck = true
		w.planIsEmpty()
	})
}

// TestAPlanOfARebuiltStateReadsNoFile: after a rebuild nothing is known of the
// files, and only --hash, or a run, reads them.
func TestAPlanOfARebuiltStateReadsNoFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		library(w, 5)
		w.mustRun(0)
		w.mustRebuild()
		w.cache.m = nil
		s, _ := w.plan()
		if s.Actions[pipeline.ActionCheck] != 5 || s.Writes != 0 || len(w.cache.m) > 0 {
			t.Errorf("%v, %d writes, %d files read", s.Actions, s.Writes, len(w.cache.m))
		}
		w.options.Hash = true
		w.planIsEmpty()
		w.options.Hash, w.cache.m = false, nil
		w.mustRun(0)
		w.planIsEmpty()
	})
}

// TestAStateLostInMidMigrationIsRebuilt kills a run at each step of a migration,
// throws the state away, rebuilds it and goes on.
func TestAStateLostInMidMigrationIsRebuilt(t *testing.T) {
	for _, from := range []pipeline.RebuildFrom{pipeline.FromLists, pipeline.FromExports} {
		for _, op := range []string{"postAssets", "postAssetFiles", emulator.OpPut} {
			for nth := 1; nth <= 12; nth += 4 {
				for _, side := range []emulator.When{emulator.Before, emulator.After} {
					t.Run(fmt.Sprintf("%s/%s/%d/%v", from, op, nth, side), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							w := newWorld(t, emulator.Options{ListLag: time.Second, Processing: 3 * time.Second})
							library(w, 12)
							w.crash(op, nth, side)
							if err := os.Remove(w.path); err != nil {
								t.Fatal(err)
							}
							sum := w.mustRebuild(func(in *pipeline.RebuildInput) { in.From = from })
							if n := len(w.tenant.Assets()); sum.Records != n || sum.From != from {
								t.Errorf("%d assets, and the rebuild says %+v", n, sum)
							}
							w.mustRun(0)
							w.check()
							w.planIsEmpty()
							w.tenant.ResetBooks()
							w.mustRun(0)
							if b := w.tenant.Books(); len(b.Commits) > 0 || b.Requests["getAssets"] > 0 {
								t.Errorf("a rerun took %v and changed %v", b.Requests, b.Commits)
							}
						})
					})
				}
			}
		}
	}
}

func TestARebuildTellsWhatItLeavesOut(t *testing.T) {
	for _, from := range []pipeline.RebuildFrom{pipeline.FromLists, pipeline.FromExports} {
		t.Run(string(from), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "a")
				w.add("TRASH", "b")
				w.mustRun(0)
				w.person("TRASH", showpad.AssetFields{IsArchived: showpad.Some(true)})
				w.byHand("x", named("none.txt", ""))
				first, second, third := w.byHand("x", named("T.txt", "T")), w.byHand("x", named("T.txt", "T")), w.byHand("x", named("T.txt", "T"))
				gone := w.byHand("x", named("gone.txt", "G"))
				if err := w.client().DeleteAsset(t.Context(), gone); err != nil {
					t.Fatal(err)
				}
				sum := w.mustRebuild(func(in *pipeline.RebuildInput) { in.From = from })
				want := pipeline.RebuildSummary{
					From: from, Assets: 6, Records: 2, Archived: 1, NoExternalID: 1, Twinned: 3, TwinsAll: 1,
					Twins: []pipeline.Twin{{ExternalID: "T", AssetIDs: []string{first, second, third}}},
				}
				if from == pipeline.FromExports {
					want.Assets, want.Deleted = 7, 1
				}
				if fmt.Sprint(sum) != fmt.Sprint(want) {
					t.Errorf("got  %+v\nwant %+v", sum, want)
				}
				story := w.story("T")
				for _, id := range []string{first, second, third} {
					if !strings.Contains(story, id) {
						t.Errorf("the story of T does not name asset %s:\n%s", id, story)
					}
				}
				w.add("T", "x")
				w.mustRun(3)
				if r := w.result("T"); r.Reason != pipeline.ConflictTwin {
					t.Errorf("T is %s %s", r.Action, r.Reason)
				}
				if r := w.result("TRASH"); r.Reason != pipeline.ConflictArchived {
					t.Errorf("TRASH is %s %s", r.Action, r.Reason)
				}
				if r := w.result("A"); !r.OK() {
					t.Errorf("A is %s %s", r.Action, r.Reason)
				}
			})
		})
	}
}

func TestARebuildWaitsForWhatWasMadeAMomentAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 20 * time.Second})
		w.add("A", "a")
		w.crash("postAssets", 1, emulator.After)
		told := false
		sum := w.mustRebuild(func(in *pipeline.RebuildInput) {
			in.SettleTime = 30 * time.Second
			in.Observe = func(e pipeline.Event) {
				wait, ok := e.(pipeline.Waiting)
				told = told || ok && wait.For == "settle" && time.Until(wait.Until) == in.SettleTime
			}
		})
		if sum.Records != 1 || !told {
			t.Errorf("%+v, told of the wait: %v", sum, told)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		st := w.open()
		defer func() { _ = st.Close() }()
		if _, err := pipeline.Rebuild(ctx, pipeline.RebuildInput{API: w.client(), Store: st}); err == nil || !strings.Contains(err.Error(), "has records") {
			t.Errorf("into a state with records: %v", err)
		}
	})
}

func TestARebuildEndsWithItsContextOrWithTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(3)
		w.mustRun(0)
		w.tenant.Fail(emulator.Fault{Op: "getAssets", Kind: emulator.KindStatus, Status: 403, Count: -1})
		if _, err := w.rebuild(); err == nil {
			t.Error("a rebuild from a list that is refused ends well")
		}
		if w.record("A00").Status != state.Done {
			t.Error("the state was replaced")
		}
		w.tenant.ClearFaults()
		if err := os.Remove(filepath.Join(filepath.Dir(w.path), "rebuilt.state.db")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-time.After(time.Minute); cancel(errCrash) }()
		if _, err := pipeline.Rebuild(ctx, pipeline.RebuildInput{API: w.client(), Store: emptyState(t), SettleTime: time.Hour}); !errors.Is(err, errCrash) {
			t.Errorf("it ends with %v", err)
		}
	})
}

// counted is a tenant of some size.
type counted struct {
	n     int
	known bool
	read  string
}

func (c *counted) CountAssets(context.Context, showpad.AssetFilter) (int, bool, error) {
	return c.n, c.known, nil
}

func (c *counted) Assets(context.Context, showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	return func(func(showpad.Asset, error) bool) { c.read = "lists" }
}

func (c *counted) ExportAssets(context.Context) iter.Seq2[showpad.ExportedAsset, error] {
	return func(func(showpad.ExportedAsset, error) bool) { c.read = "exports" }
}

func TestARebuildTakesWhatNeedsFewerRequests(t *testing.T) {
	for _, c := range []struct {
		from   pipeline.RebuildFrom
		assets int // -1: not told
		items  int
		want   string
	}{
		{"", 1_000_000, 100, "lists"},
		{pipeline.FromExports, 10, 10, "exports"},
		{pipeline.FromAuto, 1_000_000, 100, "exports"},
		{pipeline.FromAuto, 1_000_000, 1_000_000, "lists"},
		{pipeline.FromAuto, 50_000, 3_000, "exports"},
		{pipeline.FromAuto, 50_000, 5_000, "lists"},
		{pipeline.FromAuto, 500, 10, "lists"},
		{pipeline.FromAuto, 1_000_000, 0, "lists"},
		{pipeline.FromAuto, -1, 100, "lists"},
	} {
		t.Run(fmt.Sprintf("%s %d %d", c.from, c.assets, c.items), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &counted{n: c.assets, known: c.assets >= 0}
				sum, err := pipeline.Rebuild(t.Context(), pipeline.RebuildInput{API: api, Store: emptyState(t), From: c.from, Items: c.items})
				if err != nil || api.read != c.want || string(sum.From) != c.want {
					t.Errorf("it read %s and says %s, %v; want %s", api.read, sum.From, err, c.want)
				}
			})
		})
	}
	if _, err := pipeline.Rebuild(t.Context(), pipeline.RebuildInput{Store: emptyState(t), From: "memory"}); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("from memory: %v", err)
	}
}

func emptyState(t *testing.T) *state.Store {
	t.Helper()
	st, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "s.db"), state.Options{Tenant: "acme", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// TestEveryUnconfirmedRecordHasAWayOn puts what the service can have beside each
// edit, before or after a rebuild, and demands an end of it: done, or a conflict
// that conflicts: overwrite takes away, unless it is none of values.
func TestEveryUnconfirmedRecordHasAWayOn(t *testing.T) {
	remotes := map[string]struct {
		change func(w *world, id string)
		reason string // of the conflict that nothing but a person ends
	}{
		"same": {func(*world, string) {}, ""},
		"gone": {(*world).deleteByHand, pipeline.ConflictMissing},
		"half made": {func(w *world, id string) {
			w.deleteByHand(id)
			f := named("A.txt", "A")
			f.Description, f.Division = showpad.Some("ours"), showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})
			if _, err := w.client().CreateAsset(w.t.Context(), f); err != nil {
				w.t.Fatal(err)
			}
		}, pipeline.ConflictMissing},
		"other bytes":  {func(w *world, id string) { w.upload(w.client(), id, "theirs") }, ""},
		"other fields": {func(w *world, _ string) { w.person("A", description("theirs")) }, ""},
		"archived":     {func(w *world, _ string) { w.person("A", showpad.AssetFields{IsArchived: showpad.Some(true)}) }, pipeline.ConflictArchived},
	}
	edits := map[string]func(w *world){
		"none":  func(*world) {},
		"file":  func(w *world) { w.files.put("A.txt", "second content") },
		"field": func(w *world) { w.describe("second") },
	}
	for remote, there := range remotes {
		for edit, change := range edits {
			for _, before := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/before %v", remote, edit, before), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, emulator.Options{})
						w.add("A", "content", tags("One"), func(i *manifest.Item) { i.Fields.Description = manifest.Some("ours") })
						w.mustRun(0)
						id := w.assets()["A"][0].ID
						if before {
							there.change(w, id)
						}
						w.mustRebuild()
						if !before {
							there.change(w, id)
						}
						<-time.After(time.Hour)
						change(w)
						w.options.FullCheck = !before // what was seen may be out of date
						reason := there.reason
						if before && (remote == "half made" || remote == "gone") {
							reason = ""
						}
						for _, rule := range []string{"skip", "overwrite"} {
							w.man.Update.Conflicts = rule
							if _, err := w.run(t.Context(), nil); err != nil {
								t.Fatal(err)
							}
							r := w.result("A")
							want := reason
							if want == "" && rule == "skip" && (edit != "none" && remote != "half made" && (remote != "gone" || !before) || remote == "other bytes" || remote == "other fields") {
								want = pipeline.ConflictAdopt
							}
							if want != "" && (r.Status != "conflict" || r.Reason != want) || want == "" && !r.OK() {
								t.Fatalf("%s: it is %s %s %s (%+v), want %q", rule, r.Action, r.Reason, r.Status, r.Error, want)
							}
							if n := len(w.tenant.Assets()); n > 1 {
								t.Fatalf("%d assets", n)
							}
						}
						if reason != "" {
							return
						}
						w.check()
						if d, want := w.assets()["A"][0].Description, w.items[0].Fields.Description.Value; d != want {
							t.Errorf("the description is %q, want %q", d, want)
						}
						w.options.FullCheck = true
						w.planIsEmpty()
						if rec := w.record("A"); rec.Unconfirmed || rec.Owner != "test" {
							t.Errorf("the record is %+v", rec)
						}
					})
				})
			}
		}
	}
}

// TestARebuildAfterTurbulence throws the state away after runs under faults that
// were cut off anywhere, and edits of people. Nothing is made twice, whatever
// differs is told, and conflicts: overwrite brings the rest about.
func TestARebuildAfterTurbulence(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 7))
				w := newWorld(t, emulator.Options{
					Seed: seed, ListLag: []time.Duration{0, 700 * time.Millisecond, 3 * time.Second}[rng.IntN(3)], Processing: []time.Duration{0, 20 * time.Second}[rng.IntN(2)],
					Switches: emulator.Switches{DropTags: rng.IntN(4) == 0, SnapDates: rng.IntN(4) == 0, TrimDescriptions: rng.IntN(4) == 0, ResetPermissions: rng.IntN(4) == 0},
				})
				w.options = pipeline.Options{SettleTime: 8 * time.Second, Retries: 20, RetryFailed: true, ProcessingTimeout: 25 * time.Minute}
				for i := range 1 + rng.IntN(8) {
					w.add(fmt.Sprintf("ID-%d", i), text(rng), randomFields(rng))
				}
				s := &sim{world: w, rng: rng, lag: 3 * time.Second}
				for range 1 + rng.IntN(3) {
					s.stormyRun()
				}
				s.calm()
				<-time.After(w.options.SettleTime)
				if rng.IntN(2) == 0 {
					edit(w, rng)
				}
				sum := w.mustRebuild(func(in *pipeline.RebuildInput) {
					in.From = []pipeline.RebuildFrom{pipeline.FromLists, pipeline.FromExports}[rng.IntN(2)]
				})
				if sum.Records != len(w.tenant.Assets()) || sum.TwinsAll > 0 {
					t.Errorf("%d assets, and the rebuild says %+v", len(w.tenant.Assets()), sum)
				}
				if _, err := w.run(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				for _, r := range w.results {
					if !r.OK() && r.Reason != pipeline.ConflictAdopt && (r.Error == nil || r.Error.Code != pipeline.FailedProcessing && r.Error.Code != pipeline.FailedTimeout && r.Error.Code != pipeline.ConflictAdopt) {
						t.Errorf("%s is %s %s %s: %+v", r.ExternalID, r.Action, r.Reason, r.Status, r.Error)
					}
				}
				w.man.Update.Conflicts = "overwrite"
				out, err := w.run(t.Context(), nil)
				if err == nil && out.Status["failed"] > 0 { // a file that got stuck before
					out, err = w.run(t.Context(), nil)
				}
				if err != nil {
					t.Fatal(err)
				}
				w.want(out, 0)
				w.check()
				w.options.FullCheck = true
				w.planIsEmpty()
			})
		})
	}
}

func TestVerifyTakesAnUnconfirmedRecordForNoWorkUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		library(w, 3)
		w.mustRun(0)
		w.person("A01", description("theirs"))
		w.mustRebuild()
		if s, short, _ := w.verify(); s.OK != 2 || s.Different != 1 || fmt.Sprint(short) != "[A01 field description]" {
			t.Errorf("%+v %q", s, short)
		}
	})
}
