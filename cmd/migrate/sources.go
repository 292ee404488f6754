package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/local"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
	"github.com/showpad-migrate/migrate/pkg/source/web"
)

// sourceFlags say how files are read that are in no folder of this machine. The
// zero value stands for the defaults.
type sourceFlags struct {
	allowPrivate bool
	webMax       byteSize
	spoolDir     string
	spoolSize    byteSize
	rclone       string
}

func (f *sourceFlags) add(fs *pflag.FlagSet) {
	fs.BoolVar(&f.allowPrivate, "allow-private", false, "read web addresses of this machine and of private networks too")
	fs.Var(&f.webMax, "web-max", "largest file taken from a web address, such as 500MB (default: what Showpad takes, 5GiB)")
	fs.StringVar(&f.spoolDir, "spool-dir", "", "folder for files that have to be kept on disk while they are sent (default: one in the system's folder for temporary files)")
	fs.Var(&f.spoolSize, "spool-size", "how much that folder may hold, such as 20GB (default: 10GiB, or a tenth of what is free where that is less)")
	fs.StringVar(&f.rclone, "rclone", "", "the rclone program that reads remote:path (default: the one that the system finds)")
}

// sourceSettings are what openers know.
type sourceSettings struct {
	sourceFlags
	caFile     string // as for the service; "" is the system's certificates alone
	webHeaders web.Headers
	spool      func() (*spool.Spool, error) // the session's; it is closed after all sources
	getenv     func(string) string
	log        zerolog.Logger
}

// opener opens places of one kind, for one session. Its functions are called at
// the first use of a place, and not again for the same place once they
// answered: their error stays the answer, unless ctx ended. ctx is that of the
// opening alone; what is opened lives until the session ends, and is closed
// then if it has a method Close.
type opener struct {
	root      func(ctx context.Context, r manifest.Root) (source.Source, error)
	addresses func(ctx context.Context) (source.Source, error) // serves every address that names no root
	lists     bool                                             // what root opens is a source.Lister
	close     func() error                                     // called last; nil: nothing to close
}

// openers are those of the kinds that this version reads; [manifest.Later]
// names the others.
func openers(set sourceSettings) map[manifest.RootKind]opener {
	return map[manifest.RootKind]opener{
		manifest.RootS3:     s3Opener(set),
		manifest.RootWeb:    webOpener(set),
		manifest.RootRclone: rcloneOpener(set),
	}
}

// sources are the places of a manifest's files.
type sources struct {
	byName  map[string]source.Source // as pipeline.SourceName has the names
	roots   map[string]*lazy         // of the roots that are no folders
	closers []func() error
}

// openSources opens the folders of a manifest, and prepares its other places,
// which are opened at their first use. Every folder that is missing is a
// problem that stops everything; the others are there all the same, so that the
// manifest can be checked. The caller closes what there is, error or not.
func openSources(m *manifest.Manifest, kinds map[manifest.RootKind]opener) (*sources, error) {
	s := &sources{byName: map[string]source.Source{}, roots: map[string]*lazy{}}
	for _, o := range kinds {
		if o.close != nil {
			s.closers = append(s.closers, o.close)
		}
	}
	for kind, o := range kinds {
		s.add(pipeline.SourceName(manifest.Location{Kind: kind}), o.addresses, false)
	}
	var problems manifest.Problems
	for _, r := range m.Roots {
		if o, ok := kinds[r.Kind]; ok && r.Location != "" {
			s.roots[r.Name] = s.add(r.Name, func(ctx context.Context) (source.Source, error) { return o.root(ctx, r) }, o.lists)
		}
		if r.Kind != manifest.RootFolder {
			continue // opened later, or refused with the header
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
		s.byName[r.Name] = src
		s.closers = append(s.closers, src.Close)
	}
	own, err := local.New(m.Dir)
	if err != nil {
		return s, err
	}
	s.closers = append(s.closers, own.Close)
	s.byName[""] = own
	s.byName[pipeline.AbsoluteRoot] = local.Absolute()
	if len(problems) > 0 {
		return s, problems
	}
	return s, nil
}

// add prepares a place under a name.
func (s *sources) add(name string, open func(context.Context) (source.Source, error), lists bool) *lazy {
	l := newLazy(open)
	s.byName[name] = l
	if lists {
		s.byName[name] = lazyLister{l}
	}
	s.closers = append(s.closers, l.close)
	return l
}

// openRoots opens every root that is no folder. Those that cannot be opened are
// problems that stop everything.
func (s *sources) openRoots(ctx context.Context, m *manifest.Manifest) error {
	var problems manifest.Problems
	for _, r := range m.Roots {
		l, ok := s.roots[r.Name]
		if !ok {
			continue
		}
		_, err := l.get(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			fix := "correct it, or make it available"
			if e, ok := errors.AsType[*source.Error](err); ok && e.Hint != "" {
				err, fix = e.Err, e.Hint
			}
			problems = append(problems, manifest.NewProblem(manifest.CodeRootMissing, r.Pos, fmt.Sprintf("root %q cannot be opened: %v", r.Name, err), fix))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// close closes what was opened, last first.
func (s *sources) close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	s.closers = nil
	return errors.Join(errs...)
}
