package state

import (
	"fmt"
	"slices"
)

// Ops lists every op, in the order of their declaration.
func Ops() []Op { return []Op{Create, Version, Update, Archive, Restore, Delete} }

// Statuses lists every status, in the order of an item's life.
func Statuses() []Status {
	return []Status{Pending, Registering, Registered, Sending, Sent, Processing, Done, Failed}
}

// steps has, for each kind of op, the statuses that may follow each status.
// Writing the same status again is allowed wherever an op has that status.
//
// Forward jumps are allowed because the service is asked before a step is
// repeated and may be further than the record. A step back is a new attempt:
// a new URL (sending), a new create (registering), nothing else. Registering
// leads to a create being sent, so it is reached only where no asset id can be
// lost by it: from pending, from failed, and from done when the asset was
// removed at the service and its making again was asked for.
var steps = map[Op]map[Status][]Status{
	Create: {
		Pending:     {Registering, Registered, Sent, Processing, Done, Failed}, // beyond registering: adopted
		Registering: {Registered, Sent, Processing, Done, Failed},              // beyond registered: the look-up found it so
		Registered:  {Sending, Sent, Processing, Done, Failed},                 // straight to done: a URL asset has no binary
		Sending:     {Sent, Processing, Done, Failed},
		Sent:        {Sending, Processing, Done, Failed},
		Processing:  {Sending, Done, Failed},
		Done:        {Registering, Failed},
		Failed:      {Pending, Registering, Registered, Sending, Sent, Processing, Done},
	},
	Version: {
		Pending:    {Sending, Failed},
		Sending:    {Sent, Processing, Done, Failed},
		Sent:       {Sending, Processing, Done, Failed},
		Processing: {Sending, Done, Failed},
		Done:       {Sending, Failed},
		Failed:     {Pending, Sending, Sent, Processing, Done},
	},
	Update:  oneWrite,
	Archive: oneWrite,
	Restore: oneWrite,
	Delete:  oneWrite,
}

// oneWrite is the life of an op that is one write of absolute values.
var oneWrite = map[Status][]Status{
	Pending: {Sending, Failed},
	Sending: {Done, Failed},
	Done:    {Sending, Failed},
	Failed:  {Pending, Sending, Done},
}

// Allowed reports whether a record with this op may go from one status to the
// other. A new op on a record that is done or failed starts from Pending.
func Allowed(op Op, from, to Status) bool {
	next, ok := steps[op][from]
	if !ok {
		return false
	}
	return from == to || slices.Contains(next, to)
}

// Next returns an error wrapping [ErrTransition] unless [Allowed].
func Next(op Op, from, to Status) error {
	if Allowed(op, from, to) {
		return nil
	}
	return fmt.Errorf("%s from %s to %s: %w", op, from, to, ErrTransition)
}

// finished reports whether an op with this status is over, so that another may begin.
func (s Status) finished() bool { return s == Done || s == Failed }

// unfinished reports whether an op with this status is begun and not over.
func (s Status) unfinished() bool { return s != Pending && !s.finished() }

// head is the part of a record that its next step depends on.
type head struct {
	Op     Op     `json:"op"`
	Status Status `json:"status"`
}

// replace is follow where any record may take the place of any other.
func replace(_, next head) error {
	if Allowed(next.Op, next.Status, next.Status) {
		return nil
	}
	return fmt.Errorf("%s cannot be %s: %w", next.Op, next.Status, ErrTransition)
}

// follow reports whether next may replace prev; the zero head means no record.
func follow(prev, next head) error {
	switch {
	case prev == head{}:
		return Next(next.Op, Pending, next.Status)
	case prev.Op == next.Op:
		return Next(next.Op, prev.Status, next.Status)
	case prev.Status.finished() || prev.Status == Pending:
		return Next(next.Op, Pending, next.Status)
	}
	return fmt.Errorf("%s while %s is %s: %w", next.Op, prev.Op, prev.Status, ErrTransition)
}
