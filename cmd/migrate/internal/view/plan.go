package view

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// dailyBudget is the number of requests a day that the first line counts with.
// Source: ASSUME; the samples of the service's documentation have it.
const dailyBudget = 5000

// PlanHeader says what a plan is about.
type PlanHeader struct {
	Mode     string `json:"mode"` // "live" or "sandbox"
	Tenant   string `json:"tenant"`
	Manifest string `json:"manifest"` // path as given
	ID       string `json:"id"`       // the manifest's id
	Digest   string `json:"digest,omitempty"`
	// Runs are those that a rollback takes back; none for a plan of a run.
	Runs   []string `json:"runs,omitempty"`
	Delete bool     `json:"delete,omitempty"` // what they made goes for good

	At      time.Time `json:"-"` // when it was made
	Program string    `json:"-"` // and by which version
	Saved   *Saved    `json:"-"` // the file that it was saved in; nil: none
}

// Saved is the file of a saved plan.
type Saved struct {
	Path, Digest string
	Rows         int
	Next         string // the command that carries it out
}

// Plan collects the rows of a plan and then shows them. Rows wait in a
// temporary file: the totals come first. Close removes it.
type Plan struct {
	Header    PlanHeader
	Unmapped  manifest.Unmapped // values that the maps have no entry for
	Leftovers *Leftovers        // what the manifest leaves behind; nil: nobody looked
	// Warnings is how many the check of the whole manifest found; those that are about
	// no single item are in no row.
	Warnings  int
	identical *pipeline.Identical
	groups    groups
	spool     *spool
	extras    []pipeline.ExtraRow
}

// NewPlan makes an empty plan.
func NewPlan(h PlanHeader) (*Plan, error) {
	s, err := newSpool()
	if err != nil {
		return nil, err
	}
	return &Plan{Header: h, spool: s, identical: &pipeline.Identical{}}, nil
}

// Add adds a row.
func (p *Plan) Add(row pipeline.Row) error {
	p.identical.Add(row)
	p.groups.add(&row)
	return p.spool.add(row)
}

// same are the rows with the same content, with samples; nil for a rollback and
// where there are none.
func (p *Plan) same() (*pipeline.Identical, error) {
	if p.identical.Sum(); p.identical.Groups == 0 || len(p.Header.Runs) > 0 {
		return nil, nil
	}
	return p.identical, p.spool.each(func(row pipeline.Row) error { p.identical.Sample(row); return nil })
}

// Close removes the temporary file.
func (p *Plan) Close() error { return p.spool.close() }

