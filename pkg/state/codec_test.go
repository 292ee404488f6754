package state

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever stands in a value: decoding fails with ErrDamaged, or gives a record
// that encodes and decodes to itself.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"op":"create","status":"done","owner":"w","updated":"2026-11-21T20:00:00Z"}`,
		`{"op":"version","status":"sending","fields":{"name":{"sent":"a","seen":null}},"intent":{"x":[1,2]},"error":{"code":"c","message":"m"}}`,
		`{"op":"burn","status":"done"}`, `{}`, `null`, `[]`, `{"op":1}`, "\x00", `{"op":"create","status":"done","sentAt":"yesterday"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		rec, err := decode("id", content)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v", err)
			}
			return
		}
		first, err := encode(&rec)
		if err != nil {
			t.Fatalf("a record that was read cannot be written: %v", err)
		}
		again, err := decode("id", first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := encode(&again)
		if err != nil || string(first) != string(second) {
			t.Errorf("%s then %s, %v", first, second, err)
		}
		key := []byte("id")
		if back, err := unseal(key, seal(key, content)); err != nil || string(back) != string(content) {
			t.Errorf("%q, %v", back, err)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("a\nb")
	f.Add(strings.Repeat("é", 501))
	f.Add("\xff\x00\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if n := utf8.RuneCountInString(got); n > maxText || strings.ContainsAny(got, "\r\n\x00\x1b\x7f\u2028\u2029") {
			t.Errorf("%q", got)
		}
		if again := clean(got); again != got {
			t.Errorf("%q then %q", got, again)
		}
	})
}

func TestASealNoticesEveryFlippedBit(t *testing.T) {
	key := []byte("SP-1")
	content, err := json.Marshal(Record{Op: Create, Status: Done})
	if err != nil {
		t.Fatal(err)
	}
	v := seal(key, content)
	for i := range v {
		for bit := range 8 {
			v[i] ^= 1 << bit
			if _, err := unseal(key, v); !errors.Is(err, ErrDamaged) {
				t.Errorf("byte %d bit %d: %v", i, bit, err)
			}
			v[i] ^= 1 << bit
		}
	}
	if _, err := unseal([]byte("SP-2"), v); !errors.Is(err, ErrDamaged) {
		t.Errorf("under another key: %v", err)
	}
	if _, err := unseal(key, v[:3]); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut: %v", err)
	}
}

// The head is read without the rest of a record, and is the same.
func TestHeadIsThatOfTheWholeRecord(t *testing.T) {
	for _, op := range Ops() {
		for _, st := range Statuses() {
			content, err := encode(&Record{ExternalID: "SP-1", Op: op, Status: st, Owner: `a "b`})
			if err != nil {
				t.Fatal(err)
			}
			if h, ok := firstMembers(content); !ok || h != (head{op, st}) {
				t.Errorf("%s: %v, %v", content, h, ok)
			}
		}
	}
	for _, other := range []string{
		`{}`, `{"status":"done","op":"create","owner":"w"}`, `{"op":"create","owner":"w","status":"done"}`, `{"op":"create","status":"over","owner":"w"}`,
		`{"op":"make","status":"done","owner":"w"}`, `{"op":"create","status":"done"}`, `{"op":"create","x":"","status":"done","owner":"w"}`, `{"op":"create`,
	} {
		if h, ok := firstMembers([]byte(other)); ok {
			t.Errorf("%s: %v", other, h)
		}
	}
	if h, err := decodeHead([]byte(`{"status":"done","op":"create"}`)); err != nil || h != (head{Create, Done}) {
		t.Errorf("in another order: %v, %v", h, err)
	}
	if _, err := decodeHead([]byte(`{"op":"create","status":"done"`)); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut: %v", err)
	}
}

// Values of fields are compared byte by byte: they come back as they were given,
// from the file and from the run that has it, and so do those that earlier
// versions wrote with escapes.
func TestValuesComeBackAsTheyWereGiven(t *testing.T) {
	const value = `"R&D <b> \\u0026 \u2028 \" é"`
	s := openNew(t, noSync)
	w := rec("A&B", Update, Sending)
	w.Record.Run = "r1"
	w.Record.Fields = map[string]Base{"name": {Sent: json.RawMessage(value), Seen: json.RawMessage(`["<",">"]`)}}
	w.Record.Intent = map[string]json.RawMessage{"name": json.RawMessage(value)}
	w.Change = &Change{Op: Update, Before: map[string]json.RawMessage{"name": json.RawMessage(value)}, After: map[string]json.RawMessage{"tags": json.RawMessage(`["&"]`)}}
	mustPut(t, s, w)
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	held, holder := openReader(t, s.Path())
	if holder == nil {
		t.Fatal("nobody has the state")
	}
	for name, r := range map[string]Reader{"file": s, "holder": held} {
		got, err := r.Get(t.Context(), []string{"A&B"})
		if err != nil {
			t.Fatal(err)
		}
		f := got["A&B"].Fields["name"]
		if string(f.Sent) != value || string(f.Seen) != `["<",">"]` || string(got["A&B"].Intent["name"]) != value {
			t.Errorf("%s: %s, %s", name, f.Sent, f.Seen)
		}
		_, changes, err := r.Changes(t.Context(), "r1", "", 0)
		if err != nil || len(changes) != 1 || string(changes[0].Before["name"]) != value || string(changes[0].After["tags"]) != `["&"]` {
			t.Errorf("%s: %+v, %v", name, changes, err)
		}
	}
	old, err := decode("id", []byte(`{"op":"create","status":"done","owner":"w","updated":"2026-11-21T20:00:00Z",
		"fields":{"name":{"sent":"R\u0026D \u003cb\u003e \\u0026","seen":["\u003e"]}},"intent":{"a":"\u0026"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if f := old.Fields["name"]; string(f.Sent) != `"R&D <b> \\u0026"` || string(f.Seen) != `[">"]` || string(old.Intent["a"]) != `"&"` {
		t.Errorf("of an earlier version: %s, %s, %s", f.Sent, f.Seen, old.Intent["a"])
	}
}
