package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// TestWorst holds the order against a literal one, for every pair.
func TestWorst(t *testing.T) {
	order := []int{130, 7, 2, 4, 1, 5, 3, 6, 8, 0}
	for i, a := range order {
		for j, b := range order {
			if got, want := worst(a, b), order[min(i, j)]; got != want {
				t.Errorf("worst(%d, %d) = %d, want %d", a, b, got, want)
			}
		}
	}
	if got := worst(); got != 0 {
		t.Errorf("nothing applies: got %d, want 0", got)
	}
	if got := worst(3, 42); got != 1 {
		t.Errorf("a code that is none: got %d, want 1", got)
	}
	if len(exitMeanings) != len(order) {
		t.Errorf("%d codes are explained, there are %d", len(exitMeanings), len(order))
	}
}

func TestCodeOf(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"none", nil, 0},
		{"wrong use", usagef("no"), 2},
		{"problems", manifest.Problems{{Code: "M001"}}, 2},
		{"stopped with a code", &pipeline.StopError{Code: 4, Err: errors.New("no")}, 4},
		{"stopped by problems", &pipeline.StopError{Code: 2, Problems: manifest.Problems{{Code: "M101"}}}, 2},
		{"locked", fmt.Errorf("open: %w", &state.LockedError{}), 7},
		{"sandbox in use", fmt.Errorf("open: %w", emulator.ErrInUse), 7},
		{"another tenant", fmt.Errorf("x: %w", state.ErrOtherTenant), 2},
		{"damaged", state.ErrDamaged, 1},
		{"not signed in", fmt.Errorf("acme: %w", showpad.ErrNotSignedIn), 4},
		{"told to pause for days", fmt.Errorf("acme: %w", showpad.ErrPaused), 5},
		{"no budget", fmt.Errorf("getAsset: %w", showpad.ErrBudget), 5},
		{"401", &showpad.Error{Status: 401}, 4},
		{"403", fmt.Errorf("x: %w", &showpad.Error{Status: 403}), 4},
		{"500", &showpad.Error{Status: 500}, 1},
		{"interrupted", errInterrupted, 130},
		{"cancelled", context.Canceled, 130},
		{"declined", errDeclined, 1},
		{"closing failed too", errors.Join(usagef("no"), errors.New("close")), 2},
	}
	for _, tt := range tests {
		if got := codeOf(tt.err); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}
