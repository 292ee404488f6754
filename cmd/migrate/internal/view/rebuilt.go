package view

import (
	"io"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// twinsShown is how many twins the text form names.
const twinsShown = 20

// RebuiltText shows what a rebuild found, for people.
func RebuiltText(w io.Writer, path string, s pipeline.RebuildSummary, next string) error {
	out := &printer{w: w}
	source := "the list of assets"
	if s.From == pipeline.FromExports {
		source = "the export of assets"
	}
	out.line("%s: made anew from %s: %s", Clean(path), source, Plural(s.Records, "record", "records"))
	for _, l := range []struct {
		n    int
		text string
	}{
		{s.Archived, "of them in the trash"},
		{s.NoExternalID, "assets without an external ID, left out"},
		{s.Personal, "personal files, left out"},
		{s.Deleted, "deleted assets, left out"},
		{s.Twinned, "assets that share an external ID with another one"},
	} {
		if l.n > 0 {
			out.line("  %s: %s", l.text, Count(l.n))
		}
	}
	for i, t := range s.Twins {
		if i == twinsShown {
			out.line("... and %s (--json names more)", Plural(s.TwinsAll-i, "more external ID", "more external IDs"))
			break
		}
		out.line("twin: %s is %s (migrate state bind names the one to go on with)", Clean(t.ExternalID), Clean(strings.Join(t.AssetIDs, ", ")))
	}
	out.line("next: %s", Clean(next))
	return out.err
}

// RebuiltJSON is RebuiltText as a document.
func RebuiltJSON(w io.Writer, path string, s pipeline.RebuildSummary, next string) error {
	return WriteJSON(w, struct {
		Version int    `json:"version"`
		Type    string `json:"type"`
		State   string `json:"state"`
		pipeline.RebuildSummary
		Next string `json:"next"`
	}{1, "state-rebuild", path, s, next})
}
