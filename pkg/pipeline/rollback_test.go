package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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

func (w *world) rollbackInput(st state.Reader, del bool, runs ...string) pipeline.RollbackInput {
	return pipeline.RollbackInput{RunInput: pipeline.RunInput{Input: w.input(st)}, Runs: runs, Delete: del}
}

// rollback takes runs back once, on a client and a state opened anew.
func (w *world) rollback(ctx context.Context, stop <-chan struct{}, del bool, runs ...string) (pipeline.Outcome, error) {
	w.runs++
	w.results, w.rows, w.events = nil, nil, nil
	st := w.open()
	in := w.rollbackInput(st, del, runs...)
	in.Store, in.ID, in.Stop = st, fmt.Sprintf("run-%d", w.runs), stop
	out, err := pipeline.Rollback(ctx, in)
	if cerr := st.Close(); cerr != nil && w.fail == nil {
		w.t.Errorf("closing the state: %v", cerr)
	}
	return out, err
}

// mustRollback takes runs back and demands an exit code, and that the plan made
// before says the same.
func (w *world) mustRollback(code int, del bool, runs ...string) pipeline.Outcome {
	w.t.Helper()
	planned, rows := w.planRollback(del, runs...)
	w.tenant.ResetBooks()
	out, err := w.rollback(w.t.Context(), nil, del, runs...)
	if err != nil {
		w.t.Fatalf("rollback: %v", err)
	}
	if out.Code != code {
		w.t.Errorf("exit code %d, want %d: %s, %v", out.Code, code, out.Sentence, out.Err)
		for _, r := range w.results {
			w.t.Logf("%s: %s %s %s %+v", r.ExternalID, r.Action, r.Reason, r.Status, r.Error)
		}
	}
	provisional := slices.ContainsFunc(rows, func(r pipeline.Row) bool { return r.Action == pipeline.ActionCheck })
	if got, want := rowsText(w.rows), rowsText(rows); got != want && !provisional {
		w.t.Errorf("the rollback decided\n%s\nand its plan\n%s", got, want)
	}
	b := w.tenant.Books()
	writes := b.Commits["updateAsset"] + b.Commits["deleteAsset"] + b.Commits["deleteTag"] + b.Commits["deleteTagCategory"] + b.Commits["postAssetFiles"]
	provisional = provisional || planned.Actions[pipeline.ActionResume] > 0
	if want := planned.Writes - len(planned.OldTags) + b.Commits["deleteTag"]; out.Status["failed"] == 0 && (writes > want || writes < want && !provisional) {
		w.t.Errorf("%d writes (%v), planned were %d", writes, b.Commits, planned.Writes)
	}
	return out
}

// rowsText are rows in order of external IDs: what was waited for comes last.
func rowsText(rows []pipeline.Row) string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = fmt.Sprintf("%s %s %s %s %d+%d %s %s%s", r.ExternalID, r.Action, r.Reason, r.Step, r.Writes, r.Puts, r.Undo, r.Detail, diffText(r))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (w *world) planRollback(del bool, runs ...string) (pipeline.Summary, []pipeline.Row) {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	var rows []pipeline.Row
	s, err := pipeline.PlanRollback(w.t.Context(), w.rollbackInput(st, del, runs...), func(r pipeline.Row) error {
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		w.t.Fatalf("plan of the rollback: %v", err)
	}
	return s, rows
}

// wantRow demands a row of the last rollback: "action reason status".
func (w *world) wantRow(id, want string) {
	w.t.Helper()
	r := w.result(id)
	if got := fmt.Sprintf("%s %s %s", r.Action, r.Reason, r.Status); got != want {
		w.t.Errorf("%s: %s, want %s (%+v)", id, got, want, r.Error)
	}
}

// looks is what people see of the assets, by external ID: fields, tags, the
// trash, bytes.
func (w *world) looks() map[string]string {
	m := map[string]string{}
	for _, a := range w.tenant.Assets() {
		a.UpdatedAt, a.CurrentFile, a.Files, a.ID, a.Slug, a.CreatedAt = time.Time{}, "", 0, "", "", time.Time{}
		m[a.ExternalID] = fmt.Sprintf("%+v", a)
	}
	return m
}

func TestARunThatIsTakenBackLeavesNothingInTheLibrary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(5, tags("One"))
		w.mustRun(0)
		out := w.mustRollback(0, false, "run-1")
		if out.Status["done"] != 5 || out.Sentence != "5 of 5 taken back" {
			t.Errorf("%v, %q", out.Status, out.Sentence)
		}
		for _, a := range w.tenant.Assets() {
			if !a.IsArchived {
				t.Errorf("%s is still there", a.ExternalID)
			}
		}
		// Repeated, it has nothing to do.
		w.tenant.ResetBooks()
		if out := w.mustRollback(0, false, "run-1"); out.Status["unchanged"] != 5 {
			t.Errorf("%v", out.Status)
		}
		if b := w.tenant.Books(); len(b.Commits) > 0 {
			t.Errorf("repeated, it changed something: %v", b.Commits)
		}
		// The manifest brings them back, the same ones.
		w.mustRun(0)
		w.check()
		w.wantRow("A00", "restore archived-by-us done")
		w.planIsEmpty()
	})
}

func TestARollbackCanBeTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("NEW", "new", tags("One"))
		w.mustRun(0)
		w.items[0].Fields.Description = manifest.Some("second")
		w.items[0].Fields.Tags = manifest.Some([]manifest.Tag{{Name: "One"}, {Name: "Two"}})
		w.mustRun(0)
		before := w.looks()
		w.mustRollback(0, false, "run-2")
		w.wantRow("NEW", "update take-back done")
		w.mustRollback(0, false, "run-3")
		if now := w.looks(); now["NEW"] != before["NEW"] {
			t.Errorf("now    %s\nbefore %s", now["NEW"], before["NEW"])
		}
		w.mustRollback(0, false, "run-1", "run-2", "run-3", "run-4")
		w.wantRow("NEW", "archive take-back done")
		w.mustRollback(0, false, "run-5")
		w.wantRow("NEW", "restore take-back done")
		if now := w.looks(); now["NEW"] != before["NEW"] {
			t.Errorf("now    %s\nbefore %s", now["NEW"], before["NEW"])
		}
		w.planIsEmpty()
	})
}

func TestAnUpdateGoesBackFieldByField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{ResetPermissions: true, SnapDates: true}})
		w.add("A", "content", about("first"), tags("Old", "Both"), func(i *manifest.Item) {
			i.Fields.IsShareable = manifest.Some(false)
			i.Fields.ExpiresAt = manifest.Some(manifest.Instant{At: time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)})
		})
		w.man.Update.Tags = "replace"
		w.mustRun(0)
		before := w.looks()
		f := &w.items[0].Fields
		f.Description, f.IsShareable, f.Languages = manifest.Some("second"), manifest.Some(true), manifest.Some([]string{"de"})
		f.Tags = manifest.Some([]manifest.Tag{{Name: "Both"}, {Name: "New"}})
		f.ExpiresAt = manifest.Some(manifest.Instant{At: time.Date(2032, 6, 1, 12, 0, 0, 0, time.UTC)})
		w.mustRun(0)
		after := w.looks()
		w.mustRollback(0, false, "run-2")
		if now := w.looks(); now["A"] != before["A"] {
			t.Errorf("now    %s\nbefore %s", now["A"], before["A"])
		}
		w.mustRun(0)
		if now := w.looks(); now["A"] != after["A"] {
			t.Errorf("run again\nnow   %s\nafter %s", now["A"], after["A"])
		}
		w.planIsEmpty()
	})
}

func TestWhatAPersonTouchedIsSpared(t *testing.T) {
	for name, c := range map[string]struct {
		person  showpad.AssetFields
		created string // the row when the run made the asset
		updated string // when it updated it
		left    func(emulator.Asset) bool
	}{
		"a field of ours": {description("theirs"), "conflict changed-remotely conflict", "update take-back conflict",
			func(a emulator.Asset) bool { return a.Description == "theirs" }},
		"a field that nobody named": {showpad.AssetFields{IsSensitive: showpad.Some(true)}, "conflict changed-remotely conflict", "update take-back done",
			func(a emulator.Asset) bool { return a.IsSensitive }},
		"the trash": {showpad.AssetFields{IsArchived: showpad.Some(true)}, "unchanged taken-back unchanged", "update take-back done",
			func(a emulator.Asset) bool { return a.IsArchived }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "content", about("first"), func(i *manifest.Item) { i.Fields.Languages = manifest.Some([]string{"en"}) })
				w.mustRun(0)
				w.items[0].Fields.Description = manifest.Some("second")
				w.items[0].Fields.Languages = manifest.Some([]string{"de"})
				w.mustRun(0)
				w.person("A", c.person)
				for _, run := range []struct {
					ids  []string
					want string
				}{{[]string{"run-2"}, c.updated}, {[]string{"run-1", "run-2", "run-3"}, c.created}} {
					code := 0
					if run.want[len(run.want)-len("conflict"):] == "conflict" {
						code = 3
					}
					w.mustRollback(code, false, run.ids...)
					w.wantRow("A", run.want)
					if a := w.assets()["A"][0]; !c.left(a) {
						t.Errorf("what the person did is gone: %+v", a)
					}
				}
				if l := w.assets()["A"][0].Languages; fmt.Sprint(l) != "[en]" {
					t.Errorf("the languages are %v: what nobody touched goes back", l)
				}
			})
		})
	}
}

func TestTagsOfOthersStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", tags("One"))
		w.mustRun(0)
		tags("One", "Two", "Three")(&w.items[0])
		w.mustRun(0)
		p := newPeople(w)
		p.retag(&w.items[0], func(names []string) []string { // takes one of ours off, and puts one on
			return append(slices.DeleteFunc(names, func(n string) bool { return n == "Three" }), theirTag)
		})
		w.mustRollback(0, false, "run-2")
		if tags := w.assets()["A"][0].Tags; fmt.Sprint(tags) != "[One Theirs]" {
			t.Errorf("tags %q, want ours of before and theirs", tags)
		}
		// What a rollback took off is not what a person took off.
		w.mustRun(0)
		if tags := w.assets()["A"][0].Tags; fmt.Sprint(tags) != "[One Theirs Three Two]" {
			t.Errorf("after a run: tags %q", tags)
		}
	})
}

func TestALaterRunIsInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", about("first"))
		w.mustRun(0)
		w.items[0].Fields.Description = manifest.Some("second")
		w.mustRun(0)
		w.items[0].Fields.Description = manifest.Some("third")
		w.mustRun(0)
		for _, runs := range [][]string{{"run-1"}, {"run-2"}, {"run-1", "run-2"}} {
			w.mustRollback(3, false, runs...)
			w.wantRow("A", "conflict later-run conflict")
			if m := w.result("A").Error.Message; !strings.Contains(m, "run-3") || !strings.Contains(m, "--since") {
				t.Errorf("%q names no way on", m)
			}
		}
		// The newest first, then the others.
		w.mustRollback(0, false, "run-3")
		if d := w.assets()["A"][0].Description; d != "second" {
			t.Errorf("the description is %q", d)
		}
		w.mustRollback(0, false, "run-2")
		w.mustRollback(0, false, "run-1")
		if a := w.assets()["A"][0]; a.Description != "first" || !a.IsArchived {
			t.Errorf("%q, in the trash: %v", a.Description, a.IsArchived)
		}
	})
}

func TestRunsThatAreTakenBackTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", about("first"))
		w.mustRun(0)
		w.items[0].Fields.Description = manifest.Some("second")
		w.mustRun(0)
		w.items[0].Fields.Description = manifest.Some("third")
		w.add("B", "content")
		w.mustRun(0)
		w.mustRollback(0, false, "run-3", "run-2")
		w.wantRow("A", "update take-back done")
		w.wantRow("B", "archive take-back done")
		if d := w.assets()["A"][0].Description; d != "first" {
			t.Errorf("the description is %q", d)
		}
	})
}

func TestDeletingForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 3 * time.Second})
		w.options.SettleTime = 5 * time.Second
		w.add("A", "content", tags("Used", "Unused"))
		w.add("B", "content", tags("Unused"))
		w.mustRun(0)
		w.add("C", "content", tags("Used"))
		w.mustRun(0)
		out := w.mustRollback(0, true, "run-1")
		w.wantRow("A", "delete take-back done")
		if out.TagsDeleted != 1 {
			t.Errorf("%d tags deleted, want the one that nobody uses", out.TagsDeleted)
		}
		if all := w.assets(); len(all) != 1 || len(all["C"]) != 1 || fmt.Sprint(all["C"][0].Tags) != "[Used]" {
			t.Errorf("left are %v", all)
		}
		w.mustRollback(0, true, "run-1")
		w.wantRow("A", "unchanged gone unchanged")
		w.mustRollback(3, false, "run-3")
		w.wantRow("A", "conflict deleted conflict")
		w.mustRun(0)
		w.check()
		w.wantRow("A", "create archived-by-us done")
		w.planIsEmpty()
		// Archived first, deleted later.
		w.mustRollback(0, false, "run-2")
		w.mustRollback(0, true, "run-2")
		w.wantRow("C", "delete take-back done")
	})
}

func TestAnAdoptedAssetIsNeverArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: 3 * time.Second})
		w.add("HALF", "half", about("ours"))
		w.add("BUSY", "busy", about("ours"))
		w.add("SAME", "same")
		w.found("HALF", "HALF.txt", "")
		w.found("BUSY", "BUSY.txt", "busy")
		w.found("SAME", "SAME.txt", "same")
		<-time.After(2 * time.Second)
		w.mustRun(0)
		w.mustRollback(3, false, "run-1")
		w.wantRow("HALF", "update take-back conflict") // its bytes stay
		w.wantRow("BUSY", "update take-back done")
		for id, as := range w.assets() {
			if a := as[0]; a.IsArchived || a.Description != "theirs" {
				t.Errorf("%s: %q, in the trash: %v; want it as it was found", id, a.Description, a.IsArchived)
			}
		}
		if rows := w.results; len(rows) != 2 {
			t.Errorf("%d rows: an asset that was only noted down has none", len(rows))
		}
	})
}

func TestALostCreateIsTakenBack(t *testing.T) {
	for _, side := range []emulator.When{emulator.Before, emulator.After} {
		t.Run(side.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{ListLag: 3 * time.Second})
				w.options.SettleTime = 5 * time.Second
				w.add("A", "content")
				w.crash("postAssets", 1, side)
				if side == emulator.Before {
					for _, a := range w.tenant.Assets() { // it goes on in the emulator, which nobody waits for
						if err := w.client().DeleteAsset(t.Context(), a.ID); err != nil {
							t.Fatal(err)
						}
					}
				}
				if _, rows := w.planRollback(false, "run-1"); len(rows) != 1 || rows[0].Action != pipeline.ActionCheck {
					t.Errorf("planned %+v: nobody can know yet", rows)
				}
				w.mustRollback(0, false, "run-1")
				want := "unchanged nothing-made unchanged"
				if side == emulator.After {
					want = "archive take-back done"
				}
				w.wantRow("A", want)
				for _, a := range w.tenant.Assets() {
					if !a.IsArchived {
						t.Error("the asset is still in the library")
					}
				}
				w.mustRollback(0, false, "run-1")
				w.mustRun(0)
				w.check()
				w.planIsEmpty()
			})
		})
	}
}

func TestAnUploadThatWasCutOffIsTakenBackAndSentLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.crash("postAssetFiles", 1, emulator.Before)
		w.mustRollback(0, false, "run-1")
		w.wantRow("A", "archive take-back done")
		w.mustRun(0)
		w.check()
		w.planIsEmpty()
	})
}

func TestAnUnknownRunIsNotTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0)
		_, err := w.rollback(t.Context(), nil, false, "run-9")
		if err == nil {
			t.Error("no word of it")
		}
		if n := len(w.results); n > 0 {
			t.Errorf("%d items", n)
		}
	})
}

func TestBytesThatWereKeptGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true, Processing: time.Second})
		w.options.KeepReplaced = filepath.Join(fastDir(t), "kept")
		w.add("A", "first content", about("first"))
		w.add("B", "first content")
		w.mustRun(0)
		before := w.looks()
		w.files.put("A.txt", "the second content")
		w.files.put("B.txt", "another one")
		w.items[0].Fields.Description = manifest.Some("second")
		if r := w.action("A"); r.Undo != pipeline.UndoFull {
			t.Errorf("undo %s, want full", r.Undo)
		}
		w.mustRun(0)
		after := w.looks()
		kept, err := os.ReadDir(w.options.KeepReplaced)
		if err != nil || len(kept) != 1 || kept[0].Name() != md5Hex("first content") {
			t.Fatalf("kept: %v, %v; want the bytes of before once", kept, err)
		}
		if info, err := kept[0].Info(); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%v, %v: want a file for its owner alone", info.Mode(), err)
		}
		w.mustRollback(0, false, "run-2")
		w.wantRow("A", "version take-back done")
		if now := w.looks(); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("now    %v\nbefore %v", now, before)
		}
		w.mustRollback(0, false, "run-3") // which kept what it replaced, too
		if now := w.looks(); fmt.Sprint(now) != fmt.Sprint(after) {
			t.Errorf("now   %v\nafter %v", now, after)
		}
		w.planIsEmpty()
		w.mustRollback(0, false, "run-2", "run-3", "run-4")
		w.mustRun(0)
		w.check()
		w.planIsEmpty()
	})
}

func TestBytesThatWereNotKeptStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		w.add("A", "first content", about("first"))
		w.add("B", "first content")
		w.mustRun(0)
		w.files.put("A.txt", "the second content")
		w.files.put("B.txt", "another one")
		w.items[0].Fields.Description = manifest.Some("second")
		w.mustRun(0)
		w.mustRollback(3, false, "run-2")
		w.wantRow("A", "update take-back conflict")
		w.wantRow("B", "conflict bytes-not-kept conflict")
		if u := w.rows[0].Undo; u != pipeline.UndoMetadata {
			t.Errorf("undo %s, want metadata", u)
		}
		if a := w.assets()["A"][0]; a.Description != "first" || a.MD5 != md5Hex("the second content") {
			t.Errorf("%q with %s", a.Description, a.MD5)
		}
		w.mustRun(0)
		w.check()
		w.planIsEmpty()
	})
}

func TestAVersionIsNotSentWithoutTheBytesBefore(t *testing.T) {
	for name, c := range map[string]struct{ trouble, end func(w *world) }{
		"they cannot be downloaded": {
			func(w *world) { w.tenant.Switch(func(s *emulator.Switches) { s.NotDownloadable = "A*" }) },
			func(w *world) { w.tenant.Switch(func(s *emulator.Switches) { s.NotDownloadable = "" }) },
		},
		"the download gives others": {
			func(w *world) { w.damage("A", func([]byte) []byte { return []byte("FIRST CONTENT") }) },
			func(w *world) { w.damage("A", func([]byte) []byte { return []byte("first content") }) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{KeepBytes: true})
				w.options.KeepReplaced = filepath.Join(fastDir(t), "kept")
				w.add("A", "first content")
				w.mustRun(0)
				w.files.put("A.txt", "the second content")
				c.trouble(w)
				w.mustRun(3)
				if r := w.result("A"); r.Status != "blocked" || r.Error.Code != pipeline.BlockedNotKept {
					t.Errorf("%s %+v", r.Status, r.Error)
				}
				if a := w.assets()["A"][0]; a.MD5 != md5Hex("first content") || a.Files != 1 {
					t.Errorf("it has %d versions, the last with MD5 %s", a.Files, a.MD5)
				}
				c.end(w)
				w.mustRun(0)
				w.check()
			})
		})
	}
}

func TestKeptBytesThatWereChangedDoNotGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		w.options.KeepReplaced = fastDir(t)
		w.add("A", "first content")
		w.mustRun(0)
		w.files.put("A.txt", "the second content")
		w.mustRun(0)
		if err := os.WriteFile(filepath.Join(w.options.KeepReplaced, md5Hex("first content")), []byte("somebody's"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.mustRollback(3, false, "run-2")
		if a := w.assets()["A"][0]; a.MD5 != md5Hex("the second content") || a.Files != 2 {
			t.Errorf("it has %d versions, the last with MD5 %s", a.Files, a.MD5)
		}
	})
}

