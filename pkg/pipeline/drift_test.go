package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestTextsThatJSONMayEscapeAreNoDrift(t *testing.T) {
	for _, text := range []string{"R&D <b>", "a > b", "\u2028", "Größe", "tab\there", "\u007f", `"quoted" \ `, "😀"} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A&B", "a", tags("One"), func(i *manifest.Item) {
					i.File, i.Location.Path = "A.txt", "A.txt"
					i.Fields.Description = manifest.Some(text)
				})
				w.files.put("A.txt", "a")
				w.mustRun(0)
				w.tenant.ResetBooks()
				w.planIsEmpty()
				if n := w.tenant.Books().Requests["getAssets"]; n > 0 {
					t.Errorf("a rerun asked for assets %d times", n)
				}
				w.items[0].Fields.Description = manifest.Some("another one")
				w.mustRun(0)
				if d := w.assets()["A&B"][0].Description; d != "another one" {
					t.Errorf("the description is %q", d)
				}
			})
		})
	}
}

// say gives an item values in every field that a service is known, or may be
// thought, to give another form; n makes them others.
func say(i *manifest.Item, n int) {
	f := &i.Fields
	day := time.Date(2031, 5, 1+n, 10, 30, 0, 0, time.UTC)
	f.Name = manifest.Some(fmt.Sprintf("Name %d", n)) // the file's extension is appended
	f.Description = manifest.Some(fmt.Sprintf(" R&D, %d. ", n))
	f.Tags = manifest.Some([]manifest.Tag{{Name: "Zulu"}, {Name: "alpha"}, {Name: fmt.Sprintf("T%d", n)}})
	f.Languages = manifest.Some([]string{"nl", "en", []string{"de", "fr", "es"}[n%3]})
	f.Countries = manifest.Some([]string{"US", "BE"})
	f.Authors = manifest.Some([]string{"john.q@example.com", "jane@example.com"})
	f.IsShareable, f.IsAnnotatable = manifest.Some(n%2 == 0), manifest.Some(n%2 == 1)
	f.ReleasedAt = manifest.Some(manifest.Instant{At: day})
	f.ExpiresAt = manifest.Some(manifest.Instant{At: day.AddDate(1, 0, 0)})
	f.DownloadableExternal = manifest.Some([]string{"pdf", "original"}[:1+n%2])
	f.IsSensitive = manifest.Some(n%2 == 1)
}

// shuffled is a service that gives arrays in another order at each read.
type shuffled struct{ *showpad.Client }

func (s shuffled) Assets(ctx context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	return func(yield func(showpad.Asset, error) bool) {
		for a, err := range s.Client.Assets(ctx, f) {
			members := maps.Collect(a.Raw.All())
			for name, raw := range members {
				var l []json.RawMessage
				if json.Unmarshal(raw, &l) != nil || len(l) < 2 {
					continue
				}
				slices.Reverse(l)
				turned, err := json.Marshal(l)
				if err != nil {
					panic(err)
				}
				members[name] = turned
			}
			a.Raw = showpad.ObjectOf(members)
			if !yield(a, err) {
				return
			}
		}
	}
}

