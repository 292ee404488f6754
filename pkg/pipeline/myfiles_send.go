package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// send uploads one personal file. The intent is on disk before the request leaves; an
// answer that is lost after that leaves it unknown. It returns an error only when the
// run cannot go on.
func (m *myFiles) send(ctx context.Context, r *runner, w *extraWork, watch *ticketWatch) error {
	if r.stopped() {
		return nil
	}
	if over, err := m.earlier(ctx, r, w); err != nil || over {
		return err
	}
	f := m.files[w]
	for try := 0; ; try++ {
		err := m.measure(ctx, f, try > 0)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, source.ErrChanged) {
			if again, err := m.again(ctx, r, w, try, err); !again {
				return err
			}
			continue
		}
		if reason, detail := f.wrong(err); reason != "" {
			r.blockExtra(w, reason, detail)
			return nil
		}
		w.Row.Size = f.info.Size
		before := w.rec
		// The slot comes before the intent: while it is waited for, nothing has begun.
		slot, err := r.uploads.enter(ctx, f.info.Size)
		if errors.Is(err, errLeft) {
			return nil // it is told as not reached
		}
		if err != nil {
			return err
		}
		if !r.curfew.fitsPersonal(f.info.Size) {
			slot.leave()
			return nil // likewise
		}
		err = r.putExtra(ctx, w, func(e *state.Extra) {
			e.Status, e.Wanted, e.ID, e.Ticket, e.Error = state.ExtraSending, w.wanted, "", "", nil
			e.Attempts++
			e.Data = m.data(r, f)
		})
		if err != nil {
			slot.leave()
			return err
		}
		w.attempts++
		answer, err := m.upload(ctx, r, w, slot)
		slot.leave()
		if _, ok := errors.AsType[*showpad.SourceError](err); ok {
			// The end of the request never left: nothing was made.
			if uerr := r.unsentExtra(ctx, w, before); uerr != nil || ctx.Err() != nil {
				return errors.Join(uerr, r.left(ctx))
			}
			if again, err := m.again(ctx, r, w, try, err); !again {
				return err
			}
			continue
		}
		switch {
		case errors.Is(err, showpad.ErrExists):
			return m.there(ctx, r, w)
		case err != nil:
			return r.refusedExtra(ctx, w, before, err)
		}
		return m.accepted(ctx, r, w, answer, watch)
	}
}

// again reports whether to send a file anew that changed meanwhile, after a pause. When
// not, w has failed, or is left to the next run.
func (m *myFiles) again(ctx context.Context, r *runner, w *extraWork, try int, cause error) (bool, error) {
	if try < r.retries && !r.stopped() && sleep(ctx, backoff(try+1)) == nil {
		return true, nil
	}
	if r.stopped() || ctx.Err() != nil {
		return false, r.left(ctx)
	}
	return false, r.failExtra(ctx, w, sourceFailure(cause), cause)
}

// measure finds out how many bytes there are to send, exactly: the length of the
// request is told before them. Places other than folders may list what they do not
// deliver, and are read for it where they tell no checksum; read has it done in any case.
func (m *myFiles) measure(ctx context.Context, f *myFile, read bool) error {
	src, err := sourceOf(m.in.Sources, f.Location)
	if err != nil {
		return err
	}
	if f.Location.Kind != manifest.RootFolder || read {
		_, f.info, err = m.in.hashFile(ctx, src, f.Location, read || f.info.Size < 0)
		return err
	}
	if f.info, err = src.Stat(ctx, f.Location.Path); err != nil {
		return err
	}
	return m.sniff(ctx, f)
}

func (m *myFiles) data(r *runner, f *myFile) json.RawMessage {
	b, err := json.Marshal(myFileData{Name: f.ShownName(), Division: f.division, Size: f.info.Size, ModTime: trusted(f.info, r.in.now())})
	if err != nil {
		return nil // of plain values: cannot be
	}
	return b
}

// change sets what a record keeps besides.
func (w *extraWork) change(e *state.Extra, f func(*myFileData)) {
	d := w.myFileData()
	f(&d)
	if b, err := json.Marshal(d); err == nil {
		e.Data = b
	}
}

func (m *myFiles) upload(ctx context.Context, r *runner, w *extraWork, slot *sending) (showpad.Accepted, error) {
	f := m.files[w]
	r.emit(Stage{ExternalID: w.Row.Key, Stage: "transfer", Size: f.info.Size, Name: w.Row.Name})
	counted := int64(0)
	a, err := r.in.API.UploadPersonal(ctx, f.division, f.form(), f.info.Size, func() (io.ReadCloser, error) {
		src, err := sourceOf(m.in.Sources, f.Location)
		if err != nil {
			return nil, err
		}
		file, info, err := src.Open(ctx, f.Location.Path)
		if err != nil {
			return nil, err
		}
		if !info.Same(f.info) {
			return nil, errors.Join(&source.Error{Op: "open", Path: f.Location.String(), Err: source.ErrChanged}, file.Close())
		}
		return r.uploads.limited(ctx, file), nil
	}, func(n int64) {
		counted += n
		slot.moved(n)
		r.emit(Sent{ExternalID: w.Row.Key, N: n})
	})
	if err != nil && counted != 0 {
		r.emit(Sent{ExternalID: w.Row.Key, N: -counted})
	}
	return a, err
}

