package view

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestFirstLine(t *testing.T) {
	type actions = map[pipeline.Action]int
	tests := []struct {
		name string
		s    pipeline.Summary
		want string
	}{
		{"nothing in it", pipeline.Summary{}, "nothing to do: no items"},
		{"all there", pipeline.Summary{Items: 300, Actions: actions{"unchanged": 300}}, "nothing to do: 300 items are as the manifest wants them"},
		{"one there", pipeline.Summary{Items: 1, Actions: actions{"unchanged": 1}}, "nothing to do: 1 item is as the manifest wants it"},
		{"only decisions", pipeline.Summary{Items: 3, Actions: actions{"unchanged": 1, "blocked": 1, "conflict": 1}}, "nothing to do; 2 items need a decision"},
		{"new ones", pipeline.Summary{Items: 300, Actions: actions{"create": 300}, Writes: 602, Puts: 300, Bytes: 42_000_000},
			"300 new assets = 602 requests; 300 uploads (42 MB); at 5,000 a day: 1 day"},
		{"days", pipeline.Summary{Items: 12000, Actions: actions{"create": 12000}, Writes: 24000, Reads: 1200, Puts: 12000, Bytes: 1_200_000_000},
			"12,000 new assets = 25,200 requests (24,000 writes, 1,200 reads); 12,000 uploads (1.2 GB); at 5,000 a day: 6 days"},
		{"a budget", pipeline.Summary{Items: 1000, Actions: actions{"create": 1000}, Writes: 2000, Puts: 1000, Bytes: 10, Budget: &pipeline.PlanBudget{Limit: 500, Window: 24 * time.Hour, Reserve: 50}},
			"1,000 new assets = 2,000 requests; 1,000 uploads (10 B); at 450 a day: 5 days"},
		{"a budget of hours", pipeline.Summary{Items: 1000, Actions: actions{"create": 1000}, Writes: 2000, Puts: 1000, Bytes: 10, Budget: &pipeline.PlanBudget{Limit: 500, Window: time.Hour}},
			"1,000 new assets = 2,000 requests; 1,000 uploads (10 B); at 500 in 60 min: 4 h 0 min"},
		{"a mixture", pipeline.Summary{Items: 5, Actions: actions{"create": 1, "update": 1, "version": 2, "blocked": 1}, Writes: 5, Reads: 1, Puts: 3, Bytes: 10},
			"1 new asset, 1 update, 2 new versions = 6 requests (5 writes, 1 read); 3 uploads (10 B); at 5,000 a day: 1 day; 1 item needs a decision"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := FirstLine(tt.s); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// somePlan has every kind of line, with data that would steer a terminal.
func somePlan(t *testing.T, creates int) (*Plan, pipeline.Summary) {
	t.Helper()
	p, err := NewPlan(PlanHeader{Mode: "LIVE", Tenant: "acme", Manifest: "m.yaml", ID: "m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	var s pipeline.Summary
	add := func(r pipeline.Row) {
		if err := p.Add(r); err != nil {
			t.Fatal(err)
		}
		s.Add(r)
	}
	for i := range creates {
		add(pipeline.Row{ExternalID: fmt.Sprintf("SP-%d", i+1), Action: pipeline.ActionCreate, Reason: pipeline.ReasonNew, Source: "decks:a.pptx", Name: "A\x1b[31m.pptx", Size: 1000, Writes: 2, Puts: 1})
	}
	add(pipeline.Row{ExternalID: "SP-50", Action: pipeline.ActionUnchanged})
	add(pipeline.Row{ExternalID: "SP-51", Overwrites: pipeline.ConflictChanged, Action: pipeline.ActionUpdate, Reason: pipeline.ReasonFieldsDiffer, Writes: 1,
		Diff: []pipeline.FieldDiff{{Field: "description", Remote: json.RawMessage(`"old"`), Wanted: json.RawMessage(`"new"`)}}})
	add(pipeline.Row{ExternalID: "=SP-52", Action: pipeline.ActionConflict, Reason: pipeline.ConflictChanged, Detail: "a person changed it; set update.conflicts",
		Diff: []pipeline.FieldDiff{{Field: "name", Remote: json.RawMessage(`"theirs"`), Wanted: json.RawMessage(`"ours"`), Last: json.RawMessage(`"before"`)}}})
	add(pipeline.Row{ExternalID: "SP-53", Action: pipeline.ActionBlocked, Reason: pipeline.BlockedMissing, Detail: "no such file",
		Problems: []manifest.Problem{{Code: "M111", Class: manifest.Block, What: "no such file", Pos: manifest.Pos{File: "m.yaml", Line: 7}}}})
	s.NewTagsAll, s.NewTags = 1, []pipeline.NewTag{{Division: "Marketing", Name: "New", Items: 2}}
	return p, s
}

// TestPlanTextFindsTheOneAmongMany holds that a decision of another kind is seen behind
// many that say the same, and that what the check of the manifest found is counted.
func TestPlanTextFindsTheOneAmongMany(t *testing.T) {
	p, s := somePlan(t, 0)
	p.Warnings = 3
	for i := range 60 {
		r := pipeline.Row{ExternalID: fmt.Sprintf("NO-%d", i), Action: pipeline.ActionBlocked, Reason: pipeline.BlockedAuthor, Detail: "no user"}
		if i == 59 {
			r.Reason, r.Detail = pipeline.BlockedMissing, "the other one"
		}
		if err := p.Add(r); err != nil {
			t.Fatal(err)
		}
		s.Add(r)
	}
	var b strings.Builder
	if err := p.Text(&b, s, false); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if n := strings.Count(got, "(author-unknown)"); n != someAlike {
		t.Errorf("%d of the same reason, want %d", n, someAlike)
	}
	for _, want := range []string{"blocked NO-59 (file-missing): the other one\n  ... and 49 more (--full shows all)\n", "\n\n3 warnings: migrate lint shows them\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	b.Reset()
	if err := p.Text(&b, s, true); err != nil || strings.Count(b.String(), "(author-unknown)") != 59 {
		t.Errorf("--full leaves some out: %v\n%s", err, b.String())
	}
	p.Warnings = 0
	b.Reset()
	if err := p.Text(&b, s, false); err != nil || strings.Contains(b.String(), "warning") {
		t.Errorf("warnings of nothing: %v\n%s", err, b.String())
	}
}

func TestARowNamesAFileOnce(t *testing.T) {
	for _, c := range []struct{ source, name, want string }{
		{"lib:Decks/a b.pptx", "a b.pptx", "X  from lib:Decks/a b.pptx"},
		{"lib:a.pptx", "a.pptx", "X  from lib:a.pptx"},
		{"a.pptx", "a.pptx", "X  a.pptx"},
		{"lib:Decks/a.pptx", "A.pptx", "X  A.pptx  from lib:Decks/a.pptx"},
		{"https://www.example.com/", "Home.url", "X  Home.url  from https://www.example.com/"},
		{"", "A.pptx", "X  A.pptx"},
	} {
		if got := rowLine(pipeline.Row{ExternalID: "X", Source: c.source, Name: c.name}); got[0] != c.want {
			t.Errorf("got %q, want %q", got[0], c.want)
		}
	}
}

func TestPlanText(t *testing.T) {
	p, s := somePlan(t, 12)
	var b strings.Builder
	if err := p.Text(&b, s, false); err != nil {
		t.Fatal(err)
	}
	const want = `12 new assets, 1 update = 25 requests; 12 uploads (12 kB); at 5,000 a day: 1 day; 2 items need a decision

Needs a decision (2):
  conflict =SP-52 (changed-remotely): a person changed it; set update.conflicts
      name: there "theirs", wanted "ours", last sent "before"
  blocked SP-53 (file-missing): no such file
      m.yaml:7: M111: no such file

New tags (1):
  New in Marketing, on 2 items

Create (12):
  SP-1  A.pptx  from decks:a.pptx  1.0 kB
  SP-2  A.pptx  from decks:a.pptx  1.0 kB
  SP-3  A.pptx  from decks:a.pptx  1.0 kB
  SP-4  A.pptx  from decks:a.pptx  1.0 kB
  SP-5  A.pptx  from decks:a.pptx  1.0 kB
  SP-6  A.pptx  from decks:a.pptx  1.0 kB
  SP-7  A.pptx  from decks:a.pptx  1.0 kB
  SP-8  A.pptx  from decks:a.pptx  1.0 kB
  SP-9  A.pptx  from decks:a.pptx  1.0 kB
  SP-10  A.pptx  from decks:a.pptx  1.0 kB
  ... and 2 more (--full shows all)

Update (1):
  SP-51  overwrites what a person changed
      description: "old" -> "new"

Unchanged (1)
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := p.Text(&b, s, true); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"  SP-12  A.pptx", "Unchanged (1):\n  SP-50\n"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("--full lacks %q", line)
		}
	}
	if strings.Contains(b.String(), "more (--full") {
		t.Error("--full leaves something out")
	}
}

func TestPlanJSONIsOneDocument(t *testing.T) {
	for _, creates := range []int{0, 3} {
		p, s := somePlan(t, creates)
		var b strings.Builder
		if err := p.JSON(&b, s); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Version int
			Type    string
			Mode    string
			Summary pipeline.Summary
			Rows    []pipeline.Row
		}
		dec := json.NewDecoder(strings.NewReader(b.String()))
		dec.UseNumber()
		if err := dec.Decode(&doc); err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if doc.Version != 1 || doc.Type != "plan" || doc.Mode != "LIVE" || len(doc.Rows) != creates+4 || doc.Summary.Items != creates+4 {
			t.Errorf("got %+v", doc)
		}
	}
}

func TestPlanCSV(t *testing.T) {
	p, s := somePlan(t, 1)
	if s.Items != 5 {
		t.Fatalf("%d items", s.Items)
	}
	var b strings.Builder
	if err := p.CSV(&b, ';'); err != nil {
		t.Fatal(err)
	}
	text, bom := strings.CutPrefix(b.String(), "\ufeff")
	if !bom || !strings.Contains(text, "\r\n") {
		t.Error("no byte order mark, or no CRLF")
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 6 || rows[0][0] != "externalId" || rows[4][0] != "'=SP-52" {
		t.Errorf("got %q", rows)
	}
}

func BenchmarkPlanSpool(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := NewPlan(PlanHeader{})
				if err != nil {
					b.Fatal(err)
				}
				var s pipeline.Summary
				for i := range n {
					r := pipeline.Row{ExternalID: fmt.Sprint(i), Action: pipeline.ActionCreate, Writes: 2}
					s.Add(r)
					if err := p.Add(r); err != nil {
						b.Fatal(err)
					}
				}
				if err := p.Text(discard{}, s, false); err != nil {
					b.Fatal(err)
				}
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func TestADifferenceThatIsNotKnownYetIsNotNull(t *testing.T) {
	tests := []struct {
		diff pipeline.FieldDiff
		want string
	}{
		{pipeline.FieldDiff{Field: "file", Remote: json.RawMessage(`"9dee"`), Wanted: json.RawMessage(`null`)}, `file: "9dee" -> other bytes, not read yet`},
		{pipeline.FieldDiff{Field: "file", Remote: json.RawMessage(`"9dee"`), Wanted: json.RawMessage(`"0aa1"`)}, `file: "9dee" -> "0aa1"`},
		{pipeline.FieldDiff{Field: "expiresAt", Remote: json.RawMessage(`"2027-01-01T00:00:00Z"`), Wanted: json.RawMessage(`null`)}, `expiresAt: "2027-01-01T00:00:00Z" -> not set`},
		{pipeline.FieldDiff{Field: "description", Wanted: json.RawMessage(`"new"`)}, `description: not set -> "new"`},
	}
	for _, tt := range tests {
		lines := rowLine(pipeline.Row{ExternalID: "SP-1", Diff: []pipeline.FieldDiff{tt.diff}})
		if len(lines) != 2 || strings.TrimSpace(lines[1]) != tt.want {
			t.Errorf("got %q, want %q", lines, tt.want)
		}
	}
}

// The first line and the forecast of a plan say the same of a budget that is half spent.
func TestTheFirstLineKnowsWhatOfTheBudgetIsSpent(t *testing.T) {
	s := pipeline.Summary{Writes: 300, Budget: &pipeline.PlanBudget{Limit: 500, Window: 24 * time.Hour, Reserve: 50}}
	s.Forecast = &pipeline.Forecast{By: "budget", Likely: pipeline.Estimate{Runs: 2}}
	if n, per, takes := inBudget(s); n != 450 || per != "a day" || takes != "2 days" {
		t.Errorf("at %d %s: %s", n, per, takes)
	}
	s.Forecast.By = "window"
	if _, _, takes := inBudget(s); takes != "1 day" {
		t.Errorf("nights are no matter of the budget: %s", takes)
	}
	s.Budget.Window, s.Forecast.By = time.Hour, "budget"
	if _, _, takes := inBudget(s); takes != "2 h 0 min" {
		t.Errorf("two windows of an hour: %s", takes)
	}
}

// TestAPlanByAnExport: each form says what an export told, and what is provisional.
func TestAPlanByAnExport(t *testing.T) {
	p, err := NewPlan(PlanHeader{Mode: "LIVE", Tenant: "acme", Manifest: "m.yaml", ID: "m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	var s pipeline.Summary
	for _, row := range []pipeline.Row{
		{ExternalID: "A", Action: pipeline.ActionCreate, Reason: pipeline.ReasonProvisional, Writes: 2},
		{ExternalID: "B", Action: pipeline.ActionUnchanged, Reason: pipeline.ReasonSame},
	} {
		s.Add(row)
		if err := p.Add(row); err != nil {
			t.Fatal(err)
		}
	}
	s.Export = &pipeline.ByExport{Used: true, Requests: 2, Rows: 1200, AsBefore: 1}
	forms := map[string]func(*strings.Builder) error{
		"text": func(b *strings.Builder) error { return p.Text(b, s, false) },
		"json": func(b *strings.Builder) error { return p.JSON(b, s) },
		"csv":  func(b *strings.Builder) error { return p.CSV(b, ',') },
		"html": func(b *strings.Builder) error { return p.HTML(b, s, false) },
	}
	const read, provisional = "Read by an export of 1,200 assets, in 2 requests: 1 known one is as before", "Provisional: 1 new item is not in the export"
	for form, wants := range map[string][]string{
		"text": {read, provisional, "  A  provisional\n"},
		"json": {`"reason":"new-provisional"`, `"provisional":1`, `"export":{"used":true,"requests":2,"rows":1200,"asBefore":1}`},
		"csv":  {"A,create,new-provisional,"},
		"html": {read, provisional, "provisional: a run looks it up"},
	} {
		var b strings.Builder
		if err := forms[form](&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s lacks %q:\n%s", form, want, b.String())
			}
		}
	}
	s.Export = &pipeline.ByExport{Why: "it is \x1b[31mbehind", Requests: 2}
	var b strings.Builder
	if err := p.Text(&b, s, false); err != nil || !strings.Contains(b.String(), "Read by look-ups, and no export: it is") || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
