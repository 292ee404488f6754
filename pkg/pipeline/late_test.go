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
)

func describe(item *manifest.Item, text string) { item.Fields.Description = manifest.Some(text) }

// crashAfter runs until the first attempt of an operation has ended, and leaves.
func (w *world) crashAfter(op string) {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(w.t.Context())
	defer cancel(nil)
	former := w.configure
	defer func() { w.configure = former }()
	w.configure = func(c *showpad.Config) {
		c.Observe = func(call showpad.Call) {
			if call.Op == op {
				cancel(errCrash)
			}
		}
	}
	if out, err := w.run(ctx, nil); err != nil || !errors.Is(out.Err, errCrash) {
		w.t.Fatalf("the run ended with %v, %v; it was to be left at %s", err, out.Err, op)
	}
}

func TestALostUpdateDoesNotComeAfterTheNextOne(t *testing.T) {
	for _, next := range []string{"before", "newest"} {
		for _, jump := range []time.Duration{0, 5 * time.Hour, -5 * time.Hour} {
			for _, cut := range []bool{false, true} {
				t.Run(fmt.Sprint(next, " ", jump, " ", cut), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, emulator.Options{})
						w.options.SettleTime = 10 * time.Second
						item := w.add("A", "content", func(i *manifest.Item) { describe(i, "before") })
						w.mustRun(0)

						describe(item, "lost")
						w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindLate, Delay: emulator.Duration(8 * time.Second)})
						w.crashAfter("updateAsset")
						describe(item, next)
						w.jump(jump)
						if cut { // while the next run waits
							ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errCrash)
							if out, err := w.run(ctx, nil); err != nil || !errors.Is(out.Err, errCrash) {
								t.Errorf("the second run ended with %v, %v; it was to be cut off", err, out.Err)
							}
							cancel()
						}
						w.mustRun(0)
						<-time.After(10 * time.Second)
						if got := w.tenant.Assets()[0].Description; got != next {
							t.Errorf("the description is %q, want %q", got, next)
						}
					})
				})
			}
		}
	}
}

// Neither a list nor a read shows the asset that a run has just made. --recreate is
// no reason to make it again.
func TestRecreateWaitsForWhatWasJustMade(t *testing.T) {
	for _, jump := range []time.Duration{0, 5 * time.Hour} {
		t.Run(fmt.Sprint(jump), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const lag = 4 * time.Second
				w := newWorld(t, emulator.Options{})
				w.options.SettleTime = 10 * time.Second
				w.add("A", "content")
				w.mustRun(0) // this tenant keeps external IDs
				w.tenant.Switch(func(s *emulator.Switches) { s.ListLag, s.ReadLag = emulator.Duration(lag), emulator.Duration(lag) })
				w.add("B", "content")
				w.crashAfter("postAssets")
				w.jump(jump)
				w.options.Recreate = func(string) bool { return true }
				w.mustRun(0)
				w.check()
			})
		})
	}
}

// What an update without an answer has set is ours, also after the next update,
// which sets another value, was not carried out.
func TestALostUpdateIsNoChangeByAPerson(t *testing.T) {
	for _, delay := range []time.Duration{0, 8 * time.Second} {
		t.Run(fmt.Sprint(delay), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.options.SettleTime, w.options.RetryFailed = 10*time.Second, true
				item := w.add("A", "content", func(i *manifest.Item) { describe(i, "before") })
				w.mustRun(0)

				describe(item, "first")
				lost := emulator.Fault{Op: "updateAsset", Kind: emulator.KindLost}
				if delay > 0 {
					lost.Kind, lost.Delay = emulator.KindLate, emulator.Duration(delay)
				}
				w.tenant.Fail(lost)
				w.crashAfter("updateAsset")
				describe(item, "second")
				w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindStatus, Status: 500, Count: -1})
				w.mustRun(3)
				if got := w.tenant.Assets()[0].Description; got != "first" {
					t.Fatalf("the description is %q: this proves nothing", got)
				}
				w.tenant.ClearFaults()
				describe(item, "third")
				w.mustRun(0)
				if got := w.tenant.Assets()[0].Description; got != "third" {
					t.Errorf("the description is %q, want the third", got)
				}
				w.planIsEmpty()
			})
		})
	}
}

// What a create that was never answered carried is not set again when it is wanted
// no longer: the asset shows what the manifest says now.
func TestALostCreateSetsNothingThatIsWantedNoMore(t *testing.T) {
	for _, rule := range []string{"add", "replace", "keep"} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.man.Update.Tags = rule
				item := w.add("A", "content", func(i *manifest.Item) { describe(i, "before") }, tags("One", "Two"))
				w.crash("postAssets", 1, emulator.After)
				w.person("A", description("after"))
				describe(item, "after")
				w.mustRun(0)
				if got := w.tenant.Assets()[0].Description; got != "after" {
					t.Errorf("the description is %q, want what the manifest says and a person set", got)
				}
				w.check()
				w.planIsEmpty()
			})
		})
	}
}

// A version that newer bytes of ours overtook before it was verified is no upload
// by somebody else, also when the newer ones then fail.
func TestAVersionThatAnotherOvertookIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		slow := func(d time.Duration) {
			w.tenant.Switch(func(s *emulator.Switches) {
				s.Processing = []emulator.ProcessingTime{{Pattern: "*", Time: emulator.Duration(d)}}
			})
		}
		w.add("A", "content")
		w.mustRun(0)

		w.options.Wait, w.options.RetryFailed = -1, true
		slow(time.Hour)
		w.files.put("A.txt", "the first new bytes")
		w.mustRun(6)
		w.files.put("A.txt", "the second new bytes")
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindProcessingStuck})
		w.mustRun(6)
		<-time.After(25 * time.Hour) // the first are in use, the second overdue
		w.mustRun(3)
		slow(0)
		w.mustRun(0)
		w.check()
		if rec := w.record("A"); rec.Overtaken != nil {
			t.Errorf("%q is still remembered", rec.Overtaken)
		}
	})
}

// What a create left to set is still to be set after an attempt that failed, and a
// retry that failed, too.
func TestWhatACreateLeftToSetOutlivesFailures(t *testing.T) {
	for _, rule := range []string{"add", "replace", "keep"} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{Switches: emulator.Switches{DropTags: true}})
				w.man.Update.Tags, w.options.RetryFailed = rule, true
				w.add("A", "content", tags("One"))
				w.add("B", "", link, tags("One"))
				w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindStatus, Status: 500, Count: -1})
				for range 3 {
					w.mustRun(3)
				}
				w.tenant.ClearFaults()
				w.mustRun(0)
				w.check()
			})
		})
	}
}

// A run that sends other bytes after a version that a killed run had sent replaces
// that version: taking the run back brings it back, and not what was there before
// both.
func TestTheWayBackOfAVersionIsTheVersionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		w.options.KeepReplaced = fastDir(t)
		w.add("A", "content")
		w.mustRun(0)
		w.files.put("A.txt", "the first new bytes")
		w.crash(emulator.OpPut, 1, emulator.After)
		first := w.tenant.Assets()[0].MD5
		w.files.put("A.txt", "the second new bytes")
		w.mustRun(0)
		w.check()
		w.mustRollback(0, false, fmt.Sprintf("run-%d", w.runs))
		if got := w.tenant.Assets()[0].MD5; got != first {
			t.Errorf("the bytes have the MD5 %s, want %s of the version that was killed", got, first)
		}
	})
}
