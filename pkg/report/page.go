package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/showpad-migrate/migrate/pkg/htmldoc"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// How much of a run the page tells, beside what [overview] keeps.
const (
	pageDivisions = 50
	pageFiles     = 30
	pageSettings  = 60
	pageMoments   = 100
	// The longest texts of the page, in characters; the tables have them whole.
	longName    = 160
	longText    = 200
	longMessage = 400
)

// writePage makes summary.html: the evidence of a run for people, as one file that
// stands alone.
func writePage(dir string, e Evidence, s Summary, o *overview) error {
	out, err := newOutput(dir, PageFile)
	if err != nil {
		return err
	}
	if err := runPage(e, s, o).Write(out); err != nil {
		out.abandon()
		return fmt.Errorf("%s: %w", PageFile, err)
	}
	return out.commit()
}

func runPage(e Evidence, s Summary, o *overview) *htmldoc.Page {
	p := &htmldoc.Page{
		Kind: "Evidence of a run", Sentence: s.Sentence, Mark: markOfCode(s),
		Title: fmt.Sprintf("Run %s, %s", e.Run, where(e)),
		Facts: runFacts(e, s), Figures: runFigures(s),
		Foot: []string{
			"Run " + e.Run + ". The numbers are those of " + ResultsFile + ", which has a row for each item. Whether this page is as the run left it, migrate report verify tells.",
		},
	}
	for _, sec := range []htmldoc.Section{
		outcomeSection(s), troubleSection(s, o), throughputSection(s, o), stageSection(s), slowestSection(o), identicalSection(&o.identical),
		exposureSection(s.Exposure), timelineSection(s), requestsSection(s), settingsSection(e),
	} {
		if len(sec.Parts) > 0 {
			p.Sections = append(p.Sections, sec)
		}
	}
	return p
}

// markOfCode is how good an outcome is.
func markOfCode(s Summary) htmldoc.Mark {
	switch s.Code {
	case 0:
		return htmldoc.Good
	case 1, 2, 4:
		return htmldoc.Bad
	}
	return htmldoc.Care
}

func runFacts(e Evidence, s Summary) (all []htmldoc.Fact) {
	add := func(name, value string, code bool) {
		if value != "" {
			all = append(all, htmldoc.Fact{Name: name, Value: []string{value}, Code: code})
		}
	}
	add("Tenant", where(e), false)
	add("Manifest", e.Manifest.Path, true)
	add("Manifest SHA-256", e.Manifest.Digest, true)
	add("Plan SHA-256", e.PlanDigest, true)
	add("From", s.Start.Format(time.DateTime+" -07:00"), false)
	to := s.End.Format(time.DateTime+" -07:00") + ", " + duration(s.End.Sub(s.Start))
	if s.Recovered {
		to += " (last seen then: the process was ended from outside)"
	}
	add("To", to, false)
	add("At the service", e.ServiceUser, false)
	by := cmp.Or(e.Machine.User, "unknown") + " on " + cmp.Or(e.Machine.Host, "unknown")
	if e.Machine.Zone != "" {
		by += " (" + e.Machine.Zone + ")"
	}
	add("By", by, false)
	add("Exit code", strconv.Itoa(s.Code), false)
	return all
}

func runFigures(s Summary) []htmldoc.Figure {
	all := []htmldoc.Figure{{Name: "Items", Value: comma(s.Items)}, {Name: "Succeeded", Value: comma(s.Success)}, {Name: "Need somebody", Value: comma(s.Failures)}, {Name: "Not finished", Value: comma(s.Unfinished)}}
	if s.Sent != nil {
		all = append(all, htmldoc.Figure{Name: "Sent", Value: humanize.Bytes(uint64(max(s.Sent.Bytes, 0))), Note: comma(s.Sent.Puts) + " uploads"},
			htmldoc.Figure{Name: "Requests", Value: comma(s.Sent.Requests), Note: "to the API"})
	}
	return all
}

// statusMarks are the marks of statuses, best first.
var statusMarks = []struct {
	status string
	mark   htmldoc.Mark
}{
	{string(state.Done), htmldoc.Good}, {"unchanged", htmldoc.Good}, {string(state.Failed), htmldoc.Bad},
	{"conflict", htmldoc.Care}, {"blocked", htmldoc.Care}, {string(state.Registering), htmldoc.Care}, {string(state.ExtraUnknown), htmldoc.Care},
}

