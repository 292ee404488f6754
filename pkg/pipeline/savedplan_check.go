package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// carried is a saved plan that a run carries out.
type carried struct {
	*SavedPlan
	g *gatherer
	// ours are the runs of this very plan, this one included. What they wrote does
	// not make a row stale: they are the plan on its way.
	ours map[string]bool
}

// carry readies the run for its saved plan, if it has one: what was chosen when
// it was made is chosen, and relative dates count from its start.
func (r *runner) carry(ctx context.Context) error {
	p := r.in.Plan
	if p == nil {
		return nil
	}
	runs, err := r.in.State.Runs(ctx)
	if err != nil {
		return err
	}
	r.g.start = p.Header.Start
	c := &carried{SavedPlan: p, g: r.g, ours: map[string]bool{r.in.ID: true}}
	for _, run := range runs {
		if run.Plan == p.Digest {
			c.ours[run.ID] = true
		}
	}
	r.plan = c
	return nil
}

// own reports whether a run of this plan wrote w's record last.
func (c *carried) own(w *work) bool { return w.rec != nil && c.ours[w.rec.Run] }

// decideAll settles every decision of a chunk that takes reading a file. Under a
// saved plan it refuses the rows that are not the saved ones any more: before
// their files are read, as far as that tells, and after it.
func (r *runner) decideAll(ctx context.Context, chunk []*work) error {
	c := r.plan
	if c == nil {
		return r.g.hashAll(ctx, chunk, r.hashers())
	}
	for _, w := range chunk {
		row, err := c.Row(w.item.ExternalID)
		if err != nil {
			return err
		}
		if w.saved = row; row == nil {
			w.block(StaleItem, "the plan has no row for it"+planAgain)
			continue
		}
		if reason, detail := c.stale(w); reason != "" {
			w.block(reason, detail)
		}
	}
	if err := r.g.hashAll(ctx, chunk, r.hashers()); err != nil {
		return err
	}
	for _, w := range chunk {
		if w.saved == nil {
			continue
		}
		if !stale(w.Row.Reason) {
			reason, detail := c.stale(w)
			if reason == "" {
				reason, detail = c.otherwise(w)
			}
			if reason != "" {
				w.block(reason, detail)
			}
		}
		w.planned, w.saved = w.saved.Basis.File, nil
	}
	return nil
}

