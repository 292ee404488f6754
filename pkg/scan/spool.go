package scan

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/tempfile"
)

// entry is a file, or a folder that cannot be listed.
type entry struct {
	Path  string `json:"p"`
	Size  int64  `json:"s"` // bytes; below 0: not known
	MD5   []byte `json:"h,omitempty"`
	Row   int    `json:"r,omitempty"` // from 1; 0: left out
	Notes []note `json:"n,omitempty"`

	info source.Info // while it is looked at
}

// note is a [Finding] about an entry.
type note struct {
	Kind   string `json:"k"`
	Detail string `json:"d,omitempty"`

	Exclude bool `json:"-"` // see [Finding]; of lookalikes, which are not in the file
}

func (e *entry) add(kind, detail string) { e.Notes = append(e.Notes, note{Kind: kind, Detail: detail}) }

// leftOut reports whether the file is not in the inventory.
func (e *entry) leftOut() bool {
	for _, n := range e.Notes {
		if LeavesOut(n.Kind) {
			return true
		}
	}
	return false
}

// spool keeps entries in a temporary file. They are written first, and read
// afterwards.
type spool struct {
	file *tempfile.File
	buf  *bufio.Writer
	enc  *json.Encoder
}

func newSpool() (*spool, error) {
	f, err := tempfile.New("what is listed")
	if err != nil {
		return nil, err
	}
	s := &spool{file: f, buf: bufio.NewWriterSize(f, 1<<16)}
	s.enc = json.NewEncoder(s.buf)
	s.enc.SetEscapeHTML(false)
	return s, nil
}

func (s *spool) add(e *entry) error { return s.failed(s.enc.Encode(e)) }

// end makes the entries readable.
func (s *spool) end() error { return s.failed(s.buf.Flush()) }

// all are the entries in the order written. An error ends them.
func (s *spool) all() iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		st, err := s.file.Stat()
		if err != nil {
			yield(entry{}, s.failed(err))
			return
		}
		dec := json.NewDecoder(bufio.NewReaderSize(io.NewSectionReader(s.file, 0, st.Size()), 1<<16))
		for {
			var e entry
			err := dec.Decode(&e)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(e, s.failed(err)) || err != nil {
				return
			}
		}
	}
}

func (s *spool) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the temporary file for what is listed: %w", err)
}

func (s *spool) close() error { return s.file.Close() }
