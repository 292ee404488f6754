package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAnyFlippedByteIsFound(t *testing.T) {
	dir := wholeRun(t)
	const flips = 100 // of each file, from its first byte to its last
	all := names(t, dir)
	for _, name := range []string{SumsFile, EvidenceFile, ResultsFile, SuccessFile, FailuresFile, MappingFile, NotIncludedFile, SharesFile, SummaryFile, PageFile} {
		if !slices.Contains(all, name) {
			t.Errorf("the folder lacks %s", name)
		}
	}
	for _, name := range all {
		whole := []byte(read(t, dir, name))
		for n := range min(flips, len(whole)) {
			i := n
			if len(whole) > flips {
				i = n * (len(whole) - 1) / (flips - 1)
			}
			changed := append([]byte{}, whole...)
			changed[i] ^= 0x20 // also the case of a hex digit, a line end, a space
			if err := os.WriteFile(filepath.Join(dir, name), changed, 0o600); err != nil {
				t.Fatal(err)
			}
			v, err := Verify(dir)
			if err != nil {
				t.Fatal(err)
			}
			if v.OK() {
				t.Fatalf("%s: byte %d changed from %q to %q, and Verify is content", name, i, whole[i], changed[i])
			}
			if name != SumsFile && !strings.Contains(fmt.Sprint(v.Problems), name+": changed") {
				t.Fatalf("%s: byte %d changed, and Verify says %v", name, i, v.Problems)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := Verify(dir); err != nil || !v.OK() {
		t.Errorf("with everything put back: %+v, %v", v, err)
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(dir string) error
		want string // file and kind
	}{
		"removed":      {func(dir string) error { return os.Remove(filepath.Join(dir, MappingFile)) }, "mapping.csv missing"},
		"added":        {func(dir string) error { return os.WriteFile(filepath.Join(dir, "note.txt"), nil, 0o600) }, "note.txt extra"},
		"folder added": {func(dir string) error { return os.Mkdir(filepath.Join(dir, "more"), 0o700) }, "more extra"},
		"cut off":      {func(dir string) error { return os.Truncate(filepath.Join(dir, ResultsFile), 10) }, "results.ndjson changed"},
		"sums removed": {func(dir string) error { return os.Remove(filepath.Join(dir, SumsFile)) }, "SHA256SUMS missing"},
		"sums cut off": {func(dir string) error { return os.Truncate(filepath.Join(dir, SumsFile), 90) }, "SHA256SUMS changed"},
		"sums shortened": {func(dir string) error {
			return editSums(dir, func(lines []string) []string { return lines[:len(lines)-3] })
		}, "success.csv missing"},
		"sums out of order": {func(dir string) error {
			return editSums(dir, func(lines []string) []string { lines[0], lines[1] = lines[1], lines[0]; return lines })
		}, "SHA256SUMS changed"},
		"sums elsewhere": {func(dir string) error {
			return editSums(dir, func(lines []string) []string {
				lines[0] = strings.Replace(lines[0], EvidenceFile, "../x.json", 1)
				return lines
			})
		}, "SHA256SUMS changed"},
		"row removed and digests made anew": {func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, ResultsFile))
			if err != nil {
				return err
			}
			_, rest, _ := strings.Cut(string(text), "\n")
			if err := os.WriteFile(filepath.Join(dir, ResultsFile), []byte(rest), 0o600); err != nil {
				return err
			}
			_, err = writeSums(dir)
			return err
		}, "results.ndjson rows"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := closedRun(t, testInfo())
			if err := c.harm(dir); err != nil {
				t.Fatal(err)
			}
			v, err := Verify(dir)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, p := range v.Problems {
				found = found || p.File+" "+p.Kind == c.want
			}
			if !found || v.OK() {
				t.Errorf("problems = %v, want %s", v.Problems, c.want)
			}
		})
	}
}

func editSums(dir string, edit func(lines []string) []string) error {
	path := filepath.Join(dir, SumsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := edit(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

func TestVerifyNeedsAFolder(t *testing.T) {
	if _, err := Verify(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Verify = %v, want an error wrapping fs.ErrNotExist", err)
	}
}

func TestVerificationIsADocument(t *testing.T) {
	dir, sums := closedRun(t, testInfo())
	v, err := Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(v)
	if want := fmt.Sprintf(`{"files":7,"rows":7,"sums":%q}`, sums); err != nil || string(got) != want {
		t.Errorf("JSON = %s, %v; want %s", got, err, want)
	}
}

func FuzzParseSums(f *testing.F) {
	line := strings.Repeat("0a", 32) + "  "
	f.Add(line + "a.csv\n" + line + "b.csv\n")
	f.Add(line + "../a\n")
	f.Add("\n")
	f.Fuzz(func(t *testing.T, text string) {
		sums, err := parseSums(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, s := range sums {
			fmt.Fprintf(&again, "%s  %s\n", s.digest, s.name)
			if filepath.Base(s.name) != s.name {
				t.Errorf("name %q leaves the folder", s.name)
			}
		}
		if again.String() != text {
			t.Errorf("%q was read as %q", text, again.String())
		}
	})
}