func markOf(status string) htmldoc.Mark {
	for _, m := range statusMarks {
		if m.status == status {
			return m.mark
		}
	}
	return htmldoc.Wait
}

// outcomeSection is what became of the items, by status, and by what was planned.
func outcomeSection(s Summary) htmldoc.Section {
	sec := htmldoc.Section{ID: "outcome", Title: "Outcome"}
	if len(s.Status) > 0 {
		names := largest(s.Status)
		rank := []htmldoc.Mark{htmldoc.Good, htmldoc.Wait, htmldoc.Care, htmldoc.Bad}
		slices.SortStableFunc(names, func(a, b string) int {
			return cmp.Compare(slices.Index(rank, markOf(a)), slices.Index(rank, markOf(b)))
		})
		strip := &htmldoc.Strip{Name: "Items by status"}
		for _, status := range names {
			strip.Parts = append(strip.Parts, htmldoc.StripPart{Name: status, Mark: markOf(status), N: s.Status[status], Count: comma(s.Status[status])})
		}
		sec.Parts = append(sec.Parts, htmldoc.Part{Strip: strip})
	}
	if s.Unfinished > 0 {
		sec.Parts = append(sec.Parts, htmldoc.Part{Text: []string{comma(s.Unfinished) + " are not finished: the next run goes on with them."}})
	}
	if len(s.Actions) > 0 {
		sec.Parts = append(sec.Parts, htmldoc.Part{Heading: "What was to be done", Table: countTable("Items by action", "Action", "Items", s.Actions)})
	}
	for _, kind := range state.ExtraKinds() {
		if of := s.Extras[kind]; len(of) > 0 {
			sec.Parts = append(sec.Parts, htmldoc.Part{Heading: capital(extraNames[kind]), Table: countTable(capital(extraNames[kind])+" by status", "Status", "Number", of)})
		}
	}
	return sec
}

// countTable is counts with bars, the largest first.
func countTable(name, what, number string, counts map[string]int) *htmldoc.Table {
	names := largest(counts)
	return &htmldoc.Table{
		Name: name, Columns: []htmldoc.Column{{Title: what}, {Title: number, Number: true}, {Title: ""}},
		Rows: func(yield func([]htmldoc.Cell) bool) {
			for _, n := range names {
				if !yield([]htmldoc.Cell{{Text: n}, {Text: comma(counts[n])}, {Bar: float64(counts[n]) / float64(max(1, counts[names[0]]))}}) {
					return
				}
			}
		},
	}
}

// troubleSection is what needs a person, reason by reason with the way on.
func troubleSection(s Summary, o *overview) htmldoc.Section {
	sec := htmldoc.Section{ID: "needs", Title: "Needs somebody", Count: comma(s.Failures + o.extrasAll)}
	slices.SortStableFunc(o.order, func(a, b trouble) int { return cmp.Compare(o.troubles[b].n, o.troubles[a].n) })
	for _, key := range o.order {
		t := o.troubles[key]
		part := htmldoc.Part{Heading: fmt.Sprintf("%s: %s", capital(key.status), items(t.n)), Code: htmldoc.Cut(key.code, longName), Text: Explain(key.status, key.code)}
		if len(t.rows) > 0 {
			part.Table = &htmldoc.Table{
				Name: part.Heading + ", " + part.Code, Columns: []htmldoc.Column{{Title: "External ID"}, {Title: "Item"}, {Title: "Message"}}, Rows: rowsOf(t.rows, troubleCells),
			}
		}
		if more := t.n - len(t.rows); more > 0 {
			part.More = fmt.Sprintf("and %s more: %s has all", comma(more), FailuresFile)
		}
		sec.Parts = append(sec.Parts, part)
	}
	if o.extrasAll > 0 {
		part := htmldoc.Part{Heading: "Beside the items", Table: &htmldoc.Table{
			Name: "Beside the items", Columns: []htmldoc.Column{{Title: "Key"}, {Title: "What"}, {Title: "Message"}}, Rows: rowsOf(o.extras, troubleCells),
		}}
		if more := o.extrasAll - len(o.extras); more > 0 {
			part.More = fmt.Sprintf("and %s more: %s has all", comma(more), ResultsFile)
		}
		sec.Parts = append(sec.Parts, part)
	}
	return sec
}

