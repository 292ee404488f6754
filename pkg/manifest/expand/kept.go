package expand

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
)

// keptRows are the rows of a workbook's sheet, read once: to unpack them takes
// ten times as long as to read a text. They wait in a temporary file.
type keptRows struct {
	turn  chan struct{} // held while rows is made
	rows  *spool        // nil: not read yet
	notes []manifest.Problem
	end   manifest.Problems // what ended the sheet, if it is damaged
}

func newKeptRows() *keptRows { return &keptRows{turn: make(chan struct{}, 1)} }

// read is [table.Read] of the workbook, from the second time on of what was read
// the first time.
func (k *keptRows) read(ctx context.Context, in input, o table.Options) iter.Seq2[table.Row, error] {
	return func(yield func(table.Row, error) bool) {
		if err := k.make(ctx, in, o); err != nil {
			yield(table.Row{}, err)
			return
		}
		if o.Note != nil {
			for _, p := range k.notes {
				o.Note(p)
			}
		}
		var row table.Row
		for record, err := range k.rows.all() {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = readKeptRow(record, o.Name, &row)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
		if k.end != nil {
			yield(table.Row{}, k.end)
		}
	}
}

// make reads the sheet, unless that has been done. After an error the next call
// tries again.
func (k *keptRows) make(ctx context.Context, in input, o table.Options) (err error) {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-k.turn }()
	if k.rows != nil {
		return nil
	}
	rows, err := newSpool()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, rows.close())
		}
	}()
	var notes []manifest.Problem
	var end manifest.Problems
	o.Note = func(p manifest.Problem) { notes = append(notes, p) }
	var record []byte
	for row, err := range table.Read(ctx, in.at, in.size, o) {
		if ps, ok := errors.AsType[manifest.Problems](err); ok {
			end = append(end, ps...) // nothing follows: a workbook's rows depend on one another
			continue
		}
		if err != nil {
			return err
		}
		if record, err = keptRow(record[:0], row); err != nil {
			return err
		}
		if _, err := rows.add(record); err != nil {
			return err
		}
		if rows.size > maxKept {
			end = manifest.Problems{manifest.NewProblem(manifest.CodeWorkbook, manifest.Pos{File: o.Name, Line: row.Line}, fmt.Sprintf("the sheet has more than %d GB of text up to this row", maxKept>>30), "save it as several tables")}
			break
		}
	}
	if err := rows.end(); err != nil {
		return err
	}
	k.rows, k.notes, k.end = rows, notes, end
	return nil
}

// maxKept is how much of the disk the rows of a sheet take, in bytes.
const maxKept = 8 << 30

func (k *keptRows) close() error {
	if k.rows == nil {
		return nil
	}
	rows := k.rows
	k.rows = nil
	return rows.close()
}

// keptRow adds the record of a row to b.
func keptRow(b []byte, row table.Row) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(row.Line))
	b = binary.AppendUvarint(b, uint64(len(row.Cells)))
	for _, c := range row.Cells {
		b = binary.AppendUvarint(b, uint64(len(c)))
		b = append(b, c...)
	}
	for _, i := range slices.Sorted(maps.Keys(row.Wrong)) {
		p := row.Wrong[i]
		text, err := json.Marshal(keptProblem{i, p.Code, p.What, p.Fix})
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return b, nil
}

type keptProblem struct {
	Cell            int
	Code, What, Fix string
}

// readKeptRow is the row of a record. Its cells are valid until the next one.
func readKeptRow(b []byte, file string, row *table.Row) error {
	number := func() int {
		n, k := binary.Uvarint(b)
		b = b[k:]
		return int(n)
	}
	row.Line, row.Wrong, row.Cells = number(), nil, row.Cells[:0]
	for range number() {
		n := number()
		row.Cells = append(row.Cells, string(b[:n]))
		b = b[n:]
	}
	for len(b) > 0 {
		n := number()
		var p keptProblem
		if err := json.Unmarshal(b[:n], &p); err != nil {
			return fmt.Errorf("the temporary file of a workbook's rows: %w", err)
		}
		b = b[n:]
		if row.Wrong == nil {
			row.Wrong = map[int]manifest.Problem{}
		}
		row.Wrong[p.Cell] = manifest.NewProblem(p.Code, manifest.Pos{File: file, Line: row.Line, Column: p.Cell + 1}, p.What, p.Fix)
	}
	return nil
}
