package view

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// extraWords are how one kind of what stands beside the items is told: its title,
// its member in JSON, one of it and many.
var extraWords = []struct {
	kind                     state.ExtraKind
	title, member, one, many string
}{
	{state.TagCategory, "Tag categories", "tagCategories", "tag category", "tag categories"},
	{state.MyFile, "My Files", "myFiles", "personal file", "personal files"},
	{state.Share, "Shares", "shares", "share", "shares"},
}

// extraName is the name of one extra in a line: "share customer-x".
func extraName(kind state.ExtraKind, key string) string {
	for _, w := range extraWords {
		if w.kind == kind {
			return w.one + " " + Clean(key)
		}
	}
	return Clean(string(kind) + " " + key)
}

// AddExtra adds the row of an extra; they are few and are kept.
func (p *Plan) AddExtra(row pipeline.ExtraRow) error {
	p.extras = append(p.extras, row)
	return nil
}

func (p *Plan) extrasOf(kind state.ExtraKind) []pipeline.ExtraRow {
	var of []pipeline.ExtraRow
	for _, row := range p.extras {
		if row.Kind == kind {
			of = append(of, row)
		}
	}
	return of
}

// extrasJSON writes the lists of extras as further members of a document that is
// open.
func (p *Plan) extrasJSON(out io.Writer) error {
	for _, w := range extraWords {
		rows := p.extrasOf(w.kind)
		if len(rows) == 0 {
			continue
		}
		b, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, ",\n%q:%s", w.member, b); err != nil {
			return err
		}
	}
	return nil
}

// extraWork counts what is to be made beside the items.
func extraWork(s pipeline.Summary) (parts []string) {
	for _, w := range extraWords {
		n := 0
		for action, k := range s.Extras[w.kind] {
			if action != pipeline.ActionUnchanged && action != pipeline.ActionConflict && action != pipeline.ActionBlocked {
				n += k
			}
		}
		if n > 0 {
			parts = append(parts, Plural(n, w.one, w.many))
		}
	}
	return parts
}

func decision(action pipeline.Action) bool {
	return action == pipeline.ActionConflict || action == pipeline.ActionBlocked
}

// extraDecisions writes the extras that need a person.
func (p *Plan) extraDecisions(out *printer) {
	for _, row := range p.extras {
		if !decision(row.Action) {
			continue
		}
		line := fmt.Sprintf("%s %s (%s)", row.Action, extraName(row.Kind, row.Key), Clean(row.Reason))
		told := slices.ContainsFunc(row.Problems, func(p manifest.Problem) bool { return p.What == row.Detail })
		if row.Detail != "" && !told {
			line += ": " + Clean(row.Detail)
		}
		out.line("  %s", line)
		for _, pr := range row.Problems {
			out.line("      %s", Clean(pr.String()))
		}
	}
}

// extraSections writes what is made beside the items, a section a kind.
func (p *Plan) extraSections(out *printer, full bool) {
	if len(p.Header.Runs) > 0 {
		p.staying(out)
		return
	}
	for _, w := range extraWords {
		rows := p.extrasOf(w.kind)
		if len(rows) == 0 {
			continue
		}
		var counts []string
		for _, action := range append(order, pipeline.ActionConflict, pipeline.ActionBlocked) {
			n := 0
			for _, row := range rows {
				if row.Action == action {
					n++
				}
			}
			if n > 0 {
				counts = append(counts, Count(n)+" "+string(action))
			}
		}
		out.line("")
		out.line("%s (%s): %s", w.title, Count(len(rows)), strings.Join(counts, ", "))
		shown, more := 0, 0
		for _, row := range rows {
			if decision(row.Action) || row.Action == pipeline.ActionUnchanged && row.Detail == "" && !full {
				continue
			}
			if shown++; shown > limit(someDecisions, full) {
				more++
				continue
			}
			extraLine(out, row)
		}
		if more > 0 {
			out.line("  ... and %s more (--full shows all)", Count(more))
		}
		if w.kind == state.Share {
			shareNotes(out, rows)
		}
	}
}

