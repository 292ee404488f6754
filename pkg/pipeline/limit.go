package pipeline

// Pace says what limits a run now. It comes at most once a second, and only when
// something else limits it than before, or how fast it goes has changed.
type Pace struct {
	By       string  // what limits: a key of [Limit].Shares; "" is nothing
	Rate     float64 // API requests a second that the gate lets through now; 0: as many as there are
	Ceiling  float64 // a rate that the service refused; 0: none
	InFlight int     // API requests
	Waiting  int     // for the gate

	Uploads     int     // under way
	UploadLimit int     // how many may be now
	Bytes       float64 // a second, of all uploads
	BudgetLeft  *int    // requests before the reserve; nil: no budget
}

func (Pace) event() {}

// Limit says what limited a run.
type Limit struct {
	// By is what did for most of the time: "rate" (the service's, or --rate), "closed"
	// (the service asked to wait), "requests" (in flight), "budget", "bandwidth",
	// "uploads" (in flight), "source" (reading files), "hashing", "state" (its disk),
	// "processing" (at the service), "window", or "" for nothing that could be told.
	By       string `json:"by"`
	Sentence string `json:"sentence"`
	// Shares are the parts of the run's time, 0 to 1, in which each of them limited it.
	Shares map[string]float64 `json:"shares,omitempty"`
}
