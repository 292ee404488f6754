package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Extras are what a manifest makes beside its items: tag categories, personal
// files and shares. They stand in the header, are few, and have a key instead of
// an external ID. A plan decides them after its items, a run in phases of their
// own: tag categories before the items, My Files and shares after them.

// ExtraRow is the line of a plan for one extra.
type ExtraRow struct {
	Kind   state.ExtraKind `json:"kind"`
	Key    string          `json:"key"`
	Action Action          `json:"action"`
	Reason string          `json:"reason"`           // code, see reasons.go
	Detail string          `json:"detail,omitempty"` // one sentence for people, with the way on where one is needed
	Pos    manifest.Pos    `json:"pos"`
	Name   string          `json:"name,omitempty"` // title of a share, file name, name of a category
	// Division is as the manifest has it; "" for what belongs to none.
	Division string `json:"division,omitempty"`
	Source   string `json:"source,omitempty"` // file
	User     string `json:"user,omitempty"`   // whose it is; "" for nobody's
	ID       string `json:"id,omitempty"`     // at the service, when known
	Assets   int    `json:"assets,omitempty"` // of a share
	// ExpiresAt is when a share ends, and NeverExpires that it does not.
	ExpiresAt    time.Time `json:"expiresAt,omitzero"`
	NeverExpires bool      `json:"neverExpires,omitempty"`
	// IsDownloadAllowed: who has the link of a share may keep copies.
	IsDownloadAllowed bool               `json:"isDownloadAllowed,omitempty"`
	Diff              []FieldDiff        `json:"diff,omitempty"`
	Size              int64              `json:"size,omitempty"` // bytes
	Writes            int                `json:"writes"`         // API writes
	Puts              int                `json:"puts"`           // uploads
	Undo              Undo               `json:"undo"`
	Problems          []manifest.Problem `json:"problems,omitempty"`
}

// extras is one kind of extras of one manifest, for one plan or run.
type extras interface {
	kind() state.ExtraKind
	// list is what the manifest wants, in its order, with what it alone tells: key,
	// place and name. It is called once; the works are the same ever after.
	list() []*extraWork
	// decide completes the rows, and reads the service for it. A plan and a run
	// call it, the run at the beginning of its phase. The records are there.
	decide(ctx context.Context, g *gatherer, works []*extraWork) error
	// run carries out the rows that are to be carried out and finishes each of
	// them, by finishExtra and what calls it. What it leaves is told as not
	// reached. ctx ends when the drain time of a stop is over; nothing new is begun
	// once r.stopped().
	run(ctx context.Context, r *runner, works []*extraWork) error
}

// itemWatcher is met by extras that depend on items.
type itemWatcher interface {
	planned(*work)   // what a plan decided about an item
	finished(Result) // what became of an item in a run; called from many goroutines
}

// extraWork is one extra on its way.
type extraWork struct {
	Row    ExtraRow
	wanted string       // digest of what the manifest wants; "" where that decides nothing
	basis  string       // the same as it is written, for a saved plan; "" is wanted
	waits  bool         // what it depends on is still under way
	rec    *state.Extra // as last written; nil: none

	start    time.Time
	attempts int // in this run
	warnings []string
	newTags  []string // names of tags that it makes, in its Division
	over     bool     // it has its result
}

// newExtras are the kinds that a manifest uses.
func newExtras(in *Input) []extras {
	var all []extras
	for _, x := range []extras{newCategories(in.Manifest), newMyFiles(in), newShares(in)} {
		if len(x.list()) > 0 {
			all = append(all, x)
		}
	}
	return all
}

// narrow reports whether a selection leaves items out: extras are left alone then.
func (s *Selection) narrow() bool { return s.Only != nil || s.Division != "" || s.Limit > 0 }

// extraWords are the kinds for people, in the plural.
var extraWords = map[state.ExtraKind]string{
	state.TagCategory: "tag categories", state.MyFile: "My Files", state.Share: "shares",
}

// digestOf is a digest of values in JSON.
func digestOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "" // of what cannot be: plain values
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// extraTitle is what people know an extra by: the name in its data.
func extraTitle(e *state.Extra) string {
	var data struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return "" // of a kind without one
	}
	return data.Name
}

// loadExtras gives the works of a kind their records.
func (g *gatherer) loadExtras(ctx context.Context, x extras) ([]*extraWork, error) {
	works := x.list()
	recs, err := state.AllExtras(ctx, g.in.State, x.kind(), g.in.Manifest.ID)
	if err != nil {
		return nil, err
	}
	known := make(map[string]*state.Extra, len(recs))
	for i := range recs {
		known[recs[i].Key] = &recs[i]
	}
	for _, w := range works {
		w.Row.Kind, w.rec = x.kind(), known[w.Row.Key]
		if w.rec != nil && w.Row.ID == "" {
			w.Row.ID = w.rec.ID
		}
	}
	return works, nil
}

// decideExtras decides all of a kind.
func (g *gatherer) decideExtras(ctx context.Context, x extras) ([]*extraWork, error) {
	works, err := g.loadExtras(ctx, x)
	if err != nil {
		return nil, err
	}
	return works, x.decide(ctx, g, works)
}

