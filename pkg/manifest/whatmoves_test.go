package manifest

import (
	"slices"
	"strings"
	"testing"
)

// TestWhatCannotMoveIsExplained holds the list that docs/what-moves.md is made
// of, which M010 points to.
func TestWhatCannotMoveIsExplained(t *testing.T) {
	for key, what := range cannotMove {
		if !slices.ContainsFunc(CannotMove(), func(n NotMoved) bool { return slices.Contains(strings.Split(n.What, ", "), what) }) {
			t.Errorf("nothing explains %s (%s)", key, what)
		}
	}
}
