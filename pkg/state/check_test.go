package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

// tamper changes the file of a closed state behind the store's back.
func tamper(t *testing.T, path string, f func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(f), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestASoundStateHasNoProblems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	goldenState(t, path)
	rep, err := Check(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{
		Path: path, Schema: Schema, Tenant: "acme", Serial: 56, Size: st.Size(), PageSize: int64(os.Getpagesize()), Pages: rep.Pages, FreePages: rep.FreePages,
		Entries: map[string]int{"meta": 8, "items": 31, "open": 13, "changes": 1, "events": 31, "runs": 2, "made": 2, "shares": 2, "personal": 2, "categories": 1},
		Counts: Counts{
			ByStatus: map[Status]int{Pending: 6, Registering: 1, Registered: 1, Sending: 6, Sent: 3, Processing: 2, Done: 6, Failed: 6},
			ByOp:     map[Op]int{Create: 8, Version: 7, Update: 4, Archive: 4, Restore: 4, Delete: 4}, Total: 31,
		},
		Problems: []Problem{},
	}
	if d := cmp.Diff(want, rep); d != "" {
		t.Error(d)
	}
	c, err := checkPages(path, false)
	if err != nil {
		t.Fatal(err)
	}
	used := 0 // a page is in use, or free
	for _, u := range c.used {
		if u {
			used++
		}
	}
	if rep.FreePages == 0 || used == rep.FreePages || rep.Pages != used+rep.FreePages || int64(rep.Pages)*rep.PageSize > rep.Size {
		t.Errorf("%d pages, %d used, %d free", rep.Pages, used, rep.FreePages)
	}
	if got := leftIn(t, path); got != "state.db" {
		t.Errorf("left: %s", got)
	}

	undump(t, golden(t, 1), path+".1")
	if rep, err := Check(t.Context(), path+".1"); err != nil || rep.Schema != 1 || rep.Counts.Total != 31 || len(rep.Problems) > 0 {
		t.Errorf("schema 1: %+v, %v", rep, err)
	}
	if d := cmp.Diff(golden(t, 1), dump(t, path+".1")); d != "" {
		t.Errorf("it was changed: %s", d)
	}
}

func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	sealed := func(tx *bolt.Tx, bucket []byte, key, content string) error {
		return put(tx.Bucket(bucket), []byte(key), []byte(content))
	}
	event := func(id string) string { return string(eventKey(join(id, ""), 1)) }
	made := filepath.Join(t.TempDir(), "state.db")
	goldenState(t, made)
	file, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	const done = `{"op":"create","status":"done","owner":"w","updated":"2026-11-21T20:00:00Z"}`
	for _, c := range []struct {
		name    string
		tamper  func(tx *bolt.Tx) error
		damage  []string // each is a part of one problem, in order
		warning []string
	}{
		{"a record that is no JSON", func(tx *bolt.Tx) error { return sealed(tx, bucketItems, "SP-create-done", "?") },
			[]string{`record of "SP-create-done": invalid`, "counts 31 records"}, nil},
		{"a record with an unknown op", func(tx *bolt.Tx) error {
			return sealed(tx, bucketItems, "SP-create-done", `{"op":"burn","status":"done"}`)
		}, []string{`op "burn"`, "counts 31 records"}, nil},
		{"a status that its op does not have", func(tx *bolt.Tx) error {
			return sealed(tx, bucketItems, "SP-update-sending", `{"op":"update","status":"registered"}`)
		}, []string{`record of "SP-update-sending": update cannot be registered`, "counts 31"}, nil},
		{"a record that nobody counted", func(tx *bolt.Tx) error { return sealed(tx, bucketItems, "new", done) },
			[]string{"counts 31 records (4 archive, 8 create, "}, nil},
		{"an unfinished record that is not listed", func(tx *bolt.Tx) error { return tx.Bucket(bucketOpen).Delete([]byte("SP-create-sent")) },
			[]string{`"SP-create-sent" is sent and not listed as unfinished`}, nil},
		{"a finished record that is listed", func(tx *bolt.Tx) error { return sealed(tx, bucketOpen, "SP-create-done", "") },
			[]string{`"SP-create-done" is done and listed as unfinished`}, nil},
		{"a listed item without a record", func(tx *bolt.Tx) error { return sealed(tx, bucketOpen, "nobody", "") },
			[]string{`"nobody" is listed as unfinished and has no record`}, nil},
		{"an event that is no JSON", func(tx *bolt.Tx) error { return sealed(tx, bucketEvents, event("SP-create-done"), "{") },
			[]string{`event of "SP-create-done"`}, nil},
		{"an event under no item", func(tx *bolt.Tx) error { return sealed(tx, bucketEvents, "SP-create-done", "{}") },
			[]string{`an event has the key "SP-create-done"`}, nil},
		{"an event of nobody", func(tx *bolt.Tx) error { return sealed(tx, bucketEvents, event("nobody"), `{"text":"x"}`) },
			nil, []string{`an event of "nobody"`}},
		{"a change that is no JSON", func(tx *bolt.Tx) error { return sealed(tx, bucketChanges, "r1\x00SP-é 1", "") },
			[]string{`change of "SP-é 1" by run "r1"`}, nil},
		{"a change with an unknown op", func(tx *bolt.Tx) error { return sealed(tx, bucketChanges, "r1\x00SP-é 1", "{}") },
			[]string{`op ""`}, nil},
		{"a change under no run", func(tx *bolt.Tx) error { return sealed(tx, bucketChanges, "\x00x", "{}") },
			[]string{"a change has the key"}, nil},
		{"changes of an unknown run", func(tx *bolt.Tx) error {
			return errors.Join(sealed(tx, bucketChanges, "r9\x00SP-create-done", `{"op":"create"}`), sealed(tx, bucketChanges, "r9\x00SP-create-sent", `{"op":"create"}`))
		}, nil, []string{`run "r9" did`}},
		{"a change of nobody", func(tx *bolt.Tx) error { return sealed(tx, bucketChanges, "r1\x00nobody", `{"op":"create"}`) },
			nil, []string{`a change of "nobody" by run "r1"`}},
		{"a tag under another id", func(tx *bolt.Tx) error { return sealed(tx, bucketMade, "r1\x00t1", `{"id":"t2"}`) },
			[]string{"a tag with the key"}, nil},
		{"a tag of an unknown run", func(tx *bolt.Tx) error { return sealed(tx, bucketMade, "r9\x00t1", `{"id":"t1"}`) },
			nil, []string{`run "r9" did`}},
		{"two runs of one name", func(tx *bolt.Tx) error {
			return sealed(tx, bucketRuns, "\x00\x00\x00\x00\x00\x00\x00\x09", `{"id":"r1"}`)
		},
			[]string{`two runs are called "r1"`}, nil},
		{"a run that is no JSON", func(tx *bolt.Tx) error { return sealed(tx, bucketRuns, "\x00\x00\x00\x00\x00\x00\x00\x02", `]`) },
			[]string{"run: invalid"}, nil},
		{"no tenant", func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Delete([]byte(MetaTenant)) }, []string{"no tenant"}, nil},
		{"no serial", func(tx *bolt.Tx) error { return sealed(tx, bucketMeta, MetaSerial, "many") }, []string{`serial "many"`}, nil},
		{"no counts", func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Delete([]byte(metaCounts)) }, []string{"counts"}, nil},
		{"no schema", func(tx *bolt.Tx) error { return sealed(tx, bucketMeta, MetaSchema, "0") }, []string{`schema "0"`}, nil},
		{"no bucket", func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketMade) }, []string{"no made"}, nil},
		{"several broken entries", func(tx *bolt.Tx) error {
			return errors.Join(tx.Bucket(bucketItems).Put([]byte("SP-create-done"), []byte("xxxxdone")), tx.Bucket(bucketEvents).Put([]byte("SP"), []byte("xxxxx")))
		}, []string{`the entry "SP-create-done" does not match its checksum`, `the entry "SP" does not match its checksum`, "counts 31"}, nil},
		{"a broken key of the store", func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put([]byte("x"), []byte("xxxxx")) },
			[]string{`the entry "x" does not match its checksum`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			tamper(t, path, c.tamper)
			before := dump(t, path)
			rep, err := Check(t.Context(), path)
			var damage, warning []string
			for _, p := range rep.Problems {
				if p.Fix == "" || strings.Contains(p.Text, path) || strings.Contains(p.Text, ErrDamaged.Error()) {
					t.Errorf("problem %+v", p)
				}
				if p.Damage {
					damage = append(damage, p.Text)
				} else {
					warning = append(warning, p.Text)
				}
			}
			for _, got := range []struct{ texts, want []string }{{damage, c.damage}, {warning, c.warning}} {
				if len(got.texts) != len(got.want) {
					t.Errorf("found %q, want %q", got.texts, got.want)
					continue
				}
				for i, want := range got.want {
					if !strings.Contains(got.texts[i], want) {
						t.Errorf("found %q, want %q", got.texts[i], want)
					}
				}
			}
			if errors.Is(err, ErrDamaged) != (len(c.damage) > 0) || err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("err %v", err)
			}
			if err != nil && (strings.Count(err.Error(), path) != 1 || strings.Count(err.Error(), ErrDamaged.Error()) != 1 || !strings.Contains(err.Error(), wayOut)) {
				t.Errorf("err %v", err)
			}
			if d := cmp.Diff(before, dump(t, path)); d != "" {
				t.Errorf("it was changed: %s", d)
			}
		})
	}
}

