package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNewFilesComeTogetherOrNotAtAll takes a name while files are written.
func TestNewFilesComeTogetherOrNotAtAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	n := &newFiles{dir: dir}
	for _, name := range []string{"a.csv", "b.csv"} {
		f, err := n.create(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if there := inTheWay(dir, []string{"a.csv", "b.csv"}); there != nil {
		t.Errorf("before the commit: %v", there)
	}
	other := filepath.Join(dir, "b.csv")
	if err := os.WriteFile(other, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.commit(); codeOf(err) != exitUsage {
		t.Errorf("commit: %v", err)
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	if text, _ := os.ReadFile(other); string(text) != "theirs" {
		t.Errorf("it was overwritten: %q", text)
	}
}
