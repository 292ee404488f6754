package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// backFacts are what taking an asset back may depend on beside Facts, and what
// is decided beside a Decision.
type backFacts struct {
	asset   string // its id; "" for a create that was never answered
	links   []link // what was done to it, oldest first
	delete  bool   // what was made is deleted instead of archived
	keeps   bool   // the bytes that a version replaces are kept
	settled bool   // what was sent without an answer can no longer be carried out
	version string // how far the service is with the version under way; "" was not asked
	// kept finds the folder that has bytes, by their MD5, and their size; "" when
	// none has.
	kept func(md5 string) (dir string, size int64)

	// Of pruning.
	unlisted bool   // the manifest no longer lists the item
	movedTo  string // the new item that has its bytes; "" for none known

	file   string // MD5 of the bytes that go back; "" for none
	spared []spared
}

// spared is a field that is left as it is.
type spared struct {
	FieldDiff
	reason string
	by     string // the run in the way; "" for none
}

// unfinishedOp reports whether an op is begun and neither done nor failed.
func unfinishedOp(rec *state.Record) bool {
	return rec != nil && rec.Status != state.Pending && rec.Status != state.Done && rec.Status != state.Failed
}

// mayArrive reports whether a write of an op may still be carried out: it was
// never answered. One that was given up for want of an answer may be, too.
func mayArrive(rec *state.Record) bool {
	return unfinishedOp(rec) || rec != nil && rec.Status == state.Failed && rec.Error != nil && rec.Error.Code == FailedUnavailable
}

// created reports whether a run that is taken back made the asset.
func (b *backFacts) created() bool {
	return slices.ContainsFunc(b.links, func(l link) bool { return l.named && l.Op == state.Create })
}

// decideBack decides what taking runs back does to one asset. It is pure, like
// Decide: the same facts, the same decision.
func (w *work) decideBack() {
	b, rec := w.back, w.facts.Record
	w.Decision = Decision{Row: Row{ExternalID: w.item.ExternalID, AssetID: b.asset, Undo: UndoFull}}
	b.file, b.spared = "", nil
	if rec != nil {
		w.Row.Source, w.Row.MD5, w.Row.Size = rec.Source, rec.MD5, rec.Size
	}
	d := backDecider{work: w, b: b, rec: rec}
	d.decide()
}

type backDecider struct {
	*work
	b   *backFacts
	rec *state.Record
}

func (d *backDecider) conflict(reason, format string, args ...any) {
	d.Row.Action, d.Row.Reason, d.Row.Undo, d.Row.Detail = ActionConflict, reason, UndoNone, fmt.Sprintf(format, args...)
}

func (d *backDecider) nothing(reason, format string, args ...any) {
	d.Row.Action, d.Row.Reason, d.Row.Detail = ActionUnchanged, reason, fmt.Sprintf(format, args...)
}

func (d *backDecider) act(a Action, writes int, undo Undo) {
	d.Row.Action, d.Row.Reason, d.Row.Writes, d.Row.Undo = a, ReasonTakeBack, writes, undo
}

