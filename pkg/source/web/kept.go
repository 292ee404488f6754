package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// keptFile is a file on the disk, and what its server said of it.
type keptFile struct {
	*spool.File
	info source.Info
}

// reader reads the file from its start.
func (k *keptFile) reader(ctx context.Context) (io.ReadCloser, source.Info) {
	return &keptReader{k.Open(), ctx}, k.info
}

// keptReader ends with its context.
type keptReader struct {
	io.ReadCloser
	ctx context.Context
}

func (r *keptReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.ReadCloser.Read(p)
}

// keptFiles are those that are kept, by name; nil stands for one that was only
// opened. A name may be kept several times.
type keptFiles struct {
	mu sync.Mutex
	by map[string][]*keptFile
}

func (k *keptFiles) add(name string, f *keptFile) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil {
		k.by = map[string][]*keptFile{}
	}
	k.by[name] = append(k.by[name], f)
}

func (k *keptFiles) open(ctx context.Context, name string) (io.ReadCloser, source.Info, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range slices.Backward(k.by[name]) { // the newest, if the file is another one by now
		if f != nil {
			r, i := f.reader(ctx)
			return r, i, true
		}
	}
	return nil, source.Info{}, false
}

func (k *keptFiles) drop(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	files := k.by[name]
	if len(files) == 0 {
		return
	}
	oldest := files[0]
	if files = files[1:]; len(files) == 0 {
		delete(k.by, name)
	} else {
		k.by[name] = files
	}
	if oldest != nil {
		oldest.Release()
	}
}

// Keep implements source.Keeper. A file that tells its length and is larger than
// the spool is only opened, and read again the next time.
func (s *Source) Keep(ctx context.Context, name string) (io.ReadCloser, source.Info, error) {
	f, err := s.file(ctx, "open", name)
	if err != nil {
		return nil, source.Info{}, err
	}
	r, i, err := f.keep(ctx)
	if err != nil {
		return nil, source.Info{}, f.failure(ctx, err)
	}
	return r, i, nil
}

// Release implements source.Keeper.
func (s *Source) Release(name string) { s.kept.drop(name) }

func (f *file) keep(ctx context.Context) (io.ReadCloser, source.Info, error) {
	a, i, err := f.get(ctx)
	if err != nil {
		return nil, i, err
	}
	if i.Size != source.UnknownSize && (f.cfg.Spool == nil || i.Size > f.cfg.Spool.Limit()) {
		r, err := f.stream(ctx, a, i)
		if err != nil {
			return nil, i, err
		}
		f.kept.add(f.name, nil)
		return r, i, nil
	}
	k, err := f.spool(ctx, a, i)
	if err != nil {
		return nil, i, err
	}
	f.kept.add(f.name, k)
	r, i := k.reader(ctx)
	return r, i, nil
}

// spool reads the whole file to the disk, from an answer, which it closes.
func (f *file) spool(ctx context.Context, a *answer, i source.Info) (*keptFile, error) {
	if f.cfg.Spool == nil {
		a.Close()
		return nil, hinted(fmt.Errorf("%w: the server does not tell its length", source.ErrUnreadable), "copy it into a folder")
	}
	if i.Size != source.UnknownSize && !validatorsOf(i).none() {
		r, err := f.stream(ctx, a, i)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		kept, err := f.cfg.Spool.Put(ctx, f.name, r, i.Size)
		if err != nil {
			return nil, err
		}
		i.MD5 = kept.MD5
		return &keptFile{kept, i}, nil
	}
	// What has no length, or nothing that tells its version, cannot be taken up
	// where it broke: it is read from its start again.
	var k *keptFile
	w := &fromStart{ctx: ctx, file: f, answer: a, info: i, size: i.Size}
	defer w.close()
	err := f.attempts(ctx, func() error {
		var r io.Reader = w
		if w.size == source.UnknownSize {
			r = f.bounded(w)
		}
		kept, err := f.cfg.Spool.Put(ctx, f.name, r, w.size)
		if err == nil {
			if err = f.checkKept(w.answer, kept); err != nil {
				kept.Release()
			}
		}
		if err != nil {
			w.close()
			return err
		}
		i = w.info
		i.Size, i.MD5 = kept.Size, kept.MD5
		k = &keptFile{kept, i}
		return nil
	})
	return k, err
}

// fromStart reads a file from its start: from an answer that is there, or one that
// is asked for when there is room for the file. Servers do not wait for that.
type fromStart struct {
	*file
	ctx    context.Context // of Keep or Open
	answer *answer         // nil: none yet
	info   source.Info     // what the last answer said
	size   int64           // of the file, as room is held for it
}

func (w *fromStart) Read(p []byte) (int, error) {
	if w.answer == nil {
		a, err := w.ask(w.ctx, http.MethodGet, nil)
		if err != nil {
			return 0, err
		}
		w.answer = a
		if a.StatusCode != http.StatusOK {
			return 0, statusOf(a)
		}
		if w.info, err = w.file.info(a); err != nil {
			return 0, err
		}
		if w.size != source.UnknownSize && w.info.Size != source.UnknownSize && w.info.Size != w.size {
			return 0, source.ErrChanged
		}
	}
	return w.answer.Read(p)
}

// close gives the answer up.
func (w *fromStart) close() {
	if w.answer != nil {
		w.answer.Close()
		w.answer = nil
	}
}

// checkKept refuses a web page in place of a file.
func (f *file) checkKept(a *answer, kept *spool.File) error {
	r := kept.Open()
	defer r.Close()
	head, err := io.ReadAll(io.LimitReader(r, content.HeadSize))
	if err != nil {
		return err
	}
	return f.page(a, head)
}
