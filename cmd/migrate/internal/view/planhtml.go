package view

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/htmldoc"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// How much of a plan a page shows without --full, of each kind.
const (
	pageDecisions = 20 // of a reason
	pageRows      = 25 // of an action
	pageGroups    = 25 // of an action
	pageTags      = 100
	pageLines     = 50
)

// HTML writes the plan as a page that stands alone. full shows every row.
func (p *Plan) HTML(w io.Writer, s pipeline.Summary, full bool) error {
	same, err := p.same()
	if err != nil {
		return err
	}
	h := &planPage{plan: p, sum: s, full: full, back: len(p.Header.Runs) > 0}
	doc := h.head()
	doc.Sections = slices.Concat(h.decisions(), h.moved(), h.exposure(), h.unmapped(), h.tags(), h.leftovers(), h.identical(same), h.forecast(), h.actions(), h.extras(), h.signing())
	if err := doc.Write(w); err != nil {
		return err
	}
	return h.err
}

// planPage makes the sections of a plan's page.
type planPage struct {
	plan *Plan
	sum  pipeline.Summary
	full bool
	back bool  // the plan of a rollback
	err  error // of the rows, which are read while they are written
}

func (h *planPage) head() *htmldoc.Page {
	p, s := h.plan, h.sum
	d := &htmldoc.Page{
		Kind: "Plan: nothing was written yet", Sentence: FirstLine(s),
		Title: fmt.Sprintf("Plan of %s, %s", p.Header.Manifest, where(p.Header)),
	}
	if h.back {
		d.Kind, d.Sentence = "Plan of a rollback: nothing was written yet", RollbackLine(s)
		d.Title = "Plan of a rollback, " + where(p.Header)
	}
	if s.Decisions() > 0 || s.Prune.Refused() {
		d.Mark = htmldoc.Care
	}
	fact := func(name, value string, code bool) {
		if value != "" {
			d.Facts = append(d.Facts, htmldoc.Fact{Name: name, Value: []string{value}, Code: code})
		}
	}
	fact("Tenant", where(p.Header), false)
	fact("Manifest", p.Header.Manifest, true)
	fact("Digest", p.Header.Digest, true)
	fact("Takes back", strings.Join(p.Header.Runs, ", "), true)
	if !p.Header.At.IsZero() {
		fact("Made", p.Header.At.Format(time.DateTime+" -07:00")+either(p.Header.Program == "", "", " by "+p.Header.Program), false)
	}
	if lines := forecastLines(s.Forecast); len(lines) > 0 {
		d.Facts = append(d.Facts, htmldoc.Fact{Name: "Forecast", Value: lines[:1]})
	}
	if lines := byExport(s); len(lines) > 0 {
		d.Facts = append(d.Facts, htmldoc.Fact{Name: "Assets", Value: lines})
	}
	if s.Offline > 0 {
		fact("Online only", fmt.Sprintf("%s (%s): a run downloads %s", Plural(s.Offline, "file", "files"), Bytes(s.OfflineBytes), either(s.Offline == 1, "it", "them")), false)
	}
	if lines := pruning(s.Prune, false); len(lines) > 0 {
		d.Facts = append(d.Facts, htmldoc.Fact{Name: "No longer listed", Value: lines})
	}
	if n := max(s.Warnings, p.Warnings); n > 0 {
		fact("Warnings", Warnings(n), false)
	}
	d.Figures = h.figures()
	return d
}

// where is the tenant as the first line of the command has it. One that is not real has
// its class in front.
func where(h PlanHeader) string {
	if h.Mode == "SANDBOX" {
		return h.Mode
	}
	_, name, classed := strings.Cut(h.Tenant, ":")
	if !classed {
		name = h.Tenant
	}
	return strings.TrimSpace(h.Mode + " " + name)
}

