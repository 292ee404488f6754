package pipeline

import (
	"fmt"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

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