// form is how the service is told of the file. Its names differ from those of v4.
// Source: v3 post_divisions_id_assets.
func (f *myFile) form() showpad.PersonalFile {
	p := showpad.PersonalFile{FileName: f.FileName(), Folder: f.Folder}
	if f.Name.Set {
		p.Name = showpad.Some(f.ShownName())
	}
	if f.Description.Set {
		p.Description = showpad.Some(f.Description.Value)
	}
	for _, b := range []struct {
		from manifest.Opt[bool]
		to   *showpad.Opt[bool]
	}{
		{f.IsShareable, &p.IsShareable}, {f.IsAnnotatable, &p.IsAnnotatable}, {f.IsDownloadable, &p.IsDownloadable}, {f.IsSensitive, &p.IsSensitive},
		{f.IsOnlyEntireDocumentShareable, &p.OnlyShareEntireDocument}, {f.IsProcessedUsed, &p.UseOptimized},
	} {
		if b.from.Set {
			*b.to = showpad.Some(b.from.Value)
		}
	}
	return p
}

// accepted records the answer: the asset is there, or the service works on it.
func (m *myFiles) accepted(ctx context.Context, r *runner, w *extraWork, a showpad.Accepted, watch *ticketWatch) error {
	now := r.in.now().UTC()
	err := r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) {
		e.Status, e.ID, e.Ticket = state.ExtraDone, a.AssetID, a.TicketID
		if a.TicketID != "" {
			e.Status = state.ExtraTicket
		}
		w.change(e, func(d *myFileData) { d.SentAt = now })
	})
	if err != nil {
		return err
	}
	r.tally.carried(m.files[w].info.Size)
	if a.TicketID != "" {
		watch.add(w)
		return nil
	}
	r.finishExtra(w, string(state.ExtraDone), nil)
	return nil
}

// there is what the service says it has already, by whatever it tells that.
func (m *myFiles) there(ctx context.Context, r *runner, w *extraWork) error {
	err := r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) {
		e.Status = state.ExtraDone
		w.change(e, func(d *myFileData) { d.There = true })
	})
	if err != nil {
		return err
	}
	w.Row.Reason = ReasonThere
	w.Row.Detail = fmt.Sprintf("Showpad says that %s has it already, and does not tell whether it is the same", m.files[w].Owner)
	w.warnings = append(w.warnings, ReasonThere)
	r.emit(Warned{Code: ReasonThere, ExternalID: w.Row.Key, Text: w.Row.Detail})
	r.finishExtra(w, string(state.ExtraDone), nil)
	return nil
}

// earlier looks at the ticket of an attempt that was given up, before there is another
// one: it may have ended well since. It reports whether w is over.
func (m *myFiles) earlier(ctx context.Context, r *runner, w *extraWork) (over bool, err error) {
	if w.rec == nil || w.rec.Status != state.ExtraFailed || w.rec.Ticket == "" {
		return false, nil
	}
	t, err := r.in.API.Ticket(ctx, w.rec.Ticket)
	switch {
	case ctx.Err() != nil:
		return true, context.Cause(ctx)
	case err != nil && (isRefusal(err) || errors.Is(err, showpad.ErrNotFound)):
		if failed := w.rec.Error != nil && w.rec.Error.Code == FailedProcessing; failed || r.in.Options.recreates(w.Row.Key) {
			return false, nil
		}
		return true, r.lostExtra(ctx, w, fmt.Errorf("ticket %s cannot be read: %w", w.rec.Ticket, err)) // the service may have gone on with it
	case err == nil && t.Status == showpad.TicketFailed:
		return false, nil
	case err != nil:
		return true, r.readFailed(err)
	case t.Status == showpad.TicketCompleted && t.AssetID == "":
		return false, nil
	case t.Status == showpad.TicketCompleted:
		return true, r.made(ctx, w, t.AssetID)
	}
	return true, r.failExtra(ctx, w, FailedTimeout, fmt.Errorf("the service still works on ticket %s (cancel it, or wait, before it is sent again)", t.ID))
}

// made ends w well: its ticket has led to an asset.
func (r *runner) made(ctx context.Context, w *extraWork, assetID string) error {
	err := r.putExtra(context.WithoutCancel(ctx), w, func(e *state.Extra) { e.Status, e.ID, e.Error = state.ExtraDone, assetID, nil })
	if err != nil {
		return err
	}
	r.finishExtra(w, string(state.ExtraDone), nil)
	return nil
}

// carried counts bytes that went through the API.
func (t *tally) carried(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes += n
}
