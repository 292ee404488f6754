package manifest

import "time"

// Leftover is something that a manifest leaves behind: a file under one of its
// roots that no item uses, or a row of a joined table that is about no file.
type Leftover struct {
	Reason string `json:"reason"`           // one of the constants below
	Source string `json:"source"`           // the file's address, as Location.String; of a row, that of the file it would be about
	Size   int64  `json:"size"`             // bytes; 0 for rows and folders
	Detail string `json:"detail,omitempty"` // the pattern that excludes it; whose file it may be; why a folder cannot be listed
	Pos    Pos    `json:"pos,omitzero"`     // of the row, or of the include whose pattern is meant

	// Of a file, what its place tells; of the rest zero.
	Location Location  `json:"-"`
	ModTime  time.Time `json:"-"` // zero: not known
	Offline  bool      `json:"-"` // the bytes are not on this machine
}

// Reasons of leftovers. They are stable: scripts match on them.
const (
	LeftNoItem    = "no-item"   // no row names it and no pattern takes it
	LeftMoved     = "moved"     // likewise, and it may be the file of an item whose own is not there any more
	LeftExcluded  = "excluded"  // by a pattern under exclude:
	LeftHidden    = "hidden"    // its name, or that of a folder on the way, begins with a dot
	LeftTemporary = "temporary" // made by a program for itself: ~$deck.pptx, Thumbs.db, *.tmp
	LeftNew       = "new"       // a pattern takes it, but it was not there when the patterns were filled in
	LeftUnlisted  = "unlisted"  // a folder whose files nobody can tell
	LeftNoFile    = "no-file"   // a row of a joined table
)

// LeftReasons are all reasons, in the order in which they are shown.
func LeftReasons() []string {
	return []string{LeftMoved, LeftNoItem, LeftExcluded, LeftHidden, LeftTemporary, LeftNew, LeftUnlisted, LeftNoFile}
}
