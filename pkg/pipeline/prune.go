package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// What a manifest wants of assets that it made and no longer lists.
const (
	PruneKeep    = "keep"
	PruneArchive = "archive"
	PruneDelete  = "delete"
)

// Pruning is what is known of the items that a manifest no longer lists, and what
// is done about their assets. Only records of the manifest's own id are looked
// at, and only those that a run confirmed.
type Pruning struct {
	Mode string `json:"mode"` // PruneKeep, PruneArchive or PruneDelete
	// Unlisted is the number of items that the manifest no longer lists and that
	// it made assets for, but for those that are archived or deleted already.
	Unlisted int `json:"unlisted"`
	// Found is how many further ones stay in any case: their assets were there
	// before, and were adopted, linked or bound.
	Found   int `json:"found,omitempty"`
	Records int `json:"records"`          // of the manifest, listed or not, with assets that are not archived or deleted by us
	Others  int `json:"others,omitempty"` // records of other manifests in the same state
	Limit   int `json:"limit"`            // how many may be pruned at once
	// Samples are the first of the unlisted external IDs, in their order.
	Samples []string `json:"samples,omitempty"`
	// Off says why nothing is pruned although nothing stands against it; "" otherwise.
	Off string `json:"off,omitempty"`
	// Guards are the reasons why nothing is pruned although it should be.
	Guards []Guard `json:"guards,omitempty"`
}

// Guard is one reason not to prune.
type Guard struct {
	Code string `json:"code"` // see reasons.go
	Text string `json:"text"` // for people, with the way on
}

// Refused reports whether assets should be pruned and are not.
func (p *Pruning) Refused() bool { return p != nil && len(p.Guards) > 0 }

// acts reports whether assets are to be pruned.
func (p *Pruning) acts() bool {
	return p.Mode != PruneKeep && p.Off == "" && len(p.Guards) == 0 && p.Unlisted > 0
}

// someSamples is how many external IDs a Pruning names.
const someSamples = 5

// PruneLimit is how many assets may be pruned at once. The zero value is the
// default: 5 % of the manifest's records, and at least 10.
type PruneLimit struct {
	Given   bool
	Assets  int     // used when Percent is negative
	Percent float64 // of the records; above 0 at least 10 assets. Negative: Assets counts
}

// The default of PruneLimit, and the least that a share of the records means.
const (
	prunePercent = 5
	pruneLeast   = 10
)

// ParsePruneLimit reads "40" or "7.5%"; "" is the default.
func ParsePruneLimit(text string) (PruneLimit, error) {
	if text == "" {
		return PruneLimit{}, nil
	}
	share, isShare := strings.CutSuffix(text, "%")
	if isShare {
		p, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err != nil || !(p >= 0 && p <= 100) {
			return PruneLimit{}, fmt.Errorf("%q: use a share such as 5%%, from 0%% to 100%%", text)
		}
		return PruneLimit{Given: true, Percent: p}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return PruneLimit{}, fmt.Errorf("%q: use a number of assets such as 40, or a share of all such as 5%%", text)
	}
	return PruneLimit{Given: true, Assets: n, Percent: -1}, nil
}

// String is what [ParsePruneLimit] reads.
func (l PruneLimit) String() string {
	switch {
	case !l.Given:
		return ""
	case l.Percent < 0:
		return strconv.Itoa(l.Assets)
	}
	return strconv.FormatFloat(l.Percent, 'f', -1, 64) + "%"
}

// of is the limit for so many records.
func (l PruneLimit) of(records int) int {
	switch percent := l.Percent; {
	case !l.Given:
		return max(pruneLeast, records*prunePercent/100)
	case percent < 0:
		return l.Assets
	case percent == 0:
		return 0
	default:
		return max(pruneLeast, int(math.Floor(float64(records)*percent/100)))
	}
}

// pruneClass is what a record that the manifest does not list is to pruning.
type pruneClass int

const (
	pruneOther   pruneClass = iota // another manifest's
	pruneNothing                   // unconfirmed, or dealt with already
	pruneFound                     // of an asset that the manifest did not make
	pruneMade                      // a candidate
)

// classOf tells what may be pruned in a mode.
func classOf(rec *state.Record, owner, mode string) pruneClass {
	switch {
	case rec.Owner != owner:
		return pruneOther
	case rec.Unconfirmed, rec.Status == state.Pending:
		return pruneNothing
	case rec.Status == state.Done && rec.Op == state.Delete:
		return pruneNothing
	case rec.Status == state.Done && rec.Op == state.Archive && (mode != PruneDelete || rec.AssetID == ""):
		return pruneNothing
	case rec.CreateRun != "", rec.Op == state.Create && rec.AssetID == "":
		return pruneMade
	}
	return pruneFound
}

