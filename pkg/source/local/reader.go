package local

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// reader reads a file and notices that it changed since it was opened.
type reader struct {
	ctx  context.Context // of Open: reading is part of what was asked for
	file *os.File
	info source.Info
	n    int64
	err  error
	fail func(op, path string, err error) *source.Error
}

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.file.Read(p)
	r.n += int64(n)
	switch {
	case err == io.EOF:
		if r.err = r.unchanged(); r.err == nil {
			r.err = io.EOF
		}
	case err != nil:
		r.err = r.fail("read", r.info.Path, err)
	case r.n >= r.info.Size: // a reader that knows the size stops here
		r.err = r.unchanged()
	}
	return n, r.err
}

// unchanged compares the file, and what was read of it, with what it was when
// it was opened. It is called when the last byte, or the end, has been read.
func (r *reader) unchanged() error {
	st, err := r.file.Stat()
	if err != nil {
		return r.fail("read", r.info.Path, err)
	}
	if now := (source.Info{Size: st.Size(), ModTime: st.ModTime()}); r.n != r.info.Size || !now.Same(r.info) {
		return r.fail("read", r.info.Path, hinted(source.ErrChanged,
			fmt.Sprintf("it had %d bytes when it was opened, and has %d; let its writer finish", r.info.Size, max(now.Size, r.n))))
	}
	return nil
}

// ReadAt implements io.ReaderAt, for those who look at a part: it neither moves
// nor counts for Read.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.file.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = r.fail("read", r.info.Path, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.file.Close() }
