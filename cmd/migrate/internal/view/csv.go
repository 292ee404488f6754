package view

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/report"
)

// newTable begins a table: BOM, CRLF, cells that a spreadsheet would take for
// formulas neutralised as in the evidence. The caller flushes it.
func newTable(w io.Writer, separator rune) (out *csv.Writer, write func(cells ...string) error, err error) {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return nil, nil, err
	}
	out = csv.NewWriter(w)
	out.Comma, out.UseCRLF = separator, true
	return out, func(cells ...string) error {
		for i, c := range cells {
			cells[i] = report.Neutralise(c)
		}
		return out.Write(cells)
	}, nil
}

// CSV writes the rows as a table; those of extras come last, with their kind and key.
func (p *Plan) CSV(w io.Writer, separator rune) error {
	out, write, err := newTable(w, separator)
	if err != nil {
		return err
	}
	if err := write("externalId", "action", "reason", "detail", "name", "source", "division", "assetId", "size", "md5", "writes", "puts", "undo", "differences", "problems", "place", "kind", "key"); err != nil {
		return err
	}
	err = p.spool.each(func(row pipeline.Row) error {
		var diffs, problems []string
		for _, d := range row.Diff {
			diffs = append(diffs, fmt.Sprintf("%s: %s -> %s", d.Field, text(d.Remote), text(d.Wanted)))
		}
		for _, pr := range row.Problems {
			problems = append(problems, pr.String())
		}
		return write(row.ExternalID, string(row.Action), row.Reason, row.Detail, row.Name, row.Source, row.Division, row.AssetID,
			strconv.FormatInt(row.Size, 10), row.MD5, strconv.Itoa(row.Writes), strconv.Itoa(row.Puts), string(row.Undo),
			strings.Join(diffs, "; "), strings.Join(problems, "; "), row.Pos.String(), "", "")
	})
	if err != nil {
		return err
	}
	for _, row := range p.extras {
		problems := make([]string, len(row.Problems))
		for i, pr := range row.Problems {
			problems[i] = pr.String()
		}
		err := write("", string(row.Action), row.Reason, row.Detail, row.Name, row.Source, row.Division, "",
			strconv.FormatInt(row.Size, 10), "", strconv.Itoa(row.Writes), strconv.Itoa(row.Puts), string(row.Undo),
			"", strings.Join(problems, "; "), row.Pos.String(), string(row.Kind), row.Key)
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func text(v []byte) string {
	if len(v) == 0 {
		return "not set"
	}
	return string(v)
}
