package emulator

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// v3Meta is the envelope's head with the request counters. Source: v3.
type v3Meta struct {
	Code                  int    `json:"code"`
	Message               string `json:"message"`
	ServerTime            string `json:"serverTime"`
	LastUpdatedTime       string `json:"lastUpdatedTime"`
	RequestRateLimit      int    `json:"requestRateLimit"`
	RequestRateLimitReset int    `json:"requestRateLimitReset"`
	RequestsRemaining     int    `json:"requestsRemaining"`
}

type v3Envelope struct {
	Meta     v3Meta `json:"meta"`
	Response any    `json:"response"`
}

// v3OK is a success of v3.
func (s *Server) v3OK(response any) answer {
	now := s.now().UTC().Format(time.RFC3339)
	limit, reset, remaining := s.counters()
	return jsonAnswer(http.StatusOK, v3Envelope{
		Meta: v3Meta{
			Code: http.StatusOK, Message: "OK", ServerTime: now, LastUpdatedTime: now,
			RequestRateLimit: limit, RequestRateLimitReset: reset, RequestsRemaining: remaining,
		},
		Response: response,
	})
}

// sampleBudget is what the samples in Showpad's documentation show.
const sampleBudget = 5000

// counters are the request counters of v3. The reset is the length of the
// window, not the seconds left: the samples differ in the rest, not in it.
func (s *Server) counters() (limit, reset, remaining int) {
	limit, remaining = sampleBudget, sampleBudget
	if s.opts.Budget.Limit > 0 {
		s.rollWindow()
		limit, remaining = s.opts.Budget.Limit, max(s.opts.Budget.Limit-s.used, 0)
	}
	return limit, int(s.opts.Budget.Window / time.Second), remaining
}

// v3Failure is an error of the v3 API. Source: dev Error Codes.
type v3Failure struct {
	Response v3Error `json:"response"`
}

type v3Error struct {
	Code    int    `json:"code"`
	Name    string `json:"name"`
	Message string `json:"message"`
}

// v3Answer is a failure of v3; the names for 401, 403, 429 and 5xx are assumed.
func v3Answer(status, code int, name, message string) answer {
	return answer{status: status, ctype: "application/json", value: v3Failure{v3Error{code, name, message}}}
}

// invalidParameter is v3's name for a query that is wrong. Source: dev Error Codes.
const invalidParameter = "InvalidParameterError"

// v3BadQuery says in v3's words what a check of the query has found.
func v3BadQuery(no *answer) answer {
	return v3Answer(http.StatusBadRequest, 2001, invalidParameter, no.value.(problem).Detail)
}

// v3Paging reads limit, from low to high, and offset. Source: v3 get_users,
// get_exports_assets.
func (p *params) v3Paging(low, high, usual int) (limit, offset int, no *answer) {
	limit = usual
	for _, x := range []struct {
		name string
		n    *int
	}{{"limit", &limit}, {"offset", &offset}} {
		value, given := p.text[x.name]
		if !given {
			continue
		}
		v, err := strconv.ParseInt(value, 10, 32)
		refuse := func(code int, name, what string) (int, int, *answer) {
			return 0, 0, new(v3Answer(http.StatusBadRequest, code, name, x.name+" must "+what))
		}
		switch {
		case err != nil:
			return refuse(2003, "NotNumericParameterError", "be a number")
		case v < 0:
			return refuse(2002, "NegativeParameterError", "not be negative")
		case x.n == &limit && int(v) < low:
			return refuse(4017, "BelowMinimumValidationError", "be at least "+strconv.Itoa(low))
		case x.n == &limit && int(v) > high:
			return refuse(4018, "AboveMaximumValidationError", "be at most "+strconv.Itoa(high))
		}
		*x.n = int(v)
	}
	return limit, offset, nil
}

// fields keeps the members that the parameter of that name lists; all without it.
func (p *params) fields(all map[string]any) map[string]any {
	if p.lists["fields"] == nil {
		return all
	}
	keep := map[string]any{}
	for _, name := range p.lists["fields"] {
		if v, ok := all[strings.TrimSpace(name)]; ok {
			keep[strings.TrimSpace(name)] = v
		}
	}
	return keep
}

// v3Stamp is a time as v3 writes it; nil is null. Source: v3 samples.
func v3Stamp(t *time.Time) any {
	if t == nil || t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05-07:00")
}
