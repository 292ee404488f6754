package expand

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// Checked is the outcome of a whole pass.
type Checked struct {
	Items             int // read, those with problems included
	Stop, Block, Warn int // problems of each class
	// Digest is the SHA-256 in hex over the names and bytes of all files read:
	// of the lines that sha256sum would write for Files.
	Digest string
	Files  []FileDigest
	// Unmapped are the values that the manifest's maps have no entry for.
	Unmapped manifest.Unmapped
}

// Check reads everything and reports every problem of every class: those of
// the header, of each item in order, of whole tables, then external IDs used
// twice, and what is said once for all items. report may be nil. The error is
// one of reading, or the context's; problems are no error.
func (s *Set) Check(ctx context.Context, report func(manifest.Problem)) (Checked, error) {
	c := &checker{Set: s, to: report, files: newUses(), names: newAlikes(), links: manifest.IDs{Links: true}}
	for _, p := range s.header {
		c.report(p)
	}
	c.roots()
	c.openElsewhere(c.report)
	dig := &digester{}
	whole := true
	for p, err := range s.parsed(ctx, dig, true) {
		if err != nil {
			whole = false
			if err := c.fatal(err); err != nil {
				return c.sum, err
			}
			continue
		}
		c.item(p)
	}
	for _, g := range c.globs {
		if g != nil && g.made != nil {
			for _, p := range g.made.warnings {
				c.report(p)
			}
		}
	}
	for _, p := range dig.notes {
		c.report(p)
	}
	if c.sum.Items == 0 && c.sum.Stop == 0 && len(s.Manifest.Extras()) == 0 {
		c.report(manifest.NewProblem(manifest.CodeNoItems, manifest.Pos{File: s.Manifest.Path}, "the manifest lists no items", "add assets:, further documents or include:"))
	}
	if err := c.ids.Confirm(ctx, c.again(ctx, externalIDOf), c.report); err != nil {
		if err := c.fatal(err); err != nil {
			return c.sum, err
		}
	}
	if err := c.links.Confirm(ctx, c.again(ctx, linkOf), c.report); err != nil {
		if err := c.fatal(err); err != nil {
			return c.sum, err
		}
	}
	if err := c.variants.Confirm(ctx, c.itemsAgain(ctx), c.report); err != nil {
		if err := c.fatal(err); err != nil {
			return c.sum, err
		}
	}
	if c.sum.Stop == 0 { // else there is more to think of
		if err := c.twins(ctx); err != nil {
			return c.sum, err
		}
	}
	if c.noAuthor > 0 {
		what := "the item names no author"
		if c.noAuthor > 1 {
			what = fmt.Sprintf("%d items name no author, this is the first", c.noAuthor)
		}
		p := manifest.NewProblem(manifest.CodeNoAuthor, c.noAuthorAt.Pos, what, "the user who uploads becomes the author; name authors: on the items or under defaults:")
		p.ExternalID = c.noAuthorAt.ExternalID
		c.report(p)
	}
	c.sum.Files = dig.files
	if dig.builder != nil {
		c.sum.Unmapped = dig.builder.Unmapped()
	}
	if whole {
		c.sum.Digest = dig.digest()
	}
	return c.sum, nil
}

type checker struct {
	*Set
	to         func(manifest.Problem)
	sum        Checked
	ids        manifest.IDs
	links      manifest.IDs // assets named by id:
	variants   manifest.Variants
	files      *uses
	names      *alikes
	noAuthor   int
	noAuthorAt manifest.IDPlace
}

func (c *checker) report(p manifest.Problem) {
	switch p.Class {
	case manifest.Stop:
		c.sum.Stop++
	case manifest.Block:
		c.sum.Block++
	default:
		c.sum.Warn++
	}
	if c.to != nil {
		c.to(p)
	}
}

// fatal reports err if it is problems, and gives other errors back.
func (c *checker) fatal(err error) error {
	ps, ok := errors.AsType[manifest.Problems](err)
	if !ok {
		return err
	}
	for _, p := range ps {
		c.report(p)
	}
	return nil
}

