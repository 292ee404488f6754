package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

func TestProblemsAreSortedByPlace(t *testing.T) {
	var ps Problems
	at := func(file string, line, col int) manifest.Pos {
		return manifest.Pos{File: file, Line: line, Column: col}
	}
	ps.Add(manifest.Problem{Pos: at("m.yaml", 9, 1), Code: "M012", Class: manifest.Stop, What: "nine", Fix: "fix it"})
	ps.Add(manifest.Problem{Pos: at("t.csv", 2, 1), Code: "M012", Class: manifest.Block, What: "table"})
	ps.Add(manifest.Problem{Pos: at("m.yaml", 2, 5), Code: "M013", Class: manifest.Warn, What: "two\x1b[2J"})
	ps.Add(manifest.Problem{Pos: at("m.yaml", 2, 1), Code: "M012", Class: manifest.Stop, What: "one"})
	var b strings.Builder
	if err := (Lint{Manifest: "m.yaml", Items: 1000, Offline: true}).Text(&b, &ps); err != nil {
		t.Fatal(err)
	}
	const want = `m.yaml:2:1: M012: one
m.yaml:2:5: M013: two [warning]
m.yaml:9:1: M012: nine (fix it)
t.csv:2:1: M012: table [blocks this item]
m.yaml: 1,000 items, 2 errors, 1 blocked item, 1 warning (offline: the service was not asked)
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestProblemsThatSayTheSameAreFolded(t *testing.T) {
	var ps Problems
	for i := range 100 {
		pos := manifest.Pos{File: "t.csv", Line: i + 2}
		ps.Add(manifest.Problem{Pos: pos, Code: "M030", Class: manifest.Stop, What: "no Division"})
		ps.Add(manifest.Problem{Pos: pos, Code: "M111", Class: manifest.Block, What: strconv.Itoa(i) + ".pdf: no such file"})
	}
	var b strings.Builder
	if err := ps.Lines(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if n := strings.Count(b.String(), "no Division"); n != 10 {
		t.Errorf("the same was said %d times, want 10", n)
	}
	if n := strings.Count(b.String(), "no such file"); n != 100 {
		t.Errorf("%d of 100 different problems", n)
	}
	if want := "t.csv: M030: ... and 90 more like it, up to line 101"; !slices.Contains(lines, want) {
		t.Errorf("no line %q in\n%s", want, b.String())
	}
	b.Reset()
	if err := (Lint{}).JSON(&b, &ps); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "M030"); n != 100 {
		t.Errorf("JSON has %d of 100", n)
	}
}

func TestTooManyProblemsAreCounted(t *testing.T) {
	var ps Problems
	for range keptProblems + 5 {
		ps.Add(manifest.Problem{Pos: manifest.Pos{File: "m.yaml", Line: 1}, Class: manifest.Warn})
	}
	var b strings.Builder
	if err := ps.Lines(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(b.String(), "... and 5 more problems\n") {
		t.Errorf("ends in %q", b.String()[b.Len()-60:])
	}
}

func TestStatusText(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := Status{
		State: "m.state.db", Tenant: "loopback:acme",
		Counts: state.Counts{Total: 1500, ByStatus: map[state.Status]int{state.Done: 1200, state.Failed: 100, state.Pending: 200}},
		Runs: []state.Run{
			{ID: "one", Start: start, End: start.Add(3 * time.Minute), Code: 3, Outcome: "1 failed", Dir: "m.runs/one"},
			{ID: "two", Start: start},
			{ID: "three", Start: start.Add(time.Hour)},
		},
		Holder:   &Holder{PID: 7, Host: "here", Start: start.Add(time.Hour)},
		Progress: json.RawMessage(`{"run":"three","items":10,"finished":5}`),
	}
	var b strings.Builder
	if err := s.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"m.state.db (acme): 1,500 items\n  done         1,200\n  failed       100\n  unconfirmed  200 (found by a rebuild or bound by hand",
		"  one  exit 3 after 3 min  1 failed  m.runs/one\n",
		"  two  ended from outside; run again to continue\n",
		"  three  under way\n",
		"in use by process 7 on here since ",
		"  5 of 10 items\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := (Status{State: "m.state.db"}).Text(&b); err != nil || b.String() != "m.state.db: nothing yet\n" {
		t.Errorf("empty: %q, %v", b.String(), err)
	}
}

func TestEndingText(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	e := Ending{
		Outcome:  pipeline.Outcome{Sentence: "1 of 2 done, 1 failed", Start: start, End: start.Add(90 * time.Second), Requests: map[string]int{"postAssets": 2, "getAssets": 1}, Puts: 1, Bytes: 2000},
		Evidence: "m.runs/r", Sums: "abc", More: 3, Again: "migrate run m.yaml",
		Problems: []pipeline.Result{{ExternalID: "B", Status: "failed", Error: &state.Failure{Code: "refused", Message: "no\x1b[1m"}}},
	}
	var b strings.Builder
	if err := e.Text(&b); err != nil {
		t.Fatal(err)
	}
	const want = `failed B (refused): no
... and 3 more, see failures.csv
1 of 2 done, 1 failed
3 requests, 1 upload (2.0 kB), 90 s
evidence: m.runs/r
SHA256SUMS: abc
to continue: migrate run m.yaml
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	e.Columns, e.Again = 40, "migrate run manifest-with-a-long-name.yaml --yes"
	e.Problems[0].Error.Message = "the service says no, and says it at length"
	if err := e.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"failed B (refused): the service says no,\n    and says it at length\n", "to continue: " + e.Again + "\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("in 40 columns it lacks %q:\n%s", want, b.String())
		}
	}
}

