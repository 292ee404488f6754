package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// What may limit a run: keys of [Limit].Shares.
const (
	byBudget     = "budget"     // of requests
	byWindow     = "window"     // of the day, or the time that a run may take
	byClosed     = "closed"     // the service asked to wait
	byRate       = "rate"       // of requests: the service's, or the one that was given
	byRequests   = "requests"   // in flight, and the time that each takes
	byBandwidth  = "bandwidth"  // the one that was given
	byUploads    = "uploads"    // in flight
	byFile       = "file"       // the speed of the few uploads that were left
	bySource     = "source"     // reading files
	byHashing    = "hashing"    // their checksums
	byState      = "state"      // its disk
	byProcessing = "processing" // at the service
)

// Pace says what limits a run now. It comes at most once a second, and only when
// something has changed.
type Pace struct {
	By       string  `json:"by"`                // what has limited it since the last one: a key of [Limit].Shares; "" is nothing
	Rate     float64 `json:"rate,omitempty"`    // API requests a second that may leave now; 0: as many as there are
	Ceiling  float64 `json:"ceiling,omitempty"` // requests a second that the service was found to take; 0: it has not said no
	InFlight int     `json:"inFlight"`          // API requests
	Waiting  int     `json:"waiting"`           // to be sent

	Uploads     int     `json:"uploads"`              // under way
	UploadLimit int     `json:"uploadLimit"`          // how many may be now
	Bytes       float64 `json:"bytesPerSecond"`       // of all uploads
	BudgetLeft  *int    `json:"budgetLeft,omitempty"` // requests before the reserve; nil: no budget
}

func (Pace) event() {}

// Limit says what limited a run.
type Limit struct {
	// By is what did for most of the time: a key of Shares, or "budget" or "window" when
	// that ended the run; "" is nothing that could be told.
	By       string `json:"by"`
	Sentence string `json:"sentence"` // for people
	// Shares are the parts of the run's time, 0 to 1, in which each of these limited
	// it: "rate", "closed" (the service asked to wait), "requests" (in flight),
	// "bandwidth", "uploads" (in flight), "file" (few uploads were left), "source"
	// (reading files), "hashing", "state" (its disk), "processing" (at the service).
	Shares map[string]float64 `json:"shares,omitempty"`
}

// usage is where the time of a run went, and the numbers that a sentence tells.
type usage struct {
	total time.Duration
	// What was waited for. The first three are the gate's, the next two those of
	// uploads; several of them may have been at work at once. The rest are of the
	// meter, and only one of them counts at a time.
	times map[string]time.Duration
	gate  showpad.PaceNow
	up    UploadsNow
	bytes int64 // sent
	read  int64 // for checksums
	ended string
}

// waits are what is waited for, whichever comes first counts: who is kept from the
// gate fills the slots of uploads as well, and whoever waits for either fills the
// stages before.
var waits = []string{byClosed, byRate, byRequests, byBandwidth, byUploads, bySource, byHashing, byState, byProcessing, byFile}

// shares are the parts of the time that each thing limited, and what did most.
func (u *usage) shares() (shares map[string]float64, by string) {
	shares = map[string]float64{}
	if u.total <= 0 {
		return shares, ""
	}
	left := u.total
	for _, name := range waits {
		d := min(u.times[name], left)
		if d <= 0 {
			continue
		}
		left -= d
		if share := float64(d) / float64(u.total); share >= 0.005 {
			shares[name] = float64(int(share*1000+0.5)) / 1000
		}
	}
	// The pauses after refusals are how a rate is kept.
	if c, r := shares[byClosed], shares[byRate]; r > 0 && c > 0 && c < r {
		by, shares[byRate] = byRate, c+r
		delete(shares, byClosed)
	}
	best := 0.0
	for _, name := range waits { // in order, so that it is the same each time
		if shares[name] > best {
			by, best = name, shares[name]
		}
	}
	if best < 0.15 {
		by = ""
	}
	return shares, by
}

// shortRun is a time after which nothing is told of what limited a run.
const shortRun = 10 * time.Second

// limit is what limited a run; nil for one that was over in a moment.
func (u *usage) limit() *Limit {
	if u.total < shortRun && u.ended == "" {
		return nil
	}
	shares, by := u.shares()
	if u.ended != "" {
		by = u.ended
	}
	return &Limit{By: by, Shares: shares, Sentence: u.sentence(by)}
}

