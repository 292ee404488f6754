package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// transfer is the stage that sends bytes. The goroutine that sends also asks
// for the URL, when it is about to send: a URL lives for 15 minutes only.
// uploads ends when the drain time of a stop is over.
func (r *runner) transfer(ctx, uploads context.Context, w *work) error {
	if r.stopped() {
		return r.leave(ctx, w)
	}
	if r.tally.refuses(w.facts.Refs.DivisionID) {
		return r.blockDivision(ctx, w, nil)
	}
	if arrived, err := r.alreadySent(uploads, w); err != nil || arrived {
		return err
	}
	if !r.curfew.fitsUpload(w) { // so it need not wait
		return r.leaveLate(ctx, w)
	}
	if kept, err := r.keep(uploads, w); err != nil || !kept {
		return err
	}
	if !w.ahead {
		r.emit(Stage{ExternalID: w.item.ExternalID, Stage: "transfer", Size: w.facts.Info.Size, Name: w.Row.Name})
	}
	var err error
	for try := 0; try <= r.retries; try++ {
		if r.stopped() && try > 0 {
			return r.leave(ctx, w)
		}
		if try > 0 {
			if sleep(uploads, backoff(try)) != nil {
				break
			}
		}
		var asked bool
		if asked, err = r.sendOnce(uploads, w); err == nil {
			r.tally.sent(w.facts.Info.Size)
			return r.sent(ctx, w)
		}
		if uploads.Err() != nil {
			break
		}
		if errors.Is(err, errLeft) {
			return r.leave(ctx, w)
		}
		if !asked {
			if _, ok := errors.AsType[*stateFailed](err); ok {
				return err
			}
			if errors.Is(err, errNoTime) {
				return r.leaveLate(ctx, w)
			}
			if r.lags(w, err) {
				continue
			}
			return r.refused(ctx, w, showpad.KindChange, FailedRefused, err)
		}
		switch verdict := showpad.Classify(showpad.KindUpload, err); {
		case w.ahead && (errors.Is(err, source.ErrChanged) || verdict == showpad.Rehash):
			return nil // its file is another one
		case errors.Is(err, source.ErrChanged), verdict == showpad.Rehash:
			// What was known of its checksum is wrong, whatever its time says.
			if herr := r.rehash(uploads, w, true); herr != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if uploads.Err() != nil {
					return r.leave(ctx, w)
				}
				return r.fail(ctx, w, sourceFailure(herr), herr)
			}
			if detail := r.otherFile(w); detail != "" {
				return r.refuse(ctx, w, StaleFile, detail)
			}
			if reason, detail := sourceProblem(&w.item, w.facts.Info, nil); reason != "" {
				return r.fail(ctx, w, reason, errors.New(detail))
			}
		case verdict == showpad.NewURL, verdict == showpad.Retry:
		default:
			if serr, ok := errors.AsType[*source.Error](err); ok {
				return r.fail(ctx, w, sourceFailure(serr), serr)
			}
			return r.fail(ctx, w, FailedUpload, err)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if uploads.Err() != nil {
		return r.leave(ctx, w)
	}
	return r.fail(ctx, w, FailedUpload, fmt.Errorf("after %d attempts: %w", r.retries+1, err))
}

// sendOnce waits for a slot, asks for a URL and sends the bytes to it. asked reports
// whether there was a URL: the error is that of the sending then.
func (r *runner) sendOnce(ctx context.Context, w *work) (asked bool, err error) {
	slot, err := r.uploads.enter(ctx, w.facts.Info.Size)
	if err != nil {
		return false, err
	}
	defer slot.leave()
	r.meter.at(atSlot, 1)
	defer r.meter.at(atSlot, -1)
	if !r.curfew.fitsUpload(w) { // it may have waited for long
		return false, errNoTime
	}
	w.uploads++
	up, err := r.askURL(ctx, w)
	if err != nil {
		return false, err
	}
	counted, begun := int64(0), time.Now()
	slot.begins()
	r.meter.at(atUpload, 1)
	err = r.in.API.Put(ctx, up, w.facts.Info.Size, r.opener(ctx, w), func(n int64) {
		counted += n
		slot.moved(n)
		r.emit(Sent{ExternalID: w.item.ExternalID, N: n})
	}, showpad.Attempts(slot.tried, slot.again))
	r.meter.at(atUpload, -1)
	if err == nil {
		r.meter.put(w.facts.Info.Size, time.Since(begun))
	} else if counted != 0 {
		r.emit(Sent{ExternalID: w.item.ExternalID, N: -counted})
	}
	return true, err
}

// sourceFailure is the reason code of a file that cannot be sent any more.
func sourceFailure(err error) string {
	if errors.Is(err, source.ErrWebPage) {
		return BlockedWebPage
	}
	return FailedSource
}

// backoff is the pause before another attempt of a whole transfer; the client
// has its own between requests.
func backoff(try int) time.Duration {
	return min(250*time.Millisecond<<min(try-1, 10), 30*time.Second)
}

// alreadySent looks, once, at a version that an earlier run may have sent
// without living to note it: an asset with an older version does not tell.
func (r *runner) alreadySent(ctx context.Context, w *work) (bool, error) {
	rec := w.rec
	if w.Row.Action != ActionResume || rec == nil || rec.Op != state.Version || rec.Status != state.Sending || rec.FileID == "" || rec.MD5 != w.facts.MD5 {
		return false, nil
	}
	f, err := r.in.API.File(ctx, rec.AssetID, rec.FileID)
	switch {
	case err == nil && f.Status != showpad.StatusPrepared && f.Status != showpad.StatusFailed:
		return true, r.sent(ctx, w)
	case err == nil, errors.Is(err, showpad.ErrNotFound):
		return false, nil
	}
	return true, r.refused(ctx, w, showpad.KindRead, FailedUnavailable, err)
}

// lags reports whether a 404 may come from an asset being too new: reading after
// writing is not promised. Source: ASSUME.
func (r *runner) lags(w *work, err error) bool {
	return errors.Is(err, showpad.ErrNotFound) && !w.made.IsZero() && time.Since(w.made) < r.settleTime
}

// stateFailed marks an error of the state apart from one of the service.
type stateFailed struct{ error }

func (e *stateFailed) Unwrap() error { return e.error }

// maxOvertaken bounds Record.Overtaken: a file that changes more often than that
// between two runs that get through is not worth more of the state.
const maxOvertaken = 8

// askURL asks for an upload URL and records the version that it begins.
func (r *runner) askURL(ctx context.Context, w *work) (showpad.Upload, error) {
	id := w.Asset.ID
	if w.version() && (w.rec == nil || w.rec.Op != state.Version || w.rec.Status == state.Done || w.rec.Status == state.Failed) {
		// The way back is on disk before anything changes.
		replaced := strings.ToLower(w.Asset.Checksum)
		if replaced == "" && w.rec != nil {
			replaced = w.rec.MD5
		}
		change := w.changed(state.Version, id, Values{fileField: canonText(replaced)}, Values{fileField: canonText(w.facts.MD5)})
		err := r.put(ctx, w, fmt.Sprintf("Sending a new version of asset %s.", id), change, func(rec *state.Record) {
			rec.Op, rec.Status, rec.AssetID, rec.FileID, rec.Error = state.Version, state.Sending, id, "", nil
			rec.Replaced, rec.Overtaken = replaced, nil
			rec.MD5, rec.Size, rec.Listed, rec.ModTime = w.facts.MD5, w.facts.Info.Size, w.facts.Info.Listed, w.mtime
			rec.Attempts = 0
		})
		if err != nil {
			return showpad.Upload{}, &stateFailed{err}
		}
	} else if before, ours := w.replaces(); !ours && !w.noted(canonText(w.facts.MD5)) {
		// Another run began this version, or the file changed since it was begun, or
		// the bytes go to an asset that we did not make: this run has its part in it.
		// The bytes are known for ours before the service has them.
		change := w.changed(state.Version, id, Values{fileField: before}, Values{fileField: canonText(w.facts.MD5)})
		if err := r.put(ctx, w, "", change, w.overtake); err != nil {
			return showpad.Upload{}, &stateFailed{err}
		}
	} else if ours && w.rec != nil && w.rec.Op == state.Create && w.rec.MD5 != "" && w.rec.MD5 != w.facts.MD5 {
		// Others of our bytes may have arrived: whoever looks at the asset next, for a
		// rollback or because its item left the manifest, has to know both for ours.
		if err := r.put(ctx, w, "", nil, w.overtake); err != nil {
			return showpad.Upload{}, &stateFailed{err}
		}
	}
	up, err := r.in.API.RequestUpload(ctx, id, showpad.UploadRequest{Name: w.name, ContentMD5: w.md5})
	w.paid(1)
	if err != nil {
		return up, err
	}
	err = r.queue(ctx, w, "", nil, func(rec *state.Record) {
		if rec.Op == "" || rec.Op == state.Update || rec.Op == state.Restore {
			rec.Op = state.Create
		}
		w.overtake(rec)
		rec.Status, rec.AssetID, rec.FileID, rec.Error, rec.SentAt = state.Sending, id, up.FileID, nil, time.Time{}
		rec.MD5, rec.Size, rec.Listed, rec.ModTime = w.facts.MD5, w.facts.Info.Size, w.facts.Info.Listed, w.mtime
		rec.Attempts++
	})
	if err != nil {
		return up, &stateFailed{err}
	}
	return up, nil
}

// overtake notes that the bytes that an op sends now take the place of others that
// it sent before. There is no file of theirs yet.
func (w *work) overtake(rec *state.Record) {
	if rec.Op != state.Version && (rec.Op != state.Create || rec.CreateRun == "") || rec.MD5 == w.facts.MD5 {
		return
	}
	if rec.MD5 != "" && !slices.Contains(rec.Overtaken, rec.MD5) {
		rec.Overtaken = append(slices.Clone(rec.Overtaken), rec.MD5)
		rec.Overtaken = rec.Overtaken[max(0, len(rec.Overtaken)-maxOvertaken):]
	}
	rec.Status, rec.FileID, rec.SentAt = state.Sending, "", time.Time{}
	rec.MD5, rec.Size, rec.Listed, rec.ModTime = w.facts.MD5, w.facts.Info.Size, w.facts.Info.Listed, w.mtime
}

// opener opens the bytes for one attempt, and refuses a file that is no longer
// the one that was hashed.
func (r *runner) opener(ctx context.Context, w *work) func() (io.ReadCloser, error) {
	want := w.facts.Info
	loc := w.item.Location
	return func() (io.ReadCloser, error) {
		src, err := sourceOf(r.in.Sources, loc)
		if err != nil {
			return nil, err
		}
		f, info, err := src.Open(ctx, loc.Path)
		if err != nil {
			return nil, err
		}
		if !info.Same(want) {
			return nil, errors.Join(&source.Error{Op: "open", Path: loc.String(), Err: source.ErrChanged}, f.Close())
		}
		return r.uploads.limited(ctx, f), nil
	}
}

// sent records that storage has the bytes, and hands the item to the poller.
func (r *runner) sent(ctx context.Context, w *work) error {
	w.sentAt = time.Now()
	now := r.in.now().UTC()
	text := fmt.Sprintf("Storage has its %d bytes.", w.facts.Info.Size)
	if listed := w.facts.Info.Listed; listed != 0 {
		text = fmt.Sprintf("Storage has its %d bytes. Its place lists %d and delivers %[1]d.", w.facts.Info.Size, listed)
	}
	err := r.queue(ctx, w, text, nil, func(rec *state.Record) {
		rec.Status, rec.SentAt = state.Sent, now
	})
	if w.ahead {
		return err
	}
	if err != nil {
		return err
	}
	return r.watch(ctx, w)
}

// watch hands an item to the poller.
func (r *runner) watch(ctx context.Context, w *work) error {
	w.letGo()
	r.curfew.over(w)
	r.arrives(w)
	if r.stopped() {
		return r.leave(ctx, w)
	}
	r.emit(Stage{ExternalID: w.item.ExternalID, Stage: "settle", Size: w.facts.Info.Size})
	w.slim()
	r.settler.add(w)
	return nil
}
