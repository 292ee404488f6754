package expand

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"path/filepath"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// CheckAgain is [Set.Check] for a manifest whose files are, to the byte, those of
// which an earlier one made passed: it reads their bytes and no items, and what
// they hold cannot have become wrong. Roots that are gone and tables that are open
// elsewhere are reported to report, which may be nil. It is false when another check
// is needed: for other files, and for a manifest with a pattern, whose folder may
// have changed.
func (s *Set) CheckAgain(ctx context.Context, passed Checked, report func(manifest.Problem)) (Checked, bool, error) {
	if passed.Digest == "" || passed.Stop > 0 {
		return Checked{}, false, nil
	}
	dig := &digester{}
	for _, f := range s.files() {
		if f == "" {
			return Checked{}, false, nil
		}
		sum, err := s.digestOf(ctx, f)
		if err != nil {
			if ctx.Err() != nil {
				return Checked{}, false, context.Cause(ctx)
			}
			return Checked{}, false, nil // a check tells what it means
		}
		name := f
		if f == s.Manifest.Path {
			name = filepath.Base(f)
		}
		dig.add(name, sum)
	}
	if dig.digest() != passed.Digest {
		return Checked{}, false, nil
	}
	c := &checker{Set: s, to: report, sum: passed}
	c.roots()
	c.openElsewhere(func(p manifest.Problem) {
		if report != nil { // it was counted then, if it was so
			report(p)
		}
	})
	c.sum.Files = dig.files
	return c.sum, true, nil
}

// files are those of the manifest in the order in which a check adds their digests:
// its own path, maps and tables as they are named; "" is a pattern.
func (s *Set) files() []string {
	names := []string{s.Manifest.Path}
	for _, f := range mapFiles(&s.Manifest.Maps) {
		names = append(names, f.File)
	}
	for i, inc := range s.Manifest.Includes {
		switch {
		case s.globs[i] != nil:
			names = append(names, "")
		case inc.Table != "":
			names = append(names, inc.Table)
		}
	}
	return names
}

// digestOf is the SHA-256 of a file of the manifest.
func (s *Set) digestOf(ctx context.Context, name string) (sum []byte, err error) {
	path := s.path(name)
	if name == s.Manifest.Path {
		path = name
	}
	f, err := s.open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, &ctxReader{ctx, f}); err != nil {
		return nil, err
	}
	return h.Sum(nil), s.unchanged(f, path)
}
