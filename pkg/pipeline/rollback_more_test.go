package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// TestARunAfterADeleteThatIsCarriedOutLate makes the asset anew: a delete whose
// answer nobody got may still take it away.
func TestARunAfterADeleteThatIsCarriedOutLate(t *testing.T) {
	for _, kind := range []emulator.Kind{emulator.KindLate, emulator.KindReset, emulator.KindLost} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.options.SettleTime = 5 * time.Second
				w.add("A", "content", tags("One"))
				w.mustRun(0)
				ctx, cancel := context.WithCancelCause(t.Context())
				w.tenant.Fail(emulator.Fault{Op: "deleteAsset", Kind: kind, Delay: emulator.Duration(3 * time.Second)})
				w.configure = func(c *showpad.Config) {
					c.Observe = func(call showpad.Call) {
						if call.Op == "deleteAsset" { // no answer: the process ends before it asks again
							w.fail = func(int) error { return errCrash }
							cancel(errCrash)
						}
					}
				}
				_, _ = w.rollback(ctx, nil, true, "run-1")
				w.fail, w.configure = nil, nil
				if rec := w.record("A"); rec.Op != state.Delete || rec.Status != state.Sending {
					t.Fatalf("the record is %s %s", rec.Op, rec.Status)
				}
				w.mustRun(0)
				<-time.After(time.Minute)
				w.check()
				w.planIsEmpty()
			})
		})
	}
}

func TestARollbackAfterADeleteThatIsCarriedOutLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.SettleTime = 5 * time.Second
		w.add("A", "content")
		w.mustRun(0)
		st := w.open()
		rec := w.recordOf(st, "A")
		rec.Op, rec.Status, rec.Run = state.Delete, state.Sending, "run-1"
		if err := errors.Join(st.Put(t.Context(), state.Write{Record: rec}), st.Close()); err != nil {
			t.Fatal(err)
		}
		id := w.assets()["A"][0].ID
		late := time.AfterFunc(3*time.Second, func() {
			if err := w.client().DeleteAsset(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
		defer late.Stop()
		out, err := w.rollback(t.Context(), nil, false, "run-1") // without --delete: what is still there would be archived
		if err != nil {
			t.Fatal(err)
		}
		w.want(out, 0)
		w.wantRow("A", "unchanged gone unchanged")
		if rec := w.record("A"); rec.Op != state.Delete || rec.Status != state.Done || rec.AssetID != "" {
			t.Errorf("the record is %s %s of asset %q", rec.Op, rec.Status, rec.AssetID)
		}
	})
}

// TestRecordsOfOlderPrograms have no digest and no run that created: what is known
// has to do.
func TestRecordsOfOlderPrograms(t *testing.T) {
	for touched, want := range map[bool]string{false: "archive take-back done", true: "conflict changed-remotely conflict"} {
		t.Run(fmt.Sprint("touched ", touched), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "content", about("first "), tags("One"))
				w.mustRun(0)
				st := w.open()
				rec := w.recordOf(st, "A")
				rec.Shown, rec.CreateRun = "", ""
				if err := errors.Join(st.Put(t.Context(), state.Write{Record: rec}), st.Close()); err != nil {
					t.Fatal(err)
				}
				code := 0
				if touched {
					code = 3
					w.person("A", description("theirs"))
				}
				w.mustRollback(code, false, "run-1")
				w.wantRow("A", want)
			})
		})
	}
}

func TestADivisionThatRefusesKeepsItsAssets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Divisions: []emulator.Division{{Name: "Marketing"}, {Name: "Closed"}}})
		w.many(3)
		for i := range 3 {
			w.add(fmt.Sprintf("C%d", i), "closed", func(i *manifest.Item) { i.Division = "Closed" })
		}
		w.mustRun(0)
		w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindStatus, Status: 403})
		out, err := w.rollback(t.Context(), nil, false, "run-1")
		if err != nil || out.Code != 3 || out.Status["blocked"] == 0 {
			t.Errorf("%v, %v, %v", out.Code, out.Status, err)
		}
		w.mustRollback(0, false, "run-1")
	})
}

func TestARollbackLeavesTheOwnerOfARecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0)
		w.man.ID = "second"
		w.items = nil
		w.add("B", "content")
		w.mustRun(0)
		w.mustRollback(0, false, "run-1") // the world's manifest is the second one
		if rec := w.record("A"); rec.Owner != "test" {
			t.Errorf("the record belongs to %q now", rec.Owner)
		}
		if as := w.assets(); !as["A"][0].IsArchived || as["B"][0].IsArchived {
			t.Error("A has to be in the trash, and B not")
		}
	})
}

func TestARollbackOfManyRunsHoldsLittleInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(30)
		w.mustRun(0)
		var runs []string
		for n := range 40 {
			for i := range w.items {
				if i%7 == n%7 {
					w.items[i].Fields.Description = manifest.Some(fmt.Sprint("text ", n))
				}
			}
			w.mustRun(0)
			runs = append(runs, fmt.Sprintf("run-%d", w.runs))
		}
		w.mustRollback(0, false, runs...)
		for id, as := range w.assets() {
			if as[0].Description != "" {
				t.Errorf("%s has the description %q", id, as[0].Description)
			}
		}
		if len(w.results) != 30 {
			t.Errorf("%d rows for 30 items", len(w.results))
		}
	})
}

func TestBytesThatAreThereTwiceAreKeptOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		w.options.KeepReplaced = fastDir(t)
		for i := range 5 {
			w.add(fmt.Sprint("A", i), "the same content")
		}
		w.mustRun(0)
		for i := range 5 {
			w.files.put(fmt.Sprintf("A%d.txt", i), fmt.Sprint("another content ", i))
		}
		w.tenant.ResetBooks()
		w.options.Uploads = 1
		if s, _ := w.plan(); s.Reads != w.mustRun(0).Plan.Reads {
			t.Error("plan and run forecast other reads")
		}
		if n := w.tenant.Books().Requests["get_assets_id"]; n != 1 {
			t.Errorf("%d downloads: %v", n, w.tenant.Books().Requests)
		}
	})
}

// TestATrashThatListsLeaveOut does not make an archived asset look gone.
func TestATrashThatListsLeaveOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{HideArchived: true}})
		w.many(15)
		w.mustRun(0)
		<-time.After(time.Hour)
		w.mustRollback(0, false, "run-1")
		<-time.After(time.Hour)
		w.mustRollback(0, false, "run-1")
		w.wantRow("A14", "unchanged taken-back unchanged")
		<-time.After(time.Hour)
		w.mustRun(0)
		w.wantRow("A14", "restore archived-by-us done")
		w.check()
		w.planIsEmpty()
	})
}