// goneRows are the rows of the plan whose items the manifest no longer has.
func (r *runner) goneRows(yield func([]*work) error) error {
	if r.plan == nil {
		return nil
	}
	var chunk []*work
	flush := func() error {
		l := chunk
		chunk = nil
		if len(l) == 0 {
			return nil
		}
		return yield(l)
	}
	err := r.plan.gone(func(row *SavedRow) error {
		if row.Unlisted { // see goneUnlisted
			return nil
		}
		w := &work{}
		w.item.ExternalID, w.item.Pos, w.item.Division = row.ExternalID, row.Pos, row.Division
		w.Row = row.Row
		w.block(StaleItem, "the manifest no longer has this item"+planAgain)
		if chunk = append(chunk, w); len(chunk) == chunkSize {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// planAgain is the way on of every stale row.
const planAgain = " (plan again)"

// stale reports whether a reason is that of a row that is not carried out any
// more as it was planned.
func stale(reason string) bool {
	switch reason {
	case StaleItem, StaleFile, StaleState, StaleRemote, StaleDecision:
		return true
	}
	return false
}

// block refuses w: nothing of it is written, neither there nor here.
func (w *work) block(reason, detail string) {
	row := w.Row
	row.Action, row.Reason, row.Detail, row.Step, row.Diff, row.Overwrites, row.Audience = ActionBlocked, reason, detail, "", nil, "", nil
	row.Writes, row.Puts, row.Undo = 0, 0, UndoFull
	w.Decision = Decision{Row: row}
}

// stale compares what w's decision depends on with the basis of its saved row.
// A file whose time is another one is read, if the plan knew its checksum.
func (c *carried) stale(w *work) (reason, detail string) {
	was, now := &w.saved.Basis, c.g.basisOf(w, w.saved)
	if was.Item.Digest != now.Item.Digest {
		return StaleItem, "the manifest says something else than when this was planned" + c.itemValues(w, was.Item.differs(now.Item)) + planAgain
	}
	if detail := c.fileDiffers(w, was.File, now.File); detail != "" {
		return StaleFile, detail
	}
	if c.own(w) {
		return "", ""
	}
	switch s, n := was.State, now.State; {
	case s == nil && n == nil:
	case s == nil || n == nil || s.Digest != n.Digest:
		text := "none"
		if s != nil {
			text = s.Text
		}
		by := ""
		if w.rec != nil && w.rec.Run != "" {
			by = " since run " + w.rec.Run
		}
		return StaleState, fmt.Sprintf("the state has another record than when this was planned: it was %s and is %s%s%s", text, recordText(w.rec), by, planAgain)
	}
	if was.Remote != nil && now.Remote != nil {
		return c.remoteDiffers(w, was.Remote, now.Remote)
	}
	return "", ""
}

// fileDiffers says how a file is another one; "" when it is not, or when it has
// to be read to tell.
func (c *carried) fileDiffers(w *work, was, now *FileBasis) string {
	if was == nil || now == nil {
		return "" // whether a file matters is a matter of the item and of the record
	}
	differs := was.Problem != now.Problem || was.Size != now.Size && was.Size >= 0 && now.Size >= 0
	switch {
	case differs:
	case was.MD5 != "" && now.MD5 != "":
		differs = was.MD5 != now.MD5
	case was.ModTime == now.ModTime:
	case was.MD5 != "" && w.Need == NeedHash:
	case was.MD5 != "" && w.Need == NeedNothing:
		w.Need = NeedHash
	default:
		differs = true
	}
	if !differs {
		return ""
	}
	return fmt.Sprintf("%s: the file is another one than when this was planned: it was %s and is %s%s", w.Row.Source, was, now, planAgain)
}

// String describes a file for people.
func (f *FileBasis) String() string {
	if f.Problem != "" {
		return f.Problem
	}
	text := fmt.Sprintf("%d bytes", f.Size)
	if f.Size < 0 {
		text = "of a size that only reading tells"
	}
	if f.ModTime > 0 {
		text += " of " + time.Unix(0, f.ModTime).UTC().Format(time.RFC3339Nano)
	}
	if f.MD5 != "" {
		text += " with MD5 " + f.MD5
	}
	return text
}

// otherFile says how the file that was just read is another one than the
// planned one; "" when it is not, or when there is no saved plan.
func (r *runner) otherFile(w *work) string {
	if w.planned == nil {
		return ""
	}
	return r.plan.fileDiffers(w, w.planned, fileBasis(w))
}

func (c *carried) remoteDiffers(w *work, was, now *RemoteBasis) (reason, detail string) {
	list := func(ids []string) string {
		if len(ids) == 0 {
			return "none"
		}
		return strings.Join(ids, ", ")
	}
	switch {
	case !slices.Equal(was.Assets, now.Assets):
		if len(was.Assets) == 0 && len(now.Assets) == 1 && unanswered(w.rec) {
			return "", "" // the create that was not answered
		}
		return StaleRemote, fmt.Sprintf("the service has another asset than when this was planned: it was %s and is %s%s", list(was.Assets), list(now.Assets), planAgain)
	case was.Digest != now.Digest:
		return StaleRemote, fmt.Sprintf("asset %s changed since this was planned%s%s", list(now.Assets), c.remoteValues(w, was.differs(now.Print)), planAgain)
	}
	return "", ""
}

// unanswered reports whether a create was sent whose answer nobody knows.
func unanswered(rec *state.Record) bool {
	return rec != nil && rec.AssetID == "" && (rec.Status == state.Registering || rec.Attempts > 0)
}

// itemValues tells of each part of the manifest's entry that differs what it was,
// if the row has it, and what it is now.
func (c *carried) itemValues(w *work, names []string) string {
	row, item, parts := w.saved, &w.item, c.g.itemParts(w)
	return told(names, func(name string) (was, now json.RawMessage) {
		for _, d := range row.Diff {
			if d.Field == name {
				was = d.Wanted
			}
		}
		switch name {
		case headerPart:
			return nil, nil
		case "name":
			return canonText(row.Name), parts[name]
		case "division":
			return canonText(row.Division), canonText(item.Division)
		case "file":
			return canonText(row.Source), canonText(item.Location.String())
		case "url":
			return canonText(row.Source), parts[name]
		case "tags":
			return was, c.g.dir.nameTags(parts[name])
		}
		return was, parts[name]
	})
}

// remoteValues is the same of the parts of an asset.
func (c *carried) remoteValues(w *work, names []string) string {
	return told(names, func(name string) (was, now json.RawMessage) {
		for _, d := range w.saved.Diff {
			if d.Field == name {
				was = d.Remote
			}
		}
		if len(w.facts.Remote) == 1 {
			now = remoteParts(&w.facts.Remote[0], false)[name]
		}
		if name == "tags" {
			now = c.g.dir.nameTags(now)
		}
		return was, now
	})
}

// told names parts with what is known of their values.
func told(names []string, values func(name string) (was, now json.RawMessage)) string {
	texts := make([]string, len(names))
	for i, name := range names {
		words := []string{name}
		was, now := values(name)
		if len(was) > 0 {
			words = append(words, "was "+cut(was))
		}
		if len(now) > 0 {
			words = append(words, "is "+cut(now))
		}
		texts[i] = strings.Join(words, " ")
	}
	if len(texts) == 0 {
		return ""
	}
	return ": " + strings.Join(texts, ", ")
}

// cut is a value for a sentence, without the end of a long one.
func cut(raw json.RawMessage) string {
	const most = 100
	if text := []rune(string(raw)); len(text) > most {
		return string(text[:most]) + "..."
	}
	return string(raw)
}

// otherwise reports whether w is decided otherwise than its saved row, although
// all that the decision depends on is as it was, as far as its basis goes.
func (c *carried) otherwise(w *work) (reason, detail string) {
	was, now := w.saved, &w.Row
	if now.Action == ActionConflict || now.Action == ActionBlocked || now.Action == ActionUnchanged {
		if c.own(w) || now.Action == was.Action && now.Reason == was.Reason || was.Basis.Unread {
			return "", "" // nothing is written
		}
	}
	for _, name := range newTags(w.Set) {
		if !slices.ContainsFunc(was.Basis.NewTags, func(planned string) bool { return fold(planned) == fold(name) }) {
			return StaleDecision, fmt.Sprintf("the tag %q is gone, and would have to be made%s", name, planAgain)
		}
	}
	what := ""
	switch {
	case c.own(w):
		if !restOf(was, now) {
			what = fmt.Sprintf("%s was planned and begun, and what is left would be %s of other fields: %s", was.Action, now.Action, diffFields(now.Diff))
		}
	case was.Action == ActionResume && now.Action == ActionResume, was.Basis.Unread && within(now.Action, was.Action):
		if now.Writes > was.Writes || now.Puts > was.Puts {
			what = fmt.Sprintf("%d writes and %d uploads were planned, and it takes %d and %d", was.Writes, was.Puts, now.Writes, now.Puts)
		}
	case now.Action != was.Action || now.Reason != was.Reason && was.Reason != ReasonProvisional:
		what = fmt.Sprintf("%s (%s) was planned, and it would be %s (%s)", was.Action, was.Reason, now.Action, now.Reason)
	case !slices.EqualFunc(was.Diff, now.Diff, sameDiff):
		what = "other changes would be made than planned: " + diffFields(now.Diff)
	case now.Writes != was.Writes || now.Puts != was.Puts || now.Step != was.Step || now.Overwrites != was.Overwrites || now.AssetID != was.AssetID:
		what = fmt.Sprintf("%d writes and %d uploads to asset %q were planned, and it would be %d and %d to %q", was.Writes, was.Puts, was.AssetID, now.Writes, now.Puts, now.AssetID)
	}
	if what == "" {
		return "", ""
	}
	return StaleDecision, what + planAgain
}

// restOf reports whether now is what is left of a row that a run of the plan
// began: a resume, or a part of what was planned, over what was there then.
func restOf(was *SavedRow, now *Row) bool {
	switch now.Action {
	case ActionResume:
		return true
	case ActionUpdate, ActionVersion:
	default:
		if now.Action != was.Action {
			return false
		}
	}
	for _, d := range now.Diff {
		planned := slices.ContainsFunc(was.Diff, func(p FieldDiff) bool { return sameDiff(p, d) })
		if !planned && !(d.Field == fileField && was.Basis.Unread) {
			return false
		}
	}
	return true
}

// within reports whether reading a file can turn a planned action into another.
func within(now, planned Action) bool {
	if now == planned {
		return true
	}
	switch planned {
	case ActionCheck:
		return now == ActionUpdate || now == ActionVersion || now == ActionAdopt
	case ActionResume:
		return now == ActionVersion
	}
	return false
}

func diffFields(diff []FieldDiff) string {
	names := make([]string, len(diff))
	for i, d := range diff {
		names[i] = d.Field
	}
	return strings.Join(names, ", ")
}

// sameDiff compares what would be written over by what.
func sameDiff(x, y FieldDiff) bool {
	if x.Field != y.Field || !sameValue(x.Field, x.Remote, y.Remote) {
		return false
	}
	if x.Field == fileField && (isNone(x.Wanted) || isNone(y.Wanted)) {
		return true // not read yet
	}
	return sameValue(x.Field, x.Wanted, y.Wanted)
}

func isNone(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// sameValue compares two JSON values; tags are compared as the service may
// spell them.
func sameValue(field string, a, b json.RawMessage) bool {
	if bytes.Equal(a, b) || isNone(a) && isNone(b) {
		return true
	}
	if field == "tags" {
		return bytes.Equal(foldedSet(a), foldedSet(b))
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

func foldedSet(raw json.RawMessage) json.RawMessage {
	l := set(raw)
	for i := range l {
		l[i] = fold(l[i])
	}
	return canonSet(l)
}

// tellOthers says once how many items of the manifest the plan leaves out.
func (r *runner) tellOthers(items int) {
	if r.plan == nil || items == 0 {
		return
	}
	text := fmt.Sprintf("items of the manifest that are not in the plan, and stay as they are: %d", items)
	if r.plan.Header.Choice.Selects() {
		text += " (the plan was made of a part of the manifest)"
	}
	r.emit(Warned{Code: TellNotInPlan, Text: text})
}

// refuse ends an item that turned out, on its way, not to be the planned one.
// What was done so far stays as it is recorded.
func (r *runner) refuse(ctx context.Context, w *work, reason, detail string) error {
	w.block(reason, detail)
	return r.finish(ctx, w, "blocked", nil)
}

// foreign says that an asset which a look-up found in the last moment is none
// that the saved plan knows of: no create of ours explains it. "" when it is none.
func (r *runner) foreign(w *work, id string) string {
	if r.plan == nil || unanswered(w.rec) || r.plan.own(w) {
		return ""
	}
	return fmt.Sprintf("the service has asset %s now, and had none when this was planned%s", id, planAgain)
}