// figures are the numbers for the decision: what is made, what it costs.
func (h *planPage) figures() (all []htmldoc.Figure) {
	s := h.sum
	for _, a := range order {
		if n := s.Actions[a]; n > 0 && a != pipeline.ActionUnchanged && len(all) < 3 {
			all = append(all, htmldoc.Figure{Name: capital(nouns[a][1]), Value: Count(n)})
		}
	}
	if n := s.Actions[pipeline.ActionUnchanged]; n > 0 {
		all = append(all, htmldoc.Figure{Name: "Unchanged", Value: Count(n)})
	}
	if n := s.Decisions(); n > 0 {
		all = append(all, htmldoc.Figure{Name: either(h.back, "Stay as they are", "Need a decision"), Value: Count(n)})
	}
	total := s.Writes + s.Reads
	all = append(all, htmldoc.Figure{Name: "Requests", Value: Count(total), Note: fmt.Sprintf("%s, %s", Plural(s.Writes, "write", "writes"), Plural(s.Reads, "read", "reads"))})
	if s.Puts > 0 {
		all = append(all, htmldoc.Figure{Name: "To upload", Value: Bytes(s.Bytes), Note: Plural(s.Puts, "file", "files")})
	}
	if f := s.Forecast; len(forecastLines(f)) > 0 && !f.Likely.Never {
		figure := htmldoc.Figure{Name: "Likely takes", Value: Duration(seconds(f.Likely.Seconds))}
		if f.Likely.Runs > 1 { // the time between them is what people wait for
			figure.Value, figure.Note = Count(f.Likely.Runs)+" runs", figure.Value+" at work"
		}
		all = append(all, figure)
	}
	if total > 0 {
		n, per, took := inBudget(s)
		all = append(all, htmldoc.Figure{Name: "At " + Plural(n, "request", "requests") + " " + per, Value: took})
	}
	return all
}

// rows are the rows of an action and a reason ("" for all), up to limit, as cells.
func (h *planPage) rows(action pipeline.Action, reason string, limit int, cells func(*pipeline.Row) []htmldoc.Cell) iter.Seq[[]htmldoc.Cell] {
	return func(yield func([]htmldoc.Cell) bool) {
		n := 0
		err := h.plan.spool.of(action, reason, func(row *pipeline.Row) error {
			line := cells(row)
			if line == nil {
				return nil
			}
			if n++; n > limit || !yield(line) {
				return errEnough
			}
			return nil
		})
		if err != nil && err != errEnough && h.err == nil {
			h.err = err
		}
	}
}

// rest says how many rows are left out of a table.
func rest(all, shown int) string {
	if all <= shown {
		return ""
	}
	return fmt.Sprintf("and %s more: --full shows all, and so does --format csv", Count(all-shown))
}

var decisionColumns = []htmldoc.Column{{Title: "External ID"}, {Title: "Item"}, {Title: "What is the matter"}}

// decisions are the rows that need a person, reason by reason with the way on.
func (h *planPage) decisions() []htmldoc.Section {
	if h.sum.Decisions() == 0 {
		return nil
	}
	sec := htmldoc.Section{ID: "decide", Title: either(h.back, "Stays as it is", "Needs a decision"), Count: Count(h.sum.Decisions())}
	counts, err := h.reasons()
	if err != nil {
		h.err = err
		return nil
	}
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b reasonKey) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(string(b.action), string(a.action)), strings.Compare(a.reason, b.reason)) // conflicts first
	}) {
		part := reasonPart(k)
		part.Heading = fmt.Sprintf("%s: %s", capital(string(k.action)), Plural(counts[k], "item", "items"))
		part.Table = &htmldoc.Table{
			Name: part.Heading + ", " + k.reason, Columns: decisionColumns,
			Rows: h.rows(k.action, k.reason, limit(pageDecisions, h.full), decisionCells),
		}
		part.More = rest(counts[k], limit(pageDecisions, h.full))
		sec.Parts = append(sec.Parts, part)
	}
	var extras [][]htmldoc.Cell
	for i := range h.plan.extras {
		if row := &h.plan.extras[i]; decision(row.Action) {
			text := problemLines(row.Problems)
			if !slices.ContainsFunc(row.Problems, func(pr manifest.Problem) bool { return pr.What == row.Detail }) {
				text = slices.Insert(text, 0, row.Detail)
			}
			extras = append(extras, []htmldoc.Cell{{Text: extraName(row.Kind, row.Key)}, {Text: row.Reason, Code: true}, stacked(text)})
		}
	}
	if len(extras) > 0 {
		sec.Parts = append(sec.Parts, htmldoc.Part{
			Heading: "Beside the items", Table: &htmldoc.Table{Name: "Beside the items", Columns: []htmldoc.Column{{Title: "What"}, {Title: "Reason"}, {Title: "What is the matter"}}, Rows: slices.Values(extras)},
		})
	}
	return []htmldoc.Section{sec}
}

