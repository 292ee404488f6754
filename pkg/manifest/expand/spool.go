package expand

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/showpad-migrate/migrate/pkg/tempfile"
)

// spool keeps records in a temporary file: what is listed or read once and
// needed again, and too much for memory. Records are written first and read
// afterwards, then by any number of readers.
type spool struct {
	file *tempfile.File
	buf  *bufio.Writer
	size int64
}

func newSpool() (*spool, error) {
	f, err := tempfile.New("what is listed")
	if err != nil {
		return nil, err
	}
	return &spool{file: f, buf: bufio.NewWriterSize(f, 1<<16)}, nil
}

// add writes a record and returns where it is.
func (s *spool) add(record []byte) (at int64, err error) {
	at = s.size
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(record)))
	if _, err = s.buf.Write(head[:n]); err == nil {
		_, err = s.buf.Write(record)
	}
	s.size += int64(n + len(record))
	return at, s.failed(err)
}

// end makes the records readable.
func (s *spool) end() error { return s.failed(s.buf.Flush()) }

// all are the records in the order written. They are valid until the next one.
func (s *spool) all() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 1<<16)
		var record []byte
		for {
			n, err := binary.ReadUvarint(r)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				record = append(record[:0], make([]byte, n)...)
				_, err = io.ReadFull(r, record)
			}
			if !yield(record, s.failed(err)) || err != nil {
				return
			}
		}
	}
}

// read is the record at a place that add returned.
func (s *spool) read(at int64) ([]byte, error) {
	const most = 512 // holds the usual record with its length
	head := make([]byte, min(most, s.size-at))
	if _, err := s.file.ReadAt(head, at); err != nil {
		return nil, s.failed(err)
	}
	n, k := binary.Uvarint(head)
	if k <= 0 {
		return nil, s.failed(io.ErrUnexpectedEOF)
	}
	if int(n) <= len(head)-k {
		return head[k : k+int(n)], nil
	}
	record := make([]byte, n)
	_, err := s.file.ReadAt(record, at+int64(k))
	return record, s.failed(err)
}

func (s *spool) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the temporary file for what is listed: %w", err)
}

func (s *spool) close() error { return s.file.Close() }