// Explain is what a code of a result with this status means, and what there is to do, a
// sentence each; nil for a code that is not known.
func Explain(status, code string) []string {
	kinds := []string{"failed", "blocked", "stale", "conflicts", "reasons"}
	switch status {
	case string(state.Registering):
		return []string{"The answers to their creates are missing. Nothing is sent again before they are looked up.", "What to do: Run again."}
	case "blocked":
		kinds = []string{"blocked", "stale", "failed", "conflicts"}
	case "conflict":
		kinds = []string{"conflicts", "blocked"}
	}
	if c, known := manifest.CodeOf(code); known {
		return []string{c.Cause, "What to do: " + c.Remedy}
	}
	w, known := pipeline.WordOf(code, kinds...)
	w.Meaning, w.Remedy = strings.ReplaceAll(w.Meaning, "`", ""), strings.ReplaceAll(w.Remedy, "`", "")
	switch {
	case !known:
		return nil
	case w.Remedy == "Nothing.":
		return []string{w.Meaning}
	}
	return []string{w.Meaning, "What to do: " + w.Remedy}
}

func troubleCells(r row) []htmldoc.Cell {
	id := htmldoc.Cell{Text: htmldoc.Cut(r.ExternalID, longName), Code: true}
	what := htmldoc.Cell{Text: htmldoc.Cut(cmp.Or(r.Name, r.Source), longName)}
	if r.Name != "" && r.Source != "" && r.Source != r.Name {
		what.Lines = []string{htmldoc.Cut(r.Source, longName)}
	}
	message := htmldoc.Cell{Text: htmldoc.Cut(r.message(), longMessage)}
	if r.Kind != "" {
		id.Text = htmldoc.Cut(r.Key, longName)
		what = htmldoc.Cell{Text: strings.TrimSuffix(extraNames[r.Kind], "s"), Lines: []string{r.Status + ", " + r.code()}}
	}
	return []htmldoc.Cell{id, what, message}
}

func rowsOf[T any](all []T, cells func(T) []htmldoc.Cell) func(func([]htmldoc.Cell) bool) {
	return func(yield func([]htmldoc.Cell) bool) {
		for _, v := range all {
			if !yield(cells(v)) {
				return
			}
		}
	}
}

// limitNames are what can limit a run.
var limitNames = map[string]string{
	"rate": "the rate of requests", "closed": "the service asked to wait", "requests": "requests in flight", "budget": "the budget of requests", "bandwidth": "the bandwidth", "uploads": "uploads in flight", "file": "single uploads",
	"source": "reading the files", "hashing": "checksums", "state": "the disk of the state", "processing": "processing at the service", "window": "the window",
}

// throughputSection is what was done when.
func throughputSection(s Summary, o *overview) htmldoc.Section {
	sec := htmldoc.Section{ID: "pace", Title: "Pace"}
	if l := s.Limit; l != nil && l.Sentence != "" {
		sec.Parts = append(sec.Parts, htmldoc.Part{Text: []string{l.Sentence}})
	}
	b := &o.buckets
	labels := b.labels()
	chart := func(name string, values []float64, show func(float64) string) {
		sum, top, at := 0.0, 0.0, 0
		for i, v := range values {
			if sum += v; v > top {
				top, at = v, i
			}
		}
		if sum == 0 {
			return
		}
		sec.Parts = append(sec.Parts, htmldoc.Part{Columns: &htmldoc.Columns{
			Name: fmt.Sprintf("%s in each %s", name, each(b.width)), Labels: labels, Values: values, Show: show,
			Text: fmt.Sprintf("%s over time, from %s on: %s in all, at most %s in %s, from %s on", name, labels[0], show(sum), show(top), duration(b.width), labels[at]),
			From: labels[0], To: b.start.Add(b.width * time.Duration(len(values))).Format(labelFormat(b)),
		}})
	}
	chart("Items done", b.items, func(v float64) string { return humanize.Comma(int64(v)) })
	chart("Bytes of their files", b.bytes, func(v float64) string { return humanize.Bytes(uint64(v)) })
	if l := s.Limit; l != nil && len(l.Shares) > 0 {
		names := slices.SortedFunc(maps.Keys(l.Shares), func(a, b string) int {
			return cmp.Or(cmp.Compare(l.Shares[b], l.Shares[a]), strings.Compare(a, b))
		})
		sec.Parts = append(sec.Parts, htmldoc.Part{Heading: "What limited it", Table: &htmldoc.Table{
			Name: "What limited the run", Columns: []htmldoc.Column{{Title: "What"}, {Title: "Of the time", Number: true}, {Title: ""}},
			Rows: rowsOf(names, func(name string) []htmldoc.Cell {
				return []htmldoc.Cell{{Text: cmp.Or(limitNames[name], name, "nothing that could be told")}, {Text: fmt.Sprintf("%.0f %%", l.Shares[name]*100)}, {Bar: l.Shares[name]}}
			}),
		}})
	}
	return sec
}

