package live

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/htmldoc"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/report"
)

//go:embed live.js
var script string

// What is kept of what happened, the newest first; the evidence has all of it.
const (
	keptReasons  = 30
	keptProblems = 5 // of a reason
	keptNews     = 20
)

// ending is how the run ended.
type ending struct {
	sentence string
	code     int
	at       time.Time
}

// told is what the run said beside its numbers.
type told struct {
	problems []*problems // in the order in which their reasons came
	all      int         // problems, those that are not kept too
	news     []news
}

// problems are those of one reason.
type problems struct {
	status, reason string // "" and "": of all reasons beyond keptReasons
	all            int
	newest         []problem
}

type problem struct {
	id, text string
	at       time.Time
}

type news struct {
	kind string // what a wait is for; "" of a warning
	text string
	at   time.Time
	n    int // how often so far
}

func (t *told) observe(e pipeline.Event, redact func(string) string) {
	switch e := e.(type) {
	case pipeline.Finished:
		r := &e.Result
		if r.OK() || pipeline.Unfinished(r.Status) {
			return
		}
		p, reason := problem{cmp.Or(r.ExternalID, r.Key), "", time.Now()}, r.Reason
		if r.Error != nil {
			reason, p.text = cmp.Or(r.Error.Code, reason), redact(r.Error.Message)
		}
		t.all++
		of := t.of(r.Status, reason)
		of.all++
		of.newest = first(slices.Insert(of.newest, 0, p), keptProblems)
	case pipeline.Warned:
		text := redact(e.Text)
		if e.ExternalID != "" {
			text = e.ExternalID + ": " + text
		}
		t.tell("", text)
	case pipeline.Waiting:
		if e.Text != "" {
			t.tell(e.For, redact(e.Text))
		}
	}
}

// of are the problems with a status and a reason.
func (t *told) of(status, reason string) *problems {
	if i := slices.IndexFunc(t.problems, func(p *problems) bool { return p.status == status && p.reason == reason }); i >= 0 {
		return t.problems[i]
	}
	switch n := len(t.problems); {
	case n > keptReasons:
		return t.problems[n-1]
	case n == keptReasons:
		status, reason = "", ""
	}
	of := &problems{status: status, reason: reason}
	t.problems = append(t.problems, of)
	return of
}

// tell keeps a text. Of waits for the same, which come often, the last one counts.
func (t *told) tell(kind, text string) {
	n := 1
	if i := slices.IndexFunc(t.news, func(o news) bool { return o.kind == kind && (kind != "" || o.text == text) }); i >= 0 {
		n += t.news[i].n
		t.news = slices.Delete(t.news, i, i+1)
	}
	t.news = first(slices.Insert(t.news, 0, news{kind, text, time.Now(), n}), keptNews)
}

func first[T any](l []T, n int) []T { return l[:min(len(l), n)] }

// pageOf is the page of a moment; s.mu is held.
func (s *Server) pageOf(snap view.Snapshot) *htmldoc.Page {
	p := &htmldoc.Page{
		Title: "migrate run " + s.run.ID, Kind: "Run " + s.run.ID, Sentence: snap.Line(), Mark: htmldoc.Wait,
		Facts: []htmldoc.Fact{
			{Name: "Where", Value: []string{s.run.Tenant}}, {Name: "Manifest", Value: []string{s.run.Manifest}, Code: true},
			{Name: "Began", Value: []string{s.run.Start.Format(time.DateTime + " MST")}},
		},
		Figures: []htmldoc.Figure{
			{Name: "Items", Value: view.Count(snap.Finished), Note: "of " + view.Count(snap.Items)},
			{Name: "Bytes", Value: view.Bytes(snap.Bytes), Note: "of " + view.Bytes(max(snap.ToSend, snap.Bytes)) + " so far decided"},
			{Name: "Requests", Value: view.Count(snap.Requests)},
			{Name: "Time", Value: view.Duration(snap.Elapsed)},
		},
		Foot: []string{"Times are of the machine that runs it. The page shows and changes nothing."},
	}
	if left := snap.TimeLeft(); left != "" && s.end == nil {
		p.Figures = append(p.Figures, htmldoc.Figure{Name: "To come", Value: strings.TrimSuffix(left, " left")})
	}
	if n := snap.BudgetLeft; n != nil {
		p.Figures = append(p.Figures, htmldoc.Figure{Name: "Budget", Value: view.Count(*n), Note: "requests left before the reserve"})
	}
	if s.end != nil {
		p.Sentence, p.Mark = s.end.sentence, mark(s.end.code)
		p.Facts = append(p.Facts, htmldoc.Fact{Name: "Ended", Value: []string{fmt.Sprintf("%s, exit code %d", s.end.at.Format(time.DateTime+" MST"), s.end.code)}})
	}
	p.Sections = append(p.Sections, s.problems(), s.charts(), whereItemsAre(&snap), uploads(&snap), s.news())
	p.Sections = slices.DeleteFunc(p.Sections, func(s htmldoc.Section) bool { return len(s.Parts) == 0 })
	return p
}

// mark is of a run that ended with the code.
func mark(code int) htmldoc.Mark {
	switch code {
	case 0:
		return htmldoc.Good
	case 5, 6, 130:
		return htmldoc.Wait
	case 3:
		return htmldoc.Care
	}
	return htmldoc.Bad
}