// extraLine is a row of what is made, or stays.
func extraLine(out *printer, row pipeline.ExtraRow) {
	line := string(row.Action) + " " + Clean(row.Key)
	if row.Name != "" {
		line += "  " + Clean(row.Name)
	}
	if row.User != "" {
		line += "  of " + Clean(row.User)
	}
	if row.Source != "" {
		line += "  from " + Clean(row.Source)
	}
	if row.Puts > 0 {
		line += "  " + Bytes(row.Size)
	}
	if row.Assets > 0 {
		line += "  " + Plural(row.Assets, "asset", "assets")
	}
	if !row.ExpiresAt.IsZero() {
		line += "  until " + row.ExpiresAt.UTC().Format(time.RFC3339)
	}
	if row.NeverExpires {
		line += "  never expires"
	}
	out.line("  %s", line)
	if row.Detail != "" {
		out.line("      %s", Clean(row.Detail))
	}
	for _, d := range row.Diff {
		out.line("      %s: %s -> %s", Clean(d.Field), short(d.Remote), short(d.Wanted))
	}
	for _, pr := range row.Problems {
		out.line("      %s: %s", pr.Class, Clean(pr.String()))
	}
}

// shareNotes says what cannot be taken back of the links that are made, and which
// of them never end.
func shareNotes(out *printer, rows []pipeline.ExtraRow) {
	for _, line := range shareLines(rows) {
		out.line("  %s", Clean(line))
	}
}

func shareLines(rows []pipeline.ExtraRow) (lines []string) {
	made := 0
	var forever []string
	for _, row := range rows {
		if row.Action != pipeline.ActionCreate {
			continue
		}
		made++
		if row.NeverExpires {
			forever = append(forever, row.Key)
		}
	}
	if made == 0 {
		return nil
	}
	them := either(made == 1, "it", "them")
	lines = append(lines, fmt.Sprintf("%s cannot be taken back or changed: whoever has %s opens %s", either(made == 1, "This link", "These links"), them, them))
	if len(forever) > 0 {
		lines = append(lines, fmt.Sprintf("Never expire (%s): %s", Count(len(forever)), strings.Join(forever, ", ")))
	}
	return lines
}

// staying names what a rollback cannot take back.
func (p *Plan) staying(out *printer) {
	if len(p.extras) == 0 {
		return
	}
	var stay, back []pipeline.ExtraRow
	for _, row := range p.extras {
		if row.Reason == pipeline.ReasonStays {
			stay = append(stay, row)
		} else {
			back = append(back, row)
		}
	}
	if len(back) > 0 {
		out.line("")
		out.line("Made beside the items (%s):", Count(len(back)))
		for _, row := range back {
			extraLine(out, row)
		}
	}
	if len(stay) > 0 {
		out.line("")
		stayLines(out, stay)
	}
}

// Stays writes what a rollback cannot take back, for who is not shown its plan;
// nothing where there is no such thing.
func (p *Plan) Stays(w io.Writer) error {
	out := &printer{w: w}
	stay := slices.DeleteFunc(slices.Clone(p.extras), func(row pipeline.ExtraRow) bool { return row.Reason != pipeline.ReasonStays })
	if len(stay) > 0 {
		stayLines(out, stay)
	}
	return out.err
}

func stayLines(out *printer, stay []pipeline.ExtraRow) {
	out.line("Cannot be taken back, and stays (%s):", Count(len(stay)))
	for _, row := range stay {
		line := extraName(row.Kind, row.Key) + "  " + Clean(row.Name)
		if row.Kind == state.TagCategory {
			line = extraName(row.Kind, row.Key) + ": " + Clean(row.Detail)
		}
		out.line("  %s", line)
	}
}
