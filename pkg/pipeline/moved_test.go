package pipeline_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// rename gives an item's file another path, and the item another external ID,
// as a pattern does.
func (w *world) renameFile(id, to string) {
	w.t.Helper()
	for i := range w.items {
		if it := &w.items[i]; it.ExternalID == id {
			w.files.mu.Lock()
			w.files.m[to] = w.files.m[it.Location.Path]
			delete(w.files.m, it.Location.Path)
			w.files.mu.Unlock()
			it.ExternalID, it.File, it.Location = to, to, manifest.Location{Path: to}
			return
		}
	}
	w.t.Fatalf("no item %s", id)
}

// reads counts the files that a plan opens.
func (w *world) reads(plan func()) int {
	var n atomic.Int64
	w.files.trouble = func(string) (time.Duration, error) { n.Add(1); return 0, nil }
	plan()
	w.files.trouble = nil
	return int(n.Load())
}

func TestARenamedFileIsToldAsMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "the bytes of A")
		w.add("B", "the bytes of B") // of the same size
		w.add("C", "stays")
		w.mustRun(0)
		w.renameFile("A", "far/A.txt")
		w.renameFile("B", "B2.txt")
		w.add("new", "the bytes of N")
		var s pipeline.Summary
		var rows []pipeline.Row
		if n := w.reads(func() { s, rows = w.plan() }); n != 0 {
			t.Errorf("%d files were read: their size and time tell", n)
		}
		want := map[string]string{"far/A.txt": "A", "B2.txt": "B", "new": "", "C": ""}
		for _, r := range rows {
			if r.Moved != want[r.ExternalID] || strings.HasPrefix(r.Detail, "moved? ") != (r.Moved != "") {
				t.Errorf("%s: %q, %q", r.ExternalID, r.Moved, r.Detail)
			}
		}
		if s.Moved != 2 || s.Actions[pipeline.ActionCreate] != 3 {
			t.Errorf("%+v", s)
		}
		// Known bytes that differ are another file, whatever the time says.
		w.files.mu.Lock()
		f := w.files.m["B2.txt"]
		f.data = []byte("the bytes of X")
		w.files.m["B2.txt"] = f
		w.files.mu.Unlock()
		w.options.Hash = true
		if r := w.action("B2.txt"); r.Moved != "" {
			t.Errorf("%q", r.Moved)
		}
		if r := w.action("far/A.txt"); r.Moved != "A" {
			t.Errorf("%q", r.Moved)
		}
	})
}

func TestFilesThatWereYoungAreReadToTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "the bytes of A")
		w.files.mu.Lock()
		w.files.m["A.txt"] = memFile{data: []byte("the bytes of A"), mod: w.clock()}
		w.files.mu.Unlock()
		w.mustRun(0)
		w.renameFile("A", "B")
		w.add("C", "the bytes of C")
		w.add("D", "another size")
		if n := w.reads(func() { _, _ = w.plan() }); n != 1 {
			t.Errorf("%d files were read, want one: it is found, and D has another size", n)
		}
		if r := w.action("B"); r.Moved != "A" {
			t.Errorf("%q", r.Moved)
		}
		for i := range w.items { // nothing is downloaded for it
			w.items[i].Location.Root, w.items[i].Location.Kind = "store", manifest.RootS3
		}
		w.places = map[string]source.Source{"": w.files, "store": w.files}
		if n := w.reads(func() { _, _ = w.plan() }); n != 0 {
			t.Errorf("%d files at another place were read", n)
		}
	})
}

func TestWhatIsStillListedDidNotMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "one")
		w.add("B", "two")
		w.mustRun(0)
		w.add("copy", "one")
		w.sel.Only = func(id string) bool { return id == "copy" } // a selection makes no difference
		if r := w.action("copy"); r.Moved != "" {
			t.Errorf("%q", r.Moved)
		}
		w.man.ID = "other"
		w.sel = pipeline.Selection{}
		w.items = nil
		w.add("another", "one")
		w.options.Hash = true
		if r := w.action("another"); r.Moved != "" {
			t.Errorf("of another manifest: %q", r.Moved)
		}
	})
}

// Several items may have the same bytes: each is told once, that with the same
// name first.
func TestEachMoveIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		for _, id := range []string{"A", "B"} {
			w.add(id, "the same")
		}
		w.mustRun(0)
		w.renameFile("B", "x/B.txt")
		w.renameFile("A", "y/A.txt")
		w.add("third", "the same")
		w.options.Hash = true
		want := map[string]string{"x/B.txt": "B", "y/A.txt": "A", "third": ""}
		_, rows := w.plan()
		for _, r := range rows {
			if r.Moved != want[r.ExternalID] {
				t.Errorf("%s: %q", r.ExternalID, r.Moved)
			}
		}
	})
}

// A placeholder is not opened by a plan, whatever it would tell.
func TestAPlanDownloadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "the bytes of A")
		w.add("B", "the bytes of B")
		w.mustRun(0)
		w.files.mu.Lock()
		a, b := w.files.m["A.txt"], w.files.m["B.txt"]
		a.mod, a.offline = a.mod.Add(time.Second), true
		b.offline = true
		w.files.m["A.txt"], w.files.m["B.txt"] = a, b
		w.files.mu.Unlock()
		w.renameFile("B", "C")
		w.add("D", "new and away")
		w.files.mu.Lock()
		d := w.files.m["D.txt"]
		d.offline = true
		w.files.m["D.txt"] = d
		w.files.mu.Unlock()
		w.options.Hash = true
		var s pipeline.Summary
		var rows []pipeline.Row
		if n := w.reads(func() { s, rows = w.plan() }); n != 0 {
			t.Errorf("%d files were opened", n)
		}
		want := map[string]pipeline.Action{"A": pipeline.ActionCheck, "C": pipeline.ActionCreate, "D": pipeline.ActionCreate}
		for _, r := range rows {
			if r.Action != want[r.ExternalID] || !r.Offline {
				t.Errorf("%s: %s, offline %v", r.ExternalID, r.Action, r.Offline)
			}
			if r.ExternalID == "C" && r.Moved != "B" { // by its size and time
				t.Errorf("C: %q", r.Moved)
			}
		}
		if s.Offline != 3 || s.OfflineBytes != int64(14+14+12) {
			t.Errorf("%d files, %d bytes", s.Offline, s.OfflineBytes)
		}
		// A run needs the bytes, and reads them.
		if n := w.reads(func() { w.mustRun(0) }); n == 0 {
			t.Error("a run opens nothing")
		}
	})
}
