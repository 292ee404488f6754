package pipeline

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// version reports whether the upload of w is a new version of an asset that has
// bytes, as far as records tell.
func (w *work) version() bool {
	return w.Row.Action == ActionVersion || w.Row.Action == ActionRestore || w.rec != nil && w.rec.Op == state.Version && w.rec.Status != state.Done
}

// keep saves the bytes that a version is about to replace, when that was asked
// for. It is false when the item is finished instead: without them nothing is
// replaced.
func (r *runner) keep(ctx context.Context, w *work) (bool, error) {
	sum := strings.ToLower(w.Asset.Checksum)
	dir := keptFolder(r.in.Options.KeepReplaced)
	begun := w.rec != nil && w.rec.Op == state.Version && unfinishedOp(w.rec)
	switch {
	case dir == "", !w.version(), sum == "":
		return true, nil
	case begun && sum == w.facts.MD5:
		return true, nil // they are replaced already; bytes of ours that others now follow are not
	}
	if _, ok := dir.has(sum); ok {
		return true, nil
	}
	r.emit(Stage{ExternalID: w.item.ExternalID, Stage: "keep", Size: w.facts.Info.Size})
	var err error
	for try := 0; try <= r.retries; try++ {
		if try > 0 && (r.stopped() || sleep(ctx, backoff(try)) != nil) {
			break
		}
		if err = r.fetch(ctx, dir, w.Asset.ID, sum); err == nil {
			return true, nil
		}
		verdict := showpad.Classify(showpad.KindFetch, err)
		_, local := errors.AsType[*os.PathError](err)
		if ctx.Err() != nil || local || errors.Is(err, errOtherBytes) || verdict != showpad.Retry && verdict != showpad.NewURL {
			break
		}
	}
	switch {
	case ctx.Err() != nil, r.stopped():
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		return false, r.leave(ctx, w)
	case showpad.Classify(showpad.KindRead, err) == showpad.StopRun:
		r.stop(stopRun(err))
		return false, r.leave(ctx, w)
	}
	w.Row.Action, w.Row.Reason = ActionBlocked, BlockedNotKept
	return false, r.finish(ctx, w, "blocked", &state.Failure{Code: BlockedNotKept, Message: fmt.Sprintf("the bytes that the new version replaces could not be kept, so it is not sent: %v", err)})
}

// errOtherBytes is of a download that gives other bytes than the service shows.
var errOtherBytes = errors.New("the download gives other bytes than the asset's checksum says (allow the original to be downloaded, or run without --keep-replaced)")

// fetch downloads an asset's bytes into dir, under their MD5. The file has its
// name only once it is complete, verified and on disk.
func (r *runner) fetch(ctx context.Context, dir keptFolder, assetID, sum string) (err error) {
	d, err := r.in.API.Download(ctx, assetID)
	if err != nil {
		return err
	}
	body, err := r.in.API.Fetch(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(string(dir), "."+sum+".*.part") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	h := md5.New()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	if _, err = io.CopyBuffer(onlyWriter{io.MultiWriter(tmp, h)}, &ctxReader{ctx, body}, *buf); err != nil {
		return err
	}
	if is := hex.EncodeToString(h.Sum(nil)); is != sum {
		return fmt.Errorf("%w: MD5 %s instead of %s", errOtherBytes, is, sum)
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), filepath.Join(string(dir), sum)); err != nil {
		return err
	}
	return syncFolder(string(dir))
}
