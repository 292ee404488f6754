package pipeline

import (
	"context"
	"io"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// keptBytes is the source of one file whose bytes stay on this machine from the
// hashing to the sending: its place is slow, or makes other bytes each time.
type keptBytes struct {
	source.Source
	keeper source.Keeper
	path   string // of the file that is kept; "" for none
}

// ReadHead implements source.HeadReader.
func (k *keptBytes) ReadHead(ctx context.Context, path string, buf []byte) (int, error) {
	return source.ReadHead(ctx, k.Source, path, buf)
}

// keep opens the file for hashing, and keeps it in the place of what was kept
// before.
func (k *keptBytes) keep(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	k.release()
	f, info, err := k.keeper.Keep(ctx, path)
	if err == nil {
		k.path = path
	}
	return f, info, err
}

func (k *keptBytes) release() {
	if k.path != "" {
		k.keeper.Release(k.path)
		k.path = ""
	}
}

// letGo gives back what was kept of w's file: it was sent, or will not be.
func (w *work) letGo() {
	if w.kept != nil {
		w.kept.release()
		w.kept = nil
	}
}
