package report

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
	"github.com/showpad-migrate/migrate/test/pages"
)

// wholeRun is the folder of a run with every file that there can be.
func wholeRun(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "campaign.runs", "r1")
	info := testInfo()
	info.Run = "r1"
	w, err := Create(dir, info)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.NotIncluded(func(yield func(manifest.Leftover, error) bool) {
		yield(manifest.Leftover{Reason: manifest.LeftNoItem, Source: "decks:a.pdf", Size: 12}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	for _, r := range testResults() {
		w.Observe(pipeline.Finished{Result: r})
	}
	if err := w.Shares(t.Context(), withShares(t), "m"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(testOutcome()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestThePageOfARun(t *testing.T) {
	dir := wholeRun(t)
	p := pages.Check(t, read(t, dir, PageFile))
	if got := p.All("h1")[0]; got != "! 2 of 7 done" {
		t.Errorf("the outcome is %q", got)
	}
	for id, want := range map[string]string{
		"main":    "Items 7 Succeeded 2 Need somebody 3 Not finished 2 Sent 1 B 2 uploads Requests 7 to the API",
		"outcome": "Outcome done: 1 unchanged: 1 pending: 1 processing: 1 blocked: 1 conflict: 1 registering: 1 ✓ 1 done ✓ 1 unchanged … 1 pending … 1 processing ! 1 blocked ! 1 conflict ! 1 registering 2 are not finished",
		"needs": "Needs somebody 3 Blocked: 1 item file-missing There is no such file (M111). What to do: Correct the path, or put the file there. " +
			"External ID Item Message SP-3 gone.pdf gone.pdf: no such file, <look> there " +
			"Conflict: 1 item twin Several assets have this external ID",
		"pace":     "Pace Items done in each 2 s 1",
		"slowest":  "The slowest External ID Item Status Size Took SP-1 Q3, sales.pptx ✓ done 1 B 1.5 s SP-5 ! registering 0 B 500 ms",
		"requests": "Requests Operation Requests getAssets 4 postAssets 3",
		"settings": "Command migrate run campaign.yaml Program v1.0.0 Program SHA-256 " + strings.Repeat("c", 64),
	} {
		if got := p.Section(id).Text(); !strings.Contains(got, want) {
			t.Errorf("section %s is\n%s\nand lacks\n%s", id, got, want)
		}
	}
	text := p.Text()
	for _, want := range []string{
		"Tenant LIVE acme Manifest campaign.yaml Manifest SHA-256 " + strings.Repeat("a", 64), "From 2026-11-21 21:59:00 +01:00 To 2026-11-21 22:00:30 +01:00, 90 s",
		"At the service jane@example.com By jane on laptop (CET, UTC+01:00) Exit code 3", "token [redacted]", "campaign.yaml " + strings.Repeat("b", 64), "What to do: Run again.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(text, "very-secret") || strings.Contains(text, "acme.example.com/share") {
		t.Error("the page has a secret or the link of a share")
	}
}

// recount is what the page must say, from results.ndjson as anybody can read it.
type recount struct {
	status, codes map[string]int
	done          int
	bytes         int64
	same          int // items with the bytes of an earlier one
	longest       string
}

func recountOf(t *testing.T, dir string) recount {
	t.Helper()
	c := recount{status: map[string]int{}, codes: map[string]int{}}
	seen := map[string]bool{}
	longest := time.Duration(-1)
	for line := range strings.Lines(read(t, dir, ResultsFile)) {
		var r struct {
			Kind, ExternalID, Status, Reason, Action, MD5, Division string
			Size                                                    int64
			Start, End                                              time.Time
			Error                                                   *struct{ Code string }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Kind != "" {
			continue
		}
		c.status[r.Status]++
		switch r.Status {
		case "failed":
			c.codes[r.Error.Code]++
		case "blocked", "conflict":
			c.codes[r.Reason]++
		case "registering":
			c.codes["unknown"]++
		case "done":
			c.done++
			if r.Action == "create" {
				c.bytes += r.Size
			}
			if key := r.Division + r.MD5; seen[key] {
				c.same++
			} else {
				seen[key] = true
			}
		}
		if took := r.End.Sub(r.Start); !r.Start.IsZero() && took > longest {
			longest, c.longest = took, r.ExternalID
		}
	}
	return c
}

// someResults are many results of a night, by a seed.
func someResults(n int, name func(int) string) []pipeline.Result {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([]pipeline.Result, n)
	for i := range all {
		at := start.Add(time.Duration(rng.IntN(8*3600)) * time.Second)
		r := pipeline.Result{
			ExternalID: fmt.Sprintf("SP-%d", i), Name: name(i), Source: "decks:" + name(i), Division: []string{"Marketing", "Sales"}[i%2], Size: int64(rng.IntN(1 << 20)), MD5: fmt.Sprintf("%032x", rng.IntN(n)),
			Action: pipeline.ActionCreate, Status: "done", Start: at, End: at.Add(time.Duration(rng.IntN(300_000)) * time.Millisecond), Run: runID,
		}
		switch rng.IntN(20) {
		case 0:
			r.Status, r.Error = "failed", &state.Failure{Code: []string{"upload", "source", "M042"}[rng.IntN(3)], Message: name(i)}
		case 1:
			r.Status, r.Reason, r.Action, r.Start, r.End = "conflict", "changed-remotely", pipeline.ActionConflict, time.Time{}, time.Time{}
		case 2:
			r.Status, r.Action = "unchanged", pipeline.ActionUnchanged
			r.MD5, r.Start, r.End = "", time.Time{}, time.Time{}
		case 3:
			r.Status, r.End = "registering", time.Time{}
			r.Start = time.Time{}
		case 4:
			r.Status = "processing"
		}
		all[i] = r
	}
	return all
}

func TestTheNumbersOfThePageAreThoseOfTheResults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), runID)
	w, err := Create(dir, testInfo())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range someResults(3000, func(i int) string { return fmt.Sprintf("sheet %d.pdf", i) }) {
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	o := testOutcome()
	o.End = start.Add(8*time.Hour + 5*time.Minute)
	o.Limit = &pipeline.Limit{By: "rate", Sentence: "The service's rate limited this run.", Shares: map[string]float64{"rate": 0.8, "uploads": 0.1, "": 0.1}}
	if _, err := w.Close(o); err != nil {
		t.Fatal(err)
	}
	want := recountOf(t, dir)
	p := pages.Check(t, read(t, dir, PageFile))
	outcome := p.Section("outcome").Text()
	for status, n := range want.status {
		if !strings.Contains(outcome, comma(n)+" "+status) {
			t.Errorf("the page does not say %d %s: %s", n, status, outcome)
		}
	}
	needs := p.Section("needs").Text()
	for code, n := range want.codes {
		if !strings.Contains(needs, fmt.Sprintf(": %s items %s ", comma(n), code)) {
			t.Errorf("the page does not say %d %s", n, code)
		}
		if more := fmt.Sprintf("and %s more: failures.csv has all", comma(n-20)); !strings.Contains(needs, more) {
			t.Errorf("the page does not say %q of %s", more, code)
		}
	}
	if text := p.Section("pace").Text(); !strings.Contains(text, "Pace The service's rate limited this run. ") || !strings.Contains(text, "What limited it What Of the time the rate of requests 80 % nothing that could be told 10 % uploads in flight 10 %") {
		t.Errorf("the page does not say what limited the run: %.200s", text)
	}
	pace := p.Section("pace").Rows() // of two charts, and of what limited it
	pace = pace[:len(pace)-3]
	sum := 0
	var bytes uint64
	for i, row := range pace {
		if i < len(pace)/2 {
			n, err := strconv.Atoi(strings.ReplaceAll(row[1], ",", ""))
			if err != nil {
				t.Fatal(err)
			}
			sum += n
			continue
		}
		n, err := humanize.ParseBytes(row[1])
		if err != nil {
			t.Fatal(err)
		}
		bytes += n
	}
	if sum != want.done {
		t.Errorf("the chart has %d items, want %d", sum, want.done)
	}
	if off := float64(bytes)/float64(want.bytes) - 1; off > 0.02 || off < -0.02 { // two figures of each
		t.Errorf("the chart has %d bytes, want %d", bytes, want.bytes)
	}
	if got := p.Section("identical").Text(); !strings.HasPrefix(got, fmt.Sprintf("Identical content %s %s items with the bytes of another one", comma(want.same), comma(want.same))) {
		t.Errorf("the page says %.100q, want %d", got, want.same)
	}
	slowest := p.Section("slowest").Rows()
	if len(slowest) != maxSlowest || slowest[0][0] != want.longest {
		t.Errorf("%d slowest, %q first, want %s", len(slowest), slowest[0], want.longest)
	}
	var s Summary
	if err := json.Unmarshal([]byte(read(t, dir, SummaryFile)), &s); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.status, s.Status); diff != "" {
		t.Errorf("summary.json (-want +got):\n%s", diff)
	}
}

func TestBucketsHoldEveryItem(t *testing.T) {
	for _, c := range []struct {
		took        time.Duration
		width       time.Duration
		n           int
		first, last string
	}{
		{0, 100 * time.Millisecond, 1, "21:59:00.0", "21:59:00.0"},
		{5 * time.Second, 100 * time.Millisecond, 50, "21:59:00.0", "21:59:04.9"},
		{90 * time.Second, 2 * time.Second, 45, "21:59:00", "22:00:28"},
		{8 * time.Hour, 10 * time.Minute, 48, "21:59", "05:49"},
		{3 * 24 * time.Hour, 2 * time.Hour, 36, "21 Nov 21:59", "24 Nov 19:59"},
		{400 * 24 * time.Hour, 8 * 24 * time.Hour, 50, "21 Nov 21:59", "18 Dec 21:59"},
		{-time.Hour, 100 * time.Millisecond, 1, "21:59:00.0", "21:59:00.0"},
	} {
		b := newBuckets(start, start.Add(c.took))
		labels := b.labels()
		if b.width != c.width || len(b.items) != c.n || labels[0] != c.first || labels[len(labels)-1] != c.last {
			t.Errorf("%v: %d of %v, from %s to %s; want %d of %v, %s, %s", c.took, len(b.items), b.width, labels[0], labels[len(labels)-1], c.n, c.width, c.first, c.last)
		}
		for _, at := range []time.Duration{-time.Hour, 0, c.took / 2, c.took, 1000 * time.Hour} {
			b.add(row{Action: pipeline.ActionCreate, Size: 2, End: stamp{start.Add(at)}})
		}
		b.add(row{})
		items, bytes := 0.0, 0.0
		for i := range b.items {
			items += b.items[i]
			bytes += b.bytes[i]
		}
		if items != 5 || bytes != 10 {
			t.Errorf("%v: %v items of 5, %v bytes of 10", c.took, items, bytes)
		}
	}
}

// nasty is a text as somebody would write it who wants to harm the reader.
const nasty = `=HYPERLINK("https://x.example.com")<script>alert(1)</script>` + "\u202efdp.exe\x1b]0;owned\a\x1b[2J"

func TestHostileTextIsHarmlessInTheEvidence(t *testing.T) {
	info := testInfo()
	info.ServiceUser, info.Tenant, info.Command, info.Settings = nasty, nasty, []string{nasty}, map[string]string{nasty: nasty}
	info.Machine = Machine{User: nasty, Host: nasty, Zone: nasty}
	info.Manifest = ManifestInfo{Path: nasty, Digest: nasty, Files: []File{{Name: nasty, SHA256: nasty}}}
	info.Binary = Binary{Version: nasty}
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, info)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []string{"done", "failed", "conflict", nasty} {
		r := pipeline.Result{
			ExternalID: nasty, Name: nasty, Source: nasty, Division: nasty, AssetID: nasty, Slug: nasty, Action: nasty, Reason: nasty, Status: status, MD5: nasty, Size: 5,
			Start: start, End: start, Error: &state.Failure{Code: nasty, Message: nasty}, Keep: []manifest.KeepKV{{Key: nasty, Value: nasty}}, Warnings: []string{nasty},
		}
		if status == "done" {
			r.Error = nil
		}
		w.Observe(pipeline.Stage{ExternalID: nasty, Stage: nasty})
		w.Observe(pipeline.Finished{Result: r})
	}
	w.Observe(pipeline.Finished{Result: pipeline.Result{Kind: state.Share, Key: nasty, Status: "failed", Error: &state.Failure{Code: nasty, Message: nasty}}})
	w.Observe(pipeline.Warned{Code: nasty, ExternalID: nasty, Text: nasty})
	w.Observe(pipeline.Waiting{For: nasty, Text: nasty})
	o := testOutcome()
	o.Sentence, o.Requests = nasty, map[string]int{nasty: 1}
	o.Plan.Exposure = &pipeline.Exposure{Divisions: []pipeline.DivisionView{{Division: nasty, Now: 1}}}
	if _, err := w.Close(o); err != nil {
		t.Fatal(err)
	}
	text := read(t, dir, PageFile)
	p := pages.Check(t, text)
	p.Isolated(t, "alert(1)")
	for _, never := range []string{"<script", "\u202e", "\x1b", "\a"} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q", never)
		}
	}
	var b strings.Builder
	if err := Show(&b, dir); err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"\u202e", "\x1b", "\a"} {
		if strings.Contains(b.String(), never) {
			t.Errorf("report show writes %q", never)
		}
	}
	for _, name := range []string{SuccessFile, FailuresFile, MappingFile} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for id, err := range Column(f, "externalId") {
			if err != nil || id != nasty {
				t.Errorf("%s: %q, %v: a reader does not get the cell back", name, id, err)
			}
		}
		f.Close()
		for line := range strings.SplitSeq(read(t, dir, name), ",") {
			if cell := strings.TrimLeft(line, "\"\r\n"); strings.HasPrefix(cell, "=") {
				t.Errorf("%s has a formula: %.40q", name, cell)
			}
		}
	}
}