// TestNoConflictComesFromTheServiceItself changes every field of an item on
// services that keep things in forms of their own, loses the answer to the update
// in every way, or the process at every step of it, and changes the item again
// or not: nobody but us was there, so nothing may be a conflict, and what the
// manifest said last is what is there in the end.
func TestNoConflictComesFromTheServiceItself(t *testing.T) {
	services := map[string]emulator.Switches{
		"plain": {}, "snaps dates": {SnapDates: true}, "trims descriptions": {TrimDescriptions: true},
		"resets permissions": {ResetPermissions: true}, "drops tags": {DropTags: true}, "folds tags": {FoldTags: true},
		"all": {SnapDates: true, TrimDescriptions: true, ResetPermissions: true, DropTags: true, FoldTags: true, IgnoreFileName: true},
	}
	accidents := map[string]func(w *world){
		"none": func(w *world) { w.mustRun(0) },
		"stopped before": func(w *world) { // the intent is on disk, nothing left
			w.crash("updateAsset", 1, emulator.Before)
		},
		"stopped after": func(w *world) { w.crash("updateAsset", 1, emulator.After) },
	}
	for _, kind := range []emulator.Kind{emulator.KindLost, emulator.KindReset, emulator.KindLate, emulator.KindTruncated, emulator.KindStatusAfter} {
		accidents[string(kind)] = func(w *world) {
			w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: kind, Delay: emulator.Duration(2 * time.Second)})
			w.mustRun(0)
		}
		accidents[string(kind)+" until given up"] = func(w *world) {
			w.options.Retries = 1
			w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: kind, Count: 20, Delay: emulator.Duration(2 * time.Second)})
			_, _ = w.run(w.t.Context(), nil)
			w.tenant.ClearFaults()
		}
	}
	for nth := 1; nth <= 5; nth++ {
		accidents[fmt.Sprintf("state write %d fails", nth)] = func(w *world) {
			w.fail = func(n int) error {
				if n >= nth {
					return errCrash
				}
				return nil
			}
			_, _ = w.run(w.t.Context(), nil)
			w.fail = nil
		}
	}
	for service, switches := range services {
		for accident, happen := range accidents {
			for _, again := range []int{2, 1, 0} { // something else, as it was tried, taken back
				if again != 2 && service != "plain" && service != "all" {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", service, accident, again), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, emulator.Options{Processing: time.Second, Switches: switches})
						w.options.RetryFailed = true
						w.changeAPI = func(c *showpad.Client) pipeline.API { return shuffled{c} }
						w.add("A", "content", func(i *manifest.Item) { say(i, 0) })
						w.mustRun(0)
						w.options.FullCheck = true
						w.planIsEmpty()
						say(&w.items[0], 1)
						happen(w)
						say(&w.items[0], again)
						w.mustRun(0)
						w.planIsEmpty()
						w.tenant.ResetBooks()
						w.mustRun(0)
						if b := w.tenant.Books(); len(b.Commits) > 0 {
							t.Errorf("a rerun changed something: %v", b.Commits)
						}
						if n := len(w.tenant.Assets()); n != 1 {
							t.Fatalf("%d assets", n)
						}
						a := w.assets()["A"][0]
						if want := fmt.Sprintf("R&D, %d.", again); !sameText(a.Description, want) || a.IsShareable != (again%2 == 0) {
							t.Errorf("the description is %q, shareable %v; want %q", a.Description, a.IsShareable, want)
						}
					})
				})
			}
		}
	}
}

func sameText(a, b string) bool { return a == b || a == " "+b+" " }

func TestAVersionUnderWayIsNoConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: time.Hour})
		w.options.FullCheck, w.options.Wait, w.options.ProcessingTimeout = true, -1, 4*time.Hour
		w.add("A", "content", func(i *manifest.Item) { say(i, 0) })
		w.mustRun(6)
		<-time.After(2 * time.Hour)
		w.mustRun(0)
		w.files.put("A.txt", "second content")
		w.mustRun(6)
		// Ours is being processed: the old one is shown.
		say(&w.items[0], 1)
		w.mustRun(6)
		<-time.After(2 * time.Hour)
		w.mustRun(0)
		w.planIsEmpty()
		// Somebody's very own bytes again, as a version of theirs.
		w.upload(w.client(), w.assets()["A"][0].ID, "second content")
		w.planIsEmpty()
		<-time.After(2 * time.Hour)
		w.planIsEmpty()
	})
}

func TestAConflictShowsWhatIsThereWhatIsWantedAndWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", func(i *manifest.Item) { i.Fields.Description = manifest.Some("ours") })
		w.mustRun(0)
		w.person("A", description("theirs"))
		w.describe("new")
		row := w.action("A")
		want := pipeline.FieldDiff{Field: "description", Remote: raw(`"theirs"`), Wanted: raw(`"new"`), Last: raw(`"ours"`)}
		if row.Reason != pipeline.ConflictChanged || fmt.Sprint(row.Diff) != fmt.Sprint([]pipeline.FieldDiff{want}) {
			t.Errorf("%s %s %s", row.Action, row.Reason, row.Diff)
		}
		// The very value that we want, and the one that we sent, are nobody's harm.
		for _, value := range []string{"new", "ours"} {
			w.person("A", description(value))
			if row := w.action("A"); row.Action == pipeline.ActionConflict {
				t.Errorf("%q there: %s %s", value, row.Reason, row.Detail)
			}
		}
		w.mustRun(0)
		w.planIsEmpty()
	})
}

