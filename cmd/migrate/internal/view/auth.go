package view

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Auth is what a tenant is signed in to with.
type Auth struct {
	Version    int    `json:"version"` // 1
	Type       string `json:"type"`    // auth-status, auth-login
	Tenant     string `json:"tenant"`
	SignedIn   bool   `json:"signedIn"`
	User       string `json:"user,omitempty"` // "" when the service does not tell
	Credential string `json:"credential"`     // the name of it, never its value; "" is none
	// Unused are credentials that are set too, and come after it.
	Unused []string `json:"unused,omitempty"`
	File   string   `json:"tokenFile,omitempty"` // where tokens of it are kept; "": nowhere

	AccessEnds  time.Time `json:"accessEnds,omitzero"`  // zero: not known
	RefreshEnds time.Time `json:"refreshEnds,omitzero"` // zero: there is no refresh token, or nobody knows
	// RefreshTold says that the service told that end; else it is the usual one.
	RefreshTold bool     `json:"refreshEndTold"`
	Renewable   bool     `json:"renewable"`
	Scopes      []string `json:"scopes,omitempty"`  // nil: not told
	Missing     []string `json:"missing,omitempty"` // scopes that some commands need
	Error       string   `json:"error,omitempty"`
}

// JSON writes it as one document.
func (s Auth) JSON(w io.Writer) error {
	s.Version = 1
	return WriteJSON(w, s)
}

// Text writes it for people.
func (s Auth) Text(w io.Writer) error {
	out := &printer{w: w}
	row := func(name, text string) { out.line("%-15s %s", name, Clean(text)) }
	row("tenant", s.Tenant)
	switch {
	case s.Credential == "":
		row("signed in with", "nothing")
		return out.err
	case !s.SignedIn && s.File != "" && s.AccessEnds.IsZero():
		row("signed in with", s.Credential+": there is none yet")
		return out.err
	case !s.SignedIn:
		row("signed in with", s.Credential+", which is refused")
	default:
		row("signed in with", s.Credential)
		row("as", either(s.User == "", "not told: that takes the scope read_user_management", s.User))
	}
	if len(s.Unused) > 0 {
		row("set, not used", strings.Join(s.Unused, ", "))
	}
	if s.File != "" {
		row("kept in", s.File)
	}
	switch {
	case !s.AccessEnds.IsZero():
		row("access token", "ends at "+local(s.AccessEnds)+either(s.Renewable, ", and is renewed before", ", and cannot be renewed"))
	case s.File == "":
		row("token", "its end is not told: the Admin App shows it (Settings, API Tokens)")
	}
	if s.Renewable && !s.RefreshEnds.IsZero() {
		row("refresh token", fmt.Sprintf("ends at %s if nothing uses it%s", local(s.RefreshEnds), either(s.RefreshTold, "", ", unless the OAuth client says otherwise")))
	}
	if s.Scopes != nil {
		row("scopes", strings.Join(s.Scopes, ", "))
	}
	if len(s.Missing) > 0 {
		row("not among them", strings.Join(s.Missing, ", "))
	}
	return out.err
}

// local is a moment in the reader's time zone.
func local(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }
