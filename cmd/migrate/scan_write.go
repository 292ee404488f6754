package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/showpad-migrate/migrate/pkg/report"
	"github.com/showpad-migrate/migrate/pkg/scan"
)

func (s *scanning) writeInventory(ctx context.Context) error {
	return s.writeTable(inventoryTable, scan.Columns(), func(row func(...string) error) error {
		for r, err := range s.inv.Rows(ctx) {
			if err != nil {
				return err
			}
			if err := row(r.Cells()...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *scanning) writeFindings(ctx context.Context) error {
	if len(s.inv.Report.Findings) == 0 {
		return nil
	}
	return s.writeTable(findingsTable, []string{"finding", "file", "size", "detail"}, func(row func(...string) error) error {
		for f, err := range s.inv.Findings(ctx) {
			if err != nil {
				return err
			}
			if err := row(f.Kind, f.Path, fmt.Sprint(max(f.Size, 0)), f.Detail); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeMap writes the skeleton of a map, and counts the values that it drops as
// it stands.
func (s *scanning) writeMap(m scan.Map, open map[string]int) error {
	return s.writeTable(m.Name, []string{"from", "to", "items"}, func(row func(...string) error) error {
		for v, n := range s.maps[m.Name].All() {
			to := scan.Guess(m.Name, v)
			if to == "" {
				open[m.Name]++
			}
			if err := row(v, to, fmt.Sprint(n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeTable writes a table, whose name has no ending yet.
func (s *scanning) writeTable(stem string, header []string, rows func(row func(...string) error) error) error {
	return writeFile(s.out, s.flags.file(stem), func(w io.Writer) (err error) {
		var t interface {
			Row(cells ...string) error
			Close() error
		}
		if s.flags.xlsx {
			t, err = newSheet(w)
		} else {
			t, err = report.NewCSV(w, rune(*s.flags.sep))
		}
		if err == nil {
			err = t.Row(header...)
		}
		if err == nil {
			err = rows(t.Row)
		}
		return errors.Join(err, t.Close())
	})
}

func writeFile(out *newFiles, name string, write func(io.Writer) error) (err error) {
	f, err := out.create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := write(f); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
