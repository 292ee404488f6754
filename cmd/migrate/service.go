package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/config"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// target is the service that a command talks to.
type target struct {
	mode      string // "LIVE" or "SANDBOX"
	subdomain string // "" when only a loopback address is known
	tenant    string // whom a state belongs to
	apiURL    string
	v3URL     string
	host      string // of a loopback API; "" otherwise
}

// sandboxURL is where the emulator in the process answers. Nothing listens there.
const sandboxURL = "http://127.0.0.1"

// findTarget decides whom a command talks to, before any request. A flag wins over
// the environment; the environment must not contradict the manifest, because
// what is wanted for one tenant does harm in another.
func (a *app) findTarget(f serviceFlags, m *manifest.Manifest) (target, error) {
	named := f.subdomain
	if named == "" {
		named = strings.ToLower(a.service.Subdomain)
		if wanted := strings.ToLower(m.Target.Subdomain); named != "" && wanted != "" && named != wanted && !f.sandbox {
			return target{}, usagef("the manifest is for %s and SHOWPAD_SUBDOMAIN says %s (correct one of them, or give --subdomain)", wanted, named)
		}
	}
	if named == "" {
		named = m.Target.Subdomain
	}
	t := target{mode: "LIVE", subdomain: strings.ToLower(named)}
	if f.sandbox {
		if t.subdomain == "" {
			t.subdomain = "sandbox"
		}
		t.mode, t.tenant = "SANDBOX", "sandbox:"+t.subdomain
		t.apiURL, t.v3URL = sandboxURL+"/v4", sandboxURL+"/api/v3"
		return t, nil
	}
	err := a.urls(&t)
	return t, err
}

