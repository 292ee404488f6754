package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// finish makes all files from results.ndjson, SHA256SUMS last, and returns the
// digest of that. It may be repeated until it succeeds.
func finish(dir string, e Evidence, how ending) (sums string, err error) {
	results, err := os.Open(filepath.Join(dir, ResultsFile))
	if err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	defer results.Close()
	zone := e.Start.Location()
	how.start, how.end = how.start.In(zone), how.end.In(zone)
	o := newOverview(how.start, how.end)
	t, err := count(results, o)
	if err != nil {
		return "", fmt.Errorf("evidence in %s: %w", dir, err)
	}
	if _, err := results.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	o.identical.Sum()
	if err := writeTables(dir, e.separator(), t.kept, results, o); err != nil {
		return "", fmt.Errorf("evidence in %s: %w", dir, err)
	}
	s := t.summary(e, how)
	how.sentence = s.Sentence
	if err := writeJSON(dir, SummaryFile, s); err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	if err := writeJSON(dir, EvidenceFile, e.ended(how)); err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	if err := writePage(dir, e.ended(how), s, o); err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	if sums, err = writeSums(dir); err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	return sums, nil
}

// The columns of the tables; kept columns follow, or stand where "" is.
var (
	successColumns = []string{
		"externalId", "source", "name", "division", "assetId", "action", "status", "md5", "size", "attempts",
		"start", "end", "warnings", "",
	}
	failureColumns = []string{
		"externalId", "source", "code", "message", "status", "action", "name", "division", "assetId", "attempts",
		"warnings", "",
	}
	mappingColumns = []string{"externalId", "source", "", "assetId", "slug", "link"}
)

// cell is the value of one column of a row.
func (r row) cell(column string) string {
	switch column {
	case "externalId":
		return r.ExternalID
	case "source":
		return r.Source
	case "name":
		return r.Name
	case "division":
		return r.Division
	case "assetId":
		return r.AssetID
	case "slug":
		return r.Slug
	case "action":
		return string(r.Action)
	case "status":
		return r.Status
	case "md5":
		return r.MD5
	case "size":
		return strconv.FormatInt(r.Size, 10)
	case "attempts":
		return strconv.Itoa(r.Attempts)
	case "start":
		return r.Start.String()
	case "end":
		return r.End.String()
	case "warnings":
		return strings.Join(r.Warnings, " ")
	case "code":
		return r.code()
	case "message":
		return r.message()
	}
	return "" // link: the service tells none
}

// writeTables makes the three CSV files in one pass over results.ndjson, the second
// one of o.
func writeTables(dir string, sep rune, kept []string, results io.Reader, o *overview) (err error) {
	var open []*sheet
	defer func() {
		if err != nil {
			for _, s := range open {
				s.out.abandon()
			}
		}
	}()
	begin := func(name string, columns []string) (*sheet, error) {
		s, err := newSheet(dir, name, sep, columns, kept)
		if err == nil {
			open = append(open, s)
		}
		return s, err
	}
	succeeded, err := begin(SuccessFile, successColumns)
	if err != nil {
		return err
	}
	failed, err := begin(FailuresFile, failureColumns)
	if err != nil {
		return err
	}
	mapping, err := begin(MappingFile, mappingColumns)
	if err != nil {
		return err
	}
	for l, err := range lines(results) {
		if err != nil {
			return err
		}
		o.sample(l.row)
		if l.row.Kind != "" {
			continue // the tables are of items
		}
		switch l.row.class() {
		case success:
			succeeded.add(l.row)
			if l.row.AssetID != "" && !l.row.Unlisted { // else nobody is to be led there
				mapping.add(l.row)
			}
		case failure:
			failed.add(l.row)
		}
	}
	for _, s := range open {
		if err := s.commit(); err != nil {
			return err
		}
	}
	return nil
}

// sheet is a table with fixed and kept columns.
type sheet struct {
	*table
	columns []string       // "" where the kept ones go
	at      map[string]int // of a kept key, among the kept columns
	cells   []string       // of the row being written
	kept    []string       // likewise
}

func newSheet(dir, name string, sep rune, columns, kept []string) (*sheet, error) {
	s := &sheet{columns: columns, at: make(map[string]int, len(kept)), kept: make([]string, len(kept))}
	names := slices.Clone(columns)
	titles := make([]string, len(kept))
	for i, key := range kept {
		s.at[key] = i
		title := key
		for slices.Contains(names, title) || slices.Contains(kept, title) && title != key {
			title = "keep." + title
		}
		names = append(names, title)
		titles[i] = title
	}
	var err error
	s.table, err = newTable(dir, name, sep, s.splice(func(c string) string { return c }, titles))
	return s, err
}

// splice is a line: the fixed columns by value, the kept ones in their place.
func (s *sheet) splice(value func(column string) string, kept []string) []string {
	s.cells = s.cells[:0]
	for _, c := range s.columns {
		if c == "" {
			s.cells = append(s.cells, kept...)
		} else {
			s.cells = append(s.cells, value(c))
		}
	}
	return s.cells
}

func (s *sheet) add(r row) {
	clear(s.kept)
	for _, kv := range r.Keep {
		if i, ok := s.at[kv.Key]; ok {
			s.kept[i] = kv.Value
		}
	}
	s.write(s.splice(r.cell, s.kept))
}
