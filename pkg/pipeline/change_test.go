package pipeline_test

import (
	"crypto/md5"
	"fmt"
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

// changes are what the state keeps of a run, by external ID.
func (w *world) changes(run string) map[string]state.Change {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	ids, list, err := st.Changes(w.t.Context(), run, "", 0)
	if err != nil {
		w.t.Fatal(err)
	}
	m := map[string]state.Change{}
	for i, id := range ids {
		m[id] = list[i]
	}
	return m
}

// wantChange demands the images of some fields: "description: null > "x"".
func (w *world) wantChange(run, id string, op state.Op, want ...string) {
	w.t.Helper()
	c, ok := w.changes(run)[id]
	if !ok || c.Op != op {
		w.t.Errorf("%s of %s: %+v, want a change with op %s", id, run, c, op)
		return
	}
	var got []string
	for _, f := range want {
		name, _, _ := strings.Cut(f, ":")
		got = append(got, fmt.Sprintf("%s: %s > %s", name, c.Before[name], c.After[name]))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(c.After) != len(want) {
		w.t.Errorf("%s of %s: %q, and %d fields in all; want %q", id, run, got, len(c.After), want)
	}
}

func md5Hex(content string) string { return fmt.Sprintf("%x", md5.Sum([]byte(content))) }

func quote(s string) string { return `"` + s + `"` }

func about(s string) func(*manifest.Item) {
	return func(i *manifest.Item) { i.Fields.Description = manifest.Some(s) }
}

func TestACreateBelongsToTheRunThatSentIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: time.Second, Switches: emulator.Switches{DropTags: true}})
		w.options.SettleTime = 5 * time.Second
		w.add("A", "content", tags("One"))
		w.crash("postAssets", 1, emulator.After)
		w.mustRun(0)
		a := w.assets()["A"][0].ID
		if c := w.changes("run-1")["A"]; c.Op != state.Create || c.AssetID != a {
			t.Errorf("the run that sent the create has %+v, want the create of %s", c, a)
		}
		if c := w.changes("run-2"); len(c) > 0 {
			t.Errorf("the run that found it has %v, want nothing: its tags belong to the create", c)
		}
		if rec := w.record("A"); rec.CreateRun != "run-1" {
			t.Errorf("created by %q, want run-1", rec.CreateRun)
		}
	})
}

func TestACreateSentAgainBelongsToTheRunThatSentItLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.crash("postAssets", 1, emulator.Before)
		for _, a := range w.tenant.Assets() { // it goes on in the emulator, which nobody waits for
			if err := w.client().DeleteAsset(t.Context(), a.ID); err != nil {
				t.Fatal(err)
			}
		}
		w.mustRun(0)
		if rec := w.record("A"); rec.CreateRun != "run-2" {
			t.Errorf("created by %q, want run-2", rec.CreateRun)
		}
		if c := w.changes("run-1")["A"]; c.Op != state.Create || c.AssetID != "" {
			t.Errorf("the first run has %+v, want a create of nothing", c)
		}
	})
}

// found makes an asset that the state does not know: prepared, or with bytes.
func (w *world) found(id, name, content string) string {
	w.t.Helper()
	ctx, c := w.t.Context(), w.client()
	a, err := c.CreateAsset(ctx, showpad.AssetFields{
		Name: showpad.Some(name), ExternalID: showpad.Some(id), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing}),
		Description: showpad.Some("theirs"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if content != "" {
		w.upload(c, a.ID, content)
	}
	return a.ID
}

func TestWhatAnAdoptionChangesHasItsWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: 3 * time.Second})
		w.add("HALF", "half", about("ours"))
		w.add("BUSY", "busy", about("ours"))
		w.found("HALF", "HALF.txt", "")
		w.found("BUSY", "BUSY.txt", "busy")
		w.mustRun(0)
		w.check()
		w.wantChange("run-1", "HALF", state.Version, "description: "+quote("theirs")+" > "+quote("ours"), "file: null > "+quote(md5Hex("half")))
		w.wantChange("run-1", "BUSY", state.Update, "description: "+quote("theirs")+" > "+quote("ours"))
		for _, id := range []string{"HALF", "BUSY"} {
			if rec := w.record(id); rec.CreateRun != "" || rec.Shown == "" {
				t.Errorf("%s: created by %q, shown %q; want nobody, and a digest", id, rec.CreateRun, rec.Shown)
			}
		}
	})
}

func TestAVersionAndItsFieldsAreOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "one", about("first"))
		w.mustRun(0)
		w.files.put("A.txt", "other two")
		w.items[0].Fields.Description = manifest.Some("second")
		w.mustRun(0)
		w.wantChange("run-2", "A", state.Version, "file: "+quote(md5Hex("one"))+" > "+quote(md5Hex("other two")), "description: "+quote("first")+" > "+quote("second"))
	})
}

func TestARunThatSendsWhatAnotherBeganHasItsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "one")
		w.mustRun(0)
		w.files.put("A.txt", "other two")
		w.crash("postAssetFiles", 1, emulator.After)
		w.files.put("A.txt", "the third one")
		w.mustRun(0)
		w.check()
		w.wantChange("run-2", "A", state.Version, "file: "+quote(md5Hex("one"))+" > "+quote(md5Hex("other two")))
		w.wantChange("run-3", "A", state.Version, "file: "+quote(md5Hex("one"))+" > "+quote(md5Hex("the third one")))
	})
}

func TestWhatAPersonTouchedStaysKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "one", about("first"))
		w.mustRun(0)
		shown := w.record("A").Shown
		if shown == "" {
			t.Fatal("nothing is kept of what was shown")
		}
		w.person("A", showpad.AssetFields{IsSensitive: showpad.Some(true)}) // nothing that the manifest names
		w.items[0].Fields.Description = manifest.Some("second")
		w.mustRun(0)
		w.options.FullCheck = true
		w.mustRun(0)
		if now := w.record("A").Shown; now != shown {
			t.Errorf("shown %q became %q: a person's change is forgotten", shown, now)
		}
	})
}

func TestTagsOfARunAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "one", tags("Lost", "Plain", "Raced"))
		w.tenant.Fail(emulator.Fault{Op: "postTags", Kind: emulator.KindLost, Nth: 2})
		w.observe = func(e pipeline.Event) {
			if _, ok := e.(pipeline.Started); !ok {
				return
			}
			// Somebody makes one of them after the tenant's tags were read.
			if _, err := w.client().CreateTag(t.Context(), emulator.DivisionMarketing, "Raced"); err != nil {
				t.Error(err)
			}
		}
		w.mustRun(0)
		w.observe = nil
		if n := w.tenant.Books().Faults[emulator.KindLost]; n != 1 {
			t.Fatalf("%d answers were lost, want 1", n)
		}
		st := w.open()
		defer func() { _ = st.Close() }()
		made, err := st.MadeTags(t.Context(), "run-1")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range made {
			if !strings.HasPrefix(m.ID, "new:") {
				names = append(names, m.Name)
			} else if m.Name == "Raced" {
				t.Error("the tag of somebody else may still be taken for ours")
			}
		}
		slices.Sort(names)
		if fmt.Sprint(names) != "[Lost Plain]" {
			t.Errorf("tags of the run: %q, want those that it made", names)
		}
	})
}
