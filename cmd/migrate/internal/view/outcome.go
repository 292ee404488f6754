package view

import (
	"fmt"
	"io"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// Ending is what is said when a run is over.
type Ending struct {
	Outcome  pipeline.Outcome
	Evidence string // folder; "" when there is none
	Sums     string // SHA-256 of its SHA256SUMS
	Problems []pipeline.Result
	More     int    // problems beyond those listed
	Again    string // the command that continues; "" when nothing is left
	Columns  int    // of the screen that long lines are folded for; 0 for none
}

// Text writes it for people: what was done, what failed, where the proof is.
func (e Ending) Text(w io.Writer) error {
	out := &printer{w: w}
	folded := &printer{w: Fold(w, e.Columns)}
	for _, r := range e.Problems {
		folded.line("%s", resultLine(r))
	}
	out.err = folded.err
	if e.More > 0 {
		out.line("... and %s more, see failures.csv", Count(e.More))
	}
	o := e.Outcome
	requests := 0
	for _, n := range o.Requests {
		requests += n
	}
	out.line("%s", Clean(o.Sentence))
	for _, line := range pruning(o.Plan.Prune, true) {
		out.line("%s", line)
	}
	if o.TagsDeleted > 0 {
		out.line("%s deleted", Plural(o.TagsDeleted, "tag", "tags"))
	}
	out.line("%s, %s (%s), %s", Plural(requests, "request", "requests"), Plural(o.Puts, "upload", "uploads"), Bytes(o.Bytes), Duration(o.End.Sub(o.Start)))
	if o.Limit != nil {
		out.line("%s", Clean(o.Limit.Sentence))
	}
	if e.Evidence != "" {
		out.line("evidence: %s", Clean(e.Evidence))
	}
	if e.Sums != "" {
		out.line("SHA256SUMS: %s", e.Sums)
	}
	if e.Again != "" {
		out.line("to continue: %s", Clean(e.Again))
	}
	return out.err
}

func resultLine(r pipeline.Result) string {
	name := Clean(r.ExternalID)
	if r.Kind != "" {
		name = extraName(r.Kind, r.Key)
	}
	text := fmt.Sprintf("%s %s", Clean(r.Status), name)
	switch {
	case r.Error != nil:
		text += fmt.Sprintf(" (%s): %s", Clean(r.Error.Code), Clean(r.Error.Message))
	case r.Reason != "":
		text += fmt.Sprintf(" (%s)", Clean(r.Reason))
	}
	return text
}
