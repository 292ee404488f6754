package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// MaxFileSize is what a single PUT takes, in bytes. Source: S3.
const MaxFileSize = 5 << 30

// Facts are all that a decision may depend on. They are values: gathered
// before, by reading, and never changed by deciding.
type Facts struct {
	Start    time.Time
	Timezone *time.Location
	Owner    string // id of the manifest
	Rules    manifest.Update
	Origin   string // ownership of new assets

	Record *state.Record // nil: none
	Info   source.Info   // of the file; zero for URL assets
	// SourceErr is why the file cannot be read, nil when it can.
	SourceErr error
	MD5       string // hex, when known without reading; ""

	RemoteRead bool            // the service was asked
	Remote     []showpad.Asset // what it has: by asset id when the record has one or the item links one, else by external ID
	Exported   bool            // that it has none was told by an export alone
	seen       Values          // what the one asset of Remote shows, where its answer is no longer at hand; nil: that tells
	// LinkedBy is the external ID of another record that has the asset that the
	// item links; "" for none.
	LinkedBy string
	// HoldersRead says that the service was asked who has the item's external ID,
	// and Holders are those. Asked only before an asset is given the external ID.
	HoldersRead bool
	Holders     []showpad.Asset
	Refs        Refs

	FullCheck    bool
	RetryFailed  bool
	Recreate     bool
	KeepReplaced bool // the bytes that a version replaces are kept
}

// Refs are the item's names, resolved to ids.
type Refs struct {
	DivisionID string
	Tags       []string // ids, or newTag + name
	Languages  []string
	Countries  []string
	Authors    []string
	// Primary is the id of the asset that the item is a language variant of, or
	// newTag + its external ID while no run has made it; "" for none.
	Primary string
	// Problems are references that block the row.
	Problems []RefProblem
	// Warnings are references that something else stands in for.
	Warnings []manifest.Problem
}

// RefProblem is a reference that cannot be resolved.
type RefProblem struct {
	Reason string // BlockedAuthor, BlockedTag, BlockedPrimary
	Field  string
	What   string
	Fix    string
}

// Need is what a decision lacks.
type Need int

const (
	NeedNothing Need = iota
	NeedRemote       // Facts.Remote: by the record's asset id or the item's, else by external ID
	NeedHash         // Facts.MD5
	NeedHolders      // Facts.Holders
	NeedFile         // of a rollback: how far the version under way is
	NeedSettle       // of a rollback: that what was sent without an answer has had its time
)

// Decision is a row and what a run needs to carry it out.
type Decision struct {
	Row  Row
	Need Need // NeedRemote, NeedHolders: the row is not decided. NeedHash: it is provisional

	Want     Values            // all that the manifest wants, as of now
	Set      Values            // what a write has to set: the create's fields, or those that differ
	Link     json.RawMessage   // what localization becomes after the items are done; nil leaves it
	Seen     Values            // what the service showed
	Relative map[string]string // expressions behind relative dates
	Upload   bool              // bytes have to go
	Asset    *showpad.Asset    // the one to go on with
	Adopt    bool              // record it as ours
	Warnings []string          // codes, for the result
}

