package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
	"github.com/showpad-migrate/migrate/test/pages"
)

// nasty is a name as nobody should have to read it.
const nasty = `<script>alert("x")</script>` + "\u202egpj.exe\x1b[2J"

func planHTML(t *testing.T, p *Plan, s pipeline.Summary, full bool) *pages.Page {
	t.Helper()
	var b strings.Builder
	if err := p.HTML(&b, s, full); err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"<script", "\u202e", "\x1b"} {
		if strings.Contains(b.String(), never) {
			t.Errorf("the page has %q", never)
		}
	}
	return pages.Check(t, b.String())
}

func TestPlanHTML(t *testing.T) {
	p, s := somePlan(t, 30)
	if err := p.Add(pipeline.Row{ExternalID: "SP-54", Name: nasty, Action: pipeline.ActionVersion, Division: nasty, Writes: 1, Puts: 1, Size: 5, Problems: []manifest.Problem{{Code: "M043", Class: manifest.Warn, What: nasty}}}); err != nil {
		t.Fatal(err)
	}
	s.Actions[pipeline.ActionVersion]++
	s.Items++
	p.Header.At, p.Header.Program = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC), "migrate v1"
	p.Header.Saved = &Saved{Path: "plan.ndjson", Digest: "d1", Rows: 35, Next: "migrate run m.yaml --plan plan.ndjson"}
	got := planHTML(t, p, s, false)
	got.Isolated(t, "alert(")
	if h := got.All("h1")[0]; h != "! "+FirstLine(s) {
		t.Errorf("the sentence is %q, want that of the text, %q", h, FirstLine(s))
	}
	for id, want := range map[string]string{
		"decide": "Needs a decision 2 " +
			"Conflict: 1 item changed-remotely A person changed a field, or uploaded a version, since we wrote it, and the manifest wants something else. " +
			"What to do: Make the manifest say the same; or update: {conflicts: overwrite}; for files also update: {file: keep}; for an external ID also migrate state rename OLD NEW. " +
			`External ID Item What is the matter =SP-52 a person changed it; set update.conflicts name: there "theirs", wanted "ours", last sent "before" ` +
			"Blocked: 1 item file-missing There is no such file (M111). What to do: Correct the path, or put the file there. External ID Item What is the matter " +
			"SP-53 m.yaml:7: M111: no such file",
		"update":    `Update 1 External ID Item Division To upload What changes SP-51 - - overwrites what a person changed description: "old" → "new"`,
		"unchanged": "Unchanged 1 Division Folder To upload Items - - - 1",
		"tags":      "New tags 1 Tag Division Items New Marketing 2",
		"carry-out": "To carry it out These rows and no others are carried out by the command below. A row that is no longer as it was planned is refused, and says why. " +
			"Command migrate run m.yaml --plan plan.ndjson Saved plan plan.ndjson Rows 35 SHA-256 d1 Approved by Date Signature",
	} {
		if diff := cmp.Diff(want, got.Section(id).Text()); diff != "" {
			t.Errorf("section %s (-want +got):\n%s", id, diff)
		}
	}
	create := got.Section("create")
	if rows := create.Rows(); len(rows) != 1+pageRows || rows[0][3] != "30" || rows[1][0] != "SP-1" || rows[1][1] != "A␛[31m.pptx decks:a.pptx" || rows[1][3] != "1.0 kB" {
		t.Errorf("rows of create: %q", rows)
	}
	if want := "and 5 more: --full shows all, and so does --format csv"; !strings.Contains(create.Text(), want) {
		t.Errorf("create does not say %q", want)
	}
	if text := got.Text(); !strings.Contains(text, "Tenant LIVE acme Manifest m.yaml Made 2026-11-21 20:00:00 +00:00 by migrate v1") {
		t.Errorf("the head of the page: %.600q", text)
	}
	full := planHTML(t, p, s, true)
	if n := len(full.Section("create").Rows()); n != 30 {
		t.Errorf("%d rows of create with --full, want 30", n)
	}
	if strings.Contains(full.Text(), "more: --full") {
		t.Error("--full leaves something out")
	}
}

