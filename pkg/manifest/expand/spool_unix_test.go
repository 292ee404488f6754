//go:build unix

package expand

import (
	"os"
	"testing"
)

// TestATemporaryFileHasNoName so that it does not outlive a process that is
// killed.
func TestATemporaryFileHasNoName(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s, err := newSpool()
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}
