package pipeline

import (
	"context"
	"encoding/json"
	"math"
	"runtime"
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// Origin says where a number of a forecast comes from.
type Origin string

// Origins of assumptions, the first that is there counts.
const (
	OriginGiven    Origin = "given"    // a setting
	OriginMeasured Origin = "measured" // by the last run with this state
	OriginDefault  Origin = "default"
)

// Assumed is a number that a forecast rests on. 0 with no origin is nothing known.
type Assumed struct {
	Value  float64 `json:"value"`
	Origin Origin  `json:"origin"`
}

// Paces are how fast things go.
type Paces struct {
	Rate       Assumed `json:"requestsPerSecond,omitzero"` // at most; 0: no limit is known
	Latency    Assumed `json:"requestSeconds"`             // of an API request
	Requests   Assumed `json:"requestsInFlight"`           // at most
	Uploads    Assumed `json:"uploadsInFlight"`            // at most
	Put        Assumed `json:"uploadSeconds"`              // of an upload, beyond its bytes
	Upload     Assumed `json:"uploadBytesPerSecond"`       // of one upload
	Bandwidth  Assumed `json:"bytesPerSecond"`             // of all uploads together
	Hash       Assumed `json:"hashBytesPerSecond"`         // of one file that is read
	Hashers    Assumed `json:"filesHashedAtOnce"`
	Processing Assumed `json:"processingSeconds"` // from the end of an upload until the asset is active
}

// What is assumed of a service that no run has measured, and of a stand-in on this
// machine. Source: ASSUME.
var (
	farPaces  = Measured{Latency: 0.25, Put: 0.3, Upload: 5e6, Bandwidth: 20e6, Hash: 300e6, Processing: 60}
	nearPaces = Measured{Latency: 0.002, Put: 0.002, Upload: 200e6, Bandwidth: 400e6, Hash: 300e6}
)

// Measured are the paces of a run, as the state keeps them for the next plan. 0 is
// not measured.
type Measured struct {
	Rate       float64 `json:"rate,omitempty"`    // requests a second that the service allowed at most, where it refused more
	Latency    float64 `json:"latency,omitempty"` // seconds
	Put        float64 `json:"put,omitempty"`     // seconds
	Upload     float64 `json:"upload,omitempty"`  // bytes a second, likewise the next ones
	Bandwidth  float64 `json:"bandwidth,omitempty"`
	Hash       float64 `json:"hash,omitempty"`
	Processing float64 `json:"processing,omitempty"` // seconds
}

// Given is what the settings of a run say about its pace, for a forecast. Zero
// values are not given.
type Given struct {
	// Near says that the service is a stand-in on this machine.
	Near      bool
	Rate      float64       // requests a second at most
	Bandwidth int64         // bytes a second at most
	Budget    int           // requests in each Window
	Window    time.Duration // 0 is a day
	Reserve   int           // of Budget that is left to others
	Left      *int          // of Budget now, the reserve included; nil: all of it
	// Next is the window that t is in, or else the next one: when it opens and
	// closes, and whether t is inside. nil: no windows, it is always open. open zero:
	// there will be none. closes zero: it stays open.
	Next        func(t time.Time) (open, closes time.Time, inside bool)
	MaxDuration time.Duration // of one run; 0: no limit
	Drain       time.Duration // before the end of a window, or of a run's time, in which nothing begins
}

// paces puts together what is known, best first.
func (g *Given) paces(o *Options, m Measured) Paces {
	def := farPaces
	if g.Near {
		def = nearPaces
	}
	known := func(measured, def float64) Assumed {
		if measured > 0 {
			return Assumed{measured, OriginMeasured}
		}
		return Assumed{def, OriginDefault}
	}
	count := func(n, def int) Assumed {
		if n <= 0 || n == def {
			return Assumed{float64(def), OriginDefault}
		}
		return Assumed{float64(n), OriginGiven}
	}
	p := Paces{
		Latency: known(m.Latency, def.Latency), Put: known(m.Put, def.Put), Upload: known(m.Upload, def.Upload),
		Bandwidth: known(m.Bandwidth, def.Bandwidth), Hash: known(m.Hash, def.Hash), Processing: known(m.Processing, def.Processing),
		Requests: count(o.Requests, 8), Uploads: count(o.Uploads, 8), Hashers: count(o.Hashers, runtime.GOMAXPROCS(0)),
	}
	if m.Rate > 0 {
		p.Rate = Assumed{m.Rate, OriginMeasured}
	}
	if g.Rate > 0 && (p.Rate.Value == 0 || g.Rate < p.Rate.Value) {
		p.Rate = Assumed{g.Rate, OriginGiven}
	}
	if limit := float64(g.Bandwidth); limit > 0 {
		// What is not known is as fast as it may be.
		if p.Bandwidth.Origin == OriginDefault || limit < p.Bandwidth.Value {
			p.Bandwidth = Assumed{limit, OriginGiven}
		}
		if limit < p.Upload.Value {
			p.Upload = Assumed{limit, OriginGiven}
		}
	}
	return p
}

// each is how many seconds of a run an item takes beside its bytes, and a byte, where
// many are under way: as the slowest of the stages that have to do with it.
func (p *Paces) each() (item, byt Assumed) {
	slower := func(a *Assumed, seconds float64, by Assumed) {
		if seconds > a.Value && !math.IsInf(seconds, 0) {
			*a = Assumed{seconds, by.Origin}
		}
	}
	const requests = 2 // to make an asset, and to get a URL
	slower(&item, over(requests, p.Rate.Value), p.Rate)
	slower(&item, over(requests*p.Latency.Value, p.Requests.Value), p.Latency)
	slower(&item, over(p.Latency.Value+p.Put.Value, p.Uploads.Value), p.Put)
	slower(&byt, over(1, p.Bandwidth.Value), p.Bandwidth)
	slower(&byt, over(1, p.Upload.Value*p.Uploads.Value), p.Upload)
	slower(&byt, over(1, p.Hash.Value*p.Hashers.Value), p.Hash)
	return item, byt
}

// measured are the paces that the last run left in the state. What cannot be read
// is not known.
func measured(ctx context.Context, r state.Reader) (m Measured, err error) {
	text, err := r.Meta(ctx, state.MetaPaces)
	if err != nil || text == "" {
		return m, err
	}
	if json.Unmarshal([]byte(text), &m) != nil {
		return Measured{}, nil
	}
	for _, v := range []*float64{&m.Rate, &m.Latency, &m.Put, &m.Upload, &m.Bandwidth, &m.Hash, &m.Processing} {
		if !(*v >= 0 && *v < 1e15) { // of a state that somebody edited
			*v = 0
		}
	}
	return m, nil
}
