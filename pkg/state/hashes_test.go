package state

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const sumA, sumB = "0123456789abcdef0123456789abcdef", "ffffffffffffffffffffffffffffffff"

var mtime = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func openHashes(t *testing.T, path string) *Hashes {
	t.Helper()
	h, err := OpenHashes(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func remember(t *testing.T, h *Hashes, loc string, size int64, md5 string) {
	t.Helper()
	if err := h.Store(t.Context(), loc, size, mtime, mtime.Add(time.Hour), md5); err != nil {
		t.Fatal(err)
	}
}

func TestTrusted(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{-time.Hour, false}, {0, false}, {time.Second, false}, {2 * time.Second, false}, {2*time.Second + 1, true}, {time.Hour, true}} {
		if got := Trusted(mtime, mtime.Add(c.after)); got != c.want {
			t.Errorf("hashed %v after its time: %v", c.after, got)
		}
	}
	if Trusted(time.Time{}, mtime) {
		t.Error("no time is trusted")
	}
}

func TestAHashIsRememberedForOneSizeAndTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db.hashes")
	h := openHashes(t, path)
	remember(t, h, "decks:a", 5, strings.ToUpper(sumA))
	for _, reopened := range []bool{false, true} {
		if reopened {
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			h = openHashes(t, path)
		}
		for _, c := range []struct {
			loc  string
			size int64
			when time.Time
			ok   bool
		}{
			{"decks:a", 5, mtime, true}, {"decks:a", 5, mtime.In(time.FixedZone("", 3600)), true}, {"decks:a", 6, mtime, false},
			{"decks:a", 5, mtime.Add(1), false}, {"decks:b", 5, mtime, false}, {"", 5, mtime, false},
		} {
			md5, ok := h.Lookup(t.Context(), c.loc, c.size, c.when)
			if ok != c.ok || ok && md5 != sumA {
				t.Errorf("reopened %v: %+v: %q, %v", reopened, c, md5, ok)
			}
		}
	}
	remember(t, h, "decks:a", 7, sumB)
	if md5, ok := h.Lookup(t.Context(), "decks:a", 7, mtime); !ok || md5 != sumB {
		t.Errorf("replaced: %q, %v", md5, ok)
	}
	if _, ok := h.Lookup(t.Context(), "decks:a", 5, mtime); ok {
		t.Error("the old entry is still there")
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

func TestAYoungFileIsNotRemembered(t *testing.T) {
	h := openHashes(t, filepath.Join(t.TempDir(), "h"))
	if err := h.Store(t.Context(), "a", 5, mtime, mtime.Add(time.Second), sumA); err != nil {
		t.Fatal(err)
	}
	if _, ok := h.Lookup(t.Context(), "a", 5, mtime); ok {
		t.Error("it is")
	}
}

func TestWhatIsNoMD5IsRefused(t *testing.T) {
	h := openHashes(t, filepath.Join(t.TempDir(), "h"))
	for _, md5 := range []string{"", "abc", sumA[:30], sumA + "00", strings.Repeat("x", 32)} {
		if err := h.Store(t.Context(), "a", 5, mtime, mtime.Add(time.Hour), md5); err == nil {
			t.Errorf("%q was stored", md5)
		}
	}
}

func TestADamagedCacheIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	h := openHashes(t, path)
	for i := range 3000 {
		remember(t, h, fmt.Sprint(i), 5, sumA)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), file...)
	for i := 8192; i < len(flipped); i += 4096 {
		flipped[i] ^= 0xff
	}
	for name, b := range map[string][]byte{"text": []byte("hello"), "cut": file[:len(file)/2], "flipped": flipped, "empty": {}} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			h := openHashes(t, path)
			if _, ok := h.Lookup(t.Context(), "7", 5, mtime); ok {
				t.Error("an old entry is there")
			}
			remember(t, h, "new", 5, sumB)
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			h = openHashes(t, path)
			if md5, ok := h.Lookup(t.Context(), "new", 5, mtime); !ok || md5 != sumB {
				t.Errorf("%q, %v", md5, ok)
			}
			h.Close()
		})
	}
}

func TestACacheInUseIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	first := openHashes(t, path)
	remember(t, first, "a", 5, sumA)
	second := openHashes(t, path)
	remember(t, second, "b", 5, sumB)
	for _, loc := range []string{"a", "b"} {
		if _, ok := second.Lookup(t.Context(), loc, 5, mtime); ok {
			t.Errorf("%s is in the second", loc)
		}
	}
	if err := errors.Join(second.Close(), first.Close(), first.Close()); err != nil {
		t.Error(err)
	}
	third := openHashes(t, path)
	if _, ok := third.Lookup(t.Context(), "a", 5, mtime); !ok {
		t.Error("the first one's entry is lost")
	}
}

func TestNoCacheIsAnEmptyCache(t *testing.T) {
	h, err := OpenHashes(filepath.Join(t.TempDir(), "none", "h"))
	if err == nil || h != nil {
		t.Fatalf("%v, %v", h, err)
	}
	remember(t, h, "a", 5, sumA)
	if _, ok := h.Lookup(t.Context(), "a", 5, mtime); ok {
		t.Error("it has an entry")
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheCacheCommitsInGroupsAndAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := openHashes(t, filepath.Join(t.TempDir(), "h"))
		for i := range hashesGroup - 1 {
			remember(t, h, fmt.Sprint(i), 5, sumA)
		}
		if len(h.pending) != hashesGroup-1 {
			t.Errorf("%d pending", len(h.pending))
		}
		remember(t, h, "last", 5, sumA)
		if len(h.pending) != 0 {
			t.Errorf("%d pending after a group", len(h.pending))
		}
		remember(t, h, "one", 5, sumA)
		if err := pause(t.Context(), hashesDelay); err != nil {
			t.Fatal(err)
		}
		remember(t, h, "two", 5, sumA)
		if len(h.pending) != 0 {
			t.Errorf("%d pending after a while", len(h.pending))
		}
		for _, loc := range []string{"0", "last", "one", "two"} {
			if _, ok := h.Lookup(t.Context(), loc, 5, mtime); !ok {
				t.Errorf("%s is missing", loc)
			}
		}
	})
}

func TestTheCacheIsForManyAtOnce(t *testing.T) {
	h := openHashes(t, filepath.Join(t.TempDir(), "h"))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 400 {
				loc, md5 := fmt.Sprintf("%d/%d", g, i), fmt.Sprintf("%032x", g*1000+i)
				if err := h.Store(context.Background(), loc, int64(i), mtime, mtime.Add(time.Hour), md5); err != nil {
					t.Error(err)
				}
				if got, ok := h.Lookup(context.Background(), loc, int64(i), mtime); !ok || got != md5 {
					t.Errorf("%s: %s, %v", loc, got, ok)
				}
			}
		})
	}
	wg.Wait()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := h.Store(t.Context(), "late", 1, mtime, mtime.Add(time.Hour), hex.EncodeToString(make([]byte, 16))); err != nil {
		t.Errorf("after Close: %v", err)
	}
}
