package emulator

import (
	"crypto/subtle"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// token is an access or refresh token that works.
type token struct {
	Value   string
	Seq     uint64
	User    string // e-mail address
	Client  string // OAuth client; "" for a personal token
	Refresh bool
	Scopes  []string  `json:",omitempty"` // nil: all
	Expires time.Time // zero: never

	user *User
}

// OAuth errors. Source: RFC 6749 (ASSUME: the service does not document them).
type wireOAuthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func oauthError(status int, code, description string) answer {
	a := jsonAnswer(status, wireOAuthError{code, description})
	a.set("Cache-Control", "no-store")
	return a
}

type wireToken struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int    `json:"expires_in"`
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope"`
}

// maxSignIns is how many wrong passwords lock the account. Source: help
// "Creating a Showpad user".
const maxSignIns = 10

// postToken is the token endpoint of v3: code, refresh and password grants.
func postToken(s *Server, c *call) answer {
	form, no := tokenForm(c)
	if no != nil {
		return *no
	}
	id, secret, basic := basicAuth(c.header)
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	public := s.opts.OAuth.Public && secret == ""
	if !same(id, s.opts.OAuth.ClientID) || !public && !same(secret, s.opts.OAuth.ClientSecret) {
		a := oauthError(http.StatusUnauthorized, "invalid_client", "unknown client, or a wrong secret")
		a.set("WWW-Authenticate", `Basic realm="showpad"`)
		return a
	}
	var old *token
	scopes := s.opts.OAuth.Scopes
	if scopes == nil {
		scopes = Scopes()
	}
	email := s.opts.OAuth.Username
	switch form.Get("grant_type") {
	case "password":
		if s.signInFailures >= maxSignIns {
			return oauthError(http.StatusBadRequest, "invalid_grant", "the account is locked: its password has to be reset")
		}
		if !strings.EqualFold(form.Get("username"), s.opts.OAuth.Username) || !same(form.Get("password"), s.opts.OAuth.Password) {
			s.signInFailures++
			return oauthError(http.StatusBadRequest, "invalid_grant", "wrong user name or password")
		}
	case "refresh_token":
		old = s.tokens[form.Get("refresh_token")]
		if old == nil || !old.Refresh || !s.now().Before(old.Expires) {
			s.books.DeadRefreshTokens++
			return oauthError(http.StatusBadRequest, "invalid_grant", "the refresh token is expired, used or unknown")
		}
		email = old.User
		if old.Scopes != nil {
			scopes = old.Scopes
		}
	case "authorization_code":
		var no *answer
		if email, no = s.redeem(form); no != nil {
			return *no
		}
	case "":
		return oauthError(http.StatusBadRequest, "invalid_request", "grant_type is missing")
	default:
		return oauthError(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be authorization_code, refresh_token or password")
	}
	if !c.commit() {
		return answer{}
	}
	if form.Get("grant_type") == "password" {
		s.signInFailures = 0
	}
	delete(s.codes, form.Get("code"))
	scopes = s.without(scopes)
	out := wireToken{
		AccessToken: s.issue("access", email, false, s.opts.OAuth.AccessLife, scopes).Value, TokenType: "Bearer",
		ExpiresIn: int(s.opts.OAuth.AccessLife / time.Second), Scope: strings.Join(scopes, " "),
	}
	switch {
	case old != nil && s.opts.OAuth.KeepRefreshToken:
		out.RefreshToken = old.Value
	case old != nil:
		s.revoke(old.Value)
		out.RefreshToken = s.issue("refresh", email, true, s.opts.OAuth.RefreshLife, scopes).Value
	case slices.Contains(scopes, ScopeRefresh):
		out.RefreshToken = s.issue("refresh", email, true, s.opts.OAuth.RefreshLife, scopes).Value
	}
	a := jsonAnswer(http.StatusOK, out)
	a.set("Cache-Control", "no-store")
	return a
}

// tokenForm reads the fields, urlencoded or multipart.
func tokenForm(c *call) (url.Values, *answer) {
	kind, _, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data" {
		return nil, new(oauthError(http.StatusBadRequest, "invalid_request", "the fields must be form-encoded"))
	}
	if kind == "multipart/form-data" {
		return multipartForm(c)
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, new(oauthError(http.StatusBadRequest, "invalid_request", err.Error()))
	}
	return form, nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// issue makes a token and keeps it.
func (s *Server) issue(kind, email string, refresh bool, life time.Duration, scopes []string) *token {
	id, seq := s.newID(kind)
	t := &token{
		Value: "sandbox-" + kind + "-" + id, Seq: seq, User: email, Client: s.opts.OAuth.ClientID,
		Refresh: refresh, Scopes: scopes, Expires: s.now().Add(life), user: s.userByEmail(email),
	}
	s.tokens[t.Value] = t
	s.log(record{Token: t})
	return t
}

func (s *Server) revoke(value string) {
	delete(s.tokens, value)
	if s.given(value) {
		s.revoked = append(s.revoked, value)
	}
	s.log(record{Revoked: value})
}

// authorise finds the caller of an API request; nil is a 401.
func (s *Server) authorise(header http.Header) *token {
	kind, value, _ := strings.Cut(header.Get("Authorization"), " ")
	t := s.tokens[strings.TrimSpace(value)]
	if !strings.EqualFold(kind, "Bearer") || t == nil || t.Refresh || t.user == nil ||
		!t.Expires.IsZero() && !s.now().Before(t.Expires) {
		return nil
	}
	return t
}

// Revoke ends a token of any kind: the next use is refused.
func (s *Server) Revoke(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoke(value)
}

// ExpireAccess ends all access tokens that OAuth has issued; refresh tokens and
// personal tokens stay.
func (s *Server) ExpireAccess() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for value, t := range s.tokens {
		if t.Client != "" && !t.Refresh {
			s.revoke(value)
		}
	}
}
