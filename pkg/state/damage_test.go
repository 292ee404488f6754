package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// sound makes a state of several levels of pages, with free ones among them,
// and returns its bytes and what a Reader says of its items.
func sound(t testing.TB) (file []byte, items string) { return soundOf(t, 1200) }

// soundOf makes one of n records, more than 12.
func soundOf(t testing.TB, n int) (file []byte, items string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(t.Context(), path, Options{Tenant: "acme", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		var ws []Write
		for i := range n {
			w := rec(fmt.Sprintf("%05d", i), Create, []Status{Registering, Registered, Sending}[round])
			w.Event = "step"
			w.Record.Source = strings.Repeat("x", i%200)
			if i == 12 {
				w.Record.Source = strings.Repeat("y", 20_000) // pages with overflow
			}
			ws = append(ws, w)
		}
		if err := s.Put(t.Context(), ws...); err != nil {
			t.Fatal(err)
		}
	}
	// If the newest head is lost, the one before it counts: make it say the same.
	if err := s.SetMeta(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	items = itemsOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file, items
}

func itemsOf(t testing.TB, r Reader) string {
	t.Helper()
	recs, err := r.Scan(t.Context(), "", 1<<20)
	if err != nil {
		t.Fatalf("a file that opened cannot be read: %v", err)
	}
	b, err := json.Marshal(recs)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// opens opens file for writing and for reading. Either is ErrDamaged, with the
// way out, or has the items as they were; it reports whether it was the latter.
func opens(t testing.TB, file []byte, items string) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path, Options{Tenant: "acme", NoSync: true})
	if err == nil {
		if err := s.SetMeta(t.Context(), "used", "yes"); err != nil {
			t.Fatalf("a file that opened cannot be written: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r, _, readErr := OpenReader(t.Context(), path)
	if (err == nil) != (readErr == nil) {
		t.Fatalf("open: %v, reader: %v", err, readErr)
	}
	if err != nil {
		for _, err := range []error{err, readErr} {
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), wayOut) || !strings.Contains(err.Error(), path) || strings.Count(err.Error(), path) != 1 {
				t.Fatalf("error: %v", err)
			}
		}
		return false
	}
	defer r.Close()
	if got := itemsOf(t, r); got != items {
		t.Fatalf("other items: %d bytes of JSON, want %d", len(got), len(items))
	}
	return true
}

func TestASoundFileOpens(t *testing.T) {
	if file, items := sound(t); !opens(t, file, items) {
		t.Error("it does not")
	}
}

func TestAFileThatWasCutIsDamaged(t *testing.T) {
	file, items := sound(t)
	damaged := 0
	sizes := []int{0, 1, 100, 1024, 4095, 4096, 8191, 8192, 12288, 16384, len(file) / 4, len(file) / 2}
	for n := len(file) - 1; n > len(file)/2; n -= 40_961 {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		if !opens(t, file[:n], items) {
			damaged++
		} else if n <= len(file)/2 {
			t.Errorf("%d of %d bytes opened", n, len(file))
		}
	}
	t.Logf("%d of %d damaged", damaged, len(sizes))
}

func TestAFileOfSomethingElseIsDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	other := filepath.Join(t.TempDir(), "other.db")
	db, err := bolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"text": []byte("version: 1\nassets: []\n"), "noise": noise, "zeros": make([]byte, 1<<16),
		"another database": append([]byte("SQLite format 3\x00"), make([]byte, 8192)...), "another program's": foreign,
	} {
		if everyWay(t, b, "") {
			t.Errorf("%s opened", name)
		}
	}
}

// Flipped bytes and zeroed pieces, at places that follow from the seed.
func TestAFileWithOtherBytesIsDamagedOrTheSame(t *testing.T) {
	file, items := sound(t)
	const tries = 60
	damaged := 0
	for seed := range uint64(tries) {
		r := rand.New(rand.NewPCG(seed, 7))
		b := bytes.Clone(file)
		at := r.IntN(len(b))
		if seed%3 == 0 { // the heads of pages, where most of the trust lies
			at = at/4096*4096 + r.IntN(64)
		}
		switch seed % 2 {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			clear(b[at:min(len(b), at+1+r.IntN(5000))])
		}
		if !opens(t, b, items) {
			damaged++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if damaged < tries/4 {
		t.Errorf("only %d of %d were noticed", damaged, tries)
	}
}

// A file that is damaged while it is open: the mapping faults, or its pages
// change below bbolt. Neither may end the process.
func TestDamageWhileOpenIsAnError(t *testing.T) {
	file, _ := sound(t)
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path, Options{Tenant: "acme", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, len(file)-8192), 8192); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scan(t.Context(), "", 5000); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), wayOut) {
		t.Errorf("scan: %v", err)
	}
	if err := s.Put(t.Context(), rec("new", Create, Registering)); !errors.Is(err, ErrDamaged) {
		t.Errorf("put: %v", err)
	}
	if err := s.Put(t.Context(), rec("new", Create, Registering)); !errors.Is(err, ErrDamaged) {
		t.Errorf("second put: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrDamaged) {
		t.Errorf("close: %v", err)
	}
}

func FuzzCheckFile(f *testing.F) {
	file, _ := sound(f)
	f.Add(uint32(0), []byte{0xff})
	f.Add(uint32(4096+8), []byte{1, 0, 255, 255})
	f.Add(uint32(len(file)/2), make([]byte, 100))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b := bytes.Clone(file)
		copy(b[int(at)%len(b):], patch)
		c := checker{file: bytes.NewReader(b), size: int64(len(b))}
		if err := c.run(); err != nil && c.readErr != nil {
			t.Errorf("%v is blamed on the disk: %v", err, c.readErr)
		}
	})
}
