package emulator

// getMe is GET /users/me.json. Source: v3 get_users_me.
func getMe(s *Server, c *call) answer {
	p, no := c.query(false, []string{"suppress_response_codes"}, []string{"fields", "expand"})
	if no != nil {
		return v3BadQuery(no)
	}
	return s.v3OK(p.fields(s.v3User(c.caller.user)))
}
