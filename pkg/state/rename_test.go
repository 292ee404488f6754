package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReplaceTakesThePlaceOfWhateverStoodThere(t *testing.T) {
	s := openNew(t, noSync)
	mustPut(t, s, rec("begun", Create, Registering), rec("over", Create, Done))
	w := rec("begun", Create, Done)
	w.Record.Unconfirmed, w.Event = true, "found at the service"
	w.Change, w.ChangeRun = &Change{Op: Create, AssetID: "a1"}, "r7"
	err := s.Replace(t.Context(), w, rec("over", Create, Registering), rec("new", Create, Processing), rec("new", Update, Done))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), []string{"begun", "over", "new"})
	if err != nil || got["begun"].Status != Done || !got["begun"].Unconfirmed || got["over"].Status != Registering || got["new"].Op != Update {
		t.Errorf("%+v, %v", got, err)
	}
	c, err := s.Counts(t.Context())
	want := Counts{ByStatus: map[Status]int{Done: 2, Registering: 1}, ByOp: map[Op]int{Create: 2, Update: 1}, Total: 3}
	if err != nil || !cmp.Equal(c, want) {
		t.Errorf("counts: %s, %v", cmp.Diff(want, c), err)
	}
	if u, err := s.Unfinished(t.Context(), "", 9); err != nil || !slices.Equal(idsOf(u), []string{"over"}) {
		t.Errorf("unfinished: %v, %v", idsOf(u), err)
	}
	if ev, err := s.Events(t.Context(), "begun"); err != nil || len(ev) != 1 || ev[0].Text != "found at the service" {
		t.Errorf("events: %v, %v", ev, err)
	}
	if ids, _, err := s.Changes(t.Context(), "r7", "", 9); err != nil || !slices.Equal(ids, []string{"begun"}) {
		t.Errorf("changes: %v, %v", ids, err)
	}

	serial, _ := s.Meta(t.Context(), MetaSerial)
	for _, w := range []Write{rec("x", Update, Registered), rec("x", "burn", Done), rec("x", Create, "gone")} {
		if err := s.Replace(t.Context(), rec("y", Create, Done), w); !errors.Is(err, ErrTransition) {
			t.Errorf("%s %s: %v", w.Record.Op, w.Record.Status, err)
		}
	}
	if err := s.Replace(t.Context(), rec("", Create, Done)); err == nil {
		t.Error("a record without an external ID")
	}
	if err := s.Replace(t.Context()); err != nil {
		t.Error(err)
	}
	if again, _ := s.Meta(t.Context(), MetaSerial); again != serial {
		t.Errorf("serial %s after %s", again, serial)
	}
}

// The change of a create that a later run finds to have been carried out is
// that of the run that sent it.
func TestAChangeBelongsToItsOwnRun(t *testing.T) {
	s := openNew(t, noSync)
	w := rec("a", Create, Registered)
	w.Record.Run, w.ChangeRun, w.Change, w.Event = "r2", "r1", &Change{Op: Create, AssetID: "a1"}, "found"
	mustPut(t, s, w)
	if ids, changes, err := s.Changes(t.Context(), "r1", "", 9); err != nil || !slices.Equal(ids, []string{"a"}) || changes[0].AssetID != "a1" {
		t.Errorf("of its run: %v, %v, %v", ids, changes, err)
	}
	if ids, _, err := s.Changes(t.Context(), "r2", "", 9); err != nil || len(ids) != 0 {
		t.Errorf("of the run that wrote it: %v, %v", ids, err)
	}
	if ev, err := s.Events(t.Context(), "a"); err != nil || len(ev) != 1 || ev[0].Run != "r2" {
		t.Errorf("events: %v, %v", ev, err)
	}
	// Without one it is the run of the record; a change needs either.
	w = rec("b", Update, Sending)
	w.Change = &Change{Op: Update}
	mustPut(t, s, w)
	if ids, _, err := s.Changes(t.Context(), "r1", "", 9); err != nil || !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("of the record's run: %v, %v", ids, err)
	}
	w.Record.Run, w.ChangeRun = "", "r3"
	mustPut(t, s, w)
	for _, run := range []string{"", "a\x00b", strings.Repeat("r", maxID+1)} {
		w.ChangeRun = run
		if err := s.Put(t.Context(), w); err == nil {
			t.Errorf("run %.20q: stored", run)
		}
	}
}

