package emulator_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

const (
	authorizeURL = "https://acme.showpad.biz/api/v3/oauth2/authorize"
	redirectURL  = "http://127.0.0.1:4711/callback"
	verifier     = "a-verifier-of-at-least-forty-three-characters-x"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorize asks as a browser would; pairs change the query, an empty value takes
// the parameter out.
func authorize(t *testing.T, s *emulator.Server, status int, pairs ...string) (url.Values, reply) {
	t.Helper()
	q := url.Values{
		"client_id": {emulator.DefaultClientID}, "redirect_uri": {redirectURL}, "response_type": {"code"}, "state": {"st"},
		"code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	r := want(t, status, s, "GET", authorizeURL+"?"+q.Encode(), "")
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return to.Query(), r
}

func redeem(t *testing.T, s *emulator.Server, status int, code string, pairs ...string) reply {
	t.Helper()
	return grant(t, s, status, append([]string{
		"grant_type", "authorization_code", "code", code, "redirect_uri", redirectURL, "code_verifier", verifier,
	}, pairs...)...)
}

func TestACodeIsGoodOnceAndForAShortTime(t *testing.T) {
	s := newServer(t, emulator.Options{})
	back, r := authorize(t, s, 302)
	if back.Get("state") != "st" || !strings.HasPrefix(r.header.Get("Location"), redirectURL+"?") {
		t.Errorf("%v", r.header)
	}
	tokens := redeem(t, s, 200, back.Get("code"))
	list(t, s, 200, tokens.text("access_token"))
	refresh(t, s, 200, tokens.text("refresh_token"))
	if r := redeem(t, s, 400, back.Get("code")); r.text("error") != "invalid_grant" {
		t.Errorf("%s", r.body)
	}
	back, _ = authorize(t, s, 302)
	s.Advance(time.Minute)
	redeem(t, s, 400, back.Get("code"))
	if b := s.Books(); b.API != 1 || b.Requests[emulator.OpAuthorize] != 2 {
		t.Errorf("books: %+v", b)
	}
}

func TestACodeIsBoundToItsRequest(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for _, wrong := range [][]string{
		{"redirect_uri", "http://127.0.0.1:4712/callback"}, {"code_verifier", "another"}, {"code_verifier", ""}, {"code", "another"},
	} {
		back, _ := authorize(t, s, 302)
		if r := redeem(t, s, 400, back.Get("code"), wrong...); r.text("error") != "invalid_grant" {
			t.Errorf("%v: %s", wrong, r.body)
		}
		redeem(t, s, 200, back.Get("code")) // a refused request spends nothing
	}
}

func TestWhatTheAuthorizeEndpointRefuses(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for _, c := range [][]string{
		{"client_id", "another"}, {"redirect_uri", ""}, {"redirect_uri", "https://evil.example.com/callback"},
		{"redirect_uri", "http://10.0.0.1/callback"}, {"redirect_uri", "http://localhost.example.com/"},
	} {
		if back, _ := authorize(t, s, 400, c...); len(back) > 0 {
			t.Errorf("%v: went to %v", c, back)
		}
	}
	for code, c := range map[string][]string{
		"unsupported_response_type": {"response_type", "token"}, "invalid_request": {"code_challenge_method", "plain"},
	} {
		if back, _ := authorize(t, s, 302, c...); back.Get("error") != code || back.Get("state") != "st" || back.Get("code") != "" {
			t.Errorf("%v: %v", c, back)
		}
	}
	s.Switch(func(sw *emulator.Switches) { sw.DenySignIn = true })
	if back, _ := authorize(t, s, 302); back.Get("error") != "access_denied" {
		t.Errorf("%v", back)
	}
	only := newServer(t, emulator.Options{OAuth: emulator.OAuth{RedirectURLs: []string{redirectURL}}})
	authorize(t, only, 302)
	authorize(t, only, 400, "redirect_uri", "http://127.0.0.1:4712/callback")
}

func TestWaysWithACodeChallenge(t *testing.T) {
	for mode, check := range map[emulator.PKCE]func(s *emulator.Server){
		emulator.PKCEIgnore: func(s *emulator.Server) {
			back, _ := authorize(t, s, 302)
			redeem(t, s, 200, back.Get("code"), "code_verifier", "another")
		},
		emulator.PKCERefuse: func(s *emulator.Server) {
			if back, _ := authorize(t, s, 302); back.Get("error") != "invalid_request" {
				t.Errorf("%v", back)
			}
			back, _ := authorize(t, s, 302, "code_challenge", "")
			redeem(t, s, 200, back.Get("code"), "code_verifier", "")
		},
		emulator.PKCERefuseVerifier: func(s *emulator.Server) {
			back, _ := authorize(t, s, 302)
			if r := redeem(t, s, 400, back.Get("code")); r.text("error") != "invalid_request" {
				t.Errorf("%s", r.body)
			}
			redeem(t, s, 200, back.Get("code"), "code_verifier", "")
		},
	} {
		check(newServer(t, emulator.Options{OAuth: emulator.OAuth{PKCE: mode}}))
	}
}

func TestAPublicClientHasNoSecret(t *testing.T) {
	refuse := func(public bool, status int, secret string) {
		s := newServer(t, emulator.Options{OAuth: emulator.OAuth{Public: public}})
		grant(t, s, status, "grant_type", "refresh_token", "refresh_token", emulator.DefaultRefreshToken, "client_secret", secret)
	}
	refuse(false, 401, "")
	refuse(true, 200, "")
	refuse(true, 401, "wrong")
}

func TestATokenMayWhatItsScopesSay(t *testing.T) {
	s := newServer(t, emulator.Options{
		Tokens: []emulator.Token{{Value: "all"}, {Value: "content", Scopes: []string{"read_contentprofile_management"}}},
		OAuth:  emulator.OAuth{Scopes: []string{"read_user_management"}},
	})
	back, _ := authorize(t, s, 302)
	grant := redeem(t, s, 200, back.Get("code"))
	if grant.text("scope") != "read_user_management" || grant.text("refresh_token") != "" {
		t.Errorf("%s", grant.body)
	}
	v3 := "https://acme.showpad.biz/api/v3"
	for _, c := range []struct {
		token, method, target, body string
		status                      int
	}{
		{"content", "GET", "/v4/assets", "", 200},
		{"content", "GET", "/v4/languages", "", 200},
		{"content", "POST", "/v4/assets", createBody("a.pdf", "A", ""), 403},
		{"content", "GET", "/v4/divisions", "", 403},
		{"content", "GET", v3 + "/users/me.json", "", 403},
		{"content", "GET", v3 + "/exports/assets.json", "", 403},
		{"all", "GET", v3 + "/exports/assets.json", "", 200},
		{grant.text("access_token"), "GET", v3 + "/users/me.json", "", 200},
		{grant.text("access_token"), "GET", "/v4/assets", "", 403},
	} {
		want(t, c.status, s, c.method, c.target, c.body, "Authorization", "Bearer "+c.token)
	}
	s.Switch(func(sw *emulator.Switches) { sw.WithoutScopes = []string{"read_contentprofile_management"} })
	want(t, 403, s, "GET", "/v4/assets", "", "Authorization", "Bearer all")
}

func TestScopesOfPaths(t *testing.T) {
	for path, scopes := range map[string]string{
		"GET /users/{id}.json": "read_user_management", "POST /divisions/{id}/assets.json": "write_division_management write_contentprofile_management",
		"POST /tickets/{id}/cancel": "write_contentprofile_management", "GET /exports/users.json": "read_division_management",
		"POST /assets/query": "read_contentprofile_management", "POST /tag-categories/{id}/tags": "write_contentprofile_management", "GET /countries": "",
	} {
		method, path, _ := strings.Cut(path, " ")
		if got := emulator.ScopesOf(method, path); !slices.Equal(got, strings.Fields(scopes)) {
			t.Errorf("%s %s wants %q", method, path, got)
		}
	}
}
