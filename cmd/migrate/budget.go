package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/ledger"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// budgetFlag is a --budget.
type budgetFlag struct {
	ledger.Limit
	bare bool // a number alone is one for a day
}

// Set takes requests and the time that they are for.
func (f *budgetFlag) Set(text string) (err error) {
	if f.bare && !strings.Contains(text, "/") {
		if text == "0" { // no limit
			f.Limit = ledger.Limit{}
			return nil
		}
		text += "/24h"
	}
	f.Limit, err = ledger.ParseLimit(text)
	return err
}

// Type is shown in the help.
func (*budgetFlag) Type() string { return "requests/time" }

// reserveFlag is a --reserve.
type reserveFlag struct{ ledger.Reserve }

// Set takes a number or a share.
func (f *reserveFlag) Set(text string) (err error) {
	f.Reserve, err = ledger.ParseReserve(text)
	return err
}

// Type is shown in the help.
func (*reserveFlag) Type() string { return "number|share%" }

func (f *serviceFlags) addBudget(fs *pflag.FlagSet) {
	fs.Var(&f.budget, "budget", "API requests to make at most in any such time, by all commands of this credential on this machine: 5000/24h, 200/h (default: what the service tells, if anything)")
}

// credentialName tells credentials apart; it holds secrets, and is only ever hashed.
func (a *app) credentialName() string {
	s, c := a.service, a.credential()
	switch c {
	case showpad.CredentialToken:
		return "token\x00" + s.Token.Reveal()
	case showpad.CredentialPassword:
		return "password\x00" + s.ClientID + "\x00" + s.Username
	case "":
		return ""
	}
	return "client\x00" + s.ClientID
}

// ledger begins to count the requests to a target. Sandbox is the folder of the one
// that is used, "" for none: it has a budget only when one is asked for, and keeps it
// itself. Without a budget nothing that goes wrong with counting is an error, and the
// ledger may be nil.
func (a *app) ledger(ctx context.Context, t target, f serviceFlags, sandbox string) (*ledger.Ledger, error) {
	cfg := ledger.Config{Limit: f.budget.Limit, Reserve: f.reserve.Reserve, Log: a.log, Tell: func(line string) { say(a.err, "%s", view.Clean(line)) }}
	if sandbox != "" {
		if cfg.Limit.N == 0 {
			return nil, nil
		}
		return ledger.Open(ctx, sandbox, "requests.json", cfg)
	}
	name, err := t.noteName()
	dir := ""
	if err == nil {
		dir, err = a.ownFolder(ledger.Folder)
	}
	var l *ledger.Ledger
	if err == nil {
		if a.credential() == "" {
			return nil, nil // nothing will be sent
		}
		l, err = ledger.Open(ctx, dir, ledger.Name(name, a.credentialName()), cfg)
	}
	switch {
	case err == nil:
		return l, nil
	case cfg.Limit.N > 0:
		return nil, fmt.Errorf("--budget: %w", err)
	}
	a.log.Info().Err(err).Msg("requests are not counted")
	return nil, nil
}

// gateConfig is the gate of a command, whose requests l counts; nil: nobody does.
func (f *serviceFlags) gateConfig(l *ledger.Ledger) showpad.GateConfig {
	cfg := showpad.GateConfig{InFlight: f.requests, Rate: f.rate.perSecond}
	if l != nil {
		cfg.Budget = l
	}
	return cfg
}

// allowance is what l leaves a run; nil without a ledger.
func allowance(l *ledger.Ledger) pipeline.Allowance {
	if l == nil {
		return nil
	}
	return l
}

// openBudget begins to count the requests of a session.
func (s *session) openBudget(ctx context.Context, f serviceFlags) (err error) {
	sandbox := ""
	if f.sandbox {
		sandbox = filepath.Dir(s.places.state)
	}
	s.ledger, err = s.app.ledger(ctx, s.target, f, sandbox)
	if s.ledger != nil {
		s.closers = append(s.closers, s.ledger.Close)
	}
	return err
}

// counters takes in what the service says of its own count of requests, once that is
// known to move with ours; nil without a ledger.
func counters(l *ledger.Ledger) func(showpad.Counters) {
	if l == nil {
		return nil
	}
	return func(c showpad.Counters) {
		if c.Moves || l.Moves() {
			l.Heard(c.Limit, c.Remaining, c.Window)
		}
	}
}

// tellBudget says in one line what may be spent, if that is limited.
func (s *session) tellBudget() {
	if s.ledger == nil {
		return
	}
	if line := budgetLine(s.ledger.Standing()); line != "" {
		say(s.app.err, "%s", line)
	}
}

// budgetLine says what may be spent; "" when nothing is limited.
func budgetLine(s ledger.Standing) string {
	if !s.Limited {
		return ""
	}
	text := fmt.Sprintf("budget: %s of %s left in %s", view.Count(s.There), view.Plural(s.Limit, "request is", "requests are"), ledger.Span(s.Window))
	if s.Service {
		text = fmt.Sprintf("the service counts requests: %s of %s left in %s", view.Count(s.There), view.Plural(s.Limit, "is", "are"), ledger.Span(s.Window))
	}
	if s.Reserve > 0 {
		text += fmt.Sprintf("; %s left to others (--reserve)", view.Plural(s.Reserve, "is", "are"))
	}
	if s.Left == 0 && !s.Opens.IsZero() {
		text += fmt.Sprintf("; %s free again from %s", view.Plural(s.Free, "is", "are"), at(minute(s.Opens)))
	}
	return text
}

// at is a moment for people: with its day and zone.
func at(t time.Time) string { return t.Local().Format("Mon 2 Jan 15:04 MST") }

// minute is the first whole minute at or after t: a time from which on something is free
// must not be told too early.
func minute(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) }

// clock is a moment for people who look at it now: the time of day, and the day too
// where it is another one than today.
func clock(now, t time.Time) string {
	if now, t := now.Local(), t.Local(); now.YearDay() == t.YearDay() && now.Year() == t.Year() {
		return t.Format(time.TimeOnly)
	}
	return at(t)
}
