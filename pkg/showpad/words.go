package showpad

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credential is what access tokens come of. The zero value is not told.
type Credential string

// Credentials, by the name that people know them by.
const (
	CredentialToken    Credential = "SHOWPAD_TOKEN"
	CredentialPassword Credential = "SHOWPAD_USERNAME"
	CredentialRefresh  Credential = "SHOWPAD_REFRESH_TOKEN"
	CredentialSaved    Credential = "the saved sign-in"
	CredentialSandbox  Credential = "the stand-in's own token"
)

// explained adds to a refusal what the client knows of the request.
func (c *Client) explained(q *request, e *Error) *Error {
	if e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden {
		return e
	}
	path, ok := strings.CutPrefix(q.url, c.apiURL)
	if !ok {
		path = strings.TrimPrefix(q.url, c.v3URL)
	}
	e.Scopes, e.credential = Scopes(q.method, path), c.credential
	e.needs = needed(path, e.Scopes)
	return e
}

// hint is what a person can do about a refusal; "" where the error says it all. All
// commands show it: it is part of the error's text.
func (e *Error) hint() string {
	switch {
	case e.Op == opPut || e.Op == opGet || e.Op == opToken:
		return ""
	case e.foreign && e.Status == http.StatusForbidden:
		return "" // a proxy's word: rights at the service do not change it
	case e.Status == http.StatusUnauthorized:
		return e.refused()
	case e.Status == http.StatusForbidden:
		return e.forbidden()
	}
	return ""
}

// refused is about a credential that is not accepted.
func (e *Error) refused() string {
	switch e.credential {
	case CredentialToken:
		return "SHOWPAD_TOKEN is expired or revoked, or a token of another tenant: an administrator makes a new one in the Admin App (Settings, API Tokens); or unset it and sign in with migrate auth login"
	case CredentialPassword:
		return "the access token that SHOWPAD_USERNAME got was refused, and so was its successor: is the account still active, and is this its tenant?"
	case CredentialRefresh, CredentialSaved:
		return "the access token of " + string(e.credential) + " was refused, and so was its successor: it was revoked, or is one of another tenant; sign in again with migrate auth login"
	}
	return "the token is missing, expired or revoked: set SHOWPAD_TOKEN to a valid API token, or sign in with migrate auth login"
}

// forbidden is about what the account or its OAuth client lacks.
func (e *Error) forbidden() string {
	needs := e.needs
	if needs == "" {
		needs = "an administrator's role and rights"
	}
	text := "the account needs " + needs
	switch len(e.Scopes) {
	case 0:
		return text
	case 1:
		text += ", and an OAuth client the scope " + e.Scopes[0]
	default:
		text += ", and an OAuth client the scopes " + strings.Join(e.Scopes, " and ")
	}
	if e.credential != CredentialToken {
		text += "; a scope that is added counts from the next migrate auth login"
	}
	return text
}

// needed is what an account needs for an operation, besides scopes.
// Source: v4 postAssets, v4 create-share; ASSUME for the rest.
func needed(path string, scopes []string) string {
	switch {
	case strings.HasPrefix(path, "/shares"):
		return "an administrator's role and rights, and API access has to be enabled for the Division"
	case slices.Contains(scopes, "write_contentprofile_management"):
		return "an administrator's role and content rights on this Division"
	}
	return ""
}

// advice is what a person can do about a refusal of the token endpoint.
func advice(grant, code string) string {
	switch {
	case code == "invalid_client" || code == "unauthorized_client":
		return "check SHOWPAD_CLIENT_ID and SHOWPAD_CLIENT_SECRET, and that this client may use the grant " + grant
	case grant == "password":
		return "check SHOWPAD_USERNAME and SHOWPAD_PASSWORD; they are not tried again, since ten refusals lock the account"
	case grant == grantCode:
		return "run migrate auth login again: a code works once, for a moment, and for the redirect URL that is registered with the client"
	}
	return "the refresh token is expired, revoked or was used elsewhere: sign in again with migrate auth login, or set SHOWPAD_REFRESH_TOKEN to a new refresh token, or SHOWPAD_TOKEN to a personal API token"
}

// noRefreshToken says why there is nothing to get a token with.
func noRefreshToken(saved SavedToken) error {
	if saved.Access == "" {
		return fmt.Errorf("%w: nobody has signed in yet, and there is no refresh token (run migrate auth login; or set SHOWPAD_TOKEN to a personal API token, or SHOWPAD_REFRESH_TOKEN)", ErrNotSignedIn)
	}
	return fmt.Errorf("%w: the sign-in ended at %s and cannot be renewed: the service gave no refresh token (an administrator adds the scope %s to the OAuth client: Settings, Manage OAuth Clients; then run migrate auth login)",
		ErrNotSignedIn, saved.Expiry.Format(time.RFC3339), ScopeRefresh)
}
