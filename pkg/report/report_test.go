package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const runID = "20261121T205900Z-3f9a"

var start = time.Date(2026, 11, 21, 21, 59, 0, 0, time.FixedZone("CET", 3600))

func testInfo() Info {
	return Info{
		Run: runID, Tenant: "acme", Mode: "LIVE", ServiceUser: "jane@example.com",
		Machine: Machine{User: "jane", Host: "laptop", Zone: zone(start)},
		Manifest: ManifestInfo{
			Path: "campaign.yaml", Digest: strings.Repeat("a", 64),
			Files: []File{{Name: "campaign.yaml", SHA256: strings.Repeat("b", 64), Bytes: 120}},
		},
		Binary:   Binary{Version: "v1.0.0", SHA256: strings.Repeat("c", 64)},
		Command:  []string{"migrate", "run", "campaign.yaml"},
		Settings: map[string]string{"uploads": "8", "token": "very-secret", "token-file": ""},
		Start:    start,
	}
}

// testResults has one item of each kind.
func testResults() []pipeline.Result {
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	return []pipeline.Result{
		{
			ExternalID: "SP-1", Source: "decks:q3/sales.pptx", Name: "Q3, sales.pptx", Division: "Marketing", AssetID: "a1", Slug: "s1",
			Action: pipeline.ActionCreate, Reason: "new", Status: "done", MD5: "0cc175b9c0f1b6a831c399e269772661", Size: 1,
			Attempts: 1, Start: at(10), End: at(1510), Run: runID, Warnings: []string{"normalised", "twin"},
			Keep: []manifest.KeepKV{{Key: "Old URL", Value: "https://old.example.com/1"}, {Key: "name", Value: "=1+1"}},
		},
		{
			ExternalID: "-SP-2", Name: "Two", Division: "Marketing", AssetID: "a2", Slug: "s2", Action: pipeline.ActionUnchanged,
			Reason: "same", Status: "unchanged", Run: runID, Keep: []manifest.KeepKV{{Key: "Owner", Value: "line one\r\nline \"two\""}},
		},
		{
			ExternalID: "SP-3", Source: "gone.pdf", Action: pipeline.ActionBlocked, Reason: "file-missing", Status: "blocked", Run: runID,
			Error: &state.Failure{Code: "file-missing", Message: "gone.pdf: no such file, <look> there"},
		},
		{ExternalID: "SP-4", AssetID: "a4", Action: pipeline.ActionConflict, Reason: "twin", Status: "conflict", Run: runID},
		{ExternalID: "SP-5", Action: pipeline.ActionCreate, Reason: "new", Status: "registering", Run: runID, Start: at(0), End: at(500)},
		{ExternalID: "SP-6", AssetID: "a6", Action: pipeline.ActionCreate, Reason: "new", Status: "processing", Run: runID},
		{ExternalID: "SP-7", Status: "pending", Run: runID},
	}
}

func testOutcome() pipeline.Outcome {
	return pipeline.Outcome{
		Run: runID, Code: 3, Sentence: "2 of 7 done", Start: start, End: start.Add(90 * time.Second),
		Plan:     pipeline.Summary{Items: 7, Actions: map[pipeline.Action]int{pipeline.ActionCreate: 3}, Writes: 6, Puts: 3, Bytes: 1},
		Requests: map[string]int{"postAssets": 3, "getAssets": 4}, Puts: 2, Bytes: 1,
	}
}

// closedRun is the folder of a small run that ended well, and its digest.
func closedRun(t *testing.T, info Info) (dir, sums string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "campaign.runs", runID)
	w, err := Create(dir, info)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range testResults() {
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if sums, err = w.Close(testOutcome()); err != nil {
		t.Fatal(err)
	}
	return dir, sums
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestFilesOfARun(t *testing.T) {
	dir, sums := closedRun(t, testInfo())
	for _, name := range []string{ResultsFile, SuccessFile, FailuresFile, MappingFile, SummaryFile, EvidenceFile} {
		golden := filepath.Join("testdata", "golden", name)
		got := read(t, dir, name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got, UPDATE_GOLDEN=1 accepts it):\n%s", name, diff)
		}
	}
	want := []string{SumsFile, EvidenceFile, FailuresFile, MappingFile, ResultsFile, SuccessFile, SummaryFile, PageFile}
	slices.Sort(want)
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	v, err := Verify(dir)
	if err != nil || !v.OK() || v.Files != 7 || v.Rows != 7 || v.Sums != sums {
		t.Errorf("Verify = %+v, %v; want 7 files, 7 rows, %s", v, err, sums)
	}
}

func TestOnlyTheOwnerReadsTheEvidence(t *testing.T) {
	dir, _ := closedRun(t, testInfo())
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != ownerDir {
			t.Errorf("%s: %v, %v; want %v", folder, info.Mode(), err, ownerDir)
		}
	}
	for _, name := range names(t, dir) {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != ownerFile {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, ownerFile)
		}
	}
}

