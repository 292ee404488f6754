package pipeline_test

import (
	"testing"
	"testing/synctest"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestAPlaceThatTellsAWrongMD5 costs an attempt and a second reading, once, and
// never gives wrong bytes: storage refuses what does not have the checksum that
// was told, and what was read then counts as long as the version is the same.
func TestAPlaceThatTellsAWrongMD5(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "the bytes of A")
		wrong := make([]byte, 16)
		change := func(version string, data string) {
			w.files.mu.Lock()
			defer w.files.mu.Unlock()
			f := w.files.m["A.txt"]
			f.md5, f.version, f.data = wrong, version, []byte(data)
			w.files.m["A.txt"] = f
		}
		change("v1", "the bytes of A")
		w.mustRun(0)
		w.check()
		sent := w.assets()["A"][0].Files
		if n := w.reads(func() {
			if r := w.action("A"); r.Action != pipeline.ActionUnchanged {
				t.Errorf("the next plan says %s %s", r.Action, r.Reason)
			}
			w.mustRun(0)
		}); n != 0 {
			t.Errorf("%d readings of what is known by now", n)
		}
		if files := w.assets()["A"][0].Files; files != sent {
			t.Errorf("%d versions after the second run, %d after the first", files, sent)
		}
		change("v2", "other bytes, A") // of the same size, with the same time
		w.mustRun(0)
		w.check()
	})
}
