package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// save saves a plan of the world as it is and returns its path, its totals and
// its rows.
func (w *world) save(choice pipeline.Choice) (string, pipeline.Summary, []pipeline.Row) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "plan.ndjson")
	file, err := pipeline.CreatePlan(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Abandon()
	st := w.open()
	defer func() { _ = st.Close() }()
	var rows []pipeline.Row
	head := pipeline.PlanHeader{Tenant: "acme", Mode: "SANDBOX", Choice: choice}
	s, err := pipeline.SavePlan(w.t.Context(), w.input(st), head, file, func(r pipeline.Row) error { rows = append(rows, r); return nil })
	if err != nil {
		w.t.Fatalf("saving the plan: %v", err)
	}
	return path, s, rows
}

// carry runs a saved plan; the error is that of the run.
func (w *world) carry(ctx context.Context, path string, stop <-chan struct{}) (pipeline.Outcome, error) {
	w.t.Helper()
	p, err := pipeline.OpenPlan(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	w.runs++
	w.results, w.rows, w.events = nil, nil, nil
	st := w.open()
	out, err := pipeline.Run(ctx, pipeline.RunInput{Input: w.input(st), Store: st, ID: fmt.Sprintf("run-%d", w.runs), Stop: stop, Plan: p})
	if cerr := st.Close(); cerr != nil && w.fail == nil {
		w.t.Errorf("closing the state: %v", cerr)
	}
	return out, err
}

// mustCarry runs a saved plan and demands an exit code, and a result for each row.
func (w *world) mustCarry(code int, path string) pipeline.Outcome {
	w.t.Helper()
	out, err := w.carry(w.t.Context(), path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.want(out, code)
	return out
}

// reasons are the reasons of the results that are stale, by external ID.
func (w *world) stale() map[string]string {
	m := map[string]string{}
	for _, r := range w.results {
		if strings.HasPrefix(r.Reason, "stale-") {
			if r.Status != "blocked" || r.Error == nil || r.Error.Code != r.Reason || !strings.Contains(r.Error.Message, "plan again") {
				w.t.Errorf("%s: a stale row ends as %s %+v", r.ExternalID, r.Status, r.Error)
			}
			m[r.ExternalID] = r.Reason
		}
	}
	return m
}

// commits are the writes that the service carried out since its books were reset.
func (w *world) commits() (api, puts int) {
	b := w.tenant.Books()
	for op, n := range b.Commits {
		if op != emulator.OpPut {
			api += n
		}
	}
	return api, b.Puts
}

// prepared makes an asset as somebody else would and returns its id.
func (w *world) prepared(externalID string) string {
	w.t.Helper()
	a, err := w.client().CreateAsset(w.t.Context(), showpad.AssetFields{
		Name: showpad.Some(externalID + ".txt"), ExternalID: showpad.Some(externalID), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

func TestASavedPlanIsCarriedOutAsItWasSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 700 * time.Millisecond})
		for i := range 5 {
			w.add(fmt.Sprintf("OLD-%d", i), "content", tags("One"))
		}
		w.mustRun(0)
		w.items[0].Fields.Description = manifest.Some("new")
		w.files.put("OLD-1.txt", "other bytes")
		for i := range 5 {
			w.add(fmt.Sprintf("NEW-%d", i), "content", tags("One", "Two"))
		}
		path, s, rows := w.save(pipeline.Choice{})
		<-time.After(48 * time.Hour)
		w.add("LATER", "not planned")
		w.tenant.ResetBooks()
		out := w.mustCarry(0, path)
		api, puts := w.commits()
		if api != s.Writes || puts != s.Puts || s.Writes != 1+1+5*2+1 || s.Puts != 6 {
			t.Errorf("%d writes and %d uploads, planned %d and %d", api, puts, s.Writes, s.Puts)
		}
		if len(w.results) != len(rows) || out.Plan.Items != len(rows) || w.events[0].(pipeline.Started).Items != len(rows) {
			t.Errorf("%d results and %d decisions for %d rows", len(w.results), out.Plan.Items, len(rows))
		}
		told := slices.ContainsFunc(w.events, func(e pipeline.Event) bool {
			warned, ok := e.(pipeline.Warned)
			return ok && warned.Code == "not-in-plan" && strings.HasSuffix(warned.Text, "stay as they are: 1")
		})
		if !told || len(w.assets()["LATER"]) > 0 {
			t.Errorf("an item that is not in the plan: told %v, made %v", told, w.assets()["LATER"])
		}
		w.items = w.items[:len(w.items)-1]
		w.check()
		w.planIsEmpty()
	})
}

