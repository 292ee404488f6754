package pipeline_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// planText is a saved plan with rows of several kinds.
func planText(t testing.TB) (path string, text []byte) {
	t.Helper()
	w := newWorld(t, emulator.Options{})
	w.add("A", "a", tags("One", "Two"), func(i *manifest.Item) { i.Fields.Description = manifest.Some(`<b> & "ü" ` + "\u2028") })
	w.add("B", "b", tags("Two"), func(i *manifest.Item) {
		i.Problems = []manifest.Problem{{Code: "M043", Class: manifest.Warn, What: "expired", Pos: i.Pos}}
	})
	w.add("C", "")
	w.mustRun(3)
	w.items[0].Fields.Description = manifest.Some("new")
	w.files.put("B.txt", "other")
	w.add("D", "d", tags("Three"))
	path, _, _ = w.save(pipeline.Choice{Only: []string{"*"}})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, text
}

func read(text []byte) (*pipeline.SavedPlan, error) {
	return pipeline.ReadPlan(bytes.NewReader(text), "plan.ndjson")
}

func TestAPlanIsReadAsItWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, text := planText(t)
		p, err := pipeline.OpenPlan(path)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		sum := sha256.Sum256(text)
		if p.Digest != hex.EncodeToString(sum[:]) || p.Len() != 4 || p.Totals.Items != 4 || p.Totals.NewTagsAll != 1 || p.Totals.Warnings != 1 || !p.Header.Choice.Selects() {
			t.Errorf("%s, %d rows, %+v, %+v", p.Digest, p.Len(), p.Totals, p.Header)
		}
		for id, want := range map[string]pipeline.Action{"A": pipeline.ActionUpdate, "B": pipeline.ActionVersion, "C": pipeline.ActionBlocked, "D": pipeline.ActionCreate} {
			if row, err := p.Row(id); err != nil || row == nil || row.Action != want {
				t.Errorf("%s: %+v, %v, want %s", id, row, err, want)
			}
		}
		if row, err := p.Row("E"); row != nil || err != nil {
			t.Errorf("E: %+v, %v", row, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	})
}

// TestAnyChangedByteOfAPlanIsFound turns each byte of a plan into another one. The
// forecast of reads alone may say something else: no row depends on it.
func TestAnyChangedByteOfAPlanIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, text := planText(t)
		reads := regexp.MustCompile(`"reads":\d+`).FindAllIndex(text, -1)
		forecast := reads[len(reads)-1]
		for i := range text {
			if i >= forecast[0] && i < forecast[1] {
				continue
			}
			changed := bytes.Clone(text)
			changed[i] ^= 1
			if _, err := read(changed); err == nil {
				t.Errorf("byte %d, %q: not found in ...%s...", i, text[i], changed[max(0, i-20):min(len(text), i+20)])
			}
		}
		for n := range text {
			_, err := read(text[:n])
			if wrong, ok := errors.AsType[*pipeline.PlanFileError](err); !ok || wrong.Line != 1+bytes.Count(text[:n], []byte("\n")) {
				t.Errorf("cut after %d bytes: %v", n, err)
			}
		}
	})
}

func TestWhatIsWrongWithAPlanIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, text := planText(t)
		lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
		head, end := lines[0], lines[len(lines)-1]
		resealed := func(body string, rows int) string {
			sum := sha256.Sum256([]byte(body))
			last := regexp.MustCompile(`"sha256":"\w+"`).ReplaceAllString(end, fmt.Sprintf(`"sha256":"%x"`, sum))
			return body + regexp.MustCompile(`"rows":\d+`).ReplaceAllString(last, fmt.Sprintf(`"rows":%d`, rows)) + "\n"
		}
		body := strings.Join(lines[:len(lines)-1], "")
		if _, err := read([]byte(resealed(body, 4))); err != nil {
			t.Fatalf("the same plan, sealed anew: %v", err)
		}
		for name, tc := range map[string]struct{ text, want string }{
			"empty":       {"", "plan.ndjson:1: this is no saved plan (name the file that"},
			"a manifest":  {"version: 1\ndivision: Marketing\n", "plan.ndjson:1: this is no saved plan"},
			"JSON":        {"{\"version\":1}\n", "plan.ndjson:1: this is no saved plan"},
			"newer":       {strings.Replace(string(text), `"version":1`, `"version":2`, 1), "plan.ndjson:1: a newer version of migrate wrote this plan: it has format 2"},
			"header":      {strings.Replace(string(text), `"version":1`, `"version":0`, 1), "plan.ndjson:1: the header of the plan"},
			"cut":         {head + lines[1], "plan.ndjson:3: the plan ends before its last line: it was cut off (plan again"},
			"cut in line": {string(text[:len(text)-5]), "plan.ndjson:6: the plan ends before its last line"},
			"a row":       {head + "{}\n" + end + "\n", "plan.ndjson:2: this is no row of a plan"},
			"a row gone":  {head + lines[1] + lines[2] + lines[3] + end + "\n", "plan.ndjson:5: the digest in the last line is not that"},
			"line ends":   {strings.ReplaceAll(string(text), "\n", "\r\n"), "perhaps only its line ends"},
			"totals":      {resealed(head+lines[1], 1), "plan.ndjson:3: the digest in the last line"},
			"more":        {string(text) + "\n", "plan.ndjson:7: something follows the last line"},
			"last line":   {head + `{"type":"ende"}` + "\n", "plan.ndjson:2: the last line of the plan cannot be understood"},
		} {
			_, err := read([]byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v\nwant %s", name, err, tc.want)
			}
		}
		twice := head + strings.Replace(body[len(head):], `"externalId":"B"`, `"externalId":"A"`, 1)
		if _, err := read([]byte(resealed(twice, 4))); err == nil || !strings.Contains(err.Error(), `"A" has two rows`) {
			t.Errorf("two rows of one item: %v", err)
		}
		p, err := read(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Fits("other", "test"); err == nil || !strings.Contains(err.Error(), `the plan is for "acme" and this is "other"`) {
			t.Errorf("another tenant: %v", err)
		}
		if err := p.Fits("acme", "wave-2"); err == nil || !strings.Contains(err.Error(), `id "test"`) {
			t.Errorf("another manifest: %v", err)
		}
		if err := p.Fits("acme", "test"); err != nil {
			t.Error(err)
		}
		if _, err := pipeline.OpenPlan(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no file: %v", err)
		}
	})
}

func TestAPlanReplacesNothingButAPlan(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plan.ndjson")
	for text, fine := range map[string]bool{
		"": true, `{"type":"plan","version":1}` + "\n": true, `{"type":"plan","version":7, anything`: true,
		"version: 1\n": false, `{"type":"pla`: false, "externalId,file\n": false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := pipeline.CreatePlan(path)
		if (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil {
			file.Abandon()
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
	for _, p := range []string{dir, filepath.Join(dir, "none", "plan.ndjson")} {
		if file, err := pipeline.CreatePlan(p); err == nil {
			file.Abandon()
			t.Errorf("a plan at %s", p)
		}
	}
}

// FuzzReadPlan: whatever a file holds, reading it as a plan does not panic; what
// is refused names a line, and what is accepted gives its rows back.
func FuzzReadPlan(f *testing.F) {
	_, text := planText(f)
	f.Add(text)
	lines := bytes.SplitAfter(text, []byte("\n"))
	f.Add(bytes.Join(lines[:2], nil))
	f.Add(append(bytes.Clone(lines[0]), lines[len(lines)-2]...))
	f.Add([]byte(`{"type":"plan","version":1,"start":"2026-11-21T22:00:00Z"}` + "\n" + `{"type":"end"}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := read(text)
		if err != nil {
			if wrong, ok := errors.AsType[*pipeline.PlanFileError](err); !ok || wrong.Line < 1 && !strings.Contains(wrong.What, "two rows") {
				t.Errorf("%v", err)
			}
			return
		}
		if p.Totals.Items != p.Len() {
			t.Errorf("%d rows and %d items", p.Len(), p.Totals.Items)
		}
	})
}
