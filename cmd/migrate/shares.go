package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/report"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

var shareColumns = []string{"id", "title", "expiresAt", "anonymousUrl", "untrackedUrl", "dynamicUrl"}

func newShares(a *app) *cobra.Command {
	return newResource("shares", "Make share links, and show those of a manifest",
		"Shares makes links by hand, and shows what a manifest's state knows of its own. The API\ncan only make a share: it lists, changes and removes none, and shows the links once.\n"+
			"Links of a manifest are made by migrate run; see docs/shares.md.",
		newShareCreate(a), newShareList(a), newShareLinks(a))
}

// shareFlags are what a share by hand is made of.
type shareFlags struct {
	title, expires, theme, origin string
	assets                        []string
	noDownload                    bool
}

func newShareCreate(a *app) *cobra.Command {
	var f shareFlags
	return a.verb(verb{
		use: "create", short: "Make a share", writes: true, creates: "Showpad's Shares tab", columns: shareColumns,
		example: "  migrate shares create --title \"Q3 material\" --asset 0a1b2c3d4e5f60718293a4b5c6d7e8f9 --expires 2027-12-31T23:00:00Z",
		long: "Create makes a share of assets and shows its links, which the service shows this once\nonly. It cannot be changed or taken back. Assets are named by their ids, with #3 behind one\n" +
			"that opens with page 3.",
		flags: func(fs *pflag.FlagSet) {
			fs.StringVar(&f.title, "title", "", "title, seen by whoever gets the link; at most 200 characters")
			fs.StringArrayVar(&f.assets, "asset", nil, "id of an asset, as ID or ID#PAGE (repeatable, at most 300)")
			fs.StringVar(&f.expires, "expires", "", "when the link ends, such as 2027-12-31T23:00:00Z (default: never)")
			fs.BoolVar(&f.noDownload, "no-download", false, "the files may not be downloaded")
			fs.StringVar(&f.theme, "theme", "", "theme, by title or id (default: the Global Theme)")
			fs.StringVar(&f.origin, "origin", manifest.ShareOrigin, "program that the share names as its maker; at most 20 characters")
		},
		check: func(*app, []string) error { _, err := f.body(time.Now()); return err },
		do: func(ctx context.Context, h *hand, _ []string) (int, error) {
			body, err := f.body(time.Now())
			if err != nil {
				return 0, err
			}
			if f.theme != "" {
				id, err := h.themeID(ctx, f.theme)
				if err != nil {
					return 0, err
				}
				body["theme"] = showpad.Ref{ID: id}
			}
			doc, err := h.send(ctx, "/shares", body)
			if err != nil {
				return 0, err
			}
			return exitOK, h.show(doc)
		},
	})
}

// body is the request, but for the theme.
func (f *shareFlags) body(now time.Time) (map[string]any, error) {
	title, origin := strings.TrimSpace(f.title), strings.TrimSpace(f.origin)
	switch n := utf8.RuneCountInString(title); {
	case n == 0:
		return nil, usagef("a share has a title: add --title")
	case n > manifest.MaxShareTitle:
		return nil, usagef("--title has %d characters; at most %d are possible", n, manifest.MaxShareTitle)
	}
	if n := utf8.RuneCountInString(origin); n == 0 || n > manifest.MaxShareOrigin {
		return nil, usagef("--origin %q: 1 to %d characters are possible", origin, manifest.MaxShareOrigin)
	}
	if n := len(f.assets); n == 0 || n > manifest.MaxShareAssets {
		return nil, usagef("a share has 1 to %d assets, and these are %d: name them with --asset; more make several shares", manifest.MaxShareAssets, n)
	}
	assets := make([]showpad.ShareAsset, len(f.assets))
	for i, name := range f.assets {
		id, page, paged := strings.Cut(name, "#")
		assets[i].ID = id
		if n, err := strconv.Atoi(page); paged && (err != nil || n < 1) || id == "" {
			return nil, usagef("--asset %q: write the asset's id, or ID#3 for its page 3", name)
		} else if paged {
			assets[i].Page = n
		}
	}
	body := map[string]any{"title": title, "origin": origin, "assets": assets}
	if f.noDownload {
		body["isDownloadAllowed"] = false
	}
	if f.expires != "" {
		at, err := time.Parse(time.RFC3339, f.expires)
		switch {
		case err != nil:
			return nil, usagef("--expires %q: write a date with its time and zone, such as 2027-12-31T23:00:00Z", f.expires)
		case !at.After(now):
			return nil, usagef("--expires %s is over: nobody could open the link", f.expires)
		}
		body["expiresAt"] = at.UTC().Format(time.RFC3339)
	}
	return body, nil
}

func newShareList(a *app) *cobra.Command {
	var which whichState
	cmd := &cobra.Command{
		Use:   "list [MANIFEST]",
		Short: "Show the shares of a manifest, without their links",
		Long: `List shows what a state knows of its shares: key, status, id, title, expiry and
assets. It talks to no service, which lists none. Without MANIFEST it takes the only
state in this folder.`,
		Example:           "  migrate shares list manifest.yaml --sandbox",
		Args:              argsOf(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	which.add(cmd.Flags())
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		shares, err := which.shares(ctx, args, nil)
		if err != nil {
			return 0, err
		}
		if a.json {
			return exitOK, view.SharesJSON(a.out, shares)
		}
		return exitOK, view.SharesText(a.out, shares)
	})
	return cmd
}