func TestSettingsThatSoundLikeSecretsAreRedacted(t *testing.T) {
	dir, _ := closedRun(t, testInfo())
	for _, name := range names(t, dir) {
		if strings.Contains(read(t, dir, name), "very-secret") {
			t.Errorf("%s shows the value of a setting called token", name)
		}
	}
	var e Evidence
	if err := json.Unmarshal([]byte(read(t, dir, EvidenceFile)), &e); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"uploads": "8", "token": "[redacted]", "token-file": ""}, e.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestEvidenceIsNeverWrittenOver(t *testing.T) {
	dir, _ := closedRun(t, testInfo())
	if _, err := Create(dir, testInfo()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create in the folder of another run = %v, want an error wrapping fs.ErrExist", err)
	}
}

func TestCreateRefusesWhatItCannotRecord(t *testing.T) {
	for name, change := range map[string]func(*Info){
		"no id":          func(i *Info) { i.Run = "" },
		"no start":       func(i *Info) { i.Start = time.Time{} },
		"separator pipe": func(i *Info) { i.Separator = '|' },
	} {
		t.Run(name, func(t *testing.T) {
			info := testInfo()
			change(&info)
			dir := filepath.Join(t.TempDir(), "run")
			if _, err := Create(dir, info); err == nil {
				t.Error("Create accepted it")
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Error("Create left a folder behind")
			}
		})
	}
}

func TestClosedWriterTakesNothing(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "run"), testInfo())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(testOutcome()); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(testResults()[0]); !errors.Is(err, ErrClosed) {
		t.Errorf("Add = %v, want ErrClosed", err)
	}
	if _, err := w.Close(testOutcome()); !errors.Is(err, ErrClosed) {
		t.Errorf("Close = %v, want ErrClosed", err)
	}
	if err := w.Abandon(); !errors.Is(err, ErrClosed) {
		t.Errorf("Abandon = %v, want ErrClosed", err)
	}
}

func TestRowThatCannotBeWrittenStopsTheEvidence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, testInfo())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.file.Close(); err != nil { // as if the disk had gone
		t.Fatal(err)
	}
	var failed error
	for range 2 * flushRows {
		failed = errors.Join(failed, w.Add(testResults()[0]))
	}
	if !errors.Is(failed, os.ErrClosed) || !strings.Contains(failed.Error(), ResultsFile) {
		t.Errorf("Add = %.200v, want the failure of %s", failed, ResultsFile)
	}
	if _, err := w.Close(testOutcome()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Close = %v, want the first failure", err)
	}
	if _, err := os.Stat(filepath.Join(dir, SumsFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("evidence with a hole got its SHA256SUMS")
	}
}

func TestShowSaysWhatHappened(t *testing.T) {
	dir, _ := closedRun(t, testInfo())
	var out strings.Builder
	if err := Show(&out, dir); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		runID, "LIVE acme", "2 of 7 done (exit code 3)", "2026-11-21 21:59:00 +01:00", "jane@example.com at the service", "jane on laptop",
		"7: 2 succeeded, 3 failed, 2 unfinished", "3 create", "1 file-missing, 1 twin, 1 unknown", "1 B in 2 uploads, 7 API requests", "4 getAssets, 3 postAssets",
		FailuresFile,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("Show does not say %q:\n%s", want, &out)
		}
	}
}

func TestShowOfARunUnderWay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, testInfo())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abandon()
	var out strings.Builder
	if err := Show(&out, dir); err != nil || !strings.Contains(out.String(), "none yet") {
		t.Errorf("Show = %v:\n%s", err, &out)
	}
	if err := Show(&out, t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Show of an empty folder = %v", err)
	}
}

func TestShowCannotSteerATerminal(t *testing.T) {
	info := testInfo()
	info.Manifest.Path = "\x1b]0;owned\x07.yaml"
	dir, _ := closedRun(t, info)
	var out strings.Builder
	if err := Show(&out, dir); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07") {
		t.Errorf("escape sequences got through: %q", out.String())
	}
}

// records serves as a state that holds only records.
type recordsOnly struct {
	state.Reader
	all  []state.Record // in order of external ID
	fail error
}

func (s recordsOnly) Scan(_ context.Context, after string, limit int) ([]state.Record, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	i, _ := slices.BinarySearchFunc(s.all, after, func(r state.Record, id string) int { return strings.Compare(r.ExternalID, id) })
	for i < len(s.all) && s.all[i].ExternalID <= after {
		i++
	}
	return s.all[i:min(i+limit, len(s.all))], nil
}

func ExampleNeutralise() {
	for _, cell := range []string{"-12", "'-12", "it's", "=HYPERLINK()"} {
		safe := Neutralise(cell)
		fmt.Println(safe, Unneutralise(safe) == cell)
	}
	// Output:
	// '-12 true
	// ''-12 true
	// it's true
	// '=HYPERLINK() true
}

// Extras knows none.
func (recordsOnly) Extras(context.Context, state.ExtraKind, string, string, int) ([]state.Extra, error) {
	return nil, nil
}
