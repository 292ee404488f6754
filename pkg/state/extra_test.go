package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	bolt "go.etcd.io/bbolt"
)

// extraGrid is like grid, for extras.
const extraGrid = `
	pending = x . x x x
	sending x = x x x x
	ticket  . . = x x x
	done    . x . = x .
	failed  x x . x = x
	unknown . x x x x =`

func TestEveryStepOfAnExtra(t *testing.T) {
	s := openNew(t, noSync)
	rows := strings.Split(strings.TrimSpace(extraGrid), "\n")
	if len(rows) != len(ExtraStatuses()) {
		t.Fatalf("%d rows", len(rows))
	}
	// How a record gets each status.
	way := map[ExtraStatus][]ExtraStatus{ExtraTicket: {ExtraSending}, ExtraUnknown: {ExtraSending}}
	for i, row := range rows {
		from, cells := ExtraStatuses()[i], strings.Fields(row)
		if len(cells) != 1+len(ExtraStatuses()) || cells[0] != string(from) {
			t.Fatalf("row %q", row)
		}
		for j, to := range ExtraStatuses() {
			want := cells[1+j] != "."
			if ExtraAllowed(from, to) != want {
				t.Errorf("from %s to %s: allowed %v", from, to, !want)
			}
			e := Extra{Kind: MyFile, Owner: "m", Key: fmt.Sprintf("%s %s", from, to)}
			for _, e.Status = range append(way[from], from) {
				if err := s.PutExtra(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			e.Status = to
			if err := s.PutExtra(t.Context(), e); (err == nil) != want || err != nil && !errors.Is(err, ErrTransition) {
				t.Errorf("from %s to %s: %v", from, to, err)
			}
			kept, err := s.Extras(t.Context(), MyFile, "m", "", 0)
			if err != nil || len(kept) == 0 {
				t.Fatal(err)
			}
			for _, k := range kept {
				if is := map[bool]ExtraStatus{true: to, false: from}[want]; k.Key == e.Key && k.Status != is {
					t.Errorf("from %s to %s: it is %s", from, to, k.Status)
				}
			}
		}
	}
}

// What was put is on disk when PutExtra returns, with all its members, and each
// manifest and each kind has its own keys.
func TestAnExtraComesBackAsItWasPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	want := Extra{
		Key: "customer é <1>", Kind: Share, Owner: "wave-1", Status: ExtraDone, ID: "s1", Ticket: "t1", Wanted: "ab", Run: "r1", Attempts: 2,
		Error: &Failure{Code: "x", Message: "y"}, Data: json.RawMessage(`{"a":"<&>"}`), Secret: json.RawMessage(`{"b":1}`),
	}
	other := want
	other.Owner = "wave-2"
	mine := want
	mine.Kind = MyFile
	for _, e := range []Extra{want, other, mine} {
		if err := s.PutExtra(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	for _, e := range []Extra{want, other, mine} {
		got, err := s.Extras(t.Context(), e.Kind, e.Owner, "", 0)
		if err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
		if d := cmp.Diff(e, got[0], cmpopts.IgnoreFields(Extra{}, "Updated")); d != "" {
			t.Error(d)
		}
		if u := got[0].Updated; u.IsZero() || u.After(before) || u.Location() != time.UTC {
			t.Errorf("updated %v", u)
		}
	}
	if got, err := s.Extras(t.Context(), Share, "wave", "", 0); err != nil || len(got) != 0 {
		t.Errorf("a manifest whose id is the beginning of another one has %v, %v", got, err)
	}
	for _, e := range []Extra{{Kind: Share, Owner: "m"}, {Kind: Share, Key: "k"}, {Kind: "x", Key: "k", Owner: "m"}, {Kind: Share, Key: "a\x00b", Owner: "m"}, {Kind: Share, Key: "k", Owner: "m"}} {
		if err := s.PutExtra(t.Context(), e); err == nil {
			t.Errorf("%+v was put", e)
		}
	}
}

func TestAnExtraIsRenamed(t *testing.T) {
	s := openNew(t, noSync)
	for key, st := range map[string]ExtraStatus{"a": ExtraDone, "b": ExtraFailed, "busy": ExtraSending} {
		if err := s.PutExtra(t.Context(), Extra{Kind: Share, Owner: "m", Key: key, Status: st, ID: key}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		old, new string
		want     error
	}{
		{"none", "c", ErrNoRecord}, {"a", "b", ErrTaken}, {"busy", "c", ErrTransition}, {"a", "c", nil},
	} {
		if err := s.RenameExtra(t.Context(), Share, "m", c.old, c.new); !errors.Is(err, c.want) {
			t.Errorf("%s to %s: %v, want %v", c.old, c.new, err, c.want)
		}
	}
	all, err := AllExtras(t.Context(), s, Share, "m")
	if err != nil || len(all) != 3 || all[2].Key != "c" || all[2].ID != "a" {
		t.Errorf("%+v, %v", all, err)
	}
	if err := s.RenameExtra(t.Context(), MyFile, "m", "c", "d"); !errors.Is(err, ErrNoRecord) {
		t.Errorf("of another kind: %v", err)
	}
}

// Damage of an extra is found by whoever reads it, and named by state check.
func TestADamagedExtraIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	if err := s.SetRun(t.Context(), Run{ID: "r1"}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"good", "k1", "k2", "k3"} {
		if err := s.PutExtra(t.Context(), Extra{Kind: Share, Owner: "m", Key: key, Status: ExtraDone, Run: "r1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if rep, err := Check(t.Context(), path); err != nil || len(rep.Problems) > 0 || rep.Entries["shares"] != 4 {
		t.Errorf("%+v, %v", rep, err)
	}
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketShares)
		for key, content := range map[string]string{"k1": `{"owner":"m","status":"lost"}`, "k2": `{"owner":"n","status":"done"}`, "k3": `{`} {
			if err := put(b, join("m", key), []byte(content)); err != nil {
				return err
			}
		}
		return put(b, join("m", "k4"), []byte(`{"owner":"m","status":"done","run":"gone"}`))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	rep, err := Check(t.Context(), path)
	if !errors.Is(err, ErrDamaged) || len(rep.Problems) != 4 {
		t.Errorf("%+v, %v", rep.Problems, err)
	}
	for _, words := range []string{`share "m k1": status "lost"`, `share "m k2": it stands under "m", and is of "n"`, `share "m k3"`, `run "gone"`} {
		if !strings.Contains(fmt.Sprint(rep.Problems), words) {
			t.Errorf("no word of %s in %+v", words, rep.Problems)
		}
	}
	r, _ := openReader(t, path)
	if _, err := r.Extras(t.Context(), Share, "m", "", 0); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}