// sentence says what limited a run, and with which number.
func (u *usage) sentence(by string) string {
	part := min(u.times[by], u.total)
	mb := func(n float64) string { return humanize.Bytes(uint64(max(0, n))) + "/s" }
	speed := func(n int64, d time.Duration) string { return mb(over(float64(n), d.Seconds())) }
	switch by {
	case byBudget:
		return "The budget of requests ended this run."
	case byWindow:
		return "The end of its time ended this run."
	case byClosed:
		return fmt.Sprintf("The service limited this run: it asked to wait, %s in all.", spell(part))
	case byRate:
		if g := u.gate; g.Given > 0 && (g.Ceiling == 0 || g.Given <= g.Ceiling) {
			return fmt.Sprintf("The rate that it was given limited this run: %s (--rate).", RateText(g.Given))
		}
		rate := u.gate.Ceiling
		if rate == 0 {
			rate = u.gate.Rate
		}
		text := RateText(rate)
		verb := "were"
		if strings.HasPrefix(text, "1 ") {
			verb = "was"
		}
		return fmt.Sprintf("The service's rate limited this run: %s %s allowed.", text, verb)
	case byRequests:
		return fmt.Sprintf("The time that requests take limited this run: %d were in flight at most (--requests).", u.gate.Slots)
	case byBandwidth:
		return fmt.Sprintf("The bandwidth that it was given limited this run: %s (--bandwidth).", mb(float64(u.up.Bandwidth)))
	case byUploads:
		if u.up.Limit < u.up.Cap {
			return fmt.Sprintf("The line limited this run: %s, and more uploads at once were no faster.", speed(u.bytes, u.total))
		}
		return fmt.Sprintf("The speed of uploads limited this run: %d were in flight at most (--uploads), %s.", u.up.Cap, speed(u.bytes, u.total))
	case byFile:
		return fmt.Sprintf("The speed of single uploads limited this run: too few files were left to send more at once, %s.", speed(u.bytes, u.total))
	case bySource:
		return fmt.Sprintf("Reading the files limited this run: %s.", speed(u.read, part))
	case byHashing:
		return fmt.Sprintf("Computing checksums limited this run: %s.", speed(u.read, part))
	case byState:
		return "The disk with the state limited this run."
	case byProcessing:
		return fmt.Sprintf("Showpad's processing limited this run: it was waited for, %s in all.", spell(part))
	}
	return "Nothing in particular limited this run."
}

// RateText is a rate of requests a second for people: "7 requests/s", "30 requests a
// minute", "1 request an hour".
func RateText(perSecond float64) string {
	n, per := perSecond, "/s"
	switch {
	case perSecond < 1.0/60:
		n, per = perSecond*3600, " an hour"
	case perSecond < 1:
		n, per = perSecond*60, " a minute"
	}
	text := fmt.Sprintf("%.3g", n)
	if text == "1" {
		return "1 request" + per
	}
	return text + " requests" + per
}

// are is a number of things with its verb: "1 is", "12 are".
func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

// spell is a time for people, as views have it: 42 s, 41 min, 2 h 5 min.
func spell(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// since is what came to u after before.
func (u *usage) since(before *usage) *usage {
	d := *u
	d.total -= before.total
	d.bytes -= before.bytes
	d.read -= before.read
	d.times = maps.Clone(u.times)
	for name, t := range before.times {
		d.times[name] -= t
	}
	return &d
}

// usage is where the time of the run has gone so far.
func (r *runner) usage() *usage {
	m := r.meter
	m.mu.Lock()
	now := time.Now()
	m.account(now)
	u := &usage{total: now.Sub(m.begun), times: maps.Clone(m.times), bytes: m.sent, read: m.hashed}
	if m.hashTime > 0 && time.Duration(m.reading.Load())*2 > m.hashTime {
		u.times[bySource], u.times[byHashing] = u.times[byHashing], 0
	}
	m.mu.Unlock()
	u.gate, u.up = r.gate(), r.uploads.Pace()
	u.times[byClosed], u.times[byRate] = u.gate.Closed, u.gate.Paced
	// Beside the requests that wait for a slot, those that have one are waited for.
	u.times[byRequests] = max(u.gate.Slot, u.times[byRequests])
	u.times[byBandwidth], u.times[byUploads] = u.up.Waited.Bandwidth, max(u.up.Waited.Slots, u.times[byUploads])
	return u
}

// endedBy is what ended a run before its work was done: "budget", "window", or "".
func (r *runner) endedBy(err error) string {
	stop, ok := errors.AsType[*StopError](err)
	switch {
	case !ok || stop.Code != 5:
		return ""
	case r.purse.ended() != nil, errors.Is(err, showpad.ErrBudget):
		return byBudget
	case r.in.Options.Until != nil && !errors.Is(err, showpad.ErrPaused):
		return byWindow
	}
	return ""
}

// tellPace tells what limits the run, at most once a second.
func (r *runner) tellPace() {
	m := r.meter
	now, last := int64(time.Since(m.begun)), m.pacedAt.Load()
	if now-last < int64(time.Second) || !m.pacedAt.CompareAndSwap(last, now) {
		return
	}
	u := r.usage()
	p := Pace{
		Rate: u.gate.Rate, Ceiling: u.gate.Ceiling, InFlight: u.gate.InFlight, Waiting: u.gate.Waiting,
		Uploads: u.up.InFlight, UploadLimit: u.up.Limit, Bytes: u.up.Rate,
	}
	if b := r.in.Options.Budget; b != nil {
		if n, limited := b.Left(); limited {
			p.BudgetLeft = &n
		}
	}
	m.paceMu.Lock()
	_, p.By = u.since(&m.lastUsage).shares()
	m.lastUsage = *u
	m.paceMu.Unlock()
	r.in.Observe(p)
}