// TestAStaleRowIsRefused changes one thing between the plan and its run: that row
// is refused, with the reason that names it, nothing is written for it, and all
// others are carried out.
func TestAStaleRowIsRefused(t *testing.T) {
	item := func(w *world, id string) *manifest.Item {
		return &w.items[slices.IndexFunc(w.items, func(i manifest.Item) bool { return i.ExternalID == id })]
	}
	drop := func(w *world, id string) {
		w.items = slices.DeleteFunc(w.items, func(i manifest.Item) bool { return i.ExternalID == id })
	}
	// The rows: UPDATE, VERSION, SAME, TOUCHED (a check), NEW, LINK.
	for _, tc := range []struct {
		name   string
		change func(w *world)
		want   map[string]string
		says   string
	}{
		{"an item", func(w *world) { item(w, "NEW").Fields.Description = manifest.Some("other") }, map[string]string{"NEW": "stale-item"}, `planned: description is "other" (plan again)`},
		{"an item that is there", func(w *world) { item(w, "UPDATE").Fields.Description = manifest.Some("other") }, map[string]string{"UPDATE": "stale-item"}, `description was "new" is "other"`},
		{"an item that nothing was to be done about", func(w *world) { item(w, "SAME").Fields.IsShareable = manifest.Some(true) }, map[string]string{"SAME": "stale-item"}, "permissions.isShareable is true"},
		{"an address", func(w *world) { item(w, "LINK").URL += "/b" }, map[string]string{"LINK": "stale-item"}, `url was "https://www.example.com/LINK" is "https://www.example.com/LINK/b"`},
		{"tags", func(w *world) { item(w, "NEW").Fields.Tags = manifest.Some([]manifest.Tag{{Name: "Two"}}) }, map[string]string{"NEW": "stale-item"}, `tags is ["Two"]`},
		{"an item gone", func(w *world) { drop(w, "NEW") }, map[string]string{"NEW": "stale-item"}, "no longer has this item"},
		{"rules", func(w *world) { w.man.Update.Tags = "replace" }, map[string]string{
			"UPDATE": "stale-item", "VERSION": "stale-item", "SAME": "stale-item", "TOUCHED": "stale-item", "NEW": "stale-item", "LINK": "stale-item",
		}, "the manifest's header"},
		{"a file", func(w *world) { w.files.put("NEW.txt", "other") }, map[string]string{"NEW": "stale-file"}, "it was 3 bytes of "},
		{"a file of the same size", func(w *world) { w.files.put("NEW.txt", "wen") }, map[string]string{"NEW": "stale-file"}, "NEW.txt: the file is another one"},
		{"a file that is there", func(w *world) { w.files.put("VERSION.txt", "third") }, map[string]string{"VERSION": "stale-file"}, "5 bytes"},
		{"a file that had to be read", func(w *world) { w.files.put("TOUCHED.txt", "dehcuot") }, map[string]string{"TOUCHED": "stale-file"}, "TOUCHED.txt"},
		{"a file gone", func(w *world) { delete(w.files.m, "NEW.txt") }, map[string]string{"NEW": "stale-file"}, "is file-missing"},
		{"a file empty", func(w *world) { w.files.put("NEW.txt", "") }, map[string]string{"NEW": "stale-file"}, "is file-empty"},
		{"the state", func(w *world) {
			w.sel = pipeline.Selection{Only: func(id string) bool { return id == "UPDATE" }}
			w.mustRun(0)
			w.sel = pipeline.Selection{}
		}, map[string]string{"UPDATE": "stale-state"}, "since run run-"},
		{"the state of a create", func(w *world) {
			w.sel = pipeline.Selection{Only: func(id string) bool { return id == "NEW" }}
			w.mustRun(0)
			w.sel = pipeline.Selection{}
		}, map[string]string{"NEW": "stale-state"}, "it was none and is create done"},
		{"a field at the service", func(w *world) { w.person("UPDATE", description("theirs")) }, map[string]string{"UPDATE": "stale-remote"}, `description was "old" is "theirs"`},
		{"a field that the manifest does not name", func(w *world) { w.person("VERSION", showpad.AssetFields{IsSensitive: showpad.Some(true)}) }, map[string]string{"VERSION": "stale-remote"}, "isSensitive is true"},
		{"bytes at the service", func(w *world) { w.upload(w.client(), w.assets()["VERSION"][0].ID, "theirs") }, map[string]string{"VERSION": "stale-remote"}, "checksum"},
		{"an asset in the trash", func(w *world) { w.person("UPDATE", showpad.AssetFields{IsArchived: showpad.Some(true)}) }, map[string]string{"UPDATE": "stale-remote"}, "isArchived is true"},
		{"an asset by somebody else", func(w *world) { w.prepared("NEW") }, map[string]string{"NEW": "stale-remote"}, "it was none and is "},
		{"nothing but time, a line and kept columns", func(w *world) {
			<-time.After(100 * time.Hour)
			for i := range w.items {
				w.items[i].Pos.Line += 10
				w.items[i].Keep = []manifest.KeepKV{{Key: "Owner", Value: "Jane"}}
			}
			slices.Reverse(w.items)
		}, map[string]string{}, ""},
		{"nothing but the cache of checksums", func(w *world) { w.cache = cache{} }, map[string]string{}, ""},
		{"nothing but the time of a file whose checksum was known", func(w *world) { w.files.put("SAME.txt", "same") }, map[string]string{}, ""},
		{"nothing but a tag that was to be made", func(w *world) {
			if _, err := w.client().CreateTag(w.t.Context(), emulator.DivisionMarketing, "two"); err != nil {
				w.t.Fatal(err)
			}
		}, map[string]string{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				for _, id := range []string{"UPDATE", "VERSION", "SAME", "TOUCHED"} {
					w.add(id, strings.ToLower(id), tags("One"), func(i *manifest.Item) { i.Fields.Description = manifest.Some("old") })
				}
				w.mustRun(0)
				item(w, "UPDATE").Fields.Description = manifest.Some("new")
				w.files.put("VERSION.txt", "second")
				<-time.After(time.Hour)
				w.files.put("TOUCHED.txt", "touched")
				w.add("NEW", "new", tags("One", "Two"), func(i *manifest.Item) {
					i.Fields.ReleasedAt = manifest.Some(manifest.Instant{Relative: "+1 days", Days: 1})
				})
				w.add("LINK", "", link)
				path, _, rows := w.save(pipeline.Choice{})
				planned := map[string]pipeline.Row{}
				for _, r := range rows {
					planned[r.ExternalID] = r
				}
				if got := fmt.Sprintf("%s %s %s %s %s", planned["UPDATE"].Action, planned["VERSION"].Action, planned["SAME"].Action, planned["TOUCHED"].Action, planned["NEW"].Action); got != "update version unchanged check create" {
					t.Fatalf("the plan is %s", got)
				}
				<-time.After(time.Minute)
				tc.change(w)
				before := w.assets()
				w.tenant.ResetBooks()
				code := 0
				if len(tc.want) > 0 {
					code = 3
				}
				w.mustCarry(code, path)
				if got := w.stale(); !maps.Equal(got, tc.want) {
					t.Errorf("stale are %v, want %v", got, tc.want)
					for _, r := range w.results {
						t.Logf("%s: %s %s %+v", r.ExternalID, r.Action, r.Status, r.Error)
					}
				}
				if len(w.results) != len(rows) {
					t.Errorf("%d results for %d rows", len(w.results), len(rows))
				}
				after := w.assets()
				for _, r := range w.results {
					switch {
					case tc.want[r.ExternalID] == "" && !r.OK():
						t.Errorf("%s: %s %+v", r.ExternalID, r.Status, r.Error)
					case tc.want[r.ExternalID] != "" && fmt.Sprint(after[r.ExternalID]) != fmt.Sprint(before[r.ExternalID]):
						t.Errorf("%s was written to", r.ExternalID)
					case tc.want[r.ExternalID] != "" && (r.Error == nil || !strings.Contains(r.Error.Message, tc.says)):
						t.Errorf("%s: %+v\nlacks %q", r.ExternalID, r.Error, tc.says)
					}
				}
				// The way on: plan again.
				again, _, _ := w.save(pipeline.Choice{})
				if out, err := w.carry(t.Context(), again, nil); err != nil || len(w.stale()) > 0 {
					t.Errorf("after planning again: %s, %v, stale %v", out.Sentence, err, w.stale())
				}
			})
		})
	}
}

