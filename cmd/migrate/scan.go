package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/scan"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// scanFlags say what is looked at and where the proposal goes.
type scanFlags struct {
	out     string
	mapping string
	hash    bool
	xlsx    bool
	caFile  string
	files   sourceFlags
	sep     *separator
}

// file is the name of a table that scan writes.
func (f scanFlags) file(stem string) string {
	if f.xlsx {
		return stem + ".xlsx"
	}
	return stem + ".csv"
}

func newScan(a *app) *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan PLACE|TABLE [TABLE]",
		Short: "Propose a manifest for what is there",
		Long: `Scan looks at a folder (or s3://bucket/prefix, or remote:path) and writes what a
migration begins with: manifest.yaml, an inventory.csv with a row for each file,
and tags.csv with the folders' names, which become tags. It tells what stands in
the way: temporary, empty and huge files, web pages in place of files, passwords,
names that collide, files that are online only; findings.csv lists all of them.
--hash reads all files and finds duplicates; of places elsewhere it asks for their
checksums, and reads nothing.

Of a table (.csv, .tsv, .xlsx, .ndjson) it finds out what the columns are, and
writes them into the manifest, with people.csv, languages.csv and the like for
values that are called otherwise in Showpad. With a place and a table, the table
tells about the files of the place. It knows exports of SharePoint, and the usual
headers of lists; --mapping says what the columns of other tables are.

It opens no file that is online only, and it never overwrites anything: if a file
is in the way, nothing is written.`,
		Example: "  migrate scan content --out library",
		Args:    argsOf(cobra.RangeArgs(1, 2)),
	}
	fs := cmd.Flags()
	fs.StringVar(&f.out, "out", ".", "folder to write into")
	fs.StringVar(&f.mapping, "mapping", "", "YAML file that says what the columns of a table are (docs/from-a-spreadsheet.md)")
	fs.BoolVar(&f.hash, "hash", false, "find files with the same bytes: reads those of a folder, asks other places for checksums")
	fs.BoolVar(&f.xlsx, "xlsx", false, "write tables as workbooks of Excel")
	fs.StringVar(&f.caFile, "ca-file", "", "PEM file of certificates to trust beside the system's")
	f.sep = addSeparator(fs)
	f.files.add(fs)
	cmd.RunE = a.action(noManifest, func(ctx context.Context, args []string) (int, error) { return a.scan(ctx, args, f) })
	return cmd
}

// What scan writes besides the maps: tables without their ending. Findings and maps
// are written only when there is something to say.
const (
	manifestFile   = "manifest.yaml"
	inventoryTable = "inventory"
	findingsTable  = "findings"
)

// scanMaps are the maps of a manifest that scan writes skeletons of, with what to
// say about each.
var scanMaps = []struct{ name, comment string }{
	{"people", "to the e-mail address of a user; without one, who uploads becomes the author"},
	{"tags", "keywords and folders, which became tags"},
	{"languages", "to codes, as in en"},
	{"countries", "to codes, as in GB"},
}

// scan finds out what its arguments are.
func (a *app) scan(ctx context.Context, args []string, f scanFlags) (code int, err error) {
	s := &scanning{app: a, flags: f, out: &newFiles{dir: f.out}, maps: map[string]*scan.Values{}}
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.Mode().IsRegular() && s.table == "" && isTable(arg):
			s.table = arg
		case err == nil && info.Mode().IsRegular():
			return 0, usagef("%s is neither a folder nor a table that can be read here (.csv, .tsv, .xlsx, .ndjson)", arg)
		case err != nil && isTable(arg) && !strings.Contains(arg, ":"):
			return 0, usagef("%s: there is no such table", arg)
		case s.at != nil:
			return 0, usagef("%s and %s: scan one place at a time, with a table about it if there is one", s.at.name, arg)
		default:
			if s.at, err = findPlace(arg); err != nil {
				return 0, err
			}
		}
	}
	if f.mapping != "" && s.table == "" {
		return 0, usagef("--mapping is for tables")
	}
	names := []string{manifestFile}
	if s.table == "" {
		names = append(names, f.file(inventoryTable), f.file("tags"), f.file(findingsTable))
	}
	if err := s.free(names); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.table != "" {
		return s.scanTable(ctx)
	}
	return s.scanPlace(ctx)
}

func isTable(name string) bool {
	return slices.Contains([]string{".csv", ".tsv", ".xlsx", ".ndjson"}, strings.ToLower(filepath.Ext(name)))
}

// scanning is one scan. Close closes what it opened.
type scanning struct {
	app     *app
	flags   scanFlags
	at      *scanPlace // nil: none
	table   string     // path; "": none
	src     source.Lister
	inv     *scan.Inventory // nil: no place was listed
	maps    map[string]*scan.Values
	away    bool // the place is not there yet
	pattern bool // the manifest takes the files by a pattern
	out     *newFiles
	closers []func() error
}

