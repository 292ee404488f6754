package view

import (
	"io"
	"path/filepath"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/scan"
)

// Scan is what a scan found and wrote.
type Scan struct {
	Place   string
	Out     string       // folder
	Written []string     // files in it
	Report  *scan.Report // nil: no place was listed
	Hash    bool         // files were read
	Local   bool         // a folder of this machine, whose files were looked into

	Table     *scan.Table // nil: none
	TableName string
	Open      map[string]int // values that have no counterpart in Showpad yet, by the manifest's map; nil: none
}

const someScanTypes = 12

// findingText is what people read of a kind.
var findingText = map[string]string{
	scan.TooBig:      "more than the 5 GB that storage takes at once",
	scan.WebPage:     "a web page in place of a file: download it again",
	scan.Empty:       "empty",
	scan.OddName:     "paths that a table cannot write: rename the file",
	scan.Unreadable:  "cannot be read",
	scan.Unlisted:    "folders that cannot be listed",
	scan.Temporary:   "temporary, made by programs for themselves",
	scan.Hidden:      "hidden",
	scan.Protected:   "open with a password only",
	scan.Big:         "more than 2 GB",
	scan.Shortcut:    "lead to content elsewhere and hold none",
	scan.UnknownType: "of a type that this program does not know",
	scan.LongName:    "have a name that is too long: shortened",
	scan.Lookalike:   "have a name that differs from another one in capitals or accents only",
	scan.Online:      "online only: a run downloads them",
	scan.Duplicate:   "have the same bytes as another file",
}

// WhyLeftOut says in a few words why files are not in an inventory.
func WhyLeftOut(r *scan.Report) string {
	var parts []string
	for _, g := range r.Findings {
		if g.LeftOut {
			parts = append(parts, Count(g.Files)+" "+g.Kind)
		}
	}
	if parts == nil {
		return "there are none"
	}
	return strings.Join(parts, ", ")
}

// Text writes the report for people.
func (s Scan) Text(w io.Writer) error {
	out := &printer{w: w}
	if s.Table != nil {
		s.table(out)
	}
	if s.Report != nil {
		s.files(out)
	}
	out.line("")
	out.line("Does not move, whatever the manifest says:")
	for _, n := range manifest.CannotMove() {
		out.line("  %s: %s", n.What, strings.ReplaceAll(n.Why, "`", ""))
	}
	out.line("")
	s.toDo(out)
	out.line("%s written: %s", Plural(len(s.Written), "file", "files"), s.paths())
	out.line("next: migrate lint %s --offline", filepath.Join(s.Out, "manifest.yaml"))
	return out.err
}

func (s Scan) files(out *printer) {
	r := s.Report
	if s.Table == nil {
		out.line("%s: %s, %s; %s in the inventory (%s)%s", Clean(s.Place), Plural(r.Files, "file", "files"), Bytes(r.Bytes), Count(r.Rows), Bytes(r.RowBytes),
			either(r.LeftOut() > 0, ", "+Count(r.LeftOut())+" left out", ""))
	} else {
		out.line("")
		out.line("%s: %s, %s; %s can move (%s)", Clean(s.Place), Plural(r.Files, "file", "files"), Bytes(r.Bytes), Count(r.Rows), Bytes(r.RowBytes))
	}
	s.types(out)
	if r.Tags > 0 && (s.Table == nil || s.Table.Joined) {
		out.line("")
		out.line("Tags: %s; correct or drop them in %s", Plural(r.Tags, "name of a folder", "names of folders"), s.written("tags"))
	}
	s.findings(out, true, either(s.Table == nil, "Left out of the inventory:", "Cannot move:"))
	s.findings(out, false, "Can move, but look at them:")
	s.duplicates(out)
	if g := r.Of(scan.Online); g != nil {
		out.line("")
		out.line("Online only: %s, %s that a run downloads; none of them was opened", Plural(g.Files, "file", "files"), Bytes(g.Bytes))
	}
}

// toDo tells which maps have to be filled in.
func (s Scan) toDo(out *printer) {
	if n := s.Open["people"]; n > 0 {
		out.line("To do: write the e-mail addresses of %s into %s; without one, who uploads becomes the author", Plural(n, "person", "people"), s.written("people"))
	}
	for _, name := range []string{"languages", "countries"} {
		if n := s.Open[name]; n > 0 {
			out.line("To do: write codes for %s into %s; without one, a value is dropped", Plural(n, "value", "values"), s.written(name))
		}
	}
}

