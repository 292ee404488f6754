package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/export"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Exit codes are an interface: scripts decide on them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitSome        = 3
	exitNotSignedIn = 4
	exitLimit       = 5
	exitProcessing  = 6
	exitLocked      = 7
	exitWork        = 8
	exitInterrupted = 130
)

// exitMeanings is the table of `migrate help exit-codes`.
var exitMeanings = []struct {
	code int
	text string
}{
	{exitOK, "all done, or nothing to do"},
	{exitFailed, "failed; --max-failures reached"},
	{exitUsage, "wrong use, or problems that stop everything"},
	{exitSome, "finished; some items failed, conflict, are blocked or unknown"},
	{exitNotSignedIn, "not signed in, or refused"},
	{exitLimit, "stopped by a window, budget or limit; run again to continue"},
	{exitProcessing, "everything sent, the service still processes some"},
	{exitLocked, "the state is in use by another run"},
	{exitWork, "plan --exit-code: there is work to do"},
	{exitInterrupted, "interrupted (SIGINT, SIGTERM); run again to continue"},
}

// exitOrder has the code that wins first.
var exitOrder = []int{exitInterrupted, exitLocked, exitUsage, exitNotSignedIn, exitFailed, exitLimit, exitSome, exitProcessing, exitWork, exitOK}

// worst is the code that wins when several apply; one that is not in the table
// counts as failed.
func worst(codes ...int) int {
	best := len(exitOrder) - 1
	for _, c := range codes {
		at := slices.Index(exitOrder, c)
		if at < 0 {
			at = slices.Index(exitOrder, exitFailed)
		}
		best = min(best, at)
	}
	return exitOrder[best]
}

// usageError is wrong use of the command line or of a setting.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted; run again to continue")

// codeOf is the exit code of an error; nil is 0.
func codeOf(err error) int {
	var (
		usage    *usageError
		problems manifest.Problems
		stop     *pipeline.StopError
		answer   *showpad.Error
		folder   *export.FolderError
		choice   *export.SelectionError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, state.ErrLocked), errors.Is(err, emulator.ErrInUse), errors.Is(err, export.ErrInUse):
		return exitLocked
	case errors.As(err, &stop) && stop.Code != 0:
		return stop.Code
	case errors.As(err, &usage), errors.As(err, &problems), errors.Is(err, state.ErrOtherTenant), isPlanFileError(err),
		errors.As(err, &folder), errors.As(err, &choice):
		return exitUsage
	case errors.Is(err, showpad.ErrPaused), errors.Is(err, showpad.ErrBudget):
		return exitLimit
	case errors.Is(err, showpad.ErrNotSignedIn):
		return exitNotSignedIn
	case errors.As(err, &answer) && (answer.Status == 401 || answer.Status == 403):
		return exitNotSignedIn
	default:
		return exitFailed
	}
}
