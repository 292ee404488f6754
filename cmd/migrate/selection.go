package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/report"
)

// idColumn is the column of external IDs in a CSV file.
const idColumn = "externalId"

// selection is the flags in the pipeline's terms.
func (f *selectFlags) selection() (pipeline.Selection, error) {
	s := pipeline.Selection{Division: f.division, Limit: f.limit}
	if len(f.only) == 0 {
		return s, nil
	}
	ids := map[string]bool{}
	var patterns []string
	for _, only := range f.only {
		name, isFile := strings.CutPrefix(only, "@")
		if !isFile {
			if only == "" {
				return s, usagef("--only: an empty pattern matches nothing")
			}
			patterns = append(patterns, only)
			continue
		}
		if err := readIDs(name, ids); err != nil {
			return s, usagef("--only: %v", err)
		}
	}
	s.Only = func(id string) bool {
		if ids[id] {
			return true
		}
		for _, p := range patterns {
			if match(p, id) {
				return true
			}
		}
		return false
	}
	return s, nil
}

// readIDs reads the external IDs of a file into ids: a CSV file with a column
// of them, or one a line. Empty lines and those that begin with # are no IDs.
func readIDs(name string, ids map[string]bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	isCSV, err := hasIDColumn(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	before := len(ids)
	if isCSV {
		for id, err := range report.Column(f, idColumn) {
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if id != "" {
				ids[id] = true
			}
		}
		return nil // a table without rows, such as failures.csv of a good run, selects nothing
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if id := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")); id != "" && !strings.HasPrefix(id, "#") {
			ids[id] = true
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(ids) == before {
		return fmt.Errorf("%s: no external IDs in it (one a line, or a CSV file with the column %s)", name, idColumn)
	}
	return nil
}

// hasIDColumn looks at the first line and goes back to the start.
func hasIDColumn(f *os.File) (bool, error) {
	first, err := bufio.NewReader(f).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	first = strings.TrimPrefix(first, "\ufeff")
	for cell := range strings.FieldsFuncSeq(first, func(r rune) bool { return strings.ContainsRune(",;\t\r\n", r) }) {
		if strings.Trim(cell, `" `) == idColumn {
			return true, nil
		}
	}
	return false, nil
}

// match reports whether text is pattern, or matches it: * is any text, ? any one
// character, [a-z] one of these, [!a-z] none of these; a [ without its ] is
// itself. External IDs have no folders, so * goes over slashes too.
func match(pattern, text string) bool {
	if pattern == text {
		return true
	}
	p, t := []rune(pattern), []rune(text)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		if i < len(p) && p[i] == '*' {
			star, mark = i, j
			i++
			continue
		}
		if n := matchOne(p[i:], t[j]); n > 0 {
			i += n
			j++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		i, j = star+1, mark
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// matchOne is how much of the pattern's beginning the character r matches, 0
// for none.
func matchOne(p []rune, r rune) int {
	if len(p) == 0 {
		return 0
	}
	end := slices.Index(p, ']')
	switch {
	case p[0] == '?':
		return 1
	case p[0] == '[' && end > 1:
		set := p[1:end]
		not := len(set) > 1 && (set[0] == '!' || set[0] == '^')
		if not {
			set = set[1:]
		}
		in := false
		for k := 0; k < len(set); k++ {
			if k+2 < len(set) && set[k+1] == '-' {
				in = in || set[k] <= r && r <= set[k+2]
				k += 2
				continue
			}
			in = in || set[k] == r
		}
		if in != not {
			return end + 1
		}
	case p[0] == r:
		return 1
	}
	return 0
}

// tellEmpty warns when a selection leaves nothing: it is rarely meant.
func (a *app) tellEmpty(f selectFlags, items int) {
	if items == 0 && (len(f.only) > 0 || f.division != "") {
		say(a.err, "warning: no item of the manifest matches --only or --division")
	}
}