// Decide says what happens to one item. It is pure: same item and facts, same
// decision.
func Decide(item *manifest.Item, f *Facts) Decision {
	d := decider{item: item, f: f, remote: f.Remote}
	d.Row = Row{
		ExternalID: item.ExternalID, Pos: item.Pos, Source: item.Location.String(),
		Name: manifest.AssetName(*item), Division: item.Division,
		Size: max(f.Info.Size, 0), MD5: f.MD5, Offline: f.Info.Offline, Undo: UndoFull, Problems: item.Problems, Keep: item.Keep,
	}
	if len(f.Refs.Warnings) > 0 {
		d.Row.Problems = slices.Concat(item.Problems, f.Refs.Warnings)
	}
	if item.URL != "" {
		d.Row.Source = item.URL
	}
	rec := f.Record
	d.Row.AssetID = linkOf(item, rec)
	if rec != nil && rec.AssetID != "" {
		d.Row.AssetID = rec.AssetID
	}
	if rec != nil && rec.Owner != "" && rec.Owner != f.Owner {
		d.otherManifest(rec)
		return d.Decision
	}
	if d.blocked() {
		return d.Decision
	}
	d.Want, d.Relative = wanted(item, &f.Refs, rec, f.Start, f.Timezone)
	// Without its external ID an asset cannot be found again: it is always managed.
	d.Want[idField] = canonText(item.ExternalID)
	d.ours()
	if d.linkedElsewhere() {
		return d.Decision
	}

	switch {
	case rec != nil && rec.Unconfirmed && rec.AssetID != "":
		d.unconfirmed()
	case rec == nil || rec.Status == state.Pending:
		d.unknown()
	case rec.Status == state.Failed && (rec.Op == state.Archive || rec.Op == state.Delete):
		d.takenBack() // that it stays is what the manifest wants
	case rec.Status == state.Failed:
		d.failed()
	case rec.Status != state.Done:
		d.unfinished()
	case rec.Op == state.Archive || rec.Op == state.Delete:
		d.takenBack()
	default:
		d.known()
	}
	d.later()
	d.unshared()
	if d.Need == NeedHash && d.Row.Action == ActionResume && d.Row.Puts == 0 {
		d.Row.Writes, d.Row.Puts = d.Row.Writes+1, 1 // the most that it can be: if the bytes are others
	}
	d.audience()
	return d.Decision
}

type decider struct {
	Decision
	item   *manifest.Item
	f      *Facts
	remote []showpad.Asset // Facts.Remote, without twins of an asset that is known to be ours
}

func (d *decider) blocked() bool {
	block := func(reason, detail string) bool {
		d.Row.Action, d.Row.Reason, d.Row.Detail = ActionBlocked, reason, detail
		return true
	}
	for _, p := range d.item.Problems {
		if p.Class == manifest.Block {
			return block(BlockedManifest, p.Code+": "+p.What+paren(p.Fix))
		}
	}
	for _, p := range d.f.Refs.Problems {
		return block(p.Reason, p.What+paren(p.Fix))
	}
	if d.item.URL != "" {
		return false
	}
	if rec := d.f.Record; d.f.Rules.File == "keep" && rec != nil && (rec.Status == state.Done || rec.Unconfirmed && rec.FileID != "") {
		return false // the bytes are not looked at
	}
	if reason, detail := sourceProblem(d.item, d.f.Info, d.f.SourceErr); reason != "" {
		return block(reason, detail)
	}
	return false
}

// sourceProblem is why a file cannot be sent: a reason code and a sentence.
func sourceProblem(item *manifest.Item, info source.Info, err error) (reason, detail string) {
	switch {
	case errors.Is(err, source.ErrNotExist):
		return BlockedMissing, err.Error()
	case errors.Is(err, source.ErrAmbiguous):
		return BlockedAmbiguous, err.Error()
	case errors.Is(err, source.ErrWebPage):
		return BlockedWebPage, err.Error()
	case err != nil:
		return BlockedSource, err.Error()
	case info.Size == 0 && !item.AllowEmpty:
		return BlockedEmpty, item.Location.String() + ": the file is empty (say allowEmpty: true if that is meant)"
	case info.Size > MaxFileSize:
		return BlockedTooBig, fmt.Sprintf("%s: %d bytes are more than the 5 GB that storage takes at once (split or compress it)", item.Location, info.Size)
	}
	return "", ""
}

func paren(fix string) string {
	if fix == "" {
		return ""
	}
	return " (" + fix + ")"
}

func (d *decider) conflict(reason, detail string) {
	d.Row.Action, d.Row.Reason, d.Row.Detail = ActionConflict, reason, detail
	d.Row.Writes, d.Row.Puts, d.Row.Overwrites, d.Upload, d.Set = 0, 0, "", false, nil
}

