package local

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// unprivileged runs f as a user who may read only what others may. The right to
// pass over permissions goes with the thread's file system user.
// Source: setfsuid(2), capabilities(7).
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
		}
	}()
	f()
}

func TestAFileWithoutTheRightToReadIt(t *testing.T) {
	s, dir := newWith(t, text("a.pdf", "closed/b.pdf"))
	for path, mode := range map[string]os.FileMode{".": 0o755, "a.pdf": 0, "closed": 0} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o755) })
	unprivileged(t, func() {
		if _, err := s.Stat(t.Context(), "a.pdf"); err != nil {
			t.Errorf("stat needs no right: %v", err)
		}
		_, _, err := s.Open(t.Context(), "a.pdf")
		if e, ok := errors.AsType[*source.Error](err); !ok || !errors.Is(err, source.ErrUnreadable) || !errors.Is(err, os.ErrPermission) || e.Op != "open" || e.Hint == "" {
			t.Errorf("open: %v", err)
		}
		if _, err := s.Stat(t.Context(), "closed/b.pdf"); !errors.Is(err, source.ErrUnreadable) {
			t.Errorf("in a closed folder: %v", err)
		}
	})
}

// The kernel has a file that opens, is regular, and whose first byte cannot be read.
func TestAnErrorWhileReadingIsUnreadable(t *testing.T) {
	s := newAt(t, "/proc/self")
	r, _, err := s.Open(t.Context(), "mem")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = io.ReadAll(r)
	if e, ok := errors.AsType[*source.Error](err); !ok || !errors.Is(err, source.ErrUnreadable) || !errors.Is(err, syscall.EIO) || e.Op != "read" {
		t.Errorf("%v", err)
	}
}

func TestAFolderWithoutTheRightToReadItIsMissingFromTheList(t *testing.T) {
	s, dir := newWith(t, text("a/1.txt", "b/2.txt", "c/3.txt"))
	for path, mode := range map[string]os.FileMode{".": 0o755, "a": 0o755, "b": 0, "c": 0o755} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	unprivileged(t, func() {
		if got := listOf(t, s, ""); !slices.Equal(got, []string{"a/1.txt", "list b: give this user the right to read it", "c/3.txt"}) {
			t.Errorf("%q", got)
		}
	})
	if err := os.Chmod(filepath.Join(dir, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestNamesThatAreNotUTF8(t *testing.T) {
	s, _ := newWith(t, text("bad\xff.txt", "dir\xff/a.txt", "good.txt"))
	want := []string{"stat bad\uFFFD.txt: its name is not valid UTF-8; rename it", "list dir\uFFFD: its name is not valid UTF-8; rename it", "good.txt"}
	if got := listOf(t, s, ""); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
