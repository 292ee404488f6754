//go:build unix

package table

import (
	"os"
	"strings"
	"testing"
)

// TestTheFileOfTextsHasNoName so that it does not outlive a process that is
// killed.
func TestTheFileOfTextsHasNoName(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var texts stringTable
	defer texts.close()
	for _, s := range []string{"a", strings.Repeat("b", maxInMemory)} {
		if err := texts.add(s); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 || texts.file == nil {
		t.Errorf("%v, %v", left, err)
	}
	if err := texts.end(); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := texts.get(0); got != "a" || !ok || err != nil {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
}
