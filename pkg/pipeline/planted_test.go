package pipeline_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// The tests of this file each hold one promise that bugs planted on purpose
// (test/bugs) got past all others.

func TestBytesThatTheServiceShowsOtherwiseAreNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "as they were read")
		ours, others := fmt.Appendf(nil, "%x", md5.Sum([]byte("as they were read"))), fmt.Appendf(nil, "%x", md5.Sum([]byte("as they arrived!!")))
		w.configure = func(c *showpad.Config) {
			c.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := w.tenant.RoundTrip(r)
				if err != nil {
					return nil, err
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					return nil, err
				}
				resp.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(body, ours, others)))
				return resp, nil
			})
		}
		w.mustRun(3)
		if r := w.result("A"); r.Status != "failed" || r.Error == nil || r.Error.Code != pipeline.FailedChecksum {
			t.Errorf("%s, %+v; want failed by its checksum", r.Status, r.Error)
		}
	})
}

func TestAnUploadURLIsAskedForWhenItsTurnHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(4)
		w.options.Uploads = 1
		w.configure = func(c *showpad.Config) { c.IdleTimeout = time.Hour }
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindDelay, Delay: emulator.Duration(10 * time.Minute), Count: -1})
		w.mustRun(0)
		for id, n := range w.tenant.Books().FileVersions {
			if n != 1 {
				t.Errorf("asset %s has %d versions: a URL was asked for and not used in time", id, n)
			}
		}
	})
}

// TestNothingChangesBeforeTheWayBackIsOnDisk cuts the state off at each commit:
// whatever the service was asked to change by then, the state tells how it was.
func TestNothingChangesBeforeTheWayBackIsOnDisk(t *testing.T) {
	for op, change := range map[string]struct {
		field string
		edit  func(*world)
	}{
		"updateAsset":    {"description", func(w *world) { w.items[0].Fields.Description = manifest.Some("after") }},
		"postAssetFiles": {"file", func(w *world) { w.files.put("A.txt", "other bytes") }},
	} {
		t.Run(op, func(t *testing.T) {
			through := false
			for at := 1; !through; at++ {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, emulator.Options{})
					w.add("A", "bytes", func(i *manifest.Item) { i.Fields.Description = manifest.Some("before") })
					w.mustRun(0)
					change.edit(w)
					w.tenant.ResetBooks()
					w.fail = func(n int) error {
						if n >= at {
							return errCrash
						}
						return nil
					}
					out, err := w.run(t.Context(), nil)
					w.fail = nil
					through = err == nil && out.Code == 0
					if w.tenant.Books().Commits[op] > 0 && w.changes("run-2")["A"].Before[change.field] == nil {
						t.Errorf("cut at commit %d: %s was carried out, and the state does not know how it was before", at, op)
					}
				})
				if at > 100 {
					t.Fatal("no end")
				}
			}
		})
	}
}

func TestBytesThatDidNotLeaveAreSentByTheNextRun(t *testing.T) {
	for _, c := range []string{"create", "version"} {
		t.Run(c, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "bytes")
				if c == "version" {
					w.mustRun(0)
					w.files.put("A.txt", "other bytes")
				}
				// The run ends while storage takes its time; the bytes never arrive.
				w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindDelay, Delay: emulator.Duration(time.Minute)})
				ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errCrash)
				defer cancel()
				if _, err := w.run(ctx, nil); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				w.mustRun(0)
				if took := time.Since(begin); took > 5*time.Minute {
					t.Errorf("it took %s: the run waited for bytes that nobody had sent", took)
				}
				w.check()
			})
		})
	}
}

func TestAFileThatChangedSinceItWasReadIsNotSentUnderItsOldChecksum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "as it was hashed")
		w.tenant.OnCommit(func(op string, n int, when emulator.When) {
			if op == "postAssetFiles" && n == 1 && when == emulator.After {
				w.files.put("A.txt", "as it is sent")
			}
		})
		w.mustRun(0)
		w.check()
		if n := w.tenant.Books().Requests[emulator.OpPut]; n != 1 {
			t.Errorf("%d uploads, want 1: that of the new bytes", n)
		}
	})
}