// failing is a service on which a version is broken: its asset has failed, or
// has lost it.
type failing struct {
	*showpad.Client
	file, status string
}

func (f *failing) Assets(ctx context.Context, filter showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	return func(yield func(showpad.Asset, error) bool) {
		for a, err := range f.Client.Assets(ctx, filter) {
			if a.CurrentFile != nil && a.CurrentFile.ID == f.file {
				a.Status = f.status
				if f.status == showpad.StatusPrepared {
					a.CurrentFile, a.Checksum, a.Size = nil, "", nil
				}
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

func TestAFullCheckMendsAnAssetThatLostItsFile(t *testing.T) {
	for _, status := range []string{showpad.StatusFailed, showpad.StatusPrepared} {
		t.Run(status, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{Processing: time.Second})
				w.add("A", "content", func(i *manifest.Item) { say(i, 0) })
				w.mustRun(0)
				lost := w.record("A").FileID
				w.changeAPI = func(c *showpad.Client) pipeline.API { return &failing{c, lost, status} }
				w.planIsEmpty() // nothing is read
				w.options.FullCheck = true
				if row := w.action("A"); row.Action != pipeline.ActionVersion || row.Reason != pipeline.ReasonFileLost || row.Writes != 1 || row.Puts != 1 {
					t.Errorf("the plan says %s %s, %d writes", row.Action, row.Reason, row.Writes)
				}
				w.tenant.ResetBooks()
				w.mustRun(0)
				if b := w.tenant.Books(); b.Commits[emulator.OpPut] != 1 || b.Commits["updateAsset"] != 0 {
					t.Errorf("it took %v", b.Commits)
				}
				w.check()
				w.planIsEmpty()
				w.mustRun(0)
			})
		})
	}
}

// TestAFullCheckSeesEverythingThatSomebodyChanged is what --full-check adds, one
// thing at a time.
func TestAFullCheckSeesEverythingThatSomebodyChanged(t *testing.T) {
	for name, change := range map[string]func(w *world, id string){
		"description": func(w *world, _ string) { w.person("A", description("theirs")) },
		"name":        func(w *world, _ string) { w.person("A", showpad.AssetFields{Name: showpad.Some("theirs.txt")}) },
		"permissions": func(w *world, _ string) { w.person("A", permission(false)) },
		"date":        func(w *world, _ string) { w.person("A", showpad.AssetFields{ExpiresAt: showpad.Null[string]()}) },
		"languages": func(w *world, _ string) {
			w.person("A", showpad.AssetFields{Languages: showpad.Some([]showpad.Code{})})
		},
		"authors":            func(w *world, _ string) { w.person("A", showpad.AssetFields{Authors: showpad.Some([]showpad.Ref{})}) },
		"sensitive":          func(w *world, _ string) { w.person("A", showpad.AssetFields{IsSensitive: showpad.Some(true)}) },
		"archived":           func(w *world, _ string) { w.person("A", showpad.AssetFields{IsArchived: showpad.Some(true)}) },
		"external ID":        func(w *world, _ string) { w.person("A", showpad.AssetFields{ExternalID: showpad.Some("X")}) },
		"bytes":              func(w *world, id string) { w.upload(w.client(), id, "theirs, longer") },
		"bytes of this size": func(w *world, id string) { w.upload(w.client(), id, "CONTENT") },
		"deleted":            func(w *world, id string) { w.deleteByHand(id) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "content", func(i *manifest.Item) { say(i, 0) })
				w.mustRun(0)
				change(w, w.assets()["A"][0].ID)
				<-time.After(time.Minute)
				w.mustRun(0)
				w.options.FullCheck = true
				w.tenant.ResetBooks()
				w.mustRun(3)
				if r := w.result("A"); r.Status != "conflict" || len(w.tenant.Books().Commits) > 0 {
					t.Errorf("it is %s %s, and changed %v", r.Action, r.Reason, w.tenant.Books().Commits)
				}
			})
		})
	}
}

func permission(shareable bool) showpad.AssetFields {
	return showpad.AssetFields{Permissions: showpad.Some(showpad.Permissions{IsShareable: showpad.Some(shareable)})}
}