func (d *decider) act(a Action, reason string, writes, puts int, undo Undo) {
	d.Row.Action, d.Row.Reason, d.Row.Writes, d.Row.Puts, d.Row.Undo = a, reason, writes, puts, undo
}

// needRemote reports, and notes, that the service has to be asked first.
func (d *decider) needRemote() bool {
	if !d.f.RemoteRead {
		d.Need = NeedRemote
	}
	return d.Need == NeedRemote
}

// create decides for an item that the service does not have.
func (d *decider) create(a Action, reason string) {
	if d.item.ID != "" { // the item is to be that asset and no other
		d.missing()
		return
	}
	d.Set = created(d.item, d.Want)
	d.Upload = d.item.URL == ""
	d.Row.AssetID = ""
	if d.Upload {
		d.act(a, reason, 2, 1, UndoFull)
	} else {
		d.act(a, reason, 1, 0, UndoFull)
	}
}

// placed checks what no write can mend: false when the row is a conflict.
func (d *decider) placed(a *showpad.Asset) bool {
	d.Asset = a
	d.Row.AssetID = a.ID
	if d.Seen = d.f.seen; d.Seen == nil {
		d.Seen = shown(a)
	}
	if d.f.Refs.DivisionID != "" && a.Division.ID != "" && a.Division.ID != d.f.Refs.DivisionID {
		again := "run again"
		if d.f.Record != nil && d.f.Record.AssetID != "" {
			again = "run with --recreate " + shellWord(d.item.ExternalID)
		}
		d.conflict(ConflictDivision, fmt.Sprintf("asset %s is in Division %s and an asset cannot change Division: correct division:, or delete the asset and %s", a.ID, a.Division.ID, again))
		return false
	}
	if _, managedHere := d.Want["isArchived"]; a.IsArchived && !managedHere {
		d.conflict(ConflictArchived, fmt.Sprintf("asset %s is in the trash: restore it there, say isArchived: false, or remove the item", a.ID))
		return false
	}
	return true
}

// remaining are the wanted values that the service does not show, tags by the
// rule of the manifest.
func (d *decider) remaining() Values {
	set := Values{}
	for name, w := range d.Want {
		target, skip := d.target(name, w)
		if skip || bytes.Equal(target, d.Seen[name]) {
			continue
		}
		set[name] = target
	}
	return set
}

// target is what a field should become, given what the service shows; skip for
// a field that the rules leave alone.
func (d *decider) target(name string, w []byte) (target []byte, skip bool) {
	if d.leaves(name) {
		return nil, true
	}
	if name != "tags" {
		return w, false
	}
	switch d.f.Rules.Tags {
	case "keep":
		return nil, true
	case "replace":
		return w, false
	}
	// Add: what is there stays, and a tag of ours that a person took off stays off.
	remote := d.Seen["tags"]
	if rec := d.f.Record; rec != nil && (rec.Op != state.Create || rec.Status == state.Done) {
		taken := minus(d.f.Record.Fields["tags"].Sent, remote)
		if in := d.f.Record.Intent["tags"]; in != nil {
			taken = minus(taken, in) // an update that we cannot know to have arrived
		}
		w = minus(w, taken)
	}
	return union(remote, w), false
}

// leaves reports whether the manifest leaves a field of an asset that exists
// alone. The external ID is no metadata: it is how the asset is found.
func (d *decider) leaves(name string) bool {
	return d.f.Rules.Metadata == "keep" && name != idField
}

func len1[M ~map[K]V, K comparable, V any](m M) int {
	if len(m) > 0 {
		return 1
	}
	return 0
}

// hasSize reports whether a file can have this size: nobody knows that of one
// that is made when it is read.
func hasSize(info source.Info, size int64) bool {
	return info.Size == size || info.Size == source.UnknownSize
}

