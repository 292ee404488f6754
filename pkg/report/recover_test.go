package report

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/state"
	"github.com/showpad-migrate/migrate/test/pages"
)

// killedRun is the folder of a run whose process was killed after its first
// three rows reached the disk.
func killedRun(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "campaign.runs", runID)
	w, err := Create(dir, testInfo())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range testResults()[:3] {
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Abandon(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func killedState() (recordsOnly, state.Run) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	return recordsOnly{all: []state.Record{
		{ExternalID: "SP-0", Op: state.Create, Status: state.Done, Run: "an-earlier-run", Updated: at(100)},
		{ExternalID: "SP-1", Op: state.Create, Status: state.Done, Run: runID, Updated: at(2)},
		{
			ExternalID: "SP-3", Op: state.Create, Status: state.Failed, Run: runID, Updated: at(3),
			Error: &state.Failure{Code: "processing-failed", Message: "the service could not read it"},
		},
		{ExternalID: "SP-8", Op: state.Create, Status: state.Sending, AssetID: "a8", Source: "eight.pdf", Size: 8, MD5: "8", Run: runID, Updated: at(7)},
		{ExternalID: "SP-9", Op: state.Update, Status: state.Done, AssetID: "a9", Run: runID, Updated: at(5)},
	}}, state.Run{ID: runID, Manifest: "campaign", Start: start}
}

func TestKilledRunIsCompletedFromTheState(t *testing.T) {
	dir := killedRun(t)
	path := filepath.Join(dir, ResultsFile)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-20); err != nil { // within the row of SP-3
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, tempPrefix+SuccessFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	st, run := killedState()
	sums, err := Recover(t.Context(), dir, st, run)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Verify(dir)
	if err != nil || !v.OK() || v.Rows != 5 || v.Sums != sums {
		t.Errorf("Verify = %+v, %v; want 5 rows, %s", v, err, sums)
	}
	page := pages.Check(t, read(t, dir, PageFile)).Text()
	for _, want := range []string{"! The process was ended from outside and last seen at", "(last seen then: the process was ended from outside)", "Failed: 1 item processing-failed The service could not process the file"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}

	var s Summary
	if err := readJSON(dir, SummaryFile, &s); err != nil {
		t.Fatal(err)
	}
	want := Summary{
		Version: 1, Run: runID, Tenant: "acme", Mode: "LIVE", Code: 130, Recovered: true,
		Sentence: "The process was ended from outside and last seen at 2026-11-21T20:59:07Z; 3 of 5 known items done, run again to continue",
		Start:    start, End: start.Add(7 * time.Second),
		Durations: Durations{Run: 7, ItemMean: 1.5, ItemMax: 1.5, Slowest: "SP-1"},
		Items:     5, Success: 3, Failures: 1, Unfinished: 1,
		Status:      map[string]int{"done": 2, "unchanged": 1, "failed": 1, "sending": 1},
		Actions:     map[string]int{"create": 3, "unchanged": 1, "update": 1},
		Codes:       map[string]int{"processing-failed": 1},
		KeptColumns: 3,
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	var e Evidence
	if err := readJSON(dir, EvidenceFile, &e); err != nil {
		t.Fatal(err)
	}
	if e.ServiceUser != "jane@example.com" || e.Sentence != want.Sentence || !e.End.Equal(want.End) || !e.Recovered {
		t.Errorf("evidence.json lost what the run noted: %+v", e)
	}
	last := strings.Split(read(t, dir, ResultsFile), "\n")[3]
	wantRow := `{"externalId":"SP-8","source":"eight.pdf","assetId":"a8","action":"create","status":"sending","md5":"8","size":8,` +
		`"end":"2026-11-21T20:59:07.000Z","run":"` + runID + `"}`
	if last != wantRow {
		t.Errorf("row from the state = %s\nwant %s", last, wantRow)
	}
}

// TestRecoverSurvivesACutAnywhere cuts results.ndjson around each line end and
// at every 31st byte: the rows before the cut stay, the state gives what it
// has, and the result is whole.
func TestRecoverSurvivesACutAnywhere(t *testing.T) {
	dir := killedRun(t)
	whole := []byte(read(t, dir, ResultsFile))
	evidence := []byte(read(t, dir, EvidenceFile))
	st, run := killedState()
	for cut := range len(whole) + 1 {
		if cut%31 != 0 && !bytes.Contains(whole[max(cut-2, 0):min(cut+2, len(whole))], []byte("\n")) {
			continue
		}
		dir := t.TempDir()
		for name, data := range map[string][]byte{ResultsFile: whole[:cut], EvidenceFile: evidence} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Recover(t.Context(), dir, st, run); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		rows := bytes.Count(whole[:cut], []byte("\n"))
		want := map[int]int{0: 4, 1: 4, 2: 5, 3: 5}[rows] // SP-1 and SP-3 have a row or a record
		if v, err := Verify(dir); err != nil || !v.OK() || v.Rows != want {
			t.Fatalf("cut at %d, after %d rows: %+v, %v; want %d rows", cut, rows, v, err, want)
		}
	}
}

func TestRecoverMayBeRepeated(t *testing.T) {
	st, run := killedState()
	t.Run("after it succeeded", func(t *testing.T) {
		dir := killedRun(t)
		first, err := Recover(t.Context(), dir, st, run)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Recover(t.Context(), dir, recordsOnly{fail: errors.New("not asked")}, run)
		if err != nil || again != first {
			t.Errorf("second Recover = %s, %v; want %s", again, err, first)
		}
	})
	t.Run("after it was killed at its end", func(t *testing.T) {
		dir := killedRun(t)
		first, err := Recover(t.Context(), dir, st, run)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, SumsFile)); err != nil {
			t.Fatal(err)
		}
		if again, err := Recover(t.Context(), dir, st, run); err != nil || again != first {
			t.Errorf("second Recover = %s, %v; want %s", again, err, first)
		}
	})
	t.Run("after the state could not be read", func(t *testing.T) {
		dir := killedRun(t)
		broken := errors.New("state gone")
		if _, err := Recover(t.Context(), dir, recordsOnly{fail: broken}, run); !errors.Is(err, broken) {
			t.Fatalf("Recover = %v, want %v", err, broken)
		}
		if got := names(t, dir); len(got) != 2 {
			t.Errorf("a failed Recover left %v", got)
		}
		if _, err := Recover(t.Context(), dir, st, run); err != nil {
			t.Error(err)
		}
	})
	t.Run("on a run that was closed", func(t *testing.T) {
		dir, sums := closedRun(t, testInfo())
		if got, err := Recover(t.Context(), dir, st, run); err != nil || got != sums {
			t.Errorf("Recover = %s, %v; want %s", got, err, sums)
		}
	})
}

