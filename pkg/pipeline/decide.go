package pipeline

import (
	"bytes"
	"cmp"
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
	Remote     []showpad.Asset // what it has: by asset id when the record has one, else by external ID
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
	// Problems are references that block the row.
	Problems []RefProblem
	// Warnings are references that something else stands in for.
	Warnings []manifest.Problem
}

// RefProblem is a reference that cannot be resolved.
type RefProblem struct {
	Reason string // BlockedAuthor, BlockedTag
	Field  string
	What   string
	Fix    string
}

// Need is what a decision lacks.
type Need int

const (
	NeedNothing Need = iota
	NeedRemote       // Facts.Remote: by the record's asset id, else by external ID
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
		Size: f.Info.Size, MD5: f.MD5, Undo: UndoFull, Problems: item.Problems, Keep: item.Keep,
	}
	if len(f.Refs.Warnings) > 0 {
		d.Row.Problems = slices.Concat(item.Problems, f.Refs.Warnings)
	}
	if item.URL != "" {
		d.Row.Source = item.URL
	}
	rec := f.Record
	if rec != nil {
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
	d.unshared()
	if d.Need == NeedHash && d.Row.Action == ActionResume && d.Row.Puts == 0 {
		d.Row.Writes, d.Row.Puts = d.Row.Writes+1, 1 // the most that it can be: if the bytes are others
	}
	return d.Decision
}

type decider struct {
	Decision
	item   *manifest.Item
	f      *Facts
	remote []showpad.Asset // Facts.Remote, without twins of an asset that is known to be ours
}

// ours leaves the record's own asset of several with the external ID.
func (d *decider) ours() {
	rec := d.f.Record
	if rec == nil || rec.AssetID == "" || len(d.remote) < 2 {
		return
	}
	for i := range d.remote {
		if d.remote[i].ID == rec.AssetID {
			d.remote = d.remote[i : i+1]
			d.Warnings = append(d.Warnings, WarnTwin)
			return
		}
	}
}

// unshared demands, before an asset is given the external ID, that no other one
// has it.
func (d *decider) unshared() {
	if _, sets := d.Set[idField]; !sets || d.Asset == nil || d.Need == NeedRemote {
		return
	}
	if !d.f.HoldersRead {
		d.Need = NeedHolders
		return
	}
	for i := range d.f.Holders {
		if other := d.f.Holders[i].ID; other != d.Asset.ID {
			d.Need = NeedNothing
			d.conflict(ConflictTwin, fmt.Sprintf("asset %s is to get this external ID, and asset %s has it: go on with that one by %s, or delete it, or clear its external ID",
				d.Asset.ID, other, bindCommand(d.item.ExternalID, other)))
			return
		}
	}
}

// bindCommand is the way on that names an asset; "" for one that people choose.
func bindCommand(externalID, assetID string) string {
	return "migrate state bind " + shellWord(externalID) + " " + cmp.Or(assetID, "ASSET-ID")
}

// shellWord is s as people can paste it into a shell.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@%+="
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
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
	d.Seen = shown(a)
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

func (d *decider) twins() {
	ids := make([]string, len(d.remote))
	for i, a := range d.remote {
		ids[i] = a.ID
	}
	slices.Sort(ids)
	d.conflict(ConflictTwin, fmt.Sprintf("%d assets have this external ID: %s; say which one to go on with by %s, or delete all but one, or clear their external ID",
		len(ids), strings.Join(ids, ", "), bindCommand(d.item.ExternalID, "")))
}

// otherManifest is the conflict of an item that another manifest has.
func (d *decider) otherManifest(rec *state.Record) {
	way := "remove it from one of the two"
	if rec.AssetID != "" {
		way += fmt.Sprintf(", or take it over by %s", bindCommand(d.item.ExternalID, rec.AssetID))
	}
	d.conflict(ConflictOther, fmt.Sprintf("belongs to the manifest with id %q in this state: %s", rec.Owner, way))
}

// unknown decides for an item without a record.
func (d *decider) unknown() {
	if d.needRemote() {
		return
	}
	switch len(d.remote) {
	case 0:
		reason := ReasonNew
		if rec := d.f.Record; rec != nil && rec.Op == state.Delete {
			reason = ReasonArchivedByUs
		}
		d.create(ActionCreate, reason)
	case 1:
		d.found(&d.remote[0])
	default:
		d.twins()
	}
}