func TestATagThatIsGoneIsNotMadeByASavedPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		if _, err := w.client().CreateTag(t.Context(), emulator.DivisionMarketing, "One"); err != nil {
			t.Fatal(err)
		}
		w.add("A", "a", tags("One"))
		path, s, _ := w.save(pipeline.Choice{})
		if s.NewTagsAll != 0 {
			t.Fatalf("the plan makes tags: %v", s.NewTags)
		}
		other := newWorld(t, emulator.Options{}) // the same tenant without the tag
		w.tenant = other.tenant
		w.mustCarry(3, path)
		if got := w.stale(); got["A"] != "stale-decision" || !strings.Contains(w.result("A").Error.Message, `the tag "One" is gone`) {
			t.Errorf("%v: %+v", got, w.result("A").Error)
		}
		if b := w.tenant.Books(); b.Tags+b.Assets > 0 {
			t.Errorf("%d tags and %d assets were made", b.Tags, b.Assets)
		}
	})
}

// TestAnAssetThatAppearsInTheLastMomentIsNotAdopted lets somebody make the asset
// after the row was decided, before its create.
func TestAnAssetThatAppearsInTheLastMomentIsNotAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.options.LookupMaxAge = time.Millisecond
		path, _, _ := w.save(pipeline.Choice{})
		w.observe = func(e pipeline.Event) {
			if stage, ok := e.(pipeline.Stage); ok && stage.Stage == "register" {
				<-time.After(time.Second)
				w.prepared("A")
			}
		}
		w.mustCarry(3, path)
		if got := w.stale(); got["A"] != "stale-remote" {
			t.Errorf("%v, %+v", got, w.result("A"))
		}
		if rec := w.record("A"); rec.Op != "" || len(w.assets()["A"]) != 1 {
			t.Errorf("%d assets, record %+v", len(w.assets()["A"]), rec)
		}
	})
}

