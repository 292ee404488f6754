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

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/report"
	"github.com/showpad-migrate/migrate/pkg/scan"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// scanFlags say what is looked at and where the proposal goes.
type scanFlags struct {
	out    string
	hash   bool
	caFile string
	files  sourceFlags
	sep    *separator
}

func newScan(a *app) *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan PLACE",
		Short: "Propose a manifest for what is there",
		Long: `Scan looks at a folder (or s3://bucket/prefix, or remote:path) and writes what a
migration begins with: manifest.yaml, an inventory.csv with a row for each file,
and tags.csv with the folders' names, which become tags. It tells what stands in
the way: temporary, empty and huge files, web pages in place of files, passwords,
names that collide, files that are online only; findings.csv lists all of them.
--hash reads all files and finds duplicates.

It opens no file that is online only, and it never overwrites anything: if a file
is in the way, nothing is written.`,
		Example: "  migrate scan content --out library",
		Args:    argsOf(cobra.ExactArgs(1)),
	}
	fs := cmd.Flags()
	fs.StringVar(&f.out, "out", ".", "folder to write into")
	fs.BoolVar(&f.hash, "hash", false, "read all files, and find those with the same bytes")
	fs.StringVar(&f.caFile, "ca-file", "", "PEM file of certificates to trust beside the system's")
	f.sep = addSeparator(fs)
	f.files.add(fs)
	cmd.RunE = a.action(noManifest, func(ctx context.Context, args []string) (int, error) { return a.scan(ctx, args, f) })
	return cmd
}

// What scan writes; tags.csv and findings.csv only when there is something to say.
const (
	manifestFile  = "manifest.yaml"
	inventoryFile = "inventory.csv"
	tagsFile      = "tags.csv"
	findingsFile  = "findings.csv"
)

func (a *app) scan(ctx context.Context, args []string, f scanFlags) (int, error) {
	at, err := findPlace(args[0])
	if err != nil {
		return 0, err
	}
	names := []string{manifestFile, inventoryFile, tagsFile, findingsFile}
	if there := inTheWay(f.out, names); len(there) > 0 {
		return 0, usagef("%s: there already: %s; nothing was written (name another folder with --out)", f.out, strings.Join(there, ", "))
	}
	return a.scanFiles(ctx, at, f)
}

// scanFiles proposes a manifest with an inventory of the files at a place.
func (a *app) scanFiles(ctx context.Context, at scanPlace, f scanFlags) (code int, err error) {
	src, closeAll, err := a.openPlace(at.root, f)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	o := scan.Options{Root: at.root, Inspect: at.root.Kind == manifest.RootFolder, Hash: f.hash && at.root.Kind == manifest.RootFolder}
	if o.Hash {
		h, err := a.scanHashes(f.out)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		o.Hashes = h
	}
	inv, err := scan.Files(ctx, src, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, inv.Close()) }()
	if inv.Report.Rows == 0 {
		return 0, usagef("%s: none of %s can move; nothing was written (%s)", at.name, view.Plural(inv.Report.Files, "file", "files"), view.WhyLeftOut(&inv.Report))
	}
	place, err := at.seenFrom(f.out)
	if err != nil {
		return 0, err
	}
	p := scan.Manifest{
		Of:      at.name,
		Root:    &scan.Root{Name: at.root.Name, Place: place, Comment: "where the files are: if they move, change this line alone"},
		Include: []string{"table: " + inventoryFile + "          # one row a file: take out the rows of files that shall not move"},
	}
	if inv.Tags.Len() > 0 {
		p.Maps = []scan.Map{{Name: "tags", File: tagsFile, Comment: "the names of the folders, which became tags"}}
	}
	out := &newFiles{dir: f.out}
	defer func() { err = errors.Join(err, out.close()) }()
	if err := a.writeScan(ctx, out, p, inv, rune(*f.sep)); err != nil {
		return 0, err
	}
	if err := out.commit(); err != nil {
		return 0, err
	}
	v := view.Scan{Place: at.name, Out: f.out, Written: out.names, Report: &inv.Report, Online: inv.Report.Of(scan.Online), Hash: f.hash, Local: o.Inspect}
	if a.json {
		err = v.JSON(a.out)
	} else {
		err = v.Text(a.out)
	}
	if inv.Report.Of(scan.Unlisted) != nil || inv.Report.Of(scan.Unreadable) != nil {
		code = exitSome
	}
	return code, err
}

