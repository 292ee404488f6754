package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// grow gives the manifest another tree of tag categories: leaves with tags, at the top
// or in one of two branches, so that they move from edit to edit. It draws from a
// sequence of its own.
func grow(w *world, rng *rand.Rand) {
	var all []manifest.TagCategory
	place := func(g manifest.TagCategory, parent string) {
		g.Division, g.Key, g.Parent = "Marketing", manifest.CategoryKey("", g.Name), parent
		if parent != "" {
			g.Key = parent + "/" + g.Key
		}
		if rng.IntN(3) == 0 {
			g.IsPublished = manifest.Some(rng.IntN(2) == 0)
		}
		all = append(all, g)
	}
	leaves := map[string][]string{}
	for i := range 1 + rng.IntN(4) {
		parent := pick(rng, "", "B0", "B1")
		leaves[parent] = append(leaves[parent], fmt.Sprintf("L%d", i))
	}
	for _, parent := range []string{"B0", "B1", ""} {
		if parent != "" && (len(leaves[parent]) > 0 || rng.IntN(2) == 0) {
			place(manifest.TagCategory{Name: parent, Children: len(leaves[parent])}, "")
		}
		for _, name := range leaves[parent] {
			g := manifest.TagCategory{Name: name}
			if rng.IntN(4) > 0 {
				tags := []manifest.Tag{}
				for i := range 3 { // those that exist also where no tags are made
					if rng.IntN(2) == 0 {
						tags = append(tags, manifest.Tag{Name: fmt.Sprintf("T%d", i)})
					}
				}
				g.Tags = manifest.Some(tags)
			}
			place(g, parent)
		}
	}
	w.man.TagCategories = all
}

// grown holds that each wanted category is there once, as it is wanted.
func (s *sim) grown() {
	w := s.world
	there := map[string]int{}
	for _, c := range w.tenant.Categories() {
		there[strings.ToLower(c.Path)]++
		for _, g := range w.man.TagCategories {
			if g.Key != c.Path {
				continue
			}
			if g.IsPublished.Set && g.IsPublished.Value != c.IsPublished {
				w.t.Errorf("category %s is published: %v", g.Key, c.IsPublished)
			}
			for _, t := range g.Tags.Value {
				if !slices.ContainsFunc(c.Tags, func(name string) bool { return strings.EqualFold(name, t.Name) }) && w.man.Update.Tags != "keep" {
					w.t.Errorf("category %s lacks %s: %q", g.Key, t.Name, c.Tags)
				}
			}
			if w.man.Update.Tags == "replace" && g.Tags.Set && len(c.Tags) != len(g.Tags.Value) {
				w.t.Errorf("category %s has %q, wanted are %v", g.Key, c.Tags, g.Tags.Value)
			}
		}
	}
	for path, n := range there {
		if n > 1 {
			w.t.Errorf("%d categories are called %s", n, path)
		}
	}
	for _, g := range w.man.TagCategories {
		if there[strings.ToLower(g.Key)] == 0 {
			w.t.Errorf("category %s is not there", g.Key)
		}
	}
}

// ofItems are results without those of extras.
func ofItems(all []pipeline.Result) []pipeline.Result {
	return slices.DeleteFunc(slices.Clone(all), func(r pipeline.Result) bool { return r.Kind != "" })
}
