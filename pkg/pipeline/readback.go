package pipeline

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// readBack reads the bytes of c's asset and compares them with what they should be:
// sum (MD5 in hex) and size or, where sum is "", the checksum that the service shows.
// What cannot be read is told as a difference; the error ends the whole command.
func (v *verifier) readBack(ctx context.Context, c *comparison, sum string, size int64) error {
	a := c.asset
	if a.Status != showpad.StatusActive && a.CurrentFile == nil {
		return nil // it has no bytes yet; its status was told
	}
	told := sum == ""
	if told {
		sum = strings.ToLower(a.Checksum)
	}
	got, n, err := v.fetchAgain(ctx, c.item.ExternalID, a.ID)
	var stop *StopError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &stop):
		return err
	default:
		c.differs(DiffUnread, "", nil, nil, "its bytes could not be read back: %v", err)
		return nil
	}
	c.readBack = n
	switch {
	case got == sum, sum == "", got == strings.ToLower(a.Checksum): // the last one was told already
	case told:
		c.differs(DiffContent, "md5", canonText(sum), canonText(got), "the MD5 of what the service gives back is %s, and it says %s", got, sum)
	default:
		c.differs(DiffContent, "md5", canonText(sum), canonText(got), "the MD5 of what the service gives back is %s (%d bytes), and should be %s (%d bytes)", got, n, sum, size)
	}
	return nil
}

// fetchAgain reads an asset's bytes, with a new link when one is out of date or the
// reading breaks off: other failures that may pass were already repeated by the
// client. A *StopError ends the command.
func (v *verifier) fetchAgain(ctx context.Context, externalID, assetID string) (sum string, n int64, err error) {
	retries := v.g.in.Options.Retries
	if retries == 0 {
		retries = 5
	}
	pause := 100 * time.Millisecond
	for try := 0; ; try++ {
		var again bool
		sum, n, again, err = v.fetch(ctx, externalID, assetID)
		if err == nil || !again || try >= retries {
			return sum, n, err
		}
		if err := sleep(ctx, pause); err != nil {
			return "", 0, err
		}
		pause = min(2*pause, 10*time.Second)
	}
}

// fetch reads an asset's bytes once and returns their MD5 in hex and their number, or
// whether another link may help.
func (v *verifier) fetch(ctx context.Context, externalID, assetID string) (sum string, n int64, again bool, err error) {
	d, err := v.api.Download(ctx, assetID)
	if err != nil {
		if ctx.Err() == nil && showpad.Classify(showpad.KindRead, err) == showpad.StopRun {
			err = stopRun(err)
		}
		return "", 0, false, err
	}
	body, err := v.api.Fetch(ctx, d)
	if err != nil {
		verdict := showpad.Classify(showpad.KindFetch, err)
		if ctx.Err() == nil && verdict == showpad.StopRun {
			err = stopRun(err)
		}
		return "", 0, verdict == showpad.NewURL, err
	}
	defer func() { _ = body.Close() }() // all that matters was read
	h := md5.New()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n, err = io.CopyBuffer(onlyWriter{io.MultiWriter(h, received{v.observe, externalID})}, &ctxReader{ctx, body}, *buf)
	if err != nil {
		v.observe(Received{ExternalID: externalID, N: -n})
		return "", 0, showpad.Classify(showpad.KindFetch, err) == showpad.Retry, fmt.Errorf("it broke off after %d bytes: %w", n, err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, false, nil
}

// received tells of bytes that came.
type received struct {
	observe    func(Event)
	externalID string
}

func (r received) Write(p []byte) (int, error) {
	r.observe(Received{ExternalID: r.externalID, N: int64(len(p))})
	return len(p), nil
}
