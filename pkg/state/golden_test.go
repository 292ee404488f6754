package state

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

var update = flag.Bool("update", false, "rewrite the golden file of the newest schema")

func goldenPath(schema int) string {
	return filepath.Join("testdata", fmt.Sprintf("schema-%d.txt", schema))
}

// goldenState makes a state that has something of everything: records of every
// op and status, all their members, events, changes, runs, tags, extras and keys.
func goldenState(t *testing.T, path string) {
	t.Helper()
	at := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	s := openAt(t, path, noSync, func(o *Options) { o.Clock = func() time.Time { return at } })
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
			CreateRun: "r0", Shown: "5d41402a", Stamp: at.Add(time.Hour + 250*time.Millisecond), StampRules: "9b1c", Unconfirmed: true,
		},
		Event: "storage has the bytes",
		Change: &Change{
			Op: Version, AssetID: "a1",
			Before: map[string]json.RawMessage{"name": raw(`"a"`)}, After: map[string]json.RawMessage{"name": raw(`"c"`)},
		},
	})
	for _, tag := range []MadeTag{{ID: "t2", Name: "Sales", Division: "d1"}, {ID: "t1", Name: "Übung 1", Division: "d1"}} {
		if err := s.AddMadeTag(t.Context(), "r1", tag); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []Extra{
		{Kind: TagCategory, Key: "Region/EMEA", Owner: "wave-1", Status: ExtraDone, ID: "c1", Run: "r1", Wanted: "d0"},
		{Kind: MyFile, Key: "john-intro", Owner: "wave-1", Status: ExtraTicket, Ticket: "t9", Run: "r1", Attempts: 2, Data: raw(`{"division":"d7"}`)},
		{Kind: MyFile, Key: "lost", Owner: "wave-1", Status: ExtraUnknown, Run: "r1", Error: &Failure{Code: "unknown", Message: "no answer"}},
		{Kind: Share, Key: "customer-x", Owner: "wave-1", Status: ExtraDone, ID: "s1", Run: "r1", Data: raw(`{"title":"<X>"}`), Secret: raw(`{"anonymous":"https://acme.example.com/share/1"}`)},
		{Kind: Share, Key: "é 2", Owner: "wave-2", Status: ExtraFailed, Run: "r1", Error: &Failure{Code: "refused", Message: "no"}},
	} {
		first := e
		if first.Status = ExtraSending; e.Status == ExtraUnknown || e.Status == ExtraTicket {
			if err := s.PutExtra(t.Context(), first); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.PutExtra(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
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
		Plan: "b5bb9d80",
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
	path := filepath.Join(t.TempDir(), "state.db")
	goldenState(t, path)
	got := dump(t, path)
	if *update {
		if err := os.WriteFile(goldenPath(Schema), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(golden(t, Schema), got); d != "" {
		t.Errorf("%s:\n%s", goldenPath(Schema), d)
	}
}

func golden(t *testing.T, schema int) string {
	t.Helper()
	b, err := os.ReadFile(goldenPath(schema))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// All that the golden file of an older schema holds is there after a migration,
// and nothing else but what the new schema adds.
func TestAnOlderSchemaIsMigrated(t *testing.T) {
	old := golden(t, 1)
	path := filepath.Join(t.TempDir(), "state.db")
	undump(t, old, path)
	if back := dump(t, path); back != old {
		t.Fatalf("the golden file does not make itself: %s", cmp.Diff(old, back))
	}

	// A reader reads it as it is.
	r, _ := openReader(t, path)
	before := itemsOf(t, r)
	if made, err := r.MadeTags(t.Context(), "r1"); err != nil || len(made) != 0 {
		t.Errorf("%v, %v", made, err)
	}
	if got, err := r.Meta(t.Context(), MetaSchema); err != nil || got != "1" {
		t.Errorf("schema %s, %v", got, err)
	}
	if d := cmp.Diff(old, dump(t, path)); d != "" {
		t.Errorf("a reader changed it: %s", d)
	}

	// A migration that cannot be written leaves it as it was.
	full := errors.New("no space left on device")
	_, err := Open(t.Context(), path, Options{Tenant: "acme", FailWrite: func(int) error { return full }})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), fmt.Sprintf("schema 1 to %d", Schema)) {
		t.Errorf("err %v", err)
	}
	if d := cmp.Diff(old, dump(t, path)); d != "" {
		t.Errorf("after a migration that failed: %s", d)
	}

	s := openAt(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		"[changes]\n", "[categories]\n[changes]\n", "[meta]\n", "[made]\n[meta]\n",
		entryLine(MetaSchema, "1"), entryLine(MetaSchema, strconv.Itoa(Schema)),
		entryLine(MetaSerial, "47"), entryLine(MetaSerial, "48"),
	).Replace(old)
	if d := cmp.Diff(want, dump(t, path)); d != "" || want == old {
		t.Errorf("after the migration: %s", d)
	}
	s = openAt(t, path)
	if got := itemsOf(t, s); got != before {
		t.Errorf("other items: %s", cmp.Diff(before, got))
	}
	if err := s.AddMadeTag(t.Context(), "r2", MadeTag{ID: "t", Name: "T", Division: "d"}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if serial := "\"serial\""; strings.Count(dump(t, path), serial) != 1 || !strings.Contains(dump(t, path), entryLine(MetaSerial, "49")) {
		t.Error("the second opening wrote to it again")
	}
}

// entryLine is the line of a dump for an entry.
func entryLine(key, content string) string {
	v := seal([]byte(key), []byte(content))
	return fmt.Sprintf("%q %x %s\n", key, v[:sumSize], v[sumSize:])
}

// Each schema has its golden file, so that none of them is forgotten.
func TestEachSchemaHasAGoldenFile(t *testing.T) {
	for n := 1; n <= Schema; n++ {
		path := filepath.Join(t.TempDir(), "state.db")
		undump(t, golden(t, n), path)
		s := openAt(t, path)
		if got, err := s.Meta(t.Context(), MetaSchema); err != nil || got != strconv.Itoa(Schema) {
			t.Errorf("%d became %s, %v", n, got, err)
		}
	}
}