// sentSize reports whether a file can have the size that a record has: that of its
// bytes, or what its place listed for them.
func sentSize(info source.Info, rec *state.Record) bool {
	switch {
	case hasSize(info, rec.Size), rec.Listed != 0 && info.Size == rec.Listed:
		return true
	}
	return info.Inexact && rec.ModTime == 0 && rec.Listed == 0 // it was not made from this file: reading tells
}

// mayHave reports whether the file's bytes can be as many.
func (f *Facts) mayHave(size int64) bool {
	if f.Record == nil {
		return hasSize(f.Info, size) || f.Info.Inexact
	}
	return hasSize(f.Info, size) || size == f.Record.Size && sentSize(f.Info, f.Record)
}

// sameBytes compares the file with what the service has; known is false when
// that takes reading the file.
func (d *decider) sameBytes(a *showpad.Asset) (same, known bool) {
	if a.Size != nil && !d.f.mayHave(*a.Size) {
		return false, true
	}
	if d.f.MD5 == "" {
		return false, false
	}
	return strings.EqualFold(a.Checksum, d.f.MD5), true
}

func (d *decider) fileDiff(a *showpad.Asset) FieldDiff {
	diff := FieldDiff{Field: "file", Remote: canonText(a.Checksum), Wanted: canonText(d.f.MD5)}
	if d.f.Record != nil {
		diff.Last = canonText(d.f.Record.MD5)
	}
	return diff
}

// change is an update, a version, or both.
func (d *decider) change(file bool) {
	n := len1(d.Set)
	if file {
		d.Upload = true
		d.act(ActionVersion, ReasonFileDiffers, 1+n, 1, d.undoVersion())
		return
	}
	d.act(ActionUpdate, ReasonFieldsDiffer, n, 0, UndoFull)
}

// undoVersion is how much of a version can be taken back: the bytes too, when
// those before are kept.
func (d *decider) undoVersion() Undo {
	if d.f.KeepReplaced {
		return UndoFull
	}
	return UndoMetadata
}

// failed decides for an item that was given up.
func (d *decider) failed() {
	rec := d.f.Record
	if !d.f.RetryFailed && !d.changedSince(rec) {
		d.Row.Action, d.Row.Reason = ActionBlocked, BlockedFailed
		d.Row.Detail = "failed before and has not changed since (run with --retry-failed)"
		if rec.Error != nil {
			d.Row.Detail = fmt.Sprintf("failed before: %s (run with --retry-failed, or change the item)", rec.Error.Message)
		}
		return
	}
	if rec.Op == state.Create && rec.AssetID == "" && rec.Attempts == 0 {
		d.unknown() // no create ever left: what the service has is not ours
		return
	}
	if d.needRemote() {
		return
	}
	d.resume(ReasonRetry)
}

// changedSince reports whether the item or its file is another one than the
// one that failed.
func (d *decider) changedSince(rec *state.Record) bool {
	if d.item.URL == "" {
		if !sentSize(d.f.Info, rec) || (d.f.MD5 != "" && rec.MD5 != "" && d.f.MD5 != rec.MD5) {
			return true
		}
		if d.f.MD5 == "" && rec.ModTime != 0 && rec.ModTime != stamp(d.f.Info) {
			return true
		}
	}
	for name, w := range d.Want {
		if in, ok := rec.Intent[name]; ok && (sameTags(name, in, w) || name == "tags" && d.f.Rules.Tags != "replace" && string(minus(w, in)) == "[]") {
			continue // tags of others may stand beside ours
		}
		if b := baseOf(rec, name); bytes.Equal(b.Sent, w) || bytes.Equal(b.Seen, w) {
			continue
		}
		return true
	}
	return false
}

// sameTags compares two values; a tag that is still to be made equals any id,
// as far as numbers tell.
func sameTags(name string, a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	return name == "tags" && bytes.Contains(b, []byte(`"`+newTag)) && len(set(a)) == len(set(b))
}