// table tells what the columns of a table are.
func (s Scan) table(out *printer) {
	t := s.Table
	out.line("%s: %s%s, read as %s", Clean(s.TableName), Plural(t.Rows, "row", "rows"), either(t.Folders > 0, ", "+Count(t.Folders)+" more about folders", ""), Clean(t.Mapping))
	if t.Path != "" {
		out.line("  %-12s from %s%s", "file", Clean(t.Path), either(t.Strip != "", ", without "+Clean(t.Strip), ""))
	}
	for _, c := range t.Columns {
		out.line("  %-12s from %s", c.Field, Clean(c.Column))
	}
	if t.Joined {
		out.line("  %-12s from the file's path: %s", "externalId", either(t.Folders > 0 || t.Strip != "", "the files are the items, and the table tells about them", "no column gives one"))
	}
	if len(t.Keep) > 0 {
		out.line("  kept in the results, and not sent: %s", Clean(strings.Join(t.Keep, ", ")))
	}
	for _, n := range t.Notes {
		out.line("  note: %s", Clean(n))
	}
	switch {
	case t.Path == "":
	case t.Found == t.Looked:
		out.line("  files: %s looked for, all of them there", Count(t.Looked))
	default:
		out.line("  files: %s looked for, %s of them there%s", Count(t.Looked), Count(t.Found), either(t.Found == 0, "; if they lie elsewhere, name their folder before the table", ""))
		for _, p := range t.Missing {
			out.line("    not there: %s", Clean(p))
		}
		if more := t.Looked - t.Found - len(t.Missing); more > 0 && t.Found > 0 {
			out.line("    ... and %s more (lint lists rows without a file)", Count(more))
		}
	}
}

// written is the path of the table that was written under a name.
func (s Scan) written(stem string) string {
	for _, name := range s.Written {
		if strings.HasPrefix(name, stem+".") {
			return filepath.Join(s.Out, name)
		}
	}
	return stem
}

func (s Scan) paths() string {
	var paths []string
	for _, name := range s.Written {
		paths = append(paths, filepath.Join(s.Out, name))
	}
	return strings.Join(paths, ", ")
}

func (s Scan) types(out *printer) {
	out.line("")
	out.line("By type:")
	files, bytes := 0, int64(0)
	for i, t := range s.Report.Types {
		if i >= someScanTypes && len(s.Report.Types) > someScanTypes+1 {
			files += t.Files
			bytes += t.Bytes
			continue
		}
		name := t.Extension
		switch name {
		case "":
			name = "no extension"
		case "*":
			name = "all others"
		}
		out.line("  %-14s %-10s %s, %s", Clean(name), either(t.Type == "", "?", t.Type), Plural(t.Files, "file", "files"), Bytes(t.Bytes))
	}
	if files > 0 {
		out.line("  and %s: %s, %s", Plural(len(s.Report.Types)-someScanTypes, "more type", "more types"), Plural(files, "file", "files"), Bytes(bytes))
	}
}

func (s Scan) findings(out *printer, leftOut bool, title string) {
	first := true
	for _, g := range s.Report.Findings {
		if g.LeftOut != leftOut || g.Kind == scan.Duplicate || g.Kind == scan.Online {
			continue
		}
		if first {
			out.line("")
			out.line("%s", title)
			first = false
		}
		out.line("  %s (%s)", findingText[g.Kind], list(Count(g.Files), either(g.Bytes > 0, Bytes(g.Bytes), "")))
		for _, f := range g.Samples {
			out.line("    %s%s", Clean(f.Path), detail(f))
		}
		if more := g.Files - len(g.Samples); more > 0 {
			out.line("    ... and %s more (the findings list all)", Count(more))
		}
		if g.Kind == scan.UnknownType {
			out.line("    (Showpad does not publish the list of types that it takes)")
		}
	}
}

func detail(f scan.Finding) string {
	switch f.Kind {
	case scan.Unreadable, scan.Unlisted, scan.Shortcut, scan.Lookalike:
		return ": " + Clean(f.Detail)
	}
	return ""
}

func (s Scan) duplicates(out *printer) {
	d, r := s.Report.Duplicates, s.Report
	if r.Unhashed == r.Rows {
		out.line("")
		switch {
		case s.Hash:
			out.line("Duplicates: not known; this place does not tell checksums")
		case s.Local:
			out.line("Duplicates: not looked for; migrate scan --hash reads the files (%s) and finds them", Bytes(r.RowBytes))
		default:
			out.line("Duplicates: not looked for; migrate scan --hash asks the place for checksums")
		}
		return
	}
	out.line("")
	switch known := either(r.Unhashed > 0, " (nothing is known of "+Plural(r.Unhashed, "file", "files")+")", ""); d.Copies {
	case 0:
		out.line("Duplicates: none%s", known)
	default:
		out.line("Duplicates: %s of %s%s; without them, %s less to move", Plural(d.Copies, "copy", "copies"), Plural(d.Groups, "file", "files"), known, Bytes(d.Saved))
		if g := r.Of(scan.Duplicate); g != nil {
			for _, f := range g.Samples {
				out.line("    %s: %s", Clean(f.Path), Clean(f.Detail))
			}
			if more := g.Files - len(g.Samples); more > 0 {
				out.line("    ... and %s more (the findings list all)", Count(more))
			}
		}
	}
}

// JSON writes one document.
func (s Scan) JSON(w io.Writer) error {
	files := make([]string, len(s.Written))
	for i, name := range s.Written {
		files[i] = filepath.Join(s.Out, name)
	}
	return WriteJSON(w, struct {
		Version int    `json:"version"`
		Type    string `json:"type"`
		Place   string `json:"place,omitempty"`
		*scan.Report
		Table    *scan.Table         `json:"table,omitempty"`
		Open     map[string]int      `json:"open,omitempty"` // values to fill in, by map
		NotMoved []manifest.NotMoved `json:"notMoved"`
		Written  []string            `json:"written"`
	}{1, "scan", s.Place, s.Report, s.Table, s.Open, manifest.CannotMove(), files})
}
