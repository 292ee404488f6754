package emulator

import (
	"time"
)

// getMe is GET /users/me.json. Source: v3 get_users_me.
func getMe(s *Server, c *call) answer {
	p, no := c.query(false, []string{"suppress_response_codes"}, []string{"fields", "expand"})
	if no != nil {
		return v3BadQuery(no)
	}
	u := c.caller.user
	all := map[string]any{
		"id": u.ID, "resourcetype": "User", "email": u.Email, "userName": u.Email,
		"firstName": u.FirstName, "lastName": u.LastName, "companyName": "Example", "language": "en",
		"isActive": true, "createdAt": founded.Format(time.RFC3339), "updatedAt": founded.Format(time.RFC3339),
	}
	return s.v3OK(p.fields(all))
}