func TestTheClockOfTheOptionsIsThatOfRecordsAndEvents(t *testing.T) {
	at := time.Date(2031, 4, 1, 12, 0, 0, 0, time.FixedZone("", 7200))
	s := openNew(t, noSync, func(o *Options) { o.Clock = func() time.Time { return at } })
	w := rec("a", Create, Done)
	w.Event = "made"
	mustPut(t, s, w)
	at = at.Add(-time.Hour)
	if err := s.Rename(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	got, _ := s.Get(t.Context(), []string{"b"})
	ev, _ := s.Events(t.Context(), "b")
	if want := at.Add(time.Hour).UTC(); got["b"].Updated != want || len(ev) != 2 || ev[0].Time != want || ev[1].Time != at.UTC() {
		t.Errorf("record %v, events %v", got["b"].Updated, ev)
	}
}

func TestMadeTagsAreThoseOfTheirRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	want := []MadeTag{{ID: "t1", Name: "Sales", Division: "d1"}, {ID: "t2", Name: "sales", Division: "d2"}}
	for _, tag := range []MadeTag{want[1], {ID: "t1", Name: "?", Division: "?"}, want[0]} {
		if err := s.AddMadeTag(t.Context(), "r1", tag); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddMadeTag(t.Context(), "r12", MadeTag{ID: "t9"}); err != nil {
		t.Fatal(err)
	}
	for run, tag := range map[string]MadeTag{"": {ID: "t"}, "r\x00": {ID: "t"}, "r1": {Name: "no id"}, "r2": {ID: "a\x00b"}} {
		if err := s.AddMadeTag(t.Context(), run, tag); err == nil {
			t.Errorf("stored %+v of %q", tag, run)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	got, err := s.MadeTags(t.Context(), "r1")
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%s, %v", d, err)
	}
}

func TestRenameTakesEverythingAlong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path, noSync)
	step := func(id, run string, n int) Write {
		w := rec(id, Update, Sending)
		w.Record.Run, w.Event = run, fmt.Sprintf("step %d", n)
		w.Change = &Change{Op: Update, Before: map[string]json.RawMessage{"name": json.RawMessage(fmt.Sprint(n))}}
		return w
	}
	mustPut(t, s, rec("old", Create, Done), rec("old-neighbour", Create, Done), rec("ol", Create, Done))
	const runs = 40
	for n := range runs {
		run := fmt.Sprintf("r%02d", n)
		mustPut(t, s, step("old", run, n), step("old-neighbour", run, n))
	}
	mustPut(t, s, rec("old", Update, Done), step("ol", "r", 1))
	if err := s.SetMeta(t.Context(), MetaExternalIDFirst, "old"); err != nil {
		t.Fatal(err)
	}
	counts, _ := s.Counts(t.Context())
	before, _ := s.Get(t.Context(), []string{"old"})

	if err := s.Rename(t.Context(), "old", "new"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, noSync)
	got, err := s.Get(t.Context(), []string{"old", "new"})
	want := before["old"]
	want.ExternalID = "new"
	if d := cmp.Diff(map[string]Record{"new": want}, got); d != "" || err != nil {
		t.Errorf("%s, %v", d, err)
	}
	ev, err := s.Events(t.Context(), "new")
	if err != nil || len(ev) != keepEvents || ev[keepEvents-2].Text != "step 39" || ev[0].Text != "step 9" || ev[keepEvents-1].Text != "renamed: its external ID was old" {
		t.Errorf("events %v, %v", ev, err)
	}
	if ev, err := s.Events(t.Context(), "old"); err != nil || len(ev) != 0 {
		t.Errorf("events of the old one: %v, %v", ev, err)
	}
	for n := range runs {
		ids, changes, err := s.Changes(t.Context(), fmt.Sprintf("r%02d", n), "", 9)
		if err != nil || !slices.Equal(ids, []string{"new", "old-neighbour"}) || string(changes[0].Before["name"]) != fmt.Sprint(n) {
			t.Errorf("run %d: %v, %v, %v", n, ids, changes, err)
		}
	}
	if ids, _, err := s.Changes(t.Context(), "r", "", 9); err != nil || !slices.Equal(ids, []string{"ol"}) {
		t.Errorf("of another: %v, %v", ids, err)
	}
	if first, err := s.Meta(t.Context(), MetaExternalIDFirst); err != nil || first != "new" {
		t.Errorf("first create: %q, %v", first, err)
	}
	if c, err := s.Counts(t.Context()); err != nil || !cmp.Equal(c, counts) {
		t.Errorf("counts: %s, %v", cmp.Diff(counts, c), err)
	}
	mustPut(t, s, rec("old", Create, Registering)) // its name is free
}

