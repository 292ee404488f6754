package pipeline

import (
	"context"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// verifyCategories compares the tag categories of a manifest with the service.
func (v *verifier) verifyCategories(ctx context.Context, in Input, s *VerifySummary, yield func(Difference) error) error {
	x := newCategories(in.Manifest)
	if len(x.list()) == 0 || in.Select.narrow() {
		return nil
	}
	in.API = v.api
	g := &gatherer{in: &in, dir: v.g.dir, start: v.g.start}
	works, err := g.decideExtras(ctx, x)
	if err != nil {
		return err
	}
	for _, w := range works {
		s.Categories++
		found := categoryDifferences(w, x.sets[w.Row.Key])
		if len(found) > 0 {
			s.CategoriesDiffer++
		}
		for _, d := range found {
			d.Key = w.Row.Key
			if err := yield(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// categoryDifferences is what a category is not, by what a run would do about it.
func categoryDifferences(w *extraWork, s *categorySet) (found []Difference) {
	switch w.Row.Action {
	case ActionCreate:
		return []Difference{{Kind: DiffMissing, Text: "the service has no such tag category"}}
	case ActionConflict:
		return []Difference{{Kind: DiffTwin, Text: w.Row.Detail}}
	case ActionBlocked:
		return []Difference{{Kind: DiffUnchecked, Text: w.Row.Detail}}
	}
	for _, d := range w.Row.Diff {
		found = append(found, Difference{Kind: DiffField, Field: d.Field, Want: d.Wanted, Got: d.Remote})
	}
	if len(s.left) > 0 {
		found = append(found, Difference{Kind: DiffField, Text: "somebody took out: " + strings.Join(s.left, ", ")})
	}
	return found
}

// lintCategories reports what keeps the tag categories of a manifest from being made.
func (g *gatherer) lintCategories(ctx context.Context, report func(manifest.Problem)) error {
	x := newCategories(g.in.Manifest)
	if len(x.list()) == 0 {
		return nil
	}
	works, err := g.decideExtras(ctx, x)
	for _, w := range works {
		for _, p := range w.Row.Problems {
			report(p)
		}
	}
	return err
}