// unfinished decides for an item that an earlier run began.
func (d *decider) unfinished() {
	if d.needRemote() {
		return
	}
	d.resume(ReasonUnfinished)
}

// resume continues an op at its step. The service was asked.
func (d *decider) resume(reason string) {
	rec := d.f.Record
	switch rec.Op {
	case state.Archive, state.Delete, state.Restore:
		d.takenBack()
		return
	}
	if len(d.remote) > 1 {
		d.twins()
		return
	}
	if len(d.remote) == 0 {
		switch {
		case rec.AssetID == "", rec.Error != nil && rec.Error.Code == FailedDropped:
			d.create(ActionResume, reason)
			d.Row.Step = state.Registering
		case d.f.Recreate:
			d.create(ActionCreate, ReasonRecreate)
		default:
			d.missing()
		}
		return
	}
	a := &d.remote[0]
	if !d.placed(a) {
		return
	}
	d.compare(rec, d.changedFields(rec))
	if d.Row.Action == ActionConflict {
		return
	}
	d.overtake(rec)
	n := len1(d.Set)
	if rec.Op == state.Update {
		d.finishUpdate(rec, a, reason)
		return
	}
	undo := UndoFull
	if rec.Op == state.Version {
		undo = d.undoVersion()
	}
	if d.item.URL != "" {
		d.Row.Step = state.Registered
		d.act(ActionResume, reason, n, 0, undo)
		return
	}
	// Where the bytes are: storage may have them although no record says so.
	d.Upload = true
	d.Row.Step = state.Registered
	if d.arrived(rec, a) && d.sameSource(rec) {
		d.Upload = false
		d.Row.Step = state.Processing
		d.act(ActionResume, reason, n, 0, undo)
		return
	}
	if rec.Op == state.Version && (rec.Status == state.Failed || rec.Replaced != "") && d.strange(rec, a) {
		if d.f.Rules.Conflicts != "overwrite" {
			d.otherBytes(a)
			return
		}
		d.Row.Overwrites = ConflictChanged
	}
	d.act(ActionResume, reason, 1+n, 1, undo)
}

// overtake sets again what the service shows as wanted already, where an update
// that was never answered sets another value: it may still be carried out.
func (d *decider) overtake(rec *state.Record) {
	if rec.AssetID == "" {
		return // a create's values came with it
	}
	for name, in := range rec.Intent {
		w, managed := d.Want[name]
		if !managed || name == "tags" && d.f.Rules.Tags != "replace" { // tags added late do no harm
			continue
		}
		w, skip := d.target(name, w)
		if _, set := d.Set[name]; !skip && !set && !bytes.Equal(in, w) {
			d.Set[name] = w
		}
	}
}

// strange reports whether an asset has other bytes than those that a version of
// ours replaced, or sent at any time, or is about to send.
func (d *decider) strange(rec *state.Record, a *showpad.Asset) bool {
	if a.Checksum == "" {
		return false
	}
	for _, known := range append([]string{rec.Replaced, rec.MD5, d.f.MD5}, rec.Overtaken...) {
		if strings.EqualFold(a.Checksum, known) {
			return false
		}
	}
	return true
}

// finishUpdate continues an update, whose file may have changed since.
func (d *decider) finishUpdate(rec *state.Record, a *showpad.Asset, reason string) {
	differs, check := false, false
	if d.item.URL == "" && d.f.Rules.File != "keep" {
		var known bool
		if differs, known = d.fileChanged(rec); !known {
			d.Need = NeedHash
		}
		check = differs || d.f.FullCheck
	}
	there := d.f.MD5 != "" && strings.EqualFold(a.Checksum, d.f.MD5)
	switch {
	case check && !there && !strings.EqualFold(a.Checksum, rec.MD5) && d.f.Rules.Conflicts != "overwrite":
		d.otherBytes(a)
	case !differs || there:
		d.Row.Step = state.Sending
		d.act(ActionResume, reason, len1(d.Set), 0, UndoFull)
	default:
		if !strings.EqualFold(a.Checksum, rec.MD5) {
			d.Row.Overwrites = ConflictChanged
		}
		d.change(true)
		d.Row.Diff = append(d.Row.Diff, d.fileDiff(a))
	}
}

