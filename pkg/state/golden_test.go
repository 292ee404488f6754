package state

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

var update = flag.Bool("update", false, "rewrite the golden file of the newest schema")

func goldenPath(schema int) string {
	return filepath.Join("testdata", fmt.Sprintf("schema-%d.txt", schema))
}

// goldenState makes a state that has something of everything: records of every
// op and status, all their members, events, changes, runs and keys. Its clock
// is that of a synctest bubble, so that each making is the same.
func goldenState(t *testing.T, path string) {
	t.Helper()
	s := openAt(t, path, noSync)
	at := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	mustRun := func(r Run) {
		t.Helper()
		if err := s.SetRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(Run{ID: "r1", Manifest: "wave-1", Start: at})
	for _, op := range Ops() {
		for _, st := range Statuses() {
			if !Allowed(op, st, st) {
				continue
			}
			id := fmt.Sprintf("SP-%s-%s", op, st)
			w := rec(id, op, st)
			w.Event = fmt.Sprintf("%s is %s", op, st)
			if !Allowed(op, Pending, st) { // by way of a status that may come first
				first := Sending
				if op == Create {
					first = Registered
				}
				mustPut(t, s, rec(id, op, first))
			}
			if st == Failed {
				w.Record.Error = &Failure{Code: "file-missing", Message: "decks:a.pdf: no such file"}
			}
			mustPut(t, s, w)
		}
	}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	mustPut(t, s, rec("SP-é 1", Version, Sending))
	mustPut(t, s, Write{
		Record: Record{
			ExternalID: "SP-é 1", Op: Version, Status: Sent, Owner: "wave-1", AssetID: "a1", FileID: "f2", Source: "decks:q3/sales.pptx",
			MD5: "d41d8cd98f00b204e9800998ecf8427e", Size: 7, ModTime: 1234567890123456789,
			Fields:   map[string]Base{"name": {Sent: raw(`"a"`), Seen: raw(`"b"`)}, "tags": {Sent: raw(`["t1","t2"]`)}},
			Intent:   map[string]json.RawMessage{"name": raw(`"c"`), "expiresAt": raw(`null`)},
			Relative: map[string]string{"expiresAt": "+18 months"},
			Run:      "r1", Attempts: 3, SentAt: at.Add(time.Minute + 5), Error: &Failure{Code: "http-503", Message: "later"},
			Warnings: []string{"normalised"}, Replaced: "9e107d9d372bb6826bd81d3542a419d6",
		},
		Event: "storage has the bytes",
		Change: &Change{
			Op: Version, AssetID: "a1",
			Before: map[string]json.RawMessage{"name": raw(`"a"`)}, After: map[string]json.RawMessage{"name": raw(`"c"`)},
		},
	})
	for key, value := range map[string]string{
		MetaDigest: "9f86d081", MetaExternalIDKept: "700", MetaExternalIDFirst: "SP-1", MetaExternalIDDropped: "a0",
	} {
		if err := s.SetMeta(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(Run{
		ID: "r1", Manifest: "wave-1", Start: at, End: at.Add(time.Hour), Code: 3, Outcome: "36 of 37 done", Dir: "wave-1.runs/r1",
		SumsHash: "e3b0c442", Counts: map[string]int{"done": 36, "failed": 1}, Requests: map[string]int{"postAssets": 36},
	})
	mustRun(Run{ID: "r2", Manifest: "wave-1", Start: at.Add(2 * time.Hour)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// dump is all that stands in a state's file, one entry a line: its key, its
// checksum and its content.
func dump(t *testing.T, path string) string {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var b strings.Builder
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			fmt.Fprintf(&b, "[%s]\n", name)
			return bucket.ForEach(func(k, v []byte) error {
				_, err := fmt.Fprintf(&b, "%q %x %s\n", k, v[:sumSize], v[sumSize:])
				return err
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// undump makes the file that dump was made of, byte for byte of each entry.
func undump(t *testing.T, text, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bolt.Tx) error {
		var b *bolt.Bucket
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if name, ok := strings.CutPrefix(line, "["); ok {
				if b, err = tx.CreateBucket([]byte(strings.TrimSuffix(name, "]"))); err != nil {
					return err
				}
				continue
			}
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
			key, err := strconv.Unquote(quoted)
			if err != nil {
				return err
			}
			sum, content, _ := strings.Cut(line[len(quoted)+1:], " ")
			v, err := hex.DecodeString(sum)
			if err != nil {
				return err
			}
			if err := b.Put([]byte(key), append(v, content...)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What the program writes today is the golden file of its schema. A difference
// means that files made before look otherwise: that takes a new schema, a
// migration to it, and a golden file of its own.
func TestTheWriterWritesItsSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		goldenState(t, path)
		got := dump(t, path)
		golden := goldenPath(Schema)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s:\n%s", golden, d)
		}
		again := filepath.Join(t.TempDir(), "again.db")
		undump(t, got, again)
		if back := dump(t, again); !bytes.Equal([]byte(back), []byte(got)) {
			t.Error("the dump does not make the same file")
		}
	})
}
