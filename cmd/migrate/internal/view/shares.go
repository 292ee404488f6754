package view

import (
	"io"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// share is what is shown of a share: all but its links.
type share struct {
	Key       string             `json:"key"`
	Manifest  string             `json:"manifest"` // id
	Status    state.ExtraStatus  `json:"status"`
	ID        string             `json:"id,omitempty"`
	Data      pipeline.ShareData `json:"share"`
	Run       string             `json:"run,omitempty"`
	Error     *state.Failure     `json:"error,omitempty"`
	WrittenAt time.Time          `json:"writtenAt"`
}

func sharesOf(all []state.Extra) ([]share, error) {
	out := make([]share, len(all))
	for i := range all {
		e := &all[i]
		data, _, err := pipeline.ReadShare(e)
		if err != nil {
			return nil, err
		}
		out[i] = share{e.Key, e.Owner, e.Status, e.ID, data, e.Run, e.Error, e.Updated}
	}
	return out, nil
}

// SharesText lists shares for people, without their links.
func SharesText(w io.Writer, all []state.Extra) error {
	shares, err := sharesOf(all)
	if err != nil {
		return err
	}
	out := &printer{w: w}
	if len(shares) == 0 {
		out.line("no shares")
	}
	for _, s := range shares {
		until := "never expires"
		if !s.Data.ExpiresAt.IsZero() {
			until = "until " + s.Data.ExpiresAt.UTC().Format(time.RFC3339)
		}
		out.line("%-8s %s  %s  %s  %s", s.Status, Clean(s.Key), Clean(s.Data.Name), until, Clean(strings.Join(s.Data.Assets, " ")))
		if s.Error != nil {
			out.line("         %s: %s", Clean(s.Error.Code), Clean(s.Error.Message))
		}
	}
	return out.err
}

// SharesJSON lists shares as one document, without their links.
func SharesJSON(w io.Writer, all []state.Extra) error {
	shares, err := sharesOf(all)
	if err != nil {
		return err
	}
	return WriteJSON(w, struct {
		Version int     `json:"version"`
		Type    string  `json:"type"`
		Shares  []share `json:"shares"`
	}{1, "shares", shares})
}
