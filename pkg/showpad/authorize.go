package showpad

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// grantCode is the grant of a sign-in in a browser.
const grantCode = "authorization_code"

// AuthorizeURL is the page of a v3 base where people sign in.
// Source: v3 securitySchemes.
func AuthorizeURL(v3URL string) string { return strings.TrimRight(v3URL, "/") + "/oauth2/authorize" }

// Authorization is one attempt of a person to sign in with a browser: the page that
// they are sent to, and what its answer is worth.
type Authorization struct {
	source   *TokenSource
	state    string
	verifier string // of PKCE; "": without
}

// NewAuthorization begins an attempt. The redirect URL has to be one that is
// registered with the client. With pkce the code is bound to this process: a server
// that does not know that ignores it. Source: RFC 7636, 5.
func NewAuthorization(cfg OAuth, redirectURL string, pkce bool) (*Authorization, error) {
	s, err := newTokenSource(cfg)
	if err != nil {
		return nil, err
	}
	if err := CheckURL(cfg.AuthURL); err != nil {
		return nil, fmt.Errorf("authorize URL: %w", err)
	}
	s.conf.Endpoint.AuthURL, s.conf.RedirectURL = cfg.AuthURL, redirectURL
	a := &Authorization{source: s, state: secretText()}
	if pkce {
		a.verifier = secretText()
	}
	return a, nil
}

// secretText is 256 bits that nobody can guess, in characters that a URL takes.
func secretText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// State is what the answer has to repeat.
func (a *Authorization) State() Secret { return Secret(a.state) }

// URL is the page for the browser. It holds no secret that outlives the attempt.
//
// API: oauth2 authorize
func (a *Authorization) URL() string {
	var opts []oauth2.AuthCodeOption
	if a.verifier != "" {
		opts = append(opts, oauth2.S256ChallengeOption(a.verifier))
	}
	return a.source.conf.AuthCodeURL(a.state, opts...)
}

// Redeem exchanges the code that came back for tokens, and keeps them in the store
// in place of what was there. A refusal wraps [ErrNotSignedIn]. A server that
// refuses the proof of PKCE as something it does not know gets the code without it.
func (a *Authorization) Redeem(ctx context.Context, code Secret) (SavedToken, error) {
	t, err := a.exchange(ctx, code, a.verifier)
	if e, ok := errors.AsType[*Error](err); ok && a.verifier != "" && e.Status == http.StatusBadRequest && e.Code == "invalid_request" {
		t, err = a.exchange(ctx, code, "")
	}
	if err != nil {
		return SavedToken{}, err
	}
	saved := keep(t, SavedToken{})
	err = a.source.store.Update(ctx, func(SavedToken) (SavedToken, error) { return saved, nil })
	if err != nil {
		return SavedToken{}, fmt.Errorf("the tokens could not be kept: %w", err)
	}
	return saved, nil
}

func (a *Authorization) exchange(ctx context.Context, code Secret, verifier string) (*oauth2.Token, error) {
	var opts []oauth2.AuthCodeOption
	if verifier != "" {
		opts = append(opts, oauth2.VerifierOption(verifier))
	}
	return a.source.grant(ctx, grantCode, func(ctx context.Context) (*oauth2.Token, error) {
		return a.source.conf.Exchange(ctx, code.Reveal(), opts...)
	}, code.Reveal(), verifier)
}
