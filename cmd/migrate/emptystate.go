package main

import (
	"context"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// emptyState is a state without records, for commands that look at a manifest
// alone.
type emptyState struct{ state.Reader }

// Get knows no record.
func (emptyState) Get(context.Context, []string) (map[string]state.Record, error) { return nil, nil }

// Scan knows no record.
func (emptyState) Scan(context.Context, string, int) ([]state.Record, error) { return nil, nil }

// Extras knows none.
func (emptyState) Extras(context.Context, state.ExtraKind, string, string, int) ([]state.Extra, error) {
	return nil, nil
}
