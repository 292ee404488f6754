package showpad

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Me is who the credential belongs to, and what is left of the request budget where
// v3 tells. It needs the scope read_user_management.
//
// API: v3 get_users_me
func (c *Client) Me(ctx context.Context) (Me, error) {
	const op = "v3 get_users_me"
	if err := c.needV3(op); err != nil {
		return Me{}, err
	}
	var me Me
	q := &request{op: op, kind: KindRead, method: "GET", url: c.v3URL + "/users/me.json?fields=id,email"}
	q.head = func(h http.Header) {
		if at, err := http.ParseTime(h.Get("Date")); err == nil {
			came := time.Now()
			me.ServerTime, me.Skew = at, at.Sub(q.started.Add(came.Sub(q.started)/2).Round(0)).Round(time.Second)
		}
	}
	q.decode = func(b []byte) error {
		meta, m, err := v3Object(op, b)
		if err != nil {
			return err
		}
		if me.ID = text(m["id"]); me.ID == "" {
			return errors.New("it has no user")
		}
		me.Email = text(m["email"])
		limit, _ := meta.RateLimit.get()
		left, ok := meta.Remaining.get()
		if !ok {
			left = -1
		}
		window, _ := meta.Window.get()
		me.RateLimit, me.Remaining, me.Window = int(limit), int(left), time.Duration(window)*time.Second
		return nil
	}
	if err := c.do(ctx, q); err != nil {
		return Me{}, err
	}
	return me, nil
}

func (c *Client) needV3(op string) error {
	if c.v3URL == "" {
		return badRequest(op, "no v3 URL is set (set SHOWPAD_V3_URL)")
	}
	return nil
}

// v3Meta is the head of a v3 answer.
type v3Meta struct {
	Code      lenientInt `json:"code"`
	RateLimit lenientInt `json:"requestRateLimit"`
	Remaining lenientInt `json:"requestsRemaining"`
	Window    lenientInt `json:"requestRateLimitReset"`
}

// refused is the status of an error that came as a 200; 0 when it is none.
func (m v3Meta) refused() int {
	if code, ok := m.Code.get(); ok && code >= 400 && code < 600 {
		return int(code)
	}
	return 0
}

// v3Object is the head and the members of a v3 answer about one thing.
func v3Object(op string, b []byte) (v3Meta, map[string]json.RawMessage, error) {
	var env struct {
		Meta     v3Meta          `json:"meta"`
		Response json.RawMessage `json:"response"`
	}
	if err := one(&env)(b); err != nil {
		return v3Meta{}, nil, err
	}
	if status := env.Meta.refused(); status != 0 {
		return v3Meta{}, nil, failure(op, status, http.Header{}, b)
	}
	return env.Meta, object(env.Response), nil
}
