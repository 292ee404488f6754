package view

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/tempfile"
)

// spool keeps the rows of a plan in a temporary file, one a line, until the
// totals that come before them are known.
type spool struct {
	file *tempfile.File
	buf  *bufio.Writer
	rows int
}

func newSpool() (*spool, error) {
	f, err := tempfile.New("the plan")
	if err != nil {
		return nil, err
	}
	return &spool{file: f, buf: bufio.NewWriterSize(f, 1<<16)}, nil
}

func (s *spool) add(row pipeline.Row) error {
	b, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("row of %s: %w", row.ExternalID, err)
	}
	s.rows++
	if _, err := s.buf.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("the plan's temporary file: %w", err)
	}
	return nil
}

// lines calls yield with each row as it was written.
func (s *spool) lines(yield func([]byte) error) error {
	if err := s.buf.Flush(); err != nil {
		return fmt.Errorf("the plan's temporary file: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("the plan's temporary file: %w", err)
	}
	r := bufio.NewReaderSize(s.file, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the plan's temporary file: %w", err)
		}
		if err := yield(line[:len(line)-1]); err != nil {
			return err
		}
	}
}

func (s *spool) each(yield func(pipeline.Row) error) error {
	return s.lines(func(line []byte) error {
		var row pipeline.Row
		if err := json.Unmarshal(line, &row); err != nil {
			return fmt.Errorf("the plan's temporary file: %w", err)
		}
		return yield(row)
	})
}

// of calls yield with the rows of an action, and of a reason unless that is "".
func (s *spool) of(action pipeline.Action, reason string, yield func(*pipeline.Row) error) error {
	// In a string of the row the quotes would be escaped, so what has no such member
	// need not be read.
	member := []byte(`"action":"` + string(action) + `"`)
	return s.lines(func(line []byte) error {
		if !bytes.Contains(line, member) {
			return nil
		}
		var row pipeline.Row
		if err := json.Unmarshal(line, &row); err != nil {
			return fmt.Errorf("the plan's temporary file: %w", err)
		}
		if row.Action != action || reason != "" && row.Reason != reason {
			return nil
		}
		return yield(&row)
	})
}

func (s *spool) close() error { return s.file.Close() }