// urls finds the two bases of the service.
func (a *app) urls(t *target) (err error) {
	t.apiURL, t.v3URL = a.service.APIURL, a.service.V3URL
	if t.apiURL == "" && t.v3URL != "" {
		return usagef("SHOWPAD_V3_URL is set and SHOWPAD_API_URL is not: set both, so that they belong together")
	}
	if t.apiURL == "" {
		if t.subdomain == "" {
			if a.orSandbox() == "" { // no manifest either
				return usagef("which tenant? Set SHOWPAD_SUBDOMAIN or --subdomain")
			}
			return usagef("which tenant? Set target.subdomain in the manifest, SHOWPAD_SUBDOMAIN or --subdomain%s", a.orSandbox())
		}
		if t.apiURL, err = showpad.APIURL(t.subdomain); err == nil {
			t.v3URL, err = showpad.V3URL(t.subdomain)
		}
		t.tenant = t.subdomain
		if err != nil {
			return usagef("%v", err)
		}
		return nil
	}
	if err := showpad.CheckURL(t.apiURL); err != nil {
		return usagef("SHOWPAD_API_URL: %v", err)
	}
	if t.v3URL == "" {
		// The token must not go to another place than the one that was named.
		base, ok := strings.CutSuffix(strings.TrimRight(t.apiURL, "/"), "/v4")
		if !ok || !config.Loopback(t.apiURL) {
			return usagef("SHOWPAD_API_URL is set and SHOWPAD_V3_URL is not: set both, so that they belong together")
		}
		t.v3URL = base + "/api/v3"
	}
	if err := showpad.CheckURL(t.v3URL); err != nil {
		return usagef("SHOWPAD_V3_URL: %v", err)
	}
	if config.Loopback(t.apiURL) != config.Loopback(t.v3URL) {
		return usagef("SHOWPAD_API_URL and SHOWPAD_V3_URL: one is on this machine and the other is not")
	}
	u, err := url.Parse(t.apiURL)
	if err != nil {
		return usagef("SHOWPAD_API_URL: not a URL")
	}
	switch {
	case config.Loopback(t.apiURL):
		// A class of its own: what such a server holds has nothing to do with the real tenant.
		t.host = u.Host
		t.tenant = "loopback:" + orText(t.subdomain, "local")
	case t.subdomain == "":
		return usagef("which tenant? Set target.subdomain in the manifest, SHOWPAD_SUBDOMAIN or --subdomain")
	default:
		t.tenant = t.subdomain
	}
	return nil
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// name is how the tenant is called in the first line.
func (t target) name() string { return orText(t.subdomain, t.host) }

// connection is a client, signed in.
type connection struct {
	client *showpad.Client
	user   string // who we are there; "" when the service does not say
	close  func() error
}

// connect signs in and says where, in the first line of the command. It is the
// first request that a command sends.
func (a *app) connect(ctx context.Context, t target, f serviceFlags, gate *showpad.Gate, observe func(showpad.Call), sandbox http.RoundTripper) (conn *connection, err error) {
	cfg := showpad.Config{
		APIURL: t.apiURL, V3URL: t.v3URL, Gate: gate, Retries: f.retries, UserAgent: "migrate/" + version(), Log: a.log, Observe: observe,
	}
	if f.retries == 0 {
		cfg.Retries = -1
	}
	c := &connection{close: func() error { return nil }}
	defer func() {
		if err != nil {
			_ = c.close()
		}
	}()
	if sandbox != nil {
		cfg.Base, cfg.Storage, cfg.Token, cfg.Credential = sandbox, sandbox, sandboxToken(), showpad.CredentialSandbox
		if c.client, err = showpad.New(cfg); err != nil {
			return nil, err
		}
		say(a.err, "SANDBOX")
		return c, nil
	}
	api, err := showpad.NewTransport(showpad.TransportConfig{CAFile: f.caFile})
	if err != nil {
		return nil, usagef("%v", err)
	}
	storage, err := showpad.NewTransport(showpad.TransportConfig{CAFile: f.caFile, HTTP1: true})
	if err != nil {
		return nil, usagef("%v", err)
	}
	c.close = func() error {
		api.CloseIdleConnections()
		storage.CloseIdleConnections()
		return nil
	}
	cfg.Base, cfg.Storage, cfg.Counters = api, storage, f.counters
	cfg.Observe = a.tellNoAnswer(ctx, t, f.retries > 0, observe)
	cfg.Credential = a.credential()
	if cfg.Token, err = a.token(t, api); err != nil {
		return nil, err
	}
	if c.client, err = showpad.New(cfg); err != nil {
		return nil, usagef("%v", err)
	}
	me, err := c.client.Me(ctx)
	var refused *showpad.Error
	switch {
	case err == nil:
		c.user = me.Email
	case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
		a.log.Warn().Msg("who is signed in is not known: " + refused.Error())
	case errors.Is(err, showpad.ErrNotSignedIn):
		return nil, fmt.Errorf("%s: %w", t.name(), err)
	case errors.Is(err, showpad.ErrBudget), errors.Is(err, showpad.ErrPaused): // nothing is wrong with the connection
		return nil, fmt.Errorf("sign in at %s: %w", t.name(), err)
	case ctx.Err() == nil && (refused == nil || refused.Status == 0):
		return nil, fmt.Errorf("sign in at %s: %w (no connection: is the network up, and the name of the tenant right? HTTPS_PROXY names a proxy, --ca-file its certificate)", t.name(), err)
	default:
		return nil, fmt.Errorf("sign in at %s: %w", t.name(), err)
	}
	line := "LIVE " + t.name()
	if c.user != "" {
		line += " as " + c.user
	}
	if t.host != "" && t.subdomain != "" {
		line += " (" + t.host + ")"
	}
	say(a.err, "%s", view.Clean(line))
	return c, nil
}

// tellNoAnswer passes calls on to next, which may be nil, and tells of the first
// one without an answer when it is the very first: signing in comes before
// anything else is shown, and trying again takes a while.
func (a *app) tellNoAnswer(ctx context.Context, t target, again bool, next func(showpad.Call)) func(showpad.Call) {
	var once sync.Once
	return func(c showpad.Call) {
		if next != nil {
			next(c)
		}
		once.Do(func() {
			if again && c.Status == 0 && c.Err != nil && ctx.Err() == nil {
				say(a.err, "no answer from %s yet, trying again: %s", view.Clean(t.name()), view.Clean(a.redact.Text(c.Err.Error())))
			}
		})
	}
}