// stageNames are what the stages do.
var stageNames = map[string]string{
	"hash": "Read the file", "register": "Create the asset", "keep": "Keep what is replaced", "transfer": "Upload", "settle": "Wait for processing", "update": "Set fields", "link": "Link language variants",
}

// stageSection is how long items were in each stage.
func stageSection(s Summary) htmldoc.Section {
	sec := htmldoc.Section{ID: "stages", Title: "Where the time of items went"}
	if len(s.Stages) == 0 {
		return sec
	}
	longest := 0.0
	for _, st := range s.Stages {
		longest = max(longest, st.Mean)
	}
	sec.Parts = []htmldoc.Part{{
		Text: []string{"Waits for requests, uploads and repeats are in these times. Items go through the stages side by side."},
		Table: &htmldoc.Table{
			Name: "Time in each stage", Columns: []htmldoc.Column{{Title: "Stage"}, {Title: "Items", Number: true}, {Title: "On average", Number: true}, {Title: "", Number: false}, {Title: "At most", Number: true}, {Title: "Of"}},
			Rows: rowsOf(s.Stages, func(st StageTime) []htmldoc.Cell {
				bar := 0.0
				if longest > 0 {
					bar = st.Mean / longest
				}
				return []htmldoc.Cell{{Text: cmp.Or(stageNames[st.Stage], st.Stage)}, {Text: comma(st.Items)}, {Text: inSeconds(st.Mean)}, {Bar: bar}, {Text: inSeconds(st.Max)}, {Text: htmldoc.Cut(st.Slowest, longName), Code: true}}
			}),
		},
	}}
	return sec
}

// slowestSection are the items that took longest.
func slowestSection(o *overview) htmldoc.Section {
	sec := htmldoc.Section{ID: "slowest", Title: "The slowest"}
	if len(o.slowest) == 0 {
		return sec
	}
	longest := o.slowest[0].took
	sec.Parts = []htmldoc.Part{{Table: &htmldoc.Table{
		Name: "The slowest items", Columns: []htmldoc.Column{{Title: "External ID"}, {Title: "Item"}, {Title: "Status"}, {Title: "Size", Number: true}, {Title: "Took", Number: true}, {Title: ""}},
		Rows: rowsOf(o.slowest, func(r timedRow) []htmldoc.Cell {
			bar := 0.0
			if longest > 0 {
				bar = float64(r.took) / float64(longest)
			}
			return []htmldoc.Cell{
				{Text: htmldoc.Cut(r.ExternalID, longName), Code: true}, {Text: htmldoc.Cut(cmp.Or(r.Name, r.Source), longName)}, {Text: r.Status, Mark: markOf(r.Status)},
				{Text: humanize.Bytes(uint64(max(r.Size, 0)))}, {Text: duration(r.took)}, {Bar: bar},
			}
		}),
	}}}
	return sec
}

// identicalSection are files with the same bytes.
func identicalSection(same *pipeline.Identical) htmldoc.Section {
	sec := htmldoc.Section{ID: "identical", Title: "Identical content", Count: comma(same.Items - same.Groups)}
	if same.Groups == 0 {
		return sec
	}
	part := htmldoc.Part{
		Text: []string{fmt.Sprintf("%s with the bytes of another one in their Division, %s more than needed.", capital(items(same.Items-same.Groups)), humanize.Bytes(uint64(max(same.Bytes, 0))))},
		Table: &htmldoc.Table{
			Name: "Items with the same bytes", Columns: []htmldoc.Column{{Title: "External IDs"}, {Title: "Items", Number: true}, {Title: "Size of each", Number: true}},
			Rows: rowsOf(same.Top, func(g pipeline.SameBytes) []htmldoc.Cell {
				c := htmldoc.Cell{Text: htmldoc.Cut(strings.Join(g.Samples, ", "), longMessage), Code: true}
				if more := g.Items - len(g.Samples); more > 0 {
					c.Lines = []string{"and " + comma(more) + " more"}
				}
				return []htmldoc.Cell{c, {Text: comma(g.Items)}, {Text: humanize.Bytes(uint64(max(g.Size, 0)))}}
			}),
		},
	}
	if more := same.Groups - len(same.Top); more > 0 {
		part.More = "and " + comma(more) + " more groups"
	}
	sec.Parts = []htmldoc.Part{part}
	return sec
}