// shares are the shares that a state knows, in order of their manifests and keys:
// those of some keys, or all with none.
func (w *whichState) shares(ctx context.Context, args, keys []string) (shares []state.Extra, err error) {
	path, err := w.find(args)
	if err != nil {
		return nil, err
	}
	r, _, err := state.OpenReader(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	all, err := state.AllExtras(ctx, r, state.Share, "")
	if err != nil || len(keys) == 0 {
		return all, err
	}
	for _, key := range keys {
		found := false
		for _, e := range all {
			if e.Key == key {
				shares, found = append(shares, e), true
			}
		}
		if !found {
			return nil, usagef("%s: the state knows no share %q; migrate shares list shows them", path, key)
		}
	}
	return shares, nil
}

func newShareLinks(a *app) *cobra.Command {
	var which whichState
	var keys, recipients []string
	var platform, out string
	var sep *separator
	cmd := &cobra.Command{
		Use:   "links [MANIFEST]",
		Short: "Show the links of a manifest's shares",
		Long: `Links writes the links of the shares that a state knows as CSV, as in shares.csv of a
run. With --recipient and --platform they are filled in on the trackable link, a row for
each recipient. Whoever has a link opens it: --out writes them to a file that only you
can read. It talks to no service. Without MANIFEST it takes the only state in this
folder.`,
		Example:           "  migrate shares links manifest.yaml --sandbox --recipient jane@example.com --platform mail",
		Args:              argsOf(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	which.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&keys, "key", nil, "those of this share only (repeatable)")
	cmd.Flags().StringArrayVar(&recipients, "recipient", nil, "who gets the trackable link, such as an e-mail address (repeatable)")
	cmd.Flags().StringVar(&platform, "platform", "", "where the trackable link is put, such as mail")
	cmd.Flags().StringVar(&out, "out", "", "file to write, which must not exist (default: stdout)")
	sep = addSeparator(cmd.Flags())
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		shares, err := which.shares(ctx, args, keys)
		if err != nil {
			return 0, err
		}
		write := func(w io.Writer) error { return writeLinks(w, rune(*sep), shares, recipients, platform, a.json) }
		if out == "" {
			return exitOK, write(a.out)
		}
		if err := exportTo(out, write); err != nil {
			return 0, err
		}
		say(a.err, "%s: %s", view.Clean(out), view.Plural(len(shares), "share", "shares"))
		return exitOK, nil
	})
	return cmd
}

// writeLinks writes a row for each share and recipient, of those that were made.
func writeLinks(w io.Writer, sep rune, shares []state.Extra, recipients []string, platform string, asJSON bool) error {
	columns := append([]string{"recipient"}, report.ShareColumns()...)
	if len(recipients) == 0 {
		recipients = []string{""}
	}
	var rows [][]string
	for i := range shares {
		if shares[i].Status != state.ExtraDone {
			continue
		}
		for _, recipient := range recipients {
			cells, err := report.ShareCells(&shares[i], recipient, platform)
			if err != nil {
				return err
			}
			rows = append(rows, append([]string{recipient}, cells...))
		}
	}
	if asJSON {
		list := make([]map[string]string, len(rows))
		for i, row := range rows {
			list[i] = map[string]string{}
			for k, cell := range row {
				if cell != "" {
					list[i][columns[k]] = cell
				}
			}
		}
		return view.WriteJSON(w, struct {
			Version int                 `json:"version"`
			Type    string              `json:"type"`
			Links   []map[string]string `json:"links"`
		}{1, "share-links", list})
	}
	table, err := report.NewCSV(w, sep)
	if err != nil {
		return err
	}
	for _, row := range append([][]string{columns}, rows...) {
		if err := table.Row(row...); err != nil {
			return err
		}
	}
	return table.Close()
}

// themeID finds a theme by its id or title; case and outer white space do not matter
// unless two titles differ in nothing else.
func (h *hand) themeID(ctx context.Context, name string) (string, error) {
	doc, err := h.theme(ctx, name)
	return view.Member(doc, "id"), err
}

// theme is the theme that a title or an id names.
func (h *hand) theme(ctx context.Context, name string) (json.RawMessage, error) {
	var exact, alike []json.RawMessage
	var titles []string
	for doc, err := range h.List(ctx, showpad.Listing{Path: "/themes", Text: map[string]string{"includeGlobal": "true"}}) {
		if err != nil {
			return nil, fmt.Errorf("reading the themes: %w", err)
		}
		title := view.Member(doc, "title")
		titles = append(titles, title)
		switch {
		case view.Member(doc, "id") == name:
			return doc, nil
		case title == name:
			exact = append(exact, doc)
		case strings.EqualFold(strings.TrimSpace(title), strings.TrimSpace(name)):
			alike = append(alike, doc)
		}
	}
	if len(exact) > 0 {
		alike = exact
	}
	switch {
	case len(alike) == 1:
		return alike[0], nil
	case len(alike) > 1:
		ids := make([]string, len(alike))
		for i, doc := range alike {
			ids[i] = view.Member(doc, "id")
		}
		return nil, usagef("several themes are called %q: name it by its id (%s)", view.Clean(name), strings.Join(ids, ", "))
	}
	if near := manifest.Suggest(name, titles); near != "" {
		return nil, usagef("no theme %q (did you mean %q?)", view.Clean(name), view.Clean(near))
	}
	return nil, usagef("no theme %q that this account may see; migrate themes list shows them", view.Clean(name))
}
