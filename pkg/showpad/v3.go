package showpad

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Me is who the credential belongs to, and what is left of the request budget where
// v3 tells. It needs the scope read_user_management.
//
// API: v3 get_users_me
func (c *Client) Me(ctx context.Context) (Me, error) {
	const op = "v3 get_users_me"
	if c.v3URL == "" {
		return Me{}, badRequest(op, "no v3 URL is set (set SHOWPAD_V3_URL)")
	}
	var me Me
	err := c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.v3URL + "/users/me.json?fields=id,email", decode: func(b []byte) error {
		var env struct {
			Meta struct {
				Code      lenientInt `json:"code"`
				RateLimit lenientInt `json:"requestRateLimit"`
				Remaining lenientInt `json:"requestsRemaining"`
			} `json:"meta"`
			Response json.RawMessage `json:"response"`
		}
		if err := one(&env)(b); err != nil {
			return err
		}
		if code, ok := env.Meta.Code.get(); ok && code >= 400 && code < 600 {
			return failure(op, int(code), http.Header{}, b) // 200 outside, an error inside
		}
		m := object(env.Response)
		if me.ID = text(m["id"]); me.ID == "" {
			return errors.New("it has no user")
		}
		me.Email = text(m["email"])
		limit, _ := env.Meta.RateLimit.get()
		left, ok := env.Meta.Remaining.get()
		if !ok {
			left = -1
		}
		me.RateLimit, me.Remaining = int(limit), int(left)
		return nil
	}})
	if err != nil {
		return Me{}, err
	}
	return me, nil
}