// planExtras decides all extras, in the order in which a run makes them.
func (g *gatherer) planExtras(ctx context.Context, yield func(*extraWork) error) error {
	for _, x := range g.extras {
		works, err := g.decideExtras(ctx, x)
		if err != nil {
			return err
		}
		for _, w := range works {
			if err := yield(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// planned tells the extras that depend on items what is decided about one.
func (g *gatherer) planned(w *work) {
	for _, x := range g.extras {
		if x, ok := x.(itemWatcher); ok {
			x.planned(w)
		}
	}
}

// recreates reports whether --recreate names key.
func (o *Options) recreates(key string) bool { return o.Recreate != nil && o.Recreate(key) }

// once decides about what is made once for each key and cannot be looked up, by
// its record. It reports whether the rest of the decision is open: the row is to
// be made, and Action is create. made says, of one that is done, what a changed
// wish comes to.
func (w *extraWork) once(o *Options, made func(on string) string) (open bool) {
	row := &w.Row
	row.Undo = UndoNone
	named := o.recreates(row.Key) // asked in any case, so that the name counts as met
	set := func(a Action, reason, detail string) bool {
		row.Action, row.Reason, row.Detail = a, reason, detail
		return a == ActionCreate
	}
	rec := w.rec
	switch {
	case w.lacks() && o.extrasDoubt && !named:
		return set(ActionConflict, ConflictUnknown, olderWords(row.Key))
	case rec == nil:
		return set(ActionCreate, ReasonNew, "")
	}
	switch rec.Status {
	case state.ExtraSending, state.ExtraUnknown:
		if named {
			return set(ActionCreate, ReasonRecreate, "")
		}
		if rec.Error != nil && rec.Error.Message == olderWords(row.Key) {
			return set(ActionConflict, ConflictUnknown, rec.Error.Message)
		}
		return set(ActionConflict, ConflictUnknown, fmt.Sprintf("its answer was lost in run %s, and nothing tells whether it was made: look in Showpad, and if it is not there run with --recreate %s", rec.Run, row.Key))
	case state.ExtraTicket:
		return set(ActionResume, ReasonUnfinished, "")
	case state.ExtraDone:
		if rec.Wanted == w.wanted {
			row.Undo = UndoFull
			return set(ActionUnchanged, ReasonSame, "")
		}
		return set(ActionUnchanged, ReasonMadeAlready, made(rec.Updated.UTC().Format(time.DateOnly)))
	case state.ExtraFailed:
		if named || o.RetryFailed || rec.Wanted != w.wanted {
			return set(ActionCreate, ReasonRetry, "")
		}
		detail := "it failed before"
		if rec.Error != nil {
			detail = rec.Error.Message
		}
		return set(ActionBlocked, BlockedFailed, detail+" (run with --retry-failed once the cause is gone)")
	}
	return set(ActionCreate, ReasonNew, "")
}

// block refuses w: nothing of it is sent.
func (w *extraWork) block(reason, detail string) {
	row := &w.Row
	row.Action, row.Reason, row.Detail = ActionBlocked, reason, detail
	row.Writes, row.Puts, row.Diff, row.Undo = 0, 0, nil, UndoFull
}

// AddExtra accumulates the row of an extra.
func (s *Summary) AddExtra(r ExtraRow) {
	if s.Extras == nil {
		s.Extras = map[state.ExtraKind]map[Action]int{}
	}
	if s.Extras[r.Kind] == nil {
		s.Extras[r.Kind] = map[Action]int{}
	}
	s.Extras[r.Kind][r.Action]++
	if r.Kind == state.Share && r.Action == ActionCreate {
		s.exposes().AddShare(r.Assets, !r.NeverExpires, r.IsDownloadAllowed)
	}
	s.Writes += r.Writes
	s.Puts += r.Puts
	if r.Puts > 0 || r.Writes > 0 {
		s.Bytes += r.Size
	}
	for _, p := range r.Problems {
		if p.Class == manifest.Warn {
			s.Warnings++
		}
	}
}

// Decisions is how many rows, those of extras included, need a person.
func (s *Summary) Decisions() int {
	n := s.Actions[ActionConflict] + s.Actions[ActionBlocked]
	for _, of := range s.Extras {
		n += of[ActionConflict] + of[ActionBlocked]
	}
	return n
}

// ExtraRows is how many rows of extras there are.
func (s *Summary) ExtraRows() int {
	n := 0
	for _, of := range s.Extras {
		for _, k := range of {
			n += k
		}
	}
	return n
}

// extraSentence says what became of the extras: "shares: 2 of 3 done, 1 failed".
func extraSentence(by map[state.ExtraKind]map[string]int) string {
	var s strings.Builder
	for _, kind := range state.ExtraKinds() {
		of := by[kind]
		total, done := 0, of["done"]+of["unchanged"]
		for _, n := range of {
			total += n
		}
		if total == 0 {
			continue
		}
		fmt.Fprintf(&s, "; %s: %d of %d done", extraWords[kind], done, total)
		for _, status := range slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Compare(a, b) }) {
			n, words := of[status], status
			switch state.ExtraStatus(status) {
			case state.ExtraDone, "unchanged":
				continue
			case state.ExtraTicket:
				words = "still being processed by the service"
			case state.ExtraPending:
				words = "to continue"
			}
			fmt.Fprintf(&s, ", %d %s", n, words)
		}
	}
	return s.String()
}
