package main

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// addRate adds --rate, which every command has that talks to the service.
func (f *serviceFlags) addRate(fs *pflag.FlagSet) {
	fs.Var(&f.rate, "rate", "API requests in a time at most, such as 7/s or 420/m (default: what the service takes, learnt from its refusals)")
}

// rateFlag is a --rate: requests in a span of time.
type rateFlag struct {
	perSecond float64 // 0: none was given
	text      string  // as it was written
}

// rateUnits are the spans, in seconds.
var rateUnits = map[string]float64{"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}

// mostRate is what no service of this kind takes: beyond it a unit was mistaken.
const mostRate = 100_000

// Set takes 7/s, 420/m, 0.5/s or 3600/h; an empty text is none.
func (r *rateFlag) Set(text string) error {
	if strings.TrimSpace(text) == "" {
		*r = rateFlag{}
		return nil
	}
	number, unit, ok := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	span := rateUnits[strings.TrimSpace(unit)]
	switch {
	case !ok || err != nil || span == 0 || math.IsNaN(n):
		return errors.New("write requests and a unit, such as 7/s, 420/m or 0.5/s")
	case n <= 0:
		return errors.New("it must be more than 0: no request could leave (leave it out for no limit but the service's)")
	case n/span > mostRate:
		return errors.New("that is more than any service takes (leave it out for no limit but the service's)")
	case n/span < 1.0/3600:
		return errors.New("that is less than one request in an hour: no run would end (for a number of requests in a time, see --budget)")
	}
	*r = rateFlag{perSecond: n / span, text: strings.TrimSpace(text)}
	return nil
}

func (r *rateFlag) String() string { return r.text }

// Type is shown in the help.
func (*rateFlag) Type() string { return "rate" }