// JSON writes one document: version, what the plan is about, summary, rows.
func (p *Plan) JSON(w io.Writer, s pipeline.Summary) error {
	same, err := p.same()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	seen := s.Exposure
	s.Exposure = nil // it has a member of its own
	head, err := json.Marshal(struct {
		Version int    `json:"version"`
		Type    string `json:"type"`
		PlanHeader
		Unmapped    manifest.Unmapped   `json:"unmapped,omitzero"`
		Summary     pipeline.Summary    `json:"summary"`
		Exposure    *pipeline.Exposure  `json:"exposure,omitempty"`
		NotIncluded *Leftovers          `json:"notIncluded,omitempty"`
		Identical   *pipeline.Identical `json:"identical,omitempty"`
		// By action: where its rows are.
		Groups map[pipeline.Action][]Group `json:"groups,omitempty"`
	}{1, either(len(p.Header.Runs) > 0, "rollback", "plan"), p.Header, p.Unmapped, s, seen, p.Leftovers, same, p.groups.byAction()})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s,\"rows\":[", head[:len(head)-1])
	sep := "\n"
	err = p.spool.lines(func(line []byte) error {
		_, err := fmt.Fprintf(out, "%s%s", sep, line)
		sep = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprint(out, "]")
	if err := p.extrasJSON(out); err != nil {
		return err
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}

// order is the order in which actions are shown.
var order = []pipeline.Action{
	pipeline.ActionCreate, pipeline.ActionResume, pipeline.ActionAdopt, pipeline.ActionUpdate, pipeline.ActionVersion,
	pipeline.ActionCheck, pipeline.ActionRestore, pipeline.ActionArchive, pipeline.ActionDelete, pipeline.ActionUnchanged,
}

// nouns are how the first line counts an action: one, many.
var nouns = map[pipeline.Action][2]string{
	pipeline.ActionCreate:  {"new asset", "new assets"},
	pipeline.ActionResume:  {"to continue", "to continue"},
	pipeline.ActionAdopt:   {"to adopt", "to adopt"},
	pipeline.ActionUpdate:  {"update", "updates"},
	pipeline.ActionVersion: {"new version", "new versions"},
	pipeline.ActionCheck:   {"to check", "to check"},
	pipeline.ActionRestore: {"to restore", "to restore"},
	pipeline.ActionArchive: {"to archive", "to archive"},
	pipeline.ActionDelete:  {"to delete", "to delete"},
}

// work counts what is to be done, by action.
func work(s pipeline.Summary) (parts []string) {
	for _, a := range order {
		if n := s.Actions[a]; n > 0 && a != pipeline.ActionUnchanged {
			parts = append(parts, Plural(n, nouns[a][0], nouns[a][1]))
		}
	}
	return append(parts, extraWork(s)...)
}

// FirstLine says a plan in one sentence.
func FirstLine(s pipeline.Summary) string {
	parts := work(s)
	decide := s.Decisions()
	var b strings.Builder
	switch {
	case s.Items == 0 && s.ExtraRows() == 0:
		b.WriteString("nothing to do: no items")
	case len(parts) == 0 && decide == 0 && s.Items == 0:
		b.WriteString("nothing to do: all is as the manifest wants it")
	case len(parts) == 0 && decide == 0:
		fmt.Fprintf(&b, "nothing to do: %s as the manifest wants %s", plural(s.Items, "item is", "items are"), either(s.Items == 1, "it", "them"))
	case len(parts) == 0:
		b.WriteString("nothing to do")
	default:
		b.WriteString(strings.Join(parts, ", ") + costs(s))
	}
	if decide > 0 {
		fmt.Fprintf(&b, "; %s a decision", plural(decide, "item needs", "items need"))
	}
	return b.String()
}

// costs are the requests and uploads of a plan.
func costs(s pipeline.Summary) string {
	var b strings.Builder
	total := s.Writes + s.Reads
	fmt.Fprintf(&b, " = %s", Plural(total, "request", "requests"))
	if s.Reads > 0 {
		fmt.Fprintf(&b, " (%s, %s)", Plural(s.Writes, "write", "writes"), Plural(s.Reads, "read", "reads"))
	}
	if s.Puts > 0 {
		fmt.Fprintf(&b, "; %s (%s)", Plural(s.Puts, "upload", "uploads"), Bytes(s.Bytes))
	}
	n, per, took := inBudget(s)
	fmt.Fprintf(&b, "; at %s %s: %s", Count(n), per, took)
	return b.String()
}

// inBudget is how long the requests of a plan take where nothing limits it but how many
// there may be: n a day, say, and the time that it takes, as the forecast has it where
// that knows what of a budget is spent. The page has both too.
func inBudget(s pipeline.Summary) (n int, per, took string) {
	total := s.Writes + s.Reads
	if s.Budget == nil {
		return dailyBudget, "a day", Plural(max(1, (total+dailyBudget-1)/dailyBudget), "day", "days")
	}
	usable := max(s.Budget.Limit-s.Budget.Reserve, 1)
	windows := max(1, (total+usable-1)/usable)
	if f := s.Forecast; f != nil && f.By == "budget" && !f.Likely.Never {
		windows = max(windows, f.Likely.Runs)
	}
	if s.Budget.Window == 24*time.Hour {
		return usable, "a day", Plural(windows, "day", "days")
	}
	return usable, "in " + Duration(s.Budget.Window), Duration(time.Duration(windows) * s.Budget.Window)
}

// RollbackLine says what taking runs back does, in one sentence.
func RollbackLine(s pipeline.Summary) string {
	parts := work(s)
	var b strings.Builder
	switch {
	case len(parts) > 0:
		b.WriteString(strings.Join(parts, ", ") + costs(s))
	case s.Items == 0:
		b.WriteString("nothing to take back: the runs changed nothing")
	default:
		b.WriteString("nothing to take back")
	}
	if n := s.Actions[pipeline.ActionUnchanged]; n > 0 {
		fmt.Fprintf(&b, "; %s before", plural(n, "item is as it was", "items are as they were"))
	}
	if n := s.Actions[pipeline.ActionConflict]; n > 0 {
		fmt.Fprintf(&b, "; %s", plural(n, "item stays as it is", "items stay as they are"))
	}
	if s.Spared > 0 {
		fmt.Fprintf(&b, "; %s in part", plural(s.Spared, "item stays as it is", "items stay as they are"))
	}
	return b.String()
}

func plural(n int, one, many string) string { return Plural(n, one, many) }

func either(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}

// How many rows of a kind the concise text shows.
const (
	someDecisions = 50
	someTags      = 20
	someRows      = 10
	someGroups    = 20
	// manyRows is from how many rows on it sums them up by Division and folder.
	manyRows = 100
)

// Text writes the plan for people; full shows every row.
func (p *Plan) Text(w io.Writer, s pipeline.Summary, full bool) error {
	buf := bufio.NewWriter(w)
	out := &printer{w: buf}
	back := len(p.Header.Runs) > 0
	if back {
		out.line("%s", RollbackLine(s))
	} else {
		out.line("%s", FirstLine(s))
		forecast(out, s.Forecast)
	}

	if s.Offline > 0 {
		out.line("%s online only: a run downloads %s (%s)", Plural(s.Offline, "file is", "files are"), either(s.Offline == 1, "it", "them"), Bytes(s.OfflineBytes))
	}

	for _, line := range byExport(s) {
		out.line("%s", line)
	}

	for _, line := range pruning(s.Prune, false) {
		out.line("%s", line)
	}

	if decisions := s.Decisions(); decisions > 0 {
		out.line("")
		out.line("%s (%s):", either(back, "Stays as it is", "Needs a decision"), Count(decisions))
		ofItems := s.Actions[pipeline.ActionConflict] + s.Actions[pipeline.ActionBlocked]
		if err := p.rows(out, limit(someDecisions, full), ofItems, fewOfEach(limit(someAlike, full), decisionLine), pipeline.ActionConflict, pipeline.ActionBlocked); err != nil {
			return err
		}
		p.extraDecisions(out)
	}
	if s.Moved > 0 {
		out.line("")
		out.line("Moved? These have the bytes of items that are no longer listed; migrate state rename OLD NEW keeps an asset (%s):", Count(s.Moved))
		if err := p.rows(out, limit(someDecisions, full), s.Moved, movedLine, pipeline.ActionCreate); err != nil {
			return err
		}
	}
	exposure(out, s.Exposure, full)
	if p.Unmapped.Values != nil {
		out.line("")
		unmapped(out, p.Unmapped, limit(someUnmapped, full))
	}
	p.tags(out, s, full)
	oldTags(out, s.OldTags, full)
	p.twins(out, s, full)
	p.Leftovers.text(out)
	same, err := p.same()
	if err != nil {
		return err
	}
	identical(out, same, full)
	if s.Items > manyRows && !full {
		groupLines(out, p.groups.list())
	}
	for _, a := range order {
		n := s.Actions[a]
		if n == 0 {
			continue
		}
		out.line("")
		out.line("%s (%s)%s", capital(string(a)), Count(n), either(a == pipeline.ActionUnchanged && !full, "", ":"))
		if a == pipeline.ActionUnchanged && !full {
			continue
		}
		if err := p.rows(out, limit(someRows, full), n, rowLine, a); err != nil {
			return err
		}
	}
	p.extraSections(out, full)
	if n := max(s.Warnings, p.Warnings); n > 0 {
		out.line("")
		out.line("%s", Warnings(n))
	}
	if out.err != nil {
		return out.err
	}
	return buf.Flush()
}

func limit(some int, full bool) int {
	if full {
		return int(^uint(0) >> 1)
	}
	return some
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// errEnough ends a pass over the rows.
var errEnough = fmt.Errorf("enough")

// rows writes up to limit rows of the given actions.
func (p *Plan) rows(out *printer, limit, total int, text func(pipeline.Row) []string, actions ...pipeline.Action) error {
	shown := 0
	err := p.spool.each(func(row pipeline.Row) error {
		for _, a := range actions {
			if row.Action != a {
				continue
			}
			if shown == limit {
				return errEnough
			}
			lines := text(row)
			if lines == nil {
				continue
			}
			shown++
			for _, line := range lines {
				out.line("  %s", line)
			}
		}
		return out.err
	})
	if err != nil && err != errEnough {
		return err
	}
	if shown < total {
		out.line("  ... and %s more (--full shows all)", Count(total-shown))
	}
	return out.err
}

func (p *Plan) tags(out *printer, s pipeline.Summary, full bool) {
	if s.NewTagsAll == 0 {
		return
	}
	out.line("")
	out.line("New tags (%s):", Count(s.NewTagsAll))
	shown := min(len(s.NewTags), limit(someTags, full))
	for _, t := range s.NewTags[:shown] {
		use := "on " + Plural(t.Items, "item", "items")
		if t.Items == 0 {
			use = "for a tag category"
		}
		out.line("  %s in %s, %s", Clean(t.Name), Clean(t.Division), use)
	}
	if shown < s.NewTagsAll {
		out.line("  ... and %s more", Count(s.NewTagsAll-shown))
	}
}

// oldTags names the tags that a rollback deletes if nothing uses them.
func oldTags(out *printer, names []string, full bool) {
	if len(names) == 0 {
		return
	}
	out.line("")
	out.line("Tags that are deleted if nothing uses them any more (%s):", Count(len(names)))
	shown := min(len(names), limit(someTags, full))
	for _, name := range names[:shown] {
		out.line("  %s", Clean(name))
	}
	if shown < len(names) {
		out.line("  ... and %s more", Count(len(names)-shown))
	}
}

// twins writes the tags that look alike.
func (p *Plan) twins(out *printer, s pipeline.Summary, full bool) {
	if len(s.TagTwins) == 0 {
		return
	}
	out.line("")
	out.line("Tags that look alike (%s):", Count(len(s.TagTwins)))
	shown := min(len(s.TagTwins), limit(someTags, full))
	for _, t := range s.TagTwins[:shown] {
		out.line("  %s", Clean(t.String()))
	}
	if shown < len(s.TagTwins) {
		out.line("  ... and %s more (--full shows all)", Count(len(s.TagTwins)-shown))
	}
}

// someIdentical is how many groups of files with the same bytes are shown.
const someIdentical = 5

func identicalLine(same *pipeline.Identical) string {
	return fmt.Sprintf("%s with the bytes of another one in their Division, %s more than needed", plural(same.Items-same.Groups, "item", "items"), Bytes(same.Bytes))
}

// identical writes the files with the same bytes.
func identical(out *printer, same *pipeline.Identical, full bool) {
	if same == nil {
		return
	}
	out.line("")
	out.line("Identical content (%s):", identicalLine(same))
	shown := min(len(same.Top), limit(someIdentical, full))
	for _, g := range same.Top[:shown] {
		ids := make([]string, len(g.Samples))
		for i, id := range g.Samples {
			ids[i] = Clean(id)
		}
		if more := g.Items - len(ids); more > 0 {
			ids = append(ids, Count(more)+" more")
		}
		out.line("  %s each: %s", Bytes(g.Size), strings.Join(ids, ", "))
	}
	if shown < same.Groups {
		out.line("  ... and %s more", Count(same.Groups-shown))
	}
}

// groupLines writes where the rows of a large plan are.
func groupLines(out *printer, all []Group) {
	out.line("")
	out.line("By action, Division and folder:")
	for _, g := range all[:min(len(all), someGroups)] {
		line := fmt.Sprintf("%s  %s  %s  %s", g.Action, Clean(orNone(g.Division)), Clean(orNone(g.Folder)), Plural(g.Items, "item", "items"))
		if g.Bytes > 0 {
			line += ", " + Bytes(g.Bytes)
		}
		out.line("  %s", line)
	}
	if more := len(all) - someGroups; more > 0 {
		out.line("  ... and %s more (--format json and html have them)", Count(more))
	}
}

// orNone is a name, or a dash where there is none.
func orNone(name string) string { return either(name == "", "-", name) }

func rowLine(row pipeline.Row) []string {
	head := Clean(row.ExternalID)
	if row.Name != "" && (row.Name == row.Source || row.Name != row.Source[strings.LastIndexAny(row.Source, "/:")+1:]) { // else the source says it
		head += "  " + Clean(row.Name)
	}
	if row.Source != "" && row.Source != row.Name {
		head += "  from " + Clean(row.Source)
	}
	if row.Puts > 0 {
		head += "  " + Bytes(row.Size)
	}
	if row.Step != "" {
		head += "  at " + string(row.Step)
	}
	if row.Moved != "" {
		head += "  moved?"
	}
	if row.Reason == pipeline.ReasonProvisional {
		head += "  provisional"
	}
	if row.Overwrites != "" {
		head += "  overwrites what a person changed"
	}
	lines := []string{head}
	for _, d := range row.Diff {
		lines = append(lines, fmt.Sprintf("    %s: %s -> %s", Clean(d.Field), short(d.Remote), wanted(d)))
	}
	if (len(row.Spared) > 0 || row.Unlisted) && row.Detail != "" {
		lines = append(lines, "    "+Clean(row.Detail))
	}
	return append(lines, warnings(row)...)
}

// byExport says how a plan read what it needed of many assets, where there was a
// choice.
func byExport(s pipeline.Summary) (lines []string) {
	e := s.Export
	switch {
	case e == nil:
		return nil
	case !e.Used:
		return []string{"Read by look-ups, and no export: " + Clean(e.Why)}
	}
	line := fmt.Sprintf("Read by an export of %s, in %s", Plural(e.Rows, "asset", "assets"), Plural(e.Requests, "request", "requests"))
	if e.AsBefore > 0 {
		line += fmt.Sprintf(": %s as before", plural(e.AsBefore, "known one is", "known ones are"))
	}
	lines = append(lines, line)
	if n := s.Provisional; n > 0 {
		lines = append(lines, fmt.Sprintf("Provisional: %s not in the export, which may be behind; a run looks each one up before it creates anything", plural(n, "new item is", "new items are")))
	}
	return lines
}

// movedLine is a row that may be a file that was renamed or moved, and nothing
// for the others.
func movedLine(row pipeline.Row) []string {
	if row.Moved == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s -> %s", Clean(row.Moved), Clean(row.ExternalID))}
}

func decisionLine(row pipeline.Row) []string {
	head := fmt.Sprintf("%s %s (%s)", row.Action, Clean(row.ExternalID), Clean(row.Reason))
	if row.Detail != "" {
		head += ": " + Clean(row.Detail)
	}
	lines := []string{head}
	for _, d := range row.Diff {
		text := fmt.Sprintf("    %s: there %s, wanted %s", Clean(d.Field), short(d.Remote), wanted(d))
		if d.Last != nil {
			text += ", last sent " + short(d.Last)
		}
		lines = append(lines, text)
	}
	for _, pr := range row.Problems {
		if pr.Class == manifest.Block {
			lines = append(lines, "    "+Clean(pr.String()))
		}
	}
	return append(lines, warnings(row)...)
}

// fewOfEach shows the first rows of each reason: those of another one would not be seen
// behind hundreds that say the same.
func fewOfEach(most int, text func(pipeline.Row) []string) func(pipeline.Row) []string {
	shown := map[string]int{}
	return func(row pipeline.Row) []string {
		if shown[row.Reason]++; shown[row.Reason] > most {
			return nil
		}
		return text(row)
	}
}

func warnings(row pipeline.Row) []string {
	var lines []string
	for _, pr := range row.Problems {
		if pr.Class == manifest.Warn {
			lines = append(lines, "    warning: "+Clean(pr.String()))
		}
	}
	return lines
}

// Warnings counts the warnings of a manifest and says how to see them.
func Warnings(n int) string {
	return fmt.Sprintf("%s: migrate lint shows %s", Plural(n, "warning", "warnings"), either(n == 1, "it", "them"))
}

// wanted is what a field is to become. Other bytes may be known by their size
// alone, before they are read.
func wanted(d pipeline.FieldDiff) string {
	if text := short(d.Wanted); d.Field != "file" || text != unset {
		return text
	}
	return "other bytes, not read yet"
}

// unset is shown for no value.
const unset = "not set"

// short is a JSON value on one line, cut when long; nothing and null are
// [unset].
func short(v json.RawMessage) string {
	if len(v) == 0 || string(v) == "null" {
		return unset
	}
	text := []rune(Clean(string(v)))
	if len(text) > 120 {
		return string(text[:117]) + "..."
	}
	return string(text)
}
