package expand

import (
	"fmt"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// idWatch looks at the external IDs of one table for what a spreadsheet makes of
// numbers: it drops leading zeros, and rounds what has more than 15 digits. No
// single ID shows it.
type idWatch struct {
	numbers    int                              // IDs of digits alone
	length     [longNumber + 1]int              // of them, by length
	zeros      [longNumber + 1]int              // those of them that begin with a zero
	plain      [longNumber + 1]manifest.IDPlace // the first of each length that does not
	long       int                              // with more digits than a spreadsheet keeps
	rounded    int                              // of these, with zeros after them
	roundedAt  manifest.IDPlace
	zeroSample [longNumber + 1]string
}

const (
	longNumber = 40 // digits of the longest number that is looked at
	keptDigits = 15 // of a number in a spreadsheet
)

func (w *idWatch) add(id string, pos manifest.Pos) {
	n := len(id)
	if n == 0 || n > longNumber || strings.Trim(id, "0123456789") != "" {
		return
	}
	w.numbers++
	w.length[n]++
	switch {
	case id[0] == '0' && n > 1:
		if w.zeros[n]++; w.zeros[n] == 1 {
			w.zeroSample[n] = id
		}
	case w.plain[n].ExternalID == "":
		w.plain[n] = manifest.IDPlace{ExternalID: id, Pos: pos}
	}
	if n <= keptDigits {
		return
	}
	w.long++
	if strings.Trim(id[keptDigits:], "0") == "" {
		if w.rounded++; w.rounded == 1 {
			w.roundedAt = manifest.IDPlace{ExternalID: id, Pos: pos}
		}
	}
}

// conclude tells what all IDs together show.
func (w *idWatch) conclude(note func(manifest.Problem)) {
	if w.long > 0 && w.rounded == w.long {
		what := fmt.Sprintf("externalId %q ends in zeros after its 15th digit", w.roundedAt.ExternalID)
		if w.rounded > 1 {
			what = fmt.Sprintf("all %d external IDs of more than 15 digits end in zeros after the 15th, such as %q", w.rounded, w.roundedAt.ExternalID)
		}
		p := manifest.NewProblem(manifest.CodeMangledID, w.roundedAt.Pos, what+": a spreadsheet keeps no more digits of a number", "format the column as text and export again")
		p.ExternalID = w.roundedAt.ExternalID
		note(p)
	}
	usual, sample := w.usual()
	if usual == 0 {
		return
	}
	short, first := 0, manifest.IDPlace{}
	for n := 1; n < usual; n++ {
		if k := w.length[n] - w.zeros[n]; k > 0 {
			short += k
			if first.ExternalID == "" || w.plain[n].Pos.Line < first.Pos.Line {
				first = w.plain[n]
			}
		}
	}
	if short == 0 {
		return
	}
	what := fmt.Sprintf("externalId %q is shorter than others, such as %q", first.ExternalID, sample)
	if short > 1 {
		what = fmt.Sprintf("%d external IDs are shorter than others, such as %q beside %q", short, first.ExternalID, sample)
	}
	p := manifest.NewProblem(manifest.CodeLostZeros, first.Pos, what+": a spreadsheet may have dropped their leading zeros", "format the column as text, restore the zeros and export again")
	p.ExternalID = first.ExternalID
	note(p)
}

// usual is the length that the numbers of the table should have, with one of
// them; 0: there is none. It is the one of those with leading zeros, if they
// agree; else that of nearly all, if they are too long to have been counted up
// from one.
func (w *idWatch) usual() (length int, sample string) {
	most := 0
	for n := range w.length {
		if w.zeros[n] > 0 {
			if length > 0 {
				return 0, ""
			}
			length, sample = n, w.zeroSample[n]
		}
		if w.length[n] > w.length[most] {
			most = n
		}
	}
	if length > 0 {
		return length, sample
	}
	const tooLong = 8
	if most >= tooLong && w.numbers >= 10 && w.length[most]*5 >= w.numbers*4 {
		return most, w.plain[most].ExternalID
	}
	return 0, ""
}
