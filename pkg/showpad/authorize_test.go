package showpad

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const testRedirect = "http://127.0.0.1:4711/callback"

func authorization(t *testing.T, e http.RoundTripper, store TokenStore, pkce bool) (*Authorization, url.Values) {
	t.Helper()
	cfg := oauthConfig(e, store)
	cfg.AuthURL = AuthorizeURL(testV3)
	a, err := NewAuthorization(cfg, testRedirect, pkce)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL())
	if err != nil || !strings.HasPrefix(a.URL(), testV3+"/oauth2/authorize?") {
		t.Fatalf("%s, %v", a.URL(), err)
	}
	return a, u.Query()
}

func TestTheCodeIsExchangedForTokensThatAreKept(t *testing.T) {
	e := &endpoint{steps: []func(*http.Request) (*http.Response, error){
		says(200, `{"access_token":"access-1","refresh_token":"refresh-1","expires_in":1800,"scope":"refresh_token read_user_management","refresh_expires_in":86400}`),
	}}
	store := &keeper{memoryStore: memoryStore{t: SavedToken{Refresh: "older", Ancestors: []string{"x"}}}}
	a, q := authorization(t, e, store, true)
	for name, want := range map[string]string{
		"client_id": "client-for-tests", "redirect_uri": testRedirect, "response_type": "code", "state": a.State().Reveal(), "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	before := now()
	got, err := a.Redeem(t.Context(), "code-for-tests")
	if err != nil {
		t.Fatal(err)
	}
	f := e.forms[0]
	sum := sha256.Sum256([]byte(f.Get("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") {
		t.Error("the verifier does not fit the challenge")
	}
	if f.Get("grant_type") != "authorization_code" || f.Get("code") != "code-for-tests" || f.Get("redirect_uri") != testRedirect || f.Get("client_secret") != "secret-for-tests" {
		t.Errorf("sent %v", f)
	}
	if !store.t.Equal(got) || got.Access != "access-1" || got.Refresh != "refresh-1" || len(got.Ancestors) != 0 || got.Scope != "refresh_token read_user_management" {
		t.Errorf("kept %+v, got %+v", store.t, got)
	}
	if d := got.Expiry.Sub(before); d < 29*time.Minute || d > 31*time.Minute {
		t.Errorf("ends after %s", d)
	}
	if d := got.RefreshExpiry.Sub(before); d < 23*time.Hour || d > 25*time.Hour {
		t.Errorf("the refresh token ends after %s", d)
	}
}

func TestStatesAndVerifiersAreNeverTheSame(t *testing.T) {
	_, one := authorization(t, new(endpoint), nil, true)
	_, two := authorization(t, new(endpoint), nil, true)
	if one.Get("state") == two.Get("state") || one.Get("code_challenge") == two.Get("code_challenge") || len(one.Get("state")) < 43 {
		t.Errorf("%v, %v", one, two)
	}
	if _, without := authorization(t, new(endpoint), nil, false); without.Has("code_challenge") || without.Has("code_challenge_method") {
		t.Errorf("%v", without)
	}
}

func TestAServerThatRefusesTheVerifierGetsTheCodeWithoutIt(t *testing.T) {
	e := &endpoint{steps: []func(*http.Request) (*http.Response, error){
		says(400, `{"error":"invalid_request"}`), says(200, `{"access_token":"access-1","expires_in":3600}`),
	}}
	a, _ := authorization(t, e, nil, true)
	if _, err := a.Redeem(t.Context(), "code-for-tests"); err != nil {
		t.Fatal(err)
	}
	if len(e.forms) != 2 || !e.forms[0].Has("code_verifier") || e.forms[1].Has("code_verifier") {
		t.Errorf("sent %v", e.forms)
	}
}

func TestARefusedCodeIsFinalAndNotTold(t *testing.T) {
	e := &endpoint{steps: repeat(says(400, `{"error":"invalid_grant","error_description":"code-for-tests is used"}`), 9)}
	store := &keeper{memoryStore: memoryStore{t: SavedToken{Refresh: "older"}}}
	a, _ := authorization(t, e, store, true)
	_, err := a.Redeem(t.Context(), "code-for-tests")
	if !errors.Is(err, ErrNotSignedIn) || strings.Contains(err.Error(), "code-for-tests") || !strings.Contains(err.Error(), "migrate auth login") {
		t.Errorf("%v", err)
	}
	if e.requests() != 1 || store.t.Refresh != "older" {
		t.Errorf("%d requests, kept %v", e.requests(), store.t)
	}
}

// What an answer does not repeat stays: RFC 6749 has the scope unchanged then.
func TestARenewalKeepsTheScope(t *testing.T) {
	e := &endpoint{valid: "refresh-0"}
	store := &keeper{memoryStore: memoryStore{t: SavedToken{Access: "old", Refresh: "refresh-0", Scope: "a b", RefreshExpiry: now().Add(time.Hour)}}}
	mustToken(t, refreshing(t, e, store, ""))
	if store.t.Scope != "a b" || !store.t.RefreshExpiry.IsZero() {
		t.Errorf("kept %+v", store.t)
	}
	if replaced, known := store.t.Rotation(); !replaced || !known {
		t.Errorf("rotation %v, known %v", replaced, known)
	}
	if _, known := (SavedToken{Refresh: "x"}).Rotation(); known {
		t.Error("known without a renewal")
	}
	stays := SavedToken{Refresh: "x", Ancestors: []string{hash("x")}}
	if replaced, known := stays.Rotation(); replaced || !known {
		t.Errorf("one that stays: %v, %v", replaced, known)
	}
}

func TestASignInThatCannotBeRenewedSaysWhy(t *testing.T) {
	store := &keeper{memoryStore: memoryStore{t: SavedToken{Access: "a", Expiry: time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)}}}
	_, err := refreshing(t, new(endpoint), store, "").TokenContext(t.Context())
	if !errors.Is(err, ErrNotSignedIn) || !containsAll(err.Error(), "2026-11-20T13:00:00Z", ScopeRefresh, "migrate auth login") {
		t.Errorf("%v", err)
	}
	_, err = refreshing(t, new(endpoint), new(keeper), "").TokenContext(t.Context())
	if !errors.Is(err, ErrNotSignedIn) || !containsAll(err.Error(), "nobody has signed in yet", "migrate auth login") {
		t.Errorf("%v", err)
	}
}

func TestRefusalsNameTheCredentialAndTheScope(t *testing.T) {
	for _, c := range []struct {
		credential Credential
		status     int
		call       string
		want       []string
		not        string
	}{
		{CredentialToken, 401, "v4 getAssets", []string{"SHOWPAD_TOKEN is expired or revoked", "API Tokens"}, ""},
		{CredentialSaved, 401, "v4 getAssets", []string{"the saved sign-in", "migrate auth login"}, "SHOWPAD_TOKEN"},
		{CredentialRefresh, 401, "v3 get_users_me", []string{"SHOWPAD_REFRESH_TOKEN was refused"}, "SHOWPAD_TOKEN"},
		{CredentialPassword, 401, "v4 getAssets", []string{"SHOWPAD_USERNAME"}, "SHOWPAD_TOKEN"},
		{CredentialSaved, 403, "v3 get_users_me", []string{"scope read_user_management", "next migrate auth login"}, "Division"},
		{CredentialToken, 403, "v4 postAssets", []string{"content rights on this Division", "scope write_contentprofile_management"}, "auth login"},
		{CredentialSaved, 403, "v4 getDivisions", []string{"scope read_division_management"}, ""},
		{CredentialSaved, 403, "v3 get_exports_assets", []string{"scope read_division_management"}, "contentprofile"},
		{CredentialSaved, 403, "v4 getLanguages", []string{"role"}, "scope"},
	} {
		s := newScript(says(c.status, `{"title":"No","detail":"no"}`))
		err := exercises[c.call].call(t.Context(), newClient(t, s, func(cfg *Config) { cfg.Credential = c.credential }))
		if err == nil || !containsAll(err.Error(), c.want...) || c.not != "" && strings.Contains(err.Error(), c.not) {
			t.Errorf("%s of %s: %v", c.call, c.credential, err)
		}
	}
	// v3 also says no in an answer that says yes.
	s := newScript(says(200, `{"meta":{"code":403},"response":{"code":403,"name":"ForbiddenError","message":"no"}}`))
	if err := exercises["v3 get_users_me"].call(t.Context(), newClient(t, s)); err == nil || !strings.Contains(err.Error(), "read_user_management") {
		t.Errorf("%v", err)
	}
	// A firewall's page is nothing that rights would change.
	s = newScript(says(403, "<html>blocked</html>"))
	if err := exercises["v4 postAssets"].call(t.Context(), newClient(t, s)); err == nil || strings.Contains(err.Error(), "scope") {
		t.Errorf("%v", err)
	}
}

func TestTheClockOfTheServiceIsTold(t *testing.T) {
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	me, err := newClient(t, newScript(says(200, fixture(t, "v3-me.json"), "Date", at.Format(http.TimeFormat)))).Me(t.Context())
	if err != nil || !me.ServerTime.Equal(at) || me.Skew < time.Hour-5*time.Second || me.Skew > time.Hour+time.Second {
		t.Errorf("%+v, %v", me, err)
	}
}