// arrived reports whether the bytes of the version under way are known to be
// with the service, processed or not.
func (d *decider) arrived(rec *state.Record, a *showpad.Asset) bool {
	if rec.Status == state.Failed {
		return a.Status == showpad.StatusActive && strings.EqualFold(a.Checksum, rec.MD5) && rec.MD5 != ""
	}
	if rec.Status == state.Sent || rec.Status == state.Processing {
		return true // the poller tells if they got lost
	}
	if a.CurrentFile != nil && a.CurrentFile.ID == rec.FileID && rec.FileID != "" {
		return true
	}
	if rec.Op != state.Create {
		return false // an asset with an older version says nothing of the new one; see the file
	}
	switch a.Status {
	case showpad.StatusQueued, showpad.StatusProcessing:
		return true
	case showpad.StatusActive:
		return rec.MD5 != "" && strings.EqualFold(a.Checksum, rec.MD5)
	}
	return false
}

// sameSource reports whether the file is still the one that the record is about.
func (d *decider) sameSource(rec *state.Record) bool {
	if !sentSize(d.f.Info, rec) {
		return false
	}
	if d.f.MD5 != "" {
		return d.f.MD5 == rec.MD5
	}
	if rec.ModTime != 0 && rec.ModTime == stamp(d.f.Info) {
		return true
	}
	d.Need = NeedHash
	return true
}

// takenBack decides for an item that a rollback or prune archived or deleted, and
// that is wanted again.
func (d *decider) takenBack() {
	rec := d.f.Record
	if rec.AssetID == "" {
		d.unknown() // its asset is no more, or somebody's: what has its external ID is not ours
		return
	}
	if d.needRemote() {
		return
	}
	switch {
	case len(d.remote) > 1:
		d.twins()
		return
	case len(d.remote) == 0 && rec.Op == state.Restore && !d.f.Recreate:
		d.missing()
		return
	case len(d.remote) == 0:
		d.create(ActionCreate, ReasonArchivedByUs)
		return
	}
	a := &d.remote[0]
	if !a.IsArchived && !mayArrive(rec) {
		d.known() // somebody brought it back, or it never went
		return
	}
	d.Asset, d.Row.AssetID, d.Seen = a, a.ID, shown(a)
	d.compare(rec, d.changedFields(rec))
	if d.Row.Action == ActionConflict {
		return
	}
	d.overtake(rec)
	// What is about to be archived by a write that was never answered is kept by
	// a later one that says the opposite.
	if _, own := d.Want["isArchived"]; !own && (a.IsArchived || rec.Op == state.Archive) {
		d.Set["isArchived"] = isFalse
		if a.IsArchived {
			d.Row.Diff = append(d.Row.Diff, FieldDiff{Field: "isArchived", Remote: isTrue, Wanted: isFalse})
		}
	}
	d.act(ActionRestore, ReasonArchivedByUs, len1(d.Set), 0, UndoFull)
	d.restoreFile(rec, a)
}

// restoreFile decides about the bytes of an asset that comes back: the file may
// have changed, or never have arrived.
func (d *decider) restoreFile(rec *state.Record, a *showpad.Asset) {
	if d.item.URL != "" || d.f.Rules.File == "keep" {
		return
	}
	if d.f.MD5 != "" && strings.EqualFold(a.Checksum, d.f.MD5) {
		return // the service has these bytes already
	}
	differs, known := d.fileChanged(rec)
	lacks := a.Checksum == "" // it went before its bytes came
	theirs := !lacks && !strings.EqualFold(a.Checksum, rec.MD5)
	switch {
	case known && !differs && !theirs && !lacks:
		return
	case !known:
		d.Need = NeedHash
	case theirs && d.f.Rules.Conflicts != "overwrite":
		d.otherBytes(a)
		return
	default:
		if theirs {
			d.Row.Overwrites = ConflictChanged
		}
		d.Upload = true
		d.Row.Diff = append(d.Row.Diff, d.fileDiff(a))
	}
	d.act(ActionRestore, ReasonArchivedByUs, 1+len1(d.Set), 1, d.undoVersion())
}

