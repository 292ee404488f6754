package pkg_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestEmulatorKnowsTheOperations holds that what the client calls is emulated,
// and that what is emulated is written down. The client's half of the same
// list is tested in package showpad.
func TestEmulatorKnowsTheOperations(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "testdata", "operations.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch what, rest, _ := strings.Cut(line, " "); what {
		case "storage", "#", "": // signed URLs lead to storage, not a route
		case "oauth2":
			listed = append(listed, "v3 "+rest) // where it is served
		default:
			listed = append(listed, line)
		}
	}
	served := slices.Clone(emulator.Routes())
	slices.Sort(listed)
	slices.Sort(served)
	if diff := cmp.Diff(listed, served); diff != "" {
		t.Errorf("testdata/operations.txt and the emulator differ (-listed +served):\n%s", diff)
	}
}
