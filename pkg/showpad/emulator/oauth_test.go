package emulator_test

import (
	"encoding/base64"
	"net/url"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

const tokenURL = "https://acme.showpad.biz/api/v3/oauth2/token"

func grant(t *testing.T, s *emulator.Server, status int, pairs ...string) reply {
	t.Helper()
	v := url.Values{"client_id": {emulator.DefaultClientID}, "client_secret": {emulator.DefaultClientSecret}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return want(t, status, s, "POST", tokenURL, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func refresh(t *testing.T, s *emulator.Server, status int, token string) reply {
	t.Helper()
	return grant(t, s, status, "grant_type", "refresh_token", "refresh_token", token)
}

func list(t *testing.T, s *emulator.Server, status int, token string) {
	t.Helper()
	want(t, status, s, "GET", "/v4/languages", "", "Authorization", "Bearer "+token)
}

func TestRefreshTokensRotate(t *testing.T) {
	s := newServer(t, emulator.Options{})
	first := refresh(t, s, 200, emulator.DefaultRefreshToken)
	if first.json["expires_in"] != 3600.0 || first.text("token_type") != "Bearer" {
		t.Errorf("%s", first.body)
	}
	list(t, s, 200, first.text("access_token"))
	if r := refresh(t, s, 400, emulator.DefaultRefreshToken); r.text("error") != "invalid_grant" {
		t.Errorf("%s", r.body)
	}
	second := refresh(t, s, 200, first.text("refresh_token"))
	list(t, s, 200, second.text("access_token"))
	list(t, s, 401, second.text("refresh_token")) // a refresh token opens nothing
	s.Advance(time.Hour)
	list(t, s, 401, second.text("access_token"))
	if b := s.Books(); b.DeadRefreshTokens != 1 || b.Requests["token"] != 3 || b.API != 4 {
		t.Errorf("books: %+v", b)
	}
	s.Advance(14 * 24 * time.Hour)
	refresh(t, s, 400, second.text("refresh_token"))
}

func TestRefreshTokensMayStay(t *testing.T) {
	s := newServer(t, emulator.Options{OAuth: emulator.OAuth{KeepRefreshToken: true, AccessLife: time.Minute}})
	for range 3 {
		if r := refresh(t, s, 200, emulator.DefaultRefreshToken); r.text("refresh_token") != emulator.DefaultRefreshToken || r.json["expires_in"] != 60.0 {
			t.Errorf("%s", r.body)
		}
	}
}

func TestPasswordGrantLocksAfterTenFailures(t *testing.T) {
	s := newServer(t, emulator.Options{})
	sign := func(status int, password string) reply {
		return grant(t, s, status, "grant_type", "password", "username", emulator.DefaultUsername, "password", password)
	}
	list(t, s, 200, sign(200, emulator.DefaultPassword).text("access_token"))
	for range 10 {
		sign(400, "wrong")
	}
	if r := sign(400, emulator.DefaultPassword); r.text("error") != "invalid_grant" {
		t.Errorf("locked: %s", r.body)
	}
}

func TestTokenEndpointRefusals(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for _, c := range []struct {
		status int
		code   string
		pairs  []string
	}{
		{401, "invalid_client", []string{"client_secret", "wrong", "grant_type", "refresh_token"}},
		{400, "invalid_request", nil},
		{400, "unsupported_grant_type", []string{"grant_type", "client_credentials"}},
		{400, "invalid_grant", []string{"grant_type", "refresh_token", "refresh_token", emulator.DefaultToken}},
	} {
		if r := grant(t, s, c.status, c.pairs...); r.text("error") != c.code {
			t.Errorf("%v: %s", c.pairs, r.body)
		}
	}
	want(t, 405, s, "GET", tokenURL, "")
	want(t, 400, s, "POST", tokenURL, "{}")
}

func TestClientCredentialsInTheHeaderAndMultipart(t *testing.T) {
	s := newServer(t, emulator.Options{OAuth: emulator.OAuth{KeepRefreshToken: true}})
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(emulator.DefaultClientID)+":"+url.QueryEscape(emulator.DefaultClientSecret)))
	want(t, 200, s, "POST", tokenURL, "grant_type=refresh_token&refresh_token="+emulator.DefaultRefreshToken,
		"Content-Type", "application/x-www-form-urlencoded", "Authorization", basic)
	part := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	want(t, 200, s, "POST", tokenURL, part("grant_type", "refresh_token")+part("refresh_token", emulator.DefaultRefreshToken)+"--b--\r\n",
		"Content-Type", "multipart/form-data; boundary=b", "Authorization", basic)
}

func TestWhoMayCall(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := newServer(t, emulator.Options{
		Now:    func() time.Time { return now },
		Tokens: []emulator.Token{{Value: "one"}, {Value: "two", User: "john.q@example.com", Expires: now.Add(time.Hour)}},
	})
	for header, status := range map[string]int{
		"Bearer one": 200, "bearer two": 200, "Bearer three": 401, "one": 401, "Basic one": 401, "": 401,
	} {
		r := want(t, status, s, "GET", "/v4/divisions", "", "Authorization", header)
		if status == 401 && r.text("type") != "/problems/unauthorized" {
			t.Errorf("%s", r.body)
		}
	}
	me := "https://acme.showpad.biz/api/v3/users/me.json"
	r := want(t, 401, s, "GET", me, "", "Authorization", "Bearer three")
	if r.json["response"].(map[string]any)["name"] != "UnauthorizedError" {
		t.Errorf("v3: %s", r.body)
	}
	r = want(t, 200, s, "GET", me, "", "Authorization", "Bearer two")
	if r.json["response"].(map[string]any)["email"] != "john.q@example.com" {
		t.Errorf("%s", r.body)
	}
	now = now.Add(time.Hour)
	want(t, 401, s, "GET", me, "", "Authorization", "Bearer two")
	s.Revoke("one")
	want(t, 401, s, "GET", me, "", "Authorization", "Bearer one")
	if _, err := emulator.New(emulator.Options{Tokens: []emulator.Token{{Value: "x", User: "nobody@example.com"}}}); err == nil {
		t.Error("a token of nobody is accepted")
	}
}

func TestExpireAccessEndsOAuthTokensOnly(t *testing.T) {
	s := newServer(t, emulator.Options{})
	r := refresh(t, s, 200, emulator.DefaultRefreshToken)
	s.ExpireAccess()
	list(t, s, 401, r.text("access_token"))
	list(t, s, 200, emulator.DefaultToken)
	refresh(t, s, 200, r.text("refresh_token"))
}

func TestAnOAuthCallerMayOwnAssets(t *testing.T) {
	s := newServer(t, emulator.Options{Switches: emulator.Switches{RefuseExternalID: true}})
	token := refresh(t, s, 200, emulator.DefaultRefreshToken).text("access_token")
	want(t, 201, s, "POST", "/v4/assets", createBody("a.pdf", "SP-1", `,"origin":{"type":"oauth2client"}`), "Authorization", "Bearer "+token)
}

func TestMeHasTheCounters(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := newServer(t, emulator.Options{Now: func() time.Time { return now }})
	me := "https://acme.showpad.biz/api/v3/users/me.json"
	meta := func(query string) (float64, map[string]any) {
		r := want(t, 200, s, "GET", me+query, "")
		m := r.json["meta"].(map[string]any)
		if m["requestRateLimitReset"] != 86400.0 || m["code"] != 200.0 {
			t.Errorf("%s", r.body)
		}
		return m["requestsRemaining"].(float64), r.json["response"].(map[string]any)
	}
	// Without a limit the counter stands still.
	meta("")
	if left, response := meta("?fields=id"); left != 5000 || len(response) != 1 {
		t.Errorf("%v left, %v", left, response)
	}
	s.SetBudget(emulator.Budget{Limit: 3})
	want(t, 200, s, "GET", "/v4/tags", "")
	if left, _ := meta(""); left != 1 {
		t.Errorf("%v left", left)
	}
	meta("")
	r := want(t, 429, s, "GET", me, "")
	if r.header.Get("Retry-After") != "86400" || r.json["response"].(map[string]any)["name"] != "TooManyRequestsError" {
		t.Errorf("%v %s", r.header, r.body)
	}
	if r := want(t, 429, s, "GET", "/v4/tags", ""); r.text("type") != "/problems/too-many-requests" {
		t.Errorf("%s", r.body)
	}
	now = now.Add(24 * time.Hour)
	want(t, 200, s, "GET", "/v4/tags", "")
	want(t, 400, s, "GET", me+"?limit=1", "")
	want(t, 404, s, "GET", "https://acme.showpad.biz/api/v3/nothing.json", "")
}

func TestRateAndTheClosedGate(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := newServer(t, emulator.Options{Now: func() time.Time { return now }, Switches: emulator.Switches{Rate: 2}})
	get := func(status int) reply { return want(t, status, s, "GET", "/v4/tags", "") }
	get(200)
	get(200)
	if got := get(429).header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	now = now.Add(200 * time.Millisecond)
	get(429) // was under way
	if got := s.Books().InsideClosedGate; got != 0 {
		t.Errorf("%d calls inside the gate", got)
	}
	now = now.Add(700 * time.Millisecond)
	get(200)
	if got := s.Books().InsideClosedGate; got != 1 {
		t.Errorf("%d calls inside the gate", got)
	}
	now = now.Add(2 * time.Second)
	get(200)
	if b := s.Books(); b.InsideClosedGate != 1 || b.TooMany != 2 {
		t.Errorf("books: %+v", b)
	}
}
