package main

import (
	"fmt"
	"net/http"

	"golang.org/x/oauth2"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/login"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// credential is what a command signs in with; the first that is given wins:
// SHOWPAD_TOKEN, SHOWPAD_USERNAME with its password, SHOWPAD_REFRESH_TOKEN, the
// sign-in that migrate auth login kept. All but the first need SHOWPAD_CLIENT_ID; ""
// is none.
func (a *app) credential() showpad.Credential {
	s := a.service
	switch {
	case s.Token.Given():
		return showpad.CredentialToken
	case s.ClientID == "":
		return ""
	case s.Username != "":
		return showpad.CredentialPassword
	case s.RefreshToken.Given():
		return showpad.CredentialRefresh
	}
	return showpad.CredentialSaved
}

// token gives the access tokens of the credential.
func (a *app) token(t target, base http.RoundTripper) (oauth2.TokenSource, error) {
	s, credential := a.service, a.credential()
	switch credential {
	case "":
		return nil, a.noCredential()
	case showpad.CredentialToken:
		return showpad.StaticToken(showpad.Secret(s.Token.Reveal())), nil
	}
	cfg, _, err := a.oauth(t, base)
	if err != nil {
		return nil, err
	}
	if credential == showpad.CredentialPassword {
		return showpad.PasswordGrant(cfg, s.Username, showpad.Secret(s.Password.Reveal()))
	}
	return showpad.Refresh(cfg, showpad.Secret(s.RefreshToken.Reveal()))
}

// noCredential says what is missing.
func (a *app) noCredential() error {
	if s := a.service; s.Username != "" || s.RefreshToken.Given() || s.ClientSecret.Given() {
		return fmt.Errorf("%w: set SHOWPAD_CLIENT_ID too: a password or a refresh token belongs to an OAuth client", showpad.ErrNotSignedIn)
	}
	return fmt.Errorf("%w: set SHOWPAD_TOKEN to a personal API token; or SHOWPAD_CLIENT_ID and SHOWPAD_CLIENT_SECRET, and then run migrate auth login, or set SHOWPAD_USERNAME and SHOWPAD_PASSWORD, or SHOWPAD_REFRESH_TOKEN%s", showpad.ErrNotSignedIn, a.orSandbox())
}

// orSandbox is the way without an account, of commands that have it.
func (a *app) orSandbox() string {
	if _, has := a.origins["sandbox"]; !has {
		return ""
	}
	return "; or try it with --sandbox"
}

// oauth is the OAuth client that the environment names, with the file of its tokens.
func (a *app) oauth(t target, base http.RoundTripper) (showpad.OAuth, *login.File, error) {
	dir, err := a.ownFolder(login.Folder)
	if err != nil {
		return showpad.OAuth{}, nil, err
	}
	owner := t.subdomain
	if t.host != "" {
		owner = "loopback-" + orText(t.subdomain, "local") // never the tokens of the real tenant
	}
	file, err := login.Open(dir, owner, a.service.ClientID)
	if err != nil {
		return showpad.OAuth{}, nil, usagef("%v", err)
	}
	return showpad.OAuth{
		TokenURL: showpad.TokenURL(t.v3URL), AuthURL: showpad.AuthorizeURL(t.v3URL),
		ClientID: a.service.ClientID, ClientSecret: showpad.Secret(a.service.ClientSecret.Reveal()),
		Transport: base, Store: file, Log: a.log,
	}, file, nil
}
