package showpad

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/oauth2"
)

const (
	// tokenLife is how long an access token lives when its answer does not say.
	// Source: developer portal, Authentication.
	tokenLife = time.Hour
	// tokenTimeout bounds one attempt at the token endpoint. It is not cut short by the
	// caller: an answer that nobody reads may hold the only valid refresh token.
	tokenTimeout = 30 * time.Second
	// renewPause is how long a failed early renewal is left alone while the token still works.
	renewPause = time.Minute
	// tokenRetries is how often a request to the token endpoint is repeated.
	tokenRetries = 4
)

// StaticToken is a personal API token: nothing can renew it, so a 401 is final.
func StaticToken(token Secret) oauth2.TokenSource {
	return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token.Reveal()})
}

// OAuth is what the token endpoint needs to know.
type OAuth struct {
	TokenURL     string // see [TokenURL]
	AuthURL      string // see [AuthorizeURL]; for [NewAuthorization] alone
	ClientID     string
	ClientSecret Secret            // sent in the form; "" for a public client. Source: developer portal, Authentication
	Transport    http.RoundTripper // nil: a transport of [NewTransport]
	Store        TokenStore        // nil: tokens are kept in memory only
	Log          zerolog.Logger
	Observe      func(Call) // each attempt; nil: nobody
}

// TokenSource gives access tokens, renews them after three quarters of their life,
// and keeps a rotated refresh token before it uses the access token that came with
// it. It may be used by many goroutines and, through its store, by several
// processes: one renews, the others wait.
type TokenSource struct {
	conf     oauth2.Config
	http     *http.Client
	store    TokenStore
	seed     Secret // refresh token that a person set; "": none
	user     string // of the password grant; "": no such grant
	password Secret
	log      zerolog.Logger
	observe  func(Call)

	turn chan struct{} // holds a value while somebody renews

	mu      sync.Mutex
	cur     SavedToken
	refused string      // access token that the service answered 401 to
	unsaved *SavedToken // renewed, but not kept yet
	dead    error       // final: no more attempts
	retryAt time.Time   // of an early renewal that failed
}

// Refresh is a source that lives on a refresh token: seed, or a successor of it
// that the store has. An empty seed relies on the store alone.
func Refresh(cfg OAuth, seed Secret) (*TokenSource, error) {
	s, err := newTokenSource(cfg)
	if err != nil {
		return nil, err
	}
	s.seed = seed
	return s, nil
}

// PasswordGrant is a source that signs in with a user name and password, and then
// lives on refresh tokens. The first refusal of the password is final: ten of them
// lock the account. Source: help center, user accounts.
func PasswordGrant(cfg OAuth, user string, password Secret) (*TokenSource, error) {
	s, err := newTokenSource(cfg)
	if err != nil {
		return nil, err
	}
	if user == "" || password == "" {
		return nil, fmt.Errorf("%w: a user name and a password belong together (set SHOWPAD_USERNAME and SHOWPAD_PASSWORD)", ErrNotSignedIn)
	}
	s.user, s.password = user, password
	return s, nil
}

func newTokenSource(cfg OAuth) (*TokenSource, error) {
	if err := CheckURL(cfg.TokenURL); err != nil {
		return nil, fmt.Errorf("token URL: %w", err)
	}
	if cfg.ClientID == "" {
		return nil, fmt.Errorf("%w: the OAuth client is not named (set SHOWPAD_CLIENT_ID, and SHOWPAD_CLIENT_SECRET where it has one)", ErrNotSignedIn)
	}
	s := &TokenSource{
		conf: oauth2.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret.Reveal(),
			// One style, not a probe: a probe would spend a refresh token twice.
			Endpoint: oauth2.Endpoint{TokenURL: cfg.TokenURL, AuthStyle: oauth2.AuthStyleInParams},
		},
		store: cfg.Store, log: cfg.Log, observe: cfg.Observe, turn: make(chan struct{}, 1),
	}
	if s.store == nil {
		s.store = new(memoryStore)
	}
	base := cfg.Transport
	if base == nil {
		t, err := NewTransport(TransportConfig{})
		if err != nil {
			return nil, err
		}
		base = t
	}
	s.http = &http.Client{Transport: base, CheckRedirect: noRedirect}
	return s, nil
}

// Token is TokenContext for callers without a context, as oauth2 has them.
func (s *TokenSource) Token() (*oauth2.Token, error) { return s.TokenContext(context.Background()) }

// TokenContext gives a token that works as far as is known. ctx ends waits, not an
// exchange under way. An error that wraps [ErrNotSignedIn] is final.
func (s *TokenSource) TokenContext(ctx context.Context) (*oauth2.Token, error) {
	if t := s.ready(); t != nil {
		return t, nil
	}
	select {
	case s.turn <- struct{}{}:
	default:
		if t := s.current(); t != nil { // an early renewal is nothing to wait for
			return t, nil
		}
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ended(ctx)
		}
	}
	defer func() { <-s.turn }()
	if t := s.ready(); t != nil { // somebody else was faster
		return t, nil
	}
	s.mu.Lock()
	dead := s.dead
	s.mu.Unlock()
	var err error
	if dead == nil {
		err = s.renew(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case dead != nil:
		err = dead
	case errors.Is(err, ErrNotSignedIn):
		s.dead = err
	case err != nil:
		s.retryAt = now().Add(renewPause)
	}
	if err == nil || s.usable() && s.unsaved == nil {
		return s.cur.token(), nil
	}
	return nil, err
}

