package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Verification is what [Verify] found.
type Verification struct {
	Files    int       `json:"files"`              // that are as SHA256SUMS says
	Rows     int       `json:"rows"`               // of results.ndjson; 0 when it cannot be trusted
	Sums     string    `json:"sums"`               // SHA-256 of SHA256SUMS, to be compared with the printed one and that of the state
	Problems []Problem `json:"problems,omitempty"` // none: the folder is as the run left it
}

// OK reports whether the folder is as its run left it, as far as SHA256SUMS
// tells. Whether SHA256SUMS is the original, its own digest tells.
func (v Verification) OK() bool { return len(v.Problems) == 0 }

// Problem is a file that is not as the run left it.
type Problem struct {
	File string `json:"file"`
	Kind string `json:"kind"` // "missing", "extra", "changed", "unreadable", "rows"
	Text string `json:"text"` // one sentence, with the file's name
}

func (p Problem) String() string { return p.File + ": " + p.Text }

// Verify checks the evidence in dir against its SHA256SUMS, offline. What is
// wrong with the files is in the Verification; the error says that the folder
// cannot be checked at all.
func Verify(dir string) (Verification, error) {
	var v Verification
	root, err := os.OpenRoot(dir)
	if err != nil {
		return v, fmt.Errorf("evidence folder: %w", err)
	}
	defer root.Close()
	text, err := root.ReadFile(SumsFile)
	if errors.Is(err, fs.ErrNotExist) {
		v.add(SumsFile, "missing", "missing: the run is under way, was killed and not continued, or somebody removed it")
		return v, nil
	}
	if err != nil {
		return v, fmt.Errorf("evidence folder: %w", err)
	}
	if v.Sums, err = digest(strings.NewReader(string(text))); err != nil {
		return v, err
	}
	sums, err := parseSums(string(text))
	if err != nil {
		v.add(SumsFile, "changed", fmt.Sprintf("changed: %v", err))
		return v, nil
	}
	named := map[string]bool{SumsFile: true}
	for _, s := range sums {
		named[s.name] = true
		v.file(root, s)
	}
	for _, name := range []string{ResultsFile, SummaryFile, EvidenceFile, SuccessFile, FailuresFile, MappingFile} {
		if !named[name] {
			v.add(name, "missing", "missing in "+SumsFile)
		}
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return v, fmt.Errorf("evidence folder: %w", err)
	}
	for _, e := range entries {
		if !named[e.Name()] {
			v.add(e.Name(), "extra", "extra: "+SumsFile+" does not name it")
		}
	}
	if v.OK() {
		v.rows(root)
	}
	return v, nil
}

func (v *Verification) add(file, kind, text string) {
	v.Problems = append(v.Problems, Problem{File: file, Kind: kind, Text: text})
}

func (v *Verification) file(root *os.Root, want sum) {
	info, err := root.Lstat(want.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.add(want.name, "missing", "missing: "+SumsFile+" names it")
		return
	case err == nil && !info.Mode().IsRegular():
		v.add(want.name, "changed", "changed: it is not a plain file any more")
		return
	}
	got, err := digestFile(root, want.name)
	switch {
	case err != nil:
		v.add(want.name, "unreadable", fmt.Sprintf("cannot be read: %v", err))
	case got != want.digest:
		v.add(want.name, "changed", fmt.Sprintf("changed: its SHA-256 is %s, %s says %s", got, SumsFile, want.digest))
	default:
		v.Files++
	}
}

// rows compares results.ndjson with summary.json, whose digests are right.
func (v *Verification) rows(root *os.Root) {
	rows, err := countRows(root)
	if err != nil {
		v.add(ResultsFile, "rows", err.Error())
		return
	}
	v.Rows = rows
	var s Summary
	data, err := root.ReadFile(SummaryFile)
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	switch {
	case err != nil:
		v.add(SummaryFile, "unreadable", fmt.Sprintf("cannot be read: %v", err))
	case s.rows() != rows:
		v.add(ResultsFile, "rows", fmt.Sprintf("has %d rows where %s counted %d", rows, SummaryFile, s.rows()))
	}
}

// rows is how many rows the summary counted: of items, and of what is made beside them.
func (s *Summary) rows() int {
	n := s.Items
	for _, of := range s.Extras {
		for _, k := range of {
			n += k
		}
	}
	return n
}

func countRows(root *os.Root) (int, error) {
	f, err := root.Open(ResultsFile)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n := 0
	for _, err := range lines(f) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
