package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/config"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/login"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

func newAuth(a *app) *cobra.Command {
	return newResource("auth", "Sign in with a browser, show who is signed in, sign out",
		`Auth is about who commands are at the service. The first of these that is given
wins: SHOWPAD_TOKEN; SHOWPAD_USERNAME with SHOWPAD_PASSWORD; SHOWPAD_REFRESH_TOKEN;
the sign-in that auth login keeps. All but the first belong to an OAuth client:
SHOWPAD_CLIENT_ID, and SHOWPAD_CLIENT_SECRET where it has a secret.`,
		newAuthStatus(a), newAuthLogin(a), newAuthLogout(a))
}

// loginFlags are how a person signs in.
type loginFlags struct {
	port        int
	redirectURL string
	noBrowser   bool
	noPKCE      bool
	timeout     time.Duration
}

func (f *loginFlags) add(fs *pflag.FlagSet) {
	fs.IntVar(&f.port, "port", 0, "port of this machine that the browser comes back to, as in http://127.0.0.1:PORT/callback; 0 takes a free one")
	fs.StringVar(&f.redirectURL, "redirect-url", "", "the whole redirect URL, as it is registered with the OAuth client: http to this machine")
	fs.BoolVar(&f.noBrowser, "no-browser", false, "open no browser: print the address on stdout")
	fs.BoolVar(&f.noPKCE, "no-pkce", false, "leave out the proof of PKCE, for a server that answers it with an error page")
	fs.DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long to wait for the browser")
}

func newAuthLogin(a *app) *cobra.Command {
	var service serviceFlags
	var f loginFlags
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in with a browser",
		Long: `Login sends you to Showpad in your browser and keeps what comes of it, in a file
that only you can read: from then on SHOWPAD_CLIENT_ID and SHOWPAD_CLIENT_SECRET are
all that commands need. An administrator makes the OAuth client (Settings, Manage
OAuth Clients) with this redirect URL: http://127.0.0.1:8765/callback for --port 8765,
say. Without the scope refresh_token a sign-in ends after an hour.

The browser must run on this machine: elsewhere, forward the port
(ssh -L 8765:127.0.0.1:8765) and take --no-browser.`,
		Example:           "  migrate auth login --port 8765",
		Args:              argsOf(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	service.addLive(cmd.Flags())
	f.add(cmd.Flags())
	cmd.RunE = a.action(settingsHere, func(ctx context.Context, _ []string) (int, error) {
		return exitOK, a.login(ctx, service, f)
	})
	return cmd
}

// login is the command; the sign-in is kept before anything else is asked.
func (a *app) login(ctx context.Context, service serviceFlags, f loginFlags) error {
	switch {
	case f.port != 0 && f.redirectURL != "":
		return usagef("--port and --redirect-url: the redirect URL has its port")
	case f.port < 0 || f.port > 65535:
		return usagef("--port %d is none", f.port)
	case f.timeout <= 0:
		return usagef("--timeout must be more than nothing")
	case a.service.ClientID == "":
		return usagef("which OAuth client? Set SHOWPAD_CLIENT_ID, and SHOWPAD_CLIENT_SECRET where it has a secret: an administrator makes one (Admin App, Settings, Manage OAuth Clients)")
	}
	t, err := a.liveTarget(service)
	if err != nil {
		return err
	}
	transport, err := showpad.NewTransport(showpad.TransportConfig{CAFile: service.caFile})
	if err != nil {
		return usagef("%v", err)
	}
	defer transport.CloseIdleConnections()
	say(a.err, "LIVE %s, signing in", view.Clean(t.name()))
	cfg, file, err := a.oauth(t, transport)
	if err != nil {
		return err
	}
	err = a.throughBrowser(ctx, cfg, f, !f.noPKCE)
	var refused *login.Refused
	if errors.As(err, &refused) && refused.Code == "invalid_request" && !f.noPKCE {
		say(a.err, "%s; once more without the proof of PKCE, which it may not know", view.Clean(refused.Error()))
		err = a.throughBrowser(ctx, cfg, f, false)
	}
	if err != nil {
		return err
	}
	doc, err := a.loggedIn(ctx, service, file)
	if err != nil {
		return fmt.Errorf("the sign-in is kept in %s, and a first request with it failed: %w", file.Path(), err)
	}
	if err := a.showAuth(doc); err != nil {
		return err
	}
	if !doc.Renewable {
		say(a.err, "warning: the service gave no refresh token, so this ends with the access token (an administrator adds the scope %s to the OAuth client; then sign in again)", showpad.ScopeRefresh)
	}
	if len(doc.Unused) > 0 {
		say(a.err, "warning: commands do not use it while %s is set", doc.Unused[0])
	}
	return nil
}

// throughBrowser is one attempt.
func (a *app) throughBrowser(ctx context.Context, cfg showpad.OAuth, f loginFlags, pkce bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, fmt.Errorf("%w: nobody came back from the browser within %s (--timeout)", showpad.ErrNotSignedIn, f.timeout))
	defer cancel()
	back, err := login.Listen(ctx, f.redirectURL, f.port)
	if err != nil {
		return usagef("%v", err)
	}
	attempt, err := showpad.NewAuthorization(cfg, back.RedirectURL(), pkce)
	if err != nil {
		return errors.Join(err, back.Close())
	}
	if err := a.invitePerson(attempt.URL(), back.RedirectURL(), f.noBrowser); err != nil {
		return errors.Join(err, back.Close())
	}
	code, err := back.Wait(ctx, attempt.State())
	if err != nil {
		return a.noComeback(err, back.RedirectURL())
	}
	_, err = attempt.Redeem(ctx, code)
	return err
}