// TestAFileThatChangesInTheLastMomentIsNotSent changes a file after its row was
// decided, before and while it is sent.
func TestAFileThatChangesInTheLastMomentIsNotSent(t *testing.T) {
	for _, at := range []string{"hash", "transfer"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "as it was planned")
				path, _, _ := w.save(pipeline.Choice{})
				w.observe = func(e pipeline.Event) {
					if stage, ok := e.(pipeline.Stage); ok && stage.Stage == at {
						w.files.put("A.txt", "as nobody approved")
					}
				}
				w.mustCarry(3, path)
				w.observe = nil
				if got := w.stale(); got["A"] != "stale-file" {
					t.Errorf("%v, %+v", got, w.result("A"))
				}
				if _, puts := w.commits(); puts > 0 {
					t.Errorf("%d uploads", puts)
				}
				w.mustRun(0)
				w.check()
			})
		})
	}
}

// TestAFileWithAnotherTimeIsReadIfItsChecksumWasPlanned: new bytes are found by
// reading, and the row is refused before any stage has it; the same bytes are the
// same file.
func TestAFileWithAnotherTimeIsReadIfItsChecksumWasPlanned(t *testing.T) {
	for content, code := range map[string]int{"new": 0, "wen": 3} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			w.add("NEW", "new")
			if err := w.cache.Store(t.Context(), "NEW.txt", 3, w.files.get("NEW.txt").mod, time.Now(), "22af645d1859cb5ca6da0c484f1f37ea"); err != nil {
				t.Fatal(err)
			}
			path, _, rows := w.save(pipeline.Choice{})
			if rows[0].MD5 == "" {
				t.Fatal("the plan does not know the checksum")
			}
			<-time.After(time.Hour)
			w.files.put("NEW.txt", content)
			w.mustCarry(code, path)
			begun := slices.ContainsFunc(w.events, func(e pipeline.Event) bool { _, ok := e.(pipeline.Stage); return ok })
			if stale := w.stale()["NEW"] == "stale-file"; stale != (code == 3) || begun == stale {
				t.Errorf("%q: stale %v, begun %v", content, stale, begun)
			}
		})
	}
}

