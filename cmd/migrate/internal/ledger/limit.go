package ledger

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Longest and shortest windows of a budget.
const (
	shortest = time.Second
	longest  = 31 * 24 * time.Hour
)

// Limit is so many requests within any stretch of a window's length. The zero value
// is no limit.
type Limit struct {
	N      int
	Window time.Duration
}

// windows are the words for the lengths of windows.
var windows = map[string]time.Duration{
	"s": time.Second, "second": time.Second, "m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hour": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

// ParseLimit reads "5000/24h", "5000/day", "200/h" or "90000/30d".
func ParseLimit(text string) (Limit, error) {
	const form = "write it as 5000/24h, 5000/day or 200/h"
	count, per, ok := strings.Cut(strings.ReplaceAll(text, " ", ""), "/")
	if !ok {
		return Limit{}, fmt.Errorf("%q: requests in how long? %s", text, form)
	}
	n, err := strconv.Atoi(strings.ReplaceAll(strings.ReplaceAll(count, ",", ""), "_", ""))
	if err != nil || n < 1 || n > math.MaxInt32 {
		return Limit{}, fmt.Errorf("%q: %q is no number of requests; %s", text, count, form)
	}
	window, ok := windows[strings.ToLower(per)]
	if !ok {
		if window, err = duration(per); err != nil {
			return Limit{}, fmt.Errorf("%q: %q is no duration; %s", text, per, form)
		}
	}
	if window < shortest || window > longest {
		return Limit{}, fmt.Errorf("%q: a window has from 1s to 31 days", text)
	}
	return Limit{N: n, Window: window}, nil
}

// duration reads Go's form, and days.
func duration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n > 0 && n <= 366) {
			return 0, errors.New("no number of days")
		}
		return time.Duration(n * float64(24*time.Hour)), nil
	}
	return time.ParseDuration(text)
}

// String is the limit as it is written; "" is none.
func (l Limit) String() string {
	if l.N == 0 {
		return ""
	}
	return strconv.Itoa(l.N) + "/" + Span(l.Window)
}

// Span is the length of a window for people: "24h", "90m", "30s".
func Span(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

// Reserve is what of a limit is left to others. The zero value is the default: a
// tenth, at least 50, and never more than half.
type Reserve struct {
	given bool
	n     int
	share float64 // of the limit, 0 to 1; counts when n is 0
}

// ParseReserve reads "500" or "10%".
func ParseReserve(text string) (Reserve, error) {
	const form = "write it as 500, or as 10% of the limit"
	if share, ok := strings.CutSuffix(text, "%"); ok {
		p, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err != nil || !(p >= 0 && p < 100) {
			return Reserve{}, fmt.Errorf("%q: a share is from 0%% to less than 100%%; %s", text, form)
		}
		return Reserve{given: true, share: p / 100}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return Reserve{}, fmt.Errorf("%q: %s", text, form)
	}
	return Reserve{given: true, n: n}, nil
}

// String is the reserve as it is written; "" is the default.
func (r Reserve) String() string {
	switch {
	case !r.given:
		return ""
	case r.n == 0 && r.share > 0:
		return strconv.FormatFloat(r.share*100, 'f', -1, 64) + "%"
	}
	return strconv.Itoa(r.n)
}

// Of is how many requests of a limit are left to others.
func (r Reserve) Of(limit int) int {
	switch {
	case !r.given:
		return min(max(50, limit/10), limit/2)
	case r.n == 0:
		return int(math.Ceil(r.share * float64(limit)))
	}
	return min(r.n, limit)
}