// invitePerson shows the address, and opens it where there is a browser.
func (a *app) invitePerson(url, redirectURL string, noBrowser bool) error {
	switch {
	case a.json:
		err := view.WriteJSON(a.out, struct {
			Version     int    `json:"version"`
			Type        string `json:"type"`
			URL         string `json:"url"`
			RedirectURL string `json:"redirectUrl"`
		}{1, "auth-address", url, redirectURL})
		if err != nil {
			return err
		}
	case noBrowser:
		if _, err := fmt.Fprintln(a.out, url); err != nil {
			return err
		}
	default:
		say(a.err, "your browser opens; if it does not, open this address on this machine:\n  %s", url)
	}
	say(a.err, "the redirect URL is %s: it has to be registered with the OAuth client", redirectURL)
	if noBrowser || a.browse == nil {
		return nil
	}
	if err := a.browse(url); err != nil {
		a.log.Info().Err(err).Msg("the browser was not opened")
	}
	return nil
}

// noComeback says what a person can do about an answer without a code.
func (a *app) noComeback(err error, redirectURL string) error {
	var refused *login.Refused
	if !errors.As(err, &refused) {
		return err
	}
	hint := "does the OAuth client have this redirect URL, " + redirectURL + "?"
	if refused.Code == "access_denied" {
		hint = "whoever was asked in the browser did not agree, or may not use the API: it takes an administrator's account"
	}
	return fmt.Errorf("%w: %w (%s)", showpad.ErrNotSignedIn, err, hint)
}

// loggedIn asks who it is that signed in, with nothing but what was kept.
func (a *app) loggedIn(ctx context.Context, service serviceFlags, file *login.File) (view.Auth, error) {
	others := a.given()
	env := a.service
	s := &a.service
	s.Token, s.Username, s.RefreshToken = config.Secret{}, "", config.Secret{}
	conn, t, err := a.signIn(ctx, service)
	a.service = env
	if err != nil {
		return view.Auth{}, err
	}
	doc := view.Auth{Type: "auth-login", Tenant: t.name(), SignedIn: true, User: conn.user, Credential: string(showpad.CredentialSaved), Unused: others}
	return doc, errors.Join(conn.close(), describe(&doc, file))
}

// given are the credentials that the environment names, in their order.
func (a *app) given() (names []string) {
	s := a.service
	if s.Token.Given() {
		names = append(names, string(showpad.CredentialToken))
	}
	if s.Username != "" {
		names = append(names, string(showpad.CredentialPassword))
	}
	if s.RefreshToken.Given() {
		names = append(names, string(showpad.CredentialRefresh))
	}
	return names
}

// describe adds what is known of the tokens that are kept.
func describe(doc *view.Auth, file *login.File) error {
	saved, err := file.Load()
	if err != nil {
		return err
	}
	doc.File, doc.AccessEnds, doc.Renewable = file.Path(), saved.Expiry, saved.Refresh != ""
	if doc.Renewable {
		doc.RefreshEnds, doc.RefreshTold = saved.RefreshExpiry, !saved.RefreshExpiry.IsZero()
		if !doc.RefreshTold && !saved.Obtained.IsZero() {
			doc.RefreshEnds = saved.Obtained.Add(showpad.RefreshLife)
		}
	}
	if doc.Scopes = strings.Fields(saved.Scope); len(doc.Scopes) > 0 {
		run, _ := showpad.ScopesToRun()
		for _, scope := range slices.Concat([]string{showpad.ScopeRefresh}, showpad.ScopesToRead(), run) {
			if !slices.Contains(doc.Scopes, scope) {
				doc.Missing = append(doc.Missing, scope)
			}
		}
	}
	return nil
}

