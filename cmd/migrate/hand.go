package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// newResource is the command of a kind of thing at the service that people work on
// by hand; its verbs are commands made by [app.verb].
func newResource(name, short, long string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: name, Short: short, Long: long, Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var names []string
			for _, v := range verbs {
				names = append(names, cmd.CommandPath()+" "+v.Name())
			}
			return usagef("name what to do: %s", strings.Join(names, ", "))
		},
	}
	cmd.Example = verbs[0].Example
	cmd.AddCommand(verbs...)
	return cmd
}

// verb is a command by hand: it signs in, does one thing and shows documents.
type verb struct {
	use, short, long, example string

	args     cobra.PositionalArgs // nil: none
	flags    func(*pflag.FlagSet) // of its own; nil: none
	complete func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

	writes  bool     // --read-only refuses it
	creates string   // it makes something: the command that shows whether it was made
	lists   bool     // it has --limit and --all
	removes bool     // it has --yes and asks
	columns []string // of its tables and CSV; nil: it shows no documents
	// check looks at flags and arguments before anything is sent; nil: nothing to check.
	check func(a *app, args []string) error
	do    func(ctx context.Context, h *hand, args []string) (int, error)
}

// hand is a verb at work, signed in.
type hand struct {
	*showpad.Client
	app    *app
	target target

	format  string
	sep     rune
	columns []string
	chosen  bool // columns were asked for
	limit   int  // rows to list; 0 is all
	yes     bool // do not ask

	known *divisionNames                              // once they were read
	cells map[string]func(doc json.RawMessage) string // of columns that are no members as they are
}

// verb makes the command of v.
func (a *app) verb(v verb) *cobra.Command {
	var (
		service  serviceFlags
		h        = &hand{app: a, cells: map[string]func(json.RawMessage) string{}}
		all      bool
		readOnly bool
		columns  string
	)
	cmd := &cobra.Command{Use: v.use, Short: v.short, Long: v.long, Example: v.example, Args: argsOf(cobra.NoArgs), ValidArgsFunction: v.complete}
	if v.args != nil {
		cmd.Args = argsOf(v.args)
	}
	if v.complete == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	fs := cmd.Flags()
	service.addLive(fs)
	fs.BoolVar(&readOnly, "read-only", false, "refuse every write")
	var sep *separator
	if v.columns != nil {
		fs.StringVar(&h.format, "format", "table", "table, json (as the API has it) or csv")
		must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"table", "json", "csv"}, cobra.ShellCompDirectiveNoFileComp)))
		fs.StringVar(&columns, "columns", "", "members to show in tables and CSV, such as id,name,division.id (default: "+strings.Join(v.columns, ",")+")")
		sep = addSeparator(fs)
	}
	if v.lists {
		fs.IntVar(&h.limit, "limit", 100, "list the first N only; 0 is all")
		fs.BoolVar(&all, "all", false, "list all")
	}
	if v.removes {
		fs.BoolVar(&h.yes, "yes", false, "do not ask; needed without a terminal")
	}
	if v.flags != nil {
		v.flags(fs)
	}
	cmd.RunE = a.action(settingsHere, func(ctx context.Context, args []string) (code int, err error) {
		if v.columns != nil {
			if err := h.settle(v.columns, columns, *sep); err != nil {
				return 0, err
			}
		}
		if all {
			h.limit = 0
		}
		if err := checkNumbers(number{"retries", int64(service.retries), 0}, number{"limit", int64(h.limit), 0}); err != nil {
			return 0, err
		}
		if v.writes && readOnly {
			return 0, a.refusedWrite()
		}
		if v.check != nil {
			if err := v.check(a, args); err != nil {
				return 0, err
			}
		}
		if v.removes && !h.yes && !a.ask {
			return 0, usagef("nobody is there to confirm it: add --yes")
		}
		conn, t, err := a.signIn(ctx, service)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, conn.close()) }()
		h.Client, h.target = conn.client, t
		code, err = v.do(ctx, h, args)
		if showpad.IsWrongRequest(err) {
			err = usagef("%v", err)
		}
		if v.creates != "" && errors.Is(err, showpad.ErrUnknownOutcome) {
			err = fmt.Errorf("%w (look with %s before you repeat it)", err, v.creates)
			if ctx.Err() != nil { // the end of the program has words of its own
				say(a.err, "%s", view.Clean(a.redact.Text(err.Error())))
			}
		}
		return code, err
	})
	return cmd
}

// settle finds the format and the columns.
func (h *hand) settle(standard []string, columns string, sep separator) error {
	a := h.app
	if h.format == "text" {
		h.format = "table" // what other commands call it, in a setting for all of them
	}
	switch {
	case !slices.Contains([]string{"table", "json", "csv"}, h.format):
		return usagef("--format %q: use table, json or csv", h.format)
	case a.json && a.flags.Changed("format") && h.format != "json":
		return usagef("--json and --format %s contradict each other", h.format)
	case a.json:
		h.format = "json"
	case h.format == "json":
		a.json = true // errors too
	}
	h.sep, h.columns = rune(sep), standard
	if columns == "" {
		return nil
	}
	h.columns, h.chosen = nil, true
	for name := range strings.SplitSeq(columns, ",") {
		if name = strings.TrimSpace(name); name == "" {
			return usagef("--columns %q: an empty name", columns)
		}
		h.columns = append(h.columns, name)
	}
	return nil
}

