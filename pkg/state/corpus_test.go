package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everyWay tries all ways to open a state on file. Each fails with ErrDamaged,
// the path and the way out, and leaves the file as it is; or each works and has
// the items as they were. It reports whether it was the latter.
func everyWay(t testing.TB, file []byte, items string) bool {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "backup.db")
	r, _, readErr := OpenReader(t.Context(), path)
	rep, checkErr := Check(t.Context(), path)
	backupErr := backup(t.Context(), path, copied, false)
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, file) {
		t.Fatalf("reading changed the file, %v", err)
	}
	s, openErr := Open(t.Context(), path, Options{Tenant: "acme", NoSync: true})
	if openErr == nil {
		if got := itemsOf(t, s); got != items {
			t.Fatalf("open: other items: %d bytes of JSON, want %d", len(got), len(items))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ways := map[string]error{"open": openErr, "read": readErr, "check": checkErr, "backup": backupErr}
	for way, err := range ways {
		switch {
		case (err == nil) != (openErr == nil):
			t.Fatalf("the ways differ: %v", ways)
		case err != nil && (!errors.Is(err, ErrDamaged) || strings.Count(err.Error(), path) != 1 || !strings.HasSuffix(err.Error(), "("+wayOut+")")):
			t.Fatalf("%s: %v", way, err)
		}
	}
	if openErr != nil {
		if len(rep.Problems) == 0 || !rep.Problems[0].Damage || leftIn(t, path) != "state.db" {
			t.Fatalf("problems %v, left %s", rep.Problems, leftIn(t, path))
		}
		return false
	}
	if got := itemsOf(t, r); got != items {
		t.Fatalf("reader: other items: %d bytes of JSON, want %d", len(got), len(items))
	}
	r.Close()
	if b, _, err := OpenReader(t.Context(), copied); err != nil || itemsOf(t, b) != items {
		t.Fatalf("backup: other items, %v", err)
	}
	if rep.Counts.Total != strings.Count(items, `"op"`) {
		t.Fatalf("check counts %d records", rep.Counts.Total)
	}
	return true
}

// Cut at every length that is a multiple of a prime, each page made of zeros,
// and bits flipped all over: damage, or the same answers.
func TestTheCorpusOfDamage(t *testing.T) {
	file, items := soundOf(t, 60)
	if !everyWay(t, file, items) {
		t.Fatal("the file is damaged before anything was done to it")
	}
	page := os.Getpagesize()
	corpus := map[string][][2]int{} // offset and what to do: see below
	for n := 0; n < len(file); n += 1499 {
		corpus["cut"] = append(corpus["cut"], [2]int{n, 0})
	}
	for at := 0; at < len(file); at += page {
		corpus["zeroed"] = append(corpus["zeroed"], [2]int{at, page})
	}
	for at, bit := 0, 0; at < len(file); at, bit = at+911, bit+3 {
		corpus["flipped"] = append(corpus["flipped"], [2]int{at, 1 << (bit % 8)})
	}
	for what, cases := range corpus {
		t.Run(what, func(t *testing.T) {
			damaged := 0
			for _, c := range cases {
				b := bytes.Clone(file)
				switch what {
				case "cut":
					b = b[:c[0]]
				case "zeroed":
					clear(b[c[0] : c[0]+c[1]])
				case "flipped":
					b[c[0]] ^= byte(c[1])
				}
				if !everyWay(t, b, items) {
					damaged++
				}
				if t.Failed() {
					t.Fatalf("at %d", c[0])
				}
			}
			t.Logf("%d of %d damaged", damaged, len(cases))
			if damaged < len(cases)/8 {
				t.Errorf("only %d of %d were noticed", damaged, len(cases))
			}
		})
	}
}

func TestAFolderIsNoState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	isNoFile(t, path)
}

// isNoFile tries each way to open what is not a file.
func isNoFile(t *testing.T, path string) {
	t.Helper()
	for way, err := range eachWay(t, path) {
		if err == nil || errors.Is(err, ErrDamaged) || strings.Count(err.Error(), path) != 1 || !strings.Contains(err.Error(), "--state") {
			t.Errorf("%s: %v", way, err)
		}
	}
}

// eachWay opens what cannot be opened in every way.
func eachWay(t *testing.T, path string) map[string]error {
	t.Helper()
	s, openErr := Open(t.Context(), path, Options{Tenant: "acme"})
	if openErr == nil {
		s.Close()
	}
	r, _, readErr := OpenReader(t.Context(), path)
	if readErr == nil {
		r.Close()
	}
	_, checkErr := Check(t.Context(), path)
	return map[string]error{
		"open": openErr, "read": readErr, "check": checkErr, "backup": Backup(t.Context(), path, path+".backup"),
	}
}

func FuzzOpen(f *testing.F) {
	file, items := soundOf(f, 30)
	f.Add(uint32(0), []byte{0xff})
	f.Add(uint32(4096+8), []byte{1, 0, 255, 255})
	f.Add(uint32(3*4096), make([]byte, 4096))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b := bytes.Clone(file)
		copy(b[int(at)%len(b):], patch)
		everyWay(t, b, items)
	})
}
