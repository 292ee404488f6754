package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// Status is where a manifest stands.
type Status struct {
	Version int          `json:"version"` // 1
	Type    string       `json:"type"`    // "status"
	State   string       `json:"state"`   // path of the state
	Tenant  string       `json:"tenant,omitempty"`
	Counts  state.Counts `json:"counts"`
	// Extras counts what the manifests make beside their items, by kind and status.
	Extras   map[state.ExtraKind]map[state.ExtraStatus]int `json:"extras,omitempty"`
	Runs     []state.Run                                   `json:"runs"` // the last ones, oldest first
	Holder   *Holder                                       `json:"holder,omitempty"`
	Progress json.RawMessage                               `json:"progress,omitempty"` // of the run that goes on: a [Snapshot]
	Sandbox  bool                                          `json:"-"`                  // the sandbox beside it has a state of its own
}

// Holder is the run that has the state open.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Start time.Time `json:"start"`
}

// statusOrder is the order in which statuses are shown.
var statusOrder = []state.Status{state.Done, state.Failed, state.Registering, state.Registered, state.Sending, state.Sent, state.Processing}

// Text writes the status for people.
func (s Status) Text(w io.Writer) error {
	out := &printer{w: w}
	if s.Counts.Total == 0 && len(s.Runs) == 0 && s.Holder == nil {
		out.line("%s: nothing yet%s", Clean(s.State), either(s.Sandbox, "; --sandbox shows what the sandbox has", ""))
		return out.err
	}
	out.line("%s%s: %s", Clean(s.State), either(s.Tenant == "", "", " ("+Clean(tenantName(s.Tenant))+")"), Plural(s.Counts.Total, "item", "items"))
	for _, st := range statusOrder {
		if n := s.Counts.ByStatus[st]; n > 0 {
			out.line("  %-12s %s", st, Count(n))
		}
	}
	if n := s.Counts.ByOp[state.Archive]; n > 0 {
		out.line("  %-12s %s (by a rollback or by pruning)", "in the trash", Count(n))
	}
	if n := s.Counts.ByOp[state.Delete]; n > 0 {
		out.line("  %-12s %s (by a rollback or by pruning)", "deleted", Count(n))
	}
	if n := s.Counts.ByStatus[state.Pending]; n > 0 {
		out.line("  %-12s %s (found by a rebuild or bound by hand: the next run compares those that its manifest lists)", "unconfirmed", Count(n))
	}
	for _, w := range extraWords {
		total, counts := 0, []string{}
		for _, st := range state.ExtraStatuses() {
			if n := s.Extras[w.kind][st]; n > 0 {
				total += n
				counts = append(counts, Count(n)+" "+string(st))
			}
		}
		if total > 0 {
			out.line("%s: %s", Plural(total, w.one, w.many), strings.Join(counts, ", "))
		}
	}
	if len(s.Runs) > 0 {
		out.line("runs:")
	}
	for _, r := range s.Runs {
		out.line("  %s", runLine(r, s.Holder))
	}
	if s.Holder != nil {
		out.line("in use by process %d on %s since %s", s.Holder.PID, Clean(s.Holder.Host), s.Holder.Start.Local().Format(time.DateTime))
		var snap Snapshot
		if len(s.Progress) > 0 && json.Unmarshal(s.Progress, &snap) == nil && snap.Items > 0 {
			out.line("  %s", Clean(snap.Line()))
		}
	}
	return out.err
}

// tenantName is a state's tenant for people: without its class, which is in
// front when it is not a real one ("loopback:acme").
func tenantName(tenant string) string {
	if _, name, classed := strings.Cut(tenant, ":"); classed {
		return name
	}
	return tenant
}

func runLine(r state.Run, h *Holder) string {
	text := Clean(r.ID) + "  "
	switch {
	case !r.End.IsZero():
		text += fmt.Sprintf("exit %d after %s", r.Code, Duration(r.End.Sub(r.Start)))
	case h != nil && !r.Start.Before(h.Start.Add(-time.Minute)):
		text += "under way"
	default:
		text += "ended from outside; run again to continue"
	}
	if r.Outcome != "" {
		text += "  " + Clean(r.Outcome)
	}
	if r.Dir != "" {
		text += "  " + Clean(r.Dir)
	}
	return text
}

// JSON writes the status as one document.
func (s Status) JSON(w io.Writer) error {
	s.Version, s.Type = 1, "status"
	if s.Runs == nil {
		s.Runs = []state.Run{}
	}
	return WriteJSON(w, s)
}
