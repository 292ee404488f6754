package report

import (
	"fmt"
	"iter"
	"strconv"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

var leftoverColumns = []string{"source", "size", "reason", "detail", "place"}

// NotIncluded writes not-included.csv: what the manifest leaves behind. After an
// error there is no such file. It may be called once, at any time before Close.
func (w *Writer) NotIncluded(leftovers iter.Seq2[manifest.Leftover, error]) error {
	t, err := newTable(w.dir, NotIncludedFile, w.evidence.separator(), leftoverColumns)
	if err != nil {
		return fmt.Errorf("%s: %w", NotIncludedFile, err)
	}
	for l, err := range leftovers {
		if err != nil {
			t.out.abandon()
			return err
		}
		size := strconv.FormatInt(l.Size, 10)
		if l.Reason == manifest.LeftNoFile || l.Reason == manifest.LeftUnlisted {
			size = ""
		}
		t.write([]string{l.Source, size, l.Reason, l.Detail, l.Pos.String()})
	}
	if err := t.commit(); err != nil {
		return fmt.Errorf("%s: %w", NotIncludedFile, err)
	}
	return nil
}