func TestANewVersionLeavesTheNameThatAPersonGave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.man.Update.Metadata = "keep"
		w.add("A", "bytes")
		w.mustRun(0)
		w.person("A", showpad.AssetFields{Name: showpad.Some("as a person calls it.txt")})
		w.tenant.ResetBooks()
		w.files.put("A.txt", "other bytes")
		w.mustRun(0)
		if a := w.assets()["A"][0]; a.Name != "as a person calls it.txt" || a.Files != 2 || len(w.tenant.Books().Renames) > 0 {
			t.Errorf("%q with %d versions, renames %v; want a second version under the person's name", a.Name, a.Files, w.tenant.Books().Renames)
		}
	})
}

func TestPermissionsAreSentWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{ResetPermissions: true}})
		w.add("A", "bytes", func(i *manifest.Item) { i.Fields.IsShareable = manifest.Some(false) })
		w.mustRun(0)
		w.person("A", showpad.AssetFields{Permissions: showpad.Some(showpad.Permissions{
			IsAnnotatable: showpad.Some(false), IsShareable: showpad.Some(false),
		})})
		w.items[0].Fields.IsShareable = manifest.Some(true)
		w.mustRun(0)
		if a := w.assets()["A"][0]; !a.IsShareable || a.IsAnnotatable {
			t.Errorf("shareable %t, annotatable %t; want what the manifest says, and what a person said of the other", a.IsShareable, a.IsAnnotatable)
		}
	})
}

func TestACreateThatACrashCutOffIsNotSentAgain(t *testing.T) {
	for n := range 3 {
		for _, when := range []emulator.When{emulator.Before, emulator.After} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{ListLag: 10 * time.Second})
				w.options.SettleTime = 20 * time.Second
				w.many(4)
				w.crash("postAssets", n+1, when) // either way it is carried out
				w.mustRun(0)
				w.check()
			})
		}
	}
}

func TestWhatTheStateDoesNotKnowIsLookedUpFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(3)
		w.mustRun(0)
		w.path += ".new" // the state is lost
		w.mustRun(0)
		w.check()
	})
}

func TestAStateThatCannotBeWrittenEndsTheRunBeforeItCreates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(3)
		intents := 0
		w.fail = func(int) error {
			if intents++; intents > 2 { // the run, and whose create comes first
				return errCrash
			}
			return nil
		}
		if out, err := w.run(t.Context(), nil); err != nil || out.Code != 1 || !errors.Is(out.Err, errCrash) {
			t.Errorf("code %d, %v, %v; want 1 because of the state", out.Code, out.Err, err)
		}
		if n := w.tenant.Books().Commits["postAssets"]; n > 0 {
			t.Errorf("%d assets were created whose intent is on no disk", n)
		}
	})
}

func TestAnAssetThatTheListDoesNotShowYetIsNotGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 10 * time.Second})
		w.options.SettleTime = 20 * time.Second
		w.many(3)
		w.crash("postAssetFiles", 2, emulator.Before)
		w.mustRun(0)
		w.check()
	})
}

func TestTheSettleTimeIsNotThatOfTheWallClock(t *testing.T) {
	for _, jump := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{ListLag: 10 * time.Second})
				w.options.SettleTime = 20 * time.Second
				w.many(3)
				w.skew.Store(int64(jump))
				w.crash("postAssets", 2, emulator.After)
				w.mustRun(0)
				w.check()
			})
		})
	}
}

// TestOurOwnBytesAreNeverAStrangers changes a file while its version is under way,
// twice, and cuts the state off at each commit of the run in between: whatever
// that run sent, the next one knows it for its own.
func TestOurOwnBytesAreNeverAStrangers(t *testing.T) {
	through := false
	for at := 1; !through && at < 100; at++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			w.add("A", "first")
			w.mustRun(0)
			w.files.put("A.txt", "second")
			w.crash("postAssetFiles", 1, emulator.After)
			w.files.put("A.txt", "third")
			w.fail = func(n int) error {
				if n >= at {
					return errCrash
				}
				return nil
			}
			out, err := w.run(t.Context(), nil)
			w.fail = nil
			through = err == nil && out.Code == 0
			w.files.put("A.txt", "fourth")
			w.mustRun(0)
			w.check()
			if t.Failed() {
				t.Fatalf("cut at commit %d", at)
			}
		})
	}
	if !through {
		t.Error("no end")
	}
}