// lived is a world with a row of each kind that writes.
func lived(t *testing.T) (w *world, path string, s pipeline.Summary) {
	t.Helper()
	w = newWorld(t, emulator.Options{Switches: emulator.Switches{DropTags: true}})
	w.options.Requests, w.options.Uploads, w.options.Hashers = 1, 1, 1
	w.man.Update.Conflicts = "overwrite"
	for _, id := range []string{"UPDATE", "VERSION", "BOTH", "CHECK", "BACK", "BACK-NEW"} {
		w.add(id, strings.ToLower(id), tags("One"))
	}
	w.mustRun(0)
	w.archive("BACK")
	w.archive("BACK-NEW")
	w.files.put("BACK-NEW.txt", "second, in the trash")
	for i := range w.items {
		if id := w.items[i].ExternalID; id == "UPDATE" || id == "BOTH" {
			w.items[i].Fields.Description = manifest.Some("new")
		}
	}
	w.files.put("VERSION.txt", "second")
	w.files.put("BOTH.txt", "second too")
	<-time.After(time.Hour)
	w.files.put("CHECK.txt", "kcehc")
	w.add("NEW-1", "new", tags("One", "Two"))
	w.add("NEW-2", "new", tags("Two", "Three"))
	w.add("LINK", "", link, tags("Three"))
	w.add("FOUND", "mine", tags("Two"))
	half := *w.add("HALF", "mine", tags("Two"))
	w.items = slices.Insert(w.items[:len(w.items)-1], 0, half) // its upload is the first
	w.tenant.Switch(func(s *emulator.Switches) { s.DropTags = false })
	w.upload(w.client(), w.prepared("FOUND"), "theirs")
	w.prepared("HALF")
	path, s, rows := w.save(pipeline.Choice{})
	kinds := map[pipeline.Action]int{}
	for _, r := range rows {
		kinds[r.Action]++
	}
	if kinds[pipeline.ActionUpdate] != 1 || kinds[pipeline.ActionVersion] != 3 || kinds[pipeline.ActionCreate] != 3 || kinds[pipeline.ActionCheck] != 1 || kinds[pipeline.ActionAdopt] != 1 || kinds[pipeline.ActionRestore] != 2 {
		t.Fatalf("the plan is %v", kinds)
	}
	return w, path, s
}

// TestASavedPlanIsContinuedByItself cuts the run of a saved plan off at each
// write of the state, as a crash does, also on a disk that is slow, so that the
// service is ahead of what was written; and runs the same plan again: it goes on
// where it was, each row is carried out once, and no row is stale.
func TestASavedPlanIsContinuedByItself(t *testing.T) {
	for _, disk := range []time.Duration{0, 10 * time.Second} {
		t.Run(disk.String(), func(t *testing.T) { continued(t, disk) })
	}
}

