package showpad

import (
	"context"
	"errors"
)

// ErrBudget: the budget of requests is used up. What a [Budget] answers wraps it.
var ErrBudget = errors.New("the budget of requests is used up")

// Budget counts requests before they leave. It may be used by many goroutines.
type Budget interface {
	// Spend takes one request from the budget. It is called once for each attempt, just
	// before it leaves; it may wait for a disk, not for a window. An error that wraps
	// [ErrBudget] ends the run: nothing more can leave. Any other error means that it could
	// not be counted: the request does not leave, and is not tried again by the client.
	Spend(ctx context.Context) error
}

// spend asks the budget, if there is one, for an attempt that is about to leave.
func (g *Gate) spend(ctx context.Context) error {
	if g.budget == nil {
		return nil
	}
	err := g.budget.Spend(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &unspentError{err}
}

// unspentError: the budget did not give a request, which therefore never left.
type unspentError struct{ err error }

func (e *unspentError) Error() string { return e.err.Error() }
func (e *unspentError) Unwrap() error { return e.err }
