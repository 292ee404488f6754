package view

import "github.com/showpad-migrate/migrate/pkg/manifest"

// someLeftovers is how many of each reason are kept as samples; the evidence of a
// run has all of them.
const someLeftovers = 5

// Leftovers sums up what a manifest leaves behind. The zero value is ready.
type Leftovers struct {
	Files   int                 `json:"files"`             // under the roots, that no item uses
	Bytes   int64               `json:"bytes"`             // of them
	Rows    int                 `json:"rows"`              // of joined tables, about no file
	Folders int                 `json:"folders,omitempty"` // that could not be listed
	Reasons map[string]int      `json:"reasons,omitempty"`
	Samples []manifest.Leftover `json:"samples,omitempty"` // the first few of each reason
}

// Add counts l.
func (l *Leftovers) Add(o manifest.Leftover) {
	if l.Reasons == nil {
		l.Reasons = map[string]int{}
	}
	l.Reasons[o.Reason]++
	switch o.Reason {
	case manifest.LeftNoFile:
		l.Rows++
	case manifest.LeftUnlisted:
		l.Folders++
	default:
		l.Files++
		l.Bytes += o.Size
	}
	if l.Reasons[o.Reason] <= someLeftovers {
		l.Samples = append(l.Samples, o)
	}
}

// leftoverText is what people read of a reason.
var leftoverText = map[string]string{
	manifest.LeftNoItem:    "no row names them and no pattern takes them",
	manifest.LeftMoved:     "moved? these may be files of items whose own are not there any more; correct the path of the item",
	manifest.LeftExcluded:  "excluded by a pattern",
	manifest.LeftHidden:    "hidden",
	manifest.LeftTemporary: "temporary, made by programs for themselves",
	manifest.LeftNew:       "new since the patterns were filled in",
	manifest.LeftUnlisted:  "folders that cannot be listed",
	manifest.LeftNoFile:    "rows without a file",
}

func (l *Leftovers) text(out *printer) {
	if l == nil || len(l.Reasons) == 0 {
		return
	}
	out.line("")
	out.line("Not included (%s):", l.counts())
	for _, reason := range manifest.LeftReasons() {
		n := l.Reasons[reason]
		if n == 0 {
			continue
		}
		out.line("  %s (%s)", leftoverText[reason], Count(n))
		for _, o := range l.Samples {
			if o.Reason == reason {
				out.line("    %s", Clean(leftoverLine(o)))
			}
		}
		if n > someLeftovers {
			out.line("    ... and %s more (the evidence of a run lists all)", Count(n-someLeftovers))
		}
	}
}

// counts says how much it is: "3 files, 12 kB, 1 row".
func (l *Leftovers) counts() string {
	return list(some(l.Files, "file", "files"), either(l.Files > 0, Bytes(l.Bytes), ""), some(l.Folders, "folder", "folders"), some(l.Rows, "row", "rows"))
}

func leftoverLine(o manifest.Leftover) string {
	switch o.Reason {
	case manifest.LeftNoFile:
		return o.Pos.String() + ": " + either(o.Source != "", o.Source, "the row names no file")
	case manifest.LeftMoved:
		return o.Source + "  " + Bytes(o.Size) + "  " + o.Detail
	case manifest.LeftExcluded:
		return o.Source + "  " + Bytes(o.Size) + "  by " + o.Detail
	case manifest.LeftUnlisted:
		return o.Source + ": " + o.Detail
	}
	return o.Source + "  " + Bytes(o.Size)
}
