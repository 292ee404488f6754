package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// counted counts the folders that are read.
type counted struct {
	everywhere
	opened *int
}

func (c counted) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	*c.opened++
	return c.everywhere.OpenFile(name, flag, perm)
}

func age(t *testing.T, dir string, by time.Duration) {
	t.Helper()
	when := time.Now().Add(-by)
	if err := os.Chtimes(dir, when, when); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderIsReadOnceUntilItChanges(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, text("A.txt"))
	opened := 0
	var l lists
	look := func(name string, want int) {
		t.Helper()
		if got, err := l.lookup(t.Context(), counted{opened: &opened}, dir, name); err != nil || len(got) != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	look("a.txt", 1)
	look("a.txt", 1)
	if opened != 2 {
		t.Errorf("read %d times: a folder that just changed may change again in the same moment", opened)
	}
	age(t, dir, time.Hour)
	for range 10 {
		look("a.txt", 1)
		look("b.txt", 0)
	}
	if opened != 3 {
		t.Errorf("read %d times", opened)
	}
	write(t, dir, text("B.txt"))
	look("b.txt", 1)
	if opened != 4 {
		t.Errorf("read %d times after a change", opened)
	}
}

func TestListsAreBounded(t *testing.T) {
	dir := t.TempDir()
	opened := 0
	var l lists
	for i := range maxDirs + 20 {
		sub := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		age(t, sub, time.Hour)
		if _, err := l.lookup(t.Context(), counted{opened: &opened}, sub, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.dirs) != maxDirs {
		t.Errorf("%d folders are kept", len(l.dirs))
	}
	l.keep(listKey{dir: "big"}, &list{names: maxNames - 5, used: l.clock + 1})
	l.keep(listKey{dir: "more"}, &list{names: 6, used: l.clock + 2})
	if l.names > maxNames || l.dirs[listKey{dir: "big"}] != nil || l.dirs[listKey{dir: "more"}] == nil {
		t.Errorf("%d names in %d folders are kept", l.names, len(l.dirs))
	}
}

func TestListingEndsWithItsContext(t *testing.T) {
	s, _ := newWith(t, text("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := each(ctx, s.root, ".", func(string) { t.Error("visited") }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func BenchmarkMissingAmongTenThousand(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("é %d.pdf", i)), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	when := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dir, when, when); err != nil {
		b.Fatal(err)
	}
	s, err := New(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Stat(b.Context(), "e\u0301 9999.pdf"); err != nil {
			b.Fatal(err)
		}
	}
}
