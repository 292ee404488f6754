package view

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// Verify shows differences as they are found and the totals at the end. Both
// forms are lines; the JSON form is one event a line.
type Verify struct {
	Out  io.Writer
	JSON bool
}

// Add shows a difference.
func (v Verify) Add(d pipeline.Difference) error {
	if v.JSON {
		return WriteJSON(v.Out, struct {
			Type       string          `json:"type"`
			ExternalID string          `json:"externalId"`
			AssetID    string          `json:"assetId,omitempty"`
			Kind       string          `json:"kind"`
			Field      string          `json:"field,omitempty"`
			Want       json.RawMessage `json:"want,omitempty"`
			Got        json.RawMessage `json:"got,omitempty"`
			Text       string          `json:"text,omitempty"`
		}{"difference", d.ExternalID, d.AssetID, d.Kind, d.Field, d.Want, d.Got, d.Text})
	}
	out := &printer{w: v.Out}
	text := Clean(d.ExternalID)
	switch {
	case d.Field != "": // the text has the same values in full
		text += fmt.Sprintf(": %s is %s, wanted %s", Clean(d.Field), short(d.Got), short(d.Want))
	case d.Text != "":
		text += fmt.Sprintf(": %s (%s)", Clean(d.Kind), Clean(d.Text))
	default:
		text += ": " + Clean(d.Kind)
	}
	out.line("%s", text)
	return out.err
}

// End shows the totals.
func (v Verify) End(s pipeline.VerifySummary) error {
	if v.JSON {
		return WriteJSON(v.Out, struct {
			Type       string `json:"type"`
			Version    int    `json:"version"`
			Items      int    `json:"items"`
			OK         int    `json:"ok"`
			Different  int    `json:"different"`
			Missing    int    `json:"missing"`
			Unfinished int    `json:"unfinished"`
		}{"verified", 1, s.Items, s.OK, s.Different, s.Missing, s.Unfinished})
	}
	out := &printer{w: v.Out}
	text := fmt.Sprintf("%s of %s as wanted", Count(s.OK), Plural(s.Items, "item", "items"))
	if rest := list(some(s.Different, "different", "different"), some(s.Missing, "missing", "missing"), some(s.Unfinished, "unfinished", "unfinished")); rest != "" {
		text += "; " + rest
	}
	out.line("%s", text)
	return out.err
}
