package pkg_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestClientAndEmulatorAgreeOnScopes: what a refusal says is missing is what was.
func TestClientAndEmulatorAgreeOnScopes(t *testing.T) {
	wanted := map[string]bool{}
	for _, line := range emulator.Routes() {
		f := strings.Fields(line)
		ours, theirs := showpad.Scopes(f[2], f[3]), emulator.ScopesOf(f[2], f[3])
		if !slices.Equal(ours, theirs) {
			t.Errorf("%s: the client names %q, the emulator wants %q", line, ours, theirs)
		}
		for _, scope := range theirs {
			wanted[scope] = true
			if !slices.Contains(emulator.Scopes(), scope) {
				t.Errorf("%s wants %s, which nobody has", line, scope)
			}
		}
	}
	if len(wanted) < 3 {
		t.Errorf("wanted are %v only", wanted)
	}
}

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
