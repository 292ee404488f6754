package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// maxBody is how much of a body is read, in bytes: calls of the API are small.
const maxBody = 64 << 20

// apiFlags are the settings of `migrate api`.
type apiFlags struct {
	body, contentType    string
	all, ndjson, include bool
	call                 showpad.RawCall
}

func newAPI(a *app) *cobra.Command {
	var f apiFlags
	cmd := a.verb(verb{
		use: "api METHOD PATH", short: "Call the API, signed in", args: cobra.ExactArgs(2),
		example: "  migrate api GET '/assets?name=overview&limit=5'\n  migrate api GET /tags --all --ndjson",
		long: `Api sends one request to the API and writes the answer to stdout as it came; errors
go to stderr. PATH is below the v4 base, with its query; what begins with /api/v3/ goes
to v3. The body of a POST, PUT or PATCH is JSON from stdin, or from the file of --body.
Addresses of other hosts are refused: the token is for your tenant alone.

--all asks for all pages: of lists (v4 and v3), of exports, and of POST /assets/query.

A request that makes something is not repeated when its answer is lost: it may have
been carried out, so look before you send it again. --read-only refuses everything but
GET and POST /assets/query.`,
		complete: completeAPI,
		flags: func(fs *pflag.FlagSet) {
			fs.StringVar(&f.body, "body", "", "file with the body; - is stdin (the default for POST, PUT and PATCH unless stdin is a terminal)")
			fs.StringVar(&f.contentType, "content-type", "", "of the body, where it is not application/json")
			fs.BoolVar(&f.all, "all", false, "all pages of a list, as one document")
			fs.BoolVar(&f.ndjson, "ndjson", false, "with --all: one item a line")
			fs.BoolVarP(&f.include, "include", "i", false, "write the status and the headers before the answer, and the body of a refusal too")
		},
		check: func(a *app, args []string) error { return f.prepare(a, args) },
		do:    func(ctx context.Context, h *hand, _ []string) (int, error) { return exitOK, f.send(ctx, h) },
	})
	return cmd
}

// completeAPI offers methods, and then nothing: paths would have to be asked for.
func completeAPI(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return []string{"GET", "POST", "DELETE", "PUT", "PATCH"}, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// prepare makes the call, its body included, and refuses what cannot be.
func (f *apiFlags) prepare(a *app, args []string) error {
	readOnly, err := a.flags.GetBool("read-only")
	if err != nil {
		return err
	}
	f.call = showpad.RawCall{Method: strings.ToUpper(args[0]), Path: args[1], ContentType: f.contentType}
	switch {
	case readOnly && f.call.Kind() != showpad.KindRead:
		return a.refusedWrite()
	case f.ndjson && !f.all:
		return usagef("--ndjson is for --all: add it")
	case f.all && f.include:
		return usagef("--include shows one answer: leave out --all")
	}
	f.call.Body, err = a.body(f.body, slices.Contains([]string{"POST", "PUT", "PATCH"}, f.call.Method))
	return err
}

// body reads a body from the file of a flag, or from stdin when it is - or, where a
// body is usual, when nobody sits there; nil: there is none.
func (a *app) body(name string, usual bool) ([]byte, error) {
	in := a.in
	switch {
	case name == "" && (!usual || a.ask):
		return nil, nil
	case name != "" && name != "-":
		file, err := os.Open(name)
		if err != nil {
			return nil, usagef("--body: %v", err)
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the body: %w", err)
	case len(b) > maxBody:
		return nil, usagef("the body is larger than %s", view.Bytes(maxBody))
	case len(strings.TrimSpace(string(b))) == 0:
		return nil, nil
	}
	return b, nil
}

func (f *apiFlags) send(ctx context.Context, h *hand) error {
	if f.all {
		return f.sendAll(ctx, h)
	}
	a, err := h.Call(ctx, f.call)
	if f.include && a.Status != 0 {
		say(h.app.out, "%d %s", a.Status, http.StatusText(a.Status))
		for _, name := range slices.Sorted(maps.Keys(a.Header)) {
			if name != "Set-Cookie" {
				say(h.app.out, "%s: %s", view.Clean(name), view.Clean(strings.Join(a.Header[name], ", ")))
			}
		}
		say(h.app.out, "")
	}
	if err != nil && !f.include {
		return loseNothing(err)
	}
	if len(a.Body) > 0 {
		if json.Valid(a.Body) {
			say(h.app.out, "%s", view.JSONText(a.Body))
		} else if _, werr := h.app.out.Write(a.Body); werr != nil {
			return werr
		}
	}
	return loseNothing(err)
}

// loseNothing says what to do about an answer that was lost.
func loseNothing(err error) error {
	if errors.Is(err, showpad.ErrUnknownOutcome) {
		return fmt.Errorf("%w (look for it before you send it again)", err)
	}
	return err
}

func (f *apiFlags) sendAll(ctx context.Context, h *hand) error {
	format := "json"
	if f.ndjson {
		format = "ndjson"
	}
	out, err := view.NewDocuments(h.app.out, format, 0, nil)
	if err != nil {
		return err
	}
	for doc, err := range h.Pages(ctx, f.call) {
		if errors.Is(err, showpad.ErrNoList) {
			err = usagef("%v: leave out --all", err)
		}
		if err != nil {
			return errors.Join(err, out.Break())
		}
		if err := out.Add(doc); err != nil {
			return err
		}
	}
	return out.End(out.Shown())
}
