package report

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// A row is in the file at most flushEvery after it was added, or flushRows later.
const (
	flushEvery = time.Second
	flushRows  = 1000
)

// ErrClosed is the error of a [Writer] that was closed or abandoned.
var ErrClosed = errors.New("the evidence of this run is closed")

// Writer keeps the evidence of one run while it goes on. Its methods may be
// called concurrently.
type Writer struct {
	dir      string
	evidence Evidence

	mu      sync.Mutex
	file    *os.File      // results.ndjson; nil after Close or Abandon
	out     *bufio.Writer // to file
	waiting int           // rows in out
	err     error         // the first failure: later rows would leave a hole

	journal journal

	stop chan struct{} // closed: the flusher ends
	done chan struct{} // closed: it has ended
}

// Create makes the folder dir for the evidence of one run, readable by its
// owner alone, with the folders above it, and begins it. dir must not exist:
// evidence is never written over. The caller ends the Writer with
// [Writer.Close] or [Writer.Abandon].
func Create(dir string, info Info) (*Writer, error) {
	if err := info.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("evidence folder: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("evidence folder: %w", err)
	}
	e := newEvidence(info)
	if err := writeJSON(dir, EvidenceFile, e); err != nil {
		return nil, fmt.Errorf("evidence folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ResultsFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("evidence folder: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("evidence folder: %w", err), f.Close())
	}
	w := &Writer{
		dir: dir, evidence: e, file: f, out: bufio.NewWriterSize(f, 64<<10),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go w.flusher()
	return w, nil
}

// Observe takes an event of the run: its results are added, of the others it notes
// how long items were in which stage, and what happened on the way.
func (w *Writer) Observe(e pipeline.Event) {
	w.journal.observe(e)
	if f, ok := e.(pipeline.Finished); ok {
		_ = w.Add(f.Result) // the error stays, and comes back from Close
	}
}

// Add appends the row of one item. It is in the file within a second; an
// error, of this row or of an earlier one, stays and comes back from Close.
func (w *Writer) Add(r pipeline.Result) error {
	if r.Run == "" {
		r.Run = w.evidence.Run
	}
	text, err := newRow(r).line()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return w.err
	case w.file == nil:
		return ErrClosed
	case err == nil:
		_, err = w.out.Write(text)
	}
	if w.waiting++; err == nil && w.waiting >= flushRows {
		err = w.flush()
	}
	w.err = w.failed(err)
	return w.err
}

// flush hands the rows in memory to the operating system. w.mu is held.
func (w *Writer) flush() error {
	w.waiting = 0
	return w.out.Flush()
}

func (w *Writer) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", filepath.Join(w.dir, ResultsFile), err)
}

func (w *Writer) flusher() {
	defer close(w.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		w.mu.Lock()
		if w.err == nil && w.file != nil && w.waiting > 0 {
			w.err = w.failed(w.flush())
		}
		w.mu.Unlock()
	}
}

// Close makes all rows durable, makes the other files from them and returns
// the SHA-256 of SHA256SUMS in hex, to be printed and kept in the state. After
// an error the folder has no SHA256SUMS and [Recover] can complete it.
func (w *Writer) Close(outcome pipeline.Outcome) (sums string, err error) {
	if err := w.end(); err != nil {
		return "", err
	}
	how := endingOf(outcome)
	how.journal = &w.journal
	if how.start.IsZero() {
		how.start = w.evidence.Start
	}
	if how.end.IsZero() {
		how.end = time.Now()
	}
	return finish(w.dir, w.evidence, how)
}

// Abandon ends the Writer and leaves the folder as a process that was killed
// would, with all rows added so far.
func (w *Writer) Abandon() error { return w.end() }

// end stops the flusher and closes results.ndjson.
func (w *Writer) end() error {
	w.mu.Lock()
	f := w.file
	if f == nil {
		w.mu.Unlock()
		return ErrClosed
	}
	w.file = nil
	if w.err == nil {
		w.err = w.failed(w.flush())
	}
	err := w.err
	w.mu.Unlock()
	close(w.stop)
	<-w.done
	return errors.Join(err, w.failed(f.Sync()), w.failed(f.Close()))
}
