package main

import (
	"errors"
	"path/filepath"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/local"
)

// openSources opens the folders of a manifest: its roots by name, its own
// under "", and what serves absolute paths. Every root that is missing is a
// problem that stops everything; the others are there all the same, so that the
// manifest can be checked. The caller closes what there is, error or not.
func openSources(m *manifest.Manifest) (map[string]source.Source, func() error, error) {
	sources := map[string]source.Source{}
	var closers []func() error
	closeAll := func() error {
		var errs []error
		for _, c := range closers {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	var problems manifest.Problems
	for _, r := range m.Roots {
		if r.Kind != manifest.RootFolder {
			continue // refused with the header
		}
		dir := filepath.FromSlash(r.Location)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(m.Dir, dir)
		}
		src, err := local.New(dir)
		if err != nil {
			problems = append(problems, manifest.NewProblem(manifest.CodeRootMissing, r.Pos, "the folder of root \""+r.Name+"\" cannot be opened: "+err.Error(), "correct its path, or make it available"))
			continue
		}
		sources[r.Name] = src
		closers = append(closers, src.Close)
	}
	own, err := local.New(m.Dir)
	if err != nil {
		return sources, closeAll, err
	}
	closers = append(closers, own.Close)
	sources[""] = own
	sources[pipeline.AbsoluteRoot] = local.Absolute()
	if len(problems) > 0 {
		return sources, closeAll, problems
	}
	return sources, closeAll, nil
}