// refusedWrite is what --read-only answers.
func (a *app) refusedWrite() error {
	return usagef("--read-only refuses every write (%s): take the setting away", a.origins["read-only"])
}

// signIn signs in without a manifest, and says where in the first line on stderr. The
// caller closes the connection.
func (a *app) signIn(ctx context.Context, f serviceFlags) (*connection, target, error) {
	t, err := a.liveTarget(f)
	if err != nil {
		return nil, t, err
	}
	l, err := a.ledger(ctx, t, f, "")
	if err != nil {
		return nil, t, err
	}
	f.counters = counters(l)
	gate := showpad.NewPacedGate(f.gateConfig(l))
	gate.OnClose = func(until time.Time, why string) {
		say(a.err, "the service asks to wait until %s (%s)", clock(time.Now(), until), view.Clean(why))
	}
	conn, err := a.connect(ctx, t, f, gate, nil, nil)
	if l != nil {
		if err != nil {
			return nil, t, errors.Join(err, l.Close())
		}
		drop := conn.close
		conn.close = func() error { return errors.Join(drop(), l.Close()) }
	}
	return conn, t, err
}

// liveTarget is the service that a command without a manifest talks to.
func (a *app) liveTarget(f serviceFlags) (target, error) {
	if f.subdomain == "" && a.service.Subdomain == "" && a.service.APIURL == "" && a.service.V3URL == "" {
		return target{}, usagef("which tenant? Set SHOWPAD_SUBDOMAIN or give --subdomain: acme for acme.showpad.com")
	}
	return a.findTarget(f, &manifest.Manifest{})
}

// pathPart escapes an id for a path.
func pathPart(id string) string { return url.PathEscape(id) }

// people reports whether documents are shown as tables or CSV, where names are worth
// a request.
func (h *hand) people() bool { return h.format != "json" }

// documents begins to show documents.
func (h *hand) documents() (*view.Documents, error) {
	columns := make([]view.Column, len(h.columns))
	for i, name := range h.columns {
		columns[i] = view.Column{Name: name, Cell: h.cells[name]}
	}
	return view.NewDocuments(h.app.out, h.format, h.sep, columns)
}

// list shows a list of v4; one and many are what its rows are called.
func (h *hand) list(ctx context.Context, l showpad.Listing, one, many string) error {
	return h.showAll(one, many, func(counted func(int)) iter.Seq2[json.RawMessage, error] {
		l.Max, l.Counted = h.limit, counted
		return h.List(ctx, l)
	})
}

// showAll shows documents as they come, and says so when there are more. They tell
// counted how many there are in all.
func (h *hand) showAll(one, many string, documents func(counted func(int)) iter.Seq2[json.RawMessage, error]) error {
	out, err := h.documents()
	if err != nil {
		return err
	}
	total := -1
	for doc, err := range documents(func(n int) { total = n }) {
		if err != nil {
			return errors.Join(err, out.Break())
		}
		if err := out.Add(doc); err != nil {
			return err
		}
	}
	if total < out.Shown() {
		total = out.Shown()
	}
	if total > out.Shown() && h.limit > 0 {
		say(h.app.err, "%s of %s; --all lists all", view.Count(out.Shown()), view.Plural(total, one, many))
	}
	return out.End(total)
}

// show shows one document.
func (h *hand) show(doc json.RawMessage) error {
	out, err := h.documents()
	if err != nil {
		return err
	}
	out.Only = h.chosen
	return out.One(doc)
}

// sure asks before something is removed for good, unless --yes says so.
func (h *hand) sure(ctx context.Context, what string) error {
	if h.yes {
		return nil
	}
	return h.app.askYes(ctx, what)
}

// removed tells that something is gone.
func (h *hand) removed(what, id string) error { return h.told("deleted", what, id) }

// told tells what was done to something.
func (h *hand) told(done, what, id string) error {
	if h.app.json {
		return view.WriteJSON(h.app.out, struct {
			Version int    `json:"version"`
			Type    string `json:"type"`
			ID      string `json:"id"`
		}{1, done, id})
	}
	say(h.app.out, "%s %s %s", what, view.Clean(id), done)
	return nil
}

// each carries out f for several ids: what fails is told and the next one tried,
// unless going on is pointless. The code is 3 when some failed.
func (h *hand) each(ctx context.Context, ids []string, f func(id string) error) (int, error) {
	if len(ids) == 1 {
		return exitOK, f(ids[0])
	}
	code := exitOK
	for _, id := range ids {
		err := f(id)
		switch {
		case err == nil:
		case ctx.Err() != nil, errors.Is(err, errDeclined), codeOf(err) == exitNotSignedIn, errors.Is(err, showpad.ErrUnknownOutcome):
			return code, err
		default:
			code = exitSome
			say(h.app.err, "error: %s: %s", view.Clean(id), view.Clean(h.app.redact.Text(err.Error())))
		}
	}
	return code, nil
}