func (d *backDecider) decide() {
	if d.b.asset == "" && !d.maybeMade() {
		d.nothing(ReasonNothingMade, "no asset came of it")
		return
	}
	if d.rec != nil && d.rec.Op == state.Delete && d.rec.AssetID == "" {
		d.gone()
		return
	}
	if !d.facts.RemoteRead {
		d.Need = NeedRemote
		return
	}
	switch n := len(d.facts.Remote); {
	case n == 0 && d.b.asset == "":
		if !d.b.settled && d.unanswered() {
			d.Need = NeedSettle
			d.act(ActionCheck, 1, UndoFull)
			d.Row.Detail = "its create was never answered: it is looked up again when the service has had its time to show it"
			return
		}
		d.nothing(ReasonNothingMade, "no asset came of it")
		return
	case n == 0:
		d.gone()
		return
	case n > 1:
		d.conflict(ConflictTwin, "%d assets have this external ID, and none was answered as ours: archive in Showpad the one that nobody needs", n)
		return
	}
	a := &d.facts.Remote[0]
	d.Asset, d.Seen, d.Row.AssetID, d.Row.Name = a, shown(a), a.ID, a.Name
	d.Row.Division, d.item.Division, d.facts.Refs.DivisionID = a.Division.ID, a.Division.ID, a.Division.ID
	if d.b.asset != "" && d.rec != nil && d.rec.AssetID != a.ID {
		d.conflict(ConflictOtherAsset, "asset %s is still there, and the item goes on with %s: archive the first in Showpad if nobody needs it",
			a.ID, orElse(d.rec.AssetID, "none"))
		return
	}
	if d.inFlight() && !d.b.settled {
		d.Need = NeedSettle
	}
	if d.b.created() {
		d.takeAway(a)
	} else {
		d.putBack(a)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// maybeMade reports whether a create that no change knows the asset of may have
// made one: the record is still about it.
func (d *backDecider) maybeMade() bool {
	rec := d.rec
	if rec == nil || rec.Op != state.Create || rec.AssetID != "" || rec.Attempts == 0 {
		return false
	}
	return slices.ContainsFunc(d.b.links, func(l link) bool { return l.named && (rec.CreateRun == "" || l.run == rec.CreateRun) })
}

// unanswered reports whether a create may still be carried out.
func (d *backDecider) unanswered() bool {
	return unfinishedOp(d.rec) || d.rec.Error != nil && (d.rec.Error.Code == FailedUnresolved || d.rec.Error.Code == FailedUnavailable)
}

// inFlight reports whether a write that was never answered may still change what
// is about to be decided.
func (d *backDecider) inFlight() bool {
	if !mayArrive(d.rec) || d.b.asset == "" {
		return false
	}
	_, archives := d.rec.Intent["isArchived"]
	return archives || d.rec.Op == state.Delete || !d.b.created() && len(d.rec.Intent) > 0
}

// gone decides for an asset that the service does not have any more.
func (d *backDecider) gone() {
	deleted := slices.ContainsFunc(d.b.links, func(l link) bool { return l.named && l.Op == state.Delete })
	if deleted && !d.b.created() {
		d.conflict(ConflictDeleted, "it was deleted for good: run the manifest again to make it anew")
		return
	}
	d.nothing(ReasonGone, "the asset is gone already")
}

// takeAway decides for an asset that a run made. It is archived whatever its
// status. Source: ASSUME.
func (d *backDecider) takeAway(a *showpad.Asset) {
	archived := traceField(d.b.links, "isArchived").books
	ours := string(archived) == "true" || string(d.base("isArchived").Sent) == "true" || d.rec != nil && d.rec.Op == state.Archive
	switch {
	case a.IsArchived && !d.b.delete:
		d.nothing(ReasonTakenBack, "it is in the trash already")
		return
	case a.IsArchived && !ours:
		d.conflict(ConflictChanged, "a person put asset %s into the trash: delete it there, if that is meant", a.ID)
		return
	case !a.IsArchived && string(archived) == "true" && !d.stayed():
		d.conflict(ConflictChanged, "a person took asset %s out of the trash: archive it in Showpad, if that is meant", a.ID)
		return
	}
	if by, fields := standing(d.b.links); by != "" {
		d.conflict(ConflictLaterRun, "the later run %s changed its %s: take that back too, or everything with --since %s", by, strings.Join(fields, ", "), d.first())
		return
	} else if len(fields) > 0 {
		d.conflict(ConflictChanged, "a person changed its %s: archive asset %s in Showpad, if that is meant", strings.Join(fields, ", "), a.ID)
		return
	}
	if fields, touched := d.touchedFields(a); touched {
		what := "a field that the manifest does not name"
		if len(fields) > 0 {
			what = strings.Join(fields, ", ")
		}
		d.conflict(ConflictChanged, "somebody changed it since (%s): archive asset %s in Showpad, if that is meant", what, a.ID)
		return
	}
	if d.b.delete {
		d.act(ActionDelete, 1, UndoNone)
		return
	}
	d.Set = Values{"isArchived": isTrue}
	d.Row.Diff = differences(d.Set, d.Seen)
	d.act(ActionArchive, 1, UndoFull)
}

// stayed reports whether an archiving of ours is known not to have been carried
// out: it is not over, or a run found that the asset never went.
func (d *backDecider) stayed() bool {
	return d.rec != nil && (d.rec.Op == state.Archive && d.rec.Status != state.Done || d.rec.Op == state.Restore)
}

// first is the oldest run that is taken back.
func (d *backDecider) first() string {
	return d.b.links[slices.IndexFunc(d.b.links, func(l link) bool { return l.named })].run
}

func (d *backDecider) base(name string) state.Base {
	if d.rec == nil {
		return state.Base{}
	}
	return d.rec.Fields[name]
}

// touchedFields reports whether somebody changed the asset since we last wrote
// it, and what is known of it. The digest of what was shown tells all; without
// one, or while a write of ours is under way, what was sent has to do.
func (d *backDecider) touchedFields(a *showpad.Asset) (fields []string, touched bool) {
	if d.rec == nil {
		return nil, false
	}
	fields = strangeFields(d.rec, d.Seen, a)
	quiet := d.rec.Status == state.Done || d.rec.Op == state.Archive || d.rec.Op == state.Delete
	if quiet && strings.HasPrefix(d.rec.Shown, digestForm) {
		return fields, d.rec.Shown != digest(a, d.Seen)
	}
	return fields, len(fields) > 0
}

// strangeFields are what the service shows otherwise than we know it: neither as
// we sent it nor as it answered, nor as a write under way sets it.
func strangeFields(rec *state.Record, seen Values, a *showpad.Asset) (names []string) {
	for _, m := range managed {
		now, isShown := seen[m.name]
		b, in := rec.Fields[m.name], rec.Intent[m.name]
		switch {
		case !isShown, m.name == "isArchived", b.Sent == nil && b.Seen == nil && in == nil:
		case m.name == "tags":
			if string(minus(now, union(union(b.Sent, b.Seen), in))) != "[]" || rec.Status == state.Done && string(minus(b.Sent, now)) != "[]" {
				names = append(names, m.name)
			}
		case bytes.Equal(now, b.Sent), bytes.Equal(now, b.Seen), bytes.Equal(now, in), sameForm(b.Sent, now), sameForm(in, now), in != nil && snapped(in, now):
		case b.Sent == nil && b.Seen == nil && (m.kind != text || isNone(now)): // sent once and never answered, if it was: who knows in which form
		default:
			names = append(names, m.name)
		}
	}
	known := []string{rec.MD5}
	if rec.Status != state.Done {
		known = append(known, rec.Overtaken...) // bytes of ours that others of ours follow
		if rec.Op == state.Version {
			known = append(known, rec.Replaced)
		}
	}
	if rec.MD5 != "" && a.Checksum != "" && !slices.ContainsFunc(known, func(sum string) bool { return strings.EqualFold(sum, a.Checksum) }) {
		names = append(names, fileField)
	}
	return names
}

// fields decides about the fields, without the bytes.
func (d *backDecider) fields() {
	d.Set = Values{}
	names := map[string]bool{}
	for _, l := range d.b.links {
		for name := range l.After {
			names[name] = names[name] || l.named
		}
	}
	for _, name := range fieldsInOrder(names) {
		switch {
		case !names[name], name == fileField:
		case name == "tags":
			d.putTagsBack()
		default:
			d.putFieldBack(name)
		}
	}
}

// putBack decides for an asset that runs changed.
func (d *backDecider) putBack(a *showpad.Asset) {
	d.fields()
	d.Row.Diff = differences(d.Set, d.Seen)
	if !d.putFileBack(a) {
		return
	}
	n := len1(d.Set)
	if _, linked := d.Set[linkField]; linked && len(d.Set) > 1 {
		n = 2
	}
	d.Row.Detail = d.explain()
	switch {
	case d.Upload:
		d.act(ActionVersion, 1+n, d.undoVersion())
		d.Row.Puts = 1
		if d.Row.Step != "" {
			d.act(ActionResume, n, d.undoVersion())
			d.Row.Reason = ReasonUnfinished
			if d.Row.Puts = 0; d.Row.Step == state.Sending {
				d.Row.Writes, d.Row.Puts = 1+n, 1
			}
		}
	case n > 0 && string(d.Set["isArchived"]) == "true":
		d.act(ActionArchive, n, UndoFull)
	case n > 0 && string(d.Set["isArchived"]) == "false":
		d.act(ActionRestore, n, UndoFull)
	case n > 0:
		d.act(ActionUpdate, n, UndoFull)
	case len(d.b.spared) > 0:
		d.conflict(d.b.spared[0].reason, "%s", d.Row.Detail)
	default:
		d.nothing(ReasonTakenBack, "it is as it was before")
	}
	for _, s := range d.b.spared {
		d.Row.Spared = append(d.Row.Spared, s.FieldDiff)
		if s.Field == fileField && s.reason == ConflictNotKept && d.Row.Undo == UndoFull {
			d.Row.Undo = UndoMetadata
		}
	}
}

func (d *backDecider) undoVersion() Undo {
	if d.b.keeps {
		return UndoFull
	}
	return UndoMetadata
}

func (d *backDecider) spare(name, reason, by string, wanted, last json.RawMessage) {
	now := d.Seen[name]
	if name == fileField {
		now = canonText(strings.ToLower(d.Asset.Checksum))
	}
	d.b.spared = append(d.b.spared, spared{FieldDiff{Field: name, Remote: now, Wanted: wanted, Last: last}, reason, by})
}

// blocked spares a field whose trail cannot be followed to its end.
func (d *backDecider) blocked(name string, t trail) {
	switch {
	case t.blind:
		d.spare(name, ConflictNoImage, "", nil, t.books)
	case t.blocked && t.by != "":
		d.spare(name, ConflictLaterRun, t.by, nil, t.books)
	case t.blocked:
		d.spare(name, ConflictChanged, "", nil, t.books)
	}
}

func (d *backDecider) putFieldBack(name string) {
	t := traceField(d.b.links, name)
	if !t.touched {
		return
	}
	d.blocked(name, t)
	now, isShown := d.Seen[name]
	switch {
	case bytes.Equal(now, t.target), t.stuck():
	case isShown && !d.ours(name, now, t):
		if !t.blocked && !t.blind {
			d.spare(name, ConflictChanged, "", t.target, t.books)
		}
	default:
		d.Set[name] = t.target
	}
}

// ours reports whether what the service shows is what we last wrote, in some
// form, or what a write under way would change.
func (d *backDecider) ours(name string, now json.RawMessage, t trail) bool {
	if bytes.Equal(now, t.books) || sameForm(t.books, now) {
		return true
	}
	if b := d.base(name); bytes.Equal(b.Sent, t.books) && (bytes.Equal(now, b.Seen) || sameForm(b.Sent, now)) {
		return true
	}
	if !d.open() {
		return false
	}
	if snapped(t.books, now) { // its answer was lost
		return true
	}
	for _, l := range slices.Backward(d.b.links) {
		if after, ok := l.After[name]; ok && bytes.Equal(after, t.books) {
			return bytes.Equal(now, l.Before[name]) || bytes.Equal(now, d.rec.Intent[name])
		}
	}
	return false
}

// open reports whether our last write may not have been carried out: it is under
// way, or failed.
func (d *backDecider) open() bool {
	return d.rec != nil && d.rec.Status != state.Done
}

// putTagsBack takes single tags off and puts them on again: those of others stay.
func (d *backDecider) putTagsBack() {
	now, isShown := d.Seen["tags"]
	var on, off []string
	told := false
	for _, id := range tagsOf(d.b.links) {
		t := traceTag(d.b.links, id)
		if !t.touched {
			continue
		}
		if (t.blocked || t.blind) && !told {
			d.blocked("tags", t)
			told = true
		}
		has := slices.Contains(set(now), id)
		switch back := string(t.target) == "true"; {
		case has == back, t.stuck():
		case bytes.Equal(t.target, t.books) && !d.open(): // we did it already, and a person undid that
		case back:
			on = append(on, id)
		default:
			off = append(off, id)
		}
	}
	if isShown && len(on)+len(off) > 0 {
		d.Set["tags"] = minus(union(now, canonSet(on)), canonSet(off))
	}
}

// putFileBack decides about the bytes; false when the row is decided by them.
func (d *backDecider) putFileBack(a *showpad.Asset) bool {
	t := traceField(d.b.links, fileField)
	if !t.touched {
		return true
	}
	d.blocked(fileField, t)
	now := canonText(strings.ToLower(a.Checksum))
	var md5 string
	_ = json.Unmarshal(t.target, &md5) // canonical: a text, or null for none
	rec := d.rec
	underWay := rec != nil && rec.Op == state.Version && unfinishedOp(rec)
	if underWay && rec.MD5 == md5 && md5 != "" && !bytes.Equal(now, t.target) { // sent by a rollback that was cut off
		d.send(md5)
		if d.Row.Step = state.Sending; rec.Status == state.Sent || rec.Status == state.Processing {
			d.Row.Step = state.Processing
		}
		return true
	}
	// One that was given up may still be processed.
	begun := underWay || rec != nil && rec.Op == state.Version && rec.Status == state.Failed
	if begun && rec.FileID != "" && !bytes.Equal(now, canonText(rec.MD5)) {
		switch d.b.version {
		case "":
			d.Need = NeedFile
			d.act(ActionCheck, 1, UndoFull)
			return false
		case string(showpad.StatusPrepared):
			if rec.Status == state.Sending && !d.b.settled {
				d.Need = NeedSettle
			}
			if rec.Status == state.Sending || rec.SentAt.IsZero() || d.facts.Start.Sub(rec.SentAt) > urlLife {
				break // its bytes never arrived
			}
			fallthrough
		case string(showpad.StatusQueued), string(showpad.StatusProcessing):
			d.spare(fileField, ConflictProcessing, "", t.target, canonText(rec.MD5))
			return true
		}
	}
	switch {
	case bytes.Equal(now, t.target), t.stuck():
	case !bytes.Equal(now, t.books) && !(rec != nil && bytes.Equal(now, canonText(rec.MD5))) &&
		!(d.open() && rec.Op == state.Version && bytes.Equal(now, canonText(rec.Replaced))):
		if !t.blocked && !t.blind {
			d.spare(fileField, ConflictChanged, "", t.target, t.books)
		}
	default:
		d.send(md5)
	}
	return true
}

// send makes bytes go back, if they were kept; md5 "" is of an asset that had none.
func (d *backDecider) send(md5 string) {
	dir, size := "", int64(0)
	if md5 != "" {
		dir, size = d.b.kept(md5)
	}
	if dir == "" {
		d.spare(fileField, ConflictNotKept, "", canonText(md5), nil)
		return
	}
	d.Upload, d.b.file, d.Row.MD5, d.Row.Size = true, md5, md5, size
	d.item.Location = manifest.Location{Root: dir, Path: md5}
	d.Row.Diff = append(d.Row.Diff, FieldDiff{Field: fileField, Remote: canonText(strings.ToLower(d.Asset.Checksum)), Wanted: canonText(md5)})
}

// explain says, for people, what is left as it is and what to do about it.
func (d *backDecider) explain() string {
	a := d.Asset
	var parts []string
	names := func(reason, by string) string {
		var l []string
		for _, s := range d.b.spared {
			if s.reason == reason && s.by == by {
				l = append(l, s.Field)
			}
		}
		return strings.Join(slices.Compact(l), ", ")
	}
	told := map[[2]string]bool{}
	for _, s := range d.b.spared {
		key := [2]string{s.reason, s.by}
		if told[key] {
			continue
		}
		told[key] = true
		fields := names(s.reason, s.by)
		switch s.reason {
		case ConflictLaterRun:
			parts = append(parts, fmt.Sprintf("the later run %s changed %s of asset %s: take that back too, or everything with --since %s", s.by, fields, a.ID, d.first()))
		case ConflictNotKept:
			parts = append(parts, fmt.Sprintf("the bytes of asset %s stay: those before were not kept (upload them in Showpad; migrate run --keep-replaced keeps them from now on)", a.ID))
		case ConflictProcessing:
			parts = append(parts, fmt.Sprintf("the service still processes a version of asset %s: run the rollback again when that is over", a.ID))
		case ConflictNoImage:
			parts = append(parts, fmt.Sprintf("%s of asset %s stays: the service did not show what it was before (set it in Showpad)", fields, a.ID))
		default:
			parts = append(parts, fmt.Sprintf("somebody changed %s of asset %s since: it stays so (put it back in Showpad, if that is meant)", fields, a.ID))
		}
	}
	return strings.Join(parts, "; ")
}