var someDifferences = []pipeline.Difference{
	{ExternalID: "A", Field: "name", Kind: "field", Want: json.RawMessage(`"x"`), Got: json.RawMessage(`"y"`), Text: `name is "y", and should be "x"`},
	{ExternalID: "=B", Kind: "missing", Text: "not there"},
}

func TestVerifyCSV(t *testing.T) {
	var b strings.Builder
	v := NewVerify(&b, "csv", ';')
	for _, d := range someDifferences {
		if err := v.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Flush(); err != nil {
		t.Fatal(err)
	}
	const want = "\ufeffexternalId;assetId;kind;field;want;got;text\r\n" +
		"A;;field;name;\"\"\"x\"\"\";\"\"\"y\"\"\";\"name is \"\"y\"\", and should be \"\"x\"\"\"\r\n" +
		"'=B;;missing;;;;not there\r\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if err := NewVerify(&b, "csv", ',').Flush(); err != nil || b.String() != "\ufeffexternalId,assetId,kind,field,want,got,text\r\n" {
		t.Errorf("nothing differs: %q, %v", b.String(), err)
	}
}

func TestVerifyText(t *testing.T) {
	var b strings.Builder
	v := NewVerify(&b, "text", 0)
	for _, d := range someDifferences {
		if err := v.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.End(pipeline.VerifySummary{Items: 3, OK: 1, Different: 1, Missing: 1, ReadBack: 2, Bytes: 1500}); err != nil {
		t.Fatal(err)
	}
	const want = "A: name is \"y\", wanted \"x\"\n=B: missing (not there)\n1 of 3 items as wanted; 1 different, 1 missing; 2 files read back (1.5 kB)\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0 s", 119 * time.Second: "119 s", 3 * time.Minute: "3 min", 125 * time.Minute: "2 h 5 min", 72 * time.Hour: "3 days",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTheLastLinesHaveProblemsOfEachKind(t *testing.T) {
	var tally Tally
	for i := range 100 {
		r := pipeline.Result{ExternalID: fmt.Sprint(i), Status: "failed", Error: &state.Failure{Code: "refused"}}
		if i == 98 {
			r.Error.Code = "file-changed"
		}
		if i == 99 {
			r = pipeline.Result{ExternalID: "99", Status: "blocked", Reason: "refused"}
		}
		tally.Observe(pipeline.Finished{Result: r})
	}
	list, more := tally.Problems()
	if len(list) != fewAlike+2 || more != 98-fewAlike || list[fewAlike].ExternalID != "98" || list[fewAlike+1].ExternalID != "99" {
		t.Errorf("%d listed and %d more: %v", len(list), more, list)
	}
}
