package showpad

import "time"

// GateConfig is what a [Gate] is made of; zero values mean the default.
type GateConfig struct {
	InFlight int     // requests at once; less than 1 is 8
	Rate     float64 // requests a second at most; 0: no limit but what the service teaches
	Burst    int     // requests of a given Rate that may leave at once after a rest; less than 1: a second's worth, at least 1
	Budget   Budget  // nil: none
}

// WaitFor is what callers of a gate wait for.
type WaitFor string

// What callers of a gate wait for.
const (
	WaitNothing WaitFor = ""
	WaitSlots   WaitFor = "slots"  // as many requests are in flight as may be
	WaitRate    WaitFor = "rate"   // the next one may leave in a moment
	WaitClosed  WaitFor = "closed" // the service asked for a pause
)

// PaceNow is what a gate does at one moment.
type PaceNow struct {
	Rate    float64 // requests a second that may leave now; 0: as many as want to
	Given   float64 // the rate that was given; 0: none
	Ceiling float64 // requests a second that the service was found to take; 0: it has not said no

	InFlight, Slots int
	Waiting         int     // callers
	By              WaitFor // what they wait for

	ClosedUntil time.Time // zero: the gate is open
	Why         string    // it is closed, for people

	// How long somebody waited, by what for, on the clock: many callers that wait at
	// once count once.
	Slot, Paced, Closed time.Duration
}
