package showpad

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAdvice bounds what a Retry-After may say, against overflow.
const maxAdvice = 366 * 24 * time.Hour

// retryAfter reads the advice of an answer: seconds, or a date. A date is measured
// from the answer's own Date where it has one, so that a wrong clock here does no
// harm. 0 is no advice; the past, nonsense and "0" are none.
// Source: RFC 9110 10.2.3. Showpad names no header.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		switch {
		case s > maxAdvice.Seconds():
			return maxAdvice
		case s > 0:
			return time.Duration(s * float64(time.Second))
		}
		return 0 // zero, negative, NaN
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return min(max(at.Sub(now), 0), maxAdvice)
}
