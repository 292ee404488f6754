package pipeline_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// A row of a table keeps its external ID when its file is renamed, and then
// has no file: the file that nobody uses is told to be that one.
func TestAFileThatNobodyUsesMayBeThatOfARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		for i := range 1200 { // more than a page of records
			w.add(fmt.Sprintf("%04d", i), fmt.Sprintf("the bytes of %04d", i))
		}
		w.mustRun(0)
		w.files.mu.Lock()
		renamed := func(from, to string) {
			w.files.m[to] = w.files.m[from]
			delete(w.files.m, from)
		}
		renamed("0003.txt", "new/3.txt")
		renamed("1101.txt", "1101 (final).txt")
		touched := w.files.m["0007.txt"]
		touched.mod = touched.mod.Add(time.Hour)
		w.files.m["touched.txt"] = touched
		delete(w.files.m, "0007.txt")
		w.files.m["copy.txt"] = w.files.m["0005.txt"]
		w.files.mu.Unlock()

		st := w.open()
		defer func() { _ = st.Close() }()
		m := pipeline.NewMovedFiles(w.input(st))
		for path, want := range map[string]string{
			"new/3.txt":        "0003 0003.txt",
			"1101 (final).txt": "1101 1101.txt",
			"touched.txt":      " ", // the time was known, and is another
			"copy.txt":         " ", // the file that it is a copy of is there
		} {
			info, err := w.files.Stat(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			id, was, err := m.Find(t.Context(), manifest.Location{Path: path}, info)
			if got := id + " " + was; got != want || err != nil {
				t.Errorf("%s: %q, %v, want %q", path, got, err, want)
			}
		}
		if id, _, err := m.Find(t.Context(), manifest.Location{Path: "none.txt"}, source.Info{Size: 1 << 40}); id != "" || err != nil {
			t.Errorf("%q, %v", id, err)
		}
	})
}

// Where the time of a file tells nothing, its bytes do.
func TestAFileWhoseTimeTellsNothingIsReadToTellWhoseItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "the bytes of A")
		w.add("B", "the bytes of B")
		w.files.mu.Lock()
		for path, f := range w.files.m { // as young as the run
			f.mod = time.Now()
			w.files.m[path] = f
		}
		w.files.mu.Unlock()
		w.mustRun(0)
		w.files.mu.Lock()
		for from, to := range map[string]string{"A.txt": "a.txt", "B.txt": "b.txt"} {
			f := w.files.m[from]
			f.offline = from == "B.txt"
			w.files.m[to] = f
			delete(w.files.m, from)
		}
		w.files.mu.Unlock()
		st := w.open()
		defer func() { _ = st.Close() }()
		in := w.input(st)
		in.Sources["store"] = w.files
		m := pipeline.NewMovedFiles(in)
		for _, c := range []struct {
			at   manifest.Location
			want string
		}{
			{manifest.Location{Path: "a.txt"}, "A"},
			{manifest.Location{Path: "b.txt"}, ""},                                       // online only
			{manifest.Location{Root: "store", Path: "a.txt", Kind: manifest.RootS3}, ""}, // not on this machine
		} {
			info, err := w.files.Stat(t.Context(), c.at.Path)
			if err != nil {
				t.Fatal(err)
			}
			n := w.reads(func() {
				if id, _, err := m.Find(t.Context(), c.at, info); id != c.want || err != nil {
					t.Errorf("%+v: %q, %v, want %q", c.at, id, err, c.want)
				}
			})
			if read := n > 0; read != (c.want != "") {
				t.Errorf("%+v: read %d times", c.at, n)
			}
		}
	})
}
