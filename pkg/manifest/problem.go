package manifest

import (
	"fmt"
	"strings"
)

// Class says what a [Problem] does to a run.
type Class int

const (
	// Stop keeps the whole run from starting: exit code 2, no request sent.
	Stop Class = iota
	// Block keeps one item from running; the others run, exit code 3.
	Block
	// Warn is said and changes nothing.
	Warn
)

func (c Class) String() string {
	switch c {
	case Stop:
		return "error"
	case Block:
		return "blocked"
	default:
		return "warning"
	}
}

// MarshalText writes the class as in [Class.String].
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Pos is a place in a file that a person wrote. In a table Line is the row as
// spreadsheets count (from 1, with empty rows, not with line breaks inside cells;
// of NDJSON the line) and Column counts cells from 1; in YAML Column counts characters from 1. Zero means unknown.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Problem is one thing wrong with a manifest: where, what, and how to fix it.
type Problem struct {
	Pos        Pos    `json:"pos"`
	Code       string `json:"code"` // stable: M012; see codes.go
	Class      Class  `json:"class"`
	What       string `json:"what"`
	Fix        string `json:"fix,omitempty"`        // something that the reader can do
	ExternalID string `json:"externalId,omitempty"` // of the item, when known
	Also       *Pos   `json:"also,omitempty"`       // the other place of a duplicate
}

// String is the line that people see:
//
//	campaign.yaml:14:5: M012: unknown key "tagz" (did you mean "tags"?)
func (p Problem) String() string {
	var b strings.Builder
	if p.Pos != (Pos{}) {
		fmt.Fprintf(&b, "%s: ", p.Pos)
	}
	fmt.Fprintf(&b, "%s: %s", p.Code, p.What)
	if p.Also != nil {
		fmt.Fprintf(&b, ", also at %s", *p.Also)
	}
	if p.Fix != "" {
		fmt.Fprintf(&b, " (%s)", p.Fix)
	}
	return b.String()
}

// Problems is an error that holds at least one problem of class [Stop].
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
