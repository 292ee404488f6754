package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/scan"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// scanPlace is where files are.
type scanPlace struct {
	name string // as the user wrote it
	root manifest.Root
}

// findPlace says what an argument of scan is: a folder of this machine, or a
// place elsewhere.
func findPlace(arg string) (*scanPlace, error) {
	at := &scanPlace{name: arg}
	place := filepath.ToSlash(arg)
	info, err := os.Stat(arg)
	switch {
	case err == nil && !info.IsDir():
		return at, usagef("%s is no folder", arg)
	case err == nil:
		if place, err = filepath.Abs(arg); err != nil {
			return at, fmt.Errorf("the folder %s: %w", arg, err)
		}
		place = filepath.ToSlash(place)
	}
	name := scan.RootName(place)
	if strings.HasPrefix(place, name+":") {
		name = "files" // a root has another name than a remote
	}
	header := "version: 1\ndivision: Marketing\nroots: {" + name + ": " + scan.YAML(place) + "}\n"
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
func (p *scanPlace) seenFrom(dir string) (string, error) {
	if p.root.Kind != manifest.RootFolder {
		return p.root.Location, nil
	}
	rel, err := seenFrom(dir, p.root.Location)
	if err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, "../") && !filepath.IsAbs(rel) {
		rel = "./" + rel
	}
	return rel, err
}

// seenFrom is the path to a file or folder from the folder dir, with slashes:
// absolute if they have no folder in common.
func seenFrom(dir, name string) (string, error) {
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("the folder %s: %w", dir, err)
	}
	to, err := filepath.Abs(filepath.FromSlash(name))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	rel, err := filepath.Rel(from, to)
	if err != nil {
		rel = to // another drive
	}
	return filepath.ToSlash(rel), nil
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
