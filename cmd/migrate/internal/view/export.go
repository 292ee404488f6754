package view

import (
	"encoding/json"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/pkg/export"
)

// Export is what an export did.
type Export struct {
	Dir     string
	Of      string // what the tenant is called
	NoFiles bool   // the bytes stay where they are
	Summary export.Summary
}

// notExportedText is what people read of a reason.
var notExportedText = map[string]string{
	export.ReasonKind:      "made inside Showpad (pages, recordings, SCORM): no upload makes them",
	export.ReasonInactive:  "never processed: there is nothing to fetch",
	export.ReasonNoLink:    "without a download link: allow downloads on the asset, and export again",
	export.ReasonUnread:    "whose bytes could not be read: export again",
	export.ReasonChecksum:  "whose bytes are not those of their checksum",
	export.ReasonChanged:   "that changed meanwhile: export again",
	export.ReasonInTheWay:  "whose place another file has: move it away, and export again",
	export.ReasonRefused:   "that a manifest cannot say",
	export.ReasonForbidden: "that this account may not download",

	export.ReasonMade:     "external IDs made of asset ids, where there were none",
	export.ReasonTwin:     "taken together or told apart, because they were the same",
	export.ReasonAdjusted: "written in another form",
	export.ReasonCannot:   "for which a manifest has no words",
	export.ReasonUnknown:  "that refer to what is not visible",
	export.ReasonUnproven: "files without a checksum to compare with",
	export.ReasonShared:   "tags of other Divisions",
}

// Text writes it for people.
func (e Export) Text(w io.Writer) error {
	out, s := &printer{w: w}, e.Summary
	for _, d := range s.Divisions {
		out.line("%s: %s, %s, %s", Clean(either(d.Name == "", d.ID, d.Name)), Plural(d.Items, "asset", "assets"), Plural(d.Files, "file", "files"), Bytes(d.Bytes))
	}
	if len(s.Divisions) > 0 {
		out.line("")
	}
	left := 0
	for _, n := range s.Left {
		left += n
	}
	if s.DryRun {
		items, files, size := 0, 0, int64(0)
		for _, d := range s.Divisions {
			items, files, size = items+d.Items, files+d.Files, size+d.Bytes
		}
		out.line("%s of %s would come: %s, %s; nothing was written", Count(items), Plural(s.Assets, "asset", "assets"), Plural(files, "file", "files"), Bytes(size))
	} else {
		out.line("%s of %s exported, with %s, %s", Count(s.Exported), Plural(s.Assets, "asset", "assets"), Plural(s.Files, "file", "files"), Bytes(s.Size))
		out.line("%s fetched in %s, %s", Plural(s.Fetched, "file", "files"), Duration(time.Duration(s.Seconds*float64(time.Second))), Bytes(s.Received))
	}
	if s.Categories > 0 {
		out.line("%s with their tags", Plural(s.Categories, "tag category", "tag categories"))
	}
	if s.Archived > 0 {
		out.line("%s in the trash left out (--archived takes them along)", Plural(s.Archived, "asset", "assets"))
	}
	if s.Personal > 0 {
		out.line("%s of one person alone left out", Plural(s.Personal, "asset", "assets"))
	}
	if s.Missed > 0 {
		out.line("%s that the service counts did not show in its lists, which changed meanwhile: export again", Plural(s.Missed, "asset", "assets"))
	}
	for _, text := range s.Warnings {
		out.line("warning: %s", text)
	}
	where := either(s.DryRun, "", ", see "+filepath.Join(e.Dir, export.NotExportedFile))
	reasons(out, s.Left, "Not exported"+where+":")
	reasons(out, s.Parts, "Not as they were"+where+":")
	if s.DryRun {
		return out.err
	}
	out.line("")
	for _, name := range s.Written {
		out.line("%s", filepath.Join(e.Dir, name))
	}
	if e.NoFiles {
		out.line("next: put the files into %s, or say in %s where they are", filepath.Join(e.Dir, "files"), export.ManifestFile)
		return out.err
	}
	out.line("next: say in %s where it shall go, then migrate plan %s", export.ManifestFile, filepath.Join(e.Dir, export.ManifestFile))
	return out.err
}

func reasons(out *printer, n map[string]int, title string) {
	if len(n) == 0 {
		return
	}
	out.line("")
	out.line("%s", title)
	for _, reason := range slices.Sorted(maps.Keys(n)) {
		out.line("  %s %s: %s", Count(n[reason]), reason, notExportedText[reason])
	}
}

// JSON writes it as a document with a version.
func (e Export) JSON(w io.Writer) error {
	doc := struct {
		Version int    `json:"version"`
		Tenant  string `json:"tenant"`
		Dir     string `json:"dir,omitempty"`
		export.Summary
	}{1, e.Of, e.Dir, e.Summary}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