func (c *checker) item(p manifest.Parsed) {
	c.sum.Items++
	for _, pr := range p.Problems {
		c.report(pr)
	}
	if manifest.ExternalIDWrong(p.Item.ExternalID) == "" {
		c.ids.Add(p.Item.ExternalID)
	}
	if p.Item.ID != "" {
		c.links.Add(p.Item.ID)
	}
	c.variants.Add(&p.Item)
	c.files.add(c.useKey(&p.Item))
	c.names.add(&p.Item)
	unknown := slices.ContainsFunc(p.Item.Problems, func(pr manifest.Problem) bool { return pr.Code == manifest.CodeNoUser })
	if a := p.Item.Fields.Authors; !p.Stopped() && !unknown && len(a.Value) == 0 {
		if c.noAuthor == 0 {
			c.noAuthorAt = manifest.IDPlace{ExternalID: p.Item.ExternalID, Pos: p.Item.Pos}
		}
		c.noAuthor++
	}
}

// again is the stream of what place finds in the items, for the second pass;
// false is nothing. What ends a file was reported in the first one.
func (c *checker) again(ctx context.Context, place func(*manifest.Item) (manifest.IDPlace, bool)) iter.Seq2[manifest.IDPlace, error] {
	return func(yield func(manifest.IDPlace, error) bool) {
		for p, err := range c.parsed(ctx, nil, true) {
			if err != nil {
				if _, ok := errors.AsType[manifest.Problems](err); ok {
					continue
				}
				yield(manifest.IDPlace{}, err)
				return
			}
			if at, ok := place(&p.Item); ok && !yield(at, nil) {
				return
			}
		}
	}
}

// itemsAgain is the stream of the items, for the second pass.
func (c *checker) itemsAgain(ctx context.Context) iter.Seq2[*manifest.Item, error] {
	return func(yield func(*manifest.Item, error) bool) {
		for p, err := range c.parsed(ctx, nil, true) {
			if err != nil {
				if _, ok := errors.AsType[manifest.Problems](err); ok {
					continue
				}
				yield(nil, err)
				return
			}
			if !yield(&p.Item, nil) {
				return
			}
		}
	}
}

func externalIDOf(it *manifest.Item) (manifest.IDPlace, bool) {
	return manifest.IDPlace{ExternalID: it.ExternalID, Pos: it.FieldPos("externalId")}, manifest.ExternalIDWrong(it.ExternalID) == ""
}

func linkOf(it *manifest.Item) (manifest.IDPlace, bool) {
	return manifest.IDPlace{ExternalID: it.ExternalID, Link: it.ID, Pos: it.FieldPos("id")}, it.ID != ""
}

// roots reports roots that are no folders.
func (c *checker) roots() {
	for _, r := range c.Manifest.Roots {
		if p := c.rootProblem(r); p != nil {
			c.report(*p)
		}
	}
}

// rootProblem is what is wrong with a root that is a folder, or nil; others are
// opened by those who read such places.
func (s *Set) rootProblem(r manifest.Root) *manifest.Problem {
	if r.Location == "" || r.Kind != manifest.RootFolder {
		return nil
	}
	problem := func(fix, what string, args ...any) *manifest.Problem {
		return new(manifest.NewProblem(manifest.CodeRootMissing, r.Pos, fmt.Sprintf("root %q: ", r.Name)+fmt.Sprintf(what, args...), fix))
	}
	info, err := os.Stat(s.path(r.Location))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return problem("correct the path, which is relative to the manifest, or mount the drive that holds it", "folder %s does not exist", r.Location)
	case err != nil:
		return problem("check its rights", "folder %s: %v", r.Location, plain(err))
	case !info.IsDir():
		return problem("write the path of the folder", "%s is not a folder", r.Location)
	}
	return nil
}

// path is a path of the manifest on this machine.
func (s *Set) path(p string) string {
	p = filepath.FromSlash(p)
	if filepath.IsAbs(p) || filepath.VolumeName(p) != "" {
		return p
	}
	return filepath.Join(s.Manifest.Dir, p)
}