// writeScan writes the proposal under temporary names.
func (a *app) writeScan(ctx context.Context, out *newFiles, p scan.Manifest, inv *scan.Inventory, sep rune) error {
	err := writeFile(out, manifestFile, p.Write)
	if err != nil {
		return err
	}
	err = writeTable(out, inventoryFile, sep, scan.Columns(), func(row func(...string) error) error {
		for r, err := range inv.Rows(ctx) {
			if err != nil {
				return err
			}
			if err := row(r.Cells()...); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && inv.Tags.Len() > 0 {
		err = writeMap(out, tagsFile, sep, inv.Tags, func(v string) string { return v })
	}
	if err != nil || len(inv.Report.Findings) == 0 {
		return err
	}
	return writeTable(out, findingsFile, sep, []string{"finding", "file", "size", "detail"}, func(row func(...string) error) error {
		for f, err := range inv.Findings(ctx) {
			if err != nil {
				return err
			}
			if err := row(f.Kind, f.Path, fmt.Sprint(max(f.Size, 0)), f.Detail); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeMap writes the skeleton of a map: to is what a value probably becomes.
func writeMap(out *newFiles, name string, sep rune, values *scan.Values, to func(string) string) error {
	return writeTable(out, name, sep, []string{"from", "to", "items"}, func(row func(...string) error) error {
		for v, n := range values.All() {
			if err := row(v, to(v), fmt.Sprint(n)); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeFile(out *newFiles, name string, write func(io.Writer) error) (err error) {
	f, err := out.create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := write(f); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func writeTable(out *newFiles, name string, sep rune, header []string, rows func(row func(...string) error) error) error {
	return writeFile(out, name, func(w io.Writer) error {
		t, err := report.NewCSV(w, sep)
		if err == nil {
			err = t.Row(header...)
		}
		if err == nil {
			err = rows(t.Row)
		}
		return errors.Join(err, t.Close())
	})
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

// scanPlace is where files are.
type scanPlace struct {
	name string // as the user wrote it
	root manifest.Root
}

// findPlace says what an argument of scan is: a folder of this machine, or a
// place elsewhere.
func findPlace(arg string) (scanPlace, error) {
	at := scanPlace{name: arg}
	place := filepath.ToSlash(arg)
	info, err := os.Stat(arg)
	switch {
	case err == nil && !info.IsDir():
		return at, usagef("%s is a file; name the folder that it is in", arg)
	case err == nil:
		if place, err = filepath.Abs(arg); err != nil {
			return at, fmt.Errorf("the folder %s: %w", arg, err)
		}
		place = filepath.ToSlash(place)
	}
	header := "version: 1\ndivision: Marketing\nroots: {" + scan.RootName(place) + ": " + scan.YAML(place) + "}\n"
	m, problems, readErr := manifest.ReadHeader(strings.NewReader(header), filepath.Join(".", manifestFile))
	if readErr != nil {
		return at, readErr
	}
	i := slices.IndexFunc(problems, func(p manifest.Problem) bool { return p.Class == manifest.Stop })
	switch {
	case i >= 0:
		return at, usagef("%s: %s (%s)", arg, problems[i].What, problems[i].Fix)
	case len(m.Roots) != 1:
		return at, usagef("%s is no place that can be scanned", arg)
	}
	at.root = m.Roots[0]
	if at.root.Kind == manifest.RootFolder && err != nil {
		return at, usagef("%s: there is no such folder (write its path, or s3://bucket/prefix, or remote:path)", arg)
	}
	return at, nil
}

// seenFrom is the place as a manifest in the folder dir writes it.
func (p scanPlace) seenFrom(dir string) (string, error) {
	if p.root.Kind != manifest.RootFolder {
		return p.root.Location, nil
	}
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("the folder %s: %w", dir, err)
	}
	rel, err := filepath.Rel(from, filepath.FromSlash(p.root.Location))
	if err != nil {
		return p.root.Location, nil // another drive
	}
	if rel = filepath.ToSlash(rel); rel != ".." && !strings.HasPrefix(rel, "../") {
		rel = "./" + rel
	}
	return rel, nil
}

// openPlace opens a place for listing. The caller closes it.
func (a *app) openPlace(root manifest.Root, f scanFlags) (source.Lister, func() error, error) {
	m := &manifest.Manifest{Dir: ".", Roots: []manifest.Root{root}}
	srcs, err := openSources(m, openers(sourceSettings{sourceFlags: f.files, caFile: f.caFile, getenv: a.getenv, log: a.log}))
	if err != nil {
		return nil, nil, errors.Join(err, srcs.close())
	}
	src, ok := srcs.byName[root.Name].(source.Lister)
	if !ok {
		return nil, nil, errors.Join(usagef("%s cannot be listed: write a table with a row for each file", root.Location), srcs.close())
	}
	return src, srcs.close, nil
}
