package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

const (
	methodBackup = "backup"
	fileType     = "application/octet-stream" // of a file; a refusal is JSON
)

// How long a copy may stand still between a holder and whoever asked for it. The
// holder is the less patient one: pages of the copy stay in use meanwhile, and
// a file that outgrows its mapping then has to wait.
const (
	giveIdle = 10 * time.Second
	takeIdle = 30 * time.Second
)

// Backup writes a consistent copy of the state at path to dst, which must not
// exist: what was on disk at one moment. While a run holds the state, it is the
// run that hands the copy out, and goes on meanwhile. The copy is checked as
// Open does, is on disk, and has mode 0600 when Backup returns; before that
// nothing has the name dst.
//
// Errors to match: [fs.ErrExist] and [fs.ErrNotExist], [ErrLocked], [ErrDamaged],
// [ErrNewer].
func Backup(ctx context.Context, path, dst string) error { return backup(ctx, path, dst, true) }

func backup(ctx context.Context, path, dst string, sync bool) error {
	if _, err := os.Lstat(dst); err == nil {
		return existsError(dst)
	}
	tmp, err := os.CreateTemp(filepath.Dir(dst), "."+filepath.Base(dst)+".*")
	if err != nil {
		return writeError(dst, err)
	}
	defer os.Remove(tmp.Name()) // another name of the same file once it is published
	_, err = copyState(ctx, path, &copyWriter{file: tmp, name: dst})
	if err == nil && sync {
		if err = tmp.Sync(); err != nil {
			err = writeError(dst, err)
		}
	}
	if closeErr := tmp.Close(); err == nil && closeErr != nil {
		err = writeError(dst, closeErr)
	}
	if err == nil {
		err = checkCopy(ctx, path, tmp.Name())
	}
	if err == nil {
		err = publish(tmp.Name(), dst)
	}
	if err == nil && sync {
		if err = syncDir(filepath.Dir(dst)); err != nil {
			err = writeError(dst, err)
		}
	}
	return err
}

// copyWriter is where a copy goes, under the name that it will have.
type copyWriter struct {
	file   *os.File
	name   string
	failed error // of the last write
}

// begin empties it.
func (w *copyWriter) begin() error {
	err := w.file.Truncate(0)
	if err == nil {
		_, err = w.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return writeError(w.name, err)
	}
	return nil
}

func (w *copyWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	if err != nil {
		w.failed = writeError(w.name, err)
	}
	return n, err
}

// copyState writes the state at path into w. It returns who handed it out, nil
// for nobody: then the file was read.
func copyState(ctx context.Context, path string, w *copyWriter) (from *Holder, err error) {
	f := &follower{path: path}
	defer f.Close()
	err = f.do(ctx, func(r Reader) error {
		// A holder that ended in the middle of an answer is asked again, or its file is read.
		if err := w.begin(); err != nil {
			return err
		}
		var err error
		if c, ok := r.(*client); ok {
			from = &c.holder
			err = c.backup(ctx, w)
		} else {
			from = nil
			err = r.(fileReader).backup(ctx, path, w)
		}
		if w.failed != nil {
			return w.failed
		}
		return err
	})
	return from, err
}

// checkCopy says what is wrong with the copy of the state at path.
func checkCopy(ctx context.Context, path, tmp string) error {
	f := &follower{path: tmp}
	defer f.Close()
	_, err := f.Counts(ctx)
	if e, ok := errors.AsType[*damageError](err); ok {
		return damaged(path, fmt.Errorf("a copy that was made of it: %w", e.why))
	}
	return err
}

func writeError(dst string, err error) error {
	return fmt.Errorf("%s: writing a copy of the state: %w (make room, or write it elsewhere)", dst, err)
}

func existsError(dst string) error {
	return fmt.Errorf("%s: %w (nothing is overwritten: name another file)", dst, fs.ErrExist)
}

// publish gives the file tmp the name dst unless something has it.
func publish(tmp, dst string) error {
	if os.Link(tmp, dst) == nil {
		return nil
	}
	if _, err := os.Lstat(dst); err == nil {
		return existsError(dst)
	}
	if err := os.Rename(tmp, dst); err != nil { // a file system without links
		return writeError(dst, err)
	}
	return nil
}

// backup copies the file that r reads.
func (r fileReader) backup(ctx context.Context, path string, w io.Writer) error {
	found := false
	err := r.view(ctx, func(tx *bolt.Tx) error {
		found = true
		_, err := tx.WriteTo(writerFunc(func(b []byte) (int, error) {
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			return w.Write(b)
		}))
		return err
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && !found:
		return fmt.Errorf("%s: there is no state: %w (name it with --state)", path, fs.ErrNotExist)
	case err != nil && !errors.Is(err, ErrDamaged):
		return fmt.Errorf("copying %s: %w", path, err)
	}
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// backup copies what the holder hands out.
func (c *client) backup(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(c.idle, func() {
		cancel(fmt.Errorf("%w: %v: it stopped in the middle of a copy (try again, or when it has ended)", ErrLocked, c.holder))
	})
	defer watchdog.Stop()
	resp, err := c.post(ctx, question{Method: methodBackup})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != fileType {
		_, err := readAnswer(ctx, resp)
		if err == nil {
			err = errUnreachable
		}
		return err
	}
	_, err = io.Copy(writerFunc(func(b []byte) (int, error) {
		watchdog.Reset(c.idle)
		return w.Write(b)
	}), resp.Body) // a length is announced: an early end is an error
	if err != nil {
		return unreachable(ctx, err)
	}
	return nil
}

// stream is the answer to a backup: the file as it is on disk at this moment.
// The transaction that keeps its pages lasts as long as the reader takes them.
func (s *Store) stream(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the server's is for questions, and would end a long answer
	begun := false
	err := s.view(r.Context(), func(tx *bolt.Tx) error {
		w.Header().Set("Content-Type", fileType)
		w.Header().Set("Content-Length", strconv.FormatInt(tx.Size(), 10))
		_, err := tx.WriteTo(writerFunc(func(b []byte) (int, error) {
			begun = true
			if err := control.SetWriteDeadline(time.Now().Add(s.giveIdle)); err != nil {
				return 0, err
			}
			return w.Write(b)
		}))
		return err
	})
	_ = control.SetWriteDeadline(time.Time{})
	if err == nil {
		return
	}
	s.opts.Log.Debug().Err(err).Msg("a copy of the state was not finished")
	if begun {
		return // less than was announced: the server hangs up, and the reader sees it
	}
	w.Header().Del("Content-Length")
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer{Error: err.Error(), Damaged: errors.Is(err, ErrDamaged)})
}
