package emulator

import (
	"net/http"
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

// getMe is GET /users/me.json. Source: v3 get_users_me.
func getMe(s *Server, c *call) answer {
	p, no := c.query(false, []string{"suppress_response_codes"}, []string{"fields", "expand"})
	if no != nil {
		return v3Answer(http.StatusBadRequest, 2001, "InvalidParameterError", no.value.(problem).Detail)
	}
	u := c.caller.user
	now := s.now()
	all := map[string]any{
		"id": u.ID, "resourcetype": "User", "email": u.Email, "userName": u.Email,
		"firstName": u.FirstName, "lastName": u.LastName, "companyName": "Example", "language": "en",
		"isActive": true, "createdAt": founded.Format(time.RFC3339), "updatedAt": founded.Format(time.RFC3339),
	}
	if fields := p.lists["fields"]; fields != nil {
		keep := map[string]any{}
		for _, f := range fields {
			if v, ok := all[strings.TrimSpace(f)]; ok {
				keep[strings.TrimSpace(f)] = v
			}
		}
		all = keep
	}
	limit, reset, remaining := s.counters()
	return jsonAnswer(http.StatusOK, v3Envelope{
		Meta: v3Meta{
			Code: http.StatusOK, Message: "OK", ServerTime: now.UTC().Format(time.RFC3339), LastUpdatedTime: now.UTC().Format(time.RFC3339),
			RequestRateLimit: limit, RequestRateLimitReset: reset, RequestsRemaining: remaining,
		},
		Response: all,
	})
}
