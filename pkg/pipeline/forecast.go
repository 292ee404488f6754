package pipeline

import (
	"math"
	"time"
)

// Forecast says how long the work of a plan will take, and by what assumptions.
type Forecast struct {
	Fastest Estimate `json:"fastest"`
	Likely  Estimate `json:"likely"`
	Slowest Estimate `json:"slowest"`
	// By is what decides how long the likely course takes: "budget", "window" and
	// "max-duration" when that ends the first of several runs; else "rate",
	// "requests" (in flight), "uploads" (in flight), "bandwidth", "hashing", "file"
	// (the largest, alone) or "processing"; "" when there is nothing to do.
	By       string `json:"by"`
	Requests int    `json:"requests"` // of all runs of the likely course
	// Stages are the seconds that each resource would take for its part of the work
	// if it were alone: they go on side by side.
	Stages map[string]float64 `json:"stages,omitempty"`
	Large  *Large             `json:"large,omitempty"` // files that dominate; nil: none do
	// Runs are those of the likely course, at most the first 60.
	Runs        []ForecastRun `json:"runs,omitempty"`
	Assumptions Paces         `json:"assumptions"`
}

// Estimate is one course that the work may take.
type Estimate struct {
	Seconds float64   `json:"seconds"` // at work, all runs together
	Finish  time.Time `json:"finish,omitzero"`
	Runs    int       `json:"runs"` // one for each window or stretch of the budget
	// Never says that it cannot get done like this: no window comes, is long enough,
	// or no request is left. Seconds and Runs are as far as it comes.
	Never bool `json:"never,omitempty"`
}

// ForecastRun is one of the runs that the work takes.
type ForecastRun struct {
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Requests int       `json:"requests"`
	Share    float64   `json:"share"` // of the work, 0 to 1
}

const (
	// startTrips is how many requests follow each other before work is in full swing:
	// signing in, Divisions and other names, the first look-up; and createTrips where
	// assets are made: the first create goes alone, and a look-up proves it.
	startTrips  = 3
	createTrips = 3
	// restartReads are the requests that each further run costs.
	restartReads = 10
	// latePoll is how many seconds after a file is active that is seen, at most.
	latePoll = 45
)

// spread is how far a number may be off, as a factor.
func (o Origin) spread() float64 {
	switch o {
	case OriginGiven:
		return 1
	case OriginMeasured:
		return 1.25
	}
	return 2
}

// by is p with everything faster (by > 0) or slower (by < 0), as far as each number may be off.
func (p Paces) by(dir float64) Paces {
	for _, speed := range []*Assumed{&p.Rate, &p.Upload, &p.Bandwidth, &p.Hash} {
		speed.Value *= math.Pow(speed.Origin.spread(), dir)
	}
	for _, wait := range []*Assumed{&p.Latency, &p.Put, &p.Processing} {
		wait.Value /= math.Pow(wait.Origin.spread(), dir)
	}
	return p
}

// Foresee says how long a workload takes from now on. It is pure.
func Foresee(load Workload, p Paces, g Given, now time.Time) Forecast {
	now = now.Round(0) // what it tells of are times of day
	f := Forecast{Assumptions: p, Requests: load.Requests, Large: load.large()}
	if f.Large != nil {
		f.Large.Seconds = p.alone(&load.Largest[0])
	}
	likely := newCourse(&load, p)
	f.Stages, f.By = likely.stages, likely.by
	var cut string
	f.Likely, f.Runs, cut = likely.through(load.Requests, g, now)
	if cut != "" {
		f.By = cut
	}
	f.Requests += max(0, f.Likely.Runs-1) * restartReads
	f.Fastest, _, _ = newCourse(&load, p.by(1)).through(load.Requests, g, now)
	f.Slowest, _, _ = newCourse(&load, p.by(-1)).through(load.Requests, g, now)
	return f
}

// alone is how long a file takes with nothing in its way, in seconds, from its
// reading to the end of its upload: two requests, and its bytes read and sent.
func (p Paces) alone(f *LargeFile) float64 {
	s := 2*p.Latency.Value + p.Put.Value + over(float64(f.Size), math.Min(p.Upload.Value, p.Bandwidth.Value))
	if f.Hash {
		s += over(float64(f.Size), p.Hash.Value)
	}
	return s
}

// over is n at a pace; a pace of 0 is not known and takes no time.
func over(n, pace float64) float64 {
	if pace <= 0 {
		return 0
	}
	return n / pace
}

// course is the work without any pause, in seconds.
//
// The stages of a run work side by side on different items, so the work goes as
// fast as the slowest of them: whoever divides what he has to do by his pace and
// takes longest. Before that comes what the first item goes through alone, and
// after it what the last one does. A file that is large enough is a path of its
// own: it begins when the items before it are on their way, and nothing shortens it.
type course struct {
	stages map[string]float64
	start  float64
	steady float64
	tail   float64
	by     string
}

func newCourse(load *Workload, p Paces) course {
	c := course{stages: map[string]float64{}}
	if load.Requests == 0 && load.Puts == 0 && load.HashFiles == 0 {
		return c
	}
	stage := func(name string, seconds float64) {
		if seconds > 0 {
			c.stages[name] = seconds
		}
		if seconds > c.steady {
			c.steady, c.by = seconds, name
		}
	}
	for _, st := range p.stages(load, load.Bytes, load.HashBytes) {
		stage(st.name, st.seconds)
	}
	trip := p.Latency.Value
	c.start = startTrips * trip
	if load.Creates > 0 {
		c.start += createTrips * trip
	}
	for i := range load.Largest {
		f := &load.Largest[i]
		at := 0.0
		if load.writes > 0 { // when those before it are on their way
			hash := load.HashBytes
			if f.Hash {
				hash -= f.Size
			}
			for _, st := range p.stages(load, load.Bytes-f.Size, hash) {
				at = max(at, st.seconds*float64(f.after)/float64(load.writes))
			}
		}
		if s := at + p.alone(f); s > c.steady*1.01 {
			c.steady, c.by = s, "file"
		}
	}
	if load.Puts > 0 {
		c.start += trip + p.Put.Value
		// It is seen by the next poll; those come more rarely the longer it takes.
		c.tail = p.Processing.Value + math.Min(p.Processing.Value/5, latePoll) + trip
		if c.tail > c.steady {
			c.by = "processing"
		}
		c.stages["processing"] = c.tail
	}
	return c
}

// stageTime is what one resource takes for its part of the work, in seconds.
type stageTime struct {
	name    string
	seconds float64
}

// stages are those of a workload, of so many bytes to send and to read.
func (p Paces) stages(load *Workload, bytes, hash int64) []stageTime {
	requests, puts, trip := float64(load.Requests), float64(load.Puts), p.Latency.Value
	hashers := math.Max(1, math.Min(p.Hashers.Value, float64(load.HashFiles)))
	return []stageTime{
		{"rate", over(requests, p.Rate.Value)},
		{"requests", over(requests*trip, p.Requests.Value)},
		// A slot is held from the request for its URL on.
		{"uploads", over(puts*(trip+p.Put.Value)+over(float64(bytes), p.Upload.Value), p.Uploads.Value)},
		{"bandwidth", over(float64(bytes), p.Bandwidth.Value)},
		{"hashing", over(float64(hash), p.Hash.Value*hashers)},
	}
}