// TestThePageStaysSmall gives it results without end, each as long as it can be.
func TestThePageStaysSmall(t *testing.T) {
	evil := strings.Repeat("\u202e", 5000)
	s := Summary{Sentence: "done", Start: start, End: start.Add(8 * time.Hour), Status: map[string]int{}, Requests: map[string]int{}}
	e := newEvidence(testInfo())
	o := newOverview(s.Start, s.End)
	e.Settings = map[string]string{}
	for i := range 4000 {
		r := row{
			ExternalID: fmt.Sprint(i, evil[:300]), Name: evil, Source: evil, Division: evil, Status: "failed", Action: pipeline.ActionCreate, Start: stamp{start}, End: stamp{start.Add(time.Duration(i) * time.Second)},
			Error: &state.Failure{Code: fmt.Sprint("code ", i), Message: evil},
		}
		if i%2 == 0 {
			r.Status, r.Error, r.MD5, r.Size = "done", nil, fmt.Sprint(i%7), 5
		}
		o.add(r)
		o.add(row{Kind: state.Share, Key: evil, Status: "failed", Error: r.Error})
		if i < 2000 {
			e.Settings[fmt.Sprint(i, evil)] = evil
			e.Manifest.Files = append(e.Manifest.Files, File{Name: evil})
			s.Timeline = append(s.Timeline, Moment{Text: evil, Code: "c"})
		}
	}
	e.Command = []string{evil, evil}
	o.identical.Sum()
	s.Exposure = &pipeline.Exposure{}
	for range 1000 {
		s.Exposure.Divisions = append(s.Exposure.Divisions, pipeline.DivisionView{Division: evil, Now: 1})
	}
	dir := t.TempDir()
	if err := writePage(dir, e, s, o); err != nil {
		t.Fatal(err)
	}
	text := read(t, dir, PageFile)
	if len(text) > 2_000_000 {
		t.Errorf("the page has %d bytes", len(text))
	}
	pages.Check(t, text)
	if o.used > roomForRows || len(o.troubles) > maxCodes+1 {
		t.Errorf("%d bytes of rows, %d codes", o.used, len(o.troubles))
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 340 * time.Millisecond: "340 ms", time.Second: "1 s", 4200 * time.Millisecond: "4.2 s", 42 * time.Second: "42 s", time.Minute: "1 min", 90 * time.Second: "90 s",
		12 * time.Minute: "12 min", time.Hour: "1 h", 2*time.Hour + 5*time.Minute: "2 h 5 min", 76 * time.Hour: "3 d 4 h",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func BenchmarkClose(b *testing.B) {
	results := someResults(100_000, func(i int) string { return fmt.Sprintf("sheet %d.pdf", i) })
	for b.Loop() {
		b.StopTimer()
		dir := filepath.Join(b.TempDir(), runID)
		w, err := Create(dir, testInfo())
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			if err := w.Add(r); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if _, err := w.Close(testOutcome()); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, PageFile))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/1e3, "kB/page")
	}
}