func (a *app) showAuth(doc view.Auth) error {
	if a.json {
		return doc.JSON(a.out)
	}
	return doc.Text(a.out)
}

func newAuthStatus(a *app) *cobra.Command {
	var service serviceFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who is signed in, and with what",
		Long: `Status shows which credential commands would use and where it comes from, never its
value; who that is at the service; and when it ends, as far as anybody tells. It asks
the service once. Exit code 4: nobody is signed in, or the credential is refused.`,
		Example:           "  migrate auth status",
		Args:              argsOf(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	service.addLive(cmd.Flags())
	cmd.RunE = a.action(settingsHere, func(ctx context.Context, _ []string) (int, error) {
		return a.authStatus(ctx, service)
	})
	return cmd
}

func (a *app) authStatus(ctx context.Context, service serviceFlags) (int, error) {
	t, err := a.liveTarget(service)
	if err != nil {
		return 0, err
	}
	doc := view.Auth{Type: "auth-status", Tenant: t.name(), Credential: string(a.credential())}
	for _, name := range a.given() {
		if name != doc.Credential {
			doc.Unused = append(doc.Unused, name)
		}
	}
	code := exitOK
	conn, _, err := a.signIn(ctx, service)
	switch {
	case err == nil:
		doc.SignedIn, doc.User = true, conn.user
		if err := conn.close(); err != nil {
			return 0, err
		}
	case codeOf(err) == exitNotSignedIn:
		code, doc.Error = exitNotSignedIn, view.Clean(a.redact.Text(err.Error()))
	default:
		return 0, err
	}
	if doc.Credential != "" && doc.Credential != string(showpad.CredentialToken) {
		_, file, err := a.oauth(t, http.DefaultTransport)
		if err != nil {
			return 0, err
		}
		if err := describe(&doc, file); err != nil && doc.SignedIn {
			return 0, err
		}
	}
	if doc.Error != "" && !a.json {
		say(a.err, "error: %s", doc.Error)
	}
	return code, a.showAuth(doc)
}

func newAuthLogout(a *app) *cobra.Command {
	var service serviceFlags
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Forget the sign-in of an OAuth client",
		Long: `Logout removes the tokens that were kept for the OAuth client of SHOWPAD_CLIENT_ID at
this tenant. It asks the service nothing: Showpad has no documented way to revoke a
token from here, so one that somebody copied works until it ends.`,
		Example:           "  migrate auth logout",
		Args:              argsOf(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&service.subdomain, "subdomain", "", "tenant: the first part of acme.showpad.com (default: SHOWPAD_SUBDOMAIN)")
	cmd.RunE = a.action(settingsHere, func(ctx context.Context, _ []string) (int, error) {
		return exitOK, a.logout(ctx, service)
	})
	return cmd
}

func (a *app) logout(ctx context.Context, service serviceFlags) error {
	if a.service.ClientID == "" {
		return usagef("the sign-in of which OAuth client? Set SHOWPAD_CLIENT_ID")
	}
	t, err := a.liveTarget(service)
	if err != nil {
		return err
	}
	_, file, err := a.oauth(t, http.DefaultTransport)
	if err != nil {
		return err
	}
	saved, damaged := file.Load()
	there, err := file.Remove(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return view.WriteJSON(a.out, struct {
			Version int      `json:"version"`
			Type    string   `json:"type"`
			Tenant  string   `json:"tenant"`
			Removed bool     `json:"removed"`
			File    string   `json:"tokenFile"`
			Still   []string `json:"stillSet"`
		}{1, "auth-logout", t.name(), there, file.Path(), append([]string{}, a.given()...)})
	}
	if !there {
		say(a.out, "nothing was kept for this client at %s", view.Clean(t.name()))
	} else {
		say(a.out, "signed out of %s: %s is removed", view.Clean(t.name()), file.Path())
		if damaged == nil && saved.Access != "" {
			say(a.err, "what cannot be revoked from here: a copy of the access token works until %s, one of the refresh token for about 14 days more; an administrator can end both (Admin App, Settings, Manage OAuth Clients)",
				saved.Expiry.Local().Format(time.DateTime))
		}
	}
	if still := a.given(); len(still) > 0 {
		say(a.err, "%s is still set, and is used", strings.Join(still, ", "))
	}
	return nil
}
