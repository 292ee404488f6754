package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func text(rng *rand.Rand) string {
	return strings.Repeat(string(rune('a'+rng.IntN(26))), 1+rng.IntN(40))
}

func randomFields(rng *rand.Rand) func(*manifest.Item) {
	names := []string{"Sales", "EMEA", "sales tips", "2026"}
	return func(i *manifest.Item) {
		f := &i.Fields
		l := []manifest.Tag{}
		for _, n := range names[:rng.IntN(len(names)+1)] {
			l = append(l, manifest.Tag{Name: n})
		}
		f.Tags = manifest.Some(l)
		if rng.IntN(2) == 0 {
			f.Description = manifest.Some("about " + text(rng) + []string{"", " "}[rng.IntN(2)])
		}
		if rng.IntN(2) == 0 {
			f.IsShareable = manifest.Some(rng.IntN(2) == 0)
		}
		if rng.IntN(4) == 0 {
			i.Division = "Sales EMEA"
		}
		if rng.IntN(5) == 0 {
			link(i)
		}
		if rng.IntN(3) == 0 {
			f.IsAnnotatable = manifest.Some(rng.IntN(2) == 0)
		}
		if rng.IntN(3) == 0 {
			f.ExpiresAt = manifest.Some(manifest.Instant{At: time.Date(2031, 5, 1+rng.IntN(20), 12, 0, 0, 0, time.UTC)})
		}
		if rng.IntN(4) == 0 {
			f.ReleasedAt = manifest.Some(manifest.Instant{Relative: "+1 months", Months: 1})
		}
		if rng.IntN(3) == 0 {
			f.Languages = manifest.Some([]string{"en", "de"}[:1+rng.IntN(2)])
		}
		if rng.IntN(3) == 0 {
			f.DownloadableExternal = manifest.Some([]string{"pdf", "original"}[:rng.IntN(3)])
		}
	}
}

// noNewTags makes all tags at the service, and forbids to make any.
func noNewTags(w *world) {
	w.man.CreateTags = manifest.CreateNoTags
	for _, d := range []string{emulator.DivisionMarketing, emulator.DivisionSales} {
		for _, name := range []string{"Sales", "EMEA", "sales tips", "2026", "T0", "T1", "T2"} {
			if _, err := w.patient().CreateTag(w.t.Context(), d, name); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// edit changes the manifest and the files, as people do between runs.
func edit(w *world, rng *rand.Rand) {
	for i := range w.items {
		item := &w.items[i]
		switch rng.IntN(6) {
		case 0:
			if item.URL != "" {
				item.URL += "/" + text(rng)
				continue
			}
			w.files.put(item.Location.Path, text(rng))
		case 3:
			if item.URL == "" { // touched, not changed
				w.files.put(item.Location.Path, string(w.files.get(item.Location.Path).data))
			}
		case 1:
			item.Fields.Description = manifest.Some("now " + text(rng))
		case 2:
			tags := append([]manifest.Tag{}, item.Fields.Tags.Value...)
			item.Fields.Tags = manifest.Some(append(tags, manifest.Tag{Name: fmt.Sprintf("T%d", rng.IntN(3))}))
		}
	}
	if rng.IntN(3) == 0 {
		w.edits++
		w.add(fmt.Sprintf("NEW-%d", w.edits), text(rng), randomFields(rng))
	}
	if w.leaves {
		leave(w, rng)
	}
}

// leave takes items out of the manifest, but for one, and brings some back.
func leave(w *world, rng *rand.Rand) {
	var listed, left []manifest.Item
	for _, item := range w.left {
		if rng.IntN(4) == 0 {
			listed = append(listed, item)
		} else {
			left = append(left, item)
		}
	}
	for i, item := range w.items {
		if i > 0 && rng.IntN(6) == 0 {
			left = append(left, item)
		} else {
			listed = append(listed, item)
		}
	}
	w.items, w.left = listed, left
}
