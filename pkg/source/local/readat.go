package local

import "context"

// ReadAt implements io.ReaderAt, for looking into a file: it does not move the
// reader on, and does not notice that the file changed.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.file.ReadAt(p, off)
}
