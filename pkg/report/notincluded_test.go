package report

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestWhatIsNotIncludedIsEvidence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, testInfo())
	if err != nil {
		t.Fatal(err)
	}
	leftovers := []manifest.Leftover{
		{Reason: manifest.LeftNoItem, Source: "decks:a;b.pdf", Size: 12},
		{Reason: manifest.LeftExcluded, Source: "decks:=1+1.pdf", Size: 1, Detail: "**/old/**", Pos: manifest.Pos{File: "m.yaml", Line: 7, Column: 5}},
		{Reason: manifest.LeftNoFile, Source: "decks:gone.pdf", Pos: manifest.Pos{File: "t.csv", Line: 3}},
	}
	broken := errors.New("broken")
	if err := w.NotIncluded(func(yield func(manifest.Leftover, error) bool) {
		_ = yield(leftovers[0], nil) && yield(manifest.Leftover{}, broken)
	}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, NotIncludedFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a list stays: %v", err)
	}
	if err := w.NotIncluded(func(yield func(manifest.Leftover, error) bool) {
		for _, l := range leftovers {
			if !yield(l, nil) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(testOutcome()); err != nil {
		t.Fatal(err)
	}
	want := "\ufeffsource,size,reason,detail,place\r\n" +
		"decks:a;b.pdf,12,no-item,,\r\n" +
		"decks:=1+1.pdf,1,excluded,**/old/**,m.yaml:7:5\r\n" +
		"decks:gone.pdf,,no-file,,t.csv:3\r\n"
	got, err := os.ReadFile(filepath.Join(dir, NotIncludedFile))
	if d := cmp.Diff(want, string(got)); d != "" || err != nil {
		t.Error(d, err)
	}
	if v, err := Verify(dir); err != nil || !v.OK() {
		t.Errorf("%+v, %v", v, err)
	}
	if err := os.Remove(filepath.Join(dir, NotIncludedFile)); err != nil {
		t.Fatal(err)
	}
	if v, err := Verify(dir); err != nil || v.OK() {
		t.Errorf("nobody misses it: %+v, %v", v, err)
	}
}