// changedFields are the wanted values that differ from what was last sent and
// from what was then shown.
func (d *decider) changedFields(rec *state.Record) Values {
	changed := Values{}
	for name, w := range d.Want {
		b := baseOf(rec, name)
		if d.leaves(name) || bytes.Equal(w, b.Sent) || (b.Seen != nil && bytes.Equal(w, b.Seen)) {
			continue
		}
		if name == "tags" && (d.f.Rules.Tags == "keep" || d.f.Rules.Tags == "add" && string(minus(w, b.Sent)) == "[]") {
			continue
		}
		changed[name] = w
	}
	return changed
}

// compare is the three-way comparison of every wanted field: base, remote,
// wanted. It fills in Set and Diff, or makes the row a conflict.
func (d *decider) compare(rec *state.Record, changed Values) {
	d.Set = Values{}
	var clash []FieldDiff
	begun := rec.Op == state.Create && rec.Status != state.Done // what its answer lacked is still to be set
	for _, name := range sortedFields(d.Want) {
		w, skip := d.target(name, d.Want[name])
		r := d.Seen[name]
		if skip || bytes.Equal(w, r) {
			continue
		}
		b := baseOf(rec, name)
		_, wantedChanged := changed[name]
		if name == "tags" && d.f.Rules.Tags != "replace" {
			if wantedChanged || begun || d.f.FullCheck {
				d.Set[name] = w
				d.Row.Diff = append(d.Row.Diff, FieldDiff{Field: name, Remote: r, Wanted: w})
			}
			continue
		}
		ours := b.Sent == nil || bytes.Equal(r, b.Sent) || bytes.Equal(r, b.Seen) || r == nil
		in, pending := rec.Intent[name]
		// Out of a group nobody's value goes: its primary may be gone.
		ours = ours || name == linkField && wantedChanged && isNone(r)
		form := sameForm(b.Sent, r)
		// What an update became whose answer is lost is not known to the letter.
		ours = ours || form || pending && (bytes.Equal(r, in) || sameForm(in, r) || snapped(in, r))
		diff := FieldDiff{Field: name, Remote: r, Wanted: w, Last: b.Sent}
		switch {
		case ours && !wantedChanged && !pending && (!begun || form):
			// The service keeps another form of what we sent, or shows nothing.
		case ours || d.f.Rules.Conflicts == "overwrite":
			if !ours {
				d.Row.Overwrites = ConflictChanged
			}
			d.Set[name] = w
			d.Row.Diff = append(d.Row.Diff, diff)
		default:
			clash = append(clash, diff)
		}
	}
	if len(clash) > 0 {
		names := make([]string, len(clash))
		for i, c := range clash {
			names[i] = c.Field
		}
		d.Row.Diff = append(clash, d.Row.Diff...)
		d.conflict(ConflictChanged, fmt.Sprintf("%s of asset %s was changed since we wrote it: %s, or set update: {conflicts: overwrite}", strings.Join(names, ", "), d.Row.AssetID, d.sameSaid(names)))
	}
}

// fileChanged compares the file with the record; known is false when that takes
// reading it.
func (d *decider) fileChanged(rec *state.Record) (differs, known bool) {
	switch {
	case !sentSize(d.f.Info, rec):
		return true, true
	case d.f.MD5 != "":
		return d.f.MD5 != rec.MD5, true
	case rec.ModTime != 0 && rec.ModTime == stamp(d.f.Info):
		return false, true
	}
	return false, false
}
