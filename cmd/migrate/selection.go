package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/report"
)

// idColumn is the column of external IDs in a CSV file.
const idColumn = "externalId"

// picks are what --only names, and what of it was met. The pipeline may ask
// from several goroutines.
type picks struct {
	mu       sync.Mutex
	ids      map[string]bool // of files: met
	patterns []string
	met      []bool // by pattern
}

// has reports whether an item was picked, and notes by what.
func (p *picks) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, found := p.ids[id]
	if found {
		p.ids[id] = true
	}
	for i, pattern := range p.patterns {
		if match(pattern, id) {
			p.met[i], found = true, true
		}
	}
	return found
}

// missed are the patterns, and after them the IDs of files, that no item met.
func (p *picks) missed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var missed []string
	for i, pattern := range p.patterns {
		if !p.met[i] {
			missed = append(missed, pattern)
		}
	}
	var ids []string
	for id, met := range p.ids {
		if !met {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return append(missed, ids...)
}

// selection is the flags in the pipeline's terms.
func (f *selectFlags) selection(ctx context.Context) (pipeline.Selection, error) {
	s := pipeline.Selection{Division: f.division, Limit: f.limit}
	if len(f.only) == 0 {
		return s, nil
	}
	p := &picks{ids: map[string]bool{}}
	for _, only := range f.only {
		name, isFile := strings.CutPrefix(only, "@")
		switch {
		case only == "":
			return s, usagef("--only: an empty pattern matches nothing")
		case !isFile && strings.Contains(only, ","):
			return s, usagef("--only %q: no external ID holds a comma; write --only once for each, or a file of IDs as --only @FILE", only)
		case !isFile:
			p.patterns = append(p.patterns, only)
		default:
			if err := readIDs(ctx, name, p.ids); err != nil {
				return s, usagef("--only: %v", err)
			}
		}
	}
	p.met = make([]bool, len(p.patterns))
	f.picks, s.Only = p, p.has
	return s, nil
}

// readIDs reads the external IDs of a file into ids, not met yet: a CSV file or a workbook
// with a column of them, or one a line. Empty lines and those that begin with # are no IDs.
func readIDs(ctx context.Context, name string, ids map[string]bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if table.IsWorkbook(name) {
		return workbookIDs(ctx, f, name, ids)
	}
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
				ids[id] = false
			}
		}
		return nil // a table without rows, such as failures.csv of a good run, selects nothing
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if id := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")); id != "" && !strings.HasPrefix(id, "#") {
			ids[id] = false
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

// workbookIDs reads the column of external IDs of a workbook's first sheet.
func workbookIDs(ctx context.Context, f *os.File, name string, ids map[string]bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	column := -1
	for row, err := range table.Read(ctx, f, info.Size(), table.Options{Name: name}) {
		switch {
		case err != nil:
			return err
		case column < 0:
			if column = slices.Index(row.Cells, idColumn); column < 0 {
				return fmt.Errorf("%s: no column %q in the first row", name, idColumn)
			}
		case row.Cells[column] != "":
			ids[report.Unneutralise(row.Cells[column])] = false
		}
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

// shownMisses is how many patterns and IDs without an item are named.
const shownMisses = 5

// tellMissed says that a limit was met, and warns when a selection leaves nothing,
// and when a part of --only met no item: it is rarely meant. Items is how many were selected, of a
// manifest that was read to its end.
func (a *app) tellMissed(f selectFlags, items int) {
	if items == 0 && (len(f.only) > 0 || f.division != "") {
		say(a.err, "warning: no item of the manifest matches --only or --division")
		return
	}
	if f.limit > 0 && items >= f.limit { // what comes after was never looked at
		say(a.err, "--limit %d: what comes after was not looked at; without --limit all items are taken", f.limit)
		return
	}
	if f.picks == nil {
		return
	}
	a.warnMissed("--only: no item of the manifest matches", f.picks)
}

// tellRecreate warns when --recreate names what is no item, or none that was
// selected: it takes external IDs, and no patterns.
func (a *app) tellRecreate(named *picks) {
	if named != nil {
		a.warnMissed("--recreate: no item that was looked at has the external ID", named)
	}
}

// selects reports whether the flags choose a part of the manifest.
func (f *selectFlags) selects() bool { return len(f.only) > 0 || f.division != "" || f.limit > 0 }

// tellExtrasOff says that a selection leaves alone what a manifest makes beside its
// items.
func (a *app) tellExtrasOff(m *manifest.Manifest, selected bool) {
	if extras := m.Extras(); selected && len(extras) > 0 {
		say(a.err, "with --only, --division or --limit these are left alone: %s", strings.Join(extras, ", "))
	}
}

// tellNotCompared says what of a manifest verify cannot look at.
func (a *app) tellNotCompared(m *manifest.Manifest) {
	blind := slices.DeleteFunc(m.Extras(), func(s string) bool { return s != "My Files" && s != "shares" })
	if len(blind) > 0 {
		say(a.err, "not compared, because the service does not show them: %s", strings.Join(blind, ", "))
	}
}

func (a *app) warnMissed(what string, p *picks) {
	missed := p.missed()
	if len(missed) == 0 {
		return
	}
	shown := make([]string, 0, shownMisses)
	for _, m := range missed[:min(len(missed), shownMisses)] {
		shown = append(shown, strconv.Quote(m))
	}
	text := strings.Join(shown, ", ")
	if more := len(missed) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %s more", view.Count(more))
	}
	say(a.err, "warning: %s %s", what, text)
}
