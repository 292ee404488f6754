package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// listOf is what a source lists: paths, and errors as "op path: hint".
func listOf(t *testing.T, s source.Lister, prefix string) (lines []string) {
	t.Helper()
	for i, err := range s.List(t.Context(), prefix) {
		if err == nil {
			lines = append(lines, i.Path)
			continue
		}
		e, ok := errors.AsType[*source.Error](err)
		if !ok {
			t.Errorf("%q: %v", prefix, err)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", e.Op, e.Path, e.Hint))
	}
	return lines
}

func TestListingByAbsolutePath(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, text("deep/b.txt", "deep/a/c.txt", "e.txt"))
	top := filepath.ToSlash(dir)
	want := []string{top + "/deep/a/c.txt", top + "/deep/b.txt"}
	for _, prefix := range []string{top + "/deep", top + "/deep/"} {
		if got := listOf(t, Absolute(), prefix); !slices.Equal(got, want) {
			t.Errorf("%s: %q", prefix, got)
		}
	}
	if got := listOf(t, Absolute(), ""); len(got) != 1 || !strings.HasPrefix(got[0], "list ") {
		t.Errorf("%q", got)
	}
}

func TestListingAFolderInAnotherUnicodeForm(t *testing.T) {
	s, _ := newWith(t, text("caf\u00e9/a.txt"))
	if got := listOf(t, s, "cafe\u0301"); !slices.Equal(got, []string{"cafe\u0301/a.txt"}) {
		t.Errorf("%+q", got)
	}
}

// The readers of attributes of other systems cannot be tried here; what they
// say reaches Info.
func TestPlaceholdersAreToldByTheirAttributes(t *testing.T) {
	s, _ := newWith(t, text("here.pdf", "away.pdf"))
	s.offline = func(st fs.FileInfo) bool { return st.Name() == "away.pdf" }
	for i, err := range s.List(t.Context(), "") {
		if err != nil || i.Offline != (i.Path == "away.pdf") {
			t.Errorf("list: %+v, %v", i, err)
		}
		if st, err := s.Stat(t.Context(), i.Path); err != nil || st.Offline != i.Offline {
			t.Errorf("stat: %+v, %v", st, err)
		}
	}
}

func TestListingEndsBetweenFiles(t *testing.T) {
	s, _ := newWith(t, text("a/1", "a/2", "b/3"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen []string
	for i, err := range s.List(ctx, "") {
		if errors.Is(err, context.Canceled) {
			seen = append(seen, "ended")
			continue
		}
		seen = append(seen, i.Path)
		cancel()
	}
	if !slices.Equal(seen, []string{"a/1", "ended"}) {
		t.Errorf("%q", seen)
	}
}

func TestAFileThatVanishesWhileItsFolderIsListed(t *testing.T) {
	s, dir := newWith(t, text("1.txt", "2.txt", "3/a.txt", "4.txt"))
	var seen []string
	for i, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Error(err)
		}
		seen = append(seen, i.Path)
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, "2.txt")), os.RemoveAll(filepath.Join(dir, "3"))); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(seen, []string{"1.txt", "4.txt"}) {
		t.Errorf("%q", seen)
	}
}