func (s *Server) problems() htmldoc.Section {
	sec := htmldoc.Section{ID: "problems", Title: "What needs somebody", Count: view.Count(s.told.all)}
	if s.told.all == 0 {
		sec.Parts = []htmldoc.Part{{Text: []string{"Nothing so far."}}}
		return sec
	}
	for _, of := range s.told.problems {
		newest := slices.Clone(of.newest) // it is written when s.mu is not held any more
		part := htmldoc.Part{Heading: fmt.Sprintf("%s: %s", cmp.Or(of.status, "other reasons"), view.Plural(of.all, "item", "items")), Code: of.reason, Text: report.Explain(of.status, of.reason)}
		part.Heading = strings.ToUpper(part.Heading[:1]) + part.Heading[1:]
		part.Table = &htmldoc.Table{
			Name: part.Heading + ", " + of.reason + ", the newest first", Columns: []htmldoc.Column{{Title: "Item"}, {Title: "Message"}, {Title: "At"}},
			Rows: func(yield func([]htmldoc.Cell) bool) {
				for _, r := range newest {
					if !yield([]htmldoc.Cell{{Text: r.id, Code: true}, {Text: r.text}, {Text: r.at.Format(time.TimeOnly)}}) {
						return
					}
				}
			},
		}
		if more := of.all - len(newest); more > 0 {
			part.More = fmt.Sprintf("and %s before them: failures.csv has all", view.Count(more))
		}
		sec.Parts = append(sec.Parts, part)
	}
	return sec
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// charts are how the run went so far.
func (s *Server) charts() htmldoc.Section {
	h := s.history
	n := len(h.done)
	if n < 2 {
		return htmldoc.Section{}
	}
	labels := make([]string, n)
	for i := range labels {
		labels[i] = s.run.Start.Add(time.Duration(i) * h.step).Format(time.TimeOnly)
	}
	length := view.Duration(h.step)
	if h.step == time.Second {
		length = "second"
	}
	chart := func(name string, values []float64, show func(float64) string) htmldoc.Part {
		c := &htmldoc.Columns{Name: name, Labels: labels, Values: values, Show: show, From: labels[0], To: labels[n-1]}
		c.Text = fmt.Sprintf("%s, from %s to %s; at most %s, and %s last", name, c.From, c.To, c.TopText(), show(values[n-1]))
		return htmldoc.Part{Columns: c}
	}
	count := func(v float64) string { return view.Count(int(v + 0.5)) }
	return htmldoc.Section{ID: "pace", Title: "Pace", Parts: []htmldoc.Part{
		chart("Items finished in each "+length, slices.Clone(h.done), count),
		chart("Bytes sent in each "+length, slices.Clone(h.bytes), func(v float64) string { return view.Bytes(int64(v)) }),
		chart("Items under way", slices.Clone(h.queue), count),
	}}
}

// whereItemsAre is how many items are at which point.
func whereItemsAre(snap *view.Snapshot) htmldoc.Section {
	table := &htmldoc.Table{Name: "Items by where they are", Columns: []htmldoc.Column{{Title: "Where"}, {Title: "Items", Number: true}, {Title: ""}}}
	table.Rows = func(yield func([]htmldoc.Cell) bool) {
		for _, w := range snap.Where() {
			if !yield([]htmldoc.Cell{{Text: w.Name}, {Text: view.Count(w.Items)}, {Bar: float64(w.Items) / float64(max(1, snap.Items))}}) {
				return
			}
		}
	}
	return htmldoc.Section{ID: "items", Title: "Where the items are", Parts: []htmldoc.Part{{Table: table}}}
}

func uploads(snap *view.Snapshot) htmldoc.Section {
	if len(snap.Uploads) == 0 {
		return htmldoc.Section{}
	}
	table := &htmldoc.Table{Name: "Files on their way", Columns: []htmldoc.Column{{Title: "File"}, {Title: "Sent"}, {Title: "Speed", Number: true}}}
	table.Rows = func(yield func([]htmldoc.Cell) bool) {
		for _, u := range snap.Uploads {
			cell := htmldoc.Cell{Text: view.Bytes(u.Sent) + " of " + view.Bytes(u.Size), Bar: float64(u.Sent) / float64(max(1, u.Size))}
			if !yield([]htmldoc.Cell{{Text: cmp.Or(u.Name, u.ExternalID), Lines: lines(u.ExternalID)}, cell, {Text: u.Speed()}}) {
				return
			}
		}
	}
	return htmldoc.Section{ID: "files", Title: "Files on their way", Count: view.Count(len(snap.Uploads)), Parts: []htmldoc.Part{{Table: table}}}
}

func (s *Server) news() htmldoc.Section {
	if len(s.told.news) == 0 {
		return htmldoc.Section{}
	}
	rows := slices.Clone(s.told.news) // likewise
	return htmldoc.Section{ID: "told", Title: "Waits and warnings", Parts: []htmldoc.Part{{Table: &htmldoc.Table{
		Name: "Waits and warnings, the newest first", Columns: []htmldoc.Column{{Title: "What"}, {Title: "At"}},
		Rows: func(yield func([]htmldoc.Cell) bool) {
			for _, r := range rows {
				text := r.text
				if r.n > 1 {
					text = fmt.Sprintf("%s (%s so far)", text, view.Plural(r.n, "time", "times"))
				}
				if !yield(htmldoc.Words(text, r.at.Format(time.TimeOnly))) {
					return
				}
			}
		},
	}}}}
}