// pruning counts what the manifest no longer lists. It reads the whole state.
func (g *gatherer) pruning(ctx context.Context) (*Pruning, error) {
	m := g.in.Manifest
	p := &Pruning{Mode: cmp.Or(m.Prune, PruneKeep)}
	err := eachPage(ctx, g.in.State, func(recs []state.Record) error {
		for i := range recs {
			rec := &recs[i]
			class := classOf(rec, m.ID, p.Mode)
			listed := class != pruneOther && g.listed.has(rec.ExternalID)
			switch class {
			case pruneOther:
				p.Others++
			case pruneMade, pruneFound:
				p.Records++
			}
			switch {
			case listed:
			case class == pruneFound:
				p.Found++
			case class == pruneMade:
				if p.Unlisted++; len(p.Samples) < someSamples {
					p.Samples = append(p.Samples, rec.ExternalID)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.Limit = g.in.Options.MaxPrune.of(p.Records)
	return p, nil
}

// pass is how a pass over the items went: what may stand against pruning.
type pass struct {
	blocked    int // items that are blocked
	others     int // items that belong to another manifest
	failed     int // items that failed, or of which nobody knows
	selection  bool
	unplanned  bool           // a saved plan is carried out that prunes nothing
	listsAfter map[string]int // items by list now
	lists      map[string]int // items by list when the manifest was last read as a whole
}

// guard fills in why nothing is pruned, if so. It is pure.
func (p *Pruning) guard(s *pass, o *Options) {
	if p.Mode == PruneKeep || p.Unlisted == 0 {
		return
	}
	switch {
	case s.selection:
		p.Off = "pruning is off with --only, --division and --limit"
		return
	case s.unplanned:
		p.Off = "the saved plan has no rows for them"
		return
	}
	add := func(code, format string, args ...any) {
		p.Guards = append(p.Guards, Guard{code, fmt.Sprintf(format, args...)})
	}
	if s.blocked > 0 {
		add(GuardProblems, "%s blocked: what the manifest lists cannot be told for sure (mend them, or take them out)", count(s.blocked, "item is", "items are"))
	}
	if s.others > 0 {
		add(GuardOthers, "%s to another manifest in this state: the id of this one changed, or both list the same (see the conflicts)", count(s.others, "item belongs", "items belong"))
	}
	if s.failed > 0 {
		add(GuardProblems, "%s not done in this run (see failures.csv, and run again)", count(s.failed, "item was", "items were"))
	}
	if o.OlderState {
		add(GuardOlderState, "the state is an older copy, or was begun anew: it may not know what was done since (put the newer copy back, or run again)")
	}
	if p.Unlisted > p.Limit {
		add(GuardLimit, "%s no longer listed, of %d: that is more than --max-prune allows, which is %d (look whether a table or a folder is cut; if it is meant, --max-prune %d)",
			count(p.Unlisted, "item is", "items are"), p.Records, p.Limit, p.Unlisted)
	}
	for _, list := range slices.Sorted(maps.Keys(s.lists)) {
		was, is := s.lists[list], s.listsAfter[list]
		if limit := o.MaxPrune.of(was); is > 0 && was-is > limit && p.Unlisted > limit && list != "" {
			add(GuardShrunk, "%s had %s when the manifest was last read as a whole, and has %d: more went than --max-prune allows of it, which is %d (look whether it is cut; if it is meant, --max-prune %d)",
				list, count(was, "item", "items"), is, limit, was-is)
		}
	}
	if p.Mode == PruneDelete && !o.AllowDelete {
		add(GuardDelete, "prune: delete removes assets for good, and needs --allow-delete on the command line")
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// lists are the numbers of items by list when each manifest of a state was last
// read as a whole, by the manifest's id. See [state.MetaLists].
type lists map[string]map[string]int

func readLists(ctx context.Context, st state.Reader) (lists, error) {
	text, err := st.Meta(ctx, state.MetaLists)
	if err != nil || text == "" {
		return lists{}, err
	}
	all := lists{}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return lists{}, nil // a convenience: the limit over all records stays
	}
	return all, nil
}

// noteLists keeps how many items each list has now. Numbers do not go down as
// long as nothing is pruned: what went meanwhile is still to be looked at.
func (r *runner) noteLists(ctx context.Context, p *Pruning) error {
	all, err := readLists(ctx, r.in.State)
	if err != nil {
		return err
	}
	was, now := all[r.in.Manifest.ID], maps.Clone(r.g.listed.lists)
	if p.Unlisted > 0 && !p.acts() {
		for list, n := range was {
			now[list] = max(n, now[list])
		}
	}
	if maps.Equal(was, now) {
		return nil
	}
	all[r.in.Manifest.ID] = now
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return r.in.Store.SetMeta(ctx, state.MetaLists, string(text))
}