// unconfirmed decides for an item whose record was made without a run. What was
// seen then is believed as far as nothing is left to do; otherwise the asset is
// read and looked at like one that is found for the first time.
func (d *decider) unconfirmed() {
	if !d.f.FullCheck && !d.f.RemoteRead && d.asSeen(d.f.Record) {
		return
	}
	if d.needRemote() {
		return
	}
	switch {
	case len(d.remote) > 1:
		d.twins()
	case len(d.remote) == 1:
		d.found(&d.remote[0])
	case d.f.Recreate:
		d.create(ActionCreate, ReasonRecreate)
	default:
		d.missing()
	}
}

// asSeen decides by what was seen when the record was made; false when that
// does not suffice.
func (d *decider) asSeen(rec *state.Record) bool {
	was, ok := seenOf(rec)
	if !ok || d.f.Refs.DivisionID != "" && was.division != d.f.Refs.DivisionID {
		return false
	}
	d.Seen = was.values
	d.asFound(was.created)
	if len(d.remaining()) > 0 {
		return false
	}
	d.Row.MD5 = rec.MD5
	if d.item.URL == "" && d.f.Rules.File != "keep" {
		switch {
		case rec.MD5 == "" || rec.Size != d.f.Info.Size:
			return false
		case d.f.MD5 == "":
			d.Row.MD5 = ""
			d.Need = NeedHash
			d.maybe()
			return true
		case d.f.MD5 != rec.MD5:
			return false
		}
	}
	d.act(ActionUnchanged, ReasonSame, 0, 0, UndoFull)
	return true
}

// maybe is the row of an asset whose history is not known, and that has what is
// wanted unless its bytes are others.
func (d *decider) maybe() {
	d.act(ActionCheck, ReasonMaybeDiffers, 0, 0, UndoFull)
	if d.f.Rules.Conflicts == "overwrite" {
		d.act(ActionCheck, ReasonMaybeDiffers, 1, 1, d.undoVersion())
	}
}

// asFound takes the relative dates of an asset whose history is not known for
// what they became, if a run at the time of its creation would have made them so.
func (d *decider) asFound(created time.Time) {
	const (
		longest = 31 * 24 * time.Hour // of a run, from its start to its last create
		around  = 24 * time.Hour      // for clocks that differ, and dates that snap to days
	)
	if created.IsZero() {
		return
	}
	for name := range d.Relative {
		raw, ok := d.Seen[name]
		if !ok {
			continue
		}
		var at time.Time
		if json.Unmarshal(raw, &at) != nil || at.IsZero() {
			continue
		}
		date := relativeDate(d.item, name)
		first := date.Resolve(created.Add(-longest), d.f.Timezone).Add(-around)
		last := date.Resolve(created.Add(around), d.f.Timezone).Add(around)
		if !at.Before(first) && !at.After(last) {
			d.Want[name] = raw
		}
	}
}

// freeID reports whether nobody's value goes when an asset gets the external ID:
// it has none, or the one that the item had before it was renamed.
func (d *decider) freeID() bool {
	is := d.Seen[idField]
	return string(is) == string(null) || d.f.Record != nil && is != nil && bytes.Equal(is, d.f.Record.Fields[idField].Sent)
}

