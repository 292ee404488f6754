package note

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func entry(state, run string, start time.Time) Entry {
	return Entry{State: state, Host: "here", Manifest: "wave", Run: run, Start: start}
}

func open(t *testing.T) *File {
	t.Helper()
	f, err := Open(filepath.Join(t.TempDir(), "tenants"), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func begin(t *testing.T, f *File, e Entry, want ...Entry) {
	t.Helper()
	before, err := f.Begin(t.Context(), e, func(o Entry) bool { return o.Run == "unknown" })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, before); diff != "" {
		t.Errorf("before %s (-want +got):\n%s", e.Run, diff)
	}
}

func TestEachStateHasItsLastRun(t *testing.T) {
	f := open(t)
	a1, a2, b1 := entry("/a", "a1", noon), entry("/a", "a2", noon.Add(time.Hour)), entry("/b", "b1", noon.Add(time.Minute))
	begin(t, f, a1)
	begin(t, f, b1, a1)
	ended := a1
	ended.End = noon.Add(time.Second)
	if err := f.End(t.Context(), ended, true); err != nil {
		t.Fatal(err)
	}
	ended.Made = ended.End
	begin(t, f, a2, ended, b1)
	// The end of a run that is not the last one any more is not that of the last one.
	if err := f.End(t.Context(), ended, false); err != nil {
		t.Fatal(err)
	}
	other := a2
	other.Host = "elsewhere" // the same path there is another file
	a2.Made = ended.Made
	begin(t, f, other, b1, a2)
	// One that made nothing leaves standing when one last did.
	a2.End = noon.Add(2 * time.Hour)
	if err := f.End(t.Context(), a2, false); err != nil {
		t.Fatal(err)
	}
	begin(t, f, entry("/c", "c1", noon), b1, a2, other)
}

func TestANoteKnowsTheManifestsOfAState(t *testing.T) {
	f := open(t)
	for i, id := range []string{"b", "c", "b", "a"} {
		e := entry("/a", fmt.Sprint(i), noon.Add(time.Duration(i)*time.Hour))
		e.Manifest = id
		if _, err := f.Begin(t.Context(), e, func(Entry) bool { return false }); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Read()
	if err != nil || len(got) != 1 || !slices.Equal(got[0].All(), []string{"a", "b", "c"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestADoubtOutlivesTheRunThatHadIt(t *testing.T) {
	f := open(t)
	unknown, killed, next := entry("/a", "unknown", noon), entry("/a", "a1", noon.Add(time.Second)), entry("/a", "a2", noon.Add(2*time.Second))
	begin(t, f, unknown)
	begin(t, f, killed, unknown)
	killed.Doubted = killed.Start
	begin(t, f, next, killed)
	next.Doubted = killed.Start
	begin(t, f, entry("/a", "a3", noon.Add(time.Hour)), next)
}

func TestWhatIsLongGoneIsForgotten(t *testing.T) {
	f := open(t)
	there := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old, gone, recent := entry(there, "1", noon), entry(there+".gone", "2", noon), entry(there+".moved", "3", noon.Add(keepGone))
	begin(t, f, old)
	begin(t, f, gone, old)
	begin(t, f, recent, old, gone)
	begin(t, f, entry("/x", "4", noon.Add(keepGone+time.Hour)), old, recent)
}

func TestADamagedNoteIsToldAndReplaced(t *testing.T) {
	for _, text := range []string{"", "{", `{"states":[]}`, `{"version":1,"states":{}}`} {
		f := open(t)
		if err := os.WriteFile(f.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := entry("/a", "a1", noon)
		if before, err := f.Begin(t.Context(), e, func(o Entry) bool { return o.Run == "unknown" }); !errors.Is(err, ErrDamaged) || len(before) > 0 {
			t.Errorf("%q: %v, %v", text, before, err)
		}
		e.Doubted = noon // until the settle time has passed, whatever becomes of this run
		begin(t, f, entry("/b", "b1", noon), e)
	}
}

func TestANewerNoteIsLeftAlone(t *testing.T) {
	f := open(t)
	const text = `{"version":2,"states":[]}`
	if err := os.WriteFile(f.Path(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Begin(t.Context(), entry("/a", "a1", noon), nil); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
	if b, err := os.ReadFile(f.Path()); string(b) != text || err != nil {
		t.Errorf("%s, %v", b, err)
	}
}

func TestANoteIsReadAsItWasWritten(t *testing.T) {
	f := open(t)
	if all, err := f.Read(); len(all) > 0 || err != nil {
		t.Errorf("before anything: %v, %v", all, err)
	}
	a1 := entry("/a", "a1", noon)
	begin(t, f, a1)
	all, err := f.Read()
	if diff := cmp.Diff([]Entry{a1}, all); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := os.WriteFile(f.Path(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := f.Read(); len(all) > 0 || !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v, %v", all, err)
	}
}