// bbolt writes its two heads in turn, and takes the older one when the newer is
// broken.
func TestCheckWarnsOfALostHead(t *testing.T) {
	for _, head := range []int64{0, 1} {
		path := filepath.Join(t.TempDir(), "state.db")
		goldenState(t, path)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte("torn"), head*int64(os.Getpagesize())+pageHeader+metaSize)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		rep, err := Check(t.Context(), path)
		if err != nil || len(rep.Problems) != 1 || rep.Problems[0].Damage || !strings.Contains(rep.Problems[0].Text, "heads") || rep.Counts.Total != 31 {
			t.Errorf("head %d: %+v, %v", head, rep, err)
		}
		if rep.Serial != 56 && rep.Serial != 55 {
			t.Errorf("head %d: serial %d", head, rep.Serial)
		}
	}
}

func TestCheckListsAHundredProblems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	goldenState(t, path)
	tamper(t, path, func(tx *bolt.Tx) error {
		for i := range uint64(150) {
			if err := put(tx.Bucket(bucketEvents), binary.BigEndian.AppendUint64([]byte("nobody\x00"), i), []byte(`{}`)); err != nil {
				return err
			}
		}
		return nil
	})
	rep, err := Check(t.Context(), path)
	if err != nil || len(rep.Problems) != maxProblems || rep.Omitted != 50 {
		t.Errorf("%d problems and %d more, %v", len(rep.Problems), rep.Omitted, err)
	}
}

