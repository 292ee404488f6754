package tempfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestAFileOutlivesNobody: not a process that is killed, where files can do
// without a name, and not its closing elsewhere.
func TestAFileOutlivesNobody(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	f, err := New("a test")
	if err != nil {
		t.Fatal(err)
	}
	left := func() int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	if n := left(); n > 0 && runtime.GOOS != "windows" {
		t.Errorf("%d files have a name", n)
	}
	if _, err := f.WriteString("kept"); err != nil {
		t.Error(err)
	}
	b := make([]byte, 4)
	if _, err := f.ReadAt(b, 0); err != nil || string(b) != "kept" {
		t.Errorf("%q, %v", b, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if n := left(); n > 0 {
		t.Errorf("%d files are left", n)
	}
}

func TestNoRoomIsToldWithItsRemedy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	_, err := New("a test")
	if err == nil || !strings.Contains(err.Error(), "a temporary file for a test: ") || !strings.Contains(err.Error(), "(make room in "+dir+", or set TMPDIR)") {
		t.Error(err)
	}
}
