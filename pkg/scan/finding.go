package scan

import (
	"context"
	"iter"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// Finding is something about one file that people should know.
type Finding struct {
	Kind   string `json:"kind"` // one of the constants below
	Path   string `json:"path"` // below the root
	Size   int64  `json:"size"` // bytes; 0 for folders; below 0: not known
	Detail string `json:"detail,omitempty"`
	// Exclude says that a pattern should leave the file out, although it could move.
	Exclude bool `json:"exclude,omitempty"`
}

// Kinds of findings. They are stable: scripts match on them. The first ones leave
// a file out of the inventory.
const (
	Temporary  = manifest.LeftTemporary // made by a program for itself
	Hidden     = manifest.LeftHidden    // its name, or that of a folder on the way, begins with a dot
	Empty      = "empty"                // holds nothing
	TooBig     = "too-big"              // more than storage takes at once
	WebPage    = "web-page"             // HTML under another name: a download that went wrong
	OddName    = "odd-name"             // a path that a table cannot write
	Unreadable = "unreadable"           // cannot be opened
	Unlisted   = manifest.LeftUnlisted  // a folder whose files nobody can tell

	Big         = "big"          // takes long
	Protected   = "protected"    // opens with a password only
	Shortcut    = "shortcut"     // leads to content elsewhere
	UnknownType = "unknown-type" // nobody says what Showpad makes of it
	LongName    = "long-name"    // the asset's name is shortened
	Lookalike   = "lookalike"    // differs from another one in capitals or accents only
	Online      = "online-only"  // its bytes have to be downloaded
	Duplicate   = "duplicate"    // the same bytes as another one
)

// kinds are all kinds in the order in which they are shown.
var kinds = []string{TooBig, WebPage, Empty, OddName, Unreadable, Unlisted, Temporary, Hidden,
	Protected, Big, Shortcut, UnknownType, LongName, Lookalike, Online, Duplicate}

const leavesOut = 8 // so many of kinds leave a file out

// LeavesOut reports whether files with a finding of this kind are not in the
// inventory.
func LeavesOut(kind string) bool { return slices.Index(kinds, kind) < leavesOut }

// Findings are all findings, file by file in the order of their paths.
func (inv *Inventory) Findings(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		for e, err := range inv.files.all() {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				yield(Finding{}, err)
				return
			}
			notes := e.Notes
			if n, ok := inv.lookalikes[e.Row]; ok {
				notes = append(notes, n)
			}
			if first := inv.copyOf(e); first != "" {
				notes = append(notes, note{Kind: Duplicate, Detail: "the same bytes as " + first})
			}
			for _, n := range notes {
				if !yield(Finding{Kind: n.Kind, Path: e.Path, Size: e.Size, Detail: n.Detail, Exclude: n.Exclude}, nil) {
					return
				}
			}
		}
	}
}