type reasonKey struct {
	action pipeline.Action
	reason string
}

// reasons counts the rows that need a person.
func (h *planPage) reasons() (map[reasonKey]int, error) {
	counts := map[reasonKey]int{}
	for _, a := range []pipeline.Action{pipeline.ActionConflict, pipeline.ActionBlocked} {
		if h.sum.Actions[a] == 0 {
			continue
		}
		err := h.plan.spool.of(a, "", func(row *pipeline.Row) error { counts[reasonKey{a, row.Reason}]++; return nil })
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// reasonPart explains a reason.
func reasonPart(k reasonKey) htmldoc.Part {
	part := htmldoc.Part{Code: k.reason}
	if w, known := pipeline.WordOf(k.reason, either(k.action == pipeline.ActionConflict, "conflicts", "blocked"), "stale", "failed", "blocked", "conflicts"); known {
		part.Text = []string{w.Meaning}
		if w.Remedy != "Nothing." {
			part.Text = append(part.Text, "What to do: "+w.Remedy)
		}
		for i, text := range part.Text {
			part.Text[i] = strings.ReplaceAll(text, "`", "")
		}
	}
	return part
}

func decisionCells(row *pipeline.Row) []htmldoc.Cell {
	var text []string
	if !slices.ContainsFunc(row.Problems, func(pr manifest.Problem) bool { return pr.What == row.Detail }) {
		text = append(text, row.Detail)
	}
	for _, d := range row.Diff {
		line := fmt.Sprintf("%s: there %s, wanted %s", d.Field, short(d.Remote), wanted(d))
		if d.Last != nil {
			line += ", last sent " + short(d.Last)
		}
		text = append(text, line)
	}
	for _, pr := range row.Problems {
		text = append(text, either(pr.Class == manifest.Warn, "warning: ", "")+pr.String())
	}
	return []htmldoc.Cell{{Text: row.ExternalID, Code: true}, itemCell(row), stacked(text)}
}

// itemCell is what an item is, and where it comes from.
func itemCell(row *pipeline.Row) htmldoc.Cell {
	c := htmldoc.Cell{Text: row.Name}
	switch {
	case row.Name == "":
		c.Text = row.Source
	case row.Name != row.Source:
		c.Lines = nonEmpty(row.Source)
	}
	return c
}

// stacked is a cell of several lines; empty ones are left out.
func stacked(all []string) htmldoc.Cell {
	all = nonEmpty(all...)
	if len(all) == 0 {
		return htmldoc.Cell{}
	}
	return htmldoc.Cell{Text: all[0], List: all[1:]}
}

func problemLines(all []manifest.Problem) (text []string) {
	for _, pr := range all {
		text = append(text, pr.String())
	}
	return text
}

// forecast is how long the work takes, and by what assumptions.
func (h *planPage) forecast() []htmldoc.Section {
	f := h.sum.Forecast
	text := forecastLines(f)
	if len(text) == 0 {
		return nil
	}
	sec := htmldoc.Section{ID: "forecast", Title: "How long it takes", Parts: []htmldoc.Part{{Text: []string{capital(text[0]) + "."}}, {List: text[1:]}}}
	if len(f.Runs) > 1 {
		sec.Parts = append(sec.Parts, htmldoc.Part{
			Table: &htmldoc.Table{
				Name: "Runs that it takes", Columns: []htmldoc.Column{{Title: "From"}, {Title: "To"}, {Title: "Requests", Number: true}, {Title: "Of the work", Number: true}, {Title: ""}},
				Rows: func(yield func([]htmldoc.Cell) bool) {
					for _, r := range f.Runs {
						if !yield([]htmldoc.Cell{{Text: day(r.Start)}, {Text: day(r.End)}, {Text: Count(r.Requests)}, {Text: fmt.Sprintf("%.0f %%", r.Share*100)}, {Bar: r.Share}}) {
							return
						}
					}
				},
			},
			More: either(f.Likely.Runs > len(f.Runs), "and "+Count(f.Likely.Runs-len(f.Runs))+" more", ""),
		})
	}
	return []htmldoc.Section{sec}
}

// moved are new items that may be those of files that were renamed.
func (h *planPage) moved() []htmldoc.Section {
	if h.sum.Moved == 0 {
		return nil
	}
	most := limit(pageLines, h.full)
	return []htmldoc.Section{{ID: "moved", Title: "Moved?", Count: Count(h.sum.Moved), Parts: []htmldoc.Part{{
		Text: []string{"These have the bytes of items that are no longer listed. migrate state rename OLD NEW keeps an asset; else a new one is made."},
		Table: &htmldoc.Table{
			Name: "Items that may have moved", Columns: []htmldoc.Column{{Title: "Old external ID"}, {Title: "New external ID"}, {Title: "New item"}},
			Rows: h.rows(pipeline.ActionCreate, "", most, func(row *pipeline.Row) []htmldoc.Cell {
				if row.Moved == "" {
					return nil
				}
				return []htmldoc.Cell{{Text: row.Moved, Code: true}, {Text: row.ExternalID, Code: true}, itemCell(row)}
			}),
		},
		More: rest(h.sum.Moved, most),
	}}}}
}

// exposure is who will see what, by Division.
func (h *planPage) exposure() []htmldoc.Section {
	e := h.sum.Exposure
	if e.Empty() {
		return nil
	}
	return []htmldoc.Section{{ID: "exposure", Title: "Who will see it", Parts: exposureParts(e, limit(pageLines, h.full), limit(someDays, h.full))}}
}

func exposureParts(e *pipeline.Exposure, most, someDays int) []htmldoc.Part {
	var part, after htmldoc.Part
	shown := min(len(e.Divisions), most)
	if shown > 0 {
		part.Table = &htmldoc.Table{
			Name: "Who will see it, by Division",
			Columns: []htmldoc.Column{
				{Title: "Division"}, {Title: "At once", Number: true}, {Title: "Later", Number: true}, {Title: "Can be shared outside", Number: true}, {Title: "Never expire", Number: true}, {Title: "In words"},
			},
			Rows: func(yield func([]htmldoc.Cell) bool) {
				for i := range e.Divisions[:shown] {
					v := &e.Divisions[i]
					if !yield([]htmldoc.Cell{{Text: v.Division}, {Text: Count(v.Now)}, {Text: Count(v.LaterAll)}, {Text: Count(v.Shareable)}, {Text: Count(v.NoExpiry)}, stacked(divisionLines(v, someDays))}) {
						return
					}
				}
			},
		}
	}
	if e.Links != nil {
		after.Text = append(after.Text, linkLine(e.Links))
	}
	if e.Timezone != "" && days(e) {
		after.Text = append(after.Text, "Days are those of "+e.Timezone+".")
	}
	after.Text = append(after.Text, "Who may read the files where they come from is not carried over.")
	if more := len(e.Divisions) - shown; more > 0 {
		part.More = "and " + Plural(more, "more Division", "more Divisions") + ": --full shows all"
	}
	return []htmldoc.Part{part, after}
}

// unmapped are the values without an entry in their map.
func (h *planPage) unmapped() []htmldoc.Section {
	u := h.plan.Unmapped
	if len(u.Values) == 0 {
		return nil
	}
	most := min(len(u.Values), limit(pageLines, h.full))
	part := htmldoc.Part{
		Table: &htmldoc.Table{
			Name: "Values that no map has", Columns: []htmldoc.Column{{Title: "Value"}, {Title: "Map"}, {Title: "Items", Number: true}, {Title: "First at"}},
			Rows: func(yield func([]htmldoc.Cell) bool) {
				for _, v := range u.Values[:most] {
					if !yield(htmldoc.Words(v.Value, v.Map, Count(v.Count), v.Pos.String())) {
						return
					}
				}
			},
		},
		More: rest(len(u.Values), most),
	}
	return []htmldoc.Section{{ID: "unmapped", Title: "Not in the maps", Count: Count(len(u.Values)), Parts: []htmldoc.Part{part}}}
}

// tags are those that are made, that look alike, and that a rollback deletes.
func (h *planPage) tags() (secs []htmldoc.Section) {
	s := h.sum
	if s.NewTagsAll > 0 {
		shown := min(len(s.NewTags), limit(pageTags, h.full))
		secs = append(secs, htmldoc.Section{ID: "tags", Title: "New tags", Count: Count(s.NewTagsAll), Parts: []htmldoc.Part{{
			Table: &htmldoc.Table{
				Name: "New tags", Columns: []htmldoc.Column{{Title: "Tag"}, {Title: "Division"}, {Title: "Items", Number: true}},
				Rows: func(yield func([]htmldoc.Cell) bool) {
					for _, t := range s.NewTags[:shown] {
						if !yield(htmldoc.Words(t.Name, t.Division, either(t.Items == 0, "for a tag category", Count(t.Items)))) {
							return
						}
					}
				},
			},
			More: either(s.NewTagsAll > shown, "and "+Count(s.NewTagsAll-shown)+" more", ""),
		}}})
	}
	named := func(id, title string, names []string) {
		if len(names) == 0 {
			return
		}
		shown := min(len(names), limit(pageTags, h.full))
		secs = append(secs, htmldoc.Section{ID: id, Title: title, Count: Count(len(names)), Parts: []htmldoc.Part{{List: names[:shown], More: rest(len(names), shown)}}})
	}
	named("old-tags", "Tags that are deleted if nothing uses them any more", s.OldTags)
	named("twins", "Tags that look alike", problemLines(s.TagTwins))
	return secs
}

// leftovers are what the manifest leaves behind.
func (h *planPage) leftovers() []htmldoc.Section {
	l := h.plan.Leftovers
	if l == nil || len(l.Reasons) == 0 {
		return nil
	}
	sec := htmldoc.Section{ID: "not-included", Title: "Not included", Count: l.counts()}
	for _, reason := range manifest.LeftReasons() {
		n := l.Reasons[reason]
		if n == 0 {
			continue
		}
		part := htmldoc.Part{Heading: fmt.Sprintf("%s (%s)", capital(leftoverText[reason]), Count(n))}
		for _, o := range l.Samples {
			if o.Reason == reason {
				part.List = append(part.List, leftoverLine(o))
			}
		}
		if n > someLeftovers {
			part.More = fmt.Sprintf("and %s more (the evidence of a run lists all)", Count(n-someLeftovers))
		}
		sec.Parts = append(sec.Parts, part)
	}
	return []htmldoc.Section{sec}
}

// identical are files with the same bytes.
func (h *planPage) identical(same *pipeline.Identical) []htmldoc.Section {
	if same == nil {
		return nil
	}
	return []htmldoc.Section{{ID: "identical", Title: "Identical content", Count: Count(same.Items - same.Groups), Parts: []htmldoc.Part{{
		Text: []string{identicalLine(same)},
		Table: &htmldoc.Table{
			Name: "Files with the same bytes", Columns: []htmldoc.Column{{Title: "External IDs"}, {Title: "Items", Number: true}, {Title: "Size of each", Number: true}},
			Rows: func(yield func([]htmldoc.Cell) bool) {
				for _, g := range same.Top {
					c := htmldoc.Cell{Text: strings.Join(g.Samples, ", "), Code: true}
					if more := g.Items - len(g.Samples); more > 0 {
						c.Lines = []string{"and " + Count(more) + " more"}
					}
					if !yield([]htmldoc.Cell{c, {Text: Count(g.Items)}, {Text: Bytes(g.Size)}}) {
						return
					}
				}
			},
		},
		More: either(same.Groups > len(same.Top), "and "+Count(same.Groups-len(same.Top))+" more groups", ""),
	}}}}
}

// actions are the rows that are carried out, and those with nothing to do.
func (h *planPage) actions() (secs []htmldoc.Section) {
	for _, a := range order {
		n := h.sum.Actions[a]
		if n == 0 {
			continue
		}
		sec := htmldoc.Section{ID: string(a), Title: capital(string(a)), Count: Count(n)}
		most := limit(pageRows, h.full)
		if n > most || a == pipeline.ActionUnchanged {
			sec.Parts = append(sec.Parts, groupPart(a, h.plan.groups.of(a), limit(pageGroups, h.full)))
		}
		if a != pipeline.ActionUnchanged || h.full {
			sec.Parts = append(sec.Parts, htmldoc.Part{
				Table: &htmldoc.Table{
					Name: capital(string(a)) + ": rows", Columns: []htmldoc.Column{{Title: "External ID"}, {Title: "Item"}, {Title: "Division"}, {Title: "To upload", Number: true}, {Title: either(a == pipeline.ActionCreate, "Remarks", "What changes")}},
					Rows: h.rows(a, "", most, rowCells),
				},
				More: rest(n, most),
			})
		}
		secs = append(secs, sec)
	}
	return secs
}

// groupPart says where the rows of an action are.
func groupPart(a pipeline.Action, all []Group, most int) htmldoc.Part {
	shown, largest := min(len(all), most), 1
	if len(all) > 0 {
		largest = max(1, all[0].Items)
	}
	part := htmldoc.Part{Table: &htmldoc.Table{
		Name: capital(string(a)) + ": by Division and folder", Columns: []htmldoc.Column{{Title: "Division"}, {Title: "Folder"}, {Title: "To upload", Number: true}, {Title: "Items", Number: true}, {Title: ""}},
		Rows: func(yield func([]htmldoc.Cell) bool) {
			for _, g := range all[:shown] {
				if !yield([]htmldoc.Cell{{Text: orNone(g.Division)}, {Text: orNone(g.Folder)}, {Text: sizeOrNone(g.Bytes)}, {Text: Count(g.Items)}, {Bar: float64(g.Items) / float64(largest)}}) {
					return
				}
			}
		},
	}}
	if more := len(all) - shown; more > 0 {
		part.More = "and " + Plural(more, "more folder", "more folders")
	}
	return part
}

func sizeOrNone(n int64) string { return either(n == 0, "-", Bytes(n)) }

func rowCells(row *pipeline.Row) []htmldoc.Cell {
	var text []string
	add := func(cond bool, line string) {
		if cond {
			text = append(text, line)
		}
	}
	add(row.Step != "", "continues at "+string(row.Step))
	add(row.Overwrites != "", "overwrites what a person changed")
	add(row.Reason == pipeline.ReasonProvisional, "provisional: a run looks it up before it creates anything")
	add(row.Moved != "", "moved? It has the bytes of "+row.Moved)
	for _, d := range row.Diff {
		text = append(text, fmt.Sprintf("%s: %s → %s", d.Field, short(d.Remote), wanted(d)))
	}
	add((len(row.Spared) > 0 || row.Unlisted) && row.Detail != "", row.Detail)
	for _, pr := range row.Problems {
		add(pr.Class == manifest.Warn, "warning: "+pr.String())
	}
	size := "-"
	if row.Puts > 0 {
		size = Bytes(row.Size)
	}
	return []htmldoc.Cell{{Text: row.ExternalID, Code: true}, itemCell(row), {Text: orNone(row.Division)}, {Text: size}, stacked(text)}
}

// extras are what the manifest makes beside its items, and what a rollback leaves of it.
func (h *planPage) extras() (secs []htmldoc.Section) {
	for _, w := range extraWords {
		rows := h.plan.extrasOf(w.kind)
		if !h.back {
			rows = slices.DeleteFunc(rows, func(r pipeline.ExtraRow) bool {
				return decision(r.Action) || r.Action == pipeline.ActionUnchanged && r.Detail == "" && !h.full
			})
		}
		if len(rows) == 0 {
			continue
		}
		shown := min(len(rows), limit(someDecisions, h.full))
		part := htmldoc.Part{
			Table: &htmldoc.Table{
				Name: w.title, Columns: []htmldoc.Column{{Title: capital(w.one)}, {Title: "Action"}, {Title: "What"}},
				Rows: func(yield func([]htmldoc.Cell) bool) {
					for i := range rows[:shown] {
						if !yield([]htmldoc.Cell{{Text: rows[i].Key, Code: true}, {Text: string(rows[i].Action)}, stacked(extraParts(&rows[i]))}) {
							return
						}
					}
				},
			},
			More: rest(len(rows), shown),
		}
		if w.kind == state.Share && !h.back {
			part.List = shareLines(rows)
		}
		secs = append(secs, htmldoc.Section{ID: "extra-" + w.member, Title: w.title, Count: Count(len(rows)), Parts: []htmldoc.Part{part}})
	}
	return secs
}

func extraParts(row *pipeline.ExtraRow) []string {
	what := list(row.Name, either(row.User == "", "", "of "+row.User), either(row.Source == "", "", "from "+row.Source), either(row.Puts == 0, "", Bytes(row.Size)), some(row.Assets, "asset", "assets"))
	text := []string{what}
	if !row.ExpiresAt.IsZero() {
		text = append(text, "until "+row.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if row.NeverExpires {
		text = append(text, "never expires")
	}
	text = append(text, row.Detail)
	for _, d := range row.Diff {
		text = append(text, fmt.Sprintf("%s: %s → %s", d.Field, short(d.Remote), short(d.Wanted)))
	}
	return append(text, problemLines(row.Problems)...)
}

// signing says how the plan is carried out, and leaves room for who approves it.
func (h *planPage) signing() []htmldoc.Section {
	if h.back || !h.sum.Work() {
		return nil
	}
	part := htmldoc.Part{
		Text:  []string{"A run decides each item anew by the same rules. To have exactly these rows carried out and no others, save the plan with --out, and run it with --plan."},
		Lines: []string{"Approved by", "Date", "Signature"},
	}
	if f := h.plan.Header.Saved; f != nil {
		part.Text = []string{"These rows and no others are carried out by the command below. A row that is no longer as it was planned is refused, and says why."}
		part.Facts = []htmldoc.Fact{{Name: "Command", Value: []string{f.Next}, Code: true}, {Name: "Saved plan", Value: []string{f.Path}, Code: true}, {Name: "Rows", Value: []string{Count(f.Rows)}}, {Name: "SHA-256", Value: []string{f.Digest}, Code: true}}
	}
	return []htmldoc.Section{{ID: "carry-out", Title: "To carry it out", Parts: []htmldoc.Part{part}}}
}