// TestEveryConflictOfARollbackHasItsWayOn meets each reason for which something
// is left as it is, and goes the way on that its sentence names.
func TestEveryConflictOfARollbackHasItsWayOn(t *testing.T) {
	second := func(w *world) {
		w.items[0].Fields.Description = manifest.Some("second")
		w.mustRun(0)
	}
	trash := showpad.AssetFields{IsArchived: showpad.Some(true)}
	for _, c := range []struct {
		reason string
		meet   func(w *world) []string // to the runs that are taken back
		says   string
		goOn   func(w *world, runs []string) []string
	}{
		{pipeline.ConflictChanged, func(w *world) []string {
			second(w)
			w.person("A", description("theirs"))
			return []string{"run-2"}
		}, "in Showpad", func(w *world, runs []string) []string {
			w.person("A", description("first"))
			return runs
		}},
		{pipeline.ConflictLaterRun, func(w *world) []string {
			second(w)
			return []string{"run-1"}
		}, "run-2", func(*world, []string) []string { return []string{"run-1", "run-2"} }},
		{pipeline.ConflictNotKept, func(w *world) []string {
			w.files.put("A.txt", "the second content")
			w.mustRun(0)
			return []string{"run-2"}
		}, "upload them in Showpad", func(w *world, runs []string) []string {
			w.upload(w.client(), w.assets()["A"][0].ID, "content")
			return runs
		}},
		{pipeline.ConflictNoImage, func(w *world) []string {
			second(w)
			st := w.open()
			rec := w.recordOf(st, "A")
			err := st.Put(w.t.Context(), state.Write{Record: rec, ChangeRun: "run-2", Change: &state.Change{
				Op: state.Update, AssetID: rec.AssetID, After: map[string]json.RawMessage{"description": raw(`"second"`)},
			}})
			if err = errors.Join(err, st.Close()); err != nil {
				w.t.Fatal(err)
			}
			return []string{"run-2"}
		}, "set it in Showpad", func(*world, []string) []string { return nil }},
		{pipeline.ConflictDeleted, func(w *world) []string {
			w.mustRollback(0, true, "run-1")
			return []string{"run-2"}
		}, "run the manifest again", func(w *world, _ []string) []string {
			w.mustRun(0)
			w.check()
			return nil
		}},
		{pipeline.ConflictOtherAsset, func(w *world) []string {
			c := w.client()
			first := w.assets()["A"][0].ID
			w.person("A", showpad.AssetFields{ExternalID: showpad.Null[string]()})
			w.options.FullCheck, w.options.Recreate = true, func(string) bool { return true }
			st := w.open()
			rec := w.recordOf(st, "A")
			a, err := c.CreateAsset(w.t.Context(), showpad.AssetFields{
				Name: showpad.Some("A.txt"), ExternalID: showpad.Some("A"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing}),
			})
			rec.AssetID = a.ID
			if err = errors.Join(err, st.Put(w.t.Context(), state.Write{Record: rec}), st.Close()); err != nil || first == a.ID {
				w.t.Fatal(err)
			}
			return []string{"run-1"}
		}, "archive the first in Showpad", func(w *world, _ []string) []string {
			for _, a := range w.tenant.Assets() {
				if a.ExternalID == "" {
					if _, err := w.client().UpdateAsset(w.t.Context(), a.ID, trash); err != nil {
						w.t.Fatal(err)
					}
				}
			}
			return nil
		}},
		{pipeline.ConflictProcessing, func(w *world) []string {
			w.tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = "A*" })
			w.files.put("A.txt", "the second content")
			w.options.Wait = -1
			w.mustRun(6)
			return []string{"run-2"}
		}, "when that is over", func(w *world, runs []string) []string {
			w.tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = "" })
			w.upload(w.client(), w.assets()["A"][0].ID, "content")
			return runs
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "content", about("first"))
				w.mustRun(0)
				runs := c.meet(w)
				<-time.After(time.Minute)
				before := w.byAsset()
				w.mustRollback(3, false, runs...)
				r := w.result("A")
				if r.Status != "conflict" || r.Error == nil || r.Error.Code != c.reason || !strings.Contains(r.Error.Message, c.says) {
					t.Errorf("%s %s: %+v, want %s and %q", r.Action, r.Status, r.Error, c.reason, c.says)
				}
				if now := w.byAsset(); fmt.Sprint(now) != fmt.Sprint(before) {
					t.Errorf("a conflict changed something\nnow    %v\nbefore %v", now, before)
				}
				if runs = c.goOn(w, runs); runs != nil {
					w.mustRollback(0, false, runs...)
				}
			})
		})
	}
}

// TestEveryConflictOfARollbackIsMetAbove holds the table above against the reasons.
func TestEveryConflictOfARollbackIsMetAbove(t *testing.T) {
	src, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("rollback_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(src), "// Conflicts of a rollback")
	list, _, _ = strings.Cut(list, "// What blocks a row")
	n := 0
	for line := range strings.Lines(list) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "Conflict") {
			n++
			if !strings.Contains(string(table), "{pipeline."+name+",") {
				t.Errorf("%s is met nowhere", name)
			}
		}
	}
	if n < 6 {
		t.Errorf("%d reasons found", n)
	}
}