func TestCheckSaysWhatCannotBeChecked(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none.db")
	if rep, err := Check(t.Context(), none); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), none) || rep.Path != none {
		t.Errorf("%+v, %v", rep, err)
	}
	if _, err := Check(t.Context(), dir); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), dir+": it is not a file") {
		t.Errorf("%v", err)
	}
	path := filepath.Join(dir, "state.db")
	goldenState(t, path)
	tamper(t, path, func(tx *bolt.Tx) error { return put(tx.Bucket(bucketMeta), []byte(MetaSchema), []byte("9")) })
	if rep, err := Check(t.Context(), path); !errors.Is(err, ErrNewer) || rep.Size == 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := openNew(t, noSync) // it does not serve
		defer s.Close()
		if _, err := Check(t.Context(), s.Path()); !errors.Is(err, ErrLocked) {
			t.Errorf("%v", err)
		}
	})
}

func TestCheckOfALiveStateChecksACopy(t *testing.T) {
	s := openNew(t, noSync)
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 500)
	for i := range 3 {
		mustPut(t, s, rec(fmt.Sprint(i), Create, Registering))
		rep, err := Check(t.Context(), s.Path())
		if err != nil || len(rep.Problems) > 0 || rep.Counts.Total != 501+i || rep.Path != s.Path() || rep.Holder == nil || rep.Holder.PID != os.Getpid() {
			t.Errorf("%+v, %v", rep, err)
		}
		if b, err := json.Marshal(rep); err != nil || strings.Contains(string(b), s.lock.content.Key) {
			t.Errorf("%s, %v", b, err)
		}
	}
}