func (s *scanning) close() error {
	errs := []error{s.out.close()}
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// free makes sure that no file is in the way.
func (s *scanning) free(names []string) error {
	if there := inTheWay(s.flags.out, names); len(there) > 0 {
		return usagef("%s: there already: %s; nothing was written (name another folder with --out)", s.flags.out, strings.Join(there, ", "))
	}
	return nil
}

// scanPlace proposes a manifest with an inventory of the files at a place.
func (s *scanning) scanPlace(ctx context.Context) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	if err := s.list(ctx); err != nil {
		return 0, err
	}
	if r := &s.inv.Report; r.Rows == 0 {
		return 0, usagef("%s: none of %s can move; nothing was written (%s)", s.at.name, view.Plural(r.Files, "file", "files"), view.WhyLeftOut(r))
	}
	s.maps["tags"] = s.inv.Tags
	p, err := s.proposal("table: " + s.flags.file(inventoryTable) + "          # one row a file: take out the rows of files that shall not move")
	if err != nil {
		return 0, err
	}
	return s.finish(ctx, p, nil, func() error { return s.writeInventory(ctx) })
}

// open opens the place for listing.
func (s *scanning) open() error {
	src, closeAll, err := s.app.openPlace(s.at.root, s.flags)
	if err != nil {
		return err
	}
	s.src, s.closers = src, append(s.closers, closeAll)
	return nil
}

// list lists the place and looks at its files.
func (s *scanning) list(ctx context.Context) error {
	local := s.at.root.Kind == manifest.RootFolder
	o := scan.Options{Root: s.at.root, Inspect: local, Hash: s.flags.hash && local, Ask: s.flags.hash && !local, Pattern: s.pattern}
	kept := placesOf(manifestFile, false, "")
	for _, name := range []string{manifestFile, kept.state, kept.runs + "/", strings.TrimSuffix(manifestFile, ".yaml") + ".sandbox/"} {
		if own, ok := s.below(name); ok {
			if strings.HasSuffix(name, "/") {
				own += "/"
			}
			o.Own = append(o.Own, own)
		}
	}
	if o.Hash {
		h, err := s.app.scanHashes(s.flags.out)
		if err != nil {
			return err
		}
		s.closers = append(s.closers, h.Close)
		o.Hashes = h
	}
	o.Progress = &scan.Progress{}
	watched, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { tellProgress(watched, s.app.err, o.Progress) })
	inv, err := scan.Files(ctx, s.src, o)
	stop()
	done.Wait()
	if err != nil {
		return err
	}
	s.inv, s.closers = inv, append(s.closers, inv.Close)
	return nil
}

// progressEvery is how often a long scan says how far it is.
const progressEvery = 10 * time.Second

// tellProgress says now and then how far a scan is, until ctx ends.
func tellProgress(ctx context.Context, w io.Writer, p *scan.Progress) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			read := ""
			if n := p.Bytes.Load(); n > 0 {
				read = ", " + view.Bytes(n) + " read"
			}
			say(w, "%s%s ...", view.Plural(int(p.Files.Load()), "file", "files"), read)
		}
	}
}

// proposal is the manifest with these lines of an include.
func (s *scanning) proposal(include ...string) (scan.Manifest, error) {
	p := scan.Manifest{Of: s.table, Include: include}
	if s.at != nil {
		place, err := s.at.seenFrom(s.flags.out)
		if err != nil {
			return p, err
		}
		p.Root = &scan.Root{Name: s.at.root.Name, Place: place, Comment: "where the files are: if they move, change this line alone"}
		if s.away {
			p.Root.Comment = "put the files here, or write where they are"
		}
		if p.Of == "" {
			p.Of = s.at.name
		}
	}
	for _, m := range scanMaps {
		if v := s.maps[m.name]; v != nil && v.Len() > 0 {
			p.Maps = append(p.Maps, scan.Map{Name: m.name, File: s.flags.file(m.name), Comment: m.comment})
		}
	}
	return p, nil
}

// finish writes everything and tells what was found. t is nil without a table;
// more writes further files.
func (s *scanning) finish(ctx context.Context, p scan.Manifest, t *scan.Table, more func() error) (code int, err error) {
	if err := writeFile(s.out, manifestFile, p.Write); err != nil {
		return 0, err
	}
	if more != nil {
		if err := more(); err != nil {
			return 0, err
		}
	}
	open := map[string]int{}
	for _, m := range p.Maps {
		if err := s.writeMap(m, open); err != nil {
			return 0, err
		}
	}
	v := view.Scan{Out: s.flags.out, Hash: s.flags.hash, Table: t, TableName: s.table, Open: open}
	if s.at != nil {
		v.Place, v.Local = s.at.name, s.at.root.Kind == manifest.RootFolder
	}
	if s.inv != nil {
		v.Report = &s.inv.Report
		if err := s.writeFindings(ctx); err != nil {
			return 0, err
		}
		if s.inv.Report.Of(scan.Unlisted) != nil || s.inv.Report.Of(scan.Unreadable) != nil {
			code = exitSome
		}
	}
	if err := s.free(s.out.names); err != nil {
		return 0, err
	}
	if err := s.out.commit(); err != nil {
		return 0, err
	}
	v.Written = s.out.names
	if s.app.json {
		return code, v.JSON(s.app.out)
	}
	return code, v.Text(s.app.out)
}

// scanHashes is the cache of checksums that the manifest's runs will use.
func (a *app) scanHashes(out string) (*state.Hashes, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder %s: %w", out, err)
	}
	h, err := state.OpenHashes(placesOf(filepath.Join(out, manifestFile), false, "").hashes())
	if err != nil {
		a.log.Info().Err(err).Msg("no cache of checksums")
	}
	return h, nil
}
