package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatCannotMoveIsExplained holds docs/what-moves.md, which M010 points to.
func TestWhatCannotMoveIsExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "what-moves.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| Not moved |")
	if !found {
		t.Fatal("docs/what-moves.md has no table of what is not moved")
	}
	for key, what := range cannotMove {
		if !strings.Contains(table, what) {
			t.Errorf("the page does not explain %s (%s)", what, key)
		}
	}
}