// exposureColumn is something that is counted in each Division.
type exposureColumn struct {
	title string
	count func(*pipeline.DivisionView) int
}

// exposureSection is who sees what the run set out to do.
func exposureSection(e *pipeline.Exposure) htmldoc.Section {
	sec := htmldoc.Section{ID: "exposure", Title: "Who will see it"}
	if e.Empty() {
		return sec
	}
	divisions := e.Divisions[:min(len(e.Divisions), pageDivisions)]
	part := htmldoc.Part{Text: []string{"As the run decided it, by Division. Who may read the files where they come from was not carried over."}}
	if l := e.Links; l != nil {
		part.Text = append(part.Text, fmt.Sprintf("Share links: %s, to %s assets; %s never expire, %s allow downloads. Whoever has a link sees them.", comma(l.Shares), comma(l.Assets), comma(l.NoExpiry), comma(l.Downloadable)))
	}
	columns := []exposureColumn{
		{"At once", func(v *pipeline.DivisionView) int { return v.Now }},
		{"Later", func(v *pipeline.DivisionView) int { return v.LaterAll }},
		{"Hidden", func(v *pipeline.DivisionView) (n int) {
			for _, k := range v.Hidden {
				n += k
			}
			return n
		}},
		{"No longer seen", func(v *pipeline.DivisionView) int { return v.Gone }},
		{"Can be shared outside", func(v *pipeline.DivisionView) int { return v.Shareable }},
		{"Can be downloaded outside", func(v *pipeline.DivisionView) int { return v.Downloadable }},
		{"Seen by other Divisions", func(v *pipeline.DivisionView) int { return v.DivisionShared }},
		{"Never expire", func(v *pipeline.DivisionView) int { return v.NoExpiry }},
		{"New bytes under links", func(v *pipeline.DivisionView) int { return v.Changes.NewBytes }},
	}
	if len(divisions) > 0 {
		part.Table = &htmldoc.Table{Name: "Who will see it, by Division", Columns: []htmldoc.Column{{Title: "Division"}}}
		columns = slices.DeleteFunc(columns, func(c exposureColumn) bool {
			return c.title != "At once" && !slices.ContainsFunc(e.Divisions, func(v pipeline.DivisionView) bool { return c.count(&v) > 0 })
		})
		for _, c := range columns {
			part.Table.Columns = append(part.Table.Columns, htmldoc.Column{Title: c.title, Number: true})
		}
		part.Table.Rows = rowsOf(divisions, func(v pipeline.DivisionView) []htmldoc.Cell {
			cells := []htmldoc.Cell{{Text: htmldoc.Cut(v.Division, longName)}}
			for _, c := range columns {
				cells = append(cells, htmldoc.Cell{Text: comma(c.count(&v))})
			}
			return cells
		})
	}
	if more := len(e.Divisions) - len(divisions); more > 0 {
		part.More = fmt.Sprintf("and %s more Divisions: %s has all", comma(more), SummaryFile)
	}
	sec.Parts = []htmldoc.Part{part}
	return sec
}

var momentNames = map[string]string{"waiting": "Wait", "warned": "Warning", "retry": "Repeat"}

