package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// SavedExtra is the row of an extra in a saved plan.
type SavedExtra struct {
	ExtraRow
	Basis ExtraBasis `json:"basis"`

	met bool
}

// ExtraBasis is what the decision of an extra's row depended on.
type ExtraBasis struct {
	Wanted string `json:"wanted,omitempty"` // digest of what the manifest wants
	State  string `json:"state,omitempty"`  // digest of the record; "" when there was none
	Text   string `json:"text,omitempty"`   // its status, for people
	// NewTags are the names of tags that the row would make.
	NewTags []string `json:"newTags,omitempty"`
}

// savedExtra is how a saved plan has w.
func savedExtra(w *extraWork) SavedExtra {
	s := SavedExtra{ExtraRow: w.Row, Basis: ExtraBasis{Wanted: cmp.Or(w.basis, w.wanted), NewTags: w.newTags}}
	if w.rec != nil {
		s.Basis.State, s.Basis.Text = extraDigest(w.rec), string(w.rec.Status)
	}
	return s
}

// extraDigest is of all that decides. Who wrote the record and when does not.
func extraDigest(e *state.Extra) string {
	c := *e
	c.Run, c.Updated, c.Secret = "", time.Time{}, nil
	if c.Status == state.ExtraSending { // a process that ended left it so
		c.Status = state.ExtraUnknown
	}
	c.Error = nil
	raw, err := json.Marshal(&c)
	if err != nil {
		raw = nil // a record that was read can be written
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// extra is the saved row of an extra; nil when there is none.
func (p *SavedPlan) extra(kind state.ExtraKind, key string) *SavedExtra {
	i := slices.IndexFunc(p.Extras, func(s *SavedExtra) bool { return s.Kind == kind && s.Key == key })
	if i < 0 {
		return nil
	}
	p.Extras[i].met = true
	return p.Extras[i]
}

// compareExtra refuses w unless it is decided as it was planned.
func (c *carried) compareExtra(w *extraWork) {
	was := c.extra(w.Row.Kind, w.Row.Key)
	if was == nil {
		if w.Row.Action != ActionUnchanged {
			w.block(StaleItem, "the plan has no row for it"+planAgain)
		}
		return
	}
	now := savedExtra(w)
	own := w.rec != nil && c.ours[w.rec.Run]
	quiet := w.Row.Action == ActionUnchanged || w.Row.Action == ActionConflict || w.Row.Action == ActionBlocked // nothing is written
	switch {
	case was.Basis.Wanted != now.Basis.Wanted:
		w.block(StaleItem, "the manifest says something else than when this was planned"+planAgain)
	case own && (quiet || w.Row.Action == ActionResume): // the plan on its way
	case !own && was.Basis.State != now.Basis.State:
		w.block(StaleState, fmt.Sprintf("the state has another record than when this was planned: it was %s and is %s%s", orNone(was.Basis.Text), orNone(now.Basis.Text), planAgain))
	case quiet && was.Action == w.Row.Action:
	case w.waits: // nothing is written
	case was.Action != w.Row.Action || was.Reason != w.Row.Reason && !own:
		w.block(StaleDecision, fmt.Sprintf("%s (%s) was planned, and it would be %s (%s)%s", was.Action, was.Reason, w.Row.Action, w.Row.Reason, planAgain))
	case w.Row.Writes > was.Writes || w.Row.Puts > was.Puts || !own && !slices.EqualFunc(was.Diff, w.Row.Diff, sameDiff) || own && !someOf(w.Row.Diff, was.Diff):
		w.block(StaleDecision, fmt.Sprintf("%d writes and %d uploads were planned, and it would be %d and %d%s", was.Writes, was.Puts, w.Row.Writes, w.Row.Puts, planAgain))
	}
}

// someOf reports whether no field of rest is beyond those of all: what is left of a row
// that was begun.
func someOf(rest, all []FieldDiff) bool {
	return !slices.ContainsFunc(rest, func(d FieldDiff) bool {
		return !slices.ContainsFunc(all, func(was FieldDiff) bool { return was.Field == d.Field })
	})
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