func continued(t *testing.T, disk time.Duration) {
	cuts := 0
	for n := 1; ; n++ {
		whole := false
		synctest.Test(t, func(t *testing.T) {
			w, path, _ := lived(t)
			w.fail = func(i int) error {
				if i >= n {
					<-time.After(disk)
					return errCrash
				}
				return nil
			}
			w.tenant.ResetBooks()
			out, err := w.carry(t.Context(), path, nil)
			w.fail = nil
			if err == nil && out.Err == nil {
				whole = true
			} else {
				<-time.After(time.Minute)
				w.mustCarry(0, path)
			}
			done(t, w, path, n)
		})
		if t.Failed() {
			t.Fatalf("cut at write %d", n)
		}
		if whole {
			break
		}
		cuts++
	}
	t.Logf("%d cuts", cuts)
	if cuts < 5 {
		t.Errorf("%d cuts only", cuts)
	}
}

// TestAnUploadToAForeignAssetComesAfterItsRecord: a process that dies before its
// slow disk has the record of an asset that it adopted has not written to it
// either, so that the plan goes on.
func TestAnUploadToAForeignAssetComesAfterItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("HALF", "mine")
		w.prepared("HALF")
		path, _, _ := w.save(pipeline.Choice{})
		w.tenant.ResetBooks()
		w.fail = func(n int) error {
			if n == 1 { // that there is a run
				return nil
			}
			<-time.After(10 * time.Second)
			return errCrash
		}
		if out, err := w.carry(t.Context(), path, nil); err == nil && out.Err == nil {
			t.Error("no crash")
		}
		w.fail = nil
		if api, puts := w.commits(); api+puts > 0 {
			t.Errorf("%d writes and %d uploads without a record", api, puts)
		}
		w.mustCarry(0, path)
		w.check()
	})
}

// done is what has to be true once a plan has been carried out, however often it
// took: all is as wanted, and running it again writes nothing.
func done(t *testing.T, w *world, path string, n int) {
	t.Helper()
	if got := w.stale(); len(got) > 0 {
		t.Errorf("cut at %d: stale are %v", n, got)
		for _, r := range w.results {
			t.Logf("%s: %s %s %+v", r.ExternalID, r.Action, r.Status, r.Error)
		}
	}
	w.check()
	b := w.tenant.Books()
	if b.Commits["postAssets"] != 3 {
		t.Errorf("cut at %d: %d creates, want 3", n, b.Commits["postAssets"])
	}
	w.tenant.ResetBooks()
	w.mustCarry(0, path)
	if b := w.tenant.Books(); len(b.Commits) > 0 {
		t.Errorf("cut at %d: carried out again, it changed %v", n, b.Commits)
	}
	w.planIsEmpty()
}

// TestASavedPlanIsContinuedAfterAKillAtTheService kills the run before and after
// the service carries each of its requests out.
func TestASavedPlanIsContinuedAfterAKillAtTheService(t *testing.T) {
	for _, op := range []string{"postTags", "postAssets", "postAssetFiles", emulator.OpPut, "updateAsset"} {
		for _, when := range []emulator.When{emulator.Before, emulator.After} {
			for n := 1; ; n++ {
				crashed := false
				synctest.Test(t, func(t *testing.T) {
					w, path, _ := lived(t)
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					w.tenant.ResetBooks()
					w.tenant.OnCommit(func(o string, k int, side emulator.When) {
						if o == op && k == n && side == when && !crashed {
							crashed = true
							w.fail = func(int) error { return errCrash }
							cancel(errCrash)
						}
					})
					_, _ = w.carry(ctx, path, nil)
					w.tenant.OnCommit(nil)
					w.fail = nil
					if !crashed {
						return
					}
					<-time.After(time.Minute)
					w.mustCarry(0, path)
					done(t, w, path, n)
				})
				if t.Failed() {
					t.Fatalf("killed at %s %d %v", op, n, when)
				}
				if !crashed {
					if n == 1 {
						t.Errorf("there is no %s", op)
					}
					break
				}
			}
		}
	}
}