// timelineSection is what happened on the way.
func timelineSection(s Summary) htmldoc.Section {
	sec := htmldoc.Section{ID: "timeline", Title: "On the way"}
	if len(s.Timeline) == 0 {
		return sec
	}
	part := htmldoc.Part{Table: &htmldoc.Table{
		Name: "What happened on the way", Columns: []htmldoc.Column{{Title: "When"}, {Title: "What"}, {Title: "Times", Number: true}, {Title: "In words"}},
		Rows: rowsOf(s.Timeline[:min(len(s.Timeline), pageMoments)], func(m Moment) []htmldoc.Cell {
			when := htmldoc.Cell{Text: m.At.Format(time.DateTime)}
			if !m.Last.IsZero() {
				when.Lines = []string{"to " + m.Last.Format(time.DateTime)}
			}
			text := htmldoc.Cell{Text: htmldoc.Cut(m.Text, longText)}
			if m.Until.After(m.At) {
				text.Lines = []string{"until " + m.Until.Format(time.DateTime)}
			}
			return []htmldoc.Cell{when, {Text: cmp.Or(momentNames[m.Kind], m.Kind), Lines: []string{htmldoc.Cut(m.Code, longName)}}, {Text: comma(m.Times)}, text}
		}),
	}}
	if more := len(s.Timeline) - pageMoments + s.TimelineLeftOut; more > 0 && len(s.Timeline) >= pageMoments {
		part.More = "and " + comma(more) + " more"
	}
	sec.Parts = []htmldoc.Part{part}
	return sec
}

// requestsSection is what was asked of the API.
func requestsSection(s Summary) htmldoc.Section {
	sec := htmldoc.Section{ID: "requests", Title: "Requests"}
	if len(s.Requests) > 0 {
		sec.Parts = []htmldoc.Part{{Table: countTable("Requests by operation", "Operation", "Requests", s.Requests)}}
	}
	return sec
}

// settingsSection is what was asked for and with what.
func settingsSection(e Evidence) htmldoc.Section {
	sec := htmldoc.Section{ID: "settings", Title: "Settings and origins"}
	part := htmldoc.Part{Facts: []htmldoc.Fact{
		{Name: "Command", Value: []string{htmldoc.Cut(strings.Join(e.Command, " "), 2000)}, Code: true},
		{Name: "Program", Value: []string{cmp.Or(e.Binary.Version, "unknown")}},
	}}
	if e.Binary.SHA256 != "" {
		part.Facts = append(part.Facts, htmldoc.Fact{Name: "Program SHA-256", Value: []string{e.Binary.SHA256}, Code: true})
	}
	sec.Parts = append(sec.Parts, part)
	if names := slices.Sorted(maps.Keys(e.Settings)); len(names) > 0 {
		part := htmldoc.Part{Heading: "Settings that were given", Table: &htmldoc.Table{
			Name: "Settings that were given", Columns: []htmldoc.Column{{Title: "Setting"}, {Title: "Value, and where it comes from"}},
			Rows: rowsOf(names[:min(len(names), pageSettings)], func(name string) []htmldoc.Cell {
				return []htmldoc.Cell{{Text: htmldoc.Cut(name, longName), Code: true}, {Text: htmldoc.Cut(e.Settings[name], longText)}}
			}),
		}}
		if more := len(names) - pageSettings; more > 0 {
			part.More = fmt.Sprintf("and %s more: %s has all", comma(more), EvidenceFile)
		}
		sec.Parts = append(sec.Parts, part)
	}
	if files := e.Manifest.Files; len(files) > 0 {
		part := htmldoc.Part{Heading: "Files that the manifest consists of", Table: &htmldoc.Table{
			Name: "Files that the manifest consists of", Columns: []htmldoc.Column{{Title: "File"}, {Title: "SHA-256"}},
			Rows: rowsOf(files[:min(len(files), pageFiles)], func(f File) []htmldoc.Cell {
				return []htmldoc.Cell{{Text: htmldoc.Cut(f.Name, longText), Code: true}, {Text: f.SHA256, Code: true}}
			}),
		}}
		if more := len(files) - pageFiles; more > 0 {
			part.More = fmt.Sprintf("and %s more: %s has all", comma(more), EvidenceFile)
		}
		sec.Parts = append(sec.Parts, part)
	}
	return sec
}

// largest are the names of counts, the largest count first.
func largest(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
}

func items(n int) string {
	if n == 1 {
		return "1 item"
	}
	return comma(n) + " items"
}

func comma(n int) string { return humanize.Comma(int64(n)) }

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// inSeconds is a time in seconds as people read it.
func inSeconds(s float64) string { return duration(time.Duration(s * float64(time.Second))) }

// each is a duration behind the word each: second, 2 s.
func each(d time.Duration) string {
	switch d {
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	}
	return duration(d)
}

// duration is a time as people read it: 340 ms, 4.2 s, 12 min, 2 h 5 min, 3 d 4 h.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second && d%time.Second >= 50*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute && d%time.Minute != 0:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour && d%time.Hour >= time.Minute:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}
