package view

import (
	"io"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// WhyText writes the story of one item for people. Last is what the last run
// said of it when it left it alone; nil: it did not.
func WhyText(w io.Writer, externalID string, s pipeline.Story, last *pipeline.Result) error {
	out := &printer{w: w}
	for _, x := range s.Extras {
		extraStory(out, x)
	}
	if s.Record == nil && len(s.Extras) > 0 {
		return out.err
	}
	if s.Record == nil {
		out.line("%s: no run has begun it", Clean(externalID))
	} else {
		r := s.Record
		out.line("%s: %s %s", Clean(externalID), r.Op, r.Status)
		detail := func(name, value string) {
			if value != "" {
				out.line("  %-9s %s", name, Clean(value))
			}
		}
		detail("asset", r.AssetID)
		detail("version", r.FileID)
		detail("source", r.Source)
		if r.MD5 != "" {
			detail("bytes", Bytes(r.Size)+", MD5 "+r.MD5)
		}
		detail("manifest", r.Owner)
		detail("run", r.Run)
		if r.Error != nil {
			detail("error", r.Error.Code+": "+r.Error.Message)
		}
		for _, code := range r.Warnings {
			detail("warning", code)
		}
	}
	if len(s.Events) > 0 {
		out.line("story:")
	}
	for _, e := range s.Events {
		out.line("  %s  %-11s %s", e.Time.Local().Format(time.DateTime), e.Status, Clean(e.Text))
	}
	if last != nil {
		out.line("last run: %s (%s)", resultLine(*last), Clean(last.Run))
		if strings.HasPrefix(last.Reason, "stale-") {
			out.line("next: Plan again: that plan will not carry it out any more. A run without it decides anew; migrate help %s says more.", Clean(last.Reason))
			return out.err
		}
		if last.Reason != "" {
			out.line("next: The next run looks again, and leaves it alone while this is so; migrate help %s says more.", Clean(last.Reason))
			return out.err
		}
	}
	if s.Next != "" {
		out.line("next: %s", Clean(s.Next))
	}
	return out.err
}

// extraStory writes what is known of an extra.
func extraStory(out *printer, x pipeline.ExtraStory) {
	e := x.Record
	out.line("%s: %s", extraName(x.Kind, e.Key), e.Status)
	for _, d := range [][2]string{{"id", e.ID}, {"ticket", e.Ticket}, {"manifest", e.Owner}, {"run", e.Run}} {
		if d[1] != "" {
			out.line("  %-9s %s", d[0], Clean(d[1]))
		}
	}
	out.line("  %-9s %s", "written", e.Updated.Local().Format(time.DateTime))
	if e.Error != nil {
		out.line("  %-9s %s: %s", "error", Clean(e.Error.Code), Clean(e.Error.Message))
	}
	out.line("next: %s", Clean(x.Next))
}

// WhyJSON writes the story as one document.
func WhyJSON(w io.Writer, externalID string, s pipeline.Story, last *pipeline.Result) error {
	events := s.Events
	if events == nil {
		events = []state.Event{}
	}
	return WriteJSON(w, struct {
		Version    int              `json:"version"`
		Type       string           `json:"type"`
		ExternalID string           `json:"externalId"`
		Record     *state.Record    `json:"record"` // null: no run has begun it
		Events     []state.Event    `json:"events"`
		LeftAlone  *pipeline.Result `json:"leftAlone,omitempty"` // what the last run said, when it left it alone
		Next       string           `json:"next"`
		// Extras are what has this key beside the items.
		Extras []pipeline.ExtraStory `json:"extras,omitempty"`
	}{1, "why", externalID, s.Record, events, last, s.Next, s.Extras})
}
