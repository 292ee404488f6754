package table

import (
	"iter"
	"slices"
)

// excelBlock is how many rows Excel writes at a time: where the last cells of all
// rows of a block are empty, it leaves their separators out, so that these rows
// have fewer cells than the others. Source: support.microsoft.com, "Column
// delimiters are missing in an Excel spreadsheet that is saved as text".
const excelBlock = 16

// completed completes the rows of a text that Excel cut short: those of a whole
// block that have all the same number of cells, less than the first row of the
// table. A row that is short alone lost a separator, or its end, and stays as it
// is.
func completed(rows iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		width, block, cells := 0, -1, 0 // cells: of each row in held
		var held []Row
		agreed := func() bool { return len(held) > 1 }
		release := func(fill bool) bool {
			for _, r := range held {
				for fill && len(r.Cells) < width {
					r.Cells = append(r.Cells, "")
				}
				if !yield(r, nil) {
					return false
				}
			}
			held = held[:0]
			return true
		}
		for row, err := range rows {
			b := (row.Line - 1) / excelBlock
			if err == nil && b == block && len(held) > 0 {
				if len(row.Cells) == cells {
					held = append(held, clone(row))
					continue
				}
				if !release(false) {
					return
				}
			} else if len(held) > 0 && !release(err == nil && agreed()) {
				return
			}
			switch {
			case err != nil:
			case width == 0:
				width = len(row.Cells)
			case b != block && len(row.Cells) < width: // the first row of a block
				block, cells = b, len(row.Cells)
				held = append(held, clone(row))
				continue
			}
			if err == nil {
				block = b
			}
			if !yield(row, err) {
				return
			}
		}
		release(agreed())
	}
}

func clone(r Row) Row {
	r.Cells = slices.Clone(r.Cells)
	return r
}

// blank reports whether nothing stands in the row.
func blank(r Row) bool {
	return r.Wrong == nil && !slices.ContainsFunc(r.Cells, func(s string) bool { return s != "" })
}