// TestEverySectionOfAPlanHasItsPlace gives a plan whatever a plan can have.
func TestEverySectionOfAPlanHasItsPlace(t *testing.T) {
	p, s := somePlan(t, 1)
	for i := range 2 {
		row := pipeline.Row{ExternalID: fmt.Sprintf("T-%d", i), Action: pipeline.ActionCreate, Name: nasty, Source: "decks:" + nasty, Division: "Sales", Size: 1 << 20, MD5: "0cc175b9c0f1b6a831c399e269772661", Moved: "OLD-1"}
		if err := p.Add(row); err != nil {
			t.Fatal(err)
		}
		s.Add(row)
	}
	s.OldTags, s.Warnings, s.Offline, s.OfflineBytes = []string{nasty}, 3, 2, 5000
	s.TagTwins = []manifest.Problem{{Code: "M124", What: nasty}}
	s.Prune = &pipeline.Pruning{Mode: pipeline.PruneArchive, Unlisted: 1, Samples: []string{nasty}, Guards: []pipeline.Guard{{Code: "prune-limit", Text: nasty}}}
	s.Exposure = &pipeline.Exposure{Timezone: "Europe/Brussels", Divisions: []pipeline.DivisionView{{Division: nasty, Now: 3, LaterAll: 2, Later: []pipeline.ReleaseDay{{Day: "2026-12-01", Assets: 2}}, Shareable: 4, NoExpiry: 1}}, Links: &pipeline.LinkView{Shares: 1, Assets: 2}}
	s.Extras = map[state.ExtraKind]map[pipeline.Action]int{state.Share: {pipeline.ActionCreate: 1, pipeline.ActionBlocked: 1}}
	p.Unmapped = manifest.Unmapped{Values: []manifest.UnmappedValue{{Map: "tags", Value: nasty, Count: 2}}}
	p.Leftovers = &Leftovers{}
	p.Leftovers.Add(manifest.Leftover{Source: nasty, Size: 5, Reason: manifest.LeftNoItem})
	for _, row := range []pipeline.ExtraRow{
		{Kind: state.Share, Key: nasty, Action: pipeline.ActionCreate, Name: nasty, Assets: 2, NeverExpires: true, Diff: []pipeline.FieldDiff{{Field: "name", Wanted: json.RawMessage(`"n"`)}}},
		{Kind: state.Share, Key: "over", Action: pipeline.ActionBlocked, Reason: pipeline.BlockedExpired, Detail: nasty},
	} {
		if err := p.AddExtra(row); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 11, 21, 20, 0, 0, 0, time.Local)
	s.Forecast = &pipeline.Forecast{
		Fastest: pipeline.Estimate{Seconds: 7200, Runs: 2}, Likely: pipeline.Estimate{Seconds: 9000, Runs: 2, Finish: at}, Slowest: pipeline.Estimate{Seconds: 18000, Runs: 3}, By: "budget",
		Large: &pipeline.Large{Files: 1, Share: 0.8, Name: nasty, Seconds: 40},
		Runs:  []pipeline.ForecastRun{{Start: at, End: at.Add(time.Hour), Requests: 5000, Share: 0.75}, {Start: at, End: at, Requests: 10, Share: 0.25}},
	}
	got := planHTML(t, p, s, false)
	got.Isolated(t, "alert(")
	for id, want := range map[string]string{
		"forecast":     "5,000 75 %",
		"decide":       "share over",
		"moved":        "OLD-1 T-1",
		"exposure":     "3 2 4 1 3 at once, 2 from 2026-12-01",
		"unmapped":     "tags 2",
		"tags":         "New Marketing 2",
		"old-tags":     "gpj.exe",
		"twins":        "M124: ",
		"not-included": "no row names them and no pattern takes them (1)",
		"identical":    "T-0, T-1 2 1.0 MB",
		"create":       "Create 3",
		"extra-shares": "never expires name: not set → \"n\"",
		"carry-out":    "save the plan with --out",
		"main":         "Requests",
	} {
		if text := got.Section(id).Text(); !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("section %s lacks %q:\n%s", id, want, text)
		}
	}
	for _, want := range []string{"How long it takes 2 runs (2 to 3), 2 h 30 min at work, done about Sat 21 Nov 20:00", "Likely takes 2 runs 2 h 30 min at work", "Online only 2 files (5.0 kB): a run downloads them", "prune-limit", "Forecast 2 runs (2 to 3)", "is 80 % of the bytes and takes 40 s alone", "3 warnings: migrate lint shows them"} {
		if !strings.Contains(got.Text(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestThePageHasTheHeadlinesBudget holds that the figure and the sentence count with the
// same number of requests.
func TestThePageHasTheHeadlinesBudget(t *testing.T) {
	for _, c := range []struct {
		budget *pipeline.PlanBudget
		want   string
	}{
		{nil, "At 5,000 requests a day 1 day"},
		{&pipeline.PlanBudget{Limit: 15, Reserve: 5, Window: 24 * time.Hour}, "At 10 requests a day 3 days"},
		{&pipeline.PlanBudget{Limit: 15, Reserve: 5, Window: time.Hour}, "At 10 requests in 60 min 3 h 0 min"},
	} {
		p, s := somePlan(t, 12)
		s.Budget = c.budget
		got := planHTML(t, p, s, false)
		if text := got.Section("main").Text(); !strings.Contains(text, c.want) {
			t.Errorf("the figures lack %q:\n%s", c.want, text)
		}
	}
}

func TestRollbackHTML(t *testing.T) {
	p, s := somePlan(t, 0)
	p.Header.Runs = []string{"20261121T220943Z-6813"}
	got := planHTML(t, p, s, false)
	if h := got.All("h1")[0]; h != "! "+RollbackLine(s) {
		t.Errorf("the sentence is %q, want %q", h, RollbackLine(s))
	}
	if got.Section("carry-out") != nil || !strings.Contains(got.Text(), "Takes back 20261121T220943Z-6813") || !strings.Contains(got.Text(), "Stays as it is 2") {
		t.Errorf("the page of a rollback says %q", got.Text())
	}
}

// largePlan has so many new items in so many folders.
func largePlan(t testing.TB, items, folders int) (*Plan, pipeline.Summary) {
	t.Helper()
	p, err := NewPlan(PlanHeader{Mode: "LIVE", Tenant: "acme", Manifest: "m.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	var s pipeline.Summary
	for i := range items {
		row := pipeline.Row{
			ExternalID: fmt.Sprintf("SP-%d", i), Action: pipeline.ActionCreate, Reason: "new", Division: fmt.Sprintf("Division %d", i%3),
			Source: fmt.Sprintf("decks:%d/%d/file %d.pdf", i%7, i%folders, i), Name: fmt.Sprintf("file %d.pdf", i), Size: 1000, Writes: 2, Puts: 1,
		}
		if i%10 == 0 {
			row.Action, row.Reason, row.Detail, row.Writes, row.Puts = pipeline.ActionBlocked, []string{"file-missing", "file-empty"}[i/10%2], "no such file", 0, 0
		}
		if err := p.Add(row); err != nil {
			t.Fatal(err)
		}
		s.Add(row)
	}
	return p, s
}

// TestALargePlanIsAShortPage holds that a page grows with what it shows and not with
// the plan.
func TestALargePlanIsAShortPage(t *testing.T) {
	const items = 20_000
	p, s := largePlan(t, items, 5000)
	var b strings.Builder
	if err := p.HTML(&b, s, false); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 100<<10 {
		t.Errorf("the page has %d bytes", b.Len())
	}
	got := pages.Check(t, b.String())
	counted := 0
	for _, g := range p.groups.list() {
		counted += g.Items
	}
	if n := len(p.groups.list()); counted != items || n > maxGroups || n < 21 {
		t.Errorf("%d groups with %d items", n, counted)
	}
	text := got.Section("decide").Text()
	for _, want := range []string{"Blocked: 1,000 items file-missing", "Blocked: 1,000 items file-empty", "and 980 more: --full shows all"} {
		if !strings.Contains(text, want) {
			t.Errorf("the decisions lack %q", want)
		}
	}
	if text := got.Section("create").Text(); !strings.Contains(text, "and 17,975 more") || !strings.Contains(text, "Division 1 decks:3") {
		t.Errorf("create says %.800q", text)
	}
}

func TestALargePlanIsSummedUpInText(t *testing.T) {
	p, s := largePlan(t, 1000, 100)
	var b strings.Builder
	if err := p.Text(&b, s, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\nBy action, Division and folder:\n  create  Division 0  decks:") || !strings.Contains(b.String(), "more (--format json and html have them)") {
		t.Errorf("the text is\n%s", b.String())
	}
	b.Reset()
	if err := p.Text(&b, s, true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "By action") {
		t.Error("--full sums up, too")
	}
}

func TestFolderOf(t *testing.T) {
	for _, c := range []struct {
		source string
		levels int
		want   string
	}{
		{"decks:q3/emea/a.pptx", 4, "decks:q3/emea"},
		{"decks:q3/emea/a.pptx", 1, "decks:q3"},
		{"decks:q3/emea/a.pptx", 0, "decks:"},
		{"decks:a.pptx", 4, "decks:"},
		{"content/a.pdf", 4, "content"},
		{`content\x\a.pdf`, 4, "content/x"},
		{"a.pdf", 4, ""},
		{"a/b:c/d.pdf", 4, "a/b:c"},
		{"", 4, ""},
		{"https://example.com/x/y/z.pdf", 1, "https://example.com/x"},
		{"https://example.com/x/y/z.pdf", 0, "https://example.com"},
		{"https://example.com", 3, "https://example.com"},
		{"/srv/a/b.pdf", 2, "/srv"},
		{"/a.pdf", 2, "/"},
	} {
		if got := folderOf(c.source, c.levels); got != c.want {
			t.Errorf("folderOf(%q, %d) = %q, want %q", c.source, c.levels, got, c.want)
		}
		if again := folderOf(folderOf(c.source, 4)+"/", c.levels); c.want != "" && again != c.want {
			t.Errorf("by way of four levels %q is in %q, want %q", c.source, again, c.want)
		}
	}
}

// TestGroupsDoNotDependOnTheOrder adds the same rows forwards and backwards.
func TestGroupsDoNotDependOnTheOrder(t *testing.T) {
	var rows []pipeline.Row
	for i := range 3000 {
		rows = append(rows, pipeline.Row{Action: pipeline.ActionCreate, Source: fmt.Sprintf("r:%d/%d/%d/f.pdf", i%5, i%50, i)})
	}
	var a, b groups
	for i := range rows {
		a.add(&rows[i])
		b.add(&rows[len(rows)-1-i])
	}
	if diff := cmp.Diff(a.list(), b.list()); diff != "" || len(a.list()) != 50 {
		t.Errorf("%d groups (-forwards +backwards):\n%s", len(a.list()), diff)
	}
}

func BenchmarkPlanHTML(b *testing.B) {
	for _, full := range []bool{false, true} {
		b.Run(fmt.Sprintf("full=%t", full), func(b *testing.B) {
			p, s := largePlan(b, 100_000, 5000)
			b.ReportAllocs()
			for b.Loop() {
				var n counter
				if err := p.HTML(&n, s, full); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n)/1e6, "MB/page")
			}
		})
	}
}

type counter int

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

func TestPlanJSONSumsUpByFolder(t *testing.T) {
	p, s := somePlan(t, 3)
	var b strings.Builder
	if err := p.JSON(&b, s); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Groups map[string][]Group }
	if err := json.Unmarshal([]byte(b.String()), &doc); err != nil {
		t.Fatal(err)
	}
	want := []Group{{Folder: "decks:", Items: 3, Bytes: 3000}}
	if diff := cmp.Diff(want, doc.Groups["create"]); diff != "" || len(doc.Groups) != 5 {
		t.Errorf("groups %v (-want +got):\n%s", doc.Groups, diff)
	}
}