// found decides for an asset whose history is not known.
func (d *decider) found(a *showpad.Asset) {
	if !d.placed(a) {
		return
	}
	d.Adopt = true
	d.asFound(a.CreatedAt.Time)
	d.Set = d.remaining()
	if d.item.URL == "" && a.CurrentFile == nil {
		switch a.Status {
		case showpad.StatusPrepared, showpad.StatusFailed:
			d.Upload = true
			d.act(ActionAdopt, ReasonHalfMade, 1+len1(d.Set), 1, UndoMetadata)
			return
		case showpad.StatusQueued, showpad.StatusProcessing:
			d.act(ActionAdopt, ReasonStillProcesses, len1(d.Set), 0, UndoMetadata)
			return
		}
	}
	d.Row.Diff = differences(d.Set, d.Seen)
	clash := len(d.Row.Diff) > 0
	if len(d.Row.Diff) == 1 && d.Row.Diff[0].Field == idField && d.freeID() {
		clash = false
	}
	fileDiffers := false
	if d.item.URL == "" && d.f.Rules.File != "keep" {
		switch same, known := d.sameBytes(a); {
		case !known:
			d.Need = NeedHash
		case !same:
			fileDiffers, clash = true, true
			d.Row.Diff = append(d.Row.Diff, d.fileDiff(a))
		}
	}
	if !clash {
		switch n := len1(d.Set); {
		case d.Need == NeedHash:
			d.maybe()
			d.Row.Writes += n
		case a.Status != showpad.StatusActive:
			d.act(ActionAdopt, ReasonStillProcesses, n, 0, UndoFull)
		case n > 0:
			d.change(false)
		default:
			d.act(ActionAdopt, ReasonSame, 0, 0, UndoFull)
		}
		return
	}
	if d.f.Rules.Conflicts != "overwrite" {
		d.Need = NeedNothing
		d.conflict(ConflictAdopt, fmt.Sprintf("asset %s has this external ID and differs: make the manifest say the same, or set update: {conflicts: overwrite}", a.ID))
		return
	}
	d.Row.Overwrites = ConflictAdopt
	d.change(fileDiffers)
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

// sameBytes compares the file with what the service has; known is false when
// that takes reading the file.
func (d *decider) sameBytes(a *showpad.Asset) (same, known bool) {
	if a.Size != nil && *a.Size != d.f.Info.Size {
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
		if d.f.Info.Size != rec.Size || (d.f.MD5 != "" && rec.MD5 != "" && d.f.MD5 != rec.MD5) {
			return true
		}
		if d.f.MD5 == "" && rec.ModTime != 0 && rec.ModTime != d.f.Info.ModTime.UnixNano() {
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
	if rec.Op == state.Version && rec.Status == state.Failed && d.f.Rules.Conflicts != "overwrite" && d.strange(rec, a) {
		d.otherBytes(a)
		return
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

// otherBytes is the conflict of an asset whose bytes are not ours.
func (d *decider) otherBytes(a *showpad.Asset) {
	d.Row.Diff = append(d.Row.Diff, d.fileDiff(a))
	d.conflict(ConflictChanged, fmt.Sprintf("asset %s has other bytes than the ones we sent: somebody uploaded a version; keep it by update: {file: keep} or by putting it in the place of your file, or set update: {conflicts: overwrite}", a.ID))
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
	if d.f.Info.Size != rec.Size {
		return false
	}
	if d.f.MD5 != "" {
		return d.f.MD5 == rec.MD5
	}
	if rec.ModTime != 0 && rec.ModTime == d.f.Info.ModTime.UnixNano() {
		return true
	}
	d.Need = NeedHash
	return true
}

func (d *decider) missing() {
	id := d.item.ExternalID
	d.conflict(ConflictMissing, fmt.Sprintf("asset %s is gone or no longer visible to you: run with --recreate %s to make it again, name the asset that stands in for it by %s, or remove the item",
		d.Row.AssetID, shellWord(id), bindCommand(id, "")))
}

// takenBack decides for an item that a rollback or prune archived or deleted, and
// that is wanted again.
func (d *decider) takenBack() {
	rec := d.f.Record
	if rec.Op == state.Delete && rec.AssetID == "" {
		d.unknown() // its asset is no more: what has its external ID is not ours
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
	finished := rec.Status == state.Done || rec.Status == state.Failed
	if !a.IsArchived && finished {
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
	theirs := !strings.EqualFold(a.Checksum, rec.MD5)
	switch {
	case known && !differs && !theirs:
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

// known decides for an item that is done.
func (d *decider) known() {
	rec := d.f.Record
	changed := d.changedFields(rec)
	fileDiffers, fileKnown := false, true
	if d.item.URL == "" && d.f.Rules.File != "keep" {
		fileDiffers, fileKnown = d.fileChanged(rec)
	}
	if len(changed) == 0 && !fileDiffers && fileKnown && !d.f.FullCheck {
		d.Row.MD5 = rec.MD5
		d.act(ActionUnchanged, ReasonSame, 0, 0, UndoFull)
		return
	}
	if !fileKnown {
		d.Need = NeedHash
		if len(changed) == 0 && !d.f.FullCheck {
			d.act(ActionCheck, ReasonMaybeDiffers, 1, 1, d.undoVersion())
			return
		}
	}
	hash := d.Need == NeedHash
	if d.needRemote() {
		return
	}
	switch len(d.remote) {
	case 0:
		if d.f.Recreate {
			d.create(ActionCreate, ReasonRecreate)
		} else {
			d.missing()
		}
		return
	case 1:
	default:
		d.twins()
		return
	}
	a := &d.remote[0]
	if !d.placed(a) {
		return
	}
	d.compare(rec, changed)
	if d.Row.Action == ActionConflict {
		return
	}
	if d.stopped(rec, a) {
		return
	}
	unknown := a.Checksum == "" && processing(a.Status) && !fileDiffers
	if d.item.URL == "" && d.f.Rules.File != "keep" && (fileDiffers || d.f.FullCheck) && !unknown {
		switch same, known := d.sameBytes(a); {
		case known && same:
			fileDiffers = false // the service has these bytes already
		case hasBytes(a, rec):
		case !known && (fileDiffers || !fileKnown): // only reading the file tells whether somebody sent the very bytes
			d.Need = NeedHash
			d.maybe()
			d.Row.Writes += len1(d.Set)
			return
		case d.f.Rules.Conflicts != "overwrite":
			d.otherBytes(a)
			return
		default:
			fileDiffers = true
			d.Row.Overwrites = ConflictChanged
		}
	}
	if hash && !fileDiffers {
		// The fields are decided; the bytes may still turn this into a version.
		d.Need = NeedHash
		n := len1(d.Set)
		d.act(ActionCheck, ReasonMaybeDiffers, 1+n, 1, d.undoVersion())
		return
	}
	if len(d.Set) == 0 && !fileDiffers {
		d.Row.MD5 = rec.MD5
		d.act(ActionUnchanged, ReasonSame, 0, 0, UndoFull)
		if unknown || d.item.URL != "" && a.Status != showpad.StatusActive {
			d.Row.Reason = ReasonStillProcesses // another run tells
			return
		}
		d.Adopt = true // bring the record up to date
		return
	}
	d.change(fileDiffers)
	if fileDiffers {
		d.Row.Diff = append(d.Row.Diff, d.fileDiff(a))
	}
}

// hasBytes reports whether an asset shows the bytes that a record is about.
func hasBytes(a *showpad.Asset, rec *state.Record) bool {
	return strings.EqualFold(a.Checksum, rec.MD5) && (a.Size == nil || *a.Size == rec.Size)
}

func processing(status string) bool {
	return status == showpad.StatusQueued || status == showpad.StatusProcessing
}

// stopped decides for an asset that was done, and that does not work any more:
// its bytes are sent again, and a link is told.
func (d *decider) stopped(rec *state.Record, a *showpad.Asset) bool {
	bare := a.Status == showpad.StatusActive && a.CurrentFile == nil && a.Checksum == ""
	switch {
	case d.item.URL != "":
		if a.Status != showpad.StatusFailed {
			return false
		}
		d.conflict(ConflictFailed, fmt.Sprintf("the service says that asset %s failed: delete it in Showpad and run with --recreate %s, or remove the item", a.ID, shellWord(d.item.ExternalID)))
		return true
	case a.Status != showpad.StatusFailed && a.Status != showpad.StatusPrepared && !bare:
		return false
	}
	d.Need = NeedNothing // it is read when it is sent
	if reason, detail := sourceProblem(d.item, d.f.Info, d.f.SourceErr); reason != "" {
		d.Row.Action, d.Row.Reason, d.Row.Detail = ActionBlocked, reason, detail
		return true
	}
	if d.strange(rec, a) && d.f.Rules.Conflicts != "overwrite" {
		d.otherBytes(a)
		return true
	}
	d.Upload = true
	d.act(ActionVersion, ReasonFileLost, 1+len1(d.Set), 1, UndoMetadata)
	d.Row.Diff = append(d.Row.Diff, FieldDiff{Field: "status", Remote: canonText(a.Status), Wanted: canonText(showpad.StatusActive)})
	return true
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

// sameSaid is how to keep what a person changed.
func (d *decider) sameSaid(fields []string) string {
	if !slices.Contains(fields, idField) {
		return "make the manifest say the same"
	}
	var theirs string
	if json.Unmarshal(d.Seen[idField], &theirs) != nil || theirs == "" {
		return "give it its external ID back in Showpad"
	}
	return fmt.Sprintf("let the item have that external ID by migrate state rename %s %s and in the manifest", shellWord(d.item.ExternalID), shellWord(theirs))
}

// fileChanged compares the file with the record; known is false when that takes
// reading it.
func (d *decider) fileChanged(rec *state.Record) (differs, known bool) {
	switch {
	case d.f.Info.Size != rec.Size:
		return true, true
	case d.f.MD5 != "":
		return d.f.MD5 != rec.MD5, true
	case rec.ModTime != 0 && rec.ModTime == d.f.Info.ModTime.UnixNano():
		return false, true
	}
	return false, false
}