// Invalidate says that the service answered 401 to this access token: the next
// call of TokenContext renews it, if it is still the current one.
func (s *TokenSource) Invalidate(access string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if access != "" {
		s.refused = access
	}
}

// ready is the current token when nothing is to be done about it.
func (s *TokenSource) ready() *oauth2.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.usable() || s.unsaved != nil {
		return nil
	}
	if s.cur.young(now()) || now().Before(s.retryAt) {
		return s.cur.token()
	}
	return nil
}

// current is the current token while it works, young or not.
func (s *TokenSource) current() *oauth2.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.usable() || s.unsaved != nil {
		return nil
	}
	return s.cur.token()
}

// usable reports whether the current token is neither expired nor refused; s.mu is held.
func (s *TokenSource) usable() bool {
	return s.cur.valid(now()) && s.cur.Access.Reveal() != s.refused
}

// renew makes a token current: one that another process has kept meanwhile, or a
// new one, which is kept first.
func (s *TokenSource) renew(ctx context.Context) error {
	var next SavedToken
	err := s.store.Update(ctx, func(saved SavedToken) (SavedToken, error) {
		s.mu.Lock()
		unsaved, refused := s.unsaved, s.refused
		s.mu.Unlock()
		if s.user != "" && saved.User != s.user {
			saved = SavedToken{} // somebody else's
		}
		switch {
		case unsaved != nil: // its ancestor is spent: it must not get lost
			next = *unsaved
			return next, nil
		case s.knows(saved) && saved.young(now()) && saved.Access.Reveal() != refused:
			next = saved
			return next, nil
		}
		fresh, err := s.exchange(ctx, saved)
		if err != nil {
			return saved, err
		}
		s.mu.Lock()
		s.unsaved = &fresh
		s.mu.Unlock()
		next = fresh
		return next, nil
	})
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.unsaved != nil {
			return fmt.Errorf("the renewed token could not be kept, and is not used before it is: %w", err)
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cur, s.unsaved, s.retryAt = next, nil, time.Time{}
	return nil
}

// knows reports whether the seed is no news to what was kept: there is none, or it
// was spent on the way to saved.
func (s *TokenSource) knows(saved SavedToken) bool {
	return s.seed == "" || saved.Refresh == s.seed || saved.descendsFrom(s.seed)
}

// exchange gets a new token: from the seed while that is news, from what was kept,
// or with the password.
func (s *TokenSource) exchange(ctx context.Context, saved SavedToken) (SavedToken, error) {
	var last error
	if !s.knows(saved) {
		t, err := s.refresh(ctx, SavedToken{}, s.seed)
		if err == nil || !errors.Is(err, ErrNotSignedIn) {
			return t, err
		}
		last = err
	}
	if saved.Refresh != "" {
		t, err := s.refresh(ctx, saved, saved.Refresh)
		if err == nil {
			if last != nil { // the seed was no good; do not try it again
				t.Ancestors = t.descend(s.seed)
			}
			return t, nil
		}
		if !errors.Is(err, ErrNotSignedIn) {
			return t, err
		}
		if last == nil {
			last = err
		}
	}
	if s.user != "" {
		t, err := s.grant(ctx, "password", func(ctx context.Context) (*oauth2.Token, error) {
			return s.conf.PasswordCredentialsToken(ctx, s.user, s.password.Reveal())
		})
		if err != nil {
			return SavedToken{}, err
		}
		return keep(t, SavedToken{User: s.user}), nil
	}
	if last == nil {
		last = noRefreshToken(saved)
	}
	return SavedToken{}, last
}

func (s *TokenSource) refresh(ctx context.Context, from SavedToken, used Secret) (SavedToken, error) {
	t, err := s.grant(ctx, "refresh_token", func(ctx context.Context) (*oauth2.Token, error) {
		return s.conf.TokenSource(ctx, &oauth2.Token{RefreshToken: used.Reveal()}).Token()
	}, used.Reveal())
	if err != nil {
		return SavedToken{}, err
	}
	from.Ancestors = from.descend(used)
	return keep(t, from), nil
}

// keep fills in what the endpoint gave. What it does not repeat stays as it was.
func keep(t *oauth2.Token, into SavedToken) SavedToken {
	at := now()
	if into.Refresh.Reveal() != t.RefreshToken {
		into.RefreshExpiry = time.Time{}
	}
	into.Access, into.Refresh = Secret(t.AccessToken), Secret(t.RefreshToken)
	into.Obtained, into.Expiry = at, t.Expiry.Round(0).UTC()
	if t.Expiry.IsZero() {
		into.Expiry = at.Add(tokenLife)
	}
	if scope, ok := t.Extra("scope").(string); ok && scope != "" {
		into.Scope = clean(scope)
	}
	for _, name := range []string{"refresh_expires_in", "refresh_token_expires_in"} { // no one documents either
		if n, ok := t.Extra(name).(float64); ok && n > 0 && n < 1e9 {
			into.RefreshExpiry = at.Add(time.Duration(n) * time.Second)
		}
	}
	return into
}

func (t SavedToken) token() *oauth2.Token {
	return &oauth2.Token{AccessToken: t.Access.Reveal(), TokenType: "Bearer", Expiry: t.Expiry}
}

// now is the wall clock: the monotonic one stands still while a machine sleeps, and
// tokens expire meanwhile.
func now() time.Time { return time.Now().Round(0).UTC() }
