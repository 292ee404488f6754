package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/export"
	"github.com/showpad-migrate/migrate/pkg/report"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// exportFlags say what is exported, and how.
type exportFlags struct {
	service   serviceFlags
	divisions []string
	tags      []string
	query     string
	archived  bool
	format    string
	noFiles   bool
	dryRun    bool
	list      bool
	downloads int
	sep       *separator
}

func newExport(a *app) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export [DIR]",
		Short: "A tenant, or part of it, as a manifest with files",
		Long: `Export reads what is in a tenant into a folder: manifest.yaml, assets.csv with a row
for each asset, and the files below files/, a folder for each Division. A run of
that manifest makes the same in another tenant; see docs/tenant-to-tenant.md.

Each file is fetched under a temporary name and gets its own when its MD5 is the
one that the service shows. An export that was stopped, or one of yesterday, is
continued by the same command: files that are there are not fetched again, and
those of assets that changed are. A folder with something else in it is refused, and
so is one whose manifest was edited. A request for each file is needed, and few
beside them.

Left out are the trash (--archived takes it along), personal files, and what is
made inside Showpad: pages, recordings, experiences. not-exported.csv lists what
did not come, and what did not come as it was.

Exit code: 0 when everything came, 3 when something could not be fetched.`,
		Example: "  migrate export copy --division Marketing",
		Args:    argsOf(cobra.MaximumNArgs(1)),
	}
	fs := cmd.Flags()
	f.service.addLive(fs)
	fs.StringArrayVar(&f.divisions, "division", nil, "export this Division, by name or id (repeatable; default: all that are visible)")
	fs.StringArrayVar(&f.tags, "tag", nil, "export assets with this tag (repeatable: any of them)")
	fs.StringVar(&f.query, "query", "", "export what this ShowQL query finds, such as 'name ~ \"deck\"'")
	fs.BoolVar(&f.archived, "archived", false, "take along what is in the trash")
	fs.StringVar(&f.format, "format", "csv", "csv, or ndjson: one JSON object for each asset")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"csv", "ndjson"}, cobra.ShellCompDirectiveNoFileComp)))
	fs.BoolVar(&f.noFiles, "no-files", false, "export what is known of the assets, without their bytes")
	fs.BoolVar(&f.dryRun, "dry-run", false, "say what would come, with bytes; write nothing")
	fs.BoolVar(&f.list, "list", false, "list what would come; write nothing")
	fs.IntVar(&f.downloads, "downloads", 4, "files fetched at once")
	f.sep = addSeparator(fs)
	cmd.RunE = a.action(settingsHere, func(ctx context.Context, args []string) (int, error) { return a.export(ctx, args, f) })
	return cmd
}

// exportDir is where an export goes that names no folder.
const exportDir = "export"

func (a *app) export(ctx context.Context, args []string, f exportFlags) (code int, err error) {
	if err := checkNumbers(number{"retries", int64(f.service.retries), 0}, number{"downloads", int64(f.downloads), 1}); err != nil {
		return 0, err
	}
	if !slices.Contains([]string{"csv", "ndjson"}, f.format) {
		return 0, usagef("--format %q: use csv or ndjson", f.format)
	}
	dir := exportDir
	if len(args) > 0 {
		dir = args[0]
	}
	conn, t, err := a.signIn(ctx, f.service)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	o := export.Options{
		Dir: dir, Tenant: t.tenant, Of: t.name(), Divisions: f.divisions, Tags: f.tags, Query: f.query, Archived: f.archived,
		NDJSON: f.format == "ndjson", NoFiles: f.noFiles, DryRun: f.dryRun || f.list, Downloads: f.downloads,
		Progress: new(export.Progress),
		NewTable: func(w io.Writer) (export.Table, error) { return report.NewCSV(w, rune(*f.sep)) },
	}
	var list *view.Documents
	if f.list {
		format := "table"
		if a.json {
			format = "json"
		}
		if list, err = view.NewDocuments(a.out, format, rune(*f.sep), exportColumns); err != nil {
			return 0, err
		}
		o.List = func(it export.Item) error {
			doc, err := json.Marshal(it)
			if err != nil {
				return err
			}
			return list.Add(doc)
		}
	}
	watched, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { tellExport(watched, a.err, o.Progress) })
	sum, err := export.Run(ctx, conn.client, o)
	stop()
	done.Wait()
	var unread *showpad.QueryError
	switch {
	case errors.As(err, &unread):
		return 0, usagef("--query: %v", err)
	case err != nil:
		return 0, err
	}
	if sum.Failed() > 0 {
		code = exitSome
	}
	v := view.Export{Dir: dir, Of: t.name(), NoFiles: f.noFiles, Summary: sum}
	switch {
	case list != nil:
		if err := list.End(countOf(sum)); err != nil {
			return code, err
		}
		if a.json {
			return code, nil
		}
		return code, v.Text(a.err)
	case a.json:
		return code, v.JSON(a.out)
	}
	return code, v.Text(a.out)
}

// countOf is how many assets would come.
func countOf(sum export.Summary) (n int) {
	for _, d := range sum.Divisions {
		n += d.Items
	}
	return n
}

var exportColumns = []view.Column{{Name: "externalId"}, {Name: "division"}, {Name: "name"}, {Name: "type"}, {Name: "size", Cell: sizeCell}}

// sizeCell is an item's size; "" where it is not told, as of a URL asset.
func sizeCell(doc json.RawMessage) string {
	if size := view.Member(doc, "size"); size != "-1" {
		return size
	}
	return ""
}

// tellExport says now and then how far an export is, until ctx ends.
func tellExport(ctx context.Context, w io.Writer, p *export.Progress) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			line := view.Plural(int(p.Listed.Load()), "asset", "assets") + " listed"
			if files := p.Files.Load(); files > 0 {
				line = fmt.Sprintf("%s of %s, %s of %s", view.Count(p.Done.Load()), view.Plural(int(files), "file", "files"), view.Bytes(p.Fetched.Load()), view.Bytes(p.Bytes.Load()))
			}
			say(w, "%s ...", line)
		}
	}
}