func TestRecoverWithoutItsFiles(t *testing.T) {
	st, run := killedState()
	t.Run("no folder", func(t *testing.T) {
		if _, err := Recover(t.Context(), filepath.Join(t.TempDir(), "none"), st, run); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Recover = %v, want an error wrapping fs.ErrNotExist", err)
		}
	})
	t.Run("killed before anything was written", func(t *testing.T) {
		dir := t.TempDir()
		if _, err := Recover(t.Context(), dir, st, run); err != nil {
			t.Fatal(err)
		}
		if v, err := Verify(dir); err != nil || !v.OK() || v.Rows != 4 {
			t.Errorf("Verify = %+v, %v; want the 4 records of the run", v, err)
		}
	})
	t.Run("damaged in the middle", func(t *testing.T) {
		dir := killedRun(t)
		rows := strings.SplitAfter(read(t, dir, ResultsFile), "\n")
		rows[1] = strings.Repeat("\x00", len(rows[1])-1) + "\n"
		if err := os.WriteFile(filepath.Join(dir, ResultsFile), []byte(strings.Join(rows, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Recover(t.Context(), dir, st, run); err != nil {
			t.Fatal(err)
		}
		if v, err := Verify(dir); err != nil || !v.OK() || v.Rows != 4 {
			t.Errorf("Verify = %+v, %v; want 2 whole rows and 2 of the state", v, err)
		}
	})
}

func TestRecoverKeepsAnOutcomeThatIsKnown(t *testing.T) {
	dir := killedRun(t)
	st, run := killedState()
	run.End, run.Code, run.Outcome = start.Add(time.Minute), 1, "the disk is full"
	if _, err := Recover(t.Context(), dir, st, run); err != nil {
		t.Fatal(err)
	}
	var s Summary
	if err := readJSON(dir, SummaryFile, &s); err != nil {
		t.Fatal(err)
	}
	if s.Sentence != run.Outcome || s.Code != 1 || !s.End.Equal(run.End) {
		t.Errorf("summary = %+v, want the outcome of the run", s)
	}
}