func TestRenameRefuses(t *testing.T) {
	s := openNew(t, noSync)
	w := rec("a", Create, Done)
	w.Event = "x"
	mustPut(t, s, w, rec("b", Create, Failed), rec("begun", Create, Registering), rec("replanned", Create, Pending))
	serial, _ := s.Meta(t.Context(), MetaSerial)
	for _, c := range []struct {
		from, to string
		want     error
	}{
		{"nobody", "new", ErrNoRecord},
		{"a", "b", ErrTaken},
		{"a", "a", ErrTaken},
		{"begun", "new", ErrTransition},
	} {
		err := s.Rename(t.Context(), c.from, c.to)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.from) {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		}
	}
	for _, id := range []string{"", "a\x00b", strings.Repeat("x", maxID+1)} {
		if err := s.Rename(t.Context(), "a", id); err == nil {
			t.Errorf("to %.20q: renamed", id)
		}
		if err := s.Rename(t.Context(), id, "new"); err == nil {
			t.Errorf("from %.20q: renamed", id)
		}
	}
	if again, _ := s.Meta(t.Context(), MetaSerial); again != serial {
		t.Errorf("serial %s after %s", again, serial)
	}
	for from, to := range map[string]string{"replanned": "c", "b": "d"} {
		if err := s.Rename(t.Context(), from, to); err != nil {
			t.Error(err)
		}
	}
}

func TestRenameNotesTheExternalIDThatTheAssetHas(t *testing.T) {
	const quoted = `"a<b"`
	for _, c := range []struct {
		name    string
		assetID string
		base    Base
		want    string // what counts as sent
	}{
		{"adopted, before the field had a base", "a1", Base{}, quoted},
		{"made without a run", "a1", Base{Seen: json.RawMessage(quoted)}, quoted},
		{"bound to an asset with another one", "a1", Base{Seen: json.RawMessage(`"x"`)}, ""},
		{"sent, and renamed before", "a1", Base{Sent: json.RawMessage(`"older"`)}, `"older"`},
		{"without an asset", "", Base{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openNew(t, noSync)
			w := rec("a<b", Create, Failed)
			w.Record.AssetID = c.assetID
			if c.base.Sent != nil || c.base.Seen != nil {
				w.Record.Fields = map[string]Base{"externalId": c.base}
			}
			mustPut(t, s, w)
			if err := s.Rename(t.Context(), "a<b", "new"); err != nil {
				t.Fatal(err)
			}
			got, err := s.Get(t.Context(), []string{"new"})
			if err != nil {
				t.Fatal(err)
			}
			if sent := string(got["new"].Fields["externalId"].Sent); sent != c.want {
				t.Errorf("sent %s, want %s", sent, c.want)
			}
		})
	}
}