func TestAnInterruptedPlanHasAResultForEachRow(t *testing.T) {
	for at := 1; at < 40; at += 3 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			w.options.Uploads, w.options.Requests = 1, 1
			w.many(8)
			path, _, _ := w.save(pipeline.Choice{})
			w.items = w.items[1:7] // the first and the last row are gone
			stop := make(chan struct{})
			n := 0
			w.observe = func(pipeline.Event) {
				if n++; n == at {
					close(stop)
				}
			}
			_, err := w.carry(t.Context(), path, stop)
			w.observe = nil
			if err != nil {
				t.Fatal(err)
			}
			ids := map[string]bool{}
			for _, r := range w.results {
				ids[r.ExternalID] = true
			}
			if len(w.results) != 8 || len(ids) != 8 || len(w.stale()) != 2 {
				t.Errorf("stopped at event %d: %d results of %d rows, stale %v", at, len(w.results), len(ids), w.stale())
			}
			w.mustCarry(3, path)
			if got := w.stale(); len(got) != 2 || len(w.results) != 8 {
				t.Errorf("stopped at event %d, carried on: %d results, stale %v", at, len(w.results), got)
			}
			w.check()
		})
	}
}

func TestAPlanMadeBesideAnotherIsStaleOnceThatIsCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(3)
		one, _, _ := w.save(pipeline.Choice{})
		<-time.After(time.Second)
		two, _, _ := w.save(pipeline.Choice{})
		w.mustCarry(0, one)
		w.mustCarry(3, two)
		if got := w.stale(); len(got) != 3 || got["A00"] != "stale-state" {
			t.Errorf("%v", got)
		}
		w.check()
	})
}

// TestAPlanThatWasTakenBackIsStale: what a rollback undid is not done again by the
// plan that did it, although its own run once wrote these records.
func TestAPlanThatWasTakenBackIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(2)
		w.mustRun(0)
		w.items[0].Fields.Description = manifest.Some("new")
		w.add("NEW", "new")
		path, _, _ := w.save(pipeline.Choice{})
		w.mustCarry(0, path)
		w.mustRollback(0, false, "run-2")
		w.tenant.ResetBooks()
		w.mustCarry(3, path)
		if got := w.stale(); !maps.Equal(got, map[string]string{"A00": "stale-state", "NEW": "stale-state"}) {
			t.Errorf("stale are %v", got)
		}
		if b := w.tenant.Books(); len(b.Commits) > 0 {
			t.Errorf("it changed %v", b.Commits)
		}
		path, _, _ = w.save(pipeline.Choice{})
		w.mustCarry(0, path)
		w.check()
	})
}

// TestKeepingReplacedBytesMakesNoRowStale: what is kept for a way back is chosen
// by the run, not by the plan.
func TestKeepingReplacedBytesMakesNoRowStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		w.add("A", "first")
		w.mustRun(0)
		w.files.put("A.txt", "second")
		path, _, _ := w.save(pipeline.Choice{})
		w.options.KeepReplaced = t.TempDir()
		w.mustCarry(0, path)
		w.check()
		if kept, err := os.ReadDir(w.options.KeepReplaced); err != nil || len(kept) != 1 {
			t.Errorf("kept are %v, %v", kept, err)
		}
	})
}

func TestAChoiceStaysThatOfThePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(4)
		w.mustRun(0)
		w.person("A00", description("theirs"))
		w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindStatus, Status: 400})
		w.items[1].Fields.Description = manifest.Some("refused")
		w.mustRun(3)
		w.sel = pipeline.Selection{Limit: 3}
		path, _, rows := w.save(pipeline.Choice{Limit: 3, FullCheck: true, RetryFailed: true})
		w.sel = pipeline.Selection{}
		if len(rows) != 3 || rows[1].Action != pipeline.ActionResume {
			t.Fatalf("the plan is %+v", rows)
		}
		out := w.mustCarry(0, path)
		if out.Plan.Items != 3 || out.Status["done"] != 1 || w.result("A01").Status != "done" {
			t.Errorf("%v", out.Status)
		}
		w.person("A02", description("theirs too"))
		path, _, _ = w.save(pipeline.Choice{FullCheck: true})
		w.person("A02", description("and again"))
		w.mustCarry(3, path)
		if got := w.stale(); !maps.Equal(got, map[string]string{"A02": "stale-remote"}) {
			t.Errorf("the service was not read as the plan was: %v", got)
		}
	})
}

// TestARecreateIsCarriedOutOnce plans an asset again that is gone, and runs that
// plan twice.
func TestARecreateIsCarriedOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(2)
		w.mustRun(0)
		other := newWorld(t, emulator.Options{})
		w.tenant = other.tenant // everything is gone
		path, s, _ := w.save(pipeline.Choice{FullCheck: true, Recreate: []string{"A00", "A01"}})
		if s.Actions[pipeline.ActionCreate] != 2 {
			t.Fatalf("the plan is %v", s.Actions)
		}
		w.mustCarry(0, path)
		w.tenant.ResetBooks()
		w.mustCarry(0, path)
		if b := w.tenant.Books(); len(b.Commits) > 0 {
			t.Errorf("the second run changed %v", b.Commits)
		}
		w.check()
	})
}

// TestAProcessingAssetIsNoChange plans while the service still works on what an
// interrupted run sent; when the plan is run, it is done with it.
func TestAProcessingAssetIsNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: 10 * time.Minute, Switches: emulator.Switches{TrimDescriptions: true}})
		w.many(3, func(i *manifest.Item) { i.Fields.Description = manifest.Some("about it ") })
		w.options.Wait = -1
		w.mustRun(6)
		path, s, _ := w.save(pipeline.Choice{})
		if s.Actions[pipeline.ActionResume] != 3 {
			t.Fatalf("the plan is %v", s.Actions)
		}
		<-time.After(time.Hour)
		w.mustCarry(0, path)
		if out := w.mustRun(0); out.Status["unchanged"] != 3 {
			t.Errorf("%v", out.Status)
		}
	})
}

// TestAResumeShowsTheMostThatItCanCost plans to continue an upload whose file may
// be another one by now: only reading it tells, and the plan does not read it.
func TestAResumeShowsTheMostThatItCanCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: time.Hour})
		w.add("A", "first")
		w.options.Wait = -1
		w.mustRun(6)
		<-time.After(time.Minute)
		w.files.put("A.txt", "other")
		path, s, rows := w.save(pipeline.Choice{})
		if rows[0].Action != pipeline.ActionResume || s.Writes != 1 || s.Puts != 1 {
			t.Errorf("the plan is %s with %d writes and %d uploads, want a resume with the 1 and 1 of a new upload", rows[0].Action, s.Writes, s.Puts)
		}
		w.options.Wait = 3 * time.Hour
		w.tenant.ResetBooks()
		w.mustCarry(0, path)
		if api, puts := w.commits(); api != 1 || puts != 1 {
			t.Errorf("%d writes and %d uploads", api, puts)
		}
		w.check()
	})
}

func TestAFailedWriteOfAPlanLeavesNothingBehind(t *testing.T) {
	w := newWorld(t, emulator.Options{})
	w.many(2)
	dir := t.TempDir()
	path := filepath.Join(dir, "plan.ndjson")
	file, err := pipeline.CreatePlan(path)
	if err != nil {
		t.Fatal(err)
	}
	st := w.open()
	_, err = pipeline.SavePlan(t.Context(), w.input(st), pipeline.PlanHeader{}, file, func(pipeline.Row) error { return errCrash })
	if !errors.Is(err, errCrash) {
		t.Errorf("got %v", err)
	}
	file.Abandon()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
