package filelock_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/filelock"
)

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	try := func(f *os.File, want bool) {
		t.Helper()
		if held, err := filelock.Try(f); err != nil || held != want {
			t.Fatalf("Try: %t, %v; want %t", held, err, want)
		}
	}
	first, second := open(), open()
	try(first, true)
	try(second, false)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	try(second, true)
	try(open(), false)
}

func TestAClosedFileCannotBeLocked(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if held, err := filelock.Try(f); held || err == nil {
		t.Errorf("Try: %t, %v", held, err)
	}
}
